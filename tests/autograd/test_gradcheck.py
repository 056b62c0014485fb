"""gradcheck and gradgradcheck: what is right passes, and each way of being wrong is found."""

import numpy as np
import pytest

import minitorch_ndl as ndl
from minitorch_ndl.autograd import Function, gradcheck, gradgradcheck
from minitorch_ndl.autograd.gradcheck import GradcheckError


def numbers(*shape, dtype=np.float64):
    return ndl.tensor((np.random.RandomState(0).rand(*shape) + 0.5).astype(dtype), requires_grad=True)


def wrong(backward, forward=lambda ctx, x: x * 2):
    return type("Wrong", (Function,), {"forward": staticmethod(forward), "backward": staticmethod(backward)}).apply


@pytest.mark.parametrize("fast", [False, True])
def test_right_gradients_pass(fast):
    x, w, k = numbers(2, 3), numbers(3), ndl.tensor([1, 2, 3])
    for f in (lambda x, w, k: x * w + k, lambda x, w, k: (x.exp(), w.sin() * x), lambda x, w, k: x[:, 0] @ x[:, 1],
              lambda x, w, k: x.sum(), lambda x, w, k: x.t(), lambda x, w, k: x):
        assert gradcheck(f, (x, w, k), fast_mode=fast) and gradgradcheck(f, (x, w, k), fast_mode=fast)


@pytest.mark.parametrize("fast", [False, True])
def test_a_wrong_gradient_is_shown(fast):
    f = wrong(lambda ctx, g: g * ndl.tensor([2.0, 2.0, 7.0], dtype=ndl.float64))
    with pytest.raises(GradcheckError, match="Jacobian mismatch for output 0 with respect to input 0") as error:
        gradcheck(f, numbers(3), fast_mode=fast)
    if not fast:
        assert "the worst is at (2, 2): the difference says 2, the gradient formula says 7" in str(error.value)
    assert gradcheck(f, numbers(3), raise_exception=False, fast_mode=fast) is False


def test_one_wrong_input_or_output_among_several():
    f = wrong(lambda ctx, g, h: (g * 2 + h, g), lambda ctx, a, b: (a * 2 + b, a * 1))
    assert gradcheck(f, (numbers(2), numbers(2)))
    f = wrong(lambda ctx, g, h: (g * 2 + h * 2, g), lambda ctx, a, b: (a * 2 + b, a * 1))
    with pytest.raises(GradcheckError, match="output 1 with respect to input 0"):
        gradcheck(f, (numbers(2), numbers(2)))


def test_a_missing_gradient():
    with pytest.raises(GradcheckError, match="Jacobian mismatch"):
        gradcheck(wrong(lambda ctx, g: None), numbers(2))
    with pytest.raises(GradcheckError, match="expected to be zero"):
        gradcheck(lambda x: x.detach() * 2, numbers(2))
    assert gradcheck(lambda x: ndl.ones(2), numbers(2))


def test_a_wrong_second_gradient():
    f = wrong(lambda ctx, g: (3 * ctx.saved_tensors[0] ** 2).detach() * g,
              lambda ctx, x: (ctx.save_for_backward(x), x ** 3)[1])
    assert gradcheck(f, numbers(2))
    with pytest.raises(GradcheckError):
        gradgradcheck(f, numbers(2))


def test_noise():
    def noisy(ctx, g):
        noisy.calls += 1
        return g * 2 + noisy.calls * 1e-9

    noisy.calls = 0
    with pytest.raises(GradcheckError, match="not reentrant"):
        gradcheck(wrong(noisy), numbers(2))
    assert gradcheck(wrong(noisy), numbers(2), nondet_tol=1e-6)


def test_outputs_without_a_gradient():
    def backward(ctx, g, h):
        return 5 * g if h is None else g * 2 + h * 3

    def forward(ctx, x):
        ctx.set_materialize_grads(False)
        return x * 2, x * 3

    f = wrong(lambda ctx, g, h: backward(ctx, 0 if g is None else g, h), forward)
    with pytest.raises(GradcheckError):
        gradcheck(f, numbers(2))
    fair = wrong(lambda ctx, g, h: (0 if g is None else g * 2) + (0 if h is None else h * 3), forward)
    assert gradcheck(fair, numbers(2))


def test_batches():
    assert gradcheck(lambda x: x.exp() * 2, numbers(2), check_batched_grad=True)


def test_the_inputs_come_back_unchanged():
    x = numbers(2, 3)
    before = x.tolist()
    gradcheck(lambda x: x.exp(), x)
    with pytest.raises(ZeroDivisionError):
        gradcheck(lambda x: 1 / 0, x)
    assert x.tolist() == before and x._version == 0 and x.grad is None


def test_inputs_that_cannot_be_checked():
    with pytest.raises(ValueError, match="none of the them have requires_grad"):
        gradcheck(lambda x: x * 2, ndl.ones(2))
    with pytest.warns(UserWarning, match="not a double precision"):
        gradcheck(lambda x: x * 2, numbers(2, dtype=np.float32), eps=1e-2, atol=1e-2)
    with pytest.raises(RuntimeError, match="stride 0"):
        gradcheck(lambda x: x * 2, numbers(1).detach().expand(3).requires_grad_())
    with pytest.raises(NotImplementedError, match="forward-mode"):
        gradcheck(lambda x: x * 2, numbers(1), check_forward_ad=True)


def test_strided_and_empty_inputs():
    strided = ndl.tensor(np.arange(12.0).reshape(3, 4)[:, ::2] + 1).detach().requires_grad_()
    assert gradcheck(lambda x: x.log(), strided) and gradgradcheck(lambda x: x.log(), strided)
    assert gradgradcheck(lambda x: x.log(), strided, gen_non_contig_grad_outputs=True)
    assert gradcheck(lambda x: x.exp(), numbers(0, 3)) and gradcheck(lambda x: x.sum(), numbers(0))


def test_the_gradient_to_start_from_may_be_given():
    x, start = numbers(2), ndl.tensor([3.0, -1.0], dtype=ndl.float64)
    assert gradgradcheck(lambda x: x ** 3, x, start) and gradgradcheck(lambda x: x ** 3, (x,), (start.requires_grad_(),))
