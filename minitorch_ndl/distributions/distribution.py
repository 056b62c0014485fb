"""The base class of all distributions."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from ..autograd.grad_mode import no_grad
from ..tensor import Size, Tensor
from . import constraints
from .utils import T, broadcast_all, lazy_property, logits_to_probs, probs_to_logits


class Distribution:
    """Base class. Tensors of distributions are of shape sample_shape + batch_shape + event_shape.

    batch_shape    independent distributions, each with parameters of its own
    event_shape    one draw from one of them

    A subclass says in `arg_constraints` and `support` what is valid: parameters, and values given to `log_prob`, are
    checked unless ``validate_args=False``. https://pytorch.org/docs/stable/distributions.html
    """

    has_rsample = False
    has_enumerate_support = False
    _validate_args = __debug__
    arg_constraints: Any = None
    support: Any = None

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...  # the parameters, which `_take` sets

    @staticmethod
    def set_default_validate_args(value: bool) -> None:
        """Whether distributions check, unless told."""
        if value not in (True, False):
            raise ValueError(f"set_default_validate_args expects True or False; got {value!r}.")
        Distribution._validate_args = value

    def __init__(self, batch_shape: Any = (), event_shape: Any = (), validate_args: bool | None = None):
        self._batch_shape, self._event_shape = Size(batch_shape), Size(event_shape)
        if validate_args is not None:
            self._validate_args = validate_args
        if not self._validate_args:
            return
        known = self.arg_constraints
        if known is None:
            warnings.warn(f"{type(self)} does not define `arg_constraints`. Please set `arg_constraints = {{}}` or "
                          f"initialize the distribution with `validate_args=False` to turn off validation.", stacklevel=2)
            known = {}
        for name, constraint in known.items():
            computed = name not in self.__dict__ and isinstance(getattr(type(self), name, None), lazy_property)
            if constraints.is_dependent(constraint) or computed:
                continue
            value = getattr(self, name)
            if not constraint.check(value).all():
                raise ValueError(f"Expected parameter {name} ({type(value).__name__} of shape {tuple(value.shape)}) of "
                                 f"distribution {self!r} to satisfy the constraint {constraint!r}, but found invalid "
                                 f"values:\n{value}")

    def _take(self, validate_args: bool | None, **params: Any) -> None:
        """Broadcast the parameters against each other, keep them, and let their shape be the batch's."""
        tensors = broadcast_all(*params.values())
        self.__dict__.update(zip(params, tensors))
        Distribution.__init__(self, tensors[0].shape, validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        """The same distribution for a larger batch, without copying parameters."""
        new, batch = self._get_checked_instance(type(self), _instance), Size(batch_shape)
        for name, value in self.__dict__.items():
            if name in new.__dict__:  # a subclass has seen to it
                continue
            if isinstance(value, Distribution):
                value = value.expand(batch)
            elif isinstance(value, Tensor) and name in self._parameters():
                value = value.expand(batch + value.shape[value.dim() - self._parameters()[name]:])
            new.__dict__[name] = value
        new._batch_shape = batch
        return new

    def _get_checked_instance(self, cls: type, _instance: Any = None) -> Any:
        return type(self).__new__(type(self)) if _instance is None else _instance

    def _parameters(self) -> dict[str, int]:
        """The parameters, and how many of their dimensions are no batch."""
        return {name: 0 if constraints.is_dependent(c) else c.event_dim for name, c in (self.arg_constraints or {}).items()}

    @property
    def batch_shape(self) -> Size:
        return self._batch_shape

    @property
    def event_shape(self) -> Size:
        return self._event_shape

    # --- what a distribution knows: those that have no formula say so -------------------------------------------------

    def _lacks(self, what: str) -> Any:
        raise NotImplementedError(f"{type(self)} does not implement {what}")

    mean: Any = property(lambda self: self._lacks("mean"))
    mode: Any = property(lambda self: self._lacks("mode"))
    variance: Any = property(lambda self: self._lacks("variance"))
    stddev: Any = property(lambda self: self.variance.sqrt())

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Draw, without gradients: (*sample_shape, *batch_shape, *event_shape)."""
        with no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        """Draw so that gradients reach the parameters."""
        return self._lacks("rsample")

    def sample_n(self, n: int) -> Tensor:
        """The same as ``sample((n,))``, of old."""
        warnings.warn("`sample_n(n)` will be deprecated. Use `sample((n,))` instead.", FutureWarning, stacklevel=2)
        return self.sample((n,))

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the probability (of its density) at `value`."""
        return self._lacks("log_prob")

    def cdf(self, value: Tensor) -> Tensor:
        """The probability of at most `value`."""
        return self._lacks("cdf")

    def icdf(self, value: Tensor) -> Tensor:
        """The inverse of `cdf`."""
        return self._lacks("icdf")

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """All values that a discrete distribution can have, along a new first dimension."""
        return self._lacks("enumerate_support")

    def _counted(self, values: Tensor, expand: bool) -> Tensor:
        """Values (n) as what `enumerate_support` gives."""
        values = values.reshape(-1, *[1] * len(self._batch_shape))
        return values.expand(-1, *self._batch_shape) if expand else values

    def entropy(self) -> Tensor:
        """The expectation of minus `log_prob`."""
        return self._lacks("entropy")

    def perplexity(self) -> Tensor:
        """exp(entropy)."""
        return T.exp(self.entropy())

    # --- checks -------------------------------------------------------------------------------------------------------

    def _extended_shape(self, sample_shape: Any = ()) -> Size:
        return Size((*sample_shape, *self._batch_shape, *self._event_shape))

    def _check(self, value: Any) -> None:
        """Raise ValueError unless `value` can have been drawn from this, if that is to be checked."""
        if self._validate_args:
            self._validate_sample(value)

    def _validate_sample(self, value: Any) -> None:
        if not isinstance(value, Tensor):
            raise ValueError(f"The value argument to log_prob must be a Tensor; got {type(value).__name__}.")
        shape, expected = value.shape, (*self._batch_shape, *self._event_shape)
        if shape[len(shape) - len(self._event_shape):] != self._event_shape:
            raise ValueError(f"The right-most size of value must match event_shape: {shape} vs {self._event_shape}.")
        if any(i != 1 and j != 1 and i != j for i, j in zip(reversed(shape), reversed(expected))):
            raise ValueError(f"Value is not broadcastable with batch_shape+event_shape: {shape} vs {Size(expected)}.")
        if self.support is None:
            warnings.warn(f"{type(self)} does not define `support` to enable sample validation. Please initialize the "
                          f"distribution with `validate_args=False` to turn off validation.", stacklevel=2)
        elif not self.support.check(value).all():
            raise ValueError(f"Expected value argument ({type(value).__name__} of shape {tuple(shape)}) to be within the "
                             f"support ({self.support!r}) of the distribution {self!r}, but found invalid values:\n{value}")

    def __repr__(self) -> str:
        params = {k: self.__dict__[k] for k in self.arg_constraints or {} if k in self.__dict__}
        shown = ", ".join(f"{k}: {v if v.numel() == 1 else v.size()}" for k, v in params.items())
        return f"{type(self).__name__}({shown})"


class ExponentialFamily(Distribution):
    """Base class of those whose density is h(x) exp(natural parameters · statistics(x) - log normalizer)."""


class ByProbs(Distribution):
    """Given by `probs` or by `logits`, of which the other one is computed when asked for."""

    is_binary = True

    def _choose(self, probs: Any, logits: Any) -> dict[str, Any]:
        if (probs is None) == (logits is None):
            raise ValueError("Either `probs` or `logits` must be specified, but not both.")
        return {"logits": logits} if probs is None else {"probs": probs}

    @lazy_property
    def logits(self) -> Any:
        return probs_to_logits(self.probs, self.is_binary)

    @lazy_property
    def probs(self) -> Any:
        return logits_to_probs(self.logits, self.is_binary)

    @property
    def _param(self) -> Tensor:
        """The one that was given, or is known."""
        return self.__dict__.get("probs", self.__dict__.get("logits"))  # type: ignore[return-value]

    @property
    def param_shape(self) -> Size:
        return self._param.shape
