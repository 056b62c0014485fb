"""Winograd's convolution with 3x3 kernels, stride 1: four outputs for 16 products instead of 36.
https://arxiv.org/abs/1509.09308

A tile is 2x2 places of the output and the 4x4 of the input that they see. Each tile d and each kernel g is spread to 16
numbers, B'dB and GgG'. Those of a tile are multiplied with those of the kernel and summed over the channels, which is 16
matrix products; and A'(...)A gathers the four outputs from each 16. Backward is the same the other way round: AgA' spreads
the gradients of a tile's outputs, one product with each tile of the input makes the kernel's gradient and another with the
kernel makes B(...)B', the gradient of the input, where tiles overlap. B and A hold 0, 1 and -1, and G also halves: nothing
here loses more than a rounding. But infinity would become NaN, and reach all of its tile: who calls looks for that.

All loops are long ones over neighbours in memory, for channels come last here: a line of an image is (2, tiles + 1, C), its
even columns first, then the odd ones, so that tile t sees places t and t + 1 of both.
"""

import sys

import numpy as np

from . import loop
from .threads import each

_G = np.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]])
_KERNEL = np.kron(_G, _G)  # G g G' of a kernel in one row
_ELEMENTS = 1 << 18  # of the spread tiles at a time: about what the second-level cache holds
_RUNS = 16  # how many runs of images may be worked on at the same time; more threads than that find nothing to do


# The rows of B', each one row of what it multiplies plus or minus another, and the rows of A.
_B = ((0, 2, -1), (1, 2, 1), (2, 1, -1), (1, 3, -1))
_A = ((1, 0), (1, 1), (1, -1), (0, -1))


@loop
def _fetch(x, top, bottom):
    """Read lines of an image in the order in which they lie, which memory is faster at than at rows of many planes: they
    are in the cache then. Returns something that depends on it, or the compiler would see no reason to read."""
    total, step = x.dtype.type(0), 64 // x.itemsize
    for c in range(x.shape[0]):
        lines = x[c, max(top, 0):max(bottom, 0)].reshape(-1)
        for i in range(0, lines.size, step):
            total += lines[i]
    return total


