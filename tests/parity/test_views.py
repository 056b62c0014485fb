"""Random programs of views, writes through them and reads, run on torch and on us: values, and gradients of both orders."""

import random
import warnings

import numpy as np
import pytest

import minitorch_ndl as ndl

torch = pytest.importorskip("torch")


def _divisors(n):
    return [d for d in range(1, n + 1) if n % d == 0]


def _dim(rng, t):
    return rng.randrange(-t.ndim, t.ndim)


# Each view takes (rng, a torch tensor to look at) and gives a function of any tensor, or None where it doesn't apply.


def _reshape(rng, t):
    a = rng.choice(_divisors(max(t.numel(), 1)))
    return lambda x: x.reshape(a, -1) if x.numel() else x.reshape(x.shape)


def _view(rng, t):
    a = rng.choice(_divisors(max(t.numel(), 1)))
    return (lambda x: x.view(-1, a)) if t.numel() else None


def _permute(rng, t):
    order = rng.sample(range(t.ndim), t.ndim)
    return lambda x: x.permute(order)


def _slice(rng, t):
    index = tuple(rng.choice([slice(None), slice(rng.randrange(3), None), slice(None, None, 2), slice(0, rng.randrange(4))])
                  for _ in range(rng.randint(0, t.ndim)))
    return lambda x: x[index]


def _select(rng, t):
    dim = _dim(rng, t)
    return (lambda x, i=rng.randrange(t.shape[dim]): x.select(dim, i)) if t.shape[dim] else None


def _narrow(rng, t):
    dim = _dim(rng, t)
    start = rng.randrange(t.shape[dim] + 1)
    length = rng.randrange(t.shape[dim] - start + 1)
    return lambda x: x.narrow(dim, start, length)


def _diagonal(rng, t):
    if t.ndim < 2:
        return None
    a, b = rng.sample(range(t.ndim), 2)
    offset = rng.randrange(-2, 3)
    return lambda x: x.diagonal(offset, a, b)


def _expand(rng, t):
    shape = [rng.choice([2, 3]), *t.shape]
    return lambda x: x.expand(shape)


def _unfold(rng, t):
    dim = _dim(rng, t)
    size = rng.randint(1, max(1, t.shape[dim]))
    step = rng.choice([size, size, size + 1, 1])
    return (lambda x: x.unfold(dim, size, step)) if t.shape[dim] else None


def _as_strided(rng, t):
    if t.dim() != 2 or not t.numel():
        return None
    size, stride = (t.shape[1], t.shape[0]), (t.stride(1), t.stride(0))
    return lambda x: x.as_strided(size, stride, x.storage_offset())


VIEWS = [_reshape, _view, _permute, _slice, _select, _narrow, _diagonal, _expand, _unfold, _as_strided,
         lambda rng, t: lambda x: x.t() if x.ndim <= 2 else x.mT,
         lambda rng, t: lambda x: x.flatten(),
         lambda rng, t: (lambda x, d=rng.randrange(-t.ndim - 1, t.ndim + 1): x.unsqueeze(d)),
         lambda rng, t: lambda x: x.squeeze(),
         lambda rng, t: (lambda x, a=_dim(rng, t), b=_dim(rng, t): x.transpose(a, b)),
         lambda rng, t: (lambda x, a=_dim(rng, t), b=_dim(rng, t): x.movedim(a, b)),
         lambda rng, t: (lambda x, k=rng.randrange(2): x.chunk(2, 0)[k]) if t.shape[0] > 1 else None,
         lambda rng, t: (lambda x, k=rng.randrange(t.shape[0]): x.unbind(0)[k]) if t.shape[0] else None,
         lambda rng, t: lambda x: x.view_as(x),
         lambda rng, t: lambda x: x.expand_as(x),
         lambda rng, t: lambda x: x.detach()]


# Writes: a function of the tensor and of a value that fits it.
WRITES = {
    "add": lambda x, v: x.add_(v),
    "add number": lambda x, v: x.add_(0.5),
    "mul": lambda x, v: x.mul_(v),
    "mul number": lambda x, v: x.mul_(-1.5),
    "copy": lambda x, v: x.copy_(v),
    "fill": lambda x, v: x.fill_(0.7),
    "zero": lambda x, v: x.zero_(),
    "exp": lambda x, v: x.mul_(0.3).exp_(),
    "sigmoid": lambda x, v: x.sigmoid_(),
    "set all": lambda x, v: x.__setitem__(..., v),
    "set number": lambda x, v: x.__setitem__(slice(0, 1), 2.0),
    "set row": lambda x, v: x.__setitem__(0, v[0]),
    "set indexed": lambda x, v: x.__setitem__([0, -1], v[0]),
    "set masked": lambda x, v: x.__setitem__(x > 0.3, 0.1),
    "add to slice": lambda x, v: x[1:].add_(v[1:]),
    "iadd item": lambda x, v: x.__setitem__(0, x[0].__iadd__(v[0])),
    "masked_fill": lambda x, v: x.masked_fill_(v > 0, -0.2),
    "squeeze_": lambda x, v: x.unsqueeze_(0),
    "t_": lambda x, v: x.transpose_(0, -1),
    "index_fill": lambda x, v: x.index_fill_(0, v.detach().new_zeros(1).long(), 0.4),
    "clamp": lambda x, v: x.clamp_(-0.8, 0.9),
}


