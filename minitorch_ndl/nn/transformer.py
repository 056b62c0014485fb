"""Transformers: encoder and decoder, their layers, and both together. https://arxiv.org/abs/1706.03762"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

from ..autograd.grad_mode import is_grad_enabled
from ..ops.creation import full
from ..tensor import Tensor
from . import functional as F, init
from .activation import GELU, ReLU
from .container import ModuleList
from .dropout import Dropout
from .linear import Linear
from .module import Module
from .multihead import MultiheadAttention
from .normalization import LayerNorm

Activation = str | Callable[[Tensor], Tensor]


def _generate_square_subsequent_mask(size: int, device: Any = None, dtype: Any = None) -> Tensor:
    return full((size, size), -math.inf, device=device, dtype=dtype).triu(1)


def _is_causal(mask: Tensor | None, hint: bool | None, sequence: Tensor, batch_first: bool) -> bool:
    """The hint, or, without one, whether the mask is the causal one."""
    if hint is not None or mask is None:
        return hint is True
    length = sequence.shape[1 if batch_first and sequence.dim() == 3 else 0]
    if tuple(mask.shape) != (length, length):
        return False
    causal = _generate_square_subsequent_mask(length, mask.device)
    return bool((mask == (causal if mask.is_floating_point() else causal != 0)).all())


def _get_activation_fn(activation: Activation) -> Callable[[Tensor], Tensor]:
    if not isinstance(activation, str):
        return activation
    if activation not in ("relu", "gelu"):
        raise RuntimeError(f"activation should be relu/gelu, not {activation}")
    return F.relu if activation == "relu" else F.gelu


def _get_clones(layer: Module, n: int) -> ModuleList:
    return ModuleList([copy.deepcopy(layer) for _ in range(n)])


class TransformerEncoderLayer(Module):
    """Self-attention, then two linear layers, each added to its input and normalized: (S, N, d_model) to the same.

    activation  "relu", "gelu", or a function
    norm_first  normalize before attention and linear layers instead of after
    batch_first (N, S, d_model)

    https://pytorch.org/docs/stable/generated/torch.nn.TransformerEncoderLayer.html

    >>> layer = ndl.nn.TransformerEncoderLayer(d_model=16, nhead=4, dim_feedforward=32)
    >>> layer(ndl.randn(10, 2, 16)).shape
    Size([10, 2, 16])
    """

    def __init__(self, d_model: int, nhead: int, dim_feedforward: int = 2048, dropout: float = 0.1,
                 activation: Activation = F.relu, layer_norm_eps: float = 1e-5, batch_first: bool = False,
                 norm_first: bool = False, bias: bool = True, device: Any = None, dtype: Any = None):
        super().__init__()
        own = {"device": device, "dtype": dtype}
        self.self_attn = MultiheadAttention(d_model, nhead, dropout, bias, batch_first=batch_first, **own)
        self.linear1 = Linear(d_model, dim_feedforward, bias, **own)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias, **own)
        self.norm_first = norm_first
        self.norm1 = LayerNorm(d_model, layer_norm_eps, bias=bias, **own)
        self.norm2 = LayerNorm(d_model, layer_norm_eps, bias=bias, **own)
        self.dropout1 = Dropout(dropout)
        self.dropout2 = Dropout(dropout)
        self.activation = _get_activation_fn(activation)

    def forward(self, src: Tensor, src_mask: Tensor | None = None, src_key_padding_mask: Tensor | None = None,
                is_causal: bool = False) -> Tensor:
        """Masks as in `MultiheadAttention`: `src_mask` (S, S), `src_key_padding_mask` (N, S)."""
        if self.norm_first:
            x = src + self._sa_block(self.norm1(src), src_mask, src_key_padding_mask, is_causal)
            return x + self._ff_block(self.norm2(x))
        x = self.norm1(src + self._sa_block(src, src_mask, src_key_padding_mask, is_causal))
        return self.norm2(x + self._ff_block(x))

    def _sa_block(self, x: Tensor, attn_mask: Tensor | None, key_padding_mask: Tensor | None, is_causal: bool) -> Tensor:
        return self.dropout1(self.self_attn(x, x, x, key_padding_mask, False, attn_mask, is_causal=is_causal)[0])

    def _ff_block(self, x: Tensor) -> Tensor:
        return self.dropout2(self.linear2(self.dropout(self.activation(self.linear1(x)))))


class TransformerDecoderLayer(Module):
    """Self-attention, attention to what an encoder made, then two linear layers; each added to its input and normalized.

    tgt (T, N, d_model) and memory (S, N, d_model) to (T, N, d_model). Arguments as for `TransformerEncoderLayer`.

    https://pytorch.org/docs/stable/generated/torch.nn.TransformerDecoderLayer.html

    >>> layer = ndl.nn.TransformerDecoderLayer(d_model=16, nhead=4, dim_feedforward=32)
    >>> layer(ndl.randn(7, 2, 16), ndl.randn(10, 2, 16)).shape
    Size([7, 2, 16])
    """

    def __init__(self, d_model: int, nhead: int, dim_feedforward: int = 2048, dropout: float = 0.1,
                 activation: Activation = F.relu, layer_norm_eps: float = 1e-5, batch_first: bool = False,
                 norm_first: bool = False, bias: bool = True, device: Any = None, dtype: Any = None):
        super().__init__()
        own = {"device": device, "dtype": dtype}
        self.self_attn = MultiheadAttention(d_model, nhead, dropout, bias, batch_first=batch_first, **own)
        self.multihead_attn = MultiheadAttention(d_model, nhead, dropout, bias, batch_first=batch_first, **own)
        self.linear1 = Linear(d_model, dim_feedforward, bias, **own)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias, **own)
        self.norm_first = norm_first
        self.norm1 = LayerNorm(d_model, layer_norm_eps, bias=bias, **own)
        self.norm2 = LayerNorm(d_model, layer_norm_eps, bias=bias, **own)
        self.norm3 = LayerNorm(d_model, layer_norm_eps, bias=bias, **own)
        self.dropout1 = Dropout(dropout)
        self.dropout2 = Dropout(dropout)
        self.dropout3 = Dropout(dropout)
        self.activation = _get_activation_fn(activation)

    def forward(self, tgt: Tensor, memory: Tensor, tgt_mask: Tensor | None = None, memory_mask: Tensor | None = None,
                tgt_key_padding_mask: Tensor | None = None, memory_key_padding_mask: Tensor | None = None,
                tgt_is_causal: bool = False, memory_is_causal: bool = False) -> Tensor:
        """Masks as in `MultiheadAttention`: `tgt_mask` (T, T), `memory_mask` (T, S), the others (N, T) and (N, S)."""
        own, others = (tgt_mask, tgt_key_padding_mask, tgt_is_causal), (memory_mask, memory_key_padding_mask, memory_is_causal)
        if self.norm_first:
            x = tgt + self._sa_block(self.norm1(tgt), *own)
            x = x + self._mha_block(self.norm2(x), memory, *others)
            return x + self._ff_block(self.norm3(x))
        x = self.norm1(tgt + self._sa_block(tgt, *own))
        x = self.norm2(x + self._mha_block(x, memory, *others))
        return self.norm3(x + self._ff_block(x))

    def _sa_block(self, x: Tensor, attn_mask: Tensor | None, key_padding_mask: Tensor | None, is_causal: bool) -> Tensor:
        return self.dropout1(self.self_attn(x, x, x, key_padding_mask, False, attn_mask, is_causal=is_causal)[0])

    def _mha_block(self, x: Tensor, mem: Tensor, attn_mask: Tensor | None, key_padding_mask: Tensor | None,
                   is_causal: bool) -> Tensor:
        return self.dropout2(self.multihead_attn(x, mem, mem, key_padding_mask, False, attn_mask, is_causal=is_causal)[0])

    def _ff_block(self, x: Tensor) -> Tensor:
        return self.dropout3(self.linear2(self.dropout(self.activation(self.linear1(x)))))


class TransformerEncoder(Module):
    """`num_layers` copies of an encoder layer, one after the other, and then `norm` if given: (S, N, d_model) to the same.

    enable_nested_tensor  in evaluation, without gradients, leave nothing but zeros at padded places, where torch's fast path
                          would (its conditions hold here, too)

    https://pytorch.org/docs/stable/generated/torch.nn.TransformerEncoder.html

    >>> layer = ndl.nn.TransformerEncoderLayer(16, 4, 32, batch_first=True)
    >>> encoder = ndl.nn.TransformerEncoder(layer, num_layers=2)
    >>> encoder(ndl.randn(2, 10, 16)).shape
    Size([2, 10, 16])
    """

    def __init__(self, encoder_layer: Any, num_layers: int, norm: Module | None = None, enable_nested_tensor: bool = True,
                 mask_check: bool = True):
        super().__init__()
        self.layers = _get_clones(encoder_layer, num_layers)
        self.num_layers = num_layers
        self.norm = norm
        self.enable_nested_tensor, self.mask_check = enable_nested_tensor, mask_check
        self.use_nested_tensor = enable_nested_tensor and _may_skip_padding(encoder_layer)

    def forward(self, src: Tensor, mask: Tensor | None = None, src_key_padding_mask: Tensor | None = None,
                is_causal: bool | None = None) -> Tensor:
        """Masks as in `MultiheadAttention`: `mask` (S, S), `src_key_padding_mask` (N, S).

        is_causal  a hint that `mask` is the causal one; by default, one looks
        """
        padding = None
        if self.use_nested_tensor and src_key_padding_mask is not None and mask is None and src.dim() == 3:
            padding = self._skipped(src, src_key_padding_mask)
        first: Any = self.layers[0]
        causal = _is_causal(mask, is_causal, src, getattr(getattr(first, "self_attn", None), "batch_first", False))
        out = src
        for layer in self.layers:
            out = layer(out, src_mask=mask, is_causal=causal, src_key_padding_mask=src_key_padding_mask)
        if padding is not None:
            out = out.masked_fill(padding.unsqueeze(-1), 0.0)
        return out if self.norm is None else self.norm(out)

    def _skipped(self, src: Tensor, mask: Tensor) -> Tensor | None:
        """The places that torch, which packs the sequences here, fills up with zeros; None where it doesn't."""
        first: Any = self.layers[0]
        if first.training or (is_grad_enabled() and (src.requires_grad or any(p.requires_grad for p in first.parameters()))):
            return None
        padding = mask if not mask.is_floating_point() else mask == -math.inf
        if self.mask_check and bool((padding[:, :-1] & ~padding[:, 1:]).any()):  # not all at the ends
            return None
        return padding


