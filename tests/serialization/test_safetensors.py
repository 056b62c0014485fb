"""The .safetensors format, where the library is installed; and what is said where it is not."""

import sys

import numpy as np
import pytest

import minitorch_ndl as ndl
from minitorch_ndl.serialization import safetensors


def test_without_the_library_the_error_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "safetensors", None)
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    with pytest.raises(ImportError, match="package safetensors.*pip install"):
        ndl.save({"x": ndl.ones(1)}, tmp_path / "x.safetensors")
    assert not list(tmp_path.iterdir())


def test_only_dicts_of_tensors(tmp_path):
    with pytest.raises(ValueError, match="epoch"):
        ndl.save({"x": ndl.ones(1), "epoch": 3}, tmp_path / "x.safetensors")


def test_there_and_back(tmp_path):
    reference = pytest.importorskip("safetensors.numpy")
    state = {"a": ndl.arange(6.0).view(2, 3).t(), "b": ndl.tensor(3), "c": ndl.zeros(0, 2, dtype=ndl.float16)}
    path = tmp_path / "x.safetensors"
    ndl.save(state, path)
    same = ndl.load(path)
    assert same.keys() == state.keys() and all(same[k].equal(v) and same[k].dtype is v.dtype for k, v in state.items())
    assert (reference.load_file(path)["a"] == state["a"].numpy()).all()
    reference.save_file({"n": np.arange(3, dtype=np.int16)}, path)
    (n,) = safetensors.load_file(path).values()
    assert n.tolist() == [0, 1, 2] and n.dtype is ndl.int16
    n.add_(1)  # writable, and not the file's
    assert safetensors.load(safetensors.save({"n": n}))["n"].equal(n)
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(RuntimeError, match="damaged"):
        ndl.load(path)
