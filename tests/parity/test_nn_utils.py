"""nn.utils against torch. Each piece of code runs on both."""

import copy
import pickle
import random
import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tests.parity.both import BOTH, agree
from tests.parity.same import array, check, flat, same, same_error

RNG = np.random.default_rng(0)
HERE = random.Random(0)


def compare(code):
    """The tensors that `code(module)` returns are the same; so is everything else among them."""
    theirs, ours = (code(m) for m in BOTH)
    check(ours, theirs, "result")


# --- clipping -------------------------------------------------------------------------------------------------------


def with_gradients(m, *grads):
    parameters = [m.nn.Parameter(m.zeros(g.shape, dtype=m.from_numpy(g).dtype)) for g in grads]
    for p, g in zip(parameters, grads):
        p.grad = m.from_numpy(g.copy())
    return parameters


GRADS = [array(RNG, s, "float32") for s in ((3, 4), (5,), (), (0,), (2, 3, 4))]


@pytest.mark.parametrize("norm_type", [2, 1, 0.5, 3.0, float("inf"), "inf", -float("inf"), 0])
@pytest.mark.parametrize("max_norm", [1e-3, 0.7, 1e6])
def test_clip_grad_norm(norm_type, max_norm):
    grads = [g for g in GRADS if g.size] if norm_type in (-float("inf"), float("inf"), "inf") else GRADS

    def clip(m):
        parameters = [*with_gradients(m, *grads), m.nn.Parameter(m.ones(2))]
        total = m.nn.utils.clip_grad_norm_(parameters, max_norm, norm_type)
        return [total, *(p.grad for p in parameters[:-1])]

    compare(clip)


def test_clip_grad_norm_in_other_cases():
    u = lambda m: m.nn.utils
    compare(lambda m: u(m).clip_grad_norm_([], 1.0))
    compare(lambda m: u(m).clip_grad_norm_([m.nn.Parameter(m.ones(2))], 1.0))
    compare(lambda m: u(m).clip_grad_norm_(with_gradients(m, GRADS[0])[0], 1.0))
    compare(lambda m: u(m).clip_grad_norm_((p for p in with_gradients(m, *GRADS)), max_norm=1.0, error_if_nonfinite=True))
    compare(lambda m: u(m).get_total_norm([m.from_numpy(g) for g in GRADS], 3))
    compare(lambda m: u(m).get_total_norm(m.from_numpy(GRADS[0])))
    for value in (np.nan, np.inf):
        bad = np.array([1, value], "float32")

        def clip(m, bad=bad):
            parameters = with_gradients(m, bad, GRADS[0])
            return [u(m).clip_grad_norm_(parameters, 1.0), *(p.grad for p in parameters)]

        compare(clip)
        same_error(lambda m, bad=bad: u(m).clip_grad_norm_(with_gradients(m, bad), 1.0, error_if_nonfinite=True))

    def with_norm(m):
        parameters = with_gradients(m, *GRADS)
        u(m).clip_grads_with_norm_(parameters, 1.0, m.tensor(5.0))
        return [p.grad for p in parameters]

    compare(with_norm)
    for m in BOTH:
        with pytest.warns(FutureWarning, match="deprecated"):
            u(m).clip_grad_norm(with_gradients(m, *GRADS), 1.0)
        with pytest.warns(UserWarning, match="empty generator"):
            u(m).clip_grad_norm_((p for p in ()), 1.0)


def test_clip_grad_value():
    def clip(m):
        parameters = with_gradients(m, *GRADS)
        m.nn.utils.clip_grad_value_([*parameters, m.nn.Parameter(m.ones(2))], 0.4)
        m.nn.utils.clip_grad_value_(parameters[0], 0.2)
        return [p.grad for p in parameters]

    compare(clip)


# --- parameters as a vector -----------------------------------------------------------------------------------------


def test_parameters_to_vector_and_back():
    def there_and_back(m):
        m.manual_seed(0)
        model = m.nn.Sequential(m.nn.Linear(3, 4), m.nn.Linear(4, 2))
        before = list(model.parameters())
        vector = m.nn.utils.parameters_to_vector(model.parameters())
        m.nn.utils.vector_to_parameters(vector * 2, model.parameters())
        assert all(a is b for a, b in zip(before, model.parameters()))
        vector.sum().backward()  # the vector is connected to the parameters
        return [vector.detach(), *(p.detach() for p in before), before[0].grad]

    compare(there_and_back)
    same_error(lambda m: m.nn.utils.vector_to_parameters([1.0], []))


# --- sequences ------------------------------------------------------------------------------------------------------


