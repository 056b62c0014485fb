"""Matrix products. One kernel, `matmul`, does them all; the other names say which shapes they take.

NumPy hands a product of two matrices to BLAS, and a product of two stacks of matrices to BLAS one pair at a time. So
where only one side is a stack, it is laid out as one tall matrix: one large product instead of many small ones.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from .. import errors
from ..composite import composite, face
from ..faces import F
from ..op import op
from ..products import times
from ..tensor import Tensor

# --- the kernel ---------------------------------------------------------------------------------------------------


def product(xp: Any, a: Any, b: Any) -> Any:
    """a @ b of arrays of one dtype and at least one dimension. Raises ValueError if they do not fit."""
    kind = a.dtype.char
    if kind == "f" or kind == "d":
        if b.ndim == 2 <= a.ndim:
            return times(a, b) if a.ndim == 2 else times(_tall(a), b).reshape(a.shape[:-1] + b.shape[1:])
        if b.ndim <= 2:
            return a.dot(b) if a.ndim <= 2 else _tall(a).dot(b).reshape(a.shape[:-1])
        return xp.matmul(_for_blas(xp, a), _for_blas(xp, b))
    if kind == "e":  # BLAS has no half precision; this is faster, and more accurate, than NumPy's loop
        return product(xp, a.astype("f"), b.astype("f")).astype("e")
    if a.size > 1000 and b.size and math.prod(a.shape[-1:]) * _bound(a) * _bound(b) < 2**53:
        return product(xp, a.astype("d"), b.astype("d")).astype("l").astype(a.dtype)  # exact, and through BLAS
    return xp.matmul(a, b)


def _tall(x: Any) -> Any:
    """A stack of matrices (or of vectors) as one matrix of the same rows."""
    return x.reshape((math.prod(x.shape[:-1]), x.shape[-1]))


def _for_blas(xp: Any, x: Any) -> Any:
    """`x`, copied if rows and columns both have gaps (older NumPy multiplies such matrices without BLAS)."""
    return x if x.ndim < 2 or min(x.strides[-2:]) == x.itemsize else xp.ascontiguousarray(x)


def _bound(x: Any) -> int:
    """The largest absolute value in an integer array."""
    return max(int(x.max()), -int(x.min()))


# --- matmul -------------------------------------------------------------------------------------------------------


def _no_bool(args: Sequence[Any]) -> None:
    if any(isinstance(a, Tensor) and a._array.dtype.kind == "b" for a in args):
        raise NotImplementedError("\"addmm_impl_cpu_\" not implemented for 'Bool': matrix products are of numbers; "
                                  "convert masks first, for example with .float().")


def _matmul_input(g: Any, other: Any, input_shape: Any) -> Any:
    rank = len(input_shape)
    if rank == 2 and other.ndim == 2:
        return F.matmul(g, other.T)
    if other.ndim == 1:
        return g.reshape((*g.shape, 1)) * other
    if rank == 1:
        g = g.reshape((*g.shape[:-1], 1, g.shape[-1]))
    if other.ndim > 2 and rank <= 2:  # one matrix met a whole stack
        grad = F.matmul(_rows(g), F.transpose(_rows(other), 0, 1))
    else:
        grad = F.sum_to_size(F.matmul(g, F.transpose(other, -2, -1)), input_shape)
    return grad.reshape(input_shape)


def _matmul_other(g: Any, input: Any, other_shape: Any) -> Any:
    rank = len(other_shape)
    if rank == 2 and input.ndim == 2:
        return F.matmul(input.T, g)
    if input.ndim == 1:
        column = input.reshape((-1, *(1,) * (rank > 1)))
        return column * (g.reshape((*g.shape[:-1], 1, g.shape[-1])) if rank > 1 else g)
    if rank == 1:
        return F.matmul(g.reshape((math.prod(g.shape),)), _tall(input))
    if rank == 2:  # a whole stack met one matrix, such as a batch of sequences and a layer's weight
        return F.matmul(_tall(input).T, _tall(g))
    return F.sum_to_size(F.matmul(F.transpose(input, -2, -1), g), other_shape)


def _rows(x: Any) -> Any:
    """The rows of all matrices in a stack, the first rows of each side by side, then the second ones..."""
    return F.transpose(x, -2, 0).reshape((x.shape[-2], math.prod(x.shape) // max(x.shape[-2], 1)))


@op(input=_matmul_input, other=_matmul_other, promote="same", check=("b", _no_bool),
    operators=("__matmul__", "__rmatmul__"), on="torch method linalg")
def matmul(xp, input, other):
    """The matrix product, `a @ b`. Leading dimensions are a batch and broadcast; a vector on the left is a row, one on
    the right a column, and that dimension is gone from the result.

    Raises RuntimeError if the inner sizes or the dtypes differ.

    >>> ndl.ones(5, 2, 3).matmul(ndl.ones(3, 4)).shape
    Size([5, 2, 4])
    """
    if not input.ndim or not other.ndim:
        raise RuntimeError(f"both arguments to matmul need to be at least 1D, but they are {input.ndim}D and "
                           f"{other.ndim}D. To scale a tensor by a number, use *.")
    try:
        return product(xp, input, other)
    except ValueError:
        raise _mismatch(input.shape, other.shape) from None


def _mismatch(a: tuple, b: tuple) -> RuntimeError:
    """Why shapes a and b have no product, in torch's words and with what would help."""
    inner = a[-1], b[-2 if len(b) > 1 else 0]
    if inner[0] == inner[1]:
        return errors.shapes_do_not_broadcast("matmul", [a[:-2], b[:-2]])
    if len(b) == 1:
        if len(a) == 1:
            return _unequal_vectors(a, b)
        rows = math.prod(a[:-1])
        words = f"size mismatch, got input ({rows}), mat ({rows}x{a[-1]}), vec ({b[0]})"
    elif len(b) == 2:
        words = (f"mat1 and mat2 shapes cannot be multiplied ({math.prod(a[:-1])}x{a[-1]} and {b[0]}x{b[1]})")
    else:
        batch = list(b[:-2] if len(a) <= 2 else a[:-2])
        words = (f"Expected size for first two dimensions of batch2 tensor to be: {[*batch, a[-1]]} "
                 f"but got: {[*b[:-1]]}")
    fix = "" if a[-1] not in b[-1:] else " Transpose the second one: a @ b.mT." if len(b) > 1 else ""
    return RuntimeError(f"{words}: matmul of {_show(a)} and {_show(b)} sums over the last dimension of the first and "
                        f"the {'second to last' if len(b) > 1 else 'only'} one of the second, which must be equal; "
                        f"they are {inner[0]} and {inner[1]}.{fix}")


