"""Samples of recurrent layers. The references go one sequence and one step at a time."""

import numpy as np

from . import Sample

rng = np.random.default_rng(0)


def rand(*shape):
    return np.asarray(rng.standard_normal(shape))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def runs(sizes):
    """The rows of each sequence."""
    starts = np.cumsum([0, *sizes])
    return [[starts[t] + j for t, n in enumerate(sizes) if n > j] for j in range(max(sizes, default=0))]


def walked(step, x, states, sizes, reverse):
    """The outputs of all rows, and the last states. `step(row, states)` of one sequence gives its next states."""
    states = [s.copy() for s in states]
    out = np.zeros((len(x), states[0].shape[1]))
    for j, rows in enumerate(runs(sizes)):
        for row in rows[::-1] if reverse else rows:
            new = step(x[row], [s[j] for s in states])
            for s, n in zip(states, new):
                s[j] = n
            out[row] = new[0]
    return (out, *states)


def rnn(x, h, w_ih, w_hh, b_ih, b_hh, sizes, reverse=False, relu=False):
    def step(row, state):
        a = w_ih @ row + w_hh @ state[0] + (0 if b_ih is None else b_ih + b_hh)
        return [np.maximum(a, 0) if relu else np.tanh(a)]

    return walked(step, x, [h], sizes, reverse)


def gru(x, h, w_ih, w_hh, b_ih, b_hh, sizes, reverse=False):
    def step(row, state):
        a, b = w_ih @ row + (0 if b_ih is None else b_ih), w_hh @ state[0] + (0 if b_hh is None else b_hh)
        (r, z, n), (r_h, z_h, n_h) = np.split(a, 3), np.split(b, 3)
        n, z = np.tanh(n + sigmoid(r + r_h) * n_h), sigmoid(z + z_h)
        return [(1 - z) * n + z * state[0]]

    return walked(step, x, [h], sizes, reverse)


def lstm(x, h, c, w_ih, w_hh, b_ih, b_hh, w_hr, sizes, reverse=False):
    def step(row, state):
        i, f, g, o = np.split(w_ih @ row + w_hh @ state[0] + (0 if b_ih is None else b_ih + b_hh), 4)
        c = sigmoid(f) * state[1] + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        return [h if w_hr is None else w_hr @ h, c]

    return walked(step, x, [h, c], sizes, reverse)


def rnn_step(x, h, *weights_and_relu):
    return rnn(x, h, *weights_and_relu[:4], (len(x),), False, *weights_and_relu[4:])[1]


def gru_step(x, h, *weights):
    return gru(x, h, *weights, (len(x),))[1]


def lstm_step(x, h, c, *weights):
    return lstm(x, h, c, *weights, None, (len(x),))[1:]


def weights(gates, bias, projection=None):
    """For two features in and three out."""
    rows = 3 * gates
    return rand(rows, 2), rand(rows, projection or 3), rand(rows) if bias else None, rand(rows) if bias else None


SIZES = ((2, 2, 2, 2), (3, 2, 2, 1), (2,))


def SAMPLES():
    tables = {name: [] for name in ("rnn_layer", "gru_layer", "lstm_layer", "rnn_step", "gru_step", "lstm_step")}
    for bias in (True, False):
        x, h, c = rand(4, 2), rand(4, 3), rand(4, 3)
        tables["rnn_step"].append(Sample((x, h, *weights(1, bias), bias), reference=rnn_step))
        tables["gru_step"].append(Sample((x, h, *weights(3, bias)), reference=gru_step))
        tables["lstm_step"].append(Sample((x, h, c, *weights(4, bias)), reference=lstm_step))
    for k, sizes in enumerate(SIZES):
        for reverse in (False, True):
            x, n, bias = rand(sum(sizes), 2), max(sizes), k < 2 or reverse
            tables["rnn_layer"].append(Sample((x, rand(n, 3), *weights(1, bias), sizes, reverse, k == 1), reference=rnn))
            tables["gru_layer"].append(Sample((x, rand(n, 3), *weights(3, bias), sizes, reverse), reference=gru))
            narrow = 2 if k == 1 else None
            tables["lstm_layer"].append(Sample((x, rand(n, narrow or 3), rand(n, 3), *weights(4, bias, narrow),
                                                rand(2, 3) if narrow else None, sizes, reverse), reference=lstm))
    return tables
