"""Modules against torch: what they print, hold, save and refuse. Each piece of code runs on both."""

import copy
import pickle
from collections import OrderedDict

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tests.parity.both import BOTH, agree, attribute, both, keyed
from tests.parity.same import array, check, same_error

RNG = np.random.default_rng(0)

# --- printing -------------------------------------------------------------------------------------------------------

CONSTRUCTIONS = [
    lambda nn: nn.Identity(3, a=4),
    lambda nn: nn.Linear(3, 4),
    lambda nn: nn.Linear(3, 4, bias=False),
    lambda nn: nn.Bilinear(2, 3, 4),
    lambda nn: nn.Embedding(10, 3),
    lambda nn: nn.Embedding(10, 3, padding_idx=-2, max_norm=1.0, norm_type=1.0, scale_grad_by_freq=True, sparse=True),
    lambda nn: nn.Flatten(),
    lambda nn: nn.Flatten(0, 2),
    lambda nn: nn.Unflatten(1, (2, 3)),
    *[
        lambda nn, n=n: getattr(nn, n)()
        for n in (
            "ReLU ReLU6 LeakyReLU PReLU RReLU ELU CELU SELU GELU SiLU Mish Sigmoid LogSigmoid Hardsigmoid Hardswish Tanh "
            "Tanhshrink Hardtanh Softplus Softsign Softshrink Hardshrink GLU Softmax LogSoftmax Softmin Softmax2d Dropout "
            "Dropout1d Dropout2d Dropout3d AlphaDropout FeatureAlphaDropout CrossEntropyLoss NLLLoss MSELoss L1Loss SmoothL1Loss "
            "HuberLoss BCELoss BCEWithLogitsLoss KLDivLoss PoissonNLLLoss GaussianNLLLoss MarginRankingLoss HingeEmbeddingLoss "
            "SoftMarginLoss MultiMarginLoss MultiLabelMarginLoss MultiLabelSoftMarginLoss CosineEmbeddingLoss TripletMarginLoss "
            "TripletMarginWithDistanceLoss CTCLoss Sequential ModuleList ModuleDict ParameterList ParameterDict"
        ).split()
    ],
    *[
        lambda nn, n=n: getattr(nn, n)(inplace=True)
        for n in (
            "ReLU ReLU6 LeakyReLU RReLU ELU CELU SELU SiLU Mish Hardsigmoid Hardswish Hardtanh Dropout Dropout2d"
        ).split()
    ],
    lambda nn: nn.LeakyReLU(0.2, True),
    lambda nn: nn.PReLU(4, 0.1),
    lambda nn: nn.RReLU(0.1, 0.2),
    lambda nn: nn.ELU(2.0),
    lambda nn: nn.GELU("tanh"),
    lambda nn: nn.GELU(approximate="tanh"),
    lambda nn: nn.Hardtanh(-2, 2),
    lambda nn: nn.Softplus(2, 10),
    lambda nn: nn.Softshrink(0.3),
    lambda nn: nn.Hardshrink(0.3),
    lambda nn: nn.Threshold(0.1, 20),
    lambda nn: nn.GLU(1),
    lambda nn: nn.Softmax(dim=1),
    lambda nn: nn.LogSoftmax(-1),
    lambda nn: nn.Softmin(0),
    lambda nn: nn.Dropout(0.3),
    lambda nn: nn.Sequential(nn.Linear(1, 2), nn.Sequential(nn.ReLU(), nn.Linear(2, 3))),
    lambda nn: nn.Sequential(OrderedDict([("a", nn.Linear(1, 2)), ("act", nn.Tanh())])),
    lambda nn: nn.ModuleList([nn.Linear(2, 2) for _ in range(3)] + [nn.ReLU(), nn.Linear(2, 2)]),
    lambda nn: nn.ModuleList([nn.Sequential(nn.Linear(2, 2), nn.ReLU()) for _ in range(2)]),
    lambda nn: nn.ModuleDict({"b": nn.Linear(1, 1), "a": nn.ModuleList([nn.Tanh()])}),
]


@pytest.mark.parametrize("index", range(len(CONSTRUCTIONS)))
def test_what_modules_print(index):
    agree(lambda m: repr(CONSTRUCTIONS[index](m.nn)))


