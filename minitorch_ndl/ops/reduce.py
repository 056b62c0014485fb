"""Many elements to one: sums, means, extremes, tests. `dim` may be one dimension, several, or None for all of them."""

from __future__ import annotations

import warnings
from typing import Any

from .. import errors
from ..composite import composite
from ..faces import F, named_result
from ..op import op
from ..sums import total
from ..tensor import Tensor
from .shape import normal_dim

Dims = object  # an int, a sequence of ints, or None


def axes_of(dim: Any, ndim: int, name: str = "") -> tuple[int, ...]:
    """`dim` as a sorted tuple of dimensions counted from the front. None and () stand for all; a 0-d input has none."""
    if dim is None or (type(dim) is tuple and not dim):
        return tuple(range(ndim))
    if type(dim) is int:
        axis = normal_dim(dim, ndim, name)
        return (axis,) if ndim else ()
    if not isinstance(dim, (tuple, list)):
        return axes_of(as_index(dim, name), ndim, name)
    axes = tuple(normal_dim(as_index(d, name), ndim, name) for d in dim)
    if len(set(axes)) < len(axes):
        twice = next(a for a in axes if axes.count(a) > 1)
        raise RuntimeError(f"dim {twice} appears multiple times in the list of dims ({name} got dim={dim})")
    return tuple(sorted(axes)) if axes and ndim else tuple(range(ndim))


def as_index(dim: Any, name: str) -> int:
    try:
        return dim.__index__()
    except (AttributeError, TypeError):
        raise TypeError(f"{name}(): argument 'dim' must be an int, a tuple of ints or None, "
                        f"not {type(dim).__name__}") from None


def kept(shape: tuple, dim: Any) -> tuple:
    """`shape` with the reduced dimensions at size 1."""
    axes = axes_of(dim, len(shape))
    return tuple(1 if i in axes else n for i, n in enumerate(shape))


def count(shape: tuple, dim: Any) -> int:
    """How many elements are reduced to one."""
    n = 1
    for i in axes_of(dim, len(shape)):
        n *= shape[i]
    return n


def spread(g: Any, shape: tuple, dim: Any) -> Any:
    """The gradient of a sum: each element gets all of `g`."""
    return F.expand(g.reshape(kept(shape, dim)), shape)


# --- sums ------------------------------------------------------------------------------------------------------------


@op(input=lambda g, input_shape, dim: spread(g, input_shape, dim))
def sum(xp, input, dim: Dims = None, keepdim: bool = False, *, dtype: object = None):
    """The sum over `dim`; of integers as int64.

    >>> x = ndl.tensor([[1, 2], [3, 4]])
    >>> x.sum(), x.sum(0), x.sum(dim=1, keepdim=True).shape
    (tensor(10), tensor([4, 6]), Size([2, 1]))
    """
    axes = axes_of(dim, input.ndim, "sum")
    if input.dtype.kind == "f":
        return total(xp, input, axes, keepdim)
    return input.sum(axes, dtype=xp.int64 if dtype is None else input.dtype, keepdims=keepdim)


@op(input=lambda g, input_shape, dim: spread(g / count(input_shape, dim), input_shape, dim))
def mean(xp, input, dim: Dims = None, keepdim: bool = False, *, dtype: object = None):
    """The mean over `dim`. Raises RuntimeError for integers.

    >>> ndl.tensor([[1.0, 2.0], [3.0, 6.0]]).mean(0)
    tensor([2., 4.])
    """
    if input.dtype.kind != "f":
        raise RuntimeError(f"mean(): could not infer output dtype. Input dtype must be either a floating point or "
                           f"complex dtype. Got: {errors._title(input.dtype)}. Use x.float(), or mean(dtype=...).")
    axes = axes_of(dim, input.ndim, "mean")
    return total(xp, input, axes, keepdim) / count(input.shape, axes)


def _products_of_others(g, input, out, dim, keepdim):
    """Each factor's derivative is the product of the others: the whole by the factor, where no factor is zero."""
    g = g.reshape(kept(input.shape, dim))
    if not (input == 0).any():
        return g * out.reshape(kept(input.shape, dim)) / input
    factors, d = (input.reshape(-1), 0) if dim is None or not input.shape else (input, dim)
    after = F.flip(products_before(F.flip(factors, (d,)), d), (d,))
    return g * (products_before(factors, d) * after).reshape(input.shape)


def products_before(x, dim):
    """For each element, the product of those before it along `dim`."""
    n = x.shape[dim]
    first = F.narrow(x, dim, 0, 1)
    return F.cumprod(F.cat([F.to_dtype(first == first, x.dtype), F.narrow(x, dim, 0, n - 1)], dim), dim)


