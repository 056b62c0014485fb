"""NumPy's matrix library: the processor that it works for, how many threads it may use, and a sum that NumPy lacks.

threadpoolctl knows every such library; NumPy's own wheels bring OpenBLAS, which answers without it, too.
"""

from __future__ import annotations

import ctypes
import functools
from ctypes import byref, c_char, c_void_p
from typing import Any

from numpy import dtype, ndarray

_first = c_char.from_buffer  # of an array: where it lies, as long as it lies in order and may be written into


class OpenBLAS:
    """The one that NumPy was linked with, as far as threadpoolctl's controllers are needed here, and its sums. Raises
    AttributeError if NumPy was linked with another library."""

    def __init__(self) -> None:
        from numpy._core import _multiarray_umath  # type: ignore[attr-defined]

        library = ctypes.CDLL(_multiarray_umath.__file__)
        for prefix, suffix in ("scipy_", "64_"), ("scipy_", ""), ("", "64_"), ("", ""):
            if hasattr(library, f"{prefix}openblas_get_corename{suffix}"):
                break
        core = library[f"{prefix}openblas_get_corename{suffix}"]
        core.restype = ctypes.c_char_p
        self.architecture = core().decode()
        self.get_num_threads = library[f"{prefix}openblas_get_num_threads{suffix}"]
        self.set_num_threads = library[f"{prefix}openblas_set_num_threads{suffix}"]
        self.sgemm = ctypes.cast(library[f"{prefix}cblas_sgemm{suffix}"], c_void_p).value  # where it begins
        self.axpy = {}  # by dtype: axpy(n, a, x, 1, y, 1), y <- y + a x
        size, array = ctypes.c_int64 if suffix else ctypes.c_int, c_void_p
        for kind, number in ("s", ctypes.c_float), ("d", ctypes.c_double):
            axpy = library[f"{prefix}cblas_{kind}axpy{suffix}"]
            axpy.argtypes, axpy.restype = (size, number, array, size, array, size), None
            self.axpy[dtype(number)] = axpy


@functools.cache
def numpys() -> OpenBLAS | None:
    """NumPy's OpenBLAS; None if it multiplies with something else."""
    try:
        return OpenBLAS()
    except (AttributeError, ImportError, OSError):
        return None


@functools.cache
def libraries() -> list[Any] | None:
    """The matrix libraries at work; None where nobody could tell them how many threads to take."""
    try:
        import threadpoolctl
    except ImportError:
        return [numpys()] if numpys() is not None else None
    return [c for c in threadpoolctl.ThreadpoolController().lib_controllers if c.user_api == "blas"]


def add_multiple(xp: Any, y: Any, a: float, x: Any, scratch: Any) -> None:
    """y ← y + a x, in place; `scratch`, which may be x, is an array to compute in.

    NumPy takes two steps and rounds twice; BLAS (and PyTorch) go through both arrays but once.
    """
    blas = numpys() if type(y) is ndarray and y.shape == x.shape and y.dtype is x.dtype else None
    if blas is not None and y.dtype in blas.axpy and 0 < y.size < 1 << 31 and a:  # it may count in 32 bits
        try:
            blas.axpy[y.dtype](y.size, float(a), byref(_first(x)), 1, byref(_first(y)), 1)
            return
        except TypeError:  # one of them isn't in order, or is read-only
            pass
    y += xp.multiply(x, a, out=scratch)
