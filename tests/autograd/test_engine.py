"""Backward: sums, order, what is kept and freed, hooks, grad modes, threads. Without torch; tests/parity compares with it."""

import gc
import threading
import weakref

import numpy as np
import pytest

import minitorch_ndl as ndl
from minitorch_ndl import autograd


def leaf(*values):
    return ndl.tensor(values, dtype=ndl.float64, requires_grad=True)


def test_fan_out_is_summed():
    x = leaf(2.0)
    a = x * 3
    (a * a + a + x).backward()
    assert x.grad.item() == 2 * 6 * 3 + 3 + 1


def test_a_chain_of_100_000_operations():
    x = leaf(1.0)
    y = x
    for _ in range(100_000):
        y = y + 1
    y.sum().backward()
    assert x.grad.tolist() == [1]
    del y  # freeing it must not run out of stack either
    gc.collect()


def test_sixty_nested_diamonds():
    x = leaf(1.0)
    y = x
    for _ in range(60):
        y = y + y
    y.sum().backward()
    assert x.grad.item() == 2.0**60


def test_gradients_accumulate_in_place():
    x = leaf(1.0, 2.0)
    (x * x).sum().backward()
    kept = x.grad
    (x * x).sum().backward()
    assert x.grad is kept and kept.tolist() == [4, 8]


def test_gradients_share_no_memory():
    a, b = leaf(1.0, 2.0), leaf(3.0, 4.0)
    seed = ndl.ones(2, dtype=ndl.float64)
    (a + b).backward(seed)
    a.grad += 5
    assert b.grad.tolist() == [1, 1] and seed.tolist() == [1, 1]


def test_broadcasting_is_undone():
    column, row = leaf(1.0, 2.0).reshape(2, 1).detach().requires_grad_(), leaf(1.0, 2.0, 3.0)
    (column * row).sum().backward()
    assert column.grad.tolist() == [[6], [6]] and row.grad.tolist() == [3, 3, 3]


def test_a_second_backward_says_how_to_mend_it():
    x = leaf(1.0)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    with pytest.raises(RuntimeError, match="retain_graph=True"):
        y.backward()


def test_what_was_saved_is_dropped():
    x = leaf(*range(5))
    y = x.exp()
    z = (y * y).sum()
    node = y.grad_fn
    assert node.saved
    z.backward()
    assert not node.saved


def test_no_cycle_keeps_a_graph_alive():
    x = leaf(1.0, 2.0)
    y = (x.exp().tanh() * x).sum()
    node = weakref.ref(y.grad_fn)
    gc.disable()
    try:
        del y
        assert node() is None, "reference counting alone must free it"
    finally:
        gc.enable()


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_any_order(order):
    x = leaf(0.7)
    y = x.exp() * x
    for _ in range(order):
        (y,) = autograd.grad(y.sum(), x, create_graph=True)
    assert y.item() == pytest.approx(np.exp(0.7) * (0.7 + order))


def test_grad_touches_nothing():
    x, unused = leaf(1.0), leaf(1.0)
    y = (x * x).sum()
    assert autograd.grad(y, x, retain_graph=True)[0].tolist() == [2] and x.grad is None
    assert autograd.grad(y, [x, unused], retain_graph=True, allow_unused=True)[1] is None
    assert autograd.grad(y, [x, unused], retain_graph=True, materialize_grads=True)[1].tolist() == [0]
    with pytest.raises(RuntimeError, match="not have been used"):
        autograd.grad(y, [unused])


def test_backward_for_some_inputs_only():
    a, b = leaf(1.0), leaf(2.0)
    c = a * b
    (c * c).sum().backward(inputs=[a])
    assert a.grad.tolist() == [8] and b.grad is None


@pytest.mark.filterwarnings("ignore:The .grad attribute")
def test_hooks_see_the_summed_gradient_and_may_replace_it():
    x = leaf(1.0)
    y, seen = x * 2, []
    y.register_hook(lambda g: seen.append(g.item()))
    handle = y.register_hook(lambda g: g * 10)
    y.retain_grad()
    (y + y * 3).sum().backward(retain_graph=True)
    assert seen == [4] and y.grad.item() == 40 and x.grad.item() == 80
    handle.remove()
    x.grad = None
    (y + y * 3).sum().backward()
    assert x.grad.item() == 8


