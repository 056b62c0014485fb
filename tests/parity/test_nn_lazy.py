"""Lazy layers against torch: before, at and after the first call."""

import copy
import pickle

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tests.helpers import assert_close
from tests.parity.both import BOTH, agree, both
from tests.parity.same import array, check, inputs, same, same_error

RNG = np.random.default_rng(0)

LAZY = [
    ("LazyLinear", (4,), {}, (5, 3)),
    ("LazyLinear", (4,), {"bias": False}, (2, 5, 3)),
    *[(f"LazyConv{n}d", (4, 2), {"groups": 2, "padding": 1, "bias": bias}, (2, 6, *(3,) * n)) for n in (1, 2, 3) for bias in (True, False)],
    ("LazyConv2d", (4, (2, 3)), {"stride": (1, 2), "padding_mode": "reflect", "padding": 1}, (6, 4, 4)),
    *[(f"LazyConvTranspose{n}d", (4, 2), {"groups": 2, "padding": 1}, (2, 6, *(3,) * n)) for n in (1, 2, 3)],
    ("LazyConvTranspose2d", (4, 3, 2, 1, 1), {"bias": False}, (3, 4, 4)),
    *[(f"LazyBatchNorm{n}d", (), options, (2, 6, *(3,) * n)) for n in (1, 2, 3) for options in ({}, {"affine": False}, {"track_running_stats": False})],
    ("LazyBatchNorm1d", (), {"bias": False}, (4, 3)),
    *[(f"LazyInstanceNorm{n}d", (), options, (2, 6, *(3,) * n)) for n in (1, 2, 3) for options in ({}, {"affine": False}, {"track_running_stats": False})],
]


@pytest.mark.parametrize("name, args, options, shape", LAZY)
def test_lazy_layers(name, args, options, shape):
    agree(lambda m: repr(getattr(m.nn, name)(*args, **options)))
    agree(lambda m: list(getattr(m.nn, name)(*args, **options).state_dict()))
    agree(lambda m: [type(v).__name__ for v in getattr(m.nn, name)(*args, **options).state_dict().values()])

    def called(m, x):
        made = getattr(m.nn, name)(*args, **options)
        assert isinstance(made, m.nn.modules.lazy.LazyModuleMixin)
        parameters, lazy = list(made.parameters()), made.has_uninitialized_params()
        assert lazy == any(m.nn.parameter.is_lazy(t) for t in (*parameters, *made.buffers()))
        m.manual_seed(2)
        out = made(x)
        assert type(made).__name__ == name.removeprefix("Lazy") and type(made) is getattr(m.nn, name.removeprefix("Lazy"))
        assert all(a is b for a, b in zip(parameters, made.parameters())), "an optimizer may have them already"
        return out, *made.state_dict().values(), repr(made), [type(p).__name__ for p in made.parameters()]

    x = array(RNG, shape, "float32")
    same(lambda m, x: called(m, x)[:-2], x, second=False)
    agree(lambda m: called(m, *inputs(m, [x], False))[-2:])


def test_lazy_nets():
    x, y = array(RNG, (4, 1, 8, 8)), RNG.integers(0, 3, 4)

    def net(m):
        nn = m.nn
        return nn.Sequential(nn.LazyConv2d(4, 3), nn.LazyBatchNorm2d(), nn.ReLU(), nn.Sequential(nn.Flatten(), nn.LazyLinear(3)))

    def trained(m, prepare=lambda model: model, early=False):
        m.manual_seed(0)
        model = prepare(net(m)).double()  # only then: torch pickles no dtype
        images, labels = m.from_numpy(x), m.from_numpy(y)
        if not early:
            model(images)
        optimizer = m.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        for _ in range(3):
            optimizer.zero_grad()
            loss = m.nn.functional.cross_entropy(model(images), labels)
            loss.backward()
            optimizer.step()
        return [loss.detach(), *model.state_dict().values()]

    def copied(model):
        return copy.deepcopy(model) if "torch" not in type(model).__module__ else model  # torch can't copy lazy buffers

    for prepare in (copied, lambda model: pickle.loads(pickle.dumps(model)), lambda model: model.cpu().eval().train()):
        results = [trained(m, prepare, early) for m in BOTH for early in (False, True)]
        check(results[2], results[0], "trained")
        check(results[3], results[1], "the optimizer made first")

    def restored(m):
        m.manual_seed(0)
        full = net(m).double()
        full(m.from_numpy(x))
        state = full.state_dict()
        other = net(m).double()
        told = [repr(other.load_state_dict(net(m).state_dict())), repr(other.load_state_dict(state)), repr(other)]
        return told[:2], other.eval()(m.from_numpy(x)), full.eval()(m.from_numpy(x))

    results = [restored(m) for m in BOTH]
    assert results[0][0] == results[1][0]
    check(results[1][1:], results[0][1:], "restored")
    assert_close(*results[1][1:])
    same_error(lambda m: m.nn.Linear(3, 4).load_state_dict(m.nn.LazyLinear(4).state_dict()))
    same_error(lambda m: m.nn.LazyLinear(4).load_state_dict({"weight": m.ones(4, 2)}))
    same_error(lambda m: m.nn.LazyLinear(4).load_state_dict({"weight": m.ones(4, 2), "bias": m.ones(4), "scale": m.ones(1)}))


