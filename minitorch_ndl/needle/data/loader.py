"""`DataLoader`: a data set's samples in batches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..autograd import Tensor
from .sets import Dataset


class DataLoader:
    """Tuples of Tensors for `batch_size` samples at a time, in order, or with `shuffle` in a new random order each time.

    >>> data = needle.data.NDArrayDataset(np.arange(5))
    >>> [batch.numpy().tolist() for batch, in needle.data.DataLoader(data, batch_size=2)]
    [[0, 1], [2, 3], [4]]
    """

    def __init__(self, dataset: Dataset, batch_size: int | None = 1, shuffle: bool = False, device: Any = None,
                 dtype: Any = None):
        self.dataset, self.batch_size, self.shuffle = dataset, batch_size or 1, shuffle
        self.device, self.dtype = device, dtype

    def __iter__(self) -> Iterator[tuple[Tensor, ...]]:
        order = np.arange(len(self.dataset))
        if self.shuffle:
            np.random.shuffle(order)
        for start in range(0, len(order), self.batch_size):
            yield tuple(Tensor(part, device=self.device, dtype=self.dtype, requires_grad=False)
                        for part in self.dataset[order[start:start + self.batch_size]])

    def __len__(self) -> int:
        return -(-len(self.dataset) // self.batch_size)
