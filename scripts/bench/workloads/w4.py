"""W4, a character-level GPT: 4 layers, 4 heads, 64 wide, block 32, batch 32, vocabulary 27, AdamW."""

import numpy as np

from . import load, trainer, weights
from .by_hand import Adam, cross_entropy, flat

STEPS = 4
TUNED = True  # the loop by hand runs with the package's malloc settings
LAYERS, HEADS, BATCH, VOCABULARY = 4, 4, 32, 27


def _shapes(width, block):
    shapes = {"tokens.weight": (VOCABULARY, width), "places.weight": (block, width)}
    for i in range(LAYERS):
        for name, shape in {"ln1": (width,), "ln2": (width,), "qkv": (3 * width, width), "out": (width, width),
                            "up": (4 * width, width), "down": (width, 4 * width)}.items():
            shapes |= {f"blocks.{i}.{name}.weight": shape, f"blocks.{i}.{name}.bias": shape[:1]}
    return shapes | {"ln.weight": (width,), "ln.bias": (width,), "head.weight": (VOCABULARY, width)}


def _data(block):
    random = np.random.RandomState(0)
    return (random.randint(0, VOCABULARY, (BATCH, block)) for _ in range(2))


def build(torch, width=64, block=32, **optimizer):
    nn, F = torch.nn, torch.nn.functional

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.ln1, self.ln2 = nn.LayerNorm(width), nn.LayerNorm(width)
            self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
            self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

        def forward(self, x):
            n, t, _ = x.shape
            q, k, v = (part.view(n, t, HEADS, -1).transpose(1, 2) for part in self.qkv(self.ln1(x)).split(width, dim=2))
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.out(y.transpose(1, 2).reshape(n, t, width))
            return x + self.down(F.gelu(self.up(self.ln2(x)), approximate="tanh"))

    class GPT(nn.Module):
        def __init__(self):
            super().__init__()
            self.tokens, self.places = nn.Embedding(VOCABULARY, width), nn.Embedding(block, width)
            self.blocks = nn.Sequential(*[Block() for _ in range(LAYERS)])
            self.ln, self.head = nn.LayerNorm(width), nn.Linear(width, VOCABULARY, bias=False)

        def forward(self, x):
            x = self.tokens(x) + self.places(torch.arange(x.shape[1]))
            return self.head(self.ln(self.blocks(x)))

    x, y = map(torch.from_numpy, _data(block))
    model = GPT()
    load(torch, model, weights(_shapes(width, block)))
    return trainer(torch, torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01, **optimizer),
                   lambda: F.cross_entropy(model(x).view(-1, VOCABULARY), y.view(-1)))


