"""How arrays print. The texts are torch 2.13's own, with `ndl.` for `torch.`."""

from textwrap import dedent

import numpy as np
import pytest

from minitorch_ndl.printing import array_repr, get_printoptions, set_printoptions


@pytest.fixture(autouse=True)
def restored_options():
    before = get_printoptions()
    yield
    set_printoptions(**before)


def f32(*values):
    return np.array(values, np.float32)


def ramp(*shape):
    return np.arange(np.prod(shape)).reshape(shape)


nan, inf = np.nan, np.inf

ONE_LINE = [
    # 0-d
    (np.array(3), "tensor(3)"),
    (np.array(True), "tensor(True)"),
    (np.array(2.5, np.float32), "tensor(2.5000)"),
    (np.array(-0.0, np.float32), "tensor(-0.)"),
    (np.array(nan, np.float32), "tensor(nan)"),
    (np.array(1e-5, np.float32), "tensor(1.0000e-05)"),
    (np.array(7, np.uint8), "tensor(7, dtype=ndl.uint8)"),
    # integers and bools are as wide as the widest
    (np.array([1, -20, 300]), "tensor([  1, -20, 300])"),
    (np.array([True, False]), "tensor([ True, False])"),
    (np.array([-128, 127], np.int8), "tensor([-128,  127], dtype=ndl.int8)"),
    (np.array([0, 255], np.uint8), "tensor([  0, 255], dtype=ndl.uint8)"),
    (np.array([1], np.int16), "tensor([1], dtype=ndl.int16)"),
    (np.array([1], np.int32), "tensor([1], dtype=ndl.int32)"),
    # whole floats; zeros, nan and inf have no say in notation and width
    (f32(1, -2, 30), "tensor([ 1., -2., 30.])"),
    (f32(0, -0.0), "tensor([0., -0.])"),
    (f32(0, nan, -inf), "tensor([0., nan, -inf])"),
    (f32(1, nan, inf), "tensor([1., nan, inf])"),
    (f32(0.5, nan, -inf, 0), "tensor([0.5000,    nan,   -inf, 0.0000])"),
    (f32(1e8), "tensor([100000000.])"),
    (f32(100000008), "tensor([1.0000e+08])"),
    # fractions
    (f32(1, 2.5), "tensor([1.0000, 2.5000])"),
    (f32(0.1, -10.25), "tensor([  0.1000, -10.2500])"),
    (np.array([0.1]), "tensor([0.1000], dtype=ndl.float64)"),
    (np.array([0.1, 65504], np.float16), "tensor([9.9976e-02, 6.5504e+04], dtype=ndl.float16)"),
    # scientific: a ratio over 1000, over 1e8, under 1e-4
    (f32(1, 1000), "tensor([   1., 1000.])"),
    (f32(1, 1001), "tensor([1.0000e+00, 1.0010e+03])"),
    (f32(0.5, 501, nan, 0), "tensor([5.0000e-01, 5.0100e+02,        nan, 0.0000e+00])"),
    (f32(-2e8, 1.5e8), "tensor([-2.0000e+08,  1.5000e+08])"),
    (f32(2e-4, 1.01e-4), "tensor([0.0002, 0.0001])"),
    (f32(2e-4, 0.99e-4), "tensor([2.0000e-04, 9.9000e-05])"),
    (np.array([1e-4]), "tensor([0.0001], dtype=ndl.float64)"),
    (np.array([1e308, 1e-308]), "tensor([1.0000e+308, 1.0000e-308], dtype=ndl.float64)"),
    # empty: the elements tell nothing, so size and dtype do
    (np.zeros(0, np.float32), "tensor([])"),
    (np.zeros((0, 3), np.float32), "tensor([], size=(0, 3))"),
    (np.zeros(0, np.int64), "tensor([], dtype=ndl.int64)"),
    (np.zeros((2, 0, 1), bool), "tensor([], size=(2, 0, 1), dtype=ndl.bool)"),
    # over 1000 elements
    (ramp(1001), "tensor([   0,    1,    2,  ...,  998,  999, 1000])"),
    (np.eye(1, 1001, 500, np.float32)[0], "tensor([0., 0., 0.,  ..., 0., 0., 0.])"),
]


@pytest.mark.parametrize("array, text", ONE_LINE, ids=[text for _, text in ONE_LINE])
def test_one_line(array, text):
    assert array_repr(array) == text


