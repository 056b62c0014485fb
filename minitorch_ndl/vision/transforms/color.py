"""Colours: brightness, contrast, saturation, hue, gamma and so on, as functions."""

from __future__ import annotations

from typing import Any

import minitorch_ndl as ndl

from ...tensor import Tensor
from ..images import is_pil, on_tensor, pillow
from .geometry import _max_value, convert_image_dtype


def _colours(x: Tensor, allowed: tuple = (1, 3)) -> Tensor:
    if x.ndim < 3 or x.shape[-3] not in allowed:
        raise TypeError(f"Input image tensor permitted channel values are {list(allowed)}, but found an image of shape "
                        f"{tuple(x.shape)}")
    return x


def _blend(a: Tensor, b: Any, ratio: float) -> Tensor:
    return (ratio * a + (1.0 - ratio) * b).clamp(0, _max_value(a.dtype)).to(a.dtype)


def _check_factor(name: str, factor: float) -> None:
    if factor < 0:
        raise ValueError(f"{name} ({factor}) is not non-negative.")


def _grey(x: Tensor) -> Tensor:
    r, g, b = x.unbind(-3)
    return (0.2989 * r + 0.587 * g + 0.114 * b).to(x.dtype).unsqueeze(-3)


def rgb_to_grayscale(img: Any, num_output_channels: int = 1) -> Any:
    """The image without colours, in one channel or in three equal ones."""
    if num_output_channels not in (1, 3):
        raise ValueError("num_output_channels should be either 1 or 3")
    if is_pil(img):
        grey = img.convert("L")
        return grey if num_output_channels == 1 else pillow("Image").merge("RGB", (grey, grey, grey))

    def convert(x: Tensor) -> Tensor:
        grey = x.clone() if _colours(x).shape[-3] == 1 else _grey(x)
        return grey.expand(*grey.shape[:-3], 3, *grey.shape[-2:]) if num_output_channels == 3 else grey

    return on_tensor(convert, img)


to_grayscale = rgb_to_grayscale


def adjust_brightness(img: Any, brightness_factor: float) -> Any:
    """Times the factor: 0 is black, 1 the image itself."""
    _check_factor("brightness_factor", brightness_factor)
    if is_pil(img):
        return pillow("ImageEnhance").Brightness(img).enhance(brightness_factor)
    return on_tensor(lambda x: _blend(_colours(x), ndl.zeros_like(x), brightness_factor), img)


def adjust_contrast(img: Any, contrast_factor: float) -> Any:
    """Away from its mean grey (factor above 1) or towards it."""
    _check_factor("contrast_factor", contrast_factor)
    if is_pil(img):
        return pillow("ImageEnhance").Contrast(img).enhance(contrast_factor)

    def adjust(x: Tensor) -> Tensor:
        grey = _grey(x) if _colours(x).shape[-3] == 3 else x
        mean = (grey if x.is_floating_point() else grey.float()).mean((-3, -2, -1), keepdim=True)
        return _blend(x, mean, contrast_factor)

    return on_tensor(adjust, img)


def adjust_saturation(img: Any, saturation_factor: float) -> Any:
    """Away from grey (factor above 1) or towards it: 0 is black and white."""
    _check_factor("saturation_factor", saturation_factor)
    if is_pil(img):
        return pillow("ImageEnhance").Color(img).enhance(saturation_factor)
    return on_tensor(lambda x: x if _colours(x).shape[-3] == 1 else _blend(x, _grey(x), saturation_factor), img)


def adjust_hue(img: Any, hue_factor: float) -> Any:
    """Colours moved around the circle by `hue_factor`: -0.5 to 0.5, where both ends are the opposite colour."""
    if not -0.5 <= hue_factor <= 0.5:
        raise ValueError(f"hue_factor ({hue_factor}) is not in [-0.5, 0.5].")
    if is_pil(img):
        if img.mode in ("L", "1", "I", "F"):
            return img
        h, s, v = img.convert("HSV").split()
        step = int(hue_factor * 255)
        return pillow("Image").merge("HSV", (h.point(lambda value: (value + step) % 256), s, v)).convert(img.mode)

    def adjust(x: Tensor) -> Tensor:
        if _colours(x).shape[-3] == 1:
            return x
        h, s, v = _to_hsv(convert_image_dtype(x, ndl.float32)).unbind(-3)
        return convert_image_dtype(_to_rgb((h + hue_factor) % 1.0, s, v), x.dtype)

    return on_tensor(adjust, img)


