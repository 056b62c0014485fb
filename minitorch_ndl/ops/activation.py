"""The nonlinearities of neural networks: relu and its many relatives, softmax and log_softmax.

Most live in `nn.functional` and take ``inplace=True``, which means the same as their other spelling, such as `relu_`.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

from .. import backend, compiled, errors
from ..composite import composite, face
from ..faces import FACES, F
from ..fused import fused
from ..op import op
from ..promotion import number_array
from ..random import default_generator
from ..sums import ones
from ..tensor import Tensor
from .shape import normal_dim
from .special import erf_of, evaluate, single
from .unary import refuse

INF = math.inf
FLAT_GELU, ROOT_HALF, ROOT_2_PI = 0.044715, math.sqrt(0.5), math.sqrt(2 * math.pi)


# --- made of straight lines ------------------------------------------------------------------------------------------


def _no_bool_relu(args: Any) -> None:
    if isinstance(args[0], Tensor) and args[0]._array.dtype.kind == "b":
        raise RuntimeError("Boolean inputs not supported for relu. Convert it first: x.float().")


@compiled.formula("relu.backward")
def _relu_gradient(g: Any, out: Any) -> Any:
    return F.bend(g, out != 0, 1, 0)  # NaN passes != 0


@op(input=_relu_gradient, inplace=True, check=("b", _no_bool_relu))
def relu(xp, input):
    """max(x, 0). The gradient at 0 is 0.

    >>> ndl.relu(ndl.tensor([-1.0, 0.0, 2.0]))
    tensor([0., 0., 2.])
    """
    return input.clip(0, INF) if input.dtype.kind == "f" else xp.maximum(input, 0)  # clip is faster than maximum


@face("relu", "functional")
def functional_relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(x, 0). https://pytorch.org/docs/stable/generated/torch.nn.functional.relu.html"""
    return Tensor.relu_(input) if inplace else _relu(input)


_relu = relu.op.run


@compiled.formula("leaky_relu.backward")
def _leaky_gradient(g: Any, input: Any, negative_slope: float) -> Any:
    return F.bend(g, input > 0, 1, negative_slope)


@op(input=_leaky_gradient,
    on="functional", inplace=True, check=refuse("biu", "leaky_relu"))
def leaky_relu(xp, input, negative_slope: float = 0.01, inplace: bool = False):
    """x where positive, `negative_slope` times x elsewhere."""
    out = xp.multiply(input, negative_slope, xp.empty_like(input))
    return (xp.maximum if negative_slope <= 1 else xp.minimum)(input, out, out=out)


@op(input=lambda g, input, weight: F.bend(g, input > 0, 1, 0) + F.bend(g, input > 0, 0, 1) * weight,
    weight=lambda g, input: g * F.clamp_max(input, 0), on="", out=False, broadcasts=True)
def prelu_aligned(xp, input, weight):
    """x where positive, `weight` times x elsewhere; the weight is broadcast."""
    return input.clip(0, INF) + input.clip(-INF, 0) * weight


@composite(on="torch method functional", out=False)
def prelu(input, weight):
    """x where positive, `weight` times x elsewhere: one weight, or one for each channel (dimension 1)."""
    if not isinstance(weight, Tensor):
        raise errors.not_a_tensor("prelu", "weight", 2, weight)
    if input.dtype is not weight.dtype:
        raise RuntimeError(f"prelu: Type promoting not supported. Got {errors._title(input._array.dtype)} and "
                           f"{errors._title(weight._array.dtype)}; convert one of them.")
    if weight.ndim > 1:
        raise RuntimeError(f"prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = {weight.ndim}")
    if weight.numel() != 1:
        if not input.ndim:
            raise RuntimeError("Not allow zero-dim input tensor. (prelu: several weights are for the channels.)")
        channels = input.shape[1] if input.ndim > 1 else 1
        if weight.numel() != channels:
            raise RuntimeError(f"Mismatch of parameter numbers and input channel size. Found parameter numbers = "
                               f"{weight.numel()} and channel size = {channels}.")
        weight = F.reshape(weight, (-1,) + (1,) * (input.ndim - 2))
    elif weight.ndim:
        weight = F.reshape(weight, ())
    return F.prelu_aligned(input, weight)


