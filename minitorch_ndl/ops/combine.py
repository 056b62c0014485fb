"""Several values that fall on one place, combined: scatter_reduce and index_reduce; and places counted through all
dimensions: take and put.
"""

from __future__ import annotations

from ..composite import composite
from ..faces import F
from ..op import op
from ..tensor import Tensor
from .gather import along, checked_index, flat_places, picked
from .shape import normal_dim

_UFUNCS = {"prod": "multiply", "amax": "maximum", "amin": "minimum"}


def _input_gradient(g, input, dim, index, src, reduce, include_self, out):
    """For the tensor that values were combined into."""
    if reduce == "prod":
        nonzero = F.masked_fill(input, input == 0, 1.0)
        grad = g * F.scatter_combine(nonzero, dim, index, src, reduce, include_self) / nonzero
    else:
        won, _, share = _shares(g, input, dim, index, src, out)
        grad = won * share
    return grad if include_self else F.place(grad, dim, index, 0.0)


def _src_gradient(g, input, dim, index, src, reduce, include_self, out, src_shape):
    """For the values."""
    if reduce != "prod":
        _, won, share = _shares(g, input, dim, index, src, out)
        return picked(share, dim, index, src_shape) * won
    # The product of all the others: out / src, but where src is the only zero, the product without it.
    zero = src == 0
    zeros = F.to_dtype(zero, src.dtype)
    many = F.gather(F.scatter_add(F.zeroed(input), dim, index, zeros), dim, index)
    single = zeros * F.to_dtype(many == 1, src.dtype)
    without = F.scatter_combine(input, dim, index, F.masked_fill(src, single == 1, 1.0), reduce, include_self)
    usual = picked(g * out, dim, index, src_shape) / F.masked_fill(src, zero, 1.0)
    return usual * (1 - single) + picked(g * without, dim, index, src_shape) * single


def _shares(g, input, dim, index, src, out):
    """Of the largest (or smallest): who was it, in the input and in `src`, and what each of them gets."""
    won = F.to_dtype(input == out, g.dtype)
    src_won = F.to_dtype(src == F.gather(out, dim, index), g.dtype)
    return won, src_won, g / F.scatter_add(won, dim, index, src_won)


@op(input=_input_gradient, src=_src_gradient, promote="same", broadcasts=False, on="", out=False)
def scatter_combine(xp, input, dim: int, index, src, reduce: str, include_self: bool):
    """The input with the product, maximum or minimum of itself and `src` where `index` says."""
    out = input.copy()
    at, index = along("scatter_reduce", input, dim, index, src)
    if index is None:
        return out
    checked_index("scatter_reduce", index, input.shape[at] if input.ndim else 1, at)
    flat = out.reshape(-1)
    places = flat_places(xp, input.shape, at, index).reshape(-1) if input.ndim > 1 else index.reshape(-1)
    src = (src[tuple(slice(0, k) for k in index.shape)] if src.ndim else src).reshape(-1)
    if not include_self:
        flat[places] = src if reduce != "prod" else 1  # any of those that fall there will do for a maximum
    getattr(xp, _UFUNCS[reduce]).at(flat, places, src)
    return out


@composite(inplace=True)
def scatter_reduce(input, dim, index, src, reduce, *, include_self=True):
    """The input with the elements of `src` combined where `index` says, along `dim`.

    reduce        "sum", "prod", "mean", "amax" or "amin"
    include_self  whether what is there counts as one of them

    >>> ndl.zeros(2).scatter_reduce(0, ndl.tensor([0, 0, 1]), ndl.tensor([1.0, 3.0, 5.0]), "mean", include_self=False)
    tensor([2., 5.])
    """
    if reduce not in ("sum", "mean", *_UFUNCS):
        raise RuntimeError(f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}")
    if src.dtype != input.dtype:
        raise RuntimeError(f"scatter(): Expected self.dtype to be equal to src.dtype; got {input.dtype!r} and "
                           f"{src.dtype!r}")
    if reduce in _UFUNCS:
        return F.scatter_combine(input, dim, index, src, reduce, include_self)
    total = F.scatter_add(input if include_self else F.place(input, dim, index, 0.0), dim, index, src)
    if reduce == "sum":
        return total
    counts = F.zeroed(input) + include_self
    counts = F.clamp(F.scatter_add(counts, dim, index, F.zeroed(src) + 1), 1)
    return total / counts if input.is_floating_point() else F.floor_divide(total, counts)


