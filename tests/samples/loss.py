"""Samples of losses, linear, dropout's relatives without chance, and embeddings. References are written out in NumPy."""

import numpy as np

from . import Sample

rng = np.random.default_rng(0)


def rand(*shape):
    return np.asarray(rng.standard_normal(shape))


def uniform(*shape):
    return np.asarray(rng.uniform(0.1, 0.9, shape))


def signs(*shape):
    return rng.choice([-1.0, 1.0], shape)


def log_softmax(x, axis=1):
    return x - np.log(np.exp(x).sum(axis, keepdims=True))


def picked(x, y, weight=None, ignore_index=-100, reduction="mean"):
    """Minus the scores of the labels, one by one."""
    losses, weights = np.zeros(y.shape), np.zeros(y.shape)
    for at in np.ndindex(y.shape):
        if y[at] != ignore_index:
            weights[at] = 1 if weight is None else weight[y[at]]
            losses[at] = -x[(at[0], y[at], *at[1:])] * weights[at]
    return losses if reduction == "none" else losses.sum() / (weights.sum() if reduction == "mean" else 1)


def cross_entropy(x, y, *rest, **options):
    return picked(log_softmax(x), y, *rest, **options)


def reduce(values, reduction="mean"):
    return values if reduction == "none" else values.sum() if reduction == "sum" else values.mean()


def pairs(reference, *shapes, make=rand, target=rand, **options):
    """The same pair with each reduction."""
    return [
        Sample(
            (make(*shape), target(*shape)),
            {**options, "reduction": r},
            lambda x, y, r=r, **_: reduce(reference(x, y), r),
        )
        for shape in shapes
        for r in ("mean", "sum", "none")
    ]


Y = np.array([2, 0, 3, 1, 3])
IGNORED = np.array([2, -100, 3, 1, -100])
W = uniform(4)


def by_labels(reference):
    """Labels with everything that changes how they count."""
    return [
        Sample((rand(5, 4), Y), {}, reference),
        Sample((rand(5, 4), Y), {"reduction": "sum"}, reference),
        Sample((rand(5, 4), Y), {"reduction": "none"}, reference),
        Sample((rand(5, 4), IGNORED), {}, reference),
        Sample((rand(5, 4), Y), {"ignore_index": 3}, reference),
        Sample((rand(2, 4, 3), rng.integers(0, 4, (2, 3))), {"reduction": "none"}, reference),
        Sample((rand(2, 4, 3, 2), rng.integers(0, 4, (2, 3, 2))), {}, reference),
    ]


def inner(reference):
    """The same for the fast kernels, which take every argument."""
    return [
        Sample((rand(5, 4), y, None, -100, r), {}, lambda x, y, w, i, r: reference(x, y, w, i, r))
        for y in (Y, IGNORED)
        for r in ("mean", "sum", "none")
    ]


def bce(x, y):
    return -(y * np.log(x) + (1 - y) * np.log(1 - x))


def bce_of_logits(x, y):
    return bce(1 / (1 + np.exp(-x)), y)


def smooth(x, y, beta=1.0):
    d = np.abs(x - y)
    return np.where(d < beta, d * d / (2 * beta), d - beta / 2)


def cosine(a, b):
    return (a * b).sum(-1) / np.sqrt((a * a).sum(-1) * (b * b).sum(-1))


def distance(a, b):
    return np.sqrt(((a - b + 1e-6) ** 2).sum(-1))


def linear(x, w, b=0.0):
    return np.einsum("...i,oi->...o", x, w) + b


def bilinear(x, y, w, b=0.0):
    return np.einsum("...i,oij,...j->...o", x, w, y) + b


