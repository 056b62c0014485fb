"""Every scheduler against torch's, step by step: rates, momenta, states carried over both ways, warnings, refusals."""

import copy
import pickle
import warnings

import pytest

import minitorch_ndl as ndl

torch = pytest.importorskip("torch")

LIBS = (ndl, torch)


class Falling:
    """A function with a memory."""

    def __init__(self, by):
        self.by = by

    def __call__(self, step):
        return self.by**step


CASES = [
    ("LambdaLR", lambda: {"lr_lambda": lambda e: 0.9**e}), ("LambdaLR", lambda: {"lr_lambda": [lambda e: 1 / (e + 1), Falling(0.5)]}),
    ("MultiplicativeLR", lambda: {"lr_lambda": lambda e: 0.95 + 0.01 * e}), ("StepLR", lambda: {"step_size": 3, "gamma": 0.3}),
    ("StepLR", lambda: {"step_size": 1}), ("MultiStepLR", lambda: {"milestones": [2, 5, 5, 9], "gamma": 0.5}),
    ("ConstantLR", dict), ("ConstantLR", lambda: {"factor": 0.25, "total_iters": 3}), ("LinearLR", dict),
    ("LinearLR", lambda: {"start_factor": 0.1, "end_factor": 0.7, "total_iters": 8}), ("ExponentialLR", lambda: {"gamma": 0.8}),
    ("PolynomialLR", lambda: {"total_iters": 7, "power": 2.0}), ("PolynomialLR", dict), ("CosineAnnealingLR", lambda: {"T_max": 4}),
    ("CosineAnnealingLR", lambda: {"T_max": 7, "eta_min": 0.01}), ("CosineAnnealingWarmRestarts", lambda: {"T_0": 3}),
    ("CosineAnnealingWarmRestarts", lambda: {"T_0": 2, "T_mult": 2, "eta_min": 0.01}),
    ("CyclicLR", lambda: {"base_lr": 0.1, "max_lr": 0.5, "step_size_up": 3}),
    ("CyclicLR", lambda: {"base_lr": [0.1, 0.2], "max_lr": [0.5, 0.7], "step_size_up": 2, "step_size_down": 4, "mode": "triangular2"}),
    ("CyclicLR", lambda: {"base_lr": 0.1, "max_lr": 0.5, "step_size_up": 3, "mode": "exp_range", "gamma": 0.9}),
    ("CyclicLR", lambda: {"base_lr": 0.1, "max_lr": 0.5, "step_size_up": 3, "scale_fn": lambda x: 0.5**x, "scale_mode": "iterations"}),
    ("CyclicLR", lambda: {"base_lr": 0.1, "max_lr": 0.5, "step_size_up": 3, "scale_fn": Falling(0.5), "cycle_momentum": False}),
    ("OneCycleLR", lambda: {"max_lr": 0.5, "total_steps": 20}),
    ("OneCycleLR", lambda: {"max_lr": [0.5, 0.8], "epochs": 4, "steps_per_epoch": 5, "anneal_strategy": "linear", "pct_start": 0.4}),
    ("OneCycleLR", lambda: {"max_lr": 0.5, "total_steps": 18, "three_phase": True, "base_momentum": 0.7}),
    ("OneCycleLR", lambda: {"max_lr": 0.5, "total_steps": 18, "cycle_momentum": False, "div_factor": 5.0, "final_div_factor": 10.0})]


def optimizer(lib, name="SGD"):
    a, b = (lib.ones(2, requires_grad=True) for _ in range(2))
    options = {"momentum": 0.9} if name == "SGD" else {}
    return getattr(lib.optim, name)([{"params": [a]}, {"params": [b], "lr": 0.2}], lr=0.1, **options)


def record(opt, scheduler):
    return [[g["lr"], g.get("momentum"), g.get("betas"), g.get("initial_lr")] for g in opt.param_groups] + \
        [list(scheduler.get_last_lr()), scheduler.last_epoch]


