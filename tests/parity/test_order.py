"""Scans, sorting, ranks and quantiles, against torch."""

import itertools

import numpy as np
import pytest

import minitorch_ndl as ndl
from tests.parity.same import array, same, same_error, torch
from tests.parity.test_reduce import distinct, same_or_refused

SHAPES = [(6,), (3, 4), (2, 3, 4), (), (1,)]
KINDS = ["float64", "float32", "int64"]
CASES = [(s, d) for s in SHAPES for d in range(-len(s) - 1, len(s) + 1)]
PLACES = pytest.mark.parametrize("shape, dim", CASES, ids=str)


def values(rng, shape, kind):
    return np.asarray(distinct(rng, shape) * 4).astype(kind)


# --- scans --------------------------------------------------------------------------------------------------------------


@PLACES
def test_scans(shape, dim):
    rng = np.random.default_rng(0)
    for name, kind in itertools.product(("cumsum", "cumprod", "cummax", "cummin", "logcumsumexp"), KINDS):
        x = values(rng, shape, kind)
        x = np.asarray(x / 5) if kind[0] == "f" else x
        same_or_refused(lambda m, x: getattr(m, name)(x, dim), x, second=kind == "float64")
        if name in ("cumsum", "cumprod"):
            same_or_refused(lambda m, x: getattr(x.clone(), name + "_")(dim), x, second=False)
            same_or_refused(lambda m, x: getattr(x.clone(), name + "_")(dim=dim), values(rng, shape, "int32"))
        elif name != "logcumsumexp":
            same_or_refused(lambda m, x: getattr(x, name)(dim), np.asarray(array(rng, shape, "int64")).astype(kind))  # ties
    for dtype in ("bool", "uint8", "int8", "float16"):
        for name in ("cumsum", "cumprod", "cummax", "cummin"):
            same_or_refused(lambda m, x: getattr(m, name)(x, dim), array(rng, shape, dtype), grad=False)


def test_scans_of_nan_and_infinity():
    nan, inf = np.nan, np.inf
    for v in ([1.0, 2, nan, 0], [-inf, -inf, 1, inf, 2], [nan, 1], [1, inf, -inf, 2], [3.0, 3, 1, 3]):
        for name in ("cumsum", "cumprod", "cummax", "cummin", "logcumsumexp"):
            same(lambda m, x: getattr(m, name)(x, 0), np.array(v), grad=False)


def test_empty_scans():
    for name in ("cumsum", "cumprod", "cummax", "cummin", "logcumsumexp"):
        for d in (0, 1):
            same(lambda m, x: getattr(m, name)(x, d), np.zeros((0, 3)), second=False)


@PLACES
def test_differences(shape, dim):
    rng = np.random.default_rng(1)
    for n in (-1, 1, 2, 9):
        same_or_refused(lambda m, x: m.diff(x, n, dim), values(rng, shape, "float64"))
        same_or_refused(lambda m, x: x.diff(n, dim), array(rng, shape, "bool"))
    x, y = values(rng, shape, "float64"), values(rng, shape, "float64")
    same_or_refused(lambda m, x, y: m.diff(x, dim=dim, prepend=y, append=y), x, y)
    same_or_refused(lambda m, x: m.trapezoid(x, dim=dim), x)
    same_or_refused(lambda m, x: m.trapz(x, dx=0.5, dim=dim), x)
    same_or_refused(lambda m, x, y: m.trapezoid(x, y, dim=dim), x, y)
    same_or_refused(lambda m, x: m.cumulative_trapezoid(x, dim=dim), x)
    size = shape[dim] if -len(shape) <= dim < len(shape) else 2
    same_or_refused(lambda m, x, y: m.trapezoid(x, y, dim=dim), x, array(rng, (size,)))


def test_differences_at_the_edges():
    rng = np.random.default_rng(2)
    x = array(rng, (3, 4))
    same(lambda m, x: m.diff(x, 0), x)
    same(lambda m, x, y: m.diff(x, prepend=y), array(rng, (4,), "int64"), array(rng, (2,)))
    same_error(lambda m, x, y: m.diff(x, prepend=y), x, x[0])
    same_error(lambda m, x, y: m.trapezoid(x, y), x, x[0, :2].copy())
    same_error(lambda m, x: m.trapezoid(x > 0), x)
    same_error(lambda m, x: m.trapezoid(x, 2), x)


# --- sorting -------------------------------------------------------------------------------------------------------------


@PLACES
def test_sorting(shape, dim):
    rng = np.random.default_rng(3)
    for kind, down in itertools.product(KINDS, (False, True)):
        x = values(rng, shape, kind)
        same_or_refused(lambda m, x: m.sort(x, dim, down), x)
        same_or_refused(lambda m, x: x.argsort(dim, down), x)
        same_or_refused(lambda m, x: m.msort(x), x)
        ties = array(rng, shape, "int32").astype(kind)
        same_or_refused(lambda m, x: m.sort(x, stable=True, dim=dim, descending=down), ties, second=False)
        same_or_refused(lambda m, x: x.argsort(dim=dim, stable=True, descending=down), ties)
        for k in (0, 1, 2, 3, 5):
            same_or_refused(lambda m, x: m.topk(x, k, dim, down), x)
            same_or_refused(lambda m, x: m.kthvalue(x, k, dim, down), x)
            same_or_refused(lambda m, x: x.topk(k, dim=dim, largest=down, sorted=True), x)


