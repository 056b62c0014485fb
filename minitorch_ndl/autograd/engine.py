"""Backward: walk the recorded nodes from the result to the leaves, and sum up gradients on the way.

Nodes are numbered as they are made, so taking the largest number first is reverse topological order: by the time a
node is taken, everything that came from it has given its share. No recursion, and nothing is left behind on nodes, so
several threads may walk at once.

First-order gradients run on raw arrays; with `create_graph` the same formulas run on Tensors and are recorded in turn.
https://pytorch.org/docs/stable/generated/torch.autograd.backward.html
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from heapq import heappop, heappush
from typing import Any

import numpy as np

from .. import backend, errors
from ..tensor import Tensor, wrap
from .grad_mode import Anomaly, mode
from .node import Node, Output
from .rule import check_versions

_leaf_lock = threading.Lock()
ndarray = np.ndarray


def edge_of(tensor: Tensor) -> Any:
    """Where `tensor`'s gradient has to go: its Node or Output, itself if it is a leaf that wants one, else None."""
    if tensor._view is not None:
        tensor._view.refresh(tensor)
    if tensor._edge is not None:
        return tensor._edge
    return tensor if tensor._requires_grad else None


class _Pass:
    """One walk: the gradients in flight live here."""

    def __init__(self, keep: bool, create_graph: bool, targets: Sequence[Any] | None):
        self.keep, self.create_graph = keep, create_graph
        self.heap: list[tuple[int, Node]] = []  # (-number, node): the youngest node comes out first
        self.sums: dict[Node, Any] = {}  # by node: a gradient, or a list of them, one for each output
        self.leaves: dict[Tensor, Any] = {}
        self.owned: set = set()  # keys whose sum is an array that nobody else holds: add to it in place
        self.targets = targets
        self.captured: dict[Any, Any] = {}

    def give(self, edge: Any, grad: Any, g: Any, saved: Any, results: Sequence[Any]) -> None:
        """Add `grad` to what `edge` has got so far. The rest says where it came from, to tell who else holds it."""
        kind = type(edge)
        if kind is Node:
            key, before = edge, self.sums.get(edge)
            if before is None:
                self.sums[edge] = grad
                heappush(self.heap, (-edge.number, edge))
                return
            self.sums[edge] = self._sum(key, before, grad, g, saved, results)
        elif kind is Output:
            node, i = edge.node, edge.index
            parts = self.sums.get(node)
            if parts is None:
                parts = self.sums[node] = [None] * len(node.outputs)
                heappush(self.heap, (-node.number, node))
            before = parts[i]
            parts[i] = grad if before is None else self._sum((node, i), before, grad, g, saved, results)
        else:
            before = self.leaves.get(edge)
            if before is not None:
                self.leaves[edge] = self._sum(edge, before, grad, g, saved, results)
            else:
                self.leaves[edge] = grad
                if _is_fresh(grad, g, saved, results):
                    self.owned.add(edge)

    def _sum(self, key: Any, before: Any, grad: Any, g: Any, saved: Any, results: Sequence[Any]) -> Any:
        if self.create_graph:
            return before + grad
        if key in self.owned:
            before += grad
            return before
        self.owned.add(key)
        if _is_fresh(grad, g, saved, results):
            grad += before
            return grad
        return backend.as_array(before + grad, before)

    def walk(self, needed: set[Node] | None) -> None:
        heap, sums, keep, create_graph = self.heap, self.sums, self.keep, self.create_graph
        while heap:
            node = heappop(heap)[1]
            g = sums.pop(node)
            while True:  # along a chain, without going through the heap
                if node.hooks is not None:
                    g = _before(node, g, create_graph)
                if needed is not None:
                    self._capture(node, g)
                    if node not in needed:
                        break
                rule, saved = node.rule, node.saved
                if saved is None:
                    raise errors.graph_freed(node)
                if node.guards:
                    check_versions(node)
                formula = rule.single
                edges = node.edges
                if formula is None or create_graph or type(g) is list or node.hooks is not None or Anomaly.enabled:
                    results = rule.apply(node, g, create_graph)
                    if node.hooks is not None and node.hooks.after:
                        results = _after(node, results, g, create_graph)
                else:
                    results = (formula(g, *saved),)
                shapes = node.shapes
                if shapes is not None:
                    results = [r if r is None or r.shape == s else unbroadcast(r, s)
                               for r, s in zip(results, shapes, strict=True)]
                if Anomaly.enabled:
                    _look_for_nan(node, results)
                if not keep and rule.holds:
                    node.saved, node.guards = None, ()
                if len(edges) == 1 and needed is None:
                    grad, edge = results[0], edges[0]
                    if grad is None:
                        break
                    if type(grad) is not ndarray and not create_graph:
                        grad = backend.as_array(grad, g)
                    if type(edge) is Node and (not heap or edge.number > -heap[0][0]):
                        node, g = edge, grad  # the next one to come out of the heap anyway
                        continue
                    self.give(edge, grad, g, saved, results)
                    break
                for grad, edge in zip(results, edges, strict=True):
                    if grad is None or edge is None or (needed is not None and not self._wants(edge, needed)):
                        continue
                    if type(grad) is not ndarray and not create_graph:
                        grad = backend.as_array(grad, g[0] if type(g) is list else g)
                    self.give(edge, grad, g, saved, results)
                break

    def _wants(self, edge: Any, needed: set[Node]) -> bool:
        node = edge.node if type(edge) is Output else edge
        return node in needed or any(t is edge or (type(t) is Output and t.node is node) for t in self.targets or ())

    def _capture(self, node: Node, g: Any) -> None:
        for t in self.targets or ():
            if t is node:
                self.captured[node] = g
            elif type(t) is Output and t.node is node:
                self.captured[node, t.index] = g[t.index]


