"""`viz.graph`: what is drawn is what autograd recorded and what backward really does; and nothing is left behind."""

import gc
import json
import re
import struct
import sys
import weakref
from xml.etree import ElementTree

import numpy as np
import pytest

import minitorch_ndl as ndl
from minitorch_ndl import nn
from minitorch_ndl.autograd.graph import find_topo_sort, held_bytes
from minitorch_ndl.autograd.node import Node
from minitorch_ndl.nn import functional as F

pytest.importorskip("igraph", reason="viz.graph needs igraph: pip install '.[viz]'")
pytest.importorskip("mpld3", reason="viz.graph needs mpld3: pip install '.[viz]'")


def mlp():
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))


def mlp_case():
    net = mlp()
    return F.cross_entropy(net(ndl.randn(4, 6)), ndl.tensor([0, 1, 2, 0])), net


def encoder_case():
    net = nn.TransformerEncoder(nn.TransformerEncoderLayer(16, 2, 32, batch_first=True), 2)
    return net(ndl.randn(2, 5, 16)).pow(2).sum(), net


def conv_case():
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(100, 2))
    return F.cross_entropy(net(ndl.randn(2, 1, 12, 12)), ndl.tensor([0, 1])), net


def lstm_case():
    net = nn.LSTM(3, 4, 2)
    return net(ndl.randn(5, 2, 3))[0].pow(2).sum(), net


def fan_out_case():
    x, b = ndl.randn(2, 3, requires_grad=True), ndl.randn(3, requires_grad=True)
    y = x * b + x
    return (y.exp() + y * b).sum(), {"x": x, "b": b}


def views_case():
    x = ndl.randn(4, requires_grad=True)
    a = x * 1
    a[:2] *= 3
    u, v = a.split(2)
    return (u * v).sum(), {"x": x}


