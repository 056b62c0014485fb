"""The elements in another order, repeated, or with some of them left out: copies, all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import errors
from ..composite import composite, face
from ..dtypes import int64
from ..faces import F
from ..op import op
from ..tensor import Size, Tensor
from .data import tensor
from .shape import normal_dim, normal_dims

Sizes = tuple[int, ...]
Arrays = Sequence[Any]


@op(input=lambda g, dims: F.flip(g, dims), out=False)
def flip(xp, input, dims: Sizes):
    """The elements in reverse order along `dims`.

    >>> ndl.tensor([[1, 2], [3, 4]]).flip(0)
    tensor([[3, 4],
            [1, 2]])
    """
    index = [slice(None)] * input.ndim
    for d in normal_dims(dims, input.ndim, "flip"):
        if input.ndim:
            index[d] = slice(None, None, -1)
    return input[tuple(index)].copy()


@composite(out=False)
def fliplr(input):
    """Columns in reverse order."""
    return F.flip(_with_dims(input, 2, "fliplr"), (1,))


@composite(out=False)
def flipud(input):
    """Rows in reverse order."""
    return F.flip(_with_dims(input, 1, "flipud"), (0,))


def _with_dims(x: Tensor, least: int, op: str) -> Tensor:
    if x.ndim < least:
        raise RuntimeError(f"Input must be >= {least}-d: {op} got a tensor of shape {list(x.shape)}.")
    return x


@op(input=lambda g, input_shape: _unrepeat(g, input_shape), on="method", out=False)
def repeat(xp, input, repeats: Sizes):
    """The whole tensor repeated so many times along each dimension; more numbers than dimensions add new ones in front.

    >>> ndl.tensor([1, 2]).repeat(2, 2)
    tensor([[1, 2, 1, 2],
            [1, 2, 1, 2]])
    """
    if len(repeats) < input.ndim:
        raise RuntimeError(f"Number of dimensions of repeat dims can not be smaller than number of dimensions of "
                           f"tensor: {list(repeats)} for a tensor of shape {list(input.shape)}")
    if any(n < 0 for n in repeats):
        raise RuntimeError(f"Trying to create tensor with negative dimension: repeats {list(repeats)}")
    shape = (1,) * (len(repeats) - input.ndim) + input.shape
    apart = [n for pair in zip(repeats, shape, strict=True) for n in pair]
    spread = input.reshape([n for size in shape for n in (1, size)])
    # A copy in any case: people write into what they get.
    return xp.broadcast_to(spread, apart).copy().reshape([r * n for r, n in zip(repeats, shape, strict=True)])


def _unrepeat(g: Any, shape: Sizes) -> Any:
    """The sum of all the copies: see each dimension as (copies, size)."""
    padded = (1,) * (len(g.shape) - len(shape)) + tuple(shape)
    apart: list[int] = []
    kept: list[int] = []
    for n, size in zip(g.shape, padded, strict=True):
        apart += [n // size if size else 1, size]
        kept += [1, size]
    return F.reshape(F.sum_to_size(F.reshape(g, tuple(apart)), tuple(kept)), shape)


@composite(out=False)
def tile(input, dims: Sizes):
    """`repeat`, with ones in front where `dims` has fewer numbers than the tensor has dimensions."""
    return F.repeat(input, (1,) * (input.ndim - len(dims)) + tuple(dims))


@composite(out=False)
def repeat_interleave(input, repeats=None, dim=None, *, output_size=None):
    """Each element `repeats` times in place (along `dim`, or of all elements in a row); `repeats` may be a tensor.

    >>> ndl.repeat_interleave(ndl.tensor([1, 2]), 2)
    tensor([1, 1, 2, 2])
    """
    if repeats is None:  # repeat_interleave(repeats): how often each place itself
        if input.ndim != 1:
            raise RuntimeError(f"repeat_interleave only accept 1D vector as repeat, got shape {list(input.shape)}")
        return F.interleave(F.slice_numbers(input), input, 0)
    if dim is None:
        input, dim = F.reshape(input, (-1,)), 0
    at = normal_dim(dim, input.ndim, "repeat_interleave")
    n = input.shape[at] if input.ndim else 1
    if isinstance(repeats, Tensor):
        if repeats.ndim > 1:
            raise RuntimeError(f"repeats must be 0-dim or 1-dim tensor, got shape {list(repeats.shape)}")
        if repeats._array.dtype.kind != "i":
            raise RuntimeError(f"repeats has to be Long or Int tensor; got {repeats.dtype!r}")
        if repeats.ndim and repeats.shape[0] not in (1, n):
            raise RuntimeError(f"repeats must have the same size as input along dim, but got repeats.size(0) = "
                               f"{repeats.shape[0]} and input.size({dim}) = {n}")
    else:
        repeats = input.new_full((), repeats, dtype=int64)
    return F.interleave(input, repeats, at)


@op(on="", out=False)
def slice_numbers(xp, input):
    """0, 1, 2, ..., as many as the input has slices."""
    return xp.arange(input.shape[0])


@op(input=lambda g, repeats, dim, input_shape: F.interleave_backward(g, repeats, dim, input_shape), on="", out=False)
def interleave(xp, input, repeats, dim: int):
    """Each slice along `dim` as often as `repeats` (integers, 0-d or 1-d) says."""
    if repeats.size and repeats.min() < 0:
        raise RuntimeError(f"repeats can not be negative; got {repeats}")
    return xp.repeat(input, repeats, dim)


@op(input=lambda g, repeats, dim: F.interleave(g, repeats, dim), on="", out=False)
def interleave_backward(xp, input, repeats, dim: int, shape: object):
    """The sums of the copies that `interleave` made."""
    n = shape[dim] if shape else 1
    if not repeats.ndim and repeats:
        copies = xp.moveaxis(input.reshape((*shape[:dim], n, int(repeats), *shape[dim + 1:])), dim + 1, 0)
        total = copies[0].copy()
        for copy in copies[1:]:
            total += copy
        return total.reshape(shape)
    out = xp.zeros(shape or (1,), input.dtype)
    places = xp.repeat(xp.arange(n), repeats)
    xp.add.at(out.swapaxes(0, dim), places, input.swapaxes(0, dim))
    return out.reshape(shape)


@op(input=lambda g, shifts, dims: F.roll(g, _negated(shifts), dims), out=False)
def roll(xp, input, shifts: object, dims: object = None):
    """The elements moved along by `shifts`; those pushed out at the end come in at the front.

    >>> ndl.tensor([1, 2, 3]).roll(1)
    tensor([3, 1, 2])
    """
    shifts = tuple(shifts) if isinstance(shifts, (tuple, list)) else (shifts,)
    if dims is None or dims == () or dims == []:
        if not shifts:
            raise RuntimeError("roll: `shifts` required")
        if len(shifts) != 1:
            raise RuntimeError(f"shifts and dimensions must align. shifts: {len(shifts)}, dims:0")
        return xp.roll(input, shifts[0])
    dims = tuple(dims) if isinstance(dims, (tuple, list)) else (dims,)
    if not shifts:
        raise RuntimeError("roll: `shifts` required")
    if len(shifts) != len(dims):
        raise RuntimeError(f"shifts and dimensions must align. shifts: {len(shifts)}, dims:{len(dims)}")
    if not input.ndim:
        raise IndexError(f"Dimension specified as {dims[0]} but tensor has no dimensions (roll: leave dims away)")
    at = tuple(normal_dim(d, input.ndim, "roll") for d in dims)
    return xp.roll(input, shifts, at)


def _negated(shifts: Any) -> Any:
    return tuple(-s for s in shifts) if isinstance(shifts, (tuple, list)) else -shifts


@composite(out=False)
def rot90(input, k=1, dims=(0, 1)):
    """The plane of the two `dims` turned by `k` quarter turns, from the first towards the second."""
    dims = tuple(dims)
    if len(dims) != 2:
        raise RuntimeError(f"expected total rotation dims == 2, but got dims = {len(dims)}")
    if input.ndim < 2:
        raise RuntimeError(f"expected total dims >= 2, but got total dims = {input.ndim}")
    a, b = (normal_dim(d, input.ndim, "rot90") for d in dims)
    if a == b:
        raise RuntimeError(f"expected rotation dims to be different, but got dim0 = {dims[0]} and dim1 = {dims[1]}")
    k %= 4
    if k == 0:
        return F.clone(input)
    if k == 2:
        return F.flip(input, (a, b))
    return F.transpose(F.flip(input, (b,)), a, b) if k == 1 else F.transpose(F.flip(input, (a,)), a, b)


# --- triangles and diagonals ------------------------------------------------------------------------------------------


@op(input=lambda g, diagonal: F.tril(g, diagonal), inplace=True)
def tril(xp, input, diagonal: int = 0):
    """The lower triangle of each matrix, up to the diagonal number `diagonal`; zeros above.

    >>> ndl.ones(2, 3).tril()
    tensor([[1., 0., 0.],
            [1., 1., 0.]])
    """
    n, m = _matrix(input, "tril").shape[-2:]
    if m < 1024:
        return F.bend(input, xp.tri(n, m, diagonal, bool), 1, 0)
    out = xp.zeros(input.shape, input.dtype)
    full = max(0, m - 1 - diagonal)  # from here on, rows are whole
    out[..., full:, :] = input[..., full:, :]
    for i in range(max(0, -diagonal), min(n, full)):
        out[..., i, :i + diagonal + 1] = input[..., i, :i + diagonal + 1]
    return out


@op(input=lambda g, diagonal: F.triu(g, diagonal), inplace=True)
def triu(xp, input, diagonal: int = 0):
    """The upper triangle of each matrix, from the diagonal number `diagonal`; zeros below."""
    n, m = _matrix(input, "triu").shape[-2:]
    if m < 1024:
        return F.bend(input, ~xp.tri(n, m, diagonal - 1, bool), 1, 0)
    out = xp.zeros(input.shape, input.dtype)
    full = max(0, 1 - diagonal)  # up to here, rows are whole
    out[..., :full, :] = input[..., :full, :]
    for i in range(full, min(n, m - diagonal)):
        out[..., i, i + diagonal:] = input[..., i, i + diagonal:]
    return out


def _matrix(input: Any, op: str) -> Any:
    if input.ndim < 2:
        raise RuntimeError(f"{op}: input tensor must have at least 2 dimensions; got shape {list(input.shape)}")
    return input


@op(input=lambda g, offset, dim1, dim2: F.diagonal(g, offset, dim1, dim2), out=False)
def diag_embed(xp, input, offset: int = 0, dim1: int = -2, dim2: int = -1):
    """Square matrices, over `dim1` and `dim2` of the result, with the last dimension's elements on a diagonal."""
    n = input.ndim + 1
    a, b = normal_dim(dim1, n, "diag_embed"), normal_dim(dim2, n, "diag_embed")
    if a == b:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    if not input.ndim:
        raise IndexError("Dimension out of range (expected to be in range of [-1, 0], but got -2)")
    size = input.shape[-1] + abs(offset)
    shape = list(input.shape[:-1])
    for d in sorted((a, b)):
        shape.insert(d, size)
    out = xp.zeros(shape, input.dtype)
    F.diagonal(out, offset, a, b)[...] = input
    return out