def test_what_containers_of_parameters_print():
    agree(lambda m: repr(m.nn.ParameterList([m.ones(2), m.zeros(2, 3, dtype=m.float64), 5, "x"])))
    agree(lambda m: repr(m.nn.ParameterDict({"b": m.ones(2), "a": m.zeros(2, 3, dtype=m.float64), "c": 5})))
    agree(lambda m: repr(m.nn.Parameter(m.ones(2))))
    agree(lambda m: repr(m.nn.Parameter(m.ones(2), requires_grad=False)))
    agree(lambda m: repr(m.nn.Sequential(m.nn.ParameterList([m.ones(1)]), m.nn.ParameterDict({"a": m.ones(1)}))))


def net(m):
    nn = m.nn

    class Block(nn.Module):
        def __init__(self, features):
            super(Block, self).__init__()
            self.linear = nn.Linear(features, features)
            self.act = nn.ReLU()
            self.register_buffer("seen", m.zeros(()))
            self.register_buffer("scratch", m.zeros(2), persistent=False)

        def forward(self, x):
            return x + self.act(self.linear(x))

        def extra_repr(self):
            return "a block\nof two lines"

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Linear(3, 4)
            self.blocks = nn.ModuleList([Block(4), Block(4)])
            self.scale = nn.Parameter(m.ones(1))
            self.nothing = None
            self.head = nn.Sequential(nn.Dropout(0.5), nn.Linear(4, 2, bias=False))
            self.tied = self.first  # the same module under two names
            self.register_parameter("absent", None)
            self.register_buffer("missing", None)
            self.constant = m.ones(1)  # a plain attribute

        def forward(self, x):
            x = self.first(x)
            for block in self.blocks:
                x = block(x)
            return self.head(x * self.scale)

    m.manual_seed(0)
    return Net()


def test_a_whole_net():
    agree(lambda m: repr(net(m)))
    agree(lambda m: [n for n, _ in net(m).named_parameters()])
    agree(lambda m: [n for n, _ in net(m).named_parameters(remove_duplicate=False)])
    agree(lambda m: [n for n, _ in net(m).named_parameters(prefix="x", recurse=False)])
    agree(lambda m: [n for n, _ in net(m).named_buffers()])
    agree(lambda m: [n for n, _ in net(m).named_modules()])
    agree(lambda m: [n for n, _ in net(m).named_modules(remove_duplicate=False)])
    agree(lambda m: [n for n, _ in net(m).named_modules(prefix="p")])
    agree(lambda m: [n for n, _ in net(m).named_children()])
    agree(lambda m: [type(c).__name__ for c in net(m).children()])
    agree(lambda m: [type(c).__name__ for c in net(m).modules()])
    agree(lambda m: [tuple(p.shape) for p in net(m).parameters()])
    agree(lambda m: list(net(m).state_dict()))
    agree(lambda m: [(k, tuple(v.items())) for k, v in net(m).state_dict()._metadata.items()])
    agree(lambda m: list(net(m).state_dict(prefix="model.")))
    agree(lambda m: [v.requires_grad for v in net(m).state_dict().values()])
    agree(lambda m: [v.requires_grad for v in net(m).state_dict(keep_vars=True).values()])


def test_a_whole_net_computes():
    x = array(RNG, (5, 3), "float32")
    results = []
    for m in BOTH:
        model = net(m)
        m.manual_seed(5)  # for dropout
        out = model(m.from_numpy(x))
        out.sum().backward()
        results.append([out.detach(), *(p.grad for p in model.parameters()), model.eval()(m.from_numpy(x)).detach()])
    for i, (theirs, ours) in enumerate(zip(*results)):
        check(ours, theirs, str(i))


def test_paths():
    for path in ("", "first", "blocks.1.linear", "head.1"):
        agree(lambda m, path=path: repr(net(m).get_submodule(path)))
    agree(lambda m: tuple(net(m).get_parameter("blocks.0.linear.weight").shape))
    agree(lambda m: tuple(net(m).get_buffer("blocks.0.seen").shape))
    for path in ("first.nothing", "blocks.7", "scale", "first.weight"):
        same_error(lambda m, path=path: attribute(lambda: net(m).get_submodule(path)))
    for path in ("blocks.0.seen", "first.nope", "blocks", "constant"):
        same_error(lambda m, path=path: attribute(lambda: net(m).get_parameter(path)))
        same_error(lambda m, path=path: attribute(lambda: net(m).get_buffer(path + ".x")))

    def replaced(m):
        model = net(m)
        model.set_submodule("blocks.1.act", m.nn.Tanh())
        model.set_submodule("head.2", m.nn.Tanh())
        return repr(model)

    agree(replaced)
    same_error(lambda m: net(m).set_submodule("", m.nn.Tanh()))
    same_error(lambda m: net(m).set_submodule("first", 3))
    same_error(lambda m: attribute(lambda: net(m).set_submodule("head.9", m.nn.Tanh(), strict=True)))


