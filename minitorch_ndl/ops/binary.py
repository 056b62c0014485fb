"""Arithmetic on two tensors (or a tensor and a number), element by element, with broadcasting.

A row of the table: the function, and beside it its derivative with respect to each input. The engine sums a gradient
back to the shape that its input had before it was broadcast.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from .. import dtypes, errors
from ..composite import composite
from ..faces import FACES, F
from ..op import op
from ..promotion import ranks
from ..tensor import Tensor

# Where inputs may be numbers and meet by torch's rule for mixed dtypes:
MIXED: dict = {"promote": "number", "numbers": True, "inplace": True}
BESIDE: dict = {**MIXED, "numbers": ("input", "other")}  # one of the two may be a number
TRUE: dict = {"promote": "float", "numbers": True, "inplace": True}  # and integers become floats


def result_of(*operands: Any) -> np.dtype:
    """The dtype that tensors and numbers meet at, by torch's rule."""
    numbers = [dtypes.number_dtype(x) for x in operands if not isinstance(x, Tensor)]
    number = functools.reduce(dtypes.promote, numbers) if numbers else None
    return dtypes.result_dtype(*ranks([x for x in operands if isinstance(x, Tensor)]), number)


def _scaled(op: str) -> Any:
    """What ``alpha=`` means: `other` is multiplied by it first."""

    def variant(input: Any, other: Any, alpha: Any) -> tuple[str, tuple]:
        if op == "sub":
            _no_bools((input, other))
        if type(alpha) is int and alpha == 1:
            return op, (input, other)
        if isinstance(other, Tensor) and type(alpha) is float and isinstance(input, Tensor) \
                and other._array.dtype is input._array.dtype and other._array.dtype.kind == "f":
            return op, (input, F.mul(other, alpha))  # the common case, without further questions
        wanted = dtypes.from_numpy(result_of(input, other))
        if isinstance(alpha, bool) and wanted is not dtypes.bool_:
            raise RuntimeError(f"Boolean alpha only supported for Boolean results. ({op}: alpha={alpha})")
        if isinstance(alpha, float) and not wanted.is_floating_point:
            raise RuntimeError(f"For integral input tensors, argument alpha must not be a floating point number. "
                               f"({op}: alpha={alpha})")
        alpha = bool(alpha) if wanted is dtypes.bool_ else alpha
        if isinstance(other, Tensor) and other.dtype is not wanted:
            other = F.to_dtype(other, wanted)
        return op, (input, other * alpha)

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
        return _divided(xp, input, other, "floor_divide")
    if input.dtype.kind == "f":
        quotient = input / other
        return xp.trunc(quotient, out=quotient) if quotient.ndim else xp.trunc(quotient)
    quotient = xp.floor_divide(input, other)  # one too low where it is negative and not exact
    return quotient + ((quotient < 0) & (quotient * other != input)).astype(input.dtype)


def _no_zeros(input: Any, other: Any) -> None:
    if input.dtype.kind == "b":
        raise NotImplementedError("\"div_floor\" not implemented for 'Bool'; convert it first, with .int().")
    if input.dtype.kind in "iu" and input.size and not other.all():
        raise RuntimeError("ZeroDivisionError: an integer tensor is divided by zero; floats would give inf or nan.")


def _divided(xp: Any, x: Any, y: Any, ufunc: str) -> Any:
    """`floor_divide`, `remainder` or `fmod`, as NumPy has them; of float32 in a fifth of the time.

    In double precision the quotient is exact enough and the remainder exact, unless the quotient is huge or no number.
    """
    whole = x.flags.c_contiguous and (not y.ndim or (y.shape == x.shape and y.flags.c_contiguous))
    if x.dtype == xp.float32 and x.size > 4096 and whole:
        out = xp.empty_like(x)
        a_s, b_s, outs = x.reshape(-1), y.reshape(-1), out.reshape(-1)
        for start in range(0, x.size, 8192):  # pieces that stay in the cache
            piece = slice(start, start + 8192)
            a, b = a_s[piece].astype(xp.float64), (b_s[piece] if y.ndim else b_s).astype(xp.float64)
            quotient = a / b
            if not (-2.0 ** 28 < quotient.min() and quotient.max() < 2.0 ** 28 and xp.isfinite(b).all()):
                break
            (xp.trunc if ufunc == "fmod" else xp.floor)(quotient, out=quotient)
            outs[piece] = quotient if ufunc == "floor_divide" else a - quotient * b
        else:
            return out
    return getattr(xp, ufunc)(x, y)