def run(opt, scheduler, steps):
    out = [record(opt, scheduler)]
    for _ in range(steps):
        opt.step()
        scheduler.step()
        out.append(record(opt, scheduler))
    return out


def close(mine, theirs):
    if isinstance(theirs, (list, tuple)):
        assert len(mine) == len(theirs)
        for m, t in zip(mine, theirs):
            close(m, t)
    else:
        assert mine == theirs if theirs is None else mine == pytest.approx(theirs, rel=1e-13, abs=1e-16)


@pytest.mark.parametrize("kind", ["SGD", "Adam"])
@pytest.mark.parametrize("name, options", CASES, ids=lambda v: v if isinstance(v, str) else "")
def test_rates(name, options, kind):
    runs = []
    for lib in LIBS:
        opt = optimizer(lib, kind)
        runs.append(run(opt, getattr(lib.optim.lr_scheduler, name)(opt, **options()), 16))
    close(*runs)


@pytest.mark.parametrize("name, options", CASES, ids=lambda v: v if isinstance(v, str) else "")
def test_states_carry_over(name, options):
    """Ours into torch's and back, and through pickle: they go on as if there had been no stop."""
    ends = {}
    for source in LIBS:
        opt = optimizer(source)
        scheduler = getattr(source.optim.lr_scheduler, name)(opt, **options())
        run(opt, scheduler, 5)
        state, groups = copy.deepcopy(scheduler.state_dict()), opt.state_dict()["param_groups"]
        if not any(callable(v) and not isinstance(v, type) for v in options().values()) and name not in ("LambdaLR", "MultiplicativeLR"):
            state = pickle.loads(pickle.dumps(state))
        for target in LIBS:
            other = optimizer(target)
            twin = getattr(target.optim.lr_scheduler, name)(other, **options())
            assert set(twin.state_dict()) == set(state)
            other.load_state_dict({**other.state_dict(), "param_groups": copy.deepcopy(groups)})
            twin.load_state_dict(copy.deepcopy(state))
            ends[source.__name__, target.__name__] = run(other, twin, 8)
        ends[source.__name__, "itself"] = run(opt, scheduler, 8)
    for end in ends.values():
        close(end, ends["torch", "itself"])


@pytest.mark.parametrize("name, options", CASES, ids=lambda v: v if isinstance(v, str) else "")
def test_going_on_from_an_epoch(name, options):
    runs = []
    for lib in LIBS:
        opt = optimizer(lib)
        for group in opt.param_groups:
            group.update(initial_lr=group["lr"], max_lr=0.5, min_lr=0.01, max_momentum=0.9, base_momentum=0.8)
        runs.append(run(opt, getattr(lib.optim.lr_scheduler, name)(opt, **options(), last_epoch=3), 5))
    close(*runs)
    for lib in LIBS:
        if name != "OneCycleLR":  # which asks for more
            with pytest.raises(KeyError, match="initial_lr"):
                getattr(lib.optim.lr_scheduler, name)(optimizer(lib), **options(), last_epoch=3)


@pytest.mark.parametrize("name, options", CASES, ids=lambda v: v if isinstance(v, str) else "")
def test_steps_to_an_epoch(name, options):
    runs = []
    for lib in LIBS:
        opt = optimizer(lib)
        scheduler = getattr(lib.optim.lr_scheduler, name)(opt, **options())
        out = []
        for epoch in (1, 2, 6, 7, 3, 9):
            opt.step()
            if name == "CosineAnnealingWarmRestarts":
                scheduler.step(epoch + 0.25)
            else:
                with pytest.warns(UserWarning, match="The epoch parameter in"):
                    scheduler.step(epoch)
            out.append(record(opt, scheduler))
        runs.append(out)
    close(*runs)


@pytest.mark.parametrize("options", [
    {}, {"patience": 1}, {"mode": "max", "patience": 0, "factor": 0.5}, {"threshold_mode": "abs", "threshold": 0.5, "patience": 1},
    {"cooldown": 2, "patience": 0}, {"min_lr": [0.05, 0.01], "patience": 0}, {"eps": 0.05, "patience": 0, "factor": 0.6},
    {"mode": "max", "threshold_mode": "abs", "threshold": 0.3, "patience": 1}], ids=str)
