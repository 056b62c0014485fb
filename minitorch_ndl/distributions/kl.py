"""The divergence of Kullback and Leibler: how many nats more it takes to write down draws from p if one believes in q."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ..tensor import Tensor
from .combined import Independent, TransformedDistribution
from .continuous import Beta, Cauchy, Dirichlet, Exponential, Gamma, Laplace, Normal, Uniform
from .discrete import (
    Bernoulli,
    Binomial,
    Categorical,
    ContinuousBernoulli,
    Geometric,
    OneHotCategorical,
    Poisson,
)
from .distribution import Distribution
from .multivariate import LowRankMultivariateNormal, MultivariateNormal, half_logdet, mahalanobis
from .transformed import Gumbel, HalfNormal, Pareto
from .utils import F, T, euler_constant as gamma, linalg, sum_rightmost

_REGISTRY: dict[tuple[type, type], Callable] = {}


def register_kl(type_p: type, type_q: type) -> Callable:
    """Decorate ``f(p, q)`` to be what `kl_divergence` calls for these types, and for their subclasses."""
    for name, cls in (("type_p", type_p), ("type_q", type_q)):
        if not (isinstance(cls, type) and issubclass(cls, Distribution)):
            raise TypeError(f"Expected {name} to be a Distribution subclass but got {cls}")

    def register(function: Callable) -> Callable:
        _REGISTRY[type_p, type_q] = function
        return function

    return register


def kl_divergence(p: Distribution, q: Distribution) -> Tensor:
    """The expectation, over draws from `p`, of ``p.log_prob(x) - q.log_prob(x)``: one number for each of the batch.

    Raises NotImplementedError where there is no formula. https://pytorch.org/docs/stable/distributions.html

    >>> N = ndl.distributions.Normal
    >>> ndl.distributions.kl_divergence(N(0.0, 1.0), N(1.0, 1.0))
    tensor(0.5000)
    """
    for a in type(p).__mro__:  # the nearest type of p counts first, then that of q
        for b in type(q).__mro__:
            if (a, b) in _REGISTRY:
                return _REGISTRY[a, b](p, q)
    raise NotImplementedError(f"No KL(p || q) is implemented for p type {type(p).__name__} and q type {type(q).__name__}; "
                              f"@register_kl defines one.")


def _infinite_where(condition: Tensor, value: Tensor) -> Tensor:
    return value.masked_fill(condition, math.inf)


def _bernoulli(p: Any, q: Any) -> Tensor:
    yes = _infinite_where(q.probs == 0, p.probs * (F.softplus(-q.logits) - F.softplus(-p.logits)))
    no = _infinite_where(q.probs == 1, (1 - p.probs) * (F.softplus(q.logits) - F.softplus(p.logits)))
    return yes.masked_fill(p.probs == 0, 0) + no.masked_fill(p.probs == 1, 0)


def _binomial(p: Any, q: Any) -> Tensor:
    if (p.total_count < q.total_count).any():
        raise NotImplementedError("KL between Binomials where q.total_count > p.total_count is not implemented")
    value = p.total_count * (p.probs * (p.logits - q.logits) + (-p.probs).log1p() - (-q.probs).log1p())
    return _infinite_where(p.total_count > q.total_count, value)


def _categorical(p: Any, q: Any) -> Tensor:
    each = _infinite_where(q.probs == 0, p.probs * (p.logits - q.logits))
    return each.masked_fill(p.probs == 0, 0).sum(-1)


def _dirichlet(p: Any, q: Any) -> Tensor:
    a, b = p.concentration, q.concentration
    return (a.sum(-1).lgamma() - b.sum(-1).lgamma() - (a.lgamma() - b.lgamma()).sum(-1)
            + ((a - b) * (a.digamma() - a.sum(-1, True).digamma())).sum(-1))


def _gamma(p: Any, q: Any) -> Tensor:
    a, b = p.concentration, q.concentration
    return b * (p.rate / q.rate).log() + b.lgamma() - a.lgamma() + (a - b) * a.digamma() + (q.rate - p.rate) * (a / p.rate)


def _gumbel(p: Any, q: Any) -> Tensor:
    ratio, shift = p.scale / q.scale, (p.loc - q.loc) / q.scale
    return -ratio.log() + shift + ratio * gamma + (-shift + (1 + ratio).lgamma()).exp() - (1 + gamma)


def _laplace(p: Any, q: Any) -> Tensor:
    ratio, distance = p.scale / q.scale, (p.loc - q.loc).abs()
    return -ratio.log() + distance / q.scale + ratio * (-distance / p.scale).exp() - 1


def _normal(p: Any, q: Any) -> Tensor:
    ratio = (p.scale / q.scale) ** 2
    return 0.5 * (ratio + ((p.loc - q.loc) / q.scale) ** 2 - 1 - ratio.log())


def _multivariate(p: Any, q: Any) -> Tensor:
    """Through the Cholesky factors of both covariances, low-rank ones too."""
    if p.event_shape != q.event_shape:
        raise ValueError(f"KL-divergence between two Multivariate Normals with different event shapes cannot be computed: "
                         f"{p.event_shape}, {q.event_shape}")
    n = p.event_shape[0]
    mine, other = (d._unbroadcasted_scale_tril if isinstance(d, MultivariateNormal) else d.scale_tril for d in (p, q))
    shape = (*T.broadcast_shapes(mine.shape[:-2], other.shape[:-2]), n, n)
    trace = (linalg.solve_triangular(other.expand(shape), mine.expand(shape), upper=False) ** 2).sum((-2, -1))
    return half_logdet(other) - half_logdet(mine) + 0.5 * (trace + mahalanobis(other, q.loc - p.loc) - n)


def _pareto(p: Any, q: Any) -> Tensor:
    ratio = q.alpha / p.alpha
    return _infinite_where(p.scale < q.scale, q.alpha * (p.scale / q.scale).log() - ratio.log() + ratio - 1)


def _transformed(p: Any, q: Any) -> Tensor:
    if p.transforms != q.transforms or p.event_shape != q.event_shape:
        raise NotImplementedError("No KL(p || q) is implemented for distributions that are transformed differently.")
    return kl_divergence(p.base_dist, q.base_dist)


def _independent(p: Any, q: Any) -> Tensor:
    if p.reinterpreted_batch_ndims != q.reinterpreted_batch_ndims:
        raise NotImplementedError("No KL(p || q) is implemented for Independent with different reinterpreted_batch_ndims.")
    return sum_rightmost(kl_divergence(p.base_dist, q.base_dist), p.reinterpreted_batch_ndims)


def _to_normal(p: Any, q: Any) -> Tensor:
    """To a normal distribution it takes no more than p's entropy, mean and variance."""
    moments = (p.variance + (p.mean - q.loc) ** 2) / (2 * q.scale**2)
    return -p.entropy() + 0.5 * math.log(2 * math.pi) + q.scale.log() + moments


