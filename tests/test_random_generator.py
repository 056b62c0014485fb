"""The random stream: published facts of MT19937, state, determinism, bounds, statistics, errors. No torch."""

import copy
import math
import pickle
import random as python_random
import sys
import threading

import numpy as np
import pytest

from minitorch_ndl import random
from minitorch_ndl.random import Generator

FLOATS = ("float16", "float32", "float64")
INTEGERS = ("bool", "uint8", "int8", "int16", "int32", "int64")
RATES = np.array([0.0, 0.5, 9.0, 40.0] * 5, "float32")

# One draw of each kind, of `n` values. None of them takes the stream to the same place for all n.
DRAWS = {
    "uniform": lambda g, n: g.uniform((n,)),
    "uniform64": lambda g, n: g.uniform((n,), "float64", -1, 2),
    "normal": lambda g, n: g.normal((n,)),
    "normal16": lambda g, n: g.normal((n,), "float16", 1, 2),
    "normal64": lambda g, n: g.normal((n,), "float64"),
    "integers": lambda g, n: g.integers(-5, 5, (n,)),
    "wide": lambda g, n: g.integers(0, 2**40, (n,)),
    "random_": lambda g, n: g.random_((n,), "uint8"),
    "permutation": lambda g, n: g.permutation(n),
    "bernoulli": lambda g, n: g.bernoulli(0.3, (n,)),
    "bernoulli_array": lambda g, n: g.bernoulli(np.linspace(0, 1, n), (n,)),
    "multinomial": lambda g, n: g.multinomial(np.ones(n + 1), n + 1),
    "replacement": lambda g, n: g.multinomial(np.arange(1.0, 9), n + 2, replacement=True),
    "exponential": lambda g, n: g.exponential((n,)),
    "geometric": lambda g, n: g.geometric((n,), "int32", 0.2),
    "cauchy": lambda g, n: g.cauchy((n,)),
    "log_normal": lambda g, n: g.log_normal((n,)),
    "poisson": lambda g, n: g.poisson(RATES[:n]),
}


def seeded(seed=0):
    return Generator().manual_seed(seed)


def words_of(seed, n):
    """MT19937's words: the published seeding, and Python's own twister run on that key."""
    key = [seed & 0xFFFFFFFF]
    for i in range(1, 624):
        key.append((1812433253 * (key[-1] ^ key[-1] >> 30) + i) & 0xFFFFFFFF)
    twister = python_random.Random()
    twister.setstate((3, (*key, 624), None))
    return [twister.getrandbits(32) for _ in range(n)]


# The stream


def test_the_words_are_those_of_mt19937():
    # The C++ standard fixes the 10000th word of std::mt19937, whose default seed is 5489.
    assert words_of(5489, 10000)[-1] == 4123659995
    assert seeded(5489).random_((10000,), "int32")[-1] == 4123659995 % 2**31


@pytest.mark.parametrize("seed", [0, 1, 2**32 - 1, 2**32 + 7, -1])
def test_seeding_takes_the_low_32_bits(seed):
    expected = [w % 256 for w in words_of(seed, 700)]
    assert seeded(seed).random_((700,), "uint8").tolist() == expected


@pytest.mark.parametrize("n", [1, 623, 624, 625, 8 * 624, 40000])
def test_uniforms_are_the_low_bits_of_words(n):
    words = words_of(3, 2 * n)
    assert seeded(3).uniform((n,)).tolist() == [w % 2**24 / 2**24 for w in words[:n]]
    pairs = zip(words[0::2], words[1::2])
    assert seeded(3).uniform((n,), "float64").tolist() == [(a * 2**32 + b) % 2**53 / 2**53 for a, b in pairs]


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("n", [16, 17, 31, 32, 160, 19968 + 5, 2 * 19968, 40000])
def test_normals_come_in_blocks_of_sixteen(n, dtype):
    rest, skipped = n % 16, 0 if dtype == "float16" else n % 16
    u = seeded(1).uniform((n - rest + skipped + 16,), "float64" if dtype == "float64" else "float32")
    u = u.astype("float64")

    def block(u):
        radius, angle = np.sqrt(-2 * np.log1p(-u[:8])), 2 * np.pi * u[8:]
        return np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])

    expected = np.concatenate([block(u[i : i + 16]) for i in range(0, n - rest, 16)])
    if rest:
        expected = np.concatenate([expected, np.zeros(rest)])
        expected[-16:] = block(u[-16:])
    actual = seeded(1).normal((n,), dtype)
    assert actual.dtype == dtype
    atol = {"float16": 3e-3, "float32": 3e-6, "float64": 1e-14}[dtype]
    np.testing.assert_allclose(actual, expected, rtol=0, atol=atol)


