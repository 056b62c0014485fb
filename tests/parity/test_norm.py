"""Normalizations against torch: values, running statistics, first and second gradients, dtypes, refusals."""

import itertools

import numpy as np
import pytest

import minitorch_ndl as ndl
from tests.parity.oracle import check, refusal

torch = pytest.importorskip("torch")
SHAPES = [(4, 3), (2, 3, 5), (2, 3, 4, 5), (2, 3, 2, 3, 4), (1, 3, 7)]


def draw(*shape, seed=1):
    return np.random.RandomState(seed).randn(*shape) * 2 + 1


def affine(n, kinds):
    """Weight and bias, or what there is of them."""
    return [draw(n, seed=2) if k in kinds else None for k in "wb"]


def put(function, arrays, **options):
    """`check` with the arrays that are not None in their places: input, weight, bias and others."""
    given = [a for a in arrays if a is not None]

    def call(lib, *tensors):
        rest = iter(tensors)
        return function(lib, *[None if a is None else next(rest) for a in arrays])

    check(call, given, second=arrays[1] is not None or len(arrays) < 3 or arrays[2] is None, **options)  # torch's fails with bias alone


@pytest.mark.parametrize("shape, kinds, training", list(itertools.product(SHAPES, ["wb", "w", "b", ""], [True, False])))
def test_batch_norm(shape, kinds, training):
    mean, var = draw(3, seed=3), np.abs(draw(3, seed=4)) + 0.1

    def call(lib, x, w, b, m, v, **options):
        m, v = m.detach().clone(), v.detach().clone()
        out = lib.nn.functional.batch_norm(x, m, v, w, b, training, **options)
        return out, m, v

    put(call, [draw(*shape), *affine(3, kinds), mean, var])
    put(lambda lib, *a: call(lib, *a, momentum=0.7, eps=0.1), [draw(*shape), *affine(3, kinds), mean, var])
    if training:
        put(lambda lib, x, w, b: lib.nn.functional.batch_norm(x, None, None, w, b, True), [draw(*shape), *affine(3, kinds)])
    put(lambda lib, x, w, b, m, v: lib.batch_norm(x, w, b, m.detach(), v.detach(), training, 0.1, 1e-3, True),
        [draw(*shape), *affine(3, kinds), mean, var])


@pytest.mark.parametrize("name", ["batch_norm", "instance_norm", "group_norm"])
def test_as_many_channels_as_columns(name):
    """A weight for each channel is not one for each column, though both are as many."""
    first = {"batch_norm": (None, None), "instance_norm": (None, None), "group_norm": (2,)}[name]

    def call(lib, x, w, b):
        more = {"training": True} if name == "batch_norm" else {}
        function = getattr(lib.nn.functional, name)
        return function(x, *first, w, b, **more)

    put(call, [draw(2, 8, 8, 8), *affine(8, "wb")])


@pytest.mark.parametrize("shape, kinds, own", list(itertools.product(SHAPES[1:], ["wb", "w", "b", ""], [True, False])))
def test_instance_norm(shape, kinds, own):
    mean, var = draw(3, seed=3), np.abs(draw(3, seed=4)) + 0.1

    def call(lib, x, w, b, m, v):
        m, v = m.detach().clone(), v.detach().clone()
        out = lib.nn.functional.instance_norm(x, m, v, w, b, use_input_stats=own, momentum=0.3)
        return out, m, v

    put(call, [draw(*shape), *affine(3, kinds), mean, var])
    if own:
        put(lambda lib, x, w, b: lib.nn.functional.instance_norm(x, weight=w, bias=b), [draw(*shape), *affine(3, kinds)])


@pytest.mark.parametrize("shape, groups, kinds", list(itertools.product([(3, 6), (2, 6, 5), (2, 6, 3, 4), (2, 6, 2, 2, 3)],
                                                                        [1, 2, 3, 6], ["wb", "w", "b", ""])))
def test_group_norm(shape, groups, kinds):
    if len(shape) == 2 and groups == 6:
        return  # one element a group: its deviation is zero, and so is what is left after cancellation
    put(lambda lib, x, w, b: lib.nn.functional.group_norm(x, groups, w, b), [draw(*shape), *affine(6, kinds)],
        grad=kinds != "b")  # torch's backward fails with bias alone


