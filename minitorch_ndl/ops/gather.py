"""Picking and placing along a dimension, by integer tensors (gather, scatter, index_*) and by masks (masked_*).

Each pick is the gradient of a place, and the other way round.
"""

from __future__ import annotations

from typing import Any

from .. import backend, compiled, errors
from ..autograd import views
from ..autograd.grad_mode import Anomaly, mode
from ..composite import composite
from ..faces import F
from ..fast import follows
from ..op import op
from ..tensor import Tensor, wrap
from .brackets import number_beside
from .choose import choose
from .index import add_at
from .rearrange import broadcast_shapes
from .shape import normal_dim

Sizes = tuple[int, ...]


_SMALL = 4096  # up to here, several small indices cost less than one large one


def checked_index(op: str, index: Any, size: int, dim: int) -> Any:
    """`index` as int64. Raises RuntimeError for a wrong dtype or an index that is out of bounds."""
    if index.dtype.kind != "i" or index.dtype.itemsize < 4:
        raise RuntimeError(f"{op}(): Expected dtype int32/int64 for index, but got {index.dtype}. Use index.long().")
    if index.size and (index.min() < 0 or index.max() >= size):
        wrong = index[(index < 0) | (index >= size)].reshape(-1)[0]
        raise RuntimeError(f"index {wrong} is out of bounds for dimension {dim} with size {size}")
    return index


# --- gather and scatter: one index for every element ------------------------------------------------------------------


def along(op: str, input: Any, dim: int, index: Any, src: Any = None) -> tuple[int, Any]:
    """The dimension counted from the front, and `index` itself after all checks; None if it is empty."""
    n = max(input.ndim, 1)
    at = normal_dim(dim, input.ndim, op)
    if index.size == 0:
        return at, None
    if max(index.ndim, 1) != n:
        what = "input" if op == "gather" else "self"
        raise RuntimeError(f"Index tensor must have the same number of dimensions as {what} tensor: {op} got index of "
                           f"shape {list(index.shape)} and input of shape {list(input.shape)}")
    if getattr(src, "ndim", 0) and src.ndim != max(index.ndim, 1):
        raise RuntimeError(f"Index tensor must have the same number of dimensions as src tensor: {op} got index of shape "
                           f"{list(index.shape)} and src of shape {list(src.shape)}")
    for d, (k, m) in enumerate(zip(index.shape, input.shape, strict=False)):
        if d != at and k > m or getattr(src, "ndim", 0) and k > src.shape[d]:
            raise RuntimeError(f"Size does not match at dimension {d}: {op} expected index {list(index.shape)} to be "
                               f"no larger than self {list(input.shape)} apart from dimension {at}"
                               + (f" and to be no larger size than src {list(src.shape)}" if src is not None else ""))
    if index.size > _SMALL or input.ndim < 2 or index.dtype.itemsize < 4 or index.dtype.kind != "i" or index.min() < 0:
        checked_index(op, index, input.shape[at] if input.ndim else 1, at)  # else the array module finds the rest
    return at, index


def _grid(xp: Any, at: int, index: Any) -> tuple:
    """`index` for dimension `at`, beside the places 0, 1, 2, ... for the others."""
    return tuple([index if d == at else xp.arange(k).reshape(k, *(1,) * (index.ndim - d - 1))
                  for d, k in enumerate(index.shape)])


def flat_places(xp: Any, shape: Sizes, at: int, index: Any) -> Any:
    """Where `index` points to, counted through all elements of an array of `shape`: one number instead of several."""
    step, places, rest = 1, None, 0
    for d in range(len(shape) - 1, -1, -1):
        if d == at:
            places = index * step if step > 1 else index
        elif index.shape[d] > 1:
            rest = rest + (xp.arange(index.shape[d]) * step).reshape(-1, *(1,) * (len(shape) - d - 1))
        step *= shape[d]
    return places + rest


