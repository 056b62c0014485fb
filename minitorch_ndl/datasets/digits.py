"""Digits drawn by the package itself: 28x28 images in ten classes, for machines that cannot reach MNIST.

A digit is the path of a pen. Each style below is a few strokes, smooth curves through a handful of points;
a drawing jitters those points, bends and shears and turns the path, and moves a round pen along it. The
curve is linear in its points, so all drawings of a style are one matrix product, and the ink of a pixel is
a matter of its distance to the path.
"""

from __future__ import annotations

import numpy as np

# The strokes of each digit's styles: points "x,y" in a box of 100 by 100, y pointing down; a point given
# twice is a corner; the pen is lifted at "|".
_STYLES: dict[int, list[str]] = {
    0: [
        "50,0 18,15 5,50 20,88 50,100 80,86 95,50 80,13 52,0",
        "72,8 45,0 15,25 8,60 30,95 60,98 88,65 84,25 60,2 38,6",
        "30,12 12,45 15,80 42,100 72,85 88,50 80,15 55,0 28,14",
    ],
    1: [
        "50,0 50,50 50,100",
        "25,27 40,14 55,0 55,0 54,50 53,100",
        "32,18 52,0 52,0 51,50 52,100 | 26,100 50,99 78,100",
    ],
    2: [
        "10,25 25,4 60,0 85,20 75,48 40,78 5,100 5,100 50,97 95,100",
        "10,20 40,0 80,14 76,45 46,80 15,97 8,84 28,78 60,96 95,92",
        "12,10 45,0 82,10 82,34 50,62 12,96 12,96 50,94 92,94",
    ],
    3: [
        "10,12 45,0 82,15 75,38 40,48 40,48 80,58 88,82 50,100 8,90",
        "10,3 48,2 85,2 85,2 62,22 42,40 42,40 80,50 90,78 55,100 8,92",
        "12,14 42,0 76,10 76,34 50,46 78,58 84,84 50,100 12,90",
    ],
    4: [
        "20,0 12,30 10,55 10,55 50,56 95,52 | 75,8 72,50 68,100",
        "68,0 40,32 5,66 5,66 50,66 95,65 | 68,0 69,50 68,100",
        "16,5 12,35 30,52 60,48 80,28 86,4 86,4 80,50 74,100",
    ],
    5: [
        "82,2 50,2 22,3 22,3 18,25 15,45 15,45 45,35 80,48 86,74 60,97 8,94",
        "22,6 18,26 16,46 16,46 48,36 82,50 84,78 55,98 8,92 | 22,6 50,5 84,2",
        "86,6 50,3 25,18 28,38 62,50 82,70 62,97 10,93",
    ],
    6: [
        "70,0 38,20 14,55 20,88 50,100 80,85 80,62 50,50 20,68",
        "52,0 28,30 15,65 28,95 58,98 76,78 62,60 36,62 20,78",
        "84,8 50,4 18,36 12,70 34,98 70,97 88,74 70,52 38,54 16,72",
    ],
    7: [
        "5,5 50,3 92,2 92,2 65,45 40,100",
        "8,6 50,4 90,3 90,3 64,45 42,100 | 30,52 55,50 82,48",
        "6,20 8,5 8,5 50,5 92,2 92,2 68,34 50,66 42,100",
        "5,12 35,1 70,6 88,14 74,40 58,70 50,100",
    ],
    8: [
        "80,14 50,0 20,12 24,35 54,50 85,70 76,95 45,100 15,88 20,65 50,48 78,30 80,14",
        "50,46 24,30 28,6 52,0 76,8 76,32 50,46 18,66 18,92 50,100 84,90 80,64 50,46",
        "84,8 52,0 22,14 30,36 62,56 80,80 58,100 28,92 26,72 54,48 80,24 84,6",
    ],
    9: [
        "85,20 60,2 25,10 12,35 35,51 70,42 86,18 86,18 82,60 78,100",
        "82,16 52,0 20,12 16,38 44,50 76,36 84,12 84,12 88,50 72,88 32,100",
        "80,26 58,2 26,12 20,38 46,48 74,34 80,12 66,58 48,100",
    ],
}
_POINTS = 64  # where the pen touches down along the path: less than a pixel apart on the longest digit
_CHUNK = 32  # drawings per pass: their pixels (28 * 28 * 32 floats) stay in the cache


