"""Images in other sizes. (`grid.py` looks images up at any place.)

`interpolate` changes each dimension by itself: every new element is a weighted sum of a few old ones. A table says which
and with what weights, and the same table read the other way round makes the gradient.
"""

from __future__ import annotations

import itertools
import math
import warnings
from typing import Any, NamedTuple

from .. import errors
from ..composite import composite
from ..faces import F
from ..op import op
from .special import single

# --- the tables -------------------------------------------------------------------------------------------------------


class Change(NamedTuple):
    """How one dimension changes: from `n` to `m` elements; `scale` if it was given as a factor."""

    mode: str
    n: int
    m: int
    scale: float | None
    align_corners: bool
    antialias: bool

    def nothing(self) -> bool:
        return self.n == self.m and self.scale in (None, 1)


def _table(xp: Any, change: Change, dtype: Any) -> tuple[Any, Any]:
    """Which old elements make up each new one, (taps, m), and their weights (None: all 1)."""
    mode, n, m = change.mode, change.n, change.m
    number = dtype.type
    if change.align_corners:
        step = number(n - 1) / number(m - 1) if m > 1 else number(0)
    else:
        step = number(1 / change.scale) if change.scale else number(n) / number(m)
    at = xp.arange(m).astype(dtype)
    half = number(0.5)
    if change.antialias:
        return _smooth_table(xp, change, step, (at + half) * step)
    if mode == "nearest":
        return xp.floor(at * step).astype(xp.int64).clip(0, n - 1)[None], None
    if mode == "nearest-exact":
        return xp.floor((at + half) * step).astype(xp.int64).clip(0, n - 1)[None], None
    at = at * step if change.align_corners else (at + half) * step - half
    if mode == "bicubic":
        low = xp.floor(at)
        index = low.astype(xp.int64) + xp.arange(-1, 3)[:, None]
        return index.clip(0, n - 1), xp.stack(cubic(at - low))
    at = xp.maximum(at, number(0))
    low = at.astype(xp.int64).clip(0, n - 1)
    t = (at - low).astype(dtype).clip(0, 1)
    return xp.stack([low, (low + 1).clip(0, n - 1)]), xp.stack([1 - t, t])


def cubic(t: Any) -> list[Any]:
    """The weights of the four elements around a place at distance `t` from the second.

    https://ieeexplore.ieee.org/document/1163711
    """
    def near(x: Any) -> Any:
        return ((1.25 * x) - 2.25) * x * x + 1

    def far(x: Any) -> Any:
        return ((-0.75 * x + 3.75) * x - 6) * x + 3

    return [far(t + 1), near(t), near(1 - t), far(2 - t)]


# By mode: how far the filter reaches, and the filter.
_FILTERS = {
    "bilinear": (1, lambda xp, x: xp.maximum(1 - x, 0)),
    "bicubic": (2, lambda xp, x: xp.where(x < 1, (1.5 * x - 2.5) * x * x + 1,
                                          xp.where(x < 2, ((-0.5 * x + 2.5) * x - 4) * x + 2, 0 * x))),
    "lanczos": (3, lambda xp, x: xp.where(x < 3, xp.sinc(x) * xp.sinc(x / 3), 0 * x)),
}


def _smooth_table(xp: Any, change: Change, step: Any, center: Any) -> tuple[Any, Any]:
    """With antialias: when an image shrinks, the filter grows, and no old element is left out."""
    reach, weigh = _FILTERS[change.mode]
    support = reach * max(step, step.dtype.type(1))
    first = (center - support + center.dtype.type(0.5)).astype(xp.int64).clip(0, None)
    last = (center + support + center.dtype.type(0.5)).astype(xp.int64).clip(None, change.n)
    index = first + xp.arange(int((last - first).max()))[:, None]
    distance = xp.abs((index - center + 0.5).astype(center.dtype) / max(step, step.dtype.type(1)))
    weight = xp.where(index < last, weigh(xp, distance), 0 * distance).astype(center.dtype)
    return index.clip(0, change.n - 1), weight / weight.sum(0)


def _turned(xp: Any, index: Any, weight: Any, n: int) -> tuple[Any, Any]:
    """The table of the transposed map: for each old element, which new ones it went to."""
    taps, m = index.shape
    old, new = index.reshape(-1), xp.broadcast_to(xp.arange(m), index.shape).reshape(-1)
    order = xp.argsort(old, kind="stable")
    old, new = old[order], new[order]
    counts = xp.bincount(old, minlength=n)
    place = xp.arange(old.size) - (xp.cumsum(counts) - counts)[old]
    turned = xp.zeros((int(counts.max()), n), xp.int64)
    turned[place, old] = new
    weights = xp.zeros(turned.shape, xp.float64 if weight is None else weight.dtype)
    weights[place, old] = 1 if weight is None else weight.reshape(-1)[order]
    return turned, weights


