"""What every test and every docstring example runs under."""

import importlib.util
import os
import random

import hypothesis
import numpy as np
import pytest

import minitorch_ndl as ndl
from minitorch_ndl import dtypes, needle
from minitorch_ndl.autograd import grad_mode

# The default deadline of 200 ms per example fails on a busy machine. CI draws the same examples every time.
hypothesis.settings.register_profile("house", deadline=None, derandomize="CI" in os.environ)
hypothesis.settings.load_profile("house")

# What Numba compiles can't be looked at for examples where Numba is missing.
collect_ignore_glob = [] if importlib.util.find_spec("numba") else ["minitorch_ndl/compiled/*"]

# State that outlives a test: how to read it, and how to put it back so that only the guilty test fails.
GLOBAL_STATE = {
    "grad mode": (grad_mode.is_grad_enabled, grad_mode.set_grad_enabled),
    "the default dtype": (dtypes.get_default_dtype, dtypes.set_default_dtype),
    "anomaly detection": (grad_mode.is_anomaly_enabled, grad_mode.set_detect_anomaly),
}


@pytest.fixture(autouse=True)
def _clean_state():
    """Start each test with the same random numbers; fail one that leaves global state changed."""
    random.seed(0)
    np.random.seed(0)
    ndl.manual_seed(0)
    before = {name: read() for name, (read, _) in GLOBAL_STATE.items()}
    yield
    leaks = [name for name, (read, _) in GLOBAL_STATE.items() if read() != before[name]]
    for name in leaks:
        GLOBAL_STATE[name][1](before[name])
    if leaks:
        pytest.fail(f"this test leaves {' and '.join(leaks)} changed; use the context manager, or undo it")


@pytest.fixture(autouse=True)
def _doctest_names(doctest_namespace):
    doctest_namespace.update(ndl=ndl, np=np, needle=needle)
