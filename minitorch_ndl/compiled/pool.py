"""Twins of pooling: each window is looked at once."""

import numpy as np

from . import loop, twin


def _planes(x, dims):
    """`x` as (planes, rows, columns), for one or two spatial dimensions; None for what the loops don't take."""
    if dims > 2 or x.dtype.char not in "fd" or not x.dtype.isnative or not x.flags.c_contiguous or not x.size:
        return None
    return x.reshape(-1, 1 if dims == 1 else x.shape[-2], x.shape[-1])


def _both(values, one):
    """Rows and columns of a setting; `one` is what the rows of a single dimension have."""
    return (one, *values) if len(values) == 1 else tuple(values)


@loop
def _max(x, kernel, stride, padding, dilation, values, which):
    """The first of the largest elements of each window, or its last NaN, and its tap, counted from the last one back."""
    height, width = x.shape[1:]
    taps = kernel[0] * kernel[1]
    for p in range(x.shape[0]):
        for oy in range(values.shape[1]):
            for ox in range(values.shape[2]):
                best, found, tap = x.dtype.type(-np.inf), 0, taps
                for i in range(kernel[0]):
                    y = oy * stride[0] - padding[0] + i * dilation[0]
                    for j in range(kernel[1]):
                        at = ox * stride[1] - padding[1] + j * dilation[1]
                        if 0 <= y < height and 0 <= at < width:
                            value = x[p, y, at]
                            if found == 0 or value > best or value != value:
                                best, found = value, tap
                        tap -= 1
                values[p, oy, ox], which[p, oy, ox] = best, found


@loop
def _max_of_four(x, values, which):
    """`_max` of windows of 2x2 side by side."""
    for p in range(x.shape[0]):
        for oy in range(values.shape[1]):
            upper, lower = x[p, 2 * oy], x[p, 2 * oy + 1]
            out, tap = values[p, oy], which[p, oy]
            a, b = upper[:2 * out.size].reshape(out.size, 2), lower[:2 * out.size].reshape(out.size, 2)
            for q in range(out.size):
                best, found = a[q, 0], np.uint8(4)
                for value, number in ((a[q, 1], np.uint8(3)), (b[q, 0], np.uint8(2)), (b[q, 1], np.uint8(1))):
                    if value > best or value != value:
                        best, found = value, number
                out[q], tap[q] = best, found
