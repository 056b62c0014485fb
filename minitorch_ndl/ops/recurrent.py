"""Recurrent layers: one operation runs one layer over a whole sequence, in one direction. (A step by itself: `cells`.)

Rows of several sequences lie in memory step by step, as in a PackedSequence: `sizes` says how many sequences each step
has, never more than the step before, so that step t's rows belong to the first sizes[t] sequences. What doesn't depend
on the step before (the input's part of the gates; in backward the slopes of the gates, and every weight's gradient) is
computed for all steps at once; a step itself is one small product and a few functions of small arrays.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from typing import Any

from ..compiled import twinned
from ..composite import face
from ..faces import F
from ..fused import fused
from ..products import times, times_into
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
    out = times(input, weight.T)
    for bias in biases:
        if bias is not None:
            out += bias
    return out


@twinned("recurrent.by_gate")
def _by_gate(xp: Any, input: Any, weight: Any, gates: int) -> Any:
    """The same as (gates, rows, n): several products of n columns beat one of all the columns."""
    return _gate_by_gate(xp, input, xp.ascontiguousarray(weight.reshape(gates, -1, weight.shape[1]).mT))


def _gate_by_gate(xp: Any, x: Any, weights: Any) -> Any:
    """x, (rows, n) or (gates, rows, n), times each gate's weights."""
    return times_into(xp, x, weights, xp.empty((len(weights), x.shape[-2], weights.shape[2]), x.dtype))


def _right_side(xp: Any, weight: Any, times: int) -> Any:
    """The transpose of a weight, to be the right side of many products: BLAS is slow with few rows and a transposed one."""
    return xp.ascontiguousarray(weight.mT) if times > 2 else weight.mT


