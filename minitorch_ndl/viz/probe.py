"""Run a model to look at it, and leave it as it was."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from .. import backend
from ..dispatch import OPS
from ..nn.lazy import LazyModuleMixin
from ..nn.module import Module
from ..random import get_rng_state, set_rng_state
from ..tensor import Tensor


def check_model(model: Any, what: str) -> None:
    """Raise TypeError unless `model` is a Module."""
    if not isinstance(model, Module):
        hint = " Give it the model itself, not its class." if isinstance(model, type) else ""
        raise TypeError(f"{what}: argument 'model' must be an nn.Module; got {type(model).__name__}.{hint}")


class Calls:
    """Inside, knows which module of `models` (pairs of a path and a module) each thread is in: `current()`.

    entered, left  called as ``entered(module)`` and ``left(module, args, kwargs, output, alone)`` around each call;
                   `alone`: it called no other module meanwhile
    """

    def __init__(self, models: Iterable[tuple[str, Module]], left: Callable | None = None):
        self.paths: dict[Module, str] = {}
        for prefix, model in models:
            for path, module in model.named_modules(prefix=prefix):
                self.paths.setdefault(module, path)
        self._left, self._local = left, threading.local()

    def current(self) -> Module | None:
        """The innermost module that this thread is in, or None."""
        stack = self._stack()
        return stack[-1][0] if stack else None

    def _stack(self) -> list:
        stack = getattr(self._local, "stack", None)
        if stack is None:
            stack = self._local.stack = []
        return stack

    def __enter__(self) -> Calls:
        self._fresh = [m for m in self.paths if "_hooks" not in m.__dict__]
        self._handles = [handle for m in self.paths for handle in (
            m.register_forward_pre_hook(self._enter, prepend=True),
            m.register_forward_hook(self._leave, with_kwargs=True, always_call=True))]
        return self

    def __exit__(self, *exc: object) -> None:
        for handle in self._handles:
            handle.remove()
        for module in self._fresh:  # back to the short way of calling it, unless somebody else has put hooks there
            hooks = module.__dict__.get("_hooks")
            if hooks is not None and not any(vars(hooks).values()):
                del module.__dict__["_hooks"]

    def _enter(self, module: Module, args: tuple) -> None:
        stack = self._stack()
        if stack:
            stack[-1][1] = False
        stack.append([module, True])

    def _leave(self, module: Module, args: tuple, kwargs: dict[str, Any], output: Any) -> None:
        stack, alone = self._stack(), True
        while stack:
            last, alone = stack.pop()
            if last is module:
                break
        if self._left is not None:
            self._left(module, args, kwargs, output, alone)


@contextmanager
def unchanged(model: Module) -> Iterator[None]:
    """Puts back what running the model changes: modes, attributes, buffers and their values, random numbers.

    (Lazy layers keep the shapes that they found out.)
    """
    own = [(m, type(m), dict(m.__dict__), dict(m._buffers)) for m in model.modules()]
    kept = [(b, b._array, b._array.copy(), b._version) for m, _, _, buffers in own if not isinstance(m, LazyModuleMixin)
            for b in buffers.values() if b is not None]
    state = get_rng_state()
    try:
        yield
    finally:
        set_rng_state(state)
        for module, kind, attributes, buffers in own:
            if type(module) is kind and not isinstance(module, LazyModuleMixin):
                module.__dict__.clear()
                module.__dict__.update(attributes)
                module._buffers.clear()
                module._buffers.update(buffers)
            else:
                module.__dict__["training"] = attributes["training"]
        for buffer, array, values, version in kept:
            if buffer._array.shape == values.shape:
                buffer._array = array
                array[...] = values
                if buffer._counter is not None:
                    buffer._counter[0] = version


@contextmanager
def hearing(listeners: dict[str, Callable]) -> Iterator[None]:
    """Inside, ``listeners[name](arguments, result)``, on arrays, is called after each run of the operation `name` by this
    thread. What an operation calls within itself is not told."""
    me, busy = threading.get_ident(), [False]

    def heard(kernel: Callable, listener: Callable) -> Callable:
        def run(*args: Any, **kwargs: Any) -> Any:
            if busy[0] or threading.get_ident() != me:
                return kernel(*args, **kwargs)
            busy[0] = True
            try:
                result = kernel(*args, **kwargs)
            finally:
                busy[0] = False
            listener(args, result)
            return result

        return run

    with ExitStack() as undo:
        for name, listener in listeners.items():
            kernels = OPS[name].kernels
            for kind in backend.TYPES:
                kernel = kernels[kind]
                kernels[kind] = heard(kernel, listener)
                undo.callback(kernels.__setitem__, kind, kernel)
        yield


def tensors_in(value: Any, depth: int = 6) -> list[Tensor]:
    """The tensors in a result: in tuples, lists, dicts, and objects that hold such."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    elif not isinstance(value, (tuple, list)):
        value = list(vars(value).values()) if hasattr(value, "__dict__") and not isinstance(value, (Module, type)) else []
    return [t for v in value for t in tensors_in(v, depth - 1)] if depth else []