def _may_skip_padding(layer: Any) -> bool:
    if not isinstance(layer, TransformerEncoderLayer) or layer.norm_first:
        return False
    attention = layer.self_attn
    plain = layer.activation is F.relu or layer.activation is F.gelu or isinstance(layer.activation, (ReLU, GELU))
    return bool(plain and attention.batch_first and attention._qkv_same_embed_dim and attention.in_proj_bias is not None
                and layer.norm1.eps == layer.norm2.eps and attention.num_heads % 2 == 0)


class TransformerDecoder(Module):
    """`num_layers` copies of a decoder layer, one after the other, and then `norm` if given.

    https://pytorch.org/docs/stable/generated/torch.nn.TransformerDecoder.html

    >>> decoder = ndl.nn.TransformerDecoder(ndl.nn.TransformerDecoderLayer(16, 4, 32), num_layers=2)
    >>> decoder(ndl.randn(7, 2, 16), ndl.randn(10, 2, 16)).shape
    Size([7, 2, 16])
    """

    def __init__(self, decoder_layer: Any, num_layers: int, norm: Module | None = None):
        super().__init__()
        self.layers = _get_clones(decoder_layer, num_layers)
        self.num_layers = num_layers
        self.norm = norm

    def forward(self, tgt: Tensor, memory: Tensor, tgt_mask: Tensor | None = None, memory_mask: Tensor | None = None,
                tgt_key_padding_mask: Tensor | None = None, memory_key_padding_mask: Tensor | None = None,
                tgt_is_causal: bool | None = None, memory_is_causal: bool = False) -> Tensor:
        """Masks as in `TransformerDecoderLayer`; `tgt_is_causal` is a hint, by default one looks at the mask."""
        first: Any = self.layers[0]
        causal = _is_causal(tgt_mask, tgt_is_causal, tgt, getattr(getattr(first, "self_attn", None), "batch_first", False))
        out = tgt
        for layer in self.layers:
            out = layer(out, memory, tgt_mask=tgt_mask, memory_mask=memory_mask, tgt_key_padding_mask=tgt_key_padding_mask,
                        memory_key_padding_mask=memory_key_padding_mask, tgt_is_causal=causal,
                        memory_is_causal=memory_is_causal)
        return out if self.norm is None else self.norm(out)


