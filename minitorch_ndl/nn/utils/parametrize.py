"""Parametrizations: a parameter that is computed from others by modules, whenever it is used.

>>> class Symmetric(ndl.nn.Module):
...     def forward(self, x):
...         return x.triu() + x.triu(1).mT
>>> layer = ndl.nn.utils.parametrize.register_parametrization(ndl.nn.Linear(3, 3), "weight", Symmetric())
>>> bool((layer.weight == layer.weight.mT).all()), list(layer.state_dict())
(True, ['bias', 'parametrizations.weight.original'])

https://pytorch.org/docs/stable/generated/torch.nn.utils.parametrize.register_parametrization.html
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ...autograd.grad_mode import no_grad
from ...tensor import Tensor
from ..container import ModuleDict, ModuleList
from ..module import Module
from ..parameter import Parameter

_cache: dict[tuple[int, str], Tensor] = {}
_caching = 0


@contextmanager
def cached() -> Iterator[None]:
    """Within it, each parametrized tensor is computed only once: for one that is used several times, as in an RNN."""
    global _caching
    _caching += 1
    try:
        yield
    finally:
        _caching -= 1
        if not _caching:
            _cache.clear()


def _register(module: Module, name: str, value: Tensor) -> None:
    if isinstance(value, Parameter):
        module.register_parameter(name, value)
    else:
        module.register_buffer(name, value)


def _alike(what: str, before: Tensor, after: Any, call: str) -> None:
    """Raise unless `after` is a tensor of the dtype and shape of `before`."""
    if not isinstance(after, Tensor):
        raise ValueError(f"A parametrization must return a tensor. Got {type(after).__name__}.")
    for kind in ("dtype", "shape"):
        if getattr(before, kind) != getattr(after, kind):
            raise ValueError(f"Registering a parametrization may not change the {kind} of the tensor, unless the `unsafe` flag "
                             f"is enabled.\n{what}: {getattr(before, kind)}\n{call}: {getattr(after, kind)}")


class ParametrizationList(ModuleList):
    """The modules that compute one tensor, the first from the parameter(s) `original` (or `original0`, ...)."""

    original: Tensor

    def __init__(self, modules: Sequence[Module], original: Tensor, unsafe: bool = False):
        if not modules:
            raise ValueError("ParametrizationList requires one or more modules.")
        super().__init__(modules)
        self.unsafe = unsafe
        new: Any = original
        with no_grad():
            for module in reversed(list(self)):
                if hasattr(module, "right_inverse"):
                    try:
                        new = module.right_inverse(new)
                    except NotImplementedError:
                        pass  # it is its own business then
        self.is_tensor = isinstance(new, Tensor)
        if isinstance(new, Tensor):
            if original.dtype != new.dtype:
                raise ValueError("When `right_inverse` outputs one tensor, it may not change the dtype.\n"
                                 f"original.dtype: {original.dtype}\nright_inverse(original).dtype: {new.dtype}")
            with no_grad():
                original.data = new.data  # the parameter stays the same object: an optimizer may have it already
            _register(self, "original", original)
        elif not isinstance(new, Sequence):
            raise ValueError("'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). Got "
                             + type(new).__name__)
        else:
            self.ntensors = len(new)
            for i, part in enumerate(new):
                if not isinstance(part, Tensor):
                    raise ValueError("'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). Got "
                                     f"element {i} of the sequence with type {type(part).__name__}.")
                if isinstance(original, Parameter):
                    part = Parameter(part, original.requires_grad)
                _register(self, f"original{i}", part)
        if not unsafe:
            _alike("unparametrized", original if self.is_tensor else original.detach(), self(), "parametrized")

    @property
    def _originals(self) -> list[Tensor]:
        return [self.original] if self.is_tensor else [getattr(self, f"original{i}") for i in range(self.ntensors)]

    @no_grad()
    def right_inverse(self, value: Any) -> None:
        """Set the original(s) so that this computes `value`: what assigning to the tensor does."""
        for module in reversed(list(self)):
            if not hasattr(module, "right_inverse"):
                raise RuntimeError(f"parametrization {type(module).__name__} does not implement right_inverse.")
            value = module.right_inverse(value)
        originals = self._originals
        if self.is_tensor:
            if not isinstance(value, Tensor):
                raise ValueError(f"`right_inverse` should return a tensor. Got {type(value).__name__}")
            value = [value]
        elif not isinstance(value, Sequence):
            raise ValueError(f"'right_inverse' must return a sequence of tensors. Got {type(value).__name__}.")
        if len(value) != len(originals):
            raise ValueError(f"'right_inverse' must return a sequence of tensors of length {len(originals)}. Got a sequence of "
                             f"length {len(value)}.")
        for original, new in zip(originals, value, strict=True):
            if original.dtype != new.dtype:
                raise ValueError(f"The tensor returned by `right_inverse` has dtype {new.dtype} while `original` has dtype "
                                 f"{original.dtype}")
            original.data = new.data

    def forward(self) -> Tensor:
        first, *others = self
        value = first(*self._originals)
        for module in others:
            value = module(value)
        return value


# --- the module's class -----------------------------------------------------------------------------------------------


def _property(name: str) -> property:
    def get(self: Module) -> Tensor:
        if not _caching:
            return self.parametrizations[name]()
        key = (id(self), name)
        if key not in _cache:
            _cache[key] = self.parametrizations[name]()
        return _cache[key]

    def put(self: Module, value: Tensor) -> None:
        self.parametrizations[name].right_inverse(value)

    return property(get, put)


def _refuse_pickling(self: Module) -> Any:
    raise RuntimeError("Serialization of parametrized modules is only supported through state_dict(): their class exists in "
                       "this process only. Save module.state_dict() instead.")


def _copied(self: Module, memo: dict) -> Module:
    twin = memo[id(self)] = object.__new__(type(self))
    twin.__dict__.update(copy.deepcopy(self.__dict__, memo))
    return twin


def _dress(module: Module, names: Sequence[str]) -> None:
    """Give the module a class of its own, with a property for each parametrized tensor: its own class, if there is none."""
    plain = type_before_parametrizations(module)
    if names:
        members: dict[str, Any] = {name: _property(name) for name in names}
        members["__getstate__"], members["_plain_class"] = _refuse_pickling, plain
        if not hasattr(plain, "__deepcopy__"):
            members["__deepcopy__"] = _copied
        module.__class__ = type(f"Parametrized{plain.__name__}", (plain,), members)
    else:
        module.__class__ = plain


def type_before_parametrizations(module: Module) -> type:
    """The module's class as it would be without parametrizations."""
    return getattr(type(module), "_plain_class", type(module))


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Whether the tensor of that name, or any, is parametrized."""
    names = getattr(module, "parametrizations", None)
    if not isinstance(names, ModuleDict):
        return False
    return len(names) > 0 if tensor_name is None else tensor_name in names


def register_parametrization(module: Any, tensor_name: str, parametrization: Module, *, unsafe: bool = False) -> Any:
    """Compute ``module.<tensor_name>`` by `parametrization` (after others, if there are any) from now on. Returns the module.

    The parameter itself becomes ``module.parametrizations.<tensor_name>.original``. If the parametrization has a method
    ``right_inverse``, one can assign to the tensor, and what it was is kept as well as that allows.

    unsafe  don't check that dtype and shape stay
    """
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        if not unsafe:
            before = getattr(module, tensor_name)
            after = parametrization(before)
            _alike(f"module.{tensor_name}", before, after, f"parametrization(module.{tensor_name})")
            if hasattr(parametrization, "right_inverse"):
                try:
                    back = parametrization.right_inverse(after)
                except NotImplementedError:
                    pass
                else:
                    if not isinstance(back, Tensor):
                        raise ValueError(f"parametrization.right_inverse must return a tensor. Got: {type(back).__name__}")
                    _alike(f"module.{tensor_name}", before, back, "right_inverse")
        present = module.parametrizations[tensor_name]
        present.append(parametrization)
        present.unsafe |= unsafe
    elif tensor_name in module._buffers or tensor_name in module._parameters:
        computed = ParametrizationList([parametrization], getattr(module, tensor_name), unsafe)
        delattr(module, tensor_name)
        if not is_parametrized(module):
            module.parametrizations = ModuleDict()
        module.parametrizations[tensor_name] = computed
        _dress(module, list(module.parametrizations))
    else:
        raise ValueError(f"Module '{module}' does not have a parameter, a buffer, or a parametrized element with name "
                         f"'{tensor_name}'")
    return module


def remove_parametrizations(module: Any, tensor_name: str, leave_parametrized: bool = True) -> Any:
    """Make the tensor a plain parameter again, with its present value, or (without `leave_parametrized`) with the value of
    the original. Returns the module."""
    if not is_parametrized(module, tensor_name):
        raise ValueError(f"Module {module} does not have a parametrization on {tensor_name}")
    computed = module.parametrizations[tensor_name]
    if computed.is_tensor:
        original = computed.original
        if leave_parametrized:
            with no_grad():
                original.data = getattr(module, tensor_name).data
    elif leave_parametrized:
        value = getattr(module, tensor_name)
        original = Parameter(value.detach()) if value.requires_grad else value
    else:
        raise ValueError("Cannot leave unparametrized (`leave_parametrized=False`) a tensor that is parametrized in terms of a "
                         "sequence of tensors.")
    del module.parametrizations[tensor_name]
    _dress(module, list(module.parametrizations))
    _register(module, tensor_name, original)
    if not is_parametrized(module):
        del module.parametrizations
    return module


def transfer_parametrizations_and_params(from_module: Module, to_module: Module, tensor_name: str | None = None) -> Module:
    """Parametrize `to_module` as `from_module` is, by the same modules and from the same parameters. Returns `to_module`."""
    if is_parametrized(from_module):
        source: Any = from_module.parametrizations
        for name in list(source) if tensor_name is None else [tensor_name]:
            if not hasattr(to_module, name):
                setattr(to_module, name, Parameter(getattr(from_module, name).detach()))
            for parametrization in source[name]:
                register_parametrization(to_module, name, parametrization)
            target: Any = to_module.parametrizations[name]
            for own in source[name]._parameters.keys() | source[name]._buffers.keys():
                setattr(target, own, getattr(source[name], own))
    return to_module
