"""Stochastic gradient descent."""

from __future__ import annotations

from typing import Any

from ..tensor import wrap
from .optimizer import Optimizer


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
        momentum = group["momentum"]
        if momentum:
            if state.get("momentum_buffer") is None:
                state["momentum_buffer"] = wrap(g.copy())
                b = state["momentum_buffer"]._array
            else:
                b = state["momentum_buffer"]._array
                b *= momentum
                damping = 1 - group["dampening"]
                b += g if damping == 1 else xp.multiply(g, damping, out=scratch)
            g = xp.add(g, xp.multiply(b, momentum, out=scratch), out=scratch) if group["nesterov"] else b
        p -= xp.multiply(g, float(group["lr"]), out=scratch)
