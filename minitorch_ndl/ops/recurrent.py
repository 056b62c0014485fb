"""Recurrent layers: one operation runs one layer over a whole sequence, in one direction.

Rows of several sequences lie in memory step by step, as in a PackedSequence: `sizes` says how many sequences each step
has, never more than the step before, so that step t's rows belong to the first sizes[t] sequences. What doesn't depend
on the step before (the input's part of the gates; in backward the slopes of the gates, and every weight's gradient) is
computed for all steps at once; a step itself is one small product and a few functions of small arrays.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from ..composite import composite, face
from ..faces import F
from ..fused import fused
from ..sums import total


def _steps(sizes: Sequence[int], reverse: bool) -> list[tuple[int, int]]:
    """The rows (start, stop) of each step, in the order of computing."""
    ends = list(itertools.accumulate(sizes, initial=0))
    steps = list(zip(ends, ends[1:], strict=False))
    return steps[::-1] if reverse else steps


def _unrolled(step, input, state, sizes, reverse):
    """The outputs of all steps, and the last state of each sequence, by ordinary operations: the references' loop."""
    outs = {}
    for start, stop in _steps(sizes, reverse):
        n = stop - start
        new = step(input[start:stop], [s[:n] for s in state])
        outs[start] = new[0]
        state = [x if n == len(s) else F.cat([x, s[n:]]) for x, s in zip(new, state, strict=True)]
    return (F.cat([outs[start] for start in sorted(outs)]), *state)


def _projected(xp: Any, input: Any, weight: Any, *biases: Any) -> Any:
    """The input's part of the gates, for all steps."""
    out = xp.matmul(input, weight.T)
    for bias in biases:
        if bias is not None:
            out += bias
    return out


def _right_side(xp: Any, weight: Any, times: int) -> Any:
    """The transpose of a weight, to be the right side of many products: BLAS is slow with few rows and a transposed one."""
    return xp.ascontiguousarray(weight.T) if times > 2 else weight.T


def _ends(xp: Any, needs: Any, of_gates: Any, input: Any, weight: Any) -> list:
    """The gradients of an input, its weight and its bias, given that of their part in the gates, for all steps at once."""
    return [of_gates.dot(weight) if needs[0] else None,
            of_gates.T.dot(input) if needs[1] else None,  # where there is but one row, seven times as fast as matmul
            total(xp, xp.ascontiguousarray(of_gates), (0,)) if needs[2] else None]


def _copied(x: Any, wanted: bool) -> Any:
    return x.copy() if wanted else None  # two parameters must not get one array as their gradient


# --- tanh or relu ---------------------------------------------------------------------------------------------------


def _rnn(input, h, w_ih, w_hh, b_ih=None, b_hh=None, sizes=(), reverse=False, relu=False):
    def step(x, state):
        gate = F.linear(x, w_ih, b_ih) + F.linear(state[0], w_hh, b_hh)
        return (gate.relu() if relu else gate.tanh(),)

    return _unrolled(step, input, [h], sizes, reverse)


@fused(reference=_rnn, on="", outputs=("output", "h_n"), promote="same", broadcasts=False)
class rnn_layer:
    """h = tanh(x @ w_ih.T + b_ih + h @ w_hh.T + b_hh), or relu of it: input (rows, I), h (N, H)."""

    def forward(xp, input, h, w_ih, w_hh, b_ih=None, b_hh=None, sizes: tuple = (), reverse: bool = False,
                relu: bool = False):
        gates = _projected(xp, input, w_ih, b_ih, b_hh)
        h, before = h.copy(), xp.empty(gates.shape, gates.dtype)
        w = _right_side(xp, w_hh, len(sizes))
        for start, stop in _steps(sizes, reverse):
            gate, last = gates[start:stop], h[:stop - start]
            before[start:stop] = last
            gate += xp.matmul(last, w)
            if relu:
                xp.maximum(gate, 0, out=gate)
            else:
                xp.tanh(gate, out=gate)
            last[...] = gate
        return (gates.copy(), h), input, before, gates, w_ih, w_hh, sizes, reverse, relu

    def backward(xp, needs, g, input, before, gates, w_ih, w_hh, sizes, reverse, relu):
        of_out, of_h = g[0], g[1].copy()
        of_gates = (gates > 0).astype(gates.dtype) if relu else 1 - gates * gates
        for start, stop in reversed(_steps(sizes, reverse)):
            of_last, step = of_h[:stop - start], of_gates[start:stop]
            of_last += of_out[start:stop]
            step *= of_last
            xp.matmul(step, w_hh, out=of_last)
        of_input, of_ih, of_bias = _ends(xp, (needs[0], needs[2], needs[4] or needs[5]), of_gates, input, w_ih)
        _, of_hh, _ = _ends(xp, (False, needs[3], False), of_gates, before, w_hh)
        return of_input, of_h, of_ih, of_hh, of_bias, _copied(of_bias, needs[5])


