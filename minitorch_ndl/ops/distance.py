"""How far apart, or how much alike, two vectors are. (`cdist` and `dist`, which compare whole sets, are norms.)"""

from __future__ import annotations

from typing import Any

from .. import backend, errors
from ..composite import composite
from ..faces import F
from ..tensor import Tensor, wrap
from .convert import result_type
from .rearrange import broadcast_shapes


@composite(on="functional torch", out=False)
def pairwise_distance(x1, x2, p=2.0, eps=1e-6, keepdim=False):
    """The `p`-norm of x1 - x2 + eps over the last dimension: (N, D) and (N, D), which may broadcast, to (N).

    >>> ndl.nn.functional.pairwise_distance(ndl.zeros(1, 2), ndl.tensor([[3.0, 4.0]]))
    tensor([5.])
    """
    _are_tensors("pairwise_distance", x1, x2)
    return (x1 - x2 + eps).norm(p, -1, keepdim)


@composite(on="functional torch", out=False)
def cosine_similarity(x1, x2, dim=1, eps=1e-8):
    """The cosine of the angle between x1 and x2, along `dim`: their product by their lengths (not below `eps`).

    >>> ndl.nn.functional.cosine_similarity(ndl.tensor([[1.0, 0.0]]), ndl.tensor([[1.0, 1.0]]))
    tensor([0.7071])
    """
    _are_tensors("cosine_similarity", x1, x2)
    common = result_type(x1, x2)
    if not common.is_floating_point:
        raise RuntimeError(f"cosine_similarity: expected common dtype to be floating point, but common dtype is {common!r}. "
                           f"Use x.float().")
    shape = broadcast_shapes(x1.shape, x2.shape)
    x1, x2 = x1.to(common).expand(shape), x2.to(common).expand(shape)
    lengths = [F.clamp_min(x.norm(2, dim, True), eps) for x in (x1, x2)]
    return ((x1 / lengths[0]) * (x2 / lengths[1])).sum(dim)


@composite(on="functional torch", out=False)
def pdist(input, p=2.0):
    """The `p`-norm distances between all pairs of rows, (N, D) to (N * (N - 1) / 2): of 0 and 1, of 0 and 2, and so on.

    >>> ndl.nn.functional.pdist(ndl.tensor([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]]))
    tensor([5.0000, 1.0000, 4.2426])
    """
    if input.ndim != 2:
        raise RuntimeError(f"pdist only supports 2D tensors, got: {input.ndim}D")
    if not input.is_floating_point():
        raise RuntimeError(f"pdist only supports floating-point dtypes; got {input.dtype!r}. Use x.float().")
    if p < 0:
        raise RuntimeError(f"pdist only supports non-negative p values; got {p}")
    if input._array.dtype.char == "e":
        raise errors.not_implemented("pdist", input._array)
    first, second = backend.of_type(type(input._array)).xp.triu_indices(len(input), 1)
    return (input[wrap(first)] - input[wrap(second)]).norm(p, -1)


def _are_tensors(name: str, x1: Any, x2: Any) -> None:
    for i, x in enumerate((x1, x2), 1):
        if not isinstance(x, Tensor):
            raise errors.not_a_tensor(name, f"x{i}", i, x)
