"""Random numbers: for the same seed, those that PyTorch draws on the CPU.

Everything starts from one stream of 32-bit words, the Mersenne Twister MT19937, which NumPy has too. What makes the
numbers torch's is how each distribution turns words into values: float32 takes the low 24 bits of one word, float64 the
low 53 of two, normals come in blocks of 16, and so on. Each method below says in a line what its rule is.

Words, integers, uniforms, Bernoulli and permutations equal torch's bit for bit. Where NumPy's log, cos or tan rounds
otherwise than torch's, values differ in the last few bits (float32 normals: by at most 5e-7); the position in the
stream never does. Torch built with MKL draws `bernoulli_` with one p for all, and `exponential_`, from another
generator on Intel's processors; ours are the numbers that it draws on every other one.

Methods take a shape and a NumPy dtype and return arrays: tensors are wrapped around them higher up.
"""

from __future__ import annotations

import math
import operator
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from .backend import as_device, hush, restore

DEFAULT_SEED = 67280421310721  # that of torch's default generator until it is seeded

_BLOCK = 624  # words that one step of MT19937 makes
_PIECE = 16 * _BLOCK  # large draws go in pieces that stay in the cache; a multiple of 16, for the normals
_NO_WORDS = np.empty(0, np.uint32)
_LOW_24, _LOW_21 = np.uint32(2**24 - 1), np.uint32(2**21 - 1)
_TWO_PI = 2 * math.pi

# The CPU generator's state as torch stores it, so that states can be exchanged in both directions.
_STATE = np.dtype([
    ("seed", "<u8"), ("left", "<i4"), ("seeded", "<i4"), ("next", "<u8"), ("key", "<u8", _BLOCK),
    ("normal_x", "<f8"), ("spare", "<f8"), ("normal_rho", "<f8"), ("has_spare", "<i4"), ("unused", "V12"),
])  # fmt: skip


