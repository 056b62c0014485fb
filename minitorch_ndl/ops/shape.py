"""Other arrangements of the same elements: views, where memory allows it, and copies where it does not.

Each is one definition: how the array module does it, and how the gradient goes back, which is the way it came.
"""

from __future__ import annotations

import functools
import math
from typing import Any

from .. import backend, errors
from ..autograd import views
from ..autograd.engine import edge_of
from ..composite import composite
from ..dtypes import dtype as Dtype, to_numpy
from ..faces import F
from ..op import op
from ..sums import total
from ..tensor import Tensor, counter, wrap

Sizes = tuple[int, ...]


def normal_dim(dim: int, ndim: int, op: str = "") -> int:
    """`dim` counted from the front. Raises IndexError if there is no such dimension."""
    n = max(ndim, 1)
    if not -n <= dim < n:
        raise errors.dim_out_of_range(dim, ndim, op)
    return dim % n


def normal_dims(dims: Any, ndim: int, op: str = "", repeated: str = "") -> Sizes:
    """`dims`, an int or several, counted from the front. Raises RuntimeError if one is named twice."""
    if not isinstance(dims, (tuple, list)):
        dims = (dims,)
    found = tuple(normal_dim(d, ndim, op) for d in dims)
    for d in found:
        if found.count(d) > 1 and repeated:
            raise RuntimeError(f"{repeated} ({list(dims)})")
        if found.count(d) > 1:
            raise RuntimeError(f"{op}: dim {d} appears multiple times in the list of dims {tuple(dims)}")
    return found


# --- the same elements in another shape -----------------------------------------------------------------------------


@op(input=lambda g, input_shape: F.reshape(g, input_shape), view=True, out=False)
def reshape(xp, input, shape: Sizes):
    """The same elements in another shape; one size may be -1. A view where memory allows it, else a copy.

    >>> ndl.arange(6).reshape(2, -1)
    tensor([[0, 1, 2],
            [3, 4, 5]])
    """
    if shape and min(shape) < -1:  # NumPy would take it for -1
        raise _does_not_fit(shape, input)
    try:
        return input.reshape(shape)
    except ValueError:
        raise _does_not_fit(shape, input) from None


_reshape = reshape.op.run  # without looking for keywords and the like


@op(input=lambda g, input_shape: F.reshape(g, input_shape), view=True, on="method", out=False)
def view(xp, input, shape: Sizes):
    """The same memory in another shape; one size may be -1. ``view(dtype)`` reads its bytes as another dtype.

    Raises RuntimeError where only a copy could have that shape; `reshape` makes one.

    >>> ndl.arange(6).view(3, 2).shape
    Size([3, 2])
    """
    out = F.reshape(input, shape)
    if not shares_memory(xp, out, input) and input.size:
        raise RuntimeError(
            "view size is not compatible with input tensor's size and stride (at least one dimension spans across two "
            f"contiguous subspaces): no view of shape {list(shape)} exists of this tensor of shape "
            f"{list(input.shape)}, whose elements don't lie in that order. Use .reshape(...) instead.")
    return out


def _view_or_dtype(self: Tensor, *shape: Any, dtype: Any = None) -> Tensor:
    if shape and type(shape[0]) is not Dtype:
        return view(self, *shape)
    return view_dtype(self, *shape) if dtype is None else view_dtype(self, dtype)


Tensor.view = functools.update_wrapper(_view_or_dtype, view)


def view_dtype(x: Tensor, dtype: Any) -> Tensor:
    """The memory of `x` read as another dtype; the last dimension grows or shrinks with the elements' size."""
    array, new = x._array, to_numpy(dtype)
    old = array.dtype
    if new.itemsize != old.itemsize:
        if not array.ndim:
            raise RuntimeError(f"self.dim() cannot be 0 to view {x.dtype!r} as {dtype!r} (different element sizes)")
        if array.strides[-1] != old.itemsize and array.shape[-1] != 1:
            raise RuntimeError(f"self.stride(-1) must be 1 to view {x.dtype!r} as {dtype!r} (different element sizes), "
                               f"but got {array.strides[-1] // old.itemsize}; use x.contiguous() first")
        if new.itemsize > old.itemsize and array.shape[-1] * old.itemsize % new.itemsize:
            raise RuntimeError(f"self.size(-1) must be divisible by {new.itemsize // old.itemsize} to view {x.dtype!r} "
                               f"as {dtype!r} (different element sizes), but got {array.shape[-1]}")
    out = wrap(array.view(new))
    out._counter = counter(x)
    return out


