"""Arithmetic on two tensors (or a tensor and a number), element by element, with broadcasting; and `where` and `clamp`.

A row of the table: the function, and beside it its derivative with respect to each input. The engine sums a gradient
back to the shape that its input had before it was broadcast.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import dtypes
from ..composite import composite
from ..faces import F
from ..op import op
from ..tensor import Tensor

# Where inputs may be numbers and meet by torch's rule for mixed dtypes:
MIXED: dict = {"promote": "number", "numbers": True, "inplace": True}
TRUE: dict = {"promote": "float", "numbers": True, "inplace": True}  # and integers become floats


def _scaled(op: str) -> Any:
    """What ``alpha=`` means: `other` is multiplied by it first."""

    def variant(input: Any, other: Any, alpha: Any) -> tuple[str, tuple]:
        kind = max((t.dtype.numpy.kind for t in (input, other) if isinstance(t, Tensor)), key="biuf".index, default="f")
        if isinstance(alpha, bool) and kind != "b":
            raise RuntimeError(f"Boolean alpha only supported for Boolean results. ({op}: alpha={alpha})")
        if isinstance(alpha, float) and kind != "f":
            raise RuntimeError(f"For integral input tensors, argument alpha must not be a floating point number. "
                               f"({op}: alpha={alpha})")
        return op, (input, other * alpha if type(alpha) is bool or alpha != 1 else other)

    return variant


def _no_bools(args: Any) -> None:
    bools = [isinstance(a, (bool, np.bool_)) or (isinstance(a, Tensor) and a._array.dtype.kind == "b") for a in args]
    if all(bools):
        raise RuntimeError("Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or "
                           "`logical_xor()` operator instead.")
    if any(bools):
        raise RuntimeError("Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying to "
                           "invert a mask, use the `~` or `logical_not()` operator instead.")


@op(input=lambda g: g,
    other=lambda g: g,
    **MIXED, ufunc="add", variant=_scaled("add"), commutes=True, operators=("__add__", "__radd__", "__iadd__"))
def add(xp, input, other, *, alpha: float = 1):
    """``input + alpha * other``.

    >>> ndl.add(ndl.tensor([1.0, 2.0]), ndl.tensor([[10.0], [20.0]]))
    tensor([[11., 12.],
            [21., 22.]])
    """


@op(input=lambda g: g,
    other=lambda g: -g,
    **MIXED, ufunc="subtract", variant=_scaled("sub"), aliases=("subtract",), check=("b", _no_bools),
    operators=("__sub__", "__rsub__", "__isub__"))
def sub(xp, input, other, *, alpha: float = 1):
    """``input - alpha * other``."""


@op(input=lambda g, other: g * other,
    other=lambda g, input: g * input,
    **MIXED, ufunc="multiply", aliases=("multiply",), commutes=True, operators=("__mul__", "__rmul__", "__imul__"))
def mul(xp, input, other):
    """``input * other``."""


def _rounded(input: Any, other: Any, rounding_mode: str | None) -> tuple[str, tuple]:
    if rounding_mode not in (None, "trunc", "floor"):
        raise RuntimeError(f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found "
                           f"'{rounding_mode}'")
    return ("div", (input, other)) if rounding_mode is None else ("div_rounded", (input, other, rounding_mode))


@op(input=lambda g, other: g / other,
    other=lambda g, input, other: -g * (input / other / other),
    **TRUE, ufunc="true_divide", variant=_rounded, aliases=("divide", "true_divide"),
    operators=("__truediv__", "__rtruediv__", "__itruediv__", "__div__", "__rdiv__", "__idiv__"))
def div(xp, input, other, *, rounding_mode: str | None = None):
    """``input / other``; integers give floats, unless `rounding_mode` is ``"trunc"`` (to zero) or ``"floor"``.

    >>> ndl.div(ndl.tensor([7, -7]), 2), ndl.div(ndl.tensor([7, -7]), 2, rounding_mode="floor")
    (tensor([ 3.5000, -3.5000]), tensor([ 3, -4]))
    """


@op(input=lambda g: g * 0.0,  # flat wherever it has a derivative
    other=lambda g: g * 0.0,
    **MIXED, on="", out=False)
def div_rounded(xp, input, other, mode: str):
    """The quotient, rounded to an integer value."""
    _no_zeros(input, other)
    if mode == "floor":
        return xp.floor_divide(input, other)
    if input.dtype.kind == "f":
        return xp.trunc(input / other)
    quotient = xp.floor_divide(input, other)  # one too low where it is negative and not exact
    return quotient + ((quotient < 0) & (quotient * other != input)).astype(input.dtype)


def _no_zeros(input: Any, other: Any) -> None:
    if input.dtype.kind == "b":
        raise NotImplementedError("\"div_floor\" not implemented for 'Bool'; convert it first, with .int().")
    if input.dtype.kind in "iu" and input.size and not other.all():
        raise RuntimeError("ZeroDivisionError: an integer tensor is divided by zero; floats would give inf or nan.")


def _undefined(name: str) -> Any:
    def formula(g: Any) -> Any:
        raise RuntimeError(f"derivative for {name} is not implemented. Its result steps; call .detach() on it.")

    return formula


@op(input=_undefined("floor_divide"), other=_undefined("floor_divide"),
    **MIXED, operators=("__floordiv__", "__rfloordiv__", "__ifloordiv__"))
def floor_divide(xp, input, other):
    """The quotient, rounded down to an integer value: ``input // other``."""
    _no_zeros(input, other)
    return xp.floor_divide(input, other)


