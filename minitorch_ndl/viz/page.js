/* The picture: boxes that open and close, lines, pan, zoom, search. D3 draws; `place` says where things stand. */
const N = DATA.nodes, ROOT = 0, E = DATA.edges;
const GAP_X = 16, GAP_Y = 36, RIM = 14, PAD = 14, HEAD = 30, PORT = 10, SWEEPS = 6, BADGES = 18;
const open = new Set(DATA.open);
const $ = id => document.getElementById(id);
const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
let chosen = null, shown = null, rep = [];

for (const g of N) if (g.k === "group") { g.inPort = new Map(g.ins); g.outPort = new Map(g.outs); }

// --- where things stand: the same computation as in layout.py -----------------------------------------------------------

function place(id) {
  const g = N[id], inside = {}, widths = [], tall = [], outermost = id === ROOT;
  g.c.forEach((child, i) => {
    if (open.has(child)) { inside[i] = place(child); widths.push(inside[i].width); tall.push(inside[i].height); }
    else { widths.push(N[child].w); tall.push(N[child].h); }
  });
  const count = Math.max(-1, ...g.rows.map(row => Math.max(-1, ...row))) + 1;
  while (widths.length < count) { widths.push(PORT); tall.push(0); }
  const x = new Array(count).fill(0), y = new Array(count).fill(0), heights = new Array(count).fill(0);
  let top = outermost ? PAD : HEAD;
  g.rows.forEach((row, r) => {
    const height = Math.max(0, ...row.map(c => tall[c]));
    for (const c of row) { y[c] = top; heights[c] = height; }
    top += height;
    if (r < g.rows.length - 1 && row.length) top += r === 0 || (g.outs.length && r === g.rows.length - 2) ? RIM : GAP_Y;
  });
  const up = g.rows.map(row => row.map(() => [])), down = g.rows.map(row => row.map(() => []));
  for (const [r, i, j] of g.links) { down[r][i].push(g.rows[r + 1][j]); up[r + 1][j].push(g.rows[r][i]); }
  for (const row of g.rows) spread(row, row.map(() => 0), widths, x);
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const near = sweep % 2 ? down : up;
    for (let k = 0; k < g.rows.length; k++) {
      const r = sweep % 2 ? g.rows.length - 1 - k : k, row = g.rows[r];
      spread(row, row.map((c, i) => near[r][i].length ? d3.sum(near[r][i], b => x[b]) / near[r][i].length : x[c]), widths, x);
    }
  }
  const cells = g.rows.flat();
  let left = (d3.min(cells, c => x[c] - widths[c] / 2) || 0) - PAD, right = (d3.max(cells, c => x[c] + widths[c] / 2) || 0) + PAD;
  const short = Math.max(0, g.head - (right - left)) / 2;
  left -= short;
  right += short;
  return {width: right - left, height: top + (g.outs.length ? 0 : PAD), x: x.map(v => v - left), y, heights, tall, inside};
}

function spread(row, wanted, widths, x) {
  const offsets = [], blocks = [];
  let total = 0;
  row.forEach((cell, i) => { if (i) total += (widths[row[i - 1]] + widths[cell]) / 2 + GAP_X; offsets.push(total); });
  row.forEach((_, i) => {
    let mean = wanted[i] - offsets[i], many = 1;
    while (blocks.length && blocks[blocks.length - 1][0] >= mean) {
      const [other, n] = blocks.pop();
      mean = (other * n + mean * many) / (n + many); many += n;
    }
    blocks.push([mean, many]);
  });
  let i = 0;
  for (const [mean, many] of blocks) for (let k = 0; k < many; k++, i++) x[row[i]] = mean + offsets[i];
}

/* Everything in sight, with coordinates: closed things, open boxes, lines. */
function arrange() {
  const things = [], boxes = [], lines = [];
  (function put(id, at, left, top, depth) {
    const g = N[id], middle = c => left + at.x[c];
    const upper = c => top + at.y[c] + (at.heights[c] - at.tall[c]) / 2;
    if (id !== ROOT) boxes.push({id, x: left, y: top, w: at.width, h: at.height, depth});
    g.c.forEach((child, i) => {
      const inner = at.inside[i];
      if (inner) put(child, inner, middle(i) - inner.width / 2, upper(i), depth + 1);
      else things.push({id: child, x: middle(i), y: upper(i)});
    });
    const end = (cell, key, lower) => {
      if (cell >= g.c.length) // a port: at the rim of this box
        return [middle(cell), g.inPort.get(key) === cell ? top : top + at.height];
      const inner = at.inside[cell], port = inner && N[g.c[cell]][lower ? "outPort" : "inPort"].get(key);
      return [port === undefined ? middle(cell) : middle(cell) - inner.width / 2 + inner.x[port],
              upper(cell) + (lower ? at.tall[cell] : 0)];
    };
    const merged = new Map();
    g.segs.forEach(([a, b, key, way, edges], number) => {
      const points = [end(a, key, true)];
      for (const c of way) points.push([middle(c), top + at.y[c]], [middle(c), top + at.y[c] + at.heights[c]]);
      points.push(end(b, key, false));
      const path = curve(points), same = merged.get(path);
      if (same) { same.edges = same.edges.concat(edges); return; }
      const low = a >= g.c.length ? null : top + at.y[a] + at.heights[a]; // the lower end of the row it comes from; none at a port
      const line = {id: id + "." + number, path, edges, low, arrow: b < g.c.length && !at.inside[b], points,
                    leaf: edges.every(e => N[E[e][0]].k === "leaf" || N[E[e][0]].k === "again")};
      merged.set(path, line);
      lines.push(line);
    });
  })(ROOT, shown = place(ROOT), 0, 0, 0);
  return {things, boxes, lines};
}

