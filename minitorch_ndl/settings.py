"""Settings that PyTorch has for its machinery, under its names: threads, precision, determinism, compilation.

Here results are always computed in full precision and in the same order, so that most of them only remember what was
asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import backend
from .compiled import threads

_state: dict[str, Any] = {"interop": None, "precision": "highest", "deterministic": False,
                          "warn_only": False}


# --- threads ----------------------------------------------------------------------------------------------------------


def get_num_threads() -> int:
    """How many threads a matrix product, or a compiled kernel, may use: what `set_num_threads` said, or
    OPENBLAS_NUM_THREADS or OMP_NUM_THREADS in the environment, or as many as there are processors."""
    return threads.available()


def set_num_threads(int: int) -> None:
    """Let matrix products and compiled kernels use so many threads. It takes effect with the OpenBLAS that NumPy's own
    wheels bring; another library listens where the package threadpoolctl is installed, or else to OMP_NUM_THREADS, set
    before the program starts."""
    threads.allow(_positive("set_num_threads", int))


def get_num_interop_threads() -> int:
    """What `set_num_interop_threads` was given; operations run one after the other in any case."""
    return _state["interop"] or threads.processors()


def set_num_interop_threads(int: int) -> None:
    """Remembered; operations run one after the other in any case."""
    _state["interop"] = _positive("set_num_interop_threads", int)


def _positive(name: str, count: Any) -> int:
    if isinstance(count, bool) or not isinstance(count, int):
        raise RuntimeError(f"{name} expects an int, but got {type(count).__name__}")
    if count <= 0:
        raise RuntimeError(f"{name} expects a positive integer; got {count}")
    return count


# --- precision and determinism ----------------------------------------------------------------------------------------


def get_float32_matmul_precision() -> str:
    """What `set_float32_matmul_precision` was given: "highest" at first."""
    return _state["precision"]


def set_float32_matmul_precision(precision: str) -> None:
    """Remembered: "highest", "high" or "medium". Products of float32 always have full precision here."""
    if precision not in ("highest", "high", "medium"):
        raise ValueError(f"set_float32_matmul_precision: {precision!r} is not one of 'highest', 'high' or 'medium'.")
    _state["precision"] = precision


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Remembered. All algorithms here are deterministic."""
    _state.update(deterministic=bool(mode), warn_only=bool(warn_only))


def are_deterministic_algorithms_enabled() -> bool:
    """What `use_deterministic_algorithms` was given."""
    return _state["deterministic"]


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """What `use_deterministic_algorithms` was given for warn_only."""
    return _state["warn_only"]


def set_flush_denormal(mode: bool) -> bool:
    """Returns False: denormal numbers are always kept."""
    return False


def set_default_device(device: Any = None) -> None:
    """Where new tensors go: the CPU. Raises RuntimeError for what else there may be."""
    if backend.as_device("cpu" if device is None else device).type != "cpu":
        raise RuntimeError(f"set_default_device: new tensors go to the CPU unless told otherwise; got {device}. "
                           f"Pass device= where they are made.")


def get_default_device() -> backend.device:
    """Where new tensors go: the CPU."""
    return backend.device("cpu")


# --- compilation ------------------------------------------------------------------------------------------------------


def compile(model: Any = None, **options: Any) -> Any:
    """Returns what it is given: there is no compiler. Also as a decorator, with or without options.

    https://pytorch.org/docs/stable/generated/torch.compile.html

    >>> @ndl.compile
    ... def double(x):
    ...     return x * 2
    >>> double(ndl.ones(1))
    tensor([2.])
    """
    if model is None:
        return compile
    if not callable(model):
        raise RuntimeError(f"compile: expected a module or a function; got {type(model).__name__}.")
    return model


def disable(fn: Callable | None = None, recursive: bool = True, **options: Any) -> Any:
    """Returns what it is given: ``@torch.compiler.disable``."""
    return disable if fn is None else fn
