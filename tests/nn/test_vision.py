"""Layers for images: convolution, normalization, pooling, padding, and the lazy ones."""

import copy
import inspect
import itertools
import pickle

import numpy as np
import pytest

import minitorch_ndl as ndl
from minitorch_ndl import nn

RNG = np.random.default_rng(0)


def normal(*shape):
    return ndl.from_numpy(RNG.standard_normal(shape))


# --- convolution ------------------------------------------------------------------------------------------------------


def slow_convolution(x, layer):
    """Conv2d by its definition, one output element at a time."""
    w, b = layer.weight.detach().numpy(), layer.bias.detach().numpy()
    (sh, sw), (dh, dw), (ph, pw) = layer.stride, layer.dilation, layer.padding
    x = np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)))
    kh, kw = layer.kernel_size
    h, wd = (x.shape[2] - dh * (kh - 1) - 1) // sh + 1, (x.shape[3] - dw * (kw - 1) - 1) // sw + 1
    out = np.empty((len(x), len(w), h, wd))
    ins, outs = w.shape[1], len(w) // layer.groups
    for n, o, i, j in itertools.product(*map(range, out.shape)):
        first = o // outs * ins
        patch = x[n, first : first + ins, i * sh : i * sh + dh * kh : dh, j * sw : j * sw + dw * kw : dw]
        out[n, o, i, j] = (patch[:, :kh, :kw] * w[o]).sum() + b[o]
    return out


@pytest.mark.parametrize("options", [{}, {"stride": (2, 1), "padding": (1, 2)}, {"dilation": 2, "groups": 2}, {"groups": 4, "padding": 1}])
def test_convolution_against_its_definition(options):
    layer, x = nn.Conv2d(4, 4, (2, 3), **options).double(), normal(2, 4, 6, 7)
    np.testing.assert_allclose(layer(x).detach().numpy(), slow_convolution(x.numpy(), layer), rtol=1e-10)
    assert ndl.equal(layer(x[0]), layer(x)[0])


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_transposed_convolution_is_the_transpose(dims):
    """<conv(x), y> == <x, conv_transpose(y)> for the same weight, whatever size is asked for."""
    options = {"stride": 2, "padding": 1, "bias": False}
    down = getattr(nn, f"Conv{dims}d")(3, 4, 3, **options).double()
    up = getattr(nn, f"ConvTranspose{dims}d")(4, 3, 3, **options).double()
    up.weight = down.weight
    for size in ((7,) * dims, (8, 7, 8)[:dims]):
        x = normal(2, 3, *size)
        there = down(x)
        y = normal(*there.shape)
        back = up(y, output_size=size)
        assert back.shape == x.shape
        assert (there * y).sum().item() == pytest.approx((x * back).sum().item())
    with pytest.raises(ValueError, match=r"requested an output size of .*, but valid sizes range from .*\[7.* to \[8"):
        up(y, output_size=(9,) * dims)


def test_same_padding_keeps_sizes():
    for kernel, dilation in itertools.product((1, 2, 3, (2, 5)), (1, 2)):
        for mode in ("zeros", "reflect", "replicate", "circular"):
            layer = nn.Conv2d(1, 1, kernel, padding="same", dilation=dilation, padding_mode=mode)
            assert layer(ndl.ones(1, 9, 10)).shape == (1, 9, 10)
    assert nn.Conv2d(1, 1, 3, padding="valid")(ndl.ones(1, 9, 10)).shape == (1, 7, 8)


def test_circular_convolution_moves_with_its_input():
    layer, x = nn.Conv1d(2, 3, 3, padding=1, padding_mode="circular").double(), normal(1, 2, 8)
    assert ndl.allclose(layer(x.roll(3, -1)), layer(x).roll(3, -1))


def test_starting_weights_of_convolutions():
    ndl.manual_seed(0)
    layer = nn.Conv2d(20, 40, 5, groups=2)
    bound = (10 * 25) ** -0.5
    for values in (layer.weight, layer.bias):
        assert bound * 0.9 < values.abs().max() <= bound and abs(values.mean()) < bound / 4
    ndl.manual_seed(0)
    assert ndl.equal(nn.Conv2d(20, 40, 5, groups=2).weight, layer.weight)


# --- normalization ----------------------------------------------------------------------------------------------------


def test_batch_norms_running_statistics_become_those_of_the_data():
    layer = nn.BatchNorm2d(3, momentum=None)
    batches = [ndl.from_numpy(RNG.normal(2, 3, (5, 3, 4, 4)).astype("float32")) for _ in range(6)]
    for batch in batches:
        out = layer(batch)
        assert ndl.allclose(out.mean((0, 2, 3)), ndl.zeros(3), atol=1e-5) and ndl.allclose(out.var((0, 2, 3)), ndl.ones(3), atol=2e-2)
    assert layer.num_batches_tracked.item() == 6
    assert ndl.allclose(layer.running_mean, ndl.stack([b.mean((0, 2, 3)) for b in batches]).mean(0), atol=1e-5)
    assert ndl.allclose(layer.running_var, ndl.stack([b.var((0, 2, 3)) for b in batches]).mean(0), rtol=1e-5)
    layer.eval()
    expected = (batches[0] - layer.running_mean[:, None, None]) / (layer.running_var[:, None, None] + 1e-5).sqrt()
    assert ndl.allclose(layer(batches[0]), expected, atol=1e-5) and layer.num_batches_tracked.item() == 6


