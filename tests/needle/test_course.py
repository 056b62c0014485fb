"""The course's groups of checks, by the names that its README runs them by:

pytest -k forward, -k backward, -k topo_sort, -k compute_gradient, -k softmax_loss_ndl, -k nn_epoch_ndl
"""

import os
from pathlib import Path

import numpy as np
import pytest

from minitorch_ndl import datasets, needle
from minitorch_ndl.needle import simple_ml

RANDOM = np.random.RandomState(1)


def rand(*shape):
    return RANDOM.randn(*shape)


# name, the operation, its definition in NumPy, its inputs
CASES = [
    ("add", needle.add, np.add, [rand(3, 4), rand(3, 4)]),
    ("add_scalar", lambda a: needle.add_scalar(a, 2.5), lambda a: a + 2.5, [rand(3, 4)]),
    ("multiply", needle.multiply, np.multiply, [rand(3, 4), rand(3, 4)]),
    ("mul_scalar", lambda a: needle.mul_scalar(a, -3), lambda a: a * -3, [rand(3, 4)]),
    ("divide", needle.divide, np.divide, [rand(3, 4), 4 + RANDOM.rand(3, 4)]),
    ("divide_scalar", lambda a: needle.divide_scalar(a, 12), lambda a: a / 12, [rand(3, 4)]),
    ("power", needle.power, np.power, [1 + RANDOM.rand(3, 4), rand(3, 4)]),
    ("power_scalar", lambda a: needle.power_scalar(a, 3), lambda a: a**3, [rand(3, 4)]),
    ("negate", needle.negate, np.negative, [rand(3, 4)]),
    ("matmul", needle.matmul, np.matmul, [rand(5, 4), rand(4, 3)]),
    ("matmul_batched", needle.matmul, np.matmul, [rand(2, 5, 4), rand(2, 4, 3)]),
    ("matmul_broadcast", needle.matmul, np.matmul, [rand(6, 2, 5, 4), rand(4, 3)]),
    ("matmul_broadcast_left", needle.matmul, np.matmul, [rand(5, 4), rand(6, 2, 4, 3)]),
    ("summation", needle.summation, np.sum, [rand(3, 4)]),
    ("summation_axis", lambda a: needle.summation(a, axes=1), lambda a: a.sum(1), [rand(3, 4)]),
    ("summation_axes", lambda a: needle.summation(a, axes=(0, 2)), lambda a: a.sum((0, 2)), [rand(3, 4, 2)]),
    ("broadcast_to", lambda a: needle.broadcast_to(a, (2, 3, 4)), lambda a: np.broadcast_to(a, (2, 3, 4)), [rand(3, 4)]),
    ("broadcast_to_column", lambda a: needle.broadcast_to(a, (3, 5)), lambda a: np.broadcast_to(a, (3, 5)), [rand(3, 1)]),
    ("broadcast_to_scalar", lambda a: needle.broadcast_to(a, (3, 5)), lambda a: np.broadcast_to(a, (3, 5)),
     [np.array(rand())]),
    ("reshape", lambda a: needle.reshape(a, (4, 3)), lambda a: a.reshape(4, 3), [rand(3, 4)]),
    ("transpose", needle.transpose, lambda a: np.swapaxes(a, -1, -2), [rand(2, 3, 4)]),
    ("transpose_axes", lambda a: needle.transpose(a, (0, 2)), lambda a: np.swapaxes(a, 0, 2), [rand(2, 3, 4)]),
    ("log", needle.log, np.log, [1 + RANDOM.rand(3, 4)]),
    ("exp", needle.exp, np.exp, [rand(3, 4)]),
    ("relu", needle.relu, lambda a: np.maximum(a, 0), [rand(3, 4)]),
]
BY_NAME = pytest.mark.parametrize("function, reference, arrays", [c[1:] for c in CASES], ids=[c[0] for c in CASES])


@BY_NAME
def test_forward(function, reference, arrays):
    result = function(*map(needle.Tensor, arrays))
    assert isinstance(result, needle.Tensor) and result.dtype == np.float64
    np.testing.assert_allclose(result.numpy(), reference(*arrays), rtol=1e-12)


@BY_NAME
def test_backward(function, reference, arrays):
    """Against central differences, taken by writing into the tensors' own arrays."""
    tensors = [needle.Tensor(a.copy()) for a in arrays]
    weights = RANDOM.rand(*reference(*arrays).shape)
    out = function(*tensors)
    grads = out.op.gradient_as_tuple(needle.Tensor(weights), out)
    eps = 1e-5
    for tensor, grad in zip(tensors, grads, strict=True):
        assert grad.shape == tensor.shape
        data = tensor.realize_cached_data().reshape(-1)
        for k, g in enumerate(grad.numpy().reshape(-1)):
            data[k] += eps
            above = (function(*tensors).numpy() * weights).sum()
            data[k] -= 2 * eps
            below = (function(*tensors).numpy() * weights).sum()
            data[k] += eps
            assert abs((above - below) / (2 * eps) - g) < 1e-6 * max(1, abs(g))