def test_parameters_that_have_no_shape_yet():
    for call in (
        lambda m, p: p.shape,
        lambda m, p: p.dim(),
        lambda m, p: p.numel(),
        lambda m, p: len(p),
        lambda m, p: p + 1,
        lambda m, p: m.exp(p),
        lambda m, p: p == 1,
        lambda m, p: bool(p),
        lambda m, p: m.nn.init.normal_(p),
        lambda m, p: m.nn.init.zeros_(p),
        lambda m, p: m.nn.init.xavier_uniform_(p),
        lambda m, p: m.nn.init.kaiming_normal_(p),
        lambda m, p: p.data.normal_()[3],
    ):
        same_error(lambda m, call=call: call(m, m.nn.LazyLinear(3).weight))
    same_error(lambda m: m.nn.LazyConv2d(4, 3).apply(lambda layer: m.nn.init.zeros_(layer.weight)))
    for kind in ("UninitializedParameter", "UninitializedBuffer"):

        def story(m, kind=kind):
            p = getattr(m.nn, kind)(dtype=m.float64)
            told = [repr(p), str(p.dtype), str(p.device), p.requires_grad, p.is_leaf, p.grad, m.nn.parameter.is_lazy(p)]
            again = pickle.loads(pickle.dumps(p))
            told += [type(again).__name__, again.requires_grad]
            p.materialize((2, 3))
            told += [type(p).__name__, p.requires_grad, tuple(p.shape), str(p.dtype), isinstance(p, getattr(m.nn, kind))]
            q = getattr(m.nn, kind)()
            q.materialize([1], dtype=m.float16)
            return told, str(q.dtype)

        agree(story)


def test_lazy_modules_of_ones_own():
    def story(m):
        class Scale(m.nn.modules.lazy.LazyModuleMixin, m.nn.Module):
            def __init__(self):
                super().__init__()
                self.weight = m.nn.UninitializedParameter()
                self.calls = 0

            def initialize_parameters(self, x, times=1):
                self.calls += 1
                if self.has_uninitialized_params():
                    self.weight.materialize((x.shape[-1],))
                    m.nn.init.constant_(self.weight, 3)

            def forward(self, x, times=1):
                return x * self.weight * times

        model = Scale()
        told = [model(m.ones(2)).tolist(), model(m.ones(2), times=2).tolist(), model.calls, type(model) is Scale]
        model = Scale()
        model.load_state_dict({"weight": m.ones(2) * 5})
        return told + [model(m.ones(2)).tolist(), model.has_uninitialized_params()]

    agree(story)

    def forgotten(m):
        class Forgetful(m.nn.modules.lazy.LazyModuleMixin, m.nn.Module):
            def __init__(self):
                super().__init__()
                self.weight = m.nn.UninitializedParameter()

            def initialize_parameters(self, x):
                pass

        return Forgetful()(m.ones(2))

    same_error(forgotten)


def test_what_lazy_layers_refuse():
    for call in (
        lambda m: m.nn.LazyConv2d(4, 3)(m.ones(2, 3)),
        lambda m: m.nn.LazyConv2d(4, 3, groups=2)(m.ones(2, 3, 5, 5)),
        lambda m: m.nn.LazyBatchNorm2d()(m.ones(2, 3)),
        lambda m: m.nn.LazyLinear(),
        lambda m: m.nn.LazyLinear(3, in_features=4),
        lambda m: m.nn.LazyConv2d(3),
    ):
        same_error(call)
    ours, theirs = both(lambda m: (lambda layer: (layer(m.ones(2, 3)), repr(layer))[1])(m.nn.LazyLinear(out_features=4)))
    assert ours == theirs
