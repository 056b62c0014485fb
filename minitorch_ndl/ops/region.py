"""Parts of a tensor: views of a region, and the same tensor with a region replaced.

A region is named by how it is reached: a view operation and its arguments. `slot` puts elements into a region of zeros,
which is the gradient of every such view; `slot_set` replaces a region.
"""

from __future__ import annotations

from typing import Any

from .. import backend
from ..composite import composite
from ..faces import F
from ..op import op
from ..tensor import Tensor
from .shape import in_place_view, normal_dim

Sizes = tuple[int, ...]


@op(input=lambda g, view, args: view(g, *args), on="", out=False)
def slot(xp, input, view: object, args: object, shape: object):
    """Zeros of `shape`, with the input in the region that ``view(zeros, *args)`` shows."""
    out = xp.zeros(shape, input.dtype)
    view(out, *args)[...] = input
    return out


@op(input=lambda g, value_shape, view, args: F.slot_set(g, 0.0, view, args),
    value=lambda g, view, args, value_shape: F.sum_to_size(view(g, *args), value_shape),
    on="", out=False, numbers=True, promote=None)
def slot_set(xp, input, value, view: object, args: object):
    """The input with `value` in the region that ``view(input, *args)`` shows."""
    out = input.copy()
    view(out, *args)[...] = value
    return out


# --- views of a region ----------------------------------------------------------------------------------------------


@op(input=lambda g, dim, index, input_shape: F.slot(g, F.select, (dim, index), input_shape), view=True, out=False)
def select(xp, input, dim: int, index: int):
    """Slice number `index` of dimension `dim`, which goes away: ``x.select(1, i)`` is ``x[:, i]``. A view."""
    if not input.ndim:
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    at, index = normal_dim(dim, input.ndim, "select"), index.__index__()
    n = input.shape[at]
    if not -n <= index < n:
        raise IndexError(f"select(): index {index} out of range for tensor of size {list(input.shape)} at dimension "
                         f"{dim}")
    return input[(slice(None),) * at + (index, ...)]


def _start(start: Any) -> int:
    if isinstance(start, Tensor) and (start.ndim or start._array.dtype.kind not in "iu"):
        raise RuntimeError(f"start must be an 0-dim integral Tensor. (narrow: got {start!r})")
    return start.__index__()


@op(input=lambda g, dim, start, length, input_shape: F.slot(g, F.narrow, (dim, _start(start), length), input_shape),
    view=True, out=False)
def narrow(xp, input, dim: int, start: int, length: int):
    """The `length` slices of dimension `dim` from `start` on. A view.

    >>> ndl.arange(5).narrow(0, 1, 3)
    tensor([1, 2, 3])
    """
    if not input.ndim:
        raise RuntimeError("narrow() cannot be applied to a 0-dim tensor.")
    at, start = normal_dim(dim, input.ndim, "narrow"), _start(start)
    n = input.shape[at]
    if length < 0:
        raise RuntimeError(f"narrow(): length must be non-negative. Got {length}.")
    if not -n <= start <= n:
        raise IndexError(f"start out of range (expected to be in range of [{-n}, {n}], but got {start})")
    start = start + n if start < 0 else start
    if start + length > n:
        raise RuntimeError(f"start ({start}) + length ({length}) exceeds dimension size ({n}).")
    return input[(slice(None),) * at + (slice(start, start + length),)]


@op(input=lambda g, offset, dim1, dim2, input_shape: F.slot(g, F.diagonal, (offset, dim1, dim2), input_shape),
    view=True, out=False)
def diagonal(xp, input, offset: int = 0, dim1: int = 0, dim2: int = 1):
    """The diagonal over two dimensions, as the last dimension of the result. A view.

    >>> ndl.arange(9).reshape(3, 3).diagonal(1)
    tensor([1, 5])
    """
    try:
        out = input.diagonal(offset, dim1, dim2)
    except ValueError:
        normal_dim(dim1, input.ndim, "diagonal")
        normal_dim(dim2, input.ndim, "diagonal")
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}") from None
    if not out.flags.writeable and input.flags.writeable:  # NumPy is more careful than torch
        out.flags.writeable = True
    return out


@op(input=lambda g, dimension, size, step, input_shape: F.fold_windows(g, dimension, size, step, input_shape),
    view=True, on="method", out=False)
def unfold(xp, input, dimension: int, size: int, step: int):
    """All windows of `size` slices along `dimension`, `step` apart; a new last dimension runs through them. A view.

    >>> ndl.arange(5).unfold(0, 3, 1)
    tensor([[0, 1, 2],
            [1, 2, 3],
            [2, 3, 4]])
    """
    at = normal_dim(dimension, input.ndim, "unfold")
    n, stride = (input.shape[at], input.strides[at]) if input.ndim else (1, 0)
    if size < 0:
        raise RuntimeError(f"size is {size} but must be >= 0")
    if size > n:
        raise RuntimeError(f"maximum size for tensor at dimension {dimension} is {n} but size is {size}")
    if step <= 0:
        raise RuntimeError(f"step is {step} but must be > 0")
    shape, strides = [*input.shape, size], [*input.strides, stride]
    if input.ndim:
        shape[at], strides[at] = (n - size) // step + 1, stride * step
    return backend.restride(input, shape, strides)


