"""The dtypes, under torch's names, and torch's rule for mixing them.

NumPy mixes by value range (int64 + float32 is float64). Torch mixes by category (bool < int < float) and by rank:
tensors with dimensions, then 0-d tensors, then Python numbers; a lower rank changes the result only if its category
is higher. `result_dtype` is that rule, on NumPy's dtype objects: the rest of the package computes with those.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np


class dtype:
    """The type of a tensor's elements, such as ``ndl.float32``. https://pytorch.org/docs/stable/tensor_attributes.html

    >>> ndl.tensor([1.0]).dtype
    ndl.float32
    >>> ndl.int64.is_floating_point, ndl.float16.itemsize
    (False, 2)
    """

    __slots__ = ("is_complex", "is_floating_point", "is_signed", "itemsize", "name", "numpy")

    def __init__(self, name: str, itemsize: int, numpy: np.dtype | None):
        self.name, self.itemsize, self.numpy = name, itemsize, numpy
        self.is_floating_point = "float" in name
        self.is_complex = "complex" in name
        self.is_signed = name not in ("bool", "uint8")

    def __repr__(self) -> str:
        return f"ndl.{self.name}"

    def __reduce__(self) -> tuple:
        return _by_name, (self.name,)  # the same object comes back from a pickle or a copy


def _known(name: str) -> dtype:
    return dtype(name, np.dtype(name).itemsize, np.dtype(name))


bool_, uint8, int8, int16, int32, int64 = map(_known, ("bool", "uint8", "int8", "int16", "int32", "int64"))
float16, float32, float64 = map(_known, ("float16", "float32", "float64"))
# Names only: NumPy has no bfloat16, and complex gradients are out of scope. Using one is a clear error.
bfloat16, complex64, complex128 = (dtype(n, s, None) for n, s in
                                   (("bfloat16", 2), ("complex64", 8), ("complex128", 16)))

ALL = (bool_, uint8, int8, int16, int32, int64, float16, float32, float64, bfloat16, complex64, complex128)
BY_NUMPY: dict[np.dtype, dtype] = {t.numpy: t for t in ALL if t.numpy is not None}
_PYTHON = {float: float64, int: int64, bool: bool_}

_default = float32


def _by_name(name: str) -> dtype:
    return next(t for t in ALL if t.name == name)


def get_default_dtype() -> dtype:
    """The dtype of tensors made from Python floats: float32 unless `set_default_dtype` changed it."""
    return _default


def set_default_dtype(d: dtype) -> None:
    """Make `d` the dtype of tensors made from Python floats. Raises TypeError unless it is a floating dtype."""
    global _default
    if not isinstance(d, dtype) or not d.is_floating_point or d.numpy is None:
        raise TypeError(f"set_default_dtype: only floating-point types are supported as the default type; got {d!r}; "
                        f"expected ndl.float16, ndl.float32 or ndl.float64.")
    _default = d


def default_float() -> np.dtype:
    return _default.numpy  # type: ignore[return-value]


def to_numpy(d: Any) -> np.dtype:
    """NumPy's dtype for a dtype given as ours, as Python's ``float``/``int``/``bool``, or as NumPy's own."""
    if isinstance(d, dtype):
        if d.numpy is None:
            raise TypeError(f"dtype: {d!r} exists by name only and cannot be computed with; "
                            f"use ndl.float32 (or ndl.float16 to save memory).")
        return d.numpy
    if isinstance(d, type) and d in _PYTHON:
        return _PYTHON[d].numpy  # type: ignore[return-value]
    try:
        found = np.dtype(d)
    except (TypeError, ValueError):
        found = None
    if found not in BY_NUMPY:
        raise TypeError(f"dtype: expected one of {', '.join(repr(t) for t in ALL if t.numpy)}; got {d!r}.")
    return found


def from_numpy(d: np.dtype) -> dtype:
    """Our dtype for NumPy's. Raises TypeError for one that tensors cannot have."""
    try:
        return BY_NUMPY[d]
    except KeyError:
        raise TypeError(
            f"dtype: can't convert np.ndarray of type {d}. The only supported types are: float64, float32, float16, "
            f"int64, int32, int16, int8, uint8, and bool. Convert it first, for example with array.astype('float32')."
        ) from None


@cache
def promote(a: np.dtype, b: np.dtype) -> np.dtype:
    """The dtype that both `a` and `b` go to, when neither outranks the other."""
    if a == b:
        return a
    category_a, category_b = "biuf".index(a.kind), "biuf".index(b.kind)
    if a.kind == "f" and b.kind != "f":  # the float decides, however wide the integer is
        return a
    if b.kind == "f" and a.kind != "f":
        return b
    if not category_a or not category_b:
        return a if category_a else b
    return np.promote_types(a, b)


