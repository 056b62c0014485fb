"""Show what a page's Python prints and draws: every "```python" block is run while the site is built, in order."""

import contextlib
import html
import io
import os
import re
import tempfile
import traceback
import warnings
from pathlib import Path

from docutils import nodes
from pages import BLOCK, Page
from sphinx.util.docutils import SphinxDirective

import minitorch_ndl as ndl

# Matplotlib draws for light paper. This stands for the page's own text colour in its pictures, whatever that is.
INK = "#0b0b0d"
STYLE = {
    "axes.edgecolor": INK, "axes.labelcolor": INK, "axes.titlecolor": INK, "text.color": INK, "xtick.color": INK,
    "ytick.color": INK, "axes.spines.top": False, "axes.spines.right": False, "figure.figsize": (7, 3.2),
    "figure.constrained_layout.use": True, "savefig.transparent": True, "svg.fonttype": "none", "legend.frameon": False,
    "font.family": "sans-serif", "font.sans-serif": ["DejaVu Sans"], "font.size": 11, "axes.titlesize": 11,
    "lines.linewidth": 2, "legend.facecolor": "none",
    "axes.prop_cycle": "cycler('color', ['#3b82f6', '#e8710a', '#2e9e5b', '#dc3f4d', '#9061f9'])",
}


def mark(app, docname, source):
    """Turn the page's Python blocks into directives, line by line, so that line numbers stay."""
    if Path(app.env.doc2path(docname)).suffix != ".md":
        return

    def cell(block):
        title = (block["title"] or "").strip()
        if title == "not-run":
            return block[0]
        kind = "picture" if block["kind"] else "code"
        return f"```{{cell}} {kind} {title}".rstrip() + f"\n\n{block['code']}```"

    source[0] = BLOCK.sub(cell, source[0])


class Cell(SphinxDirective):
    has_content = True
    required_arguments, optional_arguments, final_argument_whitespace = 1, 1, True

    def run(self):
        kind, title = self.arguments[0], " ".join(self.arguments[1:])
        code = "\n".join(self.content)
        pages = self.env.temp_data
        if "page" not in pages:
            pages["page"] = Page(Path(self.env.doc2path(self.env.docname)))
            ndl.manual_seed(0)
        try:
            printed, value = execute(pages["page"], code, self.content_offset)
        except Exception as error:
            where = f"this block of the page fails: {''.join(traceback.format_exception_only(error))}"
            return [self.state.document.reporter.warning(where, line=self.lineno)]
        block = nodes.literal_block(code, code, language="pycon" if ">>>" in code else "python")
        self.set_source_info(block)
        shown = self.show(value, title)
        if printed:
            shown.insert(0, nodes.literal_block(printed, printed, language="text", classes=["output"]))
        if kind == "picture":
            fold = "<details class='drawn-by'><summary>How it is drawn</summary>"
            return [*shown, raw(fold), block, raw("</details>")]
        return [block, *shown]

    def show(self, value, title):
        """What a notebook would show for a value: a picture, or its text."""
        if value is None:
            return []
        number = self.env.new_serialno("picture")
        if hasattr(value, "savefig"):
            picture = f"<div class='drawing' tabindex='0'>{plot(value, title, f'p{number}-')}</div>"
        elif hasattr(value, "html"):
            picture = self.graph(value, f"{self.env.docname.replace('/', '-')}-{number}.html", title)
        else:
            return [nodes.literal_block(repr(value), repr(value), language="text", classes=["output"])]
        caption = f"<figcaption>{html.escape(title)}</figcaption>" if title else ""
        return [raw(f"<figure class='picture'>{picture}{caption}</figure>")]

    def graph(self, value, name, title):
        """A page of `viz.graph`, as a page of the site's own, in a frame."""
        folder = Path(self.env.app.outdir, "_graphs")
        folder.mkdir(parents=True, exist_ok=True)
        value.save(folder / name)
        address = "../" * self.env.docname.count("/") + f"_graphs/{name}"
        return (f"<iframe src='{address}' title='{html.escape(title, quote=True)}' loading='lazy'></iframe>"
                f"<a class='alone' href='{address}'>Open it on a page of its own</a>")


def execute(page, code, line):
    """Run a block in a folder of its own; return what it printed and what its last line gives."""
    printed, before = io.StringIO(), os.getcwd()
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(printed), warnings.catch_warnings():
        warnings.simplefilter("error")
        os.chdir(folder)
        try:
            with style():
                value = page.run(code, line)
            return printed.getvalue(), value
        finally:
            os.chdir(before)


def style():
    import matplotlib

    return matplotlib.rc_context(STYLE)


def plot(figure, title, prefix):
    """A Matplotlib figure as SVG that takes the page's colours."""
    import matplotlib.pyplot as plt

    file = io.StringIO()
    with style():
        figure.savefig(file, format="svg", metadata={"Date": None})
    plt.close(figure)
    svg = file.getvalue()
    svg = svg[svg.index("<svg"):].replace(INK, "currentColor")
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{prefix}", svg)  # several pictures share a page
    return svg.replace("<svg ", f'<svg role="img" aria-label="{html.escape(title or "plot")}" ', 1)


def raw(text):
    return nodes.raw("", text, format="html")


def setup(app):
    app.connect("source-read", mark)
    app.add_directive("cell", Cell)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
