"""Worker processes against torch's: the same batches, the same random numbers in each worker, the same refusals."""

import random
import warnings

import numpy as np
import pytest

import minitorch_ndl as ndl

torch = pytest.importorskip("torch")

LIBS = (ndl, torch)


def plain(batch):
    if hasattr(batch, "tolist"):
        return ("tensor", str(batch.dtype).split(".")[-1], batch.tolist())
    if isinstance(batch, dict):
        return {k: plain(v) for k, v in batch.items()}
    return [plain(b) for b in batch] if isinstance(batch, (list, tuple)) else batch


def both(function):
    results = []
    for lib in LIBS:
        lib.manual_seed(3)
        results.append(plain(function(lib)))
    assert results[0] == results[1]
    return results[0]


def noisy(lib):
    """A data set that augments at random, with all three kinds of random numbers."""

    class Noisy(lib.utils.data.Dataset):
        def __getitem__(self, i):
            info = lib.utils.data.get_worker_info()
            return {"x": lib.rand(2), "n": lib.randint(0, 100, (1,)), "p": random.random(), "np": np.random.rand(2),
                    "i": i, "w": (info.id, info.num_workers, info.seed % 1000003) if info else ()}

        def __len__(self):
            return 11

    return Noisy()


@pytest.mark.parametrize("options", [
    {"batch_size": 2}, {"batch_size": 3, "shuffle": True}, {"batch_size": 4, "drop_last": True, "num_workers": 1},
    {"batch_size": None}, {"batch_size": 2, "prefetch_factor": 1, "shuffle": True}, {"batch_size": 2, "persistent_workers": True, "shuffle": True}],
    ids=str)
def test_random_augmentations(options):
    def run(lib):
        loader = lib.utils.data.DataLoader(noisy(lib), **{"num_workers": 2, **options})
        return [list(loader), list(loader), len(loader), lib.rand(2)]

    both(run)


def test_generators_and_samplers():
    def run(lib):
        d = lib.utils.data
        generator = lib.Generator().manual_seed(9)
        weighted = d.WeightedRandomSampler([1.0, 2.0, 0.0, 4.0], 9)
        return [list(d.DataLoader(noisy(lib), 2, shuffle=True, generator=generator, num_workers=2)),
                list(d.DataLoader(d.TensorDataset(lib.arange(4)), 2, sampler=weighted, num_workers=2)),
                list(d.DataLoader(list("abcdef"), batch_sampler=[[0, 1], [5, 2, 3]], num_workers=2)), lib.rand(1)]

    both(run)


@pytest.mark.parametrize("options", [{"batch_size": 2}, {"batch_size": 3, "drop_last": True}, {"batch_size": None},
                                     {"batch_size": 2, "persistent_workers": True}], ids=str)
@pytest.mark.parametrize("counts", [(5, 5, 5), (7, 1, 3), (0, 4, 9)], ids=str)
def test_streams(options, counts):
    def run(lib):
        class Stream(lib.utils.data.IterableDataset):
            def __iter__(self):
                who = lib.utils.data.get_worker_info().id
                return iter(range(100 * who, 100 * who + counts[who]))

        loader = lib.utils.data.DataLoader(Stream(), num_workers=3, **options)
        return [list(loader), list(loader)]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns if there are more workers than processors
        both(run)


class Picky(Exception):
    def __init__(self, a, b):
        super().__init__(f"{a} and {b}")


def failing(lib, error):
    class Failing(lib.utils.data.Dataset):
        def __getitem__(self, i):
            if i == 3:
                raise error
            return i

        def __len__(self):
            return 6

    return lib.utils.data.DataLoader(Failing(), 2, num_workers=2)


@pytest.mark.parametrize("error", [ValueError("bad sample"), KeyError("name"), Picky(1, 2), StopIteration(), IndexError(7)], ids=repr)
def test_exceptions(error):
    results = []
    for lib in LIBS:
        loader = iter(failing(lib, error))
        got = [next(loader).tolist()]
        with pytest.raises(Exception) as caught:
            next(loader)
        text = str(caught.value)
        got += [caught.type, text.split("\n")[:2], "raise error" in text, "Traceback" in repr(caught.value), next(loader).tolist()]
        with pytest.raises(StopIteration):
            next(loader)
        results.append(got)
    assert results[0] == results[1]


def test_failing_init():
    for lib in LIBS:
        def init(worker):
            raise ValueError(f"no {worker}")

        with pytest.raises(ValueError, match="Caught ValueError in DataLoader worker process 0"):
            list(lib.utils.data.DataLoader(noisy(lib), 2, num_workers=1, worker_init_fn=init))


@pytest.mark.parametrize("options", [
    {"num_workers": 0, "multiprocessing_context": "fork"}, {"num_workers": 1, "multiprocessing_context": "knife"},
    {"num_workers": 1, "multiprocessing_context": 3}, {"num_workers": 1, "prefetch_factor": -1},
    {"timeout": 3}], ids=str)
def test_refusals(options):
    kinds = []
    for lib in LIBS:
        with pytest.raises(Exception) as caught:
            list(lib.utils.data.DataLoader(range(4), **options))
        kinds.append(caught.type)
    assert kinds[0] is kinds[1]


@pytest.mark.parametrize("name", ["batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers"])
def test_what_is_fixed(name):
    for lib in LIBS:
        loader = lib.utils.data.DataLoader(range(4))
        with pytest.raises(ValueError, match=f"{name} attribute should not be set"):
            setattr(loader, name, None)
        loader.num_workers, loader.collate_fn = 1, list


@pytest.mark.parametrize("size", [1, 5, 8, 10])
@pytest.mark.parametrize("options", [{}, {"drop_last": True}, {"shuffle": False}, {"seed": 5}], ids=str)
def test_distributed_sampler(size, options):
    def run(lib):
        out = []
        for rank in range(3):
            sampler = lib.utils.data.distributed.DistributedSampler(range(size), 3, rank, **options)
            out.append([len(sampler), list(sampler)])
            sampler.set_epoch(2)
            out.append(list(sampler))
        return out

    both(run)
