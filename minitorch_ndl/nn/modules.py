"""torch keeps the layers in `nn.modules`; its paths work here too: ``minitorch_ndl.nn.modules.loss.MSELoss``."""

import sys as _sys

from . import activation, family, hooks, lazy, module, multihead

_OURS = ("activation", "adaptive", "batchnorm", "channelshuffle", "container", "conv", "distance", "dropout", "flatten", "fold",
         "instancenorm", "lazy", "linear", "loss", "module", "normalization", "padding", "pixelshuffle", "pooling", "rnn",
         "sparse", "transformer", "upsampling")

for _name in _OURS:
    _file = _sys.modules[f"{__package__}.{_name}"]  # nn/__init__.py has imported it
    _sys.modules[f"{__name__}.{_name}"] = globals()[_name] = _file
    globals().update({k: v for k, v in vars(_file).items()
                      if isinstance(v, type) and issubclass(v, module.Module) and v.__module__ == _file.__name__})
_sys.modules[f"{__name__}.utils"] = utils = family
activation.MultiheadAttention = MultiheadAttention = multihead.MultiheadAttention  # type: ignore[attr-defined]
for _lazy in list(vars(lazy).values()):  # torch has each beside what it becomes
    if getattr(_lazy, "cls_to_become", None) is not None:
        setattr(_sys.modules[_lazy.cls_to_become.__module__], _lazy.__name__, _lazy)
for _hook in ("register_module_forward_pre_hook", "register_module_forward_hook", "register_module_full_backward_hook",
              "register_module_full_backward_pre_hook"):
    setattr(module, _hook, getattr(hooks, _hook))