class Square(ndl.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return 2 * g * x


def function_case():
    x = ndl.randn(3, requires_grad=True)
    return Square.apply(x).sum(), {"x": x}


CASES = [mlp_case, encoder_case, conv_case, lstm_case, fan_out_case, views_case, function_case]


@pytest.fixture(params=CASES, ids=lambda case: case.__name__.removesuffix("_case"))
def case(request):
    ndl.manual_seed(3)
    return request.param()


def data(picture):
    """What is inside the page, read back from the page."""
    return json.loads(re.search(r"^const DATA = (.*);$", picture.html(), re.M)[1])


def parts(loss):
    found = find_topo_sort(loss)
    return [n for n in found if type(n) is Node], [t for t in found if type(t) is not Node]


def node(page, **wanted):
    (found,) = [n for n in page["nodes"] if all(n.get(k) == v for k, v in wanted.items())]
    return found


# --- what is drawn is what happens -----------------------------------------------------------------------------------------


def test_backward_is_drawn_in_the_order_in_which_the_engine_runs(case):
    loss, params = case
    page = data(ndl.viz.graph(loss, params=params))
    nodes, _ = parts(loss)
    real = []
    for n in nodes:
        n.register_prehook(lambda grads, n=n: real.append(n.name()))
    loss.backward()
    assert len(real) == len(nodes)
    assert [page["nodes"][i]["node"] for i in page["backward"]] == real
    assert [page["nodes"][i]["node"] for i in page["forward"]] == [n.name() for n in sorted(nodes, key=lambda n: n.number)]


def test_bytes_are_those_that_the_graph_holds_and_that_backward_lets_go_of(case):
    loss, params = case
    picture = ndl.viz.graph(loss, params=params)
    held = data(picture)["held"]
    assert picture.held_bytes == max(held) == held_bytes(loss) > 0
    assert held[0] == 0 and len(held) == 1 + 2 * picture.tape.total
    real = []
    for n in parts(loss)[0]:
        n.register_prehook(lambda grads: real.append(held_bytes(loss)))
    loss.backward()
    assert held[picture.tape.total:-1] == real and held[-1] == held_bytes(loss)


def test_gradients_of_leaves_and_what_flows_are_the_real_ones(case):
    loss, params = case
    page = data(ndl.viz.graph(loss, params=params))
    nodes, _ = parts(loss)
    sent = []
    for n in nodes:
        n.register_hook(lambda results, grads: sent.append([None if r is None else r.norm().item() for r in results]))
    loss.backward()
    named = dict(params.named_parameters()) if isinstance(params, nn.Module) else params
    for name, tensor in named.items():
        grad = tensor.grad.numpy().astype("f8")
        about = node(page, k="leaf", name=name)
        assert about["grad"]["shape"] == list(grad.shape)
        assert about["grad"]["norm"] == pytest.approx(np.linalg.norm(grad), rel=1e-4, abs=1e-6)
        assert sum(about["grad"]["counts"]) == grad.size
        assert about["val"]["mean"] == pytest.approx(tensor.detach().numpy().mean(), rel=1e-4, abs=1e-6)
        assert about["bytes"] == tensor.detach().numpy().nbytes
    drawn = [page["nodes"][i]["sent"] for i in page["backward"]]
    for ours, real in zip(drawn, sent, strict=True):
        assert [s and s["norm"] for s in ours] == [r if r is None else pytest.approx(r, rel=1e-4, abs=1e-6) for r in real]


def test_nothing_is_left_behind(case):
    loss, params = case
    nodes, leaves = parts(loss)
    before = [(n, n.hooks, n.saved, n.edges, dict(n.__dict__)) for n in nodes]
    leaves[0].grad = kept = ndl.ones_like(leaves[0])
    ndl.viz.graph(loss, params=params).html()
    for n, hooks, saved, edges, rest in before:
        assert n.hooks is hooks and n.saved is saved and n.edges is edges and n.__dict__ == rest
    assert leaves[0].grad is kept and bool((kept == 1).all()) and all(t.grad is None for t in leaves[1:])


def test_hooks_of_the_user_run_and_stay():
    x = ndl.ones(3, requires_grad=True)
    y = x * 2
    seen = []
    y.register_hook(lambda g: seen.append(1) or g * 10)
    page = data(ndl.viz.graph(y.sum(), params={"x": x}))
    assert seen == [1] and node(page, k="leaf", name="x")["grad"]["values"] == [20, 20, 20]
    y.sum().backward()
    assert seen == [1, 1] and x.grad.tolist() == [20, 20, 20]


def test_a_picture_shows_what_was_when_it_was_made():
    net = mlp()
    loss = net(ndl.ones(2, 6)).sum()
    picture, other = ndl.viz.graph(loss, params=net), ndl.viz.graph(loss, params=net)
    page, svg, dot = picture.html(), picture.svg(), picture.dot()
    loss.backward()
    ndl.optim.SGD(net.parameters(), lr=1.0).step()
    net.double()
    assert other.html() == page and other.svg() == svg and other.dot() == dot
    with pytest.raises(RuntimeError, match="freed: LinearBackward"):
        ndl.viz.graph(loss, params=net)


def test_a_picture_keeps_no_memory_of_the_graph():
    x = ndl.ones(5, requires_grad=True)
    y = x.exp()
    memory, loss = weakref.ref(y._array if y._array.base is None else y._array.base), y.sum()
    picture = ndl.viz.graph(loss, params={"x": x})
    loss.backward()
    del y, loss
    gc.collect()
    assert memory() is None and picture.held_bytes == 20 and "exp" in picture.html()


# --- boxes -----------------------------------------------------------------------------------------------------------------


def test_boxes_follow_the_modules():
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc1, self.act, self.fc2 = nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 4)

        def forward(self, x):
            return x + self.fc2(self.act(self.fc1(x)))

    net = nn.Sequential(Block(), Block())
    x = ndl.randn(2, 4)
    plain = ndl.viz.graph(net(x).sum(), params=net)
    assert [(i.name, i.path) for i in plain.tape.ops] == [
        ("linear", "0.fc1"), ("relu", "0"), ("linear", "0.fc2"), ("add", "0"),
        ("linear", "1.fc1"), ("relu", "1"), ("linear", "1.fc2"), ("add", ""), ("sum", "")]  # what comes last is anyone's
    with ndl.viz.recording(net):
        loss = net(x).sum()
    exact = ndl.viz.graph(loss, params=net)
    assert [(i.name, i.path) for i in exact.tape.ops][:4] == [
        ("linear", "0.fc1"), ("relu", "0.act"), ("linear", "0.fc2"), ("add", "0")]
    page = data(plain)
    fc1, block = node(page, k="group", path="0.fc1"), node(page, k="group", path="0")
    assert (block["cls"], fc1["cls"]) == ("Block", "Linear") and page["nodes"][fc1["p"]] is block
    assert block["ops"] == 4 and block["leaves"] == 4 and block["numbers"] == 4 * 8 + 8 + 8 * 4 + 4
    leaf = node(page, k="leaf", name="0.fc1.weight")
    assert page["nodes"][leaf["p"]] is fc1 and leaf["t"] == "weight"


