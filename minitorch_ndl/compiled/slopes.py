"""Twins of gradient formulas: what arrives, times the slope of a function of one number; for float32."""

import numpy as np

from . import loop, twin
from .elementwise import F32, SIXTH, THREE, TWO, ZERO
from .numeric import HALF, ONE, exp, f4, sigmoid


def _define(name, run, numbers=lambda *attributes: attributes):
    """The twin of a formula that takes `g`, the function's input or its output, and attributes."""

    @twin(name)
    def mapped(plain, g, saved, *attributes):
        if g.dtype is not F32 or saved.dtype is not F32 or g.shape != saved.shape or not saved.flags.c_contiguous:
            return plain(g, saved, *attributes)
        grad = np.empty(g.shape, F32)
        g = g if g.flags.c_contiguous else np.ascontiguousarray(g)  # such as one number for all
        run(g.reshape(-1), saved.reshape(-1), grad.reshape(-1), *map(float, numbers(*attributes)))
        return grad


# --- by their output --------------------------------------------------------------------------------------------------


@loop
def _sigmoid(g, y, grad):
    for i in range(g.size):
        grad[i] = (ONE - y[i]) * y[i] * g[i]


@loop
def _tanh(g, y, grad):
    for i in range(g.size):
        grad[i] = g[i] * (ONE - y[i] * y[i])


@loop
def _relu(g, y, grad):
    for i in range(g.size):
        grad[i] = g[i] if y[i] != 0 else ZERO


@loop
def _rsqrt(g, y, grad):
    for i in range(g.size):
        grad[i] = g[i] * y[i] * y[i] * y[i] * -HALF


# --- by their input ---------------------------------------------------------------------------------------------------


@loop
def _silu(g, x, grad):
    for i in range(g.size):
        s = sigmoid(x[i])
        grad[i] = g[i] * (s * (x[i] * (ONE - s) + ONE))


@loop
def _elu(g, x, grad, above, below, steepness):
    above, below, steepness = f4(above), f4(below), f4(steepness)
    for i in range(g.size):
        grad[i] = g[i] * (below * exp(x[i] * steepness) if x[i] <= 0 else above)


@loop
def _softplus(g, x, grad, beta, threshold):
    beta, threshold = f4(beta), f4(threshold)
    for i in range(g.size):
        t = x[i] * beta
        grad[i] = g[i] * (ONE if t > threshold else sigmoid(t))


@loop
def _logsigmoid(g, x, grad):
    for i in range(g.size):
        grad[i] = g[i] * sigmoid(-x[i])


@loop
def _mish(g, x, grad):
    for i in range(g.size):
        e = exp(f4(20) if x[i] > f4(20) else x[i])
        n = e * (e + TWO)  # (1 + e)**2 - 1; the gate is n / (n + 2), and its slope 4 e (1 + e) / (n + 2)**2
        slope = (n + f4(4) * x[i] * e * ((ONE + e) / (n + TWO))) / (n + TWO)
        grad[i] = g[i] * (ONE + ZERO * x[i] if x[i] > f4(20) else slope)  # NaN at infinity, where the formula has inf * 0


@loop
def _leaky_relu(g, x, grad, slope):
    slope = f4(slope)
    for i in range(g.size):
        grad[i] = g[i] if x[i] > 0 else g[i] * slope


@loop
def _hardtanh(g, x, grad, low, high):
    low, high = f4(low), f4(high)
    for i in range(g.size):
        grad[i] = ZERO if (x[i] <= low) | (x[i] >= high) else g[i]


@loop
def _hardsigmoid(g, x, grad):
    for i in range(g.size):
        grad[i] = g[i] * SIXTH if (x[i] > -THREE) & (x[i] < THREE) else ZERO


@loop
def _hardswish(g, x, grad):
    for i in range(g.size):
        slope = x[i] * (TWO * SIXTH) + HALF
        grad[i] = g[i] * (slope if (x[i] > -THREE) & (x[i] < THREE) else (ONE if x[i] >= THREE else ZERO))


@loop
def _abs(g, x, grad):
    for i in range(g.size):
        grad[i] = g[i] if x[i] > 0 else (-g[i] if x[i] < 0 else ZERO)


@loop
def _bowl(g, x, grad, steepness):
    steepness = f4(steepness)
    for i in range(g.size):
        t = x[i] * steepness
        grad[i] = g[i] * (-ONE if t < -ONE else (ONE if t > ONE else t))


@loop
def _erf(g, x, grad, steepest):
    steepest = f4(steepest)
    for i in range(g.size):
        grad[i] = g[i] * exp(-x[i] * x[i]) * steepest


_define("sigmoid.backward", _sigmoid)
_define("tanh.backward", _tanh)
_define("relu.backward", _relu)
_define("rsqrt.backward", _rsqrt)
_define("silu.backward", _silu)
_define("scaled_elu.backward", _elu, lambda alpha, scale, input_scale: (scale, alpha * scale * input_scale, input_scale))
_define("softplus.backward", _softplus)
_define("logsigmoid.backward", _logsigmoid)
_define("mish.backward", _mish)
_define("leaky_relu.backward", _leaky_relu)
_define("hardtanh.backward", _hardtanh)
_define("hardsigmoid.backward", _hardsigmoid)
_define("hardswish.backward", _hardswish)
_define("abs.backward", _abs)
_define("bowl.backward", _bowl, lambda beta: (1 / beta,))
_define("erf.backward", _erf, lambda: (2 / np.pi**0.5,))
_define("erfc.backward", _erf, lambda: (-2 / np.pi**0.5,))
