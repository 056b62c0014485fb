"""What people write between the brackets: `x[...]` and `x[...] = v`, read as torch reads them.

Scripts do this by the ten thousand on small tensors, so the common forms (ints, slices, index tensors) go straight to
the array, and everything else through `parse`.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from .. import backend
from ..autograd import views
from ..autograd.grad_mode import mode
from ..composite import composite, face
from ..faces import F
from ..fast import follows
from ..promotion import number_array
from ..tensor import Tensor, counter, wrap
from .index import Layout, chosen, copy_into, index as _index, out_of_range, places_in, put, slice as _slice

_view, _pick = _slice.op.run, _index.op.run
_PLAIN = frozenset((int, slice, type(None), type(...)))
_INT64 = np.dtype("int64")
_WHOLE = slice(None)


def getitem(self: Tensor, index: Any) -> Tensor:
    """``x[index]``: a view for ints, slices, None and ...; a copy for tensors, lists and masks.

    >>> x = ndl.arange(6).reshape(2, 3)
    >>> x[:, 1], x[x > 3]
    (tensor([1, 4]), tensor([4, 5]))
    """
    basic = _plain(index)
    if basic is not None:
        try:
            return _view(self, basic)
        except IndexError:
            pass  # let `parse` tell what is wrong
    else:
        picked = _tensors(index)
        if picked is not None:
            if mode.enabled and follows(self) or type(self._array) is not np.ndarray:
                if len(picked[1]) <= self._array.ndim:
                    return _pick(self, *picked)
            else:
                tensors, layout = picked
                places = tuple([_WHOLE if k is None else tensors[k]._array for k in layout])
                try:
                    return wrap(chosen(self._array, places))
                except IndexError:
                    raise _wrong(self, places) from None
        elif type(index) is Tensor and type(self._array) is np.ndarray and not (mode.enabled and follows(self)):
            mask = index._array
            if mask.dtype.kind == "b" and 0 < mask.ndim and mask.shape == self._array.shape[:mask.ndim]:
                return wrap(self._array[mask])
    basic, tensors, layout = parse(self, index)
    if not tensors:
        return _view(self, (*basic, ...))
    if not _is_whole(basic):
        self = _view(self, (*basic, ...))
    return _pick(self, tensors, layout)


def setitem(self: Tensor, index: Any, value: Any) -> None:
    """``x[index] = value``: writes into x; gradients flow to the value, and to x where it was not written."""
    if index is False:
        return  # none of a new dimension
    array = self._array
    if isinstance(value, Tensor):
        source = value._array
    else:
        source = number_beside(value, array)
        value = None
    if not mode.enabled or not (follows(self) or (value is not None and follows(value))):
        _write(self, array, index, source)
        return
    basic, tensors, layout = parse(self, index)
    target = self if not tensors and _is_whole(basic) or tensors and _is_whole(basic) else _view(self, (*basic, ...))
    if value is None:
        value = wrap(source)
    if not tensors:
        _copy_(target, value)
        return
    F.put_at_(target, tensors, layout, _matching(self, value))


Tensor.__getitem__, Tensor.__setitem__ = getitem, setitem  # type: ignore[attr-defined]


def _write(x: Tensor, array: Any, index: Any, source: Any) -> None:
    """Write where no gradient is followed: straight into the array."""
    if 0 in array.strides and source.ndim:
        views.check_writable(x, False, "setitem")
    if source.dtype is array.dtype or source.dtype.kind == array.dtype.kind:
        places: Any = _plain(index)
        if places is None and not (source.ndim and (source.dtype is not array.dtype or source.size == 1)):
            picked = _tensors(index)
            if picked is not None:
                tensors, layout = picked
                places = tuple([_WHOLE if k is None else tensors[k]._array for k in layout])
            elif type(index) is Tensor and index._array.dtype.kind == "b" and \
                    index._array.shape == array.shape[:index._array.ndim]:
                places = index._array
        if places is not None and array.size:
            try:
                array[places] = source
                counter(x)[0] += 1
                return
            except (IndexError, ValueError):
                pass  # what is wrong, or how it could fit, is found out below
    basic, tensors, layout = parse(x, index)
    region = array[(*basic, ...)]
    token = backend.hush()
    try:
        if tensors:
            if source.ndim and source.dtype != array.dtype:
                raise _dtypes_differ(array.dtype, source.dtype)
            places = places_in(region, [t._array for t in tensors], layout)
            put(backend.of_type(type(array)).xp, region, places, source.astype(array.dtype))
        else:
            copy_into(region, source)
    finally:
        backend.restore(token)
    views.bump(x)


def _plain(index: Any) -> tuple | None:
    """`index` as the array takes it, with ... at the end (so that the answer is a view, not a number), if it is made of
    ints, slices, None and ... only. None if it isn't, or needs a closer look."""
    kind = type(index)
    if kind is int:
        return (index, ...)
    if kind is tuple:
        more = True
        for i in index:
            kind = type(i)
            if kind is int:
                continue
            if kind not in _PLAIN:
                return None
            if kind is slice:
                if i.step is not None:
                    return None
            elif i is ...:
                if not more:
                    return None
                more = False
        return (*index, ...) if more else index
    if kind is slice:
        return None if index.step is not None else (index, ...)
    if index is None or index is ...:
        return (index, ...) if index is None else (index,)
    return None


