"""`array_repr` against torch's own repr, on random arrays of every dtype, shape and range."""

import numpy as np
import pytest

from minitorch_ndl import printing

torch = pytest.importorskip("torch")

DTYPES = ("bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64")
LONGEST = {0: (1,), 1: (4, 40, 3000), 2: (5, 60), 3: (4, 14), 4: (4, 9)}  # ndim -> small, large, summarised


@pytest.fixture(autouse=True)
def restored_options():
    before, torch_before = printing.get_printoptions(), torch._tensor_str.get_printoptions()
    yield
    printing.set_printoptions(**before)
    torch.set_printoptions(**torch_before)


def random_array(rng, dtype):
    ndim = int(rng.integers(5))
    shape = rng.integers(rng.random() > 0.1, rng.choice(LONGEST[ndim]) + 1, size=ndim)
    if dtype == "bool":
        array = rng.random(shape) < rng.choice([0, 0.5, 1])
    elif "int" in dtype:
        info = np.iinfo(dtype)
        high = min(10 ** int(rng.integers(19)), info.max)
        array = rng.integers(rng.choice([0, max(-high, info.min)]), high, shape, dtype, endpoint=True)
    else:
        array = random_floats(rng, shape)
        for value in (0.0, -0.0, np.nan, np.inf, -np.inf):
            if rng.random() < 0.15:
                array[rng.random(shape) < 0.2] = value
        with np.errstate(over="ignore"):  # float16 gets infinities
            array = array.astype(dtype)
    array = np.asarray(array)
    return array.T if rng.random() < 0.2 else array


def random_floats(rng, shape):
    low, high = sorted(rng.uniform(-8, 8.3, 2))
    signs = rng.choice([[1.0, 1.0], [1.0, -1.0]])
    values = [
        lambda: rng.standard_normal(shape) * 10**low,
        lambda: 10 ** rng.uniform(low, high, shape) * rng.choice(signs, shape),
        lambda: np.round(rng.standard_normal(shape) * 10 ** rng.uniform(0, 9)),
        lambda: rng.random(shape),
        lambda: 10 ** rng.uniform(-38, 38, shape),
        lambda: rng.choice([0.0, 1.0, 0.5, 1e3, 1e-4, 1e8], shape),  # where the notation changes
    ]
    return np.array(values[rng.integers(len(values))]())


def random_options(rng):
    options = {
        "precision": int(rng.integers(9)),
        "threshold": float(rng.choice([-1, 0, 5, 100])),
        "edgeitems": int(rng.integers(6)),
        "linewidth": int(rng.choice([0, 20, 60, 80, 120, 10000])),
        "sci_mode": [None, True, False][rng.integers(3)],
        "profile": ["default", "short"][rng.integers(2)],
    }
    return {name: value for name, value in options.items() if rng.random() < 0.5}


def agree(array, prefix="tensor(", **how):
    """Both print the same; `how` may hold a suffix of autograd's, a device to name, a default dtype."""
    tensor = torch.from_numpy(array)
    if prefix != "tensor(":
        tensor = tensor.as_subclass(type(prefix[:-1], (torch.Tensor,), {}))
    if how.get("suffixes"):
        tensor.requires_grad_()
        if how["suffixes"] != ["requires_grad=True"]:
            tensor = tensor * 1
    expected = repr(tensor).replace("torch.", "ndl.")
    actual = printing.array_repr(array, prefix=prefix, **how)
    assert actual == expected, f"\n{actual}\nexpected\n{expected}\n{array.dtype} {array.shape} {how}"


@pytest.mark.parametrize("dtype", DTYPES)
def test_default_options(dtype):
    rng = np.random.default_rng(DTYPES.index(dtype))
    for _ in range(120):
        agree(random_array(rng, dtype))


@pytest.mark.parametrize("dtype", DTYPES)
def test_random_options(dtype):
    rng = np.random.default_rng(DTYPES.index(dtype))
    for _ in range(80):
        options = random_options(rng)
        for library in (torch, printing):
            library.set_printoptions(profile="default")
            library.set_printoptions(**options)
        assert printing.get_printoptions() == torch._tensor_str.get_printoptions()
        agree(random_array(rng, dtype))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("suffix", ["requires_grad=True", "grad_fn=<MulBackward0>"])
@pytest.mark.parametrize("device", [None, "cpu"])
def test_suffixes_wrap(dtype, suffix, device, monkeypatch):
    if device:  # torch names the device that is not the default one
        monkeypatch.setattr(torch._C, "_get_default_device", lambda: "elsewhere")
    rng = np.random.default_rng(0)
    for _ in range(60):
        agree(random_array(rng, dtype), suffixes=[suffix], device=device)


def test_subclass():
    rng = np.random.default_rng(0)
    for _ in range(60):
        agree(random_array(rng, rng.choice(DTYPES)), prefix="Longer(")


@pytest.mark.parametrize("default", ["float16", "float64"])
def test_default_dtype(default):
    rng = np.random.default_rng(0)
    torch.set_default_dtype(getattr(torch, default))
    try:
        for _ in range(60):
            agree(random_array(rng, rng.choice(DTYPES)), default_float=default)
    finally:
        torch.set_default_dtype(torch.float32)
