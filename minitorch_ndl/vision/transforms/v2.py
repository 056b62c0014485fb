"""The newer names of the transforms. https://pytorch.org/vision/stable/transforms.html#v2-api-reference-recommended

Images only: boxes, masks and videos are not among what they take.
"""

from __future__ import annotations

from typing import Any

from ...nn import Module
from ...tensor import Tensor
from ..images import is_pil, to_array, to_tensor_image
from . import functional as functional
from .transforms import *  # noqa: F403
from .transforms import __all__ as _older


class ToImage(Module):
    """An image as a tensor (C, H, W) of the same numbers."""

    def forward(self, img: Any) -> Tensor:
        return img if isinstance(img, Tensor) else to_tensor_image(to_array(img) if is_pil(img) else img.copy())


class ToDtype(Module):
    """The tensor in another dtype; with `scale`, its values scaled to that one's range."""

    def __init__(self, dtype: Any, scale: bool = False):
        super().__init__()
        self.dtype, self.scale = dtype, scale

    def forward(self, img: Tensor) -> Tensor:
        return functional.convert_image_dtype(img, self.dtype) if self.scale else img.to(self.dtype)


class ToPureTensor(Module):
    """The tensor itself: there are no other kinds here."""

    def forward(self, img: Any) -> Any:
        return img


class Identity(ToPureTensor):
    """The image itself."""


class RGB(Module):
    """Grey images in three equal channels; others as they are."""

    def forward(self, img: Any) -> Any:
        return functional.rgb_to_grayscale(img, 3) if functional.get_image_num_channels(img) == 1 else img


__all__ = [*_older, "Identity", "RGB", "ToDtype", "ToImage", "ToPureTensor"]
