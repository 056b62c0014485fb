"""Twins of functions of one number, or two, for float32. Each loop is the formula; NumPy would pass through memory for every
step of it. (NumPy's own exp for float64 is as fast as a loop's.)
"""

import math

import numpy as np
from numba.extending import register_jitable

from . import loop, twin
from .numeric import HALF, ONE, erf, exp, expm1, f4, log, log1p, sigmoid

F32 = np.dtype(np.float32)
ZERO, TWO, THREE, SIX, SIXTH = f4(0), f4(2), f4(3), f4(6), f4(1 / 6)


def _define(name, run, numbers=lambda *attributes: attributes):
    """The twin of an operation on one array and attributes: `numbers` makes of these what the loop takes, as floats;
    None: what the loop does not take."""

    @twin(name)
    def mapped(plain, input, *attributes):
        values = numbers(*attributes)
        if values is None or input.dtype is not F32 or not input.flags.c_contiguous:
            return plain(input, *attributes)
        out = np.empty(input.shape, F32)
        run(input.reshape(-1), out.reshape(-1), *map(float, values))
        return out


def without(inplace):
    """The numbers of operations whose only attribute says whether the result goes into the input: none."""
    return ()


@loop
def _sigmoid(x, out):
    for i in range(x.size):
        out[i] = sigmoid(x[i])


@loop
def _silu(x, out):
    for i in range(x.size):
        out[i] = x[i] / (ONE + exp(-x[i]))


@loop
def _elu(x, out, above, below, steepness):
    above, below, steepness = f4(above), f4(below), f4(steepness)
    for i in range(x.size):
        out[i] = x[i] * above if x[i] > 0 else expm1(x[i] * steepness) * below


@loop
def _softplus(x, out, beta, threshold, share):
    beta, threshold, share = f4(beta), f4(threshold), f4(share)
    for i in range(x.size):
        t = x[i] * beta
        curve = (max(t, ZERO) + log1p(exp(-abs(t)))) * share
        out[i] = x[i] if t > threshold else curve


@loop
def _logsigmoid(x, out):
    for i in range(x.size):
        out[i] = (x[i] if x[i] < 0 else ZERO) - log1p(exp(-abs(x[i])))


@register_jitable(fastmath={"contract"})  # in order: x * e / (e + 2) would overflow
def _gate(e):
    """tanh(log(1 + e)) = ((1 + e)**2 - 1) / ((1 + e)**2 + 1)."""
    e *= e + TWO
    return e / (e + TWO)


@loop
def _mish(x, out):
    for i in range(x.size):
        gate = _gate(exp(f4(20) if x[i] > f4(20) else x[i]))
        out[i] = x[i] * gate


@loop
def _relu(x, out):
    for i in range(x.size):
        out[i] = ZERO if x[i] <= 0 else x[i]  # NaN is not


@loop
def _leaky_relu(x, out, slope):
    slope = f4(slope)
    for i in range(x.size):
        out[i] = x[i] if x[i] > 0 else x[i] * slope


@loop
def _hardtanh(x, out, low, high):
    low, high = f4(low), f4(high)
    for i in range(x.size):
        t = low if x[i] < low else x[i]
        out[i] = high if t > high else t


@loop
def _hardsigmoid(x, out):
    for i in range(x.size):
        t = x[i] + THREE
        out[i] = (SIX if t > SIX else (ZERO if t < 0 else t)) * SIXTH


@loop
def _hardswish(x, out):
    for i in range(x.size):
        t = x[i] + THREE
        t = SIX if t > SIX else (ZERO if t < 0 else t)
        out[i] = t * x[i] * SIXTH


@loop
def _bowl(x, out, beta, share):
    beta, share = f4(beta), f4(share)
    for i in range(x.size):
        size = abs(x[i])
        low = beta if size > beta else size
        out[i] = (size - HALF * low) * low * share


@loop
def _erf(x, out):
    for i in range(x.size):
        out[i] = erf(x[i])