def _unequal_vectors(a: tuple, b: tuple) -> RuntimeError:
    return RuntimeError(f"inconsistent tensor size, expected tensor [{a[0]}] and src [{b[0]}] to have the same number "
                        f"of elements, but got {a[0]} and {b[0]} elements respectively")


def _show(shape: Sequence[int]) -> str:
    return str(tuple(shape))


# --- the same for certain shapes ------------------------------------------------------------------------------------


@composite()
def mm(input, mat2):
    """The product of two matrices, (N, K) and (K, M). Does not broadcast: that is `matmul`.

    >>> ndl.eye(2).mm(ndl.tensor([[1., 2.], [3., 4.]]))
    tensor([[1., 2.],
            [3., 4.]])
    """
    _must_be_tensor("mm", mat2=mat2)
    for name, matrix in (("self", input), ("mat2", mat2)):
        if matrix.ndim != 2:
            raise RuntimeError(f"{name} must be a matrix: mm multiplies two 2-D tensors; got shapes "
                               f"{_show(input.shape)} and {_show(mat2.shape)}. For batches or vectors use matmul.")
    return F.matmul(input, mat2)


@composite()
def bmm(input, mat2):
    """The products of two equally long stacks of matrices, (B, N, K) and (B, K, M).

    >>> ndl.ones(5, 2, 3).bmm(ndl.ones(5, 3, 4)).shape
    Size([5, 2, 4])
    """
    _must_be_tensor("bmm", mat2=mat2)
    _must_be_stacks("bmm", input, mat2)
    return F.matmul(input, mat2)


