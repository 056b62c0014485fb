"""The same seed gives torch's numbers, and leaves the stream where torch leaves it, byte for byte.

What passes through a logarithm, a cosine or a tangent may differ in the last bits; all else is equal.
"""

import random as python_random

import numpy as np
import pytest

from minitorch_ndl.random import Generator

torch = pytest.importorskip("torch")

SIZES = [0, 1, 2, 5, 15, 16, 17, 31, 32, 33, 100, 623, 624, 625, 1000, 12345, 19968 + 15, 19968 + 17, 50000]
FLOATS = ("float16", "float32", "float64")
DTYPES = ("bool", "uint8", "int8", "int16", "int32", "int64", *FLOATS)
SEEDS = [0, 42, -1, 2**40 + 3, 2**64 - 5]


def pair(seed):
    return Generator().manual_seed(seed), torch.Generator().manual_seed(seed)


def assert_same_place(ours, theirs):
    np.testing.assert_array_equal(ours.get_state(), theirs.get_state().numpy())


def assert_same(actual, expected, ulps=0):
    """Equal; or, in units of the last place of values of size 1 and more, off by `ulps` at most."""
    expected = expected.numpy()
    assert (actual.shape, actual.dtype) == (expected.shape, expected.dtype)
    if not ulps:
        np.testing.assert_array_equal(actual, expected)
    else:
        atol = rtol = ulps * np.finfo(expected.dtype).eps
        np.testing.assert_allclose(actual.astype("float64"), expected.astype("float64"), rtol, atol)