def _category(d: np.dtype) -> int:
    return 2 if d.kind == "f" else 0 if d.kind == "b" else 1


def number_dtype(value: Any) -> np.dtype:
    """The dtype that a Python or NumPy number has by itself: bool, int64 or the default float."""
    if isinstance(value, (bool, np.bool_)):
        return bool_.numpy  # type: ignore[return-value]
    if isinstance(value, (int, np.integer)):
        return int64.numpy  # type: ignore[return-value]
    return default_float()


def result_dtype(*ranks: np.dtype | None) -> np.dtype:
    """Torch's rule: `ranks` are the promoted dtypes of the tensors with dimensions, of the 0-d ones, of the numbers.

    >>> from minitorch_ndl.dtypes import result_dtype
    >>> result_dtype(np.dtype("float32"), np.dtype("float64"), None)  # a 0-d double leaves float32 as it is
    dtype('float32')
    >>> result_dtype(np.dtype("int32"), None, np.dtype("float32"))  # an int tensor times 2.0
    dtype('float32')
    """
    result: np.dtype | None = None
    for d in ranks:
        if result is None or (d is not None and _category(d) > _category(result)):
            result = d
    assert result is not None
    return result


def promote_types(type1: dtype, type2: dtype) -> dtype:
    """The smallest dtype of no lower category than either. https://pytorch.org/docs/stable/generated/torch.promote_types.html

    >>> ndl.promote_types(ndl.int64, ndl.float16)
    ndl.float16
    """
    return BY_NUMPY[promote(to_numpy(type1), to_numpy(type2))]


def can_cast(from_: dtype, to: dtype) -> bool:
    """Whether torch converts `from_` to `to` in place: never to a lower category.

    >>> ndl.can_cast(ndl.float64, ndl.float32), ndl.can_cast(ndl.float32, ndl.int64)
    (True, False)
    """
    return castable(to_numpy(from_), to_numpy(to))


def castable(source: np.dtype, target: np.dtype) -> bool:
    return _category(source) <= _category(target)


class finfo:
    """Limits of a floating dtype: `bits eps max min tiny resolution`.

    >>> ndl.finfo(ndl.float32).max
    3.4028234663852886e+38
    """

    def __init__(self, type: dtype | None = None):
        d = default_float() if type is None else to_numpy(type)
        if d.kind != "f":
            raise TypeError(f"finfo: expected a floating dtype; got {from_numpy(d)!r}; use ndl.iinfo for integers.")
        info = np.finfo(d)
        self.bits, self.dtype = info.bits, d.name
        self.eps, self.max, self.min = float(info.eps), float(info.max), float(info.min)
        self.tiny = self.smallest_normal = float(info.tiny)
        self.resolution = float(info.resolution)

    def __repr__(self) -> str:
        return (f"finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g}, eps={self.eps:g}, "
                f"smallest_normal={self.tiny:g}, tiny={self.tiny:g}, dtype={self.dtype})")


class iinfo:
    """Limits of an integer dtype: `bits max min`.

    >>> ndl.iinfo(ndl.uint8).max
    255
    """

    def __init__(self, type: dtype):
        d = to_numpy(type)
        if d.kind not in "iu":
            raise TypeError(f"iinfo: expected an integer dtype; got {type!r}; use ndl.finfo for floats.")
        info = np.iinfo(d)
        self.bits, self.max, self.min, self.dtype = info.bits, int(info.max), int(info.min), d.name

    def __repr__(self) -> str:
        return f"iinfo(min={self.min:g}, max={self.max:g}, dtype={self.dtype})"


class _Named:
    """A choice that is only a name, such as ``ndl.channels_last``."""

    __slots__ = ("name",)

    def __init__(self, name: str):
        self.name = name

    def __repr__(self) -> str:
        return f"ndl.{self.name}"

    def __reduce__(self) -> str:
        return self.name  # found again under this name in this module


class layout(_Named):
    """How a tensor keeps its elements: ours are all ``ndl.strided``."""


class memory_format(_Named):
    """In which order elements lie in memory. https://pytorch.org/docs/stable/tensor_attributes.html#torch.memory_format"""


strided, sparse_coo = layout("strided"), layout("sparse_coo")
contiguous_format, preserve_format = memory_format("contiguous_format"), memory_format("preserve_format")
channels_last, channels_last_3d = memory_format("channels_last"), memory_format("channels_last_3d")
