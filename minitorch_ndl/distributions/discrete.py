"""Distributions of counts and of choices."""

from __future__ import annotations

import math
from typing import Any

from ..autograd.grad_mode import no_grad
from ..tensor import Size, Tensor
from . import constraints
from .constraints import (
    boolean,
    dependent_property,
    integer_interval,
    nonnegative,
    nonnegative_integer,
    one_hot,
    real,
    real_vector,
    simplex,
    unit_interval,
)
from .continuous import Gamma
from .distribution import ByProbs, Distribution, ExponentialFamily
from .draws import binomial
from .utils import F, T, broadcast_all, clamp_probs, lazy_property, sum_rightmost, tiny, uniform

_BINARY = {"probs": unit_interval, "logits": real}
_CHOICE = {"probs": simplex, "logits": real_vector}


class Bernoulli(ByProbs, ExponentialFamily):
    """1 with probability `probs`, else 0.

    >>> d = ndl.distributions.Bernoulli(0.25)
    >>> d.mean, d.log_prob(ndl.tensor(1.0)).exp()
    (tensor(0.2500), tensor(0.2500))
    """

    arg_constraints, support, has_enumerate_support = _BINARY, boolean, True

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None):
        self._take(validate_args, **self._choose(probs, logits))

    mean = property(lambda self: self.probs)
    mode = property(lambda self: (self.probs >= 0.5).to(self.probs.dtype).where(self.probs != 0.5, math.nan))
    variance = property(lambda self: self.probs * (1 - self.probs))

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with no_grad():
            return T.bernoulli(self.probs.expand(self._extended_shape(sample_shape)))

    def log_prob(self, value: Tensor) -> Tensor:
        self._check(value)
        logits, value = broadcast_all(self.logits, value)
        return -F.binary_cross_entropy_with_logits(logits, value, reduction="none")

    def entropy(self) -> Tensor:
        return F.binary_cross_entropy_with_logits(self.logits, self.probs, reduction="none")

    def enumerate_support(self, expand: bool = True) -> Tensor:
        return self._counted(T.arange(2, dtype=self._param.dtype), expand)


class Geometric(ByProbs):
    """How many trials fail before the first one succeeds."""

    arg_constraints, support = _BINARY, nonnegative_integer

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None):
        self._take(validate_args, **self._choose(probs, logits))
        if self._validate_args and probs is not None and not (self.probs > 0).all():
            raise ValueError(f"Expected parameter probs ({type(self.probs).__name__} of shape {tuple(self.probs.shape)}) of "
                             f"distribution {self!r} to be positive but found invalid values:\n{self.probs}")

    mean = property(lambda self: 1.0 / self.probs - 1.0)
    mode = property(lambda self: T.zeros_like(self.probs))
    variance = property(lambda self: (1.0 / self.probs - 1.0) / self.probs)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with no_grad():
            u = uniform(self._extended_shape(sample_shape), self.probs, tiny(self.probs), 1)
            return (u.log() / (-self.probs).log1p()).floor()

    def log_prob(self, value: Tensor) -> Tensor:
        self._check(value)
        value, probs = broadcast_all(value, self.probs)
        certain = (probs == 1) & (value == 0)
        return value * (-probs.masked_fill(certain, 0)).log1p() + self.probs.log()

    def entropy(self) -> Tensor:
        return F.binary_cross_entropy_with_logits(self.logits, self.probs, reduction="none") / self.probs


class _Counting(ByProbs):
    """`total_count` trials."""

    def __init__(self, total_count: Any = 1, probs: Any = None, logits: Any = None, validate_args: bool | None = None):
        (name, given), = self._choose(probs, logits).items()
        total_count, given = broadcast_all(total_count, given)
        self._take(validate_args, total_count=total_count.to(given.dtype), **{name: given})


