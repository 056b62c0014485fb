"""Twins of the nonlinearities."""

import numpy as np

from . import loop, rows, twin
from .numeric import erf, exp, tanh

FLAT_GELU, ROOT_HALF, ROOT_2_PI = 0.044715, 0.5**0.5, (2 * np.pi) ** 0.5


@loop
def _gelu(x, out, gate, half, root_half):
    for i in range(x.size):
        gate[i] = half + half * erf(x[i] * root_half)
        out[i] = x[i] * gate[i]


@loop
def _gelu_tanh(x, out, gate, half, scale, cube):
    for i in range(x.size):
        gate[i] = half + half * tanh(x[i] * (scale + cube * x[i] * x[i]))
        out[i] = x[i] * gate[i]


@twin("gelu")
def gelu(plain, input, approximate):
    ready = rows(input)
    if ready is None or approximate not in ("none", "tanh"):
        return plain(input, approximate)
    x, number = ready[0], input.dtype.type
    out, gate = np.empty_like(input), np.empty_like(input)
    if approximate == "none":
        _gelu(x, out.reshape(-1), gate.reshape(-1), number(0.5), number(ROOT_HALF))
    else:
        scale = 2 / ROOT_2_PI
        _gelu_tanh(x, out.reshape(-1), gate.reshape(-1), number(0.5), number(scale), number(scale * FLAT_GELU))
    return out, input, gate, approximate


@loop
def _gelu_backward(x, gate, g, grad, half, density):
    for i in range(x.size):
        grad[i] = g[i] * (gate[i] + x[i] * density * exp(-half * x[i] * x[i]))


@loop
def _gelu_tanh_backward(x, gate, g, grad, one, scale, cube):
    for i in range(x.size):  # the slope of tanh(u) is 4 * gate * (1 - gate)
        slope = gate[i] * (one - gate[i]) * (scale + cube * x[i] * x[i])
        grad[i] = g[i] * (gate[i] + x[i] * slope)


@twin("gelu.backward")
def gelu_backward(plain, needs, g, x, gate, approximate):
    ready = rows(g, x, gate)
    if ready is None:
        return plain(needs, g, x, gate, approximate)
    number, grad = g.dtype.type, np.empty_like(g)
    row_g, row_x, row_gate = ready
    if approximate == "none":
        _gelu_backward(row_x, row_gate, row_g, grad.reshape(-1), number(0.5), number(1 / ROOT_2_PI))
    else:
        scale = 4 / ROOT_2_PI
        _gelu_tanh_backward(row_x, row_gate, row_g, grad.reshape(-1), number(1), number(scale), number(3 * scale * FLAT_GELU))
    return grad
