"""A run of the training script that is killed and resumed ends where one without a break does, bit for bit."""

import random
import signal
import subprocess
import time

import pytest

import minitorch_ndl as ndl
from tests.scripts.test_train_mnist import command, folder, run

_ = folder  # a fixture
EPOCHS = 5


@pytest.fixture(scope="module")
def whole(folder, tmp_path_factory):
    """The checkpoint of a run without a break."""
    path = tmp_path_factory.mktemp("whole") / "whole.pt"
    done = run("--data-dir", folder, "--epochs", EPOCHS, "--save", path, "--quiet")
    assert done.returncode == 0, done.stderr
    return path


def test_killed_again_and_again(folder, whole, tmp_path):
    path = tmp_path / "killed.pt"
    arguments = ["--data-dir", folder, "--epochs", EPOCHS, "--save", path, "--resume", path]
    pace, starts, epochs = random.Random(0), [], 0
    while epochs < EPOCHS:
        with subprocess.Popen(**command(*arguments)) as process:
            line = process.stdout.readline()
            if not line.startswith("epoch "):
                assert epochs == EPOCHS or not line.strip(), line
                process.communicate()
                break
            starts.append(int(line.split("/")[0].removeprefix("epoch ")))
            while not path.exists():  # the first is killed as soon as there is something to go on from,
                time.sleep(0.001)
            time.sleep(pace.uniform(0, 0.2) if len(starts) > 1 else 0)  # before it gets through all epochs
            process.send_signal(signal.SIGKILL)
            process.communicate()
        epochs = ndl.load(path)["epoch"]
        assert len(starts) < 20 * EPOCHS
    assert len(set(starts)) > 1, "it has gone on, and not begun again"
    a, b = ndl.load(path), ndl.load(whole)
    assert a["epoch"] == b["epoch"] == EPOCHS
    assert all(a["model"][name].equal(x) for name, x in b["model"].items()) and a["random"].equal(b["random"])
    for number, state in b["optimizer"]["state"].items():
        assert a["optimizer"]["state"][number]["momentum_buffer"].equal(state["momentum_buffer"])


def test_a_finished_run_reports_and_leaves_its_file(folder, whole):
    before = whole.read_bytes()
    done = run("--data-dir", folder, "--epochs", EPOCHS, "--resume", whole, "--save", whole)
    assert done.returncode == 0 and "epoch 1/" not in done.stdout and f"{EPOCHS} of {EPOCHS}" in done.stdout
    assert whole.read_bytes() == before


def test_other_options_are_refused(folder, whole):
    done = run("--data-dir", folder, "--epochs", EPOCHS, "--resume", whole, "--lr", 0.5, "--hidden", 16)
    assert done.returncode == 1 and "--hidden 256, --lr 0.1" in done.stderr and "Traceback" not in done.stderr


def test_a_file_that_is_not_there_or_is_none(folder, tmp_path):
    done = run("--data-dir", folder, "--resume", tmp_path / "none.pt")
    assert done.returncode == 1 and "none.pt" in done.stderr and "Traceback" not in done.stderr
    (tmp_path / "bad.pt").write_bytes(b"hello")
    done = run("--data-dir", folder, "--resume", tmp_path / "bad.pt")
    assert done.returncode == 1 and "no checkpoint" in done.stderr and "Traceback" not in done.stderr
