"""The pickle inside a checkpoint: writing and reading it, with tensors' elements kept apart from it.

The unpickler that `load` uses by default calls nothing but what `names.py` lists and what the user allowed. It is
Python's own in Python (`pickle._Unpickler`), with a lock on the four instructions that can make something happen:
GLOBAL (`find_class`), REDUCE, NEWOBJ and BUILD.
"""

from __future__ import annotations

import pickle
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FunctionType
from typing import Any

import numpy as np

from .. import backend, dtypes
from ..nn.module import Module
from ..nn.parameter import Buffer, Parameter
from ..random import Generator
from ..tensor import Size, Tensor
from . import names

# In Python, so that single steps can be overridden.
_PythonPickler: Any = pickle._Pickler
_PythonUnpickler: Any = pickle._Unpickler

# --- writing ----------------------------------------------------------------------------------------------------------

_OWN = {"_requires_grad", "_grad", "_leaf_hooks", "_retains_grad"}  # attributes of ours that are no attributes of torch's


# What torch's modules of these names must find in themselves when they are loaded there. Ours don't look at it.
_TORCHS_STATE: dict[str, dict[str, Any]] = {
    "Module": {"_forward_hooks": OrderedDict(), "_backward_hooks": OrderedDict()},
    "RNNBase": {"all_weights": [[None]]},  # as in its old files: it then makes its list of weights anew
    "TransformerEncoderLayer": {"activation_relu_or_gelu": 0},  # no short cut
}


class _Memory:
    """A piece of memory that tensors stand on; stands for it in the pickle."""

    def __init__(self, key: str, row: np.ndarray, owner: Any, location: str):
        self.key, self.row, self.owner, self.location = key, row, owner, location


