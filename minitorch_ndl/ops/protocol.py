"""NumPy's own functions on Tensors: `np.exp(t)`, `np.concatenate([t, u])`, `np.sum(t, axis=0)`.

Where a NumPy function has an operation here, that operation runs, and its gradient is recorded. Every other NumPy function
gets arrays: the Tensors convert by `__array__`, which refuses where a graph would be lost.
https://numpy.org/doc/stable/user/basics.interoperability.html
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..faces import FACES
from ..tensor import Tensor, wrap

# ufuncs whose operation has another name; all others are looked up by their own.
_UFUNCS = {"power": "pow", "float_power": "float_power", "remainder": "remainder", "fmod": "fmod", "negative": "neg",
           "absolute": "abs", "fabs": "abs", "invert": "bitwise_not", "greater": "gt", "greater_equal": "ge",
           "less": "lt", "less_equal": "le", "equal": "eq", "not_equal": "ne", "rint": "round", "true_divide": "div",
           "divide": "div", "left_shift": "bitwise_left_shift", "right_shift": "bitwise_right_shift", "conjugate": "conj",
           "degrees": "rad2deg", "radians": "deg2rad", "cbrt": None, "spacing": None, "modf": None, "frexp": None}

# These take no number beside a Tensor.
_TENSORS_ONLY = {"arctan2", "copysign", "eq", "fmax", "fmin", "fmod", "ge", "gt", "heaviside", "hypot", "ldexp", "le",
                 "logaddexp", "logaddexp2", "logical_and", "logical_or", "logical_xor", "lt", "maximum",
                 "minimum", "ne", "nextafter"}
_REDUCTIONS = {"add": "sum", "multiply": "prod", "maximum": "amax", "minimum": "amin"}


def _ufunc(self: Tensor, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
    """What ``np.exp(t)`` and ``array * t`` come to."""
    name = _UFUNCS.get(ufunc.__name__, ufunc.__name__)
    operation = FACES["torch"].get(name) if name else None
    if method == "__call__" and operation is not None and not kwargs:
        if name in _TENSORS_ONLY:
            dtype = next(i._array.dtype for i in inputs if isinstance(i, Tensor))
            inputs = tuple(np.asarray(i, np.result_type(dtype, i)) if isinstance(i, (int, float, np.generic)) else i
                           for i in inputs)
        return operation(*(wrap(np.asarray(i)) if isinstance(i, np.ndarray) else i for i in inputs))
    if method == "reduce" and len(inputs) == 1 and not kwargs.get("out") and ufunc.__name__ in _REDUCTIONS:
        reduction = _REDUCTIONS[ufunc.__name__]
        return _call(FACES["torch"][reduction], inputs[:1], {"axis": 0, **kwargs})
    out = kwargs.get("out")
    if out is not None:  # array += t writes into the array; np.exp(a, out=t) into the Tensor's
        kwargs["out"] = tuple(o.numpy() if isinstance(o, Tensor) else o for o in out)
    result = getattr(ufunc, method)(*map(_array, inputs), **kwargs)
    return out[0] if out is not None and len(out) == 1 else result


def _function(self: Tensor, function: Callable, types: Any, args: tuple, kwargs: dict) -> Any:
    """What ``np.sum(t, axis=0)`` comes to."""
    ours = FUNCTIONS.get(function)
    if ours is not None:
        try:
            return ours(*args, **kwargs)
        except _Unsupported:
            pass  # an argument that only NumPy has
    return function(*map(_array, args), **{k: _array(v) for k, v in kwargs.items()})


class _Unsupported(Exception):
    """An argument that our operation does not take."""


def _array(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.numpy()
    if isinstance(value, (list, tuple)) and any(isinstance(v, (Tensor, list, tuple)) for v in value):
        return type(value)(map(_array, value))
    return value


def _tensor(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return wrap(np.asarray(value))
    if isinstance(value, (list, tuple)) and any(isinstance(v, (Tensor, np.ndarray)) for v in value):
        return [_tensor(v) for v in value]
    return value


_SPELLINGS = {"a": "input", "x": "input", "m": "input", "arr": "input", "ary": "input", "v": "input", "A": "input",
              "arrays": "tensors", "axis": "dim", "keepdims": "keepdim"}


def _call(operation: Callable, args: tuple, kwargs: dict, takes: tuple[str, ...] | None = None) -> Any:
    """Call one of ours with NumPy's arguments: absent ones left out, names as ours."""
    given = {}
    for key, value in kwargs.items():
        if value is None or value is np._NoValue or (key == "dtype" and takes is None):  # type: ignore[attr-defined]
            continue
        key = _SPELLINGS.get(key, key)
        names = operation.signature.names  # type: ignore[attr-defined]
        if key not in names:
            raise _Unsupported
        given[key] = _tensor(value)
    return operation(*map(_tensor, args), **given)


def _same(name: str, face: str = "torch") -> Callable:
    """NumPy's function under another name of ours, positions alike."""

    def call(*args: Any, **kwargs: Any) -> Any:
        return _call(FACES[face][name], args, kwargs)

    return call


def _spread(name: str) -> Callable:
    """std and var: NumPy divides by N - ddof with ddof 0, torch by N - 1."""

    def call(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: int = 0, keepdims: Any = False,
             **rest: Any) -> Any:
        if rest or out is not None or dtype is not None:
            raise _Unsupported
        return FACES["torch"][name](a, axis, correction=ddof, keepdim=keepdims is True)

    return call


