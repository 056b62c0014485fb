"""Schedulers, LBFGS, Muon and averaged weights without torch: against their formulas and their purpose."""

import importlib
import math

import numpy as np
import pytest

import minitorch_ndl as ndl
from minitorch_ndl.optim import lr_scheduler as schedulers, swa_utils


def rates(make, steps, lr=1.0, **options):
    opt = ndl.optim.SGD([ndl.ones(1, requires_grad=True)], lr=lr, **options)
    scheduler, out = make(opt), []
    for _ in range(steps):
        out.append(opt.param_groups[0]["lr"])
        assert scheduler.get_last_lr() == [out[-1]]
        opt.step()
        scheduler.step()
    return out


FORMULAS = [
    (lambda o: schedulers.StepLR(o, 3, 0.5), lambda t: 0.5 ** (t // 3)),
    (lambda o: schedulers.MultiStepLR(o, [2, 5], 0.1), lambda t: 0.1 ** ((t >= 2) + (t >= 5))),
    (lambda o: schedulers.ExponentialLR(o, 0.9), lambda t: 0.9**t),
    (lambda o: schedulers.LambdaLR(o, lambda t: 1 / (1 + t)), lambda t: 1 / (1 + t)),
    (lambda o: schedulers.MultiplicativeLR(o, lambda t: 0.5), lambda t: 0.5**t),
    (lambda o: schedulers.ConstantLR(o, 0.25, 4), lambda t: 0.25 if t < 4 else 1.0),
    (lambda o: schedulers.LinearLR(o, 0.2, 1.0, 4), lambda t: min(1.0, 0.2 + 0.2 * t)),
    (lambda o: schedulers.PolynomialLR(o, 5, 2.0), lambda t: max(0.0, 1 - t / 5) ** 2),
    (lambda o: schedulers.CosineAnnealingLR(o, 6, 0.1), lambda t: 0.1 + 0.45 * (1 + math.cos(math.pi * t / 6))),
    (lambda o: schedulers.CosineAnnealingWarmRestarts(o, 4), lambda t: 0.5 * (1 + math.cos(math.pi * (t % 4) / 4))),
    (lambda o: schedulers.CyclicLR(o, 0.1, 0.5, 2, cycle_momentum=False), lambda t: 0.1 + 0.4 * [0, 0.5, 1, 0.5][t % 4])]


@pytest.mark.parametrize("make, formula", FORMULAS)
def test_rates_follow_their_formula(make, formula):
    assert rates(make, 10) == pytest.approx([formula(t) for t in range(10)], abs=1e-12)


def test_one_cycle_goes_up_and_far_down_and_the_momentum_the_other_way():
    opt = ndl.optim.SGD([ndl.ones(1, requires_grad=True)], lr=1.0, momentum=0.9)
    scheduler, seen = schedulers.OneCycleLR(opt, max_lr=1.0, total_steps=10), []
    for _ in range(9):
        seen.append((opt.param_groups[0]["lr"], opt.param_groups[0]["momentum"]))
        opt.step()
        scheduler.step()
    lrs, momenta = zip(*seen)
    assert lrs[0] == pytest.approx(1 / 25) and max(lrs) == pytest.approx(1.0) == lrs[2]
    assert opt.param_groups[0]["lr"] == pytest.approx(1 / 25 / 1e4)
    assert momenta[0] == pytest.approx(0.95) and min(momenta) == pytest.approx(0.85) == momenta[2]


def test_plateaus():
    opt = ndl.optim.SGD([ndl.ones(1, requires_grad=True)], lr=1.0)
    scheduler = schedulers.ReduceLROnPlateau(opt, factor=0.5, patience=2, min_lr=0.2)
    seen = []
    for loss in (1.0, 1.0, 1.0, 1.0, 0.5, 0.6, 0.6, 0.6, 0.6, 0.6, 0.6, 0.6, 0.6, 0.6):
        scheduler.step(loss)
        seen.append(opt.param_groups[0]["lr"])
    assert seen == [1, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.2, 0.2, 0.2, 0.2]


def test_going_on_from_a_state_dict():
    whole = rates(FORMULAS[8][0], 8)
    opt = ndl.optim.SGD([ndl.ones(1, requires_grad=True)], lr=1.0)
    scheduler = FORMULAS[8][0](opt)
    for _ in range(3):
        opt.step()
        scheduler.step()
    other = ndl.optim.SGD([ndl.ones(1, requires_grad=True)], lr=9.0)
    other.load_state_dict(opt.state_dict())
    twin = FORMULAS[8][0](other)
    twin.load_state_dict(scheduler.state_dict())
    for t in range(3, 7):
        other.step()
        twin.step()
        assert other.param_groups[0]["lr"] == pytest.approx(whole[t + 1])


def test_the_order_of_steps_is_warned_about():
    opt = ndl.optim.SGD([ndl.ones(1, requires_grad=True)], lr=1.0)
    scheduler = schedulers.StepLR(opt, 1)
    with pytest.warns(UserWarning, match="before `optimizer.step"):
        scheduler.step()
    with pytest.raises(ValueError, match="knows 1 parameter groups"):
        late = schedulers.LambdaLR(opt, [lambda t: 1])
        opt.add_param_group({"params": ndl.ones(1, requires_grad=True), "lr": 0.1})
        late.lr_lambdas.append(lambda t: 1)
        opt.step()
        late.step()


def test_lbfgs_solves_a_quadratic_in_a_few_steps():
    rng = np.random.default_rng(0)
    half = rng.standard_normal((6, 6))
    matrix, target = half @ half.T + np.eye(6), rng.standard_normal(6)
    w = ndl.zeros(6, dtype=ndl.float64, requires_grad=True)
    opt = ndl.optim.LBFGS([w], max_iter=30, line_search_fn="strong_wolfe")
    seen = []
    opt.register_step_post_hook(lambda *_: seen.append("after"))

    def closure():
        opt.zero_grad()
        loss = 0.5 * w @ ndl.tensor(matrix) @ w - w @ ndl.tensor(target)
        loss.backward()
        return loss

    opt.step(closure)
    np.testing.assert_allclose(w.detach().numpy(), np.linalg.solve(matrix, target), atol=1e-3)
    assert seen == ["after"]


def test_muon_steps_are_nearly_orthogonal():
    w = ndl.zeros(4, 6, requires_grad=True)
    opt = ndl.optim.Muon([w], lr=1.0, weight_decay=0.0)
    (w * ndl.tensor(np.random.default_rng(0).standard_normal((4, 6)).astype(np.float32))).sum().backward()
    opt.step()
    singular = np.linalg.svd(w.detach().numpy(), compute_uv=False)
    assert 0.6 < singular.min() and singular.max() < 1.3


def test_adafactor_keeps_rows_and_columns_only():
    w = ndl.ones(5, 7, requires_grad=True)
    opt = ndl.optim.Adafactor([w])
    (w**2).sum().backward()
    opt.step()
    state = opt.state[w]
    assert state["row_var"].shape == (5, 1) and state["col_var"].shape == (1, 7) and len(state) == 3
    assert (w < 1).all()


def test_averages_that_fade():
    model = ndl.nn.Linear(1, 1, bias=False)
    mean = swa_utils.AveragedModel(model, multi_avg_fn=swa_utils.get_ema_multi_avg_fn(0.5))
    for value in (8.0, 4.0, 2.0):
        model.weight.data.fill_(value)
        mean.update_parameters(model)
    assert mean.module.weight.item() == 4.0 and mean.n_averaged == 3 and model.weight.item() == 2.0


def test_torchs_module_paths():
    for path, name in [("adamw", "AdamW"), ("rmsprop", "RMSprop"), ("sgd", "SGD"), ("optimizer", "Optimizer"), ("_muon", "Muon")]:
        assert getattr(importlib.import_module(f"minitorch_ndl.optim.{path}"), name) is getattr(ndl.optim, name)
    assert issubclass(schedulers._LRScheduler, schedulers.LRScheduler)
