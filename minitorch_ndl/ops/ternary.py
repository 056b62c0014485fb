"""Operations on three tensors (or numbers), element by element, with broadcasting: choices, bounds, blends.

The derivative with respect to each input stands beside the function, as in `binary.py`.
"""

from __future__ import annotations

import math
from typing import Any

from .. import dtypes, errors
from ..composite import composite
from ..faces import FACES, F
from ..op import op
from ..tensor import Tensor
from .binary import MIXED
from .choose import choose


@op(input=lambda g, condition: F.where(condition, g, 0.0),
    other=lambda g, condition: F.where(condition, 0.0, g),
    promote="number", numbers=("input", "other"), on="")
def where(xp, condition, input, other):
    """`input` where the condition holds, `other` elsewhere."""
    if condition.dtype.kind != "b":
        if condition.dtype != "uint8":
            raise RuntimeError(f"where expected condition to be a boolean tensor, but got a tensor with dtype "
                               f"{condition.dtype}. Compare it: where(x != 0, ...).")
        condition = condition.astype(bool)
    return choose(xp, condition, input, other)


def _clamp_input(g, input, min, max):
    if min is not None:
        g = F.where(input >= min, g, 0.0)
    return g if max is None else F.where(input <= max, g, 0.0)


def _clamp_min(g, input, min, max):
    g = F.where(input < min, g, 0.0)
    return g if max is None else F.where(min < max, g, 0.0)


def _clamp_max(g, input, min, max):
    return F.where(input > max, g, 0.0 if min is None else F.where(max < min, g, 0.0))


def _no_bool_clamp(args: Any) -> None:
    if isinstance(args[0], Tensor) and args[0]._array.dtype.kind != "b":
        return
    bools = [isinstance(x, bool) or (isinstance(x, Tensor) and x.dtype is dtypes.bool_) for x in args if x is not None]
    if all(bools) and not all(isinstance(x, Tensor) for x in args if x is not None):
        raise NotImplementedError("\"clamp_cpu\" not implemented for 'Bool'. Convert it first: x.int().")


@op(input=_clamp_input, min=_clamp_min, max=_clamp_max, promote="number", numbers=("min", "max"), inplace=True,
    aliases=("clip",), check=("b", _no_bool_clamp))
def clamp(xp, input, min=None, max=None):
    """The input, but no less than `min` and no more than `max` (numbers or tensors; either may be left out).

    >>> ndl.clamp(ndl.tensor([-2.0, 0.5, 3.0]), -1, 1)
    tensor([-1.0000,  0.5000,  1.0000])
    """
    if min is None and max is None:
        raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    if input.dtype.kind == "f" and input.size > 4096:  # one pass, and faster than comparing with one bound alone
        return xp.clip(input, -math.inf if min is None else min, math.inf if max is None else max)
    out = input if min is None else xp.maximum(input, min)
    return out if max is None else xp.minimum(out, max)


@op(input=lambda g, input, min: F.where(input >= min, g, 0.0),
    min=lambda g, input, min: F.where(input < min, g, 0.0),
    **{**MIXED, "numbers": ("min",)}, ufunc="maximum", check=("b", _no_bool_clamp))
def clamp_min(xp, input, min):
    """The input, but no less than `min`."""


@op(input=lambda g, input, max: F.where(input <= max, g, 0.0),
    max=lambda g, input, max: F.where(input > max, g, 0.0),
    **{**MIXED, "numbers": ("max",)}, ufunc="minimum", check=("b", _no_bool_clamp))
def clamp_max(xp, input, max):
    """The input, but no more than `max`."""


@composite(on="torch", name="where")
def where_(condition, input=None, other=None):
    """`input` where `condition` holds, `other` elsewhere. With the condition alone: where it holds, as index tensors.

    >>> x = ndl.tensor([-1.0, 2.0])
    >>> ndl.where(x > 0, x, 0.0), ndl.where(x > 0)
    (tensor([0., 2.]), (tensor([1]),))
    """
    if not isinstance(condition, Tensor):
        raise errors.not_a_tensor("where", "condition", 1, condition)
    if input is None and other is None:
        return condition.nonzero(as_tuple=True)
    return F.where(condition, input, other)


@composite(on="method", name="where", out=False)
def where_method(input, condition, other):
    """The input where `condition` holds, `other` elsewhere."""
    return F.where(condition, input, other)


# --- blends ----------------------------------------------------------------------------------------------------------


@op(input=lambda g, weight: g * (1 - weight),
    end=lambda g, weight: g * weight,
    weight=lambda g, input, end: g * (end - input),
    promote="same", numbers=("weight",), inplace=True, broadcasts=True)
def lerp(xp, input, end, weight):
    """The way from `input` to `end`, gone by `weight`: ``input + weight * (end - input)``.

    >>> ndl.lerp(ndl.tensor([0.0, 10.0]), ndl.tensor([10.0, 20.0]), 0.5)
    tensor([ 5., 15.])
    """
    if input.dtype.kind != "f":
        raise errors.not_implemented("lerp", input)
    gap, near = xp.subtract(end, input), weight < 0.5  # from whichever end is nearer: exact at both
    if not weight.ndim and gap.ndim:
        gap *= weight if near else weight - 1
        return xp.add(input if near else end, gap, gap)
    return choose(xp, near, input + gap * weight, end - gap * (1 - weight))


@op(input=lambda g: g,
    tensor1=lambda g, tensor2, value: g * (tensor2 * value),
    tensor2=lambda g, tensor1, value: g * (tensor1 * value),
    promote="number", inplace=True)
def addcmul(xp, input, tensor1, tensor2, *, value: float = 1):
    """``input + value * tensor1 * tensor2``."""
    return _plus(input, tensor1 * tensor2, value if input.dtype.kind == "f" else int(value))


def _plus(x: Any, term: Any, factor: Any) -> Any:
    """``x + factor * term``, in the memory of `term` if it is large enough."""
    if factor != 1:
        term *= factor
    if term.shape != x.shape:
        return x + term
    term += x
    return term


def _no_integers(args: Any) -> None:
    if all(isinstance(a, Tensor) and a._array.dtype.kind != "f" for a in args[1:3]):
        raise RuntimeError("Integer division with addcdiv is no longer supported; use input + value * "
                           "ndl.div(tensor1, tensor2, rounding_mode='trunc') for it, or convert to float first.")


@op(input=lambda g: g,
    tensor1=lambda g, tensor2, value: g * (value / tensor2),
    tensor2=lambda g, tensor1, tensor2, value: -g * (tensor1 * value / (tensor2 * tensor2)),
    promote="number", inplace=True, check=("biu", _no_integers))
def addcdiv(xp, input, tensor1, tensor2, *, value: float = 1):
    """``input + value * tensor1 / tensor2``."""
    return _plus(input, tensor1 / tensor2, value)


for _name in ("clamp", "clip", "clamp_min", "clamp_max"):
    FACES["torch"][_name + "_"] = getattr(Tensor, _name + "_")
