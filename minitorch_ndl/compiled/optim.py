"""Twins of the optimizers' updates: each parameter and its state pass through the cache once.

New values are named before they are stored: what is read back from an array costs half of a loop's time.
"""

import math

from . import loop, rows, twin


@loop
def _adam(p, g, m, v, keep1, keep2, correction, eps, rate):
    for i in range(p.size):
        first = m[i] + (g[i] - m[i]) * keep1
        second = v[i] + (g[i] * g[i] - v[i]) * keep2
        m[i], v[i] = first, second
        p[i] -= rate * first / (math.sqrt(second) * correction + eps)


@twin("adam")
def adam(plain, p, g, m, v, largest, betas, correction, eps, rate, scratch):
    ready = rows(p, g, m, v) if largest is None else None
    if ready is None:
        return plain(p, g, m, v, largest, betas, correction, eps, rate, scratch)
    number = p.dtype.type
    _adam(*ready, number(1 - betas[0]), number(1 - betas[1]), number(1 / correction), number(eps), number(rate))


@loop
def _moving(p, g, b, momentum, damping, lr):
    for i in range(p.size):
        b[i] = velocity = momentum * b[i] + damping * g[i]
        p[i] -= lr * velocity


@loop
def _nesterov(p, g, b, momentum, damping, lr):
    for i in range(p.size):
        b[i] = velocity = momentum * b[i] + damping * g[i]
        p[i] -= lr * (g[i] + momentum * velocity)


@twin("moving")
def moving(plain, p, g, b, momentum, damping, nesterov, lr, scratch):
    ready = rows(p, g, b)
    if ready is None:
        return plain(p, g, b, momentum, damping, nesterov, lr, scratch)
    number = p.dtype.type
    (_nesterov if nesterov else _moving)(*ready, number(momentum), number(damping), number(lr))
