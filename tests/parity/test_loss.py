"""Losses against torch: values, both orders of gradients, every option, every refusal."""

import warnings

import numpy as np
import pytest

import minitorch_ndl as ndl

torch = pytest.importorskip("torch")

from tests.parity.same import same, same_error

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # broadcasting, reduction="mean" of kl_div: both warn
RNG = np.random.default_rng(0)
REDUCTIONS = ("mean", "sum", "none")


def normal(*shape, dtype="float64"):
    return RNG.standard_normal(shape).astype(dtype)


def uniform(*shape, low=0.05, high=0.95):
    return RNG.uniform(low, high, shape)


def signs(*shape):
    return RNG.choice([-1.0, 1.0], shape)


def labels(classes, *shape, ignored=None):
    found = RNG.integers(0, classes, shape)
    if ignored is not None and found.size:
        found = np.where(RNG.random(shape) < 0.4, ignored, found)
    return np.asarray(found)


SHAPES = [((5, 4), (5,)), ((1, 1), (1,)), ((3, 120), (3,)), ((2, 3, 5), (2, 5)), ((2, 3, 4, 2), (2, 4, 2)), ((4,), ())]


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("scores, target", SHAPES)
@pytest.mark.parametrize("name", ["cross_entropy", "nll_loss"])
def test_labels(name, scores, target, reduction):
    classes = scores[1] if len(scores) > 1 else scores[0]
    options = [{}, {"weight": True}, {"ignore_index": 1}, {"ignore_index": -100}, {"weight": True, "ignore_index": 0}]
    if name == "cross_entropy":
        options += [{"label_smoothing": 0.2}, {"label_smoothing": 0.2, "weight": True, "ignore_index": 2}]
    for option in options:
        ignored = option.get("ignore_index")
        arguments = [normal(*scores), labels(classes, *target, ignored=ignored)]
        weight = uniform(classes) if option.pop("weight", False) else None

        def call(m, x, y, option=option, weight=weight):
            w = None if weight is None else (torch if m is torch else ndl).from_numpy(weight)
            return getattr(m.nn.functional, name)(x, y, weight=w, reduction=reduction, **option)

        same(call, *arguments)
        if len(scores) < 3 and (ignored is None or ignored >= 0) and "label_smoothing" not in option:
            same(call, arguments[0], arguments[1].astype(np.uint8), second=False)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("shape", [(5, 4), (2, 3, 5), (2, 3, 2, 2), (4,)])
def test_probabilities(shape, reduction):
    classes = shape[1] if len(shape) > 1 else shape[0]
    weight = uniform(classes)
    for smoothing in (0.0, 0.3):
        same(
            lambda m, x, y: m.nn.functional.cross_entropy(x, y, reduction=reduction, label_smoothing=smoothing),
            normal(*shape),
            uniform(*shape),
        )
        same(
            lambda m, x, y: m.nn.functional.cross_entropy(
                x, y, weight=m.from_numpy(weight), reduction=reduction, label_smoothing=smoothing
            ),
            normal(*shape),
            uniform(*shape),
        )


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_other_dtypes(dtype):
    for name in ("cross_entropy", "nll_loss"):
        for reduction in REDUCTIONS:
            same(
                lambda m, x, y: getattr(m.nn.functional, name)(x, y, reduction=reduction),
                normal(7, 5, dtype=dtype),
                labels(5, 7),
                second=False,
            )
    for reduction in REDUCTIONS:
        same(
            lambda m, x, y: m.nn.functional.mse_loss(x, y, reduction=reduction),
            normal(7, 5, dtype=dtype),
            normal(7, 5, dtype=dtype),
            second=False,
        )