def _tensors(index: Any) -> tuple[list[Tensor], Layout] | None:
    """`index` as index tensors and their layout, if it is made of int64 tensors with dimensions and of ``:`` only."""
    if type(index) is Tensor:
        array = index._array
        return ([index], (0,)) if array.dtype is _INT64 and array.ndim else None
    if type(index) is not tuple:
        return None
    tensors: list[Tensor] = []
    layout: list[int | None] = []
    for i in index:
        if type(i) is Tensor and i._array.dtype is _INT64 and i._array.ndim:
            layout.append(len(tensors))
            tensors.append(i)
        elif type(i) is slice and i == _WHOLE:
            layout.append(None)
        else:
            return None
    return (tensors, tuple(layout)) if tensors else None


def _is_whole(basic: tuple) -> bool:
    return all(type(i) is slice and i == _WHOLE for i in basic)


def number_beside(value: Any, array: Any) -> Any:
    """A number as an array of the dtype of `array`. Raises RuntimeError for one that it can't hold."""
    kind = type(value)
    if kind is not float and kind is not int and not isinstance(value, (bool, int, float, np.number, np.bool_)):
        raise TypeError(f"can't assign a {kind.__name__} to a tensor of {array.dtype}; expected a Tensor or a number. "
                        f"Wrap it in ndl.tensor(...).")
    dtype = array.dtype
    if not _holds(dtype, value):
        raise RuntimeError(f"value cannot be converted to type {dtype} without overflow: {value}")
    if dtype.kind != "f":
        value = bool(value) if dtype.kind == "b" else int(value)
    return _beside(array, number_array(value, dtype))


def _beside(array: Any, value: np.ndarray) -> Any:
    """`value` on the device of `array`."""
    return value if type(array) is np.ndarray else backend.of_type(type(array)).from_numpy(value)


_LIMITS: dict[np.dtype, float] = {np.dtype(d): float(np.finfo(d).max) for d in ("float16", "float32", "float64")}
_LIMITS |= {np.dtype(d): np.iinfo(d).max for d in ("uint8", "int8", "int16", "int32", "int64")}
_LIMITS |= {np.dtype("bool"): math.inf}


def _holds(dtype: np.dtype, value: Any) -> bool:
    """Whether torch takes the number: unsigned dtypes wrap negative ones around, infinity goes into floats only."""
    limit = _LIMITS[dtype]
    if -limit <= value <= limit:
        return True
    if dtype.kind == "f":
        return value - value != 0  # infinite or NaN
    return dtype.kind == "i" and value == -limit - 1


def _dtypes_differ(target: Any, source: Any) -> RuntimeError:
    return RuntimeError(f"Index put requires the source and destination dtypes match, got {target} for the "
                        f"destination and {source} for the source. Convert the value, for example with .to(x.dtype).")


def _matching(x: Tensor, value: Tensor) -> Tensor:
    """A 0-d value in the dtype of `x`; others must have it."""
    if value._array.dtype == x._array.dtype:
        return value
    if value.ndim:
        raise _dtypes_differ(x._array.dtype, value._array.dtype)
    return F.to_dtype(value, x._array.dtype)


# --- the whole tensor -------------------------------------------------------------------------------------------------


def _copy_(target: Tensor, source: Tensor) -> Tensor:
    return F.copy_(target, source, False)


@face("copy_", "method")
def copy_(self: Tensor, other: Any, non_blocking: bool = False) -> Tensor:
    """Write the elements of `other`, broadcast and converted, into this tensor. Returns it.

    >>> ndl.zeros(2, 2).copy_(ndl.tensor([1, 2]))
    tensor([[1., 2.],
            [1., 2.]])
    """
    if not isinstance(other, Tensor):
        other = wrap(number_beside(other, self._array))
    if mode.enabled and (follows(self) or follows(other)):
        return _copy_(self, other)
    _write(self, self._array, (), other._array)
    return self