SEVERAL_LINES = {
    "rows": (
        f32([1, -2], [30, 0.5]),
        """\
        tensor([[ 1.0000, -2.0000],
                [30.0000,  0.5000]])""",
    ),
    "a blank line more for each dimension": (
        ramp(2, 2, 1, 2),
        """\
        tensor([[[[0, 1]],

                 [[2, 3]]],


                [[[4, 5]],

                 [[6, 7]]]])""",
    ),
    "long rows break": (
        ramp(30),
        """\
        tensor([ 0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14, 15, 16, 17,
                18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29])""",
    ),
    "rows inside brackets have less room": (
        (ramp(1, 18) / 4 + 10).astype(np.float32),
        """\
        tensor([[10.0000, 10.2500, 10.5000, 10.7500, 11.0000, 11.2500, 11.5000, 11.7500,
                 12.0000, 12.2500, 12.5000, 12.7500, 13.0000, 13.2500, 13.5000, 13.7500,
                 14.0000, 14.2500]])""",
    ),
    "summarised where it is long": (
        ramp(2, 501, 2),
        """\
        tensor([[[   0,    1],
                 [   2,    3],
                 [   4,    5],
                 ...,
                 [ 996,  997],
                 [ 998,  999],
                 [1000, 1001]],

                [[1002, 1003],
                 [1004, 1005],
                 [1006, 1007],
                 ...,
                 [1998, 1999],
                 [2000, 2001],
                 [2002, 2003]]])""",
    ),
    "summarised in both dimensions": (
        ramp(40, 40).astype(np.float32),
        """\
        tensor([[0.0000e+00, 1.0000e+00, 2.0000e+00,  ..., 3.7000e+01, 3.8000e+01,
                 3.9000e+01],
                [4.0000e+01, 4.1000e+01, 4.2000e+01,  ..., 7.7000e+01, 7.8000e+01,
                 7.9000e+01],
                [8.0000e+01, 8.1000e+01, 8.2000e+01,  ..., 1.1700e+02, 1.1800e+02,
                 1.1900e+02],
                ...,
                [1.4800e+03, 1.4810e+03, 1.4820e+03,  ..., 1.5170e+03, 1.5180e+03,
                 1.5190e+03],
                [1.5200e+03, 1.5210e+03, 1.5220e+03,  ..., 1.5570e+03, 1.5580e+03,
                 1.5590e+03],
                [1.5600e+03, 1.5610e+03, 1.5620e+03,  ..., 1.5970e+03, 1.5980e+03,
                 1.5990e+03]])""",
    ),
    "a line breaks where torch's longer name makes it": (
        np.array([-6e-8, 0, 0, 0], np.float16),
        """\
        tensor([-5.9605e-08,  0.0000e+00,  0.0000e+00,  0.0000e+00],
               dtype=ndl.float16)""",
    ),
}


@pytest.mark.parametrize("array, text", SEVERAL_LINES.values(), ids=SEVERAL_LINES)
def test_several_lines(array, text):
    assert array_repr(array) == dedent(text)


def test_what_is_not_shown_is_not_read():
    array = np.lib.stride_tricks.as_strided(np.zeros(1), (10**9, 10**9), (0, 0))  # 8 exabytes if it were
    assert array_repr(array).count("0., 0., 0.,  ..., 0., 0., 0.") == 6
    array = np.ones(1001, np.float32)
    array[500] = 1e-30  # hidden, so it does not turn the others scientific
    assert array_repr(array) == "tensor([1., 1., 1.,  ..., 1., 1., 1.])"


# What follows the elements


def test_suffixes_follow_in_torchs_order():
    array = np.array([1.0])
    assert array_repr(array, suffixes=[None, ""]) == "tensor([1.], dtype=ndl.float64)"
    with_grad = array_repr(array, suffixes=["requires_grad=True"])
    assert with_grad == "tensor([1.], dtype=ndl.float64, requires_grad=True)"
    assert (
        array_repr(np.zeros((0, 1)), device="fake", suffixes=["grad_fn=<MulBackward>"])
        == "tensor([], device='fake', size=(0, 1), dtype=ndl.float64,\n       grad_fn=<MulBackward>)"
    )


def test_suffixes_wrap_at_the_last_line_of_the_elements():
    array = np.full((2, 7), 0.5, np.float32)
    assert array_repr(array, suffixes=["requires_grad=True"]) == (
        "tensor([[0.5000, 0.5000, 0.5000, 0.5000, 0.5000, 0.5000, 0.5000],\n"
        "        [0.5000, 0.5000, 0.5000, 0.5000, 0.5000, 0.5000, 0.5000]],\n"
        "       requires_grad=True)"
    )