# exp(x**2) * erfc(x) = U(x) / V(x), as in ops/special_tables.py
U = tuple(map(f4, (1.0, 1.2395949, 0.73286104, 0.22982481, 0.032926705)))
V = tuple(map(f4, (1.0, 2.3679748, 2.4048247, 1.3277181, 0.40737975, 0.058360383)))


@loop
def _erfc(x, out):
    for i in range(x.size):
        a = f4(11) if abs(x[i]) > f4(11) else abs(x[i])  # erfc is 0 there
        square = np.float64(a) * np.float64(a)
        s = f4(square)
        power = exp(-s) * (ONE - f4(square - s))  # without what rounding the square would cost
        p = (((U[4] * a + U[3]) * a + U[2]) * a + U[1]) * a + U[0]
        q = ((((V[5] * a + V[4]) * a + V[3]) * a + V[2]) * a + V[1]) * a + V[0]
        right = power * (p / q)
        out[i] = TWO - right if x[i] < 0 else right


# erfinv(x) = x R(w) / S(w), where w = -log(1 - x**2), as there
R = tuple(map(f4, (0.8862269, 0.32485473, 0.06813566, 0.009708911, 0.0009309111, 5.6422086e-05, 3.8180764e-07)))
S = tuple(map(f4, (1.0, 0.104758956, 0.036429178, 0.0026810062, 0.00029977912, 6.349383e-06, 9.585367e-09)))


@loop
def _erfinv(x, out):
    for i in range(x.size):
        w = -log((ONE - x[i]) * (ONE + x[i]))
        w = f4(38) if w > f4(38) else w
        p = (((((R[6] * w + R[5]) * w + R[4]) * w + R[3]) * w + R[2]) * w + R[1]) * w + R[0]
        q = (((((S[6] * w + S[5]) * w + S[4]) * w + S[3]) * w + S[2]) * w + S[1]) * w + S[0]
        out[i] = x[i] * f4(np.inf) if abs(x[i]) == ONE else x[i] * (p / q)


@loop
def _rsqrt(x, out):
    for i in range(x.size):
        out[i] = ONE / f4(math.sqrt(x[i]))


@loop
def _sign(x, out):
    for i in range(x.size):
        out[i] = ONE if x[i] > 0 else (-ONE if x[i] < 0 else ZERO)


@loop
def _nan_to_num(x, out, nan, high, low):
    nan, high, low, most = f4(nan), f4(high), f4(low), f4(np.inf)
    for i in range(x.size):
        t = high if x[i] == most else (low if x[i] == -most else x[i])
        out[i] = nan if x[i] != x[i] else t


LARGEST = float(np.finfo(F32).max)

_define("sigmoid", _sigmoid)
_define("silu", _silu, without)
_define("scaled_elu", _elu, lambda alpha, scale, input_scale: (scale, alpha * scale, input_scale))
_define("softplus", _softplus, lambda beta, threshold: (beta, threshold, 1 / beta if beta else np.inf))
_define("logsigmoid", _logsigmoid)
_define("mish", _mish, without)
_define("relu", _relu)
_define("leaky_relu", _leaky_relu, lambda slope, inplace: (slope,))
_define("hardtanh", _hardtanh, lambda low, high, inplace: (low, high) if low <= high else None)
_define("hardsigmoid", _hardsigmoid, without)
_define("hardswish", _hardswish, without)
_define("bowl", _bowl, lambda beta: (beta, 1 / beta))
_define("erf", _erf)
_define("erfc", _erfc)
_define("erfinv", _erfinv)
_define("rsqrt", _rsqrt)
_define("sign", _sign)
_define("nan_to_num", _nan_to_num, lambda nan, high, low: (0 if nan is None else nan, LARGEST if high is None else high,
                                                           -LARGEST if low is None else low))


# --- of several numbers -----------------------------------------------------------------------------------------------


@loop
def _addcmul(x, a, b, out, value):
    value = f4(value)
    for i in range(x.size):
        out[i] = x[i] + value * a[i] * b[i]


