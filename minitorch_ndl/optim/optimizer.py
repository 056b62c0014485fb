"""What all optimizers share: parameter groups, the loop over parameters, state dicts, hooks.

An optimizer is its defaults and an in-place update of one array, `_update`. Everything else is here, once.
https://pytorch.org/docs/stable/optim.html
"""

from __future__ import annotations

import copy
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from .. import backend
from ..autograd import views
from ..autograd.grad_mode import enable_grad
from ..autograd.node import Handle
from ..blas import add_multiple
from ..tensor import Tensor, counter, wrap
from .accumulation import Watch
from .together import FEW, Arrangement


class Optimizer:
    """Base class. A subclass gives `defaults` to `__init__` and defines `_update`.

    params    tensors, (name, tensor) pairs, or dicts with "params" and options of their own
    defaults  the options, with the values that groups get which do not name them

    Options that the base itself carries out: ``maximize`` (climb instead of descend) and ``weight_decay``, which adds that
    multiple of the parameter to its gradient or, where decoupled, shrinks the parameter by lr times it.
    """

    # Weight decay shrinks the parameter instead of entering the gradient; None: `_update` does it in a way of its own.
    decoupled: bool | None = False
    elementwise = False  # whether `_update` treats each element by itself: small parameters may then be updated together

    def __init__(self, params: Iterable, defaults: dict[str, Any]):
        if isinstance(params, Tensor):
            raise TypeError("params argument given to the optimizer should be an iterable of Tensors or dicts, but got "
                            "a single Tensor; put it in a list: [tensor].")
        self.defaults = defaults
        self.state: defaultdict[Tensor, dict[str, Any]] = defaultdict(dict)
        self.param_groups: list[dict[str, Any]] = []
        self._hooks: dict[str, OrderedDict[int, Callable]] = defaultdict(OrderedDict)
        self._room: dict[Any, Any] = {}
        self._arrangements: dict[int, Arrangement] = {}  # by a group's id
        groups = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list: expected model.parameters(). A model finds no layers in "
                             "a plain list (use nn.ModuleList), and a generator can be walked through only once.")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    def _update(self, xp: Any, p: Any, g: Any, state: dict[str, Any], group: dict[str, Any], scratch: Any) -> None:
        """Change the array `p` in place, given its gradient `g` (read only) and a `scratch` array of the same shape.

        `state` is this parameter's own dict; arrays in it are kept as Tensors, see `_buffer`.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define _update")

    # --- groups ---------------------------------------------------------------------------------------------------

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters with options of their own: ``{"params": [...], "lr": 0.01}``."""
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        group = dict(param_group)
        params = group["params"]
        if isinstance(params, Tensor):
            params = [params]
        elif isinstance(params, set):
            raise TypeError("optimizer parameters need to be organized in ordered collections, but the ordering of "
                            "tensors in sets will change between runs. Please use a list instead.")
        params = list(params)
        if params and isinstance(params[0], tuple):
            group["param_names"], params = [n for n, _ in params], [p for _, p in params]
        for p in params:
            if not isinstance(p, Tensor):
                raise TypeError(f"optimizer can only optimize Tensors, but one of the params is {type(p).__name__}")
            if not (p.is_leaf or p.retains_grad):
                raise ValueError("can't optimize a non-leaf Tensor: it was computed from others. Optimize those, or "
                                 "x.detach().requires_grad_().")
        if len({id(p) for p in params}) != len(params):
            raise ValueError("some parameters appear twice in one parameter group")
        known = {id(p) for g in self.param_groups for p in g["params"]}
        if any(id(p) in known for p in params):
            raise ValueError("some parameters appear in more than one parameter group")
        group["params"] = params
        for name, value in self.defaults.items():
            if value is required and name not in group:
                raise ValueError(f"parameter group didn't specify a value of required optimization parameter {name}")
            group.setdefault(name, value)
        self._check(group)
        self.param_groups.append(group)

    def _check(self, group: dict[str, Any]) -> None:
        """Raise ValueError for options out of range. `ranges` names what must lie where."""
        for name, (low, high) in {**_RANGES, **self.ranges}.items():
            values = group.get(name)
            if values is None or isinstance(values, bool):
                continue
            for i, value in enumerate(values if isinstance(values, tuple) else (values,)):
                if value is not None and not low <= float(value) < high:
                    label = _LABELS.get(name, name)
                    at = f" at index {i}" if isinstance(values, tuple) else ""
                    bound = f"from {low}" + (f" to below {high}" if high != np.inf else "")
                    raise ValueError(f"Invalid {label}{at}: {value} ({type(self).__name__} expects {name} {bound}).")

    ranges: dict[str, tuple[float, float]] = {}

    # --- stepping -------------------------------------------------------------------------------------------------

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients (or, with ``set_to_none=False``, fill them with zeros)."""
        for group in self.param_groups:
            for p in group["params"]:
                if p._grad is not None:
                    if set_to_none:
                        p._grad = None
                    else:
                        p._grad = p._grad.detach()
                        p._grad._array[...] = 0
                        views.bump(p._grad)

    @property
    def warn_on_accumulation(self) -> bool:
        """Whether `step` warns, once, when gradients still hold what the last step has used: a forgotten `zero_grad`.

        >>> w = ndl.ones(1, requires_grad=True)
        >>> opt = ndl.optim.SGD([w], lr=0.1)
        >>> opt.warn_on_accumulation = True
        """
        return self._watch is not None

    @warn_on_accumulation.setter
    def warn_on_accumulation(self, value: bool) -> None:
        if self._watch is not None:
            self._watch.end()
        self._watch = Watch(self) if value else None

    _watch: Watch | None = None

    def step(self, closure: Callable | None = None) -> Any:
        """Update every parameter that has a gradient. A `closure` recomputes the loss first, and step returns it."""
        hooks = self._hooks
        if hooks:
            for hook in list(hooks["pre"].values()):
                hook(self, (closure,) if closure is not None else (), {})
        loss = self._run(closure)
        if hooks:
            for hook in list(hooks["post"].values()):
                hook(self, (closure,) if closure is not None else (), {})
        return loss

    def _run(self, closure: Callable | None) -> Any:
        """The step itself, between the hooks."""
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        token = backend.hush()
        try:
            for group in self.param_groups:
                self._step_group(group)
        finally:
            backend.restore(token)
        return loss

    def _step_group(self, group: dict[str, Any]) -> None:
        decoupled = self.decoupled or group.get("decoupled_weight_decay", False)
        decay = 0 if decoupled or self.decoupled is None else group.get("weight_decay", 0)
        shrink = 1 - float(group["lr"]) * group["weight_decay"] if decoupled and group["weight_decay"] else 1
        maximize = group.get("maximize", False)

        def update(xp: Any, array: Any, g: Any, state: dict[str, Any]) -> None:
            scratch = self._scratch(xp, array)
            if maximize:
                g = xp.negative(g, out=self._scratch(xp, array, "gradient"))
            if shrink != 1:
                array *= shrink
            if decay:
                decayed = self._scratch(xp, array, "gradient")
                decayed[...] = g
                add_multiple(xp, decayed, decay, array, scratch)
                g = decayed
            self._update(xp, array, g, state, group, scratch)

        params = [p for p in group["params"] if p._grad is not None]
        others = params
        if self.elementwise and len(params) >= FEW:
            arrangement = self._arrangements.get(id(group))
            if arrangement is None or not arrangement.holds(params, self.state):
                arrangement = self._arrangements[id(group)] = Arrangement(params, self.state)
            for together in arrangement.groups:
                together.step(update)
            others = arrangement.others
        for p in others:
            array = p._array
            update(backend.of_type(type(array)).xp, array, p._grad._array, self.state[p])
        for p in params:
            counter(p)[0] += 1

    def _scratch(self, xp: Any, like: Any, purpose: str = "") -> Any:
        """An array of the shape and dtype of `like` to compute in; its contents last until the next parameter's turn."""
        kind = type(like), like.dtype.char, purpose
        ready = self._room.get((kind, like.shape))
        if ready is None:
            flat = self._room.get(kind)
            if flat is None or flat.size < like.size:
                flat = self._room[kind] = xp.empty(like.size, like.dtype)
            ready = self._room[kind, like.shape] = flat[:like.size].reshape(like.shape)
        return ready

    def _begin(self, xp: Any, p: Any, state: dict[str, Any], *names: str) -> tuple[float, list[Any]]:
        """Count a step, and give its number and the arrays of the buffers `names`, zeros at first."""
        if "step" not in state:
            state["step"] = wrap(xp.zeros((), np.float32))
        for name in names:
            if name not in state:
                state[name] = wrap(xp.zeros_like(p))
        step = state["step"]._array
        step += 1
        return float(step), [state[name]._array for name in names]

    # --- state dicts ----------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """All state as plain containers: ``{"state": {number: ...}, "param_groups": [...]}``, as torch lays it out."""
        for hook in self._hooks["state_dict_pre"].values():
            hook(self)
        numbers = {id(p): i for i, p in enumerate(p for g in self.param_groups for p in g["params"])}
        groups = [{**{k: v for k, v in group.items() if k != "params"}, "params": [numbers[id(p)] for p in group["params"]]}
                  for group in self.param_groups]
        packed = {"state": {numbers[id(p)]: s for p, s in self.state.items()}, "param_groups": groups}
        for hook in self._hooks["state_dict_post"].values():
            packed = hook(self, packed) or packed
        return packed

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what another optimizer's `state_dict` held. Raises ValueError if its groups don't fit."""
        state_dict = dict(state_dict)
        for hook in self._hooks["load_pre"].values():
            state_dict = hook(self, state_dict) or state_dict
        groups, saved = self.param_groups, copy.deepcopy(state_dict["param_groups"])
        if len(groups) != len(saved):
            raise ValueError(f"loaded state dict has a different number of parameter groups: {len(saved)}, "
                             f"this optimizer has {len(groups)}")
        for i, (mine, theirs) in enumerate(zip(groups, saved, strict=True)):
            if len(mine["params"]) != len(theirs["params"]):
                raise ValueError(f"loaded state dict contains a parameter group that doesn't match the size of "
                                 f"optimizer's group: group {i} has {len(theirs['params'])} parameters there, "
                                 f"{len(mine['params'])} here")
        params = [p for g in groups for p in g["params"]]
        numbers = [n for g in saved for n in g["params"]]
        state: defaultdict[Tensor, dict[str, Any]] = defaultdict(dict)
        for n, p in zip(numbers, params, strict=True):
            if n in state_dict["state"]:
                state[p] = {k: self._restored(k, v, p) for k, v in state_dict["state"][n].items()}
        for mine, theirs in zip(groups, saved, strict=True):
            mine.update({k: v for k, v in theirs.items() if k not in ("params", "param_names")})
        self.state = state
        for hook in self._hooks["load_post"].values():
            hook(self)

    @staticmethod
    def _restored(key: str, value: Any, p: Tensor) -> Any:
        """A copy of a saved value; floating buffers in the parameter's dtype (step counts stay as they are)."""
        if isinstance(value, Tensor):
            twin = value.detach().clone()
            return twin.to(p.dtype) if key != "step" and p.is_floating_point() and twin.is_floating_point() else twin
        return copy.deepcopy(value)

    # --- hooks ----------------------------------------------------------------------------------------------------

    def register_step_pre_hook(self, hook: Callable) -> Handle:
        """Call ``hook(optimizer, args, kwargs)`` before each step."""
        return Handle(self._hooks["pre"], hook)

    def register_step_post_hook(self, hook: Callable) -> Handle:
        """Call ``hook(optimizer, args, kwargs)`` after each step."""
        return Handle(self._hooks["post"], hook)

    def register_state_dict_pre_hook(self, hook: Callable) -> Handle:
        """Call ``hook(optimizer)`` before `state_dict`."""
        return Handle(self._hooks["state_dict_pre"], hook)

    def register_state_dict_post_hook(self, hook: Callable) -> Handle:
        """Call ``hook(optimizer, state_dict)`` after `state_dict`; what it returns takes its place."""
        return Handle(self._hooks["state_dict_post"], hook)

    def register_load_state_dict_pre_hook(self, hook: Callable) -> Handle:
        """Call ``hook(optimizer, state_dict)`` before `load_state_dict`; what it returns takes its place."""
        return Handle(self._hooks["load_pre"], hook)

    def register_load_state_dict_post_hook(self, hook: Callable) -> Handle:
        """Call ``hook(optimizer)`` after `load_state_dict`."""
        return Handle(self._hooks["load_post"], hook)

    # --- the rest -------------------------------------------------------------------------------------------------

    def __getstate__(self) -> dict[str, Any]:
        return {"defaults": self.defaults, "state": self.state, "param_groups": self.param_groups}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._hooks = defaultdict(OrderedDict)
        self._room, self._arrangements = {}, {}

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for i, group in enumerate(self.param_groups):
            lines.append(f"{chr(10) if i else ''}Parameter Group {i}")
            lines.extend(f"    {k}: {group[k]}" for k in sorted(group) if k not in ("params", "param_names"))
        return "\n".join([*lines, ")"])


class _Required:
    def __repr__(self) -> str:
        return "<required parameter>"


required: Any = _Required()
"""A default that every group must give itself."""

_RANGES = {"lr": (0.0, np.inf), "weight_decay": (0.0, np.inf), "momentum": (0.0, np.inf), "eps": (0.0, np.inf),
           "betas": (0.0, 1.0)}
_LABELS = {"lr": "learning rate", "weight_decay": "weight_decay value", "momentum": "momentum value",
           "eps": "epsilon value", "betas": "beta parameter"}

