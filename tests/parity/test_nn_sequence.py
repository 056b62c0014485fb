"""Recurrent layers, attention and transformers against torch: the same seed gives the same layer, output and gradients."""

import random
import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tests.parity.both import BOTH, agree
from tests.parity.same import array, check, flat, same, same_error

RNG = np.random.default_rng(0)
HERE = random.Random(0)


def alike(make, call, *arrays, dtype=None, grad=True, train=True):
    """Modules made with the same seed print, start, compute and learn alike. `call(m, module, *tensors)`."""
    results, modules = [], []
    for m in BOTH:
        m.manual_seed(3)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # torch's, about nested tensors
            module = make(m.nn)
        if dtype is not None:
            module = module.to(getattr(m, dtype))
        module.train(train)
        tensors = [m.from_numpy(a.copy()) for a in arrays]
        for t in tensors:
            if grad and t.is_floating_point():
                t.requires_grad_()
        m.manual_seed(4)  # for dropout
        with m.set_grad_enabled(grad), warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            outs = flat(call(m, module, *tensors))
        grads = []
        if grad:
            sum((o * o).sum() for o in outs if o.is_floating_point()).backward()
            grads = [x.grad for x in [*tensors, *module.parameters()]]
        results.append((outs, grads, list(module.state_dict().items())))
        modules.append(repr(module))
    (outs_e, grads_e, state_e), (outs, grads, state) = results
    assert modules[1] == modules[0]
    assert [k for k, _ in state] == [k for k, _ in state_e]
    for (name, ours), (_, theirs) in zip(state, state_e):
        check(ours, theirs, name)
    assert len(outs) == len(outs_e)
    for i, (ours, theirs) in enumerate(zip(outs, outs_e)):
        check(ours.detach(), theirs.detach(), f"output {i}")
    for i, (ours, theirs) in enumerate(zip(grads, grads_e, strict=True)):
        assert (ours is None) == (theirs is None), f"gradient {i}"
        if ours is not None:
            check(ours, theirs, f"gradient {i}")


# --- recurrent layers -----------------------------------------------------------------------------------------------


def options(kind, pick):
    """Random constructor arguments."""
    chosen = {"num_layers": pick((1, 1, 2, 3)), "bias": pick((True, True, False)), "batch_first": pick((True, False)),
              "bidirectional": pick((True, False))}
    if chosen["num_layers"] > 1 and pick((True, False)):
        chosen["dropout"] = pick((0.3, 1.0))
    if kind == "LSTM" and pick((True, False)):
        chosen["proj_size"] = 2
    if kind == "RNN":
        chosen["nonlinearity"] = pick(("tanh", "relu"))
    return {k: v for k, v in chosen.items() if pick((True, True, False)) or k == "nonlinearity"}


def states(kind, chosen, n):
    """Arrays for h0 (and c0)."""
    many = chosen.get("num_layers", 1) * (2 if chosen.get("bidirectional") else 1)
    shape = (many,) if n is None else (many, n)
    first = array(RNG, (*shape, chosen.get("proj_size", 5)))
    return [first, array(RNG, (*shape, 5))] if kind == "LSTM" else [first]


def hidden(kind, given):
    return None if not given else tuple(given) if kind == "LSTM" else given[0]


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_recurrent_layers(kind):
    for _ in range(15):
        chosen = options(kind, HERE.choice)
        n, steps = HERE.choice((None, 1, 3)), HERE.choice((1, 2, 6))
        shape = (steps, 4) if n is None else (n, steps, 4) if chosen.get("batch_first") else (steps, n, 4)
        given = states(kind, chosen, n) if HERE.random() < 0.6 else []
        alike(lambda nn: getattr(nn, kind)(4, 5, **chosen), lambda m, layer, x, *h: layer(x, hidden(kind, h)),
              array(RNG, shape), *given, dtype="float64", train=HERE.random() < 0.7)


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_recurrent_layers_with_packed_sequences(kind):
    for _ in range(9):
        chosen = options(kind, HERE.choice)
        n = HERE.choice((1, 2, 4))
        lengths = [HERE.randint(1, 6) for _ in range(n)]
        ordered = HERE.random() < 0.5
        lengths = sorted(lengths, reverse=True) if ordered else lengths
        given = states(kind, chosen, n) if HERE.random() < 0.6 else []

        def call(m, layer, x, *h):
            rnn = m.nn.utils.rnn
            packed = rnn.pack_padded_sequence(x, m.tensor(lengths), enforce_sorted=ordered)
            out, last = layer(packed, hidden(kind, h))
            assert type(out).__name__ == "PackedSequence"
            return [rnn.pad_packed_sequence(out), out.data, out.batch_sizes, last]

        alike(lambda nn: getattr(nn, kind)(4, 5, **chosen), call, array(RNG, (max(lengths), n, 4)), *given, dtype="float64")


