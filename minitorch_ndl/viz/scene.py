"""Everything that the page shows, as plain data: what each thing is called, what is known about it, and the steps."""

from __future__ import annotations

import math
from typing import Any

from .contents import cut, shape_text
from .flow import Flow
from .formulas import about, call_of, formulas
from .grouping import Group
from .layout import Again, Layout
from .tape import Item, Tape

OPEN = 26  # the page opens with no more things in sight than this
BADGES = 18  # the height of a row of marks


def _stretches(tape: Tape, layout: Layout) -> dict[tuple[Group, int], int]:
    """The numbers of the first and the last operation of each box that is but a stretch of another."""
    number, count = {}, 0
    for item in tape.ops:
        count += item.count
        number[item] = count
    found = {}
    for one in layout.groups:
        if one.kind == "part":
            own = [number[i] for i in one.items() if i in number]
            found[one, 0], found[one, 1] = min(own, default=0), max(own, default=0)
    return found


class Scene:
    """What is drawn. `ids`: the number of each Group, Item and Again; `label`: its two lines; `marks`: sums, broadcasting;
    `size`: when it is closed."""

    def __init__(self, tape: Tape, flow: Flow | None, layout: Layout):
        self.tape, self.flow, self.layout = tape, flow, layout
        self.ids: dict[Any, int] = {}
        for one in layout.groups:
            self.ids[one] = len(self.ids)
        for one in layout.groups:
            for child in layout.plans[one].children:
                self.ids.setdefault(child, len(self.ids))
        self.index = _stretches(tape, layout)
        self.label = {thing: self._label(thing) for thing in self.ids}
        self.marks = {thing: self._marks(thing) for thing in self.ids}
        self.held = self._held()
        for one, plan in layout.plans.items():
            plan.head = (len(self.label[one][0]) + 2) * 7.9 + len(self._kind(one)) * 6.6 + 32

    def size(self, thing: Any) -> tuple[float, float]:
        """Width and height of a thing that is closed, for its two lines of text."""
        title, below = self.label[thing]
        marks = self.marks[thing]
        width = max(len(title) * 7.6 + 28, len(below) * 6.4 + 28, sum(len(mark) * 6.2 + 16 for mark in marks) + 8)
        height = 34 if isinstance(thing, Again) or getattr(thing, "kind", "") == "leaf" else 46
        return min(max(width, 76), 250), height + BADGES * bool(marks)

    def opened(self) -> set[Group]:
        """The boxes that are open at first: from the outside in, as long as not too much is in sight."""
        found, seen = {self.layout.root}, self._weight(self.layout.root)
        queue = [self.layout.root]
        for one in queue:
            for child in one.children:
                if isinstance(child, Group) and seen + self._weight(child) - 1 <= OPEN:
                    seen += self._weight(child) - 1
                    found.add(child)
                    queue.append(child)
        return found

    def _weight(self, one: Group) -> int:
        return len(self.layout.plans[one].children)

    def _label(self, thing: Any) -> tuple[str, str]:
        if isinstance(thing, Group) and thing.kind == "part":
            return f"{self.index[thing, 0]:,} – {self.index[thing, 1]:,}", cut(thing.label, 38)
        if isinstance(thing, Group):
            ops = [i for i in thing.items() if i.kind != "leaf"]
            count = sum(i.count for i in ops)
            what = f"{count:,} operation{'s' * (count != 1)}"
            kind = self._kind(thing)
            single = f"{kind} · {ops[0].name}" if kind and len(ops) == 1 else None
            return cut(thing.label or "model", 30), cut(single or (f"{kind} · {what}" if kind else what), 38)
        if isinstance(thing, Again):
            return cut(self._short(thing.item), 30), "used again"
        if thing.kind == "leaf":
            return cut(self._short(thing), 30), shape_text(self.tape.values[thing, 0]["shape"])
        if thing.kind == "earlier":
            return thing.name, "not drawn one by one"
        title = self.tape.named.get((thing, 0))
        return cut(f"{title} = {thing.name}" if title else thing.name, 30), cut(self._out_text(thing), 38)

    @staticmethod
    def _kind(one: Group) -> str:
        return "" if one.kind == "part" else one.kind

    @staticmethod
    def _short(leaf: Item) -> str:
        """A parameter's name inside its module's box."""
        prefix = leaf.path + "." if leaf.path else ""
        return leaf.name.removeprefix(prefix) if leaf.name.startswith(prefix) else leaf.name

    def _out_text(self, op: Item) -> str:
        outs = self.outputs(op)
        texts = [shape_text(o["shape"]) for o in outs if o]
        return ", ".join(texts[:2]) + (f", … {len(outs)} outputs" if len(texts) > 2 else "")

    def outputs(self, op: Item) -> list[Any]:
        """Shape and dtype of what an operation made: its gradient has them too."""
        node = op.origin
        if node.outputs is not None:
            return [o and {"shape": list(o[0]), "dtype": str(o[1])} for o in node.outputs]
        if self.flow is not None and node in self.flow.arrived:
            return [g and {"shape": g["shape"], "dtype": g["dtype"]} for g in self.flow.arrived[node]]
        value = self.tape.values.get((op, 0))
        return [] if value is None else [{"shape": value["shape"], "dtype": value["dtype"]}]

    def parts(self, item: Item) -> int:
        """How many gradients are added up to that of an output of `item`; of several outputs, the most."""
        sums: dict[int, int] = {}
        for user, k in item.users:
            output = user.sources[k].output
            sums[output] = sums.get(output, 0) + 1
        for root, output in self.tape.roots:
            if root is item:
                sums[output] = sums.get(output, 0) + 1
        return max(sums.values(), default=0)

    def wide(self, op: Item) -> list[list[Any]]:
        """The inputs that were broadcast: their names and shapes."""
        outs = self.outputs(op)
        if op.origin.shapes is None or not outs or not outs[0]:
            return []
        return [[source.name, list(shape)] for source, shape in zip(op.sources, op.origin.shapes, strict=False)
                if list(shape) != outs[0]["shape"]]

    def _marks(self, thing: Any) -> tuple[str, ...]:
        if not isinstance(thing, Item) or thing.kind == "earlier":
            return ()
        broadcast, parts = thing.kind == "op" and self.wide(thing), self.parts(thing)
        return ("broadcast",) * bool(broadcast) + ((f"Σ {parts}",) if parts > 1 else ())

    # --- time ---------------------------------------------------------------------------------------------------------

    @property
    def forward(self) -> list[Item]:
        return self.tape.ops

    @property
    def backward(self) -> list[Item]:
        """In the order in which the engine took them; what is not drawn one by one comes last."""
        if self.flow is None:
            return []
        return [self.tape.of[n] for n in self.flow.order] + [i for i in self.tape.items if i.kind == "earlier"]

    def _held(self) -> list[int]:
        """The bytes that the graph holds: before anything, after each operation of forward, and of backward."""
        sizes, holders, held = self.tape.sizes, {}, [0]  # type: ignore[var-annotated]
        for item in self.forward:
            now = held[-1]
            for m in item.memories:
                now += 0 if holders.get(m) else sizes[m]
                holders[m] = holders.get(m, 0) + 1
            held.append(now)
        for item in self.backward:
            now = held[-1]
            for m in item.memories if item.released else ():
                holders[m] -= 1
                now -= 0 if holders[m] else sizes[m]
            held.append(now)
        return held

    # --- for the page ---------------------------------------------------------------------------------------------------

    def data(self) -> dict[str, Any]:
        """All of it, for JSON."""
        self._texts: dict[str, int] = {}
        self._sources: dict[Item, list[int]] = {}
        for number, edge in enumerate(self.layout.edges):
            self._sources.setdefault(edge.target, []).append(number)
        nodes: list[Any] = [None] * len(self.ids)
        for thing, i in self.ids.items():
            width, height = self.size(thing)
            title, below = self.label[thing]
            node: dict[str, Any] = {"t": title, "s": below, "w": width, "h": height}
            if self.marks[thing]:
                node["marks"] = self.marks[thing]
            if thing in self.layout.parent:
                node["p"] = self.ids[self.layout.parent[thing]]
            node.update(self._group(thing) if isinstance(thing, Group) else
                        {"k": "again", "of": self.ids[thing.item]} if isinstance(thing, Again) else
                        self._leaf(thing) if thing.kind == "leaf" else
                        {"k": "earlier"} if thing.kind == "earlier" else self._op(thing))
            nodes[i] = node
        return {
            "nodes": nodes,
            "edges": [[self.ids[e.start], self.ids[e.target], e.slot] for e in self.layout.edges],
            "forward": [self.ids[i] for i in self.forward],
            "backward": [self.ids[i] for i in self.backward],
            "held": self.held,
            "open": sorted(self.ids[g] for g in self.opened()),
            "roots": [[self.ids[item], output] for item, output in self.tape.roots],
            "scalar": self.flow is None or all(
                (self.flow.arrived.get(item.origin) or [{}])[output] in (None, {}) or
                self.flow.arrived[item.origin][output].get("shape") == [] for item, output in self.tape.roots
                if item.kind == "op"),
            "total": self.tape.total,
            "texts": list(self._texts),
        }

    def _text(self, text: str) -> int:
        return self._texts.setdefault(text, len(self._texts))

    def _group(self, one: Group) -> dict[str, Any]:
        plan, items = self.layout.plans[one], list(one.items())
        memories = {m for i in items for m in i.memories}
        leaves = [i for i in items if i.kind == "leaf"]
        return {
            "k": "group", "path": one.path, "cls": one.kind, "c": [self.ids[c] for c in plan.children],
            "rows": plan.rows, "links": plan.links, "head": plan.head, "ins": list(plan.ins.items()),
            "outs": list(plan.outs.items()),
            "segs": [[s.start, s.end, s.key, s.way, s.edges] for s in plan.segments],
            "ops": sum(i.count for i in items if i.kind != "leaf"), "bytes": sum(self.tape.sizes[m] for m in memories),
            "leaves": len(leaves), "numbers": sum(math.prod(self.tape.values[i, 0]["shape"]) for i in leaves),
        }

    def _leaf(self, leaf: Item) -> dict[str, Any]:
        found = {"k": "leaf", "name": leaf.name, "path": leaf.path, "val": self.tape.values[leaf, 0],
                 "uses": self.parts(leaf), "bytes": leaf.bytes}
        if self.flow is not None and leaf in self.flow.leaves:
            found["grad"] = self.flow.leaves[leaf]
        return found

    def _op(self, op: Item) -> dict[str, Any]:
        node, flow = op.origin, self.flow
        outs = self.outputs(op)
        found: dict[str, Any] = {
            "k": "op", "path": op.path, "node": node.name(), "call": call_of(node.rule), "about": self._text(about(node.rule)),
            "f": [[name, self._text(text)] for name, text in formulas(node.rule)], "outs": outs,
            "saved": [list(s) for s in self.tape.saved[op]],
            "bytes": sum(self.tape.sizes[m] for m in op.memories), "released": op.released,
            "src": [[e, op.sources[k].name, op.sources[k].output] for k, e in enumerate(self._sources.get(op, ()))],
        }
        values = {o: self.tape.values[op, o] for o in range(max(1, len(outs))) if (op, o) in self.tape.values}
        if values:
            found["val"] = values
        if self.parts(op) > 1:
            found["sum"] = self.parts(op)
        if wide := self.wide(op):
            found["wide"] = wide
        if flow is not None:
            found["g"] = flow.arrived.get(node, [])
            found["sent"] = flow.sent.get(node, [])
        return found