@op(input=_products_of_others)
def prod(xp, input, dim: int | None = None, keepdim: bool = False, *, dtype: object = None):
    """The product over `dim`; of integers as int64."""
    axes = axes_of(None if dim is None else as_index(dim, "prod"), input.ndim, "prod")
    kind = input.dtype if input.dtype.kind == "f" or dtype is not None else xp.int64
    if len(axes) == input.ndim and input.size > 4096 and input.flags.c_contiguous:
        flat, whole = input.reshape(-1), input.size // 512 * 512  # 512 products side by side, then one of those
        out = flat[:whole].reshape(-1, 512).prod(0, dtype=kind).prod() * flat[whole:].prod(dtype=kind)
        return out.reshape((1,) * input.ndim) if keepdim else out
    if axes == (input.ndim - 1,) and input.dtype == kind:
        while input.shape[-1] >= 32:  # each row's first half times its second half: faster than element by element
            half = input.shape[-1] // 2
            rest = input[..., 2 * half:]
            input = input[..., :half] * input[..., half:2 * half]
            input[..., :rest.shape[-1]] *= rest
    return input.prod(axes, dtype=kind, keepdims=keepdim)


@op(input=lambda g, input_shape, dim, input: spread(g, input_shape, dim) * (input == input))
def nansum(xp, input, dim: Dims = None, keepdim: bool = False, *, dtype: object = None):
    """The sum over `dim` of what is not NaN."""
    if input.dtype.kind == "f":
        out = sum.op.kernel(xp, input, dim, keepdim, dtype=dtype)
        if not xp.isnan(out).any():
            return out
        input = xp.where(xp.isnan(input), xp.zeros((), input.dtype), input)
    return sum.op.kernel(xp, input, dim, keepdim, dtype=dtype)


@composite()
def nanmean(input, dim=None, keepdim=False, *, dtype=None):
    """The mean over `dim` of what is not NaN."""
    if not input.dtype.is_floating_point:
        raise RuntimeError(f"nanmean(): expected input to have floating point or complex dtype but got "
                           f"{input.dtype!r}. Use x.float().")
    return F.nansum(input, dim, keepdim) / F.to_dtype(F.sum(input == input, dim, keepdim), input.dtype)


@op()
def count_nonzero(xp, input, dim: Dims = None):
    """How many elements over `dim` are not zero."""
    axes = axes_of(dim, input.ndim, "count_nonzero")
    return xp.asarray(xp.count_nonzero(input, None if len(axes) == input.ndim else axes))  # None is its quick way


@op(input=lambda g, input, out, dim, keepdim: g.reshape(kept(input.shape, dim))
    * F.exp(input - out.reshape(kept(input.shape, dim))), promote="float", on="torch method special")
def logsumexp(xp, input, dim: Dims, keepdim: bool = False):
    """``log(sum(exp(input)))``, without overflow.

    >>> ndl.logsumexp(ndl.tensor([1000.0, 1000.0]), 0)
    tensor(1000.693)
    """
    axes = axes_of(dim, input.ndim, "logsumexp")
    if not input.ndim:
        return input.copy()
    if not count(input.shape, axes):
        return xp.log(total(xp, input, axes, keepdim))
    top = input.max(axes, keepdims=True)
    top = xp.where(xp.isfinite(top), top, xp.zeros_like(top))
    shifted = input - top
    out = xp.log(total(xp, xp.exp(shifted, out=shifted), axes, True)) + top
    return out if keepdim else out.squeeze(axes)


# --- variance --------------------------------------------------------------------------------------------------------


def _var_backward(g, input, dim, correction):
    n = count(input.shape, dim) - correction
    scale = 2.0 / n if n else float("nan")
    return g.reshape(kept(input.shape, dim)) * (input - F.mean(input, dim, True)) * scale


def _std_backward(g, input, out, dim, correction):
    return _var_backward(F.where(out == 0, 0.0, g / (out * 2.0)), input, dim, correction)


@op(name="var", on="", input=_var_backward)
def var_dims(xp, input, dim: Dims, correction: float, keepdim: bool):
    """The mean squared distance from the mean, where the mean divides by n - correction."""
    axes = axes_of(dim, input.ndim, "var")
    n = count(input.shape, axes)
    half = input.dtype == xp.float16
    x = input.astype(xp.float32) if half else input
    centered = x - total(xp, x, axes, True) / n if n else x.copy()
    centered *= centered
    squares = total(xp, centered, axes, keepdim)
    out = squares / (n - correction) if n > correction else squares / xp.zeros((), squares.dtype)
    return out.astype(input.dtype) if half else out


@op(name="std", on="", input=_std_backward)
def std_dims(xp, input, dim: Dims, correction: float, keepdim: bool):
    """The square root of the variance."""
    return xp.sqrt(var_dims.op.kernel(xp, input, dim, correction, keepdim))


