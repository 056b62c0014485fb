"""Linear systems: triangular ones, general ones, inverses, determinants, and the LU factorization behind them.

Throughout, A is a square matrix or a stack of them, and a formula such as dL/dA = -(A^-T g) X^T is written with `mT`,
`solve_upper` and so on, so that it can be differentiated again.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from .. import backend, errors
from ..composite import composite, face
from ..errors import _title as title
from ..faces import F, named_result
from ..op import op
from ..tensor import Tensor, wrap
from .matmul import product


@face("LinAlgError", "linalg")
class LinAlgError(RuntimeError):
    """A matrix was singular, not positive-definite or not finite, where that makes the result impossible."""


# --- what this and the other families about matrices share ------------------------------------------------------------


def expect(name: str, matrix: Any, square: bool = True, argument: str = "A") -> None:
    """Raise unless `matrix` (a Tensor or an array) is a floating-point matrix, or a stack of them."""
    if not isinstance(matrix, Tensor) and not backend.is_array(matrix):
        raise errors.not_a_tensor(name, argument, 1, matrix)
    array = matrix._array if isinstance(matrix, Tensor) else matrix
    expect_matrix(name, array, square, argument)
    if array.dtype.kind != "f":
        raise RuntimeError(f"{name}: Expected a floating point or complex tensor as input. "
                           f"Got {title(array.dtype)}. Convert it first, for example with .float().")
    if array.dtype.itemsize == 2:
        raise RuntimeError(f"{name}: Low precision dtypes not supported. Got {title(array.dtype)}. "
                           f"Compute in .float().")


def expect_matrix(name: str, array: Any, square: bool = True, argument: str = "A") -> None:
    shape = tuple(array.shape)
    if len(shape) < 2:
        raise RuntimeError(f"{name}: The input tensor {argument} must have at least 2 dimensions. "
                           f"Its shape is {shape}.")
    if square and shape[-1] != shape[-2]:
        raise RuntimeError(f"{name}: {argument} must be batches of square matrices, but they are {shape[-2]} by "
                           f"{shape[-1]} matrices")


def mT(x: Any) -> Any:
    """Each matrix transposed."""
    return F.transpose(x, -2, -1)


def eye_like(x: Tensor, rows: int, columns: int | None = None) -> Tensor:
    """An identity matrix of x's dtype and device."""
    return wrap(backend.of_type(type(x._array)).xp.eye(rows, columns, dtype=x._array.dtype))


@cache
def _result_type(op: str, names: tuple[str, ...]) -> type:
    return named_result(op, names)


def named(op: str, **parts: Tensor) -> Any:
    """Several results of a composite as a named tuple."""
    return _result_type(op, tuple(parts))(**parts)


def attempt(xp: Any, function: Callable, arrays: Sequence[Any], shape: tuple, diagnose: Callable) -> tuple[Any, Any]:
    """``function(*arrays)``, and for each matrix 0, or the number that says what is wrong with it.

    LAPACK's functions in NumPy give up the whole stack if one matrix fails; then try one at a time. A failed matrix's
    result is NaN.
    """
    stack, batch = arrays[0].shape[:-2], shape[:-2]
    info = xp.zeros(stack, xp.int32)
    try:
        return function(*arrays), info
    except xp.linalg.LinAlgError:
        result = xp.full(shape, float("nan"), arrays[0].dtype)
    arrays = [xp.broadcast_to(a, batch + a.shape[-2:]) for a in arrays]
    for at in itertools.product(*map(range, batch)):
        try:
            result[at] = function(*(a[at] for a in arrays))
        except xp.linalg.LinAlgError:
            own = at[len(batch) - len(stack):]  # where the matrix is in its own stack, which may have been broadcast
            info[tuple(i if n > 1 else 0 for i, n in zip(own, stack, strict=True))] = diagnose(xp, arrays[0][at])
    return result, info


def raise_failures(name: str, info: Tensor, words: str) -> None:
    """Raise LinAlgError if any number in `info` is not 0; "{}" in `words` becomes that number."""
    codes = backend.to_numpy(info._array)
    if codes.any():
        first = int((codes != 0).ravel().argmax())
        where = f"(Batch element {first}): " if codes.ndim else ""
        raise LinAlgError(f"{name}: {where}{words.format(codes.ravel()[first])}")


# --- triangular systems -----------------------------------------------------------------------------------------------


def _triangular_other(g: Any, A: Any, B_shape: Any, upper: bool, unit: bool) -> Any:
    return F.sum_to_size(F.triangular(mT(A), g, not upper, unit), B_shape)


