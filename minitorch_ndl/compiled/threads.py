"""A second core for compiled loops and small matrix products, which both release the interpreter's lock.

Work is cut into parts whose number does not depend on the threads, and each part writes what is its own: results are the
same bits on any number of threads. While parts run side by side, BLAS keeps to one thread in each.
"""

from __future__ import annotations

import contextvars
import functools
import os
import threading
from collections.abc import Callable
from typing import Any

limit: int | None = None  # what `set_num_threads` said
_busy = threading.Lock()


def available() -> int:
    """How many threads may run."""
    if limit is not None:
        return limit
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return int(asked) if asked.isdigit() and int(asked) else processors()


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def each(parts: int, work: Callable[[int], Any]) -> list[Any]:
    """The results of work(0), ..., work(parts - 1), some of them at the same time."""
    threads = min(available(), parts)
    blas = _blas() if threads > 1 else None
    if blas is None or not _busy.acquire(blocking=False):  # another thread is at it: the processors are taken
        return [work(i) for i in range(parts)]
    results: list[Any] = [None] * parts
    numbers = iter(range(parts))

    def run() -> None:
        for i in numbers:  # each takes the next part that nobody has taken
            results[i] = work(i)

    before = [library.get_num_threads() for library in blas]
    try:
        for library in blas:
            library.set_num_threads(1)
        # With the caller's context: NumPy is to be as silent there.
        others = [_pool(os.getpid()).submit(contextvars.copy_context().run, run) for _ in range(threads - 1)]
        run()
        for other in others:
            other.result()
    finally:
        for library, count in zip(blas, before, strict=True):
            library.set_num_threads(count)
        _busy.release()
    return results


@functools.cache
def _blas() -> list[Any] | None:
    """The matrix libraries at work; None where nobody could tell them how many threads to take."""
    try:
        import threadpoolctl
    except ImportError:
        return None
    return [c for c in threadpoolctl.ThreadpoolController().lib_controllers if c.user_api == "blas"]


@functools.lru_cache(1)
def _pool(process: int) -> Any:  # a forked child has none of its parent's threads
    from concurrent.futures import ThreadPoolExecutor

    return ThreadPoolExecutor(max(1, (os.cpu_count() or 1) - 1), "minitorch_ndl")
