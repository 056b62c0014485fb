"""`load`: MNIST where it can be had, digits drawn by the package where it cannot, and never a doubt which."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .digits import draw_digits
from .idx import DataError
from .mnist import FILES, find_files, read_folder

_DIGITS = 10_000, 2_000  # drawn for training and for testing


class DigitImages(NamedTuple):
    """Handwritten digits, in a train and a test split, and where they came from."""

    train_images: np.ndarray  #: (N, 28, 28) uint8, white on black
    train_labels: np.ndarray  #: (N,) uint8, 0 to 9
    test_images: np.ndarray
    test_labels: np.ndarray
    name: str  #: "MNIST" or "drawn digits"
    source: str  #: one line: where the data came from; with drawn digits, that they are NOT MNIST
    is_mnist: bool
    notice: str  #: what to tell people before they trust in figures; empty for MNIST

    def __repr__(self) -> str:  # the arrays would fill the screen
        counts = f"{len(self.train_images):,} train, {len(self.test_images):,} test"
        return f"<{self.name}: {counts}; {self.source}>"


def load(
    dataset: str = "auto",
    data_dir: str | os.PathLike[str] | None = None,
    seed: int = 0,
    quiet: bool = False,
    *,
    default_dir: str | os.PathLike[str] = "data",
) -> DigitImages:
    """Images of digits: `dataset` is "mnist", "digits" (drawn from `seed`), or "auto" (MNIST, else digits).

    MNIST's four files are looked for in `data_dir`, else in the folder that the environment variable
    MINITORCH_NDL_DATA names, else in `default_dir`. If none of them is there, they are downloaded into it
    (`quiet` hides the progress bar). Without a network, noticed within 10 seconds, "auto" draws digits, and
    `name`, `source` and `notice` say so; "mnist" raises.

    Raises `DataError` when the folder holds some but not all of the files, or files that are damaged or do
    not belong together, and when it cannot be written.

    >>> data = ndl.datasets.load("digits", seed=1)
    >>> data.train_images.shape, data.test_labels.shape, data.is_mnist
    ((10000, 28, 28), (2000,), False)
    """
    if dataset not in ("auto", "mnist", "digits"):
        raise ValueError(f"load: unknown dataset {dataset!r}; expected 'auto', 'mnist' or 'digits'.")
    if dataset == "digits":
        return _drawn(seed, "as asked for", "For MNIST, use dataset='mnist'.")

    folder = Path(data_dir or os.environ.get("MINITORCH_NDL_DATA") or default_dir).expanduser()
    if find_files(folder):
        return _mnist(folder, f"read from {folder}")
    # Imported here because the network modules take long to load and are rarely needed.
    from . import download

    try:
        mirror = download.download(folder, download.mirrors(), quiet=quiet)
    except download.DownloadError as error:
        remedy = (
            f"put its four files into {folder}, gzipped or raw ({', '.join(FILES)}), or name the folder that "
            "holds them (data_dir, or the environment variable MINITORCH_NDL_DATA)"
        )
        if dataset == "auto":
            why = f"MNIST is not in {folder} and could not be downloaded"
            return _drawn(seed, why, f"{why}:{error.tried}\nFor MNIST, {remedy}.")
        raise DataError(
            f"load: MNIST is not in {folder} and could not be downloaded:{error.tried}\n"
            f"Restore the network, or {remedy}, or use dataset='digits'."
        ) from error
    return _mnist(folder, f"downloaded from {mirror} into {folder}")


def _mnist(folder: Path, source: str) -> DigitImages:
    train, test = read_folder(folder)
    return DigitImages(*train, *test, name="MNIST", source=source, is_mnist=True, notice="")


def _drawn(seed: int, why: str, details: str) -> DigitImages:
    images, labels = draw_digits(sum(_DIGITS), seed)
    n = _DIGITS[0]
    return DigitImages(
        *(images[:n], labels[:n], images[n:], labels[n:]),
        name="drawn digits",
        source=f"NOT MNIST: drawn by minitorch_ndl with seed {seed} ({why})",
        is_mnist=False,
        notice=(
            f"This is NOT MNIST. minitorch_ndl draws the digits itself (seed {seed}); what a model reaches "
            f"on them says nothing about MNIST. {details}"
        ),
    )
