"""Loading in worker processes: who gets which indices, and what becomes of the processes."""

from __future__ import annotations

import itertools
import multiprocessing
import multiprocessing.connection
import os
import signal
import socket
import sys
import time
import warnings
import weakref
from collections.abc import Iterator
from typing import Any

from .dataset import IterableDataset
from .transport import receive
from .worker import PATIENCE, RESUME, Failure, run


class Worker:
    """A process, the connection to it, and how many batches it owes."""

    def __init__(self, process: Any, connection: Any):
        self.process, self.connection = process, connection
        self.owes, self.ended = 0, False

    def death(self) -> RuntimeError:
        """What to say when it is gone."""
        self.process.join(PATIENCE)
        code = self.process.exitcode
        if code is not None and code < 0:
            how = f"is killed by signal: {signal.Signals(-code).name} ({signal.strsignal(-code)})"
            how += ", perhaps as memory ran out" * (-code == getattr(signal, "SIGKILL", None))
        else:
            how = f"ended with exit code {code}"
        return RuntimeError(f"DataLoader worker (pid(s) {self.process.pid}) exited unexpectedly: it {how}. "
                            f"With num_workers=0 its errors would show up here.")


class ParallelIterator:
    """One pass over a DataLoader with workers (several passes, if they are persistent).

    Batch after batch goes to the next worker in turn, up to `prefetch_factor` ahead for each. So the order is that of
    the indices, and does not depend on who is fast, unless ``in_order=False`` asks for just that.
    """

    def __init__(self, loader: Any, base_seed: int):
        if loader.prefetch_factor <= 0:
            raise AssertionError(f"prefetch_factor must be greater than 0 for workers; got {loader.prefetch_factor}.")
        self.indices, self.streams = loader._index_sampler, isinstance(loader.dataset, IterableDataset)
        self.ahead, self.in_order, self.timeout = loader.prefetch_factor, loader.in_order, loader.timeout or None
        self.persistent = loader.persistent_workers
        self.workers: list[Worker] = []
        # Runs when the iterator is dropped, and at the interpreter's exit.
        self.close = weakref.finalize(self, _shut_down, self.workers, os.getpid())
        context = loader.multiprocessing_context or default_context()
        try:
            for i in range(loader.num_workers):
                self.workers.append(self._start(context, loader, base_seed, i))
        except BaseException:
            self.close()
            raise
        self._begin()

    def _start(self, context: Any, loader: Any, base_seed: int, i: int) -> Worker:
        mine, theirs = context.Pipe()
        inherited = [w.connection for w in self.workers] + [mine] if context.get_start_method() == "fork" else []
        process = context.Process(target=run, daemon=True, args=(
            theirs, inherited, loader.recipe(), loader.worker_init_fn, i, loader.num_workers, base_seed))
        with warnings.catch_warnings():  # Python warns of forks beside threads; those of NumPy's BLAS are no danger
            warnings.simplefilter("ignore", DeprecationWarning)
            process.start()
        theirs.close()
        return Worker(process, mine)

    def restart(self) -> ParallelIterator:
        """Begin another pass, with the same workers."""
        while self.tasks:  # batches of a pass that was left half-way
            worker = self._ready()
            self._take(worker, self._received(worker))
        for worker in self.workers:
            worker.connection.send((RESUME, None))
        self._begin()
        return self

    def _begin(self) -> None:
        self.source: Iterator[Any] = itertools.repeat(None) if self.streams else iter(self.indices)
        self.tasks: dict[int, Worker] = {}  # those under way, by number
        self.numbers = itertools.count()
        self.turn = itertools.cycle(self.workers)
        for worker in self.workers:
            worker.owes, worker.ended = 0, False
        for _ in range(self.ahead * len(self.workers)):
            self._send_next()

    def _send_next(self) -> None:
        most = self.ahead * len(self.workers)
        active = sum(not w.ended for w in self.workers)
        for worker in itertools.islice(self.turn, len(self.workers)):
            if not worker.ended and (self.in_order or worker.owes < most // active):
                break
        else:
            return
        try:
            indices = next(self.source)
        except StopIteration:
            return
        number = next(self.numbers)
        try:
            worker.connection.send((number, indices))
        except OSError:
            raise worker.death() from None
        self.tasks[number] = worker
        worker.owes += 1

    def __iter__(self) -> ParallelIterator:
        return self

    def __next__(self) -> Any:
        while self.tasks:
            worker = self._ready()
            kind, data = self._take(worker, self._received(worker))
            self._send_next()
            if kind == "failed":
                data.reraise()
            if kind == "batch":
                return data
        if not self.persistent:
            self.close()
        raise StopIteration

    def _ready(self) -> Worker:
        """The worker whose batch comes next. Raises RuntimeError if it takes too long, or if a worker has died."""
        asked = [next(iter(self.tasks.values()))] if self.in_order else list(dict.fromkeys(self.tasks.values()))
        ready = multiprocessing.connection.wait(
            [w.connection for w in asked] + [w.process.sentinel for w in self.workers], self.timeout)
        if not ready:
            raise RuntimeError(f"DataLoader timed out after {self.timeout} seconds")
        for worker in asked:
            if worker.connection in ready:
                return worker
        raise next(w for w in self.workers if w.process.sentinel in ready).death()

    def _received(self, worker: Worker) -> tuple[int, str, Any]:
        try:
            return receive(worker.connection)
        except (EOFError, ConnectionError):
            raise worker.death() from None

    def _take(self, worker: Worker, reply: tuple[int, str, Any]) -> tuple[str, Failure | Any]:
        number, kind, data = reply
        worker.owes -= 1
        self.tasks.pop(number, None)
        worker.ended |= kind == "end"  # whatever else it was asked for, it answers the same way
        return kind, data

    def __len__(self) -> int:
        return len(self.indices)


def default_context() -> Any:
    """The way to start processes: the user's, if there is one; forks, where they are safe."""
    chosen = multiprocessing.get_start_method(allow_none=True)
    if chosen is None and sys.platform.startswith("linux"):
        return multiprocessing.get_context("fork")
    return multiprocessing.get_context()


def _shut_down(workers: list[Worker], owner: int) -> None:
    """End the workers: each sees its connection close. One that does not in time is terminated."""
    if os.getpid() != owner:  # a copy in a forked process
        return
    for worker in workers:
        if sys.platform != "win32":  # closing alone would not do: later workers have inherited a copy of this end
            with socket.socket(fileno=os.dup(worker.connection.fileno())) as line:
                try:
                    line.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass  # it has gone before
        worker.connection.close()
    deadline = time.monotonic() + PATIENCE
    for worker in workers:
        worker.process.join(max(0.0, deadline - time.monotonic()))
    for worker in workers:
        if worker.process.is_alive():
            worker.process.terminate()
            worker.process.join(1)
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join()
    workers.clear()
