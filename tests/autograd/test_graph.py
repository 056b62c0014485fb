"""Looking at the graph: topological order, nodes, and the memory that is held."""

import random

import numpy as np
import pytest

import minitorch_ndl as ndl
from minitorch_ndl.autograd.graph import Node, find_topo_sort, held_bytes, increment_version


def leaf(*values, dtype=ndl.float32):
    return ndl.tensor(values, dtype=dtype, requires_grad=True)


def names(order, **leaves):
    known = {id(t): n for n, t in leaves.items()}
    return [known[id(n)] if isinstance(n, ndl.Tensor) else n.name().removesuffix("Backward") for n in order]


# --- order ------------------------------------------------------------------------------------------------------------


def test_inputs_come_first_in_the_order_of_the_arguments():
    a, b = leaf(1.0), leaf(2.0)
    y = (b.exp() * a) + b
    assert names(find_topo_sort(y), a=a, b=b) == ["b", "Exp", "a", "Mul", "Add"]
    assert names(find_topo_sort(b + a), a=a, b=b) == ["b", "a", "Add"]


def test_of_several_outputs_each_node_once():
    a = leaf(1.0)
    shared = a.exp()
    one, other = shared * 2, shared.sin()
    assert names(find_topo_sort([one, other]), a=a) == ["a", "Exp", "Mul", "Sin"]
    assert names(find_topo_sort([other, one, other]), a=a) == ["a", "Exp", "Sin", "Mul"]


def test_what_is_not_followed_is_not_there():
    a = leaf(1.0)
    assert names(find_topo_sort(a * ndl.ones(1).exp()), a=a) == ["a", "Mul"]
    assert find_topo_sort(a) == [a] and find_topo_sort(ndl.ones(1)) == [] and find_topo_sort(a.detach() * 2) == []


def test_operations_with_several_outputs():
    x = leaf(1.0, 2.0)
    p, q = x.unbind(0)
    assert names(find_topo_sort(p * q), x=x) == ["x", "Unbind", "Mul"]


def test_random_graphs_are_in_order():
    for seed in range(30):
        rng, pool = random.Random(seed), [leaf(1.0), leaf(2.0)]
        for _ in range(30):
            pool.append(rng.choice([lambda a, b: a * b, lambda a, b: a + b, lambda a, b: a.exp()])(*rng.choices(pool, k=2)))
        order = find_topo_sort(pool[-3:])
        place = {id(n): i for i, n in enumerate(order)}
        assert len(place) == len(order)
        for n in order:
            if isinstance(n, Node):
                sources = [m if isinstance(m, Node) else m.variable for m, _ in n.next_functions]
                assert all(place[id(m)] < place[id(n)] for m in sources)


def test_deep_graphs():
    y = leaf(1.0)
    for _ in range(50_000):
        y = y + 1
    assert len(find_topo_sort(y)) == 50_001


def test_nodes_can_be_walked():
    a, b = leaf(1.0), leaf(2.0)
    node = (a.exp() * b).grad_fn
    (exp, i), (last, j) = node.next_functions
    assert isinstance(exp, Node) and exp.name() == "ExpBackward" and (i, j) == (0, 0)
    assert last.variable is b and last.name() == "AccumulateGrad" and last.next_functions == ()
    assert exp.next_functions[0][0] == (a * 2).grad_fn.next_functions[0][0]


# --- memory -----------------------------------------------------------------------------------------------------------


def test_bytes_of_what_is_saved():
    x = leaf(*[1.0] * 250)
    assert held_bytes(x + x) == 0, "nothing is needed"
    assert held_bytes(x.exp()) == 1000, "the result"
    assert held_bytes(x.exp().exp()) == 2000
    assert held_bytes((x * x).sum()) == 1000, "the input"


def test_shared_memory_counts_once():
    x = leaf(*[1.0] * 250)
    y = x.exp()
    assert held_bytes([y * y, y[10:] * 2, y.view(10, 25).exp()[0]]) == 1000 + 1000 + 4  # the 4 are the number 2
    w = x.detach().requires_grad_()
    assert held_bytes(x * w) == 1000


def test_without_a_graph_nothing_is_held():
    x = leaf(1.0, 2.0)
    assert held_bytes(ndl.ones(1000)) == 0 and held_bytes((x * x).detach()) == 0
    with ndl.no_grad():
        assert held_bytes(x.exp()) == 0


def test_backward_frees_it():
    x = leaf(*[1.0] * 250)
    loss = x.exp().tanh().sum()
    assert held_bytes(loss) == 2000
    loss.backward()
    assert held_bytes(loss) == 0


def test_a_sum_of_losses_grows_and_a_sum_of_numbers_does_not():
    w, sizes, total = leaf(*[1.0] * 1000), [], 0
    for _ in range(5):
        total = total + (w * 2).exp().sum()
        sizes.append(held_bytes(total))
    assert set(np.diff(sizes)) == {4000}
    total = 0
    for _ in range(5):
        total += (w * 2).exp().sum().item()
    assert isinstance(total, float)


def test_writes_lists_fused_operations_and_functions_count():
    x = leaf(*[1.0] * 250)
    y = x * 1
    y[:100].exp_()
    assert held_bytes(y) == 1000 + 4, "exp_ saved its result, which lies in y; and the number 1"
    assert held_bytes(ndl.cat([x, x]).exp()) == 2000
    log = ndl.nn.functional.log_softmax(x * 2, 0)
    assert held_bytes(log) >= 2000, "its result, and its input for gradients of gradients"
    log.sum().backward()
    assert held_bytes(log) == 0

    class Keep(ndl.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x.exp())
            ctx.more = x.detach().sin()
            return x.sum()

    assert held_bytes(Keep.apply(x)) == 2000


def test_increment_version():
    x = leaf(1.0) * 1
    y = x * x
    x.numpy(force=True)[0] = 5  # behind autograd's back
    increment_version(x)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()
