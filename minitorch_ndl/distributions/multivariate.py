"""Distributions of vectors and of matrices: normal ones, and what their covariances may be."""

from __future__ import annotations

import math
from typing import Any

from ..autograd.grad_mode import no_grad
from ..tensor import Tensor
from .constraints import (
    corr_cholesky,
    greater_than,
    independent,
    lower_cholesky,
    positive,
    positive_definite,
    real,
    real_vector,
)
from .continuous import Beta, Chi2
from .distribution import Distribution, ExponentialFamily
from .utils import T, broadcast_all, eps, lazy_property, linalg, standard_normal, tiny


def matrix_times(matrix: Tensor, vector: Tensor) -> Tensor:
    return (matrix @ vector.unsqueeze(-1)).squeeze(-1)


def half_logdet(lower: Tensor) -> Tensor:
    """log det(L), half of that of the covariance L Lᵀ."""
    return lower.diagonal(dim1=-2, dim2=-1).log().sum(-1)


def mahalanobis(lower: Tensor, x: Tensor) -> Tensor:
    """The squared length of L⁻¹ x."""
    if lower.dim() == 2:  # one matrix for all
        flat = linalg.solve_triangular(lower, x.reshape(-1, x.shape[-1]).mT, upper=False)
        return (flat**2).sum(0).reshape(x.shape[:-1])
    lower = lower.expand(*T.broadcast_shapes(lower.shape[:-2], x.shape[:-1]), *lower.shape[-2:])
    return (linalg.solve_triangular(lower, x.expand(lower.shape[:-1]).unsqueeze(-1), upper=False) ** 2).sum((-2, -1))


class _ByMatrix(Distribution):
    """Given by one of: `covariance_matrix`, `precision_matrix` (its inverse) or `scale_tril` (its Cholesky factor)."""

    _unbroadcasted_scale_tril: Any  # the factor of what was given, not repeated for the batch

    def _hold(self, batch: Any, name: str, matrix: Tensor, event_shape: Any, validate_args: bool | None) -> None:
        self.__dict__[name] = matrix.expand(*batch, -1, -1)
        Distribution.__init__(self, batch, event_shape, validate_args)
        self._unbroadcasted_scale_tril = matrix if name == "scale_tril" else \
            linalg.cholesky(matrix) if name == "covariance_matrix" else _factor_of_inverse(matrix)

    def _for_batch(self, matrix: Tensor) -> Tensor:
        return matrix.expand(*self._batch_shape, *matrix.shape[-2:])

    @lazy_property
    def scale_tril(self) -> Any:
        return self._for_batch(self._unbroadcasted_scale_tril)

    @lazy_property
    def covariance_matrix(self) -> Any:
        return self._for_batch(self._unbroadcasted_scale_tril @ self._unbroadcasted_scale_tril.mT)

    @lazy_property
    def precision_matrix(self) -> Any:
        return self._for_batch(T.cholesky_inverse(self._unbroadcasted_scale_tril))


def _the_one(kind: type[Exception], **matrices: Any) -> tuple[str, Any]:
    """The name and the value of the one that was given."""
    given = {name: matrix for name, matrix in matrices.items() if matrix is not None}
    if len(given) != 1:
        raise kind(f"Exactly one of covariance_matrix or precision_matrix or scale_tril may be specified; got "
                   f"{' and '.join(given) or 'none'}.")
    (name, matrix), = given.items()
    if matrix.dim() < 2:
        raise ValueError(f"{name} matrix must be at least two-dimensional, with optional leading batch dimensions; "
                         f"got shape {tuple(matrix.shape)}.")
    return name, matrix


def _factor_of_inverse(precision: Tensor) -> Tensor:
    """The Cholesky factor of the inverse of a matrix."""
    flipped = linalg.cholesky(precision.flip(-2, -1)).flip(-2, -1).mT
    return linalg.solve_triangular(flipped, T.eye(precision.shape[-1], dtype=precision.dtype), upper=False)


class MultivariateNormal(_ByMatrix):
    """Normal vectors around `loc` (*, n), with a covariance (*, n, n) given as one of three matrices.

    >>> d = ndl.distributions.MultivariateNormal(ndl.zeros(2), ndl.eye(2))
    >>> d.log_prob(ndl.zeros(2)), d.sample((3,)).shape
    (tensor(-1.8379), Size([3, 2]))
    """

    arg_constraints = {"loc": real_vector, "covariance_matrix": positive_definite, "precision_matrix": positive_definite,
                       "scale_tril": lower_cholesky}
    support, has_rsample = real_vector, True

    def __init__(self, loc: Tensor, covariance_matrix: Tensor | None = None, precision_matrix: Tensor | None = None,
                 scale_tril: Tensor | None = None, validate_args: bool | None = None):
        if loc.dim() < 1:
            raise ValueError("loc must be at least one-dimensional.")
        name, matrix = _the_one(ValueError, covariance_matrix=covariance_matrix, precision_matrix=precision_matrix,
                                scale_tril=scale_tril)
        batch = T.broadcast_shapes(matrix.shape[:-2], loc.shape[:-1])
        self.loc = loc.expand(*batch, -1)
        self._hold(batch, name, matrix, self.loc.shape[-1:], validate_args)

    mean = mode = property(lambda self: self.loc)

    @property
    def variance(self) -> Tensor:
        return (self._unbroadcasted_scale_tril**2).sum(-1).expand(self.loc.shape)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        z = standard_normal(self._extended_shape(sample_shape), self.loc)
        return self.loc + matrix_times(self._unbroadcasted_scale_tril, z)

    def log_prob(self, value: Tensor) -> Tensor:
        self._check(value)
        lower = self._unbroadcasted_scale_tril
        distance = mahalanobis(lower, value - self.loc)
        return -0.5 * (self._event_shape[0] * math.log(2 * math.pi) + distance) - half_logdet(lower)

    def entropy(self) -> Tensor:
        value = 0.5 * self._event_shape[0] * (1.0 + math.log(2 * math.pi)) + half_logdet(self._unbroadcasted_scale_tril)
        return value.expand(self._batch_shape)


