"""Tensors from data, and tensors of given sizes: where everything begins.

https://pytorch.org/docs/stable/torch.html#creation-ops
"""

from __future__ import annotations

import math
import warnings
from itertools import chain
from typing import Any

import numpy as np

from .. import backend, dtypes, errors
from ..composite import face
from ..faces import deliver, sizes
from ..op import op
from ..tensor import Tensor, wrap

# --- from data ----------------------------------------------------------------------------------------------------


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
    inferred = _inferred(items)  # also refuses what is no number
    return _numbers(items, dtype or inferred).reshape(shape)


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


def _inferred(items: list) -> np.dtype:
    """The dtype of these numbers together: floats have the default one, ints are int64, NumPy's keep theirs."""
    found: np.dtype | None = None
    for kind in dict.fromkeys(map(type, items)):
        if kind is float:
            new = [dtypes.default_float()]
        elif kind is int or kind is bool:
            new = [dtypes.number_dtype(kind())]
        elif issubclass(kind, (Tensor, np.ndarray, np.generic)):
            new = [i.dtype.numpy if isinstance(i, Tensor) else i.dtype for i in items if type(i) is kind]
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
            raise RuntimeError(f"Could not infer dtype of {kind.__name__}: tensor() takes numbers, arrays, tensors, and "
                               f"nested sequences of them.")
        for d in new:
            found = d if found is None else dtypes.promote(found, d)
    return dtypes.default_float() if found is None else found


def _numbers(items: list, dtype: np.dtype) -> np.ndarray:
    """Numbers as a flat array of `dtype`. Raises where torch does: integers that don't fit."""
    if any(isinstance(i, (Tensor, np.ndarray)) for i in items):
        if any((i.numel() if isinstance(i, Tensor) else i.size) != 1 for i in items if isinstance(i, (Tensor, np.ndarray))):
            raise ValueError("only one element tensors can be converted to Python scalars: tensor() got a list of "
                             "larger ones; ndl.stack(list) joins them.")
        items = [i.item() if isinstance(i, (Tensor, np.ndarray)) else i for i in items]
    token = backend.hush()
    try:
        if dtype.kind not in "iu":
            return np.array(items, dtype)
        wide = np.array(items)  # narrow and unsigned integers wrap below zero, as in torch, where NumPy would refuse
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
        raise ValueError("given numpy array has byte order different from the native byte order. Conversion between byte "
                         "orders is currently not supported; use array.astype(array.dtype.newbyteorder('=')).")
    dtypes.from_numpy(array.dtype)
    return array


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


# --- of given sizes -------------------------------------------------------------------------------------------------


def shape_of(name: str, args: tuple, size: Any = None) -> tuple[int, ...]:
    """Sizes as given to ``zeros(2, 3)``, ``zeros((2, 3))`` or ``zeros(size=(2, 3))``."""
    if not args and size is None:
        raise TypeError(f"{name}() received an invalid combination of arguments: expected sizes, as in {name}(2, 3).")
    shape = sizes(name, args if size is None else size)
    if any(n < 0 for n in shape):
        raise RuntimeError(f"Trying to create tensor with negative dimension {min(shape)}: {list(shape)}. "
                           f"({name} takes sizes of 0 or more; only view and reshape know -1.)")
    return shape


def place_of(name: str, input: Any, device: Any) -> Any:
    """The backend of `device`, or of the tensor that the new one is to be like."""
    if not isinstance(input, Tensor):
        raise errors.not_a_tensor(name, "input", 1, input)
    return backend.of_type(type(input._array)) if device is None else backend.get(device)


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


def target_dtype(dtype: Any, out: Tensor | None) -> np.dtype:
    """What a factory makes: the dtype asked for, else that of `out`, else the default one."""
    if dtype is None:
        return dtypes.default_float() if out is None else out._array.dtype
    wanted = dtypes.to_numpy(dtype)
    if out is not None and out._array.dtype != wanted:
        raise RuntimeError(f"dtype {errors._title(wanted)} does not match dtype of out parameter "
                           f"({errors._title(out._array.dtype)}); leave dtype= away.")
    return wanted


def order_of(memory_format: Any, array: Any) -> str:
    """NumPy's word for the order of a tensor like this one: as it is (K), unless told otherwise or it is expanded."""
    return "C" if memory_format is dtypes.contiguous_format or 0 in array.strides else "K"


