"""Downloads, from a server on this machine that behaves in all the ways in which servers misbehave."""

from __future__ import annotations

import gzip
import hashlib
import http.server
import os
import socket
import struct
import tempfile
import threading
import time

import numpy as np
import pytest

from minitorch_ndl.datasets import DataError, download, load
from minitorch_ndl.datasets.mnist import FILES

PATIENCE = 1.0  # for the tests; what counts is that nothing takes notably longer


class Handler(http.server.BaseHTTPRequestHandler):
    """The first part of the path is the behaviour, the last one the file."""

    def do_GET(self):
        behaviour, name = self.path.strip("/").split("/")
        self.server.asked.append((behaviour, name))
        body = self.server.files[name]
        getattr(self, behaviour)(body)

    def send(self, body, length=None):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def good(self, body):
        self.send(body)

    def missing(self, body):
        self.send_error(404)

    def wrong(self, body):  # an intact gzip file of something else
        self.send(gzip.compress(gzip.decompress(body)[::-1]))

    def page(self, body):  # as a hotel's network answers everything
        self.send(b"<html>Please log in</html>")

    def cut(self, body):
        self.send(body[: len(body) // 2], length=len(body))

    def silent(self, body):
        self.server.over.wait(10)

    def stalls(self, body):
        self.send(body[:20_000], length=len(body))
        self.server.over.wait(10)

    def drip(self, body):
        self.slowly(body, 1, 0.05)

    def drip_headers(self, body):
        self.slowly(b"HTTP/1.0 200 OK\r\nX-Filler: " + b"x" * 1000, 1, 0.05)

    def steady(self, body):  # slower than patience in all, but always moving
        self.slowly(body, 17_000, 0.15)

    def half(self, body):  # has images only
        self.good(body) if "images" in self.path else self.missing(body)

    def slowly(self, body, step, pause):
        if not body.startswith(b"HTTP"):
            self.send(b"", length=len(body))
        for start in range(0, len(body), step):
            self.wfile.write(body[start : start + step])
            if self.server.over.wait(pause):
                break

    def handle(self):
        try:
            super().handle()
        except OSError:  # the client has hung up
            pass

    def log_message(self, *args):
        pass


@pytest.fixture
def server(small, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.over, server.asked, server.files = threading.Event(), [], {}
    for name, array in small.items():
        content = struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()
        server.files[name + ".gz"] = gzip.compress(content)
        monkeypatch.setitem(FILES, name, hashlib.sha256(content).hexdigest())
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.over.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def url(server):
    return lambda behaviour: f"http://127.0.0.1:{server.server_port}/{behaviour}/"


def refused() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}/"


def assert_untouched(tmp_path):
    assert list(tmp_path.rglob("*")) == []


def test_good_download_is_complete_and_loads(server, url, tmp_path, small, monkeypatch, capfd):
    monkeypatch.setenv("MINITORCH_NDL_MIRRORS", url("good"))
    data = load(data_dir=tmp_path / "new" / "folder")
    assert data.is_mnist and url("good") in data.source
    for array, name in zip(data, FILES):
        np.testing.assert_array_equal(array, small[name])
    assert sorted(path.name for path in (tmp_path / "new" / "folder").iterdir()) == sorted(server.files)
    assert capfd.readouterr() == ("", "")  # no terminal, no bar

    asked = len(server.asked)
    load("mnist", tmp_path / "new" / "folder")
    assert len(server.asked) == asked  # the second time, nothing is fetched


def test_progress_bar_on_a_terminal_unless_quiet(url, tmp_path, monkeypatch, capfd):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    download.download(tmp_path / "loud", [url("good")])
    assert "t10k-labels-idx1-ubyte.gz: 100%" in capfd.readouterr().err
    download.download(tmp_path / "quiet", [url("good")], quiet=True)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    "bad, reason", [("missing", "404"), ("wrong", "SHA-256"), ("page", "gzip"), ("cut", "ended")]
)
def test_next_mirror_takes_over_and_the_bad_one_is_not_asked_again(server, url, tmp_path, bad, reason):
    assert download.download(tmp_path, [url(bad), url("good")], quiet=True) == url("good")
    assert sum(behaviour == bad for behaviour, _ in server.asked) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(server.files)
    with pytest.raises(download.DownloadError, match=f"/{bad}/: .*{reason}"):
        download.download(tmp_path / "again", [url(bad)], quiet=True)
    assert not (tmp_path / "again").exists()


def test_refused_connection_then_good(url, tmp_path):
    assert download.download(tmp_path, [refused(), url("good")], quiet=True) == url("good")


def test_some_files_are_as_good_as_none(url, tmp_path):
    with pytest.raises(download.DownloadError, match="404"):
        download.download(tmp_path, [url("half")], quiet=True)
    assert_untouched(tmp_path)


@pytest.mark.parametrize("mirrors", [1, 3])
@pytest.mark.parametrize("bad", ["silent", "drip", "drip_headers", "stalls"])
def test_no_progress_ends_within_the_patience_over_all_mirrors(url, tmp_path, bad, mirrors):
    start = time.monotonic()
    with pytest.raises(download.DownloadError, match="too slow|no answer"):
        download.download(tmp_path, [url(bad)] * mirrors, patience=PATIENCE, quiet=True)
    assert 0.8 * PATIENCE < time.monotonic() - start < 2 * PATIENCE
    assert_untouched(tmp_path)


def test_name_lookup_that_hangs_ends_within_the_patience(tmp_path, monkeypatch):
    over = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: over.wait(10) and [])
    monkeypatch.setenv("no_proxy", "*")
    start = time.monotonic()
    with pytest.raises(download.DownloadError, match="no answer"):
        download.download(tmp_path, ["http://a.invalid/", "http://b.invalid/"], patience=PATIENCE, quiet=True)
    assert time.monotonic() - start < 2 * PATIENCE
    over.set()


