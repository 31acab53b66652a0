"""The legacy tensor types: `torch.xpu.FloatTensor` and its like."""

from __future__ import annotations

from typing import Any

import torch


class _TensorType(type):
    """As `torch.cuda.FloatTensor`: calling it makes a tensor, and isinstance asks for the dtype."""

    dtype: torch.dtype
    layout = torch.strided
    is_cuda = False
    is_xpu = True
    is_sparse = False

    def __call__(cls, *arguments: Any, **keywords: Any) -> torch.Tensor:
        device = keywords.pop("device", "xpu")
        return torch.empty(0, dtype=cls.dtype, device=device).new(*arguments, **keywords)

    def __instancecheck__(cls, instance: Any) -> bool:
        return (
            isinstance(instance, torch.Tensor)
            and instance.device.type == "xpu"
            and instance.layout == cls.layout
            and instance.dtype == cls.dtype
        )


def _tensor_type(name: str, dtype: torch.dtype) -> _TensorType:
    # Tensor.type() takes a class by its C name, which is the name given here.
    created = _TensorType(f"torch.xpu.{name}", (), {"dtype": dtype, "__module__": "torch.xpu"})
    created.__qualname__ = name
    return created


BFloat16Tensor = _tensor_type("BFloat16Tensor", torch.bfloat16)
BoolTensor = _tensor_type("BoolTensor", torch.bool)
ByteTensor = _tensor_type("ByteTensor", torch.uint8)
CharTensor = _tensor_type("CharTensor", torch.int8)
DoubleTensor = _tensor_type("DoubleTensor", torch.float64)
FloatTensor = _tensor_type("FloatTensor", torch.float32)
HalfTensor = _tensor_type("HalfTensor", torch.float16)
IntTensor = _tensor_type("IntTensor", torch.int32)
LongTensor = _tensor_type("LongTensor", torch.int64)
ShortTensor = _tensor_type("ShortTensor", torch.int16)