@loop
def _read(x, pairs, y, left, line):
    """Row `y` of an image, which begins at column `left`, as a line (2, places, C). There are zeros around it."""
    channels, height, width = x.shape
    half, zero = line.size // 2, x.dtype.type(0)
    if not 0 <= y < height or pairs.size:
        line[:] = zero
    if 0 <= y < height and pairs.size:  # two columns at once
        bits = line.view(np.uint32)
        for k in range(left, left + width, 2):
            first = bits[k % 2 * half + k // 2 * channels:][:channels]
            second = bits[(k + 1) % 2 * half + (k + 1) // 2 * channels:][:channels]
            for c in range(channels):
                pair = pairs[c, y, (k - left) // 2]
                first[c], second[c] = np.uint32(pair), np.uint32(pair >> np.uint64(32))
        return
    for t in range(half // channels if 0 <= y < height else 0):
        k, even = 2 * t - left, line[t * channels:(t + 1) * channels]
        odd = line[half + t * channels:half + (t + 1) * channels]
        if 0 <= k < width - 1:
            for c in range(channels):
                even[c], odd[c] = x[c, y, k], x[c, y, k + 1]
        else:
            even[:], odd[:] = zero, zero
            for one, place in ((even, k), (odd, k + 1)):
                if 0 <= place < width:
                    for c in range(channels):
                        one[c] = x[c, y, place]


@loop
def _write(line, y, left, add, out):
    """The other way round; `add` to what is there."""
    channels, height, width = out.shape
    half = line.size // 2
    for t in range(half // channels if 0 <= y < height else 0):
        k, even = 2 * t - left, line[t * channels:(t + 1) * channels]
        odd = line[half + t * channels:half + (t + 1) * channels]
        if 0 <= k < width - 1 and not add:
            for c in range(channels):
                out[c, y, k], out[c, y, k + 1] = even[c], odd[c]
        else:
            for one, place in ((even, k), (odd, k + 1)):
                if 0 <= place < width:
                    for c in range(channels):
                        out[c, y, place] = one[c] + out[c, y, place] if add else one[c]


@loop
def _spread_input(x, pairs, padding, first, count, bands, rows, tiles, out):
    """B'dB of the tiles of some bands, each of so many rows of tiles of an image: into (16, tiles, C)."""
    number, channels = x.dtype.type, x.shape[1]
    size, odd = tiles * channels, (tiles + 1) * channels
    lines, half, fetched = np.empty((4, 2 * odd), x.dtype), np.empty(2 * odd, x.dtype), number(0)
    for band in range(count):
        image, top = x[(first + band) // bands], 2 * rows * ((first + band) % bands) - padding[0]
        two, fetched = pairs[(first + band) // bands], fetched + _fetch(image, top, top + 2 * rows + 2)
        for r in range(rows):
            for y in range(2 * r if r == 0 else 2 * r + 2, 2 * r + 4):  # the line of y lies where that of y - 4 was
                _read(image, two, top + y, padding[1], lines[y % 4])
            start = (band * rows + r) * size
            for i in range(4):  # row i of B'd
                u, v, sign = lines[(2 * r + _B[i][0]) % 4], lines[(2 * r + _B[i][1]) % 4], number(_B[i][2])
                for q in range(half.size):
                    half[q] = u[q] + sign * v[q]
                for j in range(4):  # the same along the line
                    a, b, sign = _B[j][0], _B[j][1], number(_B[j][2])
                    u, v = half[a % 2 * odd + a // 2 * channels:], half[b % 2 * odd + b // 2 * channels:]
                    to = out[4 * i + j, start:start + size]
                    for q in range(to.size):
                        to[q] = u[q] + sign * v[q]
    return fetched


@loop
def _spread_gradient(g, pairs, first, count, bands, rows, tiles, out):
    """AgA' of the output's tiles, into (16, tiles, O)."""
    number, size = g.dtype.type, tiles * g.shape[1]
    lines, half, fetched = np.empty((2, 2 * size), g.dtype), np.empty(2 * size, g.dtype), number(0)
    for band in range(count):
        image, top = g[(first + band) // bands], 2 * rows * ((first + band) % bands)
        two, fetched = pairs[(first + band) // bands], fetched + _fetch(image, top, top + 2 * rows)
        for r in range(rows):
            upper, lower = lines[0], lines[1]
            _read(image, two, top + 2 * r, 0, upper)
            _read(image, two, top + 2 * r + 1, 0, lower)
            start = (band * rows + r) * size
            for i in range(4):
                a, b = number(_A[i][0]), number(_A[i][1])
                for q in range(half.size):  # row i of Ag
                    half[q] = a * upper[q] + b * lower[q]
                for j in range(4):
                    a, b = number(_A[j][0]), number(_A[j][1])
                    u, v, to = half[:size], half[size:], out[4 * i + j, start:start + size]
                    for q in range(to.size):
                        to[q] = a * u[q] + b * v[q]
    return fetched


@loop
def _gather_output(m, bias, first, count, bands, rows, tiles, out):
    """A'mA of the products (16, tiles, O), plus the bias, into the images. Returns 0, or NaN if any is not finite."""
    number, (channels, height) = out.dtype.type, out.shape[1:3]
    size, zero, flaw = tiles * channels, number(0), number(0)
    half, line = np.empty((4, size), out.dtype), np.empty(2 * size, out.dtype)
    for band in range(count):
        image, top = out[(first + band) // bands], 2 * rows * ((first + band) % bands)
        for y in range(min(2 * rows, height - top)):
            start, i = (band * rows + y // 2) * size, y % 2
            sign = number(1 - 2 * i)
            for j in range(4):  # row i of A'm
                u, v, w = m[4 * i + j, start:], m[4 * i + j + 4, start:], m[4 * i + j + 8, start:]
                to = half[j]
                for q in range(size):
                    to[q] = u[q] + sign * (v[q] + w[q])
            for j in range(2):
                u, v, w, sign, to = half[j], half[j + 1], half[j + 2], number(1 - 2 * j), line[j * size:(j + 1) * size]
                for q in range(size):
                    to[q] = u[q] + sign * (v[q] + w[q]) + bias[q]
            for q in range(line.size):
                flaw += zero * line[q]
            _write(line, top + y, 0, False, image)
    return flaw


@loop
def _gather_input(m, padding, first, count, bands, rows, tiles, out):
    """BmB' of the products (16, tiles, C), summed where tiles overlap, into the images. Returns 0, or NaN."""
    number, channels = out.dtype.type, out.shape[1]
    size, odd = tiles * channels, (tiles + 1) * channels
    zero, flaw = number(0), number(0)
    half, lines = np.empty((4, size), out.dtype), np.empty((4, 2 * odd), out.dtype)
    for band in range(count):
        image, top = out[(first + band) // bands], 2 * rows * ((first + band) % bands) - padding[0]
        lines[:] = 0
        for r in range(rows + 1):
            if r < rows:
                start = (band * rows + r) * size
                for i in range(4):
                    for j in range(4):  # row i of Bm
                        to = half[j]
                        if i == 0 or i == 3:
                            u, sign = m[4 * i + j, start:], number(1 if i == 0 else -1)
                            for q in range(size):
                                to[q] = sign * u[q]
                        else:
                            u, v, w = m[j, start:] if i == 2 else m[12 + j, start:], m[4 + j, start:], m[8 + j, start:]
                            sign = number(1 if i == 2 else -1)
                            for q in range(size):
                                to[q] = sign * (w[q] - u[q]) + v[q]
                    line = lines[(2 * r + i) % 4]
                    a, b, c, d = half[0], half[1], half[2], half[3]
                    to = line[:size]
                    for q in range(size):
                        to[q] += a[q]
                    to = line[odd:odd + size]
                    for q in range(size):
                        to[q] += b[q] - c[q] + d[q]
                    to = line[channels:channels + size]
                    for q in range(size):
                        to[q] += b[q] + c[q] - a[q]
                    to = line[odd + channels:odd + channels + size]
                    for q in range(size):
                        to[q] -= d[q]
            for y in range(2 * r, 2 * r + 2):  # these lines are complete; the band above has left something in the first two
                line = lines[y % 4]
                for q in range(line.size):
                    flaw += zero * line[q]
                _write(line, top + y, padding[1], r == 0 and (first + band) % bands > 0, image)
                line[:] = 0
    return flaw


class _Cut:
    """How the work is cut: bands of some rows of tiles of an image, parts of some bands, runs of some parts. It does not
    depend on the number of threads, and each run adds up for itself: results are the same bits on any number."""

    def __init__(self, images, height, width, channels):
        down, self.tiles = (height + 1) // 2, (width + 1) // 2
        most = max(1, max(_ELEMENTS // (16 * channels), 64) // self.tiles)  # rows of tiles in a part
        self.bands = -(-down // most)
        self.rows = -(-down // self.bands)
        self.step, self.total = max(1, most // self.rows), images * self.bands
        self.size = self.rows * self.tiles
        self.band = (self.bands, self.rows, self.tiles)
        self.elements = 16 * channels * self.total * self.size  # of all spread tiles

    def runs(self, most=_RUNS, unit=1):
        """The first band and the last one, plus one, of at most so many runs, each at least a part. `unit` bands stay
        together."""
        units = self.total // unit
        count = min(most, units, -(-self.total // self.step))
        return [(units * i // count * unit, units * (i + 1) // count * unit) for i in range(count)]

    def parts(self, begin, end):
        """The first band of each part, how many there are, and how many tiles that makes."""
        for first in range(begin, end, self.step):
            count = min(self.step, end - first)
            yield first, count, count * self.size

    def room(self, channels, dtype):
        """Room for what a part's tiles are spread to: in two dimensions, and in three."""
        flat = np.empty((16, self.step * self.size * channels), dtype)
        return flat, flat.reshape(16, -1, channels)

    def each(self, runs, work):
        """The results of work(first, last + 1) for each run."""
        return each(len(runs), lambda i: work(*runs[i]), pays=self.elements > 1 << 20, keep=True)


def _pairs(x):
    """Two columns of images as one number, if they lie so; otherwise nothing."""
    fit = x.dtype == np.float32 and x.shape[3] % 2 == 0 and sys.byteorder == "little"
    return x.view(np.uint64) if fit else np.empty((len(x), 0, 0, 0), np.uint64)


def _kernel(weight):
    """GgG' of the kernels (O, C, 3, 3): (16, O, C)."""
    return (_KERNEL.astype(weight.dtype) @ weight.reshape(-1, 9).T).reshape(16, *weight.shape[:2])


def convolve(x, weight, bias, padding):
    """x (N, C, H, W), weight (O, C, 3, 3), bias (O) -> (N, O, height, width); None if something is not finite."""
    x, (n, c), o, dtype = np.ascontiguousarray(x), x.shape[:2], len(weight), x.dtype
    height, width = (size + 2 * p - 2 for size, p in zip(x.shape[2:], padding, strict=True))
    cut = _Cut(n, height, width, c + o)
    kernel = np.ascontiguousarray(_kernel(weight).swapaxes(1, 2))
    bias = np.tile(bias, cut.tiles)  # for a row of tiles
    out, pairs, runs = np.empty((n, o, height, width), dtype), _pairs(x), cut.runs()

    def work(*run):
        flaw = 0
        (flat_tiles, tiles), (flat_products, products) = cut.room(c, dtype), cut.room(o, dtype)
        for first, count, size in cut.parts(*run):
            _spread_input(x, pairs, padding, first, count, *cut.band, flat_tiles)
            np.matmul(tiles[:, :size], kernel, out=products[:, :size])
            flaw += _gather_output(flat_products, bias, first, count, *cut.band, out)
        return flaw

    return None if any(cut.each(runs, work)) else out


def gradients(x, weight, g, padding, size, of_input=True, of_weight=True):
    """The gradients of x (N, C, *size) and of weight (O, C, 3, 3) when g (N, O, height, width) is that of what `convolve`
    makes of them. None for what is not asked for, or not finite."""
    (n, o, height, width), dtype, g = g.shape, g.dtype, np.ascontiguousarray(g)
    c = x.shape[1] if weight is None else weight.shape[1]
    cut = _Cut(n, height, width, c + o)
    out, kernel, g_pairs = None, None, _pairs(g)
    if of_weight:
        x = np.ascontiguousarray(x)
        pairs = _pairs(x)
    if of_input:
        out, kernel = np.empty((n, c, *size), dtype), _kernel(weight)
    runs = cut.runs(min(max(2, 8 * _ELEMENTS // (16 * o * c)), _RUNS) if of_weight else _RUNS, cut.bands)

    def work(*run):
        flaw, total, product = 0, np.zeros((16, o, c), dtype), np.empty((16, o, c), dtype)
        (flat_tiles, tiles), (flat_gradients, gradients) = cut.room(c, dtype), cut.room(o, dtype)
        for first, count, size in cut.parts(*run):
            _spread_gradient(g, g_pairs, first, count, *cut.band, flat_gradients)
            if of_input:
                np.matmul(gradients[:, :size], kernel, out=tiles[:, :size])
                flaw += _gather_input(flat_tiles, padding, first, count, *cut.band, out)
            if of_weight:
                _spread_input(x, pairs, padding, first, count, *cut.band, flat_tiles)
                np.matmul(gradients[:, :size].swapaxes(1, 2), tiles[:, :size], out=product)
                np.add(total, product, out=total)
        return flaw, total

    flaws, totals = zip(*cut.each(runs, work), strict=True)
    total = None
    if of_weight:
        total = np.ascontiguousarray((_KERNEL.astype(dtype).T @ sum(totals).reshape(16, o * c)).T).reshape(o, c, 3, 3)
    return None if any(flaws) else out, total if of_weight and np.isfinite(total).all() else None
