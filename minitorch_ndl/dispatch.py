"""What an operation is, and how one runs: compute on arrays, then record what backward will need."""

from __future__ import annotations

import functools
import types
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import backend, compiled, dtypes, errors
from .autograd import views
from .autograd.engine import edge_of
from .autograd.grad_mode import Anomaly, mode
from .autograd.node import Node, Output, next_number
from .autograd.rule import Rule, look_at
from .backend import hush, restore
from .faces import F, Signature
from .promotion import common_dtype, converted, lift, number_array, refuse
from .tensor import Tensor, wrap

ndarray = np.ndarray
new = object.__new__


class _Names(dict):
    """The operations by name. To define one again in its own module is fine; to take another's name is a mistake."""

    def __setitem__(self, name: str, op: Op) -> None:
        if name in self and self[name].kernel.__module__ != op.kernel.__module__:
            raise ValueError(f"op {name!r}: {self[name].kernel.__module__} has defined an operation of that name already.")
        super().__setitem__(name, op)


OPS: dict[str, Op] = _Names()


class Op:
    """One operation: its kernel, its formulas, and what the decorator was told.

    promote   "number": inputs meet by torch's rule; "float": and integers become floats; "same": they must agree;
              None: as they are. What meets are the inputs with formulas (all arrays, where none has one)
    ufunc     the array module's function that is the kernel, body and all; it can also write into an array
    numbers   Python numbers may stand for all arrays; or the names of the parameters where they may, beside a tensor
    broadcasts  inputs are broadcast, so that their gradients have to be summed back
    view      the kernel returns a view of its first input (or a copy, if it can't)
    outputs   names of several outputs; `many`: a list of outputs, as many as the kernel returns
    saves     names of what the kernel hands back after its output, for the formulas
    write     write(xp, target, *args): do it in place
    check     (kinds, check(args)): look at the arguments first, where a dtype of one of these kinds is among them
    """

    run: Callable  # the way to run it that `fast` chose

    def __init__(self, kernel: Callable, formulas: dict[str, Callable], *, name: str | None = None,
                 promote: str | None = None, ufunc: str | None = None, numbers: bool | tuple[str, ...] = False,
                 broadcasts: bool | None = None, view: bool = False, outputs: Sequence[str] = (), many: bool = False,
                 saves: Sequence[str] = (), write: Callable | None = None, check: tuple[str, Callable] | None = None,
                 keywords: bool = True):
        self.kernel, self.formulas, self.name = kernel, formulas, name or kernel.__name__.rstrip("_")
        self.doc = (kernel.__doc__ or "").strip()
        self.signature = Signature.of_kernel(kernel, keywords=keywords)
        self.arrays = self.signature.arrays  # positions of the parameters that are arrays
        self.promote, self.numbers, self.view, self.many = promote, numbers, view, many
        self.outputs = self.signature.outputs = tuple(outputs)
        self.saves, self.ufunc, self.write = tuple(saves), ufunc, write
        # Inputs of these kinds take the general path, which checks and converts.
        self.checked: str = check[0] if check else ""
        self.check: Callable | None = check[1] if check else None
        self.slow = "biu" if promote == "float" else self.checked
        names = self.signature.names
        self.differentiable = tuple(i for i in self.arrays if names[i] in formulas)
        self.promoted = self.differentiable or self.arrays
        self.broadcasts = len(self.promoted) > 1 and promote in ("number", "float") \
            if broadcasts is None else broadcasts
        self.lifted = tuple(i for i in self.promoted if numbers is True or (numbers and names[i] in numbers))
        self.plain = not (view or outputs or many or saves) and self.signature.sequence is None
        self.kernels = Kernels(self.name, kernel, ufunc)
        self.rules: dict[tuple[int, ...], Rule] = {}
        title = "".join(part.capitalize() for part in self.name.split("_"))
        self.node_name = f"{title}Backward"

    def rule(self, wanted: tuple[int, ...]) -> Any:
        """What to save and compute when the inputs at these positions require grad."""
        if wanted not in self.rules:
            names = self.signature.names
            sequence = self.signature.sequence
            self.rules[wanted] = Rule(self.node_name, (*names, "out", *(self.saves or self.outputs)),
                                      [names[i] for i in self.arrays], self.formulas, [names[i] for i in wanted],
                                      None if sequence is None else names[sequence], () if self.saves else self.outputs)
            if self.many or self.outputs:  # some outputs may get no gradient: `apply` makes it zeros
                self.rules[wanted].single = None
        return self.rules[wanted]

    def __repr__(self) -> str:
        return f"<op {self.name}({', '.join(self.signature.names)})>"