@pytest.mark.parametrize("n", [0, 1, 2, 5, 15, 101])
@pytest.mark.parametrize("before", [0, 1])
def test_few_normals_come_in_pairs_of_which_one_may_wait(n, before):
    u = seeded(1).uniform((n + before + 1,), "float64").tolist()
    expected = []
    for a, b in zip(u[0::2], u[1::2]):
        radius = math.sqrt(-2 * math.log(1 - b))
        expected += [radius * math.cos(2 * math.pi * a), radius * math.sin(2 * math.pi * a)]
    expected = np.array(expected[before : before + n])
    g = seeded(1)
    g.normal((before,))
    if n < 16:
        actual = g.normal((n,), "float64", 3.0, 2.0)
    else:  # log-normals come in pairs however many there are
        actual = np.log(g.log_normal((n,), "float64", 3.0, 2.0))
    np.testing.assert_allclose(actual, expected * 2 + 3, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", ["uniform", "uniform64", "integers", "wide", "random_", "bernoulli",
                                  "exponential", "geometric", "cauchy", "log_normal"])
def test_one_large_draw_is_many_small_ones(name):
    sizes = [1, 7, 600, 0, 624, 1000, 5001, 19968, 3, 40000]
    g = seeded(9)
    pieces = np.concatenate([DRAWS[name](g, n) for n in sizes])
    whole = DRAWS[name](seeded(9), sum(sizes))
    if whole.dtype.kind == "f":  # SIMD and scalar loops may round a logarithm differently
        np.testing.assert_allclose(pieces, whole, rtol=3e-7)
    else:
        np.testing.assert_array_equal(pieces, whole)


def test_integers_are_words_modulo_the_span():
    words = words_of(4, 200)
    assert seeded(4).integers(-3, 2**28 - 4, (100,)).tolist() == [w % (2**28 - 1) - 3 for w in words[:100]]
    pairs = [a * 2**32 + b for a, b in zip(words[0::2], words[1::2])]
    assert seeded(4).integers(-3, 2**28 - 3, (100,)).tolist() == [p % 2**28 - 3 for p in pairs]
    low = -(2**63)
    assert seeded(4).integers(low, 2**63 - 1, (100,)).tolist() == [p % (2**64 - 1) + low for p in pairs]
    assert seeded(4).integers(low, None, (100,)).tolist() == [p - 2**64 if p >= 2**63 else p for p in pairs]


@pytest.mark.parametrize("n", [0, 1, 2, 3, 298, 299, 300, 301, 5000, 70000])
def test_permutations_are_fisher_yates(n):
    expected = list(range(n))
    for i, word in zip(range(n - 1), words_of(6, n)):
        j = i + word % (n - i)
        expected[i], expected[j] = expected[j], expected[i]
    actual = seeded(6).permutation(n)
    assert actual.dtype == np.int64 and actual.tolist() == expected


# Seeds and state


def test_seeds():
    g = Generator()
    assert g.initial_seed() == random.DEFAULT_SEED == 67280421310721
    assert g.manual_seed(5) is g and g.initial_seed() == 5
    assert g.manual_seed(-1).initial_seed() == 2**64 - 1
    assert g.manual_seed(-(2**63)).initial_seed() == 2**63
    assert g.manual_seed(np.int64(7)).initial_seed() == 7
    fresh = {g.seed() for _ in range(8)}
    assert len(fresh) == 8 and g.initial_seed() in fresh and all(0 <= s < 2**64 for s in fresh)