def _family(name: str, what: str, example: str) -> None:
    """Publish ``name(*size)``, ``name_like(input)`` and ``x.new_name(*size)`` for a function of the array module."""

    def plain(*args: Any, size: Any = None, out: Tensor | None = None, dtype: Any = None, layout: Any = None,
              device: Any = None, requires_grad: bool = False, pin_memory: bool = False, names: Any = None,
              memory_format: Any = None) -> Tensor:
        shape = shape_of(name, args, size)
        make = getattr(backend.get(device).xp, name)
        return made(name, make(shape, target_dtype(dtype, out)), out, requires_grad)

    def like(input: Tensor, *, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False,
             memory_format: Any = None, pin_memory: bool = False) -> Tensor:
        xp = place_of(f"{name}_like", input, device).xp
        array = getattr(xp, f"{name}_like")(input._array, wanted_dtype(dtype), order_of(memory_format, input._array))
        return made(name, array, None, requires_grad)

    def new(self: Tensor, *args: Any, size: Any = None, dtype: Any = None, layout: Any = None, device: Any = None,
            requires_grad: bool = False, pin_memory: bool = False) -> Tensor:
        return plain(*args, size=size, dtype=dtype or self.dtype, device=device or self.device,
                     requires_grad=requires_grad)

    page = "https://pytorch.org/docs/stable/generated/torch"
    texts = {name: (plain, f"A tensor of these sizes, {what}.\n\n{page}.{name}.html\n\n{example}"),
             f"{name}_like": (like, f"A tensor of the input's shape and dtype, {what}.\n\n{page}.{name}_like.html"),
             f"new_{name}": (new, f"A tensor of this one's dtype and device, {what}.\n\n{page}.Tensor.new_{name}.html")}
    for title, (function, text) in texts.items():
        function.__name__ = function.__qualname__ = title
        function.__doc__ = text
        face(title, "method" if title.startswith("new") else "torch")(function)


_family("zeros", "all zeros", """>>> ndl.zeros(2, 3)
tensor([[0., 0., 0.],
        [0., 0., 0.]])""")
_family("ones", "all ones", """>>> ndl.ones(2, dtype=ndl.int64)
tensor([1, 1])""")
_family("empty", "not filled with anything: whatever was in that memory", """>>> ndl.empty(2, 3).shape
Size([2, 3])""")


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


@face("full")
def full(size: Any, fill_value: Any, *, out: Tensor | None = None, dtype: Any = None, layout: Any = None,
         device: Any = None, requires_grad: bool = False, pin_memory: bool = False, names: Any = None) -> Tensor:
    """A tensor of these sizes, all `fill_value`, whose kind decides the dtype.

    https://pytorch.org/docs/stable/generated/torch.full.html

    >>> ndl.full((2,), 7), ndl.full((2,), 0.5)
    (tensor([7, 7]), tensor([0.5000, 0.5000]))
    """
    wanted = None if dtype is None and out is None else target_dtype(dtype, out)
    array = backend.get(device).xp.full(shape_of("full", (size,)), number_of("full", fill_value, wanted))
    return made("full", array, out, requires_grad)


@face("full_like")
def full_like(input: Tensor, fill_value: Any, *, dtype: Any = None, layout: Any = None, device: Any = None,
              requires_grad: bool = False, memory_format: Any = None, pin_memory: bool = False) -> Tensor:
    """A tensor of the input's shape and dtype, all `fill_value`.

    https://pytorch.org/docs/stable/generated/torch.full_like.html
    """
    place = place_of("full_like", input, device)
    wanted = wanted_dtype(dtype) or input._array.dtype
    array = place.xp.empty_like(input._array, wanted, order_of(memory_format, input._array))
    array[...] = number_of("full_like", fill_value, wanted)
    return made("full_like", array, None, requires_grad)


@face("new_full", "method")
def new_full(self: Tensor, size: Any, fill_value: Any, *, dtype: Any = None, layout: Any = None, device: Any = None,
             requires_grad: bool = False, pin_memory: bool = False) -> Tensor:
    """A tensor of this one's dtype and device, all `fill_value`."""
    return full(size, fill_value, dtype=dtype or self.dtype, device=device or self.device, requires_grad=requires_grad)


