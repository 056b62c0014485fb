"""Reductions, against torch: every dim, dtype, spelling; zero-size and 0-d inputs; ties, NaN and infinity; accuracy."""

import itertools

import numpy as np
import pytest

import minitorch_ndl as ndl
from tests.parity.same import array, layouts, same, same_error, torch

DTYPES = "bool uint8 int8 int16 int32 int64 float16 float32 float64".split()
SHAPES = [(6,), (3, 4), (2, 3, 4), (), (1,), (0, 3), (3, 0)]
SEVERAL = "sum mean nansum nanmean amax amin logsumexp var std all any".split()  # take several dims
ONE = "prod max min argmax argmin median nanmedian".split()
pytestmark = pytest.mark.filterwarnings("ignore:.*degrees of freedom")


def distinct(rng, shape):
    n = int(np.prod(shape))
    return np.asarray((rng.permutation(n) - n / 2 + 0.25).reshape(shape) / 2)


def same_or_refused(call, *args, **more):
    """Whatever torch does: the same values, or the same refusal."""
    try:
        call(torch, *(torch.from_numpy(a.copy()) if isinstance(a, np.ndarray) else a for a in args))
    except Exception:
        return same_error(call, *args)
    return same(call, *args, **more)


def dims(shape, several):
    yield {}
    for d in range(-len(shape) - 1, len(shape) + 1):
        yield {"dim": d}
        yield {"dim": d, "keepdim": True}
    if several and len(shape) > 1:
        yield from ({"dim": d, "keepdim": k} for d in ((0, 1), [-1, 0]) for k in (False, True))


@pytest.mark.parametrize("name", SEVERAL + ONE)
def test_dims_and_gradients(name):
    rng = np.random.default_rng(0)
    for shape in SHAPES:
        for kw in dims(shape, name in SEVERAL):
            if name in ("var", "std") and not shape or shape == (1,) and name in ("var", "std"):
                continue  # 0 / 0, and torch's gradients of that are its own
            same_or_refused(lambda m, x: getattr(m, name)(x, **kw), distinct(rng, shape))
            same_or_refused(lambda m, x: getattr(x, name)(**kw), distinct(rng, shape).astype("float32"), second=False)


@pytest.mark.parametrize("name", [*SEVERAL, *ONE, "count_nonzero"])
def test_dtypes(name):
    rng = np.random.default_rng(1)
    for dtype, shape in itertools.product(DTYPES, SHAPES):
        if name == "logsumexp" and dtype == "float16" or "median" in name and not np.prod(shape):
            continue
        for kw in ({}, {"dim": 0}, {"dim": -1}):
            x = array(rng, shape, dtype)
            same_or_refused(lambda m, x: getattr(m, name)(x, **kw), x, grad=False)


@pytest.mark.parametrize("name", ["sum", "mean", "prod", "nansum", "nanmean", "cumsum", "cumprod"])
def test_dtype_asked_for(name):
    rng = np.random.default_rng(2)
    for a, b in itertools.product(DTYPES, DTYPES):
        if name == "nanmean" and a[0] != "f" or (a, b) == ("float64", "bool"):
            continue
        x = np.abs(array(rng, (5,), a)) if a != "bool" else array(rng, (5,), a)
        same_or_refused(lambda m, x: getattr(m, name)(x, 0, dtype=getattr(m, b)), x, grad=False)
    same(lambda m, x: getattr(m, name)(x, 0, dtype=m.float64), array(rng, (5,), "float32"), second=False)


@pytest.mark.parametrize("name", [*SEVERAL, *ONE])
def test_layouts(name):
    rng = np.random.default_rng(3)
    for x in layouts(distinct(rng, (3, 4))):
        for d in (0, 1):
            same(lambda m, x: getattr(m, name)(x, d), x, second=False)
            same(lambda m, x: getattr(x.transpose(0, 1), name)(d), x, second=False)


@pytest.mark.parametrize("name", [*SEVERAL, *ONE, "count_nonzero"])
def test_nan_and_infinity(name):
    nan, inf = np.nan, np.inf
    for values in ([1, nan, 2, 3], [inf, 1, -inf], [-inf, -inf], [inf, inf, 1], [0.0, -0.0, 0], [0, 2, 0], [nan]):
        for dtype in ("float64", "float32"):
            x = np.array(values, dtype)
            same(lambda m, x: getattr(m, name)(x, 0), x, grad=False)
            same(lambda m, x: getattr(x.reshape(1, -1), name)(-1), x, grad=False)
    same(lambda m, x: m.nanmedian(x), np.array([[nan, 3, 1], [nan, nan, 2]]))
    same(lambda m, x: m.nanmedian(x, 1), np.array([[nan, 3, 1], [nan, nan, 2]]))
    same(lambda m, x: m.max(x), np.array([1, nan, 2]))