@pytest.mark.parametrize("name", DRAWS)
def test_the_same_seed_gives_the_same_numbers(name):
    g = seeded(1)
    first, second = DRAWS[name](g, 20), DRAWS[name](g, 20)
    np.testing.assert_array_equal(DRAWS[name](g.manual_seed(1), 20), first)
    assert not np.array_equal(first, second)
    assert not np.array_equal(first, DRAWS[name](seeded(2), 20))


def test_seeding_forgets_the_normal_that_waits():
    g = seeded()
    first = g.normal((1,)).item()
    assert g.manual_seed(0).normal((1,)).item() == first


COPIES = {
    "set_state": lambda g: Generator().set_state(g.get_state()),
    "clone_state": lambda g: g.clone_state(),
    "pickle": lambda g: pickle.loads(pickle.dumps(g)),
    "deepcopy": copy.deepcopy,
    "copy": copy.copy,
}


@pytest.mark.parametrize("how", COPIES)
@pytest.mark.parametrize("drawn", [0, 1, 623, 624, 625, 1248, 40000])
def test_a_copy_goes_on_with_the_same_numbers(how, drawn):
    g = seeded(11)
    g.uniform((drawn,))
    if drawn % 2:
        g.normal((3,))  # leaves one waiting
    other = COPIES[how](g)
    assert other is not g and other.device == g.device and other.initial_seed() == 11
    np.testing.assert_array_equal(other.get_state(), g.get_state())
    for name, draw in DRAWS.items():
        np.testing.assert_array_equal(draw(g, 20), draw(other, 20), name)
    np.testing.assert_array_equal(other.get_state(), g.get_state())


def test_the_layout_of_the_state():
    g = seeded(5)
    state = g.get_state().numpy()
    assert state.dtype == np.uint8 and state.shape == (5056,)
    seed, left_and_seeded, used, first_of_key = state[:32].view("<u8").tolist()
    assert (seed, left_and_seeded, used, first_of_key) == (5, 1 | 1 << 32, 0, 5)
    g.uniform((10,))
    assert g.get_state().numpy()[:24].view("<u8").tolist() == [5, (625 - 10) | 1 << 32, 10]
    first, second = g.clone_state().normal((2,), "float64")
    assert not g.get_state().numpy()[5016:].any()  # no normal waits
    assert g.normal((1,), "float64") == first
    assert g.get_state().numpy()[5024:5032].view("<f8") == second
    assert g.get_state().numpy()[5040] == 1


def test_a_state_is_a_snapshot():
    g = seeded()
    state = g.get_state().numpy()
    kept = state.copy()
    a = g.uniform((1000,))
    np.testing.assert_array_equal(state, kept)
    np.testing.assert_array_equal(g.set_state(state).uniform((1000,)), a)
    np.testing.assert_array_equal(state, kept)


def test_writing_into_a_result_does_not_touch_the_stream():
    g = seeded()
    for draw in DRAWS.values():
        g.manual_seed(0).uniform((3,))
        expected = draw(g, 10), g.uniform((600,))
        g.manual_seed(0).uniform((3,))
        result = draw(g, 10)
        np.testing.assert_array_equal(result, expected[0])
        result[...] = 0
        np.testing.assert_array_equal(g.uniform((600,)), expected[1])


@pytest.fixture
def restless_threads():
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("restless_threads")
def test_threads_share_the_stream_without_losing_or_repeating():
    g, results = seeded(8), [[] for _ in range(4)]

    def work(mine):
        for _ in range(100):
            mine.append(g.integers(0, 2**62, (101,)))

    threads = [threading.Thread(target=work, args=(mine,)) for mine in results]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    together = np.sort(np.concatenate([piece for mine in results for piece in mine]))
    np.testing.assert_array_equal(together, np.sort(seeded(8).integers(0, 2**62, (4 * 100 * 101,))))


# The default generator


