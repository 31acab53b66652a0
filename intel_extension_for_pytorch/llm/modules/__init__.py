"""Operators of large language models, as modules."""

from __future__ import annotations

from .attention import PagedAttention, VarlenAttention
from .experts import GatedMLPMOE
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
    "GatedMLPMOE",
    "Linear2SiluMul",
    "LinearAdd",
    "LinearAddAdd",
    "LinearGelu",
    "LinearMul",
    "LinearNewGelu",
    "LinearRelu",
    "LinearSilu",
    "LinearSiluMul",
    "PagedAttention",
    "RMSNorm",
    "RotaryEmbedding",
    "VarlenAttention",
]
