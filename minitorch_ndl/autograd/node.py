"""What an operation leaves behind for backward: a Node.

A tensor that came from a recorded operation points at its `Node` (or, where the operation has several outputs, at
an `Output` of it). The node points at where its inputs came from: those are its edges. An edge is one of three things:

    Node      the input is the only output of that node
    Output    the input is output number `index` of a node with several
    Tensor    the input is a leaf: the gradient ends up in its `.grad`

Only inputs that require grad have an edge; `rule` knows which they are and how to compute their gradients.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..tensor import Tensor

# Growing numbers: a node is always younger than the nodes it came from, so that walking from the largest number to
# the smallest is reverse topological order.
next_number = itertools.count(1).__next__


class Node:
    """One recorded operation.

    saved    what the gradient formulas need, as raw arrays, shapes and numbers; None once backward has used it
    guards   who could have changed what was saved: a Tensor, or the version counter of an output
    versions the versions that the guards had (None: all zero)
    """

    __slots__ = ("__dict__", "__weakref__", "edges", "guards", "number", "rule", "saved")

    rule: Any
    edges: tuple[Any, ...]
    saved: tuple[Any, ...] | None
    guards: tuple[Any, ...]
    number: int
    # Rarely needed, so class attributes until someone sets them: making a node costs five stores.
    versions: tuple[int, ...] | None = None
    shapes: tuple[tuple[int, ...], ...] | None = None  # of the inputs, where broadcasting has to be undone
    outputs: tuple[Any, ...] | None = None  # (shape, dtype, array type) of each output, where there are several
    hooks: Hooks | None = None
    trace: list[str] | None = None  # where the operation was called, while anomalies are being looked for

    def name(self) -> str:
        """The operation's name as torch writes it: ``MulBackward``."""
        return self.rule.name

    @property
    def next_functions(self) -> tuple[tuple[Any, int], ...]:
        """Where each input that requires grad came from, as torch gives it: pairs of a node and an output's number."""
        return tuple(
            (e.node, e.index) if type(e) is Output else (e, 0) if type(e) is Node or e is None else (AccumulateGrad(e), 0)
            for e in self.edges
        )

    def register_hook(self, hook: Callable) -> Handle:
        """Call ``hook(grad_inputs, grad_outputs)`` after this node has run; what it returns replaces the former."""
        return Handle(self._hooks().after, hook)

    def register_prehook(self, hook: Callable) -> Handle:
        """Call ``hook(grad_outputs)`` before this node runs; what it returns replaces them."""
        return Handle(self._hooks().before, hook)

    def _hooks(self) -> Hooks:
        if self.hooks is None:
            self.hooks = Hooks()
        return self.hooks

    def __repr__(self) -> str:
        return f"<{self.name()}>"


class Output:
    """One output of a node that has several."""

    __slots__ = ("index", "node")

    def __init__(self, node: Node, index: int):
        self.node, self.index = node, index

    @property
    def number(self) -> int:
        return self.node.number


class Hooks:
    """What people asked to be called when a node's gradient is known."""

    def __init__(self) -> None:
        self.tensor: dict[int, tuple[int, Callable]] = {}  # by key: (which output, hook(grad) -> grad or None)
        self.before: dict[int, Callable] = {}
        self.after: dict[int, Callable] = {}
        self.retain: list[tuple[int, Any]] = []  # (which output, weak reference to the tensor that keeps its grad)


class Handle:
    """What registering a hook returns: ``remove()`` takes the hook away again."""

    _keys = itertools.count()

    def __init__(self, hooks: dict, hook: Any):
        self._table, self.id = hooks, next(self._keys)
        hooks[self.id] = hook

    def remove(self) -> None:
        """Take the hook away. Doing it twice is fine."""
        self._table.pop(self.id, None)

    def __enter__(self) -> Handle:
        return self

    def __exit__(self, *exc: object) -> None:
        self.remove()


class AccumulateGrad:
    """Stands for a leaf in `next_functions`, as in torch. Two of one leaf are equal."""

    next_functions = ()

    def __init__(self, variable: Tensor):
        self.variable = variable

    def name(self) -> str:
        return "AccumulateGrad"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AccumulateGrad) and other.variable is self.variable

    def __hash__(self) -> int:
        return hash(self.variable)

    def __repr__(self) -> str:
        return "<AccumulateGrad>"
