"""Padding: more places around an image. The numbers are (left, right, top, bottom, front, back), or one for all sides."""

from __future__ import annotations

from typing import Any

from ..tensor import Tensor
from . import functional as F
from .family import Family, _ntuple


class _PadNd(Family):
    """What all padding shares."""

    _mode = "constant"

    def __init__(self, padding: Any):
        super().__init__()
        self.padding = _ntuple(2 * self._dims)(padding)

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, self._mode)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _ConstantPadNd(_PadNd):
    """`value` around the last {dims} of any dimensions. Negative padding cuts off."""

    def __init__(self, padding: Any, value: float):
        super().__init__(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class _ReflectionPadNd(_PadNd):
    """The image reflected at its first and last elements: (N, C, {sizes}) or (C, {sizes})."""

    _mode = "reflect"


class _ReplicationPadNd(_PadNd):
    """The image's first and last elements repeated: (N, C, {sizes}) or (C, {sizes})."""

    _mode = "replicate"


class _CircularPadNd(_PadNd):
    """The image as if its opposite ends met: (N, C, {sizes}) or (C, {sizes})."""

    _mode = "circular"

    def forward(self, input: Tensor) -> Tensor:
        n = self._dims
        if input.dim() not in (n + 1, n + 2):
            raise ValueError(f"expected {n + 1}D or {n + 2}D input (got {input.dim()}D input)")
        return super().forward(input)


class _ZeroPad:
    """Zeros around the last {dims} of any dimensions. Negative padding cuts off."""

    padding: tuple

    def __init__(self, padding: Any):
        super().__init__(padding, 0.0)  # type: ignore[call-arg]

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ConstantPad1d(_ConstantPadNd, dims=1):
    """>>> ndl.nn.ConstantPad1d(2, 9.0)(ndl.zeros(1, 1))
    tensor([[9., 9., 0., 9., 9.]])
    """


class ConstantPad2d(_ConstantPadNd, dims=2): ...


class ConstantPad3d(_ConstantPadNd, dims=3): ...


class ZeroPad1d(_ZeroPad, ConstantPad1d, dims=1): ...


class ZeroPad2d(_ZeroPad, ConstantPad2d, dims=2):
    """>>> ndl.nn.ZeroPad2d((1, 1, 2, 0))(ndl.ones(1, 3, 8, 8)).shape
    Size([1, 3, 10, 10])
    """


class ZeroPad3d(_ZeroPad, ConstantPad3d, dims=3): ...


class ReflectionPad1d(_ReflectionPadNd, dims=1):
    """>>> ndl.nn.ReflectionPad1d(2)(ndl.tensor([[1.0, 2.0, 3.0]]))
    tensor([[3., 2., 1., 2., 3., 2., 1.]])
    """


class ReflectionPad2d(_ReflectionPadNd, dims=2): ...


class ReflectionPad3d(_ReflectionPadNd, dims=3): ...


class ReplicationPad1d(_ReplicationPadNd, dims=1):
    """>>> ndl.nn.ReplicationPad1d((0, 2))(ndl.tensor([[1.0, 2.0, 3.0]]))
    tensor([[1., 2., 3., 3., 3.]])
    """


class ReplicationPad2d(_ReplicationPadNd, dims=2): ...


class ReplicationPad3d(_ReplicationPadNd, dims=3): ...


class CircularPad1d(_CircularPadNd, dims=1):
    """>>> ndl.nn.CircularPad1d(2)(ndl.tensor([[1.0, 2.0, 3.0]]))
    tensor([[2., 3., 1., 2., 3., 1., 2.]])
    """


class CircularPad2d(_CircularPadNd, dims=2): ...


class CircularPad3d(_CircularPadNd, dims=3): ...