function curve(points) {
  let path = `M${points[0].map(r1)}`;
  for (let i = 1; i < points.length; i++) {
    const [x0, y0] = points[i - 1], [x1, y1] = points[i];
    if (Math.abs(x0 - x1) < .5) path += `L${r1(x1)},${r1(y1)}`;
    else { const m = (y0 + y1) / 2; path += `C${r1(x0)},${r1(m)} ${r1(x1)},${r1(m)} ${r1(x1)},${r1(y1)}`; }
  }
  return path;
}
const r1 = v => Math.round(v * 10) / 10;

// --- drawing ----------------------------------------------------------------------------------------------------------

function draw(animate) {
  rep = [];
  for (let i = 0; i < N.length; i++) { // parents come before their children
    const p = N[i].p;
    rep[i] = p === undefined || (rep[p] === p && (p === ROOT || open.has(p))) ? i : rep[p];
  }
  const {things, boxes, lines} = arrange();
  const smooth = animate && !calm && things.length < 400, ease = s => smooth ? s.transition().duration(260) : s;

  let s = d3.select("#boxes").selectAll("g.box").data(boxes, d => d.id);
  s.exit().remove();
  let fresh = s.enter().append("g").call(focusable);
  fresh.append("rect");
  s = fresh.merge(s).attr("class", d => "box" + (d.depth % 2 ? "" : " odd")).order();
  s.attr("aria-label", d => `${N[d.id].path || N[d.id].t}, open box; Enter closes it`).attr("aria-expanded", "true");
  fresh.attr("transform", d => `translate(${d.x},${d.y})`);
  ease(s).attr("transform", d => `translate(${d.x},${d.y})`);
  s.select("rect").attr("width", d => d.w).attr("height", d => d.h);

  s = d3.select("#names").selectAll("text").data(boxes, d => d.id); // above the lines that enter the box
  s.exit().remove();
  fresh = s.enter().append("text").attr("x", 12).attr("y", 20).attr("transform", d => `translate(${d.x},${d.y})`);
  fresh.append("tspan").text(d => "▾ " + N[d.id].t);
  fresh.append("tspan").attr("class", "kind").attr("dx", 8).text(d => kindOf(N[d.id]));
  s = fresh.merge(s).attr("class", d => d.depth % 2 ? "" : "odd");
  ease(s).attr("transform", d => `translate(${d.x},${d.y})`);

  s = d3.select("#lines").selectAll("path.line").data(lines, d => d.id);
  s.exit().remove();
  s = s.enter().append("path").merge(s).attr("class", d => "line" + (d.leaf ? " leaf" : ""));
  s.style("marker-end", d => d.arrow ? null : "none").attr("d", d => d.path);
  if (smooth) s.style("opacity", 0).transition().delay(160).duration(200).style("opacity", 1);

  s = d3.select("#things").selectAll("g.thing").data(things, d => d.id);
  s.exit().remove();
  fresh = s.enter().append("g").call(focusable).each(dress);
  fresh.attr("transform", d => `translate(${d.x},${d.y})`);
  if (smooth) fresh.style("opacity", 0).transition().duration(300).style("opacity", 1);
  s = ease(fresh.merge(s).order().style("opacity", smooth ? undefined : 1));
  s.attr("transform", d => `translate(${d.x},${d.y})`);
  show();
}

const kindOf = n => n.cls === "part" || !n.cls ? "" : n.cls;
const plural = (n, word) => `${n.toLocaleString("en")} ${word}${n === 1 ? "" : "s"}`;

function focusable(s) {
  s.attr("tabindex", 0).attr("role", "button").on("click", d => act(d.id));
  s.on("focus", function (d) { if (this.matches(":focus-visible")) seek(d.id); }); // Tab may lead out of sight
  s.on("keydown", d => {
    if (d3.event.key === "Enter") { d3.event.preventDefault(); d3.event.stopPropagation(); act(d.id, true); }
  });
}

