"""Checkpoints go from torch to us and back."""

import collections
import io
import zipfile

import numpy as np
import pytest

import minitorch_ndl as ndl

torch = pytest.importorskip("torch")

DTYPES = "bool uint8 int8 int16 int32 int64 float16 float32 float64".split()


def from_torch(value, save=None, **options):
    file = io.BytesIO()
    torch.save(value, file, **save or {})
    file.seek(0)
    return ndl.load(file, **options)


def to_torch(value, weights_only=True):
    file = io.BytesIO()
    ndl.save(value, file)
    file.seek(0)
    return torch.load(file, weights_only=weights_only)


def same(ours, theirs):
    if isinstance(theirs, torch.Tensor):
        assert isinstance(ours, ndl.Tensor) and str(ours.dtype) == str(theirs.dtype).replace("torch.", "ndl.")
        assert tuple(ours.shape) == tuple(theirs.shape) and ours.requires_grad == theirs.requires_grad
        assert (type(ours).__name__ == "Parameter") == isinstance(theirs, torch.nn.Parameter)
        if theirs.numel():
            assert ours.stride() == theirs.stride()
        np.testing.assert_array_equal(ours.detach().numpy(), theirs.detach().numpy())
    elif isinstance(theirs, dict):
        assert type(ours) is type(theirs) and list(ours) == list(theirs)
        for key in theirs:
            same(ours[key], theirs[key])
    elif isinstance(theirs, (list, tuple)):
        assert type(ours).__name__ == type(theirs).__name__ and len(ours) == len(theirs)
        for a, b in zip(ours, theirs):
            same(a, b)
    elif isinstance(theirs, (torch.dtype, torch.device)):
        assert str(ours).replace("ndl.", "torch.") == str(theirs)
    else:
        assert ours == theirs and type(ours) is type(theirs)


def values():
    base = torch.arange(24.0).view(4, 6)
    return {
        "base": base, "row": base[2], "column": base[:, 3], "transposed": base.t(), "steps": base[::2, 1::3],
        "expanded": torch.ones(3).expand(2, 3), "parameter": torch.nn.Parameter(torch.randn(3)),
        "frozen": torch.nn.Parameter(torch.randn(3), requires_grad=False), "leaf": torch.randn(2, requires_grad=True),
        "channels_last": torch.randn(2, 3, 4, 5).contiguous(memory_format=torch.channels_last),
        **{name: (torch.rand(3, 2) * 3).to(getattr(torch, name)) for name in DTYPES},
        "scalar": torch.tensor(3.5), "none": torch.empty(0, 3), "size": torch.Size([2, 3]), "dtype": torch.float64,
        "device": torch.device("cuda:1"), "ordered": collections.OrderedDict(b=1, a=[2, (3.5, None, True)]), "set": {1, 2},
        "bytes": b"\x00\xff", "big": 2**70, "text": "häß", "complex": 1 + 2j, "counter": collections.Counter("abb"),
    }


@pytest.mark.parametrize("save", [{}, {"pickle_protocol": 4}, {"_use_new_zipfile_serialization": False}])
def test_torchs_files_load_here(save):
    theirs = values()
    ours = from_torch(theirs, save)
    same(ours, theirs)
    ours["base"][2, 3] = -1
    assert ours["row"][3] == -1 and ours["column"][2] == -1 and ours["transposed"][3, 2] == -1


def test_ours_load_in_torch_with_weights_only():
    ours = from_torch(values())
    theirs = to_torch(ours)
    same(ours, theirs)
    theirs["base"][2, 3] = -1
    assert theirs["row"][3] == -1 and theirs["column"][2] == -1 and theirs["transposed"][3, 2] == -1


def test_attributes_of_tensors():
    x, p = torch.ones(2), torch.nn.Parameter(torch.ones(2))
    x.note = p.note = "seen"
    ours = from_torch([x, p])
    assert [t.note for t in ours] == ["seen", "seen"]
    assert [t.note for t in to_torch(ours)] == ["seen", "seen"]


def make(package, seed=0):
    package.manual_seed(seed)
    nn = package.nn
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Dropout(0.2), nn.Linear(8, 8), nn.LeakyReLU(0.1), nn.Linear(8, 3))


def trained(package, optimizer):
    model = make(package)
    optimizer = getattr(package.optim, optimizer)(model.parameters(), lr=0.01)
    step(package, model, optimizer)
    return model, optimizer


