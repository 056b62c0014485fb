# Made by scripts/make_stubs.py from the operations' own definitions. Do not edit.
from collections.abc import Callable, Sequence
from typing import Any

from .tensor import Tensor

Number = bool | int | float

def multi_dot(tensors: Any, **kwargs: Any) -> Any: ...
