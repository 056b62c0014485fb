"""Compiled twins of the slowest kernels: the optional `fast` extra (`pip install 'minitorch-ndl[fast]'`).

A twin does what a kernel written in NumPy does, as a plain loop that Numba compiles, and hands whatever is unusual
(another dtype or layout, a size that does not pay) back to it. Results differ by rounding only. Nothing here is loaded
at import: `twin_of` is asked when a kernel is first used. Where Numba is missing, or MINITORCH_NDL_FAST=0 in the
environment, it answers with the kernel itself.

    @twin("gelu")  # the operation's forward; its backward is "gelu.backward"
    def gelu(plain, input, approximate):  # the kernel in NumPy, then what it takes

A gradient formula says itself that it has one: `@formula("silu.backward")`.

What is compiled lies in a cache on disk (beside the package, or in the user's own cache folder), so that only the first
use on a machine waits for the compiler.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import os
import sys
from collections.abc import Callable
from typing import Any

import numpy

# The kernels that have twins, by the module that has these.
_MODULES = {
    "activation": "gelu gelu.backward",
    "attention": "attend.exponentials attend.slopes",
    "conv": "convolution convolution.backward convolve convolve_input convolve_weight",
    "elementwise": "sigmoid silu scaled_elu softplus mish hardswish hardsigmoid hardtanh relu leaky_relu logsigmoid bowl "
                   "erf erfc erfinv rsqrt sign nan_to_num fmod remainder hypot logaddexp addcmul lerp",
    "slopes": "sigmoid.backward tanh.backward silu.backward scaled_elu.backward softplus.backward mish.backward "
              "hardswish.backward hardsigmoid.backward hardtanh.backward leaky_relu.backward relu.backward "
              "logsigmoid.backward abs.backward bowl.backward erf.backward erfc.backward rsqrt.backward",
    "norm": "standardize standardize.backward",
    "patches": "add_patches",
    "places": "gather add_along add_rows",
    "scan": "cumsum cumsum_back cumprod prod",
    "softmax": "softmax softmax.backward log_softmax log_softmax.backward "
               "cross_entropy_of_labels cross_entropy_of_labels.backward",
    "optim": "adam moving",
    "pool": "max_of_windows max_of_windows.backward",
    "recurrent": "recurrent.added recurrent.by_gate lstm.steps lstm.steps.backward lstm.step lstm.step.backward "
                 "gru.steps gru.steps.backward gru.step gru.step.backward",
}
_HOMES = {name: module for module, names in _MODULES.items() for name in names.split()}
_twins: dict[str, Callable] = {}


@functools.cache
def enabled() -> bool:
    """Whether the twins are used."""
    return os.environ.get("MINITORCH_NDL_FAST", "") != "0" and importlib.util.find_spec("numba") is not None


def twin_of(name: str, plain: Callable) -> Callable:
    """The twin of the kernel `name`, which takes the same arguments as `plain`; `plain` itself where there is none."""
    home = _HOMES.get(name)
    if home is None or not enabled():
        return plain
    try:
        importlib.import_module(f"{__name__}.{home}")
    except ImportError as error:  # a Numba that does not go with this NumPy says so when it is imported
        print(f"minitorch_ndl: the fast extra is left out, for Numba can't be loaded: {error}", file=sys.stderr)
        enabled.cache_clear()
        os.environ["MINITORCH_NDL_FAST"] = "0"
        return plain
    return functools.partial(_twins[name], plain)


def twin(name: str) -> Callable[[Callable], Callable]:
    """Decorator: this is the twin of the kernel `name`."""

    def register(function: Callable) -> Callable:
        _twins[name] = function
        return function

    return register


def twinned(name: str) -> Callable[[Callable], Callable]:
    """Decorator for a kernel in NumPy that belongs to no operation, such as an optimizer's: its arguments after `xp` go to
    its twin where they are NumPy's."""

    def define(plain: Callable) -> Callable:
        chosen: list[Callable] = []

        @functools.wraps(plain)
        def run(xp: Any, *args: Any) -> Any:
            if xp is not numpy:
                return plain(xp, *args)
            if not chosen:
                chosen.append(twin_of(name, functools.partial(plain, xp)))
            return chosen[0](*args)

        return run

    return define


class TwinnedFormula:
    """A gradient formula with a twin, which computes it where the arrays are NumPy's. The formula itself, which is what
    the operation documents, takes other arrays, and Tensors."""

    def __init__(self, name: str, formula: Callable):
        functools.update_wrapper(self, formula)
        self.__code__ = formula.__code__  # its parameters say what it needs
        self.name, self.formula = name, formula
        self.chosen: Callable | None = None

    def __call__(self, g: Any, *rest: Any) -> Any:
        if type(g) is not numpy.ndarray:
            return self.formula(g, *rest)
        if self.chosen is None:
            self.chosen = twin_of(self.name, self.formula)
        return self.chosen(g, *rest)


def formula(name: str) -> Callable[[Callable], TwinnedFormula]:
    """Decorator for a gradient formula that has a twin called `name`, such as "silu.backward"."""
    return functools.partial(TwinnedFormula, name)


def rows(*arrays: Any) -> list[Any] | None:
    """Arrays of one floating dtype, each as one row, for loops over elements; None where one does not lie in order, or
    has another dtype, or size."""
    dtype, size, out = arrays[0].dtype, arrays[0].size, []
    if dtype.char not in "fd" or not dtype.isnative:
        return None
    for a in arrays:
        if a.dtype != dtype or a.size != size or not a.flags.c_contiguous:
            return None
        out.append(a.reshape(-1))
    return out


def loop(function: Callable) -> Any:
    """Decorator: compile a loop at its first call, for the types that it is called with.

    Sums may be taken in another order, and products fused with sums; NaN and infinity stay what they are.
    """
    import numba

    options = {"fastmath": {"reassoc", "contract", "nsz"}, "nogil": True, "error_model": "numpy"}
    _announce()
    try:
        return numba.njit(cache=True, **options)(function)
    except RuntimeError:  # no folder that the cache could be written to
        return numba.njit(**options)(function)


@functools.cache
def _announce() -> None:
    """Say, once, when Numba begins to compile: the user wonders what takes so long."""
    from numba.core import event

    class Listener(event.Listener):
        def on_start(self, event: Any) -> None:
            if not self.said and "minitorch_ndl" in getattr(event.data["dispatcher"].py_func, "__module__", ""):
                self.said = True
                print("minitorch_ndl: compiling fast kernels, once for this machine (MINITORCH_NDL_FAST=0 does without)",
                      file=sys.stderr, flush=True)

        def on_end(self, event: Any) -> None:
            pass

        said = False

    event.register("numba:compile", Listener())
