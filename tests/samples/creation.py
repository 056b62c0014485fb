"""Copies, conversions, and draws whose outcome is certain."""

import numpy as np

from tests.samples import Sample

rng = np.random.default_rng(0)
x = rng.standard_normal((2, 3))
certain = np.array([[0.0, 1.0, 1.0], [1.0, 0.0, 0.0]])


def constant(value):
    return lambda a, *rest, **how: np.full_like(a, value)


SAMPLES = {
    "clone": [Sample((x,), reference=np.copy), Sample((x.T,), reference=np.copy)],
    "to_copy": [Sample((x, np.dtype("float64")), reference=lambda a, d: a.astype(d)),
                Sample((x, np.dtype("float32")), reference=lambda a, d: a.astype(d), grad=False),
                Sample((x * 9, np.dtype("int64")), reference=lambda a, d: a.astype(d), grad=False)],
    "to_device": [Sample((x, "cpu", "cpu"), reference=lambda a, *places: a)],
    "fill": [Sample((x, 2.5), reference=lambda a, v: np.full_like(a, v)),
             Sample((x, np.asarray(1.5)), reference=lambda a, v: np.full_like(a, v))],
    "zeroed": [Sample((x,), reference=np.zeros_like, grad=False)],
    "bernoulli": [Sample((certain,), reference=np.copy, grad=False),
                  Sample((x, 1.0), reference=constant(1), grad=False)],
    "poisson": [Sample((np.zeros((2, 3)),), reference=np.copy, grad=False)],
    "uniform": [Sample((x, 2.0, 2.0), reference=constant(2), grad=False)],
    "normal": [Sample((x, 2.0, 0.0), reference=constant(2), grad=False)],
    "normal_about": [Sample((x, np.zeros(3), np.dtype("float64")), reference=lambda m, s, d: m, grad=False)],
    "random": [Sample((x, 5, 6), reference=constant(5), grad=False)],
    "multinomial": [Sample((np.eye(2), 1, True), reference=lambda p, n, r: np.array([[0], [1]]), grad=False)],
    "exponential": [Sample((x, float("inf")), reference=constant(0), grad=False)],
    "geometric": [Sample((x, 0.5), grad=False)],
    "log_normal": [Sample((x,), grad=False)],
    "cauchy": [Sample((x,), grad=False)],
    "contiguous": [Sample((x.T,), reference=np.copy)],
}
