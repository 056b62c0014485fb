"""The picture on paper: SVG, PNG through matplotlib, and text for Graphviz."""

from __future__ import annotations

import html
import io
from collections.abc import Iterator
from typing import NamedTuple

from .. import errors
from .contents import shape_text
from .grouping import Group
from .layout import Again, Placed, place
from .scene import BADGES, Scene
from .tape import Tape

# Fill and rim of each kind of thing.
COLORS = {"op": ("#ffffff", "#6d7a94"), "leaf": ("#e6f4ec", "#2f7d57"), "group": ("#dfe5f1", "#8290ab"),
          "earlier": ("#dfe5f1", "#8290ab")}
BOX, RIM, TEXT, MUTED, LINE, LEAF_LINE, BADGE = "#eef1f7", "#8290ab", "#1b2130", "#545c6c", "#8a94a8", "#7fb59a", "#4a3a8c"
Point = tuple[float, float]


class Shape(NamedTuple):
    """A rectangle with its text: an open box ("box"), or a closed thing; x and y are its upper left corner."""

    kind: str
    x: float
    y: float
    width: float
    height: float
    title: str
    below: str
    marks: tuple[str, ...] = ()


def shapes(scene: Scene) -> tuple[float, float, list[Shape], list[tuple[list[Point], bool]]]:
    """Width, height, the shapes from back to front, and the lines: their points, and whether a leaf is at their start."""
    layout, opened = scene.layout, scene.opened()
    plans = {group: plan for group, plan in layout.plans.items() if group in opened}
    placed = place(plans[layout.root], scene.size, plans.get)
    found: list[Shape] = []
    lines: dict[tuple, bool] = {}

    def put(group: Group, at: Placed, left: float, top: float) -> None:
        plan = plans[group]
        if group is not layout.root:
            found.append(Shape("box", left, top, at.width, at.height, scene.label[group][0], scene._kind(group)))
        corners: dict[int, Point] = {}
        for i, child in enumerate(plan.children):
            y = top + at.y[i] + (at.heights[i] - at.tall[i]) / 2
            corners[i] = (left + at.x[i], y)
            if i in at.inside:
                put(child, at.inside[i], left + at.x[i] - at.inside[i].width / 2, y)
            else:
                width, height = scene.size(child)
                kind = "leaf" if isinstance(child, Again) else "group" if isinstance(child, Group) else child.kind
                found.append(Shape(kind, left + at.x[i] - width / 2, y, width, height, *scene.label[child],
                                   scene.marks[child]))

        def end(cell: int, key: int, lower: bool) -> Point:
            if cell not in corners:  # a port at the rim
                return left + at.x[cell], top if plan.ins.get(key) == cell else top + at.height
            x, y = corners[cell]
            inner = at.inside.get(cell)
            if inner is not None:
                other = plans[plan.children[cell]]
                port = (other.outs if lower else other.ins).get(key)
                x = x if port is None else x - inner.width / 2 + inner.x[port]
            return x, y + (at.tall[cell] if lower else 0)

        for s in plan.segments:
            points = [end(s.start, s.key, True)]
            for c in s.way:
                points += [(left + at.x[c], top + at.y[c]), (left + at.x[c], top + at.y[c] + at.heights[c])]
            points.append(end(s.end, s.key, False))
            start = layout.edges[s.edges[0]].start
            lines[tuple(points)] = isinstance(start, Again) or start.kind == "leaf"

    put(layout.root, placed, 0, 0)
    return placed.width, placed.height, found, [(list(points), leaf) for points, leaf in lines.items()]


def _pieces(points: list[Point]) -> Iterator[tuple[Point, Point, Point] | Point]:
    """After the first point: straight pieces, as their end, and curves, as two control points and their end."""
    for (x0, y0), (x1, y1) in zip(points, points[1:], strict=False):
        middle = (y0 + y1) / 2
        yield (x1, y1) if abs(x0 - x1) < 0.5 else ((x0, middle), (x1, middle), (x1, y1))


# --- SVG -----------------------------------------------------------------------------------------------------------------


