"""Runs a PyTorch script in this process, with this package as torch."""

from __future__ import annotations

import io
import os
import runpy
import sys
import types
from pathlib import Path
from typing import Any

from .. import version
from .finder import PACKAGE, explain, install


def run(script: str, arguments: list[str], module: bool = False) -> int:
    """Run a script, or with `module` a module, as ``python`` would. Returns its exit status."""
    install()
    package: Any = sys.modules[PACKAGE]
    # Scripts ask torch's version to know what it can do.
    package.__version__ = version.__dict__["__version__"] = f"{version.API}+{PACKAGE}.{package.__version__}"
    sys.argv = [script, *arguments]
    try:
        if module:
            runpy.run_module(script, run_name="__main__", alter_sys=True)
        else:
            _run_file(Path(script))
    except Exception as error:
        explain(error)
        step = error.__traceback__
        while step is not None and step.tb_frame.f_globals.get("__name__") == __name__:
            step = step.tb_next  # the frames of this file tell nothing
        sys.excepthook(type(error), error.with_traceback(step), step)
        return 1
    return 0


def _run_file(path: Path) -> None:
    sys.path[0] = str(path.resolve().parent)
    with io.open_code(os.fspath(path.resolve())) as file:
        code = compile(file.read(), os.fspath(path), "exec")
    main = types.ModuleType("__main__")
    main.__file__ = os.fspath(path)
    main.__dict__["__builtins__"] = __builtins__
    sys.modules["__main__"] = main
    exec(code, main.__dict__)