def test_recurrent_layers_in_single_and_half_precision():
    for kind in ("RNN", "LSTM", "GRU"):
        alike(lambda nn: getattr(nn, kind)(30, 20, 2, bidirectional=True), lambda m, layer, x: layer(x),
              array(RNG, (15, 7, 30), "float32"))
        alike(lambda nn: getattr(nn, kind)(4, 5), lambda m, layer, x: layer(x), array(RNG, (6, 2, 4), "float16"),
              dtype="float16", grad=False)


def test_recurrent_layers_of_one_feature():
    for kind in ("RNN", "LSTM", "GRU"):
        for width in ((1, 1), (3, 1), (1, 3)):
            alike(lambda nn: getattr(nn, kind)(*width), lambda m, layer, x: layer(x), array(RNG, (5, 1, width[0])), dtype="float64")
            alike(lambda nn: getattr(nn, kind)(*width), lambda m, layer, x: layer(x), array(RNG, (5, 2, width[0])), dtype="float64")


def test_second_derivatives_of_recurrent_layers():
    for kind in ("RNN", "LSTM", "GRU"):
        for chosen in ({}, {"num_layers": 2, "bidirectional": True, "bias": False}):
            def penalty(m, x):
                m.manual_seed(0)
                layer = getattr(m.nn, kind)(3, 4, **chosen).double()
                out, _ = layer(x)
                (grad,) = m.autograd.grad(out.sum(), x, create_graph=True)
                loss = (grad * grad).sum()
                loss.backward()
                return [p.grad for p in layer.parameters() if p.grad is not None]

            x = array(RNG, (5, 2, 3))
            theirs, ours = (penalty(m, m.from_numpy(x.copy()).requires_grad_()) for m in BOTH)
            for i, (a, e) in enumerate(zip(ours, theirs, strict=True)):
                check(a, e, f"{kind} {i}")


def test_the_functions_behind_recurrent_layers():
    w = [array(RNG, s) for s in ((20, 3), (20, 5), (20,), (20,))]
    x, h, c = array(RNG, (4, 2, 3)), array(RNG, (1, 2, 5)), array(RNG, (1, 2, 5))
    same(lambda m, x, h, c, *w: m.lstm(x, (h, c), w, True, 1, 0.0, False, False, False), x, h, c, *w, second=True)
    same(lambda m, x, h, c, *w: m.lstm_cell(x, (h, c), *w), x[0], h[0], c[0], *w)
    same(lambda m, x, h, *w: m.gru_cell(x, h, *w), x[0], h[0], *[a[:15] for a in w])
    same(lambda m, x, h, *w: m.rnn_tanh_cell(x, h, *w), x[0], h[0], *[a[:5] for a in w])
    same(lambda m, x, h, *w: m.rnn_relu_cell(x, h, *w), x[0], h[0], *[a[:5] for a in w[:2]])
    same(lambda m, x, h, *w: m.gru(x, h, w, True, 1, 0.0, False, False, True), x, array(RNG, (1, 4, 5)), *[a[:15] for a in w])


def test_a_recurrent_layers_output_may_be_written_into():
    for kind in ("RNN", "LSTM", "GRU"):
        alike(lambda nn: getattr(nn, kind)(4, 5), lambda m, layer, x: layer(x)[0].relu_(), array(RNG, (6, 2, 4)),
              dtype="float64")


def test_what_recurrent_layers_hold():
    for kind in ("RNN", "LSTM", "GRU"):
        agree(lambda m, kind=kind: [[tuple(w.shape) for w in ws] for ws in getattr(m.nn, kind)(3, 4, 2).all_weights])
        agree(lambda m, kind=kind: getattr(m.nn, kind)(3, 4, bidirectional=True)._all_weights)
        agree(lambda m, kind=kind: getattr(m.nn, kind)(3, 4).flatten_parameters())
    agree(lambda m: m.nn.LSTM(3, 4).mode + m.nn.RNN(3, 4, nonlinearity="relu").mode + m.nn.RNN(3, 4, 1, "relu").nonlinearity)


