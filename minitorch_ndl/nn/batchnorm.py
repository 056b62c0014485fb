"""Batch normalization. https://arxiv.org/abs/1502.03167"""

from __future__ import annotations

from typing import Any

from .. import dtypes
from ..tensor import Tensor
from . import functional as F, init
from .family import Family
from .module import Module
from .parameter import blank, unset


class _NormBase(Family):
    """What batch and instance normalization share: a factor and a bias for each channel, and running statistics."""

    _version = 2  # of state dicts: since 2 they have num_batches_tracked

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float | None = 0.1, affine: bool = True,
                 track_running_stats: bool = True, device: Any = None, dtype: Any = None, *, bias: bool = True):
        super().__init__()
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        for name, wanted in (("weight", affine), ("bias", affine and bias)):
            self.register_parameter(name, unset(num_features, device=device, dtype=dtype) if wanted else None)
        for name in ("running_mean", "running_var"):
            self.register_buffer(name, blank(num_features, device=device, dtype=dtype) if track_running_stats else None)
        self.register_buffer("num_batches_tracked",
                             blank(device=device, dtype=dtypes.int64) if track_running_stats else None)
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """Forget all batches: mean 0, variance 1."""
        if self.track_running_stats:
            self.running_mean.zero_()
            self.running_var.fill_(1)
            self.num_batches_tracked.zero_()

    def reset_parameters(self) -> None:
        """Start again: weight 1, bias 0, no statistics."""
        self.reset_running_stats()
        if self.affine:
            init.ones_(self.weight)
            if self.bias is not None:
                init.zeros_(self.bias)

    def _check_input_dim(self, input: Tensor) -> None:
        raise NotImplementedError

    def _expect(self, input: Tensor, *ndims: int) -> None:
        if input.dim() not in ndims:
            raise ValueError(f"expected {' or '.join(f'{n}D' for n in ndims)} input (got {input.dim()}D input of shape "
                             f"{tuple(input.shape)})")

    def _load_from_state_dict(self, state_dict: Any, prefix: str, local_metadata: dict, *lists: Any) -> None:
        if (local_metadata.get("version") or 1) < 2 and self.track_running_stats:
            state_dict.setdefault(prefix + "num_batches_tracked", self.num_batches_tracked)
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *lists)

    def extra_repr(self) -> str:
        return (f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
                f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}")


class _BatchNorm(_NormBase):
    """Each channel of (N, C, {sizes}) minus its mean over the batch, divided by its deviation; * weight + bias.

    While training, running averages follow the batches' means and variances; in evaluation they are used instead.

    momentum             the weight of the newest batch in them; None: all batches weigh the same
    affine               has weight and bias, both (C), starting at 1 and 0
    track_running_stats  False: no averages, and the batch's own statistics in evaluation, too
    """

    def _check_input_dim(self, input: Tensor) -> None:
        self._expect(input, *((2, 3) if self._dims == 1 else (self._dims + 2,)))

    def forward(self, input: Tensor) -> Tensor:
        self._check_input_dim(input)
        training, momentum = self.training, self.momentum
        mean, var = self.running_mean, self.running_var
        if training and not self.track_running_stats:
            mean = var = None
        elif training and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            if momentum is None:
                momentum = 1 / float(self.num_batches_tracked)
        own = training or (mean is None and var is None)
        return F.batch_norm(input, mean, var, self.weight, self.bias, own, 0.0 if momentum is None else momentum, self.eps)


class BatchNorm1d(_BatchNorm, dims=1):
    """(N, C) will do, too.

    >>> x = ndl.nn.BatchNorm1d(3)(ndl.randn(100, 3) * 5 + 7)
    >>> x.mean(0).abs().max().item() < 1e-5
    True
    """


class BatchNorm2d(_BatchNorm, dims=2):
    """>>> layer = ndl.nn.BatchNorm2d(8)
    >>> layer(ndl.randn(4, 8, 5, 5)).shape, layer.num_batches_tracked
    (Size([4, 8, 5, 5]), tensor(1))
    """


class BatchNorm3d(_BatchNorm, dims=3): ...


class SyncBatchNorm(_BatchNorm):
    """Batch normalization over the batches of several processes. We have one, so that it is BatchNorm, of any dimensions.

    https://pytorch.org/docs/stable/generated/torch.nn.SyncBatchNorm.html
    """

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float | None = 0.1, affine: bool = True,
                 track_running_stats: bool = True, process_group: Any = None, device: Any = None, dtype: Any = None, *,
                 bias: bool = True):
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)
        self.process_group = process_group

    def _check_input_dim(self, input: Tensor) -> None:
        if input.dim() < 2:
            raise ValueError(f"expected at least 2D input (got {input.dim()}D input)")
        if not input.shape[1]:
            raise ValueError("SyncBatchNorm number of input channels should be non-zero")

    @classmethod
    def convert_sync_batchnorm(cls, module: Module, process_group: Any = None) -> Any:
        """`module` with all its BatchNorm layers, or itself, as SyncBatchNorm; they keep their tensors."""
        result = module
        if isinstance(module, _BatchNorm):
            result = SyncBatchNorm(module.num_features, module.eps, module.momentum, module.affine,
                                   module.track_running_stats, process_group, bias=module.bias is not None)
            result._parameters.update(module._parameters)
            result._buffers.update(module._buffers)
            result.training = module.training
        for name, child in module.named_children():
            result.add_module(name, cls.convert_sync_batchnorm(child, process_group))
        return result
