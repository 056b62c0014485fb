"""What things are called in a checkpoint. A file that PyTorch is to read names PyTorch's classes, not ours: a tensor is
"call torch._utils._rebuild_tensor_v2 with this storage, offset, size and stride". Here are both directions.
"""

from __future__ import annotations

import codecs
import importlib
import pickle
import sys
from collections import Counter, OrderedDict, deque
from typing import Any

from .. import backend, dtypes
from ..nn.parameter import Parameter
from ..ops.legacy import as_subclass
from ..random import Generator
from ..tensor import Size, Tensor, wrap

PACKAGE = __name__.partition(".")[0]


class StorageType:
    """The type of a storage, ``torch.FloatStorage``: no more than a name for a dtype."""

    def __init__(self, title: str, dtype: dtypes.dtype):
        self.title, self.dtype = title, dtype


_TITLES = {"Double": "float64", "Float": "float32", "Half": "float16", "Long": "int64", "Int": "int32", "Short": "int16",
           "Char": "int8", "Byte": "uint8", "Bool": "bool", "BFloat16": "bfloat16", "ComplexFloat": "complex64",
           "ComplexDouble": "complex128"}
_DTYPES = {dtype.name.rstrip("_"): dtype for dtype in dtypes.ALL}
STORAGES = {_DTYPES[name]: StorageType(f"{title}Storage", _DTYPES[name]) for title, name in _TITLES.items()}


# --- what the names stand for -----------------------------------------------------------------------------------------


def rebuild_tensor(storage: Any, offset: int, size: tuple, stride: tuple, requires_grad: bool = False,
                   backward_hooks: Any = None, metadata: Any = None) -> Tensor:
    """The tensor at `offset` of a storage: an array in one row. Tensors of one storage share its memory."""
    end = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True)) + 1
    if min(offset, *size, *stride, 0) < 0 or (0 not in size and end > storage.size):
        raise pickle.UnpicklingError(f"load: a tensor of size {list(size)} and stride {list(stride)} at {offset} does not "
                                     f"lie within its storage of {storage.size} elements; the file is damaged.")
    if 0 in size:
        tensor = wrap(backend.of_type(type(storage)).xp.empty(size, storage.dtype))
    else:
        tensor = wrap(backend.restride(storage[offset:], size, [step * storage.itemsize for step in stride]))
    return tensor.requires_grad_(requires_grad)


def rebuild_parameter(data: Tensor, requires_grad: bool, backward_hooks: Any = None) -> Parameter:
    """A Parameter."""
    return Parameter(data, requires_grad)


def rebuild_parameter_with_state(data: Tensor, requires_grad: bool, backward_hooks: Any, state: dict) -> Parameter:
    """A Parameter with attributes that someone gave it."""
    parameter = Parameter(data, requires_grad)
    parameter.__dict__.update(state)
    return parameter


def rebuild_subclass(function: Any, kind: type, args: tuple, state: Any) -> Any:
    """A tensor with attributes, or of a class of its own."""
    tensor = as_subclass(function(*args), kind)
    if hasattr(tensor, "__setstate__"):
        tensor.__setstate__(state)
    else:
        tensor.__dict__.update(state[0] if isinstance(state, tuple) else state)
    return tensor


def encode(text: str, encoding: str = "latin1") -> bytes:
    """Bytes, which old pickle protocols write as text."""
    return codecs.encode(text, "latin1")


# What may be called while loading, by its name in the file.
CALLABLE: dict[str, Any] = {
    "torch._utils._rebuild_tensor": rebuild_tensor,
    "torch._utils._rebuild_tensor_v2": rebuild_tensor,  # the later of two names is the one that we write
    "torch._utils._rebuild_parameter": rebuild_parameter,
    "torch._utils._rebuild_parameter_with_state": rebuild_parameter_with_state,
    "torch._tensor._rebuild_from_type_v2": rebuild_subclass,
    "torch.Size": Size,
    "torch.device": backend.device,
    "_codecs.encode": encode,
    "collections.OrderedDict": OrderedDict,
    "collections.Counter": Counter,
    "collections.deque": deque,
    **{f"builtins.{kind.__name__}": kind for kind in (set, frozenset, bytearray, complex, range, slice)},
}
# What may be named beside it.
PLAIN: dict[str, Any] = {
    "torch.Tensor": Tensor,
    "torch.nn.parameter.Parameter": Parameter,
    **{f"torch.{name}": dtype for name, dtype in _DTYPES.items()},
    **{f"torch.{storage.title}": storage for storage in STORAGES.values()},
}
# Dtypes and kinds of tensors that torch has and we have not.
_LACKING = ("uint16", "uint32", "uint64", "complex32", "float8", "quint", "qint", "_rebuild_sparse", "_rebuild_qtensor",
            "_rebuild_nested", "_rebuild_tensor_v3", "_rebuild_meta", "_rebuild_wrapper")


class NoSuchDtype(TypeError):
    """A kind of tensor that torch has and we have not."""


def check_lacking(name: str) -> None:
    """Raise NoSuchDtype for the name of a kind of tensor that we don't have."""
    package, _, rest = name.partition(".")
    if package == "torch" and rest.rpartition(".")[2].startswith(_LACKING):
        raise NoSuchDtype(f"load: the file holds a kind of tensor that {PACKAGE} does not have ({name}). Convert it with "
                        f"torch, for example to float32, and save it again.")


_ELSEWHERE = {"torch._C._nn": "torch.nn.functional"}  # where torch's compiled functions say that they are


def find(module: str, name: str) -> Any:
    """What ``torch.nn.modules.linear.Linear`` and the like are here: looked up in our modules, from the innermost out.

    Raises UnpicklingError if we have nothing of that name.
    """
    full = f"{module}.{name}"
    known = CALLABLE.get(full, PLAIN.get(full))
    if known is not None:
        return known
    check_lacking(full)
    if full == "torch._C.Generator":
        return Generator
    parts = [PACKAGE, *_ELSEWHERE.get(module, module).split(".")[1:]]
    while parts:
        try:
            found: Any = importlib.import_module(".".join(parts))
            for part in name.split("."):
                found = getattr(found, part)
            return found
        except (ImportError, AttributeError):
            parts.pop()
    raise pickle.UnpicklingError(f"load: the file needs {full}, which {PACKAGE} does not have. Save the state_dict() "
                                 f"instead of the whole object, and load that into a model made here.")


# --- what ours are called ---------------------------------------------------------------------------------------------

_WRITTEN = {id(value): name for name, value in {**CALLABLE, **PLAIN}.items() if name.startswith("torch")}
# Where torch has the names that ours go by, the most used first.
_PLACES = ("", ".nn", ".optim", ".nn.functional", ".nn.parameter", ".optim.lr_scheduler", ".utils.data", ".distributions",
           ".nn.init", ".nn.utils.rnn", ".linalg", ".special")


def torch_name(value: Any, name: str) -> tuple[str, str] | None:
    """The module and the name by which torch knows `value`, or None if it is not ours (or ours alone)."""
    written = _WRITTEN.get(id(value))
    if written is not None:
        return written.rpartition(".")[::2]
    if (getattr(value, "__module__", None) or "").partition(".")[0] == PACKAGE:
        for place in _PLACES:
            if getattr(sys.modules.get(PACKAGE + place), name, None) is value:
                return "torch" + place, name
        for place in _PLACES:  # a function that goes by another name than its own, such as nn.functional.relu
            for public, other in vars(sys.modules.get(PACKAGE + place, object)).items():
                if other is value and not public.startswith("_"):
                    return "torch" + place, public
    return None
