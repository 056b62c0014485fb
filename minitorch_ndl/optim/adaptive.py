"""Step sizes that adapt to each weight's own history: Adagrad, RMSprop, Adadelta, Rprop; and averaged SGD."""

from __future__ import annotations

import math
from typing import Any

from .. import backend
from ..blas import add_multiple
from ..tensor import wrap
from .optimizer import Optimizer


class Adagrad(Optimizer):
    """Steps divided by the root of the sum of all squared gradients so far. Duchi et al., 2011.

    https://pytorch.org/docs/stable/generated/torch.optim.Adagrad.html
    """

    ranges = {"lr_decay": (0.0, math.inf), "initial_accumulator_value": (0.0, math.inf)}

    def __init__(self, params: Any, lr: float = 1e-2, lr_decay: float = 0, weight_decay: float = 0,
                 initial_accumulator_value: float = 0, eps: float = 1e-10, foreach: bool | None = None, *,
                 maximize: bool = False, differentiable: bool = False, fused: bool | None = None):
        super().__init__(params, {
            "lr": lr, "lr_decay": lr_decay, "eps": eps, "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value, "foreach": foreach, "maximize": maximize,
            "differentiable": differentiable, "fused": fused})
        for group in self.param_groups:  # known before the first step, as in torch
            for p in group["params"]:
                xp = backend.of_type(type(p._array)).xp
                self.state[p] = {"step": wrap(xp.zeros((), "float32")),
                                 "sum": wrap(xp.full_like(p._array, group["initial_accumulator_value"]))}

    def _update(self, xp: Any, p: Any, g: Any, state: dict[str, Any], group: dict[str, Any], scratch: Any) -> None:
        step, (total,) = self._begin(xp, p, state, "sum")
        total += xp.multiply(g, g, out=scratch)
        xp.sqrt(total, out=scratch)
        scratch += group["eps"]
        rate = float(group["lr"]) / (1 + (step - 1) * group["lr_decay"])
        add_multiple(xp, p, -rate, xp.divide(g, scratch, out=scratch), scratch)


class RMSprop(Optimizer):
    """Steps divided by the root of a running mean of the squared gradient. Hinton's lecture 6e.

    `centered` subtracts the squared mean; https://pytorch.org/docs/stable/generated/torch.optim.RMSprop.html
    """

    ranges = {"alpha": (0.0, math.inf)}

    def __init__(self, params: Any, lr: float = 1e-2, alpha: float = 0.99, eps: float = 1e-8, weight_decay: float = 0,
                 momentum: float = 0, centered: bool = False, capturable: bool = False, foreach: bool | None = None,
                 maximize: bool = False, differentiable: bool = False):
        super().__init__(params, {
            "lr": lr, "momentum": momentum, "alpha": alpha, "eps": eps, "centered": centered,
            "weight_decay": weight_decay, "capturable": capturable, "foreach": foreach, "maximize": maximize,
            "differentiable": differentiable})

    def _update(self, xp: Any, p: Any, g: Any, state: dict[str, Any], group: dict[str, Any], scratch: Any) -> None:
        names = ["square_avg", *["momentum_buffer"] * (group["momentum"] > 0), *["grad_avg"] * group["centered"]]
        _, (square, *_) = self._begin(xp, p, state, *names)
        alpha = group["alpha"]
        square *= alpha
        add_multiple(xp, square, 1 - alpha, xp.multiply(g, g, out=scratch), scratch)
        if group["centered"]:
            mean = state["grad_avg"]._array
            add_multiple(xp, mean, 1 - alpha, xp.subtract(g, mean, out=scratch), scratch)
            xp.multiply(mean, mean, out=scratch)
            xp.subtract(square, scratch, out=scratch)
            xp.sqrt(scratch, out=scratch)
        else:
            xp.sqrt(square, out=scratch)
        scratch += group["eps"]
        step = xp.divide(g, scratch, out=scratch)
        if group["momentum"] > 0:
            velocity = state["momentum_buffer"]._array
            velocity *= group["momentum"]
            velocity += step
            step = velocity
        add_multiple(xp, p, -float(group["lr"]), step, scratch)


