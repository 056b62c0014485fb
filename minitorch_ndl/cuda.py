"""What scripts ask about GPUs. There is no GPU backend in this build, and these functions say so.

>>> device = "cuda" if ndl.cuda.is_available() else "cpu"
>>> device
'cpu'
"""

from __future__ import annotations

import importlib
import sys
import types
from collections import OrderedDict
from typing import Any

from . import backend, random
from .ops.legacy import TYPES as _TYPES


def is_available() -> bool:
    """Whether tensors can be put on a GPU."""
    return device_count() > 0


def device_count() -> int:
    """How many GPUs tensors can be put on."""
    return int("cuda" in backend._by_device)


def is_initialized() -> bool:
    """Whether a GPU has been used in this process."""
    return False


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """Whether the GPU computes in bfloat16: there is none."""
    return False


# --- harmless without a GPU, as in torch ------------------------------------------------------------------------------


def manual_seed(seed: int) -> None:
    """Seeds the GPUs' generators; does nothing without one, as in torch."""


manual_seed_all = manual_seed


def seed() -> None:
    """Does nothing without a GPU, as in torch."""


seed_all = seed


def empty_cache() -> None:
    """Give cached GPU memory back; there is none."""


reset_peak_memory_stats = reset_max_memory_allocated = lambda device=None: None
reset_max_memory_allocated.__doc__ = "Does nothing without a GPU."


def memory_allocated(device: Any = None) -> int:
    """Bytes of GPU memory that tensors take: none."""
    return 0


max_memory_allocated = memory_reserved = max_memory_reserved = memory_cached = max_memory_cached = memory_allocated


def memory_stats(device: Any = None) -> OrderedDict:
    """Figures about GPU memory: none."""
    return OrderedDict()


def get_arch_list() -> list[str]:
    """The kinds of GPU that this build has code for: none."""
    return []


def get_rng_state_all() -> list[Any]:
    """The states of all GPUs' generators: none."""
    return []


def set_rng_state_all(new_states: Any) -> None:
    """Does nothing without a GPU."""


class device:
    """A block in which another GPU is the current one; without GPUs, any block."""

    def __init__(self, device: Any):
        self.idx = device

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: Any) -> None:
        pass


class stream(device):
    """A block whose work goes to this stream; ``stream(None)`` is any block."""


# --- errors without a GPU ---------------------------------------------------------------------------------------------


def _needs_gpu(name: str, doc: str) -> Any:
    def function(*args: Any, **kwargs: Any) -> Any:
        raise RuntimeError(f"cuda.{name}: no CUDA GPU is available to this build. Guard the call with "
                           f"`if ndl.cuda.is_available():`.")

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{doc} Raises RuntimeError without a GPU."
    return function


synchronize = _needs_gpu("synchronize", "Wait until the GPU has finished.")
current_device = _needs_gpu("current_device", "The number of the GPU in use.")
set_device = _needs_gpu("set_device", "Make a GPU the current one.")
get_device_name = _needs_gpu("get_device_name", "The GPU's name.")
get_device_properties = _needs_gpu("get_device_properties", "The GPU's name, memory and so on.")
get_device_capability = _needs_gpu("get_device_capability", "The GPU's generation, as two numbers.")
get_rng_state = _needs_gpu("get_rng_state", "The state of the GPU's generator.")
set_rng_state = _needs_gpu("set_rng_state", "Set the state of the GPU's generator.")
initial_seed = _needs_gpu("initial_seed", "The seed of the GPU's generator.")
mem_get_info = _needs_gpu("mem_get_info", "Free and total bytes of the GPU's memory.")
memory_summary = _needs_gpu("memory_summary", "A table about the GPU's memory.")
ipc_collect = _needs_gpu("ipc_collect", "Free memory that other processes had.")
current_stream = _needs_gpu("current_stream", "The stream in use.")
Stream = _needs_gpu("Stream", "A queue of work for the GPU.")
Event = _needs_gpu("Event", "A mark in such a queue.")
CUDAGraph = _needs_gpu("CUDAGraph", "Recorded work for the GPU.")
init = _needs_gpu("init", "Start using the GPU.")


# Classes, as scripts ask isinstance() about them; no tensor is one.
globals().update({name: type(name, (), {"__new__": _needs_gpu(name, ""), "__doc__": "A type of tensors on a GPU."})
                  for name in _TYPES})


def _add_module(name: str, **members: Any) -> None:
    """Make ``cuda.<name>`` a module with these members."""
    module = types.ModuleType(f"{__name__}.{name}", f"torch.cuda.{name}")
    vars(module).update(members)
    globals()[name] = sys.modules[module.__name__] = module


def _from_amp(name: str) -> Any:
    return getattr(importlib.import_module(".amp", __package__), {"autocast": "CudaAutocast"}.get(name, name))


_add_module("amp", __getattr__=_from_amp)  # it stands higher, and few ask for it
_add_module("random", manual_seed=manual_seed, manual_seed_all=manual_seed_all, get_rng_state=get_rng_state,
            set_rng_state=set_rng_state, get_rng_state_all=get_rng_state_all, fork_rng=random.fork_rng)