# --- GRU ------------------------------------------------------------------------------------------------------------


def _gru(input, h, w_ih, w_hh, b_ih=None, b_hh=None, sizes=(), reverse=False):
    def step(x, state):
        (h,) = state
        r, z, new = F.linear(x, w_ih, b_ih).chunk(3, 1)
        r_h, z_h, new_h = F.linear(h, w_hh, b_hh).chunk(3, 1)
        r, z = (r + r_h).sigmoid(), (z + z_h).sigmoid()
        new = (new + r * new_h).tanh()
        return ((1 - z) * new + z * h,)

    return _unrolled(step, input, [h], sizes, reverse)


@fused(reference=_gru, on="", outputs=("output", "h_n"), promote="same", broadcasts=False)
class gru_layer:
    """Gates reset, update and new (w_ih and w_hh have their rows in this order): h = (1 - z) * new + z * h."""

    def forward(xp, input, h, w_ih, w_hh, b_ih=None, b_hh=None, sizes: tuple = (), reverse: bool = False):
        n = w_hh.shape[1]
        gates = _projected(xp, input, w_ih, b_ih)
        if b_hh is not None:
            gates[:, :2 * n] += b_hh[:2 * n]
        h, rows = h.copy(), len(gates)
        out, before, from_h = (xp.empty((rows, n), gates.dtype) for _ in range(3))
        w = _right_side(xp, w_hh, len(sizes))
        for start, stop in _steps(sizes, reverse):
            last, step, result, inner = h[:stop - start], gates[start:stop], out[start:stop], from_h[start:stop]
            before[start:stop] = last
            product = xp.matmul(last, w)
            both, new = step[:, :2 * n], step[:, 2 * n:]
            both += product[:, :2 * n]
            both *= 0.5  # sigmoid(x) = (1 + tanh(x / 2)) / 2: tanh is quick, and cannot overflow
            xp.tanh(both, out=both)
            both *= 0.5
            both += 0.5
            inner[...] = product[:, 2 * n:]
            if b_hh is not None:
                inner += b_hh[2 * n:]
            new += both[:, :n] * inner
            xp.tanh(new, out=new)
            xp.subtract(last, new, out=result)
            result *= both[:, n:]
            result += new
            last[...] = result
        return (out, h), input, before, gates, from_h, w_ih, w_hh, sizes, reverse

    def backward(xp, needs, g, input, before, gates, from_h, w_ih, w_hh, sizes, reverse):
        of_out, of_h = g[0], g[1].copy()
        rows, n = from_h.shape
        r, z, new = (gates[:, k * n:(k + 1) * n] for k in range(3))
        # What each gate's argument does to the output; new's twice, for its part from h is multiplied by r.
        slopes = xp.empty((rows, 4, n), gates.dtype)
        slopes[:, 3] = (1 - z) * (1 - new * new)
        slopes[:, 2] = slopes[:, 3] * r
        slopes[:, 1] = (before - new) * (z * (1 - z))
        slopes[:, 0] = slopes[:, 2] * from_h * (1 - r)
        of_gates = slopes.reshape(rows, 4 * n)  # after its step, each row holds the gradients
        for start, stop in reversed(_steps(sizes, reverse)):
            of_last, step = of_h[:stop - start], slopes[start:stop]
            of_last += of_out[start:stop]
            step *= of_last[:, None]
            of_last *= z[start:stop]
            of_last += xp.matmul(of_gates[start:stop, :3 * n], w_hh)
        of_gates = of_gates[:, :3 * n]
        _, of_hh, of_b_hh = _ends(xp, (False, needs[3], needs[5]), of_gates, before, w_hh)
        slopes[:, 2] = slopes[:, 3]
        of_input, of_ih, of_b_ih = _ends(xp, (needs[0], needs[2], needs[4]), of_gates, input, w_ih)
        return of_input, of_h, of_ih, of_hh, of_b_ih, of_b_hh


