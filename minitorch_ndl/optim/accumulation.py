"""A forgotten `zero_grad`, noticed: what `Optimizer.warn_on_accumulation` switches on.

`backward` adds to what is in `.grad`. That is a mistake where a step has used that already: a hook on each parameter looks
at its `.grad` just before backward adds to it. To sum up several backward passes before a step, on purpose, is none.
"""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Iterator
from typing import Any

from ..tensor import Tensor


class Watch:
    """Follows the gradients of one optimizer's parameters."""

    def __init__(self, optimizer: Any):
        self._optimizer = weakref.ref(optimizer)
        self._step = f"{type(optimizer).__name__}.step"
        self._handles = {"before": optimizer.register_step_pre_hook(self._before),
                         "after": optimizer.register_step_post_hook(self._after)}
        self._looks: dict[int, _Look] = {}  # by the id of the parameter, which they are asked about
        self._said = False

    def end(self) -> None:
        """Watch no more."""
        for handle in self._handles.values():
            handle.remove()

    def stale(self) -> list[tuple[str, Tensor]]:
        """The parameters, with their names, whose gradient is a sum that holds what a step has used already."""
        looks = ((name, p, self._look(p)) for name, p in _named(self._optimizer()))
        return [(name, p) for name, p, look in looks if look is not None and look.summed and _holds_something(p)]

    def _look(self, p: Tensor) -> _Look | None:
        look = self._looks.get(id(p))
        return look if look is not None and look.param() is p else None

    def _before(self, optimizer: Any, args: tuple, kwargs: dict) -> None:
        stale = [] if self._said else self.stale()
        if stale:
            self._said = True
            name, p = stale[0]
            which = f"{'the first: ' * (len(stale) > 1)}{name}, of shape {tuple(p.shape)}"
            warnings.warn(f"{self._step}: the gradients of {len(stale)} parameter{'s' * (len(stale) > 1)} ({which}) have not "
                          f"been zeroed since the last step: backward() has added to what that step used already. Call "
                          f"optimizer.zero_grad() once for every step, before backward(). (Several backward passes for one "
                          f"step are fine; then zero_grad() comes once, after the step.)", stacklevel=3)

    def _after(self, optimizer: Any, args: tuple, kwargs: dict) -> None:
        self._before(optimizer, args, kwargs)  # where a closure ran backward within the step
        for _, p in _named(optimizer):
            look = self._look(p)
            if look is None and p.requires_grad:
                look = self._looks[id(p)] = _Look(p)
                self._handles[f"parameter {len(self._handles)}"] = p.register_hook(_Hook(look))
            if look is not None and p._grad is not None:
                look.used = True


class _Look:
    """What is known of one parameter's gradient."""

    used = False  # the last step used it, and it is still there
    summed = False  # and backward has added to it since

    def __init__(self, p: Tensor):
        self.param = weakref.ref(p)

    def adding(self) -> None:
        """Backward is about to add to it."""
        p = self.param()
        if p is None or not _holds_something(p):
            self.used = self.summed = False
        elif self.used:
            self.summed = True


class _Hook:
    """The hook on a parameter. It looks no more when the optimizer is gone, which has the only lasting reference."""

    __name__ = "warn_on_accumulation"

    def __init__(self, look: _Look):
        self.look = weakref.ref(look)

    def __call__(self, grad: Tensor) -> None:
        look = self.look()
        if look is not None:
            look.adding()


def _holds_something(p: Tensor) -> bool:
    return p._grad is not None and bool(p._grad._array.any())


def _named(optimizer: Any) -> Iterator[tuple[str, Tensor]]:
    number = 0
    for group in optimizer.param_groups if optimizer is not None else ():
        for i, p in enumerate(group["params"]):
            yield (f"'{group['param_names'][i]}'" if "param_names" in group else f"number {number}"), p
            number += 1
