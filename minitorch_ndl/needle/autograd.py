"""`Tensor`, `Op` and the course's two functions on graphs, as names for what the package's engine does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import backend
from ..autograd import engine
from ..autograd.node import Node, Output
from ..tensor import Size, Tensor as _Tensor, wrap as _wrap


class Op:
    """One operation: calling it on Tensors computes the result and notes who made it from what.

    function    what it does, as a function on the package's tensors
    attributes  what distinguishes one from another, such as ``scalar=3``
    floats      NumPy answers floats for integers here (division, exp, ...)
    """

    def __init__(self, name: str, function: Callable, floats: bool = False, **attributes: Any):
        self.name, self._function, self._floats = name, function, floats
        self.__dict__.update(attributes)
        self._attributes = attributes

    def __call__(self, *inputs: Tensor) -> Tensor:
        common = np.result_type(*(t._array.dtype for t in inputs))  # NumPy's rule here, not torch's
        if self._floats and common.kind != "f":
            common = np.dtype(np.float64)
        arguments = [t if t._array.dtype == common else _convert(t, common) for t in inputs]
        result = _adopt(self._function(*arguments, **self._attributes))
        result.op, result.inputs = self, list(inputs)
        return result

    def compute(self, *arrays: np.ndarray) -> np.ndarray:
        """The result on NumPy arrays."""
        return self(*(Tensor(a, requires_grad=False) for a in arrays)).numpy()

    def gradient_as_tuple(self, out_grad: _Tensor, node: Tensor) -> tuple[Tensor, ...]:
        """The gradients for the inputs of `node`, a result of this operation, given its own."""
        return tuple(_adopt(g) for g in engine.grad(
            [node], list(node.inputs), [_like(out_grad, node)], retain_graph=True, create_graph=True))

    def gradient(self, out_grad: _Tensor, node: Tensor) -> Any:
        """As `gradient_as_tuple`; a single gradient comes without the tuple."""
        grads = self.gradient_as_tuple(out_grad, node)
        return grads if len(grads) > 1 else grads[0]

    def __repr__(self) -> str:
        return f"<{self.name}{''.join(f' {k}={v}' for k, v in self._attributes.items())}>"


TensorOp = Op


class Tensor(_Tensor):
    """The course's Tensor: keeps NumPy's dtypes (float64 from lists), wants gradients by default, integers' included.

    op, inputs   what made it, and from which Tensors; None and [] for leaves

    >>> a = needle.Tensor([1.0, 2.0])
    >>> (a * 3).op, (a * 3).inputs[0] is a
    (<MulScalar scalar=3>, True)
    """

    op: Op | None = None
    inputs: Sequence[Tensor] = ()

    def __new__(cls, array: Any, *, device: Any = None, dtype: Any = None, requires_grad: bool = True) -> Any:
        if isinstance(array, _Tensor):
            array = array._array
        tensor = object.__new__(cls)
        tensor._array = backend.get(device).from_numpy(np.array(array, dtype=dtype))
        tensor._edge = tensor._counter = tensor._view = None
        tensor._requires_grad = requires_grad
        tensor.inputs = []
        return tensor

    def realize_cached_data(self) -> Any:
        """The array itself: a write into it changes this Tensor."""
        return self._array

    cached_data = property(realize_cached_data)
    dtype = property(lambda self: self._array.dtype)  # NumPy's, as in the course

    def numpy(self, *, force: bool = True) -> np.ndarray:
        """The array, with or without a graph behind it."""
        return backend.to_numpy(self._array)

    def detach(self) -> Tensor:
        """A Tensor on the same memory that no gradient flows through."""
        twin = _adopt(super().detach())
        twin._requires_grad = False
        return twin

    def is_leaf(self) -> bool:  # type: ignore[override]
        """Whether no operation made it."""
        return self.op is None

    @property
    def data(self) -> Tensor:
        """As `detach`; assigning puts another Tensor's array in place of this one's."""
        return self.detach()

    @data.setter
    def data(self, value: _Tensor) -> None:
        if value._array.dtype != self._array.dtype:
            raise TypeError(f"data: the dtypes must agree; got {value._array.dtype}, expected {self._array.dtype}.")
        self._array = value._array

    def backward(self, out_grad: _Tensor | None = None) -> None:
        """Set `.grad` of everything that this came from; `out_grad` is ones unless given. What was there is replaced."""
        seed = _wrap(np.ones(self._array.shape, self._array.dtype)) if out_grad is None else out_grad
        compute_gradient_of_variables(self, seed)

    def __repr__(self, *, tensor_contents: str | None = None) -> str:
        return f"needle.Tensor({self._array})"

    def __str__(self) -> str:
        return str(self._array)

    __hash__ = _Tensor.__hash__


def find_topo_sort(node_list: Sequence[Tensor]) -> list[Tensor]:
    """Everything that the nodes came from, and they themselves, in post-order: inputs before what is made of them.

    >>> a, b = needle.Tensor([2.0]), needle.Tensor([3.0])
    >>> [float(n.numpy()[0]) for n in needle.autograd.find_topo_sort([a * b + a])]
    [2.0, 3.0, 6.0, 8.0]
    """
    order: list[Tensor] = []
    visited: set[int] = set()
    stack = [(n, False) for n in reversed(list(node_list))]
    while stack:  # no recursion, so that deep graphs work
        node, done = stack.pop()
        if done:
            order.append(node)
        elif id(node) not in visited:
            visited.add(id(node))
            stack.append((node, True))
            stack.extend((i, False) for i in reversed(node.inputs))
    return order


def compute_gradient_of_variables(output_tensor: Tensor, out_grad: _Tensor) -> None:
    """Set `.grad` of every Tensor that `output_tensor` came from. Gradients are Tensors with a graph of their own."""
    wanted = {id(t): t for t in [*find_topo_sort([output_tensor]), *_leaves(output_tensor)]}
    inputs = [t for t in wanted.values() if engine.edge_of(t) is not None]
    if not inputs:
        raise RuntimeError("backward: nothing that this Tensor came from requires a gradient.")
    grads = engine.grad([output_tensor], inputs, [_like(out_grad, output_tensor)], retain_graph=True,
                        create_graph=True, allow_unused=True)
    for tensor, grad in zip(inputs, grads, strict=True):
        tensor._grad = None if grad is None else _adopt(grad)


def _leaves(tensor: _Tensor) -> list[Tensor]:
    """The leaves of the engine's graph: a gradient's own graph is known to the engine alone."""
    found: dict[int, Tensor] = {}
    seen: set[Node] = set()
    stack = [engine.edge_of(tensor)]
    while stack:
        edge = stack.pop()
        node = edge.node if type(edge) is Output else edge
        if isinstance(node, Tensor):
            found[id(node)] = node
        elif type(node) is Node and node not in seen:
            seen.add(node)
            stack.extend(node.edges)
    return list(found.values())


def _adopt(result: _Tensor) -> Tensor:
    """A result of the package as the course's Tensor, on the same array and in the same place of the graph."""
    tensor = object.__new__(Tensor)
    tensor._array, tensor._edge, tensor._counter, tensor._view = (
        result._array, engine.edge_of(result), result._counter, None)
    if isinstance(tensor._edge, _Tensor):  # a leaf came back as it was, as from reshaping to the same shape
        tensor._edge = None
        tensor._requires_grad = True
    tensor.inputs = []
    return tensor


def _like(out_grad: _Tensor, node: _Tensor) -> _Tensor:
    """`out_grad` in the dtype of `node`, as the engine wants it."""
    return out_grad if out_grad._array.dtype == node._array.dtype else _convert(out_grad, node._array.dtype)


def _convert(tensor: _Tensor, dtype: Any) -> _Tensor:
    from ..dtypes import from_numpy
    from ..faces import F

    return F.to_dtype(tensor, from_numpy(np.dtype(dtype)))


__all__ = ["Op", "Size", "Tensor", "TensorOp", "compute_gradient_of_variables", "find_topo_sort"]
