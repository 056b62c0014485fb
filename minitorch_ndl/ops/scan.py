"""Running results along a dimension: sums, products, extremes; and differences and integrals."""

from __future__ import annotations

from typing import Any

from .. import errors
from ..composite import composite
from ..dtypes import finfo
from ..faces import F
from ..op import op
from ..sums import running_total
from ..tensor import Tensor
from .reduce import products_before
from .shape import normal_dim


def _result_dtype(xp: Any, input: Any, dtype: Any, name: str) -> Any:
    if dtype is not None and input.dtype.kind == "b":
        raise errors.not_implemented(name + "_out", input)
    return input.dtype if input.dtype.kind == "f" or dtype is not None else xp.int64


@op(input=lambda g, dim: F.cumsum_back(g, dim), inplace=True)
def cumsum(xp, input, dim: int, *, dtype: object = None):
    """The sum of all elements up to each one, along `dim`; of integers as int64.

    >>> ndl.tensor([1, 2, 3]).cumsum(0)
    tensor([1, 3, 6])
    """
    axis = normal_dim(dim, input.ndim, "cumsum")
    if not input.ndim or input.dtype.kind != "f":
        kind = _result_dtype(xp, input, dtype, "cumsum")
        return input.cumsum(axis, dtype=kind) if input.ndim else input.astype(kind)
    return running_total(xp, input, axis)


@op(input=lambda g, dim: F.cumsum(g, dim), on="", out=False)
def cumsum_back(xp, input, dim: int):
    """The sum of all elements from each one on."""
    axis = normal_dim(dim, input.ndim)
    return xp.flip(running_total(xp, xp.flip(input, axis), axis), axis) if input.ndim else input.copy()


def _cumprod_backward(g, input, out, dim):
    if not input.shape:
        return g
    if not (input == 0).any():
        return F.cumsum_back(g * out, dim) / input
    return products_before(input, dim) * F.chain_back(g, input, dim)


@op(input=_cumprod_backward, inplace=True)
def cumprod(xp, input, dim: int, *, dtype: object = None):
    """The product of all elements up to each one, along `dim`; of integers as int64."""
    axis = normal_dim(dim, input.ndim, "cumprod")
    kind = _result_dtype(xp, input, dtype, "cumprod")
    return input.cumprod(axis, dtype=kind) if input.ndim else input.astype(kind)


# A chain of products and sums, s[i] = input[i] + factor * s[neighbour], from the end to the start and back again:
# each way is the other's gradient.


@op(input=lambda g, factor, dim: F.chain(g, factor, dim),
    factor=lambda g, input, factor, dim: _shifted(F.chain(g, factor, dim), dim) * F.chain_back(input, factor, dim),
    on="", out=False)
def chain_back(xp, input, factor, dim: int):
    """s[i] = input[i] + factor[i + 1] * s[i + 1]."""
    out = input.copy()
    s, x, f = (xp.moveaxis(a, dim, 0) for a in (out, input, factor))
    for i in range(len(s) - 2, -1, -1):
        s[i] = x[i] + f[i + 1] * s[i + 1]
    return out


@op(input=lambda g, factor, dim: F.chain_back(g, factor, dim),
    factor=lambda g, input, factor, dim: _shifted(F.chain(input, factor, dim), dim) * F.chain_back(g, factor, dim),
    on="", out=False)
def chain(xp, input, factor, dim: int):
    """s[i] = input[i] + factor[i] * s[i - 1]."""
    out = input.copy()
    s, x, f = (xp.moveaxis(a, dim, 0) for a in (out, input, factor))
    for i in range(1, len(s)):
        s[i] = x[i] + f[i] * s[i - 1]
    return out


def _shifted(x, dim):
    """x[i - 1] at i, and zero at the start."""
    return F.cat([F.narrow(x, dim, 0, 1) * 0.0, F.narrow(x, dim, 0, x.shape[dim] - 1)], dim)


# --- extremes and logarithms -----------------------------------------------------------------------------------------


def _running(xp: Any, input: Any, dim: int, name: str, ufunc: str) -> tuple:
    """Values and indices; the later one at a tie, as in torch."""
    axis = normal_dim(dim, input.ndim, name)
    if not input.ndim:
        return input.copy(), xp.zeros((), xp.int64)
    values = getattr(xp, ufunc).accumulate(input, axis)
    places = xp.arange(input.shape[axis]).reshape((-1,) + (1,) * (input.ndim - 1 - axis))
    reached = values == input if input.dtype.kind != "f" else (values == input) | xp.isnan(input)
    return values, xp.maximum.accumulate(xp.where(reached, places, 0), axis)


@op(input=lambda g, indices, dim, input_shape: F.gather_backward(g, dim, indices, input_shape),
    outputs=("values", "indices"))
