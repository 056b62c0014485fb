"""Factorizations of matrices: Cholesky, QR, singular values, eigenvalues. https://pytorch.org/docs/stable/linalg.html

The gradients follow Giles (2008), "Collected matrix derivative results", and Walter and Lehmann (2010) for QR. Those of
singular and eigenvectors exist only where the values differ. What is not determined, such as the signs of vectors, must
not matter to the loss.
"""

from __future__ import annotations

from typing import Any

from ..composite import composite
from ..faces import F
from ..op import op
from .solve import LinAlgError, attempt, expect, eye_like, mT, named, raise_failures

# --- Cholesky ---------------------------------------------------------------------------------------------------------


def _cholesky_gradient(g: Any, L: Any) -> Any:
    inner = F.tril(F.matmul(mT(L), g))
    inner = (inner + F.tril(inner, -1)) / 2  # all of what is below the diagonal, and half of that
    middle = F.triangular(mT(L), inner, True, False)  # L^-T inner
    full = mT(F.triangular(mT(L), mT(middle), True, False))  # L^-T inner L^-1
    return (full + mT(full)) / 2


@op(A=_cholesky_gradient, outputs=("L", "info"), on="", out=False)
def linalg_cholesky_ex(xp, A):
    """The lower factor, and where there is none."""
    return attempt(xp, xp.linalg.cholesky, (A,), A.shape, _indefinite_at)


def _indefinite_at(xp: Any, A: Any) -> int:
    """The order of the first leading minor that is not positive-definite."""
    for k in range(1, A.shape[0]):
        try:
            xp.linalg.cholesky(A[:k, :k])
        except xp.linalg.LinAlgError:
            return k
    return A.shape[0]


@composite(on="linalg")
def cholesky_ex(A, *, upper=False, check_errors=False):
    """`cholesky` that doesn't raise: L and, for each matrix, 0 or the order of the first minor that is not definite."""
    return _cholesky("linalg.cholesky", A, upper, check_errors)


def _cholesky(name: str, A: Any, upper: bool, check_errors: bool = True) -> Any:
    expect(name, A)
    L, info = F.linalg_cholesky_ex(mT(A) if upper else A)  # it looks at the lower triangle only
    if check_errors:
        raise_failures(name, info, "The factorization could not be completed because the input is not "
                                   "positive-definite (the leading minor of order {} is not positive-definite).")
    return named("linalg_cholesky_ex", L=mT(L) if upper else L, info=info)


@composite(on="linalg", name="cholesky")
def linalg_cholesky(A, *, upper=False):
    """The lower triangle L with A = L L^T, for a symmetric positive-definite A (`upper`: its transpose).

    Raises LinAlgError if A is not positive-definite.

    >>> ndl.linalg.cholesky(ndl.tensor([[4., 2.], [2., 5.]]))
    tensor([[2., 0.],
            [1., 2.]])
    """
    return _cholesky("linalg.cholesky", A, upper)[0]


@composite(on="torch method", name="cholesky")
def torch_cholesky(input, upper=False):
    """The older name of `linalg.cholesky`."""
    return _cholesky("cholesky", input, upper)[0]


def _cholesky_solve_factor(g: Any, L: Any, out: Any, upper: bool) -> Any:
    inner = F.matmul(F.cholesky_solve(g, L, upper), mT(out))
    inner = inner + mT(inner)
    grad = -F.matmul(L, inner) if upper else -F.matmul(inner, L)
    return F.sum_to_size(grad, L.shape)


@op(input=lambda g, input_shape, L, upper: F.sum_to_size(F.cholesky_solve(g, L, upper), input_shape),
    L=_cholesky_solve_factor)
def cholesky_solve(xp, input, L, upper: bool = False):
    """X with A X = input, from A's Cholesky factor L (`upper`: from its transpose).

    >>> ndl.cholesky_solve(ndl.ones(2, 1), ndl.eye(2) * 2)
    tensor([[0.2500],
            [0.2500]])
    """
    for name, matrix in (("b", input), ("u", L)):
        if matrix.ndim < 2:
            raise RuntimeError(f"{name} should have at least 2 dimensions, but has {matrix.ndim} dimensions instead")
    if input.shape[-2] != L.shape[-1]:
        raise RuntimeError(f"Incompatible matrix sizes for cholesky_solve: each A matrix is {L.shape[-1]} by "
                           f"{L.shape[-1]} but each b matrix is {input.shape[-2]} by {input.shape[-1]}")
    lower = xp.swapaxes(L, -2, -1) if upper else L
    return F.triangular(xp.swapaxes(lower, -2, -1), F.triangular(lower, input, False, False), True, False)


