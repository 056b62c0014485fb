"""The part of a data set that belongs to one of several processes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from ... import random
from .sampler import Sampler


class DistributedSampler(Sampler[int]):
    """Every `num_replicas`-th index, from `rank` on; shuffled anew for each `set_epoch`, alike in all processes.

    There is no process group here to ask, so `num_replicas` and `rank` must be given. So that all get the same number,
    some indices come twice, or with `drop_last` some are left out.

    >>> sampler = ndl.utils.data.DistributedSampler(range(5), num_replicas=2, rank=1, shuffle=False)
    >>> list(sampler)
    [1, 3, 0]
    """

    def __init__(self, dataset: Any, num_replicas: int | None = None, rank: int | None = None, shuffle: bool = True,
                 seed: int = 0, drop_last: bool = False):
        if num_replicas is None or rank is None:
            raise RuntimeError("Requires distributed package to be available, which it is not: DistributedSampler can't "
                               "ask it for num_replicas and rank; give both.")
        if not 0 <= rank < num_replicas:
            raise ValueError(f"Invalid rank {rank}, rank should be in the interval [0, {num_replicas - 1}]")
        self.dataset, self.num_replicas, self.rank = dataset, num_replicas, rank
        self.epoch, self.drop_last, self.shuffle, self.seed = 0, drop_last, shuffle, seed
        size = len(dataset)
        self.num_samples = size // num_replicas if drop_last else math.ceil(size / num_replicas)
        self.total_size = self.num_samples * num_replicas

    def __iter__(self) -> Iterator[int]:
        size = len(self.dataset)
        generator = random.Generator().manual_seed(self.seed + self.epoch)
        order = generator.permutation(size).tolist() if self.shuffle else range(size)
        return iter([order[i % size] for i in range(self.rank, self.total_size, self.num_replicas)])

    def __len__(self) -> int:
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Call it before each epoch, or every epoch has the same order."""
        self.epoch = epoch
