"""Modules against torch: what they print, hold, compute, save and refuse. Each piece of code runs on both."""

import copy
import pickle
from collections import OrderedDict

import numpy as np
import pytest

import minitorch_ndl as ndl

torch = pytest.importorskip("torch")

from tests.parity.same import array, check, layouts, same, same_error

RNG = np.random.default_rng(0)
BOTH = (torch, ndl)


def both(code):
    """The value of `code(module)` on torch and on us, texts with our name in torch's place."""
    theirs, ours = (code(m) for m in BOTH)
    return plain(ours), plain(theirs)


def plain(value):
    if isinstance(value, str):
        return value.replace("torch.", "ndl.").replace("ndl.Size", "Size").replace("ndl.nn.modules", "ndl.nn")
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    return value


def agree(code):
    ours, theirs = both(code)
    assert ours == theirs


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
    *[lambda nn, n=n: getattr(nn, n)() for n in (
        "ReLU ReLU6 LeakyReLU PReLU RReLU ELU CELU SELU GELU SiLU Mish Sigmoid LogSigmoid Hardsigmoid Hardswish Tanh "
        "Tanhshrink Hardtanh Softplus Softsign Softshrink Hardshrink GLU Softmax LogSoftmax Softmin Softmax2d Dropout "
        "Dropout1d Dropout2d Dropout3d AlphaDropout FeatureAlphaDropout CrossEntropyLoss NLLLoss MSELoss L1Loss SmoothL1Loss "
        "HuberLoss BCELoss BCEWithLogitsLoss KLDivLoss PoissonNLLLoss GaussianNLLLoss MarginRankingLoss HingeEmbeddingLoss "
        "SoftMarginLoss MultiMarginLoss MultiLabelMarginLoss MultiLabelSoftMarginLoss CosineEmbeddingLoss TripletMarginLoss "
        "TripletMarginWithDistanceLoss CTCLoss Sequential ModuleList ModuleDict ParameterList ParameterDict").split()],
    *[lambda nn, n=n: getattr(nn, n)(inplace=True) for n in (
        "ReLU ReLU6 LeakyReLU RReLU ELU CELU SELU SiLU Mish Hardsigmoid Hardswish Hardtanh Dropout Dropout2d").split()],
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
            super(Block, self).__init__()  # noqa: UP008  as older scripts do
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


def attribute(call):
    """AttributeError as ValueError, since `same_error` only tells some types apart."""
    try:
        call()
    except AttributeError as e:
        raise ValueError(str(e)) from e


# --- attributes -------------------------------------------------------------------------------------------------------


def members(model):
    return (list(model._parameters), list(model._buffers), list(model._modules),
            sorted(k for k in model.__dict__ if not k.startswith("_") and k != "T_destination"))


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


def keyed(call):
    try:
        call()
    except KeyError as e:
        raise IndexError(str(e)) from e


# --- parameters ---------------------------------------------------------------------------------------------------------


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
        y = (m.ones(3, requires_grad=True) * 2)
        assert m.nn.Parameter(y).is_leaf
    same_error(lambda m: m.nn.Parameter(m.arange(3)))


# --- state dicts --------------------------------------------------------------------------------------------------------


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
            a[1].register_state_dict_pre_hook(lambda module, prefix, keep_vars: told.append(("pre", prefix, keep_vars))),
            a[1].register_state_dict_post_hook(lambda module, state, prefix, local: told.append(("post", list(state), prefix))),
            a[1]._register_state_dict_hook(lambda module, state, prefix, local: state.update({prefix + "more": m.ones(1)})),
        ]
        state = a.state_dict()
        told.append((list(state), state["0._extra_state"]))
        for handle in handles:
            handle.remove()
        told.append(list(a.state_dict()))
        b[1].register_load_state_dict_pre_hook(
            lambda module, state, prefix, local, strict, missing, unexpected, errors: (
                told.append(("load pre", type(module).__name__, list(state), prefix, strict)), state.pop(prefix + "more", None)) and None)
        b.register_load_state_dict_post_hook(
            lambda module, keys: told.append(("load post", list(keys.missing_keys), list(keys.unexpected_keys), b[0].steps)))
        b.load_state_dict(state)
        told.append(b[0].steps)
        del state["0._extra_state"], state["1.bias"]
        b.register_load_state_dict_post_hook(lambda module, keys: keys.missing_keys.remove("1.bias"))
        with pytest.raises(RuntimeError) as error:
            b.load_state_dict(state)
        told.append(str(error.value))
        return told

    agree(story)


