"""MNIST in a folder: which files it consists of, finding them, and reading all four with every check.

The data set: Y. LeCun, C. Cortes and C. Burges, http://yann.lecun.com/exdb/mnist/
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .idx import DataError, read_images, read_labels

# name -> SHA-256 of the uncompressed file. Downloads are held against it; a user's own files are not.
FILES = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
_HINT = "Into a folder that holds none of the four files, all of them are downloaded."


class Split(NamedTuple):
    images: np.ndarray  # (N, 28, 28) uint8
    labels: np.ndarray  # (N,) uint8


def find_files(folder: Path) -> dict[str, Path]:
    """Which of `FILES` lie in `folder`, and where: raw or gzipped, with `-idx` or `.idx` in their names."""
    found = {}
    for name in FILES:
        other = name.replace("-idx", ".idx")
        for candidate in (name, other, name + ".gz", other + ".gz"):
            if os.path.exists(folder / candidate):  # unlike Path.exists, it never raises
                found[name] = folder / candidate
                break
    return found


def read_folder(folder: Path) -> tuple[Split, Split]:
    """MNIST's train and test split from `folder`.

    Raises `DataError`, naming the file and what is wrong with it, unless all four are there and fit together.
    """
    found = find_files(folder)
    missing = [name for name in FILES if name not in found]
    if missing:
        raise DataError(
            f"MNIST in {folder}: missing {', '.join(missing)}; "
            f"found {', '.join(path.name for path in found.values())}; "
            f"all four files are needed, gzipped or raw. Add what is missing. {_HINT}"
        )
    train_images, train_labels, test_images, test_labels = (found[name] for name in FILES)
    try:
        return _read_split(train_images, train_labels), _read_split(test_images, test_labels)
    except DataError as error:
        raise DataError(f"{error} {_HINT}") from error


def _read_split(images_path: Path, labels_path: Path) -> Split:
    images, labels = read_images(images_path), read_labels(labels_path)
    if len(images) != len(labels):
        raise DataError(
            f"MNIST: the counts differ; {images_path} holds {len(images):,} images, {labels_path} "
            f"{len(labels):,} labels; expected one label per image. Are these files of different sets?"
        )
    if images.shape[1:] != (28, 28):
        raise DataError(
            f"MNIST: {images_path} holds images of shape {images.shape}; expected (N, 28, 28). "
            "Are these the files of another data set?"
        )
    return Split(images, labels)
