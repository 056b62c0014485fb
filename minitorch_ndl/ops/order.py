"""What depends on the order of the elements: sorting, the largest k, medians, quantiles, modes.

NaN counts as larger than every number, as in torch. Where elements tie, sorts keep their order.
"""

from __future__ import annotations

import math
from typing import Any

from .. import errors
from ..composite import composite
from ..faces import F
from ..op import op
from ..tensor import Tensor
from . import ties
from .reduce import as_index, evenly, kept, not_empty, picked
from .shape import normal_dim

PAIR: dict = {"outputs": ("values", "indices")}


def _order(xp: Any, x: Any, axis: int, descending: bool) -> Any:
    """The indices that sort `x`; elements that tie keep their order."""
    if not descending:
        return xp.argsort(x, axis=axis, kind="stable")
    backwards = xp.argsort(xp.flip(x, axis), axis=axis, kind="stable")
    return x.shape[axis] - 1 - xp.flip(backwards, axis)


@op(**PAIR, input=lambda g, indices, input_shape, dim: F.put_along(g, dim, indices, input_shape))
def sort(xp, input, dim: int = -1, descending: bool = False, stable: bool = False):
    """The elements along `dim` in order, and where they were: (values, indices).

    >>> ndl.tensor([3, 1, 2]).sort().values, ndl.tensor([3, 1, 2]).sort(descending=True).indices
    (tensor([1, 2, 3]), tensor([0, 2, 1]))
    """
    axis = normal_dim(dim, input.ndim, "sort")
    if not input.ndim:
        return input.copy(), xp.zeros((), xp.int64)
    indices = _order(xp, input, axis, descending)
    return xp.take_along_axis(input, indices, axis), indices


@op(out=False)
def argsort(xp, input, dim: int = -1, descending: bool = False, stable: bool = False):
    """The indices that sort the input along `dim`."""
    axis = normal_dim(dim, input.ndim, "argsort")
    return _order(xp, input, axis, descending) if input.ndim else xp.zeros((), xp.int64)


@composite()
def msort(input):
    """The input sorted along its first dimension."""
    return F.sort(input, 0).values


@op(**PAIR, input=lambda g, indices, input_shape, dim: F.put_along(g, dim, indices, input_shape))
def topk(xp, input, k: int, dim: int = -1, largest: bool = True, sorted: bool = True):
    """The `k` largest (or smallest) elements along `dim`, best first, and where they are: (values, indices).

    >>> ndl.tensor([3, 9, 7]).topk(2)
    return_types.topk(
    values=tensor([9, 7]),
    indices=tensor([1, 2]))
    """
    axis = normal_dim(dim, input.ndim, "topk")
    n = input.shape[axis] if input.ndim else 1
    if not 0 <= k <= n:
        raise RuntimeError(f"selected index k out of range: topk(k={k}) of {n} elements along dimension {axis}")
    if input.dtype.kind == "b":
        raise RuntimeError("topk does not support bool dtypes on CPU. Use x.int().")
    if not input.ndim:
        return input.copy(), xp.zeros((), xp.int64)
    x = input if axis == input.ndim - 1 else xp.moveaxis(input, axis, -1)
    if ties.small(xp, x):
        values = xp.sort(x, -1)
        if sorted and not ties.tie_in_order(values):
            best = (..., slice(-1, -k - 1, -1)) if largest else (..., slice(k))
            pair = values[best], xp.argsort(x, -1)[best]
            return tuple([(a if x is input else xp.moveaxis(a, -1, axis)).copy() for a in pair])
        indices = xp.moveaxis(ties.by_rows(xp, x, k, ties.best(k, largest, sorted)), -1, axis)
    elif 0 < k * 8 < n:  # find them first, then put only them in order
        found = _best(xp, xp.ascontiguousarray(x), k, largest)
        found = xp.moveaxis(xp.sort(found, -1), -1, axis)  # sorted, so that elements that tie keep their order
        rank = _order(xp, xp.take_along_axis(input, found, axis), axis, largest)
        indices = xp.take_along_axis(found, rank, axis)
    else:
        indices = _order(xp, input, axis, largest)[(slice(None),) * axis + (slice(None, k),)]
    return xp.take_along_axis(input, indices, axis), indices