def step(package, model, optimizer, times=3):
    model.eval()
    x = package.arange(8.0).view(2, 4) / 10
    for _ in range(times):
        optimizer.zero_grad()
        model(x).square().mean().backward()
        optimizer.step()


@pytest.mark.parametrize("optimizer", ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad"])
def test_training_goes_on_in_the_other_library(optimizer):
    theirs, their_optimizer = trained(torch, optimizer)
    state = from_torch({"model": theirs.state_dict(), "optimizer": their_optimizer.state_dict()})
    ours = make(ndl, seed=1)
    our_optimizer = getattr(ndl.optim, optimizer)(ours.parameters(), lr=1.0)
    ours.load_state_dict(state["model"])
    our_optimizer.load_state_dict(state["optimizer"])
    step(torch, theirs, their_optimizer)
    step(ndl, ours, our_optimizer)
    for a, b in zip(ours.parameters(), theirs.parameters()):
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-4, atol=1e-6)
    back = make(torch, seed=2)
    other = getattr(torch.optim, optimizer)(back.parameters(), lr=1.0)
    state = to_torch({"model": ours.state_dict(), "optimizer": our_optimizer.state_dict()})
    back.load_state_dict(state["model"])
    other.load_state_dict(state["optimizer"])
    step(torch, back, other)
    step(torch, theirs, their_optimizer)
    for a, b in zip(back.parameters(), theirs.parameters()):
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-3, atol=1e-5)


def test_whole_modules_go_both_ways():
    theirs = make(torch).eval()
    x = np.random.rand(3, 4).astype(np.float32)
    expected = theirs(torch.from_numpy(x)).detach().numpy()
    ours = from_torch(theirs, weights_only=False)
    assert type(ours) is ndl.nn.Sequential and repr(ours) == repr(theirs)
    np.testing.assert_allclose(ours(ndl.from_numpy(x)).detach().numpy(), expected, rtol=1e-5, atol=1e-6)
    again = to_torch(ours, weights_only=False)
    assert type(again) is torch.nn.Sequential and repr(again) == repr(theirs)
    np.testing.assert_allclose(again(torch.from_numpy(x)).detach().numpy(), expected, rtol=1e-5, atol=1e-6)
    fresh = make(ndl, seed=3).eval()
    np.testing.assert_allclose(to_torch(fresh, weights_only=False)(torch.from_numpy(x)).detach().numpy(),
                               fresh(ndl.from_numpy(x)).detach().numpy(), rtol=1e-5, atol=1e-6)


MODULES = [
    ("Conv2d(3, 4, 3, padding=1)", (2, 3, 8, 8)), ("Conv2d(3, 4, 3, padding=1, padding_mode='reflect')", (2, 3, 8, 8)),
    ("ConvTranspose2d(3, 4, 3, stride=2)", (2, 3, 8, 8)), ("BatchNorm2d(3)", (2, 3, 4, 4)), ("LayerNorm(8)", (2, 8)),
    ("GroupNorm(3, 6)", (2, 6, 4)), ("MaxPool2d(2)", (2, 3, 8, 8)), ("RNN(3, 4)", (5, 2, 3)), ("GRUCell(3, 4)", (2, 3)),
    ("LSTM(3, 4, 2, bidirectional=True)", (5, 2, 3)), ("TransformerEncoderLayer(8, 2, 16)", (5, 2, 8)), ("PReLU()", (3,)),
    ("TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, activation='gelu', batch_first=True), 2)", (5, 2, 8)),
    ("Upsample(scale_factor=2)", (1, 2, 3, 3)), ("Flatten()", (2, 3, 4)), ("Softmax(1)", (2, 3)), ("GELU()", (3,)),
    ("ModuleList([nn.Linear(3, 2)])[0]", (2, 3)), ("utils.weight_norm(nn.Linear(3, 2))", (1, 3)),
]


