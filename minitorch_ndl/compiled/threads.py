"""A second core for compiled loops and small matrix products, which both release the interpreter's lock.

Work is cut into parts whose number does not depend on the threads, and each part writes what is its own: results are the
same bits on any number of threads. While parts run side by side, BLAS keeps to one thread in each.
"""

from __future__ import annotations

import contextvars
import functools
import os
import threading
import time
from collections.abc import Callable
from typing import Any

from ..blas import libraries

IDLE = 0.5  # seconds

_limit: int | None = None  # what `set_num_threads` said
_busy = threading.Lock()
_held: list[int] | None = None  # how many threads the matrix libraries had, while they are kept to one
_last = 0.0  # when somebody last wanted them to be


def available() -> int:
    """How many threads may run."""
    return _default() if _limit is None else _limit


@functools.cache
def _default() -> int:
    """What BLAS takes if nobody says otherwise."""
    for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        asked = os.environ.get(variable, "")
        if asked.isdigit() and int(asked):
            return int(asked)
    return processors()


def allow(count: int) -> None:
    """Let so many threads run."""
    global _limit, _held
    with _busy:
        _limit, _held = count, None
        for library in libraries() or ():
            library.set_num_threads(count)


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def each(parts: int, work: Callable[[int], Any], pays: bool = True, keep: bool = False) -> list[Any]:
    """The results of work(0), ..., work(parts - 1), some of them at the same time, if it `pays`: to call another thread
    costs about a tenth of a millisecond.

    keep  leave BLAS at one thread until nobody has asked for that for half a second. Its idle threads spin for a tenth of
          a second after each product, on the processors that the next parts need: who does most of a program's work
          here is faster without them.
    """
    threads = min(available(), parts) if pays else 1
    blas = libraries() if threads > 1 else None
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
        try:
            run()
        finally:
            for other in others:
                other.exception()  # when it has finished
        for other in others:
            other.result()
    finally:
        if keep:
            _hold(before)
        else:
            for library, count in zip(blas, before, strict=True):
                library.set_num_threads(count)
        _busy.release()
    return results


def _hold(before: list[int]) -> None:
    """Leave BLAS at one thread for a while."""
    global _held, _last
    _last = time.monotonic()
    if _held is None:
        _held = before
        _look_later()


def _look_later() -> None:
    timer = threading.Timer(IDLE, _let_go)
    timer.daemon = True
    timer.start()


def _let_go() -> None:
    """Give BLAS its threads back, unless they have been in the way a moment ago."""
    global _held
    with _busy:
        if _held is None:
            return
        if time.monotonic() - _last < IDLE:
            _look_later()
            return
        for library, count in zip(libraries() or (), _held, strict=True):
            library.set_num_threads(count)
        _held = None


def _begin_anew() -> None:
    """In a forked child: whoever was at work in the parent is not there."""
    global _busy, _held
    _busy, _held = threading.Lock(), None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)


@functools.lru_cache(1)
def _pool(process: int) -> Any:  # a forked child has none of its parent's threads
    from concurrent.futures import ThreadPoolExecutor

    return ThreadPoolExecutor(max(1, (os.cpu_count() or 1) - 1), "minitorch_ndl")
