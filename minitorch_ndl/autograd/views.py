"""Views and in-place writes, with gradients, as torch has them.

A view shares its base's memory and version counter, and remembers the steps (view operations) that lead from the base
to it. After a write through a view, the *base* has a new history: "what I was, with this region replaced". Every view
of it, the written one included, is then stale; it finds its new history by replaying its steps on the base, the next
time somebody asks. The counter's second number, the generation, tells stale from fresh.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..tensor import Tensor, counter, wrap
from .grad_mode import enable_grad, mode
from .node import Node, next_number

Step = tuple[Callable, tuple]  # a view operation that runs on arrays and on Tensors, and its arguments


class View:
    """What a view is a view of."""

    __slots__ = ("base", "forbidden", "generation", "steps")

    def __init__(self, base: Tensor, steps: tuple[Step, ...], generation: int, forbidden: str | None):
        self.base, self.steps, self.generation, self.forbidden = base, steps, generation, forbidden

    def refresh(self, tensor: Tensor) -> None:
        """Give `tensor`, whose view this is, the history that its base has by now."""
        generation = counter(self.base)[1]
        if self.generation != generation:
            with enable_grad():
                tensor._edge = replay(self.base, self.steps)._edge
            self.generation = generation


def replay(x: Any, steps: Sequence[Step]) -> Any:
    for function, args in steps:
        x = function(x, *args)
    return x


def mark_view(out: Tensor, source: Tensor, step: Step, many: bool = False) -> None:
    """Note that `out` is a view of `source`, reached by `step`. `many`: it is one of several made at once."""
    parent = source._view
    base, steps, forbidden = (source, (), None) if parent is None else (parent.base, parent.steps, parent.forbidden)
    if many:
        forbidden = ("Output of a function that returns multiple views is being modified inplace. Such functions do not "
                     "allow the output views to be modified inplace. You should replace the inplace operation by an "
                     "out-of-place one.")
    elif forbidden is None and not mode.enabled:
        forbidden = ("A view was created in no_grad mode and is being modified inplace with grad mode enabled. "
                     "Move both inside the no_grad block, or both outside.")
    out._counter = shared = counter(base)
    out._view = View(base, (*steps, step), shared[1], forbidden)


def check_writable(target: Tensor, recording: bool, name: str) -> None:
    """Raise unless `target` may be written into. `recording`: a gradient will flow through the write."""
    view = target._view
    if mode.enabled:
        base = target if view is None else view.base
        if base._requires_grad and base._edge is None:
            what = "a leaf Variable" if view is None else "a view of a leaf Variable"
            raise RuntimeError(f"{what} that requires grad is being used in an in-place operation. ({name} on a tensor "
                               f"of shape {tuple(target.shape)}; wrap it in `with ndl.no_grad():` to change the values "
                               f"only, or work on x.clone().)")
        if view is not None and view.forbidden and (recording or base.requires_grad):
            raise RuntimeError(f"{name}: {view.forbidden}")
    array = target._array
    if 0 in array.strides and any(s == 0 and n > 1 for s, n in zip(array.strides, array.shape, strict=True)):
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
        target._edge = edge
        state[1] += 1
        return
    base = view.base
    node = Node()
    node.rule, node.saved, node.guards = CopySlices, (view.steps,), ()
    node.edges = tuple(e for e in (base._edge, edge) if e is not None)
    node.outputs = None
    node.shapes = None
    node.needs = (base._edge is not None, edge is not None)  # type: ignore[attr-defined]
    node.number = next_number()
    base._edge = node
    state[1] += 1


class CopySlices:
    """The rule of a base that was written into through a view: a region of it came from somewhere else.

    Everywhere but there, the gradient goes to what the base was; there, it goes to what was written.
    """

    name = "CopySlices"
    op = None
    single = None
    holds = False

    @staticmethod
    def apply(node: Node, g: Any, create_graph: bool) -> list[Any]:
        (steps,) = node.saved  # type: ignore[misc]
        grads = []
        if node.needs[0]:  # type: ignore[attr-defined]
            rest = g.clone() if create_graph else g.copy()
            replay(rest, steps)[...] = 0
            grads.append(rest)
        if node.needs[1]:  # type: ignore[attr-defined]
            grads.append(replay(g, steps))
        return grads


def snapshot(target: Tensor) -> Tensor:
    """What `target` is now, on memory of its own, so that it can be overwritten while backward still needs this."""
    if target._view is not None:
        target._view.refresh(target)
    old = wrap(target._array.copy())
    old._edge = target._edge
    return old
