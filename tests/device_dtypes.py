"""Dtypes that devices may lack."""

import pytest
import torch


def device_lacks(dtype: torch.dtype) -> bool:
    properties = torch.xpu.get_device_properties()
    if dtype in (torch.float64, torch.complex128):
        return not properties.has_fp64
    return dtype is torch.float16 and not properties.has_fp16


needs_double = pytest.mark.skipif(
    torch.xpu.is_available() and device_lacks(torch.float64), reason="the device has no float64"
)
