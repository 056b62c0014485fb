"""Tensors from data: numbers, nested lists, NumPy arrays, buffers.

https://pytorch.org/docs/stable/torch.html#creation-ops
"""

from __future__ import annotations

import math
import warnings
from itertools import chain
from typing import Any

import numpy as np

from .. import backend, dtypes
from ..composite import face
from ..faces import deliver
from ..tensor import Tensor, wrap


def to_array(data: Any, dtype: np.dtype | None = None) -> np.ndarray:
    """`data` (a Tensor, an array, numbers, nested sequences of these) as a new array, by torch's rule for its dtype."""
    if isinstance(data, Tensor):
        data = backend.to_numpy(data._array)
    elif not isinstance(data, (list, tuple, np.ndarray, float, int)) and hasattr(data, "__array__"):
        data = np.asarray(data)  # NumPy's scalars, and whatever else knows how to become an array
    if isinstance(data, np.ndarray):
        _known(data)
        token = backend.hush()
        try:
            return np.array(data, dtype or data.dtype, subok=False)
        finally:
            backend.restore(token)
    if isinstance(data, (str, bytes)):
        raise TypeError(f"new(): invalid data type '{type(data).__name__}'; expected numbers.")
    shape, items = _leaves(data)
    found = inferred(items)  # also refuses what is no number
    return _numbers(items, dtype or found).reshape(shape)


def _leaves(data: Any) -> tuple[list[int], list]:
    """The sizes of nested sequences, and everything in them, flat. Raises ValueError if they are ragged."""
    shape: list[int] = []
    items = [data]
    while items and _is_sequence(items[0]):
        n = len(items[0])
        for item in items:
            if not _is_sequence(item):
                raise TypeError(f"not a sequence: at dim {len(shape)}, tensor() found {item!r} beside sequences of "
                                f"length {n}; every list at one depth must hold as many elements.")
            if len(item) != n:
                raise ValueError(f"expected sequence of length {n} at dim {len(shape)} (got {len(item)})")
        shape.append(n)
        items = list(chain.from_iterable(items))
    return shape, items


def _is_sequence(x: Any) -> bool:
    if isinstance(x, (list, tuple)):
        return True
    if isinstance(x, (Tensor, str, bytes, dict, np.generic)):
        return False
    if isinstance(x, np.ndarray):
        return x.ndim > 0
    return hasattr(x, "__len__") and hasattr(x, "__getitem__")


_PLAIN = {float, int, bool}


def inferred(items: list) -> np.dtype:
    """The dtype of these numbers together: floats have the default one, ints are int64, NumPy's keep theirs."""
    found: np.dtype | None = None
    for kind in set(map(type, items)):
        if kind in _PLAIN:
            new = [dtypes.number_dtype(kind())]
        elif issubclass(kind, (Tensor, np.ndarray, np.generic)):
            new = [i._array.dtype if isinstance(i, Tensor) else i.dtype for i in items if type(i) is kind]
            dtypes.from_numpy(new[0])
        elif issubclass(kind, (float, int)):
            new = [dtypes.number_dtype(next(i for i in items if type(i) is kind))]
        elif issubclass(kind, (str, bytes)):
            raise ValueError(f"too many dimensions '{kind.__name__}'; expected numbers.")
        elif issubclass(kind, complex):
            raise TypeError("tensor(): complex numbers are out of scope here; give the real and the imaginary part "
                            "a tensor each.")
        elif _is_sequence(next(i for i in items if type(i) is kind)):
            raise TypeError(f"'{kind.__name__}' object cannot be interpreted as an integer: tensor() found a "
                            f"sequence beside numbers.")
        else:
            raise RuntimeError(f"Could not infer dtype of {kind.__name__}: tensor() takes numbers, arrays, tensors, "
                               f"and nested sequences of them.")
        for d in new:
            found = d if found is None else dtypes.promote(found, d)
    return dtypes.default_float() if found is None else found


