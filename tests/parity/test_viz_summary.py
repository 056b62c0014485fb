"""`summary` counts the multiply-adds that PyTorch's own counter does, and the same parameters and shapes."""

import pytest

torch = pytest.importorskip("torch")
import numpy as np
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

import minitorch_ndl as ndl


def perceptron(nn):
    return nn.Sequential(nn.Flatten(), nn.Linear(48, 20), nn.Tanh(), nn.Linear(20, 5, bias=False)), (7, 3, 16)


def convolutions(nn):
    return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
                         nn.Conv2d(8, 8, 3, groups=8, padding=2, dilation=2), nn.Conv2d(8, 12, 1, stride=2), nn.GroupNorm(3, 12),
                         nn.AdaptiveAvgPool2d(2), nn.ConvTranspose2d(12, 4, 3, stride=2, padding=1, output_padding=1), nn.Flatten(),
                         nn.LazyLinear(10)), (5, 3, 16, 16)


def one_dimension(nn):
    return nn.Sequential(nn.Conv1d(4, 6, 5, stride=2), nn.ConvTranspose1d(6, 4, 3), nn.GELU(), nn.Conv1d(4, 4, 1)), (3, 4, 21)


def transformer(nn):
    layer = nn.TransformerEncoderLayer(16, 4, 32, dropout=0.0, batch_first=True)
    return nn.Sequential(nn.Embedding(11, 16), nn.TransformerEncoder(layer, 2, enable_nested_tensor=False), nn.Linear(16, 11)), (3, 9)


def residual(nn):
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.norm = nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4)

        def forward(self, x):
            return x + self.norm(self.conv(self.norm(self.conv(x)).relu()))

    return nn.Sequential(Block(), Block()), (2, 4, 6, 6)


@pytest.mark.parametrize("make", [perceptron, convolutions, one_dimension, transformer, residual])
def test_multiply_adds_parameters_and_shapes(make):
    model, size = make(ndl.nn)
    kind = ndl.int64 if make is transformer else None
    info = ndl.summary(model, size, dtypes=kind)
    theirs, _ = make(torch.nn)
    theirs.train()  # in evaluation its transformer takes a path that its counter does not see
    x = torch.zeros(size, dtype=torch.int64) if kind else torch.from_numpy(np.ones(size, "float32"))
    shapes = {}
    for name, module in theirs.named_modules():
        module.register_forward_hook(lambda m, a, out, name=name: shapes.__setitem__(name, out))
    theirs(x)  # lazy layers
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:  # it does not know the CPU's faster one
        theirs(x)
    assert 2 * info.mult_adds == counter.get_total_flops()
    assert info.total_params == sum(p.numel() for p in theirs.parameters())
    assert info.buffer_bytes == sum(b.nbytes for b in theirs.buffers())
    for row in info.rows:
        if row.calls and torch.is_tensor(shapes[row.path]):
            assert row.output == [tuple(shapes[row.path].shape)]