@composite()
def diag(input, diagonal=0):
    """A matrix with the 1-d input on a diagonal; or, of a matrix, the diagonal.

    >>> ndl.diag(ndl.tensor([1, 2]))
    tensor([[1, 0],
            [0, 2]])
    """
    if input.ndim == 1:
        return F.diag_embed(input, diagonal)
    if input.ndim == 2:
        return F.clone(F.diagonal(input, diagonal))
    raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {input.ndim}D")


@composite(out=False)
def diagflat(input, offset=0):
    """A matrix with all elements of the input on a diagonal."""
    return F.diag_embed(F.reshape(input, (-1,)), offset)


def _blocks(shapes: Any) -> Any:
    """Where each block of this shape goes on the diagonal."""
    row = column = 0
    for shape in shapes:
        n, m = (1,) * (2 - len(shape)) + tuple(shape)
        yield slice(row, row + n), slice(column, column + m)
        row, column = row + n, column + m


@op(tensors=lambda g, tensors_shape: [F.reshape(F.slice(g, block), shape) for block, shape in
                                      zip(_blocks(tensors_shape), tensors_shape, strict=True)],
    promote="number", broadcasts=False, on="", out=False)
def diagonal_blocks(xp, tensors: Arrays):
    where = list(_blocks([t.shape for t in tensors]))
    shape = (where[-1][0].stop, where[-1][1].stop) if where else (1, 0)
    out = xp.zeros(shape, tensors[0].dtype if tensors else xp.float32)
    for t, block in zip(tensors, where, strict=True):
        out[block] = t
    return out


