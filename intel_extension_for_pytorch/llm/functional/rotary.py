"""Rotary position embedding: pairs of elements are turned by angles that depend on the position.

Su et al., "RoFormer: enhanced transformer with rotary position embedding" (2021).
"""

from __future__ import annotations

import torch
from torch import Tensor

from .devices import on_xpu
from .normalization import wide


def rotary_embedding(
    query: Tensor,
    key: Tensor,
    sin: Tensor,
    cos: Tensor,
    rotary_dim: int,
    rotary_half: bool,
    position_ids: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """query * cos + turned(query) * sin for the first `rotary_dim` elements; the same for key.

    query, key: [batch, position, head, element] or [token, head, element], float32, float16 or
    bfloat16, of any strides; their heads may differ in number. `rotary_half` pairs the elements i
    and i + rotary_dim / 2, otherwise 2 i and 2 i + 1. sin, cos: of query's dtype or float32,
    [tokens or positions, rotary_dim], [batch, position, rotary_dim] or four dimensions with one
    head; or with `position_ids` (integers, [batch, position] or [position]) tables of all
    positions, [rows, rotary_dim]. Where their last size is rotary_dim / 2, both elements of a pair
    have its angle.

    Writes into query and key and returns them. Where one needs a gradient the results are new
    tensors, and have it. A position outside of the table is an IndexError at the next
    synchronization.
    """
    if not on_xpu(query):
        return rotary_embedding_reference(
            query, key, sin, cos, rotary_dim, rotary_half, position_ids
        )
    arguments = (query, key, sin, cos, rotary_dim, rotary_half, position_ids)
    if torch.is_grad_enabled() and (query.requires_grad or key.requires_grad):
        return torch.ops.torch_ipex.rotate_pairs(*arguments)
    torch.ops.torch_ipex.rotate_pairs_(*arguments)
    return query, key


def rotary_embedding_reference(
    query: Tensor,
    key: Tensor,
    sin: Tensor,
    cos: Tensor,
    rotary_dim: int,
    rotary_half: bool,
    position_ids: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """`rotary_embedding` by plain operators; the results are new tensors."""
    if position_ids is not None:
        rows = position_ids.reshape(-1).long()
        sin, cos = (t.reshape(-1, t.shape[-1])[rows] for t in (sin, cos))

    def angles(table: Tensor) -> Tensor:
        table = wide(table)
        if table.shape[-1] == rotary_dim // 2:
            table = torch.cat([table] * 2, -1) if rotary_half else table.repeat_interleave(2, -1)
        if table.dim() == 4:
            return table
        if table.dim() == 3 and query.dim() == 3:
            return table
        positions = query.shape[-3]
        batch = max(1, table.numel() // max(1, positions * rotary_dim))
        table = table.reshape(batch, positions, 1, rotary_dim)
        return table[0] if query.dim() == 3 else table

    def turn(x: Tensor) -> Tensor:
        turned, rest = wide(x[..., :rotary_dim]), x[..., rotary_dim:]
        other = swapped(turned, rotary_half)
        return torch.cat([(turned * angles(cos) + other * angles(sin)).to(x.dtype), rest], -1)

    return turn(query), turn(key)


def rotary_embedding_batched(
    positions: Tensor,
    query: Tensor,
    key: Tensor,
    head_dim: int,
    cos_sin_cache: Tensor,
    is_neox: bool,
    rotary_dim: int,
    offsets: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Rotary embedding in the layout of vLLM; writes into query and key and returns them.

    positions: integers, [tokens] or [batch, position]; query, key: [..., heads * head_dim] of as
    many tokens; cos_sin_cache: [rows, rotary_dim], the cosines of the pairs, then the sines.
    `is_neox` pairs the elements i and i + rotary_dim / 2, otherwise 2 i and 2 i + 1. offsets: of
    positions' size, what is added to them. A position outside of the table is an IndexError at
    the next synchronization.
    """
    if not on_xpu(query):
        results = rotary_embedding_batched_reference(
            positions, query, key, head_dim, cos_sin_cache, is_neox, rotary_dim, offsets
        )
        return query.copy_(results[0]), key.copy_(results[1])
    torch.ops.torch_ipex.rotary_embedding_batched(
        positions, query, key, head_dim, cos_sin_cache, is_neox, rotary_dim, offsets
    )
    return query, key


def rotary_embedding_batched_reference(
    positions: Tensor,
    query: Tensor,
    key: Tensor,
    head_dim: int,
    cos_sin_cache: Tensor,
    is_neox: bool,
    rotary_dim: int,
    offsets: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """`rotary_embedding_batched` by plain operators; the results are new tensors."""
    rows = positions.reshape(-1).long()
    if offsets is not None:
        rows = rows + offsets.reshape(-1)
    cos, sin = cos_sin_cache[rows].chunk(2, -1)
    tokens = rows.numel()
    q, k = (t.reshape(tokens, -1, head_dim) for t in (query, key))
    q, k = rotary_embedding_reference(q, k, sin, cos, rotary_dim, is_neox)
    return q.reshape(query.shape), k.reshape(key.shape)


def swapped(x: Tensor, halves: bool) -> Tensor:
    """What the sines are multiplied with: of each pair (a, b) the pair (-b, a)."""
    if halves:
        first, second = x.chunk(2, -1)
        return torch.cat([-second, first], -1)
    first, second = x[..., ::2], x[..., 1::2]
    return torch.stack([-second, first], -1).flatten(-2)
