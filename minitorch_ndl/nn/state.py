"""What a module can be saved as and restored from: its state dict."""

from __future__ import annotations

import os
from collections import OrderedDict, namedtuple
from collections.abc import Callable, Mapping
from typing import Any

from ..autograd.grad_mode import no_grad
from ..autograd.node import Handle
from ..tensor import Tensor
from .hooks import Hookable
from .parameter import Parameter, is_lazy

_EXTRA = "_extra_state"


class _IncompatibleKeys(namedtuple("_IncompatibleKeys", ["missing_keys", "unexpected_keys"])):
    """What `load_state_dict` returns: the names that it missed and those that it had no use for."""

    __slots__ = ()

    def __repr__(self) -> str:
        return super().__repr__() if self.missing_keys or self.unexpected_keys else "<All keys matched successfully>"

    __str__ = __repr__


class Stateful(Hookable):
    """The part of Module that writes and reads state dicts."""

    _version = 1
    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    _modules: dict[str, Any]
    _non_persistent_buffers_set: set[str]

    # --- writing --------------------------------------------------------------------------------------------------

    def state_dict(self, destination: Any = None, prefix: str = "", keep_vars: bool = False) -> Any:
        """Every parameter and persistent buffer by its full name, such as ``"fc1.weight"``.

        The tensors share memory with the module's. They are detached, unless `keep_vars`.

        >>> list(ndl.nn.Linear(2, 3).state_dict())
        ['weight', 'bias']
        """
        if destination is None:
            destination = OrderedDict()
            destination._metadata = OrderedDict()
        metadata = {"version": self._version}
        if hasattr(destination, "_metadata"):
            destination._metadata[prefix[:-1]] = metadata
        for hook in self._listeners("save_pre"):
            hook(self, prefix, keep_vars)
        self._save_to_state_dict(destination, prefix, keep_vars)
        for name, module in self._modules.items():
            if module is not None:
                module.state_dict(destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
        for hook, may_replace in self._listeners("save"):
            answer = hook(self, destination, prefix, metadata)
            if answer is not None:
                if not may_replace:
                    raise RuntimeError("state_dict post-hook must return None")
                destination = answer
        return destination

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        """Put what is this module's own, without its children, into `destination`."""
        for name, tensor in self._own_state().items():
            destination[prefix + name] = tensor if keep_vars else tensor.detach()
        if type(self).get_extra_state is not Stateful.get_extra_state:
            destination[prefix + _EXTRA] = self.get_extra_state()

    def _own_state(self) -> dict[str, Tensor]:
        members = {**self._parameters, **{name: buffer for name, buffer in self._buffers.items()
                                          if name not in self._non_persistent_buffers_set}}
        return {name: tensor for name, tensor in members.items() if tensor is not None}

    def get_extra_state(self) -> Any:
        """To be overridden, with `set_extra_state`, by modules that want more than tensors in their state dict."""
        raise RuntimeError("Reached a code path in Module.get_extra_state() that should never be called.")

    def set_extra_state(self, state: Any) -> None:
        """Take back what `get_extra_state` returned."""
        raise RuntimeError("Reached a code path in Module.set_extra_state() that should never be called.")

    # --- reading --------------------------------------------------------------------------------------------------

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True,
                        assign: bool = False) -> _IncompatibleKeys:
        """Copy the tensors of `state_dict` into this module's own (or, with `assign`, put them in their place).

        Raises RuntimeError with a list of everything that doesn't fit: shapes, and if `strict` names that are missing
        or unknown. Nothing is loaded then.

        >>> ndl.nn.Linear(2, 3).load_state_dict(ndl.nn.Linear(2, 3).state_dict())
        <All keys matched successfully>
        """
        if not isinstance(state_dict, Mapping):
            fix = ("Load the file first: load_state_dict(ndl.load(path))" if isinstance(state_dict, (str, os.PathLike)) else
                   "Call its state_dict()" if hasattr(state_dict, "state_dict") else "It maps names to tensors")
            raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}. {fix}.")
        metadata = getattr(state_dict, "_metadata", None) or {}
        missing: list[str] = []
        unexpected: list[str] = []
        errors: list[str] = []
        copies: list[Callable[[], Any]] = []  # to be done when everything has turned out to fit
        loaded: list[Stateful] = []  # children before their parents

        def look(module: Stateful, state: OrderedDict, prefix: str) -> None:
            local = {**metadata.get(prefix[:-1], {}), "copies": copies, "assign_to_params_buffers": assign}
            module._load_from_state_dict(state, prefix, local, True, missing, unexpected, errors)
            for name, child in module._modules.items():
                if child is not None:
                    below = f"{prefix}{name}."
                    look(child, OrderedDict((k, v) for k, v in state.items() if k.startswith(below)), below)
            loaded.append(module)

        look(self, OrderedDict(state_dict), "")
        fits = not (errors or (strict and (missing or unexpected)))
        if fits:
            _run(copies)
        for module in loaded:
            for hook in module._listeners("load"):
                hook(module, _IncompatibleKeys(missing, unexpected))
        if strict and unexpected:
            errors.insert(0, f"Unexpected key(s) in state_dict: {_quoted(unexpected)}. ")
        if strict and missing:
            errors.insert(0, f"Missing key(s) in state_dict: {_quoted(missing)}. ")
            errors += _prefix_hint(missing, unexpected)
        if errors:
            raise RuntimeError(f"Error(s) in loading state_dict for {type(self).__name__}:\n\t" + "\n\t".join(errors))
        if not fits:  # but the hooks have settled it
            _run(copies)
        return _IncompatibleKeys(missing, unexpected)

    def _load_from_state_dict(self, state_dict: Any, prefix: str, local_metadata: dict, strict: bool,
                              missing_keys: list[str], unexpected_keys: list[str], error_msgs: list[str]) -> None:
        """Take what is this module's own, without its children, from `state_dict`; note in the lists what is wrong."""
        for hook, wants_module in self._listeners("load_pre"):
            first = (self,) if wants_module else ()
            hook(*first, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)
        own = self._own_state()
        copies = local_metadata.get("copies", [])
        for name, tensor in own.items():
            key = prefix + name
            if key not in state_dict:
                if strict:
                    missing_keys.append(key)
                continue
            source = state_dict[key]
            if not isinstance(source, Tensor):
                error_msgs.append(f'While copying the parameter named "{key}", expected ndl.Tensor or Tensor-like '
                                  f"object from checkpoint but received {type(source)}")
                continue
            if is_lazy(tensor) and is_lazy(source):  # nothing there yet, on either side
                continue
            if not tensor.shape and source.shape == (1,):  # as very old checkpoints have it
                source = source[0]
            if source.shape != tensor.shape:
                error_msgs.append(f"size mismatch for {key}: copying a param with shape {source.shape} from "
                                  f"checkpoint, the shape in current model is {tensor.shape}.")
            elif local_metadata.get("assign_to_params_buffers"):
                copies.append(lambda name=name, tensor=tensor, source=source: self._assign(name, tensor, source))
            else:
                copies.append(lambda tensor=tensor, source=source: tensor.copy_(source))
        if type(self).set_extra_state is not Stateful.set_extra_state:
            if prefix + _EXTRA in state_dict:
                copies.append(lambda: self.set_extra_state(state_dict[prefix + _EXTRA]))
            elif strict:
                missing_keys.append(prefix + _EXTRA)
        elif strict and prefix + _EXTRA in state_dict:
            unexpected_keys.append(prefix + _EXTRA)
        if strict:
            for key in state_dict:
                name, dot, _ = key[len(prefix):].partition(".")
                if key.startswith(prefix) and name != _EXTRA and name not in (self._modules if dot else own):
                    unexpected_keys.append(key)
        if "copies" not in local_metadata:  # called by itself
            _run(copies)

    def _assign(self, name: str, tensor: Tensor, source: Tensor) -> None:
        if isinstance(tensor, Parameter):
            source = source if isinstance(source, Parameter) else Parameter(source, False)
            source.requires_grad_(tensor.requires_grad)
        setattr(self, name, source)

    # --- hooks ----------------------------------------------------------------------------------------------------

    def register_state_dict_pre_hook(self, hook: Callable) -> Handle:
        """Call ``hook(module, prefix, keep_vars)`` before `state_dict` collects."""
        return self._listen("save_pre", hook)

    def register_state_dict_post_hook(self, hook: Callable) -> Handle:
        """Call ``hook(module, state_dict, prefix, local_metadata)`` after `state_dict`, whose result it may change."""
        return self._listen("save", (hook, False))

    def _register_state_dict_hook(self, hook: Callable) -> Handle:
        return self._listen("save", (hook, True))

    def register_load_state_dict_pre_hook(self, hook: Callable) -> Handle:
        """Call ``hook(module, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)``
        before this module takes its part."""
        return self._listen("load_pre", (hook, True))

    def _register_load_state_dict_pre_hook(self, hook: Callable, with_module: bool = False) -> Handle:
        return self._listen("load_pre", (hook, with_module))

    def register_load_state_dict_post_hook(self, hook: Callable) -> Handle:
        """Call ``hook(module, incompatible_keys)`` when this module and its children know what fits; it may change the
        lists of missing and unexpected keys."""
        return self._listen("load", hook)


def _run(copies: list[Callable[[], Any]]) -> None:
    with no_grad():
        for copy in copies:
            copy()


def _quoted(names: list[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _prefix_hint(missing: list[str], unexpected: list[str]) -> list[str]:
    """In words, if all names that are missing are there under a prefix, or without one that they have here."""
    for long, short in ((unexpected, missing), (missing, unexpected)):
        for name in long if short else ():
            prefix = name.removesuffix(short[0])
            if prefix and name != prefix and {prefix + other for other in short} <= set(long):
                fix = f"k.removeprefix('{prefix}')" if long is unexpected else f"'{prefix}' + k"
                return [f"The names differ by the prefix '{prefix}': load {{{fix}: v for k, v in state.items()}}."]
    return []