def _weighted(xp: Any, x: Any, axis: int, index: Any, weight: Any) -> Any:
    """The sum over taps of x[index] * weight along `axis`."""
    out = None
    for i, at in enumerate(index):
        part = _taken(x, axis, at)
        if weight is not None:
            w = weight[i]
            if not (w == 1).all():
                part = part * w.astype(x.dtype, copy=False).reshape((-1,) + (1,) * (x.ndim - 1 - axis))
        out = part if out is None else xp.add(out, part, out=out if out.base is None else None)
    return out


def _taken(x: Any, axis: int, at: Any) -> Any:
    """x[at] along `axis`; a view where the places are evenly spaced."""
    first, count = int(at[0]), at.size
    step = int(at[1]) - first if count > 1 else 1
    if step > 0 and int(at[-1]) == first + step * (count - 1) and ((at[1:] - at[:-1]) == step).all():
        return x[(slice(None),) * axis + (slice(first, first + step * count, step),)]
    return x.take(at, axis)


def _merged(xp: Any, index: Any, weight: Any) -> Any:
    """At the border several taps are the same old element: one weight for them, which is then rounded once."""
    weight = weight.copy()
    for i, j in itertools.combinations(range(len(index)), 2):
        same = index[i] == index[j]
        weight[i] += xp.where(same, weight[j], 0)
        weight[j] = xp.where(same, 0, weight[j])
    return weight


def _resample_bytes(xp: Any, x: Any, changes: tuple) -> Any:
    """Pixels of 8 bits, as torch (and Pillow) does: with weights in fixed point, rounded after each dimension."""
    for d in reversed(range(len(changes))):
        if changes[d].nothing():
            continue
        index, weight = _table(xp, changes[d], xp.dtype(xp.float64))
        axis = x.ndim - len(changes) + d
        if weight is None:
            x = x.take(index[0], axis)
            continue
        if not changes[d].antialias:
            weight = _merged(xp, index, weight)
        bits = min(21, int(math.log2((2**15 - 0.5) / float(weight.max()))))
        fixed = xp.floor(xp.abs(weight) * 2**bits + 0.5) * xp.sign(weight)
        total = _weighted(xp, x.astype(xp.int32), axis, index, fixed)
        x = ((total + 2 ** (bits - 1)) >> bits).clip(0, 255).astype(xp.uint8)
    return x


def _resample(xp: Any, input: Any, changes: tuple, back: bool) -> Any:
    if input.dtype.kind != "f":
        return _resample_bytes(xp, input, changes)
    x = single(input)
    # First what makes fewest elements, and of the dimensions that grow, the last: its elements are dear to pick.
    order = sorted(range(len(changes)), key=lambda d: (changes[d].m / changes[d].n, -d))
    for d in reversed(order) if back else order:
        if not changes[d].nothing():
            index, weight = _table(xp, changes[d], x.dtype)
            if back:
                index, weight = _turned(xp, index, weight, changes[d].n)
            x = _weighted(xp, x, x.ndim - len(changes) + d, index, weight)
    return x.astype(input.dtype, copy=x is input or x.base is not None)


@op(input=lambda g, changes: F.resized_back(g, changes), on="", out=False)
def resized(xp, input, changes: object):
    """The last dimensions changed as `changes` say, each by itself."""
    return _resample(xp, input, changes, False)


@op(input=lambda g, changes: F.resized(g, changes), on="", out=False)
def resized_back(xp, input, changes: object):
    """What went into each new element given back to the old ones."""
    return _resample(xp, input, changes, True)


# --- interpolate ------------------------------------------------------------------------------------------------------

_MODES = {"nearest": (3, 4, 5), "nearest-exact": (3, 4, 5), "area": (3, 4, 5), "linear": (3,), "bilinear": (4,),
          "bicubic": (4,), "lanczos": (4,), "trilinear": (5,)}
_NEEDS = {"linear": 3, "bilinear": 4, "trilinear": 5}