def _must_be_stacks(op: str, batch1: Tensor, batch2: Tensor) -> None:
    for name, batch in (("batch1", batch1), ("batch2", batch2)):
        if batch.ndim != 3:
            raise RuntimeError(f"{name} must be a 3D tensor: {op} multiplies two stacks of matrices; got shapes "
                               f"{_show(batch1.shape)} and {_show(batch2.shape)}. matmul also broadcasts.")
    expected = [batch1.shape[0], batch1.shape[2]]
    if [*batch2.shape[:2]] != expected:
        raise RuntimeError(f"Expected size for first two dimensions of batch2 tensor to be: {expected} but got: "
                           f"{[*batch2.shape[:2]]}. ({op} of shapes {_show(batch1.shape)} and {_show(batch2.shape)})")


@composite()
def mv(input, vec):
    """The product of a matrix (N, K) and a vector (K).

    >>> ndl.tensor([[1., 2.], [3., 4.]]).mv(ndl.tensor([1., 1.]))
    tensor([3., 7.])
    """
    _must_be_tensor("mv", vec=vec)
    if input.ndim != 2 or vec.ndim != 1:
        raise RuntimeError(f"vector + matrix @ vector expected, got 1, {input.ndim}, {vec.ndim}: mv multiplies a 2-D "
                           f"by a 1-D tensor; the shapes are {_show(input.shape)} and {_show(vec.shape)}.")
    return F.matmul(input, vec)


@composite()
def dot(input, tensor):
    """The sum of the products of two vectors' elements.

    >>> ndl.tensor([2., 3.]).dot(ndl.tensor([2., 1.]))
    tensor(7.)
    """
    _must_be_tensor("dot", tensor=tensor)
    if input.ndim != 1 or tensor.ndim != 1:
        raise RuntimeError(f"1D tensors expected, but got {input.ndim}D and {tensor.ndim}D tensors: dot takes two "
                           f"vectors; for matrices use @, and (a * b).sum() for the sum over all elements.")
    if input._array.dtype != tensor._array.dtype:
        raise RuntimeError(f"dot : expected both vectors to have same dtype, but found {input.dtype!r} and {tensor.dtype!r}")
    return F.matmul(input, tensor)


@composite()
def vdot(input, other):
    """`dot`; they differ for complex numbers only."""
    return F.dot(input, other)


@composite()
def inner(input, other):
    """Sums over the last dimension of both, (..., K) and (*, K) to (..., *); with a 0-d tensor, the plain product.

    >>> ndl.inner(ndl.tensor([1., 2.]), ndl.tensor([[1., 0.], [0., 1.], [1., 1.]]))
    tensor([1., 2., 3.])
    """
    _must_be_tensor("inner", other=other)
    if not input.ndim or not other.ndim:
        return input * other
    if input.shape[-1] != other.shape[-1]:
        raise RuntimeError(f"inner() the last dimension must match on both input tensors but got shapes "
                           f"{[*input.shape]} and {[*other.shape]}")
    columns = _tall(other)
    return F.matmul(input, F.transpose(columns, 0, 1)).reshape((*input.shape[:-1], *other.shape[:-1]))


@composite(aliases=("ger",))
def outer(input, vec2):
    """The products of each element of one vector with each of the other, (N) and (M) to (N, M).

    >>> ndl.outer(ndl.tensor([1, 2]), ndl.tensor([1, 10]))
    tensor([[ 1, 10],
            [ 2, 20]])
    """
    _must_be_tensor("outer", vec2=vec2)
    _must_be_vectors("outer", self=input, vec2=vec2)
    return F.unsqueeze(input, -1) * vec2


def _must_be_vectors(op: str, **vectors: Tensor) -> None:
    for name, vector in vectors.items():
        if vector.ndim != 1:
            raise RuntimeError(f"{op}: Expected 1-D argument {name}, but got {vector.ndim}-D (shape "
                               f"{_show(vector.shape)})")


def _must_be_tensor(op: str, **arguments: Any) -> None:
    for name, value in arguments.items():
        if not isinstance(value, Tensor):
            raise errors.not_a_tensor(op, name, 2, value)


# --- products added to something --------------------------------------------------------------------------------


