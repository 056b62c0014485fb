"""Flatten and Unflatten, for `Sequential`."""

from __future__ import annotations

from typing import Any

from ..tensor import Tensor
from .module import Module


class Flatten(Module):
    """The dimensions from `start_dim` to `end_dim` as one: (N, C, H, W) to (N, C * H * W).

    https://pytorch.org/docs/stable/generated/torch.nn.Flatten.html

    >>> ndl.nn.Flatten()(ndl.ones(2, 3, 4, 5)).shape
    Size([2, 60])
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1):
        super().__init__()
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, input: Any) -> Tensor:
        return input.flatten(self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """One dimension as several: the way back from Flatten.

    https://pytorch.org/docs/stable/generated/torch.nn.Unflatten.html

    >>> ndl.nn.Unflatten(1, (3, 4, 5))(ndl.ones(2, 60)).shape
    Size([2, 3, 4, 5])
    """

    def __init__(self, dim: int, unflattened_size: tuple[int, ...] | list[int]):
        super().__init__()
        if not isinstance(unflattened_size, (tuple, list)):
            raise TypeError(f"unflattened_size must be a tuple of ints, but found type "
                            f"{type(unflattened_size).__name__}")
        for i, size in enumerate(unflattened_size):
            if not isinstance(size, int):
                raise TypeError(f"unflattened_size must be tuple of ints, but found element of type "
                                f"{type(size).__name__} at pos {i}")
        self.dim, self.unflattened_size = dim, unflattened_size

    def forward(self, input: Any) -> Tensor:
        return input.unflatten(self.dim, self.unflattened_size)

    def extra_repr(self) -> str:
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"
