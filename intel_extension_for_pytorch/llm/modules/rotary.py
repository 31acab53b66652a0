"""Rotary position embedding as a module, with its table of angles."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from .. import functional


class RotaryEmbedding(nn.Module):
    """Turns queries and keys by their positions.

    max_position_embeddings: how many rows the table has at first; it is built once for a device
    and grows when `seq_len` asks for more. pos_embd_dim: how many elements of a head are turned.
    base: of the frequencies base ** (-2 i / pos_embd_dim). extra_rope_config: `rope_type`
    ("default", "linear" or "llama3") and what transformers' `rope_scaling` has for it; ValueError
    for other types. backbone: a model's name, which nothing depends on.
    """

    def __init__(
        self,
        max_position_embeddings: int,
        pos_embd_dim: int,
        base: float = 10000,
        backbone: str | None = None,
        extra_rope_config: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.max_position_embeddings = max_position_embeddings
        self.pos_embd_dim = pos_embd_dim
        self.base = base
        self.model_backbone = backbone
        self._frequencies = inverse_frequencies(pos_embd_dim, base, extra_rope_config or {})
        self._tables: dict[torch.device, tuple[Tensor, Tensor]] = {}

    def forward(
        self,
        x: Tensor,
        position_ids: Tensor,
        num_head: int,
        head_dim: int,
        offset: int,
        rotary_ndims: int,
        seq_len: int | None = None,
        num_concats: int | None = None,
    ) -> Tensor | tuple[Tensor, ...]:
        """x [batch, position, num_head * head_dim] turned: [batch, position, num_head, head_dim].

        position_ids: integers, [batch, position] or [position]. offset: 1 pairs neighbouring
        elements, otherwise element i and i + rotary_ndims / 2 are a pair. seq_len: a bound of the
        positions where they may exceed the table. num_concats: x holds so many tensors one behind
        the other (query, key, value); the first two are turned, and all are returned.
        """
        sin, cos = self.table(x.device, seq_len)
        batch, positions = x.shape[:2]
        parts = x.view(batch, positions, num_concats or 1, num_head, head_dim).unbind(2)
        turned = [part.clone(memory_format=torch.contiguous_format) for part in parts[:2]]
        query, key = functional.rotary_embedding(
            turned[0],
            turned[-1] if len(turned) > 1 else turned[0][:, :, :0],
            sin,
            cos,
            rotary_ndims,
            offset != 1,
            position_ids,
        )
        if num_concats is None:
            return query
        return (query, key, *parts[2:]) if num_concats > 1 else (query,)

    def table(self, device: torch.device, seq_len: int | None = None) -> tuple[Tensor, Tensor]:
        """Sines and cosines of the pairs' angles, [rows, pos_embd_dim / 2] of float32."""
        kept = self._tables.get(device)
        rows = self.max_position_embeddings if kept is None else kept[0].shape[0]
        if seq_len is not None and seq_len > rows:
            rows, kept = max(seq_len, 2 * rows), None
        if kept is None:
            # In float64: an angle is a large number beside what of it matters.
            angles = torch.outer(torch.arange(rows, dtype=torch.float64), self._frequencies)
            kept = angles.sin().float().to(device), angles.cos().float().to(device)
            self._tables[device] = kept
        return kept

    @classmethod
    def apply_function(
        cls,
        query: Tensor,
        key: Tensor,
        sin: Tensor,
        cos: Tensor,
        rotary_dim: int,
        rotary_half: bool,
        position_ids: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        return functional.rotary_embedding(
            query, key, sin, cos, rotary_dim, rotary_half, position_ids
        )


def inverse_frequencies(size: int, base: float, config: Mapping[str, Any]) -> Tensor:
    """The angle from a position to the next for each pair, [size / 2] of float64."""
    plain = base ** (-torch.arange(0, size, 2, dtype=torch.float64) / size)
    kind = config.get("rope_type", config.get("type", "default"))
    if kind == "default":
        return plain
    if kind == "linear":
        return plain / config["factor"]
    if kind != "llama3":
        raise ValueError(f"rope_type: expected default, linear or llama3, got {kind!r}")
    # Long waves are stretched, short ones are kept, with a passage between.
    trained = config["original_max_position_embeddings"]
    low, high = config["low_freq_factor"], config["high_freq_factor"]
    waves = trained * plain / (2 * math.pi)
    kept = ((waves - low) / (high - low)).clamp(0, 1)
    return plain * (kept + (1 - kept) / config["factor"])
