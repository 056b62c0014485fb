"""Samplers: in which order the samples are taken. All of them are lazy, and draw torch's own numbers."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import Any, Generic, TypeVar

import numpy as np

from ... import random

T = TypeVar("T", covariant=True)


def _length(source: Any) -> int:
    if not hasattr(type(source), "__len__"):
        raise TypeError(f"object of type '{type(source).__name__}' has no len(): to draw its indices one must know how many "
                        f"there are. Give the data set a __len__, or make it an IterableDataset.")
    return len(source)


class Sampler(Generic[T]):
    """Base class: iterating gives indices (or lists of them)."""

    def __init__(self, data_source: Sized | None = None):
        pass

    def __iter__(self) -> Iterator[T]:
        raise NotImplementedError("Subclasses of Sampler should implement __iter__.")


class SequentialSampler(Sampler[int]):
    """0, 1, 2, ..."""

    def __init__(self, data_source: Sized):
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(_length(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(Sampler[int]):
    """All indices in random order, or `num_samples` of them, with `replacement` if asked.

    >>> list(ndl.utils.data.RandomSampler(range(4), generator=ndl.Generator().manual_seed(0)))
    [0, 1, 3, 2]
    """

    def __init__(self, data_source: Sized, replacement: bool = False, num_samples: int | None = None,
                 generator: Any = None):
        self.data_source, self.replacement, self.generator = data_source, replacement, generator
        self._num_samples = num_samples
        if not isinstance(replacement, bool):
            raise TypeError(f"replacement should be a boolean value, but got replacement={replacement}")
        if not isinstance(self.num_samples, int) or self.num_samples <= 0:
            raise ValueError(f"num_samples should be a positive integer value, but got num_samples={self.num_samples}. "
                             f"(An empty data set can't be shuffled.)")

    @property
    def num_samples(self) -> int:
        return _length(self.data_source) if self._num_samples is None else self._num_samples

    def __iter__(self) -> Iterator[int]:
        for drawn in self._draws():
            yield from drawn.tolist()

    def _draws(self) -> Iterator[np.ndarray]:
        """The indices in pieces, as they are drawn."""
        n, count = _length(self.data_source), self.num_samples
        generator = self.generator
        if generator is None:  # a generator of its own, so that an epoch's order does not depend on other draws in it
            generator = random.Generator().manual_seed(draw_seed(None))
        if self.replacement:
            for start in range(0, count, 32):  # drawn as they are asked for: some ask for 10 ** 10, and never come to the end
                yield generator.integers(0, n, (min(32, count - start),))
        else:
            for _ in range(count // n):
                yield generator.permutation(n)
            if count % n or self.generator is not None:  # torch draws once more even for none: a given generator shows it
                yield generator.permutation(n)[:count % n]

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(Sampler[int]):
    """The given indices in random order."""

    def __init__(self, indices: Sequence[int], generator: Any = None):
        self.indices, self.generator = indices, generator

    def __iter__(self) -> Iterator[int]:
        for i in (self.generator or random.default_generator).permutation(len(self.indices)).tolist():
            yield self.indices[i]

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler[int]):
    """`num_samples` indices, each drawn with a probability in proportion to its weight."""

    def __init__(self, weights: Sequence[float], num_samples: int, replacement: bool = True, generator: Any = None):
        if not isinstance(num_samples, int) or isinstance(num_samples, bool) or num_samples <= 0:
            raise ValueError(f"num_samples should be a positive integer value, but got num_samples={num_samples}")
        if not isinstance(replacement, bool):
            raise ValueError(f"replacement should be a boolean value, but got replacement={replacement}")
        self.weights = np.asarray(weights, dtype=np.float64)
        if self.weights.ndim != 1:
            raise ValueError(f"weights should be a 1d sequence but given weights have shape {self.weights.shape}")
        self.num_samples, self.replacement, self.generator = num_samples, replacement, generator

    def __iter__(self) -> Iterator[int]:
        draw = (self.generator or random.default_generator).multinomial
        yield from draw(self.weights, self.num_samples, self.replacement).tolist()

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler[list]):
    """The indices of another sampler in lists of `batch_size`; `drop_last` leaves out a shorter last one.

    >>> list(ndl.utils.data.BatchSampler(range(5), 2, drop_last=False))
    [[0, 1], [2, 3], [4]]
    """

    def __init__(self, sampler: Iterable, batch_size: int, drop_last: bool):
        if not isinstance(batch_size, int) or isinstance(batch_size, bool) or batch_size <= 0:
            raise ValueError(f"batch_size should be a positive integer value, but got batch_size={batch_size}")
        if not isinstance(drop_last, bool):
            raise ValueError(f"drop_last should be a boolean value, but got drop_last={drop_last}")
        self.sampler, self.batch_size, self.drop_last = sampler, batch_size, drop_last

    def __iter__(self) -> Iterator[list]:
        indices = iter(self.sampler)
        while batch := list(itertools.islice(indices, self.batch_size)):
            if len(batch) == self.batch_size or not self.drop_last:
                yield batch

    def rows(self) -> Iterator[Any]:
        """The same in the form that indexing is quickest with, where it is known: slices, and arrays."""
        if type(self.sampler) is SequentialSampler:
            yield from self._cut(len(self.sampler))
        elif type(self.sampler) is RandomSampler and not self.sampler.replacement and self.sampler._num_samples is None:
            for order in self.sampler._draws():
                yield from (order[part] for part in self._cut(len(order)))
        else:
            yield from self

    def _cut(self, n: int) -> Iterator[slice]:
        stop = n - n % self.batch_size if self.drop_last else n
        return (slice(i, min(i + self.batch_size, n)) for i in range(0, stop, self.batch_size))

    def __len__(self) -> int:
        n = len(self.sampler)  # type: ignore[arg-type]
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)


def draw_seed(generator: Any) -> int:
    """A random 63-bit number, as torch draws the seeds that it hands on."""
    return int((generator or random.default_generator).random_((), np.int64))