def _undefined(name: str) -> Any:
    def formula(g: Any) -> Any:
        raise RuntimeError(f"derivative for {name} is not implemented. Its result steps; call .detach() on it.")

    return formula


@op(input=_undefined("floor_divide"), other=_undefined("floor_divide"),
    **MIXED, operators=("__floordiv__", "__rfloordiv__", "__ifloordiv__"))
def floor_divide(xp, input, other):
    """The quotient, rounded down to an integer value: ``input // other``."""
    _no_zeros(input, other)
    return _divided(xp, input, other, "floor_divide")


@op(input=lambda g: g,
    other=lambda g, input, other: -g * F.div_rounded(input, other, "floor"),
    **BESIDE, operators=("__mod__", "__rmod__", "__imod__"))
def remainder(xp, input, other):
    """``input % other``: what is left of the division, with the sign of `other`, as in Python.

    >>> ndl.remainder(ndl.tensor([-7, 7]), 3), ndl.fmod(ndl.tensor([-7, 7]), 3)
    (tensor([2, 1]), tensor([-1,  1]))
    """
    _no_zeros(input, other)
    return _divided(xp, input, other, "remainder")


@op(input=lambda g: g,
    other=lambda g, input, other: -g * F.div_rounded(input, other, "trunc"),
    **{**MIXED, "numbers": ("other",)})
def fmod(xp, input, other):
    """What is left of the division, with the sign of `input`, as in C."""
    _no_zeros(input, other)
    return _divided(xp, input, other, "fmod")


# --- powers ----------------------------------------------------------------------------------------------------------


def _integer_exponent(args: Any) -> None:
    base, exponent = args
    if isinstance(exponent, (int, np.integer)) and exponent < 0 and isinstance(base, Tensor) \
            and base._array.dtype.kind in "biu":
        raise RuntimeError("Integers to negative integer powers are not allowed. Make the base float: x.float() ** -1.")
    if isinstance(exponent, Tensor) and result_of(base, exponent).kind == "b":
        raise errors.not_implemented("pow", exponent._array)


def _pow_input(g, input, exponent):
    if not exponent.shape and not getattr(exponent, "requires_grad", False):  # a number, as a rule
        return g * 0.0 if exponent == 0 else g * input * 2.0 if exponent == 2 \
            else g * (exponent * F.pow(input, exponent - 1))
    return F.where(exponent == 0, 0.0, g * (exponent * F.pow(input, exponent - 1)))


def _pow_exponent(g, input, exponent, out):
    flat = F.where(input == 0, exponent >= 0, False)  # 0 ** y stays 0
    return F.where(flat, 0.0, g * (out * F.log(F.where(flat, 1.0, input))))


# NumPy's power takes 20 times as long as these do.
_POWERS = {2.0: lambda xp, x: x * x, 3.0: lambda xp, x: x * x * x, 0.5: lambda xp, x: xp.sqrt(x),
           1.0: lambda xp, x: x.copy(), -1.0: lambda xp, x: 1 / x, -2.0: lambda xp, x: 1 / (x * x)}


@op(input=_pow_input, exponent=_pow_exponent, **{**MIXED, "numbers": ("input", "exponent")},
    check=("biu", _integer_exponent),
    operators=("__pow__", "__rpow__", "__ipow__"))
