"""Twins of the recurrent layers: whole sequences in one call, some of them on each thread, and a cell's step.

What a step does between its matrix products goes through the cache once.
"""

import numpy as np

from .. import blas
from . import loop, twin
from .gemm import multiply
from .numeric import tanh
from .threads import each, keep_blas

# Each gate of a step is one row of numbers. Loops go over few rows each: the compiler has to check that they don't overlap,
# and gives up on vector instructions where that takes many checks.


@loop
def _sigmoids(x):
    half, one = x.dtype.type(0.5), x.dtype.type(1)
    for j in range(x.size):
        x[j] = half * (one + tanh(half * x[j]))


@loop
def _tanhs(x):
    for j in range(x.size):
        x[j] = tanh(x[j])


@loop
def _copy(x, out):
    for j in range(out.size):
        out[j] = x[j]


@loop
def _turned(x, out):
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            out[i, j] = x[j, i]


@loop
def _add_up(parts, out):
    to = out.reshape(-1)
    if len(parts) == 4:
        a, b, c, d = parts[0].reshape(-1), parts[1].reshape(-1), parts[2].reshape(-1), parts[3].reshape(-1)
        for j in range(to.size):
            to[j] = (a[j] + b[j]) + (c[j] + d[j])
    else:
        _copy(parts[0].reshape(-1), to)
        for k in range(1, len(parts)):
            more = parts[k].reshape(-1)
            for j in range(to.size):
                to[j] += more[j]


@loop
def _row_sums(x, out):
    for k in range(x.shape[0]):
        for i in range(x.shape[1]):
            row, sum = x[k, i], x.dtype.type(0)
            for j in range(row.size):
                sum += row[j]
            out[k, i] = sum


@twin("recurrent.added")
def added(plain, parts):
    if parts.dtype.char not in "fd" or not parts.dtype.isnative:
        return plain(parts)
    out = np.empty(parts.shape[1:], parts.dtype)
    _add_up(parts, out)
    return out


def _quick(*arrays):
    """Whether these are float32, for which `tanh` is quick, and lie in order."""
    for a in arrays:
        if a.dtype.char != "f" or not a.dtype.isnative or not a.flags.c_contiguous:
            return False
    return True


def _bias(biases, shape):
    """The sum of the biases that there are."""
    there = [b for b in biases if b is not None]
    if len(there) == 2:
        return (there[0] + there[1]).reshape(shape)
    return there[0].reshape(shape) if there and there[0].flags.c_contiguous else np.zeros(shape, np.float32) + (
        there[0].reshape(shape) if there else 0)


PAYS = 1 << 24  # so many multiplications of states and weights are worth several threads


def _sgemm(size):
    """For weights of that size, where BLAS's product begins, for whole sequences in one call. None where nobody knows, and
    if no cache holds them: each part of the sequences would read them again, and BLAS shares out products that large."""
    library = blas.numpys()
    return None if library is None or size > 1 << 21 else library.sgemm


@twin("recurrent.by_gate")
def by_gate(plain, input, weight, gates):
    """The input's part of all gates, which is shared out where the sequences will be."""
    n = len(weight) // gates
    if _sgemm(n * len(weight)) is not None and len(input) * n * len(weight) > PAYS:
        keep_blas()
    return plain(input, weight, gates)


