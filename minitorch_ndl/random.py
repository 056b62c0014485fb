"""Random numbers: for the same seed, those that PyTorch draws on the CPU.

All of it starts from one stream of 32-bit words, the Mersenne Twister MT19937, which NumPy has too. What
makes the numbers torch's is how each distribution turns words into values: a float32 takes the low 24 bits of
one word, a float64 the low 53 of two, normals come in blocks of 16, and so on; each method says its rule.

Uniforms, integers, permutations and Bernoulli masks equal torch's bit for bit (float64 uniforms between other
bounds than 0 and 1: to one rounding). What passes through a logarithm or a cosine differs by NumPy's rounding
of those: a float32 normal by some 5e-7. The place in the stream is always the same.

Methods take a shape and a NumPy dtype and return arrays, which are wrapped in tensors further up.
"""

from __future__ import annotations

import math
import operator
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np

from .backend import as_device, hush, restore

DEFAULT_SEED = 67280421310721  # torch's, for a generator that nobody has seeded

_BLOCK = 624  # MT19937 makes words by so many
_PIECE = 32 * _BLOCK  # large draws go in pieces that stay in the cache; a multiple of 16, for the normals
_NO_WORDS = np.empty(0, np.uint32)
_FLOAT16, _FLOAT32, _FLOAT64 = map(np.dtype, ("float16", "float32", "float64"))
_EIGHT = {4: np.dtype("V32"), 8: np.dtype("V64")}
# Arrays without dimensions: of plain numbers, NumPy would make such arrays each time.
_LOW_24, _LOW_21 = np.array(2**24 - 1, np.uint32), np.array(2**21 - 1, np.uint32)
_STEP_24, _STEP_21, _STEP_53 = np.array(2**-24, np.float32), np.array(2.0**-21), np.array(2.0**-53)

# The state as torch stores it, so that states can be exchanged with it both ways.
_STATE = np.dtype([
    ("seed", "<u8"), ("left", "<i4"), ("seeded", "<i4"), ("next", "<u8"), ("key", "<u8", _BLOCK),
    ("unused_1", "<f8"), ("spare", "<f8"), ("unused_2", "<f8"), ("has_spare", "<i4"), ("unused_3", "V12"),
])


