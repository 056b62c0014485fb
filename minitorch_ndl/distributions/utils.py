"""What several distributions need."""

from __future__ import annotations

import functools
import math
import types
from typing import Any

import numpy as np

from .. import ops as ops  # the functions are defined there
from ..autograd.grad_mode import enable_grad
from ..faces import FACES
from ..tensor import Size, Tensor

T: Any = types.SimpleNamespace(**FACES["torch"])  # as users know them: T.lgamma is ndl.lgamma
F: Any = types.SimpleNamespace(**FACES["functional"])
linalg: Any = types.SimpleNamespace(**FACES["linalg"])
special: Any = types.SimpleNamespace(**FACES["special"])

euler_constant = 0.57721566490153286060
Number = (int, float)


def broadcast_all(*values: Any) -> tuple[Tensor, ...]:
    """The values as tensors of one shape; numbers take the dtype of the tensors among them."""
    if not all(isinstance(v, (Tensor, *Number)) for v in values):
        raise ValueError(f"Input arguments must all be instances of Number or Tensor; got "
                         f"{', '.join(type(v).__name__ for v in values)}.")
    like = next((v for v in values if isinstance(v, Tensor)), None)
    dtype, device = (T.ones(()).dtype, None) if like is None else (like.dtype, like.device)
    tensors = [v if isinstance(v, Tensor) else T.tensor(v, dtype=dtype, device=device) for v in values]
    return tuple(T.broadcast_tensors(*tensors)) if len(tensors) > 1 else tuple(tensors)


class lazy_property(functools.cached_property):
    """A property that is computed once, when first asked for; with gradients, whoever asks."""

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        with enable_grad():
            return super().__get__(instance, owner)


def sum_rightmost(value: Any, dims: int) -> Any:
    """The sum over the last so many dimensions."""
    return value if dims == 0 else value.reshape(*value.shape[:-dims], -1).sum(-1)


def standard_normal(shape: Any, like: Tensor) -> Tensor:
    return T.empty(tuple(shape), dtype=like.dtype, device=like.device).normal_()


def uniform(shape: Any, like: Tensor, low: float = 0.0, high: float = 1.0) -> Tensor:
    return T.empty(tuple(shape), dtype=like.dtype, device=like.device).uniform_(low, high)


def tiny(like: Tensor) -> float:
    """The smallest positive number of this dtype, of full precision."""
    return float(np.finfo(like.dtype.numpy).tiny)


def eps(like: Tensor) -> float:
    """The distance from 1 to the next number of this dtype."""
    return float(np.finfo(like.dtype.numpy).eps)


def logits_to_probs(logits: Tensor, is_binary: bool = False) -> Tensor:
    """Probabilities out of log-odds (binary), or of log-probabilities up to a constant."""
    return T.sigmoid(logits) if is_binary else F.softmax(logits, dim=-1)


def clamp_probs(probs: Tensor) -> Tensor:
    """Away from 0 and 1, so that logarithms are finite."""
    return probs.clamp(eps(probs), 1 - eps(probs))


def probs_to_logits(probs: Tensor, is_binary: bool = False) -> Tensor:
    probs = clamp_probs(probs)
    return T.log(probs) - T.log1p(-probs) if is_binary else T.log(probs)


def tril_matrix_to_vec(mat: Tensor, diag: int = 0) -> Tensor:
    """The lower triangle of (*, n, n), row by row, up to this diagonal: (*, m)."""
    n = mat.shape[-1]
    if not -n <= diag < n:
        raise ValueError(f"diag ({diag}) provided is outside [{-n}, {n - 1}].")
    rows, columns = T.tril_indices(n, n, diag)
    return mat[..., rows, columns]


def vec_to_tril_matrix(vec: Tensor, diag: int = 0) -> Tensor:
    """The inverse of `tril_matrix_to_vec`: zeros above the diagonal."""
    m, k = vec.shape[-1], 1 + 2 * diag
    n = round((-k + math.sqrt(k * k + 8 * m + 4 * abs(diag) * (diag + 1))) / 2)
    rows, columns = T.tril_indices(n, n, diag)
    if rows.numel() != m:
        raise ValueError(f"The size of last dimension is {m} which cannot be expressed as the lower triangular part of a "
                         f"square D x D matrix.")
    mat = vec.new_zeros((*vec.shape[:-1], n, n))
    mat[..., rows, columns] = vec
    return mat


__all__ = ["Size", "broadcast_all", "clamp_probs", "lazy_property", "logits_to_probs", "probs_to_logits",
           "tril_matrix_to_vec", "vec_to_tril_matrix"]