class Adadelta(Optimizer):
    """Steps as large as recent steps were, over recent gradients. Zeiler, 2012.

    https://pytorch.org/docs/stable/generated/torch.optim.Adadelta.html
    """

    ranges = {"rho": (0.0, math.nextafter(1.0, 2.0))}

    def __init__(self, params: Any, lr: float = 1.0, rho: float = 0.9, eps: float = 1e-6, weight_decay: float = 0,
                 foreach: bool | None = None, *, capturable: bool = False, maximize: bool = False,
                 differentiable: bool = False):
        super().__init__(params, {
            "lr": lr, "rho": rho, "eps": eps, "weight_decay": weight_decay, "maximize": maximize,
            "capturable": capturable, "foreach": foreach, "differentiable": differentiable})

    def _update(self, xp: Any, p: Any, g: Any, state: dict[str, Any], group: dict[str, Any], scratch: Any) -> None:
        _, (square, steps) = self._begin(xp, p, state, "square_avg", "acc_delta")
        rho, eps = group["rho"], group["eps"]
        square *= rho
        add_multiple(xp, square, 1 - rho, xp.multiply(g, g, out=scratch), scratch)
        delta = xp.add(steps, eps, out=scratch)
        xp.sqrt(delta, out=delta)
        delta /= xp.sqrt(square + eps)
        delta *= g
        steps *= rho
        steps += delta * delta * (1 - rho)
        add_multiple(xp, p, -float(group["lr"]), delta, delta)


class Rprop(Optimizer):
    """Follows only the signs of the gradients: a step grows while its sign stays, and shrinks when it turns.

    Riedmiller and Braun, 1993. https://pytorch.org/docs/stable/generated/torch.optim.Rprop.html
    """

    def __init__(self, params: Any, lr: float = 1e-2, etas: tuple[float, float] = (0.5, 1.2),
                 step_sizes: tuple[float, float] = (1e-6, 50), *, capturable: bool = False, foreach: bool | None = None,
                 maximize: bool = False, differentiable: bool = False):
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ValueError(f"Invalid eta values: {etas[0]}, {etas[1]} (expected 0 < the first < 1 < the second)")
        super().__init__(params, {
            "lr": lr, "etas": etas, "step_sizes": step_sizes, "foreach": foreach, "maximize": maximize,
            "differentiable": differentiable, "capturable": capturable})

    def _update(self, xp: Any, p: Any, g: Any, state: dict[str, Any], group: dict[str, Any], scratch: Any) -> None:
        if "step_size" not in state:
            state["step_size"] = wrap(xp.full_like(p, float(group["lr"])))
        _, (previous, size) = self._begin(xp, p, state, "prev", "step_size")
        down, up = group["etas"]
        turned = xp.multiply(g, previous, out=scratch)
        size *= xp.where(turned > 0, up, xp.where(turned < 0, down, 1.0)).astype(p.dtype)
        xp.clip(size, *group["step_sizes"], out=size)
        previous[...] = g
        previous[turned < 0] = 0
        xp.sign(previous, out=scratch)
        scratch *= size
        p -= scratch


class ASGD(Optimizer):
    """SGD with a decaying step size, and the average of the weights in ``state[p]["ax"]``. Polyak and Juditsky, 1992.

    https://pytorch.org/docs/stable/generated/torch.optim.ASGD.html
    """

    def __init__(self, params: Any, lr: float = 1e-2, lambd: float = 1e-4, alpha: float = 0.75, t0: float = 1e6,
                 weight_decay: float = 0, foreach: bool | None = None, maximize: bool = False,
                 differentiable: bool = False, capturable: bool = False):
        super().__init__(params, {
            "lr": lr, "lambd": lambd, "alpha": alpha, "t0": t0, "weight_decay": weight_decay, "foreach": foreach,
            "maximize": maximize, "differentiable": differentiable, "capturable": capturable})

    def _update(self, xp: Any, p: Any, g: Any, state: dict[str, Any], group: dict[str, Any], scratch: Any) -> None:
        lr, lambd = float(group["lr"]), group["lambd"]
        if "eta" not in state:
            state["step"], state["eta"], state["mu"] = (wrap(xp.full((), c, "float32")) for c in (0, lr, 1))
        step, (average,) = self._begin(xp, p, state, "ax")
        eta, mu = state["eta"]._array, state["mu"]._array
        p *= 1 - lambd * float(eta)
        add_multiple(xp, p, -float(eta), g, scratch)
        if float(mu) != 1:
            add_multiple(xp, average, float(mu), xp.subtract(p, average, out=scratch), scratch)
        else:
            average[...] = p
        eta[...] = lr / (1 + lambd * lr * step) ** group["alpha"]
        mu[...] = 1 / max(1, step - group["t0"])