@op(input=lambda g, dim, index, input_shape: F.gather_backward(g, dim, index, input_shape), out="apart")
def gather(xp, input, dim: int, index, *, sparse_grad: bool = False):
    """Along `dim`, the elements that `index` names: ``out[i][j] = input[index[i][j]][j]`` for dim 0.

    >>> ndl.tensor([[1, 2], [3, 4]]).gather(1, ndl.tensor([[0, 0], [1, 0]]))
    tensor([[1, 1],
            [4, 3]])
    """
    at, index_ = along("gather", input, dim, index)
    if index_ is None:
        return xp.zeros(index.shape, input.dtype)
    if not input.ndim:
        return xp.broadcast_to(input, index.shape).copy()
    if input.ndim == 1:
        return input[index]
    if input.flags.c_contiguous and index.size > _SMALL:
        return input.reshape(-1).take(flat_places(xp, input.shape, at, index), mode="clip")  # all are inside: no check
    try:
        return input[_grid(xp, at, index)]
    except IndexError:
        return checked_index("gather", index, input.shape[at], at)


@op(input=lambda g, dim, index: F.gather(g, dim, index), on="", out=False)
def gather_backward(xp, input, dim: int, index, shape: object):
    """Zeros of `shape` with the input added at the places that `gather` would pick."""
    out = xp.zeros(shape, input.dtype)
    _scatter_add(xp, out, dim, index, input)
    return out


def _scatter(xp: Any, target: Any, dim: int, index: Any, src: Any) -> None:
    at, index_ = along("scatter", target, dim, index, src)
    if index_ is None:
        return
    if getattr(src, "ndim", 0):
        src = src[tuple(slice(0, k) for k in index.shape)]
    if target.ndim:
        index = index if index.ndim else index.reshape(1)
        if target.flags.c_contiguous and index.size > _SMALL:
            target.reshape(-1)[flat_places(xp, target.shape, at, index)] = src
        else:
            try:
                target[_grid(xp, at, index)] = src
            except IndexError:
                checked_index("scatter", index, target.shape[at], at)
    else:
        target[...] = src.reshape(-1)[-1] if getattr(src, "ndim", 0) else src


@compiled.twinned("add_along")
def _scatter_add(xp: Any, target: Any, dim: int, index: Any, src: Any) -> None:
    at, index_ = along("scatter_add", target, dim, index, src)
    if index_ is None:
        return
    index = index if index.ndim else index.reshape(1)
    checked_index("scatter_add", index, target.shape[at] if target.ndim else 1, at)
    src = src[tuple(slice(0, k) for k in index.shape)] if src.ndim else src.reshape((1,) * index.ndim)
    if not target.ndim:
        target += src.sum(dtype=target.dtype)
    elif target.flags.c_contiguous:  # add.at is several times as fast on one flat index
        xp.add.at(target.reshape(-1), flat_places(xp, target.shape, at, index).reshape(-1), src.reshape(-1))
    else:
        xp.add.at(target, _grid(xp, at, index), src)


def picked(g: Any, dim: int, index: Any, src_shape: Any) -> Any:
    """The gradient of `src`: what `index` names of `g`, and zeros where `src` is larger than `index`."""
    got = F.gather(g, dim, index)
    if tuple(got.shape) == tuple(src_shape):
        return got
    return F.slot(got, F.slice, (tuple(slice(0, k) for k in got.shape),), src_shape)


@op(input=lambda g, dim, index: F.place(g, dim, index, 0.0),
    src=lambda g, dim, index, src_shape: picked(g, dim, index, src_shape),
    on="", out=False, inplace=True, numbers=True, promote=None,
    write=lambda xp, target, dim, index, src: _scatter(xp, target, dim, index, _like(src, target)))
def place(xp, input, dim: int, index, src):
    out = input.copy()
    _scatter(xp, out, dim, index, _like(src, input))
    return out


def _like(value: Any, target: Any) -> Any:
    """A number, in the target's dtype; tensors must have it already."""
    if type(value) is float or value.dtype == target.dtype:  # formulas give plain zeros
        return value
    if value.ndim:
        raise RuntimeError(f"scatter(): Expected self.dtype to be equal to src.dtype; got {target.dtype} and "
                           f"{value.dtype}")
    return value.astype(target.dtype)


@op(input=lambda g: g, src=lambda g, dim, index, src_shape: picked(g, dim, index, src_shape), inplace=True,
    promote="same", broadcasts=False,
    write=lambda xp, target, dim, index, src: _scatter_add(xp, target, dim, index, src))
