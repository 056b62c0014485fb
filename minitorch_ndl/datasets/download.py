"""Fetches MNIST's four files from public mirrors, tried in turn: all four arrive, checked, or none does.

A network that is down shows itself in many ways: names that never resolve, connections that never open,
servers that accept and stay silent, or that send a byte now and then. One rule covers them all: a mirror
that makes no progress for its share of `PATIENCE` is given up for good, and the shares add up to
`PATIENCE`. A download that does make progress may take as long as it needs.

Imported only when there is something to download: the network modules and tqdm take their time to load.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import queue
import tempfile
import threading
import time
import urllib.error
import urllib.request
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from tqdm import tqdm

from .idx import DataError
from .mnist import FILES

MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "https://raw.githubusercontent.com/fgnt/mnist/master/",
)
PATIENCE = 8.0  # seconds without progress, over all mirrors together
_PROGRESS = 16 << 10  # this many bytes count as progress, so that a drip does not
_LIMIT = 64 << 20  # no file is larger, compressed or not


class DownloadError(DataError):
    """No mirror gave the files; `tried` lists what each one did."""

    def __init__(self, tried: str) -> None:
        super().__init__(f"download: no mirror gave MNIST's files:{tried}")
        self.tried = tried


class _MirrorFailed(Exception):
    def __init__(self, reason: str, silence: float = 0.0) -> None:
        super().__init__(reason)
        self.silence = silence  # the seconds of patience that this mirror used up


def mirrors() -> Sequence[str]:
    """`MIRRORS`, or those in the environment variable MINITORCH_NDL_MIRRORS (set but empty: stay offline)."""
    own = os.environ.get("MINITORCH_NDL_MIRRORS")
    return MIRRORS if own is None else own.split()


def download(folder: Path, urls: Sequence[str], *, patience: float | None = None, quiet: bool = False) -> str:
    """Downloads MNIST's four files into `folder` (made if need be); returns the mirror that gave them.

    Raises `DownloadError` when no mirror gives them, and `DataError` when the folder cannot be written.
    Either way the folder is left as it was.
    """
    made = [path for path in (folder, *folder.parents) if not os.path.exists(path)]  # inner first
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Inside the target folder, so that the final move stays on one file system.
        with tempfile.TemporaryDirectory(prefix=".download-", dir=folder) as temporary:
            used = _fetch_all(Path(temporary), urls, PATIENCE if patience is None else patience, quiet)
            for path in sorted(Path(temporary).iterdir()):
                os.replace(path, folder / path.name)
        return used
    except OSError as error:
        raise DataError(
            f"download: cannot write to {folder} ({error.strerror or error}), where MNIST's files would go. "
            "Name a folder that can be written (data_dir, or the environment variable MINITORCH_NDL_DATA), "
            "or use dataset='digits'."
        ) from error
    finally:
        for path in made:
            with suppress(OSError):  # not empty: the files are in it
                path.rmdir()


def fetch(urls: Sequence[str], path: Path, md5: str, quiet: bool = False) -> str:
    """Downloads one file, of up to a gigabyte, from the first of `urls` that gives it intact; returns that one.

    Raises `DownloadError` when none does. The file appears at `path` when it is whole.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    failures = ""
    for url in urls if os.environ.get("MINITORCH_NDL_MIRRORS") != "" else ():  # set but empty: stay offline
        digest = hashlib.md5(usedforsecurity=False)
        temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            with open(temporary, "wb") as file, tqdm(desc=path.name, unit="B", unit_scale=True, disable=quiet or None) as bar:
                for chunk in _receive(url, PATIENCE, bar, limit=1 << 30):
                    file.write(chunk)
                    digest.update(chunk)
            if digest.hexdigest() != md5:
                raise _MirrorFailed(f"not the published file: MD5 {digest.hexdigest()}, expected {md5}")
            os.replace(temporary, path)
            return url
        except _MirrorFailed as failure:
            failures += f"\n  {url}: {failure}"
        finally:
            temporary.unlink(missing_ok=True)
    raise DownloadError(failures or " there is no mirror to try.")


