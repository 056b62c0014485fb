"""Functions for use inside loops, in forms that the compiler turns into vector instructions. float32 has these forms;
float64 takes the mathematical library's, one element at a time, for all but exp.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba.core import types
from numba.extending import overload, register_jitable

f4, i4 = np.float32, np.int32
LOG2_E, LN2_HIGH, LN2_LOW = f4(1.44269504), f4(0.693359375), f4(-2.12194440e-4)
# exp(r) = 1 + r + r**2 * E(r) for |r| <= log(2)/2, from the Cephes library
E = tuple(map(f4, (5.0000001201e-1, 1.6666665459e-1, 4.1665795894e-2, 8.3334519073e-3, 1.3981999507e-3, 1.9875691500e-4)))
# the same for float64: exp(r) = 1 + 2 p / (q - p), where p = r D(r**2) and q = G(r**2)
D = (9.99999999999999999910e-1, 3.02994407707441961300e-2, 1.26177193074810590878e-4)
G = (2.00000000000000000005, 2.27265548208155028766e-1, 2.52448340349684104192e-3, 3.00198505138664455042e-6)
# tanh(x) = x P(x**2) / Q(x**2) for |x| <= 7.9, from the Eigen library
P = tuple(map(f4, (4.89352455891786e-3, 6.37261928875436e-4, 1.48572235717979e-5, 5.12229709037114e-8,
                   -8.60467152213735e-11, 2.00018790482477e-13, -2.76076847742355e-16)))
Q = tuple(map(f4, (4.89352518554385e-3, 2.26843463243900e-3, 1.18534705686654e-4, 1.19825839466702e-6)))
# erf(x) = x A(x**2) / B(x**2) for |x| <= 4, from the Eigen library
A = tuple(map(f4, (-1.60960333262415e-2, -2.95459980854025e-3, -7.34990630326855e-4, -5.69250639462346e-5,
                   -2.10102402082508e-6, 2.77068142495902e-8, -2.72614225801306e-10)))
B = tuple(map(f4, (-1.42647390514189e-2, -7.37332916720468e-3, -1.68282697438203e-3, -2.13374055278905e-4,
                   -1.45660718464996e-5)))
# log(1 + f) = f - f**2 / 2 + f**3 L(f) for 1 + f from sqrt(1/2) to sqrt(2), from the Cephes library
L = tuple(map(f4, (3.3333331174e-1, -2.4999993993e-1, 2.0000714765e-1, -1.6668057665e-1, 1.4249322787e-1, -1.2420140846e-1,
                   1.1676998740e-1, -1.1514610310e-1, 7.0376836292e-2)))
ONE, HALF, FLAT = f4(1), f4(0.5), f4(7.90531110763549805)


# Loops may add in any order; these functions would not bear it.
_IN_ORDER = {"fastmath": {"contract"}}


@register_jitable(**_IN_ORDER)
def _exp_parts(x):
    """exp(x) = (1 + rest) * first * second, where the factors are powers of 2: one alone could not reach the smallest and
    the largest results."""
    # Beyond these the result is infinite, or 0, whatever x is; NaN fails both comparisons and stays.
    x = f4(89) if x > f4(89) else (f4(-104) if x < f4(-104) else x)
    n = np.rint(x * LOG2_E)
    r = x - n * LN2_HIGH - n * LN2_LOW
    p = ((((E[5] * r + E[4]) * r + E[3]) * r + E[2]) * r + E[1]) * r + E[0]
    power = i4(n)
    half = power >> i4(1)
    first, second = i4((half + i4(127)) << i4(23)).view(f4), i4((power - half + i4(127)) << i4(23)).view(f4)
    return p * r * r + r, first, second


@register_jitable(**_IN_ORDER)
def _exp32(x):
    rest, first, second = _exp_parts(x)
    return (rest + ONE) * first * second


@register_jitable(**_IN_ORDER)
def _exp64(x):
    x = 710.0 if x > 710.0 else (-746.0 if x < -746.0 else x)
    n = np.rint(x * 1.4426950408889634)
    r = x - n * 6.93145751953125e-1 - n * 1.42860682030941723212e-6
    s = r * r
    p = r * ((D[2] * s + D[1]) * s + D[0])
    p /= (((G[3] * s + G[2]) * s + G[1]) * s + G[0]) - p
    power = np.int64(i4(n))  # by way of int32, which more processors can do for several at once
    half = power >> 1
    first, second = np.int64((half + 1023) << 52).view(np.float64), np.int64((power - half + 1023) << 52).view(np.float64)
    return (1.0 + 2.0 * p) * first * second


@register_jitable(**_IN_ORDER)
def _expm132(x):
    rest, first, second = _exp_parts(x)
    return (rest * first + (first - ONE / second)) * second  # at small x the factors are 1, and `rest` is not rounded


@register_jitable(**_IN_ORDER)
def _log1p32(x):
    large = x > f4(0.41421356)
    f = (x - ONE) * HALF if large else x  # log(1 + x) = log((1 + x) / 2) + log(2)
    p = ((((((((L[8] * f + L[7]) * f + L[6]) * f + L[5]) * f + L[4]) * f + L[3]) * f + L[2]) * f + L[1]) * f + L[0]) * f * f * f
    p -= HALF * f * f
    return (f + (p + LN2_LOW)) + LN2_HIGH if large else f + p


@register_jitable(**_IN_ORDER)
def _log32(x):
    tiny = x < f4(1.17549435e-38)
    bits = f4(x * f4(8388608) if tiny else x).view(i4)
    n = i4(bits - i4(0x3F3504F3)) >> i4(23)  # x = 2**n (1 + f)
    f = i4(bits - i4(n << i4(23))).view(f4) - ONE
    power = f4(n) - (f4(23) if tiny else f4(0))
    p = ((((((((L[8] * f + L[7]) * f + L[6]) * f + L[5]) * f + L[4]) * f + L[3]) * f + L[2]) * f + L[1]) * f + L[0]) * f * f * f
    p -= HALF * f * f
    out = (f + (p + power * LN2_LOW)) + power * LN2_HIGH
    out = out if x > 0 else (f4(-np.inf) if x == 0 else f4(np.nan))
    return x if x == f4(np.inf) else out


@register_jitable(**_IN_ORDER)
def _tanh32(x):
    t = FLAT if x > FLAT else (-FLAT if x < -FLAT else x)
    s = t * t
    p = (((((P[6] * s + P[5]) * s + P[4]) * s + P[3]) * s + P[2]) * s + P[1]) * s + P[0]
    t *= p / (((Q[3] * s + Q[2]) * s + Q[1]) * s + Q[0])
    return ONE if x > f4(9.01) else (-ONE if x < f4(-9.01) else t)


@register_jitable(**_IN_ORDER)
def _erf32(x):
    t = f4(4) if x > f4(4) else (f4(-4) if x < f4(-4) else x)
    s = t * t
    p = (((((A[6] * s + A[5]) * s + A[4]) * s + A[3]) * s + A[2]) * s + A[1]) * s + A[0]
    t *= p / ((((B[4] * s + B[3]) * s + B[2]) * s + B[1]) * s + B[0])
    return ONE if x >= f4(4) else (-ONE if x <= f4(-4) else t)


# Sums may be taken in another order, as in loops. Indices count from 0, on slices: otherwise compilers see no vectors.
_ANY_ORDER = {"fastmath": {"reassoc", "contract", "nsz"}}
STRETCH = 512  # so many float32 numbers may be added up without a loss


@register_jitable(**_ANY_ORDER)
def _sum(row):
    out = row.dtype.type(0)
    for j in range(row.size):
        out += row[j]
    return out


@register_jitable(**_ANY_ORDER)
def _squares(row, mean):
    out = row.dtype.type(0)
    for j in range(row.size):
        out += (row[j] - mean) * (row[j] - mean)
    return out


@register_jitable(**_ANY_ORDER)
def _products(a, b):
    out = a.dtype.type(0)
    for j in range(a.size):
        out += a[j] * b[j]
    return out


@register_jitable(**_ANY_ORDER)
def total(row):
    """The sum of a row."""
    out = 0.0
    for start in range(0, row.size, STRETCH):
        out += _sum(row[start:start + STRETCH])
    return out


@register_jitable(**_ANY_ORDER)
def deviation(row, mean):
    """The sum of a row's (x - mean)**2."""
    out = 0.0
    for start in range(0, row.size, STRETCH):
        out += _squares(row[start:start + STRETCH], mean)
    return out


