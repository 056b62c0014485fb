"""A worker process of a DataLoader: takes indices, gives batches."""

from __future__ import annotations

import os
import queue
import random as python_random
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ... import random, settings
from .fetch import Recipe

PATIENCE = 5.0  # seconds that user code gets to finish, once nobody waits for it any more
RESUME = "resume"  # instead of indices: begin anew


@dataclass(frozen=True)
class WorkerInfo:
    """Which worker this is: what `get_worker_info` returns."""

    id: int
    num_workers: int
    seed: int
    dataset: Any
    rng: Any = None
    worker_method: str | None = "multiprocessing"


_info: WorkerInfo | None = None


def get_worker_info() -> WorkerInfo | None:
    """In a worker process of a DataLoader: its ``id``, ``num_workers``, ``seed`` and ``dataset``. Elsewhere None.

    An IterableDataset needs it: each worker has a copy, which should give a part of the samples only.
    """
    return _info


class Failure:
    """An exception on its way to another process: its type, and its traceback as text."""

    def __init__(self, error: BaseException, where: str):
        kind = type(error)
        self.text = f"Caught {kind.__name__} {where}.\nOriginal {''.join(traceback.format_exception(error))}"
        home = sys.modules.get(kind.__module__ if kind.__module__ != "__mp_main__" else "")
        # Classes that the other process would not find by their name don't travel.
        self.kind = kind if getattr(home, kind.__qualname__, None) is kind else RuntimeError

    def reraise(self) -> None:
        """Raise an exception of the same type, whose message has the traceback in it."""
        try:
            error = self.kind(_Plain(self.text) if self.kind is KeyError else self.text)
        except Exception:  # its constructor wants something else
            error = RuntimeError(self.text)
        raise error from None


class _Plain(str):
    """KeyError shows the repr of its message: this one's keeps its lines."""

    def __repr__(self) -> str:
        return str(self)


def seed_all(base_seed: int, worker: int) -> int:
    """Seed this worker's random numbers, Python's and NumPy's too, as torch does. Returns its seed."""
    seed = base_seed + worker
    python_random.seed(seed)
    random.manual_seed(seed)
    entropy = [worker, base_seed & 0xFFFFFFFF, base_seed >> 32, 0]
    np.random.seed(np.random.SeedSequence(entropy).generate_state(4))
    return seed


def run(connection: Any, inherited: list[Any], recipe: Recipe, init: Callable | None, worker: int, num_workers: int,
        base_seed: int) -> None:
    """The life of a worker. `inherited`: the other ends of connections, which a fork has copied, to be closed."""
    from .transport import pack, send  # here, as it loads multiprocessing

    global _info
    for other in inherited:
        other.close()
    tasks: queue.SimpleQueue = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(connection, tasks), daemon=True).start()
    where = f"in DataLoader worker process {worker}"
    try:
        settings.set_num_threads(1)  # the workers themselves are what runs side by side
        _info = WorkerInfo(worker, num_workers, seed_all(base_seed, worker), recipe.dataset)
        broken = None
        try:
            if init is not None:
                init(worker)
            fetch = recipe.fetcher()
        except Exception as error:
            broken = Failure(error, where)
        while (task := tasks.get()) is not None:
            number, indices = task
            if number == RESUME:
                fetch = recipe.fetcher()
                continue
            reply: tuple = number, "failed", broken
            if broken is None:
                try:
                    reply = number, "batch", fetch(indices)
                except StopIteration as error:
                    streams = indices is None
                    reply = (number, "end", None) if streams else (number, "failed", Failure(error, where))
                except Exception as error:
                    reply = number, "failed", Failure(error, where)
            try:
                packed = pack(reply)
            except Exception as error:  # a batch that can't be pickled
                packed = pack((number, "failed", Failure(error, where)))
            send(connection, *packed)
    except (KeyboardInterrupt, BrokenPipeError, ConnectionResetError):
        pass  # nobody waits for the batch any more


def _listen(connection: Any, tasks: queue.SimpleQueue) -> None:
    """Take tasks in at once, so that whoever sends them never waits, and notice when nobody is there to send any."""
    try:
        while True:
            tasks.put(connection.recv())
    except (EOFError, OSError):
        tasks.put(None)
    except Exception:  # indices that can't be unpickled here
        traceback.print_exc()
        os._exit(1)
    time.sleep(PATIENCE)
    os._exit(1)
