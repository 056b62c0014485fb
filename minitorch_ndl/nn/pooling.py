"""Pooling: windows that slide over an image, each giving its largest element, its mean, or its norm."""

from __future__ import annotations

from typing import Any

from ..tensor import Tensor
from .family import Family


class _MaxPoolNd(Family, calls="max_pool{}d"):
    """The largest element in each window: (N, C, {sizes}) or (C, {sizes}) to the same with fewer places.

    stride          from one window to the next; default: `kernel_size`
    padding         places of minus infinity around the image
    return_indices  also return where the elements are, for `MaxUnpool{dims}d`
    ceil_mode       also let windows begin that end outside
    """

    def __init__(self, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
                 return_indices: bool = False, ceil_mode: bool = False):
        super().__init__()
        self.kernel_size, self.stride = kernel_size, kernel_size if stride is None else stride
        self.padding, self.dilation = padding, dilation
        self.return_indices, self.ceil_mode = return_indices, ceil_mode

    def forward(self, input: Tensor) -> Any:
        return self._function(input, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode,
                              self.return_indices)

    def extra_repr(self) -> str:
        return (f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
                f"dilation={self.dilation}, ceil_mode={self.ceil_mode}")


class _MaxUnpoolNd(Family, calls="max_unpool{}d"):
    """Zeros, with the elements of `input` put back where ``MaxPool{dims}d(return_indices=True)`` found them.

    Called with (input, indices, output_size=None); the size is needed where several were pooled to the same.
    """

    def __init__(self, kernel_size: Any, stride: Any = None, padding: Any = 0):
        super().__init__()
        self.kernel_size, self.padding = self._each(kernel_size), self._each(padding)
        self.stride = self._each(kernel_size if stride is None else stride)

    def forward(self, input: Tensor, indices: Tensor, output_size: Any = None) -> Tensor:
        return self._function(input, indices, self.kernel_size, self.stride, self.padding, output_size)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class _AvgPoolNd(Family, calls="avg_pool{}d"):
    """The mean of each window: (N, C, {sizes}) or (C, {sizes}) to the same with fewer places.

    stride             from one window to the next; default: `kernel_size`
    ceil_mode          also let windows begin that end outside
    count_include_pad  zeros of the padding count as elements
    """

    def __init__(self, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
                 count_include_pad: bool = True, divisor_override: int | None = None):
        super().__init__()
        self.kernel_size, self.stride = kernel_size, kernel_size if stride is None else stride
        self.padding, self.ceil_mode, self.count_include_pad = padding, ceil_mode, count_include_pad
        self.divisor_override = divisor_override

    def forward(self, input: Tensor) -> Tensor:
        return self._function(input, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad,
                              self.divisor_override)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class _LPPoolNd(Family, calls="lp_pool{}d"):
    """``sum(x ** norm_type) ** (1 / norm_type)`` of each window: (N, C, {sizes}) or (C, {sizes}) to the same with fewer
    places. `stride` defaults to `kernel_size`.
    """

    def __init__(self, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False):
        super().__init__()
        self.norm_type, self.kernel_size, self.stride, self.ceil_mode = norm_type, kernel_size, stride, ceil_mode

    def forward(self, input: Tensor) -> Tensor:
        return self._function(input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode)

    def extra_repr(self) -> str:
        return (f"norm_type={self.norm_type}, kernel_size={self.kernel_size}, stride={self.stride}, "
                f"ceil_mode={self.ceil_mode}")


