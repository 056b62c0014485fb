"""Layers for images against torch: what they print, hold, draw, compute, learn and refuse, with arguments chosen at random."""

import random
import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tests.parity.both import BOTH, agree, plain
from tests.parity.same import array, check, same, same_error

RNG = np.random.default_rng(0)
pick = random.Random(0)


def layer(m, name, args, options, dtype="float64"):
    """The layer `name` of module `m`, from a fixed seed, its parameters moved away from 0 and 1."""
    m.manual_seed(3)
    made = getattr(m.nn, name)(*args, **options)
    if dtype == "float64":
        made = made.double()
    rng = np.random.default_rng(5)
    with m.no_grad():
        for p in made.parameters():
            p += m.from_numpy(rng.standard_normal(tuple(p.shape)).astype(dtype))
    return made


def described(m, name, args, options):
    m.manual_seed(3)
    made = getattr(m.nn, name)(*args, **options)
    return repr(made), [(k, tuple(v.shape), plain(str(v.dtype))) for k, v in made.state_dict().items()]


def compare(name, args, options, *data, second=False):
    """One layer on both: what it prints, its state dict, starting values, output, gradients, statistics, evaluation."""
    agree(lambda m: described(m, name, args, options))
    fresh = []
    for m in BOTH:
        m.manual_seed(3)
        fresh.append(list(getattr(m.nn, name)(*args, **options).state_dict().values()))
    check(fresh[1], fresh[0], f"{name}{args}{options}: starting values")

    def run(m, *tensors):
        made = layer(m, name, args, options)
        parameters = list(made.parameters())
        m.manual_seed(7)  # for what is random
        out = made(*tensors)
        seed = np.random.default_rng(9).standard_normal
        outs = out if isinstance(out, tuple) else (out,)
        smooth = [o for o in outs if o.requires_grad]
        grads = m.autograd.grad(smooth, parameters, [m.from_numpy(seed(tuple(o.shape))) for o in smooth],
                                retain_graph=True) if parameters and smooth else ()
        before = [b.detach().clone() for b in made.buffers()]
        evaluated = made.eval()(*[t.detach() for t in tensors])
        again = made.train()(*[t.detach() * 2 for t in tensors])
        return [*outs, *[g.detach() for g in grads], *before, *made.buffers(),
                *[o.detach() for r in (evaluated, again) for o in (r if isinstance(r, tuple) else (r,))]]

    same(run, *data, second=second)


# --- convolution ------------------------------------------------------------------------------------------------------


def several(dims, low, high):
    """One number for all dimensions, or one for each."""
    return pick.randint(low, high) if pick.random() < 0.5 else tuple(pick.randint(low, high) for _ in range(dims))


def numbers(value, dims):
    return value if isinstance(value, tuple) else (value,) * dims


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_convolutions(dims):
    for case in range(14 if dims < 3 else 6):
        groups = pick.choice([1, 1, 2])
        channels = groups * pick.randint(1, 2), groups * pick.randint(1, 2)
        options = {"kernel_size": several(dims, 1, 3), "dilation": several(dims, 1, 2), "groups": groups,
                   "bias": pick.random() < 0.7, "padding_mode": pick.choice(["zeros", "zeros", "reflect", "replicate", "circular"])}
        if case % 3 == 0:
            options["padding"] = pick.choice(["same", "valid"])
        else:
            options |= {"stride": several(dims, 1, 2), "padding": several(dims, 0, 2)}
        size = tuple(pick.randint(5, 7) for _ in range(dims))
        batch = pick.choice([(), (1,), (2,)])
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Using padding='same' with even")  # torch's
            compare(f"Conv{dims}d", channels, options, array(RNG, (*batch, channels[0], *size)))


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_transposed_convolutions(dims):
    for _ in range(10 if dims < 3 else 4):
        groups = pick.choice([1, 1, 2])
        channels = groups * pick.randint(1, 2), groups * pick.randint(1, 2)
        stride = several(dims, 1, 3)
        options = {"kernel_size": several(dims, 2, 3), "stride": stride, "padding": several(dims, 0, 1),
                   "output_padding": tuple(pick.randint(0, s - 1) for s in numbers(stride, dims)), "groups": groups,
                   "bias": pick.random() < 0.7, "dilation": pick.choice([1, 2])}
        shape = (*pick.choice([(), (2,)]), channels[0], *(pick.randint(2, 4) for _ in range(dims)))
        compare(f"ConvTranspose{dims}d", channels, options, array(RNG, shape))

        # Every size that is possible, and two that are not.
        least = getattr(torch.nn, f"ConvTranspose{dims}d")(*channels, **options | {"output_padding": 0})(torch.ones(shape))
        least = tuple(least.shape)[-dims:]
        for extra in range(-1, max(numbers(stride, dims)) + 1):
            wanted = [n + min(extra, s - 1) if extra < s else n + extra for n, s in zip(least, numbers(stride, dims))]

            def sized(m, x, wanted=wanted):
                made = layer(m, f"ConvTranspose{dims}d", channels, options)
                assert made(x, output_size=wanted).shape == made(x, [*x.shape[:-dims], *wanted]).shape
                return made(x, output_size=wanted)

            if 0 <= extra < min(numbers(stride, dims)):
                same(sized, array(RNG, shape), second=False)
            elif extra < 0 or extra >= max(numbers(stride, dims)):
                same_error(sized, array(RNG, shape))
        same_error(lambda m, x: getattr(m.nn, f"ConvTranspose{dims}d")(*channels, **options).double()(x, [1] * 7), array(RNG, shape))


