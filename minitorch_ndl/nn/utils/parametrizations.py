"""Parametrizations that are often wanted: `orthogonal`, `weight_norm`, `spectral_norm`. Each returns the module.

https://pytorch.org/docs/stable/nn.html#utilities
"""

from __future__ import annotations

from typing import Any

from ... import backend, dtypes, linalg
from ...autograd.grad_mode import no_grad
from ...faces import F
from ...ops.creation import eye
from ...tensor import Tensor, wrap
from ..module import Module
from . import parametrize
from .spectral_norm import as_matrix, random_direction, usual_dim
from .weight_norm import composed, norm_except_dim

_linalg: Any = linalg


def _tensor_of(module: Module, name: str) -> Tensor:
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    return weight


# --- orthogonal -----------------------------------------------------------------------------------------------------


def _nearest_orthogonal(matrix: Tensor) -> Tensor:
    """The Q of a matrix = Q R, where R's diagonal is positive."""
    q, r = _linalg.qr(matrix)
    return q * r.diagonal(dim1=-2, dim2=-1).sign().unsqueeze(-2)


def _is_orthogonal(q: Tensor) -> bool:
    n, k = q.shape[-2:]
    return bool(F.allclose(q.mT @ q, eye(k, dtype=q.dtype), atol=10.0 * n * dtypes.finfo(q.dtype).eps))


def _reflections(q: Tensor) -> tuple[Tensor, Tensor]:
    """The Householder vectors, below the diagonal, and factors whose product of reflections is `q`."""
    xp = backend.of_type(type(q._array)).xp
    a, tau = xp.linalg.qr(q._array, mode="raw")
    return wrap(a).mT, wrap(tau)


class _Orthogonal(Module):
    base: Tensor

    def __init__(self, weight: Tensor, orthogonal_map: str, use_trivialization: bool = True):
        super().__init__()
        self.shape, self.orthogonal_map = weight.shape, orthogonal_map
        if use_trivialization:
            self.register_buffer("base", None)

    def forward(self, x: Tensor) -> Tensor:
        wide = x.shape[-2] < x.shape[-1]
        x = x.mT if wide else x
        n, k = x.shape[-2:]
        if self.orthogonal_map == "householder":
            a = x.tril(-1)
            q = _linalg.householder_product(a, 2.0 / (1.0 + (a * a).sum(-2)))
            q = q * x.detach().diagonal(dim1=-2, dim2=-1).int().unsqueeze(-2)  # 1 or -1
        else:
            a = x.tril()
            if n != k:
                a = F.cat([a, a.new_zeros(*a.shape[:-2], n, n - k)], -1)
            a = a - a.mT
            if self.orthogonal_map == "matrix_exp":
                q = _linalg.matrix_exp(a)
            else:
                one = eye(n, dtype=a.dtype)
                q = _linalg.solve(one - 0.5 * a, one + 0.5 * a)
            q = q[..., :k]
        if "base" in self._buffers:
            q = self.base @ q
        return q.mT if wide else q

    @no_grad()
    def right_inverse(self, q: Tensor) -> Tensor:
        if q.shape != self.shape:
            raise ValueError(f"Expected a matrix or batch of matrices of shape {self.shape}. Got a tensor of shape {q.shape}.")
        given, wide = q, q.shape[-2] < q.shape[-1]
        q = q.mT if wide else q
        n, k = q.shape[-2:]
        if "base" not in self._buffers:
            if self.orthogonal_map != "householder":
                raise NotImplementedError("It is not possible to assign to the matrix exponential or the Cayley "
                                          "parametrizations when use_trivialization=False.")
            a, tau = _reflections(q)
            a = a.clone()
            diagonal = a.diagonal(dim1=-2, dim2=-1)
            diagonal.sign_()
            diagonal[tau == 0] *= -1
            return a.mT if wide else a
        if n != k:
            more = q.new_empty(*q.shape[:-1], n - k).normal_()
            self.base = _nearest_orthogonal(F.cat([q, more], -1))
        else:
            self.base = q.clone() if _is_orthogonal(q) else _nearest_orthogonal(q)
        minus = given.new_zeros(given.shape)  # where reflections and all give the identity
        minus.diagonal(dim1=-2, dim2=-1).fill_(-1.0)
        return minus


