"""Sums of floats, quickly and accurately: in blocks, each of them one matrix product with ones.

NumPy adds pairwise (accurate, not fast) along the last dimension, and one after the other (the error grows with the
number of elements) along every other one. A block of some hundred elements loses nothing; the sums of the blocks are
few. BLAS does the blocks at the speed of memory.
"""

from __future__ import annotations

import math
from typing import Any

BLOCK = 512  # elements of a sum, at most, that BLAS adds up in a row
STEP = 32  # length of the runs that `running_total` scans by a product with a triangle of ones
SMALL = 4096  # arrays of fewer elements are NumPy's


def total(xp: Any, x: Any, axes: tuple[int, ...], keepdim: bool = False) -> Any:
    """The sum of floats over `axes`."""
    half = x.itemsize == 2
    if half or x.size < SMALL or not axes or not x.flags.c_contiguous or axes[-1] - axes[0] >= len(axes):
        out = x.sum(axes, dtype=xp.float32 if half else None, keepdims=keepdim)
        return out.astype(x.dtype) if half else out
    shape = x.shape
    first, last = axes[0], axes[-1] + 1
    rows, many, columns = math.prod(shape[:first]), math.prod(shape[first:last]), math.prod(shape[last:])
    if rows * columns > x.size // 8:  # too short to be worth a product
        return x.sum(axes, keepdims=keepdim)
    x = x.reshape(rows, many, columns)
    whole = many // BLOCK
    out = None
    if whole:
        blocks = x[:, :whole * BLOCK].reshape(rows, whole, BLOCK, columns)
        out = _added(xp, blocks)
        out = out.sum(1) if columns > 1 else out.reshape(rows, whole).sum(1, keepdims=True)
    if many % BLOCK:
        rest = _added(xp, x[:, whole * BLOCK:])
        out = rest if out is None else out + rest
    middle = (1,) * (last - first) if keepdim else ()
    return out.reshape(shape[:first] + middle + shape[last:])


def _added(xp: Any, blocks: Any) -> Any:
    """Summed over the last dimension but one."""
    ones = xp.ones(blocks.shape[-2], blocks.dtype)
    return ones @ blocks if blocks.shape[-1] > 1 else (blocks[..., 0] @ ones)[..., None]


def running_total(xp: Any, x: Any, axis: int) -> Any:
    """The running sum of floats along `axis`."""
    n = x.shape[axis]
    if x.size < SMALL or n < 2 * STEP or x.itemsize == 2 or not x.flags.c_contiguous:
        return x.cumsum(axis, dtype=xp.float64).astype(x.dtype)
    rows, columns = math.prod(x.shape[:axis]), math.prod(x.shape[axis + 1:])
    runs = n // STEP
    flat = x.reshape(rows, n, columns)
    out = xp.empty(flat.shape, x.dtype)
    head = out[:, :runs * STEP].reshape(rows, runs, STEP, columns)
    triangle = xp.tri(STEP, dtype=x.dtype)
    blocks = flat[:, :runs * STEP].reshape(head.shape)
    if columns > 1:
        xp.matmul(triangle, blocks, out=head)
    else:
        xp.matmul(blocks[..., 0], triangle.T, out=head[..., 0])
    offsets = head[:, :, -1].cumsum(1, dtype=xp.float64).astype(x.dtype)
    if not xp.isfinite(offsets[:, -1]).all():  # 0 * inf is NaN: a product spreads it where no sum does
        return x.cumsum(axis)
    head[:, 1:] += offsets[:, :-1, None]
    if n % STEP:
        rest = out[:, runs * STEP:]
        flat[:, runs * STEP:].cumsum(1, out=rest)
        rest += offsets[:, -1:]
    return out.reshape(x.shape)
