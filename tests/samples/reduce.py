"""Reductions, scans, sorting. Along every dimension, in 0-d, with negative dims and tuples."""

import itertools

import numpy as np

from tests.samples import Sample

rng = np.random.default_rng(3)
A = rng.permutation(24).reshape(2, 3, 4) / 7.0 - 1.6  # no two alike
ROW, ONE = A[0, 0].copy(), np.asarray(0.7)
INTS = rng.integers(-5, 6, (3, 4))
NANS = A.copy()
NANS[0, 1, :2] = NANS[1, 2, 3] = np.nan
ALL = [(None, False), (0, False), (-1, True), (1, False), ((0, 2), False), ((-1, 0), True)]


def over(reference, *small, dims=ALL):
    """`reference(x, axis=, keepdims=)`: over several dims of A, over the only one (or none) of smaller arrays."""

    def call(x, d, k):
        return reference(x, axis=d if x.ndim else None, keepdims=k)

    return [Sample((A, d, k), reference=call) for d, k in dims] + [Sample((x, -1, False), reference=call) for x in small]


def along(reference, *arrays, rest=(), **more):
    """`reference(x, axis=)`, along each dimension."""
    return [Sample((x, d, *rest), reference=lambda x, d, *r: reference(x, d, *r), **more)
            for x in (A, ROW, *arrays) for d in {0, -1, x.ndim - 1}]


def pick(order):
    """Values and indices from a function that gives the indices."""

    def reference(x, axis, keepdims=False):
        at = np.expand_dims(order(x, axis), axis)
        found = np.take_along_axis(x, at, axis), at
        return found if keepdims else tuple(np.squeeze(f, axis) for f in found)

    return reference


