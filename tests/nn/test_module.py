"""What Module does beyond torch, or must do without torch at hand."""

import copy
import pickle

import numpy as np
import pytest

import minitorch_ndl as ndl
from minitorch_ndl import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer1 = nn.Sequential(nn.Linear(4, 3), nn.ReLU())
        self.layer2 = nn.ModuleList([nn.Linear(3, 3), nn.Linear(9, 2)])

    def forward(self, x):
        x = self.layer1(x)
        for layer in self.layer2:
            x = layer(x)
        return x


# --- errors ---------------------------------------------------------------------------------------------------------


def test_an_error_names_the_path_of_the_module_that_raised_it():
    with pytest.raises(RuntimeError) as error:
        Net()(ndl.ones(2, 4))
    assert str(error.value).startswith("Net.layer2.1: mat1 and mat2 shapes cannot be multiplied (2x3 and 9x2)")
    with pytest.raises(RuntimeError, match=r"^Sequential\.0\.layer1\.0: mat1"):
        nn.Sequential(Net())(ndl.ones(2, 5))
    with pytest.raises(RuntimeError, match="^mat1"):  # nothing around it: no path
        nn.Linear(3, 3)(ndl.ones(2, 5))


def test_errors_of_the_users_own_code_stay_as_they_are():
    class Picky(nn.Module):
        def forward(self, x):
            raise ValueError("too small")

    with pytest.raises(ValueError, match="^too small$"):
        nn.Sequential(Picky())(ndl.ones(1))


