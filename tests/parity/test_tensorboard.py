"""Event files, against those that torch writes: the same calls on both, then message by message."""

import contextlib
import io
import itertools
from pathlib import Path

import numpy as np
import pytest

import minitorch_ndl as ndl

torch = pytest.importorskip("torch")
pytest.importorskip("tensorboard")

from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.graph_pb2 import GraphDef
from torch.utils.tensorboard import SummaryWriter as Theirs
from torch.utils.tensorboard._utils import _prepare_video

from minitorch_ndl.utils.tensorboard import SummaryWriter as Ours
from minitorch_ndl.utils.tensorboard.pictures import tiled


def events(folder):
    """By folder: the messages of all files there, undated."""
    found = {}
    for file in sorted(Path(folder).rglob("events.out.tfevents.*")):
        for raw in RawEventFileLoader(str(file)).Load():
            event = Event.FromString(raw)
            event.wall_time = 0
            event.ClearField("source_metadata")
            found.setdefault(str(file.parent.relative_to(folder)), []).append(event)
    return found


def others(folder):
    """The other files' contents."""
    return {str(f.relative_to(folder)): f.read_bytes() for f in Path(folder).rglob("*")
            if f.is_file() and ".tfevents." not in f.name}


def same(tmp_path, write, **options):
    """``write(writer, lib)`` does the same with both. Returns our messages."""
    with contextlib.redirect_stdout(io.StringIO()):  # torch prints warnings
        for name, writer, lib in (("theirs", Theirs, torch), ("ours", Ours, ndl)):
            with writer(tmp_path / name, **options) as w:
                write(w, lib)
    ours, theirs = events(tmp_path / "ours"), events(tmp_path / "theirs")
    assert ours == theirs and sum(map(len, ours.values())) > 1
    assert others(tmp_path / "ours") == others(tmp_path / "theirs")
    return ours


def draw(*shape, kind="float32", seed=0):
    r = np.random.RandomState(seed)
    return r.randint(0, 256, shape).astype(kind) if np.dtype(kind).kind in "iu" else r.uniform(-0.2, 1.2, shape).astype(kind)


def test_signatures():
    import inspect

    for name, method in inspect.getmembers(Theirs, callable):
        if name.startswith("_"):
            continue
        mine, its = (list(inspect.signature(f).parameters.values()) for f in (getattr(Ours, name), method))
        assert [(p.name, p.default) for p in mine] == [(p.name, p.default) for p in its], name
    mine, its = (inspect.signature(c.__init__).parameters.values() for c in (Ours, Theirs))
    assert [(p.name, p.default) for p in mine] == [(p.name, p.default) for p in its]


@pytest.mark.parametrize("value", [0, -3, 2.5, 1e30, float("nan"), float("inf"), True, np.float64(0.1), np.int32(7), np.float16(0.1),
                                   np.array([[3.0]]), np.array(2)], ids=repr)
def test_scalar(tmp_path, value):
    def write(w, lib):
        for step, wall in ((None, None), (3, 12.5), (np.int64(4), None)):
            w.add_scalar("a/b", value, step, wall)
        w.add_scalar("new", value, 1, new_style=True)
        w.add_scalar("new", value, 2, new_style=True, double_precision=True)
        w.add_scalars("many/of them", {"x": value, "y/z": 3.0}, 5)
        w.add_scalars("many/of them", {"x": value}, 6)

    same(tmp_path, write)


def test_scalars_of_tensors(tmp_path):
    def write(w, lib):
        x = lib.tensor([1.5], requires_grad=True)
        w.add_scalar("t", x * 2, lib.tensor(3).item())
        w.add_scalar("t", lib.tensor(3), 4)
        w.add_scalar("t", lib.ones(1, 1, dtype=lib.float64), 5)

    same(tmp_path, write)


