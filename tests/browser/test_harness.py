"""What opens the pages has to notice what is wrong with them."""

import pytest

from tests.browser.look import Screen, open_page

PAGE = "<!doctype html><title>t</title><button onclick=\"this.textContent = 'clicked'\">press</button><input>"


def written(tmp_path, extra=""):
    path = tmp_path / "page.html"
    path.write_text(PAGE + extra, encoding="utf-8")
    return path


def test_a_page_can_be_used(browser_page, screen, tmp_path):
    page = browser_page(written(tmp_path), screen)
    page.click("button")
    page.fill("input", "typed")
    assert page.inner_text("button") == "clicked" and page.input_value("input") == "typed"
    assert page.evaluate("innerWidth") == screen.width
    assert page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches") is screen.dark


@pytest.mark.parametrize(("extra", "word"), [
    ("<script src='https://example.org/x.js'></script>", "leaves the machine: https://example.org"),
    ("<script>fetch('http://example.org/data').catch(() => 0)</script>", "leaves the machine: http://example.org"),
    ("<link rel='stylesheet' href='missing.css'>", "failed to load"),
    ("<script>undefined_name</script>", "uncaught"),
    ("<script>console.error('oh')</script>", "console: oh"),
])
def test_troubles_are_noticed(browser, tmp_path, extra, word):
    page, troubles = open_page(browser, written(tmp_path, extra), Screen(400))
    page.wait_for_timeout(100)
    page.context.close()
    assert any(word in t.lower() for t in troubles), troubles