@register_jitable(**_ANY_ORDER)
def dot(a, b):
    """The sum of the products of two rows."""
    out = 0.0
    for start in range(0, a.size, STRETCH):
        out += _products(a[start:start + STRETCH], b[start:start + STRETCH])
    return out


def exp(x: Any) -> Any:
    """e**x."""


def expm1(x: Any) -> Any:
    """e**x - 1."""


def log(x: Any) -> Any:
    """The natural logarithm."""


def log1p(x: Any) -> Any:
    """log(1 + x), for x from 0 to 1."""


def sigmoid(x: Any) -> Any:
    """1 / (1 + e**-x)."""


def largest(row: Any) -> Any:
    """The largest element of a row that is not empty; NaN, or any other, if it contains a NaN."""


def tanh(x: Any) -> Any:
    """The hyperbolic tangent."""


def erf(x: Any) -> Any:
    """The error function."""


@overload(erf, jit_options=_IN_ORDER)
def _erf(x):
    return (lambda x: _erf32(x)) if x == types.float32 else (lambda x: math.erf(x))


@overload(exp, jit_options=_IN_ORDER)
def _exp(x):
    return (lambda x: _exp32(x)) if x == types.float32 else (lambda x: _exp64(x))


@overload(tanh, jit_options=_IN_ORDER)
def _tanh(x):
    return (lambda x: _tanh32(x)) if x == types.float32 else (lambda x: math.tanh(x))


@overload(expm1, jit_options=_IN_ORDER)
def _expm1(x):
    return (lambda x: _expm132(x)) if x == types.float32 else (lambda x: math.expm1(x))


@overload(log, jit_options=_IN_ORDER)
def _log(x):
    return (lambda x: _log32(x)) if x == types.float32 else (lambda x: math.log(x))


@overload(log1p, jit_options=_IN_ORDER)
def _log1p(x):
    return (lambda x: _log1p32(x)) if x == types.float32 else (lambda x: math.log1p(x))


@overload(sigmoid, jit_options=_IN_ORDER)
def _sigmoid(x):
    one = f4(1) if x == types.float32 else 1.0
    return lambda x: one / (one + exp(-x))


@overload(largest)
def _largest(row):
    """Compilers find the largest integer of many at once, but not the largest float: they would have to mind NaN. Read as
    integers, floats are in the right order, once those below zero are turned round."""
    integer, bits = (i4, 31) if row.dtype == types.float32 else (np.int64, 63)
    shift, low = integer(bits), integer(2**bits - 1)

    def find(row):
        numbers = row.view(integer)
        top = integer(-low)
        for i in range(numbers.size):
            top = max(top, numbers[i] ^ (numbers[i] >> shift & low))
        return integer(top ^ (top >> shift & low)).view(row.dtype)

    return find
