"""Distributions without torch: densities integrate to 1, draws follow them, and the formulas agree with each other."""

import math

import numpy as np
import pytest

import minitorch_ndl as ndl
from minitorch_ndl import distributions as D

CONTINUOUS = {  # with bounds between which nearly all of it lies
    "normal": (lambda: D.Normal(1.0, 0.5), -4, 6), "uniform": (lambda: D.Uniform(-1.0, 2.0), -1, 2), "exponential": (lambda: D.Exponential(2.0), 0, 12),
    "gamma": (lambda: D.Gamma(2.5, 1.5), 0, 30), "chi2": (lambda: D.Chi2(ndl.tensor(3.0)), 0, 60), "beta": (lambda: D.Beta(2.0, 3.5), 0, 1),
    "laplace": (lambda: D.Laplace(0.5, 0.7), -12, 13), "student": (lambda: D.StudentT(9.0, 0.5, 0.7), -40, 40), "log normal": (lambda: D.LogNormal(0.0, 0.4), 0, 12),
    "half normal": (lambda: D.HalfNormal(1.5), 0, 12), "gumbel": (lambda: D.Gumbel(0.0, 1.0), -2.2, 14), "weibull": (lambda: D.Weibull(1.5, 2.0), 0, 10),
    "kumaraswamy": (lambda: D.Kumaraswamy(2.0, 3.0), 0, 1), "von mises": (lambda: D.VonMises(0.5, 2.0), -math.pi, math.pi),
    "fisher": (lambda: D.FisherSnedecor(8.0, 20.0), 0, 60), "relaxed": (lambda: D.RelaxedBernoulli(ndl.tensor(1.5), 0.4), 0, 1),
    "generalized pareto": (lambda: D.GeneralizedPareto(0.5, 1.0, -0.2), 0.5, 5.4999), "continuous bernoulli": (lambda: D.ContinuousBernoulli(0.3), 0, 1),
    "inverse gamma": (lambda: D.InverseGamma(9.0, 8.0), 0, 30),
    "mixture": (lambda: D.MixtureSameFamily(D.Categorical(ndl.tensor([0.3, 0.7])), D.Normal(ndl.tensor([-1.0, 2.0]), 0.5)), -6, 7)}
DISCRETE = {
    "bernoulli": (lambda: D.Bernoulli(0.3), 2), "geometric": (lambda: D.Geometric(0.4), 60), "binomial": (lambda: D.Binomial(9, ndl.tensor(0.3)), 10),
    "poisson": (lambda: D.Poisson(3.5), 40), "negative binomial": (lambda: D.NegativeBinomial(4.0, ndl.tensor(0.4)), 80),
    "categorical": (lambda: D.Categorical(logits=ndl.tensor([0.1, 2.0, -1.0])), 3)}


def known(d, name):
    try:
        return getattr(d, name) if name != "entropy" else d.entropy()
    except NotImplementedError:
        return None


@pytest.mark.parametrize("name", CONTINUOUS)
def test_densities(name):
    make, low, high = CONTINUOUS[name]
    d = make()
    edges = np.linspace(low, high, 200_001)
    x = (edges[1:] + edges[:-1]) / 2
    log_p = d.log_prob(ndl.from_numpy(x)).double().numpy()
    p, width = np.exp(log_p), edges[1] - edges[0]
    assert (p * width).sum() == pytest.approx(1, abs=2e-3)
    mean = (p * x * width).sum()
    for attribute, value in [("mean", mean), ("variance", (p * (x - mean) ** 2 * width).sum()), ("entropy", -(p * log_p * width).sum())]:
        mine = known(d, attribute)
        if mine is not None and name != "von mises":  # whose variance is that of the direction
            assert mine.item() == pytest.approx(value, rel=5e-3, abs=2e-3), attribute
    if known(d, "mode") is not None and name not in ("uniform", "exponential", "half normal", "generalized pareto"):
        assert d.mode.item() == pytest.approx(x[p.argmax()], abs=2e-3)
    try:
        some = np.linspace(0, len(x) - 1, 23).astype(int)
        cdf = d.cdf(ndl.from_numpy(x[some])).numpy()
    except NotImplementedError:
        return
    np.testing.assert_allclose(cdf, np.cumsum(p * width)[some], atol=3e-3)


@pytest.mark.parametrize("name", CONTINUOUS)
def test_draws(name):
    """Their share in eight parts of equal probability (by log_prob), and quantiles."""
    make, low, high = CONTINUOUS[name]
    d, n = make(), 4000
    ndl.manual_seed(0)
    drawn = d.sample((n,)).double().numpy()
    x = np.linspace(low, high, 100_001)[1:-1]
    cumulated = np.cumsum(d.log_prob(ndl.from_numpy(x)).exp().double().numpy())
    ends = x[np.searchsorted(cumulated / cumulated[-1], np.arange(1, 8) / 8)]
    counts = np.histogram(drawn, [-np.inf, *ends, np.inf])[0]
    assert ((counts - n / 8) ** 2 / (n / 8)).sum() < 24.3  # chi squared of 7 degrees: once in a thousand seeds
    try:
        np.testing.assert_allclose(d.icdf(ndl.tensor(np.arange(1, 8) / 8)).numpy(), ends, atol=3e-3)
    except NotImplementedError:
        pass


