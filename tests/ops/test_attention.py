"""Attention over many heads, which goes through them in parts and may compute weights again: as over all at once."""

import math

import numpy as np
import pytest

import minitorch_ndl as ndl
from minitorch_ndl.ops import attention

LEADING = [(6,), (1, 5), (3, 2), (1,), ()]


@pytest.fixture(params=[(12, 10**9), (12, 0), (10**9, 0)], ids=["parts", "parts again", "again"])
def limits(request, monkeypatch):
    monkeypatch.setattr(attention, "_PART", request.param[0])
    monkeypatch.setattr(attention, "_KEPT", request.param[1])
    monkeypatch.setattr(attention, "_FEW", 1)  # causal ones that are computed again go through their queries in stretches


def by_hand(query, key, value, mask, is_causal, noise=None):
    scores = query @ key.mT / math.sqrt(query.shape[-1])
    if is_causal:
        scores = scores.masked_fill(~ndl.ones(scores.shape[-2:], dtype=ndl.bool).tril(), -math.inf)
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf) if mask.dtype == ndl.bool else scores + mask
    weights = scores.softmax(-1)
    return (weights if noise is None else weights * noise) @ value


def drawn(*sizes, seed=0):
    return ndl.randn(*sizes, dtype=ndl.float64, generator=ndl.Generator().manual_seed(seed)).requires_grad_()


def inputs(leading):
    return drawn(*leading, 4, 3), drawn(*leading, 5, 3, seed=1), drawn(*leading, 5, 2, seed=2)


def agree(out, expected, *leaves):
    np.testing.assert_allclose(out.detach(), expected.detach(), rtol=1e-12, atol=1e-14)
    g = ndl.arange(out.numel(), dtype=ndl.float64).reshape(out.shape).sin()
    for a, b in zip(ndl.autograd.grad(out, leaves, g), ndl.autograd.grad(expected, leaves, g), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("leading", LEADING)
@pytest.mark.parametrize("kind", ["none", "causal", "added", "added to all", "bool"])
def test_parts(limits, leading, kind):
    query, key, value = leaves = inputs(leading)
    mask = {"added": lambda: drawn(*leading, 4, 5, seed=3), "added to all": lambda: drawn(4, 5, seed=3),
            "bool": lambda: ndl.tensor([True, False, True, True, False]).expand(4, 5)}.get(kind, lambda: None)()
    if mask is not None and mask.requires_grad:
        leaves = (*leaves, mask)
    out = ndl.nn.functional.scaled_dot_product_attention(query, key, value, mask, is_causal=kind == "causal")
    agree(out, by_hand(query, key, value, mask, kind == "causal"), *leaves)


@pytest.mark.parametrize(("queries", "keys"), [(9, 9), (5, 9), (9, 5), (9, 1), (1, 3), (64, 64)])
@pytest.mark.parametrize("leading", LEADING)
def test_causal_stretches(limits, leading, queries, keys):
    leaves = query, key, value = drawn(*leading, queries, 3), drawn(*leading, keys, 3, seed=1), drawn(*leading, keys, 2, seed=2)
    out = ndl.nn.functional.scaled_dot_product_attention(query, key, value, is_causal=True)
    agree(out, by_hand(query, key, value, None, True), *leaves)


def test_causal_stretches_leave_out_what_nobody_sees(monkeypatch):
    monkeypatch.setattr(attention, "_KEPT", 0)
    monkeypatch.setattr(attention, "_FEW", 1)
    seen = []
    original = attention._exponentials
    monkeypatch.setattr(attention, "_exponentials", lambda xp, w, keep, first: seen.append(w.shape) or original(xp, w, keep, first))
    query, key, value = drawn(8, 3), drawn(8, 3, seed=1), drawn(8, 2, seed=2)
    ndl.nn.functional.scaled_dot_product_attention(query, key, value, is_causal=True)
    assert seen == [(2, 8), (2, 6), (2, 4), (2, 2)]
    seen.clear()
    monkeypatch.setattr(attention, "_PART", 12)
    ndl.nn.functional.scaled_dot_product_attention(query, key, value)
    assert seen == [(2, 8), (3, 8), (3, 8)]


def test_causal_with_dropout(limits):
    query, key, value = leaves = drawn(3, 2, 8, 3), drawn(3, 2, 8, 3, seed=1), drawn(3, 2, 8, 2, seed=2)
    ndl.manual_seed(3)
    out = ndl.nn.functional.scaled_dot_product_attention(query, key, value, dropout_p=0.5, is_causal=True)
    ndl.manual_seed(3)
    noise = ndl.nn.functional.dropout(ndl.ones(3, 2, 8, 8, dtype=ndl.float64), 0.5)
    agree(out, by_hand(query, key, value, None, True, noise), *leaves)


def test_dropout(limits):
    query, key, value = leaves = inputs((3, 2))
    ndl.manual_seed(3)
    out = ndl.nn.functional.scaled_dot_product_attention(query, key, value, dropout_p=0.5)
    ndl.manual_seed(3)
    noise = ndl.nn.functional.dropout(ndl.ones(3, 2, 4, 5, dtype=ndl.float64), 0.5)
    agree(out, by_hand(query, key, value, None, False, noise), *leaves)


def test_only_the_values_gradient(limits):
    query, key, value = inputs((6,))
    out = ndl.nn.functional.scaled_dot_product_attention(query.detach(), key.detach(), value)
    agree(out, by_hand(query.detach(), key.detach(), value, None, False), value)


def test_a_write_into_the_mask_is_noticed(limits):
    query, key, value = inputs((6,))
    mask = ndl.ones(4, 5, dtype=ndl.bool)
    out = ndl.nn.functional.scaled_dot_product_attention(query, key, value, mask)
    mask[0, 0] = False
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        out.sum().backward()


@pytest.mark.parametrize("dtype", [ndl.float32, ndl.float16])
def test_lower_precision_and_layouts(limits, dtype):
    """As a transformer calls it: heads out of one projection, which lie between each other in memory."""
    x = drawn(3, 4, 2 * 3 * 3).detach().to(dtype).requires_grad_()
    query, key, value = (part.reshape(3, 4, 2, 3).transpose(1, 2) for part in x.split(6, 2))
    out = ndl.nn.functional.scaled_dot_product_attention(query, key, value, is_causal=True)
    assert out.dtype == dtype
    out.sum().backward()
    exact = x.detach().double().requires_grad_()
    query, key, value = (part.reshape(3, 4, 2, 3).transpose(1, 2) for part in exact.split(6, 2))
    expected = by_hand(query, key, value, None, True)
    expected.sum().backward()
    tolerance = {"rtol": 1e-5, "atol": 1e-6} if dtype == ndl.float32 else {"rtol": 4e-3, "atol": 4e-3}
    np.testing.assert_allclose(out.detach().double(), expected.detach(), **tolerance)
    np.testing.assert_allclose(x.grad.double(), exact.grad, **tolerance)


def test_overflow_does_not_warn(limits):
    """Parts may run on other threads, where NumPy's warnings are to be silent, too."""
    x = ndl.full((6, 8, 4), 1e30)
    assert ndl.nn.functional.scaled_dot_product_attention(x, x, x).isnan().all()
