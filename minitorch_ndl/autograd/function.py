"""`Function`: an operation of your own, with its gradient.

    class Exp(ndl.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            result = x.exp()
            ctx.save_for_backward(result)
            return result

        @staticmethod
        def backward(ctx, grad):
            (result,) = ctx.saved_tensors
            return grad * result

    y = Exp.apply(x)

Tensors come in and go out. `forward` is not recorded. `backward` is recorded where gradients are to have gradients
themselves, so that a Function whose backward is made of ordinary operations has gradients of any order.
https://pytorch.org/docs/stable/notes/extending.html
"""

from __future__ import annotations

import functools
import inspect
import warnings
import weakref
from collections.abc import Callable, Sequence
from typing import Any

from .. import errors
from ..tensor import Tensor, counter, wrap
from . import views
from .engine import edge_of, unbroadcast
from .grad_mode import Anomaly, mode, no_grad
from .node import Node, Output, next_number
from .rule import look_at, version, zeros


class FunctionCtx:
    """What `forward` tells `backward`: the ``ctx`` of both. Put numbers, shapes and flags on it as attributes; tensors
    go through `save_for_backward`, which notices when they are overwritten, and makes no memory leak."""

    needs_input_grad: tuple[bool, ...] = ()
    _saving: tuple = ()  # what save_for_backward got
    _dirty: tuple = ()
    _constant: tuple = ()  # outputs without gradient
    _materialize = True
    _node: Any = None  # a weak reference: the node holds the ctx

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keep `tensors` (inputs, outputs or intermediate ones) for `backward`, which finds them in `saved_tensors`."""
        for i, t in enumerate(tensors):
            if t is not None and not isinstance(t, Tensor) and not getattr(t, "is_sparse", False):
                raise TypeError(f"save_for_backward can only save variables, but argument {i} is of type "
                                f"{type(t).__name__}. Numbers can be put on ctx: ctx.name = value.")
        self._saving = tensors

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """What was saved. Raises RuntimeError if it was freed, or written into since."""
        if self._node is None:
            return self._saving
        node = self._node()
        if node.saved is None:
            raise errors.graph_freed(node)
        return tuple(None if s is None else s.tensor(node, i) for i, s in enumerate(node.saved))

    def mark_dirty(self, *tensors: Tensor) -> None:
        """Say which inputs `forward` wrote into. It has to return them."""
        self._dirty = tensors

    def mark_non_differentiable(self, *tensors: Tensor) -> None:
        """Say which outputs have no gradient. (Integer ones never have.)"""
        self._constant = tensors

    def set_materialize_grads(self, value: bool) -> None:
        """Whether `backward` gets zeros (the default) or None for an output that nothing came from."""
        self._materialize = value


class _Saved:
    """One tensor of `save_for_backward`, and its version at that time. An output is kept as its array and counter: the
    tensor itself would hold its node, which holds this."""

    def __init__(self, tensor: Tensor, output: int | None):
        self.holder: Any = tensor if output is None else counter(tensor)
        self.array, self.output, self.version = tensor._array, output, version(tensor)

    def tensor(self, node: Node, position: int) -> Tensor:
        if version(self.holder) != self.version:
            raise errors.changed_in_place(node, f"saved_tensors[{position}]", version(self.holder), self.version)
        if self.output is None:
            return self.holder
        out = wrap(self.array)
        out._counter = self.holder
        if self.array.dtype.kind == "f" and self.output not in node.rule.constant:
            out._edge = node if node.outputs is None else Output(node, self.output)
        return out


class _Rule:
    """The rule of one application of a Function."""

    single = None

    def __init__(self, cls: type[Function], ctx: FunctionCtx, tensors: Sequence[bool]):
        self.cls, self.ctx, self.tensors = cls, ctx, tensors
        self.name = f"{cls.__name__}Backward"
        self.holds = bool(ctx._saving)
        self.shapes: tuple = ()  # of the inputs
        self.constant: set[int] = set()  # the outputs that have no gradient, by number

    def apply(self, node: Node, g: Any, create_graph: bool) -> list[Any]:
        ctx, parts = self.ctx, g if node.outputs is not None else [g]
        if node.outputs is not None and ctx._materialize:
            parts = [zeros(o, create_graph) if p is None and o is not None else p
                     for p, o in zip(parts, node.outputs, strict=True)]
        grads = self.cls._backward(ctx, [p if p is None or create_graph else wrap(p) for p in parts])
        grads = grads if isinstance(grads, tuple) else (grads,)
        count = len(self.tensors)
        if len(grads) > count and all(x is None for x in grads[count:]):
            grads = grads[:count]
        if len(grads) != count:
            raise RuntimeError(f"function {self.name} returned an incorrect number of gradients (expected {count}, got "
                               f"{len(grads)}): one for each argument of forward, None for those that are no tensors.")
        return [self._checked(i, x, create_graph) for i, x in enumerate(grads) if self._expected(i, x)]

    def _expected(self, i: int, grad: Any) -> bool:
        if grad is not None and not isinstance(grad, Tensor):
            raise RuntimeError(f"expected Variable or None (got {type(grad).__name__}): {self.name} returned it as "
                               f"gradient number {i}.")
        if grad is not None and not self.tensors[i]:
            raise RuntimeError(f"function {self.name} returned a gradient different than None at position {i + 1}, but "
                               f"the corresponding forward input was not a Variable. Return None there.")
        return self.ctx.needs_input_grad[i]

    def _checked(self, i: int, grad: Any, create_graph: bool) -> Any:
        """A gradient in its input's shape and dtype."""
        if grad is None:
            return None
        shape, dtype = self.shapes[i]
        if grad._array.dtype != dtype.numpy:
            grad = grad.to(dtype)
        value = grad if create_graph else grad._array[...]  # a view: the engine must not think that it owns this array
        if value.shape != shape:
            extra = len(value.shape) - len(shape)
            if extra < 0 or any(n not in (1, m) for n, m in zip(shape, value.shape[extra:], strict=True)):
                raise RuntimeError(f"Function {self.name} returned an invalid gradient at index {i} - got "
                                   f"{list(value.shape)} but expected shape compatible with {list(shape)}")
            value = unbroadcast(value, shape)
        return value


