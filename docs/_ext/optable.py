"""Draws the formulas of `ops.md`, which hold Python source, as mathematics; the source stays as its tooltip."""

from html import escape

from docutils import nodes
from formulas import latex
from latex2mathml.converter import convert


def draw(app, doctree):
    if app.env.docname != "ops":
        return
    for table in doctree.findall(nodes.table):
        table["classes"].append("ops-table")
    for row in doctree.findall(nodes.row):
        if not isinstance(row.parent, nodes.tbody):
            continue
        for literal in list(row.children[-1].findall(nodes.literal)):
            source = literal.astext()
            formula = latex(source)
            if formula is not None:
                text = f"<span class='formula' title='{escape(source, quote=True)}'>{convert(formula)}</span>"
                literal.replace_self(nodes.raw("", text, format="html"))


def setup(app):
    app.connect("doctree-read", draw)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
