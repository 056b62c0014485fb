"""Data sets, samplers and the loader, without torch."""

import numpy as np
import pytest

import minitorch_ndl as ndl
from minitorch_ndl.utils import data


def rows(loader):
    return [batch[0].tolist() for batch in loader]


def test_batches_in_order():
    loader = data.DataLoader(data.TensorDataset(ndl.arange(7)), batch_size=3)
    assert rows(loader) == [[0, 1, 2], [3, 4, 5], [6]] and len(loader) == 3
    loader = data.DataLoader(data.TensorDataset(ndl.arange(7)), batch_size=3, drop_last=True)
    assert rows(loader) == [[0, 1, 2], [3, 4, 5]] and len(loader) == 2


def test_shuffling_takes_each_once_and_anew_each_epoch():
    loader = data.DataLoader(data.TensorDataset(ndl.arange(100)), batch_size=9, shuffle=True)
    first, second = (sum(rows(loader), []) for _ in range(2))
    assert sorted(first) == sorted(second) == list(range(100))
    assert first != second and first != list(range(100))


def test_rows_of_all_tensors_stay_together():
    x = ndl.rand(50, 3)
    loader = data.DataLoader(data.TensorDataset(x, x.sum(1)), batch_size=8, shuffle=True)
    for a, b in loader:
        np.testing.assert_array_equal(a.sum(1).numpy(), b.numpy())


def test_batches_are_copies():
    x = ndl.zeros(4)
    for shuffle in (False, True):
        for (batch,) in data.DataLoader(data.TensorDataset(x), batch_size=2, shuffle=shuffle):
            batch += 1
    assert x.tolist() == [0, 0, 0, 0]


def test_the_fast_way_agrees_with_item_by_item():
    tensors = data.TensorDataset(ndl.rand(10, 2), ndl.arange(10))

    class Slow(data.Dataset):
        def __getitem__(self, i):
            return tensors[i]

        def __len__(self):
            return 10

    for a, b in zip(data.DataLoader(tensors, 4), data.DataLoader(Slow(), 4), strict=True):
        assert type(a) is type(b)
        for s, t in zip(a, b, strict=True):
            assert s.dtype == t.dtype and s.tolist() == t.tolist()


def test_fetching_a_batch_at_once():
    class Batched(data.Dataset):
        def __getitems__(self, indices):
            return [i * 10 for i in indices]

        def __len__(self):
            return 5

    assert [b.tolist() for b in data.DataLoader(Batched(), 2)] == [[0, 10], [20, 30], [40]]


def test_samplers_are_lazy():
    class Endless:
        def __len__(self):
            return 10**12

    assert next(iter(data.SequentialSampler(Endless()))) == 0
    assert next(iter(data.BatchSampler(iter(range(10**12)), 3, False))) == [0, 1, 2]


def test_weighted_sampling():
    drawn = list(data.WeightedRandomSampler([0.0, 1.0, 3.0], 4000))
    assert 0 not in drawn and 2800 < drawn.count(2) < 3200
    assert sorted(data.WeightedRandomSampler([1.0, 2.0, 3.0], 3, replacement=False)) == [0, 1, 2]


def test_splits_are_disjoint_and_complete():
    parts = data.random_split(range(10), [0.5, 0.3, 0.2])
    assert [len(p) for p in parts] == [5, 3, 2] and sorted(sum(map(list, parts), [])) == list(range(10))
    with pytest.raises(ValueError, match="does not equal the length"):
        data.random_split(range(10), [3, 3])


def test_subsets_of_subsets():
    assert list(data.Subset(data.Subset(range(10), [1, 3, 5, 7]), [3, 0])) == [7, 1]


def test_collating():
    batch = data.default_collate([{"x": np.ones(2), "n": 1}, {"x": np.zeros(2), "n": 2}])
    assert batch["x"].tolist() == [[1, 1], [0, 0]] and batch["n"].dtype == ndl.int64
    with pytest.raises(RuntimeError, match="equal size"):
        data.default_collate([[1], [1, 2]])
    with pytest.raises(TypeError, match="NoneType"):
        data.default_collate([None])


def test_a_custom_collate_function():
    loader = data.DataLoader(["a", "bb", "ccc"], 2, collate_fn=lambda words: " ".join(words))
    assert list(loader) == ["a bb", "ccc"]


def test_mismatched_tensors():
    with pytest.raises(AssertionError, match="Size mismatch"):
        data.TensorDataset(ndl.ones(3), ndl.ones(4))


@pytest.mark.parametrize("shuffle", [False, True])
def test_batches_of_tensors_are_copies(shuffle):
    x = ndl.arange(10.0)
    for (batch,) in data.DataLoader(data.TensorDataset(x), batch_size=4, shuffle=shuffle):
        batch.zero_()
    assert x.tolist() == list(range(10))


@pytest.mark.parametrize("kind", [data.SequentialSampler, data.RandomSampler])
def test_a_sampler_for_a_longer_data_set_is_an_index_error(kind):
    loader = data.DataLoader(data.TensorDataset(ndl.arange(10)), batch_size=4, sampler=kind(range(13)))
    with pytest.raises(IndexError):
        list(loader)
