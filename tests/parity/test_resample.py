"""Interpolation, grids, unfold and fold, pixel and channel shuffles against torch."""

import itertools

import numpy as np
import pytest

import minitorch_ndl as ndl
from tests.parity.oracle import check, refusal

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.filterwarnings("ignore:Default grid_sample", "ignore:.*is deprecated", "ignore:Since version")


def draw(*shape, seed=1):
    return np.random.RandomState(seed).randn(*shape)


# --- interpolate ------------------------------------------------------------------------------------------------------

# Not such as 1.1, that make no element more: where these are passed on, torch's gradient is another map's than its result's.
FACTORS = (0.45, 1.7, 2.4)
SIZES = {1: (7,), 2: (5, 8), 3: (3, 4, 5)}
MODES = [("nearest", 1), ("nearest", 2), ("nearest", 3), ("nearest-exact", 1), ("nearest-exact", 2), ("nearest-exact", 3),
         ("linear", 1), ("bilinear", 2), ("trilinear", 3), ("bicubic", 2), ("area", 1), ("area", 2), ("area", 3)]


@pytest.mark.parametrize("mode, dims, corners", [(m, d, c) for m, d in MODES for c in (
    (None,) if m.startswith(("near", "area")) else (None, False, True))])
def test_interpolate(mode, dims, corners):
    x, random = draw(2, 3, *SIZES[dims]), np.random.RandomState(dims)
    calls = [{"size": tuple(int(random.randint(1, 13)) for _ in range(dims))} for _ in range(4)]
    calls += [{"size": 6}, {"size": SIZES[dims]}]
    for recompute in (None, True):
        calls += [{"scale_factor": f, "recompute_scale_factor": recompute} for f in (
            2, 0.5, 1.0, 1.7, FACTORS[:dims], FACTORS[-dims:])]
    for options in calls:
        check(lambda lib, x: lib.nn.functional.interpolate(x, mode=mode, align_corners=corners, **options), [x])


@pytest.mark.parametrize("mode, corners", list(itertools.product(["bilinear", "bicubic"], [False, True])))
def test_antialias(mode, corners):
    x = draw(2, 3, 9, 12)
    for size in ((4, 5), (3, 20), (1, 1), (9, 7), (20, 25)):
        check(lambda lib, x: lib.nn.functional.interpolate(x, size, mode=mode, align_corners=corners, antialias=True), [x])
    check(lambda lib, x: lib.nn.functional.interpolate(x, scale_factor=0.4, mode=mode, antialias=True), [x])


def test_lanczos():
    check(lambda lib, x: lib.nn.functional.interpolate(x, (4, 7), mode="lanczos", antialias=True), [draw(2, 3, 9, 12)])


def test_nearest_rounds_as_torch():
    for dtype in ("float32", "float64"):
        for n, m in itertools.product((1, 3, 7, 10, 64), (1, 2, 5, 9, 33, 100, 177)):
            x = np.arange(n, dtype=dtype).reshape(1, 1, n)
            check(lambda lib, x: lib.nn.functional.interpolate(x, m), [x], grad=False)
            check(lambda lib, x: lib.nn.functional.interpolate(x, m, mode="nearest-exact"), [x], grad=False)
        for n, f in itertools.product((4, 7, 11), (0.3, 1.3, 2.7, 3.1)):
            x = np.arange(n, dtype=dtype).reshape(1, 1, n)
            check(lambda lib, x: lib.nn.functional.interpolate(x, scale_factor=f), [x], grad=False)


@pytest.mark.parametrize("dtype", ["float32", "float16", "uint8"])
def test_dtypes(dtype):
    x = (draw(2, 3, 12, 15) * 50 + 120).clip(0, 255).astype(dtype)
    tolerance = {"float32": 1e-5, "float16": 2e-3, "uint8": 0}[dtype]
    for mode in ("nearest", "bilinear", "bicubic"):
        for size in ((5, 7), (20, 31)):
            check(lambda lib, x: lib.nn.functional.interpolate(x, size, mode=mode), [x], rtol=tolerance,
                  atol=tolerance * 10, second=False)
    if dtype != "float16":
        check(lambda lib, x: lib.nn.functional.interpolate(x, (5, 7), mode="bilinear", antialias=True), [x], rtol=tolerance,
              atol=tolerance, second=False)


def test_older_names():
    x = draw(2, 3, 4, 5)
    check(lambda lib, x: lib.nn.functional.upsample(x, scale_factor=2, mode="bilinear"), [x])
    check(lambda lib, x: lib.nn.functional.upsample_nearest(x, 7), [x])
    check(lambda lib, x: lib.nn.functional.upsample_bilinear(x, 7), [x])


