"""Special functions, in units in the last place: against Python's math, identities, and SciPy where it is installed."""

import math

import numpy as np
import pytest

import minitorch_ndl as ndl

rng = np.random.default_rng(0)


def ulps(actual, expected, floor=0.0):
    """The largest error in units in the last place of the expected values (or of `floor`, if that is larger)."""
    expected = np.asarray(expected)
    target = expected.astype(actual.dtype)
    size = np.spacing(np.maximum(abs(target), max(floor, float(np.finfo(actual.dtype).tiny))).astype(actual.dtype))
    wrong = (actual.astype(expected.dtype) - expected) / size.astype(expected.dtype)
    fits = np.isfinite(target)
    assert np.array_equal(np.isnan(actual), np.isnan(target))
    np.testing.assert_array_equal(actual[~fits], target[~fits])
    return np.abs(wrong[fits]).max()


def run(function, x):
    return function(ndl.from_numpy(x)).numpy()


def grid(low, high, n=3000):
    """Uniform numbers, and tiny ones."""
    return np.concatenate([rng.uniform(low, high, n), np.geomspace(1e-30, min(abs(high), 1), 200)])


MATH = [
    ("erf", math.erf, grid(-6, 6), 0), ("erfc", math.erfc, grid(-5, 26), 0),
    # Near its zeros Python's lgamma is as good as for numbers of size 1; so is ours among the negative ones.
    ("lgamma", math.lgamma, grid(0, 30), 1.0), ("lgamma", math.lgamma, np.geomspace(1, 1e36, 500), 1.0),
    ("lgamma", math.lgamma, rng.uniform(-20, 0, 2000), 8.0),
]


@pytest.mark.parametrize("name, reference, x, floor", MATH)
def test_against_math(name, reference, x, floor):
    assert ulps(run(getattr(ndl, name), x), [reference(v) for v in x], floor) < 9
    single = x[abs(x) < 3e38].astype("float32")
    assert ulps(run(getattr(ndl, name), single), [reference(float(v)) for v in single], floor) < 9


def test_lgamma_near_its_zeros():
    e = np.concatenate([np.geomspace(1e-12, 1e-6, 50), -np.geomspace(1e-12, 1e-6, 50)])
    for zero, slope, curve, cube in ((1, -0.5772156649015329, math.pi**2 / 12, -1.2020569031595942 / 3),
                                     (2, 0.42278433509846713, math.pi**2 / 12 - 0.5, (1 - 1.2020569031595942) / 3)):
        x = zero + e
        gap = x - zero
        assert ulps(run(ndl.lgamma, x), gap * (slope + gap * (curve + gap * cube))) < 9


def test_poles_and_ends():
    inf, nan = math.inf, math.nan
    for dtype in ("float64", "float32", "float16"):
        def at(function, *points, dtype=dtype):
            return run(function, np.array(points, dtype)).tolist()

        assert at(ndl.erf, inf, -inf, 0.0) == [1, -1, 0] and at(ndl.erfc, inf, -inf, 0.0) == [0, 2, 1]
        assert at(ndl.erfinv, 1.0, -1.0, 0.0) == [inf, -inf, 0]
        assert at(ndl.lgamma, 0.0, -1.0, -30.0, inf, -inf, 1.0, 2.0) == [inf, inf, inf, inf, inf, 0, 0]
        assert at(ndl.digamma, 0.0, inf) == [-inf, inf] and at(ndl.digamma, -0.0) == [inf]
        assert np.isnan(at(ndl.digamma, -1.0, -7.0, -inf, nan)).all()
        assert np.isnan(at(ndl.erfinv, 1.5, -1.5, nan)).all()
        assert at(lambda x: ndl.polygamma(1, x), 0.0, -2.0, inf) == [inf, inf, 0]
        assert at(ndl.i0, 0.0, inf) == [1, inf] and at(ndl.special.i1, -inf, 0.0) == [-inf, 0]
        for function in (ndl.erf, ndl.erfc, ndl.lgamma, ndl.i0, ndl.special.erfcx, ndl.special.ndtr, ndl.special.log_ndtr):
            assert np.isnan(at(function, nan)).all()