class Generator:
    """A stream of random numbers of its own. https://pytorch.org/docs/stable/generated/torch.Generator.html

    Draws from several threads are safe. Copies and pickles go on with the same numbers.

    >>> ndl.Generator().manual_seed(0).initial_seed()
    0
    """

    def __init__(self, device: Any = "cpu"):
        self.device = as_device(device)
        self._lock = threading.RLock()
        self._engine: Any = None  # made at the first draw: NumPy's random module takes a while to import
        self.manual_seed(DEFAULT_SEED)

    # Seeds and state

    def manual_seed(self, seed: int) -> Generator:
        """Start the stream of `seed`, -2**63 <= seed < 2**64, over; -1 counts as 2**64 - 1. Returns the generator."""
        if isinstance(seed, bool) or not hasattr(seed, "__index__"):
            raise RuntimeError(f"manual_seed expected a long, but got {type(seed).__name__}; pass an integer.")
        seed = operator.index(seed)
        if not -(2**63) <= seed < 2**64:
            raise ValueError(f"Overflow when unpacking long long: manual_seed got {seed}; "
                             f"expected -2**63 <= seed < 2**64.")
        with self._lock:
            self._seed = seed % 2**64
            self._seeded = False  # the engine is seeded when it is first needed
            self._block, self._next = _NO_WORDS, 0  # words made but not all used, and the first unused one
            self._spare: float | None = None  # normals come in pairs: the second waits here
        return self

    def seed(self) -> int:
        """Seed from the operating system's randomness. Returns that seed."""
        self.manual_seed(int.from_bytes(os.urandom(8), "little"))
        return self._seed

    def initial_seed(self) -> int:
        """The seed that the stream started from."""
        return self._seed

    def get_state(self) -> np.ndarray:
        """All of the state, as torch lays it out: uint8 (5056,)."""
        state = np.zeros(1, _STATE)
        with self._lock:
            state["seed"], state["seeded"], state["next"] = self._seed, 1, self._next
            state["left"] = _BLOCK + 1 - self._next if self._block.size else 1
            state["key"] = self._ready().state["state"]["key"]
            if self._spare is not None:
                state["spare"], state["has_spare"] = self._spare, 1
        return state.view(np.uint8)

    def set_state(self, state: np.ndarray) -> Generator:
        """Go on from a state that `get_state`, here or in torch, returned. Returns the generator.

        Raises TypeError unless `state` is of dtype uint8, RuntimeError unless it is such a state.
        """
        if not isinstance(state, np.ndarray) or state.dtype != np.uint8:
            raise TypeError("RNG state must be a torch.ByteTensor: set_state expects the uint8 values that get_state "
                            f"returned; got {getattr(state, 'dtype', type(state).__name__)}.")
        if state.shape != (_STATE.itemsize,):
            raise RuntimeError(f"Expected a CPUGeneratorImplState of size {_STATE.itemsize} but found the input RNG "
                               f"state size to be {state.size}; pass what get_state returned.")
        (fields,) = np.ascontiguousarray(state).view(_STATE)
        left, start = int(fields["left"]), int(fields["next"])
        fresh = (left, start) == (1, 0)  # seeded, nothing drawn
        if fields["seeded"] != 1 or not (fresh or (left > 0 and left + start == _BLOCK + 1)):
            raise RuntimeError("Invalid mt19937 state: set_state got bytes that no generator returned.")
        with self._lock:
            self._seed, self._seeded = int(fields["seed"]), True
            engine = self._ready()
            key = fields["key"].astype(np.uint32)
            engine.state = {"bit_generator": "MT19937", "state": {"key": key, "pos": _BLOCK if fresh else 0}}
            self._block = _NO_WORDS if fresh else engine.random_raw(_BLOCK).astype(np.uint32)
            self._next = start
            self._spare = float(fields["spare"]) if fields["has_spare"] else None
        return self

    def clone_state(self) -> Generator:
        """A generator of its own that goes on with the same numbers."""
        return type(self)(self.device).set_state(self.get_state())

    def __reduce__(self) -> tuple:
        return type(self), (str(self.device),), Generator.get_state(self)

    def __setstate__(self, state: np.ndarray) -> None:
        Generator.set_state(self, state)

    # Words and standard uniforms; to be called with the lock held

    def _ready(self) -> Any:
        """NumPy's MT19937, seeded."""
        if self._engine is None:
            self._engine = np.random.MT19937(0)
        if not self._seeded:
            np.random.RandomState(self._engine).seed(self._seed % 2**32)
            self._seeded = True
        return self._engine

    def _words(self, n: int) -> np.ndarray:
        """The next `n` words, to be read only: uint32 (n,).

        Whole blocks are made, so that the engine's key is always that of the block in use, as in torch's state.
        """
        block, start = self._block, self._next
        stop = start + n
        if stop > block.size:
            missing = stop - block.size
            blocks = -(-missing // _BLOCK)
            made = self._ready().random_raw(blocks * _BLOCK).astype(np.uint32)
            words = np.concatenate([block[start:], made[:missing]]) if start < block.size else made[:missing]
            self._block, self._next = made[-_BLOCK:], missing - (blocks - 1) * _BLOCK
            return words
        self._next = stop
        return block[start:stop]

    def _words64(self, n: int) -> np.ndarray:
        """`n` times 64 bits: the first of two words is the high half."""
        words = self._words(2 * n).astype(np.uint64)
        return words[0::2] << np.uint64(32) | words[1::2]

    def _singles(self, n: int) -> np.ndarray:
        """`n` standard uniforms, float32: the low 24 bits of a word."""
        u = (self._words(n) & _LOW_24).astype(np.float32)
        u *= np.float32(2**-24)
        return u

    def _doubles(self, n: int) -> np.ndarray:
        """`n` standard uniforms, float64: the low 53 bits of two words."""
        words = self._words(2 * n)
        u = (words[0::2] & _LOW_21) * 2.0**-21
        u += words[1::2] * 2.0**-53
        return u

    def _double(self) -> float:
        high, low = self._words(2).tolist()
        return ((high & 0x1FFFFF) * 2**32 + low) * 2.0**-53

    def _normal(self) -> float:
        """One standard normal of a pair (Box-Muller); the other is kept for the next call."""
        kept, self._spare = self._spare, None
        if kept is not None:
            return kept
        angle, radius = _TWO_PI * self._double(), math.sqrt(-2 * math.log1p(-self._double()))
        self._spare = radius * math.sin(angle)
        return radius * math.cos(angle)

    def _draw(self, shape: Any, dtype: Any, sample: Callable[[int], np.ndarray]) -> np.ndarray:
        """A new array, filled with the values of `sample(n)`."""
        out = np.empty(shape, dtype)
        with self._lock:
            _fill(out.reshape(-1), sample)
        return out

    # Uniform and normal

    def uniform(self, shape: Any, dtype: Any = np.float32, low: float = 0.0, high: float = 1.0) -> np.ndarray:
        """Uniform on [low, high). Raises RuntimeError for bounds that are out of order or of range."""
        dtype = _floating("uniform_", dtype)
        standard, real = (self._doubles, np.float64) if dtype == np.float64 else (self._singles, np.float32)
        if low == 0 and high == 1 and dtype != np.float16:
            return self._draw(shape, dtype, standard)
        _check_bounds(low, high, dtype)
        # Torch rounds u * span + low once, to float32 for float16 too; in float64 that product of floats is exact.
        span, start = np.float64(real(high) - real(low)), np.float64(real(low))
        out = self._draw(shape, dtype, lambda n: (standard(n) * span + start).astype(real, copy=False))
        out[out == dtype.type(high)] = low  # what was rounded to the open end
        return out

    def normal(self, shape: Any, dtype: Any = np.float32, mean: Any = 0.0, std: Any = 1.0) -> np.ndarray:
        """Normal; `mean` and `std` are numbers, or arrays that broadcast to `shape`.

        Fewer than 16 values come one by one, from pairs in float64; more come in blocks of 16 (see `_box_muller`), and
        if that leaves a rest, the last 16 are drawn once more. Raises RuntimeError for a negative std.
        """
        dtype = _floating("normal", dtype)
        if isinstance(mean, np.ndarray) or isinstance(std, np.ndarray):
            if not np.all(std >= 0):
                raise RuntimeError("normal expects all elements of std >= 0.0; pass the square root of a variance.")
            out = self.normal(shape, dtype)
            with np.errstate(all="ignore"):
                out *= std
                out += mean
            return out
        if not std >= 0:
            raise RuntimeError(f"normal expects std >= 0.0, but found std {std}; pass the square root of a variance.")

        def blocks(n: int) -> np.ndarray:
            z = _box_muller(self._doubles(n) if dtype == np.float64 else self._singles(n))
            if mean != 0 or std != 1:
                z *= std
                z += mean
            return z

        out = np.empty(shape, dtype)
        flat = out.reshape(-1)
        rest = flat.size % 16
        with self._lock:
            if flat.size < 16:
                _fill(flat, lambda n: np.array([self._normal() * std + mean for _ in range(n)]))
            else:
                _fill(flat[: flat.size - rest], blocks)
                if rest:
                    if dtype != np.float16:  # the rest has had uniforms that are not used
                        self._words(2 * rest if dtype == np.float64 else rest)
                    _fill(flat[-16:], blocks)
        return out

    # Integers

    def integers(self, low: int, high: int | None, shape: Any, dtype: Any = np.int64) -> np.ndarray:
        """Integers in [low, high), or from `low` up to what `dtype` holds: a word modulo the span, two from 2**28 on.

        Raises RuntimeError where nothing lies between the bounds, or if `dtype` does not hold them.
        """
        dtype = np.dtype(dtype)
        lowest, top = _limits(dtype)
        if high is None:
            high = top + 1
        elif low >= high:
            raise RuntimeError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}; "
                               f"'to' itself is never drawn.")
        if dtype.kind == "f":  # where no end is given, whole numbers stop being exact; where one is given, floats end
            top = np.finfo(dtype).max
            lowest = -top
        for name, value in (("from", low), ("to - 1", high - 1)):
            if not lowest <= value <= top:
                raise RuntimeError(f"{name} is out of bounds for {dtype}; got {value}, expected {lowest} to {top}; "
                                   f"use a wider dtype.")
        return self._modulo(high - low, low, shape, dtype, wide=high - low >= 2**28)

    def random_(self, shape: Any, dtype: Any = np.int64) -> np.ndarray:
        """Integers from 0 up to what `dtype` holds; for floats, up to where they stop holding every one."""
        dtype = np.dtype(dtype)
        return self._modulo(_limits(dtype)[1] + 1, 0, shape, dtype, wide=dtype in (np.int64, np.float64))

    def _modulo(self, span: int, low: int, shape: Any, dtype: np.dtype, wide: bool) -> np.ndarray:
        def sample(n: int) -> np.ndarray:
            value = self._words64(n) if wide else self._words(n)
            if span < 2**64:
                value = value - value // span * span  # NumPy divides by a constant far faster than it takes %
            if low:
                value = value.astype(np.uint64, copy=False) + np.uint64(low % 2**64)  # wraps, as two's complement does
            return value.view(np.int64) if value.itemsize == 8 else value

        return self._draw(shape, dtype, sample)

    def permutation(self, n: int) -> np.ndarray:
        """0, 1, ..., n - 1 in random order, int64: element i = 0, 1, ... changes places with one of those from i on."""
        if n < 0:
            raise RuntimeError(f"randperm: Trying to create tensor with negative dimension {n}; expected n >= 0.")
        partner = np.arange(n)
        if n > 1:
            with self._lock:
                partner[:-1] += self._words(n - 1) % np.arange(n, 1, -1, dtype=np.uint32)
        return _swapped(partner)

    def bernoulli(self, p: Any, shape: Any, dtype: Any = np.float32) -> np.ndarray:
        """1 with probability `p`, else 0: a uniform below `p`.

        The uniforms are float64 for a number `p`; for an array, which broadcasts to `shape`, they follow its dtype.
        Raises RuntimeError unless 0 <= p <= 1.
        """
        if isinstance(p, np.ndarray):
            if p.dtype.kind != "f":
                raise NotImplementedError(f'"bernoulli" not implemented for {p.dtype} probabilities; use a float dtype.')
            if not ((p >= 0) & (p <= 1)).all():
                raise RuntimeError("Expected p_in >= 0 && p_in <= 1 to be true: bernoulli got an array p with other "
                                   "values; pass probabilities (for logits, their sigmoid).")
            u = self.uniform(shape, np.promote_types(p.dtype, np.float32))
            return (u < p).astype(dtype, copy=False)
        if not 0 <= p <= 1:
            raise RuntimeError(f"bernoulli_ expects p to be in [0, 1], but got p={p}")
        return self._draw(shape, dtype, lambda n: self._doubles(n) < p)

    def multinomial(self, probs: np.ndarray, num_samples: int, replacement: bool = False) -> np.ndarray:
        """Indices drawn with probabilities proportional to each row of `probs`, (K,) or (N, K): int64 (..., num_samples).

        Without replacement, or one sample: the largest `p / e` for exponential `e`. With: where a uniform falls among
        the cumulated probabilities. Raises RuntimeError for what is no distribution.
        """
        if probs.dtype.kind != "f":
            raise RuntimeError(f"multinomial only supports floating-point dtypes for input, got: {probs.dtype}")
        if probs.ndim not in (1, 2) or probs.shape[-1] == 0:
            raise RuntimeError(f"multinomial: prob_dist must be 1 or 2 dim, and not empty; got shape {probs.shape}.")
        if num_samples <= 0:
            raise RuntimeError(f"cannot sample n_sample <= 0 samples; multinomial got {num_samples}.")
        if not replacement and num_samples > probs.shape[-1]:
            raise RuntimeError("cannot sample n_sample > prob_dist.size(-1) samples without replacement: multinomial "
                               f"got {num_samples} > {probs.shape[-1]}; pass replacement=True.")
        if not ((probs >= 0) & (probs < np.inf)).all():
            raise RuntimeError("probability tensor contains either `inf`, `nan` or element < 0; multinomial expects "
                               "weights (for logits, their softmax).")
        if not probs.any(axis=-1).all():
            raise RuntimeError("invalid multinomial distribution (sum of probabilities <= 0)")
        if not replacement or num_samples == 1:
            with np.errstate(all="ignore"):
                race = probs / self.exponential(probs.shape, probs.dtype)
            if num_samples == 1:
                return race.argmax(axis=-1, keepdims=True)
            return np.argsort(-race, axis=-1, kind="stable")[..., :num_samples]
        bounds = np.cumsum(probs, axis=-1)
        bounds /= bounds[..., -1:]
        bounds[..., -1] = 1
        u = self.uniform((*probs.shape[:-1], num_samples), np.float64)
        if probs.ndim == 1:
            return bounds.searchsorted(u)
        return np.array([row.searchsorted(v) for row, v in zip(bounds, u)], np.int64).reshape(u.shape)

    # Other distributions: torch computes them in float64 whatever the dtype

    def exponential(self, shape: Any, dtype: Any = np.float32, lambd: float = 1.0) -> np.ndarray:
        """Exponential with rate `lambd` > 0."""
        dtype = _floating("exponential_", dtype)
        if not lambd > 0:
            raise RuntimeError(f"exponential_ expects lambda > 0.0, but found lambda={lambd}")
        return self._draw(shape, dtype, lambda n: -1 / lambd * np.log1p(-self._doubles(n)))

    def geometric(self, shape: Any, dtype: Any = np.float32, p: float = 0.5) -> np.ndarray:
        """How many trials it takes to succeed once, at 0 < p < 1 each."""
        if not 0 < p < 1:
            raise RuntimeError(f"geometric_ expects p to be in (0, 1), but got p={p}")
        dtype = np.dtype(dtype)
        real = np.float64 if dtype.kind == "f" else np.int64  # through int64, what a small integer can't hold wraps
        trials = lambda n: np.ceil(np.log(self._doubles(n)) / math.log1p(-p)).astype(real, copy=False)
        return self._draw(shape, dtype, trials)

    def cauchy(self, shape: Any, dtype: Any = np.float32, median: float = 0.0, sigma: float = 1.0) -> np.ndarray:
        """Cauchy, sigma > 0."""
        dtype = _floating("cauchy_", dtype)
        if not sigma > 0:
            raise RuntimeError(f"cauchy_ expects sigma > 0.0, but found sigma={sigma}")
        return self._draw(shape, dtype, lambda n: median + sigma * np.tan(math.pi * (self._doubles(n) - 0.5)))

    def log_normal(self, shape: Any, dtype: Any = np.float32, mean: float = 1.0, std: float = 2.0) -> np.ndarray:
        """exp of a normal, std > 0; always from pairs, never in blocks of 16."""
        dtype = _floating("log_normal_", dtype)
        if not std > 0:
            raise RuntimeError(f"log_normal_ expects std > 0.0, but found std={std}")
        return self._draw(shape, dtype, lambda n: np.exp(self._normals(n) * std + mean))

    def _normals(self, n: int) -> np.ndarray:
        """The next `n` values of `_normal`, all at once."""
        kept = [] if self._spare is None else [self._spare]
        u = self._doubles((n - len(kept) + 1) // 2 * 2)
        angle, radius = _TWO_PI * u[0::2], np.sqrt(-2 * np.log1p(-u[1::2]))
        pairs = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
        z = np.concatenate([kept, pairs.reshape(-1)])
        self._spare = float(z[n]) if z.size > n else None
        return z[:n]

    def poisson(self, rate: np.ndarray) -> np.ndarray:
        """Poisson counts of these rates, in their dtype. Raises RuntimeError for a negative or infinite rate."""
        dtype = _floating("poisson", rate.dtype)
        if not ((rate >= 0) & (rate < np.inf)).all():
            raise RuntimeError("invalid Poisson rate, expected rate to be non-negative and finite")
        return self._each(self._poisson, rate, dtype)

    def _poisson(self, rate: float) -> int:
        if rate == 0:
            return 0
        if rate < 10:  # count the factors that it takes to get below exp(-rate)
            count, product, end = 0, self._double(), math.exp(-rate)
            while product > end:
                count += 1
                product *= self._double()
            return count
        # W. Hörmann, "The transformed rejection method for generating Poisson random variables", 1993: PTRS
        b = 0.931 + 2.53 * math.sqrt(rate)
        a = -0.059 + 0.02483 * b
        log_inverse_alpha, v_r = math.log(1.1239 + 1.1328 / (b - 3.4)), 0.9277 - 3.6224 / (b - 2)
        while True:
            u, v = self._double() - 0.5, self._double()
            us = max(0.5 - abs(u), 1e-300)
            k = math.floor((2 * a / us + b) * u + rate + 0.43)
            if us >= 0.07 and v <= v_r:
                return k
            if k < 0 or (us < 0.013 and v > us):
                continue
            accept = k * math.log(rate) - rate - math.lgamma(k + 1)
            if math.log(v or 1e-300) + log_inverse_alpha - math.log(a / (us * us) + b) <= accept:
                return k

    def gamma(self, alpha: np.ndarray) -> np.ndarray:
        """Gamma of these shapes and scale 1, in their dtype."""
        dtype = _floating("_standard_gamma", alpha.dtype)
        return np.maximum(self._each(self._gamma, alpha, dtype), np.finfo(dtype).tiny)

    def _gamma(self, alpha: float) -> float:
        # G. Marsaglia and W. W. Tsang, "A simple method for generating gamma variables", 2000
        scale = 1.0
        if alpha < 1:
            if alpha == 0:
                return 0.0
            scale = (1 - self._double()) ** (1 / alpha)
            alpha += 1
        d = alpha - 1 / 3
        c = 1 / math.sqrt(9 * d)
        while True:
            x = self._normal()
            while 1 + c * x <= 0:
                x = self._normal()
            v, u = (1 + c * x) ** 3, 1 - self._double()
            if u < 1 - 0.0331 * x**4 or math.log(u) < 0.5 * x * x + d * (1 - v + math.log(v)):
                return scale * d * v

    def _each(self, sample: Callable[[float], float], parameters: np.ndarray, dtype: np.dtype) -> np.ndarray:
        with self._lock, np.errstate(all="ignore"):
            values = [sample(parameter) for parameter in parameters.reshape(-1).tolist()]
            return np.array(values, np.float64).astype(dtype).reshape(parameters.shape)


def _fill(out: np.ndarray, sample: Callable[[int], np.ndarray]) -> None:
    """Put the values of `sample(n)` into `out`, piece by piece. As in torch, what overflows is inf without a warning."""
    token = hush()
    try:
        for start in range(0, out.size, _PIECE):
            part = out[start : start + _PIECE]
            part[...] = sample(part.size)
    finally:
        restore(token)


def _box_muller(u: np.ndarray) -> np.ndarray:
    """Normals from uniforms, 16 from 16: the first 8 give the radii, the last 8 the angles, of 8 cosines and 8 sines."""
    u = u.reshape(-1, 2, 8)
    radius = np.log(1 - u[:, 0])
    radius *= -2
    np.sqrt(radius, out=radius)
    angle = _TWO_PI * u[:, 1]
    z = np.empty_like(u)
    np.multiply(radius, np.cos(angle), out=z[:, 0])
    np.multiply(radius, np.sin(angle), out=z[:, 1])
    return z.reshape(-1)


def _swapped(partner: np.ndarray) -> np.ndarray:
    """What becomes of 0, 1, ..., n - 1 when elements i and partner[i] >= i change places, for i = 0, 1, ... in turn."""
    steps = np.arange(partner.size)
    if partner.size < 500:  # lists are faster
        values = steps.tolist()
        for i, j in enumerate(partner.tolist()):
            values[i], values[j] = values[j], values[i]
        return np.array(values, np.int64)
    # Step i takes what lies at partner[i]: what the last step before i with the same partner put there, which is what
    # lay at that step's own place, and so on back to a place that no step had touched. So sort the steps by partner ...
    moved = np.flatnonzero(partner != steps)
    moved = moved[_stable_order(partner[moved])]
    place = partner[moved]
    again = place[1:] == place[:-1]
    # ... follow from each place the last step that put something there, in strides that double ...
    source = steps.copy()
    last = np.append(~again, True)
    source[place[last]] = moved[last]
    while not np.array_equal(source, further := source.take(source)):
        source = further
    # ... and look up what each step found.
    result = np.where(partner == steps, source, partner)
    result[moved[1:][again]] = source[moved[:-1][again]]
    return result


def _stable_order(values: np.ndarray) -> np.ndarray:
    """argsort of whole numbers below 2**32, equal ones in order: by halves, as NumPy sorts 16 bits in linear time."""
    order = np.argsort(values.astype(np.uint16), kind="stable")
    if values.size and values.max() >= 2**16:
        order = order[np.argsort((values >> 16).astype(np.uint16)[order], kind="stable")]
    return order


def _floating(op: str, dtype: Any) -> np.dtype:
    dtype = np.dtype(dtype)
    if dtype.kind != "f":
        raise NotImplementedError(f'"{op}" not implemented for {dtype}; expected float16, float32 or float64.')
    return dtype


def _limits(dtype: np.dtype) -> tuple[int, int]:
    """The range of whole numbers that a dtype holds without gaps."""
    if dtype.kind == "f":
        digits = np.finfo(dtype).nmant + 1
        return -(2**digits), 2**digits
    if dtype.kind == "b":
        return 0, 1
    return int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)


