"""Each example as a user runs it, with tiny settings: it learns, it says what it reached, and writes what it should."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"
EXAMPLES = ["convnet", "vae", "gpt", "lstm", "dcgan", "resnet", "reinforce"]
DIGITS = ["--dataset", "digits"]


def run(example, *arguments, cwd, status=0):
    environment = {k: v for k, v in os.environ.items() if k != "MINITORCH_NDL_DATA"}
    environment.update(MINITORCH_NDL_MIRRORS="", PYTHONPATH=str(SCRIPTS.parent), PYTHONWARNINGS="error")
    done = subprocess.run([sys.executable, str(SCRIPTS / f"{example}.py"), *map(str, arguments)], env=environment, cwd=cwd, text=True,
                          capture_output=True, timeout=300, check=False)
    assert done.returncode == status and "Traceback" not in done.stderr, done.stderr
    return done.stderr if status else done.stdout


def numbers(output, name):
    """The value after each `name` in the output."""
    return [float(value) for value in re.findall(rf"\b{name}\s+(-?[\d.]+\d)", output)]


@pytest.fixture(scope="module")
def a_text(tmp_path_factory):
    """Every word's letters but the first tell the next one for certain."""
    file = tmp_path_factory.mktemp("text") / "words.txt"
    words = ["alpha", "bravo", "cedar", "dunes"]
    file.write_text("\n".join(" ".join(words[(i * i + j) % 4] for j in range(8)) for i in range(300)), encoding="utf-8")
    return file


def test_convnet(tmp_path):
    output = run("convnet", *DIGITS, "--limit", 1500, "--epochs", 2, "--save", "weights.pt", cwd=tmp_path)
    first, last = numbers(output, "loss")[:2]
    assert last < first / 2 and numbers(output, "test accuracy")[0] > 80
    assert "NOT MNIST" in output.splitlines()[0] and "NOT MNIST" in output.splitlines()[-2]
    assert (tmp_path / "weights.pt").stat().st_size > 100_000


def test_vae(tmp_path):
    output = run("vae", *DIGITS, "--limit", 2000, "--epochs", 2, "--hidden", 128, "--batch-size", 50, "--samples", "grid.png", cwd=tmp_path)
    first, last = numbers(output, "elbo")
    assert first < last < 0 and -300 < numbers(output, "test ELBO")[0] < -150
    assert_images(tmp_path, 12, 8)


def test_dcgan(tmp_path):
    output = run("dcgan", *DIGITS, "--limit", 320, "--epochs", 2, "--width", 8, "--samples", "grid.png", cwd=tmp_path)
    first, last = numbers(output, "discriminator")
    assert last < first and len(numbers(output, "generator")) == 2
    assert 1 <= numbers(output, "digit score")[0] <= 10 and 1 <= numbers(output, "of real digits")[0] <= 10
    assert_images(tmp_path, 8, 8)


def assert_images(folder, rows, columns):
    """One file, of 28 x 28 digits with 2 pixels between them: grid.png, or without Pillow a PPM that holds all its pixels."""
    height, width = 30 * rows + 2, 30 * columns + 2
    (file,) = folder.iterdir()
    content = file.read_bytes()
    if file.name == "grid.png":
        assert content[:4] == b"\x89PNG" and content[16:24] == width.to_bytes(4, "big") + height.to_bytes(4, "big")
    else:
        head = f"P6 {width} {height} 255\n".encode()
        assert file.name == "grid.ppm" and content.startswith(head) and len(content) == len(head) + 3 * width * height
    assert len(set(content[100:])) > 3, "more than one grey"


@pytest.mark.parametrize("example", ["gpt", "lstm"])
def test_text_is_learnt_and_written_from_a_checkpoint(example, a_text, tmp_path):
    sizes = ["--layers", 1, "--width", 32, "--context", 24]
    output = run(example, "--text", a_text, "--steps", 150, "--lr", 0.02, *sizes, "--save", "model.pt", "--length", 40, cwd=tmp_path)
    assert numbers(output, "test loss")[0] < 0.5 < numbers(output, "by frequency")[0]

    sample = ["--sample", "model.pt", "--length", 120, "--start", " bra", "--seed"]
    texts = [run(example, *sample, seed, cwd=tmp_path) for seed in (1, 1)]
    assert texts[0] == texts[1] and texts[0].startswith(" bra")
    written = texts[0].split("\n\n")[0].split()
    assert len(written) > 15 and sum(word in ("alpha", "bravo", "cedar", "dunes") for word in written) > 0.7 * len(written)

    assert "is no checkpoint" in run(example, "--sample", a_text, cwd=tmp_path, status=1)
    assert "never saw: 'Z'" in run(example, "--sample", "model.pt", "--start", "Z", cwd=tmp_path, status=1)


def test_resnet(tmp_path):
    output = run("resnet", *DIGITS, "--limit", 600, "--epochs", 4, "--width", 8, "--batch-size", 8, cwd=tmp_path)
    first, *_, last = numbers(output, "loss")
    assert last < first - 0.2 and numbers(output, "test accuracy")[0] > 15
    assert "NOT CIFAR-10" in output.splitlines()[0] and "NOT CIFAR-10" in output.splitlines()[-2]


def test_reinforce(tmp_path):
    output = run("reinforce", "--episodes", 60, "--test-episodes", 5, cwd=tmp_path)
    assert numbers(output, "mean return")[0] > 44, "twice as long as pushing at random, which falls after about 22 steps"


@pytest.mark.parametrize("example", EXAMPLES)
def test_help_is_complete(example, tmp_path):
    text = run(example, "--help", cwd=tmp_path)
    assert {"--seed", "--quiet"} < set(re.findall(r"^  (--[\w-]+)", text, re.M))
    files = [example, *(["text"] if example in ("gpt", "lstm") else [])]
    for name in re.findall(r"add\w*\(\"(--[\w-]+)\"", "".join((SCRIPTS / f"{f}.py").read_text(encoding="utf-8") for f in files)):
        assert name in text


def test_a_loss_that_is_no_number_stops_the_run(tmp_path):
    error = run("vae", *DIGITS, "--limit", 500, "--lr", "1e6", cwd=tmp_path, status=1)
    assert "vae: epoch 1/10:" in error and "Try a smaller learning rate" in error


def test_the_same_seed_gives_the_same_run(tmp_path):
    outputs = [run("vae", *DIGITS, "--limit", 200, "--epochs", 1, "--seed", seed, "--quiet", cwd=tmp_path) for seed in (1, 1, 2)]
    first, again, other = (numbers(output, "test ELBO") for output in outputs)
    assert first == again != other
    assert "epoch" not in outputs[0] and outputs[0].startswith("\ntest ELBO")