def test_the_default_generator():
    assert random.manual_seed(12) is random.default_generator
    assert random.manual_seed("12").initial_seed() == random.initial_seed() == 12
    state = random.get_rng_state()
    a = random.default_generator.uniform((3,))
    np.testing.assert_array_equal(a, seeded(12).uniform((3,)))
    random.set_rng_state(state)
    np.testing.assert_array_equal(random.default_generator.uniform((3,)), a)
    assert random.seed() == random.initial_seed() != 12


def test_fork_rng_puts_the_state_back_even_after_an_error():
    random.manual_seed(1)
    expected = seeded(1).uniform((4,))
    with random.fork_rng(devices=[], device_type="cpu"):
        random.manual_seed(2)
        random.default_generator.normal((3,))
    with pytest.raises(KeyError), random.fork_rng():
        random.default_generator.uniform((100,))
        raise KeyError
    np.testing.assert_array_equal(random.default_generator.uniform((4,)), expected)
    with random.fork_rng(enabled=False):
        random.manual_seed(2)
    assert random.initial_seed() == 2


# Values


@pytest.mark.parametrize("dtype", FLOATS)
def test_shapes_and_dtypes(dtype):
    g = seeded()
    ones = np.ones((2, 0, 3), dtype)
    for shape in [(), (0,), (1,), (4, 5), (2, 0, 3)]:
        for drawn in [g.uniform(shape, dtype), g.uniform(shape, dtype, 1, 2), g.normal(shape, dtype),
                      g.bernoulli(0.5, shape, dtype), g.integers(0, 9, shape, dtype), g.random_(shape, dtype),
                      g.exponential(shape, dtype), g.geometric(shape, dtype), g.cauchy(shape, dtype),
                      g.log_normal(shape, dtype)]:
            assert isinstance(drawn, np.ndarray) and drawn.shape == shape and drawn.dtype == dtype
    arrays = g.poisson(ones), g.normal(ones.shape, dtype, ones, ones), g.bernoulli(ones, ones.shape, dtype)
    for drawn in arrays:
        assert drawn.shape == ones.shape and drawn.dtype == dtype
    assert g.multinomial(np.ones((0, 3), dtype), 2, replacement=True).shape == (0, 2)


def test_no_draw_of_nothing_moves_the_stream():
    g = seeded()
    before = g.get_state()
    for name, draw in DRAWS.items():
        if name not in ("multinomial", "replacement"):
            assert draw(g, 0).shape == (0,)
    np.testing.assert_array_equal(g.get_state(), before)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("low, high", [(0, 1), (-1, 1), (1, 1 + 2**-9), (1000, 1001), (-0.1, 0)])
def test_uniforms_stay_below_the_upper_bound(dtype, low, high):
    u = seeded().uniform((100000,), dtype, low, high)
    bounds = np.array([low, high], dtype)
    assert u.min() >= bounds[0] and u.max() < bounds[1]
    if dtype != "float16":  # few halves lie between some of these
        assert abs(u.mean(dtype="float64") - (low + high) / 2) < 0.01 * (high - low)


def test_equal_bounds_leave_one_value():
    assert (seeded().uniform((100,), "float32", 3, 3) == 3).all()


@pytest.mark.parametrize("dtype", INTEGERS)
def test_integers_fill_their_range(dtype):
    low, high = (0, 2) if dtype == "bool" else (3, 10)
    drawn = seeded().integers(low, high, (10000,), dtype)
    counts = np.bincount(drawn.astype("int64") - low)
    assert drawn.dtype == dtype and len(counts) == high - low
    assert (abs(counts - 10000 / (high - low)) < 5 * math.sqrt(10000 / (high - low))).all()
    whole = seeded().random_((10000,), dtype)
    top = 1 if dtype == "bool" else np.iinfo(dtype).max
    assert whole.min() >= 0 and whole.max() > 0.99 * top and abs(whole.mean() / top - 0.5) < 0.02
    if dtype != "bool":
        least = seeded().integers(np.iinfo(dtype).min, None, (10000,), dtype)
        assert least.max() > 0.98 * top and (dtype == "uint8" or least.min() < -0.98 * top)


