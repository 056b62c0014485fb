"""Recurrent cells: one step of a recurrent layer, by itself.

Such a step has to take the weights as they lie. BLAS is fastest if the gates stand upright, (gates, H, N): then the only
sides of its products that are transposed are the small ones, and these are copied. And it is fastest gate by gate: products
this small it takes by themselves, without rearranging them first, and without a second thread, whose help would come late.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..compiled import twinned
from ..composite import composite
from ..faces import F
from ..fused import fused
from .recurrent import (
    _copied,
    _gru,
    _gru_slopes,
    _gru_values,
    _halves,
    _lstm,
    _lstm_slopes,
    _lstm_values,
    _rnn,
)


def _upright(xp: Any, gates: int, x: Any, weight: Any) -> Any:
    """``weight @ x.T`` as (gates, H, N)."""
    rows, features = weight.shape
    return xp.matmul(weight.reshape(gates, rows // gates, features), xp.ascontiguousarray(x.T))


@twinned("recurrent.added")
def _added(xp: Any, parts: Any) -> Any:
    """The sum over the first dimension."""
    return parts.sum(0)


def _end_upright(xp: Any, needs: Any, of_gates: Any, x: Any, weight: Any) -> tuple:
    """The gradients of an input or a state, and of its weight, given that of the gates' arguments."""
    of_x, of_weight, by_gate = None, None, (*of_gates.shape[:2], weight.shape[1])
    if needs[0]:
        of_x = _added(xp, xp.matmul(of_gates.mT, weight.reshape(by_gate)))
    if needs[1]:
        of_weight = xp.empty(weight.shape, weight.dtype)  # its own array, not a view: nobody has to copy it
        combine = xp.matmul if len(x) != 1 else xp.multiply  # the same for one row, where matmul is slow
        combine(of_gates, x, out=of_weight.reshape(by_gate))
    return of_x, of_weight


# --- tanh or relu -----------------------------------------------------------------------------------------------------


def _rnn_once(input, h, w_ih, w_hh, b_ih=None, b_hh=None, relu=False):
    return _rnn(input, h, w_ih, w_hh, b_ih, b_hh, (len(input),), False, relu)[1]


@fused(reference=_rnn_once, on="", promote="same", broadcasts=False)
class rnn_step:
    """One step of `rnn_layer`: input (N, I) and h (N, H), to the next h."""

    def forward(xp, input, h, w_ih, w_hh, b_ih=None, b_hh=None, relu: bool = False):
        gate = _upright(xp, 1, h, w_hh)[0]
        gate += _upright(xp, 1, input, w_ih)[0]
        for bias in (b_ih, b_hh):
            if bias is not None:
                gate += bias[:, None]
        gate = xp.maximum(gate, 0, out=gate) if relu else xp.tanh(gate, out=gate)
        return gate.T.copy(), input, h, gate, w_ih, w_hh, relu

    def backward(xp, needs, g, input, h, gate, w_ih, w_hh, relu):
        of_gate = xp.where(gate > 0, g.T, 0) if relu else g.T * (1 - gate * gate)
        of_gate = xp.ascontiguousarray(of_gate)
        of_h, of_hh = _end_upright(xp, (needs[1], needs[3]), of_gate[None], h, w_hh)
        of_input, of_ih = _end_upright(xp, (needs[0], needs[2]), of_gate[None], input, w_ih)
        of_bias = of_gate.sum(1) if needs[4] or needs[5] else None
        return of_input, of_h, of_ih, of_hh, of_bias, _copied(of_bias, needs[5])


# --- GRU --------------------------------------------------------------------------------------------------------------


def _gru_once(input, h, w_ih, w_hh, b_ih=None, b_hh=None):
    return _gru(input, h, w_ih, w_hh, b_ih, b_hh, (len(input),))[1]


@twinned("gru.step")
def _gru_step(xp: Any, gates: Any, more: Any, b_ih: Any, b_hh: Any, h: Any) -> tuple:
    """Turn the gates' arguments, the input's part of them, into their values, and `more`, the part from h, into what it adds
    to the argument of new; all upright. Gives the next h."""
    n = h.shape[1]
    if b_ih is not None:
        gates += b_ih.reshape(3, n, 1)
    if b_hh is not None:
        more += b_hh.reshape(3, n, 1)
    gates[:2] += more[:2]
    return _gru_values(xp, gates, more[2], h.T).T.copy(), more[2]


@twinned("gru.step.backward")
def _gru_step_backward(xp: Any, of_h: Any, gates: Any, from_h: Any, h: Any) -> tuple:
    """What `_gru_slopes` says, upright, the sums over the rows, and the gradient of h that goes through no gate."""
    of_h, of_gates = of_h.T.copy(), xp.empty((4, *from_h.shape), gates.dtype)
    _gru_slopes(xp, gates, from_h, xp.ascontiguousarray(h.T), of_h, of_gates)
    return of_gates, of_gates.sum(2), of_h.T.copy()


@fused(reference=_gru_once, on="", promote="same", broadcasts=False)
class gru_step:
    """One step of `gru_layer`: input (N, I) and h (N, H), to the next h."""

    def forward(xp, input, h, w_ih, w_hh, b_ih=None, b_hh=None):
        gates = _upright(xp, 3, input, w_ih)
        out, from_h = _gru_step(xp, gates, _upright(xp, 3, h, w_hh), b_ih, b_hh, h)
        return out, input, h, gates, from_h, w_ih, w_hh

    def backward(xp, needs, g, input, h, gates, from_h, w_ih, w_hh):
        of_gates, of_biases, rest = _gru_step_backward(xp, g, gates, from_h, h)
        of_h, of_hh = _end_upright(xp, (needs[1], needs[3]), of_gates[:3], h, w_hh)
        of_gates[2] = of_gates[3]
        of_input, of_ih = _end_upright(xp, (needs[0], needs[2]), of_gates[:3], input, w_ih)
        of_b_ih = of_biases[[0, 1, 3]].reshape(-1) if needs[4] else None
        return (of_input, None if of_h is None else of_h + rest, of_ih, of_hh, of_b_ih,
                of_biases[:3].reshape(-1).copy() if needs[5] else None)


