"""Twin of maximum pooling by windows of 2x2 side by side, which nearly all networks have."""

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


@twin("max_of_windows")
def max_of_windows(plain, input, windows):
    usual = windows.kernel == windows.stride == (2, 2) and windows.padding == (0, 0) and windows.dilation == (1, 1) and all(
        2 * o <= n for o, n in zip(windows.out, windows.size, strict=True))
    if not usual or input.dtype.char not in "fd" or not input.dtype.isnative or not input.flags.c_contiguous or not input.size:
        return plain(input, windows)
    shape = (*input.shape[:-2], *windows.out)
    values, which = np.empty(shape, input.dtype), np.empty(shape, np.uint8)
    _max_of_four(input.reshape(-1, *windows.size), values.reshape(-1, *windows.out), which.reshape(-1, *windows.out))
    return values, which