def test_suffixes_wrap_one_character_early():
    set_printoptions(linewidth=33)
    assert array_repr(f32(0), suffixes=["requires_grad=True"]) == "tensor([0.], requires_grad=True)"
    set_printoptions(linewidth=32)
    assert array_repr(f32(0), suffixes=["requires_grad=True"]) == "tensor([0.],\n       requires_grad=True)"


def test_the_default_dtype_goes_without_saying():
    assert array_repr(np.array([1.0]), default_float="float64") == "tensor([1.])"
    assert array_repr(f32(1), default_float="float64") == "tensor([1.], dtype=ndl.float32)"
    assert array_repr(np.array([1]), default_float="float64") == "tensor([1])"
    assert array_repr(np.zeros(0), default_float=np.dtype("float64")) == "tensor([])"


def test_the_prefix_indents():
    assert array_repr(ramp(2, 1), prefix="Mine(") == "Mine([[0],\n      [1]])"


# Options


@pytest.mark.parametrize(
    "options, array, text",
    [
        ({"precision": 2}, f32(0.125, 1), "tensor([0.12, 1.00])"),
        ({"precision": 0}, f32(0.5, 3), "tensor([0, 3])"),
        ({"precision": 2}, f32(1e-5), "tensor([1.00e-05])"),
        ({"sci_mode": True}, f32(1, 20), "tensor([1.0000e+00, 2.0000e+01])"),
        ({"sci_mode": True}, f32(0, inf), "tensor([0., inf])"),
        ({"sci_mode": False}, f32(0.5, 1e-6), "tensor([0.5000, 0.0000])"),
        ({"threshold": 4}, ramp(10), "tensor([0, 1, 2,  ..., 7, 8, 9])"),
        ({"threshold": 4, "edgeitems": 1}, ramp(4), "tensor([0, 1, 2, 3])"),
        ({"threshold": 4, "edgeitems": 1}, ramp(10), "tensor([0,  ..., 9])"),
        ({"threshold": 4, "edgeitems": 5}, ramp(10), "tensor([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])"),
        ({"threshold": 4, "edgeitems": 0}, ramp(2, 3), "tensor([...], size=(2, 3))"),
        ({"edgeitems": 0}, ramp(2), "tensor([0, 1], size=(2,))"),
        ({"linewidth": 20}, ramp(6), "tensor([0, 1, 2, 3,\n        4, 5])"),
        ({"linewidth": 0}, ramp(2), "tensor([0,\n        1])"),
        ({"profile": "short"}, f32(0.125), "tensor([0.12])"),
        ({"profile": "short", "precision": 3}, f32(0.125), "tensor([0.125])"),
        ({"profile": "short"}, ramp(1001), "tensor([   0,    1,  ...,  999, 1000])"),
    ],
)
def test_options(options, array, text):
    set_printoptions(**options)
    assert array_repr(array) == text


def test_the_full_profile_shows_everything_and_a_line_may_be_endless():
    set_printoptions(profile="full", linewidth=inf)  # inf: an OverflowError in torch
    assert array_repr(ramp(1001)) == "tensor([" + ", ".join(f"{i:4}" for i in range(1001)) + "])"


def test_options_left_out_stay_but_sci_mode_goes_back_to_automatic():
    set_printoptions(precision=7, linewidth=50, sci_mode=True)
    set_printoptions(threshold=9)
    expected = {"precision": 7, "threshold": 9, "edgeitems": 3, "linewidth": 50, "sci_mode": None}
    assert get_printoptions() == expected
    set_printoptions(profile="default")
    assert get_printoptions() == {**expected, "precision": 4, "threshold": 1000, "linewidth": 80}


def test_the_options_handed_out_are_a_copy():
    get_printoptions()["precision"] = 9
    assert get_printoptions()["precision"] == 4


@pytest.mark.parametrize(
    "options, error, words",
    [
        ({"profile": "shrot"}, ValueError, "got 'shrot'; expected one of 'default', 'short', 'full'"),
        ({"precision": -1}, ValueError, "precision is negative; got -1"),
        ({"edgeitems": -1}, ValueError, "edgeitems is negative; got -1"),
        ({"precision": 2.5}, TypeError, "float"),
    ],
)
def test_wrong_options_change_nothing(options, error, words):
    before = get_printoptions()
    with pytest.raises(error, match=words):
        set_printoptions(**{"linewidth": 33, **options})
    assert get_printoptions() == before