@op(input=lambda g: g,
    other=lambda g, input, other: -g * F.div_rounded(input, other, "floor"),
    **MIXED, operators=("__mod__", "__rmod__", "__imod__"))
def remainder(xp, input, other):
    """``input % other``: what is left of the division, with the sign of `other`, as in Python.

    >>> ndl.remainder(ndl.tensor([-7, 7]), 3), ndl.fmod(ndl.tensor([-7, 7]), 3)
    (tensor([2, 1]), tensor([-1,  1]))
    """
    _no_zeros(input, other)
    return xp.remainder(input, other)


@op(input=lambda g: g,
    other=lambda g, input, other: -g * F.div_rounded(input, other, "trunc"), **MIXED)
def fmod(xp, input, other):
    """What is left of the division, with the sign of `input`, as in C."""
    _no_zeros(input, other)
    return xp.fmod(input, other)


# --- powers ---------------------------------------------------------------------------------------------------------


def _integer_exponent(args: Any) -> None:
    base, exponent = args
    if isinstance(exponent, (int, np.integer)) and exponent < 0 and isinstance(base, Tensor) \
            and base._array.dtype.kind in "biu":
        raise RuntimeError("Integers to negative integer powers are not allowed. Make the base float: x.float() ** -1.")


def _pow_input(g, input, exponent):
    if not exponent.shape:
        return g * 0.0 if exponent == 0 else g * input * 2.0 if exponent == 2 \
            else g * (exponent * F.pow(input, exponent - 1))
    return F.where(exponent == 0, 0.0, g * (exponent * F.pow(input, exponent - 1)))


def _pow_exponent(g, input, exponent, out):
    flat = F.where(input == 0, exponent >= 0, False)  # 0 ** y stays 0
    return F.where(flat, 0.0, g * (out * F.log(F.where(flat, 1.0, input))))


# NumPy's power takes 20 times as long as these do.
_POWERS = {2.0: lambda xp, x: x * x, 3.0: lambda xp, x: x * x * x, 0.5: lambda xp, x: xp.sqrt(x),
           1.0: lambda xp, x: x.copy(), -1.0: lambda xp, x: 1 / x, -2.0: lambda xp, x: 1 / (x * x)}


@op(input=_pow_input, exponent=_pow_exponent, **MIXED, check=("biu", _integer_exponent),
    operators=("__pow__", "__rpow__", "__ipow__"))
def pow(xp, input, exponent):
    """``input ** exponent``.

    >>> ndl.pow(ndl.tensor([1.0, 2.0, 3.0]), 2), 2 ** ndl.tensor([3.0])
    (tensor([1., 4., 9.]), tensor([8.]))
    """
    kind = input.dtype.kind
    if kind == "b":
        raise NotImplementedError("\"pow\" not implemented for 'Bool'; convert it first, with .int().")
    if not exponent.ndim and (kind == "f" or exponent > 0):
        special = _POWERS.get(float(exponent))
        if special is not None:
            return special(xp, input)
    if kind == "i" and exponent.min(initial=0) < 0:  # a fraction: 0, unless the base is 1 or -1
        small = xp.where(input == 1, 1, xp.where(input == -1, 1 - 2 * (exponent % 2), 0)).astype(input.dtype)
        return xp.where(exponent < 0, small, xp.power(input, xp.maximum(exponent, 0)))
    return xp.power(input, exponent)


