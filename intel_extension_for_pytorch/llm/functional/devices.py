"""Which implementation a call takes: kernels on xpu, plain operators elsewhere."""

from __future__ import annotations

from torch import Tensor


def on_xpu(tensor: Tensor) -> bool:
    """Whether kernels of ours take the tensor: elsewhere functions are their references."""
    return tensor.device.type == "xpu"
