"""Users' own operations: autograd.Function."""

import gc
import weakref

import numpy as np
import pytest

import minitorch_ndl as ndl
from minitorch_ndl.autograd import Function, Variable, grad, gradcheck, gradgradcheck
from minitorch_ndl.autograd.function import once_differentiable


def leaf(*values):
    return ndl.tensor(values, dtype=ndl.float64, requires_grad=True)


def function(forward, backward=lambda ctx, *g: g[0], **more):
    """A Function made of plain functions."""
    members = {"forward": forward, "backward": backward, **more}
    return type("Mine", (Function,), {k: staticmethod(v) for k, v in members.items()})


class Exp(Function):
    @staticmethod
    def forward(ctx, x):
        result = x.exp()
        ctx.save_for_backward(result)
        return result

    @staticmethod
    def backward(ctx, g):
        (result,) = ctx.saved_tensors
        return g * result


class MulAdd(Function):
    """In two parts, with a number and an optional tensor among the arguments."""

    @staticmethod
    def forward(a, b, factor=1.0, c=None):
        return a * b * factor + (0 if c is None else c)

    @staticmethod
    def setup_context(ctx, inputs, output):
        a, b, ctx.factor, c = inputs
        ctx.save_for_backward(a, b, c)

    @staticmethod
    def backward(ctx, g):
        a, b, c = ctx.saved_tensors
        needed = ctx.needs_input_grad
        return (g * b * ctx.factor if needed[0] else None, g * a * ctx.factor if needed[1] else None, None,
                g if needed[3] else None)


def test_first_and_second_order():
    x, y, z = leaf(0.3, -0.8), leaf(1.1, 0.4), leaf(2.0, 3.0)
    assert gradcheck(Exp.apply, x) and gradgradcheck(Exp.apply, x)
    assert gradcheck(MulAdd.apply, (x, y, 2.0, z)) and gradgradcheck(MulAdd.apply, (x, y, 2.0, z))
    assert gradcheck(MulAdd.apply, (x, y.detach()))


def test_third_order():
    x = leaf(0.7)
    y = Exp.apply(x)
    for _ in range(3):
        (y,) = grad(y.sum(), x, create_graph=True)
    assert y.item() == pytest.approx(np.exp(0.7))


def test_it_is_named_after_its_class():
    y = Exp.apply(leaf(1.0))
    assert y.grad_fn.name() == "ExpBackward" and repr(y).endswith("grad_fn=<ExpBackward>)")


def test_forward_is_not_recorded_and_backward_only_on_request():
    modes = []
    f = function(lambda ctx, x: (modes.append(ndl.is_grad_enabled()), x * 2)[1],
                 lambda ctx, g: (modes.append(ndl.is_grad_enabled()), g * 2)[1])
    x = leaf(1.0)
    grad(f.apply(x).sum(), x)
    grad(f.apply(x).sum(), x, create_graph=True)
    assert modes == [False, False, False, True] and ndl.is_grad_enabled()


def test_nothing_is_recorded_where_nothing_is_asked_for():
    seen = []
    f = function(lambda ctx, x, k: (seen.append(ctx.needs_input_grad), x * k)[1])
    assert f.apply(ndl.ones(2), 3).grad_fn is None
    with ndl.no_grad():
        assert not f.apply(leaf(1.0), 3).requires_grad
    assert f.apply(leaf(1.0), 3).requires_grad
    assert seen == [(False, False), (True, False), (True, False)]


def test_several_outputs():
    f = function(lambda ctx, x: (x * 2, x * 3, "a word", (x > 0)), lambda ctx, g2, g3, *rest: 2 * g2 + 3 * g3)
    x = leaf(1.0, -1.0)
    two, three, word, positive = f.apply(x)
    assert word == "a word" and positive.tolist() == [True, False] and not positive.requires_grad
    (two + three * 10).sum().backward()
    assert x.grad.tolist() == [32, 32]
    assert gradcheck(lambda x: f.apply(x)[:2], x)


