"""The compiled convolutions and pools against the kernels in NumPy."""

import functools

import numpy as np
import pytest

pytest.importorskip("numba")

import minitorch_ndl as ndl  # noqa: E402
from minitorch_ndl import compiled, dispatch  # noqa: E402
from minitorch_ndl.compiled import threads, winograd  # noqa: E402
from minitorch_ndl.ops.pool import Windows  # noqa: E402

pytestmark = pytest.mark.skipif(not compiled.enabled(), reason="MINITORCH_NDL_FAST=0")


def pair(name):
    plain = functools.partial(dispatch.OPS[name].kernel, np)
    return plain, compiled.twin_of(name, plain)


def refuse(*args):
    raise AssertionError("the twin handed back what it should do itself")


@pytest.mark.parametrize("dtype", ["f", "d"])
@pytest.mark.parametrize("seed", range(12))
def test_winograd_agrees(seed, dtype):
    random = np.random.default_rng(seed)
    n, c, o = random.integers(1, 4), random.integers(8, 14), random.integers(8, 14)
    padding = tuple(random.integers(0, 3, 2).tolist())
    h, w = (random.integers(max(1, 3 - 2 * p), 15) for p in padding)
    x, k = random.standard_normal((n, c, h, w)).astype(dtype), random.standard_normal((o, c, 3, 3)).astype(dtype)
    rest = ((1, 1), padding, (1, 1), 1)
    plain, _ = pair("convolve")
    y = plain(x, k, *rest)
    g = random.standard_normal(y.shape).astype(dtype)
    tolerance = 2e-5 if dtype == "f" else 1e-12
    for name, args in (("convolve", (x, k)), ("convolve_input", (g, k, (h, w))), ("convolve_weight", (x, g, (3, 3)))):
        plain, twin = pair(name)
        expected, got = plain(*args, *rest), functools.partial(twin.func, refuse)(*args, *rest)
        assert got.dtype == x.dtype and got.flags.c_contiguous
        np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tolerance * abs(expected).max())


def test_whole_numbers_are_exact():
    random = np.random.default_rng(0)
    x, k = random.integers(-9, 10, (2, 8, 9, 7)).astype("f"), random.integers(-9, 10, (8, 8, 3, 3)).astype("f")
    plain, twin = pair("convolve")
    args = (x, k, (1, 1), (1, 1), (1, 1), 1)
    np.testing.assert_array_equal(twin(*args), plain(*args))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3e38])
def test_what_is_not_finite_stays_where_it_is(value):
    random = np.random.default_rng(0)
    x, k = random.standard_normal((2, 8, 9, 9)).astype("f"), random.standard_normal((8, 8, 3, 3)).astype("f")
    x[1, 3, 4, 5] = value
    for name, args in (("convolve", (x, k)), ("convolve_weight", (x, x[:, :, :7, :7], (3, 3)))):
        plain, twin = pair(name)
        args += ((1, 1), (0, 0), (1, 1), 1)
        with np.errstate(all="ignore"):
            np.testing.assert_allclose(twin(*args), plain(*args), rtol=1e-4, atol=1e-4)


def test_small_parts_and_threads_change_no_bit(monkeypatch):
    random = np.random.default_rng(0)
    x, k = random.standard_normal((3, 8, 21, 9)).astype("f"), random.standard_normal((8, 8, 3, 3)).astype("f")
    args = (x, k, (1, 1), (1, 1), (1, 1), 1)
    plain, twin = pair("convolve")
    monkeypatch.setattr(winograd, "_ELEMENTS", 1)
    results = []
    for count in (1, 2, 3):
        monkeypatch.setattr(threads, "limit", count)
        results.append(twin(*args))
    np.testing.assert_allclose(results[0], plain(*args), rtol=1e-4, atol=1e-4)
    assert all((r == results[0]).all() for r in results)


def test_gradients():
    x, k = (ndl.randn(*s, dtype=ndl.float64, requires_grad=True) for s in ((1, 8, 4, 5), (8, 8, 3, 3)))
    assert ndl.autograd.gradcheck(lambda x, k: ndl.nn.functional.conv2d(x, k, padding=1), (x, k))


@pytest.mark.parametrize("shape", [(2, 3, 8, 6), (3, 7, 5), (0, 2, 4, 4)])
def test_pool_agrees(shape):
    random = np.random.default_rng(0)
    x = random.choice(np.array([-np.inf, -1, 0, 1, np.inf, np.nan], "f"), shape, p=[.1, .2, .3, .2, .1, .1])
    windows = Windows(shape[-2:], (2, 2), (2, 2), (0, 0), (1, 1), tuple(s // 2 for s in shape[-2:]))
    plain, twin = pair("max_of_windows")
    for got, expected in zip(twin(x, windows), plain(x, windows), strict=True):
        assert got.dtype == expected.dtype
        np.testing.assert_array_equal(got, expected)