def _spec(name: str, input: Tensor, dim: Any, unbiased: Any, keepdim: bool, correction: Any) -> tuple:
    """What the overloads of `var` and `std` mean: (dim, correction, keepdim)."""
    if input._array.dtype.kind != "f":
        raise RuntimeError(f"std and var only support floating point and complex dtypes; {name} got {input.dtype!r}. "
                           f"Use x.float().")
    if unbiased is not None and correction is not None:
        raise TypeError(f"{name}() takes unbiased= or correction=, not both; unbiased=False is correction=0.")
    if isinstance(dim, bool):  # var(unbiased)
        dim, unbiased = None, dim
    if correction is None:
        correction = 1 if unbiased is None else int(unbiased)
    if count(input._array.shape, dim) - correction <= 0:
        warnings.warn(f"{name}(): degrees of freedom is <= 0. Correction should be strictly less than the reduction "
                      f"factor (input numel divided by output numel).", stacklevel=5)
    return dim, correction, keepdim


@composite()
def var(input, dim=None, unbiased=None, keepdim=False, *, correction=None):
    """The variance over `dim`: squared distances from the mean, summed, and divided by n - correction (1 by default).

    >>> ndl.tensor([1.0, 2.0, 6.0]).var(), ndl.tensor([1.0, 2.0, 6.0]).var(correction=0)
    (tensor(7.), tensor(4.6667))
    """
    return F.var(input, *_spec("var", input, dim, unbiased, keepdim, correction))


@composite()
def std(input, dim=None, unbiased=None, keepdim=False, *, correction=None):
    """The standard deviation over `dim`: the square root of `var`."""
    return F.std(input, *_spec("std", input, dim, unbiased, keepdim, correction))


@composite(on="torch")
def var_mean(input, dim=None, unbiased=None, keepdim=False, *, correction=None):
    """The variance and the mean over `dim`."""
    dim, correction, keepdim = _spec("var_mean", input, dim, unbiased, keepdim, correction)
    return F.var(input, dim, correction, keepdim), F.mean(input, dim, keepdim)


@composite(on="torch")
def std_mean(input, dim=None, unbiased=None, keepdim=False, *, correction=None):
    """The standard deviation and the mean over `dim`."""
    dim, correction, keepdim = _spec("std_mean", input, dim, unbiased, keepdim, correction)
    return F.std(input, dim, correction, keepdim), F.mean(input, dim, keepdim)


# --- extremes --------------------------------------------------------------------------------------------------------


def evenly(g, input, out, dim):
    """The gradient of an extreme, in equal parts to all elements that have its value."""
    shape = kept(input.shape, dim)
    alike = input != input if not out.shape and out != out else input == out.reshape(shape)  # NaN equals nothing
    hits = F.to_dtype(alike, input.dtype)
    return g.reshape(shape) * hits / F.sum(hits, dim, True)


def not_empty(shape: tuple, dim: Any, name: str) -> tuple[int, ...]:
    """The dimensions; raises IndexError if one of them has no element to choose from."""
    axes = axes_of(dim, len(shape), name)
    for a in axes if 0 in shape else ():
        if shape[a] == 0:
            if dim is None or dim == ():
                raise RuntimeError(f"{name}(): Expected reduction dim to be specified for input.numel() == 0. "
                                   f"Specify the reduction dim with the 'dim' argument.")
            raise IndexError(f"{name}(): Expected reduction dim {a} to have non-zero size.")
    return axes


@op(input=evenly)
def amax(xp, input, dim: Dims = (), keepdim: bool = False):
    """The largest element over `dim`. Elements that tie share the gradient evenly."""
    return xp.maximum.reduce(input, not_empty(input.shape, dim, "amax"), keepdims=keepdim)


@op(input=evenly)
def amin(xp, input, dim: Dims = (), keepdim: bool = False):
    """The smallest element over `dim`. Elements that tie share the gradient evenly."""
    return xp.minimum.reduce(input, not_empty(input.shape, dim, "amin"), keepdims=keepdim)


def picked(g, indices, input_shape, dim, keepdim):
    return F.put_along(g if keepdim or not input_shape else F.unsqueeze(g, dim), dim,
                       indices.reshape(kept(input_shape, dim)), input_shape)


def _extreme(xp: Any, input: Any, dim: int, keepdim: bool, name: str) -> tuple:
    (axis,) = not_empty(input.shape, dim, name) or (None,)
    if axis is None:
        return input.copy(), xp.zeros((), xp.int64)
    return getattr(input, name)(axis, keepdims=keepdim), getattr(input, "arg" + name)(axis, keepdims=keepdim)


@op(name="max", on="", input=picked, outputs=("values", "indices"))
def max_dim(xp, input, dim: int, keepdim: bool):
    """The largest elements along a dimension, and where they are."""
    return _extreme(xp, input, dim, keepdim, "max")