# --- LSTM -----------------------------------------------------------------------------------------------------------


def _lstm(input, h, c, w_ih, w_hh, b_ih=None, b_hh=None, w_hr=None, sizes=(), reverse=False):
    def step(x, state):
        h, c = state
        i, f, new, o = (F.linear(x, w_ih, b_ih) + F.linear(h, w_hh, b_hh)).chunk(4, 1)
        c = f.sigmoid() * c + i.sigmoid() * new.tanh()
        h = o.sigmoid() * c.tanh()
        return (h if w_hr is None else F.linear(h, w_hr)), c

    return _unrolled(step, input, [h, c], sizes, reverse)


@fused(reference=_lstm, on="", outputs=("output", "h_n", "c_n"), promote="same", broadcasts=False)
class lstm_layer:
    """Gates input, forget, new and output, in this order: c = f * c + i * new, h = o * tanh(c), times w_hr.T if given."""

    def forward(xp, input, h, c, w_ih, w_hh, b_ih=None, b_hh=None, w_hr=None, sizes: tuple = (), reverse: bool = False):
        n, rows = w_hh.shape[0] // 4, len(input)
        gates = xp.matmul(input, w_ih.reshape(4, n, -1).mT)  # gate by gate: four products of n columns beat one of 4 n
        for bias in (b_ih, b_hh):
            if bias is not None:
                gates += bias.reshape(4, 1, n)
        h, c = h.copy(), c.copy()
        out, before_h = (xp.empty((rows, h.shape[1]), gates.dtype) for _ in range(2))
        before_c, tanhs = (xp.empty((rows, n), gates.dtype) for _ in range(2))
        w = w_hh.reshape(4, n, -1).mT
        # sigmoid(x) = (1 + tanh(x / 2)) / 2, so that one tanh serves all four gates
        scale, shift = xp.full((4, 1, 1), 0.5, gates.dtype), xp.full((4, 1, 1), 0.5, gates.dtype)
        scale[2], shift[2] = 1, 0
        gates *= scale
        many = len(sizes) > 2
        if many:  # worth a copy for BLAS's sake (see `_right_side`), with the halves in it
            w = xp.ascontiguousarray(w) * scale
        for start, stop in _steps(sizes, reverse):
            last, cell = h[:stop - start], c[:stop - start]
            before_h[start:stop], before_c[start:stop] = last, cell
            gate = xp.matmul(last, w)
            if not many:
                gate *= scale
            gate += gates[:, start:stop]
            xp.tanh(gate, out=gate)
            gate *= scale
            gate += shift
            gates[:, start:stop] = gate
            cell *= gate[1]
            cell += gate[0] * gate[2]
            tanh, result = tanhs[start:stop], out[start:stop]
            xp.tanh(cell, out=tanh)
            if w_hr is None:
                xp.multiply(gate[3], tanh, out=result)
            else:
                xp.matmul(gate[3] * tanh, w_hr.T, out=result)
            last[...] = result
        return (out, h, c), input, before_h, before_c, gates, tanhs, w_ih, w_hh, w_hr, sizes, reverse

    def backward(xp, needs, g, input, before_h, before_c, gates, tanhs, w_ih, w_hh, w_hr, sizes, reverse):
        of_out, of_h, of_c = g[0], g[1].copy(), g[2].copy()
        rows, n = tanhs.shape
        i, f, new, o = gates
        # What each gate's argument does to c (to h, for the output gate), and what c does to h.
        slopes = xp.empty((rows, 4, n), gates.dtype)
        xp.multiply(new, i * (1 - i), out=slopes[:, 0])
        xp.multiply(before_c, f * (1 - f), out=slopes[:, 1])
        xp.multiply(i, 1 - new * new, out=slopes[:, 2])
        xp.multiply(tanhs, o * (1 - o), out=slopes[:, 3])
        slope = o * (1 - tanhs * tanhs)
        of_gates = slopes.reshape(rows, 4 * n)  # after its step, each row holds the gradients
        projected = None if w_hr is None else xp.empty((rows, of_h.shape[1]), gates.dtype)
        for start, stop in reversed(_steps(sizes, reverse)):
            of_last, of_cell, step = of_h[:stop - start], of_c[:stop - start], slopes[start:stop]
            of_last += of_out[start:stop]
            of_full = of_last
            if projected is not None:
                projected[start:stop] = of_last
                of_full = xp.matmul(of_last, w_hr)
            of_cell += of_full * slope[start:stop]
            step[:, :3] *= of_cell[:, None]
            step[:, 3] *= of_full
            of_cell *= f[start:stop]
            xp.matmul(of_gates[start:stop], w_hh, out=of_last)
        of_input, of_ih, of_bias = _ends(xp, (needs[0], needs[3], needs[5] or needs[6]), of_gates, input, w_ih)
        _, of_hh, _ = _ends(xp, (False, needs[4], False), of_gates, before_h, w_hh)
        of_hr = xp.matmul(projected.T, o * tanhs) if needs[7] else None
        return of_input, of_h, of_c, of_ih, of_hh, of_bias, _copied(of_bias, needs[6]), of_hr


