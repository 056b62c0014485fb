"""W1, the course's network: 784-100-10 without bias, softmax loss, batch 100, plain SGD."""

import numpy as np

from . import trainer

STEPS = 150
RATE = 0.01  # small enough that rounding does not grow: losses are compared after thousands of steps


def _start(hidden=100, batch=100):
    random = np.random.default_rng(0)
    rows = 6 * batch
    x = random.random((rows, 784), np.float32)
    y = random.integers(0, 10, rows)
    w1, w2 = (random.standard_normal(shape, np.float32) for shape in ((hidden, 784), (10, hidden)))
    w1 /= np.float32(784**0.5)
    w2 /= np.float32(hidden**0.5)
    return [x[i:i + batch] for i in range(0, rows, batch)], [y[i:i + batch] for i in range(0, rows, batch)], w1, w2


def build(torch, hidden=100, batch=100, **optimizer):
    nn = torch.nn
    xs, ys, w1, w2 = _start(hidden, batch)
    xs, ys = [torch.from_numpy(x) for x in xs], [torch.from_numpy(y) for y in ys]
    model = nn.Sequential(nn.Linear(784, hidden, bias=False), nn.ReLU(), nn.Linear(hidden, 10, bias=False))
    with torch.no_grad():
        model[0].weight.copy_(torch.from_numpy(w1))
        model[2].weight.copy_(torch.from_numpy(w2))
    loss_function = nn.CrossEntropyLoss()
    at = 0

    def loss_of():
        nonlocal at
        at = (at + 1) % len(xs)
        return loss_function(model(xs[at]), ys[at])

    return trainer(torch, torch.optim.SGD(model.parameters(), lr=RATE, **optimizer), loss_of)


def by_hand():
    # Kept as (in, out), where BLAS reads them in order: what one would do by hand. Kept as nn.Linear's, (out, in), the
    # loop takes about 5 % more.
    xs, ys, w1, w2 = _start()
    w1, w2 = np.ascontiguousarray(w1.T), np.ascontiguousarray(w2.T)
    rows, scale = np.arange(100), np.float32(RATE)
    at = 0

    def step():
        nonlocal at
        at = (at + 1) % len(xs)
        x, y = xs[at], ys[at]
        h = x @ w1
        np.maximum(h, 0, out=h)
        z = h @ w2
        z -= z.max(axis=1, keepdims=True)
        true = z[rows, y]
        np.exp(z, out=z)
        sums = z.sum(axis=1, keepdims=True)
        loss = (np.log(sums[:, 0]) - true).mean()
        z /= sums
        z[rows, y] -= 1
        z /= 100
        dh = z @ w2.T
        dh *= h > 0
        dw2, dw1 = h.T @ z, x.T @ dh
        dw1 *= scale
        dw2 *= scale
        np.subtract(w1, dw1, out=w1)
        np.subtract(w2, dw2, out=w2)
        return float(loss)

    return step
