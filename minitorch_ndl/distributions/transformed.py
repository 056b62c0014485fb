"""Distributions that are others, transformed: what they add is the names of their parameters, and their formulas."""

from __future__ import annotations

import math
from typing import Any

from ..tensor import Tensor
from .combined import TransformedDistribution
from .constraints import (
    dependent_property,
    greater_than_eq,
    nonnegative,
    positive,
    real,
    real_vector,
    simplex,
    unit_interval,
)
from .continuous import Cauchy, Exponential, Gamma, Normal, Uniform
from .discrete import Categorical
from .distribution import ByProbs, Distribution
from .transforms import AbsTransform, AffineTransform, ExpTransform, PowerTransform, SigmoidTransform, StickBreakingTransform
from .utils import T, broadcast_all, clamp_probs, eps, euler_constant, tiny, uniform


def _base(name: str) -> Any:
    return property(lambda self: getattr(self.base_dist, name))


class LogNormal(TransformedDistribution):
    """exp of a normal number."""

    arg_constraints, support = {"loc": real, "scale": positive}, positive

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None):
        super().__init__(Normal(loc, scale, validate_args), ExpTransform(), validate_args)

    loc, scale = _base("loc"), _base("scale")
    mean = property(lambda self: (self.loc + self.scale**2 / 2).exp())
    mode = property(lambda self: (self.loc - self.scale**2).exp())
    variance = property(lambda self: (self.scale**2).expm1() * (2 * self.loc + self.scale**2).exp())

    def entropy(self) -> Tensor:
        return self.base_dist.entropy() + self.loc


class _Half(TransformedDistribution):
    """|x| of a symmetric x."""

    arg_constraints, support = {"scale": positive}, nonnegative
    scale = _base("scale")
    mode = property(lambda self: T.zeros_like(self.scale))

    def log_prob(self, value: Tensor) -> Tensor:
        self._check(value)
        return (self.base_dist.log_prob(value) + math.log(2)).where(value >= 0, -math.inf)

    def cdf(self, value: Tensor) -> Tensor:
        self._check(value)
        return 2 * self.base_dist.cdf(value) - 1

    def icdf(self, value: Tensor) -> Tensor:
        return self.base_dist.icdf((value + 1) / 2)

    def entropy(self) -> Tensor:
        return self.base_dist.entropy() - math.log(2)


class HalfNormal(_Half):
    """|x| of a normal x around 0."""

    def __init__(self, scale: Any, validate_args: bool | None = None):
        super().__init__(Normal(0, scale, validate_args=False), AbsTransform(), validate_args)

    mean = property(lambda self: self.scale * math.sqrt(2 / math.pi))
    variance = property(lambda self: self.scale**2 * (1 - 2 / math.pi))


class HalfCauchy(_Half):
    """|x| of a Cauchy distributed x around 0."""

    def __init__(self, scale: Any, validate_args: bool | None = None):
        super().__init__(Cauchy(0, scale, validate_args=False), AbsTransform(), validate_args)

    mean = property(lambda self: T.full_like(self.scale, math.inf))
    variance = _base("variance")


class Gumbel(TransformedDistribution):
    """The largest of many numbers; loc - scale · log(-log u) of a uniform u."""

    arg_constraints, support = {"loc": real, "scale": positive}, real

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None):
        self.loc, self.scale = broadcast_all(loc, scale)
        base = Uniform(T.full_like(self.loc, tiny(self.loc)), T.full_like(self.loc, 1 - eps(self.loc)), validate_args)
        super().__init__(base, [ExpTransform().inv, AffineTransform(0, -T.ones_like(self.scale)), ExpTransform().inv,
                                AffineTransform(self.loc, -self.scale)], validate_args)

    mean = property(lambda self: self.loc + self.scale * euler_constant)
    mode = property(lambda self: self.loc)
    stddev = property(lambda self: math.pi / math.sqrt(6) * self.scale)
    variance = property(lambda self: self.stddev**2)

    def log_prob(self, value: Tensor) -> Tensor:
        self._check(value)
        y = (self.loc - value) / self.scale
        return y - y.exp() - self.scale.log()

    def entropy(self) -> Tensor:
        return self.scale.log() + (1 + euler_constant)