def test_erfinv_is_erfs_inverse():
    x = np.concatenate([rng.uniform(-1, 1, 3000), 1 - np.geomspace(1e-15, 0.5, 500), np.geomspace(1e-300, 0.5, 500)])
    y = run(ndl.erfinv, x)
    # What an error of y is in erf(y) or, towards the ends, in erfc(y).
    slope = 2 / math.sqrt(math.pi) * np.exp(-y * y)
    gap = np.array([math.erf(v) - u if abs(u) < 0.5 else math.copysign(1 - abs(u) - math.erfc(abs(v)), 1) * (-1 if u > 0 else 1)
                    for u, v in zip(x, y)])
    assert (abs(gap / slope) <= 5 * np.spacing(abs(y)) + np.spacing(1 - abs(x)) / slope + np.spacing(abs(x)) / slope).all()
    single = x.astype("float32")
    single = single[abs(single) < 1]
    assert ulps(run(ndl.erfinv, single), run(ndl.erfinv, single.astype("float64"))) < 7


def test_digamma_and_polygamma_by_identities():
    x = rng.uniform(0.01, 20, 2000)
    psi = lambda n, x: run(lambda t: ndl.polygamma(n, t), x)
    for n in range(5):  # psi_n(x + 1) = psi_n(x) + (-1)**n n! / x**(n+1)
        step = (-1) ** n * math.factorial(n) / x ** (n + 1)
        size = np.maximum(abs(psi(n, x)), abs(step)) + 1e-3
        assert (abs(psi(n, x + 1) - psi(n, x) - step) / size).max() < 2e-14
    euler = 0.5772156649015329
    assert run(ndl.digamma, np.array([1.0, 0.5])).tolist() == pytest.approx([-euler, -euler - 2 * math.log(2)], rel=1e-15)
    assert psi(1, np.array([1.0, 0.5])).tolist() == pytest.approx([math.pi**2 / 6, math.pi**2 / 2], rel=1e-15)
    negative = -rng.uniform(0.1, 9, 500)
    reflected = run(ndl.digamma, 1 - negative) - math.pi / np.tan(math.pi * negative)
    np.testing.assert_allclose(run(ndl.digamma, negative), reflected, rtol=1e-11, atol=1e-11)
    assert ulps(psi(0, x.astype("float32")), psi(0, x.astype("float32").astype("float64")), 1.0) < 1
    assert run(ndl.special.psi, x).tolist() == run(ndl.digamma, x).tolist()


def test_bessel_functions_by_their_integral():
    # I_n(x) is the mean of exp(x cos t) cos(n t) over a circle; equally spaced points are exact to all digits.
    t = np.arange(400) * (2 * math.pi / 400)
    x = np.concatenate([rng.uniform(-40, 40, 300), np.geomspace(1e-6, 300, 100)])
    for n, plain, scaled in ((0, ndl.i0, ndl.special.i0e), (1, ndl.special.i1, ndl.special.i1e)):
        mean = (np.exp(np.abs(x)[:, None] * (np.cos(t) - 1)) * np.cos(n * t)).mean(1) * (np.sign(x) if n else 1)
        wanted = mean if n == 0 else np.where(abs(x) < 0.1, x / 2 * (1 + x * x / 8 + x**4 / 192 + x**6 / 9216) * np.exp(-abs(x)), mean)
        np.testing.assert_allclose(run(scaled, x), wanted, rtol=2e-14)
        np.testing.assert_allclose(run(plain, x), wanted * np.exp(np.abs(x)), rtol=2e-14)


def test_against_scipy():
    special = pytest.importorskip("scipy.special")
    cases = {"erfcx": (np.concatenate([grid(-1, 40), np.geomspace(1, 1e20, 100)]), 0), "entr": (grid(0, 4), 1.0),
             "ndtr": (grid(-8, 9), 0), "log_ndtr": (grid(-8, 9), 0), "erfinv": (rng.uniform(-1, 1, 3000), 0),
             "psi": (grid(0.1, 30), 1.0), "i0e": (grid(-50, 50), 0), "i1e": (grid(-50, 50), 0)}
    for name, (x, floor) in cases.items():
        expected = getattr(special, name)(x)
        limit = 40 if "ndtr" in name else 10  # where rounding x / sqrt(2) is felt
        assert ulps(run(getattr(ndl.special, name), x), expected, floor) < limit, name
    x = np.linspace(0.5, 3, 6)
    np.testing.assert_allclose(run(ndl.special.bessel_j0, x), special.j0(x), rtol=1e-14)
    np.testing.assert_allclose(run(lambda t: ndl.special.zeta(2.5, t), x), special.zeta(2.5, x), rtol=1e-14)
    np.testing.assert_allclose(run(lambda t: ndl.special.legendre_polynomial_p(t, 3), x), special.eval_legendre(3, x))


def test_without_scipy(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "scipy", None)
    with pytest.raises(ImportError, match=r"pip install 'minitorch-ndl\[special\]'"):
        ndl.special.bessel_j0(ndl.ones(2))
