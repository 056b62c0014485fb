"""The same elements in another dtype, on another device, or in memory of their own.

https://pytorch.org/docs/stable/generated/torch.Tensor.to.html
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import backend, dtypes, errors
from ..composite import face
from ..faces import F
from ..op import op
from ..tensor import Tensor
from .data import wanted_dtype

# --- what autograd records ------------------------------------------------------------------------------------------


@op(input=lambda g, input_dtype: F.to_dtype(g, input_dtype), on="", out=False)
def to_copy(xp, input, target: object):
    """The input in another dtype: a copy."""
    return input.astype(getattr(target, "numpy", target))


F.to_dtype = F.to_copy  # which is what torch calls it


@op(input=lambda g, source: F.to_device(g, source, source), on="", out=False)
def to_device(xp, input, target: object, source: object):
    """The input on another device: a copy. The gradient goes back to `source`."""
    return backend.get(target).from_numpy(backend.to_numpy(input))


# --- to -------------------------------------------------------------------------------------------------------------


def convert(x: Tensor, device: Any, dtype: np.dtype | None = None, copy: bool = False,
            memory_format: Any = None) -> Tensor:
    """`x` in this dtype and on this device: itself where nothing has to change, unless `copy`."""
    array = x._array
    if device is not None and backend.get(device) is not backend.of_type(type(array)):
        x, copy = F.to_device(x, backend.as_device(device), x.device), False
    if dtype is not None and dtype != array.dtype:
        return F.to_dtype(x, dtype)
    if copy or not (memory_format is None or x.is_contiguous(memory_format)):
        return F.clone(x, memory_format)
    return x


@face("to", "method")
def to(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """``x.to(dtype)``, ``x.to(device, dtype)``, ``x.to(other)``: `x` in that dtype and on that device.

    Returns `x` itself where nothing changes, unless ``copy=True``. Gradients flow through.

    >>> x = ndl.ones(2)
    >>> x.to(ndl.float64).dtype, x.to("cpu") is x
    (ndl.float64, True)
    """
    return convert(self, *target_of(*args, **kwargs))


def target_of(*args: Any, device: Any = None, dtype: Any = None, non_blocking: bool = False, copy: bool = False,
              memory_format: Any = None) -> tuple[Any, np.dtype | None, bool, Any]:
    """The arguments of `to`, in any of torch's orders, as device, dtype, copy, memory_format."""
    rest = list(args)
    if rest and isinstance(rest[0], Tensor):
        device, dtype = rest[0].device, rest.pop(0).dtype
    elif rest and _is_dtype(rest[0]):
        dtype = rest.pop(0)
    elif rest:
        device = rest.pop(0)
        if not (device is None or isinstance(device, (str, int, backend.device))):
            raise TypeError(f"to() received an invalid combination of arguments: got {type(device).__name__}; expected "
                            f"a dtype such as ndl.float64, a device (and a dtype), or another tensor.")
        if rest and (rest[0] is None or _is_dtype(rest[0])):
            dtype = rest.pop(0)
    if len(rest) > 2:
        raise TypeError(f"to() takes at most non_blocking and copy after dtype and device; got {len(args)} arguments.")
    copy = rest[1] if len(rest) == 2 else copy
    return device, wanted_dtype(dtype), copy, memory_format


target_of.__qualname__ = "to"  # as Python's own messages about unexpected keywords will say


def _is_dtype(value: Any) -> bool:
    return isinstance(value, dtypes.dtype) or value in (float, int, bool)


def _to(name: str, dtype: dtypes.dtype) -> None:
    """Attach ``x.float()`` and its like."""

    def method(self: Tensor, memory_format: Any = None) -> Tensor:
        if self._array.dtype is dtype.numpy and memory_format is None:
            return self
        return convert(self, None, dtypes.to_numpy(dtype), False, memory_format)

    method.__name__, method.__qualname__ = name, f"Tensor.{name}"
    method.__doc__ = f"This tensor as {dtype.name}; itself if it is that already."
    setattr(Tensor, name, method)


