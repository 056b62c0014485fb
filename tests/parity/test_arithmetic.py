"""Arithmetic on two and three operands, against torch: every dtype beside every other, numbers, broadcasting, gradients
of both orders, in place, `out=`, operators, ties, NaN, refusals."""

import itertools
import operator

import numpy as np
import pytest

import minitorch_ndl as ndl
from tests.parity.same import array, same, same_error, torch

DTYPES = "bool uint8 int8 int16 int32 int64 float16 float32 float64".split()
SHAPES = [((3, 4), (3, 4)), ((3, 4), (4,)), ((3, 1), (1, 4)), ((), (3,)), ((3,), ()), ((), ()), ((0, 3), (3,))]
BINARY = ("add sub mul div pow fmod remainder maximum minimum fmax fmin atan2 hypot copysign logaddexp logaddexp2 xlogy "
          "rsub float_power floor_divide gcd lcm heaviside nextafter ldexp special.xlog1py").split()
SMOOTH = [n for n in BINARY if n not in ("floor_divide", "gcd", "lcm", "heaviside", "ldexp")]
IN_PLACE = "add sub mul div pow fmod remainder atan2 hypot copysign xlogy float_power floor_divide".split()
OPERATORS = [operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.mod, operator.pow]


def attribute(m, path):
    for part in path.split("."):
        m = getattr(m, part)
    return m


def same_or_refused(call, *args, **more):
    """Whatever torch does: the same values, or the same refusal."""
    try:
        call(torch, *(torch.from_numpy(a.copy()) if isinstance(a, np.ndarray) else a for a in args))
    except Exception:
        return same_error(call, *args)
    return same(call, *args, **more)


@pytest.mark.parametrize("name", BINARY)
def test_every_dtype_beside_every_other(name):
    rng = np.random.default_rng(0)
    for a, b in itertools.product(DTYPES, DTYPES):
        x = array(rng, (3, 4), a)
        y = array(rng, (4,), b, *((1, 5) if b[0] not in "bf" else ()))  # torch's integers don't divide by zero either
        if "pow" in name and a[0] == "f":
            x = np.abs(x)
        if name == "ldexp" and a[0] == "f" and b[0] == "f":
            continue  # torch's own power of float32 is an ulp away from NumPy's
        same_or_refused(lambda m, x, y: attribute(m, name)(x, y), x, y, grad=False)


@pytest.mark.parametrize("name", BINARY)
def test_every_dtype_beside_a_number(name):
    rng = np.random.default_rng(1)
    for dtype, n, shape in itertools.product(DTYPES, (2, 2.5, -1, True), ((3,), ())):
        x = array(rng, shape, dtype, *((1, 5) if dtype[0] not in "bf" else ()))
        same_or_refused(lambda m, x: attribute(m, name)(x, n), x, grad=False)
        if not (name == "pow" and n is True and dtype == "bool"):
            same_or_refused(lambda m, x: attribute(m, name)(n, x), x, grad=False)


@pytest.mark.parametrize("name", SMOOTH)
def test_gradients_with_broadcasting(name):
    rng = np.random.default_rng(2)
    for a, b in SHAPES:
        x, y = array(rng, a, low=0.2, high=2), array(rng, b, low=0.3, high=2)
        same(lambda m, x, y: attribute(m, name)(x, y), x, y)
        same(lambda m, x, y: attribute(m, name)(x, y), x.astype("float32"), y.astype("float32"), second=False)


