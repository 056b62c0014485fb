"""Continuous distributions of single numbers, and Dirichlet's of probabilities. Each is a table of its formulas."""

from __future__ import annotations

import math
from typing import Any

from ..autograd.grad_mode import no_grad
from ..tensor import Tensor
from .constraints import (
    dependent_property,
    greater_than,
    independent,
    interval,
    less_than,
    nonnegative,
    positive,
    real,
    simplex,
    unit_interval,
)
from .distribution import Distribution, ExponentialFamily
from .draws import gamma_cdf, standard_gamma
from .utils import F, T, broadcast_all, eps, special, standard_normal, tiny, uniform

_LOC_SCALE = {"loc": real, "scale": positive}
_loc = property(lambda self: self.loc)


class Normal(ExponentialFamily):
    """Of mean `loc` and standard deviation `scale`.

    >>> d = ndl.distributions.Normal(0.0, 2.0)
    >>> d.log_prob(ndl.tensor(0.0)), d.cdf(ndl.tensor(0.0))
    (tensor(-1.6121), tensor(0.5000))
    """

    arg_constraints, support, has_rsample = _LOC_SCALE, real, True

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None):
        self._take(validate_args, loc=loc, scale=scale)

    mean = mode = _loc
    stddev = property(lambda self: self.scale)
    variance = property(lambda self: self.scale**2)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        with no_grad():
            return T.normal(self.loc.expand(shape), self.scale.expand(shape))

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self.loc + standard_normal(self._extended_shape(sample_shape), self.loc) * self.scale

    def log_prob(self, value: Tensor) -> Tensor:
        self._check(value)
        return -((value - self.loc) ** 2) / (2 * self.scale**2) - self.scale.log() - 0.5 * math.log(2 * math.pi)

    def cdf(self, value: Tensor) -> Tensor:
        self._check(value)
        return 0.5 * (1 + T.erf((value - self.loc) / self.scale / math.sqrt(2)))

    def icdf(self, value: Tensor) -> Tensor:
        return self.loc + self.scale * T.erfinv(2 * value - 1) * math.sqrt(2)

    def entropy(self) -> Tensor:
        return 0.5 + 0.5 * math.log(2 * math.pi) + self.scale.log()


class Uniform(Distribution):
    """Between `low` and `high`, all as likely."""

    has_rsample = True
    arg_constraints = property(lambda self: {"low": less_than(self.high), "high": greater_than(self.low)})
    support = dependent_property(lambda self: interval(self.low, self.high), is_discrete=False, event_dim=0)

    def __init__(self, low: Any, high: Any, validate_args: bool | None = None):
        self._take(validate_args, low=low, high=high)

    mean = property(lambda self: (self.high + self.low) / 2)
    mode = property(lambda self: math.nan * self.high)
    stddev = property(lambda self: (self.high - self.low) / math.sqrt(12))
    variance = property(lambda self: (self.high - self.low) ** 2 / 12)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self.low + uniform(self._extended_shape(sample_shape), self.low) * (self.high - self.low)

    def log_prob(self, value: Tensor) -> Tensor:
        self._check(value)
        inside = ((self.low <= value) & (self.high > value)).to(self.low.dtype)
        return inside.log() - (self.high - self.low).log()

    def cdf(self, value: Tensor) -> Tensor:
        self._check(value)
        return ((value - self.low) / (self.high - self.low)).clamp(0, 1)

    def icdf(self, value: Tensor) -> Tensor:
        return value * (self.high - self.low) + self.low

    def entropy(self) -> Tensor:
        return (self.high - self.low).log()


class Exponential(ExponentialFamily):
    """The waiting time for what happens `rate` times per unit."""

    arg_constraints, support, has_rsample = {"rate": positive}, nonnegative, True

    def __init__(self, rate: Any, validate_args: bool | None = None):
        self._take(validate_args, rate=rate)

    mean = stddev = property(lambda self: 1 / self.rate)
    mode = property(lambda self: T.zeros_like(self.rate))
    variance = property(lambda self: self.rate**-2)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return T.empty(self._extended_shape(sample_shape), dtype=self.rate.dtype).exponential_() / self.rate

    def log_prob(self, value: Tensor) -> Tensor:
        self._check(value)
        return self.rate.log() - self.rate * value

    def cdf(self, value: Tensor) -> Tensor:
        self._check(value)
        return 1 - T.exp(-self.rate * value)

    def icdf(self, value: Tensor) -> Tensor:
        return -T.log1p(-value) / self.rate

    def entropy(self) -> Tensor:
        return 1.0 - self.rate.log()


