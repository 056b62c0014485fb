"""Linear, activations, dropout and embeddings against torch."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tests.parity.both import BOTH
from tests.parity.same import array, layouts, same, same_error

RNG = np.random.default_rng(0)


def test_linear():
    for rows in ((), (1,), (2,), (5,), (2, 3), (0,), (40,)):
        for inputs, outputs in ((3, 4), (1, 1), (4, 90), (7, 2)):
            for bias in (True, False):
                args = [
                    array(RNG, (*rows, inputs)),
                    array(RNG, (outputs, inputs)),
                    *([array(RNG, (outputs,))] if bias else []),
                ]
                same(lambda m, *a: m.nn.functional.linear(*a), *args)
    for x in layouts(array(RNG, (6, 4))):
        for w in layouts(array(RNG, (30, 4))):
            same(lambda m, *a: m.nn.functional.linear(*a), x, w, array(RNG, (30,)))
    same(lambda m, x, w: m.nn.functional.linear(x, w), array(RNG, (5, 3)), array(RNG, (3,)))
    same(lambda m, x, w: m.nn.functional.linear(x, w), array(RNG, (3,)), array(RNG, (3,)))
    same(lambda m, x, w, b: m.nn.functional.linear(x, w, b), array(RNG, (5, 3)), array(RNG, (2, 3)), array(RNG, (1,)))
    same(lambda m, x, w: m.nn.functional.linear(x, w), array(RNG, (5, 3), "int64"), array(RNG, (2, 3), "int64"))
    for dtype in ("float32", "float16"):
        same(
            lambda m, x, w, b: m.nn.functional.linear(x, w, b),
            array(RNG, (20, 3), dtype),
            array(RNG, (50, 3), dtype),
            array(RNG, (50,), dtype),
            second=False,
        )
    for x, w, b in (
        ((2, 5), (2, 3), None),
        ((5,), (2, 3), None),
        ((2, 3, 5), (2, 3), None),
        ((2, 3), (2, 3), (3,)),
        ((2, 3), (2, 2, 3), None),
        ((), (2, 3), None),
        ((2, 3), (4,), None),
    ):
        given = [array(RNG, s) for s in (x, w, b) if s is not None]
        same_error(lambda m, *a: m.nn.functional.linear(*a), *given)
    message = same_error(lambda m, *a: m.nn.functional.linear(*a), array(RNG, (2, 5)), array(RNG, (2, 3)))
    assert "mat1 and mat2 shapes cannot be multiplied (2x5 and 3x2)" in message
    assert "linear: input has 5 features, weight expects 3 (input (2, 5), weight (2, 3))" in message
    same_error(lambda m, *a: m.nn.functional.linear(*a), array(RNG, (2, 3)), array(RNG, (2, 3), "float32"))


def test_bilinear():
    for rows in ((), (5,), (2, 3)):
        for bias in (True, False):
            args = [
                array(RNG, (*rows, 2)),
                array(RNG, (*rows, 3)),
                array(RNG, (4, 2, 3)),
                *([array(RNG, (4,))] if bias else []),
            ]
            same(lambda m, *a: m.nn.functional.bilinear(*a), *args)
    same_error(
        lambda m, *a: m.nn.functional.bilinear(*a), array(RNG, (5, 2)), array(RNG, (4, 3)), array(RNG, (4, 2, 3))
    )
    same_error(
        lambda m, *a: m.nn.functional.bilinear(*a), array(RNG, (5, 9)), array(RNG, (5, 3)), array(RNG, (4, 2, 3))
    )
    same_error(lambda m: m.nn.Bilinear(0, 2, 3))


ACTIVATIONS = [
    ("ReLU", {}),
    ("ReLU6", {}),
    ("LeakyReLU", {"negative_slope": 0.2}),
    ("PReLU", {}),
    ("ELU", {"alpha": 1.5}),
    ("CELU", {}),
    ("SELU", {}),
    ("GELU", {}),
    ("GELU", {"approximate": "tanh"}),
    ("SiLU", {}),
    ("Mish", {}),
    ("Sigmoid", {}),
    ("LogSigmoid", {}),
    ("Hardswish", {}),
    ("Tanh", {}),
    ("Tanhshrink", {}),
    ("Hardtanh", {"min_val": -0.5, "max_val": 0.7}),
    ("Softplus", {"beta": 2.0, "threshold": 1.0}),
    ("Softsign", {}),
    ("Softshrink", {"lambd": 0.3}),
    ("Hardshrink", {"lambd": 0.3}),
    ("Threshold", {"threshold": 0.1, "value": -5.0}),
    ("GLU", {"dim": 1}),
    ("Softmax", {"dim": 1}),
    ("LogSoftmax", {"dim": -1}),
    ("Softmin", {"dim": 0}),
    ("Flatten", {}),
    ("Unflatten", {"dim": 1, "unflattened_size": (2, 2)}),
    ("Identity", {}),
]


@pytest.mark.parametrize("name, options", ACTIVATIONS)
def test_activations(name, options):
    same(lambda m, x: getattr(m.nn, name)(**options).double()(x), array(RNG, (3, 4)))
    same(lambda m, x: getattr(m.nn, name)(**options)(x), array(RNG, (3, 4), "float32"), second=False)


@pytest.mark.parametrize("name", "ReLU ReLU6 LeakyReLU ELU CELU SELU SiLU Mish Hardsigmoid Hardswish Hardtanh".split())
def test_activations_in_place(name):
    def call(m, x):
        y = x * 1
        out = getattr(m.nn, name)(inplace=True)(y)
        assert out is y
        return out

    same(call, array(RNG, (3, 4), "float32"), second=False)


def test_softmax2d():
    same(lambda m, x: m.nn.Softmax2d()(x), array(RNG, (2, 3, 2, 2)))
    same(lambda m, x: m.nn.Softmax2d()(x), array(RNG, (3, 2, 2)))
    same_error(lambda m: m.nn.Softmax2d()(m.ones(3, 2)))


def test_settings_are_checked():
    for call in (
        lambda m: m.nn.ReLU(3, 4),
        lambda m: m.nn.LeakyReLU(slope=3),
        lambda m: m.nn.Threshold(3),
        lambda m: m.nn.Sigmoid(3),
        lambda m: m.nn.Dropout(1.5),
        lambda m: m.nn.Dropout(-0.1),
        lambda m: m.nn.functional.dropout(m.ones(3), 2.0),
        lambda m: m.nn.Unflatten(1, 3),
        lambda m: m.nn.Unflatten(1, (2, "a")),
    ):
        same_error(call)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(
    "name, shapes",
    [
        ("dropout", [(5,), (3, 4), (), (0, 3), (100, 7)]),
        ("dropout1d", [(2, 5, 3), (5, 3)]),
        ("dropout2d", [(2, 5, 3, 2), (2, 5, 3), (5, 3)]),
        ("dropout3d", [(2, 5, 1, 2, 2), (5, 2, 2, 2)]),
        ("alpha_dropout", [(5,), (3, 4)]),
        ("feature_alpha_dropout", [(2, 5, 3, 2), (3, 4)]),
    ],
)
def test_dropout_draws_the_same_masks(name, shapes):
    for shape in shapes:
        for p in (0.0, 0.3, 0.5, 1.0):
            for training in (True, False):

                def call(m, x, p=p, training=training):
                    m.manual_seed(4)
                    return getattr(m.nn.functional, name)(x, p, training)

                def in_place(m, x, p=p, training=training):
                    m.manual_seed(4)
                    y = x * 1
                    out = getattr(m.nn.functional, name)(y, p, training, True)
                    assert out.data_ptr() == y.data_ptr() and out.shape == x.shape
                    return out

                for dtype in ("float64", "float32"):
                    same(call, array(RNG, shape, dtype))
                if len(shape) != 2 or name != "dropout1d":
                    same(in_place, array(RNG, shape), second=False)
    for x in layouts(array(RNG, (4, 6))):
        if name == "dropout":
            same(lambda m, x: (m.manual_seed(1), m.nn.functional.dropout(x))[1], x)


def test_dropout_modules():
    for name, shape in (
        ("Dropout", (5, 4)),
        ("Dropout1d", (2, 5, 4)),
        ("Dropout2d", (2, 5, 4, 3)),
        ("Dropout3d", (2, 5, 1, 4, 3)),
        ("AlphaDropout", (5, 4)),
        ("FeatureAlphaDropout", (5, 4, 2)),
    ):
        same(lambda m, x: (m.manual_seed(1), getattr(m.nn, name)(0.3)(x))[1], array(RNG, shape))
        same(lambda m, x: getattr(m.nn, name)(0.3).eval()(x), array(RNG, shape))
    same_error(lambda m: m.nn.functional.dropout1d(m.ones(3)))
    same_error(lambda m: m.nn.functional.feature_alpha_dropout(m.ones(3), training=True))
    for m in BOTH:
        with pytest.warns(UserWarning, match="dropout2d: Received a 2-D input"):
            m.nn.functional.dropout2d(m.ones(2, 3))


def test_embedding():
    index = RNG.integers(0, 7, (3, 5))
    for options in (
        {},
        {"padding_idx": 2},
        {"padding_idx": -1},
        {"scale_grad_by_freq": True},
        {"padding_idx": 0, "scale_grad_by_freq": True},
    ):
        for shape in ((3, 5), (5,), (), (0, 2), (2, 2, 2)):
            i = np.asarray(RNG.integers(0, 7, shape))
            same(
                lambda m, i, w: m.nn.functional.embedding(i, w, **options),
                i,
                array(RNG, (7, 4)),
                second="scale_grad_by_freq" not in options,
            )  # torch has no second one there
    same(lambda m, i, w: m.nn.functional.embedding(i, w), index.astype(np.int32), array(RNG, (7, 4), "float32"))
    for norm in (1.0, 2.0, 3.0):

        def shortened(m, i, w, norm=norm):
            v = w.detach().clone()
            out = m.nn.functional.embedding(i, v, max_norm=1.2, norm_type=norm)
            return out, v

        same(shortened, index, array(RNG, (7, 4)), grad=False)
    for call in (
        lambda m: m.nn.functional.embedding(m.tensor([7]), m.ones(7, 4)),
        lambda m: m.nn.functional.embedding(m.tensor([-1]), m.ones(7, 4)),
        lambda m: m.nn.functional.embedding(m.tensor([1.0]), m.ones(7, 4)),
        lambda m: m.nn.functional.embedding(m.tensor([1], dtype=m.uint8), m.ones(7, 4)),
        lambda m: m.nn.functional.embedding(m.tensor([1]), m.ones(7)),
    ):
        same_error(call)
    for m in BOTH:
        with pytest.raises(AssertionError):
            m.nn.Embedding(3, 2, padding_idx=3)
        with pytest.raises(AssertionError):
            m.nn.Embedding.from_pretrained(m.ones(3))
        table = m.tensor([[1.0, 2.0], [3.0, 4.0]])
        frozen = m.nn.Embedding.from_pretrained(table)
        assert not frozen.weight.requires_grad and frozen(m.tensor([1])).tolist() == [[3, 4]]
        table[1, 0] = 9
        assert frozen(m.tensor([1])).tolist() == [[9, 4]]
        assert m.nn.Embedding.from_pretrained(table, freeze=False, padding_idx=-1).padding_idx == 1


def test_module_paths():
    for path in (
        "linear.Linear",
        "activation.ReLU",
        "loss.CrossEntropyLoss",
        "loss._Loss",
        "loss._WeightedLoss",
        "container.Sequential",
        "module.Module",
        "dropout.Dropout",
        "sparse.Embedding",
        "flatten.Flatten",
    ):
        file, name = path.split(".")
        for root in ("torch", "minitorch_ndl"):
            scope = {}
            exec(f"from {root}.nn.modules.{file} import {name}\nimport {root}.nn.modules.{file} as f", scope)
            assert scope[name] is getattr(scope["f"], name)
    for m in BOTH:
        assert m.nn.modules.Linear is m.nn.Linear is m.nn.modules.linear.Linear
        assert m.nn.parameter.Parameter is m.nn.Parameter
        assert isinstance(m.nn.MSELoss(), m.nn.modules.loss._Loss)
        assert isinstance(m.nn.NLLLoss(), m.nn.modules.loss._WeightedLoss)
