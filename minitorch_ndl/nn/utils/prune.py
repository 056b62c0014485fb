"""Pruning: parameters of which some elements are held at zero by a mask.

>>> from minitorch_ndl.nn.utils import prune
>>> layer = prune.l1_unstructured(ndl.nn.Linear(4, 3), "weight", amount=0.5)
>>> int((layer.weight == 0).sum()), [n for n, _ in layer.named_parameters()], [n for n, _ in layer.named_buffers()]
(6, ['bias', 'weight_orig'], ['weight_mask'])

The parameter goes on as ``weight_orig``, the mask is a buffer ``weight_mask``, and ``weight``, their product, is computed
before every forward. `remove` makes it a parameter again. Pruning twice prunes what is left. An `amount` is a number of
elements (or slices), or a fraction of them.

https://pytorch.org/docs/stable/nn.html#utilities
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import Any

from ...faces import F
from ...tensor import Tensor
from ..module import Module
from .convert_parameters import parameters_to_vector
from .weight_norm import hooks_of


def _check_amount(amount: Any) -> None:
    if isinstance(amount, bool) or not isinstance(amount, (int, float)):
        raise TypeError(f"Invalid type for amount: {amount}. Must be int or float.")
    if amount < 0 or (isinstance(amount, float) and amount > 1):
        raise ValueError(f"amount={amount} should either be a float in the range [0, 1] or a non-negative integer")


def _count(amount: Any, size: int) -> int:
    """How many of `size` an amount is."""
    count = amount if isinstance(amount, int) else round(amount * size)
    if count > size:
        raise ValueError(f"amount={count} should be smaller than the number of parameters to prune={size}")
    return count


class BasePruningMethod(ABC):
    """A way to prune: subclasses say in `compute_mask` what is kept. As a hook, it applies the mask before every forward.

    PRUNING_TYPE  "unstructured": elements, "structured": slices along ``self.dim``, or "global": by a mask of its own
    """

    PRUNING_TYPE = "unstructured"
    _tensor_name: str

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self._tensor_name, self.apply_mask(module))

    @abstractmethod
    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """What is kept (1) of what `default_mask` keeps, by the scores `t`, of the same shape."""

    def apply_mask(self, module: Module) -> Tensor:
        """The pruned tensor: the original times the mask."""
        original = getattr(module, f"{self._tensor_name}_orig")
        return getattr(module, f"{self._tensor_name}_mask").to(original.dtype) * original

    @classmethod
    def apply(cls, module: Module, name: str, *args: Any, importance_scores: Tensor | None = None, **kwargs: Any) -> Any:
        """Prune ``module.<name>`` by ``cls(*args, **kwargs)``, beyond what is pruned already. Returns the hook.

        importance_scores  what to go by, instead of the tensor itself
        """
        method: Any = cls(*args, **kwargs)
        method._tensor_name = name
        value = getattr(module, name)
        scores = value if importance_scores is None else importance_scores
        if scores.shape != value.shape:
            raise AssertionError(f"importance_scores should have the same shape as parameter {name} of {module}, got "
                                 f"{scores.shape} vs {value.shape}")
        present = hooks_of(module, BasePruningMethod, "_tensor_name", name)
        if present:
            number, former = present[0]
            before = getattr(module, f"{name}_mask").detach().clone()
            if not isinstance(former, PruningContainer):
                former = PruningContainer(former)
            former.add_pruning_method(method)
            method = former
            mask = method.compute_mask(scores, before)
            del module._hooks.forward_pre[number]  # type: ignore[union-attr]
        else:
            mask = method.compute_mask(scores, value.new_ones(value.shape))
            del module._parameters[name]
            module.register_parameter(f"{name}_orig", value)
        module.register_buffer(f"{name}_mask", mask.detach())
        setattr(module, name, method.apply_mask(module))
        module.register_forward_pre_hook(method)
        return method

    def prune(self, t: Tensor, default_mask: Tensor | None = None, importance_scores: Tensor | None = None) -> Tensor:
        """``t`` with its pruned elements at zero: for a tensor that belongs to no module."""
        scores = t if importance_scores is None else importance_scores
        if scores.shape != t.shape:
            raise AssertionError(f"importance_scores should have the same shape as tensor t, got {scores.shape} vs {t.shape}")
        return t * self.compute_mask(scores, t.new_ones(t.shape) if default_mask is None else default_mask)

    def remove(self, module: Module) -> None:
        """Make the pruned tensor the parameter; `remove` (the function) takes away the hook, too."""
        name = self._tensor_name
        weight, original = self.apply_mask(module), module._parameters[f"{name}_orig"]
        for part in ("", "_orig", "_mask"):
            delattr(module, name + part)
        original.data = weight.data  # type: ignore[union-attr]
        setattr(module, name, original)


class PruningContainer(BasePruningMethod):
    """Several methods, one after the other: each prunes what those before have left."""

    def __init__(self, *methods: Any):
        self._pruning_methods: tuple[Any, ...] = ()
        if methods:
            self._tensor_name = methods[0]._tensor_name
        for method in methods:
            self.add_pruning_method(method)

    def add_pruning_method(self, method: Any) -> None:
        """Add one more, for the same tensor."""
        if not isinstance(method, BasePruningMethod):
            raise TypeError(f"{type(method)} is not a BasePruningMethod subclass")
        if method._tensor_name != self._tensor_name:
            raise ValueError(f"Can only add pruning methods acting on the parameter named '{self._tensor_name}' to "
                             f"PruningContainer {self}. Found '{method._tensor_name}'")
        self._pruning_methods += (method,)

    def __len__(self) -> int:
        return len(self._pruning_methods)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._pruning_methods)

    def __getitem__(self, index: Any) -> Any:
        return self._pruning_methods[index]

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """What the last method keeps of `default_mask`: those before have made that."""
        method = self._pruning_methods[-1]
        where: Any
        if method.PRUNING_TYPE == "unstructured":
            where = default_mask == 1
        elif method.PRUNING_TYPE == "structured":  # among the slices that are not gone altogether
            dim = range(t.ndim)[method.dim]
            others = [d for d in range(t.ndim) if d != dim]
            where = tuple(default_mask.sum(others) != 0 if d == dim else slice(None) for d in range(t.ndim))
        elif method.PRUNING_TYPE == "global":
            where = (slice(None),) * t.ndim
        else:
            raise ValueError(f"Unrecognized PRUNING_TYPE {method.PRUNING_TYPE}")
        mask = default_mask.detach().clone().to(t.dtype)
        mask[where] = method.compute_mask(t.detach()[where], default_mask[where]).to(t.dtype)
        return mask


class Identity(BasePruningMethod):
    """Prunes nothing; but the mask is there."""

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        return default_mask


class RandomUnstructured(BasePruningMethod):
    """Prunes elements at random."""

    def __init__(self, amount: Any):
        _check_amount(amount)
        self.amount = amount

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        return self._without(t, default_mask, True)

    def _without(self, t: Tensor, default_mask: Tensor, largest: bool) -> Tensor:
        """The mask without the elements that come first."""
        count, mask = _count(self.amount, t.numel()), default_mask.clone()
        if count:
            mask.view(-1)[self._scores(t).topk(count, largest=largest).indices] = 0
        return mask

    def _scores(self, t: Tensor) -> Tensor:
        return t.new_empty(t.shape).uniform_().view(-1)


class L1Unstructured(RandomUnstructured):
    """Prunes the elements that are the smallest."""

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        return self._without(t, default_mask, False)

    def _scores(self, t: Tensor) -> Tensor:
        return t.detach().abs().reshape(-1)


class RandomStructured(BasePruningMethod):
    """Prunes slices along `dim` at random."""

    PRUNING_TYPE = "structured"

    def __init__(self, amount: Any, dim: int = -1):
        _check_amount(amount)
        self.amount, self.dim = amount, dim

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        if t.ndim <= 1:
            raise ValueError(f"Structured pruning can only be applied to multidimensional tensors. Found tensor of shape "
                             f"{tuple(t.shape)} with {t.ndim} dims")
        if self.dim >= t.ndim:
            raise IndexError(f"Invalid index {self.dim} for tensor of size {tuple(t.shape)}")
        count = _count(self.amount, t.shape[self.dim])
        if not count:
            return default_mask
        dim = range(t.ndim)[self.dim]
        kept = self._kept(t.detach(), dim, count).to(default_mask.dtype)
        return default_mask * kept.reshape([-1 if d == dim else 1 for d in range(t.ndim)])

    def _kept(self, t: Tensor, dim: int, count: int) -> Tensor:
        """1 for the slices along `dim` that stay when `count` go."""
        chances = t.new_empty((t.shape[dim],)).uniform_()
        return chances > chances.kthvalue(count).values


class LnStructured(RandomStructured):
    """Prunes the slices along `dim` whose `n`-norms are the smallest."""

    def __init__(self, amount: Any, n: Any, dim: int = -1):
        super().__init__(amount, dim)
        self.n = n

    def _kept(self, t: Tensor, dim: int, count: int) -> Tensor:
        norms = t.norm(self.n, [d for d in range(t.ndim) if d != dim])
        kept = norms.new_zeros(norms.shape)
        kept[norms.topk(len(norms) - count).indices] = 1
        return kept


class CustomFromMask(BasePruningMethod):
    """Prunes where a mask of one's own is 0."""

    PRUNING_TYPE = "global"

    def __init__(self, mask: Tensor):
        self.mask = mask

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        if default_mask.shape != self.mask.shape:
            raise AssertionError(f"default_mask shape {default_mask.shape} must match self.mask shape {self.mask.shape}")
        return default_mask * self.mask.to(default_mask.dtype)


