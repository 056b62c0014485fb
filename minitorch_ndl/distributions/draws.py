"""Draws that need rejection: gamma and binomial, number by number as PyTorch draws them, so for one seed the same ones."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import backend
from ..autograd.function import Function
from ..random import Generator, default_generator
from ..tensor import Tensor, wrap
from .utils import T


def standard_gamma(alpha: Tensor) -> Tensor:
    """Gamma distributed numbers of rate 1; gradients reach `alpha`."""
    return _StandardGamma.apply(alpha)


def gamma_array(alpha: np.ndarray, generator: Generator = default_generator) -> np.ndarray:
    """The same for an array, as float64."""
    with generator._lock:
        return np.array([_gamma(a, generator) for a in alpha.reshape(-1).tolist()]).reshape(alpha.shape)


def _gamma(alpha: float, generator: Generator) -> float:
    """Marsaglia and Tsang, 2000."""
    scale = 1.0
    if alpha < 1:  # by way of alpha + 1, of which more proposals are taken
        if alpha == 0:
            return 0.0
        scale = (1 - generator._double()) ** (1 / alpha)
        alpha += 1
    d = alpha - 1 / 3
    c = 1 / math.sqrt(9 * d)
    while True:
        x = generator._normal()
        while 1 + c * x <= 0:
            x = generator._normal()
        v = (1 + c * x) ** 3
        u = 1 - generator._double()
        if u < 1 - 0.0331 * x**4 or math.log(u) < 0.5 * x * x + d * (1 - v + math.log(v)):
            return scale * d * v


class _StandardGamma(Function):
    @staticmethod
    def forward(ctx: Any, alpha: Tensor) -> Tensor:
        array = backend.to_numpy(alpha._array)
        drawn = np.maximum(gamma_array(array), np.finfo(array.dtype).tiny).astype(array.dtype)
        value = wrap(backend.of_type(type(alpha._array)).from_numpy(drawn))
        ctx.save_for_backward(alpha, value)
        return value

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        alpha, value = ctx.saved_tensors
        a, x = _doubles(alpha, value)
        slope = -_slope(a, x) / _density(a, x)  # dx/dalpha where the probability of less than x stays the same
        return grad * _like(slope, grad)


def gamma_cdf(alpha: Tensor, value: Tensor) -> Tensor:
    """The probability of at most `value`, for rate 1, with gradients to both."""
    return _GammaCdf.apply(*T.broadcast_tensors(alpha, value))


class _GammaCdf(Function):
    @staticmethod
    def forward(ctx: Any, alpha: Tensor, value: Tensor) -> Tensor:
        ctx.save_for_backward(alpha, value)
        return _like(_below_and_above(*_doubles(alpha, value))[0], value)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor]:
        a, x = _doubles(*ctx.saved_tensors)
        return grad * _like(_slope(a, x), grad), grad * _like(_density(a, x), grad)


def _doubles(*tensors: Tensor) -> list[np.ndarray]:
    return [backend.to_numpy(t._array).astype(np.float64) for t in tensors]


def _like(array: np.ndarray, tensor: Tensor) -> Tensor:
    return wrap(backend.of_type(type(tensor._array)).from_numpy(np.asarray(array, tensor._array.dtype)))


def _log_gamma(a: np.ndarray) -> np.ndarray:
    return wrap(np.asarray(a)).lgamma()._array


def _density(a: np.ndarray, x: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        return np.exp((a - 1) * np.log(x) - x - _log_gamma(a))


def _slope(a: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The derivative of the probability of less than x by a: a difference, of the smaller of both tails."""
    step = a * 1e-4
    (below_1, above_1), (below_2, above_2) = _below_and_above(a - step, x), _below_and_above(a + step, x)
    return np.where(x < a, below_2 - below_1, above_1 - above_2) / (2 * step)


