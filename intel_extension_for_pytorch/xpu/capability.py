"""What a device, and this build, can do."""

from __future__ import annotations

from typing import Any

import torch

from .. import _C as core


def has_fp64_dtype(device: Any = None) -> bool:
    """Whether the device computes in float64."""
    return torch.xpu.get_device_properties(device).has_fp64


def has_2d_block_array(device: Any = None) -> bool:
    """Whether the device reads two-dimensional blocks at once."""
    return torch.xpu.get_device_properties(device).has_subgroup_2d_block_io


def has_xmx(device: Any = None) -> bool:
    """Whether the device has matrix units."""
    return torch.xpu.get_device_properties(device).has_subgroup_matrix_multiply_accumulate


def has_onemkl() -> bool:
    """Whether oneMKL serves FFT, linear algebra and the like: its libraries can be loaded."""
    return not core.onemkl_load_error()


def has_xetla() -> bool:
    """Whether XeTLA kernels are in use: no, the library has its own."""
    return False


def has_multi_context() -> bool:
    """Whether each device has a SYCL context of its own: no, those of a platform share one."""
    return False


def has_channels_last_1d() -> bool:
    """Whether `to_channels_last_1d` is available."""
    return True
