"""Sums of floats, quickly and accurately: in blocks, each of them a matrix product with ones.

NumPy adds pairwise (accurate, not fast) along the last dimension, and one after the other (the error grows with the
number of elements) along every other one. A block of some hundred elements loses nothing, and the sums of the blocks
are few; BLAS goes through the blocks at the speed of memory.
"""

from __future__ import annotations

import functools
import math
from typing import Any

BLOCK = 512  # so many elements of a sum may BLAS add up in a row
SMALL = 4096  # arrays of fewer elements are NumPy's
LARGE = 1 << 20  # arrays of more elements come from memory, not from the cache
FEW = 16  # sums of so few elements are made by adding slices


def total(xp: Any, x: Any, axes: tuple[int, ...], keepdim: bool = False) -> Any:
    """The sum of floats over `axes`, which are sorted."""
    if x.itemsize == 2:
        return x.sum(axes, dtype=xp.float32, keepdims=keepdim).astype(x.dtype)
    if x.size < SMALL or not axes:
        return x.sum(axes, keepdims=keepdim)
    if not x.flags.c_contiguous:
        if not x.flags.f_contiguous:
            return x.sum(axes, keepdims=keepdim)
        return total(xp, x.T, tuple(x.ndim - 1 - a for a in reversed(axes)), keepdim).T
    shape, first, last = x.shape, axes[0], axes[-1] + 1
    if last - first > len(axes):  # not side by side: one stretch after the other
        gap = next(i for i, a in enumerate(axes) if a != first + i)
        out = total(xp, total(xp, x, axes[gap:], True), axes[:gap], True)
        return out if keepdim else out.squeeze(axes)
    rows, many, columns = math.prod(shape[:first]), math.prod(shape[first:last]), math.prod(shape[last:])
    out = _total(xp, x.reshape(rows, many, columns), rows, many, columns)
    return out.reshape(shape[:first] + (1,) * (last - first) * keepdim + shape[last:])


def _total(xp: Any, x: Any, rows: int, many: int, columns: int) -> Any:
    """The sum over the middle one of three dimensions."""
    if columns == 1:
        return _rows(xp, x.reshape(rows, many))
    if many <= FEW:
        out = x[:, 0].copy()
        for i in range(1, many):
            out += x[:, i]
        return out
    blocks, size, whole = _blocks(many)
    if blocks == 1:
        return ones(xp, many, x.dtype) @ x
    out = (ones(xp, size, x.dtype) @ x[:, :whole].reshape(rows, blocks, size, columns)).sum(1)
    return out + x[:, whole:].sum(1) if many > whole else out


@functools.lru_cache(maxsize=32)
def ones(xp: Any, size: int, dtype: Any) -> Any:
    """Ones that are kept: not to be written into."""
    return xp.ones(size, dtype)


def _blocks(many: int) -> tuple[int, int, int]:
    """How many blocks of which size to make of `many` elements, and how many elements go into them."""
    blocks = max(1, round(many / BLOCK))
    return blocks, many // blocks, many // blocks * blocks


def _rows(xp: Any, x: Any) -> Any:
    """The sum of each row."""
    rows, many = x.shape
    blocks, size, whole = _blocks(many)
    body, kept = x[:, :whole], ones(xp, size, x.dtype)
    if x.size > LARGE or not body.flags.c_contiguous:  # BLAS by itself takes twice as long through memory
        out = xp.vecdot(body.reshape(rows, blocks, size), kept)
    else:
        out = body.reshape(-1, size) @ kept
    if blocks == 1:
        return out.reshape(rows)
    out = out.reshape(rows, blocks).sum(1)
    return out + x[:, whole:].sum(1) if many > whole else out


def running_total(xp: Any, x: Any, axis: int) -> Any:
    """The running sum of floats along `axis`: in short runs by a product with a triangle of ones, then run by run."""
    n = x.shape[axis]
    if x.size < SMALL or x.itemsize == 2:
        return x.cumsum(axis) if n <= FEW and x.itemsize > 2 else x.cumsum(axis, dtype=xp.float64).astype(x.dtype)
    rows, columns = math.prod(x.shape[:axis]), math.prod(x.shape[axis + 1:])
    flat = x.reshape(rows, n, columns)
    out = xp.empty(flat.shape, x.dtype)
    if n < 64:
        out[:, 0] = flat[:, 0]
        for i in range(1, n):
            xp.add(out[:, i - 1], flat[:, i], out=out[:, i])
        return out.reshape(x.shape)
    step = min((s for s in range(20, 48) if n % s == 0), key=lambda s: abs(s - 32), default=32)
    whole = n // step * step
    triangle = xp.tri(step, dtype=x.dtype)
    blocks = flat[:, :whole].reshape(rows, -1, step, columns)
    if columns > 1:
        sums = triangle @ blocks
    else:
        sums = (blocks.reshape(-1, step) @ triangle.T).reshape(blocks.shape)
    offsets = sums[:, :, -1].cumsum(1, dtype=xp.float64).astype(x.dtype)
    if not xp.isfinite(offsets[:, -1]).all():  # 0 * inf is NaN: a product spreads it where no sum does
        return x.cumsum(axis)
    sums[:, 1:] += offsets[:, :-1, None]
    if whole == n:
        return sums.reshape(x.shape)
    out[:, :whole] = sums.reshape(rows, whole, columns)
    xp.add(flat[:, whole:].cumsum(1), offsets[:, -1:], out=out[:, whole:])
    return out.reshape(x.shape)
