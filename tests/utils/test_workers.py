"""Worker processes of a DataLoader: order, transport, death on either side."""

import os
import pickle
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest

import minitorch_ndl as ndl
from minitorch_ndl.utils import data
from minitorch_ndl.utils.data import transport

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


class Squares(data.Dataset):
    def __init__(self, n=20, shape=()):
        self.n, self.shape = n, shape

    def __getitem__(self, i):
        return ndl.full(self.shape, i * i)

    def __len__(self):
        return self.n


class Slow(Squares):
    """Every first batch of two takes its time."""

    def __getitem__(self, i):
        time.sleep(0.02 * (i % 4 == 0))
        return i


class Deadly(Squares):
    def __getitem__(self, i):
        if i == 5:
            os.kill(os.getpid(), signal.SIGKILL)
        return i


def gone(pid, seconds=4.0):
    """Whether a process ends in this time."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            with open(f"/proc/{pid}/stat") as f:
                if f.read().rpartition(")")[2].split()[0] == "Z":
                    return True
        except FileNotFoundError:
            return True
        time.sleep(0.02)
    return False


def pids(iterator):
    return [w.process.pid for w in iterator.workers]


@pytest.mark.parametrize("context", [None, "spawn"])
def test_the_order_is_kept(context):
    loader = data.DataLoader(Slow(13), 2, num_workers=2, multiprocessing_context=context)
    assert [b.tolist() for b in loader] == [[i, i + 1] for i in range(0, 12, 2)] + [[12]]


def test_whichever_is_ready_first():
    class Sleepy(Squares):
        def __getitem__(self, i):
            time.sleep(0.3 * (i == 0))
            return i

    loader = data.DataLoader(Sleepy(6), None, num_workers=2, in_order=False)
    drawn = list(loader)
    assert sorted(drawn) == list(range(6)) and drawn[0] != 0


@pytest.mark.parametrize("shape", [(), (3, 50), (3, 300, 300)])
def test_arrays_arrive_whole_and_can_be_written_to(shape):
    for k, batch in enumerate(data.DataLoader(Squares(4, shape), 2, num_workers=2)):
        assert batch.shape == (2, *shape)
        np.testing.assert_array_equal(batch.numpy(), np.broadcast_to(
            np.reshape([4 * k * k, (2 * k + 1) ** 2], (2, *[1] * len(shape))), batch.shape))
        batch += 1


@pytest.mark.parametrize("value", [
    {"a": np.arange(10), "b": ["x", 2.5, None]}, [np.ones((400, 500)), np.zeros(0), np.arange(7, dtype=np.uint8)],
    np.asfortranarray(np.arange(200_000.0).reshape(400, 500)), np.arange(200_000).reshape(400, 500)[:, ::2], "text" * 300_000,
    np.array(3.0)], ids=lambda v: type(v).__name__)
@pytest.mark.parametrize("by_memory", [True, False])
def test_transport(value, by_memory, monkeypatch):
    from multiprocessing import Pipe
    from threading import Thread

    if not by_memory:
        monkeypatch.delattr(os, "memfd_create", raising=False)
    here, there = Pipe()
    with here, there:
        thread = Thread(target=lambda: transport.send(there, *transport.pack(value)))
        thread.start()
        got = transport.receive(here)
        thread.join()
    assert pickle.dumps(got) == pickle.dumps(value) or np.array_equal(got, value)
    assert not isinstance(got, np.ndarray) or got.flags.writeable


def test_large_index_lists_do_not_block():
    class Whole(Squares):
        def __getitems__(self, indices):
            return [ndl.tensor(indices)]

    loader = data.DataLoader(Whole(), batch_sampler=[list(range(60_000))] * 6, num_workers=1, prefetch_factor=4)
    assert [b.shape for b in loader] == [(1, 60_000)] * 6


def test_leaving_half_way_and_starting_again():
    loader = data.DataLoader(Squares(40, (100, 100)), 4, num_workers=2)
    started = time.monotonic()
    for _ in range(3):
        iterator = iter(loader)
        next(iterator)
        workers = pids(iterator)
        del iterator
        assert all(gone(p, 0.5) for p in workers)
    assert time.monotonic() - started < 4


def test_two_loaders_at_once_each_left_half_way():
    """The second one's workers have inherited the first one's connections: that must not keep it from ending."""
    loaders = [data.DataLoader(Squares(40, (100, 100)), 4, num_workers=2) for _ in range(2)]
    first, second = map(iter, loaders)
    assert next(first).shape == next(second).shape
    started = time.monotonic()
    del first
    assert time.monotonic() - started < 2
    assert len(list(second)) == 9


def test_persistent_workers_stay():
    loader = data.DataLoader(Squares(12), 2, num_workers=2, persistent_workers=True, shuffle=True)
    iterator = iter(loader)
    workers = pids(iterator)
    next(iterator)
    for _ in range(2):  # the first time, what the pass before had asked for is thrown away
        assert sorted(sum((b.tolist() for b in loader), [])) == [i * i for i in range(12)]
        assert pids(loader._iterator) == workers
    del iterator, loader
    assert all(gone(p) for p in workers)


def test_an_exception_comes_with_its_traceback_and_is_not_the_end():
    class Broken(Squares):
        def __getitem__(self, i):
            if i == 2:
                self.complain()
            return i

        def complain(self):
            raise ArithmeticError("no such number")

    iterator = iter(data.DataLoader(Broken(4), None, num_workers=1))
    assert [next(iterator), next(iterator)] == [0, 1]
    with pytest.raises(ArithmeticError, match="(?s)Caught ArithmeticError in DataLoader worker process 0.*in complain.*no such number"):
        next(iterator)
    assert next(iterator) == 3


def test_a_batch_that_cannot_be_sent():
    loader = data.DataLoader(Squares(2), 2, num_workers=1, collate_fn=lambda batch: lambda: batch)
    with pytest.raises(Exception, match="(?s)in DataLoader worker process 0.*pickle"):
        next(iter(loader))


@linux
@pytest.mark.parametrize("num_workers", [1, 2])
def test_a_killed_worker_is_named(num_workers):
    iterator = iter(data.DataLoader(Deadly(9), None, num_workers=num_workers))
    workers = pids(iterator)
    started = time.monotonic()
    with pytest.raises(RuntimeError, match=r"DataLoader worker \(pid\(s\) (\d+)\) exited unexpectedly: it is killed by signal: SIGKILL") as caught:
        list(iterator)
    assert str(workers[5 % num_workers]) in str(caught.value) and time.monotonic() - started < 4
    with pytest.raises(RuntimeError, match="exited unexpectedly"):
        next(iterator)
    del iterator, caught


def test_an_exit_is_told_from_a_kill():
    class Leaving(Squares):
        def __getitem__(self, i):
            os._exit(7)

    with pytest.raises(RuntimeError, match="ended with exit code 7"):
        list(data.DataLoader(Leaving(2), num_workers=1))


def test_timeouts():
    class Endless(Squares):
        def __getitem__(self, i):
            time.sleep(0.5)

    started = time.monotonic()
    with pytest.raises(RuntimeError, match="timed out after 0.1 seconds"):
        list(data.DataLoader(Endless(2), num_workers=1, timeout=0.1))
    assert time.monotonic() - started < 3


SCRIPT = """
    import os, sys, time
    import minitorch_ndl as ndl
    from minitorch_ndl.utils import data

    class Numbers(data.Dataset):
        def __getitem__(self, i):
            time.sleep(%s)
            return ndl.zeros(1000)
        def __len__(self):
            return 10**6

    loaders = [data.DataLoader(Numbers(), 10, num_workers=2, persistent_workers=True) for _ in range(2)]
    iterators = [iter(loader) for loader in loaders]
    print(*(w.process.pid for i in iterators for w in i.workers), flush=True)
    [next(i) for i in iterators]
    print("running", flush=True)
    %s
"""


@linux
@pytest.mark.parametrize("ending, slow", [("time.sleep(60)", 0), ("pass", 0), ("raise SystemExit(3)", 0), ("1 / 0", 0), ("os._exit(0)", 0)])
def test_no_worker_outlives_its_parent(ending, slow):
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(SCRIPT % (slow, ending))], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True, cwd=os.path.dirname(os.path.dirname(os.path.dirname(__file__)))) as process:
        workers = list(map(int, process.stdout.readline().split()))
        assert len(workers) == 4 and process.stdout.readline() == "running\n"
        if "sleep" in ending:
            process.send_signal(signal.SIGKILL)
        process.wait(10)
    assert all(gone(w) for w in workers)


def test_worker_info():
    assert data.get_worker_info() is None
    seen = []

    def init(worker):
        info = data.get_worker_info()
        seen.append((worker, info.id, info.num_workers))

    class Info(Squares):
        def __getitem__(self, i):
            return [*seen[0], data.get_worker_info().dataset.n]

    assert list(data.DataLoader(Info(2), None, num_workers=2, worker_init_fn=init)) == [[0, 0, 2, 2], [1, 1, 2, 2]]
    assert seen == []
