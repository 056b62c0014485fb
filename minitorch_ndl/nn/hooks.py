"""Hooks: functions that people ask to have called before and after a module's forward and backward.

A module makes its `Hooks` with the first one that is registered; until then calling it costs one test.
"""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from ..autograd.engine import edge_of
from ..autograd.grad_mode import mode
from ..autograd.node import Handle, Node, Output, next_number
from ..tensor import Tensor, counter, wrap


class Hooks:
    """For each occasion the functions to call, in order. Those around forward come with their options."""

    def __init__(self) -> None:
        self.forward_pre: OrderedDict[int, tuple] = OrderedDict()  # (hook, with_kwargs)
        self.forward: OrderedDict[int, tuple] = OrderedDict()  # (hook, with_kwargs, always_call)
        self.backward_pre: OrderedDict[int, Callable] = OrderedDict()
        self.backward: OrderedDict[int, Callable] = OrderedDict()
        self.node: OrderedDict[int, Callable] = OrderedDict()  # the older kind of backward hook
        self.save_pre: OrderedDict[int, Callable] = OrderedDict()
        self.save: OrderedDict[int, tuple] = OrderedDict()  # (hook, what it returns may be another state dict)
        self.load_pre: OrderedDict[int, tuple] = OrderedDict()  # (hook, it wants the module)
        self.load: OrderedDict[int, Callable] = OrderedDict()


everywhere = Hooks()  # those of all modules


def _table(occasion: str) -> Any:
    """What torch calls ``_forward_hooks`` and the like: scripts clear or replace it to be rid of all hooks at once."""

    def get(module: Any) -> OrderedDict:
        own = module.__dict__.get("_hooks")
        return OrderedDict() if own is None else getattr(own, occasion)

    def put(module: Any, table: OrderedDict) -> None:
        mine = get(module)
        mine.clear()
        mine.update(table)

    return property(get, put)


class Hookable:
    """The part of Module that registers hooks. What registering returns has a ``remove()``."""

    _hooks: Hooks | None = None
    _forward_hooks, _forward_pre_hooks = _table("forward"), _table("forward_pre")
    _backward_hooks, _backward_pre_hooks = _table("backward"), _table("backward_pre")

    def _listen(self, occasion: str, entry: Any, prepend: bool = False) -> Handle:
        own = self.__dict__.get("_hooks")
        if own is None:
            own = self.__dict__["_hooks"] = Hooks()
        table = getattr(own, occasion)
        handle = Handle(table, entry)
        if prepend:
            table.move_to_end(handle.id, last=False)
        return handle

    def _listeners(self, occasion: str) -> list[Any]:
        own = self.__dict__.get("_hooks")
        return list(getattr(own, occasion).values()) if own is not None else []

    def register_forward_pre_hook(self, hook: Callable, *, prepend: bool = False, with_kwargs: bool = False) -> Handle:
        """Call ``hook(module, args)`` before forward; args that it returns replace the former.

        With `with_kwargs` it is ``hook(module, args, kwargs)``, and returns both.
        """
        return self._listen("forward_pre", (hook, with_kwargs), prepend)

    def register_forward_hook(self, hook: Callable, *, prepend: bool = False, with_kwargs: bool = False,
                              always_call: bool = False) -> Handle:
        """Call ``hook(module, args, output)`` after forward; an output that it returns replaces the former.

        with_kwargs  the hook is ``hook(module, args, kwargs, output)``
        always_call  also if forward raised an error

        >>> layer = ndl.nn.Identity()
        >>> handle = layer.register_forward_hook(lambda module, args, output: output * 2)
        >>> layer(ndl.ones(2))
        tensor([2., 2.])
        """
        return self._listen("forward", (hook, with_kwargs, always_call), prepend)

    def register_full_backward_hook(self, hook: Callable, prepend: bool = False) -> Handle:
        """Call ``hook(module, grad_input, grad_output)`` when backward has gone through the module.

        Both are tuples, with None for what has no gradient; a grad_input that it returns replaces the former.
        """
        self._refuse_both("node", "full and non-full")
        return self._listen("backward", hook, prepend)

    def register_full_backward_pre_hook(self, hook: Callable, prepend: bool = False) -> Handle:
        """Call ``hook(module, grad_output)`` when backward reaches the module; what it returns replaces grad_output."""
        return self._listen("backward_pre", hook, prepend)

    def register_backward_hook(self, hook: Callable) -> Handle:
        """The older form: the hook sees the gradients of the last operation in forward only."""
        self._refuse_both("backward", "non-full and full")
        return self._listen("node", hook)

    def _refuse_both(self, other: str, kinds: str) -> None:
        if self._listeners(other):
            raise RuntimeError(f"Cannot use both regular backward hooks and full backward hooks on a single Module "
                               f"({kinds}). Please use only register_full_backward_hook.")


