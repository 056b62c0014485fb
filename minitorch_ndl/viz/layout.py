"""Where things stand in the picture: rows from top to bottom, every box laid out by itself.

igraph orders the rows so that few lines cross; where exactly things stand depends on which boxes are open, so `place`
computes it: here for pictures, and the same in page.js for the page, whose reader opens and closes boxes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from .. import errors
from .grouping import Group
from .tape import Item, Tape

GAP_X, GAP_Y, RIM, PAD, HEAD, PORT, SWEEPS = 16, 36, 14, 14, 30, 10, 6


@dataclass(eq=False)
class Again:
    """A leaf that is used in another box than its own: it is drawn there again, so that no line runs through all boxes."""

    item: Item


@dataclass
class Segment:
    """The part of an edge that lies in one box: from cell `start` to cell `end`, through the cells of `way`."""

    start: int
    end: int
    key: int  # edges with one key come from one output
    way: list[int]
    edges: list[int] = field(default_factory=list)


@dataclass
class Plan:
    """The inside of a box. A cell is a child (its number), a port at the upper or lower rim, or a bend of a line."""

    children: list[Any]
    rows: list[list[int]] = field(default_factory=list)
    links: list[tuple[int, int, int]] = field(default_factory=list)  # row, place in it, place in the next row
    segments: list[Segment] = field(default_factory=list)
    ins: dict[int, int] = field(default_factory=dict)  # by key: the port
    outs: dict[int, int] = field(default_factory=dict)
    head: float = 0  # the width of the box's name


@dataclass
class Edge:
    """A recorded edge: an input of `target` (its source number `slot`) that came from `start`."""

    start: Any
    target: Item
    slot: int


class Layout:
    """The plan of every box, and the edges."""

    def __init__(self, root: Group, tape: Tape):
        try:
            import igraph
        except ImportError:
            raise errors.not_installed("viz.graph", "igraph", "viz") from None
        self.root, self.groups, self.edges = root, [], []  # type: ignore[var-annotated]
        self.parent: dict[Any, Group] = {}
        stack = [root]
        while stack:
            one = stack.pop()
            self.groups.append(one)
            for child in one.children:
                self.parent[child] = one
            stack.extend(c for c in reversed(one.children) if isinstance(c, Group))
        self.plans = {g: Plan(list(g.children)) for g in self.groups}
        self.depth = {root: 0}
        for one in self.groups[1:]:
            self.depth[one] = self.depth[self.parent[one]] + 1
        self._connect(tape)
        for plan in self.plans.values():
            _arrange(plan, igraph)

    def _connect(self, tape: Tape) -> None:
        again: dict[tuple[Item, Group], Again] = {}
        keys: dict[Any, int] = {}
        found: dict[Group, dict[tuple[int, int, int], Segment]] = {g: {} for g in self.groups}
        number = {g: {child: i for i, child in enumerate(self.plans[g].children)} for g in self.groups}
        for target in tape.items:
            for slot, source in enumerate(target.sources):
                start: Any = source.item
                home = self.parent[target]
                if start.kind == "leaf" and self.parent[start] is not home:
                    if (start, home) not in again:
                        twin = again[start, home] = Again(start)
                        number[home][twin] = len(self.plans[home].children)
                        self.plans[home].children.append(twin)
                        self.parent[twin] = home
                    start = again[start, home]
                key = keys.setdefault((start, source.output), len(keys))
                self.edges.append(Edge(start, target, slot))
                for where, a, b in self._steps(start, target, key, number):
                    segment = found[where].setdefault((a, b, key), Segment(a, b, key, []))
                    segment.edges.append(len(self.edges) - 1)
        self.keys = keys
        for one, segments in found.items():
            self.plans[one].segments = list(segments.values())
            self._number_ports(self.plans[one])

    def _steps(self, start: Any, target: Any, key: int, number: dict) -> Any:
        """The boxes that an edge runs through, with the cells that it runs between; ports are ("in" or "out", key)."""
        a, b = start, target
        down = []
        while self.parent[a] is not self.parent[b]:
            if self.depth[self.parent[a]] >= self.depth[self.parent[b]]:
                box = self.parent[a]
                yield box, number[box][a], ("out", key)
                a = box
            else:
                box = self.parent[b]
                down.append((box, ("in", key), number[box][b]))
                b = box
        box = self.parent[a]
        yield box, number[box][a], number[box][b]
        yield from reversed(down)

    @staticmethod
    def _number_ports(plan: Plan) -> None:
        count = len(plan.children)
        for segment in plan.segments:
            for end in ("start", "end"):
                port: Any = getattr(segment, end)
                if isinstance(port, tuple):
                    table = plan.ins if port[0] == "in" else plan.outs
                    if port[1] not in table:
                        table[port[1]] = count
                        count += 1
                    setattr(segment, end, table[port[1]])


def _arrange(plan: Plan, igraph: Any) -> None:
    """Divide the cells among rows, put bends where a line passes a row, and order the rows."""
    count = len(plan.children) + len(plan.ins) + len(plan.outs)
    ins, outs = set(plan.ins.values()), set(plan.outs.values())
    pairs = list(dict.fromkeys((s.start, s.end) for s in plan.segments))
    after: dict[int, list[int]] = {}
    before: dict[int, list[int]] = {}
    for a, b in pairs:
        after.setdefault(a, []).append(b)
        before.setdefault(b, []).append(a)
    level = [0] * count
    for cell in _oldest_first(range(count), after, before):
        level[cell] = max([level[a] + 1 for a in before.get(cell, ())], default=0 if cell in ins else 1)
    for cell in range(len(plan.children)):  # what nothing leads to stands right above what it leads to
        if cell not in before and cell in after:
            inner = [level[b] for b in after[cell] if b not in outs]
            level[cell] = max(1, min(inner) - 1) if inner else level[cell]
    bottom = max((level[c] for c in range(count) if c not in outs), default=0) + 1
    for cell in outs:
        level[cell] = bottom
    ways: dict[tuple[int, int], list[int]] = {}
    unit: list[tuple[int, int]] = []
    for a, b in pairs:
        way = list(range(count, count + level[b] - level[a] - 1))
        count += len(way)
        level.extend(range(level[a] + 1, level[b]))
        ways[a, b] = way
        unit.extend(zip([a, *way], [*way, b], strict=True))
    for segment in plan.segments:
        segment.way = ways[segment.start, segment.end]
    position = list(range(count))
    if unit and len(set(level)) < count:
        graph = igraph.Graph(n=count, edges=unit, directed=True)
        position = [x for x, _ in graph.layout_sugiyama(layers=level, maxiter=60)][:count]
    rows: list[list[int]] = [[] for _ in range(max(level, default=0) + 1)]
    for cell in sorted(range(count), key=lambda c: (position[c], c)):
        rows[level[cell]].append(cell)
    place = {cell: i for row in rows for i, cell in enumerate(row)}
    plan.rows = rows
    plan.links = [(level[a], place[a], place[b]) for a, b in unit]


def _oldest_first(cells: Any, after: dict, before: dict) -> list[int]:
    """Topological order: children are numbered by time, but ports and the leaves that are drawn again come last."""
    waiting = {c: len(before.get(c, ())) for c in cells}
    ready = [c for c in cells if not waiting[c]]
    for cell in ready:
        for b in after.get(cell, ()):
            waiting[b] -= 1
            if not waiting[b]:
                ready.append(b)
    return ready


# --- coordinates; page.js has the same ---------------------------------------------------------------------------------


@dataclass
class Placed:
    """A box with everything in it: x is the middle of a cell, y its upper end, both from the box's corner."""

    width: float
    height: float
    x: list[float]
    y: list[float]
    heights: list[float]  # of the row that each cell stands in
    tall: list[float]  # of the cell itself
    inside: dict[int, Placed]  # by child: the open boxes


