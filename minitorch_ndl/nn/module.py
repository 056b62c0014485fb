"""Module: the base class of everything that has parameters.

A module keeps what it owns in three dicts, `_parameters`, `_buffers` and `_modules`, filled by assigning attributes.
Everything else (parameters(), state_dict(), to(), ...) is a walk over these.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from .. import dtypes
from ..autograd.grad_mode import no_grad
from ..ops.convert import target_of
from ..tensor import Tensor
from .hooks import Hookable, call
from .parameter import Buffer, Parameter
from .state import Stateful


class Module(Stateful, Hookable):
    """Base class of all layers and models. https://pytorch.org/docs/stable/generated/torch.nn.Module.html

    A subclass calls ``super().__init__()``, assigns layers and parameters to attributes, and defines ``forward``.

    >>> class Net(ndl.nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.fc1, self.fc2 = ndl.nn.Linear(4, 8), ndl.nn.Linear(8, 2)
    ...     def forward(self, x):
    ...         return self.fc2(self.fc1(x).relu())
    >>> Net()(ndl.ones(3, 4)).shape
    Size([3, 2])
    """

    training: bool
    call_super_init = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if args or kwargs:
            what = f"an unexpected keyword argument '{next(iter(kwargs))}'" if kwargs else f"{len(args)} too many"
            raise TypeError(f"{type(self).__name__}.__init__() got {what}: it takes no arguments")
        own = self.__dict__
        own["training"] = True
        own["_parameters"] = {}
        own["_buffers"] = {}
        own["_non_persistent_buffers_set"] = set()
        own["_modules"] = {}

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            if self._hooks is None:
                return self.forward(*args, **kwargs)
            return call(self, args, kwargs)
        except (IndexError, RuntimeError, TypeError, ValueError) as error:
            _locate(error, self)
            raise

    def forward(self, *input: Any) -> Any:
        """What the module computes. Every subclass defines it."""
        raise NotImplementedError(f'Module [{type(self).__name__}] is missing the required "forward" function')

    # --- attributes -----------------------------------------------------------------------------------------------

    def __setattr__(self, name: str, value: Any) -> None:
        own = self.__dict__
        if "_modules" not in own:
            for kind, what in ((Parameter, "parameters"), (Module, "module"), (Buffer, "buffer")):
                if isinstance(value, kind):
                    raise AttributeError(f"cannot assign {what} before Module.__init__() call: {type(self).__name__}."
                                         f"__init__ must call super().__init__() before it sets self.{name}.")
            object.__setattr__(self, name, value)
        elif isinstance(value, Parameter):
            self._give_up(name, "_parameters")
            self.register_parameter(name, value)
        elif name in own["_parameters"]:
            self._only_none(name, value, "parameter", "Parameter")
            own["_parameters"][name] = None
        elif isinstance(value, Module):
            self._give_up(name, "_modules")
            own["_modules"][name] = value
        elif name in own["_modules"]:
            self._only_none(name, value, "child module", "Module")
            own["_modules"][name] = None
        elif isinstance(value, Buffer):
            own.pop(name, None)
            self.register_buffer(name, value, value.persistent)
        elif name in own["_buffers"]:
            if not isinstance(value, Tensor):
                self._only_none(name, value, "buffer", "Buffer, Tensor")
            own["_buffers"][name] = value
        else:
            object.__setattr__(self, name, value)

    def _give_up(self, name: str, table: str) -> None:
        """Forget what `name` stands for, unless it is in `table` anyway."""
        own = self.__dict__
        for other in ("_parameters", "_buffers", "_modules"):
            if other != table:
                own[other].pop(name, None)
        own.pop(name, None)
        own["_non_persistent_buffers_set"].discard(name)

    def _only_none(self, name: str, value: Any, what: str, kinds: str) -> None:
        if value is not None:
            raise TypeError(f"cannot assign '{type(value).__name__}' as {what} '{name}' (nn.{kinds} or None expected)"
                            + (f"; wrap it: nn.Parameter(value), or change the values only: self.{name}.data = value"
                               if isinstance(value, Tensor) else ""))

    def __getattr__(self, name: str) -> Any:
        own = self.__dict__
        if "_modules" in own:  # else __init__ has not run
            if name in own["_parameters"]:
                return own["_parameters"][name]
            if name in own["_modules"]:
                return own["_modules"][name]
            if name in own["_buffers"]:
                return own["_buffers"][name]
        found = getattr(type(self), name, None)
        if isinstance(found, property):  # its own code raised the AttributeError that brought us here: let it be seen
            return found.__get__(self)
        raise _NoSuchAttribute(self, name)

    def __delattr__(self, name: str) -> None:
        own = self.__dict__
        for table in ("_parameters", "_buffers", "_modules"):
            if name in own[table]:
                del own[table][name]
                own["_non_persistent_buffers_set"].discard(name)
                return
        object.__delattr__(self, name)

    def __dir__(self) -> list[str]:
        own = self.__dict__
        names = {*dir(type(self)), *own}
        for table in ("_parameters", "_buffers", "_modules"):
            names.update(own.get(table, ()))
        return sorted(name for name in names if not name[:1].isdigit())

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Make `param` the parameter called `name`; None keeps the name, without a parameter."""
        self._check_name(name, "parameter", "_parameters")
        if param is not None and not isinstance(param, Parameter):
            raise TypeError(f"cannot assign '{type(param).__name__}' object to parameter '{name}' (nn.Parameter or "
                            "None required); wrap it: nn.Parameter(value)")
        if param is not None and param.grad_fn is not None:
            raise ValueError(f"Cannot assign non-leaf Tensor to parameter '{name}'. Model parameters must be created "
                             f"explicitly. To express '{name}' as a function of another Tensor, compute the value in "
                             f"the forward() method.")
        self._parameters[name] = param

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Make `tensor` part of the module without training it, such as running statistics.

        persistent  whether `state_dict()` has it
        """
        self._check_name(name, "buffer", "_buffers")
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(f"cannot assign '{type(tensor).__name__}' object to buffer '{name}' "
                            f"(Tensor or None required)")
        self._buffers[name] = tensor
        if persistent:
            self._non_persistent_buffers_set.discard(name)
        else:
            self._non_persistent_buffers_set.add(name)

    def add_module(self, name: str, module: Module | None) -> None:
        """Make `module` the child called `name`."""
        if module is not None and not isinstance(module, Module):
            raise TypeError(f"{type(module).__name__} is not a Module subclass")
        self._check_name(name, "module", "_modules")
        self._modules[name] = module

    register_module = add_module

    def _check_name(self, name: str, what: str, table: str) -> None:
        if table not in self.__dict__:
            raise AttributeError(f"cannot assign {what} before Module.__init__() call: call super().__init__() first")
        if not isinstance(name, str):
            raise TypeError(f"{what} name should be a string. Got {type(name).__name__}")
        if "." in name:
            raise KeyError(f'{what} name can\'t contain ".", got: {name}')
        if name == "":
            raise KeyError(f'{what} name can\'t be empty string ""')
        if name not in self.__dict__[table] and hasattr(self, name):
            raise KeyError(f"attribute '{name}' already exists")

    # --- the walk -------------------------------------------------------------------------------------------------

    def named_modules(self, memo: set | None = None, prefix: str = "",
                      remove_duplicate: bool = True) -> Iterator[tuple[str, Module]]:
        """This module and all below it, with their paths; each once, unless `remove_duplicate` is false."""
        memo = set() if memo is None else memo
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name, module in self._modules.items():
            if module is not None:
                yield from module.named_modules(memo, f"{prefix}.{name}" if prefix else name, remove_duplicate)

    def _named_members(self, table: str, prefix: str, recurse: bool,
                       remove_duplicate: bool) -> Iterator[tuple[str, Any]]:
        """The parameters or buffers of all modules; each once, however often it is used."""
        seen = set()
        places = self.named_modules(None, prefix, remove_duplicate) if recurse else ((prefix, self),)
        for path, module in places:
            for name, member in module.__dict__[table].items():
                if member is not None and member not in seen:
                    if remove_duplicate:
                        seen.add(member)
                    yield f"{path}.{name}" if path else name, member

    def named_parameters(self, prefix: str = "", recurse: bool = True,
                         remove_duplicate: bool = True) -> Iterator[tuple[str, Parameter]]:
        """All parameters with their names, such as ``"fc1.weight"``."""
        return self._named_members("_parameters", prefix, recurse, remove_duplicate)

    def named_buffers(self, prefix: str = "", recurse: bool = True,
                      remove_duplicate: bool = True) -> Iterator[tuple[str, Tensor]]:
        """All buffers with their names."""
        return self._named_members("_buffers", prefix, recurse, remove_duplicate)

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The modules directly below this one, with their names."""
        seen = set()
        for name, module in self._modules.items():
            if module is not None and module not in seen:
                seen.add(module)
                yield name, module

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """All parameters: what an optimizer is given.

        >>> [tuple(p.shape) for p in ndl.nn.Linear(2, 3).parameters()]
        [(3, 2), (3,)]
        """
        for _, parameter in self.named_parameters(recurse=recurse):
            yield parameter

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """All buffers."""
        for _, buffer in self.named_buffers(recurse=recurse):
            yield buffer

    def modules(self, remove_duplicate: bool = True) -> Iterator[Module]:
        """This module and all below it."""
        for _, module in self.named_modules(remove_duplicate=remove_duplicate):
            yield module

    def children(self) -> Iterator[Module]:
        """The modules directly below this one."""
        for _, module in self.named_children():
            yield module

    def get_submodule(self, target: str) -> Module:
        """The module at a path such as ``"layer1.0.conv"``; this one at ``""``.

        Raises AttributeError if there is none.
        """
        module: Any = self
        for name in target.split(".") if target else ():
            if not hasattr(module, name):
                raise AttributeError(f"{module._get_name()} has no attribute `{name}`")
            module = getattr(module, name)
            if not isinstance(module, Module):
                raise AttributeError(f"`{name}` is not an nn.Module")
        return module

    def set_submodule(self, target: str, module: Module, strict: bool = False) -> None:
        """Put `module` at a path. Raises AttributeError if its parent (with `strict`, if the path) does not exist."""
        if target == "":
            raise ValueError("Cannot set the submodule without a target name!")
        if not isinstance(module, Module):
            raise ValueError(f"`module` is not an nn.Module, found {type(module)}")
        path, _, name = target.rpartition(".")
        parent = self.get_submodule(path)
        if strict or hasattr(parent, name):
            parent.get_submodule(name)
        setattr(parent, name, module)

    def get_parameter(self, target: str) -> Parameter:
        """The parameter at a path such as ``"fc1.weight"``. Raises AttributeError if there is none."""
        return self._get_member(target, "_parameters", "an nn.Parameter")

    def get_buffer(self, target: str) -> Tensor:
        """The buffer at a path. Raises AttributeError if there is none."""
        return self._get_member(target, "_buffers", "a buffer")

    def _get_member(self, target: str, table: str, what: str) -> Any:
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        if not hasattr(module, name):
            raise AttributeError(f"{module._get_name()} has no attribute `{name}`")
        if module.__dict__[table].get(name) is None:
            raise AttributeError(f"`{name}` is not {what}")
        return module.__dict__[table][name]

    # --- what is done to all modules ------------------------------------------------------------------------------

    def apply(self, fn: Callable[[Module], Any]) -> Any:
        """Call ``fn(module)`` on all modules below, and then on this one. Returns self."""
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    def train(self, mode: bool = True) -> Any:
        """Switch to training (dropout drops, batch norm looks at the batch), or to evaluation. Returns self."""
        if not isinstance(mode, bool):
            raise ValueError(f"training mode is expected to be boolean; got {mode!r}")
        self.training = mode
        for module in self.children():
            module.train(mode)
        return self

    def eval(self) -> Any:
        """Switch to evaluation: ``train(False)``. Returns self."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Any:
        """Train all parameters, or (False) freeze them. Returns self."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget all gradients; with ``set_to_none=False``, set them to zero."""
        for parameter in self.parameters():
            if parameter.grad is not None:
                if set_to_none:
                    parameter.grad = None
                else:
                    parameter.grad.detach_().requires_grad_(False).zero_()

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Any:
        """Put ``fn(tensor)`` in the place of all parameters' and buffers' values. Parameters stay the same objects."""
        if recurse:
            for module in self.children():
                module._apply(fn)
        for parameter in self._parameters.values():
            if parameter is not None:
                with no_grad():
                    changed = fn(parameter)
                    grad = None if parameter.grad is None else fn(parameter.grad)
                if changed is not parameter:
                    parameter.grad = None
                    parameter.data = changed
                    parameter.grad = grad
        for name, buffer in self._buffers.items():
            if buffer is not None:
                self._buffers[name] = fn(buffer)
        return self

    def to(self, *args: Any, **kwargs: Any) -> Any:
        """Move to a device and/or convert floating parameters and buffers to a dtype, in place. Returns self.

        ``to(device)``, ``to(dtype)``, ``to(device, dtype)``, ``to(other_tensor)``.

        >>> ndl.nn.Linear(2, 3).to(ndl.float64).weight.dtype
        ndl.float64
        """
        device, wanted, _, memory_format = target_of(*args, **kwargs)
        dtype = None if wanted is None else dtypes.from_numpy(wanted)
        if dtype is not None and not dtype.is_floating_point:
            raise TypeError(f"nn.Module.to only accepts floating point or complex dtypes, but got desired "
                            f"dtype={dtype}")

        def convert(t: Tensor) -> Tensor:
            return t.to(device, dtype if t.is_floating_point() else None,
                        memory_format=memory_format if memory_format and t.dim() in (4, 5) else None)

        return self._apply(convert)

    def type(self, dst_type: Any) -> Any:
        """Convert all parameters and buffers, integer ones too, to `dst_type`. Returns self."""
        return self._apply(lambda t: t.type(dst_type))

    def float(self) -> Any:
        """Convert floating parameters and buffers to float32. Returns self."""
        return self.to(dtypes.float32)

    def double(self) -> Any:
        """Convert floating parameters and buffers to float64. Returns self."""
        return self.to(dtypes.float64)

    def half(self) -> Any:
        """Convert floating parameters and buffers to float16. Returns self."""
        return self.to(dtypes.float16)

    def bfloat16(self) -> Any:
        """As `half`, for bfloat16, which exists by name only: raises TypeError."""
        return self.to(dtypes.bfloat16)

    def cpu(self) -> Any:
        """Move to the host's memory. Returns self."""
        return self._apply(lambda t: t.cpu())

    def to_empty(self, *, device: Any, recurse: bool = True) -> Any:
        """Put uninitialized memory on `device` in the place of all parameters and buffers. Returns self."""
        return self._apply(lambda t: t.new_empty(t.shape, device=device), recurse)

    def cuda(self, device: Any = None) -> Any:
        """Move to a GPU. Raises RuntimeError where there is none that we can compute on."""
        return self._apply(lambda t: t.cuda(device))

    def share_memory(self) -> Any:
        """Put parameters and buffers into memory that this process shares with those which it starts. Returns self."""
        for tensor in (*self.parameters(), *self.buffers()):
            tensor.share_memory_()
        return self

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Does nothing: there is no compiler."""

    # --- printing -------------------------------------------------------------------------------------------------

    def _get_name(self) -> str:
        return self.__class__.__name__

    def extra_repr(self) -> str:
        """What stands between the parentheses when the module is printed."""
        return ""

    def __repr__(self) -> str:
        extra = self.extra_repr()
        lines = extra.split("\n") if extra else []
        if len(lines) == 1 and not self._modules:
            return f"{self._get_name()}({extra})"
        lines += [f"({name}): {indented(repr(module))}" for name, module in self._modules.items()]
        return f"{self._get_name()}(" + ("\n  " + "\n  ".join(lines) + "\n" if lines else "") + ")"


def indented(text: str) -> str:
    """`text` with its lines after the first moved in, to stand inside another module's."""
    return text.replace("\n", "\n  ")


class _NoSuchAttribute(AttributeError):
    """Looks for the nearest name only when it is printed: `hasattr` asks often, and does not read."""

    def __init__(self, module: Module, name: str):
        super().__init__(f"'{type(module).__name__}' object has no attribute '{name}'", name=name)
        self._module = module

    def __str__(self) -> str:
        import difflib

        nearest = difflib.get_close_matches(str(self.name), dir(self._module), 1)
        if "_modules" not in self._module.__dict__:
            return f"{self.args[0]}: Module.__init__() has not run; call super().__init__() first."
        return self.args[0] + (f". Did you mean '{nearest[0]}'?" if nearest else "")

    def __reduce__(self) -> tuple:
        return AttributeError, (str(self),)


def _locate(error: Exception, module: Module) -> None:
    """Begin the message of an error from inside this package with the path of the module that raised it.

    It comes through here once for every module around; each adds what it knows.
    """
    if len(error.args) != 1 or not isinstance(error.args[0], str):
        return
    if not hasattr(error, "_text"):
        step: Any = error.__traceback__
        while step.tb_next is not None:
            step = step.tb_next
        if step.tb_frame.f_globals.get("__name__", "").partition(".")[0] == __name__.partition(".")[0]:
            error._text, error._module, error._path = error.args[0], module, ""  # type: ignore[attr-defined]
        return
    if error._module is module:  # type: ignore[attr-defined]
        return
    for path, child in module.named_modules():
        if child is error._module:  # type: ignore[attr-defined]
            inner = error._path  # type: ignore[attr-defined]
            error._path = f"{path}.{inner}" if inner else path  # type: ignore[attr-defined]
            error._module = module  # type: ignore[attr-defined]
            error.args = (f"{type(module).__name__}.{error._path}: {error._text}",)  # type: ignore[attr-defined]
            return
