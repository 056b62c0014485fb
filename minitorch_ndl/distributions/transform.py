"""The base class of all transforms, and their inverses."""

from __future__ import annotations

from typing import Any

from . import constraints


class Transform:
    """Base class. ``t(x)`` applies it, ``t.inv(y)`` undoes it.

    A subclass defines `_call`, `_inverse` and `log_abs_det_jacobian`, and says in `domain` and `codomain` between what
    it leads. With ``cache_size=1`` it remembers the last pair, so that the inverse of a result is exact and free.
    """

    bijective: Any = False
    sign: Any = property(lambda self: _none(self, "sign"))
    domain: Any
    codomain: Any

    def __init__(self, cache_size: int = 0):
        if cache_size not in (0, 1):
            raise ValueError(f"cache_size must be 0 or 1; got {cache_size}.")
        self._cache_size, self._inv = cache_size, None
        self._cached_x_y: tuple[Any, Any] = (None, None)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_inv": None}

    @property
    def event_dim(self) -> int:
        if self.domain.event_dim != self.codomain.event_dim:
            raise ValueError("Please use either .domain.event_dim or .codomain.event_dim")
        return self.domain.event_dim

    @property
    def inv(self) -> Any:
        """The inverse, as a transform."""
        if self._inv is None:
            self._inv = _InverseTransform(self)  # type: ignore[assignment]
        return self._inv

    def with_cache(self, cache_size: int = 1) -> Any:
        """The same transform with a cache of this size."""
        if self._cache_size == cache_size:
            return self
        if type(self).__init__ is Transform.__init__:
            return type(self)(cache_size=cache_size)
        return self._again(cache_size)

    def _again(self, cache_size: int) -> Any:
        raise NotImplementedError(f"{type(self)}.with_cache is not implemented")

    # Those without parameters are equal if they are of one class.
    def __eq__(self, other: object) -> bool:
        plain = type(self).__init__ is Transform.__init__ and type(self).__module__ == f"{__name__}s"
        return self is other or (plain and type(self) is type(other))

    __hash__ = object.__hash__

    def __call__(self, x: Any) -> Any:
        if self._cache_size and x is self._cached_x_y[0]:
            return self._cached_x_y[1]
        y = self._call(x)
        if self._cache_size:
            self._cached_x_y = x, y
        return y

    def _inv_call(self, y: Any) -> Any:
        if self._cache_size and y is self._cached_x_y[1]:
            return self._cached_x_y[0]
        x = self._inverse(y)
        if self._cache_size:
            self._cached_x_y = x, y
        return x

    def _call(self, x: Any) -> Any:
        return _none(self, "_call")

    def _inverse(self, y: Any) -> Any:
        return _none(self, "_inverse")

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        """log |dy/dx|, one number per event."""
        return _none(self, "log_abs_det_jacobian")

    def forward_shape(self, shape: Any) -> Any:
        """The shape of the result, for an input of this shape."""
        return shape

    def inverse_shape(self, shape: Any) -> Any:
        """The shape of the input, for a result of this shape."""
        return shape

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


def _none(transform: Transform, what: str) -> Any:
    raise NotImplementedError(f"{type(transform).__name__} does not define {what}")


class _InverseTransform(Transform):
    def __init__(self, transform: Transform):
        super().__init__(transform._cache_size)
        self._inv = transform  # type: ignore[assignment]

    domain = constraints.dependent_property(lambda self: self._inv.codomain, is_discrete=False)
    codomain = constraints.dependent_property(lambda self: self._inv.domain, is_discrete=False)
    bijective = property(lambda self: self._inv.bijective)
    sign = property(lambda self: self._inv.sign)

    def with_cache(self, cache_size: int = 1) -> Any:
        return self.inv.with_cache(cache_size).inv

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _InverseTransform) and self._inv == other._inv

    __hash__ = object.__hash__

    def __call__(self, x: Any) -> Any:
        return self.inv._inv_call(x)

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        return -self.inv.log_abs_det_jacobian(y, x)

    def forward_shape(self, shape: Any) -> Any:
        return self.inv.inverse_shape(shape)

    def inverse_shape(self, shape: Any) -> Any:
        return self.inv.forward_shape(shape)

    def __repr__(self) -> str:
        return f"_InverseTransform({self._inv!r})"