def scatter_add(xp, input, dim: int, index, src):
    """The input with the elements of `src` added where `index` says, along `dim`; several at one place add up.

    >>> ndl.zeros(3).scatter_add(0, ndl.tensor([0, 0, 2]), ndl.ones(3))
    tensor([2., 0., 1.])
    """
    out = input.copy()
    _scatter_add(xp, out, dim, index, src)
    return out


@composite()
def scatter(input, dim, index, src=None, *, value=None, reduce=None):
    """The input with the elements of `src` (or a number) put where `index` says, along `dim`.

    reduce  "add" or "multiply" combines them with what is there instead

    >>> ndl.zeros(2, 3).scatter(1, ndl.tensor([[2], [0]]), 1.0)
    tensor([[0., 0., 1.],
            [1., 0., 0.]])
    """
    return _scatter_form(input, dim, index, src, value, reduce, F.place, F.scatter_reduce)


@composite(name="scatter_", on="method", out=False)
def scatter_(input, dim, index, src=None, *, value=None, reduce=None):
    """In-place version of `scatter`."""
    return _scatter_form(input, dim, index, src, value, reduce, F.place_, Tensor.scatter_reduce_)


def _scatter_form(input: Tensor, dim: int, index: Tensor, src: Any, value: Any, reduce: Any, put: Any,
                  combine: Any) -> Tensor:
    what = value if src is None else src
    if what is None:
        raise TypeError("scatter(): expected src (a Tensor) or value (a number); got neither.")
    if isinstance(what, Tensor) and what.ndim == 0 and max(index.ndim, 1) != 1:
        raise RuntimeError("Index tensor must have the same number of dimensions as src tensor: scatter got index of "
                           f"shape {list(index.shape)} and a 0-d src. Pass a number: src.item().")
    if reduce is None:
        if mode.enabled and (follows(input) or (isinstance(what, Tensor) and follows(what))) or Anomaly.enabled:
            return put(input, dim, index, what)
        return _unfollowed(input, dim, index, what, put is F.place_)
    if reduce not in ("add", "multiply"):
        raise RuntimeError(f"reduce argument must be either add or multiply; got {reduce!r}. "
                           f"scatter_reduce knows sum, prod, mean, amax and amin.")
    if not isinstance(what, Tensor):
        what = input.new_full(index.shape, what)
    return combine(input, dim, index, what, "sum" if reduce == "add" else "prod")


def _unfollowed(input: Tensor, dim: int, index: Tensor, what: Any, in_place: bool) -> Tensor:
    """The same where no gradient is followed: straight into the array."""
    array = input._array
    if in_place:
        views.check_overlap(array, "scatter_")
        views.bump(input)
    else:
        array = array.copy()
    src = _like(what._array, array) if isinstance(what, Tensor) else number_beside(what, array)
    _scatter(backend.of_type(type(array)).xp, array, dim, index._array, src)
    return input if in_place else wrap(array)


# --- index_*: one index for each slice --------------------------------------------------------------------------------


def _slices(op: str, dim: int, index: Any, size: int, kind: type[Exception] = IndexError) -> Any:
    """`index` as a checked 1-d array."""
    if index.ndim > 1:
        raise IndexError(f"{op}(): Index is supposed to be a vector; got shape {list(index.shape)}.")
    if index.dtype.kind != "i" or index.dtype.itemsize < 4:
        raise RuntimeError(f"{op}(): Expected dtype int32 or int64 for index; got {index.dtype}. Use index.long().")
    if index.size and (index.min() < 0 or index.max() >= size):
        wrong = index[(index < 0) | (index >= size)].reshape(-1)[0]
        raise kind(f"index out of range in self: {op} got index {wrong}, dimension {dim} has size {size}.")
    return index.reshape(-1)