def test_a_deep_model_opens_readable_and_holds_every_operation():
    net = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 12)
    loss = net(ndl.randn(2, 3, 8)).sum()
    page = data(ndl.viz.graph(loss, params=net))
    boxes = {n["path"] for n in page["nodes"] if n["k"] == "group"}
    assert {"layers.0", "layers.11", "layers.5.self_attn"} <= boxes
    sight = [n for n in page["nodes"] if n.get("p", 0) in page["open"] and n["k"] != "again"]
    assert len(sight) < 40 and sum(n["k"] == "op" for n in page["nodes"]) == len(parts(loss)[0])


# --- marks and details ---------------------------------------------------------------------------------------------------------


def test_broadcasting_and_sums_are_marked_where_they_are():
    x, b = ndl.randn(2, 3, requires_grad=True), ndl.randn(3, requires_grad=True)
    y = x + b
    page = data(ndl.viz.graph((y * y.exp()).sum(), params={"x": x, "b": b}))
    add, mul, exp = (node(page, k="op", node=name) for name in ("AddBackward", "MulBackward", "ExpBackward"))
    assert [w[1] for w in add["wide"]] == [[3]] and "wide" not in mul and "wide" not in exp
    assert add["sum"] == 2 and "sum" not in mul and "sum" not in exp
    assert node(page, k="leaf", name="b")["uses"] == 1
    text = ndl.viz.graph((y * y.exp()).sum()).svg()
    assert text.count("broadcast") == 1 and text.count(">broadcast · Σ 2<") == 1


def test_an_operation_tells_its_formula_what_it_kept_and_why():
    x, w = ndl.ones(2, 3, requires_grad=True), ndl.full((2, 3), 5.0, requires_grad=True)
    page = data(ndl.viz.graph((x * w).sum(), params={"x": x, "w": w}))
    mul = node(page, k="op", node="MulBackward")
    formulas = {name: page["texts"][i] for name, i in mul["f"]}
    assert list(formulas) == ["input", "other"] and "other" in formulas["input"] and "input" in formulas["other"]
    assert sorted(s[1:] for s in mul["saved"]) == [
        ["(2, 3)", "float32", 24, ["input"], "w"], ["(2, 3)", "float32", 24, ["other"], "x"]]
    assert mul["bytes"] == 48 and mul["g"][0]["values"] == [1] * 6
    assert [s["values"] for s in mul["sent"]] == [[5] * 6, [1] * 6]


def test_not_a_number_is_told():
    x = ndl.tensor([0.0, 1.0, 4.0, 9.0], requires_grad=True)
    grad = node(data(ndl.viz.graph(x.sqrt().sum(), params={"x": x})), k="leaf", name="x")["grad"]
    assert grad["bad"] == 0.25 and grad["norm"] == "inf" and grad["values"][0] == "inf"


