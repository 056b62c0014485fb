"""Formulas as MathML, which browsers draw by themselves: no script, no fonts, nothing to load."""

from docutils.nodes import SkipNode
from latex2mathml.converter import convert


def draw(writer, node, display):
    number = node.get("number")
    writer.body.append(convert(node.astext(), display=display))
    if number:
        writer.body.append(f"<span class='eqno'>({number})</span>")


def inline(writer, node):
    draw(writer, node, "inline")
    raise SkipNode


def block(writer, node):
    writer.body.append("<div class='math' tabindex='0'>")
    draw(writer, node, "block")
    writer.body.append("</div>")
    raise SkipNode


def setup(app):
    app.add_html_math_renderer("mathml", inline_renderers=(inline, None), block_renderers=(block, None))
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