def test_pad_and_unpad_sequence():
    for _ in range(20):
        tail = HERE.choice(((), (3,), (2, 3)))
        sequences = [array(RNG, (HERE.randint(0, 5), *tail)) for _ in range(HERE.randint(1, 4))]
        chosen = {"batch_first": HERE.random() < 0.5, "padding_value": HERE.choice((0.0, -7.5)),
                  "padding_side": HERE.choice(("left", "right"))}
        same(lambda m, s: m.nn.utils.rnn.pad_sequence(s, **chosen), sequences)
        lengths = [len(s) for s in sequences]
        first = chosen["batch_first"]
        same(lambda m, s: m.nn.utils.rnn.unpad_sequence(
            m.nn.utils.rnn.pad_sequence(s, batch_first=first).clone(), m.tensor(lengths), batch_first=first), sequences)
    compare(lambda m: m.nn.utils.rnn.pad_sequence([m.tensor([1, 2, 3]), m.tensor([4])]))
    compare(lambda m: m.nn.utils.rnn.pad_sequence(m.ones(3, 2)))
    same_error(lambda m: m.nn.utils.rnn.pad_sequence([]))
    same_error(lambda m: m.nn.utils.rnn.pad_sequence(5))
    same_error(lambda m: m.nn.utils.rnn.pad_sequence([m.ones(2)], padding_side="top"))
    same_error(lambda m: m.nn.utils.rnn.pad_sequence([m.ones(2, 3), m.ones(2, 4)]))


def test_packing():
    for _ in range(30):
        lengths = [HERE.randint(1, 5) for _ in range(HERE.randint(1, 5))]
        ordered, first = HERE.random() < 0.5, HERE.random() < 0.5
        lengths = sorted(lengths, reverse=True) if ordered else lengths
        steps, n = max(lengths) + HERE.randint(0, 1), len(lengths)
        total, value, as_list = HERE.choice((None, steps + 2)), HERE.choice((0.0, 3.5)), HERE.random() < 0.5

        def there_and_back(m, x):
            rnn = m.nn.utils.rnn
            packed = rnn.pack_padded_sequence(x, lengths if as_list else m.tensor(lengths), first, ordered)
            return [*packed, *rnn.pad_packed_sequence(packed, first, value, total), *rnn.unpack_sequence(packed)]

        theirs, ours = [], []
        x = array(RNG, ((n, steps) if first else (steps, n)) + HERE.choice(((), (3,), (2, 3))))
        for m, results in ((BOTH[0], theirs), (BOTH[1], ours)):
            t = m.from_numpy(x.copy()).requires_grad_()
            out = [o for o in there_and_back(m, t) if o is not None]
            sum((o * o).sum() for o in out if o.is_floating_point()).backward()
            results += [*(o.detach() for o in out), t.grad]
        check(ours, theirs, "results")


def test_packed_sequences():
    sequences = [array(RNG, (n, 2)) for n in (3, 1, 2)]

    def packed(m):
        return m.nn.utils.rnn.pack_sequence([m.from_numpy(s) for s in sequences], enforce_sorted=False)

    compare(lambda m: list(packed(m)))
    compare(lambda m: list(packed(m).float()) + list(packed(m).to(m.float32)) + list(packed(m).long()))
    for name in ("double", "half", "int", "short", "char", "byte", "cpu"):
        compare(lambda m, name=name: list(getattr(packed(m), name)()))
    agree(lambda m: [packed(m).is_cuda, packed(m).is_pinned(), packed(m)._fields])
    for m in BOTH:
        p = packed(m)
        assert p.double() is p and p.to(m.float64) is p
        assert type(p).__name__ == "PackedSequence" and isinstance(p, tuple)
    compare(lambda m: list(m.nn.utils.rnn.PackedSequence((m.ones(3), m.tensor([2, 1])))))
    compare(lambda m: m.nn.utils.rnn.invert_permutation(m.tensor([2, 0, 1])))
    compare(lambda m: m.nn.utils.rnn.pack_sequence([m.tensor([1, 2]), m.tensor([3])]).data)


@pytest.mark.parametrize("wrong", [
    lambda m, x: m.nn.utils.rnn.pack_padded_sequence(x, [2, 1]),
    lambda m, x: m.nn.utils.rnn.pack_padded_sequence(x, [2, 3, 1]),
    lambda m, x: m.nn.utils.rnn.pack_padded_sequence(x, [3, 1, 0]),
    lambda m, x: m.nn.utils.rnn.pack_padded_sequence(x[:0], [3, 2, 1]),
    lambda m, x: m.nn.utils.rnn.pack_sequence([x[:1], x[:2]]),
    lambda m, x: m.nn.utils.rnn.pad_packed_sequence(m.nn.utils.rnn.pack_sequence([x]), total_length=2),
])
def test_packing_refuses_what_torch_refuses(wrong):
    same_error(wrong, array(RNG, (4, 3)))


