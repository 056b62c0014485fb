"""How far apart, or how much alike, two vectors are. (`cdist` and `dist`, which compare whole sets, are norms.)"""

from __future__ import annotations

from ..composite import composite
from ..faces import F
from .rearrange import broadcast_shapes


@composite(on="functional torch", out=False)
def pairwise_distance(x1, x2, p=2.0, eps=1e-6, keepdim=False):
    """The `p`-norm of x1 - x2 + eps over the last dimension: (N, D) and (N, D), which may broadcast, to (N).

    >>> ndl.nn.functional.pairwise_distance(ndl.zeros(1, 2), ndl.tensor([[3.0, 4.0]]))
    tensor([5.])
    """
    return (x1 - x2 + eps).norm(p, -1, keepdim)


@composite(on="functional torch", out=False)
def cosine_similarity(x1, x2, dim=1, eps=1e-8):
    """The cosine of the angle between x1 and x2, along `dim`: their product by their lengths (not below `eps`).

    >>> ndl.nn.functional.cosine_similarity(ndl.tensor([[1.0, 0.0]]), ndl.tensor([[1.0, 1.0]]))
    tensor([0.7071])
    """
    shape = broadcast_shapes(x1.shape, x2.shape)
    x1, x2 = x1.expand(shape), x2.expand(shape)
    lengths = [F.clamp(x.norm(2, dim, True), eps, None) for x in (x1, x2)]
    return ((x1 / lengths[0]) * (x2 / lengths[1])).sum(dim)