@composite(inplace=True)
def index_reduce(input, dim, index, source, reduce, *, include_self=True):
    """The input with the slices of `source` combined into those that `index` names, along `dim`.

    reduce  "prod", "mean", "amax" or "amin"; include_self as for `scatter_reduce`
    """
    if reduce not in ("prod", "mean", "amax", "amin"):
        raise RuntimeError(f"index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got {reduce}.")
    if index.ndim > 1:
        raise IndexError(f"index_reduce_(): Index is supposed to be a vector, got shape {list(index.shape)}")
    at = normal_dim(dim, input.ndim, "index_reduce")
    if source.ndim and source.shape[at] != index.numel():
        raise RuntimeError(f"index_reduce_(): Number of indices ({index.numel()}) should be equal to source.size(dim) "
                           f"({source.shape[at]})")
    places = F.expand(F.reshape(index, (1,) * at + (-1,) + (1,) * (source.ndim - at - 1)), source.shape) \
        if source.ndim else F.reshape(index, ())
    return scatter_reduce(input, at, places, source, reduce, include_self=include_self)


# --- places counted through all dimensions --------------------------------------------------------------------------


def _checked_places(op: str, x: Tensor, index: Tensor) -> Tensor:
    array, n = index._array, x.numel()
    if str(array.dtype) != "int64":
        raise RuntimeError(f"{op}(): Expected a long tensor for index, but got {index.dtype!r}. Use index.long().")
    if array.size and (array.min() < -n or array.max() >= n):
        wrong = array[(array < -n) | (array >= n)].reshape(-1)[0]
        raise IndexError(f"out of range: tried to access index {wrong} on a tensor of {n} elements.")
    return index


@composite(out="apart")
def take(input, index):
    """The elements at the places in `index`, counted through all dimensions. The result has the shape of `index`.

    >>> ndl.tensor([[1, 2], [3, 4]]).take(ndl.tensor([0, 3]))
    tensor([1, 4])
    """
    return F.index(F.reshape(input, (-1,)), [_checked_places("take", input, index)], (0,))


@composite(inplace=True)
def put(input, index, source, accumulate=False):
    """The input with the elements of `source` at the places in `index`, counted through all dimensions.

    accumulate  add them to what is there
    """
    if source.dtype != input.dtype:
        raise RuntimeError(f"put_(): self and source expected to have the same dtype, but got self.dtype = "
                           f"{input.dtype!r} and source.dtype = {source.dtype!r}")
    if source.numel() != index.numel():
        raise IndexError(f"put_(): Expected source and index to have the same number of elements, but got "
                         f"source.numel() = {source.numel()}, index.numel() = {index.numel()}")
    index = F.reshape(_checked_places("put_", input, index), (-1,))
    place = F.add_to if accumulate else F.put_at
    return F.reshape(place(F.reshape(input, (-1,)), [index], (0,), F.reshape(source, (-1,))), input.shape)


@composite()
def take_along_dim(input, indices, dim=None):
    """`gather` with broadcasting: along `dim`, the elements that `indices` name; without `dim`, of all in a row."""
    if indices._array.dtype.kind != "i" or indices._array.dtype.itemsize != 8:
        raise RuntimeError(f"take_along_dim(): dtype of indices should be Long but got {indices.dtype!r}")
    if dim is None:
        return take(input, F.reshape(indices, (-1,)))
    if input.ndim != indices.ndim:
        raise RuntimeError(f"take_along_dim(): input and indices should have the same number of dimensions, but got "
                           f"{input.ndim} dimensions for input, and {indices.ndim} dimensions for indices")
    at, n = normal_dim(dim, input.ndim, "take_along_dim"), input.shape[dim]
    shapes = [list(input.shape), list(indices.shape)]
    for d in range(input.ndim):
        if d != at:
            a, b = shapes[0][d], shapes[1][d]
            if a != b and 1 not in (a, b):
                raise RuntimeError(f"The size of tensor a ({a}) must match the size of tensor b ({b}) at non-singleton "
                                   f"dimension {d} (take_along_dim of {input.shape} with indices {indices.shape})")
            shapes[0][d] = shapes[1][d] = b if a == 1 else a
    indices = F.expand(indices, tuple(shapes[1]))
    places = indices._array
    if places.size and (places.min() < 0 or places.max() >= n):
        indices = F.remainder(indices, n)  # torch counts round and round
    return F.gather(F.expand(input, tuple(shapes[0])), at, indices)
