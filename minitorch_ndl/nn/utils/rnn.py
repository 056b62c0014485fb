"""Sequences of different lengths: padded to one length, or packed step by step for `nn.LSTM` and its relatives.

>>> from minitorch_ndl.nn.utils.rnn import pack_sequence, pad_packed_sequence, pad_sequence
>>> lines = [ndl.tensor([1, 2, 3]), ndl.tensor([4, 5])]
>>> pad_sequence(lines, batch_first=True)
tensor([[1, 2, 3],
        [4, 5, 0]])
>>> packed = pack_sequence(lines)
>>> packed.data, packed.batch_sizes
(tensor([1, 4, 2, 5, 3]), tensor([2, 2, 1]))
>>> pad_packed_sequence(packed, batch_first=True)
(tensor([[1, 2, 3],
        [4, 5, 0]]), tensor([3, 2]))
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ...faces import F
from ...ops.data import as_tensor, from_numpy
from ...tensor import Tensor


class PackedSequence_(NamedTuple):
    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None
    unsorted_indices: Tensor | None


class PackedSequence(PackedSequence_):
    """The rows of all sequences, step by step: what `pack_padded_sequence` makes, and recurrent layers take and give.

    data              (rows, ...): the first step of all sequences, longest first, then the second of all that have one, ...
    batch_sizes       how many have a first step, a second, ...
    sorted_indices    where the sequences, in this order, were in the batch; None if it was sorted
    unsorted_indices  the way back
    """

    def __new__(cls, data: Any, batch_sizes: Tensor | None = None, sorted_indices: Tensor | None = None,
                unsorted_indices: Tensor | None = None) -> Any:
        if batch_sizes is None:
            if not (isinstance(data, (list, tuple)) and len(data) == 2):
                raise AssertionError("Expected data to be a list or tuple of length 2")
            data, batch_sizes = data
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def _with(self, data: Tensor) -> Any:
        if data is self.data:
            return self
        moved = [None if i is None else i.to(data.device) for i in (self.sorted_indices, self.unsorted_indices)]
        return type(self)(data, self.batch_sizes, *moved)

    def to(self, *args: Any, **kwargs: Any) -> Any:
        """With `data` on another device or of another dtype; `batch_sizes` stay where they are."""
        return self._with(self.data.to(*args, **kwargs))

    def cuda(self, *args: Any, **kwargs: Any) -> Any:
        """On a GPU."""
        return self._with(self.data.cuda(*args, **kwargs))

    def cpu(self) -> Any:
        """In the host's memory."""
        return self._with(self.data.cpu())

    def double(self) -> Any:
        """As float64."""
        return self._with(self.data.double())

    def float(self) -> Any:
        """As float32."""
        return self._with(self.data.float())

    def half(self) -> Any:
        """As float16."""
        return self._with(self.data.half())

    def long(self) -> Any:
        """As int64."""
        return self._with(self.data.long())

    def int(self) -> Any:
        """As int32."""
        return self._with(self.data.int())

    def short(self) -> Any:
        """As int16."""
        return self._with(self.data.short())

    def char(self) -> Any:
        """As int8."""
        return self._with(self.data.char())

    def byte(self) -> Any:
        """As uint8."""
        return self._with(self.data.byte())

    def pin_memory(self) -> Any:
        """Itself: there is no pinned memory here."""
        return self

    def is_pinned(self) -> bool:
        """False: there is no pinned memory here."""
        return False

    @property
    def is_cuda(self) -> bool:
        return self.data.is_cuda


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """The permutation that undoes this one; None for None."""
    return None if permutation is None else permutation.argsort()


