"""The recorded graph, for looking at: its nodes in order, and the memory that it holds.

>>> x = ndl.tensor([3.0], requires_grad=True)
>>> y = (x * x).exp() + x
>>> [getattr(n, "name", lambda: "x")() for n in find_topo_sort(y)]
['x', 'MulBackward', 'ExpBackward', 'AddBackward']
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ..tensor import Tensor, counter
from .alive import why_alive as why_alive
from .engine import edge_of
from .node import Node as Node, Output
from .saved import memories


def find_topo_sort(outputs: Tensor | Sequence[Tensor]) -> list[Any]:
    """The nodes behind `outputs`, and the leaves (as Tensors), each once, after everything that it came from.

    This is the order of a depth-first walk that notes a node when it leaves it, inputs in the order of the operation's
    arguments. Only what requires grad is in the graph. Backward takes the nodes the other way round.
    """
    order: list[Any] = []
    seen: set[Any] = set()
    for output in [outputs] if isinstance(outputs, Tensor) else outputs:
        root = _source(edge_of(output))
        if root is None or root in seen:
            continue
        seen.add(root)
        path = [(root, _inputs(root))]  # a list instead of recursion: graphs are deeper than Python's stack
        while path:
            item, rest = path[-1]
            following = next((i for i in rest if i not in seen), None)
            if following is None:
                order.append(item)
                path.pop()
            else:
                seen.add(following)
                path.append((following, _inputs(following)))
    return order


def _source(edge: Any) -> Any:
    return edge.node if type(edge) is Output else edge


def _inputs(item: Any) -> Iterator[Any]:
    return (_source(e) for e in item.edges if e is not None) if type(item) is Node else iter(())


def held_bytes(tensors: Tensor | Sequence[Tensor]) -> int:
    """How many bytes the graph behind `tensors` keeps alive: what its nodes saved for backward. Memory that
    several hold, such as a tensor and its views, counts once; leaves count where they were saved.

    Adding up losses keeps every step's graph alive; adding up ``loss.item()`` keeps none:

    >>> w = ndl.ones(1000, requires_grad=True)
    >>> total = 0.0
    >>> for step in range(10):
    ...     total = total + w.exp().sum()
    >>> held_bytes(total)
    40000
    >>> held_bytes(total.detach())
    0
    """
    found: dict[int, Any] = {}  # by id; the values keep the ids from being used again
    for item in find_topo_sort(tensors):
        if type(item) is Node:
            found |= memories(item)
    return sum(memory.nbytes for memory in found.values())


def increment_version(tensors: Tensor | Sequence[Tensor]) -> None:
    """Note that the memory of `tensors` was written into by other means than their methods."""
    for tensor in [tensors] if isinstance(tensors, Tensor) else tensors:
        counter(tensor)[0] += 1
