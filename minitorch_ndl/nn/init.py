"""Starting values for parameters. Each function fills a tensor in place, unseen by autograd, and returns it.

With the same seed the numbers are those of torch. https://pytorch.org/docs/stable/nn.init.html
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

from .. import linalg
from ..autograd.grad_mode import no_grad
from ..faces import F
from ..ops.randoms import randperm
from ..random import Generator
from ..tensor import Tensor

_LINEAR = ("linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d")


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor by which weights should be larger because of the nonlinearity after them.

    >>> ndl.nn.init.calculate_gain("relu")
    1.4142135623730951
    """
    if nonlinearity in _LINEAR or nonlinearity == "sigmoid":
        return 1
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        if isinstance(slope, bool) or not isinstance(slope, (int, float)):
            raise ValueError(f"negative_slope {param} not a valid number")
        return math.sqrt(2 / (1 + slope**2))
    gains = {"tanh": 5 / 3, "relu": math.sqrt(2), "selu": 3 / 4}
    if nonlinearity not in gains:
        raise ValueError(f"Unsupported nonlinearity {nonlinearity}; expected one of "
                         f"{', '.join([*_LINEAR, 'sigmoid', 'leaky_relu', *gains])}")
    return gains[nonlinearity]


# --- plain distributions and constants ------------------------------------------------------------------------------


@no_grad()
def uniform_(tensor: Any, a: float = 0.0, b: float = 1.0, generator: Generator | None = None) -> Any:
    """Uniform on [a, b)."""
    return tensor.uniform_(a, b, generator=generator)


@no_grad()
def normal_(tensor: Any, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None) -> Any:
    """Normal, of this mean and standard deviation."""
    return tensor.normal_(mean, std, generator=generator)


@no_grad()
def trunc_normal_(tensor: Any, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0,
                  generator: Generator | None = None) -> Any:
    """Normal, without what lies outside [a, b]: that is drawn again until it doesn't.

    >>> x = ndl.nn.init.trunc_normal_(ndl.empty(1000), std=5.0)
    >>> bool((x.abs() <= 2).all())
    True
    """
    if mean < a - 2 * std or mean > b + 2 * std:
        warnings.warn("mean is more than 2 std from [a, b] in nn.init.trunc_normal_. The distribution of values may be "
                      "incorrect.", stacklevel=3)
    within = [(1 + math.erf((end - mean) / std / math.sqrt(2))) / 2 for end in (a, b)]
    if within[1] - within[0] > 0.3:
        low, high = tensor._array.dtype.type(a), tensor._array.dtype.type(b)
        result = tensor.normal_(mean, std, generator=generator)
        while (outside := (result < low) | (result > high)).any():
            result = F.where(outside, tensor.new_empty(tensor.shape).normal_(mean, std, generator=generator), result)
        return tensor.copy_(result) if result is not tensor else tensor
    # Few normals fall inside: draw uniformly, and keep a value as often as its density is of the highest one.
    peak = -0.5 * ((max(a, min(mean, b)) - mean) / std) ** 2
    result = tensor.uniform_(a, b, generator=generator)
    candidates, pending = result.clone(), None
    while True:
        density = candidates.sub(mean).div(std).pow(2).mul(-0.5).sub(peak)
        rejected = tensor.new_empty(tensor.shape).uniform_(generator=generator).log() > density
        pending = rejected if pending is None else pending & rejected
        if not pending.any():
            return tensor.copy_(result) if result is not tensor else tensor
        candidates = tensor.new_empty(tensor.shape).uniform_(a, b, generator=generator)
        result = F.where(pending, candidates, result)


@no_grad()
def constant_(tensor: Any, val: float) -> Any:
    """`val` everywhere."""
    return tensor.fill_(val)


def ones_(tensor: Any) -> Any:
    """1 everywhere."""
    return constant_(tensor, 1.0)


def zeros_(tensor: Any) -> Any:
    """0 everywhere."""
    return constant_(tensor, 0.0)


@no_grad()
def eye_(tensor: Any) -> Any:
    """The identity matrix, so that a Linear layer hands its input on. Two dimensions only."""
    if tensor.ndim != 2:
        raise ValueError(f"Only tensors with 2 dimensions are supported; eye_ got shape {tuple(tensor.shape)}")
    tensor.zero_()
    tensor.diagonal().fill_(1)
    return tensor


