"""detect_anomaly names the operation whose gradient is NaN, and the user's line that called it."""

import pytest

import minitorch_ndl as ndl
from minitorch_ndl import autograd


def zero():
    return ndl.zeros(2, requires_grad=True)


class Bad(autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, g):
        return g * float("nan")


CASES = [
    ("SqrtBackward", lambda x: x.sqrt() * 0),  # the line
    ("SqrtBackward", lambda x: ndl.sqrt(x).mul(0)),  # the line
    ("SqrtBackward", lambda x: (x * 1).sqrt_() * 0),  # the line
    ("PowBackward", lambda x: (x ** 0.5) * 0),  # the line
    ("DivBackward", lambda x: (x / x.detach()) * 0),  # the line
    ("BadBackward", lambda x: Bad.apply(x)),  # the line
]


@pytest.mark.parametrize("name, function", CASES)
def test_the_operation_and_the_line(name, function):
    with pytest.raises(RuntimeError) as error, autograd.detect_anomaly():
        function(zero()).sum().backward()
    text = str(error.value)
    assert text.startswith(f"Function '{name}' returned nan values in its 0th output.")
    place, line = text.rstrip().splitlines()[-2:]
    assert "test_anomaly.py" in place and "# the line" in line, "the innermost frame is the user's"


def test_a_line_within_a_module():
    class Net(ndl.nn.Module):
        def forward(self, x):
            return x.sqrt() * 0  # the module's line

    with pytest.raises(RuntimeError, match="# the module's line"), autograd.detect_anomaly():
        Net()(zero()).sum().backward()


def test_what_was_recorded_before_has_no_line():
    y = zero().sqrt() * 0
    with pytest.raises(RuntimeError, match="SqrtBackward' returned nan.*\n.*ran before detect_anomaly"):
        with autograd.detect_anomaly():
            y.sum().backward()


def test_quiet_when_nothing_is_wrong_or_nobody_asked():
    x = zero()
    (x.sqrt() * 0).sum().backward()
    assert x.grad.isnan().all()
    x = ndl.ones(2, requires_grad=True)
    with autograd.detect_anomaly():
        (x.sqrt() * x).sum().backward()
        assert autograd.is_anomaly_enabled()
    assert x.grad.tolist() == [1.5, 1.5] and not autograd.is_anomaly_enabled()


def test_only_the_lines_without_the_check():
    with autograd.detect_anomaly(check_nan=False):
        y = zero().sqrt() * 0
        y.sum().backward()


def test_second_order():
    with pytest.raises(RuntimeError, match="returned nan"), autograd.detect_anomaly():
        x = zero()
        (first,) = autograd.grad((x ** 1.5).sum(), x, create_graph=True)
        (first ** 2 / first.detach()).sum().backward()


def test_as_a_switch():
    autograd.set_detect_anomaly(True)
    assert autograd.is_anomaly_enabled()
    autograd.set_detect_anomaly(False)
    with autograd.set_detect_anomaly(True), autograd.set_detect_anomaly(False):
        assert not autograd.is_anomaly_enabled()
    assert not autograd.is_anomaly_enabled()


def test_results_are_the_same():
    """The slow paths that it takes compute what the fast ones do."""
    def run():
        x = ndl.arange(1.0, 7.0).reshape(2, 3).requires_grad_()
        y = x * 2 + x.t().exp().t()
        y[0] *= x[1]
        z = ndl.cat([y, x.softmax(0)]).unbind(1)[1] / 3
        z.sum().backward()
        return z.tolist(), x.grad.tolist()

    plain = run()
    with autograd.detect_anomaly():
        assert run() == plain