def test_named_tensors_show_their_values():
    x = ndl.ones(3, requires_grad=True)
    y = x + 1
    page = data(ndl.viz.graph((y * 2).sum(), tensors={"y": y}))
    assert node(page, node="AddBackward")["val"]["0"]["values"] == [2, 2, 2]
    assert node(page, node="AddBackward")["t"] == "y = add"


# --- files -----------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def picture():
    net = mlp()
    return ndl.viz.graph(F.cross_entropy(net(ndl.randn(4, 6)), ndl.tensor([0, 1, 2, 0])), params=net)


def test_a_page_is_one_file_that_asks_for_nothing(picture, tmp_path):
    picture.save(tmp_path / "g.html")
    page = (tmp_path / "g.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>") and "<!--" not in page
    assert not re.search(r"""(?:src|href)\s*=|@import|url\((?!#)|<link|<iframe|fetch\(|XMLHttpRequest\(\)""",
                         re.sub(r"<script>.*?</script>", "", page, flags=re.S))
    own = page[page.index("const DATA"):]  # D3 itself names addresses: licences and XML's name spaces
    assert not re.search(r"https?://", own)
    assert 'iframe srcdoc="&lt;!doctype html&gt;' in picture._repr_html_()


def test_a_svg_is_xml_with_every_box(picture, tmp_path):
    picture.save(tmp_path / "g.svg")
    root = ElementTree.parse(tmp_path / "g.svg").getroot()
    space = "{http://www.w3.org/2000/svg}"
    assert root.tag == space + "svg" and float(root.get("width")) > 100
    titles = ["".join(t.itertext()).split()[0] for t in root.iter(space + "text") if "title" in t.get("class")]
    assert sorted(titles) == sorted(["0", "2", "linear", "linear", "relu", "cross_entropy_of_labels", *["weight", "bias"] * 2])
    width, height = float(root.get("width")), float(root.get("height"))
    for rect in list(root.iter(space + "rect"))[1:]:
        x, y, w, h = (float(rect.get(k)) for k in ("x", "y", "width", "height"))
        assert 0 <= x < x + w <= width + 1 and 0 <= y < y + h <= height + 1


def test_things_do_not_lie_on_each_other():
    loss, params = encoder_case()
    root = ElementTree.fromstring(ndl.viz.graph(loss, params=params).svg())
    space = "{http://www.w3.org/2000/svg}"
    things = [g.find(space + "rect") for g in root.iter(space + "g") if g.get("class") in ("op", "leaf", "group")]
    areas = [tuple(float(r.get(k)) for k in ("x", "y", "width", "height")) for r in things]
    assert len(areas) > 5
    for i, (x, y, w, h) in enumerate(areas):
        for x2, y2, w2, h2 in areas[:i]:
            assert x + w <= x2 or x2 + w2 <= x or y + h <= y2 or y2 + h2 <= y


def test_a_png_has_a_signature_and_a_size(picture, tmp_path):
    pytest.importorskip("matplotlib")
    picture.save(tmp_path / "g.PNG")
    content = (tmp_path / "g.PNG").read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n" and content[12:16] == b"IHDR"
    width, height = struct.unpack(">II", content[16:24])
    svg = ElementTree.fromstring(picture.svg())
    assert abs(width - 2 * float(svg.get("width"))) <= 2 and abs(height - 2 * float(svg.get("height"))) <= 2


def test_dot_has_every_operation_leaf_and_edge(picture, tmp_path):
    picture.save(tmp_path / "g.dot")
    text = (tmp_path / "g.dot").read_text(encoding="utf-8")
    assert text.startswith("digraph {") and text.count("{") == text.count("}")
    assert len(re.findall(r"^\s*n\d+ \[", text, re.M)) == 8 and text.count("->") == 4 + 3
    assert text.count("subgraph") == 2 and 'label="0.weight\\n(8, 6)"' in text


