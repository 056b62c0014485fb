"""torch.func and torch.utils.checkpoint."""

import numpy as np
import pytest

import minitorch_ndl as ndl

torch = pytest.importorskip("torch")
BOTH = (ndl, torch)
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's own


def draw(*shape, seed=1):
    return np.random.RandomState(seed).randn(*shape)


def flat(tree):
    """The arrays in nested results, with what they are nested in."""
    if isinstance(tree, dict):
        return {k: flat(v) for k, v in tree.items()}
    if isinstance(tree, (tuple, list)):
        return [flat(v) for v in tree]
    return (tuple(tree.shape), str(tree.dtype).split(".")[1], tree.requires_grad, tree.detach().numpy().round(8).tolist())


def same(call, *arrays):
    results = [flat(call(lib, lib.func, *(lib.from_numpy(a.copy()) for a in arrays))) for lib in BOTH]
    assert results[0] == results[1]


X, Y = draw(3), draw(3, seed=2)
PAIRS = draw(4, 3)


@pytest.mark.parametrize("call", [
    lambda lib, f, x, y: f.grad(lambda a: a.sin().sum())(x),
    lambda lib, f, x, y: f.grad(lambda a, b: (a * b.exp()).sum(), argnums=1)(x, y),
    lambda lib, f, x, y: f.grad(lambda a, b: (a * b.exp()).sum(), argnums=(0, 1))(x, y),
    lambda lib, f, x, y: f.grad(lambda a, b: (a * b.exp()).sum(), argnums=-1)(x, y),
    lambda lib, f, x, y: f.grad(lambda d: (d["a"] * d["b"][0]).sum())({"a": x, "b": [y]}),
    lambda lib, f, x, y: f.grad(lambda a: (a.exp().sum(), {"aux": a * 2}), has_aux=True)(x),
    lambda lib, f, x, y: f.grad(lambda a, k: (a * k).sum())(x, k=3.0),
    lambda lib, f, x, y: f.grad_and_value(lambda a: a.pow(3).sum())(x),
    lambda lib, f, x, y: f.grad(f.grad(f.grad(lib.sin)))(x[0]),
    lambda lib, f, x, y: f.grad(lambda a: f.grad(lambda b: (a * b * b).sum())(y).sum())(x),
    lambda lib, f, x, y: f.grad(lambda a, w=y.requires_grad_(): (a * w).sum())(x),  # what is outside keeps its history
    lambda lib, f, x, y: f.grad(lambda a: (a * a).sum())(x.requires_grad_()),
    lambda lib, f, x, y: f.grad(lambda a: y.sum())(x),
    lambda lib, f, x, y: f.vjp(lambda a: a.exp(), x)[1](y),
    lambda lib, f, x, y: f.vjp(lambda a, b: (a * b, a.sum()), x, y)[1]((y, lib.tensor(2.0, dtype=lib.float64))),
    lambda lib, f, x, y: f.vjp(lambda a: (a.exp(), a), x, has_aux=True)[2],
    lambda lib, f, x, y: f.jvp(lambda a: a.exp() * a.sum(), (x,), (y,)),
    lambda lib, f, x, y: f.jvp(lambda a, b: (a * b, a), (x, y), (y, x)),
    lambda lib, f, x, y: f.jacrev(lambda a: a.outer(a))(x),
    lambda lib, f, x, y: f.jacrev(lambda a, b: {"s": a * b, "t": a.sum()}, argnums=(0, 1))(x, y),
    lambda lib, f, x, y: f.jacfwd(lambda a: a.exp())(x),
    lambda lib, f, x, y: f.hessian(lambda a: (a ** 3).sum() * a[0])(x),
    lambda lib, f, x, y: f.hessian(lambda a, b: (a * b).exp().sum(), argnums=1)(x, y),
])
def test_gradients(call):
    same(call, X, Y)


@pytest.mark.parametrize("call", [
    lambda lib, f, x: lib.vmap(lib.sum)(x), lambda lib, f, x: f.vmap(lambda a, b: a @ b)(x, x * 2),
    lambda lib, f, x: f.vmap(lib.sum, in_dims=1)(x), lambda lib, f, x: f.vmap(lambda a, b: a * b, (0, None))(x, x[0]),
    lambda lib, f, x: f.vmap(lambda a: (a, a.sum()), out_dims=(1, 0))(x), lambda lib, f, x: f.vmap(lambda a: a, out_dims=1)(x),
    lambda lib, f, x: f.vmap(lambda d: d["a"] + d["b"], in_dims=({"a": 0, "b": None},))({"a": x, "b": x[0]}),
    lambda lib, f, x: f.vmap(lambda a: {"k": a * 2})(x), lambda lib, f, x: f.vmap(f.vmap(lib.sin))(x),
    lambda lib, f, x: f.vmap(f.grad(lambda w, a: (w * a).sum() ** 2), in_dims=(None, 0))(x[0], x),
    lambda lib, f, x: f.vmap(lambda a, k: a * k)(x, k=x), lambda lib, f, x: f.jacrev(f.vmap(lambda a: a * a.sum()))(x),
    lambda lib, f, x: f.vmap(lambda a: a * 2)(x.requires_grad_()),
])
def test_vmap(call):
    same(call, PAIRS)


