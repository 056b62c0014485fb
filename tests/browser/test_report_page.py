"""The page of a training report, in a browser."""

import numpy as np
import pytest

import minitorch_ndl as ndl

pytest.importorskip("matplotlib")


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    data = ndl.datasets.load("digits")
    path = tmp_path_factory.mktemp("report") / "report.html"
    report = ndl.viz.TrainingReport(path, title="Digits", data=data.source, warning=f"NOT MNIST\n{data.notice}",
                                    facts={"learning rate": 0.1, "hidden": 64})
    draw = np.random.RandomState(0)
    for epoch in range(1, 9):
        for step in range(100):
            report.step(2.3 / (epoch + step / 100) ** 2 * draw.uniform(0.5, 1.5))
        report.epoch(train={"loss": 0.5 / epoch, "accuracy": 1 - 0.2 / epoch}, test={"loss": 0.6 / epoch, "accuracy": 1 - 0.3 / epoch})
    scores = np.eye(10)[data.test_labels] * 2 + draw.rand(len(data.test_labels), 10) * 2.5
    report.results(scores, data.test_labels, data.test_images)
    report.weights(draw.randn(64, 784), (28, 28))
    report.save()
    return path


def test_it_fits_and_is_complete(browser_page, path, screen):
    page = browser_page(path, screen)
    assert page.evaluate("document.documentElement.scrollWidth") <= screen.width, "the page scrolls sideways"
    assert page.locator("h1").inner_text() == "Digits" and page.locator(".warning").inner_text().startswith("NOT MNIST")
    assert page.locator("h2").count() == 5
    # Every image has arrived and every drawing that is shown has a size, and lies inside the page.
    assert page.evaluate("[...document.images].every(i => i.complete && i.naturalWidth > 0)")
    boxes = [d.bounding_box() for d in page.locator("figure svg").all() if d.is_visible()]
    assert len(boxes) == 3 and all(b["width"] > 300 and b["height"] > 150 and b["x"] + b["width"] <= screen.width for b in boxes)
    assert sum(d.is_visible() for d in page.locator("img.weights").all()) == 1
    assert page.locator(".examples img").count() == 60


def test_texts_in_drawings_can_be_read(browser_page, path, screen):
    page = browser_page(path, screen)
    heights = page.evaluate("""[...document.querySelectorAll('figure svg text')].map(t => t.getBoundingClientRect().height)
                                .filter(h => h > 0)""")
    assert len(heights) > 20 and min(heights) >= 9
    colour = page.evaluate("getComputedStyle(document.querySelector('figure svg text')).fill")
    light = sum(int(c) for c in colour[4:-1].split(",")) > 3 * 128
    assert light is screen.dark, "texts take the page's colours"


def test_the_numbers_open_with_the_keyboard(browser_page, path):
    page = browser_page(path)
    assert not page.get_by_role("cell", name="96.25%").is_visible()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.tagName") == "SUMMARY"
    page.keyboard.press("Enter")
    assert page.get_by_role("cell", name="96.25%").is_visible()  # the eighth epoch's test accuracy
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Figures of each epoch"


def test_what_a_screen_reader_is_told(browser_page, path):
    page = browser_page(path)
    charts = [page.get_by_role("img", name=name) for name in ("Line chart: loss after each of 8 epochs",
                                                              "Line chart: accuracy after each of 8 epochs",
                                                              "Line chart: the loss of each of 800 steps")]
    assert all(chart.count() == 1 for chart in charts)
    assert page.get_by_role("columnheader", name="9").count() == page.get_by_role("rowheader", name="9").count() == 1
    assert page.evaluate("[...document.images].every(i => i.alt.length > 10)")
    assert page.get_by_role("note").count() == 1
