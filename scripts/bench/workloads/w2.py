"""W2, a classifier of digits: 784-512-512-10 with bias, cross entropy, batch 64, Adam."""

import numpy as np

from . import load, trainer, weights
from .by_hand import Adam, cross_entropy, flat

STEPS = 20
RATE = 1e-4
SHAPES = {"0.weight": (512, 784), "0.bias": (512,), "2.weight": (512, 512), "2.bias": (512,), "4.weight": (10, 512),
          "4.bias": (10,)}


def _data():
    random = np.random.RandomState(0)
    return [random.rand(64, 784).astype(np.float32) for _ in range(8)], [random.randint(0, 10, 64) for _ in range(8)]


def build(torch, **optimizer):
    nn = torch.nn
    xs, ys = ([torch.from_numpy(a) for a in arrays] for arrays in _data())
    model = nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10))
    load(torch, model, weights(SHAPES))
    at = 0

    def loss_of():
        nonlocal at
        at = (at + 1) % len(xs)
        return nn.functional.cross_entropy(model(xs[at]), ys[at])

    return trainer(torch, torch.optim.Adam(model.parameters(), lr=RATE, **optimizer), loss_of)


def by_hand():
    xs, ys = _data()
    # (in, out), where BLAS reads them in order
    start = {n: np.ascontiguousarray(a.T) for n, a in weights(SHAPES).items()}
    whole, (w0, b0, w2, b2, w4, b4) = _views(start)
    gradients, (dw0, db0, dw2, db2, dw4, db4) = _views(start)
    adam = Adam(whole, gradients, RATE)
    at = 0

    def step():
        nonlocal at
        at = (at + 1) % len(xs)
        x = xs[at]
        h = x @ w0
        h += b0
        np.maximum(h, 0, out=h)
        k = h @ w2
        k += b2
        np.maximum(k, 0, out=k)
        z = k @ w4
        z += b4
        loss = cross_entropy(z, ys[at])
        np.matmul(k.T, z, out=dw4)
        z.sum(axis=0, out=db4)
        dk = z @ w4.T
        dk *= k > 0
        np.matmul(h.T, dk, out=dw2)
        dk.sum(axis=0, out=db2)
        dh = dk @ w2.T
        dh *= h > 0
        np.matmul(x.T, dh, out=dw0)
        dh.sum(axis=0, out=db0)
        adam.step()
        return loss

    return step


def _views(arrays):
    whole, views = flat(arrays)
    return whole, views.values()
