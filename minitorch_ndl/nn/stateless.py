"""Modules without parameters: a function of `nn.functional`, and the settings to call it with."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from . import functional
from .module import Module


class Stateless(Module):
    """Base class of modules that call a function with their settings.

        class LeakyReLU(Stateless, calls="leaky_relu"):
            negative_slope: float = 0.01
            inplace: bool = False

    The annotations are the constructor's parameters. Forward is ``functional.leaky_relu(input, *settings)``.
    """

    _settings: tuple[str, ...] = ()

    def __init_subclass__(cls, calls: str | None = None, **options: Any) -> None:
        super().__init_subclass__(**options)
        if calls is None:  # somebody's subclass of ReLU, say, which does what it wants
            return
        cls._settings = tuple(cls.__annotations__)
        cls.__init__ = _constructor(cls)  # type: ignore[method-assign]
        if "forward" not in cls.__dict__:
            cls.forward = cls._make_forward(calls)  # type: ignore[method-assign]

    @classmethod
    def _make_forward(cls, calls: str) -> Callable:
        settings = cls._settings

        def forward(self: Any, input: Any) -> Any:
            return getattr(functional, calls)(input, *[getattr(self, name) for name in settings])

        return forward

    def _set(self, settings: dict[str, Any]) -> None:
        for name, value in settings.items():
            setattr(self, name, value)

    def extra_repr(self) -> str:
        shown = [(name, getattr(self, name)) for name in self._settings]
        return ", ".join(f"{n}={v!r}" for n, v in shown if n != "inplace" or v)


def _constructor(cls: type) -> Callable:
    kind, nothing = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.empty
    parameters = [inspect.Parameter(name, kind, default=cls.__dict__.get(name, nothing), annotation=hint)
                  for name, hint in cls.__annotations__.items()]
    for parameter in parameters:
        if parameter.default is not nothing:
            delattr(cls, parameter.name)  # it would hide a buffer of that name
    signature = inspect.Signature(parameters)

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        Module.__init__(self)
        try:
            given = signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{cls.__name__}{signature}: {error}") from None
        given.apply_defaults()
        self._set(given.arguments)

    __init__.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[inspect.Parameter("self", kind), *parameters])
    return __init__
