"""What is made of products and decompositions: powers, pseudoinverses, least squares, ranks; and products of vectors.

https://pytorch.org/docs/stable/linalg.html
"""

from __future__ import annotations

import math
from typing import Any

from .. import backend, dtypes, errors
from ..composite import composite
from ..errors import _title as title
from ..faces import F
from ..op import op
from ..tensor import Tensor, wrap
from .decompositions import svdvals
from .magnitude import linalg_norm
from .matmul import product
from .shape import normal_dim
from .solve import expect, expect_matrix, eye_like, inv, inv_ex, mT, named, solve

# --- powers -----------------------------------------------------------------------------------------------------------


@composite(on="torch method linalg")
def matrix_power(input, n):
    """A multiplied by itself n times; for a negative n, its inverse.

    >>> ndl.linalg.matrix_power(ndl.tensor([[1., 1.], [0., 1.]]), 5)
    tensor([[1., 5.],
            [0., 1.]])
    """
    if not isinstance(n, int):
        raise TypeError(f"linalg_matrix_power(): argument 'n' (position 2) must be int, not {type(n).__name__}")
    expect_matrix("linalg.matrix_power", input)
    if n == 0:
        return F.copy_(input.clone(), eye_like(input, input.shape[-1]))
    if n < 0:
        input, n = inv.composite(input), -n
    result = None
    while n:  # the powers of two that make up n
        if n % 2:
            result = input if result is None else F.matmul(result, input)
        n //= 2
        if n:
            input = F.matmul(input, input)
    return result


def _matrix_exp_gradient(g: Any, input: Any) -> Any:
    # exp of [[X, E], [0, X]] has the derivative of exp at X in the direction of E in its upper right corner.
    n = input.shape[-1]
    x = mT(input)
    block = F.cat([F.cat([x, g], -1), F.cat([F.expand(g * 0, tuple(g.shape)), x], -1)], -2)
    return F.matrix_exp(block)[..., :n, n:]