@op(on="", out=False)
def random_slopes(xp, input, lower: float, upper: float):
    """1 where the input is positive, and random numbers elsewhere."""
    slopes, negative = xp.ones_like(input), input <= 0
    drawn = default_generator.uniform((int(negative.sum()),), "float64", lower, upper)
    slopes[negative] = backend.of_type(type(input)).from_numpy(drawn)
    return slopes


@composite(on="torch functional", inplace=True, out=False)
def rrelu(input, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False, inplace: bool = False):
    """x where positive, elsewhere x times a slope: random ones in training, their mean otherwise."""
    if lower > upper:
        raise RuntimeError(f"Lower bound should be less than or equal to the upper bound; got {lower} and {upper}.")
    if not training:
        return F.leaky_relu(input, (lower + upper) / 2)
    if input._array.dtype.kind != "f":
        raise errors.not_implemented("rrelu_with_noise", input._array)
    return input * F.random_slopes(input, lower, upper)


def _limits(args: Any) -> None:
    input, low = args[:2]
    if isinstance(input, Tensor) and input._array.dtype.kind == "b":
        raise RuntimeError("Bool inputs not supported for hardtanh. Convert it first: x.float().")
    if isinstance(input, Tensor) and input._array.dtype.kind == "u" and int(low) < 0:
        raise RuntimeError("cannot do hardtanh on an unsigned type with negative limits")


@compiled.formula("hardtanh.backward")
def _hardtanh_gradient(g: Any, input: Any, min_val: float, max_val: float) -> Any:
    return F.bend(g, (input <= min_val) | (input >= max_val), 0, 1)


@op(input=_hardtanh_gradient,
    on="functional", inplace=True, check=("bu", _limits))
def hardtanh(xp, input, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False):
    """The input, but no less than `min_val` and no more than `max_val`, where its gradient is 0."""
    if min_val > max_val:
        raise ValueError(f"min_val cannot be greater than max_val; got {min_val} and {max_val}.")
    kind = float if input.dtype.kind == "f" else int
    return input.clip(kind(min_val), kind(max_val))


@composite(on="functional", inplace=True, out=False)
def relu6(input, inplace: bool = False):
    """min(max(x, 0), 6)."""
    return F.hardtanh(input, 0.0, 6.0)


@compiled.formula("hardsigmoid.backward")
def _hardsigmoid_gradient(g: Any, input: Any) -> Any:
    return F.bend(g, (input > -3) & (input < 3), 1, 0) * (1 / 6)


@op(input=_hardsigmoid_gradient, on="functional", inplace=True,
    check=refuse("biu", "hardsigmoid"))
def hardsigmoid(xp, input, inplace: bool = False):
    """Straight from 0 at -3 to 1 at 3."""
    out = xp.add(input, 3, xp.empty_like(input))
    out = out.clip(0, 6, out)
    out *= 1 / 6
    return out


@compiled.formula("hardswish.backward")
def _hardswish_gradient(g: Any, input: Any) -> Any:
    slope = F.bend(input * (1 / 3) + 0.5, (input > -3) & (input < 3), 1, 0)
    return g * (slope + F.to_dtype(input >= 3, input.dtype))


@op(input=_hardswish_gradient, on="functional", inplace=True, check=refuse("biu", "hardswish"))
def hardswish(xp, input, inplace: bool = False):
    """x * hardsigmoid(x)."""
    out = xp.add(input, 3, xp.empty_like(input))
    out = out.clip(0, 6, out)
    out *= input
    out *= 1 / 6
    return out


