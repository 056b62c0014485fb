"""Pools against torch: values, places, first and second gradients, dtypes, refusals."""

import itertools
import math

import numpy as np
import pytest

import minitorch_ndl as ndl
from tests.parity.oracle import check, refusal

torch = pytest.importorskip("torch")
SIZES = {1: (11,), 2: (7, 9), 3: (5, 6, 7)}


def draw(*shape, seed=1):
    return np.random.RandomState(seed).randn(*shape)


def windows(dims, seed, dilated):
    """Arguments for a pool, at random."""
    random = np.random.RandomState(seed)
    pick = lambda low, high: tuple(int(random.randint(low, high)) for _ in range(dims))
    kernel = pick(1, 4)
    dilation = pick(1, 3) if dilated and seed % 2 else (1,) * dims
    dilation = tuple(1 if k == 1 else d for d, k in zip(dilation, kernel, strict=True))
    padding = tuple(int(random.randint(0, k // 2 + 1)) for k in kernel)
    options = {"stride": pick(1, 4) if seed % 3 else None, "padding": padding, "ceil_mode": bool(seed % 4 > 1)}
    if dilated:
        options["dilation"] = dilation
    return kernel, options


@pytest.mark.parametrize("dims, seed", list(itertools.product((1, 2, 3), range(16))))
def test_max_pool(dims, seed):
    kernel, options = windows(dims, seed, True)
    shape = (3, *SIZES[dims]) if seed % 5 == 4 else (2, 3, *SIZES[dims])
    for ties in (False, True):
        x = draw(*shape, seed=seed)
        if ties:
            x = np.round(x)
        check(lambda lib, x: getattr(lib.nn.functional, f"max_pool{dims}d")(x, kernel, return_indices=True, **options), [x])
        check(lambda lib, x: getattr(lib.nn.functional, f"max_pool{dims}d")(x, kernel, **options), [x])
        check(lambda lib, x: getattr(lib, f"max_pool{dims}d")(x, kernel, **{k: v for k, v in options.items() if v}), [x],
              grad=False)


@pytest.mark.parametrize("dims, seed", list(itertools.product((1, 2, 3), range(16))))
def test_avg_pool(dims, seed):
    kernel, options = windows(dims, seed, False)
    options["count_include_pad"] = seed % 2 == 0
    if dims > 1 and seed % 5 == 3:
        options["divisor_override"] = (-1) ** seed * 3
    shape = (3, *SIZES[dims]) if seed % 5 == 4 else (2, 3, *SIZES[dims])
    check(lambda lib, x: getattr(lib.nn.functional, f"avg_pool{dims}d")(x, kernel, **options), [draw(*shape)])


@pytest.mark.parametrize("dims, out", [(1, 1), (1, 4), (1, (11,)), (1, 14), (2, 1), (2, (7, 3)), (2, (None, 4)), (2, (9, 9)),
                                       (2, (3, 5)), (3, 1), (3, (5, 2, 7)), (3, (None, 4, 3))])
def test_adaptive(dims, out):
    for shape, ties in itertools.product(((3, *SIZES[dims]), (2, 3, *SIZES[dims])), (False, True)):
        x = np.round(draw(*shape)) if ties else draw(*shape)
        check(lambda lib, x: getattr(lib.nn.functional, f"adaptive_avg_pool{dims}d")(x, out), [x])
        check(lambda lib, x: getattr(lib.nn.functional, f"adaptive_max_pool{dims}d")(x, out), [x])
        check(lambda lib, x: getattr(lib.nn.functional, f"adaptive_max_pool{dims}d")(x, out, return_indices=True), [x])
        check(lambda lib, x: getattr(lib.nn.functional, f"adaptive_max_pool{dims}d_with_indices")(x, out), [x], grad=False)


@pytest.mark.parametrize("name", ["avg", "max"])
def test_nothing_is_asked_for(name):  # torch's own backward refuses here
    for out in ((0, 2), 0):
        check(lambda lib, x: getattr(lib.nn.functional, f"adaptive_{name}_pool2d")(x, out), [draw(2, 3, 4, 5)], grad=False)


def test_pools_that_divide_evenly():
    x = draw(2, 3, 8, 12)
    for out in ((4, 4), (2, 12), (8, 1)):
        check(lambda lib, x: lib.nn.functional.adaptive_avg_pool2d(x, out), [x])
        check(lambda lib, x: lib.nn.functional.adaptive_max_pool2d(x, out, True), [x])


@pytest.mark.parametrize("norm, dims", list(itertools.product((1, 2, 3.5, math.inf, -math.inf), (1, 2, 3))))
def test_lp_pool(norm, dims):
    x = np.abs(draw(2, 3, *SIZES[dims])) + 0.1
    for kernel, stride, ceil in ((2, None, False), (3, 2, True), ((2,) * dims, 1, False)):
        if dims == 1 and isinstance(kernel, tuple):
            continue
        check(lambda lib, x: getattr(lib.nn.functional, f"lp_pool{dims}d")(x, norm, kernel, stride, ceil), [x])


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_unpool(dims):
    for shape, stride, size in (((2, 3), None, SIZES[dims]), ((3,), 2, SIZES[dims]), ((2, 3), 1, None)):
        x = draw(*shape, *SIZES[dims])
        _, places = getattr(torch.nn.functional, f"max_pool{dims}d")(torch.tensor(x), 2, stride, return_indices=True)
        small = draw(*places.shape, seed=2)
        call = lambda lib, x, i: getattr(lib.nn.functional, f"max_unpool{dims}d")(x, i, 2, stride, 0, size)
        check(call, [small, places.numpy()])


@pytest.mark.parametrize("dims, kernel, out", [(2, 2, 3), (2, (2, 3), (4, 2)), (2, 3, 1), (3, 2, (2, 3, 4))])
def test_fractional(dims, kernel, out):
    for shape in ((2, 3), (3,)):
        samples = np.random.RandomState(3).rand(shape[0] if len(shape) == 2 else 1, 3, dims)
        check(lambda lib, x, s: getattr(lib.nn.functional, f"fractional_max_pool{dims}d")(
            x, kernel, out, return_indices=True, _random_samples=s.detach()), [draw(*shape, *SIZES[dims]), samples])


def test_fractional_draws_as_torch():
    results = []
    for lib in (ndl, torch):
        lib.manual_seed(4)
        x = lib.from_numpy(draw(2, 3, 9, 10).astype("float32"))
        results.append(lib.nn.functional.fractional_max_pool2d(x, 2, output_ratio=(0.5, 0.6)).numpy())
    np.testing.assert_array_equal(*results)


def test_nan_and_infinity():
    x = draw(2, 3, 8, 8)
    x[0, 0, 2, 3] = x[0, 0, 3, 2] = x[1, 2, 7, 7] = np.nan
    x[0, 1, :4] = -np.inf
    x[0, 2, 1, 1] = np.inf
    for options in ({"kernel_size": 2}, {"kernel_size": 3, "stride": 1, "padding": 1}):
        check(lambda lib, x: lib.nn.functional.max_pool2d(x, return_indices=True, **options), [x], grad=False)
        check(lambda lib, x: lib.nn.functional.max_pool2d(x, **options), [x], grad=False)
        check(lambda lib, x: lib.nn.functional.avg_pool2d(x, **options), [x], grad=False)
    check(lambda lib, x: lib.nn.functional.adaptive_max_pool2d(x, 3, True), [x], grad=False)


@pytest.mark.parametrize("dtype", ["int64", "int32", "uint8", "int8", "float32", "float16"])
def test_dtypes(dtype):
    x = (draw(2, 3, 6, 6) * 40).astype(dtype)
    check(lambda lib, x: lib.nn.functional.max_pool2d(x, 3, 2, 1), [x], grad=False)
    check(lambda lib, x: lib.nn.functional.max_pool3d(x, 2, return_indices=True), [x], grad=False)
    if dtype in ("int64", "float32", "float16"):
        check(lambda lib, x: lib.nn.functional.avg_pool2d(x, 3, 2, 1), [x], grad=False)
        check(lambda lib, x: lib.nn.functional.avg_pool2d(x, 3, 2, 1, divisor_override=-2), [x], grad=False)
    if dtype in ("float32", "float16"):
        rtol = 1e-3 if dtype == "float16" else 1e-5
        check(lambda lib, x: lib.nn.functional.max_pool2d(x, 2), [x], second=False, rtol=rtol)
        check(lambda lib, x: lib.nn.functional.adaptive_avg_pool2d(x, 4), [x], second=False, rtol=rtol, atol=rtol)


def test_strided_input_and_keywords():
    x = draw(2, 8, 9, 3)
    check(lambda lib, x: lib.nn.functional.max_pool2d(x.permute(0, 3, 1, 2), kernel_size=2, stride=1), [x])
    check(lambda lib, x: lib.nn.functional.avg_pool2d(input=x.permute(0, 3, 1, 2), kernel_size=(2, 3)), [x])
    check(lambda lib, x: lib.nn.functional.adaptive_avg_pool2d(x.permute(0, 3, 1, 2), output_size=(2, 2)), [x])
    check(lambda lib, x: lib.max_pool1d_with_indices(x[0], 2), [x], grad=False)
    check(lambda lib, x: lib.adaptive_max_pool1d(x[0], 2), [x], grad=False)
    check(lambda lib, x: lib.avg_pool1d(x[0], 2), [x])
    check(lambda lib, x: lib.adaptive_avg_pool1d(x[0], 2), [x])
    check(lambda lib, x: lib.nn.functional.max_pool2d_with_indices(x, 2, []), [x], grad=False)


@pytest.mark.parametrize("name", ["max_pool2d", "avg_pool2d"])
def test_no_images(name):
    check(lambda lib, x: getattr(lib.nn.functional, name)(x, 2), [draw(0, 3, 4, 4)])
    check(lambda lib, x: getattr(lib.nn.functional, "adaptive_" + name)(x, 2), [draw(0, 3, 5, 4)])


@pytest.mark.parametrize("call", [
    lambda f, x: f.max_pool2d(x, 0), lambda f, x: f.max_pool2d(x, -1), lambda f, x: f.max_pool2d(x, 2, 0),
    lambda f, x: f.max_pool2d(x, 2, 1, 2), lambda f, x: f.max_pool2d(x, 2, 1, -1), lambda f, x: f.max_pool2d(x, 9),
    lambda f, x: f.max_pool2d(x, 2, 1, 0, 0), lambda f, x: f.max_pool2d(x[0, 0], 2), lambda f, x: f.max_pool2d(x, (1, 2, 3)),
    lambda f, x: f.max_pool2d(x, 2, (1, 2, 3)), lambda f, x: f.max_pool2d(x[:, :0], 2), lambda f, x: f.max_pool2d(x[:, :, :0], 2),
    lambda f, x: f.max_pool2d(x, 2.0), lambda f, x: f.max_pool2d(x, (2, 2.0)), lambda f, x: f.max_pool2d(x, True),
    lambda f, x: f.max_pool2d(x, "2"), lambda f, x: f.max_pool2d(x.bool(), 2), lambda f, x: f.max_pool2d(x),
    lambda f, x: f.max_pool1d(x, 2), lambda f, x: f.max_pool1d(x[0].long(), 2), lambda f, x: f.max_pool1d(x[0], 9),
    lambda f, x: f.max_pool1d(x[0], 2, padding=2), lambda f, x: f.max_pool3d(x[0], 2), lambda f, x: f.max_pool3d(x, (2, 2)),
    lambda f, x: f.avg_pool2d(x, 0), lambda f, x: f.avg_pool2d(x, 2, 0), lambda f, x: f.avg_pool2d(x, 2, 1, 2),
    lambda f, x: f.avg_pool2d(x, 2, divisor_override=0), lambda f, x: f.avg_pool2d(x, 9), lambda f, x: f.avg_pool2d(x.int(), 2),
    lambda f, x: f.avg_pool1d(x, 2), lambda f, x: f.avg_pool1d(x[0], (1, 2)), lambda f, x: f.avg_pool3d(x[0], 2),
    lambda f, x: f.avg_pool3d(x.half(), 2), lambda f, x: f.avg_pool2d(x[:, :0], 2), lambda f, x: f.avg_pool2d(x[None], 2),
    lambda f, x: f.adaptive_avg_pool2d(x, -1), lambda f, x: f.adaptive_avg_pool2d(x, (1, 2, 3)),
    lambda f, x: f.adaptive_avg_pool2d(x, (3,)), lambda f, x: f.adaptive_avg_pool2d(x, None),
    lambda f, x: f.adaptive_avg_pool2d(x[0, 0], 2), lambda f, x: f.adaptive_avg_pool1d(x[0], (3, 2)),
    lambda f, x: f.adaptive_avg_pool1d(x[0], None), lambda f, x: f.adaptive_avg_pool2d(x[:, :, :0], 2),
    lambda f, x: f.adaptive_avg_pool2d(x.long(), 2), lambda f, x: f.adaptive_avg_pool2d(x.long(), 1),
    lambda f, x: f.adaptive_max_pool2d(x, -2), lambda f, x: f.adaptive_max_pool2d(x, (2,)),
    lambda f, x: f.adaptive_max_pool2d(x.long(), 2), lambda f, x: f.adaptive_max_pool1d(x, 2),
    lambda f, x: f.lp_pool1d(x[0], 0, 2), lambda f, x: f.fractional_max_pool2d(x, 2),
    lambda f, x: f.fractional_max_pool2d(x, 5, output_size=5), lambda f, x: f.fractional_max_pool2d(x[0, 0], 2, output_size=3),
    lambda f, x: f.fractional_max_pool2d(x.long(), 2, output_size=3),
    lambda f, x: f.fractional_max_pool2d(x, 2, 3, _random_samples=x[0, :, :2, :3]),
    lambda f, x: f.max_unpool2d(x, x.long() + 1000, 2), lambda f, x: f.max_unpool2d(x, x.int(), 2),
    lambda f, x: f.max_unpool2d(x, x.long()[:, :1], 2), lambda f, x: f.max_unpool2d(x, x.long(), 2, output_size=(9, 20)),
    lambda f, x: f.max_unpool2d(x, x.long(), 2, output_size=(9, 20, 3)), lambda f, x: f.max_unpool3d(x[0], x[0].long(), 2),
    lambda f, x: f.max_unpool2d(x.long(), x.long(), 2),
])
def test_refusals(call):
    refusal(lambda lib: call(lib.nn.functional, lib.ones(1, 2, 6, 6)))
