"""Convolutions, and transposed convolutions, which go the other way."""

from __future__ import annotations

import math
from typing import Any

from ..tensor import Tensor
from . import functional as F, init
from .family import Family, _reverse_repeat_tuple
from .parameter import unset

_PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


class _ConvNd(Family):
    """What all convolutions share: settings, weight and bias."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: tuple, stride: tuple, padding: Any,
                 dilation: tuple, transposed: bool, output_padding: tuple, groups: int, bias: bool, padding_mode: str,
                 device: Any = None, dtype: Any = None):
        super().__init__()
        if groups <= 0:
            raise ValueError(f"groups must be a positive integer; got {groups}")
        for name, channels in (("in_channels", in_channels), ("out_channels", out_channels)):
            if channels % groups:
                raise ValueError(f"{name} must be divisible by groups; got {name}={channels}, groups={groups}")
        if isinstance(padding, str):
            if padding not in ("same", "valid"):
                raise ValueError(f"Invalid padding string {padding!r}, should be one of 'same', 'valid'")
            if padding == "same" and any(s != 1 for s in stride):
                raise ValueError(f"padding='same' is not supported for strided convolutions; got stride={stride}")
        if padding_mode not in _PADDING_MODES:
            raise ValueError(f"padding_mode must be one of {_PADDING_MODES}, but got padding_mode='{padding_mode}'")
        self.in_channels, self.out_channels, self.kernel_size = in_channels, out_channels, kernel_size
        self.stride, self.padding, self.dilation = stride, padding, dilation
        self.transposed, self.output_padding, self.groups = transposed, output_padding, groups
        self.padding_mode = padding_mode
        self._reversed_padding_repeated_twice = self._edges()
        self.weight = unset(*self._weight_shape(), device=device, dtype=dtype)
        self.register_parameter("bias", unset(out_channels, device=device, dtype=dtype) if bias else None)
        self.reset_parameters()

    def _edges(self) -> Any:
        """The padding as `pad` wants it."""
        if not isinstance(self.padding, str):
            return _reverse_repeat_tuple(self.padding, 2)
        edges = []
        for d, k in zip(reversed(self.dilation), reversed(self.kernel_size), strict=True):
            total = d * (k - 1) if self.padding == "same" else 0
            edges += [total // 2, total - total // 2]
        return edges

    def _weight_shape(self) -> tuple:
        first, second = self.out_channels, self.in_channels
        if self.transposed:
            first, second = second, first
        return (first, second // self.groups, *self.kernel_size)

    def reset_parameters(self) -> None:
        """Draw new starting values: uniform on ±1 / sqrt(weight.shape[1] * the kernel's size)."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            fan_in, _ = init._calculate_fan_in_and_fan_out(self.weight)
            bound = 1 / math.sqrt(fan_in) if fan_in else 0
            init.uniform_(self.bias, -bound, bound)

    def extra_repr(self) -> str:
        n = len(self.kernel_size)
        usual = {"padding": (0,) * n, "dilation": (1,) * n, "output_padding": (0,) * n, "groups": 1}
        shown = [f"{name}={getattr(self, name)}" for name, value in usual.items() if getattr(self, name) != value]
        return ", ".join([f"{self.in_channels}, {self.out_channels}", f"kernel_size={self.kernel_size}",
                          f"stride={self.stride}", *shown, *["bias=False"] * (self.bias is None),
                          *[f"padding_mode={self.padding_mode}"] * (self.padding_mode != "zeros")])


class _Convolution(_ConvNd, calls="conv{}d"):
    """Each output channel is a bias plus, summed over the input's channels, the kernel's product with each patch.

    (N, in_channels, {sizes}) to (N, out_channels, {sizes}), each size n becoming
    ``(n + 2 * padding - dilation * (kernel_size - 1) - 1) // stride + 1``. The batch dimension may be missing.

    padding       a number for each dimension, or "same" (sizes stay), or "valid" (none)
    groups        the channels fall into so many groups that don't see each other
    padding_mode  what the padding shows: "zeros", "reflect", "replicate" or "circular"

    weight is (out_channels, in_channels / groups, *kernel_size); it and the bias start uniform. Raises RuntimeError if
    the input has other channels, or is smaller than the kernel.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any = 1, padding: Any = 0,
                 dilation: Any = 1, groups: int = 1, bias: bool = True, padding_mode: str = "zeros",
                 device: Any = None, dtype: Any = None):
        each = self._each
        super().__init__(in_channels, out_channels, each(kernel_size), each(stride),
                         padding if isinstance(padding, str) else each(padding), each(dilation), False, each(0), groups,
                         bias, padding_mode, device, dtype)

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if self.padding_mode == "zeros":
            return self._function(input, weight, bias, self.stride, self.padding, self.dilation, self.groups)
        padded = F.pad(input, self._reversed_padding_repeated_twice, self.padding_mode)
        return self._function(padded, weight, bias, self.stride, 0, self.dilation, self.groups)

    def forward(self, input: Tensor) -> Tensor:
        return self._conv_forward(input, self.weight, self.bias)


class _ConvTransposeNd(_ConvNd, calls="conv_transpose{}d"):
    """The transpose of `Conv{dims}d`, as a linear map: each element of the input adds a kernel to the output.

    (N, in_channels, {sizes}) to (N, out_channels, {sizes}), each size n becoming
    ``(n - 1) * stride - 2 * padding + dilation * (kernel_size - 1) + output_padding + 1``. With a stride several sizes
    fit: `output_padding` chooses one, or ``layer(x, output_size=...)`` does. The batch dimension may be missing.

    weight is (in_channels, out_channels / groups, *kernel_size); it and the bias start uniform.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any = 1, padding: Any = 0,
                 output_padding: Any = 0, groups: int = 1, bias: bool = True, dilation: Any = 1,
                 padding_mode: str = "zeros", device: Any = None, dtype: Any = None):
        if padding_mode != "zeros":
            raise ValueError(f'Only "zeros" padding mode is supported for {type(self).__name__}; got {padding_mode!r}')
        each = self._each
        super().__init__(in_channels, out_channels, each(kernel_size), each(stride), each(padding), each(dilation), True,
                         each(output_padding), groups, bias, padding_mode, device, dtype)

    def forward(self, input: Tensor, output_size: Any = None) -> Tensor:
        extra = self.output_padding if output_size is None else self._output_padding(input, output_size)
        return self._function(input, self.weight, self.bias, self.stride, self.padding, extra, self.groups, self.dilation)

    def _output_padding(self, input: Tensor, output_size: Any) -> list[int]:
        """What the outputs lack of the sizes that were asked for."""
        dims, before = self._dims, max(input.dim() - self._dims, 0)
        wanted = list(output_size)[before:] if len(output_size) == before + dims else list(output_size)
        if len(wanted) != dims:
            raise ValueError(f"{type(self).__name__}: for {input.dim()}D input, output_size must have {dims} or "
                             f"{before + dims} elements (got {len(output_size)})")
        least = [(n - 1) * s - 2 * p + d * (k - 1) + 1 for n, s, p, d, k in zip(
            input.shape[before:], self.stride, self.padding, self.dilation, self.kernel_size, strict=True)]
        most = [n + s - 1 for n, s in zip(least, self.stride, strict=True)]
        if not all(a <= n <= b for a, n, b in zip(least, wanted, most, strict=True)):
            raise ValueError(f"requested an output size of {wanted}, but valid sizes range from {least} to {most} (for an "
                             f"input of {tuple(input.shape[before:])})")
        return [n - a for n, a in zip(wanted, least, strict=True)]


class Conv1d(_Convolution, dims=1):
    """>>> ndl.nn.Conv1d(16, 33, 3, stride=2)(ndl.ones(20, 16, 50)).shape
    Size([20, 33, 24])
    """


class Conv2d(_Convolution, dims=2):
    """>>> layer = ndl.nn.Conv2d(3, 8, kernel_size=3, padding=1)
    >>> layer(ndl.ones(2, 3, 28, 28)).shape
    Size([2, 8, 28, 28])
    """


class Conv3d(_Convolution, dims=3): ...


class ConvTranspose1d(_ConvTransposeNd, dims=1): ...


class ConvTranspose2d(_ConvTransposeNd, dims=2):
    """>>> up = ndl.nn.ConvTranspose2d(8, 3, kernel_size=4, stride=2, padding=1)
    >>> up(ndl.ones(2, 8, 14, 14)).shape
    Size([2, 3, 28, 28])
    """


class ConvTranspose3d(_ConvTransposeNd, dims=3): ...