# --- LSTM -------------------------------------------------------------------------------------------------------------


def _lstm_once(input, h, c, w_ih, w_hh, b_ih=None, b_hh=None):
    return _lstm(input, h, c, w_ih, w_hh, b_ih, b_hh, None, (len(input),))[1:]


@twinned("lstm.step")
def _lstm_step(xp: Any, gates: Any, more: Any, biases: Any, c: Any) -> tuple:
    """Turn the gates' arguments, one part of them, into their values, upright; gives the next h and c, and tanh of this c,
    upright."""
    gates += more
    if biases:
        gates += sum(biases[1:], biases[0]).reshape(4, -1, 1)
    scale, shift = _halves(xp, gates.dtype)
    gates *= scale
    new, tanh = c.T.copy(), xp.empty(c.shape[::-1], c.dtype)
    h = _lstm_values(xp, gates, scale, shift, new, tanh)
    return h.T.copy(), new.T.copy(), tanh


@twinned("lstm.step.backward")
def _lstm_step_backward(xp: Any, of_h: Any, of_c: Any, gates: Any, c: Any, tanh: Any) -> tuple:
    """The gradients of the gates' arguments, upright, of the c before, and of the bias."""
    of_c = of_c.T.copy()
    of_gates = _lstm_slopes(xp, gates, xp.ascontiguousarray(c.T), tanh, xp.ascontiguousarray(of_h.T), of_c)
    rows = of_gates.reshape(4 * c.shape[1], len(c))
    return of_gates, of_c.T.copy(), rows.dot(xp.ones(len(c), rows.dtype))


@fused(reference=_lstm_once, on="", outputs=("h", "c"), promote="same", broadcasts=False)
class lstm_step:
    """One step of `lstm_layer`: input (N, I), h and c (N, H), to the next h and c."""

    def forward(xp, input, h, c, w_ih, w_hh, b_ih=None, b_hh=None):
        gates, biases = _upright(xp, 4, h, w_hh), [b for b in (b_ih, b_hh) if b is not None]
        new_h, new_c, tanh = _lstm_step(xp, gates, _upright(xp, 4, input, w_ih), biases, c)
        return (new_h, new_c), input, h, c, gates, tanh, w_ih, w_hh

    def backward(xp, needs, g, input, h, c, gates, tanh, w_ih, w_hh):
        of_gates, of_c, of_bias = _lstm_step_backward(xp, *g, gates, c, tanh)
        of_input, of_ih = _end_upright(xp, (needs[0], needs[3]), of_gates, input, w_ih)
        of_h, of_hh = _end_upright(xp, (needs[1], needs[4]), of_gates, h, w_hh)
        return of_input, of_h, of_c, of_ih, of_hh, of_bias, _copied(of_bias, needs[6])


# --- under torch's names ----------------------------------------------------------------------------------------------


def _check_cell(input: Any, states: Sequence[Any], w_ih: Any, w_hh: Any) -> None:
    n, features, width = len(input._array), input._array.shape[1], w_hh._array.shape[1]
    if features != w_ih._array.shape[1]:
        raise RuntimeError(f"input has inconsistent input_size: got {features} expected {w_ih.shape[1]} (input "
                           f"{tuple(input.shape)}, weight_ih {tuple(w_ih.shape)})")
    for i, h in enumerate(states):
        shape = h._array.shape
        if shape[0] != n:
            raise RuntimeError(f"Input batch size {n} doesn't match hidden{i} batch size {shape[0]}")
        if shape[1] != width:
            raise RuntimeError(f"hidden{i} has inconsistent hidden_size: got {shape[1]}, expected {width}")


@composite(out=False, on="torch")
def lstm_cell(input, hx, w_ih, w_hh, b_ih=None, b_hh=None):
    """One step of an LSTM: input (N, I) and hx, two states (N, H), to the two next states."""
    _check_cell(input, hx, w_ih, w_hh)
    return tuple(F.lstm_step(input, *hx, w_ih, w_hh, b_ih, b_hh))


@composite(out=False, on="torch")
def gru_cell(input, hx, w_ih, w_hh, b_ih=None, b_hh=None):
    """One step of a GRU: input (N, I) and state (N, H) to the next state."""
    _check_cell(input, (hx,), w_ih, w_hh)
    return F.gru_step(input, hx, w_ih, w_hh, b_ih, b_hh)


@composite(out=False, on="torch")
def rnn_tanh_cell(input, hx, w_ih, w_hh, b_ih=None, b_hh=None):
    """``tanh(input @ w_ih.T + b_ih + hx @ w_hh.T + b_hh)``: input (N, I) and state (N, H) to the next state."""
    _check_cell(input, (hx,), w_ih, w_hh)
    return F.rnn_step(input, hx, w_ih, w_hh, b_ih, b_hh, False)


@composite(out=False, on="torch")
def rnn_relu_cell(input, hx, w_ih, w_hh, b_ih=None, b_hh=None):
    """`rnn_tanh_cell` with relu in tanh's place."""
    _check_cell(input, (hx,), w_ih, w_hh)
    return F.rnn_step(input, hx, w_ih, w_hh, b_ih, b_hh, True)
