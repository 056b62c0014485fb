"""MNIST and the sets that share its format: four idx files, gzipped or raw, in ``root/MNIST/raw``."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import minitorch_ndl as ndl

from ...datasets import mnist as files
from ...datasets.idx import DataError, read_images, read_labels
from ...tensor import Tensor
from ..images import as_image
from .base import VisionDataset


class MNIST(VisionDataset):
    """Handwritten digits: 60,000 images (28, 28) for training, 10,000 for testing.

    https://pytorch.org/vision/stable/generated/torchvision.datasets.MNIST.html

    root      the files are looked for in ``root/MNIST/raw``, in `root`, and in the folder that the environment variable
              MINITORCH_NDL_DATA names
    download  fetch them into ``root/MNIST/raw`` if they are in none of these

    Raises RuntimeError where they are not found, or cannot be downloaded, or are damaged.
    """

    # Each file with the MD5 of its published, gzipped form. (MNIST's downloads are checked otherwise.)
    resources: list[tuple[str, str]] = []
    mirrors: tuple[str, ...] = ()
    classes = ["0 - zero", "1 - one", "2 - two", "3 - three", "4 - four", "5 - five", "6 - six", "7 - seven", "8 - eight",
               "9 - nine"]

    def __init__(self, root: Any, train: bool = True, transform: Callable | None = None,
                 target_transform: Callable | None = None, download: bool = False):
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.train = train
        folder = self._folder()
        if folder is None and download:
            self.download()
            folder = self._folder()
        if folder is None:
            raise RuntimeError(f"Dataset not found. You can use download=True to download it: {type(self).__name__}'s four "
                               f"files are not in {self.raw_folder}.")
        found = files.find_files(folder)
        images, labels = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte") if train else (
            "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
        self.data: Tensor = ndl.from_numpy(read_images(found[images]))
        self.targets: Tensor = ndl.from_numpy(read_labels(found[labels]).astype(np.int64))
        if len(self.data) != len(self.targets):
            raise DataError(f"{type(self).__name__}: {found[images]} holds {len(self.data):,} images, {found[labels]} "
                            f"{len(self.targets):,} labels; expected one label per image.")

    def _folder(self) -> Path | None:
        """The first folder that has all four files."""
        places = [self.raw_folder, self.root]
        if type(self) is MNIST and os.environ.get("MINITORCH_NDL_DATA"):
            places.append(os.environ["MINITORCH_NDL_DATA"])
        for place in map(Path, places):
            if len(files.find_files(place)) == len(files.FILES):
                return place
        return None

    def download(self) -> None:
        """Fetch the four files."""
        from ...datasets import download

        try:
            if self.resources:
                for name, md5 in self.resources:
                    urls = [mirror + name for mirror in self.mirrors]
                    download.fetch(urls, Path(self.raw_folder) / name, md5)
            else:
                download.download(Path(self.raw_folder), download.mirrors())
        except download.DownloadError as error:
            raise RuntimeError(f"{type(self).__name__}: could not be downloaded:{error.tried}\nRestore the network, or put "
                               f"its four files, gzipped or raw, into {self.raw_folder}.") from error

    @property
    def raw_folder(self) -> str:
        return os.path.join(self.root, type(self).__name__, "raw")

    @property
    def processed_folder(self) -> str:
        return os.path.join(self.root, type(self).__name__, "processed")

    @property
    def class_to_idx(self) -> dict[str, int]:
        return {name: i for i, name in enumerate(self.classes)}

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        image = as_image(self.data[index].numpy(), "L")
        return self._sample(image, int(self.targets[index]))

    def __len__(self) -> int:
        return len(self.data)

    def extra_repr(self) -> str:
        return f"Split: {'Train' if self.train else 'Test'}"


def _renamed(old: str, new: str) -> property:
    def get(self: MNIST) -> Tensor:
        warnings.warn(f"{old} has been renamed {new}", stacklevel=2)
        return getattr(self, new)

    return property(get)


for _old, _new in (("train_data", "data"), ("test_data", "data"), ("train_labels", "targets"), ("test_labels", "targets")):
    setattr(MNIST, _old, _renamed(_old, _new))


class FashionMNIST(MNIST):
    """Photographs of clothes, in MNIST's format. https://github.com/zalandoresearch/fashion-mnist"""

    mirrors = ("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",)
    resources = [
        ("train-images-idx3-ubyte.gz", "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
        ("train-labels-idx1-ubyte.gz", "25c81989df183df01b3e8a0aad5dffbe"),
        ("t10k-images-idx3-ubyte.gz", "bef4ecab320f06d8554ea6380940ec79"),
        ("t10k-labels-idx1-ubyte.gz", "bb300cfdad3c16e7a12a480ee83cd310"),
    ]
    classes = ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"]


class KMNIST(MNIST):
    """Handwritten hiragana, in MNIST's format. https://github.com/rois-codh/kmnist"""

    mirrors = ("http://codh.rois.ac.jp/kmnist/dataset/kmnist/",)
    resources = [
        ("train-images-idx3-ubyte.gz", "bdb82020997e1d708af4cf47b453dcf7"),
        ("train-labels-idx1-ubyte.gz", "e144d726b3acfaa3e44228e80efcd344"),
        ("t10k-images-idx3-ubyte.gz", "5c965bf0a639b31b8f53240b1b52f4d7"),
        ("t10k-labels-idx1-ubyte.gz", "7320c461ea6c1c855c0b718fb2a4b134"),
    ]
    classes = ["o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"]
