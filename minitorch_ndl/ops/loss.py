"""The losses that most training uses: cross entropy in its forms, and distances between numbers.

Each is computed element by element (or row by row) and then reduced to its mean, its sum, or not at all. The rarer ones
are in `loss_margin.py` and `loss_ctc.py`.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

from .. import compiled, dtypes, errors
from ..composite import composite
from ..faces import F
from ..fused import fused
from ..op import op
from ..sums import ones
from ..tensor import Tensor

# --- reduction --------------------------------------------------------------------------------------------------------


def reduction_of(size_average: Any, reduce: Any, reduction: str) -> str:
    """"mean", "sum" or "none", also from the two flags that older scripts pass. Raises ValueError for another word."""
    if size_average is not None or reduce is not None:
        reduction = "none" if reduce is False else "sum" if size_average is False else "mean"
        warnings.warn(f"size_average and reduce args will be deprecated, please use reduction='{reduction}' instead.",
                      stacklevel=6)
    elif reduction not in ("mean", "sum", "none"):
        raise ValueError(f"{reduction} is not a valid value for reduction; expected 'mean', 'sum' or 'none'")
    return reduction


def reduced(losses: Tensor, reduction: str) -> Tensor:
    return losses.mean() if reduction == "mean" else losses.sum() if reduction == "sum" else losses


_LABELS = (dtypes.int64.numpy, dtypes.uint8.numpy)

# --- labels -----------------------------------------------------------------------------------------------------------


def _chosen(xp: Any, input: Any, target: Any, weight: Any, ignore_index: int) -> tuple[Any, Any, Any]:
    """For input (N, C): labels as one row, each row's weight (None where all are 1), their sum."""
    n, classes = input.shape
    labels = target if target.ndim == 1 else target.reshape(-1)
    # Without their signs negative labels are huge: one look finds those, and those that are too large.
    unsigned = labels.view(xp.uint64) if labels.dtype.kind == "i" else labels
    if weight is None and ignore_index < 0 and (not n or unsigned[unsigned.argmax()] < classes):  # max() takes longer
        return labels, None, n
    kept = labels != ignore_index
    wrong = kept & ((labels < 0) | (labels >= classes))
    if wrong.any():
        raise _out_of_range(xp, target, wrong, classes)
    labels = xp.where(kept, labels, 0)
    weights = kept.astype(input.dtype) if weight is None else weight[labels] * kept
    return labels, weights, weights.sum()


def _out_of_range(xp: Any, target: Any, wrong: Any, classes: int) -> IndexError:
    first = int(wrong.argmax())
    at = tuple(int(i) for i in xp.unravel_index(first, target.shape))
    label = int(target.reshape(-1)[first])
    fix = "Labels that are to be left out must equal ignore_index." if label < 0 else \
        "Do labels count from 1?" if label == classes else "Does the last layer have too few outputs?"
    return IndexError(f"Target {label} is out of bounds. The label at position {at[0] if len(at) == 1 else at} is "
                      f"{label}, but there are {classes} classes: expected 0 to {classes - 1}. {fix}")


def _settled(xp: Any, losses: Any, weights: Any, total: Any, reduction: str, shape: tuple, dtype: Any) -> Any:
    """Rows' losses, weighted and reduced."""
    if weights is not None:
        losses = xp.where(weights == 0, 0, losses * weights)
    if reduction == "none":
        return losses.reshape(shape).astype(dtype, copy=False)
    loss = xp.add.reduce(losses, None)
    if reduction == "mean":
        loss = loss / total
    return loss if loss.dtype == dtype else loss.astype(dtype)


def _share(xp: Any, g: Any, weights: Any, total: Any, reduction: str) -> Any:
    """What the incoming gradient makes of a row's loss: a number, or one for each row."""
    if reduction == "none":
        g = g.reshape(-1)
    elif reduction == "mean":
        g = g / total
    return g if weights is None else xp.where(weights == 0, 0, g * weights)


def _picked_reference(scores, target, weight, ignore_index, reduction):
    kept = target != ignore_index
    labels = F.where(kept, target, 0).long()
    weights = kept.to(scores.dtype) if weight is None else weight[labels] * kept
    losses = F.where(kept, -scores.gather(1, labels.reshape(-1, 1)).reshape(target.shape) * weights, 0.0)
    return losses.sum() / weights.sum() if reduction == "mean" else reduced(losses, reduction)


