"""AdaptiveLogSoftmaxWithLoss beside torch's: same starting values, outputs, losses, gradients and refusals."""

import numpy as np
import pytest

import minitorch_ndl as ndl
from tests.helpers import assert_close

torch = pytest.importorskip("torch")


def made(lib, bias, cutoffs=(3, 6, 11)):
    lib.manual_seed(3)
    return lib.nn.AdaptiveLogSoftmaxWithLoss(8, 15, cutoffs, div_value=2.0, head_bias=bias)


@pytest.mark.parametrize("bias", (False, True))
@pytest.mark.parametrize("labels", ([0, 1, 2], [14, 3, 0, 7, 10, 11], 5, []))
def test_like_torch(bias, labels):
    random = np.random.RandomState(0)
    x = random.standard_normal((*np.shape(labels), 8)).astype(np.float32)
    results = []
    for lib in (torch, ndl):
        layer = made(lib, bias)
        input = lib.tensor(x, requires_grad=True)
        output, loss = layer(input, lib.tensor(labels, dtype=lib.int64))
        if np.size(labels):
            loss.backward()
        grads = [p.grad if p.grad is not None else p * 0 for p in layer.parameters()]
        both = [layer.log_prob(input), layer.predict(input)] if x.ndim == 2 else []
        results.append([output, loss, *grads, *layer.parameters(), *both])
    for theirs, ours in zip(*results, strict=True):
        assert_close(ours.detach().numpy(), theirs.detach().numpy(), rtol=1e-5, atol=1e-6)
    assert list(made(torch, bias).state_dict()) == list(made(ndl, bias).state_dict())
    assert repr(made(torch, bias)) == repr(made(ndl, bias))


@pytest.mark.parametrize("cutoffs", ([], [3, 3], [6, 3], [0, 4], [5, 15], [2.5]))
def test_bad_cutoffs(cutoffs):
    for lib in (torch, ndl):
        with pytest.raises(ValueError, match="cutoffs should be a sequence"):
            made(lib, False, cutoffs)


@pytest.mark.parametrize("shape, labels", [((2, 8), [0, 15]), ((2, 8), [0, -1]), ((2, 8), [1]), ((8,), [1]), ((2, 8), [[1, 2]])])
def test_bad_targets(shape, labels):
    for lib in (torch, ndl):
        with pytest.raises(RuntimeError):
            made(lib, False)(lib.ones(*shape), lib.tensor(labels))
