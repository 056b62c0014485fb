"""Recurrent layers, over whole sequences (RNN, LSTM, GRU) and for one step (RNNCell, LSTMCell, GRUCell)."""

from __future__ import annotations

import math
import warnings
from typing import Any

from ..ops.cells import gru_cell, lstm_cell, rnn_relu_cell, rnn_tanh_cell
from ..ops.recurrent import gru, lstm, rnn_relu, rnn_tanh
from ..tensor import Tensor
from . import init
from .module import Module
from .parameter import Parameter, unset
from .utils.rnn import PackedSequence

_GATES = {"LSTM": 4, "GRU": 3, "RNN_TANH": 1, "RNN_RELU": 1}
_WEIGHTS = dict.fromkeys(("weight_ih", "weight_hh", "bias_ih", "bias_hh"))  # of a cell
_FUNCTIONS = {"LSTM": lstm, "GRU": gru, "RNN_TANH": rnn_tanh, "RNN_RELU": rnn_relu}


def _no_projection(name: str, others: dict[str, Any]) -> None:
    """What RNN and GRU say to arguments that only LSTM has, or nobody."""
    if "proj_size" in others:
        raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")
    if others:
        raise TypeError(f"{name}.__init__() got an unexpected keyword argument '{next(iter(others))}'")