@pytest.mark.parametrize("materialize", [True, False])
def test_an_output_that_nothing_came_from(materialize):
    seen = []

    def forward(ctx, x):
        ctx.set_materialize_grads(materialize)
        return x * 2, x * 3

    f = function(forward, lambda ctx, a, b: (seen.append(b), a)[1])
    f.apply(leaf(1.0, 2.0))[0].sum().backward()
    assert seen[0].tolist() == [0, 0] if materialize else seen == [None]


def test_outputs_without_gradient():
    def forward(ctx, x):
        order = x * 100
        ctx.mark_non_differentiable(order)
        return x * 2, order

    x = leaf(1.0)
    y, order = function(forward, lambda ctx, g, _: g * 2).apply(x)
    assert y.requires_grad and not order.requires_grad
    (y * order).sum().backward()
    assert x.grad.tolist() == [200]


# --- what is saved ----------------------------------------------------------------------------------------------------


def test_saved_inputs_are_the_tensors_themselves():
    seen = []
    f = function(lambda ctx, x: (ctx.save_for_backward(x, None), x * 2)[1],
                 lambda ctx, g: (seen.append(ctx.saved_tensors), g)[1])
    x = leaf(1.0)
    f.apply(x).sum().backward()
    assert seen[0][0] is x and seen[0][1] is None


def test_only_tensors_are_saved():
    with pytest.raises(TypeError, match="argument 1 is of type int"):
        function(lambda ctx, x: ctx.save_for_backward(x, 3)).apply(leaf(1.0))


@pytest.mark.parametrize("write", ["input", "output"])
def test_a_saved_tensor_must_not_be_overwritten(write):
    x = leaf(1.0) * 1
    f = Exp if write == "output" else function(
        lambda ctx, x: (ctx.save_for_backward(x), x * 2)[1], lambda ctx, g: g * ctx.saved_tensors[0])
    y = f.apply(x)
    (x if write == "input" else y.detach()).add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation.*saved_tensors\\[0\\].*version 1; expected version 0"):
        y.sum().backward()


def test_saved_tensors_are_freed_and_the_second_backward_says_so():
    x = leaf(1.0)
    y = Exp.apply(x).sum()
    y.backward(retain_graph=True)
    y.backward()
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        y.backward()
    saves_nothing = function(lambda ctx, x: x * 2, lambda ctx, g: g * 2).apply(x).sum()
    saves_nothing.backward(), saves_nothing.backward()


def test_what_is_saved_does_not_keep_itself_alive():
    x = leaf(1.0)
    y = Exp.apply(x)
    node = weakref.ref(y.grad_fn)
    gc.disable()
    try:
        del y
        assert node() is None
    finally:
        gc.enable()


# --- inputs that come out again ---------------------------------------------------------------------------------------


def test_an_input_that_is_returned_is_another_tensor():
    x = leaf(1.0)
    y = function(lambda ctx, x: x, lambda ctx, g: g * 10).apply(x)
    assert y is not x and x.is_leaf and y._base is x
    y.sum().backward()
    assert x.grad.tolist() == [10]


def test_a_view_made_inside_cannot_be_written_into():
    for f in (lambda ctx, x: x, lambda ctx, x: x.view(-1)):
        base = leaf(1.0, 2.0) * 1
        y = function(f).apply(base)
        with pytest.raises(RuntimeError, match="created inside a custom Function"):
            y.add_(1)
        base.add_(1)
        with pytest.raises(RuntimeError, match="created inside a custom Function"):
            y * 2


def test_writing_into_an_input():
    def forward(ctx, x):
        x.mul_(3)
        ctx.mark_dirty(x)
        return x

    triple = function(forward, lambda ctx, g: g * 3)
    x = leaf(1.0, 2.0)
    y = x * 1
    z = triple.apply(y)
    assert z is y and y.tolist() == [3, 6] and y._version == 2 and y.grad_fn.name() == "MineBackward"
    y.sum().backward()
    assert x.grad.tolist() == [3, 3]

    x.grad, y = None, x * 1
    triple.apply(y[1:])
    y.sum().backward()
    assert x.grad.tolist() == [1, 3]
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad"):
        triple.apply(x)


def test_what_was_written_into_has_to_be_returned():
    def forward(ctx, x):
        ctx.mark_dirty(x.add_(1))
        return x * 1

    with pytest.raises(RuntimeError, match="marked as dirty"):
        function(forward).apply(leaf(1.0) * 1)