# Numerator of the Padé approximant of order 13; the denominator has the same numbers with alternating signs.
_PADE = [float(math.factorial(26 - i) // (math.factorial(i) * math.factorial(13 - i))) for i in range(14)]


@op(input=_matrix_exp_gradient, on="torch method linalg", out=False)
def matrix_exp(xp, input):
    """The exponential of square matrices, ``I + A + A @ A / 2 + ...`` (by scaling and squaring: Higham, 2005).

    >>> ndl.linalg.matrix_exp(ndl.zeros(2, 2))
    tensor([[1., 0.],
            [0., 1.]])
    """
    expect("linalg.matrix_exp", input)
    if not input.size:
        return input.copy()
    norm = float(abs(input).sum(-2).max())
    halvings = max(0, math.ceil(math.log2(norm / 5.37))) if math.isfinite(norm) and norm > 5.37 else 0
    A = input * input.dtype.type(0.5 ** halvings)
    identity = xp.eye(A.shape[-1], dtype=A.dtype)
    A2 = product(xp, A, A)
    even, odd, power = identity * _PADE[0], identity * _PADE[1], identity
    for i in range(2, 14, 2):
        power = product(xp, power, A2) if i > 2 else A2
        even = even + power * _PADE[i]
        odd = odd + power * _PADE[i + 1]
    odd = product(xp, A, odd)
    result = xp.linalg.solve(even - odd, even + odd)
    for _ in range(halvings):
        result = product(xp, result, result)
    return result


# --- pseudoinverse, rank, least squares -------------------------------------------------------------------------------


def _cutoff(A: Any, largest: Any, atol: Any, rtol: Any) -> Any:
    """Below which singular values count as zero: max(atol, rtol * the largest one)."""
    if rtol is None:
        given = atol is not None and (isinstance(atol, Tensor) or atol > 0)
        eps = 2.0 ** (-52 if A._array.dtype.itemsize == 8 else -23)
        rtol = 0.0 if given else eps * max(A.shape[-2:])
    # One tolerance for each matrix, or one for all
    atol, rtol = (F.unsqueeze(t, -1) if isinstance(t, Tensor) else t for t in (0.0 if atol is None else atol, rtol))
    limit = largest * rtol
    return F.maximum(limit, limit * 0 + atol)


def _significant(A: Tensor, atol: Any, rtol: Any, hermitian: bool) -> Tensor:
    """Which singular values (of a symmetric matrix: eigenvalues) count."""
    with_no_graph = A.detach()
    sizes = F.abs(F.symmetric_eigenvalues(with_no_graph, "L")) if hermitian else F.singular_values(with_no_graph)
    if not sizes.shape[-1]:
        return sizes > 0
    return sizes > _cutoff(A, F.amax(sizes, -1, True), atol, rtol)


def _pinv_gradient(g: Any, A: Any, out: Any) -> Any:
    P, Pt, gt = out, mT(out), mT(g)
    PPt, PtP = F.matmul(P, Pt), F.matmul(Pt, P)
    right, left = F.matmul(gt, PPt), F.matmul(PtP, gt)
    grad = -F.matmul(Pt, F.matmul(g, Pt))
    grad = grad + right - F.matmul(A, F.matmul(P, right))
    return grad + left - F.matmul(F.matmul(left, P), A)


def _mirrored(xp: Any, A: Any) -> Any:
    """The symmetric matrix that has the lower triangle of `A`."""
    return xp.tril(A) + xp.swapaxes(xp.tril(A, -1), -2, -1)


@op(A=_pinv_gradient, on="", out=False)
def pseudoinverse(xp, A, count, symmetric: bool = False):
    """The inverse on the space of the singular values that count. `symmetric`: only the lower triangle is looked at."""
    A = _mirrored(xp, A) if symmetric else A
    u, s, vh = xp.linalg.svd(A, full_matrices=False)
    inverse = xp.where(count, 1 / xp.where(count, s, s.dtype.type(1)), s.dtype.type(0))
    return product(xp, xp.swapaxes(vh, -2, -1) * inverse[..., None, :], xp.swapaxes(u, -2, -1))


@composite(on="linalg")
def pinv(A, rtol=None, hermitian=False, *, atol=None, rcond=None):
    """The Moore-Penrose pseudoinverse. Singular values up to ``max(atol, rtol * the largest)`` count as zero.

    >>> ndl.linalg.pinv(ndl.tensor([[2., 0.], [0., 0.]]))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.0000]])
    """
    if isinstance(A, Tensor) and A.ndim < 2:
        raise RuntimeError(f"linalg.pinv({title(A._array.dtype)}{{{list(A.shape)}}}): expected a tensor with 2 or more "
                           f"dimensions of float, double, cfloat or cdouble types")
    expect("linalg.pinv", A, square=hermitian)
    looked_at = wrap(_mirrored(backend.of_type(type(A._array)).xp, A._array)) if hermitian else A
    count = _significant(looked_at, atol, rcond if rtol is None else rtol, False)
    return F.pseudoinverse(A, count, hermitian)


@composite()
def pinverse(input, rcond=1e-15):
    """The older name of `linalg.pinv`."""
    return pinv.composite(input, rcond)


@composite(on="linalg")
def matrix_rank(A, tol=None, hermitian=False, *, atol=None, rtol=None):
    """How many singular values are larger than ``max(atol, rtol * the largest)``.

    >>> ndl.linalg.matrix_rank(ndl.ones(3, 3))
    tensor(1)
    """
    expect_matrix("torch.linalg.matrix_rank", A, square=False, argument="input")
    expect("linalg.matrix_rank", A, square=hermitian)
    if tol is not None:  # the older argument: absolute
        atol, rtol = tol, 0.0
    return F.sum(_significant(A, atol, rtol, hermitian), -1)


@composite(on="linalg")
def cond(A, p=None):
    """The condition number: the norm of A times the norm of its inverse. `p`: the norm, as for `matrix_norm`.

    >>> ndl.linalg.cond(ndl.tensor([[4., 0.], [0., 2.]]))
    tensor(2.)
    """
    if p not in (None, 2, -2, 1, -1, math.inf, -math.inf, "fro", "nuc"):
        raise RuntimeError(f"linalg.cond got an invalid norm type: {p}")
    if p in (None, 2, -2):
        expect("linalg.cond", A, square=False)
        values = svdvals.composite(A)
        first, last = values[..., 0], values[..., -1]
        return last / first if p == -2 else first / last
    expect(f"linalg.cond(ord={p})", A)
    inverse, info = inv_ex.composite(A)
    singular = info != 0
    inverse = F.masked_fill(inverse, singular.reshape((*singular.shape, 1, 1)), 0)
    result = linalg_norm.composite(A, p, (-2, -1)) * linalg_norm.composite(inverse, p, (-2, -1))
    return F.masked_fill(result, singular, math.inf)


@composite(on="linalg")
def lstsq(A, B, rcond=None, *, driver=None):
    """The X that makes the squares of A X - B smallest (of several, the smallest X); with residuals, rank and, for
    `driver` "gelsd" or "gelss", singular values.

    >>> A = ndl.tensor([[1., 0.], [1., 1.], [1., 2.]])
    >>> ndl.linalg.lstsq(A, ndl.tensor([[1.], [3.], [5.]])).solution
    tensor([[1.],
            [2.]])
    """
    name = "torch.linalg.lstsq"
    expect(name, A, square=False, argument="input")
    vector = B.ndim == 1 or (A.ndim - 1 == B.ndim and B.shape == A.shape[:-1])
    columns = F.unsqueeze(B, -1) if vector else B
    m, n = A.shape[-2:]
    if columns.shape[-2] != m:
        raise RuntimeError(f"{name}: input.size(-2) should match other.size({'-1' if vector else '-2'}); they are {m} "
                           f"and {columns.shape[-2]}")
    if A._array.dtype != B._array.dtype:
        raise RuntimeError(f"{name}: Expected input and other to have the same dtype, but got input's dtype "
                           f"{title(A._array.dtype)} and other's dtype {title(B._array.dtype)}")
    if driver not in (None, "gels", "gelsy", "gelsd", "gelss"):
        raise RuntimeError(f"{name}: parameter `driver` should be one of (gels, gelsy, gelsd, gelss); got {driver!r}")
    count = _significant(A, None, rcond, False)
    solution = F.matmul(F.pseudoinverse(A, count), columns)
    rank, nothing = F.sum(count, -1), columns.new_zeros(0)
    residuals = F.reshape(solution, (-1,))[:0]  # none, but followed by autograd, as in torch
    if m > n and driver in ("gels", "gelsd", "gelss") and bool((rank == n).all()):
        residuals = F.sum(F.square(F.matmul(A, solution) - columns), -2)
    return named("linalg_lstsq", solution=F.squeeze(solution, -1) if vector else solution, residuals=residuals,
                 rank=wrap(rank._array[:0].reshape(0) if rank.ndim else rank._array.reshape(1)[:0])
                 if driver == "gels" else rank,
                 singular_values=F.singular_values(A.detach()) if driver in ("gelsd", "gelss") else nothing)


# --- tensors as matrices ----------------------------------------------------------------------------------------------


@composite(on="linalg")
def tensorinv(A, ind=2):
    """The inverse of A as a map from its last dimensions to its first `ind` ones: the inverse of `tensordot` with A."""
    if ind <= 0:
        raise RuntimeError(f"Expected a strictly positive integer for 'ind', but got {ind}")
    first, last = tuple(A.shape[:ind]), tuple(A.shape[ind:])
    if math.prod(first) != math.prod(last):
        raise RuntimeError(f"Expected self to satisfy the requirement prod(self.shape[ind:]) == prod(self.shape[:ind])"
                           f", but got {math.prod(last)} != {math.prod(first)}")
    return inv.composite(A.reshape((math.prod(first), -1))).reshape((*last, *first))


@composite(on="linalg")
def tensorsolve(A, B, dims=None):
    """X with ``tensordot(A, X, X.ndim) = B``. `dims`: dimensions of A to move to the end first."""
    if dims is not None:
        dims = [normal_dim(d, A.ndim, "linalg.tensorsolve") for d in dims]
        A = F.permute(A, (*(i for i in range(A.ndim) if i not in dims), *dims))
    last = tuple(A.shape[B.ndim:])
    if math.prod(last) != math.prod(A.shape[:B.ndim]):
        raise RuntimeError(f"Expected self to satisfy the requirement prod(self.shape[other.ndim:]) == "
                           f"prod(self.shape[:other.ndim]), but got {math.prod(last)} != {math.prod(A.shape[:B.ndim])}")
    n = math.prod(last)
    return solve.composite(A.reshape((n, n)), B.reshape((n,))).reshape(last)


@composite(on="linalg", name="vander")
def linalg_vander(x, *, N=None):
    """The powers of each element, from 0 to N - 1 (default: as many as elements), along a new last dimension.

    >>> ndl.linalg.vander(ndl.tensor([2, 3]), N=3)
    tensor([[1, 2, 4],
            [1, 3, 9]])
    """
    if not x.ndim:
        raise RuntimeError("linalg.vander: The input tensor must have at least one dimension.")
    if N is not None and N <= 1:
        raise RuntimeError(f"linalg.vander: N must be greater than 1. Got {N}")
    return _powers(x, x.shape[-1] if N is None else N)


def _powers(x: Tensor, count: int) -> Tensor:
    exponents = backend.of_type(type(x._array)).xp.arange(count)
    return F.pow(F.unsqueeze(x, -1), wrap(exponents.astype(x._array.dtype)))


@composite(on="torch", name="vander")
def torch_vander(x, N=None, increasing=False):
    """The powers of a vector's elements as columns, from N - 1 down to 0, or up from 0."""
    if x.ndim != 1:
        raise RuntimeError(f"x must be a one-dimensional tensor. Its shape is {tuple(x.shape)}.")
    powers = _powers(x, x.shape[0] if N is None else N)
    return powers if increasing else F.flip(powers, (1,))


@composite(on="linalg", name="diagonal")
def linalg_diagonal(A, *, offset=0, dim1=-2, dim2=-1):
    """Each matrix's diagonal; `torch.diagonal` with the last two dimensions as default."""
    return F.diagonal(A, offset, dim1, dim2)


@composite()
def trace(input):
    """The sum of a matrix's diagonal.

    >>> ndl.trace(ndl.tensor([[1, 2], [3, 4]]))
    tensor(5)
    """
    if input.ndim != 2:
        raise RuntimeError(f"trace: expected a matrix, but got tensor with dim {input.ndim}")
    if input._array.dtype.kind == "b":
        raise NotImplementedError("\"trace\" not implemented for 'Bool'; convert it first, for example with .int().")
    return F.sum(F.diagonal(input, 0, 0, 1))


# --- products of vectors ----------------------------------------------------------------------------------------------


@composite(on="linalg")
def vecdot(x, y, *, dim=-1):
    """The dot products of vectors along `dim`; the other dimensions broadcast.

    >>> ndl.linalg.vecdot(ndl.tensor([[1., 2.], [3., 4.]]), ndl.tensor([1., 1.]))
    tensor([3., 7.])
    """
    for name, value, position in (("x", x, 1), ("y", y, 2)):
        if not isinstance(value, Tensor):
            raise errors.not_a_tensor("linalg_vecdot", name, position, value)
    if not x.is_floating_point():
        raise RuntimeError(f"linalg.vecdot: Expected a floating point or complex tensor as input. "
                           f"Got {title(x._array.dtype)}")
    if x._array.dtype != y._array.dtype:
        raise RuntimeError(f"linalg.vecdot: Expected x and y to have the same dtype, but found x of type "
                           f"{title(x._array.dtype)} and y of type {title(y._array.dtype)} instead")
    return F.sum(x * y, dim)


@op(input=lambda g, other, dim: F.cross_dim(other, g, dim), other=lambda g, input, dim: F.cross_dim(g, input, dim),
    promote="same", broadcasts=True, name="cross_dim", on="", out=False)
def cross_dim(xp, input, other, dim: int):
    """The cross product along a dimension of size 3."""
    a, b = xp.moveaxis(input, dim, 0), xp.moveaxis(other, dim, 0)
    return xp.stack([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]], dim)


@composite(on="linalg", name="cross")
def linalg_cross(input, other, *, dim=-1):
    """The cross product of vectors of 3 along `dim`; the other dimensions broadcast.

    >>> ndl.linalg.cross(ndl.tensor([1., 0., 0.]), ndl.tensor([0., 1., 0.]))
    tensor([0., 0., 1.])
    """
    if not isinstance(other, Tensor):
        raise errors.not_a_tensor("linalg_cross", "other", 2, other)
    if input.ndim != other.ndim:
        raise RuntimeError(f"linalg.cross: inputs must have the same number of dimensions. The shapes are "
                           f"{tuple(input.shape)} and {tuple(other.shape)}.")
    at = normal_dim(dim, input.ndim, "linalg.cross")
    if input.shape[at] != 3 or other.shape[at] != 3:
        raise RuntimeError(f"linalg.cross: inputs dimension {dim} must have length 3. Got {input.shape[at]} and "
                           f"{other.shape[at]}")
    return F.cross_dim(input, other, at - input.ndim)  # from the end: leading dimensions may be broadcast


@composite(on="torch method", name="cross")
def torch_cross(input, other, dim=None):
    """`linalg.cross`; without `dim`, along the first dimension of size 3."""
    if dim is None:
        dim = next((i for i, n in enumerate(input.shape) if n == 3), None)
        if dim is None:
            raise RuntimeError(f"no dimension of size 3 in input; its shape is {tuple(input.shape)}. (cross)")
    return linalg_cross.composite(input, other, dim=dim)


# --- statistics -------------------------------------------------------------------------------------------------------


@composite()
def cov(input, *, correction=1, fweights=None, aweights=None):
    """The covariances of the rows, each a variable with its observations. `fweights` say how often each observation
    was made, `aweights` how much it counts.

    >>> ndl.cov(ndl.tensor([[0., 2.], [2., 0.]]))
    tensor([[ 2., -2.],
            [-2.,  2.]])
    """
    if input.ndim > 2:
        raise RuntimeError(f"cov(): expected input to have two or fewer dimensions but got an input with {input.ndim} "
                           f"dimensions")
    if input._array.dtype.kind == "b":
        raise RuntimeError("cov(): bool dtype is not supported for input")
    x = input.reshape((1, -1)) if input.ndim < 2 else input
    observations = x.shape[1]
    if not x.is_floating_point():
        x = F.to_dtype(x, dtypes.get_default_dtype())
    weights = None
    for name, given, kinds in (("fweights", fweights, "iu"), ("aweights", aweights, "f")):
        if given is None:
            continue
        if given.ndim > 1:
            raise RuntimeError(f"cov(): expected {name} to have one or fewer dimensions but got {name} with "
                               f"{given.ndim} dimensions")
        if given._array.dtype.kind not in kinds:
            raise RuntimeError(f"cov(): expected {name} to have {'integral' if kinds == 'iu' else 'floating point'} "
                               f"dtype but got {name} with {title(given._array.dtype)} dtype")
        if given.numel() != observations:
            raise RuntimeError(f"cov(): expected {name} to have the same numel as there are observations in the input "
                               f"but got {given.numel()} != {observations}")
        if observations and bool((given < 0).any()):
            raise RuntimeError(f"cov(): {name} cannot be negative")
        given = given.reshape((observations,))
        weights = given if weights is None else weights * given
    if weights is None:
        total: Any = observations
        centered = x - F.sum(x, 1, True) / total if total else x
        freedom = total - correction
    else:
        total = F.sum(weights)
        if bool(total == 0):
            raise RuntimeError("cov(): weights sum to zero, can't be normalized")
        centered = x - F.sum(x * weights, 1, True) / total
        freedom = total - correction * (F.sum(weights * aweights) / total if aweights is not None else 1)
    spread = F.matmul(centered if weights is None else centered * weights, mT(centered))
    freedom = F.clamp(freedom, 0) if isinstance(freedom, Tensor) else max(freedom, 0)
    return (spread / freedom)[0, 0] if spread.shape == (1, 1) else spread / freedom


@composite()
def corrcoef(input):
    """The correlations of the rows, each a variable with its observations: covariances of scaled variables.

    >>> ndl.corrcoef(ndl.tensor([[0., 1., 2.], [4., 2., 0.]]))
    tensor([[ 1., -1.],
            [-1.,  1.]])
    """
    if input.ndim > 2:
        raise RuntimeError(f"corrcoef(): expected input to have two or fewer dimensions but got an input with "
                           f"{input.ndim} dimensions")
    c = cov.composite(input)
    if not c.ndim:
        return c / c  # NaN for a constant
    deviations = F.sqrt(F.diagonal(c, 0, 0, 1))
    return F.clamp(c / F.unsqueeze(deviations, 1) / F.unsqueeze(deviations, 0), -1, 1)