def _cross_entropy_reference(input, target, weight, ignore_index, reduction):
    return _picked_reference(F.log_softmax(input, 1, None), target, weight, ignore_index, reduction)


@fused(reference=_picked_reference, name="nll_of_labels", on="", constants=("target", "weight"))
class nll_of_labels:
    """Minus the score of each row's label: input (N, C)."""

    def forward(xp, input, target, weight=None, ignore_index: int = -100, reduction: str = "mean"):
        labels, weights, total = _chosen(xp, input, target, weight, ignore_index)
        rows = xp.arange(len(labels))
        out = _settled(xp, -input[rows, labels], weights, total, reduction, target.shape, input.dtype)
        return out, rows, labels, weights, total, reduction, input.shape

    def backward(xp, needs, g, rows, labels, weights, total, reduction, shape):
        grad = xp.zeros(shape, g.dtype)
        grad[rows, labels] = -_share(xp, g, weights, total, reduction)
        return grad


@fused(reference=_cross_entropy_reference, name="cross_entropy_of_labels", on="", constants=("target", "weight"))
class cross_entropy_of_labels:
    """``log(sum(exp(row))) - row[label]`` for each row: input (N, C)."""

    def forward(xp, input, target, weight=None, ignore_index: int = -100, reduction: str = "mean"):
        labels, weights, total = _chosen(xp, input, target, weight, ignore_index)
        x = input if input.dtype.char != "e" else input.astype("f")
        e = xp.subtract(x, _row_max(xp, x), out=xp.empty(x.shape, x.dtype))  # row by row, however x lies
        places = xp.arange(0, e.size, e.shape[1] or 1) + labels  # in the memory of e: found sooner than by row and column
        picked = e.take(places)
        xp.exp(e, out=e)
        sums = e.dot(ones(xp, e.shape[1], e.dtype))  # BLAS adds short rows several times as fast as sum() does
        out = _settled(xp, xp.log(sums) - picked, weights, total, reduction, target.shape, input.dtype)
        return out, e, sums, places, weights, total, reduction

    def backward(xp, needs, g, e, sums, places, weights, total, reduction):
        share = _share(xp, g, weights, total, reduction)
        factor = share / sums
        grad = e * (factor if factor.dtype == e.dtype else factor.astype(e.dtype))[:, None]
        if weights is not None:
            grad[weights == 0] = 0  # also where a row that is left out has no finite softmax
        grad.reshape(-1)[places] -= share
        return grad if grad.dtype == g.dtype else grad.astype(g.dtype)


def _row_max(xp: Any, x: Any) -> Any:
    """The maximum of each row, (N, 1). Short rows are faster to go through column by column."""
    if not x.shape[1]:
        return xp.zeros((len(x), 1), x.dtype)
    if x.shape[1] < 100:
        return xp.maximum.reduce(xp.ascontiguousarray(x.T), 0)[:, None]
    return x.max(1, keepdims=True)


def _checked(name: str, input: Tensor, target: Any, weight: Any, words: str) -> None:
    """Raise unless `target` can be labels for `input`, in torch's words; `words` are for an input that isn't of floats."""
    if not isinstance(target, Tensor):
        raise errors.not_a_tensor(name, "target", 2, target)
    x, sizes, dtype, shape = input._array, input._array.shape, target._array.dtype, target._array.shape
    if weight is None and dtype in _LABELS and len(sizes) > 1 and shape == sizes[:1] + sizes[2:] and x.dtype.kind == "f":
        return
    classes = sizes[1] if len(sizes) > 1 else input.numel()
    given = f"{name} of input {sizes} and target {shape}"
    if input.ndim == 0:
        raise ValueError(f"Expected 1 or more dimensions (got 0): {given}; expected scores (N, C) and labels (N).")
    if input.ndim == 1:
        fits = target.numel() == 1 and target.ndim <= 1
    else:
        if input.shape[0] != (shape[0] if shape else 1):
            raise ValueError(f"Expected input batch_size ({input.shape[0]}) to match target batch_size "
                             f"({shape[0] if shape else 1}). ({given})")
        fits = shape == (input.shape[0], *input.shape[2:])
    if not fits:
        if input.ndim > 2:
            raise RuntimeError(f"size mismatch (got input: {list(input.shape)} , target: {list(shape)}): {given}; "
                               f"expected labels of shape {(input.shape[0], *input.shape[2:])}.")
        raise RuntimeError(f"0D or 1D target tensor expected, multi-target not supported: {given}; expected one label "
                           f"for each row. For a column of labels use target.squeeze(1).")
    if dtype not in _LABELS:
        raise RuntimeError(f"expected target dtype to be Long or Byte, but got {errors._title(dtype)}: {given}. Labels "
                           f"are integers: use target.long(). (Class probabilities have the input's shape.)")
    if weight is not None:
        if weight.shape != (classes,):
            raise RuntimeError(f"weight tensor should be defined either for all {classes} classes or no classes but "
                               f"got weight tensor of shape: {list(weight.shape)}")
        if weight.dtype != input.dtype:
            raise RuntimeError(f"expected scalar type {errors._title(input._array.dtype)} but found "
                               f"{errors._title(weight._array.dtype)}: {name}: weight must have the input's dtype.")
    _only_floats(words, input)


