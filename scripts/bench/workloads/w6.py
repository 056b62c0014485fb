"""W6, the overhead: 2000 tiny operations on four elements, and backward through them."""

import numpy as np

STEPS = 8
OPS = 2000  # figures are printed per operation


def build(torch):
    x = torch.ones(4, requires_grad=True)

    def step():
        x.grad = None
        y = x
        for _ in range(OPS // 2):
            y = y * 1.0001
            y = y + 0.5
        y.sum().backward()
        return float(x.grad[0])

    return step


def by_hand():
    x = np.ones(4, np.float32)

    def step():
        y = x
        for _ in range(OPS // 2):
            y = y * 1.0001
            y = y + 0.5
        g = np.ones(4, np.float32)
        for _ in range(OPS // 2):
            g = g * 1.0001
        return float(g[0])

    return step