@face("fill_", "method", "torch")
def fill_(self: Tensor, value: Any) -> Tensor:
    """Write the number `value` (or 0-d tensor) everywhere into this tensor. Returns it.

    >>> ndl.zeros(2).fill_(3)
    tensor([3., 3.])
    """
    if isinstance(value, Tensor):
        if value.ndim:
            raise RuntimeError(f"fill_ only supports 0-dimension value tensor but got tensor with {value.ndim} "
                               f"dimensions. x.copy_(value) takes others.")
        if mode.enabled and (follows(self) or follows(value)):
            return F.copy_(self, value, False)
        value = value._array
    else:
        value = number_beside(value, self._array)
        if mode.enabled and follows(self):
            return F.copy_(self, wrap(value), False)
    self._array[...] = value  # also where several elements lie on one place: they get the same
    counter(self)[0] += 1
    return self


@face("zero_", "method", "torch")
def zero_(self: Tensor) -> Tensor:
    """Write zeros everywhere into this tensor. Returns it."""
    if mode.enabled and follows(self):
        return fill_(self, 0)
    self._array.fill(0)
    counter(self)[0] += 1
    return self


@face("fill_diagonal_", "method")
def fill_diagonal_(self: Tensor, fill_value: Any, wrap: bool = False) -> Tensor:
    """Write the number `fill_value` on the main diagonal. `wrap`: of a tall matrix, start again below its end.

    >>> ndl.zeros(2, 3).fill_diagonal_(1)
    tensor([[1., 0., 0.],
            [0., 1., 0.]])
    """
    shape = self._array.shape
    if len(shape) < 2:
        raise RuntimeError(f"fill_diagonal_: dimensions must larger than 1; got shape {list(shape)}")
    if len(shape) > 2 and len(set(shape)) > 1:
        raise RuntimeError(f"fill_diagonal_: all dimensions of input must be of equal length; got shape {list(shape)}")
    size, rest = min(shape), self
    while True:
        F.as_strided(rest, (min(size, rest.shape[0]),), (sum(rest.stride()),)).fill_(fill_value)
        if not wrap or rest.shape[0] <= size + 1 or len(shape) > 2:
            return self
        rest = rest[size + 1:]


@composite()
def index_put(input, indices, values, accumulate=False):
    """The input with `values` at the places that ``input[indices]`` would pick; `accumulate` adds them instead."""
    return _index_put(input, indices, values, accumulate, F.put_at, F.add_to, False)


@face("index_put_", "method")
def index_put_(self: Tensor, indices: Any, values: Tensor, accumulate: bool = False) -> Tensor:
    """In-place version of `index_put`."""
    return _index_put(self, indices, values, accumulate, F.put_at_, F.add_to_, True)


def _index_put(x: Tensor, indices: Any, values: Tensor, accumulate: bool, place: Any, add: Any,
               in_place: bool) -> Tensor:
    basic, tensors, layout = parse(x, tuple(_WHOLE if i is None else i for i in indices), selects=False)
    if values.dtype != x.dtype:
        raise _dtypes_differ(x._array.dtype, values._array.dtype)
    done = (add if accumulate else place)(x if _is_whole(basic) else _view(x, (*basic, ...)), tensors, layout, values)
    return x if in_place else done if _is_whole(basic) else F.reshape(done, x.shape)


# --- every other form -----------------------------------------------------------------------------------------------


def parse(x: Tensor, index: Any, selects: bool = True) -> tuple[tuple, list[Tensor], Layout]:
    """`index` as a basic part, and index tensors with their layout over the view that the basic part makes.

    selects  whether a 0-d integer tensor is an int
    """
    shape = x._array.shape
    items = [_item(i, selects) for i in (index if isinstance(index, tuple) else _sequence(index))]
    used = sum(i.ndim if _is_mask(i) else 1 for i in items if i is not None and i is not ... and not _is_flag(i))
    if used > len(shape):
        raise _too_many(items, len(shape))
    if not any(i is ... for i in items):
        items.append(...)
    basic: list[Any] = []
    tensors: list[Tensor] = []
    layout: list[int | None] = []
    dim, rest = 0, len(shape) - used  # how much of x is reached, and what is left for ...

    def pick(places: Any) -> None:
        basic.append(_WHOLE)
        layout.append(len(tensors))
        tensors.append(wrap(_beside(x._array, places) if type(places) is np.ndarray else places))

    for i in items:
        if i is ...:
            basic.extend([_WHOLE] * rest)
            layout.extend([None] * rest)
            dim, rest = dim + rest, 0  # a second one stands for nothing
        elif i is None:
            basic.append(None)
            layout.append(None)
        elif isinstance(i, slice):
            basic.append(i)
            layout.append(None)
            dim += 1
        elif isinstance(i, int):
            if not -shape[dim] <= i < shape[dim]:
                raise IndexError(f"index {i} is out of bounds for dimension {dim} with size {shape[dim]}")
            basic.append(i)
            dim += 1
        elif _is_flag(i):  # True and False pick one and none of a new dimension
            pick(i.new_zeros((1 if i._array else 0,), dtype=_INT64)._array)
            basic[-1] = None
        elif _is_mask(i):
            for k, n in enumerate(i._array.shape):
                if n != shape[dim + k]:
                    raise IndexError(f"The shape of the mask {list(i.shape)} at index {k} does not match the shape of "
                                     f"the indexed tensor {list(shape)} at index {dim + k}")
            for places in i._array.nonzero():
                pick(places)
            dim += i._array.ndim
        else:
            pick(i._array)
            dim += 1
    if tensors:
        while layout and layout[-1] is None:
            layout.pop()
        if len(tensors) > 1:
            _check_broadcast(tensors)
    return tuple(basic), tensors, tuple(layout)


