"""Images looked up at any place: grid_sample, and affine_grid, which makes such places.

https://pytorch.org/docs/stable/generated/torch.nn.functional.grid_sample.html
"""

from __future__ import annotations

import itertools
import math
import warnings
from typing import Any

from .. import backend, errors
from ..composite import composite
from ..faces import FACES, F
from ..tensor import Tensor, wrap
from .resample import cubic


@composite(on="functional", out=False)
def affine_grid(theta, size, align_corners=None):
    """Where the pixels of an image of `size` (N, C, H, W) come from, for `grid_sample`: the affine maps `theta` (N, 2, 3) of
    the pixels' places, (N, H, W, 2). With one more dimension: theta (N, 3, 4), (N, D, H, W, 3).

    >>> ndl.nn.functional.affine_grid(ndl.eye(2, 3)[None], (1, 1, 1, 2), align_corners=False)
    tensor([[[[-0.5000,  0.0000],
              [ 0.5000,  0.0000]]]])
    """
    size = tuple(size)
    if align_corners is None:
        _warn_of_corners()
    if not theta.is_floating_point():
        raise ValueError(f"Expected theta to have floating point type, but got {theta.dtype!r}")
    dims = len(size) - 2
    if dims not in (2, 3):
        raise NotImplementedError(f"affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, "
                                  f"respectively. Got size {size}.")
    if theta.ndim != 3 or tuple(theta.shape[1:]) != (dims, dims + 1):
        raise ValueError(f"Expected a batch of {dims}D affine matrices of shape Nx{dims}x{dims + 1} for size {size}. Got "
                         f"{tuple(theta.shape)}.")
    if align_corners and min(size[2:]) == 1:
        warnings.warn("Since version 1.3.0, affine_grid behavior has changed for unit-size grids when align_corners=True. "
                      "This is not an intended use case of affine_grid. See the documentation of affine_grid for details.",
                      stacklevel=5)
    elif min(size) <= 0:
        raise ValueError(f"Expected non-zero, positive output size. Got {size}")
    return affine_grid_generator.composite(theta, size, bool(align_corners))


@composite(on="torch", out=False)
def affine_grid_generator(theta, size, align_corners):
    """What `nn.functional.affine_grid` computes."""
    n, _, *places = size
    if theta.shape[0] != n:
        raise RuntimeError(f"affine_grid: Expected {n} affine matrices for size {tuple(size)}, but got {theta.shape[0]}.")
    dims, xp = len(places), backend.of_type(type(theta._array)).xp
    base = xp.ones((*places, dims + 1), theta._array.dtype)
    for d, m in enumerate(places):
        # As torch rounds: for the identity map the places lie on the pixels, and rounding says to which side of them.
        at = FACES["torch"]["linspace"](-1, 1, m, dtype=theta.dtype, device=theta.device)._array if m > 1 else xp.zeros(1)
        at = at if align_corners else at * (m - 1) / m
        base[..., dims - 1 - d] = at.reshape((-1,) + (1,) * (dims - 1 - d))
    return (wrap(base.reshape(1, -1, dims + 1)) @ theta.mT).reshape(n, *places, dims)


def _warn_of_corners() -> None:
    warnings.warn("Default grid_sample and affine_grid behavior has changed to align_corners=False since 1.3.0. Please specify "
                  "align_corners=True if the old behavior is desired. See the documentation of grid_sample for details.",
                  stacklevel=6)


# --- looking up -------------------------------------------------------------------------------------------------------

_MODES, _PADDINGS = ("bilinear", "nearest", "bicubic"), ("zeros", "border", "reflection")


@composite(on="functional", out=False)
def grid_sample(input, grid, mode="bilinear", padding_mode="zeros", align_corners=None):
    """The images (N, C, H, W) at the places `grid` (N, H', W', 2), which are pairs (x, y) from -1, the left and top, to 1,
    the right and bottom: (N, C, H', W'). With one more dimension: grid (N, D', H', W', 3) of (x, y, z).

    mode           "bilinear" (trilinear for 3 dimensions), "nearest" or "bicubic": what to make of the pixels around a place
    padding_mode   "zeros", "border" or "reflection": what lies outside
    align_corners  -1 and 1 are the centers of the outermost pixels, rather than their outer edges

    >>> image, grid = ndl.arange(4.).reshape(1, 1, 2, 2), ndl.zeros(1, 1, 1, 2)
    >>> ndl.nn.functional.grid_sample(image, grid, align_corners=False)  # the middle
    tensor([[[[1.5000]]]])
    """
    if mode not in _MODES:
        raise ValueError(f"nn.functional.grid_sample(): expected mode to be 'bilinear', 'nearest' or 'bicubic', but got: "
                         f"'{mode}'")
    if padding_mode not in _PADDINGS:
        raise ValueError(f"nn.functional.grid_sample(): expected padding_mode to be 'zeros', 'border', or 'reflection', but "
                         f"got: '{padding_mode}'")
    if align_corners is None:
        _warn_of_corners()
    return grid_sampler.composite(input, grid, _MODES.index(mode), _PADDINGS.index(padding_mode), bool(align_corners))