@twin("addcmul")
def addcmul(plain, input, tensor1, tensor2, value):
    if not input.dtype is tensor1.dtype is tensor2.dtype is F32 or not input.shape == tensor1.shape == tensor2.shape \
            or not (input.flags.c_contiguous and tensor1.flags.c_contiguous and tensor2.flags.c_contiguous):
        return plain(input, tensor1, tensor2, value)
    out = np.empty(input.shape, F32)
    _addcmul(input.reshape(-1), tensor1.reshape(-1), tensor2.reshape(-1), out.reshape(-1), float(value))
    return out


@loop
def _hypot(a, b, out):
    for i in range(a.size):
        x, y = np.float64(a[i]), np.float64(b[i])
        out[i] = np.inf if (abs(x) == np.inf) | (abs(y) == np.inf) else math.sqrt(x * x + y * y)


@loop
def _logaddexp(a, b, out):
    for i in range(a.size):
        high = a[i] if a[i] > b[i] else b[i]
        gap = ZERO if a[i] == b[i] else abs(a[i] - b[i])  # of infinities, too
        out[i] = high + log1p(exp(-gap))


def _define_pair(name, run):
    """The twin of an operation on two arrays of one shape."""

    @twin(name)
    def mapped(plain, input, other):
        if not input.dtype is other.dtype is F32 or input.shape != other.shape \
                or not (input.flags.c_contiguous and other.flags.c_contiguous):
            return plain(input, other)
        out = np.empty(input.shape, F32)
        run(input.reshape(-1), other.reshape(-1), out.reshape(-1))
        return out


_define_pair("hypot", _hypot)
_define_pair("logaddexp", _logaddexp)


@loop
def _lerp(x, end, out, weight):
    weight = f4(weight)
    rest = ONE - weight
    for i in range(x.size):  # from whichever end is nearer: exact at both
        gap = end[i] - x[i]
        out[i] = x[i] + gap * weight if weight < HALF else end[i] - gap * rest


@twin("lerp")
def lerp(plain, input, end, weight):
    if not input.dtype is end.dtype is weight.dtype is F32 or weight.ndim or input.shape != end.shape \
            or not (input.flags.c_contiguous and end.flags.c_contiguous):
        return plain(input, end, weight)
    out = np.empty(input.shape, F32)
    _lerp(input.reshape(-1), end.reshape(-1), out.reshape(-1), float(weight))
    return out


@loop
def _fmod(a, b, out, step):
    """Whether all quotients are small enough for this: then they are exact enough in double precision, and what is left
    is exact."""
    most, fine = np.float64(2.0**28), 0
    for i in range(a.size):
        x, y = np.float64(a[i]), np.float64(b[i * step])
        quotient = x / y
        out[i] = math.copysign(x - np.float64(np.int32(quotient)) * y, x)
        fine += np.int64((abs(quotient) < most) & (abs(y) < np.inf))
    return fine == a.size


@loop
def _remainder(a, b, out, step):
    """The same, rounding the quotient down."""
    most, fine = np.float64(2.0**28), 0
    for i in range(a.size):
        x, y = np.float64(a[i]), np.float64(b[i * step])
        quotient = x / y
        whole = np.float64(np.int32(quotient))
        whole -= 1.0 if whole > quotient else 0.0
        out[i] = x - whole * y
        fine += np.int64((abs(quotient) < most) & (abs(y) < np.inf))
    return fine == a.size


def _define_division(name, run):
    @twin(name)
    def divided(plain, input, other):
        if input.dtype is F32 and other.dtype is F32 and input.flags.c_contiguous and other.flags.c_contiguous \
                and input.size and (other.shape == input.shape or not other.ndim):
            out = np.empty(input.shape, F32)
            if run(input.reshape(-1), other.reshape(-1), out.reshape(-1), 1 if other.ndim else 0):
                return out
        return plain(input, other)


_define_division("fmod", _fmod)
_define_division("remainder", _remainder)