def shares_memory(xp: Any, out: Any, source: Any) -> bool:
    """Whether `out`, made from `source` by an array method, is a view of it. NumPy's views know the memory's owner."""
    owner = out.base
    return owner is not None and (owner is source or owner is source.base or xp.may_share_memory(out, source))


def _does_not_fit(shape: Sizes, input: Any) -> RuntimeError:
    """Why the input has no such shape."""
    given, size, count = list(shape), input.size, 1
    for n in shape:
        if n < -1:
            return RuntimeError(f"invalid shape dimension {n}: sizes must be >= 0, or -1 once for what is left; "
                                f"got {given}")
        count *= n if n != -1 else 1
    if shape.count(-1) > 1:
        return RuntimeError(f"only one dimension can be inferred: {given} has {shape.count(-1)} times -1")
    if -1 in shape and count == 0 == size:
        return RuntimeError(f"cannot reshape tensor of 0 elements into shape {given} because the unspecified dimension "
                            f"size -1 can be any value and is ambiguous")
    return RuntimeError(f"shape '{given}' is invalid for input of size {size} (its shape is {list(input.shape)}): "
                        f"the sizes must multiply to the number of elements. One size can be -1, and follows from the rest.")


@composite(out=False)
def flatten(input, start_dim: int = 0, end_dim: int = -1):
    """The dimensions from `start_dim` to `end_dim` made one. A view where memory allows it.

    >>> ndl.ones(2, 3, 4).flatten(1).shape
    Size([2, 12])
    """
    shape = input._array.shape
    n = len(shape)
    if start_dim == 0 and end_dim == -1 and n != 1:
        return _reshape(input, (-1,))
    first, last = normal_dim(start_dim, n, "flatten"), normal_dim(end_dim, n, "flatten")
    if first > last:
        raise RuntimeError(f"flatten() has invalid args: start_dim cannot come after end_dim (got {start_dim} and "
                           f"{end_dim} for {n} dimensions)")
    if first == last and n:
        return input
    return _reshape(input, (*shape[:first], math.prod(shape[first:last + 1]), *shape[last + 1:]))


@composite(out=False)
def unflatten(input, dim, sizes):
    """The dimension `dim` split into several of the given sizes, one of which may be -1. A view.

    >>> ndl.ones(2, 12).unflatten(1, (3, -1)).shape
    Size([2, 3, 4])
    """
    shape, sizes = input._array.shape, list(sizes)
    at = normal_dim(dim, len(shape), "unflatten")
    if not sizes:
        raise RuntimeError("unflatten: sizes must be non-empty")
    known = 1
    for n in sizes:
        known *= n if n != -1 else 1
    if sizes.count(-1) == 1 and known and shape[at] % known == 0:
        sizes[sizes.index(-1)] = shape[at] // known
    elif -1 in sizes or known != shape[at]:
        raise RuntimeError(f"unflatten: Provided sizes {sizes} don't multiply up to the size of dim {dim} "
                           f"({shape[at]}) in the input tensor")
    return F.view(input, (*shape[:at], *sizes, *shape[at + 1:]))


@composite(out=False)
def ravel(input):
    """All elements in one dimension. A view where memory allows it."""
    return F.reshape(input, (-1,))


@composite(on="method", out=False)
def view_as(input, other):
    """``input.view(other.shape)``"""
    return F.view(input, other._array.shape)


@composite(on="method", out=False)
def reshape_as(input, other):
    """``input.reshape(other.shape)``"""
    return F.reshape(input, other._array.shape)


@op(input=lambda g, input_shape: F.reshape(g, input_shape), view=True, out=False)
def squeeze(xp, input, dim: object = None):
    """Without the dimensions of size 1, or without those among `dim` (an int or several) that have size 1. A view.

    >>> ndl.ones(1, 3, 1).squeeze().shape, ndl.ones(1, 3, 1).squeeze(0).shape
    (Size([3]), Size([3, 1]))
    """
    shape = input.shape
    if dim is None:
        return input.squeeze()
    if type(dim) is int and -len(shape) <= dim < len(shape):
        return input.squeeze(dim) if shape[dim] == 1 else input.reshape(shape)
    dims = normal_dims(dim, len(shape), "squeeze")
    return input.reshape([n for i, n in enumerate(shape) if n != 1 or i not in dims])


