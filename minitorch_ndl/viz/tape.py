"""What autograd recorded, read off its nodes: who came from whom, what was saved and why, whose memory it is.

All is read at once, so a picture shows the graph as it was when it was made, also after backward has freed it and the
optimizer has changed the parameters; and it keeps no array alive.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from .. import backend
from ..autograd.graph import find_topo_sort
from ..autograd.node import Node, Output
from ..autograd.rule import Rule, version
from ..autograd.saved import memories
from ..fused import FusedRule, _Inputs
from ..tensor import Tensor, _memory
from .contents import cut, describe, shape_text
from .formulas import op_of, short_name


class Source(NamedTuple):
    """Where one input of an operation came from: output number `output` of an item; `name`: of the parameter."""

    item: Item
    output: int
    name: str


class Saved(NamedTuple):
    """One thing that was kept for backward. `why`: the inputs whose gradients need it; `owner`: whose memory it is."""

    name: str
    text: str  # its shape, or what it is
    dtype: str
    bytes: int
    why: list[str]
    owner: str


@dataclass(eq=False)
class Item:
    """An operation, a leaf, or all operations before the first that is drawn."""

    kind: str  # "op", "leaf", "earlier"
    name: str
    number: float  # when it was made: by this, forward is in order, and backward in reverse order
    origin: Any = None  # the Node, or the leaf's Tensor
    path: str = ""  # the module that it belongs to
    sources: list[Source] = field(default_factory=list)
    users: list[tuple[Item, int]] = field(default_factory=list)  # (who uses it, which of its sources it is)
    memories: list[int] = field(default_factory=list)  # ids of the memory that was saved
    released: bool = False  # whether backward lets go of `memories` when the operation has run
    count: int = 1
    bytes: int = 0  # of a leaf

    def __repr__(self) -> str:
        return f"<{self.kind} {self.name}>"


class Tape:
    """All items behind some tensors, oldest first.

    values  by (item, output): what was still there to look at, described
    saved   by operation: what it saved, in the words of its formulas
    sizes   by id of a memory: its bytes; `owners`: the name of the leaf whose memory it is
    """

    def __init__(self, roots: Sequence[Tensor], names: dict[Tensor, str], tensors: dict[str, Tensor], limit: int):
        found = find_topo_sort(roots)
        nodes = sorted((n for n in found if type(n) is Node), key=lambda n: n.number)
        for node in nodes:
            if node.saved is None:
                raise RuntimeError(
                    f"viz.graph: this graph is freed: {node.name()} gave up what it saved when backward ran through it. "
                    "Draw the graph before backward, or call backward(retain_graph=True).")
        self.total = len(nodes)
        self.left_out = nodes[:-limit] if len(nodes) > limit else []
        drawn = nodes[len(self.left_out):]
        self.items: list[Item] = []
        self.of: dict[Any, Item] = {}  # by node, or leaf
        self.sizes: dict[int, int] = {}
        self.owners: dict[int, str] = {}
        self._alive: list[Any] = []  # so that no id is used again
        self.values: dict[tuple[Item, int], Any] = {}  # arrays, until all are known
        self.named: dict[tuple[Item, int], str] = {}
        if self.left_out:
            self._fold()
        for node in drawn:
            self._add(node, names)
        for tensor, name in names.items():
            self.owners[id(_memory(tensor._array))] = name
        self.roots = [(self.of[_node(r._edge)], r._edge.index if type(r._edge) is Output else 0) for r in roots]
        for tensor in roots:
            self._look(tensor)
        for name, tensor in tensors.items():
            key = self._look(tensor)
            if key is not None:
                self.named[key] = name
        self.values = {key: describe(array) for key, array in self.values.items()}
        self.saved = {item: self._describe_saved(item) for item in self.items if item.kind == "op"}
        self._alive.clear()

    @property
    def ops(self) -> list[Item]:
        return [item for item in self.items if item.kind != "leaf"]

    def _fold(self) -> None:
        """One item for all the nodes that are left out."""
        first = Item("earlier", f"{len(self.left_out):,} earlier operations", self.left_out[-1].number,
                     count=len(self.left_out), released=True)
        for node in self.left_out:
            self.of[node] = first
            first.memories += self._memories(node)
        first.memories = list(dict.fromkeys(first.memories))
        self.items.append(first)

    def _add(self, node: Node, names: dict[Tensor, str]) -> None:
        item = Item("op", short_name(node.rule), node.number, node, released=node.rule.holds)
        self.of[node] = item
        for k, (edge, name) in enumerate(zip(node.edges, input_names(node), strict=True)):
            if edge is None:
                continue
            source = self.of.get(_node(edge))
            if source is None:  # a leaf, met for the first time
                source = self.of[edge] = Item("leaf", names.get(edge) or _leaf_name(edge), node.number - 0.5, edge,
                                                     bytes=edge._array.nbytes)
                self.values[source, 0] = edge._array
                self.items.append(source)
            item.sources.append(Source(source, edge.index if type(edge) is Output else 0, name))
            source.users.append((item, k))
        item.memories = self._memories(node)
        self.items.append(item)
        self._look_inside(node, item)

    def _memories(self, node: Node) -> list[int]:
        found = memories(node)
        for key, memory in found.items():
            self.sizes[key] = memory.nbytes
            self._alive.append(memory)
        return list(found)

    def _look_inside(self, node: Node, item: Item) -> None:
        """Note the values that `node` keeps within reach: its inputs, and its own output."""
        for holder in _tensors(node.guards):
            self._look(holder)
        for value in node.saved or ():
            if type(value) is _Inputs:
                for i, expected in zip(node.rule.op.arrays, value.versions, strict=True):
                    arg = value.args[i]
                    if isinstance(arg, Tensor) and version(arg) == expected:
                        self._look(arg)
            elif isinstance(getattr(value, "holder", None), Tensor):  # of a user's Function
                self._look(value.holder)
        slot = node.rule.slots.get("out") if isinstance(node.rule, Rule) else None
        if slot is not None and node.outputs is None and backend.is_array(node.saved[slot]):  # type: ignore[index]
            self.values.setdefault((item, 0), node.saved[slot])  # type: ignore[index]

    def _look(self, tensor: Tensor) -> tuple[Item, int] | None:
        edge = tensor._edge
        item = self.of.get(tensor if edge is None else _node(edge))
        if item is None or item.kind == "earlier":
            return None
        key = (item, edge.index if type(edge) is Output else 0)
        self.values.setdefault(key, tensor._array)
        return key

    def _describe_saved(self, item: Item) -> list[Saved]:
        node = item.origin
        rule, saved = node.rule, node.saved
        if isinstance(rule, Rule):
            picks = [(name, slots) for name, (_, slots) in zip(rule.wanted, rule.formulas, strict=True)]
            found = [(name, value, [w for w, slots in picks if i in slots])
                     for i, (name, value) in enumerate(zip(rule.needs, saved, strict=True))]
        elif isinstance(rule, FusedRule):
            found = self._fused(rule, saved)
        elif hasattr(rule, "ctx"):
            ctx = {k: v for k, v in vars(rule.ctx).items() if not k.startswith("_") and k != "needs_input_grad"}
            found = [*((f"saved_tensors[{i}]", getattr(s, "array", None), []) for i, s in enumerate(saved)),
                     *((f"ctx.{k}", v._array if isinstance(v, Tensor) else v, []) for k, v in ctx.items())]
        else:
            found = [("", v, []) for v in saved if backend.is_array(v)]
        return [self._kept(*one) for one in found if one[1] is not None and not callable(one[1])]

    @staticmethod
    def _fused(rule: FusedRule, saved: tuple) -> list[tuple[str, Any, list[str]]]:
        inputs = saved[-1]
        names, wanted = rule.op.signature.names, [rule.op.signature.names[i] for i in rule.wanted]
        whose = {id(_memory(t._array)): name for name, arg in zip(names, inputs.args, strict=False) for t in _tensors(arg)}
        held, found = set(), []
        for value in saved[:-1]:
            if backend.is_array(value):
                key = id(_memory(value))
                held.add(key)
                found.append((whose.get(key, "kept by the kernel"), value, wanted))
        for name, arg in zip(names, inputs.args, strict=False):
            for tensor in _tensors(arg):
                if id(_memory(tensor._array)) not in held:
                    found.append((name, tensor._array, ["a second derivative"]))
        return found

    def _kept(self, name: str, value: Any, why: list[str]) -> Saved:
        if isinstance(value, (list, tuple)) and value and backend.is_array(value[0]):
            return Saved(name, f"{len(value)} arrays", "", sum(v.nbytes for v in value), why, "")
        if backend.is_array(value):
            owner = self.owners.get(id(_memory(value)), "")
            return Saved(name, shape_text(value.shape), str(value.dtype), value.nbytes, why, owner)
        return Saved(name, cut(repr(value), 60), "", 0, why, "")


def input_names(node: Node) -> list[str]:
    """The parameter's name for each edge of a node."""
    rule, count = node.rule, len(node.edges)
    op = op_of(rule)
    if op is None:
        return [f"input {i}" if count > 1 else "input" for i in range(count)]
    names = [n if isinstance(n, str) else op.signature.names[n] for n in rule.wanted]
    if len(names) != count and op.signature.sequence is not None:
        listed = op.signature.names[op.signature.sequence]
        at = names.index(listed) if listed in names else 0
        names[at:at + 1] = [f"{listed}[{i}]" for i in range(count - len(names) + 1)]
    return (names + ["input"] * count)[:count]


def _node(edge: Any) -> Any:
    return edge.node if type(edge) is Output else edge


def _tensors(value: Any) -> Iterable[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif type(value) in (tuple, list):
        for v in value:
            yield from _tensors(v)


def _leaf_name(leaf: Tensor) -> str:
    return f"leaf {tuple(leaf._array.shape)}" if leaf._array.ndim else "leaf"
