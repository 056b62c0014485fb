"""A small MNIST of our own, written as idx files: the tests need neither the network nor the real one."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from minitorch_ndl.datasets.mnist import FILES

NAMES = list(FILES)


def idx_bytes(array: np.ndarray) -> bytes:
    """The idx file of a uint8 array, by the book: magic, sizes as big-endian 32-bit integers, values."""
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


@pytest.fixture(scope="session")
def small() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {
        NAMES[0]: rng.integers(0, 256, (160, 28, 28), np.uint8),
        NAMES[1]: rng.integers(0, 10, 160, np.uint8),
        NAMES[2]: rng.integers(0, 256, (20, 28, 28), np.uint8),
        NAMES[3]: rng.integers(0, 10, 20, np.uint8),
    }


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test here reaches the network, reads the user's data folder, or writes into the checkout."""
    monkeypatch.delenv("MINITORCH_NDL_DATA", raising=False)
    monkeypatch.setenv("MINITORCH_NDL_MIRRORS", "")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def write_idx():
    def write(path: Path, array: np.ndarray) -> Path:
        content = idx_bytes(array)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(content, 1) if path.suffix == ".gz" else content)
        return path

    return write


@pytest.fixture
def small_folder(tmp_path: Path, small, write_idx) -> Path:
    """A folder with the small MNIST, two files gzipped and two raw."""
    folder = tmp_path / "mnist"
    for name, suffix in zip(NAMES, (".gz", "", ".gz", "")):
        write_idx(folder / (name + suffix), small[name])
    return folder