@pytest.mark.filterwarnings("ignore:.*weight_norm.* is deprecated", "ignore:enable_nested_tensor")
@pytest.mark.parametrize("source, shape", MODULES, ids=[source for source, _ in MODULES])
def test_whole_layers_go_both_ways(source, shape):
    x = np.random.rand(*shape).astype(np.float32)
    for package, other, carry in ((torch, ndl, from_torch), (ndl, torch, to_torch)):
        module = eval("nn." + source, {"nn": package.nn}).eval()
        again = carry(module, weights_only=False)
        assert repr(again) == repr(module) and isinstance(again, getattr(other.nn, type(module).__name__))
        expected, result = module(package.from_numpy(x)), again(other.from_numpy(x))
        if isinstance(expected, tuple):
            expected, result = expected[0], result[0]
        np.testing.assert_allclose(result.detach().numpy(), expected.detach().numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["StepLR(o, 1)", "CosineAnnealingLR(o, 5)", "OneCycleLR(o, 0.1, total_steps=10)", "LambdaLR(o, len)"])
def test_schedulers_go_on_in_the_other_library(name):
    for package, other, carry in ((torch, ndl, from_torch), (ndl, torch, to_torch)):
        optimizers = [p.optim.SGD(p.nn.Linear(2, 2).parameters(), lr=0.1, momentum=0.9) for p in (package, other)]
        first, second = (eval("S." + name, {"S": p.optim.lr_scheduler, "o": o, "len": lambda epoch: 0.5 ** epoch})
                         for p, o in zip((package, other), optimizers))
        for _ in range(3):
            optimizers[0].step()
            first.step()
        second.load_state_dict(carry(first.state_dict()))
        optimizers[1].load_state_dict(carry(optimizers[0].state_dict()))
        optimizers[0].step()
        optimizers[1].step()
        first.step()
        second.step()
        assert first.get_last_lr() == pytest.approx(second.get_last_lr())


def test_generators_and_their_states():
    theirs = torch.Generator().manual_seed(3)
    torch.rand(5, generator=theirs)
    ours = from_torch(theirs, weights_only=False)
    again = to_torch(ours, weights_only=False)
    expected = torch.rand(4, generator=theirs).numpy()
    assert (ndl.rand(4, generator=ours).numpy() == expected).all()
    assert (torch.rand(4, generator=again).numpy() == expected).all()
    assert from_torch(torch.get_rng_state()).tolist() == torch.get_rng_state().tolist()


def test_arrays_and_numpys_numbers():
    value = {"a": np.arange(3.0), "n": np.int64(3)}
    ours = from_torch(value, weights_only=False)
    assert (ours["a"] == value["a"]).all() and ours["n"] == 3 and type(ours["n"]) is np.int64
    allowed = [np._core.multiarray.scalar, np.dtype, type(np.dtype(np.int64))]
    with ndl.serialization.safe_globals(allowed):
        assert from_torch({"n": np.int64(3)})["n"] == 3


@pytest.mark.parametrize("dtype", ["bfloat16", "complex64", "uint16", "float8_e5m2"])
def test_dtypes_that_we_lack(dtype):
    with pytest.raises(TypeError, match="with torch"):
        from_torch({"x": torch.ones(2).to(getattr(torch, dtype))})


def test_compiled_and_sparse():
    with pytest.raises(TypeError, match="sparse"):
        from_torch(torch.eye(3).to_sparse())


@pytest.mark.parametrize("mmap", [False, True])
def test_paths_and_memory_maps(tmp_path, mmap):
    torch.save({"x": torch.arange(100.0)}, tmp_path / "theirs.pt")
    ndl.save({"x": ndl.arange(100.0)}, tmp_path / "ours.pt")
    same(ndl.load(tmp_path / "theirs.pt", mmap=mmap), torch.load(tmp_path / "ours.pt", mmap=mmap))


def test_both_refuse_the_same_modules():
    for load, library in ((from_torch, torch), (to_torch, ndl)):
        with pytest.raises(Exception, match=r"Weights only load failed[\s\S]*Linear"):
            load(library.nn.Linear(2, 2))


def test_a_file_from_a_gpu_says_what_to_do():
    file = io.BytesIO()
    torch.save({"x": torch.arange(3.0)}, file)
    target = io.BytesIO()
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name).replace(b"X\x03\x00\x00\x00cpu", b"X\x06\x00\x00\x00cuda:0"))
    target.seek(0)
    with pytest.raises(RuntimeError, match="Attempting to deserialize object on a CUDA device"):
        ndl.load(target)
    for where in ("cpu", {"cuda:0": "cpu"}, lambda storage, location: storage):
        target.seek(0)
        assert ndl.load(target, map_location=where)["x"].tolist() == [0, 1, 2]
