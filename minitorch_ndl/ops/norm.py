"""Normalization: elements minus their mean, over their standard deviation, times a learned weight, plus a learned bias.

One operation, `standardize`, carries them; they differ in whose mean it is:

    batch_norm      of a channel, over all images and places      weight and bias: one for each channel
    instance_norm   of a channel in an image, over its places     the same
    group_norm      of some channels in an image                  the same
    layer_norm      of the last dimensions                        one for each element of these
    rms_norm        layer_norm without subtracting the mean
"""

from __future__ import annotations

import math
from typing import Any

from .. import dtypes, errors
from ..autograd import views
from ..composite import composite
from ..faces import F
from ..fused import fused
from ..sums import total
from ..tensor import Tensor
from .reduce import count
from .special import single

Axes = tuple  # over which the mean is taken
Shape = tuple  # of weight and bias beside the input: (1, C, 1, 1), say


def _standardized(input, weight, bias, mean, var, axes, shape, eps, center=True, moments=None):
    if mean is None:
        x = input - input.mean(axes, True) if center else input
        var = (x * x).mean(axes, True)
    else:
        x, var = input - mean.reshape(shape), var.reshape(shape)
    out = x / (var + eps).sqrt()
    if weight is not None:
        out = out * weight.reshape(shape)
    return out if bias is None else out + bias.reshape(shape)


@fused(reference=_standardized, on="", constants=("mean", "var"))
class standardize:
    """``(input - mean) / sqrt(var + eps) * weight + bias``. Without `mean` and `var`, the input's own are taken over
    `axes` (and left in `moments`); without `center`, its mean is taken to be 0."""

    def forward(xp, input, weight=None, bias=None, mean=None, var=None, axes: Axes = (), shape: Shape = (),
                eps: float = 1e-5, center: bool = True, moments: object = None):
        x = single(input)
        own = mean is None
        if own:
            n = x.dtype.type(count(x.shape, axes))
            if center:
                mean = total(xp, x, axes, True) / n
                x = x - mean
            var = total(xp, x * x, axes, True) / n
            if moments is not None:
                moments.extend((mean, var))
        else:
            x, var = x - single(mean).reshape(shape), single(var).reshape(shape)
        scale = 1 / xp.sqrt(var + eps)
        normal = xp.multiply(x, scale, out=None if x is input else x)
        out = normal
        if weight is not None:
            out = _across(xp, xp.multiply, normal, single(weight).reshape(shape), None)
        if bias is not None:
            out = _across(xp, xp.add, out, single(bias).reshape(shape), None if out is normal else out)
        if out is normal:
            out = normal.copy()  # the result may be written into, as `relu_` does; `normal` has to last until backward
        return out.astype(input.dtype, copy=False), normal, scale, weight, bias, axes if own else None, shape, center

    def backward(xp, needs, g, normal, scale, weight, bias, axes, shape, center):
        """With y the normalized input and h = g * weight: (h - mean(h) - y * mean(h * y)) / sqrt(var + eps)."""
        dtype, g = g.dtype, single(g)
        others = tuple(i for i, n in enumerate(shape) if n == 1)  # along which the parameters are the same
        of_input, of_weight, of_bias = needs
        w = None if weight is None else single(weight).reshape(shape)
        through = of_input and axes is not None  # the mean and the deviation depend on the input, too
        # Sum first where the weight is the same: what is left to be weighted is small then.
        shared = others if axes is None else axes if weight is bias is None else tuple(i for i in axes if i in others)
        rest = tuple(i for i in others if i not in shared)
        part = g * normal if of_weight or through else None
        products = _sum(xp, part, shared) if of_weight or through else None
        sums = _sum(xp, g, shared) if of_bias or (through and center) else None
        if of_weight:
            of_weight = _sum(xp, products, rest).reshape(weight.shape).astype(weight.dtype, copy=False)
        if of_bias:
            of_bias = _sum(xp, sums, rest).reshape(bias.shape).astype(bias.dtype, copy=False)
        if of_input:
            if w is None or shared:
                grad = g * (scale if w is None else scale * w)
            else:
                grad = _across(xp, xp.multiply, g, w, None)
                grad *= scale
            if through:
                rest = tuple(i for i in axes if i not in shared)
                n = g.dtype.type(count(g.shape, axes))
                spare = part if products is not part else None  # with nothing summed, that is the gradient of weight
                grad += xp.multiply(normal, _weighted(xp, products, w, rest) * scale / -n, out=spare)
                if center:
                    grad -= _weighted(xp, sums, w, rest) * scale / n
            of_input = grad.astype(dtype, copy=False)
        return of_input, of_weight, of_bias


