"""Checkpointing: keep nothing of a part of the computation, and compute it again when backward needs it.

Memory for time: a deep network in parts holds the activations of one part at a time.
T. Chen et al., "Training Deep Nets with Sublinear Memory Cost", 2016. https://pytorch.org/docs/stable/checkpoint.html
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from .. import backend
from ..autograd import engine
from ..autograd.grad_mode import enable_grad, mode
from ..autograd.node import Node, Output, next_number
from ..autograd.rule import version, zeros
from ..random import fork_rng, get_rng_state, set_rng_state
from ..tensor import Tensor, wrap


class CheckpointError(RuntimeError):
    """The function did something else when it ran again."""


def noop_context_fn() -> tuple[Any, Any]:
    """The default of ``checkpoint(context_fn=)``: two contexts that do nothing."""
    return contextlib.nullcontext(), contextlib.nullcontext()


def checkpoint(function: Callable, *args: Any, use_reentrant: bool | None = None, context_fn: Callable = noop_context_fn,
               determinism_check: str = "default", debug: bool = False, early_stop: bool = True,
               preserve_rng_state: bool = True, **kwargs: Any) -> Any:
    """``function(*args, **kwargs)``, of which backward keeps only the arguments: it runs the function once more.

    preserve_rng_state  draw the same random numbers again (dropout)
    context_fn          gives two contexts: for the run now, and for the one in backward

    The other options of torch's are accepted; gradients reach everything that the function used, as with its
    ``use_reentrant=False``. Raises CheckpointError if the function takes another path the second time.

    >>> x = ndl.tensor([1.0, 2.0], requires_grad=True)
    >>> y = ndl.utils.checkpoint.checkpoint(lambda x: (x * x).exp().sum(), x, use_reentrant=False)
    >>> y.backward(); x.grad
    tensor([  5.4366, 218.3926])
    """
    now, later = context_fn()
    if not mode.enabled:
        with now:
            return function(*args, **kwargs)
    state = get_rng_state() if preserve_rng_state else None
    start = next_number()
    with now:
        result = function(*args, **kwargs)
    outs = _made_since(start, result)
    edges = _beyond(start, outs)
    if not edges:
        return result
    node = Node()
    node.rule, node.edges, node.saved, node.number = _Again(function, args, kwargs, state, later, len(edges)), edges, (), start
    node.guards = tuple(a for a in (*args, *kwargs.values()) if isinstance(a, Tensor))
    node.versions = tuple(map(version, node.guards))
    node.outputs = tuple((o._array.shape, o._array.dtype, type(o._array)) for o in outs)
    for i, out in enumerate(outs):
        out._edge = Output(node, i)  # instead of what the function recorded, which nobody holds any more
    return result


def checkpoint_sequential(functions: Any, segments: int, input: Any, use_reentrant: bool | None = None, **kwargs: Any) -> Any:
    """Run modules one after another in `segments` parts, all but the last of which keep only their input.

    >>> net = ndl.nn.Sequential(*[ndl.nn.Linear(4, 4) for _ in range(6)])
    >>> ndl.utils.checkpoint.checkpoint_sequential(net, 3, ndl.ones(2, 4), use_reentrant=False).shape
    Size([2, 4])
    """
    functions = list(functions.children()) if hasattr(functions, "children") else list(functions)
    preserve = kwargs.pop("preserve_rng_state", True)
    if kwargs:
        raise ValueError(f"Unexpected keyword arguments: {','.join(kwargs)}")

    def through(part: Sequence[Callable]) -> Callable:
        def run(x: Any) -> Any:
            for f in part:
                x = f(x)
            return x

        return run

    size = len(functions) // segments
    for start in range(0, size * (segments - 1), max(size, 1)):
        input = checkpoint(through(functions[start:start + size]), input, use_reentrant=use_reentrant,
                           preserve_rng_state=preserve)
    return through(functions[size * (segments - 1):])(input)


class _Again:
    """The rule of a checkpoint: run the function once more, and go backward through what it records this time."""

    name, single, holds = "CheckpointBackward", None, True

    def __init__(self, function: Callable, args: tuple, kwargs: dict, state: Any, context: Any, count: int):
        self.call, self.state, self.context, self.count = (function, args, kwargs), state, context, count

    def guard_name(self, which: int) -> str:
        return "an argument of the checkpointed function"

    def apply(self, node: Node, g: Any, create_graph: bool) -> list[Any]:
        function, args, kwargs = self.call
        start = next_number()
        with enable_grad(), fork_rng(enabled=self.state is not None), self.context:
            if self.state is not None:
                set_rng_state(self.state)
            outs = _made_since(start, function(*args, **kwargs))
        edges = _beyond(start, outs)
        same = [_key(e) for e in edges] == [_key(e) for e in node.edges]
        if not same or [o._array.shape for o in outs] != [shape for shape, _, _ in node.outputs or ()]:
            raise CheckpointError("checkpoint: the function used other tensors, or returned other shapes, when backward ran it "
                                  "again. It must do the same each time: it may not depend on what changes in between.")
        g = [zeros(o, create_graph) if part is None else part for part, o in zip(g, node.outputs or (), strict=True)]
        targets = edges if create_graph else _sinks(start, outs, edges)
        roots = [(o._edge, part) for o, part in zip(outs, g, strict=True)]
        return engine.run(roots, keep=create_graph, create_graph=create_graph, targets=targets, accumulate=False)


def _made_since(start: int, result: Any) -> list[Tensor]:
    """The tensors in a result, also in tuples, lists and dicts, that were recorded since `start`."""
    if isinstance(result, Tensor):
        edge = engine.edge_of(result)
        return [result] if edge is not None and not isinstance(edge, Tensor) and edge.number > start else []
    parts = result.values() if isinstance(result, dict) else result if isinstance(result, (tuple, list)) else ()
    found: list[Tensor] = []
    for part in parts:
        found += [t for t in _made_since(start, part) if not any(t is f for f in found)]
    return found


def _nodes(start: int, outs: Sequence[Tensor]) -> Iterator[Node]:
    """The nodes behind `outs` that were recorded since `start`."""
    stack, seen = [engine._source(o._edge) for o in outs], set()
    while stack:
        node = stack.pop()
        if isinstance(node, Node) and node.number > start and node not in seen:
            seen.add(node)
            yield node
            stack += [engine._source(e) for e in node.edges]


def _key(edge: Any) -> Any:
    return (id(edge.node), edge.index) if type(edge) is Output else id(edge)


def _beyond(start: int, outs: Sequence[Tensor]) -> tuple:
    """Where gradients leave what was recorded since `start`: leaves, and what came before. Each once, in order."""
    found = {_key(e): e for node in _nodes(start, outs) for e in node.edges
             if e is not None and (isinstance(e, Tensor) or e.number < start)}
    return tuple(found.values())


def _sinks(start: int, outs: Sequence[Tensor], edges: tuple) -> list[Tensor]:
    """Leaves of our own in the place of `edges`, so that their hooks run once: when what we return gets there."""
    sinks = {_key(e): wrap(backend.CPU.xp.zeros(0)) for e in edges}
    for node in _nodes(start, outs):
        node.edges = tuple(e if e is None else sinks.get(_key(e), e) for e in node.edges)
    return [sinks[_key(e)] for e in edges]