def _overlaps(t):
    """Whether several elements lie on one place in memory."""
    places = sum((torch.arange(n).reshape([-1] + [1] * (t.ndim - d - 1)) * t.stride(d) for d, n in enumerate(t.shape)),
                 torch.tensor(0))
    return len(set(places.flatten().tolist())) < t.numel()


class Program:
    """What is decided at random is decided by looking at torch's tensors; the same is then done to both."""

    def __init__(self, seed):
        self.rng = rng = random.Random(seed)
        self.random = np.random.RandomState(seed)
        shape = rng.choice([(4,), (3, 4), (2, 3, 4), (4, 2, 2), (6,), (2, 6)])
        data = [self.random.standard_normal(shape) for _ in range(3)]
        self.leaves = {lib: [make(lib, d).requires_grad_() for d in data[:2]] for lib in (torch, ndl)}
        # A computed tensor, one that lies the other way round in memory, and one that nothing follows.
        order = tuple(range(len(shape)))[::-1]
        self.made = {lib: [a * 1.0, (b.permute(order) * 1.0).permute(order) if rng.random() < 2 else b, make(lib, data[2])]
                     for lib, (a, b) in self.leaves.items()}
        self.log = []

    def run(self, steps):
        rng = self.rng
        for _ in range(steps):
            k = rng.randrange(len(self.made[torch]))
            looked_at = self.made[torch][k]
            if not looked_at.ndim:
                continue
            kind = rng.choice(["view", "view", "view", "write", "write", "read"])
            if kind == "view":
                which = rng.randrange(len(VIEWS))
                function = VIEWS[which](rng, looked_at)
                if function is None:
                    continue
                self.log.append(f"{len(self.made[torch])} = view {which} of {k}")
                self._do(lambda lib: self.made[lib].append(function(self.made[lib][k])))
            elif kind == "write":
                name = rng.choice(list(WRITES))
                if _overlaps(looked_at):
                    continue  # torch refuses some such writes, warns of some, and leaves open what others do
                other = rng.randrange(len(self.made[torch]))
                value = self.random.standard_normal(tuple(looked_at.shape))
                use = rng.choice(["value", "leaf", "other"])

                def write(lib):
                    x = self.made[lib][k]
                    _ = x.grad_fn  # torch takes a view whose base got its history later for a leaf, until someone looks
                    v = make(lib, value)
                    if use == "leaf":
                        v = v * self.leaves[lib][0].sum()
                    elif use == "other":
                        v = v + self.made[lib][other].sum()
                    WRITES[name](x, v)

                self.log.append(f"{name} into {k} ({use} {other})")
                self._do(write)
            else:
                self.log.append(f"{len(self.made[torch])} = sin of {k}")
                self._do(lambda lib: self.made[lib].append(self.made[lib][k].sin()))
            if self.failed:
                return

    failed = False

    def _do(self, step):
        """On both; what one refuses, the other must refuse."""
        results = []
        for lib in (torch, ndl):
            try:
                step(lib)
                results.append(None)
            except (RuntimeError, IndexError, ValueError, TypeError) as error:
                results.append(error)
        theirs, ours = results
        assert (theirs is None) == (ours is None), f"{self.log}: torch says {theirs!r}, we say {ours!r}"
        self.failed = theirs is not None

    def compare(self):
        for i, (theirs, ours) in enumerate(zip(self.made[torch], self.made[ndl])):
            what = f"tensor {i} of {self.log}"
            assert tuple(theirs.shape) == tuple(ours.shape), what
            np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=1e-9, atol=1e-12, err_msg=what)
            assert theirs.requires_grad == ours.requires_grad, f"requires_grad of {what} is {theirs.requires_grad} for torch"
        results = {}
        for lib in (torch, ndl):
            leaves, made = self.leaves[lib], self.made[lib]
            try:
                loss = sum((x * 0).sum() for x in leaves)
                loss = loss + sum((t * t * 0.1).cos().sum() * (i + 1) for i, t in enumerate(made))
                first = lib.autograd.grad(loss, leaves, create_graph=True)
                second = lib.autograd.grad(sum((g * g).sum() for g in first) + sum((x * 0).sum() for x in leaves), leaves)
                results[lib] = [*first, *second]
            except RuntimeError as error:
                results[lib] = error
        theirs, ours = results[torch], results[ndl]
        if isinstance(theirs, Exception) or isinstance(ours, Exception):
            assert isinstance(theirs, Exception) and isinstance(ours, Exception), f"{self.log}: {theirs!r} and {ours!r}"
            return
        for name, a, b in zip(("first a", "first b", "second a", "second b"), theirs, ours):
            np.testing.assert_allclose(b.detach().numpy(), a.detach().numpy(), rtol=1e-7, atol=1e-9,
                                       err_msg=f"{name} gradient of {self.log}")


def make(lib, array):
    return (torch.from_numpy if lib is torch else ndl.from_numpy)(array.copy())


@pytest.mark.parametrize("seed", range(300))
def test_random_program(seed):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = Program(seed)
        program.run(steps=2 + seed % 12)
        program.compare()
