"""embedding_bag: rows of a table looked up in bags, and each bag summed, averaged or reduced to its largest values."""

from __future__ import annotations

import warnings
from typing import Any

from .. import backend, dtypes, errors
from ..composite import composite
from ..faces import F
from ..tensor import Tensor, wrap
from .embedding import _shorten


@composite(on="functional", out=False)
def embedding_bag(input, weight, offsets=None, max_norm=None, norm_type=2.0, scale_grad_by_freq=False, mode="mean",
                  sparse=False, per_sample_weights=None, include_last_offset=False, padding_idx=None):
    """The rows of `weight` (V, D) that each bag of integers names, made one by `mode` ("sum", "mean" or "max"): (bags, D).

    input                (bags, n), a bag in each row; or (n,), one bag after the other, which start at `offsets` (bags,)
    per_sample_weights   with "sum": what the rows are multiplied by; of the input's shape
    include_last_offset  `offsets` has one element more: where the last bag ends
    padding_idx          elements that name this row are left out
    max_norm, norm_type, scale_grad_by_freq, sparse   as for `embedding`

    An empty bag gives zeros.

    >>> words, starts = ndl.tensor([0, 2, 1]), ndl.tensor([0, 2])
    >>> ndl.nn.functional.embedding_bag(words, ndl.eye(3), starts, mode="sum")
    tensor([[1., 0., 1.],
            [0., 1., 0.]])
    """
    if isinstance(weight, Tensor) and weight._array.dtype.kind == "i" and input.is_floating_point():
        warnings.warn("Argument order of nn.functional.embedding_bag was changed. Usage `embedding_bag(weight, input, ...)` is "
                      "deprecated, and should now be `embedding_bag(input, weight, ...)`.", stacklevel=4)
        input, weight = weight, input
    _check(input, weight, offsets, mode, scale_grad_by_freq, sparse, per_sample_weights)
    xp = backend.of_type(type(weight._array)).xp
    if input.ndim == 2:
        if not input.shape[1] and input.shape[0]:
            raise RuntimeError(f"embedding_bag: step must be nonzero: bags of no elements, in an input of shape "
                               f"{tuple(input.shape)}")
        starts = xp.arange(input.shape[0] + 1) * input.shape[1]
    else:
        starts = _starts(xp, offsets._array, len(input), include_last_offset)
    if padding_idx is not None:
        if not -len(weight) <= padding_idx < len(weight):
            raise RuntimeError(f"padding_idx must be within the number of embeddings, {-len(weight)} through "
                               f"{len(weight) - 1}, but got {padding_idx}")
        padding_idx %= len(weight)
    if max_norm is not None:
        _shorten(weight, input, max_norm, norm_type)
    # Flat, with the number of its bag for each element.
    bag = xp.repeat(xp.arange(len(starts) - 1), xp.diff(starts))
    names, factors = input.reshape(-1)[:len(bag)], per_sample_weights
    factors = None if factors is None else factors.reshape(-1)[:len(bag)]
    if padding_idx is not None:
        kept = names != padding_idx
        names, bag, factors = names[kept], bag[kept._array], None if factors is None else factors[kept]
    sizes = xp.bincount(bag, minlength=len(starts) - 1)
    rows = _rows(weight, names, scale_grad_by_freq)
    if mode == "max":
        return _largest(xp, rows, bag, sizes)
    if factors is not None:
        rows = rows * factors[:, None]
    sums = F.rows_added(rows, wrap(bag), (len(sizes), weight.shape[1]))
    return sums if mode == "sum" else sums / wrap(xp.maximum(sizes, 1)[:, None].astype(sums._array.dtype))


def _rows(weight: Tensor, names: Tensor, scale_grad_by_freq: bool) -> Tensor:
    try:
        return F.rows(weight, names, None, scale_grad_by_freq)
    except IndexError as error:
        raise RuntimeError(f"Index of input takes a value which is not in the valid range [0, {len(weight)}): {error}"
                           ) from None


