"""Averages of a model's weights over its training: their mean (SWA), or one that fades the older ones out (EMA).

https://pytorch.org/docs/stable/optim.html#weight-averaging-swa-and-ema
"""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Callable, Iterable
from typing import Any

from ..autograd.grad_mode import no_grad
from ..faces import FACES
from ..nn.batchnorm import _BatchNorm
from ..nn.module import Module
from ..tensor import Tensor
from .optimizer import Optimizer
from .schedule import LRScheduler, per_group

Average = Callable[[Tensor, Tensor, Any], Tensor]
AverageAll = Callable[[Any, Any, Any], None]


def _check_decay(decay: float) -> None:
    if not 0.0 <= decay <= 1.0:
        raise ValueError(f"Invalid decay value {decay} provided. Please provide a value in [0,1] range.")


def get_ema_avg_fn(decay: float = 0.999) -> Average:
    """``f(average, new, count)``: decay · average + (1 - decay) · new."""
    _check_decay(decay)

    @no_grad()
    def ema_update(ema_param: Tensor, current_param: Tensor, num_averaged: Any) -> Tensor:
        return decay * ema_param + (1 - decay) * current_param

    return ema_update


def get_swa_avg_fn() -> Average:
    """``f(average, new, count)``: the mean of `count` values before, and the new one."""

    @no_grad()
    def swa_update(averaged_param: Tensor, current_param: Tensor, num_averaged: Any) -> Tensor:
        return averaged_param + (current_param - averaged_param) / (num_averaged + 1)

    return swa_update


def _for_all(average: Average) -> AverageAll:
    @no_grad()
    def update(averages: Any, currents: Any, num_averaged: Any) -> None:
        for old, new in zip(averages, currents, strict=True):
            old.copy_(average(old, new, num_averaged))

    return update


def get_ema_multi_avg_fn(decay: float = 0.999) -> AverageAll:
    """As `get_ema_avg_fn`, for lists of tensors, in place."""
    return _for_all(get_ema_avg_fn(decay))


def get_swa_multi_avg_fn() -> AverageAll:
    """As `get_swa_avg_fn`, for lists of tensors, in place."""
    return _for_all(get_swa_avg_fn())


class AveragedModel(Module):
    """A copy of `model` whose weights are averages of those that `update_parameters` has seen.

    avg_fn, multi_avg_fn    how to average (see `get_ema_avg_fn`, `get_ema_multi_avg_fn`); by default the plain mean
    use_buffers             average the buffers as well, instead of copying them

    >>> model = ndl.nn.Linear(1, 1, bias=False)
    >>> mean = ndl.optim.swa_utils.AveragedModel(model)
    >>> for value in (1.0, 2.0, 6.0):
    ...     _ = model.weight.data.fill_(value); mean.update_parameters(model)
    >>> mean(ndl.ones(1)).item()
    3.0
    """

    n_averaged: Tensor

    def __init__(self, model: Module, device: Any = None, avg_fn: Average | None = None,
                 multi_avg_fn: AverageAll | None = None, use_buffers: bool = False):
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise AssertionError("Only one of avg_fn and multi_avg_fn should be provided")
        self.module = copy.deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", FACES["torch"]["tensor"](0, device=device))
        self.avg_fn, self.multi_avg_fn, self.use_buffers = avg_fn, multi_avg_fn, use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.module(*args, **kwargs)

    @no_grad()
    def update_parameters(self, model: Module) -> None:
        """Take the model's weights as they are now into the average."""
        averages, currents = ([t.detach() for t in self._averaged(m)] for m in (self.module, model))
        currents = [t.to(old.device) for t, old in zip(currents, averages)]
        if self.n_averaged == 0:
            for old, new in zip(averages, currents):
                old.copy_(new)
        else:
            update = self.multi_avg_fn or _for_all(self.avg_fn or get_swa_avg_fn())
            for dtype in {t.dtype: None for t in averages}:
                pairs = [(old, new) for old, new in zip(averages, currents) if old.dtype is dtype]
                update([old for old, _ in pairs], [new for _, new in pairs], self.n_averaged)
        if not self.use_buffers:
            for mine, theirs in zip(self.module.buffers(), model.buffers(), strict=True):
                mine.detach().copy_(theirs.detach())
        self.n_averaged += 1

    def _averaged(self, module: Module) -> Iterable[Tensor]:
        return itertools.chain(module.parameters(), module.buffers()) if self.use_buffers else module.parameters()


@no_grad()
def update_bn(loader: Iterable, model: Module, device: Any = None) -> None:
    """Compute the running statistics of the model's batch norms anew, from one pass over `loader`.

    For a model whose weights have been averaged: no data has gone through it yet. Of batches that are lists or tuples,
    the first entry is the input.
    """
    norms = [m for m in model.modules() if isinstance(m, _BatchNorm)]
    if not norms:
        return
    training, momenta = model.training, [norm.momentum for norm in norms]
    model.train()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the mean over all batches
    for batch in loader:
        input = batch[0] if isinstance(batch, (list, tuple)) else batch
        model(input if device is None else input.to(device))
    for norm, momentum in zip(norms, momenta):
        norm.momentum = momentum
    model.train(training)


_ANNEALING = {"cos": lambda t: (1 - math.cos(math.pi * t)) / 2, "linear": lambda t: t}


class SWALR(LRScheduler):
    """From the rate as it is to `swa_lr` in `anneal_epochs` steps, as a cosine or a line, and then constant."""

    def __init__(self, optimizer: Optimizer, swa_lr: Any, anneal_epochs: int = 10, anneal_strategy: str = "cos",
                 last_epoch: int = -1):
        for rate, group in zip(per_group("swa_lr", optimizer, swa_lr), optimizer.param_groups):
            group["swa_lr"] = rate
        if anneal_strategy not in _ANNEALING:
            raise ValueError(f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}")
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}")
        self._anneal_strategy, self.anneal_epochs = anneal_strategy, anneal_epochs
        super().__init__(optimizer, last_epoch)

    def _next(self, i: int, lr: Any) -> Any:
        step = self._step_count - 1
        if self.anneal_epochs == 0:
            step = max(1, step)
        before, now = (_ANNEALING[self._anneal_strategy](max(0, min(1, s / max(1, self.anneal_epochs))))
                       for s in (step - 1, step))
        target = self.optimizer.param_groups[i]["swa_lr"]
        start = target if before == 1 else (lr - before * target) / (1 - before)
        return target * now + start * (1 - now)
