"""nn.DataParallel follows its module: one on the CPU stays there, unless devices are named.

Stock parallelises over every device of the machine by default, moves the module to the only one,
and refuses inputs for a module that is elsewhere. The xpu device is there wherever this package is
installed, so programs that never ask for it would be moved to it.
"""

from __future__ import annotations

import functools
import itertools
from typing import Any

from torch import nn


def follow_module(data_parallel: type[nn.DataParallel]) -> None:
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


def _on_cpu(module: nn.Module) -> bool:
    tensors = itertools.chain(module.parameters(), module.buffers())
    return all(tensor.device.type == "cpu" for tensor in tensors)