def median(x, axis):
    return np.take(np.argsort(x, axis, kind="stable"), (x.shape[axis] - 1) // 2, axis)


def running(best):
    def reference(x, axis):
        values = best.accumulate(x, axis)
        moved, flat = np.moveaxis(x, axis, 0), np.moveaxis(values, axis, 0)
        at = np.zeros(moved.shape, int)
        for i in range(len(moved)):
            at[i] = np.where(moved[i] == flat[i], i, at[i - 1] if i else 0)
        return values, np.moveaxis(at, 0, axis)

    return reference


def mode(x, axis):
    def one(row):
        kinds, counts = np.unique(row, return_counts=True)
        return np.flatnonzero(row == kinds[counts.argmax()])[-1]

    return np.apply_along_axis(one, axis, x)


def lse(x, axis, keepdims):
    return np.log(np.exp(x).sum(axis=axis, keepdims=keepdims))


def spread(function, name="correction"):
    return [Sample((x,), {"dim": d, "correction": c}, lambda x, dim, correction: function(x, axis=dim, ddof=correction))
            for x, d, c in itertools.product((A,), (None, 1, (0, -1)), (0, 1, 2))]


PAIRS = [(0, False), (-1, True), (1, False)]
EMPTY = [Sample((np.zeros((0, 3)), 0), reference=lambda x, d: np.zeros(3))]
SAMPLES = {
    "sum": [*over(np.sum, ROW, ONE), Sample((INTS, 0), reference=np.sum), *EMPTY],
    "mean": over(np.mean, ROW, ONE), "nansum": [*over(np.nansum), Sample((NANS, 1), reference=np.nansum)],
    "nanmean": [*over(np.nanmean), Sample((NANS, 1), reference=np.nanmean)],
    "prod": [*over(np.prod, ONE, dims=[(None, False), (1, False), (-1, True)]), Sample((INTS, 0), reference=np.prod),
             Sample((np.array([[0.0, 2.0, 3.0], [0.0, 0.0, 1.5]]), 1), reference=np.prod)],
    "logsumexp": over(lse, dims=ALL[1:]), "count_nonzero": [Sample((INTS, 0), reference=np.count_nonzero)],
    "var": spread(np.var), "std": spread(np.std),
    "var_mean": [Sample((A, 1), reference=lambda x, d: (x.var(d, ddof=1), x.mean(d)))],
    "std_mean": [Sample((A, 1), reference=lambda x, d: (x.std(d, ddof=1), x.mean(d)))],
    "amax": over(np.max, ROW, ONE), "amin": over(np.min, ROW, ONE),
    "max": [Sample((A,), reference=np.max), Sample((A, A[::-1] + 0.05), reference=np.maximum),
            *(Sample((A, *p), reference=pick(np.argmax)) for p in PAIRS)],
    "min": [Sample((A,), reference=np.min), Sample((A, A[::-1] + 0.05), reference=np.minimum),
            *(Sample((A, *p), reference=pick(np.argmin)) for p in PAIRS)],
    "aminmax": [Sample((A,), {"dim": 1}, lambda x, dim: (x.min(dim), x.max(dim)))],
    "argmax": [Sample((A,), reference=np.argmax, grad=False), Sample((INTS, 1), reference=np.argmax)],
    "argmin": [Sample((A,), reference=np.argmin, grad=False), Sample((INTS, 1), reference=np.argmin)],
    "all": [Sample((INTS, 0), reference=np.all), Sample((INTS > 3,), reference=np.all)],
    "any": [Sample((INTS, 0), reference=np.any), Sample((INTS > 4,), reference=np.any)],
    "put_along": [Sample((A[:, :1], 1, np.ones((2, 1, 4), int), A.shape))],
    "pick_along": [Sample((A, 1, np.ones((2, 1, 4), int)), reference=lambda x, d, i: x[:, 1:2])],
    "cumsum": [*along(np.cumsum), Sample((INTS, 0), reference=np.cumsum)],
    "cumsum_back": along(lambda x, d: np.flip(np.flip(x, d).cumsum(d), d)),
    "cumprod": [*along(np.cumprod), Sample((np.array([2.0, 0.0, 3.0, 0.0, 5.0]), 0), reference=np.cumprod)],
    "chain": [Sample((A, A + 0.1, 1))], "chain_back": [Sample((A, A + 0.1, 1))],
    "cummax": along(running(np.maximum)), "cummin": along(running(np.minimum)),
    "logcumsumexp": along(lambda x, d: np.log(np.cumsum(np.exp(x), d))),
    "diff": [Sample((A,), reference=np.diff), Sample((A, 2, 1), reference=np.diff), Sample((INTS, 1, 0), reference=np.diff),
             Sample((ROW, 1, 0, ROW, ROW), reference=lambda x, n, d, a, b: np.diff(x, n, d, a, b))],
    "trapezoid": [Sample((A,), reference=np.trapezoid), Sample((A,), {"dx": 0.5, "dim": 1}, lambda y, dx, dim: np.trapezoid(y, dx=dx, axis=dim)),
                  Sample((A, ROW), reference=np.trapezoid)],
    "cumulative_trapezoid": [Sample((ROW,), reference=lambda y: np.cumsum((y[1:] + y[:-1]) / 2))],
    "sort": [Sample((x, d, down), reference=lambda x, d, down: (np.sort(x, d) if not down else -np.sort(-x, d),
                                                               np.argsort(-x if down else x, d, kind="stable")))
             for x, d, down in itertools.product((A, ROW), (-1, 0), (False, True))],
    "argsort": [Sample((INTS, 1), {"stable": True}, lambda x, d, stable: np.argsort(x, d, kind="stable"))],
    "msort": [Sample((A,), reference=lambda x: np.sort(x, 0))],
    "topk": [Sample((x, 2, d, up), reference=lambda x, k, d, up: tuple(
        np.take(v, range(k), d) for v in (-np.sort(-x, d) if up else np.sort(x, d), np.argsort(-x if up else x, d))))
        for x, d, up in itertools.product((A, ROW), (-1, 0), (False, True))],
    "kthvalue": [Sample((A, 2, d), reference=lambda x, k, d: (np.take(np.sort(x, d), k - 1, d),
                                                              np.take(np.argsort(x, d), k - 1, d))) for d in (0, 1, -1)],
    "median": [Sample((A,), reference=lambda x: np.sort(x.reshape(-1))[11]),
               *(Sample((A, *p), reference=pick(median)) for p in PAIRS)],
    "nanmedian": [Sample((A,), reference=lambda x: np.sort(x.reshape(-1))[11]),
                  *(Sample((A, *p), reference=pick(median)) for p in PAIRS)],
    "median_all": [Sample((A, False), reference=lambda x, skip: np.sort(x.reshape(-1))[11])],
    "mode": [Sample((INTS, *p), reference=pick(mode)) for p in PAIRS[:2]] + [Sample((A, 1), reference=pick(mode))],
    "quantile": [Sample((A, q, d), {"interpolation": how}, lambda x, q, d, interpolation: np.quantile(x, q, d, method=interpolation))
                 for q, d, how in itertools.product((0.3, np.array([0.2, 0.9])), (None, 1), ("linear", "lower", "midpoint"))],
    "nanquantile": [Sample((NANS, 0.4, 1), reference=np.nanquantile, grad=False), Sample((A, 0.3), reference=np.quantile)],
}
for _samples in (SAMPLES["quantile"],):
    for _s in _samples:
        _s.grad = not isinstance(_s.args[1], np.ndarray)  # at its own kinks, the gradient of q steps