# --- as functions, which return the module -----------------------------------------------------------------------------


def identity(module: Any, name: str) -> Any:
    """Prune nothing; but the mask is there, to be changed."""
    Identity.apply(module, name)
    return module


def random_unstructured(module: Any, name: str, amount: Any) -> Any:
    """Prune an amount of elements at random."""
    RandomUnstructured.apply(module, name, amount)
    return module


def l1_unstructured(module: Any, name: str, amount: Any, importance_scores: Tensor | None = None) -> Any:
    """Prune the amount of elements that are the smallest (or whose scores are)."""
    L1Unstructured.apply(module, name, amount, importance_scores=importance_scores)
    return module


def random_structured(module: Any, name: str, amount: Any, dim: int) -> Any:
    """Prune an amount of slices along `dim` at random."""
    RandomStructured.apply(module, name, amount, dim)
    return module


def ln_structured(module: Any, name: str, amount: Any, n: Any, dim: int, importance_scores: Tensor | None = None) -> Any:
    """Prune the amount of slices along `dim` whose `n`-norms are the smallest."""
    LnStructured.apply(module, name, amount, n, dim, importance_scores=importance_scores)
    return module


def custom_from_mask(module: Any, name: str, mask: Tensor) -> Any:
    """Prune where `mask` is 0."""
    CustomFromMask.apply(module, name, mask)
    return module


