"""The course's modules. Weights are (in, out), images are NCHW, and kernels (K, K, in, out), as the course has them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..nn import functional
from . import init, ops
from .autograd import Op, Tensor


class Parameter(Tensor):
    """A Tensor that a module's `parameters` finds."""


def _found(value: Any, kind: type) -> Iterator[Any]:
    """Everything of this kind in what a module holds: also in its lists, tuples, dicts and modules."""
    if isinstance(value, kind):
        yield value
    if isinstance(value, Module):
        value = value.__dict__
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, (list, tuple)):
        return
    for part in value:
        yield from _found(part, kind)


class Module:
    """What has parameters, and a `forward` that calling it runs."""

    def __init__(self) -> None:
        self.training = True

    def parameters(self) -> list[Tensor]:
        """Those of the module and of all modules in it."""
        return list(dict.fromkeys(_found(self, Parameter)))

    def _children(self) -> list[Module]:
        return list(dict.fromkeys(m for m in _found(self, Module) if m is not self))

    def train(self) -> None:
        """Dropout drops, and batch norm takes the batch's statistics: in this module and those in it."""
        for module in [self, *self._children()]:
            module.training = True

    def eval(self) -> None:
        """The opposite of `train`."""
        for module in [self, *self._children()]:
            module.training = False

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} has no forward")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.forward(*args, **kwargs)


class Identity(Module):
    """Gives back what it gets."""

    def forward(self, x: Tensor) -> Tensor:
        return x


class Linear(Module):
    """x @ weight + bias.

    weight  (in_features, out_features), kaiming uniform
    bias    (1, out_features)

    >>> needle.nn.Linear(5, 3)(needle.init.ones(2, 5)).shape
    Size([2, 3])
    """

    def __init__(self, in_features: int, out_features: int, bias: bool = True, device: Any = None, dtype: Any = "float32"):
        super().__init__()
        self.in_features, self.out_features = in_features, out_features
        self.weight = Parameter(init.kaiming_uniform(in_features, out_features), device=device, dtype=dtype)
        self.bias = Parameter(init.kaiming_uniform(out_features, 1).numpy().reshape(1, out_features), device=device,
                              dtype=dtype) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        out = ops.matmul(x, self.weight)
        return out if self.bias is None else ops.add(out, ops.broadcast_to(self.bias, out.shape))


class Flatten(Module):
    """(N, ...) to (N, all of the rest)."""

    def forward(self, x: Tensor) -> Tensor:
        return ops.reshape(x, (x.shape[0], math.prod(x.shape[1:])))


class ReLU(Module):
    """max(x, 0)"""

    def forward(self, x: Tensor) -> Tensor:
        return ops.relu(x)


class Tanh(Module):
    """The hyperbolic tangent."""

    def forward(self, x: Tensor) -> Tensor:
        return ops.tanh(x)


class Sigmoid(Module):
    """1 / (1 + exp(-x))"""

    def forward(self, x: Tensor) -> Tensor:
        return _sigmoid(x)


class Sequential(Module):
    """Modules one after another."""

    def __init__(self, *modules: Module):
        super().__init__()
        self.modules = modules

    def forward(self, x: Tensor) -> Tensor:
        for module in self.modules:
            x = module(x)
        return x


class Residual(Module):
    """fn(x) + x"""

    def __init__(self, fn: Callable):
        super().__init__()
        self.fn = fn

    def forward(self, x: Tensor) -> Tensor:
        return ops.add(self.fn(x), x)


class SoftmaxLoss(Module):
    """Mean over the batch of log Σ exp(z) - z[y], for scores (N, K) and labels (N,).

    >>> round(float(needle.nn.SoftmaxLoss()(needle.init.zeros(2, 10), needle.Tensor([3, 4])).numpy()), 6)
    2.302585
    """

    def forward(self, logits: Tensor, y: Tensor) -> Tensor:
        n, classes = logits.shape
        chosen = ops.multiply(logits, init.one_hot(classes, y, dtype=logits.dtype))
        per_sample = ops.add(ops.logsumexp(logits, (1,)), ops.negate(ops.summation(chosen, (1,))))
        return ops.divide_scalar(ops.summation(per_sample), n)


class LayerNorm1d(Module):
    """Each row of (N, dim) to mean 0 and variance 1, then scaled by weight and shifted by bias, (dim,) each."""

    def __init__(self, dim: int, eps: float = 1e-5, device: Any = None, dtype: Any = "float32"):
        super().__init__()
        self.dim, self.eps = dim, eps
        self.weight, self.bias = _ones_and_zeros(dim, device, dtype)

    def forward(self, x: Tensor) -> Tensor:
        return Op("LayerNorm", lambda x, w, b: functional.layer_norm(x, (self.dim,), w, b, self.eps))(
            x, self.weight, self.bias)


