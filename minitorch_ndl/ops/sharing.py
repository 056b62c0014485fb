"""Memory that several processes see: `share_memory_`, and how a tensor in it goes to another process."""

from __future__ import annotations

import mmap
import os
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from ..composite import face
from ..tensor import Tensor


class _Region(mmap.mmap):
    """Memory behind a file that has no name: who has its descriptor can map it, too."""

    descriptor: int

    @classmethod
    def new(cls, size: int) -> _Region:
        if hasattr(os, "memfd_create"):
            descriptor = os.memfd_create("tensor")
        else:
            import tempfile

            with tempfile.TemporaryFile() as file:
                descriptor = os.dup(file.fileno())
        os.ftruncate(descriptor, size)
        return cls.of(descriptor, size)

    @classmethod
    def of(cls, descriptor: int, size: int) -> _Region:
        region = cls(descriptor, size)
        region.descriptor = descriptor
        return region

    def __del__(self) -> None:
        os.close(self.descriptor)


def _region(array: Any) -> _Region | None:
    """The shared memory that an array lies in."""
    while isinstance(array, np.ndarray):
        array = array.base
    return array if isinstance(array, _Region) else getattr(array, "obj", None) if isinstance(array, memoryview) else None


@face("share_memory_", "method")
def share_memory_(self: Tensor) -> Tensor:
    """Move the elements, in place, to memory that this process shares with those which it starts, or sends the tensor to.

    Former views of the tensor stay where they were. On Windows nothing is moved.
    """
    array = self._array
    if isinstance(array, np.ndarray) and _region(array) is None and sys.platform != "win32":
        shared: np.ndarray = np.ndarray(array.shape, array.dtype, buffer=_Region.new(max(array.nbytes, 1)))
        shared[...] = array
        self._array = shared
        _register(type(self))
    return self


@face("is_shared", "method")
def is_shared(self: Tensor) -> bool:
    """Whether other processes see this memory, since `share_memory_`."""
    return _region(self._array) is not None


def _register(kind: type) -> None:
    from multiprocessing import reduction  # takes long to import, and few programs need it

    reduction.register(kind, _reduce)


def _reduce(tensor: Any) -> tuple:
    """What multiprocessing pickles: of a tensor in shared memory its place there, and of any other its elements."""
    from multiprocessing import reduction

    region = _region(tensor._array)
    if region is None:
        return tensor.__reduce_ex__(4)
    rebuild, (kind, array, device, state) = tensor.__reduce_ex__(4)
    offset = array.ctypes.data - np.frombuffer(region, np.uint8).ctypes.data
    place = (reduction.DupFd(region.descriptor), len(region), offset, array.shape, array.strides, array.dtype.str)
    return _rebuild, (rebuild, kind, place, device, state)


def _rebuild(rebuild: Callable, kind: type, place: tuple, device: str, state: dict) -> Any:
    handle, size, offset, shape, strides, dtype = place
    _register(kind)
    array: np.ndarray = np.ndarray(shape, dtype, _Region.of(handle.detach(), size), offset, strides)
    return rebuild(kind, array, device, state)
