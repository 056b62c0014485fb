"""Objects from one process to another, large arrays among them without pickling, and copied once on the way.

Small objects are one message through the connection. Arrays of a larger one are written into memory that has no name
(memfd, on Linux), and the receiver, which is sent its descriptor, maps it. Elsewhere they go through the connection raw.
"""

from __future__ import annotations

import mmap
import os
import pickle
from multiprocessing import reduction
from typing import Any

import numpy as np

LARGE = 1 << 18  # bytes; below, one message is faster (measured: even at 200 KB, twice as fast at 1.5 MB)
_ALIGNMENT = 64


def pack(value: Any) -> tuple[bytes, list[memoryview]]:
    """A message, and the memory of large arrays that is to follow it. Raises what pickle raises."""
    views: list[pickle.PickleBuffer] = []
    body = pickle.dumps(value, protocol=5, buffer_callback=views.append)
    buffers = [view.raw() for view in views]
    if sum(b.nbytes for b in buffers) < LARGE:
        # Bytearrays, as arrays made of bytes could not be written to.
        return pickle.dumps((body, [bytearray(b) for b in buffers], False)), []
    return pickle.dumps((body, [b.nbytes for b in buffers], hasattr(os, "memfd_create"))), buffers


def send(connection: Any, message: bytes, buffers: list[memoryview]) -> None:
    """Send what `pack` made. Raises OSError if nobody is there any more."""
    connection.send_bytes(message)
    if not buffers:
        return
    if not hasattr(os, "memfd_create"):
        for buffer in buffers:
            connection.send_bytes(buffer)
        return
    starts, descriptor = _starts([b.nbytes for b in buffers]), os.memfd_create("batch")
    try:
        os.ftruncate(descriptor, starts[-1])
        for buffer, start in zip(buffers, starts):
            done = 0
            while done < buffer.nbytes:
                done += os.pwrite(descriptor, buffer[done:], start + done)
        reduction.send_handle(connection, descriptor, None)
    finally:
        os.close(descriptor)


def receive(connection: Any) -> Any:
    """The next object that was sent. Raises EOFError or OSError if the sender is gone."""
    body, parts, mapped = pickle.loads(connection.recv_bytes())
    buffers: list[Any] = parts
    if mapped:
        descriptor = reduction.recv_handle(connection)
        try:
            starts = _starts(parts)
            memory = memoryview(mmap.mmap(descriptor, starts[-1]))
        finally:
            os.close(descriptor)
        buffers = [memory[start:start + size] for start, size in zip(starts, parts)]
    elif parts and isinstance(parts[0], int):
        buffers = [np.empty(size, np.uint8) for size in parts]
        for buffer in buffers:
            connection.recv_bytes_into(buffer)
    return pickle.loads(body, buffers=buffers)


def _starts(sizes: list[int]) -> list[int]:
    """Where each part begins, and after them where the last one ends."""
    starts = [0]
    for size in sizes:
        starts.append(starts[-1] + -(-size // _ALIGNMENT) * _ALIGNMENT)
    return starts
