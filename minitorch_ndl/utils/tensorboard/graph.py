"""A model as TensorBoard's graph: what autograd recorded while it ran once, each operation in the box of its module.

Only what gradients flow through is recorded, so only that is shown: operations on parameters and on inputs of floats.
An input of integers has an edge to the first operation of the layer that it goes into, such as an embedding.
"""

from __future__ import annotations

import inspect
from bisect import bisect_left
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np

from ...autograd import engine
from ...autograd.grad_mode import enable_grad
from ...autograd.graph import find_topo_sort
from ...autograd.node import Node, Output, next_number
from ...nn import hooks
from ...nn.module import Module
from ...tensor import Tensor
from . import library as tb
from .summary import _FIELDS, _shape


def graph(model: Module, args: Any, verbose: bool = False) -> tuple[Any, Any]:
    """The messages GraphDef and RunMetadata for ``model(*args)``, run once in eval mode."""
    if not isinstance(model, Module):
        raise TypeError(f"add_graph: expected a Module; got {type(model).__name__}. Put the function into one.")
    if args is None:
        raise ValueError("add_graph: input_to_model is missing: the graph is what the model does with an input. "
                         "Give a tensor, or a tuple of them.")
    args = tuple(args) if isinstance(args, (tuple, list)) else (args,)
    run = _Run(model)
    with _all_recorded(model), enable_grad():
        result = run.watched(args)
        outputs = [x for _, x in _tensors(result) if x.requires_grad]
        if not outputs:
            raise RuntimeError("add_graph: autograd recorded nothing that leads to the model's output: it has no tensor "
                               "that depends on a parameter or on an input of floats. Does forward detach() it, use "
                               "no_grad(), or go through NumPy?")
        nodes = run.described(outputs)
    if verbose:
        for node in nodes:
            print(f"{node.name}: {node.op}({', '.join(node.input)})")
    stats = tb.StepStats(dev_stats=[tb.DeviceStepStats(device="/device:CPU:0")])
    return tb.GraphDef(node=nodes, versions=tb.VersionDef(producer=22)), tb.RunMetadata(step_stats=stats)


@contextmanager
def _all_recorded(model: Module) -> Iterator[None]:
    """With all parameters asking for gradients, frozen ones too, and in eval mode; afterwards all is as it was."""
    frozen = [p for p in model.parameters() if not p.requires_grad and p.is_floating_point()]
    training = [m for m in model.modules() if m.training]
    try:
        for p in frozen:
            p.requires_grad_()
        model.eval()
        yield
    finally:
        for p in frozen:
            p.requires_grad_(False)
        for m in training:
            m.training = True


def _tensors(value: Any, path: str = "") -> Iterator[tuple[str, Tensor]]:
    """The tensors in nested tuples, lists and dicts, with where they are."""
    if isinstance(value, Tensor):
        yield path, value
    elif isinstance(value, (tuple, list, dict)):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _tensors(item, f"{path}.{key}" if path else str(key))


