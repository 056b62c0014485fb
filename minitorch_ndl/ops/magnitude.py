"""How large: norms of vectors and of matrices, and the distances that they measure."""

from __future__ import annotations

import math
from typing import Any

from .. import errors
from ..composite import composite
from ..errors import _title as title
from ..faces import F
from ..op import op
from ..tensor import Tensor
from .decompositions import svdvals
from .matmul import product
from .reduce import Dims, axes_of, kept
from .shape import normal_dim
from .solve import expect_matrix, mT

# --- vectors ----------------------------------------------------------------------------------------------------------


def _norm_gradient(g: Any, input: Any, out: Any, ord: float, dim: Any, input_dtype: Any) -> Any:
    shape = kept(input.shape, dim)
    g, out = g.reshape(shape), out.reshape(shape)
    if ord == 0:
        return F.expand(g * 0, tuple(input.shape))
    if ord == 1:
        return g * F.sign(input)
    size = abs(input)
    if math.isinf(ord):  # the largest ones share it evenly
        largest = F.to_dtype((size == out) | ((input != input) & (out != out)), input_dtype)
        return F.sign(input) * largest * (g / F.sum(largest, tuple(axes_of(dim, input.ndim)), True))
    if ord < 1:
        return F.masked_fill(F.sign(input) * size ** (ord - 1), input == 0, 0) * (g * out ** (1 - ord))
    safe = F.masked_fill(out, out == 0, math.inf)  # of a zero vector, the gradient is zero
    if ord == 2:
        return input * (g / safe)
    towards = F.sign(input) * size ** (ord - 1) if ord < 2 else input * size ** (ord - 2)
    return towards * (g / safe ** (ord - 1))


@op(input=_norm_gradient, on="", out=False)
def p_norm(xp, input, ord: float, dim: Dims, keepdim: bool):
    """The norm of order `ord` over some dimensions."""
    if input.dtype.itemsize == 2:
        return p_norm.op.kernel(xp, input.astype(xp.float32), ord, dim, keepdim).astype(input.dtype)
    axes = axes_of(dim, input.ndim, "linalg.vector_norm")
    if (math.isinf(ord) or ord < 0) and 0 in [input.shape[i] for i in axes]:
        where = "an empty tensor" if len(axes) == input.ndim else f"dimension {axes} because it is empty"
        raise RuntimeError(f"linalg.vector_norm cannot compute the {ord} norm on {where}; the operation does not have "
                           f"an identity")
    if ord == 2:
        return xp.sqrt(_sum_of_squares(xp, input, axes, keepdim))
    if ord == 1:
        return abs(input).sum(axes, keepdims=keepdim)
    if ord == 0:
        return (input != 0).sum(axes, dtype=input.dtype, keepdims=keepdim)
    if math.isinf(ord):
        if ord < 0:
            return abs(input).min(axes, keepdims=keepdim)
        return xp.maximum(input.max(axes, keepdims=keepdim), -input.min(axes, keepdims=keepdim))
    size = abs(input)
    powers = size * size * size if ord == 3 else size ** input.dtype.type(ord)
    return powers.sum(axes, keepdims=keepdim) ** input.dtype.type(1 / ord)


def _sum_of_squares(xp: Any, x: Any, axes: tuple, keepdim: bool) -> Any:
    """The sum of x * x, without writing x * x down where the elements lie side by side."""
    if x.flags.c_contiguous and axes == tuple(range(x.ndim)):
        flat = x.reshape((-1,))
        return xp.asarray(flat.dot(flat)).reshape((1,) * x.ndim if keepdim else ())
    if x.flags.c_contiguous and axes == (x.ndim - 1,) and x.shape[-1] >= 32:
        total = xp.vecdot(x, x)
        return total[..., None] if keepdim else total
    return (x * x).sum(axes, keepdims=keepdim)


@composite(on="linalg")
def vector_norm(x: Tensor, ord=2, dim=None, keepdim=False, *, dtype=None):
    """The norm of vectors, ``sum(abs(x) ** ord) ** (1 / ord)``, over `dim` (default: over all elements).

    `ord` may be any number: 0 counts what is not zero, inf and -inf find the largest and the smallest.

    >>> ndl.linalg.vector_norm(ndl.tensor([3., 4.]))
    tensor(5.)
    """
    return F.p_norm(_as(dtype, x, "linalg.vector_norm", "x"), _order(ord), dim, keepdim)


def _order(ord: Any) -> float:
    if isinstance(ord, Tensor):
        ord = ord.item()
    if isinstance(ord, str) or not isinstance(ord, (int, float)):
        raise TypeError(f"linalg_vector_norm(): argument 'ord' (position 2) must be Number, not {type(ord).__name__}")
    return float(ord)


