"""Shapes, views, joining and splitting, picking and placing, counting. The references index with NumPy."""

import numpy as np

from minitorch_ndl.faces import F

from . import Sample

rng = np.random.default_rng(0)
x, y, row, s = (rng.standard_normal(shape) for shape in ((3, 4), (2, 3, 4), (4,), ()))
i = np.array([0, 2, 1])
twice = np.array([1, 1])
along = np.array([[3, 0, 1], [2, 1, 0], [0, 3, 2]])  # for x, along dimension 1
mask = np.array([[True, False, False, True], [False] * 4, [True, True, False, True]])
numbers = np.array([3, 1, 1, 4, 0])
LAYOUT = (0,)


def changed(a, index, value, by=None):
    """A copy of `a` with `value` at `index` (or, `by` a ufunc, combined with what is there)."""
    a = np.array(a)
    if by is None:
        a[index] = value
    else:
        by.at(a, index, value)
    return a


def spread(shape, index, value):
    return changed(np.zeros(shape), index, value, np.add)


def windows(a, dim, size, step):
    every = np.lib.stride_tricks.sliding_window_view(a, size, dim)
    return every[(slice(None),) * dim + (slice(None, None, step),)]


def rows(index):
    return np.arange(len(index))[:, None]


SAMPLES = {
    "reshape": [Sample((x, (2, -1)), reference=np.reshape), Sample((y, (4, 6)), reference=np.reshape),
                Sample((x.T, (12,)), reference=np.reshape),
                Sample((s, (1, 1)), reference=np.reshape)],
    "view": [Sample((x, (2, 6)), reference=np.reshape), Sample((y, (-1,)), reference=np.reshape)],
    "squeeze": [Sample((x[None, :, None],), reference=np.squeeze), Sample((x[None], 0), reference=np.squeeze),
                Sample((x[None, :, None], (0, 2)), reference=np.squeeze), Sample((x, 1), reference=lambda a, d: a)],
    "unsqueeze": [Sample((x, 1), reference=np.expand_dims), Sample((s, -1), reference=np.expand_dims)],
    "transpose": [Sample((y, 0, 2), reference=np.swapaxes), Sample((x, -1, 0), reference=np.swapaxes)],
    "permute": [Sample((y, (2, 0, 1)), reference=np.transpose), Sample((y, (-1, 0, 1)), reference=np.transpose)],
    "t": [Sample((x,), reference=np.transpose), Sample((row,), reference=np.transpose)],
    "adjoint": [Sample((y,), reference=lambda a: a.swapaxes(1, 2))],
    "expand": [Sample((row, (3, 4)), reference=np.broadcast_to),
               Sample((x[:, :1], (2, 3, 5)), reference=np.broadcast_to), Sample((s, (2, 2)), reference=np.broadcast_to)],
    "sum_to_size": [Sample((x, (1, 4)), reference=lambda a, n: a.sum(0, keepdims=True)),
                    Sample((y, (4,)), reference=lambda a, n: a.sum((0, 1)))],
    "slot": [Sample((row, F.select, (0, 1), (3, 4)), reference=lambda a, *_: spread((3, 4), 1, a)),
             Sample((row[:3], F.diagonal, (1, 0, 1), (3, 4)), reference=lambda a, *_: np.diag(a, 1)[:3])],
    "slot_set": [Sample((x, row, F.select, (0, 1)), reference=lambda a, v, *_: changed(a, 1, v))],
    "select": [Sample((x, 1, -2), reference=lambda a, d, k: a[:, -2]), Sample((y, 0, 1), reference=lambda a, d, k: a[1])],
    "narrow": [Sample((x, 1, 1, 2), reference=lambda a, *_: a[:, 1:3]), Sample((x, 0, -2, 1), reference=lambda a, *_: a[1:2])],
    "diagonal": [Sample((x, 1), reference=np.diagonal), Sample((y, -1, 2, 0), reference=np.diagonal)],
    "unfold": [Sample((x, 1, 2, 1), reference=windows), Sample((y, 2, 3, 2), reference=windows)],
    "fold_windows": [Sample((windows(x, 1, 2, 2), 1, 2, 2, (3, 4)), reference=lambda a, *_: a.reshape(3, 4))],
    "as_strided": [Sample((x, (3, 3), (4, 1)), reference=lambda a, *_: a[:, :3]),
                   Sample((row, (3, 2), (1, 1), 0), reference=lambda a, *_: windows(a, 0, 2, 1))],
    "strided_back": [Sample((x[:, :3].copy(), ((3, 4), (4, 1), (3, 3), (4, 1), 0)),
                            reference=lambda a, g: spread((3, 4), np.s_[:, :3], a))],
    "strided_again": [Sample((x, ((3, 4), (4, 1), (3, 3), (4, 1), 0)), reference=lambda a, g: a[:, :3])],
    "flip": [Sample((y, (0, 2)), reference=np.flip), Sample((x, (-1,)), reference=np.flip)],
    "repeat": [Sample((x, (2, 3)), reference=np.tile), Sample((row, (2, 1)), reference=np.tile)],
    "slice_numbers": [Sample((x,), reference=lambda a: np.arange(3), grad=False)],
    "interleave": [Sample((x, i, 0), reference=np.repeat), Sample((x, np.array(2), 1), reference=np.repeat)],
    "interleave_backward": [Sample((x, i, 0, (3, 4)), reference=lambda a, *_: np.stack([np.zeros(4), a[0] + a[1], a[2]]))],
    "roll": [Sample((x, 1), reference=np.roll), Sample((x, (1, -2), (0, 1)), reference=np.roll)],
    "tril": [Sample((x,), reference=np.tril), Sample((y, 1), reference=np.tril), Sample((x, -1), reference=np.tril)],
    "triu": [Sample((x,), reference=np.triu), Sample((y, -1), reference=np.triu), Sample((x, 2), reference=np.triu)],
    "diag_embed": [Sample((row, 1), reference=np.diag), Sample((x, 0), reference=lambda a, o: a[:, None] * np.eye(4))],
    "diagonal_blocks": [Sample(([x, row],), reference=lambda ts: np.block([[ts[0], np.zeros((3, 4))],
                                                                           [np.zeros((1, 4)), ts[1][None]]]))],
    "choices": [Sample((row, 2, False), reference=lambda a, *_: np.array([(j, k) for j in range(4) for k in range(j + 1, 4)]),
                       grad=False)],
    "slice": [Sample((x, (slice(None), 1, ...)), reference=lambda a, k: a[k]), Sample((y, (None, 0, ...)), reference=lambda a, k: a[k])],
    "index": [Sample((x, [i], LAYOUT), reference=lambda a, k, _: a[k[0]]),
              Sample((x, [i, i], (0, 1)), reference=lambda a, k, _: a[k[0], k[1]]),
              Sample((y, [twice], (None, 0)), reference=lambda a, k, _: a[:, k[0]])],
    "index_backward": [Sample((x[:2], [twice], LAYOUT, (3, 4)), reference=lambda a, k, _, n: spread(n, k[0], a)),
                       Sample((row[:2], [twice, twice], (0, 1), (3, 4)), reference=lambda a, k, _, n: spread(n, tuple(k), a))],
    "put_at": [Sample((x, [i[:2]], LAYOUT, row), reference=lambda a, k, _, v: changed(a, k[0], v)),
               Sample((x, [i], LAYOUT, 2.0), reference=lambda a, k, _, v: changed(a, k[0], v))],
    "add_to": [Sample((x, [twice], LAYOUT, row), reference=lambda a, k, _, v: changed(a, k[0], v, np.add))],
    "copy": [Sample((x, row), reference=lambda a, v: np.broadcast_to(v, a.shape))],
    "cat": [Sample(([x, x[:1]],), reference=np.concatenate), Sample(([x, x], 1), reference=np.concatenate)],
    "stack": [Sample(([x, x + 1], 1), reference=np.stack), Sample(([s, s],), reference=np.stack)],
    "split_with_sizes": [Sample((x, (1, 3), 1), reference=lambda a, *_: (a[:, :1], a[:, 1:]))],
    "unbind": [Sample((x, 1), reference=lambda a, d: tuple(a.T)), Sample((y,), reference=tuple)],
    "gather": [Sample((x, 1, along), reference=lambda a, d, k: np.take_along_axis(a, k, d)),
               Sample((row, 0, twice), reference=lambda a, d, k: a[k])],
    "gather_backward": [Sample((x[:, :3].copy(), 1, along, (3, 4)),
                               reference=lambda a, d, k, n: spread(n, (rows(k), k), a))],
    "place": [Sample((x, 1, along, x[:, :3] + 1), reference=lambda a, d, k, v: changed(a, (rows(k), k), v)),
              Sample((x, 1, along, 0.5), reference=lambda a, d, k, v: changed(a, (rows(k), k), v))],
    "scatter_add": [Sample((x, 1, along, x[:, :3].copy()), reference=lambda a, d, k, v: changed(a, (rows(k), k), v, np.add))],
    "index_select": [Sample((x, 1, twice), reference=lambda a, d, k: a[:, k]), Sample((x, 0, i), reference=lambda a, d, k: a[k])],
    "index_select_backward": [Sample((x[:2], 0, twice, (3, 4)), reference=lambda a, d, k, n: spread(n, k, a))],
    "index_add": [Sample((x, 0, twice, x[:2] * 2), reference=lambda a, d, k, v: changed(a, k, v, np.add)),
                  Sample((x, 0, i, x), {"alpha": 2}, reference=lambda a, d, k, v, alpha: changed(a, k, alpha * v, np.add))],
    "index_copy": [Sample((x, 0, i[:2], x[1:]), reference=lambda a, d, k, v: changed(a, k, v))],
    "index_fill": [Sample((x, 1, twice, 3.0), reference=lambda a, d, k, v: changed(a, np.s_[:, k], v)),
                   Sample((x, 0, i, s), reference=lambda a, d, k, v: changed(a, k, v))],
    "masked_fill": [Sample((x, mask, 2.0), reference=lambda a, k, v: np.where(k, v, a)),
                    Sample((x, mask[2], s), reference=lambda a, k, v: np.where(k, v, a))],
    "masked_select": [Sample((x, mask), reference=lambda a, k: a[k])],
    "mask_backward": [Sample((row.repeat(2)[:5], mask, (3, 4)), reference=lambda a, k, n: spread(n, k, a))],
    "masked_scatter": [Sample((x, mask, y), reference=lambda a, k, v: changed(a, k, v.reshape(-1)[:k.sum()]))],
    "scatter_combine": [
        Sample((x, 1, along, x[:, :3] + 0.3, reduce, True),
               reference=lambda a, d, k, v, r, _, by=by: changed(a, (rows(k), k), v, by))
        for reduce, by in (("prod", np.multiply), ("amax", np.maximum), ("amin", np.minimum))],
    "one_hot": [Sample((numbers, 5), reference=lambda a, n: np.eye(n, dtype=int)[a], grad=False)],
    "nonzero_places": [Sample((mask,), reference=np.argwhere, grad=False)],
    "unique_parts": [Sample((numbers, None, False, True, True), grad=False,
                            reference=lambda a, *_: np.unique(a, return_inverse=True, return_counts=True))],
    "bincount": [Sample((numbers,), reference=np.bincount, grad=False)],
    "histc": [Sample((x, 5, -1, 1), reference=lambda a, n, low, high: np.histogram(a, n, (low, high))[0], grad=False)],
    "histogram": [Sample((x, 5), reference=np.histogram, grad=False)],
    "search_rows": [Sample((np.sort(row), x, True, False), reference=lambda b, v, *_: np.searchsorted(b, v, "right"), grad=False)],
}
