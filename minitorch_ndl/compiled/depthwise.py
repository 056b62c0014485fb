"""Convolutions that look at one channel at a time: as many groups as channels, one output of each or several.

A channel's image lies in one row here, with zeros around it. What a place of the kernel sees is that row from another
start, so that all loops are long ones over neighbours in memory. They also go over places where the kernel would see the
end of one line and the beginning of the next, or that a stride leaves out: nobody reads those results.
"""

import numpy as np

from . import loop
from .numeric import dot
from .threads import each

_RUNS = 16  # how many runs of channels may be worked on at the same time


@loop
def _spread(image, line, start, stride, out):
    """The lines of an image, `line` * stride[0] apart, its columns stride[1] apart, from `start` on; zeros elsewhere."""
    out[:] = 0
    for y in range(image.shape[0]):
        row, to = image[y], out[start + y * stride[0] * line:]
        for t in range(row.size):
            to[t * stride[1]] = row[t]


@loop
def _convolve(x, weight, bias, stride, padding, dilation, first, last, out):
    """The outputs of the channels from `first` to before `last`."""
    down, line, times = x.shape[2] + 2 * padding[0], x.shape[3] + 2 * padding[1], len(weight) // x.shape[1]
    size = (down - (weight.shape[2] - 1) * dilation[0]) * line - (weight.shape[3] - 1) * dilation[1]  # of all results
    wide, sums = np.empty(down * line, x.dtype), np.empty(size, x.dtype)
    for c in range(first, last):
        for n in range(len(x)):
            _spread(x[n, c], line, padding[0] * line + padding[1], (1, 1), wide)
            for o in range(c * times, (c + 1) * times):
                sums[:] = bias[o]
                for i in range(weight.shape[2]):
                    for j in range(weight.shape[3]):
                        factor, seen = weight[o, 0, i, j], wide[i * dilation[0] * line + j * dilation[1]:]
                        for q in range(size):
                            sums[q] += factor * seen[q]
                for y in range(out.shape[2]):
                    row, found = out[n, o, y], sums[y * stride[0] * line:]
                    for t in range(row.size):
                        row[t] = found[t * stride[1]]


@loop
def _gradients(x, weight, g, stride, padding, dilation, first, last, of_input, of_weight, grad, total):
    """The gradients of x and of weight for the channels from `first` to before `last`."""
    down, line, times = x.shape[2] + 2 * padding[0], x.shape[3] + 2 * padding[1], len(weight) // x.shape[1]
    size = (down - (weight.shape[2] - 1) * dilation[0]) * line - (weight.shape[3] - 1) * dilation[1]
    wide, back, given = np.empty(down * line, x.dtype), np.empty(down * line, x.dtype), np.empty(size, x.dtype)
    for c in range(first, last):
        for n in range(len(x)):
            if of_weight:
                _spread(x[n, c], line, padding[0] * line + padding[1], (1, 1), wide)
            back[:] = 0
            for o in range(c * times, (c + 1) * times):
                _spread(g[n, o], line, 0, stride, given)
                for i in range(weight.shape[2]):
                    for j in range(weight.shape[3]):
                        start = i * dilation[0] * line + j * dilation[1]
                        if of_weight:
                            total[o, 0, i, j] += dot(given, wide[start:start + size])
                        if of_input:
                            factor, to = weight[o, 0, i, j], back[start:]
                            for q in range(size):
                                to[q] += factor * given[q]
            if of_input:
                for y in range(x.shape[2]):
                    row, found = grad[n, c, y], back[(y + padding[0]) * line + padding[1]:]
                    for t in range(row.size):
                        row[t] = found[t]


def _each(channels, products, work):
    """Share out the channels, each of which is one thread's."""
    count = min(_RUNS, channels)
    each(count, lambda i: work(channels * i // count, channels * (i + 1) // count), pays=products > 1 << 23)


def convolve(x, weight, bias, stride, padding, dilation):
    """x (N, C, H, W), weight (m * C, 1, *kernel), bias (m * C) -> (N, m * C, down, across)."""
    x, weight = np.ascontiguousarray(x), np.ascontiguousarray(weight)
    out = np.empty((len(x), len(weight), *((n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in zip(
        x.shape[2:], weight.shape[2:], stride, padding, dilation, strict=True))), x.dtype)
    _each(x.shape[1], out.size * weight[0].size,
          lambda first, last: _convolve(x, weight, bias, stride, padding, dilation, first, last, out))
    return out


def gradients(x, weight, g, stride, padding, dilation, of_input, of_weight):
    """The gradients of x and of weight; None for what is not asked for, or might not be finite."""
    x, weight, g = (np.ascontiguousarray(a) for a in (x, weight, g))  # x for its shape only, where weight is not asked for
    of_input = of_input and np.isfinite(weight).all()  # zeros between the gradients meet all of the weight
    grad, total = np.empty(x.shape if of_input else (0, 0, 0, 0), x.dtype), np.zeros(weight.shape)
    _each(x.shape[1], g.size * weight[0].size, lambda first, last: _gradients(
        x, weight, g, stride, padding, dilation, first, last, of_input, of_weight, grad, total))
    total = total.astype(weight.dtype)
    return grad if of_input else None, total if of_weight and np.isfinite(total).all() else None
