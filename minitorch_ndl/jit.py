"""`torch.jit` for scripts that ask for compiled functions: they get the functions as they are.

>>> @ndl.jit.script
... def double(x):
...     return x * 2
>>> double(3)
6
"""

from __future__ import annotations

from typing import Any, Final as Final

from .nn.module import Module

ScriptModule = Module  # what `script` returns for a module


def script(obj: Any, optimize: Any = None, example_inputs: Any = None, **options: Any) -> Any:
    """Returns the function or module that it is given."""
    return obj


def trace(func: Any, example_inputs: Any = None, **options: Any) -> Any:
    """Returns the function or module that it is given."""
    return func


def freeze(mod: Any, *args: Any, **options: Any) -> Any:
    """Returns the module that it is given."""
    return mod


def optimize_for_inference(mod: Any, *args: Any) -> Any:
    """Returns the module that it is given."""
    return mod


def ignore(drop: Any = False, **options: Any) -> Any:
    """Returns the function that it decorates."""
    return drop if callable(drop) else lambda function: function


def export(fn: Any) -> Any:
    """Returns the function that it decorates."""
    return fn


unused = script_method = interface = export


def annotate(the_type: Any, the_value: Any) -> Any:
    """Returns the value."""
    return the_value


def is_scripting() -> bool:
    """Whether this runs inside compiled code: never."""
    return False


is_tracing = is_scripting