def test_plateaus(options):
    figures = [3.0, 2.9, 2.5, 2.6, 2.6, 2.49, 2.5, 2.5, 2.5, float("nan"), 2.0, 2.1, 2.2, 2.3, 1.99, 1.98, 1.97, 3, 4, 5]
    runs = []
    for lib in LIBS:
        opt = optimizer(lib)
        scheduler = lib.optim.lr_scheduler.ReduceLROnPlateau(opt, **options)
        out = []
        for i, f in enumerate(figures):
            if i == 8:
                state = scheduler.state_dict()
                scheduler = lib.optim.lr_scheduler.ReduceLROnPlateau(opt)
                scheduler.load_state_dict(state)
            scheduler.step(lib.tensor(f))
            out.append([*record(opt, scheduler), scheduler.best, scheduler.num_bad_epochs, scheduler.cooldown_counter])
        runs.append(out)
        assert set(scheduler.state_dict()) == set(torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer(torch)).state_dict())
    close(*runs)


def several(lib, kind, opt):
    s = lib.optim.lr_scheduler
    if kind == "warm-up":
        return s.SequentialLR(opt, [s.LinearLR(opt, 0.1, total_iters=4), s.CosineAnnealingLR(opt, 8)], [4])
    if kind == "three":
        return s.SequentialLR(opt, [s.ConstantLR(opt, 0.1, 20), s.ExponentialLR(opt, 0.5), s.StepLR(opt, 2)], [2, 6])
    if kind == "chained":
        return s.ChainedScheduler([s.ConstantLR(opt, 0.1, 4), s.ExponentialLR(opt, 0.9)], optimizer=opt)
    inner = s.SequentialLR(opt, [s.ConstantLR(opt, 0.5, 20), s.ExponentialLR(opt, 0.5)], [2])
    opt.step()  # or both warn of the order
    return s.SequentialLR(opt, [inner, s.StepLR(opt, 2)], [6])


@pytest.mark.parametrize("kind", ["warm-up", "three", "chained", "nested"])
def test_several_schedulers(kind):
    ends = {}
    for lib in LIBS:
        opt = optimizer(lib)
        scheduler = several(lib, kind, opt)
        if kind == "chained":
            scheduler.last_epoch = 0  # torch's has none
        run(opt, scheduler, 3)
        state, groups = copy.deepcopy(scheduler.state_dict()), copy.deepcopy(opt.state_dict()["param_groups"])
        for target in LIBS:
            other = optimizer(target)
            twin = several(target, kind, other)
            other.load_state_dict({**other.state_dict(), "param_groups": copy.deepcopy(groups)})
            twin.load_state_dict(copy.deepcopy(state))
            ends[lib.__name__, target.__name__] = run(other, twin, 9)
        ends[lib.__name__, "itself"] = run(opt, scheduler, 9)
    for end in ends.values():
        close(end, ends["torch", "itself"])


@pytest.mark.parametrize("options", [{}, {"anneal_epochs": 3, "anneal_strategy": "linear"}, {"anneal_epochs": 0}], ids=str)
def test_swalr(options):
    runs = []
    for lib in LIBS:
        opt = optimizer(lib)
        swa = lib.optim.swa_utils.SWALR(opt, [0.05, 0.3], **options)
        first = run(opt, swa, 4)
        other = optimizer(lib)
        twin = lib.optim.swa_utils.SWALR(other, 0.7)
        other.load_state_dict(opt.state_dict())
        twin.load_state_dict(swa.state_dict())
        runs.append([first, run(other, twin, 10)])
    close(*runs)