def _replaced(value: Any, change: Callable[[Tensor], Tensor]) -> Any:
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, dict):
        return {key: _replaced(item, change) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        items = [_replaced(item, change) for item in value]
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    return value


class _Run:
    """One run of the model: which modules ran when, by the numbers that nodes carry."""

    def __init__(self, model: Module):
        self.model = model
        self.names: set[str] = set()
        self.paths = {id(module): path for path, module in model.named_modules()}
        self.boxes = {path: self._box(path) for path in self.paths.values()}
        self.inside = [""]  # the paths of the modules that run
        self.marks = [(0, "")]  # (number, path): nodes after this number belong to this module
        self.inputs: list[tuple[str, Tensor]] = []  # by name, as the model gets them
        self.feeds: list[tuple[int, Tensor]] = []  # an input of integers went into a layer after this number

    def _box(self, path: str) -> str:
        """``Net/Sequential[encoder]/Linear[0]`` for the module ``encoder.0``, as torch has it."""
        parts, box = path.split(".") if path else [], type(self.model).__name__
        for i, part in enumerate(parts, 1):
            box += f"/{type(self.model.get_submodule('.'.join(parts[:i]))).__name__}[{part}]"
        return box

    def watched(self, args: tuple) -> Any:
        """What the model returns."""
        # A leaf that asks for gradients must not be written into; models may write into their inputs: so they get copies.
        ready = _replaced(args, lambda x: x.detach().requires_grad_().clone() if x.is_floating_point() else x)
        try:
            known = list(inspect.signature(self.model.forward).parameters.values())
        except (TypeError, ValueError):
            known = []
        for i, value in enumerate(ready):
            plain = i < len(known) and known[i].kind is not inspect.Parameter.VAR_POSITIONAL
            self.inputs += _tensors(value, known[i].name if plain else f"input.{i + 1}")
        self.inputs = [(self._unique(f"input/{name}"), x) for name, x in self.inputs]
        handles = [hooks.register_module_forward_pre_hook(self._enter),
                   hooks.register_module_forward_hook(self._leave, always_call=True)]
        try:
            return self.model(*ready)
        finally:
            for handle in handles:
                handle.remove()

    def _enter(self, module: Module, args: tuple) -> None:
        path = self.paths.get(id(module), self.inside[-1])
        self.inside.append(path)
        self.marks.append((next_number(), path))
        if next(module.children(), None) is None:
            self.feeds += [(self.marks[-1][0], x) for _, x in _tensors(args) if not x.is_floating_point()]

    def _leave(self, module: Module, args: tuple, result: Any) -> None:
        self.inside.pop()
        self.marks.append((next_number(), self.inside[-1]))

    def _path(self, number: int) -> str:
        return self.marks[bisect_left(self.marks, (number,)) - 1][1]

    def _unique(self, name: str) -> str:
        chosen, n = name, 1
        while chosen in self.names:
            chosen, n = f"{name}_{n}", n + 1
        self.names.add(chosen)
        return chosen

    def described(self, outputs: list[Tensor]) -> list[Any]:
        """A NodeDef for each input, parameter, operation and output."""
        items = find_topo_sort(outputs)
        sizes = _sizes(outputs, [item for item in items if type(item) is Node])
        names: dict[Any, str] = {}
        found, copies = [], set()
        for name, x in self.inputs:
            edge = x._edge  # of the copy that the model got
            if edge is not None:
                names[edge] = name
                copies |= {edge, edge.edges[0]}
            found.append(_described(name, "IO Node", [], [(x.shape, x._array.dtype)]))
        parameters = {id(p): f"{self.boxes[path.rpartition('.')[0]]}/{path.rpartition('.')[2]}"
                      for path, p in self.model.named_parameters()}
        sources = sorted((number, name) for number, x in self.feeds for name, y in self.inputs if x is y)
        into = self._receivers(sources, items)
        for item in items:
            if item in copies:
                continue
            if type(item) is Node:
                title = item.name().removesuffix("Backward")
                names[item] = name = self._unique(f"{self.boxes[self._path(item.number)]}/{title}")
                edges = [_edge(e, names) for e in item.edges if e is not None]
                found.append(_described(name, title, [*into.get(item, ()), *edges], sizes.get(item, [])))
            else:
                name = parameters.get(id(item), f"{self.boxes['']}/tensor")
                names[item] = name = self._unique(name)
                found.append(_described(name, "Parameter", [], [(item.shape, item._array.dtype)]))
        for i, x in enumerate(outputs, 1):
            edges = [_edge(engine.edge_of(x), names)]
            found.append(_described(self._unique(f"output/output.{i}"), "IO Node", edges, [(x.shape, x._array.dtype)]))
        return found

    def _receivers(self, sources: list[tuple[int, str]], items: list[Any]) -> dict[Node, list[str]]:
        """By node: the names of the inputs of integers that go into it."""
        numbers = sorted((item.number, item) for item in items if type(item) is Node)
        into: dict[Node, list[str]] = {}
        for number, name in sources:
            at = bisect_left(numbers, (number,))
            if at < len(numbers) and self._path(numbers[at][0]) == self._path(number + 1):
                into.setdefault(numbers[at][1], []).append(name)
        return into


def _edge(edge: Any, names: dict[Any, str]) -> str:
    """An input of a NodeDef: a node's name; where it has several outputs, with the output's number."""
    if type(edge) is Output:
        return f"{names[edge.node]}:{edge.index}" if edge.index else names[edge.node]
    return names[edge]


def _described(name: str, op: str, inputs: list[str], sizes: list[tuple[Any, np.dtype]]) -> Any:
    node = tb.NodeDef(name=name, op=op, input=inputs)
    if sizes:
        shapes = tb.AttrValue.ListValue(shape=[_shape(shape) for shape, _ in sizes])
        node.attr["_output_shapes"].CopyFrom(tb.AttrValue(list=shapes))
        node.attr["dtype"].CopyFrom(tb.AttrValue(type=_FIELDS[str(sizes[0][1])][0]))
    return node


def _sizes(outputs: list[Tensor], nodes: list[Node]) -> dict[Node, list[tuple[Any, np.dtype]]]:
    """The shapes and dtypes of what each node computed: those of the gradients that reach it when backward runs."""
    sizes: dict[Node, list[tuple[Any, np.dtype]]] = {}

    def note(node: Node, grads: tuple) -> None:
        if len(grads) == 1 and grads[0] is not None:
            sizes[node] = [(grads[0].shape, grads[0]._array.dtype)]

    handles = []
    for node in nodes:
        if node.outputs is not None:
            sizes[node] = [(shape, dtype) for shape, dtype, _ in node.outputs]
        else:
            handles.append(node.register_prehook(lambda grads, node=node: note(node, grads)))
    roots = [(engine.edge_of(x), np.zeros_like(x._array)) for x in outputs]
    with suppress(Exception):  # what cannot go backward has a graph all the same: the nodes behind stay without shapes
        engine.run(roots, keep=False, create_graph=False, accumulate=False)
    for handle in handles:
        handle.remove()
    return sizes
