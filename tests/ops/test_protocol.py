"""NumPy's functions on Tensors: NumPy's values, our Tensors, and gradients where an operation of ours stands behind them."""

import numpy as np
import pytest

import minitorch_ndl as ndl
from minitorch_ndl import Tensor

RANDOM = np.random.RandomState(0)
SQUARE = RANDOM.rand(3, 3) + 3 * np.eye(3)

# Functions of one array (and constants) for which an operation exists: written once, for arrays and Tensors alike.
OURS = {
    "exp": np.exp, "log1p": np.log1p, "negative": np.negative, "absolute": np.abs, "sqrt": np.sqrt, "tanh": np.tanh,
    "square": np.square, "add": lambda x: np.add(x, 2), "power": lambda x: np.power(x, 3), "maximum": lambda x: np.maximum(x, x * 0.5),
    "array on the left": lambda x: np.full((3, 3), 2.0) * x - np.arange(3.0), "array on the right": lambda x: x / np.full(3, 2.0),
    "NumPy scalar": lambda x: np.float64(2) * x + np.sqrt(2), "matmul": lambda x: np.eye(3) @ x, "matmul function": lambda x: np.matmul(x, x),
    "sum": np.sum, "sum axis": lambda x: np.sum(x, axis=0), "sum axes": lambda x: np.sum(x, axis=(0, 1), keepdims=True),
    "add.reduce": lambda x: np.add.reduce(x), "mean": lambda x: np.mean(x, axis=1, keepdims=True), "prod": np.prod,
    "max": lambda x: np.max(x, axis=0), "min": lambda x: x.min() if isinstance(x, np.ndarray) else np.min(x),
    "std": np.std, "std ddof": lambda x: np.std(x, axis=0, ddof=1), "var": lambda x: np.var(x, axis=1), "cumsum": np.cumsum,
    "cumsum axis": lambda x: np.cumsum(x, axis=1), "sort": lambda x: np.sort(x, axis=0), "transpose": np.transpose,
    "transpose axes": lambda x: np.transpose(x, (1, 0)), "reshape": lambda x: np.reshape(x, (1, 9)), "ravel": np.ravel,
    "concatenate": lambda x: np.concatenate([x, x], axis=1), "concatenate flat": lambda x: np.concatenate([x, x], axis=None),
    "stack": lambda x: np.stack([x, x], axis=1), "vstack": lambda x: np.vstack([x, x]), "split": lambda x: np.split(x, 3)[1],
    "split at": lambda x: np.split(x, [1], axis=1)[1], "clip": lambda x: np.clip(x, 0.2, 0.8), "flip": np.flip,
    "flip axis": lambda x: np.flip(x, 0), "roll": lambda x: np.roll(x, 1, axis=0), "tile": lambda x: np.tile(x, (2, 1)),
    "repeat": lambda x: np.repeat(x, 2, axis=1), "repeat flat": lambda x: np.repeat(x, 2), "expand_dims": lambda x: np.expand_dims(x, (0, 3)),
    "squeeze": lambda x: np.squeeze(np.expand_dims(x, 1)), "moveaxis": lambda x: np.moveaxis(x, 0, 1),
    "where": lambda x: np.where(np.eye(3) > 0, x, 0.0), "diag": np.diag, "trace": np.trace, "tril": np.tril,
    "outer": lambda x: np.outer(x[0], x[1]), "dot": lambda x: np.dot(x, x), "dot 1d": lambda x: np.dot(x[0], x[1]),
    "tensordot": lambda x: np.tensordot(x, x, axes=1), "einsum": lambda x: np.einsum("ij,jk->i", x, x), "inv": np.linalg.inv,
    "det": np.linalg.det, "norm": np.linalg.norm, "norm axis": lambda x: np.linalg.norm(x, axis=1), "diff": np.diff,
    "broadcast_to": lambda x: np.broadcast_to(x, (2, 3, 3)), "round": lambda x: np.round(x, 1), "array_split": lambda x: np.array_split(x, 2)[0],
}


@pytest.mark.parametrize("function", OURS.values(), ids=OURS)
def test_gives_tensors_with_gradients(function):
    x = ndl.from_numpy(SQUARE.copy()).requires_grad_()
    result = function(x)
    assert type(result) is Tensor and result.requires_grad and result.dtype == ndl.float64
    np.testing.assert_allclose(result.detach().numpy(), function(SQUARE), rtol=1e-12)


@pytest.mark.parametrize("function", [
    lambda x: np.percentile(x, 30), np.median, lambda x: np.allclose(x, x), np.cbrt, lambda x: np.histogram(x, 3)[0],
    lambda x: np.mean(x, where=np.eye(3) > 0), lambda x: np.add.accumulate(x), lambda x: np.linalg.cond(x), np.unique])
def test_everything_else_converts(function):
    result = function(ndl.from_numpy(SQUARE.copy()))
    assert not isinstance(result, Tensor)
    np.testing.assert_allclose(result, function(SQUARE), rtol=1e-12)
    with pytest.raises(RuntimeError, match="Can't call numpy\\(\\) on Tensor that requires grad"):
        function(ndl.from_numpy(SQUARE.copy()).requires_grad_())


def test_arrays_are_written_into():
    array = before = np.ones(3)
    array += ndl.tensor([1.0, 2.0, 3.0])
    assert array is before and array.tolist() == [2, 3, 4]
    np.multiply(array, ndl.tensor([2.0, 2.0, 2.0]), out=array)
    assert array.tolist() == [4, 6, 8]


def test_comparisons_with_arrays_are_masks():
    mask = np.arange(3.0) > ndl.tensor([1.0, 1.0, 1.0])
    assert type(mask) is Tensor and mask.tolist() == [False, False, True]


def test_ordinary_conversion():
    t = ndl.tensor([1.0, 2.0])
    assert np.asarray(t).dtype == np.float32 and np.array(t, dtype=np.float64).dtype == np.float64
    np.asarray(t)[0] = 5
    assert t[0] == 5, "asarray shares the memory"
    np.testing.assert_array_equal(t, [5, 2])
