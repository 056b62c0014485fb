"""Hooks on tensors and nodes, retain_grad, and the order in which they run."""

import math

import numpy as np
import pytest

import minitorch_ndl as ndl


def leaf(*values):
    return ndl.tensor(values, dtype=ndl.float64, requires_grad=True)


def grad_of(x):
    """The gradient that retain_grad kept."""
    return x.grad.tolist()


# --- tensor hooks -----------------------------------------------------------------------------------------------------


def test_they_run_in_order_each_seeing_what_the_one_before_returned():
    x, seen = leaf(1.0), []
    for factor in (2, 3, 5):
        x.register_hook(lambda g, factor=factor: (seen.append(g.item()), g * factor)[1])
    (x * 7).sum().backward()
    assert seen == [7, 14, 42] and x.grad.tolist() == [210]


def test_a_hook_that_returns_nothing_changes_nothing():
    x = leaf(1.0)
    x.register_hook(lambda g: None)
    (x * 7).sum().backward()
    assert x.grad.tolist() == [7]


def test_removing_one_leaves_the_others():
    x = leaf(1.0)
    first, second = x.register_hook(lambda g: g * 2), x.register_hook(lambda g: g * 3)
    first.remove()
    first.remove()  # twice is fine
    with second:
        (x * 1).sum().backward()
    (x * 1).sum().backward()
    assert x.grad.tolist() == [3 + 1]


def test_a_hook_may_remove_itself():
    x, seen = leaf(1.0), []
    handle = x.register_hook(lambda g: (seen.append(1), handle.remove())[1])
    (x * 1).sum().backward()
    (x * 1).sum().backward()
    assert seen == [1]


def test_hooks_of_leaves_see_the_sum_once():
    x, seen = leaf(1.0), []
    x.register_hook(lambda g: seen.append(g.tolist()))
    (x * 2 + x * 3 + x).sum().backward()
    assert seen == [[6]]


def test_hooks_run_for_autograd_grad_too():
    x = leaf(1.0)
    x.register_hook(lambda g: g * 10)
    x.register_post_accumulate_grad_hook(lambda t: pytest.fail("nothing was accumulated"))
    y = x * 2
    y.register_hook(lambda g: g * 10)
    assert [g.tolist() for g in ndl.autograd.grad(y.sum(), [x, y])] == [[200], [10]] and x.grad is None


def test_each_output_of_an_operation_has_its_own_hooks():
    x, seen = leaf(1.0, 2.0, 3.0), []
    a, b, c = x.unbind(0)
    a.register_hook(lambda g: seen.append(("a", g.item())))
    c.register_hook(lambda g: (seen.append(("c", g.item())), g * 100)[1])
    (a * 2 + c * 3).backward()
    assert sorted(seen) == [("a", 2), ("c", 3)] and x.grad.tolist() == [2, 0, 300]


@pytest.mark.parametrize("answer, error, words", [
    (3, TypeError, "expected Variable, but hook returned 'int'"),
    (ndl.ones(3), RuntimeError, "has changed the size of value"),
    (ndl.ones(1, dtype=ndl.float32), RuntimeError, "has changed the type of value"),
])
def test_what_cannot_be_the_gradient_is_refused(answer, error, words):
    x = leaf(1.0)
    x.register_hook(lambda g: answer)
    with pytest.raises(error, match=words):
        (x * 1).sum().backward()
    assert x.grad is None


def test_no_hooks_without_gradients():
    with pytest.raises(RuntimeError, match="doesn't require gradient"):
        ndl.ones(1).register_hook(print)
    with pytest.raises(RuntimeError, match="non-leaf"):
        (leaf(1.0) * 1).register_post_accumulate_grad_hook(print)


def test_a_kept_gradient_stays_as_it_was():
    x, kept = leaf(1.0, 2.0), []
    y = x * 1
    for t in (x, y):
        t.register_hook(kept.append)
    for _ in range(2):
        (y + x + y).sum().backward(retain_graph=True)
        x.grad.mul_(100)
    assert [k.tolist() for k in kept] == [[2, 2], [3, 3]] * 2


def test_with_create_graph_hooks_are_part_of_the_graph():
    x = leaf(3.0)
    x.register_hook(lambda g: g * x)
    (first,) = ndl.autograd.grad((x * x).sum(), x, create_graph=True)  # 2 x * x
    assert first.item() == 18 and first.requires_grad
    seen = []
    y = x * 1
    y.register_hook(lambda g: seen.append(g.requires_grad))
    (y * y).sum().backward()
    y = x * 1
    y.register_hook(lambda g: seen.append(g.requires_grad))
    ndl.autograd.grad((y * y).sum(), x, create_graph=True)
    assert seen == [False, True]


def test_post_accumulate_hooks_come_last_and_may_use_up_the_gradient():
    x = leaf(3.0)

    def step(p):
        assert p is x and p.grad.tolist() == [12]
        with ndl.no_grad():
            p.sub_(p.grad * 0.1)
        p.grad = None

    x.register_hook(lambda g: g * 2)
    x.register_post_accumulate_grad_hook(step)
    (x * x).sum().backward()
    assert x.grad is None and x.item() == pytest.approx(1.8)


# --- retain_grad ------------------------------------------------------------------------------------------------------


def test_retain_grad_comes_after_every_hook():
    x = leaf(1.0)
    y = x * 2
    y.retain_grad()
    y.retain_grad()  # twice is once
    y.register_hook(lambda g: g * 10)
    y.sum().backward(retain_graph=True)
    assert grad_of(y) == [10] and y.retains_grad
    y.sum().backward()
    assert grad_of(y) == [20]