CELLS = [("RNNCell", {}), ("RNNCell", {"nonlinearity": "relu"}), ("RNNCell", {"bias": False}), ("LSTMCell", {}),
         ("LSTMCell", {"bias": False}), ("GRUCell", {}), ("GRUCell", {"bias": False})]


@pytest.mark.parametrize("kind, chosen", CELLS)
def test_cells(kind, chosen):
    for n in (None, 1, 3):
        shape = () if n is None else (n,)
        for given in (0, 2 if kind == "LSTMCell" else 1):
            h = [array(RNG, (*shape, 5)) for _ in range(given)]
            alike(lambda nn: getattr(nn, kind)(4, 5, **chosen), lambda m, cell, x, *h: cell(x, hidden(kind[:4], h)),
                  array(RNG, (*shape, 4)), *h, dtype="float64")

    def unrolled(m, cell, x):
        h, outs = None, []
        for step in x:
            h = cell(step, h)
            outs.append(h[0] if kind == "LSTMCell" else h)
        return m.stack(outs)

    alike(lambda nn: getattr(nn, kind)(4, 5, **chosen), unrolled, array(RNG, (6, 2, 4)), dtype="float64")


X = array(RNG, (6, 3, 4), "float32")
H = array(RNG, (1, 3, 5), "float32")


@pytest.mark.parametrize("wrong", [
    lambda m, x, h: m.nn.LSTM(4, 5)(x[..., :3]),
    lambda m, x, h: m.nn.LSTM(4, 5)(x.double()),
    lambda m, x, h: m.nn.LSTM(4, 5)(x[None]),
    lambda m, x, h: m.nn.LSTM(4, 5)(x, (h, h[:, :2])),
    lambda m, x, h: m.nn.LSTM(4, 5)(x, (h[0], h)),
    lambda m, x, h: m.nn.LSTM(4, 5)(x[:, 0], (h, h)),
    lambda m, x, h: m.nn.LSTM(4, 5)(x[:0]),
    lambda m, x, h: m.nn.GRU(4, 5)(x, h[..., :2]),
    lambda m, x, h: m.nn.GRU(4, 5)(x, h[0]),
    lambda m, x, h: m.nn.GRU(4, 5)(x[:, 0], h),
    lambda m, x, h: m.nn.RNN(4, 5, 2)(x, h),
    lambda m, x, h: m.nn.RNN(4, 5)(x[0, 0]),
    lambda m, x, h: m.nn.RNN(4, 5, nonlinearity="gelu"),
    lambda m, x, h: m.nn.RNN(4, 5, proj_size=2),
    lambda m, x, h: m.nn.GRU(4, 5, proj_size=2),
    lambda m, x, h: m.nn.GRU(4, 5, nope=2),
    lambda m, x, h: m.nn.LSTM(4, 5, proj_size=5),
    lambda m, x, h: m.nn.LSTM(4, 5, proj_size=-1),
    lambda m, x, h: m.nn.LSTM(4, 5, dropout=2),
    lambda m, x, h: m.nn.LSTM(4, 5, dropout=True),
    lambda m, x, h: m.nn.LSTM(4, 0),
    lambda m, x, h: m.nn.LSTM(0, 4),
    lambda m, x, h: m.nn.LSTM(4, 5, 0),
    lambda m, x, h: m.nn.LSTM(4.0, 5),
    lambda m, x, h: m.nn.LSTM(4, 5, bias=1),
    lambda m, x, h: m.nn.LSTM(4, 5, batch_first=1),
    lambda m, x, h: m.nn.LSTMCell(4, 5)(x),
    lambda m, x, h: m.nn.LSTMCell(4, 5)(x[0], (h, h)),
    lambda m, x, h: m.nn.LSTMCell(4, 5)(x[0], (h[0], h[0, :, :2])),
    lambda m, x, h: m.nn.GRUCell(4, 5)(x[0, :, :2]),
    lambda m, x, h: m.nn.GRUCell(4, 5)(x[0, :2], h[0]),
    lambda m, x, h: m.nn.GRUCell(4, 5)(x[0], h),
    lambda m, x, h: m.nn.RNNCell(4, 5)(x[0], h),
    lambda m, x, h: m.nn.RNNCell(4, 5, nonlinearity="x")(x[0]),
])
def test_recurrent_layers_refuse_what_torch_refuses(wrong):
    same_error(wrong, X, H)


