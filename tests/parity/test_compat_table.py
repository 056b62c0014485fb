"""docs/compatibility.md is in step with this package and PyTorch, and the comparison behind it can tell apart what it must."""

import importlib.util
from pathlib import Path

import pytest

import minitorch_ndl as ndl

torch = pytest.importorskip("torch")

SCRIPT = Path(__file__).parents[2] / "scripts" / "make_compat_table.py"
spec = importlib.util.spec_from_file_location("make_compat_table", SCRIPT)
script = importlib.util.module_from_spec(spec)
spec.loader.exec_module(script)


@pytest.fixture(scope="module")
def found():
    return script.survey()[0]


def test_the_page_is_in_step():
    assert script.PAGE.read_text(encoding="utf-8") == script.page(), "run scripts/make_compat_table.py"


def verdict(path, value):
    home, _, name = path.rpartition(".")
    return script.compare(home, name, value, {"unknown": 0, "any": 0})


def test_verdicts(monkeypatch):
    assert verdict("torch.nn.Linear", torch.nn.Linear) == ("present", [])
    assert verdict("torch.sum", torch.sum) == ("present", [])
    assert verdict("torch.stft", torch.stft) == ("refused", [])
    monkeypatch.delattr(ndl.nn, "Bilinear")
    assert verdict("torch.nn.Bilinear", torch.nn.Bilinear) == ("absent", [])
    monkeypatch.setattr(ndl.nn, "Linear", lambda in_features, out_features: None)
    assert verdict("torch.nn.Linear", torch.nn.Linear) == ("partial", ["bias", "device", "dtype"])
    monkeypatch.setattr(ndl.optim, "SGD", type("SGD", (), {"__init__": lambda self, **kwargs: None}))
    assert verdict("torch.optim.SGD", torch.optim.SGD) == ("partial", [".step"])


def test_parameters_of_compiled_functions_come_from_torch():
    assert script.theirs("torch", "sum", torch.sum) == {"input", "dim", "keepdim", "dtype", "out"}
    assert script.theirs("torch.Tensor", "add_", torch.Tensor.add_) == {"other", "alpha"}
    assert script.theirs("torch.linalg", "svd", torch.linalg.svd) == {"A", "full_matrices", "driver", "out"}
    assert script.theirs("torch.nn.functional", "gelu", torch.nn.functional.gelu) == {"input", "approximate"}
    assert "return_indices" in script.theirs("torch.nn.functional", "max_pool2d", torch.nn.functional.max_pool2d)


def test_asking_a_function_whether_it_takes_a_name():
    assert not script.refuses(ndl.sum, "dim") and script.refuses(ndl.sum, "nonsense")
    assert not script.refuses(torch.sum, "dim", torch.ones(1)) and script.refuses(torch.sum, "nonsense", torch.ones(1))


def test_every_name_is_judged_once_and_none_is_private(found):
    for path, verdicts in found.items():
        names = [name for entries in verdicts.values() for name, _ in entries]
        assert names and len(names) == len(set(names)) and not [name for name in names if name.startswith("_")], path


@pytest.mark.parametrize("path, name", [
    ("torch", "set_grad_enabled"), ("torch", "float32"), ("torch", "einsum"), ("torch", "pi"), ("torch.nn", "LSTM"),
    ("torch.nn.functional", "conv2d"), ("torch.nn.functional", "max_pool2d"), ("torch.amp", "autocast"),
    ("torch.Tensor", "view"), ("torch.utils.data", "DataLoader"), ("torch.linalg", "svd"), ("torch.optim", "AdamW")])
def test_what_people_use_is_looked_at(found, path, name):
    assert name in [entry for entries in found[path].values() for entry, _ in entries]


def test_what_is_called_absent_is_not_there(found):
    for path, verdicts in found.items():
        try:
            home = script.finder.lookup(path)
        except AttributeError:
            assert not any(verdicts[verdict] for verdict in ("present", "partial", "refused")), path
            continue
        for name, _ in verdicts["absent"]:
            assert not hasattr(home, name), f"{path}.{name}"


def test_names_that_torch_gives_its_parameters():
    for lib in (ndl, torch):
        assert lib.zeros(2).copy_(other=lib.ones(2)).tolist() == [1, 1]
        assert lib.isin(element=1, test_elements=lib.tensor([1, 2])) and lib.isin(lib.tensor(3), test_element=3)
        assert len(lib.tensor_split(lib.ones(4), tensor_indices_or_sections=lib.tensor(2))) == 2
        assert lib.cholesky_inverse(input=lib.eye(2)).tolist() == lib.ones(2, 2).tril().triu().tolist()
        assert lib.cholesky_solve(lib.ones(2, 1), input2=lib.eye(2)).tolist() == [[1], [1]]
        moved = lib.nn.Sequential(lib.nn.Linear(2, 3), lib.nn.BatchNorm1d(3)).to_empty(device="cpu")
        assert [tuple(p.shape) for p in moved.parameters()] == [(3, 2), (3,), (3,), (3,)]
