"""Twins of functions of one number, for float32. Each loop is the formula; NumPy would pass through memory for every step of
it. (NumPy's own exp for float64 is as fast as a loop's.)
"""

import numpy as np
from numba.extending import register_jitable

from . import loop, rows, twin
from .numeric import exp, expm1, log1p, sigmoid


def _define(name, run, numbers):
    """The twin of an operation on one array and attributes: `numbers` makes of these what the loop takes."""

    @twin(name)
    def mapped(plain, input, *attributes):
        ready = rows(input) if input.dtype.char == "f" else None
        if ready is None:
            return plain(input, *attributes)
        out = np.empty_like(input)
        run(ready[0], out.reshape(-1), *map(np.float32, numbers(*attributes)))
        return out


@loop
def _sigmoid(x, out):
    for i in range(x.size):
        out[i] = sigmoid(x[i])


@loop
def _silu(x, out, one):
    for i in range(x.size):
        out[i] = x[i] / (one + exp(-x[i]))


@loop
def _elu(x, out, above, below, steepness):
    for i in range(x.size):
        out[i] = x[i] * above if x[i] > 0 else expm1(x[i] * steepness) * below


@loop
def _softplus(x, out, beta, threshold, share):
    for i in range(x.size):
        t = x[i] * beta
        curve = (max(t, x.dtype.type(0)) + log1p(exp(-abs(t)))) * share
        out[i] = x[i] if t > threshold else curve


@register_jitable(fastmath={"contract"})  # in order: x * e / (e + 2) would overflow
def _gate(e, two):
    """tanh(log(1 + e)) = ((1 + e)**2 - 1) / ((1 + e)**2 + 1)."""
    e *= e + two
    return e / (e + two)


@loop
def _mish(x, out, most, two):
    for i in range(x.size):
        gate = _gate(exp(most if x[i] > most else x[i]), two)
        out[i] = x[i] * gate


@loop
def _hardswish(x, out, three, six, sixth):
    for i in range(x.size):
        t = x[i] + three
        t = six if t > six else (x.dtype.type(0) if t < 0 else t)
        out[i] = t * x[i] * sixth


@loop
def _bowl(x, out, beta, half, share):
    for i in range(x.size):
        size = abs(x[i])
        low = beta if size > beta else size
        out[i] = (size - half * low) * low * share


_define("sigmoid", _sigmoid, lambda: ())
_define("silu", _silu, lambda inplace: (1,))
_define("scaled_elu", _elu, lambda alpha, scale, input_scale: (scale, alpha * scale, input_scale))
_define("softplus", _softplus, lambda beta, threshold: (beta, threshold, 1 / beta if beta else np.inf))
_define("mish", _mish, lambda inplace: (20, 2))
_define("hardswish", _hardswish, lambda inplace: (3, 6, 1 / 6))
_define("bowl", _bowl, lambda beta: (beta, 0.5, 1 / beta))
