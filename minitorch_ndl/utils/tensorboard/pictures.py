"""Arrays as TensorBoard's pictures: images, grids of them, boxes, films."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from . import library as tb


def to_pixels(array: np.ndarray, dataformats: str) -> np.ndarray:
    """Images in the layout that `dataformats` names, such as "CHW" or "NHWC", as bytes (H, W, C).

    uint8 is taken as it is; all else as 0 (black) to 1 (white), and cut off there.

    >>> to_pixels(np.ones((2, 3)), "HW").shape
    (2, 3, 3)
    """
    layout = dataformats.upper()
    if len(set(layout)) != len(layout) or set(layout) not in (set("HW"), set("CHW"), set("NCHW")):
        raise AssertionError(f"dataformats: expected the letters HW, CHW or NCHW in the order of the dimensions; "
                             f"got {dataformats!r}. You can not use the same dimension shorthand twice.")
    if array.ndim != len(layout):
        raise AssertionError(f"size of input tensor and input format are different: tensor shape: {array.shape}, "
                             f"input_format: {dataformats!r}. Give dataformats= with a letter for each dimension.")
    if len(layout) == 4:
        array = grid(array.transpose([layout.find(c) for c in "NCHW"])).transpose(1, 2, 0)
    elif len(layout) == 3:
        array = array.transpose([layout.find(c) for c in "HWC"])
    else:
        array = array.transpose([layout.find(c) for c in "HW"])[..., None]
    if array.shape[2] == 1:
        array = np.repeat(array, 3, axis=2)
    if array.shape[2] not in (2, 3, 4):  # what a PNG can have
        raise TypeError(f"image: expected 1 (grey), 3 (RGB) or 4 (RGBA) channels; got {array.shape[2]} in an image of "
                        f"layout {dataformats!r}. Is it another layout? Give dataformats=.")
    return to_bytes(array)


def to_bytes(array: np.ndarray) -> np.ndarray:
    """0 to 255, from bytes or from 0 to 1."""
    if array.dtype == np.uint8:
        return array
    with np.errstate(invalid="ignore"):  # NaN becomes some colour
        return (array.astype(np.float32) * 255).clip(0, 255).astype(np.uint8)


def grid(images: np.ndarray, columns: int = 8) -> np.ndarray:
    """Images (N, C, H, W) side by side in one (3, H', W')."""
    if images.shape[1] == 1:
        images = np.repeat(images, 3, axis=1)
    if images.ndim != 4 or images.shape[1] != 3:
        raise AssertionError(f"expected images (N, C, H, W) with 1 or 3 channels; got shape {images.shape}.")
    count, _, height, width = images.shape
    columns = min(count, columns)
    rows = math.ceil(count / columns)
    canvas = np.zeros((3, height * rows, width * columns), images.dtype)
    for k, image in enumerate(images):
        top, left = k // columns * height, k % columns * width
        canvas[:, top:top + height, left:left + width] = image
    return canvas


def make_image(tensor: np.ndarray, rescale: float = 1, rois: np.ndarray | None = None, labels: Any = None) -> Any:
    """The message for bytes (H, W, C), as a PNG; `rois` are boxes (N, 4) to draw: left, top, right, bottom."""
    height, width, channels = tensor.shape
    image = tb.Image.fromarray(np.ascontiguousarray(tensor))
    if rois is not None:
        image = draw_boxes(image, rois, labels)
    image = image.resize((int(width * rescale), int(height * rescale)), tb.Image.Resampling.LANCZOS)
    return tb.Summary.Image(height=height, width=width, colorspace=channels, encoded_image_string=encoded(image, "PNG"))


def encoded(image: Any, format: str, **options: Any) -> bytes:
    """A file's bytes."""
    file = io.BytesIO()
    image.save(file, format=format, **options)
    return file.getvalue()


def draw_boxes(disp_image: Any, boxes: np.ndarray, labels: Sequence[str] | None = None) -> Any:
    """Pillow's image with red boxes (N, 4), and what they are called at their lower edges."""
    font, draw = tb.ImageFont.load_default(), tb.ImageDraw.Draw(disp_image)
    for i, (left, top, right, bottom) in enumerate(boxes):
        draw.line([(left, top), (left, bottom), (right, bottom), (right, top), (left, top)], width=2, fill="Red")
        if labels is not None and labels[i]:
            x0, y0, x1, y1 = font.getbbox(labels[i])
            width, height = x1 - x0, y1 - y0
            margin = math.ceil(0.05 * height)
            draw.rectangle([(left, bottom - height - 2 * margin), (left + width, bottom)], fill="Red")
            draw.text((left + margin, bottom - height - margin), labels[i], fill="black", font=font)
    return disp_image


def make_video(tensor: np.ndarray, fps: float) -> Any:
    """The message for films (B, T, C, H, W), side by side, as an animated GIF."""
    if tensor.ndim != 5 or tensor.shape[2] not in (1, 3):
        raise ValueError(f"video: expected films (B, T, C, H, W) with 1 or 3 channels; got shape {tensor.shape}.")
    films = tiled(to_bytes(tensor))
    first, *rest = [tb.Image.fromarray(np.ascontiguousarray(np.broadcast_to(f, (*f.shape[:2], 3)))) for f in films]
    content = encoded(first, "GIF", save_all=True, append_images=rest, duration=1000 / fps, loop=0)
    return tb.Summary.Image(height=films.shape[1], width=films.shape[2], colorspace=films.shape[3],
                            encoded_image_string=content)


def tiled(films: np.ndarray) -> np.ndarray:
    """Films (B, T, C, H, W) as one (T, H', W', C): a power of two of them side by side, the last perhaps black."""
    count, frames, channels, height, width = films.shape
    whole = 1 << (count - 1).bit_length()
    films = np.concatenate([films, np.zeros((whole - count, *films.shape[1:]), films.dtype)])
    rows = 1 << (count.bit_length() - 1) // 2
    films = films.reshape(rows, whole // rows, frames, channels, height, width).transpose(2, 0, 4, 1, 5, 3)
    return films.reshape(frames, rows * height, -1, channels)


def figure_to_image(figures: Any, close: bool = True) -> np.ndarray:
    """Matplotlib's figure as bytes (3, H, W); a list of figures of one size as (N, 3, H, W)."""
    if isinstance(figures, list):
        return np.stack([figure_to_image(figure, close) for figure in figures])
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # who has a figure has matplotlib

    canvas = FigureCanvasAgg(figures)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[..., :3].transpose(2, 0, 1).copy()
    if close:
        import matplotlib.pyplot

        matplotlib.pyplot.close(figures)
    return pixels
