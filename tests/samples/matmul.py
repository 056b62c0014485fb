"""Samples of the matrix products."""

import numpy as np

from . import Sample

rng = np.random.default_rng(0)


def rand(*shape):
    return rng.standard_normal(shape)


def samples(reference, *shapes, **kwargs):
    return [Sample(tuple(rand(*s) for s in case), kwargs, reference) for case in shapes]


SAMPLES = {
    "matmul": samples(
        np.matmul,
        ((3,), (3,)),
        ((2, 3), (3,)),
        ((3,), (3, 4)),
        ((2, 3), (3, 4)),
        ((5, 2, 3), (3, 4)),
        ((5, 2, 3), (3,)),
        ((3,), (5, 3, 2)),
        ((2, 3), (5, 3, 2)),
        ((5, 2, 3), (5, 3, 2)),
        ((4, 1, 2, 3), (5, 3, 2)),
        ((0, 3), (3, 2)),
        ((2, 0), (0, 3)),
    ),
    "mm": samples(np.matmul, ((2, 3), (3, 4))),
    "bmm": samples(np.matmul, ((5, 2, 3), (5, 3, 4))),
    "mv": samples(np.matmul, ((2, 3), (3,))),
    "dot": samples(np.dot, ((3,), (3,))),
    "vdot": samples(np.vdot, ((3,), (3,))),
    "inner": samples(np.inner, ((3,), (3,)), ((2, 3), (4, 2, 3)), ((), (2, 3))),
    "outer": samples(np.outer, ((2,), (3,))),
    "kron": samples(np.kron, ((2, 3), (3, 2)), ((2,), (3, 2))),
    "addmm": samples(lambda x, a, b: x + a @ b, ((2, 4), (2, 3), (3, 4)), ((4,), (2, 3), (3, 4)))
    + samples(
        lambda x, a, b, beta, alpha: beta * x + alpha * (a @ b), ((4,), (2, 3), (3, 4)), beta=0.5, alpha=2
    ),
    "addmv": samples(lambda x, a, b: x + a @ b, ((2,), (2, 3), (3,))),
    "addr": samples(lambda x, a, b: x + np.outer(a, b), ((2, 3), (2,), (3,))),
    "addbmm": samples(lambda x, a, b: x + (a @ b).sum(0), ((2, 4), (5, 2, 3), (5, 3, 4))),
    "baddbmm": samples(lambda x, a, b: x + a @ b, ((5, 2, 4), (5, 2, 3), (5, 3, 4))),
    "tensordot": samples(np.tensordot, ((2, 3, 4), (3, 4, 2)), dims=2)
    + samples(lambda a, b, dims: np.tensordot(a, b, dims), ((2, 3, 4), (4, 3)), dims=([1, 2], [1, 0])),
}
SAMPLES["tensordot"][0].reference = lambda a, b, dims: np.tensordot(a, b, dims)
