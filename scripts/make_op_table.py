"""Write docs/ops.md, the table of all operations, from the operations' own definitions.

    python scripts/make_op_table.py           write it
    python scripts/make_op_table.py --check   fail if it is not in step with the operations
"""

import ast
import inspect
import sys
import textwrap
from pathlib import Path

import minitorch_ndl as ndl
from minitorch_ndl.dispatch import OPS
from minitorch_ndl.faces import FACES
from minitorch_ndl.ops import FAMILIES
from minitorch_ndl.tensor import Tensor
from minitorch_ndl.viz.formulas import text_of

PAGE = Path(ndl.__file__).parents[1] / "docs" / "ops.md"
HEAD = """# Operations

Made by `scripts/make_op_table.py` from the operations' own definitions; do not edit. One section for each file of
`minitorch_ndl/ops`, in reading order.

A formula is what becomes of the incoming gradient `g` for each input. `out` is the operation's own result, `F` the operations
themselves, and `x_shape` the shape of the input `x`; sums over what was broadcast are not written, the engine makes them. Where
a formula takes several statements its function is named and linked, and a fused operation has its backward written by hand,
with a reference in other operations beside it. What is *made of others* needs no formula: autograd follows what it is made of.
Operations that are only steps of others, and have no public name, stand in `code`.

Where formulas are drawn as mathematics, x is `input`, y is `other` and w is `weight`; the rest keep their names.
"""
# Where an operation is looked for first, and what its name begins with there.
PLACES = {"torch": "ndl.", "linalg": "ndl.linalg.", "special": "ndl.special.", "functional": "F."}
PAGES = {"ndl.": "torch.", "ndl.linalg.": "torch.linalg.", "ndl.special.": "torch.special.",
         "F.": "torch.nn.functional.", "Tensor.": "torch.Tensor."}


def public():
    """By operation or plain function: the first public name, and the other names, spelled in full."""
    names = {}
    for place, prefix in PLACES.items():
        for name, function in FACES[place].items():
            if callable(function):
                names.setdefault(function, []).append(prefix + name)
    for name, member in sorted(vars(Tensor).items()):
        if callable(member) and not name.startswith("_"):
            names.setdefault(member, []).append("Tensor." + name)
    return names


def source_of(function):
    """A gradient formula as it stands in the source: an expression; None if it takes several statements."""
    if function.__name__ != "<lambda>":
        source = textwrap.dedent(inspect.getsource(inspect.unwrap(function)))
        (made,) = ast.parse(source).body
        statements = made.body[ast.get_docstring(made) is not None:]
        if len(statements) == 1 and isinstance(statements[0], ast.Return):
            return " ".join(ast.get_source_segment(source, statements[0].value).split())
        return None
    return text_of(function)


def formula(function):
    """A gradient formula; one of several statements as a link to them."""
    source = source_of(function)
    return link(function) if source is None else code(source)


def link(function):
    """The name of a function, leading to its source. One that another function made leads to that."""
    name = function.__qualname__.split(".<locals>")[0]
    file = Path(inspect.getsourcefile(inspect.unwrap(function))).relative_to(PAGE.parents[1]).as_posix()
    return f"[{code(name + '()')}](../{file}#{name})"


def gradient(record):
    if hasattr(record, "reference"):
        return f"by hand; reference: {link(record.reference)}"
    if not record.formulas:
        return "none"
    return "<br>".join(f"{name}: {formula(f)}" for name, f in record.formulas.items())


def code(text):
    return "`" + text.replace("|", "\\|") + "`"


def row(name, others, doc, grad):
    place = next((p for p in PAGES if name.startswith(p)), None)
    bare = name.removeprefix(place) if place else name
    title = f"[{name}](https://pytorch.org/docs/stable/generated/{PAGES[place]}{bare}.html)" if place else code(name)
    also = f"<br>{', '.join(others)}" if others else ""
    return f"| {title}{also} | {' '.join(doc.split()).replace('|', chr(92) + '|')} | {grad} |"


def first(doc):
    """The first paragraph of a docstring, without examples."""
    return (inspect.cleandoc(doc or "").split("\n\n")[0].split(">>>")[0]).strip()


def rows(family, names):
    """A row for each operation that the file of this name defines, in its order."""
    module = f"minitorch_ndl.ops.{family}"
    lines = []
    faces = {f.op.name: f for f in names if hasattr(f, "op")}
    for record in OPS.values():
        if record.kernel.__module__ == module:
            spellings = names.get(faces.get(record.name), [])
            lines.append((record.kernel.__code__.co_firstlineno, row(
                *(spellings[:1] or [record.name]), spellings[1:], first(record.doc), gradient(record))))
    for function, spellings in names.items():
        inner = getattr(function, "composite", None)
        if inner is not None and inner.__module__ == module:
            lines.append((inner.__code__.co_firstlineno,
                          row(spellings[0], spellings[1:], first(inner.__doc__), "made of others")))
    return [line for _, line in sorted(lines)]


def page():
    names, parts = public(), [HEAD]
    for family in FAMILIES:
        table = rows(family, names)
        if table:
            title = first(sys.modules[f"minitorch_ndl.ops.{family}"].__doc__)
            parts += [f"## {family}\n", f"{title}\n", "| | what it computes | gradient |\n|---|---|---|", *table, ""]
    return "\n".join(parts)


def main():
    text = page()
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(text, encoding="utf-8")
    elif not PAGE.exists() or PAGE.read_text(encoding="utf-8") != text:
        sys.exit("docs/ops.md is not in step with the operations: run scripts/make_op_table.py")


if __name__ == "__main__":
    main()
