"""Automatic mixed precision: `torch.autocast("xpu")` with the original's defaults."""

from __future__ import annotations

import functools
from typing import Any

import torch

__all__ = ["GradScaler", "autocast", "custom_bwd", "custom_fwd"]


class autocast(torch.autocast):
    """`torch.autocast("xpu")`, bfloat16 unless told; a context manager and a decorator."""

    def __init__(
        self,
        enabled: bool = True,
        dtype: torch.dtype = torch.bfloat16,
        cache_enabled: bool = True,
    ) -> None:
        super().__init__("xpu", dtype=dtype, enabled=enabled, cache_enabled=cache_enabled)


class GradScaler(torch.amp.GradScaler):
    """`torch.amp.GradScaler("xpu")`."""

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__("xpu", *arguments, **keywords)


custom_fwd = functools.partial(torch.amp.custom_fwd, device_type="xpu")
custom_bwd = functools.partial(torch.amp.custom_bwd, device_type="xpu")


def is_autocast_xpu_enabled() -> bool:
    return torch.is_autocast_enabled("xpu")


def set_autocast_xpu_enabled(enabled: bool) -> None:
    torch.set_autocast_enabled("xpu", enabled)


def get_autocast_xpu_dtype() -> torch.dtype:
    return torch.get_autocast_dtype("xpu")


def set_autocast_xpu_dtype(dtype: torch.dtype) -> None:
    torch.set_autocast_dtype("xpu", dtype)
