"""Connectionist temporal classification: how likely labels are, when nobody says which frame belongs to which.

A path names a class for each frame; it spells the labels when repetitions are merged and then blanks removed. Paths are
summed up frame by frame, over the labels with a blank around each: 2 S + 1 states.
A. Graves et al., "Connectionist temporal classification", 2006.
https://pytorch.org/docs/stable/generated/torch.nn.CTCLoss.html
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import backend
from ..composite import composite
from ..faces import F
from ..op import op
from ..tensor import Tensor, wrap


def _spelled(xp: Any, targets: Any, blank: int) -> tuple[Any, Any]:
    """The labels (N, S) with blanks around each; and where a blank may be left out: between labels that differ."""
    n, length = targets.shape
    states = xp.full((n, 2 * length + 1), blank)
    states[:, 1::2] = targets
    skips = xp.zeros(states.shape, bool)
    skips[:, 3::2] = targets[:, 1:] != targets[:, :-1]
    return states, skips


def _step(xp: Any, scores: Any, skips: Any) -> Any:
    """Log-probabilities of the states one frame on: a path stays, goes one state further or, where it may, two."""
    out = scores.copy()
    out[:, 1:] = xp.logaddexp(out[:, 1:], scores[:, :-1])
    out[:, 2:] = xp.logaddexp(out[:, 2:], xp.where(skips[:, 2:], scores[:, :-2], -xp.inf))
    return out


def _emitted(xp: Any, log_probs: Any, states: Any) -> Any:
    """For each frame the log-probabilities of the states' labels: (T, N, 2 S + 1)."""
    rows = xp.arange(len(states))[:, None]
    return log_probs[:, rows, states].astype("d")


def _no_second(*args: Any) -> Any:
    raise NotImplementedError("the derivative for '_ctc_loss_backward' is not implemented: ctc_loss has no "
                              "second-order gradient; leave create_graph=True away.")


@op(g=_no_second, log_probs=_no_second, on="", out=False)
def ctc_gradient(xp, g, log_probs, losses, alpha, states, skips, input_lengths, target_lengths, zero_infinity: bool):
    """As torch has it: softmax minus the share of the paths through each class, which is the gradient of the logits."""
    emitted = _emitted(xp, log_probs, states)
    frames, n, count = alpha.shape
    paths = xp.empty_like(alpha)
    places = xp.arange(count)[None, ::-1]
    last = 2 * target_lengths[:, None]
    ends = xp.where((places == last) | ((places == last - 1) & (last > 0)), 0.0, -xp.inf)
    # Backward through the frames with the states in reverse is the same step as forward; what may be left out is then
    # the blank before the state.
    left_out = xp.zeros_like(skips)
    left_out[:, 2:] = skips[:, ::-1][:, :-2]
    beta = xp.full((n, count), -xp.inf)
    for t in range(frames - 1, -1, -1):
        if t < frames - 1:
            beta = _step(xp, beta + emitted[t + 1, :, ::-1], left_out)
        beta = xp.where((t == input_lengths - 1)[:, None], ends, beta)
        paths[t] = beta[:, ::-1]
    # A path's share is exp(alpha + beta) of all of them; alpha has the frame's own emission, beta has not.
    shares = xp.exp(alpha + paths + losses[:, None].astype("d"))
    grad = xp.exp(log_probs.astype("d"))
    classes = log_probs.shape[2]
    cells = (xp.arange(frames)[:, None, None] * n + xp.arange(n)[:, None]) * classes + states
    xp.subtract.at(grad.reshape(-1), cells.reshape(-1), shares.reshape(-1))
    grad[:, losses == xp.inf] = 0 if zero_infinity else xp.nan  # no path at all
    grad[xp.arange(frames)[:, None] >= input_lengths] = 0
    grad *= g[:, None]
    return grad.astype(log_probs.dtype)


@op(log_probs=lambda g, log_probs, losses, alpha, states, skips, input_lengths, target_lengths, zero_infinity:
    F.ctc_gradient(g, log_probs, losses, alpha, states, skips, input_lengths, target_lengths, zero_infinity),
    saves=("losses", "alpha", "states", "skips"), on="", out=False)