@pytest.mark.parametrize("name", ["amax", "amin", "max", "min"])
def test_gradients_at_ties(name):
    x = np.array([[1.0, 3, 3, 0], [2, 2, 2, 2], [0, 0, -1, -1]])
    for kw in ({}, {"dim": 1}, {"dim": 0}, {"dim": -1, "keepdim": True}):
        same(lambda m, x: getattr(m, name)(x, **kw), x)
    if name.startswith("a"):
        same(lambda m, x: getattr(m, name)(x, (0, 1)), x)
    else:
        same(lambda m, x, y: getattr(m, name)(x, y), x, x[::-1].copy())
        same(lambda m, x, y: getattr(m, name)(x, other=y), x, x[0] + 0.5)
    same(lambda m, x: m.median(x), x)


@pytest.mark.parametrize("name", ["argmax", "argmin"])
def test_the_first_of_several(name):
    rng = np.random.default_rng(4)
    x = array(rng, (30, 40), "int64", 0, 3)
    for dtype in ("int64", "float32"):
        same(lambda m, x: getattr(m, name)(x, 1), x.astype(dtype), grad=False)
        same(lambda m, x: getattr(m, name)(x, 0, True), x.astype(dtype), grad=False)
        same(lambda m, x: getattr(m, name)(x), x.astype(dtype), grad=False)
        same(lambda m, x: getattr(m, name.removeprefix("arg"))(x, 1), x.astype(dtype), grad=False)


@pytest.mark.parametrize("zeros", [(), (0,), (1, 2), (0, 1, 2, 3)])
def test_products_with_zeros(zeros):
    rng = np.random.default_rng(5)
    for shape in ((4,), (4, 1), (2, 3)):
        x = distinct(rng, shape)
        x.reshape(-1)[list(zeros)] = 0
        same(lambda m, x: x.prod(), x)
        for d in range(len(shape)):
            same(lambda m, x: x.prod(d, keepdim=True), x)
            same(lambda m, x: x.cumprod(d), x)


@pytest.mark.parametrize("name", ["var", "std", "var_mean", "std_mean"])
def test_correction(name):
    rng = np.random.default_rng(6)
    x = distinct(rng, (3, 5))
    for dim, correction, keep in itertools.product((None, 0, 1, (0, 1)), (0, 1, 2, 1.5), (False, True)):
        same(lambda m, x: getattr(m, name)(x, dim=dim, correction=correction, keepdim=keep), x)
    for args in ((False,), (True,), (1, False), (0, True, True), ((0, 1), False)):
        same(lambda m, x: getattr(m, name)(x, *args), x)
    same(lambda m, x: getattr(m, name)(x, unbiased=False), x)
    same(lambda m, x: getattr(m, name)(x, correction=20), x, grad=False)
    same_error(lambda m, x: getattr(m, name)(x, 1, unbiased=True, correction=2), x)
    same_error(lambda m, x: getattr(m, name)(x), x.astype(int))
    with pytest.warns(UserWarning, match="degrees of freedom"):
        getattr(ndl, name)(ndl.ones(1))


def test_aminmax():
    rng = np.random.default_rng(7)
    x = distinct(rng, (3, 4))
    same(lambda m, x: m.aminmax(x), x)
    same(lambda m, x: x.aminmax(dim=1, keepdim=True), x)
    got = ndl.aminmax(ndl.from_numpy(x), dim=0)
    assert got._fields == ("min", "max") and got.min.tolist() == x.min(0).tolist()
    same_error(lambda m, x: m.aminmax(x), x[:0])
    same_error(lambda m, x: m.aminmax(x, dim=(0, 1)), x)


def test_results_with_names():
    x = ndl.tensor([[1.0, 5.0], [7.0, 2.0]])
    for name in ("max", "min", "median", "mode", "sort", "cummax"):
        result = getattr(x, name)(dim=1)
        values, indices = result
        assert result.values is values and result[1] is indices and result._fields == ("values", "indices")
        assert indices.dtype == ndl.int64 and repr(result).startswith(f"return_types.{name}(\nvalues=")


