"""Adam and its relatives: steps scaled by running averages of the gradient and of its square."""

from __future__ import annotations

import math
from typing import Any

from ..blas import add_multiple
from ..compiled import twinned
from ..tensor import wrap
from .optimizer import Optimizer

Betas = tuple[float, float]


@twinned("adam")
def _adam(xp: Any, p: Any, g: Any, m: Any, v: Any, largest: Any, betas: Betas, correction: float, eps: float, rate: float,
          scratch: Any) -> None:
    """p ← p - rate m / (√v / correction + ε), in place, after m and v have taken in g; with the largest v so far, if kept."""
    _averages(xp, g, m, v, betas, scratch)
    if largest is not None:
        v = xp.maximum(largest, v, out=largest)
    xp.sqrt(v, out=scratch)
    scratch /= correction
    scratch += eps
    add_multiple(xp, p, -rate, xp.divide(m, scratch, out=scratch), scratch)


def _averages(xp: Any, g: Any, m: Any, v: Any, betas: Betas, scratch: Any) -> None:
    """m ← β₁ m + (1 - β₁) g and v ← β₂ v + (1 - β₂) g², in place."""
    beta1, beta2 = betas
    add_multiple(xp, m, 1 - beta1, xp.subtract(g, m, out=scratch), scratch)
    v *= beta2
    add_multiple(xp, v, 1 - beta2, xp.multiply(g, g, out=scratch), scratch)


class Adam(Optimizer):
    """Adam: p ← p - lr m̂ / (√v̂ + ε), with bias-corrected averages m̂ of the gradient and v̂ of its square.

    `amsgrad` divides by the largest v so far. Kingma and Ba, 2015. https://pytorch.org/docs/stable/generated/torch.optim.Adam.html

    >>> w = ndl.tensor([1.0], requires_grad=True)
    >>> opt = ndl.optim.Adam([w], lr=0.1)
    >>> (w * w).sum().backward(); opt.step(); w
    tensor([0.9000], requires_grad=True)
    """

    elementwise = True

    def __init__(self, params: Any, lr: float = 1e-3, betas: Betas = (0.9, 0.999), eps: float = 1e-8,
                 weight_decay: float = 0, amsgrad: bool = False, *, foreach: bool | None = None, maximize: bool = False,
                 capturable: bool = False, differentiable: bool = False, fused: bool | None = None,
                 decoupled_weight_decay: bool = False):
        super().__init__(params, {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "amsgrad": amsgrad, "maximize": maximize,
            "foreach": foreach, "capturable": capturable, "differentiable": differentiable, "fused": fused,
            "decoupled_weight_decay": decoupled_weight_decay})

    def _update(self, xp: Any, p: Any, g: Any, state: dict[str, Any], group: dict[str, Any], scratch: Any) -> None:
        step, (m, v) = self._begin(xp, p, state, "exp_avg", "exp_avg_sq")
        beta1, beta2 = group["betas"]
        largest = None
        if group["amsgrad"]:
            if "max_exp_avg_sq" not in state:
                state["max_exp_avg_sq"] = wrap(xp.zeros_like(p))
            largest = state["max_exp_avg_sq"]._array
        _adam(xp, p, g, m, v, largest, (beta1, beta2), math.sqrt(1 - beta2**step), group["eps"],
              float(group["lr"]) / (1 - beta1**step), scratch)


class AdamW(Adam):
    """Adam with decoupled weight decay: p shrinks by lr · weight_decay, whatever its gradient's scale.

    Loshchilov and Hutter, 2019. https://pytorch.org/docs/stable/generated/torch.optim.AdamW.html
    """

    def __init__(self, params: Any, lr: float = 1e-3, betas: Betas = (0.9, 0.999), eps: float = 1e-8,
                 weight_decay: float = 1e-2, amsgrad: bool = False, *, maximize: bool = False, foreach: bool | None = None,
                 capturable: bool = False, differentiable: bool = False, fused: bool | None = None):
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, foreach=foreach, maximize=maximize,
                         capturable=capturable, differentiable=differentiable, fused=fused, decoupled_weight_decay=True)


class Adamax(Optimizer):
    """Adam with a running maximum of |g| in place of the root of its mean square. Kingma and Ba, 2015.

    https://pytorch.org/docs/stable/generated/torch.optim.Adamax.html
    """

    elementwise = True

    def __init__(self, params: Any, lr: float = 2e-3, betas: Betas = (0.9, 0.999), eps: float = 1e-8,
                 weight_decay: float = 0, foreach: bool | None = None, *, maximize: bool = False,
                 differentiable: bool = False, capturable: bool = False):
        super().__init__(params, {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "foreach": foreach, "maximize": maximize,
            "differentiable": differentiable, "capturable": capturable})

    def _update(self, xp: Any, p: Any, g: Any, state: dict[str, Any], group: dict[str, Any], scratch: Any) -> None:
        step, (m, u) = self._begin(xp, p, state, "exp_avg", "exp_inf")
        beta1, beta2 = group["betas"]
        add_multiple(xp, m, 1 - beta1, xp.subtract(g, m, out=scratch), scratch)
        xp.absolute(g, out=scratch)
        scratch += group["eps"]
        u *= beta2
        xp.maximum(u, scratch, out=u)
        add_multiple(xp, p, -float(group["lr"]) / (1 - beta1**step), xp.divide(m, u, out=scratch), scratch)


