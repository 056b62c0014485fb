"""Picking elements out and putting them in with `x[...]`, in all of torch's forms.

An index is split in two. The basic part (ints, slices, None, ...) makes a view; the advanced part (tensors, lists,
masks) then picks from that view. So an int beside a tensor is a plain selection, as in torch, not one more index to be
broadcast, as in NumPy. `brackets.py` reads what people write between the brackets; here is what is done with it.
"""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any

from .. import compiled
from ..faces import F
from ..op import op

Arrays = Sequence[Any]
Layout = tuple  # for each dimension of the view: the number of the index tensor that picks from it, or None for all

_ALL = builtins.slice(None)


@op(input=lambda g, index, input_shape: F.slot(g, F.slice, (index,), input_shape), view=True, on="", out=False)
def slice(xp, input, index: object):
    """The basic part of an index: ints, slices, None and ... . A view."""
    return input[index]


@op(input=lambda g, indices, layout, input_shape: F.index_backward(g, indices, layout, input_shape), on="", out=False)
def index(xp, input, indices: Arrays, layout: Layout):
    """The advanced part: elements picked by integer tensors that are broadcast together. A copy."""
    places = places_in(input, indices, layout)
    try:
        return chosen(input, places)
    except IndexError:
        raise out_of_range(input.shape, places) from None


def chosen(array: Any, places: tuple) -> Any:
    """``array[places]``. Whole rows are copied up to eight times as fast by `take`."""
    return array.take(places[0], 0) if len(places) == 1 < array.ndim else array[places]


@op(input=lambda g, indices, layout: F.index(g, indices, layout), on="", out=False)
def index_backward(xp, input, indices: Arrays, layout: Layout, shape: object):
    """Zeros of `shape`, with the input added at the places that `index` would pick."""
    out = xp.zeros(shape, input.dtype)
    add_at(xp, out, places_in(out, indices, layout), input)
    return out


@op(input=lambda g, indices, layout: F.put_at(g, indices, layout, 0.0),
    value=lambda g, indices, layout, value_shape: _back_to(F.index(g, indices, layout), value_shape),
    on="", out=False, inplace=True, numbers=True,
    write=lambda xp, target, indices, layout, value: put(xp, target, places_in(target, indices, layout), value))
def put_at(xp, input, indices: Arrays, layout: Layout, value):
    """The input with `value` at the places that `index` would pick."""
    out = input.copy()
    put(xp, out, places_in(out, indices, layout), value)
    return out


@op(input=lambda g: g,
    value=lambda g, indices, layout, value_shape: _back_to(F.index(g, indices, layout), value_shape),
    on="", out=False, inplace=True, numbers=True,
    write=lambda xp, target, indices, layout, value: put(xp, target, places_in(target, indices, layout), value, add=True))
def add_to(xp, input, indices: Arrays, layout: Layout, value):
    """The input with `value` added at the places that `index` would pick, as often as they are picked."""
    out = input.copy()
    put(xp, out, places_in(out, indices, layout), value, add=True)
    return out


def _back_to(grad: Any, shape: tuple[int, ...]) -> Any:
    """Sum `grad` back to the shape of the value, which was broadcast (and may have had more dimensions, of size 1)."""
    extra = len(shape) - len(grad.shape)
    if extra > 0:
        return F.reshape(F.sum_to_size(grad, tuple(shape[extra:])), shape)
    return F.sum_to_size(grad, shape)


# --- what was put in replaces all there was -------------------------------------------------------------------------


@op(input=lambda g: F.zeroed(g),
    src=lambda g, src_shape, src_dtype: F.to_dtype(_back_to(g, src_shape), src_dtype), on="", out=False, inplace=True,
    numbers=True, broadcasts=False,
    write=lambda xp, target, src, non_blocking: copy_into(target, src, "copy_"))
def copy(xp, input, src, non_blocking: bool = False):
    """The elements of `src`, in the input's shape and dtype."""
    out = xp.empty_like(input)
    copy_into(out, src, "copy")
    return out


def copy_into(target: Any, value: Any, what: str = "assignment") -> None:
    """Write `value`, broadcast, into `target`. Raises RuntimeError if it doesn't fit."""
    try:
        target[...] = value
    except ValueError:
        target[...] = droppable(value, target.shape, what)


def put(xp: Any, target: Any, places: tuple, value: Any, add: bool = False) -> None:
    """Write (or add) `value`, broadcast, to the places in `target`. Raises RuntimeError if it doesn't fit there."""
    if getattr(value, "size", 0) == 1:
        value = value.reshape(())
    try:
        try:
            _put(xp, target, places, value, add)
        except ValueError:  # it may still fit without its leading dimensions
            _put(xp, target, places, droppable(value, target[places].shape, "shape mismatch"), add)
    except IndexError:
        raise out_of_range(target.shape, places) from None