@op(input=lambda g, input_shape: F.reshape(g, input_shape), view=True, out=False)
def unsqueeze(xp, input, dim: int):
    """With a new dimension of size 1 at `dim`. A view.

    >>> ndl.ones(3).unsqueeze(0).shape, ndl.ones(3).unsqueeze(-1).shape
    (Size([1, 3]), Size([3, 1]))
    """
    shape = input.shape
    n = len(shape) + 1
    if not -n <= dim < n:
        raise errors.dim_out_of_range(dim, n, "unsqueeze (counting the new one)")
    at = dim % n
    return input.reshape((*shape[:at], 1, *shape[at:]))


# --- dimensions in another order ------------------------------------------------------------------------------------


@op(input=lambda g, dim0, dim1: F.transpose(g, dim0, dim1), view=True, out=False, aliases=("swapaxes", "swapdims"))
def transpose(xp, input, dim0: int, dim1: int):
    """The input with two dimensions swapped. A view.

    >>> ndl.ones(2, 3).transpose(0, 1).shape
    Size([3, 2])
    """
    try:
        return input.swapaxes(dim0, dim1)
    except ValueError:
        a, b = normal_dim(dim0, input.ndim, "transpose"), normal_dim(dim1, input.ndim, "transpose")
        return input.swapaxes(a, b) if input.ndim else input.reshape(())


@op(input=lambda g, dims: F.permute(g, _inverse(dims)), view=True, out=False)
def permute(xp, input, dims: Sizes):
    """The dimensions in the order that `dims` names. A view.

    >>> ndl.ones(2, 3, 4).permute(2, 0, 1).shape
    Size([4, 2, 3])
    """
    if len(dims) != input.ndim:
        raise RuntimeError(f"permute(sparse_coo): number of dimensions in the tensor input does not match the length "
                           f"of the desired ordering of dimensions i.e. input.dim() = {input.ndim} is not equal to "
                           f"len(dims) = {len(dims)}")
    try:
        return input.transpose(dims)
    except ValueError:
        return input.transpose(normal_dims(dims, input.ndim, "permute"))  # it tells what is wrong


def _inverse(dims: Sizes) -> Sizes:
    n = len(dims)
    order = [d % n for d in dims]
    return tuple(order.index(i) for i in range(n))


@composite(aliases=("moveaxis",), out=False)
def movedim(input, source, destination):
    """The dimensions at `source` (an int or several) moved to `destination`, the others kept in order. A view.

    >>> ndl.ones(2, 3, 4).movedim(0, -1).shape
    Size([3, 4, 2])
    """
    n = input._array.ndim
    several = [isinstance(d, (tuple, list)) for d in (source, destination)]
    if several[0] != several[1]:
        raise TypeError(f"movedim: source and destination must be two ints or two tuples; got {source} and "
                        f"{destination}")
    if several[0] and len(source) != len(destination):
        raise RuntimeError(f"movedim: Invalid source or destination dims: source ({list(source)} dims) should contain "
                           f"the same number of dims as destination ({list(destination)} dims)")
    taken, places = (normal_dims(d, n, "movedim", f"movedim: repeated dim in `{what}`")
                     for what, d in (("source", source), ("destination", destination)))
    if n == 0:
        return F.permute(input, ())
    order: list[int] = [-1] * n
    for s, d in zip(taken, places, strict=True):
        order[d] = s
    rest = iter(i for i in range(n) if i not in taken)
    return F.permute(input, tuple(next(rest) if i == -1 else i for i in order))


@op(input=lambda g: F.t(g), view=True, out=False)
def t(xp, input):
    """The transpose of a matrix; a tensor of fewer dimensions as it is. A view."""
    if input.ndim > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {input.ndim}D; "
                           f"use .mT for batches of matrices, or .transpose(dim0, dim1).")
    return input.T


@op(input=lambda g: F.adjoint(g), view=True, out=False)
def adjoint(xp, input):
    """The last two dimensions swapped (real numbers have no conjugate). A view."""
    if input.ndim < 2:
        raise RuntimeError(f"tensor.adjoint() is only supported on matrices or batches of matrices. "
                           f"Got {input.ndim}-D tensor.")
    return input.swapaxes(-2, -1)


def _reversed(x: Tensor) -> Tensor:
    """The dimensions in reverse order. A view."""
    return F.t(x) if x.ndim == 2 else F.permute(x, tuple(range(x.ndim))[::-1])


def _matrix_transposed(x: Tensor) -> Tensor:
    """The last two dimensions swapped. A view."""
    if x.ndim == 1:
        raise RuntimeError(f"tensor.mT is only supported on matrices or batches of matrices. Got {x.ndim}-D tensor.")
    return F.transpose(x, -2, -1) if x.ndim else F.t(x)