def test_topo_sort_values_in_post_order():
    a, b = needle.Tensor(np.array([[0.88]])), needle.Tensor(np.array([[0.5]]))
    order = needle.autograd.find_topo_sort([3 * a * a + 4 * b * a - a])
    values = [n.numpy().item() for n in order]
    np.testing.assert_allclose(values, [0.88, 2.64, 2.3232, 0.5, 2.0, 1.76, 4.0832, -0.88, 3.2032])
    assert all(isinstance(n, needle.Tensor) for n in order)


def test_topo_sort_visits_shared_nodes_once():
    a = needle.Tensor([1.0])
    b = a
    for _ in range(60):  # 2^60 paths
        b = b + b
    assert len(needle.autograd.find_topo_sort([b])) == 61


def test_topo_sort_of_a_long_chain():
    a = needle.Tensor([1.0])
    b = a
    for _ in range(5000):
        b = b + 1
    assert len(needle.autograd.find_topo_sort([b])) == 5001


def test_compute_gradient_of_a_product():
    a, b = needle.Tensor(rand(5, 4)), needle.Tensor(rand(4, 5))
    y = needle.summation(needle.matmul(a, b))
    y.backward()
    np.testing.assert_allclose(a.grad.numpy(), np.ones((5, 5)) @ b.numpy().T)
    np.testing.assert_allclose(b.grad.numpy(), a.numpy().T @ np.ones((5, 5)))


def test_compute_gradient_fills_in_intermediates():
    a = needle.Tensor([2.0])
    b = a * 3
    needle.autograd.compute_gradient_of_variables(b * b, needle.Tensor([1.0]))
    assert (b.grad.numpy(), a.grad.numpy()) == (12, 36)


def test_compute_gradient_of_gradient_on_integers():
    x2, x3 = needle.Tensor([6]), needle.Tensor([0])
    y = x2 * x2 + x2 * x3
    y.backward()
    first2, first3 = x2.grad, x3.grad
    assert (y.numpy(), first2.numpy(), first3.numpy()) == (36, 12, 6)
    first2.backward()
    assert (x2.grad.numpy(), x3.grad.numpy()) == (2, 1)
    assert first2.numpy().dtype == np.int64


def test_compute_gradient_third_order():
    x = needle.Tensor([3.0])
    y = x * x * x * x
    for expected in (108, 108, 72, 24):
        y.backward()
        y = x.grad
        assert y.numpy() == expected


def test_backward_replaces_gradients():
    x = needle.Tensor([2.0])
    for _ in range(2):
        (x * x).backward()
        assert x.grad.numpy() == 4


def test_backward_takes_out_grad():
    x = needle.Tensor([[1.0, 2.0]])
    (x * x).backward(needle.Tensor([[10.0, 100.0]]))
    np.testing.assert_array_equal(x.grad.numpy(), [[20, 400]])


def test_backward_of_constants_says_so():
    with pytest.raises(RuntimeError, match="nothing that this Tensor came from"):
        needle.Tensor([1.0], requires_grad=False).backward()


def test_subtraction_is_addition_of_the_negative():
    a, b = needle.Tensor([5.0]), needle.Tensor([3.0])
    c = a - b
    assert c.op.name == "EWiseAdd" and c.inputs[0] is a and c.inputs[1].op.name == "Negate"
    np.testing.assert_array_equal((2 - a).numpy(), [-3])
    np.testing.assert_array_equal((2 / a).numpy(), [0.4])


def test_detached_twins_share_the_array():
    a = needle.Tensor([1.0, 2.0])
    d = (a * 2).detach()
    assert d.op is None and not d.requires_grad and isinstance(d, needle.Tensor)
    a.realize_cached_data()[0] = 7
    assert a.numpy()[0] == 7 and a.data.numpy()[0] == 7
    a.data = needle.Tensor([3.0, 4.0])
    np.testing.assert_array_equal(a.numpy(), [3, 4])


def test_softmax_loss_ndl_of_zeros():
    loss = simple_ml.softmax_loss(needle.init.zeros(50, 10), needle.init.one_hot(10, RANDOM.randint(10, size=50)))
    np.testing.assert_allclose(loss.numpy(), 2.3025850, rtol=1e-6, atol=1e-6)


