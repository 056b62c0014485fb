"""Fast paths: the same as `dispatch`, for the commonest kinds of operation, with everything decided at definition time.

Each function here makes the closure that runs one operation. Whatever is unusual goes to `dispatch`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import backend, dtypes
from .autograd import views
from .autograd.engine import edge_of
from .autograd.grad_mode import Anomaly, mode
from .autograd.node import Node, Output, next_number
from .autograd.rule import look_at
from .backend import hush, restore
from .dispatch import OPS, Nth, Op, dispatch, explained
from .faces import F
from .promotion import F32, number_array, recent32, refuse
from .tensor import Tensor, wrap

ndarray = np.ndarray
new = object.__new__


def path(op: Op) -> Callable:
    """How to run `op`: the shortest way that serves its kind."""
    several = bool(op.outputs or op.many or op.saves)
    if op.arrays == (0,) and not several:
        if op.view:
            return viewing(op)
        if op.plain:
            return unary(op)
        if op.formulas and op.promote == "number" and not op.rule((0,)).guarded:
            return joining(op)
    if op.plain and not op.signature.defaults and op.promote and op.arrays == (0, 1) == tuple(
            range(len(op.signature.names))):
        return binary(op)
    if op.view and op.many and op.arrays == (0,):
        return splitting(op)
    if not (several or op.view) and op.differentiable == (0,) and op.promote is None and not op.broadcasts:
        return picking(op)
    return layering(op)


def layering(op: Op) -> Callable:
    """For several arrays, each a tensor (those that have gradients of one dtype) or left out, and attributes: what
    layers and losses call. The kernel may hand back more than its output."""
    if op.view or op.outputs or op.many or op.signature.sequence is not None or op.promote == "float":
        return general(op)
    kernels, slow, saves, fill, count = op.kernels, op.slow, bool(op.saves), op.signature.fill, len(op.signature.names)
    places = [(i, op.signature.optional(i), i in op.promoted, i in op.differentiable, i in op.lifted) for i in op.arrays]
    rules: dict[tuple, Any] = {}

    def run(*args: Any) -> Tensor:
        if len(args) != count:
            args = fill(args)
        wanted: tuple[int, ...] = ()  # the positions of the inputs that want a gradient,
        edges: tuple[Any, ...] = ()  # and where it would go
        values, recording, x = list(args), mode.enabled, None
        for i, optional, promoted, differentiable, lifted in places:
            value = args[i]
            if not isinstance(value, Tensor):
                if value is None and optional:
                    continue
                if lifted and type(value) is float and x is not None and x.dtype.kind == "f":
                    values[i] = number_array(value, x.dtype)
                    continue
                return dispatch(op, args)
            values[i] = array = value._array
            if promoted:
                if x is None:
                    x, dtype = array, array.dtype
                elif array.dtype is not dtype:
                    return dispatch(op, args)
            if recording and differentiable:
                edge = value._edge if value._view is None else edge_of(value)
                if edge is None and value._requires_grad:
                    edge = value
                if edge is not None:
                    edges += (edge,)
                    wanted += (i,)
        if type(x) is not ndarray or dtype.kind in slow or Anomaly.enabled or (wanted and dtype.kind != "f"):
            return dispatch(op, args)
        token = hush()
        try:
            out = kernels[ndarray](*values)
        except (ValueError, TypeError) as error:
            raise explained(op, values, error) from None
        finally:
            restore(token)
        extras: Sequence[Any] = ()
        if saves:
            out, *extras = out
        result = new(Tensor)
        result._array = out = out if type(out) is ndarray else backend.as_array(out, x)
        result._edge = result._counter = result._view = None
        if wanted and out.dtype.kind == "f":
            rule = rules.get(wanted)
            if rule is None:
                rule = rules[wanted] = op.rule(wanted)
            result._edge = node = new(Node)
            node.rule, node.edges, node.number = rule, edges, next_number()
            if op.broadcasts:
                shapes = tuple([values[i].shape for i in wanted])
                if any(s != out.shape for s in shapes):
                    node.shapes = shapes
            node.saved = rule.save((*values, out, *extras))
            rule.guard(node, args, result)
        return result

    return run


def unary(op: Op) -> Callable:
    """For one array, and attributes."""
    kernels, slow, rule = op.kernels, op.slow, op.rule((0,)) if op.formulas else None

    def run(input: Any, *attributes: Any) -> Tensor:
        if not isinstance(input, Tensor):
            return dispatch(op, (input, *attributes)) if op.numbers else refuse(op, 0, input)
        x = input._array
        if x.dtype.kind in slow or Anomaly.enabled:
            return dispatch(op, (input, *attributes))
        token = hush()
        try:
            out = kernels[type(x)](x, *attributes)
        except (ValueError, TypeError) as error:
            raise explained(op, (x,), error) from None
        finally:
            restore(token)
        result = wrap(out if type(out) is ndarray else backend.as_array(out, x))
        if rule is not None:
            edge = edge_of(input)
            if edge is not None and mode.enabled and (result._array.dtype.kind == "f" or x.dtype.kind != "f"):
                node = new(Node)
                node.rule, node.edges, node.number = rule, (edge,), next_number()
                node.saved = rule.save((x, *attributes, result._array))
                rule.guard(node, (input,), result)
                result._edge = node
        return result

    return run


def binary(op: Op, otherwise: Callable = dispatch) -> Callable:
    """For two arrays, the second of which may be a number. `otherwise(op, args)` takes every other case."""
    kernels, slow = op.kernels, op.slow
    both, left, right = (op.rule(p) if len(op.formulas) == 2 else None for p in ((0, 1), (0,), (1,)))
    can_lift = op.numbers
    # Whether, beside a number, what is saved could be written into.
    watched = left is not None and bool(left.outputs or op.signature.names[0] in left.slots)

    def run(input: Any, other: Any) -> Tensor:
        kind = type(other)
        if not isinstance(input, Tensor):
            return otherwise(op, (input, other))
        x = input._array
        dtype = x.dtype
        number = kind is float or kind is int
        if number:
            if dtype is F32:
                y = recent32.get(other)
                if y is None:
                    y = number_array(other, dtype)
            elif (dtype.kind == "f" or (kind is int and dtype.kind != "b" and dtype.kind not in slow)) and can_lift:
                y = number_array(other, dtype)
            else:
                return otherwise(op, (input, other))
            if not can_lift or type(x) is not ndarray:
                return otherwise(op, (input, other))
        elif isinstance(other, Tensor):
            y = other._array
            if y.dtype is not dtype or dtype.kind in slow or Anomaly.enabled:
                return otherwise(op, (input, other))
        else:
            return otherwise(op, (input, other))
        token = hush()
        try:
            out = kernels[type(x)](x, y)
        except (ValueError, TypeError) as error:
            raise explained(op, (x, y), error) from None
        finally:
            restore(token)
        result = new(Tensor)
        if type(out) is not ndarray:
            out = backend.as_array(out, x)
        result._array = out
        result._edge = result._counter = result._view = None
        if both is None:
            return result
        if input._view is not None:
            input._view.refresh(input)
        a = input._edge
        if a is None and input._requires_grad:
            a = input
        b = None if number else edge_of(other)
        if (a is None and b is None) or not mode.enabled or result._array.dtype.kind != "f" == dtype.kind:
            return result
        node = new(Node)
        node.number = next_number()
        if b is None:
            node.rule, node.edges = left, (a,)
        elif a is None:
            node.rule, node.edges = right, (b,)
        else:
            node.rule, node.edges = both, (a, b)
        node.saved = node.rule.save((x, y, out))
        if number:
            node.guards = ()
            if watched or Anomaly.enabled:
                node.rule.guard(node, (input, None), result)
                if Anomaly.enabled:
                    look_at(node)
        else:
            node.rule.guard(node, (input, other), result)
            shape = out.shape
            if x.shape != shape or y.shape != shape:
                node.shapes = tuple(v.shape for v, e in ((x, a), (y, b)) if e is not None)
        result._edge = node
        return result

    return run


def _operand(op: Op, args: tuple) -> Any:
    """An operator's slow path: NumPy arrays are welcome, and what we don't know gets its own try (NotImplemented)."""
    operands = []
    for value in args:
        if isinstance(value, ndarray) and value.dtype in dtypes.BY_NUMPY:
            value = wrap(np.asarray(value))
        elif not isinstance(value, (Tensor, bool, int, float, np.number, np.bool_)):
            return NotImplemented
        operands.append(value)
    return dispatch(op, operands)


def _method(op: Op, args: tuple) -> Any:
    """As a method of its first operand."""
    if not isinstance(args[0], Tensor):
        raise TypeError(f"descriptor of '{op.name}' requires a 'Tensor' object but received '{type(args[0]).__name__}'")
    return _operand(op, args)


def operator_methods(op: Op, names: Sequence[str], commutes: bool) -> dict[str, Callable]:
    """The methods behind Python's operators: forward, reflected (__r…__) and in place (__i…__)."""
    if len(op.arrays) == 1:
        run = unary(op)
        return dict.fromkeys(names, run)
    run = binary(op, _method)

    def reflected(self: Tensor, other: Any) -> Any:
        x, kind = self._array, type(other)
        if type(x) is ndarray and (kind is float or kind is int) and x.dtype.kind == "f":
            return run(wrap(number_array(other, x.dtype)), self)
        return _operand(op, (other, self))

    write = in_place_path(op)

    def in_place(self: Tensor, other: Any) -> Any:
        return write(self, wrap(other) if isinstance(other, ndarray) else other)

    kinds = {"r": run if commutes else reflected, "i": in_place}
    return {n: kinds.get(n[2], run) if n not in _FORWARD else run for n in names}