def test_large_scores_do_not_overflow():
    x = np.array([[1e4, 0.0, -1e4], [-3e38, 3e38, 0.0]], np.float32)
    same(lambda m, x, y: m.nn.functional.cross_entropy(x, y, reduction="none"), x, np.array([1, 0]), second=False)
    x = np.array([200.0, -200.0, 0.0, 1e4], np.float32)
    same(lambda m, x: m.nn.functional.binary_cross_entropy_with_logits(x, m.ones(4)), x, second=False)


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_nothing_to_average(reduction):
    for name in ("cross_entropy", "nll_loss"):
        loss = lambda m, x, y: getattr(m.nn.functional, name)(x, y, reduction=reduction)
        same(loss, normal(0, 4), labels(4, 0))
        same(loss, normal(3, 4), np.full(3, -100))
    same(lambda m, x, y: m.nn.functional.mse_loss(x, y, reduction=reduction), normal(0, 4), normal(0, 4))


def test_a_row_without_finite_softmax_that_is_ignored_leaves_no_nan_in_the_loss():
    x = np.array([[np.inf, 0.0], [1.0, 2.0]])
    same(lambda m, x, y: m.nn.functional.nll_loss(x, y), x, np.array([-100, 1]), second=False)


PAIRS = {
    "mse_loss": [{}],
    "l1_loss": [{}],
    "smooth_l1_loss": [{}, {"beta": 0.3}, {"beta": 2.5}, {"beta": 0.0}],
    "huber_loss": [{}, {"delta": 0.3}, {"delta": 2.5}],
    "binary_cross_entropy_with_logits": [{}],
    "poisson_nll_loss": [{}, {"log_input": False}, {"full": True}, {"eps": 0.1, "log_input": False}],
    "kl_div": [{"log_target": True}],
}


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("name", PAIRS)
def test_pairs(name, reduction):
    positive = name == "poisson_nll_loss"
    for option in PAIRS[name]:
        for shape in ((3, 4), (), (2, 1, 3)):
            x, y = (
                (uniform(*shape, high=3.0), uniform(*shape, low=1.1, high=4.0))
                if positive
                else (normal(*shape), normal(*shape))
            )
            same(lambda m, x, y: getattr(m.nn.functional, name)(x, y, reduction=reduction, **option), x, y)


@pytest.mark.parametrize("name", ["mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"])
def test_pairs_broadcast_and_promote(name):
    for shapes in (((3, 4), (4,)), ((3, 1), (1, 4)), ((), (2, 3))):
        same(lambda m, x, y: getattr(m.nn.functional, name)(x, y), *(normal(*s) for s in shapes))
    if name == "huber_loss":  # torch keeps the input's dtype there, and has no gradient
        return
    same(lambda m, x, y: getattr(m.nn.functional, name)(x, y), normal(3, dtype="float32"), normal(3))
    same(lambda m, x, y: getattr(m.nn.functional, name)(x, y), normal(3, dtype="float32"), np.arange(3))


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_pairs_with_a_weight_for_each_element(reduction):
    for name in ("mse_loss", "l1_loss", "huber_loss"):
        same(
            lambda m, x, y, w: getattr(m.nn.functional, name)(x, y, reduction=reduction, weight=w),
            normal(3, 4),
            normal(3, 4),
            uniform(3, 4),
        )


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_binary_cross_entropy(reduction):
    for shape in ((3, 4), ()):
        same(
            lambda m, x, y: m.nn.functional.binary_cross_entropy(x, y, reduction=reduction),
            uniform(*shape),
            uniform(*shape),
            second=False,
        )  # torch's second derivative for the target is off where it is not differentiable
        same(
            lambda m, x, y: m.nn.functional.binary_cross_entropy(x, y.detach(), reduction=reduction),
            uniform(*shape),
            uniform(*shape),
        )
    weight = uniform(4)
    same(
        lambda m, x, y: m.nn.functional.binary_cross_entropy(x, y, m.from_numpy(weight), reduction=reduction),
        uniform(3, 4),
        uniform(3, 4),
        second=False,
    )
    ends = np.array([0.0, 1.0, 0.0, 1.0])
    same(
        lambda m, x, y: m.nn.functional.binary_cross_entropy(x, y.detach(), reduction=reduction),
        ends,
        np.array([1.0, 0.0, 0.0, 1.0]),
        second=False,
    )


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_binary_cross_entropy_with_logits_and_factors(reduction):
    weight, positive = uniform(4), uniform(4, high=3.0)
    for options in ({"weight": weight}, {"pos_weight": positive}, {"weight": weight, "pos_weight": positive}):

        def call(m, x, y, options=options):
            factors = {k: m.from_numpy(v) for k, v in options.items()}
            return m.nn.functional.binary_cross_entropy_with_logits(x, y, reduction=reduction, **factors)

        same(call, normal(3, 4), uniform(3, 4))
    same(
        lambda m, x, y: m.nn.functional.binary_cross_entropy_with_logits(x, y),
        normal(3, dtype="float32"),
        uniform(3),
        values=False,
    )


