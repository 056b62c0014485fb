"""Data sets: an index, a list of them or a slice gives a tuple of arrays, for one sample or stacked for several."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..simple_ml import parse_mnist


class Dataset:
    """Samples by their index, and how many there are; `transforms` are for their images."""

    def __init__(self, transforms: Sequence[Callable] | None = None):
        self.transforms = transforms

    def __getitem__(self, index: Any) -> Any:
        raise NotImplementedError

    def __len__(self) -> int:
        raise NotImplementedError

    def apply_transforms(self, x: np.ndarray) -> np.ndarray:
        """An image (H, W, C), changed by each of the transforms in turn."""
        for transform in self.transforms or ():
            x = transform(x)
        return x


class NDArrayDataset(Dataset):
    """Arrays with as many rows each.

    >>> data = needle.data.NDArrayDataset(np.arange(6).reshape(3, 2), np.arange(3))
    >>> len(data), data[1][0]
    (3, array([2, 3]))
    """

    def __init__(self, *arrays: np.ndarray):
        super().__init__()
        self.arrays = arrays

    def __getitem__(self, index: Any) -> tuple:
        return tuple(array[index] for array in self.arrays)

    def __len__(self) -> int:
        return len(self.arrays[0])


class MNISTDataset(Dataset):
    """Images (28, 28, 1), float32 in [0, 1], and their labels, from a pair of MNIST's own files."""

    def __init__(self, image_filename: str | os.PathLike[str], label_filename: str | os.PathLike[str],
                 transforms: Sequence[Callable] | None = None):
        super().__init__(transforms)
        images, self.labels = parse_mnist(image_filename, label_filename)
        self.images = images.reshape(-1, 28, 28, 1)

    def __getitem__(self, index: Any) -> tuple:
        images = self.images[index]
        if images.ndim == 3:
            return self.apply_transforms(images), self.labels[index]
        return np.stack([self.apply_transforms(image) for image in images]), self.labels[index]

    def __len__(self) -> int:
        return len(self.images)


class CIFAR10Dataset(Dataset):
    """Photographs (3, 32, 32), float32 in [0, 1], and their labels.

    base_folder  cifar-10-batches-py, with the files that https://www.cs.toronto.edu/~kriz/cifar.html gives
    train        the 50,000 for training, or the 10,000 for testing
    p            accepted, as in the course; not used
    """

    def __init__(self, base_folder: str | os.PathLike[str], train: bool, p: float | None = 0.5,
                 transforms: Sequence[Callable] | None = None):
        from ...vision.datasets import CIFAR10

        class Here(CIFAR10):  # which looks into a folder of any name
            base_folder = ""

        super().__init__(transforms)
        found = Here(base_folder, train)
        self.X = found.data.transpose(0, 3, 1, 2).astype(np.float32) / np.float32(255)
        self.y = np.array(found.targets)

    def __getitem__(self, index: Any) -> tuple:
        images = self.X[index]
        if images.ndim == 3:
            return self._transformed(images), self.y[index]
        return np.stack([self._transformed(image) for image in images]), self.y[index]

    def _transformed(self, image: np.ndarray) -> np.ndarray:
        return self.apply_transforms(image.transpose(1, 2, 0)).transpose(2, 0, 1)  # transforms are for (H, W, C)

    def __len__(self) -> int:
        return len(self.X)
