"""The compiled convolutions and pools against the kernels in NumPy."""

import functools

import numpy as np
import pytest

pytest.importorskip("numba")

import minitorch_ndl as ndl
from minitorch_ndl import compiled, dispatch
from minitorch_ndl.compiled import depthwise, threads, winograd
from minitorch_ndl.ops import conv, pool

pytestmark = pytest.mark.skipif(not compiled.enabled(), reason="MINITORCH_NDL_FAST=0")
F = ndl.nn.functional


def pair(name):
    plain = functools.partial(dispatch.OPS[name].kernel, np)
    return plain, compiled.twin_of(name, plain)


def refuse(*args):
    raise AssertionError("the twin handed back what it should do itself")


def ours(name):
    """The twin, which may not hand anything back."""
    return functools.partial(pair(name)[1].func, refuse)


def rest(padding):
    return (1, 1), padding, (1, 1), 1


@pytest.mark.parametrize("dtype", ["f", "d"])
@pytest.mark.parametrize("elements", [1, 20000, 1 << 18])  # bands of an image, whole images, several of them
@pytest.mark.parametrize("seed", range(6))
def test_winograd_agrees(seed, elements, dtype, monkeypatch):
    monkeypatch.setattr(winograd, "_ELEMENTS", elements)
    random = np.random.default_rng(seed)
    n, c, o = random.integers(1, 6), random.integers(8, 14), random.integers(8, 14)
    padding = tuple(random.integers(0, 4, 2).tolist())
    h, w = (random.integers(max(1, 3 - 2 * p), 30) for p in padding)
    x, k = random.standard_normal((n, c, h, w)).astype(dtype), random.standard_normal((o, c, 3, 3)).astype(dtype)
    bias = random.standard_normal(o).astype(dtype)
    y = pair("convolve")[0](x, k, *rest(padding))
    g = random.standard_normal(y.shape).astype(dtype)
    tolerance = 2e-5 if dtype == "f" else 1e-12

    def agree(got, expected):
        assert got.dtype == x.dtype and got.flags.c_contiguous
        np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tolerance * abs(expected).max())

    for name, args in (("convolve", (x, k)), ("convolve_input", (g, k, (h, w))), ("convolve_weight", (x, g, (3, 3)))):
        agree(ours(name)(*args, *rest(padding)), pair(name)[0](*args, *rest(padding)))
    agree(ours("convolution")(x, k, bias, *rest(padding))[0], y + bias[:, None, None])
    agree(ours("convolution")(x, k, None, *rest(padding))[0], y)
    twin = functools.partial(compiled.twin_of("convolution.backward", refuse), (True, True, True))
    of_input, of_weight, of_bias = twin(g, x, k, *rest(padding))
    agree(of_input, pair("convolve_input")[0](g, k, (h, w), *rest(padding)))
    agree(of_weight, pair("convolve_weight")[0](x, g, (3, 3), *rest(padding)))
    agree(of_bias, g.sum((0, 2, 3)))


