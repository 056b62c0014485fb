"""LBFGS, Adafactor, Muon, SparseAdam and averaged weights against torch, and the paths where torch keeps optimizers."""

import copy
import importlib
import inspect

import numpy as np
import pytest

import minitorch_ndl as ndl

torch = pytest.importorskip("torch")

LIBS = (ndl, torch)


def start(lib, shapes=((3, 4), (4,), ()), dtype=np.float32):
    random = np.random.RandomState(0)
    return [lib.from_numpy(np.asarray(random.randn(*s), dtype)).requires_grad_() for s in shapes]


def loss(ps, k=0):
    a, b, c = ps
    return ((a @ b) * c).exp().sum() * 0.01 * (k + 1) + (a * a).sum() * 0.1 + (b - 1).pow(2).sum() + c * c


def arrays(ps):
    return [p.detach().numpy().copy() for p in ps]


def closure_of(opt, ps):
    def closure():
        opt.zero_grad()
        value = loss(ps)
        value.backward()
        return value

    return closure


def to(lib, value):
    """A state with the tensors of `lib`."""
    if hasattr(value, "numpy"):
        return lib.from_numpy(value.numpy().copy())
    if isinstance(value, dict):
        return {k: to(lib, v) for k, v in value.items()}
    return [to(lib, v) for v in value] if isinstance(value, list) else value


@pytest.mark.parametrize("options", [
    {}, {"lr": 0.1}, {"line_search_fn": "strong_wolfe"}, {"line_search_fn": "strong_wolfe", "history_size": 3, "max_iter": 4},
    {"lr": 0.3, "max_iter": 3, "history_size": 2}, {"line_search_fn": "strong_wolfe", "max_eval": 7},
    {"line_search_fn": "strong_wolfe", "tolerance_grad": 1e-2}, {"lr": 20.0, "line_search_fn": "strong_wolfe", "max_iter": 6}], ids=str)
def test_lbfgs(options):
    runs, states = [], []
    for lib in LIBS:
        ps = start(lib, dtype=np.float64)
        opt = lib.optim.LBFGS(ps, **options)
        steps = []
        for _ in range(5):
            steps += [opt.step(closure_of(opt, ps)).item(), *arrays(ps)]
        runs.append(steps)
        states.append(opt.state_dict())
    for mine, theirs in zip(*runs, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-7, atol=1e-9)
    mine, theirs = (s["state"][0] for s in states)
    assert set(mine) == set(theirs) and states[0]["param_groups"] == states[1]["param_groups"]
    assert (mine["func_evals"], mine["n_iter"]) == (theirs["func_evals"], theirs["n_iter"])
    assert len(mine["old_dirs"]) == len(theirs["old_dirs"])


def test_lbfgs_on_rosenbrock_in_single_precision():
    ends = []
    for lib in LIBS:
        w = lib.tensor([-1.2, 1.0], requires_grad=True)
        opt = lib.optim.LBFGS([w], max_iter=50, line_search_fn="strong_wolfe")

        def closure():
            opt.zero_grad()
            value = 100 * (w[1] - w[0] ** 2) ** 2 + (1 - w[0]) ** 2
            value.backward()
            return value

        for _ in range(2):
            opt.step(closure)
        ends.append(w.detach().numpy())
    np.testing.assert_allclose(ends[0], [1, 1], rtol=1e-3)
    np.testing.assert_allclose(*ends, rtol=1e-3)


MORE = [
    ("Adafactor", {}), ("Adafactor", {"lr": 0.1, "weight_decay": 0.1, "maximize": True}), ("Adafactor", {"eps": (1e-4, 1e-2), "d": 2.0}),
    ("Adafactor", {"beta2_decay": -0.5}), ("Muon", {}), ("Muon", {"lr": 0.1, "nesterov": False, "weight_decay": 0.0}),
    ("Muon", {"adjust_lr_fn": "match_rms_adamw", "ns_steps": 3}), ("Muon", {"ns_coefficients": (2.0, -1.5, 0.5), "momentum": 0.5})]


def trajectory(lib, name, options, load=None, steps=10, at=5):
    shapes = ((3, 4), (6, 2)) if name == "Muon" else ((3, 4), (4,), (2, 3, 2), ())
    ps = start(lib, shapes)
    opt = getattr(lib.optim, name)(ps, **options)
    first = 0
    if load is not None:
        values, state = load
        opt.load_state_dict(to(lib, state))
        for p, value in zip(ps, values):
            p.data.copy_(lib.from_numpy(value.copy()))
        first = at
    for k in range(first, steps):
        if k == at:
            middle = arrays(ps), copy.deepcopy(opt.state_dict())
        opt.zero_grad()
        sum((p * p * (i + 1) + p.sin() * k).sum() for i, p in enumerate(ps)).backward()
        if k == 3:
            ps[1].grad = None
        opt.step()
    return arrays(ps), opt.state_dict(), middle


@pytest.mark.parametrize("name, options", MORE, ids=str)
def test_trajectories_and_states(name, options):
    runs = {lib: trajectory(lib, name, options) for lib in LIBS}
    ends = [runs[lib][0] for lib in LIBS]
    for source in LIBS:
        for target in LIBS:
            ends.append(trajectory(target, name, options, runs[source][2])[0])
    for end in ends:
        for mine, theirs in zip(end, ends[1], strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=2e-5, atol=2e-6)
    mine, theirs = (runs[lib][1] for lib in LIBS)
    assert mine["param_groups"] == theirs["param_groups"]
    for k, state in theirs["state"].items():
        assert set(mine["state"][k]) == set(state)
        for key, value in state.items():
            np.testing.assert_allclose(mine["state"][k][key].numpy(), value.numpy(), rtol=2e-5, atol=1e-6)


