"""The nonlinearities of neural networks: `nn.functional.relu` and its many relatives, softmax and log_softmax."""

from __future__ import annotations

import warnings
from typing import Any

from ..composite import composite, face
from ..faces import F
from ..fused import fused
from ..op import op
from .shape import normal_dim
from .unary import no_bool, not_implemented


@op(input=lambda g, out: g * (out != 0), inplace=True)  # != lets NaN through, as torch does
def relu(xp, input):
    """max(x, 0). The gradient at 0 is 0.

    >>> ndl.relu(ndl.tensor([-1.0, 0.0, 2.0]))
    tensor([0., 0., 2.])
    """
    if input.dtype.kind == "b":
        raise RuntimeError("Boolean inputs not supported for relu. Convert it first: x.float().")
    return xp.maximum(input, 0)


@face("relu", "functional")
def functional_relu(input, inplace=False):
    """max(x, 0). https://pytorch.org/docs/stable/generated/torch.nn.functional.relu.html"""
    return F.relu_(input) if inplace else F.relu(input)


# --- softmax ---------------------------------------------------------------------------------------------------------


def softmax_reference(input, dim, dtype=None):
    e = (input - input.amax(dim, True)).exp()
    return e / e.sum(dim, True)


@fused(reference=softmax_reference, on="torch method special")
class softmax:
    """exp(x) / exp(x).sum(dim): numbers as probabilities, which are positive and sum to 1 along `dim`.

    >>> ndl.softmax(ndl.tensor([[1.0, 1.0], [0.0, 1000.0]]), dim=1)
    tensor([[0.5000, 0.5000],
            [0.0000, 1.0000]])
    """

    def forward(xp, input, dim: int, dtype: object = None):
        t, dim = _below_maximum(xp, input, dim, "softmax")
        xp.exp(t, t)
        t /= t.sum(dim, keepdims=True)
        return t, t, dim

    def backward(xp, needs, g, out, dim):
        grad = xp.multiply(g, out, xp.empty_like(out))
        grad -= out * grad.sum(dim, keepdims=True)
        return grad


def log_softmax_reference(input, dim, dtype=None):
    shifted = input - input.amax(dim, True)
    return shifted - shifted.exp().sum(dim, True).log()


@fused(reference=log_softmax_reference, on="torch method special")
class log_softmax:
    """log(softmax(x)), without taking the logarithm of what softmax has rounded to 0.

    >>> ndl.log_softmax(ndl.tensor([0.0, 1000.0]), dim=0)
    tensor([-1000.,     0.])
    """

    def forward(xp, input, dim: int, dtype: object = None):
        t, dim = _below_maximum(xp, input, dim, "log_softmax")
        t -= xp.log(xp.exp(t).sum(dim, keepdims=True))
        return t, t, dim

    def backward(xp, needs, g, out, dim):
        grad = xp.exp(out, xp.empty_like(out))
        grad *= -g.sum(dim, keepdims=True)
        grad += g
        return grad


def _below_maximum(xp: Any, x: Any, dim: int, name: str) -> tuple[Any, int]:
    """`x` minus its largest element along `dim`, so that exp cannot overflow, as an array of our own."""
    if x.dtype.kind != "f":
        raise not_implemented(f"{name}_lastdim_kernel_impl", x)
    dim = normal_dim(dim, x.ndim, name)
    t = xp.empty_like(x)
    if not x.ndim:  # one element is a row of its own
        t[...] = 0 * x
        return t, None
    if x.size:
        xp.subtract(x, x.max(dim, keepdims=True), t)
    return t, dim


def _implicit_dim(name: str, ndim: int, dim: int | None, level: int) -> int:
    """nn.functional's rule for a `dim` that was left out; it warns, as torch does."""
    if dim is not None:
        return dim
    warnings.warn(f"Implicit dimension choice for {name} has been deprecated. Change the call to include dim=X as an "
                  f"argument.", stacklevel=level + 1)
    return 0 if ndim in (0, 1, 3) else 1


@composite(on="functional", name="softmax", out=False)
def functional_softmax(input, dim: int | None = None, _stacklevel: int = 3, dtype: object = None):
    """exp(x) / exp(x).sum(dim)."""
    return F.softmax(input, _implicit_dim("softmax", input.ndim, dim, _stacklevel), None)


@composite(on="functional", name="log_softmax", out=False)
def functional_log_softmax(input, dim: int | None = None, _stacklevel: int = 3, dtype: object = None):
    """log(softmax(x))."""
    return F.log_softmax(input, _implicit_dim("log_softmax", input.ndim, dim, _stacklevel), None)
