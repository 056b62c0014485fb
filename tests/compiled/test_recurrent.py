"""The recurrent layers' compiled steps, against the same layers in plain NumPy."""

import contextlib

import numpy as np
import pytest

import minitorch_ndl as ndl
from minitorch_ndl import compiled, nn, products
from minitorch_ndl.compiled import threads
from minitorch_ndl.faces import F
from minitorch_ndl.nn.utils import rnn
from minitorch_ndl.ops import cells, recurrent

pytest.importorskip("numba")

from minitorch_ndl.compiled import recurrent as twins
from minitorch_ndl.compiled.gemm import multiply

NAMES = {"_added": "recurrent.added", "_by_gate": "recurrent.by_gate", "_lstm_steps": "lstm.steps", "_lstm_steps_backward": "lstm.steps.backward",
         "_lstm_step": "lstm.step", "_lstm_step_backward": "lstm.step.backward", "_gru_steps": "gru.steps",
         "_gru_steps_backward": "gru.steps.backward", "_gru_step": "gru.step", "_gru_step_backward": "gru.step.backward"}
TWINNED = [(module, name) for name in NAMES for module in (recurrent, cells) if name in vars(module)]


@contextlib.contextmanager
def plain():
    """Without the twins."""
    with pytest.MonkeyPatch.context() as patch:
        for module, name in TWINNED:
            patch.setattr(module, name, getattr(module, name).__wrapped__)
        yield


@pytest.fixture
def taken(monkeypatch):
    """The names of the twins that did the work by themselves."""
    if not compiled.enabled():
        pytest.skip("MINITORCH_NDL_FAST=0")
    found, original = set(), compiled.twin_of

    def twin_of(name, kernel):
        if name not in NAMES.values():
            return original(name, kernel)

        def handed_back(*args):
            found.discard(name)
            return kernel(*args)

        twin = compiled._twins[name]

        def run(*args):
            found.add(name)
            return twin(handed_back, *args)

        return run

    for module, name in TWINNED:
        kernel = getattr(module, name)
        monkeypatch.setattr(module, name, compiled.twinned(NAMES[name])(kernel.__wrapped__))
    for name in NAMES.values():
        compiled.twin_of(name, None)  # loads the module
    monkeypatch.setattr(compiled, "twin_of", twin_of)
    return found


def test_all_are_known():
    assert set(NAMES.values()) == {name for name, home in compiled._HOMES.items() if home == "recurrent"}


def outcome(run, inputs):
    """Results and gradients of all `inputs`, for gradients that are not all alike."""
    for t in inputs:
        t.grad = None
    outs = run()
    weights = [ndl.from_numpy(np.cos(np.arange(o.numel())).astype(o.detach().numpy().dtype)).view(o.shape) for o in outs]
    sum((o * w).sum() for o, w in zip(outs, weights, strict=True)).backward()
    return [t.detach().numpy() for t in outs] + [t.grad.numpy().copy() for t in inputs]


def same(run, inputs, dtype):
    actual = outcome(run, inputs)
    with plain():
        expected = outcome(run, inputs)
    for a, e in zip(actual, expected, strict=True):
        assert (a.dtype, a.shape) == (e.dtype, e.shape)
        np.testing.assert_allclose(a, e, rtol=0, atol=60 * np.finfo(dtype).eps * abs(e).max(initial=1))


