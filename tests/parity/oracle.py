"""Comparing one piece of code on this package and on torch: values, dtypes, shapes, gradients of first and second order."""

import numpy as np
import pytest

import minitorch_ndl as ndl

torch = pytest.importorskip("torch")


def check(function, arrays, rtol=1e-6, atol=1e-8, second=True, grad=True):
    """`function(lib, *tensors)` must agree on both: its result(s), their gradients and those gradients' own."""
    results = []
    for lib in (ndl, torch):
        tensors = [lib.from_numpy(a.copy()) if isinstance(a, np.ndarray) else a for a in arrays]
        leaves = [t for t in tensors if hasattr(t, "dtype") and "float" in str(t.dtype)] if grad else []
        for leaf in leaves:
            leaf.requires_grad_()
        out = function(lib, *tensors)
        outs = list(out) if isinstance(out, (tuple, list)) else [out]
        found = [(tuple(o.shape), str(o.dtype).split(".")[-1], o.detach().numpy()) for o in outs]
        smooth = [o for o in outs if o.requires_grad]
        if smooth and leaves:
            random = np.random.RandomState(5)
            seeds = [lib.from_numpy(np.asarray(random.randn(*o.shape), str(o.dtype).split(".")[-1])) for o in smooth]
            first = lib.autograd.grad(smooth, leaves, seeds, create_graph=second, allow_unused=True)
            found += [None if g is None else (tuple(g.shape), str(g.dtype).split(".")[-1], g.detach().numpy()) for g in first]
            again = [g for g in first if g is not None and g.requires_grad]
            if second and again:
                total = sum((g * lib.from_numpy(np.asarray(random.randn(*g.shape), str(g.dtype).split(".")[-1]))).sum()
                            for g in again)
                nested = lib.autograd.grad(total, leaves, allow_unused=True) if total.requires_grad else []
                found += [np.zeros(1) if g is None else g.detach().numpy() for g in nested]
        results.append(found)
    mine, theirs = results
    for a, b in zip(mine, theirs):
        if isinstance(a, tuple) and isinstance(b, tuple):
            assert a[:2] == b[:2], f"shape or dtype: {a[:2]}, torch has {b[:2]}"
            np.testing.assert_allclose(a[2], b[2], rtol=rtol, atol=atol, equal_nan=True)
        elif isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
            np.testing.assert_allclose(*np.broadcast_arrays(a, b), rtol=rtol * 10, atol=atol * 10, equal_nan=True)
        else:
            given = [np.abs(x[2]).max() if isinstance(x, tuple) and x[2].size else 0 for x in (a, b) if x is not None]
            assert not any(given), f"one gradient is missing: {a}, torch has {b}"


def refusal(function):
    """Both refuse, with the same type of exception (ours may be a subclass)."""
    kinds = []
    for lib in (torch, ndl):
        with pytest.raises(Exception) as caught:
            function(lib)
        kinds.append(caught.type)
    assert issubclass(kinds[1], kinds[0]), f"{kinds[1].__name__}, torch raises {kinds[0].__name__}"
