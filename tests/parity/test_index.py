"""Indexing and assignment, in thousands of random forms, against torch."""

import random
import warnings

import numpy as np
import pytest

import minitorch_ndl as ndl

torch = pytest.importorskip("torch")

SHAPES = [(), (1,), (4,), (0,), (3, 4), (2, 3, 4), (2, 1, 3), (2, 0, 3), (2, 3, 2, 2)]


class Drawn:
    """A random index, as a function of the library that it is for: both get equal tensors."""

    def __init__(self, rng, shape):
        self.rng, self.shape = rng, shape
        self.items = self._draw()

    def _draw(self):
        rng, items, dim = self.rng, [], 0
        count = rng.randint(0, len(self.shape) + 2)
        batch = rng.choice([(), (2,), (3,), (2, 1), (1, 3)])
        used_ellipsis = False
        for _ in range(count):
            n = self.shape[dim] if dim < len(self.shape) else 1
            kind = rng.choice(["int", "slice", "slice", "none", "ellipsis", "tensor", "tensor", "list", "mask", "flag",
                               "numpy", "0d", "npint", "range", "int32"])
            if kind == "ellipsis" and used_ellipsis:
                continue
            wild = 1 if rng.random() < 0.04 and 0 not in self.shape else 0  # torch lets some pass where nothing is picked
            low, high = -n - wild, max(n - 1, 0) + wild
            if kind == "int":
                items.append(rng.randint(low, high))
            elif kind == "npint":
                items.append(np.int64(rng.randint(low, high)))
            elif kind == "slice":
                bound = [None, *range(-n - 1, n + 2)]
                step = rng.choice([None, None, None, 1, 2, 3] + ([0, -1] if rng.random() < 0.05 else []))
                items.append(slice(rng.choice(bound), rng.choice(bound), step))
            elif kind == "none":
                items.append(None)
                continue
            elif kind == "ellipsis":
                items.append(...)
                used_ellipsis = True
                dim += rng.randint(0, 2)
                continue
            elif kind == "flag":
                items.append(rng.choice([True, True, False]))
                continue
            elif kind in ("tensor", "int32", "numpy"):
                shape = batch if rng.random() < 0.9 else rng.choice([(2,), (3,), (0,)])
                values = np.array([rng.randint(low, high) for _ in range(int(np.prod(shape)))], np.int64).reshape(shape)
                if kind == "int32":
                    values = values.astype(np.int32)
                items.append(values if kind == "numpy" else ("tensor", values))
            elif kind == "0d":
                items.append(("tensor", np.array(rng.randint(low, high))))
            elif kind == "list":
                items.append([rng.randint(low, high) for _ in range(batch[-1] if batch else 2)])
            elif kind == "range":
                items.append(range(min(n, 2)))
            elif kind == "mask":
                k = rng.choice([1, 1, 2])
                shape = self.shape[dim:dim + k] or (1,)
                values = np.array([rng.random() < 0.6 for _ in range(int(np.prod(shape)))], bool).reshape(shape)
                items.append(rng.choice([("tensor", values), values]) if values.ndim > 1 or rng.random() < 0.7
                             else values.tolist())
                dim += len(shape)
                continue
            dim += 1
        return items

    def of(self, lib):
        items = tuple(_tensor(lib, i[1]) if isinstance(i, tuple) else i for i in self.items)
        return items[0] if len(items) == 1 and self.rng_single else items

    rng_single = True


def _tensor(lib, array):
    return torch.from_numpy(np.array(array)) if lib is torch else ndl.from_numpy(np.array(array))


def _attempt(function):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return function()
        except (IndexError, RuntimeError, TypeError, ValueError) as error:
            return error


def _agree(ours, theirs, what):
    if isinstance(theirs, Exception) or isinstance(ours, Exception):
        assert isinstance(ours, Exception) and isinstance(theirs, Exception), f"{what}: {ours!r} and {theirs!r}"
        kinds = {type(ours), type(theirs)}  # of several things wrong at once, either may be told
        assert len(kinds) == 1 or kinds == {ValueError, IndexError}, f"{what}: {ours!r} and {theirs!r}"
        return False
    assert tuple(ours.shape) == tuple(theirs.shape), f"{what}: {ours.shape} and {theirs.shape}"
    assert str(ours.dtype).split(".")[1] == str(theirs.dtype).split(".")[1], what
    np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=1e-12, err_msg=what)
    return True


def _bases(lib, data):
    """A leaf, and a tensor computed from it on memory that is not in order."""
    leaf = _tensor(lib, data).requires_grad_()
    order = tuple(range(data.ndim))[::-1]
    return leaf, (leaf.permute(order) * 1).permute(order)


def _gradients(lib, out, leaves):
    """First and second gradients of something that is not linear."""
    loss = (out * out * out).sum() + sum((x * 0).sum() for x in leaves)
    first = lib.autograd.grad(loss, leaves, create_graph=True)
    second = lib.autograd.grad(sum((g * g).sum() for g in first) + sum((x * 0).sum() for x in leaves), leaves)
    return [*first, *second]


@pytest.mark.parametrize("seed", range(500))
def test_reading_and_writing(seed):
    rng = random.Random(seed)
    shape = rng.choice(SHAPES)
    data = np.random.RandomState(seed).standard_normal(shape)
    index = Drawn(rng, shape)
    index.rng_single = rng.random() < 0.7
    what = f"x of shape {shape}, index {index.items}"

    def read(lib):
        leaf, x = _bases(lib, data)
        out = x[index.of(lib)]
        return out, *_gradients(lib, out, [leaf])

    ours, theirs = _attempt(lambda: read(ndl)), _attempt(lambda: read(torch))
    if isinstance(ours, Exception) or isinstance(theirs, Exception):
        _agree(ours, theirs, what)
        out_shape = ()
    else:
        for a, b in zip(ours, theirs):
            _agree(a, b, what)
        out_shape = tuple(theirs[0].shape)

    # What is assigned: of the region's shape, or broadcast to it, a number, or something that does not fit.
    value_shape = rng.choice([out_shape, out_shape[1:], (1, *out_shape), tuple(rng.choice([1, n]) for n in out_shape), (2,)])
    value = rng.choice([rng.uniform(-1, 1), rng.randint(-3, 3),
                        ("tensor", np.random.RandomState(seed + 1).standard_normal(value_shape))])
    follow = rng.random() < 0.7

    def write(lib):
        leaf, x = _bases(lib, data)
        if not follow:
            x = x.detach()
        v = _tensor(lib, value[1]) if isinstance(value, tuple) else value
        if isinstance(value, tuple) and follow:
            v.requires_grad_()
        x[index.of(lib)] = v
        results = [x]
        leaves = ([leaf] if follow else []) + ([v] if follow and isinstance(value, tuple) else [])
        if leaves:
            results += _gradients(lib, x, leaves)
        return results

    ours, theirs = _attempt(lambda: write(ndl)), _attempt(lambda: write(torch))
    what = f"x of shape {shape}, x[{index.items}] = {value if not isinstance(value, tuple) else value_shape}"
    if isinstance(ours, Exception) or isinstance(theirs, Exception):
        _agree(ours, theirs, what)
    elif not _places_repeat(index, shape):
        assert len(ours) == len(theirs), what
        for a, b in zip(ours, theirs):
            _agree(a, b, what)


def _places_repeat(index, shape):
    """Whether the index names one place twice; then it is anyone's guess which value stays."""
    marks = torch.arange(int(np.prod(shape))).reshape(shape)[index.of(torch)].flatten().tolist()
    return len(set(marks)) < len(marks)
