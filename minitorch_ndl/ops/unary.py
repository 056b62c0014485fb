"""Functions of one number, applied to every element: a function and its derivative on a line.

`g` is the gradient that arrives, `out` the function's own result. Where the function jumps or is flat its gradient is
zero, and at a kink (abs at 0) it is what torch says: zero. Integers become floats first where the values do.
"""

from __future__ import annotations

import math
from typing import Any

from .. import compiled, dtypes, errors
from ..composite import composite
from ..faces import FACES, F
from ..op import op
from ..tensor import Tensor
from .choose import choose

_BITS = {dtype.itemsize: dtype.numpy for dtype in (dtypes.int8, dtypes.int16, dtypes.int32, dtypes.int64)}
LN2, LN10, DEGREE = math.log(2), math.log(10), math.pi / 180


@op(input=lambda g, mask, a, b: F.bend(g, mask, a, b), on="", out=False)
def bend(xp, input, mask, a: float, b: float):
    """The input times `a` where the mask is true, times `b` elsewhere: the gradient of two straight pieces."""
    if a == 0 and b == 1:
        mask, a, b = ~mask, b, a
    if a == 1 and b == 0:  # to 0 also where the input is inf or NaN, which a product is not
        out = xp.empty(input.shape, input.dtype)
        kept = out.view(bits := _BITS[input.dtype.itemsize])
        kept[...] = mask
        kept *= input.view(bits)
        return out
    return input * choose(xp, mask, xp.asarray(a, dtype=input.dtype), xp.asarray(b, dtype=input.dtype))


def refuse(kinds: str, name: str) -> tuple[str, Any]:
    """For `check=`: torch's refusal of dtypes of these kinds (b: bool, iu: integers, f: floats)."""

    def check(args: Any) -> None:
        x = args[0]
        if isinstance(x, Tensor) and x._array.dtype.kind in kinds:
            raise errors.not_implemented(name, x._array)

    return kinds, check


# --- exponentials, logarithms, powers --------------------------------------------------------------------------------


@op(input=lambda g, out: g * out, promote="float", ufunc="exp", inplace=True)
def exp(xp, input):
    """e to the power of each element.

    >>> ndl.exp(ndl.tensor([0.0, 1.0]))
    tensor([1.0000, 2.7183])
    """


@op(input=lambda g, out: g * out * LN2, promote="float", ufunc="exp2", inplace=True, on="torch method special")
def exp2(xp, input):
    """2 to the power of each element."""


@op(input=lambda g, out: g * (out + 1), promote="float", ufunc="expm1", inplace=True, on="torch method special")
def expm1(xp, input):
    """exp(x) - 1, accurate near zero too, where exp(x) - 1 itself would round to nothing."""


@op(input=lambda g, input: g / input, promote="float", ufunc="log", inplace=True)
def log(xp, input):
    """The natural logarithm: -inf at 0, NaN below it."""


@op(input=lambda g, input: g / (input + 1), promote="float", ufunc="log1p", inplace=True, on="torch method special")
def log1p(xp, input):
    """log(1 + x), accurate near zero too."""


@op(input=lambda g, input: g / (input * LN2), promote="float", ufunc="log2", inplace=True)
def log2(xp, input):
    """The logarithm to base 2."""


@op(input=lambda g, input: g / (input * LN10), promote="float", ufunc="log10", inplace=True)
def log10(xp, input):
    """The logarithm to base 10."""


@op(input=lambda g, out: g / (out * 2), promote="float", ufunc="sqrt", inplace=True)
def sqrt(xp, input):
    """The square root: NaN below zero, and an infinite gradient at zero."""


@compiled.formula("rsqrt.backward")
def _rsqrt_gradient(g: Any, out: Any) -> Any:
    return g * out * out * out * -0.5


@op(input=_rsqrt_gradient, promote="float", inplace=True)
def rsqrt(xp, input):
    """One over the square root."""
    root = xp.sqrt(input, xp.empty_like(input))
    return xp.divide(1, root, root)


@op(input=lambda g, out: g * out * out * -1, promote="float", inplace=True)
def reciprocal(xp, input):
    """One over each element.

    >>> ndl.reciprocal(ndl.tensor([2, 4]))
    tensor([0.5000, 0.2500])
    """
    return xp.divide(1, input)  # xp.reciprocal takes twice as long


@op(input=lambda g, input: g * input * 2, inplace=True)
def square(xp, input):
    """Each element times itself. Integers stay integers."""
    return xp.square(input) if input.dtype.kind != "b" else input.astype("int64")


