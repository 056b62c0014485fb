"""The way to define an operation: `@op`. (`fused.py` adds `@fused`, `composite.py` adds `@composite`.)

A kernel computes on arrays; gradient formulas stand beside it, one for each differentiable input:

    @op(input=lambda g, other: g * other, other=lambda g, input: g * input, promote="number", ufunc="multiply")
    def mul(xp, input, other): ...

A parameter without annotation is an array, one with an annotation (``dim: int``) is an attribute. A formula's
parameters say what it needs, and exactly that is saved: ``g`` (the incoming gradient, always first), ``out``, an input,
``<input>_shape``, ``<input>_dtype``, an attribute, or a name in `saves`: an intermediate that the kernel hands back.
Formulas use operators and `F.*` only, so that they run on arrays (fast) and on Tensors (with ``create_graph=True``).

From one definition come `ndl.mul`, `Tensor.mul`, `Tensor.mul_`, ``out=``, the documentation and the sweep tests.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import backend, dtypes, errors
from .autograd import views
from .autograd.engine import edge_of
from .autograd.grad_mode import Anomaly, mode
from .autograd.node import Node, Output, next_number
from .autograd.rule import Rule
from .backend import hush, restore
from .faces import F, Signature, publish
from .promotion import F32, common_dtype, converted, lift, number_array, recent32, refuse
from .tensor import Tensor, wrap

ndarray = np.ndarray
new = object.__new__
OPS: dict[str, Op] = {}


class Op:
    """One operation: its kernel, its formulas, and what the decorator was told.

    promote   "number": inputs meet by torch's rule; "float": and integers become floats; "same": they must agree;
              None: as they are. What meets are the inputs with formulas (all arrays, where none has one)
    ufunc     the array module's function that is the kernel, body and all; it can also write into an array
    numbers   Python numbers may stand where arrays are expected; or the names of the parameters where they may
    broadcasts  inputs are broadcast, so that their gradients have to be summed back
    view      the kernel returns a view of its first input (or a copy, if it can't)
    outputs   names of several outputs; `many`: a list of outputs, as many as the kernel returns
    saves     names of what the kernel hands back after its output, for the formulas
    write     write(xp, target, *args): do it in place
    check     (kinds, check(args)): look at the arguments first, where a dtype of one of these kinds is among them
    """

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
        self.outputs, self.saves, self.ufunc, self.write = tuple(outputs), tuple(saves), ufunc, write
        # Inputs of these kinds take the general path, which checks and converts.
        self.checked, self.check = check or ("", None)
        self.slow = "biu" if promote == "float" else self.checked
        names = self.signature.names
        self.differentiable = tuple(i for i in self.arrays if names[i] in formulas)
        self.promoted = self.differentiable or self.arrays
        self.broadcasts = len(self.promoted) > 1 and promote in ("number", "float") \
            if broadcasts is None else broadcasts
        self.kernels = _Kernels(kernel, ufunc)
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
        return self.rules[wanted]

    def __repr__(self) -> str:
        return f"<op {self.name}({', '.join(self.signature.names)})>"


class _Kernels(dict):
    """By array type: the kernel, bound to the module that such arrays belong to."""

    def __init__(self, kernel: Callable, ufunc: str | None):
        super().__init__()
        self.kernel, self.ufunc = kernel, ufunc

    def __missing__(self, array_type: type) -> Callable:
        xp, kernel, code = backend.of_type(array_type).xp, self.kernel, self.kernel.__code__  # type: ignore[attr-defined]
        bound: Callable = getattr(xp, self.ufunc) if self.ufunc else functools.partial(kernel, xp)
        if code.co_kwonlyargcount and not self.ufunc:  # keyword-only for the public; the dispatcher passes everything in order
            split = code.co_argcount - 1
            keywords = code.co_varnames[split + 1:split + 1 + code.co_kwonlyargcount]
            bound = lambda *args: kernel(xp, *args[:split], **dict(zip(keywords, args[split:], strict=False)))
        self[array_type] = bound
        return bound


# --- the general path ---------------------------------------------------------------------------------------------


def dispatch(op: Op, args: Sequence[Any], target: Tensor | None = None) -> Any:
    """Run `op` on `args` (every parameter of the kernel, in order) and record it if a gradient will be needed.

    With a `target` (its first input), the result is written into that tensor's memory and becomes its history.
    """
    if op.check is not None:
        op.check(args)
    values = list(args)
    like = None
    for i in op.arrays:
        value = args[i]
        if isinstance(value, Tensor):
            values[i] = array = value._array
            if like is None or type(array) is not ndarray:
                like = array
        elif isinstance(value, (list, tuple)) and op.signature.sequence == i:
            values[i] = arrays = [t._array if isinstance(t, Tensor) else refuse(op, i, t) for t in value]
            like = arrays[0] if arrays else like
        elif value is not None or not op.signature.optional(i):
            return dispatch(op, lift(op, args), target)
    if like is None:
        raise TypeError(f"{op.name}(): expected at least one Tensor; got {', '.join(type(a).__name__ for a in args)}.")
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
        raise _explained(op, values, error) from None
    finally:
        restore(token)
    if op.saves:
        out, *extras = out
    else:
        extras = ()  # type: ignore[assignment]
    # Wrap.
    if op.outputs or op.many:
        outs: Any = [wrap(backend.as_array(o, like)) for o in out]
        result = _record_many(op, rule, edges, args, values, out, outs, extras) if rule else outs
        if op.view:
            _mark_views(op, args, result)
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
        if Anomaly.enabled:
            node.trace = _where()
        node.saved = rule.save((*values, result._array, *extras))
        rule.guard(node, guarded, result, target is not None)
        if target is not None:
            views.bump(target)
            views.adopt(target, node)
            return target
        result._edge = node
    elif target is not None:
        views.bump(target)
    if op.view and result is not args[0]:
        _mark_views(op, args, (result,))
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
        node.trace = _where()
    for i, o in enumerate(outs):
        if o._array.dtype.kind == "f":
            o._edge = node if single else Output(node, i)
    return outs


def _mark_views(op: Op, args: Sequence, outs: Sequence[Tensor]) -> None:
    source = args[0]
    for i, out in enumerate(outs):
        if type(out._array) is ndarray and out._array.size and not np.may_share_memory(out._array, source._array):
            continue  # it had to copy
        inner = getattr(F, op.name)
        step = (_Nth(inner, i), tuple(args[1:])) if len(outs) > 1 or op.many else (inner, tuple(args[1:]))
        views.mark_view(out, source, step, many=op.many)


class _Nth:
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
        result, *extras = result  # type: ignore[assignment]
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
    if not dtypes.castable(wanted, target._array.dtype):
        raise errors.not_castable(wanted, target._array.dtype)
    views.check_writable(target, False, op.name + "_")
    old = views.snapshot(target)
    return F.copy_(target, dispatch(op, converted(op, (old, *args[1:]), wanted)))


def _explained(op: Op, values: Sequence[Any], error: Exception) -> Exception:
    """NumPy's message about shapes or dtypes, in terms of the operation; anything else as it is."""
    if isinstance(error, TypeError):
        return errors.not_implemented(op.name, values[0]) if str(error).startswith("ufunc") else error
    if op.broadcasts and "broadcast" in str(error):
        return errors.shapes_do_not_broadcast(op.name, [values[i].shape for i in op.promoted])
    return error


def _where() -> list[str]:
    import traceback

    return traceback.format_stack()[:-3]


# --- fast paths: the same as dispatch, decided at definition time ---------------------------------------------------


def _unary(op: Op) -> Callable:
    """For one array and nothing else."""
    kernels, slow, rule = op.kernels, op.slow, op.rule((0,)) if op.formulas else None

    def run(input: Any) -> Tensor:
        if not isinstance(input, Tensor):
            return refuse(op, 0, input)
        x = input._array
        if x.dtype.kind in slow or Anomaly.enabled or op.saves:
            return dispatch(op, (input,))
        token = hush()
        try:
            out = kernels[type(x)](x)
        finally:
            restore(token)
        result = wrap(out if type(out) is ndarray else backend.as_array(out, x))
        if rule is not None:
            edge = edge_of(input)
            if edge is not None and mode.enabled and (result._array.dtype.kind == "f" or x.dtype.kind != "f"):
                node = new(Node)
                node.rule, node.edges, node.number = rule, (edge,), next_number()
                node.saved = rule.save((x, result._array))
                rule.guard(node, (input,), result)
                result._edge = node
        return result

    return run


def _binary(op: Op, otherwise: Callable = dispatch) -> Callable:
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
            raise _explained(op, (x, y), error) from None
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
                node.trace = _where() if Anomaly.enabled else None
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


def _operators(op: Op, names: Sequence[str], commutes: bool) -> dict[str, Callable]:
    """The methods behind Python's operators: forward, reflected (__r…__) and in place (__i…__)."""
    if len(op.arrays) == 1:
        run = _unary(op)
        return {n: run for n in names}
    run = _binary(op, _operand)

    def reflected(self: Tensor, other: Any) -> Any:
        return _operand(op, (other, self))

    write = _in_place(op)

    def in_place(self: Tensor, other: Any) -> Any:
        return write(self, wrap(other) if isinstance(other, ndarray) else other)

    kinds = {"r": run if commutes else reflected, "i": in_place}
    return {n: kinds.get(n[2], run) if n not in _FORWARD else run for n in names}


_FORWARD = ("__invert__", "__rshift__")  # begin with an i or an r, but are neither in-place nor reflected


def _in_place(op: Op) -> Callable:
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
            if y.dtype is not dtype or dtype.kind in slow or (mode.enabled and _follows(other)):
                return general(input, other)
        else:
            return general(input, other)
        if (mode.enabled and _follows(input)) or 0 in x.strides:
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


def _follows(tensor: Tensor) -> bool:
    """Whether autograd follows this tensor."""
    if tensor._view is not None:
        tensor = tensor._view.base
    return tensor._edge is not None or tensor._requires_grad


def _variant(variant: Callable | None, mark: str) -> Callable | None:
    if variant is None:
        return None

    def full(*args: Any) -> Any:
        name, args = variant(*args)
        return getattr(F, name + mark)(*args)

    return full


def _viewing(op: Op) -> Callable:
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
        if owner is x or (owner is not None and owner is x.base):  # NumPy's views know who owns their memory
            inner = inner or getattr(F, op.name)
            views.mark_view(result, input, (inner, attributes))
        else:  # it had to copy
            result._counter = result._view = None
        return result

    return run


def _general(op: Op) -> Callable:
    def run(*args: Any) -> Any:
        return dispatch(op, args)

    return run


# --- the decorator ------------------------------------------------------------------------------------------------


def op(*, on: str = "torch method", name: str | None = None, aliases: Sequence[str] = (), operators: Sequence[str] = (),
       commutes: bool = False, inplace: bool = False, out: bool = True, variant: Callable | None = None,
       **options: Any) -> Callable:
    """Define an operation from its kernel; see the module's text. `options` are the formulas and what `Op` takes.

    on         where it appears: "torch", "method", "functional" (nn.functional), "linalg", "special"
    aliases    other names for it
    operators  methods such as "__mul__" that call it; `commutes`: the reflected one may swap its operands
    inplace    also as `name_`
    variant    turns the full call, keyword-only parameters included, into (name of an operation, its arguments): what
               ``alpha=`` and ``rounding_mode=`` mean, without the ordinary call paying for it
    """
    known = ("promote", "ufunc", "numbers", "broadcasts", "view", "outputs", "many", "saves", "write", "check")
    settings = {k: options.pop(k) for k in known if k in options}

    def define(kernel: Callable) -> Callable:
        record = Op(kernel, options, name=name, keywords=variant is None, **settings)
        count = len(record.signature.names)
        only_arrays = len(record.arrays) == count and record.signature.sequence is None \
            and not record.signature.defaults and not (record.view or record.outputs or record.many)
        run = _viewing(record) if record.view and not record.many and record.arrays == (0,) else \
            _unary(record) if only_arrays and count == 1 else \
            _binary(record) if only_arrays and count == 2 and record.promote else _general(record)
        record.run = run
        OPS[record.name] = record
        if record.outputs:
            record.signature.name_outputs(record.name, record.outputs)

        in_place = _in_place(record)
        methods = _operators(record, operators, commutes) if operators else {}
        full, full_in_place = _variant(variant, ""), _variant(variant, "_")
        call = publish(record.name, Signature.of_kernel(kernel), run, on=on, aliases=aliases, methods=methods,
                       in_place=in_place if inplace else None, out=out, doc=record.doc, kernel=kernel,
                       short=(count, full, full_in_place) if variant else None)
        call.op = record
        setattr(F, record.name, _inner(record, run))
        if inplace:
            setattr(F, record.name + "_", in_place)
        return call

    return define


def _inner(op: Op, run: Callable) -> Callable:
    """The face that formulas use: Tensors to Tensor, arrays to array."""
    kernels, rest, hands_back = op.kernels, op.signature.fill, bool(op.saves)

    def inner(*args: Any) -> Any:
        like = None
        for a in args:
            if isinstance(a, Tensor):
                return run(*rest(args))
            if like is None and type(a) in backend.TYPES:
                like = a
            elif type(a) is list and a:
                if isinstance(a[0], Tensor):
                    return run(*rest(args))
                like = a[0]
        if like is None:  # NumPy turns 0-d arrays into scalars on the way
            args = tuple(np.asarray(a) if isinstance(a, np.generic) else a for a in args)
        out = kernels[ndarray if like is None else type(like)](*rest(args))
        return out[0] if hands_back else out

    return inner