def test_an_error_is_not_confused_by_being_caught_and_raised_again():
    class Stubborn(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = Net()

        def forward(self, x):
            try:
                return self.inner(x)
            except RuntimeError:
                return self.inner(x[:, :4])

    with pytest.raises(RuntimeError, match=r"^Sequential\.0\.inner\.layer2\.1: mat1"):
        nn.Sequential(Stubborn())(ndl.ones(2, 5))


def test_a_missing_attribute_suggests_the_nearest():
    net = Net()
    with pytest.raises(AttributeError, match="'Net' object has no attribute 'layer3'. Did you mean 'layer"):
        _ = net.layer3
    with pytest.raises(AttributeError, match="Did you mean 'parameters'"):
        net.paramaters()
    with pytest.raises(AttributeError) as error:
        _ = net.zzzzzz
    assert "mean" not in str(error.value)
    assert isinstance(pickle.loads(pickle.dumps(error.value)), AttributeError)


def test_looking_for_an_attribute_in_vain_is_cheap(monkeypatch):
    import difflib

    monkeypatch.setattr(difflib, "get_close_matches", lambda *a: pytest.fail("looked for a suggestion nobody reads"))
    assert not hasattr(Net(), "layer3") and getattr(Net(), "layer3", 5) == 5


def test_an_attribute_error_inside_a_property_is_the_one_that_is_seen():
    class WithProperty(nn.Module):
        @property
        def size(self):
            return self.no_such_thing

    with pytest.raises(AttributeError, match="no_such_thing"):
        _ = WithProperty().size


def test_forgetting_super_init_says_so():
    class Forgetful(nn.Module):
        def __init__(self):
            self.fc = nn.Linear(1, 1)

    with pytest.raises(
        AttributeError, match=r"cannot assign module before Module.__init__\(\) call.*super\(\).__init__"
    ):
        Forgetful()

    class Late(nn.Module):
        def __init__(self):
            self.size = 3

        def forward(self):
            return self.weight

    with pytest.raises(AttributeError, match="has not run"):
        _ = Late().weight


def test_a_module_without_forward_says_so():
    with pytest.raises(NotImplementedError, match=r'Module \[ModuleList\] is missing the required "forward" function'):
        nn.ModuleList()(1)


# --- state ------------------------------------------------------------------------------------------------------------


def test_nothing_is_loaded_if_something_does_not_fit():
    net = Net()
    before = {k: v.clone() for k, v in net.state_dict().items()}
    state = {k: v + 1 for k, v in before.items()}
    state["layer2.1.bias"] = ndl.ones(7)
    with pytest.raises(RuntimeError, match=r"size mismatch for layer2.1.bias.*Size\(\[7\]\).*Size\(\[2\]\)"):
        net.load_state_dict(state)
    assert all((v == before[k]).all() for k, v in net.state_dict().items())
    net.load_state_dict({k: v + 1 for k, v in before.items()})
    assert all((v == before[k] + 1).all() for k, v in net.state_dict().items())


def test_loading_keeps_parameters_and_their_memory():
    layer = nn.Linear(2, 2)
    weight, memory = layer.weight, layer.weight.data.numpy()
    layer.load_state_dict({"weight": ndl.ones(2, 2), "bias": ndl.zeros(2)})
    assert layer.weight is weight and memory.tolist() == [[1, 1], [1, 1]]


def test_copies_do_not_share():
    net = Net()
    net.register_forward_hook(print)
    for twin in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        with ndl.no_grad():
            twin.layer1[0].weight.zero_()
        assert net.layer1[0].weight.any()
        assert len(twin._listeners("forward")) == 1


def test_a_parameter_shared_by_two_modules_is_one():
    a, b = nn.Linear(3, 3), nn.Linear(3, 3)
    b.weight = a.weight
    both = nn.Sequential(a, b)
    assert len(list(both.parameters())) == 3
    both(ndl.ones(1, 3)).sum().backward()
    assert both.double()[0].weight is both[1].weight and a.weight.dtype == ndl.float64
    assert copy.deepcopy(both)[0].weight is not a.weight


def test_conversion_keeps_gradients_of_the_same_dtype_and_the_objects():
    layer = nn.Linear(2, 1)
    layer(ndl.ones(1, 2)).sum().backward()
    grad = layer.weight.grad
    assert layer.float().weight.grad is grad  # nothing had to change
    assert layer.double().weight.grad.dtype == ndl.float64


# --- hooks --------------------------------------------------------------------------------------------------------------


def test_the_hook_machinery_is_not_there_until_somebody_hooks(monkeypatch):
    from minitorch_ndl.nn import module

    layer = nn.Identity()
    monkeypatch.setattr(module, "call", lambda *a: "hooked")
    assert layer(5) == 5
    layer.register_forward_hook(lambda *a: None)
    assert layer(5) == "hooked"
    assert nn.Identity()(5) == 5
    with nn.modules.module.register_module_forward_hook(lambda *a: None):
        assert nn.Identity()(5) == "hooked"
    assert nn.Identity()(5) == 5


def test_a_backward_hook_counts_a_tensor_that_is_passed_twice():
    class Product(nn.Module):
        def forward(self, a, b):
            return a * b

    seen = []
    product = Product()
    product.register_full_backward_hook(lambda m, gi, go: seen.append([g.tolist() for g in gi]))
    x = ndl.tensor([3.0], requires_grad=True)
    product(x, x).backward()
    assert seen == [[[3.0], [3.0]]] and x.grad.tolist() == [6.0]


def test_hooks_do_not_keep_a_graph_alive():
    import weakref

    layer = nn.Linear(2, 2)
    layer.register_full_backward_hook(lambda m, gi, go: None)
    out = layer(ndl.ones(1, 2, requires_grad=True))
    node = weakref.ref(out.grad_fn)
    out.sum().backward()
    del out
    assert node() is None


# --- learning -------------------------------------------------------------------------------------------------------------


def test_a_net_learns_xor():
    ndl.manual_seed(0)
    x = ndl.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    y = ndl.tensor([0, 1, 1, 0])
    net = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 2))
    loss_function = nn.SoftmaxLoss()
    for _ in range(300):
        loss = loss_function(net(x), y)
        net.zero_grad()
        loss.backward()
        with ndl.no_grad():
            for p in net.parameters():
                p -= 0.5 * p.grad
    assert loss.item() < 0.05
    assert (net(x).argmax(1) == y).all()


def test_a_frozen_layer_gets_no_gradient_and_none_is_computed_for_its_input():
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    net[0].requires_grad_(False)
    net(ndl.ones(1, 2)).sum().backward()
    assert net[0].weight.grad is None and net[1].weight.grad is not None


def test_numpy_does_not_leak_out_of_a_layer():
    assert type(nn.Linear(2, 2)(ndl.ones(2))._array) is np.ndarray
    assert type(nn.Linear(2, 1)(ndl.ones(2)).sum()._array) is np.ndarray
