"""Twins of the convolutions, for the two kinds that plain matrix products serve worst: those with 3x3 kernels, which most
networks have, and those that look at one channel at a time."""

import numpy as np

from ..sums import total
from . import depthwise, twin, winograd


def _ready(*arrays):
    dtype = arrays[0].dtype
    return dtype.char in "fd" and dtype.isnative and all(a.dtype == dtype and a.ndim == 4 and a.size for a in arrays)


def _tiles(channels, kernel, stride, padding, dilation, groups):
    """Whether it is Winograd's case, and pays."""
    return tuple(kernel) == (3, 3) and tuple(stride) == tuple(dilation) == (1, 1) and groups == 1 and min(channels) >= 8


@twin("convolution")
def convolution(plain, input, weight, bias, stride, padding, dilation, groups):
    rest = stride, padding, dilation, groups
    more = np.zeros(len(weight), input.dtype) if bias is None else bias
    out = _convolved(input, weight, more, *rest)
    return plain(input, weight, bias, *rest) if out is None else (out, input, weight, *rest)


@twin("convolution.backward")
def convolution_backward(plain, needs, g, input, weight, stride, padding, dilation, groups):
    of_input, of_weight, of_bias = needs
    rest = stride, padding, dilation, groups
    grads = _gradients(input, weight, g, input.shape, weight.shape, *rest, of_input, of_weight)
    if grads is None:
        return plain(needs, g, input, weight, *rest)
    return *grads, total(np, g, (0, 2, 3)) if of_bias else None


@twin("convolve")
def convolve(plain, input, weight, *rest):
    out = _convolved(input, weight, np.zeros(len(weight), input.dtype), *rest)
    return plain(input, weight, *rest) if out is None else out


@twin("convolve_input")
def convolve_input(plain, input, weight, size, stride, padding, dilation, groups):
    rest = stride, padding, dilation, groups
    shape = len(input), weight.shape[1] * groups, *size
    grads = _gradients(None, weight, input, shape, weight.shape, *rest, True, False)
    return plain(input, weight, size, *rest) if grads is None else grads[0]


@twin("convolve_weight")
def convolve_weight(plain, input, other, kernel, stride, padding, dilation, groups):
    rest = stride, padding, dilation, groups
    shape = other.shape[1], input.shape[1] // groups, *kernel
    grads = _gradients(input, None, other, input.shape, shape, *rest, False, True)
    return plain(input, other, kernel, *rest) if grads is None else grads[1]


def _convolved(input, weight, bias, stride, padding, dilation, groups):
    """The result, or None where it is another's."""
    if _ready(input, weight):
        if _tiles(weight.shape[:2], weight.shape[2:], stride, padding, dilation, groups):
            return winograd.convolve(input, weight, bias, padding)
        if groups == input.shape[1] > 1:
            return depthwise.convolve(input, weight, bias, stride, padding, dilation)
    return None


def _gradients(input, weight, g, size, shape, stride, padding, dilation, groups, of_input, of_weight):
    """The gradients of the input, of this size, and of the weight, of this shape, or None where they are another's."""
    if not (of_input or of_weight) or not _ready(g, *(a for a in (input, weight) if a is not None)):
        return None
    if _tiles(shape[:2], shape[2:], stride, padding, dilation, groups):
        grads = winograd.gradients(input, weight, g, padding, size[2:], of_input, of_weight)
    elif groups == size[1] > 1:
        x = np.broadcast_to(np.zeros((), g.dtype), size) if input is None else input
        w = np.zeros(shape, g.dtype) if weight is None else weight
        grads = depthwise.gradients(x, w, g, stride, padding, dilation, of_input, of_weight)
    else:
        return None
    flaw = (of_input and grads[0] is None) or (of_weight and grads[1] is None)  # something is not finite
    return None if flaw else grads
