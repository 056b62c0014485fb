"""Pages opened in a real browser: Debian's Chromium (or the one that $CHROMIUM names), driven by playwright."""

import os
from pathlib import Path

import pytest

from tests.browser.look import SCREENS, chromium, find_chromium, open_page


@pytest.fixture(params=SCREENS, ids=str)
def screen(request):
    """Runs a test four times: 1280 and 400 pixels wide, in light and in dark. Hand it to `browser_page`."""
    return request.param


@pytest.fixture(scope="module")
def browser():
    """One Chromium for all tests of a file."""
    pytest.importorskip("playwright.sync_api", reason="tests in a browser need playwright: pip install '.[browser]'")
    if find_chromium() is None:
        pytest.skip("tests in a browser need Chromium: apt install chromium")
    with chromium() as running:
        yield running


@pytest.fixture
def browser_page(browser, request):
    """Open a file in Chromium: ``page = browser_page(path, screen)``; `screen` is a `Screen(width, dark)`, or left out.

    What comes is playwright's Page: ``page.click("#run")``, ``page.fill("input", "x")``, ``page.keyboard.press("Space")``,
    ``page.locator(".node").count()``, ``page.evaluate("document.title")``; keyword arguments go to `new_context`
    (``reduced_motion="reduce"``, ``has_touch=True``). The test fails if the console has an error, an exception is
    not caught, or a request would leave the machine. To look while developing: ``SHOTS=/tmp/shots pytest tests/browser``
    leaves a picture of every page as it was at the end of its test.
    """
    opened = []

    def open_file(path, screen=None, **options):
        page, troubles = open_page(browser, path, screen, **options)
        opened.append((page, troubles))
        return page

    yield open_file
    found = []
    for number, (page, troubles) in enumerate(opened):
        if "SHOTS" in os.environ:
            folder = Path(os.environ["SHOTS"])
            folder.mkdir(parents=True, exist_ok=True)
            page.screenshot(path=folder / f"{request.node.name.replace('/', '-')}-{number}.png")
        page.context.close()
        found += troubles
    assert not found, "\n".join(found)