def test_what_is_not_finite_stays_where_it_is():
    x = draw(1, 1, 6, 6)
    x[0, 0, 2, 3] = np.nan
    x[0, 0, 5, 5] = np.inf
    mine = ndl.nn.functional.interpolate(ndl.from_numpy(x), scale_factor=2, mode="nearest").numpy()
    np.testing.assert_array_equal(mine, x.repeat(2, 2).repeat(2, 3))
    smooth = ndl.nn.functional.interpolate(ndl.from_numpy(x), scale_factor=2, mode="bilinear").numpy()
    assert np.isfinite(smooth[0, 0, :3]).all() and np.isnan(smooth).sum() <= 20


# --- grids ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode, padding, corners, dims", [
    c for c in itertools.product(["bilinear", "nearest", "bicubic"], ["zeros", "border", "reflection"], [False, True], [2, 3])
    if c[0] != "bicubic" or c[3] == 2])
def test_grid_sample(mode, padding, corners, dims):
    x = draw(2, 3, *(6, 5, 4)[:dims])
    for spread in (0.5, 1.5, 4):
        grid = np.random.RandomState(2).uniform(-spread, spread, (2, *(4, 3, 2)[:dims], dims))
        check(lambda lib, x, g: lib.nn.functional.grid_sample(x, g, mode, padding, corners), [x, grid], second=False)
    if mode != "bicubic" and padding != "reflection":  # exactly on pixels, where the border's gradient has a side
        grid = np.stack(np.meshgrid(*[np.linspace(-1, 1, n) for n in (5, 6)]), -1)[None].repeat(2, 0)
        check(lambda lib, x, g: lib.nn.functional.grid_sample(x, g, mode, padding, corners), [draw(2, 3, 6, 5), grid],
              second=False)


def test_grid_sample_has_second_gradients():  # torch has none here
    x, grid = draw(1, 2, 4, 5), np.random.RandomState(2).uniform(-0.7, 0.7, (1, 3, 2, 2))
    for mode in ("bilinear", "bicubic"):
        leaves = [ndl.from_numpy(a.copy()).requires_grad_() for a in (x, grid)]
        assert ndl.autograd.gradgradcheck(
            lambda x, g: ndl.nn.functional.grid_sample(x, g, mode, align_corners=False), leaves)


@pytest.mark.parametrize("size, corners", list(itertools.product([(2, 3, 4, 5), (2, 1, 3, 1), (2, 1, 2, 3, 4)], [None, False, True])))
def test_affine_grid(size, corners):
    dims = len(size) - 2
    check(lambda lib, t: lib.nn.functional.affine_grid(t, size, corners), [draw(2, dims, dims + 1)])
    check(lambda lib, t: lib.nn.functional.affine_grid(t, list(size), align_corners=corners),
          [draw(2, dims, dims + 1).astype("float32")], rtol=1e-5, atol=1e-6)


def test_no_argument_for_corners_warns():
    with pytest.warns(UserWarning, match="align_corners=False since 1.3.0"):
        ndl.nn.functional.grid_sample(ndl.ones(1, 1, 2, 2), ndl.zeros(1, 1, 1, 2))


# --- blocks and shuffles ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(12))
def test_unfold_and_fold(seed):
    random = np.random.RandomState(seed)
    pick = lambda low, high: tuple(int(v) for v in random.randint(low, high, 2))
    kernel, options = pick(1, 4), {"dilation": pick(1, 3), "padding": pick(0, 3), "stride": pick(1, 4)}
    size = tuple(int(v) for v in random.randint(6, 9, 2))
    batch = (2,) if seed % 3 else ()
    x = draw(*batch, 3, *size)
    check(lambda lib, x: lib.nn.functional.unfold(x, kernel, **options), [x])
    columns = torch.nn.functional.unfold(torch.from_numpy(x), kernel, **options).numpy()
    check(lambda lib, c: lib.nn.functional.fold(c, size, kernel, **options), [columns])


@pytest.mark.parametrize("dtype", ["float64", "int64", "bool", "uint8"])
def test_shuffles(dtype):
    x = (draw(2, 8, 4, 6) * 5).astype(dtype)
    check(lambda lib, x: lib.nn.functional.pixel_shuffle(x, 2), [x])
    check(lambda lib, x: lib.pixel_unshuffle(x, 2), [x])
    check(lambda lib, x: lib.pixel_shuffle(x[0], 1), [x])
    check(lambda lib, x: lib.nn.functional.pixel_shuffle(x[None], upscale_factor=2), [x])
    check(lambda lib, x: lib.nn.functional.channel_shuffle(x, 4), [x])
    check(lambda lib, x: lib.channel_shuffle(x[0].transpose(0, 1), 2), [x], grad=False)
    check(lambda lib, x: lib.native_channel_shuffle(x, 2), [x], grad=False)