def test_silent_mirror_leaves_patience_for_the_next(url, tmp_path):
    mirrors = [url("silent"), url("drip"), url("good")]
    assert download.download(tmp_path, mirrors, patience=PATIENCE, quiet=True) == url("good")


def test_slow_download_that_progresses_may_take_longer(url, server, tmp_path):
    start = time.monotonic()
    download.download(tmp_path, [url("steady")], patience=0.8, quiet=True)
    assert time.monotonic() - start > 0.8
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(server.files)


def test_promised_time():
    assert download.PATIENCE <= 10
    assert len(download.MIRRORS) >= 2 and all(mirror.startswith("https://") for mirror in download.MIRRORS)


def test_interrupt_leaves_nothing(url, tmp_path, monkeypatch):
    def interrupt(path, sha256):
        raise KeyboardInterrupt

    monkeypatch.setattr(download, "_check", interrupt)
    with pytest.raises(KeyboardInterrupt):
        download.download(tmp_path / "folder", [url("good")], quiet=True)
    assert_untouched(tmp_path)


def test_folder_that_cannot_be_written_is_an_error_before_any_request(url, server, tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(tempfile, "mkdtemp", refuse)  # even root, for whom no folder is closed
    monkeypatch.setenv("MINITORCH_NDL_MIRRORS", url("good"))
    with pytest.raises(DataError, match=r"cannot write to .*here \(Permission denied\).*dataset='digits'"):
        load(data_dir=tmp_path / "here")
    assert server.asked == []
    assert_untouched(tmp_path)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_folder_without_write_permission(tmp_path):
    (tmp_path / "closed").mkdir(mode=0o555)
    with pytest.raises(DataError, match="cannot write to"):
        load(data_dir=tmp_path / "closed")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
def test_full_disk_is_told_and_leaves_nothing(url, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "open", lambda path, mode: open("/dev/full", mode), raising=False)
    with pytest.raises(DataError, match="No space left"):
        download.download(tmp_path / "folder", [url("good")], quiet=True)
    assert_untouched(tmp_path)


def test_own_mirrors_from_the_environment(monkeypatch):
    monkeypatch.setenv("MINITORCH_NDL_MIRRORS", "http://a/ http://b/")
    assert list(download.mirrors()) == ["http://a/", "http://b/"]
    monkeypatch.delenv("MINITORCH_NDL_MIRRORS")
    assert download.mirrors() is download.MIRRORS
