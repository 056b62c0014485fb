"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any


@contextmanager
def replacing(path: Any) -> Iterator[Any]:
    """A file to write in, which takes the place of the one at `path` when the block has ended well.

    It is written beside it and moved there when it is on the disk: whoever looks, at any moment and after a crash at
    any moment, finds the old file or the new one. It gets the permissions that ``open(path, "wb")`` would leave.
    """
    target = Path(os.path.realpath(path))  # the file that a link leads to, as when it is written to
    try:
        old = os.stat(target)
    except FileNotFoundError:
        old = None
    if not target.parent.is_dir():
        raise RuntimeError(f"Parent directory {target.parent} does not exist: make it first, "
                           f"with pathlib.Path({str(target.parent)!r}).mkdir(parents=True).")
    if old is not None and not stat.S_ISREG(old.st_mode):  # /dev/stdout, a pipe: nothing to replace
        with open(target, "wb") as file:
            yield file
        return
    temporary = target.with_name(f".{target.name}.{os.urandom(4).hex()}.tmp")
    try:
        with open(os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666), "w+b") as file:
            if old is not None and stat.S_IMODE(old.st_mode) != stat.S_IMODE(os.fstat(file.fileno()).st_mode):
                os.chmod(temporary, stat.S_IMODE(old.st_mode))
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    with suppress(OSError):  # the folder too must reach the disk; some systems cannot be asked
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