@pytest.mark.parametrize("reduction", [*REDUCTIONS, "batchmean"])
def test_kl_div(reduction):
    same(lambda m, x, y: m.nn.functional.kl_div(x, y, reduction=reduction), normal(3, 4), uniform(3, 4))
    y = np.array([[0.0, 1.0, 0.0]])
    same(lambda m, x, y: m.nn.functional.kl_div(x, y.detach(), reduction=reduction), normal(1, 3), y)


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_margins(reduction):
    for margin in (0.0, 0.5, 2.0):
        f = lambda name: lambda m, *a: getattr(m.nn.functional, name)(*a, margin=margin, reduction=reduction)
        same(lambda m, a, b, y: f("margin_ranking_loss")(m, a, b, y.detach()), normal(6), normal(6), signs(6))
        same(lambda m, a, y: f("hinge_embedding_loss")(m, a, y.detach()), normal(3, 2), signs(3, 2))
        same(lambda m, a, b, y: f("cosine_embedding_loss")(m, a, b, y.detach()), normal(5, 3), normal(5, 3), signs(5))
        same(lambda m, a, b, y: f("cosine_embedding_loss")(m, a, b, y.detach()), normal(3), normal(3), signs())
    same(
        lambda m, x, y: m.nn.functional.soft_margin_loss(x, y.detach(), reduction=reduction), normal(3, 4), signs(3, 4)
    )
    weight = uniform(4)
    for w in (None, weight):
        same(
            lambda m, x, y: m.nn.functional.multilabel_soft_margin_loss(
                x, y.detach(), None if w is None else m.from_numpy(w), reduction=reduction
            ),
            normal(3, 4),
            uniform(3, 4),
        )


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_margins_of_classes(reduction):
    weight = uniform(4)
    for p in (1, 2):
        for w in (None, weight):
            # torch has no second derivative of this one
            same(
                lambda m, x, y: m.nn.functional.multi_margin_loss(
                    x, y, p, 0.7, None if w is None else m.from_numpy(w), reduction=reduction
                ),
                normal(5, 4),
                labels(4, 5),
                second=False,
            )
    same(
        lambda m, x, y: m.nn.functional.multi_margin_loss(x, y, reduction=reduction), normal(4), labels(4), second=False
    )
    y = np.array([[3, 0, -1, 1], [0, -1, -1, 2], [-1, 0, 0, 0], [0, 1, 2, 3]])
    same(
        lambda m, x, y: m.nn.functional.multilabel_margin_loss(x, y, reduction=reduction), normal(4, 4), y, second=False
    )
    same(
        lambda m, x, y: m.nn.functional.multilabel_margin_loss(x, y, reduction=reduction), normal(4), y[0], second=False
    )


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_triplets(reduction):
    for shape in ((5, 3), (3,), (2, 5, 3)):
        for swap in (False, True):
            same(
                lambda m, a, p, n: m.nn.functional.triplet_margin_loss(a, p, n, 0.8, swap=swap, reduction=reduction),
                normal(*shape),
                normal(*shape),
                normal(*shape),
            )
            same(
                lambda m, a, p, n: m.nn.functional.triplet_margin_loss(a, p, n, p=3, swap=swap, reduction=reduction),
                normal(*shape),
                normal(*shape),
                normal(*shape),
            )
            same(
                lambda m, a, p, n: m.nn.functional.triplet_margin_with_distance_loss(
                    a, p, n, distance_function=lambda x, y: ((x - y) ** 2).sum(-1), swap=swap, reduction=reduction
                ),
                normal(*shape),
                normal(*shape),
                normal(*shape),
            )
    same(
        lambda m, a, p, n: m.nn.functional.triplet_margin_with_distance_loss(a, p, n), *(normal(4, 2) for _ in range(3))
    )


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_gaussian(reduction):
    for shape in ((3, 4), (3, 1), (3,), (1, 4)):
        for full in (False, True):
            same(
                lambda m, x, y, v: m.nn.functional.gaussian_nll_loss(x, y, v, full, reduction=reduction),
                normal(3, 4),
                normal(3, 4),
                uniform(*shape),
            )
    same(lambda m, x, y: m.nn.functional.gaussian_nll_loss(x, y, 0.5, reduction=reduction), normal(3, 4), normal(3, 4))
    same(
        lambda m, x, y, v: m.nn.functional.gaussian_nll_loss(x, y, v, eps=0.5, reduction=reduction),
        normal(3),
        normal(3),
        uniform(3),
    )


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_ctc(reduction):
    """Lengths that vary, labels that repeat, sequences that are too short for their labels."""
    for trial in range(40):
        frames, n, classes, longest = (int(RNG.integers(1, k)) for k in (12, 5, 6, 6))
        classes += 1
        scores = torch.from_numpy(normal(frames, n, classes)).log_softmax(2).numpy()
        blank = int(RNG.integers(0, classes))
        targets = RNG.choice([c for c in range(classes) if c != blank], (n, longest))
        inputs, lengths = RNG.integers(1, frames + 1, n), RNG.integers(0, longest + 1, n)
        if trial % 2:
            targets = np.concatenate([t[:k] for t, k in zip(targets, lengths)])
            if not targets.size:
                continue
        for zero in (False, True):
            same(
                lambda m, x: m.nn.functional.ctc_loss(
                    x, m.from_numpy(targets), m.from_numpy(inputs), m.from_numpy(lengths), blank, reduction, zero
                ),
                scores,
                second=False,
            )
    same(
        lambda m, x: m.nn.functional.ctc_loss(x, m.tensor([1, 2]), (5,), (2,), reduction=reduction),
        torch.from_numpy(normal(5, 4)).log_softmax(1).numpy(),
        second=False,
    )


