"""Winograd's convolution with 3x3 kernels, stride 1: four outputs for 16 products instead of 36.
https://arxiv.org/abs/1509.09308

A tile is 2x2 places of the output and the 4x4 of the input that they see. Each tile d and each kernel g is spread to 16
numbers, B'dB and GgG'. Those of a tile are multiplied with those of the kernel and summed over the channels, which is 16
matrix products; and A'(...)A gathers the four outputs from each 16. B and A hold 0, 1 and -1, and G also halves: nothing
here loses more than a rounding. But infinity would become NaN, and reach all of its tile: who calls looks for that.

So that all loops are long ones over neighbours in memory, images are taken apart into phases: even and odd columns of
even and odd rows, each in one row `wide` elements a line. Place q of a phase belongs to tile q, place q + 1 also to the
tile before, q + wide to the tile above. One column more than there are tiles keeps lines apart; nobody reads its results.
"""

import numpy as np

from . import loop
from .threads import each

_G = np.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]])
_KERNEL = np.kron(_G, _G)  # G g G' of a kernel in one row
_ELEMENTS = 1 << 20  # of the spread tiles at a time: about what the second-level cache holds


# The rows of B', each one row of what it multiplies plus or minus another, and the rows of A.
_B = ((0, 2, -1), (1, 2, 1), (2, 1, -1), (1, 3, -1))
_A = ((1, 0), (1, 1), (1, -1), (0, -1))


