"""Picking elements out and putting them in with `x[...]`, in all of torch's forms.

An index is split in two. The basic part (ints, slices, None, ...) makes a view; the advanced part (tensors, lists,
masks) then picks from that view. So an int beside a tensor is a plain selection, as in torch, not one more index to be
broadcast, as in NumPy.
"""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import backend
from ..autograd import views
from ..autograd.grad_mode import mode
from ..composite import composite
from ..faces import F
from ..op import op
from ..promotion import number_array
from ..tensor import Tensor, wrap

Arrays = Sequence[Any]
Layout = tuple  # for each dimension of the view: the number of the index tensor that picks from it, or None for all of it


@op(input=lambda g, index, input_shape: F.slice_backward(g, index, input_shape), view=True, on="", out=False)
def slice(xp, input, index: object):
    """The basic part of an index: ints, slices, None and ... . A view."""
    return input[index]


@op(input=lambda g, index: F.slice(g, index), on="", out=False)
def slice_backward(xp, input, index: object, shape: object):
    """Zeros of `shape`, with the input at `index`."""
    out = xp.zeros(shape, input.dtype)
    out[index] = input
    return out


@op(input=lambda g, indices, layout, input_shape: F.index_backward(g, indices, layout, input_shape), on="", out=False)
def index(xp, input, indices: Arrays, layout: Layout):
    """The advanced part: elements picked by integer tensors that are broadcast together. A copy."""
    return input[_places(input, indices, layout)]


@op(input=lambda g, indices, layout: F.index(g, indices, layout), on="", out=False)
def index_backward(xp, input, indices: Arrays, layout: Layout, shape: object):
    """Zeros of `shape`, with the input added at the places that `index` would pick."""
    out = xp.zeros(shape, input.dtype)
    add_at(xp, out, _places(out, indices, layout), input)
    return out


@op(input=lambda g, indices, layout: F.index_put(g, indices, layout, 0.0),
    value=lambda g, indices, layout, value_shape: F.sum_to_size(F.index(g, indices, layout), value_shape),
    on="", out=False, inplace=True, numbers=True,
    write=lambda xp, target, indices, layout, value: _put(xp, target, indices, layout, value))
def index_put(xp, input, indices: Arrays, layout: Layout, value):
    """The input with `value` at the places that `index` would pick."""
    out = input.copy()
    _put(xp, out, indices, layout, value)
    return out


@op(input=lambda g, indices, layout: g,
    value=lambda g, indices, layout, value_shape: F.sum_to_size(F.index(g, indices, layout), value_shape),
    on="", out=False, inplace=True, numbers=True,
    write=lambda xp, target, indices, layout, value: _put(xp, target, indices, layout, value, add=True))
def index_put_add(xp, input, indices: Arrays, layout: Layout, value):
    """The input with `value` added at the places that `index` would pick, as often as they are picked."""
    out = input.copy()
    _put(xp, out, indices, layout, value, add=True)
    return out


@op(input=lambda g: None,  # nothing is left of what the target was
    src=lambda g, src_shape, src_dtype: F.to_dtype(F.sum_to_size(g, src_shape), src_dtype), on="", out=False,
    inplace=True, numbers=True, broadcasts=False,
    write=lambda xp, target, src, non_blocking: target.__setitem__(..., _droppable(src, target.shape, "copy_")))
def copy(xp, input, src, non_blocking: bool = False):
    """The elements of `src`, in the input's shape and dtype."""
    return xp.broadcast_to(src, input.shape).astype(input.dtype)


def _put(xp: Any, target: Any, indices: Arrays, layout: Layout, value: Any, add: bool = False) -> None:
    places = _places(target, indices, layout)
    picked = target[places].shape if value.ndim and value.size != 1 else ()
    if value.ndim and value.size != 1:
        value = _droppable(value, picked, "shape mismatch")
    if add:
        add_at(xp, target, places, value)
    else:
        target[places] = value


def _droppable(value: Any, shape: tuple, what: str) -> Any:
    """`value`, if it can be broadcast to `shape` (leading dimensions of size 1 may be dropped)."""
    extra = value.ndim - len(shape)
    fits = all(n == 1 for n in value.shape[:max(extra, 0)])
    tail = value.shape[max(extra, 0):]
    if not fits or any(n not in (1, m) for n, m in zip(reversed(tail), reversed(shape), strict=False)):
        raise RuntimeError(f"{what}: value tensor of shape {list(value.shape)} cannot be broadcast to "
                           f"the place of shape {list(shape)} that it is assigned to")
    return value.reshape(tail)