# --- trigonometry and its hyperbolic twins ---------------------------------------------------------------------------


@op(input=lambda g, input: g * F.cos(input), promote="float", ufunc="sin", inplace=True)
def sin(xp, input):
    """Sine, of radians."""


@op(input=lambda g, input: g * -F.sin(input), promote="float", ufunc="cos", inplace=True)
def cos(xp, input):
    """Cosine, of radians."""


@op(input=lambda g, out: g * (1 + out * out), promote="float", ufunc="tan", inplace=True)
def tan(xp, input):
    """Tangent, of radians."""


@op(input=lambda g, input: g * F.rsqrt(1 - input * input), promote="float", ufunc="arcsin", inplace=True,
    aliases=("arcsin",))
def asin(xp, input):
    """The angle whose sine it is; NaN outside [-1, 1]."""


@op(input=lambda g, input: g * -F.rsqrt(1 - input * input), promote="float", ufunc="arccos", inplace=True,
    aliases=("arccos",))
def acos(xp, input):
    """The angle whose cosine it is; NaN outside [-1, 1]."""


@op(input=lambda g, input: g / (input * input + 1), promote="float", ufunc="arctan", inplace=True,
    aliases=("arctan",))
def atan(xp, input):
    """The angle whose tangent it is."""


@op(input=lambda g, input: g * F.cosh(input), promote="float", ufunc="sinh", inplace=True)
def sinh(xp, input):
    """Hyperbolic sine."""


@op(input=lambda g, input: g * F.sinh(input), promote="float", ufunc="cosh", inplace=True)
def cosh(xp, input):
    """Hyperbolic cosine."""


@compiled.formula("tanh.backward")
def _tanh_gradient(g: Any, out: Any) -> Any:
    return g * (1 - out * out)


@op(input=_tanh_gradient, promote="float", ufunc="tanh", inplace=True,
    on="torch method functional")
def tanh(xp, input):
    """Hyperbolic tangent: squashes into (-1, 1).

    >>> ndl.tanh(ndl.tensor([-100.0, 0.0, 1.0]))
    tensor([-1.0000,  0.0000,  0.7616])
    """


@op(input=lambda g, input: g * F.rsqrt(input * input + 1), promote="float", ufunc="arcsinh", inplace=True,
    aliases=("arcsinh",))
def asinh(xp, input):
    """Inverse hyperbolic sine."""


@op(input=lambda g, input: g * F.rsqrt(input * input - 1), promote="float", ufunc="arccosh", inplace=True,
    aliases=("arccosh",))
def acosh(xp, input):
    """Inverse hyperbolic cosine; NaN below 1."""


@op(input=lambda g, input: g / (1 - input * input), promote="float", ufunc="arctanh", inplace=True,
    aliases=("arctanh",))
def atanh(xp, input):
    """Inverse hyperbolic tangent; NaN outside [-1, 1]."""


@op(input=lambda g: g * DEGREE, promote="float", inplace=True)
def deg2rad(xp, input):
    """Degrees as radians."""
    return input * DEGREE


@op(input=lambda g: g * (1 / DEGREE), promote="float", inplace=True)
def rad2deg(xp, input):
    """Radians as degrees."""
    return input * (1 / DEGREE)


def _sinc_gradient(g: Any, input: Any, out: Any) -> Any:
    safe = input + (input == 0)  # at 0 the numerator is 0, and so is the gradient
    return g * ((F.cos(input * math.pi) - out) / safe)


@op(input=_sinc_gradient, promote="float", inplace=True, on="torch method special")
def sinc(xp, input):
    """sin(pi * x) / (pi * x), and 1 at 0."""
    t = xp.multiply(input, math.pi, xp.empty_like(input))
    zero = t == 0
    if zero.any():
        t[zero] = math.nan
    out = xp.sin(t, xp.empty_like(t))
    out /= t
    if zero.any():
        out[zero] = 1
    return out


def _logit_gradient(g: Any, input: Any, eps: float | None) -> Any:
    slope = g / (input * (1 - input))
    if eps is None:
        return F.where((input >= 0) & (input <= 1), slope, math.nan)
    return F.where((input >= eps) & (input <= 1 - eps), slope, 0.0)


@op(input=_logit_gradient, promote="float", inplace=True, on="torch method special")
def logit(xp, input, eps: float | None = None):
    """log(x / (1 - x)), the inverse of sigmoid; with `eps`, of x clamped to [eps, 1 - eps]."""
    if eps is not None:
        input = input.clip(eps, 1 - eps)
    t = xp.subtract(1, input, xp.empty_like(input))
    xp.divide(input, t, t)
    return xp.log(t, t)