def _fetch_all(folder: Path, urls: Sequence[str], patience: float, quiet: bool) -> str:
    left = list(urls)
    failures = ""
    for name, sha256 in FILES.items():
        while True:
            if not left:
                raise DownloadError(failures or " there is no mirror to try.")
            # Half of the patience for the next mirror, so that others get a chance; all of it for the last.
            share = patience / 2 if len(left) > 1 else patience
            try:
                _fetch(f"{left[0].rstrip('/')}/{name}.gz", folder / f"{name}.gz", sha256, share, quiet)
                break
            except _MirrorFailed as failure:
                patience -= failure.silence
                failures += f"\n  {left.pop(0)}: {failure}"
    return left[0]


def _fetch(url: str, path: Path, sha256: str, patience: float, quiet: bool) -> None:
    hidden = quiet or None  # None: tqdm hides the bar where there is no terminal
    with open(path, "wb") as file, tqdm(desc=path.name, unit="B", unit_scale=True, disable=hidden) as bar:
        for chunk in _receive(url, patience, bar):
            file.write(chunk)
    _check(path, sha256)


def _check(path: Path, sha256: str) -> None:
    try:
        with gzip.open(path) as file:
            content = file.read(_LIMIT)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise _MirrorFailed(f"{path.name} is no intact gzip file ({error})") from error
    got = hashlib.sha256(content).hexdigest()
    if got != sha256:
        raise _MirrorFailed(f"{path.name} is not MNIST's: SHA-256 {got[:12]}..., expected {sha256[:12]}...")


def _receive(url: str, patience: float, bar: tqdm, limit: int = _LIMIT) -> Iterator[bytes]:
    """Yields what the server sends, and moves the bar. `_MirrorFailed` after `patience` s without progress.

    The network lives on a thread of its own: looking up a name, a TLS handshake or headers that come letter
    by letter obey no timeout, but waiting for a queue does. A thread that was given up ends by its
    socket's timeout, a little later.
    """
    arrived: queue.SimpleQueue[int | bytes | Exception] = queue.SimpleQueue()
    stop = threading.Event()

    def read() -> None:
        try:
            request = urllib.request.Request(url, headers={"User-Agent": "minitorch_ndl"})
            with urllib.request.urlopen(request, timeout=patience + 1) as response:
                arrived.put(int(response.headers.get("Content-Length") or 0))
                while not stop.is_set():
                    chunk = response.read1(1 << 16)
                    arrived.put(chunk)
                    if not chunk:
                        break
        except Exception as error:  # whatever it is, the waiting side reports it
            if isinstance(error, urllib.error.HTTPError):
                error.close()
            arrived.put(error)

    threading.Thread(target=read, daemon=True).start()
    total = since_progress = length = 0
    progress_at = time.monotonic()
    try:
        while True:
            waited = time.monotonic() - progress_at
            try:
                item = arrived.get(timeout=max(0.0, patience - waited))
            except queue.Empty:
                what = "too slow" if total else "no answer"
                raise _MirrorFailed(f"{what} for {patience:.2g} s", patience) from None
            if isinstance(item, Exception):
                reason = item.reason if type(item) is urllib.error.URLError else item
                silence = time.monotonic() - progress_at
                raise _MirrorFailed(str(reason) or type(reason).__name__, silence) from item
            if isinstance(item, int):
                length = item
                bar.reset(length or None)
                continue
            if not item:
                if total < length:
                    raise _MirrorFailed(f"the connection ended after {total:,} of {length:,} bytes")
                return
            total += len(item)
            since_progress += len(item)
            if total > limit:
                raise _MirrorFailed(f"sent more than {limit:,} bytes")
            if since_progress >= _PROGRESS:
                since_progress, progress_at = 0, time.monotonic()
            bar.update(len(item))
            yield item
    finally:
        stop.set()