# --- normalized weights ---------------------------------------------------------------------------------------------


def old(m, name):
    """A function of nn.utils that warns that it is deprecated."""
    def call(*args, **kwargs):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            return getattr(m.nn.utils, name)(*args, **kwargs)

    return call


LAYERS = {"linear": (lambda nn: nn.Linear(4, 3), (5, 4)), "conv": (lambda nn: nn.Conv2d(2, 3, 2), (2, 2, 4, 4)),
          "transposed": (lambda nn: nn.ConvTranspose2d(2, 3, 2), (2, 2, 4, 4))}


def life(m, make, shape, wrap, unwrap=None):
    """Outputs, gradients and states of a wrapped layer through training and evaluation, and after unwrapping."""
    m.manual_seed(0)
    layer = wrap(m, make(m.nn))
    x = m.from_numpy(array(np.random.default_rng(1), shape, "float32"))
    seen = [repr(layer), list(layer.state_dict()), [n for n, _ in layer.named_parameters()]]
    optimizer = m.optim.SGD(layer.parameters(), lr=0.01)  # with 0.1 the loss grows without bounds
    for _ in range(3):
        optimizer.zero_grad()
        out = layer(x)
        loss = (out * out).sum() - layer(x * 2).sum()  # two forwards, as in a GAN
        loss.backward()
        optimizer.step()
        seen += [loss.detach(), *(p.grad for p in layer.parameters())]
    seen += [layer.eval()(x).detach(), layer.weight.detach(), *layer.state_dict().values()]
    twin = copy.deepcopy(layer) if unwrap is None else None
    if twin is not None:
        seen += [twin(x).detach()]
    if unwrap is not None:
        layer = unwrap(m, layer)
        seen += [repr(layer), list(layer.state_dict()), layer(x).detach(), *(p.detach() for p in layer.parameters())]
    return seen


def same_life(*args):
    theirs, ours = (life(m, *args) for m in BOTH)
    assert len(ours) == len(theirs)
    for i, (a, e) in enumerate(zip(ours, theirs)):
        if flat(e):
            check(a, e, f"item {i}")
        else:
            assert a == e, i


@pytest.mark.parametrize("layer", LAYERS)
def test_hooks_that_normalize_weights(layer):
    for dim in (0, 1, None):
        same_life(*LAYERS[layer], lambda m, x: old(m, "weight_norm")(x, dim=dim),
                  lambda m, x: m.nn.utils.remove_weight_norm(x))
    for options in ({}, {"n_power_iterations": 3, "eps": 1e-6}, {"dim": 1}):
        same_life(*LAYERS[layer], lambda m, x: m.nn.utils.spectral_norm(x, **options),
                  lambda m, x: m.nn.utils.remove_spectral_norm(x))


@pytest.mark.parametrize("layer", LAYERS)
def test_parametrizations_that_normalize_weights(layer):
    def remove(leave):
        return lambda m, x: m.nn.utils.parametrize.remove_parametrizations(x, "weight", leave)

    for unwrap in (None, remove(True)):
        for dim in (0, 1, None):
            same_life(*LAYERS[layer], lambda m, x: m.nn.utils.parametrizations.weight_norm(x, dim=dim), unwrap)
        for options in ({}, {"n_power_iterations": 2}, {"dim": 1}):
            same_life(*LAYERS[layer], lambda m, x: m.nn.utils.parametrizations.spectral_norm(x, **options), unwrap)
    same_life(*LAYERS[layer], lambda m, x: m.nn.utils.parametrizations.spectral_norm(x), remove(False))
    same_error(lambda m: remove(False)(m, m.nn.utils.parametrizations.weight_norm(m.nn.Linear(2, 2))))


def test_vectors_can_be_spectrally_normalized():
    compare(lambda m: m.nn.utils.parametrizations.spectral_norm(
        m.nn.LayerNorm(3)).weight.detach())


@pytest.mark.parametrize("chosen", ["matrix_exp", "cayley", "householder", None])
def test_orthogonal_parametrizations(chosen):
    for shape in ((4, 4), (3, 5), (5, 3)):
        same_life(lambda nn: nn.Linear(*shape).double().float(), (2, shape[0]), lambda m, x: m.nn.utils.parametrizations.orthogonal(
            x, orthogonal_map=chosen), None)
    if chosen in ("householder", None):
        for shape in ((3, 5), (5, 3)):
            same_life(lambda nn: nn.Linear(*shape), (2, shape[0]), lambda m, x: m.nn.utils.parametrizations.orthogonal(
                x, orthogonal_map=chosen, use_trivialization=False), None)