def test_batch_norm_in_training_does_not_see_scale_and_shift():
    x = normal(6, 3)
    layer = nn.BatchNorm1d(3, eps=0.0).double()
    assert ndl.allclose(layer(x), layer(x * 5 + 7))


def test_norms_normalize_what_they_say():
    x = normal(4, 6, 3, 5) * 3 + 2
    for layer, dims, source in (
        (nn.InstanceNorm2d(6), (2, 3), lambda t: t),
        (nn.LayerNorm((3, 5)), (2, 3), lambda t: t),
        (nn.LayerNorm([6, 3, 5]), (1, 2, 3), lambda t: t),
        (nn.GroupNorm(2, 6), (2, 3, 4), lambda t: t.reshape(4, 2, 3, 3, 5)),
        (nn.GroupNorm(1, 6), (1, 2, 3), lambda t: t),
    ):
        out = source(layer.double()(x).detach())
        assert out.mean(dims).abs().max() < 1e-12 and (out.var(dims, correction=0) - 1).abs().max() < 1e-4
    squares = nn.RMSNorm(5).double()(x).detach().square().mean(-1)
    assert ndl.allclose(squares, ndl.ones(4, 6, 3, dtype=ndl.float64))


def test_layer_norm_of_everything_learns():
    """Where weight has the whole input's shape, nothing is summed into its gradient, which must survive."""
    layer, x = nn.LayerNorm((2, 3)).double(), normal(2, 3).requires_grad_()
    assert ndl.autograd.gradcheck(lambda x, w, b: nn.functional.layer_norm(x, (2, 3), w, b), (x, layer.weight, layer.bias))
    assert ndl.autograd.gradcheck(lambda x, w: nn.functional.rms_norm(x, (2, 3), w), (x, layer.weight))


def test_a_lazy_batch_norm_in_float64():
    layer = nn.LazyBatchNorm1d().double()
    layer(normal(4, 3))
    assert {str(t.dtype) for t in layer.state_dict().values()} == {"ndl.float64", "ndl.int64"}


# --- pooling and padding ----------------------------------------------------------------------------------------------


def test_unpooling_puts_back_what_pooling_took():
    x = normal(2, 3, 6, 8)
    values, where = nn.MaxPool2d(2, return_indices=True)(x)
    back = nn.MaxUnpool2d(2)(values, where)
    assert back.shape == x.shape and ((back == x) | (back == 0)).all() and (back != 0).sum() == values.numel()


def test_pools_of_everything():
    x = normal(2, 3, 5, 7)
    for pool in (nn.AvgPool2d((5, 7)), nn.AdaptiveAvgPool2d(1)):
        assert ndl.allclose(pool(x).flatten(1), x.mean((2, 3)))
    for pool in (nn.MaxPool2d((5, 7)), nn.AdaptiveMaxPool2d((1, 1))):
        assert ndl.equal(pool(x).flatten(1), x.amax((2, 3)))
    assert ndl.allclose(nn.LPPool2d(2, (5, 7))(x.abs()).flatten(1), x.square().sum((2, 3)).sqrt())


NUMPYS = {"ReflectionPad": "reflect", "ReplicationPad": "edge", "CircularPad": "wrap", "ZeroPad": "constant"}


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("name", NUMPYS)
def test_padding_against_numpy(name, dims):
    x, sides = normal(2, 3, *(4, 5, 6)[:dims]), (1, 2, 0, 3, 2, 1)[: 2 * dims]
    widths = [(0, 0)] * 2 + [(sides[2 * i], sides[2 * i + 1]) for i in reversed(range(dims))]
    expected = np.pad(x.numpy(), widths, NUMPYS[name])
    assert (getattr(nn, f"{name}{dims}d")(sides)(x).numpy() == expected).all()


# --- lazy layers ------------------------------------------------------------------------------------------------------


def lazy_net():
    return nn.Sequential(nn.LazyConv2d(4, 3), nn.LazyBatchNorm2d(), nn.Flatten(), nn.LazyLinear(2))


def test_lazy_layers_become_the_plain_ones():
    net = lazy_net()
    net(ndl.ones(2, 3, 5, 5))
    plain = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(36, 2))
    assert repr(net) == repr(plain) and [type(m) for m in net] == [type(m) for m in plain]
    assert {k: v.shape for k, v in net.state_dict().items()} == {k: v.shape for k, v in plain.state_dict().items()}
    assert "__call__" not in vars(type(net[0])) and net[0]._hooks is None, "nothing is left that costs time"


