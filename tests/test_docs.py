"""Every ```python block of README.md and of the pages under docs/ runs, and what it shows is what happens.

The blocks of one page share their names, as in a notebook. A block with `>>>` is a doctest; any other is run
as it stands. "```python picture" marks one that draws, and needs the libraries for that; "```python not-run" the rare
block that can't be run. The site is built with the same code, which is docs/_ext/pages.py.
"""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
sys.path.append(str(ROOT / "docs" / "_ext"))
from pages import Mismatch, line_of, links, run_page  # noqa: E402

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_page(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_page(page)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_within_the_project_lead_somewhere(page):
    for target, name in links(page):
        file = page.parent / target
        assert file.exists(), target
        if name and file.suffix == ".py":
            line_of(file.resolve(), name)  # raises LookupError, with the name, where it is gone


def test_a_link_to_a_name_that_is_gone_is_noticed():
    engine = ROOT / "minitorch_ndl" / "autograd" / "engine.py"
    source = engine.read_text(encoding="utf-8").splitlines()
    assert source[line_of(engine, "_Pass.walk") - 1].startswith("    def walk(")
    assert source[line_of(engine, "unbroadcast") - 1].startswith("def unbroadcast(")
    with pytest.raises(LookupError, match=r"engine\.py defines no '_Pass\.run'"):
        line_of(engine, "_Pass.run")


def test_what_a_page_shows_is_checked(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("```python\nx = 1\n```\ntext\n```python\n>>> x + 1\n2\n>>> x\n3\n```\n")
    with pytest.raises(Mismatch, match=r'page.md", line 8,(.*\n)+Expected:\n    3\nGot:\n    1'):
        run_page(page)
    page.write_text("```python\nx = 1\n```\ntext\n```python\nassert x == 2\n```\n")
    with pytest.raises(AssertionError):
        run_page(page)


def test_a_picture_may_lack_its_libraries_and_nothing_else(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("```python picture A plot\nimport no_such_library\n```\n```python\nx = 1\n```\n")
    run_page(page)
    page.write_text("```python picture A plot\n1 / 0\n```\n")
    with pytest.raises(ZeroDivisionError):
        run_page(page)
    page.write_text("```python\nimport no_such_library\n```\n")
    with pytest.raises(ImportError):
        run_page(page)