@pytest.mark.parametrize("name", IN_PLACE)
def test_in_place(name):
    rng = np.random.default_rng(3)
    f, second = name + "_", name != "floor_divide"
    grad = name != "floor_divide"  # its derivative is refused
    for shape in ((3, 4), (4,), ()):
        x, y = array(rng, (3, 4), low=0.3, high=2), array(rng, shape, low=0.3, high=2)
        same(lambda m, x, y: getattr(x.clone(), f)(y), x, y, grad=grad, second=second)

        def through_a_view(m, x, y):
            z = x.clone()
            w = z * 2
            getattr(z[:, 1:3], f)(y.reshape(-1)[0])
            return z, w

        same(through_a_view, x, y, grad=grad, second=second)
        same_error(lambda m, x, y: getattr(x, f)(y), x, y, grad=True)  # a leaf
    same_error(lambda m, x, y: getattr(y.clone(), f)(x), x, x[0])  # would have to grow
    for dtype, n in itertools.product(DTYPES, (2, 0.5)):
        x = array(rng, (5,), dtype, *((1, 5) if dtype[0] not in "bf" else ()))
        same_or_refused(lambda m, x: getattr(x.clone(), f)(n), x, grad=False)
        same_or_refused(lambda m, x, y: getattr(x.clone(), f)(y), x, array(rng, (5,), "int64", 1, 4), grad=False)


@pytest.mark.parametrize("name", ["add", "sub", "mul", "div", "pow", "maximum", "atan2", "where", "lerp", "addcmul"])
def test_out(name):
    rng = np.random.default_rng(4)
    more = {"where": 1, "lerp": 1, "addcmul": 1}.get(name, 0)
    arrays = [array(rng, (3, 4), low=0.1, high=0.9) for _ in range(2 + more)]

    def call(m, *tensors):
        if name == "where":
            tensors = (tensors[0] > 0.5, *tensors[1:])
        out = m.empty(3, 4, dtype=m.float64)
        assert getattr(m, name)(*tensors, out=out) is out
        return out

    same(call, *arrays, grad=False)
    same_error(lambda m, *t: getattr(m, name)(*t, out=m.empty(3, 4, dtype=m.int64)), *arrays)


@pytest.mark.parametrize("op", OPERATORS, ids=lambda op: op.__name__)
def test_operators(op):
    rng = np.random.default_rng(5)
    in_place = getattr(operator, "i" + op.__name__)
    for dtype, n, shape in itertools.product(DTYPES, (2, 2.5, np.float32(2), np.int64(3)), ((3,), ())):
        x = array(rng, shape, dtype, *((1, 5) if dtype[0] not in "bf" else ()))
        same_or_refused(lambda m, x: op(x, n), x, grad=False)
        same_or_refused(lambda m, x: in_place(x.clone(), n), x, grad=False)
        if not isinstance(n, np.generic):
            same_or_refused(lambda m, x: op(n, x), x, grad=False)
    x = array(rng, (3, 4), low=0.5, high=2)
    for wrong in ({}, None, object()):
        with pytest.raises(TypeError, match="unsupported operand"):
            op(ndl.from_numpy(x), wrong)
        with pytest.raises(TypeError, match="unsupported operand"):
            op(wrong, ndl.from_numpy(x))
    if op is not operator.floordiv:
        same(lambda m, x: op(x, 2.5), x)
        if op is not operator.mod:  # torch has no derivative for a number modulo a tensor
            same(lambda m, x: op(2.5, x), x)


def test_numpy_arrays_on_either_side():
    """Arrays join as tensors of their dtype, with gradients; torch does so by NumPy's rules, and not always."""
    x = ndl.tensor([1.0, 2.0], requires_grad=True)
    for op in OPERATORS:
        a = np.array([3.0, 5.0])
        expected = op(x.double(), ndl.from_numpy(a))
        for result, mirrored in ((op(x, a), False), (op(a, x), True)):
            wanted = op(ndl.from_numpy(a), x.double()) if mirrored else expected
            assert result.dtype == ndl.float64 and result.requires_grad
            np.testing.assert_array_equal(result.detach().numpy(), wanted.detach().numpy())
    a = np.ones(2)
    with pytest.raises(RuntimeError, match="requires grad"):
        a += x  # the array is written; a graph would be lost
    a += x.detach()
    np.testing.assert_array_equal(a, [2, 3])
    y = ndl.ones(2)
    y += np.array([1.0, 2.0], np.float32)
    assert y.tolist() == [2, 3] and y.dtype == ndl.float32


def test_divmod():
    x = ndl.tensor([7, -7])
    assert [t.tolist() for t in divmod(x, 3)] == [[2, -3], [1, 2]]
    assert [t.tolist() for t in divmod(7, ndl.tensor([2, -2]))] == [[3, -4], [1, -1]]