# --- what is done to all ------------------------------------------------------------------------------------------------


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
        assert names == ["Linear", "Linear", "ReLU", "Block", "Linear", "ReLU", "Block", "ModuleList", "Dropout", "Linear",
                         "Sequential", "Net"]


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


# --- containers ---------------------------------------------------------------------------------------------------------


def test_sequential():
    def story(m):
        nn, told = m.nn, []
        make = lambda: nn.Sequential(nn.Linear(1, 2), nn.ReLU(), nn.Linear(2, 3), nn.Tanh())
        s = make()
        told += [repr(s[1]), repr(s[-1]), repr(s[1:3]), repr(s[::2]), len(s), [repr(x) for x in s], type(s[:2]).__name__]
        s[1] = nn.Sigmoid()
        told.append(repr(s))
        del s[0]
        told.append(repr(s))
        del s[1:]
        told.append(repr(s))
        s = make()
        told += [repr(s.append(nn.GELU())), repr(s.extend([nn.ELU(), nn.SELU()])), repr(s.insert(1, nn.Dropout())),
                 repr(s.insert(-1, nn.Mish())), repr(s.pop(2)), repr(s.pop(-1)), repr(s)]
        told += [repr(make() + nn.Sequential(nn.ELU())), repr(make() * 2), repr(2 * make())]
        s += nn.Sequential(nn.CELU())
        s *= 2
        told += [repr(s), s[0] is s[len(s) // 2]]
        named = nn.Sequential(OrderedDict([("a", nn.Linear(1, 2)), ("b", nn.Tanh())]))
        named.add_module("c", nn.ReLU())
        told += [repr(named[1:]), repr(named.a), [n for n, _ in named.named_children()]]
        named[0] = nn.ELU()
        told.append(repr(named))
        return told

    agree(story)
    for call in (
        lambda m: m.nn.Sequential(m.nn.Tanh())[1],
        lambda m: m.nn.Sequential(m.nn.Tanh())[-2],
        lambda m: m.nn.Sequential(3),
        lambda m: m.nn.Sequential(m.nn.Tanh()) + 3,
        lambda m: m.nn.Sequential(m.nn.Tanh()) * 0,
        lambda m: m.nn.Sequential(m.nn.Tanh()) * 1.5,
        lambda m: m.nn.Sequential(m.nn.Tanh()).insert(5, m.nn.Tanh()),
        lambda m: m.nn.Sequential([m.nn.Tanh()]),
    ):
        same_error(call)


def test_lists_and_dicts_of_modules():
    def lists(m):
        nn = m.nn
        told = []
        s = nn.ModuleList([nn.Linear(1, 2), nn.ReLU(), nn.Linear(2, 3)])
        told += [repr(s[1]), repr(s[-1]), repr(s[1:]), len(s), repr(s + [nn.Tanh()])]
        s += [nn.ELU()]
        s[0] = nn.Sigmoid()
        told.append(repr(s))
        del s[1:3]
        s.insert(0, nn.GELU())
        s.append(nn.CELU()).extend(nn.ModuleList([nn.Mish()]))
        told += [repr(s), repr(s.pop(1)), repr(s), [n for n, _ in s.named_children()], "0" in dir(s)]
        return told

    agree(lists)
    same_error(lambda m: m.nn.ModuleList([m.nn.Tanh()])[3])
    same_error(lambda m: m.nn.ModuleList(3))
    same_error(lambda m: m.nn.ModuleList([3]))
    same_error(lambda m: m.nn.ModuleList([m.nn.Tanh()])(3))

    def dicts(m):
        nn = m.nn
        told = []
        d = nn.ModuleDict([("b", nn.Linear(1, 2)), ("a", nn.Tanh())])
        d["c"] = nn.ReLU()
        d.update({"d": nn.ELU()})
        d.update(nn.ModuleDict({"e": nn.CELU()}))
        told += [list(d), list(d.keys()), [repr(v) for v in d.values()], [k for k, _ in d.items()], len(d), "a" in d, "x" in d]
        del d["a"]
        told += [repr(d.pop("b")), repr(d), repr(d.c)]
        d.clear()
        return [*told, len(d)]

    agree(dicts)
    same_error(lambda m: keyed(lambda: m.nn.ModuleDict({})["x"]))
    same_error(lambda m: keyed(lambda: m.nn.ModuleDict({"keys": m.nn.Tanh()})))
    same_error(lambda m: m.nn.ModuleDict({"a": 3}))
    same_error(lambda m: m.nn.ModuleDict([("a",)]))
    same_error(lambda m: m.nn.ModuleDict(3))


def test_lists_and_dicts_of_parameters():
    def lists(m):
        nn = m.nn
        p = nn.ParameterList([m.ones(1), nn.Parameter(m.ones(2)), 3])
        p.append(m.ones(4))
        p += [m.ones(5)]
        p.extend([m.ones(6)])
        p[0] = m.ones(7)
        return [len(p), [n for n, _ in p.named_parameters()], [tuple(x.shape) for x in p.parameters()], p[2], repr(p[1:3]),
                tuple(p[-1].shape), type(p[0]) is nn.Parameter]

    agree(lists)
    same_error(lambda m: m.nn.ParameterList([1])[3])
    same_error(lambda m: m.nn.ParameterList(m.ones(3)))
    same_error(lambda m: m.nn.ParameterList([])(3))

    def dicts(m):
        nn = m.nn
        d = nn.ParameterDict({"b": m.ones(1), "a": nn.Parameter(m.ones(2)), "n": 3})
        told = [list(d), len(d), [n for n, _ in d.named_parameters()], tuple(d["b"].shape), tuple(d.b.shape), d["n"]]
        d["z"] = m.ones(3)
        told += [repr(d.pop("a")), list(d), d.popitem()[0], d.get("nope", 7), "b" in d, list(reversed(d))]
        d.setdefault("k", m.ones(1))
        d.update([("u", m.ones(1))])
        told += [list(d), list(d | nn.ParameterDict({"w": m.ones(1)})), list(d.copy()), list(d.fromkeys(["x", "y"], 1)),
                 [k for k, _ in d.items()], len(list(d.values()))]
        d |= nn.ParameterDict({"v": m.ones(1)})
        del d["u"]
        told.append(list(d.keys()))
        d.clear()
        return [*told, len(d), list(d.named_parameters())]

    agree(dicts)
    same_error(lambda m: m.nn.ParameterDict({3: m.ones(1)}))
    same_error(lambda m: m.nn.ParameterDict(3))
    same_error(lambda m: m.nn.ParameterDict([("a",)]))
    same_error(lambda m: m.nn.ParameterDict({})(3))


# --- hooks --------------------------------------------------------------------------------------------------------------


def test_forward_hooks():
    def story(m):
        told = []
        layer = m.nn.Linear(2, 2)
        m.nn.init.eye_(layer.weight)
        m.nn.init.zeros_(layer.bias)
        x = m.ones(1, 2)
        handles = [
            layer.register_forward_pre_hook(lambda mod, args: told.append(("pre 1", len(args)))),
            layer.register_forward_pre_hook(lambda mod, args: (args[0] * 2,), prepend=True),
            layer.register_forward_pre_hook(lambda mod, args: args[0] + 1),
            layer.register_forward_hook(lambda mod, args, out: told.append(("post", args[0].tolist(), out.tolist()))),
            layer.register_forward_hook(lambda mod, args, out: out * 10),
            layer.register_forward_hook(lambda mod, args, kwargs, out: told.append(("kw", sorted(kwargs), out.tolist())),
                                        with_kwargs=True),
            layer.register_forward_hook(lambda mod, args, out: told.append(("first", out.tolist())), prepend=True),
        ]
        told.append(layer(x).tolist())
        for handle in handles:
            handle.remove()
        told.append(layer(x).tolist())
        layer.register_forward_pre_hook(lambda mod, args, kwargs: ((kwargs["input"] * 3,), {}), with_kwargs=True)
        told.append(layer(input=x).tolist())
        with layer.register_forward_hook(lambda mod, args, out: out * 0):
            told.append(layer(input=x).tolist())
        told.append(layer(input=x).tolist())
        return told

    agree(story)

    def always(m):
        told = []
        layer = m.nn.Linear(2, 2)
        layer.register_forward_hook(lambda mod, args, out: told.append(out is None), always_call=True)
        layer.register_forward_hook(lambda mod, args, out: told.append("never"))
        with pytest.raises(RuntimeError):
            layer(m.ones(1, 3))
        return told

    agree(always)

    def wrong(m):
        layer = m.nn.Linear(2, 2)
        layer.register_forward_pre_hook(lambda mod, args, kwargs: 3, with_kwargs=True)
        layer(m.ones(1, 2))

    same_error(wrong)


def rounded(grads):
    return [None if g is None else [round(v, 5) for v in g.flatten().tolist()] for g in grads]


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_full_backward_hooks():
    def story(m):
        told = []
        m.manual_seed(0)
        model = m.nn.Sequential(m.nn.Linear(2, 3), m.nn.Tanh(), m.nn.Linear(3, 1))
        note = lambda mod, gi, go: told.append((type(mod).__name__, rounded(gi), rounded(go)))
        handles = [layer.register_full_backward_hook(note) for layer in model]
        model[2].register_full_backward_pre_hook(lambda mod, go: told.append(("pre", rounded(go))))
        model(m.ones(2, 2)).sum().backward()  # no input requires grad
        x = m.ones(2, 2, requires_grad=True)
        model(x).sum().backward()
        told.append(rounded([x.grad]))
        handles[1].remove()
        model[1].register_full_backward_hook(lambda mod, gi, go: (gi[0] * 2,))
        model[1].register_full_backward_pre_hook(lambda mod, go: (go[0] * 10,))
        x.grad = None
        model(x).sum().backward()
        told.append(rounded([x.grad, model[0].weight.grad]))
        with m.no_grad():
            model(x)
        return told

    agree(story)

    def several(m):
        told = []

        class Two(m.nn.Module):
            def forward(self, a, b, scale, c=None):
                return a * b * scale, a + 1, 5, b.detach()

        two = Two()
        two.register_full_backward_hook(lambda mod, gi, go: told.append((rounded(gi), rounded(go))))
        a, b = m.ones(2, requires_grad=True), m.full((2,), 3.0, requires_grad=True)
        p, q, five, _ = two(a, b, 2.0)
        told += [five, p.requires_grad, q.requires_grad]
        (p.sum() * 7).backward()
        told.append(rounded([a.grad, b.grad]))
        p, q, _, _ = two(a, b, 3.0)
        (p + q).sum().backward()
        told.append(rounded([a.grad, b.grad]))
        return told

    # torch counts a tensor that has no gradient, such as the detached output, among those with a gradient of zero
    cut = lambda told: [[t[0], t[1][:3]] if isinstance(t, list) and len(t) == 2 and isinstance(t[1], list) else t for t in told]
    ours, theirs = both(several)
    assert cut(ours) == cut(theirs)

    def miscounted(m):
        layer = m.nn.Linear(2, 2)
        layer.register_full_backward_hook(lambda mod, gi, go: (gi[0], gi[0]))
        layer(m.ones(1, 2, requires_grad=True)).sum().backward()

    same_error(miscounted)

    def mixed(m):
        layer = m.nn.Linear(2, 2)
        layer.register_full_backward_hook(lambda mod, gi, go: None)
        layer.register_backward_hook(lambda mod, gi, go: None)

    same_error(mixed)


def test_hooks_of_all_modules():
    def story(m):
        told = []
        everywhere = m.nn.modules.module
        handles = [
            everywhere.register_module_forward_pre_hook(lambda mod, args: told.append(("pre", type(mod).__name__))),
            everywhere.register_module_forward_hook(lambda mod, args, out: told.append(("post", type(mod).__name__))),
            everywhere.register_module_full_backward_hook(lambda mod, gi, go: told.append(("back", type(mod).__name__))),
        ]
        model = m.nn.Sequential(m.nn.Linear(2, 2), m.nn.Tanh())
        model[0].register_forward_hook(lambda mod, args, out: told.append("own"))
        model(m.ones(1, 2, requires_grad=True)).sum().backward()
        for handle in handles:
            handle.remove()
        model(m.ones(1, 2))
        return told

    agree(story)


def test_gradients_of_gradients_pass_through_backward_hooks():
    for m in BOTH:
        layer = m.nn.Tanh()
        seen = []
        layer.register_full_backward_hook(lambda mod, gi, go: seen.append(gi[0]))
        x = m.tensor([0.3, -0.2], requires_grad=True, dtype=m.float64)
        (g,) = m.autograd.grad(layer(x).sum(), x, create_graph=True)
        (gg,) = m.autograd.grad(g.sum(), x)
        t = np.tanh([0.3, -0.2])
        np.testing.assert_allclose(gg.numpy(), -2 * t * (1 - t**2))
        assert len(seen) >= 1


# --- layers -------------------------------------------------------------------------------------------------------------


def test_linear():
    for rows in ((), (1,), (2,), (5,), (2, 3), (0,), (40,)):
        for inputs, outputs in ((3, 4), (1, 1), (4, 90), (7, 2)):
            for bias in (True, False):
                args = [array(RNG, (*rows, inputs)), array(RNG, (outputs, inputs)), *([array(RNG, (outputs,))] if bias else [])]
                same(lambda m, *a: m.nn.functional.linear(*a), *args)
    for x in layouts(array(RNG, (6, 4))):
        for w in layouts(array(RNG, (30, 4))):
            same(lambda m, *a: m.nn.functional.linear(*a), x, w, array(RNG, (30,)))
    same(lambda m, x, w: m.nn.functional.linear(x, w), array(RNG, (5, 3)), array(RNG, (3,)))
    same(lambda m, x, w: m.nn.functional.linear(x, w), array(RNG, (3,)), array(RNG, (3,)))
    same(lambda m, x, w, b: m.nn.functional.linear(x, w, b), array(RNG, (5, 3)), array(RNG, (2, 3)), array(RNG, (1,)))
    same(lambda m, x, w: m.nn.functional.linear(x, w), array(RNG, (5, 3), "int64"), array(RNG, (2, 3), "int64"))
    for dtype in ("float32", "float16"):
        same(lambda m, x, w, b: m.nn.functional.linear(x, w, b), array(RNG, (20, 3), dtype), array(RNG, (50, 3), dtype),
             array(RNG, (50,), dtype), second=False)
    for x, w, b in (((2, 5), (2, 3), None), ((5,), (2, 3), None), ((2, 3, 5), (2, 3), None), ((2, 3), (2, 3), (3,)),
                    ((2, 3), (2, 2, 3), None), ((), (2, 3), None), ((2, 3), (4,), None)):
        given = [array(RNG, s) for s in (x, w, b) if s is not None]
        same_error(lambda m, *a: m.nn.functional.linear(*a), *given)
    message = same_error(lambda m, *a: m.nn.functional.linear(*a), array(RNG, (2, 5)), array(RNG, (2, 3)))
    assert "mat1 and mat2 shapes cannot be multiplied (2x5 and 3x2)" in message
    assert "linear: input has 5 features, weight expects 3 (input (2, 5), weight (2, 3))" in message
    same_error(lambda m, *a: m.nn.functional.linear(*a), array(RNG, (2, 3)), array(RNG, (2, 3), "float32"))


def test_bilinear():
    for rows in ((), (5,), (2, 3)):
        for bias in (True, False):
            args = [array(RNG, (*rows, 2)), array(RNG, (*rows, 3)), array(RNG, (4, 2, 3)), *([array(RNG, (4,))] if bias else [])]
            same(lambda m, *a: m.nn.functional.bilinear(*a), *args)
    same_error(lambda m, *a: m.nn.functional.bilinear(*a), array(RNG, (5, 2)), array(RNG, (4, 3)), array(RNG, (4, 2, 3)))
    same_error(lambda m, *a: m.nn.functional.bilinear(*a), array(RNG, (5, 9)), array(RNG, (5, 3)), array(RNG, (4, 2, 3)))
    same_error(lambda m: m.nn.Bilinear(0, 2, 3))


ACTIVATIONS = [
    ("ReLU", {}), ("ReLU6", {}), ("LeakyReLU", {"negative_slope": 0.2}), ("PReLU", {}), ("ELU", {"alpha": 1.5}), ("CELU", {}),
    ("SELU", {}), ("GELU", {}), ("GELU", {"approximate": "tanh"}), ("SiLU", {}), ("Mish", {}), ("Sigmoid", {}),
    ("LogSigmoid", {}), ("Hardswish", {}), ("Tanh", {}), ("Tanhshrink", {}),
    ("Hardtanh", {"min_val": -0.5, "max_val": 0.7}), ("Softplus", {"beta": 2.0, "threshold": 1.0}), ("Softsign", {}),
    ("Softshrink", {"lambd": 0.3}), ("Hardshrink", {"lambd": 0.3}), ("Threshold", {"threshold": 0.1, "value": -5.0}),
    ("GLU", {"dim": 1}), ("Softmax", {"dim": 1}), ("LogSoftmax", {"dim": -1}), ("Softmin", {"dim": 0}), ("Flatten", {}),
    ("Unflatten", {"dim": 1, "unflattened_size": (2, 2)}), ("Identity", {}),
]


@pytest.mark.parametrize("name, options", ACTIVATIONS)
def test_activations(name, options):
    same(lambda m, x: getattr(m.nn, name)(**options).double()(x), array(RNG, (3, 4)))
    same(lambda m, x: getattr(m.nn, name)(**options)(x), array(RNG, (3, 4), "float32"), second=False)


@pytest.mark.parametrize("name", "ReLU ReLU6 LeakyReLU ELU CELU SELU SiLU Mish Hardsigmoid Hardswish Hardtanh".split())
def test_activations_in_place(name):
    def call(m, x):
        y = x * 1
        out = getattr(m.nn, name)(inplace=True)(y)
        assert out is y
        return out

    same(call, array(RNG, (3, 4), "float32"), second=False)


def test_softmax2d():
    same(lambda m, x: m.nn.Softmax2d()(x), array(RNG, (2, 3, 2, 2)))
    same(lambda m, x: m.nn.Softmax2d()(x), array(RNG, (3, 2, 2)))
    same_error(lambda m: m.nn.Softmax2d()(m.ones(3, 2)))


def test_settings_are_checked():
    for call in (
        lambda m: m.nn.ReLU(3, 4),
        lambda m: m.nn.LeakyReLU(slope=3),
        lambda m: m.nn.Threshold(3),
        lambda m: m.nn.Sigmoid(3),
        lambda m: m.nn.Dropout(1.5),
        lambda m: m.nn.Dropout(-0.1),
        lambda m: m.nn.functional.dropout(m.ones(3), 2.0),
        lambda m: m.nn.Unflatten(1, 3),
        lambda m: m.nn.Unflatten(1, (2, "a")),
    ):
        same_error(call)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name, shapes", [
    ("dropout", [(5,), (3, 4), (), (0, 3), (100, 7)]),
    ("dropout1d", [(2, 5, 3), (5, 3)]),
    ("dropout2d", [(2, 5, 3, 2), (2, 5, 3), (5, 3)]),
    ("dropout3d", [(2, 5, 1, 2, 2), (5, 2, 2, 2)]),
    ("alpha_dropout", [(5,), (3, 4)]),
    ("feature_alpha_dropout", [(2, 5, 3, 2), (3, 4)]),
])
def test_dropout_draws_the_same_masks(name, shapes):
    for shape in shapes:
        for p in (0.0, 0.3, 0.5, 1.0):
            for training in (True, False):
                def call(m, x, p=p, training=training):
                    m.manual_seed(4)
                    return getattr(m.nn.functional, name)(x, p, training)

                def in_place(m, x, p=p, training=training):
                    m.manual_seed(4)
                    y = x * 1
                    out = getattr(m.nn.functional, name)(y, p, training, True)
                    assert out.data_ptr() == y.data_ptr() and out.shape == x.shape
                    return out

                for dtype in ("float64", "float32"):
                    same(call, array(RNG, shape, dtype))
                if len(shape) != 2 or name != "dropout1d":
                    same(in_place, array(RNG, shape), second=False)
    for x in layouts(array(RNG, (4, 6))):
        if name == "dropout":
            same(lambda m, x: (m.manual_seed(1), m.nn.functional.dropout(x))[1], x)


