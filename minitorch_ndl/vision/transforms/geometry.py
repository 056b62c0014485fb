"""Images as tensors and back; cut, padded, in other sizes, turned and moved: as functions.

Each takes Pillow's images, tensors (..., C, H, W), and arrays (H, W) or (H, W, C), and gives back the same kind.
"""

from __future__ import annotations

import enum
import math
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

import minitorch_ndl as ndl

from ...nn import functional as F
from ...tensor import Tensor
from ..images import from_array, is_pil, on_tensor, pillow, to_array, to_tensor_image


class InterpolationMode(enum.Enum):
    """How values between pixels are found."""

    NEAREST = "nearest"
    NEAREST_EXACT = "nearest-exact"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"
    BOX = "box"
    HAMMING = "hamming"
    LANCZOS = "lanczos"


_PIL_NUMBERS = {InterpolationMode.NEAREST: 0, InterpolationMode.LANCZOS: 1, InterpolationMode.BILINEAR: 2,
                InterpolationMode.BICUBIC: 3, InterpolationMode.BOX: 4, InterpolationMode.HAMMING: 5,
                InterpolationMode.NEAREST_EXACT: 0}


def interpolation_mode(value: Any) -> InterpolationMode:
    """The mode, given as such or as Pillow's number."""
    if isinstance(value, int):  # Pillow's are IntEnums
        return next(mode for mode, number in _PIL_NUMBERS.items() if number == value)
    if not isinstance(value, InterpolationMode):
        raise TypeError("Argument interpolation should be a InterpolationMode or a corresponding Pillow integer constant; "
                        f"got {value!r}.")
    return value


# --- sizes ------------------------------------------------------------------------------------------------------------


def get_dimensions(img: Any) -> list[int]:
    """Channels, height and width."""
    if is_pil(img):
        return [len(img.getbands()), img.height, img.width]
    if isinstance(img, Tensor):
        return [img.shape[-3] if img.ndim > 2 else 1, *img.shape[-2:]]
    if isinstance(img, np.ndarray):
        return [img.shape[2] if img.ndim == 3 else 1, *img.shape[:2]]
    raise TypeError(f"img should be a PIL Image, a Tensor or an array. Got {type(img)}")


def get_image_size(img: Any) -> list[int]:
    """Width and height."""
    return get_dimensions(img)[:0:-1]


def get_image_num_channels(img: Any) -> int:
    """The number of channels."""
    return get_dimensions(img)[0]


def pair(size: Any, what: str = "Please provide only two dimensions (h, w) for size.") -> tuple[int, int]:
    """One number twice, or two numbers."""
    if isinstance(size, (int, float)):
        return int(size), int(size)
    size = tuple(size)
    if len(size) == 1:
        return size[0], size[0]
    if len(size) != 2:
        raise ValueError(what)
    return size


# --- from one kind to another -----------------------------------------------------------------------------------------


def to_tensor(pic: Any) -> Tensor:
    """An image as a tensor (C, H, W); 0 to 255 becomes 0.0 to 1.0.

    >>> import minitorch_ndl.vision.transforms.functional as F
    >>> F.to_tensor(np.array([[0, 255]], np.uint8))
    tensor([[[0., 1.]]])
    """
    if is_pil(pic):
        pic = to_array(pic)
    elif not isinstance(pic, np.ndarray):
        raise TypeError(f"pic should be PIL Image or ndarray. Got {type(pic)}")
    if pic.ndim not in (2, 3):
        raise ValueError(f"pic should be 2/3 dimensional. Got {pic.ndim} dimensions.")
    img = to_tensor_image(pic)
    return img.to(ndl.get_default_dtype()).div(255) if img.dtype is ndl.uint8 else img


def pil_to_tensor(pic: Any) -> Tensor:
    """Pillow's image as a tensor (C, H, W) of the same numbers."""
    if not is_pil(pic):
        raise TypeError(f"pic should be PIL Image. Got {type(pic)}")
    return to_tensor_image(np.array(pic))


