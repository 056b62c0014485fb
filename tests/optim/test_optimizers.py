"""Optimizers without torch: against their published formulas, written out in plain NumPy, and their bookkeeping."""

import copy
import pickle

import numpy as np
import pytest

import minitorch_ndl as ndl
from minitorch_ndl import optim

START = np.array([[1.0, -2.0], [0.5, 3.0]])


def descend(make, steps=5):
    """The path of a weight under an optimizer, on a loss with the gradient 2 w + 1."""
    w = ndl.tensor(START, requires_grad=True)
    optimizer = make([w])
    path = []
    for _ in range(steps):
        optimizer.zero_grad()
        (w * w + w).sum().backward()
        optimizer.step()
        path.append(w.detach().numpy().copy())
    return path


def test_sgd_with_everything():
    w, b, path = START.copy(), None, []
    for _ in range(5):
        g = -(2 * w + 1) + 0.1 * w  # maximize turns the gradient round, then weight decay is added
        b = g if b is None else 0.9 * b + 0.7 * g
        w = w - 0.05 * b
        path.append(w)
    mine = descend(lambda p: optim.SGD(p, 0.05, 0.9, dampening=0.3, weight_decay=0.1, maximize=True))
    np.testing.assert_allclose(mine, path, rtol=1e-12)


def test_nesterov():
    w, b, path = START.copy(), 0, []
    for _ in range(5):
        g = 2 * w + 1
        b = 0.9 * b + g
        w = w - 0.05 * (g + 0.9 * b)
        path.append(w)
    np.testing.assert_allclose(descend(lambda p: optim.SGD(p, 0.05, 0.9, nesterov=True)), path, rtol=1e-12)


@pytest.mark.parametrize("decoupled", [False, True])
def test_adam(decoupled):
    w, m, v, path = START.copy(), 0, 0, []
    for t in range(1, 6):
        g = 2 * w + 1 + (0 if decoupled else 0.1 * w)
        if decoupled:
            w = w * (1 - 0.05 * 0.1)
        m, v = 0.8 * m + 0.2 * g, 0.95 * v + 0.05 * g * g
        w = w - 0.05 * (m / (1 - 0.8**t)) / (np.sqrt(v / (1 - 0.95**t)) + 1e-8)
        path.append(w)
    cls = optim.AdamW if decoupled else optim.Adam
    np.testing.assert_allclose(descend(lambda p: cls(p, 0.05, (0.8, 0.95), weight_decay=0.1)), path, rtol=1e-10)


def test_rmsprop_and_adagrad():
    w, s, path = START.copy(), 0, []
    for _ in range(5):
        g = 2 * w + 1
        s = 0.9 * s + 0.1 * g * g
        w = w - 0.05 * g / (np.sqrt(s) + 1e-8)
        path.append(w)
    np.testing.assert_allclose(descend(lambda p: optim.RMSprop(p, 0.05, alpha=0.9)), path, rtol=1e-10)
    w, s, path = START.copy(), 0, []
    for _ in range(5):
        g = 2 * w + 1
        s = s + g * g
        w = w - 0.05 * g / (np.sqrt(s) + 1e-10)
        path.append(w)
    np.testing.assert_allclose(descend(lambda p: optim.Adagrad(p, 0.05)), path, rtol=1e-10)


NAMES = [n for n in dir(optim) if isinstance(getattr(optim, n), type) and n not in ("Optimizer", "LBFGS", "Adafactor", "Muon")]


@pytest.mark.parametrize("name", NAMES)
def test_all_go_downhill_and_keep_the_array(name):
    w = ndl.tensor(START, requires_grad=True)
    array, optimizer = w.detach().numpy(), getattr(optim, name)([w], lr=0.05)
    losses = []
    for _ in range(30):
        optimizer.zero_grad()
        loss = (w * w + w).sum()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    np.testing.assert_array_equal(array, w.detach().numpy())


