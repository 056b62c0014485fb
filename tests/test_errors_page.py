"""docs/errors.md says what happens: each wrong piece of code brings the message that stands there, and each fix works."""

import importlib.util
from pathlib import Path

import pytest

from minitorch_ndl import backend

ROOT = Path(__file__).parents[1]


def load_script():
    spec = importlib.util.spec_from_file_location("make_errors_page", ROOT / "scripts" / "make_errors_page.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(autouse=True)
def no_fake_device(monkeypatch):
    """Other tests may have registered one, which an error about devices would name."""
    monkeypatch.delitem(backend._by_device, "fake", raising=False)


script = load_script()
PAGE = script.PAGE.read_text(encoding="utf-8")
CASES = list(script.CASE.finditer(PAGE))
each_case = pytest.mark.parametrize("case", CASES, ids=[case["title"] for case in CASES])


def test_every_case_is_found():
    assert len(CASES) == PAGE.count("```python not-run") == PAGE.count("\n### ") >= 40
    assert [case["title"].split(".")[0] for case in CASES] == [str(i) for i in range(1, len(CASES) + 1)]


@each_case
def test_what_the_page_says_of_us(case):
    assert script.kept(case["said"])[script.OURS] == script.happens(case["wrong"], script.OURS) != ""


@each_case
def test_the_fix_works(case):
    lines, error = script.run(case["fixed"], script.OURS)
    assert error is None, error
    assert not [line for line in lines if "Warning" in line]


def test_writing_the_page_again_changes_nothing():
    assert script.filled(PAGE, []) == PAGE


def test_a_page_out_of_step_is_filled_in_anew():
    stale = PAGE.replace("RuntimeError: ", "RuntimeError: formerly ")
    fresh = script.filled(stale, [script.OURS])
    assert all(script.kept(case["said"])[script.OURS] == script.kept(new["said"])[script.OURS]
               for case, new in zip(CASES, script.CASE.finditer(fresh), strict=True))
    assert "**PyTorch**\n\n```text\nRuntimeError: formerly" in fresh  # what was not run stays as it was


def test_state_does_not_leak_between_the_pieces(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert script.run("ndl.save(ndl.ones(2), 'x.pt'); y = 1", script.OURS) == ([], None)
    assert isinstance(script.run("y", script.OURS)[1], NameError)
    assert list(tmp_path.iterdir()) == [] and Path.cwd() == tmp_path


def test_what_the_page_says_that_the_package_notices():
    """The flag, on the code of the page's own case; and the bytes that a sum of losses holds."""
    (forgotten,) = [case["wrong"] for case in CASES if "zero_grad" in case["title"]]
    assert "warn_on_accumulation" in PAGE and "held_bytes" in PAGE
    watched = forgotten.replace("    losses = []", "    optimizer.warn_on_accumulation = True\n    losses = []")
    lines, error = script.run(watched, script.OURS)
    assert error is None and len([line for line in lines if "zero_grad" in line and "Warning" in line]) == 1
    (kept,) = [case["wrong"] for case in CASES if "item()` forgotten" in case["title"]]
    lines, error = script.run(kept.replace("total += loss", "total += loss; print(ndl.autograd.graph.held_bytes(total))"),
                              script.OURS)
    held = [int(line) for line in lines[:3]]
    assert error is None and held[0] < held[1] < held[2]