@no_grad()
def dirac_(tensor: Any, groups: int = 1) -> Any:
    """The identity for a convolution's weight (out, in / groups, ...): a 1 amid channel i's kernel for channel i."""
    if tensor.ndim not in (3, 4, 5):
        raise ValueError(f"Only tensors with 3, 4, or 5 dimensions are supported; dirac_ got shape "
                         f"{tuple(tensor.shape)}")
    channels, rest = divmod(tensor.shape[0], groups)
    if rest:
        raise ValueError(f"dim 0 must be divisible by groups; dirac_ got {tensor.shape[0]} and {groups}")
    tensor.zero_()
    middle = tuple(n // 2 for n in tensor.shape[2:])
    for group in range(groups):
        for channel in range(min(channels, tensor.shape[1])):
            tensor[(group * channels + channel, channel, *middle)] = 1
    return tensor


# --- scaled to the layer's size -------------------------------------------------------------------------------------


def _calculate_fan_in_and_fan_out(tensor: Tensor) -> tuple[int, int]:
    """How many numbers each output is made of, and how many outputs each input has a part in."""
    if tensor.ndim < 2:
        raise ValueError("Fan in and fan out can not be computed for tensor with fewer than 2 dimensions; got shape "
                         f"{tuple(tensor.shape)}. For biases use zeros_ or uniform_.")
    outputs, inputs, *kernel = tensor.shape
    return inputs * math.prod(kernel), outputs * math.prod(kernel)


def _calculate_correct_fan(tensor: Tensor, mode: str) -> int:
    modes = ["fan_in", "fan_out"]
    if mode.lower() not in modes:
        raise ValueError(f"Mode {mode} not supported, please use one of {modes}")
    return _calculate_fan_in_and_fan_out(tensor)[modes.index(mode.lower())]


def xavier_uniform_(tensor: Any, gain: float = 1.0, generator: Generator | None = None) -> Any:
    """Uniform, so that variances stay, halfway between forward and backward. Glorot and Bengio, 2010."""
    bound = math.sqrt(3.0) * gain * math.sqrt(2.0 / sum(_calculate_fan_in_and_fan_out(tensor)))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Any, gain: float = 1.0, generator: Generator | None = None) -> Any:
    """Normal, so that variances stay, halfway between forward and backward. Glorot and Bengio, 2010."""
    return normal_(tensor, 0.0, gain * math.sqrt(2.0 / sum(_calculate_fan_in_and_fan_out(tensor))), generator)


def kaiming_uniform_(tensor: Any, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu",
                     generator: Generator | None = None) -> Any:
    """Uniform, so that variances stay in spite of the nonlinearity (`a`: slope of a leaky one). He et al., 2015.

    mode  "fan_in" keeps the variance in forward, "fan_out" in backward
    """
    if _is_empty(tensor):
        return tensor
    bound = math.sqrt(3.0) * calculate_gain(nonlinearity, a) / math.sqrt(_calculate_correct_fan(tensor, mode))
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(tensor: Any, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu",
                    generator: Generator | None = None) -> Any:
    """Normal, so that variances stay in spite of the nonlinearity; arguments as for `kaiming_uniform_`.

    >>> w = ndl.nn.init.kaiming_normal_(ndl.empty(300, 200), nonlinearity="relu")
    >>> round(float(w.std()), 2)  # sqrt(2 / 200)
    0.1
    """
    if _is_empty(tensor):
        return tensor
    return normal_(tensor, 0.0, calculate_gain(nonlinearity, a) / math.sqrt(_calculate_correct_fan(tensor, mode)),
                   generator)


def _is_empty(tensor: Tensor) -> bool:
    if 0 in tensor.shape:
        warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=3)
        return True
    return False


@no_grad()
def orthogonal_(tensor: Any, gain: float = 1, generator: Generator | None = None) -> Any:
    """A (semi-)orthogonal matrix, all orientations being equally likely; later dimensions are flattened.

    Saxe et al., 2013; Mezzadri, 2007.
    """
    if tensor.ndim < 2:
        raise ValueError(f"Only tensors with 2 or more dimensions are supported; orthogonal_ got shape "
                         f"{tuple(tensor.shape)}")
    if not tensor.numel():
        return tensor
    matrix = tensor.new_empty(tensor.shape).reshape(tensor.shape[0], -1).normal_(generator=generator)
    wide = matrix.shape[0] < matrix.shape[1]
    q, r = linalg.qr(matrix.t() if wide else matrix)  # type: ignore[attr-defined]
    q = q * r.diagonal().sign()  # QR's own choice of signs is not uniform
    return tensor.copy_((q.t() if wide else q).reshape(tensor.shape)).mul_(gain)


@no_grad()
def sparse_(tensor: Any, sparsity: float, std: float = 0.01, generator: Generator | None = None) -> Any:
    """Normal, with this fraction of each column set to zero. Two dimensions only. Martens, 2010."""
    if tensor.ndim != 2:
        raise ValueError(f"Only tensors with 2 dimensions are supported; sparse_ got shape {tuple(tensor.shape)}")
    rows, columns = tensor.shape
    zeros = math.ceil(sparsity * rows)
    tensor.normal_(0, std, generator=generator)
    for column in range(columns):
        tensor[randperm(rows)[:zeros], column] = 0
    return tensor


# --- as they used to be called ----------------------------------------------------------------------------------------


def _old(function: Callable) -> Callable:
    new_name, old_name = function.__name__, function.__name__[:-1]

    def deprecated(*args: Any, **kwargs: Any) -> Any:
        warnings.warn(f"`nn.init.{old_name}` is now deprecated in favor of `nn.init.{new_name}`.", FutureWarning,
                      stacklevel=2)
        return function(*args, **kwargs)

    deprecated.__name__ = deprecated.__qualname__ = old_name
    deprecated.__doc__ = f"The former name of `{new_name}`."
    return deprecated


uniform, normal, constant, eye, dirac = _old(uniform_), _old(normal_), _old(constant_), _old(eye_), _old(dirac_)
xavier_uniform, xavier_normal = _old(xavier_uniform_), _old(xavier_normal_)
kaiming_uniform, kaiming_normal = _old(kaiming_uniform_), _old(kaiming_normal_)
orthogonal, sparse = _old(orthogonal_), _old(sparse_)
