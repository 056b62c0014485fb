"""What looks at parts of images: pools, resampling, grids, blocks; attention, normalization, bags and CTC's inner operations.
References are loops over the definition."""

import itertools
import math

import numpy as np

from minitorch_ndl.ops.pool import Windows
from minitorch_ndl.ops.resample import Change
from tests.samples import Sample

rng = np.random.default_rng(0)


def rand(*shape):
    return np.asarray(rng.standard_normal(shape))


def by_linearity(shape, function, g):
    """The transpose of a linear map: out[i] = <function(unit i), g>."""
    out = np.zeros(shape)
    for i in np.ndindex(*shape):
        unit = np.zeros(shape)
        unit[i] = 1
        out[i] = (function(unit) * g).sum()
    return out


# --- pools ------------------------------------------------------------------------------------------------------------

IMAGE = rng.permutation(120).reshape(2, 5, 12)[:, :, :6] / 7.0  # no two elements alike
ROWS = Windows(size=(5, 6), kernel=(2, 3), stride=(2, 1), padding=(1, 0), dilation=(1, 2), out=(3, 2))
BOXES = Windows(size=(5, 6), kernel=(2, 3), stride=(2, 2), padding=(1, 1), dilation=(1, 1), out=(3, 3))


def seen(windows):
    """For each window, the places of its elements that lie inside."""
    for at in np.ndindex(*windows.out):
        places = [[a * s - p + k * d for k in range(n)] for a, s, p, n, d in zip(
            at, windows.stride, windows.padding, windows.kernel, windows.dilation, strict=True)]
        yield at, [q for q in itertools.product(*places) if all(0 <= i < n for i, n in zip(q, windows.size, strict=True))]


def largest(x, windows):
    """The largest element of each window, and where it is in its plane."""
    values = np.zeros((len(x), *windows.out))
    places = np.zeros(values.shape, int)
    for n, plane in enumerate(x):
        for at, inside in seen(windows):
            best = max(inside, key=lambda q, plane=plane: plane[q])
            values[(n, *at)], places[(n, *at)] = plane[best], best[0] * x.shape[2] + best[1]
    return values, places


def which(x, windows):
    """As `largest`, but which element of the window it is, counted from the last one back, from 1 on."""
    found = np.zeros((len(x), *windows.out), np.uint8)
    taps = math.prod(windows.kernel)
    for n, plane in enumerate(x):
        for at in np.ndindex(*windows.out):
            best = -math.inf
            for number, k in enumerate(np.ndindex(*windows.kernel)):
                q = tuple(a * s - p + j * d for a, s, p, j, d in zip(
                    at, windows.stride, windows.padding, k, windows.dilation, strict=True))
                if all(0 <= i < m for i, m in zip(q, windows.size, strict=True)) and plane[q] > best:
                    best, found[(n, *at)] = plane[q], taps - number
    return found


def means(x, windows, divisor):
    out = np.zeros((len(x), *windows.out))
    for n, plane in enumerate(x):
        for at, inside in seen(windows):
            out[(n, *at)] = sum(plane[q] for q in inside) / divisor
    return out


def put(x, indices, size, add):
    out = np.zeros((len(x), math.prod(size)))
    for n, i in np.ndindex(len(x), x[0].size):
        out[n, indices[n].reshape(-1)[i]] += x[n].reshape(-1)[i]
    return out.reshape(len(x), *size)


def take(x, indices, dims):
    return np.stack([plane.reshape(-1)[i] for plane, i in zip(x, indices, strict=True)])


PLACES = largest(IMAGE, ROWS)[1]
POOLS = {
    "max_values": [Sample((IMAGE, w), reference=lambda x, w: largest(x, w)[0], grad=False) for w in (ROWS, BOXES)],
    "max_of_windows": [Sample((IMAGE, w), reference=lambda x, w: (largest(x, w)[0], which(x, w))) for w in (ROWS, BOXES)],
    "places": [Sample((which(IMAGE, w), w), reference=lambda found, w: largest(IMAGE, w)[1]) for w in (ROWS, BOXES)],
    "places_of_largest": [Sample((IMAGE, (np.array([[0, 1], [3, 4]]).tolist(), [[0, 1, 2], [3, 4, 5]])), grad=False,
                                 reference=lambda x, rows: np.array([[[max(
                                     itertools.product(r, c), key=lambda q: plane[q]) for c in rows[1]] for r in rows[0]]
                                     for plane in x]) @ [6, 1])],
    "planes_put": [Sample((rand(2, 3, 2), PLACES, (5, 6), True), reference=put)],
    "planes_take": [Sample((IMAGE, PLACES, 2), reference=take)],
    "box_mean": [Sample((IMAGE, BOXES, 6), reference=means)],
    "box_mean_back": [Sample((rand(2, 3, 3), BOXES, 6), reference=lambda g, w, divisor: by_linearity(
        (2, 5, 6), lambda unit: means(unit, w, divisor), g))],
}


