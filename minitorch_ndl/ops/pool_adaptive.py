"""Pools that are told the size of their result, and find the windows for it; and unpooling.

https://pytorch.org/docs/stable/nn.functional.html#pooling-functions
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from .. import backend, errors
from ..composite import composite
from ..faces import F
from ..op import op
from ..random import default_generator
from ..tensor import Tensor
from .pool import Ints, Windows, check_input, largest, numbers


class Regions(NamedTuple):
    """The whole input, divided into `out` regions along each dimension; they share elements where that isn't even."""

    size: Ints
    out: Ints

    def spans(self, d: int) -> list[slice]:
        n, m = self.size[d], self.out[d]
        return [slice(i * n // m, -(-(i + 1) * n // m)) for i in range(m)]

    def taps(self, d: int) -> list[tuple[slice, slice]]:
        """As `Windows.taps`, where the regions are all alike; none otherwise."""
        n, m = self.size[d], self.out[d]
        return [] if not m or n % m else [(slice(None), slice(j, None, n // m)) for j in range(n // m)]

    def windows(self) -> Windows | None:
        """The same as windows, where they are all alike."""
        if any(m == 0 or n % m for n, m in zip(self.size, self.out, strict=True)):
            return None
        kernel = tuple(n // m for n, m in zip(self.size, self.out, strict=True))
        return Windows(self.size, kernel, kernel, (0,) * len(kernel), (1,) * len(kernel), self.out)


@op(on="", out=False)
def places_of_largest(xp, input, rows: object):
    """Where the largest element is in each box, counted through its plane. `rows`: for each spatial dimension, which
    elements belong to each box (out, taps), or (..., out, taps) if every plane has its own boxes."""
    step, dims = 1, len(rows)
    at = xp.zeros((1,) * 2 * dims, xp.int64)  # (..., *out, *taps)
    for d in reversed(range(dims)):
        index = xp.asarray(rows[d])
        where = [1] * 2 * dims
        where[d], where[dims + d] = index.shape[-2:]
        at = at + index.reshape(*index.shape[:-2], *where) * step
        step *= input.shape[input.ndim - dims + d]
    planes = input.shape[:input.ndim - dims]
    out = at.shape[-2 * dims:-dims]
    at = at.reshape(*at.shape[:-2 * dims], *out, math.prod(at.shape[-dims:]))
    first = (xp.arange(math.prod(planes)) * step).reshape(*planes, *(1,) * (dims + 1))
    seen = input.reshape(-1)[at + first]
    best = seen.argmax(-1)
    nans = seen != seen
    if nans.any():  # the last one counts
        best = xp.where(nans.any(-1), seen.shape[-1] - 1 - nans[..., ::-1].argmax(-1), best)
    return xp.take_along_axis(xp.broadcast_to(at, seen.shape), best[..., None], -1)[..., 0]


def _largest_of_boxes(input: Tensor, rows: Any, return_indices: bool) -> Any:
    indices = F.places_of_largest(input, rows)
    values = F.planes_take(input, indices, len(rows))
    return (values, indices) if return_indices else values


# --- adaptive ---------------------------------------------------------------------------------------------------------


def _regions(name: str, input: Tensor, output_size: Any, dims: int) -> Regions:
    sizes = output_size if isinstance(output_size, (tuple, list)) else (output_size,) * dims
    if dims == 1:
        numbers(name, "output_size", output_size, 1)
    elif output_size is None:
        raise TypeError(f"{name}(): argument 'output_size' must be an int or a tuple of {dims} ints (or None), not NoneType")
    shape = input._array.shape
    if len(sizes) != dims:
        raise RuntimeError(f"{name}: output_size must be {dims} numbers; got {output_size}")
    if len(shape) not in (dims + 1, dims + 2):
        if len(shape) <= dims and dims > 1 and isinstance(output_size, (tuple, list)):
            raise ValueError(f"Input dimension should be at least {dims + 1} ({name}: got {list(shape)})")
        raise RuntimeError(f"{name}(): Expected {dims + 1}D or {dims + 2}D tensor, but got: {list(shape)}")
    out = tuple(n if m is None else m.__index__() for n, m in zip(shape[-dims:], sizes, strict=True))
    if min(out) < 0:
        raise RuntimeError(f"{name}: elements of output_size must be greater than or equal to 0 but received {list(out)}")
    if 0 in shape[-dims:]:
        raise RuntimeError(f"{name}(): Expected input to have non-zero size for non-batch dimensions, but input has sizes "
                           f"{list(shape)}")
    if input._array.dtype.kind != "f":
        if max(out) <= 1 and "avg" in name and dims > 1:
            raise RuntimeError(f"{name}: mean(): could not infer output dtype. Input dtype must be either a floating point "
                               f"or complex dtype. Got: {input.dtype!r}")
        raise errors.not_implemented(name, input._array)
    return Regions(shape[-dims:], out)


def _adaptive_pools(dims: int) -> None:
    avg_name, max_name = f"adaptive_avg_pool{dims}d", f"adaptive_max_pool{dims}d"

    def adaptive_avg_pool(input, output_size):
        regions = _regions(avg_name, input, output_size, dims)
        lengths = tuple(tuple(span.stop - span.start for span in regions.spans(d)) for d in range(dims))
        return F.box_mean(input, regions, lengths if math.prod(regions.out) else 1)

    def adaptive_max_pool(input, output_size, return_indices=False):
        regions = _regions(max_name, input, output_size, dims)
        windows = regions.windows()
        if windows is not None:
            return largest(input, windows, return_indices)
        # Regions of different sizes: the shorter ones look at their last element once more.
        rows = []
        for d in range(dims):
            spans = regions.spans(d)
            taps = max([s.stop - s.start for s in spans], default=1)
            rows.append([[min(s.start + j, s.stop - 1) for j in range(taps)] for s in spans])
        if not math.prod(regions.out):
            empty = input.new_empty((*input.shape[:-dims], *regions.out))
            return (empty, empty.long()) if return_indices else empty
        return _largest_of_boxes(input, rows, return_indices)

    def with_indices(input, output_size, return_indices=False):
        return adaptive_max_pool(input, output_size, True)

    def adaptive_max_pool1d(input, output_size):
        return adaptive_max_pool(input, output_size, True)

    shapes = "of as many regions as `output_size` says (None: as many as elements), whatever the input's size"
    texts = [(adaptive_avg_pool, avg_name, "functional torch" if dims == 1 else "functional", f"The mean {shapes}."),
             (adaptive_max_pool, max_name, "functional", f"The largest element {shapes}; with `return_indices` also where "
                                                         f"it is, counted through a plane."),
             (with_indices, f"{max_name}_with_indices", "functional", f"`{max_name}` and where the elements are.")]
    if dims == 1:
        texts.append((adaptive_max_pool1d, max_name, "torch", f"The largest element {shapes}, and where it is."))
    for function, name, on, text in texts:
        function.__name__ = function.__qualname__ = name
        function.__doc__ = text + _EXAMPLE * (name == "adaptive_avg_pool1d")
        composite(on=on, out=False)(function)


_EXAMPLE = """

    >>> ndl.nn.functional.adaptive_avg_pool1d(ndl.tensor([[1., 2., 3., 4., 5.]]), 2)
    tensor([[2., 4.]])
    """
for _dims in (1, 2, 3):
    _adaptive_pools(_dims)


# --- fractional -------------------------------------------------------------------------------------------------------


def _fractional_pools(dims: int) -> None:
    name = f"fractional_max_pool{dims}d"

    def fractional_max_pool(input, kernel_size, output_size=None, output_ratio=None, return_indices=False,
                            _random_samples=None):
        if output_size is None and output_ratio is None:
            raise ValueError(f"{name} requires specifying either an output_size or an output_ratio")
        shape = input._array.shape
        if len(shape) < dims + 1:
            raise IndexError(f"{name}: Dimension out of range: expected input (N, C, *size) or (C, *size); "
                             f"got {list(shape)}")
        if output_size is None:
            ratios = output_ratio if isinstance(output_ratio, (tuple, list)) else (output_ratio,) * dims
            output_size = [int(n * r) for n, r in zip(shape[-dims:], ratios, strict=True)]
        size = check_input(name, input, dims, "efd")
        kernel, out = numbers(name, "kernel_size", kernel_size, dims), numbers(name, "output_size", output_size, dims)
        for k, o, n in zip(kernel, out, size, strict=True):
            if k + o - 1 > n:
                raise RuntimeError(f"{name}(): pool size {k} too large relative to input size {n} and output size {o}")
        kind = backend.of_type(type(input._array))
        planes = (1,) * (len(shape) == dims + 1) + shape[:-dims]
        if _random_samples is None:
            samples = kind.from_numpy(default_generator.uniform((*planes, dims), input._array.dtype))
        elif tuple(_random_samples.shape) != (*planes, dims) or _random_samples.dtype is not input.dtype:
            raise RuntimeError(f"{name}: Expect _random_samples to be {(*planes, dims)}, of the same dtype as input; got "
                               f"{tuple(_random_samples.shape)}, {_random_samples.dtype!r}")
        else:
            samples = _random_samples._array
        if not math.prod(out):
            empty = input.new_empty((*shape[:-dims], *out))
            return (empty, empty.long()) if return_indices else empty
        samples = samples.reshape(*shape[:-dims], dims)
        order = range(dims)[::-1] if dims == 2 else range(dims)  # which sample is for which dimension
        rows = [_intervals(kind.xp, samples[..., s], n, o, k)
                for s, n, o, k in zip(order, size, out, kernel, strict=True)]
        return _largest_of_boxes(input, rows, return_indices)

    def with_indices(input, kernel_size, output_size=None, output_ratio=None, return_indices=False, _random_samples=None):
        return fractional_max_pool(input, kernel_size, output_size, output_ratio, True, _random_samples)

    for function, title, text in (
            (fractional_max_pool, name, "The largest element in windows at random distances, so many that the result has "
                                        "`output_size`, or `output_ratio` of the input's size."),
            (with_indices, name + "_with_indices", f"`{name}` and where the elements are.")):
        function.__name__ = function.__qualname__ = title
        function.__doc__ = text + " https://arxiv.org/abs/1412.6071"
        composite(on="functional", out=False)(function)


def _intervals(xp: Any, sample: Any, n: int, count: int, kernel: int) -> Any:
    """For each plane, what each of `count` windows sees along one dimension: (*planes, count, kernel)."""
    sample = sample[..., None]
    alpha = sample.dtype.type(n - kernel) / sample.dtype.type(max(count - 1, 1))
    starts = ((sample + xp.arange(count).astype(sample.dtype)) * alpha).astype(xp.int64) - (sample * alpha).astype(xp.int64)
    starts[..., -1] = n - kernel
    return starts[..., None] + xp.arange(kernel)


for _dims in (2, 3):
    _fractional_pools(_dims)


# --- unpooling --------------------------------------------------------------------------------------------------------


def _unpool(dims: int) -> None:
    name = f"max_unpool{dims}d"

    def max_unpool(input, indices, kernel_size, stride=None, padding=0, output_size=None):
        kernel = numbers(name, "kernel_size", kernel_size, dims)
        stride = kernel if stride is None else numbers(name, "stride", stride, dims)
        padding = numbers(name, "padding", padding, dims)
        shape = input._array.shape
        if len(shape) not in (dims + 1, dims + 2):
            raise RuntimeError(f"Input to {name} should be a {dims + 1}d or {dims + 2}d Tensor, but got a tensor with "
                               f"{len(shape)} dimensions.")
        size = [(n - 1) * s + k - 2 * p for n, s, k, p in zip(shape[-dims:], stride, kernel, padding, strict=True)]
        if output_size is not None:
            given = list(output_size)[2:] if len(output_size) == dims + 2 else list(output_size)
            if len(given) != dims:
                raise ValueError(f"output_size should be a sequence containing {dims} or {dims + 2} elements, but it has a "
                                 f"length of '{len(output_size)}'")
            for d, (wanted, n, s) in enumerate(zip(given, size, stride, strict=True)):
                if not n - s < wanted < n + s:
                    raise ValueError(f'invalid output_size "{given}" (dim {d} must be between {n - s} and {n + s})')
            size = given
        if indices._array.dtype.char not in "lq":
            raise RuntimeError(f"{name}: elements in indices should be type int64 but got: {indices.dtype!r}")
        if indices._array.shape != shape:
            raise RuntimeError(f"Expected shape of indices to be same as that of the input tensor ({list(shape)}) but got "
                               f"indices tensor with shape: {list(indices.shape)}")
        if input._array.dtype.kind != "f":
            raise errors.not_implemented(name, input._array)
        if indices._array.size:
            for wrong in (int(indices._array.min()), int(indices._array.max())):
                if not 0 <= wrong < math.prod(size):
                    raise RuntimeError(f"Found an invalid max index: {wrong} (output volumes are of size {size})")
        return F.planes_put(input, indices, tuple(size), False)

    max_unpool.__name__ = max_unpool.__qualname__ = name
    max_unpool.__doc__ = (f"Zeros, with each element of the input put back where `max_pool{dims}d` with "
                          f"`return_indices` found it.")
    composite(on="functional", out=False)(max_unpool)


for _dims in (1, 2, 3):
    _unpool(_dims)
