/* The player. Moments: 0 nothing yet; 1..n forward; n+1 the gradient 1 at the result; then backward; the last: all done. */
const F = DATA.forward, B = DATA.backward, n = F.length, START = n + 1, END = n + B.length + 2;
let now = 0, timer = null;
const opAt = t => t >= 1 && t <= n ? F[t - 1] : t > START && t < END ? B[t - START - 1] : null;
const heldAt = t => DATA.held[t <= n ? t : Math.min(t - 1, DATA.held.length - 1)];
const forwardTime = new Map(F.map((id, i) => [id, i + 1])), backwardTime = new Map(B.map((id, i) => [id, START + 1 + i]));
const phase = t => t === 0 ? "start" : t <= n ? "forward" : t === START ? "turn" : t < END ? "backward" : "done";
const together = (a, b) => !$("each").checked && phase(a) === phase(b) && opAt(a) !== null && opAt(b) !== null &&
  rep[opAt(a)] === rep[opAt(b)] && N[rep[opAt(a)]].k === "group";

/* Moments that are one stop: the operations of a closed box count as one. */
function first(t) { while (t > 0 && together(t - 1, t)) t--; return t; }
function last(t) { while (t < END && together(t, t + 1)) t++; return t; }
function stepOn() { set(now >= END ? 0 : last(now + 1)); }
function stepBack() { set(now <= 0 ? 0 : Math.max(0, first(now) - 1)); }

function set(t) {
  now = t;
  $("time").value = t;
  const id = opAt(t);
  if (id !== null) { chosen = rep[id]; details($("each").checked || N[rep[id]].k !== "group" ? id : rep[id]); }
  else if (t === START) { chosen = DATA.roots[0][0]; }
  show();
  const target = id !== null ? id : t === START ? DATA.roots[0][0] : null;
  if (target !== null) seek(rep[target]);
}

function play(on) {
  clearTimeout(timer);
  timer = null;
  $("play").textContent = on ? "▮▮ Pause" : "▶ Play";
  $("play").setAttribute("aria-label", on ? "Pause" : "Play");
  $("story").setAttribute("aria-live", on ? "off" : "polite"); // a reader aloud could not keep up
  if (!on) return;
  if (now >= END) set(0);
  (function tick() {
    stepOn();
    if (now >= END) play(false);
    else timer = setTimeout(tick, $("speed").value * (phase(now) === "forward" ? 700 : 1300));
  })();
}

$("play").onclick = () => play(timer === null);
$("next").onclick = () => { play(false); stepOn(); };
$("back").onclick = () => { play(false); stepBack(); };
$("first").onclick = () => { play(false); set(0); };
$("last").onclick = () => { play(false); set(END); };
$("each").onchange = () => set(now);
Object.assign($("time"), {max: END, oninput: event => { play(false); set(+event.target.value); }});
document.addEventListener("keydown", event => {
  const tag = event.target.tagName, typing = tag === "SELECT" || (tag === "INPUT" && event.target.type !== "checkbox");
  if (typing || event.ctrlKey || event.metaKey || event.altKey || (event.key === " " && (tag === "BUTTON" || tag === "INPUT" || tag === "SUMMARY"))) return;
  const act = {" ": () => play(timer === null), ArrowRight: $("next").onclick, ArrowLeft: $("back").onclick, Home: $("first").onclick,
    End: $("last").onclick, "/": () => search.focus(), "?": $("help").onclick, Escape: $("shut").onclick, f: () => fit(), "+": $("in").onclick, "=": $("in").onclick, "-": $("out").onclick}[event.key];
  if (act) { event.preventDefault(); act(); }
});

