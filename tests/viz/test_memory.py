"""`viz.memory`: what the graph holds, over time, by module and by operation; and its pictures."""

import gc
import threading

import numpy as np
import pytest

import minitorch_ndl as ndl
from minitorch_ndl import nn
from minitorch_ndl.autograd.grad_mode import Anomaly
from minitorch_ndl.autograd.graph import held_bytes
from minitorch_ndl.viz.held import OUTSIDE

N = 1000
KB4 = 4 * N


def leaf():
    return ndl.ones(N, requires_grad=True)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.act, self.fc2 = nn.Linear(20, 30), nn.ReLU(), nn.Linear(30, 10)

    def forward(self, x):
        return self.fc2(self.act(self.fc1(x))).tanh()


def whats(log):
    return [(e.what, e.op.removesuffix("Backward")) for e in log.events]


# --- what is recorded -------------------------------------------------------------------------------------------------


def test_forward_rises_and_backward_falls_as_saved_tensors_are_released():
    w = leaf()
    with ndl.viz.memory() as log:
        loss = w.exp().tanh().sum()
        loss.backward()
    assert whats(log) == [("recorded", "Exp"), ("recorded", "Tanh"), ("recorded", "Sum"), ("released", "Sum"),
                          ("released", "Tanh"), ("released", "Exp")]
    assert log.held == [KB4, 2 * KB4, 2 * KB4, 2 * KB4, KB4, 0]
    assert log.peak == 2 * KB4 and [e.held for e in log.events] == log.held
    assert log.seconds == sorted(log.seconds) and len(log.seconds) == 6
    assert log.by_op() == {"ExpBackward": [KB4] * 5 + [0], "TanhBackward": [0, KB4, KB4, KB4, 0, 0]}
    assert log.by_module() == {OUTSIDE: log.held}
    assert log.at_peak() == [(OUTSIDE, "ExpBackward", KB4), (OUTSIDE, "TanhBackward", KB4)]


def test_the_first_lesson():
    def run(keep):
        w = leaf()
        with ndl.viz.memory() as log:
            total = 0
            for _ in range(5):
                loss = w.exp().sum()
                total = total + (loss if keep else loss.item())
        return log.held, total

    held, _ = run(keep=True)
    assert [h for h, before in zip(held, [0, *held]) if h > before] == [KB4 * (i + 1) for i in range(5)] and held[-1] == 5 * KB4
    held, _ = run(keep=False)
    assert max(held) == 2 * KB4, "the last loss is there while the next is computed"


def test_a_graph_that_is_let_go_of_is_dropped():
    w = leaf()
    with ndl.viz.memory() as log:
        loss = w.exp().sum()
        assert log.held[-1] == KB4
        del loss
        gc.collect()
        assert log.held[-1] == 0
        assert whats(log)[-1] == ("dropped", "Exp")
    assert log.held == [KB4, KB4, 0]


def test_a_graph_that_is_kept_is_not_released():
    w = leaf()
    with ndl.viz.memory() as log:
        loss = w.exp().sum()
        loss.backward(retain_graph=True)
        assert log.held[-1] == KB4
        loss.backward()
        assert log.held[-1] == 0
    assert [what for what, _ in whats(log)] == ["recorded"] * 2 + ["released"] * 4