def _rows(sizes: np.ndarray, n: int, steps: int, batch_first: bool) -> np.ndarray:
    """Where each packed row lies in a padded batch whose first two dimensions are one."""
    step = np.repeat(np.arange(len(sizes)), sizes)
    sequence = np.arange(len(step)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return sequence * steps + step if batch_first else step * n + sequence


def pack_padded_sequence(input: Tensor, lengths: Any, batch_first: bool = False,
                         enforce_sorted: bool = True) -> PackedSequence:
    """Pack sequences of these `lengths` out of `input`: (T, N, ...), or (N, T, ...) with `batch_first`.

    enforce_sorted  the longest come first already; with False they are sorted, and unsorted again by what unpacks

    Raises RuntimeError for lengths that aren't positive, not in that order, or not one for each sequence.
    """
    counts = as_tensor(lengths).long()
    order = None
    if not enforce_sorted:
        counts, order = counts.sort(descending=True)
        input = input.index_select(0 if batch_first else 1, order)
    sizes = np.asarray(counts.tolist(), dtype=np.int64).reshape(-1)
    n, steps = tuple(input.shape[:2]) if batch_first else (input.shape[1], input.shape[0])
    if not input.numel():
        raise RuntimeError(f"Cannot pack empty tensors: pack_padded_sequence got shape {tuple(input.shape)}.")
    if len(sizes) != n:
        raise RuntimeError(f"Expected `len(lengths)` to be equal to batch_size, but got {len(sizes)} (batch_size={n}); input "
                           f"{tuple(input.shape)} is read as {'(N, T, ...)' if batch_first else '(T, N, ...)'}: check "
                           f"batch_first.")
    if sizes.min() <= 0:
        raise RuntimeError("Length of all samples has to be greater than 0, but found an element in 'lengths' that is <= 0: "
                           f"{sizes.tolist()}")
    if (np.diff(sizes) > 0).any():
        raise RuntimeError("`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. You can pass "
                           "`enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to sidestep this requirement.")
    if sizes[0] > steps:
        raise RuntimeError(f"pack_padded_sequence: a length of {sizes[0]} in 'lengths', but the input {tuple(input.shape)} has "
                           f"{steps} steps")
    batch_sizes = (sizes > np.arange(sizes[0])[:, None]).sum(1)
    rows = from_numpy(_rows(batch_sizes, n, steps, batch_first)).to(input.device)
    data = input.reshape(n * steps, *input.shape[2:]).index_select(0, rows)
    return PackedSequence(data, from_numpy(batch_sizes), order)


def pad_packed_sequence(sequence: PackedSequence, batch_first: bool = False, padding_value: float = 0.0,
                        total_length: int | None = None) -> tuple[Tensor, Tensor]:
    """The way back: a batch (T, N, ...), or (N, T, ...) with `batch_first`, padded at the ends, and the lengths.

    total_length  pad to this length, and not only to that of the longest. Raises ValueError if it is too short
    """
    sizes = np.asarray(sequence.batch_sizes.tolist(), dtype=np.int64)
    steps, n = len(sizes), int(sizes[0])
    if total_length is not None:
        if total_length < steps:
            raise ValueError("Expected total_length to be at least the length of the longest sequence in input, but got "
                             f"total_length={total_length} and max sequence length being {steps}")
        steps = total_length
    data = sequence.data
    rows = from_numpy(_rows(sizes, n, steps, batch_first)).to(data.device)
    padded = _placed(data, rows, n * steps, padding_value)
    padded = padded.reshape(*((n, steps) if batch_first else (steps, n)), *data.shape[1:])
    lengths = from_numpy((sizes[:, None] > np.arange(n)).sum(0))
    back = sequence.unsorted_indices
    if back is None:
        return padded, lengths
    return padded.index_select(0 if batch_first else 1, back), lengths[back.cpu()]


def _placed(data: Tensor, rows: Tensor, count: int, filling: float) -> Tensor:
    """`count` rows: those of `data` at the places `rows`, and `filling` in the others."""
    empty = data.new_full((count, *data.shape[1:]), filling)
    return F.index_copy(empty, 0, rows, data)


def pad_sequence(sequences: Iterable[Tensor], batch_first: bool = False, padding_value: float = 0.0,
                 padding_side: str = "right") -> Tensor:
    """Sequences (L, ...) of different lengths as one batch (T, N, ...), or (N, T, ...) with `batch_first`.

    padding_side  "right" or "left": at which end the shorter ones are filled up with `padding_value`
    """
    if not isinstance(sequences, Iterable):
        raise RuntimeError(f"pad_sequence: Expected iterable for input sequences, but got arg of type: {type(sequences)}")
    parts = list(sequences)
    if not parts:
        raise RuntimeError("received an empty list of sequences: pad_sequence needs at least one.")
    if padding_side not in ("left", "right"):
        raise RuntimeError(f"Expected padding_side to be one of left or right, but got {padding_side}.")
    lengths = np.array([len(p) for p in parts])
    steps, n = int(lengths.max()), len(parts)
    of_sequence = np.repeat(np.arange(n), lengths)
    step = np.arange(len(of_sequence)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    if padding_side == "left":
        step += np.repeat(steps - lengths, lengths)
    rows = of_sequence * steps + step if batch_first else step * n + of_sequence
    padded = _placed(F.cat(parts), from_numpy(rows).to(parts[0].device), n * steps, padding_value)
    return padded.reshape(*((n, steps) if batch_first else (steps, n)), *parts[0].shape[1:])


def unpad_sequence(padded_sequences: Tensor, lengths: Any, batch_first: bool = False) -> list[Tensor]:
    """The sequences of a batch, each of its own length: undoes `pad_sequence`."""
    if not batch_first:
        padded_sequences = padded_sequences.transpose(0, 1)
    return [sequence[:length] for sequence, length in zip(padded_sequences, as_tensor(lengths).tolist(), strict=True)]


def pack_sequence(sequences: Sequence[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Pack sequences (L, ...); `enforce_sorted` as for `pack_padded_sequence`."""
    return pack_padded_sequence(pad_sequence(sequences), [len(s) for s in sequences], enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """The sequences of a PackedSequence: undoes `pack_sequence`."""
    return unpad_sequence(*pad_packed_sequence(packed_sequences, batch_first=True), batch_first=True)
