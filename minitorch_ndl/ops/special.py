"""Special functions that NumPy lacks: the error function's family, the gamma function's, Bessel functions.

Each kernel is one formula for all elements where there is one, and a second one for the few elements that the first
does not suit (`patch`). Errors stay within a few units in the last place; where a function crosses zero, of a last
place near 1. The tables of rational fits are made by scripts/fit_special.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from .. import compiled
from ..composite import composite
from ..faces import FACES, F
from ..op import op
from ..tensor import Tensor
from . import special_tables as tables

PI, ROOT_PI = math.pi, math.sqrt(math.pi)
BLOCK = 120_000  # bytes: what is larger, glibc maps and unmaps each time


def polynomial(xp: Any, x: Any, coefficients: Sequence[float]) -> Any:
    """Horner's scheme, highest power first, in one array."""
    out = xp.multiply(x, coefficients[0], xp.empty_like(x))
    for c in coefficients[1:-1]:
        out += c
        out *= x
    out += coefficients[-1]
    return out


def ratio(xp: Any, x: Any, table: dict) -> Any:
    """The rational fit of `table` for the dtype of x."""
    above, below = table[x.itemsize]
    out = polynomial(xp, x, above)
    out /= polynomial(xp, x, below)
    return out


def patch(out: Any, where: Any, function: Callable, *inputs: Any) -> Any:
    """`out` with function(inputs) at the elements where `where` is true; cheap where they are few."""
    if where.any():
        out[where] = function(*(x[where] for x in inputs))
    return out


def single(x: Any) -> Any:
    """`x` in single precision at least."""
    return x.astype("float32") if x.itemsize < 4 else x


def evaluate(xp: Any, function: Callable, x: Any, wide: bool = False) -> Any:
    """function(xp, x) in x's own dtype, though computed in single precision at least (`wide`: in double).

    Large arrays go through in blocks, so that the many intermediate results stay in the cache.
    """
    flat = x.reshape(-1)
    out = xp.empty(flat.shape, x.dtype)
    step = BLOCK // (8 if wide or x.itemsize == 8 else 4)
    for start in range(0, flat.size, step):
        block = flat[start:start + step]
        out[start:start + step] = function(xp, block.astype("float64", copy=False) if wide else single(block))
    return out.reshape(x.shape)


# --- the error function and its relatives ----------------------------------------------------------------------------


def erf_of(xp: Any, x: Any) -> Any:
    """tanh has erf's shape: erf(x) = tanh(x * R(x**2)), where R varies slowly."""
    x = x.clip(-6, 6)  # erf is 1 there
    out = ratio(xp, xp.multiply(x, x, xp.empty_like(x)), tables.ERF)
    out *= x
    return xp.tanh(out, out)


def erfc_of(xp: Any, x: Any) -> Any:
    """exp(-x**2) * R(|x|) on the right, and 2 minus that on the left."""
    a = xp.absolute(x)
    a = a.clip(0, 11 if x.itemsize == 4 else 28, a)  # erfc is 0 there
    out = ratio(xp, a, tables.ERFCX)
    out *= _exp_minus_square(xp, a)
    left = (x < 0).astype(x.dtype)
    left *= 2
    out *= xp.subtract(1, left, a)
    out += left
    return out


def _exp_minus_square(xp: Any, x: Any) -> Any:
    """exp(-x**2), without what rounding x**2 would cost: x**2 = z**2 + (x - z) * (x + z), and z**2 is exact."""
    z = xp.multiply(x, 16, xp.empty_like(x))
    xp.rint(z, z)
    z *= 1 / 16
    near, rest = xp.add(z, x, xp.empty_like(x)), xp.subtract(z, x, xp.empty_like(x))
    rest *= near
    z *= z
    out = xp.exp(xp.negative(z, z), z)
    out *= xp.exp(rest, rest)
    return out


def erfcx_of(xp: Any, x: Any) -> Any:
    a, far = xp.absolute(x), 10 if x.itemsize == 4 else 27
    out = ratio(xp, a.clip(0, far), tables.ERFCX)
    patch(out, a > far, lambda a: _erfcx_far(1 / (a * a)) / (a * ROOT_PI), a)
    return patch(out, x < 0, lambda x, out: 2 / _exp_minus_square(xp, xp.maximum(x, -30)) - out, x, out)


def _erfcx_far(t: Any) -> Any:
    return 1 - t * (1 / 2 - t * (3 / 4 - t * (15 / 8 - t * (105 / 16 - t * (945 / 32 - t * (10395 / 64))))))


