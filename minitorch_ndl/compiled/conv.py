"""Twins of the convolutions."""

import numpy as np

from . import twin, winograd


def _ready(*arrays):
    dtype = arrays[0].dtype
    return dtype.char in "fd" and dtype.isnative and all(a.dtype == dtype and a.size for a in arrays)


def _tiles(kernel, stride, padding, dilation, groups, channels):
    """Whether it is Winograd's case, and pays."""
    return (tuple(kernel) == (3, 3) and tuple(stride) == tuple(dilation) == (1, 1) and groups == 1 and max(padding) <= 2
            and min(channels) >= 8)


@twin("convolve")
def convolve(plain, input, weight, stride, padding, dilation, groups):
    if _ready(input, weight) and _tiles(weight.shape[2:], stride, padding, dilation, groups, weight.shape[:2]):
        height, width = (n + 2 * p - 2 for n, p in zip(input.shape[2:], padding, strict=True))
        out = winograd.convolve(input, weight, padding, height, width)
        if out is not None:
            return out
    return plain(input, weight, stride, padding, dilation, groups)


@twin("convolve_input")
def convolve_input(plain, input, weight, size, stride, padding, dilation, groups):
    if _ready(input, weight) and _tiles(weight.shape[2:], stride, padding, dilation, groups, weight.shape[:2]):
        backward = np.ascontiguousarray(weight[:, :, ::-1, ::-1].swapaxes(0, 1))
        out = winograd.convolve(input, backward, tuple(2 - p for p in padding), *size)
        if out is not None:
            return out
    return plain(input, weight, size, stride, padding, dilation, groups)


@twin("convolve_weight")
def convolve_weight(plain, input, other, kernel, stride, padding, dilation, groups):
    if _ready(input, other) and _tiles(kernel, stride, padding, dilation, groups, (input.shape[1], other.shape[1])):
        out = winograd.convolve_weight(input, other, padding)
        if np.isfinite(out).all():
            return out
    return plain(input, other, kernel, stride, padding, dilation, groups)