class LowRankMultivariateNormal(Distribution):
    """Normal vectors (*, n) of covariance W Wᵀ + diag(d), with `cov_factor` W (*, n, m) and `cov_diag` d (*, n).

    For a small m, nothing of the size of the covariance is computed but where it is asked for.
    """

    arg_constraints = {"loc": real_vector, "cov_factor": independent(real, 2), "cov_diag": independent(positive, 1)}
    support, has_rsample = real_vector, True

    def __init__(self, loc: Tensor, cov_factor: Tensor, cov_diag: Tensor, validate_args: bool | None = None):
        if loc.dim() < 1:
            raise ValueError("loc must be at least one-dimensional.")
        n = loc.shape[-1]
        if cov_factor.dim() < 2 or cov_factor.shape[-2] != n:
            raise ValueError(f"cov_factor must be a batch of matrices with shape {n} x m; got {tuple(cov_factor.shape)}.")
        if cov_diag.shape[-1:] != (n,):
            raise ValueError(f"cov_diag must be a batch of vectors with shape ({n},); got {tuple(cov_diag.shape)}.")
        try:
            batch = T.broadcast_shapes(loc.shape[:-1], cov_factor.shape[:-2], cov_diag.shape[:-1])
        except RuntimeError:
            raise ValueError(f"Incompatible batch shapes: loc {loc.shape}, cov_factor {cov_factor.shape}, cov_diag "
                             f"{cov_diag.shape}") from None
        self.loc, self.cov_diag = loc.expand(*batch, -1), cov_diag.expand(*batch, -1)
        self.cov_factor = cov_factor.expand(*batch, -1, -1)
        # Of Woodbury's formula: the Cholesky factor of 1 + Wᵀ diag(d)⁻¹ W, and Wᵀ diag(d)⁻¹. Not repeated for the batch.
        self._weighted = cov_factor.mT / cov_diag.unsqueeze(-2)
        self._capacitance_tril = linalg.cholesky(self._weighted @ cov_factor + T.eye(cov_factor.shape[-1], dtype=loc.dtype))
        super().__init__(batch, (n,), validate_args)

    mean = mode = property(lambda self: self.loc)
    variance = property(lambda self: (self.cov_factor**2).sum(-1) + self.cov_diag)
    covariance_matrix = property(lambda self: self.cov_factor @ self.cov_factor.mT + T.diag_embed(self.cov_diag))
    scale_tril = property(lambda self: linalg.cholesky(self.covariance_matrix))

    @property
    def precision_matrix(self) -> Tensor:
        a = linalg.solve_triangular(self._capacitance_tril, self._weighted, upper=False)
        return T.diag_embed(1 / self.cov_diag) - a.mT @ a

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        among = standard_normal((*shape[:-1], self.cov_factor.shape[-1]), self.loc)
        each = standard_normal(shape, self.loc)
        return self.loc + matrix_times(self.cov_factor, among) + self.cov_diag.sqrt() * each

    def log_prob(self, value: Tensor) -> Tensor:
        self._check(value)
        x = value - self.loc
        distance = (x**2 / self.cov_diag).sum(-1) - mahalanobis(self._capacitance_tril, matrix_times(self._weighted, x))
        return -0.5 * (self._event_shape[0] * math.log(2 * math.pi) + distance) - self._half_logdet()

    def _half_logdet(self) -> Tensor:
        return half_logdet(self._capacitance_tril) + 0.5 * self.cov_diag.log().sum(-1)

    def entropy(self) -> Tensor:
        return 0.5 * self._event_shape[0] * (1.0 + math.log(2 * math.pi)) + self._half_logdet()