@pytest.mark.parametrize("kind", ["float32", "float64", "int64", "int32", "uint8", "bool"])
def test_histogram(tmp_path, kind):
    def write(w, lib):
        for n, (shape, scale) in enumerate(itertools.product([(1,), (2,), (7, 5), (3, 4, 5)], [1e-9, 1.0, 50.0])):
            values = (np.random.RandomState(n).randn(*shape) * scale).astype(kind)
            w.add_histogram("default", lib.from_numpy(values), n)
            w.add_histogram("array", values, n)
            for bins in ("auto", "fd", 3, 30, [-1.0, 0.0, 0.5, 100.0, 1000.0]):
                with contextlib.suppress(ValueError):
                    w.add_histogram(f"bins {bins}", lib.from_numpy(values.astype(float)), n, bins=bins)
            for most in (1, 2, 7, 100, 5000):
                w.add_histogram(f"most {most}", lib.from_numpy(values), n, max_bins=most)
        w.add_histogram("zeros", lib.zeros(4), 0)
        w.add_histogram("number", 3.5, 0)

    assert len(same(tmp_path, write)["."]) > 100


def test_histogram_raw_and_curves(tmp_path):
    labels, predictions = np.random.RandomState(0).randint(0, 2, 200), np.random.RandomState(1).rand(200)
    counts = np.random.RandomState(2).randint(0, 9, (4, 5))

    def write(w, lib):
        w.add_histogram_raw("raw", 0, 9.5, 10, 20, 40.5, [1.0, 2.0, 10.0], [3, 4, 3], 7)
        for n in (2, 5, 127, 500):
            w.add_pr_curve("curve", lib.tensor(labels), lib.tensor(predictions), n, num_thresholds=n)
            w.add_pr_curve("curve of arrays", labels, predictions.astype("float32"), n, num_thresholds=n)
            w.add_pr_curve("weighted", labels, predictions, n, num_thresholds=n, weights=predictions * 3)
            w.add_pr_curve("bool", labels > 0, predictions, n, num_thresholds=n, weights=2.0)
        w.add_pr_curve_raw("raw curve", *counts, counts[0] / 10, counts[1] / 10, 3, num_thresholds=5)

    same(tmp_path, write)


@pytest.mark.parametrize("kind", ["float32", "float64", "uint8", "int64"])
def test_images(tmp_path, kind):
    layouts = {"CHW": [(1, 4, 6), (3, 5, 4), (4, 3, 3)], "HWC": [(4, 6, 1), (5, 4, 3), (3, 3, 4)], "HW": [(4, 7)], "WH": [(4, 7)],
               "NCHW": [(1, 1, 3, 4), (3, 3, 4, 2), (8, 1, 2, 2), (19, 3, 2, 3)], "NHWC": [(5, 2, 3, 3)], "hwc": [(5, 4, 3)]}

    def write(w, lib):
        for layout, shapes in layouts.items():
            for shape in shapes:
                image = draw(*shape, kind=kind)
                method = w.add_images if len(layout) == 4 else w.add_image
                method(f"{layout} {shape}", lib.from_numpy(image), 2, dataformats=layout)
                method(f"array {layout} {shape}", image, dataformats=layout)
        boxes = np.array([[1, 1, 20, 15], [5.5, 3, 30, 28]], "float32")
        for labels in (None, ["cat", ""], "one", ["a dog", "b"]):
            picture = lib.from_numpy(draw(3, 40, 50, kind=kind))
            w.add_image_with_boxes(f"boxes {labels}", picture, lib.from_numpy(boxes), 1, rescale=1.5, labels=labels)

    same(tmp_path, write)


@pytest.mark.parametrize("count", range(1, 18))
def test_films_lie_side_by_side_as_torchs(count):
    films = draw(count, 2, 3, 4, 5)
    assert np.array_equal(tiled(films), _prepare_video(films))