# --- attributes -----------------------------------------------------------------------------------------------------


def members(model):
    return (
        list(model._parameters),
        list(model._buffers),
        list(model._modules),
        sorted(k for k in model.__dict__ if not k.startswith("_") and k != "T_destination"),
    )


def test_what_assigning_does():
    def story(m):
        nn, told = m.nn, []
        model = nn.Module()
        for step in (
            lambda: setattr(model, "a", nn.Parameter(m.ones(1))),
            lambda: setattr(model, "b", nn.Linear(1, 1)),
            lambda: setattr(model, "c", 5),
            lambda: setattr(model, "c", nn.Parameter(m.ones(1))),  # from plain to parameter
            lambda: setattr(model, "c", None),
            lambda: setattr(model, "c", nn.Parameter(m.ones(2))),
            lambda: setattr(model, "b", nn.Parameter(m.ones(1))),  # from module to parameter
            lambda: setattr(model, "e", 1),
            lambda: setattr(model, "e", nn.Tanh()),  # from plain to module
            lambda: setattr(model, "e", None),
            lambda: model.register_buffer("f", m.ones(1)),
            lambda: setattr(model, "f", m.ones(3)),  # stays a buffer
            lambda: setattr(model, "f", nn.Tanh()),
            lambda: model.register_buffer("g", m.ones(1), persistent=False),
            lambda: setattr(model, "g", nn.Parameter(m.ones(1))),
            lambda: setattr(model, "h", nn.Buffer(m.ones(1))),
            lambda: setattr(model, "i", nn.Buffer(m.ones(1), persistent=False)),
            lambda: setattr(model, "h", None),
            lambda: delattr(model, "a"),
            lambda: delattr(model, "f"),
            lambda: delattr(model, "h"),
            lambda: model.add_module("j", nn.Tanh()),
            lambda: model.add_module("k", None),
            lambda: model.register_module("l", nn.Tanh()),
        ):
            step()
            told.append((members(model), list(model.state_dict())))
        return told

    agree(story)


def test_what_assigning_refuses():
    def module(m):
        model = m.nn.Module()
        model.p, model.m = m.nn.Parameter(m.ones(1)), m.nn.Tanh()
        model.register_buffer("b", m.ones(1))
        model.plain = 3
        return model

    def unready(m):
        class Net(m.nn.Module):
            def __init__(self, value):
                self.value = value

        return Net

    for call in (
        lambda m: setattr(module(m), "p", m.ones(1)),
        lambda m: setattr(module(m), "p", m.nn.Tanh()),
        lambda m: setattr(module(m), "m", m.ones(1)),
        lambda m: setattr(module(m), "m", 3),
        lambda m: setattr(module(m), "b", 3),
        lambda m: module(m).register_parameter("p.q", m.nn.Parameter(m.ones(1))),
        lambda m: module(m).register_parameter("", m.nn.Parameter(m.ones(1))),
        lambda m: module(m).register_parameter(3, m.nn.Parameter(m.ones(1))),
        lambda m: module(m).register_parameter("plain", m.nn.Parameter(m.ones(1))),
        lambda m: module(m).register_parameter("x", m.ones(1)),
        lambda m: module(m).register_buffer("x.y", m.ones(1)),
        lambda m: module(m).register_buffer("", m.ones(1)),
        lambda m: module(m).register_buffer(3, m.ones(1)),
        lambda m: module(m).register_buffer("plain", m.ones(1)),
        lambda m: module(m).register_buffer("p", m.ones(1)),
        lambda m: module(m).register_buffer("x", 3),
        lambda m: module(m).add_module("x.y", m.nn.Tanh()),
        lambda m: module(m).add_module("", m.nn.Tanh()),
        lambda m: module(m).add_module(3, m.nn.Tanh()),
        lambda m: module(m).add_module("plain", m.nn.Tanh()),
        lambda m: module(m).add_module("x", 3),
        lambda m: m.nn.Module(3),
        lambda m: m.nn.Module(a=3),
        lambda m: module(m).train(3),
        lambda m: module(m)(3),
        lambda m: module(m).to(m.int64),
    ):
        same_error(lambda m, call=call: keyed(lambda: call(m)))
    for value in (lambda m: m.nn.Parameter(m.ones(1)), lambda m: m.nn.Tanh(), lambda m: m.nn.Buffer(m.ones(1))):
        same_error(lambda m, value=value: attribute(lambda: unready(m)(value(m))))
    for m in BOTH:
        assert unready(m)(3).value == 3  # plain values may come early