def test_what_convolutions_refuse():
    for call in (
        lambda nn: nn.Conv2d(3, 4, 3, groups=2),
        lambda nn: nn.Conv2d(4, 3, 3, groups=2),
        lambda nn: nn.Conv2d(4, 4, 3, groups=0),
        lambda nn: nn.Conv2d(4, 4, 3, padding="some"),
        lambda nn: nn.Conv2d(4, 4, 3, 2, padding="same"),
        lambda nn: nn.Conv2d(4, 4, 3, padding_mode="mirror"),
        lambda nn: nn.ConvTranspose2d(4, 4, 3, padding_mode="reflect"),
        lambda nn: nn.Conv2d(4, 4),
        lambda nn: nn.Conv2d(4, 4, 3, kernel=3),
    ):
        same_error(lambda m, call=call: call(m.nn))
    for call in (
        lambda m: m.nn.Conv2d(3, 4, 3)(m.ones(2, 4, 5, 5)),
        lambda m: m.nn.Conv2d(3, 4, 3)(m.ones(2, 3, 2, 2)),
        lambda m: m.nn.Conv2d(3, 4, 3)(m.ones(3, 5)),
        lambda m: m.nn.Conv2d(3, 4, 3)(m.ones(2, 3, 5, 5, dtype=m.float64)),
        lambda m: m.nn.Conv1d(3, 4, 3)(m.ones(2, 3, 5, 5)),
        lambda m: m.nn.ConvTranspose2d(3, 4, 3)(m.ones(2, 4, 5, 5)),
        lambda m: m.nn.ConvTranspose2d(3, 4, 3, 2, output_padding=2)(m.ones(2, 3, 5, 5)),
        lambda m: m.nn.Conv2d(3, 4, 3, padding=5, padding_mode="reflect")(m.ones(2, 3, 5, 5)),
    ):
        same_error(call)


def test_convolutions_made_by_hand():
    """As scripts do that want other weights: through `_ConvNd`, and through `_conv_forward`."""

    def run(m, x):
        conv = m.nn.modules.conv
        pair = m.nn.modules.utils._pair

        class Standardized(m.nn.Conv2d):
            def forward(self, x):
                w = self.weight - self.weight.mean((1, 2, 3), keepdim=True)
                return self._conv_forward(x, w, self.bias)

        class Own(conv._ConvNd):
            def __init__(self, ins, outs, size):
                super().__init__(ins, outs, pair(size), pair(1), pair(0), pair(1), False, pair(0), 1, True, "zeros")

            def forward(self, x):
                return m.nn.functional.conv2d(x, self.weight, self.bias, self.stride, self.padding)

        m.manual_seed(1)
        net = m.nn.Sequential(Standardized(2, 3, 3, padding=1, padding_mode="circular"), Own(3, 2, 2)).double()
        assert all(isinstance(c, conv._ConvNd) for c in net)
        return net(x)

    same(run, array(RNG, (2, 2, 5, 5)), second=False)


# --- normalization ----------------------------------------------------------------------------------------------------

