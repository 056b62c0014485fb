"""Automatic differentiation. To read, in this order: node, rule, engine, views; then function, gradcheck, graph."""

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
    "functional": "",
    "graph": "",
}
_home = {name: module for module, names in _HOMES.items() for name in names.split()}


def __getattr__(name: str) -> _Any:
    if name not in _home and name not in _HOMES:
        raise AttributeError(f"module 'minitorch_ndl.autograd' has no attribute {name!r}")
    module = _importlib.import_module(f".{_home.get(name, name)}", __name__)
    # All names of the module at once: importing it has just put the module `gradcheck` where the function belongs.
    globals().update({n: getattr(module, n) for n, home in _home.items() if home == _home.get(name, name)})
    return globals()[name]


def __dir__() -> list[str]:
    return sorted({*globals(), *_home, *_HOMES})
