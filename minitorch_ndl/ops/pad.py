"""Padding: more elements around what is there."""

from __future__ import annotations

import itertools
from typing import Any

from ..composite import composite
from ..faces import F
from ..op import op

Pads = tuple  # (before, after) for each dimension, in order; negative ones cut off


def _inside(shape: Any, pads: Pads) -> tuple[tuple, tuple]:
    """Where the input's kept part lies in the padded array, and in the input itself."""
    outer = tuple(slice(max(a, 0), max(a, 0) + n + min(a, 0) + min(b, 0)) for n, (a, b) in zip(shape, pads, strict=True))
    inner = tuple(slice(max(-a, 0), n - max(-b, 0)) for n, (a, b) in zip(shape, pads, strict=True))
    return outer, inner


@op(input=lambda g, pads: F.pad_constant(g, tuple((-a, -b) for a, b in pads), 0.0), on="", out=False)
def pad_constant(xp, input, pads: Pads, value: object):
    """The input with `value` around it."""
    shape = tuple(n + a + b for n, (a, b) in zip(input.shape, pads, strict=True))
    out = xp.full(shape, value, input.dtype) if value else xp.zeros(shape, input.dtype)
    outer, inner = _inside(input.shape, pads)
    out[outer] = input[inner]
    return out


def _sources(xp: Any, n: int, before: int, after: int, mode: str) -> Any:
    """For each place along a padded dimension, which element of the input it shows."""
    at = xp.arange(-before, n + after)
    if mode == "replicate":
        return xp.clip(at, 0, n - 1)
    if mode == "circular":
        return at % n
    at = abs(at)  # reflect, about the first and the last element
    return xp.where(at >= n, 2 * (n - 1) - at, at)


@op(input=lambda g, input_shape, pads, mode: F.pad_copied_backward(g, input_shape, pads, mode), on="", out=False)
def pad_copied(xp, input, pads: Pads, mode: str):
    """The input with copies of its own elements around it."""
    out = input
    for dim, (a, b) in enumerate(pads):
        if a or b:
            out = out[(slice(None),) * dim + (_sources(xp, input.shape[dim], a, b, mode),)]
    return out


@op(input=lambda g, pads, mode: F.pad_copied(g, pads, mode), on="", out=False)
def pad_copied_backward(xp, input, shape: object, pads: Pads, mode: str):
    """Every element's share summed back to where it was copied from."""
    g = input
    for dim, (a, b) in reversed(list(enumerate(pads))):
        if a or b:
            n = shape[dim]
            back = xp.zeros((*g.shape[:dim], n, *g.shape[dim + 1:]), g.dtype)
            middle = (slice(None),) * dim
            lead, tail = max(a, 0), max(b, 0)
            start, stop = max(-a, 0), n - max(-b, 0)
            back[(*middle, slice(start, stop))] += g[(*middle, slice(lead, lead + stop - start))]
            sources = _sources(xp, n, a, b, mode)
            for k in itertools.chain(range(lead), range(lead + stop - start, lead + stop - start + tail)):
                back[(*middle, int(sources[k]))] += g[(*middle, k)]
            g = back
    return g


@composite(on="functional", out=False)
def pad(input, pad, mode="constant", value=None):
    """Pads the last dimensions: `pad` is (left, right, top, bottom, ...), counted from the last dimension back.

    `mode`: "constant" (with `value`), "reflect", "replicate" or "circular". Negative numbers cut off.

    >>> ndl.nn.functional.pad(ndl.ones(1, 2), (1, 2))
    tensor([[0., 1., 1., 0., 0.]])
    """
    pad = tuple(int(p) for p in pad)
    if len(pad) % 2:
        raise RuntimeError(f"Padding length must be divisible by 2; got {len(pad)} numbers: {pad}")
    if len(pad) // 2 > input.ndim:
        raise RuntimeError(f"Padding length should be less than or equal to two times the input dimension but got padding "
                           f"length {len(pad)} and input of dimension {input.ndim}")
    given = [(pad[i], pad[i + 1]) for i in range(0, len(pad), 2)][::-1]
    pads = ((0, 0),) * (input.ndim - len(given)) + tuple(given)
    for n, (a, b) in zip(input.shape, pads, strict=True):
        if n + a + b < 0:
            raise RuntimeError(f"The input size {n}, plus negative padding {a} and {b}, resulted in a negative output "
                               f"size, which is invalid. Check the dimensions of your padding: {pad}")
    if mode == "constant":
        if input._array.dtype.kind == "b" and value is not None:
            value = bool(value)
        return F.pad_constant(input, pads, 0.0 if value is None else value)
    if value is not None and value != 0:
        raise ValueError(f'Padding mode "{mode}" doesn\'t take in value argument')
    if mode not in ("reflect", "replicate", "circular"):
        raise NotImplementedError(f"Unrecognised padding mode {mode}; expected constant, reflect, replicate or circular")
    if len(given) not in (1, 2, 3) or not len(given) + 1 <= input.ndim <= len(given) + 2:
        raise NotImplementedError(f"Only 2D, 3D, 4D, 5D padding with non-constant padding are supported for now: "
                                  f"{mode} padding of {len(given)} dimensions of a {input.ndim}-dimensional input")
    for n, (a, b) in zip(input.shape[-len(given):], given, strict=True):
        if mode == "reflect" and (a >= n or b >= n):
            raise RuntimeError(f"Argument #4: Padding size should be less than the corresponding input dimension, but got: "
                               f"padding ({a}, {b}) at a dimension of size {n}")
        if mode == "circular" and (a > n or b > n):
            raise RuntimeError(f"Padding value causes wrapping around more than once: ({a}, {b}) at a dimension of size {n}")
        if mode == "replicate" and n == 0:
            raise RuntimeError(f"Expected a non-empty input to replicate; got shape {tuple(input.shape)}")
    if mode == "circular" and min(pad) < 0:  # what is cut off is no part of the circle
        input = F.pad_constant(input, tuple((min(a, 0), min(b, 0)) for a, b in pads), 0.0)
        pads = tuple((max(a, 0), max(b, 0)) for a, b in pads)
    return F.pad_copied(input, pads, mode)