def _below_and_above(a: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The probabilities of less and of more than x: a power series below a + 1, a continued fraction above it.

    Numerical Recipes, 6.2.
    """
    below = np.empty(a.shape)
    low = np.asarray(x < a + 1)
    with np.errstate(all="ignore"):
        front = np.exp(a * np.log(x) - x - _log_gamma(a + 1))
        # 1 + x / (a + 1) + x^2 / ((a + 1) (a + 2)) + ...
        n, z = a[low], x[low]
        total, term = np.ones_like(z), np.ones_like(z)
        while (term > 1e-17 * total).any():
            n = n + 1
            term = term * z / n
            total += term
        below[low] = front[low] * total
        # 1 / (x + 1 - a - 1 (1 - a) / (x + 3 - a - 2 (2 - a) / (x + 5 - a - ...))), by Lentz's method.
        n, z = a[~low], x[~low]
        b = z + 1 - n
        c, d = np.full_like(z, 1e300), 1 / b
        fraction, factor, i = d, np.zeros_like(z), 0
        while (np.abs(factor - 1) > 1e-15).any() and i < 10_000:
            i += 1
            b = b + 2
            d = 1 / (b - i * (i - n) * d)
            c = b - i * (i - n) / c
            factor = c * d
            fraction = fraction * factor
        above = np.asarray(1 - below)
        above[~low] = np.where(np.isinf(z), 0, front[~low] * n * fraction)
        below[~low] = 1 - above[~low]
    return below, above


def binomial(count: Tensor, prob: Tensor) -> Tensor:
    """How many of `count` trials succeed, at probability `prob` each."""
    n, p = np.broadcast_arrays(backend.to_numpy(count._array), backend.to_numpy(prob._array))
    generator = default_generator
    with generator._lock:
        drawn = [_binomial(a, b, generator._double) for a, b in zip(n.reshape(-1).tolist(), p.reshape(-1).tolist())]
    array = np.array(drawn, p.dtype).reshape(p.shape)
    return wrap(backend.of_type(type(prob._array)).from_numpy(array))


def _binomial(n: float, p: float, uniform: Callable[[], float]) -> float:
    if n <= 0 or p <= 0:
        return 0.0
    if p >= 1:
        return n
    if p > 0.5:
        return n - _binomial_below_half(n, 1 - p, uniform)
    return _binomial_below_half(n, p, uniform) if p == p else math.nan


def _binomial_below_half(n: float, p: float, uniform: Callable[[], float]) -> float:
    if n * p < 10:  # the waiting times for successes, until n trials are used up
        successes, trials, log_failure = 0, 0.0, math.log1p(-p)
        while True:
            u = uniform()
            trials += math.ceil(math.log(u) / log_failure) if u else math.inf
            if trials > n:
                return float(successes)
            successes += 1
    # Hoermann's rejection (BTRS, 1993).
    deviation = math.sqrt(n * p * (1 - p))
    b = 1.15 + 2.53 * deviation
    a = -0.0873 + 0.0248 * b + 0.01 * p
    odds, m = p / (1 - p), math.floor((n + 1) * p)
    alpha = (2.83 + 5.1 / b) * deviation
    while True:
        u = uniform() - 0.5
        v = uniform()
        distance = 0.5 - abs(u)
        k = math.floor((2 * a / distance + b) * u + n * p + 0.5)
        if distance >= 0.07 and v <= 0.92 - 4.2 / b:
            return float(k)
        if k < 0 or k > n:
            continue
        bound = ((m + 0.5) * math.log((m + 1) / (odds * (n - m + 1))) + (n + 1) * math.log((n - m + 1) / (n - k + 1))
                 + (k + 0.5) * math.log(odds * (n - k + 1) / (k + 1))
                 + _stirling(m) + _stirling(n - m) - _stirling(k) - _stirling(n - k))
        if v == 0 or math.log(v * alpha / (a / (distance * distance) + b)) <= bound:
            return float(k)


def _stirling(k: float) -> float:
    """What Stirling's formula leaves of log k!."""
    if k <= 9:
        return math.lgamma(k + 1) - (k + 0.5) * math.log(k + 1) + k + 1 - 0.5 * math.log(2 * math.pi)
    square = (k + 1) ** 2
    return (1 / 12 - (1 / 360 - 1 / 1260 / square) / square) / (k + 1)
