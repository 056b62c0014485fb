"""The course's ways to fill a new Tensor. `rand` and `randn` draw from the package's generator: see `ndl.manual_seed`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import random
from .autograd import Tensor


def _make(array: np.ndarray, device: Any, dtype: Any, requires_grad: bool) -> Tensor:
    return Tensor(array, device=device, dtype=dtype, requires_grad=requires_grad)


def constant(*shape: int, c: float = 1.0, device: Any = None, dtype: Any = "float32", requires_grad: bool = False) -> Tensor:
    """Every element is `c`."""
    return _make(np.full(shape, c), device, dtype, requires_grad)


def ones(*shape: int, device: Any = None, dtype: Any = "float32", requires_grad: bool = False) -> Tensor:
    """Every element is 1.

    >>> needle.init.ones(2, 2)
    needle.Tensor([[1. 1.]
     [1. 1.]])
    """
    return _make(np.ones(shape), device, dtype, requires_grad)


def zeros(*shape: int, device: Any = None, dtype: Any = "float32", requires_grad: bool = False) -> Tensor:
    """Every element is 0."""
    return _make(np.zeros(shape), device, dtype, requires_grad)


def rand(*shape: int, low: float = 0.0, high: float = 1.0, device: Any = None, dtype: Any = "float32",
         requires_grad: bool = False) -> Tensor:
    """Uniform between `low` and `high`."""
    drawn = random.default_generator.uniform(shape, np.dtype("float32"), low, high)
    return _make(drawn, device, dtype, requires_grad)


def randn(*shape: int, mean: float = 0.0, std: float = 1.0, device: Any = None, dtype: Any = "float32",
          requires_grad: bool = False) -> Tensor:
    """Normal, with the given mean and standard deviation."""
    drawn = random.default_generator.normal(shape, np.dtype("float32"), mean, std)
    return _make(drawn, device, dtype, requires_grad)


def randb(*shape: int, p: float = 0.5, device: Any = None, dtype: Any = "bool", requires_grad: bool = False) -> Tensor:
    """True with probability `p`."""
    drawn = random.default_generator.bernoulli(p, shape, np.dtype("float32"))
    return _make(drawn, device, dtype, requires_grad)


def one_hot(n: int, i: Any, device: Any = None, dtype: Any = "float32", requires_grad: bool = False) -> Tensor:
    """Rows of the n x n unit matrix: row i[k] is the k-th."""
    where = i.numpy() if isinstance(i, Tensor) else np.asarray(i)
    return _make(np.eye(n)[where.astype(np.int64)], device, dtype, requires_grad)


def zeros_like(array: Tensor, *, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Zeros of the shape and dtype of `array`."""
    return zeros(*array.shape, device=device, dtype=array.dtype, requires_grad=requires_grad)


def ones_like(array: Tensor, *, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Ones of the shape and dtype of `array`."""
    return ones(*array.shape, device=device, dtype=array.dtype, requires_grad=requires_grad)


def xavier_uniform(fan_in: int, fan_out: int, gain: float = 1.0, **kwargs: Any) -> Tensor:
    """(fan_in, fan_out), uniform within ± gain √(6 / (fan_in + fan_out)). Glorot and Bengio, 2010."""
    a = gain * math.sqrt(6 / (fan_in + fan_out))
    return rand(fan_in, fan_out, low=-a, high=a, **kwargs)


def xavier_normal(fan_in: int, fan_out: int, gain: float = 1.0, **kwargs: Any) -> Tensor:
    """(fan_in, fan_out), normal with standard deviation gain √(2 / (fan_in + fan_out))."""
    return randn(fan_in, fan_out, std=gain * math.sqrt(2 / (fan_in + fan_out)), **kwargs)


def kaiming_uniform(fan_in: int, fan_out: int, nonlinearity: str = "relu", shape: tuple[int, ...] | None = None,
                    **kwargs: Any) -> Tensor:
    """(fan_in, fan_out), or `shape`; uniform within ± √2 √(3 / fan_in). He et al., 2015."""
    _check_relu(nonlinearity)
    a = math.sqrt(2) * math.sqrt(3 / fan_in)
    return rand(*(shape or (fan_in, fan_out)), low=-a, high=a, **kwargs)


def kaiming_normal(fan_in: int, fan_out: int, nonlinearity: str = "relu", shape: tuple[int, ...] | None = None,
                   **kwargs: Any) -> Tensor:
    """(fan_in, fan_out), or `shape`; normal with standard deviation √2 / √fan_in."""
    _check_relu(nonlinearity)
    return randn(*(shape or (fan_in, fan_out)), std=math.sqrt(2) / math.sqrt(fan_in), **kwargs)


def _check_relu(nonlinearity: str) -> None:
    if nonlinearity != "relu":
        raise ValueError(f"kaiming initialisation here knows 'relu' only; got {nonlinearity!r}")
