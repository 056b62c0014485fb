"""Losses against formulas written out in NumPy, the course's loss, and what wrong labels are told."""

import numpy as np
import pytest

import minitorch_ndl as ndl
import minitorch_ndl.nn.functional as F
from minitorch_ndl import nn
from minitorch_ndl.op import OPS

RNG = np.random.default_rng(0)


def softmax_loss(z, y):
    """Mean of log Σ exp(z) - z[y], row by row."""
    return np.mean([np.log(np.exp(row).sum()) - row[label] for row, label in zip(z, y)])


def test_softmax_loss_is_the_courses():
    assert F.softmax_loss(ndl.zeros(4, 10), ndl.tensor([0, 3, 9, 5])).item() == pytest.approx(2.3025850)
    z, y = RNG.standard_normal((20, 7)), RNG.integers(0, 7, 20)
    expected = softmax_loss(z, y)
    for labels in (
        y,
        y.astype(np.uint8),
        y.astype(np.int32),
        np.eye(7)[y],
        np.eye(7, dtype=int)[y],
        np.eye(7, dtype=np.float32)[y],
    ):
        loss = nn.SoftmaxLoss()(ndl.from_numpy(z), ndl.from_numpy(labels))
        assert loss.dtype == ndl.float64 and loss.item() == pytest.approx(expected, rel=1e-12)
    soft = RNG.dirichlet(np.ones(7), 20)
    expected = np.mean([np.log(np.exp(row).sum()) - row @ t for row, t in zip(z, soft)])
    assert F.softmax_loss(ndl.from_numpy(z), ndl.from_numpy(soft)).item() == pytest.approx(expected, rel=1e-12)


def test_gradient_of_the_softmax_loss():
    z, y = RNG.standard_normal((20, 7)), RNG.integers(0, 7, 20)
    x = ndl.from_numpy(z).requires_grad_()
    F.softmax_loss(x, ndl.from_numpy(y)).backward()
    p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
    np.testing.assert_allclose(x.grad.numpy(), (p - np.eye(7)[y]) / 20, rtol=1e-12, atol=1e-15)


def test_no_overflow():
    loss = F.cross_entropy(ndl.tensor([[1000.0, 0.0], [0.0, -1e30]], requires_grad=True), ndl.tensor([1, 0]))
    assert loss.item() == 500.0
    loss.backward()


def test_labels_that_are_no_class():
    x = ndl.zeros(3, 4)
    for name, loss in (("cross_entropy", F.cross_entropy), ("nll_loss", F.nll_loss), ("softmax_loss", F.softmax_loss)):
        with pytest.raises(IndexError) as error:
            loss(x, ndl.tensor([0, 1, 4]))
        assert str(error.value) == (
            "Target 4 is out of bounds. The label at position 2 is 4, but there are 4 classes: "
            "expected 0 to 3. Do labels count from 1?"
        ), name
    with pytest.raises(IndexError, match=r"position \(1, 0\) is 9.*too few outputs"):
        F.cross_entropy(ndl.zeros(2, 4, 2), ndl.tensor([[0, 1], [9, 0]]))
    with pytest.raises(IndexError, match="ignore_index"):
        F.cross_entropy(x, ndl.tensor([0, 1, -1]))
    # -100 is a valid index of an array with more than 100 columns
    with pytest.raises(IndexError):
        F.cross_entropy(ndl.zeros(1, 200), ndl.tensor([-50]))
    assert np.isnan(F.cross_entropy(ndl.zeros(1, 200), ndl.tensor([-100])).item())


