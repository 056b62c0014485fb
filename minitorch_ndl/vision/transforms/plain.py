"""Transforms without chance, as objects."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from ...nn import Module
from ...tensor import Tensor
from . import functional as F
from .geometry import InterpolationMode, interpolation_mode, pair

__all__ = [
    "CenterCrop", "Compose", "ConvertImageDtype", "FiveCrop", "Grayscale", "Lambda", "LinearTransformation",
    "Normalize", "PILToTensor", "Pad", "Resize", "TenCrop", "ToPILImage", "ToTensor"]


# --- putting transforms together --------------------------------------------------------------------------------------


class Compose:
    """One transform after the other."""

    def __init__(self, transforms: Sequence[Callable]):
        self.transforms = transforms

    def __call__(self, img: Any) -> Any:
        for transform in self.transforms:
            img = transform(img)
        return img

    def __repr__(self) -> str:
        return "\n".join([f"{type(self).__name__}(", *(f"    {t}" for t in self.transforms), ")"])


class Lambda:
    """Any function as a transform."""

    def __init__(self, lambd: Callable):
        if not callable(lambd):
            raise TypeError(f"Argument lambd should be callable, got {type(lambd).__name__!r}")
        self.lambd = lambd

    def __call__(self, img: Any) -> Any:
        return self.lambd(img)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


# --- from one kind of image to another --------------------------------------------------------------------------------


class ToTensor:
    """An image as a tensor (C, H, W); 0 to 255 becomes 0.0 to 1.0."""

    def __call__(self, pic: Any) -> Tensor:
        return F.to_tensor(pic)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class PILToTensor(ToTensor):
    """Pillow's image as a tensor (C, H, W) of the same numbers."""

    def __call__(self, pic: Any) -> Tensor:
        return F.pil_to_tensor(pic)


class ToPILImage:
    """A tensor (C, H, W) or an array (H, W, C) as Pillow's image."""

    def __init__(self, mode: str | None = None):
        self.mode = mode

    def __call__(self, pic: Any) -> Any:
        return F.to_pil_image(pic, self.mode)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({'' if self.mode is None else f'mode={self.mode}'})"


# --- tensors ----------------------------------------------------------------------------------------------------------


class _Shown(Module):
    """A transform that prints as its name and the attributes listed in `_shows`."""

    _shows: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={_text(getattr(self, name))}' for name in self._shows)})"


def _text(value: Any) -> Any:
    return value.value if isinstance(value, InterpolationMode) else value


class ConvertImageDtype(Module):
    """The tensor in another dtype, its values scaled to that one's range."""

    def __init__(self, dtype: Any):
        super().__init__()
        self.dtype = dtype

    def forward(self, image: Tensor) -> Tensor:
        return F.convert_image_dtype(image, self.dtype)


class Normalize(_Shown):
    """``(image - mean) / std`` channel by channel."""

    _shows = ("mean", "std")

    def __init__(self, mean: Any, std: Any, inplace: bool = False):
        super().__init__()
        self.mean, self.std, self.inplace = mean, std, inplace

    def forward(self, tensor: Tensor) -> Tensor:
        return F.normalize(tensor, self.mean, self.std, self.inplace)


class LinearTransformation(Module):
    """``(flattened image - mean_vector) @ transformation_matrix``, such as whitening."""

    def __init__(self, transformation_matrix: Tensor, mean_vector: Tensor):
        super().__init__()
        size = transformation_matrix.size(0)
        if transformation_matrix.size(1) != size:
            raise ValueError(f"transformation_matrix should be square. Got {tuple(transformation_matrix.size())}")
        if mean_vector.size(0) != size:
            raise ValueError(f"mean_vector should have the same length {mean_vector.size(0)} as any one of the dimensions "
                             f"of the transformation_matrix [{tuple(transformation_matrix.size())}]")
        self.transformation_matrix, self.mean_vector = transformation_matrix, mean_vector

    def forward(self, tensor: Tensor) -> Tensor:
        size = self.mean_vector.size(0)
        if math.prod(tensor.shape[-3:]) != size:
            raise ValueError("Input tensor and transformation matrix have incompatible shape."
                             f"{tuple(tensor.shape[-3:])} != {size}")
        return ((tensor.reshape(-1, size) - self.mean_vector) @ self.transformation_matrix).view(tensor.shape)

    def __repr__(self) -> str:
        return (f"{type(self).__name__}(transformation_matrix={self.transformation_matrix.tolist()}, "
                f"mean_vector={self.mean_vector.tolist()})")


# --- cutting, padding, sizes ------------------------------------------------------------------------------------------


class Resize(_Shown):
    """The image in another size: (height, width), or one number for the shorter side."""

    _shows = ("size", "interpolation", "max_size", "antialias")

    def __init__(self, size: Any, interpolation: Any = InterpolationMode.BILINEAR, max_size: int | None = None,
                 antialias: bool | None = True):
        super().__init__()
        if not isinstance(size, (int, Sequence)):
            raise TypeError(f"Size should be int or sequence. Got {type(size)}")
        if isinstance(size, Sequence) and len(size) not in (1, 2):
            raise ValueError("If size is a sequence, it should have 1 or 2 values")
        self.size, self.max_size, self.antialias = size, max_size, antialias
        self.interpolation = interpolation_mode(interpolation)

    def forward(self, img: Any) -> Any:
        return F.resize(img, self.size, self.interpolation, self.max_size, self.antialias)


class CenterCrop(_Shown):
    """The middle of the image."""

    _shows = ("size",)
    _cut: Callable = staticmethod(F.center_crop)

    def __init__(self, size: Any):
        super().__init__()
        self.size = pair(size)

    def forward(self, img: Any) -> Any:
        return self._cut(img, self.size)


class FiveCrop(CenterCrop):
    """The four corners and the middle."""

    _cut = staticmethod(F.five_crop)


class TenCrop(_Shown):
    """Those five, and those of the flipped image."""

    _shows = ("size", "vertical_flip")

    def __init__(self, size: Any, vertical_flip: bool = False):
        super().__init__()
        self.size, self.vertical_flip = pair(size), vertical_flip

    def forward(self, img: Any) -> Any:
        return F.ten_crop(img, self.size, self.vertical_flip)


class Pad(_Shown):
    """The image with a border."""

    _shows = ("padding", "fill", "padding_mode")

    def __init__(self, padding: Any, fill: Any = 0, padding_mode: str = "constant"):
        super().__init__()
        if not isinstance(padding, (int, tuple, list)):
            raise TypeError("Got inappropriate padding arg")
        if not isinstance(padding, int) and len(padding) not in (1, 2, 4):
            raise ValueError(f"Padding must be an int or a 1, 2, or 4 element tuple, not a {len(padding)} element tuple")
        if padding_mode not in ("constant", "edge", "reflect", "symmetric"):
            raise ValueError("Padding mode should be either constant, edge, reflect or symmetric")
        self.padding, self.fill, self.padding_mode = padding, fill, padding_mode

    def forward(self, img: Any) -> Any:
        return F.pad(img, self.padding, self.fill, self.padding_mode)


class Grayscale(_Shown):
    """Without colours, in one channel or in three equal ones."""

    _shows = ("num_output_channels",)

    def __init__(self, num_output_channels: int = 1):
        super().__init__()
        self.num_output_channels = num_output_channels

    def forward(self, img: Any) -> Any:
        return F.rgb_to_grayscale(img, self.num_output_channels)
