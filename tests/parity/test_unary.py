"""Functions of one number, special functions and activations, against torch: every dtype, shape, spelling and gradient."""

import warnings

import numpy as np
import pytest

import minitorch_ndl as ndl
import minitorch_ndl.nn.functional
import minitorch_ndl.special
from tests.helpers import to_numpy
from tests.parity.same import array, check, layouts, same

torch = pytest.importorskip("torch")

# Where random numbers are taken from, if not from a normal distribution.
RANGES = {
    "positive": (0.05, 4.0), "unit": (-0.95, 0.95), "above1": (1.05, 5.0), "chance": (0.03, 0.97), "gamma": (0.2, 9.0),
    "wide": (-8.0, 8.0),
}
# name: (range, aliases)
UNARY = {
    "abs": ("", "absolute"), "neg": ("", "negative"), "exp": ("", ""), "exp2": ("", ""), "expm1": ("", ""),
    "log": ("positive", ""), "log1p": ("positive", ""), "log2": ("positive", ""), "log10": ("positive", ""),
    "sqrt": ("positive", ""), "rsqrt": ("positive", ""), "square": ("", ""), "reciprocal": ("positive", ""),
    "sin": ("wide", ""), "cos": ("wide", ""), "tan": ("unit", ""), "asin": ("unit", "arcsin"),
    "acos": ("unit", "arccos"), "atan": ("wide", "arctan"), "sinh": ("", ""), "cosh": ("", ""), "tanh": ("", ""),
    "asinh": ("wide", "arcsinh"), "acosh": ("above1", "arccosh"), "atanh": ("unit", "arctanh"), "sign": ("", ""),
    "sgn": ("", ""), "floor": ("wide", ""), "ceil": ("wide", ""), "round": ("wide", ""), "trunc": ("wide", "fix"),
    "frac": ("wide", ""), "deg2rad": ("wide", ""), "rad2deg": ("", ""), "sinc": ("wide", ""), "logit": ("chance", ""),
    "sigmoid": ("wide", ""), "nan_to_num": ("", ""), "erf": ("", ""), "erfc": ("", ""), "erfinv": ("unit", ""),
    "lgamma": ("gamma", ""), "digamma": ("gamma", ""), "i0": ("wide", ""), "relu": ("", ""), "positive": ("", ""),
    "angle": ("", ""), "conj_physical": ("", ""),
}
QUESTIONS = ("isnan isinf isfinite isposinf isneginf isreal signbit logical_not bitwise_not").split()
SPECIAL = {
    "expit": "wide", "erf": "", "erfc": "", "erfcx": "unit", "erfinv": "unit", "exp2": "", "expm1": "", "log1p": "positive",
    "gammaln": "gamma", "digamma": "gamma", "psi": "gamma", "i0": "wide", "i0e": "wide", "i1": "wide", "i1e": "wide",
    "sinc": "wide", "logit": "chance", "round": "wide", "entr": "positive", "ndtr": "", "log_ndtr": "wide",
}
F = "nn.functional."
ACTIVATIONS = [  # name, positional arguments after the input, keywords
    ("relu", (), {}), ("relu6", (), {}), ("leaky_relu", (), {}), ("leaky_relu", (0.2,), {}),
    ("leaky_relu", (), {"negative_slope": 1.7}), ("leaky_relu", (-0.3,), {}), ("elu", (), {}), ("elu", (0.7,), {}),
    ("selu", (), {}), ("celu", (), {}), ("celu", (1.5,), {}), ("gelu", (), {}), ("gelu", (), {"approximate": "tanh"}),
    ("silu", (), {}), ("mish", (), {}), ("softplus", (), {}), ("softplus", (2.0, 1.5), {}), ("softplus", (), {"beta": 0.5}),
    ("logsigmoid", (), {}), ("sigmoid", (), {}), ("tanh", (), {}), ("hardtanh", (), {}), ("hardtanh", (-0.5, 2.0), {}),
    ("hardtanh", (), {"min_val": 0.0, "max_val": 0.5}), ("hardswish", (), {}), ("hardsigmoid", (), {}),
    ("hardshrink", (), {}), ("hardshrink", (0.1,), {}), ("softshrink", (), {}), ("softshrink", (), {"lambd": 0.1}),
    ("softsign", (), {}), ("tanhshrink", (), {}), ("threshold", (0.1, -20.0), {}), ("threshold", (0, 3), {}),
    ("rrelu", (), {}), ("rrelu", (0.1, 0.9), {"training": False}), ("softmin", (0,), {}), ("softmax", (0,), {}),
    ("softmax", (), {"dim": -1}), ("log_softmax", (-1,), {}), ("log_softmax", (), {"dim": 0}),
]
INPLACE = ("relu relu6 leaky_relu elu selu celu silu mish hardtanh hardswish hardsigmoid threshold rrelu").split()
SHAPES = [(3, 4), (2, 1, 5), (), (0,), (2, 0, 3), (17,)]
INTS = ["bool", "uint8", "int8", "int16", "int32", "int64"]


