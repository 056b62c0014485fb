"""`torch.hub`'s downloads, from files beside, and `torch.testing`."""

import hashlib

import numpy as np
import pytest

import minitorch_ndl as ndl
from minitorch_ndl import hub, nn, testing


@pytest.fixture
def published(tmp_path):
    """A checkpoint with its hash in its name; its URL."""
    path = tmp_path / "web" / "net.pth"
    path.parent.mkdir()
    ndl.save(nn.Linear(2, 2).state_dict(), path)
    named = path.with_name(f"net-{hashlib.sha256(path.read_bytes()).hexdigest()[:8]}.pth")
    path.rename(named)
    return named


def test_a_checkpoint_is_downloaded_once(published, tmp_path):
    state = hub.load_state_dict_from_url(published.as_uri(), tmp_path / "cache", check_hash=True, progress=False)
    published.unlink()
    again = hub.load_state_dict_from_url(published.as_uri(), tmp_path / "cache", map_location="cpu")
    assert state.keys() == {"weight", "bias"} and again["weight"].equal(state["weight"])


def test_a_wrong_or_missing_file_leaves_nothing_behind(published, tmp_path):
    other = published.with_name("net-12345678.pth")
    published.rename(other)
    with pytest.raises(RuntimeError, match="invalid hash value"):
        hub.load_state_dict_from_url(other.as_uri(), tmp_path / "cache", check_hash=True)
    with pytest.raises(RuntimeError, match="could not be downloaded"):
        hub.load_state_dict_from_url((tmp_path / "nothing.pth").as_uri(), tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_the_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    assert hub.get_dir() == str(tmp_path / "hub")
    monkeypatch.setattr(hub, "_folder", None)
    hub.set_dir(str(tmp_path / "own"))
    assert hub.get_dir() == str(tmp_path / "own")


CLOSE = [
    (lambda t: (t.ones(2), t.ones(2) + 1e-7), {}), (lambda t: (t.ones(2).half(), t.ones(2).half() * 1.0005), {}),
    (lambda t: ([1.0, t.ones(1)], [1.0 + 1e-9, t.ones(1)]), {}), (lambda t: ({"a": 3}, {"a": 3}), {}),
    (lambda t: (t.tensor([float("nan")]), t.tensor([float("nan")])), {"equal_nan": True}),
    (lambda t: (t.tensor([float("inf")]), t.tensor([float("inf")])), {}), (lambda t: (t.arange(3), t.arange(3)), {}),
    (lambda t: (t.ones(2), t.ones(2).double()), {"check_dtype": False}), (lambda t: (np.ones(2), np.ones(2)), {}),
    (lambda t: (t.ones(2), t.ones(2) * 1.1), {"rtol": 0.2, "atol": 0}), (lambda t: (None, None), {}),
]
APART = [
    (lambda t: (t.ones(2), t.ones(2) + 1e-4), {}), (lambda t: (t.ones(2), t.ones(3)), {}), (lambda t: (t.ones(2), t.ones(2).double()), {}),
    (lambda t: ([1.0], [1.0, 2.0]), {}), (lambda t: ({"a": 3}, {"b": 3}), {}), (lambda t: (t.arange(3), t.arange(3) + 1), {}),
    (lambda t: (t.tensor([float("nan")]), t.tensor([float("nan")])), {}), (lambda t: (1.0, 1.1), {}),
    (lambda t: (t.tensor([float("inf")]), t.tensor([-float("inf")])), {}), (lambda t: ({"a": [t.ones(1)]}, {"a": [t.zeros(1)]}), {}),
    (lambda t: (t.ones(2, 3), t.ones(3, 2).t()), {"check_stride": True}),
]


@pytest.mark.parametrize("make, options", CLOSE)
def test_close(make, options):
    testing.assert_close(*make(ndl), **options)


@pytest.mark.parametrize("make, options", APART)
def test_apart(make, options):
    with pytest.raises(AssertionError) as caught:
        testing.assert_close(*make(ndl), **options)
    assert str(caught.value)
    with pytest.raises(AssertionError, match="^mine$"):
        testing.assert_close(*make(ndl), msg="mine", **options)


def test_tolerances_come_in_pairs():
    with pytest.raises(ValueError, match="both"):
        testing.assert_close(1, 1, rtol=0.1)


def test_make_tensor():
    x = testing.make_tensor(50, dtype=ndl.float32, requires_grad=True)
    assert x.requires_grad and x.min() >= -9 and x.max() <= 9 and x.std() > 2
    assert set(testing.make_tensor((5, 20), dtype=ndl.bool).flatten().tolist()) == {True, False}
