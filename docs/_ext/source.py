"""The package's source as pages of the site, with every link to it leading to the right line.

A page links to a name as GitHub would to the file: `[walk](../minitorch_ndl/autograd/engine.py#_Pass.walk)`. The line is
looked up while the site is built; a name that is gone is a warning, and so a failed build. Functions and classes of the API
pages get a link to their source, operations to their kernel with its formulas.
"""

import functools
import inspect
import os
import sys
from html import escape
from pathlib import Path

from docutils import nodes
from pages import LINK, ROOT, line_of
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer
from sphinx import addnodes
from sphinx.util import logging

log = logging.getLogger(__name__)


def mark(app, docname, source):
    """Give links to source files a scheme of their own, so that MyST leaves them to us."""
    folder = Path(app.env.doc2path(docname)).parent

    def link(found):
        path, name = found.groups()
        if not path.endswith(".py"):
            return found[0]
        file = Path(os.path.normpath(folder / path)).relative_to(ROOT)
        return f"](src:{file.as_posix()}{'#' + name if name else ''})"

    source[0] = LINK.sub(link, source[0])


def resolve(app, doctree, docname):
    """Turn the links to source into links to lines of the source pages."""
    for node in list(doctree.findall(nodes.reference)):
        target = node.get("refuri", "")
        if not target.startswith("src:"):
            continue
        path, _, name = target.removeprefix("src:").partition("#")
        try:
            line = name.removeprefix("L-") if name.startswith("L-") else name and line_of(ROOT / path, name)
        except (LookupError, OSError) as error:
            log.warning("%s", error, location=node)
            continue
        node["refuri"] = app.builder.get_relative_uri(docname, page_name(path)) + (f"#L-{line}" if line else "")


def page_name(path):
    return "source/" + path.removesuffix(".py")


def add_links(app, doctree):
    """[source] behind each function and class of the API pages; and `ndl` for the package's long name."""
    for signature in doctree.findall(addnodes.desc_signature):
        for part in signature.findall(addnodes.desc_addname):
            text = part.astext().replace("minitorch_ndl", "ndl")
            part.children[:] = [nodes.Text(text)]
        place = origin(signature.get("module"), signature.get("fullname"))
        if place is not None:
            link = nodes.reference("", "source", refuri=f"src:{place[0]}#L-{place[1]}", internal=True, classes=["to-source"])
            signature += link


def origin(module, name):
    """The file and line where an object of the API is written; None for what has none."""
    try:
        value = functools.reduce(getattr, name.split("."), sys.modules[module])
    except (AttributeError, KeyError):
        return None
    value = getattr(value, "fget", value)
    value = getattr(value, "composite", None) or getattr(getattr(value, "op", None), "kernel", None) or value
    try:
        value = inspect.unwrap(value)
        value = getattr(value, "func", value)
        if hasattr(value, "__code__"):
            file, line = value.__code__.co_filename, value.__code__.co_firstlineno
        else:
            file, line = inspect.getsourcefile(value), None
        path = Path(file).relative_to(ROOT)
        return path.as_posix(), line or line_of(ROOT / path, value.__qualname__)
    except (TypeError, OSError, ValueError, LookupError, AttributeError):
        return None


PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{path} - minitorch_ndl</title>
<link rel="stylesheet" href="{root}_static/pygments.css">
<link rel="stylesheet" href="{root}_static/source.css">
</head>
<body>
<script>document.body.dataset.theme = localStorage.getItem("theme") || "auto"</script>
<header><a href="{root}index.html">minitorch_ndl</a> <h1>{path}</h1></header>
<main>{code}</main>
</body>
</html>
"""


def write_pages(app, error):
    """A page for each source file of the package. Plain ones: they need neither the theme's menus nor to be searched."""
    if error is not None or app.builder.format != "html":
        return
    formatter = HtmlFormatter(linenos="inline", linespans="L", wrapcode=True)
    for file in sorted((ROOT / "minitorch_ndl").rglob("*.py")):
        path = file.relative_to(ROOT).as_posix()
        page = Path(app.outdir, page_name(path) + ".html")
        page.parent.mkdir(parents=True, exist_ok=True)
        code = highlight(file.read_text(encoding="utf-8"), PythonLexer(stripnl=False), formatter)
        page.write_text(PAGE.format(path=escape(path), root="../" * page_name(path).count("/"), code=code), encoding="utf-8")


def setup(app):
    app.connect("source-read", mark)
    app.connect("doctree-read", add_links)
    app.connect("doctree-resolved", resolve)
    app.connect("build-finished", write_pages)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
