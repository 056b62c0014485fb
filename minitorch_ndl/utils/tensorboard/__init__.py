"""Logs that TensorBoard shows: scalars, histograms, images, graphs. https://pytorch.org/docs/stable/tensorboard.html

    from minitorch_ndl.utils.tensorboard import SummaryWriter

    with SummaryWriter("runs/first") as writer:
        for step in range(100):
            writer.add_scalar("loss", loss, step)

and then ``tensorboard --logdir runs``. Needs the package tensorboard (the extra of that name).
"""

import importlib as _importlib
import sys as _sys
from typing import TYPE_CHECKING as _TYPE_CHECKING, Any as _Any

from . import library as _library

if _TYPE_CHECKING:
    from .writer import FileWriter as FileWriter, SummaryWriter as SummaryWriter

__all__ = ["FileWriter", "RecordWriter", "SummaryWriter"]


def __getattr__(name: str) -> _Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name, obj=_sys.modules[__name__])
    found = _library.RecordWriter  # a script that can do without tensorboard expects an ImportError here, not later
    if name != "RecordWriter":
        found = getattr(_importlib.import_module(f"{__name__}.writer"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
