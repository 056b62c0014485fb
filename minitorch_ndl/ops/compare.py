"""Questions about two tensors, answered element by element with bools, and the logic of bits and bools."""

from __future__ import annotations

from ..composite import composite
from ..errors import _title
from ..faces import F
from ..op import op
from ..tensor import Tensor
from .unary import not_implemented

# --- comparisons. The answers have no gradient; written in place, as in x.eq_(y), they are flat: zero ------------------

_flat = {"input": lambda g: F.nothing(g), "other": lambda g: F.nothing(g)}
_comparison = {"promote": "number", "numbers": True, "inplace": True, **_flat}


@op(ufunc="equal", operators=("__eq__",), **_comparison)
def eq(xp, input, other):
    """Whether the elements are equal. NaN equals nothing.

    >>> ndl.tensor([1, 2]) == ndl.tensor([1, 3])
    tensor([ True, False])
    """


@op(ufunc="not_equal", operators=("__ne__",), aliases=("not_equal",), **_comparison)
def ne(xp, input, other):
    """Whether the elements differ."""


@op(ufunc="less", operators=("__lt__",), aliases=("less",), **_comparison)
def lt(xp, input, other):
    """Whether input < other."""


@op(ufunc="less_equal", operators=("__le__",), aliases=("less_equal",), **_comparison)
def le(xp, input, other):
    """Whether input <= other."""


@op(ufunc="greater", operators=("__gt__",), aliases=("greater",), **_comparison)
def gt(xp, input, other):
    """Whether input > other.

    >>> ndl.tensor([1.0, 2.0, 3.0]) > 1.5
    tensor([False,  True,  True])
    """


@op(ufunc="greater_equal", operators=("__ge__",), aliases=("greater_equal",), **_comparison)
def ge(xp, input, other):
    """Whether input >= other."""


# --- logic: everything that is not zero counts as true ---------------------------------------------------------------


@op(ufunc="logical_and", broadcasts=True, inplace=True)
def logical_and(xp, input, other):
    """Whether both are true."""


@op(ufunc="logical_or", broadcasts=True, inplace=True)
def logical_or(xp, input, other):
    """Whether at least one is true."""


@op(ufunc="logical_xor", broadcasts=True, inplace=True)
def logical_xor(xp, input, other):
    """Whether exactly one is true."""