SAMPLES = {
    "linear": [
        Sample((rand(*x), rand(4, 3), *((rand(4),) if b else ())), {}, linear)
        for x in ((2, 3), (3,), (5, 2, 3), (0, 3), (9, 3))
        for b in (True, False)
    ]
    + [Sample((rand(2, 3), rand(50, 3), rand(50)), {}, linear), Sample((rand(2, 3), rand(3)), {}, lambda x, w: x @ w)],
    "bilinear": [
        Sample((rand(5, 2), rand(5, 3), rand(4, 2, 3)), {}, bilinear),
        Sample((rand(2, 5, 2), rand(2, 5, 3), rand(4, 2, 3), rand(4)), {}, bilinear),
    ],
    "nll_loss": by_labels(picked),
    "cross_entropy": by_labels(cross_entropy)
    + [
        Sample((rand(5, 4), uniform(5, 4)), {}, lambda x, t: -(t * log_softmax(x)).sum(1).mean()),
        Sample(
            (rand(2, 4, 3), uniform(2, 4, 3)), {"reduction": "none"}, lambda x, t, **_: -(t * log_softmax(x)).sum(1)
        ),
        Sample(
            (rand(5, 4), Y),
            {"label_smoothing": 0.2},
            lambda x, y, label_smoothing: 0.8 * cross_entropy(x, y) - 0.2 * log_softmax(x).mean(),
        ),
    ],
    "softmax_loss": [
        Sample((rand(5, 4), Y), {}, cross_entropy),
        Sample((rand(5, 4), np.eye(4, dtype=int)[Y]), {}, lambda x, t: -(t * log_softmax(x)).sum(1).mean()),
    ],
    "nll_of_labels": inner(picked),
    "cross_entropy_of_labels": inner(cross_entropy),
    "squared_error": [
        Sample((rand(*a), rand(*b), r), {}, lambda x, y, r: reduce((x - y) ** 2, r))
        for a, b in (((3, 4), (3, 4)), ((3, 4), (4,)), ((3, 1), (1, 4)), ((), ()))
        for r in ("mean", "sum", "none")
    ],
    "mse_loss": pairs(lambda x, y: (x - y) ** 2, (3, 4), (), (2, 1, 3)),
    "l1_loss": pairs(lambda x, y: np.abs(x - y), (3, 4), ()),
    "bowl": [Sample((rand(3, 4), b), {}, lambda x, b: smooth(x, 0 * x, b)) for b in (0.5, 1.0, 2.0)],
    "smooth_l1_loss": pairs(smooth, (3, 4), ()) + pairs(lambda x, y: smooth(x, y, 0.5), (3, 4), beta=0.5),
    "huber_loss": pairs(smooth, (3, 4)) + pairs(lambda x, y: 2 * smooth(x, y, 2.0), (3, 4), delta=2.0),
    "surprise": [Sample((uniform(3, 4), uniform(3, 4)), {}, bce)],
    "binary_cross_entropy": pairs(bce, (3, 4), (), make=uniform, target=uniform),
    "surprise_of_logits": [
        Sample((rand(3, 4), uniform(3, 4)), {}, bce_of_logits),
        Sample((rand(3, 4), uniform(4)), {}, bce_of_logits),
    ],
    "binary_cross_entropy_with_logits": pairs(bce_of_logits, (3, 4), (), target=uniform),
    "kl_div": pairs(lambda x, y: y * (np.log(y) - x), (3, 4), target=uniform)[1:]
    + pairs(lambda x, y: np.exp(y) * (y - x), (3, 4), log_target=True)[1:],
    "margin_ranking_loss": [
        Sample(
            (rand(6), rand(6), signs(6)),
            {"margin": 0.3},
            lambda a, b, y, margin: np.maximum(0, -y * (a - b) + margin).mean(),
        )
    ],
    "hinge_embedding_loss": [
        Sample((rand(6), signs(6).astype(int)), {}, lambda x, y: np.where(y == 1, x, np.maximum(0, 1 - x)).mean())
    ],
    "soft_margin_loss": [Sample((rand(6), signs(6)), {}, lambda x, y: np.log1p(np.exp(-y * x)).mean())],
    "cosine_embedding_loss": [
        Sample(
            (rand(5, 3), rand(5, 3), signs(5).astype(int)),
            {"margin": 0.1},
            lambda a, b, y, margin: np.where(y == 1, 1 - cosine(a, b), np.maximum(0, cosine(a, b) - margin)).mean(),
        )
    ],
    "multi_margin_loss": [
        Sample(
            (rand(5, 4), Y),
            {"p": p},
            lambda x, y, p: np.mean(
                [sum(max(0, 1 - row[k] + row[j]) ** p for j in range(4) if j != k) / 4 for row, k in zip(x, y)]
            ),
        )
        for p in (1, 2)
    ],
    "multilabel_margin_loss": [
        Sample(
            (rand(2, 4), np.array([[3, 0, -1, 1], [1, -1, 2, 2]])),
            {},
            lambda x, y: np.mean(
                [
                    sum(max(0, 1 - row[k] + row[j]) for k in true for j in range(4) if j not in true) / 4
                    for row, true in zip(x, ([3, 0], [1]))
                ]
            ),
        )
    ],
    "multilabel_soft_margin_loss": [Sample((rand(3, 4), uniform(3, 4)), {}, lambda x, y: bce_of_logits(x, y).mean())],
    "triplet_margin_loss": [
        Sample(
            (rand(5, 3), rand(5, 3), rand(5, 3)),
            {},
            lambda a, p, n: np.maximum(0, 1 + distance(a, p) - distance(a, n)).mean(),
        )
    ],
    "triplet_margin_with_distance_loss": [
        Sample(
            (rand(5, 3), rand(5, 3), rand(5, 3)),
            {},
            lambda a, p, n: np.maximum(0, 1 + distance(a, p) - distance(a, n)).mean(),
        )
    ],
    "poisson_nll_loss": pairs(lambda x, y: np.exp(x) - y * x, (3, 4), target=uniform),
    "gaussian_nll_loss": [
        Sample((rand(3, 4), rand(3, 4), uniform(3, 4)), {}, lambda x, y, v: 0.5 * (np.log(v) + (x - y) ** 2 / v).mean())
    ],
    "pairwise_distance": [Sample((rand(5, 3), rand(5, 3)), {}, distance)],
    "cosine_similarity": [
        Sample((rand(5, 3), rand(5, 3)), {}, cosine),
        Sample((rand(2, 3, 4), rand(2, 3, 4)), {"dim": -1}, lambda a, b, dim: cosine(a, b)),
    ],
    "rows": [Sample((rand(6, 3), rng.integers(0, 6, s)), {}, lambda w, i: w[i]) for s in ((4,), (2, 5), (), (0, 2))],
    "rows_added": [
        Sample(
            (rand(4, 3), np.array([1, 3, 1, 0]), (6, 3)),
            {},
            lambda g, i, s: np.stack([g[i == k].sum(0) for k in range(6)]),
        )
    ],
    "rows_settled": [
        Sample(
            (rand(6, 3), np.array([1, 3, 1, 0]), 3, True),
            {},
            lambda x, i, p, f: x * np.array([1, 0.5, 1, 0, 1, 1])[:, None],
        )
    ],
    "embedding": [Sample((rng.integers(0, 6, (2, 5)), rand(6, 3)), {}, lambda i, w: w[i])],
    # Its gradient takes for granted that the frames are normalised, which differences in single numbers are not.
    "ctc_loss": [Sample((log_softmax(rand(4, 1, 3), 2), np.array([[1, 2]]), (4,), (2,)), {}, None, grad=False)],
}