def test_softmax_loss_ndl_against_its_definition():
    Z, y = rand(20, 10) * 30, RANDOM.randint(10, size=20)
    loss = simple_ml.softmax_loss(needle.Tensor(Z), needle.Tensor(np.eye(10)[y]))
    shifted = Z - Z.max(1, keepdims=True)
    expected = (np.log(np.exp(shifted).sum(1)) - shifted[np.arange(20), y]).mean()
    np.testing.assert_allclose(loss.numpy(), expected, rtol=1e-12)


def test_softmax_loss_ndl_gradient():
    Z, y = needle.Tensor(rand(20, 10)), RANDOM.randint(10, size=20)
    simple_ml.softmax_loss(Z, needle.Tensor(np.eye(10)[y])).backward()
    e = np.exp(Z.numpy())
    expected = (e / e.sum(1, keepdims=True) - np.eye(10)[y]) / 20
    np.testing.assert_allclose(Z.grad.numpy(), expected, rtol=1e-10, atol=1e-12)


def test_nn_epoch_ndl_takes_one_step_downhill():
    X, y = rand(50, 5).astype(np.float32), RANDOM.randint(3, size=50).astype(np.uint8)
    W1, W2 = rand(5, 10).astype(np.float32) / 10**0.5, rand(10, 3).astype(np.float32) / 3**0.5

    def loss(A, B):
        Z = np.maximum(X.astype(np.float64) @ A, 0) @ B
        return (np.log(np.exp(Z).sum(1)) - Z[np.arange(50), y]).mean()

    new1, new2 = simple_ml.nn_epoch(X, y, needle.Tensor(W1), needle.Tensor(W2), lr=1.0, batch=50)
    for k, (before, after) in enumerate(((W1, new1), (W2, new2))):
        numeric = np.zeros(before.shape)
        for place in np.ndindex(before.shape):
            nudge = np.zeros(before.shape)
            nudge[place] = 1e-5
            weights = [W1.astype(np.float64), W2.astype(np.float64)]
            sides = []
            for sign in (1, -1):
                moved = list(weights)
                moved[k] = weights[k] + sign * nudge
                sides.append(loss(*moved))
            numeric[place] = (sides[0] - sides[1]) / 2e-5
        np.testing.assert_allclose(before - after.numpy(), numeric, rtol=1e-3, atol=1e-5)


def mnist_folder():
    folder = os.environ.get("MINITORCH_NDL_DATA")
    return Path(folder) if folder and list(Path(folder).glob("train-images*")) else None


def test_nn_epoch_ndl_reaches_the_published_figures():
    """On real MNIST where it is at hand; otherwise on drawn digits, where one epoch must at least learn."""
    np.random.seed(0)
    W1 = needle.Tensor(np.random.randn(784, 100).astype(np.float32) / np.sqrt(100))
    W2 = needle.Tensor(np.random.randn(100, 10).astype(np.float32) / np.sqrt(10))
    folder = mnist_folder()
    if folder is None:
        digits = datasets.load("digits")
        X = digits.train_images.reshape(-1, 784).astype(np.float32) / 255
        W1, W2 = simple_ml.nn_epoch(X, digits.train_labels, W1, W2, lr=0.2, batch=100)
        Xt = digits.test_images.reshape(-1, 784).astype(np.float32) / 255
        h = needle.relu(needle.Tensor(Xt) @ W1) @ W2
        assert simple_ml.loss_err(h, digits.test_labels)[1] < 0.15
        return
    found = {name: next(folder.glob(f"{name}*")) for name in ("train-images", "train-labels")}
    X, y = simple_ml.parse_mnist(found["train-images"], found["train-labels"])
    assert X.shape == (60000, 784) and X.dtype == np.float32 and X.min() == 0 and X.max() == 1
    assert y.dtype == np.uint8
    W1, W2 = simple_ml.nn_epoch(X, y, W1, W2, lr=0.2, batch=100)
    np.testing.assert_allclose(np.linalg.norm(W1.numpy()), 28.437788, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(W2.numpy()), 10.455095, rtol=1e-5, atol=1e-5)
    loss, error = simple_ml.loss_err(needle.relu(needle.Tensor(X) @ W1) @ W2, y)
    np.testing.assert_allclose(loss, 0.19770025, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(error, 0.06006667, rtol=1e-4, atol=1e-4)


def test_init_shapes_and_bounds():
    assert needle.init.xavier_uniform(30, 20).shape == (30, 20)
    assert np.abs(needle.init.kaiming_uniform(300, 20).numpy()).max() <= (2 * 3 / 300) ** 0.5
    assert abs(needle.init.kaiming_normal(1000, 200).numpy().std() - (2 / 1000) ** 0.5) < 1e-3
    assert needle.init.randb(100, p=1.0).numpy().all()
    assert needle.init.constant(2, c=5.0).numpy().tolist() == [5, 5]
    with pytest.raises(ValueError, match="relu"):
        needle.init.kaiming_normal(3, 3, nonlinearity="tanh")
