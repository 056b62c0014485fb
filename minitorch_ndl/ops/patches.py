"""Blocks of an image laid side by side and put back (unfold, fold), and channels dealt out to places and places to
channels (pixel_shuffle and its kin).

https://pytorch.org/docs/stable/nn.functional.html#vision-functions
"""

from __future__ import annotations

import math
from typing import Any

from .. import errors
from ..composite import composite
from ..faces import F
from ..op import op
from ..tensor import Tensor
from .conv import _out_size, _padded, _patches, add_patches

Ints = tuple  # one number for each spatial dimension


@op(input=lambda g, input_shape, kernel, dilation, padding, stride: F.blocks_back(
        g, tuple(input_shape[2:]), kernel, dilation, padding, stride), on="", out=False)
def blocks(xp, input, kernel: Ints, dilation: Ints, padding: Ints, stride: Ints):
    """(N, C, H, W) to (N, C * kernel, places): all that a kernel of a convolution would see, as columns."""
    x = _padded(xp, input, padding)
    out = _out_size(input.shape[2:], kernel, stride, padding, dilation)
    seen = _patches(xp, x, kernel, out, stride, dilation, 1)
    return seen.reshape(x.shape[0], x.shape[1] * math.prod(kernel), math.prod(out)).copy()


@op(input=lambda g, kernel, dilation, padding, stride: F.blocks(g, kernel, dilation, padding, stride), on="", out=False)
def blocks_back(xp, input, size: Ints, kernel: Ints, dilation: Ints, padding: Ints, stride: Ints):
    """Columns (N, C * kernel, places) put back where they came from, added where they overlap: (N, C, *size)."""
    out = _out_size(size, kernel, stride, padding, dilation)
    n, c = input.shape[0], input.shape[1] // math.prod(kernel)
    full = xp.zeros((n, c, *(s + 2 * p for s, p in zip(size, padding, strict=True))), input.dtype)
    add_patches(xp, input.reshape(n, c, *kernel, *out), full, stride, dilation)
    inner = full[(..., *(slice(p, p + s) for p, s in zip(padding, size, strict=True)))]
    return inner.copy() if any(padding) else full


def _pairs(name: str, **given: Any) -> list[Ints]:
    pairs = []
    for what, value in given.items():
        pair = tuple(value) if isinstance(value, (tuple, list)) else (value, value)
        if len(pair) != 2:
            raise RuntimeError(f"{name}: It is expected {what} equals to 2, but got size {len(pair)}")
        if what == "padding" and min(pair) < 0:
            raise RuntimeError(f"{name}: padding should be non-negative, but got {list(pair)}")
        if what not in ("padding", "output_size") and min(pair) < 1:
            raise RuntimeError(f"{name}: {what.replace('_', ' ')} should be greater than zero, but got {list(pair)}")
        pairs.append(pair)
    return pairs


@composite(on="functional", name="unfold", out=False)
def functional_unfold(input, kernel_size, dilation=1, padding=0, stride=1):
    """All blocks of `kernel_size` in (N, C, H, W), or (C, H, W), as columns: (N, C * kernel, places).

    >>> x = ndl.arange(9.).reshape(1, 1, 3, 3)
    >>> ndl.nn.functional.unfold(x, 2)[0]
    tensor([[0., 1., 3., 4.],
            [1., 2., 4., 5.],
            [3., 4., 6., 7.],
            [4., 5., 7., 8.]])
    """
    kernel, dilation, padding, stride = _pairs("unfold", kernel_size=kernel_size, dilation=dilation, padding=padding,
                                               stride=stride)
    shape = input._array.shape
    if len(shape) < 3:
        raise IndexError(f"unfold: Dimension out of range: expected (N, C, H, W) or (C, H, W); got {list(shape)}")
    if len(shape) > 4 or 0 in shape[-3:]:
        raise RuntimeError(f"unfold: Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero "
                           f"dimensions for input, but got: {list(shape)}")
    if input._array.dtype.kind not in "fb":
        raise errors.not_implemented("im2col_out", input._array)
    out = _out_size(shape[-2:], kernel, stride, padding, dilation)
    if min(out) < 1:
        raise RuntimeError(f"unfold: Given input with spatial size {tuple(shape[-2:])}, kernel_size={kernel}, "
                           f"dilation={dilation}, padding={padding}, calculated shape of the array of sliding blocks as "
                           f"{out}, but its components must be at least one.")
    x = input if len(shape) == 4 else input.unsqueeze(0)
    columns = F.blocks(x, kernel, dilation, padding, stride)
    return columns if len(shape) == 4 else columns.squeeze(0)