# --- several layers, both directions ----------------------------------------------------------------------------------


def _stacked(layer: Any, input: Any, states: Sequence[Any], params: Sequence[Any], biases: bool, sizes: tuple, num_layers: int,
             dropout: float, train: bool, bidirectional: bool, *options: Any) -> tuple:
    """Layer upon layer over rows (see above): the output rows and, for each kind of state, the last ones, stacked."""
    directions = 2 if bidirectional else 1
    dtype = input.dtype
    if dtype.itemsize < 4:  # half precision is for storing
        input, states, params = input.float(), [s.float() for s in states], [p.float() for p in params]
    each = len(params) // (num_layers * directions)
    none = (None, None)
    last: list[list[Any]] = [[] for _ in states]
    for k in range(num_layers * directions):
        weights = params[k * each:(k + 1) * each]
        if not biases:
            weights = [*weights[:2], *none, *weights[2:]]
        if layer is F.lstm_layer and len(weights) == 4:
            weights = [*weights, None]
        out, *ends = layer(input, *(s[k] for s in states), *weights, sizes, k % directions == 1, *options)
        for ended, end in zip(last, ends, strict=True):
            ended.append(end)
        if bidirectional:
            if k % 2 == 0:
                forward = out
                continue
            out = F.cat([forward, out], 1)
        input = out
        if dropout and train and k < (num_layers - 1) * directions:
            input = F.dropout(input, dropout)
    results = [input, *(F.stack(ended) for ended in last)]
    return tuple(r if r.dtype == dtype else r.to(dtype) for r in results)


