"""Sums by blocks against NumPy's in double precision: sizes around a block's, all layouts, beyond the cache."""

import numpy as np
import pytest

from minitorch_ndl import sums


def check(x, axes):
    for keepdim in (False, True):
        actual = sums.total(np, x, axes, keepdim)
        expected = x.sum(axes, dtype="float64", keepdims=keepdim)
        assert (actual.shape, actual.dtype) == (expected.shape, x.dtype)
        scale = abs(x).sum(axes, dtype="float64", keepdims=keepdim).max()
        np.testing.assert_allclose(actual, expected, rtol=0, atol=scale * 16 * np.finfo(x.dtype).eps)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_shapes_and_axes(dtype):
    rng = np.random.default_rng(0)
    for many in (1, 5, 16, 17, 300, 511, 512, 513, 767, 768, 1001, 1536, 5000):
        for shape in ((many,), (7, many), (many, 7), (3, many, 40), (many, 2, 9)):
            x = rng.normal(size=shape).astype(dtype)
            for axes in {(0,), (x.ndim - 1,), tuple(range(x.ndim)), (0, x.ndim - 1)[:x.ndim]}:
                if len(set(axes)) == len(axes):
                    check(x, axes)
            check(np.asfortranarray(x), (0,))
            check(x[::-1], (0,))


@pytest.mark.parametrize("shape", [(1 << 20, 2), (1500, 1500), (3, 700_001)])
def test_beyond_the_cache(shape):
    x = np.random.default_rng(1).random(shape).astype("float32")
    for axes in ((0,), (1,), (0, 1)):
        check(x, axes)


def test_nothing_is_lost_in_a_long_sum():
    x = np.full(3_000_000, 0.1, "float32")
    assert abs(sums.total(np, x, (0,)) / (3e6 * np.float64(np.float32(0.1))) - 1) < 1e-6
    x[5] = np.inf
    assert sums.total(np, x, (0,)) == np.inf


def test_ones_are_not_changed():
    kept = sums.ones(np, 512, np.dtype("float32"))
    check(np.ones((9, 512), "float32"), (1,))
    assert (kept == 1).all()
