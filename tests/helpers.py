"""What tests share. `from tests.helpers import assert_close`"""

import numpy as np

# torch.testing.assert_close's own (rtol, atol); every other dtype must match exactly
TOLERANCES = {"float16": (1e-3, 1e-5), "float32": (1.3e-6, 1e-5), "float64": (1e-7, 1e-7)}


def to_numpy(value):
    """The values of a Tensor (ours or torch's), an array, or nested numbers, as an array."""
    if hasattr(value, "detach"):
        value = value.detach().numpy(force=True)
    return np.asarray(value)


def assert_close(actual, expected, rtol=None, atol=None, *, check_dtype=False):
    """Same shape and, within the tolerance, same values (NaN equals NaN).

    `rtol` and `atol` default to torch's for the coarser of the two dtypes. Tuples and lists of tensors are
    compared member by member. The dtype counts only with `check_dtype`: many references are float64.
    """
    if isinstance(actual, (tuple, list)):
        assert len(actual) == len(expected), f"{len(actual)} values, expected {len(expected)}"
        for a, e in zip(actual, expected):
            assert_close(a, e, rtol, atol, check_dtype=check_dtype)
        return
    actual, expected = to_numpy(actual), to_numpy(expected)
    assert actual.shape == expected.shape, f"shape {actual.shape}, expected {expected.shape}"
    if check_dtype:
        assert actual.dtype == expected.dtype, f"dtype {actual.dtype}, expected {expected.dtype}"
    defaults = [TOLERANCES.get(array.dtype.name, (0, 0)) for array in (actual, expected)]
    default_rtol, default_atol = map(max, zip(*defaults))
    np.testing.assert_allclose(
        actual,
        expected,
        rtol=default_rtol if rtol is None else rtol,
        atol=default_atol if atol is None else atol,
    )
