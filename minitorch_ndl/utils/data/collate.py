"""Making a batch out of samples."""

from __future__ import annotations

import collections.abc
from collections.abc import Sequence
from typing import Any

import numpy as np

from ... import ops as ops  # stack and tensor are defined there
from ...faces import FACES
from ...tensor import Tensor


def default_collate(batch: Sequence[Any]) -> Any:
    """Samples stacked into a batch: tensors along a new first dimension, numbers into a tensor, dicts and tuples
    entry by entry, strings as they are. https://pytorch.org/docs/stable/data.html#torch.utils.data.default_collate

    >>> ndl.utils.data.default_collate([(1, "a"), (2, "b")])
    [tensor([1, 2]), ('a', 'b')]
    """
    first = batch[0]
    torch = FACES["torch"]
    if isinstance(first, Tensor):
        return torch["stack"](batch, 0)
    if isinstance(first, np.ndarray):
        if first.dtype.kind in "SUO":
            raise TypeError(f"default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found "
                            f"an array of {first.dtype}")
        return torch["stack"]([torch["as_tensor"](b) for b in batch], 0)
    if isinstance(first, (np.number, np.bool_)):
        return torch["as_tensor"](np.array(batch))
    if isinstance(first, float):
        return torch["tensor"](batch, dtype=float)
    if isinstance(first, (int, bool)):
        return torch["tensor"](list(batch))
    if isinstance(first, (str, bytes)):
        return batch
    if isinstance(first, collections.abc.Mapping):
        columns = {key: default_collate([sample[key] for sample in batch]) for key in first}
        try:
            return type(first)(columns)  # type: ignore[call-arg]
        except TypeError:
            return columns
    if isinstance(first, tuple) and hasattr(first, "_fields"):
        return type(first)(*(default_collate(column) for column in zip(*batch, strict=True)))
    if isinstance(first, collections.abc.Sequence):
        sizes = {len(sample) for sample in batch}
        if len(sizes) > 1:
            raise RuntimeError(f"each element in list of batch should be of equal size; got lengths {sorted(sizes)}. "
                               f"Pass a collate_fn that pads them.")
        return [default_collate(column) for column in zip(*batch, strict=True)]
    raise TypeError(f"default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; "
                    f"found {type(first)}")


def default_convert(data: Any) -> Any:
    """A sample as it is, its arrays as Tensors: what a DataLoader without batches does to each."""
    if isinstance(data, Tensor):
        return data
    if isinstance(data, (np.ndarray, np.number, np.bool_)):
        return data if getattr(data, "dtype", np.dtype(object)).kind in "SUO" else FACES["torch"]["as_tensor"](data)
    if isinstance(data, collections.abc.Mapping):
        return {k: default_convert(v) for k, v in data.items()}
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return type(data)(*map(default_convert, data))
    if isinstance(data, tuple):
        return [default_convert(d) for d in data]
    if isinstance(data, collections.abc.Sequence) and not isinstance(data, (str, bytes)):
        return [default_convert(d) for d in data]
    return data
