"""The .safetensors format, through the library of that name: names, tensors, and no code.

The functions are those of ``safetensors.torch``. https://huggingface.co/docs/safetensors
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from .. import backend, errors
from ..tensor import Tensor, wrap
from .files import replacing


def _library() -> Any:
    try:
        import safetensors.numpy  # binds safetensors as well
    except ImportError:
        raise errors.not_installed("safetensors: this", "safetensors", "safetensors") from None
    return safetensors


def save(tensors: dict[str, Tensor], metadata: dict[str, str] | None = None) -> bytes:
    """The file's bytes. Tensors that share memory are written one by one."""
    if not isinstance(tensors, dict) or not all(isinstance(x, Tensor) for x in tensors.values()):
        wrong = {k: type(x).__name__ for k, x in tensors.items() if not isinstance(x, Tensor)} \
            if isinstance(tensors, dict) else type(tensors).__name__
        raise ValueError(f"safetensors: expected a dict of tensors, such as a state dict; got {wrong}. Other values go "
                         f"into a .pt file.")
    arrays = {name: np.array(backend.to_numpy(x._array), order="C", copy=None) for name, x in tensors.items()}
    return _library().numpy.save(arrays, metadata=metadata)


def save_file(tensors: dict[str, Tensor], filename: Any, metadata: dict[str, str] | None = None) -> None:
    """Write a dict of tensors to a file, which is replaced in one step."""
    content = save(tensors, metadata)
    with replacing(filename) as file:
        file.write(content)


def load(data: bytes) -> dict[str, Tensor]:
    """The tensors in the bytes of a file. Raises RuntimeError for what is damaged, or of a dtype that we don't have."""
    library = _library()
    try:
        arrays = library.numpy.load(data)
    except (ValueError, TypeError, KeyError, ImportError, AttributeError, library.SafetensorError) as error:
        reason = error.args[0] if error.args else error
        raise RuntimeError(f"safetensors: these bytes are damaged, or hold a dtype that NumPy has not (bfloat16?): "
                           f"{reason}") from None
    return {name: wrap(np.array(array)) for name, array in arrays.items()}


def load_file(filename: Any, device: Any = "cpu") -> dict[str, Tensor]:
    """Read a dict of tensors from a file, onto `device`."""
    with open(os.fspath(filename), "rb") as file:
        tensors = load(file.read())
    return {name: x.to(device) for name, x in tensors.items()}


__all__ = ["load", "load_file", "save", "save_file"]