@composite(inplace=True)
def addmm(input, mat1, mat2, *, beta=1, alpha=1):
    """``beta * input + alpha * (mat1 @ mat2)``; the input is broadcast to the product's shape. With ``beta=0`` it is
    not looked at.

    >>> ndl.addmm(ndl.ones(2), ndl.eye(2), ndl.eye(2), alpha=2)
    tensor([[3., 1.],
            [1., 3.]])
    """
    _must_be_tensor("addmm", mat1=mat1, mat2=mat2)
    for name, matrix in (("mat1", mat1), ("mat2", mat2)):
        if matrix.ndim != 2:
            raise RuntimeError(f"{name} must be a matrix, got {matrix.ndim}-D tensor (addmm of mat1 "
                               f"{_show(mat1.shape)} and mat2 {_show(mat2.shape)})")
    return _added("addmm", input, F.matmul(mat1, mat2), beta, alpha)


@composite(inplace=True)
def addmv(input, mat, vec, *, beta=1, alpha=1):
    """``beta * input + alpha * (mat @ vec)``, for a matrix (N, K) and a vector (K)."""
    _must_be_tensor("addmv", mat=mat, vec=vec)
    if mat.ndim != 2 or vec.ndim != 1 or input.ndim > 1:
        raise RuntimeError(f"vector + matrix @ vector expected, got {input.ndim}, {mat.ndim}, {vec.ndim} "
                           f"dimensions (addmv of {_show(input.shape)}, {_show(mat.shape)}, {_show(vec.shape)})")
    return _added("addmv", input, F.matmul(mat, vec), beta, alpha)


@composite(inplace=True)
def addr(input, vec1, vec2, *, beta=1, alpha=1):
    """``beta * input + alpha * outer(vec1, vec2)``."""
    _must_be_tensor("addr", vec1=vec1, vec2=vec2)
    _must_be_vectors("addr", vec1=vec1, vec2=vec2)
    for name, factor in (("beta", beta), ("alpha", alpha)):
        if isinstance(factor, float) and not vec1.is_floating_point() and not vec2.is_floating_point():
            raise RuntimeError(f"For integral input tensors, argument {name} must not be a floating point number. "
                               f"(addr: {name} is {factor})")
    return _added("addr", input, F.outer(vec1, vec2), beta, alpha, same=False)


@composite(inplace=True)
def addbmm(input, batch1, batch2, *, beta=1, alpha=1):
    """``beta * input + alpha * sum of batch1[i] @ batch2[i]``, for stacks (B, N, K) and (B, K, M)."""
    _must_be_tensor("addbmm", batch1=batch1, batch2=batch2)
    _must_be_stacks("addbmm", batch1, batch2)
    b, n, k = batch1.shape
    flat = F.matmul(F.transpose(batch1, 0, 1).reshape((n, b * k)), batch2.reshape((b * k, batch2.shape[2])))
    return _added("addbmm", input, flat, beta, alpha)


@composite(inplace=True)
def baddbmm(input, batch1, batch2, *, beta=1, alpha=1):
    """``beta * input + alpha * bmm(batch1, batch2)``, for stacks (B, N, K) and (B, K, M)."""
    _must_be_tensor("baddbmm", batch1=batch1, batch2=batch2)
    _must_be_stacks("baddbmm", batch1, batch2)
    return _added("baddbmm", input, F.matmul(batch1, batch2), beta, alpha)


def _added(op: str, input: Tensor, result: Tensor, beta: Any, alpha: Any, same: bool = True) -> Tensor:
    """``beta * input + alpha * result``: torch leaves an input out that beta=0 switches off, NaN or not."""
    shape, dtype = result.shape, result._array.dtype
    if same and input._array.dtype != dtype:
        raise errors.dtypes_differ(op, [("self", input._array), ("the product", result._array)])
    try:
        input = F.expand(input, tuple(shape))
    except RuntimeError as error:
        raise RuntimeError(f"{error} ({op}: the input is broadcast to the product's shape, {_show(shape)})") from None
    if alpha != 1:
        result = result * _factor(alpha, dtype)
    if beta == 0:
        if not input.requires_grad:
            return result
        return result + F.nan_to_num(input) * 0  # its gradient is zero, not missing
    return result + (input if beta == 1 else input * _factor(beta, dtype))


def _factor(value: Any, dtype: Any) -> Any:
    """`value` as a factor that leaves the dtype alone: a fraction is cut off for integers, as in torch."""
    if dtype.kind == "b":
        return bool(value)
    return value if dtype.kind == "f" or not isinstance(value, float) else int(value)


