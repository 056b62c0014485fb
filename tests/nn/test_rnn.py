"""Recurrent layers, sequences and transformers, without torch at hand."""

import copy
import pickle

import numpy as np
import pytest

import minitorch_ndl as ndl
from minitorch_ndl import nn
from minitorch_ndl.nn.utils import rnn


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_a_layer_is_its_cell_step_by_step(kind):
    layer, cell = getattr(nn, kind)(3, 4), getattr(nn, kind + "Cell")(3, 4)
    cell.load_state_dict({name[:-3]: value for name, value in layer.state_dict().items()})
    x, state, outs = ndl.randn(5, 2, 3), None, []
    for step in x:
        state = cell(step, state)
        outs.append(state[0] if kind == "LSTM" else state)
    out, last = layer(x)
    np.testing.assert_allclose(out.detach(), ndl.stack(outs).detach(), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose((last[0] if kind == "LSTM" else last)[0].detach(), outs[-1].detach(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_a_packed_batch_gives_each_sequence_what_it_gets_alone(kind):
    layer = getattr(nn, kind)(3, 4, num_layers=2, bidirectional=True).double()
    sequences = [ndl.randn(n, 3, dtype=ndl.float64) for n in (2, 5, 3)]
    out, last = layer(rnn.pack_sequence(sequences, enforce_sorted=False))
    last = last[0] if kind == "LSTM" else last
    for i, (sequence, mine) in enumerate(zip(sequences, rnn.unpack_sequence(out), strict=True)):
        alone, ended = layer(sequence)
        np.testing.assert_allclose(mine.detach(), alone.detach(), rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(last[:, i].detach(), (ended[0] if kind == "LSTM" else ended).detach(), rtol=1e-12, atol=1e-12)


def test_a_bidirectional_layer_reads_backward_too():
    layer = nn.GRU(3, 4, bidirectional=True)
    backward = nn.GRU(3, 4)
    backward.load_state_dict({n.removesuffix("_reverse"): v for n, v in layer.state_dict().items() if n.endswith("_reverse")})
    x = ndl.randn(5, 2, 3)
    np.testing.assert_allclose(layer(x)[0][..., 4:].detach(), backward(x.flip(0))[0].flip(0).detach(), rtol=1e-5, atol=1e-6)


def test_a_state_carried_on_continues_the_sequence():
    layer, x = nn.LSTM(3, 4, num_layers=2), ndl.randn(6, 2, 3)
    whole, _ = layer(x)
    first, state = layer(x[:2])
    second, _ = layer(x[2:], state)
    np.testing.assert_allclose(ndl.cat([first, second]).detach(), whole.detach(), rtol=1e-5, atol=1e-6)


def test_large_gates_do_not_overflow():
    for kind in ("RNN", "LSTM", "GRU"):
        layer, x = getattr(nn, kind)(2, 3), ndl.full((4, 1, 2), -1e30, requires_grad=True)
        out, _ = layer(x)
        out.sum().backward()
        assert out.isfinite().all() and x.grad.isfinite().all()


def test_an_error_says_what_does_not_fit():
    with pytest.raises(RuntimeError, match=r"Expected 3, got 2 \(input \(5, 2, 2\)\)"):
        nn.LSTM(3, 4)(ndl.ones(5, 2, 2))
    with pytest.raises(RuntimeError, match=r"Expected hidden\[1\] size \(1, 2, 4\), got \[1, 3, 4\]"):
        nn.LSTM(3, 4)(ndl.ones(5, 2, 3), (ndl.ones(1, 2, 4), ndl.ones(1, 3, 4)))
    for wrong in (ndl.ones(1, 2, 4), (ndl.ones(1, 2, 4),)):
        with pytest.raises(RuntimeError, match=r"pair of tensors \(h_0, c_0\); got one tensor|got 1 of them"):
            nn.LSTM(3, 4)(ndl.ones(5, 2, 3), wrong)
    with pytest.raises(ValueError, match=r"Convert input: input.to\(ndl.float32\)"):
        nn.GRU(3, 4)(ndl.ones(5, 2, 3, dtype=ndl.float64))
    with pytest.raises(RuntimeError, match=r"read as \(T, N, ...\): check batch_first"):
        rnn.pack_padded_sequence(ndl.ones(2, 5, 3), [5, 4])
    with pytest.raises(RuntimeError, match="a length of 9"):
        rnn.pack_padded_sequence(ndl.ones(5, 2, 3), [9, 4])


def test_layers_are_copied_and_pickled():
    layer, x = nn.LSTM(3, 4, 2, bidirectional=True), ndl.randn(5, 2, 3)
    for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert np.array_equal(twin(x)[0].detach(), layer(x)[0].detach())
        twin.weight_hh_l1_reverse.data.zero_()
        assert not np.array_equal(twin(x)[0].detach(), layer(x)[0].detach())


def test_a_weight_that_is_replaced_is_used():
    layer, x = nn.RNN(3, 4), ndl.ones(1, 1, 3)
    for name in list(layer._parameters):
        setattr(layer, name, nn.Parameter(ndl.zeros_like(getattr(layer, name))))
    assert not layer(x)[0].any()


def test_dropout_is_between_layers_only():
    layer, x = nn.GRU(3, 4, num_layers=2, dropout=1.0), ndl.randn(5, 2, 3)
    upper = nn.GRU(4, 4)
    upper.load_state_dict({n.replace("l1", "l0"): v for n, v in layer.state_dict().items() if "l1" in n})
    assert np.allclose(layer(x)[0].detach(), upper(ndl.zeros(5, 2, 4))[0].detach(), atol=1e-6)
    assert not np.allclose(layer.eval()(x)[0].detach(), upper(ndl.zeros(5, 2, 4))[0].detach(), atol=1e-3)


# --- attention ------------------------------------------------------------------------------------------------------


def test_causal_attention_does_not_see_the_future():
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0)
    encoder, mask = nn.TransformerEncoder(layer, 2), nn.Transformer.generate_square_subsequent_mask(5)
    x = ndl.randn(5, 2, 8)
    changed = x.clone()
    changed[3:] = 0
    for mask_given in (mask, mask == -np.inf):
        one, other = encoder(x, mask_given).detach(), encoder(changed, mask_given).detach()
        np.testing.assert_allclose(one[:3], other[:3], rtol=1e-5, atol=1e-6)
        assert not np.allclose(one[3:], other[3:], atol=1e-3)
    assert not np.allclose(encoder(x)[:3].detach(), encoder(changed)[:3].detach(), atol=1e-3)


def test_padded_places_do_not_count():
    model = nn.Transformer(8, 2, 1, 1, 16, dropout=0.0, batch_first=True)
    src, tgt = ndl.randn(1, 4, 8), ndl.randn(1, 3, 8)
    padded = ndl.cat([src, 1e3 * ndl.randn(1, 2, 8)], 1)
    mask = ndl.tensor([[False] * 4 + [True] * 2])
    out = model(padded, tgt, src_key_padding_mask=mask, memory_key_padding_mask=mask)
    np.testing.assert_allclose(out.detach(), model(src, tgt).detach(), rtol=1e-4, atol=1e-5)


def test_a_decoder_keeps_the_activation_that_it_is_given():
    layer = nn.TransformerDecoderLayer(8, 2, 16, activation=nn.Tanh())
    decoder = nn.TransformerDecoder(layer, 2)
    assert [type(copied.activation) for copied in decoder.layers] == [nn.Tanh, nn.Tanh]


def test_layers_of_an_encoder_start_alike_and_learn_apart():
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0), 2)
    first, second = (layer.linear1.weight for layer in encoder.layers)
    assert first is not second and (first == second).all()
    encoder(ndl.randn(3, 1, 8)).square().sum().backward()
    assert not (first.grad == second.grad).all()


# --- parametrizations -----------------------------------------------------------------------------------------------


def test_a_copy_keeps_its_parametrizations_when_the_first_loses_them():
    parametrizations, parametrize = nn.utils.parametrizations, nn.utils.parametrize
    layer = parametrizations.weight_norm(nn.Linear(3, 2))
    twin = copy.deepcopy(layer)
    parametrize.remove_parametrizations(layer, "weight")
    assert type(layer) is nn.Linear and isinstance(layer.weight, nn.Parameter)
    twin.parametrizations.weight.original0.data.mul_(2)
    np.testing.assert_allclose(twin.weight.detach(), 2 * layer.weight.detach(), rtol=1e-6)


def test_spectral_norm_finds_the_largest_singular_value():
    layer = nn.utils.parametrizations.spectral_norm(nn.Linear(6, 5), n_power_iterations=50)
    layer(ndl.ones(1, 6))
    assert abs(np.linalg.svd(layer.weight.detach().numpy())[1][0] - 1) < 1e-4


@pytest.mark.parametrize("shape", [(4, 4), (3, 5), (5, 3)])
@pytest.mark.parametrize("kind", ["matrix_exp", "cayley", "householder"])
def test_orthogonal_weights_stay_orthogonal(kind, shape):
    layer = nn.utils.parametrizations.orthogonal(nn.Linear(*shape).double(), orthogonal_map=kind)
    optimizer = ndl.optim.SGD(layer.parameters(), lr=0.1)
    before = layer.weight.detach()
    for _ in range(3):
        optimizer.zero_grad()
        layer(ndl.ones(2, shape[0], dtype=ndl.float64)).square().sum().backward()
        optimizer.step()
    w = layer.weight.detach().numpy()
    w = w if w.shape[0] >= w.shape[1] else w.T
    np.testing.assert_allclose(w.T @ w, np.eye(w.shape[1]), atol=1e-10)
    assert not np.allclose(before, layer.weight.detach())


# --- clipping -------------------------------------------------------------------------------------------------------


def test_clipping_scales_to_the_norm_and_leaves_small_gradients_alone():
    p = nn.Parameter(ndl.zeros(2))
    for grad, clipped in (([3.0, 4.0], [0.6, 0.8]), ([0.3, 0.4], [0.3, 0.4])):
        p.grad = ndl.tensor(grad)
        total = nn.utils.clip_grad_norm_(p, 1.0)
        np.testing.assert_allclose(total, np.hypot(*grad), rtol=1e-6)
        np.testing.assert_allclose(p.grad, clipped, rtol=1e-5)
