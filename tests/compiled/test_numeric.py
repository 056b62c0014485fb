"""The functions that loops use, over all kinds of numbers, against NumPy in a wider dtype."""

import numpy as np
import pytest

numba = pytest.importorskip("numba")

from minitorch_ndl.compiled import numeric  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")
rng = np.random.default_rng(0)
SPECIAL = [0.0, -0.0, np.inf, -np.inf, np.nan, 1e-40, -1e-40]
ANY = rng.integers(0, 2**32, 300_000, np.uint32).view("f")  # every exponent
USUAL = np.concatenate([rng.normal(0, 5, 100_000), np.linspace(-110, 95, 200_001), SPECIAL]).astype("f")
UNIT = np.concatenate([np.linspace(0, 1, 200_001), abs(ANY[abs(ANY) <= 1]), [np.nan]]).astype("f")


def applied(function, x):
    @numba.njit(fastmath={"reassoc", "contract", "nsz"}, error_model="numpy")
    def run(x, out):
        for i in range(x.size):
            out[i] = function(x[i])

    out = np.empty_like(x)
    run(x, out)
    return out


def worst(actual, expected):
    """The largest error in units in the last place."""
    rounded = expected.astype(actual.dtype)
    np.testing.assert_array_equal(np.isnan(actual), np.isnan(rounded))
    with np.errstate(all="ignore"):
        errors = abs(actual - expected) / np.spacing(abs(rounded))
    return errors[(actual != rounded) & ~np.isnan(rounded)].max(initial=0)


@pytest.mark.parametrize("name, reference, x, limit", [
    ("exp", np.exp, np.concatenate([ANY, USUAL]), 1.1), ("expm1", np.expm1, np.concatenate([ANY, USUAL]), 1.6),
    ("log1p", np.log1p, UNIT, 1.6), ("log", np.log, np.concatenate([ANY, abs(USUAL)]), 1.6), ("tanh", np.tanh, np.concatenate([ANY, USUAL]), 5),
    ("sigmoid", lambda x: 1 / (1 + np.exp(-x)), USUAL[~(USUAL < -87)], 2.5),
], ids=lambda value: value if isinstance(value, str) else "")
def test_single_precision(name, reference, x, limit):
    assert worst(applied(getattr(numeric, name), x), reference(x.astype("d"))) < limit


def test_exp_in_double_precision():
    x = np.concatenate([rng.normal(0, 100, 100_000), np.linspace(-760, 720, 100_001), SPECIAL])
    assert worst(applied(numeric.exp, x), np.exp(x.astype(np.longdouble))) < 2


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_largest(dtype):
    @numba.njit
    def find(x, out):
        for i in range(len(x)):
            out[i] = numeric.largest(x[i])

    x = rng.normal(size=(60, 37)).astype(dtype)
    x[0], x[1, 5], x[2], x[3], x[4] = -np.inf, np.inf, -abs(x[2]), -0.0, -x[4] * 1e-40
    out = np.empty(len(x), dtype)
    find(x, out)
    np.testing.assert_array_equal(out, x.max(1))


@pytest.mark.parametrize("n", [1, 27, 512, 513, 70_000])
def test_sums_of_single_precision_lose_nothing(n):
    @numba.njit
    def run(a, b, out):
        out[0], out[1], out[2] = numeric.total(a), numeric.deviation(a, b[0]), numeric.dot(a, b)

    a, b, out = rng.random(n).astype("f"), rng.random(n).astype("f"), np.empty(3)
    run(a, b, out)
    x, y = a.astype("d"), b.astype("d")
    np.testing.assert_allclose(out, [x.sum(), ((x - y[0])**2).sum(), x @ y], rtol=1e-6, atol=1e-7)
