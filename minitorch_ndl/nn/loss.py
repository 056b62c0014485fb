"""The losses as modules. Each calls the function of `nn.functional` that it is named after.

All take ``reduction="mean"``, "sum" or "none" (or, as older scripts do, the two flags `size_average` and `reduce`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..ops.loss import reduction_of
from ..tensor import Tensor
from . import functional as F
from .distance import PairwiseDistance
from .module import Module
from .stateless import Stateless


class _Loss(Stateless):
    """Base class of losses: keeps the settings, and calls the function by their names."""

    reduction: str

    def __init__(self, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean"):
        super().__init__()
        self._set({"size_average": size_average, "reduce": reduce, "reduction": reduction})

    def _set(self, settings: dict[str, Any]) -> None:
        flags = settings.pop("size_average", None), settings.pop("reduce", None)
        if flags != (None, None):
            settings["reduction"] = reduction_of(*flags, settings["reduction"])
        for name, value in settings.items():
            if name in ("weight", "pos_weight"):
                self.register_buffer(name, value)
            else:
                setattr(self, name, value)

    @classmethod
    def _make_forward(cls, calls: str) -> Callable:
        settings = [name for name in cls._settings if name not in ("size_average", "reduce")]

        def forward(self: Any, *tensors: Any) -> Any:
            return getattr(F, calls)(*tensors, **{name: getattr(self, name) for name in settings})

        return forward

    def extra_repr(self) -> str:
        return ""


class _WeightedLoss(_Loss):
    """Base class of losses with a factor for each class or element."""

    weight: Tensor | None

    def __init__(self, weight: Tensor | None = None, size_average: bool | None = None, reduce: bool | None = None,
                 reduction: str = "mean"):
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)


# --- classification -----------------------------------------------------------------------------------------------


class SoftmaxLoss(Module):
    """The mean of ``log(sum(exp(z))) - z[y]`` over the rows z of the logits (N, C).

    The targets are labels (N) of any integer dtype, or rows of probabilities (N, C), such as one-hot rows.

    >>> ndl.nn.SoftmaxLoss()(ndl.zeros(2, 10), ndl.tensor([3, 4]))
    tensor(2.3026)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.softmax_loss(input, target)


class CrossEntropyLoss(_WeightedLoss, calls="cross_entropy"):
    """``NLLLoss(log_softmax(input))``: scores (N, C, ...), and labels (N, ...) or probabilities (N, C, ...).

    weight           a factor for each class (C)
    ignore_index     the label of elements that don't count
    label_smoothing  how much of each target is spread over all classes

    https://pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html

    >>> ndl.nn.CrossEntropyLoss()(ndl.zeros(2, 10), ndl.tensor([3, 4]))
    tensor(2.3026)
    """

    weight: Tensor | None = None
    size_average: bool | None = None
    ignore_index: int = -100
    reduce: bool | None = None
    reduction: str = "mean"
    label_smoothing: float = 0.0

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        weight = self._buffers["weight"] if "weight" in self._buffers else self.weight  # Python asks `__getattr__` last
        return _cross_entropy(input, target, weight, None, self.ignore_index, None, self.reduction, self.label_smoothing)


_cross_entropy: Any = F.cross_entropy.run  # type: ignore[attr-defined]  # with every parameter in order


class NLLLoss(_WeightedLoss, calls="nll_loss"):
    """Minus the log-probability of the true class: log-probabilities (N, C, ...), labels (N, ...).

    https://pytorch.org/docs/stable/generated/torch.nn.NLLLoss.html
    """

    weight: Tensor | None = None
    size_average: bool | None = None
    ignore_index: int = -100
    reduce: bool | None = None
    reduction: str = "mean"

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.nll_loss(input, target, self.weight, None, self.ignore_index, None, self.reduction)


NLLLoss2d = NLLLoss