class RNNBase(Module):
    """What RNN, LSTM and GRU have in common: parameters weight_ih_l0 (gates * H, I), weight_hh_l0 (gates * H, H), bias_ih_l0,
    bias_hh_l0 and, for layers above and the backward direction, ..._l1, ..., ..._l0_reverse. All start uniform on
    ±1 / sqrt(hidden_size)."""

    def __init__(self, mode: str, input_size: int, hidden_size: int, num_layers: int = 1, bias: bool = True,
                 batch_first: bool = False, dropout: float = 0.0, bidirectional: bool = False, proj_size: int = 0,
                 device: Any = None, dtype: Any = None):
        super().__init__()
        if isinstance(dropout, bool) or not isinstance(dropout, (int, float)) or not 0 <= dropout <= 1:
            raise ValueError("dropout should be a number in range [0, 1] representing the probability of an element being "
                             f"zeroed; {type(self).__name__} got {dropout!r}")
        if dropout > 0 and num_layers == 1:
            warnings.warn("dropout option adds dropout after all but last recurrent layer, so non-zero dropout expects "
                          f"num_layers greater than 1, but got dropout={dropout} and num_layers={num_layers}", stacklevel=3)
        for name, value, kind in (("bias", bias, bool), ("batch_first", batch_first, bool), ("input_size", input_size, int),
                                  ("hidden_size", hidden_size, int)):
            if not isinstance(value, kind):
                raise TypeError(f"{name} should be of type {kind.__name__}, got: {type(value).__name__}")
        for name, size in (("input_size", input_size), ("hidden_size", hidden_size), ("num_layers", num_layers)):
            if size <= 0:
                raise ValueError(f"{name} must be greater than zero; got {size}")
        if proj_size < 0:
            raise ValueError("proj_size should be a positive integer or zero to disable projections")
        if proj_size >= hidden_size:
            raise ValueError(f"proj_size has to be smaller than hidden_size; got {proj_size} and {hidden_size}")
        if mode not in _GATES:
            raise ValueError(f"Unrecognized RNN mode: {mode}")
        self.mode, self.input_size, self.hidden_size, self.num_layers = mode, input_size, hidden_size, num_layers
        self.bias, self.batch_first, self.dropout = bias, batch_first, float(dropout)
        self.bidirectional, self.proj_size = bidirectional, proj_size
        self._all_weights: list[list[str]] = []
        directions, rows, out = 1 + bool(bidirectional), _GATES[mode] * hidden_size, proj_size or hidden_size
        for layer in range(num_layers):
            shapes: dict[str, tuple[int, ...]] = {"weight_ih": (rows, out * directions if layer else input_size),
                                                  "weight_hh": (rows, out)}
            if bias:
                shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)}
            if proj_size:
                shapes["weight_hr"] = (proj_size, hidden_size)
            for suffix in ("", "_reverse")[:directions]:
                for name, shape in shapes.items():
                    setattr(self, f"{name}_l{layer}{suffix}", unset(*shape, device=device, dtype=dtype))
                self._all_weights.append([f"{name}_l{layer}{suffix}" for name in shapes])
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new starting values."""
        bound = 1 / math.sqrt(self.hidden_size)
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def flatten_parameters(self) -> None:
        """Does nothing: this is for memory on GPUs."""

    @property
    def all_weights(self) -> list[list[Parameter]]:
        return [[getattr(self, name) for name in names] for names in self._all_weights]

    @property
    def _flat_weights(self) -> list[Parameter]:
        return [weight for weights in self.all_weights for weight in weights]

    def _check(self, input: Tensor, states: tuple, names: tuple, packed: bool, n: int) -> None:
        """Raise if the input (T, N, I), or packed rows (R, I), or the states don't fit."""
        weight = getattr(self, self._all_weights[0][0])
        if input.dtype != weight.dtype:
            raise ValueError(f"RNN input dtype ({input.dtype}) does not match weight dtype ({weight.dtype}). Convert input: "
                             f"input.to({weight.dtype}), or convert model: model.to({input.dtype})")
        expected = 2 if packed else 3
        if input.dim() != expected:
            raise RuntimeError(f"input must have {expected} dimensions, got {input.dim()}")
        if input.shape[-1] != self.input_size:
            raise RuntimeError(f"input.size(-1) must be equal to input_size. Expected {self.input_size}, got {input.shape[-1]} "
                               f"(input {tuple(input.shape)})")
        for name, state, size in zip(names, states, (self.proj_size or self.hidden_size, self.hidden_size), strict=False):
            wanted = (self.num_layers * (1 + bool(self.bidirectional)), n, size)
            if tuple(state.shape) != wanted:
                raise RuntimeError(f"Expected {name} size {wanted}, got {list(state.shape)}. A state is (layers * directions, "
                                   f"batch, features), with batch_first too; left out, it is zeros.")

    def forward(self, input: Any, hx: Any = None) -> Any:
        several = self.mode == "LSTM"  # states: h and c
        if several and hx is not None and (isinstance(hx, Tensor) or len(hx) != 2):
            raise RuntimeError(f"LSTM: hx must be a pair of tensors (h_0, c_0); got "
                               f"{'one tensor' if isinstance(hx, Tensor) else f'{len(hx)} of them'}. For zeros leave it out.")
        states = () if hx is None else tuple(hx) if several else (hx,)
        packed, batched = isinstance(input, PackedSequence), True
        if packed:
            data, batch_sizes, order, back = input
            n = int(batch_sizes[0])
            if order is not None:  # states come in the order of the sequences as they were given
                states = tuple(s.index_select(1, order) for s in states)
        else:
            if input.dim() not in (2, 3):
                raise ValueError(f"{type(self).__name__}: Expected input to be 2D or 3D, got {input.dim()}D tensor instead")
            batched = input.dim() == 3
            if any(s.dim() != input.dim() for s in states):
                raise RuntimeError(f"For {'batched 3' if batched else 'unbatched 2'}-D input, hx should also be "
                                   f"{input.dim()}-D but got {' and '.join(f'{s.dim()}-D' for s in states)} tensor")
            data = input
            if not batched:
                data, states = input.unsqueeze(0 if self.batch_first else 1), tuple(s.unsqueeze(1) for s in states)
            n = data.shape[0 if self.batch_first else 1]
        if hx is None:
            many = self.num_layers * (1 + bool(self.bidirectional))
            sizes = (self.proj_size or self.hidden_size, self.hidden_size)[:1 + several]
            states = tuple(data.new_zeros(many, n, size) for size in sizes)
        self._check(data, states, ("hidden[0]", "hidden[1]") if several else ("hidden",), packed, n)
        rest = (states if several else states[0], self._flat_weights, self.bias, self.num_layers, self.dropout, self.training,
                self.bidirectional)
        run = _FUNCTIONS[self.mode]
        if packed:
            out, *last = run(data, batch_sizes, *rest)
            out = PackedSequence(out, batch_sizes, order, back)
            if back is not None:
                last = [s.index_select(1, back) for s in last]
        else:
            out, *last = run(data, *rest, self.batch_first)
            if not batched:
                out, last = out.squeeze(0 if self.batch_first else 1), [s.squeeze(1) for s in last]
        return out, tuple(last) if several else last[0]

    def extra_repr(self) -> str:
        unusual = {"proj_size": 0, "num_layers": 1, "bias": True, "batch_first": False, "dropout": 0, "bidirectional": False}
        return ", ".join([f"{self.input_size}, {self.hidden_size}",
                          *(f"{n}={getattr(self, n)}" for n, usual in unusual.items() if getattr(self, n) != usual)])


