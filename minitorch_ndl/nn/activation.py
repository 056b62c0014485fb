"""The nonlinearities as modules, for `Sequential`. Each calls the function of `nn.functional` of its name."""

from __future__ import annotations

from typing import Any

from ..tensor import Tensor
from . import functional as F, init
from .module import Module
from .parameter import unset
from .stateless import Stateless


class ReLU(Stateless, calls="relu"):
    """max(x, 0). https://pytorch.org/docs/stable/generated/torch.nn.ReLU.html

    >>> ndl.nn.ReLU()(ndl.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """

    inplace: bool = False

    def forward(self, input: Tensor) -> Tensor:
        return F.relu(input, self.inplace)


class ReLU6(Stateless, calls="relu6"):
    """min(max(x, 0), 6). https://pytorch.org/docs/stable/generated/torch.nn.ReLU6.html"""

    inplace: bool = False


class LeakyReLU(Stateless, calls="leaky_relu"):
    """x where it is positive, else `negative_slope` x.

    https://pytorch.org/docs/stable/generated/torch.nn.LeakyReLU.html
    """

    negative_slope: float = 0.01
    inplace: bool = False


class PReLU(Module):
    """LeakyReLU with a slope that is learned: one, or one for each channel. (N, C, ...) to the same.

    https://pytorch.org/docs/stable/generated/torch.nn.PReLU.html
    """

    def __init__(self, num_parameters: int = 1, init: float = 0.25, device: Any = None, dtype: Any = None):
        super().__init__()
        self.num_parameters, self.init = num_parameters, init
        self.weight = unset(num_parameters, device=device, dtype=dtype)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Start from the slope `init`."""
        init.constant_(self.weight, self.init)

    def forward(self, input: Tensor) -> Tensor:
        return F.prelu(input, self.weight)

    def extra_repr(self) -> str:
        return f"num_parameters={self.num_parameters}"


class RReLU(Stateless, calls="rrelu"):
    """LeakyReLU with random slopes while training. https://pytorch.org/docs/stable/generated/torch.nn.RReLU.html"""

    lower: float = 1 / 8
    upper: float = 1 / 3
    inplace: bool = False

    def forward(self, input: Tensor) -> Tensor:
        return F.rrelu(input, self.lower, self.upper, self.training, self.inplace)


class ELU(Stateless, calls="elu"):
    """x where it is positive, else alpha (exp(x) - 1). https://pytorch.org/docs/stable/generated/torch.nn.ELU.html"""

    alpha: float = 1.0
    inplace: bool = False


class CELU(Stateless, calls="celu"):
    """x where it is positive, else alpha (exp(x / alpha) - 1).

    https://pytorch.org/docs/stable/generated/torch.nn.CELU.html
    """

    alpha: float = 1.0
    inplace: bool = False


class SELU(Stateless, calls="selu"):
    """ELU, scaled so that variances settle at 1. https://pytorch.org/docs/stable/generated/torch.nn.SELU.html"""

    inplace: bool = False


class GELU(Stateless, calls="gelu"):
    """x P(X <= x) for a standard normal X; "tanh" approximates it.

    https://pytorch.org/docs/stable/generated/torch.nn.GELU.html
    """

    approximate: str = "none"

    def forward(self, input: Tensor) -> Tensor:
        return F.gelu(input, approximate=self.approximate)


class SiLU(Stateless, calls="silu"):
    """x sigmoid(x), also called swish. https://pytorch.org/docs/stable/generated/torch.nn.SiLU.html"""

    inplace: bool = False


class Mish(Stateless, calls="mish"):
    """x tanh(softplus(x)). https://pytorch.org/docs/stable/generated/torch.nn.Mish.html"""

    inplace: bool = False


class Sigmoid(Stateless, calls="sigmoid"):
    """1 / (1 + exp(-x)). https://pytorch.org/docs/stable/generated/torch.nn.Sigmoid.html"""