SHAPES = {
    "BatchNorm1d": [(4, 3), (4, 3, 5)],
    "BatchNorm2d": [(4, 3, 2, 5)],
    "BatchNorm3d": [(4, 3, 2, 1, 5)],
    "SyncBatchNorm": [(4, 3), (4, 3, 2), (4, 3, 2, 2)],
    "InstanceNorm1d": [(4, 3, 5), (3, 5)],
    "InstanceNorm2d": [(4, 3, 2, 5), (3, 2, 5)],
    "InstanceNorm3d": [(4, 3, 2, 1, 5), (3, 2, 1, 5)],
}


@pytest.mark.parametrize("name", SHAPES)
def test_norms_with_statistics(name):
    for shape in SHAPES[name]:
        for options in (
            {},
            {"affine": False},
            {"affine": True, "bias": False},
            {"affine": True, "track_running_stats": True, "momentum": 0.3, "eps": 1e-3},
            {"track_running_stats": True, "momentum": None},
            {"track_running_stats": False},
            {"affine": False, "track_running_stats": False},
        ):
            compare(name, (3,), options, array(RNG, shape) * 3 + 1)


def test_statistics_over_many_steps():
    for name in ("BatchNorm2d", "InstanceNorm2d"):
        for momentum in (0.1, None, 1.0):
            batches = [array(RNG, (3, 2, 2, 3), "float32") * (i + 1) + i for i in range(4)]

            def run(m, *batches):
                made = getattr(m.nn, name)(2, momentum=momentum, track_running_stats=True)
                kept = made.state_dict()
                for i, batch in enumerate(batches):
                    made.train(i != 2)(batch)
                held = made.state_dict()
                assert all(held[k].data_ptr() == kept[k].data_ptr() for k in kept)
                made.eval()
                out = made(batches[0])
                made.reset_running_stats()
                return out, *kept.values(), *made.buffers()

            same(run, *batches, grad=False)


def test_what_norms_refuse():
    for name, good in SHAPES.items():
        for shape in ((), (3,), (4, 3), (4, 3, 5), (4, 3, 5, 5), (4, 3, 5, 5, 5), (4, 3, 5, 5, 5, 5)):
            if len(shape) not in {len(s) for s in good} and not (name == "SyncBatchNorm" and len(shape) > 1):
                same_error(lambda m: getattr(m.nn, name)(3)(m.ones(shape)))
        if name.startswith(("Batch", "Sync")):
            same_error(lambda m: getattr(m.nn, name)(4)(m.ones(good[0])))
            same_error(lambda m: getattr(m.nn, name)(3)(m.ones((1, 3) + (1,) * (len(good[0]) - 2))))
        else:
            same_error(lambda m: getattr(m.nn, name)(4, affine=True)(m.ones(good[0])))
            same_error(lambda m: getattr(m.nn, name)(3)(m.ones((2, 3) + (1,) * (len(good[0]) - 2))))
            for m in BOTH:
                with pytest.warns(UserWarning, match="does not match num_features"):
                    getattr(m.nn, name)(4)(m.ones(good[0]))
    same_error(lambda m: m.nn.modules.batchnorm._NormBase(3)._check_input_dim(m.ones(3)))


def test_batch_norm_loads_old_state_dicts():
    def run(m):
        net = m.nn.Sequential(m.nn.BatchNorm1d(2), m.nn.InstanceNorm1d(2, track_running_stats=True))
        state = {k: v + 5 for k, v in net.state_dict().items() if "num_batches" not in k}
        told = [repr(net.load_state_dict(state))]
        state = net.state_dict()
        told.append([(k, v["version"]) for k, v in state._metadata.items()])
        del state["0.num_batches_tracked"]
        try:
            net.load_state_dict(state)
        except RuntimeError as error:
            told.append("0.num_batches_tracked" in str(error))
        return told, [v.tolist() for v in net.state_dict().values()]

    agree(run)


def test_converting_to_sync_batch_norm():
    def run(m, x):
        net = m.nn.Sequential(m.nn.Conv2d(2, 3, 2), m.nn.Sequential(m.nn.BatchNorm2d(3), m.nn.ReLU())).double()
        net[1][0].weight.data.fill_(2)
        weight, mean = net[1][0].weight, net[1][0].running_mean
        m.manual_seed(0)
        net[0].reset_parameters()
        net = m.nn.SyncBatchNorm.convert_sync_batchnorm(net)
        assert type(net[1][0]) is m.nn.SyncBatchNorm
        assert net[1][0].weight is weight and net[1][0].running_mean is mean
        assert type(m.nn.SyncBatchNorm.convert_sync_batchnorm(m.nn.BatchNorm1d(2).eval())) is m.nn.SyncBatchNorm
        return net(x), *net.buffers()

    same(run, array(RNG, (2, 2, 4, 4)), second=False)
    agree(lambda m: repr(m.nn.SyncBatchNorm.convert_sync_batchnorm(m.nn.Sequential(m.nn.BatchNorm2d(3, affine=False), m.nn.Tanh()))))


