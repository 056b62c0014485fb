"""Invertible functions, with the logarithm of how much they stretch: what makes one distribution out of another.

https://pytorch.org/docs/stable/distributions.html#module-torch.distributions.transforms

>>> t = ndl.distributions.AffineTransform(loc=1.0, scale=2.0)
>>> t(ndl.tensor(3.0)), t.inv(ndl.tensor(7.0))
(tensor(7.), tensor(3.))
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

from ..tensor import Size, Tensor
from . import constraints
from .transform import Transform as Transform
from .utils import (
    F,
    Number,
    T,
    broadcast_all,
    eps,
    lazy_property,
    linalg,
    sum_rightmost,
    tiny,
    tril_matrix_to_vec,
    vec_to_tril_matrix,
)

# --- elementwise, without parameters: a table ------------------------------------------------------------------------


def _clipped_sigmoid(x: Tensor) -> Tensor:
    return T.sigmoid(x).clamp(tiny(x), 1 - eps(x))


def _logit(y: Tensor) -> Tensor:
    y = y.clamp(tiny(y), 1 - eps(y))
    return y.log() - (-y).log1p()


def _plain(name: str, doc: str, codomain: Any, call: Callable, inverse: Callable, jacobian: Callable | None) -> Any:
    """A class: y = call(x), x = inverse(y), log |dy/dx| = jacobian(x, y)."""
    members: dict[str, Any] = {
        "__doc__": doc, "__module__": __name__, "domain": constraints.real, "codomain": codomain,
        "_call": lambda self, x: call(x), "_inverse": lambda self, y: inverse(y)}
    if jacobian is not None:
        members |= {"bijective": True, "sign": 1, "log_abs_det_jacobian": lambda self, x, y: jacobian(x, y)}
    return type(name, (Transform,), members)


ExpTransform = _plain("ExpTransform", "y = exp(x).", constraints.positive, T.exp, T.log, lambda x, y: x)
SigmoidTransform = _plain("SigmoidTransform", "y = 1 / (1 + exp(-x)).", constraints.unit_interval, _clipped_sigmoid, _logit,
                          lambda x, y: -F.softplus(-x) - F.softplus(x))
SoftplusTransform = _plain("SoftplusTransform", "y = log(1 + exp(x)).", constraints.positive, F.softplus,
                           lambda y: (-y).expm1().neg().log() + y, lambda x, y: -F.softplus(-x))
TanhTransform = _plain("TanhTransform", "y = tanh(x).", constraints.interval(-1.0, 1.0), T.tanh, T.atanh,
                       lambda x, y: 2.0 * (math.log(2.0) - x - F.softplus(-2.0 * x)))
AbsTransform = _plain("AbsTransform", "y = |x|, which has no inverse: `inv` gives y.", constraints.positive, T.abs,
                      lambda y: y, None)


# --- with parameters --------------------------------------------------------------------------------------------------


def _same(a: Any, b: Any) -> bool:
    return bool((a == b) if isinstance(a, Number) and isinstance(b, Number) else (a == b).all())


class AffineTransform(Transform):
    """y = loc + scale · x; the last `event_dim` dimensions are one event."""

    bijective = True

    def __init__(self, loc: Any, scale: Any, event_dim: int = 0, cache_size: int = 0):
        super().__init__(cache_size)
        self.loc, self.scale, self._event_dim = loc, scale, event_dim

    def _again(self, cache_size: int) -> Any:
        return AffineTransform(self.loc, self.scale, self._event_dim, cache_size)

    @property
    def event_dim(self) -> int:
        return self._event_dim

    @constraints.dependent_property(is_discrete=False)
    def domain(self) -> Any:
        return constraints.independent(constraints.real, self._event_dim) if self._event_dim else constraints.real

    codomain = domain

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AffineTransform) and _same(self.loc, other.loc) and _same(self.scale, other.scale)

    __hash__ = object.__hash__

    @property
    def sign(self) -> Any:
        return (self.scale > 0) - (self.scale < 0) if isinstance(self.scale, Number) else self.scale.sign()

    def _call(self, x: Any) -> Any:
        return self.loc + self.scale * x

    def _inverse(self, y: Any) -> Any:
        return (y - self.loc) / self.scale

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        scale = T.full_like(x, abs(self.scale)) if isinstance(self.scale, Number) else self.scale.abs()
        result, n = scale.log(), self._event_dim
        return sum_rightmost(result, n).expand(x.shape[:x.dim() - n])

    def forward_shape(self, shape: Any) -> Any:
        return T.broadcast_shapes(shape, getattr(self.loc, "shape", ()), getattr(self.scale, "shape", ()))

    inverse_shape = forward_shape


class PowerTransform(Transform):
    """y = x to the power of `exponent`, for positive x."""

    domain = codomain = constraints.positive
    bijective = True

    def __init__(self, exponent: Any, cache_size: int = 0):
        super().__init__(cache_size)
        (self.exponent,) = broadcast_all(exponent)

    def _again(self, cache_size: int) -> Any:
        return PowerTransform(self.exponent, cache_size)

    @lazy_property
    def sign(self) -> Any:
        return self.exponent.sign()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PowerTransform) and bool(self.exponent.eq(other.exponent).all())

    __hash__ = object.__hash__

    def _call(self, x: Any) -> Any:
        return x.pow(self.exponent)

    def _inverse(self, y: Any) -> Any:
        return y.pow(1 / self.exponent)

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        return (self.exponent * y / x).abs().log()

    def forward_shape(self, shape: Any) -> Any:
        return T.broadcast_shapes(shape, self.exponent.shape)

    inverse_shape = forward_shape


class ReshapeTransform(Transform):
    """Another shape for the event: `in_shape` becomes `out_shape`."""

    bijective = True

    def __init__(self, in_shape: Any, out_shape: Any, cache_size: int = 0):
        super().__init__(cache_size)
        self.in_shape, self.out_shape = Size(in_shape), Size(out_shape)
        if self.in_shape.numel() != self.out_shape.numel():
            raise ValueError(f"in_shape, out_shape have different numbers of elements: {in_shape}, {out_shape}")

    def _again(self, cache_size: int) -> Any:
        return ReshapeTransform(self.in_shape, self.out_shape, cache_size)

    domain = constraints.dependent_property(lambda self: constraints.independent(constraints.real, len(self.in_shape)))
    codomain = constraints.dependent_property(lambda self: constraints.independent(constraints.real, len(self.out_shape)))

    def _call(self, x: Any) -> Any:
        return x.reshape(x.shape[:x.dim() - len(self.in_shape)] + self.out_shape)

    def _inverse(self, y: Any) -> Any:
        return y.reshape(y.shape[:y.dim() - len(self.out_shape)] + self.in_shape)

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        return x.new_zeros(x.shape[:x.dim() - len(self.in_shape)])

    def forward_shape(self, shape: Any) -> Any:
        return self._replaced(Size(shape), self.in_shape, self.out_shape)

    def inverse_shape(self, shape: Any) -> Any:
        return self._replaced(Size(shape), self.out_shape, self.in_shape)

    @staticmethod
    def _replaced(shape: Any, old: Size, new: Size) -> Any:
        if len(shape) < len(old):
            raise ValueError("Too few dimensions on input")
        cut = len(shape) - len(old)
        if shape[cut:] != old:
            raise ValueError(f"Shape mismatch: expected {shape[cut:]} but got {old}")
        return shape[:cut] + new


class SoftmaxTransform(Transform):
    """y = softmax(x), which forgets a constant: `inv` gives log(y)."""

    domain, codomain = constraints.real_vector, constraints.simplex

    def _call(self, x: Any) -> Any:
        return F.softmax(x, -1)

    def _inverse(self, y: Any) -> Any:
        return y.log()


class StickBreakingTransform(Transform):
    """(*, n) to probabilities (*, n + 1): each takes a part of what the ones before have left."""

    domain, codomain = constraints.real_vector, constraints.simplex
    bijective = True

    @staticmethod
    def _offset(x: Any) -> Any:
        return T.arange(x.shape[-1], 0, -1, dtype=x.dtype)

    def _call(self, x: Any) -> Any:
        part = _clipped_sigmoid(x - self._offset(x).log())
        return F.pad(part, (0, 1), value=1) * F.pad((1 - part).cumprod(-1), (1, 0), value=1)

    def _inverse(self, y: Any) -> Any:
        y = y[..., :-1]
        left = (1 - y.cumsum(-1)).clamp(min=tiny(y))
        return y.log() - left.log() + self._offset(y).log()

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        x = x - self._offset(x).log()
        return (-x + F.logsigmoid(x) + y[..., :-1].log()).sum(-1)

    def forward_shape(self, shape: Any) -> Any:
        if len(shape) < 1:
            raise ValueError("Too few dimensions on input")
        return Size((*shape[:-1], shape[-1] + 1))

    def inverse_shape(self, shape: Any) -> Any:
        if len(shape) < 1:
            raise ValueError("Too few dimensions on input")
        return Size((*shape[:-1], shape[-1] - 1))


class LowerCholeskyTransform(Transform):
    """Any matrix to a lower triangular one with a positive diagonal."""

    domain, codomain = constraints.independent(constraints.real, 2), constraints.lower_cholesky

    def _call(self, x: Any) -> Any:
        return x.tril(-1) + T.diag_embed(x.diagonal(dim1=-2, dim2=-1).exp())

    def _inverse(self, y: Any) -> Any:
        return y.tril(-1) + T.diag_embed(y.diagonal(dim1=-2, dim2=-1).log())


class PositiveDefiniteTransform(Transform):
    """Any matrix to a positive definite one."""

    domain, codomain = constraints.independent(constraints.real, 2), constraints.positive_definite

    def _call(self, x: Any) -> Any:
        x = LowerCholeskyTransform()(x)
        return x @ x.mT

    def _inverse(self, y: Any) -> Any:
        return LowerCholeskyTransform().inv(linalg.cholesky(y))


class CorrCholeskyTransform(Transform):
    """n (n - 1) / 2 numbers to the Cholesky factor (n, n) of a correlation matrix."""

    domain, codomain = constraints.real_vector, constraints.corr_cholesky
    bijective = True

    def _call(self, x: Any) -> Any:
        r = vec_to_tril_matrix(T.tanh(x).clamp(eps(x) - 1, 1 - eps(x)), diag=-1)
        left = (1 - r**2).sqrt().cumprod(-1)
        return (r + T.eye(r.shape[-1], dtype=r.dtype)) * F.pad(left[..., :-1], (1, 0), value=1)

    def _inverse(self, y: Any) -> Any:
        left = F.pad((1 - T.cumsum(y * y, -1))[..., :-1], (1, 0), value=1)
        t = tril_matrix_to_vec(y, diag=-1) / tril_matrix_to_vec(left, diag=-1).sqrt()
        return (t.log1p() - t.neg().log1p()) / 2

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        left = tril_matrix_to_vec(1 - (y * y).cumsum(-1), diag=-2)
        return 0.5 * left.log().sum(-1) - 2 * (x + F.softplus(-2 * x) - math.log(2.0)).sum(-1)

    def forward_shape(self, shape: Any) -> Any:
        if len(shape) < 1:
            raise ValueError("Too few dimensions on input")
        n = round(math.sqrt(0.25 + 2 * shape[-1]) + 0.5)
        if n * (n - 1) // 2 != shape[-1]:
            raise ValueError(f"Input is not a flattened lower-diagonal number: {shape[-1]}")
        return Size((*shape[:-1], n, n))

    def inverse_shape(self, shape: Any) -> Any:
        if len(shape) < 2:
            raise ValueError("Too few dimensions on input")
        if shape[-2] != shape[-1]:
            raise ValueError("Input is not square")
        return Size((*shape[:-2], shape[-1] * (shape[-1] - 1) // 2))


class CumulativeDistributionTransform(Transform):
    """y = the probability of at most x, in a distribution of one dimension."""

    bijective, codomain, sign = True, constraints.unit_interval, 1

    def __init__(self, distribution: Any, cache_size: int = 0):
        super().__init__(cache_size)
        self.distribution = distribution

    domain = property(lambda self: self.distribution.support)

    def _again(self, cache_size: int) -> Any:
        return CumulativeDistributionTransform(self.distribution, cache_size)

    def _call(self, x: Any) -> Any:
        return self.distribution.cdf(x)

    def _inverse(self, y: Any) -> Any:
        return self.distribution.icdf(y)

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        return self.distribution.log_prob(x)


# --- of others --------------------------------------------------------------------------------------------------------


class ComposeTransform(Transform):
    """One after the other."""

    def __init__(self, parts: list[Transform], cache_size: int = 0):
        super().__init__(cache_size)
        self.parts = [p.with_cache(cache_size) for p in parts] if cache_size else parts

    def _again(self, cache_size: int) -> Any:
        return ComposeTransform(self.parts, cache_size)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ComposeTransform) and self.parts == other.parts

    __hash__ = object.__hash__

    @constraints.dependent_property(is_discrete=False)
    def domain(self) -> Any:
        return self._end([(p.domain, p.codomain) for p in reversed(self.parts)])

    @constraints.dependent_property(is_discrete=False)
    def codomain(self) -> Any:
        return self._end([(p.codomain, p.domain) for p in self.parts])

    @staticmethod
    def _end(pairs: list[tuple[Any, Any]]) -> Any:
        """The last of the constraints, for events as large as any of the parts needs them. Pairs: out of, into a part."""
        if not pairs:
            return constraints.real
        dims = pairs[0][1].event_dim
        for out, into in pairs:
            dims = max(dims + out.event_dim - into.event_dim, out.event_dim)
        last = pairs[-1][0]
        return constraints.independent(last, dims - last.event_dim) if dims > last.event_dim else last

    bijective = property(lambda self: all(p.bijective for p in self.parts))
    sign = property(lambda self: functools.reduce(operator.mul, (p.sign for p in self.parts), 1))

    @property
    def inv(self) -> Any:
        if self._inv is None:
            self._inv = ComposeTransform([p.inv for p in reversed(self.parts)])  # type: ignore[assignment]
            self._inv._inv = self  # type: ignore[attr-defined]
        return self._inv

    def __call__(self, x: Any) -> Any:
        for part in self.parts:
            x = part(x)
        return x

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        if not self.parts:
            return T.zeros_like(x)
        xs = [x]
        for part in self.parts[:-1]:
            xs.append(part(xs[-1]))
        xs.append(y)
        terms, dims = [], self.domain.event_dim
        for part, before, after in zip(self.parts, xs, xs[1:]):
            terms.append(sum_rightmost(part.log_abs_det_jacobian(before, after), dims - part.domain.event_dim))
            dims += part.codomain.event_dim - part.domain.event_dim
        return functools.reduce(operator.add, terms)

    def forward_shape(self, shape: Any) -> Any:
        return functools.reduce(lambda s, p: p.forward_shape(s), self.parts, shape)

    def inverse_shape(self, shape: Any) -> Any:
        return functools.reduce(lambda s, p: p.inverse_shape(s), reversed(self.parts), shape)

    def __repr__(self) -> str:
        return "ComposeTransform(\n    " + ",\n    ".join(map(repr, self.parts)) + "\n)"


identity_transform = ComposeTransform([])


class IndependentTransform(Transform):
    """The last `reinterpreted_batch_ndims` dimensions are part of the event."""

    def __init__(self, base_transform: Transform, reinterpreted_batch_ndims: int, cache_size: int = 0):
        super().__init__(cache_size)
        self.base_transform = base_transform.with_cache(cache_size)
        self.reinterpreted_batch_ndims = reinterpreted_batch_ndims

    def _again(self, cache_size: int) -> Any:
        return IndependentTransform(self.base_transform, self.reinterpreted_batch_ndims, cache_size)

    domain = constraints.dependent_property(
        lambda self: constraints.independent(self.base_transform.domain, self.reinterpreted_batch_ndims), is_discrete=False)
    codomain = constraints.dependent_property(
        lambda self: constraints.independent(self.base_transform.codomain, self.reinterpreted_batch_ndims),
        is_discrete=False)
    bijective = property(lambda self: self.base_transform.bijective)
    sign = property(lambda self: self.base_transform.sign)

    def _call(self, x: Any) -> Any:
        if x.dim() < self.domain.event_dim:
            raise ValueError("Too few dimensions on input")
        return self.base_transform(x)

    def _inverse(self, y: Any) -> Any:
        if y.dim() < self.codomain.event_dim:
            raise ValueError("Too few dimensions on input")
        return self.base_transform.inv(y)

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        return sum_rightmost(self.base_transform.log_abs_det_jacobian(x, y), self.reinterpreted_batch_ndims)

    def forward_shape(self, shape: Any) -> Any:
        return self.base_transform.forward_shape(shape)

    def inverse_shape(self, shape: Any) -> Any:
        return self.base_transform.inverse_shape(shape)

    def __repr__(self) -> str:
        return f"IndependentTransform({self.base_transform!r}, {self.reinterpreted_batch_ndims})"


class _Parallel(Transform):
    """Each of several transforms for its own part of the tensor."""

    transforms: list[Transform]

    def __init__(self, tseq: Sequence[Transform], dim: int, cache_size: int):
        super().__init__(cache_size)
        if not all(isinstance(t, Transform) for t in tseq):
            raise AssertionError(f"All elements of tseq must be Transform instances; got {tseq}")
        self.transforms, self.dim = [t.with_cache(cache_size) if cache_size else t for t in tseq], dim

    bijective = property(lambda self: all(t.bijective for t in self.transforms))

    def _parts(self, x: Any) -> Any:
        raise NotImplementedError

    def _checked(self, x: Any, size: int) -> None:
        if not -x.dim() <= self.dim < x.dim():
            raise AssertionError(f"dim {self.dim} out of range for tensor with {x.dim()} dimensions")
        if x.size(self.dim) != size:
            raise AssertionError(f"x.size({self.dim}) = {x.size(self.dim)} must equal {size}, the length of all transforms")


class CatTransform(_Parallel):
    """Each of `tseq` for `lengths` elements along `dim`."""

    def __init__(self, tseq: Sequence[Transform], dim: int = 0, lengths: Sequence[int] | None = None, cache_size: int = 0):
        super().__init__(tseq, dim, cache_size)
        self.lengths = list(lengths or [1] * len(self.transforms))
        if len(self.lengths) != len(self.transforms):
            raise AssertionError(f"lengths ({len(self.lengths)}) must match transforms ({len(self.transforms)})")

    def _again(self, cache_size: int) -> Any:
        return CatTransform(self.transforms, self.dim, self.lengths, cache_size)

    domain = constraints.dependent_property(
        lambda self: constraints.cat([t.domain for t in self.transforms], self.dim, self.lengths))
    codomain = constraints.dependent_property(
        lambda self: constraints.cat([t.codomain for t in self.transforms], self.dim, self.lengths))
    event_dim = property(lambda self: max(t.event_dim for t in self.transforms))
    length = property(lambda self: sum(self.lengths))

    def _parts(self, x: Any) -> Any:
        self._checked(x, self.length)
        return T.split(x, self.lengths, self.dim)

    def _call(self, x: Any) -> Any:
        return T.cat([t(part) for t, part in zip(self.transforms, self._parts(x))], self.dim)

    def _inverse(self, y: Any) -> Any:
        return T.cat([t.inv(part) for t, part in zip(self.transforms, self._parts(y))], self.dim)

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        terms = [sum_rightmost(t.log_abs_det_jacobian(a, b), self.event_dim - t.event_dim)
                 for t, a, b in zip(self.transforms, self._parts(x), self._parts(y))]
        dim = self.dim % x.dim() - x.dim() + self.event_dim
        return T.cat(terms, dim) if dim < 0 else functools.reduce(operator.add, terms)


class StackTransform(_Parallel):
    """Each of `tseq` for one entry along `dim`."""

    def __init__(self, tseq: Sequence[Transform], dim: int = 0, cache_size: int = 0):
        super().__init__(tseq, dim, cache_size)

    def _again(self, cache_size: int) -> Any:
        return StackTransform(self.transforms, self.dim, cache_size)

    domain = constraints.dependent_property(lambda self: constraints.stack([t.domain for t in self.transforms], self.dim))
    codomain = constraints.dependent_property(
        lambda self: constraints.stack([t.codomain for t in self.transforms], self.dim))

    def _parts(self, x: Any) -> Any:
        self._checked(x, len(self.transforms))
        return x.unbind(self.dim)

    def _call(self, x: Any) -> Any:
        return T.stack([t(part) for t, part in zip(self.transforms, self._parts(x))], self.dim)

    def _inverse(self, y: Any) -> Any:
        return T.stack([t.inv(part) for t, part in zip(self.transforms, self._parts(y))], self.dim)

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        return T.stack([t.log_abs_det_jacobian(a, b)
                        for t, a, b in zip(self.transforms, self._parts(x), self._parts(y))], self.dim)


__all__ = [name for name in globals() if name.endswith("Transform") and name[0] != "_"] + ["identity_transform"]