def test_vmap_and_random_numbers():
    ones = ndl.ones(3)
    noisy = lambda a: a + ndl.rand(())
    with pytest.raises(RuntimeError, match="randomness error mode"):
        ndl.vmap(noisy)(ones)
    assert len(set(ndl.vmap(noisy, randomness="different")(ones).tolist())) == 3
    assert len(set(ndl.vmap(noisy, randomness="same")(ones).tolist())) == 1


@pytest.mark.parametrize("call", [
    lambda lib, f, x: f.grad(lambda a: a)(x), lambda lib, f, x: f.grad(lambda a: a.sum(), argnums=1)(x),
    lambda lib, f, x: f.grad(lambda a: a.sum())(x.long()), lambda lib, f, x: f.vmap(lib.sin)(),
    lambda lib, f, x: f.vmap(lib.add)(x, x[:, :2].T), lambda lib, f, x: f.vmap(lib.sin, in_dims=3)(x),
    lambda lib, f, x: f.vmap(lambda a: a.tolist() and 3)(x) if lib is ndl else f.vmap(lambda a: 3)(x),
    lambda lib, f, x: f.vmap(lib.sin, in_dims=(0, 0))(x), lambda lib, f, x: f.vmap(lib.sin, randomness="x")(x),
    lambda lib, f, x: f.grad(lambda a: a.sum(), has_aux=True)(x),
])
def test_refusals(call):
    errors = []
    for lib in BOTH:
        with pytest.raises((RuntimeError, ValueError, TypeError)) as caught:
            call(lib, lib.func, lib.from_numpy(PAIRS.copy()))
        errors.append(caught.type)
    assert errors[0] is errors[1]


def test_an_ensemble():
    """Several models at once, as torch's tutorial has it; and gradients for each sample."""
    data = draw(5, 2).astype("float32")
    results = []
    for lib in BOTH:
        models = [lib.nn.Linear(2, 3) for _ in range(4)]
        for i, m in enumerate(models):
            lib.nn.init.constant_(m.weight, 0.1 * i)
            lib.nn.init.constant_(m.bias, 1.0)
        params, buffers = lib.func.stack_module_state(models)

        def run(p, b, x, lib=lib, models=models):
            return lib.func.functional_call(models[0], (p, b), (x,))

        def loss(p, x, lib=lib, models=models):
            return lib.func.functional_call(models[0], p, (x[None],)).pow(2).sum()

        own = {k: v.detach() for k, v in models[1].named_parameters()}
        x = lib.from_numpy(data)
        results.append([lib.vmap(run, in_dims=(0, 0, None))(params, buffers, x).detach().numpy(),
                        lib.vmap(lib.func.grad(loss), in_dims=(None, 0))(own, x)["weight"].numpy()])
    for a, b in zip(*results):
        np.testing.assert_allclose(a, b, rtol=1e-5)


# --- checkpoint ---------------------------------------------------------------------------------------------------------