# --- products of several things -------------------------------------------------------------------------------------


@composite()
def kron(input, other):
    """The Kronecker product: every element of the input times the whole of `other`.

    >>> ndl.kron(ndl.eye(2), ndl.tensor([[1., 2.]]))
    tensor([[1., 2., 0., 0.],
            [0., 0., 1., 2.]])
    """
    _must_be_tensor("kron", other=other)
    n = max(input.ndim, other.ndim)
    a = (1,) * (n - input.ndim) + tuple(input.shape)
    b = (1,) * (n - other.ndim) + tuple(other.shape)
    spread = input.reshape(tuple(s for size in a for s in (size, 1)))
    tiles = other.reshape(tuple(s for size in b for s in (1, size)))
    return (spread * tiles).reshape(tuple(x * y for x, y in zip(a, b, strict=True)))


@composite(on="linalg")
def multi_dot(tensors):
    """The product of several matrices, multiplied in the cheapest order. The first and the last may be vectors.

    >>> ndl.linalg.multi_dot([ndl.ones(2, 3), ndl.ones(3, 4), ndl.ones(4)])
    tensor([12., 12.])
    """
    tensors = list(tensors)
    if len(tensors) < 2:
        raise RuntimeError(f"multi_dot(): expected at least 2 tensors but got {len(tensors)}")
    return _chain(tensors)


@face("chain_matmul")
def chain_matmul(*matrices: Tensor, out: Tensor | None = None) -> Tensor:
    """The product of one or more matrices; the older name of `linalg.multi_dot`."""
    matrices = tuple(matrices[0]) if len(matrices) == 1 and not isinstance(matrices[0], Tensor) else matrices
    for matrix in matrices:
        if matrix.ndim != 2:
            raise RuntimeError(f"Tensor dimension is {matrix.ndim}, expected 2 instead. (chain_matmul of shapes "
                               f"{', '.join(_show(m.shape) for m in matrices)})")
    result = matrices[0] if len(matrices) == 1 else _chain(list(matrices))
    return result if out is None else F.copy_(out, result)


def _chain(tensors: list[Tensor]) -> Tensor:
    first, last = tensors[0], tensors[-1]
    for i, tensor in enumerate(tensors):
        end = i in (0, len(tensors) - 1)
        if tensor.ndim != 2 and not (end and tensor.ndim == 1):
            which = "the first tensor" if i == 0 else "the last tensor" if end else f"tensor {i}"
            raise RuntimeError(f"multi_dot(): {which} must be {'1D or 2D' if end else '2D'} but got {tensor.ndim}D")
    if first.ndim == 1:
        tensors[0] = F.unsqueeze(first, 0)
    if last.ndim == 1:
        tensors[-1] = F.unsqueeze(last, -1)
    for i, (a, b) in enumerate(zip(tensors, tensors[1:], strict=False)):
        if a.shape[1] != b.shape[0]:
            shapes = [[*t.shape] for t in (a, b)]
            raise RuntimeError(f"multi_dot(): tensors {i} and {i + 1} with shapes {shapes[0]} and {shapes[1]} cannot "
                               f"be multiplied")
    sizes = [t.shape[0] for t in tensors] + [tensors[-1].shape[1]]
    result = _in_order(tensors, _cheapest(sizes), 0, len(tensors) - 1)
    return result.reshape(tuple(result.shape[:1] * (first.ndim == 2)) + tuple(result.shape[1:] * (last.ndim == 2)))


def _cheapest(sizes: Sequence[int]) -> dict[tuple[int, int], int]:
    """For each run i..j of matrices, where to split it so that the fewest multiplications are needed."""
    n = len(sizes) - 1
    cost = {(i, i): 0 for i in range(n)}
    split = {}
    for length in range(1, n):
        for i in range(n - length):
            j = i + length
            cost[i, j], split[i, j] = min(
                (cost[i, k] + cost[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1], k) for k in range(i, j))
    return split


def _in_order(tensors: Sequence[Tensor], split: dict[tuple[int, int], int], i: int, j: int) -> Tensor:
    if i == j:
        return tensors[i]
    k = split[i, j]
    return F.matmul(_in_order(tensors, split, i, k), _in_order(tensors, split, k + 1, j))
