"""Parts of a tensor: views of a region, and the same tensor with a region replaced.

A region is named by how it is reached: a view operation and its arguments. `slot` puts elements into a region of zeros,
which is the gradient of every such view; `slot_set` replaces a region.
"""

from __future__ import annotations

from typing import Any

from .. import backend
from ..autograd.views import replay
from ..composite import composite
from ..faces import F
from ..op import op
from ..tensor import Tensor, wrap
from .shape import normal_dim, sum_to_size

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
        raise IndexError(f"select(): index {index} out of range for tensor of size {list(input.shape)} at dimension {dim}")
    return input[(slice(None),) * at + (index, ...)]


@op(input=lambda g, dim, start, length, input_shape: F.slot(g, F.narrow, (dim, start, length), input_shape),
    view=True, out=False)
def narrow(xp, input, dim: int, start: int, length: int):
    """The `length` slices of dimension `dim` from `start` on. A view.

    >>> ndl.arange(5).narrow(0, 1, 3)
    tensor([1, 2, 3])
    """
    if not input.ndim:
        raise RuntimeError("narrow() cannot be applied to a 0-dim tensor.")
    at, start = normal_dim(dim, input.ndim, "narrow"), start.__index__()
    n = input.shape[at]
    if length < 0:
        raise RuntimeError(f"narrow(): length must be non-negative; got {length}.")
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
    a, b = normal_dim(dim1, input.ndim, "diagonal"), normal_dim(dim2, input.ndim, "diagonal")
    if a == b:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    n, m = input.shape[a], input.shape[b]
    count = max(0, min(n, m - offset) if offset >= 0 else min(n + offset, m))
    index = [slice(None)] * input.ndim
    index[b if offset >= 0 else a] = slice(abs(offset), None)
    start = input[tuple(index)]
    rest = [i for i in range(input.ndim) if i not in (a, b)]
    return backend.restride(start, [*(input.shape[i] for i in rest), count],
                            [*(input.strides[i] for i in rest), input.strides[a] + input.strides[b]])


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


# --- the same with a region replaced --------------------------------------------------------------------------------


def _replaced(name: str, input: Tensor, src: Tensor, view: Any, args: tuple) -> Tensor:
    region = view(input.detach(), *args)
    if region.shape != src.shape:
        raise RuntimeError(f"{name}: expected src to have a size equal to the slice of self. src size = {list(src.shape)}, "
                           f"slice size = {list(region.shape)}")
    return F.slot_set(input, src if src.dtype == input.dtype else F.to_dtype(src, input.dtype), view, args)


@composite(out=False)
def select_scatter(input, src, dim, index):
    """The input with ``select(dim, index)`` replaced by `src`."""
    return _replaced("select_scatter", input, src, F.select, (dim, index))


@composite(out=False)
def slice_scatter(input, src, dim=0, start=None, end=None, step=1):
    """The input with the slices ``start:end:step`` of dimension `dim` replaced by `src`.

    >>> ndl.zeros(4).slice_scatter(ndl.ones(2), 0, 1, 3)
    tensor([0., 1., 1., 0.])
    """
    at = normal_dim(dim, input.ndim, "slice_scatter")
    index = (*(slice(None),) * at, slice(start, end, step))
    return _replaced("slice_scatter", input, src, F.slice, (index,))


@composite(out=False)
def diagonal_scatter(input, src, offset=0, dim1=0, dim2=1):
    """The input with ``diagonal(offset, dim1, dim2)`` replaced by `src`."""
    return _replaced("diagonal_scatter", input, src, F.diagonal, (offset, dim1, dim2))
