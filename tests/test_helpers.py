"""A comparison that passes too easily would weaken every test that uses it."""

import numpy as np
import pytest

from tests.helpers import assert_close

ONE = np.float32([1.0])


def test_what_is_close_passes():
    assert_close(ONE, [1.0 + 1e-6])
    assert_close([ONE, ONE], ([1], np.array([1])))
    assert_close(ONE, [1.05], rtol=0.1)
    assert_close(np.array([np.nan, np.inf]), [np.nan, np.inf])


@pytest.mark.parametrize(
    ("actual", "expected", "kwargs"),
    [
        (ONE, [1.0 + 1e-4], {}),
        (ONE.astype(np.float64), [1.0 + 1e-6], {}),
        (np.array([2]), np.array([3]), {}),
        (ONE, [[1.0]], {}),
        (ONE, 1.0, {}),
        ([ONE], [ONE, ONE], {}),
        ([ONE, ONE], [ONE, ONE + 1], {}),
        (ONE, [np.nan], {}),
        (ONE, [1.0 + 1e-6], {"rtol": 0, "atol": 0}),
        (ONE, ONE.astype(np.float64), {"check_dtype": True}),
    ],
)
def test_what_differs_fails(actual, expected, kwargs):
    with pytest.raises(AssertionError):
        assert_close(actual, expected, **kwargs)