@face("new_tensor", "method")
def new_tensor(self: Tensor, data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False,
               layout: Any = None, pin_memory: bool = False) -> Tensor:
    """A tensor of this one's dtype and device with a copy of `data`."""
    return tensor(data, dtype=dtype or self.dtype, device=device or self.device, requires_grad=requires_grad)


@face("scalar_tensor")
def scalar_tensor(s: Any, *, dtype: Any = None, layout: Any = None, device: Any = None,
                  requires_grad: bool = False, pin_memory: bool = False) -> Tensor:
    """A 0-d tensor of one number, of the default dtype unless told otherwise.

    >>> ndl.scalar_tensor(2)
    tensor(2.)
    """
    return full((), s, dtype=dtype or dtypes.get_default_dtype(), device=device, requires_grad=requires_grad)


@face("eye")
def eye(n: int, m: int | None = None, *, out: Tensor | None = None, dtype: Any = None, layout: Any = None,
        device: Any = None, requires_grad: bool = False, pin_memory: bool = False) -> Tensor:
    """Ones on the diagonal, zeros elsewhere: (n, m), or (n, n). https://pytorch.org/docs/stable/generated/torch.eye.html

    >>> ndl.eye(2)
    tensor([[1., 0.],
            [0., 1.]])
    """
    for title, size in (("n", n), ("m", m)):
        if size is not None and not hasattr(size, "__index__"):
            raise TypeError(f"eye(): argument '{title}' must be int, not {type(size).__name__}")
        if size is not None and size < 0:
            raise RuntimeError(f"{title} must be greater or equal to 0, got {size}: eye takes the numbers of rows and "
                               f"columns.")
    array = backend.get(device).xp.eye(n, m, dtype=target_dtype(dtype, out))
    return made("eye", array, out, requires_grad)


@op(on="", out=False)
def zeroed(xp, input):
    """Zeros like the input: the gradient of what is overwritten."""
    return xp.zeros(input.shape, input.dtype)


# --- ranges -------------------------------------------------------------------------------------------------------


def _ends(name: str, dtype: Any, out: Tensor | None, *values: Any) -> tuple[np.dtype, list]:
    """The dtype of a range, and the numbers that describe it: of an integer range, integers."""
    numbers = []
    for value in values:
        if isinstance(value, Tensor) and value.ndim:
            raise RuntimeError(f"{name} only supports 0-dimensional start and end tensors, but got start with "
                               f"{value.ndim} dimension(s).")
        numbers.append(value.item() if isinstance(value, (Tensor, np.generic)) else value)
        if not isinstance(numbers[-1], (bool, int, float)):
            raise TypeError(f"{name}(): argument must be Number, not {type(value).__name__}")
    wanted = _inferred(numbers) if name == "arange" and dtype is None and out is None else target_dtype(dtype, out)
    if wanted.kind == "b":
        raise NotImplementedError(f"\"{name}_cpu\" not implemented for 'Bool'; use another dtype, then .bool().")
    return wanted, numbers


def _steps(name: str, low: Any, high: Any, by: Any, dtype: np.dtype, last: bool) -> np.ndarray:
    """The numbers from low by steps up to high; `last`: and high itself, if a step reaches it."""
    if by == 0:
        raise RuntimeError(f"step must be nonzero: {name} would never reach its end.")
    if not (math.isfinite(low) and math.isfinite(high)):
        raise RuntimeError(f"unsupported range: {low} -> {high}")
    if (high - low) * by < 0:
        raise RuntimeError(f"upper bound and lower bound inconsistent with step sign: {name} from {low} to {high} in "
                           f"steps of {by}.")
    if dtype.kind in "iu" and (last or dtype == np.int64):
        low, high, by = int(low), int(high), int(by)
        count = (high - low) // by + 1 if last else -((low - high) // by)
    else:
        count = math.floor((high - low) / by) + 1 if last else math.ceil((high - low) / by)
    if dtype.kind in "iu":
        return (int(low) + np.arange(count) * int(by)).astype(dtype)
    return (low + np.arange(count) * float(by)).astype(dtype)