def test_lazy_nets_can_be_copied_and_pickled_before_and_after():
    x = ndl.ones(2, 3, 5, 5, dtype=ndl.float64)
    for net in (lazy_net().double(), lazy_net().double().train()):
        for twin in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
            assert twin(x).dtype is ndl.float64
            assert all(nn.parameter.is_lazy(p) for p in net.parameters()), "the original is as it was"
        net(x)
        assert copy.deepcopy(net)(x).shape == (2, 2)


def test_what_can_be_done_to_a_parameter_without_a_shape():
    layer = nn.LazyLinear(2)
    weight = layer.weight
    layer.half().requires_grad_(False).zero_grad()
    assert weight.dtype is ndl.float16 and not weight.requires_grad and layer.weight is weight and weight.grad is None
    layer.float().requires_grad_()
    layer(ndl.ones(1, 3)).sum().backward()
    assert layer.weight is weight and weight.grad.shape == (2, 3)
    for use in (lambda p: p * 2, lambda p: p.sum(), lambda p: p.numel(), lambda p: nn.init.ones_(p), lambda p: p.tolist()):
        with pytest.raises(ValueError, match="Attempted to use an uninitialized parameter.*Call the lazy module"):
            use(nn.LazyLinear(2).bias)
    with pytest.raises(RuntimeError, match="Can't access the shape of an uninitialized parameter"):
        print(nn.LazyLinear(2).weight.shape)
    with pytest.raises(ValueError, match="uninitialized"):
        sum(p.numel() for p in lazy_net().parameters())


def test_a_lazy_layer_that_is_loaded_knows_its_features():
    layer = nn.LazyBatchNorm1d()
    layer.load_state_dict(nn.BatchNorm1d(3).state_dict())
    assert not layer.has_uninitialized_params()
    layer(ndl.randn(4, 3))
    assert repr(layer) == repr(nn.BatchNorm1d(3))


def test_a_lazy_instance_norm_counts_channels_of_one_image_too():
    layer = nn.LazyInstanceNorm2d()
    assert layer(ndl.randn(3, 5, 6)).shape == (3, 5, 6) and layer.num_features == 3


# --- in a model that does not fit -------------------------------------------------------------------------------------


class Block(nn.Module):
    def __init__(self, inputs, outputs, features=None):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(features or outputs)

    def forward(self, x):
        return self.bn1(self.conv1(x))


class Net(nn.Module):
    def __init__(self, *block):
        super().__init__()
        self.layer1, self.layer2 = Block(3, 8), nn.Sequential(nn.ReLU(), Block(*block))

    def forward(self, x):
        return self.layer2(self.layer1(x))


def test_an_error_names_the_layer_and_the_shapes():
    x = ndl.ones(2, 3, 6, 7)
    with pytest.raises(RuntimeError) as error:
        Net(16, 8)(x)
    assert str(error.value).startswith("Net.layer2.1.conv1: Given groups=1, weight of size [8, 16, 3, 3], expected input[2, 8, 6, 7]")
    assert "16 channels, but got 8" in str(error.value)
    with pytest.raises(RuntimeError, match=r"^Net\.layer2\.1\.bn1: .*running_mean should contain 8 elements not 5.*\(2, 8, 6, 7\)"):
        Net(8, 8, 5)(x)
    with pytest.raises(RuntimeError, match=r"^Net\.layer1\.conv1: .*input\[2, 1, 6, 7\] to have 3 channels, but got 1"):
        Net(8, 8)(x[:, :1])
    net = nn.Sequential(nn.Identity(), nn.Sequential(nn.LazyConv2d(4, 3, groups=2)))
    with pytest.raises(ValueError, match=r"^Sequential\.1\.0: in_channels must be divisible by groups; .*\(2, 3, 6, 7\)"):
        net(x)


# --- families ---------------------------------------------------------------------------------------------------------


def test_every_member_of_a_family_is_described():
    for name in ("Conv1d", "ConvTranspose3d", "BatchNorm2d", "InstanceNorm1d", "MaxPool3d", "AdaptiveAvgPool2d", "ZeroPad2d", "LazyConv2d"):
        text = getattr(nn, name).__doc__
        assert f"generated/torch.nn.{name}.html" in text and "{" not in text.split(">>>")[0]
    assert "(N, in_channels, D, H, W)" in nn.Conv3d.__doc__ and "(N, in_channels, L)" in nn.Conv1d.__doc__


def test_subclasses_of_members_are_their_own():
    class Plain(nn.Conv2d):
        """Mine."""

        def __init__(self, features):
            super().__init__(features, features, 3, padding=1, bias=False)

    class Twice(nn.MaxPool2d):
        def forward(self, x):
            return super().forward(x) * 2

    assert Plain(2)(ndl.ones(2, 5, 5)).shape == (2, 5, 5) and Plain.__doc__ == "Mine."
    assert Twice(2)(ndl.ones(1, 2, 2)).item() == 2
    assert list(inspect.signature(nn.MaxPool2d).parameters) == ["kernel_size", "stride", "padding", "dilation", "return_indices", "ceil_mode"]