@op(input=lambda g, input, lambd: F.bend(g, F.abs(input) <= lambd, 0, 1),
    on="torch method functional", check=refuse("biu", "hardshrink"))
def hardshrink(xp, input, lambd: float = 0.5):
    """The input, but 0 where its size is no more than `lambd`."""
    slopes = (xp.absolute(input) > lambd).astype(input.dtype)
    slopes *= input
    return slopes


@op(input=lambda g, input, lambd: F.bend(g, F.abs(input) <= lambd, 0, 1),
    on="functional", check=refuse("biu", "softshrink"))
def softshrink(xp, input, lambd: float = 0.5):
    """The input moved towards 0 by `lambd`, and 0 where that would cross it."""
    if lambd < 0:
        raise RuntimeError(f"lambda must be in range [0, {float(xp.finfo(input.dtype).max):g}] for input dtype "
                           f"{errors._title(input.dtype)}, but found {lambd:g}")
    out = input.clip(-lambd, lambd)
    return xp.subtract(input, out, xp.empty_like(input))


@op(input=lambda g, input, threshold: F.bend(g, input <= threshold, 0, 1), on="torch functional", inplace=True,
    check=refuse("b", "threshold"))
def threshold(xp, input, threshold: float, value: float, inplace: bool = False):
    """The input where it is above the threshold, `value` elsewhere."""
    if input.dtype.kind != "f":
        wrapped = int(number_array(int(value), input.dtype))
        if wrapped != int(value) and (isinstance(value, float) or abs(value) > 255 or input.dtype.kind != "u"):
            raise RuntimeError(f"value cannot be converted to type {input.dtype} without overflow: threshold's {value}")
        value = wrapped
    return F.where(input <= threshold, value, input)


# --- curved ----------------------------------------------------------------------------------------------------------


@compiled.formula("scaled_elu.backward")
def _elu_gradient(g: Any, input: Any, alpha: float, scale: float, input_scale: float) -> Any:
    steepest = alpha * scale * input_scale
    below = F.where(input < 0, input, 0.0)
    slope = F.exp(below if input_scale == 1 else below * input_scale)
    if steepest != 1:
        slope = slope * steepest
    if steepest != scale:
        slope = slope + F.to_dtype(~(input <= 0), input.dtype) * (scale - steepest)
    return g * slope


@op(input=_elu_gradient, on="", out=False, inplace=True, check=refuse("biu", "elu"))
def scaled_elu(xp, input, alpha: float, scale: float, input_scale: float):
    """scale * x where positive, scale * alpha * (exp(input_scale * x) - 1) elsewhere."""
    out = input.clip(-INF, 0, xp.empty_like(input))
    if input_scale != 1:
        out *= input_scale
    xp.expm1(out, out)
    if alpha != 1:
        out *= alpha
    if 0 <= alpha * input_scale <= 1:  # the curve is above the line
        xp.maximum(out, input, out=out)
    else:
        out += input.clip(0, INF)
    if scale != 1:
        out *= scale
    return out


@composite(on="functional", inplace=True, out=False)
def elu(input, alpha: float = 1.0, inplace: bool = False):
    """x where positive, alpha * (exp(x) - 1) elsewhere."""
    return F.scaled_elu(input, alpha, 1.0, 1.0)


@composite(on="torch functional", inplace=True, out=False)
def selu(input, inplace: bool = False):
    """The scaled elu that keeps mean 0 and variance 1 from layer to layer."""
    return F.scaled_elu(input, 1.6732632423543772, 1.0507009873554805, 1.0)


@composite(on="torch functional", inplace=True, out=False)
def celu(input, alpha: float = 1.0, inplace: bool = False):
    """x where positive, alpha * (exp(x / alpha) - 1) elsewhere: an elu without a kink at 0."""
    if alpha == 0:
        raise RuntimeError("ZeroDivisionError: alpha cannot be 0 for CELU")
    return F.scaled_elu(input, alpha, 1.0, 1 / alpha)


