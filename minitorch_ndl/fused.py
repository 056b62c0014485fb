"""`@fused`: a fast pair of kernels, forward and backward, beside the plain composition that defines what they compute.

    @fused(reference=layer_norm_reference)
    class layer_norm:
        def forward(xp, input, weight, bias, eps: float):  # -> (out, *saved)
        def backward(xp, needs, g, *saved):                # -> a gradient, or None, for each array parameter, in order

The kernels see raw arrays. The reference, written in ordinary operations, is the documentation, the tests' oracle, and
what runs when gradients are to have gradients themselves (``create_graph=True``). It must not have side effects.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from . import errors
from .autograd import engine
from .autograd.grad_mode import enable_grad
from .autograd.node import Node, next_number
from .autograd.rule import version, zeros
from .backend import TYPES
from .dispatch import OPS, Kernels, Op
from .faces import F, publish
from .fast import layering
from .op import inner_face
from .tensor import Tensor, _memory, counter, wrap

ndarray = np.ndarray


class _Inputs(NamedTuple):
    """What the reference starts from: the last thing that a fused operation saves, freed with the rest."""

    args: Sequence[Any]
    versions: Sequence[int]  # of those that are arrays


_inputs = tuple.__new__  # without the detour through a named tuple's own


class FusedRule:
    """The rule of a fused operation for the inputs at positions `wanted`."""

    single = None
    holds = True
    outputs = ()
    slots: dict = {}

    def __init__(self, op: Op, backward: Kernels, reference: Callable, wanted: tuple[int, ...]):
        self.op, self.backward, self.reference, self.wanted = op, backward, reference, wanted
        self.name = op.node_name
        self.wants = tuple(i in wanted for i in op.differentiable)

    def save(self, env: tuple) -> tuple:
        return env[len(self.op.signature.names) + 1:]

    def guard(self, node: Node, tensors: Sequence[Any], out: Any, written: int = 0) -> None:
        """Check at backward what the kernel saved as it was; the reference's inputs are checked when it runs."""
        saved = node.saved or ()
        # By the memory they lie in: a kernel may also save a view of an input, such as its labels in one row.
        held = [id(s if type(s) is not ndarray or s.base is None else _memory(s)) for s in saved if type(s) in TYPES]
        guards: list[Any] = []
        written_before, versions = False, []
        for i in self.op.arrays:
            t, now = tensors[i], 0
            if isinstance(t, Tensor):
                array, state = t._array, t._counter
                if state is not None:
                    now = state[0]
                if id(array if type(array) is not ndarray or array.base is None else _memory(array)) in held:
                    guards.append(t)
                    written_before = written_before or now > 0
            versions.append(now)
        for o in (out,) if isinstance(out, Tensor) else out:
            array = o._array
            if id(array if type(array) is not ndarray or array.base is None else _memory(array)) in held:
                guards.append(counter(o))
                written_before = written_before or counter(o)[0] > 0
        node.guards = tuple(guards)
        if written_before:
            node.versions = tuple(map(version, guards))
        node.saved = (*saved, _inputs(_Inputs, (tensors, versions)))

    def guard_name(self, which: int) -> str:
        return "an input or its output"

    def apply(self, node: Node, g: Any, create_graph: bool) -> list[Any]:
        if create_graph:
            return self._differentiate(node, g)
        if node.outputs is not None:
            g = [zeros(o, False) if part is None else part for part, o in zip(g, node.outputs, strict=True)]
        array = g[0] if node.outputs is not None else g
        saved = node.saved[:-1]  # type: ignore[index]
        grads = self.backward[type(array)](self.wants, g, *saved)
        if not isinstance(grads, (tuple, list)):
            grads = (grads,)
        return [grad for grad, want in zip(grads, self.wants, strict=True) if want]

    def _differentiate(self, node: Node, g: Any) -> list[Any]:
        """The gradients as Tensors, by differentiating the reference on fresh aliases of the inputs."""
        inputs: _Inputs = node.saved[-1]  # type: ignore[index]
        for i, expected in zip(self.op.arrays, inputs.versions, strict=True):
            now = version(inputs.args[i])
            if now != expected:
                raise errors.changed_in_place(node, f"'{self.op.signature.names[i]}'", now, expected)
        args, aliases = list(inputs.args), []
        for i in self.wanted:
            args[i] = alias = _alias(args[i])
            aliases.append(alias)
        with enable_grad():
            outs = self.reference(*args)
            if node.outputs is None:
                outs, g = [outs[0] if isinstance(outs, tuple) else outs], [g]
            pairs = [(o, part) for o, part in zip(outs, g, strict=True) if part is not None and o.requires_grad]
            return list(engine.grad([o for o, _ in pairs], aliases, [p for _, p in pairs], create_graph=True,
                                    allow_unused=True))


class _Identity:
    """The rule of an alias: hands the gradient through."""

    name, single, holds = "AliasBackward", None, False

    @staticmethod
    def apply(node: Node, g: Any, create_graph: bool) -> list[Any]:
        return [g]


def _alias(tensor: Tensor) -> Tensor:
    node = Node()
    node.rule, node.edges, node.saved, node.guards = _Identity, (engine.edge_of(tensor),), (), ()
    node.number = next_number()
    twin = wrap(tensor._array)
    twin._edge = node
    return twin


def fused(reference: Callable, *, on: str = "torch method", aliases: Sequence[str] = (), out: bool | str = True,
          name: str | None = None, constants: Sequence[str] = (), **options: Any) -> Callable:
    """Define an operation from a class with `forward` and `backward`; see the module's text.

    constants  array parameters that never get a gradient (targets, masks); options: as for `op`, without formulas
    """

    def define(cls: type) -> Callable:
        title = name or cls.__name__
        forward = cls.forward  # type: ignore[attr-defined]
        backward = Kernels(f"{title}.backward", cls.backward)  # type: ignore[attr-defined]
        record = Op(forward, {}, name=title, saves=("saved",), **options)
        names = record.signature.names
        record.differentiable = tuple(i for i in record.arrays if names[i] not in constants)
        record.promoted = record.differentiable
        record.doc = (cls.__doc__ or "").strip()
        record.reference = reference  # type: ignore[attr-defined]
        rules: dict[tuple[int, ...], FusedRule] = {}

        def rule(wanted: tuple[int, ...]) -> FusedRule:
            if wanted not in rules:
                rules[wanted] = FusedRule(record, backward, reference, wanted)
            return rules[wanted]

        record.rule = rule  # type: ignore[method-assign]
        OPS[title] = record

        record.run = run = layering(record)
        call = publish(title, record.signature, run, on=on, aliases=aliases, out=out, doc=record.doc, kernel=forward)
        call.op = record  # type: ignore[attr-defined]
        setattr(F, title, inner_face(record, run))
        return call

    return define