def _check_bounds(low: float, high: float, dtype: np.dtype) -> None:
    most = float(np.finfo(dtype).max)
    for name, value in (("from", low), ("to", high)):
        if not -most <= value <= most:
            raise RuntimeError(f"{name} is out of bounds for {dtype}; uniform_ got {value}.")
    if low > high:
        raise RuntimeError(f"uniform_ expects to return a [from, to) range, but found from={low} > to={high}")
    if high - low > most:
        raise RuntimeError(f"uniform_ expects to-from <= {most}, the most that {dtype} holds, but found to={high} and "
                           f"from={low}")


# The generator that draws where none is given

default_generator = Generator()


def manual_seed(seed: Any) -> Generator:
    """Seed the default generator: from here on, the random numbers of PyTorch with this seed.

    https://pytorch.org/docs/stable/generated/torch.manual_seed.html

    >>> ndl.manual_seed(0).initial_seed()
    0
    """
    return default_generator.manual_seed(int(seed))


def seed() -> int:
    """Seed the default generator from the operating system's randomness. Returns that seed."""
    return default_generator.seed()


def initial_seed() -> int:
    """The seed that the default generator started from."""
    return default_generator.initial_seed()


def get_rng_state() -> np.ndarray:
    """The default generator's state: uint8 (5056,)."""
    return default_generator.get_state()


def set_rng_state(new_state: np.ndarray) -> None:
    """Let the default generator go on from a state that `get_rng_state`, here or in torch, returned."""
    default_generator.set_state(new_state)


@contextmanager
def fork_rng(devices: Any = None, enabled: bool = True, **_: Any) -> Iterator[None]:
    """Whatever is drawn inside, the default generator goes on afterwards as if nothing had been. Arguments as torch's.

    https://pytorch.org/docs/stable/random.html#torch.random.fork_rng

    >>> ndl.manual_seed(1).initial_seed()
    1
    >>> with ndl.random.fork_rng():
    ...     ndl.manual_seed(2).initial_seed()
    2
    >>> ndl.random.initial_seed()
    1
    """
    state = default_generator.get_state() if enabled else None
    try:
        yield
    finally:
        if state is not None:
            default_generator.set_state(state)