_FORWARD = ("__invert__", "__rshift__")  # begin with an i or an r, but are neither in-place nor reflected


def in_place_path(op: Op) -> Callable:
    """Write the result into the first input."""
    fill = op.signature.fill

    def general(*args: Any) -> Tensor:
        return dispatch(op, fill(args), args[0])

    if op.ufunc is None or len(op.signature.names) != 2 or op.promote is None:
        return general
    kernels, slow, can_lift = op.kernels, op.slow, op.numbers

    def run(input: Any, other: Any) -> Tensor:
        # Scripts make such calls on tiny tensors by the ten thousand: the common cases, without recording.
        kind = type(other)
        if type(input) is not Tensor or Anomaly.enabled:
            return general(input, other)
        x = input._array
        dtype = x.dtype
        if (kind is float and dtype.kind == "f") or (kind is int and (dtype.kind == "f" or dtype.kind not in "b" + slow)):
            if not can_lift or type(x) is not ndarray:
                return general(input, other)
            y = number_array(other, dtype)
        elif kind is Tensor:
            y = other._array
            if y.dtype is not dtype or dtype.kind in slow or (mode.enabled and follows(other)):
                return general(input, other)
        else:
            return general(input, other)
        if (mode.enabled and follows(input)) or 0 in x.strides:
            return general(input, other)
        token = hush()
        try:
            kernels[type(x)](x, y, out=x)
        except ValueError:
            return general(input, other)  # it doesn't fit: let the general path tell
        finally:
            restore(token)
        if input._counter is None:
            input._counter = [1, 0]
        else:
            input._counter[0] += 1
        return input

    return run


