"""The float32 math mode of the XPU."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from .. import _math_mode
from .._math_mode import FP32MathMode, FP32MathModeLike

__all__ = ["FP32MathMode", "fp32_math_mode", "get_fp32_math_mode", "set_fp32_math_mode"]


def set_fp32_math_mode(mode: FP32MathModeLike) -> None:
    _math_mode.set_fp32_math_mode(mode, "xpu")


def get_fp32_math_mode() -> FP32MathMode:
    return _math_mode.get_fp32_math_mode("xpu")


@contextlib.contextmanager
def fp32_math_mode(mode: FP32MathModeLike) -> Iterator[None]:
    """The mode inside the block; the one before it afterwards."""
    before = get_fp32_math_mode()
    set_fp32_math_mode(mode)
    try:
        yield
    finally:
        set_fp32_math_mode(before)