# --- resampling, blocks, shuffles ---------------------------------------------------------------------------------------


def linear(x, m, corners=False):
    """The last dimension in `m` elements, by straight lines."""
    n = x.shape[-1]
    at = np.arange(m) * (n - 1) / (m - 1) if corners else (np.arange(m) + 0.5) * n / m - 0.5
    return np.apply_along_axis(lambda row: np.interp(at, np.arange(n), row), -1, x)


def both(x, sizes, corners=False):
    return linear(linear(x, sizes[1], corners).swapaxes(-1, -2), sizes[0], corners).swapaxes(-1, -2)


def nearest(x, changes):
    (h, w) = changes
    return x[..., np.arange(h.m) * h.n // h.m, :][..., np.arange(w.m) * w.n // w.m]


def changes(mode, *sizes, corners=False, antialias=False):
    return tuple(Change(mode, n, m, None, corners, antialias) for n, m in sizes)


def columns(x, kernel, dilation, padding, stride):
    x = np.pad(x, ((0, 0), (0, 0), (padding[0],) * 2, (padding[1],) * 2))
    spans = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    corners = itertools.product(*(range(0, n - s + 1, t) for n, s, t in zip(x.shape[2:], spans, stride, strict=True)))
    return np.stack([x[:, :, i:i + spans[0]:dilation[0], j:j + spans[1]:dilation[1]].reshape(len(x), -1)
                     for i, j in corners], -1)


def bilinear_at(x, grid, corners):
    """Images at places, zero outside."""
    (n, _, h, w), out = x.shape, np.zeros((*x.shape[:2], *grid.shape[1:3]))
    for b, i, j in np.ndindex(n, *grid.shape[1:3]):
        px, py = ((g + 1) / 2 * (s - 1) if corners else ((g + 1) * s - 1) / 2
                  for g, s in zip(grid[b, i, j], (w, h), strict=True))
        for y, z in itertools.product(range(h), range(w)):
            out[b, :, i, j] += x[b, :, y, z] * max(0, 1 - abs(py - y)) * max(0, 1 - abs(px - z))
    return out


X = rand(2, 2, 4, 5)
BLOCKS = ((2, 2), (1, 2), (1, 0), (2, 1))  # kernel, dilation, padding, stride
GRID = rng.uniform(-0.95, 0.95, (2, 3, 2, 2))
RESAMPLING = {
    "resized": [
        Sample((X, changes("bilinear", (4, 7), (5, 3))), reference=lambda x, c: both(x, [k.m for k in c])),
        Sample((X, changes("bilinear", (4, 2), (5, 8), corners=True)), reference=lambda x, c: both(x, [k.m for k in c], True)),
        Sample((X, changes("nearest", (4, 6), (5, 3))), reference=nearest),
        Sample((X, changes("bicubic", (4, 6), (5, 3)))),
        Sample((X, changes("bilinear", (4, 2), (5, 3), antialias=True))),
    ],
    "resized_back": [Sample((rand(2, 2, 7, 3), changes("bilinear", (4, 7), (5, 3))), reference=lambda g, c: by_linearity(
        (2, 2, 4, 5), lambda unit: both(unit, (7, 3)), g))],
    "interpolate": [Sample((X,), {"scale_factor": 2}, lambda x, scale_factor: x.repeat(2, 2).repeat(2, 3)),
                    Sample((X[..., 0], 9), {"mode": "linear"}, lambda x, size, mode: linear(x, size)),
                    Sample((X, (2, 5)), {"mode": "area"}, lambda x, size, mode: (x[:, :, ::2] + x[:, :, 1::2]) / 2)],
    "grid_sample": [Sample((X, GRID), {"align_corners": c}, lambda x, g, align_corners: bilinear_at(x, g, align_corners))
                    for c in (True, False)],
    "affine_grid": [Sample((rand(2, 2, 3), (2, 1, 3, 2)), {"align_corners": True}, lambda t, size, align_corners: np.stack(
        [[[m @ (x, y, 1) for x in (-1, 1)] for y in (-1, 0, 1)] for m in t]))],
    "blocks": [Sample((X, *BLOCKS), reference=columns)],
    "blocks_back": [Sample((rand(2, 8, 9), (4, 5), *BLOCKS), reference=lambda g, size, *rest: by_linearity(
        (2, 2, *size), lambda unit: columns(unit, *rest), g))],
    "fold": [Sample((rand(1, 4, 1), 2, 2), reference=lambda x, *_: x.reshape(1, 1, 2, 2))],
    "pixel_shuffle": [Sample((rand(1, 4, 2, 3), 2), reference=lambda x, r: np.stack(
        [[x[0, i % 2 * 2 + j % 2, i // 2, j // 2] for j in range(6)] for i in range(4)])[None, None])],
    "pixel_unshuffle": [Sample((rand(1, 1, 4, 6), 2), reference=lambda x, r: np.stack(
        [x[:, 0, i::2, j::2] for i in (0, 1) for j in (0, 1)], 1))],
    "channel_shuffle": [Sample((rand(2, 6, 3), 2), reference=lambda x, groups: x[:, [0, 3, 1, 4, 2, 5]])],
}


# --- bags, attention, normalization, CTC --------------------------------------------------------------------------------

WORDS, STARTS = np.array([1, 3, 3, 0, 2, 4, 1]), np.array([0, 3, 3])


def bags(words, table, starts, mode="mean", per_sample_weights=None, padding_idx=None, **_):
    out = []
    for low, high in itertools.pairwise([*starts, len(words)]):
        kept = [i for i in range(low, high) if words[i] != padding_idx]
        rows = np.array([table[words[i]] * (1 if per_sample_weights is None else per_sample_weights[i]) for i in kept])
        out.append(getattr(rows, mode)(0) if kept else np.zeros(table.shape[1]))
    return np.array(out)


def attention(q, k, v, mask=None, noise=None, is_causal=False, scale=1.0):
    scores = q @ k.swapaxes(-1, -2) * scale
    if is_causal:
        scores = np.where(np.tri(*scores.shape[-2:]) > 0, scores, -np.inf)
    if mask is not None:
        scores = np.where(mask, scores, -np.inf) if mask.dtype == bool else scores + mask
    weights = np.exp(scores)
    return weights / weights.sum(-1, keepdims=True) @ v


def standard(x, weight, bias, mean, var, axes, shape, eps, center=True):
    y = (x - x.mean(axes, keepdims=True) * center) / np.sqrt(((x - x.mean(axes, keepdims=True) * center) ** 2).mean(
        axes, keepdims=True) + eps)
    return y * weight.reshape(shape) + bias.reshape(shape)


def spelled(path, blank):
    return tuple(k for k, _ in itertools.groupby(path) if k != blank)


def ctc(log_probs, targets, input_lengths, target_lengths, blank, zero_infinity):
    """Minus the log of the sum over all paths that spell the target."""
    out = []
    for n, (frames, labels) in enumerate(zip(input_lengths, target_lengths, strict=True)):
        total = sum(math.exp(sum(log_probs[t, n, k] for t, k in enumerate(path)))
                    for path in itertools.product(range(log_probs.shape[2]), repeat=int(frames))
                    if spelled(path, blank) == tuple(targets[n, :labels]))
        out.append(-math.log(total))
    return np.array(out)


Q, K, V = rand(2, 3, 4), rand(2, 5, 4), rand(2, 5, 2)
MASK = np.array([[1, 0, 1, 1, 0]] * 3, bool)
LOGITS = rand(5, 2, 3)
REST = {
    "gradient": [Sample((rand(4, 5),), reference=lambda x: list(np.gradient(x))),
                 Sample((rand(4),), {"edge_order": 2}, lambda x, edge_order: np.gradient(x, edge_order=2))],
    "embedding_bag": [
        Sample((WORDS, rand(5, 2), STARTS), {"mode": mode, **more}, bags)
        for mode in ("sum", "mean", "max") for more in ({}, {"padding_idx": 3})
    ] + [Sample((WORDS, rand(5, 2), STARTS), {"mode": "sum", "per_sample_weights": rand(7)}, bags),
         Sample((WORDS[:6].reshape(2, 3), rand(5, 2)), reference=lambda i, t: t[i].mean(1))],
    "attend": [Sample((Q, K, V, mask, None, causal, 0.5), reference=attention)
               for mask, causal in ((None, False), (MASK, False), (rand(3, 5), False), (None, True))],
    "standardize": [Sample((rand(3, 2, 4), rand(2), rand(2), None, None, (0, 2), (1, 2, 1), 1e-5), reference=standard),
                    Sample((rand(3, 2, 4), rand(2, 4), rand(2, 4), None, None, (1, 2), (1, 2, 4), 1e-5, False),
                           reference=standard)],
    # Its gradient takes for granted that the frames are normalised, which differences in single numbers are not.
    "ctc_each": [Sample((LOGITS - np.log(np.exp(LOGITS).sum(2, keepdims=True)), np.array([[1, 1], [2, 0]]), np.array([5, 3]),
                         np.array([2, 1]), 0, False), reference=ctc, grad=False)],
}

SAMPLES = POOLS | RESAMPLING | REST