def draw_digits(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Draws `n` digits: images (n, 28, 28) uint8, white on black, and labels (n,) uint8, classes balanced.

    The same `n` and `seed` give the same digits. They are NOT MNIST; they stand in where it cannot be had.

    >>> images, labels = ndl.datasets.draw_digits(20, seed=3)
    >>> images.shape, images.dtype, sorted(set(labels.tolist()))
    ((20, 28, 28), dtype('uint8'), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    """
    # RandomState's stream is frozen for good, NumPy's newer generators may change theirs.
    rng = np.random.RandomState([seed & 0xFFFFFFFF, seed >> 32 & 0xFFFFFFFF])
    labels = rng.permutation(np.arange(n) % 10).astype(np.uint8)
    path = _distort(_pen_paths(labels, rng), rng)
    return _render(path, rng), labels


def _pen_paths(labels: np.ndarray, rng: np.random.RandomState) -> np.ndarray:
    """Paths (n, _POINTS, 2) in pixels around the origin, each in a random style of its digit, jittered."""
    path = np.empty((len(labels), _POINTS, 2))
    which = rng.random_sample(len(labels))
    for digit, styles in _STYLES.items():
        for i, style in enumerate(styles):
            rows = np.flatnonzero((labels == digit) & ((which * len(styles)).astype(int) == i))
            points, basis = _curve(style)
            jitter = 0.75 * rng.standard_normal((len(rows), *points.shape))
            path[rows] = basis @ (points + jitter)
    return path


def _curve(style: str) -> tuple[np.ndarray, np.ndarray]:
    """The points (k, 2) of a style in pixels and the matrix (_POINTS, k) that makes its curve from them."""
    strokes = [[tuple(map(int, point.split(","))) for point in stroke.split()] for stroke in style.split("|")]
    names = list(dict.fromkeys(point for stroke in strokes for point in stroke))
    points = (np.array(names) - 50) * (0.15, 0.20)  # 15 pixels wide, 20 high
    unit = dict(zip(names, np.eye(len(names))))

    pieces = []  # smooth runs; a stroke is cut at its corners
    for stroke in strokes:
        cuts = [0, *(i for i in range(1, len(stroke)) if stroke[i] == stroke[i - 1]), len(stroke)]
        pieces += [_smooth(np.array([unit[p] for p in stroke[a:b]])) for a, b in zip(cuts, cuts[1:])]
    # Points at equal distances along the path; the pen is up between pieces.
    lengths = [np.hypot(*np.diff(piece @ points, axis=0, prepend=piece[:1] @ points).T) for piece in pieces]
    travelled = np.cumsum(np.concatenate(lengths))
    at = np.searchsorted(travelled, np.linspace(0, travelled[-1], _POINTS))
    return points, np.concatenate(pieces)[np.minimum(at, len(travelled) - 1)]


def _smooth(p: np.ndarray) -> np.ndarray:
    """A Catmull-Rom spline through the rows of `p`, 50 steps from each to the next."""
    slope = np.gradient(p, axis=0)
    t = np.linspace(0, 1, 50)[:, None, None]
    spline = (
        (2 * t**3 - 3 * t**2 + 1) * p[:-1]
        + (t**3 - 2 * t**2 + t) * slope[:-1]
        + (3 * t**2 - 2 * t**3) * p[1:]
        + (t**3 - t**2) * slope[1:]
    )
    return spline.swapaxes(0, 1).reshape(-1, p.shape[1])


def _distort(path: np.ndarray, rng: np.random.RandomState) -> np.ndarray:
    """Bends, scales, shears, turns and shifts each path; its middle comes to lie near pixel (13.5, 13.5)."""
    n = len(path)
    x, y = path[..., 0], path[..., 1]
    # A slow wave along each axis: curves and proportions change as from one hand to another.
    phase, wave = 2 * np.pi * rng.random_sample((4, n, 1)), rng.standard_normal((4, n, 1))
    x = x + 0.8 * wave[0] * np.sin(y / 6 + phase[0]) + 0.4 * wave[1] * np.sin(x / 4 + phase[1])
    y = y + 0.8 * wave[2] * np.sin(x / 6 + phase[2]) + 0.4 * wave[3] * np.sin(y / 4 + phase[3])

    angle = np.radians(9) * rng.standard_normal((n, 1))
    shear = 0.10 + 0.20 * rng.standard_normal((n, 1))
    width, height = rng.uniform(0.70, 1.15, (n, 1)), rng.uniform(0.80, 1.05, (n, 1))
    x, y = width * x - shear * y, height * y
    x, y = np.cos(angle) * x - np.sin(angle) * y, np.sin(angle) * x + np.cos(angle) * y
    path = np.stack([x, y], axis=-1)
    path += 13.5 + 0.7 * rng.standard_normal((n, 1, 2)) - path.mean(axis=1, keepdims=True)
    return path


def _render(path: np.ndarray, rng: np.random.RandomState) -> np.ndarray:
    """The images (n, 28, 28) uint8 that a round pen leaves on these paths, in pixels."""
    n = len(path)
    radius = rng.uniform(0.75, 1.75, (n, 1))
    swing, phase = rng.uniform(0.3, 1.2, (n, 1)), rng.random_sample((n, 1))
    pressure = 1 + 0.22 * np.sin(2 * np.pi * (swing * np.linspace(0, 1, _POINTS) + phase))
    softness, ink = rng.uniform(0.7, 1.3, n), rng.uniform(215, 290, n)
    grain = rng.uniform(0, 50, n)

    # Drawings lie along the last axis, so that NumPy's inner loops are long. A pen of radius r covers pixels
    # at a distance d < r from where it touches down; of all d / r of a pixel, only the smallest matters.
    pen = (radius * pressure).T.astype(np.float32)  # (_POINTS, n)
    pixel = np.arange(28, dtype=np.float32)[:, None]
    x, y = (np.ascontiguousarray(path[..., i].T, dtype=np.float32) for i in (0, 1))
    images = np.empty((n, 28, 28), np.uint8)
    for start in range(0, n, _CHUNK):
        part = slice(start, start + _CHUNK)
        dx2 = np.square((pixel - x[:, None, part]) / pen[:, None, part])  # (_POINTS, 28, chunk)
        dy2 = np.square((pixel - y[:, None, part]) / pen[:, None, part])
        nearest = np.full((28, 28, dx2.shape[-1]), np.inf, np.float32)
        distance = np.empty_like(nearest)
        for p in range(_POINTS):
            np.add(dy2[p, :, None], dx2[p], out=distance)
            np.minimum(nearest, distance, out=nearest)
        # From the squared ratio to how far inside the edge, which is soft, the pixel lies; in pixels.
        inside = (1 - np.sqrt(nearest)) * radius[part, 0].astype(np.float32)
        cover = np.clip(0.5 + inside / softness[part].astype(np.float32), 0, 1)
        noise = rng.random_sample((cover.shape[-1], 28, 28)).astype(np.float32).transpose(1, 2, 0) - 0.5
        shade = cover * ink[part].astype(np.float32) + noise * grain[part].astype(np.float32) * (cover > 0)
        images[part] = np.clip(shade, 0, 255).transpose(2, 0, 1)
    return images