def pow(xp, input, exponent):
    """``input ** exponent``.

    >>> ndl.pow(ndl.tensor([1.0, 2.0, 3.0]), 2), 2 ** ndl.tensor([3.0])
    (tensor([1., 4., 9.]), tensor([8.]))
    """
    kind = input.dtype.kind
    if kind == "b":
        return input | ~exponent
    if not exponent.ndim and (kind == "f" or exponent > 0):
        special = _POWERS.get(float(exponent))
        if special is not None:
            return special(xp, input)
    if kind == "i" and exponent.min(initial=0) < 0:  # a fraction: 0, unless the base is 1 or -1
        small = xp.where(input == 1, 1, xp.where(input == -1, 1 - 2 * (exponent % 2), 0)).astype(input.dtype)
        return xp.where(exponent < 0, small, xp.power(input, xp.maximum(exponent, 0)))
    return xp.power(input, exponent)


@composite(numbers=True)
def float_power(input, exponent):
    """``input ** exponent`` in double precision, whatever the dtypes."""
    return F.pow(*(x.double() if isinstance(x, Tensor) else float(x) for x in (input, exponent)))


@composite(on="method", name="float_power_", out=False)
def float_power_(input, exponent):
    """In-place version of `float_power`: for a double tensor."""
    if input.dtype is not dtypes.float64:
        raise RuntimeError(f"the base given to float_power_ has dtype {errors._title(input.dtype.name)} but the "
                           f"operation's result requires dtype Double")
    return F.pow_(input, exponent.double() if isinstance(exponent, Tensor) else float(exponent))


# --- the larger, the smaller -----------------------------------------------------------------------------------------


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


# --- geometry, logarithms --------------------------------------------------------------------------------------------


def _floats(name: str) -> tuple[str, Any]:
    def check(args: Any) -> None:
        if all(isinstance(a, Tensor) and a._array.dtype.kind != "f" for a in args):
            raise errors.not_implemented(name, args[0]._array)

    return "biu", check


@op(input=lambda g, input, other: g * (other / (input * input + other * other)),
    other=lambda g, input, other: g * (-input / (input * input + other * other)),
    promote="float", ufunc="arctan2", inplace=True, aliases=("arctan2",))
def atan2(xp, input, other):
    """The angle of the point (other, input), in -pi to pi.

    >>> ndl.atan2(ndl.tensor([1.0]), ndl.tensor([-1.0]))
    tensor([2.3562])
    """


@op(input=lambda g, input, out: g * (input / out),
    other=lambda g, other, out: g * (other / out),
    promote="number", inplace=True, check=_floats("hypot"))
def hypot(xp, input, other):
    """``sqrt(input ** 2 + other ** 2)``, without overflow."""
    out = xp.sqrt(input * input + other * other)  # a quarter of the time that xp.hypot takes
    safe = out.size and 1e-15 < out.min() and out.max() < math.inf and out.itemsize > 2
    return out if safe else xp.hypot(input, other)


@op(input=lambda g, input, out: F.where(input == 0, 0.0, g * (out / input)),
    other=lambda g: g * 0.0,
    **{**TRUE, "numbers": ("other",)}, ufunc="copysign")
def copysign(xp, input, other):
    """The size of `input` with the sign of `other`."""


@op(input=lambda g: g, other=lambda g: g * 0.0,
    promote="number", ufunc="nextafter", inplace=True, check=_floats("nextafter"))
def nextafter(xp, input, other):
    """The next representable number after `input`, towards `other`."""


@op(input=lambda g, input, other: g / (F.exp(other - input) + 1),
    other=lambda g, input, other: g / (F.exp(input - other) + 1),
    promote="number", check=_floats("logaddexp"))
def logaddexp(xp, input, other):
    """``log(exp(input) + exp(other))``, without overflow.

    >>> ndl.logaddexp(ndl.tensor([1000.0]), ndl.tensor([1000.0]))
    tensor([1000.693])
    """
    return _logadd(xp, input, other, xp.exp, 1.0)


def _logadd(xp: Any, x: Any, y: Any, exp: Any, scale: float) -> Any:
    """The larger one + scale * log(1 + exp(smaller - larger))."""
    top = xp.maximum(x, y)
    out = xp.subtract(x, y, xp.empty_like(top))
    xp.negative(xp.absolute(out, out), out)
    xp.log1p(exp(out, out), out)
    if scale != 1:
        out *= scale
    out += top
    lost = out != out
    return xp.where(lost, top, out) if lost.any() else out  # inf - inf


