"""See what a network does: its graph, the memory that it holds, its layers, its gradients, its training.

Each part is loaded when it is first used.
"""

import importlib as _importlib
import sys as _sys
from typing import Any as _Any

# Public name -> the module here that has it. A module must not have a public name itself: it would hide the function.
_HOMES: dict[str, str] = {}
_HOMES |= {"graph": "picture", "recording": "grouping"}
_HOMES |= {"TrainingReport": "report"}
_HOMES |= {"health": "condition", "memory": "held", "summary": "overview"}


def __getattr__(name: str) -> _Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name, obj=_sys.modules[__name__])
    value = globals()[name] = getattr(_importlib.import_module(f"{__name__}.{home}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