def test_retained_gradients_share_no_memory():
    x = leaf(1.0)
    y = x + 0
    z = y + 0
    y.retain_grad(), z.retain_grad()
    start = ndl.ones(1, dtype=ndl.float64)
    z.backward(start)
    z.grad.mul_(5), y.grad.mul_(7)
    assert (grad_of(x), grad_of(y), grad_of(z), start.tolist()) == ([1], [7], [5], [1])


def test_it_follows_its_tensor_through_writes():
    weights = ndl.tensor([1.0, 2.0, 3.0], dtype=ndl.float64)
    x = leaf(1.0, 1.0, 1.0)
    y = x * 2
    y.retain_grad()
    y.register_hook(lambda g: g * 10)  # hooks stay with what the tensor was
    y.mul_(3)
    (y * weights).sum().backward()
    assert grad_of(y) == [1, 2, 3] and grad_of(x) == [60, 120, 180]

    x.grad, y = None, x * 2
    y.retain_grad()
    y[0:2].mul_(3)  # through a view
    (y * weights).sum().backward()
    assert grad_of(y) == [1, 2, 3] and grad_of(x) == [6, 12, 6]

    y = x * 2
    view = y[0:2]
    view.retain_grad()
    y.mul_(3)  # of the base; `view` is the view of what the base is now
    (view * weights[:2]).sum().backward()
    assert grad_of(view) == [1, 2]

    y = x * 2
    view = y[0:2]
    view.retain_grad()
    view.mul_(3)
    (y * weights).sum().backward()  # nothing came from `view` as it is now
    assert view.grad is None


def test_a_plain_buffer_that_gets_a_history_may_retain():
    buffer, w = ndl.ones(3, dtype=ndl.float64), leaf(2.0, 2.0, 2.0)
    buffer.mul_(w)
    buffer.retain_grad()
    buffer.mul_(w)
    buffer.sum().backward()
    assert grad_of(buffer) == [1, 1, 1] and grad_of(w) == [4, 4, 4]


def test_it_needs_a_gradient_and_does_nothing_on_leaves():
    with pytest.raises(RuntimeError, match="can't retain_grad"):
        ndl.ones(1).retain_grad()
    x = leaf(1.0)
    x.retain_grad()
    assert not x.retains_grad


def test_a_tensor_that_is_gone_is_forgotten():
    x = leaf(1.0)
    y = x * 2
    y.retain_grad()
    z = y * 3
    del y
    z.sum().backward()
    assert x.grad.tolist() == [6]


# --- node hooks -------------------------------------------------------------------------------------------------------


def test_node_hooks_see_gradients_before_and_after():
    a, b = leaf(1.0, 2.0), leaf(3.0)
    y, seen = a * b, []
    y.grad_fn.register_prehook(lambda outs: seen.append([o.tolist() for o in outs]))
    y.grad_fn.register_hook(lambda ins, outs: seen.append([i.tolist() for i in ins]))
    y.sum().backward()
    assert seen == [[[1, 1]], [[3, 3], [3]]], "gradients of inputs have the inputs' shapes"


def test_node_hooks_may_replace_gradients():
    a = leaf(1.0)
    y = a * 2
    handles = [y.grad_fn.register_prehook(lambda outs: (outs[0] * 10,)),
               y.grad_fn.register_hook(lambda ins, outs: (ins[0] + outs[0],))]
    y.sum().backward(retain_graph=True)
    assert a.grad.tolist() == [20 + 10]
    for h in handles:
        h.remove()
    a.grad = None
    y.sum().backward()
    assert a.grad.tolist() == [2]


def test_the_order_is_tensor_hooks_retain_grad_node_hooks():
    a, log = leaf(1.0), []
    y = a * 2
    y.grad_fn.register_prehook(lambda outs: (log.append("node"), (outs[0] * 2,))[1])
    y.register_hook(lambda g: (log.append("tensor"), g * 3)[1])
    y.retain_grad()
    y.register_hook(lambda g: (log.append("tensor"), g * 5)[1])
    y.sum().backward()
    assert log == ["tensor", "tensor", "node"] and grad_of(y) == [15] and grad_of(a) == [60]


@pytest.mark.parametrize("answer, error, words", [
    (ndl.ones(1), TypeError, "expected tuple, but hook returned 'Tensor'"),
    ((None, None), RuntimeError, "incorrect number of values \\(got 2, but expected 1\\)"),
    ((ndl.ones(3, dtype=ndl.float64),), RuntimeError, "changed the size of value"),
])
def test_node_hooks_are_checked(answer, error, words):
    y = leaf(1.0) * 2
    y.grad_fn.register_hook(lambda ins, outs: answer)
    with pytest.raises(error, match=words):
        y.sum().backward()


def test_a_node_hook_sees_tensors_of_no_dimensions_too():
    # NumPy's arithmetic hands back numbers where arrays have no dimensions.
    b, seen = ndl.tensor(0.5, requires_grad=True), []
    y = (b.tanh() - 1.0) ** 2
    y.grad_fn.register_hook(lambda grads, outs: seen.append(grads[0]))
    y.backward()
    assert seen[0].shape == () and seen[0].item() == pytest.approx(2 * (math.tanh(0.5) - 1))
    assert isinstance(seen[0].numpy(), np.ndarray)