_MODES: dict[int, tuple] = {2: ("LA",), 3: ("RGB", "YCbCr", "HSV"), 4: ("RGBA", "CMYK", "RGBX")}


def to_pil_image(pic: Any, mode: str | None = None) -> Any:
    """A tensor (C, H, W) or an array (H, W, C) as Pillow's image; 0.0 to 1.0 becomes 0 to 255."""
    if isinstance(pic, Tensor):
        if pic.ndim not in (2, 3):
            raise ValueError(f"pic should be 2/3 dimensional. Got {pic.ndim} dimensions.")
        pic = pic.numpy(force=True)
        pic = pic.transpose(1, 2, 0) if pic.ndim == 3 else pic
    elif not isinstance(pic, np.ndarray):
        raise TypeError(f"pic should be Tensor or ndarray. Got {type(pic)}.")
    if pic.ndim == 2:
        pic = pic[:, :, None]
    if pic.ndim != 3:
        raise ValueError(f"pic should be 2/3 dimensional. Got {pic.ndim} dimensions.")
    channels = pic.shape[2]
    if channels > 4:
        raise ValueError(f"pic should not have > 4 channels. Got {channels} channels.")
    if pic.dtype.kind == "f" and mode != "F":
        with np.errstate(invalid="ignore"):
            pic = (pic * 255).astype(np.int64).astype(np.uint8)  # wraps around, as it does there
    if channels == 1:
        wide = "I;16" if sys.byteorder == "little" else "I;16B"
        own = {"uint8": "L", "int16": wide, "int32": "I", "float32": "F"}.get(pic.dtype.name)
        if mode is not None and mode != own:
            raise ValueError(f"Incorrect mode ({mode}) supplied for input type {pic.dtype}. Should be {own}")
        mode, pic = own, pic[:, :, 0]
    else:
        if mode is not None and mode not in _MODES[channels]:
            raise ValueError(f"Only modes {list(_MODES[channels])} are supported for {channels}D inputs")
        if mode is None and pic.dtype == np.uint8:
            mode = _MODES[channels][0]
    if mode is None:
        raise TypeError(f"Input type {pic.dtype} is not supported")
    return from_array(pic, mode)


def _max_value(dtype: Any) -> float:
    return 1 if dtype.is_floating_point or dtype is ndl.bool else ndl.iinfo(dtype).max


