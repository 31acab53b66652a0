"""Normalizations as modules."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .. import functional


class RMSNorm(nn.Module):
    """`functional.rms_norm` over the last dimension.

    hidden_size: its size; weight: [hidden_size], ones if None.
    """

    def __init__(self, hidden_size: int, eps: float = 1e-6, weight: Tensor | None = None) -> None:
        super().__init__()
        self.hidden_size = hidden_size
        self.variance_epsilon = eps
        self.weight = nn.Parameter(torch.ones(hidden_size) if weight is None else weight)

    def forward(self, hidden_states: Tensor) -> Tensor:
        return functional.rms_norm(hidden_states, self.weight, self.variance_epsilon)

    @classmethod
    def apply_function(cls, hidden_states: Tensor, weight: Tensor, eps: float) -> Tensor:
        return functional.rms_norm(hidden_states, weight, eps)


class FastLayerNorm(nn.Module):
    """`functional.fast_layer_norm`. normalized_shape, weight, bias: as there."""

    def __init__(
        self,
        normalized_shape: Sequence[int] | int,
        eps: float,
        weight: Tensor,
        bias: Tensor | None = None,
    ) -> None:
        super().__init__()
        if isinstance(normalized_shape, int):
            normalized_shape = (normalized_shape,)
        self.normalized_shape = tuple(normalized_shape)
        self.eps = eps
        self.weight = weight
        self.bias = bias

    def forward(self, hidden_states: Tensor) -> Tensor:
        return functional.fast_layer_norm(
            hidden_states, self.normalized_shape, self.weight, self.bias, self.eps
        )

    @classmethod
    def apply_function(
        cls,
        hidden_states: Tensor,
        normalized_shape: Sequence[int],
        weight: Tensor,
        bias: Tensor | None,
        eps: float,
    ) -> Tensor:
        return functional.fast_layer_norm(hidden_states, normalized_shape, weight, bias, eps)
