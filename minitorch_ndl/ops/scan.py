"""Running results along a dimension: cumulative sums, products and extremes, differences, integrals."""

from __future__ import annotations

from ..faces import F
from ..op import op
from .shape import normal_dim


def _axis(input, dim, name):
    return normal_dim(dim, input.ndim, name)


@op(input=lambda g, dim: F.cumsum_back(g, dim), inplace=True)
def cumsum(xp, input, dim: int, *, dtype: object = None):
    """The sum of all elements up to here, along `dim`.

    >>> ndl.tensor([1, 2, 3]).cumsum(0)
    tensor([1, 3, 6])
    """
    axis = _axis(input, dim, "cumsum")
    kind = input.dtype if input.dtype.kind == "f" or dtype is not None else xp.int64
    return input.cumsum(axis, dtype=kind) if input.ndim else input.astype(kind)


@op(input=lambda g, dim: F.cumsum(g, dim), on="")
def cumsum_back(xp, input, dim: int):
    """The sum of all elements from here on."""
    return xp.flip(xp.flip(input, dim).cumsum(dim), dim) if input.ndim else input.copy()
