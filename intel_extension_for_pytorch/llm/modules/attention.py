"""Attention over packed sequences and paged caches, as the original's classes."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..functional import attention, paged


class VarlenAttention(nn.Module):
    """`functional.varlen_attention`."""

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        out: Tensor,
        seqlen_q: Tensor,
        seqlen_k: Tensor,
        alibi_slopes: Tensor | None,
        max_seqlen_q: int,
        max_seqlen_k: int,
        pdropout: float,
        softmax_scale: float,
        zero_tensors: bool,
        is_causal: bool,
        return_softmax: bool,
        gen_: torch.Generator | None,
        window_size_left: int = -1,
        window_size_right: int = -1,
        softcap: float = -1.0,
    ) -> Tensor:
        return attention.varlen_attention(
            query,
            key,
            value,
            out,
            seqlen_q,
            seqlen_k,
            alibi_slopes,
            max_seqlen_q,
            max_seqlen_k,
            pdropout,
            softmax_scale,
            zero_tensors,
            is_causal,
            return_softmax,
            gen_,
            window_size_left,
            window_size_right,
            softcap,
        )

    @classmethod
    def apply_function(cls, *arguments: object, **keywords: object) -> Tensor:
        return attention.varlen_attention(*arguments, **keywords)  # type: ignore[arg-type]


class PagedAttention:
    """The paged cache of keys and values, in the layouts and dtypes of `functional.paged`."""

    @classmethod
    def reshape_and_cache(
        cls,
        key: Tensor,
        value: Tensor,
        key_cache: Tensor,
        value_cache: Tensor,
        slot_mapping: Tensor,
        kv_cache_dtype: str = "auto",
        k_scale: float = 1.0,
        v_scale: float = 1.0,
    ) -> None:
        paged.reshape_and_cache(
            key,
            value,
            key_cache,
            value_cache,
            slot_mapping,
            kv_cache_dtype,
            k_scale,
            v_scale,
        )

    # The layout is seen from the caches.
    reshape_and_cache_flash = reshape_and_cache

    @classmethod
    def single_query_kv_attention(
        cls,
        output: Tensor,
        query: Tensor,
        key_cache: Tensor,
        value_cache: Tensor,
        head_mapping: Tensor | None,
        scale: float,
        block_tables: Tensor,
        context_lens: Tensor,
        block_size: int,
        max_context_len: int,
        alibi_slopes: Tensor | None = None,
        window_size: int = -1,
        k_scale: float = 1.0,
        v_scale: float = 1.0,
        softcap: float = -1.0,
    ) -> None:
        """`functional.paged.paged_attention`. Neighbouring query heads share a key head;
        `head_mapping`, which says the same, is not read."""
        heads = key_cache.shape[2 if key_cache.dim() == 4 else 1]
        paged.paged_attention(
            output,
            query,
            key_cache,
            value_cache,
            block_tables,
            context_lens,
            query.shape[1] // heads,
            scale,
            block_size,
            max_context_len,
            alibi_slopes,
            softcap,
            window_size,
            k_scale=k_scale,
            v_scale=v_scale,
        )

    single_query_cached_kv_attention = single_query_kv_attention

    @classmethod
    def flash_attn_varlen_func(
        cls,
        output: Tensor,
        query: Tensor,
        k_cache: Tensor,
        v_cache: Tensor,
        cu_seq_lens_q: Tensor,
        cu_seq_lens_kv: Tensor,
        max_seq_len_q: int,
        max_seq_len_kv: int,
        scale: float,
        is_causal: bool,
        block_table: Tensor,
        alibi_slopes: Tensor | None = None,
        window_size_left: int = -1,
        window_size_right: int = -1,
        kv_cache_dtype: str = "auto",
        k_scale: float = 1.0,
        v_scale: float = 1.0,
        softcap: float = -1.0,
        sink: Tensor | None = None,
    ) -> None:
        """`functional.paged.chunked_prefill`."""
        paged.chunked_prefill(
            output,
            query,
            k_cache,
            v_cache,
            cu_seq_lens_q,
            cu_seq_lens_kv,
            max_seq_len_q,
            max_seq_len_kv,
            scale,
            is_causal,
            block_table,
            alibi_slopes,
            window_size_left,
            window_size_right,
            softcap,
            sink,
            kv_cache_dtype,
            k_scale,
            v_scale,
        )

    @classmethod
    def swap_blocks(cls, src: Tensor, dst: Tensor, block_mapping: paged.BlockMapping) -> None:
        paged.swap_blocks(src, dst, block_mapping)

    @classmethod
    def copy_blocks(
        cls,
        key_caches: list[Tensor],
        value_caches: list[Tensor],
        block_mapping: paged.BlockMapping,
    ) -> None:
        paged.copy_blocks(key_caches, value_caches, block_mapping)