def _across(xp: Any, function: Any, x: Any, row: Any, out: Any) -> Any:
    """function(x, row), with a short row (1, ..., n) repeated: NumPy's inner loops are slow to begin."""
    n = x.shape[-1] if x.ndim else 0
    times = 1024 // n if 0 < n <= 256 else 1
    if times == 1 or row.shape[-1:] != (n,) or row.size != n or x.size % (n * times) or not x.flags.c_contiguous:
        return function(x, row, out=out)
    if out is not None:
        out = out.reshape(-1, n * times)
    return function(x.reshape(-1, n * times), row.reshape(1, n).repeat(times, 0).reshape(-1), out=out).reshape(x.shape)


def _weighted(xp: Any, x: Any, weight: Any, axes: Axes) -> Any:
    """The sum of x * weight over `axes`, which are kept."""
    if weight is None:
        return _sum(xp, x, axes)
    if axes and weight.size == count(x.shape, axes) and axes[-1] == x.ndim - 1 and x.flags.c_contiguous:
        return (x.reshape(-1, weight.size) @ weight.reshape(-1)).reshape(*x.shape[:axes[0]], *(1,) * len(axes))
    return _sum(xp, x * weight, axes)


def _sum(xp: Any, x: Any, axes: Axes) -> Any:
    return total(xp, x, axes, True) if axes else x


def _same_dtype(name: str, input: Tensor, *others: Any) -> None:
    """Parameters and statistics have the input's dtype, or float32 beside float16."""
    have = input._array.dtype
    if have.kind != "f":
        raise errors.not_implemented(name, input._array)
    for other in others:
        if other is not None and other._array.dtype != have and (have.char, other._array.dtype.char) != ("e", "f"):
            raise RuntimeError(f"{name}: mixed dtype (CPU): all inputs must share same datatype; got input {input.dtype!r} "
                               f"beside {other.dtype!r}. Convert the one or the other, for example with .to(x.dtype).")


# --- over the batch ---------------------------------------------------------------------------------------------------


def _channel_sizes(name: str, sizes: Shape, channels: int, **given: Any) -> None:
    for what, value in given.items():
        if value is not None and value._array.size != channels:
            raise RuntimeError(f"{name}: {what} should contain {channels} elements not {value._array.size}; the input "
                               f"{tuple(sizes)} has {channels} channels (its second dimension)")
        if value is not None and what.startswith("running") and value.requires_grad:
            raise RuntimeError(f"{name} is not differentiable with respect to argument '{what}'. This input cannot have "
                               f"requires_grad True.")


def _track(running_mean: Tensor, running_var: Tensor, moments: list, momentum: float, n: int) -> None:
    """Let the running statistics follow those of a batch; the variance that they follow divides by n - 1."""
    mean, var = (m.reshape(-1, running_mean._array.size).mean(0) for m in moments)
    for running, now in ((running_mean, mean), (running_var, var * (n / (n - 1) if n > 1 else math.nan))):
        array = running._array
        array *= 1 - momentum
        array += now.astype(array.dtype) * momentum
        views.bump(running)


def _normalized(name: str, input: Tensor, weight: Any, bias: Any, running_mean: Any, running_var: Any, own: bool,
                momentum: float, eps: float, axes: Axes) -> Tensor:
    """`batch_norm` and `instance_norm`: by channel, with the input's `own` statistics or the running ones."""
    sizes = input._array.shape
    channels = sizes[1] if len(sizes) > 1 else 0
    if not own:
        for what, value in (("running_mean", running_mean), ("running_var", running_var)):
            if value is None:
                raise RuntimeError(f"{name}: {what} must be defined in evaluation mode")
    _channel_sizes(name, sizes, channels, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias)
    if (running_mean is None) != (running_var is None):
        raise ValueError(f"{name}: running_mean and running_var must either both be None or neither be None")
    if eps < 0:
        raise ValueError(f"{name} eps must be non-negative, but got {eps}")
    _same_dtype(name, input, weight, bias, *(() if own and name == "instance_norm" else (running_mean, running_var)))
    shape = (1, channels, *(1,) * (len(sizes) - 2))
    if not own:
        return F.standardize(input, weight, bias, running_mean, running_var, axes, shape, eps)
    track = running_mean is not None and input._array.size
    moments: list = []
    out = F.standardize(input, weight, bias, None, None, axes, shape, eps, True, moments if track else None)
    if track:
        _track(running_mean, running_var, moments, momentum, count(sizes, axes))
    return out


def _is_float(name: str, what: str, value: Any) -> None:
    if value is None or isinstance(value, (str, bool)):
        raise TypeError(f"{name}(): argument '{what}' must be float, not {type(value).__name__}")


