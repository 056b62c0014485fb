"""Checkpoints: what comes back, what stays shared, what is refused, and what a broken file says."""

import copy
import functools
import io
import os
import pickle
import struct
import sys
import zipfile
from collections import OrderedDict

import numpy as np
import pytest

import minitorch_ndl as ndl
from minitorch_ndl import nn, optim


def through(value, **options):
    file = io.BytesIO()
    ndl.save(value, file)
    file.seek(0)
    return ndl.load(file, **options)


# --- what comes back --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64"])
@pytest.mark.parametrize("shape", [(), (0, 3), (5,), (2, 3, 4)])
def test_tensors_of_every_dtype(dtype, shape):
    x = ndl.from_numpy(np.random.RandomState(0).uniform(0, 3, shape).astype(dtype))
    y = through(x)
    assert y.dtype is x.dtype and y.shape == x.shape and y.equal(x) and not y.requires_grad


def test_plain_values():
    value = {"int": 2**80, "float": 0.1, "text": "häß", "bytes": b"\x00\xff", "tuple": (1, [2.5, None, True]), 3: 1j, "set": {1, 2},
             "frozen": frozenset("ab"), "size": ndl.Size([2, 3]), "dtype": ndl.int16, "device": ndl.device("cpu"),
             "ordered": OrderedDict(b=1, a=2), "slice": slice(1, 5, 2), "empty": ()}
    same = through(value)
    assert same == value and {k: type(v) for k, v in same.items()} == {k: type(v) for k, v in value.items()}
    assert same["dtype"] is ndl.int16


def test_views_share_memory_again():
    base = ndl.arange(12.0).view(3, 4)
    a, row, transposed, steps, wide = through([base, base[1], base.t(), base[:, 1::2], base[0, :1].expand(5)])
    assert (transposed.stride(), steps.stride(), wide.stride()) == ((1, 4), (4, 2), (0,))
    a[1, 1] = 50
    assert row[1] == 50 and transposed[1, 1] == 50 and steps[1, 0] == 50
    wide[0] = 7
    assert a[0, 0] == 7


def test_memory_is_stored_once():
    base = ndl.zeros(10_000)
    file = io.BytesIO()
    ndl.save([base, base[:5], base.view(100, 100).t()], file)
    assert len(file.getvalue()) < 42_000


def test_the_same_object_stays_one():
    weight = nn.Parameter(ndl.ones(2))
    a, b = through([weight, weight])
    assert a is b and type(a) is nn.Parameter


def test_parameters_gradients_and_attributes():
    p = nn.Parameter(ndl.ones(2))
    frozen = nn.Parameter(ndl.ones(2), requires_grad=False)
    result = p * 2
    p.note = "hello"
    result.sum().backward()
    q, cold, r = through([p, frozen, result])
    assert type(q) is nn.Parameter and q.requires_grad and q.grad is None and q.note == "hello"
    assert type(cold) is nn.Parameter and not cold.requires_grad
    assert r.requires_grad and r.is_leaf, "what had a graph comes back as a leaf"


def test_arrays_that_lie_backwards_or_with_gaps_come_back_equal():
    memory = np.arange(24, dtype=np.float32).reshape(4, 6)
    for array in (memory[::-1], memory[:, ::-2], np.asfortranarray(memory), memory.T[1:, ::2]):
        x = ndl.from_numpy(array)
        assert through(x).equal(x)


def test_a_model_and_its_optimizer_go_on_where_they_were():
    def step(model, optimizer):
        optimizer.zero_grad()
        model(ndl.ones(4, 3)).square().mean().backward()
        optimizer.step()

    ndl.manual_seed(1)
    model = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2))
    optimizer = optim.Adam(model.parameters(), lr=0.1)
    step(model, optimizer)
    saved = through({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "random": ndl.get_rng_state()})
    twin = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2))
    other = optim.Adam(twin.parameters(), lr=0.5)
    twin.load_state_dict(saved["model"])
    other.load_state_dict(saved["optimizer"])
    assert saved["model"]._metadata == model.state_dict()._metadata
    for _ in range(3):
        step(model, optimizer)
        step(twin, other)
    assert all(a.equal(b) for a, b in zip(model.parameters(), twin.parameters()))
    ndl.set_rng_state(saved["random"])
    assert ndl.get_rng_state().equal(saved["random"])


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 2)
        self.register_buffer("count", ndl.zeros(()))

    def forward(self, x):
        return self.layer(x) + self.count