@op(input=lambda g, input, other: g / (F.exp2(other - input) + 1),
    other=lambda g, input, other: g / (F.exp2(input - other) + 1),
    promote="number", check=_floats("logaddexp2"))
def logaddexp2(xp, input, other):
    """``log2(2 ** input + 2 ** other)``, without overflow."""
    return _logadd(xp, input, other, xp.exp2, 1 / math.log(2))


@op(input=lambda g, input, other: F.where(input == 0, F.where(other <= 0, 0.0, F.xlogy(g, other)), F.xlogy(g, other)),
    other=lambda g, input, other: g * input / other,
    **{**TRUE, "numbers": ("input", "other")}, on="torch method special")
def xlogy(xp, input, other):
    """``input * log(other)``, and 0 where the input is 0 (NaN where `other` is NaN)."""
    out = input * xp.log(other)
    zero = input == 0
    return xp.where(zero & (other == other), input, out) if zero.any() else out


@op(input=lambda g, input, other: F.where(input == 0, F.where(other <= -1, 0.0, F.xlog1py(g, other)),
                                          F.xlog1py(g, other)),
    other=lambda g, input, other: g * input / (other + 1),
    promote="float", numbers=("input", "other"), on="special")
def xlog1py(xp, input, other):
    """``input * log(1 + other)``, and 0 where the input is 0 (NaN where `other` is NaN)."""
    out = input * xp.log1p(other)
    zero = input == 0
    return xp.where(zero & (other == other), input, out) if zero.any() else out


@composite(inplace=True)
def ldexp(input, other):
    """``input * 2 ** other``."""
    if not isinstance(other, Tensor):
        raise errors.not_a_tensor("ldexp", "other", 2, other)
    exact = input.dtype.is_floating_point and not other.dtype.is_floating_point
    return F.shift_exponent(input, other) if exact else input * F.pow(2.0, other)


@op(input=lambda g, other: F.shift_exponent(g, other), broadcasts=True, on="")
def shift_exponent(xp, input, other):
    """`ldexp` for integers: no power is taken, so none can overflow."""
    if other.dtype.kind == "b":
        raise errors.not_implemented("ldexp", other)
    return xp.ldexp(input, other.astype(xp.int64).clip(-5000, 5000).astype(xp.int32))


def _same_dtypes(args: Any) -> None:
    if all(isinstance(a, Tensor) for a in args) and args[0]._array.dtype != args[1]._array.dtype:
        raise RuntimeError(f"heaviside is not yet implemented for tensors with different dtypes. (input is "
                           f"{args[0].dtype!r}, values {args[1].dtype!r})")


@op(input=_undefined("heaviside"), values=_undefined("heaviside"),
    promote="number", inplace=True, check=("", _same_dtypes))
def heaviside(xp, input, values):
    """The step function: 0 below zero, 1 above, `values` at zero."""
    return xp.where(input == 0, values, (input > 0).astype(input.dtype))


@op(promote="number", ufunc="gcd", inplace=True)
def gcd(xp, input, other):
    """The greatest common divisor of integers."""


@op(promote="number", ufunc="lcm", inplace=True)
def lcm(xp, input, other):
    """The least common multiple of integers."""


@composite(on="torch")
def rsub(input, other, *, alpha=1):
    """``other - alpha * input``: subtraction the other way round."""
    return F.sub(*_scaled("sub")(other, input, alpha)[1])


# --- Python's divmod -------------------------------------------------------------------------------------------------


@composite(on="", name="divmod", operators=("__divmod__",), out=False)
def divmod_(input, other):
    """``divmod(input, other)``: the quotient, rounded down, and the remainder."""
    return input // other, input % other


@composite(on="", name="rdivmod", operators=("__rdivmod__",), out=False)
def rdivmod(input, other):
    """``divmod(other, input)``."""
    return other // input, other % input


for _name in ("xlogy", "ldexp", "gcd", "lcm"):
    FACES["torch"][_name + "_"] = getattr(Tensor, _name + "_")
