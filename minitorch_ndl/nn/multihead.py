"""Attention of several heads, with its projections."""

from __future__ import annotations

from typing import Any

from ..tensor import Tensor
from . import functional as F, init
from .linear import NonDynamicallyQuantizableLinear
from .module import Module
from .parameter import unset


class MultiheadAttention(Module):
    """Several heads, each of which looks at the values whose keys fit its queries; what they find is put side by side.

    Takes query (L, N, embed_dim), key (S, N, kdim) and value (S, N, vdim); (N, L, ...) with `batch_first`; or all without
    N. Returns the result, shaped as the query, and the weights (N, L, S), or None without `need_weights`.

    bias           of the projections
    add_bias_kv    a learned key and value beside those given
    add_zero_attn  a key and value of zeros beside them

    https://arxiv.org/abs/1706.03762
    https://pytorch.org/docs/stable/generated/torch.nn.MultiheadAttention.html

    >>> attention = ndl.nn.MultiheadAttention(16, num_heads=4)
    >>> x = ndl.randn(5, 2, 16)
    >>> out, weights = attention(x, x, x)
    >>> out.shape, weights.shape
    (Size([5, 2, 16]), Size([2, 5, 5]))
    """

    def __init__(self, embed_dim: int, num_heads: int, dropout: float = 0.0, bias: bool = True, add_bias_kv: bool = False,
                 add_zero_attn: bool = False, kdim: int | None = None, vdim: int | None = None, batch_first: bool = False,
                 device: Any = None, dtype: Any = None):
        if embed_dim <= 0 or num_heads <= 0:
            raise ValueError(f"embed_dim and num_heads must be greater than 0, got embed_dim={embed_dim} and "
                             f"num_heads={num_heads} instead")
        super().__init__()
        self.embed_dim, self.num_heads, self.dropout, self.batch_first = embed_dim, num_heads, dropout, batch_first
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        self._qkv_same_embed_dim = self.kdim == self.vdim == embed_dim
        self.head_dim = embed_dim // num_heads
        if self.head_dim * num_heads != embed_dim:
            raise AssertionError(f"embed_dim must be divisible by num_heads; got {embed_dim} and {num_heads} (each head has "
                                 f"embed_dim / num_heads features)")
        own = {"device": device, "dtype": dtype}
        together = self._qkv_same_embed_dim
        for name, width in (("q_proj_weight", embed_dim), ("k_proj_weight", self.kdim), ("v_proj_weight", self.vdim)):
            self.register_parameter(name, None if together else unset(embed_dim, width, **own))
        self.register_parameter("in_proj_weight", unset(3 * embed_dim, embed_dim, **own) if together else None)
        self.register_parameter("in_proj_bias", unset(3 * embed_dim, **own) if bias else None)
        self.out_proj = NonDynamicallyQuantizableLinear(embed_dim, embed_dim, bias, **own)
        if add_bias_kv:
            self.bias_k, self.bias_v = unset(1, 1, embed_dim, **own), unset(1, 1, embed_dim, **own)
        else:
            self.bias_k = self.bias_v = None  # type: ignore[assignment]
        self.add_zero_attn = add_zero_attn
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        for weight in (self.in_proj_weight, self.q_proj_weight, self.k_proj_weight, self.v_proj_weight):
            if weight is not None:
                init.xavier_uniform_(weight)
        if self.in_proj_bias is not None:
            init.zeros_(self.in_proj_bias)
            init.zeros_(self.out_proj.bias)
        for bias in (self.bias_k, self.bias_v):
            if bias is not None:
                init.xavier_normal_(bias)

    def forward(self, query: Tensor, key: Tensor, value: Tensor, key_padding_mask: Tensor | None = None,
                need_weights: bool = True, attn_mask: Tensor | None = None, average_attn_weights: bool = True,
                is_causal: bool = False) -> tuple[Tensor, Tensor | None]:
        """Masks: True in `key_padding_mask` (N, S), or in `attn_mask` (L, S) or (N * heads, L, S), is what does not count;
        floats are added to the scores. `is_causal`: a hint that `attn_mask` is the causal one."""
        swap = self.batch_first and query.dim() == 3
        if swap:
            if query is key is value:  # and so they stay: they are projected in one product
                query = key = value = query.transpose(0, 1)
            else:
                query, (key, value) = query.transpose(0, 1), _transposed(key, value)
        out, weights = F.multi_head_attention_forward(
            query, key, value, self.embed_dim, self.num_heads, self.in_proj_weight, self.in_proj_bias, self.bias_k, self.bias_v,
            self.add_zero_attn, self.dropout, self.out_proj.weight, self.out_proj.bias, self.training, key_padding_mask,
            need_weights, attn_mask, not self._qkv_same_embed_dim, self.q_proj_weight, self.k_proj_weight, self.v_proj_weight,
            None, None, average_attn_weights, is_causal)
        return out.transpose(0, 1) if swap else out, weights


def _transposed(key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    swapped = key.transpose(0, 1)
    return swapped, swapped if value is key else value.transpose(0, 1)
