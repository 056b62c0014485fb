"""The course's optimizers. They put new arrays in place of the parameters' old ones."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from .autograd import Tensor


class Optimizer:
    """Keeps the parameters; `step` changes them by their gradients."""

    def __init__(self, params: Iterable[Tensor]):
        self.params = list(params)

    def step(self) -> None:
        """One update of every parameter that has a gradient."""
        for i, p in enumerate(self.params):
            if p.grad is not None:
                change = self._change(i, p.grad.numpy() + self.weight_decay * p.numpy())
                p.data = Tensor(p.numpy() - change, dtype=p.dtype, requires_grad=False)

    weight_decay = 0.0

    def _change(self, i: int, grad: np.ndarray) -> np.ndarray:
        """What is to be taken off the parameter number i."""
        raise NotImplementedError

    def reset_grad(self) -> None:
        """Forget all gradients."""
        for p in self.params:
            p.grad = None


class SGD(Optimizer):
    """u = momentum u + (1 - momentum) g; p = p - lr u. The gradient g includes weight_decay p.

    (torch adds the whole gradient instead: u = momentum u + g.)
    """

    def __init__(self, params: Iterable[Tensor], lr: float = 0.01, momentum: float = 0.0, weight_decay: float = 0.0):
        super().__init__(params)
        self.lr, self.momentum, self.weight_decay = lr, momentum, weight_decay
        self.u: dict[int, np.ndarray] = {}

    def _change(self, i: int, grad: np.ndarray) -> np.ndarray:
        self.u[i] = self.momentum * self.u.get(i, 0.0) + (1 - self.momentum) * grad
        return self.lr * self.u[i]

    def clip_grad_norm(self, max_norm: float = 0.25) -> None:
        """Scale the gradients down, so that all of them together have at most this norm."""
        grads = [(p, p.grad.numpy()) for p in self.params if p.grad is not None]
        norm = math.sqrt(sum(np.vdot(g, g) for _, g in grads))
        if norm > max_norm:
            for p, g in grads:
                p.grad = Tensor(g * (max_norm / (norm + 1e-6)), dtype=p.dtype, requires_grad=False)


class Adam(Optimizer):
    """Adam with both moments corrected for their start at zero. Kingma and Ba, 2015."""

    def __init__(self, params: Iterable[Tensor], lr: float = 0.01, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8,
                 weight_decay: float = 0.0):
        super().__init__(params)
        self.lr, self.beta1, self.beta2, self.eps, self.weight_decay = lr, beta1, beta2, eps, weight_decay
        self.t = 0
        self.m: dict[int, np.ndarray] = {}
        self.v: dict[int, np.ndarray] = {}

    def step(self) -> None:
        self.t += 1
        super().step()

    def _change(self, i: int, grad: np.ndarray) -> np.ndarray:
        self.m[i] = self.beta1 * self.m.get(i, 0.0) + (1 - self.beta1) * grad
        self.v[i] = self.beta2 * self.v.get(i, 0.0) + (1 - self.beta2) * grad ** 2
        m, v = self.m[i] / (1 - self.beta1 ** self.t), self.v[i] / (1 - self.beta2 ** self.t)
        return self.lr * m / (np.sqrt(v) + self.eps)


__all__ = ["Adam", "Optimizer", "SGD"]