@composite(on="functional", out=False)
def fold(input, output_size, kernel_size, dilation=1, padding=0, stride=1):
    """Blocks as `unfold` makes them, (N, C * kernel, places), put back into (N, C, *output_size); where they overlap,
    their elements are added.

    >>> F = ndl.nn.functional
    >>> F.fold(F.unfold(ndl.ones(1, 1, 3, 3), 2), (3, 3), 2)[0, 0]  # how many blocks each place is in
    tensor([[1., 2., 1.],
            [2., 4., 2.],
            [1., 2., 1.]])
    """
    size, kernel, dilation, padding, stride = _pairs("fold", output_size=output_size, kernel_size=kernel_size,
                                                     dilation=dilation, padding=padding, stride=stride)
    shape = input._array.shape
    if len(shape) not in (2, 3) or 0 in shape[-2:]:
        raise RuntimeError(f"fold: Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and non-zero "
                           f"dimensions for input, but got: {list(shape)}")
    if shape[-2] % math.prod(kernel):
        raise RuntimeError(f"fold: Expected size of input's dimension 1 to be divisible by the product of kernel_size, but "
                           f"got input.size(1)={shape[-2]} and kernel_size={kernel}.")
    out = _out_size(size, kernel, stride, padding, dilation)
    if min(out) < 1 or math.prod(out) != shape[-1] or min(size) < 1:
        raise RuntimeError(f"fold: Given output_size={size}, kernel_size={kernel}, dilation={dilation}, padding={padding}, "
                           f"stride={stride}, expected size of input's dimension 2 to match the calculated number of sliding "
                           f"blocks {' * '.join(map(str, out))}, but got input.size(2)={shape[-1]}.")
    if input._array.dtype.kind not in "fb":
        raise errors.not_implemented("col2im_out", input._array)
    x = input if len(shape) == 3 else input.unsqueeze(0)
    image = F.blocks_back(x, size, kernel, dilation, padding, stride)
    return image if len(shape) == 3 else image.squeeze(0)


# --- channels and places ----------------------------------------------------------------------------------------------


def _factor(name: str, what: str, value: Any, input: Tensor) -> None:
    if isinstance(value, float) or not hasattr(value, "__index__"):
        raise TypeError(f"{name}(): argument '{what}' (position 2) must be int, not {type(value).__name__}")
    if input.ndim < 3:
        raise RuntimeError(f"{name} expects input to have at least 3 dimensions, but got input with {input.ndim} "
                           f"dimension(s)")
    if value < 1:
        raise RuntimeError(f"{name} expects a positive {what}, but got {value}")


@composite(on="torch functional", out=False)
def pixel_shuffle(input, upscale_factor):
    """(..., C * r * r, H, W) to (..., C, H * r, W * r): each pixel's channels become a block of r by r pixels.

    >>> ndl.pixel_shuffle(ndl.arange(4.).reshape(4, 1, 1), 2)
    tensor([[[0., 1.],
             [2., 3.]]])
    """
    r = upscale_factor
    _factor("pixel_shuffle", "upscale_factor", r, input)
    *batch, channels, height, width = input.shape
    if channels % (r * r):
        raise RuntimeError(f"pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of "
                           f"upscale_factor, but input.size(-3)={channels} is not divisible by {r * r}")
    n, c = len(batch), channels // (r * r)
    x = input.reshape(*batch, c, r, r, height, width)
    x = x.permute(*range(n), n, n + 3, n + 1, n + 4, n + 2)
    return x.reshape(*batch, c, height * r, width * r)


@composite(on="torch functional", out=False)
def pixel_unshuffle(input, downscale_factor):
    """(..., C, H * r, W * r) to (..., C * r * r, H, W): the inverse of `pixel_shuffle`."""
    r = downscale_factor
    _factor("pixel_unshuffle", "downscale_factor", r, input)
    *batch, channels, height, width = input.shape
    for what, n, dim in (("height", height, -2), ("width", width, -1)):
        if n % r:
            raise RuntimeError(f"pixel_unshuffle expects {what} to be divisible by downscale_factor, but "
                               f"input.size({dim})={n} is not divisible by {r}")
    n = len(batch)
    x = input.reshape(*batch, channels, height // r, r, width // r, r)
    x = x.permute(*range(n), n, n + 2, n + 4, n + 1, n + 3)
    return x.reshape(*batch, channels * r * r, height // r, width // r)


@composite(on="torch functional", aliases=("native_channel_shuffle",), out=False)
def channel_shuffle(input, groups):
    """(N, C, ...) with the channels, seen as `groups` by C / groups, transposed: each group gets one of every other.

    >>> ndl.channel_shuffle(ndl.arange(4).reshape(1, 4, 1), 2).flatten()
    tensor([0, 2, 1, 3])
    """
    if input.ndim < 3:
        raise RuntimeError(f"channel_shuffle expects input with > 2 dims, but got input with sizes {list(input.shape)}")
    if groups < 1:
        raise RuntimeError(f"Number of groups to divide channels in must be positive. Value of groups:{groups}")
    n, channels, *rest = input.shape
    if channels % groups:
        raise RuntimeError(f"Number of channels must be divisible by groups. Got {channels} channels and {groups} groups.")
    x = input.reshape(n, groups, channels // groups, *rest)
    return x.transpose(1, 2).reshape(n, channels, *rest)
