"""Embeddings: rows of a table, looked up by number; the gradient is added to the rows that were used."""

from __future__ import annotations

from typing import Any

from .. import backend, dtypes, errors
from ..autograd.grad_mode import no_grad
from ..composite import composite
from ..faces import F
from ..op import op
from ..tensor import Tensor, wrap
from .index import add_at

Shape = tuple[int, ...]


def _gradient(g: Any, index: Any, weight_shape: Any, padding_idx: Any, scale_grad_by_freq: bool) -> Any:
    grad = F.rows_added(g, index, tuple(weight_shape))
    if padding_idx is None and not scale_grad_by_freq:
        return grad
    return F.rows_settled(grad, index, padding_idx, scale_grad_by_freq)


@op(weight=_gradient, on="", out=False)
def rows(xp, weight, index, padding_idx: object = None, scale_grad_by_freq: bool = False):
    """``weight[index]``: weight (V, D), index of any shape (*), result (*, D)."""
    try:
        if index.size and index.min() < 0:
            raise IndexError
        return weight.take(index, 0)
    except IndexError:
        raise _out_of_range(xp, index, weight.shape) from None


def _out_of_range(xp: Any, index: Any, shape: Shape) -> IndexError:
    first = int(((index < 0) | (index >= shape[0])).argmax())
    at = tuple(int(i) for i in xp.unravel_index(first, index.shape))
    return IndexError(f"index out of range in self: embedding: index {int(index.reshape(-1)[first])} at position {at}, "
                      f"but weight has {shape[0]} rows (shape {shape}); expected 0 to {shape[0] - 1}. Check "
                      f"num_embeddings.")


@op(input=lambda g, index: F.rows(g, index, None, False), on="", out=False)
def rows_added(xp, input, index, shape: Shape):
    """Zeros of `shape`, with the rows of `input` added where `index` says. The other way round from `rows`."""
    out = xp.zeros(shape, input.dtype)
    add_at(xp, out, (index,), input)
    return out


@op(input=lambda g, index, padding_idx, by_frequency: F.rows_settled(g, index, padding_idx, by_frequency),
    on="", out=False)
def rows_settled(xp, input, index, padding_idx: object, by_frequency: bool):
    """The table with its padding row set to zero, and its rows divided by the number of times that they were used."""
    out = input.copy()
    if padding_idx is not None:
        out[padding_idx] = 0
    if by_frequency:
        out /= xp.maximum(xp.bincount(index.reshape(-1), minlength=len(out)), 1).astype(out.dtype)[:, None]
    return out


@composite(on="functional", out=False)
def embedding(input, weight, padding_idx=None, max_norm=None, norm_type=2.0, scale_grad_by_freq=False, sparse=False):
    """``weight[input]``: integers of any shape (*), weight (V, D), result (*, D).

    padding_idx         the row that gets no gradient
    max_norm            rows that are used and longer are first shortened to this `norm_type`-norm, in place
    scale_grad_by_freq  divide a row's gradient by the number of times that it was used
    sparse              accepted; gradients are always dense

    Raises IndexError for a row that does not exist.

    >>> ndl.nn.functional.embedding(ndl.tensor([[0, 2]]), ndl.eye(3))
    tensor([[[1., 0., 0.],
             [0., 0., 1.]]])
    """
    if not isinstance(weight, Tensor):
        raise errors.not_a_tensor("embedding", "weight", 2, weight)
    if input._array.dtype not in (dtypes.int64.numpy, dtypes.int32.numpy):
        raise RuntimeError(f"Expected tensor for argument #1 'indices' to have one of the following scalar types: "
                           f"Long, Int; but got {errors._title(input._array.dtype)}Tensor instead (while checking "
                           f"arguments for embedding). Use input.long().")
    if weight.ndim != 2:
        raise RuntimeError(f"'weight' must be 2-D; embedding got shape {tuple(weight.shape)}, expected (V, D).")
    if padding_idx is not None:
        if not -weight.shape[0] <= padding_idx < weight.shape[0]:
            raise AssertionError("Padding_idx must be within num_embeddings")
        padding_idx %= weight.shape[0]
    if max_norm is not None:
        _shorten(weight, input, max_norm, norm_type)
    return F.rows(weight, input, padding_idx, scale_grad_by_freq)


@no_grad()
def _shorten(weight: Any, input: Tensor, max_norm: float, norm_type: float) -> None:
    used = wrap(backend.of_type(type(input._array)).xp.unique(input._array))
    rows = F.rows(weight, used)
    norms = rows.norm(norm_type, 1, True)
    weight[used] = F.where(norms > max_norm, rows * (max_norm / (norms + 1e-7)), rows)