def _triangular_matrix(g: Any, A: Any, out: Any, upper: bool, unit: bool) -> Any:
    full = -F.matmul(F.triangular(mT(A), g, not upper, unit), mT(out))
    half = F.triu(full, int(unit)) if upper else F.tril(full, -int(unit))
    return F.sum_to_size(half, A.shape)


@op(A=_triangular_matrix, B=_triangular_other, promote="same", broadcasts=False, on="", out=False)
def triangular(xp, A, B, upper: bool, unit: bool):
    """X with A X = B, looking at one triangle of A only; `unit` takes its diagonal for ones."""
    if not upper:  # reading rows and columns backwards turns a lower triangle into an upper one
        return triangular.op.kernel(xp, A[..., ::-1, ::-1], B[..., ::-1, :], True, unit)[..., ::-1, :]
    return _back_substitute(xp, A, B, unit)


def _back_substitute(xp: Any, A: Any, B: Any, unit: bool) -> Any:
    """Halve the system until it is small: almost all of the work is in matrix products."""
    n = A.shape[-1]
    if n <= 64:
        diagonal = xp.diagonal(A, 0, -2, -1)
        if unit:
            A = xp.where(xp.eye(n, dtype=bool), A.dtype.type(1), A)
        if unit or (diagonal != 0).all():
            return xp.linalg.solve(xp.triu(A), B)  # LU has nothing left to do but the back substitution
    if n == 1:
        return B / A  # by zero, too: inf and NaN, as LAPACK gives them
    h = n // 2
    low = _back_substitute(xp, A[..., h:, h:], B[..., h:, :], unit)
    high = _back_substitute(xp, A[..., :h, :h], B[..., :h, :] - product(xp, A[..., :h, h:], low), unit)
    return xp.concatenate([high, xp.broadcast_to(low, high.shape[:-2] + low.shape[-2:])], -2)


@composite(on="linalg")
def solve_triangular(A, B, *, upper, left=True, unitriangular=False):
    """X with A X = B (or X A = B, with ``left=False``), for a triangular A. The other triangle is not looked at.

    >>> ndl.linalg.solve_triangular(ndl.tensor([[2., 1.], [0., 1.]]), ndl.ones(2, 1), upper=True)
    tensor([[0.],
            [1.]])
    """
    name = "linalg.solve_triangular"
    expect(name, A)
    expect(name, B, square=False, argument="B")
    _expect_fit(name, A, B, left)
    if left:
        return F.triangular(A, B, upper, unitriangular)
    return mT(F.triangular(mT(A), mT(B), not upper, unitriangular))


def _expect_fit(name: str, A: Tensor, B: Tensor, left: bool = True) -> None:
    n, m = A.shape[-1], B.shape[-2 if left else -1]
    if n != m:
        raise RuntimeError(f"{name}: Incompatible shapes of A and B for the equation {'AX' if left else 'XA'} = B "
                           f"({n}x{n} and {B.shape[-2]}x{B.shape[-1]})")


@composite()
def triangular_solve(input, A, upper=True, transpose=False, unitriangular=False):
    """The older name of `linalg.solve_triangular`: the solution of A X = input, and a copy of A."""
    expect("triangular_solve", A)
    _expect_fit("triangular_solve", A, input)
    solution = F.triangular(mT(A) if transpose else A, input, upper != transpose, unitriangular)
    return named("triangular_solve", solution=solution, cloned_coefficient=A.clone())


# --- general systems --------------------------------------------------------------------------------------------------


def _solve_matrix(g: Any, A: Any, result: Any) -> Any:
    return F.sum_to_size(-F.matmul(F.linalg_solve_ex(mT(A), g)[0], mT(result)), A.shape)


@op(A=_solve_matrix, B=lambda g, A, B_shape: F.sum_to_size(F.linalg_solve_ex(mT(A), g)[0], B_shape),
    outputs=("result", "info"), promote="same", broadcasts=False, on="", out=False)
def linalg_solve_ex(xp, A, B):
    """X with A X = B, and where that failed."""
    batch = xp.broadcast_shapes(A.shape[:-2], B.shape[:-2])
    return attempt(xp, xp.linalg.solve, (A, B), batch + B.shape[-2:], _singular_at)


def _singular_at(xp: Any, A: Any) -> int:
    """Which number on the diagonal of U, in A = P L U, is zero; counted from 1."""
    factors = A.copy("C")
    _factorize(xp, factors)
    zero = xp.diagonal(factors) == 0
    return int(zero.argmax()) + 1 if zero.any() else A.shape[0]


