"""What a page of the documentation says is what happens: run its Python, find the source lines that it points at.

Used twice: `cells.py` runs pages while the site is built and shows what they print and draw; `tests/test_docs.py` runs
the same pages in the ordinary tests. Needs neither Sphinx nor anything else beyond the package.
"""

import ast
import doctest
import functools
import os
import re
from pathlib import Path

import numpy as np

import minitorch_ndl as ndl

ROOT = Path(__file__).parents[2]
# "```python" runs. "```python picture What it shows" draws one: it runs where the libraries for drawing are installed.
# "```python not-run" is only shown.
BLOCK = re.compile(r"^```python(?P<kind> picture)?(?P<title> [^\n]*)?\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!\w+:|#)([^)#\s]+)(?:#([^)\s]*))?\)")

os.environ.setdefault("MPLBACKEND", "Agg")


class Mismatch(AssertionError):
    """A page shows something else than what happens."""


class Page:
    """The names of one page: its blocks share them, as the cells of a notebook do."""

    def __init__(self, path):
        self.path, self.names = path, {"__name__": "__page__", "ndl": ndl, "np": np}

    def run(self, code, line=0):
        """Run a block that begins after `line` lines of the page. Returns what a last line that is an expression gives.
        Raises Mismatch where a doctest shows something else than what happens."""
        if ">>>" in code:
            test = doctest.DocTestParser().get_doctest(code, self.names, self.path.name, str(self.path), line)
            report = []
            runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.ELLIPSIS)
            if runner.run(test, out=report.append, clear_globs=False).failed:
                raise Mismatch("".join(report))
            self.names = test.globs
            return None
        tree = ast.parse("\n" * line + code, str(self.path))
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, str(self.path), "exec"), self.names)
        return last and eval(compile(ast.Expression(last.value), str(self.path), "eval"), self.names)


def run_page(path):
    """Run all blocks of a page; pictures only as far as what draws them is installed."""
    text, page = path.read_text(encoding="utf-8"), Page(path)
    for block in BLOCK.finditer(text):
        if block["kind"] is None and block["title"]:  # not-run
            continue
        try:
            page.run(block["code"], text.count("\n", 0, block.start("code")))
        except ImportError:
            if block["kind"] is None:
                raise


def links(path):
    """The page's links to files of the project, as (target, what stands behind #)."""
    return LINK.findall(path.read_text(encoding="utf-8"))


@functools.cache
def _lines(path):
    """By qualified name: the line of each class, function and module-level name in a source file."""
    found = {}

    def visit(body, prefix):
        for node in body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                found[prefix + node.name] = node.lineno
                visit(node.body, f"{prefix}{node.name}.")
            elif isinstance(node, (ast.Assign, ast.AnnAssign)):
                for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                    if isinstance(target, ast.Name):
                        found[prefix + target.id] = node.lineno
            elif isinstance(node, (ast.If, ast.Try)):
                visit(node.body, prefix)

    visit(ast.parse(path.read_text(encoding="utf-8")).body, "")
    return found


def line_of(path, name):
    """The line where `name` ("function", "Class.method") is defined in a source file. Raises LookupError."""
    try:
        return _lines(path)[name]
    except KeyError:
        raise LookupError(f"{path.relative_to(ROOT)} defines no {name!r}; a page links to it.") from None
