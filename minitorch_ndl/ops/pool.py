"""Pooling: windows that slide over an image, each giving its largest element or its mean.

A maximum has a place. Its gradient goes there, so pooling's backward is `planes_put`, which also is unpooling, and whose
own gradient is `planes_take`. A mean of boxes is taken along one dimension after the other, and its gradient is spread
back the same way. Adaptive pools, whose windows differ in size, are in `pool_adaptive.py`.
"""

from __future__ import annotations

import itertools
import math
from typing import Any, NamedTuple

from .. import compiled, errors
from ..autograd.grad_mode import mode
from ..composite import composite
from ..faces import F
from ..op import op
from ..sums import total
from ..tensor import Tensor
from .special import single

Ints = tuple  # one number for each spatial dimension


class Windows(NamedTuple):
    """Where a pool looks, for each spatial dimension: windows of `kernel` elements `dilation` apart, one every `stride`."""

    size: Ints  # of the input
    kernel: Ints
    stride: Ints
    padding: Ints
    dilation: Ints
    out: Ints  # how many windows there are

    def taps(self, d: int) -> list[tuple[slice, slice]]:
        """For each place in a window along dimension `d`: the windows that have an element there, and those elements."""
        pairs = []
        n, stride = self.size[d], self.stride[d]
        for j in range(self.kernel[d]):
            shift = j * self.dilation[d] - self.padding[d]
            low, high = max(0, -(shift // stride)), min(self.out[d], (n - 1 - shift) // stride + 1)
            high = max(low, high)
            first = low * stride + shift
            pairs.append((slice(low, high), slice(first, max(first, first + (high - low - 1) * stride + 1), stride)))
        return pairs

    def spans(self, d: int) -> list[slice]:
        """The elements inside each window along dimension `d`, which must not be dilated."""
        starts = [o * self.stride[d] - self.padding[d] for o in range(self.out[d])]
        return [slice(max(s, 0), min(s + self.kernel[d], self.size[d])) for s in starts]

    def overlap(self) -> bool:
        """Whether two windows may see the same element."""
        return any(o > 1 and s <= d * (k - 1)
                   for o, s, d, k in zip(self.out, self.stride, self.dilation, self.kernel, strict=True))


def _shape(x: Any, sizes: Ints) -> tuple:
    """The shape of `x` with other spatial sizes."""
    return (*x.shape[:x.ndim - len(sizes)], *sizes)


# --- the largest element ----------------------------------------------------------------------------------------------


@op(on="", out=False)
def max_values(xp, input, windows: object):
    """The largest element in each window of (..., *size)."""
    lowest = -math.inf if input.dtype.kind == "f" else xp.iinfo(input.dtype).min
    for d in range(len(windows.out)):
        input = _combined(xp, xp.maximum, input, d, windows, lowest)
    return input


@compiled.formula("max_of_windows.backward")
def _max_gradient(g: Any, which: Any, windows: Windows) -> Any:
    return F.planes_put(g, F.places(which, windows), windows.size, windows.overlap())


@op(input=_max_gradient, on="", out=False, outputs=("values", "which"))
def max_of_windows(xp, input, windows: object):
    """`max_values`, and which tap of the window found each, counted from the last one back, from 1 on."""
    values = max_values.op.kernel(xp, input, windows)
    nans = input.dtype.kind == "f" and xp.isnan(values).any()
    visits = list(itertools.product(*(windows.taps(d) for d in range(len(windows.out)))))[::-1]
    small = len(visits) < 256
    which = xp.zeros(values.shape, xp.uint8 if small else xp.int32)
    for number, visit in enumerate(visits, 1):  # of equal elements, the first in the window comes last here, and stays
        here = (..., *(w for w, _ in visit))
        seen, best, found = input[(..., *(e for _, e in visit))], values[here], which[here]
        equal = seen == best
        if nans:  # but of NaNs, the last one counts
            equal |= (seen != seen) & (best != best) & (found == 0)
        mark = equal.view(xp.uint8) if small else equal.astype(xp.int32)
        mark *= mark.dtype.type(number)
        xp.maximum(found, mark, out=found)
    return values, which


@op(on="", out=False)
def places(xp, which, windows: object):
    """Where the elements that `max_of_windows` found lie in their plane, counted row by row."""
    taps, starts, step = xp.zeros(1, xp.int64), xp.zeros((), xp.int64), 1
    for d in reversed(range(len(windows.out))):
        along = (xp.arange(windows.kernel[d]) * windows.dilation[d] - windows.padding[d]) * step
        taps = (along[:, None] + taps).reshape(-1)
        starts = (xp.arange(windows.out[d]) * (windows.stride[d] * step)).reshape((-1,) + (1,) * starts.ndim) + starts
        step *= windows.size[d]
    found = xp.concatenate([taps[:1], taps[::-1]])[which]
    found += starts
    return found


def _flat(xp: Any, indices: Any, planes: tuple, n: int) -> Any:
    """Places in planes of `n` elements, as places in the whole array."""
    first = xp.arange(math.prod(planes)) * n
    return indices + first.reshape(planes + (1,) * (indices.ndim - len(planes)))


@op(input=lambda g, indices, size: F.planes_take(g, indices, len(size)), on="", out=False)
def planes_put(xp, input, indices, size: Ints, add: bool):
    """Zeros (..., *size), with the input's elements put, or added, where `indices` says; they count through a plane."""
    planes = input.shape[:input.ndim - len(size)]
    out = xp.zeros((*planes, *size), input.dtype)
    where = _flat(xp, indices, planes, math.prod(size)).reshape(-1)
    if add:
        xp.add.at(out.reshape(-1), where, input.reshape(-1))
    else:
        out.reshape(-1)[where] = input.reshape(-1)
    return out


@op(input=lambda g, indices, input_shape, dims: F.planes_put(g, indices, tuple(input_shape[-dims:]), True), on="", out=False)
def planes_take(xp, input, indices, dims: int):
    """The elements of each plane (the last `dims` dimensions) that `indices` names."""
    planes = input.shape[:input.ndim - dims]
    return input.reshape(-1)[_flat(xp, indices, planes, math.prod(input.shape[-dims:]))]


# --- the mean ---------------------------------------------------------------------------------------------------------


@op(input=lambda g, windows, counts: F.box_mean_back(g, windows, counts), on="", out=False)
def box_mean(xp, input, windows: object, counts: object):
    """The sum over each window, divided by `counts`: a number, or for each dimension the windows' lengths."""
    x = single(input) if input.dtype.kind == "f" else input
    if x.dtype.kind == "f" and math.prod(windows.out) == 1:
        dims = range(len(windows.out))
        seen = x[(..., *(windows.spans(d)[0] for d in dims))]
        x = total(xp, seen, tuple(range(x.ndim - len(dims), x.ndim)), True)
    else:
        for d in range(len(windows.out)):
            x = _combined(xp, xp.add, x, d, windows, 0)
    divisor = _divisor(xp, counts, x.dtype)
    if x.dtype.kind == "f":
        x = xp.divide(x, divisor, out=None if x is input else x)
    else:  # whole numbers, rounded towards zero
        x = xp.abs(x) // xp.abs(divisor) * xp.sign(x) * xp.sign(divisor)
    return x.astype(input.dtype, copy=False)


@op(input=lambda g, windows, counts: F.box_mean(g, windows, counts), on="", out=False)
def box_mean_back(xp, input, windows: object, counts: object):
    """Each window's element shared out over what the window sees."""
    x = input / _divisor(xp, counts, input.dtype)
    dims = len(windows.out)
    if math.prod(windows.out) == 1:
        out = xp.zeros(_shape(x, windows.size), x.dtype)
        out[(..., *(windows.spans(d)[0] for d in range(dims)))] = x
        return out
    for d in reversed(range(dims)):
        axis = x.ndim - dims + d
        out = xp.zeros((*x.shape[:axis], windows.size[d], *x.shape[axis + 1:]), x.dtype)
        before = (slice(None),) * axis
        taps = windows.taps(d)
        if 0 < len(taps) <= windows.out[d]:
            for here, there in taps:
                out[(*before, there)] += x[(*before, here)]
        else:
            for i, span in enumerate(windows.spans(d)):
                out[(*before, span)] += x[(*before, slice(i, i + 1))]
        x = out
    return x


def _divisor(xp: Any, counts: Any, dtype: Any) -> Any:
    if not isinstance(counts, tuple):
        return xp.asarray(counts, dtype=dtype)
    if all(len(set(c)) == 1 for c in counts):
        return xp.asarray(math.prod(c[0] for c in counts), dtype=dtype)
    total = xp.ones((), dtype)
    for c in counts:
        total = total[..., None] * xp.asarray(c, dtype=dtype)
    return total


def _combined(xp: Any, function: Any, x: Any, d: int, windows: Any, start: Any) -> Any:
    """The sum, or the maximum, of each window along spatial dimension `d`."""
    n = windows.out[d]
    axis = x.ndim - len(windows.out) + d
    before = (slice(None),) * axis
    taps = windows.taps(d)
    if not 0 < len(taps) <= n and max(getattr(windows, "dilation", (1,))) == 1:  # few windows: one at a time
        out = xp.empty((*x.shape[:axis], n, *x.shape[axis + 1:]), x.dtype)
        for i, span in enumerate(windows.spans(d)):
            if span.stop - span.start > 8:
                out[(*before, i)] = function.reduce(x[(*before, span)], axis=axis)
            else:  # NumPy is slow with many short reductions
                target = out[(*before, i)]
                target[...] = x[(*before, span.start)]
                for j in range(span.start + 1, span.stop):
                    function(target, x[(*before, j)], out=target)
        return out
    parts = [((*before, here), x[(*before, there)]) for here, there in taps]
    if len(parts) > 1 and all(part.shape[axis] == n for _, part in parts):
        out = function(parts[0][1], parts[1][1])
        parts = parts[2:]
    else:
        out = xp.full((*x.shape[:axis], n, *x.shape[axis + 1:]), start, x.dtype)
    for here, part in parts:
        target = out[here]
        function(target, part, out=target)
    return out


# --- the public functions ---------------------------------------------------------------------------------------------


def numbers(op: str, name: str, value: Any, dims: int) -> Ints:
    """One int for each of `dims` dimensions, from one for all or a sequence."""
    values = tuple(value) if isinstance(value, (tuple, list)) else (value,)
    for v in values:
        if isinstance(v, (bool, float)) or not hasattr(v, "__index__"):
            raise TypeError(f"{op}(): argument '{name}' must be tuple of ints, not {type(v).__name__}")
    if len(values) not in (1, dims):
        raise RuntimeError(f"{op}: {name} must either be a single int, or a tuple of {dims} ints; got {value}")
    return tuple(v.__index__() for v in values) * (dims if len(values) == 1 else 1)


def check_input(op: str, input: Tensor, dims: int, kinds: str) -> Ints:
    """The spatial sizes. Raises for another number of dimensions, for empty planes, for a dtype that is not in `kinds`."""
    shape = input._array.shape
    if len(shape) not in (dims + 1, dims + 2) or 0 in shape[len(shape) - dims - 1:]:
        raise RuntimeError(f"{op}: Expected {dims + 1}D or {dims + 2}D (batch mode) tensor with optional 0 dim batch size "
                           f"for input, but got: {list(shape)}; the layout is (N, C, {_SIZES[dims]})")
    if input._array.dtype.char not in kinds:
        raise errors.not_implemented(op, input._array)
    return shape[-dims:]


def _windows(op: str, size: Ints, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool) -> Windows:
    dims = len(size)
    kernel = numbers(op, "kernel_size", kernel, dims)
    stride = kernel if stride is None or (isinstance(stride, (tuple, list)) and not stride) else \
        numbers(op, "stride", stride, dims)
    padding, dilation = numbers(op, "padding", padding, dims), numbers(op, "dilation", dilation, dims)
    for what, values in (("stride", stride), ("kernel_size", kernel), ("dilation", dilation)):
        if min(values) < 1:
            raise RuntimeError(f"{op}: {what} should be greater than zero, but got {list(values)}")
    for p, k, d in zip(padding, kernel, dilation, strict=True):
        if p < 0:
            raise RuntimeError(f"{op}: pad must be non-negative, but got pad: {p}")
        if p > (d * (k - 1) + 1) // 2:
            raise RuntimeError(f"{op}: pad should be at most half of effective kernel size, but got pad={p}, "
                               f"kernel_size={k} and dilation={d}")
    out = []
    for n, k, s, p, d in zip(size, kernel, stride, padding, dilation, strict=True):
        count = (n + 2 * p - d * (k - 1) - 1 + (s - 1 if ceil_mode else 0)) // s + 1
        if ceil_mode and (count - 1) * s >= n + p:  # the last window has to begin inside the input or the left padding
            count -= 1
        out.append(count)
    if min(out) < 1:
        raise RuntimeError(f"{op}: Given input size: {tuple(size)}. Calculated output size: {tuple(out)}. Output size is "
                           f"too small for kernel_size={list(kernel)}.")
    return Windows(tuple(size), kernel, stride, padding, dilation, tuple(out))


def recorded(input: Tensor) -> bool:
    return mode.enabled and input.requires_grad


def largest(input: Tensor, windows: Windows, return_indices: bool) -> Any:
    """The maximum of each window, and where it is."""
    if not return_indices and not recorded(input):
        return F.max_values(input, windows)
    values, which = F.max_of_windows(input, windows)
    return (values, F.places(which, windows)) if return_indices else values


_SIZES = {1: "L", 2: "H, W", 3: "D, H, W"}
_INTS = "bBhilq"


def _pools(dims: int) -> None:
    sizes = _SIZES[dims]
    max_name, avg_name, lp_name = f"max_pool{dims}d", f"avg_pool{dims}d", f"lp_pool{dims}d"

    def max_pool(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
        size = check_input(max_name, input, dims, "efd" if dims == 1 else "efd" + _INTS)
        return largest(input, _windows(max_name, size, kernel_size, stride, padding, dilation, ceil_mode), return_indices)

    def max_pool_torch(input, kernel_size, stride=(), padding=0, dilation=1, ceil_mode=False):
        return max_pool(input, kernel_size, stride, padding, dilation, ceil_mode)

    def with_indices(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
        return max_pool(input, kernel_size, stride, padding, dilation, ceil_mode, True)

    def average(input, kernel, stride, padding, ceil_mode, count_include_pad, divisor):
        size = check_input(avg_name, input, dims, "efdlq" if dims < 3 else "fdlq")
        w = _windows(avg_name, size, kernel, stride, padding, 1, ceil_mode)
        if divisor == 0:
            raise RuntimeError(f"{avg_name}: divisor must be not zero")
        if divisor is None:
            if count_include_pad:  # but not what ceil_mode lets windows see beyond the padding
                ends = zip(w.size, w.kernel, w.stride, w.padding, w.out, strict=True)
                divisor = tuple(tuple(min(k, n + 2 * p - i * s) for i in range(o)) for n, k, s, p, o in ends)
            else:
                divisor = tuple(tuple(span.stop - span.start for span in w.spans(d)) for d in range(dims))
        return F.box_mean(input, w, divisor)

    def avg_pool(input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True, divisor_override=None):
        return average(input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)

    def avg_pool1d(input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
        return average(input, kernel_size, stride, padding, ceil_mode, count_include_pad, None)

    def lp_pool(input, norm_type, kernel_size, stride=None, ceil_mode=False):
        if norm_type == math.inf:
            return max_pool(F.abs(input), kernel_size, stride, 0, 1, ceil_mode)
        if norm_type == -math.inf:
            return -max_pool(-F.abs(input), kernel_size, stride, 0, 1, ceil_mode)
        out = average(F.pow(input, norm_type), kernel_size, stride, 0, ceil_mode, True, None)
        out = F.sign(out) * F.relu(F.abs(out)) * math.prod(numbers(lp_name, "kernel_size", kernel_size, dims))
        return F.pow(out, 1.0 / norm_type)

    shapes = f"(N, C, {sizes}) or (C, {sizes}) to the same with fewer places"
    windows = ("`stride` defaults to `kernel_size`; `ceil_mode` also lets windows begin that end outside. Raises "
               "RuntimeError if no window fits.")
    texts = [
        (max_pool, max_name, "functional", f"The largest element in each window, {shapes}. {windows} With "
         f"`return_indices` also where it is, counted through a plane, for `max_unpool{dims}d`."),
        (max_pool_torch, max_name, "torch", f"The largest element in each window, {shapes}. {windows}"),
        (with_indices, max_name + "_with_indices", "functional torch" if dims == 1 else "functional",
         f"`{max_name}` and where the largest elements are, counted through a plane."),
        (avg_pool1d if dims == 1 else avg_pool, avg_name, "functional torch" if dims == 1 else "functional",
         f"The mean of each window, {shapes}. {windows} `count_include_pad`: zeros of the padding count as elements."),
        (lp_pool, lp_name, "functional",
         f"``sum(x ** norm_type) ** (1 / norm_type)`` of each window, {shapes}. {windows}"),
    ]
    for function, name, on, text in texts:
        function.__name__ = function.__qualname__ = name
        function.__doc__ = text + _EXAMPLES.get(name, "") * (on != "torch")
        composite(on=on, out=name.startswith("avg"))(function)


_EXAMPLES = {
    "max_pool2d": """

    >>> x = ndl.arange(16.).reshape(1, 1, 4, 4)
    >>> ndl.nn.functional.max_pool2d(x, 2)
    tensor([[[[ 5.,  7.],
              [13., 15.]]]])
    """,
    "avg_pool1d": """

    >>> ndl.nn.functional.avg_pool1d(ndl.tensor([[1., 3., 5., 7.]]), 2, stride=1)
    tensor([[2., 4., 6.]])
    """,
}
for _dims in (1, 2, 3):
    _pools(_dims)
