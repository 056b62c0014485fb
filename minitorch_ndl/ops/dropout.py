"""Dropout: random zeros while training, so that a network doesn't lean on single features.

The masks are torch's for the same seed. https://pytorch.org/docs/stable/generated/torch.nn.functional.dropout.html
"""

from __future__ import annotations

import math
import warnings
from typing import Any

from .. import backend
from ..composite import composite
from ..random import default_generator
from ..tensor import Tensor, wrap
from .randoms import fill

_ALPHA = 1.7580993408473766  # minus the value that SELU goes to at -infinity


def _check(p: float) -> None:
    if not 0 <= p <= 1:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")


def _kept(input: Tensor, p: float, channels: bool) -> Any:
    """An array of ones and, with probability `p`, zeros: one for each element, or for each channel."""
    array = input._array
    if not channels:
        return fill(array, None, lambda g, shape, dtype: g.bernoulli(1 - p, shape, dtype))
    if array.ndim < 2:
        raise RuntimeError(f"Feature dropout requires at least 2 dimensions in the input; got shape {array.shape}, "
                           f"expected (N, C, ...).")
    shape = (*array.shape[:2], *(1,) * (array.ndim - 2))
    return backend.of_type(type(array)).from_numpy(default_generator.bernoulli(1 - p, shape, array.dtype))


def _dropped(input: Tensor, p: float, training: bool, inplace: bool, channels: bool = False) -> Tensor:
    if not training or p == 0 or not input.numel():
        return input
    if p == 1:
        noise = input.new_zeros(())
    else:
        array = _kept(input, p, channels)
        array /= 1 - p
        noise = wrap(array)
    return input.mul_(noise) if inplace else input * noise


def _of_channels(input: Tensor, p: float, training: bool, inplace: bool, batched: bool) -> Tensor:
    if batched:
        return _dropped(input, p, training, inplace, channels=True)
    result = _dropped(input.unsqueeze(0), p, training, inplace, channels=True)
    return input if inplace else result.squeeze(0)


def _alpha_dropped(input: Tensor, p: float, training: bool, inplace: bool, channels: bool = False) -> Tensor:
    """Dropout to SELU's lowest value instead of to zero, then an affine map that restores mean and variance."""
    if not training or p == 0 or not input.numel():
        return input
    if p == 1:
        return input.mul_(input.new_zeros(())) if inplace else input * input.new_zeros(())
    kept = _kept(input, p, channels)
    scale = 1 / math.sqrt((_ALPHA**2 * p + 1) * (1 - p))
    noise, shift = wrap(kept * scale), wrap((kept - 1) * (_ALPHA * scale) + _ALPHA * scale * p)
    return input.mul_(noise).add_(shift) if inplace else input * noise + shift


@composite(on="functional", out=False)
def dropout(input, p=0.5, training=True, inplace=False):
    """Each element is 0 with probability `p`; the others are divided by 1 - p. Any shape; itself unless `training`.

    >>> x = ndl.nn.functional.dropout(ndl.ones(1000), 0.5)
    >>> sorted(set(x.tolist()))
    [0.0, 2.0]
    """
    _check(p)
    return _dropped(input, p, training, inplace)


@composite(on="functional", out=False)
def alpha_dropout(input, p=0.5, training=False, inplace=False):
    """`dropout` for SELU networks: keeps mean 0 and variance 1. Any shape."""
    _check(p)
    return _alpha_dropped(input, p, training, inplace)


@composite(on="functional", out=False)
def feature_alpha_dropout(input, p=0.5, training=False, inplace=False):
    """`alpha_dropout` of whole channels, (N, C, ...)."""
    _check(p)
    return _alpha_dropped(input, p, training, inplace, channels=True)


@composite(on="functional", out=False)
def dropout1d(input, p=0.5, training=True, inplace=False):
    """Dropout of whole channels, (N, C, L) or (C, L)."""
    _check(p)
    if input.ndim not in (2, 3):
        raise RuntimeError(f"dropout1d: Expected 2D or 3D input, but received a {input.ndim}D input of shape "
                           f"{tuple(input.shape)}. It drops channels of (N, C, L) or (C, L); for single elements use "
                           f"dropout.")
    return _of_channels(input, p, training, inplace, batched=input.ndim == 3)


@composite(on="functional", out=False)
def dropout2d(input, p=0.5, training=True, inplace=False):
    """Dropout of whole channels, (N, C, H, W)."""
    _check(p)
    if input.ndim not in (3, 4):
        _warn_of_dimensions("dropout2d", input.ndim)
    if input.ndim == 3:
        warnings.warn("dropout2d: Received a 3D input to dropout2d and assuming that channel-wise 1D dropout behavior "
                      "is desired - input is interpreted as shape (N, C, L), where C is the channel dim. To maintain "
                      "this, please switch to using dropout1d instead.", stacklevel=4)
    return _dropped(input, p, training, inplace, channels=True)


@composite(on="functional", out=False)
def dropout3d(input, p=0.5, training=True, inplace=False):
    """Dropout of whole channels, (N, C, D, H, W) or (C, D, H, W)."""
    _check(p)
    if input.ndim not in (4, 5):
        _warn_of_dimensions("dropout3d", input.ndim)
    return _of_channels(input, p, training, inplace, batched=input.ndim == 5)


def _warn_of_dimensions(name: str, ndim: int) -> None:
    warnings.warn(f"{name}: Received a {ndim}-D input to {name}, which is deprecated and will result in an error in a "
                  f"future release. To retain the behavior and silence this warning, please use dropout instead.",
                  stacklevel=5)