def _ends(xp: Any, needs: Any, of_gates: Any, input: Any, weight: Any) -> list:
    """The gradients of an input, its weight and its bias, given that of their part in the gates, for all steps at once."""
    return [times(of_gates, weight) if needs[0] else None,
            times(of_gates.T, input) if needs[1] else None,
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


def _gru_values(xp: Any, gates: Any, from_h: Any, h: Any) -> Any:
    """Turn the gates' arguments into their values; new's still lacks what comes from h. Gives the next h."""
    both, new = gates[:2], gates[2]
    both *= 0.5  # sigmoid(x) = (1 + tanh(x / 2)) / 2: tanh is quick, and cannot overflow
    xp.tanh(both, out=both)
    both *= 0.5
    both += 0.5
    new += both[0] * from_h
    xp.tanh(new, out=new)
    out = h - new
    out *= both[1]
    out += new
    return out


def _gru_slopes(xp: Any, gates: Any, from_h: Any, h: Any, of_h: Any, out: Any) -> None:
    """The gradients of the arguments of reset and update, and of both parts of new's: from h, and from the input. That of
    the next h becomes what of the former one's goes through no gate."""
    r, z, new = gates
    xp.multiply(1 - z, 1 - new * new, out=out[3])
    out[3] *= of_h
    xp.multiply(out[3], r, out=out[2])
    xp.multiply(out[2], from_h, out=out[0])
    out[0] *= 1 - r
    of_h *= z
    xp.multiply(h - new, of_h, out=out[1])
    out[1] *= 1 - z


@twinned("gru.steps")
def _gru_steps(xp: Any, gates: Any, b_ih: Any, b_hh: Any, h: Any, w_hh: Any, steps: Any) -> tuple:
    """Turn the gates' arguments, the input's part of them, into their values, and the state into the last one. Gives, for
    each row, the output, the h before, and what this added to the argument of new."""
    rows, n = gates.shape[1:]
    out, before, from_h = (xp.empty((rows, n), gates.dtype) for _ in range(3))
    if b_ih is not None:
        gates += b_ih.reshape(3, 1, n)
    if b_hh is not None:
        gates[:2] += b_hh[:2 * n].reshape(2, 1, n)
    w = _right_side(xp, w_hh.reshape(3, n, n), len(steps))
    for start, stop in steps:
        last, step, inner = h[:stop - start], gates[:, start:stop], from_h[start:stop]
        before[start:stop] = last
        product = _gate_by_gate(xp, last, w)
        step[:2] += product[:2]
        inner[...] = product[2]
        if b_hh is not None:
            inner += b_hh[2 * n:]
        last[...] = _gru_values(xp, step, inner, last)
        out[start:stop] = last
    return out, before, from_h


@twinned("gru.steps.backward")
def _gru_steps_backward(xp: Any, of_out: Any, of_h: Any, gates: Any, before: Any, from_h: Any, w_hh: Any, steps: Any) -> Any:
    """What `_gru_slopes` says, as (rows, 4, n). The gradient of the last state becomes that of the first one."""
    rows, n = from_h.shape
    of_gates, w = xp.empty((rows, 4, n), gates.dtype), w_hh.reshape(3, n, n)
    room = xp.empty((4, *of_h.shape), gates.dtype)
    for start, stop in reversed(steps):
        of_last, step = of_h[:stop - start], room[:, :stop - start]
        of_last += of_out[start:stop]
        _gru_slopes(xp, gates[:, start:stop], from_h[start:stop], before[start:stop], of_last, step)
        of_gates[start:stop] = step.swapaxes(0, 1)
        of_last += _gate_by_gate(xp, step[:3], w).sum(0)
    return of_gates


@fused(reference=_gru, on="", outputs=("output", "h_n"), promote="same", broadcasts=False)
class gru_layer:
    """Gates reset, update and new (w_ih and w_hh have their rows in this order): h = (1 - z) * new + z * h."""

    def forward(xp, input, h, w_ih, w_hh, b_ih=None, b_hh=None, sizes: tuple = (), reverse: bool = False):
        gates, h, steps = _by_gate(xp, input, w_ih, 3), h.copy(), _steps(sizes, reverse)
        out, before, from_h = _gru_steps(xp, gates, b_ih, b_hh, h, w_hh, steps)
        return (out, h), input, before, gates, from_h, w_ih, w_hh, steps

    def backward(xp, needs, g, input, before, gates, from_h, w_ih, w_hh, steps):
        of_h = g[1].copy()
        by_gate = _gru_steps_backward(xp, g[0], of_h, gates, before, from_h, w_hh, steps)
        rows, n = from_h.shape
        of_gates = by_gate[:, :3].copy().reshape(rows, 3 * n)  # BLAS takes rows without gaps
        _, of_hh, of_b_hh = _ends(xp, (False, needs[3], needs[5]), of_gates, before, w_hh)
        of_gates[:, 2 * n:] = by_gate[:, 3]
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


@functools.cache
def _halves(xp: Any, dtype: Any) -> tuple:
    """sigmoid(x) = (1 + tanh(x / 2)) / 2, so that one tanh serves all four gates: by what to multiply, and what to add."""
    scale, shift = xp.full((4, 1, 1), 0.5, dtype), xp.full((4, 1, 1), 0.5, dtype)
    scale[2], shift[2] = 1, 0
    return scale, shift


def _lstm_values(xp: Any, gates: Any, scale: Any, shift: Any, c: Any, tanh: Any) -> Any:
    """Turn the gates' arguments, times `scale`, into their values, and c into the next one. Gives tanh of it, and h."""
    xp.tanh(gates, out=gates)
    gates *= scale
    gates += shift
    i, f, new, o = gates
    c *= f
    c += i * new
    xp.tanh(c, out=tanh)
    return o * tanh


def _lstm_slopes(xp: Any, gates: Any, c: Any, tanh: Any, of_h: Any, of_c: Any) -> Any:
    """The gradients of the gates' arguments. That of the next c becomes that of the one before, c."""
    i, f, new, o = gates
    of_c += of_h * (o * (1 - tanh * tanh))
    out = 1 - gates
    out *= gates
    xp.subtract(1, new * new, out=out[2])
    out[:3] *= of_c
    out[0] *= new
    out[1] *= c
    out[2] *= i
    out[3] *= tanh * of_h
    of_c *= f
    return out


@twinned("lstm.steps")
def _lstm_steps(xp: Any, gates: Any, biases: Any, h: Any, c: Any, w_hh: Any, w_hr: Any, steps: Any) -> tuple:
    """Turn the gates' arguments, the input's part of them, into their values, and the states into the last ones. Gives, for
    each row, the output, the h and the c before, and tanh of the new c."""
    rows, n = gates.shape[1:]
    scale, shift = _halves(xp, gates.dtype)
    if biases:
        gates += sum(biases[1:], biases[0]).reshape(4, 1, n)
    gates *= scale
    out, before_h = (xp.empty((rows, h.shape[1]), gates.dtype) for _ in range(2))
    before_c, tanhs = (xp.empty((rows, n), gates.dtype) for _ in range(2))
    w = w_hh.reshape(4, n, -1).mT.copy()  # see `_right_side`
    w *= scale
    for start, stop in steps:
        last, cell, step = h[:stop - start], c[:stop - start], gates[:, start:stop]
        before_h[start:stop], before_c[start:stop] = last, cell
        step += _gate_by_gate(xp, last, w)
        result = _lstm_values(xp, step, scale, shift, cell, tanhs[start:stop])
        last[...] = result if w_hr is None else xp.matmul(result, w_hr.T)
        out[start:stop] = last
    return out, before_h, before_c, tanhs


@twinned("lstm.steps.backward")
def _lstm_steps_backward(xp: Any, of_out: Any, of_h: Any, of_c: Any, gates: Any, before_c: Any, tanhs: Any, w_hh: Any,
                         w_hr: Any, steps: Any) -> tuple:
    """The gradients of the gates' arguments (rows, 4, n) and, if there is a w_hr, of h for each row; those of the last states
    become those of the first ones."""
    rows, n = tanhs.shape
    of_gates, w = xp.empty((rows, 4, n), gates.dtype), w_hh.reshape(4, n, -1)
    projected = None if w_hr is None else xp.empty((rows, of_h.shape[1]), gates.dtype)
    for start, stop in reversed(steps):
        of_last, of_cell = of_h[:stop - start], of_c[:stop - start]
        of_last += of_out[start:stop]
        of_full = of_last
        if projected is not None:
            projected[start:stop] = of_last
            of_full = xp.matmul(of_last, w_hr)
        step = _lstm_slopes(xp, gates[:, start:stop], before_c[start:stop], tanhs[start:stop], of_full, of_cell)
        of_gates[start:stop] = step.swapaxes(0, 1)
        _gate_by_gate(xp, step, w).sum(0, out=of_last)
    return of_gates, projected


@fused(reference=_lstm, on="", outputs=("output", "h_n", "c_n"), promote="same", broadcasts=False)
class lstm_layer:
    """Gates input, forget, new and output, in this order: c = f * c + i * new, h = o * tanh(c), times w_hr.T if given."""

    def forward(xp, input, h, c, w_ih, w_hh, b_ih=None, b_hh=None, w_hr=None, sizes: tuple = (), reverse: bool = False):
        gates, h, c, steps = _by_gate(xp, input, w_ih, 4), h.copy(), c.copy(), _steps(sizes, reverse)
        biases = [b for b in (b_ih, b_hh) if b is not None]
        out, before_h, before_c, tanhs = _lstm_steps(xp, gates, biases, h, c, w_hh, w_hr, steps)
        return (out, h, c), input, before_h, before_c, gates, tanhs, w_ih, w_hh, w_hr, steps

    def backward(xp, needs, g, input, before_h, before_c, gates, tanhs, w_ih, w_hh, w_hr, steps):
        of_h, of_c = g[1].copy(), g[2].copy()
        of_gates, projected = _lstm_steps_backward(xp, g[0], of_h, of_c, gates, before_c, tanhs, w_hh, w_hr, steps)
        of_gates = of_gates.reshape(len(of_gates), -1)
        of_input, of_ih, of_bias = _ends(xp, (needs[0], needs[3], needs[5] or needs[6]), of_gates, input, w_ih)
        _, of_hh, _ = _ends(xp, (False, needs[4], False), of_gates, before_h, w_hh)
        of_hr = xp.matmul(projected.T, gates[3] * tanhs) if needs[7] else None
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
