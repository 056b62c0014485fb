"""Attention: each query takes a mean of the values, weighted by how well their keys fit it. https://arxiv.org/abs/1706.03762

`attend` is one fast pair of kernels for softmax(query @ key.T * scale) @ value. It never divides the weights by their
sum: the exponentials go into the products as they are, and what comes out, which is smaller, is divided.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

from .. import backend, errors
from ..compiled import twinned
from ..compiled.threads import each
from ..composite import composite
from ..faces import F
from ..fused import fused
from ..random import default_generator
from ..sums import total
from ..tensor import Tensor, wrap
from .rearrange import broadcast_shapes
from .special import single


def _attended(query, key, value, mask, noise, is_causal, scale):
    scores = query @ key.mT * scale
    if is_causal:
        scores = scores.masked_fill(scores.new_ones(scores.shape[-2:]).tril() == 0, -math.inf)
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf) if mask._array.dtype.kind == "b" else scores + mask
    dead = (scores.detach() == -math.inf).all(-1, True)  # nothing to attend to: zeros
    weights = scores.masked_fill(dead, 0.0).softmax(-1).masked_fill(dead, 0.0)
    return (weights if noise is None else weights * noise) @ value


@fused(reference=_attended, on="", constants=("noise",))
class attend:
    """query (..., L, E), key (..., S, E), value (..., S, V) to (..., L, V), with the leading dimensions the same.

    mask   what is added to the scores, or a bool for each: whether it counts; broadcast to (..., L, S)
    noise  what the weights are multiplied by (dropout)
    """

    def forward(xp, query, key, value, mask=None, noise=None, is_causal: bool = False, scale: float = 1.0):
        dtype = query.dtype
        query, key, value = single(query) * xp.float32(scale) if dtype.char == "e" else query * dtype.type(scale), \
            single(key), single(value)
        shape = (*query.shape[:-1], key.shape[-2])
        added = None if mask is None or mask.dtype.kind == "b" else mask
        mask = None if mask is None else xp.broadcast_to(mask, shape)
        out = xp.empty_like(query, shape=(*query.shape[:-1], value.shape[-1]))  # laid out as the query is
        share = xp.empty((*query.shape[:-1], 1), query.dtype)
        weights = xp.empty(shape, query.dtype) if math.prod(shape) <= _KEPT else None
        parts = _parts(shape, is_causal, weights is None)

        def work(i):
            for q, k, s, first in parts[i]:
                w = _weights(xp, query[q], key[k], None if mask is None else mask[s], first, share[q],
                             None if weights is None else weights[s])
                result = xp.matmul(w if noise is None else w * noise[s], value[k], out=out[q])
                result *= share[q]

        each(len(parts), work)
        result = out.astype(dtype, copy=False)
        return result, query, key, value, weights, share, out, mask, noise, added, is_causal, dtype, scale

    def backward(xp, needs, g, query, key, value, weights, share, out, mask, noise, added, is_causal, dtype, scale):
        """With P the weights, D their gradient: that of the scores is P * (D - sum(P * D)), and the sum is that of g * out."""
        g = single(g)
        of_query, of_key, of_value = (xp.empty_like(x) if need else None for x, need in zip((query, key, value), needs))
        shape = (*query.shape[:-1], key.shape[-2])
        of_mask = xp.zeros(shape, query.dtype) if needs[3] and added is not None else None
        parts = _parts(shape, is_causal, weights is None)

        def work(i):
            for n, (q, k, s, first) in enumerate(parts[i]):
                w = weights[s] if weights is not None else _weights(
                    xp, query[q], key[k], None if mask is None else mask[s], first, None, None)
                small = g[q] * share[q]
                if needs[2]:
                    _product(xp, (w if noise is None else w * noise[s]).mT, small, of_value[k], n > 0)
                if not (needs[0] or needs[1] or needs[3]):
                    continue
                of_scores = xp.matmul(small, value[k].mT, out=None if of_mask is None else of_mask[s])
                if noise is not None:
                    of_scores *= noise[s]
                _slopes(xp, of_scores, w, share[q], small, out[q])
                if needs[0]:
                    grad = xp.matmul(of_scores, key[k], out=of_query[q])
                    grad *= grad.dtype.type(scale)
                if needs[1]:
                    _product(xp, of_scores.mT, query[q], of_key[k], n > 0)

        each(len(parts), work)
        if of_mask is not None:
            of_mask = F.sum_to_size(of_mask, added.shape).astype(added.dtype, copy=False)
        return (*(grad if grad is None else grad.astype(dtype, copy=False) for grad in (of_query, of_key, of_value)), of_mask)


_PART = 1 << 17  # scores that are worked on together: they stay in the second-level cache
_FEW = 64  # queries that are not worth cutting
_KEPT = 1 << 21  # scores that are kept for backward; more of them are computed again, as reading them would take as long


def _parts(shape: tuple, is_causal: bool, cut: bool) -> list:
    """Where to cut scores (..., L, S): heads from heads, and with `cut` those of each head into stretches of queries. Of each
    part the stretches, the last one first: where its queries are, its keys, without those that come after all of them, if
    the scores are causal; its scores; and then the number of its first query, or None."""
    queries, keys = max(1, shape[-2]), max(1, shape[-1])
    high = min(queries, max(_FEW, min(-(-queries // 4) if is_causal else queries, 2 * _PART // keys))) if cut else queries
    starts = range(0, queries, high)[::-1]
    stretches = [(slice(i, i + high), slice(i + high if is_causal and i != starts[0] else None), i if is_causal else None)
                 for i in starts]
    every = slice(None)
    return [[((*heads, ..., rows, every), (*heads, ..., seen, every), (*heads, ..., rows, seen), first)
             for rows, seen, first in stretches] for heads in _heads((*shape[:-2], high, keys))]


def _heads(shape: tuple) -> list:
    """Indices of the leading dimensions of some heads' scores."""
    axis = next((i for i, n in enumerate(shape[:-2]) if n > 1), 0)
    if len(shape) < 3 or math.prod(shape) <= _PART:
        return [()]
    step = max(1, _PART // math.prod(shape[axis + 1:]))
    return [(*(slice(None),) * axis, slice(i, i + step)) for i in range(0, shape[axis], step)]


def _product(xp: Any, a: Any, b: Any, out: Any, add: bool) -> None:
    """out ← a @ b, or out + a @ b."""
    if add:
        out += xp.matmul(a, b)
    else:
        xp.matmul(a, b, out=out)


def _weights(xp: Any, query: Any, key: Any, mask: Any, first: int | None, share: Any, out: Any) -> Any:
    """The exponentials of some heads' scores, and in `share` what makes them add up to 1."""
    weights = xp.matmul(query, key.mT, out=out)
    keep = None
    if mask is not None:
        if mask.dtype.kind == "b":
            keep = mask
        else:
            weights += single(mask)
    sums = _exponentials(xp, weights, keep, first)
    if share is not None:
        share[...] = xp.where(sums == 0, sums, 1 / sums) if mask is not None or not weights.shape[-1] else 1 / sums
    return weights


@twinned("attend.exponentials")
def _exponentials(xp, weights, keep, first):
    """The scores become their exponentials, or 0 where they don't count, all of a row divided by the same number; their
    sums. `first`, unless None, is the number of the first query: queries see the keys up to their own number only."""
    if first is not None:
        keep = xp.tri(*weights.shape[-2:], first, dtype=weights.dtype)
    elif keep is not None:
        keep = keep.astype(weights.dtype)
    if weights.size and -40 < weights.min() and weights.max() < 40:
        xp.exp(weights, out=weights)  # it cannot overflow, so there is no need for the maxima
        if keep is not None:
            weights *= keep
    elif weights.size:
        if keep is not None:
            weights[...] = xp.where(keep != 0, weights, weights.dtype.type(-math.inf))
        top = weights.max(-1, keepdims=True)
        weights -= xp.where(xp.isinf(top), top.dtype.type(0), top)
        xp.exp(weights, out=weights)
    return total(xp, weights, (weights.ndim - 1,), True)


@twinned("attend.slopes")
def _slopes(xp, of_scores, weights, share, small, out):
    """The gradient of the weights becomes that of the scores."""
    of_scores -= total(xp, small * out, (out.ndim - 1,), True)
    of_scores *= weights


@composite(on="functional", out=False)
def scaled_dot_product_attention(query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, *, scale=None,
                                 enable_gqa=False):
    """``softmax(query @ key.mT * scale) @ value``: query (..., L, E), key (..., S, E), value (..., S, V) to (..., L, V).

    attn_mask   broadcast to (..., L, S): bools that say which keys count, or floats that are added to the scores
    dropout_p   with this probability a weight is zero; the others are divided by 1 - dropout_p
    is_causal   query i sees the keys 0 to i only
    scale       1 / sqrt(E) by default
    enable_gqa  key and value may have fewer heads (dimension -3), each for several of the query's

    A query that sees no key at all gets zeros. Raises RuntimeError for shapes or dtypes that don't fit.

    >>> x = ndl.eye(2)
    >>> ndl.nn.functional.scaled_dot_product_attention(x, x, x, is_causal=True)
    tensor([[1.0000, 0.0000],
            [0.3302, 0.6698]])
    """
    name = "scaled_dot_product_attention"
    for i, (what, x) in enumerate((("query", query), ("key", key), ("value", value), ("attn_mask", attn_mask)), 1):
        if not isinstance(x, Tensor) and (x is not None or i < 4):
            raise errors.not_a_tensor(name, what, i, x)
    if not query.dtype == key.dtype == value.dtype:
        raise RuntimeError(f"{name}: Expected query, key, and value to have the same dtype, but got query.dtype: "
                           f"{query.dtype!r} key.dtype: {key.dtype!r} and value.dtype: {value.dtype!r} instead.")
    if min(query.ndim, key.ndim, value.ndim) < 2:
        raise RuntimeError(f"{name}: Expected query, key, and value to all be at least 2 dimensional, but got query.dim: "
                           f"{query.ndim} key.dim: {key.ndim} and value.dim: {value.ndim} instead.")
    if not query.is_floating_point():
        raise RuntimeError(f"{name}: expected scalar type Float but found {query.dtype!r}. Use x.float().")
    if enable_gqa:
        key, value = _repeated_heads(query, key, value)
    if query.shape[-1] != key.shape[-1] or key.shape[-2] != value.shape[-2]:
        raise RuntimeError(f"{name}: query {tuple(query.shape)}, key {tuple(key.shape)} and value {tuple(value.shape)} don't "
                           f"fit; expected (..., L, E), (..., S, E) and (..., S, V).")
    batch = query._array.shape[:-2]
    if not batch == key._array.shape[:-2] == value._array.shape[:-2]:
        batch = broadcast_shapes(batch, key._array.shape[:-2], value._array.shape[:-2])
        query, key, value = (x.expand(*batch, *x.shape[-2:]) for x in (query, key, value))
    scores = (*batch, query.shape[-2], key.shape[-2])
    if attn_mask is not None:
        _check_mask(name, attn_mask, query, is_causal, scores)
    noise = None
    if dropout_p > 0:
        if dropout_p > 1:
            raise RuntimeError(f"{name}: dropout probability has to be between 0 and 1, but got {dropout_p}")
        kept = default_generator.bernoulli(1 - dropout_p, scores, query._array.dtype)
        kept /= kept.dtype.type(1 - dropout_p) if dropout_p < 1 else kept.dtype.type(1)
        noise = wrap(backend.of_type(type(query._array)).from_numpy(kept))
    if scale is None:
        scale = 1 / math.sqrt(query.shape[-1]) if query.shape[-1] else 1.0
    return F.attend(query, key, value, attn_mask, noise, is_causal, float(scale))


def _repeated_heads(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    if min(query.ndim, key.ndim, value.ndim) < 3:
        raise IndexError(f"scaled_dot_product_attention: Dimension out of range: enable_gqa repeats heads, which are "
                         f"dimension -3 of (..., heads, L, E); got query {tuple(query.shape)}")
    heads = query.shape[-3]
    if heads % key.shape[-3] or heads % value.shape[-3]:
        raise RuntimeError(f"scaled_dot_product_attention: Number of heads in key and value must divide the number of heads "
                           f"in query; got {key.shape[-3]} and {value.shape[-3]} for {heads}")
    return (key.repeat_interleave(heads // key.shape[-3], -3), value.repeat_interleave(heads // value.shape[-3], -3))


def _check_mask(name: str, mask: Tensor, query: Tensor, is_causal: bool, scores: tuple) -> None:
    if is_causal:
        raise RuntimeError(f"{name}: Explicit attn_mask should not be set when is_causal=True. Put the causal mask into it: "
                           f"mask & ndl.ones(L, S, dtype=ndl.bool).tril()")
    if mask.dtype.name not in ("bool", "float32", query.dtype.name):
        raise RuntimeError(f"{name}: Expected attn_mask dtype to be bool or float or to match query dtype, but got "
                           f"attn_mask.dtype: {mask.dtype!r} and query.dtype: {query.dtype!r} instead.")
    if mask.ndim < 2:
        raise IndexError(f"{name}: Dimension out of range: attn_mask should have at least the dimensions (L, S) = "
                         f"{scores[-2:]}; got {tuple(mask.shape)}")
    if mask.ndim > len(scores) or any(m not in (1, n) for m, n in zip(mask.shape[::-1], scores[::-1], strict=False)):
        raise RuntimeError(f"{name}: attn_mask of shape {tuple(mask.shape)} doesn't match the broadcast shape {scores}")


# --- several heads, with the projections before and after ------------------------------------------------------------


def _expect(condition: bool, text: str) -> None:
    if not condition:
        raise AssertionError(f"multi_head_attention_forward: {text}")


def _check_dims(query: Tensor, key: Tensor, value: Tensor, key_padding_mask: Any, attn_mask: Any, num_heads: int) -> bool:
    """Whether there is a batch dimension."""
    n = query.ndim
    _expect(n in (2, 3), f"query should be unbatched 2D or batched 3D tensor but received {n}-D query tensor")
    kind = "batched (3-D)" if n == 3 else "unbatched (2-D)"
    _expect(key.ndim == value.ndim == n, f"For {kind} `query`, expected `key` and `value` to be {n}-D but found {key.ndim}-D "
                                         f"and {value.ndim}-D tensors respectively")
    if key_padding_mask is not None:
        _expect(key_padding_mask.ndim == n - 1, f"For {kind} `query`, expected `key_padding_mask` to be `None` or {n - 1}-D "
                                                f"but found {key_padding_mask.ndim}-D tensor instead")
    if attn_mask is not None:
        _expect(attn_mask.ndim in (2, 3), f"For {kind} `query`, expected `attn_mask` to be `None`, 2-D or 3-D but found "
                                          f"{attn_mask.ndim}-D tensor instead")
        if n == 2 and attn_mask.ndim == 3:
            wanted = (num_heads, query.shape[0], key.shape[0])
            _expect(tuple(attn_mask.shape) == wanted, f"Expected `attn_mask` shape to be {wanted} but got "
                                                      f"{tuple(attn_mask.shape)}")
    return n == 3


def _as_added(mask: Any, name: str, dtype: Any) -> Any:
    """A mask as what is added to the scores. Here, unlike above, a bool says what does NOT count."""
    if mask is None or mask.is_floating_point():
        return mask
    _expect(mask._array.dtype.kind == "b", f"only bool and floating types of {name} are supported; got {mask.dtype!r}")
    return F.masked_fill(mask.new_zeros(mask.shape, dtype=dtype), mask, -math.inf)


def _projections(query: Tensor, key: Tensor, value: Tensor, weight: Any, bias: Any) -> tuple[Tensor, ...]:
    """Query, key and value times their third of the weight; in one product where they are the same tensor."""
    if query is key is value:
        return F.linear(query, weight, bias).chunk(3, -1)
    biases = (None,) * 3 if bias is None else bias.chunk(3)
    return tuple(F.linear(x, w, b) for x, w, b in zip((query, key, value), weight.chunk(3), biases, strict=True))


@composite(on="functional", out=False)
def multi_head_attention_forward(query, key, value, embed_dim_to_check, num_heads, in_proj_weight, in_proj_bias, bias_k,
                                 bias_v, add_zero_attn, dropout_p, out_proj_weight, out_proj_bias, training=True,
                                 key_padding_mask=None, need_weights=True, attn_mask=None, use_separate_proj_weight=False,
                                 q_proj_weight=None, k_proj_weight=None, v_proj_weight=None, static_k=None, static_v=None,
                                 average_attn_weights=True, is_causal=False):
    """What `nn.MultiheadAttention` computes: query (L, N, E), key and value (S, N, E), or without N; the result, as the
    query, and the weights (N, L, S) (None without `need_weights`; (N, heads, L, S) without `average_attn_weights`).

    Masks: True in `key_padding_mask` (N, S) or `attn_mask` (L, S) or (N * heads, L, S) is what does not count; floats are
    added to the scores.
    """
    batched = _check_dims(query, key, value, key_padding_mask, attn_mask, num_heads)
    same = query is key is value
    if not batched:
        query = query.unsqueeze(1)
        key, value = (query, query) if same else (key.unsqueeze(1), value.unsqueeze(1))
        key_padding_mask = None if key_padding_mask is None else key_padding_mask.unsqueeze(0)
    length, n, size = query.shape
    if key_padding_mask is not None and attn_mask is not None and key_padding_mask.dtype != attn_mask.dtype:
        warnings.warn("Support for mismatched key_padding_mask and attn_mask is deprecated. Use same type for both instead.",
                      stacklevel=5)
    padding = _as_added(key_padding_mask, "key_padding_mask", query.dtype)
    if is_causal and attn_mask is None:
        raise RuntimeError("multi_head_attention_forward: Need attn_mask if specifying the is_causal hint. Such a mask comes "
                           "from nn.Transformer.generate_square_subsequent_mask.")
    is_causal = is_causal and padding is None and not need_weights
    mask = None if is_causal else _as_added(attn_mask, "attn_mask", query.dtype)
    _expect(size == embed_dim_to_check, f"was expecting embedding dimension of {embed_dim_to_check}, but got {size}")
    width = size // num_heads
    _expect(width * num_heads == size, f"embed_dim {size} not divisible by num_heads {num_heads}")
    if use_separate_proj_weight:
        _expect(key.shape[:2] == value.shape[:2], f"key's sequence and batch dims {tuple(key.shape[:2])} do not match value's "
                                                  f"{tuple(value.shape[:2])}")
        weights = (q_proj_weight, k_proj_weight, v_proj_weight)
        biases = (None,) * 3 if in_proj_bias is None else in_proj_bias.chunk(3)
        for what, x, w in zip("qkv", (query, key, value), weights, strict=True):
            _expect(w is not None, f"use_separate_proj_weight is True but {what}_proj_weight is None")
            _expect(tuple(w.shape) == (size, x.shape[-1]), f"expecting {what}_proj_weight of shape {(size, x.shape[-1])}, but "
                                                           f"got {tuple(w.shape)}")
        q, k, v = (F.linear(x, w, b) for x, w, b in zip((query, key, value), weights, biases, strict=True))
    else:
        _expect(key.shape == value.shape, f"key shape {tuple(key.shape)} does not match value shape {tuple(value.shape)}")
        _expect(in_proj_weight is not None, "use_separate_proj_weight is False but in_proj_weight is None")
        q, k, v = _projections(query, key, value, in_proj_weight, in_proj_bias)
    if mask is not None:
        wanted = (length, key.shape[0]) if mask.ndim == 2 else (n * num_heads, length, key.shape[0])
        if tuple(mask.shape) != wanted:
            raise RuntimeError(f"The shape of the {mask.ndim}D attn_mask is {tuple(mask.shape)}, but should be {wanted}.")
        mask = mask.reshape(1, 1, *mask.shape) if mask.ndim == 2 else mask.reshape(n, num_heads, *mask.shape[1:])
    extra = 0  # keys beside those that were given
    _expect((bias_k is None) == (bias_v is None), "bias_k and bias_v must be set together, or neither")
    if bias_k is not None:
        _expect(static_k is None and static_v is None, "bias cannot be added to static key or value.")
        k, v = F.cat([k, bias_k.expand(1, n, size)]), F.cat([v, bias_v.expand(1, n, size)])
        extra += 1
    q, k, v = (x.reshape(x.shape[0], n, num_heads, width).permute(1, 2, 0, 3) for x in (q, k, v))
    k, v = (x if static is None else _static(static, n, num_heads, width) for x, static in ((k, static_k), (v, static_v)))
    if add_zero_attn:
        k, v = (F.cat([x, x.new_zeros(n, num_heads, 1, width)], 2) for x in (k, v))
        extra += 1
    if padding is not None:
        if tuple(padding.shape) != (n, k.shape[2] - extra):
            raise AssertionError(f"multi_head_attention_forward: key_padding_mask must be (N, S) = {(n, k.shape[2] - extra)}; "
                                 f"got {tuple(padding.shape)}")
        padding = padding.reshape(n, 1, 1, -1)
        mask = padding if mask is None else mask + padding
    if mask is not None and extra:
        mask = F.pad(mask, (0, extra))
    dropout_p = dropout_p if training else 0.0
    scores = None
    if need_weights:
        scores = (q * (1 / math.sqrt(width))) @ k.mT
        scores = F.softmax(scores if mask is None else scores + mask, -1, None)
        scores = scores if dropout_p == 0 else F.dropout(scores, dropout_p)
        out = scores @ v
        scores = scores.mean(1) if average_attn_weights else scores
    else:
        out = scaled_dot_product_attention.composite(q, k, v, mask, dropout_p, is_causal)
    out = F.linear(out.permute(2, 0, 1, 3).reshape(length, n, size), out_proj_weight, out_proj_bias)
    if batched:
        return out, scores
    return out.squeeze(1), None if scores is None else scores.squeeze(0)


def _static(x: Tensor, n: int, num_heads: int, width: int) -> Tensor:
    _expect(x.shape[0] == n * num_heads, f"expecting static key and value for {n * num_heads} heads, but got {x.shape[0]}")
    _expect(x.shape[2] == width, f"expecting static key and value of head size {width}, but got {x.shape[2]}")
    return x.reshape(n, num_heads, -1, width)
