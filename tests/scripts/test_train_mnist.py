"""The training script as a user runs it: a process of its own, on four small idx files."""

import gzip
import os
import re
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest

from minitorch_ndl import datasets

SCRIPT = Path(__file__).parents[2] / "scripts" / "train_mnist.py"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Drawn digits in MNIST's format: two of the files gzipped, two raw."""
    where = tmp_path_factory.mktemp("mnist")
    for split, count, seed in (("train", 2000, 0), ("t10k", 300, 1)):
        images, labels = datasets.draw_digits(count, seed=seed)
        pixels = struct.pack(">4i", 2051, count, 28, 28) + images.tobytes()
        (where / f"{split}-images-idx3-ubyte.gz").write_bytes(gzip.compress(pixels, 1))
        (where / f"{split}-labels-idx1-ubyte").write_bytes(struct.pack(">2i", 2049, count) + labels.tobytes())
    return where


def command(*arguments, **options):
    environment = {k: v for k, v in os.environ.items() if k != "MINITORCH_NDL_DATA"}
    environment.update({"MINITORCH_NDL_MIRRORS": "", "PYTHONPATH": str(SCRIPT.parents[1]), **options})
    return {"args": [sys.executable, str(SCRIPT), *map(str, arguments)], "env": environment, "text": True,
            "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}


def run(*arguments, **options):
    return subprocess.run(**command(*arguments, **options), timeout=120, check=False)


def accuracy(output, split):
    return float(re.search(rf"^{split} .* ([\d.]+)%$", output, re.M).group(1))


def test_trains_and_reports(folder):
    done = run("--data-dir", folder, "--epochs", 3)
    assert done.returncode == 0 and done.stderr == ""
    assert accuracy(done.stdout, "test") > 70 and accuracy(done.stdout, "train") > 80
    assert done.stdout.count("\nepoch ") + done.stdout.startswith("epoch ") == 3, "a tidy line an epoch, no bars, in a pipe"
    assert f"MNIST: read from {folder}" in done.stdout and "3 of 3" in done.stdout


def test_the_same_seed_gives_the_same_run(folder):
    quiet = [run("--data-dir", folder, "--epochs", 1, "--seed", s, "--quiet").stdout for s in (1, 1, 2)]
    tables = [re.sub(r"in [\d.]+ s", "", q) for q in quiet]
    assert tables[0] == tables[1] != tables[2]
    assert "epoch 1/1" not in quiet[0]


def test_the_environment_names_the_folder(folder):
    done = run("--epochs", 1, MINITORCH_NDL_DATA=str(folder))
    assert done.returncode == 0 and f"read from {folder}" in done.stdout


def test_drawn_digits_say_that_they_are_not_mnist(tmp_path):
    done = run("--data-dir", tmp_path, "--epochs", 1)
    assert done.returncode == 0
    before, after = done.stdout.split("epoch 1/1", 1)
    assert "NOT MNIST" in before and "NOT MNIST" in after
    assert accuracy(done.stdout, "test") > 80
    assert not list(tmp_path.iterdir())


def test_mnist_by_name_never_falls_back(tmp_path):
    done = run("--data-dir", tmp_path, "--dataset", "mnist")
    assert done.returncode == 1 and done.stdout == ""
    assert "could not be downloaded" in done.stderr and str(tmp_path) in done.stderr and "Traceback" not in done.stderr


def test_damaged_data_is_named(folder, tmp_path):
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "t10k-labels-idx1-ubyte").write_bytes((folder / "t10k-labels-idx1-ubyte").read_bytes()[:-5])
    done = run("--data-dir", tmp_path)
    assert done.returncode == 1 and "t10k-labels-idx1-ubyte" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize("arguments, words", [
    (["--lr", "-1"], "learning rate"), (["--momentum", "-0.5"], "momentum"), (["--epochs", "0"], "whole number from 1"),
    (["--batch-size", "x"], "--batch-size"), (["--dataset", "cifar"], "invalid choice")])
def test_bad_arguments(folder, arguments, words):
    done = run("--data-dir", folder, *arguments)
    assert done.returncode in (1, 2) and words in done.stderr and "Traceback" not in done.stderr


def test_a_loss_that_is_no_number_stops_the_run(folder):
    done = run("--data-dir", folder, "--lr", 1e6)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert re.search(r"the loss became (nan|inf) at step \d+", done.stderr) and "smaller --lr" in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="signals as on POSIX")
def test_interrupted_it_says_what_was_reached(folder):
    with subprocess.Popen(**command("--data-dir", folder, "--epochs", 50_000)) as process:
        for line in process.stdout:
            if line.startswith("epoch 2/"):
                break
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=60)
    assert process.returncode == 130 and "Traceback" not in errors
    assert "Interrupted" in rest and accuracy(rest, "test") > 50 and " of 50000" in rest


@pytest.fixture
def matplotlib():
    return pytest.importorskip("matplotlib")


