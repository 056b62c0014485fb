"""Losses that ask for a margin, compare pairs and triplets, or assume a distribution."""

from __future__ import annotations

import math
from typing import Any

from ..autograd.grad_mode import no_grad
from ..composite import composite
from ..faces import F
from ..tensor import Tensor
from .loss import _of_labels, pair, reduced, reduction_of

# --- one score or pair of vectors each, with targets of 1 and -1 ------------------------------------------------------


@composite(on="functional torch", out=False)
def margin_ranking_loss(input1, input2, target, margin=0, size_average=None, reduce=None, reduction="mean"):
    """The mean of max(0, -y (x1 - x2) + margin): y = 1 says that x1 should be larger, -1 that x2 should. Any shape.

    >>> ones = ndl.ones(2)
    >>> ndl.nn.functional.margin_ranking_loss(ndl.tensor([1.0, 3.0]), ndl.tensor([2.0, 2.0]), ones)
    tensor(0.5000)
    """
    reduction = reduction_of(size_average, reduce, reduction)
    if not input1.ndim == input2.ndim == target.ndim:
        raise RuntimeError(f"margin_ranking_loss : All input tensors should have same dimension but got sizes: input1: "
                           f"{input1.shape}, input2: {input2.shape}, target: {target.shape} ")
    return reduced(F.clamp(-target * (input1 - input2) + float(margin), 0, None), reduction)


@composite(on="functional torch", out=False)
def hinge_embedding_loss(input, target, margin=1.0, size_average=None, reduce=None, reduction="mean"):
    """The mean of x where y is 1, and of max(0, margin - x) where y is -1. Any shape."""
    reduction = reduction_of(size_average, reduce, reduction)
    far = F.where(target != 1, F.clamp(margin - input, 0, None), 0.0)
    near = F.where(target != -1, input, 0.0)
    return reduced(far + near, reduction)


@composite(on="functional", out=False)
def soft_margin_loss(input, target, size_average=None, reduce=None, reduction="mean"):
    """The mean of log(1 + exp(-y x)), y being 1 or -1. Any shape."""
    reduction = reduction_of(size_average, reduce, reduction)
    return reduced(F.softplus(-target * input), reduction)


@composite(on="functional torch", out=False)
def cosine_embedding_loss(input1, input2, target, margin=0, size_average=None, reduce=None, reduction="mean"):
    """The mean of 1 - cos(x1, x2) where y is 1, and of max(0, cos(x1, x2) - margin) where it is -1.

    Vectors (N, D) with targets (N), or (D) with a single one.
    """
    reduction = reduction_of(size_average, reduce, reduction)
    if target.ndim not in (0, 1):
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    if not input1.ndim == input2.ndim == target.ndim + 1:
        raise RuntimeError(f"{target.ndim}D target tensor expects {target.ndim + 1}D input tensors, but found inputs "
                           f"with sizes {list(input1.shape)} and {list(input2.shape)}.")
    square1, square2 = (input1 * input1).sum(-1) + 1e-12, (input2 * input2).sum(-1) + 1e-12
    cosine = (input1 * input2).sum(-1) / (square1 * square2).sqrt()
    like = F.where(target == 1, 1 - cosine, 0.0)
    unlike = F.where(target == -1, F.clamp(cosine - margin, 0, None), 0.0)
    return reduced(like + unlike, reduction)


# --- a score for each class -------------------------------------------------------------------------------------------


def _per_class(name: str, input: Tensor, target: Tensor, labels: bool) -> Tensor:
    """`input` as (N, C). Raises RuntimeError if the shapes do not fit."""
    if labels and target._array.dtype.kind not in "iu":
        raise RuntimeError(f"expected scalar type Long but found {target.dtype!r}: {name} takes class numbers as labels.")
    if not input.ndim:
        input, target = input.reshape(1), target.reshape(() if labels else 1)
    expected = input.shape[:-1] if labels else input.shape
    fits = target.shape == expected or (labels and target.numel() == 1)
    if input.ndim not in (1, 2) or not input.shape[-1] or not fits:
        raise RuntimeError(f"inconsistent target size: {name} of input {tuple(input.shape)} and target "
                           f"{tuple(target.shape)}; expected (N, C) and {'labels (N)' if labels else '(N, C)'}.")
    return input.reshape(-1, input.shape[-1])


@composite(on="functional", out=False)
def multi_margin_loss(input, target, p=1, margin=1.0, weight=None, size_average=None, reduce=None, reduction="mean"):
    """The mean of Σ max(0, margin - x[y] + x[j])ᵖ / C over the wrong classes j: scores (N, C), labels (N).

    weight  a factor for each true class (C)
    """
    reduction = reduction_of(size_average, reduce, reduction)
    if p not in (1, 2):
        raise ValueError("only p == 1 and p == 2 supported")
    if weight is not None and weight.ndim != 1:
        raise ValueError("weight must be one-dimensional")
    scores = _per_class("multi_margin_loss", input, target, labels=True)
    true = -_of_labels(F.nll_of_labels, scores, target.reshape(-1), None, -100, "none")
    short = F.clamp(margin - true.unsqueeze(1) + scores, 0, None)
    losses = (short if p == 1 else short * short)
    if weight is not None:
        losses = losses * weight[target.reshape(-1)].unsqueeze(1)
    wrong = F.scatter(losses.new_ones(losses.shape), 1, target.reshape(-1, 1), 0.0)
    losses = (losses * wrong).sum(1) / scores.shape[1]
    return reduced(losses.reshape(target.shape), reduction)