@op(name="min", on="", input=picked, outputs=("values", "indices"))
def min_dim(xp, input, dim: int, keepdim: bool):
    """The smallest elements along a dimension, and where they are."""
    return _extreme(xp, input, dim, keepdim, "min")


@op(on="", input=lambda g, dim, index: F.pick_along(g, dim, index))
def put_along(xp, input, dim: int, index, shape: object):
    """Zeros of `shape`, with the input's elements at the places along `dim` that `index` names."""
    out = xp.zeros(shape, input.dtype)
    if not shape:
        return input.reshape(())
    xp.put_along_axis(out, index, input, dim)
    return out


@op(on="", input=lambda g, dim, index, input_shape: F.put_along(g, dim, index, input_shape))
def pick_along(xp, input, dim: int, index):
    """The input's elements at the places along `dim` that `index` names, each at most once."""
    return xp.take_along_axis(input, index, dim) if input.ndim else input.reshape(index.shape)


@composite()
def max(input, dim=None, keepdim=False, *, other=None):
    """The largest element; with a dim, (values, indices) along it; with another tensor, the `maximum` of both.

    >>> x = ndl.tensor([[1, 5], [7, 2]])
    >>> x.max(), x.max(1).values, x.max(1).indices
    (tensor(7), tensor([5, 7]), tensor([1, 0]))
    """
    return _overload("max", input, dim, keepdim, other)


@composite()
def min(input, dim=None, keepdim=False, *, other=None):
    """The smallest element; with a dim, (values, indices) along it; with another tensor, the `minimum` of both."""
    return _overload("min", input, dim, keepdim, other)


def _overload(name: str, input: Tensor, dim: Any, keepdim: bool, other: Any) -> Any:
    other = dim if isinstance(dim, Tensor) else other
    if other is not None:
        return getattr(F, name + "imum")(input, other)
    if dim is None:
        if keepdim:
            raise TypeError(f"{name}(): keepdim needs a dim; {name}() of everything is one number. Use a{name}.")
        if not input._array.size:
            not_empty(input._array.shape, None, name)
        return _OF_ALL[name](input, (), False)
    return getattr(F, name)(input, as_index(dim, name), keepdim)


_OF_ALL = {"max": amax.op.run, "min": amin.op.run}


_MinMax = named_result("aminmax", ("min", "max"))


@composite(out="exact")
def aminmax(input, *, dim=None, keepdim=False):
    """The smallest and the largest element, as (min, max)."""
    if not input._array.size and dim is None:
        raise RuntimeError("aminmax(): cannot compute aminmax over an empty dimension as the operation has no "
                           "identity.")
    dim = None if dim is None else as_index(dim, "aminmax")
    return _MinMax(F.amin(input, dim, keepdim), F.amax(input, dim, keepdim))


def _where(xp: Any, input: Any, dim: Any, keepdim: bool, name: str) -> Any:
    if input.dtype.kind == "b":
        raise RuntimeError(f"{name}(): does not support bool input. Use x.int().")
    if dim is None and not input.size:
        raise IndexError(f"{name}(): Expected reduction dim to be specified for input.numel() == 0.")
    axes = not_empty(input.shape, None if dim is None else as_index(dim, name), name)
    if dim is None:
        at = getattr(xp, name)(input)
        return xp.full((1,) * input.ndim, at) if keepdim else at
    return getattr(xp, name)(input, axes[0], keepdims=keepdim) if axes else xp.zeros((), xp.int64)


@op()
def argmax(xp, input, dim: int | None = None, keepdim: bool = False):
    """Where the largest element is: its index along `dim`, or in the flattened input. The first one, at a tie."""
    return _where(xp, input, dim, keepdim, "argmax")


@op()
def argmin(xp, input, dim: int | None = None, keepdim: bool = False):
    """Where the smallest element is: its index along `dim`, or in the flattened input. The first one, at a tie."""
    return _where(xp, input, dim, keepdim, "argmin")


# --- tests -----------------------------------------------------------------------------------------------------------


@op()
def all(xp, input, dim: Dims = None, keepdim: bool = False):
    """Whether all elements over `dim` are true (not zero)."""
    return _test(xp, input, dim, keepdim, "all")


@op()
def any(xp, input, dim: Dims = None, keepdim: bool = False):
    """Whether any element over `dim` is true (not zero)."""
    return _test(xp, input, dim, keepdim, "any")


def _test(xp: Any, input: Any, dim: Any, keepdim: bool, name: str) -> Any:
    if type(dim) in (tuple, list) and not dim:  # no dimension: element by element
        out = input != 0
    else:
        out = getattr(input, name)(axes_of(dim, input.ndim, name), keepdims=keepdim)
    return out.astype(xp.uint8) if input.dtype == xp.uint8 else out
