"""Channels-last weights of convolutions."""

from __future__ import annotations

import torch

from .._report import Report
from ..xpu.capability import has_2d_block_array
from ..xpu.layout import to_channels_last_1d
from .tree import count

CONVOLUTIONS = (
    torch.nn.Conv1d,
    torch.nn.Conv2d,
    torch.nn.Conv3d,
    torch.nn.ConvTranspose1d,
    torch.nn.ConvTranspose2d,
    torch.nn.ConvTranspose3d,
)
_FORMATS = {4: torch.channels_last, 5: torch.channels_last_3d}

# None: as suits the device.
_auto_channels_last: bool | None = None


def enable_auto_channels_last() -> None:
    """Makes `ipex.optimize` lay out the weights of convolutions channels-last on every device."""
    global _auto_channels_last
    _auto_channels_last = True


def disable_auto_channels_last() -> None:
    """Makes `ipex.optimize` leave the layout of weights alone."""
    global _auto_channels_last
    _auto_channels_last = False


def wants_channels_last(device: torch.device) -> bool:
    if _auto_channels_last is not None:
        return _auto_channels_last
    return device.type == "xpu" and has_2d_block_array(device)


def lay_out_channels_last(model: torch.nn.Module, report: Report) -> None:
    of_modules = (m._parameters.get("weight") for m in model.modules() if type(m) in CONVOLUTIONS)
    weights = {weight for weight in of_modules if weight is not None}
    for weight in weights:
        if weight.dim() in _FORMATS:
            weight.data = weight.data.contiguous(memory_format=_FORMATS[weight.dim()])
        else:
            weight.data = to_channels_last_1d(weight.data)
    if weights:
        report.done(f"laid out the weights of {count(len(weights), 'convolution')} channels-last")