class BatchNorm1d(Module):
    """Each column of (N, dim) to mean 0 and variance 1 over the batch, scaled and shifted.

    In training the batch's statistics serve, and running_mean and running_var become (1 - momentum) times what they
    were plus momentum times the batch's (both of them over N); in evaluation those two serve.
    """

    def __init__(self, dim: int, eps: float = 1e-5, momentum: float = 0.1, device: Any = None, dtype: Any = "float32"):
        super().__init__()
        self.dim, self.eps, self.momentum = dim, eps, momentum
        self.weight, self.bias = _ones_and_zeros(dim, device, dtype)
        self.running_mean = init.zeros(dim, device=device, dtype=dtype)
        self.running_var = init.ones(dim, device=device, dtype=dtype)

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return Op("BatchNorm", lambda x, w, b: functional.batch_norm(
                x, self.running_mean, self.running_var, w, b, False, 0.0, self.eps))(x, self.weight, self.bias)
        array = x.numpy()
        for running, batch in ((self.running_mean, array.mean(0)), (self.running_var, array.var(0))):
            running.data = _like(running, (1 - self.momentum) * running.numpy() + self.momentum * batch)
        return Op("BatchNorm", lambda x, w, b: functional.batch_norm(x, None, None, w, b, True, 0.0, self.eps))(
            x, self.weight, self.bias)


class BatchNorm2d(BatchNorm1d):
    """`BatchNorm1d` over the channels of (N, C, H, W)."""

    def forward(self, x: Tensor) -> Tensor:
        n, c, h, w = x.shape
        rows = ops.reshape(_channels_last(x), (n * h * w, c))
        return _channels_first(ops.reshape(super().forward(rows), (n, h, w, c)))


class Dropout(Module):
    """In training, each element becomes 0 with probability p, and the others are divided by 1 - p."""

    def __init__(self, p: float = 0.5):
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        mask = init.randb(*x.shape, p=1 - self.p, dtype=x.dtype)
        return ops.divide_scalar(ops.multiply(x, mask), 1 - self.p)


