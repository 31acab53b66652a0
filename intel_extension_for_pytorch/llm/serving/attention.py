"""Flash attention's three functions on our operators, under a name of their own in transformers."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..functional.attention import varlen_fwd
from ..functional.paged import chunked_prefill, reshape_and_cache

# transformers asks for "flash" in the name of what needs no mask, and for its 2 where there are
# block tables.
NAME = "ipex_flash_attention_2"


def flash_attn_varlen_func(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    cu_seqlens_q: Tensor,
    cu_seqlens_k: Tensor,
    max_seqlen_q: int,
    max_seqlen_k: int,
    softmax_scale: float | None = None,
    causal: bool = False,
    window_size: tuple[int, int] = (-1, -1),
    softcap: float = 0.0,
    s_aux: Tensor | None = None,
) -> Tensor:
    """Attention of sequences that follow one another.

    q: [tokens, heads, size]; k, v: [tokens, key heads, size]; cu_seqlens_q, cu_seqlens_k:
    [sequences + 1] integers, where each begins; s_aux: [heads], logits without a value. Returns
    [tokens, heads, size].
    """
    out = torch.empty_like(q)
    return varlen_fwd(
        q,
        k,
        v,
        out,
        cu_seqlens_q,
        cu_seqlens_k,
        None,
        None,
        max_seqlen_q,
        max_seqlen_k,
        0.0,
        q.shape[-1] ** -0.5 if softmax_scale is None else softmax_scale,
        False,
        *window_size,
        causal,
        False,
        None,
        softcap,
        s_aux,
    )


def flash_attn_func(q: Tensor, k: Tensor, v: Tensor, **options: Any) -> Tensor:
    """`flash_attn_varlen_func` of sequences of one length: q [batch, length, heads, size]."""
    counts = torch.arange(q.shape[0] + 1, dtype=torch.int32, device=q.device)
    lengths = q.shape[1], k.shape[1]
    out = flash_attn_varlen_func(
        q.flatten(0, 1),
        k.flatten(0, 1),
        v.flatten(0, 1),
        counts * lengths[0],
        counts * lengths[1],
        *lengths,
        **options,
    )
    return out.view(q.shape)


def flash_attn_with_kvcache(
    q: Tensor,
    k_cache: Tensor,
    v_cache: Tensor,
    k: Tensor,
    v: Tensor,
    cache_seqlens: Tensor,
    block_table: Tensor,
    softmax_scale: float | None = None,
    causal: bool = False,
    window_size: tuple[int, int] = (-1, -1),
    softcap: float = 0.0,
    s_aux: Tensor | None = None,
) -> Tensor:
    """Writes one token of each sequence into its cache, and attends to all that is there.

    q: [sequences, 1, heads, size]; k, v: [sequences, 1, key heads, size]; k_cache, v_cache:
    [blocks, block_size, key heads, size]; cache_seqlens: [sequences] integers, how many tokens are
    in the cache before; block_table: [sequences, blocks of a sequence] integers. Returns
    [sequences, 1, heads, size].
    """
    query, key, value = (states.squeeze(1) for states in (q, k, v))
    sequences, block_size = query.shape[0], k_cache.shape[1]
    blocks = block_table.gather(1, (cache_seqlens // block_size).long()[:, None])[:, 0]
    slots = blocks * block_size + cache_seqlens % block_size
    reshape_and_cache(key, value, k_cache, v_cache, slots)
    out = torch.empty_like(query)
    chunked_prefill(
        out,
        query,
        k_cache,
        v_cache,
        torch.arange(sequences + 1, dtype=torch.int32, device=q.device),
        cache_seqlens + 1,
        1,
        block_table.shape[1] * block_size,
        q.shape[-1] ** -0.5 if softmax_scale is None else softmax_scale,
        causal,
        block_table,
        None,
        *window_size,
        softcap,
        s_aux,
    )
    return out[:, None]


def register() -> None:
    """Makes `NAME` an attention implementation of transformers."""
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers import modeling_flash_attention_utils as flash
    from transformers.integrations.flash_attention import flash_attention_forward
    from transformers.masking_utils import flash_attention_mask

    if NAME in AttentionInterface().valid_keys():
        return
    stock: Any = flash._lazy_imports

    def lazy_imports(implementation: str | None, *arguments: Any, **options: Any) -> Any:
        if implementation != NAME:
            return stock(implementation, *arguments, **options)
        functions = (flash_attn_func, flash_attn_varlen_func, flash_attn_with_kvcache)
        return *functions, flash._pad_input, flash._unpad_input

    flash._lazy_imports = lazy_imports
    AttentionMaskInterface.register(NAME, flash_attention_mask)
    AttentionInterface.register(NAME, flash_attention_forward)
