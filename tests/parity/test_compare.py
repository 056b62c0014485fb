"""Comparisons, logic and bits against torch: every pair of dtypes, numbers, operators, in-place forms and refusals."""

import itertools

import numpy as np
import pytest

import minitorch_ndl as ndl
from tests.helpers import to_numpy
from tests.parity.same import array, check, same

torch = pytest.importorskip("torch")

COMPARE = {"eq": "__eq__", "ne": "__ne__", "lt": "__lt__", "le": "__le__", "gt": "__gt__", "ge": "__ge__"}
ALIASES = {"ne": "not_equal", "lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal"}
BITS = {"bitwise_and": "and", "bitwise_or": "or", "bitwise_xor": "xor", "bitwise_left_shift": "lshift",
        "bitwise_right_shift": "rshift"}
LOGIC = ["logical_and", "logical_or", "logical_xor"]
DTYPES = ["bool", "uint8", "int8", "int32", "int64", "float16", "float32", "float64"]
SHAPES = [((3, 4), (3, 4)), ((3, 4), (4,)), ((3, 1), (1, 4)), ((), (3,)), ((), ()), ((0, 3), (3,)), ((2, 0), (1, 1))]


def outcome(function, module, *args):
    """What a call gives, or the type of its exception."""
    try:
        return function(module, *args), None
    except (RuntimeError, TypeError, ValueError, NotImplementedError) as error:
        return None, type(error)


def agree(function, *arrays, where=""):
    """The same values and dtype, or the same refusal."""
    theirs, refused = outcome(function, torch, *(torch.from_numpy(a.copy()) for a in arrays))
    ours, error = outcome(function, ndl, *(ndl.from_numpy(a.copy()) for a in arrays))
    assert error is refused or None not in (error, refused) and issubclass(error, refused), f"{where}: {error} for {refused}"
    if error is None:
        check(ours, theirs, where)


@pytest.mark.parametrize("name", [*COMPARE, *LOGIC, *BITS])
def test_all_pairs_of_dtypes(name):
    rng = np.random.default_rng(0)
    for one, two in itertools.product(DTYPES, DTYPES):
        for shapes in [((3, 4), (4,)), ((2,), ()), ((), (2, 1))]:
            a, b = (array(rng, s, d, 0 if "int" in d else None) for s, d in zip(shapes, (one, two)))
            where = f"{name} of {one}{a.shape} and {two}{b.shape}"
            agree(lambda m, x, y: getattr(m, name)(x, y), a, b, where=where)
            agree(lambda m, x, y: getattr(x, name)(other=y), a, b, where=where)
            agree(lambda m, x, y: getattr(x, name + "_")(y), a, b, where=where + ", in place")
            agree(lambda m, x, y: getattr(m, name)(x, y, out=m.empty(0, dtype=m.bool)), a, b, where=where + ", out=")


@pytest.mark.parametrize("name", COMPARE)
def test_comparisons(name):
    rng = np.random.default_rng(1)
    for shapes in SHAPES:
        for dtype in ("float64", "float32", "int64"):
            a, b = (np.asarray(array(rng, s, dtype).round()) for s in shapes)
            for spelling in filter(None, (name, ALIASES.get(name))):
                same(lambda m, x, y: getattr(m, spelling)(x, y), a, b)
                same(lambda m, x, y: getattr(x, spelling)(y), a, b)
    a = np.array([[0.0, np.nan, np.inf], [-0.0, 2.5, -np.inf]])
    for dtype in ("float64", "float32", "int64", "uint8", "bool"):
        x = np.nan_to_num(a, posinf=9, neginf=3).astype(dtype) if dtype[0] != "f" else a.astype(dtype)
        for number in (0, 2, -1, 300, 2.5, 0.1, float("nan"), float("inf"), True, np.float32(2.5), np.int64(2)):
            agree(lambda m, x: getattr(m, name)(x, number), x, where=f"{name}({dtype}, {number!r})")
            agree(lambda m, x: getattr(x, COMPARE[name])(number), x, where=f"{name}({dtype}, {number!r})")
            agree(lambda m, x: getattr(x, name + "_")(number), x, where=f"{name}_({dtype}, {number!r})")
    x, y = array(rng, (3, 4)).round(), array(rng, (4,)).round()
    same(lambda m, x, y: getattr(x * 1.0, name + "_")(y), x, y)  # in place, the gradient is zero
    same(lambda m, x, y: (getattr((x * 2.0)[:, 1:], name + "_")(0.5), x * 2.0)[1], x, y)


def test_python_operators():
    rng = np.random.default_rng(2)
    a, b = array(rng, (3, 4), "int64"), array(rng, (3, 4), "int64")
    lines = ["x == y", "x != y", "x < y", "x <= y", "x > y", "x >= y", "2 < x", "2 == x", "1.5 >= x", "x & y", "x | y",
             "x ^ y", "x & 3", "3 & x", "6 | x", "6 ^ x", "True & (x > 0)", "~x", "~(x > y)", "abs(x) << 2",
             "2 << abs(x)", "x >> 1", "100 >> abs(x)", "x == None", "x != None", "x == 'a'", "x == [1, 2]", "x < None",
             "x & 2.5", "x << 1.5", "x & None", "(x > 0) & (y > 0) | (x < y)", "x[0] == y[:, :1]", "x[:2] == y", "x == x.numpy()",
             "x.numpy() == x", "x > np.float32(1.5)", "(x > 0) << 1", "(x > 0) << (y > 0)", "(x > 0) & 3",
             "(x > 0) ^ True", "x.double() & 1", "x << 64", "x >> 70", "x << -1"]
    for line in lines:
        results = []
        for m in (torch, ndl):
            try:
                value = eval(line, {"x": m.from_numpy(a.copy()), "y": m.from_numpy(b.copy()), "np": np})
                results.append((to_numpy(value).tolist(), str(getattr(value, "dtype", ""))[-5:]))
            except (TypeError, RuntimeError) as error:
                results.append(type(error))
        assert results[0] == results[1], f"{line}: {results[1]} for {results[0]}"
    for name, mark in (("and", "&"), ("or", "|"), ("xor", "^"), ("lshift", "<<"), ("rshift", ">>")):
        for m in (torch, ndl):
            x = kept = m.from_numpy(a.copy())
            x = getattr(x, f"__i{name}__")(m.from_numpy(abs(b)))
            assert x is kept
            np.testing.assert_array_equal(to_numpy(x), eval(f"a {mark} abs(b)", {"a": a, "b": b}))


