"""The documentation site in a browser: nothing leaves the machine, nothing is wider than the window, search finds.

The site is the one in $SITE (as `python -m sphinx ... docs $SITE` made it), or build/docs; skipped where there is none.
"""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SITE = Path(os.environ.get("SITE", ROOT / "build" / "docs"))
PAGES = ["index", "quickstart", "reading", "ops", "errors", "compatibility", "insight-memory", "lessons/autograd", "lessons/attention",
         "api/index", "api/elementwise", "api/nn"]

pytestmark = pytest.mark.skipif(not (SITE / "index.html").exists(), reason="no site: python -m sphinx -b html docs build/docs")


@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_its_window(browser_page, screen, name):
    page = browser_page(SITE / f"{name}.html", screen)
    assert page.locator("h1").first.is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= screen.width


def test_every_picture_of_a_lesson_is_there(browser_page, screen):
    page = browser_page(SITE / "lessons" / "autograd.html", screen)
    plot = page.locator("figure.picture svg").first
    plot.scroll_into_view_if_needed()
    assert plot.bounding_box()["height"] > 100
    frame = page.locator("figure.picture iframe").first
    frame.scroll_into_view_if_needed()
    graph = page.frame_locator("figure.picture iframe").first
    graph.locator("svg").first.wait_for()


def test_plots_take_the_ink_of_the_page(browser_page):
    """The colour of a plot's letters, and of the page's own."""
    colours = """() => {
        const text = document.querySelector('figure.picture svg text');
        return [getComputedStyle(text).fill, getComputedStyle(document.querySelector('article p')).color]
    }"""
    seen = set()
    for scheme in ("light", "dark"):
        page = browser_page(SITE / "lessons" / "autograd.html")
        page.emulate_media(color_scheme=scheme)
        page.wait_for_timeout(300)
        ink, own = page.evaluate(colours)
        assert ink == own
        seen.add(ink)
    assert len(seen) == 2


def test_formulas_are_drawn(browser_page):
    page = browser_page(SITE / "ops.html")
    assert page.locator("td math").count() > 150
    square_root = page.locator("tr", has=page.get_by_role("link", name="ndl.sqrt", exact=True)).locator("math mfrac")
    assert square_root.bounding_box()["height"] > 15


def test_search_finds_an_operation(browser_page):
    page = browser_page((SITE / "search.html").resolve().as_uri() + "?q=logsumexp")
    page.locator("ul.search li a").first.wait_for()
    assert any("logsumexp" in text or "API" in text or "Operations" in text
               for text in page.locator("ul.search li").all_inner_texts())


def test_a_link_to_the_source_leads_to_the_line(browser_page, screen):
    page = browser_page(SITE / "reading.html", screen)
    page.get_by_role("link", name="walk", exact=True).first.click()
    page.wait_for_url("**/source/minitorch_ndl/autograd/engine.html#L-*")
    line = page.locator(":target")
    assert line.inner_text().strip().endswith("def walk(self) -> None:")
    assert line.is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= screen.width


def test_source_of_an_operation_is_its_kernel(browser_page):
    page = browser_page(SITE / "api" / "elementwise.html")
    page.locator("dt[id='minitorch_ndl.sinh'] a.to-source").click()
    page.wait_for_url("**/source/minitorch_ndl/ops/unary.html#L-*")
    assert "F.cosh(input)" in page.locator(":target").inner_text()