def ctc_each(xp, log_probs, targets, input_lengths, target_lengths, blank: int, zero_infinity: bool):
    """The loss of each sequence: log_probs (T, N, C), targets (N, S)."""
    states, skips = _spelled(xp, targets, blank)
    emitted = _emitted(xp, log_probs, states)
    alpha = xp.full(emitted.shape, -xp.inf)
    if len(alpha):
        alpha[0, :, 0] = emitted[0, :, 0]
        alpha[0, :, 1:2] = xp.where(target_lengths[:, None] > 0, emitted[0, :, 1:2], -xp.inf)
    for t in range(1, len(alpha)):
        alpha[t] = _step(xp, alpha[t - 1], skips) + emitted[t]
    rows = xp.arange(len(states))
    final = alpha[input_lengths - 1, rows]
    last = final[rows, 2 * target_lengths]
    other = xp.where(target_lengths > 0, final[rows, xp.maximum(2 * target_lengths - 1, 0)], -xp.inf)
    losses = -xp.logaddexp(last, other)
    losses = xp.where(input_lengths > 0, losses, xp.where(target_lengths > 0, xp.inf, 0.0)).astype(log_probs.dtype)
    out = xp.where(losses == xp.inf, 0, losses).astype(log_probs.dtype) if zero_infinity else losses
    return out, losses, alpha, states, skips


@composite(on="functional torch", out=False)
def ctc_loss(log_probs, targets, input_lengths, target_lengths, blank=0, reduction="mean", zero_infinity=False):
    """Minus the log-probability of the targets, summed over all ways to spell them with repetitions and blanks.

    log_probs       (T, N, C), or (T, C) for one sequence, after log_softmax; the gradient takes that for granted
    targets         labels (N, S), or all sequences one after another
    input_lengths   how many frames of each sequence count (N); target_lengths: how many labels (N)
    blank           the class that stands for nothing
    zero_infinity   0 instead of inf for a sequence that is too short for its labels

    "mean" divides each loss by its number of labels, and then takes the mean over the batch.

    >>> frames = ndl.log_softmax(ndl.zeros(4, 1, 3), 2)
    >>> ndl.nn.functional.ctc_loss(frames, ndl.tensor([[1, 2]]), (4,), (2,), reduction="sum")
    tensor(1.6864)
    """
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"{reduction} is not a valid value for reduction; expected 'mean', 'sum' or 'none'")
    batched = log_probs.ndim == 3
    if not batched:
        log_probs = log_probs.unsqueeze(1)
    frames, n, classes = log_probs.shape
    inputs, labels = _lengths("input_lengths", input_lengths, n), _lengths("target_lengths", target_lengths, n)
    if not 0 <= blank < classes:
        raise RuntimeError(f"blank must be in label range: ctc_loss got blank={blank} for {classes} classes")
    if inputs.size and inputs.max() > frames:
        raise RuntimeError(f"Expected input_lengths to have value at most {frames}, but got value {inputs.max()} "
                           f"(ctc_loss: log_probs has {frames} frames)")
    rows = _rows(backend.to_numpy(targets._array), labels, n)
    send = backend.of_type(type(log_probs._array)).from_numpy
    losses = F.ctc_each(log_probs, wrap(send(rows)), wrap(send(inputs)), wrap(send(labels)), blank, zero_infinity)
    if reduction == "mean":
        return (losses / wrap(send(np.maximum(labels, 1).astype(log_probs._array.dtype)))).mean()
    return losses.sum() if reduction == "sum" else losses if batched else losses.squeeze(0)


def _lengths(name: str, value: Any, n: int) -> np.ndarray:
    lengths = np.asarray(value.tolist() if isinstance(value, Tensor) else value, np.int64).reshape(-1)
    if lengths.size != n:
        raise RuntimeError(f"{name} must be of size batch_size: ctc_loss got {lengths.size} for a batch of {n}")
    return lengths


def _rows(targets: np.ndarray, lengths: np.ndarray, n: int) -> np.ndarray:
    """The labels as one row for each sequence, (N, S). Raises RuntimeError if there are too few."""
    longest = int(lengths.max()) if lengths.size else 0
    if targets.ndim == 1:
        if targets.size < lengths.sum():
            raise RuntimeError(f"ctc_loss: targets has {targets.size} labels, but target_lengths add up to "
                               f"{lengths.sum()}")
        rows = np.zeros((n, longest), np.int64)
        rows[np.arange(longest) < lengths[:, None]] = targets[:lengths.sum()]
        return rows
    if targets.shape[0] != n or targets.shape[1] < longest:
        raise RuntimeError(f"Expected tensor to have size at least {longest} at dimension 1, but got size "
                           f"{list(targets.shape)} for targets of ctc_loss; expected ({n}, at least {longest}).")
    return targets[:, :longest].astype(np.int64)
