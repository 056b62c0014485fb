"""Layers that are one matrix: Linear, Bilinear; and Identity, which is none."""

from __future__ import annotations

import math
from typing import Any

from ..ops.affine import linear
from ..tensor import Tensor
from . import functional as F, init
from .module import Module
from .parameter import unset

_linear = linear.op.run


class Identity(Module):
    """Hands its input on; takes any arguments. https://pytorch.org/docs/stable/generated/torch.nn.Identity.html"""

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__()

    def forward(self, input: Any) -> Any:
        return input


class Linear(Module):
    """``x @ weight.T + bias``: (..., in_features) to (..., out_features).

    weight (out_features, in_features) and bias (out_features) start uniform on ±1 / sqrt(in_features).
    https://pytorch.org/docs/stable/generated/torch.nn.Linear.html

    >>> layer = ndl.nn.Linear(20, 30)
    >>> layer(ndl.ones(128, 20)).shape
    Size([128, 30])
    """

    def __init__(self, in_features: int, out_features: int, bias: bool = True, device: Any = None, dtype: Any = None):
        super().__init__()
        self.in_features, self.out_features = in_features, out_features
        self.weight = unset(out_features, in_features, device=device, dtype=dtype)
        self.register_parameter("bias", unset(out_features, device=device, dtype=dtype) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new starting values."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            bound = 1 / math.sqrt(self.in_features) if self.in_features else 0
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input: Tensor) -> Tensor:
        own = self._parameters
        if "weight" in own and "bias" in own:  # without `__getattr__`, which Python asks last
            return _linear(input, own["weight"], own["bias"])
        return _linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


class NonDynamicallyQuantizableLinear(Linear):
    """Linear; the name tells torch's quantization to keep away."""


class Bilinear(Module):
    """``x1 @ weight[k] @ x2 + bias[k]`` for each output k.

    (..., in1_features) and (..., in2_features) to (..., out_features).

    https://pytorch.org/docs/stable/generated/torch.nn.Bilinear.html

    >>> ndl.nn.Bilinear(2, 3, 4)(ndl.ones(5, 2), ndl.ones(5, 3)).shape
    Size([5, 4])
    """

    def __init__(self, in1_features: int, in2_features: int, out_features: int, bias: bool = True, device: Any = None,
                 dtype: Any = None):
        super().__init__()
        if in1_features <= 0:
            raise ValueError(f"in1_features must be > 0, but got (in1_features={in1_features})")
        self.in1_features, self.in2_features, self.out_features = in1_features, in2_features, out_features
        self.weight = unset(out_features, in1_features, in2_features, device=device, dtype=dtype)
        self.register_parameter("bias", unset(out_features, device=device, dtype=dtype) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new starting values: uniform on ±1 / sqrt(in1_features)."""
        bound = 1 / math.sqrt(self.in1_features)
        init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input1: Tensor, input2: Tensor) -> Tensor:
        return F.bilinear(input1, input2, self.weight, self.bias)

    def extra_repr(self) -> str:
        return (f"in1_features={self.in1_features}, in2_features={self.in2_features}, "
                f"out_features={self.out_features}, bias={self.bias is not None}")
