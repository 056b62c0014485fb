"""The page of `viz.graph` in a real browser: walked through by mouse and by keyboard, in light and dark, wide and narrow."""

import re
from xml.etree import ElementTree

import pytest

import minitorch_ndl as ndl
from minitorch_ndl import nn

pytest.importorskip("igraph", reason="viz.graph needs igraph: pip install '.[viz]'")
pytest.importorskip("mpld3", reason="viz.graph needs mpld3: pip install '.[viz]'")

CALM = {"reduced_motion": "reduce"}  # things move at once


@pytest.fixture(scope="module")
def pictures():
    """A deep model; and a small one, with broadcasting and sums."""
    ndl.manual_seed(0)
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(16, 2, 32, batch_first=True, dropout=0.0), 12)
    deep = ndl.viz.graph(encoder(ndl.randn(2, 5, 16)).pow(2).sum(), params=encoder)
    x, b = ndl.randn(2, 3, requires_grad=True), ndl.randn(3, requires_grad=True)
    y = x * b + x
    small = ndl.viz.graph((y.exp() + y * b).sum(), params={"x": x, "b": b}, tensors={"y": y})
    net = nn.Sequential(nn.Linear(20, 16), nn.ReLU(), nn.Linear(16, 4))
    mlp = ndl.viz.graph(nn.CrossEntropyLoss()(net(ndl.randn(8, 20)), ndl.randint(0, 4, (8,))), params=net)
    return {"deep": deep, "small": small, "mlp": mlp}