class Pareto(TransformedDistribution):
    """At least `scale`, with a tail that falls as the power `alpha`."""

    arg_constraints = {"alpha": positive, "scale": positive}
    support = dependent_property(lambda self: greater_than_eq(self.scale), is_discrete=False, event_dim=0)

    def __init__(self, scale: Any, alpha: Any, validate_args: bool | None = None):
        self.scale, self.alpha = broadcast_all(scale, alpha)
        super().__init__(Exponential(self.alpha, validate_args), [ExpTransform(), AffineTransform(0, self.scale)],
                         validate_args)

    mode = property(lambda self: self.scale)

    @property
    def mean(self) -> Tensor:
        a = self.alpha.clamp(min=1)
        return a * self.scale / (a - 1)

    @property
    def variance(self) -> Tensor:
        a = self.alpha.clamp(min=2)
        return self.scale**2 * a / ((a - 1) ** 2 * (a - 2))

    def entropy(self) -> Tensor:
        return (self.scale / self.alpha).log() + 1 + 1 / self.alpha


class Weibull(TransformedDistribution):
    """A power of an exponential waiting time."""

    arg_constraints, support = {"scale": positive, "concentration": positive}, positive

    def __init__(self, scale: Any, concentration: Any, validate_args: bool | None = None):
        self.scale, self.concentration = broadcast_all(scale, concentration)
        super().__init__(Exponential(T.ones_like(self.scale), validate_args),
                         [PowerTransform(1 / self.concentration), AffineTransform(0, self.scale)], validate_args)

    concentration_reciprocal = property(lambda self: 1 / self.concentration)
    mean = property(lambda self: self.scale * (1 + 1 / self.concentration).lgamma().exp())
    mode = property(lambda self: self.scale * ((self.concentration - 1) / self.concentration) ** (1 / self.concentration))

    @property
    def variance(self) -> Tensor:
        r = 1 / self.concentration
        return self.scale**2 * ((1 + 2 * r).lgamma().exp() - (2 * (1 + r).lgamma()).exp())

    def entropy(self) -> Tensor:
        r = 1 / self.concentration
        return euler_constant * (1 - r) + (self.scale * r).log() + 1


class InverseGamma(TransformedDistribution):
    """1 / x of a gamma distributed x."""

    arg_constraints, support = {"concentration": positive, "rate": positive}, positive

    def __init__(self, concentration: Any, rate: Any, validate_args: bool | None = None):
        base = Gamma(concentration, rate, validate_args)
        super().__init__(base, PowerTransform(-base.rate.new_ones(())), validate_args)

    concentration, rate = _base("concentration"), _base("rate")
    mean = property(lambda self: (self.rate / (self.concentration - 1)).where(self.concentration > 1, math.inf))
    mode = property(lambda self: self.rate / (self.concentration + 1))

    @property
    def variance(self) -> Tensor:
        a = self.concentration
        return (self.rate**2 / ((a - 1) ** 2 * (a - 2))).where(a > 2, math.inf)

    def entropy(self) -> Tensor:
        a = self.concentration
        return a + self.rate.log() + a.lgamma() - (1 + a) * a.digamma()


class Kumaraswamy(TransformedDistribution):
    """A probability, much as Beta's, with a simple formula for its draws."""

    arg_constraints, support = {"concentration1": positive, "concentration0": positive}, unit_interval

    def __init__(self, concentration1: Any, concentration0: Any, validate_args: bool | None = None):
        self.concentration1, self.concentration0 = a, b = broadcast_all(concentration1, concentration0)
        super().__init__(Uniform(T.zeros_like(a), T.ones_like(a), validate_args),
                         [PowerTransform(1 / b), AffineTransform(1.0, -1.0), PowerTransform(1 / a)], validate_args)

    def _moment(self, n: int) -> Tensor:
        b, order = self.concentration0, 1 + n / self.concentration1
        return b * (order.lgamma() + b.lgamma() - (order + b).lgamma()).exp()

    mean = property(lambda self: self._moment(1))
    variance = property(lambda self: self._moment(2) - self._moment(1) ** 2)

    @property
    def mode(self) -> Tensor:
        a, b = self.concentration1, self.concentration0
        return ((a - 1) / (a * b - 1)).pow(1 / a).masked_fill((a < 1) | (b < 1), math.nan)

    def entropy(self) -> Tensor:
        a, b = self.concentration1, self.concentration0
        return (1 - 1 / b) + (1 - 1 / a) * ((b + 1).digamma() + euler_constant) - a.log() - b.log()


