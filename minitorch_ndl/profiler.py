"""Where the time goes: wall time of the blocks that a script marks with `record_function`, and of its steps.

https://pytorch.org/docs/stable/profiler.html

Single operations are not recorded; for those, run Python's own cProfile.

>>> with ndl.profiler.profile() as profile:
...     with ndl.profiler.record_function("forward"):
...         _ = ndl.ones(10, 10) @ ndl.ones(10, 10)
>>> [(event.key, event.count) for event in profile.key_averages()]
[('forward', 1)]
"""

from __future__ import annotations

import enum
import functools
import os
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple


class ProfilerActivity(enum.Enum):
    """What may be recorded; all of it runs on the CPU here."""

    CPU, CUDA, XPU, MTIA, HPU, PrivateUse1 = range(6)


class ProfilerAction(enum.Enum):
    """What `profile` does in a step."""

    NONE, WARMUP, RECORD, RECORD_AND_SAVE = range(4)


class Event(NamedTuple):
    """A block that was entered and left; times in microseconds."""

    name: str
    start: float
    duration: float
    inner: float  # the part of it that was spent in blocks inside it
    thread: int


_running: list[profile] = []  # profiles that record now
_local = threading.local()


class record_function:
    """A block, or with ``@`` a function, whose time is recorded under this name while a `profile` runs."""

    def __init__(self, name: str, args: str | None = None):
        self.name = name

    def __enter__(self) -> record_function:
        stack = _local.__dict__.setdefault("stack", [])
        stack.append(0.0)
        self._start = time.perf_counter()
        return self

    def __exit__(self, *error: Any) -> None:
        duration = time.perf_counter() - self._start
        stack = _local.stack
        inner = stack.pop()
        if stack:
            stack[-1] += duration
        event = Event(self.name, self._start * 1e6, duration * 1e6, inner * 1e6, threading.get_ident())
        for running in _running:
            running._events.append(event)

    def __call__(self, function: Callable) -> Callable:
        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with record_function(self.name):
                return function(*args, **kwargs)

        return wrapped


def schedule(*, wait: int, warmup: int, active: int, repeat: int = 0, skip_first: int = 0,
             skip_first_wait: int = 0) -> Callable[[int], ProfilerAction]:
    """Which steps to record: after `skip_first`, in turns of `wait`, `warmup` and `active` ones, `repeat` times (0: on).

    >>> plan = ndl.profiler.schedule(wait=1, warmup=1, active=2)
    >>> [plan(step).name for step in range(5)]
    ['NONE', 'WARMUP', 'RECORD', 'RECORD_AND_SAVE', 'NONE']
    """
    if min(wait, warmup, repeat, skip_first) < 0 or active < 1:
        raise AssertionError("Invalid profiler schedule arguments: active must be positive, the others not negative.")

    def action(step: int) -> ProfilerAction:
        step -= skip_first
        if step < 0:
            return ProfilerAction.NONE
        if skip_first_wait and repeat != 1:
            step += wait
        turn, at = divmod(step, wait + warmup + active)
        if (repeat and turn >= repeat) or at < wait:
            return ProfilerAction.NONE
        if at < wait + warmup:
            return ProfilerAction.WARMUP
        return ProfilerAction.RECORD_AND_SAVE if at == wait + warmup + active - 1 else ProfilerAction.RECORD

    return action


class Row:
    """All events of one name."""

    def __init__(self, key: str, events: list[Event]):
        self.key, self.count = key, len(events)
        self.cpu_time_total = sum(event.duration for event in events)
        self.self_cpu_time_total = self.cpu_time_total - sum(event.inner for event in events)
        self.cpu_time = self.cpu_time_total / self.count


