"""The compiled twins that go through rows and channels, each against the kernel in NumPy that it stands for."""

import functools

import numpy as np
import pytest

import minitorch_ndl as ndl
from minitorch_ndl import compiled
from minitorch_ndl.dispatch import OPS
from minitorch_ndl.ops import attention

pytest.importorskip("numba")
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # kernels run with NumPy's warnings off
F = ndl.nn.functional


def kernels(name):
    """Forward in NumPy and its twin, backward in NumPy and its twin."""
    if not compiled.enabled():
        pytest.skip("MINITORCH_NDL_FAST=0")
    found = []
    for title, kernel in ((name, OPS[name].kernel), (f"{name}.backward", OPS[name].rule((0,)).backward.kernel)):
        plain = functools.partial(kernel, np)
        twin = compiled.twin_of(title, plain)
        assert twin is not plain
        found += [plain, twin]
    return found


def declined(*args):
    raise AssertionError("the twin handed this back")


def same(actual, expected, scale=8):
    """Equal shapes and dtypes, NaN in the same places, errors of a few units in the last place of the largest number."""
    if expected is None or expected is False:
        assert actual is None
        return
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert (actual.shape, actual.dtype) == (expected.shape, expected.dtype)
    if expected.dtype.kind != "f":
        np.testing.assert_array_equal(actual, expected)
        return
    np.testing.assert_array_equal(np.isnan(actual), np.isnan(expected))
    finite = np.isfinite(expected)
    np.testing.assert_array_equal(actual[~finite], expected[~finite])
    if finite.any():
        eps = np.finfo(expected.dtype).eps * max(1, abs(expected[finite]).max())
        np.testing.assert_allclose(actual[finite], expected[finite], rtol=0, atol=scale * eps)


def special(x, seed=0):
    """`x` (rows, n) with rows of every kind of trouble."""
    for i, row in enumerate(([-np.inf], [np.inf], [np.nan], [-0.0], [1e4, -1e4], [-1e30], [-np.inf, 2.0])):
        if i < len(x):
            x[i] = np.resize(np.array(row, x.dtype), x.shape[1])
    x[-1, -1] = np.nan
    return x