def test_sparse_adam():
    """torch's gradient is sparse, ours is dense with zero rows."""
    ends, states = [], []
    rows = np.random.RandomState(1).randint(0, 8, (12, 3))
    for lib in LIBS:
        table = lib.nn.Embedding(8, 4, sparse=True)
        table.weight.data.copy_(lib.from_numpy(np.random.RandomState(0).randn(8, 4).astype(np.float32)))
        opt = lib.optim.SparseAdam(list(table.parameters()), lr=0.1)
        for r in rows:
            opt.zero_grad()
            (table(lib.from_numpy(r)) ** 2).sum().backward()
            opt.step()
        ends.append(table.weight.detach().numpy())
        states.append(opt.state_dict()["state"][0])
    np.testing.assert_allclose(*ends, rtol=1e-5, atol=1e-6)
    assert set(states[0]) == set(states[1]) and states[0]["step"] == states[1]["step"] == 12


@pytest.mark.parametrize("make", [
    lambda o, w, v: o.LBFGS([{"params": [w]}, {"params": [v]}]), lambda o, w, v: o.LBFGS([w], lr=-1.0),
    lambda o, w, v: o.LBFGS([w]).step(), lambda o, w, v: o.Muon([v]), lambda o, w, v: o.Muon([w], lr=-1.0),
    lambda o, w, v: o.Muon([w], adjust_lr_fn="x"), lambda o, w, v: o.Adafactor([w], d=0.5), lambda o, w, v: o.Adafactor([w], beta2_decay=0.5),
    lambda o, w, v: o.Adafactor([w], eps=(-1.0, 0.1)), lambda o, w, v: o.SparseAdam([w], lr=0.0), lambda o, w, v: o.SparseAdam([w], eps=0.0),
    lambda o, w, v: o.SparseAdam([w], betas=(0.9, 1.0)), lambda o, w, v: o.swa_utils.get_ema_avg_fn(2.0)])
def test_refusals_have_torchs_types(make):
    kinds = []
    for lib in LIBS:
        with pytest.raises(Exception) as caught:
            make(lib.optim, lib.ones(2, 2, requires_grad=True), lib.ones(2, requires_grad=True))
        kinds.append(caught.type)
    assert kinds[0] is kinds[1]


AVERAGES = {
    "mean": lambda u: {}, "ema": lambda u: {"multi_avg_fn": u.get_ema_multi_avg_fn(0.9)}, "ema by one": lambda u: {"avg_fn": u.get_ema_avg_fn(0.8)},
    "swa": lambda u: {"multi_avg_fn": u.get_swa_multi_avg_fn()}, "own": lambda u: {"avg_fn": lambda old, new, n: (old + new) / (n + 1)}}


@pytest.mark.parametrize("kind", AVERAGES)
@pytest.mark.parametrize("use_buffers", [False, True])
def test_averaged_models(kind, use_buffers):
    ends = []
    for lib in LIBS:
        model = lib.nn.Sequential(lib.nn.Linear(3, 2), lib.nn.Linear(2, 1))
        model.register_buffer("seen", lib.ones(2))
        mean = lib.optim.swa_utils.AveragedModel(model, use_buffers=use_buffers, **AVERAGES[kind](lib.optim.swa_utils))
        for k in range(4):
            for i, t in enumerate([*model.parameters(), *model.buffers()]):
                t.data.fill_(k * (i + 1.0) + 0.5)
            mean.update_parameters(model)
        state = mean.state_dict()
        other = lib.optim.swa_utils.AveragedModel(model)
        other.load_state_dict(state)
        ends.append((list(state), [v.numpy() for v in other.state_dict().values()], mean(lib.ones(1, 3)).item()))
    assert ends[0][0] == ends[1][0] and ends[0][2] == pytest.approx(ends[1][2], rel=1e-6)
    for mine, theirs in zip(ends[0][1], ends[1][1]):
        np.testing.assert_allclose(mine, theirs, rtol=1e-6)


@pytest.mark.skipif(not hasattr(ndl.nn, "BatchNorm1d"), reason="needs BatchNorm1d")
def test_update_bn():
    ends = []
    for lib in LIBS:
        model = lib.nn.Sequential(lib.nn.BatchNorm1d(3), lib.nn.ReLU()).eval()
        data = [lib.from_numpy(np.random.RandomState(i).randn(5, 3).astype(np.float32)) for i in range(4)]
        lib.optim.swa_utils.update_bn([(d, 0) for d in data], model)
        assert not model.training and model[0].momentum == 0.1
        ends.append([b.numpy() for b in model.buffers()])
    for mine, theirs in zip(*ends, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-5)


@pytest.mark.parametrize("name", [n for n in torch.optim.__all__ if isinstance(getattr(torch.optim, n), type)])
def test_paths_and_signatures(name):
    theirs, ours = getattr(torch.optim, name), getattr(ndl.optim, name)
    files = {"Adafactor": "_adafactor", "Muon": "_muon", "SparseAdam": "sparse_adam"}
    module = importlib.import_module(f"minitorch_ndl.optim.{files.get(name, name.lower())}")
    assert getattr(module, name) is ours
    if name != "Optimizer":
        def signature(cls):
            return [(p.name, p.kind, p.default) for p in inspect.signature(cls).parameters.values()]

        assert signature(ours) == signature(theirs)
    for path in torch.optim.lr_scheduler.__all__:
        cls = getattr(ndl.optim.lr_scheduler, path)
        theirs = getattr(torch.optim.lr_scheduler, path)
        assert list(inspect.signature(cls).parameters) == list(inspect.signature(theirs).parameters)