def _in_rows(input: Tensor, target: Tensor) -> Tensor:
    """Scores (C) or (N, C, d1, ...) as one row for each label."""
    if input.ndim == 1:
        return input.reshape(1, -1)
    return input.movedim(1, -1).reshape(target.numel(), input.shape[1])


def _of_labels(run: Any, input: Tensor, target: Tensor, weight: Any, ignore_index: int, reduction: str) -> Tensor:
    if input._array.ndim == 2:
        return run(input, target, weight, ignore_index, reduction)
    losses = run(_in_rows(input, target), target, weight, ignore_index, reduction)
    return losses.reshape(target.shape if input.ndim > 1 else ()) if reduction == "none" else losses


@composite(on="functional", out=False)
def nll_loss(input, target, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction="mean"):
    """Minus the log-probability of the true class. input (N, C, ...) of log-probabilities, target (N, ...) of labels.

    weight        a factor for each class (C); the mean divides by the sum of the factors
    ignore_index  the label of elements that don't count

    Raises IndexError for labels that are no class.

    >>> scores = ndl.log_softmax(ndl.zeros(1, 4), dim=1)
    >>> ndl.nn.functional.nll_loss(scores, ndl.tensor([2]))
    tensor(1.3863)
    """
    reduction = reduction_of(size_average, reduce, reduction)
    _checked("nll_loss", input, target, weight, "nll_loss_out_frame")
    return _of_labels(nll_of_labels.op.run, input, target, weight, ignore_index, reduction)


@composite(on="functional", out=False)
def cross_entropy(input, target, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction="mean",
                  label_smoothing=0.0):
    """``nll_loss(log_softmax(input), target)``: scores (N, C, ...), and labels (N, ...) or probabilities (N, C, ...).

    weight           a factor for each class (C)
    ignore_index     the label of elements that don't count
    label_smoothing  how much of each target is spread over all classes

    Raises IndexError for labels that are no class.
    https://pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html

    >>> ndl.nn.functional.cross_entropy(ndl.zeros(2, 10), ndl.tensor([3, 4]))
    tensor(2.3026)
    """
    reduction = reduction_of(size_average, reduce, reduction)
    if not 0 <= label_smoothing <= 1:
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}")
    if isinstance(target, Tensor) and target._array.shape == input._array.shape:
        return _of_probabilities(input, target, weight, reduction, label_smoothing)
    _checked("cross_entropy", input, target, weight, "log_softmax_lastdim_kernel_impl")
    if label_smoothing:
        return _smoothed(_in_rows(input, target), target, weight, ignore_index, reduction, label_smoothing)
    return _of_labels(cross_entropy_of_labels.op.run, input, target, weight, ignore_index, reduction)


def _of_probabilities(input: Tensor, target: Tensor, weight: Any, reduction: str, smoothing: float) -> Tensor:
    if not target.is_floating_point():
        raise RuntimeError(f"Expected floating point type for target with class probabilities, got "
                           f"{errors._title(target._array.dtype)}: cross_entropy: a target of the input's shape "
                           f"{tuple(input.shape)} means probabilities: use target.float(). For one-hot "
                           f"labels use target.argmax({min(1, input.ndim - 1)}), the numbers of the classes.")
    dim = 0 if input.ndim == 1 else 1
    classes = input.shape[dim]
    if smoothing:
        target = target * (1 - smoothing) + smoothing / classes
    if weight is not None:
        target = target * weight.reshape(classes, *(1,) * (input.ndim - dim - 1))
    losses = -(target * F.log_softmax(input, dim, None)).sum(dim)
    return losses.sum() / max(losses.numel(), 1) if reduction == "mean" else reduced(losses, reduction)