@composite(on="functional", out=False)
def interpolate(input, size=None, scale_factor=None, mode="nearest", align_corners=None, recompute_scale_factor=None,
                antialias=False):
    """(N, C, ...) in another `size`, given as one number or one for each of the 1 to 3 last dimensions, or `scale_factor`
    times as large.

    mode           "nearest" (with a rounding of old), "nearest-exact", "linear", "bilinear", "trilinear" (for 1, 2, 3
                   dimensions), "bicubic", "area"
    align_corners  the corners' centers stay where they are, rather than the corners
    antialias      when shrinking with "bilinear" or "bicubic", let all old elements count

    >>> x = ndl.tensor([[[0., 2., 4.]]])
    >>> ndl.nn.functional.interpolate(x, scale_factor=2), ndl.nn.functional.interpolate(x, 5, mode="linear", align_corners=True)
    (tensor([[[0., 0., 2., 2., 4., 4.]]]), tensor([[[0., 1., 2., 3., 4.]]]))
    """
    if mode in ("nearest", "area", "nearest-exact") and align_corners is not None:
        raise ValueError("align_corners option can only be set with the interpolating modes: linear | bilinear | bicubic | "
                         "trilinear")
    shape = input._array.shape
    dims = len(shape) - 2
    sizes, scales = _sizes(shape, dims, size, scale_factor)
    if recompute_scale_factor and size is not None:
        raise ValueError("recompute_scale_factor is not meaningful with an explicit size.")
    if recompute_scale_factor or mode == "area":
        scales = [None] * dims
    if antialias and not (mode in _FILTERS and len(shape) == 4):
        raise ValueError("Anti-alias option is restricted to bilinear, bicubic, and lanczos modes and requires a 4-D tensor "
                         "as input")
    if len(shape) not in _MODES.get(mode, ()):
        if mode in _NEEDS and dims in (1, 2, 3):
            raise NotImplementedError(f"Got {len(shape)}D input, but {mode} mode needs {_NEEDS[mode]}D input")
        raise NotImplementedError(f"Input Error: Only 3D, 4D and 5D input Tensors supported (got {len(shape)}D) for the "
                                  f"modes: {' | '.join(_MODES)} (got {mode})")
    if mode == "area":
        return getattr(F, f"adaptive_avg_pool{dims}d")(input, sizes)
    if mode == "lanczos" and (align_corners or not antialias):
        raise ValueError("Lanczos mode requires antialias=True and does not support align_corners=True")
    if any(isinstance(n, float) for n in sizes):
        raise TypeError(f"interpolate(): argument 'size' must be an int or a tuple of ints; got {size}")
    if min(*sizes, *shape[2:]) < 1:
        raise RuntimeError(f"interpolate: Input and output sizes should be greater than 0, but got input "
                           f"{tuple(shape[2:])} output {tuple(sizes)}")
    if not shape[1]:
        raise RuntimeError(f"interpolate: Non-empty {len(shape)}D data tensor expected but got a tensor with sizes "
                           f"{list(shape)}")
    kind = input._array.dtype
    if kind.char not in ("fd" if antialias else "efd") and (kind.char != "B" or mode in ("linear", "trilinear")):
        raise errors.not_implemented(f"upsample_{mode}{dims}d", input._array)
    # Where a factor such as 1.1 makes no element more (and for "nearest", exactly as many more), the sizes alone count.
    whole = (1, 2) if mode == "nearest" and dims > 1 else (1,) if antialias or mode in _NEEDS or kind.char == "B" else ()
    changes = tuple(Change(mode, n, m, None if m / n in whole else s, bool(align_corners), antialias)
                    for n, m, s in zip(shape[2:], sizes, scales, strict=True))
    return F.resized(input, changes)


def _sizes(shape: tuple, dims: int, size: Any, scale_factor: Any) -> tuple[list, list]:
    """The new sizes, and the factors if they were given."""
    if size is not None and scale_factor is not None:
        raise ValueError("only one of size or scale_factor should be defined")
    if size is None and scale_factor is None:
        raise ValueError("either size or scale_factor should be defined")
    given = size if scale_factor is None else scale_factor
    several = isinstance(given, (tuple, list))
    values = list(given) if several else [given] * dims
    if len(values) != dims:
        what = "output" if scale_factor is None else "scale_factor"
        raise ValueError(f"Input and {what} must have the same number of spatial dimensions, but got input with spatial "
                         f"dimensions of {list(shape[2:])} and {what} of {given}. Please provide input tensor in (N, C, d1, "
                         f"d2, ...,dK) format.")
    if scale_factor is not None:
        return [int(n * s) for n, s in zip(shape[2:], values, strict=True)], [float(s) for s in values]
    if several and any(isinstance(v, float) for v in values):
        raise TypeError(f"expected size to be one of int or Tuple[int] or Tuple[int, int] or Tuple[int, int, int], but got "
                        f"size with types {[type(v) for v in values]}")
    return [v if isinstance(v, float) else v.__index__() for v in values], [None] * dims


def _deprecated(name: str, instead: str) -> None:
    warnings.warn(f"`nn.functional.{name}` is deprecated. Use `nn.functional.{instead}` instead.", stacklevel=5)


@composite(on="functional", out=False)
def upsample(input, size=None, scale_factor=None, mode="nearest", align_corners=None):
    """`interpolate` by its old name."""
    _deprecated("upsample", "interpolate")
    return interpolate.composite(input, size, scale_factor, mode, align_corners)


@composite(on="functional", out=False)
def upsample_nearest(input, size=None, scale_factor=None):
    """`interpolate` with ``mode="nearest"``."""
    _deprecated("upsample_nearest", "interpolate")
    return interpolate.composite(input, size, scale_factor, "nearest")


@composite(on="functional", out=False)
def upsample_bilinear(input, size=None, scale_factor=None):
    """`interpolate` with ``mode="bilinear"`` and ``align_corners=True``."""
    _deprecated("upsample_bilinear", "interpolate")
    return interpolate.composite(input, size, scale_factor, "bilinear", True)