def run(roots: Sequence[tuple[Any, Any]], *, keep: bool, create_graph: bool,
        targets: Sequence[Any] | None = None) -> dict[Any, Any]:
    """Walk from `roots` (pairs of an edge and its gradient). Fills in leaves' `.grad`; with `targets` (edges), fills in
    nothing and returns what arrived at them instead, by edge."""
    walk = _Pass(keep, create_graph, targets)
    needed = None if targets is None else _towards([edge for edge, _ in roots], targets)
    before, mode.enabled = mode.enabled, create_graph
    token = backend.hush()
    try:
        for edge, grad in roots:
            walk.give(edge, grad, grad, (), ())
        walk.walk(needed)
        if targets is None:
            for leaf, grad in walk.leaves.items():
                _accumulate(leaf, grad, leaf in walk.owned, create_graph)
            return {}
        found = dict(walk.captured)
        for leaf in targets:
            if leaf in walk.leaves:
                hooks = leaf._leaf_hooks
                found[leaf] = walk.leaves[leaf] if hooks is None else \
                    _tensor_hooks(hooks, 0, walk.leaves[leaf], create_graph)
        return found
    finally:
        backend.restore(token)
        mode.enabled = before


def unbroadcast(grad: Any, shape: tuple[int, ...]) -> Any:
    """Sum `grad` back to `shape`, from which its input was broadcast: a copied value gets the sum of its copies' share."""
    extra = len(grad.shape) - len(shape)
    axes = tuple(range(extra)) + tuple(
        i + extra for i, n in enumerate(shape) if n == 1 and grad.shape[i + extra] != 1)
    return grad.sum(axes).reshape(shape) if axes else grad


def _is_fresh(grad: Any, g: Any, saved: Any, results: Sequence[Any]) -> bool:
    """Whether nobody but the walk holds this array, so that it may be written into, or kept without a copy."""
    if type(grad) is not ndarray or grad is g or grad.base is not None or not grad.flags.writeable:
        return False
    if type(g) is list and any(grad is x for x in g):
        return False
    return not any(grad is s for s in saved) and sum(grad is r for r in results) <= 1


def _towards(roots: Sequence[Any], targets: Sequence[Any]) -> set[Node]:
    """The nodes that lie on a path from `roots` to a target, without the targets themselves (unless on the way)."""
    wanted = {id(t.node if type(t) is Output else t) for t in targets}
    seen: dict[Node, None] = {}
    stack = [e.node if type(e) is Output else e for e in roots]
    while stack:
        node = stack.pop()
        if type(node) is Node and node not in seen:
            seen[node] = None
            stack.extend(e.node if type(e) is Output else e for e in node.edges)
    needed: set[Node] = set()
    for node in sorted(seen, key=lambda n: n.number):  # the oldest first: what it came from is decided already
        for e in node.edges:
            source = e.node if type(e) is Output else e
            if id(source) in wanted or source in needed:
                needed.add(node)
                break
    return needed


def _accumulate(leaf: Tensor, grad: Any, owned: bool, create_graph: bool) -> None:
    """Add a finished gradient to a leaf's `.grad`, hooks first."""
    hooks = leaf._leaf_hooks
    if hooks is not None and hooks.tensor:
        grad, owned = _tensor_hooks(hooks, 0, grad, create_graph), False
    array = grad._array if create_graph else grad
    if array.dtype != leaf._array.dtype:  # a safety net: formulas keep the dtype, user hooks might not
        grad, owned = (grad.to(leaf.dtype), False) if create_graph else (array.astype(leaf._array.dtype), True)
    with _leaf_lock:
        before = leaf._grad
        if create_graph:
            leaf._grad = grad if before is None else before + grad
        elif before is None:
            leaf._grad = wrap(grad if owned else grad.copy())
        elif before._array.flags.writeable and not before.requires_grad:
            before._array += grad
            if before._counter is not None:
                before._counter[0] += 1
        else:
            leaf._grad = wrap(backend.as_array(before._array + grad, grad))
    if hooks is not None:
        for hook in list(hooks.after.values()):
            hook(leaf)