def reach(module, path):
    for part in path.split("."):
        module = getattr(module, part)
    return module


def draw(rng, shape, dtype, kind):
    low, high = RANGES.get(kind, (None, None))
    if np.dtype(dtype).kind != "f":
        low, high = None, None
    return array(rng, shape, dtype, low, high)


def outcome(path, module, *args, **kwargs):
    """What a call gives, or the type of its exception."""
    try:
        return reach(module, path)(*args, **kwargs), None
    except (RuntimeError, TypeError, ValueError, IndexError, NotImplementedError) as error:
        return None, type(error)


def agree_on_ints(path, *args, **kwargs):
    """On every integer dtype: the same values and dtype, or the same refusal."""
    rng = np.random.default_rng(3)
    for dtype in INTS:
        a = array(rng, (2, 3), dtype, 0 if "uint" in dtype else None, None)
        for values in (a,) if "soft" in path else (a, a[:0]):
            theirs, refused = outcome(path, torch, torch.from_numpy(values), *args, **kwargs)
            ours, error = outcome(path, ndl, ndl.from_numpy(values), *args, **kwargs)
            assert refused is error, f"{path} of {dtype}: {error} for {refused}"
            if error is None:
                check(ours, theirs, f"{path} of {dtype}")


@pytest.mark.parametrize("name", UNARY)
def test_unary(name):
    rng = np.random.default_rng(0)
    kind, alias = UNARY[name]
    for spelling in filter(None, (name, alias)):
        for shape in SHAPES:
            for dtype in ("float64", "float32"):
                for a in list(layouts(draw(rng, shape, dtype, kind)))[::1 if dtype == "float64" else -2]:
                    same(lambda m, x: getattr(m, spelling)(x), a, second=name != "sinc" or dtype == "float64")
        same(lambda m, x: getattr(x, spelling)(), draw(rng, (3, 4), "float64", kind))
        agree_on_ints(spelling)
        if hasattr(torch.Tensor, spelling + "_"):
            a = draw(rng, (4, 3), "float64", kind)
            if spelling not in ("asinh", "acosh", "atanh", "arcsinh", "arccosh", "arctanh"):  # torch has no gradient there
                same(lambda m, x: getattr(x * 1.0, spelling + "_")(), a)
                same(lambda m, x: getattr((x * 1.0)[1:], spelling + "_")(), a)  # through a view
            assert hasattr(ndl, spelling + "_") == hasattr(torch, spelling + "_"), f"function {spelling}_"


@pytest.mark.parametrize("name", [*UNARY, *QUESTIONS])
def test_out_and_inplace_dtypes(name):
    for source in ("float32", "int64", "bool"):
        for target in ("float64", "float32", "int64", "bool"):
            a = np.ones((2, 2), source)
            results = []
            for m in (torch, ndl):
                out = m.zeros(2, 2, dtype=getattr(m, target))
                _, error = outcome(name, m, m.from_numpy(a.copy()), out=out)
                results.append((to_numpy(out).tolist(), error))
            (values, refused), (mine, error) = results
            if refused is not TypeError and name != "conj_physical":  # torch gives it no out=
                kinds = (error, refused)  # NotImplementedError is a kind of RuntimeError
                assert error is refused or None not in kinds and (issubclass(*kinds) or issubclass(*kinds[::-1])), \
                    f"{name} of {source}, out={target}: {error} for {refused}"
                if error is None:
                    np.testing.assert_allclose(mine, values, rtol=1e-6)
        if hasattr(torch.Tensor, name + "_"):
            theirs, refused = outcome(name + "_", torch.Tensor, torch.from_numpy(a.copy()))
            ours, error = outcome(name + "_", ndl.Tensor, ndl.from_numpy(a.copy()))
            assert error is refused, f"{name}_ of {source}: {error} for {refused}"
            if error is None:
                check(ours, theirs, f"{name}_ of {source}")


