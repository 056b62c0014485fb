"""Sparse matrices, as graph networks use them: coordinates and values, made once and multiplied by dense matrices.

A `SparseTensor` is no `Tensor`: it has what is here and nothing more, and `to_dense()` for everything else. Gradients flow
to its values and to what it is multiplied by. https://pytorch.org/docs/stable/sparse.html
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import dtypes
from ..composite import face
from ..faces import FACES
from ..tensor import Size, Tensor, wrap

torch = FACES["torch"]


class SparseTensor:
    """Element ``indices[:, k]`` is ``values[k]``; where coordinates come twice, their sum; all others are 0.

    indices  (number of dimensions, number of values), integers
    """

    is_sparse, layout = True, dtypes.sparse_coo

    def __init__(self, indices: Tensor, values: Tensor, shape: tuple[int, ...], coalesced: bool = False):
        self._i, self._v, self.shape, self._coalesced = indices, values, Size(shape), coalesced

    # --- what it is -------------------------------------------------------------------------------------------------

    ndim = property(lambda self: len(self.shape))
    dtype = property(lambda self: self._v.dtype)
    device = property(lambda self: self._v.device)
    requires_grad = property(lambda self: self._v.requires_grad)
    is_cuda = property(lambda self: self._v.is_cuda)
    _array, _counter = property(lambda self: self._v._array), property(lambda self: self._v._counter)

    def size(self, dim: int | None = None) -> Any:
        """The shape, or the size of one dimension."""
        return self.shape if dim is None else self.shape[dim]

    def dim(self) -> int:
        """The number of dimensions."""
        return len(self.shape)

    def numel(self) -> int:
        """The number of elements, zeros included."""
        return math.prod(self.shape)

    def _indices(self) -> Tensor:
        return self._i

    def _values(self) -> Tensor:
        return self._v

    def _nnz(self) -> int:
        return self._i.shape[1]

    def is_coalesced(self) -> bool:
        """Whether coordinates are sorted, and none comes twice."""
        return self._coalesced

    def indices(self) -> Tensor:
        """The coordinates. Raises RuntimeError before `coalesce`."""
        return self._when_coalesced("indices")._i

    def values(self) -> Tensor:
        """The values. Raises RuntimeError before `coalesce`."""
        return self._when_coalesced("values")._v

    def _when_coalesced(self, what: str) -> SparseTensor:
        if not self._coalesced:
            raise RuntimeError(f"Cannot get {what} on an uncoalesced tensor, please call .coalesce() first")
        return self

    def __len__(self) -> int:
        return self.shape[0]

    def __repr__(self) -> str:
        return (f"tensor(indices={str(self._i)},\n       values={str(self._v.detach())},\n       size={tuple(self.shape)}, "
                f"nnz={self._nnz()}, layout={self.layout})")

    # --- in other forms ---------------------------------------------------------------------------------------------

    def _like(self, values: Tensor) -> SparseTensor:
        return SparseTensor(self._i, values, self.shape, self._coalesced)

    def coalesce(self) -> SparseTensor:
        """Coordinates sorted, and values of the same ones added up."""
        if self._coalesced:
            return self
        flat = np.ravel_multi_index(tuple(self._i.numpy()), self.shape) if self._nnz() else np.zeros(0, np.int64)
        found, place = np.unique(flat, return_inverse=True)
        values = torch["zeros"](len(found), dtype=self.dtype).index_add(0, wrap(place.reshape(-1)), self._v)
        return SparseTensor(wrap(np.stack(np.unravel_index(found, self.shape)).astype(np.int64)), values, self.shape, True)

    def to_dense(self) -> Tensor:
        """The ordinary tensor."""
        return torch["zeros"](self.shape, dtype=self.dtype).index_put(tuple(self._i), self._v, accumulate=True)

    def transpose(self, dim0: int, dim1: int) -> SparseTensor:
        """Two dimensions swapped."""
        order = list(range(self.ndim))
        order[dim0], order[dim1] = order[dim1], order[dim0]
        return SparseTensor(self._i[order], self._v, tuple(self.shape[d] for d in order))

    def t(self) -> SparseTensor:
        """The matrix transposed."""
        return self.transpose(0, 1)

    T = property(t)

    def to(self, *args: Any, **kwargs: Any) -> SparseTensor:
        """Its values in another dtype."""
        return self._like(self._v.to(*args, **kwargs))

    def requires_grad_(self, requires_grad: bool = True) -> SparseTensor:
        """Record, or not, what happens to the values."""
        self._v.requires_grad_(requires_grad)
        return self

    # --- calculations -----------------------------------------------------------------------------------------------

    def mm(self, mat2: Any) -> Tensor:
        """(N, K) times a dense (K, M): for each value the row of `mat2` that it picks, added to the row that it is in."""
        mat2 = mat2.to_dense() if isinstance(mat2, SparseTensor) else mat2
        if self.ndim != 2 or mat2.ndim != 2 or self.shape[1] != mat2.shape[0]:
            raise RuntimeError(f"mm: cannot multiply {tuple(self.shape)}, which is sparse, by {tuple(mat2.shape)}; expected "
                               f"(N, K) and (K, M).")
        rows, columns = self._i
        return torch["zeros"](self.shape[0], mat2.shape[1], dtype=mat2.dtype).index_add(
            0, rows, self._v.unsqueeze(1) * mat2.index_select(0, columns))

    def mv(self, vec: Tensor) -> Tensor:
        """(N, K) times a dense (K)."""
        return self.mm(vec.unsqueeze(1)).squeeze(1)

    def matmul(self, other: Any) -> Tensor:
        """`mm`, or `mv` for a vector."""
        return self.mv(other) if other.ndim == 1 else self.mm(other)

    __matmul__ = spmm = smm = matmul

    def __rmatmul__(self, other: Tensor) -> Tensor:
        return self.t().matmul(other.t()).t() if other.ndim == 2 else self.t().mv(other)

    def __mul__(self, other: Any) -> SparseTensor:
        if not isinstance(other, numbers.Number) and getattr(other, "ndim", None) != 0:
            raise NotImplementedError(f"sparse * {type(other).__name__}: only numbers are taken; use to_dense().")
        return self._like(self._v * other)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> SparseTensor:
        return self * (1 / other)

    def __neg__(self) -> SparseTensor:
        return self * -1

    def __add__(self, other: Any) -> Any:
        if not isinstance(other, SparseTensor):
            return self.to_dense() + other
        if self.shape != other.shape:
            raise RuntimeError(f"add: sparse tensors must have the same shape; got {tuple(self.shape)} and "
                               f"{tuple(other.shape)}")
        return SparseTensor(torch["cat"]([self._i, other._i], 1), torch["cat"]([self._v, other._v]), self.shape)

    def __radd__(self, other: Any) -> Any:
        return self + other

    def sum(self, dim: int | None = None) -> Tensor:
        """The sum of the elements, or along a dimension, dense."""
        return self._v.sum() if dim is None else self.to_dense().sum(dim)

    def numpy(self) -> Any:
        raise TypeError("can't convert Sparse layout tensor to numpy. Use Tensor.to_dense() first.")

    def _call(self, name: str, args: Any) -> Any:
        """An operation on dense tensors that has been given this one: ``ndl.mm(self, x)``, ``x @ self``."""
        if name == "matmul" and args[0] is not self:
            return self.__rmatmul__(args[0])
        if args[0] is self and hasattr(type(self), name):
            return getattr(self, name)(*args[1:])
        raise NotImplementedError(f"{name}: is not there for sparse tensors. Use to_dense() first.")


def _on_values(name: str) -> Callable:
    def method(self: SparseTensor, *args: Any, **kwargs: Any) -> SparseTensor:
        return self._like(getattr(self._v, name)(*args, **kwargs))

    method.__name__, method.__doc__ = name, f"`Tensor.{name}` of the values."
    return method


for _name in ("float", "double", "long", "int", "type", "cpu", "cuda", "clone", "detach"):
    setattr(SparseTensor, _name, _on_values(_name))


@face("sparse_coo_tensor")
def sparse_coo_tensor(indices: Any, values: Any, size: Any = None, *, dtype: Any = None, device: Any = None,
                      requires_grad: bool = False, check_invariants: bool | None = None,
                      is_coalesced: bool | None = None) -> SparseTensor:
    """A sparse tensor of coordinates (number of dimensions, n) and n values.

    >>> a = ndl.sparse_coo_tensor([[0, 1, 1], [2, 0, 2]], [3.0, 4.0, 5.0], (2, 3))
    >>> a @ ndl.ones(3, 1)
    tensor([[3.],
            [9.]])
    """
    i = torch["as_tensor"](indices).long()
    v = torch["as_tensor"](values, dtype=dtype, device=device)
    if i.ndim != 2 or v.shape[:1] != i.shape[1:] or v.ndim != 1:
        raise RuntimeError(f"sparse_coo_tensor: expected indices of shape (dimensions, n) and n values; got {tuple(i.shape)} "
                           f"and {tuple(v.shape)}")
    least = tuple(int(n) + 1 for n in i.numpy().max(axis=1, initial=-1))
    shape = least if size is None else tuple(size)
    if len(shape) != len(least) or any(a < b for a, b in zip(shape, least, strict=True)) or (i < 0).any():
        raise RuntimeError(f"sparse_coo_tensor: the indices do not fit the size {shape}: they need at least {least}")
    if requires_grad:
        v = v.detach().requires_grad_()
    return SparseTensor(i, v, shape, bool(is_coalesced))


@face("to_sparse", "method")
def to_sparse(self: Tensor, *, layout: Any = None) -> SparseTensor:
    """The elements that are not 0, as a sparse tensor."""
    if layout not in (None, dtypes.sparse_coo):
        raise NotImplementedError(f"to_sparse: the layout {layout} is not there; expected sparse_coo.")
    places = self.detach().nonzero().t().contiguous()
    return SparseTensor(places, self[tuple(places)], self.shape, True)


face("to_sparse_coo", "method")(to_sparse)
