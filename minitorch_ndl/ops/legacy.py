"""What older scripts write: ``FloatTensor([1, 2])``, ``x.type(torch.LongTensor)``, ``x.new(3, 4)``.

https://pytorch.org/docs/stable/tensors.html#data-types
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import backend, dtypes
from ..composite import face
from ..faces import F
from ..tensor import Size, Tensor, counter, wrap
from .convert import convert
from .creation import shape_of
from .data import to_array


def construct(cls: type, data: tuple, dtype: np.dtype | None, device: Any = None) -> Any:
    """``Tensor(2, 3)`` takes sizes and leaves the elements unset; ``Tensor([1, 2])`` takes data; ``Tensor(x)`` is a
    view of a tensor, in its dtype. Data are converted to `dtype`: the default one, unless given."""
    place = backend.get(device)
    wanted = dtype or dtypes.default_float()
    first = data[0] if len(data) == 1 else 0
    if isinstance(first, Tensor):
        array = first._array
        if dtype is not None and array.dtype != dtype:
            raise TypeError(f"expected {dtypes.from_numpy(dtype)!r} (got {first.dtype!r}): this constructor shares the "
                            f"tensor's memory and cannot convert it; use x.to({dtypes.from_numpy(dtype)!r}).")
        return as_subclass(F.expand(first, array.shape), cls)
    if isinstance(first, (int, np.integer, Size)) or (isinstance(first, np.ndarray) and not first.ndim):
        shape = tuple(first) if isinstance(first, Size) else shape_of("Tensor", data or (0,))
        array = place.xp.zeros(shape, wanted)
    elif isinstance(first, (str, bytes, dict)):
        raise TypeError(f"new(): invalid data type '{type(first).__name__}'; expected sizes or a sequence of numbers.")
    elif first is None or isinstance(first, (float, np.generic)):
        raise TypeError(f"new(): data must be a sequence (got {type(first).__name__}); ndl.tensor(x) takes one number.")
    else:
        array = place.from_numpy(to_array(first, wanted))
    return as_subclass(wrap(array), cls)


def as_subclass(tensor: Tensor, cls: type) -> Any:
    """`tensor` as a member of `cls`, on the same memory, with the same history.

    >>> class Weights(ndl.Tensor): ...
    >>> ndl.ones(2).as_subclass(Weights)
    Weights([1., 1.])
    """
    if type(tensor) is cls:
        return tensor
    if not issubclass(cls, Tensor):
        raise TypeError(f"as_subclass: cls must be a subclass of Tensor; got {cls!r}.")
    if tensor.requires_grad:
        tensor = F.expand(tensor, tensor.shape)  # whose history the new one takes over
    other = object.__new__(cls)
    other._array, other._edge, other._view, other._counter = tensor._array, tensor._edge, tensor._view, counter(tensor)
    return other


def _make_subclass(cls: type, data: Tensor, require_grad: bool = False) -> Any:
    """A member of `cls` on the memory of `data`, without its history: what constructors of subclasses call."""
    return as_subclass(data.detach(), cls).requires_grad_(require_grad)


Tensor._construct = classmethod(construct)  # type: ignore[assignment]
face("as_subclass", "method")(as_subclass)
face("_make_subclass", "method")(staticmethod(_make_subclass))


class tensortype(type):
    """The type of `FloatTensor` and its like: ``isinstance(x, FloatTensor)`` asks for a dtype, not for a class."""

    dtype: dtypes.dtype

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Tensor) and instance.dtype is cls.dtype

    def __call__(cls, *data: Any, device: Any = None) -> Tensor:
        return construct(Tensor, data, dtypes.to_numpy(cls.dtype), device)


TITLES = {"Float": dtypes.float32, "Double": dtypes.float64, "Half": dtypes.float16, "Byte": dtypes.uint8,
          "Char": dtypes.int8, "Short": dtypes.int16, "Int": dtypes.int32, "Long": dtypes.int64, "Bool": dtypes.bool_,
          "BFloat16": dtypes.bfloat16}
TYPES = {f"{title}Tensor": tensortype(f"{title}Tensor", (), {
    "dtype": dtype, "__module__": "minitorch_ndl",
    "__doc__": f"Makes tensors of {dtype!r}, of sizes or data: {title}Tensor(2, 3), {title}Tensor([1, 2])."})
    for title, dtype in TITLES.items()}
for _name, _type in TYPES.items():
    face(_name)(_type)


def _named(name: str) -> dtypes.dtype:
    """The dtype of a type's name, such as 'torch.FloatTensor'."""
    package, _, title = name.rpartition(".")
    if package not in ("torch", "ndl", "minitorch_ndl") or title not in TYPES:
        raise ValueError(f"invalid type: '{name}'; expected a dtype, or a name such as 'torch.FloatTensor'.")
    return TYPES[title].dtype


@face("type", "method")
def type_(self: Tensor, dtype: Any = None, non_blocking: bool = False) -> Any:
    """Without an argument, the name of this tensor's type, as torch calls it; with one, this tensor converted to it.

    >>> x = ndl.ones(2)
    >>> x.type(), x.type(ndl.LongTensor)
    ('torch.FloatTensor', tensor([1, 1]))
    """
    if dtype is None:
        title = next(t for t, d in TITLES.items() if d is self.dtype)
        return f"torch.{title}Tensor"
    if isinstance(dtype, str):
        dtype = _named(dtype)
    elif isinstance(dtype, tensortype):
        dtype = dtype.dtype
    elif dtype is Tensor:
        dtype = dtypes.get_default_dtype()
    return convert(self, None, dtypes.to_numpy(dtype))


@face("new", "method")
def new(self: Tensor, *data: Any, device: Any = None) -> Tensor:
    """A tensor of this one's dtype and device, of sizes or data."""
    return construct(Tensor, data, self._array.dtype, device or self.device)


@face("set_default_tensor_type")
def set_default_tensor_type(t: Any) -> None:
    """The older way to say `set_default_dtype`: takes a type such as FloatTensor, or its name."""
    dtypes.set_default_dtype(_named(t) if isinstance(t, str) else getattr(t, "dtype", t))


@face("typename")
def typename(obj: Any) -> str:
    """What a tensor's type is called, or with its module, what an object or its type is called.

    >>> ndl.typename(ndl.ones(2)), ndl.typename(3)
    ('torch.FloatTensor', 'int')
    """
    if isinstance(obj, Tensor):
        return obj.type()
    named = obj if hasattr(obj, "__qualname__") or hasattr(obj, "__name__") else type(obj)
    module = getattr(named, "__module__", "")
    name = getattr(named, "__qualname__", None) or named.__name__
    return name if module in ("", "builtins", "__builtin__", None) else f"{module}.{name}"