def place(plan: Plan, size: Callable[[Any], tuple[float, float]], opened: Callable[[Any], Plan | None],
          outermost: bool = True) -> Placed:
    """Place the cells of a box, and of the open boxes in it. `size`: of a closed child; `opened`: the plan of an open one."""
    sizes: list[tuple[float, float]] = []
    inside: dict[int, Placed] = {}
    for i, child in enumerate(plan.children):
        inner = opened(child)
        if inner is not None:
            inside[i] = place(inner, size, opened, False)
            sizes.append((inside[i].width, inside[i].height))
        else:
            sizes.append(size(child))
    count = max((c for row in plan.rows for c in row), default=-1) + 1
    widths = [w for w, _ in sizes] + [PORT] * (count - len(sizes))
    tall = [h for _, h in sizes] + [0.0] * (count - len(sizes))
    x, y, heights = [0.0] * count, [0.0] * count, [0.0] * count
    top: float = PAD if outermost else HEAD
    for r, row in enumerate(plan.rows):
        height = max((tall[c] for c in row), default=0)
        for c in row:
            y[c], heights[c] = top, height
        top += height
        if r < len(plan.rows) - 1 and row:
            top += RIM if r == 0 or (plan.outs and r == len(plan.rows) - 2) else GAP_Y
    up: list[list[list[int]]] = [[[] for _ in row] for row in plan.rows]
    down: list[list[list[int]]] = [[[] for _ in row] for row in plan.rows]
    for r, i, j in plan.links:
        down[r][i].append(plan.rows[r + 1][j])
        up[r + 1][j].append(plan.rows[r][i])
    for row in plan.rows:
        _spread(row, [0.0] * len(row), widths, x)
    for sweep in range(SWEEPS):
        near = up if sweep % 2 == 0 else down
        for r in range(len(plan.rows)) if sweep % 2 == 0 else range(len(plan.rows) - 1, -1, -1):
            row = plan.rows[r]
            _spread(row, [sum(x[b] for b in near[r][i]) / len(near[r][i]) if near[r][i] else x[c]
                          for i, c in enumerate(row)], widths, x)
    left = min((x[c] - widths[c] / 2 for row in plan.rows for c in row), default=0) - PAD
    right = max((x[c] + widths[c] / 2 for row in plan.rows for c in row), default=0) + PAD
    short = max(0.0, plan.head - (right - left)) / 2  # the box's name needs room as well
    left, right = left - short, right + short
    return Placed(right - left, top + (0 if plan.outs else PAD), [v - left for v in x], y, heights, tall, inside)


def _spread(row: Sequence[int], wanted: Sequence[float], widths: Sequence[float], x: list[float]) -> None:
    """Put the cells of a row as near to where they want to be as their widths allow (least squares, order kept)."""
    offsets, total = [], 0.0
    for i, cell in enumerate(row):
        if i:
            total += (widths[row[i - 1]] + widths[cell]) / 2 + GAP_X
        offsets.append(total)
    blocks: list[tuple[float, int]] = []  # (mean, how many): cells that touch
    for want, offset in zip(wanted, offsets, strict=True):
        mean, many = want - offset, 1
        while blocks and blocks[-1][0] >= mean:
            other, n = blocks.pop()
            mean, many = (other * n + mean * many) / (n + many), n + many
        blocks.append((mean, many))
    i = 0
    for mean, many in blocks:
        for _ in range(many):
            x[row[i]] = mean + offsets[i]
            i += 1
