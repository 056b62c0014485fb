"""The compiled twins that pick, add up at places, and run along a dimension, each against NumPy."""

import numpy as np
import pytest

import minitorch_ndl as ndl
from minitorch_ndl import compiled
from minitorch_ndl.ops import gather, index

pytest.importorskip("numba")


@pytest.fixture(autouse=True)
def only_with_twins():
    if not compiled.enabled():
        pytest.skip("MINITORCH_NDL_FAST=0")


def declined(*args):
    raise AssertionError("the twin handed this back")


def twin(name):
    """The twin, which fails where it would hand back."""
    found = compiled.twin_of(name, declined)
    assert found is not declined
    return found


SHAPES = [((6, 5), (6, 9), 1), ((6, 5), (3, 5), 0), ((2, 3, 4), (2, 7, 4), 1), ((2, 3, 4), (2, 3, 1), -1), ((7,), (4,), 0)]


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "int32"])
@pytest.mark.parametrize("shape, places, dim", SHAPES)
def test_gather(shape, places, dim, dtype):
    rng = np.random.default_rng(0)
    x = (100 * rng.normal(size=shape)).astype(dtype)
    at = rng.integers(0, shape[dim], places)
    actual = twin("gather")(x, dim, at, False)
    expected = np.take_along_axis(x, at, dim)
    assert actual.dtype == x.dtype
    np.testing.assert_array_equal(actual, expected)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape, places, dim", SHAPES)
def test_adding_along_a_dimension(shape, places, dim, dtype):
    rng = np.random.default_rng(0)
    target, src = rng.normal(size=shape).astype(dtype), rng.normal(size=places).astype(dtype)
    at = rng.integers(0, shape[dim], places)
    expected = target.copy()
    gather._scatter_add.__wrapped__(np, expected, dim, at, src)
    twin("add_along")(target, dim, at, src)
    np.testing.assert_array_equal(target, expected)


@pytest.mark.parametrize("width", [(), (3,), (2, 300)])
def test_adding_rows(width):
    rng = np.random.default_rng(1)
    target, rows = rng.normal(size=(5, *width)).astype("f"), rng.normal(size=(40, *width)).astype("f")
    at = rng.integers(-5, 5, 40)
    expected = target.copy()
    index._add_rows.__wrapped__(np, expected, at, rows)
    twin("add_rows")(target, at, rows)
    np.testing.assert_allclose(target, expected, rtol=1e-6)


def test_what_is_unusual_is_handed_back():
    x, at = ndl.arange(12.0).reshape(3, 4), ndl.tensor([[0, 3], [1, 1]])
    assert x.gather(1, at).tolist() == [[0, 3], [5, 5]]  # fewer rows than the input
    assert x.t().gather(0, ndl.tensor([[3, 0, 0]])).tolist() == [[3, 4, 8]]  # not in order
    assert x.gather(1, ndl.zeros(0, 2, dtype=ndl.int64)).shape == (0, 2)
    assert x.half().gather(1, ndl.tensor([[3], [0], [1]])).flatten().tolist() == [3, 4, 9]
    for wrong in (4, -1):
        with pytest.raises(RuntimeError, match="out of bounds"):
            x.gather(1, ndl.full((3, 4), wrong))
        with pytest.raises(RuntimeError, match="out of bounds"):
            ndl.zeros(3, 4).scatter_add(1, ndl.full((3, 4), wrong), x)
    counts = ndl.zeros(2, 2, dtype=ndl.int64).scatter_add(1, ndl.tensor([[0, 0], [1, 0]]), ndl.ones(2, 2, dtype=ndl.int64))
    assert counts.tolist() == [[2, 0], [1, 1]]


SIZES = [(50,), (7, 33), (3, 4, 5), (5, 1), (1, 5)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("sizes", SIZES)
def test_running_sums_and_products(sizes, dtype):
    x = np.random.default_rng(2).normal(size=sizes).astype(dtype)
    x.reshape(-1)[3] = 0
    for dim in (*range(x.ndim), -1):
        wide = x.astype("d")
        for name, args, expected in (("cumsum", (None,), wide.cumsum(dim)), ("cumprod", (None,), wide.cumprod(dim)),
                                     ("cumsum_back", (), np.flip(np.flip(wide, dim).cumsum(dim), dim))):
            actual = twin(name)(x, dim, *args)
            assert (actual.dtype, actual.shape) == (x.dtype, x.shape)
            np.testing.assert_allclose(actual, expected, rtol=1e-6 if dtype == "float32" else 1e-12, atol=1e-7)


def test_running_sums_of_what_is_not_finite():
    x = np.array([1, np.inf, 2, -np.inf, 3, np.nan, 4], "f")
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(twin("cumsum")(x, 0, None), x.cumsum())
        np.testing.assert_array_equal(twin("cumprod")(x, 0, None), x.cumprod())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("sizes", SIZES)
def test_products(sizes, dtype):
    x = np.random.default_rng(3).normal(size=sizes).astype(dtype)
    for dim in (None, -1, x.ndim - 1):
        for keepdim in (False, True):
            actual, expected = twin("prod")(x, dim, keepdim, None), x.prod(dim, keepdims=keepdim)
            assert (actual.dtype, actual.shape) == (x.dtype, expected.shape)
            np.testing.assert_allclose(actual, expected, rtol=1e-5 if dtype == "float32" else 1e-12)


def test_other_products_are_handed_back():
    x = ndl.tensor([[2.0, 3.0], [4.0, float("nan")]])
    assert x.prod(0).tolist()[0] == 8 and ndl.prod(x[:, 0]).item() == 8
    assert ndl.zeros(0).prod().item() == 1 and ndl.tensor([2, 3]).prod().item() == 6 and ndl.tensor(5.0).prod().item() == 5
    assert ndl.zeros(2, 0).prod(1).tolist() == [1, 1] and ndl.zeros(2, 0).cumsum(1).shape == (2, 0)


@pytest.mark.parametrize("function", [
    lambda x: x.cumsum(0), lambda x: x.cumsum(1), lambda x: x.cumprod(1), lambda x: x.prod(1), lambda x: x.prod(),
    lambda x: x.gather(1, ndl.tensor([[0, 0, 1], [3, 2, 2], [1, 1, 0]])), lambda x: x[ndl.tensor([0, 2, 0, -1])],
    lambda x: (x * 2).scatter_add(0, ndl.tensor([[0, 1, 2, 0], [0, 0, 1, 1], [1, 2, 0, 0]]), x * x),
    lambda x: x.index_select(1, ndl.tensor([1, 1, 3]))],
    ids=["cumsum 0", "cumsum 1", "cumprod", "prod 1", "prod", "gather", "index", "scatter_add", "index_select"])
def test_gradients(function):
    x = (ndl.randn(3, 4, dtype=ndl.float64, generator=ndl.Generator().manual_seed(1)) + 3).requires_grad_()
    assert ndl.autograd.gradcheck(function, (x,))
    assert ndl.autograd.gradgradcheck(function, (x,))