def test_audio_text_and_mesh(tmp_path):
    def write(w, lib):
        w.add_audio("sound", lib.from_numpy(draw(1, 500) - 0.5), 3, sample_rate=8000)
        w.add_audio("array", draw(500, kind="float64") - 0.5)
        for n, text in enumerate(["", "plain", "**bold**\n\n| a | b |\n|---|---|\n| 1 | 2 |", "żółć 学"]):
            w.add_text("words/of mine", text, n)
        points, colours = lib.from_numpy(draw(2, 5, 3)), lib.from_numpy(draw(2, 5, 3, kind="uint8"))
        faces = lib.tensor([[[0, 1, 2], [1, 2, 3]]] * 2)
        w.add_mesh("cloud", points, global_step=1)
        w.add_mesh("mesh", points, colours, faces, {"material": {"cls": "PointsMaterial", "size": 2}}, 2)

    same(tmp_path, write)


def test_layouts_and_settings(tmp_path):
    def write(w, lib):
        w.add_custom_scalars({"Taiwan": {"twse": ["Multiline", ["a/0050", "b/2330"]], "m": ["Margin", ["x", "y", "z"]]},
                              "USA": {"dow": ["Margin", ["d/aaa", "d/bbb", "d/ccc"]]}})
        w.add_custom_scalars_multilinechart(["a", "b"], "mine", "first")
        w.add_custom_scalars_marginchart(["a", "b", "c"])
        settings = {"lr": 0.1, "n": 3, "name": "adam", "nesterov": True, "unset": None, "tensor": lib.tensor([2.5])}
        w.add_hparams(settings, {"hparam/accuracy": 0.9, "hparam/loss": lib.tensor(0.3)}, run_name="one", global_step=4)
        w.add_hparams({"lr": 0.1, "name": "sgd", "b": True}, {"m": 1}, run_name="two",
                      hparam_domain_discrete={"lr": [0.1, 0.2], "name": ["sgd", "adam"], "b": [True, False]})

    assert set(same(tmp_path, write)) == {".", "one", "two"}


def test_embeddings(tmp_path):
    def write(w, lib):
        points = lib.from_numpy(draw(6, 3))
        w.add_embedding(points)
        w.add_embedding(points * 2, ["a", "b", "c", 4, 5.5, "ö"], lib.from_numpy(draw(6, 3, 4, 4)), 12, "a/b%c\\d")
        w.add_embedding(draw(6, 2, kind="float64"), [["x", n] for n in range(6)], tag="table", metadata_header=["name", "n"])
        w.add_embedding(lib.from_numpy(draw(6, 3)), label_img=lib.from_numpy(draw(6, 1, 3, 5)), tag="wide")
        w.add_embedding(lib.arange(6).reshape(3, 2), tag="ints")
        w.add_scalar("x", 1)

    same(tmp_path, write)
    assert (tmp_path / "ours" / "00012" / "a%2fb%25c%5cd" / "sprite.png").exists()


def test_purging_and_names_of_files(tmp_path):
    def write(w, lib):
        w.add_scalar("x", 1.0, 3)
        w.close()
        w.add_scalar("x", 2.0, 4)  # goes into a new file
        w.flush()

    found = same(tmp_path, write, purge_step=3, filename_suffix=".mine", max_queue=1, flush_secs=1)
    assert [e.session_log.status for e in found["."]].count(1) == 1
    names = [p.name for p in (tmp_path / "ours").iterdir()]
    assert len(names) == 2 and all(name.endswith(".mine") for name in names)


def test_tensors(tmp_path):
    def write(w, lib):
        for kind in ("float32", "float64", "int32", "int64", "int16", "int8", "bool"):
            w.add_tensor(kind, lib.tensor([[1, 0, 3]]).to(getattr(lib, kind)), 1)

    same(tmp_path, write)


