"""Convolutions and padding. References: the definition, one number at a time, and `np.pad`."""

import itertools

import numpy as np

from tests.samples import Sample

rng = np.random.default_rng(0)


def naive(x, w, stride, padding, dilation, groups):
    """The convolution by its definition."""
    o, c, *kernel = w.shape
    out = [(n + 2 * p - d * (k - 1) - 1) // s + 1
           for n, k, s, p, d in zip(x.shape[2:], kernel, stride, padding, dilation, strict=True)]
    y = np.zeros((x.shape[0], o, *out))
    for channel, at, inner, k in itertools.product(range(o), np.ndindex(*out), range(c), np.ndindex(*kernel)):
        place = [a * s + i * d - p for a, s, i, d, p in zip(at, stride, k, dilation, padding, strict=True)]
        if all(0 <= q < n for q, n in zip(place, x.shape[2:], strict=True)):
            first = channel // (o // groups) * c
            y[(slice(None), channel, *at)] += x[(slice(None), first + inner, *place)] * w[(channel, inner, *k)]
    return y


def by_linearity(shape, function):
    """The transpose of a linear map, from what the map does to each unit: out[i] = <function(unit i), g>."""
    out = np.zeros(shape)
    for i in np.ndindex(*shape):
        unit = np.zeros(shape)
        unit[i] = 1
        out[i] = function(unit)
    return out


X, W = rng.normal(size=(2, 4, 5, 4)), rng.normal(size=(4, 2, 2, 3))
OPTIONS = ((2, 1), (1, 1), (1, 1), 2)  # stride, padding, dilation, groups
Y = naive(X, W, *OPTIONS)
BIAS = rng.normal(size=4)
LINE, KERNEL = rng.normal(size=(1, 2, 7)), rng.normal(size=(3, 2, 2))
PADS = ((0, 0), (1, 2), (-1, 1))
PLANE = rng.normal(size=(2, 4, 5))

SAMPLES = {
    "convolve": [Sample((X, W, *OPTIONS), reference=naive), Sample((LINE, KERNEL, (1,), (0,), (2,), 1), reference=naive)],
    "convolution": [Sample((X, W, BIAS, *OPTIONS), reference=lambda x, w, bias, *rest: naive(x, w, *rest) + bias[:, None, None]),
                    Sample((LINE, KERNEL, None, (1,), (0,), (2,), 1), reference=lambda x, w, _, *rest: naive(x, w, *rest))],
    "convolve_input": [Sample((Y, W, X.shape[2:], *OPTIONS), reference=lambda g, w, size, *rest: by_linearity(
        (2, 4, *size), lambda unit: (naive(unit, w, *rest) * g).sum()))],
    "convolve_weight": [Sample((X, Y, W.shape[2:], *OPTIONS), reference=lambda x, g, size, *rest: by_linearity(
        (4, 2, *size), lambda unit: (naive(x, unit, *rest) * g).sum()))],
    "pad_constant": [Sample((PLANE, PADS, 1.5), reference=lambda x, pads, value: np.pad(
        x, [(max(a, 0), max(b, 0)) for a, b in pads], constant_values=value)[:, :, 1:])],
    "pad_copied": [Sample((PLANE, ((0, 0), (1, 2), (2, 1)), mode), reference=lambda x, pads, mode: np.pad(
        x, pads, mode={"replicate": "edge", "circular": "wrap"}.get(mode, mode)))
        for mode in ("reflect", "replicate", "circular")],
    "pad_copied_backward": [Sample((rng.normal(size=(2, 7, 8)), (2, 4, 5), ((0, 0), (1, 2), (2, 1)), mode))
                            for mode in ("reflect", "replicate", "circular")],
}