@composite()
def cholesky_inverse(L, upper=False):
    """The inverse of A, from A's Cholesky factor L."""
    expect("cholesky_inverse", L)
    return F.cholesky_solve(eye_like(L, L.shape[-1]), L, upper)


# --- QR ---------------------------------------------------------------------------------------------------------------


def _qr_gradient(g: Any, A: Any, Q: Any, R: Any, mode: str) -> Any:
    m, n = A.shape[-2:]
    gQ, gR = g
    if mode == "r":
        raise RuntimeError("The derivative of linalg.qr depends on Q, which is not computed when mode='r'. "
                           "Please use linalg.qr(A, mode='reduced') if you are going to require gradients in A.")
    if mode == "complete" and m > n:
        raise RuntimeError("The QR decomposition is not differentiable when mode='complete' and nrows > ncols. "
                           "Use mode='reduced'.")
    if m >= n:
        return _square_qr(gQ, gR, Q, R)
    # A = [X, Y] = Q [U, V], where X = Q U is square and Y = Q V
    gU, gV = gR[..., :m], gR[..., m:]
    left = _square_qr(gQ + F.matmul(A[..., m:], mT(gV)), gU, Q, R[..., :m])
    return F.cat([left, F.matmul(Q, gV)], -1)


def _square_qr(gQ: Any, gR: Any, Q: Any, R: Any) -> Any:
    M = F.matmul(R, mT(gR)) - F.matmul(mT(gQ), Q)
    M = F.tril(M) + mT(F.tril(M, -1))  # its lower triangle, mirrored
    return mT(F.triangular(R, mT(gQ + F.matmul(Q, M)), True, False))


@op(A=_qr_gradient, outputs=("Q", "R"), on="", out=False)
def linalg_qr(xp, A, mode: str):
    """Q with orthonormal columns and R an upper triangle."""
    if mode == "r":
        return xp.zeros(0, A.dtype), xp.linalg.qr(A, mode="r")
    if 0 in A.shape:  # LAPACK has nothing to do
        m, n = A.shape[-2:]
        k = m if mode == "complete" else min(m, n)
        Q = xp.broadcast_to(xp.eye(m, k, dtype=A.dtype), (*A.shape[:-1], k)).copy()
        return Q, xp.zeros((*A.shape[:-2], k, n), A.dtype)
    return tuple(xp.linalg.qr(A, mode=mode))


@composite(on="linalg", name="qr")
def qr(A, mode="reduced"):
    """A = Q R: orthonormal columns and an upper triangle. `mode`: "reduced", "complete" (a square Q), "r" (no Q).

    >>> Q, R = ndl.linalg.qr(ndl.tensor([[0., 2.], [3., 1.]]))
    >>> R.abs()
    tensor([[3., 1.],
            [0., 2.]])
    """
    expect("linalg.qr", A, square=False)
    if mode not in ("reduced", "complete", "r"):
        raise RuntimeError(f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), 'r', or "
                           f"'complete'")
    return F.linalg_qr(A, mode)


@composite(on="torch method", name="qr")
def torch_qr(input, some=True):
    """The older name of `linalg.qr`."""
    return named("qr", **qr.composite(input, "reduced" if some else "complete")._asdict())


@composite(on="linalg")
def householder_product(A, tau):
    """The product of the reflections I - tau[i] v v^T, where v is column i of A below a 1 on the diagonal."""
    name = "torch.linalg.householder_product"
    expect(name, A, square=False)
    m, n = A.shape[-2:]
    if m < n:
        raise RuntimeError(f"{name}: input.shape[-2] must be greater than or equal to input.shape[-1]; "
                           f"it is {m} by {n}")
    if tau.shape[-1:] and tau.shape[-1] > n:
        raise RuntimeError(f"{name}: input.shape[-1] must be greater than or equal to tau.shape[-1]; they are {n} and "
                           f"{tau.shape[-1]}")
    vectors = F.tril(A, -1) + eye_like(A, m, n)
    result = F.expand(eye_like(A, m, n), tuple(A.shape))
    for i in reversed(range(tau.shape[-1])):
        v = vectors[..., i:i + 1]
        result = result - F.unsqueeze(tau[..., i:i + 1], -1) * v * F.matmul(mT(v), result)
    return result


