"""Weight normalization, by a hook before forward; `parametrizations.weight_norm` is its successor.

https://arxiv.org/abs/1602.07868
"""

from __future__ import annotations

import warnings
from typing import Any

from ...tensor import Tensor
from ..module import Module
from ..parameter import Parameter


def norm_except_dim(v: Tensor, dim: int) -> Tensor:
    """The 2-norms of the slices of `v` along `dim`, to be broadcast; with dim -1, the one norm of it all."""
    if dim == -1:
        return v.norm()
    return v.norm(2, [d for d in range(v.ndim) if d != dim % v.ndim], keepdim=True)


def composed(v: Tensor, g: Tensor, dim: int) -> Tensor:
    """A weight of direction `v` and lengths `g`."""
    return v * (g / norm_except_dim(v, dim))


def hooks_of(module: Module, kind: type, attribute: str = "", value: Any = None) -> list[tuple[int, Any]]:
    """Number and hook for each hook of this kind before forward; only those whose attribute has this value, if given."""
    hooks: Any = module.__dict__.get("_hooks")
    return [(number, hook) for number, (hook, _) in (hooks.forward_pre.items() if hooks is not None else ())
            if isinstance(hook, kind) and (not attribute or getattr(hook, attribute) == value)]


class WeightNorm:
    """The hook: computes the weight out of its parts before every forward."""

    def __init__(self, name: str, dim: int | None):
        self.name, self.dim = name, -1 if dim is None else dim

    def compute_weight(self, module: Module) -> Tensor:
        """The weight, out of its parts."""
        return composed(getattr(module, f"{self.name}_v"), getattr(module, f"{self.name}_g"), self.dim)

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self.name, self.compute_weight(module))


def weight_norm(module: Any, name: str = "weight", dim: int | None = 0) -> Any:
    """Train a weight's direction and its length apart: parameters ``weight_v`` and ``weight_g`` take the place of weight.

    dim  slices along it have a length each; None: the whole has one

    Deprecated: use `nn.utils.parametrizations.weight_norm`. Returns the module.
    """
    warnings.warn("`nn.utils.weight_norm` is deprecated in favor of `nn.utils.parametrizations.weight_norm`.", FutureWarning,
                  stacklevel=2)
    if hooks_of(module, WeightNorm, "name", name):
        raise RuntimeError(f"Cannot register two weight_norm hooks on the same parameter {name}")
    hook = WeightNorm(name, dim)
    weight = getattr(module, name)
    del module._parameters[name]
    module.register_parameter(f"{name}_g", Parameter(norm_except_dim(weight, hook.dim).data))
    module.register_parameter(f"{name}_v", Parameter(weight.data))
    setattr(module, name, hook.compute_weight(module))
    module.register_forward_pre_hook(hook)
    return module


def remove_weight_norm(module: Any, name: str = "weight") -> Any:
    """Undo `weight_norm`: the weight is a parameter again. Returns the module."""
    found = hooks_of(module, WeightNorm, "name", name)
    if not found:
        raise ValueError(f"weight_norm of '{name}' not found in {module}")
    number, hook = found[0]
    weight = hook.compute_weight(module)
    delattr(module, name)
    for part in ("_g", "_v"):
        delattr(module, name + part)
    del module._hooks.forward_pre[number]
    setattr(module, name, Parameter(weight.data))
    return module