@composite(on="functional", out=False)
def batch_norm(input, running_mean, running_var, weight=None, bias=None, training=False, momentum=0.1, eps=1e-5):
    """Each channel of (N, C, ...) minus its mean over the batch, divided by its standard deviation; then * weight + bias.

    In `training`, the running statistics (if given) take a step of `momentum` towards the batch's, in place; otherwise
    they are used in the batch's stead. Raises ValueError if, training, there is one value per channel only.

    >>> x = ndl.tensor([[1., 10.], [3., 30.]])
    >>> ndl.nn.functional.batch_norm(x, None, None, training=True)
    tensor([[-1.0000, -1.0000],
            [ 1.0000,  1.0000]])
    """
    if not isinstance(training, bool):
        raise TypeError(f"batch_norm(): argument 'training' (position 6) must be bool, not {type(training).__name__}")
    shape = input._array.shape
    if training and len(shape) > 0 and shape[0] * math.prod(shape[2:]) == 1:
        raise ValueError(f"Expected more than 1 value per channel when training, got input size {input.shape}: one value has "
                         f"no variance. Use larger batches (a DataLoader's drop_last=True leaves out a small last one), or "
                         f"eval() to predict.")
    if shape == (0,):  # no channels
        return input.clone()
    return torch_batch_norm.composite(input, weight, bias, running_mean, running_var, training, momentum, eps)


@composite(on="torch", name="batch_norm", out=False)
def torch_batch_norm(input, weight, bias, running_mean, running_var, training, momentum, eps, cudnn_enabled=True):
    """`nn.functional.batch_norm`, with its arguments in another order."""
    _is_float("batch_norm", "momentum", momentum)
    axes = tuple(i for i in range(input.ndim) if i != 1)
    return _normalized("batch_norm", input, weight, bias, running_mean, running_var, training, momentum, eps, axes)


@composite(on="functional", out=False)
def instance_norm(input, running_mean=None, running_var=None, weight=None, bias=None, use_input_stats=True, momentum=0.1,
                  eps=1e-5):
    """Each channel of each image in (N, C, ...) minus its mean over the places, divided by its standard deviation; then
    * weight + bias. With `use_input_stats` the running statistics (if given) follow, as in `batch_norm`; without it, they
    are used instead. Raises ValueError if there is one place only.
    """
    shape = input._array.shape
    if use_input_stats and math.prod(shape[2:]) == 1:
        raise ValueError(f"Expected more than 1 spatial element when training, got input size {input.shape}")
    return torch_instance_norm.composite(input, weight, bias, running_mean, running_var, use_input_stats, momentum, eps)


@composite(on="torch", name="instance_norm", out=False)
def torch_instance_norm(input, weight, bias, running_mean, running_var, use_input_stats, momentum, eps,
                        cudnn_enabled=True):
    """`nn.functional.instance_norm`, with its arguments in another order."""
    _is_float("instance_norm", "momentum", momentum)
    return _normalized("instance_norm", input, weight, bias, running_mean, running_var, use_input_stats, momentum, eps,
                       tuple(range(2, input.ndim)))


# --- within each sample -----------------------------------------------------------------------------------------------


