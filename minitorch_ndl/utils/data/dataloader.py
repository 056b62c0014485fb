"""DataLoader: a data set in batches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from .collate import default_collate, default_convert
from .dataset import IterableDataset
from .fetch import Recipe
from .sampler import BatchSampler, RandomSampler, SequentialSampler, draw_seed
from .worker import get_worker_info

if TYPE_CHECKING:
    from .parallel import ParallelIterator


class DataLoader:
    """Iterates over `dataset` in batches. https://pytorch.org/docs/stable/data.html#torch.utils.data.DataLoader

    batch_size      samples per batch (None: single samples, not batched)
    shuffle         a new random order each time it is iterated over
    sampler         instead of `shuffle`: gives the indices; `batch_sampler`: gives lists of them
    collate_fn      makes a batch out of a list of samples
    drop_last       leave out a last batch that is not full
    generator       where the random order comes from
    num_workers     processes that make the batches, in the same order; `worker_init_fn` is called in each with its
                    number, `prefetch_factor` batches are asked of each ahead of time, `persistent_workers` stay for the
                    next epoch, and none may take longer for a batch than `timeout` seconds
    in_order        False: take whichever batch is ready first

    An exception in a worker is raised again here, its traceback in the message. pin_memory is accepted and ignored.
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
        if prefetch_factor is not None and prefetch_factor < 0:
            raise ValueError("prefetch_factor option should be non-negative")
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
        self._batched = batch_size is not None or batch_sampler is not None
        self.dataset, self.batch_size, self.drop_last = dataset, batch_size, drop_last
        self.sampler, self.batch_sampler, self.generator = sampler, batch_sampler, generator
        self.collate_fn = collate_fn or (default_collate if self._batched else default_convert)
        self.num_workers, self.timeout, self.worker_init_fn = num_workers, timeout, worker_init_fn
        self.prefetch_factor = 2 if num_workers and prefetch_factor is None else prefetch_factor
        self.pin_memory, self.pin_memory_device = pin_memory, pin_memory_device
        self.multiprocessing_context, self.in_order = multiprocessing_context, in_order
        self.persistent_workers = persistent_workers
        self._iterator: ParallelIterator | None = None  # with persistent workers, the one that has them

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _FIXED and "_iterator" in self.__dict__:
            raise ValueError(f"{name} attribute should not be set after DataLoader is initialized: make a new one.")
        if name == "multiprocessing_context":
            value = _context(value, self.num_workers)
        super().__setattr__(name, value)

    def recipe(self) -> Recipe:
        """What it takes to make the batches, apart from the order."""
        return Recipe(self.dataset, self.collate_fn, self._batched, self.batch_size, self.drop_last)

    @property
    def _index_sampler(self) -> Any:
        return self.batch_sampler if self.batch_sampler is not None else self.sampler

    def __iter__(self) -> Iterator[Any]:
        if self._iterator is not None:
            return self._iterator.restart()
        # Drawn whether there are workers or not, as in torch: so the numbers that follow are the same.
        seed = draw_seed(self.generator)
        if self.num_workers:
            from .parallel import ParallelIterator  # here, as it loads multiprocessing

            workers = ParallelIterator(self, seed)
            if self.persistent_workers:
                self._iterator = workers
            return workers
        if self.timeout:
            raise AssertionError("timeout is how long to wait for a worker: it needs num_workers > 0.")
        recipe = self.recipe()
        if isinstance(self.dataset, IterableDataset):
            return recipe.stream()
        sampler = self._index_sampler
        if recipe.in_one_step and type(sampler) is BatchSampler:
            sampler = sampler.rows()
        return map(recipe.fetcher(), iter(sampler))

    def __len__(self) -> int:
        if isinstance(self.dataset, IterableDataset):
            n = len(self.dataset)  # type: ignore[arg-type]
            if self.batch_size is None:
                return n
            return n // self.batch_size if self.drop_last else -(-n // self.batch_size)
        return len(self._index_sampler)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_iterator": None}  # a copy starts workers of its own

    __class_getitem__ = classmethod(lambda cls, item: cls)  # DataLoader[int] as an annotation


_FIXED = {"batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers"}


def _context(value: Any, num_workers: int) -> Any:
    """The multiprocessing context of that name, or as given."""
    if value is None:
        return None
    import multiprocessing.context

    if not num_workers:
        raise ValueError(f"multiprocessing_context can only be used with multi-process loading (num_workers > 0), but got "
                         f"num_workers={num_workers}")
    if isinstance(value, str):
        known = multiprocessing.get_all_start_methods()
        if value not in known:
            raise ValueError(f"multiprocessing_context option should specify a valid start method in {known!r}, but got "
                             f"multiprocessing_context={value!r}")
        return multiprocessing.get_context(value)
    if not isinstance(value, multiprocessing.context.BaseContext):
        raise TypeError(f"multiprocessing_context option should be a valid context object or a string specifying the start "
                        f"method, but got multiprocessing_context={value}")
    return value


__all__ = ["DataLoader", "default_collate", "default_convert", "get_worker_info"]