def test_whole_objects():
    sys.modules.setdefault("ndl_test_save_load", sys.modules[Net.__module__])
    net = Net()
    again = through(net, weights_only=False)
    assert type(again) is Net and again(ndl.ones(1, 2)).equal(net(ndl.ones(1, 2)))
    assert through(ndl.Generator().manual_seed(5), weights_only=False).initial_seed() == 5
    values = {"a": np.arange(3), "b": np.float32(1.5)}
    same = through(values, weights_only=False)
    assert (same["a"] == values["a"]).all() and same["b"] == 1.5 and type(same["b"]) is np.float32


def test_paths_and_file_objects(tmp_path):
    path = tmp_path / "model.v1.pt"
    ndl.save({"x": ndl.ones(3)}, path)
    assert ndl.load(str(path))["x"].equal(ndl.ones(3))
    with open(path, "rb") as file:
        assert ndl.load(file)["x"].equal(ndl.ones(3))
    with open(path, "wb") as file:
        ndl.save(ndl.zeros(2), file)
    assert ndl.load(path).equal(ndl.zeros(2))
    for protocol in (2, 3, 4, 5):
        ndl.save({"x": ndl.ones(3), "s": ndl.Size([1])}, path, pickle_protocol=protocol)
        assert ndl.load(path)["s"] == (1,)


def test_the_layout_is_torchs(tmp_path):
    ndl.save({"a": ndl.arange(3), "b": ndl.ones(100), "c": ndl.zeros(0)}, tmp_path / "net.pt")
    content = (tmp_path / "net.pt").read_bytes()
    with zipfile.ZipFile(tmp_path / "net.pt") as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert archive.read("net/version") == b"3\n" and archive.read("net/byteorder").decode() == sys.byteorder
        assert archive.read("net/data/0") == np.arange(3).tobytes()
        for info in archive.infolist():
            name, extra = struct.unpack_from("<2H", content, info.header_offset + 26)
            assert (info.header_offset + 30 + name + extra) % 64 == 0 and info.compress_type == zipfile.ZIP_STORED
    assert {"net/data.pkl", "net/data/2", "net/.data/serialization_id"} <= set(names)


def test_mapped_into_memory(tmp_path):
    path = tmp_path / "x.pt"
    x = ndl.arange(1000.0)
    ndl.save({"x": x, "rows": x.view(10, 100)[2:]}, path)
    state = ndl.load(path, mmap=True)
    assert state["x"].equal(x)
    state["x"][200] = -1
    assert state["rows"][0, 0] == -1, "shared still"
    assert ndl.load(path)["x"].equal(x), "and the file is not written to"
    with pytest.raises(RuntimeError, match="only supported when f is"):
        ndl.load(io.BytesIO(path.read_bytes()), mmap=True)


def test_map_location():
    seen = []
    value = {"x": ndl.arange(4.0)}

    def keep(storage, location):
        seen.append((len(storage), location))
        return storage

    for where in ("cpu", ndl.device("cpu"), {"cuda:0": "cpu"}, keep, lambda storage, location: None):
        assert through(value, map_location=where)["x"].equal(value["x"])
    assert seen == [(4, "cpu")]
    with pytest.raises(RuntimeError, match="nowhere"):
        through(value, map_location="nowhere")
    with pytest.raises(RuntimeError, match="CUDA device"):
        through(value, map_location={"cpu": "cuda:0"})


