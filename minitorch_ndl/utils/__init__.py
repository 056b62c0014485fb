"""Helpers around training: `utils.data`, `utils.checkpoint`, `utils.tensorboard`. Each is loaded when it is first asked for."""

import importlib as _importlib
from typing import TYPE_CHECKING as _TYPE_CHECKING, Any as _Any

if _TYPE_CHECKING:
    from . import checkpoint as checkpoint, data as data, tensorboard as tensorboard


def __getattr__(name: str) -> _Any:
    if name not in ("checkpoint", "data", "tensorboard"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _importlib.import_module(f"{__name__}.{name}")


def __dir__() -> list[str]:
    return sorted({*globals(), "checkpoint", "data", "tensorboard"})
