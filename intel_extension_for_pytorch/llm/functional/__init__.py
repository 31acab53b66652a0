"""Operators of large language models, as functions.

On xpu each is a kernel; on other devices it is the reference beside it, of plain operators.
"""

from __future__ import annotations

from .activation import gelu_and_mul, gelu_mul, gelu_quick, silu_and_mul, silu_mul
from .attention import varlen_attention, varlen_fwd
from .normalization import add_layer_norm, add_rms_norm, fast_layer_norm, rms_norm
from .rotary import rotary_embedding, rotary_embedding_batched

__all__ = [
    "add_layer_norm",
    "add_rms_norm",
    "fast_layer_norm",
    "gelu_and_mul",
    "gelu_mul",
    "gelu_quick",
    "rms_norm",
    "rotary_embedding",
    "rotary_embedding_batched",
    "silu_and_mul",
    "silu_mul",
    "varlen_attention",
    "varlen_fwd",
]
