"""Twins of the normalizations: of rows (layer norm, RMS norm) and of channels (batch norm, instance norm).

Sums of float32 are taken over stretches that are too short to lose anything; these are added up in float64.
"""

import math

import numpy as np

from . import loop, twin
from .numeric import STRETCH, deviation, dot, total


@loop
def _rows(x, weight, bias, eps, center, normal, out, scales):
    rows, n = x.shape
    for i in range(rows):
        mean = x.dtype.type(total(x[i]) / n if center else 0)
        scale = x.dtype.type(1 / math.sqrt(deviation(x[i], mean) / n + eps))
        scales[i] = scale
        for j in range(n):
            z = (x[i, j] - mean) * scale
            normal[i, j] = z
            out[i, j] = z * weight[j] + bias[j]


@loop
def _rows_backward(g, normal, scales, weight, center, grad, of_weight, of_bias):
    rows, n = g.shape
    for start in range(0, rows, STRETCH):
        products, sums = np.zeros(n, g.dtype), np.zeros(n, g.dtype)
        for i in range(start, min(start + STRETCH, rows)):
            along = across = g.dtype.type(0)  # the means of h * y and of h, for h = g * weight
            for j in range(n):
                h = g[i, j] * weight[j]
                along += h * normal[i, j]
                across += h
            along = g.dtype.type(along / n)
            across = g.dtype.type(across / n if center else 0)
            scale = scales[i]
            for j in range(n):
                x, y = g[i, j], normal[i, j]
                grad[i, j] = scale * (x * weight[j] - across - y * along)
                products[j] += x * y
                sums[j] += x
        of_weight += products
        of_bias += sums


@loop
def _channels(x, weight, bias, eps, own, means, variances, normal, out, scales):
    images, channels, n = x.shape
    for c in range(channels):
        mean, variance, w, b = means[c], variances[c], weight[c], bias[c]
        if own:
            sums = squares = 0.0
            for i in range(images):
                sums += total(x[i, c])
            mean = x.dtype.type(sums / (images * n))
            for i in range(images):
                squares += deviation(x[i, c], mean)
            variance = x.dtype.type(squares / (images * n))
            means[c], variances[c] = mean, variance
        scale = x.dtype.type(1 / math.sqrt(variance + eps))
        scales[c] = scale
        for i in range(images):
            row, y, to = x[i, c], normal[i, c], out[i, c]
            for j in range(n):
                z = (row[j] - mean) * scale
                y[j] = z
                to[j] = z * w + b


@loop
def _channels_backward(g, normal, scales, weight, own, grad, of_weight, of_bias):
    images, channels, n = g.shape
    for c in range(channels):
        along = across = 0.0  # the sums of g * y and of g
        for i in range(images):
            along += dot(g[i, c], normal[i, c])
            across += total(g[i, c])
        of_weight[c], of_bias[c] = along, across
        factor = scales[c] * weight[c]
        slope = g.dtype.type(along / (images * n) if own else 0)
        shift = g.dtype.type(across / (images * n) if own else 0)
        for i in range(images):
            row, y, to = g[i, c], normal[i, c], grad[i, c]
            for j in range(n):
                to[j] = factor * (row[j] - shift - y[j] * slope)


def _ready(x, *others):
    return (x.dtype.char in "fd" and x.dtype.isnative and x.size and x.flags.c_contiguous
            and all(a is None or (a.dtype == x.dtype and a.flags.c_contiguous) for a in others))


def _kind(x, axes, shape):
    """Whether the mean is that of "rows", of channels in a "batch" or in each "image"; None for anything else."""
    first, n = (axes[0] if axes else 0), x.ndim
    if axes and axes == tuple(range(first, n)) and shape == (1,) * first + x.shape[first:]:
        return "rows"
    if n > 1 and shape == (1, x.shape[1], *(1,) * (n - 2)):
        if axes == (0, *range(2, n)) and n > 2:
            return "batch"
        if axes == tuple(range(2, n)):
            return "image"
    return None


def _row(value, shape, fill):
    """Weight or bias, one for each row; where there is none, what changes nothing."""
    return np.full(shape, fill) if value is None else value.reshape(-1)


@twin("standardize")
def standardize(plain, input, weight, bias, mean, var, axes, shape, eps, center, moments):
    kind, own, x = _kind(input, axes, shape), mean is None, input
    fits = own and moments is None if kind == "rows" else center
    if kind is None or not fits or not _ready(x, weight, bias, mean, var):
        return plain(input, weight, bias, mean, var, axes, shape, eps, center, moments)
    normal, out, number = np.empty_like(x), np.empty_like(x), x.dtype.type
    kept = tuple(1 if i in axes else k for i, k in enumerate(x.shape))  # the shape of the means
    if kind == "rows":
        n = math.prod(shape)
        scale = np.empty(kept, x.dtype)
        _rows(x.reshape(-1, n), _row(weight, n, number(1)), _row(bias, n, number(0)), eps, center, normal.reshape(-1, n),
              out.reshape(-1, n), scale.reshape(-1))
    else:
        channels, copies = x.shape[1], 1
        if kind == "image" and own:  # each image's channel is a channel of its own
            channels, copies = x.shape[0] * x.shape[1], x.shape[0]
        cut = (-1 if copies == 1 else 1, channels, math.prod(x.shape[2:]))
        if own:
            mean, var = np.empty(kept, x.dtype), np.empty(kept, x.dtype)
            if moments is not None:
                moments.extend((mean, var))
        scale = np.empty(kept if own else shape, x.dtype)
        weights, biases = (np.tile(_row(value, x.shape[1], number(fill)), copies) for value, fill in ((weight, 1), (bias, 0)))
        _channels(x.reshape(cut), weights, biases, eps, own, mean.reshape(-1), var.reshape(-1), normal.reshape(cut),
                  out.reshape(cut), scale.reshape(-1))
    return out, normal, scale, weight, bias, axes if own else None, shape, center


@twin("standardize.backward")
def standardize_backward(plain, needs, g, normal, scale, weight, bias, axes, shape, center):
    kind = "batch" if axes is None else _kind(normal, axes, shape)
    if kind is None or not _ready(normal, g, scale, weight) or (kind != "rows" and not (center and normal.ndim > 2
                                                                                        and shape[1:2] == normal.shape[1:2])):
        return plain(needs, g, normal, scale, weight, bias, axes, shape, center)
    grad, number = np.empty_like(normal), normal.dtype.type
    if kind == "rows":
        n = math.prod(shape)
        of_weight, of_bias = np.zeros((2, n))
        _rows_backward(g.reshape(-1, n), normal.reshape(-1, n), scale.reshape(-1), _row(weight, n, number(1)), center,
                       grad.reshape(-1, n), of_weight, of_bias)
    else:
        channels, copies = (normal.shape[1], 1) if kind == "batch" else (scale.size, normal.shape[0])
        cut = (-1 if copies == 1 else 1, channels, math.prod(normal.shape[2:]))
        of_weight, of_bias = np.empty((2, channels))
        _channels_backward(g.reshape(cut), normal.reshape(cut), scale.reshape(-1),
                           np.tile(_row(weight, normal.shape[1], number(1)), copies), axes is not None, grad.reshape(cut),
                           of_weight, of_bias)
        of_weight, of_bias = (a.reshape(copies, -1).sum(0) for a in (of_weight, of_bias))
    return grad, *(None if value is None else a.astype(value.dtype).reshape(value.shape)
                   for a, value in ((of_weight, weight), (of_bias, bias)))