@composite(on="functional", out=False)
def multilabel_margin_loss(input, target, size_average=None, reduce=None, reduction="mean"):
    """The mean of Σ max(0, 1 - x[y] + x[j]) / C over true classes y and wrong ones j: scores (N, C), labels (N, C).

    A row of labels ends at the first -1.
    """
    reduction = reduction_of(size_average, reduce, reduction)
    scores = _per_class("multilabel_margin_loss", input, target, labels=False)
    labels = target.reshape(scores.shape)
    if labels._array.size and (labels.min() < -1 or labels.max() >= scores.shape[1]):
        raise RuntimeError(f"argument #2 'target' is out of range: multilabel_margin_loss expects labels from -1 to "
                           f"{scores.shape[1] - 1}")
    counts = (labels < 0).long().cumsum(1) == 0  # those before the first -1
    place = F.where(counts, labels, 0).long()
    true = F.scatter_add(scores.new_zeros(scores.shape), 1, place, counts.to(scores.dtype)) > 0
    short = F.clamp(1 - scores.gather(1, place).unsqueeze(2) + scores.unsqueeze(1), 0, None)
    losses = F.where(counts.unsqueeze(2) & ~true.unsqueeze(1), short, 0.0).sum((1, 2)) / scores.shape[1]
    return reduced(losses if input.ndim == 2 else losses.reshape(()), reduction)


@composite(on="functional", out=False)
def multilabel_soft_margin_loss(input, target, weight=None, size_average=None, reduce=None, reduction="mean"):
    """`binary_cross_entropy_with_logits`, its mean over the last dimension taken first: (N, C), targets (N, C).

    weight  a factor for each class (C)
    """
    reduction = reduction_of(size_average, reduce, reduction)
    losses = F.surprise_of_logits(input, target)
    if weight is not None:
        losses = losses * weight
    return reduced(losses.mean(-1), reduction)


# --- triplets ---------------------------------------------------------------------------------------------------------


@composite(on="functional torch", out=False)
def triplet_margin_loss(anchor, positive, negative, margin=1.0, p=2, eps=1e-6, swap=False, size_average=None,
                        reduce=None, reduction="mean"):
    """The mean of max(0, |a - p| - |a - n| + margin): the positive should be nearer to the anchor than the negative.

    Vectors (N, D) or (D); `p`: of which norm; `swap`: |p - n| counts instead of |a - n| where it is smaller.
    """
    reduction = reduction_of(size_average, reduce, reduction)
    if not anchor.ndim == positive.ndim == negative.ndim:
        raise RuntimeError(f"The anchor, positive, and negative tensors are expected to have the same number of "
                           f"dimensions, but got: anchor {anchor.ndim}D, positive {positive.ndim}D, and negative "
                           f"{negative.ndim}D inputs")
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    distance = lambda a, b: F.pairwise_distance(a, b, p, eps)
    return _triplets(distance, anchor, positive, negative, margin, swap, reduction)


@composite(on="functional", out=False)
def triplet_margin_with_distance_loss(anchor, positive, negative, *, distance_function=None, margin=1.0, swap=False,
                                      reduction="mean"):
    """`triplet_margin_loss` with a distance of your own, ``distance_function(x, y)``."""
    reduction = reduction_of(None, None, reduction)
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    return _triplets(distance_function or F.pairwise_distance, anchor, positive, negative, margin, swap, reduction)


def _triplets(distance: Any, anchor: Any, positive: Any, negative: Any, margin: float, swap: bool,
              reduction: str) -> Any:
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = F.minimum(far, distance(positive, negative))
    return reduced(F.clamp(margin + near - far, 0, None), reduction)


# --- distributions ----------------------------------------------------------------------------------------------------


@composite(on="functional", out=False)
def poisson_nll_loss(input, target, log_input=True, full=False, size_average=None, eps=1e-8, reduce=None,
                     reduction="mean"):
    """The mean of exp(x) - y x, for log-rates x and counts y; without `log_input`, of x - y log(x + eps) for rates x.

    full  add Stirling's approximation of log(y!)

    >>> ndl.nn.functional.poisson_nll_loss(ndl.zeros(2), ndl.tensor([1.0, 2.0]))
    tensor(1.)
    """
    reduction = reduction_of(size_average, reduce, reduction)
    losses = input.exp() - target * input if log_input else input - target * (input + eps).log()
    if full:
        stirling = target * target.log() - target + 0.5 * (2 * math.pi * target).log()
        losses = losses + F.where(target > 1, stirling, 0.0)
    return reduced(losses, reduction)


@composite(on="functional", out=False)
def gaussian_nll_loss(input, target, var, full=False, eps=1e-6, reduction="mean"):
    """The mean of (log v + (x - y)² / v) / 2, for means x, targets y and variances v (not below `eps`).

    var   of the input's shape, or one for each row, or a number
    full  add the constant log(2 pi) / 2
    """
    reduction = reduction_of(None, None, reduction)
    if not isinstance(var, Tensor):
        if var < 0:
            raise ValueError(f"var has negative entry/entries; got {var}")
        var = input.new_full(input.shape, float(var))
    elif (var < 0).any():
        raise ValueError("var has negative entry/entries; variances are positive")
    if var.shape != input.shape:
        if var.shape == input.shape[:-1]:
            var = var.unsqueeze(-1)
        elif var.ndim != input.ndim or any(a not in (1, b) for a, b in zip(var.shape, input.shape, strict=True)):
            raise ValueError(f"var is of incorrect size: {tuple(var.shape)} for input {tuple(input.shape)}")
    pair("gaussian_nll_loss", input, target)
    with no_grad():
        raised = F.clamp(var, eps, None) - var
    var = var + raised  # the gradient passes as if nothing had been raised
    losses = 0.5 * (var.log() + (input - target).square() / var)
    return reduced(losses + 0.5 * math.log(2 * math.pi) if full else losses, reduction)