def follows(tensor: Tensor) -> bool:
    """Whether autograd follows this tensor."""
    if tensor._edge is not None or tensor._requires_grad:
        return True
    view = tensor._view
    return view is not None and (view.base._edge is not None or view.base._requires_grad)


def variant_path(variant: Callable | None, mark: str) -> Callable | None:
    if variant is None:
        return None

    def full(*args: Any) -> Any:
        name, args = variant(*args)
        return getattr(F, name + mark)(*args) if mark else OPS[name].run(*args)

    return full


def viewing(op: Op) -> Callable:
    """For view operations: one array and attributes. What their formulas need are shapes and attributes only."""
    kernels, inner = op.kernels, None
    rule = op.rule((0,)) if op.formulas else None

    def run(input: Any, *attributes: Any) -> Tensor:
        nonlocal inner
        if not isinstance(input, Tensor):
            return refuse(op, 0, input)
        x = input._array
        if type(x) is not ndarray or Anomaly.enabled:
            return dispatch(op, (input, *attributes))
        out = kernels[ndarray](x, *attributes)
        result = new(Tensor)
        result._array = out
        if input._view is not None:
            input._view.refresh(input)
        edge = input._edge
        if edge is None and input._requires_grad:
            edge = input
        if edge is None or rule is None or not mode.enabled:
            result._edge = None
        else:
            result._edge = node = new(Node)
            node.rule, node.edges, node.number, node.guards = rule, (edge,), next_number(), ()
            node.saved = rule.save((x, *attributes, out))
        owner = out.base
        # NumPy's views know who owns their memory; whatever else shares it is rare enough to look closer.
        if owner is x or (owner is not None and owner is x.base) or not out.size or np.may_share_memory(out, x):
            inner = inner or getattr(F, op.name)
            views.mark_view(result, input, (inner, attributes))
        else:  # it had to copy
            result._counter = result._view = None
        return result

    return run


