"""Norms and distances against torch: every order, dimension and layout, gradients of both orders, errors."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import minitorch_ndl as ndl
from tests.parity.same import array, same, same_error

rng = np.random.default_rng(13)
inf = float("inf")


@pytest.mark.parametrize("order", [2, 1, 0, 3, 4, 0.5, 1.5, 2.5, -1, -2, inf, -inf])
def test_vector_norms(order):
    x = array(rng, (2, 3, 4))
    for dim in (None, 0, -1, (0, 2), [1], (0, 1, 2)):
        for keepdim in (False, True):
            same(lambda m, x: m.linalg.vector_norm(x, order, dim, keepdim), x)
    same(lambda m, x: (m.norm(x, order), x.norm(order, 1), m.norm(x, p=order, dim=(0, 1), keepdim=True)), x)
    same(lambda m, x: m.linalg.norm(x, order, 1), x)
    same(lambda m, x: m.linalg.vector_norm(x, order), array(rng, ()))
    same(lambda m, x: m.linalg.vector_norm(x, order), array(rng, (5, 80), "float32"), grad=False)
    same(lambda m, x: m.linalg.vector_norm(x, order, -1), array(rng, (5, 80), "float32"), grad=False)
    same(
        lambda m, x: m.linalg.vector_norm(x, order, 1, dtype=m.float64),
        array(rng, (5, 80), "float32"),
        second=False,
    )
    same(lambda m, x: m.linalg.vector_norm(x, order, 1), array(rng, (5, 8), "float16", 1, 2), grad=False)
    same(
        lambda m, x: m.linalg.vector_norm(x, order, 1),
        np.array([[np.nan, 1.0], [inf, 2.0], [-0.0, 0.0]]),
        grad=False,
    )
    same(lambda m, x: m.linalg.vector_norm(x.mT[:, ::2], order, 0), x)
    same(
        lambda m, x: m.linalg.vector_norm(x, order),
        np.zeros(3),
        second=False,
        grad=order not in (-1, -2, 0.5),
    )
    if order >= 0 and order != inf:
        same(
            lambda m, x: (m.linalg.vector_norm(x, order), m.linalg.vector_norm(x, order, 0)),
            np.zeros((0, 3)),
            second=False,
        )
    same(lambda m, x: m.linalg.vector_norm(x, order, 1), np.zeros((0, 3)), second=False)


@pytest.mark.parametrize("order", ["fro", "nuc", 2, -2, 1, -1, inf, -inf])
def test_matrix_norms(order):
    x = array(rng, (4, 3, 2))
    for dim in ((-2, -1), (0, 2), (2, 0), [1, 0]):
        for keepdim in (False, True):
            same(lambda m, x: m.linalg.matrix_norm(x, order, dim, keepdim), x)
    same(lambda m, x: m.linalg.norm(x, order), array(rng, (3, 2)))
    same(lambda m, x: m.linalg.norm(x, order, (0, 2), True), x)
    same(
        lambda m, x: m.linalg.matrix_norm(x, order, dtype=m.float64),
        array(rng, (3, 2), "float32"),
        second=False,
    )
    if order in ("fro", "nuc"):
        same(lambda m, x: (m.norm(x, order), x.norm(p=order, keepdim=True)), array(rng, (3, 2)))
        same(lambda m, x: m.norm(x, order, dim=(0, 2)), x)


def test_norms_by_default():
    for shape in ((3,), (2, 3), (2, 3, 4), ()):
        same(
            lambda m, x: (m.linalg.norm(x), m.norm(x), x.norm(), m.norm(x, keepdim=True), m.norm(x, None)),
            array(rng, shape),
        )
    same(
        lambda m, x: (m.linalg.norm(x, dim=1), m.norm(x, dim=1), x.norm(dim=-1, keepdim=True)),
        array(rng, (2, 3)),
    )
    same(lambda m, x: m.norm(x, dtype=m.float64), array(rng, (2, 3), "float32"), grad=False)
    same(lambda m, x: (m.linalg.norm(x, 3), m.linalg.norm(x, inf)), array(rng, (4,)))


@pytest.mark.parametrize("p", [2, 1, 0, 3, 1.5, 2.5, inf])
def test_distances(p):
    same(lambda m, a, b: (m.dist(a, b, p), a.dist(b, p=p)), array(rng, (2, 3)), array(rng, (3,)), grad=p != 0)
    for sa, sb in (
        ((4, 3), (5, 3)),
        ((2, 4, 3), (5, 3)),
        ((2, 1, 4, 3), (3, 5, 3)),
        ((4, 1), (5, 1)),
        ((4, 0), (5, 0)),
        ((0, 3), (5, 3)),
    ):
        same(lambda m, a, b: m.cdist(a, b, p=p), array(rng, sa), array(rng, sb), second=False, grad=p != 0)
    for mode in (
        "donot_use_mm_for_euclid_dist",
        "use_mm_for_euclid_dist",
        "use_mm_for_euclid_dist_if_necessary",
    ):
        same(
            lambda m, a, b: m.cdist(a, b, p, mode),
            array(rng, (30, 3)),
            array(rng, (4, 3)),
            second=False,
            grad=p != 0,
        )
    same(lambda m, a: m.cdist(a, a, p), array(rng, (4, 3)), second=False, grad=p != 0)


def test_second_derivatives_of_distances():
    a, b = (ndl.from_numpy(array(rng, (n, 3))).requires_grad_() for n in (4, 5))
    for p in (1.0, 2.0, 3.0):
        assert ndl.autograd.gradcheck(lambda a, b: ndl.cdist(a, b, p), (a, b))
        assert ndl.autograd.gradgradcheck(lambda a, b: ndl.cdist(a, b, p), (a, b))


def test_renorm():
    for p, dim, most in ((2, 0, 1.0), (1, 1, 2.0), (3, -1, 0.5), (1.5, 0, 100.0), (inf, 2, 0.5)):
        same(lambda m, x: m.renorm(x, p, dim, most), array(rng, (2, 3, 4)))
        same(lambda m, x: x.clone().renorm_(p, dim, most), array(rng, (2, 3, 4)))


def z(*shape, dtype="float32"):
    return np.ones(shape, dtype)


ERRORS = {
    "renorm: expected maxnorm to be >= 0 but got -1": (lambda m, a: a.renorm(2, 0, -1.0), z(2, 2)),
    "renorm: input needs at least 2 dimensions": (lambda m, a: a.renorm(2, 0, 1.0), z(2)),
    "linalg.vector_norm: Expected a floating point": (
        lambda m, a: m.linalg.vector_norm(a),
        z(2, dtype="int64"),
    ),
    "should be convertible without narrowing": (
        lambda m, a: m.linalg.vector_norm(a, dtype=m.float32),
        z(2, dtype="float64"),
    ),
    "cannot compute the inf norm on an empty tensor": (lambda m, a: m.linalg.vector_norm(a, inf), z(0, 3)),
    "linalg.matrix_norm: Order 3 not supported": (lambda m, a: m.linalg.matrix_norm(a, 3), z(2, 2)),
    "linalg.matrix_norm: dims must be different. Got (0, 0)": (
        lambda m, a: m.linalg.matrix_norm(a, 1, (0, 0)),
        z(2, 2),
    ),
    "If dim is not specified but ord is, the input must be 1D or 2D. Got 3D": (
        lambda m, a: m.linalg.norm(a, 2),
        z(2, 2, 2),
    ),
    "Dimension out of range": (lambda m, a: m.norm(a, 2, 3), z(2, 2)),
    "X1 and X2 must have the same number of columns. X1: 3 X2: 2": (
        lambda m, a, b: m.cdist(a, b),
        z(4, 3),
        z(4, 2),
    ),
    "cdist only supports at least 2D tensors, X1 got: 1D": (lambda m, a: m.cdist(a, a), z(3)),
    "cdist only supports non-negative p values": (lambda m, a: m.cdist(a, a, -1), z(3, 2)),
}


@pytest.mark.parametrize("words", ERRORS)
def test_errors_use_torchs_types_and_words(words):
    assert words in same_error(*ERRORS[words])