def test_isclose_allclose_equal():
    rng = np.random.default_rng(3)
    a = array(rng, (50,))
    b = a * (1 + rng.uniform(-2e-5, 2e-5, 50))
    special = np.array([np.inf, -np.inf, np.nan, 1.0, 0.0, 1e-9, np.inf])
    other = np.array([np.inf, np.inf, np.nan, 1.0 + 1e-6, 1e-9, 0.0, 1.0])
    for dtype in ("float64", "float32"):
        for x, y in ((a, b), (special, other), (other, special), (a[:, None], b), (a[:0], b[:1]), (a[0], b[0])):
            x, y = np.asarray(x).astype(dtype), np.asarray(y).astype(dtype)
            for options in ({}, {"rtol": 1e-6}, {"atol": 1e-3}, {"rtol": 0, "atol": 0}, {"equal_nan": True}):
                agree(lambda m, x, y: m.isclose(x, y, **options), x, y, where=f"isclose {options}")
                agree(lambda m, x, y: m.tensor(m.allclose(x, y, **options)), x, y, where=f"allclose {options}")
                agree(lambda m, x, y: m.tensor(x.allclose(y, **options)), x, y, where=f"allclose {options}")
            agree(lambda m, x, y: x.isclose(y, 1e-3, 1e-3, True), x, y)
            agree(lambda m, x, y: m.tensor(m.equal(x, y)), x, y)
            agree(lambda m, x, y: m.tensor(x.equal(x)), x, y)
    for dtype in ("bool", "uint8", "int64"):
        x, y = array(rng, (9,), dtype), array(rng, (9,), dtype)
        agree(lambda m, x, y: m.isclose(x, y), x, y)
        agree(lambda m, x, y: m.isclose(x, y, rtol=0.5), x, y)
        agree(lambda m, x, y: m.tensor(m.equal(x, y)), x, y)
    for line in ("T.isclose(T.ones(1), T.ones(1).double())", "T.isclose(T.ones(1), T.ones(1), rtol=-1)",
                 "T.isclose(T.ones(1), T.ones(1), atol=-1)", "T.allclose(T.ones(1), 2.0)", "T.equal(T.ones(1), 1.0)",
                 "T.equal(1.0, T.ones(1))", "T.isclose(T.ones(2), T.ones(3))", "T.eq(T.ones(2), 'a')", "T.eq(2, T.ones(2))",
                 "T.logical_and(T.ones(2), 2)", "T.eq(T.ones(2), T.ones(3))", "T.bitwise_and(1, 2)", "T.isin(1, 2)",
                 "T.isin(T.tensor([True]), T.tensor([True]))", "T.ones(2).isin(T.ones(2))", "T.logical_and(T.ones(2), T.ones(3))"):
        errors = []
        for m in (torch, ndl):
            try:
                errors.append(eval(line, {"T": m}))
            except Exception as error:
                errors.append(type(error))
        assert errors[0] is errors[1], f"{line}: {errors[1]} for {errors[0]}"
    assert ndl.equal(ndl.ones(1), ndl.ones(1).int()) is torch.equal(torch.ones(1), torch.ones(1).int())


def test_isin():
    rng = np.random.default_rng(4)
    for one, two in itertools.product(("uint8", "int64", "float32", "float64"), repeat=2):
        a, b = array(rng, (3, 4), one, 0, 9).round(), array(rng, (5,), two, 0, 9).round()
        for options in ({}, {"invert": True}, {"assume_unique": False}):
            agree(lambda m, x, y: m.isin(x, y, **options), a, b)
            agree(lambda m, x, y: m.isin(x, 3, **options), a, b)
            agree(lambda m, x, y: m.isin(2, y, **options), a, b)
            agree(lambda m, x, y: m.isin(elements=x, test_elements=y[:0], **options), a, b)


@pytest.mark.parametrize("name", BITS)
def test_bits(name):
    rng = np.random.default_rng(5)
    for shapes in SHAPES:
        for dtype in ("uint8", "int8", "int32", "int64"):
            a, b = array(rng, shapes[0], dtype), array(rng, shapes[1], dtype, 0)
            same(lambda m, x, y: getattr(m, name)(x, y), a, b)
            same(lambda m, x, y: getattr(m, name)(x, 3), a, b)
            same(lambda m, x, y: getattr(m, name)(6, y), a, b)
            same(lambda m, x, y: getattr(y, f"__r{BITS[name]}__")(6), a, b)
            same(lambda m, x, y: getattr(x, name)(2), a, b)
    for number in (2.5, True, 300, -1):
        for dtype in ("bool", "uint8", "int64", "float32"):
            agree(lambda m, x: getattr(m, name)(x, number), array(rng, (3,), dtype), where=f"{name}({dtype}, {number})")