@pytest.fixture(scope="module")
def files(pictures, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    for name, picture in pictures.items():
        picture.save(folder / f"{name}.html")
    return {name: folder / f"{name}.html" for name in pictures}


def thing(page, label):
    """What is drawn with a label for readers aloud that begins with `label`."""
    return page.locator(f'#things [aria-label^="{label}"]').first


def show(page, path):
    """Bring a module's box to the middle of the picture."""
    page.evaluate("path => go(N.findIndex(n => n.k === 'group' && n.path === path))", path)


def is_seen(page, kind):
    """Whether the middle of the thing in this state ("chosen", "now") is in sight: what the mouse would hit there."""
    return page.evaluate("""kind => {
        const g = document.querySelector("#things .thing." + kind), r = g.getBoundingClientRect();
        return g.contains(document.elementFromPoint(r.x + r.width / 2, r.y + r.height / 2)); }""", kind)


@pytest.mark.parametrize("name", ["deep", "small", "mlp"])
def test_it_opens(browser_page, files, screen, name):
    page = browser_page(files[name], screen, **CALM)
    assert page.locator("g.thing").count() > 5
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth && document.documentElement.scrollHeight <= innerHeight")
    canvas = page.locator("#canvas").bounding_box()
    assert canvas["height"] > 400  # of 800
    box = page.locator("#world").bounding_box()
    assert box["y"] >= canvas["y"] and box["x"] < canvas["x"] + canvas["width"] / 2 < box["x"] + box["width"]
    scale = page.evaluate("view().k")
    assert scale > .6  # readable
    assert page.inner_text("#held").startswith("Graph holds 0 B")


def test_a_click_opens_a_box_and_another_closes_it(browser_page, files, screen):
    page = browser_page(files["deep"], screen, **CALM)
    show(page, "layers.2")
    before = page.locator("g.thing").count()
    thing(page, "2, closed box").click()
    assert page.locator('#boxes [aria-label^="layers.2, open box"]').count() == 1
    assert page.locator("g.thing").count() > before
    if screen.width > 820:
        assert page.inner_text("#panel h2") == "layers.2" and "TransformerEncoderLayer" in page.inner_text("#panel")
    page.locator('#boxes [aria-label^="layers.2, open box"]').click(position={"x": 8, "y": 8})
    assert page.locator("g.thing").count() == before


def test_a_click_on_an_operation_tells_about_it(browser_page, files, screen):
    page = browser_page(files["small"], screen, **CALM)
    thing(page, "y = add, operation").click()
    panel = page.inner_text("#panel")
    for text in ("y = add", "AddBackward", "(2, 3) float32, norm", "Sum of gradients", "used 2 times", "Gradient that arrives",
                 "Kept for backward: 0 B", "Used by"):
        assert text in panel, text
    assert page.locator("#panel svg.histogram rect").count() > 3 and page.locator("#panel svg.histogram.grad rect").count() > 0
    assert is_seen(page, "chosen")  # not hidden by the details
    page.locator("#panel button.go", has_text="exp").click()
    assert page.inner_text("#panel h2") == "exp" and "Kept for backward: 24 B" in page.inner_text("#panel")
    assert "g * out" in page.inner_text("#panel pre")
    page.evaluate("sheet(false), fit(true)")
    thing(page, "mul, operation").click()
    panel = page.inner_text("#panel")
    assert "Broadcasting." in panel and "other (3) was stretched to (2, 3)" in panel and "other" in page.inner_text("#panel pre >> nth=0")
    if screen.width < 820:
        page.click("#shut")
        assert not page.locator("#panel").is_visible()
        page.click("#help")
    else:
        page.click("#help")
    assert "How to read this" in page.inner_text("#panel")


def test_search_finds_opens_and_selects(browser_page, files, screen):
    page = browser_page(files["deep"], screen, **CALM)
    page.keyboard.press("/")
    page.keyboard.type("layers.4 linear1 weight")
    assert page.locator("#found [role=option]").all_inner_texts()[0].split()[0] == "layers.4.linear1.weight"
    page.keyboard.press("Enter")
    assert page.inner_text("#panel h2") == "layers.4.linear1.weight"
    assert page.locator("g.thing.chosen").get_attribute("aria-label").startswith("weight, leaf")
    assert page.evaluate("document.activeElement.classList.contains('chosen')")
    page.wait_for_timeout(200)
    assert is_seen(page, "chosen")
    page.fill("#search", "there is no such thing")
    assert page.inner_text("#found") == "Nothing has this name."
    page.keyboard.press("Escape")
    assert not page.locator("#found").is_visible()


def test_the_player_goes_through_forward_and_backward(browser_page, files, screen, pictures):
    page = browser_page(files["mlp"], screen, **CALM)
    count, held = len(pictures["mlp"].order), []
    lit = []
    for _ in range(count):
        page.keyboard.press("ArrowRight")
        lit.append(page.locator("g.thing.now").get_attribute("aria-label").split(",")[0])
        held.append(page.evaluate("heldAt(now)"))
        assert f"Forward {len(lit)} of {count}." in page.inner_text("#story")
        assert not page.locator("g.note").count()
    assert lit == pictures["mlp"].order[::-1] and held[-1] == pictures["mlp"].held_bytes and held == sorted(held)
    page.keyboard.press("ArrowRight")
    assert "Backward begins. The gradient of the result with respect to itself is 1." in page.inner_text("#story")
    lit = []
    for _ in range(count):
        page.keyboard.press("ArrowRight")
        lit.append(page.locator("g.thing.now").get_attribute("aria-label").split(",")[0])
        held.append(page.evaluate("heldAt(now)"))
        notes = page.locator("g.note text").all_text_contents()
        assert notes and all("‖g‖" in note or re.match(r"[-\d.]", note) for note in notes)
        assert len(notes) == page.evaluate("N[opAt(now)].src.length")  # one for each edge
        assert page.locator("path.flows-backward").count() >= len(notes)
        assert is_seen(page, "now")
    assert lit == pictures["mlp"].order
    falling = held[count - 1:]
    assert falling == sorted(falling, reverse=True) and falling[-1] == 0 and len(set(falling)) > 2
    page.keyboard.press("ArrowRight")
    assert page.inner_text("#story").startswith("Done.") and page.inner_text("#held").startswith("Graph holds 0 B")
    assert page.locator("g.thing.backward").count() == page.locator("g.thing").count()
    page.keyboard.press("ArrowLeft")
    assert f"Backward {count} of {count}." in page.inner_text("#story")
    page.keyboard.press("Home")
    assert page.evaluate("now") == 0 and not page.locator("g.thing.forward").count()


def test_labels_of_gradients_hide_no_name(browser_page, files, screen):
    page = browser_page(files["deep"], screen, **CALM)
    show(page, "layers.11")
    thing(page, "11, closed box").click()
    page.evaluate("set(START)")
    seen = 0
    for _ in range(24):
        page.keyboard.press("ArrowRight")
        hidden = page.evaluate("""() => {
            const names = [...document.querySelectorAll("#names text, .thing text")].filter(t => t.textContent);
            const over = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 3 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 3;
            return [...document.querySelectorAll(".note rect")].flatMap(n => names.filter(t => over(n.getBoundingClientRect(), t.getBoundingClientRect()))
                .map(t => n.nextSibling.textContent + " over " + t.textContent)); }""")
        seen += page.locator(".note").count()
        assert not hidden, hidden
    assert seen > 10


def test_it_plays_by_itself(browser_page, files):
    page = browser_page(files["mlp"], **CALM)
    page.select_option("#speed", ".3")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("Space")
    assert page.get_attribute("#play", "aria-label") == "Pause"
    page.wait_for_function("now >= 3")
    page.keyboard.press("Space")
    at = page.evaluate("now")
    assert page.get_attribute("#play", "aria-label") == "Play"
    page.wait_for_timeout(500)
    assert page.evaluate("now") == at
    page.click("#play")
    page.wait_for_function("now === END && timer === null")


def test_a_closed_box_is_one_step_unless_every_operation_is_asked_for(browser_page, files):
    page = browser_page(files["deep"], **CALM)
    page.keyboard.press("ArrowRight")
    assert re.search(r"Forward 1–\d\d of .*All \d\d operations of layers\.0", page.inner_text("#story"), re.S)
    page.keyboard.press("ArrowLeft")
    page.check("#each")
    page.locator("#each").blur()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("now") == 2 and "Forward 2 of" in page.inner_text("#story")


def test_everything_is_reached_by_tab_and_shows_its_focus(browser_page, files, screen):
    page = browser_page(files["mlp"], screen, **CALM)
    reached = []
    for _ in range(40):
        page.keyboard.press("Tab")
        found = page.evaluate("""() => {
            const e = document.activeElement, s = getComputedStyle(e), rect = e.querySelector && e.querySelector(":scope > rect.body, :scope > rect");
            const focus = getComputedStyle(document.documentElement).getPropertyValue("--focus").trim();
            const probe = document.createElement("i"); probe.style.color = focus; document.body.append(probe);
            const color = getComputedStyle(probe).color; probe.remove();
            return [e.getAttribute("aria-label") || e.id || e.tagName, rect ? getComputedStyle(rect).stroke === color && parseFloat(getComputedStyle(rect).strokeWidth) >= 3
                : e === document.body || s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 2]; }""")
        reached.append(found[0])
        assert found[1], found
        if ", operation" in found[0]:
            page.evaluate("document.activeElement.classList.add('focused')")
            assert is_seen(page, "focused")
            page.evaluate("document.activeElement.classList.remove('focused')")
    text = "\n".join(reached)
    for wanted in ("Find a module", "open", "Zoom in", "relu, operation", "weight, leaf", "0, open box", "cross_entropy", "Play", "Moment in"):
        assert wanted in text, (wanted, reached)


def test_enter_opens_and_closes_by_keyboard_and_keeps_the_focus(browser_page, files, screen):
    page = browser_page(files["deep"], screen, **CALM)
    thing(page, "11, closed box").focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')").startswith("layers.11, open box")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')").startswith("11, closed box")