/* Colour everything by what has happened until now. */
function show() {
  const total = new Map(), forward = new Map(), backward = new Map(), waiting = new Set();
  const add = (map, id) => map.set(id, (map.get(id) || 0) + 1);
  for (const id of F) {
    const r = rep[id];
    add(total, r);
    if (forwardTime.get(id) <= now) add(forward, r);
    if (backwardTime.get(id) <= now) add(backward, r);
  }
  const reached = new Map(); // leaves: how many gradients have arrived
  E.forEach(([from, to]) => {
    if (backwardTime.get(to) <= now) { const id = N[from].k === "again" ? N[from].of : from; N[id].k === "leaf" ? add(reached, id) : waiting.add(rep[from]); }
  });
  if (now >= START) for (const [id] of DATA.roots) waiting.add(rep[id]);
  const busy = new Set(), from = first(now), id = opAt(now);
  if (id !== null) for (let t = from; t <= now; t++) busy.add(opAt(t));
  const at = id === null ? null : rep[id];
  const state = i => {
    const k = N[i].k === "again" ? N[i].of : i, leaf = N[k].k === "leaf";
    if (leaf) return reached.get(k) >= N[k].uses ? "backward" : reached.get(k) ? "waiting" : "";
    if (backward.get(i) === total.get(i)) return "backward";
    if (now >= START) return waiting.has(i) ? "waiting" : "forward";
    return forward.get(i) ? "forward" : "";
  };
  const same = i => i === chosen || N[i].of === chosen;
  d3.selectAll("g.thing").each(function (d) {
    const s = state(d.id);
    this.setAttribute("class", `thing ${N[d.id].k} ${s} ${d.id === at || (now === START && d.id === rep[DATA.roots[0][0]]) ? "now" : ""} ${same(d.id) ? "chosen" : ""}`);
  });
  d3.selectAll("g.box").classed("chosen", d => d.id === chosen);
  const ahead = phase(now) === "forward", marks = [];
  d3.selectAll("path.line").each(function (d) {
    let flows = false, flowed = false, touched = false;
    for (const e of d.edges) {
      const [a, b] = E[e], inside = busy.has(b) && !(busy.has(a) && rep[a] === rep[b]);
      if (inside) { flows = true; if (!ahead) marks.push([e, d]); }
      if (backwardTime.get(b) <= now) flowed = true;
      if (same(a) || same(b)) touched = true;
    }
    this.setAttribute("class", `line${d.leaf ? " leaf" : ""}${flows ? (ahead ? " flows-forward" : " flows-backward") : flowed ? " flowed" : ""}${touched && now === 0 ? " chosen" : ""}`);
  });
  notes(marks);
  story();
  memory();
}

/* What flows on each edge, written where it arrives: below the receiver's row. */
function notes(marks) {
  const best = new Map();
  for (const [e, d] of marks) {
    const [a, b] = [d.points[0], d.points[d.points.length - 1]], long = Math.abs(a[1] - b[1]) + Math.abs(a[0] - b[0]) / 4;
    // From the rim of a box, the line first passes the box's name.
    const rank = d.low === null ? 0 : long, y = d.low === null ? b[1] - 10 : d.low + Math.min(17, Math.max(0, b[1] - d.low) / 2);
    if (!best.has(e) || best.get(e).rank < rank) best.set(e, {rank, x: d.low === null ? b[0] : a[0], y, line: d.id});
  }
  const lines = new Map();
  for (const [e, at] of best) {
    const [, to, slot] = E[e], sent = N[to].sent && N[to].sent[slot];
    if (!sent) continue;
    if (lines.has(at.line)) { lines.get(at.line).more++; continue; }
    const few = sent.values && sent.values.length <= 4 ? sent.values.map(num).join("  ") : `${shape(sent.shape)}  ‖g‖ ${num(sent.norm)}`;
    lines.set(at.line, {...at, text: few, more: 0});
  }
  const data = [...lines.values()].sort((a, b) => a.y - b.y || a.x - b.x).slice(0, 24);
  data.forEach(d => { if (d.more) d.text += `  +${d.more}`; d.w = d.text.length * 6.1 + 14; });
  for (let i = 0, j; i < data.length; i = j) { // side by side, not one on another
    for (j = i + 1; j < data.length && data[j].y - data[i].y < 20;) j++;
    const row = data.slice(i, j).sort((a, b) => a.x - b.x), x = [];
    spread(row.map((_, k) => k), row.map(d => d.x), row.map(d => d.w - GAP_X + 4), x);
    row.forEach((d, k) => { d.x = x[k]; });
  }
  const s = d3.select("#notes").selectAll("g.note").data(data);
  s.exit().remove();
  const fresh = s.enter().append("g").attr("class", "note");
  fresh.append("rect").attr("height", 18).attr("y", -9);
  fresh.append("text").attr("y", 4);
  const all = fresh.merge(s).attr("transform", d => `translate(${d.x},${d.y})`);
  all.select("rect").attr("x", d => -d.w / 2).attr("width", d => d.w);
  all.select("text").text(d => d.text);
}

const nice = id => `<b>${esc(N[id].t)}</b>${N[id].path ? ` <span class="quiet">(${esc(N[id].path)})</span>` : ""}`;
const andMore = (list, most) => list.slice(0, most).join("; ") + (list.length > most ? `; and ${list.length - most} more` : "");

const flowing = v => v.shape.length ? `<code>${shape(v.shape)}</code> of norm ${num(v.norm)}` : `<b>${num(v.values[0])}</b>`;