def _largest(xp: Any, rows: Tensor, bag: Any, sizes: Any) -> Tensor:
    """Each bag's largest values: its rows beside each other, filled up with a row of -inf."""
    longest = int(sizes.max()) if len(sizes) else 0
    if not longest:
        return rows.new_zeros(len(sizes), rows.shape[1])
    table = xp.zeros((len(sizes), longest), xp.int64) + len(rows)
    table[bag, xp.arange(len(bag)) - (xp.cumsum(sizes) - sizes)[bag]] = xp.arange(len(bag))
    filled = F.cat([rows, rows.new_full((1, rows.shape[1]), float("-inf"))])[wrap(table)]
    return F.where(wrap((sizes > 0)[:, None]), filled.max(1).values, rows.new_zeros(()))


def _starts(xp: Any, offsets: Any, n: int, include_last_offset: bool) -> Any:
    """Where each bag starts, and where the last one ends."""
    if include_last_offset and not len(offsets):
        raise RuntimeError("include_last_offset: number of offset should be at least 1")
    if len(offsets) and offsets[0] != 0:
        raise RuntimeError(f"offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start from position 0. "
                           f"However, got {int(offsets[0])}")
    if len(offsets) and offsets[-1] > n:
        raise RuntimeError(f"offsets[-1] can not be greater than input's length {n} but got offsets[-1] of {int(offsets[-1])}")
    if (xp.diff(offsets) < 0).any():
        raise RuntimeError(f"embedding_bag: offsets must not decrease; got {offsets.tolist()}")
    end = [] if include_last_offset else [n if len(offsets) else 0]
    return xp.concatenate([offsets, xp.asarray(end, dtype=offsets.dtype)])


def _check(input: Tensor, weight: Any, offsets: Any, mode: str, scale_grad_by_freq: bool, sparse: bool, factors: Any) -> None:
    if not isinstance(weight, Tensor):
        raise errors.not_a_tensor("embedding_bag", "weight", 2, weight)
    if factors is not None and factors.shape != input.shape:
        raise ValueError(f"embedding_bag: If per_sample_weights ({tuple(factors.shape)}) is not None, then it must have the "
                         f"same shape as the input ({tuple(input.shape)})")
    if weight.ndim != 2:
        raise ValueError(f"weight has to be a 2D Tensor, but got Tensor of dimension {weight.ndim}")
    if input.ndim == 2 and offsets is not None:
        raise ValueError(f"if input is 2D, then offsets has to be None, as input is treated is a mini-batch of fixed length "
                         f"sequences. However, found offsets of type {type(offsets)}")
    if input.ndim == 1 and (not isinstance(offsets, Tensor) or offsets.ndim != 1):
        raise ValueError(f"offsets has to be a 1D Tensor but got "
                         f"{list(offsets.shape) if isinstance(offsets, Tensor) else offsets!r}")
    if input.ndim not in (1, 2):
        raise ValueError(f"input has to be 1D or 2D Tensor, but got Tensor of dimension {input.ndim}")
    if mode not in ("sum", "mean", "max"):
        raise ValueError(f"mode has to be one of sum, mean or max; got {mode!r}")
    if mode == "max" and scale_grad_by_freq:
        raise ValueError("max mode does not support scaling the gradient by the frequency")
    if mode == "max" and sparse:
        raise ValueError("max mode does not support sparse weights")
    if factors is not None and mode != "sum":
        raise NotImplementedError(f"embedding_bag: per_sample_weights was not None. per_sample_weights is only supported for "
                                  f"mode='sum' (got mode='{mode}'). Multiply the rows of `embedding` instead.")
    for t in (input, *(() if offsets is None else (offsets,))):
        if t._array.dtype not in (dtypes.int64.numpy, dtypes.int32.numpy):
            raise RuntimeError(f"Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, "
                               f"Int; but got {errors._title(t._array.dtype)}Tensor instead (while checking arguments for "
                               f"embedding_bag). Use .long().")
    if not weight.is_floating_point():
        raise RuntimeError(f"Expected tensor for argument #1 'weight' to have one of the following scalar types: Half, Float, "
                           f"Double; but got {errors._title(weight._array.dtype)}Tensor instead (embedding_bag)")
    if factors is not None and factors.dtype != weight.dtype:
        raise RuntimeError(f"Expected tensor for argument #1 'weight' to have the same type as tensor for argument #1 "
                           f"'per_sample_weights'; but type {weight.dtype!r} does not equal {factors.dtype!r} (embedding_bag)")
