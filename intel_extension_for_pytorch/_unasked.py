"""What stock does with an accelerator nobody asked for.

The xpu device is there wherever this package is installed, also for programs that use the CPU
alone. Where stock would move these to it by default, they stay on the CPU.
"""

from __future__ import annotations

import functools
import itertools
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

if TYPE_CHECKING:
    from torch.distributed.distributed_c10d import Backend, BackendConfig


def follow_module(data_parallel: type[nn.DataParallel]) -> None:
    """nn.DataParallel runs a module that is on the CPU there, unless devices are named.

    Stock moves it to the only device, or refuses it where there are more.
    """
    stock_init, stock_forward = data_parallel.__init__, data_parallel.forward

    @functools.wraps(stock_init)
    def __init__(
        self: nn.DataParallel, module: nn.Module, device_ids: Any = None, *rest: Any, **named: Any
    ) -> None:
        follows = device_ids is None and _on_cpu(module)
        # Stock moves what it is given.
        stock_init(self, nn.Identity() if follows else module, device_ids, *rest, **named)
        self.module = module
        vars(self)["_follows_module"] = follows

    @functools.wraps(stock_forward)
    def forward(self: nn.DataParallel, *inputs: Any, **keywords: Any) -> Any:
        if vars(self).get("_follows_module", False) and _on_cpu(self.module):
            return self.module(*inputs, **keywords)
        return stock_forward(self, *inputs, **keywords)

    data_parallel.__init__ = __init__  # type: ignore[method-assign]
    data_parallel.forward = forward  # type: ignore[method-assign]


def communicate_on_cpu(backend_config: type[BackendConfig]) -> None:
    """torch.distributed's default backend is the CPU's: stock's for xpu is not in this build."""
    stock_init = backend_config.__init__

    @functools.wraps(stock_init)
    def __init__(self: BackendConfig, backend: Backend) -> None:
        from torch.distributed.distributed_c10d import Backend

        undecided = str(backend) == Backend.UNDEFINED and torch._C._get_accelerator().type == "xpu"
        stock_init(self, Backend(f"cpu:{Backend.GLOO}") if undecided else backend)

    backend_config.__init__ = __init__  # type: ignore[method-assign]


def _on_cpu(module: nn.Module) -> bool:
    tensors = itertools.chain(module.parameters(), module.buffers())
    return all(tensor.device.type == "cpu" for tensor in tensors)