def test_dropout_modules():
    for name, shape in (("Dropout", (5, 4)), ("Dropout1d", (2, 5, 4)), ("Dropout2d", (2, 5, 4, 3)), ("Dropout3d", (2, 5, 1, 4, 3)),
                        ("AlphaDropout", (5, 4)), ("FeatureAlphaDropout", (5, 4, 2))):
        same(lambda m, x: (m.manual_seed(1), getattr(m.nn, name)(0.3)(x))[1], array(RNG, shape))
        same(lambda m, x: getattr(m.nn, name)(0.3).eval()(x), array(RNG, shape))
    same_error(lambda m: m.nn.functional.dropout1d(m.ones(3)))
    same_error(lambda m: m.nn.functional.feature_alpha_dropout(m.ones(3), training=True))
    for m in BOTH:
        with pytest.warns(UserWarning, match="dropout2d: Received a 2-D input"):
            m.nn.functional.dropout2d(m.ones(2, 3))


def test_embedding():
    index = RNG.integers(0, 7, (3, 5))
    for options in ({}, {"padding_idx": 2}, {"padding_idx": -1}, {"scale_grad_by_freq": True},
                    {"padding_idx": 0, "scale_grad_by_freq": True}):
        for shape in ((3, 5), (5,), (), (0, 2), (2, 2, 2)):
            i = np.asarray(RNG.integers(0, 7, shape))
            same(lambda m, i, w: m.nn.functional.embedding(i, w, **options), i, array(RNG, (7, 4)),
                 second="scale_grad_by_freq" not in options)  # torch has no second one there
    same(lambda m, i, w: m.nn.functional.embedding(i, w), index.astype(np.int32), array(RNG, (7, 4), "float32"))
    for norm in (1.0, 2.0, 3.0):
        def shortened(m, i, w, norm=norm):
            v = w.detach().clone()
            out = m.nn.functional.embedding(i, v, max_norm=1.2, norm_type=norm)
            return out, v

        same(shortened, index, array(RNG, (7, 4)), grad=False)
    for call in (
        lambda m: m.nn.functional.embedding(m.tensor([7]), m.ones(7, 4)),
        lambda m: m.nn.functional.embedding(m.tensor([-1]), m.ones(7, 4)),
        lambda m: m.nn.functional.embedding(m.tensor([1.0]), m.ones(7, 4)),
        lambda m: m.nn.functional.embedding(m.tensor([1], dtype=m.uint8), m.ones(7, 4)),
        lambda m: m.nn.functional.embedding(m.tensor([1]), m.ones(7)),
    ):
        same_error(call)
    for m in BOTH:
        with pytest.raises(AssertionError):
            m.nn.Embedding(3, 2, padding_idx=3)
        with pytest.raises(AssertionError):
            m.nn.Embedding.from_pretrained(m.ones(3))
        table = m.tensor([[1.0, 2.0], [3.0, 4.0]])
        frozen = m.nn.Embedding.from_pretrained(table)
        assert not frozen.weight.requires_grad and frozen(m.tensor([1])).tolist() == [[3, 4]]
        table[1, 0] = 9
        assert frozen(m.tensor([1])).tolist() == [[9, 4]]
        assert m.nn.Embedding.from_pretrained(table, freeze=False, padding_idx=-1).padding_idx == 1


def test_module_paths():
    for path in ("linear.Linear", "activation.ReLU", "loss.CrossEntropyLoss", "loss._Loss", "loss._WeightedLoss",
                 "container.Sequential", "module.Module", "dropout.Dropout", "sparse.Embedding", "flatten.Flatten"):
        file, name = path.split(".")
        for m, root in ((torch, "torch"), (ndl, "minitorch_ndl")):
            scope = {}
            exec(f"from {root}.nn.modules.{file} import {name}\nimport {root}.nn.modules.{file} as f", scope)
            assert scope[name] is getattr(scope["f"], name)
    for m in BOTH:
        assert m.nn.modules.Linear is m.nn.Linear is m.nn.modules.linear.Linear
        assert m.nn.parameter.Parameter is m.nn.Parameter
        assert isinstance(m.nn.MSELoss(), m.nn.modules.loss._Loss)
        assert isinstance(m.nn.NLLLoss(), m.nn.modules.loss._WeightedLoss)
