"""Machinery that PyTorch has and this package has not, as far as scripts ask whether it is there: `backends`, `mps`, `xpu`,
`accelerator`, `distributed`, `compiler`. Each is a module of its own, by torch's path, with torch's answers on a machine
that lacks it.

>>> ndl.backends.mps.is_available(), ndl.distributed.is_available(), ndl.accelerator.current_accelerator()
(False, False, None)
"""

from __future__ import annotations

import sys
import types
from contextlib import contextmanager
from typing import Any

from . import autograd as autograd, backend, cuda, profiler, settings, utils as utils
from .autograd.node import Handle
from .ops.memory import from_dlpack

_PACKAGE = __name__.rpartition(".")[0]


def _module(path: str, **members: Any) -> types.ModuleType:
    """A module that can be imported by its path in the package."""
    module = types.ModuleType(f"{_PACKAGE}.{path}", f"torch.{path}, as on a machine without it.")
    vars(module).update(members)
    sys.modules[module.__name__] = module
    parent = sys.modules.get(module.__name__.rpartition(".")[0])
    if "." in path and parent is not None:
        setattr(parent, path.rpartition(".")[2], module)
    return module


def _always(value: Any, doc: str = "") -> Any:
    function = lambda *args, **kwargs: value
    function.__doc__ = doc
    return function


def _raises(kind: type[Exception], message: str) -> Any:
    def function(*args: Any, **kwargs: Any) -> Any:
        raise kind(message)

    return function


_no = _always(False, "False: it is not there.")
_yes = _always(True, "True.")
_nothing = _always(None, "Does nothing.")


@contextmanager
def _flags(*args: Any, **kwargs: Any) -> Any:
    yield


# --- other processors -------------------------------------------------------------------------------------------------

backends = _module("backends")
_module("backends.cudnn", enabled=True, benchmark=False, benchmark_limit=10, deterministic=False, allow_tf32=True,
        version=_always(None), is_available=_no, is_acceptable=_no, flags=_flags)
_module("backends.cuda", is_built=_no, matmul=types.SimpleNamespace(
    allow_tf32=False, allow_fp16_reduced_precision_reduction=True, allow_bf16_reduced_precision_reduction=True),
    flash_sdp_enabled=_yes, math_sdp_enabled=_yes, mem_efficient_sdp_enabled=_yes, cudnn_sdp_enabled=_yes,
    enable_flash_sdp=_nothing, enable_math_sdp=_nothing, enable_mem_efficient_sdp=_nothing, enable_cudnn_sdp=_nothing,
    preferred_linalg_library=_nothing, sdp_kernel=_flags)
for _name in ("mps", "mkl", "mkldnn", "openmp", "opt_einsum"):
    _module(f"backends.{_name}", is_available=_no, is_built=_no, enabled=False, flags=_flags, verbose=_flags)

mps = _module("mps", is_available=_no, device_count=_always(0), manual_seed=_nothing, seed=_nothing,
              empty_cache=_raises(RuntimeError, "Cannot execute emptyCache() without MPS backend."),
              synchronize=_raises(RuntimeError, "Cannot execute synchronize() without MPS backend."))
xpu = _module("xpu", is_available=_no, device_count=_always(0), manual_seed=_nothing, manual_seed_all=_nothing,
              empty_cache=_nothing)
accelerator = _module("accelerator", is_available=cuda.is_available, device_count=cuda.device_count,
                      current_accelerator=_always(None, "The device to use instead of the CPU: None."),
                      synchronize=_raises(RuntimeError, "Cannot access accelerator device when none is available."))

# --- other machines ---------------------------------------------------------------------------------------------------

_ALONE = "Default process group has not been initialized: this build works in one process, torch.distributed is not in it."
distributed = _module(
    "distributed", is_available=_no, is_initialized=_no, is_nccl_available=_no, is_gloo_available=_no, is_mpi_available=_no,
    is_torchelastic_launched=_no, destroy_process_group=_nothing,
    **dict.fromkeys(("get_rank", "get_world_size", "barrier", "get_backend"), _raises(ValueError, _ALONE)),
    **dict.fromkeys(("all_reduce", "all_gather", "broadcast", "reduce"), _raises(ValueError, _ALONE)),
    init_process_group=_raises(RuntimeError, "init_process_group: this build works in one process; torch.distributed is "
                                             "not in it. Guard the call with `if torch.distributed.is_available():`."))

# --- other paths ------------------------------------------------------------------------------------------------------

_module("autograd.profiler", profile=profiler.profile, record_function=profiler.record_function)
_module("types", Device=str | int | backend.device | None, Number=int | float | bool)
_module("utils.hooks", RemovableHandle=Handle)
_module("utils.dlpack", from_dlpack=from_dlpack, to_dlpack=lambda tensor: tensor.__dlpack__())

# --- the compiler -----------------------------------------------------------------------------------------------------

compiler = _module("compiler", compile=settings.compile, disable=settings.disable, is_compiling=_no,
                   is_dynamo_compiling=_no, reset=_nothing, cudagraph_mark_step_begin=_nothing)
_dynamo = _module("_dynamo", reset=_nothing, disable=settings.disable, config=types.SimpleNamespace())