def _as(dtype: Any, x: Any, name: str, argument: str = "A") -> Tensor:
    """`x` in the dtype that the result is to have. Raises unless both are floats, and `dtype` the wider one."""
    if not isinstance(x, Tensor):
        raise errors.not_a_tensor(name, argument, 1, x)
    have = x._array.dtype
    if have.kind != "f":
        raise RuntimeError(f"{name}: Expected a floating point or complex tensor as input. Got {title(have)}. "
                           f"Convert it first, for example with .float().")
    if dtype is None:
        return x
    if not dtype.is_floating_point:
        raise RuntimeError(f"{name}: dtype should be floating point or complex, but got {dtype!r}")
    if dtype.itemsize < have.itemsize:
        raise RuntimeError(f"{name}: the dtype of the input ({title(have)}) should be convertible without narrowing "
                           f"to the specified dtype ({dtype!r})")
    return F.to_dtype(x, dtype)


# --- matrices ---------------------------------------------------------------------------------------------------------


@composite(on="linalg")
def matrix_norm(A: Tensor, ord="fro", dim=(-2, -1), keepdim=False, *, dtype=None):
    """The norm of matrices: "fro" (of all elements), "nuc" (the sum of the singular values), 2 and -2 (the largest and
    the smallest one), 1 and -1 (of the columns' absolute sums), inf and -inf (of the rows').

    >>> ndl.linalg.matrix_norm(ndl.tensor([[1., -2.], [3., 4.]]), ord=1)
    tensor(6.)
    """
    name = "linalg.matrix_norm"
    A = _as(dtype, A, name)
    expect_matrix(name, A, square=False)
    rows, columns = _two_dims(A, dim)
    if ord == "fro":
        return F.p_norm(A, 2.0, (rows, columns), keepdim)
    if ord in (1, -1, math.inf, -math.inf):
        summed, compared = (rows, columns) if abs(ord) == 1 else (columns, rows)
        result = _extreme(F.sum(F.abs(A), summed, True), ord > 0, compared)
    elif ord in (2, -2, "nuc"):
        others = [i for i in range(A.ndim) if i not in (rows, columns)]
        values = svdvals.composite(F.permute(A, (*others, rows, columns)))
        result = F.sum(values, -1) if ord == "nuc" or not values.shape[-1] else _extreme(values, ord > 0, -1)
        result = result.reshape(kept(A.shape, (rows, columns)))
    else:
        raise RuntimeError(f"{name}: Order {ord} not supported. Expected 'fro', 'nuc', inf, -inf, 1, -1, 2 or -2.")
    return result if keepdim else F.squeeze(result, (rows, columns))


def _extreme(x: Tensor, largest: bool, dim: int) -> Tensor:
    return F.amax(x, dim, True) if largest else F.amin(x, dim, True)


def _two_dims(A: Tensor, dim: Any) -> tuple[int, int]:
    dim = (dim,) if isinstance(dim, int) else tuple(dim)
    if len(dim) != 2:
        raise RuntimeError(f"linalg.matrix_norm: dim must be a 2-tuple. Got {' '.join(map(str, dim))}")
    rows, columns = (normal_dim(d, A.ndim, "linalg.matrix_norm") for d in dim)
    if rows == columns:
        raise RuntimeError(f"linalg.matrix_norm: dims must be different. Got ({dim[0]}, {dim[1]})")
    return rows, columns


# --- either -----------------------------------------------------------------------------------------------------------


@composite(on="linalg", name="norm")
def linalg_norm(A: Tensor, ord=None, dim=None, keepdim=False, *, dtype=None):
    """`vector_norm` over one dimension, `matrix_norm` over two; without `ord`, the root of the sum of squares.

    >>> x = ndl.tensor([[3., 4.], [0., 2.]])
    >>> ndl.linalg.norm(x, dim=1), ndl.linalg.norm(x, ord=1)
    (tensor([5., 2.]), tensor(6.))
    """
    dims = dim if dim is None or isinstance(dim, int) else tuple(dim)
    if isinstance(dims, tuple) and len(dims) not in (1, 2):
        raise RuntimeError(f"linalg.norm: If dim is specified, it must be of length 1 or 2. Got {list(dims)}")
    if ord is None:
        return vector_norm.composite(A, 2, dims, keepdim, dtype=dtype)
    if dims is None:
        if isinstance(A, Tensor) and A.ndim not in (1, 2):
            raise RuntimeError(f"linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. "
                               f"Got {A.ndim}D.")
        dims = (0, 1) if isinstance(ord, str) or A.ndim == 2 else 0
    if isinstance(dims, tuple) and len(dims) == 2:
        return matrix_norm.composite(A, ord, dims, keepdim, dtype=dtype)
    return vector_norm.composite(A, ord, dims, keepdim, dtype=dtype)


@composite(on="torch method", name="norm")
def torch_norm(input: Tensor, p="fro", dim=None, keepdim=False, dtype=None):
    """The norm of order `p` over `dim`, or over all elements; "nuc" is that of a matrix.

    >>> ndl.tensor([3., 4.]).norm(), ndl.norm(ndl.tensor([3., -4.]), p=1)
    (tensor(5.), tensor(7.))
    """
    if isinstance(p, str) and p != "fro":
        dims = tuple(range(input.ndim)) if dim is None else dim
        return matrix_norm.composite(input, p, dims, keepdim, dtype=dtype)
    return vector_norm.composite(input, 2 if p in (None, "fro") else p, dim, keepdim, dtype=dtype)