class Wishart(_ByMatrix, ExponentialFamily):
    """The sum of x xᵀ over `df` normal vectors x around 0, whose covariance is given as one of three matrices."""

    support, has_rsample = positive_definite, True
    arg_constraints = property(lambda self: {
        "covariance_matrix": positive_definite, "precision_matrix": positive_definite, "scale_tril": lower_cholesky,
        "df": greater_than(self.event_shape[-1] - 1)})

    def __init__(self, df: Any, covariance_matrix: Tensor | None = None, precision_matrix: Tensor | None = None,
                 scale_tril: Tensor | None = None, validate_args: bool | None = None):
        name, matrix = _the_one(AssertionError, covariance_matrix=covariance_matrix, precision_matrix=precision_matrix,
                                scale_tril=scale_tril)
        df, n = df if isinstance(df, Tensor) else matrix.new_tensor(df), matrix.shape[-1]
        batch = T.broadcast_shapes(matrix.shape[:-2], df.shape)
        self.df = df.expand(batch)
        if (df <= n - 1).any():
            raise ValueError(f"Value of df={df} expected to be greater than ndim - 1 = {n - 1}.")
        self._hold(batch, name, matrix, matrix.shape[-2:], validate_args)

    mean = property(lambda self: self.df[..., None, None] * self.covariance_matrix)

    @property
    def mode(self) -> Tensor:
        factor = self.df - self._event_shape[-1] - 1
        return factor.masked_fill(factor <= 0, math.nan)[..., None, None] * self.covariance_matrix

    @property
    def variance(self) -> Tensor:
        v = self.covariance_matrix
        diagonal = v.diagonal(dim1=-2, dim2=-1)
        return self.df[..., None, None] * (v**2 + diagonal.unsqueeze(-1) * diagonal.unsqueeze(-2))

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        """Bartlett's decomposition: a triangle of normal numbers with the roots of Chi2 ones on its diagonal."""
        n = self._event_shape[-1]
        diagonal = Chi2(self.df.unsqueeze(-1) - T.arange(n, dtype=self.df.dtype)).rsample(sample_shape).sqrt()
        rows, columns = T.tril_indices(n, n, -1)
        noise = T.diag_embed(diagonal.clamp(min=eps(diagonal)))
        below = T.zeros_like(noise)
        below[..., rows, columns] = standard_normal((*noise.shape[:-2], n * (n - 1) // 2), noise)
        factor = self._unbroadcasted_scale_tril @ (noise + below)
        return factor @ factor.mT

    def log_prob(self, value: Tensor) -> Tensor:
        self._check(value)
        df, n, lower = self.df, self._event_shape[-1], self._unbroadcasted_scale_tril
        trace = (T.cholesky_inverse(lower) * value).sum((-2, -1))
        return (-df * (n * math.log(2) / 2 + half_logdet(lower)) - T.mvlgamma(df / 2, n)
                + (df - n - 1) / 2 * linalg.slogdet(value).logabsdet - trace / 2)

    def entropy(self) -> Tensor:
        df, n, lower = self.df, self._event_shape[-1], self._unbroadcasted_scale_tril
        digammas = (df.unsqueeze(-1) / 2 - T.arange(n, dtype=df.dtype) / 2).digamma().sum(-1)
        return ((n + 1) * (n * math.log(2) / 2 + half_logdet(lower)) + T.mvlgamma(df / 2, n) - (df - n - 1) / 2 * digammas
                + df * n / 2)

    def _parameters(self) -> dict[str, int]:
        return {"df": 0, "covariance_matrix": 2, "precision_matrix": 2, "scale_tril": 2}


class LKJCholesky(Distribution):
    """Cholesky factors (dim, dim) of correlation matrices, with probabilities as det(correlations) ** (concentration - 1).

    Lewandowski, Kurowicka and Joe, 2009.
    """

    arg_constraints, support = {"concentration": positive}, corr_cholesky

    def __init__(self, dim: int, concentration: Any = 1.0, validate_args: bool | None = None):
        if dim < 2:
            raise ValueError(f"Expected dim to be an integer greater than or equal to 2. Found dim={dim}.")
        (self.concentration,) = broadcast_all(concentration)
        self.dim = dim
        super().__init__(self.concentration.shape, (dim, dim), validate_args)

    @no_grad()
    def sample(self, sample_shape: Any = ()) -> Tensor:
        """The onion method: row by row, a direction and how far it goes."""
        offset = T.arange(self.dim - 1, dtype=self.concentration.dtype)
        offset = T.cat([offset.new_zeros(1), offset])
        most = self.concentration + 0.5 * (self.dim - 2)
        length = Beta(offset + 0.5, most.unsqueeze(-1) - 0.5 * offset).sample(sample_shape).sqrt().unsqueeze(-1)
        normal = T.randn(self._extended_shape(sample_shape), dtype=length.dtype).tril(-1)
        norm = normal.norm(dim=-1, keepdim=True)
        rows = length * (normal / norm.masked_fill(norm == 0, 1))
        return rows + T.diag_embed((1 - (rows**2).sum(-1)).clamp(min=tiny(rows)).sqrt())

    def log_prob(self, value: Tensor) -> Tensor:
        self._check(value)
        order = 2 * (self.concentration - 1).unsqueeze(-1) + self.dim - T.arange(2, self.dim + 1)
        weights = (order * value.diagonal(dim1=-2, dim2=-1)[..., 1:].log()).sum(-1)
        n = self.dim - 1
        alpha = self.concentration + 0.5 * n
        return weights - (0.5 * n * math.log(math.pi) + T.mvlgamma(alpha - 0.5, n) - alpha.lgamma() * n)


