"""Dtypes that devices may lack."""

import torch


def device_lacks(dtype: torch.dtype) -> bool:
    properties = torch.xpu.get_device_properties()
    if dtype in (torch.float64, torch.complex128):
        return not properties.has_fp64
    return dtype is torch.float16 and not properties.has_fp16