@pytest.mark.parametrize("n", [2, 3, 4, 5, 8, 16, 17, 33, 64, 130, 400])
def test_which_of_equal_elements(n):
    """Torch promises nothing, but scripts print indices; small arrays name the ones that torch does."""
    rng = np.random.default_rng(n)
    for kinds, dtype in itertools.product((1, 2, 4, 20), ("int64", "float32", "uint8")):
        x = rng.integers(0, kinds, (2, n)).astype(dtype)
        k = int(rng.integers(1, n + 1)) if kinds != 4 else 1 + n // 90
        for up, ordered in itertools.product((True, False), (True, False)):
            same(lambda m, x: m.topk(x, k, 1, up, ordered), x, grad=False)
        same(lambda m, x: m.kthvalue(x, k, 1), x, grad=False)
        same(lambda m, x: m.mode(x, 1), x, grad=False)
        if dtype == "float32":
            x[:, ::5] = np.nan
            same(lambda m, x: m.topk(x, k, 1), x, grad=False)
            same(lambda m, x: m.kthvalue(x, k, 1), x, grad=False)
        same(lambda m, x: m.median(x, 1), x, grad=False)
        same(lambda m, x: m.nanmedian(x, 1), x, grad=False)


def test_nan_is_the_largest():
    x = np.array([[1.0, np.nan, -2, np.inf], [np.nan, np.nan, 0, -np.inf]])
    for down in (False, True):
        same(lambda m, x: m.sort(x, 1, down), x)
        same(lambda m, x: m.topk(x, 3, 1, down)[0], x, grad=False)
    same(lambda m, x: m.kthvalue(x, 3, 1)[0], x, grad=False)


@pytest.mark.parametrize("k", [1, 3, 10, 20])
def test_the_best_of_many(k):
    """Many elements are looked through by groups."""
    rng = np.random.default_rng(4)
    for n, up in itertools.product((160, 999, 20011), (True, False)):
        for kind in ("float32", "int64"):
            x = rng.permutation(3 * n).reshape(3, n).astype(kind)
            same(lambda m, x: m.topk(x, k, 1, up), x, second=False)
            same(lambda m, x: m.topk(x.transpose(0, 1), k, 0, up), x, grad=False)
        x = rng.permutation(n).astype("float64")
        x[::max(1, n // 7)] = np.nan
        same(lambda m, x: m.topk(x, k, largest=up)[0], x, grad=False)


@PLACES
def test_sorting_small_dtypes(shape, dim):
    rng = np.random.default_rng(5)
    for dtype in ("bool", "uint8", "int8", "float16"):
        same_or_refused(lambda m, x: m.sort(x, stable=True, dim=dim), array(rng, shape, dtype), grad=False)
        same_or_refused(lambda m, x: m.topk(x, 1, dim)[0], array(rng, shape, dtype), grad=False)


# --- ranks ---------------------------------------------------------------------------------------------------------------


@PLACES
def test_medians_and_modes(shape, dim):
    rng = np.random.default_rng(6)
    for kind, keep in itertools.product(KINDS, (False, True)):
        x = values(rng, shape, kind)
        for name in ("median", "nanmedian", "mode"):
            same_or_refused(lambda m, x: getattr(m, name)(x, dim, keep), x)
        if kind != "int64":
            x.reshape(-1)[-1:] = np.nan
            same_or_refused(lambda m, x: m.median(x, dim, keep), x)
            same_or_refused(lambda m, x: x.nanmedian(dim=dim, keepdim=keep), x)
        same_or_refused(lambda m, x: m.mode(x, dim, keep), np.asarray(array(rng, shape, "int64")).astype(kind), second=False)


def test_median_of_everything():
    rng = np.random.default_rng(7)
    for shape in SHAPES:
        for kind in KINDS:
            same(lambda m, x: m.median(x), values(rng, shape, kind))
            same(lambda m, x: x.nanmedian(), np.asarray(array(rng, shape, "int64")).astype(kind))
    same(lambda m, x: m.median(x), np.array([1, np.nan, 3]))
    same(lambda m, x: m.nanmedian(x), np.array([np.nan, np.nan]), second=False)
    same(lambda m, x: m.median(x), np.zeros(0), grad=False)


# --- quantiles -----------------------------------------------------------------------------------------------------------


@PLACES
def test_quantiles(shape, dim):
    rng = np.random.default_rng(8)
    for name, how in itertools.product(("quantile", "nanquantile"), ("linear", "lower", "higher", "midpoint", "nearest")):
        for kind, keep in itertools.product(("float64", "float32"), (False, True)):
            x, q = values(rng, shape, kind), np.array([0.2, 0.55, 1]).astype(kind)
            same_or_refused(lambda m, x: getattr(m, name)(x, 0.3, dim, keep, interpolation=how), x, second=False)
            same_or_refused(lambda m, x, q: getattr(m, name)(x, q, dim=dim, keepdim=keep, interpolation=how), x, q)
            x.reshape(-1)[-1:] = np.nan
            same_or_refused(lambda m, x, q: getattr(x, name)(q, dim, keep, interpolation=how), x, q, grad=False)
        same(lambda m, x, q: getattr(m, name)(x, q, interpolation=how), values(rng, shape, "float64"), np.array([0.2, 0.9]))


def test_refused_quantiles():
    x = array(np.random.default_rng(9), (3, 4))
    for q in (1.5, -0.1, [0.5], np.array([[0.5]]), np.array([0.5], "float32"), np.array([1.5]), np.array([1])):
        same_error(lambda m, x, q: m.quantile(x, q), x, q)
    same_error(lambda m, x: m.quantile(x, 0.5, interpolation="cubic"), x)
    same_error(lambda m, x: m.quantile(x, 0.5), x[:0])
    same_error(lambda m, x: m.quantile(x, 0.5), x.astype(int))
    same_error(lambda m, x: m.quantile(x, 0.5), x.astype("float16"))
    same_error(lambda m, x: m.quantile(x, 0.5, (0, 1)), x)
    assert torch.quantile(torch.from_numpy(x), 1).item() == ndl.quantile(ndl.from_numpy(x), 1).item()
