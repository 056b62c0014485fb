"""Keep freed memory for the next training step instead of giving it back to the system each time.

glibc maps every array above 128 KiB freshly and unmaps it when it is freed. A training step allocates the same arrays
again and again, and pays for zeroed pages each time: a third of a small network's step. `tune` raises glibc's limits so
that arrays up to 32 MiB come from the heap, which keeps up to 256 MiB that is free at its end. Larger arrays still go
back to the system. It is called by the first backward, never at import; MINITORCH_NDL_MALLOC=system keeps it from
doing anything.
"""

from __future__ import annotations

import os
import sys

tuned = False
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # from malloc.h
_HEAP, _KEPT = 32 << 20, 256 << 20  # 32 MiB is the most that glibc takes for the second


def tune() -> None:
    """Raise glibc's limits, once. Does nothing elsewhere than on Linux with glibc, or if the environment says so."""
    global tuned
    if tuned:
        return
    tuned = True
    if os.environ.get("MINITORCH_NDL_MALLOC", "") == "system" or not sys.platform.startswith("linux"):
        return
    import ctypes

    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):  # another C library
        return
    mallopt(_M_MMAP_THRESHOLD, _HEAP)
    mallopt(_M_TRIM_THRESHOLD, _KEPT)
