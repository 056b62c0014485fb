"""Where torch can lay weights out in memory as (N, H, W, C), which is faster on GPUs."""

from __future__ import annotations

from typing import Any


def convert_conv2d_weight_memory_format(module: Any, memory_format: Any) -> Any:
    """Returns the module as it is: on the CPU this layout is not faster."""
    return module


def convert_conv3d_weight_memory_format(module: Any, memory_format: Any) -> Any:
    """Returns the module as it is: on the CPU this layout is not faster."""
    return module
