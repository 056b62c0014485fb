"""Convolutions and padding against torch: values, first and second gradients, refusals."""

import itertools

import numpy as np
import pytest

from tests.parity.oracle import check, refusal

torch = pytest.importorskip("torch")

CASES = []
_random = np.random.RandomState(0)
for dims, transposed in itertools.product((1, 2, 3), (False, True)):
    for k in range(14):
        pick = lambda low, high: tuple(int(_random.randint(low, high)) for _ in range(dims))
        groups = int(_random.choice([1, 1, 2, 3]))
        options = {"stride": pick(1, 4), "padding": pick(0, 3), "dilation": pick(1, 3), "groups": groups}
        kernel, size = pick(1, 4), tuple(s + 5 for s in pick(1, 4))
        cin, cout = groups * int(_random.randint(1, 3)), groups * int(_random.randint(1, 3))
        if transposed:
            options["output_padding"] = tuple(int(_random.randint(0, max(s, d)))
                                              for s, d in zip(options["stride"], options["dilation"], strict=True))
            weight = (cin, cout // groups, *kernel)
        else:
            weight = (cout, cin // groups, *kernel)
        if k == 0:
            options = {}
            weight = (2, 3, *kernel)
            cin, cout = (2, 3) if transposed else (3, 2)
        batch = () if k % 5 == 4 else (int(_random.randint(1, 4)),)
        CASES.append((f"conv{'_transpose' * transposed}{dims}d", (*batch, cin, *size), weight, cout if k % 3 else None, options))


@pytest.mark.parametrize("name, input, weight, bias, options", CASES)
def test_convolution(name, input, weight, bias, options):
    random = np.random.RandomState(1)
    arrays = [random.randn(*input), random.randn(*weight)] + ([random.randn(bias)] if bias else [])
    check(lambda lib, *a: getattr(lib.nn.functional, name)(*a, **options), arrays)


@pytest.mark.filterwarnings("ignore:Using padding")
@pytest.mark.parametrize("kernel, padding, dilation", list(itertools.product([1, 2, 3, 4], ["same", "valid"], [1, 2])))
def test_named_padding(kernel, padding, dilation):
    random = np.random.RandomState(1)
    arrays = [random.randn(2, 3, 9, 10), random.randn(4, 3, kernel, kernel)]
    check(lambda lib, x, w: lib.nn.functional.conv2d(x, w, padding=padding, dilation=dilation), arrays)


def test_strided_input():
    random = np.random.RandomState(1)
    check(lambda lib, x, w: lib.nn.functional.conv2d(x.permute(0, 3, 1, 2), w.transpose(2, 3), padding=1),
          [random.randn(2, 7, 8, 3), random.randn(4, 3, 2, 3)])


@pytest.mark.parametrize("pad, mode", [
    ((1, 2), "constant"), ((1, 2, 0, 3), "constant"), ((-1, 2, 1, -2), "constant"), ((1, 2), "reflect"),
    ((1, 2, 3, 0), "reflect"), ((1, 2, 3, 0), "replicate"), ((1, 2, 3, 4), "circular"), ((-1, 2, 1, -1), "replicate"),
    ((1, 1, 1, 1), "reflect"), ((0, 2, 2, 0), "circular")])
def test_pad(pad, mode):
    check(lambda lib, x: lib.nn.functional.pad(x, pad, mode), [np.random.RandomState(1).randn(2, 3, 4, 5)]
          if len(pad) == 4 else [np.random.RandomState(1).randn(3, 4, 5)])


@pytest.mark.parametrize("value", [0, 1.5, -2])
@pytest.mark.parametrize("dtype", ["float32", "int64", "bool", "uint8"])
def test_pad_dtypes(value, dtype):
    if dtype == "uint8" and value < 0:
        return
    x = np.arange(6).reshape(2, 3).astype(dtype)
    check(lambda lib, x: lib.nn.functional.pad(x, (1, 1), value=value if dtype == "float32" else int(value)), [x])


@pytest.mark.parametrize("call", [
    lambda lib, x, w: lib.nn.functional.conv2d(x[:, :2], w),
    lambda lib, x, w: lib.nn.functional.conv2d(x[0, 0], w),
    lambda lib, x, w: lib.nn.functional.conv2d(x, w, stride=0),
    lambda lib, x, w: lib.nn.functional.conv2d(x, w, padding=-1),
    lambda lib, x, w: lib.nn.functional.conv2d(x, w, padding="some"),
    lambda lib, x, w: lib.nn.functional.conv2d(x, w, padding="same", stride=2),
    lambda lib, x, w: lib.nn.functional.conv2d(x, w, lib.ones(3)),
    lambda lib, x, w: lib.nn.functional.conv2d(x, w, stride=(1, 2, 3)),
    lambda lib, x, w: lib.nn.functional.conv2d(x, w, dilation=9),
    lambda lib, x, w: lib.nn.functional.conv2d(x.double(), w),
    lambda lib, x, w: lib.nn.functional.pad(x, (1, 2, 3)),
    lambda lib, x, w: lib.nn.functional.pad(x, (9, 9), "reflect"),
    lambda lib, x, w: lib.nn.functional.pad(x, (1, 1), "mirror"),
    lambda lib, x, w: lib.nn.functional.pad(x, (1,) * 10),
])
def test_refusals(call):
    refusal(lambda lib: call(lib, lib.ones(2, 3, 5, 6), lib.ones(4, 3, 2, 2)))
