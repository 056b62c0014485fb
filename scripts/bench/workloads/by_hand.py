"""What the loops by hand share."""

import numpy as np

BLOCK = 1 << 15  # elements of an optimizer's arrays that fit into the cache together


def cross_entropy(z, y):
    """The mean loss of the scores `z` (N, C) for the classes `y` (N,). `z` becomes its gradient."""
    rows = np.arange(len(z))
    z -= z.max(axis=1, keepdims=True)
    true = z[rows, y]
    np.exp(z, out=z)
    sums = z.sum(axis=1, keepdims=True)
    z /= sums
    z[rows, y] -= 1
    z *= np.float32(1 / len(z))
    return float((np.log(sums[:, 0]) - true).mean())


def flat(arrays):
    """One array that holds them all, and views of it in their shapes."""
    whole = np.concatenate([a.ravel() for a in arrays.values()])
    ends = np.cumsum([a.size for a in arrays.values()])
    views = {n: whole[e - a.size:e].reshape(a.shape) for (n, a), e in zip(arrays.items(), ends, strict=True)}
    return whole, views


class Adam:
    """Over flat arrays, in blocks that stay in the cache from the first pass to the last. With `decay`, AdamW."""

    def __init__(self, values, gradients, lr=1e-3, decay=0.0):
        self.arrays = values, gradients, np.zeros_like(values), np.zeros_like(values)
        self.scratch = np.empty(BLOCK, np.float32)
        self.lr, self.decay, self.count = lr, decay, 0

    def step(self):
        self.count += 1
        b1, b2 = 0.9, 0.999
        rate = np.float32(self.lr / (1 - b1**self.count))
        root, tiny = np.float32((1 - b2**self.count)**-0.5), np.float32(1e-8)
        for start in range(0, len(self.arrays[0]), BLOCK):
            p, g, m, v = (a[start:start + BLOCK] for a in self.arrays)
            t = self.scratch[:len(p)]
            if self.decay:
                p *= np.float32(1 - self.lr * self.decay)
            np.subtract(g, m, out=t)
            t *= np.float32(1 - b1)
            m += t
            v *= np.float32(b2)
            np.multiply(g, g, out=t)
            t *= np.float32(1 - b2)
            v += t
            np.sqrt(v, out=t)
            t *= root
            t += tiny
            np.divide(m, t, out=t)
            t *= rate
            p -= t
