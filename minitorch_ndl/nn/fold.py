"""Fold and Unfold: blocks of an image laid side by side, and put back."""

from __future__ import annotations

from typing import Any

from .stateless import Stateless


class Fold(Stateless, calls="fold"):
    """Blocks as Unfold makes them, (N, C * kernel, places), put back into (N, C, *output_size), added where they overlap.

    https://pytorch.org/docs/stable/generated/torch.nn.Fold.html
    """

    output_size: Any
    kernel_size: Any
    dilation: Any = 1
    padding: Any = 0
    stride: Any = 1


class Unfold(Stateless, calls="unfold"):
    """All blocks of `kernel_size` in (N, C, H, W), or (C, H, W), as columns: (N, C * kernel, places).

    https://pytorch.org/docs/stable/generated/torch.nn.Unfold.html

    >>> ndl.nn.Unfold(kernel_size=(2, 3))(ndl.ones(2, 5, 3, 4)).shape
    Size([2, 30, 4])
    """

    kernel_size: Any
    dilation: Any = 1
    padding: Any = 0
    stride: Any = 1
