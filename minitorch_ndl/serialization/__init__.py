"""Checkpoints in PyTorch's own format, without PyTorch: its files load here, and ours load there.

https://pytorch.org/docs/stable/notes/serialization.html
"""

from __future__ import annotations

import io
import os
import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np

from .. import backend
from ..ops.memory import Storage
from . import archive
from .files import replacing as replacing
from .names import NoSuchDtype
from .pickling import (
    Pickler,
    Refused,
    SafeUnpickler,
    Unpickler,
    add_safe_globals as add_safe_globals,
    clear_safe_globals as clear_safe_globals,
    get_safe_globals as get_safe_globals,
    safe_globals as safe_globals,
)

DEFAULT_PROTOCOL = 2
# What comes of bytes that are no pickle.
_MALFORMED = (AssertionError, AttributeError, EOFError, IndexError, KeyError, TypeError, ValueError, OverflowError,
              MemoryError, struct.error)


def save(obj: Any, f: Any, pickle_module: Any = None, pickle_protocol: int = DEFAULT_PROTOCOL,
         _use_new_zipfile_serialization: bool = True, _disable_byteorder_record: bool = False) -> None:
    """Write an object, such as a state dict, to a file that `load` and torch can read.

    https://pytorch.org/docs/stable/generated/torch.save.html

    f  a path, or a file object that can be written to. A file at a path is replaced in one step: killed at any moment,
       it is the old one or the new one. A path that ends in .safetensors takes a dict of tensors, in that format.

    Tensors that share memory share it again when loaded. The other arguments of torch's are accepted; `pickle_module`
    and the older format are not used.

    >>> import io
    >>> file = io.BytesIO()
    >>> ndl.save({"weight": ndl.ones(2), "epoch": 3}, file)
    >>> ndl.load(file)
    {'weight': tensor([1., 1.]), 'epoch': 3}
    """
    if isinstance(f, (str, os.PathLike)):
        path = Path(os.fsdecode(f))
        if path.suffix == ".safetensors":
            from . import safetensors

            return safetensors.save_file(obj, path)
    elif not hasattr(f, "write"):
        raise AttributeError(f"expected 'f' to be string, path, or a file-like object with a 'write' attribute; got "
                             f"{type(f).__name__}: save(obj, f) takes the object first.")
    pickled = io.BytesIO()
    pickler = Pickler(pickled, pickle_protocol)
    pickler.dump(obj)
    rows = [memory.row for memory in pickler.memories.values()]
    if hasattr(f, "write"):
        archive.write(f, "archive", pickled.getvalue(), rows)
        return None
    with replacing(path) as file:
        archive.write(file, path.stem or "archive", pickled.getvalue(), rows)
    return None


def load(f: Any, map_location: Any = None, pickle_module: Any = None, *, weights_only: bool | None = None,
         mmap: bool | None = None, **pickle_load_args: Any) -> Any:
    """Read what `save`, ours or torch's, has written.

    https://pytorch.org/docs/stable/generated/torch.load.html

    f             a path, or a file object that can be read and sought in
    map_location  where to put the tensors: a device; a dict from device to device; or a function that is called with
                  each storage and the device it was on, and returns the storage to use, or None
    weights_only  by default, only tensors, containers, plain values and what `add_safe_globals` allows are loaded.
                  False loads whole objects, such as modules, and runs whatever code the file asks for
    mmap          read the elements from the file only when they are looked at

    Raises pickle.UnpicklingError for what is not to be loaded and for files of another kind, RuntimeError for damaged
    ones, and for tensors on a device that is not there.
    """
    if isinstance(f, (str, os.PathLike)):
        if Path(os.fsdecode(f)).suffix == ".safetensors":
            from . import safetensors

            tensors = safetensors.load_file(f)
            return tensors if map_location is None else {k: x.to(_device(map_location, "cpu")) for k, x in tensors.items()}
        with open(f, "rb") as file:
            return _load(file, os.fsdecode(f), map_location, weights_only, bool(mmap), pickle_load_args)
    if not (hasattr(f, "read") and hasattr(f, "seek")):
        raise AttributeError(f"'{type(f).__name__}' object has no attribute 'seek'. You can only load from a file that is "
                             f"seekable. Please pre-load the data into a buffer like io.BytesIO and try to load from it "
                             f"instead.")
    if mmap:
        raise RuntimeError("mmap argument is only supported when f is a string or path, not a file object.")
    if isinstance(f, io.BytesIO) and f.tell() == len(f.getbuffer()):
        f.seek(0)  # just written
    return _load(f, str(getattr(f, "name", "the file")), map_location, weights_only, False, pickle_load_args)


