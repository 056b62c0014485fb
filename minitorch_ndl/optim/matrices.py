"""Optimizers that make use of weights being matrices: Adafactor saves memory by it, Muon evens out the directions."""

from __future__ import annotations

import math
from typing import Any

from ..blas import add_multiple
from ..tensor import wrap
from .optimizer import Optimizer


class Adafactor(Optimizer):
    """Scaled steps as Adam's, where a matrix's squared gradients are kept as one row and one column of means.

    Steps are relative to the size of the weights, and no longer than `d` (as a root mean square). `eps` is for the
    means (None: the dtype's own) and for the size of the weights. Shazeer and Stern, 2018.
    https://pytorch.org/docs/stable/generated/torch.optim.Adafactor.html
    """

    decoupled = None
    ranges = {"beta2_decay": (-math.inf, math.nextafter(0.0, 1.0)), "d": (1.0, math.inf)}

    def __init__(self, params: Any, lr: float = 1e-2, beta2_decay: float = -0.8,
                 eps: tuple[float | None, float] = (None, 1e-3), d: float = 1.0, weight_decay: float = 0.0, *,
                 foreach: bool | None = None, maximize: bool = False):
        super().__init__(params, {
            "lr": lr, "beta2_decay": beta2_decay, "eps": eps, "d": d, "weight_decay": weight_decay, "foreach": foreach,
            "maximize": maximize})

    def _update(self, xp: Any, p: Any, g: Any, state: dict[str, Any], group: dict[str, Any], scratch: Any) -> None:
        step, _ = self._begin(xp, p, state)
        lr, (eps1, eps2) = float(group["lr"]), group["eps"]
        eps1 = float(xp.finfo(p.dtype).eps) if eps1 is None else eps1
        weight = step ** group["beta2_decay"]  # of the new gradient among the means
        alpha = max(eps2, _size(xp, p)) * min(lr, 1 / math.sqrt(step))
        if group["weight_decay"]:
            p *= 1 - lr * group["weight_decay"]
        square = xp.multiply(g, g, out=scratch)
        if g.ndim > 1:
            row, column = (_mean(xp, state, name, square.mean(axis, keepdims=True), weight)
                           for name, axis in (("row_var", -1), ("col_var", -2)))
            xp.multiply(row, column, out=scratch)
            scratch /= xp.maximum(row.mean(-2, keepdims=True), eps1)
        else:
            scratch[...] = _mean(xp, state, "variance", square, weight)
        xp.sqrt(xp.maximum(scratch, eps1 * eps1, out=scratch), out=scratch)
        step = xp.divide(g, scratch, out=scratch)
        add_multiple(xp, p, -alpha / max(1.0, _size(xp, step) / group["d"]), step, scratch)


def _size(xp: Any, array: Any) -> float:
    """The root mean square."""
    return float(xp.linalg.norm(array.reshape(-1))) / math.sqrt(array.size)


def _mean(xp: Any, state: dict[str, Any], name: str, new: Any, weight: float) -> Any:
    """The running mean of this name, after `new` has entered it."""
    if name not in state:
        state[name] = wrap(xp.zeros_like(new))
    mean = state[name]._array
    mean += weight * (new - mean)
    return mean


class Muon(Optimizer):
    """Momentum whose matrix is made orthogonal before it is applied: all its directions count alike.

    For the 2-d weights of hidden layers; biases, embeddings and the like go to another optimizer. `ns_steps` iterations
    of Newton and Schulz, x ← a x + (b x xᵀ + c (x xᵀ)²) x, drive the singular values towards 1. Jordan et al., 2024.
    https://pytorch.org/docs/stable/generated/torch.optim.Muon.html

    >>> w = ndl.eye(2).requires_grad_()
    >>> opt = ndl.optim.Muon([w], lr=0.1, weight_decay=0)
    >>> w.sum().backward(); opt.step(); w.shape
    Size([2, 2])
    """

    decoupled = True

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 0.1, momentum: float = 0.95,
                 nesterov: bool = True, ns_coefficients: tuple[float, float, float] = (3.4445, -4.775, 2.0315),
                 eps: float = 1e-7, ns_steps: int = 5, adjust_lr_fn: str | None = None):
        if adjust_lr_fn not in (None, "original", "match_rms_adamw"):
            raise ValueError(f"Adjust learning rate function {adjust_lr_fn} is not supported: it is 'original' or "
                             f"'match_rms_adamw'.")
        super().__init__(params, {
            "lr": lr, "weight_decay": weight_decay, "momentum": momentum, "nesterov": nesterov,
            "ns_coefficients": ns_coefficients, "eps": eps, "ns_steps": ns_steps, "adjust_lr_fn": adjust_lr_fn})

    def _check(self, group: dict[str, Any]) -> None:
        super()._check(group)
        for p in group["params"]:
            if p.ndim != 2:
                raise ValueError(f"Muon only supports 2D parameters whereas we found a parameter with size: {p.shape}. "
                                 f"Give biases, embeddings and the like to another optimizer, as AdamW.")

    def _update(self, xp: Any, p: Any, g: Any, state: dict[str, Any], group: dict[str, Any], scratch: Any) -> None:
        if len(group["ns_coefficients"]) != 3:
            raise ValueError("Coefficients must be a tuple of exactly 3 values")
        if group["ns_steps"] >= 100:
            raise ValueError("Number of steps must be less than 100 for computational efficiency")
        momentum = group["momentum"]
        mean = _mean(xp, state, "momentum_buffer", g, 1 - momentum)
        update = g + momentum * (mean - g) if group["nesterov"] else mean
        rows, columns = p.shape
        ratio = 0.2 * math.sqrt(max(rows, columns)) if group["adjust_lr_fn"] == "match_rms_adamw" else \
            math.sqrt(max(1, rows / columns))
        update = _orthogonal(xp, update, group["ns_coefficients"], group["ns_steps"], group["eps"])
        add_multiple(xp, p, -float(group["lr"]) * ratio, update, scratch)


def _orthogonal(xp: Any, x: Any, coefficients: tuple[float, float, float], steps: int, eps: float) -> Any:
    """The nearest orthogonal matrix, roughly. Every result is rounded to bfloat16, as in torch: it is rough anyhow."""
    a, b, c = coefficients
    upright = x.shape[0] > x.shape[1]
    x = _to_bfloat16(xp, x.T if upright else x)
    x = _to_bfloat16(xp, x / max(_to_bfloat16(xp, xp.sqrt((x * x).sum())), eps))
    for _ in range(steps):
        gram = _to_bfloat16(xp, x @ x.T)
        x = _to_bfloat16(xp, a * x + _to_bfloat16(xp, b * gram + c * (gram @ gram)) @ x)
    return x.T if upright else x


def _to_bfloat16(xp: Any, x: Any) -> Any:
    """Rounded to the 8 leading bits that bfloat16 has, as float32."""
    bits = xp.asarray(x, dtype=xp.float32).view(xp.uint32)
    return ((bits + (0x7FFF + (bits >> 16 & 1))) & 0xFFFF0000).view(xp.float32)
