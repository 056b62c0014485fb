"""From indices to a batch: what the DataLoader does, or each of its workers."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from .collate import default_collate
from .dataset import IterableDataset, TensorDataset


class Recipe(NamedTuple):
    """What it takes to make batches: all of it is handed to the workers."""

    dataset: Any
    collate: Callable
    batched: bool
    batch_size: int | None
    drop_last: bool

    @property
    def in_one_step(self) -> bool:
        """Whether batches are sliced out of tensors, and not put together from samples."""
        return self.batched and type(self.dataset) is TensorDataset and self.collate is default_collate

    def fetcher(self) -> Callable[[Any], Any]:
        """The function from indices to a batch, or from an index to a sample.

        For a stream of samples it takes None and gives the next batch; it raises StopIteration after the last.
        """
        data, collate = self.dataset, self.collate
        if isinstance(data, IterableDataset):
            batches = self.stream()
            return lambda _: next(batches)
        if not self.batched:
            return lambda index: collate(data[index])
        if self.in_one_step:
            return data.take
        if callable(getattr(data, "__getitems__", None)):
            return lambda indices: collate(data.__getitems__(indices))
        return lambda indices: collate([data[i] for i in indices])

    def stream(self) -> Iterator[Any]:
        samples = iter(self.dataset)
        if not self.batched:
            yield from map(self.collate, samples)
            return
        while batch := list(itertools.islice(samples, self.batch_size)):
            if len(batch) == self.batch_size or not self.drop_last:
                yield self.collate(batch)
