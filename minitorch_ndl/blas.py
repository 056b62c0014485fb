"""NumPy's matrix library: the processor that it works for, and how many threads it may use.

threadpoolctl knows every such library; NumPy's own wheels bring OpenBLAS, which answers without it, too.
"""

from __future__ import annotations

import ctypes
import functools
from typing import Any


class OpenBLAS:
    """The one that NumPy was linked with, as far as threadpoolctl's controllers are needed here. Raises AttributeError if
    NumPy was linked with another library."""

    def __init__(self) -> None:
        from numpy._core import _multiarray_umath  # type: ignore[attr-defined]

        library = ctypes.CDLL(_multiarray_umath.__file__)
        for name in ("scipy_openblas_{}64_", "scipy_openblas_{}", "openblas_{}64_", "openblas_{}"):
            if hasattr(library, name.format("get_corename")):
                break
        core = library[name.format("get_corename")]
        core.restype = ctypes.c_char_p
        self.architecture = core().decode()
        self.get_num_threads = library[name.format("get_num_threads")]
        self.set_num_threads = library[name.format("set_num_threads")]


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