@pytest.mark.parametrize("dtype", ["f", "d"])
@pytest.mark.parametrize("seed", range(12))
def test_one_channel_at_a_time(seed, dtype):
    random = np.random.default_rng(seed)
    n, c, times = random.integers(1, 5), random.integers(2, 9), random.integers(1, 4)
    padding, stride, dilation, kernel = (tuple(random.integers(*ends, 2).tolist()) for ends in ((0, 4), (1, 4), (1, 3), (1, 6)))
    h, w = (random.integers(max(1, d * (k - 1) + 1 - 2 * p), 22) for p, d, k in zip(padding, dilation, kernel, strict=True))
    x, k = random.standard_normal((n, c, h, w)).astype(dtype), random.standard_normal((times * c, 1, *kernel)).astype(dtype)
    options = stride, padding, dilation, int(c)
    g = random.standard_normal(pair("convolve")[0](x, k, *options).shape).astype(dtype)
    tolerance = 2e-5 if dtype == "f" else 1e-12
    for name, args in (("convolve", (x, k)), ("convolve_input", (g, k, (h, w))), ("convolve_weight", (x, g, kernel))):
        got, expected = ours(name)(*args, *options), pair(name)[0](*args, *options)
        assert got.dtype == x.dtype and got.flags.c_contiguous
        np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tolerance * abs(expected).max())
    twin = functools.partial(compiled.twin_of("convolution.backward", refuse), (True, True, True))
    for got, (name, args) in zip(twin(g, x, k, *options), (("convolve_input", (g, k, (h, w))), ("convolve_weight", (x, g, kernel))),
                                 strict=False):
        np.testing.assert_array_equal(got, ours(name)(*args, *options))


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("which", ["x", "k", "g"])
def test_one_channel_that_is_not_finite(value, which):
    random = np.random.default_rng(0)
    arrays = {"x": random.standard_normal((2, 3, 8, 7)), "k": random.standard_normal((3, 1, 2, 3)), "g": np.ones((2, 3, 4, 4))}
    arrays[which][1, 0, 1, 2] = value
    x, k, g = arrays.values()
    options = (2, 2), (1, 1), (1, 1), 3
    for name, args in (("convolve", (x, k)), ("convolve_input", (g, k, (8, 7))), ("convolve_weight", (x, g, (2, 3)))):
        with np.errstate(all="ignore"):
            np.testing.assert_allclose(pair(name)[1](*args, *options), pair(name)[0](*args, *options), rtol=1e-9)


@pytest.mark.parametrize("needs", [(True, False, False), (False, True, False), (False, False, True), (False, True, True)])
def test_only_gradients_that_are_asked_for(needs):
    x, k, b = (ndl.randn(*s, requires_grad=need) for s, need in zip(((2, 8, 7, 6), (9, 8, 3, 3), (9,)), needs, strict=True))
    F.conv2d(x, k, b).sum().backward()
    assert [t.grad is not None for t in (x, k, b)] == list(needs)
    if needs[2]:
        assert b.grad.tolist() == [40.0] * 9