class Gamma(ExponentialFamily):
    """Of shape `concentration` and inverse scale `rate`; the sum of waiting times, for whole concentrations."""

    arg_constraints, support, has_rsample = {"concentration": positive, "rate": positive}, nonnegative, True

    def __init__(self, concentration: Any, rate: Any, validate_args: bool | None = None):
        self._take(validate_args, concentration=concentration, rate=rate)

    mean = property(lambda self: self.concentration / self.rate)
    mode = property(lambda self: ((self.concentration - 1) / self.rate).clamp(min=0))
    variance = property(lambda self: self.concentration / self.rate**2)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        value = standard_gamma(self.concentration.expand(self._extended_shape(sample_shape))) / self.rate
        value.detach().clamp_(min=tiny(value))
        return value

    def log_prob(self, value: Any) -> Tensor:
        value = T.as_tensor(value, dtype=self.rate.dtype)
        self._check(value)
        return (T.xlogy(self.concentration, self.rate) + T.xlogy(self.concentration - 1, value) - self.rate * value
                - self.concentration.lgamma())

    def cdf(self, value: Tensor) -> Tensor:
        self._check(value)
        return gamma_cdf(self.concentration, self.rate * value)

    def entropy(self) -> Tensor:
        a = self.concentration
        return a - self.rate.log() + a.lgamma() + (1.0 - a) * a.digamma()


class Chi2(Gamma):
    """The sum of the squares of `df` standard normal numbers."""

    arg_constraints = {"df": positive}

    def __init__(self, df: Any, validate_args: bool | None = None):
        super().__init__(0.5 * df, 0.5, validate_args)

    df = property(lambda self: self.concentration * 2)

    def _parameters(self) -> dict[str, int]:
        return {"concentration": 0, "rate": 0}


class Laplace(Distribution):
    """An exponential distribution to both sides of `loc`."""

    arg_constraints, support, has_rsample = _LOC_SCALE, real, True

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None):
        self._take(validate_args, loc=loc, scale=scale)

    mean = mode = _loc
    stddev = property(lambda self: math.sqrt(2) * self.scale)
    variance = property(lambda self: 2 * self.scale**2)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        u = uniform(self._extended_shape(sample_shape), self.loc, eps(self.loc) - 1, 1)
        return self.loc - self.scale * u.sign() * T.log1p(-u.abs())

    def log_prob(self, value: Tensor) -> Tensor:
        self._check(value)
        return -(2 * self.scale).log() - (value - self.loc).abs() / self.scale

    def cdf(self, value: Tensor) -> Tensor:
        self._check(value)
        distance = value - self.loc
        return 0.5 - 0.5 * distance.sign() * T.expm1(-distance.abs() / self.scale)

    def icdf(self, value: Tensor) -> Tensor:
        term = value - 0.5
        return self.loc - self.scale * term.sign() * T.log1p(-2 * term.abs())

    def entropy(self) -> Tensor:
        return 1 + (2 * self.scale).log()


class Cauchy(Distribution):
    """The ratio of two normal numbers: so wide that it has no mean."""

    arg_constraints, support, has_rsample = _LOC_SCALE, real, True

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None):
        self._take(validate_args, loc=loc, scale=scale)

    mode = _loc
    mean = property(lambda self: T.full_like(self.loc, math.nan))
    variance = property(lambda self: T.full_like(self.loc, math.inf))

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self.loc + T.empty(self._extended_shape(sample_shape), dtype=self.loc.dtype).cauchy_() * self.scale

    def log_prob(self, value: Tensor) -> Tensor:
        self._check(value)
        return -math.log(math.pi) - self.scale.log() - (((value - self.loc) / self.scale) ** 2).log1p()

    def cdf(self, value: Tensor) -> Tensor:
        self._check(value)
        return T.atan((value - self.loc) / self.scale) / math.pi + 0.5

    def icdf(self, value: Tensor) -> Tensor:
        return T.tan(math.pi * (value - 0.5)) * self.scale + self.loc

    def entropy(self) -> Tensor:
        return math.log(4 * math.pi) + self.scale.log()


class StudentT(Distribution):
    """A normal number over the root of a Chi2 one of `df` degrees of freedom, per degree."""

    arg_constraints, support, has_rsample = {"df": positive, **_LOC_SCALE}, real, True

    def __init__(self, df: Any, loc: Any = 0.0, scale: Any = 1.0, validate_args: bool | None = None):
        self._take(validate_args, df=df, loc=loc, scale=scale)
        self._chi2 = Chi2(self.df)

    mode = _loc
    mean = property(lambda self: self.loc.where(self.df > 1, math.nan))

    @property
    def variance(self) -> Tensor:
        value = self.scale**2 * self.df / (self.df - 2)
        return value.where(self.df > 2, T.full_like(value, math.inf).where(self.df > 1, math.nan))

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        x = standard_normal(self._extended_shape(sample_shape), self.df)
        return self.loc + self.scale * (x * T.rsqrt(self._chi2.rsample(sample_shape) / self.df))

    def log_prob(self, value: Tensor) -> Tensor:
        self._check(value)
        df, y = self.df, (value - self.loc) / self.scale
        z = self.scale.log() + 0.5 * (df.log() + math.log(math.pi)) + (0.5 * df).lgamma() - (0.5 * (df + 1.0)).lgamma()
        return -0.5 * (df + 1.0) * T.log1p(y**2.0 / df) - z

    def entropy(self) -> Tensor:
        half, more = 0.5 * self.df, 0.5 * (self.df + 1)
        return (self.scale.log() + more * (more.digamma() - half.digamma()) + 0.5 * self.df.log() + half.lgamma()
                + math.lgamma(0.5) - more.lgamma())