class BCELoss(_WeightedLoss, calls="binary_cross_entropy"):
    """-t log x - (1 - t) log(1 - x), for probabilities x and targets t in [0, 1]. Any shape.

    https://pytorch.org/docs/stable/generated/torch.nn.BCELoss.html
    """

    weight: Tensor | None = None
    size_average: bool | None = None
    reduce: bool | None = None
    reduction: str = "mean"


class BCEWithLogitsLoss(_Loss, calls="binary_cross_entropy_with_logits"):
    """BCELoss of sigmoid(x), which stays exact for large scores x. Any shape.

    pos_weight  a factor for the positive part: broadcasts, such as one for each class (C)

    https://pytorch.org/docs/stable/generated/torch.nn.BCEWithLogitsLoss.html
    """

    weight: Tensor | None = None
    size_average: bool | None = None
    reduce: bool | None = None
    reduction: str = "mean"
    pos_weight: Tensor | None = None


class KLDivLoss(_Loss, calls="kl_div"):
    """t (log t - x), for log-probabilities x and probabilities t (with `log_target`: their logarithms). Any shape.

    ``reduction="batchmean"`` divides the sum by the number of rows: that is the divergence.
    https://pytorch.org/docs/stable/generated/torch.nn.KLDivLoss.html
    """

    size_average: bool | None = None
    reduce: bool | None = None
    reduction: str = "mean"
    log_target: bool = False


class MultiMarginLoss(_WeightedLoss, calls="multi_margin_loss"):
    """How far each wrong class's score comes within `margin` of the true one's, to the power `p`: (N, C), labels (N).

    https://pytorch.org/docs/stable/generated/torch.nn.MultiMarginLoss.html
    """

    p: int = 1
    margin: float = 1.0
    weight: Tensor | None = None
    size_average: bool | None = None
    reduce: bool | None = None
    reduction: str = "mean"


class MultiLabelMarginLoss(_Loss, calls="multilabel_margin_loss"):
    """MultiMarginLoss with several true classes: labels (N, C), of which those before the first -1 count.

    https://pytorch.org/docs/stable/generated/torch.nn.MultiLabelMarginLoss.html
    """

    size_average: bool | None = None
    reduce: bool | None = None
    reduction: str = "mean"


class MultiLabelSoftMarginLoss(_WeightedLoss, calls="multilabel_soft_margin_loss"):
    """BCEWithLogitsLoss, its mean over the classes taken first: (N, C), targets (N, C).

    https://pytorch.org/docs/stable/generated/torch.nn.MultiLabelSoftMarginLoss.html
    """

    weight: Tensor | None = None
    size_average: bool | None = None
    reduce: bool | None = None
    reduction: str = "mean"


class SoftMarginLoss(_Loss, calls="soft_margin_loss"):
    """log(1 + exp(-y x)), for targets y of 1 and -1. Any shape.

    https://pytorch.org/docs/stable/generated/torch.nn.SoftMarginLoss.html
    """

    size_average: bool | None = None
    reduce: bool | None = None
    reduction: str = "mean"


class HingeEmbeddingLoss(_Loss, calls="hinge_embedding_loss"):
    """x where y is 1, max(0, margin - x) where y is -1. Any shape.

    https://pytorch.org/docs/stable/generated/torch.nn.HingeEmbeddingLoss.html
    """

    margin: float = 1.0
    size_average: bool | None = None
    reduce: bool | None = None
    reduction: str = "mean"


class CTCLoss(_Loss, calls="ctc_loss"):
    """Minus the log-probability of all ways to spell a sequence with repetitions and blanks: see `functional.ctc_loss`.

    https://pytorch.org/docs/stable/generated/torch.nn.CTCLoss.html
    """

    blank: int = 0
    reduction: str = "mean"
    zero_infinity: bool = False


# --- regression -----------------------------------------------------------------------------------------------------


class MSELoss(_Loss, calls="mse_loss"):
    """(x - y)². Any shape. https://pytorch.org/docs/stable/generated/torch.nn.MSELoss.html

    >>> ndl.nn.MSELoss()(ndl.tensor([1.0, 2.0]), ndl.tensor([1.0, 4.0]))
    tensor(2.)
    """

    size_average: bool | None = None
    reduce: bool | None = None
    reduction: str = "mean"

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.mse_loss(input, target, None, None, self.reduction)


