"""Twins of softmax and log_softmax along the last dimension, and of the losses made of them.

For each row: its largest element, which is subtracted so that no exponential overflows; the exponentials; their sum. A row
that contains NaN or inf, or only -inf, becomes NaN.
"""

import math

import numpy as np

from . import loop, twin
from .numeric import dot, exp, largest, total

BLOCK = 4096  # rows go through in groups of so many elements, which stay in the cache from one loop to the next


@loop
def exponentials(x):
    """Exponentials, in place. Many rows at once, for vectors don't fit well into short rows."""
    flat = x.reshape(-1)
    for j in range(flat.size):
        flat[j] = exp(flat[j])


@loop
def _softmax(x, out):
    rows, n = x.shape
    step = max(1, BLOCK // n)
    for start in range(0, rows, step):
        block, to = x[start:start + step], out[start:start + step]
        for i in range(len(block)):
            top = largest(block[i])
            for j in range(n):
                to[i, j] = block[i, j] - top
        exponentials(to)
        for i in range(len(block)):
            share = x.dtype.type(1 / total(to[i]))
            for j in range(n):
                to[i, j] *= share


@loop
def _log_softmax(x, out):
    rows, n = x.shape
    step = max(1, BLOCK // n)
    work = np.empty((min(step, rows), n), x.dtype)
    for start in range(0, rows, step):
        block, to = x[start:start + step], out[start:start + step]
        e = work[:len(block)]
        for i in range(len(block)):
            top = largest(block[i])
            for j in range(n):
                to[i, j] = e[i, j] = block[i, j] - top
        exponentials(e)
        for i in range(len(block)):
            log = x.dtype.type(math.log(total(e[i])))
            for j in range(n):
                to[i, j] -= log


@loop
def _softmax_backward(g, out, grad):
    for i in range(g.shape[0]):
        row, y, to = g[i], out[i], grad[i]
        along = row.dtype.type(dot(row, y))
        for j in range(row.size):
            to[j] = y[j] * (row[j] - along)


@loop
def _log_softmax_backward(g, out, grad):
    rows, n = g.shape
    step = max(1, BLOCK // n)
    for start in range(0, rows, step):
        block, y, to = g[start:start + step], out[start:start + step], grad[start:start + step]
        for i in range(len(block)):
            for j in range(n):
                to[i, j] = y[i, j]
        exponentials(to)
        for i in range(len(block)):
            sums = g.dtype.type(total(block[i]))
            for j in range(n):
                to[i, j] = block[i, j] - to[i, j] * sums


def _in_rows(dim, *arrays):
    """Arrays of one shape as (rows, size), where `dim` is the last; None for what the loops don't take."""
    shape, dtype, out = arrays[0].shape, arrays[0].dtype, []
    if not shape or 0 in shape or dim not in (-1, len(shape) - 1) or dtype.char not in "fd" or not dtype.isnative:
        return None
    for a in arrays:
        if a.dtype != dtype or a.shape != shape or not a.flags.c_contiguous:
            return None
        out.append(a if len(shape) == 2 else a.reshape(-1, shape[-1]))
    return out


def _define(name, forward, backward):
    @twin(name)
    def run(plain, input, dim, dtype):
        ready = _in_rows(dim, input)
        if ready is None:
            return plain(input, dim, dtype)
        out = np.empty_like(input)
        forward(*ready, out.reshape(ready[0].shape))
        return out, out, input.ndim - 1

    @twin(name + ".backward")
    def run_backward(plain, needs, g, out, dim):
        ready = _in_rows(dim, g, out)
        if ready is None:
            return plain(needs, g, out, dim)
        grad = np.empty_like(g)
        backward(*ready, grad.reshape(ready[0].shape))
        return grad


_define("softmax", _softmax, _softmax_backward)
_define("log_softmax", _log_softmax, _log_softmax_backward)


# --- of labels --------------------------------------------------------------------------------------------------------


@loop
def _cross_entropy(x, labels, losses, e, sums, places):
    """Whether all labels are classes."""
    rows, classes = x.shape
    step = max(1, BLOCK // classes)
    for start in range(0, rows, step):
        stop = min(start + step, rows)
        for i in range(start, stop):
            label, top = labels[i], largest(x[i])
            if label < 0 or label >= classes:
                return False
            for j in range(classes):
                e[i, j] = x[i, j] - top
            places[i] = i * classes + label
            losses[i] = e[i, label]
        exponentials(e[start:stop])
        for i in range(start, stop):
            sums[i] = total(e[i])
            losses[i] = x.dtype.type(math.log(sums[i])) - losses[i]
    return True


@loop
def _cross_entropy_backward(share, e, sums, places, grad):
    to, step = grad.reshape(-1), 1 if share.size > 1 else 0  # one share for each row, or for all
    for i in range(sums.size):
        row, out, factor = e[i], grad[i], share[i * step] / sums[i]
        for j in range(row.size):
            out[j] = row[j] * factor
        to[places[i]] -= share[i * step]


@twin("cross_entropy_of_labels")
def cross_entropy_of_labels(plain, input, target, weight, ignore_index, reduction):
    dtype, labels = input.dtype, target if target.ndim == 1 else target.reshape(-1)
    if (weight is None and ignore_index < 0 and dtype.char in "fd" and dtype.isnative and input.size
            and input.flags.c_contiguous and labels.flags.c_contiguous and labels.dtype.char == "l"):
        n, e = len(input), np.empty(input.shape, dtype)
        sums, losses, places = np.empty(n, dtype), np.empty(n, dtype), np.empty(n, labels.dtype)
        if _cross_entropy(input, labels, losses, e, sums, places):
            if reduction == "none":
                loss = losses.reshape(target.shape)
            else:
                loss = losses.sum()
                if reduction == "mean":
                    loss /= dtype.type(n)
            return loss, e, sums, places, None, n, reduction
    return plain(input, target, weight, ignore_index, reduction)


@twin("cross_entropy_of_labels.backward")
def cross_entropy_of_labels_backward(plain, needs, g, e, sums, places, weights, total, reduction):
    if weights is not None or g.dtype != e.dtype or not (e.flags.c_contiguous and g.flags.c_contiguous):
        return plain(needs, g, e, sums, places, weights, total, reduction)
    share = g.reshape(-1)
    if reduction == "mean":
        share = share / g.dtype.type(total)
    grad = np.empty(e.shape, e.dtype)
    _cross_entropy_backward(share, e, sums, places, grad)
    return grad