/* The inside of a closed thing, drawn once. */
function dress(d) {
  const n = N[d.id], marks = n.marks || [], half = (n.h - (marks.length ? BADGES : 0)) / 2, g = d3.select(this).attr("class", "thing " + n.k);
  if (n.k === "group") {
    g.attr("aria-expanded", "false");
    for (const shift of [6, 3]) g.append("rect").attr("class", "deck").attr("x", -n.w / 2 + shift).attr("y", shift).attr("width", n.w).attr("height", n.h);
  }
  g.append("rect").attr("class", "body").attr("x", -n.w / 2).attr("width", n.w).attr("height", n.h);
  g.append("text").attr("class", "above").attr("y", half - (n.s ? 4 : -4)).text((n.k === "group" ? "▸ " : "") + n.t);
  if (n.s) g.append("text").attr("class", "below").attr("y", half + (half > 20 ? 13 : 10)).text(n.s);
  const parts = n.sum || (n.k === "leaf" && n.uses);
  let x = -d3.sum(marks, m => m.length * 6.2 + 16) / 2 + 2;
  for (const mark of marks) x = badge(g, x, n.h - 20, mark, mark === "broadcast" ?
    `An input was broadcast, so its gradient is summed: ${n.wide.map(w => w[0]).join(", ")}` : `Used ${parts} times: its gradient is the sum of ${parts}`);
  const about = {op: "operation", leaf: "leaf", again: "leaf, used again", group: "closed box", earlier: "box"}[n.k];
  g.attr("aria-label", `${n.t}, ${about}, ${n.s}${n.path ? ", in " + n.path : ""}${parts > 1 ? `, sum of ${parts} gradients` : ""}` +
    `; Enter ${n.k === "group" ? "opens it" : "shows details"}`);
}

function badge(g, x, y, text, title) {
  const width = text.length * 6.2 + 12, b = g.append("g").attr("class", "badge").attr("transform", `translate(${x},${y})`);
  b.append("rect").attr("width", width).attr("height", 16);
  b.append("text").attr("x", width / 2).attr("y", 12).text(text);
  b.append("title").text(title);
  return x + width + 4;
}

/* A click: a box opens or closes, anything else is chosen. */
function act(id, keyboard) {
  if (N[id].k === "group") {
    const before = anchor(id);
    open.has(id) ? open.delete(id) : open.add(id);
    choose(id);
    draw(true);
    if (before) keep(id, before);
    if (keyboard) focusOn(id);
  } else { choose(N[id].k === "again" ? N[id].of : id); seek(id); }
}

function choose(id) { chosen = id; details(id); sheet(N[id].k !== "group"); show(); }

/* On a narrow window, details come as a sheet over the picture. */
function sheet(up) { document.body.classList.toggle("reading", up); }
$("shut").onclick = () => sheet(false);
$("help").onclick = () => { details(undefined); sheet(true); };

function focusOn(id) {
  d3.selectAll("g.thing, g.box").filter(d => d.id === id).each(function () { this.focus({preventScroll: true}); });
}

/* Open what `id` lies in. */
function reveal(id) {
  let changed = false;
  for (let p = N[id].p; p !== undefined && p !== ROOT; p = N[p].p) if (!open.has(p)) { open.add(p); changed = true; }
  if (changed) draw(false);
}

// --- pan and zoom ------------------------------------------------------------------------------------------------------

const canvas = d3.select("#canvas"), world = d3.select("#world");
const zoom = d3.zoom().scaleExtent([.02, 4]).on("zoom", () => world.attr("transform", d3.event.transform));
canvas.call(zoom).on("dblclick.zoom", null);
/* How much of the picture can be seen. */
function room() {
  const {width, height, bottom} = canvas.node().getBoundingClientRect(), at = $("panel").getBoundingClientRect();
  return {width, height: at.height && at.left < width ? height - (bottom - at.top) : height};
}
$("canvas").parentNode.onscroll = event => event.target.scrollTo(0, 0); // the browser's way to show what has the focus
const view = () => d3.zoomTransform(canvas.node());
function move(t, quick) { (quick || calm ? canvas : canvas.transition().duration(280)).call(zoom.transform, t); }

/* Everything; of what is tall, all of its width, from the top. */
function fit(quick, least) {
  const {width, height} = room();
  const across = width / (shown.width + 20), whole = Math.min(across, height / (shown.height + 20), 1.25);
  const k = whole >= .6 ? whole : Math.max(Math.min(across, 1), least || .02);
  move(d3.zoomIdentity.translate((width - k * shown.width) / 2, whole < k ? 6 : (height - k * shown.height) / 2).scale(k), quick);
}