class L1Loss(_Loss, calls="l1_loss"):
    """|x - y|. Any shape. https://pytorch.org/docs/stable/generated/torch.nn.L1Loss.html"""

    size_average: bool | None = None
    reduce: bool | None = None
    reduction: str = "mean"


class SmoothL1Loss(_Loss, calls="smooth_l1_loss"):
    """|x - y|, with a round bottom below `beta`. Any shape.

    https://pytorch.org/docs/stable/generated/torch.nn.SmoothL1Loss.html
    """

    size_average: bool | None = None
    reduce: bool | None = None
    reduction: str = "mean"
    beta: float = 1.0


class HuberLoss(_Loss, calls="huber_loss"):
    """(x - y)² / 2 where |x - y| is below `delta`, and linear beyond. Any shape.

    https://pytorch.org/docs/stable/generated/torch.nn.HuberLoss.html
    """

    reduction: str = "mean"
    delta: float = 1.0


class PoissonNLLLoss(_Loss, calls="poisson_nll_loss"):
    """exp(x) - y x, for log-rates x (or rates, without `log_input`) and counts y. Any shape.

    https://pytorch.org/docs/stable/generated/torch.nn.PoissonNLLLoss.html
    """

    log_input: bool = True
    full: bool = False
    size_average: bool | None = None
    eps: float = 1e-8
    reduce: bool | None = None
    reduction: str = "mean"


class GaussianNLLLoss(_Loss, calls="gaussian_nll_loss"):
    """(log v + (x - y)² / v) / 2, for means x, targets y and variances v.

    https://pytorch.org/docs/stable/generated/torch.nn.GaussianNLLLoss.html
    """

    full: bool = False
    eps: float = 1e-6
    reduction: str = "mean"


# --- comparison -----------------------------------------------------------------------------------------------------


class MarginRankingLoss(_Loss, calls="margin_ranking_loss"):
    """max(0, -y (x1 - x2) + margin), where y of 1 says that x1 should be larger, and -1 that x2 should. (N)

    https://pytorch.org/docs/stable/generated/torch.nn.MarginRankingLoss.html
    """

    margin: float = 0.0
    size_average: bool | None = None
    reduce: bool | None = None
    reduction: str = "mean"


class CosineEmbeddingLoss(_Loss, calls="cosine_embedding_loss"):
    """1 - cos(x1, x2) where y is 1, max(0, cos(x1, x2) - margin) where it is -1: (N, D), (N, D), (N).

    https://pytorch.org/docs/stable/generated/torch.nn.CosineEmbeddingLoss.html
    """

    margin: float = 0.0
    size_average: bool | None = None
    reduce: bool | None = None
    reduction: str = "mean"


class TripletMarginLoss(_Loss, calls="triplet_margin_loss"):
    """max(0, |anchor - positive| - |anchor - negative| + margin), in `p`-norms: three times (N, D).

    https://pytorch.org/docs/stable/generated/torch.nn.TripletMarginLoss.html
    """

    margin: float = 1.0
    p: float = 2.0
    eps: float = 1e-6
    swap: bool = False
    size_average: bool | None = None
    reduce: bool | None = None
    reduction: str = "mean"


class TripletMarginWithDistanceLoss(_Loss, calls="triplet_margin_with_distance_loss"):
    """TripletMarginLoss with a distance of your own.

    https://pytorch.org/docs/stable/generated/torch.nn.TripletMarginWithDistanceLoss.html
    """

    distance_function: Callable[[Tensor, Tensor], Tensor] | None = None
    margin: float = 1.0
    swap: bool = False
    reduction: str = "mean"

    def _set(self, settings: dict[str, Any]) -> None:
        super()._set(settings)
        if self.distance_function is None:
            self.distance_function = PairwiseDistance()
