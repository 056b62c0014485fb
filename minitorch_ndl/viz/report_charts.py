"""The drawings of a training report, by matplotlib: each into axes that it is given."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from .figures import figure

if TYPE_CHECKING:
    from .report import Results, TrainingReport

# By role. Lines have a contrast of 4.5 at least with the page behind them, and differ in dashes and marks too.
LIGHT = {"ink": "#1b1f24", "soft": "#57606a", "line": "#d0d7de", "first": "#0b62a4", "second": "#b04a00", "third": "#116b43",
         "fourth": "#8a2f7f"}
DARK = {"ink": "#e6edf3", "soft": "#9aa7b4", "line": "#3a434d", "first": "#6cb6ff", "second": "#ffa657", "third": "#56d39b",
        "fourth": "#e3a2dd"}
# Drawings inside a page take its colours: they are drawn in these, which are then replaced by the names of the roles.
_ROLES = {role: f"#01020{i}" for i, role in enumerate(LIGHT)}
_SERIES = [("first", "-", "o"), ("second", "--", "s"), ("third", "-.", "^"), ("fourth", ":", "D")]
_BROWSER_FONTS = "system-ui, sans-serif"


@contextmanager
def style(colors: Mapping[str, str]) -> Iterator[None]:
    """Matplotlib's own settings, whatever the user's are, and these."""
    import matplotlib.style

    plain = {"axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "axes.grid.axis": "y",
             "axes.axisbelow": True, "grid.color": colors["line"], "axes.edgecolor": colors["soft"],
             "text.color": colors["ink"], "axes.labelcolor": colors["ink"], "xtick.color": colors["soft"],
             "ytick.color": colors["soft"], "xtick.labelcolor": colors["ink"], "ytick.labelcolor": colors["ink"],
             "axes.titleweight": "bold", "axes.titlelocation": "left", "axes.titlesize": 12, "font.size": 11,
             "legend.frameon": False, "svg.fonttype": "none", "svg.hashsalt": "report", "figure.facecolor": "white"}
    with matplotlib.style.context(["default", plain]):
        yield


def metrics(report: TrainingReport) -> dict[str, list[str]]:
    """By figure, such as "loss": the splits that have it. Both in the order in which they came."""
    found: dict[str, list[str]] = {}
    for epoch in report.epochs:
        for split, values in epoch["splits"].items():
            for name in values:
                if split not in found.setdefault(name, []):
                    found[name].append(split)
    return found


def curve(axes: Any, report: TrainingReport, name: str, splits: list[str], colors: Mapping[str, str]) -> None:
    """One figure over the epochs, a line for each split, which says what it is at its end."""
    every = []
    for split, (role, dashes, mark) in zip(splits, _SERIES * math.ceil(len(splits) / len(_SERIES)), strict=False):
        points = [(e["epoch"], e["splits"][split][name]) for e in report.epochs if name in e["splits"].get(split, ())]
        x, y = zip(*points, strict=True)
        every += [v for v in y if math.isfinite(v)]
        axes.plot(x, y, dashes, marker=mark, color=colors[role], label=split, markersize=5, linewidth=1.8)
    _scale(axes, every, name)
    axes.set_xlabel("epoch")
    axes.xaxis.get_major_locator().set_params(integer=True)
    if len(report.epochs) == 1:
        axes.set_xlim(report.epochs[0]["epoch"] - 1, report.epochs[0]["epoch"] + 1)
    axes.legend(handlelength=3)


def _scale(axes: Any, values: list[float], name: str) -> None:
    """Percent for what is a share; logarithmic for a loss that falls by far."""
    if "acc" in name and values and 0 <= min(values) <= max(values) <= 1:
        axes.yaxis.set_major_formatter(lambda v, _: f"{100 * v:.6g} %")
    elif values and min(values) > 0 and max(values) / min(values) > 10:
        _logarithmic(axes)


def _logarithmic(axes: Any) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter

    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(lambda v, _: f"{v:g}")
    axes.yaxis.set_minor_formatter(NullFormatter())


def smoothed(losses: list[float], most: int = 150) -> tuple[np.ndarray, ...]:
    """Losses in up to `most` groups: where each group's middle is, its mean, and where its middle four fifths end."""
    values = np.array(losses)
    values[~np.isfinite(values)] = np.nan  # a gap
    edges = np.linspace(0, len(values), min(len(values), most) + 1).round().astype(int)
    groups = [values[a:b] for a, b in zip(edges[:-1], edges[1:], strict=True)]
    middle = (edges[:-1] + edges[1:] + 1) / 2
    low, high = np.array([np.quantile(g, (0.1, 0.9)) for g in groups]).T
    return middle, np.array([g.mean() for g in groups]), low, high