@op(input=lambda g, dim, index, input_shape: F.index_select_backward(g, dim, index, input_shape), out="apart")
def index_select(xp, input, dim: int, index):
    """The slices along `dim` that the 1-d `index` names.

    >>> ndl.tensor([[1, 2], [3, 4]]).index_select(1, ndl.tensor([1, 1]))
    tensor([[2, 2],
            [4, 4]])
    """
    at = normal_dim(dim, input.ndim, "index_select")
    if not input.ndim:
        if index.size != 1:
            raise RuntimeError(f"index_select(): Index to scalar can have only 1 value, got {index.size} value(s)")
        _slices("index_select", dim, index, 1)
        return input.copy()
    return input.take(_slices("index_select", dim, index, input.shape[at]), at)


@op(input=lambda g, dim, index: F.index_select(g, dim, index), on="", out=False)
def index_select_backward(xp, input, dim: int, index, shape: object):
    """Zeros of `shape` with the input's slices added at the places that `index_select` would pick."""
    if not shape:
        return input.reshape(())
    at = dim % len(shape)
    out = xp.zeros(shape, input.dtype)
    add_at(xp, out.swapaxes(0, at), (index.reshape(-1),), input.swapaxes(0, at))
    return out


def _index_add(xp: Any, target: Any, dim: int, index: Any, source: Any, alpha: Any) -> None:
    at = _matching("index_add", target, dim, index, source)
    if alpha != 1:
        source = source * xp.asarray(alpha).astype(source.dtype)
    if target.ndim:
        places = _slices("index_add", dim, index, target.shape[at], RuntimeError)
        add_at(xp, target.swapaxes(0, at), (places,), source.swapaxes(0, at) if source.ndim else source.reshape(1))
    else:
        target += source.sum(dtype=target.dtype)


def _matching(op: str, target: Any, dim: int, index: Any, source: Any) -> int:
    """The dimension from the front, after checking that `source` has a slice for each index."""
    at = normal_dim(dim, target.ndim, op)
    if index.ndim > 1:
        raise IndexError(f"{op}_(): Index is supposed to be a vector, got dim: {index.ndim} with shape "
                         f"{list(index.shape)}")
    if source.dtype != target.dtype:
        raise RuntimeError(f"{op}_(): self ({target.dtype}) and source ({source.dtype}) must have the same scalar type")
    if source.ndim and (source.shape[at] if at < source.ndim else 1) != index.size:
        raise RuntimeError(f"{op}_(): Number of indices ({index.size}) should be equal to source.size(dim) "
                           f"({source.shape[at] if at < source.ndim else 1})")
    if [n for i, n in enumerate(source.shape) if i != at] != [n for i, n in enumerate(target.shape) if i != at]:
        raise RuntimeError(f"{op}_(): source tensor shape must match self tensor shape, excluding the specified "
                           f"dimension. Got self.shape = {list(target.shape)} source.shape = {list(source.shape)}")
    return at


def _source_gradient(g: Any, dim: int, index: Any, source_shape: Any) -> Any:
    return F.reshape(F.index_select(g, dim, index), source_shape)


def _added_gradient(g: Any, dim: int, index: Any, source_shape: Any, alpha: Any) -> Any:
    picked = _source_gradient(g, dim, index, source_shape)
    return picked if alpha == 1 else picked * alpha


@op(input=lambda g: g, source=_added_gradient, inplace=True, broadcasts=False,
    write=lambda xp, target, dim, index, source, alpha: _index_add(xp, target, dim, index, source, alpha))
def index_add(xp, input, dim: int, index, source, *, alpha: object = 1):
    """The input with `alpha` times the slices of `source` added to those that `index` names, along `dim`.

    >>> ndl.zeros(3).index_add(0, ndl.tensor([0, 0, 2]), ndl.ones(3))
    tensor([2., 0., 1.])
    """
    out = input.copy()
    _index_add(xp, out, dim, index, source, alpha)
    return out


def _index_copy(xp: Any, target: Any, dim: int, index: Any, source: Any) -> None:
    at = _matching("index_copy", target, dim, index, source)
    if not target.ndim:
        if index.size:
            target[...] = source.reshape(-1)[-1]
        return
    places = _slices("index_copy", dim, index, target.shape[at])
    target.swapaxes(0, at)[places] = source.swapaxes(0, at) if source.ndim else source


