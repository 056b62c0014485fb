"""A second core for compiled loops and small matrix products, which both release the interpreter's lock.

Work is cut into parts whose number does not depend on the threads, and each part writes what is its own: results are the
same bits on any number of threads. While parts run side by side, BLAS keeps to one thread in each.
"""

from __future__ import annotations

import contextlib
import contextvars
import ctypes
import functools
import os
import threading
import time
from collections.abc import Callable, Iterable
from queue import SimpleQueue
from typing import Any

from ..blas import libraries

IDLE = 0.5  # seconds

_limit: int | None = None  # what `set_num_threads` said
_busy = threading.Lock()
_ours = False  # whether somebody has kept BLAS to one thread
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
    global _limit, _held, _ours
    with _busy:
        _limit, _held, _ours = count, None, False
        _tell(count for _ in libraries() or ())


def takes_products() -> bool:
    """Whether large products are to be shared out here, with BLAS at one thread: since somebody first kept it there. (It
    would round differently with several; results must not depend on when it has them.)"""
    return _ours and available() > 1


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def each(parts: int, work: Callable[[int], Any], pays: bool = True, keep: bool = False) -> list[Any]:
    """The results of work(0), ..., work(parts - 1), some of them at the same time, if it `pays`: to call another thread
    costs about a tenth of a millisecond.

    keep  leave BLAS at one thread, see `keep_blas`.
    """
    threads = min(available(), parts) if pays else 1
    blas = libraries() if threads > 1 else None
    if keep and threads > 1:
        keep_blas()
    if not blas or not _busy.acquire(blocking=False):  # another thread is at it: the processors are taken
        return [work(i) for i in range(parts)]
    results: list[Any] = [None] * parts
    numbers = iter(range(parts))

    def run() -> None:
        for i in numbers:  # each takes the next part that nobody has taken
            results[i] = work(i)

    before = [library.get_num_threads() for library in blas] if _held is None else None
    try:
        if before is not None:
            _tell(1 for _ in blas)
        done: SimpleQueue[BaseException | None] = SimpleQueue()
        _helpers(os.getpid()).ask(threads - 1, run, done)
        try:
            run()
        finally:
            errors = [done.get() for _ in range(threads - 1)]
        for error in errors:
            if error is not None:
                raise error
    finally:
        if before is not None:
            _tell(before)
        _busy.release()
        if keep:
            keep_blas()
    return results


def keep_blas() -> None:
    """Leave BLAS at one thread until nobody has asked for that for half a second. Its idle threads spin for a tenth of a
    second after each product, on the processors that other threads need: who does most of a program's work here is faster
    without them."""
    global _held, _last, _ours
    _last, blas = time.monotonic(), libraries()
    if _held is None and blas and available() > 1 and _busy.acquire(blocking=False):
        try:
            _held, _ours = [library.get_num_threads() for library in blas], True
            _tell(1 for _ in blas)
        finally:
            _busy.release()
        _look_later()


def _tell(counts: Iterable[int]) -> None:
    """Tell the matrix libraries how many threads to take."""
    for library, count in zip(libraries() or (), counts, strict=True):
        library.set_num_threads(count)


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
        _tell(_held)
        _held = None


def _begin_anew() -> None:
    """In a forked child: whoever was at work in the parent is not there."""
    global _busy, _held
    _busy, _held = threading.Lock(), None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)


class _Helpers:
    """Threads that wait for work. They begin in half the time that an executor takes, and on another processor.

    Linux may wake a thread on the processor of the one that called it, and leave both there for a tenth of a second: in a
    virtual machine the other processor, which is idle, looks as if it were taken. So helpers keep off the caller's.
    """

    def __init__(self) -> None:
        self.tasks: SimpleQueue[tuple] = SimpleQueue()
        self.threads: list[threading.Thread] = []
        self.shunned: int | None = None  # a processor

    def ask(self, count: int, work: Callable[[], None], done: SimpleQueue) -> None:
        """Have so many helpers do the work; `done` gets what each of them raised, or None."""
        while len(self.threads) < count:
            self.threads.append(threading.Thread(target=self._help, name="minitorch_ndl", daemon=True))
            self.threads[-1].start()
            self.shunned = None
        self._make_room()
        for _ in range(count):  # with the caller's context: NumPy is to be as silent there
            self.tasks.put((contextvars.copy_context(), work, done))

    def _help(self) -> None:
        while True:
            context, work, done = self.tasks.get()
            error = None
            try:
                context.run(work)
            except BaseException as e:
                error = e
            done.put(error)
            del context, work, done, error  # nothing lives on while this waits

    def _make_room(self) -> None:
        this = _processor()
        if this == self.shunned:
            return
        self.shunned = this
        others = os.sched_getaffinity(0) - {this}
        for thread in self.threads if others else ():
            with contextlib.suppress(OSError):  # a system that doesn't let us choose
                os.sched_setaffinity(thread.native_id or 0, others)


@functools.lru_cache(1)
def _helpers(process: int) -> _Helpers:  # a forked child has none of its parent's threads
    return _Helpers()


def _this_processor() -> Callable[[], int | None]:
    """A function that says on which processor the calling thread runs; None where nobody knows."""
    try:
        return ctypes.CDLL(None).sched_getcpu if hasattr(os, "sched_setaffinity") else lambda: None
    except (AttributeError, OSError, TypeError):  # without glibc
        return lambda: None


_processor = _this_processor()