def _tensor_hooks(hooks: Any, index: int, grad: Any, create_graph: bool) -> Any:
    for i, hook in list(hooks.tensor.values()):
        if i == index:
            tensor = grad if create_graph else wrap(grad)
            answer = hook(tensor)
            if answer is not None:
                if not isinstance(answer, Tensor) or answer.shape != tensor.shape:
                    raise RuntimeError(f"hook {getattr(hook, '__name__', hook)!r} has changed the gradient: expected a "
                                       f"Tensor of shape {tuple(tensor.shape)} or None; got {type(answer).__name__}"
                                       f"{getattr(answer, 'shape', '')}.")
                tensor = answer
            grad = tensor if create_graph else tensor._array
    return grad


def _before(node: Node, g: Any, create_graph: bool) -> Any:
    """Run the hooks that see a node's gradient; `retain_grad` comes after all of them."""
    hooks: Any = node.hooks
    parts = list(g) if node.outputs is not None else [g]
    if hooks.before:
        parts = _exchange(hooks.before.values(), parts, (), create_graph)
    for i, part in enumerate(parts):
        if part is not None:
            parts[i] = _tensor_hooks(hooks, i, part, create_graph)
    for i, reference in hooks.retain:
        tensor = reference()
        if tensor is not None and parts[i] is not None:
            grad = parts[i] if create_graph else wrap(parts[i])
            with _leaf_lock:
                tensor._grad = grad if tensor._grad is None else tensor._grad + grad
    return parts if node.outputs is not None else parts[0]


def _after(node: Node, results: Sequence[Any], g: Any, create_graph: bool) -> list[Any]:
    outputs = g if node.outputs is not None else [g]
    return _exchange(node.hooks.after.values(), list(results), (outputs,), create_graph)  # type: ignore[union-attr]


def _exchange(hooks: Any, grads: list[Any], rest: tuple, create_graph: bool) -> list[Any]:
    """Show `grads` to each hook as a tuple of Tensors, and take what it returns in their place."""

    def outside(values: Any) -> tuple:
        return tuple(v if v is None or create_graph else wrap(v) for v in values)

    for hook in list(hooks):
        answer = hook(outside(grads), *map(outside, rest))
        if answer is not None:
            answer = (answer,) if isinstance(answer, Tensor) else answer
            grads = [a if a is None or create_graph else a._array for a in answer]
    return grads


def _look_for_nan(node: Node, results: Sequence[Any]) -> None:
    if Anomaly.check_nan:
        for i, r in enumerate(results):
            if r is not None:
                array = r._array if isinstance(r, Tensor) else r
                if (array != array).any():
                    raise errors.nan_in_backward(node, i)


# --- the public face ----------------------------------------------------------------------------------------------


def _roots(tensors: Sequence[Tensor], gradients: Sequence[Any], create_graph: bool) -> list[tuple[Any, Any]]:
    roots = []
    for i, (tensor, gradient) in enumerate(zip(tensors, gradients, strict=True)):
        edge = edge_of(tensor)
        if edge is None:
            raise errors.no_graph(i)
        array = tensor._array
        if gradient is None:
            if array.size != 1:
                raise errors.not_a_scalar(tensor)
            gradient = wrap(backend.of_type(type(array)).xp.ones(array.shape, array.dtype))
        elif not isinstance(gradient, Tensor):
            raise TypeError(f"gradients can be either Tensors or None, but got {type(gradient).__name__}")
        elif gradient._array.shape != array.shape:
            raise RuntimeError(f"Mismatch in shape: grad_output[{i}] has a shape of {tuple(gradient.shape)} and "
                               f"output[{i}] has a shape of {tuple(tensor.shape)}; they must be the same.")
        if gradient._array.dtype != array.dtype:
            gradient = gradient.to(tensor.dtype)
        roots.append((edge, gradient if create_graph else gradient._array))
    return roots


def _sequence(value: Any) -> list[Any]:
    return [value] if isinstance(value, Tensor) else list(value)


