"""Inputs of different dtypes, and numbers among them: what an operation does before its kernel sees anything.

Torch's rule itself is `dtypes.result_dtype`. Here it is applied: Python numbers become 0-d arrays of the dtype that the
tensors beside them decide, and tensors that differ are converted by a recorded `to`, so that kernels and gradient
formulas only ever see one dtype.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from . import dtypes, errors
from .backend import hush, of_type, restore
from .faces import F
from .tensor import Tensor, wrap

if TYPE_CHECKING:
    from .dispatch import Op

# Python numbers as 0-d arrays: NumPy multiplies by such an array in half the time that it takes for a Python float.
_numbers: dict[np.dtype, dict[Any, np.ndarray]] = {d: {} for d in dtypes.BY_NUMPY}
F32 = np.dtype("float32")
NUMBERS = (bool, int, float, np.number, np.bool_)
recent32 = _numbers[F32]


def number_array(value: Any, dtype: np.dtype) -> np.ndarray:
    """`value` as a 0-d array; integers wrap around, as torch's do. Recent ones are remembered."""
    known = _numbers[dtype]
    found = known.get(value)
    if found is None:
        if dtype.kind == "f":
            token = hush()
            found = np.array(value, dtype)
            restore(token)
        else:
            found = np.array(value).astype(dtype)
            if found.dtype != dtype or np.array(value).dtype == object:
                raise RuntimeError(f"value cannot be converted to {dtypes.from_numpy(dtype)!r} without overflow: {value}")
        if value != 0:  # 0.0 and -0.0 are equal as keys
            if len(known) > 1000:
                known.clear()
            known[value] = found
    return found


def lift(op: Op, args: Sequence[Any]) -> tuple:
    """`args` with Python and NumPy numbers made 0-d tensors of the dtype that torch gives them beside the others."""
    tensors = [a for i, a in enumerate(args) if i in op.arrays and isinstance(a, Tensor)]
    if not tensors and op.numbers is not True and op.signature.sequence is None:
        refuse(op, op.arrays[0], args[op.arrays[0]])
    lifted = list(args)
    together = [dtypes.number_dtype(args[i]) for i in op.promoted if isinstance(args[i], NUMBERS)]
    for i in op.arrays:
        value = args[i]
        if isinstance(value, Tensor) or i == op.signature.sequence or (value is None and op.signature.optional(i)):
            continue
        allowed = op.numbers is True or (op.numbers and op.signature.names[i] in op.numbers)
        if not allowed or not isinstance(value, NUMBERS):
            refuse(op, i, value)
        others = [a for k, a in enumerate(args) if k in op.promoted and isinstance(a, Tensor)] or tensors
        number = functools.reduce(dtypes.promote, together) if i in op.promoted else dtypes.number_dtype(value)
        if others:
            number = dtypes.result_dtype(*ranks(others), number)
            like = others[0]._array
        else:
            like = np.empty(0)
        if op.promote == "float" and number.kind != "f":
            number = dtypes.default_float()
        array = number_array(value, number)
        lifted[i] = wrap(array if type(like) is np.ndarray else of_type(type(like)).from_numpy(array))
    return tuple(lifted)


def refuse(op: Op, i: int, value: Any) -> Any:
    raise errors.not_a_tensor(op.name, op.signature.names[i], i + 1, value)


def ranks(tensors: Sequence[Tensor]) -> tuple[np.dtype | None, np.dtype | None]:
    """The promoted dtypes of the tensors with dimensions and of the 0-d ones."""
    dims = [t._array.dtype for t in tensors if t._array.ndim]
    zeros = [t._array.dtype for t in tensors if not t._array.ndim]
    return (functools.reduce(dtypes.promote, dims) if dims else None,
            functools.reduce(dtypes.promote, zeros) if zeros else None)


def common_dtype(op: Op, args: Sequence[Any], values: Sequence[Any]) -> np.dtype | None:
    """The dtype that the inputs have to be converted to, or None if they are fine as they are."""
    first, agree = None, True
    for i in op.promoted:
        value = values[i]
        if value is None:
            continue
        for array in value if type(value) is list else (value,):
            if first is None:
                first = array.dtype
            elif array.dtype is not first and array.dtype != first:
                agree = False
    if op.promote == "same":
        if not agree:
            raise errors.dtypes_differ(op.name, [(op.signature.names[i], values[i]) for i in op.promoted])
        return None
    if first is None or (agree and (op.promote != "float" or first.kind == "f")):
        return None
    tensors: list[Tensor] = []
    for i in op.promoted:
        if args[i] is not None:
            tensors.extend(args[i] if isinstance(args[i], (list, tuple)) else (args[i],))
    wanted = dtypes.result_dtype(*ranks(tensors))
    return dtypes.default_float() if op.promote == "float" and wanted.kind != "f" else wanted


def converted(op: Op, args: Sequence[Any], wanted: np.dtype) -> tuple:
    """`args` with the inputs that meet converted, by a recorded `to`."""
    to, target = F.to_dtype, dtypes.from_numpy(wanted)
    return tuple(
        a if i not in op.promoted or a is None else
        [to(t, target) for t in a] if isinstance(a, (list, tuple)) else
        a if a._array.dtype == wanted else to(a, target)
        for i, a in enumerate(args))