def test_dropout_without_a_layer_to_drop_for_is_warned_of():
    for m in BOTH:
        with pytest.warns(UserWarning, match="non-zero dropout expects num_layers greater than 1"):
            m.nn.LSTM(2, 3, dropout=0.5)


# --- attention ------------------------------------------------------------------------------------------------------


def test_multihead_attention():
    for _ in range(40):
        pick = HERE.choice
        n, heads, length = pick((None, 1, 3)), pick((1, 2, 4)), pick((1, 5))
        itself = HERE.random() < 0.5
        source = length if itself else pick((1, 4))
        chosen = {k: True for k in ("add_bias_kv", "add_zero_attn") if HERE.random() < 0.25}
        chosen |= {"bias": pick((True, False)), "batch_first": pick((True, False)), "dropout": pick((0.0, 0.0, 0.4))}
        if not itself and HERE.random() < 0.5:
            chosen |= {"kdim": 6, "vdim": pick((5, 8))}
        batch_first = chosen["batch_first"] and n is not None

        def sequence(steps, width):
            return array(RNG, (steps, width) if n is None else (n, steps, width) if batch_first else (steps, n, width))

        arrays = [sequence(length, 8)]
        if not itself:
            arrays += [sequence(source, chosen.get("kdim", 8)), sequence(source, chosen.get("vdim", 8))]
        call = {"need_weights": pick((True, False)), "average_attn_weights": pick((True, False))}
        bools = HERE.random() < 0.5

        def mask(*shape):
            kept = RNG.random(shape) < 0.3
            kept[..., 0] = False  # torch has NaN where nothing counts
            return kept if bools else np.where(kept, -np.inf, RNG.standard_normal(shape))

        masks = {}
        if HERE.random() < 0.5:
            masks["attn_mask"] = mask(*pick(((length, source), ((n or 1) * heads, length, source))))
        if HERE.random() < 0.4:
            masks["key_padding_mask"] = mask(*((source,) if n is None else (n, source)))

        def attend(m, attention, *x):
            x = x * 3 if len(x) == 1 else x
            return attention(*x, **{k: m.from_numpy(v) for k, v in masks.items()}, **call)

        train = HERE.random() < 0.7 if chosen["dropout"] else True
        alike(lambda nn: nn.MultiheadAttention(8, heads, **chosen), attend, *arrays, dtype="float64", train=train)


def test_multihead_attention_with_a_causal_hint():
    for weights in (True, False):
        alike(lambda nn: nn.MultiheadAttention(8, 2), lambda m, a, x: a(
            x, x, x, need_weights=weights, is_causal=True, attn_mask=m.nn.Transformer.generate_square_subsequent_mask(5)),
            array(RNG, (5, 3, 8), "float32"))


X8 = array(RNG, (5, 3, 8), "float32")


@pytest.mark.parametrize("wrong", [
    lambda m, x: m.nn.MultiheadAttention(8, 3),
    lambda m, x: m.nn.MultiheadAttention(8, 0),
    lambda m, x: m.nn.MultiheadAttention(6, 2)(x, x, x),
    lambda m, x: m.nn.MultiheadAttention(8, 2)(x, x[:2], x),
    lambda m, x: m.nn.MultiheadAttention(8, 2)(x, x[0], x[0]),
    lambda m, x: m.nn.MultiheadAttention(8, 2)(x, x, x, attn_mask=m.zeros(4, 4)),
    lambda m, x: m.nn.MultiheadAttention(8, 2)(x, x, x, attn_mask=m.zeros(5)),
    lambda m, x: m.nn.MultiheadAttention(8, 2)(x, x, x, key_padding_mask=m.zeros(5, 3)),
    lambda m, x: m.nn.MultiheadAttention(8, 2)(x, x, x, is_causal=True),
    lambda m, x: m.nn.TransformerEncoderLayer(8, 2, activation="tanh"),
    lambda m, x: m.nn.Transformer(8, 2, 1, 1, 8)(x, x[:, :2]),
    lambda m, x: m.nn.Transformer(6, 2, 1, 1, 8)(x, x),
])
def test_attention_refuses_what_torch_refuses(wrong):
    kinds = (AssertionError, RuntimeError, ValueError, TypeError)
    errors = []
    for m in BOTH:
        with pytest.raises(kinds) as error, warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            wrong(m, m.from_numpy(X8))
        errors.append(error.type)
    assert errors[0] is errors[1]