/* Where something in sight stands, in the coordinates of the picture: its upper edge's middle. */
function spot(id) {
  let found = null;
  d3.selectAll("g.thing, g.box").each(d => { if (d.id === id) found = d.w ? {x: d.x + d.w / 2, y: d.y, h: d.h} : {x: d.x, y: d.y, h: N[id].h}; });
  return found;
}
function anchor(id) { const at = spot(id); return at && view().apply([at.x, at.y]); }
/* Move the picture so that `id` stands where it stood. */
function keep(id, [x, y]) {
  const at = spot(id), t = view();
  if (at) move(d3.zoomIdentity.translate(x - at.x * t.k, y - at.y * t.k).scale(t.k), true);
}
/* Bring `id` into sight, if it is not. */
function seek(id, always) {
  const at = spot(id), {width, height} = room(), t = view();
  if (!at) return;
  const [x, y] = t.apply([at.x, at.y]);
  if (!always && t.k > .35 && x > 60 && x < width - 60 && y > 30 && y < height - 60) return;
  const k = Math.max(t.k, .8);
  move(d3.zoomIdentity.translate(width / 2 - at.x * k, height / 2 - (at.y + Math.min(at.h, 60) / 2) * k).scale(k));
}

$("fit").onclick = () => fit();
$("in").onclick = () => canvas.call(zoom.scaleBy, 1.3);
$("out").onclick = () => canvas.call(zoom.scaleBy, 1 / 1.3);
$("close").onclick = () => { open.clear(); draw(true); fit(); };
const MOST = 1500;
$("open").onclick = () => {
  let count = N[ROOT].c.length;
  const queue = [ROOT];
  let left = 0;
  for (const g of queue) for (const c of N[g].c) if (N[c].k === "group") {
    if (open.has(c) || count + N[c].c.length <= MOST) { open.add(c); count += N[c].c.length; queue.push(c); } else left++;
  }
  draw(true);
  fit();
  tell(left ? `Opened as many boxes as stay readable; ${plural(left, "box").replace("boxs", "boxes")} stayed closed: click one to open it.` : "");
};
let telling;
function tell(text) { clearTimeout(telling); $("hint").hidden = !text; $("hint").textContent = text; if (text) telling = setTimeout(() => tell(""), 8000); }

// --- search ------------------------------------------------------------------------------------------------------------

const search = $("search"), list = $("found");
let hits = [], at = 0;
const where = n => n.k === "group" ? kindOf(n) || n.s : [n.k === "leaf" ? n.s : N[n.p] && n.path, n.k === "op" ? n.s : ""].filter(Boolean).join(" ");
const nameOf = n => n.k === "leaf" ? n.name : n.k === "group" ? n.path && n.cls !== "part" ? n.path : n.t : n.t;

search.oninput = () => {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  hits = [];
  if (words.length) for (let i = 1; i < N.length; i++) {
    const n = N[i];
    if (n.k === "again") continue;
    const text = `${nameOf(n)} ${n.path || ""} ${n.cls || ""} ${n.node || ""}`.toLowerCase();
    if (words.every(w => text.includes(w))) hits.push(i);
    if (hits.length === 60) break;
  }
  at = 0;
  list.innerHTML = hits.map((i, k) => `<li role="option" id="hit${k}" data-k="${k}"><span>${esc(nameOf(N[i]))}</span><small>${esc(where(N[i]))}</small></li>`).join("") ||
    (words.length ? "<li>Nothing has this name.</li>" : "");
  list.hidden = !words.length;
  search.setAttribute("aria-expanded", String(!list.hidden));
  mark();
};
function mark() {
  list.querySelectorAll("[role=option]").forEach((li, k) => li.setAttribute("aria-selected", String(k === at)));
  search.setAttribute("aria-activedescendant", hits.length ? "hit" + at : "");
  if (hits.length) $("hit" + at).scrollIntoView({block: "nearest"});
}
search.onkeydown = event => {
  if (event.key === "Escape") { search.value = ""; search.oninput(); search.blur(); }
  else if (event.key === "Enter" && hits.length) go(hits[at]);
  else if ((event.key === "ArrowDown" || event.key === "ArrowUp") && hits.length) {
    at = (at + (event.key === "ArrowDown" ? 1 : hits.length - 1)) % hits.length;
    mark();
    event.preventDefault();
  }
};
list.onclick = event => { const li = event.target.closest("[data-k]"); if (li) go(hits[li.dataset.k]); };
search.onblur = () => setTimeout(() => { list.hidden = true; search.setAttribute("aria-expanded", "false"); }, 150);

/* Show something, wherever it is. */
function go(id) {
  list.hidden = true;
  search.setAttribute("aria-expanded", "false");
  if (N[id].k === "again") id = N[id].of;
  reveal(id);
  choose(id);
  seek(id, true);
  focusOn(id);
}
