"""NumPy's matrix library, asked for its processor and its threads."""

import ctypes
import sys

import numpy as np
import pytest

import minitorch_ndl as ndl
from minitorch_ndl import blas


@pytest.fixture
def afresh(monkeypatch):
    """Nothing is known yet, and threadpoolctl is not installed."""
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    blas.numpys.cache_clear()
    blas.libraries.cache_clear()
    yield
    blas.numpys.cache_clear()
    blas.libraries.cache_clear()


needs_openblas = pytest.mark.skipif(blas.numpys() is None, reason="NumPy multiplies with another library")


@needs_openblas
def test_threads_are_set_without_threadpoolctl(afresh):
    (library,) = blas.libraries()
    before = ndl.get_num_threads()
    try:
        for count in (1, 2):
            ndl.set_num_threads(count)
            assert library.get_num_threads() == ndl.get_num_threads() == count
    finally:
        ndl.set_num_threads(before)


@needs_openblas
def test_threadpoolctl_says_the_same():
    threadpoolctl = pytest.importorskip("threadpoolctl")
    ours = blas.numpys()
    theirs = [c for c in threadpoolctl.ThreadpoolController().lib_controllers if c.internal_api == "openblas"]
    assert ours.architecture in [c.architecture for c in theirs]
    assert ours.get_num_threads() in [c.num_threads for c in theirs]


def test_another_library_answers_nothing(afresh, monkeypatch):
    monkeypatch.setattr(ctypes, "CDLL", lambda path: ctypes.PyDLL(None))  # Python's own functions only
    assert blas.numpys() is None and blas.libraries() is None
    before = ndl.get_num_threads()
    ndl.set_num_threads(2)  # no error: compiled kernels hear it
    assert ndl.get_num_threads() == 2
    ndl.set_num_threads(before)


FUSED = ("Haswell", "Zen", "SkylakeX", "Cooperlake", "SapphireRapids")  # multiply and add in one instruction


# --- y + a x ----------------------------------------------------------------------------------------------------------


def values(shape, seed, kind="f"):
    return np.random.default_rng(seed).standard_normal(shape).astype(kind)


@pytest.fixture(params=["with BLAS", "without"])
def either(request, monkeypatch):
    if request.param == "without":
        monkeypatch.setattr(blas, "numpys", lambda: None)


@pytest.mark.parametrize("kind", "efd")
@pytest.mark.parametrize("n", [0, 1, 7, 1000, 20_011])
def test_multiples_are_added(either, n, kind):
    y, x = values(n, 0, kind), values(n, 1, kind)
    exact = y.astype("g") - np.dtype(kind).type(0.1).astype("g") * x.astype("g")
    sizes = abs(y).astype("g") + abs(x).astype("g")
    before = x.copy()
    blas.add_multiple(np, y, -0.1, x, np.empty_like(x))
    assert (abs(y - exact) <= np.finfo(kind).eps * sizes).all() and (x == before).all()


@pytest.mark.skipif(blas.numpys() is None or blas.numpys().architecture not in FUSED, reason="BLAS rounds twice here")
def test_sums_are_rounded_once():
    y, x = values(5000, 0), values(5000, 1)
    once = (y.astype("d") + np.float64(np.float32(0.1)) * x.astype("d")).astype("f")
    twice = y + np.float32(0.1) * x
    blas.add_multiple(np, y, 0.1, x, np.empty_like(x))
    assert (y == once).mean() > 0.999 > (twice == once).mean()


@pytest.mark.parametrize("layout", [
    lambda x: np.asfortranarray(x), lambda x: np.repeat(x, 2, 1)[:, ::2], lambda x: np.broadcast_to(x[:1], x.shape),
    lambda x: x[::-1]], ids=["columns", "strides", "one row", "upside down"])
def test_multiples_are_added_however_they_lie(either, layout):
    for place in range(2):
        y, x = values((30, 40), 0), values((30, 40), 1)
        both = [y, x]
        if not (place == 0 and not layout(y).flags.writeable):
            both[place] = layout(both[place])
        expected = both[0] + 2 * both[1]
        blas.add_multiple(np, both[0], 2.0, both[1], np.empty_like(x))
        np.testing.assert_allclose(both[0], expected, rtol=1e-6)


@pytest.mark.parametrize("two", [2, np.float32(2), np.float64(2), np.int64(2), np.array(2, "f"), np.array(2.0)])
def test_any_number_will_do(either, two):
    y = np.ones(3, "f")
    blas.add_multiple(np, y, two, np.arange(3, dtype="f"), np.empty(3, "f"))
    assert y.tolist() == [1, 3, 5]


def test_scratch_may_hold_what_is_added(either):
    y, x = values(100, 0), values(100, 1)
    expected = y + 3 * x
    blas.add_multiple(np, y, 3.0, x, x)
    np.testing.assert_allclose(y, expected, rtol=1e-5)


def test_nothing_times_nan_is_nan(either):
    y = np.ones(3, "f")
    with np.errstate(invalid="ignore"):
        blas.add_multiple(np, y, 0.0, np.array([np.nan, np.inf, 1], "f"), np.empty(3, "f"))
    assert np.isnan(y[:2]).all() and y[2] == 1


def test_what_is_read_only_stays(either):
    y = np.ones(3, "f")
    y.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        blas.add_multiple(np, y, 1.0, np.ones(3, "f"), np.empty(3, "f"))
    assert (y == 1).all()
