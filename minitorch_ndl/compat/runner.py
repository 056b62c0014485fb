"""Runs a PyTorch script in this process, with this package as torch."""

from __future__ import annotations

import io
import os
import runpy
import sys
import types
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

from .finder import PACKAGE, explain, install


def run(script: str, arguments: list[str], module: bool = False) -> int:
    """Run a script, or with `module` a module, as ``python`` would. Returns its exit status."""
    install()
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


SCRIPT = "MINITORCH_NDL_SCRIPT"  # the environment variable that tells processes which script to run


def compiled(path: str) -> Any:
    """The script's code."""
    with io.open_code(path) as file:
        return compile(file.read(), path, "exec")


def _run_file(path: Path) -> None:
    sys.path[0] = str(path.resolve().parent)
    home = str(Path(__file__).resolve().parents[2])
    if home not in sys.path:  # it was found in the folder that python was started in
        sys.path.append(home)
    main = types.ModuleType("__main__")
    main.__file__ = os.fspath(path)
    main.__spec__ = ModuleSpec(f"{PACKAGE}.compat.child", None)
    main.__dict__["__builtins__"] = __builtins__
    sys.modules["__main__"] = main
    os.environ[SCRIPT] = str(path.resolve())
    exec(compiled(main.__file__), main.__dict__)