class RNN(RNNBase):
    """h = tanh(x @ W_ih.T + b_ih + h @ W_hh.T + b_hh), step by step, in `num_layers` layers; or "relu" in place of tanh.

    Takes (T, N, input_size), or (N, T, ...) with `batch_first`, or (T, input_size), or a PackedSequence, and h0 (layers *
    directions, N, hidden_size), zeros by default. Returns all outputs of the last layer (T, N, directions * hidden_size),
    and the last h of each layer and direction.

    dropout        between the layers, while training
    bidirectional  a second one reads backward; the outputs stand side by side

    https://pytorch.org/docs/stable/generated/torch.nn.RNN.html

    >>> rnn = ndl.nn.RNN(10, 20, num_layers=2)
    >>> output, hn = rnn(ndl.ones(5, 3, 10))
    >>> output.shape, hn.shape
    (Size([5, 3, 20]), Size([2, 3, 20]))
    """

    def __init__(self, input_size: int, hidden_size: int, num_layers: int = 1, nonlinearity: str = "tanh", bias: bool = True,
                 batch_first: bool = False, dropout: float = 0.0, bidirectional: bool = False, device: Any = None,
                 dtype: Any = None, **others: Any):
        _no_projection("RNN", others)
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'.")
        super().__init__(f"RNN_{nonlinearity.upper()}", input_size, hidden_size, num_layers, bias, batch_first, dropout,
                         bidirectional, 0, device, dtype)
        self.nonlinearity = nonlinearity


class LSTM(RNNBase):
    """Long short-term memory: gates decide what its cell c keeps, takes in and gives out (h). Hochreiter et al., 1997.

    As `RNN`, with two states: ``output, (hn, cn) = lstm(input, (h0, c0))``. The rows of the weights are those of the input,
    forget, cell and output gates.

    proj_size  if positive, h is multiplied by weight_hr_l0 (proj_size, hidden_size) ..., and is so much smaller than c

    https://pytorch.org/docs/stable/generated/torch.nn.LSTM.html

    >>> lstm = ndl.nn.LSTM(10, 20, bidirectional=True)
    >>> output, (hn, cn) = lstm(ndl.ones(5, 3, 10))
    >>> output.shape, cn.shape
    (Size([5, 3, 40]), Size([2, 3, 20]))
    """

    def __init__(self, input_size: int, hidden_size: int, num_layers: int = 1, bias: bool = True, batch_first: bool = False,
                 dropout: float = 0.0, bidirectional: bool = False, proj_size: int = 0, device: Any = None,
                 dtype: Any = None):
        super().__init__("LSTM", input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, proj_size,
                         device, dtype)


class GRU(RNNBase):
    """Gated recurrent unit: a reset and an update gate decide how much of h stays. Cho et al., 2014.

    As `RNN`; the rows of the weights are those of the reset, update and new gates.
    https://pytorch.org/docs/stable/generated/torch.nn.GRU.html

    >>> gru = ndl.nn.GRU(10, 20, batch_first=True)
    >>> output, hn = gru(ndl.ones(3, 5, 10))
    >>> output.shape, hn.shape
    (Size([3, 5, 20]), Size([1, 3, 20]))
    """

    def __init__(self, input_size: int, hidden_size: int, num_layers: int = 1, bias: bool = True, batch_first: bool = False,
                 dropout: float = 0.0, bidirectional: bool = False, device: Any = None, dtype: Any = None, **others: Any):
        _no_projection("GRU", others)
        super().__init__("GRU", input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, 0, device,
                         dtype)


# --- one step -------------------------------------------------------------------------------------------------------


