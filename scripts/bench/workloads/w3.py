"""W3, the convolutional network of PyTorch's MNIST example, without dropout: batch 64, SGD."""

import numpy as np

from . import load, trainer, weights
from .by_hand import cross_entropy

STEPS = 2
SHAPES = {"conv1.weight": (32, 1, 3, 3), "conv1.bias": (32,), "conv2.weight": (64, 32, 3, 3), "conv2.bias": (64,),
          "fc1.weight": (128, 9216), "fc1.bias": (128,), "fc2.weight": (10, 128), "fc2.bias": (10,)}
RATE = 0.001


def _data():
    random = np.random.RandomState(0)
    return random.rand(64, 1, 28, 28).astype(np.float32), random.randint(0, 10, 64)


def build(torch, **optimizer):
    nn, F = torch.nn, torch.nn.functional
    x, y = map(torch.from_numpy, _data())

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1, self.conv2 = nn.Conv2d(1, 32, 3), nn.Conv2d(32, 64, 3)
            self.fc1, self.fc2 = nn.Linear(9216, 128), nn.Linear(128, 10)

        def forward(self, x):
            x = F.relu(self.conv2(F.relu(self.conv1(x))))
            x = F.max_pool2d(x, 2).flatten(1)
            return self.fc2(F.relu(self.fc1(x)))

    model = Net()
    load(torch, model, weights(SHAPES))
    return trainer(torch, torch.optim.SGD(model.parameters(), lr=RATE, **optimizer), lambda: F.cross_entropy(model(x), y))


def by_hand():
    """Channels last inside: x is (N, H, W, C), and a convolution is a product with patches of a few images at a time."""
    x, y = _data()
    x = np.ascontiguousarray(x.transpose(0, 2, 3, 1))
    start = weights(SHAPES)
    # The kernels as (places and channels in, channels out), the weight that reads the image in the order of its pixels.
    k1, k2 = (np.ascontiguousarray(start[f"conv{i}.weight"].transpose(2, 3, 1, 0)) for i in (1, 2))
    k1, k2 = k1.reshape(9, 32), k2.reshape(288, 64)
    w1 = np.ascontiguousarray(start["fc1.weight"].reshape(128, 64, 12, 12).transpose(2, 3, 1, 0)).reshape(9216, 128)
    w2 = np.ascontiguousarray(start["fc2.weight"].T)
    c1, c2, b1, b2 = (start[n] for n in ("conv1.bias", "conv2.bias", "fc1.bias", "fc2.bias"))
    few = [slice(i, i + 4) for i in range(0, 64, 4)]
    parameters, rate = (k1, c1, k2, c2, w1, b1, w2, b2), np.float32(RATE)

    def step():
        u = np.empty((64, 26, 26, 32), np.float32)
        for part in few:
            np.matmul(_patches(x[part]), k1, out=u[part].reshape(-1, 32))
            u[part] += c1
            np.maximum(u[part], 0, out=u[part])
        pooled, masks = np.empty((64, 12, 12, 64), np.float32), np.empty((4, 64, 12, 12, 64), bool)
        for part in few:
            v = _patches(u[part]) @ k2
            v += c2
            np.maximum(v, 0, out=v)
            _pool(v.reshape(4, 24, 24, 64), pooled[part], masks[:, part])
        flat = pooled.reshape(64, 9216)
        h = flat @ w1
        h += b1
        np.maximum(h, 0, out=h)
        z = h @ w2
        z += b2
        loss = cross_entropy(z, y)

        dw2, db2 = h.T @ z, z.sum(axis=0)
        dh = z @ w2.T
        dh *= h > 0
        dw1, db1 = flat.T @ dh, dh.sum(axis=0)
        dpooled = dh @ w1.T
        dpooled *= flat > 0  # what relu stopped before the maximum
        dpooled = dpooled.reshape(pooled.shape)
        dk1, dk2 = np.zeros_like(k1), np.zeros_like(k2)
        dc1, dc2 = np.zeros_like(c1), np.zeros_like(c2)
        for part in few:
            dv = _unpool(dpooled[part], masks[:, part]).reshape(-1, 64)
            dk2 += _patches(u[part]).T @ dv
            dc2 += dv.sum(axis=0)
            columns = (dv @ k2.T).reshape(4, 24, 24, 3, 3, 32)
            du = np.zeros((4, 26, 26, 32), np.float32)
            for i in range(3):
                for j in range(3):
                    du[:, i:i + 24, j:j + 24] += columns[:, :, :, i, j]
            du *= u[part] > 0
            du = du.reshape(-1, 32)
            dk1 += _patches(x[part]).T @ du
            dc1 += du.sum(axis=0)
        for p, g in zip(parameters, (dk1, dc1, dk2, dc2, dw1, db1, dw2, db2), strict=True):
            g *= rate
            np.subtract(p, g, out=p)
        return loss

    return step


def _patches(x):
    """(N, H, W, C) -> (N (H-2) (W-2), 9 C): what a 3x3 kernel sees at each place."""
    n, h, w, c = x.shape
    step, row = c * x.itemsize, w * c * x.itemsize
    seen = np.lib.stride_tricks.as_strided(x, (n, h - 2, w - 2, 3, 3 * c), (h * row, row, step, row, x.itemsize))
    return seen.reshape(-1, 9 * c)


def _pool(x, out, masks):
    """The largest of each 2x2, and for each of its four corners where that was the first to have it."""
    corners = [x[:, i::2, j::2] for i in (0, 1) for j in (0, 1)]
    np.maximum(np.maximum(corners[0], corners[1]), np.maximum(corners[2], corners[3]), out=out)
    np.equal(corners[0], out, out=masks[0])
    taken = masks[0].copy()
    for corner, mask in zip(corners[1:], masks[1:], strict=True):
        np.equal(corner, out, out=mask)
        np.greater(mask, taken, out=mask)
        taken |= mask


def _unpool(g, masks):
    n, h, w, c = g.shape
    x = np.empty((n, h, 2, w, 2, c), np.float32)
    for at, mask in enumerate(masks):
        np.multiply(g, mask, out=x[:, :, at // 2, :, at % 2])
    return x