def test_flags_of_older_scripts():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for flags in (
            {"size_average": False},
            {"size_average": True},
            {"reduce": False},
            {"reduce": True, "size_average": False},
        ):
            for name in ("mse_loss", "l1_loss", "smooth_l1_loss", "binary_cross_entropy_with_logits"):
                same(lambda m, x, y: getattr(m.nn.functional, name)(x, y, **flags), normal(3), uniform(3))
            same(lambda m, x, y: m.nn.functional.cross_entropy(x, y, **flags), normal(3, 4), labels(4, 3))
            for module in ("MSELoss", "CrossEntropyLoss", "NLLLoss", "KLDivLoss"):
                assert getattr(ndl.nn, module)(**flags).reduction == getattr(torch.nn, module)(**flags).reduction
    for m in (torch, ndl):
        with pytest.warns(
            UserWarning, match="size_average and reduce args will be deprecated, please use reduction='sum'"
        ):
            m.nn.MSELoss(size_average=False)


def test_broadcasting_warns():
    for m in (torch, ndl):
        with pytest.warns(UserWarning, match="different to the input size"):
            m.nn.functional.mse_loss(m.ones(3, 4), m.ones(4))


def refuse(call, *args):
    return same_error(call, *args)


def test_refusals():
    x, y = normal(3, 4), labels(4, 3)
    for name in ("cross_entropy", "nll_loss"):
        loss = lambda m, x, y, **k: getattr(m.nn.functional, name)(x, y, **k)
        assert "Target 4 is out of bounds" in refuse(loss, x, np.array([0, 1, 4]))
        assert "Target -1 is out of bounds" in refuse(loss, x, np.array([0, -1, 3]))
        assert "Target -100 is out of bounds" in refuse(
            lambda m, x, y: loss(m, x, y, ignore_index=1), x, np.array([0, 1, -100])
        )
        assert "(1, 2, 0)" in refuse(loss, normal(2, 4, 3, 3), np.where(np.arange(18).reshape(2, 3, 3) == 15, 9, 1))
        assert "Expected input batch_size (3) to match target batch_size (2)" in refuse(loss, x, y[:2])
        assert "multi-target not supported" in refuse(loss, x, y[:, None])
        assert "size mismatch" in refuse(loss, normal(2, 4, 3), labels(4, 2, 2))
        refuse(loss, x, y.astype(np.int32))
        refuse(loss, x, y.astype(np.int16))
        refuse(loss, x, y.astype(float))
        refuse(loss, np.ones((2, 3), int), np.array([0, 1]))
        refuse(lambda m, x, y: loss(m, x, y, reduction="average"), x, y)
        refuse(lambda m, x, y: loss(m, x, y, weight=m.ones(3, dtype=m.float64)), x, y)
        refuse(lambda m, x, y: loss(m, x, y, weight=m.ones(4, dtype=m.float32)), x, y)
        refuse(lambda m, x: loss(m, x, 3), x)
    refuse(lambda m, x, y: m.nn.functional.cross_entropy(x, y), x, np.ones((3, 4), int))
    refuse(lambda m, x, y: m.nn.functional.cross_entropy(x, y, label_smoothing=1.5), x, y)
    F = lambda name: lambda m, *a, **k: getattr(m.nn.functional, name)(*a, **k)
    refuse(F("mse_loss"), normal(3, 4), normal(5))
    refuse(F("mse_loss"), np.arange(3), np.arange(3))
    refuse(lambda m, x: m.nn.functional.mse_loss(x, x, weight=m.ones(4)), x)
    refuse(lambda m, x: m.nn.functional.smooth_l1_loss(x, x, beta=-1.0), x)
    refuse(lambda m, x: m.nn.functional.huber_loss(x, x, delta=0.0), x)
    assert "between 0 and 1" in refuse(F("binary_cross_entropy"), x, uniform(3, 4))
    refuse(F("binary_cross_entropy"), uniform(3, 4), uniform(3, 4) + 1)
    refuse(F("binary_cross_entropy"), uniform(3, 4), uniform(4))
    refuse(F("binary_cross_entropy"), uniform(3), np.array([0, 1, 0]))
    refuse(F("binary_cross_entropy_with_logits"), x, uniform(4))
    refuse(F("binary_cross_entropy_with_logits"), normal(3), np.array([0, 1, 0]))
    refuse(F("margin_ranking_loss"), normal(3), normal(3, 3), normal(3))
    refuse(F("cosine_embedding_loss"), normal(3), normal(3), normal(3))
    refuse(F("multi_margin_loss"), normal(3, 4), labels(4, 2))
    refuse(lambda m, x, y: m.nn.functional.multi_margin_loss(x, y, p=3), normal(3, 4), labels(4, 3))
    refuse(F("multilabel_margin_loss"), normal(3, 4), labels(4, 3))
    refuse(F("multilabel_margin_loss"), normal(3, 4), np.full((3, 4), 4))
    refuse(F("triplet_margin_loss"), normal(3, 4), normal(4), normal(3, 4))
    refuse(lambda m, x: m.nn.functional.triplet_margin_loss(x, x, x, margin=-1.0), x)
    refuse(lambda m, x: m.nn.functional.gaussian_nll_loss(x, x, -1.0), x)
    refuse(lambda m, x: m.nn.functional.gaussian_nll_loss(x, x, m.ones(5)), x)
    refuse(lambda m, x: m.nn.functional.ctc_loss(x, m.tensor([[1, 2]]), (9,), (2,)), normal(4, 1, 3))
    refuse(lambda m, x: m.nn.functional.ctc_loss(x, m.tensor([[1, 2]]), (4,), (2,), blank=7), normal(4, 1, 3))
    refuse(lambda m, x: m.nn.functional.ctc_loss(x, m.tensor([[1, 2]]), (4,), (3,)), normal(4, 1, 3))
    refuse(lambda m, x: m.nn.functional.ctc_loss(x, m.tensor([[1, 2]]), (4, 4), (2,)), normal(4, 1, 3))


