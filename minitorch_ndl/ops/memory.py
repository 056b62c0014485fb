"""Where elements lie: copies, the order in memory, and changes of a tensor's memory under its feet."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import backend, dtypes
from ..autograd.views import bump, check_writable
from ..composite import composite, face
from ..dtypes import channels_last, channels_last_3d, contiguous_format, preserve_format
from ..faces import F, sizes
from ..op import op
from ..tensor import Tensor, _memory, wrap

for _choice in (dtypes.strided, dtypes.sparse_coo, contiguous_format, preserve_format, channels_last, channels_last_3d):
    face(_choice.name)(_choice)
face("memory_format")(dtypes.memory_format)
face("layout")(dtypes.layout)


@op(input=lambda g: g, out=False)
def clone(xp, input, *, memory_format: object = None):
    """A copy in memory of its own, through which gradients flow. (`x.detach().clone()` cuts them off.)

    >>> x = ndl.ones(2)
    >>> y = x.clone(); y[0] = 5; x
    tensor([1., 1.])
    """
    if memory_format is None or memory_format is preserve_format:
        return input.copy("C" if 0 in input.strides else "K")
    if memory_format is contiguous_format:
        return input.copy("C")
    rank = 4 if memory_format is channels_last else 5
    if input.ndim != rank:
        raise RuntimeError(f"required rank {rank} tensor to use {memory_format!r}; got shape {tuple(input.shape)}.")
    inner = range(1, rank - 1)  # the channels, dimension 1, go last in memory
    return input.transpose(0, *(i + 1 for i in inner), 1).copy("C").transpose(0, rank - 1, *inner)


@composite(on="method", out=False)
def contiguous(input, memory_format=contiguous_format):
    """The same elements, row by row in memory: the input itself if they are already, else a copy."""
    return input if input.is_contiguous(memory_format) else F.clone(input, memory_format)


# --- another memory for the same tensor -----------------------------------------------------------------------------


def _free_to_move(x: Tensor, name: str) -> None:
    if x.requires_grad:
        raise RuntimeError(f"cannot {name} variables that require grad; work on x.detach() or x.data.")


@face("resize_", "method")
def resize_(self: Tensor, *size: Any, memory_format: Any = None) -> Tensor:
    """Give this tensor another shape, in the same memory as far as that reaches; the rest is not filled.

    Raises RuntimeError for a tensor that requires grad. Use `reshape` where the number of elements stays.
    """
    _free_to_move(self, "resize")
    shape = sizes("resize_", size)
    old = self._array
    if shape != old.shape:
        count, place = math.prod(shape), backend.of_type(type(old))
        flat = place.xp.ravel(old)
        if count > old.size:
            flat = place.xp.concatenate([flat, place.xp.zeros(count - old.size, old.dtype)])
        self._array = flat[:count].reshape(shape)
        bump(self)
    return self


@face("resize_as_", "method")
def resize_as_(self: Tensor, other: Tensor, memory_format: Any = None) -> Tensor:
    """`resize_` to the shape of `other`."""
    return self.resize_(other.shape)


@face("resize", "method")
def resize(self: Tensor, *size: Any) -> Tensor:
    """The older name of `reshape`."""
    warnings.warn("non-inplace resize is deprecated; use x.reshape(...)", stacklevel=2)
    return self.reshape(*size)


@face("set_", "method")
def set_(self: Tensor, source: Tensor | None = None) -> Tensor:
    """Let this tensor stand on the memory of `source` from now on (or be empty)."""
    _free_to_move(self, "set_")
    if source is not None and source.dtype is not self.dtype:
        raise RuntimeError(f"set_: expected a source of {self.dtype!r}, got {source.dtype!r}; convert it first.")
    xp = backend.of_type(type(self._array)).xp
    self._array = xp.zeros(0, self._array.dtype) if source is None else source._array
    bump(self)
    return self


@face("apply_", "method")
def apply_(self: Tensor, callable: Callable) -> Tensor:
    """Replace each element by what `callable` makes of it, one by one in Python: slow.

    >>> ndl.tensor([1.0, 2.0]).apply_(lambda v: v * 10)
    tensor([10., 20.])
    """
    return _each(self, callable)


@face("map_", "method")
def map_(self: Tensor, other: Tensor, callable: Callable) -> Tensor:
    """Replace each element by ``callable(element, element of other)``, one by one in Python: slow."""
    return _each(self, callable, backend.to_numpy(other.expand(self.shape)._array).ravel().tolist())


def _each(x: Tensor, function: Callable, *others: list) -> Tensor:
    _free_to_move(x, "apply a Python function in place to")
    check_writable(x, False, "apply_")
    old = backend.to_numpy(x._array)
    values = np.array([function(*v) for v in zip(old.ravel().tolist(), *others, strict=True)])
    x._array[...] = backend.of_type(type(x._array)).from_numpy(values.astype(old.dtype).reshape(old.shape))
    bump(x)
    return x


class Storage:
    """The memory that a tensor stands on, in one row: what views of one tensor have in common."""

    def __init__(self, array: np.ndarray):
        self._array = array

    def data_ptr(self) -> int:
        """Its address."""
        return self._array.ctypes.data

    def nbytes(self) -> int:
        """Its size in bytes."""
        return self._array.nbytes

    def size(self) -> int:
        """How many elements it holds."""
        return self._array.size

    __len__ = size

    def tolist(self) -> list:
        """Its elements."""
        return self._array.tolist()

    def __getitem__(self, index: Any) -> Any:
        return self._array[index].item()

    def __repr__(self) -> str:
        return "\n".join(f" {v}" for v in self.tolist()) + f"\n[{type(self).__name__} of size {self.size()}]"


@face("storage", "method")
def storage(self: Tensor) -> Storage:
    """The memory that this tensor stands on, as a row of elements.

    >>> x = ndl.arange(6).view(2, 3)
    >>> len(x[1].storage()), x.storage().data_ptr() == x[1, 1:].storage().data_ptr()
    (6, True)
    """
    return Storage(_memory(backend.to_numpy(self._array)).ravel("K"))


@face("untyped_storage", "method")
def untyped_storage(self: Tensor) -> Storage:
    """The memory that this tensor stands on, as a row of bytes."""
    return Storage(_memory(backend.to_numpy(self._array)).ravel("K").view(np.uint8))


# --- to and from others -----------------------------------------------------------------------------------------------


@face("from_dlpack")
def from_dlpack(ext_tensor: Any) -> Tensor:
    """The tensor on the memory of another library's array: of whatever has `__dlpack__`.

    https://pytorch.org/docs/stable/dlpack.html

    >>> a = np.zeros(2)
    >>> ndl.from_dlpack(a).add_(1); a
    tensor([1., 1.], dtype=ndl.float64)
    array([1., 1.])
    """
    array = np.from_dlpack(ext_tensor)
    dtypes.from_numpy(array.dtype)
    return wrap(array)


@face("__dlpack__", "method")
def __dlpack__(self: Tensor, **how: Any) -> Any:
    return self.numpy().__dlpack__(**how)


@face("__dlpack_device__", "method")
def __dlpack_device__(self: Tensor) -> Any:
    return self.numpy().__dlpack_device__()


@face("get_device", "method", "torch")
def get_device(input: Tensor) -> int:
    """The number of the GPU that the tensor is on; -1 on the CPU."""
    index = input.device.index
    return -1 if input.device.type == "cpu" else index or 0


@face("is_same_size", "method", "torch")
def is_same_size(input: Tensor, other: Tensor) -> bool:
    """Whether two tensors have the same shape."""
    return input.shape == other.shape


@face("is_set_to", "method")
def is_set_to(self: Tensor, tensor: Tensor) -> bool:
    """Whether two tensors are the same elements in the same memory."""
    return self.data_ptr() == tensor.data_ptr() and self.shape == tensor.shape and self.stride() == tensor.stride()


def _stays(name: str, doc: str) -> None:
    def method(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return self

    method.__name__, method.__qualname__, method.__doc__ = name, f"Tensor.{name}", doc
    setattr(Tensor, name, method)


_stays("pin_memory", "This tensor: there is nothing to pin where nothing is copied to a GPU.")
_stays("to_dense", "This tensor: all of ours are dense.")


@face("is_pinned", "method")
def is_pinned(self: Tensor, device: Any = None) -> bool:
    """Whether this memory is pinned for copies to a GPU: never."""
    return False
