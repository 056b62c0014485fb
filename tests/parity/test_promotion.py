"""The dtypes of results: all nine dtypes, as tensors with dimensions, as 0-d tensors, and Python's numbers among them,
on both sides of an operator."""

import itertools

import pytest

import minitorch_ndl as ndl
from minitorch_ndl import dtypes

torch = pytest.importorskip("torch")

NAMES = ("bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64")
OPERATIONS = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "floor_divide": lambda a, b: a // b,
    "remainder": lambda a, b: a % b,
    "pow": lambda a, b: a ** b if b is not True else a + b,  # bool ** True happens to work in torch, bool ** bool not
    "lt": lambda a, b: a < b,
    "eq": lambda a, b: a == b,
    "and": lambda a, b: a & b,
}
FUNCTIONS = ("maximum", "atan2", "logaddexp", "logical_and", "true_divide", "fmod")


def operands(T):
    """By name: every kind of operand, with the value 1."""
    found = {"True": True, "1": 1, "1.0": 1.0}
    for name in NAMES:
        dtype = getattr(T, name)
        found[name] = T.ones(2, dtype=dtype)
        found[f"0-d {name}"] = T.tensor(1, dtype=dtype)
    return found


OURS, THEIRS = operands(ndl), operands(torch)
PAIRS = [(a, b) for a, b in itertools.product(OURS, OURS)
         if isinstance(OURS[a], ndl.Tensor) or isinstance(OURS[b], ndl.Tensor)]


def outcome(function, a, b):
    try:
        result = function(a, b)
    except Exception as error:
        return type(error).__name__
    return str(result.dtype).rpartition(".")[2], tuple(result.shape)


@pytest.mark.parametrize("name", OPERATIONS)
def test_operators(name):
    function = OPERATIONS[name]
    wrong = {f"{a} {name} {b}": (ours, theirs) for a, b in PAIRS
             if (ours := outcome(function, OURS[a], OURS[b])) != (theirs := outcome(function, THEIRS[a], THEIRS[b]))}
    assert not wrong, f"{len(wrong)} of {len(PAIRS)}: {dict(itertools.islice(wrong.items(), 10))}"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name):
    ours, theirs = getattr(ndl, name), getattr(torch, name)
    tensors = [(a, b) for a, b in PAIRS if isinstance(OURS[a], ndl.Tensor) and isinstance(OURS[b], ndl.Tensor)]
    wrong = {f"{name}({a}, {b})": (mine, other) for a, b in tensors
             if (mine := outcome(ours, OURS[a], OURS[b])) != (other := outcome(theirs, THEIRS[a], THEIRS[b]))}
    assert not wrong, f"{len(wrong)} of {len(tensors)}: {dict(itertools.islice(wrong.items(), 10))}"


@pytest.mark.parametrize("name", ["add_", "mul_", "div_", "sub_"])
def test_in_place(name):
    """Only the dtype of the tensor that is written into stays; categories never go down."""
    wrong = {}
    for a, b in PAIRS:
        if isinstance(OURS[a], ndl.Tensor) and not a.startswith("0-d"):
            ours = outcome(lambda x, y: getattr(x.clone(), name)(y), OURS[a], OURS[b])
            theirs = outcome(lambda x, y: getattr(x.clone(), name)(y), THEIRS[a], THEIRS[b])
            if ours != theirs:
                wrong[f"{a}.{name}({b})"] = ours, theirs
    assert not wrong, f"{len(wrong)}: {dict(itertools.islice(wrong.items(), 10))}"


def test_result_type():
    for a, b in itertools.product(OURS, OURS):
        assert ndl.result_type(OURS[a], OURS[b]).name == str(torch.result_type(THEIRS[a], THEIRS[b]))[6:], (a, b)


def test_promote_types_and_can_cast():
    for a, b in itertools.product(NAMES, NAMES):
        ours, theirs = (getattr(ndl, a), getattr(ndl, b)), (getattr(torch, a), getattr(torch, b))
        assert ndl.promote_types(*ours).name == str(torch.promote_types(*theirs))[6:], (a, b)
        assert ndl.can_cast(*ours) is torch.can_cast(*theirs), (a, b)


@pytest.mark.parametrize("default", ["float16", "float64"])
def test_another_default_dtype(default):
    before = dtypes.get_default_dtype()
    ndl.set_default_dtype(getattr(ndl, default))
    torch.set_default_dtype(getattr(torch, default))
    try:
        for name in NAMES:
            for function in (lambda x: x / x, lambda x: x * 1.5, lambda x: 2.5 + x, lambda x: x.sqrt()):
                ours, theirs = function(OURS[name]), function(THEIRS[name])
                assert ours.dtype.name == str(theirs.dtype)[6:], name
        assert ndl.tensor([1.0]).dtype.name == ndl.zeros(2).dtype.name == ndl.Tensor([1]).dtype.name == default
    finally:
        ndl.set_default_dtype(before)
        torch.set_default_dtype(torch.float32)
