"""Work on several threads: who does what, what BLAS is told, and what happens to errors."""

import os
import threading
import time

import numpy as np
import pytest

import minitorch_ndl as ndl
from minitorch_ndl.compiled import threads


class Library:
    """Stands for a matrix library."""

    def __init__(self, count=4):
        self.count, self.seen = count, []

    def get_num_threads(self):
        return self.count

    def set_num_threads(self, count):
        self.count = count
        self.seen.append(count)


@pytest.fixture
def library(monkeypatch):
    library = Library()
    monkeypatch.setattr(threads, "libraries", lambda: [library])
    monkeypatch.setattr(threads, "_limit", 2)
    return library


def test_results_in_order(library):
    assert threads.each(7, lambda i: i * i) == [i * i for i in range(7)]
    assert threads.each(0, lambda i: i) == []


def test_two_at_the_same_time(library):
    meeting = threading.Barrier(2, timeout=30)  # both parts have to be there
    names = threads.each(2, lambda i: (meeting.wait(), threading.current_thread().name)[1])
    assert len(set(names)) == 2


def test_blas_keeps_to_one_thread(library):
    assert threads.each(4, lambda i: library.count) == [1] * 4 and library.count == 4


def test_blas_keeps_to_one_thread_for_a_while(library, monkeypatch):
    monkeypatch.setattr(threads, "IDLE", 0.2)
    for _ in range(2):
        threads.each(4, lambda i: None, keep=True)
        assert library.count == 1
        threads.each(4, lambda i: None)  # which puts back what it has found
        assert library.count == 1
        until(lambda: library.count == 4)


def test_while_blas_is_kept_to_one_thread_nobody_tells_it_again(library, monkeypatch):
    monkeypatch.setattr(threads, "IDLE", 0.2)
    assert threads._held is None
    for keep in (True, True, False):
        threads.each(4, lambda i: None, keep=keep)
    assert library.seen == [1] and threads._held is not None
    until(lambda: threads._held is None)
    assert library.seen == [1, 4]


@pytest.mark.skipif(threads.processors() < 2 or threads._processor() is None, reason="needs two processors of Linux")
def test_helpers_keep_off_the_callers_processor(library):
    meeting = threading.Barrier(2, timeout=30)
    own = os.sched_getaffinity(0)

    def work(i):
        meeting.wait()
        return threading.get_native_id(), threads._processor(), os.sched_getaffinity(0)

    for processor in sorted(own)[:2]:
        os.sched_setaffinity(0, {processor})  # where the caller runs
        try:
            os.sched_setaffinity(0, own)
            before = threads._processor()
            places = {thread: (place, allowed) for thread, place, allowed in threads.each(2, work)}
        finally:
            os.sched_setaffinity(0, own)
        _, allowed = places.pop(threading.get_native_id())
        assert allowed == own  # nobody meddles with the caller
        [(place, allowed)] = places.values()
        assert allowed == own - {before} and place in allowed


def test_set_num_threads_ends_that_while(library, monkeypatch):
    monkeypatch.setattr(threads, "IDLE", 0.1)
    threads.each(4, lambda i: None, keep=True)
    ndl.set_num_threads(3)
    assert library.count == 3 and threads.available() == 3
    time.sleep(0.3)
    assert library.count == 3


def until(condition):
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_one_part_or_one_thread_is_no_matter_for_threads(library, monkeypatch):
    assert threads.each(1, lambda i: threading.current_thread()) == [threading.current_thread()]
    monkeypatch.setattr(threads, "_limit", 1)
    assert set(threads.each(4, lambda i: threading.current_thread())) == {threading.current_thread()}
    assert not library.seen


def test_work_inside_work(library):
    assert threads.each(2, lambda i: threads.each(2, lambda k: (i, k))) == [[(i, k) for k in range(2)] for i in range(2)]


@pytest.mark.parametrize("bad", range(4))
def test_errors_arrive(library, bad):
    def work(i):
        if i == bad:
            raise ValueError("part of the work")

    with pytest.raises(ValueError, match="part of the work"):
        threads.each(4, work)
    assert library.count == 4 and threads.each(2, lambda i: i) == [0, 1]


def test_numpy_is_as_silent_there(library):
    meeting = threading.Barrier(2, timeout=30)  # one part for each thread
    with np.errstate(all="ignore"):
        assert all(np.isnan(threads.each(2, lambda i: (meeting.wait(), np.float64(np.inf) - np.float64(np.inf))[1])))


def test_the_limit_is_set_num_threads(monkeypatch):
    monkeypatch.setattr(threads, "_limit", None)
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    monkeypatch.setattr(threads, "_default", threads._default.__wrapped__)  # which asks each time
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert threads.available() == ndl.get_num_threads() == 3
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "2")
    assert threads.available() == 2
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "")
    monkeypatch.setenv("OMP_NUM_THREADS", "")
    assert threads.available() == threads.processors() >= 1
    before = ndl.get_num_threads()
    ndl.set_num_threads(1)
    assert threads.available() == 1
    ndl.set_num_threads(before)


def test_a_forked_child_does_not_wait_for_its_parents_threads(library, monkeypatch):
    lock = threading.Lock()
    lock.acquire()
    monkeypatch.setattr(threads, "_busy", lock)
    monkeypatch.setattr(threads, "_held", [4])
    threads._begin_anew()
    meeting = threading.Barrier(2, timeout=30)
    threads.each(2, lambda i: meeting.wait())
    threads.allow(2)
    assert library.count == 2