class _AdaptiveMaxPoolNd(Family, calls="adaptive_max_pool{}d"):
    """The largest element of each of as many regions as `output_size` says, whatever the input's size (None: as it is).

    (N, C, {sizes}) or (C, {sizes}); with `return_indices` also where the elements are.
    """

    def __init__(self, output_size: Any, return_indices: bool = False):
        super().__init__()
        self.output_size, self.return_indices = output_size, return_indices

    def forward(self, input: Tensor) -> Any:
        return self._function(input, self.output_size, self.return_indices)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class _AdaptiveAvgPoolNd(Family, calls="adaptive_avg_pool{}d"):
    """The mean of each of as many regions as `output_size` says, whatever the input's size (None: as it is).

    (N, C, {sizes}) or (C, {sizes}).
    """

    def __init__(self, output_size: Any):
        super().__init__()
        self.output_size = output_size

    def forward(self, input: Tensor) -> Tensor:
        return self._function(input, self.output_size)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class _FractionalMaxPoolNd(Family, calls="fractional_max_pool{}d"):
    """The largest element in windows at random distances, so many that (N, C, {sizes}) gets `output_size`, or
    `output_ratio` (below 1) of its size. https://arxiv.org/abs/1412.6071
    """

    def __init__(self, kernel_size: Any, output_size: Any = None, output_ratio: Any = None, return_indices: bool = False,
                 _random_samples: Tensor | None = None):
        super().__init__()
        name, each = type(self).__name__, self._each
        self.kernel_size, self.return_indices = each(kernel_size), return_indices
        self.output_size = None if output_size is None else each(output_size)
        self.output_ratio = None if output_ratio is None else each(output_ratio)
        self.register_buffer("_random_samples", _random_samples)
        if (output_size is None) == (output_ratio is None):
            raise ValueError(f"{name} requires specifying either an output_size or an output_ratio, and only one of them; got "
                             f"output_size={output_size}, output_ratio={output_ratio}")
        if self.output_ratio is not None and not all(0 < ratio < 1 for ratio in self.output_ratio):
            raise ValueError(f"output_ratio must be between 0 and 1 (got {output_ratio})")
        if self._dims == 3 and min(self.kernel_size) <= 0:
            raise ValueError(f"kernel_size must be greater than 0, but got {kernel_size}")

    def forward(self, input: Tensor) -> Any:
        return self._function(input, self.kernel_size, self.output_size, self.output_ratio, self.return_indices,
                              self._random_samples)


class MaxPool1d(_MaxPoolNd, dims=1): ...


class MaxPool2d(_MaxPoolNd, dims=2):
    """>>> ndl.nn.MaxPool2d(2)(ndl.arange(16.0).reshape(1, 4, 4))
    tensor([[[ 5.,  7.],
             [13., 15.]]])
    """


class MaxPool3d(_MaxPoolNd, dims=3): ...


class MaxUnpool1d(_MaxUnpoolNd, dims=1): ...


class MaxUnpool2d(_MaxUnpoolNd, dims=2):
    """>>> values, where = ndl.nn.MaxPool2d(2, return_indices=True)(ndl.tensor([[[1.0, 2.0], [4.0, 3.0]]]))
    >>> ndl.nn.MaxUnpool2d(2)(values, where)
    tensor([[[0., 0.],
             [4., 0.]]])
    """


class MaxUnpool3d(_MaxUnpoolNd, dims=3): ...


class AvgPool1d(_AvgPoolNd, dims=1):
    """>>> ndl.nn.AvgPool1d(2)(ndl.tensor([[1.0, 3.0, 5.0, 7.0]]))
    tensor([[2., 6.]])
    """

    def __init__(self, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
                 count_include_pad: bool = True):
        each = self._each
        super().__init__(each(kernel_size), each(kernel_size if stride is None else stride), each(padding), ceil_mode,
                         count_include_pad)

    def forward(self, input: Tensor) -> Tensor:
        return self._function(input, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad)


class AvgPool2d(_AvgPoolNd, dims=2):
    """divisor_override  divide by this number, rather than by the number of elements"""


class AvgPool3d(_AvgPoolNd, dims=3):
    """divisor_override  divide by this number, rather than by the number of elements"""


class LPPool1d(_LPPoolNd, dims=1): ...


class LPPool2d(_LPPoolNd, dims=2): ...


class LPPool3d(_LPPoolNd, dims=3): ...


class AdaptiveMaxPool1d(_AdaptiveMaxPoolNd, dims=1): ...


class AdaptiveMaxPool2d(_AdaptiveMaxPoolNd, dims=2): ...


class AdaptiveMaxPool3d(_AdaptiveMaxPoolNd, dims=3): ...


class AdaptiveAvgPool1d(_AdaptiveAvgPoolNd, dims=1): ...


class AdaptiveAvgPool2d(_AdaptiveAvgPoolNd, dims=2):
    """>>> ndl.nn.AdaptiveAvgPool2d((5, None))(ndl.ones(1, 64, 10, 9)).shape
    Size([1, 64, 5, 9])
    """


class AdaptiveAvgPool3d(_AdaptiveAvgPoolNd, dims=3): ...


class FractionalMaxPool2d(_FractionalMaxPoolNd, dims=2): ...


class FractionalMaxPool3d(_FractionalMaxPoolNd, dims=3): ...
