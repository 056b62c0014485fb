"""Several threads at once: forward and backward, shared leaves, shared graphs."""

import threading

import numpy as np

import minitorch_ndl as ndl

THREADS, ROUNDS = 6, 30


def together(*works):
    """Run all of them at once; raise what they raise."""
    start, errors = threading.Barrier(len(works)), []

    def run(work):
        try:
            start.wait(10)
            work()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(w,)) for w in works]
    for t in threads:
        t.start()
    for t in threads:
        t.join(60)
    if errors:
        raise errors[0]


def test_sums_into_shared_leaves_are_right():
    w, hooked = ndl.ones(50, dtype=ndl.float64, requires_grad=True), []
    w.register_post_accumulate_grad_hook(lambda p: hooked.append(1))

    def work(k):
        def run():
            for i in range(ROUNDS):
                x = ndl.full((50,), float(k * i), dtype=ndl.float64)
                (w * x + w).sum().backward()

        return run

    together(*[work(k) for k in range(THREADS)])
    expected = sum(k * i + 1 for k in range(THREADS) for i in range(ROUNDS))
    assert w.grad.tolist() == [expected] * 50 and len(hooked) == THREADS * ROUNDS


def test_one_graph_walked_by_many():
    x = ndl.rand(20, dtype=ndl.float64).requires_grad_()
    y = (x * x).tanh().exp()
    loss = (y * y).sum()
    (expected,) = ndl.autograd.grad(loss, x, retain_graph=True)
    (second,) = ndl.autograd.grad(ndl.autograd.grad(loss, x, create_graph=True)[0].sum(), x, retain_graph=True)

    def work():
        for _ in range(ROUNDS):
            (first,) = ndl.autograd.grad(loss, x, create_graph=True)
            np.testing.assert_array_equal(first.detach(), expected)
            np.testing.assert_allclose(ndl.autograd.grad(first.sum(), x, retain_graph=True)[0], second, rtol=1e-12)

    together(*[work] * THREADS)


def test_views_and_writes_in_each_thread():
    base = ndl.rand(4, 5, dtype=ndl.float64).requires_grad_()

    def gradient(k):
        y = base * 1
        row = y[k % 4]
        y.mul_(2)
        row.add_(base[0])
        return ndl.autograd.grad((y * row).sum(), base)[0]

    expected = [gradient(k) for k in range(THREADS)]

    def work(k):
        def run():
            for _ in range(ROUNDS):
                np.testing.assert_array_equal(gradient(k), expected[k])

        return run

    together(*[work(k) for k in range(THREADS)])


def test_modes_do_not_leak_between_threads():
    x = ndl.ones(3, requires_grad=True)

    def recording():
        for _ in range(200):
            assert (x * 2).requires_grad
            ndl.autograd.grad((x * x).sum(), x, create_graph=True)

    def silent():
        for _ in range(200):
            with ndl.no_grad():
                assert not (x * 2).requires_grad

    together(recording, silent, recording, silent)


def test_a_leaf_that_is_read_while_others_add():
    w = ndl.zeros(1000, requires_grad=True)
    w.sum().backward()

    def add():
        for _ in range(ROUNDS):
            w.sum().backward()

    def read():
        for _ in range(ROUNDS * 3):
            assert w.grad.min() >= 1

    together(add, add, read)
    assert w.grad.unique().tolist() == [2 * ROUNDS + 1]