# --- alpha, value, rounding_mode, and the order of arguments of old -----------------------------------------------------


@pytest.mark.parametrize("name", ["add", "sub", "rsub"])
def test_alpha(name):
    rng = np.random.default_rng(6)
    for a, b, alpha in itertools.product(DTYPES, DTYPES, (2, -0.5, True, 0)):
        x, y = array(rng, (3, 4), a), array(rng, (4,), b)
        same_or_refused(lambda m, x, y: getattr(m, name)(x, y, alpha=alpha), x, y, grad=False)
        if name != "rsub":
            same_or_refused(lambda m, x, y: getattr(x.clone(), name + "_")(y, alpha=alpha), x, y, grad=False)
        same_or_refused(lambda m, x: getattr(m, name)(x, 3, alpha=alpha), x, grad=False)
    x, y = array(rng, (3, 4)), array(rng, (4,))
    same(lambda m, x, y: getattr(m, name)(x, y, alpha=-2.5), x, y)
    if name != "rsub":
        same(lambda m, x, y: getattr(x.clone(), name + "_")(y, alpha=-2.5), x, y)


@pytest.mark.filterwarnings("ignore:This overload")
def test_scale_before_the_tensors():
    rng = np.random.default_rng(7)
    x, y, z = array(rng, (3, 4)), array(rng, (4,)), array(rng, (3, 4), low=0.5, high=2)
    same(lambda m, x, y: m.add(x, 2, y), x, y)
    same(lambda m, x, y: x.clone().add_(-0.1, y), x, y)
    same(lambda m, x, y: x.clone().sub_(0.1, y), x, y)
    same(lambda m, x, y: x.clone().addcmul_(0.5, y, y), x, y)
    same(lambda m, x, y, z: m.addcdiv(x, -0.5, y, z), x, y, z)


@pytest.mark.parametrize("mode", [None, "trunc", "floor", "round"])
def test_rounding_mode(mode):
    rng = np.random.default_rng(8)
    for a, b in itertools.product(DTYPES, DTYPES):
        x, y = array(rng, (50,), a), array(rng, (50,), b)
        y = np.where(y == 0, 1, y).astype(b)
        same_or_refused(lambda m, x, y: m.div(x, y, rounding_mode=mode), x, y, grad=False)
        same_or_refused(lambda m, x, y: x.clone().divide_(y, rounding_mode=mode), x, y, grad=False)
    same_or_refused(lambda m, x, y: x.div(y, rounding_mode=mode), array(rng, (9,)), array(rng, (9,)), second=mode is None)


@pytest.mark.parametrize("name", ["addcmul", "addcdiv"])
def test_three_factors(name):
    rng = np.random.default_rng(9)
    for a, b, value in itertools.product(DTYPES, ("int32", "float32", "float64"), (1, 2, 0.5)):
        arrays = array(rng, (3, 4), a), array(rng, (4,), a), array(rng, (3, 1), b, *(() if b[0] == "f" else (1, 5)))
        same_or_refused(lambda m, x, y, z: getattr(m, name)(x, y, z, value=value), *arrays, grad=False)
        same_or_refused(lambda m, x, y, z: getattr(x.clone(), name + "_")(y, z, value=value), *arrays, grad=False)
    for a, b, c in [((3, 4), (4,), (3, 1)), ((4,), (3, 4), ()), ((), (3,), (3,))]:
        arrays = array(rng, a), array(rng, b), array(rng, c, low=0.5, high=2)
        same(lambda m, x, y, z: getattr(m, name)(x, y, z, value=-1.5), *arrays)


