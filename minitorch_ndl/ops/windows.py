"""Window functions: weights that fade a stretch of a signal in and out. https://en.wikipedia.org/wiki/Window_function"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import backend
from ..composite import face
from ..tensor import Tensor
from .creation import made, target_dtype

# By name: what it is called, the function of the place x from 0 to 1, and the parameters with their defaults.
_WINDOWS: dict[str, tuple] = {
    "bartlett": ("a triangle", lambda x: 1 - np.abs(2 * x - 1), {}),
    "hann": ("a raised cosine", lambda x: 0.5 - 0.5 * np.cos(2 * math.pi * x), {}),
    "hamming": ("a cosine on a step, alpha - beta * cos", lambda x, alpha, beta: alpha - beta * np.cos(2 * math.pi * x),
                {"alpha": 0.54, "beta": 0.46}),
    "blackman": ("two cosines", lambda x: 0.42 - 0.5 * np.cos(2 * math.pi * x) + 0.08 * np.cos(4 * math.pi * x), {}),
    "kaiser": ("a Bessel function, narrower for a larger beta",
               lambda x, beta: np.i0(beta * np.sqrt(np.maximum(1 - (2 * x - 1) ** 2, 0))) / np.i0(beta), {"beta": 12.0}),
}


def _window(name: str, what: str, shape: Any, defaults: dict[str, float]) -> None:
    def window(window_length: int, periodic: bool = True, *args: float, dtype: Any = None, layout: Any = None,
               device: Any = None, requires_grad: bool = False, pin_memory: bool = False, **kwargs: float) -> Tensor:
        given = {**defaults, **dict(zip(defaults, args, strict=False)), **kwargs}
        if len(args) > len(defaults) or given.keys() != defaults.keys():
            raise TypeError(f"{title}() takes {', '.join(['window_length', 'periodic', *defaults])}; got {[*args, *kwargs]}")
        if window_length < 0:
            raise RuntimeError(f"{title} requires non-negative window_length, got window_length={window_length}")
        wanted = target_dtype(dtype, None)
        if wanted.kind != "f":
            raise RuntimeError(f"{title} expects floating point dtypes, got: {wanted}")
        n = window_length + 1 if periodic else window_length  # periodic: one more, which is left out
        x = np.arange(window_length) / (n - 1) if n > 1 else np.full(window_length, 0.5)
        values = shape(x, **given) if window_length > 1 else np.ones(window_length)
        return made(title, backend.get(device).from_numpy(values.astype(wanted)), None, requires_grad)

    title = window.__name__ = window.__qualname__ = f"{name}_window"
    window.__doc__ = (f"{what[0].upper()}{what[1:]}, in `window_length` elements. `periodic`: as the first of many, one after "
                      f"the other; else symmetric.\n\nhttps://pytorch.org/docs/stable/generated/torch.{title}.html\n\n"
                      f"    >>> ndl.{title}(5, False)[2]\n    tensor(1.)\n    ")
    face(title)(window)


for _name, (_what, _shape, _defaults) in _WINDOWS.items():
    _window(_name, _what, _shape, _defaults)