def test_kernels_of_attention_can_be_chosen():
    attention = pytest.importorskip("torch.nn.attention")
    assert {k: int(v.value) for k, v in attention.SDPBackend.__members__.items()} == {
        k: int(v) for k, v in BOTH[1].nn.attention.SDPBackend.__members__.items()}
    for m in BOTH:
        with m.nn.attention.sdpa_kernel([m.nn.attention.SDPBackend.MATH]):
            pass
        with pytest.raises(AssertionError), m.nn.attention.sdpa_kernel(3):
            pass


# --- transformers ---------------------------------------------------------------------------------------------------


def square(m, n, bools=False):
    mask = m.nn.Transformer.generate_square_subsequent_mask(n)
    return mask == -float("inf") if bools else mask


def layer_options():
    pick = HERE.choice
    return {"dropout": pick((0.0, 0.3)), "activation": pick(("relu", "gelu")), "batch_first": pick((True, False)),
            "norm_first": pick((True, False)), "bias": pick((True, True, False)), "layer_norm_eps": pick((1e-5, 1e-2))}


def padding(n, steps, bools=True):
    lengths = [HERE.randint(1, steps) for _ in range(n)]
    mask = np.arange(steps) >= np.array(lengths)[:, None]
    return mask if bools else np.where(mask, -np.inf, 0.0)


@pytest.mark.parametrize("train", [True, False])
def test_transformer_encoders(train):
    for _ in range(9):
        chosen = layer_options()
        n, steps, bools = HERE.choice((None, 2)), HERE.choice((1, 5)), HERE.random() < 0.5
        shape = (steps, 8) if n is None else (n, steps, 8) if chosen["batch_first"] else (steps, n, 8)
        masked, padded, final = HERE.random() < 0.5, n is not None and HERE.random() < 0.5, HERE.random() < 0.5
        pad = padding(n, steps, bools) if padded else None

        def call(m, encoder, x):
            mask = square(m, steps, bools) if masked else None
            mask = mask if mask is None or bools else mask.double()
            return encoder(x, mask, src_key_padding_mask=None if pad is None else m.from_numpy(pad))

        def make(nn):
            layer = nn.TransformerEncoderLayer(8, 2, 16, **chosen)
            return nn.TransformerEncoder(layer, 2, nn.LayerNorm(8) if final else None)

        alike(make, call, array(RNG, shape), dtype="float64", train=train)


def test_transformer_encoders_without_gradients():
    """Where torch takes its fast path, padded places come out as zeros."""
    for batch_first in (True, False):
        for nested in (True, False):
            for activation in ("relu", "gelu"):
                pad = padding(3, 6)
                pad[0] = False
                alike(lambda nn: nn.TransformerEncoder(nn.TransformerEncoderLayer(
                    8, 2, 16, batch_first=batch_first, activation=activation), 2, enable_nested_tensor=nested),
                    lambda m, e, x: e(x, src_key_padding_mask=m.from_numpy(pad)),
                    array(RNG, (3, 6, 8) if batch_first else (6, 3, 8), "float32"), grad=False, train=False)
    alike(lambda nn: nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), lambda m, e, x: e(x, square(m, 6), is_causal=True),
          array(RNG, (3, 6, 8), "float32"), grad=False, train=False)


