"""The API pages: what is public is asked of the package, the words are those of the docstrings.

    .. api:: minitorch_ndl.optim          the classes and functions that a module defines and makes public
    .. operations:: torch unary binary    the operations of some families, as functions of ndl ("functional", "linalg", ...)
"""

import functools
import importlib
import inspect
import sys

from docstrings import inline, to_rst
from formulas import latex
from pages import ROOT
from sphinx.util.docutils import SphinxDirective

import minitorch_ndl as ndl
from minitorch_ndl.faces import FACES

sys.path.append(str(ROOT / "scripts"))
from make_op_table import first, source_of

HOMES = {"torch": "minitorch_ndl", "functional": "minitorch_ndl.nn.functional", "linalg": "minitorch_ndl.linalg",
         "special": "minitorch_ndl.special"}


def public(module):
    """By name: what a module of the package offers that is defined in it or below it."""
    found, seen = {}, set()
    names = getattr(module, "__all__", None) or [n for n in dir(module) if not n.startswith("_")]
    for name in names:
        value = getattr(module, name)
        home = getattr(value, "__module__", None) or ""
        if inspect.ismodule(value) or not callable(value) or not getattr(value, "__doc__", None) or id(value) in seen:
            continue
        if home == module.__name__ or home.startswith(module.__name__ + "."):
            seen.add(id(value))
            found[name] = value
    return found


def order(value):
    """Where it is written: things that are written together belong together."""
    value = inspect.unwrap(value)
    file = getattr(sys.modules.get(value.__module__), "__file__", "") or ""
    try:
        line = value.__code__.co_firstlineno if hasattr(value, "__code__") else inspect.getsourcelines(value)[1]
    except (OSError, TypeError):
        line = 0
    return file, line


class Listing(SphinxDirective):
    """Entries, after a list of their names with a line about each."""

    required_arguments, optional_arguments = 1, 100

    def entries(self, home, members, extra=""):
        lines = [".. container:: contents-list", ""]
        for name, value in members.items():
            kind = "class" if inspect.isclass(value) else "func"
            about = inline(" ".join(first(documentation(value)).split()).split(". ")[0].rstrip("."))
            lines.append(f"   - :py:{kind}:`~{home}.{name}` {about}")
        lines.append("")
        for name, value in members.items():
            if inspect.isclass(value):
                lines += [f".. autoclass:: {home}.{name}", "   :members:", ""]
            else:
                lines += [f".. autofunction:: {home}.{name}", ""]
        return lines

    def parse(self, lines):
        return self.parse_text_to_nodes("\n".join(lines), allow_section_headings=True)


class Api(Listing):
    def run(self):
        home, *chosen = self.arguments
        module = importlib.import_module(home)
        members = public(module)
        if chosen:
            members = {name: getattr(module, name) for name in chosen}
        elif len(members) > 30:  # a long list is easier to search by name
            members = dict(sorted(members.items()))
        else:
            members = dict(sorted(members.items(), key=lambda item: order(item[1])))
        return self.parse(self.entries(home, members))


class Operations(Listing):
    def run(self):
        place, *families = self.arguments
        by_family = functions(place)
        lines = []
        for family in families or by_family:
            if family in by_family:
                about = first(sys.modules[f"minitorch_ndl.ops.{family}"].__doc__)
                lines += [family, "-" * len(family), "", inline(" ".join(about.split())), ""]
                lines += self.entries(HOMES[place], by_family[family])
        return self.parse(lines)


@functools.cache
def functions(place):
    """By family, in the order of the source: the functions of a place, each under its first name."""
    found, seen = {}, set()
    for name, function in FACES[place].items():
        if not callable(function) or function in seen or name.startswith("_") or not function.__doc__ or name.endswith("_"):
            continue
        seen.add(function)
        written = kernel(function)
        family = (getattr(written, "__module__", "") or "").removeprefix("minitorch_ndl.ops.")
        found.setdefault(family, []).append((order(written), name, function))
    return {family: {name: f for _, name, f in sorted(members, key=lambda m: m[:2])} for family, members in found.items()}


def kernel(function):
    """The plain function in which somebody wrote down what an operation computes."""
    return getattr(getattr(function, "op", None), "kernel", None) or getattr(function, "composite", None) or function


def documentation(value):
    """What somebody wrote about it: without the parts that the decorators add."""
    record = getattr(value, "op", None)
    return inspect.cleandoc((record.doc if record else getattr(value, "composite", value).__doc__) or "")


def describe(app, what, name, value, options, lines):
    """Autodoc asks for each docstring: give it the docstring as reStructuredText, and add what the registry knows."""
    made = hasattr(value, "op") or hasattr(value, "composite")
    doc = documentation(value) if made else "\n".join(lines)
    if not doc.strip():
        return
    lines[:] = to_rst(doc)
    if made:
        lines += to_rst("\n".join(value.__doc__.rsplit("\n\n", 1)[-1:])) if "https://" in value.__doc__ else []
        lines += also(name, value) + gradients(value)


def also(name, value):
    """The other names of an operation."""
    spellings = [f"ndl.{p}.{n}" if p else f"ndl.{n}" for place, p in
                 {"torch": "", "linalg": "linalg", "special": "special", "functional": "nn.functional"}.items()
                 for n, f in FACES[place].items() if f is value]
    spellings += [f"Tensor.{n}" for n, f in vars(ndl.Tensor).items() if f is value and not n.startswith("__")]
    spellings += [f"Tensor.{n}_" for n, f in vars(ndl.Tensor).items() if f is value and hasattr(ndl.Tensor, n + "_")]
    own = name.replace("minitorch_ndl", "ndl")
    others = [s for s in dict.fromkeys(spellings) if s != own]
    return [f":Also: {', '.join(f'``{s}``' for s in others)}"] if others else []


def gradients(value):
    formulas = getattr(getattr(value, "op", None), "formulas", None) or {}
    lines = []
    for name, function in formulas.items():
        source = source_of(function)
        drawn = source and latex(source)
        if drawn:
            lines.append(f":Gradient of {name}: :math:`{drawn.replace(chr(92), chr(92))}`")
        elif source:
            lines.append(f":Gradient of {name}: ``{source}``")
    return [*lines, ""]


def skip(app, what, name, value, skip, options):
    """Nothing without words of its own; no `forward`, which is what calling a module does."""
    return True if name == "forward" and what == "class" else None


def setup(app):
    app.add_directive("api", Api)
    app.add_directive("operations", Operations)
    app.connect("autodoc-process-docstring", describe)
    app.connect("autodoc-skip-member", skip)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


