"""Models of checkpoints whose linear layers other programs quantized."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from .checkpoint_linear import from_float8
from .convert import from_awq, from_gptq
from .linear import QuantizationReport, WeightOnlyLinear
from .weight import QuantizedWeight

FLOAT8_BLOCK = 128  # rows and columns that share a scale in checkpoints of DeepSeek
_DTYPES = {torch.float8_e4m3fn: "fp8_e4m3", torch.float8_e5m2: "fp8_e5m2"}
# How a checkpoint calls a layer's tensors, by how we call them.
_NAMES = {"qweight": "qweight", "scales": "scales", "qzeros": "qzeros", "g_idx": "g_idx"}
_NAMES_OF_FLOAT8 = {"qweight": "weight", "scales": "weight_scale", "block": "weight_scale_inv"}
_NAMES_OF_COMPRESSOR = {"qweight": "packed_weight", "scales": "scale", "qzeros": "packed_zp"}
_KEYS_OF_CALLERS = {
    "qweight": "weight_key",
    "scales": "scale_key",
    "qzeros": "zero_point_key",
    "g_idx": "g_idx_key",
}


def load_checkpoint(model: nn.Module, checkpoint: Any, settings: Any = None) -> QuantizationReport:
    """Replaces the linear layers of `model`, in place, that a checkpoint has quantized weights of
    by `WeightOnlyLinear`, and loads the checkpoint's other tensors. Parameters may be on "meta".

    Args:
        checkpoint: A state dict; a folder of it in safetensors, or a file that torch.load reads; or
            one of them and its settings.
        settings: Dict, or a configuration of transformers: "quant_method" is "gptq", "awq", "rtn",
            "auto-round", "fp8" or "int8"; "bits", "group_size", "checkpoint_format" are taken, too.
            None: what the folder's or the model's configuration says, else GPTQ's. Names of
            tensors, as "weight_key": "packed_weight", tell of neural-compressor's own format.

    Raises:
        ValueError: A method that there is not, a checkpoint that has no layer of the model, lacks
            parameters or has tensors that do not fit.
    """
    if isinstance(checkpoint, (tuple, list)):
        checkpoint, settings = checkpoint
    if isinstance(checkpoint, (str, Path)):
        checkpoint, of_folder = _read(Path(checkpoint))
        settings = of_folder if settings is None else settings
    if settings is None:
        settings = getattr(getattr(model, "config", None), "quantization_config", None)
    settings = _plain(settings)
    if any(key.endswith(f".{_NAMES_OF_COMPRESSOR['qweight']}") for key in checkpoint):
        settings = {"weight_key": _NAMES_OF_COMPRESSOR["qweight"], **settings}
    read, names = _reader(settings)
    rest = dict(checkpoint)
    report = QuantizationReport()
    for name, layer in list(model.named_modules()):
        if not isinstance(layer, nn.Linear):
            continue
        found = {own: rest.get(f"{name}.{theirs}") for own, theirs in names.items()}
        if not _is_quantized(found):
            report.kept[name] = "the checkpoint has no quantized weights of it"
            continue
        for theirs in names.values():
            rest.pop(f"{name}.{theirs}", None)
        model.set_submodule(name, _layer(name, layer, found, rest, read))
        report.replaced.append(name)
        report.bytes_before += layer.weight.nbytes
    if not report.replaced:
        raise ValueError(
            f"low_precision_checkpoint: expected tensors such as "
            f"'{next(iter(report.kept), 'layer')}.{names['qweight']}', but got "
            f"{', '.join(repr(key) for key in list(checkpoint)[:3])} ..."
        )
    for name in report.replaced:
        layer_bytes = sum(buffer.nbytes for buffer in model.get_submodule(name).buffers())
        report.bytes_after += layer_bytes
    _load_rest(model, rest)
    return report


def _is_quantized(found: Mapping[str, Tensor | None]) -> bool:
    weight = found["qweight"]
    scales = found.get("scales") if found.get("scales") is not None else found.get("block")
    return weight is not None and scales is not None


def _layer(
    name: str,
    layer: nn.Linear,
    found: dict[str, Tensor | None],
    rest: dict[str, Tensor],
    read: Callable[[nn.Linear, dict[str, Any]], QuantizedWeight],
) -> WeightOnlyLinear:
    bias: Any = rest.pop(f"{name}.bias", None)
    if bias is None:
        bias = layer.bias
    elif not layer.weight.is_meta:
        bias = bias.to(layer.weight.dtype)
    try:
        weight = read(layer, found)
    except (ValueError, RuntimeError) as error:
        raise ValueError(f"low_precision_checkpoint: {name}: {error}") from error
    shape = (layer.out_features, layer.in_features)
    if tuple(weight.shape) != shape:
        raise ValueError(
            f"low_precision_checkpoint: {name}: expected weights of shape {shape}, but got "
            f"{tuple(weight.shape)}"
        )
    made = WeightOnlyLinear(weight, bias)
    made.train(layer.training)
    return made


def _load_rest(model: nn.Module, rest: dict[str, Tensor]) -> None:
    if not rest:
        return
    _, unexpected = model.load_state_dict(rest, strict=False, assign=True)
    if unexpected:
        raise ValueError(
            "low_precision_checkpoint: expected tensors of the model, but got "
            f"{', '.join(unexpected[:4])}"
        )
    if hasattr(model, "tie_weights"):
        model.tie_weights()  # type: ignore[operator]
    empty = [name for name, parameter in model.named_parameters() if parameter.is_meta]
    if empty:
        raise ValueError(
            f"low_precision_checkpoint: expected all parameters, but got none for "
            f"{', '.join(empty[:4])}"
        )


def _read(path: Path) -> tuple[dict[str, Tensor], Any]:
    """The tensors of a folder or file, and what the folder says of them."""
    if path.is_file() and path.suffix != ".safetensors":
        return torch.load(path, map_location="cpu", weights_only=True), None
    from safetensors.torch import load_file

    files = [path] if path.is_file() else sorted(path.glob("*.safetensors"))
    if not files:
        raise ValueError(f"low_precision_checkpoint: expected safetensors in {path}, but got none")
    tensors: dict[str, Tensor] = {}
    for file in files:
        tensors |= load_file(file)
    description = files[0].parent / "config.json"
    if not description.is_file():
        return tensors, None
    return tensors, json.loads(description.read_text()).get("quantization_config")


def _plain(settings: Any) -> dict[str, Any]:
    if settings is None:
        return {"quant_method": "gptq"}
    plain = settings.to_dict() if hasattr(settings, "to_dict") else dict(settings)
    if "groups" in plain:  # the original's first releases
        plain["group_size"] = plain.pop("groups")
    method = plain.get("quant_method", "gptq")
    plain["quant_method"] = str(getattr(method, "value", method))
    return plain


def _reader(
    settings: dict[str, Any],
) -> tuple[Callable[[nn.Linear, dict[str, Any]], QuantizedWeight], dict[str, str]]:
    """What makes weights of a layer's tensors, and the tensors' names."""
    method = settings["quant_method"]
    if any(key in settings for key in _KEYS_OF_CALLERS.values()):
        names = {
            own: settings.get(key, _NAMES_OF_COMPRESSOR.get(own, own))
            for own, key in _KEYS_OF_CALLERS.items()
        }
        return _compressor, names
    packing = f"{settings.get('packing_format', '')} {settings.get('backend', '')}"
    if method == "awq" or (method == "auto-round" and "awq" in packing):
        return (lambda layer, found: _awq(layer, found, settings)), _NAMES
    if method in ("gptq", "rtn", "auto-round", "intel/auto-round"):
        return (lambda layer, found: _gptq(layer, found, settings)), _NAMES
    if method == "fp8":
        return _float8, _NAMES_OF_FLOAT8
    if method == "int8":
        return _int8, _NAMES_OF_FLOAT8
    raise ValueError(
        "low_precision_checkpoint: expected quant_method gptq, awq, rtn, auto-round, fp8 or int8, "
        f"but got {method!r}"
    )


def _group_size(layer: nn.Linear, scales: Tensor, settings: dict[str, Any]) -> int:
    groups = scales.shape[0]
    if groups == 1:
        return -1
    given = settings.get("group_size")
    return given if given not in (None, -1) else -(-layer.in_features // groups)


def _gptq(layer: nn.Linear, found: dict[str, Any], settings: dict[str, Any]) -> QuantizedWeight:
    bits = found["qweight"].shape[0] * 32 // layer.in_features
    second = settings.get("checkpoint_format") == "gptq_v2"
    group_size = _group_size(layer, found["scales"], settings)
    return from_gptq(
        found["qweight"],
        found["scales"],
        found["qzeros"],
        found["g_idx"],
        group_size,
        bits,
        zero_offset=0 if second else 1,
    )


def _awq(layer: nn.Linear, found: dict[str, Any], settings: dict[str, Any]) -> QuantizedWeight:
    group_size = _group_size(layer, found["scales"], settings)
    return from_awq(found["qweight"], found["scales"], found["qzeros"], group_size)


def _compressor(layer: nn.Linear, found: dict[str, Any]) -> QuantizedWeight:
    """Codes of four bits packed along the input features [N, K / 8], scales [N, groups], zero
    points [N, groups / 8] as they are."""
    from ...nn.utils._quantize_convert import WeightOnlyQuantizedLinear

    groups = found["scales"].shape[1]
    group_size = -1 if groups == 1 else -(-layer.in_features // groups)
    reader = WeightOnlyQuantizedLinear(
        layer.in_features,
        layer.out_features,
        bias=False,
        weight_dtype="int4",
        blocksize=group_size,
        use_optimum_format=False,
    )
    reader.set_scales_zps_gidx(found["scales"], found["qzeros"], found["g_idx"])
    reader.set_weights_bias(found["qweight"])
    assert reader.weight is not None
    return reader.weight


def _float8(layer: nn.Linear, found: dict[str, Any]) -> QuantizedWeight:
    weight, block = found["qweight"], found["block"]
    if block is None or block.numel() == 1:
        return from_float8(weight, found["scales"] if block is None else block)
    if weight.dtype not in _DTYPES:
        raise ValueError(f"expected a weight of float8, but got {weight.dtype}")
    rows = block.float().repeat_interleave(FLOAT8_BLOCK, 0)[: len(weight)]
    codes = weight.contiguous().view(torch.uint8)
    return QuantizedWeight.from_codes(_DTYPES[weight.dtype], codes, FLOAT8_BLOCK, rows)


def _int8(layer: nn.Linear, found: dict[str, Any]) -> QuantizedWeight:
    weight = found["qweight"]
    if weight.dtype != torch.int8:
        raise ValueError(f"expected a weight of int8, but got {weight.dtype}")
    scales = found["scales"].float().reshape(-1, 1).expand(len(weight), 1)
    return QuantizedWeight.from_codes("int8", weight.contiguous().view(torch.uint8), -1, scales)