class Function:
    """Subclass it with static methods `forward` and `backward`, and call ``YourFunction.apply(...)``.

    forward(ctx, *args)          computes the result, a Tensor or a tuple; or, in two parts, ``forward(*args)`` and
                                 ``setup_context(ctx, inputs, output)``
    backward(ctx, *grads)        takes a gradient for each output and returns one for each argument of forward: None for
                                 those that are no tensors or need none (see ``ctx.needs_input_grad``)

    https://pytorch.org/docs/stable/autograd.html#torch.autograd.Function

    >>> class Double(ndl.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         return x * 2
    ...     @staticmethod
    ...     def backward(ctx, grad):
    ...         return grad * 2
    >>> x = ndl.tensor([1.0, 2.0], requires_grad=True)
    >>> Double.apply(x).sum().backward(); x.grad
    tensor([2., 2.])
    """

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """Compute the result: override this."""
        raise NotImplementedError("You must implement the forward function for custom autograd.Function.")

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: Any) -> Any:
        """Tell ``ctx`` what backward needs, where `forward` does not take it: override this."""
        raise NotImplementedError("setup_context is not implemented.")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """Compute the gradients: override this."""
        raise NotImplementedError("You must implement either the backward or vjp method for your custom "
                                  "autograd.Function to use it with backward mode AD.")

    vjp = backward  # another name for it

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError(f"Legacy autograd function with non-static forward method is deprecated. Please use new-style "
                           f"autograd function with static forward method: call {type(self).__name__}.apply(...), not "
                           f"{type(self).__name__}()(...).")

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Run `forward` on these arguments, and record it if one of them requires grad."""
        ctx = FunctionCtx()
        split = cls.setup_context is not Function.setup_context
        if split:  # it gets every argument, so defaults count as arguments
            bound = inspect.signature(cls.forward).bind(*args, **kwargs)
            bound.apply_defaults()
            args, kwargs = bound.args, bound.kwargs
        tensors = [isinstance(a, Tensor) for a in args]
        ctx.needs_input_grad = tuple(is_tensor and a.requires_grad for a, is_tensor in zip(args, tensors, strict=True))
        recording = mode.enabled and any(ctx.needs_input_grad)
        edges = tuple(edge_of(a) for a, needed in zip(args, ctx.needs_input_grad, strict=True) if needed)
        with no_grad():
            if split:
                result = cls.forward(*args, **kwargs)
                cls.setup_context(ctx, args, result)
            else:
                result = cls.forward(ctx, *args, **kwargs)
        several = isinstance(result, tuple)
        outs = list(result) if several else [result]
        inputs = {id(a) for a in args if isinstance(a, Tensor)}
        for t in ctx._dirty:
            if not any(t is o for o in outs):
                raise RuntimeError("Some elements marked as dirty during the forward method were not returned as output. "
                                   "The inputs that are modified inplace must all be outputs of the Function.")
        if not recording:
            outs = [_same_as_input(o) if id(o) in inputs and not _among(o, ctx._dirty) else o for o in outs]
            return tuple(outs) if several else outs[0]
        rule = _Rule(cls, ctx, tensors)
        rule.shapes = tuple((a._array.shape, a.dtype) if t else None for a, t in zip(args, tensors, strict=True))
        node = Node()
        node.rule, node.edges, node.guards, node.number = rule, edges, (), next_number()
        if several:
            node.outputs = tuple((o._array.shape, o._array.dtype, type(o._array)) if isinstance(o, Tensor) else None
                                 for o in outs)
        saved_outputs = {id(t): next((i for i, o in enumerate(outs) if o is t and (id(t) not in inputs
                                      or _among(t, ctx._dirty))), None) for t in ctx._saving if t is not None}
        for i, o in enumerate(outs):
            if isinstance(o, Tensor):
                outs[i] = _output(o, i, node, ctx, id(o) in inputs)
        node.saved = tuple(None if t is None else _Saved(t, saved_outputs[id(t)]) for t in ctx._saving)
        ctx._node, ctx._saving = weakref.ref(node), ()
        if Anomaly.enabled:
            look_at(node)
        return tuple(outs) if several else outs[0]

    @classmethod
    def _backward(cls, ctx: FunctionCtx, grads: Sequence[Any]) -> Any:
        own_backward, own_vjp = cls.backward is not Function.backward, cls.vjp is not Function.vjp
        if own_backward and own_vjp:
            raise RuntimeError("Implementing both 'backward' and 'vjp' for a custom Function is not allowed. You should "
                               "only implement one of them.")
        return (cls.vjp if own_vjp else cls.backward)(ctx, *grads)


def _among(value: Any, tensors: Sequence[Any]) -> bool:
    return any(value is t for t in tensors)


def _output(out: Tensor, number: int, node: Node, ctx: FunctionCtx, is_input: bool) -> Tensor:
    """One output of `node`, with its place in the graph."""
    edge = node if node.outputs is None else Output(node, number)
    if _among(out, ctx._constant) or out._array.dtype.kind != "f":
        node.rule.constant.add(number)
        return out.detach() if (is_input or out.requires_grad) and not _among(out, ctx._dirty) else out
    if _among(out, ctx._dirty):
        views.check_writable(out, True, node.rule.name)
        views.bump(out)
        views.adopt(out, edge)
        return out
    if is_input:
        out = _same_as_input(out)
    elif out._edge is not None or out._requires_grad:  # somebody else's, such as a parameter
        out = out.detach()
    if out._view is not None:
        out._view.forbid("custom")
    out._edge = edge
    return out


def _same_as_input(tensor: Tensor) -> Tensor:
    """Another tensor for an input that is returned as it is: a view, so that each has a history of its own."""
    twin = wrap(tensor._array)
    views.mark_view(twin, tensor, (lambda x: x[...], ()))
    twin._view.forbid("custom")
    return twin


def once_differentiable(function: Callable) -> Callable:
    """Decorates a `backward` that is not made of differentiable operations: to differentiate it again is an error."""

    @functools.wraps(function)
    def wrapper(ctx: FunctionCtx, *grads: Any) -> Any:
        with no_grad():
            results = function(ctx, *grads)
        edges = tuple(edge_of(g) for g in grads if isinstance(g, Tensor) and g.requires_grad)
        if not mode.enabled or not edges:
            return results
        node = Node()
        node.rule, node.edges, node.saved, node.guards, node.number = _Once, edges, (), (), next_number()
        alone = not isinstance(results, tuple)
        outs = [r if r is None else wrap(r._array) for r in ((results,) if alone else results)]
        for i, out in enumerate(outs):
            if out is not None:
                out._edge = Output(node, i)
        node.outputs = (None,) * len(outs)
        return outs[0] if alone else tuple(outs)

    return wrapper


class _Once:
    """The rule of what `once_differentiable` returned."""

    name, single, holds = "OnceDifferentiableBackward", None, False

    @staticmethod
    def apply(node: Node, g: Any, create_graph: bool) -> list[Any]:
        raise RuntimeError("trying to differentiate twice a function that was marked with @once_differentiable")


class _IsTensor(type):
    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Tensor)


class Variable(metaclass=_IsTensor):
    """The old name of a tensor that autograd follows; now it makes a Tensor, and every Tensor is one.

    >>> ndl.autograd.Variable(ndl.ones(2), requires_grad=True)
    tensor([1., 1.], requires_grad=True)
    """

    def __new__(cls, data: Any, requires_grad: bool = False, volatile: bool = False) -> Any:
        if not isinstance(data, Tensor):
            raise TypeError(f"Variable data has to be a tensor, but got {type(data).__name__}")
        if volatile:
            warnings.warn("volatile was removed and now has no effect. Use `with ndl.no_grad():` instead.",
                          stacklevel=2)
        return data.detach().requires_grad_(requires_grad)
