"""Run one call on torch and on us, and compare everything: values, dtypes, shapes, kinds, gradients of both orders."""

import numpy as np
import pytest

import minitorch_ndl as ndl
from tests.helpers import assert_close, to_numpy

torch = pytest.importorskip("torch")

TOLERANCES = {"float16": (2e-3, 2e-3), "float32": (2e-5, 2e-5), "float64": (1e-8, 1e-9)}


def inputs(m, args, grad):
    """Arrays as tensors of module `m`; the float ones require grad."""
    make = torch.from_numpy if m is torch else ndl.from_numpy
    tensors = []
    for a in args:
        if isinstance(a, np.ndarray):
            a = make(a.copy(order="K"))
            if grad and a.dtype.is_floating_point:
                a.requires_grad_()
        elif isinstance(a, (list, tuple)) and a and isinstance(a[0], np.ndarray):
            a = inputs(m, a, grad)
        tensors.append(a)
    return tensors


def is_tensor(value):
    return isinstance(value, (torch.Tensor, ndl.Tensor))


def flat(value):
    """All tensors in a result or among arguments, in order."""
    if is_tensor(value):
        return [value]
    if isinstance(value, (tuple, list)):
        return [t for v in value for t in flat(v)]
    return []


def check(actual, expected, where):
    """Same kind, dtype, shape and values."""
    assert is_tensor(actual) == is_tensor(expected), f"{where}: {type(actual)} for {type(expected)}"
    if isinstance(expected, (tuple, list)):
        assert len(actual) == len(expected), f"{where}: {len(actual)} results for {len(expected)}"
        if hasattr(expected, "n_fields"):  # one of torch's named results
            assert actual._fields == type(expected).__match_args__, f"{where}: fields {actual._fields}"
        for i, (a, e) in enumerate(zip(actual, expected)):
            check(a, e, f"{where}[{i}]")
        return
    if not is_tensor(expected):
        assert actual == expected or actual != actual and expected != expected, f"{where}: {actual} for {expected}"
        return
    assert repr(actual.dtype) == repr(expected.dtype).replace("torch", "ndl"), f"{where}: {actual.dtype} for {expected.dtype}"
    rtol, atol = TOLERANCES.get(str(expected.dtype).removeprefix("torch."), (0, 0))
    try:
        assert_close(actual, expected, rtol, atol)
    except AssertionError as e:
        raise AssertionError(f"{where}: {e}") from None


def gradients(m, outs, sources, seed, create_graph):
    outs = [o for o in outs if o.requires_grad]
    if not outs:
        return None
    rng = np.random.default_rng(seed)
    make = torch.from_numpy if m is torch else ndl.from_numpy
    seeds = [make(rng.standard_normal(tuple(o.shape)).astype(to_numpy(o).dtype)) for o in outs]
    return m.autograd.grad(outs, sources, seeds, create_graph=create_graph, allow_unused=True, retain_graph=True)


def same(call, *args, grad=True, second=True, values=True):
    """`call(module, *tensors)` gives the same on torch and on us. `values=False`: compare kinds, dtypes, shapes only."""
    theirs, ours = inputs(torch, args, grad), inputs(ndl, args, grad)
    expected = call(torch, *theirs)
    actual = call(ndl, *ours)
    if not values:
        for a, e in zip(flat(actual), flat(expected), strict=True):
            assert tuple(a.shape) == tuple(e.shape) and str(a.dtype)[4:] == str(e.dtype)[6:]
        return actual
    check(actual, expected, "forward")
    if not grad:
        return actual
    for a, e in zip(flat(actual), flat(expected), strict=True):
        assert a.requires_grad == e.requires_grad, f"requires_grad is {a.requires_grad} for {e.requires_grad}"
    mine = [t for t in flat(ours) if t.requires_grad]
    their = [t for t in flat(theirs) if t.requires_grad]
    first_e = gradients(torch, flat(expected), their, 1, second)
    if first_e is None:
        return actual
    first = gradients(ndl, flat(actual), mine, 1, second)
    plain = gradients(ndl, flat(actual), mine, 1, False)
    for i, (a, p, e) in enumerate(zip(first, plain, first_e)):
        same_or_zero(a, e, f"gradient {i} (create_graph)")
        same_or_zero(p, e, f"gradient {i}")
    if second:
        second_e = gradients(torch, [g for g in first_e if g is not None], their, 2, False)
        second_a = gradients(ndl, [g for g in first if g is not None], mine, 2, False)
        if second_e is not None or second_a is not None:
            for i, (a, e) in enumerate(zip(second_a or [None] * len(mine), second_e or [None] * len(their))):
                same_or_zero(a, e, f"second gradient {i}")
    return actual


def same_or_zero(actual, expected, where):
    """None and zeros are the same gradient."""
    if actual is None and expected is None:
        return
    actual = actual if actual is not None else ndl.from_numpy(np.zeros_like(to_numpy(expected)))
    expected = expected if expected is not None else torch.from_numpy(np.zeros_like(to_numpy(actual)))
    check(actual, expected, where)


def same_error(call, *args, grad=False):
    """Both refuse, with the same type of exception. Returns our message."""
    with pytest.raises(Exception) as theirs:
        call(torch, *inputs(torch, args, grad))
    kinds = {k for k in (IndexError, TypeError, ValueError, NotImplementedError, RuntimeError)
             if isinstance(theirs.value, k)}
    with pytest.raises(Exception) as ours:
        call(ndl, *inputs(ndl, args, grad))
    assert any(isinstance(ours.value, k) for k in kinds), f"{ours.value!r} for {theirs.value!r}"
    return str(ours.value)


def array(rng, shape, dtype="float64", low=None, high=None):
    """Random values of a dtype; floats are normal, or uniform in [low, high)."""
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        return np.asarray(rng.random(shape) < 0.5)
    if dtype.kind in "iu":
        a, b = (0 if dtype.kind == "u" else -5) if low is None else low, 6 if high is None else high
        return np.asarray(rng.integers(a, b, shape)).astype(dtype)
    values = rng.standard_normal(shape) if low is None else rng.uniform(low, high, shape)
    return np.asarray(values).astype(dtype)


def layouts(a):
    """The array itself, and the same values with other strides."""
    yield a
    if a.ndim > 1:
        yield np.asfortranarray(a)
    if a.ndim:
        wide = np.repeat(a, 2, axis=-1)
        yield wide[..., ::2]
