"""`ndl.summary`: figures checked by hand, for every kind of layer; the table; and the model left as it was."""

import os

import numpy as np
import pytest

import minitorch_ndl as ndl
from minitorch_ndl import nn
from minitorch_ndl.dispatch import OPS
from minitorch_ndl.viz.overview import MULTIPLY_ADDS, Summary


def row(info, path):
    return next(r for r in info.rows if r.path == path)


class Tied(nn.Module):
    """Nested, with a layer called twice, one never called, one at two places, tied weights, frozen ones, and a functional
    product."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(50, 8)
        self.twice = nn.Linear(8, 8)
        self.never = nn.Linear(3, 3)
        self.again = self.twice
        self.body = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 8))
        self.body.requires_grad_(False)
        self.head = nn.Linear(8, 50)
        self.head.weight = self.embed.weight

    def forward(self, ids):
        h = self.embed(ids)
        h = self.twice(self.twice(h))
        h = (h @ h.mT) @ h
        return self.head(self.body(h))


# --- figures ------------------------------------------------------------------------------------------------------------


def test_a_small_network_by_hand():
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 100), nn.ReLU(), nn.Linear(100, 10))
    info = ndl.summary(model, (64, 1, 28, 28))
    assert isinstance(info, Summary) and ndl.viz.summary is ndl.summary
    assert info.total_params == info.trainable_params == 784 * 100 + 100 + 100 * 10 + 10
    assert info.mult_adds == 64 * (784 * 100 + 100 * 10)
    assert info.param_bytes == 4 * info.total_params and info.buffer_bytes == 0
    assert info.input_bytes == 64 * 784 * 4
    assert info.output_bytes == 64 * (100 + 100 + 10) * 4, "flatten gives a view"
    assert info.bytes == info.param_bytes + info.input_bytes + info.output_bytes
    assert [(r.path, r.kind, r.depth, r.output, r.calls) for r in info.rows] == [
        ("", "Sequential", 0, [(64, 10)], 1), ("0", "Flatten", 1, [(64, 784)], 1), ("1", "Linear", 1, [(64, 100)], 1),
        ("2", "ReLU", 1, [(64, 100)], 1), ("3", "Linear", 1, [(64, 10)], 1)]


def test_shared_frozen_repeated_and_unused_parts():
    info = ndl.summary(Tied(), (4, 6), dtypes=ndl.int64)
    linear = 8 * 8 + 8
    frozen = 8 * 16 + 16 + 16 * 8 + 8
    assert info.total_params == 50 * 8 + linear + 12 + frozen + 50 and info.trainable_params == info.total_params - frozen
    assert row(info, "twice").calls == 2 and row(info, "twice").mult_adds == 2 * 4 * 6 * 64
    assert row(info, "never").calls == 0 and row(info, "never").output is None and row(info, "never").params == 12
    assert row(info, "again").same_as == "twice" and row(info, "again").params == 0
    assert row(info, "head").params == 50 and row(info, "head").mult_adds == 4 * 6 * 8 * 50
    assert row(info, "").mult_adds == 2 * 4 * 6 * 6 * 8, "the products in forward itself"
    assert row(info, "body.0").trainable_params == 0 and row(info, "body.0").params == 144
    assert info.mult_adds == sum(r.mult_adds for r in info.rows)
    text = info.table(120)
    assert "head.weight is embed.weight, counted there" in text and "again: Linear = twice" in text
    assert "(144)" in text and "(280) frozen" in text and "twice: Linear ×2" in text
    assert [line.split()[2:4] for line in text.splitlines() if "never" in line] == [["not", "called"]]


N, L = 2, 5
LAYERS = [  # layer, input, output shapes, multiply-adds
    (nn.Conv2d(4, 6, 3, stride=2, padding=1, groups=2), (N, 4, 9, 9), [(N, 6, 5, 5)], N * 6 * 25 * 2 * 9),
    (nn.Conv1d(4, 6, 3), (N, 4, 9), [(N, 6, 7)], N * 6 * 7 * 4 * 3),
    (nn.Conv3d(1, 2, 2), (N, 1, 3, 3, 3), [(N, 2, 2, 2, 2)], N * 2 * 8 * 8),
    (nn.ConvTranspose2d(4, 6, 3, stride=2), (N, 4, 5, 5), [(N, 6, 11, 11)], N * 4 * 25 * 6 * 9),
    (nn.Conv2d(4, 6, 3), (4, 9, 9), [(6, 7, 7)], 6 * 49 * 4 * 9),
    (nn.Linear(3, 4), (N, L, 3), [(N, L, 4)], N * L * 12),
    (nn.Bilinear(3, 4, 5), [(N, 3), (N, 4)], [(N, 5)], N * (3 * 4 * 5 + 4 * 5)),
    (nn.RNN(3, 4, num_layers=2), (L, N, 3), [(L, N, 4), (2, N, 4)], L * N * (12 + 16 + 16 + 16)),
    (nn.GRU(3, 4, bidirectional=True), (L, N, 3), [(L, N, 8), (2, N, 4)], 2 * L * N * 3 * (12 + 16)),
    (nn.LSTM(3, 4), (L, N, 3), [(L, N, 4), (1, N, 4), (1, N, 4)], L * N * 4 * (12 + 16)),
    (nn.LSTM(3, 4, proj_size=2), (L, N, 3), [(L, N, 2), (1, N, 2), (1, N, 4)], L * N * (4 * (12 + 8) + 8)),
    (nn.LSTMCell(3, 4), (N, 3), [(N, 4), (N, 4)], N * 4 * (12 + 16)),
    (nn.MultiheadAttention(8, 2, batch_first=True), [(N, L, 8)] * 3, [(N, L, 8), (N, L, L)],
     N * (4 * L * 64 + 2 * L * L * 8)),
    (nn.BatchNorm2d(3), (N, 3, 4, 4), [(N, 3, 4, 4)], 0),
    (nn.LayerNorm(3), (N, 3), [(N, 3)], 0),
    (nn.MaxPool2d(2, return_indices=True), (N, 3, 4, 4), [(N, 3, 2, 2), (N, 3, 2, 2)], 0),
]


@pytest.mark.parametrize("layer, size, outputs, adds", LAYERS, ids=[f"{type(c[0]).__name__}{i}" for i, c in enumerate(LAYERS)])
def test_layers_by_hand(layer, size, outputs, adds):
    info = ndl.summary(layer, size)
    assert row(info, "").output == outputs and info.mult_adds == adds
    assert info.total_params == sum(p.numel() for p in layer.parameters())
    assert info.output_bytes == sum(8 * n if "MaxPool" in str(layer) and i else 4 * n for i, n in enumerate(
        ndl.Size(s).numel() for s in outputs))


def test_half_and_double_and_integers():
    assert ndl.summary(nn.Linear(3, 4).double(), (2, 3)).output_bytes == 2 * 4 * 8
    assert ndl.summary(nn.Linear(3, 4), (2, 3), dtypes=[ndl.float32]).input_bytes == 24
    info = ndl.summary(nn.Embedding(7, 3), (2, 5), dtypes=ndl.int64)
    assert info.input_bytes == 80 and info.output_bytes == 120


def test_inputs_as_data_several_inputs_and_other_arguments():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(3, 4), nn.Embedding(9, 4)

        def forward(self, x, ids, scale=1):
            return {"out": (self.a(x) + self.b(ids)) * scale, "more": [x, None, 3]}

    model, x, ids = Two(), ndl.randn(2, 3), ndl.tensor([8, 1])
    ways = [ndl.summary(model, [(2, 3), (2,)], dtypes=[None, ndl.int64]), ndl.summary(model, input_data=(x, ids)),
            ndl.summary(model, input_data=[x, ids, 5]), ndl.summary(model, input_data={"x": x, "ids": ids, "scale": 2})]
    for info in ways:
        assert row(info, "").output == [(2, 4), (2, 3)] and info.mult_adds == 24 and info.input_bytes == 24 + 16
    assert ndl.summary(nn.Linear(3, 4), input_data=x).mult_adds == 24
    packed = nn.utils.rnn.pack_padded_sequence(ndl.randn(4, 2, 3), [4, 2])
    info = ndl.summary(nn.GRU(3, 5), input_data=[packed])
    assert info.mult_adds == 6 * 15 * (3 + 5) and row(info, "").output[0] == (6, 5)


def test_without_an_input_there_are_parameters_only():
    info = ndl.summary(Tied())
    assert info.mult_adds is None and info.output_bytes == 0 and info.total_params == ndl.summary(Tied(), (1, 2), dtypes=ndl.int64).total_params
    assert info.table().splitlines()[1].split() == ["Layer", "Parameters"]
    lazy = nn.Sequential(nn.LazyLinear(4), nn.Linear(4, 2))
    assert ndl.summary(lazy).total_params == 10 and "0.weight has no shape yet" in str(ndl.summary(lazy))
    assert ndl.summary(lazy, (2, 3)).total_params == 26 and type(lazy[0]) is nn.Linear
    lazy = nn.Sequential(nn.LazyConv1d(4, 3), nn.LazyBatchNorm1d())
    assert ndl.summary(lazy).buffer_bytes == 8
    info = ndl.summary(lazy, (2, 5, 7))
    assert info.total_params == 4 * 5 * 3 + 4 + 8 and info.buffer_bytes == 2 * 16 + 8 and lazy[1].num_batches_tracked == 0


def test_a_model_without_parameters():
    info = ndl.summary(nn.ReLU(), (2, 3))
    assert info.total_params == 0 and info.bytes == 48 and "0 parameters" in str(info)


# --- the table ----------------------------------------------------------------------------------------------------------


def test_depth_adds_up_what_it_leaves_out():
    model = nn.Sequential(nn.Sequential(nn.Linear(3, 4), nn.Sequential(nn.Linear(4, 5), nn.ReLU())), nn.Linear(5, 2))

    def cells(depth):
        lines = ndl.summary(model, (10, 3), depth=depth).table(100).splitlines()
        return {line.split("  (10")[0].strip(): line.split()[-4:-2] for line in lines[3:-4]}

    everything = {"params": 16 + 25 + 12, "adds": 10 * (12 + 20 + 10)}
    assert cells(0) == {"Sequential": [str(everything["params"]), str(everything["adds"])]}
    assert cells(1) == {"Sequential": cells(1)["Sequential"], "0: Sequential": ["41", "320"], "1: Linear": ["12", "100"]}
    assert set(cells(2)) == {"Sequential", "0: Sequential", "0: Linear", "1: Sequential", "1: Linear"}
    assert cells(2)["1: Sequential"] == ["25", "200"]
    whole, cut = ndl.summary(model, (10, 3)), ndl.summary(model, (10, 3), depth=0)
    assert (whole.total_params, whole.mult_adds, whole.bytes) == (cut.total_params, cut.mult_adds, cut.bytes) and len(cut.rows) == 7


@pytest.mark.parametrize("width", [40, 50, 60, 80, 100, 200])
@pytest.mark.parametrize("batch", [2, 2_000])
def test_it_fits_the_terminal(width, batch, monkeypatch):
    monkeypatch.setattr("shutil.get_terminal_size", lambda *_: os.terminal_size((width, 24)))
    model = nn.Sequential(nn.Linear(100, 1000), nn.ModuleDict({"a_rather_long_name_for_a_layer": nn.Linear(1000, 1000)}))
    model.forward = lambda x: model[1]["a_rather_long_name_for_a_layer"](model[0](x))
    text = str(ndl.summary(model, (batch, 100)))
    assert max(map(len, text.splitlines())) <= width and repr(ndl.summary(model, (batch, 100))) == text
    lines = text.splitlines()
    assert "Parameters" in lines[1] and f"{101_000 + 1_001_000:,} parameters" in text
    inner = next(line for line in lines if "a_rather" in line or "…" in line or "a_ra" in line)
    assert inner.startswith("    a_ra"), "indented"
    assert "1,001,000" in inner or "1M" in inner


# --- nothing is changed -------------------------------------------------------------------------------------------------


def test_the_model_is_left_as_it_was():
    class Counting(nn.Module):
        def __init__(self):
            super().__init__()
            self.calls = 0
            self.norm, self.drop = nn.BatchNorm1d(3), nn.Dropout(0.5)
            self.lin = nn.utils.parametrizations.spectral_norm(nn.Linear(3, 3))
            self.register_buffer("seen", ndl.zeros(1))

        def forward(self, x):
            self.calls += 1
            self.hidden = self.norm(x)
            self.seen += 1
            self.seen = self.seen * 2
            return self.lin(self.drop(self.hidden)) + ndl.rand(1)

    kernels = {name: OPS[name].kernels[np.ndarray] for name in MULTIPLY_ADDS}
    model = Counting()
    model.drop.eval()
    kept = []
    handle = model.norm.register_forward_hook(lambda *_: kept.append(1))
    loss = model(ndl.randn(4, 3)).sum()  # a graph that is still to be walked
    del model.hidden
    before = {k: v.tolist() for k, v in model.state_dict().items()}
    attributes = {name: vars(m).copy() for name, m in model.named_modules()}
    buffers, versions = dict(model._buffers), [b._version for b in model.buffers()]
    ndl.manual_seed(5)
    expected = ndl.rand(2).tolist()
    ndl.manual_seed(5)
    ndl.summary(model, (4, 3))
    assert ndl.rand(2).tolist() == expected
    assert {k: v.tolist() for k, v in model.state_dict().items()} == before
    assert [b._version for b in model.buffers()] == versions and all(model._buffers[k] is b for k, b in buffers.items())
    assert model.training and model.norm.training and not model.drop.training
    for name, module in model.named_modules():
        assert vars(module).keys() == attributes[name].keys() and all(vars(module)[k] is v for k, v in attributes[name].items())
    assert model.calls == 1 and all(p.grad is None for p in model.parameters())
    assert len(kept) == 2 and len(model.norm._hooks.forward) == 1 and not model.norm._hooks.forward_pre
    loss.backward()
    handle.remove()
    with pytest.raises(RuntimeError):
        ndl.summary(model, (4, 5))
    assert model.training and "_hooks" not in vars(model.drop) and model.calls == 1, "also after an error"
    assert kernels == {name: OPS[name].kernels[np.ndarray] for name in MULTIPLY_ADDS}


# --- bad input ----------------------------------------------------------------------------------------------------------


def test_bad_input():
    model = nn.Linear(3, 4)
    with pytest.raises(TypeError, match="'model' must be an nn.Module; got type. Give it the model itself"):
        ndl.summary(nn.Linear, (2, 3))
    with pytest.raises(TypeError, match=r"'input_size' must be a shape such as \(64, 1, 28, 28\).*got 3"):
        ndl.summary(model, 3)
    with pytest.raises(TypeError, match="'input_size' must be a shape"):
        ndl.summary(model, (2.5, 3))
    with pytest.raises(ValueError, match="is negative.*batch size"):
        ndl.summary(model, (-1, 3))
    with pytest.raises(ValueError, match="both 'input_size' and 'input_data'"):
        ndl.summary(model, (2, 3), input_data=ndl.ones(2, 3))
    with pytest.raises(TypeError, match="no tensor in 'input_data'; got ndarray. Convert the data"):
        ndl.summary(model, input_data=ndl.ones(2, 3).numpy())
    with pytest.raises(ValueError, match="2 shapes in 'input_size', but 1 dtype; give one for each"):
        ndl.summary(model, [(2, 3), (2, 3)], dtypes=[ndl.int64])
    with pytest.raises(TypeError, match="'dtypes' must be dtypes such as ndl.int64; got 'int64'"):
        ndl.summary(model, (2, 3), dtypes="int64")
    with pytest.raises(ValueError, match="'depth' must be a number of levels"):
        ndl.summary(model, (2, 3), depth=-1)
    with pytest.raises(RuntimeError, match=r"does not take an input of shape \(2, 5\) of ndl.float32: .*5 features.*batch"):
        ndl.summary(model, (2, 5))
    with pytest.raises(RuntimeError, match="Embedding, take dtypes=ndl.int64"):
        ndl.summary(nn.Embedding(3, 4), (2, 5))
    with pytest.raises(RuntimeError) as error:
        ndl.summary(model, input_data=ndl.ones(2, 5))
    assert "input_size" not in str(error.value), "the model's own error, as it is"