@composite(inplace=True)
def renorm(input, p, dim, maxnorm):
    """The input with each of its slices along `dim` scaled down to a norm of `maxnorm`, where it is larger.

    >>> ndl.renorm(ndl.tensor([[3., 4.], [0.3, 0.4]]), 2, 0, 1.0)
    tensor([[0.6000, 0.8000],
            [0.3000, 0.4000]])
    """
    if input.ndim < 2:
        raise RuntimeError(f"renorm: input needs at least 2 dimensions, got {input.ndim} dimensions")
    if p <= 0:
        raise RuntimeError(f"renorm: non-positive-norm not supported; got p={p}")
    if maxnorm < 0:
        raise RuntimeError(f"renorm: expected maxnorm to be >= 0 but got {maxnorm}")
    dim = normal_dim(dim, input.ndim, "renorm")
    norms = vector_norm.composite(input, p, [i for i in range(input.ndim) if i != dim], True)
    return input * F.where(norms > maxnorm, maxnorm / (norms + 1e-7), 1.0)


# --- distances --------------------------------------------------------------------------------------------------------


@composite()
def dist(input, other, p=2):
    """The norm of order `p` of ``input - other``.

    >>> ndl.dist(ndl.tensor([1., 2.]), ndl.tensor([4., 6.]))
    tensor(5.)
    """
    return vector_norm.composite(input - other, p)


def _shares(g: Any, out: Any) -> Any:
    return g / F.masked_fill(out, out == 0, math.inf)


def _from_x1(g: Any, out: Any, x1: Any, x2: Any) -> Any:
    share = _shares(g, out)
    return F.sum_to_size(x1 * F.sum(share, -1, True) - F.matmul(share, x2), x1.shape)


def _from_x2(g: Any, out: Any, x1: Any, x2: Any) -> Any:
    share = mT(_shares(g, out))
    return F.sum_to_size(x2 * F.sum(share, -1, True) - F.matmul(share, x1), x2.shape)


@op(x1=_from_x1, x2=_from_x2, promote="same", broadcasts=False, on="", out=False)
def euclidean_distances(xp, x1, x2, multiply: bool):
    """Between all rows of x1 and of x2; `multiply`: as |a|^2 + |b|^2 - 2 a b, fast but with rounding errors."""
    if not multiply:
        difference = x1[..., :, None, :] - x2[..., None, :, :]
        return xp.sqrt((difference * difference).sum(-1))
    out = product(xp, x1, xp.swapaxes(x2, -2, -1))
    out *= -2
    out += xp.vecdot(x1, x1)[..., :, None]
    out += xp.vecdot(x2, x2)[..., None, :]
    return xp.sqrt(xp.maximum(out, 0, out=out), out=out)


@composite(on="torch")
def cdist(x1, x2, p=2.0, compute_mode="use_mm_for_euclid_dist_if_necessary"):
    """The distances between all rows of `x1` and of `x2`, (..., P, M) and (..., R, M) to (..., P, R).

    >>> ndl.cdist(ndl.tensor([[0., 0.]]), ndl.tensor([[3., 4.], [0., 1.]]))
    tensor([[5., 1.]])
    """
    for name, x in (("X1", x1), ("X2", x2)):
        if not isinstance(x, Tensor):
            raise errors.not_a_tensor("cdist", name.lower(), int(name[1]), x)
        if x.ndim < 2:
            raise RuntimeError(f"cdist only supports at least 2D tensors, {name} got: {x.ndim}D")
        if not x.is_floating_point():
            raise RuntimeError(f"cdist only supports floating-point dtypes, {name} got: {title(x._array.dtype)}")
    if x1.shape[-1] != x2.shape[-1]:
        raise RuntimeError(f"X1 and X2 must have the same number of columns. X1: {x1.shape[-1]} X2: {x2.shape[-1]}")
    if p < 0:
        raise RuntimeError(f"cdist only supports non-negative p values; got {p}")
    modes = {None: x1.shape[-2] > 25 or x2.shape[-2] > 25, "use_mm_for_euclid_dist": True,
             "donot_use_mm_for_euclid_dist": False}
    modes["use_mm_for_euclid_dist_if_necessary"] = modes[None]
    if compute_mode not in modes:
        raise ValueError(f"{compute_mode} is not a valid value for compute_mode; expected one of "
                         f"{', '.join(repr(m) for m in modes)}")
    if x1._array.dtype != x2._array.dtype:
        raise errors.dtypes_differ("cdist", [("x1", x1._array), ("x2", x2._array)])
    if p == 2 or not x1.shape[-1]:
        return F.euclidean_distances(x1, x2, modes[compute_mode])
    return F.p_norm(F.unsqueeze(x1, -2) - F.unsqueeze(x2, -3), float(p), -1, False)