def gelu_reference(input, approximate="none"):
    if approximate == "none":
        return input * (F.erf(input * ROOT_HALF) + 1) * 0.5
    return input * (F.tanh((input + input * input * input * FLAT_GELU) * (2 / ROOT_2_PI)) + 1) * 0.5


@fused(reference=gelu_reference, on="functional", check=refuse("biu", "GeluKernelImpl"))
class gelu:
    """x * (the chance that a standard normal number is below x); `approximate="tanh"`: nearly that."""

    def forward(xp: Any, input, *, approximate: str = "none"):
        if approximate not in ("none", "tanh"):
            raise RuntimeError(f"approximate argument must be either none or tanh. (gelu got {approximate!r}.)")
        x = single(input)
        if approximate == "none":
            gate = evaluate(xp, erf_of, x * ROOT_HALF)
        else:
            gate = xp.multiply(x, x, xp.empty_like(x))
            gate *= FLAT_GELU
            gate += 1
            gate *= x
            gate *= 2 / ROOT_2_PI
            xp.tanh(gate, gate)
        gate += 1
        gate *= 0.5
        return (x * gate).astype(input.dtype, copy=False), x, gate, approximate

    def backward(xp: Any, needs, g, x, gate, approximate):
        grad = xp.multiply(x, x, xp.empty_like(x))
        if approximate == "none":
            grad *= -0.5
            xp.exp(grad, grad)
            grad *= 1 / ROOT_2_PI
        else:  # the slope of tanh(u) is 1 - tanh(u)**2, which is 4 * gate * (1 - gate); that of u is (1 + 3cx**2) / ...
            grad *= 3 * FLAT_GELU
            grad += 1
            grad *= 4 / ROOT_2_PI
            grad *= gate
            grad *= 1 - gate
        grad *= x
        grad += gate
        grad *= g
        return grad.astype(g.dtype, copy=False)


@compiled.formula("silu.backward")
def _silu_gradient(g: Any, input: Any) -> Any:
    s = F.sigmoid(input)
    return g * (s * (input * (1 - s) + 1))


@op(input=_silu_gradient, on="functional", inplace=True, check=refuse("biu", "silu"))
def silu(xp, input, inplace: bool = False):
    """x * sigmoid(x), also called swish."""
    t = xp.negative(input, xp.empty_like(input))
    xp.exp(t, t)
    t += 1
    return xp.divide(input, t, t)


@compiled.formula("mish.backward")
def _mish_gradient(g: Any, input: Any) -> Any:
    t = F.tanh(F.softplus(input))
    return g * (t + input * F.sigmoid(input) * (1 - t * t))


@op(input=_mish_gradient, on="functional", inplace=True, check=refuse("biu", "mish"))
def mish(xp, input, inplace: bool = False):
    """x * tanh(softplus(x))."""
    x = single(input)
    e = x.clip(-INF, 20, xp.empty_like(x))
    xp.exp(e, e)
    e *= e + 2  # tanh(log(1 + e)) = ((1 + e)**2 - 1) / ((1 + e)**2 + 1)
    out = xp.divide(e, e + 2, e)
    out *= x
    return out.astype(input.dtype, copy=False)


@compiled.formula("softplus.backward")
def _softplus_gradient(g: Any, input: Any, beta: float, threshold: float) -> Any:
    t = input * beta
    s = F.sigmoid(t)
    return g * (s + (t > threshold) * (1 - s))


@op(input=_softplus_gradient, on="functional", check=refuse("biu", "softplus"))
def softplus(xp, input, beta: float = 1.0, threshold: float = 20.0):
    """log(1 + exp(beta * x)) / beta, a smooth relu; x itself where beta * x is above the threshold."""
    t = xp.multiply(input, beta, xp.empty_like(input))
    linear = t > threshold
    xp.exp(t.clip(-INF, threshold, t), t)
    xp.log1p(t, t)
    t *= 1 / beta if beta else INF
    if linear.any():
        t[linear] = input[linear]
    return t