def test_shapes_that_do_not_fit_name_them():
    with pytest.raises(ValueError, match=r"cross_entropy of input \(3, 4\) and target \(2,\)"):
        F.cross_entropy(ndl.zeros(3, 4), ndl.tensor([0, 1]))
    with pytest.raises(RuntimeError, match=r"target.squeeze\(1\)"):
        F.cross_entropy(ndl.zeros(3, 4), ndl.tensor([[0], [1], [2]]))
    with pytest.raises(RuntimeError, match="use target.float()"):
        F.cross_entropy(ndl.zeros(3, 4), ndl.zeros(3, 4, dtype=ndl.int64))
    with pytest.raises(RuntimeError, match="binary_cross_entropy_with_logits"):
        F.binary_cross_entropy(ndl.tensor([1.5]), ndl.tensor([1.0]))


@pytest.mark.parametrize("name", ["cross_entropy_of_labels", "nll_of_labels"])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_the_fast_kernels_agree_with_their_references(name, reduction):
    z, y = RNG.standard_normal((6, 5)), RNG.integers(0, 5, 6)
    y[1] = -100
    weight = ndl.from_numpy(RNG.random(5) + 0.1)
    for w in (None, weight):
        results = []
        for function in (OPS[name].reference, lambda *a: getattr(ndl.faces.F, name)(*a)):
            x = ndl.from_numpy(z).requires_grad_()
            out = function(x, ndl.from_numpy(y), w, -100, reduction)
            (g,) = ndl.autograd.grad(out, x, ndl.ones(out.shape, dtype=ndl.float64))
            results.append((out.detach().numpy(), g.numpy()))
        np.testing.assert_allclose(results[0][0], results[1][0], rtol=1e-12)
        np.testing.assert_allclose(results[0][1], results[1][1], rtol=1e-12, atol=1e-15)


def test_backward_twice_with_retain_graph_gives_the_same():
    x = ndl.from_numpy(RNG.standard_normal((4, 3))).requires_grad_()
    for loss in (
        F.cross_entropy(x, ndl.tensor([0, 1, 2, 0])),
        F.mse_loss(x, ndl.zeros(4, 3, dtype=ndl.float64)),
        F.nll_loss(x, ndl.tensor([0, 1, 2, 0])),
    ):
        x.grad = None
        loss.backward(retain_graph=True)
        first = x.grad.clone()
        x.grad = None
        loss.backward()
        assert (x.grad == first).all()
        with pytest.raises(RuntimeError, match="second time"):
            loss.backward()


def test_a_change_of_the_scores_after_the_loss_is_noticed_only_where_it_matters():
    x = ndl.from_numpy(RNG.standard_normal((4, 3))).requires_grad_()
    y = x * 1
    loss = F.cross_entropy(y, ndl.tensor([0, 1, 2, 0]))
    y.zero_()  # the loss keeps the softmax, not the scores
    loss.backward()
    assert x.grad is not None


def test_ctc_sums_over_all_spellings():
    """Against brute force: every path of 4 frames through 3 classes."""
    import itertools

    log_probs = np.log(RNG.dirichlet(np.ones(3), (4, 1)))

    def spelled(path):
        return [k for k, _ in itertools.groupby(path) if k != 0]

    for target in ([1], [1, 2], [1, 1], [2, 2], []):
        total = sum(
            np.exp(sum(log_probs[t, 0, c] for t, c in enumerate(path)))
            for path in itertools.product(range(3), repeat=4)
            if spelled(path) == target
        )
        loss = F.ctc_loss(
            ndl.from_numpy(log_probs),
            ndl.tensor([target], dtype=ndl.int64).reshape(1, len(target)),
            (4,),
            (len(target),),
            reduction="sum",
        )
        assert loss.item() == pytest.approx(-np.log(total), rel=1e-10)


def test_ctc_refuses_a_second_order_gradient():
    x = ndl.log_softmax(ndl.randn(4, 1, 3), 2).detach().requires_grad_()
    loss = F.ctc_loss(x, ndl.tensor([[1, 2]]), (4,), (2,))
    (g,) = ndl.autograd.grad(loss, x, create_graph=True)
    with pytest.raises(NotImplementedError, match="not implemented"):
        g.sum().backward()