class Calls:
    """Calls of torch's by name, on a generator of ours (`ours`) and on torch's (`theirs`)."""

    def __init__(self, rng):
        self.rng = rng

    def array(self, shape, dtype, scale=1.0):
        return (np.random.default_rng(self.rng.getrandbits(32)).random(shape) * scale).astype(dtype)

    def dtype(self, dtypes):
        name = self.rng.choice(dtypes)
        return name, getattr(torch, name)

    def rand(self, ours, theirs, n):
        name, dtype = self.dtype(FLOATS)
        return ours.uniform((n,), name), torch.rand(n, dtype=dtype, generator=theirs), 0

    def uniform_(self, ours, theirs, n):
        name, dtype = self.dtype(FLOATS)
        low = self.rng.choice([0, -1, 0.3, -5.5, 1, -(784**-0.5)])
        high = self.rng.choice([low, -low + 2, low + 1, low + 2**-12, low + 1 / 3, low + 100])
        low, high = min(low, high), max(low, high)
        expected = torch.empty(n, dtype=dtype).uniform_(low, high, generator=theirs)
        return ours.uniform((n,), name, low, high), expected, 256 if name == "float64" else 0

    def randn(self, ours, theirs, n):
        name, dtype = self.dtype(FLOATS)
        return ours.normal((n,), name), torch.randn(n, dtype=dtype, generator=theirs), 8

    def normal_(self, ours, theirs, n):
        name, dtype = self.dtype(FLOATS)
        mean, std = self.rng.choice([0, 1, -3.3]), self.rng.choice([0, 1, 0.02, 7.7])
        expected = torch.empty(n, dtype=dtype).normal_(mean, std, generator=theirs)
        return ours.normal((n,), name, mean, std), expected, 64

    def normal(self, ours, theirs, n):
        name, _ = self.dtype(FLOATS)
        mean, std = self.array((n,), name), self.array((n,), name)
        which = self.rng.randrange(3)
        mean, std = (mean, 0.7) if which == 0 else (0.7, std) if which == 1 else (mean, std)
        args = [torch.from_numpy(a) if isinstance(a, np.ndarray) else a for a in (mean, std)]
        return ours.normal((n,), name, mean, std), torch.normal(*args, generator=theirs), 8

    def bernoulli_(self, ours, theirs, n):
        name, dtype = self.dtype(DTYPES)
        p = self.rng.choice([0, 1, 0.5, 0.1, 0.999])
        expected = torch.empty(n, dtype=dtype).bernoulli_(p, generator=theirs)
        return ours.bernoulli(p, (n,), name), expected, 0

    def bernoulli_tensor(self, ours, theirs, n):
        name, dtype = self.dtype(DTYPES)
        p = self.array((n,), self.rng.choice(FLOATS))
        expected = torch.empty(n, dtype=dtype).bernoulli_(torch.from_numpy(p), generator=theirs)
        return ours.bernoulli(p, (n,), name), expected, 0

    def randint(self, ours, theirs, n):
        name, dtype = self.dtype(DTYPES)
        if name == "bool" or dtype.is_floating_point:
            least, most = (0, 1) if name == "bool" else (-(2**11), 2**11)
        else:
            least, most = torch.iinfo(dtype).min, torch.iinfo(dtype).max
        low = self.rng.choice([0, least, least // 2])
        spans = [1, 2, 10, 2**28 - 1, 2**28, 2**32, 2**32 + 1, 2**60, self.rng.getrandbits(62)]
        high = max(low + 1, min(most, low + self.rng.choice(spans)))
        expected = torch.randint(low, high, (n,), dtype=dtype, generator=theirs)
        return ours.integers(low, high, (n,), name), expected, 0

    def random_(self, ours, theirs, n):
        name, dtype = self.dtype(DTYPES)
        return ours.random_((n,), name), torch.empty(n, dtype=dtype).random_(generator=theirs), 0

    def random_from(self, ours, theirs, n):
        name, dtype = self.dtype(DTYPES)
        lows = {"bool": [0], "uint8": [0, 3], "int64": [0, -5, -(2**63)]}
        low = self.rng.choice(lows.get(name, [0, 1, -5]))
        expected = torch.empty(n, dtype=dtype).random_(low, None, generator=theirs)
        return ours.integers(low, None, (n,), name), expected, 0

    def randperm(self, ours, theirs, n):
        return ours.permutation(n), torch.randperm(n, generator=theirs), 0

    def exponential_(self, ours, theirs, n):
        name, dtype = self.dtype(FLOATS)
        rate = self.rng.choice([1, 0.3, 5])
        expected = torch.empty(n, dtype=dtype).exponential_(rate, generator=theirs)
        return ours.exponential((n,), name, rate), expected, 8 * (name != "float16")

    def geometric_(self, ours, theirs, n):
        name, dtype = self.dtype(DTYPES[1:])
        p = self.rng.choice([0.001, 0.1, 0.3, 0.99])
        expected = torch.empty(n, dtype=dtype).geometric_(p, generator=theirs)
        return ours.geometric((n,), name, p), expected, 0

    def cauchy_(self, ours, theirs, n):
        name, dtype = self.dtype(FLOATS)
        expected = torch.empty(n, dtype=dtype).cauchy_(0.3, 2, generator=theirs)
        return ours.cauchy((n,), name, 0.3, 2), expected, 32 * (name != "float16")

    def log_normal_(self, ours, theirs, n):
        name, dtype = self.dtype(FLOATS)
        expected = torch.empty(n, dtype=dtype).log_normal_(0.3, 2, generator=theirs)
        return ours.log_normal((n,), name, 0.3, 2), expected, 32 * (name != "float16")

    def poisson(self, ours, theirs, n):
        name, _ = self.dtype(FLOATS)
        rate = self.array((min(n, 2000),), name, self.rng.choice([0, 1, 5, 30, 1000]))
        return ours.poisson(rate), torch.poisson(torch.from_numpy(rate), generator=theirs), 0

    def multinomial(self, ours, theirs, n):
        name, _ = self.dtype(FLOATS)
        classes, rows = max(1, min(n, 3000)), self.rng.choice([(), (1,), (3,)])
        weights = self.array((*rows, classes), name)
        if self.rng.random() < 0.5:
            weights[..., 1::2] = 0
        replacement = self.rng.random() < 0.5
        most = 100 if replacement else (weights > 0).sum(axis=-1).min()
        # Without replacement, equal halves would be sorted in an order that torch does not promise.
        ties = name == "float16" and not replacement
        samples = 1 if ties else int(self.rng.choice([1, min(2, most), most]))
        expected = torch.multinomial(torch.from_numpy(weights), samples, replacement, generator=theirs)
        return ours.multinomial(weights, samples, replacement), expected, 0


KINDS = [name for name in vars(Calls) if name not in ("array", "dtype") and not name.startswith("__")]


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_at_each_size(kind):
    calls = Calls(python_random.Random(kind))
    for n in SIZES:
        for seed in SEEDS[:3]:
            ours, theirs = pair(seed)
            for _ in range(2):
                assert_same(*getattr(calls, kind)(ours, theirs, n))
                assert_same_place(ours, theirs)


@pytest.mark.parametrize("run", range(40))
def test_mixed_sequences(run):
    """One kind after another on one generator: words and waiting normals carry over."""
    rng = python_random.Random(run)
    calls = Calls(rng)
    ours, theirs = pair(rng.choice(SEEDS))
    for _ in range(25):
        kind, n = rng.choice(KINDS), rng.choice(SIZES[:-3])
        assert_same(*getattr(calls, kind)(ours, theirs, n))
        assert_same_place(ours, theirs)


@pytest.mark.parametrize("drawn", [0, 1, 623, 624, 625, 5000])
@pytest.mark.parametrize("waiting", [0, 1])
def test_states_are_exchanged_both_ways(drawn, waiting):
    ours, theirs = pair(7)
    theirs.manual_seed(8)
    for _ in range(2):
        ours.uniform((drawn,))
        ours.normal((waiting,))
        theirs.set_state(torch.from_numpy(ours.get_state().numpy()))
        assert theirs.initial_seed() == ours.initial_seed()
        np.testing.assert_array_equal(ours.uniform((1000,)), torch.rand(1000, generator=theirs))
        torch.rand(drawn, generator=theirs)
        torch.randn(waiting, generator=theirs)
        ours.set_state(theirs.get_state())
        np.testing.assert_allclose(ours.normal((5,)), torch.randn(5, generator=theirs), rtol=1e-6)
        assert_same_place(ours, theirs)


def test_the_generator_before_it_is_seeded():
    assert_same_place(Generator(), torch.Generator())
    assert_same(Generator().uniform((5,)), torch.rand(5, generator=torch.Generator()))


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("p", [0.1, 0.5])
def test_dropout_masks(dtype, p):
    x = torch.ones(1003, dtype=getattr(torch, dtype))
    with torch.random.fork_rng():
        torch.manual_seed(3)
        expected = torch.nn.functional.dropout(x, p) != 0
    assert_same(Generator().manual_seed(3).bernoulli(1 - p, x.shape, "bool"), expected)


def test_default_initialisation_of_a_layer():
    with torch.random.fork_rng():
        torch.manual_seed(3)
        layer = torch.nn.Linear(784, 100)
    g, bound = Generator().manual_seed(3), 784**-0.5
    assert_same(g.uniform((100, 784), "float32", -bound, bound), layer.weight.detach())
    assert_same(g.uniform((100,), "float32", -bound, bound), layer.bias.detach())


def test_a_large_permutation():
    ours, theirs = pair(1)
    assert_same(ours.permutation(300_000), torch.randperm(300_000, generator=theirs))
    assert_same_place(ours, theirs)


REFUSED = {
    "seed float": (lambda g: g.manual_seed(1.5), lambda g: g.manual_seed(1.5)),
    "seed bool": (lambda g: g.manual_seed(True), lambda g: g.manual_seed(True)),
    "seed large": (lambda g: g.manual_seed(2**64), lambda g: g.manual_seed(2**64)),
    "seed small": (lambda g: g.manual_seed(-(2**63) - 1), lambda g: g.manual_seed(-(2**63) - 1)),
    "state list": (lambda g: g.set_state([1]), lambda g: g.set_state([1])),
    "state short": (lambda g: g.set_state(np.zeros(9, "uint8")),
                    lambda g: g.set_state(torch.zeros(9, dtype=torch.uint8))),
    "state zeros": (lambda g: g.set_state(np.zeros(5056, "uint8")),
                    lambda g: g.set_state(torch.zeros(5056, dtype=torch.uint8))),
    "state float": (lambda g: g.set_state(np.zeros(5056)), lambda g: g.set_state(torch.zeros(5056))),
    "uniform": (lambda g: g.uniform((2,), "float32", 1, 0), lambda g: torch.empty(2).uniform_(1, 0)),
    "uniform int": (lambda g: g.uniform((2,), "int64"), lambda g: torch.rand(2, dtype=torch.int64)),
    "normal": (lambda g: g.normal((2,), "float32", 0, -1), lambda g: torch.empty(2).normal_(0, -1)),
    "normal int": (lambda g: g.normal((2,), "int64"), lambda g: torch.randn(2, dtype=torch.int64)),
    "randint": (lambda g: g.integers(5, 5, (2,)), lambda g: torch.randint(5, 5, (2,))),
    "randint range": (lambda g: g.integers(0, 257, (2,), "uint8"),
                      lambda g: torch.randint(0, 257, (2,), dtype=torch.uint8)),
    "randperm": (lambda g: g.permutation(-1), lambda g: torch.randperm(-1)),
    "bernoulli": (lambda g: g.bernoulli(1.5, (2,)), lambda g: torch.empty(2).bernoulli_(1.5)),
    "bernoulli array": (lambda g: g.bernoulli(np.full(2, -0.1), (2,)),
                        lambda g: torch.bernoulli(torch.full((2,), -0.1))),
    "exponential": (lambda g: g.exponential((2,), "float32", 0), lambda g: torch.empty(2).exponential_(0)),
    "geometric": (lambda g: g.geometric((2,), "float32", 1), lambda g: torch.empty(2).geometric_(1)),
    "cauchy": (lambda g: g.cauchy((2,), "float32", 0, 0), lambda g: torch.empty(2).cauchy_(0, 0)),
    "log_normal": (lambda g: g.log_normal((2,), "float32", 0, 0), lambda g: torch.empty(2).log_normal_(0, 0)),
    "poisson": (lambda g: g.poisson(np.array([-1.0])), lambda g: torch.poisson(torch.tensor([-1.0]))),
    "multinomial": (lambda g: g.multinomial(np.array([1.0, -1]), 1),
                    lambda g: torch.multinomial(torch.tensor([1.0, -1]), 1)),
    "multinomial zero": (lambda g: g.multinomial(np.zeros(2), 1),
                         lambda g: torch.multinomial(torch.zeros(2), 1)),
    "multinomial many": (lambda g: g.multinomial(np.ones(2), 3),
                         lambda g: torch.multinomial(torch.ones(2), 3)),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refuses_what_torch_refuses_with_the_same_type(name):
    call, theirs = REFUSED[name]
    with pytest.raises(Exception) as expected:
        theirs(torch.Generator())
    with pytest.raises(expected.type):
        call(Generator())
