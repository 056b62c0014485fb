"""Tensors in memory that processes share."""

import multiprocessing

import numpy as np
import pytest

import minitorch_ndl as ndl
from minitorch_ndl import nn


def _fill(model, queue):
    with ndl.no_grad():
        model.weight.fill_(3)
        model.running[1:] += 1
    queue.put((type(model.weight).__name__, model.weight.requires_grad, model.weight.is_shared()))


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_another_process_writes_into_a_model(method):
    model = nn.Linear(2, 3)
    model.register_buffer("running", ndl.zeros(4))
    before = model.weight.detach().clone()
    assert not model.weight.is_shared()
    assert model.share_memory() is model and model.weight.is_shared() and model.running.is_shared()
    assert ndl.equal(model.weight, before) and isinstance(model.weight, nn.Parameter)
    context = multiprocessing.get_context(method)
    queue = context.SimpleQueue()
    process = context.Process(target=_fill, args=(model, queue))
    process.start()
    process.join(60)
    assert process.exitcode == 0 and queue.get() == ("Parameter", True, True)
    assert model.weight.tolist() == [[3, 3]] * 3 and model.running.tolist() == [0, 1, 1, 1]
    assert not ndl.equal(model.weight, before)


def test_a_view_of_shared_memory_is_shared():
    x = ndl.zeros(3, 4).share_memory_()
    assert x.share_memory_() is x and x.T[1].is_shared() and not (x + 1).is_shared()
    x.T[1].fill_(2)
    assert x[:, 1].tolist() == [2, 2, 2]
    assert ndl.zeros(0).share_memory_().shape == (0,)


def test_training_goes_on_in_shared_memory():
    model = nn.Linear(2, 1).share_memory()
    optimizer = ndl.optim.SGD(model.parameters(), lr=0.1)
    array = model.weight.detach().numpy()
    before = array.copy()
    model(ndl.ones(1, 2)).sum().backward()
    optimizer.step()
    np.testing.assert_allclose(array, before - 0.1, rtol=1e-6)
    assert model.weight.is_shared()
