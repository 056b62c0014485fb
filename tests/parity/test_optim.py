"""SGD's trajectories against torch's, over the grid of its options, and its refusals."""

import itertools

import numpy as np
import pytest

import minitorch_ndl as ndl

torch = pytest.importorskip("torch")

GRID = [dict(zip(("momentum", "dampening", "weight_decay", "nesterov", "maximize"), v, strict=True))
        for v in itertools.product((0, 0.9), (0, 0.3), (0, 0.1), (False, True), (False, True))]
GRID = [g for g in GRID if not (g["nesterov"] and (g["momentum"] == 0 or g["dampening"] != 0))]


def start(lib):
    random = np.random.RandomState(0)
    arrays = [np.asarray(random.randn(*s), np.float32) for s in ((3, 4), (4,), ())]
    return [lib.from_numpy(np.array(a)).requires_grad_() for a in arrays]


def loss(ps, k):
    a, b, c = ps
    return ((a @ b) * c).exp().sum() * 0.01 * (k + 1) + (a * a).sum() * 0.1


@pytest.mark.parametrize("options", GRID, ids=str)
def test_sgd_trajectory(options):
    runs = []
    for lib in (ndl, torch):
        ps = start(lib)
        optimizer = lib.optim.SGD(ps, lr=0.05, **options)
        for k in range(8):
            optimizer.zero_grad()
            loss(ps, k).backward()
            if k == 3:
                ps[1].grad = None  # a parameter without gradient is left alone, its momentum too
            optimizer.step()
        runs.append([p.detach().numpy() for p in ps])
    for mine, theirs in zip(*runs, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=2e-6, atol=1e-6)


def test_state_dicts_are_laid_out_as_torchs():
    dicts = []
    for lib in (ndl, torch):
        ps = start(lib)
        optimizer = lib.optim.SGD([{"params": ps[:2]}, {"params": ps[2:], "lr": 0.2}], lr=0.1, momentum=0.5)
        loss(ps, 0).backward()
        optimizer.step()
        dicts.append(optimizer.state_dict())
    mine, theirs = dicts
    assert mine["param_groups"] == theirs["param_groups"]
    assert mine["state"].keys() == theirs["state"].keys()
    for k in mine["state"]:
        np.testing.assert_allclose(mine["state"][k]["momentum_buffer"].numpy(),
                                   theirs["state"][k]["momentum_buffer"].numpy(), rtol=1e-6)


@pytest.mark.parametrize("arguments, options", [
    ([[]], {}), (["x"], {}), ([[1.0]], {}), (["two"], {}), (["x2"], {}), (["model"], {"lr": -1.0}),
    (["model"], {"momentum": -0.1}), (["model"], {"weight_decay": -1.0}), (["model"], {"nesterov": True}), (["nonleaf"], {})])
def test_refusals_have_torchs_types(arguments, options):
    kinds = []
    for lib in (ndl, torch):
        p = lib.ones(2, requires_grad=True)
        known = {"x": p, "two": [p, p], "x2": [{"params": [p]}, {"params": [p]}], "model": [p], "nonleaf": [p * 2]}
        args = [known[a] if isinstance(a, str) else a for a in arguments]
        with pytest.raises(Exception) as caught:
            with pytest.warns(UserWarning) if arguments == ["two"] and lib is torch else _nothing():
                lib.optim.SGD(*args, **options)
                if arguments == ["two"] and lib is torch:
                    raise ValueError("torch only warns")
        kinds.append(caught.type)
    assert issubclass(kinds[0], kinds[1])


class _nothing:
    def __enter__(self):
        pass

    def __exit__(self, *_):
        pass


def test_repr():
    texts = [repr(lib.optim.SGD([lib.ones(1, requires_grad=True)], lr=0.1)) for lib in (ndl, torch)]
    assert texts[0] == texts[1]


OTHERS = [
    ("Adam", {}), ("Adam", {"amsgrad": True, "weight_decay": 0.1}), ("Adam", {"maximize": True, "betas": (0.5, 0.9)}),
    ("Adam", {"decoupled_weight_decay": True, "weight_decay": 0.1, "eps": 1e-3}), ("AdamW", {}),
    ("AdamW", {"weight_decay": 0.3, "amsgrad": True}), ("Adamax", {}), ("Adamax", {"weight_decay": 0.1}), ("NAdam", {}),
    ("NAdam", {"weight_decay": 0.1, "momentum_decay": 0.01}), ("NAdam", {"weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("RAdam", {}), ("RAdam", {"betas": (0.9, 0.9), "weight_decay": 0.1}), ("Adagrad", {}),
    ("Adagrad", {"lr_decay": 0.1, "initial_accumulator_value": 0.5, "weight_decay": 0.1}), ("RMSprop", {}),
    ("RMSprop", {"centered": True, "momentum": 0.9}), ("RMSprop", {"momentum": 0.5, "weight_decay": 0.1}),
    ("Adadelta", {}), ("Adadelta", {"rho": 0.5, "weight_decay": 0.1, "maximize": True}), ("Rprop", {}),
    ("Rprop", {"etas": (0.3, 1.5), "step_sizes": (1e-3, 0.1)}), ("ASGD", {}), ("ASGD", {"t0": 2, "lambd": 0.1, "weight_decay": 0.1})]


@pytest.mark.parametrize("name, options", OTHERS, ids=str)
def test_trajectories(name, options):
    runs, dicts = [], []
    for lib in (ndl, torch):
        ps = start(lib)
        optimizer = getattr(lib.optim, name)(ps, lr=0.05, **options)
        for k in range(12):
            optimizer.zero_grad()
            loss(ps, k).backward()
            if k == 3:
                ps[1].grad = None
            optimizer.step()
        runs.append([p.detach().numpy() for p in ps])
        dicts.append(optimizer.state_dict())
        assert "lr: 0.05" in repr(optimizer)
    for mine, theirs in zip(*runs, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=5e-6, atol=2e-6)
    assert dicts[0]["param_groups"] == dicts[1]["param_groups"]
    for k, theirs in dicts[1]["state"].items():
        mine = dicts[0]["state"][k]
        assert set(mine) == set(theirs)
        for key, value in theirs.items():
            assert str(mine[key].dtype).split(".")[-1] == str(value.dtype).split(".")[-1], key
            np.testing.assert_allclose(mine[key].numpy(), value.numpy(), rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("name, options", OTHERS, ids=str)
def test_state_dicts_carry_over(name, options):
    """Stop after some steps, load into a new optimizer, go on: as if there had been no stop."""
    ps, qs = start(ndl), start(ndl)
    optimizer = getattr(ndl.optim, name)(ps, lr=0.05, **options)
    for k in range(6):
        optimizer.zero_grad()
        loss(ps, k).backward()
        optimizer.step()
        if k == 2:
            state = optimizer.state_dict()
            for p, q in zip(ps, qs, strict=True):
                q.data.copy_(p.data)
            other = getattr(ndl.optim, name)(qs, lr=0.5)
            other.load_state_dict(state)
        elif k > 2:
            other.zero_grad()
            loss(qs, k).backward()
            other.step()
    for p, q in zip(ps, qs, strict=True):
        np.testing.assert_array_equal(p.detach().numpy(), q.detach().numpy())
