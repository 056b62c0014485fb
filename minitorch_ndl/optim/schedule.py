"""The skeleton of all learning rate schedulers: who is asked when, what is saved, what is warned about."""

from __future__ import annotations

import functools
import types
import warnings
import weakref
from typing import Any

from ..tensor import Tensor
from .optimizer import Optimizer

EPOCH_DEPRECATION_WARNING = (
    "The epoch parameter in `scheduler.step()` was not necessary and is being deprecated where possible. Please use "
    "`scheduler.step()` to step the scheduler. If epoch is given, the closed form is used where there is one.")
_ORDER = ("Detected call of `lr_scheduler.step()` before `optimizer.step()`. Call them in the opposite order: "
          "`optimizer.step()` before `lr_scheduler.step()`, or the first value of the schedule is skipped.")
_OVERRIDDEN = ("Seems like `optimizer.step()` has been overridden after learning rate scheduler initialization. Please, "
               "make sure to call `optimizer.step()` before `lr_scheduler.step()`.")


def copied(value: Any) -> Any:
    return value.clone() if isinstance(value, Tensor) else value


def values(optimizer: Optimizer, key: str) -> list[Any]:
    return [copied(group[key]) for group in optimizer.param_groups]


def put(group: dict[str, Any], key: str, value: Any) -> None:
    """A rate that is a tensor stays that tensor."""
    if isinstance(group[key], Tensor):
        group[key].fill_(float(value))
    else:
        group[key] = value


def per_group(name: str, optimizer: Optimizer, value: Any) -> list[Any]:
    """One value per group: as given, or the same for all."""
    count = len(optimizer.param_groups)
    if not isinstance(value, (list, tuple)):
        value = [value] * count
    elif len(value) != count:
        raise ValueError(f"{name} must have the same length as optimizer.param_groups. {name} has {len(value)} values, "
                         f"param_groups has {count}.")
    return [copied(v) for v in value]


def is_optimizer(optimizer: Any) -> None:
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"{type(optimizer).__name__} is not an Optimizer: give the scheduler the optimizer itself.")


def note_steps(optimizer: Any) -> None:
    """Have the optimizer's `step` leave a note that it was called, for the warning about the order of calls."""
    step = optimizer.step
    if hasattr(step, "_wrapped_by_lr_sched"):
        return
    method, alive = step.__func__, weakref.ref(optimizer)

    @functools.wraps(method)
    def noted(*args: Any, **kwargs: Any) -> Any:
        owner = alive()
        owner._opt_called = True  # type: ignore[union-attr]
        return method(owner, *args, **kwargs)

    noted._wrapped_by_lr_sched = True  # type: ignore[attr-defined]
    optimizer.step = noted


class LRScheduler:
    """Base class. A subclass defines `get_lr`, which gives the rates at ``self.last_epoch``, one per group.

    It may start from the rates before (``group["lr"]``) or from the first ones (``self.base_lrs``).

    last_epoch    the step to go on from, where the optimizer's groups know their "initial_lr"; -1 starts anew
    """

    _get_lr_called_within_step = False
    _is_initial = False
    _closed: Any = None

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1):
        is_optimizer(optimizer)
        self.optimizer = optimizer
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", copied(group["lr"]))
            elif "initial_lr" not in group:
                raise KeyError(f"param 'initial_lr' is not specified in param_groups[{i}] when resuming scheduler with "
                               f"last_epoch >= 0: load the optimizer's state dict first, or leave last_epoch away.")
        self.base_lrs = values(optimizer, "initial_lr")
        self.last_epoch = last_epoch
        note_steps(optimizer)
        self._initial_step()

    def _initial_step(self) -> None:
        self._step_count = 0
        self._is_initial = True
        try:
            self.step()
        finally:
            self._is_initial = False

    def get_last_lr(self) -> list[Any]:
        """The rates that the last `step` set, one per parameter group."""
        return self._last_lr

    def get_lr(self) -> list[Any]:
        """The rates for ``self.last_epoch``, one per group. `step` asks for them; others want `get_last_lr`."""
        if not self._get_lr_called_within_step:
            warnings.warn("To get the last learning rate computed by the scheduler, please use `get_last_lr()`.",
                          stacklevel=2)
        return [self._next(i, group["lr"]) for i, group in enumerate(self.optimizer.param_groups)]

    def _next(self, i: int, lr: Any) -> Any:
        """The rate of group `i` now, where it was `lr` before."""
        raise NotImplementedError(f"{type(self).__name__} does not define get_lr")

    def _get_closed_form_lr(self) -> list[Any]:
        return self.get_lr() if self._closed is None else [self._closed(base) for base in self.base_lrs]

    def _base(self, i: int) -> Any:
        if i >= len(self.base_lrs):
            raise ValueError(f"{type(self).__name__} knows {len(self.base_lrs)} parameter groups, but the optimizer has "
                             f"{len(self.optimizer.param_groups)} now: make the scheduler after the last add_param_group.")
        return self.base_lrs[i]

    def step(self, epoch: int | None = None) -> None:
        """Go on to the next rates, or (deprecated) to those of `epoch`."""
        if self._step_count == 1:
            if not hasattr(self.optimizer.step, "_wrapped_by_lr_sched"):
                warnings.warn(_OVERRIDDEN, stacklevel=2)
            elif not getattr(self.optimizer, "_opt_called", False):
                warnings.warn(_ORDER, stacklevel=2)
        self._step_count += 1
        if epoch is not None:
            warnings.warn(EPOCH_DEPRECATION_WARNING, stacklevel=2)
        self._update_lr(epoch)

    def _update_lr(self, epoch: int | None = None) -> None:
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        self._get_lr_called_within_step = True
        try:
            rates = self.get_lr() if epoch is None else self._get_closed_form_lr()
        finally:
            self._get_lr_called_within_step = False
        for group, lr in zip(self.optimizer.param_groups, rates, strict=True):
            put(group, "lr", lr)
        self._last_lr = values(self.optimizer, "lr")

    def state_dict(self) -> dict[str, Any]:
        """All that the scheduler knows, but for the optimizer."""
        return {k: v for k, v in self.__dict__.items() if k != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from where `state_dict` was taken."""
        self.__dict__.update(state_dict)




def state_of(function: Any) -> dict[str, Any] | None:
    """What a callable object remembers; a plain function remembers nothing, and can't be saved."""
    return None if isinstance(function, types.FunctionType) else function.__dict__.copy()