@composite(on="torch functional", out=False)
def group_norm(input, num_groups, weight=None, bias=None, eps=1e-5, cudnn_enabled=True):
    """The channels of (N, C, ...) in groups, each group minus its mean, divided by its standard deviation; then
    * weight + bias, (C,). Raises RuntimeError if the channels don't divide evenly.

    >>> ndl.nn.functional.group_norm(ndl.tensor([[1., 3., 10., 30.]]), 2)
    tensor([[-1.0000,  1.0000, -1.0000,  1.0000]])
    """
    sizes = input._array.shape
    if len(sizes) < 2:
        raise RuntimeError(f"group_norm: Expected at least 2 dimensions for input tensor but received {len(sizes)}")
    n, c = sizes[:2]
    if n * (c // num_groups) * math.prod(sizes[2:]) * (num_groups if num_groups < 0 else 1) == 1:
        raise ValueError(f"Expected more than 1 value per channel when training, got input size {list(sizes)}")
    if num_groups < 0:
        raise RuntimeError(f"group_norm: Expected num groups to be greater than 0, got {num_groups}")
    if c % num_groups:
        raise RuntimeError(f"group_norm: Expected number of channels in input to be divisible by num_groups, but got input "
                           f"of shape {list(sizes)} and num_groups={num_groups}")
    for what, value in (("weight", weight), ("bias", bias)):
        if value is not None and value._array.shape != (c,):
            raise RuntimeError(f"group_norm: Expected {what} to be a vector of size equal to the number of channels in "
                               f"input, but got {what} of shape {list(value.shape)} and input of shape {list(sizes)}")
    _same_dtype("group_norm", input, weight, bias)
    grouped = input.reshape(n, num_groups, c // num_groups, math.prod(sizes[2:]))
    out = F.standardize(grouped, weight, bias, None, None, (2, 3), (1, num_groups, c // num_groups, 1), eps)
    return out.reshape(sizes)


def _last_dims(name: str, input: Tensor, normalized_shape: Any, weight: Any, bias: Any) -> tuple[Axes, Shape]:
    """Which dimensions `normalized_shape` means, and the parameters' shape beside the input."""
    if not isinstance(normalized_shape, (tuple, list)):
        raise TypeError(f"{name}(): argument 'normalized_shape' (position 2) must be tuple of ints, not "
                        f"{type(normalized_shape).__name__}; use ({normalized_shape},)")
    wanted, sizes = tuple(normalized_shape), input._array.shape
    if not wanted:
        raise RuntimeError(f"{name}: Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one "
                           f"element, but got normalized_shape = []")
    for what, value in (("weight", weight), ("bias", bias)):
        if value is not None and value._array.shape != wanted:
            raise RuntimeError(f"{name}: Expected {what} to be of same shape as normalized_shape, but got {what} of shape "
                               f"{list(value.shape)} and normalized_shape = {list(wanted)}")
    if sizes[max(len(sizes) - len(wanted), 0):] != wanted:
        raise RuntimeError(f"{name}: Given normalized_shape={list(wanted)}, expected input with shape "
                           f"[*, {', '.join(map(str, wanted))}], but got input of size {list(sizes)}")
    first = len(sizes) - len(wanted)
    return tuple(range(first, len(sizes))), (1,) * first + wanted


@composite(on="torch functional", out=False)
def layer_norm(input, normalized_shape, weight=None, bias=None, eps=1e-5, cudnn_enable=True):
    """The last dimensions, which are `normalized_shape`, minus their mean, divided by their standard deviation; then
    * weight + bias, of that shape. (..., *normalized_shape) to the same.

    >>> ndl.nn.functional.layer_norm(ndl.tensor([[1., 3.], [10., 30.]]), (2,))
    tensor([[-1.0000,  1.0000],
            [-1.0000,  1.0000]])
    """
    axes, shape = _last_dims("layer_norm", input, normalized_shape, weight, bias)
    _same_dtype("layer_norm", input, weight, bias)
    return F.standardize(input, weight, bias, None, None, axes, shape, eps)


@composite(on="torch functional", out=False)
def rms_norm(input, normalized_shape, weight=None, eps=None):
    """The last dimensions, which are `normalized_shape`, divided by the root of their mean square (and `eps`; default:
    the precision of the dtype); then * weight.

    >>> ndl.nn.functional.rms_norm(ndl.tensor([3., 4., 0., 0.]), (4,))
    tensor([1.2000, 1.6000, 0.0000, 0.0000])
    """
    axes, shape = _last_dims("rms_norm", input, normalized_shape, weight, None)
    if input._array.dtype.kind != "f":
        raise errors.not_implemented("rms_norm", input._array)
    if eps is None:
        eps = dtypes.finfo(dtypes.float64 if input.dtype is dtypes.float64 else dtypes.float32).eps
    if weight is not None and weight.dtype is not input.dtype:
        common = dtypes.promote_types(weight.dtype, input.dtype)
        out = F.standardize(input.to(common), weight.to(common), None, None, None, axes, shape, eps, False)
        return out.to(input.dtype)
    return F.standardize(input, weight, None, None, None, axes, shape, eps, False)


# --- others -----------------------------------------------------------------------------------------------------------


@composite(on="functional", out=False)
def local_response_norm(input, size, alpha=1e-4, beta=0.75, k=1.0):
    """Each element of (N, C, ...) divided by ``(k + alpha * mean of squares) ** beta``, the mean being that over the
    `size` channels around it."""
    if input.ndim < 3:
        raise ValueError(f"Expected 3D or higher dimensionality input (got {input.ndim} dimensions); local_response_norm "
                         f"takes (N, C, ...)")
    if not input._array.size:
        return input
    if size < 1:
        raise RuntimeError(f"local_response_norm: kernel size should be greater than zero, but got {size}")
    squares = (input * input).reshape(input.shape[0], 1, input.shape[1], -1)
    squares = F.pad(squares, (0, 0, size // 2, (size - 1) // 2))
    means = F.avg_pool2d(squares, (size, 1), 1).reshape(input.shape)
    return input / (means * alpha + k) ** beta


@composite(on="functional", out=True)
def normalize(input, p=2.0, dim=1, eps=1e-12):
    """Vectors along `dim` divided by their `p`-norm, or by `eps` if that is larger.

    >>> ndl.nn.functional.normalize(ndl.tensor([[3., 4.]]))
    tensor([[0.6000, 0.8000]])
    """
    return input / F.clamp_min(input.norm(p, dim, True), eps)
