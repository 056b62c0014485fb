"""A training report as a web page: one file, in light and in dark, for narrow windows and for screen readers."""

from __future__ import annotations

import base64
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from . import report_charts as charts

if TYPE_CHECKING:
    from .report import Results, TrainingReport

MOST_WRONG = 60  # examples on the page
_TABLE_CLASSES = 20  # more of them do not fit into a table


def page(report: TrainingReport) -> bytes:
    """The file's content."""
    parts = [_curves(report), _steps(report)]
    if report.tested is not None:
        parts += [_confusion(report.tested), _mistakes(report.tested)]
    if report.kernels is not None:
        parts.append(_weights(report))
    text = _PAGE.format(title=escape(report.title), style=_style(), head=_head(report), body="\n".join(filter(None, parts)))
    return text.encode()


def _style() -> str:
    def variables(colors: dict[str, str]) -> str:
        return "".join(f"--{role}:{color};" for role, color in colors.items())

    return _STYLE.replace("LIGHT", variables(charts.LIGHT)).replace("DARK", variables(charts.DARK))


def _head(report: TrainingReport) -> str:
    html = f"<h1>{escape(report.title)}</h1>\n"
    if report.warning:
        first, _, rest = report.warning.partition("\n")
        html += f'<div class="warning" role="note"><strong>{escape(first)}</strong>' + \
            (f"<p>{escape(rest)}</p>" if rest.strip() else "") + "</div>\n"
    if report.data:
        html += f"<p>Data: {escape(report.data)}</p>\n"
    if report.note:
        html += f'<p class="note">{escape(report.note)}</p>\n'
    tiles = "".join(f"<div><dt>{escape(split)} {escape(name)}</dt><dd>{_number(name, value)}</dd></div>"
                    for split, values in (report.epochs[-1]["splits"] if report.epochs else {}).items()
                    for name, value in values.items())
    if tiles:
        html += f'<dl class="tiles" aria-label="What was reached">{tiles}</dl>\n'
    if report.facts:
        facts = "".join(f"<div><dt>{escape(str(name))}</dt><dd>{escape(str(value))}</dd></div>"
                        for name, value in report.facts.items())
        html += f'<dl class="facts" aria-label="Settings">{facts}</dl>\n'
    return html


def _number(name: str, value: float) -> str:
    return f"{value:.2%}" if "acc" in name and 0 <= value <= 1 else f"{value:.4g}"


def _figure(label: str, drawing: str, caption: str = "") -> str:
    drawing = drawing.replace("<svg", f'<svg role="img" aria-label="{escape(label)}"', 1)
    return f"<figure>{f'<figcaption>{escape(caption)}</figcaption>' if caption else ''}{drawing}</figure>"


def _curves(report: TrainingReport) -> str:
    if not report.epochs:
        return "<section><h2>Curves</h2><p>No epoch was finished.</p></section>" if report.losses else ""
    drawings, heads, names = [], [], charts.metrics(report)
    for name, splits in names.items():
        ends = ", ".join(f"{split} {_number(name, e[name])}" for split in splits
                         if name in (e := report.epochs[-1]["splits"].get(split, {})))
        label = f"Line chart: {name} after each of {len(report.epochs)} epochs, for {' and '.join(splits)}; at the end {ends}."
        drawings.append(_figure(label, charts.svg(charts.curve, 5.2, 3.3, report, name, splits), name))
        heads += [(split, name) for split in splits]
    rows = "".join(f'<tr><th scope="row">{e["epoch"]}</th>' + "".join(
        f"<td>{_number(name, e['splits'][split][name]) if name in e['splits'].get(split, {}) else '–'}</td>"
        for split, name in heads) + "</tr>" for e in report.epochs)
    head = "".join(f'<th scope="col">{escape(split)} {escape(name)}</th>' for split, name in heads)
    title = " and ".join(names) if len(names) < 3 else "Curves"
    return (f"<section><h2>{escape(title[:1].upper() + title[1:])}</h2><div class=\"grid\">{''.join(drawings)}</div>"
            f'<details><summary>The same in numbers</summary><div class="scroll" tabindex="0" role="region" '
            f'aria-label="Figures of each epoch"><table><caption>After each epoch</caption><thead><tr>'
            f'<th scope="col">epoch</th>{head}</tr></thead><tbody>{rows}</tbody></table></div></details></section>')


