"""minitorch_ndl: PyTorch's API in Python that one can read in an afternoon, on NumPy.

>>> import minitorch_ndl as ndl
>>> x = ndl.tensor([1.0, 2.0], requires_grad=True)
>>> (x * x).sum().backward()
>>> x.grad
tensor([2., 4.])
"""

__version__ = "0.1.0"

import importlib as _importlib
import sys as _sys
from typing import TYPE_CHECKING as _TYPE_CHECKING, Any as _Any

from . import (
    autograd as autograd,
    cuda as cuda,
    dtypes as _dtypes,
    linalg as linalg,
    nn as nn,
    ops as ops,
    optim as optim,
    profiler as profiler,
    random as random,
    special as special,
    utils as utils,
    version as version,
)
from .absent import (
    accelerator as accelerator,
    backends as backends,
    compiler as compiler,
    distributed as distributed,
    mps as mps,
    xpu as xpu,
)
from .autograd.grad_mode import (
    enable_grad as enable_grad,
    inference_mode as inference_mode,
    is_grad_enabled as is_grad_enabled,
    is_inference_mode_enabled as is_inference_mode_enabled,
    no_grad as no_grad,
    set_grad_enabled as set_grad_enabled,
)
from .backend import device as device
from .dtypes import (
    can_cast as can_cast,
    dtype as dtype,
    finfo as finfo,
    get_default_dtype as get_default_dtype,
    iinfo as iinfo,
    promote_types as promote_types,
    set_default_dtype as set_default_dtype,
)
from .faces import FACES as _FACES
from .printing import get_printoptions as get_printoptions, set_printoptions as set_printoptions
from .settings import (
    are_deterministic_algorithms_enabled as are_deterministic_algorithms_enabled,
    compile as compile,
    get_default_device as get_default_device,
    get_float32_matmul_precision as get_float32_matmul_precision,
    get_num_interop_threads as get_num_interop_threads,
    get_num_threads as get_num_threads,
    is_deterministic_algorithms_warn_only_enabled as is_deterministic_algorithms_warn_only_enabled,
    set_default_device as set_default_device,
    set_float32_matmul_precision as set_float32_matmul_precision,
    set_flush_denormal as set_flush_denormal,
    set_num_interop_threads as set_num_interop_threads,
    set_num_threads as set_num_threads,
    use_deterministic_algorithms as use_deterministic_algorithms,
)
from .tensor import Size as Size, Tensor as Tensor

# Every operation, by the name that torch gives it.
globals().update(_FACES["torch"])
# The dtypes come last: they hide Python's own float, int and bool in this namespace, as they do in torch's.
globals().update({t.name.rstrip("_"): t for t in _dtypes.ALL})
half, float, double = _dtypes.float16, _dtypes.float32, _dtypes.float64
short, int, long = _dtypes.int16, _dtypes.int32, _dtypes.int64
cfloat, cdouble = _dtypes.complex64, _dtypes.complex128


# What not every program needs is loaded when it is first asked for: modules, and names out of modules.
_LATER = {name: name for name in ("amp", "compat", "distributions", "func", "hub", "jit", "multiprocessing", "serialization",
                                  "sparse", "testing", "vision", "viz")}
_LATER |= {"GradScaler": "amp", "autocast": "amp", "is_autocast_enabled": "amp", "load": "serialization",
           "save": "serialization", "summary": "viz.overview", "vmap": "func"}

if _TYPE_CHECKING:
    from . import amp as amp, distributions as distributions, func as func, jit as jit, serialization as serialization
    from .amp import GradScaler as GradScaler, autocast as autocast, is_autocast_enabled as is_autocast_enabled
    from .func import vmap as vmap
    from .serialization import load as load, save as save
    from .viz.overview import summary as summary


def __getattr__(name: str) -> _Any:
    home = _LATER.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name, obj=_sys.modules[__name__])
    module = _importlib.import_module(f"{__name__}.{home}")
    value = globals()[name] = module if name == home else getattr(module, name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER})
