"""Whether operations are recorded: `no_grad`, `enable_grad`, `set_grad_enabled`, `inference_mode`.

The mode belongs to the thread. Each of these is a context manager and a decorator.
https://pytorch.org/docs/stable/generated/torch.no_grad.html
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any


class _Mode(threading.local):
    enabled = True  # class attributes: every thread starts with these
    inference = False


mode = _Mode()


def is_grad_enabled() -> bool:
    """Whether operations are being recorded in this thread."""
    return mode.enabled


def is_inference_mode_enabled() -> bool:
    """Whether this thread is inside `inference_mode`."""
    return mode.inference


class _Switch:
    """Sets the mode for a ``with`` block or for a decorated function, and puts the former one back."""

    def __init__(self, enabled: bool, inference: bool | None = None):
        self._enabled, self._inference = enabled, inference
        self._before: list[tuple[bool, bool]] = []  # a list, so that one object can be entered again inside itself

    def __enter__(self) -> None:
        self._before.append((mode.enabled, mode.inference))
        mode.enabled = self._enabled
        if self._inference is not None:
            mode.inference = self._inference

    def __exit__(self, *exc: object) -> None:
        mode.enabled, mode.inference = self._before.pop()

    def __call__(self, function: Callable) -> Callable:
        if isinstance(function, type):
            raise TypeError(f"{type(self).__name__}: a class was decorated ({function.__name__}); "
                            f"decorate its methods instead.")
        # The flags are looked up here, not by their generators, so that recursion and threads each get their own.
        code = getattr(function, "__code__", None)
        if code is not None and code.co_flags & 0x20:  # a generator function: the mode holds only while it runs

            @functools.wraps(function)
            def generator(*args: Any, **kwargs: Any) -> Any:
                steps = function(*args, **kwargs)
                send: Callable = lambda _: next(steps)
                value: Any = None
                while True:
                    try:
                        with _Switch(self._enabled, self._inference):
                            item = send(value)
                    except StopIteration as stop:
                        return stop.value
                    try:
                        value, send = (yield item), steps.send
                    except GeneratorExit:
                        with _Switch(self._enabled, self._inference):
                            steps.close()
                        raise
                    except BaseException as error:
                        value, send = error, steps.throw

            return generator

        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with _Switch(self._enabled, self._inference):
                return function(*args, **kwargs)

        return wrapped


class _BareDecorator(_Switch):
    """Lets ``@no_grad`` stand without parentheses."""

    def __new__(cls, function: Callable | None = None) -> Any:
        switch = super().__new__(cls)
        if function is None:
            return switch
        switch.__init__()  # type: ignore[misc]
        return switch(function)


class no_grad(_BareDecorator):
    """Nothing is recorded inside: results do not require grad.

    >>> x = ndl.ones(2, requires_grad=True)
    >>> with ndl.no_grad():
    ...     (x * 2).requires_grad
    False
    """

    def __init__(self, function: Callable | None = None):
        super().__init__(False)


class enable_grad(_BareDecorator):
    """Records again, inside a `no_grad` block.

    >>> x = ndl.ones(2, requires_grad=True)
    >>> with ndl.no_grad(), ndl.enable_grad():
    ...     (x * 2).requires_grad
    True
    """

    def __init__(self, function: Callable | None = None):
        super().__init__(True)


class set_grad_enabled(_Switch):
    """Switches recording by a flag: at once when called, and for the block when used with ``with``.

    >>> with ndl.set_grad_enabled(False):
    ...     ndl.is_grad_enabled()
    False
    """

    def __init__(self, mode: bool):
        super().__init__(bool(mode))
        self._called = globals()["mode"].enabled  # the argument has torch's name, which hides the module's `mode`
        globals()["mode"].enabled = bool(mode)

    def __enter__(self) -> None:
        mode.enabled = self._called  # what __exit__ goes back to is the mode from before the call
        super().__enter__()

    def __call__(self, function: Callable) -> Callable:
        mode.enabled = self._called
        return super().__call__(function)


class inference_mode(_Switch):
    """As `no_grad`, for code that will never need gradients. ``inference_mode(False)`` turns it off inside itself.

    >>> with ndl.inference_mode():
    ...     (ndl.ones(2, requires_grad=True) * 2).requires_grad
    False
    """

    def __new__(cls, mode: Any = True) -> Any:
        switch = super().__new__(cls)
        if not callable(mode):
            return switch
        switch.__init__()  # type: ignore[misc]
        return switch(mode)

    def __init__(self, mode: bool = True):
        super().__init__(not mode, bool(mode))


class Anomaly:
    """Whether operations are looked at one by one: all of them take the general path then, which says so. Either NaNs in
    gradients are being looked for, see `detect_anomaly`, or somebody follows the graph, see `watch_nodes`. One flag for all
    threads, as in torch."""

    enabled = False  # either of the two
    tracing = False  # looking for NaNs, and noting the lines that recorded operations
    check_nan = True
    watchers: tuple[Any, ...] = ()

    @staticmethod
    def switch(tracing: bool, watchers: tuple[Any, ...]) -> None:
        Anomaly.tracing, Anomaly.watchers, Anomaly.enabled = tracing, watchers, tracing or bool(watchers)


class set_detect_anomaly:
    """Switches the search for NaNs in gradients by a flag; also usable with ``with``."""

    def __init__(self, mode: bool, check_nan: bool = True):
        self._before = Anomaly.tracing, Anomaly.check_nan
        Anomaly.check_nan = check_nan
        Anomaly.switch(bool(mode), Anomaly.watchers)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exc: object) -> None:
        tracing, Anomaly.check_nan = self._before
        Anomaly.switch(tracing, Anomaly.watchers)


class detect_anomaly(set_detect_anomaly):
    """Backward names the operation, and the line that called it, whose gradient is NaN. Slow: for debugging.

    >>> x = ndl.tensor([0.0], requires_grad=True)
    >>> with ndl.autograd.detect_anomaly():  # doctest: +IGNORE_EXCEPTION_DETAIL
    ...     (ndl.sqrt(x) * 0).sum().backward()
    Traceback (most recent call last):
    RuntimeError: Function 'SqrtBackward' returned nan values in its 0th output.
    """

    def __init__(self, check_nan: bool = True):
        super().__init__(True, check_nan)


def is_anomaly_enabled() -> bool:
    """Whether `detect_anomaly` is on."""
    return Anomaly.tracing


class watch_nodes:
    """Inside, `watcher.made(node)` is called for each operation that is recorded, and `watcher.ran(node)` for each that
    backward has gone through, just before it drops what it saved. Costs nothing while nobody watches."""

    def __init__(self, watcher: Any):
        self._watcher = watcher

    def __enter__(self) -> None:
        Anomaly.switch(Anomaly.tracing, (*Anomaly.watchers, self._watcher))

    def __exit__(self, *exc: object) -> None:
        Anomaly.switch(Anomaly.tracing, tuple(w for w in Anomaly.watchers if w is not self._watcher))
