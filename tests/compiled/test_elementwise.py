"""The compiled functions of one number or two, and their slopes, each against what NumPy does in its place."""

import functools

import numpy as np
import pytest

import minitorch_ndl as ndl
from minitorch_ndl import compiled
from minitorch_ndl.dispatch import OPS

pytest.importorskip("numba")
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")
F = ndl.nn.functional

CASES = [("sigmoid",), ("silu", False), ("scaled_elu", 1.0, 1.0, 1.0), ("scaled_elu", 1.67, 1.05, 1.0),
         ("scaled_elu", -0.5, 2.0, 1.0), ("scaled_elu", 1.0, 1.0, 3.0), ("softplus", 1.0, 20.0), ("softplus", 2.0, 5.0),
         ("softplus", -1.0, 20.0), ("mish", False), ("hardswish", False), ("hardsigmoid", False), ("hardtanh", -1.0, 2.5, False),
         ("relu",), ("leaky_relu", 0.1, False), ("leaky_relu", 1.5, False), ("logsigmoid",), ("bowl", 0.7), ("sign",), ("erf",), ("erfc",),
         ("erfinv",), ("rsqrt",), ("nan_to_num", None, None, None), ("nan_to_num", 7.0, 1.0, 2)]
SLOPES = [("sigmoid",), ("tanh",), ("relu",), ("rsqrt",), ("silu",), ("scaled_elu", 1.67, 1.05, 1.0),
          ("scaled_elu", -0.5, 2.0, 1.0), ("scaled_elu", 1.0, 1.0, 3.0), ("softplus", 1.0, 20.0), ("softplus", 2.0, 5.0),
          ("logsigmoid",), ("mish",), ("leaky_relu", 0.1), ("hardtanh", -1.0, 2.5), ("hardsigmoid",), ("hardswish",), ("abs",), ("bowl", 0.7),
          ("erf",), ("erfc",)]


@pytest.fixture(autouse=True)
def only_with_twins():
    if not compiled.enabled():
        pytest.skip("MINITORCH_NDL_FAST=0")


def twin_and_kernel(name):
    plain = functools.partial(OPS[name].kernel, np)
    twin = compiled.twin_of(name, plain)
    assert twin is not plain
    return twin, plain


def numbers(seed=0):
    rng = np.random.default_rng(seed)
    special = [0.0, -0.0, np.inf, -np.inf, np.nan, 1e-40, -1e-40, 1e-10, -1e-10, 88.0, -88.0, 1e37, -1e37, 3, -3, 20]
    return np.concatenate([rng.normal(0, scale, 5000) for scale in (1e-3, 1, 30)] + [special]).astype("f")


def declined(*args):
    raise AssertionError("the twin handed this back")


@pytest.mark.parametrize("name, args", [(name, args) for name, *args in CASES], ids=str)
def test_same_as_in_numpy(name, args):
    twin, plain = twin_and_kernel(name)
    x = numbers()
    for shaped in (x, x.reshape(2, -1), x[:0]):
        actual, expected = twin.func(declined, shaped, *args), plain(shaped, *args)
        assert (actual.dtype, actual.shape) == (expected.dtype, expected.shape)
        np.testing.assert_allclose(actual, expected, rtol=2e-6, atol=1e-38)
    for other in (x.astype("d"), x[::2]):  # handed back
        np.testing.assert_array_equal(twin(other, *args), plain(other, *args))


@pytest.mark.parametrize("name, args", [(name, args) for name, *args in SLOPES], ids=str)
def test_slopes_same_as_in_numpy(name, args):
    formula = OPS[name].formulas["input"]
    twin = compiled.twin_of(formula.name, formula.formula)
    assert twin is not formula.formula
    x, g = numbers(), numbers(1)
    x[-3], g[-16:] = 2.5, 1.5  # at infinity, 0 * inf is what it is
    if formula.__code__.co_varnames[1] == "out":
        x = np.abs(np.clip(np.nan_to_num(x), -1, 1))
    for shaped in (x, x.reshape(2, -1), x[:0]):
        gs = g[:shaped.size].reshape(shaped.shape)
        actual, expected = twin.func(declined, gs, shaped, *args), formula.formula(gs, shaped, *args)
        assert (actual.dtype, actual.shape) == (expected.dtype, expected.shape)
        np.testing.assert_array_equal(np.isnan(actual), np.isnan(expected))
        kept = ~np.isnan(expected)
        # Where a slope crosses zero, its terms cancel, here and there.
        assert (abs(actual - expected)[kept] <= 4e-6 * abs(gs)[kept] * np.maximum(1, abs(expected / gs)[kept])).all()
    same = np.broadcast_to(np.float32(0.5), x.shape)  # one number for all
    np.testing.assert_array_equal(twin.func(declined, same, x, *args), twin(np.ascontiguousarray(same), x, *args))
    for gs, other in ((g.astype("d"), x.astype("d")), (g[::2], x[::2])):  # handed back
        np.testing.assert_array_equal(twin(gs, other, *args), formula.formula(gs, other, *args))


