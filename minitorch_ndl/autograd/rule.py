"""How a node's gradients are computed: the rule that its operation made for one pattern of inputs that need them.

The engine asks a rule for three things: `single`, `holds` and `apply`. Rules made from formulas are here; fused
operations (`op.py`), user functions (`function.py`) and writes through views (`views.py`) bring their own.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

from .. import backend, errors
from ..tensor import Tensor, counter, wrap
from .grad_mode import Anomaly
from .node import Node, Output

_PACKAGE = os.path.dirname(os.path.dirname(__file__)) + os.sep


class Rule:
    """The gradient formulas for the inputs at `wanted`, and what has to be saved for them.

    names    all names that can be saved, in the order of the environment that `save` gets: the kernel's parameters,
             "out", and what the kernel hands back
    formulas by parameter name; each takes `g` first, then what it needs
    sequence the parameter that is a list of tensors; its formula gives a list of gradients
    outputs  those of the names that stand for one of several outputs
    """

    def __init__(self, name: str, names: Sequence[str], inputs: Sequence[str], formulas: dict[str, Callable],
                 wanted: Sequence[str], sequence: str | None = None, outputs: Sequence[str] = ()):
        self.name, self.wanted = name, tuple(wanted)
        asked = [_parameters(formulas[w]) for w in wanted]
        self.needs = tuple(dict.fromkeys(n for params in asked for n in params))
        plan = [_source(n, names) for n in self.needs]
        self._plan, self._sequence = plan, -1 if sequence is None else names.index(sequence)
        self.formulas = [(formulas[w], [self.needs.index(n) for n in p]) for w, p in zip(wanted, asked, strict=True)]
        self._list = wanted.index(sequence) if sequence in wanted else -1  # number of the formula that gives a list
        # One formula for one edge can be called directly; a list of tensors has an edge for each.
        self.single = self.formulas[0][0] if len(wanted) == 1 and wanted[0] != sequence else None
        # Which saved values others could write into: whole inputs, and outputs (which of them; None: all there are).
        self.guarded = [(slot, names.index(n)) for slot, n in enumerate(self.needs) if n in inputs]
        self.outputs = [(slot, outputs.index(n) if n in outputs else None)
                        for slot, n in enumerate(self.needs) if n == "out" or n in outputs]
        self.holds = any(attribute is None and (n in inputs or n == "out" or i > names.index("out"))
                         for n, (i, attribute) in zip(self.needs, plan, strict=True))
        self.slots = {n: slot for slot, n in enumerate(self.needs)}

    def save(self, env: tuple) -> tuple:
        """What the formulas need, out of everything that is known when the operation has run."""
        self.__dict__["save"] = quick = _saver(self._plan, self._sequence)  # found before this method from now on
        return quick(env)

    def guard(self, node: Node, tensors: Sequence[Any], out: Any, written: int = 0) -> None:
        """Note whose writes would spoil what `node` saved.

        tensors  the kernel's arguments, as Tensors; `out`: its result, or a list of them
        written  1 if the operation itself writes into `out`, and that is not counted as a write yet
        """
        guards: list[Any] = []
        versions: list[Any] = []
        for _, i in self.guarded:
            holder = tensors[i]
            if isinstance(holder, Tensor):
                state = holder._counter
                versions.append(0 if state is None else state[0])
            else:
                holder = _only_tensors(holder)
                versions.append(version(holder))
            guards.append(holder)
        for _, which in self.outputs:
            outs = [out] if isinstance(out, Tensor) else out if which is None else [out[which]]
            holder = tuple(map(counter, outs)) if len(outs) > 1 else counter(outs[0])  # no cycle to the node
            guards.append(holder)
            versions.append(version(holder) + written if written else version(holder))
        node.guards = tuple(guards)
        if any(versions):
            node.versions = tuple(versions)

    def guard_name(self, which: int) -> str:
        """What guard number `which` stands for, for the error."""
        return f"'{self.needs[self.guarded[which][0]]}'" if which < len(self.guarded) else "its output"

    def apply(self, node: Node, g: Any, create_graph: bool) -> list[Any]:
        """The gradients for the node's edges, in their order."""
        saved = self.lift(node) if create_graph else node.saved
        if node.outputs is not None and any(part is None for part in g):  # an output that got no gradient: zeros
            g = [zeros(o, create_graph) if part is None else part for part, o in zip(g, node.outputs, strict=True)]
        return self._grads(g, saved)

    def _grads(self, g: Any, saved: Any) -> list[Any]:
        self.__dict__["_grads"] = quick = _caller(self.formulas, self._list)
        return quick(g, saved)

    def lift(self, node: Node) -> list[Any]:
        """What was saved, as Tensors: inputs with their history, the output with `node`'s own, the rest as constants."""
        saved = [wrap(value) if backend.is_array(value) else
                 [wrap(v) for v in value] if isinstance(value, (list, tuple)) and value and backend.is_array(value[0])
                 else value for value in node.saved or ()]
        for (slot, _), holder in zip(self.guarded, node.guards, strict=False):
            if holder is not None:
                saved[slot] = list(holder) if type(holder) is tuple else holder
        for slot, which in self.outputs:
            outs = saved[slot] if isinstance(saved[slot], list) else [saved[slot]]
            for i, out in enumerate(outs, which or 0):
                if out._array.dtype.kind == "f":
                    out._edge = node if node.outputs is None else Output(node, i)
        return saved