@compiled.formula("sigmoid.backward")
def _sigmoid_gradient(g: Any, out: Any) -> Any:
    return (1 - out) * out * g


@op(input=_sigmoid_gradient, promote="float", inplace=True, on="torch method functional")
def sigmoid(xp, input):
    """1 / (1 + exp(-x)): squashes into (0, 1).

    >>> ndl.sigmoid(ndl.tensor([-100.0, 0.0, 1.0]))
    tensor([0.0000, 0.5000, 0.7311])
    """
    t = xp.negative(input, xp.empty_like(input))
    xp.exp(t, t)
    t += 1
    return xp.divide(1, t, t)


FACES["special"]["expit"] = FACES["torch"]["sigmoid"]


# --- signs -----------------------------------------------------------------------------------------------------------


@compiled.formula("abs.backward")
def _abs_gradient(g: Any, input: Any) -> Any:
    return g * F.sign(input)


@op(out="exact", input=_abs_gradient, ufunc="absolute", inplace=True, aliases=("absolute",),
    operators=("__abs__",), check=refuse("b", "abs"))
def abs(xp, input):
    """Without the sign. The gradient at 0 is 0.

    >>> abs(ndl.tensor([-1.5, 2.0]))
    tensor([1.5000, 2.0000])
    """


def _no_bool(args: Any) -> None:
    if isinstance(args[0], Tensor) and args[0]._array.dtype.kind == "b":
        raise RuntimeError("Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert "
                           "a mask, use the `~` or `logical_not()` operator instead.")


@op(out="exact", input=lambda g: -g, ufunc="negative", inplace=True, aliases=("negative",), operators=("__neg__",),
    check=("b", _no_bool))
def neg(xp, input):
    """With the opposite sign. Raises RuntimeError on bool tensors."""


@composite(operators=("__pos__",), out=False)
def positive(input):
    """The input itself. Raises RuntimeError on bool tensors."""
    if input._array.dtype.kind == "b":
        raise RuntimeError("The `+` operator, on a bool tensor is not supported. Convert it first: x.int().")
    return input


@op(out="exact", input=lambda g: F.zeroed(g), inplace=True, aliases=("sgn",))
def sign(xp, input):
    """-1, 0 or 1 (0 for NaN).

    >>> ndl.sign(ndl.tensor([-3, 0, 7]))
    tensor([-1,  0,  1])
    """
    if input.dtype.kind in "bu":
        return (input > 0).astype(input.dtype)
    above, below = (input > 0).view("int8"), (input < 0).view("int8")
    return (above - below).astype(input.dtype)  # xp.sign would keep NaN, and take longer


@op(out="exact")
def signbit(xp, input):
    """Whether the sign bit is set: true for negative numbers and for -0."""
    return xp.signbit(input) if input.dtype.kind == "f" else input < 0


# --- rounding: integers stay as they are -----------------------------------------------------------------------------


@op(out="exact", input=lambda g: F.zeroed(g), inplace=True, check=refuse("b", "floor_vml"))
def floor(xp, input):
    """The largest integer that is not larger."""
    return xp.floor(input) if input.dtype.kind == "f" else input.copy()


@op(out="exact", input=lambda g: F.zeroed(g), inplace=True, check=refuse("b", "ceil_vml"))
def ceil(xp, input):
    """The smallest integer that is not smaller."""
    return xp.ceil(input) if input.dtype.kind == "f" else input.copy()


@op(out="exact", input=lambda g: F.zeroed(g), inplace=True, aliases=("fix",), check=refuse("b", "trunc_vml"))
def trunc(xp, input):
    """Without what comes after the point."""
    return xp.trunc(input) if input.dtype.kind == "f" else input.copy()


@op(out="exact", input=lambda g: F.zeroed(g), inplace=True, on="torch method special", check=refuse("b", "round_vml"))
def round(xp, input, *, decimals: int = 0):
    """The nearest integer, or the nearest multiple of 10 ** -decimals; ties go to the even one.

    >>> ndl.tensor([0.5, 1.5, 2.345]).round(), ndl.tensor([2.345]).round(decimals=1)
    (tensor([0., 2., 2.]), tensor([2.3000]))
    """
    if not decimals:
        return xp.rint(input) if input.dtype.kind == "f" else input.copy()
    if input.dtype.kind != "f":
        raise errors.not_implemented("round", input)
    return xp.round(input, decimals)


