"""The paged cache of keys and values: writing tokens, attention over blocks, copies of blocks.

Caches are [blocks, block_size, key heads, head_size]; or, of the original's first kernels, keys
[blocks, key heads, head_size / x, block_size, x] and values [blocks, key heads, head_size,
block_size].

They have the dtype of the model, or eight bits for each number: float8_e4m3fn or float8_e5m2, or
uint8 with a `kv_cache_dtype` that says which ("fp8" or "fp8_e4m3", "fp8_e5m2"). A key is what is
stored times k_scale, a value what is stored times v_scale; what is too large for the format is
stored as its largest number.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor

from .attention import attention_reference, varlen_reference
from .devices import on_xpu


def reshape_and_cache(
    key: Tensor,
    value: Tensor,
    key_cache: Tensor,
    value_cache: Tensor,
    slot_mapping: Tensor,
    kv_cache_dtype: str = "auto",
    k_scale: float = 1.0,
    v_scale: float = 1.0,
) -> None:
    """Writes key and value [tokens, key heads, head_size] into the cache in either layout.

    slot_mapping: [tokens] integers, block * block_size + place in the block; negative ones are
    left out, one outside of the cache is an IndexError at the next synchronization.
    """
    numbers = (kv_cache_dtype, k_scale, v_scale)
    if not on_xpu(key):
        reshape_and_cache_reference(key, value, key_cache, value_cache, slot_mapping, *numbers)
        return
    flash = key_cache.dim() == 4
    name = "reshape_and_cache_flash" if flash else "reshape_and_cache"
    getattr(torch.ops.torch_ipex, name)(key, value, key_cache, value_cache, slot_mapping, *numbers)


def reshape_and_cache_reference(
    key: Tensor,
    value: Tensor,
    key_cache: Tensor,
    value_cache: Tensor,
    slot_mapping: Tensor,
    kv_cache_dtype: str = "auto",
    k_scale: float = 1.0,
    v_scale: float = 1.0,
) -> None:
    """`reshape_and_cache` by plain operators."""
    dtype = _dtype_of_cache(key_cache, kv_cache_dtype, k_scale, v_scale)
    if dtype.itemsize == 1:
        key, value = _as_bytes(key, k_scale, dtype), _as_bytes(value, v_scale, dtype)
        key_cache, value_cache = key_cache.view(torch.uint8), value_cache.view(torch.uint8)
    keys, values = as_rows(key_cache, value_cache)
    kept = slot_mapping >= 0
    slots = slot_mapping[kept].long()
    blocks, places = slots // keys.shape[1], slots % keys.shape[1]
    count = slot_mapping.numel()
    keys[blocks, places] = key[:count][kept]
    values[blocks, places] = value[:count][kept]


_FLOAT8 = {
    "fp8": torch.float8_e4m3fn,
    "fp8_e4m3": torch.float8_e4m3fn,
    "fp8_e5m2": torch.float8_e5m2,
}


def _dtype_of_cache(
    cache: Tensor, kv_cache_dtype: str, k_scale: float, v_scale: float
) -> torch.dtype:
    """What the numbers in a cache are; raises ValueError where it cannot hold what was asked."""
    dtype = cache.dtype if kv_cache_dtype == "auto" else _FLOAT8.get(kv_cache_dtype)
    if dtype is None or cache.dtype not in (dtype, torch.uint8) or dtype is torch.uint8:
        raise ValueError(
            "paged cache: expected kv_cache_dtype auto, or one of "
            f"{', '.join(_FLOAT8)} for a cache of it or uint8, but got {kv_cache_dtype} "
            f"for {cache.dtype}"
        )
    if dtype.itemsize > 1 and (k_scale, v_scale) != (1, 1):
        raise ValueError(
            f"paged cache: expected scales of 1 for {dtype}, but got {k_scale} and {v_scale}"
        )
    return dtype


def _as_bytes(numbers: Tensor, scale: float, dtype: torch.dtype) -> Tensor:
    largest = torch.finfo(dtype).max
    return (numbers.float() / scale).clamp(-largest, largest).to(dtype).view(torch.uint8)


def as_rows(key_cache: Tensor, value_cache: Tensor) -> tuple[Tensor, Tensor]:
    """Copies or views of the caches, [blocks, block_size, key heads, head_size].

    Only views of a cache of five dimensions that is dense: writing to them writes to the cache.
    """
    if key_cache.dim() == 4:
        return key_cache, value_cache
    return _SplitKeys(key_cache), value_cache.permute(0, 3, 1, 2)  # type: ignore[return-value]


class _SplitKeys:
    """Keys [blocks, heads, size / x, block_size, x], indexed by block and place."""

    def __init__(self, cache: Tensor) -> None:
        self.cache = cache.permute(0, 3, 1, 2, 4)

    @property
    def shape(self) -> torch.Size:
        return torch.Size([*self.cache.shape[:3], self.cache.shape[3] * self.cache.shape[4]])

    def __getitem__(self, index: object) -> Tensor:
        return self.cache[index].flatten(-2)  # type: ignore[index]

    def __setitem__(self, index: object, value: Tensor) -> None:
        self.cache[index] = value.unflatten(-1, self.cache.shape[-2:])  # type: ignore[index]


def paged_attention(
    out: Tensor,
    query: Tensor,
    key_cache: Tensor,
    value_cache: Tensor,
    block_tables: Tensor,
    context_lens: Tensor,
    num_queries_per_tokens: int,
    scale: float,
    block_size: int,
    max_context_len: int,
    alibi_slopes: Tensor | None = None,
    softcap: float = -1.0,
    window_size: int = -1,
    kv_cache_dtype: str = "auto",
    k_scale: float = 1.0,
    v_scale: float = 1.0,
) -> None:
    """Attention of one query for each sequence over its cached keys, written into `out`.

    out, query: [sequences, heads, head_size]; block_tables: [sequences, blocks] integers, the
    blocks of each sequence; context_lens: [sequences] integers, how many keys it has, its newest
    included; max_context_len: a bound of them; num_queries_per_tokens: query heads for each key
    head. window_size > 0: only so many keys, the newest, are seen. Otherwise as
    `varlen_attention`.
    """
    if on_xpu(query):
        torch.ops.torch_ipex.paged_attention_v1(
            out,
            query,
            key_cache,
            value_cache,
            block_tables,
            context_lens,
            num_queries_per_tokens,
            scale,
            block_size,
            max_context_len,
            alibi_slopes,
            softcap,
            window_size,
            kv_cache_dtype,
            k_scale,
            v_scale,
        )
        return
    keys, values = _of_sequences(
        key_cache, value_cache, block_tables, context_lens, kv_cache_dtype, k_scale, v_scale
    )
    starts = torch.arange(query.shape[0] + 1)
    window = (window_size - 1 if window_size > 0 else -1, -1)
    varlen_reference(query, keys, values, out, starts, alibi_slopes, scale, window, softcap)


def chunked_prefill(
    out: Tensor,
    query: Tensor,
    key_cache: Tensor,
    value_cache: Tensor,
    cu_seqlens_q: Tensor,
    cu_seqlens_k: Tensor,
    max_seqlen_q: int,
    max_seqlen_k: int,
    scale: float,
    is_causal: bool,
    block_table: Tensor,
    alibi_slopes: Tensor | None = None,
    window_size_left: int = -1,
    window_size_right: int = -1,
    softcap: float = -1.0,
    sink: Tensor | None = None,
    kv_cache_dtype: str = "auto",
    k_scale: float = 1.0,
    v_scale: float = 1.0,
) -> None:
    """`varlen_attention` whose keys are in the cache: queries are the newest tokens.

    cu_seqlens_q, cu_seqlens_k: [batch + 1] integers, the sums of the lengths before each sequence,
    the second ones of all keys; or the second ones [batch], the lengths themselves. block_table:
    [batch, blocks]. sink: [heads], a logit in each softmax that has no value.
    """
    batch = cu_seqlens_q.numel() - 1
    lengths = cu_seqlens_k if cu_seqlens_k.numel() == batch else cu_seqlens_k.diff()
    if on_xpu(query):
        torch.ops.torch_ipex.chunked_prefill(
            query,
            key_cache,
            value_cache,
            out,
            cu_seqlens_q,
            cu_seqlens_q,  # what only dense keys need
            lengths,
            block_table,
            alibi_slopes,
            max_seqlen_q,
            max_seqlen_k,
            0.0,
            scale,
            False,
            window_size_left,
            window_size_right,
            is_causal,
            False,
            None,
            softcap,
            sink,
            kv_cache_dtype,
            k_scale,
            v_scale,
        )
        return
    keys, values = _of_sequences(
        key_cache, value_cache, block_table, lengths, kv_cache_dtype, k_scale, v_scale
    )
    window = (window_size_left, 0 if is_causal else window_size_right)
    varlen_reference(
        query, keys, values, out, cu_seqlens_q, alibi_slopes, scale, window, softcap, sink
    )


def _of_sequences(
    key_cache: Tensor,
    value_cache: Tensor,
    block_tables: Tensor,
    lengths: Tensor,
    kv_cache_dtype: str,
    k_scale: float,
    v_scale: float,
) -> tuple[list[Tensor], list[Tensor]]:
    """The keys and the values of each sequence; those of eight bits as float32."""
    dtype = _dtype_of_cache(key_cache, kv_cache_dtype, k_scale, v_scale)
    if dtype.itemsize == 1:
        key_cache, value_cache = key_cache.view(torch.uint8), value_cache.view(torch.uint8)
    keys, values = as_rows(key_cache, value_cache)
    size = keys.shape[1]
    found: tuple[list[Tensor], list[Tensor]] = ([], [])
    for blocks, length in zip(block_tables, lengths.tolist(), strict=True):
        positions = torch.arange(length)
        of_position = blocks.long()[positions // size]
        for cache, scale, sequences in zip((keys, values), (k_scale, v_scale), found, strict=True):
            chosen = cache[of_position, positions % size]
            if dtype.itemsize == 1:
                chosen = chosen.view(dtype).float() * scale
            sequences.append(chosen)
    return found


BlockMapping = Tensor | Mapping[int, int | Sequence[int]] | Iterable[tuple[int, int]]


def copy_blocks(
    key_caches: Sequence[Tensor], value_caches: Sequence[Tensor], block_mapping: BlockMapping
) -> None:
    """In each cache copies blocks to others: block_mapping is [n, 2] integers, from and to, or
    a dict of them. All blocks are read before one is written."""
    for cache in map(_movable, (*key_caches, *value_caches)):
        pairs = _pairs(block_mapping).to(cache.device, torch.long, non_blocking=True)
        if pairs.numel():
            cache.index_copy_(0, pairs[:, 1], cache.index_select(0, pairs[:, 0]))


def swap_blocks(source: Tensor, destination: Tensor, block_mapping: BlockMapping) -> None:
    """Copies blocks of one cache to blocks of another, which may be on the CPU.

    block_mapping: [n, 2] integers, from and to, or a dict of them; on the CPU, where the caches
    are on two devices. Neighbours are copied together; copies from pinned memory do not wait.
    """
    source, destination = _movable(source), _movable(destination)
    pairs = _pairs(block_mapping)
    if source.device == destination.device and source.device == pairs.device:
        chosen = pairs.long()
        destination.index_copy_(0, chosen[:, 1], source.index_select(0, chosen[:, 0]))
        return
    for start, target, count in _runs(pairs.tolist()):
        destination[target : target + count].copy_(source[start : start + count], non_blocking=True)


def _movable(cache: Tensor) -> Tensor:
    """Numbers of eight bits as bytes, which every operator that moves has."""
    return cache.view(torch.uint8) if cache.dtype.itemsize == 1 else cache


def _pairs(mapping: BlockMapping) -> Tensor:
    if isinstance(mapping, Tensor):
        if mapping.dim() != 2 or mapping.shape[1] != 2:
            raise ValueError(f"block_mapping: expected shape [n, 2], got {list(mapping.shape)}")
        return mapping
    if isinstance(mapping, Mapping):
        mapping = [
            (source, target)
            for source, targets in mapping.items()
            for target in ([targets] if isinstance(targets, int) else targets)
        ]
    return torch.tensor(list(mapping), dtype=torch.long).reshape(-1, 2)


def _runs(pairs: Iterable[Sequence[int]]) -> list[tuple[int, int, int]]:
    """(from, to, count) of pairs of which each follows the one before."""
    runs: list[tuple[int, int, int]] = []
    for source, target in pairs:
        if runs and (source, target) == (runs[-1][0] + runs[-1][2], runs[-1][1] + runs[-1][2]):
            runs[-1] = (*runs[-1][:2], runs[-1][2] + 1)
        else:
            runs.append((source, target, 1))
    return runs


__all__ = [
    "attention_reference",
    "chunked_prefill",
    "copy_blocks",
    "paged_attention",
    "reshape_and_cache",
    "reshape_and_cache_reference",
    "swap_blocks",
]
