"""Many images in one, and images in files. https://pytorch.org/vision/stable/utils.html"""

from __future__ import annotations

import math
from typing import Any

import minitorch_ndl as ndl

from ..tensor import Tensor
from .images import from_array


@ndl.no_grad()
def make_grid(tensor: Any, nrow: int = 8, padding: int = 2, normalize: bool = False,
              value_range: tuple[float, float] | None = None, scale_each: bool = False, pad_value: float = 0.0) -> Tensor:
    """A batch of images (N, C, H, W), or a list of them, side by side in one image (C, H', W').

    nrow       images in a row
    normalize  values from `value_range` (default: their least and largest; with `scale_each`, each image's) to 0 to 1

    >>> ndl.vision.utils.make_grid(ndl.ones(10, 3, 4, 4)).shape
    Size([3, 14, 50])
    """
    if isinstance(tensor, (list, tuple)) and all(isinstance(x, Tensor) for x in tensor):
        tensor = ndl.stack(list(tensor))
    if not isinstance(tensor, Tensor):
        raise TypeError(f"tensor or list of tensors expected, got {type(tensor)}")
    while tensor.ndim < 4:
        tensor = tensor.unsqueeze(0)
    if tensor.size(1) == 1:
        tensor = tensor.expand(-1, 3, -1, -1)
    if normalize:
        if value_range is not None and not isinstance(value_range, tuple):
            raise TypeError("value_range has to be a tuple (min, max) if specified. min and max are numbers")
        tensor = tensor.clone()
        for part in tensor if scale_each else [tensor]:
            low, high = value_range or (float(part.min()), float(part.max()))
            part.clamp_(low, high).sub_(low).div_(max(high - low, 1e-5))
    count, channels, height, width = tensor.shape
    if count == 1:
        return tensor.squeeze(0)
    columns = min(nrow, count)
    rows = math.ceil(count / columns)
    height, width = height + padding, width + padding
    grid = tensor.new_full((channels, height * rows + padding, width * columns + padding), pad_value)
    for k in range(count):
        top, left = k // columns * height + padding, k % columns * width + padding
        grid[:, top:top + height - padding, left:left + width - padding] = tensor[k]
    return grid


@ndl.no_grad()
def save_image(tensor: Any, fp: Any, format: str | None = None, **kwargs: Any) -> None:
    """Write an image (C, H, W) of values from 0 to 1, or a grid of them, to a file. Other arguments are `make_grid`'s.

    Needs Pillow.
    """
    grid = make_grid(tensor, **kwargs)
    pixels = grid.mul(255).add_(0.5).clamp_(0, 255).permute(1, 2, 0).to("cpu", ndl.uint8).numpy()
    from_array(pixels, {3: "RGB", 4: "RGBA", 2: "LA"}[pixels.shape[2]]).save(fp, format=format)