def test_post_accumulate_hooks():
    x, seen = leaf(3.0), []
    x.register_post_accumulate_grad_hook(lambda t: seen.append(t.grad.item()))
    (x * x).sum().backward()
    assert seen == [6]


def test_saved_values_are_guarded():
    for write in (lambda y: y.add_(1), lambda y: y[0:1].mul_(2), lambda y: y.detach().add_(1)):
        y = leaf(1.0, 2.0) * 1
        z = (y * y).sum()
        write(y)
        with pytest.raises(RuntimeError, match="modified by an inplace operation: MulBackward saved"):
            z.backward()
    y = leaf(1.0, 2.0) * 1
    z = (y * y).sum()
    y.data.add_(1)  # what autograd does not see
    z.backward()


def test_grad_modes():
    x = leaf(1.0)

    @ndl.no_grad
    def bare():
        return (x * 2).requires_grad

    @ndl.no_grad()
    def called():
        with ndl.enable_grad():
            return (x * 2).requires_grad

    @ndl.no_grad()
    def steps():
        yield (x * 2).requires_grad
        yield (x * 2).requires_grad

    assert not bare() and called()
    for inside in steps():
        assert not inside and (x * 2).requires_grad
    with pytest.raises(ZeroDivisionError), ndl.no_grad():
        raise ZeroDivisionError
    assert ndl.is_grad_enabled()
    with ndl.set_grad_enabled(False):
        assert not ndl.is_grad_enabled()
    with ndl.inference_mode():
        assert ndl.is_inference_mode_enabled() and not (x * 2).requires_grad


def test_grad_mode_belongs_to_the_thread():
    seen = []
    with ndl.no_grad():
        thread = threading.Thread(target=lambda: seen.append(ndl.is_grad_enabled()))
        thread.start()
        thread.join()
    assert seen == [True]


def test_several_threads_at_once():
    w = ndl.rand(20, 20, dtype=ndl.float64).requires_grad_()
    inputs = [ndl.rand(5, 20, dtype=ndl.float64) for _ in range(8)]

    def work(x):
        for _ in range(20):
            (x @ w).tanh().sum().backward()

    threads = [threading.Thread(target=work, args=(x,)) for x in inputs]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    total = w.grad.numpy().copy()
    w.grad = None
    for x in inputs:
        work(x)
    np.testing.assert_allclose(total, w.grad.numpy(), rtol=1e-10)


def test_anomalies_name_the_operation_and_the_line():
    x = leaf(0.0)
    with pytest.raises(RuntimeError, match="SqrtBackward") as caught, autograd.detect_anomaly():
        y = x.sqrt()  # the line to be named
        (y * 0).sum().backward()
    assert "y = x.sqrt()  # the line to be named" in str(caught.value)


def test_topological_order():
    a, b = leaf(1.0), leaf(2.0)
    y = (a * b).exp() + b
    names = [n if isinstance(n, ndl.Tensor) else n.name() for n in autograd.graph.find_topo_sort(y)]
    assert names[0] is a and names[1] is b and names[2:] == ["MulBackward", "ExpBackward", "AddBackward"]


def test_users_own_functions():
    class Cube(autograd.Function):
        @staticmethod
        def forward(ctx, x, scale):
            ctx.save_for_backward(x)
            ctx.scale = scale
            return x * x * x * scale

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return 3 * x * x * ctx.scale * g, None

    x = leaf(2.0, -1.0)
    assert autograd.gradcheck(lambda t: Cube.apply(t, 2.0), (x,))
    assert autograd.gradgradcheck(lambda t: Cube.apply(t, 2.0), (x,))


def test_gradcheck_finds_a_wrong_formula():
    class Wrong(autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * 3

    with pytest.raises(RuntimeError, match="Jacobian mismatch"):
        autograd.gradcheck(Wrong.apply, (leaf(1.0, 2.0),))
    assert not autograd.gradcheck(Wrong.apply, (leaf(1.0),), raise_exception=False)
