"""Operators of large language models, as modules."""

from __future__ import annotations

from .linear import (
    Linear2SiluMul,
    LinearAdd,
    LinearAddAdd,
    LinearGelu,
    LinearMul,
    LinearNewGelu,
    LinearRelu,
    LinearSilu,
    LinearSiluMul,
)
from .normalization import FastLayerNorm, RMSNorm
from .rotary import RotaryEmbedding

__all__ = [
    "FastLayerNorm",
    "Linear2SiluMul",
    "LinearAdd",
    "LinearAddAdd",
    "LinearGelu",
    "LinearMul",
    "LinearNewGelu",
    "LinearRelu",
    "LinearSilu",
    "LinearSiluMul",
    "RMSNorm",
    "RotaryEmbedding",
]
