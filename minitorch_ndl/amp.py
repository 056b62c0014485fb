"""Mixed precision, as far as scripts ask for it on a machine without a GPU. https://pytorch.org/docs/stable/amp.html

There is no fast half precision on this processor, and no bfloat16: inside `autocast` everything is computed in the dtypes
that it has. `GradScaler` scales and unscales as torch's does.
"""

from __future__ import annotations

import functools
import warnings
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from . import backend, cuda, dtypes
from .tensor import Tensor, wrap


class autocast:
    """A block, or with ``@`` a function, in which torch may compute in lower precision. Here it stays as it is.

    >>> with ndl.amp.autocast("cpu"):
    ...     (ndl.ones(2, 2) @ ndl.ones(2, 2)).dtype
    ndl.float32
    """

    def __init__(self, device_type: str, dtype: Any = None, enabled: bool = True, cache_enabled: bool | None = None):
        if not isinstance(device_type, str):
            raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")
        backend.device(device_type)  # an error for a name that nobody knows
        if device_type == "cuda" and enabled and not cuda.is_available():
            warnings.warn("User provided device_type of 'cuda', but CUDA is not available. Disabling", stacklevel=2)
            enabled = False
        self.device, self._enabled, self.fast_dtype = device_type, enabled, dtype or dtypes.bfloat16

    def __enter__(self) -> autocast:
        return self

    def __exit__(self, *error: Any) -> None:
        pass

    def __call__(self, function: Callable) -> Callable:
        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with self:
                return function(*args, **kwargs)

        return wrapped


def is_autocast_available(device_type: str) -> bool:
    """Whether `autocast` may be entered for this kind of device."""
    return backend.device(device_type).type == "cpu" or cuda.is_available()


def is_autocast_enabled(device_type: str = "cuda") -> bool:
    """Whether something is computed in lower precision now: never."""
    return False


def custom_fwd(fwd: Any = None, *, device_type: str = "cuda", cast_inputs: Any = None) -> Any:
    """Marks the forward of a user-defined Function; there is nothing to do for it here."""
    return fwd if fwd is not None else lambda function: function


def custom_bwd(bwd: Any = None, *, device_type: str = "cuda") -> Any:
    """Marks the backward of a user-defined Function; there is nothing to do for it here."""
    return bwd if bwd is not None else lambda function: function


class GradScaler:
    """Multiplies the loss so that small gradients survive half precision, and skips steps whose gradients overflow.

    https://pytorch.org/docs/stable/amp.html#gradient-scaling

    For "cuda" without a GPU it is disabled, as in torch: `scale` returns the loss as it is, `step` just steps.

    >>> w = ndl.nn.Parameter(ndl.tensor([1.0]))
    >>> optimizer, scaler = ndl.optim.SGD([w], lr=0.5), ndl.amp.GradScaler("cpu")
    >>> scaler.scale((w * w).sum()).backward()
    >>> scaler.step(optimizer); scaler.update(); w, w.grad
    (Parameter containing:
    tensor([0.], requires_grad=True), tensor([2.]))
    """

    def __init__(self, device: str = "cuda", init_scale: float = 2.0**16, growth_factor: float = 2.0,
                 backoff_factor: float = 0.5, growth_interval: int = 2000, enabled: bool = True):
        if enabled and device == "cuda" and not cuda.is_available():
            warnings.warn("torch.cuda.amp.GradScaler is enabled, but CUDA is not available.  Disabling.", stacklevel=2)
            enabled = False
        if enabled and not (growth_factor > 1 and backoff_factor < 1):
            raise AssertionError(f"The growth factor must be > 1.0 and the backoff factor < 1.0; got {growth_factor} and "
                                 f"{backoff_factor}.")
        self._device, self._enabled = device, enabled
        self._scale, self._steps = float(init_scale), 0
        self._growth, self._backoff, self._interval = growth_factor, backoff_factor, growth_interval
        self._found: dict[int, bool] = {}  # optimizer -> whether a gradient overflowed; it is there once unscaled
        self._stepped: defaultdict[int, bool] = defaultdict(bool)

    def is_enabled(self) -> bool:
        """Whether it does anything."""
        return self._enabled

    def scale(self, outputs: Any) -> Any:
        """The loss, or each loss of a list, times the scale."""
        if not self._enabled:
            return outputs
        return outputs * self._scale if isinstance(outputs, Tensor) else type(outputs)(self.scale(x) for x in outputs)

    def unscale_(self, optimizer: Any) -> None:
        """Divide the optimizer's gradients by the scale: before they are clipped."""
        if not self._enabled:
            return
        if id(optimizer) in self._found:
            raise RuntimeError("unscale_() has already been called on this optimizer since the last update().")
        found = False
        for group in optimizer.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    grad = p.grad._array
                    grad *= grad.dtype.type(1 / self._scale)
                    found |= not bool(wrap(grad).isfinite().all())
        self._found[id(optimizer)] = found

    def step(self, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        """`optimizer.step()` on unscaled gradients, unless one of them is inf or nan."""
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        if self._stepped[id(optimizer)]:
            raise RuntimeError("step() has already been called since the last update().")
        if id(optimizer) not in self._found:
            self.unscale_(optimizer)
        self._stepped[id(optimizer)] = True
        return None if self._found[id(optimizer)] else optimizer.step(*args, **kwargs)

    def update(self, new_scale: Any = None) -> None:
        """Once after the steps: a smaller scale if a gradient overflowed, a larger one after many good steps."""
        if not self._enabled:
            return
        if new_scale is not None:
            self._scale = float(new_scale)
        elif not self._found:
            raise AssertionError("No inf checks were recorded prior to update: call step() or unscale_() first.")
        elif any(self._found.values()):
            self._scale, self._steps = self._scale * self._backoff, 0
        else:
            self._steps += 1
            if self._steps == self._interval:
                self._scale, self._steps = self._scale * self._growth, 0
        self._found, self._stepped = {}, defaultdict(bool)

    def get_scale(self) -> float:
        """The scale; 1 if disabled."""
        return self._scale if self._enabled else 1.0

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint needs; empty if disabled."""
        if not self._enabled:
            return {}
        return {"scale": self._scale, "growth_factor": self._growth, "backoff_factor": self._backoff,
                "growth_interval": self._interval, "_growth_tracker": self._steps}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict` returned."""
        if not self._enabled:
            return
        if not state_dict:
            raise RuntimeError("The source state dict is empty, possibly because it was saved from a disabled instance of "
                               "GradScaler.")
        self._scale, self._steps = state_dict["scale"], state_dict["_growth_tracker"]
        self._growth, self._backoff = state_dict["growth_factor"], state_dict["backoff_factor"]
        self._interval = state_dict["growth_interval"]


class CudaAutocast(autocast):
    """The older spelling, ``torch.cuda.amp.autocast()``."""

    def __init__(self, enabled: bool = True, dtype: Any = None, cache_enabled: bool = True):
        super().__init__("cuda", dtype, enabled, cache_enabled)