class Binomial(_Counting):
    """How many of `total_count` trials succeed."""

    arg_constraints = {"total_count": nonnegative_integer, **_BINARY}
    support = dependent_property(lambda self: integer_interval(0, self.total_count), is_discrete=True, event_dim=0)
    has_enumerate_support = True
    mean = property(lambda self: self.total_count * self.probs)
    variance = property(lambda self: self.total_count * self.probs * (1 - self.probs))
    mode = property(lambda self: T.minimum(((self.total_count + 1) * self.probs).floor(), self.total_count))

    def sample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        with no_grad():
            return binomial(self.total_count.expand(shape), self.probs.expand(shape))

    def log_prob(self, value: Tensor) -> Tensor:
        self._check(value)
        n, logits = self.total_count, self.logits
        positive_part = (logits.clamp(min=0) + logits - logits.clamp(max=0)) / 2  # with a gradient of 1/2 at 0
        normalizer = n * positive_part + n * T.log1p(T.exp(-logits.abs())) - (n + 1).lgamma()
        return value * logits - (value + 1).lgamma() - (n - value + 1).lgamma() - normalizer

    def _one_count(self, what: str) -> int:
        count = int(self.total_count.max())
        if self.total_count.min() != count:
            raise NotImplementedError(f"Inhomogeneous total count not supported by `{what}`.")
        return count

    def entropy(self) -> Tensor:
        self._one_count("entropy")
        log_prob = self.log_prob(self.enumerate_support(False))
        return -(log_prob.exp() * log_prob).sum(0)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        return self._counted(T.arange(1 + self._one_count("enumerate_support"), dtype=self._param.dtype), expand)


class NegativeBinomial(_Counting):
    """How many trials succeed before `total_count` have failed."""

    arg_constraints = {"total_count": constraints.greater_than_eq(0),
                       "probs": constraints.half_open_interval(0.0, 1.0), "logits": real}
    support = nonnegative_integer
    mean = property(lambda self: self.total_count * self.logits.exp())
    mode = property(lambda self: ((self.total_count - 1) * self.logits.exp()).floor().clamp(min=0.0))
    variance = property(lambda self: self.mean / T.sigmoid(-self.logits))

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with no_grad():
            rate = Gamma(self.total_count, (-self.logits).exp(), validate_args=False).sample(sample_shape)
            return T.poisson(rate)

    def log_prob(self, value: Tensor) -> Tensor:
        self._check(value)
        n = self.total_count
        choices = (n + value).lgamma() - (1.0 + value).lgamma() - n.lgamma()
        return (n * F.logsigmoid(-self.logits) + value * F.logsigmoid(self.logits)
                + choices.masked_fill(n + value == 0.0, 0.0))


class Poisson(ExponentialFamily):
    """How often something happens that happens `rate` times on average."""

    arg_constraints, support = {"rate": nonnegative}, nonnegative_integer

    def __init__(self, rate: Any, validate_args: bool | None = None):
        self._take(validate_args, rate=rate)

    mean = variance = property(lambda self: self.rate)
    mode = property(lambda self: self.rate.floor())

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with no_grad():
            return T.poisson(self.rate.expand(self._extended_shape(sample_shape)))

    def log_prob(self, value: Tensor) -> Tensor:
        self._check(value)
        rate, value = broadcast_all(self.rate, value)
        return T.xlogy(value, rate) - rate - (value + 1).lgamma()


