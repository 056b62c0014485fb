"""Other arrangements of the same elements: views, where memory allows it, and copies where it does not."""

from __future__ import annotations

from typing import Any

from .. import errors
from ..composite import composite
from ..faces import F
from ..op import op
from ..tensor import Tensor, wrap

Sizes = tuple[int, ...]


def normal_dim(dim: int, ndim: int, op: str = "") -> int:
    """`dim` counted from the front. Raises IndexError if there is no such dimension."""
    n = max(ndim, 1)
    if not -n <= dim < n:
        raise errors.dim_out_of_range(dim, ndim, op)
    return dim % n


@op(input=lambda g, input_shape: F.sum_to(g, input_shape), view=True, on="method", out=False)
def expand(xp, input, size: Sizes):
    """The same elements seen as if repeated along new or size-1 dimensions; -1 keeps a size. Nothing is copied.

    >>> ndl.tensor([[1], [2]]).expand(2, 3)
    tensor([[1, 1, 1],
            [2, 2, 2]])
    """
    extra = len(size) - input.ndim
    if extra < 0:
        raise RuntimeError(f"expand({list(size)}): the number of sizes provided ({len(size)}) must be greater or equal "
                           f"to the number of dimensions in the tensor ({input.ndim})")
    full = []
    for i, n in enumerate(size):
        old = input.shape[i - extra] if i >= extra else None
        if n == -1:
            if old is None:
                raise RuntimeError(f"The expanded size of the tensor (-1) isn't allowed in a leading, non-existing "
                                   f"dimension {i}")
            n = old
        elif old is not None and old != 1 and old != n:
            raise RuntimeError(f"The expanded size of the tensor ({n}) must match the existing size ({old}) at "
                               f"non-singleton dimension {i}. Target sizes: {list(size)}. "
                               f"Tensor sizes: {list(input.shape)}")
        full.append(n)
    return xp.broadcast_to(input, tuple(full))


@op(input=lambda g, input_shape: F.expand(g, input_shape), on="method", name="sum_to_size", out=False)
def sum_to(xp, input, size: Sizes):
    """Sums over the dimensions that broadcasting `size` to the input's shape would repeat."""
    extra = input.ndim - len(size)
    axes = tuple(range(extra)) + tuple(i + extra for i, n in enumerate(size) if n == 1 != input.shape[i + extra])
    return input.sum(axes).reshape(size) if axes else input


F.sum_to = F.sum_to_size


@op(input=lambda g, dim0, dim1: F.transpose(g, dim0, dim1), view=True, out=False, aliases=("swapaxes", "swapdims"))
def transpose(xp, input, dim0: int, dim1: int):
    """The input with two dimensions swapped. A view.

    >>> ndl.ones(2, 3).transpose(0, 1).shape
    Size([3, 2])
    """
    a, b = normal_dim(dim0, input.ndim, "transpose"), normal_dim(dim1, input.ndim, "transpose")
    return xp.swapaxes(input, a, b) if input.ndim else input.reshape(())


@op(input=lambda g, input_shape: F.reshape(g, input_shape), view=True, out=False)
def reshape(xp, input, shape: Sizes):
    """The same elements in another shape; one size may be -1. A view where memory allows it, else a copy.

    >>> ndl.arange(6).reshape(2, -1)
    tensor([[0, 1, 2],
            [3, 4, 5]])
    """
    return input.reshape(_complete(input, shape))


def _complete(input: Any, shape: Sizes) -> Sizes:
    """`shape` with its -1 worked out."""
    size = input.size
    if -1 in shape:
        rest = 1
        for n in shape:
            rest *= n if n != -1 else 1
        if shape.count(-1) > 1:
            raise RuntimeError("only one dimension can be inferred")
        if rest == 0:
            if size == 0:
                raise RuntimeError(f"cannot reshape tensor of 0 elements into shape {list(shape)} because the "
                                   f"unspecified dimension size -1 can be any value and is ambiguous")
        elif size % rest == 0:
            return tuple(size // rest if n == -1 else n for n in shape)
        raise RuntimeError(f"shape '{list(shape)}' is invalid for input of size {size}")
    count = 1
    for n in shape:
        if n < 0:
            raise RuntimeError(f"invalid shape dimension {n}")
        count *= n
    if count != size:
        raise RuntimeError(f"shape '{list(shape)}' is invalid for input of size {size} (its shape is "
                           f"{tuple(input.shape)}): the sizes must multiply to the number of elements.")
    return shape


@op(input=lambda g, input_dtype: F.to_dtype(g, input_dtype), on="", out=False)
def to_dtype(xp, input, target: object):
    return input.astype(getattr(target, "numpy", target))


@op(input=lambda g: g, inplace=False)
def clone(xp, input):
    """clone"""
    return input.copy()
