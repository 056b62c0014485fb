"""Questions about two tensors, answered element by element with bools, and the logic of bits and bools."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import backend, dtypes, errors
from ..composite import composite
from ..faces import F
from ..op import op
from ..tensor import Tensor, wrap

# --- comparisons. Bools have no gradient; written in place, as in x.eq_(y), they have a gradient of zero --------------

ANSWER: dict = {"promote": "number", "numbers": ("other",), "inplace": True,
                "input": lambda g: F.zeroed(g), "other": lambda g: F.zeroed(g)}


@op(**ANSWER, ufunc="equal", operators=("__eq__",))
def eq(xp, input, other):
    """Whether the elements are equal. NaN equals nothing.

    >>> ndl.tensor([1, 2]) == ndl.tensor([1, 3])
    tensor([ True, False])
    """


@op(**ANSWER, ufunc="not_equal", operators=("__ne__",), aliases=("not_equal",))
def ne(xp, input, other):
    """Whether the elements differ."""


@op(**ANSWER, ufunc="less", operators=("__lt__",), aliases=("less",))
def lt(xp, input, other):
    """Whether ``input < other``."""


@op(**ANSWER, ufunc="less_equal", operators=("__le__",), aliases=("less_equal",))
def le(xp, input, other):
    """Whether ``input <= other``."""


@op(**ANSWER, ufunc="greater", operators=("__gt__",), aliases=("greater",))
def gt(xp, input, other):
    """Whether ``input > other``.

    >>> ndl.tensor([1.0, 2.0, 3.0]) > 1.5
    tensor([False,  True,  True])
    """


@op(**ANSWER, ufunc="greater_equal", operators=("__ge__",), aliases=("greater_equal",))
def ge(xp, input, other):
    """Whether ``input >= other``."""


# --- nearly equal, and equal as a whole ------------------------------------------------------------------------------


def _comparable(args: Any) -> None:
    input, other, rtol, atol, _ = args
    if not isinstance(input, Tensor) or not isinstance(other, Tensor):
        wrong = ("other", 2, other) if isinstance(input, Tensor) else ("input", 1, input)
        raise errors.not_a_tensor("isclose", *wrong)
    if input.dtype is not other.dtype:
        one, two = (errors._title(t._array.dtype) for t in (input, other))
        raise RuntimeError(f"{one} did not match {two}: isclose and allclose compare tensors of one dtype. Convert "
                           f"one, as in other.to(input.dtype).")
    for name, tolerance in (("rtol", rtol), ("atol", atol)):
        if tolerance < 0:
            raise RuntimeError(f"{name} must be greater than or equal to zero, but got {tolerance}")


@op(broadcasts=True, out=False, check=("biuf", _comparable))
def isclose(xp, input, other, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False):
    """Whether ``|input - other| <= atol + rtol * |other|``; infinities are close to themselves only.

    >>> ndl.isclose(ndl.tensor([1.0, 2.0]), ndl.tensor([1.000001, 2.1]))
    tensor([ True, False])
    """
    close = input == other
    if equal_nan:
        close |= (input != input) & (other != other)
    if input.dtype.kind != "f":
        input, other = input.astype("float32"), other.astype("float32")
    allowed = xp.absolute(other, xp.empty_like(other))
    allowed *= rtol
    allowed += atol
    gap = xp.subtract(input, other, xp.empty(close.shape, input.dtype))
    xp.absolute(gap, gap)
    near = gap <= allowed
    near &= gap < np.inf
    return near | close


@composite(out=False)
def allclose(input, other, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> bool:
    """Whether all elements are close, as a Python bool; see `isclose`.

    >>> ndl.allclose(ndl.tensor([1.0]), ndl.tensor([1.0000001]))
    True
    """
    return bool(F.isclose(input, other, rtol, atol, equal_nan)._array.all())


@composite(out=False)
def equal(input, other) -> bool:
    """Whether two tensors have the same shape and the same elements, as a Python bool.

    >>> ndl.equal(ndl.tensor([1, 2]), ndl.tensor([1, 2])), ndl.equal(ndl.tensor([1]), ndl.tensor([1, 1]))
    (True, False)
    """
    if not isinstance(other, Tensor):
        raise errors.not_a_tensor("equal", "other", 2, other)
    a, b = input._array, other._array
    return a.shape == b.shape and bool((a == b).all())


@composite(on="torch")
def isin(elements, test_elements, *, assume_unique: bool = False, invert: bool = False):
    """Whether each element is among the test elements (`invert`: whether it is not). One of the two may be a number.

    >>> ndl.isin(ndl.tensor([[1, 2], [3, 4]]), ndl.tensor([2, 3]))
    tensor([[False,  True],
            [ True, False]])
    """
    tensors = [x for x in (elements, test_elements) if isinstance(x, Tensor)]
    if not tensors or any(not isinstance(x, (Tensor, bool, int, float, np.number)) for x in (elements, test_elements)):
        raise TypeError(f"isin() received an invalid combination of arguments - got ({type(elements).__name__}, "
                        f"{type(test_elements).__name__}); expected two tensors, or a tensor and a number.")
    if any(x._array.dtype.kind == "b" for x in tensors):
        raise RuntimeError("Unsupported input type encountered for isin(): Bool. Convert it first: x.int().")
    xp = backend.of_type(type(tensors[0]._array)).xp
    a, b = (x._array if isinstance(x, Tensor) else x for x in (elements, test_elements))
    return wrap(backend.as_array(xp.isin(a, b, assume_unique=assume_unique, invert=invert), tensors[0]._array))


# --- logic: everything that is not zero counts as true ---------------------------------------------------------------


@op(broadcasts=True, inplace=True)
def logical_and(xp, input, other):
    """Whether both are true.

    >>> ndl.logical_and(ndl.tensor([0, 1, 2]), ndl.tensor([1.0, 1.0, 0.0]))
    tensor([False,  True, False])
    """
    return (input != 0) & (other != 0)  # NumPy's own takes five times as long


@op(broadcasts=True, inplace=True)
def logical_or(xp, input, other):
    """Whether at least one is true."""
    return (input != 0) | (other != 0)


@op(broadcasts=True, inplace=True)
def logical_xor(xp, input, other):
    """Whether exactly one is true."""
    return (input != 0) ^ (other != 0)


# --- bits ------------------------------------------------------------------------------------------------------------


def _bits(name: str, refused: str) -> dict:
    """What operations on bits have in common. `refused`: the kinds of dtype that they do not take."""

    def check(args: Any) -> None:
        if not any(isinstance(a, Tensor) for a in args):
            given = " and ".join(type(a).__name__ for a in args)
            raise TypeError(f"{name}(): expected at least one Tensor; got {given}.")
        dtypes_ = [a._array.dtype if isinstance(a, Tensor) else dtypes.number_dtype(a) for a in args]
        wrong = [d for d in dtypes_ if d.kind == "f"]
        if "b" in refused and all(d.kind == "b" for d in dtypes_):
            wrong = dtypes_
        if wrong:
            raise errors.not_implemented(name, np.empty(0, wrong[0]))

    return {"promote": "number", "numbers": ("input", "other"), "inplace": True, "check": (refused, check)}


@op(**_bits("bitwise_and", "f"), ufunc="bitwise_and", commutes=True, operators=("__and__", "__rand__", "__iand__"))
def bitwise_and(xp, input, other):
    """The bits that are set in both; for bools, and.

    >>> ndl.tensor([True, True]) & ndl.tensor([True, False]), ndl.tensor([6]) & 3
    (tensor([ True, False]), tensor([2]))
    """


@op(**_bits("bitwise_or", "f"), ufunc="bitwise_or", commutes=True, operators=("__or__", "__ror__", "__ior__"))
def bitwise_or(xp, input, other):
    """The bits that are set in at least one; for bools, or."""


@op(**_bits("bitwise_xor", "f"), ufunc="bitwise_xor", commutes=True, operators=("__xor__", "__rxor__", "__ixor__"))
def bitwise_xor(xp, input, other):
    """The bits that are set in exactly one; for bools, different."""


@op(**_bits("lshift", "bf"), ufunc="left_shift", operators=("__lshift__", "__rlshift__", "__ilshift__"))
def bitwise_left_shift(xp, input, other):
    """``input << other``: the bits moved up, which doubles a number so many times."""


@op(**_bits("rshift", "bf"), ufunc="right_shift", operators=("__rshift__", "__rrshift__", "__irshift__"))
def bitwise_right_shift(xp, input, other):
    """``input >> other``: the bits moved down, which halves a number so many times, rounding down."""
