"""What the first layer of a model is given."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from .families import Family, find


class Inputs:
    """Hidden states before the first layer, and positions, from what a base model's forward of
    transformers takes."""

    def __init__(self, family: Family, base: nn.Module) -> None:
        self.embedding = find(base, family.embedding)
        self._norm = find(base, family.embedding_norm)
        self._positions = find(base, family.embedding_positions)

    def __call__(
        self,
        input_ids: Tensor | None,
        embeddings: Tensor | None,
        mask: Tensor | None,
        positions: Tensor | None,
        cached: int,
    ) -> tuple[Tensor, Tensor]:
        """[rows, tokens, width], and int64 [rows, tokens] (expanded)."""
        given: Any = input_ids if input_ids is not None else embeddings
        rows, tokens = given.shape[:2]
        if positions is None:
            positions = self._following(mask, cached, tokens, given.device)
        positions = positions.expand(rows, tokens)
        hidden = self.embedding(input_ids) if embeddings is None else embeddings
        if self._positions is not None:
            hidden = hidden + self._positions(None, cached, position_ids=positions)
        if self._norm is not None:
            hidden = self._norm(hidden)
        return hidden, positions

    def _following(
        self, mask: Tensor | None, cached: int, tokens: int, device: torch.device
    ) -> Tensor:
        if self._positions is not None and mask is not None:  # as OPT counts what is seen
            return ((mask.cumsum(1) * mask - 1).long())[:, cached:]
        return torch.arange(cached, cached + tokens, device=device)[None]