@composite(inplace=True)
def float_power(input, exponent):
    """``input ** exponent`` in double precision, whatever the dtypes."""
    return F.pow(*(x.double() if isinstance(x, Tensor) else float(x) for x in (input, exponent)))


# --- the larger, the smaller -----------------------------------------------------------------------------------------


def _share(g, wins, ties):
    """The gradient of an input of `maximum` or `minimum`: all of it where it wins, half of it at a tie."""
    return F.where(wins, F.where(ties, g * 0.5, g), 0.0)


@op(input=lambda g, input, other: F.where(input < other, 0.0, F.where(input == other, g / 2, g)),
    other=lambda g, input, other: F.where(input > other, 0.0, F.where(input == other, g / 2, g)),
    promote="number", ufunc="maximum")
def maximum(xp, input, other):
    """The larger of the two; NaN if either is. At a tie each gets half of the gradient.

    >>> ndl.maximum(ndl.tensor([1, 5]), ndl.tensor([3, 2]))
    tensor([3, 5])
    """


@op(input=lambda g, input, other: F.where(input > other, 0.0, F.where(input == other, g / 2, g)),
    other=lambda g, input, other: F.where(input < other, 0.0, F.where(input == other, g / 2, g)),
    promote="number", ufunc="minimum")
def minimum(xp, input, other):
    """The smaller of the two; NaN if either is. At a tie each gets half of the gradient."""


def _first(g, input, other, wins):
    return F.where(wins, g, F.where(other == other, 0.0, g))


@op(input=lambda g, input, other: F.where(input >= other, g, F.where(other != other, g, 0.0)),
    other=lambda g, input, other: F.where(input >= other, 0.0, F.where(other != other, 0.0, g)),
    promote="number", ufunc="fmax")
def fmax(xp, input, other):
    """The larger of the two; a number rather than NaN."""


@op(input=lambda g, input, other: F.where(input <= other, g, F.where(other != other, g, 0.0)),
    other=lambda g, input, other: F.where(input <= other, 0.0, F.where(other != other, 0.0, g)),
    promote="number", ufunc="fmin")
def fmin(xp, input, other):
    """The smaller of the two; a number rather than NaN."""


@op(input=lambda g, condition: F.where(condition, g, 0.0),
    other=lambda g, condition: F.where(condition, 0.0, g),
    promote="number", numbers=True, on="")
def where(xp, condition, input, other):
    """`input` where the condition holds, `other` elsewhere."""
    if condition.dtype.kind != "b":
        if condition.dtype != "uint8":
            raise RuntimeError(f"where expected condition to be a boolean tensor, but got a tensor with dtype "
                               f"{condition.dtype}. Compare it: where(x != 0, ...).")
        condition = condition.astype(bool)
    return xp.where(condition, input, other)


def _clamp_input(g, input, min, max):
    if min is not None:
        g = F.where(input >= min, g, 0.0)
    return g if max is None else F.where(input <= max, g, 0.0)


def _clamp_min(g, input, min, max):
    g = F.where(input < min, g, 0.0)
    return g if max is None else F.where(min < max, g, 0.0)


def _clamp_max(g, input, min, max):
    return F.where(input > max, g, 0.0 if min is None else F.where(max < min, g, 0.0))


@op(input=_clamp_input, min=_clamp_min, max=_clamp_max, **MIXED, aliases=("clip",))
def clamp(xp, input, min=None, max=None):
    """The input, but no less than `min` and no more than `max` (numbers or tensors; either may be left out).

    >>> ndl.clamp(ndl.tensor([-2.0, 0.5, 3.0]), -1, 1)
    tensor([-1.0000,  0.5000,  1.0000])
    """
    if min is None and max is None:
        raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    if min is None:
        return xp.minimum(input, max)
    out = xp.maximum(input, min)
    return out if max is None else xp.minimum(out, max)


@op(input=lambda g, input, min: F.where(input >= min, g, 0.0),
    min=lambda g, input, min: F.where(input < min, g, 0.0), **MIXED, ufunc="maximum")
def clamp_min(xp, input, min):
    """The input, but no less than `min`."""


@op(input=lambda g, input, max: F.where(input <= max, g, 0.0),
    max=lambda g, input, max: F.where(input > max, g, 0.0), **MIXED, ufunc="minimum")
def clamp_max(xp, input, max):
    """The input, but no more than `max`."""
