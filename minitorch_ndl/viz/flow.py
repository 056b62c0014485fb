"""Backward, really run and watched: in which order the engine takes the nodes, and what flows on each edge.

Nothing is left behind: no `.grad` changes, nothing is freed, and the nodes get their own hooks back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import backend
from ..autograd import engine
from ..autograd.node import Hooks, Node
from ..tensor import Tensor
from .contents import describe, glance
from .tape import Item, Tape


class Flow:
    """What one backward pass did.

    order     the nodes, as the engine took them
    arrived   by node: the gradients of its outputs (None: none came), described
    sent      by node: what it gave each edge, described
    leaves    by leaf: its whole gradient, described
    """

    def __init__(self, roots: Sequence[Tensor], tape: Tape):
        self.order: list[Node] = []
        self.arrived: dict[Node, list[Any]] = {}
        self.sent: dict[Node, list[Any]] = {}
        self.leaves: dict[Item, Any] = {}
        nodes = [item.origin for item in tape.items if item.kind == "op"]
        leaves = [item for item in tape.items if item.kind == "leaf"]
        before = [(node, node.hooks) for node in nodes + tape.left_out]
        try:
            for node, hooks in before:
                self._watch(node, hooks, node not in tape.of or tape.of[node].kind == "op")
            # Every leaf is a target, so every node runs, and in the order of any backward.
            ends = leaves or [tape.roots[0][0]]
            if tape.left_out:
                ends = [item for item in ends if item.kind == "leaf"]
            gradients = [None if r._array.size == 1 else _ones(r) for r in roots]
            targets = [item.origin for item in ends] + _hidden_leaves(tape)
            found = engine.run(engine._roots(roots, gradients, False), keep=True, create_graph=False, targets=targets,
                               accumulate=False)
        finally:
            for node, hooks in before:
                node.hooks = hooks
                if hooks is None:
                    node.__dict__.pop("hooks", None)
        for item, grad in zip(ends, found, strict=False):
            if grad is not None and item.kind == "leaf":
                self.leaves[item] = describe(grad)

    def _watch(self, node: Node, old: Hooks | None, shown: bool) -> None:
        hooks = node.hooks = Hooks()  # `retain` stays empty: it would write into `.grad`
        if old is not None:
            hooks.tensor.update(old.tensor)
            hooks.before.update(old.before)
            hooks.after.update(old.after)
        if shown:
            hooks.before[-1] = lambda grads: self._arrives(node, grads)
            hooks.after[-1] = lambda results, grads: self._leaves(node, results)

    def _arrives(self, node: Node, grads: tuple) -> None:
        self.order.append(node)
        self.arrived[node] = [None if g is None else describe(g._array) for g in grads]

    def _leaves(self, node: Node, results: tuple) -> None:
        self.sent[node] = [None if r is None else glance(r._array) for r in results]


def _hidden_leaves(tape: Tape) -> list[Any]:
    """Leaves that only nodes which are not drawn use: targets too, so that the order is that of any backward."""
    found: dict[Tensor, None] = {}
    for node in tape.left_out:
        for edge in node.edges:
            if isinstance(edge, Tensor) and edge not in tape.of:
                found[edge] = None
    return list(found)


def _ones(tensor: Tensor) -> Tensor:
    from ..tensor import wrap

    return wrap(backend.of_type(type(tensor._array)).xp.ones(tensor._array.shape, tensor._array.dtype))
