"""torch.sparse, as far as it goes here: see `ops/sparse.py`.

https://pytorch.org/docs/stable/sparse.html
"""

from __future__ import annotations

from typing import Any

from . import dtypes
from .ops.sparse import SparseTensor as SparseTensor, sparse_coo_tensor as _make
from .tensor import Tensor


def mm(mat1: SparseTensor, mat2: Any) -> Tensor:
    """A sparse matrix times a dense one.

    >>> ndl.sparse.mm(ndl.eye(2).to_sparse(), ndl.ones(2, 3)).shape
    Size([2, 3])
    """
    return mat1.mm(mat2)


def addmm(mat: Tensor, mat1: SparseTensor, mat2: Tensor, *, beta: float = 1.0, alpha: float = 1.0) -> Tensor:
    """``beta * mat + alpha * (mat1 @ mat2)``, where mat1 is sparse."""
    return beta * mat + alpha * mat1.mm(mat2)


def sum(input: SparseTensor, dim: Any = None, dtype: Any = None) -> Any:
    """The sum of all elements, or along a dimension (dense here)."""
    return (input if dtype is None else input.to(dtype)).sum(dim)


def FloatTensor(indices: Any, values: Any, size: Any = None) -> SparseTensor:
    """The older name of ``sparse_coo_tensor``, for float32."""
    return _make(indices, values, size, dtype=dtypes.float32)


def DoubleTensor(indices: Any, values: Any, size: Any = None) -> SparseTensor:
    """The older name of ``sparse_coo_tensor``, for float64."""
    return _make(indices, values, size, dtype=dtypes.float64)