def _smoothed(rows: Tensor, target: Tensor, weight: Any, ignore_index: int, reduction: str, smoothing: float) -> Tensor:
    scores, labels = F.log_softmax(rows, 1, None), target.reshape(-1)
    kept = labels != ignore_index
    true = F.nll_of_labels(scores, labels, weight, ignore_index, "none")
    spread = F.where(kept, -(scores if weight is None else scores * weight).sum(1), 0.0)
    losses = true * (1 - smoothing) + spread * (smoothing / rows.shape[1])
    if reduction != "mean":
        return losses.sum() if reduction == "sum" else losses.reshape(target.shape)
    total = kept.sum() if weight is None else (weight[F.where(kept, labels, 0).long()] * kept).sum()
    return losses.sum() / total


@composite(on="functional", out=False)
def softmax_loss(input, target):
    """The mean of ``log(sum(exp(z))) - z[y]`` over the rows z of `input` (N, C).

    target  labels (N) of any integer dtype, or a row of probabilities, such as a one-hot row, for each row: (N, C)

    >>> ndl.nn.functional.softmax_loss(ndl.zeros(2, 10), ndl.tensor([3, 4]))
    tensor(2.3026)
    """
    if not isinstance(target, Tensor):
        raise errors.not_a_tensor("softmax_loss", "target", 2, target)
    kind = target._array.dtype.kind
    if target._array.shape == input._array.shape and input.ndim:
        if target._array.dtype != input._array.dtype:
            target = target.to(input.dtype)
    elif kind in "iu" and target._array.dtype not in _LABELS:
        target = target.long()
    return F.cross_entropy(input, target)


# --- distances --------------------------------------------------------------------------------------------------------


def _only_floats(words: str, *tensors: Tensor) -> None:
    for tensor in tensors:
        if tensor._array.dtype.kind != "f":
            raise NotImplementedError(f"\"{words}\" not implemented for '{errors._title(tensor._array.dtype)}': "
                                      f"losses are computed from floats; convert the input first, for example with "
                                      f".float().")


def pair(name: str, input: Any, target: Any, weight: Any = None) -> None:
    """Check two tensors that are compared element by element; warn, as torch does, if one of them would be repeated."""
    for i, (which, value) in enumerate((("input", input), ("target", target)), 1):
        if not isinstance(value, Tensor):
            raise errors.not_a_tensor(name, which, i, value)
    if target._array.shape != input._array.shape:
        warnings.warn(f"Using a target size ({target.shape}) that is different to the input size ({input.shape}). This "
                      f"will likely lead to incorrect results due to broadcasting. Please ensure they have the same "
                      f"size.", stacklevel=5)
    if weight is not None and weight.shape != input.shape:
        raise ValueError(f"Weights and input must have the same size: {name}: {tuple(weight.shape)} and "
                         f"{tuple(input.shape)}.")


def _weighted(losses: Tensor, weight: Any, reduction: str) -> Tensor:
    """The loss with a factor for each element; the mean divides by the sum of the factors."""
    if weight is None:
        return reduced(losses, reduction)
    losses = losses * weight
    return losses.sum() / weight.sum() if reduction == "mean" else reduced(losses, reduction)


def _squared_error_reference(input, target, reduction):
    return reduced((input - target).square(), reduction)


@fused(reference=_squared_error_reference, name="squared_error", on="", promote="number")
class squared_error:
    """(input - target)², reduced."""

    def forward(xp, input, target, reduction: str):
        d = xp.subtract(input, target, out=xp.empty(xp.broadcast_shapes(input.shape, target.shape), input.dtype))
        if reduction == "none":
            return d * d, d, 2.0
        flat = d.reshape(-1)
        total = (flat * flat).sum(dtype="f") if d.dtype.char == "e" else flat.dot(flat)
        n = d.size if reduction == "mean" else 1
        return (total / (n or float("nan"))).astype(d.dtype), d, 2.0 / (n or 1)

    def backward(xp, needs, g, d, factor):
        grad = d * (g * factor)
        return grad, -grad if needs[1] else None


