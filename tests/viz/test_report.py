"""TrainingReport: what goes in comes out, in both formats, and what cannot work is said at once."""

import base64
import io
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

import minitorch_ndl as ndl

pytest.importorskip("matplotlib")

from minitorch_ndl.viz import TrainingReport, report_charts, report_page


class Page(HTMLParser):
    """The elements of a page: tags with attributes, tables as rows of texts, all text."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.tables, self.text, self.open, self.hidden = [], [], "", [], False
        self.feed(text)
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag in ("img", "meta"):
            return
        self.open.append(tag)
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.text += data
            if self.open and self.open[-1] in ("td", "th"):
                self.tables[-1][-1][-1] += data

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


LABELS = np.array([0, 1, 2, 0, 1, 2, 2])
SCORES = np.array([[5, 1, 0], [0, 5, 1], [0, 9, 1], [5, 0, 0], [0, 4, 0], [0, 2, 1], [0, 0, 8.0]])  # two are wrong: 2 taken for 1


def filled(*paths, **options):
    report = TrainingReport(*paths, title="A <title>", **options)
    for epoch in range(3):
        for step in range(20):
            report.step(ndl.tensor(2.0 / (1 + epoch + step)))
        report.epoch(train={"loss": 0.5 / (epoch + 1), "accuracy": 0.8 + epoch / 20}, test={"loss": 0.6, "accuracy": 0.75})
    images = np.arange(7 * 16).reshape(7, 4, 4).astype(np.uint8) * 2
    report.results(ndl.tensor(SCORES), ndl.tensor(LABELS), ndl.tensor(images), ["cat", "dog", "<b>"])
    report.weights(ndl.randn(5, 16, requires_grad=True), (4, 4))
    return report


@pytest.fixture
def written(tmp_path):
    report = filled(tmp_path / "r.html", tmp_path / "r.png", data="Made up & small.", warning="NOT REAL\nfor the test",
                    facts={"lr": 0.1, "name": "<x>"})
    report.note = "Interrupted."
    report.save()
    return tmp_path


def test_page(written):
    text = (written / "r.html").read_text(encoding="utf-8")
    page = Page(text)
    assert page.all("html") == [{"lang": "en"}] and text.count("<h1>") == 1
    for words in ("A <title>", "Made up & small.", "NOT REAL", "for the test", "Interrupted.", "<x>", "90.00%"):
        assert words in page.text, words
    epochs, matrix = page.tables
    assert epochs[0] == ["epoch", "train loss", "test loss", "train accuracy", "test accuracy"]
    assert epochs[1:] == [["1", "0.5", "0.6", "80.00%", "75.00%"], ["2", "0.25", "0.6", "85.00%", "75.00%"],
                          ["3", "0.1667", "0.6", "90.00%", "75.00%"]]
    assert matrix == [["", "cat", "dog", "<b>"], ["cat", "2", "", ""], ["dog", "", "2", ""], ["<b>", "", "2", "1"]]
    assert "5 of 7 are right. Most often, <b> is taken for dog: 2 times." in page.text
    # The wrong ones, the surest first, as images that say what they are.
    examples = [a for a in page.all("img") if a["class"] == "ink"]
    assert [a["alt"] for a in examples] == ["Number 2: it is <b>, taken for dog", "Number 5: it is <b>, taken for dog"]
    assert np.array_equal(pixels(examples[0]["src"])[..., 3], np.arange(32, 48).reshape(4, 4) * 2)
    assert all(a.get("alt") for a in page.all("img"))
    drawings = page.all("svg")
    assert len(drawings) == 4 and all(a["role"] == "img" and len(a["aria-label"]) > 30 for a in drawings)


def pixels(url):
    from PIL import Image

    head, data = url.split(",", 1)
    assert head == "data:image/png;base64"
    return np.array(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGBA"))


def test_the_page_needs_nothing_else(written):
    text = (written / "r.html").read_text(encoding="utf-8")
    assert "<script" not in text and "@import" not in text and "<link" not in text
    outside = re.findall(r"""(?:src|href)\s*=\s*["'](?!data:|#)([^"']*)|url\((?!#)([^)]*)\)""", text)
    assert not outside
    assert not re.search("#01020[0-9]", text), "a colour that stands for a role was left"


def test_picture(written):
    from PIL import Image

    image = Image.open(written / "r.png")
    assert image.width == 1320 and image.height > 1000
    colours = np.array(image.convert("RGB")).reshape(-1, 3)
    assert (colours == [164, 14, 38]).all(1).any(), "the warning's red"
    assert not list(written.glob(".*")), "no half file left"


def test_the_same_report_gives_the_same_file(written, tmp_path):
    first = (written / "r.html").read_bytes()
    ndl.manual_seed(0)
    report = filled(tmp_path / "r.html", data="Made up & small.", warning="NOT REAL\nfor the test", facts={"lr": 0.1, "name": "<x>"})
    report.note = "Interrupted."
    report.save()
    assert (tmp_path / "r.html").read_bytes() == first


@pytest.mark.parametrize("fill", [
    lambda r: None, lambda r: r.step(1.0), lambda r: [r.step(x) for x in (1.0, float("nan"), float("inf"), 2.0)],
    lambda r: [r.step(x) for x in [float("nan")] * 3], lambda r: [r.step(i) for i in range(1000)],
    lambda r: r.epoch(train={"loss": 1.0}), lambda r: (r.epoch(train={"loss": float("nan")}), r.epoch(test={"loss": 3, "f1": 0.5})),
    lambda r: r.epoch(**{f"s{i}": {"accuracy": i / 10} for i in range(6)}),
    lambda r: r.results(ndl.eye(3), [0, 1, 2]), lambda r: r.results(ndl.eye(3), [0, 1, 2], ndl.rand(3, 5, 5)),
    lambda r: r.results(ndl.zeros(0, 3), ndl.zeros(0).long(), ndl.zeros(0, 4, 4)),
    lambda r: r.results(ndl.eye(3) * float("nan"), [0, 1, 2], ndl.rand(3, 1, 5, 5)),
    lambda r: r.results(ndl.randn(99, 40), ndl.arange(99) % 40, ndl.randn(99, 3, 6, 4)),
    lambda r: r.weights(ndl.randn(9, 3, 5, 5)), lambda r: r.weights(ndl.zeros(2, 12), (3, 4))])
def test_parts_of_it_and_odd_values(tmp_path, fill):
    report = TrainingReport(tmp_path / "r.html", tmp_path / "r.png")
    fill(report)
    report.save()
    page = Page((tmp_path / "r.html").read_text(encoding="utf-8"))
    assert page.all("h1") and (tmp_path / "r.png").stat().st_size > 1000


def test_results_take_probabilities_and_scores():
    report = TrainingReport("x.png")
    scores = ndl.tensor([[2.0, 0.0], [1.0, 3.0], [0.0, 1.0]])
    sure = []
    for given in (scores, ndl.softmax(scores, 1), ndl.log_softmax(scores, 1)):
        report.results(given, [0, 0, 1])
        sure.append(report.tested.certainty)
        assert report.tested.predicted.tolist() == [0, 1, 1] and report.tested.wrong.tolist() == [1]
        assert report.tested.confusion.tolist() == [[1, 1], [0, 1]] and report.tested.worst() == (0, 1)
    assert np.allclose(sure, ndl.softmax(scores, 1).max(1).values.numpy(), atol=1e-6)


def test_smoothing():
    losses = np.random.RandomState(0).rand(1000).tolist()
    middle, mean, low, high = report_charts.smoothed(losses, 100)
    assert len(mean) == 100 and middle[0] == 5.5 and mean[3] == pytest.approx(np.mean(losses[30:40]))
    assert (low < mean).all() and (mean < high).all()
    middle, mean, *_ = report_charts.smoothed([3.0, 1.0])
    assert middle.tolist() == [1, 2] and mean.tolist() == [3, 1], "few are shown as they are"


def test_the_strongest_weights_are_shown():
    report = TrainingReport("x.png")
    weight = ndl.ones(10, 4) * ndl.arange(10)[:, None] * ndl.tensor([1.0, -1.0, 1.0, -1.0])
    report.weights(weight, (2, 2), most=3)
    assert report.kernels[:, 0, 0].tolist() == [7, 8, 9] and report.kernel_count == 10
    picture = report_charts.kernels(report.kernels, 2)
    assert picture.shape == (5, 5, 4) and picture[2, :, 3].max() == 0  # a clear line between
    (orange, blue) = picture[0, 0], picture[0, 1]
    assert orange[0] > orange[2] and blue[2] > blue[0]


def test_curves_go_on_from_a_checkpoint(tmp_path):
    first = filled(tmp_path / "a.html")
    ndl.save(first.state_dict(), tmp_path / "c.pt")
    second = TrainingReport(tmp_path / "b.html")
    second.load_state_dict(ndl.load(tmp_path / "c.pt"))
    second.step(0.5)
    second.epoch(test={"loss": 0.1})
    assert len(second.losses) == 61 and second.epochs[:3] == first.epochs
    assert second.epochs[3] == {"epoch": 4, "steps": 61, "splits": {"test": {"loss": 0.1}}}
    second.save()


@pytest.mark.parametrize(("make", "kind", "words"), [
    (lambda folder: TrainingReport(), ValueError, "no file named"),
    (lambda folder: TrainingReport(folder / "x.pdf"), ValueError, r"\.html or \.png"),
    (lambda folder: TrainingReport(folder / "x.html", folder / "no" / "x.png"), OSError, "mkdir -p"),
    (lambda folder: TrainingReport("/proc/x.html"), OSError, "where you may|no folder"),
    (lambda folder: TrainingReport("x.png").results(ndl.ones(3), [1, 2, 3]), ValueError, r"expected scores \(N, K\)"),
    (lambda folder: TrainingReport("x.png").results(ndl.ones(3, 2), [0, 1, 2]), ValueError, "labels go from 0 to 2"),
    (lambda folder: TrainingReport("x.png").results(ndl.ones(3, 2), [0, 1, 1], ndl.ones(2, 4, 4)), ValueError, "and 2 images"),
    (lambda folder: TrainingReport("x.png").results(ndl.ones(3, 2), [0, 1, 1], ndl.ones(3, 16)), ValueError, "reshape"),
    (lambda folder: TrainingReport("x.png").results(ndl.ones(3, 2), [0, 1, 1], classes=["a"]), ValueError, "1 names for 2"),
    (lambda folder: TrainingReport("x.png").weights(ndl.ones(3, 16)), ValueError, "give their shape"),
    (lambda folder: TrainingReport("x.png").weights(ndl.ones(3, 16), (3, 4)), ValueError, r"no images of shape \(3, 4\)"),
])
def test_refusals(tmp_path, make, kind, words):
    with pytest.raises(kind, match=words):
        make(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_folder_is_no_file(tmp_path):
    (tmp_path / "x.html").mkdir()
    with pytest.raises(IsADirectoryError, match="name a file in it"):
        TrainingReport(tmp_path / "x.html")


def test_a_failure_while_writing_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "r.html"
    path.write_text("old")
    report = filled(path)
    monkeypatch.setattr(os, "replace", lambda *a: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError, match="full"):
        report.save()
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_the_users_own_settings_do_not_matter_and_stay(tmp_path):
    import matplotlib

    with matplotlib.rc_context({"font.size": 40, "svg.fonttype": "path", "axes.facecolor": "green"}):
        report = filled(tmp_path / "r.html")
        report.save()
        assert matplotlib.rcParams["font.size"] == 40
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "008000" not in text and ">train</text>" in text


def test_without_matplotlib_it_says_what_to_install(tmp_path):
    code = "import sys; sys.modules['matplotlib'] = None; import minitorch_ndl as ndl; ndl.viz.TrainingReport('x.html')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, timeout=60,
                          env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])})
    assert "ImportError" in done.stderr and "minitorch-ndl[viz]" in done.stderr and not list(tmp_path.iterdir())