def orthogonal(module: Any, name: str = "weight", orthogonal_map: str | None = None, *, use_trivialization: bool = True) -> Any:
    """Keep a matrix (or a batch of them) orthogonal: Q.mT @ Q = 1, or Q @ Q.mT = 1 if it is wide.

    orthogonal_map      "matrix_exp" or "cayley" of a skew matrix, or a product of "householder" reflections
    use_trivialization  start from the present value (made orthogonal), and go from there

    >>> layer = ndl.nn.utils.parametrizations.orthogonal(ndl.nn.Linear(20, 40))
    >>> bool(ndl.allclose(layer.weight.T @ layer.weight, ndl.eye(20), atol=1e-5))
    True
    """
    weight = _tensor_of(module, name)
    if weight.ndim < 2:
        raise ValueError(f"Expected a matrix or batch of matrices. Got a tensor of {weight.ndim} dimensions.")
    if orthogonal_map is None:
        orthogonal_map = "matrix_exp" if weight.shape[-2] == weight.shape[-1] else "householder"
    if orthogonal_map not in ("matrix_exp", "cayley", "householder"):
        raise ValueError(f'orthogonal_map has to be one of "matrix_exp", "cayley", "householder". Got: {orthogonal_map}')
    made = _Orthogonal(weight, orthogonal_map, use_trivialization)
    return parametrize.register_parametrization(module, name, made, unsafe=True)


# --- weight_norm ----------------------------------------------------------------------------------------------------


class _WeightNorm(Module):
    def __init__(self, dim: int | None = 0):
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g: Tensor, weight_v: Tensor) -> Tensor:
        return composed(weight_v, weight_g, self.dim)

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        return norm_except_dim(weight, self.dim), weight


def weight_norm(module: Any, name: str = "weight", dim: int | None = 0) -> Any:
    """Train a weight's length (``original0``) and its direction (``original1``) apart.

    dim  slices along it have a length each; None: the whole has one

    >>> layer = ndl.nn.utils.parametrizations.weight_norm(ndl.nn.Linear(20, 40))
    >>> layer.parametrizations.weight.original0.shape
    Size([40, 1])
    """
    parametrize.register_parametrization(module, name, _WeightNorm(dim), unsafe=True)

    def of_old(state_dict: Any, prefix: str, *rest: Any) -> None:
        """Checkpoints of `nn.utils.weight_norm` load too."""
        if f"{prefix}{name}_g" in state_dict and f"{prefix}{name}_v" in state_dict:
            for i, part in enumerate("gv"):
                state_dict[f"{prefix}parametrizations.{name}.original{i}"] = state_dict.pop(f"{prefix}{name}_{part}")

    module._register_load_state_dict_pre_hook(of_old)
    return module


# --- spectral_norm --------------------------------------------------------------------------------------------------


class _SpectralNorm(Module):
    _u: Tensor
    _v: Tensor

    def __init__(self, weight: Tensor, n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12):
        super().__init__()
        n = weight.ndim
        if not -n <= dim < n:
            raise IndexError(f"Dimension out of range (expected to be in range of [-{n}, {n - 1}] but got {dim})")
        if n_power_iterations <= 0:
            raise ValueError(f"Expected n_power_iterations to be positive, but got n_power_iterations={n_power_iterations}")
        self.dim, self.eps = dim % n, eps
        if n > 1:  # a vector's norm needs no guess
            self.n_power_iterations = n_power_iterations
            with no_grad():
                matrix = as_matrix(weight, self.dim)
                u = random_direction(matrix, matrix.shape[0], eps)
                v = random_direction(matrix, matrix.shape[1], eps)
                self.register_buffer("_u", u)
                self.register_buffer("_v", v)
                self._power_method(matrix, 15)

    @no_grad()
    def _power_method(self, matrix: Tensor, times: int) -> None:
        for _ in range(times):
            self._u.copy_(F.normalize(F.mv(matrix, self._v), dim=0, eps=self.eps))
            self._v.copy_(F.normalize(F.mv(matrix.T, self._u), dim=0, eps=self.eps))

    def forward(self, weight: Tensor) -> Tensor:
        if weight.ndim == 1:
            return F.normalize(weight, dim=0, eps=self.eps)
        matrix = as_matrix(weight, self.dim)
        if self.training:
            self._power_method(matrix, self.n_power_iterations)
        u, v = self._u.clone(), self._v.clone()  # backward may come after the next forward, as in a GAN
        return weight / F.dot(u, F.mv(matrix, v))

    def right_inverse(self, value: Tensor) -> Tensor:
        return value


def spectral_norm(module: Any, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12,
                  dim: int | None = None) -> Any:
    """Keep the largest singular value of a weight at 1 by dividing by it.

    n_power_iterations  in each forward while training, to find that value
    dim                 the dimension of the outputs: 0, but 1 for transposed convolutions

    >>> layer = ndl.nn.utils.parametrizations.spectral_norm(ndl.nn.Linear(20, 40))
    >>> 0.8 < float(ndl.linalg.matrix_norm(layer.weight, 2)) < 1.2
    True
    """
    weight = _tensor_of(module, name)
    made = _SpectralNorm(weight, n_power_iterations, usual_dim(module) if dim is None else dim, eps)
    return parametrize.register_parametrization(module, name, made)
