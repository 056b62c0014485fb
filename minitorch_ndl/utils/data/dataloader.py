"""DataLoader: a data set in batches."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from .collate import default_collate, default_convert
from .dataset import Dataset, IterableDataset, TensorDataset
from .sampler import BatchSampler, RandomSampler, SequentialSampler, draw_seed


class DataLoader:
    """Iterates over `dataset` in batches. https://pytorch.org/docs/stable/data.html#torch.utils.data.DataLoader

    batch_size      samples per batch (None: single samples, not batched)
    shuffle         a new random order each time it is iterated over
    sampler         instead of `shuffle`: gives the indices; `batch_sampler`: gives lists of them
    collate_fn      makes a batch out of a list of samples
    drop_last       leave out a last batch that is not full
    generator       where the random order comes from

    Batches of a TensorDataset are taken out of its tensors in one step.

    >>> data = ndl.utils.data.TensorDataset(ndl.arange(5))
    >>> [x.tolist() for (x,) in ndl.utils.data.DataLoader(data, batch_size=2)]
    [[0, 1], [2, 3], [4]]
    """

    def __init__(self, dataset: Any, batch_size: int | None = 1, shuffle: bool | None = None,
                 sampler: Iterable | None = None, batch_sampler: Iterable | None = None, num_workers: int = 0,
                 collate_fn: Callable | None = None, pin_memory: bool = False, drop_last: bool = False,
                 timeout: float = 0, worker_init_fn: Callable | None = None, multiprocessing_context: Any = None,
                 generator: Any = None, *, prefetch_factor: int | None = None, persistent_workers: bool = False,
                 pin_memory_device: str = "", in_order: bool = True):
        if num_workers < 0:
            raise ValueError("num_workers option should be non-negative; use num_workers=0 to disable multiprocessing.")
        if timeout < 0:
            raise ValueError("timeout option should be non-negative")
        if num_workers == 0 and prefetch_factor is not None:
            raise ValueError("prefetch_factor option could only be specified in multiprocessing. "
                             "Let num_workers > 0 to enable multiprocessing, or leave prefetch_factor away.")
        if persistent_workers and num_workers == 0:
            raise ValueError("persistent_workers option needs num_workers > 0")
        if sampler is not None and shuffle:
            raise ValueError("sampler option is mutually exclusive with shuffle")
        streams = isinstance(dataset, IterableDataset)
        if streams and (shuffle or sampler is not None or batch_sampler is not None):
            raise ValueError("DataLoader with IterableDataset: expected no shuffle, sampler or batch_sampler; "
                             "the data set itself decides the order.")
        if batch_sampler is not None:
            if batch_size != 1 or shuffle or sampler is not None or drop_last:
                raise ValueError("batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and "
                                 "drop_last")
            batch_size, drop_last = None, False
        elif batch_size is None and drop_last:
            raise ValueError("batch_size=None option disables auto-batching and is mutually exclusive with drop_last")
        if sampler is None and not streams:
            sampler = RandomSampler(dataset, generator=generator) if shuffle else SequentialSampler(dataset)
        if batch_size is not None and batch_sampler is None:
            if not isinstance(batch_size, int) or batch_size <= 0:
                raise ValueError(f"batch_size should be a positive integer value, but got batch_size={batch_size}")
            if not streams:
                batch_sampler = BatchSampler(sampler, batch_size, drop_last)  # type: ignore[arg-type]
        batched = batch_size is not None or batch_sampler is not None
        self.dataset, self.batch_size, self.drop_last = dataset, batch_size, drop_last
        self.sampler, self.batch_sampler, self.generator = sampler, batch_sampler, generator
        self.collate_fn = collate_fn or (default_collate if batched else default_convert)
        self.num_workers, self.timeout, self.worker_init_fn = num_workers, timeout, worker_init_fn
        self.prefetch_factor = 2 if num_workers and prefetch_factor is None else prefetch_factor
        self.pin_memory, self.pin_memory_device = pin_memory, pin_memory_device
        self.persistent_workers, self.multiprocessing_context = persistent_workers, multiprocessing_context
        self.in_order = in_order

    def __iter__(self) -> Iterator[Any]:
        draw_seed(self.generator)  # torch draws its workers' seed here, workers or not: the numbers that follow agree
        if isinstance(self.dataset, IterableDataset):
            return self._stream()
        indices: Any = self.batch_sampler if self.batch_sampler is not None else self.sampler
        return map(self.fetch(), iter(indices))

    def fetch(self) -> Callable[[Any], Any]:
        """The function from indices to a batch (or from an index to a sample)."""
        data, collate = self.dataset, self.collate_fn
        if self.batch_sampler is None:
            return lambda index: collate(data[index])
        if type(data) is TensorDataset and collate is default_collate:
            return data.take
        if callable(getattr(data, "__getitems__", None)):
            return lambda indices: collate(data.__getitems__(indices))
        return lambda indices: collate([data[i] for i in indices])

    def _stream(self) -> Iterator[Any]:
        samples = iter(self.dataset)
        if self.batch_size is None:
            yield from map(self.collate_fn, samples)
            return
        while batch := list(itertools.islice(samples, self.batch_size)):
            if len(batch) == self.batch_size or not self.drop_last:
                yield self.collate_fn(batch)

    def __len__(self) -> int:
        if isinstance(self.dataset, IterableDataset):
            n = len(self.dataset)  # type: ignore[arg-type]
            if self.batch_size is None:
                return n
            return n // self.batch_size if self.drop_last else -(-n // self.batch_size)
        return len(self.batch_sampler if self.batch_sampler is not None else self.sampler)  # type: ignore[arg-type]

    __class_getitem__ = classmethod(lambda cls, item: cls)  # DataLoader[int] as an annotation


__all__ = ["DataLoader", "Dataset"]
