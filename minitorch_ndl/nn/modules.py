"""torch keeps the layers in `nn.modules`; its paths work here too: ``minitorch_ndl.nn.modules.loss.MSELoss``."""

import sys as _sys

from . import activation, container, distance, dropout, flatten, hooks, linear, loss, module, sparse

for _file in (activation, container, distance, dropout, flatten, linear, loss, module, sparse):
    _name = _file.__name__.rpartition(".")[2]
    _sys.modules[f"{__name__}.{_name}"] = globals()[_name] = _file
    globals().update({k: v for k, v in vars(_file).items()
                      if isinstance(v, type) and issubclass(v, module.Module) and v.__module__ == _file.__name__})
for _hook in ("register_module_forward_pre_hook", "register_module_forward_hook", "register_module_full_backward_hook",
              "register_module_full_backward_pre_hook"):
    setattr(module, _hook, getattr(hooks, _hook))
