"""For tests: are two results equal but for rounding? https://pytorch.org/docs/stable/testing.html"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from . import dtypes
from .tensor import Tensor, wrap

# dtype -> (rtol, atol)
_TOLERANCES = {"float16": (1e-3, 1e-5), "float32": (1.3e-6, 1e-5), "float64": (1e-7, 1e-7)}


_WHERE = "The failure occurred for item "


def assert_close(actual: Any, expected: Any, *, allow_subclasses: bool = True, rtol: float | None = None,
                 atol: float | None = None, equal_nan: bool = False, check_device: bool = True, check_dtype: bool = True,
                 check_layout: bool = True, check_stride: bool = False, msg: Any = None) -> None:
    """Raise AssertionError unless ``|actual - expected| <= atol + rtol * |expected|``, for tensors, arrays, numbers, and
    lists and dicts of them.

    >>> ndl.testing.assert_close(ndl.tensor([1.0]), ndl.tensor([1.0 + 1e-7]))
    >>> ndl.testing.assert_close(ndl.ones(2), ndl.tensor([1.0, 2.0]))
    Traceback (most recent call last):
    AssertionError: Tensor-likes are not close!
    <BLANKLINE>
    Mismatched elements: 1 / 2 (50.0%)
    Greatest absolute difference: 1.0 at index (1,) (up to 1e-05 allowed)
    Greatest relative difference: 0.5 at index (1,) (up to 1.3e-06 allowed)
    """
    if (rtol is None) != (atol is None):
        raise ValueError("rtol and atol must both be specified or both be unspecified")
    wrong = _difference(actual, expected, rtol, atol, equal_nan, check_dtype, check_stride)
    if wrong:
        raise AssertionError(wrong if msg is None else msg(wrong) if callable(msg) else msg)


def _difference(a: Any, b: Any, rtol: Any, atol: Any, equal_nan: bool, check_dtype: bool, check_stride: bool) -> str:
    options = rtol, atol, equal_nan, check_dtype, check_stride
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        if a.keys() != b.keys():
            return f"The keys of the mappings do not match:\n{sorted(map(str, a))} and {sorted(map(str, b))}"
        pairs = [(k, a[k], b[k]) for k in a]
    elif isinstance(a, Sequence) and isinstance(b, Sequence) and not isinstance(a, str):
        if len(a) != len(b):
            return f"The length of the sequences mismatch: {len(a)} != {len(b)}"
        pairs = list(zip(range(len(a)), a, b))
    else:
        return _leaves(a, b, *options)
    for key, x, y in pairs:
        if wrong := _difference(x, y, *options):
            if _WHERE in wrong:
                return wrong.replace(_WHERE, f"{_WHERE}[{key!r}]")
            return f"{wrong}\n\n{_WHERE}[{key!r}]"
    return ""


def _leaves(a: Any, b: Any, rtol: Any, atol: Any, equal_nan: bool, check_dtype: bool, check_stride: bool) -> str:
    if isinstance(a, Tensor) != isinstance(b, Tensor):
        return f"None of the pairs of {type(a).__name__} and {type(b).__name__} can be compared: both must be tensors."
    if a is None or isinstance(a, str):
        return "" if a == b else f"{a!r} is not {b!r}"
    x, y = (v.detach() if isinstance(v, Tensor) else wrap(np.asarray(v)) for v in (a, b))
    if x.shape != y.shape:
        return f"The values for attribute 'shape' do not match: {x.shape} != {y.shape}."
    if check_dtype and isinstance(a, Tensor) and x.dtype is not y.dtype:
        return f"The values for attribute 'dtype' do not match: {x.dtype} != {y.dtype}."
    if check_stride and x.stride() != y.stride():
        return f"The values for attribute 'stride()' do not match: {x.stride()} != {y.stride()}."
    if rtol is None:
        names = [t._array.dtype.name for t in (x, y)] if isinstance(a, Tensor) else ["float64" if x.is_floating_point() else ""]
        rtol, atol = (max(values) for values in zip(*(_TOLERANCES.get(name, (0.0, 0.0)) for name in names)))
    left, right = (t.numpy(force=True).astype(np.float64 if t.is_floating_point() else object) for t in (x, y))
    with np.errstate(all="ignore"):
        distance = np.abs(np.asarray(left - right, np.float64))
        allowed = atol + rtol * np.abs(np.asarray(right, np.float64))
        near = np.asarray((left == right) | (np.isfinite(distance) & (distance <= allowed)), bool)
    if equal_nan and x.is_floating_point() and y.is_floating_point():
        near |= np.isnan(left) & np.isnan(right)
    if near.all():
        return ""
    kind = "Tensor-likes" if isinstance(a, Tensor) else "Scalars" if not x.ndim else "Arrays"
    lines = [f"{kind} are not {'close' if rtol or atol else 'equal'}!", ""]
    with np.errstate(all="ignore"):
        relative = distance / np.abs(np.asarray(right, np.float64))
    count = near.size - int(near.sum())
    lines.append(f"Mismatched elements: {count} / {near.size} ({100 * count / near.size:.1f}%)")
    for name, values, limit in (("absolute", distance, atol), ("relative", relative, rtol)):
        values = np.where(near, -1.0, np.where(np.isnan(values), np.inf, values))
        at = np.unravel_index(int(values.argmax()), values.shape)
        lines.append(f"Greatest {name} difference: {float(values[at])} at index {tuple(map(int, at))}"
                     + (f" (up to {limit} allowed)" if rtol or atol else ""))
    return "\n".join(lines)


def make_tensor(*shape: Any, dtype: Any, device: Any = "cpu", low: Any = None, high: Any = None,
                requires_grad: bool = False) -> Tensor:
    """A tensor of random values from `low` to `high`: -9 to 9, or what the dtype has of that."""
    from . import random

    sizes = tuple(shape[0]) if len(shape) == 1 and not isinstance(shape[0], int) else shape
    kind = dtypes.to_numpy(dtype)
    low = (0 if kind.kind in "ub" else -9) if low is None else low
    high = (2 if kind.kind == "b" else 10 if kind.kind in "ui" else 9) if high is None else high
    draw = random.default_generator.uniform if kind.kind == "f" else None
    array = draw(sizes, kind, low, high) if draw else random.default_generator.integers(low, high, sizes, np.int64).astype(kind)
    return wrap(array).to(device).requires_grad_(requires_grad)