def test_what_normalizing_refuses():
    same_error(lambda m: old(m, "weight_norm")(old(m, "weight_norm")(m.nn.Linear(2, 2))))
    same_error(lambda m: m.nn.utils.spectral_norm(m.nn.utils.spectral_norm(m.nn.Linear(2, 2))))
    same_error(lambda m: m.nn.utils.spectral_norm(m.nn.Linear(2, 2), n_power_iterations=0))
    same_error(lambda m: m.nn.utils.remove_weight_norm(m.nn.Linear(2, 2)))
    same_error(lambda m: m.nn.utils.remove_spectral_norm(m.nn.Linear(2, 2)))
    same_error(lambda m: m.nn.utils.parametrizations.spectral_norm(m.nn.Linear(2, 2), "nope"))
    same_error(lambda m: m.nn.utils.parametrizations.spectral_norm(m.nn.Linear(2, 2), dim=5))
    same_error(lambda m: m.nn.utils.parametrizations.orthogonal(m.nn.Linear(2, 2), "bias"))
    same_error(lambda m: m.nn.utils.parametrizations.orthogonal(m.nn.Linear(2, 2), orthogonal_map="x"))
    for m in BOTH:
        with pytest.warns(FutureWarning, match="deprecated"):
            m.nn.utils.weight_norm(m.nn.Linear(2, 2))


def test_old_checkpoints_of_weight_norm_load():
    def load(m):
        m.manual_seed(0)
        state = old(m, "weight_norm")(m.nn.Linear(3, 2)).state_dict()
        layer = m.nn.utils.parametrizations.weight_norm(m.nn.Linear(3, 2))
        layer.load_state_dict(state)
        return layer.weight.detach()

    compare(load)


# --- parametrizations in general ------------------------------------------------------------------------------------


def kinds(m):
    nn = m.nn

    class Symmetric(nn.Module):
        def forward(self, x):
            return x.triu() + x.triu(1).transpose(-1, -2)

        def right_inverse(self, x):
            return x.triu()

    class Double(nn.Module):
        def forward(self, x):
            return 2 * x

    class Sum(nn.Module):
        def forward(self, a, b):
            return a + b

        def right_inverse(self, x):
            return x / 2, x / 2

    class Wide(nn.Module):
        def forward(self, x):
            return m.cat([x, x])

    return Symmetric, Double, Sum, Wide


def test_parametrizations():
    def story(m):
        p = m.nn.utils.parametrize
        Symmetric, Double, Sum, _ = kinds(m)
        m.manual_seed(0)
        layer = m.nn.Linear(3, 3)
        weight = layer.weight
        told = [p.is_parametrized(layer)]
        p.register_parametrization(layer, "weight", Symmetric())
        p.register_parametrization(layer, "weight", Double())
        p.register_parametrization(layer, "bias", Sum())
        assert layer.parametrizations.weight.original is weight
        told += [repr(layer), list(layer.state_dict()), p.is_parametrized(layer), p.is_parametrized(layer, "bias"),
                 p.is_parametrized(layer, "x"), layer.parametrizations.weight.is_tensor, type(layer).__name__,
                 p.type_before_parametrizations(layer).__name__, layer.weight.detach(), layer.bias.detach()]
        layer.bias = m.arange(3.0)
        told += [layer.bias.detach(), layer.parametrizations.bias.original1.detach()]
        layer(m.ones(2, 3)).sum().backward()
        told += [weight.grad, layer.parametrizations.bias.original0.grad]
        with p.cached():
            assert layer.weight is layer.weight
        assert layer.weight is not layer.weight
        p.remove_parametrizations(layer, "weight")
        assert layer.weight is weight
        told += [repr(layer), weight.detach()]
        p.remove_parametrizations(layer, "bias")
        told += [repr(layer), layer.bias.detach(), type(layer).__name__, hasattr(layer, "parametrizations")]
        other, twin = m.nn.Linear(3, 3), p.register_parametrization(m.nn.Linear(3, 3), "weight", Symmetric())
        told += [copy.deepcopy(twin).weight.detach()]
        p.transfer_parametrizations_and_params(twin, other, "weight")
        told += [other.weight.detach(), repr(other)]
        return told

    theirs, ours = (story(m) for m in BOTH)
    for i, (a, e) in enumerate(zip(ours, theirs, strict=True)):
        if flat(e):
            check(a, e, f"item {i}")
        else:
            assert a == e, i


