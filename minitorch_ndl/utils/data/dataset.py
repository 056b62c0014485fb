"""Data sets: something with `__getitem__` and `__len__`, or something to iterate over."""

from __future__ import annotations

import bisect
import itertools
import math
import warnings
from collections.abc import Iterator, Sequence
from typing import Any, Generic, TypeVar

import numpy as np

from ... import random
from ...tensor import Tensor, wrap

T = TypeVar("T", covariant=True)


class Dataset(Generic[T]):
    """A set of samples by index. Subclasses define `__getitem__`, and `__len__` for samplers.

    They may define ``__getitems__(indices)`` as well, which fetches a batch at once.
    """

    def __getitem__(self, index: Any) -> T:
        raise NotImplementedError("Subclasses of Dataset should implement __getitem__.")

    def __add__(self, other: Dataset) -> ConcatDataset:
        return ConcatDataset([self, other])


class IterableDataset(Dataset[T]):
    """A stream of samples. Subclasses define `__iter__`."""

    def __iter__(self) -> Iterator[T]:
        raise NotImplementedError("Subclasses of IterableDataset should implement __iter__.")

    def __add__(self, other: Dataset) -> ChainDataset:  # type: ignore[override]
        return ChainDataset([self, other])


class TensorDataset(Dataset[tuple]):
    """Tensors side by side: sample i is the tuple of their i-th rows.

    >>> data = ndl.utils.data.TensorDataset(ndl.arange(3), ndl.arange(3) * 10)
    >>> data[2]
    (tensor(2), tensor(20))
    """

    def __init__(self, *tensors: Tensor):
        sizes = [len(t) for t in tensors]
        if len(set(sizes)) > 1:
            raise AssertionError(f"Size mismatch between tensors: their first dimensions are {sizes}, "
                                 f"but sample i needs the i-th row of each.")
        self.tensors = tensors

    def __getitem__(self, index: Any) -> tuple:
        return tuple(t[index] for t in self.tensors)

    def __len__(self) -> int:
        return len(self.tensors[0])

    def take(self, indices: Any) -> list[Tensor]:
        """A whole batch in one step: what collating ``[self[i] for i in indices]`` would give. A slice or an array will do."""
        at = indices
        if type(at) is slice:
            if at.stop <= len(self):
                return [t[at].clone() if t.requires_grad else wrap(t._array[at].copy()) for t in self.tensors]
            at = np.arange(at.start, at.stop)  # a slice would be cut short; indices say what is wrong
        if type(at) is np.ndarray:
            at = wrap(at)
        elif type(at) is list and len(at) > 1 and type(at[0]) is int:
            at = wrap(np.array(at))  # once for all
        return [t[at] for t in self.tensors]


class StackDataset(Dataset):
    """Data sets side by side: sample i is the tuple (or, with keywords, the dict) of their i-th samples."""

    def __init__(self, *args: Dataset, **kwargs: Dataset):
        if bool(args) == bool(kwargs):
            raise ValueError("StackDataset takes data sets either all as arguments or all as keywords, at least one.")
        self.datasets: Any = kwargs or args
        sizes = [len(d) for d in (kwargs.values() if kwargs else args)]  # type: ignore[arg-type]
        if len(set(sizes)) > 1:
            raise ValueError(f"Size mismatch between datasets: {sizes}")
        self._length = sizes[0]

    def __getitem__(self, index: Any) -> Any:
        if isinstance(self.datasets, dict):
            return {k: d[index] for k, d in self.datasets.items()}
        return tuple(d[index] for d in self.datasets)

    def __len__(self) -> int:
        return self._length


class ConcatDataset(Dataset[T]):
    """Data sets one after the other."""

    def __init__(self, datasets: Any):
        self.datasets = list(datasets)
        if not self.datasets:
            raise AssertionError("datasets should not be an empty iterable")
        if any(isinstance(d, IterableDataset) for d in self.datasets):
            raise AssertionError("ConcatDataset does not support IterableDataset; use ChainDataset.")
        self.cumulative_sizes = list(itertools.accumulate(len(d) for d in self.datasets))

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def __getitem__(self, index: int) -> T:
        if index < 0:
            if -index > len(self):
                raise ValueError("absolute value of index should not exceed dataset length")
            index += len(self)
        which = bisect.bisect_right(self.cumulative_sizes, index)
        return self.datasets[which][index - (self.cumulative_sizes[which - 1] if which else 0)]


class ChainDataset(IterableDataset):
    """Streams one after the other."""

    def __init__(self, datasets: Any):
        self.datasets = datasets

    def __iter__(self) -> Iterator:
        for d in self.datasets:
            if not isinstance(d, IterableDataset):
                raise AssertionError("ChainDataset only supports IterableDataset")
            yield from d

    def __len__(self) -> int:
        return sum(len(d) for d in self.datasets)


class Subset(Dataset[T]):
    """The samples of `dataset` at `indices`."""

    def __init__(self, dataset: Dataset[T], indices: Sequence[int]):
        self.dataset, self.indices = dataset, indices

    def __getitem__(self, index: Any) -> T:
        if isinstance(index, list):
            return self.dataset[[self.indices[i] for i in index]]
        return self.dataset[self.indices[index]]

    def __getitems__(self, indices: Sequence[int]) -> list[T]:
        where = [self.indices[i] for i in indices]
        fetch = getattr(self.dataset, "__getitems__", None)
        return fetch(where) if callable(fetch) else [self.dataset[i] for i in where]

    def __len__(self) -> int:
        return len(self.indices)


def random_split(dataset: Dataset[T], lengths: Sequence[float], generator: Any = None) -> list[Subset[T]]:
    """Split at random into subsets of the given lengths, or fractions that sum to 1.

    >>> parts = ndl.utils.data.random_split(range(10), [0.7, 0.3], generator=ndl.Generator().manual_seed(0))
    >>> [len(p) for p in parts]
    [7, 3]
    """
    size = len(dataset)  # type: ignore[arg-type]
    if math.isclose(sum(lengths), 1) and sum(lengths) <= 1:
        for i, fraction in enumerate(lengths):
            if not 0 <= fraction <= 1:
                raise ValueError(f"Fraction at index {i} is not between 0 and 1: {fraction}")
        counts = [math.floor(size * fraction) for fraction in lengths]
        for i in range(size - sum(counts)):
            counts[i % len(counts)] += 1
        for i, count in enumerate(counts):
            if count == 0:
                warnings.warn(f"Length of split at index {i} is 0. This might result in an empty dataset.",
                              stacklevel=2)
    else:
        counts = list(lengths)  # type: ignore[arg-type]
    if sum(counts) != size:
        raise ValueError("Sum of input lengths does not equal the length of the input dataset! "
                         f"The lengths {list(lengths)} sum to {sum(lengths)}, the dataset has {size} samples.")
    order = (generator or random.default_generator).permutation(size).tolist()
    ends = itertools.accumulate(counts)
    return [Subset(dataset, order[end - n:end]) for end, n in zip(ends, counts, strict=True)]