@op(out="exact", input=lambda g: g, inplace=True, check=refuse("biu", "frac"))
def frac(xp, input):
    """What comes after the point, with the number's sign."""
    whole = xp.trunc(input, xp.empty_like(input))
    return xp.subtract(input, whole, whole)


# --- questions -------------------------------------------------------------------------------------------------------


@op(out=False)
def isnan(xp, input):
    """Whether it is NaN.

    >>> ndl.isnan(ndl.tensor([1.0, float("nan")]))
    tensor([False,  True])
    """
    return xp.isnan(input) if input.dtype.kind == "f" else xp.zeros_like(input, dtype=bool)


@op(out=False)
def isinf(xp, input):
    """Whether it is infinite, of either sign."""
    return xp.isinf(input) if input.dtype.kind == "f" else xp.zeros_like(input, dtype=bool)


@op(out=False)
def isfinite(xp, input):
    """Whether it is neither infinite nor NaN."""
    return xp.isfinite(input) if input.dtype.kind == "f" else xp.ones_like(input, dtype=bool)


@op(out="exact")
def isposinf(xp, input):
    """Whether it is positive infinity."""
    return input == math.inf if input.dtype.kind == "f" else xp.zeros_like(input, dtype=bool)


@op(out="exact")
def isneginf(xp, input):
    """Whether it is negative infinity."""
    return input == -math.inf if input.dtype.kind == "f" else xp.zeros_like(input, dtype=bool)


@op(out=False)
def isreal(xp, input):
    """Whether it is a real number; always true, since complex numbers are out of scope."""
    return xp.ones_like(input, dtype=bool)


@op(inplace=True)
def logical_not(xp, input):
    """Whether it is zero."""
    return xp.logical_not(input) if input.dtype.kind == "b" else input == 0


@op(out="exact", ufunc="invert", inplace=True, check=refuse("f", "bitwise_not"))
def bitwise_not(xp, input):
    """All bits flipped; for bools, not.

    >>> ~ndl.tensor([True, False])
    tensor([False,  True])
    """


@composite(on="", name="invert", operators=("__invert__",), out=False)
def invert(input):
    """The operator ``~``. Raises TypeError on floats."""
    if input._array.dtype.kind == "f":
        raise TypeError("~ (operator.invert) is only implemented on integer and Boolean-type tensors; "
                        f"got {input.dtype!r}. Compare first, as in ~(x > 0).")
    return F.bitwise_not(input)


# --- repairs ---------------------------------------------------------------------------------------------------------


@op(out="exact", input=lambda g, input: g * F.isfinite(input), inplace=True)
def nan_to_num(xp, input, nan: float | None = None, posinf: float | None = None, neginf: float | None = None):
    """With numbers for NaN (0), infinity (the largest finite number) and -infinity (the smallest).

    >>> ndl.nan_to_num(ndl.tensor([float("nan"), float("inf"), 1.0]), posinf=9.0)
    tensor([0., 9., 1.])
    """
    out = input.copy()
    if input.dtype.kind != "f" or xp.isfinite(input).all():
        return out
    largest = float(xp.finfo(input.dtype).max)
    for mask, number, default in ((xp.isnan(input), nan, 0.0), (input == math.inf, posinf, largest),
                                  (input == -math.inf, neginf, -largest)):
        if mask.any():
            out[mask] = default if number is None else number
    return out


@op(input=lambda g: F.zeroed(g), promote="float")
def angle(xp, input):
    """The angle to the positive axis: pi for negative numbers, 0 for the others."""
    return xp.where(input < 0, math.pi, xp.where(input == input, 0, input)).astype(input.dtype)


@composite(aliases=("resolve_conj", "resolve_neg"))
def conj(input):
    """The input itself: complex numbers are out of scope."""
    return input


@composite(inplace=True)
def conj_physical(input):
    """The input itself: complex numbers are out of scope."""
    return input


FACES["torch"]["real"] = FACES["torch"]["conj"]
Tensor.real = property(FACES["torch"]["conj"])  # type: ignore[attr-defined]


# Torch has the in-place forms of these as functions too.
for _name in ("abs neg negative exp exp2 expm1 log log1p log2 log10 sqrt rsqrt square reciprocal sin cos tan asin acos "
              "atan sinh cosh tanh asinh acosh atanh arcsin arccos arctan arcsinh arccosh arctanh floor ceil round "
              "trunc fix frac deg2rad rad2deg sinc logit sigmoid nan_to_num conj_physical").split():
    FACES["torch"][_name + "_"] = getattr(Tensor, _name + "_")