@composite(name="orgqr")
def orgqr(input, input2):
    """The older name of `linalg.householder_product`."""
    return householder_product.composite(input, input2)


# --- singular values --------------------------------------------------------------------------------------------------


def _apart(numerator: Any, difference: Any) -> Any:
    """numerator / difference, and 0 for 0/0: equal values are no trouble where nobody asks for their vectors."""
    return numerator / F.masked_fill(difference, numerator == 0, 1)


def _differences(values: Any) -> Any:
    """values[j] - values[i], at (i, j)."""
    shape = tuple(values.shape)
    return values.reshape((*shape[:-1], 1, shape[-1])) - values.reshape((*shape, 1))


def _between(inner: Any, values: Any) -> Any:
    """What turns each eigenvector towards the others; nothing turns it towards itself."""
    return _apart(inner - F.diag_embed(F.diagonal(inner, 0, -2, -1)), _differences(values))


def _svd_gradient(g: Any, U: Any, S: Any, Vh: Any) -> Any:
    gU, gS, gVh = g
    k = S.shape[-1]
    U, gU, V, gV = U[..., :k], gU[..., :k], mT(Vh[..., :k, :]), mT(gVh[..., :k, :])
    row, column = S.reshape((*S.shape[:-1], 1, k)), S.reshape((*S.shape, 1))
    squares = _differences(S * S)
    u, v = F.matmul(mT(U), gU), F.matmul(mT(V), gV)
    middle = _apart(u - mT(u), squares) * row + column * _apart(v - mT(v), squares) + F.diag_embed(gS)
    grad = F.matmul(U, F.matmul(middle, mT(V)))
    if U.shape[-2] > k:  # changes of U that lead out of its own space
        grad = grad + F.matmul(_apart(gU - F.matmul(U, u), row), mT(V))
    if V.shape[-2] > k:
        grad = grad + F.matmul(U, mT(_apart(gV - F.matmul(V, v), row)))
    return grad


@op(A=_svd_gradient, outputs=("U", "S", "Vh"), on="", out=False)
def linalg_svd(xp, A, full_matrices: bool):
    """U, S, Vh."""
    return _converged(xp, A, "linalg.svd", lambda: tuple(xp.linalg.svd(A, full_matrices)))


@op(on="", out=False)
def singular_values(xp, A):
    """S alone."""
    return _converged(xp, A, "linalg.svdvals", lambda: xp.linalg.svd(A, compute_uv=False))


def _converged(xp: Any, A: Any, name: str, run: Any) -> Any:
    try:
        result = run()
    except xp.linalg.LinAlgError:
        result = None
    if result is None or not xp.isfinite(A).all():
        raise LinAlgError(f"{name}: The algorithm failed to converge because the input matrix contained non-finite "
                          f"values." if not xp.isfinite(A).all() else
                          f"{name}: The algorithm failed to converge because the input matrix is ill-conditioned or "
                          f"has too many repeated singular values.")
    return result


@composite(on="linalg", name="svd")
def svd(A, full_matrices=True, *, driver=None):
    """A = U diag(S) Vh: orthonormal columns, singular values from large to small, orthonormal rows.

    >>> U, S, Vh = ndl.linalg.svd(ndl.tensor([[0., 2.], [1., 0.]]))
    >>> S
    tensor([2., 1.])
    """
    expect("linalg.svd", A, square=False)
    return F.linalg_svd(A, full_matrices)


@composite(on="linalg")
def svdvals(A, *, driver=None):
    """The singular values of each matrix, from large to small."""
    expect("linalg.svdvals", A, square=False)
    return F.linalg_svd(A, False)[1] if A.requires_grad else F.singular_values(A)


@composite(on="torch method", name="svd")
def torch_svd(input, some=True, compute_uv=True):
    """The older name of `linalg.svd`, which gives V itself (A = U diag(S) V^T)."""
    if compute_uv:
        U, S, Vh = svd.composite(input, not some)
        return named("svd", U=U, S=S, V=mT(Vh))
    m, n = input.shape[-2:]
    S = svdvals.composite(input)
    U, V = (input.new_zeros((*input.shape[:-2], size, size)) for size in (m, n))
    return named("svd", U=U, S=S, V=V)