def test_warnings():
    texts = []
    for lib in LIBS:
        found = []
        for action in ("order", "overridden", "get_lr"):
            opt = optimizer(lib)
            scheduler = lib.optim.lr_scheduler.ExponentialLR(opt, 0.5)
            if action == "overridden":
                opt.step = lambda: None
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                scheduler.get_lr() if action == "get_lr" else scheduler.step()
            found.append([(w.category, str(w.message)[:40], action == "get_lr" or w.filename == __file__) for w in caught])
        texts.append(found)
    assert texts[0] == texts[1] and all(texts[0])


def test_a_rate_that_is_a_tensor_stays_one():
    results = []
    for lib in LIBS:
        rate = lib.tensor(0.5)
        opt = lib.optim.SGD([lib.ones(1, requires_grad=True)], lr=rate)
        scheduler = lib.optim.lr_scheduler.ExponentialLR(opt, 0.5)
        opt.step()
        scheduler.step()
        assert opt.param_groups[0]["lr"] is rate
        results.append([rate.item(), [v.item() for v in scheduler.get_last_lr()], scheduler.base_lrs[0].item()])
    close(*results)


def test_a_schedule_of_ones_own():
    runs = []
    for lib in LIBS:
        class Halving(lib.optim.lr_scheduler._LRScheduler):
            def __init__(self, optimizer, extra, last_epoch=-1):
                self.extra = extra
                super().__init__(optimizer, last_epoch)

            def get_lr(self):
                return [base * 0.5**self.last_epoch + self.extra for base in self.base_lrs]

        opt = optimizer(lib)
        runs.append(run(opt, Halving(opt, 0.1), 5))
    close(*runs)


@pytest.mark.parametrize("make", [
    lambda s, o: s.StepLR("no optimizer", 1), lambda s, o: s.LambdaLR(o, [lambda e: 1]), lambda s, o: s.MultiplicativeLR(o, [1, 2]),
    lambda s, o: s.ConstantLR(o, 1.5), lambda s, o: s.LinearLR(o, 0.0), lambda s, o: s.LinearLR(o, 0.5, 2.0),
    lambda s, o: s.CosineAnnealingWarmRestarts(o, 0), lambda s, o: s.CosineAnnealingWarmRestarts(o, 2, 0.5),
    lambda s, o: s.CosineAnnealingWarmRestarts(o, 2).step(-1), lambda s, o: s.CyclicLR(o, 0.1, 0.5, mode="x"),
    lambda s, o: s.CyclicLR(o, [0.1], 0.5), lambda s, o: s.OneCycleLR(o, 0.1), lambda s, o: s.OneCycleLR(o, 0.1, total_steps=0),
    lambda s, o: s.OneCycleLR(o, 0.1, epochs=2.5, steps_per_epoch=3), lambda s, o: s.OneCycleLR(o, 0.1, 10, pct_start=2),
    lambda s, o: s.OneCycleLR(o, 0.1, 10, anneal_strategy="x"), lambda s, o: s.ReduceLROnPlateau(o, factor=1.0),
    lambda s, o: s.ReduceLROnPlateau(o, mode="x"), lambda s, o: s.ReduceLROnPlateau(o, min_lr=[1]), lambda s, o: s.ReduceLROnPlateau(1),
    lambda s, o: s.SequentialLR(o, [], []), lambda s, o: s.SequentialLR(o, [s.StepLR(o, 1)], [1]), lambda s, o: s.ChainedScheduler([]),
    lambda s, o: s.ChainedScheduler([s.ReduceLROnPlateau(o)]), lambda s, o: s.SequentialLR(o, [1], []), lambda s, o: s.LRScheduler(o)])
def test_refusals_have_torchs_types(make):
    kinds = []
    for lib in LIBS:
        with pytest.raises(Exception) as caught:
            make(lib.optim.lr_scheduler, optimizer(lib))
        kinds.append(caught.type)
    assert kinds[0] is kinds[1]


def test_too_many_steps():
    for lib in LIBS:
        opt = optimizer(lib)
        scheduler = lib.optim.lr_scheduler.OneCycleLR(opt, 0.1, total_steps=2)
        with pytest.raises(ValueError, match="Tried to step 3 times"):
            run(opt, scheduler, 5)
