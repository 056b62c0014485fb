"""The layers' own products: `linear`, x Wᵀ + b, and `bilinear`."""

from __future__ import annotations

import math
from typing import Any

from numpy import ndarray

from ..composite import composite
from ..faces import F
from ..op import op
from ..products import times
from ..tensor import Tensor
from .matmul import _matmul_input, _matmul_other, product


def _input(g: Any, weight: Any, input_shape: Any) -> Any:
    if type(g) is ndarray and g.ndim == 2 == weight.ndim:  # the usual case, without asking further
        return times(g, weight)
    if weight.ndim == 1:
        return _matmul_input(g, weight, input_shape)
    return _rowwise(g, weight)


def _weight(g: Any, input: Any, weight_shape: Any) -> Any:
    if type(g) is ndarray and g.ndim == 2 == len(weight_shape):
        return times(g.T, input)
    if len(weight_shape) == 1:
        return _matmul_other(g, input, weight_shape)
    return _rowwise(_matrix(g).T, _matrix(input))


def _rowwise(a: Any, b: Any) -> Any:
    """a @ b, where b is a matrix: for arrays on all rows at once."""
    if isinstance(a, Tensor) or a.dtype.char not in "fd":
        return a @ b
    return times(a, b) if a.ndim == 2 else times(_matrix(a), b).reshape(*a.shape[:-1], b.shape[-1])


def _matrix(x: Any) -> Any:
    """All rows of `x`, whatever its leading dimensions."""
    return x if x.ndim == 2 else x.reshape((math.prod(x.shape[:-1]), x.shape[-1]))


@op(input=_input, weight=_weight, bias=lambda g, bias_shape: F.sum_to_size(g, bias_shape),
    promote="same", on="functional")
def linear(xp, input, weight, bias=None):
    """``input @ weight.T + bias``: input (..., in), weight (out, in), bias (out) or None, result (..., out).

    Raises RuntimeError if the features or the dtypes differ.

    >>> ndl.nn.functional.linear(ndl.ones(2, 3), ndl.ones(4, 3), ndl.zeros(4))
    tensor([[3., 3., 3., 3.],
            [3., 3., 3., 3.]])
    """
    if weight.ndim not in (1, 2) or not input.ndim or input.shape[-1] != weight.shape[-1]:
        raise _mismatch(input.shape, weight.shape)
    if weight.ndim == 1 or input.dtype.char not in "fd":
        out = product(xp, input, weight.T)
    else:
        x = input if input.ndim == 2 else _matrix(input)
        out = times(x, weight.T)
        if x is not input:
            out = out.reshape((*input.shape[:-1], len(weight)))
    if bias is not None:
        if out.ndim == 0:
            return out + bias
        try:
            out += bias
        except ValueError:
            raise RuntimeError(f"The expanded size of the tensor ({out.shape[-1]}) must match the existing size "
                               f"({(*bias.shape, 1)[-1]}): linear: weight {weight.shape} makes {out.shape[-1]} "
                               f"features, but bias has shape {bias.shape}; expected ({out.shape[-1]},).") from None
    return out


def _mismatch(input: tuple, weight: tuple) -> RuntimeError:
    if not input:
        return RuntimeError(f"both arguments to linear need to be at least 1D, but they are 0D and {len(weight)}D; "
                            f"expected input (..., in), weight (out, in). Use x.reshape(1, 1) for a single number.")
    if len(weight) not in (1, 2):
        return RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {len(weight)}D: linear: weight "
                            f"has shape {weight}; expected (out, in).")
    expected, given, rows = weight[-1], input[-1], math.prod(input[:-1])
    if len(input) > 2 and math.prod(input[1:]) == expected:
        fix = "Flatten the input first: x.flatten(1)."
    elif len(weight) == 2 and given == weight[0]:
        fix = "The weight seems to be transposed: it is (out, in)."
    else:
        fix = "Check in_features, or flatten the input first."
    if len(weight) == 2:
        words = f"mat1 and mat2 shapes cannot be multiplied ({rows}x{given} and {expected}x{weight[0]})"
    else:
        words = f"size mismatch, got input ({rows}), mat ({rows}x{given}), vec ({expected})"
    return RuntimeError(f"{words}: linear: input has {given} features, weight expects {expected} (input {input}, "
                        f"weight {weight}). {fix}")


@composite(on="torch functional", out=False)
def bilinear(input1, input2, weight, bias=None):
    """``input1 @ weight[k] @ input2 + bias[k]``: inputs (..., in1) and (..., in2), weight (out, in1, in2), bias (out).

    >>> ndl.nn.functional.bilinear(ndl.ones(5, 2), ndl.ones(5, 3), ndl.ones(4, 2, 3)).shape
    Size([5, 4])
    """
    if weight.ndim != 3:
        raise RuntimeError(f"bilinear: weight has shape {tuple(weight.shape)}; expected (out, in1, in2).")
    if input1.shape[:-1] != input2.shape[:-1]:
        raise RuntimeError(f"bilinear(): input batch dimensions do not match: got {list(input1.shape)} and "
                           f"{list(input2.shape)}; only the last size may differ.")
    for which, x, n in ((1, input1, weight.shape[1]), (2, input2, weight.shape[2])):
        if x.shape[-1] != n:
            raise RuntimeError(f"bilinear(): input{which} size does not match weight size: got {x.shape[-1]} but "
                               f"expected {n} (input{which} {tuple(x.shape)}, weight {tuple(weight.shape)}).")
    features, n1, n2 = weight.shape
    rows = math.prod(input1.shape[:-1])
    halfway = input1.reshape(rows, n1) @ weight.permute(1, 0, 2).reshape(n1, features * n2)
    out = (halfway.reshape(rows, features, n2) @ input2.reshape(rows, n2, 1)).reshape(*input1.shape[:-1], features)
    return out if bias is None else out + bias