def test_transformer_decoders():
    for _ in range(9):
        chosen = layer_options()
        n = HERE.choice((None, 2))

        def sequence(steps):
            return array(RNG, (steps, 8) if n is None else (n, steps, 8) if chosen["batch_first"] else (steps, n, 8))

        masked, padded, hint = HERE.random() < 0.6, n is not None and HERE.random() < 0.5, HERE.choice((None, False))
        pads = [padding(n, 4), padding(n, 6)] if padded else []

        def call(m, decoder, tgt, memory):
            masks = {"tgt_mask": square(m, 4, True)} if masked else {}
            for name, pad in zip(("tgt_key_padding_mask", "memory_key_padding_mask"), pads):
                masks[name] = m.from_numpy(pad)
            return decoder(tgt, memory, **masks, tgt_is_causal=hint)

        alike(lambda nn: nn.TransformerDecoder(nn.TransformerDecoderLayer(8, 2, 16, **chosen), 2), call, sequence(4),
              sequence(6), dtype="float64")


def test_transformers():
    for _ in range(4):
        chosen = layer_options()

        def sequence(steps):
            return array(RNG, (2, steps, 8) if chosen["batch_first"] else (steps, 2, 8))

        alike(lambda nn: nn.Transformer(8, 2, 2, 1, 16, **chosen), lambda m, t, src, tgt: t(
            src, tgt, tgt_mask=square(m, 4).double(), src_mask=square(m, 6).double()), sequence(6), sequence(4),
            dtype="float64")
    agree(lambda m: m.nn.Transformer.generate_square_subsequent_mask(4, dtype=m.float64).tolist())
    for activation in ("relu", "gelu"):
        alike(lambda nn: nn.Transformer(8, 2, custom_encoder=nn.Linear(8, 8), num_decoder_layers=1, dim_feedforward=8,
                                        activation=getattr(nn.functional, activation)).decoder,
              lambda m, d, x: d(x, x), array(RNG, (4, 2, 8)), dtype="float64")
    alike(lambda nn: nn.Transformer(8, 2, 1, custom_decoder=nn.Identity(), dim_feedforward=8, activation=nn.Tanh()).encoder,
          lambda m, e, x: e(x), array(RNG, (4, 2, 8)), dtype="float64")


# --- whole trainings ------------------------------------------------------------------------------------------------


def language_model(torch, kind):
    nn = torch.nn

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(20, 16)
            self.rnn = getattr(nn, kind)(16, 24, num_layers=2, dropout=0.2)
            self.dropout = nn.Dropout(0.2)
            self.decoder = nn.Linear(24, 20)

        def forward(self, x, hidden=None):
            out, hidden = self.rnn(self.dropout(self.embedding(x)), hidden)
            return self.decoder(self.dropout(out)), hidden

    return Model()


def small_transformer(torch):
    nn = torch.nn

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding, self.position = nn.Embedding(20, 16), nn.Embedding(12, 16)
            layer = nn.TransformerEncoderLayer(16, 4, 32, dropout=0.1, batch_first=True)
            self.encoder = nn.TransformerEncoder(layer, 2)
            self.decoder = nn.Linear(16, 20)

        def forward(self, x, hidden=None):
            x = x.t()
            mask = nn.Transformer.generate_square_subsequent_mask(x.size(1))
            out = self.encoder(self.embedding(x) + self.position(torch.arange(x.size(1))), mask, is_causal=True)
            return self.decoder(out).transpose(0, 1), None

    return Model()


def train(torch, make, detach):
    torch.manual_seed(1)
    text = torch.randint(0, 20, (121, 8))
    text[1::2] = (text[:-1:2] * 3 + 1) % 20  # something to learn
    model = make(torch)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    printed = []
    for _ in range(3):
        hidden = None
        for i in range(0, 120, 12):
            hidden = None if hidden is None else detach(hidden)
            optimizer.zero_grad()
            out, hidden = model(text[i : i + 12], hidden)
            loss = torch.nn.functional.cross_entropy(out.reshape(-1, 20), text[i + 1 : i + 13].reshape(-1))
            loss.backward()
            norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 0.25)
            optimizer.step()
            printed.append(f"{loss.item():.4f} {norm.item():.4f}")
    return printed


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN", "Transformer"])
def test_language_models_print_the_same_losses(kind):
    def make(m):
        return small_transformer(m) if kind == "Transformer" else language_model(m, kind)

    def detach(hidden):
        return tuple(h.detach() for h in hidden) if kind == "LSTM" else hidden.detach()

    theirs, ours = (train(m, make, detach) for m in BOTH)
    assert ours == theirs
    assert float(ours[-1].split()[0]) < float(ours[0].split()[0])
