"""The three kinds of image: Pillow's, tensors (..., C, H, W), and arrays (H, W) or (H, W, C)."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import errors
from ..tensor import Tensor, wrap


def pillow(name: str) -> Any:
    """A module of Pillow's, such as "Image". Raises ImportError, saying what to install."""
    import importlib

    try:
        return importlib.import_module(f"PIL.{name}")
    except ImportError:
        raise errors.not_installed("torchvision: this", "pillow", "vision") from None


def is_pil(image: Any) -> bool:
    """Whether `image` is Pillow's; without importing it."""
    module = sys.modules.get("PIL.Image")
    return module is not None and isinstance(image, module.Image)


def from_array(array: np.ndarray, mode: str) -> Any:
    """Pillow's image of an array (H, W) or (H, W, C) that lies as `mode` has it."""
    height, width = array.shape[:2]
    return pillow("Image").frombytes(mode, (width, height), np.ascontiguousarray(array).tobytes())


def as_image(array: np.ndarray, mode: str) -> Any:
    """What data sets give: Pillow's image, or the array itself where Pillow is not installed."""
    try:
        pillow("Image")
    except ImportError:
        return array
    return from_array(array, mode)


# How Pillow's modes with more than 8 bits lie in memory.
_WIDE = {"I": np.int32, "I;16": np.int16, "I;16B": np.int16, "F": np.float32}


def to_array(image: Any) -> np.ndarray:
    """A copy of Pillow's image as an array (H, W) or (H, W, C)."""
    array = np.array(image, _WIDE.get(image.mode, np.uint8))
    return array * np.uint8(255) if image.mode == "1" else array


def to_tensor_image(array: np.ndarray) -> Tensor:
    """An array (H, W) or (H, W, C) as a tensor (C, H, W)."""
    return wrap(np.ascontiguousarray((array[:, :, None] if array.ndim == 2 else array).transpose(2, 0, 1)))


def on_tensor(function: Callable[[Tensor], Tensor], image: Any) -> Any:
    """``function(image)`` for a tensor; for an array, the same on a tensor made of it, and back to an array."""
    if isinstance(image, Tensor):
        if image.ndim < 2:
            raise TypeError(f"Tensor is not a torch image: it has shape {tuple(image.shape)}, expected (..., H, W).")
        return function(image)
    if isinstance(image, np.ndarray) and image.ndim in (2, 3):
        out = function(to_tensor_image(image)).numpy().transpose(1, 2, 0)
        return np.ascontiguousarray(out[:, :, 0] if image.ndim == 2 and out.shape[2] == 1 else out)
    raise TypeError(f"img should be a PIL Image, a Tensor (..., C, H, W), or an array (H, W) or (H, W, C). Got {type(image)}")


def get_image_backend() -> str:
    """Which package loads images: Pillow."""
    return "PIL"


def set_image_backend(backend: str) -> None:
    """Raises ValueError for any but "PIL"."""
    if backend != "PIL":
        raise ValueError(f"Invalid backend '{backend}'. Options are 'PIL' only.")