def erfinv_of(xp: Any, x: Any) -> Any:
    """x * R(-log(1 - x**2)) to single precision; for doubles, one step of Halley's method from there."""
    w = xp.subtract(1, x, xp.empty_like(x))
    w *= 1 + x
    xp.negative(xp.log(w, w), w)
    out = ratio(xp, w.clip(0, 38, w), {x.itemsize: tables.ERFINV[4]})
    out *= x
    if x.itemsize == 8:
        error = erf_of(xp, out) - x
        # Towards 1 the difference is lost in rounding; erfc keeps it.
        patch(error, x > 0.5, lambda x, y: 1 - x - erfc_of(xp, y), x, out)
        patch(error, x < -0.5, lambda x, y: erfc_of(xp, -y) - (1 + x), x, out)
        step = error * xp.exp(out * out) * (ROOT_PI / 2)
        out -= step / (1 + out * step)
    return patch(out, xp.absolute(x) == 1, lambda x: x * math.inf, x)


def entr_of(xp: Any, x: Any) -> Any:
    out = -x * xp.log(x)
    patch(out, x == 0, lambda x: x, x)
    return patch(out, x < 0, lambda x: x - math.inf, x)


def log_ndtr_of(xp: Any, x: Any) -> Any:
    t = x * math.sqrt(0.5)
    out = xp.log1p(erfc_of(xp, t) * -0.5)
    return patch(out, x < -1, lambda t: xp.log(erfcx_of(xp, -t) * 0.5) - t * t, t)


@compiled.formula("erf.backward")
def _erf_gradient(g: Any, input: Any) -> Any:
    return g * F.exp(-input * input) * (2 / ROOT_PI)


@op(input=_erf_gradient, promote="float", inplace=True,
    on="torch method special")
def erf(xp, input):
    """The error function: how likely a normal variable of variance 1/2 is to fall within [-x, x].

    >>> ndl.erf(ndl.tensor([0.0, 0.5, 10.0]))
    tensor([0.0000, 0.5205, 1.0000])
    """
    return evaluate(xp, erf_of, input)


@compiled.formula("erfc.backward")
def _erfc_gradient(g: Any, input: Any) -> Any:
    return g * F.exp(-input * input) * (-2 / ROOT_PI)


@op(input=_erfc_gradient, promote="float", inplace=True,
    on="torch method special")
def erfc(xp, input):
    """1 - erf(x), accurate where that is tiny.

    >>> ndl.erfc(ndl.tensor([0.0, 5.0]))
    tensor([1.0000e+00, 1.5375e-12])
    """
    return evaluate(xp, erfc_of, input)


@op(input=lambda g, input, out: g * (input * out * 2 - 2 / ROOT_PI), promote="float", on="special")
def erfcx(xp, input):
    """exp(x**2) * erfc(x)."""
    return evaluate(xp, erfcx_of, input)


@op(input=lambda g, out: g * F.exp(out * out) * (ROOT_PI / 2), promote="float", inplace=True,
    on="torch method special")
def erfinv(xp, input):
    """The inverse of erf on [-1, 1]; NaN outside.

    >>> ndl.erfinv(ndl.tensor([0.0, 0.5, 1.0]))
    tensor([0.0000, 0.4769,    inf])
    """
    return evaluate(xp, erfinv_of, input)


@op(input=lambda g, input: g * (-F.log(input) - 1), promote="float", on="special")
def entr(xp, input):
    """-x * log(x), a term of an entropy: 0 at 0, -inf below it."""
    return evaluate(xp, entr_of, input)


@op(input=lambda g, input: g * F.exp(input * input * -0.5) * math.sqrt(0.5 / PI), promote="float", on="special")
def ndtr(xp, input):
    """How likely a standard normal variable is to be less than x."""
    return evaluate(xp, lambda xp, x: erfc_of(xp, x * -math.sqrt(0.5)) * 0.5, input)


@op(input=lambda g, input: g / F.erfcx(input * -math.sqrt(0.5)) * math.sqrt(2 / PI), promote="float", on="special")
def log_ndtr(xp, input):
    """log(ndtr(x)), without taking the logarithm of what ndtr has rounded to 0."""
    return evaluate(xp, log_ndtr_of, input)


# --- the gamma function and its relatives ----------------------------------------------------------------------------

BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510, 43867 / 798)  # B2, B4, ...


