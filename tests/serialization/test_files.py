"""A checkpoint is replaced in one step: whoever looks, at any moment, finds the old one or the new one."""

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

import minitorch_ndl as ndl
from minitorch_ndl.serialization.files import replacing

ROOT = Path(__file__).parents[2]
posix = pytest.mark.skipif(os.name == "nt", reason="signals and permissions as on POSIX")

WRITER = """
import sys
import minitorch_ndl as ndl
for i in range(1, 10_000):
    ndl.save({"number": i, "x": ndl.full((300, 300), float(i))}, sys.argv[1])
    print(i, flush=True)
"""


@posix
def test_killed_at_any_moment_the_file_is_whole(tmp_path):
    path = tmp_path / "state.pt"
    ndl.save({"number": 0, "x": ndl.zeros(300, 300)}, path)
    seen = set()
    for turn in range(8):
        with subprocess.Popen([sys.executable, "-c", WRITER, path], cwd=ROOT, stdout=subprocess.PIPE) as process:
            process.stdout.readline()
            deadline = time.monotonic() + 0.02 + 0.0073 * turn
            while time.monotonic() < deadline:  # readers beside the writer
                state = ndl.load(path)
                assert (state["x"] == state["number"]).all()
            process.send_signal(signal.SIGKILL)
            written = 1 + len(process.stdout.read().split())
        state = ndl.load(path)
        assert (state["x"] == state["number"]).all()
        assert state["number"] in (written, written + 1)
        seen.add(state["number"])
    assert seen != {0}


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.pt"
    ndl.save(ndl.ones(2), path)
    with pytest.raises(ZeroDivisionError), replacing(path) as file:
        file.write(b"half")
        raise ZeroDivisionError
    with pytest.raises(RuntimeError):
        ndl.save([(x := ndl.ones(2)), x.view(ndl.int32)], path)
    assert ndl.load(path).equal(ndl.ones(2)) and os.listdir(tmp_path) == ["a.pt"]


@posix
def test_permissions_are_those_of_an_ordinary_file(tmp_path):
    before = os.umask(0o027)
    try:
        ndl.save(ndl.ones(1), tmp_path / "new.pt")
        assert stat.S_IMODE((tmp_path / "new.pt").stat().st_mode) == 0o640
        (tmp_path / "old.pt").write_bytes(b"")
        os.chmod(tmp_path / "old.pt", 0o664)
        ndl.save(ndl.ones(1), tmp_path / "old.pt")
        assert stat.S_IMODE((tmp_path / "old.pt").stat().st_mode) == 0o664
    finally:
        os.umask(before)


@posix
def test_links_and_special_files(tmp_path):
    (tmp_path / "deep").mkdir()
    os.symlink(tmp_path / "deep" / "real.pt", tmp_path / "link.pt")
    ndl.save(ndl.ones(1), tmp_path / "link.pt")
    assert (tmp_path / "link.pt").is_symlink() and ndl.load(tmp_path / "deep" / "real.pt").equal(ndl.ones(1))
    ndl.save(ndl.ones(1), os.devnull)
    assert not stat.S_ISREG(os.stat(os.devnull).st_mode)