# --- choices, bounds, blends ---------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:where received a uint8 condition")
def test_where():
    rng = np.random.default_rng(10)
    mask = array(rng, (6,), "bool")
    for a, b, shape in itertools.product(DTYPES, DTYPES, ((6,), (2, 1), ())):
        x, y = array(rng, (6,), a), array(rng, shape, b)
        same(lambda m, c, x, y: m.where(c, x, y), mask, x, y, grad=False)
        same(lambda m, c, x, y: x.where(c, y), mask, x, y, grad=False)
    for a, n in itertools.product(DTYPES, (1, 2.5, True)):
        same(lambda m, c, x: m.where(c, x, n), mask, array(rng, (6,), a), grad=False)
        same(lambda m, c, x: m.where(c, n, x), mask, array(rng, (), a), grad=False)
        same_or_refused(lambda m, c, x: m.where(c, x, n), array(rng, (6,), a), array(rng, (6,)), grad=False)
    same(lambda m, c: m.where(c, 1, 2.0), mask, grad=False)
    same(lambda m, c: m.where(c), array(rng, (3, 4), "bool"), grad=False)
    same(lambda m, x, y, z: m.where(x > 0, y, z), array(rng, (2, 3)), array(rng, (3,)), array(rng, (2, 1)))
    large = array(rng, (300, 200))
    same(lambda m, x, y: m.where(x > 0, x, y), large, array(rng, (200,)), second=False)
    with pytest.raises(TypeError, match="condition"):
        ndl.where(True, ndl.ones(2), ndl.ones(2))


def test_clamp():
    rng = np.random.default_rng(11)
    for dtype, low, high in itertools.product(DTYPES, (None, -1, 0.5, True), (None, 1, 2.5)):
        x = array(rng, (6,), dtype)
        same_or_refused(lambda m, x: m.clamp(x, low, high), x, grad=False)
        same_or_refused(lambda m, x: x.clone().clip_(min=low, max=high), x, grad=False)
    for a, b in itertools.product(DTYPES, DTYPES):
        for shape in ((6,), ()):
            same_or_refused(lambda m, x, y: m.clamp(x, y), array(rng, (6,), a), array(rng, shape, b), grad=False)
            same_or_refused(lambda m, x, y: x.clamp_max(y), array(rng, (6,), a), array(rng, shape, b), grad=False)
    for size in (6, 5000):  # small and large go different ways
        x, y, z = (array(rng, (size,)) for _ in range(3))
        x[::3] = y[::3]  # ties
        x[1], y[2] = np.nan, np.nan
        same(lambda m, x: x.clamp(-0.5, 0.5), x)
        same(lambda m, x: x.clamp(max=0.5), x)
        same(lambda m, x: x.clamp(2, 1), x)
        same(lambda m, x: x.clamp(float("nan"), 1), x)
        same(lambda m, x, y: m.clamp(x, y), x, y)
        same(lambda m, x, y, z: m.clamp(x, y, z), x, y, z)
        same(lambda m, x, y: m.clamp_min(x, y), x, y)
        same(lambda m, x: m.clamp_max_(x.clone(), 0.2), x)


def test_lerp():
    rng = np.random.default_rng(12)
    for dtype, weight in itertools.product(DTYPES, (0, 0.3, 0.8, 1)):
        same_or_refused(lambda m, x, y: m.lerp(x, y, weight), array(rng, (4,), dtype), array(rng, (3, 4), dtype), grad=False)
    x, y, w = array(rng, (3, 4)), array(rng, (4,)), array(rng, (3, 1), low=0, high=1)
    same(lambda m, x, y, w: m.lerp(x, y, w), x, y, w)
    same(lambda m, x, y: x.clone().lerp_(y, 0.7), x, y)
    same_error(lambda m, x, y: m.lerp(x, y, 0.5), x, y.astype("float32"))


# --- the edges -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["maximum", "minimum", "fmax", "fmin", "max", "min"])
def test_ties_and_nan(name):
    nan = np.nan
    same(lambda m, x, y: getattr(m, name)(x, y), np.array([1.0, 2, 3]), np.array([1.0, 0, 4]))
    same(lambda m, x, y: getattr(m, name)(x, y), np.array([1.0, nan, 3, nan]), np.array([nan, 1.0, 3, nan]))