def _sequence(index: Any) -> Any:
    """A lone index as a sequence of items: itself, or, as torch still has it, a list that contains other sequences."""
    if isinstance(index, list) and len(index) < 32 and any(
            i is None or i is ... or isinstance(i, (Tensor, list, tuple, range, slice, np.ndarray)) for i in index):
        warnings.warn("Using a non-tuple sequence for multidimensional indexing is deprecated; use x[tuple(seq)] "
                      "instead of x[seq], or x[ndl.tensor(seq)] for one index tensor.", stacklevel=4)
        return index
    return (index,)


def _item(i: Any, selects: bool) -> Any:
    """One item of an index: an int, a slice, None, ..., or a Tensor (a 0-d bool one is a flag)."""
    if i is None or i is ... or type(i) is int:
        return i
    kind = type(i)
    if kind is slice:
        start, stop, step = (None if v is None else v.__index__() for v in (i.start, i.stop, i.step))
        if step is not None and step <= 0:
            raise ValueError(f"step must be greater than zero (got {step}); to reverse, use x.flip(dim).")
        return slice(start, stop, step)
    if isinstance(i, (bool, np.bool_)):
        return wrap(np.array(bool(i)))
    if isinstance(i, np.integer):
        return int(i)
    if isinstance(i, (list, tuple, range)):
        i = _from_lists(i)
    elif isinstance(i, np.ndarray):
        i = wrap(np.asarray(i) if i.dtype.kind in "iub" else i.astype(np.int64))
    if not isinstance(i, Tensor):
        raise IndexError("only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid "
                         f"indices (got {kind.__name__})")
    array = i._array
    if array.dtype.kind == "b":
        return i
    if array.dtype == np.uint8:
        return wrap(array.astype(bool))
    if array.dtype.kind != "i" or (array.ndim and array.dtype.itemsize < 4):
        raise IndexError(f"tensors used as indices must be long, int, byte or bool tensors; got {i.dtype!r}. "
                         f"Convert it with .long(), or compare it to make a mask.")
    if array.ndim == 0 and selects:
        return int(array)
    return i if array.dtype == _INT64 else wrap(array.astype(np.int64))


def _from_lists(values: Any) -> Tensor:
    values = [v.tolist() if isinstance(v, (Tensor, np.ndarray)) else v for v in values]
    try:
        array = np.array(values) if len(values) else np.zeros(0, np.int64)
    except ValueError:
        raise IndexError(f"an index made of lists must be rectangular and of numbers; got {values!r}") from None
    if array.dtype.kind not in "iub" and array.size:
        raise IndexError(f"an index made of lists must be of ints or bools; got {values!r}")
    return wrap(array if array.size else array.astype(np.int64))


def _is_mask(i: Any) -> bool:
    return isinstance(i, Tensor) and i._array.dtype.kind == "b" and i._array.ndim > 0


def _is_flag(i: Any) -> bool:
    return isinstance(i, Tensor) and i._array.dtype.kind == "b" and i._array.ndim == 0


def _too_many(items: list, ndim: int) -> IndexError:
    if not ndim and any(isinstance(i, int) for i in items):
        return IndexError("invalid index of a 0-dim tensor. Use `tensor.item()` in Python to convert a 0-dim tensor "
                          "to a number")
    if not ndim and any(isinstance(i, slice) for i in items):
        return IndexError("slice() cannot be applied to a 0-dim tensor.")
    return IndexError(f"too many indices for tensor of dimension {ndim}")


def _wrong(x: Tensor, places: tuple) -> IndexError:
    return out_of_range(x._array.shape, places) if x.ndim else _too_many(list(places), 0)


def _check_broadcast(tensors: list[Tensor]) -> None:
    shapes = [t._array.shape for t in tensors]
    for sizes in zip(*((1,) * (max(map(len, shapes)) - len(s)) + s for s in shapes), strict=True):
        if len({n for n in sizes if n != 1}) > 1:
            raise IndexError("shape mismatch: indexing tensors could not be broadcast together with shapes "
                             f"{', '.join(str(list(s)) for s in shapes)}")
