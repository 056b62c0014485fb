"""Bags of embeddings against torch."""

import itertools

import numpy as np
import pytest

import minitorch_ndl as ndl
from tests.parity.oracle import check, refusal

torch = pytest.importorskip("torch")


def draw(*shape, seed=1):
    return np.random.RandomState(seed).randn(*shape)


def bags(seed):
    random = np.random.RandomState(seed)
    words = random.randint(0, 6, random.randint(1, 12))
    starts = np.sort(random.randint(0, len(words) + 1, random.randint(0, 4)))
    return words, np.concatenate([[0], starts])


@pytest.mark.parametrize("mode, seed", list(itertools.product(["sum", "mean", "max"], range(8))))
def test_bags(mode, seed):
    """Torch has no second-order gradients here; ours are tested in the sweep."""
    words, starts = bags(seed)
    kinds = [("int64", "int64"), ("int32", "int32"), ("int32", "int64")]
    for (a, b), last, padding in zip(kinds, [False, True, False], [None, 3, -3]):
        options = {"mode": mode, "include_last_offset": last, "padding_idx": padding}
        ends = [*starts, len(words)] if last else starts
        check(lambda lib, i, w, o: lib.nn.functional.embedding_bag(i, w, o, **options),
              [words.astype(a), draw(6, 4), np.array(ends, b)], second=False)
    square = np.random.RandomState(seed).randint(0, 6, (3, 4))
    check(lambda lib, i, w: lib.nn.functional.embedding_bag(i, w, mode=mode, padding_idx=2), [square, draw(6, 4)], second=False)
    check(lambda lib, i, w: lib.nn.functional.embedding_bag(i, w, None, 1.2, 1.0, mode=mode), [square, draw(6, 4)], grad=False)


@pytest.mark.parametrize("mode", ["sum", "mean"])
def test_gradients_by_frequency(mode):
    """By the definition: torch's own divides by the counts of other rows."""
    words, starts = ndl.tensor([4, 1, 4, 4, 0]), ndl.tensor([0, 2, 4])
    grads = []
    for scale in (False, True):
        table = ndl.ones(6, 2, dtype=ndl.float64, requires_grad=True)
        out = ndl.nn.functional.embedding_bag(words, table, starts, scale_grad_by_freq=scale, mode=mode)
        (out * ndl.arange(6.0).reshape(3, 2)).sum().backward()
        grads.append(table.grad.numpy())
    np.testing.assert_allclose(grads[1], grads[0] / np.array([1, 1, 1, 1, 3, 1])[:, None])


def test_weights_of_samples():
    words, starts = bags(3)
    for padding, last in itertools.product((None, 1), (False, True)):
        check(lambda lib, i, w, o, s: lib.nn.functional.embedding_bag(
            i, w, o, mode="sum", per_sample_weights=s, padding_idx=padding, include_last_offset=last),
            [words, draw(6, 3), np.append(starts, len(words))[:None if last else -1], draw(len(words))], second=False)


def test_module():
    words, starts, table = *bags(1), draw(6, 3)
    for options in ({"mode": "sum"}, {"padding_idx": -1}, {"include_last_offset": True}, {"max_norm": 1.0, "freeze": False}):
        check(lambda lib, i, o: lib.nn.EmbeddingBag.from_pretrained(lib.tensor(table), **options)(i, o),
              [words, np.append(starts, len(words))[:None if "include_last_offset" in options else -1]], grad=False)
    shown = [str(lib.nn.EmbeddingBag(3, 4, 2.0, mode="sum", padding_idx=1)) for lib in (ndl, torch)]
    assert shown[0] == shown[1] == "EmbeddingBag(3, 4, max_norm=2.0, mode='sum', padding_idx=1)"
    for lib in (ndl, torch):
        bag = lib.nn.EmbeddingBag(5, 2, padding_idx=-1)
        assert bag.padding_idx == 4 and bag.weight.requires_grad and not bag.weight[4].any() and bag.mode == "mean"
        assert not lib.nn.EmbeddingBag.from_pretrained(lib.ones(2, 2)).weight.requires_grad


@pytest.mark.parametrize("call", [
    lambda lib, f, i, w, o: f(lib.tensor([1, 7]), w, o[:1]), lambda lib, f, i, w, o: f(lib.tensor([1, -1]), w, o[:1]),
    lambda lib, f, i, w, o: f(i.float(), w, o), lambda lib, f, i, w, o: f(i, w, o.float()), lambda lib, f, i, w, o: f(i, w, o + 1),
    lambda lib, f, i, w, o: f(i, w, o * 3), lambda lib, f, i, w, o: f(i, w, lib.tensor([0, 2, 1])), lambda lib, f, i, w, o: f(i, w),
    lambda lib, f, i, w, o: f(i, w, o[None]), lambda lib, f, i, w, o: f(i[None], w, o), lambda lib, f, i, w, o: f(i, w[0], o),
    lambda lib, f, i, w, o: f(i, w, o[:0], include_last_offset=True), lambda lib, f, i, w, o: f(i, w, o, mode="x"),
    lambda lib, f, i, w, o: f(i, w, o, mode="max", scale_grad_by_freq=True), lambda lib, f, i, w, o: f(i, w, o, padding_idx=5),
    lambda lib, f, i, w, o: f(i, w, o, mode="max", sparse=True), lambda lib, f, i, w, o: f(i, w.long(), o),
    lambda lib, f, i, w, o: f(i, w, o, per_sample_weights=lib.ones(3)), lambda lib, f, i, w, o: f(i[None, None], w),
    lambda lib, f, i, w, o: f(i, w, o, mode="sum", per_sample_weights=lib.ones(2)),
    lambda lib, f, i, w, o: f(i, w, o, mode="sum", per_sample_weights=lib.ones(3).double()),
    lambda lib, f, i, w, o: lib.nn.EmbeddingBag(3, 2, padding_idx=4), lambda lib, f, i, w, o: lib.nn.EmbeddingBag(3, 2, _weight=w),
    lambda lib, f, i, w, o: lib.nn.EmbeddingBag.from_pretrained(w[0]),
])
def test_refusals(call):
    refusal(lambda lib: call(lib, lib.nn.functional.embedding_bag, lib.tensor([1, 2, 4]), lib.ones(5, 3), lib.tensor([0, 2])))