def test_a_foreign_tensor_that_is_returned_keeps_its_own_history():
    weight = leaf(5.0)
    y = function(lambda ctx, x: weight, lambda ctx, g: g * 2).apply(leaf(1.0))
    assert weight.is_leaf and y.grad_fn is not None


# --- what backward returns --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer, words", [
    (lambda g: (), "incorrect number of gradients \\(expected 2, got 0\\)"),
    (lambda g: (g, g, g), "incorrect number of gradients \\(expected 2, got 3\\)"),
    (lambda g: (g, g), "different than None at position 2"),
    (lambda g: (3.0, None), "expected Variable or None \\(got float\\)"),
    (lambda g: (ndl.ones(3), None), "invalid gradient at index 0 - got \\[3\\] but expected shape compatible with \\[2\\]"),
    (lambda g: (ndl.ones(1), None), "invalid gradient at index 0"),
])
def test_gradients_are_checked(answer, words):
    f = function(lambda ctx, x, k: x * k, lambda ctx, g: answer(g))
    with pytest.raises(RuntimeError, match=words):
        f.apply(leaf(1.0, 2.0), 2).sum().backward()


def test_gradients_are_fitted_to_their_inputs():
    x = leaf(1.0, 2.0)
    f = function(lambda ctx, x: x * 2, lambda ctx, g: (ndl.ones(4, 2, dtype=ndl.int64), None, None))
    f.apply(x).sum().backward()
    assert x.grad.tolist() == [4, 4] and x.grad.dtype == ndl.float64


def test_no_gradient_at_all():
    x = leaf(1.0)
    function(lambda ctx, x: x * 2, lambda ctx, g: None).apply(x).sum().backward()
    assert x.grad is None


def test_gradients_that_are_saved_tensors_are_copied():
    x = leaf(1.0, 2.0)
    f = function(lambda ctx, x: (ctx.save_for_backward(x), x * 2)[1], lambda ctx, g: ctx.saved_tensors[0])
    f.apply(x).sum().backward()
    x.grad.mul_(10)
    assert x.tolist() == [1, 2]


def test_once_differentiable():
    f = function(lambda ctx, x: x * x, once_differentiable(lambda ctx, g: g * 3))
    x, start = leaf(1.0), leaf(2.0)
    f.apply(x).backward(start)
    assert x.grad.tolist() == [6]
    (first,) = grad(f.apply(x), x, start, create_graph=True)
    with pytest.raises(RuntimeError, match="differentiate twice"):
        grad(first.sum(), start)


def test_unfinished_functions():
    with pytest.raises(NotImplementedError, match="implement the forward"):
        type("Mine", (Function,), {}).apply(leaf(1.0))
    with pytest.raises(NotImplementedError, match="either the backward or vjp"):
        type("Mine", (Function,), {"forward": staticmethod(lambda ctx, x: x * 2)}).apply(leaf(1.0)).sum().backward()
    with pytest.raises(RuntimeError, match="Legacy autograd function"):
        Exp()(leaf(1.0))
    by_vjp = type("Mine", (Function,), {"forward": staticmethod(lambda ctx, x: x * 2),
                                        "vjp": staticmethod(lambda ctx, g: g * 2)})
    assert gradcheck(by_vjp.apply, leaf(1.0))


def test_inside_a_larger_graph():
    x, w = leaf(0.5, 0.1), leaf(2.0)

    def both(x, w):
        y = Exp.apply(x * w)
        y = MulAdd.apply(y, x, 0.5, w)
        return Exp.apply(y.sum() * 0.1) + y

    assert gradcheck(both, (x, w)) and gradgradcheck(both, (x, w))


def test_variable():
    x = ndl.ones(2)
    v = Variable(x, requires_grad=True)
    assert type(v) is ndl.Tensor and v.requires_grad and not x.requires_grad and isinstance(x, Variable)
    v.detach().add_(1)
    assert x.tolist() == [2, 2]
    with pytest.raises(TypeError, match="got list"):
        Variable([1.0])
    with pytest.warns(UserWarning, match="volatile"):
        Variable(x, volatile=True)