def _numbers(items: list, dtype: np.dtype) -> np.ndarray:
    """Numbers as a flat array of `dtype`. Raises where torch does: integers that don't fit."""
    if not _PLAIN.issuperset(map(type, items)) and any(isinstance(i, (Tensor, np.ndarray)) for i in items):
        if any(math.prod(i.shape) != 1 for i in items if isinstance(i, (Tensor, np.ndarray))):
            raise ValueError("only one element tensors can be converted to Python scalars: tensor() got a list of "
                             "larger ones; ndl.stack(list) joins them.")
        items = [i.item() if isinstance(i, (Tensor, np.ndarray)) else i for i in items]
    token = backend.hush()
    try:
        if dtype.kind not in "iu":
            return np.array(items, dtype)
        wide = np.array(items)  # narrow and unsigned integers wrap below zero, as in torch, where NumPy would refuse
        if wide.dtype == dtype:
            return wide
        info = np.iinfo(dtype)
        low = info.min if dtype.kind == "i" else -info.max if wide.dtype.kind == "i" else 0
        if wide.dtype != bool and wide.size and not (low <= wide.min() and wide.max() <= info.max):
            if wide.dtype.kind in "uO":
                raise OverflowError
            raise RuntimeError(f"value cannot be converted to type {dtype} without overflow: tensor() got "
                               f"{wide.min().item()} to {wide.max().item()}.")
        return wide.astype(dtype)
    except OverflowError:
        raise ValueError(f"Overflow when unpacking long long: tensor() got a number beyond 64 bits in "
                         f"{str(items)[:80]}; give it a floating dtype.") from None
    finally:
        backend.restore(token)


def _known(array: np.ndarray) -> np.ndarray:
    """`array` if a tensor can have its dtype."""
    if not array.dtype.isnative:
        raise ValueError("given numpy array has byte order different from the native byte order. Conversion between "
                         "byte orders is currently not supported; use array.astype(array.dtype.newbyteorder('=')).")
    dtypes.from_numpy(array.dtype)
    return array


def number_of(name: str, value: Any, dtype: np.dtype | None = None) -> np.ndarray:
    """A number, or a 0-d tensor, as a 0-d array. Raises RuntimeError where `dtype` cannot hold it."""
    if isinstance(value, Tensor) and not value.ndim:
        value = value.item()
    if not isinstance(value, (bool, int, float, np.number, np.bool_)):
        raise TypeError(f"{name}(): argument 'fill_value' (position 2) must be Number, not {type(value).__name__}")
    dtype = dtype or dtypes.number_dtype(value)
    try:
        found = _numbers([value], dtype)[0]
    except ValueError:
        found = np.inf
    if abs(found) == np.inf != abs(value):
        raise RuntimeError(f"value cannot be converted to type {dtype} without overflow: {name} got {value}.")
    return found


def made(name: str, array: Any, out: Tensor | None, requires_grad: bool) -> Tensor:
    """The tensor around an array that a factory made, or `out` filled with it."""
    result = wrap(array)
    if requires_grad:
        if result._array.dtype.kind != "f":
            raise RuntimeError("Only Tensors of floating point and complex dtype can require gradients; this one is "
                               f"{result.dtype!r}. Give it dtype=ndl.float32.")
        result._requires_grad = True
    if out is None:
        return result
    if out._array.shape != array.shape:
        out.resize_(array.shape)
    return deliver(name, result, out)


def finish(array: np.ndarray, device: Any = None, requires_grad: bool = False) -> Tensor:
    """The Tensor around a new NumPy array, on its device."""
    return made("tensor", array if device is None else backend.get(device).from_numpy(array), None, requires_grad)


def wanted_dtype(dtype: Any) -> np.dtype | None:
    return None if dtype is None else dtypes.to_numpy(dtype)


