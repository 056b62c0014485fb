"""Twins of picking and adding up along a dimension: for each index, its place is computed on the way."""

import math

import numpy as np

from . import loop, twin

_BITS = {4: np.dtype(np.int32), 8: np.dtype(np.int64)}


def _layers(dim, index, array):
    """The index and an array as (before, along `dim`, after), where they lie in order, and agree in all but `dim`."""
    shape, other = index.shape, array.shape
    if len(other) != len(shape) or not index.size or not array.size or not -len(shape) <= dim < len(shape) \
            or index.dtype.char != "l" or not (index.flags.c_contiguous and array.flags.c_contiguous):
        return None
    dim %= len(shape)
    if shape[:dim] != other[:dim] or shape[dim + 1:] != other[dim + 1:]:
        return None
    before, after = math.prod(shape[:dim]), math.prod(shape[dim + 1:])
    return index.reshape(before, shape[dim], after), array.reshape(before, other[dim], after)


@loop
def _inside(index, size):
    """Whether all indices are, none of them counted from the end."""
    low, high = 0, 0
    for i in range(index.size):
        low, high = min(low, index[i]), max(high, index[i])
    return low >= 0 and high < size


# Unsigned indices, for those that have a sign may count from the end.


@loop
def _gather(index, x, out):
    for i in range(index.shape[0]):
        for j in range(index.shape[1]):
            for k in range(index.shape[2]):
                out[i, j, k] = x[i, np.uint64(index[i, j, k]), k]


@loop
def _gather_last(index, x, out):
    for i in range(index.shape[0]):
        places, row, to = index[i], x[i], out[i]
        for j in range(places.size):
            to[j] = row[np.uint64(places[j])]


@twin("gather")
def gather(plain, input, dim, index, sparse_grad):
    bits = _BITS.get(input.itemsize)
    ready = _layers(dim, index, input) if bits is not None else None
    if ready is None or not _inside(index.reshape(-1), ready[1].shape[1]):
        return plain(input, dim, index, sparse_grad)
    at, x = ready
    out = np.empty(at.shape, bits)
    if at.shape[2] > 1:
        _gather(at, x.view(bits), out)
    else:
        _gather_last(at[..., 0], x.view(bits)[..., 0], out[..., 0])
    return out.view(input.dtype).reshape(index.shape)


@loop
def _scatter_add(target, index, src):
    for i in range(index.shape[0]):
        for j in range(index.shape[1]):
            for k in range(index.shape[2]):
                target[i, np.uint64(index[i, j, k]), k] += src[i, j, k]


@loop
def _scatter_add_last(target, index, src):
    for i in range(index.shape[0]):
        places, row, to = index[i], src[i], target[i]
        for j in range(places.size):
            to[np.uint64(places[j])] += row[j]


@twin("add_along")
def add_along(plain, target, dim, index, src):
    ready = _layers(dim, index, target)
    if ready is None or target.dtype.char not in "fd" or not target.dtype.isnative or src.dtype != target.dtype \
            or src.shape != index.shape or not _inside(index.reshape(-1), ready[1].shape[1]):
        return plain(target, dim, index, src)
    at, to = ready
    src = np.ascontiguousarray(src).reshape(at.shape)
    if at.shape[2] > 1:
        return _scatter_add(to, at, src)
    return _scatter_add_last(to[..., 0], at[..., 0], src[..., 0])


@loop
def _add_rows(target, index, rows):
    for i in range(index.size):
        at = index[i] if index[i] >= 0 else index[i] + len(target)
        to, row = target[at], rows[i]
        for j in range(row.size):
            to[j] += row[j]


@twin("add_rows")
def add_rows(plain, target, index, rows):
    """All indices are inside, and may count from the end."""
    if (target.dtype.char in "fd" and target.dtype.isnative and rows.dtype == target.dtype and index.dtype.char == "l"
            and target.flags.c_contiguous and target.size and index.size):
        rows = np.ascontiguousarray(rows).reshape(index.size, -1)
        _add_rows(target.reshape(len(target), -1), np.ascontiguousarray(index), rows)
    else:
        plain(target, index, rows)