def test_zoom_fit_and_drag(browser_page, files, screen):
    page = browser_page(files["deep"], screen, **CALM)
    at = page.evaluate("view().k")
    page.click("#in")
    page.wait_for_function(f"view().k > {at} * 1.2")
    page.click("#close")
    page.click("#fit")
    page.wait_for_timeout(100)
    box, canvas = page.locator("#world").bounding_box(), page.locator("#canvas").bounding_box()
    assert box["x"] >= canvas["x"] and box["x"] + box["width"] <= canvas["x"] + canvas["width"] + 1 and box["y"] >= canvas["y"]
    before = page.evaluate("view().x")
    page.mouse.move(canvas["x"] + 5, canvas["y"] + 200)
    page.mouse.down()
    page.mouse.move(canvas["x"] + 55, canvas["y"] + 200, steps=3)
    page.mouse.up()
    assert page.evaluate("view().x") == pytest.approx(before + 50)


def test_the_page_and_python_put_things_at_the_same_places(browser_page, files, pictures):
    """`place` in page.js and in layout.py, for the model as it opens."""
    space = "{http://www.w3.org/2000/svg}"
    for name in ("deep", "small", "mlp"):
        root = ElementTree.fromstring(pictures[name].svg())
        ours = sorted(tuple(round(float(r.get(k)), 1) for k in ("x", "y", "width", "height"))
                      for g in root.iter(space + "g") for r in g.findall(space + "rect"))
        page = browser_page(files[name], **CALM)
        theirs = sorted(map(tuple, page.evaluate("""() => { const {things, boxes} = arrange();
            return things.map(d => [d.x - N[d.id].w / 2, d.y, N[d.id].w, N[d.id].h]).concat(boxes.map(d => [d.x, d.y, d.w, d.h])); }""")))
        assert len(ours) == len(theirs) > 5
        for a, b in zip(ours, theirs, strict=True):
            assert a == pytest.approx(b, abs=.11)
        paths = [p.get("d") for p in root.iter(space + "path")]
        assert sorted(len(p.split("C")) for p in paths) == sorted(page.evaluate("arrange().lines.map(l => l.path.split('C').length)"))