class Averages(list):
    """A `Row` per name, in the order of their first events."""

    def table(self, sort_by: str | None = None, row_limit: int = 100, max_name_column_width: int = 55, **ignored: Any) -> str:
        """The rows as text, sorted by one of the columns, such as "cpu_time_total", largest first."""
        column = {None: None, "count": "count", "cpu_time": "cpu_time"}.get(
            sort_by, "self_cpu_time_total" if str(sort_by).startswith("self_") else "cpu_time_total")
        rows = sorted(self, key=lambda row: -getattr(row, column)) if column else list(self)
        total = sum(row.self_cpu_time_total for row in self) or 1.0
        width = min(max([20, *(len(row.key) for row in rows)]), max_name_column_width)
        lines = [f"{'Name':>{width}}  {'Self CPU %':>10}  {'Self CPU':>12}  {'CPU total':>12}  {'CPU time avg':>12}  "
                 f"{'# of Calls':>10}"]
        lines += [f"{row.key[:width]:>{width}}  {row.self_cpu_time_total / total:>10.2%}  {_time(row.self_cpu_time_total):>12}"
                  f"  {_time(row.cpu_time_total):>12}  {_time(row.cpu_time):>12}  {row.count:>10}"
                  for row in rows[:None if row_limit < 0 else row_limit]]
        rule = "-" * len(lines[0])
        return "\n".join([rule, lines[0], rule, *lines[1:], rule, f"Self CPU time total: {_time(total)}"])

    __str__ = table

    def total_average(self) -> Row:
        """All of them as one."""
        row = Row("Total", [Event("", 0, sum(r.self_cpu_time_total for r in self), 0, 0)])
        row.count = sum(r.count for r in self)
        return row


def _time(microseconds: float) -> str:
    for unit, scale in (("s", 1e6), ("ms", 1e3)):
        if microseconds >= scale:
            return f"{microseconds / scale:.3f}{unit}"
    return f"{microseconds:.3f}us"


class profile:
    """A block in which the times of `record_function` blocks are kept.

    schedule        which steps to record, see `schedule`; the script calls ``step()`` after each. Without one, all is
    on_trace_ready  called with this profile when the recorded steps are over
    Other arguments of torch's are accepted.
    """

    def __init__(self, *, activities: Iterable | None = None, schedule: Callable | None = None,
                 on_trace_ready: Callable | None = None, record_shapes: bool = False, profile_memory: bool = False,
                 with_stack: bool = False, with_flops: bool = False, with_modules: bool = False, **ignored: Any):
        self.schedule, self.on_trace_ready = schedule, on_trace_ready
        self.step_num = 0
        self.action = self._action()
        self._events: list[Event] = []
        self._step: record_function | None = None

    def _action(self) -> ProfilerAction:
        return ProfilerAction.RECORD if self.schedule is None else self.schedule(self.step_num)

    def _begin(self, fresh: bool) -> None:
        if self.action in (ProfilerAction.RECORD, ProfilerAction.RECORD_AND_SAVE):
            if fresh:
                self._events = []
            if self not in _running:
                _running.append(self)
            if self.schedule is not None:
                self._step = record_function(f"ProfilerStep#{self.step_num}").__enter__()

    def _end(self) -> None:
        if self._step is not None:
            self._step.__exit__()
            self._step = None

    def start(self) -> None:
        """Begin."""
        self._begin(True)

    def step(self) -> None:
        """The next step begins."""
        self._end()
        before = self.action
        if before is ProfilerAction.RECORD_AND_SAVE:
            _running.remove(self)
            if self.on_trace_ready:
                self.on_trace_ready(self)
        self.step_num += 1
        self.action = self._action()
        self._begin(before is not ProfilerAction.RECORD)

    def stop(self) -> None:
        """End."""
        self._end()
        if self in _running:
            _running.remove(self)
            if self.on_trace_ready:
                self.on_trace_ready(self)

    def __enter__(self) -> profile:
        self.start()
        return self

    def __exit__(self, *error: Any) -> None:
        self.stop()

    def events(self) -> list[Event]:
        """What was recorded, in the order in which blocks ended."""
        return list(self._events)

    def key_averages(self, group_by_input_shape: bool = False, group_by_stack_n: int = 0) -> Averages:
        """What was recorded, summed up by name."""
        by_name: dict[str, list[Event]] = {}
        for event in sorted(self._events, key=lambda event: event.start):
            by_name.setdefault(event.name, []).append(event)
        return Averages(Row(name, events) for name, events in by_name.items())

    def export_chrome_trace(self, path: Any) -> None:
        """Write what was recorded as a file for chrome://tracing."""
        import json

        trace = [{"ph": "X", "name": e.name, "ts": e.start, "dur": e.duration, "pid": os.getpid(), "tid": e.thread}
                 for e in self._events]
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"traceEvents": trace}, file)


def tensorboard_trace_handler(dir_name: str, worker_name: str | None = None, use_gzip: bool = False) -> Callable:
    """For `on_trace_ready`: writes each trace into this folder, as a file for chrome://tracing."""

    def write(finished: profile) -> None:
        os.makedirs(dir_name, exist_ok=True)
        name = f"{worker_name or os.getpid()}.{time.time_ns() // 1_000_000}.pt.trace.json"
        finished.export_chrome_trace(os.path.join(dir_name, name))

    return write