@face("block_diag")
def block_diag(*tensors: Tensor) -> Tensor:
    """The matrices (or rows, or numbers) one after another along the diagonal of a larger one.

    >>> ndl.block_diag(ndl.tensor([[1, 2]]), ndl.tensor([[3]]))
    tensor([[1, 2, 0],
            [0, 0, 3]])
    """
    for i, t in enumerate(tensors):
        if not isinstance(t, Tensor):
            raise errors.not_a_tensor("block_diag", "tensors", i + 1, t)
        if t.ndim > 2:
            raise RuntimeError(f"torch.block_diag: Input tensors must have 2 or fewer dimensions. Input {i} has "
                               f"{t.ndim} dimensions")
    return F.diagonal_blocks(list(tensors))


# --- at least so many dimensions; grids -----------------------------------------------------------------------------


def _at_least(name: str, widen: Any) -> Any:
    def function(*tensors: Any) -> Any:
        several = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)) else tensors
        results = tuple(widen(t) for t in several)
        return results[0] if len(tensors) == 1 and several is tensors else results

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"The tensor, or each of several, with at least {name[8]} dimension{'s' * (name[8] != '1')}."
    return face(name)(function)


atleast_1d = _at_least("atleast_1d", lambda t: t if t.ndim else F.reshape(t, (1,)))
atleast_2d = _at_least("atleast_2d", lambda t: t if t.ndim > 1 else F.reshape(t, (1, -1)))
atleast_3d = _at_least("atleast_3d", lambda t: t if t.ndim > 2 else F.reshape(t, (1, -1, 1)) if t.ndim < 2
                       else F.unsqueeze(t, -1))