def lgamma_of(xp: Any, x: Any) -> Any:
    """On [1, 8] a fit, times the zeros at 1 and 2; on (0, 1) that of x + 1; Stirling's series above; mirrored below."""
    low = x.clip(-math.inf, 8)
    shift = xp.less(low, 1).astype(x.dtype)  # 1 where x + 1 is used
    out = ratio(xp, low + shift, tables.LGAMMA)
    low -= 1
    low += shift
    out *= low
    low -= 1
    out *= low
    out -= xp.log(x.clip(-math.inf, 1))
    patch(out, x > 8, lambda x: _stirling(xp, x), x)
    return patch(out, x <= 0, lambda x: _lgamma_mirrored(xp, x), x)


def _stirling(xp: Any, x: Any) -> Any:
    t = 1 / x
    count = 3 if x.itemsize == 4 else 9
    series = [b / (2 * k * (2 * k - 1)) for k, b in enumerate(BERNOULLI[:count], 1)]
    out = polynomial(xp, t * t, series[::-1])
    out *= t
    out += 0.5 * math.log(2 * PI) - 0.5
    out += (xp.log(x) - 1) * (x - 0.5)
    return out


def _lgamma_mirrored(xp: Any, x: Any) -> Any:
    """gamma(x) * gamma(1 - x) = pi / sin(pi * x)."""
    out = math.log(PI) - xp.log(xp.absolute(xp.sin(PI * _offset(xp, x)))) - lgamma_of(xp, 1 - x)
    out[x == xp.rint(x)] = math.inf  # poles, and -inf
    return out


def _offset(xp: Any, x: Any) -> Any:
    """How far x is from the nearest integer: as good as x itself for pi-periodic functions, and exact."""
    return x - xp.rint(x)