@composite(on="linalg")
def solve_ex(A, B, *, left=True, check_errors=False):
    """`solve` that doesn't raise: the result and, for each matrix, 0 or the number of the first zero pivot."""
    name = "linalg.solve"
    expect(name, A)
    if not isinstance(B, Tensor):
        raise errors.not_a_tensor("linalg.solve", "B", 2, B)
    if A._array.dtype != B._array.dtype:
        raise RuntimeError(f"{name}: Expected A and B to have the same dtype, but found A of type "
                           f"{title(A._array.dtype)} and B of type {title(B._array.dtype)} instead")
    vector = B.ndim == 1 or (A.ndim - 1 == B.ndim and B.shape == A.shape[:-1])
    columns = F.unsqueeze(B, -1) if vector else B
    _expect_fit(name, A, columns, left)
    if left:
        result, info = F.linalg_solve_ex(A, columns)
    else:
        result, info = F.linalg_solve_ex(mT(A), mT(columns))
        result = mT(result)
    if check_errors:
        raise_failures(f"torch.{name}", info, "The solver failed because the input matrix is singular.")
    return named("linalg_solve_ex", result=F.squeeze(result, -1) if vector else result, info=info)


@composite(on="linalg")
def solve(A, B, *, left=True):
    """X with A X = B (or X A = B, with ``left=False``). B may be a vector; stacks broadcast.

    Raises LinAlgError if A is singular.

    >>> ndl.linalg.solve(ndl.tensor([[3., 1.], [1., 2.]]), ndl.tensor([9., 8.]))
    tensor([2., 3.])
    """
    return solve_ex.composite(A, B, left=left, check_errors=True)[0]


# --- inverses ---------------------------------------------------------------------------------------------------------


@op(A=lambda g, inverse: -F.matmul(F.matmul(mT(inverse), g), mT(inverse)), outputs=("inverse", "info"), on="",
    out=False)
def linalg_inv_ex(xp, A):
    """The inverses, and where that failed."""
    return attempt(xp, xp.linalg.inv, (A,), A.shape, _singular_at)


@composite(on="linalg")
def inv_ex(A, *, check_errors=False):
    """`inv` that doesn't raise: the inverse and, for each matrix, 0 or the number of the first zero pivot."""
    expect("linalg.inv", A)
    result = F.linalg_inv_ex(A)
    if check_errors:
        raise_failures("linalg.inv", result.info, "The diagonal element {} is zero, the inversion could not be "
                                                  "completed because the input matrix is singular.")
    return result


@composite(on="linalg")
def inv(A):
    """The inverse of each matrix. Raises LinAlgError if one is singular. To solve a system, `solve` is better.

    >>> ndl.linalg.inv(ndl.tensor([[2., 0.], [0., 4.]]))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.2500]])
    """
    return inv_ex.composite(A, check_errors=True)[0]


@composite()
def inverse(input):
    """`linalg.inv`."""
    return inv.composite(input)


# --- determinants -----------------------------------------------------------------------------------------------------


@op(input=lambda g, input: g.reshape((*g.shape, 1, 1)) * F.cofactor(input), on="torch method linalg")
def det(xp, input):
    """The determinant of each matrix.

    >>> ndl.det(ndl.tensor([[1., 2.], [3., 4.]]))
    tensor(-2.)
    """
    expect("linalg.det", input)
    return xp.linalg.det(input)


def _cofactor_gradient(g: Any, input: Any, out: Any) -> Any:
    x = mT(F.linalg_inv_ex(input)[0])
    return F.sum(g * out, (-2, -1), True) * x - F.matmul(F.matmul(x, mT(g)), out)


@op(input=_cofactor_gradient, on="", out=False)
def cofactor(xp, input):
    """The derivative of the determinant: det(A) A^-T, which a singular A has as well."""
    try:
        return xp.linalg.det(input)[..., None, None] * xp.swapaxes(xp.linalg.inv(input), -2, -1)
    except xp.linalg.LinAlgError:
        u, s, vh = xp.linalg.svd(input)
        others = xp.where(xp.eye(s.shape[-1], dtype=bool), s.dtype.type(1), s[..., None, :]).prod(-1)
        sign = xp.linalg.det(u) * xp.linalg.det(vh)
        return sign[..., None, None] * product(xp, u * others[..., None, :], vh)


@op(input=lambda g, input: g[1].reshape((*g[1].shape, 1, 1)) * mT(F.linalg_inv_ex(input)[0]),
    outputs=("sign", "logabsdet"), on="torch method linalg")