@compiled.formula("logsigmoid.backward")
def _logsigmoid_gradient(g: Any, input: Any) -> Any:
    return g * F.sigmoid(-input)


@op(input=_logsigmoid_gradient, on="functional", check=refuse("biu", "log_sigmoid"))
def logsigmoid(xp, input):
    """log(sigmoid(x)), without taking the logarithm of what sigmoid has rounded to 0."""
    t = xp.absolute(input, xp.empty_like(input))
    xp.exp(xp.negative(t, t), t)
    xp.log1p(t, t)
    return xp.subtract(input.clip(-INF, 0), t, t)


@composite(on="functional", out=False)
def softsign(input):
    """x / (1 + |x|)."""
    return input / (F.abs(input) + 1)


@composite(on="functional", out=False)
def tanhshrink(input):
    """x - tanh(x)."""
    return input - F.tanh(input)


@composite(on="functional", out=False)
def glu(input, dim: int = -1):
    """One half along `dim`, times the sigmoid of the other half: a gated linear unit."""
    if not input.ndim:
        raise RuntimeError("glu does not support scalars because halving size must be even")
    if input._array.dtype.kind != "f":
        raise errors.not_implemented("glu", input._array)
    dim = normal_dim(dim, input.ndim, "glu")
    half, odd = divmod(input.shape[dim], 2)
    if odd:
        raise RuntimeError(f"Halving dimension must be even, but dimension {dim} is size {input.shape[dim]}")
    return F.narrow(input, dim, 0, half) * F.sigmoid(F.narrow(input, dim, half, half))


# --- softmax ---------------------------------------------------------------------------------------------------------


def softmax_reference(input, dim, dtype=None):
    return (input - input.logsumexp(dim, True)).exp()


@fused(reference=softmax_reference, on="torch method special", check=refuse("biu", "softmax_lastdim_kernel_impl"))
class softmax:
    """exp(x) / exp(x).sum(dim): numbers as probabilities, which are positive and sum to 1 along `dim`.

    >>> ndl.softmax(ndl.tensor([[1.0, 1.0], [0.0, 1000.0]]), dim=1)
    tensor([[0.5000, 0.5000],
            [0.0000, 1.0000]])
    """

    def forward(xp: Any, input, dim: int, dtype: object = None):
        dim = normal_dim(dim, input.ndim, "softmax")
        if not input.size or not input.ndim:
            out = input - input + 1
            return out, out, dim
        x = single(input)
        t = xp.exp(x if _small(x) else x - xp.maximum.reduce(x, dim, keepdims=True))
        t /= _sum(xp, t, dim)
        out = t.astype(input.dtype, copy=False)
        return out, out, dim

    def backward(xp: Any, needs, g, out, dim):
        if not out.ndim:
            return g * 0
        grad = xp.multiply(g, out, xp.empty_like(out))
        grad -= out * _sum(xp, grad, dim)
        return grad


def _small(x: Any) -> bool:
    """Whether exp(x) can neither overflow nor vanish, so that there is no need for the largest element of each row.
    NumPy takes long to find those; the smallest and largest of all are quick to find, in large arrays."""
    return x.size > 4096 and -40 < x.min() and x.max() < 40


def _sum(xp: Any, x: Any, dim: int) -> Any:
    """Sums along `dim`, which stays as 1. Short rows are summed by a product with ones: NumPy's `sum` is slow there."""
    n = x.shape[dim]
    if dim == x.ndim - 1 and n <= 512 < x.size and x.flags.c_contiguous:
        return (x.reshape(-1, n) @ ones(xp, n, x.dtype)).reshape(*x.shape[:-1], 1)
    return x.sum(dim, keepdims=True)


