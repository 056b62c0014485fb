"""NumPy's matrix library, asked for its processor and its threads."""

import ctypes
import sys

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