@op(input=lambda g, dim, index: F.index_fill(g, dim, index, 0.0), source=_source_gradient,
    inplace=True, broadcasts=False,
    write=lambda xp, target, dim, index, source: _index_copy(xp, target, dim, index, source))
def index_copy(xp, input, dim: int, index, source):
    """The input with the slices that `index` names replaced by those of `source`, along `dim`."""
    out = input.copy()
    _index_copy(xp, out, dim, index, source)
    return out


def _checked_number(op: str, value: Any) -> None:
    if getattr(value, "ndim", 0):
        raise RuntimeError(f"{op} only supports a 0-dimensional value tensor, but got tensor with {value.ndim} "
                           f"dimension(s) (shape {list(value.shape)}).")


def _once(g: Any, dim: int, index: Any) -> Any:
    """Which slices `index` names, each once."""
    return F.unique_parts(index % (g.shape[dim] if g.shape else 1), None, False, False, False)[0]


def _index_fill(xp: Any, target: Any, dim: int, index: Any, value: Any) -> None:
    at = normal_dim(dim, target.ndim, "index_fill")
    _checked_number("index_fill_", value)
    if index.ndim > 1:
        raise RuntimeError(f"index_fill_(): Index is supposed to be a vector; got shape {list(index.shape)}.")
    n = target.shape[at] if target.ndim else 1
    if index.size and (index.min() < -n or index.max() >= n):
        raise IndexError(f"index {index[(index < -n) | (index >= n)].reshape(-1)[0]} is out of bounds for dimension "
                         f"{at} with size {n}")
    if index.size:
        (target.swapaxes(0, at) if target.ndim else target.reshape(1))[index] = value


@op(input=lambda g, dim, index: F.index_fill(g, dim, index, 0.0),
    value=lambda g, dim, index, value_shape: F.sum_to_size(F.index_select(g, dim, _once(g, dim, index)), value_shape),
    inplace=True, numbers=True, broadcasts=False,
    write=lambda xp, target, dim, index, value: _index_fill(xp, target, dim, index, value))
def index_fill(xp, input, dim: int, index, value):
    """The input with the slices that `index` names filled with the number `value`, along `dim`."""
    out = input.copy()
    _index_fill(xp, out, dim, index, value)
    return out


# --- masks ------------------------------------------------------------------------------------------------------------


def _checked_mask(op: str, mask: Any) -> Any:
    if mask.dtype.kind != "b":
        raise RuntimeError(f"{op} only supports boolean masks, but got mask with dtype {mask.dtype}. Use mask.bool().")
    return mask


def _shape_with(op: str, input: Any, mask: Any) -> Sizes:
    """The shape that the input and the mask broadcast to."""
    if input.shape == mask.shape:
        return input.shape
    try:
        return tuple(broadcast_shapes(input.shape, mask.shape))
    except RuntimeError:
        raise errors.shapes_do_not_broadcast(op, [input.shape, mask.shape]) from None


def _mask_fill(xp: Any, target: Any, mask: Any, value: Any) -> None:
    _checked_mask("masked_fill_", mask)
    _checked_number("masked_fill_", value)
    if _shape_with("masked_fill_", target, mask) != target.shape:
        raise _mask_too_large(target, mask)
    target[...] = choose(xp, mask, value, target)


def _mask_too_large(target: Any, mask: Any) -> RuntimeError:
    return RuntimeError(f"output with shape {list(target.shape)} doesn't match the broadcast shape of the mask "
                        f"{list(mask.shape)}")


@op(input=lambda g, mask, input_shape: F.sum_to_size(F.masked_fill(g, mask, 0.0), input_shape),
    value=lambda g, mask: (g * F.to_dtype(mask, g.dtype)).sum(), inplace=True, numbers=True, broadcasts=False,
    write=lambda xp, target, mask, value: _mask_fill(xp, target, mask, value))
def masked_fill(xp, input, mask, value):
    """The input with the number `value` where the boolean `mask` is True.

    >>> ndl.tensor([1.0, 2.0]).masked_fill(ndl.tensor([True, False]), 0)
    tensor([0., 2.])
    """
    _checked_number("masked_fill_", value)
    _shape_with("masked_fill", input, mask)
    return choose(xp, _checked_mask("masked_fill_", mask), value, input).astype(input.dtype, copy=False)