def _to_gamma(mean_log: Callable) -> Callable:
    """To a gamma distribution: p's entropy, mean, and the mean of its logarithm."""
    def divergence(p: Any, q: Any) -> Tensor:
        return (-p.entropy() + q.concentration.lgamma() - q.concentration * q.rate.log()
                - (q.concentration - 1) * mean_log(p) + q.rate * p.mean)

    return divergence


def _to_exponential(p: Any, q: Any) -> Tensor:
    return -p.entropy() - q.rate.log() + q.rate * p.mean


def _to_gumbel(mean_exp: Callable) -> Callable:
    """To a Gumbel distribution: p's entropy, mean, and the mean of exp(-x / scale)."""
    def divergence(p: Any, q: Any) -> Tensor:
        return -p.entropy() + q.scale.log() + (p.mean - q.loc) / q.scale + (q.loc / q.scale).exp() * mean_exp(p, q.scale)

    return divergence


def _to_continuous_bernoulli(p: Any, q: Any) -> Tensor:
    return -p.entropy() - p.mean * q.logits - T.log1p(-q.probs) - q._log_norm()


def _normal_laplace(p: Any, q: Any) -> Tensor:
    z = (p.loc - q.loc) / p.scale
    distance = p.scale * (math.sqrt(2 / math.pi) * (-0.5 * z**2).exp() + z * T.erf(z / math.sqrt(2)))
    return -p.entropy() + (2 * q.scale).log() + distance / q.scale


def _mean_x_log_x(p: Any) -> Tensor:
    """The mean of log(x) over a uniform distribution."""
    width = p.high - p.low
    return (T.xlogy(p.high, p.high) - T.xlogy(p.low, p.low) - width) / width


def _uniform_beta(p: Any, q: Any) -> Tensor:
    a, b = q.concentration1, q.concentration0
    rest = (T.xlogy(1 - p.low, 1 - p.low) - T.xlogy(1 - p.high, 1 - p.high)) / (p.high - p.low) - 1  # the mean of log(1 - x)
    value = -p.entropy() + a.lgamma() + b.lgamma() - (a + b).lgamma() - (a - 1) * _mean_x_log_x(p) - (b - 1) * rest
    return _infinite_where((p.high > 1) | (p.low < 0), value)


def _where_positive(divergence: Callable, lowest: Callable = lambda p: p.low) -> Callable:
    return lambda p, q: _infinite_where(lowest(p) < 0, divergence(p, q))


def _pareto_if(least: float, divergence: Callable) -> Callable:
    """Its moments are infinite for small alpha."""
    return lambda p, q: _infinite_where(p.alpha <= least, divergence(p, q))