def test_norms_within_samples():
    for shape in (5, (5,), [3, 5], (2, 3, 5)):
        for options in ({}, {"elementwise_affine": False}, {"eps": 0.1}):
            for name in ("LayerNorm", "RMSNorm"):
                compare(name, (shape,), options, array(RNG, (2, 3, 5)))
        compare("LayerNorm", (shape,), {"bias": False}, array(RNG, (2, 3, 5)))
        compare("LayerNorm", (shape,), {"elementwise_affine": False, "bias": False}, array(RNG, (2, 3, 5)))
    for groups in (1, 2, 6):
        for shape in ((2, 6), (2, 6, 3), (2, 6, 3, 2), (1, 6, 2, 2, 2)):
            for options in ({}, {"affine": False}, {"bias": False}, {"eps": 0.1}):
                if shape != (2, 6) or groups < 6:
                    compare("GroupNorm", (groups, 6), options, array(RNG, shape))
    for name, shape in (("LocalResponseNorm", (2, 6, 3, 2)), ("LocalResponseNorm", (2, 6, 3)), ("CrossMapLRN2d", (2, 2, 3, 2))):
        for options in ({}, {"alpha": 0.5, "beta": 0.6, "k": 2.0}):
            agree(lambda m: repr(getattr(m.nn, name)(3, **options)))
            # torch's CrossMapLRN2d never lets go of channel 0, and its gradient is not its derivative: compare little
            same(lambda m, x: getattr(m.nn, name)(3, **options)(x), array(RNG, shape), grad=name == "LocalResponseNorm", second=False)
    for call in (
        lambda m: m.nn.GroupNorm(4, 6),
        lambda m: m.nn.GroupNorm(3, 6)(m.ones(2, 9, 4)),
        lambda m: m.nn.LayerNorm(3)(m.ones(2, 4)),
        lambda m: m.nn.LayerNorm((2, 3))(m.ones(3)),
        lambda m: m.nn.RMSNorm(3)(m.ones(2, 4)),
        lambda m: m.nn.CrossMapLRN2d(3)(m.ones(2, 3, 4)),
        lambda m: m.nn.LocalResponseNorm(3)(m.ones(2, 3)),
    ):
        same_error(call)


# --- pooling, padding, and layers that move elements about ------------------------------------------------------------


def spots(shape):
    """Values without ties."""
    return RNG.permutation(int(np.prod(shape))).reshape(shape) / 7.0


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_pooling(dims):
    size = (7, 6, 5)[:dims]
    for batch in ((), (2,)):
        shape = (*batch, 2, *size)
        for _ in range(4):
            windows = {"kernel_size": several(dims, 2, 3)}
            if pick.random() < 0.6:
                windows["stride"] = several(dims, 1, 3)
            bounds = windows | {"ceil_mode": pick.random() < 0.5, "padding": several(dims, 0, 1)}
            compare(f"MaxPool{dims}d", (), bounds | {"dilation": pick.choice([1, 2]), "return_indices": pick.random() < 0.5}, spots(shape))
            divisor = {"divisor_override": pick.choice([None, 3])} if dims > 1 else {}
            compare(f"AvgPool{dims}d", (), bounds | divisor | {"count_include_pad": pick.random() < 0.5}, array(RNG, shape))
            simple = windows if dims > 1 else {"kernel_size": 2}  # torch takes no tuple there
            compare(f"LPPool{dims}d", (pick.choice([1, 2, 3.0]),), simple, array(RNG, shape, low=0.5, high=2.0))
            output = pick.choice([pick.randint(1, 5), tuple(pick.choice([None, 1, 2, 3]) for _ in range(dims))])
            if dims == 1 and output == (None,):
                output = 3
            compare(f"AdaptiveAvgPool{dims}d", (output,), {}, array(RNG, shape))
            compare(f"AdaptiveMaxPool{dims}d", (output,), {"return_indices": pick.random() < 0.5}, spots(shape))

        def unpooled(m, x, output_size=None):
            values, where = getattr(m.nn, f"MaxPool{dims}d")(2, 2, return_indices=True)(x)
            return getattr(m.nn, f"MaxUnpool{dims}d")(2, 2)(values, where, output_size=output_size)

        same(lambda m, x: unpooled(m, x, x.shape[-dims:]), spots(shape), second=False)
        same(unpooled, spots((*batch, 2, *(6, 4, 2)[:dims])), second=False)
        agree(lambda m: repr(getattr(m.nn, f"MaxUnpool{dims}d")(2, padding=1)))
        if dims > 1:
            for options in ({"output_size": 2}, {"output_ratio": 0.5}, {"output_size": (2,) * dims, "return_indices": True},
                            {"output_ratio": (0.6, 0.5, 0.4)[:dims]}):
                compare(f"FractionalMaxPool{dims}d", (2,), options, spots(shape))