/* What happens now, in words. */
function story() {
  const t = now, id = opAt(t), p = phase(t), from = first(t), held = bytes(heldAt(t));
  let text;
  if (p === "start") text = `<b>Press play</b> (or space). First <b class="f">forward</b>: each operation computes its result and keeps what backward will need. Then <b class="b">backward</b>: the gradient comes back the same way.`;
  else if (p === "turn") text = `<b class="b">Backward begins.</b> ${DATA.scalar ? "The gradient of the result with respect to itself is 1" : "The result is not a single number, so each of its elements starts with gradient 1"}. From here on, the engine always takes the youngest operation that is left: everything that used its result has given its share by then.`;
  else if (p === "done") text = `<b class="b">Done.</b> Every leaf has the sum of what arrived, and it is added to its <code>.grad</code>; the optimizer takes it from there. What the graph had kept is let go: it holds ${held}.`;
  else if (from < t) {
    const group = N[rep[id]], change = heldAt(t) - heldAt(from - 1);
    text = `<b class="${p === "forward" ? "f" : "b"}">${p === "forward" ? "Forward" : "Backward"} ${from - (p === "forward" ? 0 : START)}–${t - (p === "forward" ? 0 : START)} of ${p === "forward" ? n : B.length}.</b>
      All ${t - from + 1} operations of <b>${esc(group.path && group.cls !== "part" ? group.path : group.t)}</b> ${kindOf(group) ? `(${esc(kindOf(group))})` : ""} ${p === "forward" ? "compute; they keep" : "send their gradients on; they let go of"} ${bytes(Math.abs(change))}. Open the box to see them one by one.`;
  } else if (N[id].k === "earlier") text = `<b>${esc(N[id].t)}</b>, which are not drawn one by one.`;
  else if (p === "forward") {
    const o = N[id], kept = o.saved.filter(s => s[3]).map(s => `<code>${esc(s[0])}</code>${s[4].length ? ` (for the gradient of ${esc(s[4].join(", "))})` : ""}`);
    text = `<b class="f">Forward ${t} of ${n}.</b> ${nice(id)} makes ${o.outs.filter(Boolean).map(x => `<code>${shape(x.shape)}</code>`).join(", ")}. ` +
      (o.wide ? `${o.wide.map(w => `<code>${esc(w[0])}</code> ${shape(w[1])}`).join(", ")} is broadcast. ` : "") +
      (kept.length ? `It keeps ${andMore(kept, 4)}` : "It has nothing to keep") + `. The graph holds ${held}.`;
  } else {
    const o = N[id], g = (o.g || []).find(Boolean), sent = (o.src || []).map(([e, name], k) => o.sent && o.sent[k] && `to <code>${esc(name)}</code> ${flowing(o.sent[k])}`).filter(Boolean);
    const gone = heldAt(t - 1) - heldAt(t), kept = o.bytes - gone;
    text = `<b class="b">Backward ${t - START} of ${B.length}.</b> To ${nice(id)} comes ${o.sum ? `a <b>sum of ${o.sum} gradients</b>` : "the gradient"} ${g ? flowing(g) : ""}. ` +
      `It sends ${andMore(sent, 4) || "nothing on"}. ` + (o.wide ? `What was broadcast is <b>summed</b> back to ${o.wide.map(w => shape(w[1])).join(", ")}. ` : "") +
      (o.bytes && o.released ? (gone ? `It lets go of ${bytes(gone)}` + (kept > 0 ? ` (${bytes(kept)} more are still needed by others)` : "") : `What it kept, others still need`) + `; the` : "The") + ` graph holds ${held}.`;
  }
  $("story").innerHTML = text;
}

// --- memory ------------------------------------------------------------------------------------------------------------

const times = d3.range(0, END + 1, Math.max(1, Math.floor(END / 400))).concat(END), peak = d3.max(DATA.held) || 1;
d3.select("#memory").attr("viewBox", "0 0 1000 100");
const across = t => 1000 * t / END;
const area = d3.area().x(across).y0(100).y1(t => 98 - 92 * heldAt(t) / peak).curve(d3.curveStepAfter);
d3.select("#memory").append("path").attr("class", "area").attr("d", area(times));
d3.select("#memory").append("line").attr("class", "turn").attr("y1", 0).attr("y2", 100).attr("x1", across(START)).attr("x2", across(START));
const cursor = d3.select("#memory").append("line").attr("class", "cursor").attr("y1", -4).attr("y2", 104);
$("memory").setAttribute("aria-label", `Memory that the graph holds over time: it grows to ${bytes(peak)} in forward and falls in backward`);
function memory() {
  cursor.attr("x1", across(now)).attr("x2", across(now));
  $("held").innerHTML = `Graph holds <b>${bytes(heldAt(now))}</b><br>peak ${bytes(d3.max(DATA.held))}`;
  $("time").setAttribute("aria-valuetext", `${phase(now)}, moment ${now} of ${END}`);
}

details(undefined);
draw(false);
fit(true, .62);