def test_what_parametrizations_refuse():
    p = lambda m: m.nn.utils.parametrize
    register = lambda m, kind, name="weight", **o: p(m).register_parametrization(m.nn.Linear(3, 3), name, kinds(m)[kind](), **o)
    same_error(lambda m: register(m, 3))
    same_error(lambda m: register(m, 1, "nope"))
    same_error(lambda m: p(m).remove_parametrizations(m.nn.Linear(3, 3), "weight"))
    same_error(lambda m: setattr(register(m, 1), "weight", m.ones(3, 3)))
    same_error(lambda m: p(m).register_parametrization(register(m, 1), "weight", kinds(m)[3]()))
    same_error(lambda m: pickle.dumps(register(m, 1)))
    agree(lambda m: tuple(register(m, 3, unsafe=True).weight.shape))


# --- the rest -------------------------------------------------------------------------------------------------------


def test_fusion():
    def fused(m, layer, norm, shape, fuse, **options):
        m.manual_seed(0)
        layer, norm = layer(m.nn), norm(m.nn)
        x = m.from_numpy(array(np.random.default_rng(1), shape, "float32"))
        for _ in range(3):
            norm(layer(x))
        layer.eval(), norm.eval()
        out = getattr(m.nn.utils, fuse)(layer, norm, **options)
        expected = norm(layer(x)).detach()
        np.testing.assert_allclose(np.asarray(out(x).detach()), np.asarray(expected), rtol=1e-4, atol=1e-5)
        return [out.weight.detach(), out.bias.detach(), out.weight.requires_grad, out.bias.requires_grad]

    for bias in (True, False):
        compare(lambda m: fused(m, lambda nn: nn.Conv2d(2, 3, 2, bias=bias), lambda nn: nn.BatchNorm2d(3), (4, 2, 5, 5),
                                "fuse_conv_bn_eval"))
        compare(lambda m: fused(m, lambda nn: nn.ConvTranspose2d(2, 3, 2, bias=bias), lambda nn: nn.BatchNorm2d(3), (4, 2, 5, 5),
                                "fuse_conv_bn_eval", transpose=True))
        compare(lambda m: fused(m, lambda nn: nn.Linear(2, 3, bias=bias), lambda nn: nn.BatchNorm1d(3), (4, 2),
                                "fuse_linear_bn_eval"))
    for m in BOTH:
        with pytest.raises(AssertionError):
            m.nn.utils.fuse_conv_bn_eval(m.nn.Conv2d(1, 1, 1), m.nn.BatchNorm2d(1))
        with pytest.raises(AssertionError):
            m.nn.utils.fuse_linear_bn_eval(m.nn.Linear(2, 3).eval(), m.nn.BatchNorm1d(4).eval())


def test_skip_init():
    def skipped(m):
        m.manual_seed(0)
        layer = m.nn.utils.skip_init(m.nn.Linear, 3, 4, dtype=m.float64)
        return [repr(layer), repr(layer.weight.dtype)[-7:], m.rand(3)]

    compare(skipped)
    same_error(lambda m: m.nn.utils.skip_init(m.nn.ReLU))
    same_error(lambda m: m.nn.utils.skip_init(int))


def test_functional_call():
    def net(m):
        m.manual_seed(0)
        model = m.nn.Sequential(m.nn.Linear(3, 3), m.nn.BatchNorm1d(3), m.nn.Linear(3, 3))
        model[2].weight = model[0].weight
        return model

    def call(m, **options):
        model, weight = net(m), m.full((3, 3), 0.5, requires_grad=True)
        kept = model[0].weight
        function = m.func.functional_call if hasattr(m, "func") else m.nn.utils.stateless.functional_call
        tensors = {"0.weight": weight, "1.running_mean": m.zeros(3)}
        out = function(model, tensors, m.arange(6.0).reshape(2, 3), **options)
        out.square().sum().backward()
        assert model[0].weight is model[2].weight is kept and (kept.grad is None) == options.get("tie_weights", True)
        return [out.detach(), weight.grad, model[1].running_mean]

    compare(call)
    compare(lambda m: call(m, tie_weights=False))
    s = lambda m: m.nn.utils.stateless.functional_call
    for m in BOTH:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            model = m.nn.Linear(2, 2)
            for tensors in ({"weight": m.ones(2, 2)}, {"weight": m.ones(2, 2), "bias": m.ones(2), "x": m.ones(2)}):
                with pytest.raises(RuntimeError):
                    s(m)(model, tensors, m.ones(1, 2), strict=True)
