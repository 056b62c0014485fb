"""Distributions made of others: independent ones as one, transformed ones, mixtures."""

from __future__ import annotations

import functools
import operator
from typing import Any

from ..autograd.grad_mode import no_grad
from ..tensor import Size, Tensor
from . import constraints
from .discrete import Categorical
from .distribution import Distribution
from .transforms import ComposeTransform, Transform
from .utils import T, sum_rightmost


class Independent(Distribution):
    """The last `reinterpreted_batch_ndims` dimensions of a batch as one event, whose log_prob is their sum.

    >>> d = ndl.distributions.Independent(ndl.distributions.Normal(ndl.zeros(2, 3), 1.0), 1)
    >>> d.batch_shape, d.event_shape, d.log_prob(ndl.zeros(3)).shape
    (Size([2]), Size([3]), Size([2]))
    """

    arg_constraints: dict[str, Any] = {}

    def __init__(self, base_distribution: Distribution, reinterpreted_batch_ndims: int, validate_args: bool | None = None):
        n, batch = reinterpreted_batch_ndims, base_distribution.batch_shape
        if n > len(batch):
            raise ValueError(f"Expected reinterpreted_batch_ndims <= len(base_distribution.batch_shape), actual {n} vs "
                             f"{len(batch)}")
        self.base_dist, self.reinterpreted_batch_ndims = base_distribution, n
        cut = len(batch) - n
        super().__init__(batch[:cut], batch[cut:] + base_distribution.event_shape, validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = self._get_checked_instance(Independent, _instance)
        new.base_dist = self.base_dist.expand(Size(batch_shape) + self.event_shape[:self.reinterpreted_batch_ndims])
        return super().expand(batch_shape, new)

    has_rsample = property(lambda self: self.base_dist.has_rsample)
    has_enumerate_support = property(
        lambda self: self.reinterpreted_batch_ndims == 0 and self.base_dist.has_enumerate_support)
    mean = property(lambda self: self.base_dist.mean)
    mode = property(lambda self: self.base_dist.mode)
    variance = property(lambda self: self.base_dist.variance)

    @constraints.dependent_property
    def support(self) -> Any:
        n = self.reinterpreted_batch_ndims
        return constraints.independent(self.base_dist.support, n) if n else self.base_dist.support

    def sample(self, sample_shape: Any = ()) -> Tensor:
        return self.base_dist.sample(sample_shape)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self.base_dist.rsample(sample_shape)

    def log_prob(self, value: Tensor) -> Tensor:
        return sum_rightmost(self.base_dist.log_prob(value), self.reinterpreted_batch_ndims)

    def entropy(self) -> Tensor:
        return sum_rightmost(self.base_dist.entropy(), self.reinterpreted_batch_ndims)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        if self.reinterpreted_batch_ndims > 0:
            raise NotImplementedError("Enumeration over cartesian product is not implemented")
        return self.base_dist.enumerate_support(expand)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.base_dist}, {self.reinterpreted_batch_ndims})"