def test_what_exists_anyway_is_not_counted_and_shared_memory_counts_once():
    w, x = leaf(), ndl.ones(N)
    with ndl.viz.memory() as log:
        y = w * x
    assert y.requires_grad and log.peak == 0, "a leaf, and a tensor of before"
    with ndl.viz.memory() as log:
        new, fresh = ndl.ones(N), leaf()
        y = w * new
        z = (w * new[: N // 2].repeat(2)) * fresh
    assert log.held[0] == KB4 and log.by_op()["MulBackward"][-1] == 3 * KB4 and z.requires_grad, "new, its copy, and w * copy"
    with ndl.viz.memory() as log:
        y = w.exp()
        z = y * y + y.view(10, -1).tanh().view(-1)
    assert log.held[-1] == held_bytes(z) == 2 * KB4


def test_who_answers_for_memory_when_its_first_holder_is_gone():
    w = leaf()
    with ndl.viz.memory() as log:
        y = w.exp()  # exp saves its result
        z = y * ndl.tensor(2.0, requires_grad=True)  # and mul saves it, too
        ndl.autograd.grad(y.sum(), w)  # releases exp alone
        assert log.by_op()["ExpBackward"][-1] == 0 and log.by_op()["MulBackward"][-1] == KB4 and log.held[-1] == KB4
        assert z.requires_grad


def test_a_training_step_by_module():
    model, x = Net(), ndl.randn(8, 20)
    opt = ndl.optim.Adam(model.parameters())
    with ndl.viz.memory(model) as log:
        for _ in range(3):
            opt.zero_grad()
            loss = model(x).square().mean()
            assert log.held[-1] == held_bytes(loss) - model.fc2.weight.nbytes - x.nbytes, "all but what exists anyway"
            loss.backward()
            assert log.held[-1] == 0
            opt.step()
    top = log.held.index(log.peak)
    by = {name: figures[top] for name, figures in log.by_module().items() if figures[top]}
    assert by == {"act": 8 * 30 * 4, "Net": 8 * 10 * 4}, "tanh is the model's own; square's input is tanh's output"
    assert sum(by.values()) == log.peak
    for figures in (log.by_module(), log.by_op()):
        assert np.array_equal(np.sum(list(figures.values()), 0), log.held)
    assert {e.module for e in log.events} == {"fc1", "act", "fc2", "Net", OUTSIDE}
    assert {e.module for e in log.events if e.op == "LinearBackward"} == {"fc1", "fc2"}


def test_several_models_and_one_that_is_called_in_another():
    one, two = Net(), Net()
    with ndl.viz.memory(one, two) as log:
        two.fc2(one.act(one.fc1(ndl.randn(2, 20)))).sum().backward()
    assert {e.module for e in log.events} == {"Net0.fc1", "Net0.act", "Net1.fc2", OUTSIDE}
    with ndl.viz.memory(one, one.fc1) as log:
        one(ndl.randn(2, 20))
    assert {e.module for e in log.events} == {"Net.fc1", "Net.act", "Net.fc2", "Net"}


def test_the_same_nodes_and_bytes_as_without_it():
    def run():
        ndl.manual_seed(0)
        model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Dropout(0.3),
                              nn.Linear(36, 16), nn.LayerNorm(16), nn.GELU(), nn.Unflatten(1, (4, 4)), nn.LSTM(4, 4))
        out, states = model(ndl.randn(3, 1, 8, 8))
        loss = nn.functional.cross_entropy(out.flatten(1), ndl.tensor([0, 1, 2])) + model[0].weight[0].exp().mean()
        names = [n.name() for n in ndl.autograd.graph.find_topo_sort([loss, *states]) if not isinstance(n, ndl.Tensor)]
        held = held_bytes(loss)
        loss.backward()
        return names, held, loss.item(), [p.grad.tolist() for p in model.parameters()]

    plain = run()
    with ndl.viz.memory() as log:
        watched = run()
    assert watched == plain
    assert sorted(e.op for e in log.events if e.what == "recorded") == sorted(plain[0]) and log.held[-1] == 0


def test_second_order_functions_and_checkpoints():
    class Square(ndl.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x.clone())
            return x * x

        @staticmethod
        def backward(ctx, g):
            return g * 2 * ctx.saved_tensors[0]

    w = leaf()
    with ndl.viz.memory() as log:
        y = Square.apply(w * 1).sum()
        assert log.held[-1] == KB4 + 4, "the clone, and the number 1"
        y.backward()
        assert log.held[-1] == 0
        del y
        gc.collect()
        assert log.held[-1] == 0
        (first,) = ndl.autograd.grad((w.exp() ** 2).sum(), w, create_graph=True)
        assert log.held[-1] > KB4
        first.sum().backward()
        del first
        gc.collect()
        w.grad = None
        layer = nn.Sequential(*[nn.Tanh() for _ in range(6)])
        full = layer(w).sum()
        high = log.held[-1]
        del full
        gc.collect()
        low = ndl.utils.checkpoint.checkpoint(layer, w, use_reentrant=False).sum()
        assert high == 6 * KB4 and log.held[-1] == 0, "a checkpoint keeps only its argument, the leaf"
        low.backward()
        assert log.held[-1] == 0
    assert log.peak == 6 * KB4


# --- it leaves nothing behind -------------------------------------------------------------------------------------------


def test_off_it_costs_nothing_and_leaves_nothing_behind():
    model = Net()
    handle = model.act.register_forward_hook(lambda *_: None)
    with ndl.viz.memory(model) as log:
        assert Anomaly.enabled and not ndl.autograd.is_anomaly_enabled()
        loss = model(ndl.randn(2, 20)).sum()
        with ndl.viz.memory() as inner:
            leaf().exp()
        assert Anomaly.enabled and len(inner.events) == 2
        with ndl.autograd.detect_anomaly():
            pass
        assert Anomaly.enabled
    assert not Anomaly.enabled and Anomaly.watchers == ()
    assert "_hooks" not in vars(model.fc1) and model.act._hooks is not None
    handle.remove()
    count = len(log.events)
    loss.backward()
    assert len(log.events) == count and len(log.held) == count
    with pytest.raises(ZeroDivisionError), ndl.viz.memory(model):
        1 / 0  # noqa: B018
    assert not Anomaly.enabled and "_hooks" not in vars(model.fc1)


def test_inside_detect_anomaly_both_work():
    w = ndl.zeros(2, requires_grad=True)
    with ndl.autograd.detect_anomaly(), ndl.viz.memory() as log:
        with pytest.raises(RuntimeError, match="SqrtBackward' returned nan"):
            (w.sqrt() * 0).sum().backward()
    assert ("recorded", "Sqrt") in whats(log)
    assert not Anomaly.enabled


def test_a_block_can_be_entered_again_and_errors_in_forward_do_no_harm():
    model, log = Net(), ndl.viz.memory()
    for _ in range(2):
        with log:
            leaf().exp()
        assert len(log.events) == 2, "recorded, and dropped"
    with ndl.viz.memory(model) as log:
        with pytest.raises(RuntimeError):
            model.act(model.fc1(ndl.randn(2, 3)))
        leaf().exp()
    assert [e.module for e in log.events] == [OUTSIDE, OUTSIDE]


def test_threads():
    model = Net()
    with ndl.viz.memory(model) as log:
        def work():
            for _ in range(20):
                model(ndl.randn(4, 20)).sum().backward()

        threads = [threading.Thread(target=work) for _ in range(4)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
    assert log.held[-1] == 0 and min(log.held) == 0
    assert {e.module for e in log.events if e.op == "ReluBackward"} == {"act"}
    assert sum(e.what == "recorded" for e in log.events) == 4 * 20 * 5


# --- text and pictures --------------------------------------------------------------------------------------------------


def test_the_table():
    model, x = Net(), ndl.randn(8, 20)
    with ndl.viz.memory(model) as log:
        model(x).square().mean().backward()
    lines = str(log).splitlines()
    assert lines[0] == "The graph held at most 1.3 kB, after event 4 of 12; in the end 0 B."
    assert lines[1].split() == ["Module", "Operation", "Held", "Part"]
    assert lines[2].split() == ["act", "ReluBackward", "960", "B", "75%"] and lines[3].split() == ["Net", "TanhBackward", "320", "B", "25%"]
    assert log.table(rows=1).splitlines()[-1].split() == ["1", "others", "320", "B", "25%"]
    assert max(map(len, log.table(width=60).splitlines()[1:])) <= 60
    assert repr(log) == f"<memory log: {len(log.events)} events, peak 1.3 kB>"
    with ndl.viz.memory() as log:
        pass
    assert str(log) == "The graph held nothing in 0 events." and log.peak == 0 and log.held == [] and log.by_op() == {}


def layers(fig):
    """The stacked areas of a figure: for each axes, {label: its highest value}."""
    from matplotlib.collections import PolyCollection

    return [{c.get_label(): c.get_paths()[0].vertices[:, 1].max() for c in ax.collections if isinstance(c, PolyCollection)}
            for ax in fig.axes]


def test_pictures(tmp_path):
    pytest.importorskip("matplotlib")
    model = nn.Sequential(nn.Linear(20, 300), nn.ReLU(), nn.Linear(300, 10))
    logs = []
    for keep in (True, False):
        with ndl.viz.memory(model, title=f"keep={keep}") as log:
            total = 0
            for _ in range(5):
                loss = model(ndl.randn(50, 20)).square().mean()
                total = total + (loss if keep else loss.item())
                if not keep:
                    loss.backward()
        logs.append(log)
    for ending in ("png", "svg", "pdf", "html"):
        file = tmp_path / f"m.{ending}"
        fig = logs[0].plot(file, logs[1])
        content = file.read_bytes()
        assert content.startswith({"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF", "html": b"<!doctype html>"}[ending])
    assert b"<svg" in content and b"http-equiv" not in content
    assert fig.axes[0].get_title().startswith("keep=True\npeak ") and fig.axes[0].get_ylim() == fig.axes[1].get_ylim()
    texts = [t.get_text() for t in fig.legends[0].get_texts()]
    assert texts == ["outside the modules", "1: ReLU", "0: Linear", "peak", "backward"]
    for ax, log in zip(layers(fig), logs, strict=True):
        assert max(ax.values()) == pytest.approx(log.peak / 1e3), "the top of the stack is what was held"
    fig = logs[0].plot(by="op")
    assert [t.get_text() for t in fig.legends[0].get_texts()][:2] == ["Square", "Relu"]
    assert logs[0]._repr_png_().startswith(b"\x89PNG")


def test_a_picture_of_a_deep_model_tells_apart_what_it_can(tmp_path):
    pytest.importorskip("matplotlib")

    class Deep(nn.Module):
        def __init__(self):
            super().__init__()
            self.blocks = nn.ModuleList(nn.Sequential(nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 8), nn.Tanh()) for _ in range(6))

        def forward(self, x):
            for block in self.blocks:
                x = block(x)
            return x

    model = Deep()
    with ndl.viz.memory(model) as log:
        model(ndl.randn(4, 8)).sum().backward()

    def names(**options):
        fig = log.plot(**options)
        return [t.get_text() for t in fig.legends[0].get_texts()][:-2]

    assert names() == [f"blocks.{i}: Sequential" for i in reversed(range(6))]
    assert names(depth=1) == ["blocks: ModuleList"]
    assert "others" in names(depth=3, top=2) and len(names(depth=3, top=2)) == 3
    with ndl.viz.memory() as log:
        for _ in range(3000):
            leaf().exp().sum().backward()
    log.plot(tmp_path / "many.svg")
    assert (tmp_path / "many.svg").stat().st_size < 500_000


def test_bad_input(tmp_path, monkeypatch):
    with pytest.raises(TypeError, match="viz.memory: argument 'model' must be an nn.Module; got list"):
        ndl.viz.memory([1])
    with ndl.viz.memory() as log:
        pass
    with pytest.raises(ValueError, match="nothing to draw: no operation was recorded in the block"):
        log.plot()
    with log:
        leaf().exp()
    with pytest.raises(ValueError, match="'by' must be 'module' or 'op'; got 'layer'"):
        log.plot(by="layer")
    with pytest.raises(TypeError, match="other logs to draw beside this one; got str"):
        log.plot("a.png", "b.png")
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"memory.plot needs the package matplotlib.*minitorch-ndl\[viz\]"):
        log.plot()
    monkeypatch.undo()
    pytest.importorskip("matplotlib")
    with pytest.raises(ValueError, match=r"must end in one of .png, .svg, .pdf, .html"):
        log.plot(tmp_path / "m.jpeg2")
    with pytest.raises(FileNotFoundError, match="give a path in a folder that exists"):
        log.plot(tmp_path / "nowhere" / "m.png")
