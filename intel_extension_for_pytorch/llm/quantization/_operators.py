"""What torch.compile needs to know of the operators on weights of few bits."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


@torch.library.register_fake("torch_ipex::woq_linear")
def _linear_shape(
    input: Tensor, codes: Tensor, scales: Tensor, zeros: Any, bias: Any, *description: Any
) -> Tensor:
    return input.new_empty((*input.shape[:-1], codes.shape[0]))


@torch.library.register_fake("torch_ipex::woq_linear_backward")
def _backward_shape(
    gradient: Tensor,
    codes: Tensor,
    scales: Tensor,
    zeros: Any,
    kind: str,
    in_features: int,
    *description: Any,
) -> Tensor:
    return gradient.new_empty((*gradient.shape[:-1], in_features))


@torch.library.register_fake("torch_ipex::woq_dequantize")
def _dequantize_shape(
    codes: Tensor,
    scales: Tensor,
    zeros: Any,
    kind: str,
    in_features: int,
    span: int,
    zeros_are_offsets: bool,
    dtype: torch.dtype,
) -> Tensor:
    return codes.new_empty((codes.shape[0], in_features), dtype=dtype)