@composite(on="torch", aliases=("grid_sampler_2d", "grid_sampler_3d"), out=False)
def grid_sampler(input, grid, interpolation_mode, padding_mode, align_corners):
    """What `nn.functional.grid_sample` computes, with its modes as numbers."""
    _check_grid(input, grid, interpolation_mode)
    mode, padding = _MODES[interpolation_mode], _PADDINGS[padding_mode]
    n, c, *sizes = input.shape
    dims = len(sizes)
    planes = input.reshape(n, c, math.prod(sizes))
    # Where each place lies, in pixels, for each dimension; a grid names the last dimension first.
    places = grid.reshape(n, 1, math.prod(grid.shape[1:-1]), dims)
    where = [_in_pixels(places[..., dims - 1 - d], size, align_corners) for d, size in enumerate(sizes)]
    if mode != "bicubic":
        where = [_inside(x, size, padding, align_corners) for x, size in zip(where, sizes, strict=True)]
    # For each dimension: the neighbours that count, as (pixel, weight).
    if mode == "nearest":
        near = [[(x.detach().round(), None)] for x in where]
    else:
        near = []
        for x, size in zip(where, sizes, strict=True):
            low = x.detach().floor()
            t = x - low
            if mode == "bilinear":
                near.append([(low, 1 - t), (low + 1, t)])
            else:
                near.append([(_inside(low + (k - 1), size, padding, align_corners), w) for k, w in enumerate(cubic(t))])
    out = None
    for corner in itertools.product(*near):
        index, weight = _address([pixel for pixel, _ in corner], sizes)
        for _, w in corner:
            if w is not None:
                weight = weight * w
        part = F.planes_take(planes, index, 1) * weight
        out = part if out is None else out + part
    return out.reshape(n, c, *grid.shape[1:-1])


def _check_grid(input: Tensor, grid: Tensor, mode: int) -> None:
    name, dims = "grid_sampler()", input.ndim - 2
    if input.dtype != grid.dtype:
        raise RuntimeError(f"{name}: expected scalar type {input.dtype!r} but found {grid.dtype!r}; input and grid must have "
                           f"the same dtype")
    if not grid.ndim or not input.ndim or input.shape[0] != grid.shape[0]:
        raise RuntimeError(f"{name}: expected grid and input to have same batch size, but got input with sizes "
                           f"{list(input.shape)} and grid with sizes {list(grid.shape)}")
    if grid.shape[-1] != dims:
        raise RuntimeError(f"{name}: expected grid to have size {dims} in last dimension, but got grid with sizes "
                           f"{list(grid.shape)}")
    if dims not in (2, 3) or grid.ndim != input.ndim:
        raise RuntimeError(f"{name}: expected 4D or 5D input and grid with same number of dimensions, but got input with "
                           f"sizes {list(input.shape)} and grid with sizes {list(grid.shape)}")
    if 0 in input.shape[2:]:
        raise RuntimeError(f"{name}: expected input to have non-empty spatial dimensions, but input has sizes "
                           f"{list(input.shape)}")
    if mode == 2 and dims == 3:
        raise RuntimeError(f"{name}: bicubic interpolation only supports 4D input")
    if not input.is_floating_point():
        raise errors.not_implemented("grid_sampler", input._array)


def _in_pixels(x: Tensor, size: int, align_corners: bool) -> Tensor:
    """Places from -1 to 1 as places from 0 to size - 1 (or half a pixel more at either end)."""
    return (x + 1) * ((size - 1) / 2) if align_corners else (x + 1) * (size / 2) - 0.5


def _inside(x: Tensor, size: int, padding: str, align_corners: bool) -> Tensor:
    """Places outside moved inside: to the border, or as if the image were mirrored there."""
    if padding == "zeros":
        return x
    if padding == "reflection":
        low, span = (0.0, size - 1.0) if align_corners else (-0.5, float(size))
        if span == 0:
            x = x * 0
        else:
            x = x - low
            x = F.where(x < 0, -x, x)
            turns = (x.detach() / span).floor()
            rest = x - turns * span
            x = F.where(turns % 2 == 0, rest, span - rest) + low
    return F.where((x > 0) & (x < size - 1), x, x.detach().clamp(0, size - 1))


def _address(pixels: list[Tensor], sizes: list[int]) -> tuple[Tensor, Tensor]:
    """Where pixels lie in their plane, and 1 for those inside of it, 0 for the others."""
    index: Any = None
    counts: Any = None
    for x, size in zip(pixels, sizes, strict=True):
        x = x.detach()
        inside = (x >= 0) & (x <= size - 1)
        at = F.where(inside, x, 0.0).long()
        counts = inside if counts is None else counts & inside
        index = at if index is None else index * size + at
    return index, counts.to(pixels[0].dtype)