def add_at(xp: Any, target: Any, places: tuple, value: Any) -> None:
    """Add `value` into `target` at `places`, once for every time a place is named."""
    first = places[0]
    if len(places) == 1 and not isinstance(first, builtins.slice) and first.ndim and target.ndim > 1 and first.size > 1:
        # Whole rows: sort them by place, and sum each run at once; add.at would go element by element.
        rows = xp.broadcast_to(value, first.shape + target.shape[1:]).reshape(first.size, -1)
        where = xp.where(first < 0, first + target.shape[0], first).reshape(-1)
        order = xp.argsort(where, kind="stable")
        where = where[order]
        starts = xp.flatnonzero(xp.concatenate([xp.ones(1, bool), where[1:] != where[:-1]]))
        if starts.size == where.size:
            sums = rows[order]
        else:
            sums = xp.add.reduceat(rows[order], starts, axis=0)
        target[where[starts]] += sums.reshape((starts.size, *target.shape[1:]))
    else:
        xp.add.at(target, places, value)


def _places(array: Any, indices: Arrays, layout: Layout) -> tuple:
    """The index as the array's own module takes it. Raises IndexError for one that is out of range."""
    places = tuple(builtins.slice(None) if k is None else indices[k] for k in layout)
    for dim, i in enumerate(places):
        if not isinstance(i, builtins.slice) and i.size:
            n, low, high = array.shape[dim], i.min(), i.max()
            if low < -n or high >= n:
                wrong = low if low < -n else high
                raise IndexError(f"index {int(wrong)} is out of bounds for dimension {dim} with size {n}")
    return places


# --- what people write between the brackets -------------------------------------------------------------------------


def parse(x: Tensor, index: Any) -> tuple[tuple, list[Tensor], Layout]:
    """`index` as a basic part, and index tensors with their layout over the view that the basic part makes."""
    items = list(index) if isinstance(index, tuple) else [index]
    if isinstance(index, list) and any(isinstance(i, (builtins.slice, type(None), type(...))) for i in index):
        items = list(index)  # as torch still reads it
    items = [_item(x, i) for i in items]
    used = sum(i.ndim if _is_mask(i) else 1 for i in items if i is not None and i is not ... and not _is_flag(i))
    if used > x.ndim:
        raise IndexError(f"too many indices for tensor of dimension {x.ndim}")
    if sum(i is ... for i in items) > 1:
        raise IndexError("an index can only have a single ellipsis ('...')")
    if not any(i is ... for i in items):
        items.append(...)
    basic: list[Any] = []
    tensors: list[Tensor] = []
    layout: list[int | None] = []
    dim = 0  # of x, reached so far
    for i in items:
        if i is ...:
            rest = x.ndim - used
            basic.extend([builtins.slice(None)] * rest)
            layout.extend([None] * rest)
            dim += rest
        elif i is None:
            basic.append(None)
            layout.append(None)
        elif isinstance(i, builtins.slice):
            basic.append(i)
            layout.append(None)
            dim += 1
        elif isinstance(i, int):
            n = x.shape[dim]
            if not -n <= i < n:
                raise IndexError(f"index {i} is out of bounds for dimension {dim} with size {n}")
            basic.append(i)
            dim += 1
        elif _is_flag(i):  # True and False pick one and none of a new dimension
            basic.append(None)
            layout.append(len(tensors))
            tensors.append(wrap(np.zeros(1 if i._array else 0, np.int64)))
        elif _is_mask(i):
            found = i._array
            for k, n in enumerate(found.shape):
                if n != x.shape[dim + k]:
                    raise IndexError(f"The shape of the mask {list(found.shape)} at index {k} does not match the shape "
                                     f"of the indexed tensor {list(x.shape)} at index {dim + k}")
            for places in found.nonzero():
                basic.append(builtins.slice(None))
                layout.append(len(tensors))
                tensors.append(wrap(places))
            dim += found.ndim
        else:
            basic.append(builtins.slice(None))
            layout.append(len(tensors))
            tensors.append(i)
            dim += 1
    if tensors:
        while layout and layout[-1] is None:
            layout.pop()
        _check_broadcast(tensors)
    return tuple(basic), tensors, tuple(layout)


