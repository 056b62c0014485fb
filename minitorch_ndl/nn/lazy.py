"""Layers that learn from their first input how many features it has."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

from ..tensor import Tensor
from .batchnorm import BatchNorm1d, BatchNorm2d, BatchNorm3d
from .conv import Conv1d, Conv2d, Conv3d, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from .instancenorm import InstanceNorm1d, InstanceNorm2d, InstanceNorm3d
from .linear import Linear
from .module import Module, _locate
from .parameter import UninitializedBuffer, UninitializedParameter, is_lazy


class LazyModuleMixin(Module):
    """A module some of whose parameters get their shapes when it is first called.

    A subclass makes them `UninitializedParameter()`, and gives them shapes in `initialize_parameters`, which is called with
    the arguments of the first call. After that the module is a `cls_to_become`, if that is set.

    https://pytorch.org/docs/stable/generated/torch.nn.modules.lazy.LazyModuleMixin.html
    """

    cls_to_become: type | None = None
    _ready = False

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._ready:
            return super().__call__(*args, **kwargs)
        try:
            self.initialize_parameters(*args, **kwargs)
            if self.has_uninitialized_params():
                raise RuntimeError(f"module {self._get_name()} has not been fully initialized: initialize_parameters left "
                                   f"some of its parameters without a shape")
        except (IndexError, RuntimeError, TypeError, ValueError) as error:
            _locate(error, self)
            raise
        if self.cls_to_become is None:
            self._ready = True
        else:
            self.__class__ = self.cls_to_become
        return self(*args, **kwargs)

    def initialize_parameters(self, *args: Any, **kwargs: Any) -> None:
        """Give the parameters their shapes, and starting values."""
        raise NotImplementedError(f"initialize_parameters is not implemented for {type(self).__name__}")

    def has_uninitialized_params(self) -> bool:
        """Whether there are parameters or buffers without a shape."""
        return any(True for _ in self._uninitialized())

    def _uninitialized(self) -> Iterator[tuple[str, Any]]:
        members: dict[str, Any] = {**self._parameters, **self._buffers}
        return ((name, tensor) for name, tensor in members.items() if is_lazy(tensor))

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *rest: Any) -> None:
        for name, tensor in self._uninitialized():
            source = state_dict.get(prefix + name)
            if isinstance(source, Tensor) and not is_lazy(source):
                tensor.materialize(source.shape)
        super()._load_from_state_dict(state_dict, prefix, *rest)


class _LazyLayer(LazyModuleMixin):
    """A layer made without its number of input features, which is 0 until the first call."""

    _count: str  # what that number is called

    def __init_subclass__(cls, becomes: type | None = None, counts: str | None = None, **options: Any) -> None:
        super().__init_subclass__(**options)
        if counts is not None:
            cls._count = counts
        if becomes is not None:
            cls.cls_to_become = becomes
            cls.__doc__ = (f"{becomes.__name__}, made without `{cls._count}`: its first input tells.\n\n"
                           f"https://pytorch.org/docs/stable/generated/torch.nn.{cls.__name__}.html\n\n"
                           f"{inspect.cleandoc(cls.__doc__ or '')}\n")

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(0, *args, **kwargs)
        for table, kind in ((self._parameters, UninitializedParameter), (self._buffers, UninitializedBuffer)):
            for name, tensor in table.items():
                if tensor is not None and tensor.ndim:  # a 0-d one has its shape
                    table[name] = kind(device=tensor.device, dtype=tensor.dtype)

    def reset_parameters(self) -> None:
        """Draw new starting values, if there is something to be set."""
        if getattr(self, self._count):
            super().reset_parameters()  # type: ignore[misc]

    def initialize_parameters(self, input: Tensor, *args: Any, **kwargs: Any) -> None:
        """Count the features of `input`, and draw starting values."""
        setattr(self, self._count, self._features_of(input))
        if self.has_uninitialized_params():  # otherwise they were loaded
            for name, tensor in self._uninitialized():
                tensor.materialize(self._shape_of(name))
            self.reset_parameters()

    def _features_of(self, input: Tensor) -> int:
        raise NotImplementedError

    def _shape_of(self, name: str) -> tuple:
        raise NotImplementedError


class LazyLinear(_LazyLayer, Linear, becomes=Linear, counts="in_features"):
    """>>> layer = ndl.nn.LazyLinear(2)
    >>> layer(ndl.ones(5, 3)).shape, layer
    (Size([5, 2]), Linear(in_features=3, out_features=2, bias=True))
    """

    def _features_of(self, input: Tensor) -> int:
        return input.shape[-1]

    def _shape_of(self, name: str) -> tuple:
        return (self.out_features, self.in_features) if name == "weight" else (self.out_features,)


class _LazyConv(_LazyLayer, counts="in_channels"):
    def _features_of(self, input: Tensor) -> int:
        dims = self._dims
        if input.dim() not in (dims + 1, dims + 2):
            raise RuntimeError(f"Expected {dims + 1}D (unbatched) or {dims + 2}D (batched) input to {type(self).__name__}, "
                               f"but got input of size: {tuple(input.shape)}")
        channels = input.shape[-dims - 1]
        if channels % self.groups:
            raise ValueError(f"in_channels must be divisible by groups; got in_channels={channels} (input "
                             f"{tuple(input.shape)}), groups={self.groups}")
        return channels

    def _shape_of(self, name: str) -> tuple:
        return self._weight_shape() if name == "weight" else (self.out_channels,)


class _LazyBatchNorm(_LazyLayer, counts="num_features"):
    def _features_of(self, input: Tensor) -> int:
        self._check_input_dim(input)
        return input.shape[1]

    def _shape_of(self, name: str) -> tuple:
        return (self.num_features,)


class _LazyInstanceNorm(_LazyBatchNorm):
    def __init__(self, eps: float = 1e-5, momentum: float = 0.1, affine: bool = True, track_running_stats: bool = True,
                 device: Any = None, dtype: Any = None, *, bias: bool = True):  # torch's defaults, other than InstanceNorm's
        super().__init__(eps, momentum, affine, track_running_stats, device, dtype, bias=bias)

    def _features_of(self, input: Tensor) -> int:
        self._check_input_dim(input)
        return input.shape[-self._dims - 1]


class LazyConv1d(_LazyConv, Conv1d, becomes=Conv1d): ...


class LazyConv2d(_LazyConv, Conv2d, becomes=Conv2d):
    """>>> layer = ndl.nn.LazyConv2d(8, kernel_size=3)
    >>> layer(ndl.ones(1, 3, 9, 9)).shape, layer.weight.shape
    (Size([1, 8, 7, 7]), Size([8, 3, 3, 3]))
    """


class LazyConv3d(_LazyConv, Conv3d, becomes=Conv3d): ...


class LazyConvTranspose1d(_LazyConv, ConvTranspose1d, becomes=ConvTranspose1d): ...


class LazyConvTranspose2d(_LazyConv, ConvTranspose2d, becomes=ConvTranspose2d): ...


class LazyConvTranspose3d(_LazyConv, ConvTranspose3d, becomes=ConvTranspose3d): ...


class LazyBatchNorm1d(_LazyBatchNorm, BatchNorm1d, becomes=BatchNorm1d): ...


class LazyBatchNorm2d(_LazyBatchNorm, BatchNorm2d, becomes=BatchNorm2d): ...


class LazyBatchNorm3d(_LazyBatchNorm, BatchNorm3d, becomes=BatchNorm3d): ...


class LazyInstanceNorm1d(_LazyInstanceNorm, InstanceNorm1d, becomes=InstanceNorm1d): ...


class LazyInstanceNorm2d(_LazyInstanceNorm, InstanceNorm2d, becomes=InstanceNorm2d): ...


class LazyInstanceNorm3d(_LazyInstanceNorm, InstanceNorm3d, becomes=InstanceNorm3d): ...
