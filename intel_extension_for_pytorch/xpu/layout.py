"""The channels-last layout of three-dimensional tensors, for which stock has no memory format."""

from __future__ import annotations

from typing import TypeVar

import torch

_TensorOrModule = TypeVar("_TensorOrModule", torch.Tensor, torch.nn.Module)


def is_contiguous_channels_last_1d(tensor: torch.Tensor) -> bool:
    """Whether a tensor of shape (N, C, L) lies in memory as (N, L, C)."""
    return tensor.dim() == 3 and tensor.transpose(1, 2).is_contiguous()


def to_channels_last_1d(tensor_or_module: _TensorOrModule) -> _TensorOrModule:
    """Lays out a tensor of shape (N, C, L), or every such parameter of a module, as (N, L, C).

    A module is changed in place and returned; tensors of other dimensions stay as they are.
    """
    if isinstance(tensor_or_module, torch.nn.Module):
        for parameter in tensor_or_module.parameters():
            parameter.data = _channels_last_1d(parameter.data)
        return tensor_or_module
    return _channels_last_1d(tensor_or_module)


def _channels_last_1d(tensor: torch.Tensor) -> torch.Tensor:
    if tensor.dim() != 3:
        return tensor
    return tensor.transpose(1, 2).contiguous().transpose(1, 2)