@pytest.mark.parametrize("name", DISCRETE)
def test_counts(name):
    make, most = DISCRETE[name]
    d, n = make(), 4000
    x = np.arange(most)
    p = d.log_prob(ndl.from_numpy(x).float()).exp().double().numpy()
    assert p.sum() == pytest.approx(1, abs=1e-4)
    if name != "categorical":
        assert d.mean.item() == pytest.approx((p * x).sum(), rel=1e-3)
        assert d.variance.item() == pytest.approx((p * (x - (p * x).sum()) ** 2).sum(), rel=1e-3)
    if known(d, "entropy") is not None:
        assert d.entropy().item() == pytest.approx(-(p * np.log(p + 1e-300)).sum(), rel=1e-3)
    ndl.manual_seed(1)
    counts = np.bincount(d.sample((n,)).numpy().astype(int), minlength=most)[:most]
    large = p * n > 5
    assert ((counts - n * p) ** 2 / (n * p))[large].sum() < 10 + 3 * large.sum()


def test_vectors():
    cov = ndl.tensor([[2.0, 0.6], [0.6, 0.5]])
    d = D.MultivariateNormal(ndl.tensor([1.0, -1.0]), cov)
    ndl.manual_seed(0)
    drawn = d.sample((20000,)).numpy()
    np.testing.assert_allclose(drawn.mean(0), [1, -1], atol=0.03)
    np.testing.assert_allclose(np.cov(drawn.T), cov.numpy(), atol=0.06)
    independent = D.Independent(D.Normal(ndl.tensor([1.0, -1.0]), cov.diagonal().sqrt()), 1)
    diagonal = D.MultivariateNormal(ndl.tensor([1.0, -1.0]), cov * ndl.eye(2))
    x = ndl.randn(7, 2)
    np.testing.assert_allclose(diagonal.log_prob(x).numpy(), independent.log_prob(x).numpy(), rtol=1e-5)
    np.testing.assert_allclose(d.precision_matrix.numpy(), np.linalg.inv(cov.numpy()), rtol=1e-4)
    shares = D.Dirichlet(ndl.tensor([1.0, 2.0, 5.0])).sample((5000,)).numpy()
    np.testing.assert_allclose(shares.sum(1), 1, rtol=1e-5)
    np.testing.assert_allclose(shares.mean(0), np.array([1, 2, 5]) / 8, atol=0.01)


def test_the_incomplete_gamma_function():
    """For whole a, the probability of more than x is that of fewer than a events of a Poisson distribution."""
    for a in (1, 2, 5, 30, 200):
        for x in (0.0, 0.1, 0.9 * a, a, a + 1.0, 1.5 * a, 3.0 * a):
            log_counts = [k * math.log(x) - x - math.lgamma(k + 1) if x else -math.inf if k else 0.0 for k in range(a)]
            cdf = D.Gamma(ndl.tensor(float(a), dtype=ndl.float64), 1.0).cdf(ndl.tensor(x, dtype=ndl.float64)).item()
            assert cdf == pytest.approx(1 - math.fsum(map(math.exp, log_counts)), abs=1e-11)
    assert D.Gamma(2.0, 1.0).cdf(ndl.tensor(math.inf)).item() == 1
    a = ndl.tensor([0.3, 2.0, 40.0], dtype=ndl.float64, requires_grad=True)
    x = ndl.tensor([0.2, 3.0, 38.0], dtype=ndl.float64, requires_grad=True)
    assert ndl.autograd.gradcheck(lambda a, x: D.Gamma(a, 2.0).cdf(x / 2), (a, x))


def test_matrices():
    ndl.manual_seed(0)
    scale = ndl.tensor([[2.0, 0.6], [0.6, 0.5]])
    d = D.Wishart(5.0, scale)
    drawn = d.sample((4000,))
    np.testing.assert_allclose(drawn.mean(0).numpy(), d.mean.numpy(), atol=0.3)
    np.testing.assert_allclose(drawn.var(0).numpy(), d.variance.numpy(), rtol=0.2)
    factors = D.LKJCholesky(3, 2.0).sample((2000,))
    correlations = factors @ factors.mT
    np.testing.assert_allclose(correlations.diagonal(dim1=-2, dim2=-1).numpy(), 1, rtol=1e-5)
    np.testing.assert_allclose(correlations.mean(0).numpy(), np.eye(3), atol=0.05)
    low = D.LowRankMultivariateNormal(ndl.ones(3), ndl.ones(3, 1), ndl.ones(3) * 2)
    full = D.MultivariateNormal(ndl.ones(3), low.covariance_matrix)
    x = ndl.randn(5, 3)
    np.testing.assert_allclose(low.log_prob(x).numpy(), full.log_prob(x).numpy(), rtol=1e-5)
    assert D.kl_divergence(low, full).item() == pytest.approx(0, abs=1e-5)


