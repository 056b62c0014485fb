"""The compiled functions of one number, each against the kernel in NumPy that it stands for."""

import functools

import numpy as np
import pytest

import minitorch_ndl as ndl
from minitorch_ndl import compiled
from minitorch_ndl.dispatch import OPS

pytest.importorskip("numba")
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

CASES = [("sigmoid",), ("silu", False), ("scaled_elu", 1.0, 1.0, 1.0), ("scaled_elu", 1.67, 1.05, 1.0),
         ("scaled_elu", -0.5, 2.0, 1.0), ("scaled_elu", 1.0, 1.0, 3.0), ("softplus", 1.0, 20.0), ("softplus", 2.0, 5.0),
         ("softplus", -1.0, 20.0), ("mish", False), ("hardswish", False), ("bowl", 0.7)]


@pytest.mark.parametrize("name, args", [(name, args) for name, *args in CASES], ids=str)
def test_same_as_in_numpy(name, args):
    if not compiled.enabled():
        pytest.skip("MINITORCH_NDL_FAST=0")
    plain = functools.partial(OPS[name].kernel, np)
    twin = compiled.twin_of(name, plain)
    assert twin is not plain
    rng = np.random.default_rng(0)
    special = [0.0, -0.0, np.inf, -np.inf, np.nan, 1e-40, -1e-40, 1e-10, -1e-10, 88.0, -88.0, 1e37, -1e37, 3, -3, 20]
    x = np.concatenate([rng.normal(0, scale, 5000) for scale in (1e-3, 1, 30)] + [special]).astype("f")
    for shaped in (x, x.reshape(2, -1), x[:0]):
        actual, expected = twin(shaped, *args), plain(shaped, *args)
        assert (actual.dtype, actual.shape) == (expected.dtype, expected.shape)
        np.testing.assert_allclose(actual, expected, rtol=2e-6, atol=1e-38)
    for other in (x.astype("d"), x[::2]):  # handed back
        np.testing.assert_array_equal(twin(other, *args), plain(other, *args))


def test_written_in_place():
    x = ndl.tensor([-1.0, 2.0])
    assert ndl.nn.functional.elu(x, inplace=True) is x
    assert ndl.allclose(x, ndl.tensor([-0.63212, 2.0]))
