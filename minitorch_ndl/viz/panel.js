/* The details of what was clicked, in words, numbers and small pictures. */
const esc = text => String(text).replace(/[&<>"']/g, c => `&#${c.charCodeAt(0)};`);
const num = v => typeof v !== "number" ? v : v === 0 ? "0" : Math.abs(v) >= 1e5 || Math.abs(v) < 1e-3 ? v.toExponential(1) : String(+v.toPrecision(3));
const shape = s => s && s.length ? `(${s.join(", ")})` : "scalar";
const bytes = n => n < 1000 ? `${n} B` : n < 1e6 ? `${num(n / 1e3)} kB` : n < 1e9 ? `${num(n / 1e6)} MB` : `${num(n / 1e9)} GB`;
const link = (id, text) => `<button class="go" data-go="${id}">${esc(text)}</button>`;
const titleOf = id => { const n = N[N[id].k === "again" ? N[id].of : id]; return n.k === "leaf" ? n.name : n.path ? `${n.t} in ${n.path}` : n.t; };
const users = [];
E.forEach(([from], e) => { const id = N[from].k === "again" ? N[from].of : from; (users[id] = users[id] || []).push(e); });

function numbers(v) {
  if (!v.values || !v.values.length) return "";
  const across = v.shape.length ? v.shape[v.shape.length - 1] : 1;
  if (across > 8) return `<p><code>${v.values.map(num).join(" ")}</code></p>`;
  let rows = "";
  for (let i = 0; i < v.values.length; i += across) rows += `<tr>${v.values.slice(i, i + across).map(x => `<td>${num(x)}</td>`).join("")}</tr>`;
  return `<table class="numbers" style="width:auto">${rows}</table>`;
}

function distribution(v, kind) {
  if (!v) return "";
  let text = `<p><code>${shape(v.shape)}</code> ${v.dtype}` + (v.norm !== undefined ? `, norm <b>${num(v.norm)}</b>` : "") +
    (v.mean !== undefined && v.counts ? `, mean ${num(v.mean)}` : "") + (v.zeros ? `, ${num(100 * v.zeros)}% zeros` : "") + "</p>";
  if (v.bad) text += `<p class="mark"><b>${num(100 * v.bad)}% are NaN or infinite.</b></p>`;
  if (v.counts) {
    const most = Math.max(...v.counts), wide = 100 / v.counts.length, zero = 100 * (0 - v.low) / (v.high - v.low);
    text += `<svg class="histogram ${kind}" viewBox="0 0 100 40" preserveAspectRatio="none" role="img" aria-label="Histogram from ${num(v.low)} to ${num(v.high)}">` +
      v.counts.map((c, i) => c ? `<rect x="${(i * wide + .3).toFixed(2)}" width="${(wide - .6).toFixed(2)}" y="${(40 - 40 * c / most).toFixed(2)}" height="${(40 * c / most).toFixed(2)}"/>` : "").join("") +
      (zero > 0 && zero < 100 ? `<line class="zero" x1="${zero}" x2="${zero}" y1="0" y2="40" vector-effect="non-scaling-stroke"/>` : "") +
      `</svg><div class="ends"><span>${num(v.low)}</span><span>${num(v.high)}</span></div>`;
  }
  return text + numbers(v);
}

function details(id) {
  const n = N[id];
  $("text").innerHTML = n === undefined ? welcome() : n.k === "group" ? groupText(n, id) : n.k === "leaf" ? leafText(n, id) :
    n.k === "earlier" ? `<h2>${esc(n.t)}</h2><p>The graph is too large to draw whole: these operations came first, and are drawn as one box.
    In a loop over steps, cut the graph with <code>.detach()</code>; to draw more, call <code>viz.graph(loss, limit=${DATA.total})</code>.</p>` : opText(n, id);
  $("panel").scrollTop = 0;
}
$("panel").onclick = event => {
  const button = event.target.closest("button");
  if (button && button.dataset.go) go(+button.dataset.go);
  if (button && button.dataset.act) act(+button.dataset.act);
};

function opText(n, id) {
  const parts = [`<h2>${esc(n.t)}</h2><p class="where">${n.path ? "in " + link(n.p, n.path) + " · " : ""}${esc(n.node)}</p>`];
  parts.push(`<p>${ticks(DATA.texts[n.about])}</p><p><code>${esc(n.call)}</code></p>`);
  if (n.sum) parts.push(`<div class="mark"><b>Sum of gradients.</b> What it made is used ${n.sum} times; each use sends a gradient back, and they are added up
    before this operation is taken: a small change of it changes the result by all ways at once.</div>`);
  if (n.wide) parts.push(`<div class="mark"><b>Broadcasting.</b> ${n.wide.map(([name, s]) => `<code>${esc(name)}</code> ${shape(s)} was stretched to
    ${shape(n.outs[0].shape)}; copies share one number, so its gradient is summed back to ${shape(s)}.`).join(" ")}</div>`);
  parts.push("<h3>Result</h3>");
  const outs = n.outs.length ? n.outs : [null];
  outs.forEach((o, i) => {
    if (outs.length > 1) parts.push(`<p><b>output ${i}</b></p>`);
    const v = n.val && n.val[i];
    parts.push(v ? distribution(v, "") : (o ? `<p><code>${shape(o.shape)}</code> ${o.dtype}</p>` : "") +
      `<p class="quiet">Its values are not kept: no gradient needs them. (Pass <code>tensors={"name": it}</code> to see them.)</p>`);
  });
  parts.push("<h3>Gradient that arrives</h3>");
  (n.g || []).forEach((g, i) => parts.push((n.g.length > 1 ? `<p><b>of output ${i}</b></p>` : "") + (g ? distribution(g, "grad") : "<p>none: this output is not used</p>")));
  if (n.src.length) {
    parts.push("<h3>What backward does with it</h3>");
    const texts = new Map(n.f);
    if (texts.has("is the same as")) parts.push(`<details><summary>Computed in one piece; by definition the same as</summary><pre>${esc(DATA.texts[texts.get("is the same as")])}</pre></details>`);
    if (texts.has("backward")) parts.push(`<details><summary>Its backward, written by hand</summary><pre>${esc(DATA.texts[texts.get("backward")])}</pre></details>`);
    n.src.forEach(([edge, name], k) => {
      const text = texts.get(name.replace(/\[\d+\]$/, "")), sent = n.sent && n.sent[k];
      parts.push(`<p>To <code>${esc(name)}</code>, ${link(E[edge][0], titleOf(E[edge][0]))}</p>` +
        (text !== undefined ? `<pre>${esc(DATA.texts[text])}</pre>` : "") +
        (sent ? `<p><code>${shape(sent.shape)}</code>, norm <b>${num(sent.norm)}</b></p>` + numbers(sent) : ""));
    });
    if (n.f.some(f => /\bg\b/.test(DATA.texts[f[1]]))) parts.push(`<p class="quiet"><code>g</code> is the gradient that arrives, <code>out</code> the result, <code>F</code> the operations.</p>`);
  }
  parts.push(`<h3>Kept for backward: ${bytes(n.bytes)}</h3>`);
  parts.push(n.saved.length ? `<table><tr><th>what</th><th>shape</th><th>for the gradient of</th><th>bytes</th></tr>` + n.saved.map(([name, s, dtype, b, why, owner]) =>
    `<tr><td><code>${esc(name)}</code>${owner ? `<br><small>memory of ${esc(owner)}</small>` : ""}</td><td><code>${esc(s)}</code> ${esc(dtype)}</td><td>${esc(why.join(", "))}</td><td class="n">${b ? bytes(b) : ""}</td></tr>`).join("") + "</table>" :
    "<p>Nothing: its gradients need no more than the gradient that arrives.</p>");
  if (users[id]) parts.push(`<h3>Used by</h3><ul>${users[id].slice(0, 20).map(e => `<li>${link(E[e][1], titleOf(E[e][1]))}</li>`).join("")}</ul>` + (users[id].length > 20 ? `<p>and ${users[id].length - 20} more</p>` : ""));
  return parts.join("");
}

function leafText(n, id) {
  return `<h2>${esc(n.name)}</h2><p class="where">${n.path ? "in " + link(n.p, n.path) : ""}</p>
    <p>A leaf: made by you, not by an operation. Backward ends here; the gradient is added to its <code>.grad</code>.</p>` +
    (n.uses > 1 ? `<div class="mark"><b>Sum of gradients.</b> It is used ${n.uses} times, so ${n.uses} gradients are added up.</div>` : "") +
    `<h3>Value (${bytes(n.bytes)})</h3>${distribution(n.val, "")}<h3>Gradient</h3>${n.grad ? distribution(n.grad, "grad") : "<p>None arrives.</p>"}` +
    `<h3>Used by</h3><ul>${(users[id] || []).slice(0, 20).map(e => `<li>${link(E[e][1], titleOf(E[e][1]))}</li>`).join("")}</ul>`;
}

function groupText(n, id) {
  const inner = n.c.filter(c => N[c].k === "group" || N[c].k === "op");
  return `<h2>${esc(n.path && n.cls !== "part" ? n.path : n.t)}</h2><p class="where">${esc(kindOf(n) || "part of a box that has many operations")}</p>
    <p><button data-act="${id}">${open.has(id) ? "Close" : "Open"} this box</button></p>
    <table><tr><td>operations</td><td class="n">${n.ops.toLocaleString("en")}</td></tr>
    <tr><td>leaves drawn in it</td><td class="n">${n.leaves} (${n.numbers.toLocaleString("en")} numbers)</td></tr>
    <tr><td>kept for backward</td><td class="n">${bytes(n.bytes)}</td></tr></table>
    <h3>In it, in order</h3><ol>${inner.slice(0, 40).map(c => `<li>${link(c, N[c].t)} <small class="quiet">${esc(N[c].s)}</small></li>`).join("")}</ol>`;
}

const ticks = text => esc(text).replace(/``(.+?)``|`(.+?)`/g, (_, a, b) => `<code>${a || b}</code>`);

function welcome() {
  return `<h2>How to read this</h2>
    <p><b>Forward</b> runs from top to bottom: each operation computes its result from the results above it. On the way, autograd notes what was done and
    keeps what it will need later.</p>
    <p><b>Backward</b> runs from the bottom up. It starts with 1 at the result and asks of each operation: <i>if your result has this gradient, which gradient have
    your inputs?</i> One small formula for each operation answers that; the rest is bookkeeping.</p>
    <p>Press <b>space</b> to watch, <b>→</b> and <b>←</b> to go step by step. Click a box to open or close it, an operation to see its formula and its numbers.</p>
    <h3>Signs</h3>
    <p><span class="key"></span>operation</p><p><span class="key leaf"></span>leaf: a parameter, or an input that requires grad</p>
    <p><span class="key group"></span>closed box: a module, or a stretch of operations</p>
    <p><span class="key forward"></span>computed</p><p><span class="key waiting"></span>has got gradients, waits for its turn</p>
    <p><span class="key backward"></span>backward is done</p>
    <p><b>Σ 2</b>: used twice, so its gradient is a sum of two</p><p><b>broadcast</b>: an input was stretched, so its gradient is summed back</p>
    <h3>Keys</h3>
    <table><tr><td>space</td><td>play, pause</td></tr><tr><td>→ ←</td><td>a step on, a step back</td></tr><tr><td>Home, End</td><td>start, end</td></tr>
    <tr><td>/</td><td>find</td></tr><tr><td>F, +, −</td><td>fit, zoom in, zoom out</td></tr><tr><td>Tab, Enter</td><td>to the next thing; open or show it</td></tr></table>`;
}
