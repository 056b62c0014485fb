"""Random tensors: for the same seed, those that PyTorch draws on the CPU. The drawing itself is in `random.py`.

https://pytorch.org/docs/stable/torch.html#random-sampling
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import backend, random as streams
from ..composite import composite, face
from ..faces import F, deliver
from ..op import op
from ..random import Generator, default_generator
from ..tensor import Tensor, wrap
from .creation import order_of, place_of, shape_of, target_dtype
from .data import made, number_of, wanted_dtype

Draw = Callable[[Generator, tuple, np.dtype], np.ndarray]

for _name in ("manual_seed", "seed", "initial_seed", "get_rng_state", "set_rng_state"):
    face(_name)(getattr(streams, _name))
face("Generator")(Generator)
face("default_generator")(default_generator)
Generator._tensor = staticmethod(wrap)


def stream(generator: Any) -> Generator:
    """The generator to draw from: the default one, if none was given."""
    if generator is not None and not isinstance(generator, Generator):
        raise TypeError(f"argument 'generator' must be Generator, not {type(generator).__name__}; "
                        f"ndl.Generator().manual_seed(0) makes one.")
    return generator or default_generator


# --- into a tensor that is there ------------------------------------------------------------------------------------


def fill(array: Any, generator: Generator | None, draw: Draw, scattered: Draw | None = None) -> Any:
    """A new array like this one, filled as torch fills: in the order in which elements lie in memory, and where they do
    not lie row by row, by `scattered`, if torch has a way of its own for that."""
    source = stream(generator)
    if type(array) is not np.ndarray:
        return backend.of_type(type(array)).from_numpy(draw(source, array.shape, array.dtype))
    if array.flags.c_contiguous:
        return draw(source, array.shape, array.dtype)
    order = sorted(range(array.ndim), key=lambda i: -array.strides[i])
    values = (scattered or draw)(source, tuple(array.shape[i] for i in order), array.dtype)
    return values.transpose(np.argsort(order))


def _zero(g: Any) -> Any:
    return F.zeroed(g)  # what was there before is gone


@op(input=_zero, on="in-place", out=False, inplace=True)
def uniform(xp, input, from_: float = 0.0, to: float = 1.0, *, generator: Any = None):
    """Uniform numbers from [from_, to)."""
    return fill(input, generator, lambda g, shape, dtype: g.uniform(shape, dtype, from_, to))


@op(input=_zero, on="in-place", out=False, inplace=True)
def normal(xp, input, mean: float = 0.0, std: float = 1.0, *, generator: Any = None):
    """Normal numbers of this mean and standard deviation."""
    return fill(input, generator, lambda g, shape, dtype: g.normal(shape, dtype, mean, std),
                lambda g, shape, dtype: g.normal(shape, dtype, mean, std, pairs=True))


@op(input=_zero, on="in-place", out=False, inplace=True)
def random(xp, input, from_: Any = None, to: Any = None, *, generator: Any = None):
    """Integers from [from_, to); ``random_(to)`` starts at 0; without an end, all that the dtype holds."""
    if to is None and from_ is None:
        return fill(input, generator, lambda g, shape, dtype: g.random_(shape, dtype))
    low, high = (0, from_) if to is None else (from_ or 0, to)
    return fill(input, generator, lambda g, shape, dtype: g.integers(low, high, shape, dtype))


@op(input=_zero, on="in-place", out=False, inplace=True)
def exponential(xp, input, lambd: float = 1.0, *, generator: Any = None):
    """Exponentially distributed numbers, of rate `lambd`."""
    return fill(input, generator, lambda g, shape, dtype: g.exponential(shape, dtype, lambd))


@op(input=_zero, on="in-place", out=False, inplace=True)
def geometric(xp, input, p: float, *, generator: Any = None):
    """How many trials it takes to succeed once, at probability `p` each."""
    return fill(input, generator, lambda g, shape, dtype: g.geometric(shape, dtype, p))


@op(input=_zero, on="in-place", out=False, inplace=True)
def log_normal(xp, input, mean: float = 1.0, std: float = 2.0, *, generator: Any = None):
    """Numbers whose logarithm is normal, of this mean and standard deviation."""
    return fill(input, generator, lambda g, shape, dtype: g.log_normal(shape, dtype, mean, std))


@op(input=_zero, on="in-place", out=False, inplace=True)
def cauchy(xp, input, median: float = 0.0, sigma: float = 1.0, *, generator: Any = None):
    """Cauchy distributed numbers."""
    return fill(input, generator, lambda g, shape, dtype: g.cauchy(shape, dtype, median, sigma))


def _toss(xp: Any, target: Any, p: Any, generator: Any) -> None:
    """bernoulli_: of probability p, a half unless told otherwise."""
    p = 0.5 if p is None else backend.to_numpy(p._array) if isinstance(p, Tensor) else p
    target[...] = fill(target, generator, lambda g, shape, dtype: g.bernoulli(p, shape, dtype))


@op(input=_zero, inplace=True, write=_toss)
def bernoulli(xp, input, p: object = None, *, generator: Any = None):
    """Ones and zeros: each 1 with the probability that the input holds there (or `p`, for all).

    >>> ndl.bernoulli(ndl.tensor([0.0, 1.0]))
    tensor([0., 1.])
    """
    p = input if p is None else p._array if isinstance(p, Tensor) else p
    p = backend.to_numpy(p) if backend.is_array(p) else p
    drawn = stream(generator).bernoulli(p, input.shape, input.dtype)
    return backend.as_array(drawn, input) if type(input) is np.ndarray else \
        backend.of_type(type(input)).from_numpy(drawn)


@op(input=_zero, on="torch")
def poisson(xp, input, generator: Any = None):
    """Counts that are Poisson distributed, with the input's rates.

    >>> ndl.poisson(ndl.zeros(2))
    tensor([0., 0.])
    """
    drawn = stream(generator).poisson(backend.to_numpy(input))
    return backend.of_type(type(input)).from_numpy(drawn)


# --- new ones -------------------------------------------------------------------------------------------------------


def _draw_new(name: str, shape: tuple, draw: Draw, generator: Any, out: Any, dtype: np.dtype, device: Any,
              requires_grad: bool) -> Tensor:
    if out is not None and out._array.shape == shape and not requires_grad:
        return deliver(name, wrap(fill(out._array, generator, draw)), out)
    drawn = draw(stream(generator), shape, dtype)
    return made(name, backend.get(device).from_numpy(drawn), out, requires_grad)


def _draw_like(name: str, input: Tensor, draw: Draw, dtype: Any, device: Any, generator: Any, memory_format: Any,
               requires_grad: bool, scattered: Draw | None = None) -> Tensor:
    place = place_of(name, input, device)
    old = backend.to_numpy(input._array)
    like = np.empty_like(old, wanted_dtype(dtype) or old.dtype, order_of(memory_format, input._array))
    like[...] = fill(like, generator, draw, scattered)
    return made(name, place.from_numpy(like), None, requires_grad)


def _family(name: str, what: str, draw: Draw, scattered: Draw | None = None) -> None:
    """Publish ``name(*size)`` and ``name_like(input)``."""

    def plain(*args: Any, size: Any = None, generator: Generator | None = None, out: Tensor | None = None,
              dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False,
              pin_memory: bool = False, names: Any = None) -> Tensor:
        return _draw_new(name, shape_of(name, args, size), draw, generator, out, target_dtype(dtype, out), device,
                         requires_grad)

    def like(input: Tensor, *, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False,
             memory_format: Any = None, pin_memory: bool = False, generator: Generator | None = None) -> Tensor:
        return _draw_like(f"{name}_like", input, draw, dtype, device, generator, memory_format, requires_grad,
                          scattered)

    page = "https://pytorch.org/docs/stable/generated/torch"
    plain.__doc__ = f"""A tensor of these sizes, of {what}.\n\n{page}.{name}.html

    >>> ndl.{name}(2, 3, generator=ndl.Generator().manual_seed(0)).shape
    Size([2, 3])
    """
    like.__doc__ = f"A tensor of the input's shape and dtype, of {what}.\n\n{page}.{name}_like.html"
    for title, function in ((name, plain), (f"{name}_like", like)):
        function.__name__ = function.__qualname__ = title
        face(title)(function)


_family("rand", "numbers uniform on [0, 1)", lambda g, shape, dtype: g.uniform(shape, dtype))
_family("randn", "standard normal numbers", lambda g, shape, dtype: g.normal(shape, dtype),
        lambda g, shape, dtype: g.normal(shape, dtype, pairs=True))


def _bounds(name: str, low: Any, high: Any) -> tuple[int, int]:
    low, high = (0, low) if high is None else (low, high)
    low, high = (v.item() if isinstance(v, Tensor) else v for v in (low, high))
    if low >= high:
        raise RuntimeError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}: {name} "
                           f"draws from [from, to).")
    for title, value in (("low", low), ("high", high)):
        if not hasattr(value, "__index__"):
            raise TypeError(f"{name}(): argument '{title}' must be int, not {type(value).__name__}")
    return operator.index(low), operator.index(high)


@face("randint")
def randint(*args: Any, low: Any = None, high: Any = None, size: Any = None, generator: Generator | None = None,
            out: Tensor | None = None, dtype: Any = None, layout: Any = None, device: Any = None,
            requires_grad: bool = False, pin_memory: bool = False) -> Tensor:
    """``randint(high, size)``, ``randint(low, high, size)``: integers from [low, high), each as likely.

    https://pytorch.org/docs/stable/generated/torch.randint.html

    >>> ndl.randint(5, 6, (2,))
    tensor([5, 5])
    """
    given = list(args)
    if size is None and given and isinstance(given[-1], (tuple, list)):
        size = given.pop()
    if given and low is None and (len(given) == 2 or high is not None):
        low = given.pop(0)
    if given and high is None:
        high = given.pop(0)
    if given or size is None or high is None:
        raise TypeError(f"randint() received an invalid combination of arguments: got {args}; expected "
                        f"randint(high, size) or randint(low, high, size) with size a tuple.")
    low, high = _bounds("randint", low or 0, high)
    wanted = np.dtype(np.int64) if dtype is None and out is None else target_dtype(dtype, out)
    return _draw_new("randint", shape_of("randint", (size,)), lambda g, shape, d: g.integers(low, high, shape, d),
                     generator, out, wanted, device, requires_grad)


@face("randint_like")
def randint_like(input: Tensor, low: Any = None, high: Any = None, *, dtype: Any = None, layout: Any = None,
                 device: Any = None, requires_grad: bool = False, memory_format: Any = None, pin_memory: bool = False,
                 generator: Generator | None = None) -> Tensor:
    """``randint_like(x, high)``, ``randint_like(x, low, high)``: integers from [low, high), in a tensor like the input.

    https://pytorch.org/docs/stable/generated/torch.randint_like.html
    """
    low, high = (0, high) if low is None else _bounds("randint_like", low, high)
    return _draw_like("randint_like", input, lambda g, shape, d: g.integers(low, high, shape, d), dtype, device,
                      generator, memory_format, requires_grad)


@face("randperm")
def randperm(n: int, *, generator: Generator | None = None, out: Tensor | None = None, dtype: Any = None,
             layout: Any = None, device: Any = None, requires_grad: bool = False, pin_memory: bool = False) -> Tensor:
    """0, 1, ..., n - 1 in random order. https://pytorch.org/docs/stable/generated/torch.randperm.html

    >>> ndl.randperm(5).sort().values
    tensor([0, 1, 2, 3, 4])
    """
    wanted = np.dtype(np.int64) if dtype is None and out is None else target_dtype(dtype, out)
    if not hasattr(n, "__index__"):
        raise TypeError(f"randperm(): argument 'n' (position 1) must be int, not {type(n).__name__}")
    number_of("randperm", n - 1, wanted)  # which must fit
    drawn = stream(generator).permutation(operator.index(n)).astype(wanted, copy=False)
    return made("randperm", backend.get(device).from_numpy(drawn), out, requires_grad)


@face("normal")
def normal_function(mean: Any = 0.0, std: Any = 1.0, size: Any = None, *, generator: Generator | None = None,
            out: Tensor | None = None, dtype: Any = None, layout: Any = None, device: Any = None,
            requires_grad: bool = False, pin_memory: bool = False) -> Tensor:
    """Normal numbers; `mean` and `std` are tensors (each number has its own), or numbers together with a `size`.

    Raises RuntimeError for a negative std. https://pytorch.org/docs/stable/generated/torch.normal.html

    >>> ndl.normal(ndl.tensor([1.0, 2.0]), ndl.zeros(2))
    tensor([1., 2.])
    """
    if size is not None:
        return _draw_new("normal", shape_of("normal", (size,)), lambda g, shape, d: g.normal(shape, d, mean, std),
                         generator, out, target_dtype(dtype, out), device, requires_grad)
    if not isinstance(mean, Tensor) and not isinstance(std, Tensor):
        raise TypeError("normal() received an invalid combination of arguments: two numbers need a size, as in "
                        "normal(0.0, 1.0, (2, 3)).")
    drawn = F.normal_about(mean, std, (mean if isinstance(mean, Tensor) else std).dtype.numpy, generator)
    return drawn if out is None else deliver("normal", drawn, out)


@op(mean=lambda g, mean_dtype: F.to_dtype(F.zeroed(g), mean_dtype), broadcasts=True, numbers=True, on="", out=False,
    std=lambda g, std_dtype: F.to_dtype(F.zeroed(g), std_dtype))
def normal_about(xp, mean, std, dtype: object, generator: Any = None):
    """Normal numbers around `mean`."""
    m, s = backend.to_numpy(mean), backend.to_numpy(std)
    shape = np.broadcast_shapes(m.shape, s.shape)
    return backend.of_type(type(mean)).from_numpy(stream(generator).normal(shape, dtype, m, s))


@composite(out="exact")
def multinomial(input, num_samples, replacement=False, *, generator=None):
    """Indices drawn with the probabilities that each row of the input, (K,) or (N, K), gives: (..., num_samples).

    Raises RuntimeError for negative or infinite weights, rows without weight, or more samples than there are weights.

    >>> ndl.multinomial(ndl.tensor([0.0, 3.0]), 2, replacement=True)
    tensor([1, 1])
    """
    drawn = stream(generator).multinomial(backend.to_numpy(input._array), num_samples, replacement)
    return wrap(backend.of_type(type(input._array)).from_numpy(np.ascontiguousarray(drawn)))
