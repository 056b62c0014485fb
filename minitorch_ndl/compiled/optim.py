"""Twins of the optimizers' updates: each parameter and its state pass through the cache once."""

import math

from . import loop, rows, twin


@loop
def _adam(p, g, m, v, keep1, keep2, correction, eps, rate):
    for i in range(p.size):
        m[i] += (g[i] - m[i]) * keep1
        v[i] += (g[i] * g[i] - v[i]) * keep2
        p[i] -= rate * m[i] / (math.sqrt(v[i]) * correction + eps)


@twin("adam")
def adam(plain, p, g, m, v, largest, betas, correction, eps, rate, scratch):
    ready = rows(p, g, m, v) if largest is None else None
    if ready is None:
        return plain(p, g, m, v, largest, betas, correction, eps, rate, scratch)
    number = p.dtype.type
    _adam(*ready, number(1 - betas[0]), number(1 - betas[1]), number(1 / correction), number(eps), number(rate))