@op(input=lambda g, mask, input_shape: F.mask_backward(g, mask, input_shape), out="apart")
def masked_select(xp, input, mask):
    """The elements where the boolean `mask` is True, in a row.

    >>> ndl.tensor([1, 2, 3]).masked_select(ndl.tensor([True, False, True]))
    tensor([1, 3])
    """
    if mask.dtype.kind != "b":
        raise RuntimeError(f"masked_select: expected BoolTensor for mask; got {mask.dtype}. Use mask.bool().")
    if input.shape != mask.shape:
        shape = _shape_with("masked_select", input, mask)
        input, mask = xp.broadcast_to(input, shape), xp.broadcast_to(mask, shape)
    return input[mask]


@op(input=lambda g, mask: F.masked_select(g, mask), on="", out=False)
def mask_backward(xp, input, mask, shape: object):
    """Zeros of `shape` with the input's elements added where the mask is True."""
    whole = broadcast_shapes(shape, mask.shape)
    out = xp.zeros(whole, input.dtype)
    out[xp.broadcast_to(mask, whole)] = input
    return F.sum_to_size(out, tuple(shape))


def _mask_scatter(xp: Any, target: Any, mask: Any, source: Any) -> None:
    _checked_mask("masked_scatter_", mask)
    if source.dtype != target.dtype:
        raise RuntimeError(f"masked_scatter: expected self and source to have same dtypes but got {target.dtype} and "
                           f"{source.dtype}")
    mask = xp.broadcast_to(mask, target.shape)
    count = int(mask.sum())
    if count > source.size:
        raise RuntimeError(f"masked_scatter: the number of elements in source ({source.size}) must be >= the number of "
                           f"Trues in the mask ({count})")
    target[mask] = source.reshape(-1)[:count]


def _source_of_mask(g: Any, mask: Any, source_shape: Any) -> Any:
    """What the source's elements got, in their order; those left over got nothing."""
    got = F.masked_select(g, mask)
    n = 1
    for k in source_shape:
        n *= k
    return F.reshape(F.slot(got, F.slice, ((slice(0, got.shape[0]),),), (n,)), source_shape)


@op(input=lambda g, mask, input_shape: F.sum_to_size(F.masked_fill(g, mask, 0.0), input_shape), source=_source_of_mask,
    inplace=True, broadcasts=False,
    write=lambda xp, target, mask, source: _mask_scatter(xp, target, mask, source))
def masked_scatter(xp, input, mask, source):
    """The input with the elements of `source`, taken in order, where the boolean `mask` is True."""
    out = xp.broadcast_to(input, _shape_with("masked_scatter", input, mask)).copy()
    _mask_scatter(xp, out, mask, source)
    return out


@op(on="functional", out=False)
def one_hot(xp, tensor, num_classes: int = -1):
    """For each integer a row of zeros with a 1 at that place; `num_classes` of them (-1: the largest integer and one).

    >>> ndl.nn.functional.one_hot(ndl.tensor([0, 2]))
    tensor([[1, 0, 0],
            [0, 0, 1]])
    """
    if tensor.dtype != xp.int64:
        raise RuntimeError(f"one_hot is only applicable to index tensor of type LongTensor; got {tensor.dtype}. "
                           f"Use .long().")
    if not tensor.size:
        if num_classes <= 0:
            raise RuntimeError("Can not infer total number of classes from empty tensor. Give num_classes.")
        return xp.zeros((*tensor.shape, num_classes), tensor.dtype)
    if tensor.min() < 0:
        raise RuntimeError(f"Class values must be non-negative. The smallest is {tensor.min()}.")
    largest = int(tensor.max())
    if num_classes != -1 and largest >= num_classes:
        raise RuntimeError(f"Class values must be smaller than num_classes. The largest is {largest}, num_classes is "
                           f"{num_classes}.")
    n = largest + 1 if num_classes == -1 else num_classes
    out = xp.zeros((tensor.size, n), tensor.dtype)
    out[xp.arange(tensor.size), tensor.reshape(-1)] = 1
    return out.reshape((*tensor.shape, n))