def _flat_if_no_axis(name: str) -> Callable:
    """Functions that work on the flattened array unless an axis is given."""

    def call(a: Any, axis: Any = None, **rest: Any) -> Any:
        if any(v is not None for v in rest.values()):
            raise _Unsupported
        return FACES["torch"][name](a.reshape(-1) if axis is None else a, 0 if axis is None else axis)

    return call


def _sort(a: Any, axis: Any = -1, **rest: Any) -> Any:
    if any(v is not None for v in rest.values()):
        raise _Unsupported
    return FACES["torch"]["sort"](a.reshape(-1) if axis is None else a, -1 if axis is None else axis)[0]


def _transpose(a: Any, axes: Any = None) -> Any:
    return a.permute(*(axes if axes is not None else range(a.ndim - 1, -1, -1)))


def _repeat(a: Any, repeats: Any, axis: Any = None) -> Any:
    return FACES["torch"]["repeat_interleave"](a, _tensor(repeats), axis)


def _expand_dims(a: Any, axis: Any) -> Any:
    for dim in sorted(axis) if isinstance(axis, tuple) else (axis,):
        a = a.unsqueeze(dim)
    return a


def _concatenate(arrays: Any, axis: Any = 0, out: Any = None, **rest: Any) -> Any:
    if rest or out is not None:
        raise _Unsupported
    arrays = _tensor(list(arrays))
    return FACES["torch"]["cat"]([a.reshape(-1) for a in arrays] if axis is None else arrays, 0 if axis is None else axis)


def _flip(m: Any, axis: Any = None) -> Any:
    return m.flip(tuple(range(m.ndim)) if axis is None else axis)


def _clip(a: Any, a_min: Any = None, a_max: Any = None, out: Any = None, **rest: Any) -> Any:
    low, high = rest.pop("min", a_min), rest.pop("max", a_max)
    if rest or out is not None:
        raise _Unsupported
    return FACES["torch"]["clamp"](_tensor(a), _tensor(low), _tensor(high))


def _split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list:
    return list(FACES["torch"]["tensor_split"](ary, indices_or_sections, axis))


def _dot(a: Any, b: Any, out: Any = None) -> Any:
    if out is not None or max(np.ndim(_shape(a)), np.ndim(_shape(b))) > 2:
        raise _Unsupported
    a, b = _tensor(a), _tensor(b)
    return a * b if not a.ndim or not b.ndim else a @ b


def _shape(x: Any) -> Any:
    return x._array if isinstance(x, Tensor) else x


FUNCTIONS: dict[Any, Callable] = {
    np.sum: _same("sum"), np.prod: _same("prod"), np.mean: _same("mean"), np.max: _same("amax"), np.min: _same("amin"),
    np.amax: _same("amax"), np.amin: _same("amin"), np.argmax: _same("argmax"), np.argmin: _same("argmin"),
    np.all: _same("all"), np.any: _same("any"), np.nansum: _same("nansum"), np.nanmean: _same("nanmean"),
    np.count_nonzero: _same("count_nonzero"), np.std: _spread("std"), np.var: _spread("var"),
    np.cumsum: _flat_if_no_axis("cumsum"), np.cumprod: _flat_if_no_axis("cumprod"), np.sort: _sort,
    np.concatenate: _concatenate, np.stack: _same("stack"), np.vstack: _same("vstack"), np.hstack: _same("hstack"),
    np.dstack: _same("dstack"), np.column_stack: _same("column_stack"), np.split: _split, np.array_split: _split,
    np.reshape: lambda a, *shape, **k: a.reshape(*(shape or (k["shape"],))), np.ravel: _same("ravel"),
    np.transpose: _transpose, np.swapaxes: _same("swapaxes"), np.moveaxis: _same("movedim"), np.squeeze: _same("squeeze"),
    np.expand_dims: _expand_dims, np.broadcast_to: _same("broadcast_to"), np.flip: _flip, np.fliplr: _same("fliplr"),
    np.flipud: _same("flipud"), np.roll: lambda a, shift, axis=None: a.roll(shift, axis),
    np.rot90: _same("rot90"), np.tile: _same("tile"),
    np.repeat: _repeat, np.diag: _same("diag"), np.diagonal: _same("diagonal"), np.trace: _same("trace"),
    np.tril: _same("tril"), np.triu: _same("triu"), np.where: lambda c, *xy: FACES["torch"]["where"](
        _tensor(c), *map(_tensor, xy)), np.clip: _clip,
    np.round: lambda a, decimals=0: a.round(decimals=decimals), np.nan_to_num: _same("nan_to_num"),
    np.isclose: _same("isclose"), np.dot: _dot, np.outer: _same("outer"), np.inner: _same("inner"),
    np.tensordot: lambda a, b, axes=2: FACES["torch"]["tensordot"](_tensor(a), _tensor(b), axes),
    np.einsum: lambda *operands, **k: FACES["torch"]["einsum"](*map(_tensor, operands)), np.kron: _same("kron"),
    np.zeros_like: _same("zeros_like"), np.ones_like: _same("ones_like"), np.full_like: _same("full_like"),
    np.empty_like: _same("empty_like"), np.linalg.inv: _same("inv", "linalg"), np.linalg.det: _same("det", "linalg"),
    np.linalg.solve: _same("solve", "linalg"), np.linalg.norm: _same("norm", "linalg"),
    np.linalg.cholesky: _same("cholesky", "linalg"), np.atleast_1d: _same("atleast_1d"),
    np.atleast_2d: lambda *a: FACES["torch"]["atleast_2d"](*a), np.diff: _same("diff"),
}

Tensor.__array_ufunc__ = _ufunc  # type: ignore[attr-defined]
Tensor.__array_function__ = _function  # type: ignore[attr-defined]