def picking(op: Op) -> Callable:
    """For one differentiable array, the first, beside others that say which of its elements: indices and masks."""
    kernels, rule = op.kernels, op.rule((0,)) if op.formulas else None
    others, sequence = op.arrays[1:], op.signature.sequence

    def run(input: Any, *rest: Any) -> Tensor:
        if not isinstance(input, Tensor) or Anomaly.enabled:
            return dispatch(op, (input, *rest))
        values: list[Any] = [input._array, *rest]
        for i in others:
            value = values[i]
            if isinstance(value, Tensor):
                values[i] = value._array
            elif i == sequence:
                values[i] = [t._array for t in value]
            else:
                return dispatch(op, (input, *rest))
        x = values[0]
        token = hush()
        try:
            out = kernels[type(x)](*values)
        finally:
            restore(token)
        result = wrap(out if type(out) is ndarray else backend.as_array(out, x))
        edge = edge_of(input)
        if edge is not None and rule is not None and mode.enabled:
            result._edge = node = new(Node)
            node.rule, node.edges, node.number = rule, (edge,), next_number()
            node.saved = rule.save((*values, result._array))
            rule.guard(node, (input, *rest), result)
        return result

    return run


def joining(op: Op) -> Callable:
    """For a list of tensors and attributes. What the formula needs are shapes and attributes only."""
    kernels, rule = op.kernels, op.rule((0,))

    def run(tensors: Any, *attributes: Any) -> Tensor:
        if not isinstance(tensors, (list, tuple)) or not tensors or Anomaly.enabled:
            return dispatch(op, (tensors, *attributes))
        arrays, dtype, followed = [], None, False
        for t in tensors:
            if not isinstance(t, Tensor) or type(t._array) is not ndarray or (
                    dtype is not None and t._array.dtype is not dtype):
                return dispatch(op, (tensors, *attributes))
            arrays.append(t._array)
            dtype = t._array.dtype
            followed = followed or t._edge is not None or t._requires_grad or t._view is not None
        result = wrap(kernels[ndarray](arrays, *attributes))
        if followed and mode.enabled:
            edges = tuple([edge_of(t) for t in tensors])
            if any(e is not None for e in edges):
                result._edge = node = new(Node)
                node.rule, node.edges, node.number, node.guards = rule, edges, next_number(), ()
                node.saved = rule.save((arrays, *attributes, result._array))
        return result

    return run


def splitting(op: Op) -> Callable:
    """For view operations with many outputs, such as `unbind`, which is how Python iterates over a tensor."""
    kernels, inner, rule = op.kernels, None, op.rule((0,))
    nths: list[Nth] = []

    def run(input: Any, *attributes: Any) -> tuple[Tensor, ...]:
        nonlocal inner
        if not isinstance(input, Tensor) or type(input._array) is not ndarray or Anomaly.enabled:
            return dispatch(op, (input, *attributes))
        if inner is None:
            inner = getattr(F, op.name)
        x = input._array
        arrays = kernels[ndarray](x, *attributes)
        while len(nths) < len(arrays):
            nths.append(Nth(inner, len(nths)))
        outs = tuple([wrap(a) for a in arrays])
        for out, nth in zip(outs, nths, strict=False):
            views.mark_view(out, input, (nth, attributes), many=True)
        edge = edge_of(input)
        if edge is not None and mode.enabled:
            node = new(Node)
            node.rule, node.edges, node.number, node.guards = rule, (edge,), next_number(), ()
            node.saved = rule.save((x, *attributes, arrays))
            node.outputs = tuple([(a.shape, a.dtype, ndarray) for a in arrays])
            for i, out in enumerate(outs):
                out._edge = Output(node, i)
        return outs

    return run


def general(op: Op) -> Callable:
    def run(*args: Any) -> Any:
        return dispatch(op, args)

    return run
