"""Data loading against torch: the same batches in the same order for the same seed."""

import collections

import numpy as np
import pytest

import minitorch_ndl as ndl

torch = pytest.importorskip("torch")

LIBS = (ndl, torch)


def plain(batch):
    """A batch as lists, with the kinds of its containers."""
    if hasattr(batch, "tolist"):
        return ("tensor", str(batch.dtype).split(".")[-1], batch.tolist())
    if isinstance(batch, dict):
        return {k: plain(v) for k, v in batch.items()}
    if isinstance(batch, (list, tuple)):
        return (type(batch).__name__, [plain(b) for b in batch])
    return batch


def both(function):
    results = []
    for lib in LIBS:
        lib.manual_seed(3)
        results.append(plain(function(lib)))
    assert results[0] == results[1]
    return results[0]


@pytest.mark.parametrize("n", [1, 2, 7, 100, 1000])
@pytest.mark.parametrize("options", [
    {}, {"batch_size": 3}, {"batch_size": 3, "drop_last": True}, {"shuffle": True}, {"batch_size": 4, "shuffle": True},
    {"batch_size": None}, {"batch_size": None, "shuffle": True}], ids=str)
def test_batches(n, options):
    def run(lib):
        data = lib.utils.data.TensorDataset(lib.arange(n), lib.arange(n).float() * 0.5)
        loader = lib.utils.data.DataLoader(data, **options)
        epochs = [list(loader), list(loader)]
        return [*epochs, lib.rand(3), len(loader)]  # the numbers drawn afterwards agree, too

    both(run)


def test_generators():
    def run(lib):
        generator = lib.Generator().manual_seed(5)
        data = lib.utils.data.TensorDataset(lib.arange(20))
        loader = lib.utils.data.DataLoader(data, 6, shuffle=True, generator=generator)
        return [list(loader), list(loader), lib.rand(2)]

    both(run)


def test_samplers():
    def run(lib):
        d = lib.utils.data
        return [list(s) for s in (
            d.SequentialSampler(range(5)), d.RandomSampler(range(9)), d.RandomSampler(range(9), num_samples=20),
            d.RandomSampler(range(9), replacement=True, num_samples=70), d.RandomSampler(range(4), True),
            d.SubsetRandomSampler([5, 7, 9]), d.WeightedRandomSampler([1.0, 2.0, 0.0, 4.0], 12),
            d.WeightedRandomSampler([1.0, 2.0, 3.0, 4.0], 3, replacement=False),
            d.BatchSampler(d.RandomSampler(range(10)), 3, True))]

    both(run)


@pytest.mark.parametrize("lengths", [[3, 7], [0.5, 0.5], [0.33, 0.33, 0.34], [10]], ids=str)
def test_random_split(lengths):
    both(lambda lib: [list(part) for part in lib.utils.data.random_split(list(range(10)), lengths)])


Point = collections.namedtuple("Point", "x y")


@pytest.mark.parametrize("samples", [
    [1, 2], [1.5, 2.5], [True, False], ["a", "b"], [b"a", b"b"], [(1, "x"), (2, "y")], [[1, 2.0], [3, 4.0]],
    [{"a": 1, "b": [1, 2]}, {"a": 2, "b": [3, 4]}], [Point(1, 2.0), Point(3, 4.0)], [np.ones(2), np.zeros(2)],
    [np.float32(1), np.float32(2)], [np.int64(1), np.int64(2)], [np.array(["a"]), np.array(["b"])], [None, None],
    [[1, 2], [3]]], ids=str)
def test_collate(samples):
    results = []
    for lib in LIBS:
        try:
            results.append(plain(lib.utils.data.default_collate(samples)))
        except Exception as error:
            results.append(type(error))
    assert results[0] == results[1]


def test_iterable_datasets_and_combinations():
    def run(lib):
        class Stream(lib.utils.data.IterableDataset):
            def __init__(self, n):
                self.n = n

            def __iter__(self):
                return iter(range(self.n))

        class Squares(lib.utils.data.Dataset):
            def __getitem__(self, i):
                return i * i

            def __len__(self):
                return 5

        d = lib.utils.data
        chain = d.ChainDataset([Stream(3), Stream(4)])
        concat = d.ConcatDataset([Squares(), d.Subset(Squares(), [4, 0])])
        stack = d.StackDataset(Squares(), Squares())
        return [list(d.DataLoader(chain, 3)), list(d.DataLoader(chain, 3, drop_last=True)),
                list(d.DataLoader(concat, 4, shuffle=True)), list(d.DataLoader(Squares() + Squares(), 3)),
                list(d.DataLoader(stack, 2)), concat[-1], [len(concat), len(stack)]]

    both(run)


@pytest.mark.parametrize("options", [
    {"batch_size": 0}, {"batch_size": -1}, {"batch_size": 2.5}, {"num_workers": -1}, {"timeout": -1},
    {"sampler": [0], "shuffle": True}, {"batch_sampler": [[0]], "batch_size": 2}, {"batch_size": None, "drop_last": True},
    {"prefetch_factor": 2}, {"persistent_workers": True}], ids=str)
def test_refusals(options):
    kinds = []
    for lib in LIBS:
        with pytest.raises((ValueError, TypeError)) as caught:
            lib.utils.data.DataLoader(range(4), **options)
        kinds.append(caught.type)
    assert kinds[0] is kinds[1]