# The formulas: p, q -> divergence.
_REGISTRY |= {
    (Bernoulli, Bernoulli): _bernoulli,
    (Beta, Beta): lambda p, q: _dirichlet(p._dirichlet, q._dirichlet),
    (Binomial, Binomial): _binomial,
    (Categorical, Categorical): _categorical,
    (Cauchy, Cauchy): lambda p, q: (((p.scale + q.scale) ** 2 + (p.loc - q.loc) ** 2).log()
                                    - (4 * p.scale * q.scale).log()),
    (Dirichlet, Dirichlet): _dirichlet,
    (Exponential, Exponential): lambda p, q: q.rate / p.rate - (q.rate / p.rate).log() - 1,
    (Gamma, Gamma): _gamma,
    (Geometric, Geometric): lambda p, q: -p.entropy() - T.log1p(-q.probs) / p.probs - q.logits,
    (Gumbel, Gumbel): _gumbel,
    (HalfNormal, HalfNormal): lambda p, q: _normal(p.base_dist, q.base_dist),
    (Independent, Independent): _independent,
    (Laplace, Laplace): _laplace,
    (LowRankMultivariateNormal, LowRankMultivariateNormal): _multivariate,
    (LowRankMultivariateNormal, MultivariateNormal): _multivariate,
    (MultivariateNormal, LowRankMultivariateNormal): _multivariate,
    (MultivariateNormal, MultivariateNormal): _multivariate,
    (Normal, Normal): _normal,
    (OneHotCategorical, OneHotCategorical): lambda p, q: _categorical(p._categorical, q._categorical),
    (Pareto, Pareto): _pareto,
    (Poisson, Poisson): lambda p, q: p.rate * (p.rate.log() - q.rate.log()) - (p.rate - q.rate),
    (TransformedDistribution, TransformedDistribution): _transformed,
    (Uniform, Uniform): lambda p, q: _infinite_where((q.low > p.low) | (q.high < p.high), q.entropy() - p.entropy()),
    # Between families.
    (Bernoulli, Poisson): lambda p, q: -p.entropy() - (p.probs * q.rate.log() - q.rate),
    (Beta, ContinuousBernoulli): _to_continuous_bernoulli,
    (Beta, Exponential): _to_exponential,
    (Beta, Gamma): _to_gamma(lambda p: p.concentration1.digamma() - (p.concentration1 + p.concentration0).digamma()),
    (Beta, Normal): _to_normal,
    (Beta, Uniform): lambda p, q: _infinite_where((q.low > 0) | (q.high < 1), q.entropy() - p.entropy()),
    (ContinuousBernoulli, ContinuousBernoulli): _to_continuous_bernoulli,
    (ContinuousBernoulli, Exponential): _to_exponential,
    (ContinuousBernoulli, Normal): _to_normal,
    (ContinuousBernoulli, Uniform): lambda p, q: _infinite_where((q.low > 0) | (q.high < 1), q.entropy() - p.entropy()),
    (Exponential, Gamma): _to_gamma(lambda p: -p.rate.log() - gamma),
    (Exponential, Gumbel): _to_gumbel(lambda p, scale: p.rate * scale / (p.rate * scale + 1)),
    (Exponential, Normal): _to_normal,
    (Gamma, Exponential): _to_exponential,
    (Gamma, Gumbel): _to_gumbel(lambda p, scale: (1 + 1 / (p.rate * scale)) ** -p.concentration),
    (Gamma, Normal): _to_normal,
    (Gumbel, Normal): _to_normal,
    (Laplace, Normal): _to_normal,
    (Normal, Gumbel): _to_gumbel(lambda p, scale: (-p.loc / scale + 0.5 * (p.scale / scale) ** 2).exp()),
    (Normal, Laplace): _normal_laplace,
    (Pareto, Exponential): _pareto_if(1, _to_exponential),
    (Pareto, Gamma): _pareto_if(1, _to_gamma(lambda p: p.scale.log() + 1 / p.alpha)),
    (Pareto, Normal): _pareto_if(2, _to_normal),
    (Uniform, Beta): _uniform_beta,
    (Uniform, ContinuousBernoulli): lambda p, q: _infinite_where(
        (p.high > 1) | (p.low < 0), _to_continuous_bernoulli(p, q)),
    (Uniform, Exponential): _where_positive(_to_exponential),
    (Uniform, Gamma): _where_positive(_to_gamma(_mean_x_log_x)),
    (Uniform, Gumbel): _to_gumbel(lambda p, scale: scale * ((-p.low / scale).exp() - (-p.high / scale).exp())
                                  / (p.high - p.low)),
    (Uniform, Normal): _to_normal,
    (Uniform, Pareto): lambda p, q: _infinite_where(
        p.low < q.scale, -p.entropy() - (q.alpha * q.scale**q.alpha).log() + (q.alpha + 1) * _mean_x_log_x(p)),
}

# Where p has draws that q can't have.
_BOUNDED: list[type] = [Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform]
_APART: dict[type, list[type]] = {
    Beta: [Pareto], Exponential: [Beta, ContinuousBernoulli, Pareto, Uniform],
    Gamma: [Beta, ContinuousBernoulli, Pareto, Uniform], ContinuousBernoulli: [Pareto], Gumbel: _BOUNDED, Laplace: _BOUNDED,
    Normal: _BOUNDED, Pareto: [Beta, ContinuousBernoulli, Uniform], Poisson: [Bernoulli, Binomial]}
for _p, _qs in _APART.items():
    for _q in _qs:
        _REGISTRY[_p, _q] = lambda p, q: T.full_like(p.mean, math.inf)
