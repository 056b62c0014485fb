"""The files that TensorBoard's projector reads: points, what they are called, and their pictures."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from . import library as tb
from .pictures import encoded, grid, to_bytes


def write(folder: str, subfolder: str, mat: np.ndarray, metadata: Sequence | None, label_img: np.ndarray | None,
          metadata_header: Sequence | None, name: str) -> Any:
    """Write the files of the points `mat` (N, D) into a folder inside `folder`. Returns the projector's entry for them."""
    if mat.ndim != 2:
        raise AssertionError(f"add_embedding: mat should be 2D, where mat.size(0) is the number of data points; "
                             f"got shape {mat.shape}.")
    for what, value in (("labels", metadata), ("images", label_img)):
        if value is not None and len(value) != len(mat):
            raise AssertionError(f"add_embedding: #{what} should equal with #data points; got {len(value)} for {len(mat)}.")
    files, place = tb.tf.io.gfile, os.path.join(folder, subfolder)
    if not files.exists(place):
        files.makedirs(place)
    elif files.isdir(place):
        warnings.warn("add_embedding: there is an embedding of this tag and global_step, which is overwritten. Did you "
                      "set global_step for add_embedding()?", stacklevel=3)
    else:
        raise NotADirectoryError(f"Path: `{place}` exists, but is a file. Cannot proceed.")

    def save(file: str, content: bytes | str) -> str:
        with files.GFile(os.path.join(place, file), "wb") as f:
            f.write(content if isinstance(content, bytes) else content.encode())
        return os.path.join(subfolder, file)

    info = tb.EmbeddingInfo(tensor_name=name)
    info.tensor_path = save("tensors.tsv", "".join("\t".join(map(str, row)) + "\n" for row in mat.tolist()))
    if metadata is not None:
        info.metadata_path = save("metadata.tsv", table(metadata, metadata_header))
    if label_img is not None:
        info.sprite.image_path = save("sprite.png", sprite(label_img))
        info.sprite.single_image_dim.extend([label_img.shape[3], label_img.shape[2]])
    return info


def table(metadata: Sequence, header: Sequence | None = None) -> str:
    """What points are called: a line each; with a `header`, several columns.

    >>> table([["cat", 3], ["dog", 5]], ["kind", "age"])
    'kind\\tage\\ncat\\t3\\ndog\\t5\\n'
    """
    if not header:
        return "".join(f"{x}\n" for x in metadata)
    if len(header) != len(metadata[0]):
        raise AssertionError(f"add_embedding: len of header must be equal to the number of columns in metadata; got "
                             f"{len(header)} for {len(metadata[0])}.")
    return "".join("\t".join(map(str, row)) + "\n" for row in [header, *metadata])


def sprite(images: np.ndarray) -> bytes:
    """Images (N, C, H, W) as one picture, which the projector cuts up by their size."""
    together = to_bytes(grid(images, math.ceil(len(images) ** 0.5))).transpose(1, 2, 0)
    height, width, _ = together.shape
    canvas = np.zeros((max(height, width), width, 3), np.uint8)
    canvas[:height] = together
    return encoded(tb.Image.fromarray(canvas), "PNG")