@pytest.mark.parametrize("last, kinds", list(itertools.product([(5,), (4, 5), (2, 3, 4, 5), [4, 5]], ["wb", "w", "b", ""])))
def test_layer_norm(last, kinds):
    parameters = [None if a is None else a.reshape(last) for a in affine(int(np.prod(last)), kinds)]
    put(lambda lib, x, w, b: lib.nn.functional.layer_norm(x, last, w, b), [draw(2, 3, 4, 5), *parameters])
    put(lambda lib, x, w, b: lib.layer_norm(x.transpose(0, 1), last, w, b, 0.1) if len(last) < 3 else x,
        [draw(2, 3, 4, 5), *parameters])
    if "b" not in kinds:
        put(lambda lib, x, w: lib.nn.functional.rms_norm(x, last, w), [draw(2, 3, 4, 5), parameters[0]])
        put(lambda lib, x, w: lib.rms_norm(x, last, weight=w, eps=0.1), [draw(2, 3, 4, 5), parameters[0]])


@pytest.mark.parametrize("wanted", ["x", "w", "b", "xw", "xb", "wb", "xwb"])
def test_only_the_gradients_that_are_asked_for(wanted):
    for call in (lambda lib, x, w, b: lib.nn.functional.layer_norm(x, (3,), w, b),
                 lambda lib, x, w, b: lib.nn.functional.batch_norm(x, None, None, w, b, True),
                 lambda lib, x, w, b: lib.nn.functional.batch_norm(x, b.detach(), w.detach().abs(), w, b),
                 lambda lib, x, w, b: lib.nn.functional.group_norm(x, 1, w, b)):
        found = []
        for lib in (ndl, torch):
            tensors = [lib.from_numpy(a) for a in (draw(4, 3), draw(3, seed=2), draw(3, seed=3))]
            for tensor, name in zip(tensors, "xwb", strict=True):
                tensor.requires_grad_(name in wanted)
            (call(lib, *tensors) ** 3).sum().backward()
            found.append([t.grad.numpy() for t in tensors if t.requires_grad])
        for mine, theirs in zip(*found, strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_dtypes(dtype):
    x, w, b = (draw(*shape).astype(dtype) for shape in ((8, 6, 5, 5), (6,), (6,)))
    options = {"rtol": 2e-3, "atol": 6e-2, "second": False} if dtype == "float16" else {"rtol": 1e-4, "atol": 1e-4,
                                                                                       "second": False}
    check(lambda lib, x, w, b: lib.nn.functional.batch_norm(x, None, None, w, b, True), [x, w, b], **options)
    check(lambda lib, x, w, b: lib.nn.functional.layer_norm(x.transpose(1, 3), (6,), w, b), [x, w, b], **options)
    check(lambda lib, x, w, b: lib.nn.functional.group_norm(x, 2, w, b), [x, w, b], **options)
    check(lambda lib, x, w: lib.nn.functional.rms_norm(x.transpose(1, 3), (6,), w), [x, w], **options)


@pytest.mark.parametrize("name", ["batch_norm", "layer_norm", "group_norm"])
def test_half_beside_single(name):
    x, w = draw(4, 6).astype("float16"), draw(6).astype("float32")
    calls = {"batch_norm": lambda f, x, w: f.batch_norm(x, None, None, w, w, True),
             "layer_norm": lambda f, x, w: f.layer_norm(x, (6,), w, w), "group_norm": lambda f, x, w: f.group_norm(x, 2, w, w)}
    check(lambda lib, x, w: calls[name](lib.nn.functional, x, w), [x, w], rtol=3e-3, atol=3e-3, second=False)


def test_large_mean_keeps_its_digits():
    x = (draw(64, 4, 8, 8) + 1000).astype("float32")
    for call in (lambda f, x: f.batch_norm(x, None, None, training=True), lambda f, x: f.layer_norm(x, (8,))):
        mine, exact = call(ndl.nn.functional, ndl.from_numpy(x)), call(torch.nn.functional, torch.from_numpy(x).double())
        np.testing.assert_allclose(mine.numpy(), exact.numpy(), atol=2e-3)


@pytest.mark.parametrize("shape", [(0, 3, 4), (2, 3, 0)])
def test_nothing_to_normalize(shape):
    check(lambda lib, x: lib.nn.functional.batch_norm(x, None, None, training=True), [draw(*shape)])
    check(lambda lib, x: lib.nn.functional.layer_norm(x, shape[2:]), [draw(*shape)])
    check(lambda lib, x: lib.nn.functional.group_norm(x, 3), [draw(*shape)])


@pytest.mark.parametrize("shape, size", list(itertools.product([(2, 5, 4), (2, 5, 4, 3), (2, 5, 3, 2, 2)], [1, 2, 3, 8])))
def test_local_response_norm(shape, size):
    check(lambda lib, x: lib.nn.functional.local_response_norm(x, size), [draw(*shape)])
    check(lambda lib, x: lib.nn.functional.local_response_norm(x, size, alpha=0.5, beta=1.5, k=2.0), [draw(*shape)])


@pytest.mark.parametrize("p, dim", list(itertools.product([1, 2, 2.0, 3.5, float("inf")], [0, 1, -1, (1, 2)])))
def test_normalize(p, dim):
    x = draw(2, 3, 4)
    check(lambda lib, x: lib.nn.functional.normalize(x, p, dim), [x])
    check(lambda lib, x: lib.nn.functional.normalize(x, p=p, dim=dim, eps=3.0), [x])


def test_normalize_zeros_and_out():
    check(lambda lib, x: lib.nn.functional.normalize(x * 0), [draw(2, 3)], second=False)
    out = ndl.zeros(2, 3)
    assert ndl.nn.functional.normalize(ndl.ones(2, 3), out=out) is out
    np.testing.assert_allclose(out.numpy(), 3 ** -0.5, rtol=1e-6)


N, W = "nn.functional", lambda lib: lib.ones(3)


@pytest.mark.parametrize("call", [
    lambda lib, f, x: f.batch_norm(x, None, None), lambda lib, f, x: f.batch_norm(x, W(lib), None),
    lambda lib, f, x: f.batch_norm(x, W(lib), None, training=True), lambda lib, f, x: f.batch_norm(x, lib.ones(4), W(lib)),
    lambda lib, f, x: f.batch_norm(x, W(lib), W(lib), lib.ones(4)),
    lambda lib, f, x: f.batch_norm(x, W(lib), W(lib), W(lib), lib.ones(4)),
    lambda lib, f, x: f.batch_norm(x[:1, :, :1, :1], None, None, training=True),
    lambda lib, f, x: f.batch_norm(x[0, 0, 0], W(lib), W(lib)), lambda lib, f, x: f.batch_norm(x.long(), W(lib), W(lib)),
    lambda lib, f, x: f.batch_norm(x.double(), W(lib), W(lib)), lambda lib, f, x: f.batch_norm(x, W(lib), W(lib), eps=-1.0),
    lambda lib, f, x: f.batch_norm(x, W(lib), W(lib), W(lib).double()),
    lambda lib, f, x: f.batch_norm(x, W(lib), W(lib), training=True, momentum=None),
    lambda lib, f, x: f.batch_norm(x, W(lib).requires_grad_(), W(lib), training=True),
    lambda lib, f, x: f.batch_norm(x, W(lib), W(lib), training=1),
    lambda lib, f, x: f.layer_norm(x, 5), lambda lib, f, x: f.layer_norm(x, (4,)), lambda lib, f, x: f.layer_norm(x, ()),
    lambda lib, f, x: f.layer_norm(x, (5,), lib.ones(4)), lambda lib, f, x: f.layer_norm(x, (5,), lib.ones(5), lib.ones(4)),
    lambda lib, f, x: f.layer_norm(x.long(), (5,)), lambda lib, f, x: f.layer_norm(x, (9, 2, 3, 4, 5)),
    lambda lib, f, x: f.layer_norm(x, (5,), lib.ones(5).double()), lambda lib, f, x: f.layer_norm(x.double(), (5,), lib.ones(5)),
    lambda lib, f, x: f.group_norm(x, 2), lambda lib, f, x: f.group_norm(x, 0), lambda lib, f, x: f.group_norm(x, -1),
    lambda lib, f, x: f.group_norm(x[0, 0, 0], 1), lambda lib, f, x: f.group_norm(x, 3, lib.ones(4)),
    lambda lib, f, x: f.group_norm(x, 3, None, lib.ones(4)), lambda lib, f, x: f.group_norm(x.long(), 3),
    lambda lib, f, x: f.group_norm(x[:1, :, :1, :1], 3), lambda lib, f, x: f.group_norm(x.double(), 3, W(lib)),
    lambda lib, f, x: f.instance_norm(x, use_input_stats=False), lambda lib, f, x: f.instance_norm(x[..., :1, :1]),
    lambda lib, f, x: f.instance_norm(x[:, :, 0, 0]), lambda lib, f, x: f.instance_norm(x, weight=lib.ones(4)),
    lambda lib, f, x: f.instance_norm(x.long()), lambda lib, f, x: f.instance_norm(x, W(lib)),
    lambda lib, f, x: f.instance_norm(x, lib.ones(4), lib.ones(4)),
    lambda lib, f, x: f.rms_norm(x, (4,)), lambda lib, f, x: f.rms_norm(x, (5,), lib.ones(4)),
    lambda lib, f, x: f.rms_norm(x.long(), (5,)), lambda lib, f, x: f.rms_norm(x, 5), lambda lib, f, x: f.rms_norm(x, ()),
    lambda lib, f, x: f.local_response_norm(x[0, 0], 2), lambda lib, f, x: f.local_response_norm(x, 0),
    lambda lib, f, x: f.normalize(x, dim=7), lambda lib, f, x: f.normalize(x.long()),
])
def test_refusals(call):
    refusal(lambda lib: call(lib, lib.nn.functional, lib.ones(2, 3, 4, 5)))
