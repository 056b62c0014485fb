"""Backward, really run and watched: in which order the engine takes the nodes, and what flows on each edge.

Nothing is left behind: no `.grad` changes, nothing is freed, and the nodes get their own hooks back.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import backend
from ..autograd import engine
from ..autograd.node import Hooks, Node
from ..tensor import Tensor
from .tape import Item, Tape

BINS = 24
FEW = 16  # so many numbers are shown one by one
MANY = 200_000  # of more, a histogram counts an even part


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


def glance(array: Any) -> dict[str, Any]:
    """Shape, dtype, norm and, if they are few, the numbers themselves."""
    array = backend.to_numpy(array)
    about: dict[str, Any] = {"shape": list(array.shape), "dtype": str(array.dtype)}
    if array.dtype.kind in "fiub" and array.size:
        flat = array.astype(np.float64).ravel() if array.size <= MANY else array.ravel()
        with np.errstate(all="ignore"):
            about["norm"] = number(math.sqrt(float(np.dot(flat, flat))) if flat.dtype.kind == "f"
                                   else np.linalg.norm(flat.astype(np.float64)))
    if array.size <= FEW:
        about["values"] = [number(v) for v in array.ravel().tolist()]
    return about


def describe(array: Any) -> dict[str, Any]:
    """What `glance` says, and the distribution: ends, mean, how many are zero or not finite, counts in equal bins."""
    about = glance(array)
    array = backend.to_numpy(array)
    if array.dtype.kind not in "fiub" or not array.size:
        return about
    flat = array.ravel()
    if flat.size > MANY:
        flat = flat[::-(-flat.size // MANY)]
    flat = flat.astype(np.float64)
    finite = flat if np.isfinite(flat).all() else flat[np.isfinite(flat)]
    about["zeros"] = number(1 - np.count_nonzero(flat) / flat.size)
    if finite.size < flat.size:
        about["bad"] = number(1 - finite.size / flat.size)
    if finite.size:
        low, high = float(finite.min()), float(finite.max())
        about.update(low=number(low), high=number(high), mean=number(finite.mean()))
        if flat.size > 1 and high > low and math.isfinite((high - low) * BINS / (high - low)):
            about["counts"] = np.histogram(finite, BINS, (low, high))[0].tolist()
    return about


def number(value: Any) -> float | str:
    """A number for JSON, which knows no infinity: six digits of it."""
    value = float(value)
    return float(f"{value:.6g}") if math.isfinite(value) else str(value)