class NAdam(Optimizer):
    """Adam with Nesterov's look-ahead. Dozat, 2016. https://pytorch.org/docs/stable/generated/torch.optim.NAdam.html"""

    elementwise = True

    def __init__(self, params: Any, lr: float = 2e-3, betas: Betas = (0.9, 0.999), eps: float = 1e-8,
                 weight_decay: float = 0, momentum_decay: float = 4e-3, decoupled_weight_decay: bool = False, *,
                 foreach: bool | None = None, maximize: bool = False, capturable: bool = False,
                 differentiable: bool = False):
        super().__init__(params, {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "momentum_decay": momentum_decay,
            "decoupled_weight_decay": decoupled_weight_decay, "maximize": maximize, "foreach": foreach,
            "capturable": capturable, "differentiable": differentiable})

    ranges = {"momentum_decay": (0.0, math.inf)}

    def _update(self, xp: Any, p: Any, g: Any, state: dict[str, Any], group: dict[str, Any], scratch: Any) -> None:
        if "mu_product" not in state:
            state["step"], state["mu_product"] = (wrap(xp.full((), c, "float32")) for c in (0, 1))
        step, (m, v) = self._begin(xp, p, state, "exp_avg", "exp_avg_sq")
        (beta1, beta2), lr, decay = group["betas"], float(group["lr"]), group["momentum_decay"]
        mu = beta1 * (1 - 0.5 * 0.96 ** (step * decay))
        mu_next = beta1 * (1 - 0.5 * 0.96 ** ((step + 1) * decay))
        product = state["mu_product"]._array
        product *= mu
        _averages(xp, g, m, v, (beta1, beta2), scratch)
        root = xp.sqrt(v / (1 - beta2**step)) + group["eps"]
        for average, share in (g, (1 - mu) / (1 - float(product))), (m, mu_next / (1 - float(product) * mu_next)):
            add_multiple(xp, p, -lr * share, xp.divide(average, root, out=scratch), scratch)


class RAdam(Optimizer):
    """Adam that waits with scaling until its variance is known well enough. Liu et al., 2020.

    https://pytorch.org/docs/stable/generated/torch.optim.RAdam.html
    """

    elementwise = True

    def __init__(self, params: Any, lr: float = 1e-3, betas: Betas = (0.9, 0.999), eps: float = 1e-8,
                 weight_decay: float = 0, decoupled_weight_decay: bool = False, *, foreach: bool | None = None,
                 maximize: bool = False, capturable: bool = False, differentiable: bool = False):
        super().__init__(params, {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "maximize": maximize, "foreach": foreach,
            "capturable": capturable, "decoupled_weight_decay": decoupled_weight_decay, "differentiable": differentiable})

    def _update(self, xp: Any, p: Any, g: Any, state: dict[str, Any], group: dict[str, Any], scratch: Any) -> None:
        step, (m, v) = self._begin(xp, p, state, "exp_avg", "exp_avg_sq")
        beta1, beta2 = group["betas"]
        _averages(xp, g, m, v, (beta1, beta2), scratch)
        rate = float(group["lr"]) / (1 - beta1**step)
        longest = 2 / (1 - beta2) - 1
        length = longest - 2 * step * beta2**step / (1 - beta2**step)
        if length > 5:
            rate *= math.sqrt((length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length))
            rate *= math.sqrt(1 - beta2**step)
            xp.sqrt(v, out=scratch)
            scratch += group["eps"]
            m = xp.divide(m, scratch, out=scratch)
        add_multiple(xp, p, -rate, m, scratch)


class SparseAdam(Optimizer):
    """Adam for gradients of which most rows are zero, as of an embedding: only the other rows, and their averages, move.

    Gradients are dense tensors here, whose zero rows are passed over.
    https://pytorch.org/docs/stable/generated/torch.optim.SparseAdam.html
    """

    def __init__(self, params: Any, lr: float = 1e-3, betas: Betas = (0.9, 0.999), eps: float = 1e-8,
                 maximize: bool = False):
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "maximize": maximize})

    ranges = {name: (math.nextafter(0.0, 1.0), math.inf) for name in ("lr", "eps")}

    def _update(self, xp: Any, p: Any, g: Any, state: dict[str, Any], group: dict[str, Any], scratch: Any) -> None:
        if "step" not in state:
            state.update(step=0, exp_avg=wrap(xp.zeros_like(p)), exp_avg_sq=wrap(xp.zeros_like(p)))
        rows = g.reshape(len(g), -1).any(1) if g.ndim else ...
        g, m, v = g[rows], state["exp_avg"]._array[rows], state["exp_avg_sq"]._array[rows]
        if not g.size:
            return
        state["step"] += 1
        beta1, beta2 = group["betas"]
        _averages(xp, g, m, v, (beta1, beta2), xp.empty_like(g))
        state["exp_avg"]._array[rows], state["exp_avg_sq"]._array[rows] = m, v
        rate = float(group["lr"]) * math.sqrt(1 - beta2 ** state["step"]) / (1 - beta1 ** state["step"])
        p[rows] -= rate * m / (xp.sqrt(v) + group["eps"])