def run_both(build):
    """Loss, gradients of everything, and of the gradients, with and without checkpoint, on both."""
    found = []
    for lib in BOTH:
        for wrapped in (False, True):
            if lib is torch:
                from torch.utils.checkpoint import checkpoint
            else:
                checkpoint = ndl.utils.checkpoint.checkpoint
            keep = (lambda f, *a, c=checkpoint, **k: c(f, *a, use_reentrant=False, **k)) if wrapped else lambda f, *a, **k: f(*a, **k)
            leaves = [lib.from_numpy(draw(3, 4, seed=i)).requires_grad_() for i in range(3)]
            loss = build(lib, keep, *leaves)
            grads = lib.autograd.grad(loss, leaves, create_graph=True, allow_unused=True)
            total = sum((g * g).sum() for g in grads if g is not None)
            second = lib.autograd.grad(total, leaves, allow_unused=True) if total.requires_grad else []
            found.append([loss.detach().numpy(), *(g.detach().numpy() for g in (*grads, *second) if g is not None)])
    for other in found[1:]:
        assert len(other) == len(found[0])
        for a, b in zip(found[0], other):
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("build", [
    lambda lib, keep, x, y, w: keep(lambda a: (a * y).exp().sum(), x) * w.sum(),  # y is not an argument
    lambda lib, keep, x, y, w: keep(lambda a, b: (a * b, a + b.sin()), x * 2, y.tanh())[1].pow(2).sum() + w.sum(),
    lambda lib, keep, x, y, w: keep(lambda a: keep(lambda b: (b * w).tanh(), a * y).exp(), x).sum(),
    lambda lib, keep, x, y, w: keep(lambda a, scale: {"out": (a * scale).tanh()}, x, scale=y)["out"].sum() + w.sum(),
    lambda lib, keep, x, y, w: (keep(lambda a: [a, a.exp()], x.sin())[1] * keep(lambda a: a * a, y) * w).sum(),
    lambda lib, keep, x, y, w: keep(lambda a, n: a * n if n else a, x, None).sum() + (y * w).sum(),
])
def test_checkpoint(build):
    run_both(build)


def test_checkpoint_draws_the_same_numbers():
    net, x = ndl.nn.Sequential(ndl.nn.Linear(8, 8), ndl.nn.Dropout(0.5), ndl.nn.ReLU()), ndl.randn(4, 8, requires_grad=True)
    grads = []
    for wrapped in (False, True):
        ndl.manual_seed(7)
        y = ndl.utils.checkpoint.checkpoint(net, x, use_reentrant=False) if wrapped else net(x)
        after = ndl.rand(1)
        y.sum().backward()
        assert ndl.equal(ndl.rand(1), after) is False
        grads.append([after.item(), x.grad.clone(), *(p.grad.clone() for p in net.parameters())])
        x.grad = None
        net.zero_grad()
    assert grads[0][0] == grads[1][0]
    assert all(ndl.equal(a, b) for a, b in zip(grads[0][1:], grads[1][1:], strict=True))


def test_checkpoint_keeps_little():
    x = ndl.ones(1000, dtype=ndl.float64, requires_grad=True)
    deep = lambda a: a.exp().log().sin().cos().tanh()
    plain = deep(x).sum()
    kept = ndl.utils.checkpoint.checkpoint(deep, x, use_reentrant=False).sum()
    assert ndl.autograd.graph.held_bytes(kept) < 9000 < 30_000 < ndl.autograd.graph.held_bytes(plain)


def test_checkpoint_runs_hooks_once_and_notices_changes():
    w, seen = ndl.ones(2, requires_grad=True), []
    w.register_hook(lambda g: seen.append(1) or g * 2)
    ndl.utils.checkpoint.checkpoint(lambda a: (a * w).sum(), ndl.ones(2), use_reentrant=False).backward()
    assert seen == [1] and w.grad.tolist() == [2, 2]
    changing = iter([1, 0])
    y = ndl.utils.checkpoint.checkpoint(lambda a: a * w if next(changing) else a + 1, w * 3, use_reentrant=False)
    with pytest.raises(ndl.utils.checkpoint.CheckpointError, match="other tensors"):
        y.sum().backward()
    x = ndl.ones(2)
    y = ndl.utils.checkpoint.checkpoint(lambda a: (a * w).sum(), x, use_reentrant=False)
    x.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()
    y = ndl.utils.checkpoint.checkpoint(lambda a: (a * w).sum(), ndl.ones(2), use_reentrant=False)
    y.backward()
    with pytest.raises(RuntimeError, match="second time"):
        y.backward()
    with ndl.no_grad():
        assert not ndl.utils.checkpoint.checkpoint(lambda a: a * w, x).requires_grad


def test_checkpoint_sequential():
    results = []
    for lib in BOTH:
        if lib is torch:
            from torch.utils.checkpoint import checkpoint_sequential
        else:
            checkpoint_sequential = ndl.utils.checkpoint.checkpoint_sequential
        net = lib.nn.Sequential(*[lib.nn.Linear(3, 3).double() for _ in range(5)])
        for i, p in enumerate(net.parameters()):
            p.data = lib.from_numpy(draw(*p.shape, seed=i))
        x = lib.from_numpy(draw(2, 3)).requires_grad_()
        out = checkpoint_sequential(net, 2, x, use_reentrant=False)
        out.sum().backward()
        results.append([t.detach().numpy() for t in (out, x.grad, *(p.grad for p in net.parameters()))])
    for a, b in zip(*results):
        np.testing.assert_allclose(a, b)
