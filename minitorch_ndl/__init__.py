"""minitorch_ndl: PyTorch's API in Python that one can read in an afternoon, on NumPy.

>>> import minitorch_ndl as ndl
>>> x = ndl.tensor([1.0, 2.0], requires_grad=True)
>>> (x * x).sum().backward()
>>> x.grad
tensor([2., 4.])
"""

__version__ = "0.1.0"

from . import (
    autograd as autograd,
    cuda as cuda,
    dtypes as _dtypes,
    linalg as linalg,
    nn as nn,
    ops as ops,
    optim as optim,
    random as random,
    special as special,
    utils as utils,
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
from .tensor import Size as Size, Tensor as Tensor

# Every operation, by the name that torch gives it.
globals().update(_FACES["torch"])
# The dtypes come last: they hide Python's own float, int and bool in this namespace, as they do in torch's.
globals().update({t.name.rstrip("_"): t for t in _dtypes.ALL})
half, float, double = _dtypes.float16, _dtypes.float32, _dtypes.float64
short, int, long = _dtypes.int16, _dtypes.int32, _dtypes.int64
cfloat, cdouble = _dtypes.complex64, _dtypes.complex128