@pytest.mark.parametrize("name", QUESTIONS)
def test_questions(name):
    rng = np.random.default_rng(1)
    for shape in SHAPES:
        a = array(rng, shape, "float64")
        if a.ndim and a.size > 3 and name != "bitwise_not":
            a.reshape(-1)[:4] = np.nan, np.inf, -np.inf, -0.0
        if name != "bitwise_not":
            same(lambda m, x: getattr(m, name)(x), a, grad=False)
            same(lambda m, x: getattr(x, name)(), a.astype("float32"), grad=False)
    agree_on_ints(name)
    assert outcome(name, torch, torch.ones(2))[1] is outcome(name, ndl, ndl.ones(2))[1]


@pytest.mark.parametrize("name", SPECIAL)
def test_special_namespace(name):
    rng = np.random.default_rng(2)
    for shape in [(3, 4), (), (0,)]:
        for dtype in ("float64", "float32"):
            same(lambda m, x: getattr(m.special, name)(x), draw(rng, shape, dtype, SPECIAL[name]))
    if name != "round":  # which torch has for ints, but not under this name
        agree_on_ints("special." + name)


def test_polygamma_and_friends():
    rng = np.random.default_rng(4)
    x = draw(rng, (3, 4), "float64", "gamma")
    for n in range(4):
        same(lambda m, x: m.polygamma(n, x), x)
        same(lambda m, x: m.special.polygamma(n, x), x)
        same(lambda m, x: x.polygamma(n), x)
        same(lambda m, x: (x * 1).polygamma_(n), x)
    same(lambda m, x: m.polygamma(2, x), np.array([-0.3, -1.7, -2.5]), second=False)
    for p in (1, 2, 4):
        same(lambda m, x: m.mvlgamma(x, p), x + p)
        same(lambda m, x: m.special.multigammaln(x, p), x + p)
        same(lambda m, x: x.mvlgamma(p), x + p)
    same(lambda m, x: m.logit(x, 0.3), draw(rng, (30,), "float64", "chance"))
    same(lambda m, x: m.logit(x, eps=0.3), array(rng, (30,)))
    same(lambda m, x: x.logit(), np.array([-1.0, 0.0, 0.5, 1.0, 2.0]), second=False)
    for decimals in (-2, -1, 1, 3):
        same(lambda m, x: m.round(x, decimals=decimals), array(rng, (30,), "float64", -99, 99))
        same(lambda m, x: x.round(decimals=decimals), array(rng, (30,), "float32", -9, 9))
    agree_on_ints("round", decimals=1)
    a = np.array([np.nan, np.inf, -np.inf, 1.5, -0.0])
    same(lambda m, x: m.nan_to_num(x), a)
    same(lambda m, x: m.nan_to_num(x, 1.0, 2.0, 3.0), a)
    same(lambda m, x: x.nan_to_num(nan=7.0, neginf=-1.0), a.astype("float32"))
    same(lambda m, x: (x * 1).nan_to_num_(posinf=-1.0), a)


SPECIAL_VALUES = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 3.0, -3.0, 30.0, -30.0, 1e-40, -1e-40, 1e-300, 1e30,
                  np.inf, -np.inf, np.nan]


@pytest.mark.parametrize("name", [*UNARY, *(F + n for n in dict.fromkeys(a[0] for a in ACTIVATIONS))])
def test_special_values(name):
    """Infinities, NaN, zeros of both signs, huge and tiny numbers: values and gradients, kinks included."""
    args = {F + "threshold": (0.5, 3.0), F + "softmin": (0,), F + "softmax": (0,), F + "log_softmax": (0,)}.get(name, ())
    # Where torch's own gradient (or i0) is NaN or stands for something else.
    unlike = {"digamma": 30.0, F + "mish": np.inf}.get(name)
    for dtype in ("float64", "float32"):
        for value in SPECIAL_VALUES:
            if name in ("lgamma", "digamma") and value < 0 and (name == "digamma" or np.isinf(value)) \
                    or name == "logit" and value == 0 or name == "i0" and np.isinf(value) or name[14:] == "hardswish" and value != value:
                continue
            a = np.array([value], dtype)
            theirs, ours = torch.from_numpy(a).requires_grad_(), ndl.from_numpy(a.copy()).requires_grad_()
            expected, actual = reach(torch, name)(theirs, *args), reach(ndl, name)(ours, *args)
            check(actual, expected, f"{name}({value}) as {dtype}")
            if expected.requires_grad and not (name == "digamma" and value <= 0) and value != unlike:
                expected.sum().backward()
                actual.sum().backward()
                e, a = theirs.grad.item(), ours.grad.item()
                assert a == pytest.approx(e, rel=1e-5 if dtype == "float32" else 1e-7, nan_ok=True), \
                    f"gradient of {name} at {value} ({dtype}): {a} for {e}"