class Generator:
    """A stream of random numbers of its own. https://pytorch.org/docs/stable/generated/torch.Generator.html

    Several threads may draw from it at once. A copy, or a pickle, goes on with the same numbers.

    >>> ndl.Generator().manual_seed(3).initial_seed()
    3
    """

    def __init__(self, device: Any = "cpu"):
        self.device = as_device("cpu" if device is None else device)
        self._lock = threading.Lock()
        self._engine: Any = None  # made at the first draw, as numpy.random takes a while to import
        self.manual_seed(DEFAULT_SEED)

    # Seeds and state

    def manual_seed(self, seed: int) -> Generator:
        """Start the stream of `seed` from its beginning: -2**63 <= seed < 2**64, where -1 means 2**64 - 1.

        Returns the generator. Raises RuntimeError for what is no integer, ValueError for one out of range.
        """
        if isinstance(seed, bool) or not hasattr(seed, "__index__"):
            raise RuntimeError(f"manual_seed expected a long, but got {type(seed).__name__}; pass an int.")
        seed = operator.index(seed)
        if not -(2**63) <= seed < 2**64:
            raise ValueError(f"Overflow when unpacking long long: manual_seed got {seed}, above 64 bits.")
        with self._lock:
            self._seed = seed % 2**64
            self._seeded = False  # the engine is seeded when it is next needed
            self._block, self._next = _NO_WORDS, 0  # words that were made, and the first of them not yet used
            self._spare: float | None = None  # normals come in pairs; the second one waits here
        return self

    def seed(self) -> int:
        """Seed with the operating system's randomness. Returns the seed."""
        self.manual_seed(int.from_bytes(os.urandom(8), "little"))
        return self._seed

    def initial_seed(self) -> int:
        """The seed that the stream began with."""
        return self._seed

    def get_state(self) -> Any:
        """Where the stream is, as torch writes it down: uint8 (5056,)."""
        return self._tensor(self._state())

    _tensor = staticmethod(lambda array: array)  # ops/randoms.py sets it: tensors live higher up

    def _state(self) -> np.ndarray:
        state = np.zeros(1, _STATE)
        with self._lock:
            state["seed"], state["seeded"], state["next"] = self._seed, 1, self._next
            state["left"] = _BLOCK + 1 - self._next if self._block.size else 1
            state["key"] = self._ready().state["state"]["key"]
            if self._spare is not None:
                state["spare"], state["has_spare"] = self._spare, 1
        return state.view(np.uint8)

    def set_state(self, state: Any) -> Generator:
        """Go on from where `get_state`, ours or torch's, was called. Returns the generator.

        Raises TypeError unless the dtype is uint8, RuntimeError for bytes that are no state.
        """
        if getattr(state, "dtype", None) is None or (state := np.asarray(state)).dtype != np.uint8:
            raise TypeError(f"RNG state must be a torch.ByteTensor: set_state expects the uint8 values that "
                            f"get_state returned; got {getattr(state, 'dtype', type(state).__name__)}.")
        if state.shape != (_STATE.itemsize,):
            raise RuntimeError(f"Expected a CPUGeneratorImplState of size {_STATE.itemsize} but found the "
                               f"input RNG state size to be {state.size}; pass what get_state returned.")
        (fields,) = np.ascontiguousarray(state).view(_STATE)
        left, used = int(fields["left"]), int(fields["next"])
        untouched = (left, used) == (1, 0)  # seeded, and nothing drawn
        if fields["seeded"] != 1 or not (untouched or (left > 0 and left + used == _BLOCK + 1)):
            raise RuntimeError("Invalid mt19937 state: these bytes are not what get_state returned.")
        with self._lock:
            self._seed, self._seeded = int(fields["seed"]), True
            key = {"key": fields["key"].astype(np.uint32), "pos": _BLOCK if untouched else 0}
            engine = self._ready()
            engine.state = {"bit_generator": "MT19937", "state": key}
            self._block = _NO_WORDS if untouched else engine.random_raw(_BLOCK).astype(np.uint32)
            self._next = used
            self._spare = float(fields["spare"]) if fields["has_spare"] else None
        return self

    def clone_state(self) -> Generator:
        """Another generator, which goes on with the same numbers."""
        return type(self)(self.device).set_state(self.get_state())

    def __reduce__(self) -> tuple:
        return type(self), (str(self.device),), self._state()

    __setstate__ = lambda self, state: self.set_state(state[-1] if isinstance(state, tuple) else state)  # torch's: a triple

    # Words, and uniforms on [0, 1). The caller holds the lock.

    def _ready(self) -> Any:
        """NumPy's MT19937, seeded."""
        if self._engine is None:
            self._engine = np.random.MT19937(0)
        if not self._seeded:
            np.random.RandomState(self._engine).seed(self._seed % 2**32)
            self._seeded = True
        return self._engine

    def _words(self, n: int) -> np.ndarray:
        """The next `n` words, for reading only: uint32 (n,)."""
        block, start = self._block, self._next
        stop = start + n
        if stop <= block.size:
            self._next = stop
            return block[start:stop]
        # Whole blocks are made, so that the engine's key is that of the block in use, as in torch's state.
        missing = stop - block.size
        made = _make_words(self._ready(), -(-missing // _BLOCK))
        self._block, self._next = made[-_BLOCK:], missing - (made.size - _BLOCK)
        return np.concatenate([block[start:], made[:missing]])

    def _words64(self, n: int) -> np.ndarray:
        """64 bits `n` times: the first of two words is the upper half."""
        words = self._words(2 * n).astype(np.uint64)
        return words[0::2] << np.uint64(32) | words[1::2]

    def _singles(self, n: int) -> np.ndarray:
        """The low 24 bits of a word: float32 (n,)."""
        u = (self._words(n) & _LOW_24).astype(np.float32)
        u *= _STEP_24
        return u

    def _doubles(self, n: int) -> np.ndarray:
        """The low 53 bits of two words: float64 (n,)."""
        words = self._words(2 * n)
        u = (words[0::2] & _LOW_21) * _STEP_21
        u += words[1::2] * _STEP_53
        return u

    def _double(self) -> float:
        return _double(*self._words(2).tolist())

    def _draw(self, shape: Any, dtype: Any, sample: Callable[[int], Any]) -> np.ndarray:
        """A new array of values from `sample(n)`."""
        out = np.empty(shape, dtype)
        if out.dtype == _FLOAT16:  # torch makes a half of a double by way of a float
            exact, sample = sample, lambda n: np.asarray(exact(n), np.float32)
        with self._lock:
            _fill(out.reshape(-1), sample)
        return out

    # Uniform and normal

    def uniform(self, shape: Any, dtype: Any = _FLOAT32, low: float = 0.0, high: float = 1.0) -> np.ndarray:
        """Uniform on [low, high). Raises RuntimeError for bounds that are out of order or of range."""
        dtype = _floating("uniform_", dtype)
        standard, real = (self._doubles, np.float64) if dtype == _FLOAT64 else (self._singles, np.float32)
        if low == 0 and high == 1 and dtype != _FLOAT16:
            return self._draw(shape, dtype, standard)
        _check_bounds(low, high, dtype)
        # Torch rounds u * span + low once (to float32, then to float16); in float64 that product is exact.
        span, start = np.float64(real(high) - real(low)), np.float64(real(low))
        out = self._draw(shape, dtype, lambda n: (standard(n) * span + start).astype(real, copy=False))
        out[out == dtype.type(high)] = low  # rounded up to the open end
        return out

    def normal(self, shape: Any, dtype: Any = _FLOAT32, mean: Any = 0.0, std: Any = 1.0, pairs: bool = False) -> Any:
        """Normal; `mean` and `std` are numbers, or arrays that broadcast to `shape`.

        Fewer than 16 values come in pairs, in float64 (`_normal`), and so do all where memory has gaps (`pairs`);
        others come in blocks of 16 (`_box_muller`): values that do not fill one are drawn and dropped, and then the
        last 16 are drawn anew. Raises RuntimeError for a negative std.
        """
        dtype = _floating("normal", dtype)
        if isinstance(mean, np.ndarray) or isinstance(std, np.ndarray):
            if isinstance(std, np.ndarray) and not np.all(std >= 0):
                raise RuntimeError("normal expects all elements of std >= 0.0, the root of the variance.")
            scale = isinstance(std, np.ndarray)
            out = self.normal(shape, dtype, 0.0, 1.0 if scale else std)
            with np.errstate(all="ignore"):
                if scale:
                    out *= std
                out += mean
            return out
        if not std >= 0:
            raise RuntimeError(f"normal expects std >= 0.0, but found std {std}; std**2 is the variance.")

        def sample(n: int) -> np.ndarray:
            z = self._normals(n) if n < 16 or pairs else self._blocks_of_normals(n, dtype)
            if mean != 0 or std != 1:
                z *= std
                z += mean
            return z

        return self._draw(shape, dtype, sample)

    def _blocks_of_normals(self, n: int, dtype: np.dtype) -> np.ndarray:
        uniform = self._doubles if dtype == _FLOAT64 else self._singles
        rest = n % 16
        if not rest:
            return _box_muller(uniform(n))
        dropped = 0 if dtype == _FLOAT16 else rest
        u = uniform(n - rest + dropped + 16)
        z = _box_muller(np.concatenate([u[: n - rest], u[-16:]]))
        return np.concatenate([z[: n - 16], z[-16:]])

    def _normal(self) -> float:
        """The next standard normal of a pair (Box-Muller)."""
        spare, self._spare = self._spare, None
        if spare is not None:
            return spare
        a, b, c, d = self._words(4).tolist()
        angle, radius = math.tau * _double(a, b), math.sqrt(-2 * math.log1p(-_double(c, d)))
        self._spare = radius * math.sin(angle)
        return radius * math.cos(angle)

    def _normals(self, n: int) -> np.ndarray:
        """The next `n` values of `_normal`."""
        if n < 16:
            return np.array([self._normal() for _ in range(n)])
        first = [] if self._spare is None else [self._normal()]
        u = self._doubles((n - len(first)) // 2 * 2)
        angle, radius = math.tau * u[0::2], np.sqrt(-2 * np.log1p(-u[1::2]))
        pairs = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).reshape(-1)
        last = [self._normal()] if len(first) + pairs.size < n else []
        return np.concatenate([first, pairs, last])

    # Whole numbers

    def integers(self, low: int, high: int | None, shape: Any, dtype: Any = np.int64) -> np.ndarray:
        """Whole numbers in [low, high), or from `low` up to what `dtype` holds.

        A word modulo the number of values; from 2**28 values on, two words.
        Raises RuntimeError if nothing lies between the bounds, or if `dtype` does not hold them.
        """
        dtype = np.dtype(dtype)
        least, most = _limits(dtype)
        low, high = operator.index(low), most + 1 if high is None else operator.index(high)
        if low >= high:
            raise RuntimeError("random_ expects 'from' to be less than 'to', but got "
                               f"from={low} >= to={high}")
        if dtype.kind == "f":  # beyond its limits, every other number is still there
            most = int(np.finfo(dtype).max)
            least = -most
        for name, bound in (("from", low), ("to - 1", high - 1)):
            if not least <= bound <= most:
                raise RuntimeError(f"{name} is out of bounds for {dtype}: random_ got {bound}, but the dtype "
                                   f"holds {least} to {most}.")
        return self._modulo(high - low, low, shape, dtype, wide=high - low >= 2**28)

    def random_(self, shape: Any, dtype: Any = np.int64) -> np.ndarray:
        """Whole numbers from 0 to the most that `dtype` holds; for floats, to where they begin to skip."""
        dtype = np.dtype(dtype)
        return self._modulo(_limits(dtype)[1] + 1, 0, shape, dtype, wide=dtype in (np.int64, _FLOAT64))

    def _modulo(self, count: int, low: int, shape: Any, dtype: np.dtype, wide: bool) -> np.ndarray:
        def sample(n: int) -> np.ndarray:
            value = self._words64(n) if wide else self._words(n)
            if count == 2**64:
                return value.view(np.int64)
            # For long arrays, NumPy divides by one number several times faster than it takes the remainder.
            value = value % count if n < 500 else value - value // count * count
            if wide:
                value += np.uint64(low % 2**64)  # wraps around, which is how a negative number is added
                return value.view(np.int64)
            return value if low == 0 else value.astype(np.int64) + low

        return self._draw(shape, dtype, sample)

    def permutation(self, n: int) -> np.ndarray:
        """0, 1, ..., n - 1 in random order, int64: each place in turn swaps with itself or a later one."""
        if n < 0:
            raise RuntimeError(f"randperm: Trying to create tensor with negative dimension {n}; pass n >= 0.")
        partner = np.arange(n)
        if n > 1:
            with self._lock:
                partner[:-1] += self._words(n - 1) % np.arange(n, 1, -1, dtype=np.uint32)
        return _swapped(partner)

    def bernoulli(self, p: Any, shape: Any, dtype: Any = _FLOAT32) -> np.ndarray:
        """1 with probability `p`, else 0: whether a uniform is below p.

        It is a float64 for a number p; for an array, which broadcasts to `shape`, of that array's precision.
        Raises RuntimeError unless 0 <= p <= 1.
        """
        if not isinstance(p, np.ndarray):
            if not 0 <= p <= 1:
                raise RuntimeError(f"bernoulli_ expects p to be in [0, 1], but got p={p}")
            return self._draw(shape, dtype, lambda n: self._doubles(n) < p)
        precision = _floating("bernoulli_tensor_cpu_p_", p.dtype)
        if not ((p >= 0) & (p <= 1)).all():
            raise RuntimeError("Expected p_in >= 0 && p_in <= 1 to be true: bernoulli expects probabilities; "
                               "of logits, take the sigmoid first.")
        u = self.uniform(shape, _FLOAT64 if precision == _FLOAT64 else _FLOAT32)
        return (u < p).astype(dtype, copy=False)

    def multinomial(self, probs: np.ndarray, num_samples: int, replacement: bool = False) -> np.ndarray:
        """Indices of weights in `probs`, each as likely as its weight: (..., K) to int64 (..., num_samples).

        Without replacement, or just one: where weight / exponential is largest. With replacement: where
        uniforms fall among the cumulated weights. Raises RuntimeError for weights that make no distribution.
        """
        if probs.dtype.kind != "f":
            raise RuntimeError(f"multinomial only supports floating-point dtypes for input, got: {probs.dtype}")
        if probs.ndim not in (1, 2) or probs.shape[-1] == 0:
            raise RuntimeError(f"multinomial: prob_dist must be 1 or 2 dim, not empty; got {probs.shape}.")
        if num_samples <= 0:
            raise RuntimeError(f"multinomial: cannot sample n_sample <= 0 samples; got {num_samples}.")
        if not replacement and num_samples > probs.shape[-1]:
            raise RuntimeError(f"multinomial: cannot sample n_sample > prob_dist.size(-1) samples without "
                               f"replacement: got {num_samples} > {probs.shape[-1]}; pass replacement=True.")
        if not ((probs >= 0) & (probs < np.inf)).all():
            raise RuntimeError("multinomial: probability tensor contains either `inf`, `nan` or element < 0; "
                               "of logits, take the softmax first.")
        if not probs.any(axis=-1).all():
            raise RuntimeError("invalid multinomial distribution (sum of probabilities <= 0)")
        if not replacement or num_samples == 1:
            race = self.exponential(probs.shape, probs.dtype)
            with np.errstate(all="ignore"):
                np.divide(probs, race, out=race)
            if num_samples == 1:
                return race.argmax(axis=-1, keepdims=True)
            return np.argsort(-race, axis=-1, kind="stable")[..., :num_samples]
        ends = np.cumsum(probs, axis=-1, dtype=np.promote_types(probs.dtype, _FLOAT32))
        ends /= ends[..., -1:].copy()
        u = self.uniform((*probs.shape[:-1], num_samples), _FLOAT64)
        rows = zip(ends.reshape(-1, probs.shape[-1]), u.reshape(-1, num_samples))
        return np.array([row.searchsorted(v) for row, v in rows], np.int64).reshape(u.shape)

    # Other distributions, in float64 until they are stored

    def exponential(self, shape: Any, dtype: Any = _FLOAT32, lambd: float = 1.0) -> np.ndarray:
        """Exponential with rate `lambd`, which must be positive."""
        dtype = _floating("exponential_", dtype)
        if not lambd > 0:
            raise RuntimeError(f"exponential_ expects lambda > 0.0, but found lambda={lambd}")
        return self._draw(shape, dtype, lambda n: -1 / lambd * np.log1p(-self._doubles(n)))

    def geometric(self, shape: Any, dtype: Any = _FLOAT32, p: float = 0.5) -> np.ndarray:
        """The number of trials up to the first success, if each succeeds with probability `p`, 0 < p < 1."""
        if not 0 < p < 1:
            raise RuntimeError(f"geometric_ expects p to be in (0, 1), but got p={p}")
        dtype = np.dtype(dtype)
        if dtype.kind == "b":
            raise NotImplementedError('"geometric_cpu" not implemented for bool; use a dtype that can count.')
        real = np.float64 if dtype.kind == "f" else np.int64  # narrow integers take the low bits of an int64
        scale = math.log1p(-p)
        return self._draw(shape, dtype, lambda n: np.ceil(np.log(self._doubles(n)) / scale).astype(real))

    def cauchy(self, shape: Any, dtype: Any = _FLOAT32, median: float = 0, sigma: float = 1) -> np.ndarray:
        """Cauchy around `median`, of positive half width `sigma`."""
        dtype = _floating("cauchy_", dtype)
        if not sigma > 0:
            raise RuntimeError(f"cauchy_ expects sigma > 0.0, but found sigma={sigma}")
        return self._draw(shape, dtype, lambda n: np.tan(math.pi * (self._doubles(n) - 0.5)) * sigma + median)

    def log_normal(self, shape: Any, dtype: Any = _FLOAT32, mean: float = 1, std: float = 2) -> np.ndarray:
        """exp of a normal with positive `std`; they come in pairs, however many there are."""
        dtype = _floating("log_normal_", dtype)
        if not std > 0:
            raise RuntimeError(f"log_normal_ expects std > 0.0, but found std={std}")
        return self._draw(shape, dtype, lambda n: np.exp(self._normals(n) * std + mean))

    def poisson(self, rate: np.ndarray) -> np.ndarray:
        """Poisson counts of these rates, in their dtype. Raises RuntimeError unless 0 <= rate < inf."""
        dtype = _floating("poisson", rate.dtype)
        if not ((rate >= 0) & (rate < np.inf)).all():
            raise RuntimeError("invalid Poisson rate, expected rate to be non-negative, and finite")
        rates = iter(rate.reshape(-1).tolist())
        return self._draw(rate.shape, dtype, lambda n: [self._poisson(next(rates)) for _ in range(n)])

    def _poisson(self, rate: float) -> int:
        if rate == 0:
            return 0
        if rate < 10:  # how many uniforms can be multiplied before the product falls to exp(-rate)
            count, product, floor = 0, self._double(), math.exp(-rate)
            while product > floor:
                count += 1
                product *= self._double()
            return count
        # PTRS: W. Hörmann, "The transformed rejection method for generating Poisson random variables", 1993
        b = 0.931 + 2.53 * math.sqrt(rate)
        a = -0.059 + 0.02483 * b
        log_scale, quick = math.log(1.1239 + 1.1328 / (b - 3.4)), 0.9277 - 3.6224 / (b - 2)
        while True:
            u, v = self._double() - 0.5, self._double()
            edge = max(0.5 - abs(u), 1e-300)
            k = math.floor((2 * a / edge + b) * u + rate + 0.43)
            if edge >= 0.07 and v <= quick:
                return k
            if k < 0 or (edge < 0.013 and v > edge):
                continue
            log_density = k * math.log(rate) - rate - math.lgamma(k + 1)
            if math.log(max(v, 1e-300)) + log_scale - math.log(a / edge**2 + b) <= log_density:
                return k


def _make_words(engine: Any, blocks: int) -> np.ndarray:
    if blocks < 8:
        return engine.random_raw(blocks * _BLOCK).astype(np.uint32)
    # Costs more to call but makes two words at once, the first of them in the upper half.
    words = np.random.Generator(engine).integers(0, 2**64 - 1, blocks * _BLOCK // 2, np.uint64, endpoint=True)
    if sys.byteorder == "little":
        words = words << np.uint64(32) | words >> np.uint64(32)
    return words.view(np.uint32)


def _double(upper: int, lower: int) -> float:
    return (upper % 2**21) * 2.0**-21 + lower * 2.0**-53


def _fill(out: np.ndarray, sample: Callable[[int], Any]) -> None:
    """Put values of `sample(n)` into the flat `out`. As in torch, what overflows is inf, and no warning."""
    quiet = hush()
    try:
        start, size = 0, out.size
        while size - start >= _PIECE + 16:  # leaves the last piece enough for a block of normals
            out[start : start + _PIECE] = sample(_PIECE)
            start += _PIECE
        if size:
            out[start:] = sample(size - start)
    finally:
        restore(quiet)


def _box_muller(u: np.ndarray) -> np.ndarray:
    """Normals from as many uniforms, 16 by 16: 8 give radii, 8 give angles, of 8 cosines and then 8 sines."""
    eights = u.view(_EIGHT[u.itemsize])  # NumPy moves 8 numbers faster as one item
    radius = 1 - eights[0::2].copy().view(u.dtype)
    np.log(radius, out=radius)
    radius *= -2
    np.sqrt(radius, out=radius)
    angle = eights[1::2].copy().view(u.dtype)
    angle *= math.tau
    z = np.empty_like(eights)
    z[0::2] = (radius * np.cos(angle)).view(z.dtype)
    z[1::2] = (radius * np.sin(angle)).view(z.dtype)
    return z.view(u.dtype)


def _swapped(partner: np.ndarray) -> np.ndarray:
    """0, 1, ..., n - 1 after the elements at i and partner[i] >= i have swapped, for each i in turn."""
    origin = np.arange(partner.size)
    if partner.size < 300:  # in a list, swapping is faster
        values = origin.tolist()
        for i, j in enumerate(partner.tolist()):
            values[i], values[j] = values[j], values[i]
        return np.array(values, np.int64)
    # Step i finds at partner[i] what the latest step with that partner had left there: what lay at that step's own place,
    # where the latest step before with *that* partner had left it, and so on, back to a place that none had touched.
    still = np.flatnonzero(partner == origin)
    moving = np.delete(origin, still)
    place = partner.take(moving)
    # From each place to the step that last left something there, and on, in strides that double.
    origin[place] = moving  # where a place comes twice, the later step remains
    while not np.array_equal(origin, further := origin.take(origin)):
        origin = further
    # What each step found: by partner, and by time for one partner.
    order = _stable_order(place)
    moving, place = moving.take(order), place.take(order)
    found = partner.copy()
    found[still] = origin[still]
    found[moving[1:]] = np.where(place[1:] == place[:-1], origin.take(moving[:-1]), place[1:])
    return found


def _stable_order(values: np.ndarray) -> np.ndarray:
    """argsort of 0 <= values < 2**32, equal ones in order: by 16 bits at a time, where NumPy's is linear."""
    order = np.argsort(values.astype(np.uint16), kind="stable")
    if values.max(initial=0) >= 2**16:
        order = order[np.argsort((values >> 16).astype(np.uint16)[order], kind="stable")]
    return order


def _floating(op: str, dtype: Any) -> np.dtype:
    dtype = np.dtype(dtype)
    if dtype.kind != "f":
        raise NotImplementedError(f'"{op}" not implemented for {dtype}; use float16, float32 or float64.')
    return dtype


@cache
def _limits(dtype: np.dtype) -> tuple[int, int]:
    """The least and the largest whole number between which `dtype` holds all of them."""
    if dtype.kind == "f":
        most = 2 ** (np.finfo(dtype).nmant + 1)
        return -most, most
    return (0, 1) if dtype.kind == "b" else (int(np.iinfo(dtype).min), int(np.iinfo(dtype).max))


def _check_bounds(low: float, high: float, dtype: np.dtype) -> None:
    most = float(np.finfo(dtype).max)
    for name, bound in (("from", low), ("to", high)):
        if not -most <= bound <= most:
            raise RuntimeError(f"{name} is out of bounds for {dtype}: uniform_ got {bound}")
    if low > high:
        raise RuntimeError(f"uniform_ expects to return a [from, to) range, but found from={low} > to={high}")
    if high - low > most:
        raise RuntimeError(f"uniform_ expects to-from <= {most:g} ({dtype}), but found {high} and {low}")


# The generator that draws when none is given

default_generator = Generator()


def manual_seed(seed: Any) -> Generator:
    """Seed the default generator, and return it: the random numbers that follow are PyTorch's with this seed.

    https://pytorch.org/docs/stable/generated/torch.manual_seed.html

    >>> ndl.manual_seed(0).initial_seed()
    0
    """
    return default_generator.manual_seed(int(seed))


def seed() -> int:
    """Seed the default generator with the operating system's randomness. Returns the seed."""
    return default_generator.seed()


def initial_seed() -> int:
    """The seed that the default generator's stream began with."""
    return default_generator.initial_seed()


def get_rng_state() -> Any:
    """Where the default generator's stream is: uint8 (5056,)."""
    return default_generator.get_state()


def set_rng_state(new_state: Any) -> None:
    """Let the default generator go on from where `get_rng_state`, ours or torch's, was called."""
    default_generator.set_state(new_state)


@contextmanager
def fork_rng(devices: Any = None, enabled: bool = True, **ignored: Any) -> Iterator[None]:
    """Draws inside leave the default generator as it was before. Of torch's arguments, only `enabled` counts.

    https://pytorch.org/docs/stable/random.html#torch.random.fork_rng

    >>> before = ndl.initial_seed()
    >>> with ndl.random.fork_rng():
    ...     ndl.manual_seed(2).initial_seed()
    2
    >>> ndl.initial_seed() == before
    True
    """
    state = default_generator.get_state() if enabled else None
    try:
        yield
    finally:
        if state is not None:
            default_generator.set_state(state)