class LogSigmoid(Stateless, calls="logsigmoid"):
    """log(sigmoid(x)), also where that is tiny. https://pytorch.org/docs/stable/generated/torch.nn.LogSigmoid.html"""


class Hardsigmoid(Stateless, calls="hardsigmoid"):
    """Sigmoid as three straight lines. https://pytorch.org/docs/stable/generated/torch.nn.Hardsigmoid.html"""

    inplace: bool = False

    def extra_repr(self) -> str:
        return ""


class Hardswish(Stateless, calls="hardswish"):
    """x hardsigmoid(x). https://pytorch.org/docs/stable/generated/torch.nn.Hardswish.html"""

    inplace: bool = False

    def extra_repr(self) -> str:
        return ""


class Tanh(Stateless, calls="tanh"):
    """The hyperbolic tangent. https://pytorch.org/docs/stable/generated/torch.nn.Tanh.html"""


class Tanhshrink(Stateless, calls="tanhshrink"):
    """x - tanh(x). https://pytorch.org/docs/stable/generated/torch.nn.Tanhshrink.html"""


class Hardtanh(Stateless, calls="hardtanh"):
    """x, held between `min_val` and `max_val`. https://pytorch.org/docs/stable/generated/torch.nn.Hardtanh.html"""

    min_val: float = -1.0
    max_val: float = 1.0
    inplace: bool = False


class Softplus(Stateless, calls="softplus"):
    """log(1 + exp(beta x)) / beta; x itself where beta x is above `threshold`.

    https://pytorch.org/docs/stable/generated/torch.nn.Softplus.html
    """

    beta: float = 1.0
    threshold: float = 20.0


class Softsign(Stateless, calls="softsign"):
    """x / (1 + |x|). https://pytorch.org/docs/stable/generated/torch.nn.Softsign.html"""


class Softshrink(Stateless, calls="softshrink"):
    """x moved `lambd` towards 0, and 0 within. https://pytorch.org/docs/stable/generated/torch.nn.Softshrink.html"""

    lambd: float = 0.5

    def extra_repr(self) -> str:
        return str(self.lambd)


class Hardshrink(Stateless, calls="hardshrink"):
    """x, but 0 where |x| <= `lambd`. https://pytorch.org/docs/stable/generated/torch.nn.Hardshrink.html"""

    lambd: float = 0.5

    def extra_repr(self) -> str:
        return str(self.lambd)


class Threshold(Stateless, calls="threshold"):
    """x where it is above `threshold`, else `value`.

    https://pytorch.org/docs/stable/generated/torch.nn.Threshold.html
    """

    threshold: float
    value: float
    inplace: bool = False


class GLU(Stateless, calls="glu"):
    """a sigmoid(b), where a and b are the halves of x along `dim`.

    https://pytorch.org/docs/stable/generated/torch.nn.GLU.html
    """

    dim: int = -1


class Softmax(Stateless, calls="softmax"):
    """exp(x) / exp(x).sum(dim). https://pytorch.org/docs/stable/generated/torch.nn.Softmax.html

    >>> ndl.nn.Softmax(dim=1)(ndl.zeros(1, 4))
    tensor([[0.2500, 0.2500, 0.2500, 0.2500]])
    """

    dim: int | None = None


class LogSoftmax(Stateless, calls="log_softmax"):
    """log(softmax(x)). https://pytorch.org/docs/stable/generated/torch.nn.LogSoftmax.html"""

    dim: int | None = None


class Softmin(Stateless, calls="softmin"):
    """softmax(-x). https://pytorch.org/docs/stable/generated/torch.nn.Softmin.html"""

    dim: int | None = None


class Softmax2d(Stateless, calls="softmax"):
    """softmax over the channels: (N, C, H, W) or (C, H, W) to the same.

    https://pytorch.org/docs/stable/generated/torch.nn.Softmax2d.html
    """

    def forward(self, input: Tensor) -> Tensor:
        if input.dim() not in (3, 4):
            raise ValueError(f"Softmax2d: expected input to be 3D or 4D, got {input.dim()}D instead")
        return F.softmax(input, -3)