@pytest.mark.parametrize("name", NAMES)
def test_pickle_and_copy(name):
    w = ndl.tensor(START, requires_grad=True)
    optimizer = getattr(optim, name)([w], lr=0.05)
    (w * w).sum().backward()
    optimizer.step()
    for twin in (copy.deepcopy(optimizer), pickle.loads(pickle.dumps(optimizer))):
        (p,) = twin.param_groups[0]["params"]
        p.grad = None
        (p * p).sum().backward()
        twin.step()
    w.grad = None
    (w * w).sum().backward()
    optimizer.step()
    np.testing.assert_array_equal(p.detach().numpy(), w.detach().numpy())


def test_groups_have_their_own_options():
    a, b = ndl.ones(1, requires_grad=True), ndl.ones(1, requires_grad=True)
    optimizer = optim.SGD([{"params": [a]}, {"params": b, "lr": 1.0}], lr=0.1)
    (a + b).sum().backward()
    optimizer.step()
    assert (a.item(), b.item()) == (pytest.approx(0.9), 0.0)
    c = ndl.ones(1, requires_grad=True)
    optimizer.add_param_group({"params": [c], "lr": 2.0})
    optimizer.param_groups[0]["lr"] = 0.0
    optimizer.zero_grad()
    (a + c).sum().backward()
    optimizer.step()
    assert (a.item(), c.item()) == (pytest.approx(0.9), -1.0)


def test_zero_grad():
    w = ndl.ones(2, requires_grad=True)
    optimizer = optim.SGD([w], 0.1)
    w.sum().backward()
    kept = w.grad
    optimizer.zero_grad(set_to_none=False)
    assert w.grad.tolist() == [0, 0] and kept.tolist() == [0, 0]
    optimizer.zero_grad()
    assert w.grad is None


def test_closures_and_hooks():
    w = ndl.ones(1, requires_grad=True)
    optimizer, seen = optim.SGD([w], 0.1), []
    handle = optimizer.register_step_pre_hook(lambda *_: seen.append("before"))
    optimizer.register_step_post_hook(lambda *_: seen.append("after"))

    def closure():
        optimizer.zero_grad()
        loss = (w * 3).sum()
        loss.backward()
        return loss

    with ndl.no_grad():
        assert optimizer.step(closure).item() == 3
    assert w.item() == pytest.approx(0.7) and seen == ["before", "after"]
    handle.remove()
    optimizer.step(closure)
    assert seen == ["before", "after", "after"]


def test_a_step_is_seen_by_the_version_check():
    w = ndl.ones(2, requires_grad=True)
    optimizer = optim.SGD([w], 0.1)
    loss = (w * w).sum()
    loss.backward(retain_graph=True)
    optimizer.step()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


@pytest.mark.parametrize("make, error, words", [
    (lambda w: optim.SGD([], 0.1), ValueError, "empty parameter list"),
    (lambda w: optim.SGD(w, 0.1), TypeError, "single Tensor"),
    (lambda w: optim.SGD([1.0], 0.1), TypeError, "can only optimize Tensors"),
    (lambda w: optim.SGD([w * 2], 0.1), ValueError, "non-leaf"),
    (lambda w: optim.SGD([w, w], 0.1), ValueError, "twice"),
    (lambda w: optim.SGD([{"params": [w]}, {"params": [w]}], 0.1), ValueError, "more than one"),
    (lambda w: optim.SGD([{"params": {w}}], 0.1), TypeError, "ordered"),
    (lambda w: optim.SGD([w], -0.1), ValueError, "Invalid learning rate: -0.1"),
    (lambda w: optim.Adam([w], betas=(0.9, 1.0)), ValueError, "index 1: 1.0"),
    (lambda w: optim.SGD([w], 0.1, nesterov=True), ValueError, "Nesterov"),
])
def test_refusals(make, error, words):
    with pytest.raises(error, match=words):
        make(ndl.ones(2, requires_grad=True))


def test_state_dicts_must_fit():
    a, b = ndl.ones(1, requires_grad=True), ndl.ones(1, requires_grad=True)
    one, two = optim.SGD([a], 0.1), optim.SGD([a, b], 0.1)
    with pytest.raises(ValueError, match="doesn't match the size"):
        one.load_state_dict(two.state_dict())
    with pytest.raises(ValueError, match="different number of parameter groups"):
        one.load_state_dict(optim.SGD([{"params": [a]}, {"params": [b]}], 0.1).state_dict())
