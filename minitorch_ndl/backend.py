"""Which array module an array belongs to: NumPy, or another one that was registered or asked for by device.

Nothing else in the package asks "which device?". The dispatcher looks the module up by the array's type, once per
type, and hands it to kernels as `xp`.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

# Torch never warns about overflow, log(0) or 0/0; NumPy does. `hush` silences NumPy for this thread until `restore`.
# np.errstate does the same at ten times the price, which every operation would pay, so go to what lies under it.
try:
    from numpy._core.umath import _extobj_contextvar, _make_extobj

    _quiet = _make_extobj(all="ignore")
    restore = _extobj_contextvar.reset

    def hush(_set: Any = _extobj_contextvar.set, _quiet: Any = _quiet) -> Any:
        return _set(_quiet)

except ImportError:  # a NumPy that keeps its error state elsewhere

    def hush() -> Any:  # type: ignore[misc]
        state = np.errstate(all="ignore")
        state.__enter__()
        return state

    def restore(state: Any) -> None:
        state.__exit__(None, None, None)


class Backend:
    """An array module: how arrays get in (`from_numpy`), get out (`to_numpy`), and what computes on them (`xp`)."""

    def __init__(self, device: str, xp: Any, array_type: type, from_numpy: Any, to_numpy: Any):
        self.device, self.xp, self.array_type = device, xp, array_type
        self.from_numpy, self.to_numpy = from_numpy, to_numpy

    @functools.cached_property
    def place(self) -> device:
        """What tensors on it say is their device."""
        return device(self.device)


CPU = Backend("cpu", np, np.ndarray, np.asarray, lambda array: array)
_by_device = {"cpu": CPU}
TYPES: dict[type, Backend] = {np.ndarray: CPU}
_by_type = TYPES


def register(backend: Backend) -> None:
    """Make a device known by its name. Tests register a strict fake one; see tests/fake_device.py."""
    _by_device[backend.device] = _by_type[backend.array_type] = backend


def of_type(array_type: type) -> Backend:
    """The backend whose arrays have this type."""
    try:
        return _by_type[array_type]
    except KeyError:
        raise TypeError(f"backend: arrays of type {array_type.__name__} belong to no known device; "
                        f"expected {' or '.join(t.__name__ for t in _by_type)}.") from None


def is_array(value: Any) -> bool:
    return type(value) in _by_type


def as_array(value: Any, like: Any) -> Any:
    """`value` as an array of the kind of `like`: NumPy's reductions answer scalars where we want 0-d arrays."""
    if type(value) in _by_type:
        return value
    array = np.asarray(value)
    return array if type(like) is np.ndarray else of_type(type(like)).from_numpy(array)


def get(device: Any) -> Backend:
    """The backend of a device, given as `device`, as a string, or as None (the CPU)."""
    return CPU if device is None else _by_device[as_device(device).type]


def owner_of(array: np.ndarray) -> np.ndarray:
    """The array that owns the memory of `array`."""
    while True:
        base: Any = array.base
        if type(base) is not np.ndarray:
            base = getattr(base, "base", None)  # as_strided leaves a helper of its own in between
            if type(base) is not np.ndarray:
                return array
        array = base


def restride(array: Any, shape: Any, strides: Any) -> Any:
    """A view of the memory that `array` begins at, with this shape and these strides (in bytes), as writable as it.
    The caller answers for the bounds."""
    if type(array) is np.ndarray and array.size:
        owner = owner_of(array)
        row = owner if owner.flags.c_contiguous else _in_order(owner)
        if row.flags.c_contiguous:  # an eighth of the time that as_strided takes
            start = 0 if owner is array else _address(array) - _address(owner)
            return np.ndarray(shape, array.dtype, row, start, strides)
    return of_type(type(array)).xp.lib.stride_tricks.as_strided(array, shape, strides)


def memory(array: Any) -> tuple[Any, int]:
    """All of the memory that `array` is a view of, in a row, and at which element of it the array begins."""
    if type(array) is not np.ndarray:
        if not array.flags.c_contiguous:
            raise RuntimeError("as_strided: on this device only for tensors that lie in order; use x.contiguous() "
                               "first.")
        return array.reshape(-1), 0
    owner = owner_of(array)
    row = _in_order(owner)
    if not row.flags.c_contiguous:
        raise RuntimeError("as_strided: this tensor's memory comes from elsewhere and has gaps; use x.contiguous() "
                           "first.")
    row = row.reshape(-1)
    start = (_address(array) - _address(owner)) // array.itemsize
    return row if row.dtype == array.dtype else row.view(array.dtype), start


def empty(like: Any, strides: Any = None) -> Any:
    """A new array of the shape and dtype of `like`, row by row or with these strides (in bytes); not filled."""
    xp = of_type(type(like)).xp
    if strides is None or any(s < 0 or (s == 0 and n > 1) for s, n in zip(strides, like.shape, strict=True)):
        return xp.empty(like.shape, like.dtype)
    extent = sum((n - 1) * s for n, s in zip(like.shape, strides, strict=True)) // like.itemsize + 1
    return restride(xp.empty(extent, like.dtype), like.shape, strides)


def _in_order(owner: np.ndarray) -> np.ndarray:
    """`owner` with its dimensions in the order in which they lie in memory."""
    return owner.transpose(sorted(range(owner.ndim), key=lambda i: -owner.strides[i]))


def _address(array: np.ndarray) -> int:
    return array.__array_interface__["data"][0]


def to_numpy(array: Any) -> np.ndarray:
    """`array` as NumPy's own, copied from its device if it lies on one. The same object where it is NumPy's."""
    return array if type(array) is np.ndarray else of_type(type(array)).to_numpy(array)


class device:
    """Where a tensor's elements are: ``device("cpu")``. https://pytorch.org/docs/stable/tensor_attributes.html#torch.device

    >>> ndl.device("cpu").type
    'cpu'
    """

    __slots__ = ("index", "type")
    type: str
    index: int | None

    def __init__(self, type: Any, index: int | None = None):
        if isinstance(type, device):
            type, index = type.type, type.index
        elif isinstance(type, int) and not isinstance(type, bool):
            type, index = "cuda", type
        elif not isinstance(type, str):
            raise TypeError(f"device: expected a string such as 'cpu'; got {type.__class__.__name__} {type!r}.")
        name, _, number = type.partition(":")
        if number:
            if not number.isdigit():
                raise RuntimeError(f"Invalid device string: '{type}'; expected a name and a number, such as 'cuda:0'.")
            index = int(number)
        if name not in _by_device and name not in ("cuda", "mps", "meta", "xpu"):
            known = ", ".join([*_by_device, "cuda"])
            raise RuntimeError(f"Expected one of {known} device type at start of device string: {type}. A GPU is "
                               f"'cuda', where ndl.cuda.is_available(); else use 'cpu'.")
        self.type, self.index = name, index

    def __repr__(self) -> str:
        index = "" if self.index is None else f", index={self.index}"
        return f"device(type='{self.type}'{index})"

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, device) and (self.type, self.index) == (other.type, other.index)

    def __hash__(self) -> int:
        return hash((self.type, self.index))

    def __reduce__(self) -> tuple:
        return device, (str(self),)


def as_device(value: Any) -> device:
    """`value` as a device that can be computed on. Raises RuntimeError for one that this machine has not."""
    found = device(value)
    if found.type not in _by_device:
        raise RuntimeError(f"device: '{found}' is not available: this build computes on {', '.join(_by_device)}. "
                           f"Guard it, as in device = 'cuda' if ndl.cuda.is_available() else 'cpu'.")
    return found