@composite(on="functional", out=False)
def mse_loss(input, target, size_average=None, reduce=None, reduction="mean", weight=None):
    """The mean of (input - target)². Any shape.

    >>> ndl.nn.functional.mse_loss(ndl.tensor([1.0, 2.0]), ndl.tensor([1.0, 4.0]))
    tensor(2.)
    """
    reduction = reduction_of(size_average, reduce, reduction)
    pair("mse_loss", input, target, weight)
    if target._array.dtype.kind != "f":
        _only_floats("mse_cpu", input)
    if weight is not None:
        return _weighted((input - target).square(), weight, reduction)
    return F.squared_error(input, target, reduction)


@composite(on="functional", out=False)
def l1_loss(input, target, size_average=None, reduce=None, reduction="mean", weight=None):
    """The mean of |input - target|. Any shape.

    >>> ndl.nn.functional.l1_loss(ndl.tensor([1.0, 2.0]), ndl.tensor([1.0, 4.0]))
    tensor(1.)
    """
    reduction = reduction_of(size_average, reduce, reduction)
    pair("l1_loss", input, target, weight)
    return _weighted((input - target).abs(), weight, reduction)


@compiled.formula("bowl.backward")
def _bowl_gradient(g: Any, input: Any, beta: float) -> Any:
    return g * F.clamp(input / beta, -1.0, 1.0)


@op(input=_bowl_gradient, on="", out=False)
def bowl(xp, input, beta: float):
    """|x| with a round bottom: x² / (2 beta) below beta, |x| - beta / 2 above."""
    size = xp.abs(input)
    low = size.clip(0, beta)
    size -= 0.5 * low
    size *= low
    size *= 1 / beta
    return size


@composite(on="functional", out=False)
def smooth_l1_loss(input, target, size_average=None, reduce=None, reduction="mean", beta=1.0):
    """The mean of |d| - beta / 2, where d = input - target, but of d² / (2 beta) where |d| is below `beta`. Any shape.

    >>> ndl.nn.functional.smooth_l1_loss(ndl.tensor([0.0, 0.0]), ndl.tensor([1.0, 3.0]))
    tensor(1.5000)
    """
    reduction = reduction_of(size_average, reduce, reduction)
    pair("smooth_l1_loss", input, target)
    if beta < 0:
        raise RuntimeError(f"smooth_l1_loss does not support negative values for beta. Got: {beta}")
    d = input - target
    return reduced(F.bowl(d, beta) if beta else d.abs(), reduction)


@composite(on="functional", out=False)
def huber_loss(input, target, reduction="mean", delta=1.0, weight=None):
    """The mean of d² / 2, where d = input - target, but of delta (|d| - delta / 2) where |d| is above. Any shape.

    >>> ndl.nn.functional.huber_loss(ndl.tensor([0.0, 0.0]), ndl.tensor([1.0, 3.0]))
    tensor(1.5000)
    """
    reduction = reduction_of(None, None, reduction)
    pair("huber_loss", input, target, weight)
    if delta <= 0:
        raise RuntimeError(f"huber_loss does not support non-positive values for delta. Got: {delta}")
    losses = F.bowl(input - target, delta) * delta
    return reduced(losses if weight is None else losses * weight, reduction)


# --- probabilities ----------------------------------------------------------------------------------------------------


@op(input=lambda g, input, target: g * (input - target) / F.clamp(input * (1 - input), 1e-12, None),
    target=lambda g, input: g * (F.clamp(F.log1p(-input), -100.0, None) - F.clamp(F.log(input), -100.0, None)),
    on="", out=False, promote="same", broadcasts=True)
def surprise(xp, input, target):
    """-t log x - (1 - t) log(1 - x), where logarithms end at -100."""
    return (target - 1) * xp.log1p(-input).clip(-100, 0) - target * xp.log(input).clip(-100, 0)


