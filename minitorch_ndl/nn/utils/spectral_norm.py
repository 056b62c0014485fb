"""Spectral normalization, by a hook before forward; `parametrizations.spectral_norm` is its successor.

https://arxiv.org/abs/1802.05957
"""

from __future__ import annotations

from typing import Any

from ...autograd.grad_mode import no_grad
from ...faces import F
from ...tensor import Tensor
from ..module import Module
from ..parameter import Parameter
from .weight_norm import hooks_of


def as_matrix(weight: Tensor, dim: int) -> Tensor:
    """The weight with `dim` first, and all other dimensions as one."""
    if dim:
        weight = weight.permute(dim, *(d for d in range(weight.ndim) if d != dim))
    return weight.reshape(weight.shape[0], -1)


def random_direction(weight: Tensor, n: int, eps: float) -> Tensor:
    """A random vector of length 1."""
    return F.normalize(weight.new_empty((n,)).normal_(0, 1), dim=0, eps=eps)


def usual_dim(module: Module) -> int:
    """The dimension of a weight's outputs."""
    return 1 if any(kind.__name__.startswith("ConvTranspose") for kind in type(module).__mro__) else 0


class SpectralNorm:
    """The hook: divides the weight by its largest singular value before every forward.

    Buffers hold guesses at that value's vectors, which each forward in training improves by power iteration.
    """

    def __init__(self, name: str = "weight", n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12):
        if n_power_iterations <= 0:
            raise ValueError(f"Expected n_power_iterations to be positive, but got n_power_iterations={n_power_iterations}")
        self.name, self.n_power_iterations, self.dim, self.eps = name, n_power_iterations, dim, eps

    def compute_weight(self, module: Module, do_power_iteration: bool) -> Tensor:
        """The weight, divided."""
        weight, u, v = (getattr(module, self.name + part) for part in ("_orig", "_u", "_v"))
        matrix = as_matrix(weight, self.dim)
        if do_power_iteration:
            with no_grad():
                for _ in range(self.n_power_iterations):
                    v.copy_(F.normalize(F.mv(matrix.t(), u), dim=0, eps=self.eps))
                    u.copy_(F.normalize(F.mv(matrix, v), dim=0, eps=self.eps))
                u, v = u.clone(), v.clone()  # backward may come after the next forward, as in a GAN
        return weight / F.dot(u, F.mv(matrix, v))

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self.name, self.compute_weight(module, module.training))


def spectral_norm(module: Any, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12,
                  dim: int | None = None) -> Any:
    """Keep the largest singular value of a weight at 1: parameter ``weight_orig`` takes the place of weight.

    n_power_iterations  in each forward, to find that value
    dim                 the dimension of the outputs: 0, but 1 for transposed convolutions

    Returns the module. https://pytorch.org/docs/stable/generated/torch.nn.utils.spectral_norm.html

    >>> layer = ndl.nn.utils.spectral_norm(ndl.nn.Linear(20, 40))
    >>> sorted(layer.state_dict())
    ['bias', 'weight_orig', 'weight_u', 'weight_v']
    """
    if hooks_of(module, SpectralNorm, "name", name):
        raise RuntimeError(f"Cannot register two spectral_norm hooks on the same parameter {name}")
    hook = SpectralNorm(name, n_power_iterations, usual_dim(module) if dim is None else dim, eps)
    weight = module._parameters[name]
    if weight is None:
        raise ValueError(f"`SpectralNorm` cannot be applied as parameter `{name}` is None")
    with no_grad():
        height, width = as_matrix(weight, hook.dim).shape
        u, v = random_direction(weight, height, eps), random_direction(weight, width, eps)
    delattr(module, name)
    module.register_parameter(f"{name}_orig", weight)
    setattr(module, name, weight.data)  # no parameter, but there: people initialize it
    module.register_buffer(f"{name}_u", u)
    module.register_buffer(f"{name}_v", v)
    module.register_forward_pre_hook(hook)
    return module


def remove_spectral_norm(module: Any, name: str = "weight") -> Any:
    """Undo `spectral_norm`: the weight, as it is now, is a parameter again. Returns the module."""
    found = hooks_of(module, SpectralNorm, "name", name)
    if not found:
        raise ValueError(f"spectral_norm of '{name}' not found in {module}")
    number, hook = found[0]
    with no_grad():
        weight = hook.compute_weight(module, do_power_iteration=False)
    for part in ("", "_u", "_v", "_orig"):
        delattr(module, name + part)
    del module._hooks.forward_pre[number]
    module.register_parameter(name, Parameter(weight.detach()))
    return module
