"""The idx format, in which MNIST is published: four header bytes, the sizes, then the numbers.

Format: http://yann.lecun.com/exdb/mnist/ ("THE IDX FILE FORMAT"). Files may be gzipped or raw; the content
tells which, not the name. No header is believed before it has been compared with what the file holds.
"""

from __future__ import annotations

import gzip
import math
import os
import zlib
from pathlib import Path

import numpy as np

_IMAGES, _LABELS = b"\0\0\x08\x03", b"\0\0\x08\x01"  # 08: unsigned bytes; 03, 01: the number of dimensions
_KINDS = {_IMAGES: "images", _LABELS: "labels"}


class DataError(RuntimeError):
    """A data set that cannot be used; the message says which file, what is wrong with it, and what to do."""


class DataNotFoundError(DataError, FileNotFoundError):
    """A data file that is not there."""

    __str__ = RuntimeError.__str__  # OSError's would look for an errno


def read_images(path: str | os.PathLike[str]) -> np.ndarray:
    """Reads an idx file of images, gzipped or raw, as a uint8 array (N, H, W).

    Raises `DataError` when the file is missing, corrupted, truncated, or holds something else.

    >>> import tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "images"
    ...     _ = path.write_bytes(bytes([0, 0, 8, 3,  0, 0, 0, 1,  0, 0, 0, 2,  0, 0, 0, 2,  10, 20, 30, 40]))
    ...     ndl.datasets.read_images(path)
    array([[[10, 20],
            [30, 40]]], dtype=uint8)
    """
    return _read("read_images", path, _IMAGES)


def read_labels(path: str | os.PathLike[str], classes: int = 10) -> np.ndarray:
    """Reads an idx file of labels, gzipped or raw, as a uint8 array (N,), all below `classes`.

    Raises `DataError` when the file is missing, corrupted, truncated, or holds something else.

    >>> import tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "labels"
    ...     _ = path.write_bytes(bytes([0, 0, 8, 1,  0, 0, 0, 3,  7, 2, 1]))
    ...     ndl.datasets.read_labels(path)
    array([7, 2, 1], dtype=uint8)
    """
    labels = _read("read_labels", path, _LABELS)
    wrong = np.flatnonzero(labels >= classes)
    if wrong.size:
        raise DataError(
            f"read_labels: label out of range; {path} has label {labels[wrong[0]]} at position {wrong[0]} "
            f"({wrong.size} such labels in all); expected 0 to {classes - 1}. Get the file again, or "
            "the one that belongs to this data set."
        )
    return labels


def _read(op: str, path: str | os.PathLike[str], magic: bytes) -> np.ndarray:
    content = _content(op, path)
    kind, start = _KINDS[magic], bytes(content[:4])
    if start != magic:
        if start in _KINDS:
            problem = f"{path} holds {_KINDS[start]}, expected {kind}. Were the two files swapped?"
        elif not start:
            problem = f"{path} is empty, expected an idx file of {kind}. Get the file again."
        else:
            problem = (
                f"{path} is no idx file of {kind}: it starts with the bytes {start.hex(' ')}, expected "
                f"{magic.hex(' ')}. Get the file again (a web page may have been saved in its place)."
            )
        raise DataError(f"{op}: {problem}")

    ndim = magic[3]
    header = 4 + 4 * ndim
    if len(content) < header:
        raise DataError(
            f"{op}: {path} is truncated: {len(content)} bytes, not even a header. Get the file again."
        )
    shape = tuple(int(size) for size in np.frombuffer(content, ">u4", ndim, offset=4))
    expected = math.prod(shape)  # in Python's integers: a corrupted header must not overflow
    held = len(content) - header
    if held != expected:
        raise DataError(
            f"{op}: {path} is {'truncated' if held < expected else 'too long'}; its header announces {kind} "
            f"of shape {shape}, that is {expected:,} bytes, and {held:,} follow. Get the file again."
        )
    if not expected:
        raise DataError(f"{op}: {path} holds no {kind} (shape {shape}). Get the file again.")
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)


def _content(op: str, path: str | os.PathLike[str]) -> bytearray:
    """The uncompressed content, as a bytearray so that the arrays on it can be written to."""
    try:
        raw = Path(path).read_bytes()
    except FileNotFoundError:
        raise DataNotFoundError(
            f"{op}: there is no file {path}; expected an idx file, gzipped or raw. Check the path."
        ) from None
    except OSError as error:
        raise DataError(
            f"{op}: cannot read {path} ({error.strerror or error}); expected an idx file, gzipped or raw."
        ) from error
    if not raw.startswith(b"\x1f\x8b"):
        return bytearray(raw)
    try:
        return bytearray(gzip.decompress(raw))
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        what = "truncated" if isinstance(error, EOFError) else "corrupted"
        raise DataError(f"{op}: the gzip file {path} is {what} ({error}). Get the file again.") from error
