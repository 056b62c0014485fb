"""Samples of everything about matrices: systems, decompositions, norms."""

import numpy as np

from . import Sample

rng = np.random.default_rng(0)


def rand(*shape):
    return rng.standard_normal(shape)


def matrix(*shape):
    """Well-conditioned: singular values between 1 and 2, all different."""
    u, s, v = np.linalg.svd(rand(*shape), full_matrices=False)
    return u * np.linspace(2, 1, s.shape[-1]) @ v


def definite(n):
    a = matrix(n, n)
    return a @ a.T


def lower(n):
    return np.tril(rand(n, n), -1) + np.diag(np.linspace(1, 2, n))


def cofactors(a):
    return np.linalg.det(a)[..., None, None] * np.swapaxes(np.linalg.inv(a), -2, -1)


def each(reference, *args):
    return [Sample(a if isinstance(a, tuple) else (a,), {}, reference) for a in args]


def norm(x, order, dim, keepdim):
    if order == 0:
        return (x != 0).sum(dim, keepdims=keepdim).astype(float)
    if np.isinf(order):
        return (np.max if order > 0 else np.min)(np.abs(x), dim, keepdims=keepdim)
    return (np.abs(x) ** order).sum(dim, keepdims=keepdim) ** (1 / order)


PIVOTS = np.array([2, 3, 3], dtype=np.int32)

SAMPLES = {
    "triangular": each(lambda a, b, upper, unit: np.linalg.solve(a, b), (lower(3), rand(3, 2), False, False))
    + each(lambda a, b, upper, unit: np.linalg.solve(a, b), (lower(3).T.copy(), rand(2, 3, 2), True, False))
    + each(None, (lower(3), rand(3, 2), False, True), (lower(3).T.copy(), rand(3, 2), True, True)),
    "linalg_solve_ex": each(
        lambda a, b: (np.linalg.solve(a, b), np.zeros(a.shape[:-2], np.int32)),
        (matrix(3, 3), rand(3, 2)),
        (matrix(2, 3, 3), rand(2, 3, 2)),
    ),
    "linalg_inv_ex": each(
        lambda a: (np.linalg.inv(a), np.zeros(a.shape[:-2], np.int32)), matrix(3, 3), matrix(2, 2, 2)
    ),
    "inverse": each(np.linalg.inv, matrix(3, 3), matrix(2, 2, 2)),
    "det": each(np.linalg.det, matrix(3, 3), matrix(2, 2, 2)),
    "logdet": each(lambda a: np.log(np.linalg.det(a)), definite(3)),
    "slogdet": each(np.linalg.slogdet, matrix(3, 3), matrix(2, 2, 2)),
    "cofactor": each(cofactors, matrix(3, 3), matrix(2, 2, 2)),
    "linalg_lu_factor_ex": each(None, matrix(3, 3), matrix(2, 4, 2), matrix(2, 4)),
    "permutation": [
        Sample((PIVOTS, 3, np.dtype("float64")), {}, lambda p, n, t: np.eye(3)[:, [1, 2, 0]], False)
    ],
    "eye_of": [Sample((rand(2, 3),), {}, lambda a: np.eye(3), False)],
    # The gradient of a triangle is meant for a triangle: see tests/parity/test_linalg.py.
    "cholesky_solve": [
        Sample((rand(3, 2), lower(3)), {}, lambda b, low: np.linalg.solve(low @ low.T, b), grad=False),
        Sample((rand(3, 2), lower(3).T.copy(), True), {}, lambda b, up, _: np.linalg.solve(up.T @ up, b), grad=False),
    ],
    # It reads one triangle, and its gradient is spread over both: differentiate through something symmetric.
    "linalg_cholesky_ex": [
        Sample((definite(3),), {}, lambda a: (np.linalg.cholesky(a), np.zeros((), np.int32)), grad=False)
    ],
    "linalg_qr": each(
        lambda a, mode: np.linalg.qr(a, mode), (matrix(3, 3), "reduced"), (matrix(4, 2), "reduced")
    )
    + each(lambda a, mode: np.linalg.qr(a, mode), (matrix(2, 4), "reduced")),
    "linalg_svd": each(
        lambda a, full: np.linalg.svd(a, full), (matrix(3, 3), False), (matrix(2, 4, 2), False)
    )
    + each(lambda a, full: np.linalg.svd(a, full), (matrix(2, 4), False)),
    "singular_values": [Sample((matrix(4, 2),), {}, lambda a: np.linalg.svd(a, compute_uv=False), False)],
    "linalg_eigh": [Sample((definite(3), "L"), {}, np.linalg.eigh, grad=False)],
    "symmetric_eigenvalues": [Sample((definite(3), "U"), {}, np.linalg.eigvalsh, grad=False)],
    "linalg_eig": each(np.linalg.eig, np.diag([1.0, 3, 6]) + 0.1 * np.arange(9).reshape(3, 3)),
    "p_norm": [
        Sample((rand(2, 3, 4), float(order), dim, keepdim), {}, norm)
        for order in (2, 1, 0, 3, 0.5, 1.5, np.inf, -np.inf)
        for dim, keepdim in ((None, False), ((0, 2), True), (1, False))
    ],
    "euclidean_distances": each(
        lambda a, b, multiply: np.linalg.norm(a[..., :, None, :] - b[..., None, :, :], axis=-1),
        (rand(3, 2), rand(4, 2), False),
        (rand(3, 2), rand(4, 2), True),
        (rand(2, 3, 2), rand(4, 2), False),
    ),
    "dist": each(lambda a, b: np.linalg.norm(a - b), (rand(3), rand(3))),
    "matrix_exp": each(lambda a: np.real(_exp(a)), matrix(3, 3), 5 * matrix(3, 3)),
    "matrix_power": each(np.linalg.matrix_power, (matrix(3, 3), 3), (matrix(2, 3, 3), -2), (matrix(3, 3), 0)),
    "pseudoinverse": each(lambda a, count: np.linalg.pinv(a), (matrix(4, 2), np.ones(2, bool)))
    + each(lambda a, count: np.linalg.pinv(a), (matrix(2, 3), np.ones(2, bool))),
    "cross_dim": each(lambda a, b, dim: np.cross(a, b, axis=dim), (rand(2, 3), rand(2, 3), -1))
    + each(lambda a, b, dim: np.cross(a, b, axis=0), (rand(3, 2), rand(3, 2), -2)),
    "trace": each(np.trace, rand(3, 4)),
    "renorm": each(None, (rand(3, 4), 2, 0, 1.0)),
    "cov": each(np.cov, rand(3, 5), rand(5)),
    "corrcoef": each(np.corrcoef, rand(3, 5)),
}


def _exp(a):
    values, vectors = np.linalg.eig(a)
    return vectors * np.exp(values) @ np.linalg.inv(vectors)
