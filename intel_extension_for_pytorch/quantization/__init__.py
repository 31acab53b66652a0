"""The original extension's recipes of quantization for language models.

`get_weight_only_quant_qconfig_mapping` and `get_smooth_quant_qconfig_mapping` make what
`ipex.llm.optimize(quantization_config=)` takes; `prepare` and `convert` calibrate SmoothQuant.
Convolutional models: `torch.ao.quantization`.
"""

from __future__ import annotations

from .apply import convert, prepare
from .config import (
    SmoothQuantConfig,
    WeightOnlyConfig,
    WoqActQuantMode,
    WoqLowpMode,
    WoqWeightDtype,
    WoqWeightQScheme,
    get_smooth_quant_qconfig_mapping,
    get_weight_only_quant_qconfig_mapping,
)

__all__ = [
    "SmoothQuantConfig",
    "WeightOnlyConfig",
    "WoqActQuantMode",
    "WoqLowpMode",
    "WoqWeightDtype",
    "WoqWeightQScheme",
    "convert",
    "get_smooth_quant_qconfig_mapping",
    "get_weight_only_quant_qconfig_mapping",
    "prepare",
]
