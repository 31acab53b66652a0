"""Layer and RMS normalization over the last dimensions, of sums too.

Statistics are float32, weight and bias are applied in float32, and the result is rounded once.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from .devices import on_xpu


def rms_norm(x: Tensor, weight: Tensor | None, eps: float) -> Tensor:
    """x / sqrt(mean(x²) + eps) * weight over the last dimensions, those of `weight`.

    x: [..., *weight.shape], float32, float16 or bfloat16, of any strides; weight: of x's dtype or
    float32. Has gradients. Raises RuntimeError where shapes, dtypes or devices do not fit.
    Zhang and Sennrich, "Root mean square layer normalization" (2019).
    """
    if not on_xpu(x):
        return rms_norm_reference(x, weight, eps)
    return torch.ops.torch_ipex.fast_rms_norm(x, _normalized(x, weight), weight, None, eps)


def rms_norm_reference(x: Tensor, weight: Tensor | None, eps: float) -> Tensor:
    """`rms_norm` by plain operators."""
    return _rms_norm(wide(x), x, weight, None, eps)


def fast_layer_norm(
    x: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None,
    bias: Tensor | None,
    eps: float,
) -> Tensor:
    """(x - mean) / sqrt(variance + eps) * weight + bias over the last dimensions.

    x: [..., *normalized_shape], float32, float16 or bfloat16; weight and bias: of x's dtype or
    float32, both of one. Has gradients. Raises RuntimeError where shapes, dtypes or devices do not
    fit. Ba, Kiros and Hinton, "Layer normalization" (2016).
    """
    if on_xpu(x):
        return torch.ops.torch_ipex.fast_layer_norm(x, list(normalized_shape), weight, bias, eps)
    return fast_layer_norm_reference(x, normalized_shape, weight, bias, eps)


def fast_layer_norm_reference(
    x: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None,
    bias: Tensor | None,
    eps: float,
) -> Tensor:
    """`fast_layer_norm` by plain operators."""
    return _layer_norm(wide(x), x, list(normalized_shape), weight, bias, eps)


def add_rms_norm(
    residual: Tensor | None,
    x: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    eps: float,
    add_back: bool = False,
) -> Tensor:
    """`rms_norm` of residual + x, plus bias. The sum is not rounded before it is normalized.

    residual: of x's shape and dtype; `add_back` writes the sum into it. Has gradients.
    """
    if not on_xpu(x):
        return add_rms_norm_reference(residual, x, weight, bias, eps, add_back)
    shape = _normalized(x, weight)
    if residual is None:
        return torch.ops.torch_ipex.fast_rms_norm(x, shape, weight, bias, eps)
    return torch.ops.torch_ipex.add_rms_norm(residual, x, shape, weight, bias, eps, add_back)


def add_rms_norm_reference(
    residual: Tensor | None,
    x: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    eps: float,
    add_back: bool = False,
) -> Tensor:
    """`add_rms_norm` by plain operators."""
    return _rms_norm(_summed(residual, x, add_back), x, weight, bias, eps)


def add_layer_norm(
    residual: Tensor | None,
    x: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    eps: float,
    add_back: bool = False,
) -> Tensor:
    """`fast_layer_norm` of residual + x over weight's dimensions, the last one without a weight.

    residual: of x's shape and dtype; `add_back` writes the sum into it. Has gradients.
    """
    if not on_xpu(x):
        return add_layer_norm_reference(residual, x, weight, bias, eps, add_back)
    shape = _normalized(x, weight)
    if residual is None:
        return torch.ops.torch_ipex.fast_layer_norm(x, shape, weight, bias, eps)
    return torch.ops.torch_ipex.add_layer_norm(residual, x, shape, weight, bias, eps, add_back)


def add_layer_norm_reference(
    residual: Tensor | None,
    x: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    eps: float,
    add_back: bool = False,
) -> Tensor:
    """`add_layer_norm` by plain operators."""
    total = _summed(residual, x, add_back)
    return _layer_norm(total, x, _normalized(x, weight), weight, bias, eps)


def wide(x: Tensor) -> Tensor:
    """In the dtype that is computed in: float32 for half and bfloat16."""
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


def _normalized(x: Tensor, weight: Tensor | None) -> list[int]:
    return list(x.shape[-1:] if weight is None else weight.shape)


def _summed(residual: Tensor | None, x: Tensor, add_back: bool) -> Tensor:
    total = wide(x) if residual is None else wide(x) + residual
    if add_back and residual is not None:
        residual.copy_(total)
    return total


def _rms_norm(
    value: Tensor, like: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float
) -> Tensor:
    last = tuple(range(-len(_normalized(like, weight)), 0))
    result = value * torch.rsqrt(value.square().mean(last, keepdim=True) + eps)
    return _scaled(result, weight, bias).to(like.dtype)


def _layer_norm(
    value: Tensor,
    like: Tensor,
    shape: list[int],
    weight: Tensor | None,
    bias: Tensor | None,
    eps: float,
) -> Tensor:
    return _scaled(functional.layer_norm(value, shape, eps=eps), weight, bias).to(like.dtype)


def _scaled(value: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    if weight is not None:
        value = value * weight
    return value if bias is None else value + bias
