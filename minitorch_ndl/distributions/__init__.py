"""Probability distributions. To read: distribution (the base), continuous and discrete (the formulas), then combined.

https://pytorch.org/docs/stable/distributions.html

>>> d = ndl.distributions.Normal(ndl.tensor([0.0, 10.0]), 1.0)
>>> d.sample((5,)).shape, d.mean
(Size([5, 2]), tensor([ 0., 10.]))
"""

import sys as _sys

from . import constraints as constraints, transforms as transforms
from .combined import (
    Independent as Independent,
    MixtureSameFamily as MixtureSameFamily,
    TransformedDistribution as TransformedDistribution,
)
from .constraint_registry import biject_to as biject_to, transform_to as transform_to
from .continuous import (
    Beta as Beta,
    Cauchy as Cauchy,
    Chi2 as Chi2,
    Dirichlet as Dirichlet,
    Exponential as Exponential,
    FisherSnedecor as FisherSnedecor,
    Gamma as Gamma,
    GeneralizedPareto as GeneralizedPareto,
    Laplace as Laplace,
    Normal as Normal,
    StudentT as StudentT,
    Uniform as Uniform,
    VonMises as VonMises,
)
from .discrete import (
    Bernoulli as Bernoulli,
    Binomial as Binomial,
    Categorical as Categorical,
    ContinuousBernoulli as ContinuousBernoulli,
    Geometric as Geometric,
    Multinomial as Multinomial,
    NegativeBinomial as NegativeBinomial,
    OneHotCategorical as OneHotCategorical,
    OneHotCategoricalStraightThrough as OneHotCategoricalStraightThrough,
    Poisson as Poisson,
)
from .distribution import (
    Distribution as Distribution,
    ExponentialFamily as ExponentialFamily,
)
from .kl import kl_divergence as kl_divergence, register_kl as register_kl
from .multivariate import (
    LKJCholesky as LKJCholesky,
    LowRankMultivariateNormal as LowRankMultivariateNormal,
    MultivariateNormal as MultivariateNormal,
    Wishart as Wishart,
)
from .transformed import (
    ExpRelaxedCategorical as ExpRelaxedCategorical,
    Gumbel as Gumbel,
    HalfCauchy as HalfCauchy,
    HalfNormal as HalfNormal,
    InverseGamma as InverseGamma,
    Kumaraswamy as Kumaraswamy,
    LogisticNormal as LogisticNormal,
    LogitRelaxedBernoulli as LogitRelaxedBernoulli,
    LogNormal as LogNormal,
    Pareto as Pareto,
    RelaxedBernoulli as RelaxedBernoulli,
    RelaxedOneHotCategorical as RelaxedOneHotCategorical,
    Weibull as Weibull,
)
from .transforms import *  # noqa: F403

# torch has a module for each family: ``from torch.distributions.normal import Normal``.
_MODULES = {"StudentT": "studentT", "OneHotCategorical": "one_hot_categorical",
            "OneHotCategoricalStraightThrough": "one_hot_categorical", "FisherSnedecor": "fishersnedecor",
            "RelaxedOneHotCategorical": "relaxed_categorical", "ExpRelaxedCategorical": "relaxed_categorical",
            "LogitRelaxedBernoulli": "relaxed_bernoulli", "LKJCholesky": "lkj_cholesky",
            "LowRankMultivariateNormal": "lowrank_multivariate_normal", "ExponentialFamily": "exp_family"}


def _module_of(name: str) -> str:
    """LogNormal -> log_normal."""
    return _MODULES.get(name) or "".join("_" * (c.isupper() and i > 0) + c.lower() for i, c in enumerate(name))


for _name, _class in list(globals().items()):
    if isinstance(_class, type) and issubclass(_class, Distribution):
        _path, _file = _module_of(_name), _sys.modules[_class.__module__]
        globals().setdefault(_path, _file)
        _sys.modules.setdefault(f"{__name__}.{_path}", _file)