def zeros(description: tuple, create_graph: bool) -> Any:
    """Zeros for an output that got no gradient."""
    shape, dtype, array_type = description
    array = backend.of_type(array_type).xp.zeros(shape, dtype)
    return wrap(array) if create_graph else array


def check_versions(node: Node) -> None:
    """Raise if a saved value has been written into since it was saved."""
    versions = node.versions
    for k, holder in enumerate(node.guards):
        now = holder[0] if type(holder) is list else version(holder)
        expected = 0 if versions is None else versions[k]
        if now != expected:
            raise errors.changed_in_place(node, node.rule.guard_name(k), now, expected)


def version(holder: Any) -> Any:
    """How many writes a Tensor, a version counter or a tuple of them has seen."""
    if isinstance(holder, Tensor):
        holder = holder._counter
    if holder is None:
        return 0
    if type(holder) is list:
        return holder[0]
    versions = tuple(map(version, holder))  # for operations on lists; zero stays falsy
    return versions if any(versions) else 0


def look_at(node: Node) -> None:
    """What happens to each operation that was recorded while `Anomaly.enabled`."""
    if Anomaly.tracing:
        node.trace = called_from()
    for watcher in Anomaly.watchers:
        watcher.made(node)


def called_from() -> list[str]:
    """The lines of the user's program that led here."""
    import traceback  # only while anomalies are being looked for

    frames = traceback.extract_stack()
    while frames and frames[-1].filename.startswith(_PACKAGE):
        frames.pop()
    return traceback.format_list(frames)


def _only_tensors(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value
    if isinstance(value, (tuple, list)) and value and isinstance(value[0], Tensor):
        return tuple(value)
    return None  # a number: nobody can write into it


def _saver(plan: Sequence[tuple[int, str | None]], sequence: int) -> Callable[[tuple], tuple]:
    """The function that takes the planned values out of an environment (where number `sequence` is a list), written out
    for the sake of speed: every recorded operation calls it."""
    values = [f"env[{i}]" if a is None else f"[v.{a} for v in env[{i}]]" if i == sequence else
              f"getattr(env[{i}], {a!r}, None)" for i, a in plan]
    return eval(f"lambda env: ({''.join(v + ', ' for v in values)})")


def _caller(formulas: Sequence[tuple[Callable, list[int]]], several: int) -> Callable[[Any, Any], list[Any]]:
    """The function that calls all formulas, each with its share of what was saved; written out, as `_saver` is."""
    calls = [f"{'*' * (k == several)}f{k}({', '.join(['g', *(f's[{i}]' for i in picks)])})"
             for k, (_, picks) in enumerate(formulas)]
    return eval(f"lambda g, s: [{', '.join(calls)}]", {f"f{k}": formula for k, (formula, _) in enumerate(formulas)})


def _parameters(formula: Callable) -> tuple[str, ...]:
    code = formula.__code__
    return code.co_varnames[1:code.co_argcount]


def _source(name: str, names: Sequence[str]) -> tuple[int, str | None]:
    if name in names:
        return names.index(name), None
    base, _, attribute = name.rpartition("_")
    if attribute in ("shape", "dtype") and base in names:
        return names.index(base), attribute
    raise TypeError(f"a gradient formula asks for '{name}', which is none of {', '.join(names)}")