def _matrix_only(x: Tensor) -> Tensor:
    """The transpose of a matrix. A view."""
    if x.ndim not in (0, 2):
        raise RuntimeError(f"tensor.H is only supported on matrices (2-D tensors). Got {x.ndim}-D tensor. "
                           f"For batches of matrices, consider using tensor.mH")
    return F.t(x)


for _name, _function in (("T", _reversed), ("mT", _matrix_transposed), ("mH", _matrix_transposed), ("H", _matrix_only)):
    setattr(Tensor, _name, property(_function))


# --- repeated without being copied ------------------------------------------------------------------------------------


@op(input=lambda g, input_shape: F.sum_to_size(g, input_shape), view=True, on="method", out=False)
def expand(xp, input, size: Sizes):
    """The same elements seen as if repeated along new or size-1 dimensions; -1 keeps a size. Nothing is copied.

    >>> ndl.tensor([[1], [2]]).expand(2, 3)
    tensor([[1, 1, 1],
            [2, 2, 2]])
    """
    shape, steps = input.shape, input.strides
    extra = len(size) - len(shape)
    if extra < 0:
        raise RuntimeError(f"expand({list(size)}): the number of sizes provided ({len(size)}) must be greater or equal "
                           f"to the number of dimensions in the tensor ({len(shape)})")
    full, strides = list(size), [0] * extra + list(steps)
    for i, old in enumerate(shape, extra):
        n = full[i]
        if n == old or n == -1:
            full[i] = old
        elif old == 1 and n >= 0:
            strides[i] = 0
        else:
            raise RuntimeError(f"The expanded size of the tensor ({n}) must match the existing size ({old}) at "
                               f"non-singleton dimension {i}. Target sizes: {full}. Tensor sizes: {list(shape)}")
    if extra and min(size[:extra]) < 0:
        raise RuntimeError(f"The expanded size of the tensor ({min(size[:extra])}) isn't allowed in a leading, "
                           f"non-existing dimension 0")
    return backend.restride(input, full, strides)


@op(input=lambda g, input_shape: F.expand(g, input_shape), on="method", out=False)
def sum_to_size(xp, input, size: Sizes):
    """Sums over the dimensions that broadcasting `size` to the input's shape would repeat.

    >>> ndl.ones(2, 3).sum_to_size(1, 3)
    tensor([[2., 2., 2.]])
    """
    shape = input.shape
    if shape == size and (shape or input.dtype.kind == "f"):
        return input
    extra = len(shape) - len(size)
    if extra < 0 or any(n != m and n != 1 for n, m in zip(size, shape[extra:], strict=True)):
        raise RuntimeError(f"size {{{list(size)}}} is not expandable to size {{{list(shape)}}}.")
    axes = tuple(range(extra)) + tuple(i + extra for i, n in enumerate(size) if n == 1 != shape[i + extra])
    if not axes and (size or input.dtype.kind == "f"):
        return input.reshape(size)
    if input.dtype.kind != "f":
        return input.sum(axes, dtype=xp.int64).reshape(size)
    return total(xp, input, axes).reshape(size)


F.sum_to = F.sum_to_size


@composite(out=False)
def broadcast_to(input, size: Sizes):
    """`expand` as a function: the input seen in a larger shape that it broadcasts to. A view."""
    return F.expand(input, size)


@composite(on="method", out=False)
def expand_as(input, other):
    """``input.expand(other.shape)``"""
    return F.expand(input, other._array.shape)


# --- changing this tensor's own shape ---------------------------------------------------------------------------------


def in_place_view(function: Any) -> Any:
    """The form of a view operation that changes how this tensor itself looks at its memory."""

    def change(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        views.check_history(self, False, f"{function.__name__}_")
        was = wrap(self._array)  # what this tensor has been so far; for its views, it stays their base
        was._edge, was._view = edge_of(self), self._view
        if self._counter is None:
            seen = function(was, *args, **kwargs)
        else:
            was._counter = self._counter
            seen = function(was, *args, **kwargs)
            self._view, self._counter = seen._view, seen._counter
            self._counter[1] += 1
        self._array, self._edge = seen._array, seen._edge
        views.bump(self)
        return self

    change.__name__ = f"{function.__name__}_"
    change.__qualname__ = f"Tensor.{change.__name__}"
    change.__doc__ = f"In-place version of `{function.__name__}`: this tensor itself gets the new shape."
    return change


for _function in (squeeze, unsqueeze, transpose, t):
    setattr(Tensor, f"{_function.__name__}_", in_place_view(_function))
Tensor.swapaxes_ = Tensor.swapdims_ = Tensor.transpose_