def log_softmax_reference(input, dim, dtype=None):
    return input - input.logsumexp(dim, True)


@fused(reference=log_softmax_reference, on="torch method special",
       check=refuse("biu", "log_softmax_lastdim_kernel_impl"))
class log_softmax:
    """log(softmax(x)), without taking the logarithm of what softmax has rounded to 0.

    >>> ndl.log_softmax(ndl.tensor([0.0, 1000.0]), dim=0)
    tensor([-1000.,     0.])
    """

    def forward(xp: Any, input, dim: int, dtype: object = None):
        dim = normal_dim(dim, input.ndim, "log_softmax")
        if not input.size or not input.ndim:
            out = input - input
            return out, out, dim
        x = single(input)
        if x.itemsize == 4 and _small(x):
            total = xp.log(_sum(xp, xp.exp(x), dim).astype("float64"))
            rounded = total.astype("float32")
            t = x - rounded
            t -= (total - rounded).astype("float32")  # what rounding lost, which matters where t is near 0
        else:
            t = x - xp.maximum.reduce(x, dim, keepdims=True)
            t -= xp.log(_sum(xp, xp.exp(t), dim))
        out = t.astype(input.dtype, copy=False)
        return out, out, dim

    def backward(xp: Any, needs, g, out, dim):
        if not out.ndim:
            return g * 0
        grad = xp.exp(out, xp.empty_like(out))
        grad *= -_sum(xp, g, dim)
        grad += g
        return grad


def _implicit_dim(name: str, input: Tensor, dim: int | None, level: int) -> int:
    """nn.functional's rule for a `dim` that was left out; it warns, as torch does."""
    if dim is not None:
        return dim
    warnings.warn(f"Implicit dimension choice for {name} has been deprecated. Change the call to include dim=X as an "
                  f"argument.", stacklevel=level + 3)
    return 0 if input.ndim in (0, 1, 3) else 1


@composite(on="functional", name="softmax", out=False)
def functional_softmax(input, dim: int | None = None, _stacklevel: int = 3, dtype: object = None):
    """exp(x) / exp(x).sum(dim): numbers as probabilities along `dim`."""
    return F.softmax(input, _implicit_dim("softmax", input, dim, _stacklevel), None)


@face("softmin", "functional")
def softmin(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: object = None) -> Tensor:
    """softmax(-x): the smallest number gets the largest share.
    https://pytorch.org/docs/stable/generated/torch.nn.functional.softmin.html"""
    dim = _implicit_dim("softmin", input, dim, _stacklevel - 2)
    return FACES["torch"]["softmax"](-input, dim, dtype=dtype)


@composite(on="functional", name="log_softmax", out=False)
def functional_log_softmax(input, dim: int | None = None, _stacklevel: int = 3, dtype: object = None):
    """log(softmax(x)) along `dim`."""
    return F.log_softmax(input, _implicit_dim("log_softmax", input, dim, _stacklevel), None)


@face("gumbel_softmax", "functional")
def gumbel_softmax(logits: Tensor, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1) -> Tensor:
    """A random choice along `dim` with the probabilities softmax(logits), made soft so that gradients flow through it;
    `hard`: a one-hot choice, with the soft one's gradients.
    https://pytorch.org/docs/stable/generated/torch.nn.functional.gumbel_softmax.html"""
    noise = -FACES["torch"]["empty_like"](logits).exponential_().log()
    soft = F.softmax((logits + noise) / tau, dim)
    if not hard:
        return soft
    chosen = FACES["torch"]["zeros_like"](logits).scatter_(dim, soft.argmax(dim, keepdim=True), 1.0)
    return chosen - soft.detach() + soft


# Torch has the in-place forms of these as functions too.
FACES["functional"]["relu_"] = Tensor.relu_
for _name in ("relu_", "selu_", "celu_", "rrelu_", "threshold_"):
    FACES["torch"][_name] = FACES["functional"][_name]