def cummax(xp, input, dim: int):
    """The largest element up to each one along `dim`, and where it is: (values, indices).

    >>> ndl.tensor([1, 3, 2]).cummax(0).values
    tensor([1, 3, 3])
    """
    return _running(xp, input, dim, "cummax", "maximum")


@op(input=lambda g, indices, dim, input_shape: F.gather_backward(g, dim, indices, input_shape),
    outputs=("values", "indices"))
def cummin(xp, input, dim: int):
    """The smallest element up to each one along `dim`, and where it is: (values, indices)."""
    return _running(xp, input, dim, "cummin", "minimum")


def _logcumsumexp_backward(g, input, out, dim):
    """sum over later k of g[k] * exp(input - out[k]), in logarithms, for positive and negative g apart."""

    nothing = finfo(input.dtype).min  # finite, for infinities would meet in the second order

    def part(share):
        log = F.where(share > 0, F.log(F.where(share > 0, share, 1.0)), nothing)
        return F.exp(F.flip(F.logcumsumexp(F.flip(log - out, (dim,)), dim), (dim,)) + input)

    return part(g) - part(-g) if input.shape else g


@op(input=_logcumsumexp_backward)
def logcumsumexp(xp, input, dim: int):
    """``log(cumsum(exp(input), dim))``, without overflow."""
    axis = normal_dim(dim, input.ndim, "logcumsumexp")
    if input.dtype.kind != "f":
        raise errors.not_implemented("logcumsumexp_out", input)
    return xp.logaddexp.accumulate(input, axis) if input.ndim else input.copy()


# --- differences and integrals ---------------------------------------------------------------------------------------


@composite()
def diff(input, n=1, dim=-1, prepend=None, append=None):
    """The differences of neighbours along `dim`, `n` times over; `prepend` and `append` are joined to the input first.

    >>> ndl.tensor([1, 3, 2]).diff()
    tensor([ 2, -1])
    """
    if not input.ndim:
        raise RuntimeError("diff expects input to be at least one-dimensional")
    if n < 0:
        raise RuntimeError(f"order must be non-negative but got {n}")
    dim = normal_dim(dim, input.ndim, "diff")
    parts = [p for p in (prepend, input, append) if p is not None]
    if any(p.ndim != input.ndim for p in parts):
        raise RuntimeError(f"diff expects prepend or append to be the same dimension as input; got "
                           f"{[p.ndim for p in parts]} dimensions.")
    if not n:
        return input.clone()
    x = F.cat(parts, dim) if len(parts) > 1 else input
    for _ in range(min(n, x.shape[dim])):
        steps = max(x.shape[dim] - 1, 0)
        later, earlier = x.narrow(dim, min(1, x.shape[dim]), steps), x.narrow(dim, 0, steps)
        x = later != earlier if x.dtype.numpy.kind == "b" else later - earlier
    return x.clone() if x is input else x


def _trapezoids(y: Any, x: Any, dx: Any, dim: int, name: str) -> Tensor:
    """The area between each sample and the next."""
    if not isinstance(y, Tensor):
        raise errors.not_a_tensor(name, "y", 1, y)
    if y.dtype.numpy.kind == "b":
        raise RuntimeError(f"{name}: received a bool input for `y`, but bool is not supported")
    if x is not None and not isinstance(x, Tensor):
        raise TypeError(f"{name}(): x must be a Tensor, not {type(x).__name__}; for an even spacing use dx=.")
    if not y.ndim:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions ({name})")
    dim = normal_dim(dim, y.ndim, name)
    n = y.shape[dim]
    steps = max(n - 1, 0)
    sums = y.narrow(dim, min(1, n), steps) + y.narrow(dim, 0, steps)
    if x is None:
        return sums * (1 if dx is None else dx) / 2.0
    if x.ndim == 1:
        if x.shape[0] != n:
            raise RuntimeError(f"{name}: There must be one `x` value for each sample point; got {x.shape[0]} values "
                               f"for {n} points.")
        x = x.reshape((n,) + (1,) * (y.ndim - 1 - dim))
    widths = x.diff(dim=dim - y.ndim)
    return sums * widths / 2.0


@composite(on="torch", out=False, aliases=("trapz",))
def trapezoid(y, x=None, *, dx=None, dim=-1):
    """The integral of samples `y` along `dim` by the trapezoidal rule, at points `x` or at distances `dx` (1).

    >>> ndl.trapezoid(ndl.tensor([1.0, 2.0, 4.0]))
    tensor(4.5000)
    """
    return _trapezoids(y, x, dx, dim, "trapezoid").sum(dim)


@composite(on="torch", out=False)
def cumulative_trapezoid(y, x=None, *, dx=None, dim=-1):
    """The integral from the first sample up to each later one, by the trapezoidal rule."""
    return _trapezoids(y, x, dx, dim, "cumulative_trapezoid").cumsum(dim)