def test_plots_a_page_and_a_picture(folder, tmp_path, matplotlib):
    page, picture = tmp_path / "report.html", tmp_path / "report.png"
    done = run("--data-dir", folder, "--epochs", 2, "--plot", page, "--plot", picture)
    assert done.returncode == 0 and done.stderr == "" and str(page) in done.stdout
    text = page.read_text(encoding="utf-8")
    final = {split: f"{accuracy(done.stdout, split):.2f}%" for split in ("train", "test")}
    assert f"<dd>{final['train']}</dd>" in text and f"<dd>{final['test']}</dd>" in text
    right = int(re.search(r"(\d+) of 300 are right", text).group(1))
    assert f"{right / 3:.2f}%" == final["test"], "the matrix counts what the table says"
    assert f"{300 - right} of 300" in text and "2000 steps" not in text and "MNIST: read from" in text
    assert "NOT MNIST" not in text and picture.read_bytes()[:4] == b"\x89PNG"


def test_a_plot_of_drawn_digits_says_so_first(tmp_path, matplotlib):
    done = run("--data-dir", tmp_path, "--epochs", 1, "--batch-size", 500, "--plot", tmp_path / "r.html", "--quiet")
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert done.returncode == 0 and text.index("NOT MNIST") < text.index("<h2>")


@pytest.mark.parametrize("path, words", [
    ("no/such/report.html", "no folder"), ("report.jpeg", "must end in .html or .png"), (".", "must end in")])
def test_a_plot_that_cannot_be_written_is_refused_before_training(folder, tmp_path, matplotlib, path, words):
    done = run("--data-dir", folder, "--plot", tmp_path / path)
    assert done.returncode == 1 and words in done.stderr and "Traceback" not in done.stderr
    assert done.stdout == "" and not list(tmp_path.iterdir())


def test_a_plot_without_matplotlib_is_refused_before_training(folder, tmp_path):
    (tmp_path / "matplotlib.py").write_text("raise ImportError('not here')")
    done = run("--data-dir", folder, "--plot", tmp_path / "r.html", PYTHONPATH=f"{tmp_path}{os.pathsep}{SCRIPT.parents[1]}")
    assert done.returncode == 1 and done.stdout == "" and "minitorch-ndl[viz]" in done.stderr
    assert "Traceback" not in done.stderr and not (tmp_path / "r.html").exists()


@pytest.mark.skipif(os.name == "nt", reason="signals as on POSIX")
def test_interrupted_it_plots_what_was_reached(folder, tmp_path, matplotlib):
    with subprocess.Popen(**command("--data-dir", folder, "--epochs", 500, "--plot", tmp_path / "r.html")) as process:
        for line in process.stdout:
            if line.startswith("epoch 3/"):
                break
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert process.returncode == 130 and "Traceback" not in errors
    assert re.search(r"Interrupted after \d+ steps", text) and "of 300 are right" in text
    assert 2 <= text.count('<tr><th scope="row">') - 10 < 500, "a row for each whole epoch"


def test_resumed_the_curves_go_on(folder, tmp_path, matplotlib):
    options = ["--data-dir", folder, "--epochs", 3, "--plot", tmp_path / "r.html"]
    whole = run(*options)
    first = (tmp_path / "r.html").read_text(encoding="utf-8")
    with subprocess.Popen(**command(*options, "--save", tmp_path / "c.pt")) as process:
        for line in process.stdout:
            if line.startswith("epoch 2/"):  # the checkpoint of the first is written
                break
        process.kill()
        process.communicate()
    done = run(*options, "--save", tmp_path / "c.pt", "--resume", tmp_path / "c.pt")
    assert whole.returncode == done.returncode == 0
    assert (tmp_path / "r.html").read_text(encoding="utf-8") == first


def test_help_is_complete():
    text = run("--help").stdout
    for option in ("data-dir", "dataset", "epochs", "batch-size", "hidden", "lr", "momentum", "weight-decay", "seed", "save", "resume",
                   "plot", "quiet"):
        assert f"--{option}" in text
    assert "default: 10" in text and "MINITORCH_NDL_DATA" in text


def test_on_a_terminal_there_are_bars(folder):
    pty, fcntl, termios = map(pytest.importorskip, ("pty", "fcntl", "termios"))
    parent, child = pty.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("4H", 24, 120, 0, 0))
    options = command("--data-dir", folder, "--epochs", 1)
    options.update(stderr=child)
    with subprocess.Popen(**options) as process:
        os.close(child)
        shown = b""
        start = time.monotonic()
        while time.monotonic() - start < 60:
            try:
                chunk = os.read(parent, 4096)
            except OSError:
                break
            if not chunk:
                break
            shown += chunk
        process.communicate(timeout=60)
    os.close(parent)
    assert b"epoch 1/1: 100%" in shown and b"accuracy=" in shown and b"samples/s" in shown

