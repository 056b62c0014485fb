"""CIFAR-10 and CIFAR-100: small photographs, in the Python version of their published format.

https://www.cs.toronto.edu/~kriz/cifar.html
"""

from __future__ import annotations

import os
import pickle
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ...datasets.idx import DataError
from ..images import as_image
from .base import VisionDataset


class CIFAR10(VisionDataset):
    """Photographs (32, 32, 3) in ten classes: 50,000 for training, 10,000 for testing.

    https://pytorch.org/vision/stable/generated/torchvision.datasets.CIFAR10.html

    root  the folder that holds ``cifar-10-batches-py``, or the archive ``cifar-10-python.tar.gz``

    Raises RuntimeError where it is not found, or cannot be downloaded, or is damaged.
    """

    base_folder = "cifar-10-batches-py"
    url = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
    filename = "cifar-10-python.tar.gz"
    tgz_md5 = "c58f30108f718f92721af3b95e74349a"
    train_list = ["data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5"]
    test_list = ["test_batch"]
    _meta, _names, _labels = "batches.meta", "label_names", "labels"

    def __init__(self, root: Any, train: bool = True, transform: Callable | None = None,
                 target_transform: Callable | None = None, download: bool = False):
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.train = train
        folder = Path(self.root) / self.base_folder
        if download:
            self.download()
        parts = [folder / name for name in (self.train_list if train else self.test_list)]
        if not all(part.is_file() for part in (*parts, folder / self._meta)):
            raise RuntimeError(f"Dataset not found or corrupted. You can use download=True to download it: "
                               f"{folder} lacks {', '.join(p.name for p in (*parts, folder / self._meta) if not p.is_file())}.")
        batches = [_read(part) for part in parts]
        try:
            rows = np.concatenate([np.asarray(batch["data"], np.uint8) for batch in batches])
            self.targets: list[int] = [int(label) for batch in batches for label in batch[self._labels]]
            self.classes: list[str] = _read(folder / self._meta)[self._names]
            self.data = np.ascontiguousarray(rows.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"{type(self).__name__}: the files in {folder} are not in CIFAR's format: {error}") from error
        if len(self.data) != len(self.targets):
            raise DataError(f"{type(self).__name__}: {len(self.data):,} images, but {len(self.targets):,} labels in {folder}")
        self.class_to_idx = {name: i for i, name in enumerate(self.classes)}

    def download(self) -> None:
        """Fetch the archive, unless it is there, and unpack it."""
        folder, archive = Path(self.root) / self.base_folder, Path(self.root) / self.filename
        if (folder / self._meta).is_file():
            return
        if not archive.is_file():
            from ...datasets import download

            try:
                download.fetch([self.url], archive, self.tgz_md5)
            except download.DownloadError as error:
                raise RuntimeError(f"{type(self).__name__}: could not be downloaded:{error.tried}\nRestore the network, or "
                                   f"put {self.filename} into {self.root}.") from error
        with tarfile.open(archive) as tar:
            members = [m for m in tar.getmembers() if m.isfile() and os.path.dirname(m.name) == self.base_folder]
            folder.mkdir(parents=True, exist_ok=True)
            for member in members:  # by hand: an archive's own paths are not to be trusted
                source = tar.extractfile(member)
                assert source is not None
                (folder / os.path.basename(member.name)).write_bytes(source.read())

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        return self._sample(as_image(self.data[index], "RGB"), self.targets[index])

    def __len__(self) -> int:
        return len(self.data)

    def extra_repr(self) -> str:
        return f"Split: {'Train' if self.train else 'Test'}"


class CIFAR100(CIFAR10):
    """As CIFAR10, in a hundred classes."""

    base_folder = "cifar-100-python"
    url = "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz"
    filename = "cifar-100-python.tar.gz"
    tgz_md5 = "eb9058c3a382ffc7106e4002c42a8d85"
    train_list = ["train"]
    test_list = ["test"]
    _meta, _names, _labels = "meta", "fine_label_names", "fine_labels"


class _Unpickler(pickle.Unpickler):
    """Makes arrays and plain values: what these files hold. Raises UnpicklingError for all else."""

    def find_class(self, module: str, name: str) -> Any:
        if module in ("numpy", "numpy.core.multiarray", "numpy._core.multiarray") and name in (
                "_reconstruct", "ndarray", "dtype"):
            return super().find_class(module.replace("numpy.core", "numpy._core"), name)
        if (module, name) == ("_codecs", "encode"):
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"it asks for {module}.{name}")


def _read(path: Path) -> dict[str, Any]:
    try:
        with open(path, "rb") as file:
            content = _Unpickler(file, encoding="latin1").load()
        return {k.decode() if isinstance(k, bytes) else k: v for k, v in content.items()}
    except (pickle.UnpicklingError, AttributeError, EOFError, IndexError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"CIFAR: {path} is damaged, or another file: {error}. Get it again.") from error