def _to_hsv(x: Tensor) -> Tensor:
    r, g, b = x.unbind(-3)
    high, low = x.amax(-3), x.amin(-3)
    flat = high == low
    one = ndl.ones_like(high)
    span = ndl.where(flat, one, high - low)
    saturation = (high - low) / ndl.where(flat, one, high)
    r, g, b = ((high - c) / span for c in (r, g, b))
    is_r = r == 0
    is_g = (g == 0) & ~is_r
    hue = ndl.where(is_r, b - g, ndl.where(is_g, 2.0 + r - b, 4.0 + g - r))
    return ndl.stack([ndl.fmod(hue / 6.0 + 1.0, 1.0), saturation, high], -3)


def _to_rgb(h: Tensor, s: Tensor, v: Tensor) -> Tensor:
    sector = ndl.floor(h * 6.0)
    f = h * 6.0 - sector
    p, q, t = ((v * (1.0 - s * part)).clamp(0.0, 1.0) for part in (ndl.ones_like(f), f, 1.0 - f))
    sector = sector.long() % 6
    parts = [(v, q, p, p, t, v), (t, v, v, q, p, p), (p, p, t, v, v, q)]  # red, green, blue in each sixth of the circle
    return ndl.stack([ndl.stack(part, 0).gather(0, sector.unsqueeze(0)).squeeze(0) for part in parts], -3)


def adjust_gamma(img: Any, gamma: float, gain: float = 1) -> Any:
    """``gain * img ** gamma``, of values from 0 to 1."""
    if gamma < 0:
        raise ValueError("Gamma should be a non-negative real number")
    if is_pil(img):
        table = [int((255 + 1 - 0.001) * gain * pow(value / 255.0, gamma)) for value in range(256)] * 3
        return img.convert("RGB").point(table).convert(img.mode)

    def adjust(x: Tensor) -> Tensor:
        values = x if _colours(x).is_floating_point() else convert_image_dtype(x, ndl.float32)
        return convert_image_dtype((gain * values.pow(gamma)).clamp(0, 1), x.dtype)

    return on_tensor(adjust, img)


def invert(img: Any) -> Any:
    """The negative."""
    return pillow("ImageOps").invert(img) if is_pil(img) else on_tensor(lambda x: _max_value(_colours(x).dtype) - x, img)


def posterize(img: Any, bits: int) -> Any:
    """Only the upper `bits` of each uint8 value."""
    if not 0 <= bits <= 8:
        raise ValueError(f"The number if bits should be between 0 and 8. Got {bits}")
    if is_pil(img):
        return pillow("ImageOps").posterize(img, bits)

    def adjust(x: Tensor) -> Tensor:
        if x.dtype is not ndl.uint8:
            raise TypeError(f"Only ndl.uint8 image tensors are supported, but found {x.dtype}")
        return _colours(x) & (256 - 2 ** (8 - bits))

    return on_tensor(adjust, img)


def solarize(img: Any, threshold: float) -> Any:
    """The negative of what is as bright as `threshold` or brighter."""
    if is_pil(img):
        return pillow("ImageOps").solarize(img, threshold)

    def adjust(x: Tensor) -> Tensor:
        if threshold > _max_value(_colours(x).dtype):
            raise TypeError("Threshold should be less than bound of img.")
        return ndl.where(x >= threshold, _max_value(x.dtype) - x, x)

    return on_tensor(adjust, img)


def autocontrast(img: Any) -> Any:
    """Each channel stretched from black to white."""
    if is_pil(img):
        return pillow("ImageOps").autocontrast(img)

    def adjust(x: Tensor) -> Tensor:
        bound = _max_value(_colours(x).dtype)
        values = x if x.is_floating_point() else x.float()
        low, high = values.amin((-2, -1), keepdim=True), values.amax((-2, -1), keepdim=True)
        flat = low == high
        scale = ndl.where(flat, ndl.ones_like(low), bound / ndl.where(flat, ndl.ones_like(low), high - low))
        return ((values - ndl.where(flat, ndl.zeros_like(low), low)) * scale).clamp(0, bound).to(x.dtype)

    return on_tensor(adjust, img)