# (draw of n float64 values, mean, variance)
MOMENTS = {
    "uniform": (lambda g, n: g.uniform((n,), "float64", -1, 3), 1, 16 / 12),
    "normal": (lambda g, n: g.normal((n,), "float64", 2, 3), 2, 9),
    "normal32": (lambda g, n: g.normal((n,), "float32", 2, 3), 2, 9),
    "normal16": (lambda g, n: g.normal((n,), "float16"), 0, 1),
    "few normals": (lambda g, n: np.concatenate([g.normal((7,)) for _ in range(n // 7)]), 0, 1),
    "normal array": (lambda g, n: g.normal((n,), "float64", np.full(n, 5.0), 2.0), 5, 4),
    "bernoulli": (lambda g, n: g.bernoulli(0.2, (n,)), 0.2, 0.16),
    "bernoulli array": (lambda g, n: g.bernoulli(np.full(n, 0.2), (n,)), 0.2, 0.16),
    "exponential": (lambda g, n: g.exponential((n,), "float64", 4.0), 1 / 4, 1 / 16),
    "geometric": (lambda g, n: g.geometric((n,), "int64", 0.25), 4, 0.75 / 0.0625),
    "log_normal": (lambda g, n: np.log(g.log_normal((n,), "float64", 1, 0.5)), 1, 0.25),
    "cauchy": (lambda g, n: g.cauchy((n,), "float64", 3.0, 2.0) > 5, 0.25, 0.1875),  # a quarter lies beyond
    "poisson 3": (lambda g, n: g.poisson(np.full(n, 3.0)), 3, 3),
    "poisson 50": (lambda g, n: g.poisson(np.full(n, 50.0)), 50, 50),
    "integers": (lambda g, n: g.integers(0, 2**40, (n,)) / 2**40, 0.5, 1 / 12),
    "multinomial": (lambda g, n: g.multinomial(np.array([1.0, 0, 3]), n, True), 1.5, 0.75),
    "one of": (lambda g, n: g.multinomial(np.tile([1.0, 0, 3], (n, 1)), 1), 1.5, 0.75),
}


@pytest.mark.parametrize("name", MOMENTS)
def test_mean_and_variance(name):
    draw, mean, variance = MOMENTS[name]
    n = 21000
    values = np.asarray(draw(seeded(3), n), "float64").reshape(-1)
    assert values.size == n
    assert abs(values.mean() - mean) < 5 * math.sqrt(variance / n)
    spread = (values - values.mean()) ** 2
    assert abs(spread.mean() - variance) < 5 * spread.std() / math.sqrt(n) + 1e-9


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_normals_have_the_normal_distribution(dtype):
    z = np.sort(seeded(5).normal((20000,), dtype).astype("float64"))
    cdf = np.array([math.erf(v / math.sqrt(2)) for v in z]) / 2 + 0.5
    assert abs(cdf - np.arange(len(z)) / len(z)).max() < 1.63 / math.sqrt(len(z))  # Kolmogorov-Smirnov, 1 %


def test_permutations_are_all_as_likely():
    g = seeded()
    seen = {}
    for _ in range(6000):
        order = tuple(g.permutation(3).tolist())
        seen[order] = seen.get(order, 0) + 1
    assert len(seen) == 6 and all(abs(count - 1000) < 150 for count in seen.values())


def test_multinomial_without_replacement():
    g = seeded()
    weights = np.tile(np.array([0.0, 1, 1, 8], "float32"), (3000, 1))
    drawn = g.multinomial(weights, 3)
    assert drawn.shape == (3000, 3) and drawn.dtype == np.int64
    assert (np.sort(drawn, axis=1) == [1, 2, 3]).all()  # what weighs nothing comes last
    assert abs((drawn[:, 0] == 3).mean() - 0.8) < 0.04
    assert g.multinomial(weights[0], 4)[-1] == 0
    assert g.multinomial(weights[0], 1).shape == (1,)


def test_multinomial_with_replacement_takes_each_row_by_itself():
    drawn = seeded().multinomial(np.array([[1.0, 0, 0], [0, 0, 5], [0, 2, 2]]), 200, replacement=True)
    assert set(drawn[0]) == {0} and set(drawn[1]) == {2} and set(drawn[2]) == {1, 2}


def test_certain_coins():
    g = seeded()
    assert not g.bernoulli(0, (1000,), "bool").any() and g.bernoulli(1, (1000,), "bool").all()
    p = np.array([0.0, 1.0] * 500, "float16")
    np.testing.assert_array_equal(g.bernoulli(p, (1000,), "int64"), p)
    rows = g.bernoulli(np.array([[0.0], [1.0]]), (2, 50))
    assert not rows[0].any() and rows[1].all()


def test_array_means_and_deviations():
    mean, std = np.array([0.0, 100.0]), np.array([[0.0], [2.0]])
    drawn = seeded().normal((2, 2), "float32", mean, std)
    assert drawn[0].tolist() == [0, 100] and 90 < drawn[1, 1] < 110 and drawn[1, 0] != 0
    np.testing.assert_array_equal(seeded().normal((50,), "float64", np.zeros(50), 3.0),
                                  seeded().normal((50,), "float64", 0.0, 3.0))


def test_what_overflows_is_infinite_without_a_warning():
    g = seeded()
    assert np.isinf(g.normal((1000,), "float16", 0, 1e5)).any()
    assert np.isinf(g.normal((1000,), "float32", 0, 3e38)).any()
    assert np.isinf(g.normal((1000,), "float16", np.zeros(1000), np.full(1000, 6e4))).any()
    assert np.isinf(g.log_normal((1000,), "float16", 10, 2)).any()
    assert (g.exponential((10,), "float32", math.inf) == 0).all()
    assert g.geometric((1000,), "uint8", 0.001).std() > 50  # wraps around


# Errors

STATE = Generator().get_state().numpy()
ODD_STATE = STATE.copy()
ODD_STATE[16] = 9  # nine words used, and a whole block left
ERRORS = {
    "seed float": (lambda g: g.manual_seed(1.5), RuntimeError, "expected a long, but got float"),
    "seed bool": (lambda g: g.manual_seed(True), RuntimeError, "expected a long"),
    "seed None": (lambda g: g.manual_seed(None), RuntimeError, "expected a long"),
    "seed large": (lambda g: g.manual_seed(2**64), ValueError, "Overflow"),
    "seed small": (lambda g: g.manual_seed(-(2**63) - 1), ValueError, "Overflow"),
    "default seed": (lambda g: random.manual_seed("x"), ValueError, "invalid literal"),
    "device": (lambda g: Generator("nowhere"), RuntimeError, "nowhere"),
    "state list": (lambda g: g.set_state([1]), TypeError, "got list"),
    "state floats": (lambda g: g.set_state(np.zeros(5056)), TypeError, "got float64"),
    "state short": (lambda g: g.set_state(STATE[:10]), RuntimeError, "size 5056 but found .* 10"),
    "state zeros": (lambda g: g.set_state(np.zeros_like(STATE)), RuntimeError, "Invalid mt19937 state"),
    "state odd": (lambda g: g.set_state(ODD_STATE), RuntimeError, "Invalid mt19937 state"),
    "uniform order": (lambda g: g.uniform((2,), "float32", 1, 0), RuntimeError, "from=1 > to=0"),
    "uniform nan": (lambda g: g.uniform((2,), "float32", 0, math.nan), RuntimeError, "to is out of bounds"),
    "uniform range": (lambda g: g.uniform((2,), "float16", -1e5), RuntimeError, "from is out of bounds"),
    "uniform span": (lambda g: g.uniform((2,), "float16", -6e4, 6e4), RuntimeError, "to-from"),
    "uniform int": (lambda g: g.uniform((2,), "int64"), NotImplementedError, "for int64"),
    "normal std": (lambda g: g.normal((2,), "float32", 0, -1), RuntimeError, "but found std -1"),
    "normal nan": (lambda g: g.normal((2,), "float32", 0, math.nan), RuntimeError, "std >= 0.0"),
    "normal array": (lambda g: g.normal((2,), "float32", 0, -np.ones(2)), RuntimeError, "all elements"),
    "normal number": (lambda g: g.normal((2,), "float32", np.zeros(2), -1), RuntimeError, "std >= 0.0"),
    "normal int": (lambda g: g.normal((2,), "int64"), NotImplementedError, "for int64"),
    "integers order": (lambda g: g.integers(5, 5, (2,)), RuntimeError, "from=5 >= to=5"),
    "integers high": (lambda g: g.integers(0, 257, (2,), "uint8"), RuntimeError, "to - 1 is out of bounds"),
    "integers low": (lambda g: g.integers(-1, 9, (2,), "bool"), RuntimeError, "from is out of bounds"),
    "integers half": (lambda g: g.integers(0, 70000, (2,), "float16"), RuntimeError, "to - 1 is out of"),
    "integers float": (lambda g: g.integers(0, 2.5, (2,)), TypeError, "integer"),
    "permutation": (lambda g: g.permutation(-1), RuntimeError, "negative dimension -1"),
    "bernoulli": (lambda g: g.bernoulli(1.5, (2,)), RuntimeError, r"in \[0, 1\], but got p=1.5"),
    "bernoulli nan": (lambda g: g.bernoulli(math.nan, (2,)), RuntimeError, "p=nan"),
    "bernoulli array": (lambda g: g.bernoulli(np.array([-0.5]), (1,)), RuntimeError, "sigmoid"),
    "bernoulli int": (lambda g: g.bernoulli(np.array([1]), (1,)), NotImplementedError, "for int64"),
    "exponential": (lambda g: g.exponential((2,), "float32", 0), RuntimeError, "but found lambda=0"),
    "exponential int": (lambda g: g.exponential((2,), "int64"), RuntimeError, "int64"),
    "geometric 0": (lambda g: g.geometric((2,), "float32", 0), RuntimeError, r"in \(0, 1\), but got p=0"),
    "geometric 1": (lambda g: g.geometric((2,), "float32", 1), RuntimeError, "p=1"),
    "geometric bool": (lambda g: g.geometric((2,), "bool", 0.5), NotImplementedError, "bool"),
    "cauchy": (lambda g: g.cauchy((2,), "float32", 0, 0), RuntimeError, "but found sigma=0"),
    "log_normal": (lambda g: g.log_normal((2,), "float32", 0, 0), RuntimeError, "but found std=0"),
    "poisson": (lambda g: g.poisson(np.array([-1.0])), RuntimeError, "non-negative"),
    "poisson nan": (lambda g: g.poisson(np.array([math.nan])), RuntimeError, "non-negative"),
    "poisson inf": (lambda g: g.poisson(np.array([math.inf])), RuntimeError, "finite"),
    "poisson int": (lambda g: g.poisson(np.array([1])), NotImplementedError, "for int64"),
    "weights int": (lambda g: g.multinomial(np.array([1]), 1), RuntimeError, "floating-point dtypes"),
    "weights 3-d": (lambda g: g.multinomial(np.ones((1, 1, 1)), 1), RuntimeError, "1 or 2 dim"),
    "weights empty": (lambda g: g.multinomial(np.ones((3, 0)), 1), RuntimeError, "empty"),
    "weights below 0": (lambda g: g.multinomial(np.array([1, -1.0]), 1), RuntimeError, "element < 0"),
    "weights inf": (lambda g: g.multinomial(np.array([1, math.inf]), 1), RuntimeError, "inf"),
    "weights nan": (lambda g: g.multinomial(np.array([1, math.nan]), 1, True), RuntimeError, "nan"),
    "weights zero": (lambda g: g.multinomial(np.array([[1.0], [0]]), 1), RuntimeError, "probabilities <= 0"),
    "no samples": (lambda g: g.multinomial(np.ones(3), 0), RuntimeError, "n_sample <= 0"),
    "many samples": (lambda g: g.multinomial(np.ones(3), 4), RuntimeError, "got 4 > 3; pass replacement"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors_leave_the_stream_where_it_was(name):
    call, kind, message = ERRORS[name]
    g = seeded(1)
    g.normal((3,))
    before = g.get_state()
    with pytest.raises(kind, match=message):
        call(g)
    np.testing.assert_array_equal(g.get_state(), before)