def steps(axes: Any, report: TrainingReport, colors: Mapping[str, str]) -> None:
    """The loss over the steps, smoothed, with the band that four of five losses lie in; where epochs ended."""
    middle, mean, low, high = smoothed(report.losses)
    middle = middle + report.first_step
    if len(report.losses) > len(mean):
        axes.fill_between(middle, low, high, color=colors["first"], alpha=0.25, linewidth=0, label="four of five steps")
    axes.plot(middle, mean, color=colors["first"], linewidth=1.6,
              label="mean" if len(report.losses) > len(mean) else "loss of the step")
    for epoch in report.epochs:
        axes.axvline(epoch["steps"], color=colors["soft"], linewidth=0.8, dashes=(1, 3),
                     label="end of an epoch" if epoch is report.epochs[0] else None)
    if low.min() > 0 and high.max() / low.min() > 10:
        _logarithmic(axes)
    axes.set_xlabel("step")
    axes.legend(handlelength=2)


def confusion(axes: Any, found: Results, colors: Mapping[str, str]) -> None:
    """Rows: what it is; columns: what is predicted; each cell its count, the darker the larger its share of the row."""
    count = len(found.classes)
    share = np.sqrt(found.confusion / np.maximum(found.confusion.sum(1, keepdims=True), 1))  # mistakes are few: be seen
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1, aspect="equal")
    axes.grid(False)
    axes.set_xlabel("predicted")
    axes.set_ylabel("is")
    if count <= 25:
        axes.set_xticks(range(count), found.classes, rotation=0 if max(map(len, found.classes)) < 4 else 90)
        axes.set_yticks(range(count), found.classes)
        for (i, j), n in np.ndenumerate(found.confusion):
            if n:
                axes.text(j, i, f"{n}", ha="center", va="center", fontsize=8,
                          color="white" if share[i, j] > 0.6 else LIGHT["ink"])
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)


def kernels(values: np.ndarray, columns: int) -> np.ndarray:
    """Weights (N, H, W) side by side as one RGBA picture (H', W', 4): blue below zero, orange above, clear at zero."""
    count, height, width = values.shape
    rows = math.ceil(count / columns)
    picture = np.zeros((rows * (height + 1) - 1, columns * (width + 1) - 1, 4))
    largest = np.nanquantile(np.abs(values), 0.995) or 1.0
    for k, kernel in enumerate(values):
        top, left = k // columns * (height + 1), k % columns * (width + 1)
        tile = picture[top:top + height, left:left + width]
        tile[..., :3] = np.where((kernel > 0)[..., None], (0.88, 0.42, 0.0), (0.1, 0.45, 0.9))
        tile[..., 3] = np.clip(np.nan_to_num(np.abs(kernel)) / largest, 0.04, 1)
    return picture


def svg(draw: Any, width: float, height: float, *args: Any) -> str:
    """``draw(axes, *args, colors)`` as an SVG element in the colours of the page around it, its texts as text."""
    with style(_ROLES):
        fig = figure(width, height, "TrainingReport")
        draw(fig.add_subplot(), *args, _ROLES)
        file = io.StringIO()
        fig.savefig(file, format="svg", transparent=True, metadata={"Date": None})
    text = file.getvalue()
    text = text[text.index("<svg"):]
    text = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", text, flags=re.S)
    text = re.sub(r'<g id="[a-zA-Z]+_?\w*">', "<g>", text)  # the same in every drawing
    text = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", text, count=1), count=1)
    text = re.sub(r"'?DejaVu Sans'?[^;\"]*sans-serif", _BROWSER_FONTS, text)
    for role, color in _ROLES.items():
        text = text.replace(color, f"var(--{role})")
    return text


