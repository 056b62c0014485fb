"""What spreads a model over several GPUs in torch. Here there are none: the model runs as it is."""

from __future__ import annotations

from typing import Any

from .module import Module


class DataParallel(Module):
    """A module that calls `module`, whose parameters it has under ``module.``; other arguments are for GPUs.

    https://pytorch.org/docs/stable/generated/torch.nn.DataParallel.html

    >>> model = ndl.nn.DataParallel(ndl.nn.Linear(2, 3))
    >>> model(ndl.ones(4, 2)).shape, list(model.state_dict())
    (Size([4, 3]), ['module.weight', 'module.bias'])
    """

    def __init__(self, module: Module, device_ids: Any = None, output_device: Any = None, dim: int = 0):
        super().__init__()
        self.module = module
        self.device_ids: list[Any] = []
        self.dim, self.output_device = dim, output_device

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        return self.module(*inputs, **kwargs)


class DistributedDataParallel(Module):
    """Training in several processes, which is not to be had here: raises ValueError, as torch does outside of a process group.

    https://pytorch.org/docs/stable/generated/torch.nn.parallel.DistributedDataParallel.html
    """

    def __init__(self, module: Module, *args: Any, **kwargs: Any):
        super().__init__()
        raise ValueError("Default process group has not been initialized, please make sure to call init_process_group. This "
                         "package trains in one process: use the module as it is.")


def data_parallel(module: Module, inputs: Any, device_ids: Any = None, output_device: Any = None, dim: int = 0,
                  module_kwargs: dict[str, Any] | None = None) -> Any:
    """``module(*inputs)``; other arguments are for GPUs."""
    return module(*(inputs if isinstance(inputs, tuple) else (inputs,)), **(module_kwargs or {}))