def _steps(report: TrainingReport) -> str:
    if not report.losses:
        return ""
    count, (_, mean, _, _) = len(report.losses), charts.smoothed(report.losses)
    label = f"Line chart: the loss of each of {count:,} steps, from about {mean[0]:.3g} to about {mean[-1]:.3g}."
    caption = "" if count <= len(mean) else (f"{count:,} steps; a point is the mean of about {count // len(mean)} of them, and "
                                             f"four of five lie in the band. Dotted: the end of an epoch.")
    drawings = [(kind, charts.svg(charts.steps, width, 3.3, report)) for kind, width in (("wide", 12), ("narrow", 4.6))]
    return "<section><h2>Loss of each step</h2>" + "".join(
        f'<div class="{kind}">{_figure(label, drawing, caption)}</div>' for kind, drawing in drawings) + "</section>"


def _confusion(found: Results) -> str:
    worst, right = found.worst(), int(np.trace(found.confusion))
    text = f"{right:,} of {len(found.labels):,} are right. "
    if worst is not None:
        a, b = (found.classes[i] for i in worst)
        times = found.confusion[worst]
        text += f"Most often, {a} is taken for {b}: {times:,} time{'s' * bool(times != 1)}. "
    if len(found.classes) <= _TABLE_CLASSES:
        content = _confusion_table(found)
    else:
        drawing = charts.svg(charts.confusion, 6, 6, found)
        content = _figure(f"Confusion matrix of {len(found.classes)} classes. {text}", drawing)
    return (f"<section><h2>Confusion matrix</h2><p>{escape(text)}Rows: what it is. Columns: what is predicted.</p>"
            f"{content}</section>")


def _confusion_table(found: Results) -> str:
    share = found.confusion / np.maximum(found.confusion.sum(1, keepdims=True), 1)
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in found.classes)
    rows = []
    for i, name in enumerate(found.classes):
        # A share of 1 % can be seen already: mistakes are few.
        cells = "".join(f'<td class="{"right" if i == j else "wrong"}" style="--share:{_shade(share[i, j], i == j)}">'
                        f'{n or ""}</td>' for j, n in enumerate(found.confusion[i]))
        rows.append(f'<tr><th scope="row">{escape(name)}</th>{cells}</tr>')
    return ('<div class="scroll" tabindex="0" role="region" aria-label="Confusion matrix"><table class="confusion">'
            f'<thead><tr><td></td>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>')


def _shade(share: float, right: bool) -> str:
    """How deep a cell is coloured, in percent; never so deep that its number is hard to read."""
    return "0%" if not share else f"{40 * share if right else min(45, 8 + 300 * share):.0f}%"


def _image(content: bytes, alt: str, kind: str, size: tuple[int, ...]) -> str:
    data = base64.b64encode(content).decode()
    return (f'<img class="{kind}" alt="{escape(alt)}" width="{size[1]}" height="{size[0]}" '
            f'src="data:image/png;base64,{data}">')


def _mistakes(found: Results) -> str:
    count, total = len(found.wrong), len(found.labels)
    if found.images is None or not count:
        return "" if count else f"<section><h2>What it gets wrong</h2><p>Nothing: all {total:,} are right.</p></section>"
    items = []
    for i in found.wrong[:MOST_WRONG]:
        is_, taken = found.classes[found.labels[i]], found.classes[found.predicted[i]]
        image = found.images[i]
        if image.ndim == 2:  # as ink: black that lets the page through, turned white in the dark
            image, kind = np.stack([np.zeros_like(image)] * 3 + [image], -1), "ink"
        else:
            kind = "colour"
        alt = f"Number {i}: it is {is_}, taken for {taken}"
        items.append(f"<li>{_image(charts.png(image), alt, kind, image.shape)}<span>{escape(is_)} → <b>{escape(taken)}</b>"
                     f"<small>{found.certainty[i]:.0%} sure</small></span></li>")
    text = f"{count:,} of {total:,}" + (f"; here the {MOST_WRONG} that it is surest about" if count > MOST_WRONG else "")
    return (f"<section><h2>What it gets wrong</h2><p>{text}. Below each: what it is → what it is taken for.</p>"
            f"<ul class=\"examples\">{''.join(items)}</ul></section>")


