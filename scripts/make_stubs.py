"""Write the type declarations of what `@op` and `@composite` make: `_methods.pyi`, `_functions.pyi`, `_functional.pyi`, ...

    python scripts/make_stubs.py           write them
    python scripts/make_stubs.py --check   fail if they are not in step with the operations
"""

import inspect
import math
import sys
from pathlib import Path

import minitorch_ndl as ndl
from minitorch_ndl.faces import FACES
from minitorch_ndl.tensor import Tensor

PACKAGE = Path(ndl.__file__).parent
HEAD = '''# Made by scripts/make_stubs.py from the operations' own definitions. Do not edit.
import builtins
from collections.abc import Sequence
from typing import Any

from .tensor import Tensor

Number = builtins.bool | builtins.int | builtins.float
'''
# What kernels' annotations mean to a caller. Anything else is Any.
_PLAIN = ("int", "float", "bool", "str")  # by their full names: Tensor has methods called int, float and bool
TYPES = {**{n: f"builtins.{n}" for n in _PLAIN}, **{f"{n} | None": f"builtins.{n} | None" for n in _PLAIN},
         "Arrays": "Sequence[Tensor]"}


def declaration(name, function, method):
    """One line that declares `function`, made by a decorator or plain."""
    signature = getattr(function, "signature", None)
    if signature is None:
        return f"def {name}(*args: Any, **kwargs: Any) -> Any: ..."
    record = getattr(function, "op", None)
    parameters = []
    for i, parameter in enumerate(signature.names):
        if method and i == 0:
            parameters.append("self")
        elif i == signature.sizes:
            parameters.append(f"*{parameter}: Any")
        else:
            if i == signature.positional and signature.sizes is None:
                parameters.append("*")
            parameters.append(f"{parameter}: {described(parameter, signature, record)}")
    single = record is not None and not record.outputs and not record.many
    annotated = signature.annotations.get("return") == "Tensor"
    returns = "Tensor" if single or annotated or name.endswith("_") else "Any"
    # What comes with every operation: out=, other spellings of dim= and keepdim=
    return f"def {name}({', '.join([*parameters, '**kwargs: Any'])}) -> {returns}: ..."


def described(parameter, signature, record):
    """A parameter's type, and its default."""
    annotation = signature.annotations.get(parameter)
    if annotation is not None:
        kind = TYPES.get(annotation, "Any")
    elif record is not None or parameter == "input":
        kind = "Tensor | Number" if record is not None and record.numbers else "Tensor"
    else:
        kind = "Any"
    if parameter not in signature.defaults:
        return kind
    default = signature.defaults[parameter]
    if default is None and kind != "Any" and "None" not in kind:
        kind += " | None"
    plain = isinstance(default, (bool, int, str, type(None))) or (isinstance(default, float) and math.isfinite(default))
    return f"{kind} = {default!r}" if plain else f"{kind} = ..."


def stubs():
    """File -> text."""
    elsewhere = {n: f for n, f in vars(Tensor).items()  # what tensor.py itself does not define
                 if inspect.isfunction(f) and f.__module__ != "minitorch_ndl.tensor"}
    attached = {n: f for n, f in elsewhere.items() if not n.startswith("__")}
    operators = [n for n in elsewhere if n.startswith("__")]
    lines = [HEAD, "class Methods:"]
    for name in sorted(attached):
        lines.append(f"    {declaration(name, attached[name], True)}")
    for name in sorted(operators):
        rest = "index: Any" if name == "__getitem__" else "index: Any, value: Any" if name == "__setitem__" else "" \
            if name in ("__neg__", "__pos__", "__abs__", "__invert__") else "other: Any"
        ignore = "  # type: ignore[override]" * (name in ("__eq__", "__ne__"))
        returns = "None" if "set" in name else "Tensor"
        lines.append(f"    def {name}(self{', ' * bool(rest)}{rest}) -> {returns}: ...{ignore}")
    for name, value in sorted(vars(Tensor).items()):
        if isinstance(value, property) and value.fget is not None and value.fget.__module__ != "minitorch_ndl.tensor":
            lines.append(f"    @property\n    def {name}(self) -> Tensor: ...")
    files = {"_methods.pyi": "\n".join(lines) + "\n"}
    for face, file in (("torch", "_functions"), ("functional", "_functional"), ("linalg", "_linalg"),
                       ("special", "_special")):
        declared = [HEAD]
        for name, function in sorted(FACES[face].items()):
            declared.append(f"{name}: Any" if isinstance(function, type) or not callable(function)
                            else declaration(name, function, False))
        files[f"{file}.pyi"] = "\n".join(declared) + "\n"
    return files


def main():
    stale = [name for name, text in stubs().items()
             if not (PACKAGE / name).exists() or (PACKAGE / name).read_text() != text]
    if "--check" in sys.argv[1:]:
        if stale:
            sys.exit(f"make_stubs: out of step with the operations: {', '.join(stale)}; run python scripts/make_stubs.py")
        print("make_stubs: in step")
        return
    for name, text in stubs().items():
        (PACKAGE / name).write_text(text)
    print(f"make_stubs: wrote {', '.join(stale) or 'nothing new'}")


if __name__ == "__main__":
    main()
