"""Tensors of given sizes: zeros, ones, ranges.

https://pytorch.org/docs/stable/torch.html#creation-ops
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import backend, dtypes, errors
from ..composite import face
from ..faces import sizes
from ..op import op
from ..tensor import Tensor
from .data import inferred, made, number_of, wanted_dtype

for _constant in ("e", "inf", "nan", "pi"):
    face(_constant)(getattr(math, _constant))
face("newaxis")(None)


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


def target_dtype(dtype: Any, out: Tensor | None) -> np.dtype:
    """What a factory makes: the dtype asked for, else that of `out`, else the default one."""
    if dtype is None:
        return dtypes.default_float() if out is None else out._array.dtype
    wanted = dtypes.to_numpy(dtype)
    if out is not None and out._array.dtype != wanted:
        raise RuntimeError(f"dtype {errors._title(wanted)} does not match dtype of out parameter "
                           f"({errors._title(out._array.dtype)}); leave dtype= away.")
    return wanted


def order_of(memory_format: Any, array: Any) -> Any:
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
    wanted = inferred(numbers) if name == "arange" and dtype is None and out is None else target_dtype(dtype, out)
    if wanted.kind == "b":
        raise NotImplementedError(f"\"{name}_cpu\" not implemented for 'Bool'; use another dtype, then .bool().")
    return wanted, numbers


def _steps(name: str, low: Any, high: Any, by: Any, dtype: np.dtype, last: bool) -> np.ndarray:
    """The numbers from low by steps up to high; `last`: and high itself, if a step reaches it."""
    whole = dtype.kind in "iu" and (last or dtype == np.int64)
    if by == 0 or (whole and int(by) == 0):
        raise (ValueError if by else RuntimeError)(f"step must be nonzero: {name} would never reach its end.")
    if not (math.isfinite(low) and math.isfinite(high)):
        raise RuntimeError(f"unsupported range: {low} -> {high}")
    if (high - low) * by < 0:
        raise RuntimeError(f"upper bound and lower bound inconsistent with step sign: {name} from {low} to {high} in "
                           f"steps of {by}.")
    if whole:
        low, high, by = int(low), int(high), int(by)
        count = (high - low) // by + 1 if last else -((low - high) // by)
    else:
        count = math.floor((high - low) / by) + 1 if last else math.ceil((high - low) / by)
    if dtype.kind in "iu":
        low, by, numbers = int(low), int(by), np.arange(count)
    else:
        numbers = np.arange(count, dtype=np.float64)
    if by != 1:
        numbers *= by
    if low != 0:
        numbers += low
    return numbers.astype(dtype, copy=False)


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


def _between(name: str, start: Any, end: Any, steps: Any, dtype: Any,
             out: Tensor | None) -> tuple[np.dtype, np.ndarray]:
    """`steps` numbers from start to end, counted from the nearer one, so that both ends are exact."""
    wanted, (start, end, steps) = _ends(name, dtype, out, start, end, steps)
    if not isinstance(steps, int):
        raise TypeError(f"{name}() received an invalid combination of arguments: steps must be int, not float.")
    if steps < 0:
        raise RuntimeError(f"number of steps must be non-negative; got {steps}.")
    if steps < 2:
        return wanted, np.array([start][:steps], np.float64)
    first, last = (number_of(name, v, wanted) for v in (start, end))
    if wanted.kind != "f":
        first, last = np.float64(first), np.float64(last)
    numbers = np.arange(steps, dtype=first.dtype)
    numbers *= (last - first) / first.dtype.type(steps - 1)
    half = steps // 2
    numbers[half:] = last - numbers[:steps - half][::-1]
    numbers[:half] += first
    return wanted, numbers


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