class RNNCellBase(Module):
    """What the cells have in common: weight_ih (gates * H, I), weight_hh (gates * H, H), bias_ih, bias_hh."""

    def __init__(self, input_size: int, hidden_size: int, bias: bool, num_chunks: int, device: Any = None,
                 dtype: Any = None):
        super().__init__()
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bias
        rows = num_chunks * hidden_size
        for name, *shape in (("weight_ih", rows, input_size), ("weight_hh", rows, hidden_size), ("bias_ih", rows),
                             ("bias_hh", rows)):
            wanted = bias or "weight" in name
            self.register_parameter(name, unset(*shape, device=device, dtype=dtype) if wanted else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new starting values: uniform on ±1 / sqrt(hidden_size)."""
        bound = 1 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def _step(self, function: Any, input: Tensor, states: tuple | None, names: tuple) -> tuple[Tensor, ...]:
        """The next states, by a function such as `lstm_cell`."""
        batched = input.ndim == 2
        if not batched or states is None or len(states) != len(names) or any(s.ndim != 2 for s in states):
            input, states = self._as_batch(input, states, names)
        own = self._parameters
        if own.keys() >= _WEIGHTS.keys():  # without `__getattr__`, which Python asks last
            weights = own["weight_ih"], own["weight_hh"], own["bias_ih"], own["bias_hh"]
        else:
            weights = self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh
        new = function(input, states, *weights) if len(states) > 1 else (function(input, states[0], *weights),)
        return new if batched else tuple([s.squeeze(0) for s in new])

    def _as_batch(self, input: Tensor, states: tuple | None, names: tuple) -> tuple[Tensor, tuple]:
        """A single input and its states as a batch of one; states that were left out as zeros."""
        kind = type(self).__name__
        if input.dim() not in (1, 2):
            raise ValueError(f"{kind}: Expected input to be 1D or 2D, got {input.dim()}D instead")
        batched = input.dim() == 2
        x = input if batched else input.unsqueeze(0)
        if states is None:
            return x, (x.new_zeros(x.shape[0], self.hidden_size),) * len(names)
        for name, state in zip(names, states, strict=True):
            if state.dim() not in (1, 2):
                raise ValueError(f"{kind}: Expected {name} to be 1D or 2D, got {state.dim()}D instead")
        states = tuple(s if batched else s.unsqueeze(0) for s in states)
        if any(s.dim() != 2 for s in states):
            raise RuntimeError(f"{kind}: the input {tuple(input.shape)} and the state {tuple(states[0].shape)} must both "
                               f"have a batch dimension, or neither")
        return x, states

    def extra_repr(self) -> str:
        return f"{self.input_size}, {self.hidden_size}" + ("" if self.bias is True else f", bias={self.bias}")


class RNNCell(RNNCellBase):
    """One step of `RNN`: (N, input_size) and h (N, hidden_size), or both without N, to the next h.

    https://pytorch.org/docs/stable/generated/torch.nn.RNNCell.html

    >>> ndl.nn.RNNCell(10, 20)(ndl.ones(3, 10)).shape
    Size([3, 20])
    """

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, nonlinearity: str = "tanh", device: Any = None,
                 dtype: Any = None):
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        if self.nonlinearity not in ("tanh", "relu"):
            raise RuntimeError(f"Unknown nonlinearity: {self.nonlinearity}. Select from 'tanh' or 'relu'.")
        function = rnn_tanh_cell if self.nonlinearity == "tanh" else rnn_relu_cell
        return self._step(function, input, None if hx is None else (hx,), ("hidden",))[0]

    def extra_repr(self) -> str:
        return super().extra_repr() + ("" if self.nonlinearity == "tanh" else f", nonlinearity={self.nonlinearity}")


class LSTMCell(RNNCellBase):
    """One step of `LSTM`: (N, input_size) and (h, c), each (N, hidden_size), or all without N, to the next (h, c).

    https://pytorch.org/docs/stable/generated/torch.nn.LSTMCell.html

    >>> h, c = ndl.nn.LSTMCell(10, 20)(ndl.ones(3, 10))
    >>> h.shape, c.shape
    (Size([3, 20]), Size([3, 20]))
    """

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None):
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, ...]:
        return self._step(lstm_cell, input, None if hx is None else tuple(hx), ("hx[0]", "hx[1]"))


class GRUCell(RNNCellBase):
    """One step of `GRU`: (N, input_size) and h (N, hidden_size), or both without N, to the next h.

    https://pytorch.org/docs/stable/generated/torch.nn.GRUCell.html

    >>> ndl.nn.GRUCell(10, 20)(ndl.ones(10)).shape
    Size([20])
    """

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None):
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        return self._step(gru_cell, input, None if hx is None else (hx,), ("hidden",))[0]