def polygamma_of(xp: Any, n: int, x: Any, digits: int = 16) -> Any:
    """Shift x to the right, past `start`, by psi_n(x) = psi_n(x + 1) - (-1)**n * n! / x**(n + 1); there use the
    asymptotic series. On the left, the reflection formula."""
    start, count = (10 + n // 2, 9) if digits > 8 else (5 + n // 2, 5)
    sign = (-1.0) ** n
    right = x.clip(5e-324, math.inf)
    total = _inverse_power(xp, right, n + 1)
    for k in range(1, start):
        total += _inverse_power(xp, right + k, n + 1)
    far = xp.add(right, start, right)
    t = xp.reciprocal(far)
    # d^n/dx^n of log(x) - 1/(2x) - sum of B_2k / (2k * x**2k)
    series = [b * math.factorial(2 * k + n - 1) / math.factorial(2 * k) for k, b in enumerate(BERNOULLI[:count], 1)]
    tail = polynomial(xp, t * t, [*series[::-1], 0.0])
    tail += t * (math.factorial(n) / 2)
    if n == 0:
        out = xp.log(far) - tail
    else:
        tail += math.factorial(n - 1)
        out = tail * _inverse_power(xp, far, n)
        out *= -sign
    out -= total * (sign * math.factorial(n))
    return patch(out, x <= 0, lambda x: _polygamma_mirrored(xp, n, x), x)


def _inverse_power(xp: Any, x: Any, n: int) -> Any:
    t = out = xp.reciprocal(x)
    for _ in range(n - 1):
        out = out * t
    return out


def _polygamma_mirrored(xp: Any, n: int, x: Any) -> Any:
    """psi_n(x) = (-1)**n * psi_n(1 - x) - pi * the n-th derivative of cot(pi * x), a polynomial in cot(pi * x)."""
    powers = [0.0, 1.0]  # of c = cot, lowest first; c' = -pi * (1 + c**2)
    for _ in range(n):
        slope = [k * c for k, c in enumerate(powers)][1:]
        powers = [-PI * (a + b) for a, b in zip([*slope, 0.0, 0.0], [0.0, 0.0, *slope])]
    cot = 1 / xp.tan(PI * _offset(xp, x))
    out = polygamma_of(xp, n, 1 - x) * (-1.0) ** n - polynomial(xp, cot, [PI * c for c in powers[::-1]])
    at_pole = xp.full_like(x, (-1.0) ** (n + 1) * math.inf) if n else xp.where(x == 0, 1 / -x, math.nan)
    at_pole[x == -math.inf] = math.nan
    whole = x == xp.rint(x)
    out[whole] = at_pole[whole]
    return out


@op(input=lambda g, input: g * F.digamma(input), promote="float", inplace=True)
def lgamma(xp, input):
    """The logarithm of the absolute value of the gamma function, which continues (n - 1)!.

    >>> ndl.lgamma(ndl.tensor([1.0, 5.0])).exp()
    tensor([ 1., 24.])
    """
    return evaluate(xp, lgamma_of, input)


@op(input=lambda g, input: g * F.polygamma(input, 1), promote="float", inplace=True, on="torch method special")
def digamma(xp, input):
    """The derivative of lgamma."""
    return evaluate(xp, lambda xp, x: polygamma_of(xp, 0, x, 2 * input.itemsize), input, wide=True)


@op(input=lambda g, input, n: g * F.polygamma(input, n + 1), promote="float", inplace=True, on="method")
def polygamma(xp, input, n: int):
    """The n-th derivative of digamma."""
    if n < 0:
        raise RuntimeError(f"polygamma(n, x) does not support negative n; got n={n}.")
    return evaluate(xp, lambda xp, x: polygamma_of(xp, n, x, 2 * input.itemsize), input, wide=True)


@composite(on="torch special", name="polygamma")
def polygamma_by_order(n: int, input):
    """The n-th derivative of digamma.

    >>> ndl.polygamma(1, ndl.tensor([1.0]))
    tensor([1.6449])
    """
    return F.polygamma(input, n)


@composite(inplace=True)
def mvlgamma(input, p: int):
    """The logarithm of the multivariate gamma function of dimension p."""
    if p < 1:
        raise RuntimeError(f"p has to be greater than or equal to 1; got mvlgamma of p={p}.")
    total = F.lgamma(input)
    for j in range(1, p):
        total = total + F.lgamma(input - j / 2)
    return total + p * (p - 1) / 4 * math.log(PI)


FACES["special"].update(gammaln=FACES["torch"]["lgamma"], psi=FACES["torch"]["digamma"],
                        multigammaln=FACES["torch"]["mvlgamma"])


# --- Bessel functions ------------------------------------------------------------------------------------------------


@op(input=lambda g, input, out, n, scaled: bessel_gradient(g, input, out, n, scaled), promote="float", on="", out=False)
def bessel_i(xp, input, n: int, scaled: bool):
    """I_n(x), the modified Bessel function of the first kind; `scaled`: times exp(-|x|)."""
    return evaluate(xp, lambda xp, x: bessel_i_of(xp, n, x, scaled), input, wide=True)


def bessel_i_of(xp: Any, n: int, x: Any, scaled: bool) -> Any:
    a = xp.absolute(x)
    near = xp.minimum(a, 20.0)
    t = near * near / 4
    terms = [1 / (math.factorial(k) * math.factorial(k + n)) for k in range(46)]
    out = polynomial(xp, t, terms[::-1])
    out *= (near / 2) ** n
    out *= xp.exp(-near) if scaled else 1
    patch(out, a > 20, lambda a: _bessel_far(xp, n, a, scaled), a)
    if n % 2:
        out = xp.copysign(out, x)
    return out


def _bessel_far(xp: Any, n: int, x: Any, scaled: bool) -> Any:
    """Hankel's asymptotic series; past 20 its terms shrink below double precision."""
    terms = [1.0]
    for k in range(1, 20):
        terms.append(terms[-1] * ((2 * k - 1) ** 2 - 4 * n * n) / (8 * k))
    if not scaled:
        x = x.clip(0, 1e4)  # where exp has long overflowed
    out = polynomial(xp, 1 / x, terms[::-1]) / xp.sqrt(2 * PI * x)
    if scaled:
        return out
    half = xp.exp(x / 2)  # exp(x) would overflow a little too early
    return out * half * half


def bessel_gradient(g: Any, x: Any, out: Any, n: int, scaled: bool) -> Any:
    """I_n' = (I_(n-1) + I_(n+1)) / 2, and I_(-1) = I_1."""
    slope = (F.bessel_i(x, builtin_abs(n - 1), scaled) + F.bessel_i(x, n + 1, scaled)) * 0.5
    return g * (slope - F.sign(x) * out) if scaled else g * slope


builtin_abs = abs


@composite(on="torch method special", inplace=True)
def i0(input):
    """The modified Bessel function of the first kind, of order 0."""
    return F.bessel_i(input, 0, False)


@composite(on="special")
def i1(input):
    """The modified Bessel function of the first kind, of order 1."""
    return F.bessel_i(input, 1, False)


@composite(on="special")
def i0e(input):
    """exp(-|x|) * i0(x)."""
    return F.bessel_i(input, 0, True)


@composite(on="special")
def i1e(input):
    """exp(-|x|) * i1(x)."""
    return F.bessel_i(input, 1, True)


for _name in ("erf_", "erfc_", "i0_"):
    FACES["torch"][_name] = getattr(Tensor, _name)