def luminance(colour):
    parts = [int(colour[i:i + 2], 16) / 255 for i in (1, 3, 5)]
    return np.dot([0.2126, 0.7152, 0.0722], [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts])


@pytest.mark.parametrize("dark", [False, True])
def test_contrast(dark):
    """As WCAG 2.2 reckons it: 4.5 for text, also on the deepest shade of a cell."""
    colours = report_charts.DARK if dark else report_charts.LIGHT
    page, box, alarm = [re.findall(rf"--{name}:(#\w+)", report_page._STYLE)[dark] for name in ("page", "box", "alarm")]
    page = "#ffffff" if page == "#fff" else page

    def contrast(a, b):
        high, low = sorted((luminance(a), luminance(b)), reverse=True)
        return (high + 0.05) / (low + 0.05)

    def mixed(colour, share):
        pairs = zip(*(bytes.fromhex(c[1:]) for c in (colour, page)), strict=True)
        return "#" + bytes(round(a * share + b * (1 - share)) for a, b in pairs).hex()

    for role in ("ink", "soft", "first", "second", "third", "fourth"):
        assert contrast(colours[role], page) >= 4.5, role
    assert contrast(colours["ink"], box) >= 4.5 and contrast(colours["soft"], box) >= 4.5
    assert contrast("#ffffff", alarm) >= 4.5
    deepest = {right: int(report_page._shade(1, right)[:-1]) / 100 for right in (True, False)}
    for role, right in (("first", True), ("second", False)):
        assert contrast(colours["ink"], mixed(colours[role], deepest[right])) >= 4.5