def backward(tensors: Any, grad_tensors: Any = None, retain_graph: bool | None = None, create_graph: bool = False,
             inputs: Any = None) -> None:
    """Sum the gradients of `tensors` with respect to the graph's leaves into their `.grad`.

    tensors       a Tensor or several; without `grad_tensors` each must have one element
    grad_tensors  their own gradients, of the same shapes
    retain_graph  keep what was saved, so that backward can run again (default: what `create_graph` is)
    create_graph  record this pass, so that gradients have gradients
    inputs        fill in `.grad` of these only

    >>> x = ndl.tensor([1.0, 2.0], requires_grad=True)
    >>> ndl.autograd.backward((x ** 2).sum()); x.grad
    tensor([2., 4.])
    """
    tensors = _sequence(tensors)
    gradients = [None] * len(tensors) if grad_tensors is None else \
        [grad_tensors] if isinstance(grad_tensors, Tensor) else list(grad_tensors)
    if len(gradients) != len(tensors):
        raise RuntimeError(f"got {len(tensors)} tensors and {len(gradients)} gradients")
    keep = create_graph if retain_graph is None else retain_graph
    roots = _roots(tensors, gradients, create_graph)
    if inputs is None:
        run(roots, keep=keep, create_graph=create_graph)
        return
    inputs = _sequence(inputs)
    if not inputs:
        raise RuntimeError("`inputs` argument to `backward()` cannot be empty.")
    for tensor, grad in zip(inputs, _gradients(roots, inputs, keep, create_graph), strict=True):
        if grad is not None:
            _accumulate(tensor, grad, False, create_graph)


def _gradients(roots: list, inputs: Sequence[Tensor], keep: bool, create_graph: bool) -> list[Any]:
    targets = []
    for tensor in inputs:
        edge = edge_of(tensor)
        if edge is None:
            raise RuntimeError("One of the differentiated Tensors does not require grad. Make it with "
                               "requires_grad=True before it is used.")
        targets.append(edge)
    found = run(roots, keep=keep, create_graph=create_graph, targets=targets)
    return [found.get((t.node, t.index) if type(t) is Output else t) for t in targets]


def grad(outputs: Any, inputs: Any, grad_outputs: Any = None, retain_graph: bool | None = None,
         create_graph: bool = False, only_inputs: bool = True, allow_unused: bool | None = None,
         is_grads_batched: bool = False, materialize_grads: bool = False) -> tuple[Any, ...]:
    """The gradients of `outputs` with respect to `inputs`, as a tuple; no `.grad` is touched.

    Raises RuntimeError if an input did not take part, unless `allow_unused` (None for it) or `materialize_grads`
    (zeros for it). https://pytorch.org/docs/stable/generated/torch.autograd.grad.html

    >>> x = ndl.tensor(3.0, requires_grad=True)
    >>> (first,) = ndl.autograd.grad(x ** 3, x, create_graph=True)
    >>> ndl.autograd.grad(first, x)
    (tensor(18.),)
    """
    outputs, inputs = _sequence(outputs), _sequence(inputs)
    gradients = [None] * len(outputs) if grad_outputs is None else \
        [grad_outputs] if isinstance(grad_outputs, Tensor) else list(grad_outputs)
    if materialize_grads and allow_unused is False:
        raise ValueError("Expected allow_unused to be True or not passed when materialize_grads=True, "
                         "but got: allow_unused=False.")
    if len(gradients) != len(outputs):
        raise RuntimeError(f"got {len(outputs)} tensors and {len(gradients)} gradients")
    keep = create_graph if retain_graph is None else retain_graph
    if is_grads_batched:
        rows = [grad(outputs, inputs, [None if b is None else b[i] for b in gradients], True, create_graph,
                     allow_unused=allow_unused, materialize_grads=materialize_grads)
                for i in range(len(next(b for b in gradients if b is not None)))]
        xp = backend.of_type(type(inputs[0]._array)).xp
        return tuple(wrap(xp.stack([r._array for r in column])) for column in zip(*rows, strict=True))
    found = _gradients(_roots(outputs, gradients, create_graph), inputs, keep, create_graph)
    answers = []
    for tensor, g in zip(inputs, found, strict=True):
        if g is None:
            if not (allow_unused or materialize_grads):
                raise RuntimeError("One of the differentiated Tensors appears to not have been used in the graph. Set "
                                   "allow_unused=True if this is the desired behavior.")
            g = wrap(backend.of_type(type(tensor._array)).xp.zeros(tensor._array.shape, tensor._array.dtype)) \
                if materialize_grads else None
        elif not create_graph:
            g = wrap(g)
        answers.append(g)
    return tuple(answers)


def _tensor_backward(self: Tensor, gradient: Any = None, retain_graph: bool | None = None, create_graph: bool = False,
                     inputs: Any = None) -> None:
    """Sum this tensor's gradients with respect to the graph's leaves into their `.grad`.

    gradient      this tensor's own gradient, of its shape; may be left out if it has one element
    retain_graph, create_graph, inputs: as in `autograd.backward`

    >>> x = ndl.tensor([1.0, 2.0], requires_grad=True)
    >>> (x * x).sum().backward(); x.grad
    tensor([2., 4.])
    """
    backward([self], [gradient], retain_graph, create_graph, inputs)


Tensor.backward = _tensor_backward  # type: ignore[method-assign]
