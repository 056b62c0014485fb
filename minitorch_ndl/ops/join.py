"""Several tensors made one, and one made several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..composite import composite
from ..faces import F
from ..op import op
from ..tensor import Tensor
from .rearrange import atleast_1d, atleast_2d, atleast_3d
from .shape import normal_dim

Arrays = Sequence[Any]
Sizes = tuple[int, ...]


# --- joining --------------------------------------------------------------------------------------------------------


def _cat_gradient(g: Any, tensors_shape: Any, dim: int) -> list[Any]:
    """Each tensor's own stretch of `g`."""
    at, start, grads = dim % len(g.shape), 0, []
    before = (slice(None),) * at
    for shape in tensors_shape:
        if shape == (0,) and len(g.shape) > 1:  # one of the empty ones that are left out
            grads.append(F.sum_to_size(F.reshape(g, (-1,))[:0], (0,)))
            continue
        grads.append(F.slice(g, (*before, slice(start, start + shape[at]))))
        start += shape[at]
    return grads


@op(tensors=_cat_gradient, promote="number", broadcasts=False, on="torch", out="apart",
    aliases=("concat", "concatenate"))
def cat(xp, tensors: Arrays, dim: int = 0):
    """The tensors one after another along `dim`. Their other sizes must agree; empty 1-d tensors are left out.

    >>> ndl.cat([ndl.ones(1, 2), ndl.zeros(1, 2)])
    tensor([[1., 1.],
            [0., 0.]])
    """
    try:
        return xp.ascontiguousarray(xp.concatenate(tensors, dim))  # NumPy keeps a transposed layout; torch does not
    except ValueError:
        pass
    if not tensors:
        raise ValueError("cat(): expected a non-empty list of Tensors; got none.")
    present = [a for a in tensors if a.shape != (0,)] or tensors[:1]  # as torch has always done
    first = present[0].shape
    if not first:
        raise RuntimeError("zero-dimensional tensor (at position 0) cannot be concatenated; use ndl.stack.")
    at = normal_dim(dim, len(first), "cat")
    try:
        return xp.ascontiguousarray(xp.concatenate(present, at))
    except ValueError:
        raise _do_not_join(tensors, first, at) from None


def _do_not_join(arrays: Sequence[Any], first: Sizes, at: int) -> RuntimeError:
    for i, a in enumerate(arrays):
        if not a.ndim:
            return RuntimeError(f"zero-dimensional tensor (at position {i}) cannot be concatenated; use ndl.stack.")
        if a.ndim != len(first) and a.shape != (0,):
            return RuntimeError(f"Tensors must have same number of dimensions: got {len(first)} and {a.ndim} "
                                f"(shapes {first} and {a.shape})")
        for k, (n, m) in enumerate(zip(first, a.shape, strict=False)):
            if n != m and k != at:
                differ = [d for d, sizes in enumerate(zip(first, a.shape, strict=False)) if sizes[0] != sizes[1]]
                fix = f"They join with dim={k}." if differ == [k] else "Pad, crop or resize them first."
                return RuntimeError(f"Sizes of tensors must match except in dimension {at}. Expected size {n} but got "
                                    f"size {m} for tensor number {i} in the list. (Shapes {first} and {a.shape}. {fix})")
    return RuntimeError(f"cat: shapes {', '.join(str(a.shape) for a in arrays)} do not join along dimension {at}")


@op(tensors=lambda g, tensors_shape, dim: list(F.unbind(g, dim)), promote="number", broadcasts=False, on="torch")
def stack(xp, tensors: Arrays, dim: int = 0):
    """Tensors of one shape, one after another along a new dimension `dim`.

    >>> ndl.stack([ndl.tensor([1, 2]), ndl.tensor([3, 4])], 1)
    tensor([[1, 3],
            [2, 4]])
    """
    if not tensors:
        raise RuntimeError("stack expects a non-empty TensorList; got none.")
    first = tensors[0].shape
    at = normal_dim(dim, len(first) + 1, "stack")
    for i, a in enumerate(tensors):
        if a.shape != first:
            raise RuntimeError(f"stack expects each tensor to be equal size, but got {list(first)} at entry 0 and "
                               f"{list(a.shape)} at entry {i}. Pad or crop them to one shape (a DataLoader's collate_fn "
                               f"can, with nn.utils.rnn.pad_sequence), or join them with cat.")
    widen = (slice(None),) * at + (None,)
    return xp.ascontiguousarray(xp.concatenate([a[widen] for a in tensors], at))


def _at_least(dims: int, tensors: Sequence[Tensor]) -> list[Tensor]:
    return [(atleast_1d, atleast_2d, atleast_3d)[dims - 1](t) for t in tensors]


@composite(on="torch")
def hstack(tensors):
    """The tensors side by side: along dimension 1, or 0 if they are 1-d."""
    tensors = _at_least(1, _checked("hstack", tensors))
    return F.cat(tensors, 0 if tensors[0].ndim == 1 else 1)


@composite(on="torch", aliases=("row_stack",))
def vstack(tensors):
    """The tensors on top of each other: 1-d ones as rows."""
    return F.cat(_at_least(2, _checked("vstack", tensors)), 0)


@composite(on="torch")
def dstack(tensors):
    """The tensors behind each other, along dimension 2."""
    return F.cat(_at_least(3, _checked("dstack", tensors)), 2)


@composite(on="torch")
def column_stack(tensors):
    """The tensors side by side: 1-d ones as columns."""
    return F.cat([F.reshape(t, (-1, 1)) if t.ndim < 2 else t for t in _checked("column_stack", tensors)], 1)


