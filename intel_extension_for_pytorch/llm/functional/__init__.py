"""Operators of large language models, as functions.

On xpu each is a kernel; on other devices it is the reference beside it, of plain operators.
"""

from __future__ import annotations

from .activation import gelu_and_mul, gelu_mul, gelu_quick, silu_and_mul, silu_mul
from .attention import varlen_attention, varlen_fwd
from .experts import grouped_topk, moe_gather, moe_scatter, topk_softmax
from .lora import (
    bgmv_expand,
    bgmv_expand_slice,
    bgmv_shrink,
    sgmv_expand,
    sgmv_expand_slice,
    sgmv_shrink,
)
from .normalization import add_layer_norm, add_rms_norm, fast_layer_norm, rms_norm
from .rotary import rotary_embedding, rotary_embedding_batched

__all__ = [
    "add_layer_norm",
    "add_rms_norm",
    "bgmv_expand",
    "bgmv_expand_slice",
    "bgmv_shrink",
    "fast_layer_norm",
    "gelu_and_mul",
    "gelu_mul",
    "gelu_quick",
    "grouped_topk",
    "moe_gather",
    "moe_scatter",
    "rms_norm",
    "rotary_embedding",
    "rotary_embedding_batched",
    "sgmv_expand",
    "sgmv_expand_slice",
    "sgmv_shrink",
    "silu_and_mul",
    "silu_mul",
    "topk_softmax",
    "varlen_attention",
    "varlen_fwd",
]