# --- eigenvalues ------------------------------------------------------------------------------------------------------


def _eigh_gradient(g: Any, eigenvalues: Any, eigenvectors: Any) -> Any:
    inner = F.matmul(mT(eigenvectors), g[1])
    # Eigenvectors stay orthogonal: only the antisymmetric part turns them.
    middle = _between((inner - mT(inner)) / 2, eigenvalues) + F.diag_embed(g[0])
    return F.matmul(eigenvectors, F.matmul(middle, mT(eigenvectors)))


@op(A=_eigh_gradient, outputs=("eigenvalues", "eigenvectors"), on="", out=False)
def linalg_eigh(xp, A, UPLO: str):
    """Eigenvalues and eigenvectors, from one triangle."""
    return _eigen_converged(xp, "linalg.eigh", lambda: tuple(xp.linalg.eigh(A, UPLO)))


@op(on="", out=False)
def symmetric_eigenvalues(xp, A, UPLO: str):
    """The eigenvalues alone."""
    return _eigen_converged(xp, "linalg.eigvalsh", lambda: xp.linalg.eigvalsh(A, UPLO))


def _eigen_converged(xp: Any, name: str, run: Any) -> Any:
    try:
        return run()
    except xp.linalg.LinAlgError:
        raise LinAlgError(f"{name}: The algorithm failed to converge because the input matrix is ill-conditioned or "
                          f"has too many repeated eigenvalues.") from None


def _expect_symmetric(name: str, A: Any, UPLO: str) -> str:
    expect(name, A)
    if not isinstance(UPLO, str) or UPLO.upper() not in ("L", "U"):
        raise RuntimeError(f"Expected UPLO argument to be 'L' or 'U', but got {UPLO}")
    return UPLO.upper()


@composite(on="linalg", name="eigh")
def eigh(A, UPLO="L"):
    """The eigenvalues of symmetric matrices, from small to large, and their eigenvectors, as columns. Looks at the
    lower triangle only (`UPLO="U"`: the upper one).

    >>> values, vectors = ndl.linalg.eigh(ndl.tensor([[2., 1.], [1., 2.]]))
    >>> values
    tensor([1., 3.])
    """
    return F.linalg_eigh(A, _expect_symmetric("linalg.eigh", A, UPLO))


@composite(on="linalg")
def eigvalsh(A, UPLO="L"):
    """The eigenvalues of symmetric matrices, from small to large."""
    UPLO = _expect_symmetric("linalg.eigvalsh", A, UPLO)
    return F.linalg_eigh(A, UPLO)[0] if A.requires_grad else F.symmetric_eigenvalues(A, UPLO)


def _eig_gradient(g: Any, eigenvalues: Any, eigenvectors: Any) -> Any:
    V = eigenvectors
    inner = F.matmul(mT(V), g[1])
    # The eigenvectors are scaled to length 1: what would only stretch them is taken out.
    lengths = F.diagonal(inner, 0, -2, -1)
    inner = inner - F.matmul(mT(V), V) * lengths.reshape((*lengths.shape[:-1], 1, lengths.shape[-1]))
    middle = _between(inner, eigenvalues) + F.diag_embed(g[0])
    return F.linalg_solve_ex(mT(V), F.matmul(middle, mT(V)))[0]


@op(A=_eig_gradient, outputs=("eigenvalues", "eigenvectors"), on="", out=False)
def linalg_eig(xp, A):
    """Eigenvalues and eigenvectors, where they are real."""
    values, vectors = _eigen_converged(xp, "linalg.eig", lambda: tuple(xp.linalg.eig(A)))
    if values.dtype.kind == "c":
        raise RuntimeError("linalg.eig: this matrix has complex eigenvalues, and complex tensors are not supported. "
                           "For a symmetric matrix use linalg.eigh; for the rest, numpy.linalg.eig(A.numpy()).")
    return values, vectors


@composite(on="linalg")
def eig(A):
    """The eigenvalues of square matrices and their eigenvectors, as columns. Raises RuntimeError if one is complex:
    here the results are real, where torch's are always complex."""
    expect("linalg.eig", A)
    return F.linalg_eig(A)


@composite(on="linalg")
def eigvals(A):
    """The eigenvalues of square matrices; see `eig`."""
    expect("linalg.eigvals", A)
    return F.linalg_eig(A)[0]