def test_the_page_and_python_agree_when_everything_is_open(browser_page, files, pictures):
    from minitorch_ndl.viz.layout import place

    scene = pictures["deep"]._scene
    plans = scene.layout.plans
    placed = place(plans[scene.layout.root], scene.size, plans.get)
    page = browser_page(files["deep"], **CALM)
    page.click("#open")
    flat = []

    def walk(at):
        flat.append([at.width, at.height, *at.x, *at.y])
        for i in sorted(at.inside):
            walk(at.inside[i])

    walk(placed)
    theirs = page.evaluate("""() => { const out = [], walk = at => { out.push([at.width, at.height, ...at.x, ...at.y]);
        Object.keys(at.inside).map(Number).sort((a, b) => a - b).forEach(i => walk(at.inside[i])); }; walk(place(ROOT)); return out; }""")
    assert len(flat) == len(theirs) > 6
    for a, b in zip(flat, theirs, strict=True):
        assert a == pytest.approx(b, abs=1e-6)


CONTRAST = """() => {
    const rgb = text => (text.match(/[\\d.]+/g) || [0, 0, 0, 0]).map(Number);
    const light = c => { const [r, g, b] = c.slice(0, 3).map(v => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
        return .2126 * r + .7152 * g + .0722 * b; };
    const ratio = (a, b) => { const [x, y] = [light(a), light(b)].sort((p, q) => q - p); return (x + .05) / (y + .05); };
    const clear = c => c.length === 4 && c[3] === 0;
    function behind(e) { // the colour on which the text of `e` stands
        if (e.closest("#names")) return rgb(getComputedStyle(e).stroke);
        const badge = e.closest(".badge, .note");
        if (badge) return rgb(getComputedStyle(badge.querySelector("rect")).fill);
        const thing = e.closest(".thing");
        if (thing) return rgb(getComputedStyle(thing.querySelector("rect.body")).fill);
        for (let p = e; p; p = p.parentElement) { const c = rgb(getComputedStyle(p).backgroundColor); if (!clear(c)) return c; }
        return rgb(getComputedStyle(document.body).backgroundColor);
    }
    const poor = [], walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    let seen = 0;
    while (walk.nextNode()) {
        const e = walk.currentNode.parentElement;
        if (!walk.currentNode.data.trim() || !e.getClientRects().length || ["SCRIPT", "STYLE", "title"].includes(e.tagName)) continue;
        const s = getComputedStyle(e), found = ratio(rgb(e instanceof SVGElement ? s.fill : s.color), behind(e));
        seen++;
        if (found < 4.5) poor.push(`${walk.currentNode.data.slice(0, 30)}: ${found.toFixed(2)}`);
    }
    return {poor, seen};
}"""


def test_text_stands_out_from_what_is_behind_it(browser_page, files, screen):
    for name in ("deep", "small"):
        page = browser_page(files[name], screen, **CALM)
        page.evaluate("sheet(true)")
        turn = page.evaluate("START")
        for step in (0, 2, turn, turn + 2, page.evaluate("END")):
            page.evaluate("t => set(t)", step)
            found = page.evaluate(CONTRAST)
            assert found["seen"] > 30 and not found["poor"], (step, found["poor"])
        page.evaluate("go(N.findIndex(n => n.k === 'op' && n.val && n.saved.length))")
        page.fill("#search", "a")
        found = page.evaluate(CONTRAST)
        assert found["seen"] > 50 and not found["poor"], found["poor"]


def test_five_thousand_operations_open_soon(browser_page, tmp_path):
    x = t = ndl.ones(4, requires_grad=True)
    for _ in range(2500):
        t = t * 1.0001 + 0.5
    picture = ndl.viz.graph(t.sum(), params={"x": x})
    picture.save(tmp_path / "chain.html")
    page = browser_page(tmp_path / "chain.html", **CALM)
    assert page.evaluate("performance.getEntriesByType('navigation')[0].domComplete") < 3000
    assert page.locator("g.thing").count() < 60
    page.keyboard.press("End")
    page.keyboard.press("ArrowLeft")
    assert re.match(r"Backward \d,?\d+–5,?001 of 5,?001", page.inner_text("#story"))