@pytest.mark.parametrize("name, args, kwargs", ACTIVATIONS)
def test_activations(name, args, kwargs):
    rng = np.random.default_rng(5)
    for shape in SHAPES:
        for dtype in ("float64", "float32")[name == "hardsigmoid":]:  # torch's 1/6 there is a single-precision one
            for a in list(layouts(array(rng, shape, dtype, -4, 4)))[::1 if dtype == "float64" else -2]:
                same(lambda m, x: reach(m, F + name)(x, *args, **kwargs), a, second=name != "hardsigmoid")
    agree_on_ints(F + name, *args, **kwargs)
    if name in INPLACE and args != (-0.3,):  # with which torch refuses to go backward
        a = array(rng, (4, 3), "float32") * 2
        same(lambda m, x: reach(m, F + name)(x * 1.0, *args, **kwargs, inplace=True), a, second=False)
        same(lambda m, x: reach(m, F + name)(input=(x * 1.0)[1:], **kwargs, inplace=True), a, second=False) \
            if not args else None
        x = ndl.from_numpy(a.copy())
        assert reach(ndl, F + name)(x, *args, **kwargs, inplace=True) is x
        assert (x.numpy() != a).any()
        if hasattr(torch.nn.functional, name + "_"):
            same(lambda m, x: reach(m, F + name + "_")(x * 1.0, *args, **kwargs), a, second=False)


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax_spellings(name):
    rng = np.random.default_rng(6)
    for shape in [(3, 4), (2, 3, 4), (5,), (1, 1), (70, 90)]:
        for dim in range(-len(shape), len(shape)):
            for scale in (1.0, 60.0):
                a = array(rng, shape) * scale
                same(lambda m, x: getattr(m, name)(x, dim), a, second=len(shape) < 3 and shape != (70, 90))
                same(lambda m, x: getattr(x, name)(dim=dim), a.astype("float32"), second=False)
    a = array(rng, (3, 4), "float32")
    same(lambda m, x: getattr(m, name)(x, 1, dtype=m.float64), a)
    same(lambda m, x: getattr(m, name)(x, 1, m.float64), a)
    same(lambda m, x: getattr(x, name)(1, dtype=m.float64), a)
    same(lambda m, x: getattr(m.special, name)(x, 1, dtype=m.float64), a)
    same(lambda m, x: getattr(m, name)(x, 1, dtype=m.float32), array(rng, (3, 4), "int64"))
    same(lambda m, x: reach(m, F + name)(x, dim=1, dtype=m.float64), a)
    same(lambda m, x: reach(m, F + name)(x, -1, _stacklevel=5), a)
    for shape, expected in (((3,), 0), ((3, 4), 1), ((2, 3, 4), 0), ((2, 3, 4, 5), 1)):
        x = ndl.from_numpy(array(rng, shape))
        with pytest.warns(UserWarning, match="Implicit dimension choice"):
            implicit = reach(ndl, F + name)(x)
        assert ndl.equal(implicit, getattr(ndl, name)(x, expected))
    a = np.array([[-np.inf, 1.0, 2.0], [-np.inf, -np.inf, -np.inf], [np.inf, 1.0, 2.0], [np.nan, 1.0, 2.0], [1e4, -1e4, 0]])
    for dtype in ("float64", "float32"):
        for dim in (0, 1):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                same(lambda m, x: getattr(m, name)(x, dim), a.astype(dtype), grad=False)
    with pytest.raises(IndexError, match="Dimension out of range"):
        getattr(ndl, name)(ndl.ones(2, 3), 2)
    with pytest.raises(NotImplementedError, match="not implemented for 'Long'"):
        getattr(ndl, name)(ndl.ones(2, dtype=ndl.int64), 0)


