"""Instance normalization. https://arxiv.org/abs/1607.08022"""

from __future__ import annotations

import warnings
from typing import Any

from ..tensor import Tensor
from . import functional as F
from .batchnorm import _NormBase


class _InstanceNorm(_NormBase):
    """Each channel of each image in (N, C, {sizes}) minus its mean, divided by its deviation; with `affine`, then * weight
    + bias. (C, {sizes}) will do, too.

    With `track_running_stats`, running averages of means and variances are kept, and used in evaluation.
    """

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1, affine: bool = False,
                 track_running_stats: bool = False, device: Any = None, dtype: Any = None, *, bias: bool = True):
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)

    def _check_input_dim(self, input: Tensor) -> None:
        self._expect(input, self._dims + 1, self._dims + 2)

    def forward(self, input: Tensor) -> Tensor:
        self._check_input_dim(input)
        dim = input.dim() - self._dims - 1
        channels = input.shape[dim]
        if channels != self.num_features:
            if self.affine:
                raise ValueError(f"expected input's size at dim={dim} to match num_features ({self.num_features}), but got: "
                                 f"{channels} (input {tuple(input.shape)}).")
            warnings.warn(f"input's size at dim={dim} does not match num_features. You can silence this warning by not "
                          f"passing in num_features, which is not used because affine=False", stacklevel=3)
        out = F.instance_norm(input if dim else input.unsqueeze(0), self.running_mean, self.running_var, self.weight,
                              self.bias, self.training or not self.track_running_stats,
                              0.0 if self.momentum is None else self.momentum, self.eps)
        return out if dim else out.squeeze(0)


class InstanceNorm1d(_InstanceNorm, dims=1): ...


class InstanceNorm2d(_InstanceNorm, dims=2):
    """>>> x = ndl.nn.InstanceNorm2d(3)(ndl.randn(2, 3, 8, 8) * 5 + 7)
    >>> x.mean((2, 3)).abs().max().item() < 1e-5
    True
    """


class InstanceNorm3d(_InstanceNorm, dims=3): ...