class Transformer(Module):
    """An encoder reads src (S, N, d_model), a decoder makes (T, N, d_model) of that and tgt (T, N, d_model).

    custom_encoder, custom_decoder  modules to take instead; the other arguments as for `TransformerEncoderLayer`

    https://pytorch.org/docs/stable/generated/torch.nn.Transformer.html

    >>> model = ndl.nn.Transformer(16, nhead=4, num_encoder_layers=2, num_decoder_layers=2, dim_feedforward=32)
    >>> tgt = ndl.randn(7, 2, 16)
    >>> model(ndl.randn(10, 2, 16), tgt, tgt_mask=model.generate_square_subsequent_mask(7)).shape
    Size([7, 2, 16])
    """

    def __init__(self, d_model: int = 512, nhead: int = 8, num_encoder_layers: int = 6, num_decoder_layers: int = 6,
                 dim_feedforward: int = 2048, dropout: float = 0.1, activation: Activation = F.relu, custom_encoder: Any = None,
                 custom_decoder: Any = None, layer_norm_eps: float = 1e-5, batch_first: bool = False, norm_first: bool = False,
                 bias: bool = True, device: Any = None, dtype: Any = None):
        super().__init__()
        common = (d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first, bias, device,
                  dtype)

        def norm() -> LayerNorm:
            return LayerNorm(d_model, layer_norm_eps, bias=bias, device=device, dtype=dtype)

        self.encoder = custom_encoder if custom_encoder is not None else \
            TransformerEncoder(TransformerEncoderLayer(*common), num_encoder_layers, norm())
        self.decoder = custom_decoder if custom_decoder is not None else \
            TransformerDecoder(TransformerDecoderLayer(*common), num_decoder_layers, norm())
        self._reset_parameters()
        self.d_model, self.nhead, self.batch_first = d_model, nhead, batch_first

    def _reset_parameters(self) -> None:
        for parameter in self.parameters():
            if parameter.dim() > 1:
                init.xavier_uniform_(parameter)

    def forward(self, src: Tensor, tgt: Tensor, src_mask: Tensor | None = None, tgt_mask: Tensor | None = None,
                memory_mask: Tensor | None = None, src_key_padding_mask: Tensor | None = None,
                tgt_key_padding_mask: Tensor | None = None, memory_key_padding_mask: Tensor | None = None,
                src_is_causal: bool | None = None, tgt_is_causal: bool | None = None,
                memory_is_causal: bool = False) -> Tensor:
        """Masks as in `TransformerEncoder` and `TransformerDecoder`."""
        batch = 0 if self.batch_first else 1
        if src.dim() == 3 and src.shape[batch] != tgt.shape[batch]:
            raise RuntimeError(f"the batch number of src and tgt must be equal: src {tuple(src.shape)}, tgt "
                               f"{tuple(tgt.shape)}, batch_first={self.batch_first}")
        if src.shape[-1] != self.d_model or tgt.shape[-1] != self.d_model:
            raise RuntimeError(f"the feature number of src and tgt must be equal to d_model: src {tuple(src.shape)}, tgt "
                               f"{tuple(tgt.shape)}, d_model {self.d_model}")
        memory = self.encoder(src, mask=src_mask, src_key_padding_mask=src_key_padding_mask, is_causal=src_is_causal)
        return self.decoder(tgt, memory, tgt_mask=tgt_mask, memory_mask=memory_mask, tgt_key_padding_mask=tgt_key_padding_mask,
                            memory_key_padding_mask=memory_key_padding_mask, tgt_is_causal=tgt_is_causal,
                            memory_is_causal=memory_is_causal)

    @staticmethod
    def generate_square_subsequent_mask(sz: int, device: Any = None, dtype: Any = None) -> Tensor:
        """The causal mask (sz, sz): 0 up to the diagonal, -inf above it.

        >>> ndl.nn.Transformer.generate_square_subsequent_mask(3)
        tensor([[0., -inf, -inf],
                [0., 0., -inf],
                [0., 0., 0.]])
        """
        return _generate_square_subsequent_mask(sz, device, dtype)
