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
        with pytest.raises(Exception) as caught:  # noqa: B017, PT011
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