NORMS = {  # sizes, axes, the parameters' shape, own statistics
    "layer": ((6, 5, 64), (2,), (1, 1, 64), True),
    "layer, two dimensions": ((7, 5, 3), (1, 2), (1, 5, 3), True),
    "layer, long": ((3, 5000), (1,), (1, 5000), True),
    "layer, many rows": ((1100, 8), (1,), (1, 8), True),
    "batch": ((16, 5, 14, 9), (0, 2, 3), (1, 5, 1, 1), True),
    "batch, evaluating": ((16, 5, 14), (0, 2), (1, 5, 1), False),
    "instance": ((4, 3, 6, 5), (2, 3), (1, 3, 1, 1), True),
    "instance, evaluating": ((4, 3, 6, 5), (2, 3), (1, 3, 1, 1), False),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("case", NORMS)
def test_normalizations(case, affine, dtype):
    plain, twin, plain_backward, twin_backward = kernels("standardize")
    sizes, axes, shape, own = NORMS[case]
    rng = np.random.default_rng(len(case))
    x, g = (rng.normal(1, 2, sizes).astype(dtype) for _ in range(2))
    n = sizes[1] if "layer" not in case else None
    parameters = [rng.normal(size=n or sizes[axes[0]:]).astype(dtype) if affine else None for _ in range(2)]
    statistics = [None, None] if own else [rng.random(n).astype(dtype), rng.random(n).astype(dtype) + 1]
    for center in (True, False) if "layer" in case else (True,):
        moments = [], []
        args = (x, *parameters, *statistics, axes, shape, 1e-5, center)
        keep = own and "layer" not in case
        expected = plain(*args, moments[0] if keep else None)
        actual = twin.func(declined, *args, moments[1] if keep else None)
        for a, e in zip((*actual[:3], *moments[1]), (*expected[:3], *moments[0]), strict=True):
            same(a, e)
        assert actual[5:] == expected[5:]
        needs = (True, affine, affine)
        gradients = plain_backward(needs, g, *expected[1:])
        for backward in (twin_backward.func(declined, needs, g, *expected[1:]), plain_backward(needs, g, *actual[1:]),
                         twin_backward(needs, g, *actual[1:])):
            for a, e in zip(backward, gradients, strict=True):
                same(None if a is False else a, e, 40)


def test_normalizations_of_nan():
    plain, twin, plain_backward, twin_backward = kernels("standardize")
    x = np.random.default_rng(0).normal(size=(9, 16)).astype("f")
    x[2, 3], x[4] = np.nan, np.inf
    args = (x, None, None, None, None, (1,), (1, 16), 1e-5, True, None)
    for a, e in zip(twin(*args)[:3], plain(*args)[:3], strict=True):
        same(a, e)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("sizes", [(50, 27), (9, 1), (12, 1500), (3, 4, 5), (5,)])
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax(name, sizes, dtype):
    plain, twin, plain_backward, twin_backward = kernels(name)
    rng = np.random.default_rng(1)
    x, g = (rng.normal(0, 3, sizes).astype(dtype) for _ in range(2))
    if len(sizes) == 2:
        special(x)
    expected, actual = plain(x, -1, None), twin.func(declined, x, -1, None)
    same(actual[0], expected[0])
    assert actual[2] == expected[2]
    same(twin_backward.func(declined, (True,), g, *expected[1:]), plain_backward((True,), g, *expected[1:]), 40)


def test_softmax_hands_back_other_dimensions_and_layouts():
    plain, twin, *_ = kernels("softmax")
    x = np.random.default_rng(0).normal(size=(6, 5)).astype("f")
    for args in ((x, 0, None), (x.T, 1, None), (x[:0], 1, None), (x.astype("e"), 1, None), (x[0, 0], 0, None)):
        same(twin(np.asarray(args[0]), *args[1:])[0], plain(np.asarray(args[0]), *args[1:])[0])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("sizes", [(100, 10), (64, 1000), (1, 1), (1024, 27)])
def test_cross_entropy(sizes, reduction, dtype):
    plain, twin, plain_backward, twin_backward = kernels("cross_entropy_of_labels")
    rng = np.random.default_rng(2)
    x, labels = rng.normal(0, 3, sizes).astype(dtype), rng.integers(0, sizes[1], sizes[0])
    if reduction == "none":
        special(x)
    args = (x, labels, None, -100, reduction)
    expected, actual = plain(*args), twin.func(declined, *args)
    for a, e in zip(actual[:4], expected[:4], strict=True):
        same(a, e, 40)
    assert actual[4:] == expected[4:]
    g = np.asarray(rng.normal(size=np.shape(expected[0]))).astype(dtype)
    same(twin_backward.func(declined, (True,), g, *expected[1:]), plain_backward((True,), g, *expected[1:]))
    same(plain_backward((True,), g, *actual[1:]), plain_backward((True,), g, *expected[1:]))


def test_cross_entropy_of_wrong_and_ignored_labels():
    x = ndl.randn(4, 3)
    for label in (3, -1):
        with pytest.raises(IndexError, match="out of bounds"):
            F.cross_entropy(x, ndl.tensor([0, 1, label, 2]))
    kept = F.cross_entropy(x[:2], ndl.tensor([0, 1]))
    assert ndl.allclose(F.cross_entropy(x, ndl.tensor([0, 1, -100, -100])), kept)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("scale", [1, 100])
@pytest.mark.parametrize("kind", ["all", "causal", "causal, later", "bool mask"])
@pytest.mark.parametrize("sizes", [(2, 3, 32, 32), (4, 7, 11), (5, 3)])
def test_attention(sizes, kind, scale, dtype):
    kernels("softmax")  # skips without twins
    rng = np.random.default_rng(3)
    scores = (scale * rng.normal(size=sizes)).astype(dtype)
    keep = rng.random(sizes) < 0.7 if kind == "bool mask" else None
    if kind == "bool mask":
        keep[..., 1, :] = False
        scores[..., 2, 0] = -np.inf
    if scale > 1 and "causal" not in kind:
        scores[..., 0, 0] = np.nan
    first = {"causal": 0, "causal, later": 3}.get(kind)
    found = []
    for function in (attention._exponentials.__wrapped__, attention._exponentials):
        weights = scores.copy()
        sums = function(np, weights, keep, first)
        assert sums.shape == (*sizes[:-1], 1)
        found.append(weights / np.where(sums == 0, 1, sums))
    same(found[1], found[0])
    weights = np.nan_to_num(found[0])
    shares, slopes = rng.random((*sizes[:-1], 1)).astype(dtype), rng.normal(size=sizes).astype(dtype)
    along = (weights * slopes).sum(-1, keepdims=True) * shares
    expected = slopes.copy()
    attention._slopes.__wrapped__(np, expected, weights, shares, along, np.ones_like(along))
    attention._slopes(np, slopes, weights, shares, along, np.ones_like(along))
    same(slopes, expected)


@pytest.mark.parametrize("function", [
    lambda x, w: F.layer_norm(x, (6,), w, w), lambda x, w: F.batch_norm(x.reshape(2, 6, 2), None, None, w, w, training=True),
    lambda x, w: F.softmax(x, -1), lambda x, w: F.log_softmax(x * w, -1),
    lambda x, w: F.cross_entropy(x * w, ndl.tensor([1, 0, 5, 2])),
    lambda x, w: F.scaled_dot_product_attention(x, x * w, x, is_causal=True),
], ids=["layer_norm", "batch_norm", "softmax", "log_softmax", "cross_entropy", "attention"])
def test_gradients(function):
    rng = ndl.Generator().manual_seed(0)
    x, w = (ndl.randn(*sizes, dtype=ndl.float64, generator=rng).requires_grad_() for sizes in ((4, 6), (6,)))
    assert ndl.autograd.gradcheck(function, (x, w))
    assert ndl.autograd.gradgradcheck(function, (x, w))


def test_results_repeat():
    x = ndl.randn(33, 65).requires_grad_()
    results = []
    for _ in range(2):
        x.grad = None
        out = F.softmax(F.layer_norm(x, (65,)), -1)
        (out * out).sum().backward()
        results.append((out.detach().numpy(), x.grad.numpy()))
    for a, b in zip(*results, strict=True):
        np.testing.assert_array_equal(a, b)
