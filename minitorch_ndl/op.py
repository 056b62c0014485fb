"""The way to define an operation: `@op`. (`fused.py` adds `@fused`, `composite.py` adds `@composite`.)

A kernel computes on arrays; gradient formulas stand beside it, one for each differentiable input:

    @op(input=lambda g, other: g * other, other=lambda g, input: g * input, promote="number", ufunc="multiply")
    def mul(xp, input, other): ...

A parameter without annotation is an array, one with an annotation (``dim: int``) is an attribute. A formula's
parameters say what it needs, and exactly that is saved: ``g`` (the incoming gradient, always first), ``out``, an input,
``<input>_shape``, ``<input>_dtype``, an attribute, or a name in `saves`: an intermediate that the kernel hands back.
Formulas use operators and `F.*` only, so that they run on arrays (fast) and on Tensors (with ``create_graph=True``).

From one definition come `ndl.mul`, `Tensor.mul`, `Tensor.mul_`, ``out=``, the documentation and the sweep tests.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import backend, fast
from .dispatch import OPS, Op
from .faces import F, Signature, publish
from .tensor import Tensor


def op(*, on: str = "torch method", name: str | None = None, aliases: Sequence[str] = (), operators: Sequence[str] = (),
       commutes: bool = False, inplace: bool = False, out: bool | str = True, variant: Callable | None = None,
       **options: Any) -> Callable:
    """Define an operation from its kernel; see the module's text. `options` are the formulas and what `Op` takes.

    on         where it appears: "torch", "method", "functional" (nn.functional), "linalg", "special";
               "in-place": only as the method `name_`; "": only as `F.name`
    aliases    other names for it
    operators  methods such as "__mul__" that call it; `commutes`: the reflected one may swap its operands
    inplace    also as `name_`
    variant    turns the full call, keyword-only parameters included, into (name of an operation, its arguments): what
               ``alpha=`` and ``rounding_mode=`` mean, without the ordinary call paying for it
    """
    known = ("promote", "ufunc", "numbers", "broadcasts", "view", "outputs", "many", "saves", "write", "check")
    settings = {k: options.pop(k) for k in known if k in options}

    def define(kernel: Callable) -> Callable:
        record = Op(kernel, options, name=name, keywords=variant is None, **settings)
        count = len(record.signature.names)
        run = fast.path(record)
        record.run = run
        OPS[record.name] = record

        in_place = fast.in_place_path(record)
        methods = fast.operator_methods(record, operators, commutes) if operators else {}
        full, full_in_place = fast.variant_path(variant, ""), fast.variant_path(variant, "_")
        signature = record.signature if variant is None else Signature.of_kernel(kernel)
        call: Any = publish(record.name, signature, run, on=on, aliases=aliases, methods=methods,
                       in_place=in_place if inplace else None, out=out, doc=record.doc, kernel=kernel,
                       short=(count, full, full_in_place) if variant else None)
        call.op = record
        setattr(F, record.name, inner_face(record, run))
        if inplace:
            setattr(F, record.name + "_", in_place)
        return call

    return define


_PLAIN = frozenset((np.ndarray, int, float, bool, str, tuple, type(None)))


def inner_face(op: Op, run: Callable) -> Callable:
    """The face that formulas use: Tensors to Tensor, arrays to array."""
    kernels, rest, hands_back, plain = op.kernels, op.signature.fill, bool(op.saves), _PLAIN.issuperset
    count = len(op.signature.names)

    def inner(*args: Any) -> Any:
        if args and type(args[0]) is np.ndarray and plain(map(type, args)):  # what first-order gradients are made of
            out = kernels[np.ndarray](*(args if len(args) == count else rest(args)))
            return out[0] if hands_back else out
        like, scalars = None, False
        for a in args:
            if isinstance(a, Tensor):
                return run(*rest(args))
            if like is None and type(a) in backend.TYPES:
                like = a
            elif type(a) is list and a:
                if isinstance(a[0], Tensor):
                    return run(*rest(args))
                like = a[0] if type(a[0]) in backend.TYPES else like
            elif isinstance(a, np.generic):
                scalars = True
        if scalars:  # NumPy turns 0-d arrays into scalars on the way
            args = tuple(np.asarray(a) if isinstance(a, np.generic) else a for a in args)
        out = kernels[np.ndarray if like is None else type(like)](*rest(args))
        return out[0] if hands_back else out

    return inner
