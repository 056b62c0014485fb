"""Linear, Embedding, dropout, and modules that are functions with settings."""

import inspect

import numpy as np
import pytest

import minitorch_ndl as ndl
import minitorch_ndl.nn.functional as F
from minitorch_ndl import nn

RNG = np.random.default_rng(0)


def test_linear_against_its_definition():
    for rows in ((), (1,), (3,), (2, 5), (0,), (64,)):
        for n, k in ((3, 200), (200, 3), (1, 1)):
            x, w, b = (RNG.standard_normal(s).astype(np.float32) for s in ((*rows, n), (k, n), (k,)))
            out = F.linear(*map(ndl.from_numpy, (x, w, b)))
            np.testing.assert_allclose(out.numpy(), np.einsum("...n,kn->...k", x, w) + b, rtol=1e-4, atol=1e-4)
            assert out.is_contiguous()


def test_linear_computes_no_gradient_for_data():
    x, layer = ndl.ones(2, 3), nn.Linear(3, 4)
    out = layer(x)
    assert len(out.grad_fn.next_functions) == 2  # weight and bias
    out.sum().backward()
    assert x.grad is None and layer.weight.grad.shape == (4, 3)


def test_linear_says_what_does_not_fit():
    with pytest.raises(RuntimeError) as error:
        F.linear(ndl.ones(2, 5), ndl.ones(2, 3))
    assert str(error.value) == (
        "mat1 and mat2 shapes cannot be multiplied (2x5 and 3x2): linear: input has 5 features, "
        "weight expects 3 (input (2, 5), weight (2, 3)). Check in_features, or flatten the input first."
    )
    with pytest.raises(RuntimeError, match=r"Flatten the input first: x.flatten\(1\)"):
        nn.Linear(784, 10)(ndl.ones(2, 28, 28))
    with pytest.raises(RuntimeError, match="transposed"):
        F.linear(ndl.ones(2, 3), ndl.ones(3, 5))
    with pytest.raises(RuntimeError, match=r"bias has shape \(3,\); expected \(4,\)"):
        F.linear(ndl.ones(2, 3), ndl.ones(4, 3), ndl.ones(3))
    with pytest.raises(RuntimeError, match="float64"):
        nn.Linear(3, 3)(ndl.ones(2, 3, dtype=ndl.float64))


def test_linears_starting_values_are_uniform_and_bounded():
    ndl.manual_seed(0)
    layer = nn.Linear(400, 300)
    for values in (layer.weight, layer.bias):
        assert values.abs().max() <= 0.05 and values.abs().max() > 0.0495
        assert abs(values.mean().item()) < 0.006 and values.std().item() == pytest.approx(0.1 / 12**0.5, rel=0.1)
    ndl.manual_seed(0)
    assert (nn.Linear(400, 300).weight == layer.weight).all()


def test_embedding_adds_up_the_gradients_of_repeated_rows():
    table = nn.Embedding(5, 2)
    table(ndl.tensor([[1, 1], [3, 1]])).backward(ndl.ones(2, 2, 2))
    assert table.weight.grad.tolist() == [[0, 0], [3, 3], [0, 0], [1, 1], [0, 0]]


def test_embedding_padding():
    table = nn.Embedding(5, 2, padding_idx=-5)
    assert table.padding_idx == 0 and not table.weight[0].any()
    table(ndl.tensor([0, 1])).sum().backward()
    assert table.weight.grad[0].tolist() == [0, 0] and table.weight.grad[1].tolist() == [1, 1]


def test_embedding_says_which_row_is_missing():
    with pytest.raises(IndexError, match=r"index 7 at position \(0, 1\), but weight has 5 rows"):
        nn.Embedding(5, 2)(ndl.tensor([[0, 7]]))
    with pytest.raises(IndexError, match="index -1"):
        nn.Embedding(5, 2)(ndl.tensor([-1]))
    with pytest.raises(RuntimeError, match=r"Use input.long\(\)"):
        nn.Embedding(5, 2)(ndl.tensor([0.0]))


