"""Learning rate and momentum in cycles: the rate up while the momentum goes down, and back."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from .optimizer import Optimizer
from .schedule import LRScheduler, is_optimizer, per_group, put, state_of


def _start_momentum(scheduler: Any, optimizer: Optimizer, base: Any, most: Any, last_epoch: int) -> tuple[list, list]:
    """Tell the groups between what their momentum (or first beta) will move, and set it to the upper end."""
    if "momentum" not in optimizer.defaults and "betas" not in optimizer.defaults:
        raise ValueError("optimizer must support momentum or beta1 with `cycle_momentum` option enabled; "
                         f"{type(optimizer).__name__} has neither: pass cycle_momentum=False.")
    scheduler.use_beta1 = "betas" in optimizer.defaults
    low, high = per_group("base_momentum", optimizer, base), per_group("max_momentum", optimizer, most)
    if last_epoch == -1:
        for group, least, largest in zip(optimizer.param_groups, low, high):
            _set_momentum(scheduler, group, largest)
            group["max_momentum"], group["base_momentum"] = largest, least
    return low, high


def _set_momentum(scheduler: Any, group: dict[str, Any], value: float) -> None:
    if scheduler.use_beta1:
        group["betas"] = (value, *group["betas"][1:])
    else:
        group["momentum"] = value


class CyclicLR(LRScheduler):
    """Up and down in a line between `base_lr` and `max_lr`, the momentum down and up. Smith, 2017.

    mode        "triangular", "triangular2" (each cycle half as high) or "exp_range" (height times gamma**step)
    scale_fn    instead of `mode`: the height from the number of the cycle, or of the step (`scale_mode`)

    https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.CyclicLR.html
    """

    def __init__(self, optimizer: Optimizer, base_lr: Any, max_lr: Any, step_size_up: int = 2000,
                 step_size_down: int | None = None, mode: str = "triangular", gamma: float = 1.0,
                 scale_fn: Callable[[float], float] | None = None, scale_mode: str = "cycle",
                 cycle_momentum: bool = True, base_momentum: Any = 0.8, max_momentum: Any = 0.9, last_epoch: int = -1):
        is_optimizer(optimizer)
        base_lrs = per_group("base_lr", optimizer, base_lr)
        if last_epoch == -1:
            for group, lr in zip(optimizer.param_groups, base_lrs):
                put(group, "lr", lr)
        self.max_lrs = per_group("max_lr", optimizer, max_lr)
        up = float(step_size_up)
        self.total_size = up + (up if step_size_down is None else float(step_size_down))
        self.step_ratio = up / self.total_size
        if mode not in ("triangular", "triangular2", "exp_range") and scale_fn is None:
            raise ValueError(f"mode is invalid and scale_fn is None: got mode={mode!r}; it is one of 'triangular', "
                             f"'triangular2', 'exp_range'.")
        self.mode, self.gamma, self._scale_fn_custom = mode, gamma, scale_fn
        self.scale_mode = scale_mode if scale_fn is not None else "iterations" if mode == "exp_range" else "cycle"
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self.base_momentums, self.max_momentums = _start_momentum(self, optimizer, base_momentum, max_momentum,
                                                                      last_epoch)
        super().__init__(optimizer, last_epoch)
        self.base_lrs = base_lrs

    def scale_fn(self, x: float) -> float:
        """The height of cycle (or step) `x`, where 1 is all the way up to `max_lr`."""
        if self._scale_fn_custom is not None:
            return self._scale_fn_custom(x)
        return {"triangular": lambda: 1.0, "triangular2": lambda: 1 / 2.0 ** (x - 1),
                "exp_range": lambda: self.gamma**x}[self.mode]()

    def _next(self, i: int, lr: Any) -> Any:
        cycle = math.floor(1 + self.last_epoch / self.total_size)
        x = 1.0 + self.last_epoch / self.total_size - cycle
        height = x / self.step_ratio if x <= self.step_ratio else (x - 1) / (self.step_ratio - 1)
        scale = self.scale_fn(cycle if self.scale_mode == "cycle" else self.last_epoch)
        if self.cycle_momentum:
            low, high = self.base_momentums[i], self.max_momentums[i]
            _set_momentum(self, self.optimizer.param_groups[i], high - (high - low) * height * scale)
        base = self._base(i)
        return base + (self.max_lrs[i] - base) * height * scale

    def state_dict(self) -> dict[str, Any]:
        state = super().state_dict()
        custom = self._scale_fn_custom
        state["_scale_fn_custom"] = None if custom is None else state_of(custom)
        return state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict({k: v for k, v in state_dict.items() if k != "_scale_fn_custom"})
        if state_dict["_scale_fn_custom"] is not None:
            self._scale_fn_custom.__dict__.update(state_dict["_scale_fn_custom"])


class OneCycleLR(LRScheduler):
    """Up from ``max_lr / div_factor`` to `max_lr`, then down to far below the start; the momentum the other way.

    How many steps there are comes from `total_steps`, or `epochs` and `steps_per_epoch`; `pct_start` is the part of
    them that goes up. `three_phase` goes down to the start first, and below it after that. Smith and Topin, 2018.
    https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.OneCycleLR.html
    """

    def __init__(self, optimizer: Optimizer, max_lr: Any, total_steps: int | None = None, epochs: int | None = None,
                 steps_per_epoch: int | None = None, pct_start: float = 0.3, anneal_strategy: str = "cos",
                 cycle_momentum: bool = True, base_momentum: Any = 0.85, max_momentum: Any = 0.95,
                 div_factor: float = 25.0, final_div_factor: float = 1e4, three_phase: bool = False,
                 last_epoch: int = -1):
        is_optimizer(optimizer)
        if total_steps is None and (epochs is None or steps_per_epoch is None):
            raise ValueError("You must define either total_steps OR (epochs AND steps_per_epoch)")
        counts: dict[str, Any] = {"epochs": epochs, "steps_per_epoch": steps_per_epoch} if total_steps is None else {
            "total_steps": total_steps}
        for name, count in counts.items():
            if not isinstance(count, int) or count <= 0:
                raise ValueError(f"Expected positive integer {name}, but got {count}")
        self.total_steps = total = math.prod(counts.values())
        if not isinstance(pct_start, float) or not 0 <= pct_start <= 1:
            raise ValueError(f"Expected float between 0 and 1 pct_start, but got {pct_start}")
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}")
        first = float(pct_start * total) - 1
        ends: list[Any] = [(first, "max_lr", "base_momentum"), (total - 1, "min_lr", "max_momentum")]
        if three_phase:
            ends.insert(1, (2 * pct_start * total - 2, "initial_lr", "max_momentum"))
        names = [("initial_lr", "max_momentum"), *((lr, momentum) for _, lr, momentum in ends)]
        self._schedule_phases: list[dict[str, Any]] = [
            {"end_step": end, "start_lr": lr, "end_lr": end_lr, "start_momentum": momentum, "end_momentum": end_momentum}
            for (lr, momentum), (end, end_lr, end_momentum) in zip(names, ends)]
        self._anneal_func_type = anneal_strategy
        max_lrs = per_group("max_lr", optimizer, max_lr)
        if last_epoch == -1:
            for group, most in zip(optimizer.param_groups, max_lrs):
                group["initial_lr"], group["max_lr"] = most / div_factor, most
                group["min_lr"] = group["initial_lr"] / final_div_factor
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            _start_momentum(self, optimizer, base_momentum, max_momentum, last_epoch)
        super().__init__(optimizer, last_epoch)

    def _next(self, i: int, lr: Any) -> Any:
        if self.last_epoch > self.total_steps:
            raise ValueError(f"Tried to step {self.last_epoch} times. The specified number of total steps is "
                             f"{self.total_steps}")
        start: Any = 0.0
        for phase in self._schedule_phases:
            if self.last_epoch <= phase["end_step"]:
                break
            start = phase["end_step"]
        else:
            start = self._schedule_phases[-2]["end_step"]
        part = (self.last_epoch - start) / (phase["end_step"] - start)
        group = self.optimizer.param_groups[i]
        if self.cycle_momentum:
            _set_momentum(self, group, self._between(group[phase["start_momentum"]], group[phase["end_momentum"]], part))
        return self._between(group[phase["start_lr"]], group[phase["end_lr"]], part)

    def _between(self, start: float, end: float, part: float) -> float:
        if self._anneal_func_type == "linear":
            return (end - start) * part + start
        return end + (start - end) / 2.0 * (math.cos(math.pi * part) + 1)
