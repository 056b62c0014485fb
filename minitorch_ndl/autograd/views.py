"""Views and in-place writes, with gradients, as torch has them.

A view shares its base's memory and version counter, and remembers the steps (view operations) that lead from the base
to it. After a write through a view, the *base* has a new history: "what I was, with this region replaced". Every view
of it, the written one included, is then stale; it finds its new history by replaying its steps on the base, the next
time somebody asks. The counter's second number, the generation, tells stale from fresh.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import Any

from .. import backend, errors
from ..tensor import Tensor, counter, wrap
from .grad_mode import enable_grad, mode
from .node import Node, Output, next_number

_new = object.__new__
Step = tuple[Callable, tuple]  # a view operation that runs on arrays and on Tensors, and its arguments


class View:
    """What a view is a view of."""

    __slots__ = ("base", "forbidden", "generation", "steps", "version")

    base: Tensor
    steps: tuple[Step, ...]  # from the base to here
    generation: int  # of the base, when this view's history was last looked up
    version: int  # of the base when this view was made; only for forbidden ones
    forbidden: str | None  # why no in-place write with a gradient may go through: "many", "no_grad" or "custom"

    def forbid(self, why: str) -> None:
        """Allow no writes with a gradient, neither through this view nor, from now on, into what it shows."""
        self.forbidden, self.version = why, counter(self.base)[0]

    def refresh(self, tensor: Tensor) -> None:
        """Give `tensor`, whose view this is, the history that its base has by now."""
        base = self.base
        if base._view is not None:
            self.base = base = root(base)
        version, generation = base._counter  # type: ignore[misc]
        if self.forbidden is not None and version != self.version and base.requires_grad:
            if mode.enabled:  # its own history is not that of its steps
                raise errors.view_of_written_base(self.forbidden, base)
        elif self.generation != generation:
            with enable_grad():
                _retarget(tensor, replay(base, self.steps)._edge)
            self.generation = generation


def root(base: Tensor) -> Tensor:
    """What `base` is a view of by now: ``x.unsqueeze_(0)`` and the like make a base a view of what it was."""
    while base._view is not None:
        base = base._view.base
    return base


def replay(x: Any, steps: Sequence[Step]) -> Any:
    for function, args in steps:
        x = function(x, *args)
    return x


def mark_view(out: Tensor, source: Tensor, step: Step, many: bool = False) -> None:
    """Note that `out` is a view of `source`, reached by `step`. `many`: it is one of several made at once."""
    parent = source._view
    out._view = view = _new(View)
    if parent is None:
        base, view.steps, forbidden = source, (step,), None
    else:
        base, view.steps, forbidden = parent.base, (*parent.steps, step), parent.forbidden
        if base._view is not None:
            base = root(base)
    shared = base._counter
    if shared is None:
        shared = base._counter = [0, 0]
    if many:
        forbidden = "many"
    elif forbidden is None and not mode.enabled:
        forbidden = "no_grad"
    view.base, view.generation, view.forbidden = base, shared[1], None
    if forbidden is not None:
        view.forbid(forbidden)
    out._counter = shared


def check_history(target: Tensor, recording: bool, name: str) -> None:
    """Raise unless `target` may get another history. `recording`: a gradient will flow through the write."""
    if not mode.enabled:
        return
    view = target._view
    base = target if view is None else root(view.base)
    if view is not None and view.forbidden and (recording or base.requires_grad):
        raise errors.view_not_writable(view.forbidden, name)
    for tensor in (target, base):
        if tensor._requires_grad and tensor._edge is None:
            what = "a leaf Variable" if tensor is target else "a view of a leaf Variable"
            raise RuntimeError(f"{what} that requires grad is being used in an in-place operation. ({name} on a tensor "
                               f"of shape {tuple(target.shape)}; wrap it in `with ndl.no_grad():` to change the values "
                               f"only, or work on x.clone().)")


def check_writable(target: Tensor, recording: bool, name: str) -> None:
    """Raise unless `target` may be written into."""
    check_history(target, recording, name)
    check_overlap(target._array, name)


def check_overlap(array: Any, name: str) -> None:
    """Raise if several elements of `array` lie on one place in memory, as `expand` makes them."""
    if array.size and 0 in array.strides and \
            any(s == 0 and n > 1 for s, n in zip(array.strides, array.shape, strict=True)):
        raise RuntimeError("unsupported operation: more than one element of the written-to tensor refers to a single "
                           f"memory location. Please clone() the tensor before performing the operation. ({name})")


def bump(target: Tensor) -> None:
    """Note that the memory of `target` has been written into."""
    counter(target)[0] += 1


def adopt(target: Tensor, edge: Any) -> None:
    """`target`'s memory now holds the result that `edge` made: make that its history, and its base's."""
    view = target._view
    state = counter(target)
    if view is None:
        _retarget(target, edge)
        state[1] += 1
        return
    base = root(view.base)
    node = Node()
    node.rule, node.saved = CopySlices, (view.steps, _layout(base._array))
    node.edges, node.guards, node.number = (base._edge, edge), (), next_number()
    _retarget(base, node)
    state[1] += 1
    if target._retains_grad:
        view.refresh(target)


def _retarget(tensor: Tensor, edge: Any) -> None:
    """Change the history of `tensor`. What `retain_grad` asked for goes along; hooks stay where they were put."""
    before, tensor._edge = tensor._edge, edge
    if tensor._retains_grad:
        old, new = (e.node if type(e) is Output else e for e in (before, edge))
        if old is not None and old.hooks is not None:
            old.hooks.retain = [entry for entry in old.hooks.retain if entry[1]() is not tensor]
        if new is not None:
            new._hooks().retain.append((edge.index if type(edge) is Output else 0, weakref.ref(tensor)))


class CopySlices:
    """The rule of a base that was written into through a view: a region of it came from somewhere else.

    Everywhere but there, the gradient goes to what the base was; there, it goes to what was written.
    """

    name = "CopySlices"
    single = None
    holds = False

    @staticmethod
    def apply(node: Node, g: Any, create_graph: bool) -> list[Any]:
        steps, strides = node.saved  # type: ignore[misc]
        old, written = node.edges
        grads: list[Any] = [None, None]
        if old is not None:
            grads[0] = rest = _laid_out(g, strides)
            replay(rest, steps)[...] = 0
        if written is not None:
            array = g._array if create_graph else g
            grads[1] = replay(g if _layout(array) == strides else _laid_out(g, strides), steps)
        return grads


def _layout(array: Any) -> tuple[int, ...] | None:
    """How `array` lies in memory: its strides, or None if row by row. Whether a step leads to a view depends on it."""
    return None if array.flags.c_contiguous else array.strides


def _laid_out(g: Any, strides: tuple[int, ...] | None) -> Any:
    """A copy of `g`, an array or a Tensor, that lies in memory in this way."""
    if not isinstance(g, Tensor):
        out = backend.empty(g, strides)
        out[...] = g
        return out
    return wrap(backend.empty(g._array, strides)).copy_(g)


def snapshot(target: Tensor) -> Tensor:
    """What `target` is now, on memory of its own, so that it can be overwritten while backward still needs this."""
    if target._view is not None:
        target._view.refresh(target)
    old = wrap(target._array.copy())
    old._edge = target._edge
    return old
