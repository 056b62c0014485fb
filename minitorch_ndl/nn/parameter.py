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


def blank(*sizes: int, device: Any = None, dtype: Any = None) -> Tensor:
    """A tensor of these sizes, to be filled."""
    kind = dtypes.default_float() if dtype is None else dtypes.to_numpy(dtype)
    return wrap(backend.get(device).xp.empty(sizes, kind))


def unset(*sizes: int, device: Any = None, dtype: Any = None) -> Parameter:
    """A parameter of these sizes, to be filled by `nn.init`."""
    return Parameter(blank(*sizes, device=device, dtype=dtype))


# --- not yet ----------------------------------------------------------------------------------------------------------


class UninitializedTensorMixin(Tensor):
    """A tensor whose shape is not known yet. It has a dtype and a device, and can change them; all else needs elements.

    `materialize` turns it, the same object, into a `cls_to_become`.
    """

    cls_to_become: type[Tensor] = Tensor

    @property  # the slot of the same name holds an empty array, for its dtype and device
    def _array(self) -> Any:
        raise ValueError(f"Attempted to use an uninitialized parameter: this {type(self).__name__} has no elements yet. Call "
                         f"the lazy module that it is in with a (dummy) batch first, which tells it its shape.")

    @_array.setter
    def _array(self, value: Any) -> None:
        _SLOT.__set__(self, value)

    @property
    def data(self) -> Tensor:
        """An empty tensor of its dtype."""
        return wrap(_SLOT.__get__(self))

    @data.setter
    def data(self, value: Tensor) -> None:
        self._array = _SLOT.__get__(value)

    @property
    def shape(self) -> Any:
        raise RuntimeError("Can't access the shape of an uninitialized parameter or buffer. Call the lazy module that it is in "
                           "with a (dummy) batch first; a state dict with it can only be loaded by another lazy module.")

    dtype = property(lambda self: self.data.dtype)
    device = property(lambda self: self.data.device)

    def is_floating_point(self) -> bool:
        return self.data.is_floating_point()

    def requires_grad_(self, requires_grad: bool = True) -> Any:
        self._requires_grad = requires_grad
        return self

    def detach(self) -> Any:
        return self

    def materialize(self, shape: Any, device: Any = None, dtype: Any = None) -> None:
        """Become a tensor of this shape, its elements still to be set."""
        full = blank(*shape, device=self.device if device is None else device, dtype=self.dtype if dtype is None else dtype)
        self.__class__ = self.cls_to_become  # type: ignore[assignment]
        self._array = full._array

    def __deepcopy__(self, memo: dict) -> Any:
        memo[id(self)] = twin = type(self)(self.requires_grad, self.device, self.dtype)
        return twin

    def __reduce_ex__(self, protocol: Any) -> Any:
        return type(self), (self.requires_grad, None, self.dtype)

    def __repr__(self, *, tensor_contents: str | None = None) -> str:  # type: ignore[override]
        return f"<{type(self).__name__}>"


_SLOT: Any = Tensor.__dict__["_array"]


def _converting(name: str) -> Any:
    def convert(self: Any, *args: Any, **kwargs: Any) -> Any:
        twin = type(self)(self.requires_grad)
        twin.data = getattr(self.data, name)(*args, **kwargs)
        return twin

    return convert


for _name in ("to", "type", "float", "double", "half", "cpu", "cuda"):
    setattr(UninitializedTensorMixin, _name, _converting(_name))


def is_lazy(param: Any) -> bool:
    """Whether this is a parameter or buffer whose shape is not known yet."""
    return isinstance(param, UninitializedTensorMixin)


class UninitializedParameter(UninitializedTensorMixin, Parameter):  # type: ignore[misc]
    """A Parameter whose shape is not known yet.

    https://pytorch.org/docs/stable/generated/torch.nn.parameter.UninitializedParameter.html

    >>> weight = ndl.nn.UninitializedParameter()
    >>> weight.materialize((2, 3))
    >>> type(weight).__name__, weight.shape
    ('Parameter', Size([2, 3]))
    """

    cls_to_become = Parameter

    def __new__(cls, requires_grad: bool = True, device: Any = None, dtype: Any = None) -> Any:
        return _shared(cls, blank(0, device=device, dtype=dtype)).requires_grad_(requires_grad)


class UninitializedBuffer(UninitializedTensorMixin, Buffer):
    """A buffer whose shape is not known yet.

    https://pytorch.org/docs/stable/generated/torch.nn.parameter.UninitializedBuffer.html
    """

    def __new__(cls, requires_grad: bool = False, device: Any = None, dtype: Any = None, persistent: bool = True) -> Any:
        tensor = _shared(cls, blank(0, device=device, dtype=dtype)).requires_grad_(requires_grad)
        tensor.persistent = persistent
        return tensor
