"""What scripts ask about GPUs. There is no GPU backend in this build, and these functions say so.

>>> device = "cuda" if ndl.cuda.is_available() else "cpu"
>>> device
'cpu'
"""

from __future__ import annotations

from typing import Any

from . import backend, random


def is_available() -> bool:
    """Whether tensors can be put on a GPU."""
    return device_count() > 0


def device_count() -> int:
    """How many GPUs tensors can be put on."""
    return int("cuda" in backend._by_device)


def is_initialized() -> bool:
    """Whether a GPU has been used in this process."""
    return False


def manual_seed(seed: int) -> None:
    """Seeds the GPUs' generators; does nothing without one, as in torch."""


manual_seed_all = manual_seed


def synchronize(device: Any = None) -> None:
    """Wait until the GPU has finished. Raises RuntimeError without one."""
    _require("synchronize")


def empty_cache() -> None:
    """Give cached GPU memory back; there is none."""


def current_device() -> int:
    """The number of the GPU in use. Raises RuntimeError without one."""
    _require("current_device")
    return 0


def get_device_name(device: Any = None) -> str:
    """The GPU's name. Raises RuntimeError without one."""
    _require("get_device_name")
    return ""


def memory_allocated(device: Any = None) -> int:
    """Bytes of GPU memory that tensors take: none."""
    return 0


max_memory_allocated = memory_reserved = max_memory_reserved = memory_allocated


def get_rng_state(device: Any = None) -> Any:
    """The state of the GPU's generator. Raises RuntimeError without one."""
    _require("get_rng_state")
    return random.get_rng_state()


def _require(name: str) -> None:
    if not is_available():
        raise RuntimeError(f"cuda.{name}: no CUDA GPU is available to this build. Guard the call with "
                           f"`if ndl.cuda.is_available():`.")
