"""A softmax over so many classes that the rare ones are kept in clusters, each with a projection of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ..tensor import Tensor
from . import functional as F
from .container import ModuleList, Sequential
from .linear import Linear
from .module import Module


class _ASMoutput(NamedTuple):
    output: Tensor
    loss: Tensor


class AdaptiveLogSoftmaxWithLoss(Module):
    """The log-probability of each row's class, and its mean as a loss: (N, in_features) and labels (N), or one of each.

    cutoffs    where clusters of classes begin: those below ``cutoffs[0]`` are the frequent ones, in the head itself
    div_value  each cluster's projection is that much narrower than the one before

    Classes must be sorted by frequency. Grave et al., 2016.
    https://pytorch.org/docs/stable/generated/torch.nn.AdaptiveLogSoftmaxWithLoss.html

    >>> layer = ndl.nn.AdaptiveLogSoftmaxWithLoss(16, 20, cutoffs=[5, 10])
    >>> output, loss = layer(ndl.ones(3, 16), ndl.tensor([0, 7, 19]))
    >>> output.shape, layer.log_prob(ndl.ones(3, 16)).shape
    (Size([3]), Size([3, 20]))
    """

    def __init__(self, in_features: int, n_classes: int, cutoffs: Sequence[int], div_value: float = 4.0,
                 head_bias: bool = False, device: Any = None, dtype: Any = None):
        super().__init__()
        cutoffs = list(cutoffs)
        if not cutoffs:
            raise ValueError("cutoffs should be a sequence of length larger than 0")
        if cutoffs != sorted(set(cutoffs)) or cutoffs[0] <= 0 or cutoffs[-1] > n_classes - 1 or \
                any(int(c) != c for c in cutoffs):
            raise ValueError(f"cutoffs should be a sequence of unique, positive integers sorted in an increasing order, where "
                             f"each value is between 1 and n_classes-1; got {cutoffs} for {n_classes} classes")
        self.in_features, self.n_classes, self.cutoffs = in_features, n_classes, [*cutoffs, n_classes]
        self.div_value, self.head_bias = div_value, head_bias
        self.shortlist_size, self.n_clusters = cutoffs[0], len(cutoffs)
        self.head_size = self.shortlist_size + self.n_clusters
        self.head = Linear(in_features, self.head_size, bias=head_bias, device=device, dtype=dtype)
        self.tail = ModuleList()
        for i, (low, high) in enumerate(self._clusters()):
            width = int(in_features // div_value ** (i + 1))
            self.tail.append(Sequential(Linear(in_features, width, bias=False, device=device, dtype=dtype),
                                        Linear(width, high - low, bias=False, device=device, dtype=dtype)))

    def _clusters(self) -> list[tuple[int, int]]:
        """The first class of each cluster, and the one after its last."""
        return list(zip(self.cutoffs[:-1], self.cutoffs[1:], strict=True))

    def reset_parameters(self) -> None:
        """Draw new starting values."""
        for linear in (self.head, *(linear for pair in self.tail for linear in pair)):
            linear.reset_parameters()

    def forward(self, input_: Tensor, target_: Tensor) -> _ASMoutput:
        if target_.dim() > 1:
            raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
        if input_.dim() != target_.dim() + 1:
            raise RuntimeError(f"{target_.dim()}D target tensor expects {target_.dim() + 1}D input tensors, but found inputs "
                               f"with size {input_.shape}")
        if target_.dim() and input_.shape[0] != target_.shape[0]:
            raise RuntimeError(f"Input and target should have the same size in the batch dimension; got {input_.shape[0]} and "
                               f"{target_.shape[0]}.")
        x, target = (input_, target_) if target_.dim() else (input_.unsqueeze(0), target_.unsqueeze(0))
        if target.numel() and not 0 <= int(target.min()) <= int(target.max()) < self.n_classes:
            raise RuntimeError(f"Target values should be in [0, {self.n_classes - 1}], but values in range "
                               f"[{int(target.min())}, {int(target.max())}] were found. ")
        column, shares = target, []
        for i, (low, high) in enumerate(self._clusters()):
            rows = ((target >= low) & (target < high)).nonzero().squeeze(1)
            column = column.index_fill(0, rows, self.shortlist_size + i)
            if rows.numel():
                inside = F.log_softmax(self.tail[i](x.index_select(0, rows)), dim=1)
                shares.append((rows, inside.gather(1, (target[rows] - low).unsqueeze(1)).squeeze(1)))
        output = F.log_softmax(self.head(x), dim=1).gather(1, column.unsqueeze(1)).squeeze(1)
        for rows, share in shares:
            output = output.index_add(0, rows, share)
        loss = (-output).mean()
        return _ASMoutput(output if target_.dim() else output.squeeze(0), loss)

    def log_prob(self, input: Tensor) -> Tensor:
        """The log-probabilities of all classes: (N, in_features) to (N, n_classes)."""
        return self._all(input, self.head(input))

    def _all(self, input: Tensor, head: Tensor) -> Tensor:
        scores = F.log_softmax(head, dim=1)
        out = scores.new_empty((input.shape[0], self.n_classes))
        out[:, :self.shortlist_size] = scores[:, :self.shortlist_size]
        for i, (low, high) in enumerate(self._clusters()):
            out[:, low:high] = F.log_softmax(self.tail[i](input), dim=1) + scores[:, self.shortlist_size + i].unsqueeze(1)
        return out

    def predict(self, input: Tensor) -> Tensor:
        """The most probable class of each row: (N)."""
        return self.log_prob(input).argmax(dim=1)