class _HandleOfAll(Handle):
    """While one of these is in place, no module takes the short way."""

    def __init__(self, occasion: str, entry: Any):
        super().__init__(getattr(everywhere, occasion), entry)
        Hookable._hooks = everywhere

    def remove(self) -> None:
        super().remove()
        if not any(vars(everywhere).values()):
            Hookable._hooks = None


def register_module_forward_pre_hook(hook: Callable) -> Handle:
    """`Module.register_forward_pre_hook` for all modules at once."""
    return _HandleOfAll("forward_pre", (hook, False))


def register_module_forward_hook(hook: Callable, *, with_kwargs: bool = False, always_call: bool = False) -> Handle:
    """`Module.register_forward_hook` for all modules at once."""
    return _HandleOfAll("forward", (hook, with_kwargs, always_call))


def register_module_full_backward_hook(hook: Callable) -> Handle:
    """`Module.register_full_backward_hook` for all modules at once."""
    return _HandleOfAll("backward", hook)


def register_module_full_backward_pre_hook(hook: Callable) -> Handle:
    """`Module.register_full_backward_pre_hook` for all modules at once."""
    return _HandleOfAll("backward_pre", hook)


# --- calling a module that has hooks --------------------------------------------------------------------------------


def call(module: Any, args: tuple, kwargs: dict[str, Any]) -> Any:
    """``module(*args, **kwargs)``, hooks and all."""

    def entries(occasion: str) -> list[Any]:
        return [*getattr(everywhere, occasion).values(), *module._listeners(occasion)]

    result, waiting = None, entries("forward")
    try:
        for hook, with_kwargs in entries("forward_pre"):
            if with_kwargs:
                answer = hook(module, args, kwargs)
                if answer is not None:
                    if not (isinstance(answer, tuple) and len(answer) == 2):
                        raise RuntimeError(f"forward pre-hook must return None or a tuple of (new_args, new_kwargs), "
                                           f"but got {answer}.")
                    args, kwargs = answer
            else:
                answer = hook(module, args)
                if answer is not None:
                    args = answer if isinstance(answer, tuple) else (answer,)
        before, after = entries("backward_pre"), entries("backward")
        watch = _Watch(module, before, after) if before or after else None
        if watch is not None:
            args = watch.watch_inputs(args)
        result = module.forward(*args, **kwargs)
        while waiting:
            hook, with_kwargs, _ = waiting.pop(0)
            answer = hook(module, args, kwargs, result) if with_kwargs else hook(module, args, result)
            if answer is not None:
                result = answer
        if watch is not None:
            result = watch.watch_outputs(result)
        _watch_node(module, entries("node"), result)
        return result
    except Exception:
        for hook, with_kwargs, always_call in waiting:
            if always_call:
                try:
                    hook(module, args, kwargs, result) if with_kwargs else hook(module, args, result)
                except Exception as error:
                    warnings.warn("module forward hook with ``always_call=True`` raised an exception that was silenced "
                                  f"as another error was raised in forward: {error}", stacklevel=3)
        raise