class Categorical(ByProbs):
    """One of K, by number: `probs` (*, K) in proportion to what they are given as, or `logits`.

    >>> d = ndl.distributions.Categorical(ndl.tensor([1.0, 3.0]))
    >>> d.probs, d.log_prob(ndl.tensor(1)).exp()
    (tensor([0.2500, 0.7500]), tensor(0.7500))
    """

    arg_constraints, has_enumerate_support, is_binary = _CHOICE, True, False
    support = dependent_property(lambda self: integer_interval(0, self._num_events - 1), is_discrete=True, event_dim=0)

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None):
        (name, given), = self._choose(probs, logits).items()
        if given.dim() < 1:
            raise ValueError(f"`{name}` parameter must be at least one-dimensional.")
        normal = given / given.sum(-1, keepdim=True) if name == "probs" else given - given.logsumexp(-1, keepdim=True)
        self.__dict__[name] = normal
        self._num_events = normal.shape[-1]
        super().__init__(normal.shape[:-1], validate_args=validate_args)

    mean = variance = property(
        lambda self: T.full(self._extended_shape(), math.nan, dtype=self.probs.dtype))
    mode = property(lambda self: self.probs.argmax(-1))

    def sample(self, sample_shape: Any = ()) -> Tensor:
        probs = self.probs.detach().reshape(-1, self._num_events)
        drawn = T.multinomial(probs, Size(sample_shape).numel(), True).T
        return drawn.reshape(self._extended_shape(sample_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        self._check(value)
        value, logits = T.broadcast_tensors(value.long().unsqueeze(-1), self.logits)
        return logits.gather(-1, value[..., :1]).squeeze(-1)

    def entropy(self) -> Tensor:
        return -(self.logits.clamp(min=-3e38 if self.logits.element_size() == 4 else -1e308) * self.probs).sum(-1)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        return self._counted(T.arange(self._num_events), expand)


class _OfChoices(Distribution):
    """Made of a Categorical, with one number for each of its K."""

    arg_constraints = _CHOICE

    def _hold(self, categorical: Categorical, validate_args: bool | None) -> None:
        self._categorical = categorical
        Distribution.__init__(self, categorical.batch_shape, categorical.param_shape[-1:], validate_args)

    logits = property(lambda self: self._categorical.logits)
    probs = property(lambda self: self._categorical.probs)
    _param = property(lambda self: self._categorical._param)
    param_shape = property(lambda self: self._categorical.param_shape)


class OneHotCategorical(_OfChoices):
    """One of K, as a vector with a single 1."""

    support, has_enumerate_support = one_hot, True

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None):
        self._hold(Categorical(probs, logits), validate_args)

    mean = property(lambda self: self.probs)
    mode = property(lambda self: F.one_hot(self.probs.argmax(-1), self.probs.shape[-1]).to(self.probs.dtype))
    variance = property(lambda self: self.probs * (1 - self.probs))

    def sample(self, sample_shape: Any = ()) -> Tensor:
        return F.one_hot(self._categorical.sample(sample_shape), self.probs.shape[-1]).to(self.probs.dtype)

    def log_prob(self, value: Tensor) -> Tensor:
        self._check(value)
        return self._categorical.log_prob(value.argmax(-1))

    def entropy(self) -> Tensor:
        return self._categorical.entropy()

    def enumerate_support(self, expand: bool = True) -> Tensor:
        n = self.event_shape[0]
        values = T.eye(n, dtype=self._param.dtype).reshape(n, *[1] * len(self.batch_shape), n)
        return values.expand(n, *self.batch_shape, n) if expand else values


class OneHotCategoricalStraightThrough(OneHotCategorical):
    """The same, whose draws pass gradients on to `probs` as if they were those. Bengio et al., 2013."""

    has_rsample = True

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self.sample(sample_shape) + (self.probs - self.probs.detach())


class Multinomial(_OfChoices):
    """How often each of K came up in `total_count` choices."""

    support = dependent_property(lambda self: constraints.multinomial(self.total_count), is_discrete=True, event_dim=1)

    def __init__(self, total_count: int = 1, probs: Any = None, logits: Any = None, validate_args: bool | None = None):
        if not isinstance(total_count, int):
            raise NotImplementedError(f"inhomogeneous total_count is not supported; got {total_count!r}, expected an int.")
        self.total_count = total_count
        self._hold(Categorical(probs, logits), validate_args)

    mean = property(lambda self: self.probs * self.total_count)
    variance = property(lambda self: self.total_count * self.probs * (1 - self.probs))

    def sample(self, sample_shape: Any = ()) -> Tensor:
        drawn = self._categorical.sample((self.total_count, *sample_shape))
        counts = drawn.new_zeros(self._extended_shape(sample_shape))
        drawn = drawn.movedim(0, -1)
        return counts.scatter_add(-1, drawn, T.ones_like(drawn)).to(self.probs.dtype)

    def log_prob(self, value: Tensor) -> Tensor:
        self._check(value)
        logits, value = broadcast_all(self.logits, value)
        logits = logits.masked_fill((value == 0) & (logits == -math.inf), 0)
        return (value.sum(-1) + 1).lgamma() - (value + 1).lgamma().sum(-1) + (logits * value).sum(-1)

    def entropy(self) -> Tensor:
        n = self.total_count
        each = Binomial(n, probs=self.probs)
        counts = each.enumerate_support(False)[1:]
        repeats = (each.log_prob(counts).exp() * (counts + 1).lgamma()).sum(0)
        return n * self._categorical.entropy() - math.lgamma(n + 1) + sum_rightmost(repeats, 1)


class ContinuousBernoulli(ByProbs, ExponentialFamily):
    """A number between 0 and 1 whose density is that of a Bernoulli distribution, made to sum to 1. For pixels.

    Between `lims`, where its formulas divide 0 by 0, Taylor's series take their place. Loaiza-Ganem, Cunningham, 2019.
    """

    arg_constraints, support, has_rsample = _BINARY, unit_interval, True

    def __init__(self, probs: Any = None, logits: Any = None, lims: tuple[float, float] = (0.499, 0.501),
                 validate_args: bool | None = None):
        self._lims = lims
        self._take(validate_args, **self._choose(probs, logits))
        if probs is not None:
            self.probs = clamp_probs(self.probs)

    @lazy_property
    def probs(self) -> Any:
        return clamp_probs(T.sigmoid(self.logits))

    def _either(self, formula: Any, middle: Any) -> Tensor:
        """formula(probs, log((1 - probs) / probs)), and where it is not stable middle(probs - 1/2)."""
        p = self.probs
        stable = (p <= self._lims[0]) | (p > self._lims[1])
        safe = p.where(stable, self._lims[0])
        return formula(safe, T.log1p(-safe) - safe.log()).where(stable, middle(p - 0.5))

    def _log_norm(self) -> Tensor:
        return self._either(lambda p, odds: odds.abs().log() - (1 - 2 * p).abs().log(),
                            lambda x: math.log(2.0) + (4 / 3 + 104 / 45 * x**2) * x**2)

    mean = property(lambda self: self._either(lambda p, odds: p / (2 * p - 1) + 1 / odds,
                                              lambda x: 0.5 + (1 / 3 + 16 / 45 * x**2) * x))
    variance = property(lambda self: self._either(lambda p, odds: p * (p - 1) / (1 - 2 * p) ** 2 + 1 / odds**2,
                                                  lambda x: 1 / 12 - (1 / 15 - 128 / 945 * x**2) * x**2))

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self.icdf(uniform(self._extended_shape(sample_shape), self.probs))

    def log_prob(self, value: Tensor) -> Tensor:
        self._check(value)
        logits, value = broadcast_all(self.logits, value)
        return -F.binary_cross_entropy_with_logits(logits, value, reduction="none") + self._log_norm()

    def cdf(self, value: Tensor) -> Tensor:
        self._check(value)
        inside = self._either(lambda p, odds: (p**value * (1 - p) ** (1 - value) + p - 1) / (2 * p - 1), lambda x: value)
        return inside.masked_fill(value <= 0, 0.0).masked_fill(value >= 1, 1.0)

    def icdf(self, value: Tensor) -> Tensor:
        return self._either(lambda p, odds: -(T.log1p(-p + value * (2 * p - 1)) - T.log1p(-p)) / odds, lambda x: value)

    def entropy(self) -> Tensor:
        p = self.probs
        return self.mean * (T.log1p(-p) - p.log()) - self._log_norm() - T.log1p(-p)