MODULES = {
    "CrossEntropyLoss": [{}, {"label_smoothing": 0.1}, {"reduction": "none"}, {"ignore_index": 1}],
    "NLLLoss": [{}, {"reduction": "sum"}, {"ignore_index": 2}],
    "MultiMarginLoss": [{}, {"p": 2, "margin": 0.5}],
}
PAIR_MODULES = {
    "MSELoss": [{}, {"reduction": "sum"}],
    "L1Loss": [{}],
    "SmoothL1Loss": [{}, {"beta": 0.5}],
    "HuberLoss": [{"delta": 0.5}],
    "BCELoss": [{}, {"reduction": "none"}],
    "BCEWithLogitsLoss": [{}],
    "KLDivLoss": [{"reduction": "batchmean"}],
    "PoissonNLLLoss": [{}, {"full": True, "log_input": False}],
    "SoftMarginLoss": [{}],
    "HingeEmbeddingLoss": [{"margin": 0.4}],
    "MultiLabelSoftMarginLoss": [{}],
}


def test_modules():
    for name, options in MODULES.items():
        for option in options:
            same(lambda m, x, y: getattr(m.nn, name)(**option)(x, y), normal(5, 4), labels(4, 5), second=False)
    for name, options in PAIR_MODULES.items():
        for option in options:
            same(
                lambda m, x, y: getattr(m.nn, name)(**option)(x, y.detach()), uniform(5, 4), uniform(5, 4), second=False
            )
    same(lambda m, x, y: m.nn.GaussianNLLLoss(full=True)(x, y, m.ones(3)), normal(3), normal(3))
    same(lambda m, x, y, z: m.nn.TripletMarginLoss(margin=0.5, p=1)(x, y, z), normal(3, 2), normal(3, 2), normal(3, 2))
    same(
        lambda m, x, y, z: m.nn.TripletMarginWithDistanceLoss(margin=0.5)(x, y, z),
        normal(3, 2),
        normal(3, 2),
        normal(3, 2),
    )
    same(lambda m, x, y: m.nn.MarginRankingLoss(0.2)(x, y, m.ones(3)), normal(3), normal(3))
    same(lambda m, x, y: m.nn.CosineEmbeddingLoss(0.2)(x, y, -m.ones(3)), normal(3, 2), normal(3, 2))
    same(
        lambda m, x: m.nn.CTCLoss(blank=1)(x, m.tensor([[0, 2]]), m.tensor([4]), m.tensor([2])),
        normal(4, 1, 3),
        second=False,
    )
    same(
        lambda m, x, y: m.nn.MultiLabelMarginLoss()(x, y),
        normal(2, 3),
        np.array([[1, -1, 0], [0, 2, -1]]),
        second=False,
    )


def test_weights_of_loss_modules_are_buffers():
    for m in (torch, ndl):
        w = m.ones(4)
        for module in (
            m.nn.CrossEntropyLoss(weight=w),
            m.nn.NLLLoss(w),
            m.nn.BCELoss(w),
            m.nn.MultiMarginLoss(weight=w),
        ):
            assert list(module.state_dict()) == ["weight"]
            assert module.weight is w
        both = m.nn.BCEWithLogitsLoss(w, pos_weight=w)
        assert list(both.state_dict()) == ["weight", "pos_weight"]
        assert m.nn.CrossEntropyLoss().weight is None and list(m.nn.CrossEntropyLoss().state_dict()) == []