class Dirichlet(ExponentialFamily):
    """Probabilities (*, K) that sum to 1. `concentration` (*, K): the larger, the closer to its own proportions."""

    arg_constraints, support, has_rsample = {"concentration": independent(positive, 1)}, simplex, True

    def __init__(self, concentration: Tensor, validate_args: bool | None = None):
        if concentration.dim() < 1:
            raise ValueError("`concentration` parameter must be at least one-dimensional.")
        self.concentration = concentration
        super().__init__(concentration.shape[:-1], concentration.shape[-1:], validate_args)

    mean = property(lambda self: self.concentration / self.concentration.sum(-1, True))

    @property
    def mode(self) -> Tensor:
        above = (self.concentration - 1).clamp(min=0.0)
        mode = above / above.sum(-1, True)
        corner = F.one_hot(mode.argmax(-1), mode.shape[-1]).to(mode.dtype)
        return corner.where((self.concentration < 1).all(-1, True), mode)

    @property
    def variance(self) -> Tensor:
        total = self.concentration.sum(-1, True)
        return self.concentration * (total - self.concentration) / (total**2 * (total + 1))

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        drawn = standard_gamma(self.concentration.expand(self._extended_shape(sample_shape)).double())
        return (drawn / drawn.sum(-1, True)).to(self.concentration.dtype).clamp(tiny(self.concentration),
                                                                               1 - eps(self.concentration))

    def log_prob(self, value: Tensor) -> Tensor:
        self._check(value)
        a = self.concentration
        return T.xlogy(a - 1.0, value).sum(-1) + a.sum(-1).lgamma() - a.lgamma().sum(-1)

    def entropy(self) -> Tensor:
        a, total = self.concentration, self.concentration.sum(-1)
        return (a.lgamma().sum(-1) - total.lgamma() - (a.shape[-1] - total) * total.digamma()
                - ((a - 1.0) * a.digamma()).sum(-1))


class Beta(ExponentialFamily):
    """A probability: Dirichlet's distribution of two."""

    arg_constraints = {"concentration1": positive, "concentration0": positive}
    support, has_rsample = unit_interval, True

    def __init__(self, concentration1: Any, concentration0: Any, validate_args: bool | None = None):
        self._dirichlet = Dirichlet(T.stack(broadcast_all(concentration1, concentration0), -1), validate_args)
        super().__init__(self._dirichlet.batch_shape, validate_args=validate_args)

    concentration1 = property(lambda self: self._dirichlet.concentration[..., 0])
    concentration0 = property(lambda self: self._dirichlet.concentration[..., 1])
    mean = property(lambda self: self.concentration1 / (self.concentration1 + self.concentration0))
    mode = property(lambda self: self._dirichlet.mode[..., 0])

    @property
    def variance(self) -> Tensor:
        total = self.concentration1 + self.concentration0
        return self.concentration1 * self.concentration0 / (total**2 * (total + 1))

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self._dirichlet.rsample(sample_shape)[..., 0]

    def log_prob(self, value: Tensor) -> Tensor:
        self._check(value)
        return self._dirichlet.log_prob(T.stack([value, 1.0 - value], -1))

    def entropy(self) -> Tensor:
        return self._dirichlet.entropy()


class FisherSnedecor(Distribution):
    """The ratio of two Chi2 numbers, each per degree of freedom."""

    arg_constraints, support, has_rsample = {"df1": positive, "df2": positive}, positive, True

    def __init__(self, df1: Any, df2: Any, validate_args: bool | None = None):
        self._take(validate_args, df1=df1, df2=df2)
        self._gamma1, self._gamma2 = (Gamma(df * 0.5, df) for df in (self.df1, self.df2))

    mean = property(lambda self: (self.df2 / (self.df2 - 2)).where(self.df2 > 2, math.nan))
    mode = property(lambda self: ((self.df1 - 2) / self.df1 * self.df2 / (self.df2 + 2)).where(self.df1 > 2, math.nan))

    @property
    def variance(self) -> Tensor:
        a, b = self.df1, self.df2
        return (2 * b**2 * (a + b - 2) / (a * (b - 2) ** 2 * (b - 4))).where(b > 4, math.nan)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        above, below = self._gamma1.rsample(sample_shape), self._gamma2.rsample(sample_shape)
        return (above / below.clamp(min=tiny(below))).clamp(min=tiny(below))

    def log_prob(self, value: Tensor) -> Tensor:
        self._check(value)
        a, b, ratio = self.df1 * 0.5, self.df2 * 0.5, self.df1 / self.df2
        return ((a + b).lgamma() - a.lgamma() - b.lgamma() + a * ratio.log() + (a - 1) * value.log()
                - (a + b) * T.log1p(ratio * value))


