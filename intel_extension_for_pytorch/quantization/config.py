"""What `ipex.llm.optimize(quantization_config=)` takes: the original extension's recipes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import torch
from torch import nn
from torch.ao.quantization import QConfigMapping


class WoqLowpMode(IntEnum):
    """The least precise dtype to compute in. Nothing depends on it here."""

    NONE = 0
    FP16 = 1
    BF16 = 2
    INT8 = 3


class WoqActQuantMode(IntEnum):
    """How activations become int8 with `WoqLowpMode.INT8`. Nothing depends on it here."""

    NONE = -1
    PER_TENSOR = 0
    PER_IC_BLOCK = 1
    PER_BATCH = 2
    PER_BATCH_IC_BLOCK = 3
    PER_TENSOR_SYM = 4
    PER_IC_BLOCK_SYM = 5
    PER_BATCH_SYM = 6
    PER_BATCH_IC_BLOCK_SYM = 7


class WoqWeightDtype(IntEnum):
    """What weights become."""

    INT8 = 1
    INT4 = 2
    NF4 = 3
    FP8 = 4


class WoqWeightQScheme(IntEnum):
    """Whether weights have zero points; UNDEFINED: integers have."""

    UNDEFINED = 0
    ASYMMETRIC = 1
    SYMMETRIC = 2


_KINDS: dict[Any, str] = {
    WoqWeightDtype.INT8: "int8",
    WoqWeightDtype.INT4: "int4",
    WoqWeightDtype.NF4: "nf4",
    WoqWeightDtype.FP8: "fp8_e4m3",
    torch.qint8: "int8",
    torch.quint4x2: "int4",
}


@dataclass(frozen=True)
class WeightOnlyConfig:
    """Weights of few bits: see `ipex.llm.quantization.quantize_model`."""

    kind: str
    group_size: int
    symmetric: bool


@dataclass(frozen=True)
class SmoothQuantConfig:
    """Weights and activations of eight bits: see `ipex.llm.quantization.smooth_quantize`."""

    alpha: float
    dynamic: bool


def get_weight_only_quant_qconfig_mapping(
    *,
    weight_dtype: WoqWeightDtype | torch.dtype | int = WoqWeightDtype.INT8,
    lowp_mode: int = WoqLowpMode.NONE,
    act_quant_mode: int = WoqActQuantMode.PER_BATCH_IC_BLOCK_SYM,
    group_size: int = -1,
    weight_qscheme: int = WoqWeightQScheme.UNDEFINED,
) -> QConfigMapping:
    """The recipe for weights of few bits with activations as they are.

    `set_module_name(name, None)` of the result keeps a layer; with another recipe's
    `global_qconfig` a layer gets that.

    Args:
        weight_dtype: Of `WoqWeightDtype`, or torch.qint8 or torch.quint4x2.
        lowp_mode, act_quant_mode: Taken, and checked; nothing depends on them.
        group_size: Input features that share a scale: -1 for all, or a multiple of 32.

    Raises:
        ValueError: A value that there is not.
    """
    name = "get_weight_only_quant_qconfig_mapping"
    if weight_dtype not in _KINDS:
        raise ValueError(
            f"{name}: expected a weight_dtype of WoqWeightDtype, torch.qint8 or torch.quint4x2, "
            f"but got {weight_dtype}"
        )
    if group_size != -1 and (group_size <= 0 or group_size % 32):
        raise ValueError(
            f"{name}: expected a group_size of -1 or a multiple of 32, but got {group_size}"
        )
    WoqLowpMode(lowp_mode), WoqActQuantMode(act_quant_mode)
    symmetric = WoqWeightQScheme(weight_qscheme) == WoqWeightQScheme.SYMMETRIC
    config: Any = WeightOnlyConfig(_KINDS[weight_dtype], group_size, symmetric)
    return QConfigMapping().set_global(config)


def get_smooth_quant_qconfig_mapping(
    alpha: float = 0.5,
    act_observer: Any = None,
    act_ic_observer: Any = None,
    wei_observer: Any = None,
    wei_ic_observer: Any = None,
    share_weight_observers: bool = True,
    *,
    dynamic: bool = True,
) -> QConfigMapping:
    """The recipe for SmoothQuant: weights and activations of eight bits.

    Args:
        alpha: From 0 to 1: how much of the activations' range the weights take over.
        act_observer, act_ic_observer, wei_observer, wei_ic_observer: Must be None: maxima are
            observed.
        share_weight_observers: Nothing depends on it.
        dynamic: Whether activations are scaled token by token; else by the calibration's largest.

    Raises:
        ValueError: An `alpha` out of range, or an observer.
    """
    del share_weight_observers
    name = "get_smooth_quant_qconfig_mapping"
    if not 0 <= alpha <= 1:
        raise ValueError(f"{name}: expected alpha from 0 to 1, but got {alpha}")
    for observer in (act_observer, act_ic_observer, wei_observer, wei_ic_observer):
        if observer is not None:
            raise ValueError(f"{name}: expected None for observers, but got {observer}")
    config: Any = SmoothQuantConfig(alpha, dynamic)
    return QConfigMapping().set_global(config)


def config_of(mapping: QConfigMapping, name: str, module: nn.Module) -> Any:
    """What a mapping says of a module, None for nothing: by its name first, then by patterns of
    names, then by its class. A global recipe leaves `lm_head` as it is."""
    if name in mapping.module_name_qconfigs:
        return mapping.module_name_qconfigs[name]
    for pattern, config in mapping.module_name_regex_qconfigs.items():
        if re.match(pattern, name):
            return config
    if type(module) in mapping.object_type_qconfigs:
        return mapping.object_type_qconfigs[type(module)]
    return None if name.rpartition(".")[2] == "lm_head" else mapping.global_qconfig
