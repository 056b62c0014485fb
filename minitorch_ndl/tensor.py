"""Tensor: an array that remembers where it came from. It holds, converts and describes; it computes nothing.

Its operations are defined in `ops/` and attached by `op.py`; `autograd/engine.py` attaches `backward`.
"""

from __future__ import annotations

import copy
import functools
import warnings
import weakref
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from . import backend, dtypes, errors, printing
from .autograd.node import Handle, Hooks, Node, Output

if TYPE_CHECKING:
    from ._methods import Methods
else:
    Methods = object

_new = object.__new__


class Size(tuple):
    """A tensor's shape: a tuple that can count. https://pytorch.org/docs/stable/size.html

    >>> ndl.ones(2, 3).shape, ndl.ones(2, 3).shape.numel()
    (Size([2, 3]), 6)
    """

    __slots__ = ()

    def numel(self) -> int:
        """The number of elements."""
        count = 1
        for n in self:
            count *= n
        return count

    def __getitem__(self, index: Any) -> Any:
        item = tuple.__getitem__(self, index)
        return _size(item) if type(item) is tuple else item

    def __add__(self, other: Any) -> Size:
        return Size(tuple.__add__(self, tuple(other)))

    def __radd__(self, other: Any) -> Size:
        return Size(tuple(other) + tuple(self))

    def __mul__(self, count: Any) -> Size:
        return Size(tuple.__mul__(self, count))

    __rmul__ = __mul__

    def __new__(cls, sizes: Any = ()) -> Any:
        sizes = tuple(sizes)
        for i, n in enumerate(sizes):
            if not hasattr(n, "__index__"):
                raise TypeError(f"Size() takes an iterable of 'int' (item {i} is '{type(n).__name__}')")
        return tuple.__new__(cls, [n if type(n) is int else n.__index__() for n in sizes])

    def __repr__(self) -> str:
        return f"Size({list(self)})"


_size: Callable[[tuple], Size] = functools.partial(tuple.__new__, Size)  # of sizes that are known to be ints