@face("broadcast_shapes")
def broadcast_shapes(*shapes: Any) -> Size:
    """The shape that all of these broadcast to. Raises RuntimeError if they don't.

    >>> ndl.broadcast_shapes((2, 1), (3,))
    Size([2, 3])
    """
    result: list[int] = []
    for shape in shapes:
        shape = (shape,) if isinstance(shape, int) else tuple(shape)
        if any(n < 0 for n in shape):
            raise RuntimeError(f"Trying to create tensor with negative dimension: {shape}")
        result = [1] * (len(shape) - len(result)) + result
        for i in range(-1, -len(shape) - 1, -1):
            if result[i] == 1:
                result[i] = shape[i]
            elif shape[i] not in (1, result[i]):
                raise RuntimeError(f"Shape mismatch: objects cannot be broadcast to a single shape: "
                                   f"{', '.join(str(s) for s in shapes)}; sizes are compared from the last dimension, "
                                   f"and must be equal or 1.")
    return Size(result)


@face("broadcast_tensors")
def broadcast_tensors(*tensors: Any) -> tuple[Tensor, ...]:
    """The tensors seen in the shape that all of them broadcast to: views, and a tensor itself where it has that shape."""
    several = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)) else tensors
    shape = broadcast_shapes(*(t.shape for t in several))
    return tuple(t if t.shape == shape else F.expand(t, shape) for t in several)


