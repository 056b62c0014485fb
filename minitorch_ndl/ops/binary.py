from __future__ import annotations

from ..faces import F
from ..op import op


@op(input=lambda g: g, other=lambda g: g, promote="number", ufunc="add", numbers=True, commutes=True, inplace=True,
    operators=("__add__", "__radd__", "__iadd__"))
def add(xp, input, other): ...


@op(input=lambda g, other: g * other, other=lambda g, input: g * input, promote="number", ufunc="multiply",
    numbers=True, commutes=True, inplace=True, operators=("__mul__", "__rmul__", "__imul__"))
def mul(xp, input, other): ...

@op(input=lambda g, input_shape: F.expand(g, input_shape))
def sum(xp, input, dim: object = None, keepdim: bool = False):
    return xp.sum(input, axis=dim, keepdims=keepdim)
@op(input=lambda g, out: g*out, promote="float", ufunc="exp",inplace=True)
def exp(xp, input):
    """e to the power of"""