class Kernels(dict):
    """By array type: the kernel `name`, bound to the module that such arrays belong to; for NumPy's, its compiled twin,
    where there is one."""

    def __init__(self, name: str, kernel: Callable, ufunc: str | None = None):
        super().__init__()
        self.name, self.kernel, self.ufunc = name, kernel, ufunc

    def __missing__(self, array_type: type) -> Callable:
        xp, kernel, code = backend.of_type(array_type).xp, self.kernel, self.kernel.__code__
        if code.co_kwonlyargcount:  # keyword-only for the public; the dispatcher passes everything in order
            code = code.replace(co_argcount=code.co_argcount + code.co_kwonlyargcount, co_kwonlyargcount=0)
            defaults = (*(kernel.__defaults__ or ()), *(kernel.__kwdefaults__ or {}).values())
            kernel = types.FunctionType(code, kernel.__globals__, kernel.__name__, defaults,
                                        kernel.__closure__)
        bound = getattr(xp, self.ufunc) if self.ufunc else functools.partial(kernel, xp)
        self[array_type] = bound = compiled.twin_of(self.name, bound) if array_type is ndarray else bound
        return bound


# --- the general path ---------------------------------------------------------------------------------------------


def dispatch(op: Op, args: Sequence[Any], target: Tensor | None = None, checked: bool = False) -> Any:
    """Run `op` on `args` (every parameter of the kernel, in order) and record it if a gradient will be needed.

    With a `target` (its first input), the result is written into that tensor's memory and becomes its history.
    """
    if op.check is not None and not checked:
        op.check(args)
    values = list(args)
    like, numbers = None, False
    for i in op.arrays:
        value = args[i]
        if i == op.signature.sequence:
            if not isinstance(value, (list, tuple)):
                raise errors.not_tensors(op.name, op.signature.names[i], value)
            values[i] = arrays = [t._array if isinstance(t, Tensor) else refuse(op, i, t) for t in value]
            if like is None:
                like = arrays[0] if arrays else np.empty(0)  # the kernel knows what it thinks of an empty list
        elif isinstance(value, Tensor):
            values[i] = array = value._array
            if like is None or type(array) is not ndarray:
                like = array
        elif type(value) in (float, int) and type(like) is ndarray and like.dtype.kind == "f" and i in op.lifted:
            values[i], numbers = number_array(value, like.dtype), True
        elif value is not None or not op.signature.optional(i):
            if getattr(value, "is_sparse", False):
                return value._call(op.name, args)
            return dispatch(op, lift(op, args), target, True)
    if like is None:
        raise TypeError(f"{op.name}(): expected at least one Tensor; got {', '.join(type(a).__name__ for a in args)}.")
    if numbers and any(values[i] is not None and values[i].dtype is not like.dtype for i in op.promoted):
        return dispatch(op, lift(op, args), target, True)  # several tensors decide what the numbers are
    if op.promote is not None:
        wanted = common_dtype(op, args, values)
        if wanted is not None:
            if target is not None:
                return _write_converted(op, args, target, wanted)
            return dispatch(op, converted(op, args, wanted))
    # Which inputs want a gradient, and where it would go.
    edges: list[Any] = []
    positions: list[int] = []
    if mode.enabled:
        for i in op.differentiable:
            value = args[i]
            if isinstance(value, Tensor):
                edge = edge_of(value)
                if edge is not None:
                    edges.append(edge)
                    positions.append(i)
            elif op.signature.sequence == i:
                found = [edge_of(t) for t in value]
                if any(e is not None for e in found):
                    edges.extend(found)
                    positions.append(i)
    rule = op.rule(tuple(positions)) if positions else None
    guarded = args
    if target is not None:
        views.check_writable(target, rule is not None, op.name + "_")
        if rule is not None and op.signature.names[0] in rule.slots:
            old = views.snapshot(target)  # backward will want what is about to be overwritten
            guarded, values = (old, *args[1:]), [old._array, *values[1:]]
    # Compute.
    token = hush()
    try:
        if target is not None:
            out = _write(op, values, target)
        else:
            out = op.kernels[type(like)](*values)
    except (ValueError, TypeError) as error:
        raise explained(op, values, error) from None
    finally:
        restore(token)
    if op.saves:
        out, *extras = out
    else:
        extras = ()
    # Wrap.
    if op.outputs or op.many:
        outs: Any = [wrap(backend.as_array(o, like)) for o in out]
        result = _record_many(op, rule, edges, args, values, out, outs, extras) if rule else outs
        if op.view:
            mark_views(op, args, result)
        return op.signature.pair(op.name, result) if op.outputs else tuple(result)
    if target is not None:
        result = target
    else:
        result = wrap(out if type(out) is ndarray else backend.as_array(out, like))
    if rule is not None and (result._array.dtype.kind == "f" or _integers(values, positions)):
        node = new(Node)
        node.rule, node.edges, node.number = rule, tuple(edges), next_number()
        if op.broadcasts:
            shape = result._array.shape
            shapes = tuple(values[i].shape for i in positions)
            if any(s != shape for s in shapes):
                node.shapes = shapes
        node.saved = rule.save((*values, result._array, *extras))
        rule.guard(node, guarded, result, target is not None)
        if Anomaly.enabled:
            look_at(node)
        if target is not None:
            views.bump(target)
            views.adopt(target, node)
            return target
        result._edge = node
    elif target is not None:
        views.bump(target)
    if op.view and result is not args[0]:
        mark_views(op, args, (result,))
    return result