class TransformedDistribution(Distribution):
    """What transforms make of the draws from another distribution.

    >>> D = ndl.distributions
    >>> d = D.TransformedDistribution(D.Normal(0.0, 1.0), [D.ExpTransform()])
    >>> ndl.allclose(d.log_prob(ndl.tensor(2.0)), D.LogNormal(0.0, 1.0).log_prob(ndl.tensor(2.0)))
    True
    """

    arg_constraints: Any = {}

    def __init__(self, base_distribution: Distribution, transforms: Any, validate_args: bool | None = None):
        self.transforms = [transforms] if isinstance(transforms, Transform) else transforms
        if not isinstance(self.transforms, list) or not all(isinstance(t, Transform) for t in self.transforms):
            raise ValueError(f"transforms must be a Transform or a list of Transforms, but was {transforms}")
        whole = ComposeTransform(self.transforms)
        shape, dims = base_distribution.batch_shape + base_distribution.event_shape, len(base_distribution.event_shape)
        if len(shape) < whole.domain.event_dim:
            raise ValueError(f"base_distribution needs to have shape with size at least {whole.domain.event_dim}, but got "
                             f"{shape}.")
        result = Size(whole.forward_shape(shape))
        expanded = Size(whole.inverse_shape(result))
        if expanded != shape:  # the transforms' parameters are a larger batch
            base_distribution = base_distribution.expand(expanded[:len(expanded) - dims])
        more = whole.domain.event_dim - dims
        self.base_dist = Independent(base_distribution, more) if more > 0 else base_distribution
        event_dim = max(whole.codomain.event_dim, dims + whole.codomain.event_dim - whole.domain.event_dim)
        cut = len(result) - event_dim
        super().__init__(result[:cut], result[cut:], validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = self._get_checked_instance(TransformedDistribution, _instance)
        shape = Size(ComposeTransform(self.transforms).inverse_shape(Size(batch_shape) + self.event_shape))
        new.base_dist = self.base_dist.expand(shape[:len(shape) - len(self.base_dist.event_shape)])
        return super().expand(batch_shape, new)

    has_rsample = property(lambda self: self.base_dist.has_rsample)

    @constraints.dependent_property(is_discrete=False)
    def support(self) -> Any:
        support = self.transforms[-1].codomain if self.transforms else self.base_dist.support
        more = len(self.event_shape) - support.event_dim
        return constraints.independent(support, more) if self.transforms and more > 0 else support

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with no_grad():
            return self._forward(self.base_dist.sample(sample_shape))

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self._forward(self.base_dist.rsample(sample_shape))

    def _forward(self, x: Tensor) -> Tensor:
        return functools.reduce(lambda x, transform: transform(x), self.transforms, x)

    def log_prob(self, value: Tensor) -> Tensor:
        self._check(value)
        dims, result, y = len(self.event_shape), 0.0, value
        for transform in reversed(self.transforms):
            x = transform.inv(y)
            dims += transform.domain.event_dim - transform.codomain.event_dim
            result = result - sum_rightmost(transform.log_abs_det_jacobian(x, y), dims - transform.domain.event_dim)
            y = x
        return result + sum_rightmost(self.base_dist.log_prob(y), dims - len(self.base_dist.event_shape))

    def _turned(self, value: Any) -> Any:
        """A probability p as 1 - p, where the transforms fall."""
        sign = functools.reduce(operator.mul, (t.sign for t in self.transforms), 1)
        return value if isinstance(sign, int) and sign == 1 else sign * (value - 0.5) + 0.5

    def cdf(self, value: Tensor) -> Tensor:
        for transform in reversed(self.transforms):
            value = transform.inv(value)
        if self._validate_args:
            self.base_dist._validate_sample(value)
        return self._turned(self.base_dist.cdf(value))

    def icdf(self, value: Tensor) -> Tensor:
        return self._forward(self.base_dist.icdf(self._turned(value)))


class MixtureSameFamily(Distribution):
    """A draw from one of several components, the last dimension of a batch; which one, a Categorical decides.

    >>> D = ndl.distributions
    >>> d = D.MixtureSameFamily(D.Categorical(ndl.ones(2)), D.Normal(ndl.tensor([-1.0, 1.0]), 0.1))
    >>> d.mean, d.variance
    (tensor(0.), tensor(1.0100))
    """

    arg_constraints: dict[str, Any] = {}

    def __init__(self, mixture_distribution: Any, component_distribution: Any, validate_args: bool | None = None):
        if not isinstance(mixture_distribution, Categorical):
            raise ValueError(f"The Mixture distribution needs to be an instance of Categorical; "
                             f"got {type(mixture_distribution).__name__}.")
        if not isinstance(component_distribution, Distribution):
            raise ValueError(f"The Component distribution needs to be an instance of Distribution; "
                             f"got {type(component_distribution).__name__}.")
        batch, components = component_distribution.batch_shape[:-1], component_distribution.batch_shape[-1]
        if any(a != 1 and b != 1 and a != b for a, b in zip(reversed(mixture_distribution.batch_shape), reversed(batch))):
            raise ValueError(f"`mixture_distribution.batch_shape` ({mixture_distribution.batch_shape}) is not compatible "
                             f"with `component_distribution.batch_shape`({batch})")
        self._num_component = mixture_distribution.param_shape[-1]
        if self._num_component != components:
            raise ValueError(f"`mixture_distribution component` ({self._num_component}) does not equal "
                             f"`component_distribution.batch_shape[-1]` ({components})")
        self._mixture_distribution, self._component_distribution = mixture_distribution, component_distribution
        self._event_ndims = len(component_distribution.event_shape)
        super().__init__(batch, component_distribution.event_shape, validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = self._get_checked_instance(MixtureSameFamily, _instance)
        new._component_distribution = self._component_distribution.expand((*batch_shape, self._num_component))
        return super().expand(batch_shape, new)

    mixture_distribution = property(lambda self: self._mixture_distribution)
    component_distribution = property(lambda self: self._component_distribution)

    @constraints.dependent_property
    def support(self) -> Any:
        return constraints.MixtureSameFamilyConstraint(self._component_distribution.support)

    def _average(self, of_components: Tensor) -> Tensor:
        probs = self._mixture_distribution.probs
        return (probs.reshape(*probs.shape, *[1] * self._event_ndims) * of_components).sum(-1 - self._event_ndims)

    def _pad(self, x: Tensor) -> Tensor:
        return x.unsqueeze(-1 - self._event_ndims)

    mean = property(lambda self: self._average(self._component_distribution.mean))
    variance = property(lambda self: self._average(self._component_distribution.variance)
                        + self._average((self._component_distribution.mean - self._pad(self.mean)) ** 2))

    def cdf(self, x: Tensor) -> Tensor:
        return (self._component_distribution.cdf(self._pad(x)) * self._mixture_distribution.probs).sum(-1)

    def log_prob(self, x: Tensor) -> Tensor:
        self._check(x)
        weights = T.log_softmax(self._mixture_distribution.logits, -1)
        return T.logsumexp(self._component_distribution.log_prob(self._pad(x)) + weights, -1)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with no_grad():
            chosen = self._mixture_distribution.sample(sample_shape)
            drawn = self._component_distribution.sample(sample_shape)
            dim = len(sample_shape) + len(self.batch_shape)
            chosen = chosen.reshape(*chosen.shape, *[1] * (len(self.event_shape) + 1))
            return T.gather(drawn, dim, chosen.expand(*chosen.shape[:dim + 1], *self.event_shape)).squeeze(dim)

    def __repr__(self) -> str:
        return f"MixtureSameFamily(\n  {self._mixture_distribution},\n  {self._component_distribution})"
