"""Products of matrices of floats, as NumPy's BLAS makes them quickest.

Before OpenBLAS multiplies, it copies both matrices into an order of its own. For products of up to a million
multiplications it has kernels that read them as they lie (on processors with AVX-512). So larger products are made in
tiles, each a small one: some 5 to 20 % faster, as long as the matrices stay in the cache.
"""

from __future__ import annotations

import functools
from typing import Any

from numpy import ascontiguousarray, broadcast_shapes, empty, matmul, ndarray

from . import blas
from .compiled import threads

TILE = 1_000_000  # so many multiplications a tile may have
LARGE = 1 << 26  # products of more than this are worth copying for...
SHARED = 4_000_000  # ... and with several threads those of more than this: BLAS shares them out, or we do


def times(a: Any, b: Any) -> Any:
    """a @ b of two matrices. Raises ValueError if they do not fit."""
    if type(a) is not ndarray:
        return a.dot(b)
    if a.size * b.shape[1] > TILE:
        out = _shared_out(a, b) if a.size * b.shape[1] > SHARED and threads.takes_products() else None
        if out is None:
            out = _in_tiles(a, b)
        if out is not None:
            return out
    rows = len(a)
    if 1 < rows <= b.shape[1] // (3 if _blas_shares() else 1) and rows * rows <= 16 * len(b) and b.strides[0] == b.itemsize:
        # BLAS is slow with few rows and a transposed right side. The other way round it has more of them, and what that
        # saves is worth turning the result, unless rows are short (the limits are where both take the same time).
        return ascontiguousarray(b.T.dot(a.T).T)
    return a.dot(b)


def _blas_shares() -> bool:
    """Whether BLAS has several threads to share large products out to."""
    return threads.available() > 1 and not threads.takes_products()


def times_into(xp: Any, a: Any, b: Any, out: Any) -> Any:
    """a @ b of matrices, or of stacks of them, made in `out`, which lies in order."""
    if type(a) is not ndarray:
        xp.matmul(a, b, out=out)
    elif out.ndim == b.ndim == 3 and out.size * a.shape[-1] > SHARED and threads.takes_products():
        threads.each(len(out), lambda i: _into(a if a.ndim == 2 else a[i], b[i], out[i]), keep=True)
    else:
        _into(a, b, out)
    return out


def _into(a: Any, b: Any, out: Any) -> None:
    if a.shape[-2] * a.shape[-1] * b.shape[-1] <= TILE or _in_tiles(a, b, out) is None:
        matmul(a, b, out=out)


def _shared_out(a: Any, b: Any) -> Any:
    """a @ b, some of its rows by each of our own threads; None if that would be no faster."""
    threads.keep_blas()
    (rows, inner), columns, parts = a.shape, b.shape[1], threads.available()
    if rows < 16 * parts or rows * inner * columns < 2 * SHARED or len(b) != inner or not a.dtype == b.dtype in ("f", "d"):
        return None
    out = empty((rows, columns), a.dtype)
    ends = [*range(0, rows, -(-rows // (4 * parts)) * 4), rows]  # BLAS goes by four rows
    threads.each(len(ends) - 1, lambda i: _into(a[ends[i]:ends[i + 1]], b, out[ends[i]:ends[i + 1]]), keep=True)
    return out


def _in_tiles(a: Any, b: Any, out: Any = None) -> Any:
    """a @ b made in tiles, in `out` if it is given; None if that would be no faster."""
    plan = _plan(a.shape, a.strides, b.shape, b.strides, a.dtype.char, _blas_shares())
    if plan is None:
        return None
    left, right, tiles, square, turn = plan
    if square and b.base is not None and (b.base is a or b.base is a.base):
        return None  # of a @ a.T BLAS makes but one half
    if turn:
        b = ascontiguousarray(b)
    if out is None:
        out = empty((len(a), b.shape[1]), a.dtype)
    matmul(a.reshape(left), b.reshape(right).swapaxes(-2, -3), out=out.reshape(tiles).swapaxes(-2, -3))
    return out


@functools.lru_cache(4096)
def _plan(a: tuple, a_strides: tuple, b: tuple, b_strides: tuple, kind: str, shared: bool) -> tuple | None:
    """For (stacks of) matrices of these shapes, the shapes that split the left one, the right one, and the result into
    tiles; whether the result is square; whether to turn the right side first. None for no tiles."""
    (rows, inner), columns = a[-2:], b[-1]
    if b[-2] != inner or kind not in "fd":
        return None
    size = 4 if kind == "f" else 8
    tile = _tile(rows, inner, columns, _order(a[-2:], a_strides[-2:], size), _order(b[-2:], b_strides[-2:], size), shared)
    if tile is None:
        return None
    high, wide, turn = tile
    down, across = rows // high, columns // wide
    return ((*a[:-2], down, 1, high, inner), (*b[:-2], 1, inner, across, wide),
            (*broadcast_shapes(a[:-2], b[:-2]), down, high, across, wide), rows == columns, turn)


def _order(shape: tuple, strides: tuple, size: int) -> str:
    """How a matrix lies in memory: by rows, by columns, or as BLAS doesn't take it."""
    (rows, columns), (down, along) = shape, strides
    if along == size and down >= columns * along:
        return "rows"
    return "columns" if down == size and along >= rows * down else "neither"


def _tile(rows: int, inner: int, columns: int, left: str, right: str, shared: bool) -> tuple[int, int, bool] | None:
    """The height and the width of the tiles, and whether to turn the right side first; None for no tiles."""
    if not _reads_as_it_lies() or "neither" in (left, right) or rows * inner * columns > (SHARED if shared else LARGE):
        return None
    if right == "columns" and inner >= 512:
        if left == "columns":
            return None
        # Sums along rows of both, for results of up to 1200 elements.
        tiles = [(h, w) for h in _divisors(rows, 64) for w in _divisors(columns, 64)
                 if 400 <= h * w <= min(1200, TILE // inner)]
        return (*max(tiles, key=lambda tile: (tile[0] * tile[1], -abs(tile[0] - tile[1]))), False) if tiles else None
    turn = right == "columns"
    if inner * columns > (1 << 16 if turn else 1 << 18) or turn and rows < 256:  # the right side has to stay in the cache
        return None
    least = 1000 if inner * max(rows, 4 * columns) > 1 << 18 else 512  # small ones pay if both sides stay there
    tiles = [(h, w) for h in _divisors(rows, 64) for w in _divisors(columns, 112)
             if h >= 16 and w >= 32 and (w % 16 == 0 or w == columns) and least <= h * w <= TILE // inner]
    return (*max(tiles, key=lambda tile: (tile[0] * tile[1], tile[1])), turn) if tiles else None


def _divisors(n: int, most: int) -> list[int]:
    return [d for d in range(1, min(n, most) + 1) if n % d == 0]


@functools.cache
def _reads_as_it_lies() -> bool:
    """Whether NumPy's BLAS is an OpenBLAS that has such kernels for this processor."""
    library = blas.numpys()
    return library is not None and library.architecture in ("SkylakeX", "Cooperlake", "SapphireRapids")