def by_hand(width=64, block=32):
    """Everything as (batch times place, width); weights as (in, out), where BLAS reads them in order."""
    x, y = (a.ravel() for a in _data(block))
    start = {n: a if n.startswith(("tokens", "places")) else np.ascontiguousarray(a.T)
             for n, a in weights(_shapes(width, block)).items()}
    values, p = flat(start)
    gradients, d = flat(start)
    adam = Adam(values, gradients, decay=0.01)
    scale = np.float32((width / HEADS)**-0.5)
    future = np.triu(np.full((block, block), -np.inf, np.float32), 1)
    chosen = np.zeros((VOCABULARY, len(x)), np.float32)  # picks the places of each token
    chosen[x, np.arange(len(x))] = 1

    def linear(name, x):
        out = x @ p[name + ".weight"]
        out += p[name + ".bias"]
        return out

    def linear_backward(name, g, x):
        np.matmul(x.T, g, out=d[name + ".weight"])
        g.sum(axis=0, out=d[name + ".bias"])
        return g @ p[name + ".weight"].T

    def heads(rows):  # (N T, width) -> (N, heads, T, d), a view
        return rows.reshape(BATCH, block, HEADS, -1).transpose(0, 2, 1, 3)

    def attention(qkv):
        q, k, v = (heads(qkv[:, i:i + width]) for i in range(0, 3 * width, width))
        s = q @ k.swapaxes(2, 3)
        s *= scale
        s += future
        s -= s.max(axis=3, keepdims=True)
        np.exp(s, out=s)
        s /= s.sum(axis=3, keepdims=True)
        out = np.empty((len(qkv), width), np.float32)
        np.matmul(s, v, out=heads(out))
        return out, s

    def attention_backward(g, qkv, s):
        q, k, v = (heads(qkv[:, i:i + width]) for i in range(0, 3 * width, width))
        g, out = heads(g), np.empty_like(qkv)
        dq, dk, dv = (heads(out[:, i:i + width]) for i in range(0, 3 * width, width))
        np.matmul(s.swapaxes(2, 3), g, out=dv)
        ds = g @ v.swapaxes(2, 3)
        ds *= s
        ds -= s * ds.sum(axis=3, keepdims=True)
        ds *= scale
        np.matmul(ds, k, out=dq)
        np.matmul(ds.swapaxes(2, 3), q, out=dk)
        return out

    def forward_block(i, x):
        name = f"blocks.{i}."
        h1, *ln1 = _norm(x, p[name + "ln1.weight"], p[name + "ln1.bias"])
        qkv = linear(name + "qkv", h1)
        a, s = attention(qkv)
        x = x + linear(name + "out", a)
        h2, *ln2 = _norm(x, p[name + "ln2.weight"], p[name + "ln2.bias"])
        u = linear(name + "up", h2)
        m, t = _gelu(u)
        x += linear(name + "down", m)
        return x, (h1, ln1, qkv, a, s, h2, ln2, u, m, t)

    def backward_block(i, g, saved):
        h1, ln1, qkv, a, s, h2, ln2, u, m, t = saved
        name = f"blocks.{i}."
        dm = linear_backward(name + "down", g, m)
        _gelu_backward(dm, u, t)
        dh = linear_backward(name + "up", dm, h2)
        g = g + _norm_backward(dh, p[name + "ln2.weight"], *ln2, d[name + "ln2.weight"], d[name + "ln2.bias"])
        da = linear_backward(name + "out", g, a)
        dh = linear_backward(name + "qkv", attention_backward(da, qkv, s), h1)
        g += _norm_backward(dh, p[name + "ln1.weight"], *ln1, d[name + "ln1.weight"], d[name + "ln1.bias"])
        return g

    def step():
        r = (p["tokens.weight"][x].reshape(BATCH, block, width) + p["places.weight"]).reshape(-1, width)
        saved = []
        for i in range(LAYERS):
            r, kept = forward_block(i, r)
            saved.append(kept)
        h, *ln = _norm(r, p["ln.weight"], p["ln.bias"])
        z = h @ p["head.weight"]
        loss = cross_entropy(z, y)
        np.matmul(h.T, z, out=d["head.weight"])
        g = _norm_backward(z @ p["head.weight"].T, p["ln.weight"], *ln, d["ln.weight"], d["ln.bias"])
        for i in reversed(range(LAYERS)):
            g = backward_block(i, g, saved.pop())
        np.matmul(chosen, g, out=d["tokens.weight"])
        g.reshape(BATCH, block, width).sum(axis=0, out=d["places.weight"])
        adam.step()
        return loss

    return step


def _norm(x, weight, bias):
    n = np.float32(1 / x.shape[1])
    z = x - x.sum(axis=1, keepdims=True) * n
    scale = np.einsum("ij,ij->i", z, z)[:, None] * n
    scale += np.float32(1e-5)
    scale **= np.float32(-0.5)
    z *= scale
    out = z * weight
    out += bias
    return out, z, scale


def _norm_backward(g, weight, z, scale, dweight, dbias):
    n = np.float32(1 / g.shape[1])
    np.einsum("ij,ij->j", g, z, out=dweight)
    g.sum(axis=0, out=dbias)
    g *= weight
    along = np.einsum("ij,ij->i", g, z)[:, None] * n
    g -= g.sum(axis=1, keepdims=True) * n
    g -= z * along
    g *= scale
    return g


A, B = np.float32((2 / np.pi)**0.5), np.float32((2 / np.pi)**0.5 * 0.044715)


def _gelu(u):
    """u (1 + t) / 2 with t = tanh(A u + B u^3); also t."""
    t = u * u
    t *= B
    t += A
    t *= u
    np.tanh(t, out=t)
    out = t + np.float32(1)
    out *= u
    out *= np.float32(0.5)
    return out, t


def _gelu_backward(g, u, t):
    """g becomes g times ((1 + t) + u (1 - t^2) (A + 3 B u^2)) / 2."""
    slope = u * u
    slope *= 3 * B
    slope += A
    slope *= u
    rest = t * t
    np.subtract(np.float32(1), rest, out=rest)
    slope *= rest
    slope += t
    slope += np.float32(1)
    slope *= np.float32(0.5)
    g *= slope
