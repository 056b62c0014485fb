"""Random transforms. They draw torch's own numbers, in torchvision's order."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from typing import Any

import minitorch_ndl as ndl

from ...nn import Module
from ...tensor import Tensor
from . import functional as F
from .geometry import InterpolationMode, interpolation_mode, pair
from .plain import Compose, _Shown

__all__ = [
    "ColorJitter", "GaussianBlur", "RandomAffine", "RandomApply", "RandomAutocontrast", "RandomChoice", "RandomCrop",
    "RandomErasing", "RandomGrayscale", "RandomHorizontalFlip", "RandomInvert", "RandomOrder", "RandomPosterize",
    "RandomResizedCrop", "RandomRotation", "RandomSolarize", "RandomVerticalFlip"]


def uniform(low: float, high: float) -> float:
    """A random number, as torchvision draws it."""
    return ndl.empty(1).uniform_(float(low), float(high)).item()


def whole(low: int, high: int) -> int:
    """A random whole number from `low` to below `high`."""
    return int(ndl.randint(low, high, (1,)).item())


def chance(p: float) -> bool:
    """True with probability `p`."""
    return ndl.rand(1).item() < p


# --- some of several --------------------------------------------------------------------------------------------------


class RandomApply(Module):
    """All of the transforms, or with probability 1 - p none."""

    def __init__(self, transforms: Any, p: float = 0.5):
        super().__init__()
        self.transforms, self.p = transforms, p

    def forward(self, img: Any) -> Any:
        if self.p < ndl.rand(1).item():
            return img
        for transform in self.transforms:
            img = transform(img)
        return img

    def __repr__(self) -> str:
        return "\n".join([f"{type(self).__name__}(", f"    p={self.p}", *(f"    {t}" for t in self.transforms), ")"])


class RandomOrder(Compose):
    """The transforms in random order (drawn from Python's `random`, as torchvision does)."""

    def __call__(self, img: Any) -> Any:
        order = list(range(len(self.transforms)))
        random.shuffle(order)
        for i in order:
            img = self.transforms[i](img)
        return img


class RandomChoice(Compose):
    """One of the transforms (drawn from Python's `random`, as torchvision does)."""

    def __init__(self, transforms: Sequence[Callable], p: Sequence[float] | None = None):
        super().__init__(transforms)
        self.p = p

    def __call__(self, *args: Any) -> Any:
        return random.choices(self.transforms, weights=self.p)[0](*args)

    def __repr__(self) -> str:
        return f"{super().__repr__()}(p={self.p})"


# --- cutting ----------------------------------------------------------------------------------------------------------


class RandomCrop(_Shown):
    """A rectangle of this size at a random place, after padding."""

    _shows = ("size", "padding")

    def __init__(self, size: Any, padding: Any = None, pad_if_needed: bool = False, fill: Any = 0,
                 padding_mode: str = "constant"):
        super().__init__()
        self.size, self.padding, self.pad_if_needed = pair(size), padding, pad_if_needed
        self.fill, self.padding_mode = fill, padding_mode

    @staticmethod
    def get_params(img: Any, output_size: tuple[int, int]) -> tuple[int, int, int, int]:
        """Top, left, height and width of a random rectangle."""
        _, h, w = F.get_dimensions(img)
        height, width = output_size
        if h < height or w < width:
            raise ValueError(f"Required crop size {(height, width)} is larger than input image size {(h, w)}")
        if (h, w) == (height, width):
            return 0, 0, h, w
        top = whole(0, h - height + 1)
        return top, whole(0, w - width + 1), height, width

    def forward(self, img: Any) -> Any:
        if self.padding is not None:
            img = F.pad(img, self.padding, self.fill, self.padding_mode)
        _, h, w = F.get_dimensions(img)
        if self.pad_if_needed and w < self.size[1]:
            img = F.pad(img, [self.size[1] - w, 0], self.fill, self.padding_mode)
        if self.pad_if_needed and h < self.size[0]:
            img = F.pad(img, [0, self.size[0] - h], self.fill, self.padding_mode)
        return F.crop(img, *self.get_params(img, self.size))


class RandomResizedCrop(Module):
    """A rectangle of random area and shape, at a random place, in a given size."""

    def __init__(self, size: Any, scale: Sequence[float] = (0.08, 1.0), ratio: Sequence[float] = (3.0 / 4.0, 4.0 / 3.0),
                 interpolation: Any = InterpolationMode.BILINEAR, antialias: bool | None = True):
        super().__init__()
        self.size, self.scale, self.ratio, self.antialias = pair(size), scale, ratio, antialias
        self.interpolation = interpolation_mode(interpolation)

    @staticmethod
    def get_params(img: Any, scale: Sequence[float], ratio: Sequence[float]) -> tuple[int, int, int, int]:
        """Top, left, height and width of a random rectangle."""
        _, h, w = F.get_dimensions(img)
        low, high = ndl.log(ndl.as_tensor(ratio)).tolist()
        for _ in range(10):
            area = h * w * uniform(scale[0], scale[1])
            shape = ndl.exp(ndl.empty(1).uniform_(low, high)).item()
            width, height = round(math.sqrt(area * shape)), round(math.sqrt(area / shape))
            if 0 < width <= w and 0 < height <= h:
                top = whole(0, h - height + 1)
                return top, whole(0, w - width + 1), height, width
        height, width = h, w  # none fits: the middle, as much of it as the ratio allows
        if w / h < min(ratio):
            height = round(w / min(ratio))
        elif w / h > max(ratio):
            width = round(h * max(ratio))
        return (h - height) // 2, (w - width) // 2, height, width

    def forward(self, img: Any) -> Any:
        where = self.get_params(img, self.scale, self.ratio)
        return F.resized_crop(img, *where, self.size, self.interpolation, antialias=self.antialias)

    def __repr__(self) -> str:
        scale, ratio = (tuple(round(v, 4) for v in values) for values in (self.scale, self.ratio))
        return (f"{type(self).__name__}(size={self.size}, scale={scale}, ratio={ratio}, "
                f"interpolation={self.interpolation.value}, antialias={self.antialias})")


# --- with a probability -----------------------------------------------------------------------------------------------


class _Perhaps(_Shown):
    """A function of the image, done with probability `p`."""

    _shows = ("p",)

    def __init__(self, p: float = 0.5):
        super().__init__()
        self.p = p

    def forward(self, img: Any) -> Any:
        return self._change(img) if chance(self.p) else img

    def _change(self, img: Any) -> Any:
        raise NotImplementedError


class RandomHorizontalFlip(_Perhaps):
    """Left becomes right, with probability `p`."""

    def _change(self, img: Any) -> Any:
        return F.hflip(img)


class RandomVerticalFlip(_Perhaps):
    """Upside down, with probability `p`."""

    def _change(self, img: Any) -> Any:
        return F.vflip(img)


class RandomInvert(_Perhaps):
    """The negative, with probability `p`."""

    def _change(self, img: Any) -> Any:
        return F.invert(img)


class RandomAutocontrast(_Perhaps):
    """Stretched from black to white, with probability `p`."""

    def _change(self, img: Any) -> Any:
        return F.autocontrast(img)


class RandomGrayscale(_Perhaps):
    """Without colours, with probability `p`."""

    def __init__(self, p: float = 0.1):
        super().__init__(p)

    def _change(self, img: Any) -> Any:
        return F.rgb_to_grayscale(img, F.get_dimensions(img)[0])


class RandomPosterize(_Perhaps):
    """Only the upper `bits`, with probability `p`."""

    def __init__(self, bits: int, p: float = 0.5):
        super().__init__(p)
        self.bits = bits

    def _change(self, img: Any) -> Any:
        return F.posterize(img, self.bits)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(bits={self.bits},p={self.p})"


class RandomSolarize(_Perhaps):
    """The negative of what is bright, with probability `p`."""

    def __init__(self, threshold: float, p: float = 0.5):
        super().__init__(p)
        self.threshold = threshold

    def _change(self, img: Any) -> Any:
        return F.solarize(img, self.threshold)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(threshold={self.threshold},p={self.p})"


class RandomErasing(_Shown):
    """With probability `p`, a random rectangle of the tensor becomes `value`: numbers, or "random"."""

    _shows = ("p", "scale", "ratio", "value", "inplace")

    def __init__(self, p: float = 0.5, scale: Sequence[float] = (0.02, 0.33), ratio: Sequence[float] = (0.3, 3.3),
                 value: Any = 0, inplace: bool = False):
        super().__init__()
        if isinstance(value, str) and value != "random":
            raise ValueError("If value is str, it should be 'random'")
        if scale[0] < 0 or scale[1] > 1:
            raise ValueError("Scale should be between 0 and 1")
        if not 0 <= p <= 1:
            raise ValueError("Random erasing probability should be between 0 and 1")
        self.p, self.scale, self.ratio, self.value, self.inplace = p, scale, ratio, value, inplace

    @staticmethod
    def get_params(img: Tensor, scale: Sequence[float], ratio: Sequence[float],
                   value: list[float] | None = None) -> tuple[int, int, int, int, Tensor]:
        """Top, left, height, width and contents of a random rectangle."""
        c, h, w = img.shape[-3:]
        low, high = ndl.log(ndl.as_tensor(ratio)).tolist()
        for _ in range(10):
            area = h * w * uniform(scale[0], scale[1])
            shape = ndl.exp(ndl.empty(1).uniform_(low, high)).item()
            height, width = round(math.sqrt(area * shape)), round(math.sqrt(area / shape))
            if height < h and width < w:
                content = ndl.empty(c, height, width).normal_() if value is None else ndl.as_tensor(value)[:, None, None]
                top = whole(0, h - height + 1)
                return top, whole(0, w - width + 1), height, width, content
        return 0, 0, h, w, img

    def forward(self, img: Tensor) -> Tensor:
        if not chance(self.p):
            return img
        value = None if self.value == "random" else [float(v) for v in (
            self.value if isinstance(self.value, (list, tuple)) else [self.value])]
        if value is not None and len(value) not in (1, img.shape[-3]):
            raise ValueError(f"If value is a sequence, it should have either a single value or {img.shape[-3]} (number of "
                             "input channels)")
        return F.erase(img, *self.get_params(img, self.scale, self.ratio, value), self.inplace)


# --- turning and moving -----------------------------------------------------------------------------------------------


def _range(value: Any, name: str) -> list[float]:
    """A range of angles: a number stands for its negative and itself."""
    if isinstance(value, (int, float)):
        if value < 0:
            raise ValueError(f"If {name} is a single number, it must be positive.")
        return [float(-value), float(value)]
    return [float(v) for v in value]


class RandomRotation(Module):
    """Turned by a random number of `degrees`: from -d to d, or from a range."""

    def __init__(self, degrees: Any, interpolation: Any = InterpolationMode.NEAREST, expand: bool = False, center: Any = None,
                 fill: Any = 0):
        super().__init__()
        self.degrees, self.expand, self.center = _range(degrees, "degrees"), expand, center
        if len(self.degrees) != 2:
            raise ValueError(f"degrees should be a sequence of length 2; got {degrees}.")
        self.interpolation, self.fill = interpolation_mode(interpolation), 0 if fill is None else fill

    @staticmethod
    def get_params(degrees: Sequence[float]) -> float:
        """A random angle."""
        return uniform(degrees[0], degrees[1])

    def forward(self, img: Any) -> Any:
        return F.rotate(img, self.get_params(self.degrees), self.interpolation, self.expand, self.center, self.fill)

    def __repr__(self) -> str:
        center = "" if self.center is None else f", center={self.center}"
        return (f"{type(self).__name__}(degrees={self.degrees}, interpolation={self.interpolation.value}, "
                f"expand={self.expand}{center}, fill={self.fill})")


class RandomAffine(Module):
    """Turned, moved by up to a fraction `translate` of its size, scaled and sheared, all at random."""

    def __init__(self, degrees: Any, translate: Sequence[float] | None = None, scale: Sequence[float] | None = None,
                 shear: Any = None, interpolation: Any = InterpolationMode.NEAREST, fill: Any = 0, center: Any = None):
        super().__init__()
        if translate is not None and not all(0 <= t <= 1 for t in translate):
            raise ValueError("translation values should be between 0 and 1")
        if scale is not None and not all(s > 0 for s in scale):
            raise ValueError("scale values should be positive")
        self.degrees, self.translate, self.scale = _range(degrees, "degrees"), translate, scale
        self.shear = None if shear is None else _range(shear, "shear")
        self.interpolation, self.fill, self.center = interpolation_mode(interpolation), 0 if fill is None else fill, center

    @staticmethod
    def get_params(degrees: Sequence[float], translate: Any, scale_ranges: Any, shears: Any,
                   img_size: Sequence[int]) -> tuple[float, tuple[int, int], float, tuple[float, float]]:
        """A random angle, translation, scale and shear, for an image of this width and height."""
        angle = uniform(degrees[0], degrees[1])
        moved = (0, 0)
        if translate is not None:
            dx, dy = (float(t * n) for t, n in zip(translate, img_size))
            moved = (round(uniform(-dx, dx)), round(uniform(-dy, dy)))
        scale = 1.0 if scale_ranges is None else uniform(scale_ranges[0], scale_ranges[1])
        shear_x = 0.0 if shears is None else uniform(shears[0], shears[1])
        shear_y = uniform(shears[2], shears[3]) if shears is not None and len(shears) == 4 else 0.0
        return angle, moved, scale, (shear_x, shear_y)

    def forward(self, img: Any) -> Any:
        size = F.get_image_size(img)
        how = self.get_params(self.degrees, self.translate, self.scale, self.shear, size)
        return F.affine(img, *how, interpolation=self.interpolation, fill=self.fill, center=self.center)

    def __repr__(self) -> str:
        shown = [f"degrees={self.degrees}", *(f"{name}={getattr(self, name)}" for name in ("translate", "scale", "shear")
                                              if getattr(self, name) is not None)]
        if self.interpolation is not InterpolationMode.NEAREST:
            shown.append(f"interpolation={self.interpolation.value}")
        shown += [f"fill={self.fill}"] * (self.fill != 0) + [f"center={self.center}"] * (self.center is not None)
        return f"{type(self).__name__}({', '.join(shown)})"


class GaussianBlur(_Shown):
    """Blurred with a kernel of this size, of a random width `sigma` from a range."""

    _shows = ("kernel_size", "sigma")

    def __init__(self, kernel_size: Any, sigma: Any = (0.1, 2.0)):
        super().__init__()
        self.kernel_size = pair(kernel_size, "Kernel size should be a tuple/list of two integers")
        if any(k <= 0 or k % 2 == 0 for k in self.kernel_size):
            raise ValueError("Kernel size value should be an odd and positive number.")
        self.sigma = (sigma, sigma) if isinstance(sigma, (int, float)) else sigma
        if not 0 < self.sigma[0] <= self.sigma[1]:
            raise ValueError("sigma values should be positive and of the form (min, max).")

    def forward(self, img: Any) -> Any:
        sigma = uniform(self.sigma[0], self.sigma[1])
        return F.gaussian_blur(img, self.kernel_size, [sigma, sigma])


# --- colours ----------------------------------------------------------------------------------------------------------


class ColorJitter(_Shown):
    """Brightness, contrast, saturation and hue changed by random factors, in random order."""

    _shows = ("brightness", "contrast", "saturation", "hue")

    def __init__(self, brightness: Any = 0, contrast: Any = 0, saturation: Any = 0, hue: Any = 0):
        super().__init__()
        self.brightness = self._factors(brightness, "brightness")
        self.contrast = self._factors(contrast, "contrast")
        self.saturation = self._factors(saturation, "saturation")
        self.hue = self._factors(hue, "hue", 0.0, (-0.5, 0.5))

    @staticmethod
    def _factors(value: Any, name: str, center: float = 1.0,
                 bound: tuple[float, float] = (0.0, math.inf)) -> tuple[float, float] | None:
        """A range of factors; None where it changes nothing."""
        if isinstance(value, (int, float)):
            if value < 0:
                raise ValueError(f"If {name} is a single number, it must be non negative.")
            low, high = center - float(value), center + float(value)
            low = max(low, 0.0) if bound[0] == 0 else low
        elif isinstance(value, (tuple, list)) and len(value) == 2:
            low, high = map(float, value)
        else:
            raise TypeError(f"{name} should be a single number or a list/tuple with length 2.")
        if not bound[0] <= low <= high <= bound[1]:
            raise ValueError(f"{name} values should be between {bound}, but got {[low, high]}.")
        return None if low == high == center else (low, high)

    @staticmethod
    def get_params(brightness: Any, contrast: Any, saturation: Any, hue: Any) -> tuple:
        """A random order of the four, and their factors."""
        order = ndl.randperm(4)
        return (order, *(None if r is None else uniform(r[0], r[1]) for r in (brightness, contrast, saturation, hue)))

    def forward(self, img: Any) -> Any:
        order, *factors = self.get_params(self.brightness, self.contrast, self.saturation, self.hue)
        change = (F.adjust_brightness, F.adjust_contrast, F.adjust_saturation, F.adjust_hue)
        for i in order.tolist():
            if factors[i] is not None:
                img = change[i](img, factors[i])
        return img
