"""Small parameters updated as one array: an update begins a dozen operations, which cost the same for ten elements as for a
thousand, and a model has many parameters as small as that, such as biases and the weights of norms.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate, pairwise
from typing import Any

from .. import backend
from ..tensor import Tensor, wrap

SMALL = 1 << 13  # parameters of so many elements at most are updated together...
LARGE = 1 << 16  # ... until there are so many elements: they are to stay in the cache
FEW = 8  # fewer than these are not worth it

States = Mapping[Tensor, dict[str, Any]]


class Together:
    """Some parameters as one array. They are copied here and back, as users may hold their arrays; the buffers that the
    optimizer keeps for them become parts of one array."""

    def __init__(self, params: Sequence[Tensor], states: States):
        self.params, self.states = params, [states[p] for p in params]
        array = params[0]._array
        self.xp = backend.of_type(type(array)).xp
        self.places = list(pairwise(accumulate((p._array.size for p in params), initial=0)))
        self.values, self.gradients = (self.xp.empty(self.places[-1][1], array.dtype) for _ in range(2))
        self.parts = self._parts(self.values)
        self.state: dict[str, Tensor] = {}  # of the whole; numbers in it, such as the step, are those of each
        self.kept: dict[str, list] = {}  # the parts of its buffers
        for name, first in self.states[0].items():
            if first.ndim:
                whole = self.xp.concatenate([state[name]._array.reshape(-1) for state in self.states])
                self.state[name], self.kept[name] = wrap(whole), self._parts(whole)
                for state, part in zip(self.states, self.kept[name], strict=True):
                    state[name]._array = part
            else:
                self.state[name] = wrap(first._array.copy())

    def _parts(self, whole: Any) -> list:
        return [whole[i:k].reshape(p._array.shape) for p, (i, k) in zip(self.params, self.places, strict=True)]

    def intact(self, states: States) -> bool:
        """Whether the optimizer's state is what the last step left: users may change it, or load another."""
        for p, state in zip(self.params, self.states, strict=True):
            if states.get(p) is not state or len(state) != len(self.state):
                return False
        for name, whole in self.state.items():
            if name in self.kept:
                if any(state[name]._array is not part for state, part in zip(self.states, self.kept[name], strict=True)):
                    return False
            elif any(state[name]._array != whole._array for state in self.states):
                return False
        return True

    def step(self, update: Callable[[Any, Any, Any, dict], None]) -> None:
        """Carry out update(xp, values, gradients, state)."""
        xp, params, states = self.xp, self.params, self.states
        xp.concatenate([p._array.reshape(-1) for p in params], out=self.values)
        xp.concatenate([p._grad._array.reshape(-1) for p in params], out=self.gradients)  # type: ignore[union-attr]
        update(xp, self.values, self.gradients, self.state)
        for p, part in zip(params, self.parts, strict=True):
            p._array[...] = part
        for name, whole in self.state.items():
            if name not in states[0]:
                parts = [whole._array.copy() for _ in params] if not whole.ndim else self._parts(whole._array)
                if whole.ndim:
                    self.kept[name] = parts
                for state, part in zip(states, parts, strict=True):
                    state[name] = wrap(part)
            elif not whole.ndim:
                for state in states:
                    state[name]._array[...] = whole._array


class Arrangement:
    """Which parameters are updated together, and which are `others`."""

    def __init__(self, params: Sequence[Tensor], states: States):
        self.params, self.arrays = params, [p._array for p in params]
        self.groups: list[Together] = []
        self.others: list[Tensor] = []
        alike: dict[Any, list[Tensor]] = {}
        for p in params:
            alike.setdefault(_kind(p, states[p]), []).append(p)
        shared = len(set(map(id, self.arrays))) < len(params)
        for kind, some in alike.items():
            while some:
                sizes = accumulate(p._array.size for p in some)
                count = next((i for i, size in enumerate(sizes) if size > LARGE), len(some)) if kind else len(some)
                if shared or kind is None or count < FEW:
                    self.others += some[:count]
                else:
                    self.groups.append(Together(some[:count], states))
                some = some[count:]

    def holds(self, params: Sequence[Tensor], states: States) -> bool:
        """Whether it is for these parameters, with their arrays and states as they are."""
        if len(params) != len(self.params):
            return False
        for p, mine, array in zip(params, self.params, self.arrays, strict=True):
            if p is not mine or p._array is not array:
                return False
        return all(group.intact(states) for group in self.groups)


def _kind(p: Tensor, state: dict[str, Any]) -> Any:
    """What has to be the same for parameters to be updated together. None for one that is not small, or shares its memory,
    so that another's update might change it, or has something in its state that isn't the optimizer's own."""
    array, numbers = p._array, []
    if not 0 < array.size <= SMALL or not array.ndim or getattr(array, "base", None) is not None:
        return None
    for name, value in state.items():
        if not isinstance(value, Tensor) or value.shape != () and value.shape != p.shape:
            return None
        numbers.append((name, None if value.ndim else float(value), value.dtype))
    return type(array), array.dtype, tuple(numbers)