def slogdet(xp, input):
    """The sign of each determinant, and the logarithm of its absolute value, which does not overflow.

    >>> sign, logabsdet = ndl.linalg.slogdet(ndl.eye(2) * 1e30)
    >>> logabsdet
    tensor(138.1551)
    """
    expect("linalg.slogdet", input)
    return tuple(xp.linalg.slogdet(input))


@composite()
def logdet(input):
    """The logarithm of each determinant; NaN where that is negative.

    >>> ndl.logdet(ndl.eye(2) * 3)
    tensor(2.1972)
    """
    expect("logdet", input)
    sign, logabsdet = F.slogdet(input)
    return F.masked_fill(logabsdet, sign < 0, float("nan"))


# --- LU ---------------------------------------------------------------------------------------------------------------


def _lu_gradient(g: Any, LU: Any, pivots: Any) -> Any:
    m, n = LU.shape[-2:]
    k = min(m, n)
    square = LU[..., :k, :k]
    upper = F.triu(square)
    lower_part = F.matmul(_unit_lower(mT(square)), F.tril(g[..., :k, :k], -1))  # L^T dL
    upper_part = F.matmul(F.triu(g[..., :k, :k]), mT(upper))  # dU U^T
    if m < n:  # U = [U1, U2] with U2 = L^-1 A2
        lower_part = lower_part - F.matmul(g[..., k:], mT(LU[..., k:]))
    if m > n:  # L = [L1; L2] with L2 = A2 U^-1
        upper_part = upper_part - F.matmul(mT(LU[..., k:, :]), g[..., k:, :])
    grad = F.triangular(mT(square), F.tril(lower_part, -1) + F.triu(upper_part), True, True)
    if m > n:
        grad = F.cat([grad, g[..., k:, :]], -2)
    grad = mT(F.triangular(upper, mT(grad), True, False))
    if m < n:
        grad = F.cat([grad, F.triangular(mT(square), g[..., k:], True, True)], -1)
    return F.matmul(F.permutation(pivots, m, g.dtype), grad)


def _unit_lower(transposed: Any) -> Any:
    """L^T, from U and L^T in one matrix."""
    return F.triu(transposed, 1) + F.eye_of(transposed)


@op(on="", out=False)
def eye_of(xp, input):
    """An identity matrix of the input's number of columns."""
    return xp.eye(input.shape[-1], dtype=input.dtype)


@op(on="", out=False)
def permutation(xp, pivots, size: int, target: object):
    """The matrix P of A = P L U: `pivots` says which row each row was exchanged with, one after the other."""
    order = xp.broadcast_to(xp.arange(size), (*pivots.shape[:-1], size)).copy()
    for i in range(pivots.shape[-1]):
        j = pivots[..., i:i + 1] - 1
        row = xp.take_along_axis(order, j, -1)
        xp.put_along_axis(order, j, order[..., i:i + 1].copy(), -1)
        order[..., i:i + 1] = row
    return xp.swapaxes(xp.eye(size, dtype=getattr(target, "numpy", target))[order], -2, -1)


def _factorize(xp: Any, A: Any) -> Any:
    """Turn a contiguous A into L and U in its own memory. Returns which row each row was exchanged with."""
    m, n = A.shape[-2:]
    count = min(m, n)
    pivots = xp.zeros((*A.shape[:-2], count), int)
    size = math.prod(A.shape[:-2])
    A, exchanged, each = A.reshape((size, m, n)), pivots.reshape((size, count)), xp.arange(size)
    for start in range(0, count, 32):  # a strip of columns at a time; what is right of it is left to one large product
        stop = min(start + 32, count)
        for k in range(start, stop):
            exchanged[:, k] = pivot = abs(A[:, k:, k]).argmax(1) + k
            A[each, pivot], A[:, k] = A[:, k].copy(), A[each, pivot]
            first = A[:, k, k, None]
            A[:, k + 1:, k] /= xp.where(first == 0, A.dtype.type(1), first)
            A[:, k + 1:, k + 1:stop] -= A[:, k + 1:, k, None] * A[:, k, None, k + 1:stop]
        if stop < n:
            A[:, start:stop, stop:] = F.triangular(A[:, start:stop, start:stop], A[:, start:stop, stop:], False, True)
            A[:, stop:, stop:] -= product(xp, A[:, stop:, start:stop], A[:, start:stop, stop:])
    return pivots