METHODS = {"float": dtypes.float32, "double": dtypes.float64, "half": dtypes.float16, "long": dtypes.int64,
           "int": dtypes.int32, "short": dtypes.int16, "char": dtypes.int8, "byte": dtypes.uint8, "bool": dtypes.bool_,
           # these exist by name only: calling them is a clear error
           "bfloat16": dtypes.bfloat16, "cfloat": dtypes.complex64, "cdouble": dtypes.complex128}
for _name, _dtype in METHODS.items():
    _to(_name, _dtype)


@face("type_as", "method")
def type_as(self: Tensor, other: Tensor) -> Tensor:
    """This tensor in the dtype and on the device of `other`."""
    return self.to(other)


@face("cpu", "method")
def cpu(self: Tensor, memory_format: Any = None) -> Tensor:
    """This tensor in the host's memory; itself if it is there already."""
    return convert(self, "cpu", None, False, memory_format)


@face("cuda", "method")
def cuda(self: Tensor, device: Any = None, non_blocking: bool = False, memory_format: Any = None) -> Tensor:
    """This tensor on a GPU. Raises RuntimeError where there is none that we can compute on."""
    return convert(self, "cuda" if device is None else device, None, False, memory_format)


# --- numbers ---------------------------------------------------------------------------------------------------------


@op(input=lambda g: F.zeroed(g),
    value=lambda g, value_shape, value_dtype: F.to_dtype(F.sum_to_size(g, value_shape), value_dtype),
    on="torch", out=False, numbers=True, broadcasts=False)
def fill(xp, input, value):
    """The input's shape and dtype, with `value`, a number or a 0-d tensor, everywhere.

    >>> ndl.fill(ndl.zeros(2), 3)
    tensor([3., 3.])
    """
    if value.ndim:
        raise RuntimeError(f"fill_ only supports 0-dimension value tensor but got tensor with {value.ndim} dimensions. "
                           f"x.copy_(value) takes others.")
    return xp.full(input.shape, value, input.dtype)


@face("result_type")
def result_type(tensor1: Any, tensor2: Any) -> dtypes.dtype:
    """The dtype of what an arithmetic operation on these two, tensors or numbers, gives.

    https://pytorch.org/docs/stable/generated/torch.result_type.html

    >>> ndl.result_type(ndl.tensor([1, 2]), 1.0), ndl.result_type(ndl.ones(2), ndl.tensor(1.0, dtype=ndl.float64))
    (ndl.float32, ndl.float32)
    """
    ranks: list[np.dtype | None] = [None, None, None]  # of tensors with dimensions, of 0-d ones, of numbers
    for value in (tensor1, tensor2):
        if isinstance(value, Tensor):
            rank, found = int(value._array.ndim == 0), value._array.dtype
        elif isinstance(value, (bool, int, float, np.number, np.bool_)):
            rank, found = 2, dtypes.number_dtype(value)
        else:
            raise errors.not_a_tensor("result_type", "tensor1", 1, value)
        before = ranks[rank]
        ranks[rank] = found if before is None else dtypes.promote(before, found)
    return dtypes.from_numpy(dtypes.result_dtype(*ranks))


@face("is_tensor")
def is_tensor(obj: Any) -> bool:
    """Whether `obj` is a Tensor."""
    return isinstance(obj, Tensor)


@face("is_nonzero", "torch", "method")
def is_nonzero(input: Tensor) -> bool:
    """Whether a tensor of one element holds something other than zero. Raises RuntimeError for other sizes."""
    return bool(input)


def _question(name: str) -> None:
    """``ndl.name(x)`` for a method that tells about a tensor."""
    method = getattr(Tensor, name)

    def ask(input: Tensor) -> Any:
        if not isinstance(input, Tensor):
            raise errors.not_a_tensor(name, "input", 1, input)
        return method(input)

    ask.__name__ = ask.__qualname__ = name
    ask.__doc__ = method.__doc__
    face(name)(ask)


for _name in ("numel", "is_floating_point", "is_complex", "is_signed"):
    _question(_name)