def _checked(op: str, tensors: Any) -> Sequence[Tensor]:
    if not tensors:
        raise RuntimeError(f"{op} expects a non-empty TensorList; got none.")
    return tensors


# --- splitting: views, several at once --------------------------------------------------------------------------------


def _pieces_gradient(g: Any, dim: int) -> Any:
    return F.cat(g, dim)


@op(input=_pieces_gradient, view=True, many=True, out=False)
def split_with_sizes(xp, input, split_sizes: object, dim: int = 0):
    """Consecutive pieces of the given sizes along `dim`, as views."""
    at, start, pieces = normal_dim(dim, input.ndim, "split"), 0, []
    sizes = [n.__index__() for n in split_sizes]
    if not input.ndim:
        raise RuntimeError("split expects at least a 1-dimensional tensor")
    n = input.shape[at]
    if sum(sizes) != n or any(s < 0 for s in sizes):
        raise RuntimeError(f"split_with_sizes expects split_sizes to sum exactly to {n} (input tensor's size at "
                           f"dimension {dim}), but got split_sizes={sizes}")
    before = (slice(None),) * at
    for size in sizes:
        pieces.append(input[(*before, slice(start, start + size))])
        start += size
    return pieces


@op(input=lambda g, dim: F.stack(g, dim), view=True, many=True, out=False)
def unbind(xp, input, dim: int = 0):
    """The slices along `dim`, as views without that dimension.

    >>> ndl.tensor([[1, 2], [3, 4]]).unbind(1)
    (tensor([1, 3]), tensor([2, 4]))
    """
    if not input.ndim:
        raise IndexError("Dimension specified as 0 but tensor has no dimensions")
    at = normal_dim(dim, input.ndim, "unbind")
    before = (slice(None),) * at
    return [input[(*before, i, ...)] for i in range(input.shape[at])]


@composite(out=False)
def split(input, split_size_or_sections, dim=0):
    """Pieces of `split_size` along `dim` (the last may be smaller), or of the sizes in a list. Views.

    >>> [tuple(p.shape) for p in ndl.ones(5, 2).split(2)]
    [(2, 2), (2, 2), (1, 2)]
    """
    size = split_size_or_sections
    if isinstance(size, (list, tuple)):
        return F.split_with_sizes(input, size, dim)
    n = _length(input, dim, "split")
    if size < 0:
        raise RuntimeError(f"split expects split_size be non-negative, but got split_size={size}")
    if size == 0:
        if n:
            raise RuntimeError(f"split_size can only be 0 if dimension size is 0, but got dimension size of {n}")
        return F.split_with_sizes(input, [0], dim)
    full, rest = divmod(n, size)
    return F.split_with_sizes(input, [size] * full + [rest] * (rest > 0 or n == 0), dim)


@composite(out=False)
def chunk(input, chunks, dim=0):
    """At most `chunks` pieces of equal size along `dim` (the last may be smaller). Views."""
    n = _length(input, dim, "chunk")
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    size = -(-n // chunks)
    if size == 0:  # nothing to split, but as many nothings as were asked for
        return F.split_with_sizes(input, [0] * chunks, dim)
    full, rest = divmod(n, size)
    return F.split_with_sizes(input, [size] * full + [rest] * (rest > 0), dim)


def _length(x: Tensor, dim: int, op: str) -> int:
    if not x._array.ndim:
        raise RuntimeError(f"{op} expects at least a 1-dimensional tensor")
    return x._array.shape[normal_dim(dim, x._array.ndim, op)]


@composite(out=False)
def tensor_split(input, indices_or_sections, dim=0):
    """As many pieces as asked for, of sizes that differ by one at most; or pieces that end at given indices. Views."""
    n = _length(input, dim, "tensor_split")
    sections = indices_or_sections.tolist() if isinstance(indices_or_sections, Tensor) else indices_or_sections
    if isinstance(sections, int):
        if sections <= 0:
            raise RuntimeError(f"number of sections must be larger than 0, got {sections}")
        size, rest = divmod(n, sections)
        return F.split_with_sizes(input, [size + 1] * rest + [size] * (sections - rest), dim)
    bounds = [0, *sections, n]
    at = normal_dim(dim, input.ndim, "tensor_split")
    before = (slice(None),) * at
    return tuple(F.slice(input, (*before, slice(a, b), ...)) for a, b in zip(bounds, bounds[1:], strict=False))


def _split_along(name: str, dim: int, least: int) -> None:
    def pieces(input, indices_or_sections):
        at = 0 if dim == 1 and input.ndim == 1 else dim
        if input.ndim < least:
            raise RuntimeError(f"torch.{name} requires a tensor with at least {least} dimension, "
                               f"but got a tensor with {input.ndim} dimensions!")
        sections = indices_or_sections
        if isinstance(sections, int) and (sections <= 0 or input.shape[at] % sections):
            raise RuntimeError(f"torch.{name} attempted to split along dimension {at}, but the size of the dimension "
                               f"{input.shape[at]} is not divisible by the split_size {sections}!")
        return F.tensor_split(input, sections, at)

    pieces.__name__ = name
    pieces.__doc__ = f"`tensor_split` along dimension {dim}{' (0 of a 1-d tensor)' * (dim == 1)}, into equal pieces."
    composite(out=False)(pieces)


_split_along("hsplit", 1, 1)
_split_along("vsplit", 0, 2)
_split_along("dsplit", 2, 3)