@pytest.mark.parametrize("function", [
    F.silu, F.elu, F.selu, lambda x: F.celu(x, 2.0), F.softplus, F.logsigmoid, F.mish, F.hardswish, F.leaky_relu, F.relu6,
    F.hardsigmoid, F.relu, ndl.abs, ndl.erf, ndl.erfc, ndl.tanh, ndl.sigmoid, lambda x: ndl.rsqrt(x.abs() + 1)], ids=str)
def test_gradients_in_both_precisions(function):
    x = ndl.tensor([-4.1, -2.0, -0.7, 0.4, 1.3, 2.9, 7.0], dtype=ndl.float64).requires_grad_()
    assert ndl.autograd.gradcheck(function, (x,))
    assert ndl.autograd.gradgradcheck(function, (x,))
    single = x.detach().float().requires_grad_()
    (function(single) * single.detach()).sum().backward()
    (function(x) * x.detach()).sum().backward()
    assert ndl.allclose(single.grad.double(), x.grad, rtol=1e-5, atol=1e-5)
    (slope,) = ndl.autograd.grad(function(single).sum(), single, create_graph=True)
    assert slope.grad_fn is not None or not slope.requires_grad


def test_written_in_place():
    x = ndl.tensor([-1.0, 2.0])
    assert ndl.nn.functional.elu(x, inplace=True) is x
    assert ndl.allclose(x, ndl.tensor([-0.63212, 2.0]))


def test_limits_of_hardtanh_in_the_wrong_order():
    with pytest.raises(ValueError, match="min_val"):
        F.hardtanh(ndl.ones(3), 1.0, -1.0)


# --- of several numbers -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["fmod", "remainder"])
def test_division(name):
    twin, plain = twin_and_kernel(name)
    rng = np.random.default_rng(2)
    x, y = rng.normal(0, 100, (30, 40)).astype("f"), rng.normal(0, 3, (30, 40)).astype("f")
    x[0], x[1] = rng.integers(-9, 9, 40) * 2, 0
    y[0] = 2
    exact = getattr(np, name)(x.astype("d"), y.astype("d")).astype("f")
    np.testing.assert_array_equal(twin.func(declined, x, y), exact)
    if name == "fmod":
        np.testing.assert_array_equal(np.signbit(twin.func(declined, x, y)), np.signbit(exact))
    np.testing.assert_array_equal(twin.func(declined, x, y[2, 3]), getattr(np, name)(x.astype("d"), float(y[2, 3])).astype("f"))
    for odd in (0.0, np.inf, np.nan, 1e-30):  # handed back
        y[3, 4] = odd
        np.testing.assert_array_equal(twin(x, y), plain(x, y))
    np.testing.assert_array_equal(twin(x, y[0]), plain(x, y[0]))
    assert twin(x[:0], y[:0]).shape == (0, 40)


@pytest.mark.parametrize("name", ["hypot", "logaddexp"])
def test_pairs(name):
    twin, plain = twin_and_kernel(name)
    values = np.array([-np.inf, -800.0, -1e-9, 0.0, 1e-9, 800.0, 1e30, np.inf, np.nan, 0.3, 2.5, -2.5], "f")
    x, y = (v.reshape(-1) for v in np.meshgrid(values, values))
    wide = getattr(np, name)(x.astype("d"), y.astype("d"))
    np.testing.assert_allclose(twin.func(declined, x, y), wide, rtol=1e-6)
    np.testing.assert_array_equal(twin(x[::2], y[::2]), plain(x[::2], y[::2]))
    np.testing.assert_array_equal(twin(x.reshape(12, 12), y[:12]), plain(x.reshape(12, 12), y[:12]))


def test_blends():
    rng = np.random.default_rng(3)
    a, b, c = (rng.normal(size=(7, 9)).astype("f") for _ in range(3))
    twin = compiled.twin_of("addcmul", plain := lambda x, a, b, value: x + a * b * value)
    np.testing.assert_allclose(twin.func(declined, a, b, c, 0.5), a + 0.5 * b * c, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(twin(a, b[0], c, 2), plain(a, b[0], c, 2))
    twin, plain = twin_and_kernel("lerp")
    for weight in (0.0, 0.3, 0.5, 0.9, 1.0, -2.0):
        w = np.asarray(weight, "f")
        np.testing.assert_allclose(twin.func(declined, a, b, w), plain(a, b, w), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(twin.func(declined, a, b, np.asarray(1, "f")), b)
    np.testing.assert_array_equal(twin(a, b, c), plain(a, b, c))
    np.testing.assert_array_equal(twin(a, b[0], np.asarray(0.2, "f")), plain(a, b[0], np.asarray(0.2, "f")))