def _integers(values: Sequence, positions: Sequence[int]) -> bool:
    """Whether an integer input wants a gradient. `requires_grad_` refuses that; who insists gets it (the course does)."""
    return any(not isinstance(values[i], list) and values[i].dtype.kind != "f" for i in positions)


def _record_many(op: Op, rule: Rule, edges: list, args: Sequence, values: list, out: Any, outs: list,
                 extras: Any) -> list:
    node = new(Node)
    node.rule, node.edges, node.number = rule, tuple(edges), next_number()
    floats = [o for o in outs if o._array.dtype.kind == "f"]
    single = len(floats) == 1 and not op.many  # such as values and indices: only the first has a gradient
    if not single:
        node.outputs = tuple((o._array.shape, o._array.dtype, type(o._array)) for o in outs)
    node.saved = rule.save((*values, tuple(o._array for o in outs), *(extras or [o._array for o in outs])))
    rule.guard(node, args, outs)
    if Anomaly.enabled:
        look_at(node)
    for i, o in enumerate(outs):
        if o._array.dtype.kind == "f":
            o._edge = node if single else Output(node, i)
    return outs


def mark_views(op: Op, args: Sequence, outs: Sequence[Tensor]) -> None:
    source = args[0]
    for i, out in enumerate(outs):
        if type(out._array) is ndarray and out._array.size and not np.may_share_memory(out._array, source._array):
            continue  # it had to copy
        inner = getattr(F, op.name)
        step = (Nth(inner, i), tuple(args[1:])) if len(outs) > 1 or op.many else (inner, tuple(args[1:]))
        views.mark_view(out, source, step, many=op.many)


class Nth:
    """Output number `index` of a function."""

    def __init__(self, function: Callable, index: int):
        self.function, self.index = function, index

    def __call__(self, *args: Any) -> Any:
        return self.function(*args)[self.index]


def _write(op: Op, values: list, target: Tensor) -> Any:
    """Compute into the target's memory; a result that is no copy of the target's shape or dtype is refused."""
    array = target._array
    if op.write is not None:
        op.write(backend.of_type(type(array)).xp, array, *values[1:])
        return array
    result = op.kernels[type(array)](*values)
    extras = ()
    if op.saves:
        result, *extras = result
    if result.shape != array.shape:
        raise RuntimeError(f"output with shape {list(array.shape)} doesn't match the broadcast shape "
                           f"{list(result.shape)}: {op.name}_ writes in place and cannot grow its tensor. "
                           f"Use the out-of-place form.")
    if not dtypes.castable(result.dtype, array.dtype):
        raise errors.not_castable(result.dtype, array.dtype)
    array[...] = result
    return (array, *extras) if op.saves else array


def _write_converted(op: Op, args: Sequence[Any], target: Tensor, wanted: np.dtype) -> Tensor:
    """In place although dtypes differ: only the written tensor's dtype stays."""
    views.check_writable(target, False, op.name + "_")
    old = views.snapshot(target)
    result = dispatch(op, converted(op, (old, *args[1:]), wanted))
    if not dtypes.castable(result._array.dtype, target._array.dtype):
        raise errors.not_castable(result._array.dtype, target._array.dtype)
    return F.copy_(target, result)


def explained(op: Op, values: Sequence[Any], error: Exception) -> Exception:
    """NumPy's message about shapes or dtypes, in terms of the operation; anything else as it is."""
    if isinstance(error, TypeError):
        return errors.not_implemented(op.name, values[0]) if str(error).startswith("ufunc") else error
    if op.broadcasts and "broadcast" in str(error):
        return errors.shapes_do_not_broadcast(op.name, [values[i].shape for i in op.promoted])
    return error
