"""`optimizer.warn_on_accumulation`: a forgotten zero_grad is told, once; summing up on purpose is not."""

import copy
import gc
import pickle
import warnings
import weakref

import pytest

import minitorch_ndl as ndl
from minitorch_ndl import nn, optim


def model():
    return nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))


def loss_of(net):
    return net(ndl.randn(5, 3)).square().mean()


def watched(net, kind=optim.SGD, **options):
    opt = kind(net.parameters(), lr=0.01, **options)
    opt.warn_on_accumulation = True
    return opt


@pytest.mark.parametrize("kind", [optim.SGD, optim.Adam, optim.Adagrad])
def test_a_forgotten_zero_grad_is_told_once_at_the_second_step(kind):
    net = model()
    opt = watched(net, kind)
    loss_of(net).backward()
    opt.step()
    loss_of(net).backward()
    with pytest.warns(UserWarning, match=rf"{kind.__name__}.step: the gradients of 4 parameters \(the first: number 0, of shape "
                                         r"\(4, 3\)\) have not been zeroed since the last step.*zero_grad\(\)") as told:
        opt.step()
    assert len(told) == 1 and told[0].filename == __file__
    loss_of(net).backward()
    opt.step()  # warnings are errors here: it says nothing more
    opt.warn_on_accumulation = True  # asked again
    loss_of(net).backward()
    opt.step()
    loss_of(net).backward()
    with pytest.warns(UserWarning, match="have not been zeroed"):
        opt.step()


def test_names_where_the_optimizer_has_them():
    net = nn.Linear(2, 1, bias=False)
    opt = optim.SGD(net.named_parameters(), lr=0.1)
    opt.warn_on_accumulation = True
    for told in (False, True):
        net(ndl.ones(1, 2)).sum().backward()
        if told:
            with pytest.warns(UserWarning, match=r"of 1 parameter \('weight', of shape \(1, 2\)\)"):
                opt.step()
        else:
            opt.step()


def zero_by_hand(net, opt):
    for p in net.parameters():
        p.grad = None


def fill_by_hand(net, opt):
    for p in net.parameters():
        p.grad.zero_()


@pytest.mark.parametrize("zero", [
    lambda net, opt: opt.zero_grad(), lambda net, opt: opt.zero_grad(set_to_none=False), lambda net, opt: net.zero_grad(),
    lambda net, opt: net.zero_grad(set_to_none=False), zero_by_hand, fill_by_hand])
@pytest.mark.parametrize("before_backward", [True, False])
@pytest.mark.parametrize("passes", [1, 3])
def test_zeroing_in_any_way_and_summing_on_purpose_are_not_told(zero, before_backward, passes):
    net = model()
    opt = watched(net, optim.Adam)
    loss_of(net).backward()
    zero(net, opt)
    for _ in range(4):
        for _ in range(passes):
            loss_of(net).backward()
        nn.utils.clip_grad_norm_(net.parameters(), 0.1)
        opt.step()
        if before_backward:
            loss_of(net).backward()  # looked at, and thrown away
        zero(net, opt)


def test_gradients_of_before_the_flag_and_of_no_step_are_not_told():
    net = model()
    loss_of(net).backward()
    loss_of(net).backward()
    opt = watched(net)
    loss_of(net).backward()
    opt.step()  # the first step: nothing was used before
    opt.step()  # twice with the same gradients, and no backward in between


def test_it_is_still_told_when_several_passes_come_between_the_steps():
    net = model()
    opt = watched(net)
    for last in (False, False, True):
        loss_of(net).backward()
        loss_of(net).backward()
        if last:
            opt.step()
        else:
            with warnings.catch_warnings(record=True) as told:
                warnings.simplefilter("always")
                opt.step()
    assert [str(w.message).partition(":")[0] for w in told] == ["SGD.step"]


def test_with_a_closure():
    net = model()
    opt = watched(net)

    def good():
        opt.zero_grad()
        loss = loss_of(net)
        loss.backward()
        return loss

    def bad():
        loss = loss_of(net)
        loss.backward()
        return loss

    opt.step(good)
    opt.step(good)
    with pytest.warns(UserWarning, match="have not been zeroed"):
        opt.step(bad)


def test_parameters_added_later_and_frozen_ones():
    net = model()
    net[0].weight.requires_grad_(False)
    opt = optim.SGD(net[2].parameters(), lr=0.1)
    opt.warn_on_accumulation = True
    loss_of(net).backward()
    opt.step()
    opt.zero_grad()
    opt.add_param_group({"params": list(net[0].parameters())})
    net[0].bias.grad = None
    for told in (False, True):
        net[0](ndl.ones(1, 3)).sum().backward()
        if told:
            with pytest.warns(UserWarning, match=r"of 1 parameter \(number 3"):
                opt.step()
        else:
            opt.step()


def test_off_again_and_off_by_default():
    net = model()
    opt = optim.SGD(net.parameters(), lr=0.1)
    assert not opt.warn_on_accumulation
    for flag in (True, False):
        opt.warn_on_accumulation = flag
        assert opt.warn_on_accumulation is flag
    for _ in range(3):
        loss_of(net).backward()
        opt.step()
    assert not any(p._leaf_hooks and p._leaf_hooks.tensor for p in net.parameters())


def test_updates_are_the_same_with_the_flag():
    def train(flag):
        ndl.manual_seed(1)
        net = model()
        opt = optim.Adam(net.parameters(), lr=0.1)
        opt.warn_on_accumulation = flag
        for _ in range(5):
            opt.zero_grad()
            loss_of(net).backward()
            opt.step()
        return [p.tolist() for p in net.parameters()]

    assert train(True) == train(False)


def test_copies_and_pickles_leave_the_flag_behind_and_nothing_is_kept_alive():
    net = model()
    opt = watched(net)
    loss_of(net).backward()
    opt.step()
    for twin in (copy.deepcopy(opt), pickle.loads(pickle.dumps(opt))):
        assert not twin.warn_on_accumulation
    reference = weakref.ref(opt)
    del opt, twin
    gc.collect()
    assert reference() is None
    loss_of(net).backward()  # the hooks are still there, and look no more