def convert_image_dtype(image: Tensor, dtype: Any = ndl.float32) -> Tensor:
    """The tensor in another dtype, its values scaled from one's range to the other's."""
    if not isinstance(image, Tensor):
        raise TypeError("Input img should be Tensor Image")
    if image.dtype is dtype:
        return image
    high = _max_value(dtype)
    if image.is_floating_point():
        if dtype.is_floating_point:
            return image.to(dtype)
        if (image.dtype is ndl.float32 and dtype in (ndl.int32, ndl.int64)) or (
                image.dtype is ndl.float64 and dtype is ndl.int64):
            raise RuntimeError(f"The cast from {image.dtype} to {dtype} cannot be performed safely.")
        return image.mul(high + 1.0 - 1e-3).to(dtype)
    low = _max_value(image.dtype)
    if dtype.is_floating_point:
        return image.to(dtype) / low
    if low > high:
        return ndl.div(image, int((low + 1) // (high + 1)), rounding_mode="floor").to(dtype)
    return image.to(dtype) * int((high + 1) // (low + 1))


def normalize(tensor: Tensor, mean: Any, std: Any, inplace: bool = False) -> Tensor:
    """``(tensor - mean) / std`` channel by channel."""
    if not isinstance(tensor, Tensor):
        raise TypeError(f"img should be Tensor Image. Got {type(tensor)}; put ToTensor() before Normalize.")
    if not tensor.is_floating_point():
        raise TypeError(f"Input tensor should be a float tensor. Got {tensor.dtype}.")
    if tensor.ndim < 3:
        raise ValueError(f"Expected tensor to be a tensor image of size (..., C, H, W). Got tensor.size() = {tensor.size()}")
    mean, std = (ndl.as_tensor(value, dtype=tensor.dtype) for value in (mean, std))
    if (std == 0).any():
        raise ValueError(f"std evaluated to zero after conversion to {tensor.dtype}, leading to division by zero.")
    mean, std = (value.view(-1, 1, 1) if value.ndim == 1 else value for value in (mean, std))
    return (tensor if inplace else tensor.clone()).sub_(mean).div_(std)


# --- cutting and padding ----------------------------------------------------------------------------------------------


def hflip(img: Any) -> Any:
    """Left becomes right."""
    return img.transpose(pillow("Image").Transpose.FLIP_LEFT_RIGHT) if is_pil(img) else on_tensor(lambda x: x.flip(-1), img)


def vflip(img: Any) -> Any:
    """Upside down."""
    return img.transpose(pillow("Image").Transpose.FLIP_TOP_BOTTOM) if is_pil(img) else on_tensor(lambda x: x.flip(-2), img)


def crop(img: Any, top: int, left: int, height: int, width: int) -> Any:
    """The rectangle of this size at (top, left); black where it reaches beyond the image."""
    if is_pil(img):
        return img.crop((left, top, left + width, top + height))

    def cut(x: Tensor) -> Tensor:
        h, w = x.shape[-2:]
        bottom, right = top + height, left + width
        inside = x[..., max(top, 0):max(bottom, 0), max(left, 0):max(right, 0)]
        if left < 0 or top < 0 or right > w or bottom > h:
            beyond = [max(min(right, 0) - left, 0), max(right - max(w, left), 0),
                      max(min(bottom, 0) - top, 0), max(bottom - max(h, top), 0)]
            return F.pad(inside, beyond)
        return inside

    return on_tensor(cut, img)


def center_crop(img: Any, output_size: Any) -> Any:
    """The middle; an image that is smaller is padded with black."""
    height, width = pair(output_size)
    _, h, w = get_dimensions(img)
    if width > w or height > h:
        dw, dh = max(width - w, 0), max(height - h, 0)
        img = pad(img, [dw // 2, dh // 2, (dw + 1) // 2, (dh + 1) // 2])
        _, h, w = get_dimensions(img)
    return crop(img, round((h - height) / 2), round((w - width) / 2), height, width)


def five_crop(img: Any, size: Any) -> tuple:
    """The four corners and the middle."""
    height, width = pair(size)
    _, h, w = get_dimensions(img)
    if width > w or height > h:
        raise ValueError(f"Requested crop size {(height, width)} is bigger than input size {(h, w)}")
    corners = [(0, 0), (0, w - width), (h - height, 0), (h - height, w - width)]
    return (*(crop(img, top, left, height, width) for top, left in corners), center_crop(img, (height, width)))


def ten_crop(img: Any, size: Any, vertical_flip: bool = False) -> tuple:
    """Those five, and those of the flipped image."""
    return five_crop(img, size) + five_crop(vflip(img) if vertical_flip else hflip(img), size)


def _sides(padding: Any) -> tuple[int, int, int, int]:
    """Left, top, right, bottom."""
    if isinstance(padding, int):
        return padding, padding, padding, padding
    if not isinstance(padding, (tuple, list)):
        raise TypeError("Got inappropriate padding arg")
    if len(padding) not in (1, 2, 4):
        raise ValueError(f"Padding must be an int or a 1, 2, or 4 element tuple, not a {len(padding)} element tuple")
    return tuple(padding) * (4 // len(padding))


def pad(img: Any, padding: Any, fill: Any = 0, padding_mode: str = "constant") -> Any:
    """The image with a border: `padding` on all sides, or (left and right, top and bottom), or each of the four.

    padding_mode  "constant" (of `fill`), "edge", "reflect" or "symmetric"
    """
    left, top, right, bottom = _sides(padding)
    if padding_mode not in ("constant", "edge", "reflect", "symmetric"):
        raise ValueError("Padding mode should be either constant, edge, reflect or symmetric")
    if is_pil(img):
        if padding_mode == "constant":
            return pillow("ImageOps").expand(img, border=(left, top, right, bottom), fill=_fill_of(fill, img))
        rows, columns = _places(img.height, top, bottom, padding_mode), _places(img.width, left, right, padding_mode)
        return from_array(np.asarray(img)[rows][:, columns], img.mode)

    def border(x: Tensor) -> Tensor:
        if padding_mode == "constant":
            return F.pad(x, [left, right, top, bottom], value=float(fill or 0))
        rows, columns = _places(x.shape[-2], top, bottom, padding_mode), _places(x.shape[-1], left, right, padding_mode)
        return x[..., ndl.from_numpy(rows), :][..., ndl.from_numpy(columns)]

    return on_tensor(border, img)


def _places(size: int, before: int, after: int, mode: str) -> np.ndarray:
    """Which old row or column each new one shows."""
    places = np.arange(size)[max(-before, 0):size - max(-after, 0)]
    return np.pad(places, (max(before, 0), max(after, 0)), mode)  # type: ignore[call-overload]


def _fill_of(fill: Any, img: Any) -> Any:
    """A colour as Pillow wants it: one number for each band of `img`."""
    bands = len(img.getbands())
    fill = 0 if fill is None else fill
    if isinstance(fill, (int, float)):
        values = (fill,) * bands
    else:
        values = tuple(fill) * bands if len(fill) == 1 else tuple(fill)
        if len(values) != bands:
            raise ValueError(f"The number of elements in 'fill' does not match the number of channels of the image "
                             f"({len(values)} != {bands})")
    if img.mode != "F":
        values = tuple(int(value) for value in values)
    return values if bands > 1 else values[0]


def erase(img: Tensor, i: int, j: int, h: int, w: int, v: Tensor, inplace: bool = False) -> Tensor:
    """The tensor with `v` in the rectangle at (i, j)."""
    if not isinstance(img, Tensor):
        raise TypeError(f"img should be Tensor Image. Got {type(img)}; put ToTensor() before RandomErasing.")
    img = img if inplace else img.clone()
    img[..., i:i + h, j:j + w] = v
    return img


# --- other sizes, turned, moved ---------------------------------------------------------------------------------------


def _as_float(x: Tensor, function: Any) -> Tensor:
    """``function`` on a batch of floats, rounded back to the dtype of `x`."""
    batch = x.reshape(-1, *x.shape[-3:]) if x.ndim != 4 else x
    out = function(batch if x.is_floating_point() else batch.float())
    out = out.reshape(*x.shape[:-2], *out.shape[-2:])
    return out if x.is_floating_point() else out.round().to(x.dtype)


def resize(img: Any, size: Any, interpolation: Any = InterpolationMode.BILINEAR, max_size: int | None = None,
           antialias: bool | None = True) -> Any:
    """The image in another size: (height, width), or one number for the shorter side.

    max_size  the longer side gets no longer than that
    """
    mode = interpolation_mode(interpolation)
    _, h, w = get_dimensions(img)
    size = [size] if isinstance(size, int) else list(size)
    if len(size) not in (1, 2):
        raise ValueError("Size must be an int or a 1 or 2 element tuple/list, not a "
                         f"{len(size)} element tuple/list")
    if len(size) == 1:
        short, long = size[0], int(size[0] * max(h, w) / min(h, w))
        if max_size is not None:
            if max_size <= short:
                raise ValueError(f"max_size = {max_size} must be strictly greater than the requested size for the smaller "
                                 f"edge size = {size[0]}")
            if long > max_size:
                short, long = int(max_size * short / long), max_size
        size = [long, short] if w <= h else [short, long]
    elif max_size is not None:
        raise ValueError("max_size should only be passed if size specifies the length of the smaller edge.")
    if size == [h, w]:
        return img
    if is_pil(img):
        return img.resize((size[1], size[0]), _PIL_NUMBERS[mode])
    if mode.value not in ("nearest", "nearest-exact", "bilinear", "bicubic"):
        raise ValueError(f"This interpolation mode is unsupported with Tensor input: {mode.value}")
    smooth = mode in (InterpolationMode.BILINEAR, InterpolationMode.BICUBIC)

    def scaled(x: Tensor) -> Tensor:
        out = F.interpolate(x, size=size, mode=mode.value, align_corners=False if smooth else None,
                            antialias=bool(antialias) and smooth)
        return out.clamp(0, 255) if whole and mode is InterpolationMode.BICUBIC else out

    whole = not isinstance(img, Tensor) or img.dtype is ndl.uint8
    return on_tensor(lambda x: _as_float(x, scaled), img)


def resized_crop(img: Any, top: int, left: int, height: int, width: int, size: Any,
                 interpolation: Any = InterpolationMode.BILINEAR, antialias: bool | None = True) -> Any:
    """A rectangle of the image, in another size."""
    return resize(crop(img, top, left, height, width), size, interpolation, antialias=antialias)


def _inverse_matrix(center: Sequence[float], angle: float, translate: Sequence[float], scale: float,
                    shear: Sequence[float]) -> list[float]:
    """The two rows that take a new pixel's place to the old one's: turn, shear and scale around `center`, then move."""
    turn, shear_x, shear_y = (math.radians(v) for v in (angle, *shear))
    a = math.cos(turn - shear_y) / math.cos(shear_y)
    b = -math.cos(turn - shear_y) * math.tan(shear_x) / math.cos(shear_y) - math.sin(turn)
    c = math.sin(turn - shear_y) / math.cos(shear_y)
    d = -math.sin(turn - shear_y) * math.tan(shear_x) / math.cos(shear_y) + math.cos(turn)
    m = [v / scale for v in (d, -b, 0.0, -c, a, 0.0)]  # the inverse: a d - b c is 1
    x, y = -center[0] - translate[0], -center[1] - translate[1]
    m[2] += m[0] * x + m[1] * y + center[0]
    m[5] += m[3] * x + m[4] * y + center[1]
    return m


def _sampled(img: Any, matrix: list[float], mode: InterpolationMode, fill: Any, expand: bool = False) -> Any:
    """A tensor or array seen through `matrix`, whose origin is the image's middle."""
    if mode not in (InterpolationMode.NEAREST, InterpolationMode.BILINEAR):
        raise ValueError(f"Resampling mode '{mode.value}' is unsupported with Tensor input")
    _, h, w = get_dimensions(img)
    width, height = _expanded(matrix, w, h) if expand else (w, h)

    def sample(x: Tensor) -> Tensor:
        theta = ndl.as_tensor(matrix, dtype=x.dtype).view(2, 3)
        places = ndl.ones(height, width, 3, dtype=x.dtype)
        places[..., 0] = ndl.linspace(0.5 - width / 2, width / 2 - 0.5, width, dtype=x.dtype)
        places[..., 1] = ndl.linspace(0.5 - height / 2, height / 2 - 0.5, height, dtype=x.dtype)[:, None]
        grid = places.view(-1, 3) @ (theta.t() / ndl.as_tensor([w / 2, h / 2], dtype=x.dtype))
        grid = grid.view(1, height, width, 2).expand(len(x), height, width, 2)
        out = F.grid_sample(ndl.cat([x, ndl.ones_like(x[:, :1])], 1), grid, mode.value, "zeros", False)
        out, mask = out[:, :-1], out[:, -1:]  # how much of each pixel lies within the image
        if fill is None:
            return out
        colour = ndl.as_tensor([float(v) for v in (fill if isinstance(fill, (tuple, list)) else [fill])], dtype=x.dtype)
        colour = colour.view(1, -1, 1, 1)
        return ndl.where(mask < 0.5, colour, out) if mode is InterpolationMode.NEAREST else out * mask + (1 - mask) * colour

    return on_tensor(lambda x: _as_float(x, sample), img)


def _expanded(matrix: list[float], w: int, h: int) -> tuple[int, int]:
    """Width and height that hold all of the turned image."""
    corners = np.array([[-w, -h, 2], [-w, h, 2], [w, h, 2], [w, -h, 2]], np.float32) / 2
    places = corners @ np.array(matrix, np.float32).reshape(2, 3).T + np.array([w, h], np.float32) / 2
    whole = lambda values: np.trunc(values / np.float32(1e-4)) * np.float32(1e-4)
    size = np.ceil(whole(places.max(0))) - np.floor(whole(places.min(0)))
    return int(size[0]), int(size[1])


def rotate(img: Any, angle: float, interpolation: Any = InterpolationMode.NEAREST, expand: bool = False,
           center: Any = None, fill: Any = None) -> Any:
    """The image turned counter-clockwise by `angle` degrees; `expand` makes room for its corners."""
    mode = interpolation_mode(interpolation)
    if is_pil(img):
        return img.rotate(angle, _PIL_NUMBERS[mode], expand, center, fillcolor=_fill_of(fill, img))
    middle = [0.0, 0.0] if center is None else [c - s / 2 for c, s in zip(center, get_image_size(img))]
    return _sampled(img, _inverse_matrix(middle, -angle, (0, 0), 1.0, (0, 0)), mode, fill, expand)


def affine(img: Any, angle: float, translate: Sequence[float], scale: float, shear: Any,
           interpolation: Any = InterpolationMode.NEAREST, fill: Any = None, center: Any = None) -> Any:
    """The image turned clockwise, scaled and sheared around `center` (default: its middle), and moved."""
    mode = interpolation_mode(interpolation)
    if scale <= 0:
        raise ValueError("Argument scale should be positive")
    shear = [shear, 0.0] if isinstance(shear, (int, float)) else list(shear) * (2 // len(shear))
    width, height = get_image_size(img)
    if is_pil(img):
        matrix = _inverse_matrix(center or [width / 2, height / 2], angle, translate, scale, shear)
        return img.transform((width, height), pillow("Image").Transform.AFFINE, matrix, _PIL_NUMBERS[mode],
                             fillcolor=_fill_of(fill, img))
    middle = [0.0, 0.0] if center is None else [c - s / 2 for c, s in zip(center, (width, height))]
    return _sampled(img, _inverse_matrix(middle, angle, translate, scale, shear), mode, fill)


def gaussian_blur(img: Any, kernel_size: Any, sigma: Any = None) -> Any:
    """The image blurred with a kernel (width, height) of odd sizes."""
    sizes = [kernel_size] * 2 if isinstance(kernel_size, int) else list(kernel_size)
    if any(k % 2 == 0 or k < 0 for k in sizes):
        raise ValueError(f"kernel_size should have odd and positive integers. Got {sizes}")
    sigmas = [k * 0.15 + 0.35 for k in sizes] if sigma is None else list(pair_of_floats(sigma))
    if is_pil(img):
        return to_pil_image(gaussian_blur(pil_to_tensor(img), sizes, sigmas), img.mode)

    def blur(x: Tensor) -> Tensor:
        rows = []
        for k, s in zip(sizes, sigmas):
            places = ndl.linspace(-(k - 1) / 2, (k - 1) / 2, k, dtype=x.dtype)
            weights = ndl.exp(-0.5 * (places / s).pow(2))
            rows.append(weights / weights.sum())
        kernel = (rows[1][:, None] * rows[0][None, :]).expand(x.shape[1], 1, sizes[1], sizes[0])
        padded = F.pad(x, [sizes[0] // 2, sizes[0] // 2, sizes[1] // 2, sizes[1] // 2], mode="reflect")
        return F.conv2d(padded, kernel, groups=x.shape[1])

    return on_tensor(lambda x: _as_float(x, blur), img)


def pair_of_floats(value: Any) -> tuple[float, float]:
    """One number twice, or two numbers."""
    values = (value,) if isinstance(value, (int, float)) else tuple(value)
    return (values[0], values[0]) if len(values) == 1 else values
