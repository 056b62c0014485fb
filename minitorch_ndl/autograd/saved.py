"""What a node saved for backward: its arrays by name, and the memory that they lie in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .. import backend
from ..tensor import Tensor, _memory
from .node import Node

INTERMEDIATE = "intermediate"  # the name of what only a fused operation's kernel knows


def saved_arrays(node: Node) -> Iterator[tuple[str, Any]]:
    """Each array that `node` keeps, with the name that the operation has for it; one may come more than once."""
    rule, saved = node.rule, node.saved or ()
    if saved and hasattr(saved[-1], "versions"):  # a fused operation's inputs; it may have saved the same once more
        for name, arg in zip(rule.op.signature.names, saved[-1].args, strict=False):
            yield from _arrays(name, arg)
        saved = saved[:-1]
    needs = getattr(rule, "needs", ())
    for i, value in enumerate(saved):
        if hasattr(value, "holder"):  # a tensor that a Function saved
            yield f"saved_tensors[{i}]", value.array
        else:
            yield from _arrays(needs[i] if i < len(needs) else INTERMEDIATE, value)
    for holder in node.guards:
        yield from _arrays("input", holder)
    if hasattr(rule, "ctx"):
        for name, value in vars(rule.ctx).items():
            yield from _arrays(f"ctx.{name}", value)


def _arrays(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """The arrays in `value`: an array, a Tensor, or a sequence of such."""
    if isinstance(value, Tensor):
        yield name, value._array
    elif backend.is_array(value):
        yield name, value
    elif isinstance(value, (tuple, list)):
        for v in value:
            yield from _arrays(name, v)


def memories(node: Node) -> dict[int, Any]:
    """The pieces of memory that `node` keeps alive, as the arrays that own them, by id."""
    owners = (_memory(array) for _, array in saved_arrays(node))
    return {id(owner): owner for owner in owners}