@composite(on="functional", out=False)
def binary_cross_entropy(input, target, weight=None, size_average=None, reduce=None, reduction="mean"):
    """The mean of -t log x - (1 - t) log(1 - x), for probabilities x and targets t in [0, 1]. Any shape.

    >>> ndl.nn.functional.binary_cross_entropy(ndl.tensor([0.5]), ndl.tensor([1.0]))
    tensor(0.6931)
    """
    reduction = reduction_of(size_average, reduce, reduction)
    if not isinstance(target, Tensor):
        raise errors.not_a_tensor("binary_cross_entropy", "target", 2, target)
    if target.shape != input.shape:
        raise ValueError(f"Using a target size ({target.shape}) that is different to the input size ({input.shape}) is "
                         f"deprecated. Please ensure they have the same size.")
    if target._array.dtype != input._array.dtype:
        raise RuntimeError(f"Found dtype {errors._title(target._array.dtype)} but expected "
                           f"{errors._title(input._array.dtype)}: binary_cross_entropy: a target is a probability, "
                           f"of the input's dtype: use target.{errors._method(input._array.dtype)}().")
    for name, values in (("input", input._array), ("target", target._array)):
        if values.size and not (values.min() >= 0 and values.max() <= 1):
            raise RuntimeError(f"all elements of {name} should be between 0 and 1; binary_cross_entropy got "
                               f"{float(values.min()):.4g} to {float(values.max()):.4g}."
                               + (" For scores use binary_cross_entropy_with_logits." if name == "input" else ""))
    losses = F.surprise(input, target)
    return reduced(losses if weight is None else losses * weight, reduction)


@op(input=lambda g, input, target: g * (F.sigmoid(input) - target), target=lambda g, input: -g * input,
    on="", out=False, promote="number")
def surprise_of_logits(xp, input, target):
    """`surprise` of sigmoid(x), without rounding the sigmoid to 0 or 1."""
    t = xp.abs(input, xp.empty_like(input))
    xp.negative(t, t)
    xp.exp(t, t)
    xp.log1p(t, t)
    t += input.clip(0, math.inf)
    return t - input * target


@composite(on="functional", out=False)
def binary_cross_entropy_with_logits(input, target, weight=None, size_average=None, reduce=None, reduction="mean",
                                     pos_weight=None):
    """`binary_cross_entropy` of ``sigmoid(input)``, which stays exact for large scores. Any shape.

    pos_weight  a factor for the positive part: broadcasts, such as one for each class (C)

    >>> ndl.nn.functional.binary_cross_entropy_with_logits(ndl.tensor([0.0, 100.0]), ndl.tensor([1.0, 0.0]))
    tensor(50.3466)
    """
    reduction = reduction_of(size_average, reduce, reduction)
    if not isinstance(target, Tensor):
        raise errors.not_a_tensor("binary_cross_entropy_with_logits", "target", 2, target)
    if target.shape != input.shape:
        raise ValueError(f"Target size ({target.shape}) must be the same as input size ({input.shape})")
    if target._array.dtype.kind != "f":
        raise RuntimeError(f"result type {errors._title(input._array.dtype)} can't be cast to the desired output type "
                           f"{errors._title(target._array.dtype)}: binary_cross_entropy_with_logits: targets are "
                           f"floats; use target.float().")
    if pos_weight is None:
        losses = F.surprise_of_logits(input, target)
    else:
        zero = input.new_zeros(())  # surprise_of_logits(x, 0) is softplus(x)
        losses = (1 - target) * F.surprise_of_logits(input, zero) \
            + pos_weight * target * F.surprise_of_logits(-input, zero)
    return reduced(losses if weight is None else losses * weight, reduction)


@composite(on="functional", out=False)
def kl_div(input, target, size_average=None, reduce=None, reduction="mean", log_target=False):
    """The mean of t (log t - x) for log-probabilities x and probabilities t (or, with `log_target`, their logs).

    reduction  "batchmean" divides the sum by the number of rows: that is the divergence; "mean" by that of elements

    >>> x = ndl.log_softmax(ndl.zeros(1, 4), 1)
    >>> ndl.nn.functional.kl_div(x, ndl.tensor([[1.0, 0.0, 0.0, 0.0]]), reduction="batchmean")
    tensor(1.3863)
    """
    if reduction == "batchmean" and size_average is None and reduce is None:
        kind = "sum"
    else:
        kind = reduction_of(size_average, reduce, reduction)
        if kind == "mean":
            warnings.warn("reduction: 'mean' divides the total loss by both the batch size and the support size. "
                          "'batchmean' divides only by the batch size, and aligns with the KL div math definition. "
                          "'mean' will be changed to behave the same as 'batchmean' in the next major release.",
                          stacklevel=4)
    losses = target.exp() * (target - input) if log_target else F.xlogy(target, target) - target * input
    losses = reduced(losses, kind)
    return losses / input.shape[0] if reduction == "batchmean" and input.ndim else losses
