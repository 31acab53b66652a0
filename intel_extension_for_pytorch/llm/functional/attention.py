"""Attention over sequences of different lengths, whose keys follow one another or are in blocks.

Lengths stay on the device. The last query of a sequence stands at its last key; causality and
windows count from there.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .devices import on_xpu


def varlen_attention(
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
    """softmax(softcap(scale * query @ key.T) + bias) @ value for each sequence, written into `out`.

    query, out: [tokens, heads, head_size]; key, value: [tokens, key heads, head_size], of one
    dtype, float32, float16 or bfloat16; `heads` is a multiple of `key heads`. seqlen_q, seqlen_k:
    [batch + 1] integers, where each sequence begins. alibi_slopes: [heads] or [batch, heads];
    -slope * |position - key| is added (Press et al., "Train short, test long", 2021).
    max_seqlen_q, max_seqlen_k: bounds of the lengths. A query at position p sees the keys from
    p - window_size_left to p + window_size_right, all where negative; none behind p if
    `is_causal`. A query that sees no key has a result of zeros. softcap > 0: softcap *
    tanh(x / softcap) of scaled products. No gradients; RuntimeError for dropout, `return_softmax`,
    and where shapes, dtypes or devices do not fit.
    """
    return varlen_fwd(
        query,
        key,
        value,
        out,
        seqlen_q,
        seqlen_k,
        None,
        alibi_slopes,
        max_seqlen_q,
        max_seqlen_k,
        pdropout,
        softmax_scale,
        zero_tensors,
        window_size_left,
        window_size_right,
        is_causal,
        return_softmax,
        gen_,
        softcap,
    )


def varlen_fwd(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    out: Tensor,
    cu_seqlens_q: Tensor,
    cu_seqlens_k: Tensor,
    seqused_k: Tensor | None,
    alibi_slopes: Tensor | None,
    max_seqlen_q: int,
    max_seqlen_k: int,
    p_dropout: float,
    softmax_scale: float,
    zero_tensors: bool,
    window_size_left: int,
    window_size_right: int,
    is_causal: bool,
    return_softmax: bool,
    gen: torch.Generator | None,
    softcap: float = -1.0,
    sink: Tensor | None = None,
) -> Tensor:
    """`varlen_attention`, with as many keys of each sequence as `seqused_k` [batch] says.

    sink: [heads], a logit in each softmax that has no value.
    """
    if on_xpu(query):
        return torch.ops.torch_ipex.varlen_fwd(
            query,
            key,
            value,
            out,
            cu_seqlens_q,
            cu_seqlens_k,
            seqused_k,
            alibi_slopes,
            max_seqlen_q,
            max_seqlen_k,
            p_dropout,
            softmax_scale,
            zero_tensors,
            window_size_left,
            window_size_right,
            is_causal,
            return_softmax,
            gen,
            softcap,
            sink,
        )
    if p_dropout or return_softmax:
        raise RuntimeError("varlen_fwd: expected no dropout and no returned softmax")
    lengths = cu_seqlens_k.diff() if seqused_k is None else seqused_k
    ranges = list(zip(cu_seqlens_k[:-1].tolist(), lengths.tolist(), strict=True))
    keys = [key[start : start + length] for start, length in ranges]
    values = [value[start : start + length] for start, length in ranges]
    return varlen_reference(
        query,
        keys,
        values,
        out,
        cu_seqlens_q,
        alibi_slopes,
        softmax_scale,
        (window_size_left, 0 if is_causal else window_size_right),
        softcap,
        sink,
    )


def varlen_reference(
    query: Tensor,
    keys: list[Tensor],
    values: list[Tensor],
    out: Tensor,
    cu_seqlens_q: Tensor,
    alibi_slopes: Tensor | None,
    scale: float,
    window: tuple[int, int] = (-1, -1),
    softcap: float = -1.0,
    sink: Tensor | None = None,
) -> Tensor:
    """`varlen_attention` by plain operators, of the keys and values of each sequence."""
    starts = cu_seqlens_q.tolist()
    for sequence, (key, value) in enumerate(zip(keys, values, strict=True)):
        rows = slice(starts[sequence], starts[sequence + 1])
        slopes = alibi_slopes
        if slopes is not None and slopes.dim() == 2:
            slopes = slopes[sequence]
        out[rows] = attention_reference(
            query[rows], key, value, scale, slopes, window, softcap, sink
        ).to(out.dtype)
    return out


def attention_reference(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    scale: float,
    slopes: Tensor | None = None,
    window: tuple[int, int] = (-1, -1),
    softcap: float = -1.0,
    sink: Tensor | None = None,
) -> Tensor:
    """One sequence: query [queries, heads, size], key and value [keys, key heads, size]."""
    sharing = query.shape[1] // key.shape[1]
    dtype = torch.promote_types(query.dtype, torch.float32)
    q, k, v = (t.to(dtype).transpose(0, 1) for t in (query, key, value))
    k, v = (t.repeat_interleave(sharing, 0) for t in (k, v))
    logits = q @ k.transpose(1, 2) * scale
    if softcap > 0:
        logits = softcap * torch.tanh(logits / softcap)
    positions = torch.arange(q.shape[1], device=q.device) + k.shape[1] - q.shape[1]
    distance = torch.arange(k.shape[1], device=q.device) - positions[:, None]
    if slopes is not None:
        logits = logits - slopes.to(dtype)[:, None, None] * distance.abs()
    unseen = torch.zeros_like(distance, dtype=torch.bool)
    if window[0] >= 0:
        unseen |= distance < -window[0]
    if window[1] >= 0:
        unseen |= distance > window[1]
    logits = logits.masked_fill(unseen, -torch.inf)
    if sink is not None:
        column = sink.to(dtype)[:, None, None].expand(-1, q.shape[1], 1)
        logits = torch.cat([logits, column], -1)
    weights = torch.softmax(logits, -1).nan_to_num(0.0) if logits.shape[-1] else logits
    return (weights[..., : v.shape[1]] @ v).transpose(0, 1)
