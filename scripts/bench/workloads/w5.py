"""W5, a language model with nn.LSTM: hidden 128, embedding 64, sequence 32, batch 32, vocabulary 100, SGD."""

import numpy as np

from . import load, trainer, weights
from .by_hand import cross_entropy

STEPS = 8
TUNED = True  # the loop by hand runs with the package's malloc settings
VOCABULARY, WIDTH, HIDDEN, LENGTH, BATCH, RATE = 100, 64, 128, 32, 32, 0.1


def shapes(ending):
    return {"embedding.weight": (VOCABULARY, WIDTH),
            f"lstm.weight_ih{ending}": (4 * HIDDEN, WIDTH), f"lstm.weight_hh{ending}": (4 * HIDDEN, HIDDEN),
            f"lstm.bias_ih{ending}": (4 * HIDDEN,), f"lstm.bias_hh{ending}": (4 * HIDDEN,),
            "out.weight": (VOCABULARY, HIDDEN), "out.bias": (VOCABULARY,)}


def data():
    random = np.random.RandomState(0)
    return (random.randint(0, VOCABULARY, (LENGTH, BATCH)) for _ in range(2))


def build(torch, **optimizer):
    nn, F = torch.nn, torch.nn.functional

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding, self.lstm = nn.Embedding(VOCABULARY, WIDTH), nn.LSTM(WIDTH, HIDDEN)
            self.out = nn.Linear(HIDDEN, VOCABULARY)

        def forward(self, x):
            hidden, _ = self.lstm(self.embedding(x))
            return self.out(hidden)

    x, y = map(torch.from_numpy, data())
    model = Model()
    load(torch, model, weights(shapes("_l0")))
    return trainer(torch, torch.optim.SGD(model.parameters(), lr=RATE, **optimizer),
                   lambda: F.cross_entropy(model(x).view(-1, VOCABULARY), y.view(-1)))


def by_hand():
    """One product for all inputs, and one for each weight's gradient; weights as (in, out), where BLAS reads them in order.

    The gates stand in the order input, forget, output, new, and the first three as half of what torch has, so that one
    tanh serves all: sigmoid(2 a) = (1 + tanh(a)) / 2.
    """
    x, y = (a.ravel() for a in data())
    start = weights(shapes("_l0"))
    order = np.r_[0:2 * HIDDEN, 3 * HIDDEN:4 * HIDDEN, 2 * HIDDEN:3 * HIDDEN]
    half = np.repeat(np.float32([0.5, 0.5, 0.5, 1]), HIDDEN)
    wi, wh = (np.ascontiguousarray(start[f"lstm.weight_{n}_l0"][order].T) for n in ("ih", "hh"))
    bias = (start["lstm.bias_ih_l0"] + start["lstm.bias_hh_l0"])[order]
    embedding, w, b = start["embedding.weight"], np.ascontiguousarray(start["out.weight"].T), start["out.bias"]
    chosen = np.zeros((VOCABULARY, len(x)), np.float32)  # picks the places of each word
    chosen[x, np.arange(len(x))] = 1
    rate, one, h2 = np.float32(RATE), np.float32(1), np.float32(0.5)
    sigmoids, new = slice(3 * HIDDEN), slice(3 * HIDDEN, None)

    def step():
        e = embedding[x]
        gates = e @ wi  # (T N, 4 H); becomes the gates' values
        gates += bias
        gates *= half
        gates = gates.reshape(LENGTH, BATCH, 4 * HIDDEN)
        h = np.zeros((LENGTH + 1, BATCH, HIDDEN), np.float32)
        c, tanh_c = np.zeros_like(h), np.empty_like(h)
        inner = wh * half
        for t, a in enumerate(gates):
            a += h[t] @ inner
            np.tanh(a, out=a)
            s = a[:, sigmoids]
            s += one
            s *= h2
            i, f, o, g = (a[:, k:k + HIDDEN] for k in range(0, 4 * HIDDEN, HIDDEN))
            np.multiply(f, c[t], out=c[t + 1])
            c[t + 1] += i * g
            np.tanh(c[t + 1], out=tanh_c[t + 1])
            np.multiply(o, tanh_c[t + 1], out=h[t + 1])
        hs = h[1:].reshape(-1, HIDDEN)
        z = hs @ w
        z += b
        loss = cross_entropy(z, y)

        dw, db = hs.T @ z, z.sum(axis=0)
        dhs = (z @ w.T).reshape(LENGTH, BATCH, HIDDEN)
        slopes = gates * (one - gates)  # of the sigmoids; the new value's is 1 - g^2
        np.subtract(one, gates[:, :, new]**2, out=slopes[:, :, new])
        through = gates[:, :, 2 * HIDDEN:3 * HIDDEN] * (one - tanh_c[1:]**2)  # from h to c
        out = np.empty_like(gates)
        dc, back = np.zeros((BATCH, HIDDEN), np.float32), wh.T.copy()
        for t in reversed(range(LENGTH)):
            dh, a, da = dhs[t], gates[t], out[t]
            if t + 1 < LENGTH:
                dh += out[t + 1] @ back
            dc += dh * through[t]
            i, f, _, g = (a[:, k:k + HIDDEN] for k in range(0, 4 * HIDDEN, HIDDEN))
            np.multiply(dc, g, out=da[:, :HIDDEN])
            np.multiply(dc, c[t], out=da[:, HIDDEN:2 * HIDDEN])
            np.multiply(dh, tanh_c[t + 1], out=da[:, 2 * HIDDEN:3 * HIDDEN])
            np.multiply(dc, i, out=da[:, new])
            da *= slopes[t]
            dc *= f
        out = out.reshape(-1, 4 * HIDDEN)
        dwh, dwi, dbias = h[:-1].reshape(-1, HIDDEN).T @ out, e.T @ out, out.sum(axis=0)
        dbias *= 2  # torch has it twice
        for p, g in ((embedding, chosen @ (out @ wi.T)), (wi, dwi), (wh, dwh), (bias, dbias), (w, dw), (b, db)):
            g *= rate
            np.subtract(p, g, out=p)
        return loss

    return step