@face("meshgrid")
def meshgrid(*tensors: Any, indexing: str = "ij") -> tuple[Tensor, ...]:
    """For 1-d tensors of sizes N, M, ...: an (N, M, ...) tensor for each, with its elements along its own dimension.

    indexing  "ij", or "xy" for (M, N, ...)

    >>> ndl.meshgrid(ndl.tensor([1, 2]), ndl.tensor([3, 4]), indexing="ij")[1]
    tensor([[3, 4],
            [3, 4]])
    """
    several = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)) else tensors
    if not several:
        raise ValueError("meshgrid expects a non-empty TensorList")
    if indexing not in ("ij", "xy"):
        raise RuntimeError(f'torch.meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}')
    for t in several:
        if t.ndim > 1:
            raise RuntimeError(f"torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got a tensor of shape "
                               f"{list(t.shape)}")
        if t.dtype != several[0].dtype:
            raise RuntimeError("torch.meshgrid expects all tensors to have the same dtype")
    n = len(several)
    shape = tuple(t.numel() for t in several)
    order = (1, 0, *range(2, n)) if indexing == "xy" and n > 1 else tuple(range(n))
    grids = [F.expand(F.reshape(t, (1,) * i + (-1,) + (1,) * (n - i - 1)), shape) for i, t in enumerate(several)]
    return tuple(grids if order == tuple(range(n)) else [F.permute(g, order) for g in grids])


@face("cartesian_prod")
def cartesian_prod(*tensors: Tensor) -> Tensor:
    """Every way to take one element from each of the 1-d tensors, as rows.

    >>> ndl.cartesian_prod(ndl.tensor([1, 2]), ndl.tensor([3, 4]))
    tensor([[1, 3],
            [1, 4],
            [2, 3],
            [2, 4]])
    """
    for t in tensors:
        if t.ndim != 1:
            raise RuntimeError(f"Expect a 1D vector, but got shape {list(t.shape)}")
    if len(tensors) == 1:
        return tensors[0]
    n = len(tensors)
    return F.reshape(F.stack(list(meshgrid(*tensors)), n), (-1, n))


@composite(on="torch", out=False)
def combinations(input, r=2, with_replacement=False):
    """Every way to take `r` elements of a 1-d tensor, in order and each at most once (`with_replacement`: or again).

    >>> ndl.combinations(ndl.tensor([1, 2, 3]))
    tensor([[1, 2],
            [1, 3],
            [2, 3]])
    """
    if input.ndim != 1:
        raise RuntimeError(f"Expect a 1D vector, but got shape {list(input.shape)}")
    if r < 0:
        raise RuntimeError(f"Expect a non-negative number, but got {r}")
    if r == 0:
        return input.new_zeros((0,))
    return F.index(input, [F.choices(input, r, bool(with_replacement))], (0,))


@op(on="", out=False)
def choices(xp, input, r: int, again: bool):
    """The places of all ways to choose `r` of the input's elements, as rows."""
    n = input.shape[0]
    places = [xp.arange(n).reshape((1,) * d + (-1,) + (1,) * (r - d - 1)) for d in range(r)]
    rising = xp.ones((n,) * r, bool)
    for before, after in zip(places, places[1:], strict=False):
        rising &= (before <= after) if again else (before < after)
    return xp.stack(rising.nonzero(), 1)


def _triangle(name: str, of: Any, text: str) -> None:
    def indices(row: int, col: int, offset: int = 0, *, dtype: Any = int64, device: Any = None,
                layout: Any = None) -> Tensor:
        if row < 0 or col < 0:
            raise RuntimeError(f"{name}: row and col must be non-negative; got {row} and {col}")
        found = [(i, j) for i in range(row) for j in range(*of(i, col, offset))]
        pairs = [[i for i, _ in found], [j for _, j in found]]
        return tensor(pairs, dtype=dtype, device=device)

    indices.__name__ = indices.__qualname__ = name
    indices.__doc__ = f"Rows and columns, as a (2, N) tensor, of the {text} of a (`row`, `col`) matrix."
    face(name)(indices)


_triangle("tril_indices", lambda i, col, offset: (0, max(0, min(col, i + offset + 1))), "lower triangle")
_triangle("triu_indices", lambda i, col, offset: (min(col, max(0, i + offset)), col), "upper triangle")