def test_what_pooling_refuses():
    for call in (
        lambda m: m.nn.FractionalMaxPool2d(2),
        lambda m: m.nn.FractionalMaxPool2d(2, 3, 0.5),
        lambda m: m.nn.FractionalMaxPool2d(2, output_ratio=1.5),
        lambda m: m.nn.FractionalMaxPool3d(0, output_ratio=0.5),
        lambda m: m.nn.MaxPool2d(),
        lambda m: m.nn.AvgPool1d(2, divisor_override=3),
        lambda m: m.nn.MaxPool2d(3)(m.ones(1, 1, 2, 2)),
        lambda m: m.nn.MaxPool2d(3)(m.ones(4, 4)),
        lambda m: m.nn.AvgPool2d(2, padding=2)(m.ones(1, 4, 4)),
        lambda m: m.nn.AdaptiveAvgPool2d(2)(m.ones(4, 4)),
    ):
        same_error(call)


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_padding(dims):
    for batch in ((), (2,)):
        shape = (*batch, 2, *(4, 5, 6)[:dims])
        for sides in (1, tuple(pick.randint(0, 3) for _ in range(2 * dims)), tuple(pick.randint(0, 2) for _ in range(2 * dims))):
            for kind in ("Reflection", "Replication", "Circular", "Zero"):
                compare(f"{kind}Pad{dims}d", (sides,), {}, array(RNG, shape))
            compare(f"ConstantPad{dims}d", (sides, 2.5), {}, array(RNG, shape))
        compare(f"ZeroPad{dims}d", ((-1,) * (2 * dims),), {}, array(RNG, shape))
        compare(f"ConstantPad{dims}d", ((-1, 2) * dims, 1), {}, array(RNG, shape))
    for m in BOTH:
        assert isinstance(getattr(m.nn, f"ZeroPad{dims}d")(1), getattr(m.nn, f"ConstantPad{dims}d"))
    same_error(lambda m: getattr(m.nn, f"CircularPad{dims}d")(1)(m.ones((3,) * dims)))
    same_error(lambda m: getattr(m.nn, f"ReflectionPad{dims}d")(3)(m.ones((3,) * (dims + 1))))
    same_error(lambda m: getattr(m.nn, f"ConstantPad{dims}d")(3))


def test_layers_that_move_elements_about():
    compare("PixelShuffle", (2,), {}, array(RNG, (2, 8, 3, 2)))
    compare("PixelUnshuffle", (2,), {}, array(RNG, (3, 4, 6)))
    compare("ChannelShuffle", (3,), {}, array(RNG, (2, 6, 3, 2)))
    for options in ({"kernel_size": 2}, {"kernel_size": (2, 3), "dilation": 2, "padding": (1, 2), "stride": (1, 2)}):
        compare("Unfold", (), options, array(RNG, (2, 3, 5, 6)))
        columns = torch.nn.Unfold(**options)(torch.ones(2, 3, 5, 6)).shape
        compare("Fold", ((5, 6),), options, array(RNG, tuple(columns)))
    for args, options in (
        ((), {"scale_factor": 2}),
        ((), {"scale_factor": (2, 1.5)}),
        ((5,), {}),
        (((5, 4),), {"mode": "bilinear"}),
        ((), {"scale_factor": 2, "mode": "bilinear", "align_corners": True}),
        ((), {"scale_factor": 1.7, "mode": "bicubic", "recompute_scale_factor": True}),
        ((), {"scale_factor": 0.5, "mode": "area"}),
    ):
        compare("Upsample", args, options, array(RNG, (2, 3, 4, 5)))
    compare("Upsample", (), {"scale_factor": 2, "mode": "linear"}, array(RNG, (2, 3, 4)))
    compare("Upsample", ((3, 5, 2),), {"mode": "trilinear"}, array(RNG, (2, 3, 2, 2, 2)))
    for name in ("UpsamplingNearest2d", "UpsamplingBilinear2d"):
        compare(name, (), {"scale_factor": 2}, array(RNG, (2, 3, 2, 4)))
        compare(name, ((3, 5),), {}, array(RNG, (2, 3, 2, 4)))
    for call in (
        lambda m: m.nn.PixelShuffle(2)(m.ones(3, 2, 2)),
        lambda m: m.nn.Upsample()(m.ones(1, 1, 2, 2)),
        lambda m: m.nn.Upsample(scale_factor=2, mode="linear")(m.ones(1, 1, 2, 2)),
        lambda m: m.nn.ChannelShuffle(2)(m.ones(1, 3, 2)),
        lambda m: m.nn.Fold(3, 2)(m.ones(1, 4, 5)),
    ):
        same_error(call)


