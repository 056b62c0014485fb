"""Automatic differentiation. To read, in this order: node, rule, engine, views."""

import importlib as _importlib
from typing import Any as _Any

# Where each public name lives. Looked up when asked for, because `tensor.py` stands between `node` and `engine`:
# importing all of them here would go round in circles.
_HOMES = {
    "grad_mode": ("no_grad enable_grad set_grad_enabled inference_mode is_grad_enabled is_inference_mode_enabled "
                  "detect_anomaly set_detect_anomaly is_anomaly_enabled"),
    "engine": "backward grad",
    "function": "Function Variable",
    "gradcheck": "gradcheck gradgradcheck",
    "graph": "",
}
_home = {name: module for module, names in _HOMES.items() for name in names.split()}


def __getattr__(name: str) -> _Any:
    if name in _home or name in _HOMES:
        module = _importlib.import_module(f".{_home.get(name, name)}", __name__)
        value = getattr(module, name) if name in _home else module
        globals()[name] = value
        return value
    raise AttributeError(f"module 'minitorch_ndl.autograd' has no attribute {name!r}")