@face("arange")
def arange(*args: Any, start: Any = 0, end: Any = None, step: Any = 1, out: Tensor | None = None, dtype: Any = None,
           layout: Any = None, device: Any = None, requires_grad: bool = False, pin_memory: bool = False) -> Tensor:
    """``arange(end)``, ``arange(start, end, step=1)``: the numbers from start up to, not including, end.

    Integers give int64, floats the default dtype. Raises RuntimeError for a step of 0 or away from end.
    https://pytorch.org/docs/stable/generated/torch.arange.html

    >>> ndl.arange(5), ndl.arange(1, 2.5, 0.5)
    (tensor([0, 1, 2, 3, 4]), tensor([1.0000, 1.5000, 2.0000]))
    """
    if len(args) == 1 and end is None:
        end = args[0]
    else:
        start, end, step = (*args, *(start, end, step)[len(args):])[:3]
    if end is None or len(args) > 3:
        raise TypeError(f"arange() received an invalid combination of arguments: got {args}; expected arange(end) or "
                        f"arange(start, end, step=1).")
    wanted, (start, end, step) = _ends("arange", dtype, out, start, end, step)
    array = _steps("arange", start, end, step, wanted, last=False)
    return made("arange", backend.get(device).from_numpy(array), out, requires_grad)


@face("range")
def range_(start: Any = 0, end: Any = None, step: Any = 1, *, out: Tensor | None = None, dtype: Any = None,
           layout: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """As `arange`, but with its end, and of the default dtype. Deprecated in torch.

    >>> ndl.range(1, 3)
    tensor([1., 2., 3.])
    """
    start, end = (0, start) if end is None else (start, end)
    wanted, (start, end, step) = _ends("range", dtype, out, start, end, step)
    array = _steps("range", start, end, step, wanted, last=True)
    return made("range", backend.get(device).from_numpy(array), out, requires_grad)


def _between(name: str, start: Any, end: Any, steps: Any, dtype: Any, out: Tensor | None) -> tuple[np.dtype, np.ndarray]:
    """`steps` numbers from start to end, counted from the nearer one, so that both ends are exact."""
    wanted, (start, end, steps) = _ends(name, dtype, out, start, end, steps)
    if not isinstance(steps, int):
        raise TypeError(f"{name}() received an invalid combination of arguments: steps must be int, not float.")
    if steps < 0:
        raise RuntimeError(f"number of steps must be non-negative; got {steps}.")
    first, last = (number_of(name, v, wanted) for v in (start, end))
    if wanted.kind != "f":
        first, last = np.float64(first), np.float64(last)
    real = first.dtype.type
    i = np.arange(steps)
    step = (last - first) / real(max(steps - 1, 1))
    forward, backward = first + step * i.astype(real), last - step * (steps - 1 - i).astype(real)
    return wanted, np.where(i < steps // 2, forward, backward) if steps != 1 else forward


@face("linspace")
def linspace(start: Any, end: Any, steps: int, *, out: Tensor | None = None, dtype: Any = None, layout: Any = None,
             device: Any = None, requires_grad: bool = False, pin_memory: bool = False) -> Tensor:
    """`steps` evenly spaced numbers from start to end, both included.

    https://pytorch.org/docs/stable/generated/torch.linspace.html

    >>> ndl.linspace(0, 1, 5)
    tensor([0.0000, 0.2500, 0.5000, 0.7500, 1.0000])
    """
    wanted, numbers = _between("linspace", start, end, steps, dtype, out)
    return made("linspace", backend.get(device).from_numpy(numbers.astype(wanted, copy=False)), out, requires_grad)


@face("logspace")
def logspace(start: Any, end: Any, steps: int, base: float = 10.0, *, out: Tensor | None = None, dtype: Any = None,
             layout: Any = None, device: Any = None, requires_grad: bool = False, pin_memory: bool = False) -> Tensor:
    """`steps` numbers from base**start to base**end, their logarithms evenly spaced.

    https://pytorch.org/docs/stable/generated/torch.logspace.html

    >>> ndl.logspace(0, 2, 3)
    tensor([  1.,  10., 100.])
    """
    wanted, exponents = _between("logspace", start, end, steps, dtype, out)
    token = backend.hush()
    array = np.power(float(base), exponents.astype(np.float64)).astype(wanted)
    backend.restore(token)
    return made("logspace", backend.get(device).from_numpy(array), out, requires_grad)