def _best(xp: Any, x: Any, k: int, largest: bool) -> Any:
    """Where the `k` best elements of the last dimension are, in any order.

    They lie in the k groups with the best best elements, so only those need a closer look.
    """
    n = x.shape[-1]
    size = math.isqrt(n // k)  # of a group: every `groups`-th element
    if size < 4:
        cut = n - k if largest else k - 1
        found = xp.argpartition(x, cut, -1)
        return found[..., cut:] if largest else found[..., :k]
    groups = n // size
    first = x[..., :groups * size].reshape(*x.shape[:-1], size, groups)
    peaks = first.max(-2) if largest else xp.fmin.reduce(first, axis=-2)  # NaN is larger than everything
    best = _best(xp, peaks, k, largest)[..., None, :] + groups * xp.arange(size)[:, None]
    some = best.reshape(*x.shape[:-1], size * k)
    rest = xp.broadcast_to(xp.arange(groups * size, n), (*x.shape[:-1], n - groups * size))
    some = xp.concatenate([some, rest], -1)
    return xp.take_along_axis(some, _best(xp, xp.take_along_axis(x, some, -1), k, largest), -1)


# --- one element by its rank -----------------------------------------------------------------------------------------


def _ranked(xp: Any, x: Any, axis: int, rank: Any, keepdim: bool, choose: Any = None) -> tuple:
    """The element of `rank` (an int, or an array of them with size 1 along `axis`), and where it is: where a stable
    sort would take it from, or where `choose` finds it, if there are ties."""
    if type(rank) is int:
        values = xp.partition(x, rank, axis)[(slice(None),) * axis + (slice(rank, rank + 1),)]
    else:
        values = xp.take_along_axis(xp.sort(x, axis), rank, axis)
    same = x == values
    if x.dtype.kind == "f":
        same |= xp.isnan(x) & xp.isnan(values)
    rows = xp.moveaxis(x, axis, -1)
    if choose is not None and ties.tie(xp, rows):
        indices = xp.moveaxis(ties.by_rows(xp, rows, 1, choose), -1, axis)
    else:
        earlier = xp.where(values == values, rank - (x < values).sum(axis, keepdims=True), 0)  # equal elements before it
        indices = (same.cumsum(axis) > earlier if earlier.any() else same).argmax(axis, keepdims=True)
    return (values, indices) if keepdim else (values.squeeze(axis), indices.squeeze(axis))


def _chosen(xp: Any, x: Any, dim: int, keepdim: bool, name: str, rank: Any, choose: Any = None) -> tuple:
    """`_ranked` with torch's checks; ``rank(x, axis)`` says which."""
    if x.dtype.kind == "b":
        raise errors.not_implemented(name, x)
    axes = not_empty(x.shape, as_index(dim, name), name)
    if not axes:
        rank(x.reshape(1), 0)
        return x.copy(), xp.zeros((), xp.int64)
    return _ranked(xp, x, axes[0], rank(x, axes[0]), keepdim, choose)


@op(**PAIR, input=picked, out="apart")
def kthvalue(xp, input, k: int, dim: int = -1, keepdim: bool = False):
    """The k-th smallest element along `dim` (k counts from 1), and where it is: (values, indices)."""

    def rank(x: Any, axis: int) -> int:
        if not 1 <= k <= x.shape[axis]:
            raise RuntimeError(f"kthvalue(): selected number k out of range for dimension {axis}: k={k} of "
                               f"{x.shape[axis]} elements")
        return k - 1

    return _chosen(xp, input, dim, keepdim, "kthvalue", rank, ties.kth(k - 1))


def _median_rank(xp: Any, x: Any, axis: int, skip_nan: bool) -> Any:
    n = x.shape[axis]
    if x.dtype.kind != "f":
        return (n - 1) // 2
    missing = xp.isnan(x)
    if not missing.any():
        return (n - 1) // 2
    if skip_nan:
        return xp.maximum((n - missing.sum(axis, keepdims=True) - 1) // 2, 0)
    return xp.where(missing.any(axis, keepdims=True), n - 1, (n - 1) // 2)


@op(name="median", on="", **PAIR, input=picked)
def median_dim(xp, input, dim: int, keepdim: bool):
    """The median along a dimension, and where it is."""
    return _chosen(xp, input, dim, keepdim, "median", lambda x, axis: _median_rank(xp, x, axis, False))


@op(name="nanmedian", on="", **PAIR, input=picked)
def nanmedian_dim(xp, input, dim: int, keepdim: bool):
    """The median along a dimension of what is not NaN, and where it is."""
    return _chosen(xp, input, dim, keepdim, "nanmedian", lambda x, axis: _median_rank(xp, x, axis, True))


@op(input=lambda g, input, out: evenly(g, input, out, None), on="", out=False)
def median_all(xp, input, skip_nan: bool):
    """The median of all elements."""
    if not input.size:
        return xp.full((), float("nan")).astype(input.dtype)
    if input.dtype.kind == "b":
        raise errors.not_implemented("nanmedian" if skip_nan else "median", input)
    x = input.reshape(-1)
    missing = xp.isnan(x) if x.dtype.kind == "f" else None
    if missing is not None and missing.any():
        if not skip_nan or missing.all():
            return x[missing][0]
        x = x[~missing]
    rank = (x.size - 1) // 2
    return xp.partition(x, rank)[rank]


@composite()
def median(input, dim=None, keepdim=False):
    """The median, the lower one of two; with a dim, (values, indices) along it.

    >>> ndl.tensor([3, 1, 2, 9]).median()
    tensor(2)
    """
    return F.median_all(input, False) if dim is None else F.median(input, dim, keepdim)


@composite()
def nanmedian(input, dim=None, keepdim=False):
    """The median of what is not NaN; with a dim, (values, indices) along it."""
    return F.median_all(input, True) if dim is None else F.nanmedian(input, dim, keepdim)


@op(**PAIR, input=picked)
def mode(xp, input, dim: int = -1, keepdim: bool = False):
    """The most frequent value along `dim` (the smallest, at a tie), and where it last occurs: (values, indices)."""
    axes = not_empty(input.shape, as_index(dim, "mode"), "mode")
    if not axes:
        return input.copy(), xp.zeros((), xp.int64)
    axis = axes[0]
    x = xp.moveaxis(input, axis, -1)
    if ties.tie(xp, x):
        indices = xp.moveaxis(ties.by_rows(xp, x, 1, ties.most_frequent), -1, axis)
        values = xp.take_along_axis(input, indices, axis)
        return (values, indices) if keepdim else (values.squeeze(axis), indices.squeeze(axis))
    order = xp.argsort(x, axis=-1, kind="stable")
    x = xp.take_along_axis(x, order, -1)
    place = xp.arange(x.shape[-1])
    starts = xp.where(x[..., 1:] != x[..., :-1], place[1:], 0)  # where runs of equal elements begin
    length = place - xp.maximum.accumulate(xp.concatenate([xp.zeros_like(order[..., :1]), starts], -1), -1)
    longest = length.argmax(-1, keepdims=True)
    values, indices = (xp.moveaxis(xp.take_along_axis(a, longest, -1), -1, axis) for a in (x, order))
    return (values, indices) if keepdim else (values.squeeze(axis), indices.squeeze(axis))


# --- quantiles -------------------------------------------------------------------------------------------------------


@composite()
def quantile(input, q, dim=None, keepdim=False, *, interpolation="linear"):
    """The value below which a share `q` of the elements lies: between sorted neighbours by `interpolation`.

    `q` is a number or a 1-D tensor of them, whose dimension comes first in the result. `interpolation` is "linear",
    "lower", "higher", "midpoint" or "nearest".

    >>> ndl.quantile(ndl.tensor([1.0, 2.0, 3.0, 10.0]), 0.5)
    tensor(2.5000)
    """
    return _quantile(input, q, dim, keepdim, interpolation, False, "quantile")


@composite()
def nanquantile(input, q, dim=None, keepdim=False, *, interpolation="linear"):
    """The quantile of what is not NaN; see `quantile`."""
    return _quantile(input, q, dim, keepdim, interpolation, True, "nanquantile")


def _quantile(x: Tensor, q: Any, dim: Any, keepdim: bool, interpolation: str, skip_nan: bool, name: str) -> Tensor:
    if x.dtype.itemsize < 4 or not x.dtype.is_floating_point:
        raise RuntimeError(f"{name}() input tensor must be either float or double dtype; got {x.dtype!r}")
    if interpolation not in ("linear", "lower", "higher", "midpoint", "nearest"):
        raise RuntimeError(f"{name}() interpolation must be one of linear, lower, higher, midpoint or nearest, but got "
                           f"{interpolation}")
    if not x.numel():
        raise RuntimeError(f"{name}() input tensor must be non-empty")
    if isinstance(q, Tensor):
        if q.ndim > 1:
            raise RuntimeError(f"{name}() q must be a scalar or 1D tensor; got {q.ndim} dimensions")
        if q.dtype != x.dtype:
            raise RuntimeError(f"{name}() q tensor must be same dtype as the input tensor; got {q.dtype!r} and "
                               f"{x.dtype!r}")
        if q.numel() and not ((q >= 0) & (q <= 1)).all():
            raise RuntimeError(f"{name}() q values must be in the range [0, 1]")
    elif isinstance(q, (int, float)):
        if not 0 <= q <= 1:
            raise RuntimeError(f"{name}() q must be in the range [0, 1] but got {q}")
        q = x.new_full((), q)
    else:
        raise TypeError(f"{name}(): q must be a number or a Tensor, not {type(q).__name__}")
    shape, ndim = x.shape, x.ndim
    axis = 0 if dim is None else normal_dim(dim, ndim, name)
    x = x.reshape(-1) if dim is None or not ndim else x.movedim(axis, -1)
    values = F.sort(x, -1).values
    missing = x.isnan().sum(-1, keepdim=True)
    n = x.shape[-1]
    if skip_nan:
        rank = q.reshape(-1) * (n - 1 - missing).clamp(min=0).to(x.dtype)
    else:  # NaN, which sorts last, if there is one
        rank = F.where(missing > 0, n - 1.0, q.reshape(-1) * (n - 1))
    if interpolation in ("lower", "higher", "nearest"):
        rank = {"lower": rank.floor, "higher": rank.ceil, "nearest": rank.round}[interpolation]()
    below = rank.long()
    out = values.gather(-1, below)
    if interpolation in ("linear", "midpoint"):
        weight = rank - rank.floor() if interpolation == "linear" else 0.5
        out = out.lerp(values.gather(-1, rank.ceil().long()), weight)
    out = out.movedim(-1, 0)
    return out.reshape((*q.shape, *(kept(shape, dim) if keepdim else out.shape[1:])))
