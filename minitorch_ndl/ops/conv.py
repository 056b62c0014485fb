"""Convolution in one, two and three dimensions, and its transpose.

Three maps, each linear in both of its arguments, and each other's derivatives:

    convolve          (input, weight)    -> output
    convolve_input    (output, weight)   -> input     the gradient of the first by its input: the transposed convolution
    convolve_weight   (input, output)    -> weight    the gradient of the first by its weight

Each lays the patches that the kernel sees side by side as columns, and is then one matrix product per image. A layer's
convolution adds a bias, and computes its gradients together: `convolution`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy

from .. import compiled
from ..compiled.threads import each
from ..composite import composite
from ..faces import F
from ..fused import fused
from ..op import op
from ..sums import total
from ..tensor import Tensor

Ints = tuple  # one number for each spatial dimension
_COLUMNS = 1 << 18  # elements of columns at a time: about what the second-level cache holds


def _patches(xp: Any, x: Any, kernel: Ints, out: Ints, stride: Ints, dilation: Ints, groups: int) -> Any:
    """What the kernel sees at each place, as a view: (N, G, C/G, *kernel, *out)."""
    n, c = x.shape[:2]
    sn, sc, *steps = x.strides
    return xp.lib.stride_tricks.as_strided(
        x, (n, groups, c // groups, *kernel, *out),
        (sn, sc * (c // groups), sc, *(s * d for s, d in zip(steps, dilation, strict=True)),
         *(s * t for s, t in zip(steps, stride, strict=True))))


def _padded(xp: Any, x: Any, padding: Ints) -> Any:
    if not any(padding):
        return x
    out = xp.zeros((*x.shape[:2], *(n + 2 * p for n, p in zip(x.shape[2:], padding, strict=True))), x.dtype)
    out[(slice(None), slice(None), *(slice(p, p + n) for n, p in zip(x.shape[2:], padding, strict=True)))] = x
    return out


def _out_size(size: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints) -> Ints:
    return tuple((n + 2 * p - d * (k - 1) - 1) // s + 1
                 for n, k, s, p, d in zip(size, kernel, stride, padding, dilation, strict=True))


def _cut(x: Any, shape: Ints) -> Any:
    """`x` without the places that a large output_padding left room for."""
    return x if tuple(x.shape) == tuple(shape) else x[tuple(slice(n) for n in shape)]


@compiled.twinned("add_patches")
def add_patches(xp: Any, columns: Any, target: Any, stride: Ints, dilation: Ints) -> None:
    """Add what overlapping patches, (N, C, *kernel, *out), hold of each element to that element of (N, C, *size)."""
    dims = len(stride)
    kernel, out = columns.shape[2:2 + dims], columns.shape[2 + dims:]
    for at in itertools.product(*map(range, kernel)):
        where = tuple(slice(i * d, i * d + (m - 1) * s + 1, s) for i, d, m, s in zip(at, dilation, out, stride, strict=True))
        target[(slice(None), slice(None), *where)] += columns[(slice(None), slice(None), *at)]


def _share_out(xp: Any, n: int, columns: int, products: int, work: Callable[[list[slice]], Any], most: int = 16) -> list[Any]:
    """What `work` makes of each share of the images: slices of as many as have columns that fit into the cache together.
    All of it is so many products: on several threads, if that pays."""
    step = max(1, _COLUMNS // max(columns, 1))
    parts = [slice(i, min(i + step, n)) for i in range(0, n, step)]
    count = min(most, len(parts))
    return each(count, lambda i: work(parts[len(parts) * i // count:len(parts) * (i + 1) // count]),
                pays=products > 1 << 25 and xp is numpy, keep=True)


@op(input=lambda g, weight, input_shape, stride, padding, dilation, groups: F.convolve_input(
        g, weight, input_shape[2:], stride, padding, dilation, groups),
    weight=lambda g, input, weight_shape, stride, padding, dilation, groups: F.convolve_weight(
        input, g, weight_shape[2:], stride, padding, dilation, groups),
    promote="same", on="", out=False)
def convolve(xp, input, weight, stride: Ints, padding: Ints, dilation: Ints, groups: int):
    """input (N, C, *S), weight (O, C/groups, *K) -> (N, O, *out)."""
    n, o, kernel = input.shape[0], weight.shape[0], weight.shape[2:]
    x = _padded(xp, input, padding)
    size = _out_size(input.shape[2:], kernel, stride, padding, dilation)
    rows, places = math.prod(weight.shape[1:]), math.prod(size)
    patches = _patches(xp, x, kernel, size, stride, dilation, groups)
    w = weight.reshape(groups, o // groups, rows)
    out = xp.empty((n, groups, o // groups, places), input.dtype)

    def work(parts):
        for part in parts:
            xp.matmul(w, patches[part].reshape(-1, groups, rows, places), out=out[part])

    _share_out(xp, n, groups * rows * places, out.size * rows, work)
    return out.reshape(n, o, *size)


@op(input=lambda g, weight, input_shape, stride, padding, dilation, groups: _cut(
        F.convolve(g, weight, stride, padding, dilation, groups), input_shape),
    weight=lambda g, input, weight_shape, stride, padding, dilation, groups: F.convolve_weight(
        g, input, weight_shape[2:], stride, padding, dilation, groups),
    promote="same", on="", out=False)
def convolve_input(xp, input, weight, size: Ints, stride: Ints, padding: Ints, dilation: Ints, groups: int):
    """Here `input` is (N, O, *out); weight (O, C/groups, *K) -> (N, C, *size)."""
    n, o, kernel = input.shape[0], weight.shape[0], weight.shape[2:]
    c, out_size = weight.shape[1] * groups, input.shape[2:]
    rows, places = math.prod(weight.shape[1:]), math.prod(out_size)
    w = weight.reshape(groups, o // groups, rows).swapaxes(1, 2)
    g = input.reshape(n, groups, o // groups, places)
    full = xp.zeros((n, c, *(s + 2 * p for s, p in zip(size, padding, strict=True))), input.dtype)

    def work(parts):
        for part in parts:
            columns = xp.matmul(w, g[part]).reshape(-1, c, *kernel, *out_size)
            add_patches(xp, columns, full[part], stride, dilation)

    _share_out(xp, n, groups * rows * places, g.size * rows, work)
    inner = tuple(slice(p, p + s) for p, s in zip(padding, size, strict=True))
    return full[(slice(None), slice(None), *inner)] if any(padding) else full


@op(input=lambda g, other, input_shape, stride, padding, dilation, groups: F.convolve_input(
        other, g, input_shape[2:], stride, padding, dilation, groups),
    other=lambda g, input, other_shape, stride, padding, dilation, groups: _cut(
        F.convolve(input, g, stride, padding, dilation, groups), other_shape),
    promote="same", on="", out=False)
def convolve_weight(xp, input, other, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints, groups: int):
    """input (N, C, *S), other (N, O, *out) -> (O, C/groups, *kernel)."""
    n, o, size = input.shape[0], other.shape[1], other.shape[2:]
    x = _padded(xp, input, padding)
    c = input.shape[1] // groups
    rows, places = c * math.prod(kernel), math.prod(size)
    patches = _patches(xp, x, kernel, size, stride, dilation, groups)
    g = other.reshape(n, groups, o // groups, places)

    def work(parts):
        out = xp.zeros((groups, o // groups, rows), input.dtype)
        for part in parts:
            columns = patches[part].reshape(-1, groups, rows, places)
            if rows > max(64, 4 * (o // groups)):  # BLAS is slow if it has to turn round the longer one
                out += xp.matmul(columns, xp.ascontiguousarray(g[part].swapaxes(2, 3))).sum(0).swapaxes(1, 2)
            else:
                out += xp.matmul(g[part], columns.swapaxes(2, 3)).sum(0)
        return out

    most = min(max(2, (1 << 22) // max(o * rows, 1)), 16)  # of what each adds up, not too much in memory at a time
    out = xp.zeros((groups, o // groups, rows), input.dtype)
    for share in _share_out(xp, n, groups * rows * places, g.size * rows, work, most):
        out += share
    return out.reshape(o, c, *kernel)


def _convolved(input, weight, bias=None, stride=(), padding=(), dilation=(), groups=1):
    out = F.convolve(input, weight, stride, padding, dilation, groups)
    return out if bias is None else out + bias.reshape(-1, *(1,) * len(stride))


@fused(reference=_convolved, on="", promote="same", broadcasts=False)
class convolution:
    """input (N, C, *S), weight (O, C/groups, *K), bias (O) or None -> (N, O, *out)."""

    def forward(xp, input, weight, bias=None, stride: Ints = (), padding: Ints = (), dilation: Ints = (), groups: int = 1):
        out = convolve.op.kernel(xp, input, weight, stride, padding, dilation, groups)
        if bias is not None:
            out += bias.reshape(-1, *(1,) * len(stride))
        return out, input, weight, stride, padding, dilation, groups

    def backward(xp, needs, g, input, weight, stride, padding, dilation, groups):
        of_input, of_weight, of_bias = needs
        rest = (stride, padding, dilation, groups)
        return (convolve_input.op.kernel(xp, g, weight, input.shape[2:], *rest) if of_input else None,
                convolve_weight.op.kernel(xp, input, g, weight.shape[2:], *rest) if of_weight else None,
                total(xp, g, (0, *range(2, g.ndim))) if of_bias else None)


# --- the public functions -------------------------------------------------------------------------------------------


def spread(value: Any, dims: int, name: str, op: str) -> Ints:
    """One number for each of `dims` dimensions, from one for all or a sequence."""
    if isinstance(value, (tuple, list)):
        if len(value) == 1:
            value = tuple(value) * dims
        if len(value) != dims:
            raise RuntimeError(f"{op}: expected {name} to be a single integer value or a list of {dims} values to match "
                               f"the convolution dimensions, but got {name}={list(value)}")
        return tuple(int(v) for v in value)
    return (int(value),) * dims


def _checked(op: str, dims: int, input: Tensor, weight: Tensor, bias: Any, stride: Any, dilation: Any, groups: int,
             channels: int) -> tuple[Tensor, bool, Ints, Ints]:
    """Check what both directions share. Adds the batch dimension if it is missing; says whether it did."""
    if weight.ndim != dims + 2:
        raise RuntimeError(f"{op}: expected {dims + 2}-dimensional weight, but got {weight.ndim}-dimensional weight of "
                           f"size {list(weight.shape)}")
    if input.ndim not in (dims + 1, dims + 2):
        fix = (f"x[{', '.join(['None'] * (dims + 2 - input.ndim))}] adds the dimensions that are missing in front"
               if input.ndim <= dims else "x.flatten(0, 1) makes one dimension of the first two")
        raise RuntimeError(f"Expected {dims + 1}D (unbatched) or {dims + 2}D (batched) input to {op}, but got input of "
                           f"size: {list(input.shape)}. (Expected is (N, C, {_SIZES[dims]}), or without the N: {fix}.)")
    single = input.ndim == dims + 1
    x = input.unsqueeze(0) if single else input
    stride, dilation = spread(stride, dims, "stride", op), spread(dilation, dims, "dilation", op)
    if min(stride) < 1:
        raise RuntimeError(f"{op}: non-positive stride is not supported; got {list(stride)}")
    if min(dilation) < 1:
        raise RuntimeError(f"{op}: dilation should be greater than zero; got {list(dilation)}")
    if groups < 1:
        raise RuntimeError(f"{op}: non-positive groups is not supported; got {groups}")
    if weight.shape[0] < groups:
        raise RuntimeError(f"Given groups={groups}, expected weight to be at least {groups} at dimension 0, but got weight "
                           f"of size {list(weight.shape)} instead")
    if x.shape[1] != channels:
        fix = ("check in_channels, and that the layout is (N, C, ...)" if x.shape[-1] != channels else
               f"the channels seem to be last: x.movedim(-1, {-dims - 1}) puts them in their place")
        raise RuntimeError(f"Given groups={groups}, weight of size {list(weight.shape)}, expected input"
                           f"{list(input.shape)} to have {channels} channels, but got {x.shape[1]} channels instead. "
                           f"({op}: {fix}{'; it was taken as one input without a batch dimension' * single})")
    if bias is not None and bias.dtype is not weight.dtype:
        raise RuntimeError(f"Input type ({input.dtype!r}) and bias type ({bias.dtype!r}) should be the same. ({op}: convert "
                           f"one of them, for example with .to(bias.dtype))")
    if weight.shape[0] % groups:
        raise RuntimeError(f"Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, but got "
                           f"weight of size {list(weight.shape)} instead")
    return x, single, stride, dilation


def _check_bias(op: str, bias: Any, channels: int) -> None:
    if bias is not None and (bias.ndim != 1 or bias.shape[0] != channels):
        raise RuntimeError(f"Given weight, expected bias to be 1-dimensional with {channels} elements, but got bias of size "
                           f"{list(bias.shape)} instead ({op})")


def _convolution(dims: int) -> None:
    name = f"conv{dims}d"

    def conv(input: Tensor, weight: Tensor, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
             groups: int = 1) -> Tensor:
        x, single, stride, dilation = _checked(name, dims, input, weight, bias, stride, dilation, groups,
                                               weight.shape[1] * groups if weight.ndim > 1 else 0)
        kernel = tuple(weight.shape[2:])
        if isinstance(padding, str):
            if padding not in ("same", "valid"):
                raise RuntimeError(f"Invalid padding string: '{padding}'; expected 'same' or 'valid'.")
            if padding == "same" and max(stride) > 1:
                raise RuntimeError("padding='same' is not supported for strided convolutions")
            total = [d * (k - 1) if padding == "same" else 0 for d, k in zip(dilation, kernel, strict=True)]
            padding = tuple(t // 2 for t in total)
            odd = [t % 2 for t in total]
            if any(odd):  # one more at the end
                x = F.pad(x, [p for o in reversed(odd) for p in (0, o)])
        padding = spread(padding, dims, "padding", name)
        if min(padding) < 0:
            raise RuntimeError(f"{name}: negative padding is not supported; got {list(padding)}")
        seen = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
        there = [n + 2 * p for n, p in zip(x.shape[2:], padding, strict=True)]
        if any(k > n for k, n in zip(seen, there, strict=True)):
            raise RuntimeError(f"Calculated padded input size per channel: ({' x '.join(map(str, there))}). Kernel size: "
                               f"({' x '.join(map(str, seen))}). Kernel size can't be greater than actual input size")
        _check_bias(name, bias, weight.shape[0])
        out = F.convolution(x, weight, bias, stride, padding, dilation, groups)
        return out.squeeze(0) if single else out

    conv.__name__ = conv.__qualname__ = name
    conv.__doc__ = (f"Convolution: input (N, C, {_SIZES[dims]}), weight (O, C/groups, *kernel), bias (O,) to "
                    f"(N, O, *out). `padding` may be 'same' or 'valid'; the batch dimension may be missing.")
    composite(on="torch functional", out=False)(conv)

    name_t = f"conv_transpose{dims}d"

    def conv_transpose(input: Tensor, weight: Tensor, bias: Any = None, stride: Any = 1, padding: Any = 0,
                       output_padding: Any = 0, groups: int = 1, dilation: Any = 1) -> Tensor:
        x, single, stride, dilation = _checked(name_t, dims, input, weight, bias, stride, dilation, groups,
                                               weight.shape[0])
        padding = spread(padding, dims, "padding", name_t)
        extra = spread(output_padding, dims, "output_padding", name_t)
        for e, s, d in zip(extra, stride, dilation, strict=True):
            if e >= s and e >= d:
                raise RuntimeError(f"output padding must be smaller than either stride or dilation, but got "
                                   f"output_padding={list(extra)}, stride={list(stride)}, dilation={list(dilation)}")
        size = tuple((n - 1) * s - 2 * p + d * (k - 1) + e + 1 for n, s, p, d, k, e in zip(
            x.shape[2:], stride, padding, dilation, weight.shape[2:], extra, strict=True))
        if min(size) < 1:
            raise RuntimeError(f"Given input size per channel: {list(x.shape[2:])}. Calculated output size per channel: "
                               f"{list(size)}. Output size is too small")
        _check_bias(name_t, bias, weight.shape[1] * groups)
        out = F.convolve_input(x, weight, size, stride, padding, dilation, groups)
        if bias is not None:
            out = out + bias.reshape(-1, *(1,) * dims)
        return out.squeeze(0) if single else out

    conv_transpose.__name__ = conv_transpose.__qualname__ = name_t
    conv_transpose.__doc__ = (f"Transposed convolution, the gradient of `conv{dims}d` by its input: input (N, C, "
                              f"{_SIZES[dims]}), weight (C, O/groups, *kernel) to (N, O, *out).")
    composite(on="torch functional", out=False)(conv_transpose)


_SIZES = {1: "L", 2: "H, W", 3: "D, H, W"}
for _dims in (1, 2, 3):
    _convolution(_dims)
