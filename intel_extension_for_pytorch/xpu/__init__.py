"""torch.xpu, with what users and libraries expect of it and stock lacks.

The names of `__all__` are added to `torch.xpu` itself; every other name here is stock's.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import torch

from . import amp, cpp_extension
from .amp import (
    get_autocast_xpu_dtype,
    is_autocast_xpu_enabled,
    set_autocast_xpu_dtype,
    set_autocast_xpu_enabled,
)
from .capability import (
    has_2d_block_array,
    has_channels_last_1d,
    has_fp64_dtype,
    has_multi_context,
    has_onemkl,
    has_xetla,
    has_xmx,
)
from .compiled_kernels import compile_kernel
from .intrinsics import MulAdd, locations_to_boxes, nms, roi_align
from .layout import is_contiguous_channels_last_1d, to_channels_last_1d
from .math_mode import (
    FP32MathMode,
    fp32_math_mode,
    get_fp32_math_mode,
    set_fp32_math_mode,
)
from .memory import (
    max_memory_cached,
    memory_cached,
    memory_summary,
    reset_max_memory_allocated,
    reset_max_memory_cached,
    reset_max_memory_reserved,
)
from .paged_attention import (
    copy_blocks,
    paged_attention_v1,
    paged_attention_v2,
    reshape_and_cache,
    swap_blocks,
)
from .tensors import (
    BFloat16Tensor,
    BoolTensor,
    ByteTensor,
    CharTensor,
    DoubleTensor,
    FloatTensor,
    HalfTensor,
    IntTensor,
    LongTensor,
    ShortTensor,
)

__all__ = [
    "BFloat16Tensor",
    "BoolTensor",
    "ByteTensor",
    "CharTensor",
    "DoubleTensor",
    "FP32MathMode",
    "FloatTensor",
    "HalfTensor",
    "IntTensor",
    "LongTensor",
    "MulAdd",
    "ShortTensor",
    "amp",
    "compile_kernel",
    "copy_blocks",
    "cpp_extension",
    "fp32_math_mode",
    "get_autocast_xpu_dtype",
    "get_fp32_math_mode",
    "has_2d_block_array",
    "has_channels_last_1d",
    "has_fp64_dtype",
    "has_multi_context",
    "has_onemkl",
    "has_xetla",
    "has_xmx",
    "is_autocast_xpu_enabled",
    "is_contiguous_channels_last_1d",
    "lazy_init",
    "locations_to_boxes",
    "max_memory_cached",
    "memory_cached",
    "memory_summary",
    "nms",
    "optimize",
    "paged_attention_v1",
    "paged_attention_v2",
    "reset_max_memory_allocated",
    "reset_max_memory_cached",
    "reset_max_memory_reserved",
    "reshape_and_cache",
    "roi_align",
    "set_autocast_xpu_dtype",
    "set_autocast_xpu_enabled",
    "set_fp32_math_mode",
    "swap_blocks",
    "sycl_queue",
    "to_channels_last_1d",
]


def lazy_init() -> None:
    """Initialises the device's state unless that has been done; the same as `torch.xpu.init`."""
    torch.xpu.init()


def sycl_queue(stream: torch.xpu.Stream) -> Any:
    """The `sycl::queue*` of a stream in a capsule; `Stream.sycl_queue` is its address."""
    from .. import _C

    return _C.sycl_queue(stream.stream_id, stream.device_index, stream.device_type)


def optimize(*arguments: Any, **keywords: Any) -> Any:
    """The same as `intel_extension_for_pytorch.optimize`."""
    import intel_extension_for_pytorch

    return intel_extension_for_pytorch.optimize(*arguments, **keywords)


def extend(torch_xpu: ModuleType) -> None:
    """Adds the names of `__all__` to torch.xpu, and `sycl_device` to its device context."""
    for name in __all__:
        if not hasattr(torch_xpu, name):
            setattr(torch_xpu, name, globals()[name])
    sys.modules[f"{torch_xpu.__name__}.amp"] = amp
    torch_xpu.device.sycl_device = property(_sycl_device)
    sys.modules[f"{torch_xpu.__name__}.cpp_extension"] = cpp_extension


def _sycl_device(device: Any) -> Any:
    """The `sycl::device*` in a capsule."""
    from .. import _C

    return _C.sycl_device(torch.xpu.current_device() if device.idx < 0 else device.idx)


def __getattr__(name: str) -> Any:
    return getattr(torch.xpu, name)
