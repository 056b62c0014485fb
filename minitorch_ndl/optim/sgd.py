"""Stochastic gradient descent."""

from __future__ import annotations

from typing import Any

from ..blas import add_multiple
from ..compiled import twinned
from ..tensor import wrap
from .optimizer import Optimizer


@twinned("moving")
def _moving(xp: Any, p: Any, g: Any, b: Any, momentum: float, damping: float, nesterov: bool, lr: float,
            scratch: Any) -> None:
    """b ← μ b + damping g, then p ← p - lr b, or p ← p - lr (g + μ b); in place."""
    b *= momentum
    if damping == 1:
        b += g
    else:
        add_multiple(xp, b, damping, g, scratch)
    step = xp.add(g, xp.multiply(b, momentum, out=scratch), out=scratch) if nesterov else b
    add_multiple(xp, p, -lr, step, scratch)


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum if asked. https://pytorch.org/docs/stable/generated/torch.optim.SGD.html

    With momentum μ, dampening τ and the gradient g: b ← μ b + (1 - τ) g (at first b ← g), then p ← p - lr b, or with
    Nesterov's look-ahead p ← p - lr (g + μ b).

    >>> w = ndl.tensor([1.0], requires_grad=True)
    >>> opt = ndl.optim.SGD([w], lr=0.1)
    >>> (w * w).sum().backward(); opt.step(); w
    tensor([0.8000], requires_grad=True)
    """

    def __init__(self, params: Any, lr: float = 1e-3, momentum: float = 0, dampening: float = 0,
                 weight_decay: float = 0, nesterov: bool = False, *, maximize: bool = False,
                 foreach: bool | None = None, differentiable: bool = False, fused: bool | None = None):
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening; "
                             f"got momentum={momentum}, dampening={dampening}.")
        super().__init__(params, {
            "lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay, "nesterov": nesterov,
            "maximize": maximize, "foreach": foreach, "differentiable": differentiable, "fused": fused})

    def _update(self, xp: Any, p: Any, g: Any, state: dict[str, Any], group: dict[str, Any], scratch: Any) -> None:
        momentum, lr = group["momentum"], float(group["lr"])
        if momentum:
            buffer = state.get("momentum_buffer")
            if buffer is not None:
                _moving(xp, p, g, buffer._array, momentum, 1 - group["dampening"], group["nesterov"], lr, scratch)
                return
            state["momentum_buffer"] = wrap(g.copy())
            if group["nesterov"]:
                lr *= 1 + momentum
        add_multiple(xp, p, -lr, g, scratch)