def _weights(report: TrainingReport) -> str:
    values = report.kernels
    assert values is not None
    # Twice, as with the steps: one is shown in narrow windows, the other in wide ones.
    count, pictures = len(values), []
    for kind, columns in (("wide", 16), ("narrow", 8)):
        picture = charts.kernels(values, min(count, columns))
        alt = f"The weights of {count} units as images: orange where they are above zero, blue where below."
        pictures.append(_image(charts.png(picture), alt, f"weights {kind}", picture.shape))
    shown = f"{count} of {report.kernel_count:,} units, those with the largest weights" if count < report.kernel_count \
        else f"All {count} units"
    return (f"<section><h2>The first layer's weights</h2><p>{shown}. Orange is above zero, blue below, clear is near zero: "
            f"what a unit looks for, and what speaks against it.</p>{''.join(pictures)}</section>")


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
{style}
</style>
</head>
<body>
<main>
<header>
{head}</header>
{body}
</main>
</body>
</html>
"""

_STYLE = """:root{color-scheme:light dark;--page:#fff;--box:#f6f8fa;--alarm:#a40e26;LIGHT}
@media (prefers-color-scheme:dark){:root{--page:#0f1419;--box:#1a2129;--alarm:#b62338;DARK}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
main{max-width:75rem;margin:0 auto;padding:1.5rem 1rem 3rem}
h1{margin:0 0 .5rem;font-size:1.7rem;line-height:1.2}
h2{margin:2.2rem 0 .6rem;font-size:1.25rem;border-bottom:1px solid var(--line);padding-bottom:.2rem}
p{margin:.4rem 0;max-width:48rem;overflow-wrap:anywhere}
.note{font-weight:600}
.warning{background:var(--alarm);color:#fff;padding:.7rem 1rem;margin:.8rem 0;border-radius:.3rem}
.warning strong{font-size:1.2rem}
.warning p{white-space:pre-line;max-width:none}
dl{margin:1rem 0 0;display:flex;flex-wrap:wrap;gap:.6rem}
dl div{background:var(--box);border:1px solid var(--line);border-radius:.3rem;padding:.35rem .8rem}
dt{color:var(--soft);font-size:.85rem}
dd{margin:0;font-variant-numeric:tabular-nums}
.tiles dd{font-size:1.5rem;font-weight:650;line-height:1.2}
.grid{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,26rem),1fr));gap:1rem}
figure{margin:0}
figure svg{width:100%;height:auto;display:block}
figcaption,small{color:var(--soft);font-size:.85rem}
.grid figcaption{color:var(--ink);font-size:1rem;font-weight:600}
details{margin-top:.8rem}
summary{cursor:pointer;padding:.3rem 0}
.scroll{overflow-x:auto}
:focus-visible{outline:3px solid var(--first);outline-offset:2px}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}
caption{text-align:left;color:var(--soft)}
th,td{padding:.2rem .7rem;text-align:right;border-bottom:1px solid var(--line)}
.confusion th,.confusion td{text-align:center;padding:.3rem;min-width:3.1rem;border:1px solid var(--line)}
.confusion .right{background:color-mix(in srgb,var(--first) var(--share),transparent)}
.confusion .wrong{background:color-mix(in srgb,var(--second) var(--share),transparent)}
.examples{list-style:none;margin:.8rem 0;padding:0;display:grid;gap:.8rem;
grid-template-columns:repeat(auto-fill,minmax(5.2rem,1fr))}
.examples li{text-align:center}
.examples img{width:100%;height:auto;image-rendering:pixelated;display:block;border:1px solid var(--line)}
.examples small{display:block}
.weights{width:100%;height:auto;image-rendering:pixelated}
.narrow{display:none}
@media (max-width:40rem){
body{font-size:15px}
.confusion th,.confusion td{padding:.2rem .05rem;min-width:1.9rem;font-size:.75rem}
.examples{grid-template-columns:repeat(auto-fill,minmax(4.4rem,1fr));gap:.6rem}
.wide{display:none}.narrow{display:block}}
@media (prefers-color-scheme:dark){.examples img.ink{filter:invert(1);border-color:#c5bcb2}}
@media print{details:not([open])>*{display:block}}"""
