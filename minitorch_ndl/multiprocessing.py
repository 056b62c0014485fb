"""Python's `multiprocessing` by torch's name. Tensors are copied from process to process, unless `share_memory_` has put
them into memory that processes share.

https://pytorch.org/docs/stable/multiprocessing.html
"""

from __future__ import annotations

import multiprocessing as _multiprocessing
import traceback
from collections.abc import Callable
from multiprocessing import *  # noqa: F403
from typing import Any

_strategy = "file_system"


class ProcessRaisedException(Exception):
    """A process that `spawn` started has raised an error."""

    def __init__(self, message: str, error_index: int, error_pid: int | None):
        super().__init__(message)
        self.error_index, self.error_pid = error_index, error_pid


def get_all_sharing_strategies() -> set[str]:
    """The ways to share memory that may be asked for: `share_memory_` has one way of its own."""
    return {"file_descriptor", "file_system"}


def get_sharing_strategy() -> str:
    """What `set_sharing_strategy` was given."""
    return _strategy


def set_sharing_strategy(new_strategy: str) -> None:
    """Remembered, and nothing else."""
    global _strategy
    if new_strategy not in get_all_sharing_strategies():
        raise AssertionError(f"set_sharing_strategy: {new_strategy!r} is not one of {sorted(get_all_sharing_strategies())}")
    _strategy = new_strategy


def _call(function: Callable, index: int, args: tuple, errors: Any) -> None:
    try:
        function(index, *args)
    except BaseException:
        errors.put(traceback.format_exc())
        raise SystemExit(1) from None


def spawn(fn: Callable, args: tuple = (), nprocs: int = 1, join: bool = True, daemon: bool = False,
          start_method: str | None = None) -> Any:
    """Run ``fn(i, *args)`` in `nprocs` processes, and wait for them if `join`; otherwise return them.

    Raises ProcessRaisedException, with the traceback, if one fails; the others are stopped then.
    """
    context: Any = _multiprocessing.get_context(start_method)
    queues = [context.SimpleQueue() for _ in range(nprocs)]
    processes = [context.Process(target=_call, args=(fn, i, args, queues[i]), daemon=daemon) for i in range(nprocs)]
    for process in processes:
        process.start()
    if not join:
        return processes
    from multiprocessing.connection import wait

    waiting = {process.sentinel: i for i, process in enumerate(processes)}
    while waiting:
        for sentinel in wait(list(waiting)):
            i = waiting.pop(sentinel)
            processes[i].join()
            if processes[i].exitcode:
                for process in processes:
                    process.terminate()
                reason = "" if queues[i].empty() else f" with the following error:\n{queues[i].get()}"
                raise ProcessRaisedException(f"Process {i} terminated with exit code {processes[i].exitcode}{reason}", i,
                                             processes[i].pid)
    return None