# --- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("call", [
    lambda lib, f, x: f.interpolate(x), lambda lib, f, x: f.interpolate(x, 3, 2.0), lambda lib, f, x: f.interpolate(x, (1, 2, 3)),
    lambda lib, f, x: f.interpolate(x, 0), lambda lib, f, x: f.interpolate(x, -1), lambda lib, f, x: f.interpolate(x, 2.5),
    lambda lib, f, x: f.interpolate(x, scale_factor=(1, 2, 3)), lambda lib, f, x: f.interpolate(x, scale_factor=0.1),
    lambda lib, f, x: f.interpolate(x, (2.5, 2)), lambda lib, f, x: f.interpolate(x, 3, mode="cubic"),
    lambda lib, f, x: f.interpolate(x, 3, mode="linear"), lambda lib, f, x: f.interpolate(x[0], 3, mode="bilinear"),
    lambda lib, f, x: f.interpolate(x, 3, mode="trilinear"), lambda lib, f, x: f.interpolate(x[0], 3, mode="bicubic"),
    lambda lib, f, x: f.interpolate(x[0, 0], 3), lambda lib, f, x: f.interpolate(x[None, None], 3),
    lambda lib, f, x: f.interpolate(x, 3, align_corners=True), lambda lib, f, x: f.interpolate(x, 3, antialias=True),
    lambda lib, f, x: f.interpolate(x, 3, recompute_scale_factor=True), lambda lib, f, x: f.interpolate(x[:, :0], 3),
    lambda lib, f, x: f.interpolate(x[:, :, :0], 3), lambda lib, f, x: f.interpolate(x.long(), 3),
    lambda lib, f, x: f.interpolate(x.long(), 3, mode="area"), lambda lib, f, x: f.interpolate(x[0].byte(), 3, mode="linear"),
    lambda lib, f, x: f.grid_sample(x, lib.zeros(1, 2, 2, 2), "cubic"),
    lambda lib, f, x: f.grid_sample(x, lib.zeros(1, 2, 2, 2), padding_mode="x"),
    lambda lib, f, x: f.grid_sample(x, lib.zeros(2, 2, 2, 2)), lambda lib, f, x: f.grid_sample(x, lib.zeros(1, 2, 2, 3)),
    lambda lib, f, x: f.grid_sample(x[0], lib.zeros(1, 2, 2, 2)), lambda lib, f, x: f.grid_sample(x[None], lib.zeros(1, 2, 2, 2)),
    lambda lib, f, x: f.grid_sample(x[None], lib.zeros(1, 2, 2, 2, 3), "bicubic"),
    lambda lib, f, x: f.grid_sample(x, lib.zeros(1, 2, 2, 2).double()),
    lambda lib, f, x: f.grid_sample(x[:, :, :0], lib.zeros(1, 2, 2, 2)),
    lambda lib, f, x: f.grid_sample(x.long(), lib.zeros(1, 2, 2, 2).long()),
    lambda lib, f, x: f.affine_grid(lib.ones(1, 3, 3), (1, 1, 2, 2)), lambda lib, f, x: f.affine_grid(lib.ones(2, 2, 3), (1, 1, 2, 2)),
    lambda lib, f, x: f.affine_grid(lib.ones(1, 2, 3), (1, 1, 2)), lambda lib, f, x: f.affine_grid(lib.ones(1, 2, 3), (1, 1, 0, 2)),
    lambda lib, f, x: f.affine_grid(lib.ones(1, 2, 3).long(), (1, 1, 2, 2)),
    lambda lib, f, x: f.unfold(x, 0), lambda lib, f, x: f.unfold(x, 2, stride=0), lambda lib, f, x: f.unfold(x, 2, dilation=0),
    lambda lib, f, x: f.unfold(x, 2, padding=-1), lambda lib, f, x: f.unfold(x, 9), lambda lib, f, x: f.unfold(x[0, 0], 2),
    lambda lib, f, x: f.unfold(x[None], 2), lambda lib, f, x: f.unfold(x, (1, 2, 3)), lambda lib, f, x: f.unfold(x[:, :0], 2),
    lambda lib, f, x: f.unfold(x.long(), 2), lambda lib, f, x: f.fold(lib.ones(1, 4, 3), (3, 2), 2),
    lambda lib, f, x: f.fold(lib.ones(1, 5, 2), (3, 2), 2), lambda lib, f, x: f.fold(lib.ones(1, 1, 4, 2), (3, 2), 2),
    lambda lib, f, x: f.fold(lib.ones(1, 4, 4), 0, 2), lambda lib, f, x: f.fold(lib.ones(1, 4, 4), (3, 3, 3), 2),
    lambda lib, f, x: f.pixel_shuffle(x, 2), lambda lib, f, x: f.pixel_shuffle(x[0, 0], 2), lambda lib, f, x: f.pixel_shuffle(x, 0),
    lambda lib, f, x: f.pixel_shuffle(x, 2.0), lambda lib, f, x: f.pixel_unshuffle(x, 3), lambda lib, f, x: f.pixel_unshuffle(x, -2),
    lambda lib, f, x: f.channel_shuffle(x, 2), lambda lib, f, x: f.channel_shuffle(x, 0),
    lambda lib, f, x: f.channel_shuffle(x[0, 0], 2),
])
def test_refusals(call):
    refusal(lambda lib: call(lib, lib.nn.functional, lib.ones(1, 3, 4, 5)))