@face("tensor")
def tensor(data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False,
           pin_memory: bool = False) -> Tensor:
    """A new tensor with a copy of `data`: numbers, nested sequences, arrays. Floats get the default dtype, ints int64.

    Raises ValueError for ragged sequences. https://pytorch.org/docs/stable/generated/torch.tensor.html

    >>> ndl.tensor([[1, 2], [3, 4]]).dtype, ndl.tensor(0.5).dtype, ndl.tensor(np.ones(2)).dtype
    (ndl.int64, ndl.float32, ndl.float64)
    """
    if isinstance(data, Tensor):
        warnings.warn("To copy construct from a tensor, it is recommended to use sourceTensor.detach().clone() or "
                      "sourceTensor.detach().clone().requires_grad_(True), rather than tensor(sourceTensor).",
                      stacklevel=2)
        device = data.device if device is None else device
    return finish(to_array(data, wanted_dtype(dtype)), device, requires_grad)


@face("from_numpy")
def from_numpy(ndarray: np.ndarray) -> Tensor:
    """The tensor on the memory of a NumPy array: what is written into one shows in the other.

    Raises TypeError for what is no array, or of a dtype that tensors cannot have.
    https://pytorch.org/docs/stable/generated/torch.from_numpy.html

    >>> a = np.zeros(2)
    >>> ndl.from_numpy(a)[0] = 5
    >>> a
    array([5., 0.])
    """
    if not isinstance(ndarray, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type(ndarray).__name__}); ndl.tensor(...) takes other data.")
    array = np.asarray(_known(ndarray))
    if not array.flags.writeable:
        warnings.warn("The given NumPy array is not writable, and so the tensor on its memory is not either: writing "
                      "into it fails. Copy the array (array.copy()) if you mean to write.", stacklevel=2)
    return wrap(array)


@face("as_tensor")
def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """`data` as a tensor: itself or on its memory where dtype and device allow it, else a copy.

    https://pytorch.org/docs/stable/generated/torch.as_tensor.html

    >>> a = np.zeros(2)
    >>> ndl.as_tensor(a)[0] = 5; a
    array([5., 0.])
    """
    if isinstance(data, Tensor):
        return data.to(device=device, dtype=dtype)
    if isinstance(data, np.ndarray):
        return from_numpy(data).to(device=device, dtype=dtype)
    return finish(to_array(data, wanted_dtype(dtype)), device)


@face("asarray")
def asarray(obj: Any, *, dtype: Any = None, device: Any = None, copy: bool | None = None,
            requires_grad: bool = False) -> Tensor:
    """`obj` as a tensor; `copy` True always copies, False raises ValueError if that would be needed.

    https://pytorch.org/docs/stable/generated/torch.asarray.html

    >>> ndl.asarray([1, 2])
    tensor([1, 2])
    """
    shared = obj if isinstance(obj, Tensor) else None
    if isinstance(obj, np.ndarray):
        shared = from_numpy(obj)
    elif isinstance(obj, (bytearray, memoryview)):
        shared = frombuffer(obj, dtype=dtype or dtypes.get_default_dtype())
    result = as_tensor(obj if shared is None else shared, dtype, device)
    if copy and shared is not None and (result is shared or result._array is shared._array):
        result = result.clone()
    elif copy is False and (shared is None or result is not shared):
        raise ValueError("can't alias arbitrary sequence or other dtype: asarray(copy=False) would have to copy; "
                         "leave copy= away.")
    return result.requires_grad_() if requires_grad and result.is_leaf else result


@face("frombuffer")
def frombuffer(buffer: Any, *, dtype: Any, count: int = -1, offset: int = 0, requires_grad: bool = False) -> Tensor:
    """A 1-d tensor on the memory of a buffer, such as a bytearray.

    https://pytorch.org/docs/stable/generated/torch.frombuffer.html

    >>> ndl.frombuffer(bytearray([1, 2, 3]), dtype=ndl.uint8, offset=1)
    tensor([2, 3], dtype=ndl.uint8)
    """
    return finish(np.frombuffer(buffer, dtypes.to_numpy(dtype), count, offset), None, requires_grad)


@face("new_tensor", "method")
def new_tensor(self: Tensor, data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False,
               layout: Any = None, pin_memory: bool = False) -> Tensor:
    """A tensor of this one's dtype and device with a copy of `data`."""
    return tensor(data, dtype=dtype or self.dtype, device=device or self.device, requires_grad=requires_grad)
