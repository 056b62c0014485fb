"""Where elements are, which there are, and how many: nonzero, unique, histograms, sorted boundaries. No gradients."""

from __future__ import annotations

import math
from typing import Any

from .. import dtypes
from ..composite import composite
from ..faces import F
from ..op import op
from ..tensor import Tensor
from .shape import normal_dim


@op(on="")
def nonzero_places(xp, input):
    """The places of the elements that are not zero, as rows."""
    if input.ndim < 2:
        return xp.array(input.nonzero()).T if input.ndim else xp.zeros((int(input != 0), 0), xp.int64)
    if input.size < 1000:
        return xp.array(input.nonzero()).T
    # Count row by row: the array module's own way asks for the place in every dimension, element by element.
    n, rows = input.shape[-1], input.size // max(input.shape[-1], 1)
    flat = xp.flatnonzero(input)
    counts = xp.count_nonzero(input.reshape(rows, n), 1)
    places, step = [], rows
    for size in input.shape[:-1]:
        step //= max(size, 1)
        places.append(xp.repeat(xp.arange(rows) // max(step, 1) % max(size, 1), counts))
    places.append(flat - xp.repeat(xp.arange(rows) * n, counts))
    return xp.array(places).T


@composite()
def nonzero(input, *, as_tuple=False):
    """The places of the elements that are not zero, as rows of a matrix; or one tensor for each dimension (`as_tuple`).

    >>> ndl.tensor([0, 3, 5]).nonzero()
    tensor([[1],
            [2]])
    """
    if not as_tuple:
        return F.nonzero_places(input)
    return F.unbind(F.nonzero_places(input if input.ndim else F.reshape(input, (1,))), 1)


@composite()
def argwhere(input):
    """`nonzero` as rows."""
    return F.nonzero_places(input)


@composite(on="torch", out=False)
def unravel_index(indices, shape):
    """Places counted through all dimensions of `shape`, as one tensor for each dimension.

    >>> ndl.unravel_index(ndl.tensor([5]), (2, 3))
    (tensor([1]), tensor([2]))
    """
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    array = indices._array
    if array.dtype.kind not in "iu":
        raise ValueError(f"expected 'indices' to be integer dtype, but got {indices.dtype!r}")
    if any(n < 0 for n in shape):
        raise ValueError(f"'shape' cannot have negative values, but got {shape}")
    if array.size and (array.min() < 0 or array.max() >= math.prod(shape)):
        raise ValueError(f"indices are out of bounds for shape {shape}: they go from {array.min()} to {array.max()}")
    places, step = [], math.prod(shape)
    for n in shape:
        step //= max(n, 1)
        places.append(F.floor_divide(indices, step) % n)
    return tuple(places)


# --- unique -----------------------------------------------------------------------------------------------------------


@op(many=True, on="", out=False)
def unique_parts(xp, input, dim: object, consecutive: bool, inverse: bool, counts: bool):
    """The elements (or, with `dim`, slices) that differ; if asked, where each came to, and how often it is there."""
    if dim is None:
        rows = input.reshape(-1)
    else:
        ahead = xp.moveaxis(input, dim, 0)
        rows = ahead.reshape(len(ahead), input.size // max(len(ahead), 1))
    n, order = len(rows), None
    if not consecutive:
        if rows.ndim == 1 and rows.dtype.kind in "iu" and n and int(rows.max()) - int(rows.min()) < 2 * n:
            return _counted_unique(xp, rows, input.shape, inverse, counts)
        if rows.ndim == 1 and not inverse:
            rows = xp.sort(rows)
        else:
            order = xp.argsort(rows, kind="stable") if rows.ndim == 1 else \
                xp.lexsort(rows.T[::-1]) if rows.shape[1] else xp.arange(n)
            rows = rows[order]
    new = xp.ones(n, bool)
    if n:
        differ = rows[1:] != rows[:-1]
        new[1:] = differ if rows.ndim == 1 else differ.any(1)
    parts = [rows[new]]
    if dim is not None:
        rest = input.shape[:dim] + input.shape[dim + 1:]
        found = parts[0].reshape(-1, *rest) if rows.size else xp.zeros((int(new.sum()), *rest), rows.dtype)
        parts[0] = xp.moveaxis(found, 0, dim)
    if inverse:
        number = xp.cumsum(new) - 1
        if order is not None:
            number[order] = number.copy()
        parts.append(number if dim is not None else number.reshape(input.shape))
    if counts:
        first = xp.flatnonzero(new)
        parts.append(xp.concatenate([first[1:], xp.full(min(1, len(first)), n)]) - first)
    return parts


def _counted_unique(xp: Any, values: Any, shape: Any, inverse: bool, counts: bool) -> list[Any]:
    """For integers in a narrow range: count them instead of sorting."""
    low = values.min()
    from_low = values.astype(xp.int64, copy=False) - int(low)
    times = xp.bincount(from_low)
    present = xp.flatnonzero(times)
    parts = [(present + int(low)).astype(values.dtype)]
    if inverse:
        number = xp.zeros(times.size, xp.int64)
        number[present] = xp.arange(present.size)
        parts.append(number[from_low].reshape(shape))
    if counts:
        parts.append(times[present])
    return parts


@composite(out=False)
def unique(input, sorted=True, return_inverse=False, return_counts=False, dim=None):
    """The elements that differ, in order; with `dim`, the slices that differ.

    return_inverse  also, for each element, its place among them
    return_counts   also how often each is there

    >>> ndl.tensor([3, 1, 1]).unique(return_counts=True)
    (tensor([1, 3]), tensor([2, 1]))
    """
    return _unique(input, dim, False, return_inverse, return_counts)


@composite(out=False)
def unique_consecutive(input, return_inverse=False, return_counts=False, dim=None):
    """The elements (with `dim`, slices) that differ from the one before.

    >>> ndl.tensor([1, 1, 2, 1]).unique_consecutive()
    tensor([1, 2, 1])
    """
    return _unique(input, dim, True, return_inverse, return_counts)


def _unique(x: Tensor, dim: Any, consecutive: bool, return_inverse: bool, return_counts: bool) -> Any:
    at = None if dim is None else normal_dim(dim, x.ndim, "unique")
    parts = F.unique_parts(x.detach() if x.ndim or dim is None else F.reshape(x, (1,)), at, consecutive,
                           return_inverse, return_counts)
    return parts[0] if len(parts) == 1 else parts


# --- counting ---------------------------------------------------------------------------------------------------------


@op(out=False)
def bincount(xp, input, weights=None, minlength: int = 0):
    """How often each of 0, 1, 2, ... is there, or the sum of its `weights`; at least `minlength` of them.

    >>> ndl.tensor([1, 3, 1]).bincount()
    tensor([0, 2, 0, 1])
    """
    if input.dtype.kind not in "iu":
        raise NotImplementedError(f'"bincount_cpu" not implemented for {input.dtype}; expected integers')
    if input.ndim != 1 or (input.size and input.min() < 0):
        raise RuntimeError(f"bincount only supports 1-d non-negative integral inputs; got shape {list(input.shape)}"
                           + (f" with {input.min()}" if input.size else ""))
    if minlength < 0:
        raise RuntimeError(f"minlength should be >= 0; got {minlength}")
    if weights is not None and weights.shape != input.shape:
        raise RuntimeError(f"weights should be 1-d and have the same length as input; got {list(weights.shape)} for "
                           f"{list(input.shape)}")
    if not input.size:
        return xp.zeros(minlength, xp.int64)
    counted = xp.bincount(input.astype(xp.int64, copy=False), weights, minlength)
    return counted.astype(weights.dtype, copy=False) if weights is not None and weights.dtype == xp.float32 else counted


def _edges(xp: Any, op: str, input: Any, bins: int, low: Any, high: Any) -> Any:
    """Where equal bins begin and end."""
    if bins <= 0:
        raise RuntimeError(f"torch.histogram(): bins must be > 0, but got {bins} for dimension 0")
    if low == high and input.size:
        low, high = input.min(), input.max()
    if not (low - low == 0 and high - high == 0):  # infinite or NaN
        raise RuntimeError(f"torch.{op}: range of [{low}, {high}] is not finite")
    if low > high:
        raise RuntimeError(f"torch.{op}: max must be larger than min; got {low} and {high}")
    return low, high


def _counted(xp: Any, input: Any, edges: Any, weight: Any, low: Any, high: Any) -> Any:
    """How much of `weight` (or how many elements) lies between each pair of `edges`; the last includes its end."""
    values = input.reshape(-1)
    inside = (values >= low) & (values <= high)
    values, bins = values[inside], edges.size - 1
    places = xp.minimum(xp.searchsorted(edges, values, "right") - 1, bins - 1)
    weights = None if weight is None else weight.reshape(-1)[inside]
    return xp.bincount(places, weights, bins)[:bins].astype(input.dtype)


@op()
def histc(xp, input, bins: int = 100, min: object = 0, max: object = 0):
    """How many elements lie in each of `bins` equal bins from `min` to `max` (both 0: the smallest and the largest).

    >>> ndl.histc(ndl.tensor([1.0, 2.0, 1.0]), bins=4, min=0, max=3)
    tensor([0., 2., 1., 0.])
    """
    if input.dtype.kind != "f":
        raise NotImplementedError(f'"histogram_cpu" not implemented for {input.dtype}; expected floats')
    low, high = _edges(xp, "histc", input, bins, input.dtype.type(min), input.dtype.type(max))
    if low == high:
        low, high = low - input.dtype.type(1), high + input.dtype.type(1)
    values = input.reshape(-1)
    values = values[(values >= low) & (values <= high)]
    places = ((values - low) * (bins / (high - low))).astype(xp.int64)
    return xp.bincount(xp.minimum(places, bins - 1), None, bins).astype(input.dtype)


@op(outputs=("hist", "bin_edges"))
def histogram(xp, input, bins: object = 100, *, range: object = None, weight=None, density: bool = False):
    """How many elements (or how much `weight`) lie in each bin, and the edges of the bins.

    bins     their number, equal over `range` (default: all elements); or a tensor of increasing edges
    density  divide so that the integral is 1

    >>> ndl.histogram(ndl.tensor([1.0, 2.0, 1.0]), 2).hist
    tensor([2., 1.])
    """
    if input.dtype.kind != "f":
        raise NotImplementedError(f'"histogramdd" not implemented for {input.dtype}; expected floats')
    if isinstance(bins, Tensor):
        edges = bins._array
    elif isinstance(bins, int):
        low, high = range if range is not None else (0.0, 0.0)
        low, high = _edges(xp, "histogram", input, bins, input.dtype.type(low), input.dtype.type(high))
        if low == high:
            low, high = (low - input.dtype.type(0.5), high + input.dtype.type(0.5)) if input.size else (low, low + 1)
        edges = xp.linspace(low, high, bins + 1, dtype=input.dtype)
    else:
        raise TypeError(f"histogram(): argument 'bins' must be an int or a Tensor of edges, not {type(bins).__name__}")
    hist = _counted(xp, input, edges, weight, edges[0], edges[-1])
    if density:
        hist = hist / (hist.sum() * (edges[1:] - edges[:-1]))
    return hist, edges.copy()


# --- sorted boundaries ----------------------------------------------------------------------------------------------


@op(on="")
def search_rows(xp, boundaries, values, right: bool, int32: bool):
    """For each value, how many boundaries of its own row come before it."""
    side = "right" if right else "left"
    if boundaries.ndim == 1:
        found = xp.searchsorted(boundaries, values, side)
    else:
        rows = boundaries.reshape(math.prod(boundaries.shape[:-1]), boundaries.shape[-1])
        asked = values.reshape(rows.shape[0], values.shape[-1])
        found = xp.empty(asked.shape, xp.int64)
        for i, row in enumerate(rows):
            found[i] = xp.searchsorted(row, asked[i], side)
        found = found.reshape(values.shape)
    return xp.asarray(found).astype(xp.int32 if int32 else xp.int64)


@composite(on="torch")
def searchsorted(sorted_sequence, input, *, out_int32=False, right=False, side=None, sorter=None):
    """Where each value of `input` belongs in the sorted last dimension of `sorted_sequence`.

    right   after equal elements (the same as ``side="right"``) instead of before them
    sorter  an order that sorts `sorted_sequence`, as from `argsort`

    >>> ndl.searchsorted(ndl.tensor([1, 3, 5]), ndl.tensor([3, 4]))
    tensor([1, 2])
    """
    bounds = sorted_sequence
    if not bounds.ndim:
        raise RuntimeError("torch.searchsorted(): boundaries tensor should have positive dimension, but got 0 "
                           "dimension")
    if side not in (None, "left", "right"):
        raise RuntimeError(f"torch.searchsorted(): side can only be 'left' or 'right' but got {side}")
    if side == "left" and right:
        raise RuntimeError("torch.searchsorted(): side and right can't be set to opposites, got side of left while "
                           "right was True")
    if not isinstance(input, Tensor):
        input = bounds.new_tensor(input, dtype=None if isinstance(input, int) else dtypes.get_default_dtype())
    if bounds.ndim != 1:
        if not input.ndim:
            raise RuntimeError(f"torch.searchsorted(): input value can be a scalar only when boundaries tensor "
                               f"dimension is "
                               f"1, but we got boundaries tensor dim({bounds.ndim}) and input value's dim(0) numel(1)")
        if input.shape[:-1] != bounds.shape[:-1]:
            raise RuntimeError(f"torch.searchsorted(): boundaries tensor should be 1 dimension or the first N-1 "
                               f"dimensions of "
                               f"boundaries tensor and input value tensor must match, but we got boundaries tensor "
                               f"{list(bounds.shape)} and input value tensor {list(input.shape)}")
    if sorter is not None:
        if sorter.shape != bounds.shape:
            raise RuntimeError(f"torch.searchsorted(): boundary and sorter must have the same size, but got boundary "
                               f"tensor {list(bounds.shape)}and got sorter tensor {list(sorter.shape)}")
        bounds = F.gather(bounds, -1, sorter)
    return F.search_rows(bounds, input, bool(right or side == "right"), bool(out_int32))


@composite(on="torch")
def bucketize(value, boundaries, *, out_int32=False, right=False):
    """In which bucket between the sorted 1-d `boundaries` each value (a tensor, or a number) lies.

    >>> ndl.bucketize(ndl.tensor([2, 9]), ndl.tensor([1, 5]))
    tensor([1, 2])
    """
    if boundaries.ndim != 1:
        raise RuntimeError(f"boundaries tensor must be 1 dimension, but got dim({boundaries.ndim})")
    return searchsorted(boundaries, value, out_int32=out_int32, right=right)