@op(A=_lu_gradient, outputs=("LU", "pivots", "info"), on="", out=False)
def linalg_lu_factor_ex(xp, A):
    """L below the diagonal and U on and above it, the row exchanges (counted from 1), and the first zero pivot."""
    factors = A.copy("C")
    pivots = _factorize(xp, factors)
    zero = xp.diagonal(factors, 0, -2, -1) == 0
    info = xp.where(zero.any(-1), zero.argmax(-1) + 1, 0) if zero.shape[-1] else xp.zeros(A.shape[:-2])
    return factors, (pivots + 1).astype(xp.int32), info.astype(xp.int32)


@composite(on="linalg")
def lu_factor_ex(A, *, pivot=True, check_errors=False):
    """`lu_factor` that doesn't raise: LU, pivots and, for each matrix, 0 or the number of the first zero pivot."""
    expect("linalg.lu_factor", A, square=False)
    if not pivot:
        raise RuntimeError("linalg.lu_factor: LU without pivoting is not implemented on the CPU")
    result = F.linalg_lu_factor_ex(A)
    if check_errors:
        raise_failures("torch.linalg.lu_factor", result.info,
                       "U[{0},{0}] is zero and using it on lu_solve would result in a division by zero. Use "
                       "linalg.lu_factor_ex to have the factors all the same.")
    return result


@composite(on="linalg")
def lu_factor(A, *, pivot=True):
    """L and U of A = P L U in one matrix, and P as row exchanges: what `lu_solve` takes."""
    LU, pivots, _ = lu_factor_ex.composite(A, pivot=pivot, check_errors=True)
    return named("linalg_lu_factor", LU=LU, pivots=pivots)


@composite(on="torch method", name="lu", out=False)
def torch_lu(input, pivot=True, get_infos=False):
    """The older name of `linalg.lu_factor`."""
    LU, pivots, info = lu_factor_ex.composite(input, pivot=pivot, check_errors=not get_infos)
    return (LU, pivots, info) if get_infos else (LU, pivots)


@composite(on="torch")
def lu_unpack(LU_data, LU_pivots, unpack_data=True, unpack_pivots=True):
    """P, L and U as matrices, from what `lu_factor` gives."""
    expect_matrix("torch.lu_unpack", LU_data, square=False, argument="LU_data")
    if LU_pivots._array.dtype.name != "int32":
        raise RuntimeError(f"torch.lu_unpack: LU_pivots is expected to be a contiguous tensor of torch.int32 dtype. "
                           f"Got {LU_pivots.dtype!r}; pass what lu_factor returned.")
    m, n = LU_data.shape[-2:]
    k = min(m, n)
    empty = eye_like(LU_data, 0)[0:0].reshape((0,))
    return named("lu_unpack",
                   P=F.permutation(LU_pivots, m, LU_data.dtype) if unpack_pivots else empty,
                   L=F.tril(LU_data[..., :k], -1) + eye_like(LU_data, m, k) if unpack_data else empty,
                   U=F.triu(LU_data[..., :k, :]) if unpack_data else empty)


@composite(on="linalg")
def lu(A, *, pivot=True):
    """A = P L U: a permutation, a lower triangle with ones on its diagonal, and an upper triangle.

    >>> P, L, U = ndl.linalg.lu(ndl.tensor([[1., 2.], [4., 2.]]))
    >>> U
    tensor([[4.0000, 2.0000],
            [0.0000, 1.5000]])
    """
    LU, pivots, _ = lu_factor_ex.composite(A, pivot=pivot)
    return named("linalg_lu", **lu_unpack.composite(LU, pivots)._asdict())


@composite(on="linalg", name="lu_solve")
def linalg_lu_solve(LU, pivots, B, *, left=True, adjoint=False):
    """X with A X = B, from A's LU factors; `adjoint`: with A^T X = B; ``left=False``: with X A = B."""
    expect("linalg.lu_solve", LU)
    _expect_fit("linalg.lu_solve", LU, B, left)
    if not left:
        return mT(linalg_lu_solve.composite(LU, pivots, mT(B), adjoint=not adjoint))
    P = F.permutation(pivots, LU.shape[-1], LU.dtype)
    if adjoint:
        return F.matmul(P, F.triangular(mT(LU), F.triangular(mT(LU), B, False, False), True, True))
    return F.triangular(LU, F.triangular(LU, F.matmul(mT(P), B), False, True), True, False)


@composite(on="torch method", name="lu_solve")
def torch_lu_solve(input, LU_data, LU_pivots):
    """The older name of `linalg.lu_solve`, with the right-hand side first."""
    return linalg_lu_solve.composite(LU_data, LU_pivots, input)