def svg(scene: Scene) -> str:
    """The picture, as the page opens. It follows the reader's choice of light or dark."""
    width, height, things, lines = shapes(scene)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" '
           f'height="{height:.0f}" role="img" aria-label="Computational graph" '
           'font-family="system-ui, DejaVu Sans, sans-serif">',
           f"<style>{_STYLE}</style>", '<rect class="page" width="100%" height="100%"/>']
    boxes = [s for s in things if s.kind == "box"]
    out += [f'<g class="box">{_rect(s, 9)}</g>' for s in boxes]
    out.append('<g class="lines">')
    for points, leaf in lines:
        path = "M" + _xy(points[0]) + "".join(
            "L" + _xy(p) if isinstance(p[0], float) else "C" + " ".join(map(_xy, p))
            for p in _pieces(points))
        out.append(f'<path d="{path}"{" class=" + chr(34) + "leaf" + chr(34) if leaf else ""}/>')
    out.append("</g>")  # a box's name stands above the lines that enter the box
    out += [f'<text class="title name" x="{s.x + 12:.1f}" y="{s.y + 20:.1f}">{html.escape(s.title)} '
            f'<tspan class="below" font-weight="400">{html.escape(s.below)}</tspan></text>' for s in boxes]
    out += [_svg_shape(s) for s in things if s.kind != "box"]
    return "\n".join([*out, "</svg>", ""])


def _style() -> str:
    light = "".join(f".{kind} rect {{ fill: {fill}; stroke: {rim} }}" for kind, (fill, rim) in COLORS.items())
    return (f".page {{ fill: #f6f7f9 }} {light} .box rect {{ fill: {BOX}; stroke: {RIM} }} "
            f"text {{ fill: {TEXT}; font-size: 13px }} "
            f".below {{ fill: {MUTED}; font-size: 11px }} .title {{ font-weight: 600 }} "
            f".lines path {{ fill: none; stroke: {LINE}; stroke-width: 1.5 }} .lines .leaf {{ stroke: {LEAF_LINE} }} "
            f".mark {{ fill: {BADGE}; font-size: 10.5px; font-weight: 600 }} "
            f".name {{ paint-order: stroke; stroke: {BOX}; stroke-width: 4px; stroke-linejoin: round }} "
            "@media (prefers-color-scheme: dark) { .page { fill: #12151b } .op rect { fill: #232936; stroke: #8b98b3 } "
            ".leaf rect { fill: #19312a; stroke: #5fb98e } .group rect, .earlier rect { fill: #2a3244; stroke: #6b7892 } "
            ".box rect { fill: #1d2330; stroke: #6b7892 } text { fill: #e9ecf2 } .below { fill: #abb3c2 } "
            ".mark { fill: #c9bdfb } .name { stroke: #1d2330 } }")


_STYLE = _style()


def _xy(point: Point) -> str:
    return f"{point[0]:.1f},{point[1]:.1f}"


def _svg_shape(s: Shape) -> str:
    middle, half = s.x + s.width / 2, s.y + (s.height - BADGES * bool(s.marks)) / 2
    mark = f'<text class="mark" text-anchor="middle" x="{middle:.1f}" y="{s.y + s.height - 8:.1f}">{" · ".join(s.marks)}</text>'
    return (f'<g class="{s.kind}">{_rect(s, 16 if s.kind == "leaf" else 9)}'
            f'<text class="title" text-anchor="middle" x="{middle:.1f}" y="{half - 3:.1f}">{html.escape(s.title)}</text>'
            f'<text class="below" text-anchor="middle" x="{middle:.1f}" y="{half + 12:.1f}">{html.escape(s.below)}</text>'
            f'{mark if s.marks else ""}</g>')


def _rect(s: Shape, radius: int) -> str:
    return f'<rect x="{s.x:.1f}" y="{s.y:.1f}" width="{s.width:.1f}" height="{s.height:.1f}" rx="{radius}"/>'


# --- PNG ------------------------------------------------------------------------------------------------------------------


