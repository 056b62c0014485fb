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

from .. import backend, errors, malloc
from ..sums import total
from ..tensor import Tensor, counter, wrap
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

    def __init__(self, keep: bool, create_graph: bool):
        self.keep, self.create_graph = keep, create_graph
        self.heap: list[tuple[int, Node]] = []  # (-number, node): the youngest node comes out first
        self.sums: dict[Node, Any] = {}  # by node: a gradient, or a list of them, one for each output
        self.leaves: dict[Tensor, Any] = {}
        self.owned: set = set()  # keys whose sum is an array that nobody else holds: add to it in place
        # Where only some gradients are asked for: the nodes to run; those and the targets; what arrived at nodes.
        self.needed: set[Node] | None = None
        self.follow: set[Any] | None = None
        self.captured: dict[Node, Any] = {}

    def aim(self, roots: Sequence[Any], targets: Sequence[Any]) -> None:
        """Go nowhere but from `roots` to `targets` (edges)."""
        ends = {_source(t) for t in targets}
        self.captured = dict.fromkeys(e for e in ends if type(e) is Node)
        self.needed = _between(roots, ends)
        self.follow = self.needed | ends

    def give(self, edge: Any, grad: Any, g: Any, saved: Any, results: Sequence[Any]) -> None:
        """Add `grad` to what `edge` has got so far. The rest says where it came from, to tell who else holds it."""
        kind = type(edge)
        if kind is Node:
            before = self.sums.get(edge)
            if before is None:
                self.sums[edge] = grad
                heappush(self.heap, (-edge.number, edge))
                return
            self.sums[edge] = self._sum(edge, before, grad, g, saved, results)
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

    def walk(self) -> None:
        heap, sums, keep, create_graph = self.heap, self.sums, self.keep, self.create_graph
        needed, follow = self.needed, self.follow
        while heap:
            node = heappop(heap)[1]
            g = sums.pop(node)
            while True:  # along a chain, without going through the heap
                hooks = node.hooks
                if hooks is not None:
                    g = _arrived(node, g, create_graph)
                if needed is not None:
                    if node in self.captured:
                        self.captured[node] = g
                    if node not in needed:
                        break
                rule, saved = node.rule, node.saved
                if saved is None:
                    raise errors.graph_freed(node)
                if node.guards:
                    check_versions(node)
                formula = rule.single
                edges = node.edges
                if formula is None or create_graph or hooks is not None or type(g) is list:
                    if hooks is not None and hooks.before:
                        g = _exchange(hooks.before, g, (), create_graph)
                    results = rule.apply(node, g, create_graph)
                else:
                    results = (formula(g, *saved),)
                shapes = node.shapes
                if shapes is not None:
                    results = [r if r is None or r.shape == s else unbroadcast(r, s)
                               for r, s in zip(results, shapes, strict=True)]
                if Anomaly.enabled:
                    _look_at(node, results)
                if hooks is not None and hooks.after:
                    like = next(x for x in g if x is not None) if type(g) is list else g
                    results = [r if r is None or create_graph else backend.as_array(r, like) for r in results]
                    saved = results = _exchange(hooks.after, results, (g,), create_graph)  # hooks may keep them
                if not keep and rule.holds:
                    node.saved, node.guards = None, ()
                if len(edges) == 1:
                    grad, edge = results[0], edges[0]
                    if grad is None:
                        break
                    if type(edge) is Node and (not heap or edge.number > -heap[0][0]) and \
                            (follow is None or edge in follow):
                        if type(grad) is not ndarray and not create_graph:
                            grad = backend.as_array(grad, g)
                        node, g = edge, grad  # the next one to come out of the heap anyway
                        continue
                ahead = arriving = None  # the first node on the way, and its gradient
                for grad, edge in zip(results, edges, strict=True):
                    if grad is None or edge is None or (follow is not None and _source(edge) not in follow):
                        continue
                    if type(grad) is not ndarray and not create_graph:
                        grad = backend.as_array(grad, next(x for x in g if x is not None) if type(g) is list else g)
                    if ahead is None and type(edge) is Node:
                        ahead, arriving = edge, grad
                    else:
                        self.give(edge, grad, g, saved, results)
                if ahead is None:
                    break
                if heap and ahead.number <= -heap[0][0]:  # it isn't the next one, or waits there for more
                    self.give(ahead, arriving, g, saved, results)
                    break
                node, g = ahead, arriving