@op(input=lambda g, dimension, size, step: F.unfold(g, dimension, size, step), on="", out=False)
def fold_windows(xp, input, dimension: int, size: int, step: int, shape: object):
    """Windows laid back over each other and added up: what `unfold` does to gradients."""
    out = xp.zeros(shape, input.dtype)
    at = dimension % max(len(shape), 1)
    before = (slice(None),) * at
    count = input.shape[at] if shape else 1
    for k in range(size):
        if shape:
            out[(*before, slice(k, k + (count - 1) * step + 1, step))] += input[..., k]
        else:
            out += input[..., k]
    return out


@op(input=lambda g, geometry: F.strided_back(g, geometry), view=True, saves=("geometry",), out=False)
def as_strided(xp, input, size: tuple, stride: tuple, storage_offset: Any = None):
    """The input's memory seen with these sizes and strides, from `storage_offset` on (default: where the input begins).

    >>> ndl.arange(6).as_strided((2, 2), (1, 2))
    tensor([[0, 2],
            [1, 3]])
    """
    flat, here = backend.memory(input)
    offset = here if storage_offset is None else storage_offset
    size, stride = tuple(size), tuple(stride)
    if len(size) != len(stride):
        raise RuntimeError(f"mismatch in length of strides and shape: {list(stride)} and {list(size)}")
    if any(s < 0 for s in (*stride, *size, offset)):
        raise RuntimeError(f"as_strided: Negative strides are not supported at the moment, got strides: "
                           f"{list(stride)}, sizes {list(size)}, offset {offset}")
    end = offset + sum((n - 1) * s for n, s in zip(size, stride, strict=True)) + 1
    if 0 not in size and end > flat.size:
        raise RuntimeError(f"setStorage: sizes {list(size)}, strides {list(stride)}, storage offset {offset} require "
                           f"{end} elements, which are out of bounds for storage of {flat.size}")
    steps = tuple(s // input.itemsize for s in input.strides)
    return (backend.restride(flat[offset:], size, [s * input.itemsize for s in stride]),
            (input.shape, steps, size, stride, offset - here))


Tensor.as_strided_ = in_place_view(as_strided)  # type: ignore[attr-defined]


def _strided_maps(xp: Any, geometry: Any) -> tuple[Any, Any, int]:
    """Where in memory the input's and the output's elements lie, and how much memory that is."""
    shape, steps, size, stride, offset = geometry

    def places(shape: Sizes, steps: Sizes) -> Any:
        at = xp.zeros(shape, xp.int64)
        for d, (n, step) in enumerate(zip(shape, steps, strict=True)):
            at += (xp.arange(n) * step).reshape(-1, *(1,) * (len(shape) - d - 1))
        return at.reshape(-1)

    before, after = places(shape, steps), places(size, stride) + offset
    low = min(before.min(initial=0), after.min(initial=0))
    return before - low, after - low, int(max(before.max(initial=0), after.max(initial=0)) - low) + 1


@op(input=lambda g, geometry: F.strided_again(g, geometry), on="", out=False)
def strided_back(xp, input, geometry: object):
    """The output's gradient added up where it lay in memory; input elements that lie on one place share it."""
    before, after, extent = _strided_maps(xp, geometry)
    memory, times = xp.zeros(extent, input.dtype), xp.zeros(extent, input.dtype)
    xp.add.at(memory, after, input.reshape(-1))
    xp.add.at(times, before, times.dtype.type(1))
    return (memory[before] / times[before]).reshape(geometry[0])


@op(input=lambda g, geometry: F.strided_back(g, geometry), on="", out=False)
def strided_again(xp, input, geometry: object):
    """The other way: what `as_strided` would see, had the input's elements been laid into memory."""
    before, after, extent = _strided_maps(xp, geometry)
    memory, times = xp.zeros(extent, input.dtype), xp.zeros(extent, input.dtype)
    xp.add.at(times, before, times.dtype.type(1))
    xp.add.at(memory, before, input.reshape(-1) / times[before])
    return memory[after].reshape(geometry[2])


# --- the same with a region replaced --------------------------------------------------------------------------------


def _replaced(name: str, input: Tensor, src: Tensor, view: Any, args: tuple) -> Tensor:
    region = view(input.detach(), *args)
    if region.shape != src.shape:
        raise RuntimeError(f"{name}: expected src to have a size equal to the slice of self. src size = "
                           f"{list(src.shape)}, slice size = {list(region.shape)}")
    return F.slot_set(input, src if src.dtype == input.dtype else F.to_dtype(src, input.dtype), view, args)


@composite()
def select_scatter(input, src, dim, index):
    """The input with ``select(dim, index)`` replaced by `src`."""
    return _replaced("select_scatter", input, src, F.select, (dim, index))


@composite()
def slice_scatter(input, src, dim=0, start=None, end=None, step=1):
    """The input with the slices ``start:end:step`` of dimension `dim` replaced by `src`.

    >>> ndl.zeros(4).slice_scatter(ndl.ones(2), 0, 1, 3)
    tensor([0., 1., 1., 0.])
    """
    at = normal_dim(dim, input.ndim, "slice_scatter")
    index = (*(slice(None),) * at, slice(start, end, step))
    return _replaced("slice_scatter", input, src, F.slice, (index,))


@composite()
def diagonal_scatter(input, src, offset=0, dim1=0, dim2=1):
    """The input with ``diagonal(offset, dim1, dim2)`` replaced by `src`."""
    return _replaced("diagonal_scatter", input, src, F.diagonal, (offset, dim1, dim2))