LAYERS = [({}, (6, 5, 3), 4), ({"bias": False}, (5, 1, 3), 1), ({"num_layers": 2, "bidirectional": True}, (4, 9, 2), 7),
          ({}, (9, 11, 20), 130), ({"proj_size": 2}, (4, 3, 5), 6), ({"batch_first": True}, (3, 4, 1), 33)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
@pytest.mark.parametrize("case", range(len(LAYERS)))
def test_a_layer(kind, case, dtype, taken):
    options, sizes, hidden = LAYERS[case]
    if "proj_size" in options and kind != "LSTM":
        pytest.skip("only LSTM has projections")
    ndl.manual_seed(case)
    layer = getattr(nn, kind)(sizes[2], hidden, **options, dtype=getattr(ndl, dtype))
    x = ndl.randn(*sizes, dtype=getattr(ndl, dtype), requires_grad=True)

    def run():
        out, last = layer(x)
        return (out, *last) if kind == "LSTM" else (out, last)

    same(run, [x, *layer.parameters()], dtype)
    assert (f"{kind.lower()}.steps" in taken) == (dtype == "float32" and "proj_size" not in options)
    assert (f"{kind.lower()}.steps.backward" in taken) == (dtype == "float32" and "proj_size" not in options)


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_packed_sequences(kind, taken):
    layer = getattr(nn, kind)(3, 70, bidirectional=True)
    sequences = [ndl.randn(n, 3, requires_grad=True) for n in (2, 50, 13, 30, 7, 7, 50, 21, 1, 40)]
    states = [ndl.randn(2, len(sequences), 70, requires_grad=True) for _ in range(1 + (kind == "LSTM"))]

    def run():
        out, last = layer(rnn.pack_sequence(sequences, enforce_sorted=False), tuple(states) if kind == "LSTM" else states[0])
        return (out.data, *last) if kind == "LSTM" else (out.data, last)

    same(run, [*sequences, *states, *layer.parameters()], "float32")
    assert f"{kind.lower()}.steps.backward" in taken


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_the_same_bits_on_any_number_of_threads(kind, reverse, taken, monkeypatch):
    sizes, gates = (70,) * 9 + (50,) * 9 + (3,) * 2, {"lstm": 4, "gru": 3}[kind]
    x, states = ndl.randn(sum(sizes), 40, requires_grad=True), [ndl.randn(70, 96) for _ in range(gates - 2)]
    weights = [ndl.randn(*shape, requires_grad=True) for shape in ((gates * 96, 40), (gates * 96, 96), (gates * 96,), (gates * 96,))]
    w_hr = (None,) if kind == "lstm" else ()
    parts, original = [], threads.each
    monkeypatch.setattr(twins, "each", lambda count, work, **how: (parts.append(count), original(count, work, **how))[1])
    monkeypatch.setattr(products, "SHARED", 1 << 40)  # for this is about the sequences
    found, before = [], ndl.get_num_threads()
    for count in (1, 2, 3):
        ndl.set_num_threads(count)
        found.append(outcome(lambda: getattr(F, f"{kind}_layer")(x, *states, *weights, *w_hr, sizes, reverse), [x, *weights]))
    held = threads._held
    ndl.set_num_threads(before)
    assert parts == [4] * 6 and held and {f"{kind}.steps", f"{kind}.steps.backward"} <= taken
    for one, two, three in zip(*found, strict=True):
        assert (one == two).all() and (one == three).all()


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_where_nobody_knows_where_blas_is(kind, taken, monkeypatch):
    monkeypatch.setattr(twins.blas, "numpys", lambda: None)
    layer, x = getattr(nn, kind)(3, 4), ndl.randn(5, 2, 3)
    layer(x)[0].sum().backward()
    assert not taken


@pytest.mark.parametrize("rows, inner, columns", [(1, 1, 1), (16, 128, 128), (5, 700, 300), (70, 300, 131), (2000, 600, 70)])
def test_products_inside_loops(rows, inner, columns):
    numbers = np.random.default_rng(rows)
    a, b, out = (numbers.standard_normal(shape, np.float32) for shape in ((rows, inner + 3), (inner, columns), (rows, columns + 2)))
    left, result, rest = a[:, 1:-2], out[:, :-2], out[:, -2:].copy()
    for beta in (1, 0):
        expected = left.astype("d") @ b.astype("d") + beta * result.astype("d")
        multiply(twins.blas.numpys().sgemm, left, b, result, beta)
        np.testing.assert_allclose(result, expected, rtol=0, atol=1e-5 * inner ** 0.5)
    assert (out[:, -2:] == rest).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("n, features, hidden", [(5, 3, 4), (1, 1, 1), (33, 20, 65), (0, 3, 4)])
@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_a_cell(kind, n, features, hidden, bias, dtype, taken):
    cell = getattr(nn, kind + "Cell")(features, hidden, bias=bias, dtype=getattr(ndl, dtype))
    x = ndl.randn(n, features, dtype=getattr(ndl, dtype), requires_grad=True)
    states = [ndl.randn(n, hidden, dtype=getattr(ndl, dtype), requires_grad=True) for _ in range(1 + (kind == "LSTM"))]

    def run():
        out = cell(x, tuple(states) if kind == "LSTM" else states[0])
        return out if kind == "LSTM" else (out,)

    same(run, [x, *states, *cell.parameters()], dtype)
    assert (f"{kind.lower()}.step.backward" in taken) == (dtype == "float32")


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
def test_a_cell_in_half_precision(kind):
    cell = getattr(nn, kind + "Cell")(3, 4).half()
    x = ndl.randn(2, 3).half().requires_grad_()
    out = cell(x)
    (out[0] if kind == "LSTM" else out).sum().backward()
    whole = getattr(nn, kind + "Cell")(3, 4)
    whole.load_state_dict(cell.float().state_dict())
    y = x.detach().float().requires_grad_()
    out = whole(y)
    (out[0] if kind == "LSTM" else out).sum().backward()
    np.testing.assert_allclose(x.grad.float().numpy(), y.grad.numpy(), rtol=0.02, atol=0.003)


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
def test_one_of_several_gradients(kind):
    """What needs no gradient has none; where an output was not used, its share is zero."""
    cell = getattr(nn, kind + "Cell")(3, 4)
    cell.weight_ih.requires_grad_(False)
    x = ndl.randn(2, 3)
    out = cell(x)
    (out[1] if kind == "LSTM" else out).sum().backward()
    assert cell.weight_ih.grad is None and x.grad is None and cell.weight_hh.grad is not None and cell.bias_hh.grad.any()
    assert cell.bias_hh.grad.numpy().base is not cell.bias_ih.grad.numpy() and cell.bias_hh.grad is not cell.bias_ih.grad