@loop
def _phases(x, top, left, wide, line, out):
    """The phases of image rows `top`, `top` + 1, ... (2, 2, lines * wide); zeros beyond the image, `left` before it."""
    height, width = x.shape
    line[:] = 0
    pairs = line[:2 * wide].reshape(wide, 2)
    for r in range(2 * (out.shape[2] // wide)):
        start = r // 2 * wide
        even, odd = out[r % 2, 0, start:start + wide], out[r % 2, 1, start:start + wide]
        if 0 <= top + r < height:
            line[left:left + width] = x[top + r]
            for t in range(wide):
                even[t] = pairs[t, 0]
                odd[t] = pairs[t, 1]
        else:
            even[:] = 0
            odd[:] = 0


@loop
def _spread_input(x, padding, first, bands, rows, wide, out):
    """B'dB of the tiles of some bands, each of so many rows of tiles of an image: into (C, 16, tiles)."""
    number, size = x.dtype.type, rows * wide
    phases, line = np.zeros((2, 2, size + wide + 1), x.dtype), np.empty(2 * wide + x.shape[3], x.dtype)
    half = np.empty((2, size + 1), x.dtype)
    for band in range(out.shape[2] // size):
        image, top = (first + band) // bands, 2 * rows * ((first + band) % bands) - padding[0]
        for c in range(x.shape[1]):
            _phases(x[image, c], top, padding[1], wide, line, phases)
            for i in range(4):
                a, b, sign = _B[i][0], _B[i][1], number(_B[i][2])
                for p in range(2):  # row i of B'd, its even and its odd columns
                    u, v, to = phases[a % 2, p, a // 2 * wide:], phases[b % 2, p, b // 2 * wide:], half[p]
                    for q in range(to.size):
                        to[q] = u[q] + sign * v[q]
                for j in range(4):  # the same along the row
                    a, b, sign = _B[j][0], _B[j][1], number(_B[j][2])
                    u, v, to = half[a % 2, a // 2:], half[b % 2, b // 2:], out[c, 4 * i + j, band * size:(band + 1) * size]
                    for q in range(to.size):
                        to[q] = u[q] + sign * v[q]


@loop
def _spread_gradient(g, first, bands, rows, wide, out):
    """AgA' of the output's tiles, into (O, 16, tiles)."""
    number, size = g.dtype.type, rows * wide
    phases, line = np.empty((2, 2, size), g.dtype), np.empty(2 * wide + g.shape[3], g.dtype)
    half = np.empty((2, size), g.dtype)
    for band in range(out.shape[2] // size):
        image, top = (first + band) // bands, 2 * rows * ((first + band) % bands)
        for c in range(g.shape[1]):
            _phases(g[image, c], top, 0, wide, line, phases)
            for i in range(4):
                a, b = number(_A[i][0]), number(_A[i][1])
                for p in range(2):  # row i of Ag
                    u, v, to = phases[0, p], phases[1, p], half[p]
                    for q in range(to.size):
                        to[q] = a * u[q] + b * v[q]
                for j in range(4):
                    a, b = number(_A[j][0]), number(_A[j][1])
                    u, v, to = half[0], half[1], out[c, 4 * i + j, band * size:(band + 1) * size]
                    for q in range(to.size):
                        to[q] = a * u[q] + b * v[q]


@loop
def _gather_output(m, first, bands, rows, wide, out):
    """A'mA of the products (O, 16, tiles), into the images. Returns 0, or NaN if any is not finite."""
    number, size = out.dtype.type, rows * wide
    channels, height, width = out.shape[1:]
    half, phases, line = np.empty((4, size), out.dtype), np.empty((2, size), out.dtype), np.empty(2 * wide, out.dtype)
    pairs, zero, flaw = line.reshape(wide, 2), number(0), number(0)
    for band in range(m.shape[2] // size):
        image, top = (first + band) // bands, 2 * rows * ((first + band) % bands)
        start = band * size
        for c in range(channels):
            for i in range(2):
                sign = number(1 - 2 * i)
                for j in range(4):  # row i of A'm
                    k, to = 4 * i + j, half[j]
                    u, v, w = m[c, k, start:start + size], m[c, k + 4, start:start + size], m[c, k + 8, start:start + size]
                    for q in range(size):
                        to[q] = u[q] + sign * (v[q] + w[q])
                for j in range(2):
                    u, v, w, sign, to = half[j], half[j + 1], half[j + 2], number(1 - 2 * j), phases[j]
                    for q in range(size):
                        to[q] = u[q] + sign * (v[q] + w[q])
                    for q in range(size):
                        flaw += zero * to[q]
                for r in range(min(rows, (height - top - i + 1) // 2)):
                    even, odd = phases[0, r * wide:(r + 1) * wide], phases[1, r * wide:(r + 1) * wide]
                    for t in range(wide):
                        pairs[t, 0], pairs[t, 1] = even[t], odd[t]
                    out[image, c, top + 2 * r + i] = line[:width]
    return flaw


class _Cut:
    """How the tiles of images are cut into parts that are worked on together: bands of some rows of tiles."""

    def __init__(self, images, height, width, channels):
        down, self.wide = (height + 1) // 2, width // 2 + 1 + width % 2
        most = max(1, max(_ELEMENTS // (16 * channels), 128) // self.wide)  # rows of tiles in a part
        self.bands = -(-down // most)
        self.rows = -(-down // self.bands)
        step, total = max(1, most // self.rows), images * self.bands
        self.parts = [(i, min(step, total - i) * self.rows * self.wide) for i in range(0, total, step)]
        self.band = (self.bands, self.rows, self.wide)


def convolve(x, weight, padding, height, width):
    """x (N, C, H, W), weight (O, C, 3, 3) -> (N, O, height, width); None where something is not finite."""
    (n, c), o = x.shape[:2], len(weight)
    cut = _Cut(n, height, width, c + o)
    kernel = (_KERNEL.astype(x.dtype) @ weight.reshape(o * c, 9).T).reshape(16, o, c)
    out = np.empty((n, o, height, width), x.dtype)

    def work(i):
        first, size = cut.parts[i]
        tiles, products = np.empty((c, 16, size), x.dtype), np.empty((o, 16, size), x.dtype)
        _spread_input(x, padding, first, *cut.band, tiles)
        np.matmul(kernel, tiles.transpose(1, 0, 2), out=products.transpose(1, 0, 2))
        return _gather_output(products, first, *cut.band, out)

    return None if any(each(len(cut.parts), work)) else out


def convolve_weight(x, g, padding):
    """x (N, C, H, W), g (N, O, height, width) -> the gradient of the weight, (O, C, 3, 3)."""
    (n, c), (o, height, width) = x.shape[:2], g.shape[1:]
    cut = _Cut(n, height, width, c + o)

    def work(i):
        first, size = cut.parts[i]
        tiles, gradients = np.empty((c, 16, size), x.dtype), np.empty((o, 16, size), x.dtype)
        _spread_input(x, padding, first, *cut.band, tiles)
        _spread_gradient(g, first, *cut.band, gradients)
        return np.matmul(gradients.transpose(1, 0, 2), tiles.transpose(1, 2, 0))

    total = sum(each(len(cut.parts), work))
    return np.ascontiguousarray((_KERNEL.astype(x.dtype).T @ total.reshape(16, o * c)).T).reshape(o, c, 3, 3)
