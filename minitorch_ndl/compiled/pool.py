"""Twins of maximum pooling in two dimensions: by windows of 2x2 side by side, which nearly all networks have, and for the
gradient by all others, too."""

import numpy as np

from . import loop, twin


@loop
def _max_of_four(x, values, which):
    """The first of the largest elements of each window, or its last NaN, and its tap, counted from the last one back."""
    for p in range(values.shape[0]):
        for y in range(values.shape[1]):
            upper, lower, out, taps = x[p, 2 * y], x[p, 2 * y + 1], values[p, y], which[p, y]
            for t in range(out.size):
                best, tap = upper[2 * t], 4
                if upper[2 * t + 1] > best or upper[2 * t + 1] != upper[2 * t + 1]:
                    best, tap = upper[2 * t + 1], 3
                if lower[2 * t] > best or lower[2 * t] != lower[2 * t]:
                    best, tap = lower[2 * t], 2
                if lower[2 * t + 1] > best or lower[2 * t + 1] != lower[2 * t + 1]:
                    best, tap = lower[2 * t + 1], 1
                out[t], taps[t] = best, tap


@loop
def _put(g, which, kernel, stride, padding, dilation, out):
    """Each window's gradient goes to the element that was found there."""
    for p in range(g.shape[0]):
        plane = out[p]
        plane[:] = 0
        for o in range(g.shape[1]):
            for t in range(g.shape[2]):
                tap = kernel[0] * kernel[1] - which[p, o, t]
                y = o * stride[0] - padding[0] + tap // kernel[1] * dilation[0]
                plane[y, t * stride[1] - padding[1] + tap % kernel[1] * dilation[1]] += g[p, o, t]


@loop
def _put_of_four(g, which, out):
    """`_put` for windows of 2x2 side by side."""
    zero = g.dtype.type(0)
    for p in range(g.shape[0]):
        for y in range(g.shape[1]):
            row, taps = g[p, y], which[p, y]
            for i in range(2):
                to, left, right = out[p, 2 * y + i], np.uint8(4 - 2 * i), np.uint8(3 - 2 * i)
                for t in range(row.size):
                    to[2 * t] = row[t] if taps[t] == left else zero
                    to[2 * t + 1] = row[t] if taps[t] == right else zero
                to[2 * row.size:] = 0
        out[p, 2 * g.shape[1]:] = 0


def _of_four(w):
    """Whether the windows are 2x2, side by side, all of them inside."""
    return len(w.out) == 2 and w.kernel == w.stride == (2, 2) and w.padding == (0, 0) and w.dilation == (1, 1) and all(
        2 * o <= n for o, n in zip(w.out, w.size, strict=True))


def _ready(x):
    return x.dtype.char in "fd" and x.dtype.isnative and x.size


@twin("max_of_windows")
def max_of_windows(plain, input, windows):
    if not _of_four(windows) or not _ready(input):
        return plain(input, windows)
    shape = (*input.shape[:-2], *windows.out)
    values, which = np.empty(shape, input.dtype), np.empty(shape, np.uint8)
    _max_of_four(np.ascontiguousarray(input).reshape(-1, *windows.size), values.reshape(-1, *windows.out),
                 which.reshape(-1, *windows.out))
    return values, which


@twin("max_of_windows.backward")
def max_of_windows_backward(plain, g, which, windows):
    if len(windows.out) != 2 or not _ready(g) or which.dtype != np.uint8:
        return plain(g, which, windows)
    out = np.empty((*g.shape[:-2], *windows.size), g.dtype)
    flat = [np.ascontiguousarray(a).reshape(-1, *windows.out) for a in (g, which)]
    if _of_four(windows):
        _put_of_four(*flat, out.reshape(-1, *windows.size))
    else:
        _put(*flat, *windows[1:5], out.reshape(-1, *windows.size))
    return out