def test_embedding_shortens_rows_in_place():
    table = nn.Embedding(3, 2, max_norm=1.0)
    with ndl.no_grad():
        table.weight.copy_(ndl.tensor([[3.0, 4.0], [0.3, 0.4], [30.0, 40.0]]))
    table(ndl.tensor([0, 1, 0]))
    np.testing.assert_allclose(table.weight.detach().numpy(), [[0.6, 0.8], [0.3, 0.4], [30, 40]], rtol=1e-5)


def test_dropout_keeps_the_mean_and_is_off_in_evaluation():
    ndl.manual_seed(0)
    layer = nn.Dropout(0.25)
    x = ndl.ones(100_000)
    out = layer(x)
    assert out.mean().item() == pytest.approx(1, abs=0.01)
    assert (out == 0).float().mean().item() == pytest.approx(0.25, abs=0.01)
    assert layer.eval()(x) is x
    assert not (out == layer.train()(x)).all()


def test_dropout_of_channels():
    out = nn.Dropout2d(0.5)(ndl.ones(50, 4, 3, 2)).reshape(200, 6)
    assert ((out == 0).all(1) | (out == 2).all(1)).all() and 50 < (out == 0).all(1).sum() < 150


def test_dropouts_gradient_has_the_same_mask():
    x = ndl.ones(1000, requires_grad=True)
    out = F.dropout(x, 0.5)
    out.sum().backward()
    assert (x.grad == out.detach()).all()


def test_settings_can_be_read_and_changed():
    assert str(inspect.signature(nn.LeakyReLU)) == "(negative_slope: 'float' = 0.01, inplace: 'bool' = False)"
    layer = nn.LeakyReLU(0.5)
    assert layer(ndl.tensor([-2.0])).item() == -1
    layer.negative_slope = 0.25
    assert layer(ndl.tensor([-2.0])).item() == -0.5
    with pytest.raises(TypeError, match="LeakyReLU.*unexpected keyword argument 'slope'"):
        nn.LeakyReLU(slope=3)


def test_subclasses_of_layers_with_settings():
    class Shifted(nn.ReLU):
        shift: float = 1.0

        def __init__(self, shift):
            super().__init__(inplace=False)
            self.shift = shift

        def forward(self, input):
            return super().forward(input) + self.shift

    assert Shifted(3.0)(ndl.tensor([-1.0])).item() == 3
    assert repr(Shifted(3.0)) == "Shifted()"

    class Focal(nn.modules.loss._WeightedLoss):
        def forward(self, input, target):
            return F.cross_entropy(input, target, self.weight, reduction=self.reduction)

    focal = Focal(ndl.ones(3), reduction="sum")
    assert focal(ndl.zeros(2, 3), ndl.tensor([0, 1])).item() == pytest.approx(2 * np.log(3))
    assert list(focal.state_dict()) == ["weight"]


@pytest.mark.parametrize("dtype", (ndl.float16, ndl.float32, ndl.float64))
def test_relu_stops_infinite_gradients(dtype):
    """Where relu is flat its gradient is 0, whatever arrives: sqrt sends back inf there."""
    x = ndl.tensor([-1.0, 0.0, 4.0], dtype=dtype, requires_grad=True)
    ndl.relu(x).sqrt().sum().backward()
    assert x.grad.tolist() == [0, 0, 0.25]


def test_cross_entropy_of_scores_that_lie_in_columns():
    scores, labels = np.random.RandomState(0).standard_normal((5, 4)), np.array([0, 4, 2, 1])
    grads = []
    for array in (scores.T, np.ascontiguousarray(scores.T)):
        x = ndl.from_numpy(array).requires_grad_()
        ndl.nn.functional.cross_entropy(x, ndl.from_numpy(labels)).backward()
        grads.append(x.grad.numpy())
    softmax = np.exp(scores.T) / np.exp(scores.T).sum(1, keepdims=True)
    softmax[np.arange(4), labels] -= 1
    for grad in grads:
        np.testing.assert_allclose(grad, softmax / 4, rtol=1e-12)