@pytest.mark.parametrize("kw", [{"axis": 1}, {"dim": 1, "keepdims": True}, {"axis": (0, 1), "keepdim": True}])
def test_numpy_spellings(kw):
    x = array(np.random.default_rng(8), (3, 4))
    for name in ("sum", "mean", "amax", "logsumexp", "std", "all"):
        same(lambda m, x: getattr(x, name)(**kw), x)
        same(lambda m, x: getattr(m, name)(input=x, **kw), x)


def test_out():
    x = array(np.random.default_rng(9), (3, 4))
    for name in ("sum", "mean", "prod", "amax", "argmax", "any", "std", "cumsum"):

        def call(m, x):
            out = m.empty(0, dtype=getattr(m, name)(x, 1).dtype)
            assert getattr(m, name)(x, 1, out=out) is out
            return out

        same(call, x, grad=False)

    def pair(m, x):
        values, indices = m.empty(0, dtype=m.float64), m.empty(0, dtype=m.int64)
        got = m.max(x, 1, out=(values, indices))
        assert got[0] is values and got.indices is indices
        return values, indices

    same(pair, x, grad=False)


def test_refusals():
    x = array(np.random.default_rng(10), (3, 4))
    same_error(lambda m, x: x.sum("a"), x)
    same_error(lambda m, x: x.sum(1.0), x)
    same_error(lambda m, x: x.amax((0, -2)), x)
    same_error(lambda m, x: x.max((0, 1)), x)
    same_error(lambda m, x: x.argmax(dim=(0, 1)), x)
    same_error(lambda m, x: x.prod((0, 1)), x)
    same_error(lambda m, x: x.logsumexp(), x)
    same_error(lambda m, x: x.max(keepdim=True), x)
    assert "mean" in same_error(lambda m, x: x.mean(), x.astype(int))
    for name in ("max", "min", "amax", "argmin", "aminmax", "median", "mode", "kthvalue"):
        same_or_refused(lambda m, x: getattr(m, name)(x), x[:0])


# --- large arrays: the sums go by blocks there ----------------------------------------------------------------------------

LARGE = [(5000,), (20, 30, 40), (4, 1500), (1500, 4), (3, 3, 1000), (10, 2, 7, 64), (2500, 3)]


@pytest.mark.parametrize("shape", LARGE, ids=str)
def test_large_sums(shape):
    rng = np.random.default_rng(11)
    x = array(rng, shape)
    broken = x.copy()
    broken.reshape(-1)[[7, 1000, 2001]] = np.nan, np.inf, -np.inf
    several = [None, *range(len(shape)), (0, -1) if len(shape) > 1 else (0,)] + [(0, 2), (1, 2)] * (len(shape) > 2)
    for d in several:
        for keep in (False, True):
            same(lambda m, x: m.sum(x, d, keep), x, second=False)
            same(lambda m, x: m.sum(x, d, keep), broken, grad=False)
            same(lambda m, x: m.mean(x.permute(*reversed(range(len(shape)))), d, keep), x, grad=False)
            same(lambda m, x: m.var(x[..., ::2], d, keepdim=keep), x, grad=False)
    for d in range(len(shape)):
        same(lambda m, x: m.cumsum(x, d), x, second=False)
        same(lambda m, x: m.cumsum(x, d), broken, grad=False)
    same(lambda m, x: x.prod(), 1 + x / 1e3, second=False)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_accuracy_is_torchs(dtype):
    """The error may not grow with the number of elements, along any dimension."""
    rng = np.random.default_rng(12)
    for shape, dim in itertools.product(((100000, 10), (10, 100000), (60, 400, 40)), (0, 1, (0, 1))):
        x = rng.uniform(0, 1, shape).astype(dtype)
        if dtype == "float16":
            x = x[:1000, :1000] / np.float16(50)
        exact = x.astype("float64").sum(dim)
        ours = np.abs(ndl.from_numpy(x).sum(dim).numpy() / exact - 1).max()
        theirs = np.abs(torch.from_numpy(x).sum(dim).numpy() / exact - 1).max()
        assert ours <= 8 * theirs + 1e-6
    if dtype == "float32":
        x = rng.uniform(0, 1, 300000).astype(dtype)
        error = np.abs(ndl.from_numpy(x).cumsum(0).numpy() / x.astype("float64").cumsum() - 1)
        assert error[100:].max() < 1e-6
        assert abs(ndl.from_numpy(x + np.float32(100)).var().item() / x.astype("float64").var(ddof=1) - 1) < 1e-4
