"""What values parameters and samples may have. `check` says for each event whether it is so.

https://pytorch.org/docs/stable/distributions.html#module-torch.distributions.constraints

>>> ndl.distributions.constraints.positive.check(ndl.tensor([1.0, -1.0]))
tensor([ True, False])
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..tensor import Tensor
from .utils import T, eps, linalg


class Constraint:
    """Base class. `event_dim`: how many dimensions, from the last, make one event; `is_discrete`: whether it can be counted."""

    is_discrete: Any = False
    event_dim: Any = 0

    def check(self, value: Tensor) -> Tensor:
        """Which events fulfil it: bool, of the value's shape without the event's dimensions."""
        raise NotImplementedError

    def __repr__(self) -> str:
        bounds = ", ".join(f"{k}={v}" for k, v in vars(self).items() if not k.startswith("_"))
        return f"{type(self).__name__.lstrip('_')}({bounds})"


class _Bounded(Constraint):
    """With a lower bound, an upper one, or both, in this order."""

    bounds: tuple[str, ...] = ()

    def __init__(self, *bounds: Any, **named: Any):
        self.__dict__.update(zip(self.bounds, bounds), **named)
        if set(self.__dict__) != set(self.bounds):
            raise TypeError(f"{type(self).__name__.lstrip('_')} takes {', '.join(self.bounds)}; got {bounds} {named or ''}")


def _kind(name: str, check: Callable, *bounds: str, discrete: bool = False, event_dim: int = 0) -> Any:
    """A class of constraints, by its condition."""
    return type(name, (_Bounded,), {"check": check, "bounds": bounds, "is_discrete": discrete, "event_dim": event_dim,
                                    "__module__": __name__})


def _whole(x: Tensor) -> Tensor:
    return x % 1 == 0


def _zero_or_one(x: Tensor) -> Tensor:
    return (x == 0) | (x == 1)


def _is_lower(x: Tensor) -> Tensor:
    return (x.tril() == x).all(-1).all(-1)


def _is_cholesky(x: Tensor) -> Tensor:
    return _is_lower(x) & (x.diagonal(dim1=-2, dim2=-1) > 0).all(-1)


def _is_square(x: Tensor) -> Tensor:
    return T.full(x.shape[:-2], x.shape[-2] == x.shape[-1])


def _is_symmetric(x: Tensor) -> Tensor:
    return T.isclose(x, x.mT, atol=1e-6).all(-2).all(-1) if x.shape[-2] == x.shape[-1] else _is_square(x)


def _is_definite(x: Tensor) -> Tensor:
    symmetric = _is_symmetric(x)
    return linalg.cholesky_ex(x).info.eq(0) if symmetric.all() else symmetric


def _is_semidefinite(x: Tensor) -> Tensor:
    symmetric = _is_symmetric(x)
    return linalg.eigvalsh(x).ge(0).all(-1) if symmetric.all() else symmetric


def _is_correlation(x: Tensor) -> Tensor:
    return _is_cholesky(x) & ((linalg.norm(x.detach(), dim=-1) - 1).abs() <= eps(x) * x.shape[-1] * 10).all(-1)


_Boolean = _kind("_Boolean", lambda c, x: _zero_or_one(x), discrete=True)
_OneHot = _kind("_OneHot", lambda c, x: _zero_or_one(x).all(-1) & x.sum(-1).eq(1), discrete=True, event_dim=1)
_IntegerInterval = _kind("_IntegerInterval", lambda c, x: _whole(x) & (x >= c.lower_bound) & (x <= c.upper_bound),
                         "lower_bound", "upper_bound", discrete=True)
_IntegerLessThan = _kind("_IntegerLessThan", lambda c, x: _whole(x) & (x <= c.upper_bound), "upper_bound", discrete=True)
_IntegerGreaterThan = _kind("_IntegerGreaterThan", lambda c, x: _whole(x) & (x >= c.lower_bound), "lower_bound",
                            discrete=True)
_Real = _kind("_Real", lambda c, x: x == x)  # not nan
_GreaterThan = _kind("_GreaterThan", lambda c, x: x > c.lower_bound, "lower_bound")
_GreaterThanEq = _kind("_GreaterThanEq", lambda c, x: x >= c.lower_bound, "lower_bound")
_LessThan = _kind("_LessThan", lambda c, x: x < c.upper_bound, "upper_bound")
_Interval = _kind("_Interval", lambda c, x: (x >= c.lower_bound) & (x <= c.upper_bound), "lower_bound", "upper_bound")
_HalfOpenInterval = _kind("_HalfOpenInterval", lambda c, x: (x >= c.lower_bound) & (x < c.upper_bound), "lower_bound",
                          "upper_bound")
_Simplex = _kind("_Simplex", lambda c, x: (x >= 0).all(-1) & ((x.sum(-1) - 1).abs() < 1e-6), event_dim=1)
_Multinomial = _kind("_Multinomial", lambda c, x: (x >= 0).all(-1) & (x.sum(-1) <= c.upper_bound), "upper_bound",
                     discrete=True, event_dim=1)
_LowerTriangular = _kind("_LowerTriangular", lambda c, x: _is_lower(x), event_dim=2)
_LowerCholesky = _kind("_LowerCholesky", lambda c, x: _is_cholesky(x), event_dim=2)
_CorrCholesky = _kind("_CorrCholesky", lambda c, x: _is_correlation(x), event_dim=2)
_Square = _kind("_Square", lambda c, x: _is_square(x), event_dim=2)
_Symmetric = _kind("_Symmetric", lambda c, x: _is_symmetric(x), event_dim=2)
_PositiveSemidefinite = _kind("_PositiveSemidefinite", lambda c, x: _is_semidefinite(x), event_dim=2)
_PositiveDefinite = _kind("_PositiveDefinite", lambda c, x: _is_definite(x), event_dim=2)


# --- constraints on others --------------------------------------------------------------------------------------------


class _Dependent(Constraint):
    """One that depends on the values of parameters, and so is not known of the class."""

    def __init__(self, *, is_discrete: Any = NotImplemented, event_dim: Any = NotImplemented):
        self._is_discrete, self._event_dim = is_discrete, event_dim

    @property
    def is_discrete(self) -> Any:
        return self._known("is_discrete")

    @property
    def event_dim(self) -> Any:
        return self._known("event_dim")

    def _known(self, name: str) -> Any:
        value = self.__dict__["_" + name]
        if value is NotImplemented:
            raise NotImplementedError(f".{name} cannot be determined statically")
        return value

    def __call__(self, *, is_discrete: Any = NotImplemented, event_dim: Any = NotImplemented) -> Any:
        return _Dependent(is_discrete=self._is_discrete if is_discrete is NotImplemented else is_discrete,
                          event_dim=self._event_dim if event_dim is NotImplemented else event_dim)

    def check(self, value: Tensor) -> Tensor:
        raise ValueError("Cannot determine validity of dependent constraint")


class dependent_property(property, _Dependent):
    """A property that gives a constraint; on the class, it stands for one that is not known yet."""

    def __init__(self, fn: Callable | None = None, *, is_discrete: Any = NotImplemented, event_dim: Any = NotImplemented):
        super().__init__(fn)
        self._is_discrete, self._event_dim = is_discrete, event_dim

    def __call__(self, fn: Callable) -> dependent_property:  # type: ignore[override]
        return dependent_property(fn, is_discrete=self._is_discrete, event_dim=self._event_dim)


def is_dependent(constraint: Any) -> bool:
    """Whether a constraint depends on the values of parameters."""
    return isinstance(constraint, _Dependent)


class _OfOthers(Constraint):
    def __init__(self, cseq: Sequence[Constraint]):
        if not all(isinstance(c, Constraint) for c in cseq):
            raise AssertionError(f"All elements must be Constraint instances; got {cseq}")
        self.cseq = list(cseq)

    @property
    def is_discrete(self) -> bool:
        return any(c.is_discrete for c in self.cseq)

    @property
    def event_dim(self) -> int:
        return max(c.event_dim for c in self.cseq)


class _IndependentConstraint(_OfOthers):
    """`base_constraint` for all of the last so many dimensions: together they are one event."""

    def __init__(self, base_constraint: Constraint, reinterpreted_batch_ndims: int):
        super().__init__([base_constraint])
        if not isinstance(reinterpreted_batch_ndims, int) or reinterpreted_batch_ndims < 0:
            raise AssertionError(f"reinterpreted_batch_ndims must be an int >= 0, got {reinterpreted_batch_ndims}")
        self.base_constraint, self.reinterpreted_batch_ndims = base_constraint, reinterpreted_batch_ndims

    @property
    def event_dim(self) -> int:
        return self.base_constraint.event_dim + self.reinterpreted_batch_ndims

    def check(self, value: Tensor) -> Tensor:
        result, n = self.base_constraint.check(value), self.reinterpreted_batch_ndims
        if result.dim() < n:
            raise ValueError(f"Expected value.dim() >= {self.event_dim} but got {value.dim()}")
        return result.reshape(*result.shape[:result.dim() - n], -1).all(-1)

    def __repr__(self) -> str:
        return f"IndependentConstraint({self.base_constraint!r}, {self.reinterpreted_batch_ndims})"


class MixtureSameFamilyConstraint(_OfOthers):
    """What the components of a mixture all have for their support."""

    def __init__(self, base_constraint: Constraint):
        super().__init__([base_constraint])
        self.base_constraint = base_constraint

    def check(self, value: Tensor) -> Tensor:
        keep = value.dim() - self.event_dim
        if keep < 0:
            raise ValueError(f"Expected value.dim() >= {self.event_dim} but got {value.dim()}")
        result = self.base_constraint.check(value.unsqueeze(-1 - self.event_dim))
        return result.reshape(*result.shape[:keep], -1).all(-1)

    def __repr__(self) -> str:
        return f"MixtureSameFamilyConstraint({self.base_constraint!r})"


class _Cat(_OfOthers):
    """Several constraints side by side along `dim`, `lengths` elements each."""

    def __init__(self, cseq: Sequence[Constraint], dim: int = 0, lengths: Sequence[int] | None = None):
        super().__init__(cseq)
        self.dim, self.lengths = dim, list(lengths or [1] * len(self.cseq))
        if len(self.lengths) != len(self.cseq):
            raise AssertionError(f"lengths ({len(self.lengths)}) must match cseq ({len(self.cseq)})")

    def check(self, value: Tensor) -> Tensor:
        parts = T.split(value, self.lengths, self.dim)
        return T.cat([c.check(v) for c, v in zip(self.cseq, parts)], self.dim)


class _Stack(_OfOthers):
    """One constraint for each entry along `dim`."""

    def __init__(self, cseq: Sequence[Constraint], dim: int = 0):
        super().__init__(cseq)
        self.dim = dim

    @property
    def event_dim(self) -> int:
        dim = super().event_dim
        return dim + 1 if self.dim + dim < 0 else dim

    def check(self, value: Tensor) -> Tensor:
        return T.stack([c.check(v) for v, c in zip(value.unbind(self.dim), self.cseq)], self.dim)


# --- by name ----------------------------------------------------------------------------------------------------------

dependent = _Dependent()
independent = _IndependentConstraint
boolean, one_hot = _Boolean(), _OneHot()
nonnegative_integer, positive_integer = _IntegerGreaterThan(0), _IntegerGreaterThan(1)
integer_interval = _IntegerInterval
real = _Real()
real_vector = independent(real, 1)
positive, nonnegative = _GreaterThan(0.0), _GreaterThanEq(0.0)
greater_than, greater_than_eq, less_than = _GreaterThan, _GreaterThanEq, _LessThan
multinomial = _Multinomial
unit_interval, interval, half_open_interval = _Interval(0.0, 1.0), _Interval, _HalfOpenInterval
simplex = _Simplex()
lower_triangular, lower_cholesky, corr_cholesky = _LowerTriangular(), _LowerCholesky(), _CorrCholesky()
square, symmetric = _Square(), _Symmetric()
positive_semidefinite, positive_definite = _PositiveSemidefinite(), _PositiveDefinite()
cat, stack = _Cat, _Stack