def global_unstructured(parameters: Any, pruning_method: Any, importance_scores: Any = None, **kwargs: Any) -> None:
    """Prune several tensors, pairs of a module and a name, as if they were one: ``amount=`` is of all of them together.

    pruning_method     such as `L1Unstructured`; `kwargs` go to it
    importance_scores  a dict from such pairs to scores
    """
    if not isinstance(parameters, Iterable):
        raise TypeError("global_unstructured(): parameters is not an Iterable")
    importance_scores = {} if importance_scores is None else importance_scores
    if not isinstance(importance_scores, dict):
        raise TypeError("global_unstructured(): importance_scores must be of type dict")
    places = list(parameters)
    tensors = [getattr(module, name) for module, name in places]
    scores = parameters_to_vector(importance_scores.get(place, t) for place, t in zip(places, tensors, strict=True))
    masks = parameters_to_vector(getattr(module, f"{name}_mask", t.new_ones(t.shape))
                                 for (module, name), t in zip(places, tensors, strict=True))
    method = pruning_method(**kwargs)
    if method.PRUNING_TYPE != "unstructured":
        raise TypeError(f'Only "unstructured" PRUNING_TYPE supported for the `pruning_method`. Found method {pruning_method} '
                        f"of type {method.PRUNING_TYPE}")
    method._tensor_name = ""
    mask = PruningContainer(method).compute_mask(scores, masks)
    parts = F.split(mask, [t.numel() for t in tensors])
    for (module, name), tensor, part in zip(places, tensors, parts, strict=True):
        custom_from_mask(module, name, part.view_as(tensor))


def remove(module: Any, name: str) -> Any:
    """Make the pruned tensor a parameter again: its zeros stay, but may learn. Returns the module."""
    present = hooks_of(module, BasePruningMethod, "_tensor_name", name)
    if not present:
        raise ValueError(f"Parameter '{name}' of module {module} has to be pruned before pruning can be removed")
    number, hook = present[0]
    hook.remove(module)
    del module._hooks.forward_pre[number]
    return module


def is_pruned(module: Module) -> bool:
    """Whether a parameter of the module, or of one below, is pruned."""
    return any(hooks_of(child, BasePruningMethod) for child in module.modules())