@pytest.mark.parametrize("exponent", [0, 1, 2, 3, 0.5, -1, -2, 1.5, -0.5])
def test_powers_at_zero_and_below(exponent):
    for x in (np.array([0.0, 1, -1, 2, np.inf]), np.array(0.0), np.array([[0.0, 0]])):
        same(lambda m, x: x**exponent, x)
        same(lambda m, x, y: x**y, x, np.full(x.shape, float(exponent)), second=False)


def test_integer_powers():
    rng = np.random.default_rng(13)
    same(lambda m, x, y: x**y, array(rng, (40,), "int64", -2, 3), array(rng, (40,), "int64", -3, 4))
    same_error(lambda m, x: x**-1, np.array([1, 2]))
    same(lambda m, x: 2**x, np.array([-1, 0, 3]))


@pytest.mark.parametrize("name", ["floor_divide", "remainder", "fmod"])
def test_division_of_integers_by_zero(name):
    assert "ZeroDivisionError" in same_error(lambda m, x: getattr(m, name)(x, 0), np.array([1, 2]))
    same_error(lambda m, x, y: getattr(m, name)(x, y), np.array([1, 2]), np.array([1, 0]))
    same(lambda m, x, y: getattr(m, name)(x, y), np.zeros((0, 2), int), np.array([1, 0]))
    same(lambda m, x: getattr(m, name)(x, 0), np.array([1.0, -1, 0]), grad=False)


@pytest.mark.parametrize("name", ["floor_divide", "remainder", "fmod"])
def test_division_of_large_arrays(name):
    """These go piece by piece in double precision; quotients beyond it, infinities and NaN must not show."""
    rng = np.random.default_rng(14)
    for scale, special in itertools.product((1, 1e-9), (False, True)):
        x, y = array(rng, (90, 100), "float32"), array(rng, (90, 100), "float32") * np.float32(scale)
        x[:, ::7] = np.round(x[:, ::7])
        y[:, ::3] = np.round(y[:, ::3] * 4) / 4 + np.float32(0.25)
        if special:
            x[3, :4], y[5, :3] = (np.nan, np.inf, -np.inf, 0), (np.nan, np.inf, 0)
        same(lambda m, x, y: getattr(m, name)(x, y), x, y, grad=False)
        for number in (-1.25, float("inf"), -float("inf")):
            same(lambda m, x: getattr(m, name)(x, number), x, grad=False)


@pytest.mark.parametrize("name", ["logaddexp", "logaddexp2", "xlogy", "hypot", "atan2"])
def test_infinities(name):
    values = np.array([-np.inf, -800.0, -1e-9, 0.0, 1e-9, 800.0, np.inf, np.nan])
    x, y = (v.reshape(-1) for v in np.meshgrid(values, values))
    same(lambda m, x, y: getattr(m, name)(x, y), x, y, grad=False)
    same(lambda m, x, y: getattr(m, name)(x, y), x.astype("float32"), y.astype("float32"), grad=False)


def test_logaddexp_keeps_what_is_small():
    x = ndl.tensor([0.0, 1e-10, -5.0], dtype=ndl.float64)
    y = ndl.tensor([-40.0, -30.0, -60.0], dtype=ndl.float64)
    np.testing.assert_allclose(ndl.logaddexp(x, y).numpy(), np.logaddexp(x.numpy(), y.numpy()), rtol=1e-14)


def test_subtraction_of_bools_says_what_to_do():
    b = ndl.tensor([True, False])
    for call in (lambda: b - b, lambda: b - 1, lambda: 1 - b, lambda: ndl.ones(2) - b, lambda: b.sub_(b)):
        with pytest.raises(RuntimeError, match="`(logical_not|logical_xor)\\(\\)` operator instead"):
            call()


def test_shapes_that_do_not_fit():
    message = same_error(lambda m, x, y: x + y, np.ones((2, 3)), np.ones(4))
    assert "add" in message and "(2, 3)" in message and "(4,)" in message


def test_a_step_has_no_derivative():
    x = ndl.ones(2, requires_grad=True)
    for y in (x // 2, ndl.heaviside(x, ndl.ones(2))):
        assert y.requires_grad
        with pytest.raises(RuntimeError, match="derivative for .* is not implemented"):
            y.sum().backward()
