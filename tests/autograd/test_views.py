"""Views and in-place writes: shared memory, and gradients that know what was overwritten."""

import numpy as np
import pytest

import minitorch_ndl as ndl
from minitorch_ndl.autograd import gradcheck, gradgradcheck


def numbers(*shape):
    return ndl.tensor(np.random.RandomState(0).rand(*shape) + 0.5, requires_grad=True)


def through_a_slice(x, w):
    y = x * 1
    y[0].mul_(w)
    return y * y


def through_a_chain(x, w):
    y = x * 1
    y.transpose(0, 1)[1:].reshape(-1)[:2].copy_(w[:2])  # the reshape copies: y must not change
    y.t()[1:].mul_(w[0])
    return y.exp()


def stale_views(x, w):
    y = x * 1
    row, columns = y[1], y[:, :2]
    y.mul_(w)
    row.add_(w)
    return columns * columns + row.sum()


def assignment(x, w):
    y = x.clone()
    y[:, 0] = w[:2]
    y[1, 1:] += w[1:]
    y[y > 1.2] = w[0] * 2
    y[[0, 1], [1, 0]] = w[1:]
    return y * y


def a_buffer(x, w):
    rows = ndl.zeros(3, *x.shape, dtype=x.dtype)
    rows[0] = x
    for i in range(1, 3):
        rows[i] = rows[i - 1].clone() * w
    return rows


def in_place_functions(x, w):
    return (x * 1).add_(w).sub_(x * 0.3).clamp_(min=0.9).mul_(w).sqrt_()


@pytest.mark.parametrize("function", [through_a_slice, through_a_chain, stale_views, assignment, a_buffer, in_place_functions])
def test_gradients_of_both_orders(function):
    inputs = numbers(2, 3), numbers(3)
    assert gradcheck(function, inputs) and gradgradcheck(function, inputs)


def test_views_share_memory():
    x = ndl.zeros(2, 3)
    for view in (x[0], x.t(), x.view(3, 2), x.reshape(-1), x[:, 1:], x.unsqueeze(0), x.detach(), x.data):
        x.zero_()
        view += 1
        assert x.sum() == view.numel()
    assert x.t().clone().add_(1) is not None and x._version > 0


def test_constants_cut_the_history():
    x = numbers(3)
    y = x * 2
    y[1] = 7.0
    y.sum().backward()
    assert x.grad.tolist() == [2, 0, 2]


def test_a_base_learns_of_its_views_history():
    base, w = ndl.zeros(3), ndl.ones(2, requires_grad=True)
    view = base[1:]
    view.copy_(w * 3)
    assert base.requires_grad and view.requires_grad
    base.sum().backward()
    assert w.grad.tolist() == [3, 3]


@pytest.mark.parametrize("write, words", [
    (lambda x: x.add_(1), "a leaf Variable that requires grad"),
    (lambda x: x[0].add_(1), "a view of a leaf Variable that requires grad"),
    (lambda x: x.__setitem__(0, 1.0), "leaf Variable"),
    (lambda x: (x * 1).unbind(0)[0].add_(1), "multiple views"),
    (lambda x: (x * 1)[0].expand(2, 3).add_(1), "more than one element"),
])
def test_refusals(write, words):
    with pytest.raises(RuntimeError, match=words):
        write(numbers(2, 3))


def test_values_may_change_without_recording():
    x = numbers(2)
    with ndl.no_grad():
        x.add_(1)
        x[0] = 5
    assert x.is_leaf and x[0] == 5


def test_deep_copies_and_pickles_keep_sharing():
    import copy

    x = ndl.arange(6.0)
    pair = copy.deepcopy([x, x[2:4]])
    pair[0][2] = 100
    assert pair[1][0] == 100 and x[2] == 2
