"""Functions for use inside loops, in forms that the compiler turns into vector instructions. float32 has these forms;
other dtypes take the mathematical library's, one element at a time.
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
# tanh(x) = x P(x**2) / Q(x**2) for |x| <= 7.9, from the Eigen library
P = tuple(map(f4, (4.89352455891786e-3, 6.37261928875436e-4, 1.48572235717979e-5, 5.12229709037114e-8,
                   -8.60467152213735e-11, 2.00018790482477e-13, -2.76076847742355e-16)))
Q = tuple(map(f4, (4.89352518554385e-3, 2.26843463243900e-3, 1.18534705686654e-4, 1.19825839466702e-6)))
# erf(x) = x A(x**2) / B(x**2) for |x| <= 4, from the Eigen library
A = tuple(map(f4, (-1.60960333262415e-2, -2.95459980854025e-3, -7.34990630326855e-4, -5.69250639462346e-5,
                   -2.10102402082508e-6, 2.77068142495902e-8, -2.72614225801306e-10)))
B = tuple(map(f4, (-1.42647390514189e-2, -7.37332916720468e-3, -1.68282697438203e-3, -2.13374055278905e-4,
                   -1.45660718464996e-5)))
ONE, FLAT = f4(1), f4(7.90531110763549805)


# Loops may add in any order; these functions would not bear it.
_IN_ORDER = {"fastmath": {"contract"}}


@register_jitable(**_IN_ORDER)
def _exp32(x):
    # Beyond these the result is infinite, or 0, whatever x is; NaN fails both comparisons and stays.
    x = f4(89) if x > f4(89) else (f4(-104) if x < f4(-104) else x)
    n = np.rint(x * LOG2_E)
    r = x - n * LN2_HIGH - n * LN2_LOW
    p = ((((E[5] * r + E[4]) * r + E[3]) * r + E[2]) * r + E[1]) * r + E[0]
    power = i4(n)
    half = power >> i4(1)  # 2**n in two factors: one alone could not reach the smallest and the largest results
    first, second = i4((half + i4(127)) << i4(23)).view(f4), i4((power - half + i4(127)) << i4(23)).view(f4)
    return (p * r * r + r + ONE) * first * second


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


def exp(x: Any) -> Any:
    """e**x."""


def tanh(x: Any) -> Any:
    """The hyperbolic tangent."""


def erf(x: Any) -> Any:
    """The error function."""


@overload(erf, jit_options=_IN_ORDER)
def _erf(x):
    return (lambda x: _erf32(x)) if x == types.float32 else (lambda x: math.erf(x))


@overload(exp, jit_options=_IN_ORDER)
def _exp(x):
    return (lambda x: _exp32(x)) if x == types.float32 else (lambda x: math.exp(x))


@overload(tanh, jit_options=_IN_ORDER)
def _tanh(x):
    return (lambda x: _tanh32(x)) if x == types.float32 else (lambda x: math.tanh(x))
