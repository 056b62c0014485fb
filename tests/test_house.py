"""The house rules that a machine can check."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def test_no_file_is_too_long():
    too_long = {}
    for folder in ("minitorch_ndl", "tests", "scripts"):
        for file in (ROOT / folder).rglob("*.py"):
            lines = len(file.read_text(encoding="utf-8").splitlines())
            if lines > 600:
                too_long[str(file.relative_to(ROOT))] = lines
    assert not too_long, f"over 600 lines, each a room to divide: {too_long}"


def test_every_folder_of_the_package_is_a_package():
    """A folder without an __init__.py imports here, but is left out of a wheel."""
    folders = {file.parent for file in (ROOT / "minitorch_ndl").rglob("*.py")}
    assert [folder for folder in folders if not (folder / "__init__.py").exists()] == []


LEAKS = {
    "grad mode": "ndl.set_grad_enabled(False)",
    "the default dtype": "ndl.set_default_dtype(ndl.float64)",
    "anomaly detection": "ndl.autograd.set_detect_anomaly(True)",
}


@pytest.mark.parametrize("state", LEAKS)
def test_a_leak_of_global_state_fails_the_test_that_leaks(tmp_path, state):
    # The second leak is noticed only if the first was undone, and so did not spread.
    tests = [f"def test_{i}(): {LEAKS[state]}" for i in (1, 2)]
    (tmp_path / "test_it.py").write_text("\n".join(["import minitorch_ndl as ndl", *tests]))
    shutil.copy(ROOT / "conftest.py", tmp_path)
    options = ["--rootdir", tmp_path, "-p", "no:cacheprovider", "-rN", "--tb=line"]
    command = [sys.executable, "-m", "pytest", *options, tmp_path]
    output = subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout
    assert output.count(f"Failed: this test leaves {state} changed") == 2, output
