"""Every ```python block of README.md and of the pages under docs/ runs, and what it shows is what happens.

The blocks of one page share their names, as in a notebook. A block with `>>>` is a doctest; any other is run
as it stands. "```python not-run" marks the rare block that can't be.
"""

import doctest
import re
from pathlib import Path

import numpy as np
import pytest

import minitorch_ndl as ndl

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")


def run_page(page):
    text = page.read_text(encoding="utf-8")
    names = {"__name__": "__page__", "ndl": ndl, "np": np}
    for block in BLOCK.finditer(text):
        code, lines_above = block[1], text.count("\n", 0, block.start(1))
        if ">>>" in code:
            test = doctest.DocTestParser().get_doctest(code, names, page.name, str(page), lines_above)
            report = []
            runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.ELLIPSIS)
            if runner.run(test, out=report.append, clear_globs=False).failed:
                pytest.fail("".join(report), pytrace=False)
            names = test.globs
        else:
            exec(compile("\n" * lines_above + code, str(page), "exec"), names)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_page(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_page(page)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_within_the_project_lead_somewhere(page):
    targets = LINK.findall(page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_what_a_page_shows_is_checked(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("```python\nx = 1\n```\ntext\n```python\n>>> x + 1\n2\n>>> x\n3\n```\n")
    with pytest.raises(pytest.fail.Exception, match=r'page.md", line 8,(.*\n)+Expected:\n    3\nGot:\n    1'):
        run_page(page)
    page.write_text("```python\nx = 1\n```\ntext\n```python\nassert x == 2\n```\n")
    with pytest.raises(AssertionError):
        run_page(page)