@pytest.mark.parametrize("change", [{"stride": 2}, {"dilation": 2}, {"groups": 2}, {"padding": (0, 5)}])
def test_other_convolutions(change):
    """All others have the kernels in NumPy, but for large paddings, which are Winograd's like all."""
    options = {"stride": 1, "padding": 1, "dilation": 1, "groups": 1} | change
    random = np.random.default_rng(0)
    x = ndl.tensor(random.standard_normal((2, 16, 9, 8)), requires_grad=True)
    k = ndl.tensor(random.standard_normal((16, 16 // options["groups"], 3, 3)), requires_grad=True)
    y = F.conv2d(x, k, **options)
    y.square().sum().backward()
    stride, padding, dilation, groups = (v if isinstance(v, tuple) else (v, v) for v in options.values())
    args = (stride, padding, dilation, groups[0])
    np.testing.assert_allclose(y.detach().numpy(), pair("convolve")[0](x._array, k._array, *args), rtol=1e-9, atol=1e-9)
    g = 2 * y._array
    for grad, name, inputs in ((x.grad, "convolve_input", (g, k._array, (9, 8))), (k.grad, "convolve_weight", (x._array, g, (3, 3)))):
        np.testing.assert_allclose(grad.numpy(), pair(name)[0](*inputs, *args), rtol=1e-9, atol=1e-9)


def test_whole_numbers_are_exact():
    random = np.random.default_rng(0)
    x, k = random.integers(-9, 10, (2, 8, 9, 7)).astype("f"), random.integers(-9, 10, (8, 8, 3, 3)).astype("f")
    np.testing.assert_array_equal(ours("convolve")(x, k, *rest((1, 1))), pair("convolve")[0](x, k, *rest((1, 1))))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3e38])
def test_what_is_not_finite_stays_where_it_is(value):
    random = np.random.default_rng(0)
    x, k = random.standard_normal((2, 8, 9, 9)).astype("f"), random.standard_normal((8, 8, 3, 3)).astype("f")
    x[1, 3, 4, 5] = value
    cases = (("convolve", (x, k)), ("convolve_input", (x, k, (11, 11))), ("convolve_weight", (x, x[:, :, :7, :7], (3, 3))))
    for name, args in cases:
        plain, twin = pair(name)
        with np.errstate(all="ignore"):
            np.testing.assert_allclose(twin(*args, *rest((0, 0))), plain(*args, *rest((0, 0))), rtol=1e-4, atol=1e-4)


def test_not_finite_backward():
    x, k = (ndl.randn(*s, requires_grad=True) for s in ((1, 8, 6, 6), (8, 8, 3, 3)))
    g = ndl.zeros(1, 8, 4, 4)
    g[0, 0, 0, 0] = float("inf")
    F.conv2d(x, k).backward(g)
    assert x.grad[:, :, 3:].eq(0).all() and x.grad[:, :, :3, :3].isinf().all()
    assert k.grad[0].isinf().all() and k.grad[1:].isfinite().all()


def test_arrays_that_do_not_lie_in_order():
    x = ndl.randn(3, 6, 7, 8).permute(0, 3, 1, 2).requires_grad_()  # (3, 8, 6, 7), channels last
    k = ndl.randn(8, 8, 3, 3).transpose(0, 1).requires_grad_()
    copies = [t.detach().clone(memory_format=ndl.contiguous_format).requires_grad_() for t in (x, k)]
    for a, b in ((x, k), copies):
        F.conv2d(a, b).sum().backward()  # whose gradient is one number, repeated
    for t, copy in zip((x, k), copies, strict=True):
        np.testing.assert_array_equal(t.grad.numpy(), copy.grad.numpy())


def test_no_images():
    x, k = ndl.zeros(0, 8, 5, 5, requires_grad=True), ndl.ones(8, 8, 3, 3, requires_grad=True)
    y = F.max_pool2d(F.conv2d(x, k, padding=1), 2)
    y.sum().backward()
    assert y.shape == (0, 8, 2, 2) and x.grad.shape == x.shape and not k.grad.any()


@pytest.mark.parametrize("elements", [1, 1 << 18])
def test_threads_change_no_bit(elements, monkeypatch):
    monkeypatch.setattr(winograd, "_ELEMENTS", elements)
    random = np.random.default_rng(0)
    x, k = random.standard_normal((21, 8, 21, 9)).astype("f"), random.standard_normal((8, 8, 3, 3)).astype("f")
    g, b = random.standard_normal((21, 8, 19, 7)).astype("f"), np.zeros(8, "f")
    results = []
    for count in (1, 2, 3):
        monkeypatch.setattr(threads, "_limit", count)
        results.append((winograd.convolve(x, k, b, (0, 0)), *winograd.gradients(x, k, g, (0, 0), (21, 9))))
        results[-1] += (depthwise.convolve(x, k[:, :1], b, (1, 1), (0, 0), (1, 1)),
                        *depthwise.gradients(x, k[:, :1], g, (1, 1), (0, 0), (1, 1), True, True))
    assert all((a == b).all() for other in results[1:] for a, b in zip(other, results[0], strict=True))


def test_gradients():
    x, k, b = (ndl.randn(*s, dtype=ndl.float64, requires_grad=True) for s in ((1, 8, 4, 5), (8, 8, 3, 3), (8,)))
    assert ndl.autograd.gradcheck(lambda x, k, b: F.conv2d(x, k, b, padding=1), (x, k, b), fast_mode=True)
    assert ndl.autograd.gradgradcheck(lambda x, k, b: F.conv2d(x, k, b), (x, k, b), fast_mode=True)
    y = ndl.randn(1, 8, 3, 3, dtype=ndl.float64, requires_grad=True)
    assert ndl.autograd.gradcheck(lambda y, k: F.conv_transpose2d(y, k), (y, k), fast_mode=True)


@pytest.mark.parametrize("dtype", ["f", "d"])
@pytest.mark.parametrize("seed", range(8))
def test_patches_are_added_up(seed, dtype):
    random = np.random.default_rng(seed)
    kernel, out, stride, dilation = (tuple(random.integers(1, high, 2).tolist()) for high in (5, 9, 4, 3))
    size = tuple((o - 1) * s + (k - 1) * d + 1 + random.integers(3) for k, o, s, d in zip(kernel, out, stride, dilation, strict=True))
    columns = random.integers(-9, 10, (2, 3, *kernel, *out)).astype(dtype)
    start = random.integers(-9, 10, (2, 3, *size)).astype(dtype)
    plain = functools.partial(conv.add_patches.__wrapped__, np)
    targets = start.copy(), start.copy()
    plain(columns, targets[0], stride, dilation)
    compiled.twin_of("add_patches", refuse)(columns, targets[1], stride, dilation)
    np.testing.assert_array_equal(*targets)
    assert (targets[0] != start).any()


@pytest.mark.parametrize("kernel, stride, dilation, groups", [((5, 4), 1, 1, 1), ((3, 3), 2, 1, 2), ((2, 3), 1, 2, 1)])
def test_kernels_of_other_sizes(kernel, stride, dilation, groups):
    """Against the definition, through autograd: the gradient along a direction is what the function does there."""
    random = np.random.default_rng(0)
    x, k = (ndl.tensor(random.standard_normal(s), requires_grad=True) for s in ((3, 4, 12, 13), (6, 4 // groups, *kernel)))
    dx, dk = ndl.tensor(random.standard_normal(x.shape)), ndl.tensor(random.standard_normal(k.shape))
    options = {"stride": stride, "padding": 1, "dilation": dilation, "groups": groups}
    g = ndl.tensor(random.standard_normal(F.conv2d(x, k, **options).shape))
    F.conv2d(x, k, **options).backward(g)
    assert float((x.grad * dx).sum()) == pytest.approx(float((F.conv2d(dx, k.detach(), **options) * g).sum()))
    assert float((k.grad * dk).sum()) == pytest.approx(float((F.conv2d(x.detach(), dk, **options) * g).sum()))


# --- pools ------------------------------------------------------------------------------------------------------------

VALUES = np.array([-np.inf, -1, 0, 1, np.inf, np.nan], "f")


@pytest.mark.parametrize("shape", [(2, 3, 8, 6), (3, 7, 5), (0, 2, 4, 4), (1, 2, 2)])
@pytest.mark.parametrize("kernel, stride, padding, dilation", [
    (2, 2, 0, 1), (3, 2, 1, 1), ((1, 2), 1, 0, 1), (2, 3, 1, 1), (2, 2, 1, 1), (2, 1, 1, 2)])
def test_pools_agree(shape, kernel, stride, padding, dilation):
    if shape[-1] == 2 and (kernel, padding) == (2, 0):
        pytest.skip("a window that sees all")
    random = np.random.default_rng(0)
    x = random.choice(VALUES, shape, p=[.1, .2, .3, .2, .1, .1])
    windows = pool._windows("pool", shape[-2:], kernel, stride, padding, dilation, True)
    plain, twin = pair("max_of_windows")
    which = plain(x, windows)[1]
    for got, expected in zip(twin(x, windows), plain(x, windows), strict=True):
        assert got.dtype == expected.dtype
        np.testing.assert_array_equal(got, expected)
    g = random.integers(-9, 10, which.shape).astype("f")
    formula = pool._max_gradient
    got, expected = compiled.twin_of(formula.name, refuse if g.size else formula.formula)(g, which, windows), formula.formula(
        g, which, windows)
    assert got.dtype == expected.dtype
    np.testing.assert_array_equal(got, expected)


def test_pool_of_what_does_not_lie_in_order():
    x = ndl.randn(2, 5, 6, 3).permute(0, 3, 1, 2).requires_grad_()
    copy = x.detach().clone(memory_format=ndl.contiguous_format).requires_grad_()
    for t in (x, copy):
        F.max_pool2d(t, 2).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), copy.grad.numpy())
    assert int(x.grad.sum()) == 36