def png(scene: Scene, scale: float = 2.0) -> bytes:
    """The same picture as pixels: `scale` of them for each unit, fewer where it would grow too large."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
        from matplotlib.patches import FancyBboxPatch, PathPatch
        from matplotlib.path import Path
    except ImportError:
        raise errors.not_installed("a picture of pixels", "matplotlib", "viz") from None
    width, height, things, lines = shapes(scene)
    scale = min(scale, 16_000 / max(width, height))
    figure = Figure(figsize=(width / 100, height / 100), dpi=100 * scale, facecolor="#f6f7f9")
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    axes.axis("off")
    point = 0.72  # of a unit: text is measured in points, 72 to the 100 units of an inch
    for s in sorted(things, key=lambda s: s.kind != "box"):
        fill, rim = (BOX, RIM) if s.kind == "box" else COLORS[s.kind]
        radius = 14 if s.kind == "leaf" else 8
        axes.add_patch(FancyBboxPatch((s.x, s.y), s.width, s.height, boxstyle=f"round,pad=0,rounding_size={radius}",
                                      facecolor=fill, edgecolor=rim, linewidth=0.9, zorder=1 if s.kind == "box" else 3))
        if s.kind == "box":
            axes.text(s.x + 12, s.y + 16, s.title, size=13 * point, color=TEXT, weight="bold", va="center", zorder=4)
            axes.text(s.x + 22 + 9.6 * len(s.title), s.y + 16, s.below, size=11 * point, color=MUTED, va="center", zorder=4)
        else:
            middle, half = s.x + s.width / 2, s.y + (s.height - BADGES * bool(s.marks)) / 2
            axes.text(middle, half - 7, s.title, size=13 * point, color=TEXT, weight="bold", ha="center", va="center", zorder=4)
            axes.text(middle, half + 8, s.below, size=11 * point, color=MUTED, ha="center", va="center", zorder=4)
            axes.text(middle, s.y + s.height - 12, " · ".join(s.marks), size=10.5 * point, color=BADGE, weight="bold",
                      ha="center", va="center", zorder=4)
    for points, leaf in lines:
        corners, codes = [points[0]], [Path.MOVETO]
        for p in _pieces(points):
            if isinstance(p[0], float):
                corners.append(p)
                codes.append(Path.LINETO)
            else:
                corners += p
                codes += [Path.CURVE4] * 3
        axes.add_patch(PathPatch(Path(corners, codes), facecolor="none", edgecolor=LEAF_LINE if leaf else LINE, linewidth=1.1,
                                 zorder=2))
    stream = io.BytesIO()
    figure.savefig(stream, format="png", metadata={"Software": None})
    return stream.getvalue()


# --- Graphviz --------------------------------------------------------------------------------------------------------------


def dot(root: Group, tape: Tape) -> str:
    """Every operation and leaf; modules as clusters."""
    number = {item: i for i, item in enumerate(tape.items)}
    out = ["digraph {", '  node [shape=box, style="rounded,filled", fillcolor=white, fontname="sans-serif"];']
    clusters = 0

    def write(group: Group, indent: str) -> None:
        nonlocal clusters
        for child in group.children:
            if isinstance(child, Group):
                out.append(f"{indent}subgraph cluster_{clusters} {{")
                clusters += 1
                label = child.label + (f" ({child.kind})" if child.kind not in ("", "part") else "")
                out.append(f"{indent}  label={_quoted(label)}; style=rounded;")
                write(child, indent + "  ")
                out.append(indent + "}")
            elif child.kind == "leaf":
                label = _quoted(child.name + "\n" + shape_text(tape.values[child, 0]["shape"]))
                out.append(f'{indent}n{number[child]} [label={label}, fillcolor="{COLORS["leaf"][0]}"];')
            else:
                out.append(f"{indent}n{number[child]} [label={_quoted(child.name)}];")

    write(root, "  ")
    for item in tape.items:
        out += [f"  n{number[s.item]} -> n{number[item]} [tooltip={_quoted(s.name)}];" for s in item.sources]
    return "\n".join([*out, "}", ""])


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