def run(roots: Sequence[tuple[Any, Any]], *, keep: bool, create_graph: bool, targets: Sequence[Any] | None = None,
        accumulate: bool = True) -> list[Any]:
    """Walk from `roots` (pairs of an edge and its gradient), to `targets` only (edges) if there are some. Adds to the
    leaves' `.grad`; without `accumulate`, touches nothing and returns what arrived at the targets."""
    if not malloc.tuned:
        malloc.tune()
    walk = _Pass(keep, create_graph)
    if targets is not None:
        walk.aim([edge for edge, _ in roots], targets)
    before, mode.enabled = mode.enabled, create_graph
    token = backend.hush()
    try:
        for edge, grad in roots:
            if walk.follow is None or _source(edge) in walk.follow:
                walk.give(edge, grad, grad, (), ())
        walk.walk()
        if accumulate:
            for leaf, grad in walk.leaves.items():
                _accumulate(leaf, grad, leaf in walk.owned, create_graph)
            return []
        return [_found(walk, target) for target in targets or ()]
    finally:
        backend.restore(token)
        mode.enabled = before


def _source(edge: Any) -> Any:
    """The node or leaf that an edge leads to."""
    return edge.node if type(edge) is Output else edge


def _found(walk: _Pass, target: Any) -> Any:
    """What arrived at `target`, as nobody else's array."""
    if isinstance(target, Tensor):
        grad = walk.leaves.get(target)
        if grad is not None and target._leaf_hooks is not None:
            grad = _tensor_hooks(target._leaf_hooks, 0, grad, walk.create_graph)
        elif target in walk.owned:
            return grad
    else:
        grad = walk.captured[_source(target)]
        if type(target) is Output and grad is not None:
            grad = grad[target.index]
    return grad if grad is None or walk.create_graph else grad.copy()


def unbroadcast(grad: Any, shape: tuple[int, ...]) -> Any:
    """Sum `grad` back to `shape`, from which its input was broadcast: a copied value gets the sum of its copies' share."""
    extra = len(grad.shape) - len(shape)
    axes = tuple(range(extra)) + tuple(
        i + extra for i, n in enumerate(shape) if n == 1 and grad.shape[i + extra] != 1)
    if not axes:
        return grad
    return (grad.sum(axes) if isinstance(grad, Tensor) else total(backend.of_type(type(grad)).xp, grad, axes)).reshape(shape)


def _is_fresh(grad: Any, g: Any, saved: Any, results: Sequence[Any]) -> bool:
    """Whether nobody but the walk holds this array, so that it may be written into, or kept without a copy."""
    if type(grad) is not ndarray or grad is g or grad.base is not None or not grad.flags.writeable:
        return False
    if type(g) is list:
        for x in g:
            if x is grad:
                return False
    for s in saved:
        if s is grad:
            return False
    if len(results) > 1:
        times = 0
        for r in results:
            if r is grad:
                times += 1
            elif type(r) is ndarray and r.base is grad:
                return False
        return times < 2
    return True


def _between(roots: Sequence[Any], ends: set[Any]) -> set[Node]:
    """The nodes on the paths from `roots` (edges) to `ends`, without the ends themselves, unless on the way."""
    seen: set[Node] = set()
    stack = [_source(e) for e in roots]
    while stack:
        node = stack.pop()
        if type(node) is Node and node not in seen:
            seen.add(node)
            stack.extend(_source(e) for e in node.edges)
    needed: set[Node] = set()
    for node in sorted(seen, key=lambda n: n.number):  # the oldest first: what it came from is decided already
        if any(_source(e) in ends or _source(e) in needed for e in node.edges):
            needed.add(node)
    return needed