# --- parameters -----------------------------------------------------------------------------------------------------


def test_parameter():
    for m in BOTH:
        data = m.ones(3)
        p = m.nn.Parameter(data)
        assert p.requires_grad and p.is_leaf and isinstance(p, m.Tensor) and isinstance(p, m.nn.Parameter)
        data[0] = 5  # the memory is shared
        assert p.tolist() == [5, 1, 1] and not data.requires_grad
        assert type(p * 2) is m.Tensor and type(p.data) is m.Tensor and type(p.detach()) is m.Tensor
        assert isinstance(m.nn.Parameter(p), m.nn.Parameter)
        assert m.nn.Parameter().shape == (0,)
        assert not m.nn.Parameter(m.arange(3), requires_grad=False).requires_grad
        p.label = "x"
        p.sum().backward()
        twin = copy.deepcopy(p)
        assert twin.grad is None and twin.requires_grad and type(twin) is m.nn.Parameter and twin is not p
        again = pickle.loads(pickle.dumps(p))
        assert type(again) is m.nn.Parameter and again.tolist() == p.tolist() and again.requires_grad
        y = m.ones(3, requires_grad=True) * 2
        assert m.nn.Parameter(y).is_leaf
    same_error(lambda m: m.nn.Parameter(m.arange(3)))


# --- state dicts ----------------------------------------------------------------------------------------------------


def test_state_dict_shares_memory_and_load_copies():
    for m in BOTH:
        a, b = net(m), net(m)
        state = a.state_dict()
        with m.no_grad():
            a.scale.fill_(7)
        assert state["scale"].tolist() == [7]
        kept = b.scale
        answer = b.load_state_dict(state)
        assert b.scale is kept and b.scale.tolist() == [7] and repr(answer) == "<All keys matched successfully>"
        assert answer.missing_keys == [] and answer.unexpected_keys == []
        state["scale"].fill_(1)
        assert b.scale.tolist() == [7]


def broken_state(m):
    state = net(m).state_dict()
    del state["first.weight"], state["blocks.0.seen"]
    state["extra"] = m.ones(1)
    state["blocks.0.linear.bias"] = m.ones(9)
    state["head.1.bias"] = m.ones(2)
    state["blocks.5.linear.bias"] = m.ones(2)
    state["scale"] = "text"
    return state


def test_load_state_dict_tells_everything_at_once():
    def message(m, **options):
        with pytest.raises(RuntimeError) as error:
            net(m).load_state_dict(broken_state(m), **options)
        return str(error.value).replace("<class 'str'>", "str").replace("Tensor or Tensor-like object", "Tensor")

    ours, theirs = both(message)
    assert ours == theirs
    ours, theirs = both(lambda m: message(m, strict=False))
    assert ours == theirs
    assert ours.startswith("Error(s) in loading state_dict for Net:")


def test_load_state_dict_otherwise():
    def loosely(m):
        state = net(m).state_dict()
        del state["first.weight"], state["scale"]
        state["extra"] = m.ones(1)
        return tuple(map(tuple, net(m).load_state_dict(state, strict=False)))

    agree(loosely)
    same_error(lambda m: net(m).load_state_dict([1, 2]))
    for m in BOTH:
        model = net(m)
        state = {k: v.double() for k, v in model.state_dict().items()}
        model.load_state_dict(state)
        assert model.scale.dtype == m.float32  # copies convert
        model.scale.requires_grad_(False)
        model.load_state_dict(state, assign=True)
        assert model.scale.dtype == m.float64 and isinstance(model.scale, m.nn.Parameter)
        assert not model.scale.requires_grad and model.head[1].weight.requires_grad
        assert model.head[1].weight.data_ptr() == state["head.1.weight"].data_ptr()
        module = m.nn.Module()
        module.register_buffer("count", m.zeros(()))
        module.load_state_dict({"count": m.ones(1)})  # as very old files have it
        assert module.count.shape == () and module.count.item() == 1


