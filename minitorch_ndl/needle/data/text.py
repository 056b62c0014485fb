"""Text for language models: words as numbers, in columns that are read from top to bottom."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..autograd import Tensor


class Dictionary:
    """Words and their numbers, in the order in which they came.

    >>> words = needle.data.Dictionary()
    >>> [words.add_word(w) for w in "to be or not to be".split()]
    [0, 1, 2, 3, 0, 1]
    """

    def __init__(self) -> None:
        self.word2idx: dict[str, int] = {}
        self.idx2word: list[str] = []

    def add_word(self, word: str) -> int:
        """The word's number; a new one, if it is new."""
        if word not in self.word2idx:
            self.word2idx[word] = len(self.idx2word)
            self.idx2word.append(word)
        return self.word2idx[word]

    def __len__(self) -> int:
        return len(self.idx2word)


class Corpus:
    """The words of base_dir/train.txt and base_dir/test.txt as lists of numbers: `train` and `test`."""

    def __init__(self, base_dir: str | os.PathLike[str], max_lines: int | None = None):
        self.dictionary = Dictionary()
        self.train = self.tokenize(os.path.join(base_dir, "train.txt"), max_lines)
        self.test = self.tokenize(os.path.join(base_dir, "test.txt"), max_lines)

    def tokenize(self, path: str | os.PathLike[str], max_lines: int | None = None) -> list[int]:
        """The numbers of a file's words, with <eos> at the end of each line; of its first `max_lines` lines, if given."""
        ids: list[int] = []
        with open(path, encoding="utf-8") as file:
            for i, line in enumerate(file):
                if max_lines is not None and i >= max_lines:
                    break
                ids.extend(map(self.dictionary.add_word, [*line.split(), "<eos>"]))
        return ids


def batchify(data: Sequence[int], batch_size: int, device: Any = None, dtype: Any = "float32") -> np.ndarray:
    """The sequence cut into `batch_size` pieces, which become columns; what does not fill them is left out.

    >>> needle.data.batchify(list(range(7)), 2)
    array([[0., 3.],
           [1., 4.],
           [2., 5.]], dtype=float32)
    """
    rows = len(data) // batch_size
    return np.array(data[:rows * batch_size], dtype=dtype).reshape(batch_size, rows).T


def get_batch(batches: np.ndarray, i: int, bptt: int, device: Any = None, dtype: Any = None) -> tuple[Tensor, Tensor]:
    """The `bptt` rows from row i on (fewer at the end), (bptt, N), and what comes next after each of them, (bptt * N,)."""
    rows = min(bptt, len(batches) - 1 - i)
    here, after = batches[i:i + rows], batches[i + 1:i + 1 + rows].reshape(-1)
    return (Tensor(here, device=device, dtype=dtype, requires_grad=False),
            Tensor(after, device=device, dtype=dtype, requires_grad=False))
