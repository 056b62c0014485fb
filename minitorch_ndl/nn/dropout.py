"""Dropout as modules: they drop while training, and hand their input on in evaluation."""

from __future__ import annotations

from collections.abc import Callable

from ..tensor import Tensor
from . import functional as F
from .module import Module


class _DropoutNd(Module):
    _function: Callable

    def __init__(self, p: float = 0.5, inplace: bool = False):
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
        self.p, self.inplace = p, inplace

    def forward(self, input: Tensor) -> Tensor:
        return type(self)._function(input, self.p, self.training, self.inplace)

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_DropoutNd):
    """Sets elements to 0 with probability `p` and divides the others by 1 - p. Any shape.

    https://pytorch.org/docs/stable/generated/torch.nn.Dropout.html

    >>> ndl.nn.Dropout(0.5).eval()(ndl.ones(3))
    tensor([1., 1., 1.])
    """

    _function = staticmethod(F.dropout)


class Dropout1d(_DropoutNd):
    """Dropout of whole channels, (N, C, L) or (C, L).

    https://pytorch.org/docs/stable/generated/torch.nn.Dropout1d.html
    """

    _function = staticmethod(F.dropout1d)


class Dropout2d(_DropoutNd):
    """Dropout of whole channels, (N, C, H, W). https://pytorch.org/docs/stable/generated/torch.nn.Dropout2d.html"""

    _function = staticmethod(F.dropout2d)


class Dropout3d(_DropoutNd):
    """Dropout of whole channels, (N, C, D, H, W). https://pytorch.org/docs/stable/generated/torch.nn.Dropout3d.html"""

    _function = staticmethod(F.dropout3d)


class AlphaDropout(_DropoutNd):
    """Dropout for SELU networks. https://pytorch.org/docs/stable/generated/torch.nn.AlphaDropout.html"""

    _function = staticmethod(F.alpha_dropout)


class FeatureAlphaDropout(_DropoutNd):
    """AlphaDropout of whole channels. https://pytorch.org/docs/stable/generated/torch.nn.FeatureAlphaDropout.html"""

    _function = staticmethod(F.feature_alpha_dropout)
