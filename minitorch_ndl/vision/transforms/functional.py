"""Transforms of images as functions. Names only; the definitions are in `geometry` and `color`.

https://pytorch.org/vision/stable/transforms.html#functional-transforms
"""

from .color import (
    adjust_brightness as adjust_brightness,
    adjust_contrast as adjust_contrast,
    adjust_gamma as adjust_gamma,
    adjust_hue as adjust_hue,
    adjust_saturation as adjust_saturation,
    autocontrast as autocontrast,
    invert as invert,
    posterize as posterize,
    rgb_to_grayscale as rgb_to_grayscale,
    solarize as solarize,
    to_grayscale as to_grayscale,
)
from .geometry import (
    InterpolationMode as InterpolationMode,
    affine as affine,
    center_crop as center_crop,
    convert_image_dtype as convert_image_dtype,
    crop as crop,
    erase as erase,
    five_crop as five_crop,
    gaussian_blur as gaussian_blur,
    get_dimensions as get_dimensions,
    get_image_num_channels as get_image_num_channels,
    get_image_size as get_image_size,
    hflip as hflip,
    normalize as normalize,
    pad as pad,
    pil_to_tensor as pil_to_tensor,
    resize as resize,
    resized_crop as resized_crop,
    rotate as rotate,
    ten_crop as ten_crop,
    to_pil_image as to_pil_image,
    to_tensor as to_tensor,
    vflip as vflip,
)