def _accumulate(leaf: Tensor, grad: Any, owned: bool, create_graph: bool) -> None:
    """Add a finished gradient to a leaf's `.grad`, hooks first."""
    hooks = leaf._leaf_hooks
    if hooks is not None and hooks.tensor:
        grad, owned = _tensor_hooks(hooks, 0, grad, create_graph), False
    array = grad._array if create_graph else grad
    if array.dtype != leaf._array.dtype:  # a safety net: formulas keep the dtype
        grad, owned = (grad.to(leaf.dtype), False) if create_graph else (array.astype(leaf._array.dtype), True)
    with _leaf_lock:
        before = leaf._grad
        if create_graph:  # out of place: the former gradient may be part of a graph
            leaf._grad = grad.clone() if before is None else before + grad
        elif before is None:
            leaf._grad = wrap(grad if owned else grad.copy())
        elif before._array.flags.writeable:
            before._array += grad
            counter(before)[0] += 1
        else:
            leaf._grad = wrap(backend.as_array(before._array + grad, grad))
    if hooks is not None:
        for hook in list(hooks.after.values()):
            hook(leaf)


# --- hooks: a tensor's own, then retain_grad, then the node's -------------------------------------------------------


def _tensor_hooks(hooks: Any, index: int, grad: Any, create_graph: bool) -> Any:
    """Show the gradient of output number `index` to its hooks, and take what they return in its place."""
    for i, hook in list(hooks.tensor.values()):
        if i == index:
            tensor = grad if create_graph else wrap(grad)
            answer = hook(tensor)
            if answer is not None:
                errors.check_hook(hook, tensor, answer)
                tensor = answer
            grad = tensor if create_graph else tensor._array
    return grad


def _arrived(node: Node, g: Any, create_graph: bool) -> Any:
    """Run the hooks of the tensors that `node` made; `retain_grad` comes after all of them."""
    hooks: Any = node.hooks
    parts = list(g) if node.outputs is not None else [g]
    if hooks.tensor:
        parts = [p if p is None else _tensor_hooks(hooks, i, p, create_graph) for i, p in enumerate(parts)]
    for i, reference in hooks.retain:
        tensor, grad = reference(), parts[i]
        if tensor is not None and grad is not None:
            with _leaf_lock:
                if tensor._grad is None:
                    tensor._grad = grad.clone() if create_graph else wrap(grad.copy())
                else:
                    tensor._grad = tensor._grad + (grad if create_graph else wrap(grad))
    return parts if node.outputs is not None else parts[0]


def _exchange(hooks: dict, grads: Any, rest: tuple, create_graph: bool) -> Any:
    """Show `grads` to each hook of a node as a tuple of Tensors, and take what it returns in their place."""

    def outside(values: Any) -> tuple:
        return tuple(v if v is None or create_graph else wrap(v) for v in (values if type(values) is list else [values]))

    for hook in list(hooks.values()):
        shown = outside(grads)
        answer = hook(shown, *map(outside, rest))
        if answer is not None:
            errors.check_node_hook(hook, shown, answer)
            values = [a if a is None or create_graph else a._array for a in answer]
            grads = values if type(grads) is list else values[0]
    return grads


def _look_at(node: Node, results: Sequence[Any]) -> None:
    for watcher in Anomaly.watchers:
        watcher.ran(node)
    if Anomaly.tracing and Anomaly.check_nan:
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
            ones = backend.of_type(type(array)).xp.empty(array.shape, array.dtype)
            ones.fill(1)
            roots.append((edge, wrap(ones) if create_graph else ones))
            continue
        if not isinstance(gradient, Tensor):
            raise TypeError(f"gradients can be either Tensors or None, but got {type(gradient).__name__}")
        if gradient._array.shape != array.shape:
            raise RuntimeError(f"Mismatch in shape: grad_output[{i}] has a shape of {tuple(gradient.shape)} and "
                               f"output[{i}] has a shape of {tuple(tensor.shape)}; they must be the same.")
        if gradient._array.dtype != array.dtype:
            gradient = gradient.to(tensor.dtype)
        roots.append((edge, gradient if create_graph else gradient._array))
    return roots


def _sequence(value: Any) -> list[Any]:
    return [value] if isinstance(value, Tensor) else list(value)


def _gradients(tensors: Sequence[Tensor], given: Any) -> list[Any]:
    if given is None:
        return [None] * len(tensors)
    gradients = _sequence(given)
    if len(gradients) != len(tensors):
        raise RuntimeError(f"got {len(tensors)} tensors and {len(gradients)} gradients")
    return gradients


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
    gradients = _gradients(tensors, grad_tensors)
    keep = create_graph if retain_graph is None else retain_graph
    targets = None
    if inputs is not None:
        inputs = _sequence(inputs)
        if not inputs:
            raise RuntimeError("`inputs` argument to `backward()` cannot be empty.")
        targets = [_target(tensor) for tensor in inputs]
        for tensor, target in zip(inputs, targets, strict=True):
            if target is not tensor:  # no leaf: this is what fills in its .grad
                tensor.retain_grad()
    run(_roots(tensors, gradients, create_graph), keep=keep, create_graph=create_graph, targets=targets)


