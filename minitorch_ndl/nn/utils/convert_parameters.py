"""All parameters as one vector, and back."""

from __future__ import annotations

from collections.abc import Iterable

from ...faces import F
from ...tensor import Tensor


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """The elements of all parameters, in a row.

    >>> ndl.nn.utils.parameters_to_vector(ndl.nn.Linear(3, 2).parameters()).shape
    Size([8])
    """
    return F.cat([parameter.view(-1) for parameter in parameters])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Give the parameters, which stay the same objects, the values in `vec`, in order."""
    if not isinstance(vec, Tensor):
        raise TypeError(f"expected Tensor, but got: {type(vec).__name__}")
    start = 0
    for parameter in parameters:
        stop = start + parameter.numel()
        parameter.data = vec[start:stop].view_as(parameter).data
        start = stop
