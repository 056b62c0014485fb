"""Parameter: a tensor that a Module counts among its own. Buffer: one that belongs to it but is not trained."""

from __future__ import annotations

from typing import Any

from .. import backend, dtypes
from ..tensor import Tensor, _fill, counter, wrap


def _shared(cls: type, data: Any) -> Any:
    """A tensor of type `cls` on the memory of `data`, cut off from its graph."""
    if data is None:
        data = Tensor()
    if not isinstance(data, Tensor):
        raise TypeError(f"{cls.__name__}: expected a Tensor; got {type(data).__name__}. "
                        f"Wrap it: nn.{cls.__name__}(ndl.tensor(...)).")
    tensor = _fill(object.__new__(cls), data._array)
    tensor._counter = counter(data)
    return tensor


class Parameter(Tensor):
    """A tensor that becomes one of `module.parameters()` when it is assigned to a module's attribute.

    Shares the memory of `data`. https://pytorch.org/docs/stable/generated/torch.nn.parameter.Parameter.html

    >>> ndl.nn.Parameter(ndl.ones(2))
    Parameter containing:
    tensor([1., 1.], requires_grad=True)
    """

    _prefix = "tensor"

    def __new__(cls, data: Tensor | None = None, requires_grad: bool = True) -> Any:
        return _shared(cls, data).requires_grad_(requires_grad)

    def __deepcopy__(self, memo: dict) -> Any:
        twin = super().__deepcopy__(memo)
        twin._grad = None  # a copied model starts without gradients, as torch's do
        return twin

    def __repr__(self, *, tensor_contents: str | None = None) -> str:  # type: ignore[override]
        return "Parameter containing:\n" + super().__repr__()


class Buffer(Tensor):
    """A tensor that becomes one of `module.buffers()` when it is assigned to a module's attribute.

    persistent  whether `state_dict()` has it
    """

    _prefix = "tensor"
    persistent: bool

    def __new__(cls, data: Tensor | None = None, *, persistent: bool = True) -> Any:
        tensor = _shared(cls, data)
        tensor.persistent = persistent
        return tensor


def unset(*sizes: int, device: Any = None, dtype: Any = None) -> Parameter:
    """A parameter of these sizes, to be filled by `nn.init`."""
    kind = dtypes.default_float() if dtype is None else dtypes.to_numpy(dtype)
    return Parameter(wrap(backend.get(device).xp.empty(sizes, kind)))