def recurrent(name: str, layer: Any, *options: Any) -> Any:
    """A function such as `torch.lstm`: of padded sequences, or of packed ones."""

    def run(*args: Any) -> tuple:
        input, packed = args[0], not isinstance(args[3], (bool, int))
        several = layer is F.lstm_layer
        if not isinstance(args[-1], bool):
            raise TypeError(f"{name}: expected (input, hx, params, has_biases, num_layers, dropout, train, bidirectional, "
                            f"batch_first), or, packed, (data, batch_sizes, hx, params, has_biases, num_layers, dropout, "
                            f"train, bidirectional)")
        if packed:
            _, sizes, hx, params, biases, num_layers, dropout, train, bidirectional = args
            sizes = tuple(sizes.tolist())
            return _stacked(layer, input, hx if several else (hx,), params, biases, sizes, num_layers, dropout, train,
                            bidirectional, *options)
        _, hx, params, biases, num_layers, dropout, train, bidirectional, batch_first = args
        if batch_first:
            input = input.transpose(0, 1)
        steps, n = input.shape[:2]
        if not steps:
            raise RuntimeError(f"Expected sequence length to be larger than 0 in RNN: {name} got input of shape "
                               f"{tuple(args[0].shape)}.")
        out, *last = _stacked(layer, input.reshape(steps * n, -1) if n else input.reshape(0, input.shape[2]),
                              hx if several else (hx,), params, biases, (n,) * steps, num_layers, dropout, train,
                              bidirectional, *options)
        out = out.reshape(steps, n, out.shape[1])
        return (out.transpose(0, 1) if batch_first else out, *last)

    run.__name__ = run.__qualname__ = name
    run.__doc__ = f"What `nn.{name.partition('_')[0].upper()}` computes: {name}(input, hx, params, has_biases, num_layers, " \
                  "dropout, train, bidirectional, batch_first)."
    return face(name)(run)


lstm = recurrent("lstm", F.lstm_layer)
gru = recurrent("gru", F.gru_layer)
rnn_tanh = recurrent("rnn_tanh", F.rnn_layer)
rnn_relu = recurrent("rnn_relu", F.rnn_layer, True)


# --- one step ---------------------------------------------------------------------------------------------------------


def _check_cell(input: Any, states: Sequence[Any], w_ih: Any, w_hh: Any) -> tuple:
    if input.shape[1] != w_ih.shape[1]:
        raise RuntimeError(f"input has inconsistent input_size: got {input.shape[1]} expected {w_ih.shape[1]} (input "
                           f"{tuple(input.shape)}, weight_ih {tuple(w_ih.shape)})")
    for i, h in enumerate(states):
        if h.shape[0] != input.shape[0]:
            raise RuntimeError(f"Input batch size {input.shape[0]} doesn't match hidden{i} batch size {h.shape[0]}")
        if h.shape[1] != w_hh.shape[1]:
            raise RuntimeError(f"hidden{i} has inconsistent hidden_size: got {h.shape[1]}, expected {w_hh.shape[1]}")
    return (input.shape[0],)


@composite(out=False, on="torch")
def lstm_cell(input, hx, w_ih, w_hh, b_ih=None, b_hh=None):
    """One step of an LSTM: input (N, I) and hx, two states (N, H), to the two next states."""
    sizes = _check_cell(input, hx, w_ih, w_hh)
    return tuple(F.lstm_layer(input, *hx, w_ih, w_hh, b_ih, b_hh, None, sizes, False)[1:])


@composite(out=False, on="torch")
def gru_cell(input, hx, w_ih, w_hh, b_ih=None, b_hh=None):
    """One step of a GRU: input (N, I) and state (N, H) to the next state."""
    return F.gru_layer(input, hx, w_ih, w_hh, b_ih, b_hh, _check_cell(input, (hx,), w_ih, w_hh), False)[0]


@composite(out=False, on="torch")
def rnn_tanh_cell(input, hx, w_ih, w_hh, b_ih=None, b_hh=None):
    """``tanh(input @ w_ih.T + b_ih + hx @ w_hh.T + b_hh)``: input (N, I) and state (N, H) to the next state."""
    return F.rnn_layer(input, hx, w_ih, w_hh, b_ih, b_hh, _check_cell(input, (hx,), w_ih, w_hh), False, False)[0]


@composite(out=False, on="torch")
def rnn_relu_cell(input, hx, w_ih, w_hh, b_ih=None, b_hh=None):
    """`rnn_tanh_cell` with relu in tanh's place."""
    return F.rnn_layer(input, hx, w_ih, w_hh, b_ih, b_hh, _check_cell(input, (hx,), w_ih, w_hh), False, True)[0]
