"""From a constraint to a transform that leads there from all real numbers: for optimizing parameters that have bounds.

`biject_to` gives bijections, `transform_to` whatever is best for that, as softmax.

>>> D = ndl.distributions
>>> (D.transform_to(D.constraints.positive)(ndl.tensor([-1.0, 2.0])) > 0).all()
tensor(True)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import constraints as c, transforms as t
from .utils import Number


class ConstraintRegistry:
    """Transforms by the class of a constraint: ``registry(constraint)``."""

    def __init__(self) -> None:
        self._registry: dict[type, Callable] = {}

    def register(self, constraint: Any, factory: Callable | None = None) -> Any:
        """Let `factory`, a function of the constraint (or the function that is decorated), make its transform."""
        if factory is None:
            return lambda factory: self.register(constraint, factory)
        cls = type(constraint) if isinstance(constraint, c.Constraint) else constraint
        if not isinstance(cls, type) or not issubclass(cls, c.Constraint):
            raise TypeError(f"Expected constraint to be either a Constraint subclass or instance, but got {constraint}")
        self._registry[cls] = factory
        return factory

    def __call__(self, constraint: Any) -> Any:
        if type(constraint) not in self._registry:
            raise NotImplementedError(f"Cannot transform {type(constraint).__name__} constraints")
        return self._registry[type(constraint)](constraint)


biject_to, transform_to = ConstraintRegistry(), ConstraintRegistry()


def _interval(k: Any) -> Any:
    if isinstance(k.lower_bound, Number) and isinstance(k.upper_bound, Number) and (k.lower_bound, k.upper_bound) == (0, 1):
        return t.SigmoidTransform()
    return t.ComposeTransform([t.SigmoidTransform(), t.AffineTransform(k.lower_bound, k.upper_bound - k.lower_bound)])


def _above(k: Any) -> Any:
    if isinstance(k.lower_bound, Number) and k.lower_bound == 0:
        return t.ExpTransform()
    return t.ComposeTransform([t.ExpTransform(), t.AffineTransform(k.lower_bound, 1)])


for _registry in (biject_to, transform_to):
    _table: dict[Any, Callable] = {
        c.real: lambda k: t.identity_transform,
        c.greater_than: _above, c.greater_than_eq: _above,
        c.less_than: lambda k: t.ComposeTransform([t.ExpTransform(), t.AffineTransform(k.upper_bound, -1)]),
        c.interval: _interval, c.half_open_interval: _interval,
        c.corr_cholesky: lambda k: t.CorrCholeskyTransform(),
        c.independent: lambda k, r=_registry: t.IndependentTransform(r(k.base_constraint), k.reinterpreted_batch_ndims),
        c.cat: lambda k, r=_registry: t.CatTransform([r(each) for each in k.cseq], k.dim, k.lengths),
        c.stack: lambda k, r=_registry: t.StackTransform([r(each) for each in k.cseq], k.dim),
    }
    for _constraint, _factory in _table.items():
        _registry.register(_constraint, _factory)
biject_to.register(c.simplex, lambda k: t.StickBreakingTransform())
transform_to.register(c.simplex, lambda k: t.SoftmaxTransform())
transform_to.register(c.lower_cholesky, lambda k: t.LowerCholeskyTransform())
transform_to.register(c.positive_definite, lambda k: t.PositiveDefiniteTransform())
transform_to.register(c.positive_semidefinite, lambda k: t.PositiveDefiniteTransform())
