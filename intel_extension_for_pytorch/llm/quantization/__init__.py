"""Weights of few bits for large language models.

`quantize_model` rounds the linear layers of a model; `from_gptq`, `from_awq`, `from_gguf`,
`from_int4pack` and `from_float8` take what was rounded before. `QuantizedWeight` is the matrix,
`WeightOnlyLinear` and `IPEXWeightOnlyQuantizedLinear` are layers, and `smooth_quantize` makes
layers whose activations are int8 too. `load_checkpoint` loads models of GPTQ, AWQ and others.
"""

from __future__ import annotations

from .checkpoint import load_checkpoint
from .checkpoint_linear import IPEXWeightOnlyQuantizedLinear, QuantDtype, QuantMethod, from_float8
from .convert import from_awq, from_gguf, from_gptq, from_int4pack
from .gptq import gptq_quantize, gptq_weight
from .linear import QuantizationReport, WeightOnlyLinear, quantize_model
from .smooth import SmoothQuantLinear, smooth_quantize
from .weight import QuantizedWeight

__all__ = [
    "IPEXWeightOnlyQuantizedLinear",
    "QuantDtype",
    "QuantMethod",
    "QuantizationReport",
    "QuantizedWeight",
    "SmoothQuantLinear",
    "WeightOnlyLinear",
    "from_awq",
    "from_float8",
    "from_gguf",
    "from_gptq",
    "from_int4pack",
    "gptq_quantize",
    "gptq_weight",
    "load_checkpoint",
    "quantize_model",
    "smooth_quantize",
]