def png(picture: np.ndarray) -> bytes:
    """An array (H, W, 3 or 4), of bytes or from 0 to 1, as a PNG file."""
    import matplotlib.image

    file = io.BytesIO()
    matplotlib.image.imsave(file, picture, format="png")
    return file.getvalue()


def poster(report: TrainingReport) -> bytes:
    """Everything in one picture, as a PNG file."""
    with style(LIGHT):
        charts: list[tuple[str, Any, tuple]] = [(name, curve, (report, name, splits))
                                                for name, splits in metrics(report).items()]
        if report.losses:
            charts.append(("loss of each step", steps, (report,)))
        tested = report.tested
        if tested is not None:
            charts.append(("confusion matrix", confusion, (tested,)))
            if tested.images is not None and len(tested.wrong):
                title = f"wrong: {len(tested.wrong):,} of {len(tested.labels):,}, the surest first"
                charts.append((title, _mistakes, (tested,)))
        if report.kernels is not None:
            shown = f"{len(report.kernels)} of {report.kernel_count} units"
            charts.append((f"first layer's weights ({shown})", _weights, (report,)))
        rows = max(1, math.ceil(len(charts) / 2))
        lines = [report.data, report.note, ", ".join(f"{name} {value}" for name, value in report.facts.items())]
        below = "\n".join(wrapped for line in lines if line for wrapped in _wrapped(line, 130))
        top, left = 1 + 0.2 * below.count("\n"), 0.02
        fig = figure(12, top + 4.4 * rows, "TrainingReport")
        head, body = fig.subfigures(2, 1, height_ratios=[top, 4.4 * rows])
        head.text(left, 1 - 0.2 / top, report.title, fontsize=18, weight="bold", va="top")
        if report.warning:
            head.text(0.98, 1 - 0.2 / top, report.warning.splitlines()[0][:60], fontsize=14, weight="bold", color="white",
                      va="top", ha="right", bbox={"facecolor": "#a40e26", "edgecolor": "none", "boxstyle": "square,pad=0.4"})
        head.text(left, 1 - 0.6 / top, below, va="top", color=LIGHT["soft"])
        for i, (title, draw, args) in enumerate(charts, 1):
            axes = body.add_subplot(rows, 2, i, title=title)
            draw(axes, *args, LIGHT)
        file = io.BytesIO()
        fig.savefig(file, format="png", dpi=110)
    return file.getvalue()


def _wrapped(line: str, width: int) -> list[str]:
    import textwrap

    return textwrap.wrap(line, width)


def _mistakes(axes: Any, found: Results, colors: Mapping[str, str], columns: int = 10, most: int = 50) -> None:
    """Examples that are taken for something else, with what they are and what they are taken for."""
    assert found.images is not None
    shown = found.wrong[:most]
    axes.axis("off")
    rows, size = max(3, math.ceil(len(shown) / columns)), found.images.shape[1]
    for k, i in enumerate(shown):
        top, left = k // columns * 1.45, k % columns * 1.15
        axes.imshow(found.images[i], cmap="gray_r", vmin=0, vmax=255, extent=(left, left + 1, top + 1, top))
        axes.text(left + 0.5, top + 1.02, f"{found.classes[found.labels[i]]} → {found.classes[found.predicted[i]]}",
                  ha="center", va="top", fontsize=7.5)
    axes.set_xlim(0, columns * 1.15)
    axes.set_ylim(rows * 1.45, 0)
    axes.set_aspect(found.images.shape[1] / size)


def _weights(axes: Any, report: TrainingReport, colors: Mapping[str, str]) -> None:
    assert report.kernels is not None
    axes.imshow(kernels(report.kernels, math.ceil(math.sqrt(len(report.kernels) * 1.4))), interpolation="nearest")
    axes.axis("off")