def _share_out(sequences, work, products):
    """work(first, last) for all sequences, in parts, as they don't depend on each other: of about sixteen, for which
    products are at their best."""
    parts = max(1, min(sequences // 16, 16))
    each(parts, lambda i: work(sequences * i // parts, sequences * (i + 1) // parts), pays=products > PAYS, keep=True)


@loop
def _rows(steps, t, first, last):
    """Where step t has the sequences from `first` to before `last`: those that have begun, and not ended."""
    start, stop = steps[t, 0] + first, min(steps[t, 0] + last, steps[t, 1])
    return start, max(start, stop)


# --- LSTM -------------------------------------------------------------------------------------------------------------


@loop
def _lstm_values(i, f, new, o, c, tanh_c, h):
    _sigmoids(i)
    _sigmoids(f)
    _tanhs(new)
    _sigmoids(o)
    for j in range(c.size):
        c[j] = f[j] * c[j] + i[j] * new[j]
    _copy(c, tanh_c)
    _tanhs(tanh_c)
    for j in range(c.size):
        h[j] = o[j] * tanh_c[j]


@loop
def _lstm_slopes(i, f, new, o, c, tanh_c, of_h, of_c, step):
    one, n = c.dtype.type(1), c.size
    of_i, of_f, of_new, of_o = step[:n], step[n:2 * n], step[2 * n:3 * n], step[3 * n:]
    for j in range(n):
        of_c[j] += of_h[j] * o[j] * (one - tanh_c[j] * tanh_c[j])
    for j in range(n):
        of_i[j] = of_c[j] * new[j] * i[j] * (one - i[j])
    for j in range(n):
        of_new[j] = of_c[j] * i[j] * (one - new[j] * new[j])
    for j in range(n):
        of_f[j] = of_c[j] * c[j] * f[j] * (one - f[j])
    for j in range(n):
        of_c[j] *= f[j]
    for j in range(n):
        of_o[j] = of_h[j] * tanh_c[j] * o[j] * (one - o[j])


@loop
def _lstm_forth(sgemm, steps, first, last, w, bias, gates, h, c, out, before_h, before_c, tanhs):
    """All steps of the sequences from `first` to before `last`."""
    for t in range(len(steps)):
        start, stop = _rows(steps, t, first, last)
        if start == stop:
            continue
        now_h, now_c = h[first:first + stop - start], c[first:first + stop - start]
        for k in range(4):
            gate, b = gates[k, start:stop], bias[k]
            for i in range(len(gate)):
                row = gate[i]
                for j in range(b.size):
                    row[j] += b[j]
            multiply(sgemm, now_h, w[k], gate, 1)
        _copy(now_h.reshape(-1), before_h[start:stop].reshape(-1))
        _copy(now_c.reshape(-1), before_c[start:stop].reshape(-1))
        _lstm_values(gates[0, start:stop].reshape(-1), gates[1, start:stop].reshape(-1), gates[2, start:stop].reshape(-1),
                     gates[3, start:stop].reshape(-1), now_c.reshape(-1), tanhs[start:stop].reshape(-1), now_h.reshape(-1))
        _copy(now_h.reshape(-1), out[start:stop].reshape(-1))


@twin("lstm.steps")
def lstm_steps(plain, gates, biases, h, c, w_hh, w_hr, steps):
    sgemm = _sgemm(w_hh.size)
    if sgemm is None or w_hr is not None or not gates.size or not _quick(gates, h, c, w_hh):
        return plain(gates, biases, h, c, w_hh, w_hr, steps)
    n = h.shape[1]
    out, before_h, before_c, tanhs = (np.empty(gates.shape[1:], gates.dtype) for _ in range(4))
    w, bias, steps = np.ascontiguousarray(w_hh.reshape(4, n, n).mT), _bias(biases, (4, n)), np.array(steps)

    def work(first, last):
        _lstm_forth(sgemm, steps, first, last, w, bias, gates, h, c, out, before_h, before_c, tanhs)

    _share_out(len(h), work, gates.size * n)
    return out, before_h, before_c, tanhs


@loop
def _lstm_back(sgemm, steps, first, last, w, of_out, of_h, of_c, gates, before_c, tanhs, of_gates):
    n = tanhs.shape[1]
    room = np.empty(4 * (last - first) * n, tanhs.dtype)
    for t in range(len(steps) - 1, -1, -1):
        start, stop = _rows(steps, t, first, last)
        if start == stop:
            continue
        now_h, now_c = of_h[first:first + stop - start], of_c[first:first + stop - start]
        of_last, more, step = now_h.reshape(-1), of_out[start:stop].reshape(-1), room[:4 * now_h.size]
        for j in range(of_last.size):
            of_last[j] += more[j]
        _lstm_slopes(gates[0, start:stop].reshape(-1), gates[1, start:stop].reshape(-1), gates[2, start:stop].reshape(-1),
                     gates[3, start:stop].reshape(-1), before_c[start:stop].reshape(-1), tanhs[start:stop].reshape(-1),
                     of_last, now_c.reshape(-1), step)
        by_gate = step.reshape(4, stop - start, n)
        for i in range(stop - start):
            for k in range(4):
                _copy(by_gate[k, i], of_gates[start + i, k])
        for k in range(4):
            multiply(sgemm, by_gate[k], w[k], now_h, min(k, 1))


@twin("lstm.steps.backward")
def lstm_steps_backward(plain, of_out, of_h, of_c, gates, before_c, tanhs, w_hh, w_hr, steps):
    sgemm = _sgemm(w_hh.size)
    if sgemm is None or w_hr is not None or not gates.size or not _quick(of_h, of_c, gates, before_c, tanhs, w_hh):
        return plain(of_out, of_h, of_c, gates, before_c, tanhs, w_hh, w_hr, steps)
    (rows, n), steps = tanhs.shape, np.array(steps)
    of_out, of_gates, w = np.ascontiguousarray(of_out), np.empty((rows, 4, n), gates.dtype), w_hh.reshape(4, n, n)

    def work(first, last):
        _lstm_back(sgemm, steps, first, last, w, of_out, of_h, of_c, gates, before_c, tanhs, of_gates)

    _share_out(len(of_h), work, gates.size * n)
    return of_gates, None


@loop
def _lstm_forth_once(gates, more, bias, c, tanh_c, h, new):
    for k in range(4):
        for i in range(gates.shape[1]):
            b, row, other = bias[k, i], gates[k, i], more[k, i]
            for j in range(row.size):
                row[j] += other[j] + b
    cell, out = np.empty(tanh_c.shape, c.dtype), np.empty(tanh_c.shape, c.dtype)
    _turned(c, cell)
    _lstm_values(gates[0].reshape(-1), gates[1].reshape(-1), gates[2].reshape(-1), gates[3].reshape(-1), cell.reshape(-1),
                 tanh_c.reshape(-1), out.reshape(-1))
    _turned(out, h)
    _turned(cell, new)


@twin("lstm.step")
def lstm_step(plain, gates, more, biases, c):
    if not _quick(gates, more, c):
        return plain(gates, more, biases, c)
    tanh_c, h, new = np.empty(gates.shape[1:], c.dtype), np.empty(c.shape, c.dtype), np.empty(c.shape, c.dtype)
    _lstm_forth_once(gates, more, _bias(biases, gates.shape[:2]), c, tanh_c, h, new)
    return h, new, tanh_c


@loop
def _lstm_back_once(of_h, of_new, gates, c, tanh_c, of_gates, of_c, of_bias):
    shape = tanh_c.shape
    h_turned, c_turned, before = np.empty(shape, c.dtype), np.empty(shape, c.dtype), np.empty(shape, c.dtype)
    _turned(of_h, h_turned)
    _turned(of_new, c_turned)
    _turned(c, before)
    _lstm_slopes(gates[0].reshape(-1), gates[1].reshape(-1), gates[2].reshape(-1), gates[3].reshape(-1), before.reshape(-1),
                 tanh_c.reshape(-1), h_turned.reshape(-1), c_turned.reshape(-1), of_gates.reshape(-1))
    _turned(c_turned, of_c)
    _row_sums(of_gates, of_bias)


@twin("lstm.step.backward")
def lstm_step_backward(plain, of_h, of_c, gates, c, tanh_c):
    if not _quick(gates, c, tanh_c):
        return plain(of_h, of_c, gates, c, tanh_c)
    of_gates, of_former = np.empty(gates.shape, c.dtype), np.empty(c.shape, c.dtype)
    of_bias = np.empty(4 * c.shape[1], c.dtype)
    _lstm_back_once(np.ascontiguousarray(of_h), np.ascontiguousarray(of_c), gates, c, tanh_c, of_gates, of_former,
                    of_bias.reshape(4, c.shape[1]))
    return of_gates, of_former, of_bias


# --- GRU --------------------------------------------------------------------------------------------------------------


@loop
def _gru_values(r, z, new, from_h, h, out):
    _sigmoids(r)
    _sigmoids(z)
    for j in range(h.size):
        new[j] += r[j] * from_h[j]
    _tanhs(new)
    for j in range(h.size):
        out[j] = (h[j] - new[j]) * z[j] + new[j]


@loop
def _gru_slopes(r, z, new, from_h, h, of_h, step):
    one, n = h.dtype.type(1), h.size
    of_r, of_z, of_inner, of_new = step[:n], step[n:2 * n], step[2 * n:3 * n], step[3 * n:]
    for j in range(n):
        of_new[j] = of_h[j] * (one - z[j]) * (one - new[j] * new[j])
    for j in range(n):
        of_inner[j] = of_new[j] * r[j]
    for j in range(n):
        of_r[j] = of_inner[j] * from_h[j] * (one - r[j])
    for j in range(n):
        of_h[j] *= z[j]
    for j in range(n):
        of_z[j] = of_h[j] * (h[j] - new[j]) * (one - z[j])


@loop
def _gru_forth(sgemm, steps, first, last, w, bias, inner_bias, gates, h, out, before, from_h):
    for t in range(len(steps)):
        start, stop = _rows(steps, t, first, last)
        if start == stop:
            continue
        now, inner = h[first:first + stop - start], from_h[start:stop]
        for i in range(stop - start):
            for k in range(3):
                b, row = bias[k], gates[k, start + i]
                for j in range(b.size):
                    row[j] += b[j]
            _copy(inner_bias, inner[i])
        multiply(sgemm, now, w[0], gates[0, start:stop], 1)
        multiply(sgemm, now, w[1], gates[1, start:stop], 1)
        multiply(sgemm, now, w[2], inner, 1)
        former, result = before[start:stop].reshape(-1), out[start:stop].reshape(-1)
        _copy(now.reshape(-1), former)
        _gru_values(gates[0, start:stop].reshape(-1), gates[1, start:stop].reshape(-1), gates[2, start:stop].reshape(-1),
                    inner.reshape(-1), former, result)
        _copy(result, now.reshape(-1))


@twin("gru.steps")
def gru_steps(plain, gates, b_ih, b_hh, h, w_hh, steps):
    sgemm = _sgemm(w_hh.size)
    if sgemm is None or not gates.size or not _quick(gates, h, w_hh):
        return plain(gates, b_ih, b_hh, h, w_hh, steps)
    n = h.shape[1]
    out, before, from_h = (np.empty(gates.shape[1:], gates.dtype) for _ in range(3))
    w, steps = np.ascontiguousarray(w_hh.reshape(3, n, n).mT), np.array(steps)
    bias, more = _bias([b_ih], (3, n)).copy(), _bias([b_hh], (3, n))
    bias[:2] += more[:2]

    def work(first, last):
        _gru_forth(sgemm, steps, first, last, w, bias, more[2], gates, h, out, before, from_h)

    _share_out(len(h), work, gates.size * n)
    return out, before, from_h


@loop
def _gru_back(sgemm, steps, first, last, w, of_out, of_h, gates, before, from_h, of_gates):
    n = from_h.shape[1]
    room = np.empty(4 * (last - first) * n, from_h.dtype)
    for t in range(len(steps) - 1, -1, -1):
        start, stop = _rows(steps, t, first, last)
        if start == stop:
            continue
        now = of_h[first:first + stop - start]
        of_last, more, step = now.reshape(-1), of_out[start:stop].reshape(-1), room[:4 * now.size]
        for j in range(of_last.size):
            of_last[j] += more[j]
        _gru_slopes(gates[0, start:stop].reshape(-1), gates[1, start:stop].reshape(-1), gates[2, start:stop].reshape(-1),
                    from_h[start:stop].reshape(-1), before[start:stop].reshape(-1), of_last, step)
        by_gate = step.reshape(4, stop - start, n)
        for i in range(stop - start):
            for k in range(4):
                _copy(by_gate[k, i], of_gates[start + i, k])
        for k in range(3):
            multiply(sgemm, by_gate[k], w[k], now, 1)


@twin("gru.steps.backward")
def gru_steps_backward(plain, of_out, of_h, gates, before, from_h, w_hh, steps):
    sgemm = _sgemm(w_hh.size)
    if sgemm is None or not gates.size or not _quick(of_h, gates, before, from_h, w_hh):
        return plain(of_out, of_h, gates, before, from_h, w_hh, steps)
    (rows, n), steps = from_h.shape, np.array(steps)
    of_out, of_gates, w = np.ascontiguousarray(of_out), np.empty((rows, 4, n), gates.dtype), w_hh.reshape(3, n, n)

    def work(first, last):
        _gru_back(sgemm, steps, first, last, w, of_out, of_h, gates, before, from_h, of_gates)

    _share_out(len(of_h), work, gates.size * n)
    return of_gates


@loop
def _gru_forth_once(gates, more, b_ih, b_hh, h, out):
    shape = gates.shape[1:]
    for k in range(3):
        for i in range(shape[0]):
            x, y, row, other = b_ih[k, i], b_hh[k, i], gates[k, i], more[k, i]
            for j in range(row.size):
                other[j] += y
            if k < 2:
                for j in range(row.size):
                    row[j] += other[j] + x
            else:
                for j in range(row.size):
                    row[j] += x
    former, result = np.empty(shape, h.dtype), np.empty(shape, h.dtype)
    _turned(h, former)
    _gru_values(gates[0].reshape(-1), gates[1].reshape(-1), gates[2].reshape(-1), more[2].reshape(-1), former.reshape(-1),
                result.reshape(-1))
    _turned(result, out)


@twin("gru.step")
def gru_step(plain, gates, more, b_ih, b_hh, h):
    if not _quick(gates, more, h):
        return plain(gates, more, b_ih, b_hh, h)
    out, shape = np.empty(h.shape, h.dtype), gates.shape[:2]
    _gru_forth_once(gates, more, _bias([b_ih], shape), _bias([b_hh], shape), h, out)
    return out, more[2]


@loop
def _gru_back_once(of_h, gates, from_h, h, of_gates, of_biases, rest):
    shape = from_h.shape
    turned, former = np.empty(shape, h.dtype), np.empty(shape, h.dtype)
    _turned(of_h, turned)
    _turned(h, former)
    _gru_slopes(gates[0].reshape(-1), gates[1].reshape(-1), gates[2].reshape(-1), from_h.reshape(-1), former.reshape(-1),
                turned.reshape(-1), of_gates.reshape(-1))
    _turned(turned, rest)
    _row_sums(of_gates, of_biases)


@twin("gru.step.backward")
def gru_step_backward(plain, of_h, gates, from_h, h):
    if not _quick(gates, from_h, h):
        return plain(of_h, gates, from_h, h)
    of_gates, rest = np.empty((4, *from_h.shape), h.dtype), np.empty(h.shape, h.dtype)
    of_biases = np.empty(of_gates.shape[:2], h.dtype)
    _gru_back_once(np.ascontiguousarray(of_h), gates, from_h, h, of_gates, of_biases, rest)
    return of_gates, of_biases, rest