class Pickler(_PythonPickler):
    """Writes what torch would write. `memories` then holds what is to be stored beside the pickle."""

    def __init__(self, file: Any, protocol: int = 2):
        super().__init__(file, protocol)
        self.memories: dict[int, _Memory] = {}  # by the id of the array that owns it

    def persistent_id(self, value: Any) -> Any:
        if type(value) is not _Memory:
            return None
        kind = names.STORAGES[dtypes.from_numpy(value.row.dtype)]
        return "storage", kind, value.key, value.location, value.row.size

    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, Tensor):
            return self._tensor(value)
        if isinstance(value, Module):
            function, args, state, *rest = tuple(value.__reduce_ex__(self.proto))
            if isinstance(state, dict):
                for cls in type(value).__mro__:
                    state = {**_TORCHS_STATE.get(cls.__name__, {}), **state}
            return (function, args, state, *rest)
        if type(value) is Size:
            return Size, (tuple(value),)
        if isinstance(value, Generator):
            return type(value), (value.device,), (value.initial_seed(), None, value.get_state())
        return value.name if isinstance(value, dtypes.dtype) else NotImplemented

    def save_global(self, obj: Any, name: str | None = None) -> None:
        known = names.torch_name(obj, name or str(getattr(obj, "__qualname__", "")))
        if known is None:
            super().save_global(obj, name)
        elif self.proto >= 4:
            self.save(known[0])
            self.save(known[1])
            self.write(pickle.STACK_GLOBAL)
            self.memoize(obj)
        else:
            self.write(pickle.GLOBAL + f"{known[0]}\n{known[1]}\n".encode())
            self.memoize(obj)

    dispatch = {**_PythonPickler.dispatch, FunctionType: save_global, names.StorageType: save_global}

    def _tensor(self, x: Tensor) -> tuple:
        state = {k: v for k, v in x.__dict__.items() if k not in _OWN}
        cls = type(x)
        if isinstance(x, Buffer):  # torch's are plain tensors
            cls, state = Tensor, {}
        if cls is Parameter:
            data = x.detach()
            if state:
                return names.rebuild_parameter_with_state, (data, x.requires_grad, OrderedDict(), state)
            return names.rebuild_parameter, (data, x.requires_grad, OrderedDict())
        args = (*self._elements(x), x.requires_grad, OrderedDict())
        if cls is Tensor and not state:
            return names.rebuild_tensor, args
        return names.rebuild_subclass, (names.rebuild_tensor, cls, args, state)

    def _elements(self, x: Tensor) -> tuple:
        """The memory of `x`, and its offset, size and stride there."""
        array = backend.to_numpy(x._array)
        owner = backend.owner_of(array)
        row = owner.ravel("K")
        if row.dtype != array.dtype and row.nbytes % array.itemsize == 0:
            row = row.view(array.dtype)
        strides = [s // array.itemsize for s in array.strides]
        start, rest = divmod(array.ctypes.data - owner.ctypes.data, array.itemsize)
        # What torch has no words for is saved as a copy: memory with gaps or that goes backwards.
        if not array.size or rest or row.dtype != array.dtype or not np.may_share_memory(row, owner) or any(
                s < 0 or s % array.itemsize for s in array.strides):
            owner = row = np.ascontiguousarray(array).reshape(-1)
            start, strides = 0, list(x.contiguous().stride())
        memory = self.memories.get(id(owner))
        if memory is None:
            memory = self.memories[id(owner)] = _Memory(str(len(self.memories)), row, owner, str(x.device))
        elif memory.row.dtype != row.dtype:
            raise RuntimeError("Cannot save multiple tensors or storages that view the same data as different types: "
                               f"{memory.row.dtype} and {row.dtype} here. Save a clone() of one of them.")
        return memory, start, tuple(array.shape), tuple(strides)


# --- what may be loaded -----------------------------------------------------------------------------------------------

_allowed: dict[str, Any] = {}  # by their names in a file


def _names_of(value: Any) -> list[str]:
    """The names by which a file may refer to `value`, or to the value of a pair (value, name)."""
    if isinstance(value, tuple):
        return [value[1]]
    module, name = value.__module__, value.__qualname__
    found = [f"{module}.{name}"]
    if module.startswith("numpy._core."):
        found.append(f"numpy.core.{module[12:]}.{name}")  # before NumPy 2
    return found


def add_safe_globals(safe_globals: Iterable[Any]) -> None:
    """From now on, let `load` make and call these classes and functions, which you trust.

    https://pytorch.org/docs/stable/notes/serialization.html#torch.serialization.add_safe_globals

    safe_globals  classes and functions; or pairs of one and the name that it goes by in the file
    """
    for value in safe_globals:
        for name in _names_of(value):
            _allowed[name] = value[0] if isinstance(value, tuple) else value


def get_safe_globals() -> list[Any]:
    """What `add_safe_globals` has allowed."""
    return list(dict.fromkeys(_allowed.values()))


def clear_safe_globals() -> None:
    """Forget what `add_safe_globals` has allowed."""
    _allowed.clear()


@contextmanager
def safe_globals(safe_globals: Iterable[Any]) -> Iterator[None]:
    """Within the block, let `load` make and call these classes and functions, which you trust.

    >>> import io, fractions
    >>> file = io.BytesIO()
    >>> ndl.save({"ratio": fractions.Fraction(1, 3)}, file)
    >>> with ndl.serialization.safe_globals([fractions.Fraction]):
    ...     ndl.load(file)
    {'ratio': Fraction(1, 3)}
    """
    before = dict(_allowed)
    add_safe_globals(safe_globals)
    try:
        yield
    finally:
        _allowed.clear()
        _allowed.update(before)


# --- reading ----------------------------------------------------------------------------------------------------------

_OLD_NAMES = {"__builtin__": "builtins", "copy_reg": "copyreg"}  # of Python 2, which the older protocols use


class Refused(pickle.UnpicklingError):
    """Something that is loaded only if the user says so. Its text is the name."""

    def explained(self, where: str) -> pickle.UnpicklingError:
        """The error to show."""
        (what,) = self.args
        hint = f"`with {names.PACKAGE}.serialization.safe_globals([{what}]): ...` (or add_safe_globals)"
        if what.startswith("numpy"):
            hint += ", with each of NumPy's names that it then asks for"
        return pickle.UnpicklingError(
            f"Weights only load failed: {where} holds {what}, and only tensors, containers and plain values are loaded by "
            f"default. If you trust the file, allow that name, {hint}; or load it with weights_only=False, which runs "
            f"whatever code the file asks for.")


def _full(module: str, name: str) -> str:
    return f"{_OLD_NAMES.get(module, module)}.{name}"


class SafeUnpickler(_PythonUnpickler):
    """Makes tensors, containers, plain values and what was allowed. Raises UnpicklingError for all else."""

    def __init__(self, file: Any, storage: Callable[[tuple], Any], **options: Any):
        super().__init__(file, **options)
        self.persistent_load = storage
        own = {id(value): value for name, value in _allowed.items()}
        self.callable = {**{id(value): value for value in names.CALLABLE.values()}, **own}
        self.own = own

    def find_class(self, module: str, name: str) -> Any:
        full = _full(module, name)
        for table in (names.CALLABLE, names.PLAIN, _allowed):
            if full in table:
                return table[full]
        names.check_lacking(full)
        if module.partition(".")[0] == "torch":  # ours by torch's name: has it been allowed?
            try:
                found = names.find(module, name)
            except pickle.UnpicklingError:
                found = None
            if found is not None and id(found) in self.own:
                return found
        raise Refused(full)

    def load_reduce(self) -> None:
        self._check(self.stack[-2], self.callable)
        super().load_reduce()

    def load_newobj(self) -> None:
        self._check(self.stack[-2], self.own)
        super().load_newobj()

    def load_newobj_ex(self) -> None:
        self._check(self.stack[-3], self.own)
        super().load_newobj_ex()

    def load_build(self) -> None:
        kind = type(self.stack[-2])
        if kind is OrderedDict and isinstance(self.stack[-1], dict):  # a state dict's _metadata
            self.stack[-1] = {k: v for k, v in self.stack[-1].items() if k == "_metadata"}
        else:
            self._check(kind, self.own)
        super().load_build()

    def _check(self, value: Any, known: dict[int, Any]) -> None:
        if id(value) not in known:
            raise Refused(getattr(value, "__qualname__", type(value).__qualname__))

    def _forbidden(self) -> None:
        raise Refused("an instruction that no checkpoint uses")

    dispatch = {
        **_PythonUnpickler.dispatch, pickle.REDUCE[0]: load_reduce, pickle.NEWOBJ[0]: load_newobj,
        pickle.NEWOBJ_EX[0]: load_newobj_ex, pickle.BUILD[0]: load_build,
        **dict.fromkeys(b"".join((pickle.INST, pickle.OBJ, pickle.EXT1, pickle.EXT2, pickle.EXT4)), _forbidden)}


class Unpickler(pickle.Unpickler):
    """Makes whatever the pickle says, with torch's classes being ours."""

    def __init__(self, file: Any, storage: Callable[[tuple], Any], **options: Any):
        super().__init__(file, **options)
        self._storage = storage

    def persistent_load(self, pid: Any) -> Any:
        return self._storage(pid)

    def find_class(self, module: str, name: str) -> Any:
        if module.partition(".")[0] == "torch":
            return names.find(module, name)
        return super().find_class(module, name)
