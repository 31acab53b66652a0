"""How float32 matrix products and convolutions may be computed."""

from __future__ import annotations

import enum
import warnings

import torch


class FP32MathMode(enum.IntEnum):
    """FP32: exactly. TF32 and BF32: with inputs rounded to TensorFloat-32 or bfloat16."""

    FP32 = 0
    TF32 = 1
    BF32 = 2


# The mode, its number or that number as text.
FP32MathModeLike = FP32MathMode | int | str

_CPU_PRECISION = {FP32MathMode.FP32: "ieee", FP32MathMode.BF32: "bf16"}


def set_fp32_math_mode(
    mode: FP32MathModeLike = FP32MathMode.FP32, device: str | torch.device = "cpu"
) -> None:
    """Sets the mode of the whole process for `device`, "cpu" or "xpu"."""
    mode = convert(mode)
    if _device_type("set_fp32_math_mode", device) == "xpu":
        from . import _C

        _C.set_fp32_math_mode(int(mode))
    elif mode in _CPU_PRECISION:
        torch.backends.mkldnn.fp32_precision = _CPU_PRECISION[mode]
    else:
        warnings.warn(f"the CPU has no {mode.name} mode; its mode is unchanged", stacklevel=2)


def get_fp32_math_mode(device: str | torch.device = "cpu") -> FP32MathMode:
    """The mode of the whole process for `device`, "cpu" or "xpu"."""
    if _device_type("get_fp32_math_mode", device) == "xpu":
        from . import _C

        return FP32MathMode(_C.get_fp32_math_mode())
    bf16 = torch.backends.mkldnn.fp32_precision == _CPU_PRECISION[FP32MathMode.BF32]
    return FP32MathMode.BF32 if bf16 else FP32MathMode.FP32


def convert(mode: FP32MathModeLike) -> FP32MathMode:
    try:
        return FP32MathMode(int(mode))
    except (TypeError, ValueError):
        choices = ", ".join(f"{choice.name} ({choice.value})" for choice in FP32MathMode)
        raise RuntimeError(f"unknown FP32MathMode {mode!r}; expected one of {choices}") from None


def _device_type(function: str, device: str | torch.device) -> str:
    kind = torch.device(device).type
    if kind not in ("cpu", "xpu"):
        raise RuntimeError(f"{function}: expected device cpu or xpu, got {device}")
    return kind