def test_ordinary_pickle_and_deepcopy_still_work():
    x = nn.Parameter(ndl.arange(3.0))
    assert pickle.loads(pickle.dumps(x)).equal(x) and copy.deepcopy(x).equal(x)
    generator = ndl.Generator().manual_seed(3)
    assert pickle.loads(pickle.dumps(generator)).get_state().equal(generator.get_state())


# --- what is refused --------------------------------------------------------------------------------------------------


def checkpoint(pickled):
    """A file with this pickle in it."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", pickled)
        archive.writestr("archive/version", "3\n")
    file.seek(0)
    return file


class Evil:
    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


ATTACKS = {
    "os.system": Evil(os.system, "touch {}"),
    "eval": Evil(eval, "__import__('os').system('touch {}')"),
    "exec": Evil(exec, "import os; os.system('touch {}')"),
    "getattr": Evil(getattr, Evil(__import__, "os"), "system"),
    "partial": functools.partial(os.system, "touch {}"),
    "open": Evil(open, "{}", "w"),
    "numpy": Evil(np.load, "{}"),
}


@pytest.mark.parametrize("name", ATTACKS)
@pytest.mark.parametrize("protocol", [0, 1, 2, 4, 5])
def test_code_is_never_run(name, protocol, tmp_path):
    mark = tmp_path / "mark"
    pickled = pickle.dumps({"weight": [1.0, ATTACKS[name]]}, protocol).replace(b"{}", str(mark).encode()[:2])
    with pytest.raises(pickle.UnpicklingError, match="Weights only load failed"):
        ndl.load(checkpoint(pickled))
    assert not mark.exists() and not os.path.exists(str(mark)[:2])


BY_HAND = {  # pickles that no pickler writes
    "a nested name": b"\x80\x04\x8c\x05torch\x8c\x11Size.mro.__self__\x93.",
    "a class made by NEWOBJ": b"\x80\x02ctorch\nSize\n((K\x01tt\x81.",
    "INST": b"(S'ls'\nios\nsystem\n.",
    "OBJ": b"(cos\nsystem\nS'ls'\no.",
    "an extension": b"\x80\x02\x82\x01.",
    "calling what was made": b"\x80\x02ctorch\nSize\n)R)R.",
    "calling a dtype": b"\x80\x02ctorch\nfloat32\n)R.",
    "attributes of a class": b"\x80\x02ctorch\nSize\nN}X\x05\x00\x00\x00numelK\x01s\x86b.",
    "attributes of a dtype": b"\x80\x02ctorch\nfloat32\nN}X\x04\x00\x00\x00nameK\x01s\x86b.",
    "attributes of a function": b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n}X\x01\x00\x00\x00xK\x01sb.",
    "our own by our name": b"\x80\x02cminitorch_ndl.serialization\nload\n)R.",
    "ours by torch's name": b"\x80\x02ctorch\nload\n)R.",
}


@pytest.mark.parametrize("name", BY_HAND)
def test_no_way_around(name):
    before = ndl.Size.numel, ndl.float32.name
    with pytest.raises(pickle.UnpicklingError, match="Weights only load failed"):
        ndl.load(checkpoint(BY_HAND[name]))
    assert (ndl.Size.numel, ndl.float32.name) == before


def test_a_state_dict_carries_its_metadata_and_nothing_else():
    state = OrderedDict(a=1)
    state._metadata, state.keys = OrderedDict(x=1), "no method"
    same = through(state)
    assert same._metadata == {"x": 1} and list(same.keys()) == ["a"]


class Config:
    def __init__(self, width):
        self.width = width


def test_what_is_allowed_is_loaded():
    config = Config(3)
    with pytest.raises(pickle.UnpicklingError) as caught:
        through({"config": config})
    name = f"{Config.__module__}.Config"
    assert f"safe_globals([{name}])" in str(caught.value) and "weights_only=False" in str(caught.value)
    with ndl.serialization.safe_globals([Config]):
        assert ndl.serialization.get_safe_globals() == [Config]
        assert through({"config": config})["config"].width == 3
    with pytest.raises(pickle.UnpicklingError):
        through({"config": config})
    try:
        ndl.serialization.add_safe_globals([(Config, name)])
        assert through(config).width == 3
        assert through(nn.Linear(2, 2).state_dict()).keys() == {"weight", "bias"}
    finally:
        ndl.serialization.clear_safe_globals()
    with ndl.serialization.safe_globals([nn.Linear, nn.Sequential]):
        assert str(through(nn.Sequential(nn.Linear(2, 3)))) == str(nn.Sequential(nn.Linear(2, 3)))


def test_a_tensor_outside_its_storage_is_damage():
    good = io.BytesIO()
    ndl.save(ndl.arange(4.0), good)
    with zipfile.ZipFile(good) as archive:
        pickled, content = archive.read("archive/data.pkl"), archive.read("archive/data/0")
    changed = pickled.replace(b"K\x04\x85", b"K\x09\x85")  # size (9,) on four elements
    assert changed != pickled
    bad = checkpoint(changed)
    with zipfile.ZipFile(bad, "a") as archive:
        archive.writestr("archive/data/0", content)
    bad.seek(0)
    with pytest.raises(pickle.UnpicklingError, match="does not lie within its storage"):
        ndl.load(bad)


# --- broken and foreign files -----------------------------------------------------------------------------------------


def test_every_truncation_is_an_error(tmp_path):
    file = io.BytesIO()
    ndl.save({"x": ndl.arange(20), "y": [1.5, "text"]}, file)
    content = file.getvalue()
    for size in range(0, len(content), 7):
        with pytest.raises((RuntimeError, EOFError, pickle.UnpicklingError)) as caught:
            ndl.load(io.BytesIO(content[:size]))
        assert any(word in str(caught.value) for word in ("truncated", "damaged", "no checkpoint", "empty")), (size, caught.value)


def test_a_flipped_bit_is_noticed():
    file = io.BytesIO()
    ndl.save({"x": ndl.arange(1000)}, file)
    content = bytearray(file.getvalue())
    content[content.index(np.arange(1000).tobytes()) + 4000] ^= 1
    with pytest.raises(RuntimeError, match="damaged"):
        ndl.load(io.BytesIO(content))


@pytest.mark.parametrize("content", [b"<html>not found</html>", b"hello", b"\x89PNG\r\n", b"(", b"\x80\x02}q\x00.", b"\x80\x04\x95"])
def test_a_foreign_file(tmp_path, content):
    path = tmp_path / "page.pt"
    path.write_bytes(content)
    with pytest.raises(pickle.UnpicklingError, match=r"page\.pt is no checkpoint"):
        ndl.load(path)


def test_another_zip_file(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("letter.txt", "hello")
    with pytest.raises(RuntimeError, match=r"no checkpoint.*letter\.txt"):
        ndl.load(tmp_path / "a.zip")


def test_damaged_pickles_are_errors_of_ours():
    file = io.BytesIO()
    ndl.save({"x": ndl.arange(20), "y": [1.5, "text"]}, file)
    with zipfile.ZipFile(file) as archive:
        pickled = archive.read("archive/data.pkl")
    for cut in range(1, len(pickled) - 1, 3):
        with pytest.raises((pickle.UnpicklingError, RuntimeError)):
            ndl.load(checkpoint(pickled[:cut]))


@pytest.mark.parametrize("call, error, words", [
    (lambda: ndl.load(5), AttributeError, "seek"),
    (lambda: ndl.save(ndl.ones(1), 5), AttributeError, "string, path"),
    (lambda: ndl.load("/no/such/file.pt"), FileNotFoundError, "file.pt"),
    (lambda: ndl.save(ndl.ones(1), "/no/such/file.pt"), RuntimeError, "Parent directory /no/such does not exist"),
    (lambda: ndl.save({"f": lambda: 1}, io.BytesIO()), (AttributeError, pickle.PicklingError), "lambda"),
])
def test_bad_arguments(call, error, words):
    with pytest.raises(error, match=words):
        call()