class Tensor(Methods):
    """An n-dimensional array of one dtype that autograd can follow. https://pytorch.org/docs/stable/tensors.html

    `ndl.tensor(data)` is the usual way to make one. As in torch, ``Tensor([1, 2])`` takes data (as float32) and
    ``Tensor(3, 4)`` takes sizes.

    >>> x = ndl.tensor([2.0, 3.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    tensor([4., 6.])
    """

    # Every tensor has these four; making one costs four stores.
    #   _array    the elements: an ndarray (or its device's array), 0-d included, never a NumPy scalar
    #   _edge     where it came from: a Node or an Output of one; None for leaves
    #   _counter  [version, generation], shared with views and detached twins; None until someone needs it
    #   _view     for views: what it is a view of (autograd/views.py)
    __slots__ = ("__dict__", "__weakref__", "_array", "_counter", "_edge", "_view")

    _array: Any
    _edge: Any
    _counter: list[int] | None
    _view: Any
    # Class attributes until someone sets them.
    _requires_grad = False  # asked for on a leaf
    _grad: Tensor | None = None
    _leaf_hooks: Hooks | None = None
    _retains_grad = False

    __array_priority__ = 1000  # array + tensor asks the tensor
    __hash__ = object.__hash__  # by identity, though == compares elements

    def __new__(cls, *args: Any, data: Any = None, device: Any = None) -> Any:
        return cls._construct(args if data is None else (data,), None, device)

    _construct: Callable  # ops/legacy.py attaches it

    # --- what it is -------------------------------------------------------------------------------------------

    @property
    def shape(self) -> Size:
        return _size(self._array.shape)

    def size(self, dim: int | None = None) -> Any:
        """The shape, or one of its numbers."""
        return _size(self._array.shape) if dim is None else _along(self._array.shape, dim, "size")

    @property
    def ndim(self) -> int:
        return self._array.ndim

    def dim(self) -> int:
        """The number of dimensions."""
        return self._array.ndim

    ndimension = dim

    def numel(self) -> int:
        """The number of elements."""
        return self._array.size

    nelement = numel

    @property
    def dtype(self) -> dtypes.dtype:
        return dtypes.BY_NUMPY[self._array.dtype]

    @property
    def device(self) -> backend.device:
        return backend.of_type(type(self._array)).place

    @property
    def itemsize(self) -> int:
        return self._array.itemsize

    def element_size(self) -> int:
        """Bytes per element."""
        return self._array.itemsize

    @property
    def nbytes(self) -> int:
        return self._array.nbytes

    def stride(self, dim: int | None = None) -> Any:
        """Elements to step over to reach the next one along each dimension, or along `dim`."""
        size = self._array.itemsize
        steps = tuple(s // size for s in (self._array if self._array.size else np.empty(
            [max(n, 1) for n in self._array.shape], self._array.dtype)).strides)
        return steps if dim is None else _along(steps, dim, "stride")

    def is_contiguous(self, memory_format: Any = None) -> bool:
        """Whether the elements lie in memory in row-major order, without gaps."""
        array = self._array
        if memory_format is not None and memory_format is not dtypes.contiguous_format:
            if memory_format is dtypes.preserve_format:
                return True
            if array.ndim != (4 if memory_format is dtypes.channels_last else 5):
                return False
            array = array.transpose(0, *range(2, array.ndim), 1)
        return array.flags.c_contiguous

    def storage_offset(self) -> int:
        """How many elements of the memory that it shares lie before its first one."""
        return (self.data_ptr() - _memory(self._array).ctypes.data) // self._array.itemsize

    def data_ptr(self) -> int:
        """The address of the first element."""
        return self._array.ctypes.data

    def is_floating_point(self) -> bool:
        """Whether the dtype is float16, float32 or float64."""
        return self._array.dtype.kind == "f"

    def is_complex(self) -> bool:
        """Always False: complex tensors are out of scope."""
        return False

    def is_signed(self) -> bool:
        """Whether the dtype can hold negative numbers."""
        return self.dtype.is_signed

    is_cpu = property(lambda self: self.device.type == "cpu")
    is_cuda = property(lambda self: self.device.type == "cuda")
    is_sparse = is_quantized = is_mps = is_meta = False
    layout = dtypes.strided
    names = property(lambda self: (None,) * self.ndim)

    # --- its place in the graph -------------------------------------------------------------------------------

    @property
    def requires_grad(self) -> bool:
        view = self._view
        return self._edge is not None or self._requires_grad or (view is not None and view.base.requires_grad)

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if not isinstance(value, bool):
            raise RuntimeError(f"requires_grad must be a bool; got {value!r}.")
        self.requires_grad_(value)

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Ask for gradients of this leaf (or stop asking). Returns self. Raises RuntimeError on integer tensors."""
        if not requires_grad and self._edge is not None:
            raise RuntimeError(
                "you can only change requires_grad flags of leaf variables. If you want to use a computed variable in "
                "a subgraph that doesn't require differentiation use var_no_grad = var.detach().")
        if requires_grad and self._array.dtype.kind != "f":
            raise RuntimeError(
                f"only Tensors of floating point dtype can require gradients; this one is {self.dtype!r}. "
                f"Make it float first: x.float().requires_grad_().")
        if self._requires_grad != bool(requires_grad) and self._edge is None:
            self._requires_grad = bool(requires_grad)
        return self

    @property
    def is_leaf(self) -> bool:
        return self.grad_fn is None

    @property
    def grad_fn(self) -> Node | None:
        """The node that made this tensor, or None for leaves."""
        if self._view is not None:
            self._view.refresh(self)
        edge = self._edge
        return edge.node if type(edge) is Output else edge

    @property
    def output_nr(self) -> int:
        return self._edge.index if type(self._edge) is Output else 0

    @property
    def grad(self) -> Tensor | None:
        """What `backward` has summed up for this leaf (or, after `retain_grad`, for this result). None before."""
        if self._grad is None and self._edge is not None and not self._retains_grad:
            warnings.warn("The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its .grad "
                          "attribute won't be populated during autograd.backward(). If you indeed want the .grad field "
                          "to be populated for a non-leaf Tensor, use .retain_grad() on the non-leaf Tensor.",
                          stacklevel=2)
        return self._grad

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is not None:
            if not isinstance(value, Tensor):
                raise TypeError(f"assigned grad expected to be a Tensor or None but got grad of type "
                                f"{type(value).__name__}")
            if value is self:
                raise RuntimeError("can't assign Variable as its own grad")
            if value._array.shape != self._array.shape:
                raise RuntimeError(f"assigned grad has data of a different size: {tuple(value.shape)}, "
                                   f"but the tensor has {tuple(self.shape)}.")
            if value._array.dtype != self._array.dtype:
                raise RuntimeError(f"assigned grad has data of a different type: {value.dtype!r}, "
                                   f"but the tensor has {self.dtype!r}. Convert it with .to({self.dtype!r}).")
        self._grad = value

    @grad.deleter
    def grad(self) -> None:
        self._grad = None

    @property
    def _version(self) -> int:
        """How many in-place writes this tensor's memory has seen."""
        return self._counter[0] if self._counter else 0

    @property
    def _base(self) -> Tensor | None:
        """What this tensor is a view of, or None."""
        return None if self._view is None else self._view.base

    def _is_view(self) -> bool:
        return self._view is not None

    def detach(self) -> Tensor:
        """A tensor on the same memory, cut off from the graph. A write through either is noticed by both.

        >>> ndl.ones(2, requires_grad=True).detach().requires_grad
        False
        """
        twin = wrap(self._array)
        twin._counter = counter(self)
        return twin

    def detach_(self) -> Tensor:
        """Cut this tensor itself off from the graph."""
        if self._view is not None:
            raise RuntimeError("Can't detach views in-place. Use detach() instead.")
        self._edge, self._requires_grad = None, False
        return self

    @property
    def data(self) -> Tensor:
        """The same memory without graph and without the version check: what autograd does not see."""
        return wrap(self._array)

    @data.setter
    def data(self, value: Tensor) -> None:
        if not isinstance(value, Tensor):
            raise TypeError(f"Variable data has to be a tensor, but got {type(value).__name__}")
        if self._requires_grad and value._array.dtype.kind != "f":
            raise RuntimeError("data set to a tensor that requires gradients must be floating point dtype; "
                               f"got {value.dtype!r}.")
        self._array = value._array

    def retain_grad(self) -> None:
        """Have `backward` fill in `.grad` of this tensor although it is not a leaf."""
        if not self.requires_grad:
            raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
        node = self.grad_fn
        if node is not None and not self._retains_grad:
            node._hooks().retain.append((self.output_nr, weakref.ref(self)))
            self._retains_grad = True

    @property
    def retains_grad(self) -> bool:
        return self._retains_grad

    def register_hook(self, hook: Callable) -> Handle:
        """Call ``hook(grad)`` whenever this tensor's gradient is computed; a tensor that it returns takes its place.

        >>> x = ndl.ones(1, requires_grad=True)
        >>> handle = x.register_hook(lambda grad: grad * 10)
        >>> x.sum().backward(); x.grad
        tensor([10.])
        """
        if not self.requires_grad:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        node = self.grad_fn
        if node is not None:
            return Handle(node._hooks().tensor, (self.output_nr, hook))
        return Handle(self._hooks().tensor, (0, hook))

    def register_post_accumulate_grad_hook(self, hook: Callable) -> Handle:
        """Call ``hook(tensor)`` after backward has added to this leaf's `.grad`."""
        if not self.requires_grad or self.grad_fn is not None:
            raise RuntimeError("post accumulate grad hooks cannot be registered on non-leaf tensors")
        return Handle(self._hooks().after, hook)

    def _hooks(self) -> Hooks:
        if self._leaf_hooks is None:
            self._leaf_hooks = Hooks()
        return self._leaf_hooks

    # --- getting values out -----------------------------------------------------------------------------------

    def item(self) -> Any:
        """The only element, as a Python number. Raises RuntimeError if there is not exactly one.

        >>> ndl.tensor([2.5]).item()
        2.5
        """
        if self._array.size != 1:
            raise RuntimeError(f"a Tensor with {self._array.size} elements cannot be converted to Scalar: item() "
                               f"needs one element, shape is {tuple(self.shape)}. Use tolist() for all of them.")
        return self._array.item()

    def tolist(self) -> Any:
        """The elements as nested lists of Python numbers (a number for a 0-d tensor)."""
        return backend.to_numpy(self._array).tolist()

    def numpy(self, *, force: bool = False) -> np.ndarray:
        """The elements as a NumPy array on the same memory. Raises RuntimeError where a graph would be lost;
        ``force=True`` detaches first."""
        if self.requires_grad and not force:
            raise RuntimeError("Can't call numpy() on Tensor that requires grad. "
                               "Use tensor.detach().numpy() instead.")
        if type(self._array) is not np.ndarray and not force:
            raise TypeError(f"can't convert {self.device} device type tensor to numpy. "
                            f"Use Tensor.cpu() to copy the tensor to host memory first.")
        return backend.to_numpy(self._array)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        array = self.numpy()
        if dtype is not None and array.dtype != dtype:
            if copy is False:
                raise ValueError(f"unable to avoid copy while creating an array of {dtype} from {self.dtype!r}")
            return array.astype(dtype)
        return array.copy() if copy else array

    def __bool__(self) -> bool:
        if self._array.size > 1:
            raise RuntimeError("Boolean value of Tensor with more than one value is ambiguous; "
                               f"shape is {tuple(self.shape)}. Use .any() or .all().")
        if self._array.size == 0:
            raise RuntimeError("Boolean value of Tensor with no values is ambiguous")
        return bool(self._array.item())

    def __float__(self) -> float:
        return float(self._number())

    def __int__(self) -> int:
        return int(self._number())

    def __complex__(self) -> complex:
        return complex(self._number())

    def _number(self) -> Any:
        if self._array.size != 1:
            raise ValueError(f"only one element tensors can be converted to Python scalars; this one has shape "
                             f"{tuple(self._array.shape)}.")
        return self._array.item()

    def __index__(self) -> int:
        if self._array.size != 1 or self._array.dtype.kind == "f":
            raise TypeError(f"only integer tensors of a single element can be converted to an index; "
                            f"this one has shape {tuple(self.shape)} and {self.dtype!r}.")
        return int(self._array.item())

    def __len__(self) -> int:
        if self._array.ndim == 0:
            raise TypeError("len() of a 0-d tensor")
        return self._array.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        if self._array.ndim == 0:
            raise TypeError("iteration over a 0-d tensor")
        return iter(self.unbind(0))

    def __reversed__(self) -> Tensor:
        return self.flip(0) if self._array.ndim else self

    def __contains__(self, element: Any) -> bool:
        if isinstance(element, Tensor) or isinstance(element, (bool, int, float)):
            return bool((self == element).any())
        raise RuntimeError(f"Tensor.__contains__ only supports Tensor or scalar, but you passed in a {type(element)}.")

    def __format__(self, spec: str) -> str:
        if self._array.ndim == 0:
            return self.item().__format__(spec)
        return object.__format__(self, spec)

    def __repr__(self, *, tensor_contents: str | None = None) -> str:
        grad = f"grad_fn={self.grad_fn!r}" if self.grad_fn is not None else \
            "requires_grad=True" if self.requires_grad else None
        return printing.array_repr(
            backend.to_numpy(self._array), [grad], default_float=dtypes.default_float(),
            device=None if self.device.type == "cpu" else self.device,
            prefix=type(self).__dict__.get("_prefix", type(self).__name__) + "(")

    _prefix = "tensor"  # what __repr__ calls it; a subclass goes by its own name unless it says so too

    def __dir__(self) -> list[str]:
        return sorted({*object.__dir__(self)})

    # --- copies -----------------------------------------------------------------------------------------------

    def __deepcopy__(self, memo: dict) -> Tensor:
        if not self.is_leaf:
            raise RuntimeError("Only Tensors created explicitly by the user (graph leaves) support the deepcopy "
                               "protocol at the moment. Copy x.detach() instead.")
        if id(self) in memo:
            return memo[id(self)]
        twin = memo[id(self)] = _new(type(self))
        _fill(twin, _copy_memory(self._array, memo))
        for name, value in self.__dict__.items():
            setattr(twin, name, copy.deepcopy(value, memo) if name != "_leaf_hooks" else None)
        return twin

    def __reduce_ex__(self, protocol: Any) -> tuple:
        state = {k: v for k, v in self.__dict__.items() if k not in ("_leaf_hooks", "_grad", "_retains_grad")}
        if self.requires_grad:  # as in torch, what has a graph behind it comes back as a leaf
            state["_requires_grad"] = True
        return _rebuild, (type(self), backend.to_numpy(self._array), str(self.device), state)