def test_glu_and_prelu():
    rng = np.random.default_rng(7)
    for shape in [(4,), (3, 6), (2, 4, 6), (0, 4)]:
        for dim in range(-len(shape), len(shape)):
            if shape[dim] % 2 == 0:
                same(lambda m, x: reach(m, F + "glu")(x, dim), array(rng, shape))
    same(lambda m, x: reach(m, F + "glu")(x), array(rng, (2, 4), "float32"))
    for shape, weights in [((3, 4), (4,)), ((3, 4), (1,)), ((2, 3, 4, 2), (3,)), ((2, 3, 4), ()), ((5,), (1,)), ((), (1,)), ((0, 2), (2,))]:
        for dtype in ("float64", "float32"):
            a, w = array(rng, shape, dtype), array(rng, weights, dtype)
            same(lambda m, x, w: reach(m, F + "prelu")(x, w), a, w)
            same(lambda m, x, w: m.prelu(x, w), a, w)
            same(lambda m, x, w: x.prelu(w), a, w)


def test_rrelu_draws_as_torch_does():
    a = array(np.random.default_rng(8), (40, 50), "float32")
    for m in (torch, ndl):
        m.manual_seed(3)
    expected = torch.nn.functional.rrelu(torch.from_numpy(a), 0.1, 0.7, training=True)
    check(ndl.nn.functional.rrelu(ndl.from_numpy(a), 0.1, 0.7, training=True), expected, "rrelu")
    x = ndl.from_numpy(a).requires_grad_()
    y = ndl.nn.functional.rrelu(x, training=True)
    y.sum().backward()
    assert ndl.allclose(x.grad * x, y)


def test_gumbel_softmax_draws_as_torch_does():
    a = array(np.random.default_rng(9), (5, 4), "float32")
    for options in ({}, {"tau": 0.3}, {"hard": True}, {"hard": True, "dim": 0}):
        results = []
        for m in (torch, ndl):
            m.manual_seed(11)
            x = m.from_numpy(a.copy()).requires_grad_()
            y = m.nn.functional.gumbel_softmax(x, **options)
            (y * m.from_numpy(np.arange(20, dtype="float32").reshape(5, 4))).sum().backward()
            results += [y, x.grad]
        check(results[2], results[0], f"gumbel_softmax {options}")
        check(results[3], results[1], f"gradient of gumbel_softmax {options}")


REFUSED = [  # both libraries refuse, with the same type of exception
    "F.glu(T.ones(3))", "F.glu(T.tensor(1.0))", "F.glu(T.ones(2, 2), 5)", "F.prelu(T.ones(3, 4), T.ones(3))",
    "F.prelu(T.ones(3, 4), T.ones(4, 1))", "F.prelu(T.tensor(1.0), T.ones(2))", "F.prelu(T.ones(2), T.ones(2))",
    "F.prelu(T.ones(2).double(), T.ones(1))", "F.prelu(T.ones(2), 0.5)", "F.softshrink(T.ones(2), -1)",
    "F.rrelu(T.ones(2), 0.5, 0.2, True)", "F.gelu(T.ones(2), approximate='x')", "F.gelu(T.ones(2), 'tanh')",
    "F.hardtanh(T.ones(2), 2, 1)", "F.celu(T.ones(2), 0)", "F.relu(3.0)", "T.relu('a')", "T.exp(3)",
    "T.exp([1.0])", "T.exp(T.ones(2), foo=1)", "T.exp()", "T.polygamma(-1, T.ones(2))", "T.mvlgamma(T.ones(2), 0)",
    "T.softmax(T.ones(2))", "-T.tensor([True])", "+T.tensor([True])", "~T.ones(2)", "T.ones(2).exp(1, 2)",
    "T.tensor([1]).exp_()", "T.ones(2, requires_grad=True).exp_()", "T.exp(T.ones(2, requires_grad=True), out=T.ones(2))",
    "T.round(T.ones(2), 1)", "T.tensor([1, 2]).sigmoid_()", "T.exp(T.ones(2), out=T.ones(2, dtype=T.int64))",
    "abs(T.tensor([True]))", "F.threshold(T.ones(2), 1.0)",
]


@pytest.mark.parametrize("source", REFUSED)
def test_refusals(source):
    errors = []
    for m in (torch, ndl):
        with pytest.raises(Exception) as caught:
            eval(source, {"T": m, "F": m.nn.functional})
        errors.append(type(caught.value))
    assert errors[0] is errors[1], f"{errors[1].__name__} for {errors[0].__name__}: {caught.value}"