class LogisticNormal(TransformedDistribution):
    """Probabilities (*, K + 1) out of K normal numbers."""

    arg_constraints, support = {"loc": real, "scale": positive}, simplex

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None):
        base = Normal(loc, scale, validate_args)
        super().__init__(base if base.batch_shape else base.expand([1]), StickBreakingTransform(), validate_args)

    loc = property(lambda self: self.base_dist.base_dist.loc)
    scale = property(lambda self: self.base_dist.base_dist.scale)


# --- choices, relaxed so that gradients pass: Maddison et al., 2017; Jang et al., 2017 ---------------------------------


class LogitRelaxedBernoulli(ByProbs):
    """The log-odds of `RelaxedBernoulli`."""

    arg_constraints, support, has_rsample = {"probs": unit_interval, "logits": real}, real, True

    def __init__(self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None):
        self.temperature = temperature
        self._take(validate_args, **self._choose(probs, logits))

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        probs = clamp_probs(self.probs.expand(shape))
        u = clamp_probs(uniform(shape, probs))
        return (u.log() - (-u).log1p() + probs.log() - (-probs).log1p()) / self.temperature

    def log_prob(self, value: Tensor) -> Tensor:
        self._check(value)
        logits, value = broadcast_all(self.logits, value)
        difference = logits - value * self.temperature
        return self.temperature.log() + difference - 2 * difference.exp().log1p()


class _Relaxed(TransformedDistribution):
    temperature, logits, probs = _base("temperature"), _base("logits"), _base("probs")


class RelaxedBernoulli(_Relaxed):
    """Between 0 and 1; the lower the temperature, the closer to one of them."""

    arg_constraints, support = {"probs": unit_interval, "logits": real}, unit_interval

    def __init__(self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None):
        super().__init__(LogitRelaxedBernoulli(temperature, probs, logits), SigmoidTransform(), validate_args)


class ExpRelaxedCategorical(Distribution):
    """The logarithm of `RelaxedOneHotCategorical`."""

    arg_constraints, support, has_rsample = {"probs": simplex, "logits": real_vector}, real_vector, True

    def __init__(self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None):
        self._categorical, self.temperature = Categorical(probs, logits), temperature
        super().__init__(self._categorical.batch_shape, self._categorical.param_shape[-1:], validate_args)

    logits = property(lambda self: self._categorical.logits)
    probs = property(lambda self: self._categorical.probs)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        u = clamp_probs(uniform(self._extended_shape(sample_shape), self.logits))
        scores = (self.logits - (-u.log()).log()) / self.temperature
        return scores - scores.logsumexp(-1, keepdim=True)

    def log_prob(self, value: Tensor) -> Tensor:
        self._check(value)
        k = self._event_shape[0]
        logits, value = broadcast_all(self.logits, value)
        score = logits - value * self.temperature
        return ((score - score.logsumexp(-1, keepdim=True)).sum(-1) + math.lgamma(k)
                + self.temperature.log() * (k - 1))


class RelaxedOneHotCategorical(_Relaxed):
    """Probabilities; the lower the temperature, the closer to a single 1."""

    arg_constraints, support = {"probs": simplex, "logits": real_vector}, simplex

    def __init__(self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None):
        super().__init__(ExpRelaxedCategorical(temperature, probs, logits, validate_args), ExpTransform(), validate_args)
