"""Channels to pixels, and pixels to channels."""

from __future__ import annotations

from .stateless import Stateless


class PixelShuffle(Stateless, calls="pixel_shuffle"):
    """(..., C * r * r, H, W) to (..., C, H * r, W * r): each pixel's channels become a block of r by r pixels.

    https://pytorch.org/docs/stable/generated/torch.nn.PixelShuffle.html

    >>> ndl.nn.PixelShuffle(3)(ndl.ones(1, 9, 4, 4)).shape
    Size([1, 1, 12, 12])
    """

    upscale_factor: int


class PixelUnshuffle(Stateless, calls="pixel_unshuffle"):
    """(..., C, H * r, W * r) to (..., C * r * r, H, W): the way back from PixelShuffle.

    https://pytorch.org/docs/stable/generated/torch.nn.PixelUnshuffle.html
    """

    downscale_factor: int