@pytest.mark.parametrize("write", [
    lambda w, lib: w.add_scalar("x", lib.ones(2)), lambda w, lib: w.add_scalar("x", [1]), lambda w, lib: w.add_scalar("x", None),
    lambda w, lib: w.add_histogram("x", lib.ones(0)), lambda w, lib: w.add_histogram("x", lib.ones(2) * 1e30),
    lambda w, lib: w.add_histogram_raw("x", 0, 1, 1, 1, 1, [1], [1, 2]), lambda w, lib: w.add_image("x", lib.ones(3, 4)),
    lambda w, lib: w.add_image("x", lib.ones(3, 4, 4), dataformats="CHH"), lambda w, lib: w.add_image("x", lib.ones(5, 4, 4)),
    lambda w, lib: w.add_images("x", lib.ones(2, 2, 4, 4)), lambda w, lib: w.add_audio("x", lib.ones(3, 4)),
    lambda w, lib: w.add_custom_scalars_marginchart(["a"]), lambda w, lib: w.add_hparams([], {}),
    lambda w, lib: w.add_hparams({"x": object()}, {}), lambda w, lib: w.add_hparams({"x": 1}, {}, {"x": ["a"]}),
    lambda w, lib: w.add_hparams({"x": 1}, {}, {"y": [1]}), lambda w, lib: w.add_embedding(lib.ones(3)),
    lambda w, lib: w.add_embedding(lib.ones(3, 2), ["a"]), lambda w, lib: w.add_embedding(lib.ones(3, 2), label_img=lib.ones(2, 3, 2, 2)),
    lambda w, lib: w.add_embedding(lib.ones(1, 2), [["a"]], metadata_header=["x", "y"])])
def test_refusals(tmp_path, write):
    kinds = []
    for name, writer, lib in (("theirs", Theirs, torch), ("ours", Ours, ndl)):
        with writer(tmp_path / name) as w, pytest.raises(Exception) as caught:
            write(w, lib)
        kinds.append(caught.type)
    assert kinds[0] is kinds[1] and len(str(caught.value)) > 10


@pytest.mark.filterwarnings("ignore:`torch.jit.trace:DeprecationWarning")
def test_a_plain_models_graph_has_the_boxes_and_shapes_of_torchs(tmp_path):
    def net(lib):
        nn = lib.nn

        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.encoder = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 4))
                self.head = nn.Linear(4, 2)

            def forward(self, x, y):
                return self.head(self.encoder(x) + y), y * 2

        return Net()

    found = {}
    for name, writer, lib in (("theirs", Theirs, torch), ("ours", Ours, ndl)):
        with writer(tmp_path / name) as w:
            w.add_graph(net(lib), (lib.ones(3, 6), lib.ones(3, 4)))
        graphs = [e for e in events(tmp_path / name)["."] if e.HasField("graph_def")]
        (stats,) = (e for e in events(tmp_path / name)["."] if e.HasField("tagged_run_metadata"))
        found[name] = GraphDef.FromString(graphs[0].graph_def), stats
    ours, theirs = found["ours"][0], found["theirs"][0]
    assert found["ours"][1] == found["theirs"][1]
    boxes = [{n.name.rpartition("/")[0] for n in g.node} for g in (ours, theirs)]
    wanted = {"Net/Sequential[encoder]/Linear[0]", "Net/Sequential[encoder]/ReLU[1]", "Net/Sequential[encoder]/Linear[2]",
              "Net/Linear[head]", "input", "output"}
    assert all(wanted <= set(box) for box in boxes)
    assert {n.name for n in ours.node if n.op == "IO Node"} >= {"input/x", "input/y", "output/output.1", "output/output.2"}

    def shapes(g, box):  # of the operations
        return sorted(tuple(d.size for d in s.dim) for n in g.node if n.name.rpartition("/")[0] == box
                      and n.op not in ("Parameter", "prim::GetAttr") for s in n.attr["_output_shapes"].list.shape)

    for box in wanted - {"input", "output"}:
        assert shapes(ours, box) == shapes(theirs, box), box