def test_extra_state_and_hooks_of_state_dicts():
    def story(m):
        told = []

        class Stateful(m.nn.Linear):
            steps = 3

            def get_extra_state(self):
                return {"steps": self.steps}

            def set_extra_state(self, state):
                self.steps = state["steps"]

        a = m.nn.Sequential(Stateful(1, 1), m.nn.Linear(1, 1))
        b = m.nn.Sequential(Stateful(1, 1), m.nn.Linear(1, 1))
        a[0].steps = 9
        handles = [
            a[1].register_state_dict_pre_hook(
                lambda module, prefix, keep_vars: told.append(("pre", prefix, keep_vars))
            ),
            a[1].register_state_dict_post_hook(
                lambda module, state, prefix, local: told.append(("post", list(state), prefix))
            ),
            a[1]._register_state_dict_hook(
                lambda module, state, prefix, local: state.update({prefix + "more": m.ones(1)})
            ),
        ]
        state = a.state_dict()
        told.append((list(state), state["0._extra_state"]))
        for handle in handles:
            handle.remove()
        told.append(list(a.state_dict()))
        b[1].register_load_state_dict_pre_hook(
            lambda module, state, prefix, local, strict, missing, unexpected, errors: (
                (
                    told.append(("load pre", type(module).__name__, list(state), prefix, strict)),
                    state.pop(prefix + "more", None),
                )
                and None
            )
        )
        b.register_load_state_dict_post_hook(
            lambda module, keys: told.append(
                ("load post", list(keys.missing_keys), list(keys.unexpected_keys), b[0].steps)
            )
        )
        b.load_state_dict(state)
        told.append(b[0].steps)
        del state["0._extra_state"], state["1.bias"]
        b.register_load_state_dict_post_hook(lambda module, keys: keys.missing_keys.remove("1.bias"))
        with pytest.raises(RuntimeError) as error:
            b.load_state_dict(state)
        told.append(str(error.value))
        return told

    agree(story)


# --- what is done to all --------------------------------------------------------------------------------------------


def test_conversions():
    for m in BOTH:
        model = net(m)
        model.register_buffer("count", m.zeros((), dtype=m.int64))
        before = model.scale
        model(m.ones(2, 3)).sum().backward()
        assert model.double() is model
        assert model.scale is before and before.dtype == m.float64 and before.grad.dtype == m.float64
        assert model.count.dtype == m.int64 and model.blocks[0].seen.dtype == m.float64
        assert model.to(m.float16).scale.dtype == m.float16
        assert model.half().float().scale.dtype == m.float32
        assert model.to("cpu", m.float64).scale.dtype == m.float64
        assert model.to(device=m.device("cpu"), dtype=m.float32).scale.dtype == m.float32
        assert model.to(m.ones(1, dtype=m.float64)).scale.dtype == m.float64
        assert model.cpu() is model and model.share_memory() is model
        assert model.type(m.float32).count.dtype == m.float32


def test_train_eval_freeze_apply_zero_grad():
    for m in BOTH:
        model = net(m)
        assert model.eval() is model and not any(x.training for x in model.modules())
        assert model.train() is model and all(x.training for x in model.modules())
        assert model.requires_grad_(False) is model and not any(p.requires_grad for p in model.parameters())
        model.requires_grad_()
        model(m.ones(2, 3)).sum().backward()
        model.zero_grad(set_to_none=False)
        assert all(p.grad is not None and not p.grad.any() for p in model.parameters())
        model.zero_grad()
        assert all(p.grad is None for p in model.parameters())
        names = []
        assert model.apply(lambda x: names.append(type(x).__name__)) is model
        assert names == [
            "Linear",
            "Linear",
            "ReLU",
            "Block",
            "Linear",
            "ReLU",
            "Block",
            "ModuleList",
            "Dropout",
            "Linear",
            "Sequential",
            "Net",
        ]


def test_copies():
    for m in BOTH:
        model = m.nn.Sequential(m.nn.Linear(2, 3), m.nn.ReLU(), m.nn.BCEWithLogitsLoss(pos_weight=m.ones(1)))
        model.add_module("tied", model[0])
        for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
            assert twin[0] is twin[3] is not model[0]
            assert repr(twin) == repr(model)
            for (n, a), (k, b) in zip(twin.state_dict().items(), model.state_dict().items()):
                assert n == k and a.tolist() == b.tolist() and a.data_ptr() != b.data_ptr()
            assert type(twin[0].weight) is m.nn.Parameter and twin[0].weight.requires_grad
