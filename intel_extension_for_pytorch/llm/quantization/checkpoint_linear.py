"""`IPEXWeightOnlyQuantizedLinear`: a linear layer of a checkpoint's quantized tensors."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import torch
from torch import Tensor

from .convert import from_awq, from_gptq
from .linear import WeightOnlyLinear
from .weight import QuantizedWeight


class QuantMethod(IntEnum):
    """How a checkpoint packs weights of four bits."""

    GPTQ_GEMM = 0
    AWQ_GEMM = 1


class QuantDtype(IntEnum):
    """What a checkpoint's weights are."""

    INT4 = 0
    FP8_E5M2 = 1
    FP8_E4M3FN = 2


_FLOAT8 = {
    QuantDtype.FP8_E5M2: ("fp8_e5m2", torch.float8_e5m2),
    QuantDtype.FP8_E4M3FN: ("fp8_e4m3", torch.float8_e4m3fn),
}


class IPEXWeightOnlyQuantizedLinear(WeightOnlyLinear):
    """A linear layer of the tensors of a checkpoint."""

    @classmethod
    def from_weight(
        cls,
        qweight: Tensor,
        scales: Tensor,
        zero_points: Tensor | None,
        in_features: int,
        out_features: int,
        qconfig: Any = None,
        bias: Tensor | None = None,
        group_size: int = -1,
        g_idx: Tensor | None = None,
        quant_method: QuantMethod = QuantMethod.GPTQ_GEMM,
        dtype: QuantDtype = QuantDtype.INT4,
    ) -> IPEXWeightOnlyQuantizedLinear:
        """The layer, on the device of `qweight`.

        Args:
            qweight: INT4: int32, [in_features / 8, out_features] for GPTQ_GEMM and [in_features,
                out_features / 8] for AWQ_GEMM. FP8: of the dtype, or its bytes as uint8,
                [in_features, out_features], whose transpose is the weight.
            scales: [groups, out_features]; for FP8 one number, or one for each output feature.
            zero_points: int32 [groups, out_features / 8], packed as the checkpoint does (GPTQ's
                less one), or None.
            qconfig: Not used.
            bias: [out_features] or None.
            group_size: Input features of a group; -1 for all.
            g_idx: GPTQ's groups of the input features (act-order), or None.

        Raises:
            ValueError: The tensors are not of a layer of these features.
        """
        if dtype in _FLOAT8:
            weight = _from_float8(qweight, scales, dtype)
        elif quant_method == QuantMethod.AWQ_GEMM:
            weight = from_awq(qweight, scales, zero_points, group_size)
        else:
            weight = from_gptq(qweight, scales, zero_points, g_idx, group_size)
        if weight.shape != (out_features, in_features):
            raise ValueError(
                "from_weight: expected the weight of a layer of "
                f"{in_features} input and {out_features} output features, but got a qweight of "
                f"shape {tuple(qweight.shape)}, of {weight.shape[1]} and {weight.shape[0]}"
            )
        return cls(weight, bias)


def _from_float8(qweight: Tensor, scales: Tensor, dtype: QuantDtype) -> QuantizedWeight:
    float8 = _FLOAT8[dtype][1]
    if qweight.dim() != 2 or qweight.dtype not in (float8, torch.uint8):
        raise ValueError(
            f"from_weight: expected a qweight of dtype {float8} or uint8 and two dimensions, but "
            f"got {qweight.dtype} of shape {tuple(qweight.shape)}"
        )
    return from_float8(qweight.view(torch.uint8).t().view(float8), scales)


def from_float8(weight: Tensor, scales: Tensor) -> QuantizedWeight:
    """Weights of float8_e4m3fn or float8_e5m2 [N, K] times scales, one or one for each row.

    Raises:
        ValueError: Another dtype, a number of scales that does not fit, or NaN and infinities.
    """
    kinds = {dtype: kind for kind, dtype in _FLOAT8.values()}
    if weight.dim() != 2 or weight.dtype not in kinds or scales.numel() not in (1, len(weight)):
        raise ValueError(
            "from_float8: expected a matrix of float8_e4m3fn or float8_e5m2 and a scale for all "
            f"or for each of its rows, but got {weight.dtype} of shape {tuple(weight.shape)} and "
            f"{scales.numel()} scales"
        )
    if not bool(weight.float().isfinite().all()):
        raise ValueError("from_float8: expected finite weights, but got NaN or infinity")
    codes = weight.contiguous().view(torch.uint8)
    each = scales.float().reshape(-1, 1).expand(len(weight), 1)
    return QuantizedWeight.from_codes(kinds[weight.dtype], codes, -1, each)