def _put(xp: Any, target: Any, places: tuple, value: Any, add: bool) -> None:
    if add:
        add_at(xp, target, places, value)
    else:
        target[places] = value


def droppable(value: Any, shape: tuple, what: str) -> Any:
    """`value`, if it can be broadcast to `shape` (leading dimensions of size 1 may be dropped)."""
    extra = max(value.ndim - len(shape), 0)
    tail = value.shape[extra:]
    if any(n != 1 for n in value.shape[:extra]) or \
            any(n not in (1, m) for n, m in zip(reversed(tail), reversed(shape), strict=False)):
        raise RuntimeError(f"{what}: value tensor of shape {list(value.shape)} cannot be broadcast to indexing result "
                           f"of shape {list(shape)}. The expanded size must match the existing size.")
    return value.reshape(tail) if extra else value


def out_of_range(shape: tuple, places: Sequence[Any]) -> IndexError:
    """Which index it was."""
    for dim, (n, i) in enumerate(zip(shape, places, strict=False)):
        low, high = (i, i) if isinstance(i, int) else (i.min(), i.max()) if getattr(i, "size", 0) else (0, -1)
        if low < -n or high >= n:
            return IndexError(f"index {int(low if low < -n else high)} is out of bounds for dimension {dim} with size "
                              f"{n}")
    return IndexError("shape mismatch: indexing tensors could not be broadcast together with shapes "
                      + ", ".join(str(list(i.shape)) for i in places if hasattr(i, "shape")))


def places_in(array: Any, indices: Arrays, layout: Layout) -> tuple:
    """The index as the array's own module takes it."""
    places = tuple([_ALL if k is None else indices[k] for k in layout])
    if not array.size:  # where nothing is picked, NumPy 2.0 looks at no index
        for n, i in zip(array.shape, places, strict=False):
            if i is not _ALL and i.size and (i.min() < -n or i.max() >= n):
                raise out_of_range(array.shape, places)
    return places


# --- adding up where places repeat ----------------------------------------------------------------------------------


def add_at(xp: Any, target: Any, places: tuple, value: Any) -> None:
    """Add `value` into `target` at `places`, once for every time a place is named.

    That is ``add.at``, which is quick for one flat index only: so make one of several indices, and of rows.
    """
    if not target.size:
        return
    arrays = [p for p in places if not isinstance(p, builtins.slice)]
    count = len(arrays)
    if count > 1 and count == len(places) and target.flags.c_contiguous:
        # Several indices into the leading dimensions are one index into them seen as one dimension.
        sizes = target.shape[:count]
        try:
            positive = [xp.where(a < 0, a + n, a) for a, n in zip(arrays, sizes, strict=True)]
            arrays = [xp.ravel_multi_index(positive, sizes)]
        except ValueError:
            xp.broadcast_arrays(*arrays)
            raise IndexError from None
        target, places = target.reshape(-1, *target.shape[count:]), (arrays[0],)
    if len(arrays) != 1 or not arrays[0].ndim:
        xp.add.at(target, places, value)
        return
    (index,) = arrays
    at, k = next(i for i, p in enumerate(places) if p is index), index.ndim  # slices may stand on both sides
    value = xp.broadcast_to(value, target.shape[:at] + index.shape + target.shape[at + 1:])
    if at:
        value, target = xp.moveaxis(value, range(at, at + k), range(k)), xp.moveaxis(target, at, 0)
    index = index.reshape(-1)
    rest = target.shape[1:]
    rows = value.reshape(index.size, *rest)
    if not index.size or (index.min() >= -len(target) and index.max() < len(target)):
        _add_rows(xp, target, index, rows)
    else:
        raise IndexError


@compiled.twinned("add_rows")
def _add_rows(xp: Any, target: Any, index: Any, rows: Any) -> None:
    if target.ndim == 1:
        xp.add.at(target, index, rows)
        return
    width = target[0].size
    if width >= 256:  # a loop over them costs less than an index for each element
        for i, row in zip(index.tolist(), rows, strict=True):
            target[i] += row
        return
    flat = target if target.flags.c_contiguous else target.copy()
    index = xp.where(index < 0, index + len(target), index)
    xp.add.at(flat.reshape(-1), (index[:, None] * width + xp.arange(width)).reshape(-1), rows.reshape(-1))
    if flat is not target:
        target[...] = flat