class VonMises(Distribution):
    """An angle around `loc`: a normal distribution on the circle. Best and Fisher, 1979."""

    arg_constraints, support = {"loc": real, "concentration": positive}, real

    def __init__(self, loc: Any, concentration: Any, validate_args: bool | None = None):
        self._take(validate_args, loc=loc, concentration=concentration)

    mean = mode = _loc

    @property
    def variance(self) -> Tensor:
        return 1 - special.i1e(self.concentration) / special.i0e(self.concentration)

    def log_prob(self, value: Tensor) -> Tensor:
        self._check(value)
        k = self.concentration
        return k * (T.cos(value - self.loc) - 1) - math.log(2 * math.pi) - special.i0e(k).log()

    @no_grad()
    def sample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        k, x = self.concentration.double(), T.zeros(shape, dtype=T.empty(0).double().dtype)
        tau = 1 + (1 + 4 * k**2).sqrt()
        rho = (tau - (2 * tau).sqrt()) / (2 * k)
        r = ((1 + rho**2) / (2 * rho)).where(k >= 1e-5, 1 / k + k)
        done = T.zeros(shape) > 0
        while not done.all():
            u1, u2, u3 = uniform((3, *shape), x)
            z = T.cos(math.pi * u1)
            f = (1 + r * z) / (r + z)
            c = k * (r - f)
            taken = (c * (2 - c) - u2 > 0) | ((c / u2).log() + 1 - c >= 0)
            x, done = ((u3 - 0.5).sign() * f.acos()).where(taken, x), done | taken
        return ((x + math.pi + self.loc) % (2 * math.pi) - math.pi).to(self.loc.dtype)


class GeneralizedPareto(Distribution):
    """What lies above a threshold `loc`: an exponential tail for `concentration` 0, a heavier one above, an end below."""

    arg_constraints, has_rsample = {**_LOC_SCALE, "concentration": real}, True

    @dependent_property(is_discrete=False, event_dim=0)
    def support(self) -> Any:
        end = self.loc - self.scale / self.concentration
        return interval(self.loc, end.where(self.concentration < 0, math.inf))

    def __init__(self, loc: Any, scale: Any, concentration: Any, validate_args: bool | None = None):
        self._take(validate_args, loc=loc, scale=scale, concentration=concentration)

    mode = _loc
    mean = property(lambda self: (self.loc + self.scale / (1 - self.concentration)).where(self.concentration < 1, math.nan))

    @property
    def variance(self) -> Tensor:
        k = self.concentration
        return (self.scale**2 / ((1 - k) ** 2 * (1 - 2 * k))).where(k < 0.5, math.nan)

    def _shape(self) -> tuple[Tensor, Tensor]:
        """Where the concentration is 0, and the concentration with 1 in that place."""
        zero = T.isclose(self.concentration, T.zeros_like(self.concentration))
        return zero, self.concentration.masked_fill(zero, 1.0)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self.icdf(uniform(self._extended_shape(sample_shape), self.loc))

    def log_prob(self, value: Tensor) -> Tensor:
        self._check(value)
        (zero, k), z = self._shape(), (value - self.loc) / self.scale
        return -self.scale.log() - z.where(zero, (1 / k + 1) * T.log1p(k * z))

    def log_survival_function(self, value: Tensor) -> Tensor:
        """The logarithm of the probability of more than `value`."""
        self._check(value)
        (zero, k), z = self._shape(), (value - self.loc) / self.scale
        return -z.where(zero, T.log1p(k * z) / k)

    def log_cdf(self, value: Tensor) -> Tensor:
        """The logarithm of `cdf`."""
        return T.log1p(-self.log_survival_function(value).exp())

    def cdf(self, value: Tensor) -> Tensor:
        return self.log_cdf(value).exp()

    def icdf(self, value: Tensor) -> Tensor:
        (zero, k), log_more = self._shape(), T.log1p(-value)
        return self.loc + self.scale * (-log_more).where(zero, T.expm1(-k * log_more) / k)

    def entropy(self) -> Tensor:
        return self.scale.log() + self.concentration + 1