# --- where torch keeps them -------------------------------------------------------------------------------------------


def test_module_paths():
    for path in (
        "conv.Conv2d", "conv._ConvNd", "conv._ConvTransposeNd", "conv.ConvTranspose3d", "conv.LazyConv2d", "batchnorm.BatchNorm1d",
        "batchnorm._BatchNorm", "batchnorm._NormBase", "batchnorm.SyncBatchNorm", "batchnorm.LazyBatchNorm2d", "instancenorm._InstanceNorm",
        "instancenorm.InstanceNorm2d", "normalization.LayerNorm", "normalization.GroupNorm", "pooling._MaxPoolNd", "pooling.MaxPool2d",
        "pooling._AvgPoolNd", "pooling.AdaptiveAvgPool2d", "pooling._AdaptiveAvgPoolNd", "padding.ZeroPad2d", "padding._ConstantPadNd",
        "padding._ReflectionPadNd", "pixelshuffle.PixelShuffle", "channelshuffle.ChannelShuffle", "upsampling.Upsample", "fold.Unfold",
        "lazy.LazyModuleMixin", "linear.LazyLinear", "utils._pair", "utils._single", "utils._triple", "utils._quadruple", "utils._ntuple",
    ):
        file, name = path.split(".")
        for root in ("torch", "minitorch_ndl"):
            scope = {}
            exec(f"from {root}.nn.modules.{file} import {name}\nimport {root}.nn.modules.{file} as f", scope)
            assert scope[name] is getattr(scope["f"], name)
    for m in BOTH:
        assert m.nn.modules.Conv2d is m.nn.Conv2d is m.nn.modules.conv.Conv2d
        for name, base in (("BatchNorm2d", "batchnorm._BatchNorm"), ("InstanceNorm2d", "batchnorm._NormBase"), ("MaxPool2d", "pooling._MaxPoolNd"),
                           ("ReflectionPad2d", "padding._ReflectionPadNd"), ("ConvTranspose2d", "conv._ConvTransposeNd"), ("SyncBatchNorm", "batchnorm._BatchNorm")):
            file, base = base.split(".")
            assert issubclass(getattr(m.nn, name), getattr(getattr(m.nn.modules, file), base))


def test_tuples():
    def story(m):
        u = m.nn.modules.utils
        state = {"module.a.weight": 1, "module.b": 2, "c": 3}
        u.consume_prefix_in_state_dict_if_present(state, "module.")
        full = m.nn.Sequential(m.nn.Sequential(m.nn.Linear(1, 1))).state_dict()
        u.consume_prefix_in_state_dict_if_present(full, "0.")
        return (u._single(3), u._pair(3), u._pair((1, 2)), u._pair([1]), u._triple("x"), u._quadruple(0), u._ntuple(5)(1), u._ntuple(2).__name__,
                u._pair.__name__, u._reverse_repeat_tuple((1, 2), 2), u._list_with_default([None, 3], [7, 8, 9]), u._list_with_default(3, [1]),
                sorted(state), list(full), sorted(full._metadata))

    agree(story)
    same_error(lambda m: m.nn.modules.utils._list_with_default([1, 2], [1]))


def test_types_for_annotations():
    for m in BOTH:
        scope = {}
        exec(f"from {m.__name__}.nn.common_types import _size_1_t, _size_2_t, _size_3_opt_t, _size_any_t, _ratio_2_t, _maybe_indices_t", scope)
        assert isinstance(3, scope["_size_any_t"].__args__[0])