class Conv(Module):
    """Convolution of (N, C, H, W) with square kernels, padded so that stride 1 keeps H and W.

    weight  (kernel_size, kernel_size, in_channels, out_channels), kaiming uniform
    bias    (out_channels,), uniform within ± 1 / √(in_channels kernel_size²)
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, stride: int = 1, bias: bool = True,
                 device: Any = None, dtype: Any = "float32"):
        super().__init__()
        self.kernel_size, self.stride = (s[0] if isinstance(s, tuple) else s for s in (kernel_size, stride))
        self.in_channels, self.out_channels = in_channels, out_channels
        k, area = self.kernel_size, self.kernel_size ** 2
        self.weight = Parameter(init.kaiming_uniform(in_channels * area, out_channels * area,
                                                     shape=(k, k, in_channels, out_channels)), device=device, dtype=dtype)
        bound = 1 / math.sqrt(in_channels * area)
        self.bias = _uniform(out_channels, bound=bound, device=device, dtype=dtype) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        out = ops.conv(_channels_last(x), self.weight, self.stride, self.kernel_size // 2)
        if self.bias is not None:
            out = ops.add(out, ops.broadcast_to(self.bias, out.shape))
        return _channels_first(out)


class Embedding(Module):
    """Rows of `weight`, (num_embeddings, embedding_dim), normal at first; for indices (T, N): (T, N, embedding_dim)."""

    def __init__(self, num_embeddings: int, embedding_dim: int, device: Any = None, dtype: Any = "float32"):
        super().__init__()
        self.num_embeddings, self.embedding_dim = num_embeddings, embedding_dim
        self.weight = Parameter(init.randn(num_embeddings, embedding_dim), device=device, dtype=dtype)

    def forward(self, x: Tensor) -> Tensor:
        rows = Tensor(x.numpy().astype(np.int64), requires_grad=False)
        return Op("Embedding", lambda weight: functional.embedding(rows, weight))(self.weight)


class RNNCell(Module):
    """h' = tanh(X W_ih + bias_ih + h W_hh + bias_hh), or relu of it. X: (N, input_size), h: (N, hidden_size) or None.

    All parameters are uniform within ± 1 / √hidden_size at first.
    """

    gates = 1

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, nonlinearity: str = "tanh", device: Any = None,
                 dtype: Any = "float32"):
        super().__init__()
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"{type(self).__name__}: nonlinearity must be 'tanh' or 'relu'; got {nonlinearity!r}")
        self.input_size, self.hidden_size, self.nonlinearity = input_size, hidden_size, nonlinearity
        kwargs = {"bound": 1 / math.sqrt(hidden_size), "device": device, "dtype": dtype}
        width = self.gates * hidden_size
        self.W_ih = _uniform(input_size, width, **kwargs)
        self.W_hh = _uniform(hidden_size, width, **kwargs)
        self.bias_ih = _uniform(width, **kwargs) if bias else None
        self.bias_hh = _uniform(width, **kwargs) if bias else None

    def _mixed(self, X: Tensor, h: Tensor) -> Tensor:
        out = ops.add(ops.matmul(X, self.W_ih), ops.matmul(h, self.W_hh))
        for bias in (self.bias_ih, self.bias_hh):
            if bias is not None:
                out = ops.add(out, ops.broadcast_to(bias, out.shape))
        return out

    def _zeros(self, X: Tensor) -> Tensor:
        return init.zeros(X.shape[0], self.hidden_size, dtype=X.dtype)

    def forward(self, X: Tensor, h: Any = None) -> Any:
        out = self._mixed(X, self._zeros(X) if h is None else h)
        return ops.tanh(out) if self.nonlinearity == "tanh" else ops.relu(out)


class LSTMCell(RNNCell):
    """As torch's, its gates in the order i, f, g, o: W_ih is (input_size, 4 hidden_size). h: (h, c), or None for zeros.

    Returns (h', c').
    """

    gates = 4

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = "float32"):
        super().__init__(input_size, hidden_size, bias, device=device, dtype=dtype)

    def forward(self, X: Tensor, h: Any = None) -> Any:
        h, c = (self._zeros(X), self._zeros(X)) if h is None else h
        mixed = ops.reshape(self._mixed(X, h), (X.shape[0], 4, self.hidden_size))
        i, f, g, o = ops.split(mixed, 1)
        c = ops.add(ops.multiply(_sigmoid(f), c), ops.multiply(_sigmoid(i), ops.tanh(g)))
        return ops.multiply(_sigmoid(o), ops.tanh(c)), c


class RNN(Module):
    """Layers of `RNNCell` over a sequence.

    X   (T, N, input_size)
    h0  (num_layers, N, hidden_size), or None for zeros

    Returns the last layer's states (T, N, hidden_size), and all layers' last ones (num_layers, N, hidden_size).
    """

    def __init__(self, input_size: int, hidden_size: int, num_layers: int = 1, bias: bool = True, nonlinearity: str = "tanh",
                 device: Any = None, dtype: Any = "float32"):
        super().__init__()
        self.rnn_cells = [RNNCell(input_size if i == 0 else hidden_size, hidden_size, bias, nonlinearity, device, dtype)
                          for i in range(num_layers)]

    def forward(self, X: Tensor, h0: Tensor | None = None) -> tuple[Tensor, Tensor]:
        states: Any = [None] * len(self.rnn_cells) if h0 is None else ops.split(h0, 0)
        steps, last = list(ops.split(X, 0)), []
        for cell, h in zip(self.rnn_cells, states, strict=True):
            for t, x in enumerate(steps):
                steps[t] = h = cell(x, h)
            last.append(h)
        return ops.stack(steps, 0), ops.stack(last, 0)


class LSTM(Module):
    """Layers of `LSTMCell` over a sequence, as `RNN`; h is (h0, c0), and it returns (out, (h_n, c_n))."""

    def __init__(self, input_size: int, hidden_size: int, num_layers: int = 1, bias: bool = True, device: Any = None,
                 dtype: Any = "float32"):
        super().__init__()
        self.lstm_cells = [LSTMCell(input_size if i == 0 else hidden_size, hidden_size, bias, device, dtype)
                           for i in range(num_layers)]

    def forward(self, X: Tensor, h: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        states = [None] * len(self.lstm_cells) if h is None else list(zip(*(ops.split(s, 0) for s in h), strict=True))
        steps, last = list(ops.split(X, 0)), []
        for cell, state in zip(self.lstm_cells, states, strict=True):
            for t, x in enumerate(steps):
                state = cell(x, state)
                steps[t] = state[0]
            last.append(state)
        h_n, c_n = (ops.stack(part, 0) for part in zip(*last, strict=True))
        return ops.stack(steps, 0), (h_n, c_n)


# --- what several of them need --------------------------------------------------------------------------------------


def _sigmoid(x: Tensor) -> Tensor:
    return Op("Sigmoid", functional.sigmoid, floats=True)(x)


def _ones_and_zeros(dim: int, device: Any, dtype: Any) -> tuple[Parameter, Parameter]:
    return (Parameter(np.ones(dim), device=device, dtype=dtype), Parameter(np.zeros(dim), device=device, dtype=dtype))


def _uniform(*shape: int, bound: float, device: Any, dtype: Any) -> Parameter:
    return Parameter(init.rand(*shape, low=-bound, high=bound), device=device, dtype=dtype)


def _like(tensor: Tensor, array: np.ndarray) -> Tensor:
    return Tensor(array, dtype=tensor.dtype, requires_grad=False)


def _channels_last(x: Tensor) -> Tensor:
    return ops.transpose(ops.transpose(x, (1, 2)), (2, 3))


def _channels_first(x: Tensor) -> Tensor:
    return ops.transpose(ops.transpose(x, (2, 3)), (1, 2))


__all__ = ["BatchNorm1d", "BatchNorm2d", "Conv", "Dropout", "Embedding", "Flatten", "Identity", "LSTM", "LSTMCell",
           "LayerNorm1d", "Linear", "Module", "Parameter", "RNN", "RNNCell", "ReLU", "Residual", "Sequential", "Sigmoid",
           "SoftmaxLoss", "Tanh"]