def test_names_of_the_user_are_only_text(tmp_path):
    x = ndl.ones(2, requires_grad=True)
    name = '</script><script>bad()</script>"<&'
    picture = ndl.viz.graph(x.exp().sum(), params={name: x})
    assert "<script>bad()" not in picture.html() and node(data(picture), k="leaf")["name"] == name
    ElementTree.fromstring(picture.svg())
    assert '\\"' in picture.dot()


# --- errors ----------------------------------------------------------------------------------------------------------------------


def test_errors_teach():
    w = ndl.ones(2, requires_grad=True)
    with pytest.raises(TypeError, match="expected the tensor that the graph leads to.*got float"):
        ndl.viz.graph(3.0)
    with pytest.raises(TypeError, match="got list"):
        ndl.viz.graph([])
    with pytest.raises(RuntimeError, match="no graph.*requires_grad"):
        ndl.viz.graph(ndl.ones(2).sum())
    with pytest.raises(RuntimeError, match="no graph.*detach"):
        ndl.viz.graph(w.sum().detach())
    with pytest.raises(RuntimeError, match="a leaf.*such as the loss"):
        ndl.viz.graph(w)
    with pytest.raises(TypeError, match="`params` must be a model.*got int"):
        ndl.viz.graph(w.sum(), params=3)
    with pytest.raises(TypeError, match=r"tensors\['h'\] must be a tensor; got int"):
        ndl.viz.graph(w.sum(), tensors={"h": 3})
    with pytest.raises(ValueError, match="limit.*at least 1; got 0"):
        ndl.viz.graph(w.sum(), limit=0)
    with pytest.raises(TypeError, match="expected a Module; got list"), ndl.viz.recording([]):
        pass
    loss = (w * w).sum()
    loss.backward()
    with pytest.raises(RuntimeError, match="freed.*before backward.*retain_graph=True"):
        ndl.viz.graph(loss)


def test_a_bad_path_leaves_nothing_half_written(picture, tmp_path):
    (tmp_path / "g.html").write_text("old")
    for name in ("g.pdf", "g"):
        with pytest.raises(ValueError, match=r"must end in \.html, \.svg, \.png, \.dot"):
            picture.save(tmp_path / name)
    with pytest.raises(RuntimeError, match="does not exist: make it first"):
        picture.save(tmp_path / "missing" / "g.html")
    with pytest.raises(IsADirectoryError):
        (tmp_path / "folder.svg").mkdir()
        picture.save(tmp_path / "folder.svg")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["folder.svg", "g.html"]
    assert (tmp_path / "g.html").read_text() == "old"


@pytest.mark.parametrize(("package", "suffix"), [("igraph", "svg"), ("igraph", "html"), ("mpld3", "html"), ("matplotlib", "png")])
def test_a_missing_package_says_what_to_install(monkeypatch, tmp_path, picture, package, suffix):
    for name in [n for n in sys.modules if n.split(".")[0] == package] + [package]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=rf"package {package}.*minitorch-ndl\[viz\]"):
        picture.save(tmp_path / f"g.{suffix}")
    assert not list(tmp_path.iterdir())
    if suffix == "html":
        assert package in picture._repr_html_() and "iframe" not in picture._repr_html_()  # a notebook gets words, no trace
    picture.save(tmp_path / "g.dot")  # needs nothing


def test_what_is_too_large_is_drawn_in_part():
    x = w = ndl.ones(3, requires_grad=True)
    for _ in range(60):
        x = x * 0.9 + w
    loss = x.sum()
    with pytest.warns(UserWarning, match=r"121 operations.*the latest 40.*detach.*limit=121"):
        picture = ndl.viz.graph(loss, params={"w": w}, limit=40)
    page = data(picture)
    assert sum(n["k"] == "op" for n in page["nodes"]) == 40 and node(page, k="earlier")["t"] == "81 earlier operations"
    assert picture.held_bytes == held_bytes(loss) and picture.order == ndl.viz.graph(loss).order[:40]
    assert repr(picture) == f"<graph of 121 operations and 1 leaf, holding {picture.held_bytes} bytes>"
