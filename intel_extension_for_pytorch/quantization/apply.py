"""Recipes of quantization, applied to models."""

from __future__ import annotations

import copy
import functools
import json
from typing import Any

import torch
from torch import Tensor, nn
from torch.ao.quantization import QConfigMapping

from ..llm.quantization.linear import QuantizationReport, quantize_model
from ..llm.quantization.smooth import Calibration, smooth_linears
from .config import (
    SmoothQuantConfig,
    WeightOnlyConfig,
    WoqWeightDtype,
    config_of,
    get_weight_only_quant_qconfig_mapping,
)

_CALIBRATION = "_ipex_calibration"
BITS_AND_BYTES_BLOCK = 64  # weights that share a scale


def prepare(
    model: Any,
    configure: QConfigMapping,
    example_inputs: Any = None,
    inplace: bool = False,
    bn_folding: bool = True,
    example_kwarg_inputs: Any = None,
) -> Any:
    """Makes the linear layers of a model keep the largest inputs that they see, for SmoothQuant.

    Call the model with what it will be used for, then `convert` it; or write what was seen with
    its `save_qconf_summary(path)` for `ipex.llm.optimize(qconfig_summary_file=)`.
    `load_qconf_summary(path)` reads it instead.

    Args:
        configure: Of `get_smooth_quant_qconfig_mapping`.
        example_inputs, bn_folding, example_kwarg_inputs: Nothing depends on them.
        inplace: Changes `model` itself instead of a copy.

    Raises:
        TypeError: Another recipe.
    """
    del example_inputs, bn_folding, example_kwarg_inputs
    if not _is_smooth(configure):
        raise TypeError(
            "prepare: expected a recipe of get_smooth_quant_qconfig_mapping, but got "
            f"{type(configure).__name__}; weights of few bits need no preparation, and "
            "torch.ao.quantization prepares other models"
        )
    if not inplace:
        model = copy.deepcopy(model)
    calibration = Calibration(model, _kept(model, configure))
    setattr(model, _CALIBRATION, (calibration, configure))
    model.save_qconf_summary = functools.partial(_save, calibration)
    model.load_qconf_summary = functools.partial(_load, calibration)
    return model


def convert(model: Any, inplace: bool = False) -> Any:
    """Replaces the linear layers of a prepared model by ones of eight bits.

    Raises:
        RuntimeError: `model` is not one of `prepare`, or has seen nothing.
    """
    prepared = getattr(model, _CALIBRATION, None)
    if prepared is None or not prepared[0].maxima:
        raise RuntimeError(
            "convert: expected a model that `prepare` returned and that was called since then"
        )
    calibration, mapping = prepared
    calibration.end()
    for name in (_CALIBRATION, "save_qconf_summary", "load_qconf_summary"):
        delattr(model, name)
    if not inplace:
        model = copy.deepcopy(model)
    _smooth(model, mapping, calibration.maxima)
    return model


def awaits_calibration(config: Any, summary_file: Any) -> bool:
    """Whether a recipe is of SmoothQuant, and nothing says what it needs to know."""
    return _is_smooth(config) and summary_file is None


def quantize_by_config(model: Any, config: Any, summary_file: Any) -> list[str]:
    """Replaces the linear layers of `model`, in place, as a recipe says; says what was done.

    Raises:
        TypeError: No recipe.
    """
    if awaits_calibration(config, summary_file):
        return ["SmoothQuant: to be calibrated with ipex.quantization.prepare"]
    mapping = _of_bits_and_bytes(config) or config
    if not isinstance(mapping, QConfigMapping):
        raise TypeError(
            "ipex.llm.optimize: expected a quantization_config of ipex.quantization, or a "
            f"low_precision_checkpoint besides, but got {type(config).__name__}"
        )
    if _is_smooth(mapping):
        return [f"SmoothQuant: {_smooth(model, mapping, _read(summary_file))}"]
    notes = []
    configs = {name: config_of(mapping, name, layer) for name, layer in _linears(model).items()}
    for one in dict.fromkeys(configs.values()):
        if one is None:
            continue
        if not isinstance(one, WeightOnlyConfig):
            raise TypeError(
                "ipex.llm.optimize: expected recipes of ipex.quantization, but got "
                f"{type(one).__name__}"
            )
        others = [name for name, other in configs.items() if other != one]
        report = quantize_model(model, one.kind, one.group_size, others, one.symmetric)
        for name in others:
            report.kept.pop(name, None)
        notes.append(f"{one.kind}: {report}")
    return notes


def _is_smooth(mapping: Any) -> bool:
    return isinstance(getattr(mapping, "global_qconfig", None), SmoothQuantConfig)


def _of_bits_and_bytes(config: Any) -> QConfigMapping | None:
    """The recipe that a BitsAndBytesConfig of transformers means; None for all else."""
    if type(config).__name__ != "BitsAndBytesConfig":
        return None
    if not config.load_in_4bit:
        return get_weight_only_quant_qconfig_mapping(weight_dtype=WoqWeightDtype.INT8)
    if config.bnb_4bit_quant_type != "nf4":
        raise TypeError(
            "ipex.llm.optimize: expected bnb_4bit_quant_type 'nf4', but got "
            f"{config.bnb_4bit_quant_type!r}"
        )
    return get_weight_only_quant_qconfig_mapping(
        weight_dtype=WoqWeightDtype.NF4, group_size=BITS_AND_BYTES_BLOCK
    )


def _linears(model: nn.Module) -> dict[str, nn.Linear]:
    return {name: layer for name, layer in model.named_modules() if isinstance(layer, nn.Linear)}


def _kept(model: nn.Module, mapping: QConfigMapping) -> list[str]:
    return [n for n, layer in _linears(model).items() if config_of(mapping, n, layer) is None]


def _smooth(
    model: nn.Module, mapping: QConfigMapping, maxima: dict[str, Tensor]
) -> QuantizationReport:
    report = QuantizationReport()
    for name, layer in _linears(model).items():
        config = config_of(mapping, name, layer)
        if config is not None and name in maxima:
            one = {name: layer}
            smooth_linears(model, one, maxima, config.alpha, config.dynamic, report)
    return report


def _save(calibration: Calibration, qconf_summary: Any) -> None:
    maxima = {name: values.tolist() for name, values in calibration.maxima.items()}
    with open(qconf_summary, "w") as file:
        json.dump({"input_maxima": maxima}, file)


def _load(calibration: Calibration, qconf_summary: Any) -> None:
    for name, values in _read(qconf_summary).items():
        if name in calibration.layers:
            calibration.maxima[name] = values.to(calibration.layers[name].weight.device)


def _read(summary_file: Any) -> dict[str, Tensor]:
    with open(summary_file) as file:
        content = json.load(file)
    if not isinstance(content, dict) or "input_maxima" not in content:
        raise ValueError(
            f"ipex.llm.optimize: expected {summary_file} to be of save_qconf_summary of a model "
            "that ipex.quantization.prepare returned"
        )
    return {name: torch.tensor(values) for name, values in content["input_maxima"].items()}
