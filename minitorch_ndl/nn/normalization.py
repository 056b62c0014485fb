"""Normalization within each sample: LayerNorm, GroupNorm, RMSNorm, and the older local response."""

from __future__ import annotations

import operator
from typing import Any

from ..tensor import Tensor
from . import functional as F, init
from .module import Module
from .parameter import unset
from .stateless import Stateless


class _Affine(Module):
    """A factor (starting at 1) and a bias (at 0), each of which may be missing."""

    def _own(self, sizes: tuple, weight: bool, bias: bool | None, device: Any, dtype: Any) -> None:
        """Register them; `bias` None: not even by name."""
        self.register_parameter("weight", unset(*sizes, device=device, dtype=dtype) if weight else None)
        if bias is not None:
            self.register_parameter("bias", unset(*sizes, device=device, dtype=dtype) if weight and bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Start again: weight 1, bias 0."""
        for name, parameter in self._parameters.items():
            if parameter is not None:
                (init.ones_ if name == "weight" else init.zeros_)(parameter)


def _sizes(normalized_shape: Any) -> tuple:
    return tuple(normalized_shape) if hasattr(normalized_shape, "__iter__") else (operator.index(normalized_shape),)


class LayerNorm(_Affine):
    """The last dimensions, `normalized_shape`, minus their mean, divided by their deviation; then * weight + bias.

    (..., *normalized_shape) to the same; weight and bias have that shape. https://arxiv.org/abs/1607.06450
    https://pytorch.org/docs/stable/generated/torch.nn.LayerNorm.html

    >>> ndl.nn.LayerNorm(2, elementwise_affine=False)(ndl.tensor([[1.0, 3.0], [10.0, 30.0]]))
    tensor([[-1.0000,  1.0000],
            [-1.0000,  1.0000]])
    """

    def __init__(self, normalized_shape: Any, eps: float = 1e-5, elementwise_affine: bool = True, bias: bool = True,
                 device: Any = None, dtype: Any = None):
        super().__init__()
        self.normalized_shape, self.eps, self.elementwise_affine = _sizes(normalized_shape), eps, elementwise_affine
        self._own(self.normalized_shape, elementwise_affine, bias, device, dtype)

    def forward(self, input: Tensor) -> Tensor:
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}, "
                f"bias={self.bias is not None}")


class GroupNorm(_Affine):
    """The channels of (N, C, ...) in groups, each group minus its mean, divided by its deviation; then * weight + bias.

    Weight and bias are (C). https://arxiv.org/abs/1803.08494
    https://pytorch.org/docs/stable/generated/torch.nn.GroupNorm.html

    >>> ndl.nn.GroupNorm(num_groups=3, num_channels=6)(ndl.randn(20, 6, 10, 10)).shape
    Size([20, 6, 10, 10])
    """

    def __init__(self, num_groups: int, num_channels: int, eps: float = 1e-5, affine: bool = True, device: Any = None,
                 dtype: Any = None, *, bias: bool = True):
        super().__init__()
        if num_channels % num_groups:
            raise ValueError(f"num_channels ({num_channels}) must be divisible by num_groups ({num_groups})")
        self.num_groups, self.num_channels, self.eps, self.affine = num_groups, num_channels, eps, affine
        self._own((num_channels,), affine, bias, device, dtype)

    def forward(self, input: Tensor) -> Tensor:
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
                f"bias={self.bias is not None}")


class RMSNorm(_Affine):
    """The last dimensions, `normalized_shape`, divided by the root of their mean square; then * weight.

    eps  added to the mean square; None: the dtype's precision

    (..., *normalized_shape) to the same. https://arxiv.org/abs/1910.07467
    https://pytorch.org/docs/stable/generated/torch.nn.RMSNorm.html
    """

    def __init__(self, normalized_shape: Any, eps: float | None = None, elementwise_affine: bool = True,
                 device: Any = None, dtype: Any = None):
        super().__init__()
        self.normalized_shape, self.eps, self.elementwise_affine = _sizes(normalized_shape), eps, elementwise_affine
        self._own(self.normalized_shape, elementwise_affine, None, device, dtype)

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class LocalResponseNorm(Stateless, calls="local_response_norm"):
    """Each element of (N, C, ...) divided by ``(k + alpha * mean of squares) ** beta``, over the `size` channels around it.

    https://pytorch.org/docs/stable/generated/torch.nn.LocalResponseNorm.html
    """

    size: int
    alpha: float = 1e-4
    beta: float = 0.75
    k: float = 1.0

    def extra_repr(self) -> str:
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"


class CrossMapLRN2d(LocalResponseNorm, calls="local_response_norm"):
    """LocalResponseNorm of (N, C, H, W), by its older name.

    https://pytorch.org/docs/stable/generated/torch.nn.CrossMapLRN2d.html
    """

    size: int
    alpha: float = 1e-4
    beta: float = 0.75
    k: float = 1

    def forward(self, input: Tensor) -> Tensor:
        if input.dim() != 4:
            raise ValueError(f"CrossMapLRN2d: Expected input to be 4D, got {input.dim()}D instead.")
        return F.local_response_norm(input, self.size, self.alpha, self.beta, self.k)