class _Watch:
    """Sees the gradients of one call's outputs, and then of its inputs, pass by, and shows them to the hooks."""

    def __init__(self, module: Any, before: list[Callable], after: list[Callable]):
        self.module, self.before, self.after = module, before, after
        self.grad_outputs: tuple | None = None
        self.count = 0
        self.watches_inputs = False

    def watch_inputs(self, args: tuple) -> tuple:
        self.count = len(args)
        args, node, places = _behind_one_node(args)
        if node is not None:
            self.watches_inputs = True
            node.register_hook(lambda grads, _: self._inputs_known(grads, places))
        return args

    def watch_outputs(self, result: Any) -> Any:
        if not isinstance(result, (Tensor, tuple)):
            warnings.warn("For backward hooks to be called, module output should be a Tensor or a tuple of Tensors but "
                          f"received {type(result)}", stacklevel=4)
            return result
        outputs, node, places = _behind_one_node(result if isinstance(result, tuple) else (result,))
        count = len(outputs)  # the node must not hold the outputs, which hold it
        if node is not None:
            node.register_prehook(lambda grads: self._outputs_known(grads, places, count))
        return outputs if isinstance(result, tuple) else outputs[0]

    def _outputs_known(self, grads: tuple, places: list[int], count: int) -> tuple | None:
        full = _spread(grads, places, count)
        for hook in self.before:
            answer = hook(self.module, full)
            if answer is not None:
                full = _as_many("pre hook", "grad_output", answer, full)
        self.grad_outputs = full
        if not self.watches_inputs:  # nothing comes after
            for hook in self.after:
                answer = hook(self.module, (None,) * self.count, full)
                if answer is not None and any(a is not None for a in answer):
                    raise RuntimeError("Backward hook for Modules where no input requires gradient should always "
                                       "return None or None for all gradients.")
            self.grad_outputs = None
        return tuple(full[i] for i in places)

    def _inputs_known(self, grads: tuple, places: list[int]) -> tuple | None:
        if self.grad_outputs is None:  # the gradient reached the inputs without passing through the outputs
            return None
        full = _spread(grads, places, self.count)
        for hook in self.after:
            answer = hook(self.module, full, self.grad_outputs)
            if answer is not None:
                full = _as_many("hook", "grad_input", answer, full)
        self.grad_outputs = None
        return tuple(full[i] for i in places)


def _spread(grads: tuple, places: list[int], count: int) -> tuple:
    full: list[Any] = [None] * count
    for i, grad in zip(places, grads, strict=True):
        full[i] = grad
    return tuple(full)


def _as_many(kind: str, what: str, answer: Any, expected: tuple) -> tuple:
    answer = (answer,) if isinstance(answer, Tensor) else tuple(answer)
    if len(answer) != len(expected):
        raise RuntimeError(f"Backward {kind} returned an invalid number of {what}, got {len(answer)}, but expected "
                           f"{len(expected)}")
    return answer


class _Pass:
    """The rule of a node that changes nothing: it is there to be watched."""

    name, single, holds = "BackwardHookFunctionBackward", None, False

    @staticmethod
    def apply(node: Node, g: Any, create_graph: bool) -> list[Any]:
        return list(g)


def _behind_one_node(values: tuple) -> tuple[tuple, Node | None, list[int]]:
    """`values` with the tensors among them that require grad behind one new node; the node; where they are."""
    places = [i for i, v in enumerate(values) if isinstance(v, Tensor) and v.requires_grad] if mode.enabled else []
    if not places:
        return values, None, places
    tensors = [values[i] for i in places]
    node = Node()
    node.rule, node.edges, node.saved, node.guards = _Pass, tuple(edge_of(t) for t in tensors), (), ()
    node.outputs = tuple((t._array.shape, t._array.dtype, type(t._array)) for t in tensors)
    node.number = next_number()
    replaced = list(values)
    for k, (i, tensor) in enumerate(zip(places, tensors, strict=True)):
        replaced[i] = twin = wrap(tensor._array)
        twin._edge, twin._counter = Output(node, k), counter(tensor)
    return tuple(replaced), node, places


def _watch_node(module: Any, hooks: list[Callable], result: Any) -> None:
    """The older backward hooks hang on the node that made the (first) output."""
    if not hooks:
        return
    while not isinstance(result, Tensor):
        result = next(iter(result.values())) if isinstance(result, dict) else result[0]
    node = result.grad_fn
    if node is not None:
        for hook in hooks:
            node.register_hook(lambda grads, outputs, hook=hook: hook(module, grads, outputs))