def _item(x: Tensor, i: Any) -> Any:
    """One item of an index: an int, a slice, None, ..., or a Tensor (a 0-d bool one is a flag)."""
    if i is None or i is ...:
        return i
    kind = type(i)
    if kind is int:
        return i
    if kind is builtins.slice:
        start, stop, step = (None if v is None else v.__index__() for v in (i.start, i.stop, i.step))
        if step is not None and step <= 0:
            raise ValueError(f"step must be greater than zero (got {step}); to reverse, use x.flip(dim).")
        return builtins.slice(start, stop, step)
    if isinstance(i, (bool, np.bool_)):
        return wrap(np.array(bool(i)))
    if isinstance(i, np.integer):
        return int(i)
    if isinstance(i, (list, tuple, range)):
        i = _from_lists(i)
    if isinstance(i, np.ndarray):
        i = wrap(np.asarray(i))
    if not isinstance(i, Tensor):
        raise IndexError("only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid "
                         f"indices (got {kind.__name__})")
    array = i._array
    if array.dtype.kind not in "iub":
        raise IndexError(f"tensors used as indices must be long, int, byte or bool tensors; got {i.dtype!r}. "
                         f"Convert it with .long(), or compare it to make a mask.")
    if array.dtype.kind == "b" or array.dtype == np.uint8:
        return i if array.dtype.kind == "b" else wrap(array.astype(bool))
    if array.ndim == 0:
        return int(array)
    return i if array.dtype == np.int64 else wrap(array.astype(np.int64))


def _from_lists(values: Any) -> Tensor:
    values = [v.tolist() if isinstance(v, (Tensor, np.ndarray)) else v for v in values]
    array = np.array(values) if len(values) else np.zeros(0, np.int64)
    if array.dtype == object:
        raise IndexError(f"an index made of lists must be rectangular and of numbers; got {values!r}")
    return wrap(array)


def _is_mask(i: Any) -> bool:
    return isinstance(i, Tensor) and i._array.dtype.kind == "b" and i._array.ndim > 0


def _is_flag(i: Any) -> bool:
    return isinstance(i, Tensor) and i._array.dtype.kind == "b" and i._array.ndim == 0


def _check_broadcast(tensors: list[Tensor]) -> None:
    try:
        np.broadcast_shapes(*(t._array.shape for t in tensors))
    except ValueError:
        raise IndexError("shape mismatch: indexing tensors could not be broadcast together with shapes "
                         f"{', '.join(str(list(t.shape)) for t in tensors)}") from None


@composite(on="", name="getitem", operators=("__getitem__",), out=False)
def getitem(input, index):
    """``x[index]``: a view for ints, slices, None and ...; a copy for tensors, lists and masks.

    >>> x = ndl.arange(6).reshape(2, 3)
    >>> x[:, 1], x[x > 3]
    (tensor([1, 4]), tensor([4, 5]))
    """
    if type(index) is int and input._array.ndim:
        n = input._array.shape[0]
        if not -n <= index < n:
            raise IndexError(f"index {index} is out of bounds for dimension 0 with size {n}")
        return F.slice(input, (index, ...))  # with ..., NumPy gives 0-d arrays, which are views, instead of scalars
    basic, tensors, layout = parse(input, index)
    if not tensors:
        return F.slice(input, (*basic, ...))
    if not all(type(i) is builtins.slice and i == builtins.slice(None) for i in basic):
        input = F.slice(input, (*basic, ...))
    return F.index(input, tensors, layout)


@composite(on="", name="setitem", operators=("__setitem__",), out=False)
def setitem(input, index, value):
    """``x[index] = value``: writes into x; gradients flow to the value, and to x where it was not written."""
    if not isinstance(value, Tensor):
        value = _as_value(input, value)
    basic, tensors, layout = parse(input, index)
    recording = mode.enabled and (input.requires_grad or value.requires_grad)
    if not recording:  # nobody needs the view
        views.check_writable(input, False, "setitem")
        view = input._array[(*basic, ...)]
        if tensors:
            _put(backend.of_type(type(view)).xp, view, [t._array for t in tensors], layout, value._array)
        else:
            view[...] = _droppable(value._array, view.shape, "setitem")
        views.bump(input)
        return
    if not tensors:
        F.copy_(F.slice(input, (*basic, ...)), value)
        return
    if not all(type(i) is builtins.slice and i == builtins.slice(None) for i in basic):
        input = F.slice(input, (*basic, ...))
    F.index_put_(input, tensors, layout, value if value.dtype == input.dtype else value.to(input.dtype))


def _as_value(x: Tensor, value: Any) -> Tensor:
    array = x._array
    if isinstance(value, (bool, int, float, np.number, np.bool_)):
        if array.dtype.kind != "f" and isinstance(value, (float, np.floating)):
            value = int(value) if array.dtype.kind != "b" else bool(value)
        return wrap(backend.as_array(number_array(value, array.dtype), array))
    if isinstance(value, (np.ndarray, list, tuple)):
        return wrap(backend.as_array(np.asarray(value).astype(array.dtype), array))
    raise TypeError(f"can't assign a {type(value).__name__} to a tensor of {x.dtype!r}; "
                    f"expected a Tensor, a NumPy array or a number.")