KL = [(lambda: D.Normal(0.5, 1.0), lambda: D.Laplace(0.0, 2.0)), (lambda: D.Gamma(2.0, 1.0), lambda: D.Exponential(0.7)),
      (lambda: D.Uniform(0.2, 0.8), lambda: D.Beta(2.0, 3.0)), (lambda: D.Gumbel(0.0, 1.0), lambda: D.Normal(1.0, 2.0)),
      (lambda: D.Beta(2.0, 2.0), lambda: D.Gamma(1.5, 2.0)), (lambda: D.Poisson(3.0), lambda: D.Poisson(2.0)),
      (lambda: D.Binomial(9, ndl.tensor(0.3)), lambda: D.Binomial(9, ndl.tensor(0.5))),
      (lambda: D.Categorical(ndl.tensor([0.2, 0.8])), lambda: D.Categorical(ndl.tensor([0.5, 0.5])))]


@pytest.mark.parametrize("p, q", KL)
def test_divergence_is_the_mean_of_the_difference(p, q):
    p, q = p(), q()
    ndl.manual_seed(0)
    drawn = p.sample((20000,))
    difference = (p.log_prob(drawn) - q.log_prob(drawn)).double().numpy()
    error = difference.std() / math.sqrt(len(difference))
    assert D.kl_divergence(p, q).item() == pytest.approx(difference.mean(), abs=4 * error + 1e-3)


def test_reinforce_and_reparametrization_reach_the_parameters():
    logits = ndl.zeros(3, requires_grad=True)
    d = D.Categorical(logits=logits)
    (-d.log_prob(ndl.tensor(2)) * 1.0).backward()
    np.testing.assert_allclose(logits.grad.numpy(), [1 / 3, 1 / 3, -2 / 3], rtol=1e-5)
    mean, scale = ndl.zeros(2, requires_grad=True), ndl.ones(2, requires_grad=True)
    z = D.Normal(mean, scale).rsample((1000,))
    z.sum().backward()
    np.testing.assert_allclose(mean.grad.numpy(), [1000, 1000])
    np.testing.assert_allclose(scale.grad.numpy(), z.detach().sum(0).numpy(), rtol=1e-3)
    assert not D.Normal(mean, scale).sample().requires_grad


def test_parameters_and_values_are_checked():
    with pytest.raises(ValueError, match=r"(?s)parameter scale .* of distribution Normal\(loc: 0.0, scale: -1.0\) to satisfy the constraint GreaterThan"):
        D.Normal(0.0, -1.0)
    with pytest.raises(ValueError, match=r"within the support \(NonNegative|within the support \(GreaterThanEq"):
        D.Exponential(1.0).log_prob(ndl.tensor(-1.0))
    with pytest.raises(ValueError, match="must be a Tensor"):
        D.Normal(0.0, 1.0).log_prob(1.0)
    with pytest.raises(ValueError, match="not broadcastable"):
        D.Normal(ndl.zeros(3), 1.0).log_prob(ndl.zeros(2))
    with pytest.raises(NotImplementedError, match="register_kl"):
        D.kl_divergence(D.Normal(0.0, 1.0), D.Bernoulli(0.5))
    assert D.Exponential(1.0, validate_args=False).log_prob(ndl.tensor(-1.0)).item() == 1.0


def test_expanding_shares_the_parameters():
    scale = ndl.tensor([1.0, 2.0], requires_grad=True)
    d = D.Normal(0.0, scale).expand((5, 2))
    assert d.batch_shape == (5, 2) and d.sample((3,)).shape == (3, 5, 2)
    d.log_prob(ndl.zeros(5, 2)).sum().backward()
    np.testing.assert_allclose(scale.grad.numpy(), [-5, -2.5])


def test_a_distribution_of_ones_own():
    class Cube(D.Distribution):
        arg_constraints, support = {"side": D.constraints.positive}, D.constraints.positive

        def __init__(self, side):
            self.side = side
            super().__init__(side.shape)

        def log_prob(self, value):
            self._validate_sample(value)
            return (3 * value**2 / self.side**3).log()

    assert Cube(ndl.ones(2)).log_prob(ndl.tensor(1.0)).tolist() == pytest.approx([math.log(3)] * 2)
    with pytest.raises(ValueError, match="side"):
        Cube(-ndl.ones(2))
    with pytest.raises(NotImplementedError, match="entropy"):
        Cube(ndl.ones(2)).entropy()