def _target(tensor: Tensor) -> Any:
    edge = edge_of(tensor)
    if edge is None:
        raise RuntimeError("One of the differentiated Tensors does not require grad. Make it with requires_grad=True "
                           "before it is used.")
    return edge


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
    if not inputs:
        raise RuntimeError("`inputs` argument to `grad()` cannot be empty.")
    if materialize_grads and allow_unused is False:
        raise ValueError("Expected allow_unused to be True or not passed when materialize_grads=True, "
                         "but got: allow_unused=False.")
    gradients = _gradients(outputs, grad_outputs)
    keep = create_graph if retain_graph is None else retain_graph
    if is_grads_batched:
        return _batched(outputs, inputs, gradients, keep, create_graph,
                        allow_unused=allow_unused, materialize_grads=materialize_grads)
    roots, targets = _roots(outputs, gradients, create_graph), [_target(tensor) for tensor in inputs]
    found = run(roots, keep=keep, create_graph=create_graph, targets=targets, accumulate=False)
    answers: list[Any] = []
    for tensor, g in zip(inputs, found, strict=True):
        if g is not None:
            answers.append(g if create_graph else wrap(g))
        elif materialize_grads:
            answers.append(_zeros_like(tensor).requires_grad_(create_graph))
        elif allow_unused:
            answers.append(None)
        else:
            raise RuntimeError("One of the differentiated Tensors appears to not have been used in the graph. Set "
                               "allow_unused=True if this is the desired behavior.")
    return tuple(answers)


def _batched(outputs: Sequence[Tensor], inputs: Sequence[Tensor], gradients: Sequence[Any], keep: bool,
             create_graph: bool, **options: Any) -> tuple[Any, ...]:
    """One walk for each row of `gradients`; the answers stacked in rows."""
    counts = {len(b) for b in gradients if b is not None and b.ndim}
    for i, (out, b) in enumerate(zip(outputs, gradients, strict=True)):
        if b is None or b.ndim != out.ndim + 1 or b._array.shape[1:] != out._array.shape or len(counts) != 1:
            raise RuntimeError(
                f"If `is_grads_batched=True`, we interpret the first dimension of each grad_output as the batch "
                f"dimension, the same for all; the others are those of the output: grad_output[{i}] has a shape of "
                f"{None if b is None else tuple(b.shape)} and output[{i}] has a shape of {tuple(out.shape)}.")
    (n,) = counts
    rows = [grad(outputs, inputs, [b[i] for b in gradients], keep or i < n - 1, create_graph, **options)
            for i in range(n)]
    stacked: list[Any] = []
    for k, tensor in enumerate(inputs):
        if any(row[k] is None for row in rows):
            stacked.append(None)
            continue
        stacked.append(_zeros_like(tensor, n))
        for i, row in enumerate(rows):
            stacked[k][i] = row[k]  # recorded, with create_graph
    return tuple(stacked)


def _zeros_like(tensor: Tensor, *more: int) -> Tensor:
    array = tensor._array
    return wrap(backend.of_type(type(array)).xp.zeros((*more, *array.shape), array.dtype))


def _tensor_backward(self: Tensor, gradient: Any = None, retain_graph: bool | None = None, create_graph: bool = False,
                     inputs: Any = None) -> None:
    """Sum this tensor's gradients with respect to the graph's leaves into their `.grad`.

    gradient      this tensor's own gradient, of its shape; may be left out if it has one element
    retain_graph, create_graph, inputs: as in `autograd.backward`

    >>> x = ndl.tensor([1.0, 2.0], requires_grad=True)
    >>> (x * x).sum().backward(); x.grad
    tensor([2., 4.])
    """
    if inputs is not None:
        backward((self,), None if gradient is None else (gradient,), retain_graph, create_graph, inputs)
    else:
        run(_roots((self,), (gradient,), create_graph), keep=create_graph if retain_graph is None else retain_graph,
            create_graph=create_graph)


Tensor.backward = _tensor_backward  # type: ignore[method-assign]
