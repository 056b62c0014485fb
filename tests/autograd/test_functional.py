"""Jacobians, Hessians and their products."""

import numpy as np
import pytest

import minitorch_ndl as ndl
from minitorch_ndl.autograd.functional import hessian, hvp, jacobian, jvp, vhp, vjp


def numbers(*shape):
    return ndl.tensor(np.random.RandomState(sum(shape)).rand(*shape) + 0.5)


A, B = numbers(2, 3), numbers(3)


def test_jacobian_of_one_and_of_several():
    j = jacobian(lambda x: x.exp(), A)
    assert j.shape == (2, 3, 2, 3)
    np.testing.assert_allclose(j.reshape(6, 6), np.diag(np.exp(A.numpy().ravel())))
    rows = jacobian(lambda a, b: (a @ b, b.sum()), (A, B))
    assert [[tuple(part.shape) for part in row] for row in rows] == [[(2, 2, 3), (2, 3)], [(2, 3), (3,)]]
    np.testing.assert_allclose(rows[0][1], A)
    assert not rows[1][0].any() and rows[1][1].tolist() == [1, 1, 1]


def test_nothing_of_the_callers_graph_is_touched():
    x = numbers(3).requires_grad_()
    j = jacobian(lambda x: x * x, x)
    assert not j.requires_grad and x.grad is None
    j = jacobian(lambda x: x * x, x, create_graph=True)
    j.sum().backward()
    assert x.grad.tolist() == [2, 2, 2]


def test_hessian():
    h = hessian(lambda x: (x ** 3).sum(), B)
    np.testing.assert_allclose(h, np.diag(6 * B.numpy()))
    blocks = hessian(lambda a, b: (a @ b).sum(), (A, B))
    assert not blocks[0][0].any() and not blocks[1][1].any()
    np.testing.assert_allclose(blocks[0][1].reshape(6, 3), np.tile(np.eye(3), (2, 1)))
    with pytest.raises(RuntimeError, match="single value"):
        hessian(lambda x: x, B)


def test_products():
    f = lambda x: x.exp() * x.sum()
    j = jacobian(f, B).numpy()
    v = numbers(3) - 0.8
    for product, expected in ((vjp, v.numpy() @ j), (jvp, j @ v.numpy())):
        out, found = product(f, B, v)
        np.testing.assert_allclose(out, f(B))
        np.testing.assert_allclose(found, expected)
    g = lambda x: f(x).sum()
    h = hessian(g, B).numpy()
    for product in (vhp, hvp):
        out, found = product(g, B, v)
        np.testing.assert_allclose(out, g(B))
        np.testing.assert_allclose(found, h @ v.numpy())
    np.testing.assert_allclose(vjp(g, B)[1], jacobian(g, B))


def test_products_of_several_inputs():
    f = lambda a, b: (a * b).sum(0)
    _, (da, db) = vjp(f, (A, B), B)
    np.testing.assert_allclose(da, (B * B).expand(2, 3))
    np.testing.assert_allclose(db, A.sum(0) * B)
    _, moved = jvp(f, (A, B), (A, B))
    np.testing.assert_allclose(moved, 2 * f(A, B))


def test_strict():
    assert not jacobian(lambda x: ndl.ones(2), B).any()
    with pytest.raises(RuntimeError, match="does not require gradients"):
        jacobian(lambda x: ndl.ones(2), B, strict=True)
    with pytest.raises(RuntimeError, match="independent of input 1"):
        jacobian(lambda a, b: a * 2, (A, B), strict=True)


@pytest.mark.parametrize("call, error, words", [
    (lambda: jacobian(lambda x: x, 3.0), TypeError, "not iterable|given to the function"),
    (lambda: jacobian(lambda x: 3.0, B), TypeError, "iterable|outputs of the user-provided function"),
    (lambda: vjp(lambda x: x, B), RuntimeError, "v can only be None"),
    (lambda: vjp(lambda x: x, B, A), RuntimeError, "invalid size"),
    (lambda: jacobian(lambda x: x, B, strategy="forward-mode"), ValueError, "strategy"),
])
def test_bad_input(call, error, words):
    with pytest.raises(error, match=words):
        call()