def wrap(array: Any) -> Tensor:
    """A Tensor around an array, without copy and without history. `array` must be an array, not a NumPy scalar."""
    tensor = _new(Tensor)
    tensor._array = array
    tensor._edge = tensor._counter = tensor._view = None
    return tensor


def _fill(tensor: Tensor, array: Any) -> Tensor:
    tensor._array = array
    tensor._edge = tensor._counter = tensor._view = None
    return tensor


def counter(tensor: Tensor) -> list[int]:
    """The tensor's [version, generation], made now if nobody has needed it before."""
    if tensor._counter is None:
        tensor._counter = [0, 0]
    return tensor._counter


def _along(values: tuple, dim: Any, name: str) -> int:
    """The one of `values` that belongs to `dim`."""
    try:
        return values[dim.__index__()]
    except AttributeError:
        raise TypeError(f"{name}(): argument 'dim' (position 1) must be int, not {type(dim).__name__}") from None
    except IndexError:
        if not values:
            raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions") from None
        raise errors.dim_out_of_range(dim, len(values)) from None


def _memory(array: np.ndarray) -> np.ndarray:
    """The array that owns the memory of `array`."""
    return backend.owner_of(array)


def _copy_memory(array: Any, memo: dict) -> Any:
    """A copy of `array` in which tensors that shared memory, such as a view and its base, share it again."""
    if type(array) is not np.ndarray or array.base is None or array.size == 0:
        owner = array
    else:
        owner = _memory(array)
    key = id(owner), "memory"
    if key not in memo:
        memo[key] = owner.copy()
        memo[id(owner), "alive"] = owner  # keep its id from being used again while the copy goes on
    twin = memo[key]
    if owner is array:
        return twin
    if not owner.flags.forc or owner.strides != twin.strides:
        return array.copy()
    offset = array.ctypes.data - owner.ctypes.data
    return np.ndarray(array.shape, array.dtype, twin, offset, array.strides)


def _rebuild(cls: type, array: np.ndarray, device: str, state: dict) -> Tensor:
    tensor = _fill(_new(cls), backend.get(device).from_numpy(array))
    for name, value in state.items():
        setattr(tensor, name, value)
    return tensor
