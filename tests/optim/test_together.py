"""Small parameters updated as one array: nobody can tell, but for the time that it takes."""

import copy

import numpy as np
import pytest

import minitorch_ndl as ndl
from minitorch_ndl import nn
from minitorch_ndl.optim.together import FEW, SMALL


def model(seed=0):
    """A scalar, a large weight and twice as many small parameters as it takes."""
    ndl.manual_seed(seed)
    layers = nn.Sequential(*[nn.Sequential(nn.Linear(6, 6), nn.LayerNorm(6)) for _ in range(FEW // 2)], nn.Linear(6, SMALL // 4))
    layers.scale = nn.Parameter(ndl.tensor(1.0))
    return layers


def train(net, optimizer, steps, seed=1, frozen=()):
    generator = ndl.Generator().manual_seed(seed)
    for _ in range(steps):
        optimizer.zero_grad()
        (net(ndl.randn(3, 6, generator=generator)) * net.scale).square().mean().backward()
        for p in frozen:
            p.grad = None
        optimizer.step()


def groups(optimizer):
    return [g for a in optimizer._arrangements.values() for g in a.groups]


def alone(optimizer):
    """The same optimizer, which updates each parameter by itself."""
    optimizer.elementwise = False
    return optimizer


def check_same(one, other, optimizer, plain):
    assert groups(optimizer) and not groups(plain)
    for p, q in zip(one.parameters(), other.parameters(), strict=True):
        np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), rtol=2e-5, atol=2e-6)
        assert optimizer.state[p].keys() == plain.state[q].keys()
        for name, value in optimizer.state[p].items():
            assert value.shape == plain.state[q][name].shape
            np.testing.assert_allclose(value.numpy(), plain.state[q][name].numpy(), rtol=2e-4, atol=1e-7)


@pytest.mark.parametrize(("kind", "options"), [
    ("Adam", {}), ("Adam", {"weight_decay": 0.1, "maximize": True}), ("Adam", {"amsgrad": True}), ("AdamW", {}),
    ("Adamax", {"weight_decay": 0.1}), ("NAdam", {}), ("RAdam", {"decoupled_weight_decay": True, "weight_decay": 0.1})])
def test_the_same_steps(kind, options):
    one, other = model(), model()
    optimizer, plain = (getattr(ndl.optim, kind)(net.parameters(), lr=1e-2, **options) for net in (one, other))
    train(one, optimizer, 8)
    train(other, alone(plain), 8)
    check_same(one, other, optimizer, plain)


def test_parameters_keep_their_arrays():
    net = model()
    held = [p.detach().numpy() for p in net.parameters()]
    before = [a.copy() for a in held]
    optimizer = ndl.optim.Adam(net.parameters())
    train(net, optimizer, 2)
    assert groups(optimizer)
    for p, a, b in zip(net.parameters(), held, before, strict=True):
        assert np.shares_memory(p.detach().numpy(), a) and (a != b).any()
    held[0][...] = 7  # and what users write there counts
    train(net, optimizer, 1)
    assert abs(held[0] - 7).max() < 0.01


def test_a_parameter_without_a_gradient_waits():
    one, other = model(), model()
    optimizer, plain = ndl.optim.Adam(one.parameters(), lr=1e-2), alone(ndl.optim.Adam(other.parameters(), lr=1e-2))
    for net, o in (one, optimizer), (other, plain):
        train(net, o, 2)
        train(net, o, 3, frozen=[net[0][0].bias, net[1][1].weight])
        train(net, o, 2)
    check_same(one, other, optimizer, plain)
    assert optimizer.state[one[0][0].bias]["step"] == 4 and optimizer.state[one[0][0].weight]["step"] == 7


def change_a_buffer(net, optimizer):
    optimizer.state[net[0][0].weight]["exp_avg"].fill_(0.5)


def change_another_for_a_new_one(net, optimizer):
    optimizer.state[net[0][0].weight]["exp_avg"] = ndl.full((6, 6), 0.5)


def count_again(net, optimizer):
    optimizer.state[net[0][0].weight]["step"].fill_(0)


def forget_one(net, optimizer):
    del optimizer.state[net[0][0].weight]


def forget_all(net, optimizer):
    optimizer.state.clear()


def add_something(net, optimizer):
    optimizer.state[net[0][0].weight]["mine"] = "a note"


def load(net, optimizer):
    optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict()))


def give_another_array(net, optimizer):
    net[0][0].weight.data = ndl.ones(6, 6)


def share_memory(net, optimizer):
    net[1][0].weight.data = net[0][0].weight.data


@pytest.mark.parametrize("change", [change_a_buffer, change_another_for_a_new_one, count_again, forget_one, forget_all, load,
                                    give_another_array, share_memory])
def test_what_users_change_counts(change):
    one, other = model(), model()
    optimizer, plain = ndl.optim.Adam(one.parameters(), lr=1e-2), alone(ndl.optim.Adam(other.parameters(), lr=1e-2))
    for net, o in (one, optimizer), (other, plain):
        train(net, o, 3)
        change(net, o)
        train(net, o, 3)
    if change is share_memory:  # one's update has to see the other's
        assert not any(p is q for g in groups(optimizer) for p in g.params for q in (one[0][0].weight, one[1][0].weight))
        np.testing.assert_allclose(one[0][0].weight.detach(), other[0][0].weight.detach(), rtol=2e-5, atol=2e-6)
    else:
        check_same(one, other, optimizer, plain)


def test_a_note_in_the_state_stays():
    net = model()
    optimizer = ndl.optim.Adam(net.parameters())
    train(net, optimizer, 2)
    add_something(net, optimizer)
    train(net, optimizer, 2)
    assert optimizer.state[net[0][0].weight]["mine"] == "a note" and optimizer.state[net[0][0].weight]["step"] == 4


def test_going_on_from_a_checkpoint(tmp_path):
    whole, half = model(), model()
    optimizer, first = ndl.optim.Adam(whole.parameters(), lr=1e-2), ndl.optim.Adam(half.parameters(), lr=1e-2)
    train(whole, optimizer, 3)
    train(whole, optimizer, 3, seed=2)
    train(half, first, 3)
    ndl.save({"net": half.state_dict(), "optimizer": first.state_dict()}, tmp_path / "checkpoint.pt")
    parameters = sum(p.numel() for p in half.parameters())
    assert (tmp_path / "checkpoint.pt").stat().st_size < 3 * 4 * parameters + 40_000  # no buffer is written as part of all
    saved = ndl.load(tmp_path / "checkpoint.pt")
    again = model(5)
    again.load_state_dict(saved["net"])
    second = ndl.optim.Adam(again.parameters(), lr=1e-2)
    second.load_state_dict(saved["optimizer"])
    train(again, second, 3, seed=2)
    assert groups(second)
    for p, q in zip(whole.parameters(), again.parameters(), strict=True):
        assert (p == q).all()  # to the last bit


def test_groups_have_their_own_options():
    one, other = model(), model()
    optimizers = []
    for net in one, other:
        weights = [p for p in net.parameters() if p.ndim != 1]
        biases = [p for p in net.parameters() if p.ndim == 1]
        optimizers.append(ndl.optim.AdamW([{"params": weights}, {"params": biases, "lr": 1e-1, "weight_decay": 0}], lr=1e-3))
    alone(optimizers[1])
    train(one, optimizers[0], 5)
    train(other, optimizers[1], 5)
    check_same(one, other, *optimizers)