def _load(file: Any, where: str, map_location: Any, weights_only: bool | None, mmap: bool, options: dict) -> Any:
    safe = weights_only is None or bool(weights_only)

    def unpickler(source: Any, storage: Any) -> Any:
        return (SafeUnpickler if safe else Unpickler)(source, storage, **options)

    begin = file.tell()
    first = file.read(4)
    file.seek(begin)
    if not first:
        raise EOFError(f"Ran out of input: {where} is empty. Was the program that wrote it stopped?")
    zipped = first[:2] == b"PK"
    reader = archive.Reader(file, where, mmap) if zipped else None
    make = _Placer(map_location)
    made: dict[str, Any] = {}

    def storage(pid: tuple) -> Any:
        kind, storage_type, key, location, count = pid
        if kind != "storage":
            raise pickle.UnpicklingError(f"load: {where} refers to {kind!r}, which is unknown.")
        if key not in made:
            made[key] = make(reader.storage(key, make.dtype(storage_type), count), location)  # type: ignore[union-attr]
        return made[key]

    try:
        if reader is None:
            return archive.read_legacy(file, where, unpickler, make)
        return unpickler(reader.pickle(), storage).load()
    except Refused as error:
        raise error.explained(where) from None
    except _MALFORMED as error:
        if not safe or isinstance(error, NoSuchDtype):
            raise
        raise pickle.UnpicklingError(f"load: {where} is damaged, or no checkpoint: {type(error).__name__}: {error}") from error


class _Placer:
    """Puts storages where they belong: where they were saved from, or where `map_location` says."""

    malformed = _MALFORMED

    def __init__(self, map_location: Any):
        self.map_location = map_location
        if not (map_location is None or isinstance(map_location, dict) or callable(map_location)):
            backend.device(map_location)  # an error now rather than halfway

    @staticmethod
    def dtype(kind: Any) -> np.dtype:
        """The dtype of a storage type. Raises TypeError for those that NumPy cannot hold."""
        if kind.dtype.numpy is None:
            raise NoSuchDtype(f"load: the file holds tensors of {kind.dtype!r}, which exists by name only here. Convert "
                              f"them with torch, x.float(), and save them again.")
        return kind.dtype.numpy

    def __call__(self, row: np.ndarray, location: str) -> Any:
        if callable(self.map_location):
            answer = self.map_location(Storage(row), location)
            if answer is not None:
                return answer._array
        device = _device(None if callable(self.map_location) else self.map_location, location)
        return row if device.type == "cpu" else backend.get(device).from_numpy(row)


def _device(map_location: Any, location: str) -> backend.device:
    """The device that a storage saved from `location` is to go to."""
    if isinstance(map_location, dict):
        location = str(map_location.get(location, location))
    elif map_location is not None:
        return backend.as_device(map_location)
    try:
        return backend.as_device(location)
    except RuntimeError:
        raise RuntimeError(
            f"Attempting to deserialize object on a {location.partition(':')[0].upper()} device, but it is not available "
            f"here. If you are running on a CPU-only machine, please use load with map_location='cpu' to map your "
            f"storages to the CPU.") from None


__all__ = ["add_safe_globals", "clear_safe_globals", "get_safe_globals", "load", "safe_globals", "save"]
