"""`ipex.optimize`: prepares a model, and its optimizer, for the device."""

from __future__ import annotations

import copy
import dataclasses
from typing import Any

import torch

from ._report import Report
from .nn.casting import cast_for_inference, cast_for_training, restore
from .nn.dropout import replace_dropout
from .nn.folding import fold_batch_norms
from .nn.layout import (
    disable_auto_channels_last,
    enable_auto_channels_last,
    lay_out_channels_last,
    wants_channels_last,
)
from .optim.fusing import fuse_update_step
from .optim.master_weights import class_of, step_master_weights

__all__ = ["disable_auto_channels_last", "enable_auto_channels_last", "optimize"]

_DTYPES = (None, torch.float32, torch.bfloat16, torch.float16)
_LOWER_PRECISION = (torch.bfloat16, torch.float16)


@dataclasses.dataclass
class _Choices:
    """Which optimizations to make; None stands for what the level says."""

    conv_bn_folding: bool | None
    linear_bn_folding: bool | None
    replace_dropout_with_identity: bool | None
    split_master_weight_for_bf16: bool | None
    fuse_update_step: bool | None

    def at_level(self, level: str) -> _Choices:
        if level not in ("O0", "O1"):
            raise RuntimeError(f"ipex.optimize: level must be 'O0' or 'O1', got {level!r}")
        values = dataclasses.asdict(self).items()
        return _Choices(**{k: level == "O1" if v is None else v for k, v in values})


def optimize(
    model: torch.nn.Module,
    dtype: torch.dtype | None = None,
    optimizer: torch.optim.Optimizer | None = None,
    level: str = "O1",
    inplace: bool = False,
    conv_bn_folding: bool | None = None,
    linear_bn_folding: bool | None = None,
    weights_prepack: bool | None = None,
    replace_dropout_with_identity: bool | None = None,
    optimize_lstm: bool | None = None,
    split_master_weight_for_bf16: bool | None = None,
    fuse_update_step: bool | None = None,
    auto_kernel_selection: bool | None = None,
    sample_input: Any = None,
    graph_mode: bool | None = None,
    concat_linear: bool | None = None,
    *,
    verbose: bool = False,
) -> Any:
    """Prepares `model` for inference (`model.eval()`) or, with its optimizer, for training.

    Returns the model, or (model, optimizer) if an optimizer was given. On xpu they are changed in
    place, which saves the memory of a copy; elsewhere as `inplace` says.

    Inference: batch normalisations are folded into the convolutions and linear layers before them,
    dropouts become identities, and the weights of convolutions, linear layers, embeddings and LSTMs
    are cast to `dtype`.

    Training: the weights of convolutions, linear layers and embeddings are cast to `dtype`
    (bfloat16 only) and the optimizer gets float32 master weights; torch.optim.SGD keeps only the
    16 bits that the bfloat16 weights lack. The optimizer's step uses torch's fused kernels.

    Run a cast model under `torch.autocast`: normalisations stay in float32. `state_dict` of the
    model and of the optimizer are those of the float32 model and can be loaded into it.

    The switches override what `level` says: "O0" is nothing of the above but the cast, "O1" all.
    What was done, and what not and why, goes to the logger "intel_extension_for_pytorch", or with
    `verbose` to the standard output.
    """
    report = Report(verbose)
    choices = _Choices(
        conv_bn_folding=conv_bn_folding,
        linear_bn_folding=linear_bn_folding,
        replace_dropout_with_identity=replace_dropout_with_identity,
        split_master_weight_for_bf16=split_master_weight_for_bf16,
        fuse_update_step=fuse_update_step,
    ).at_level(level)
    if isinstance(model, torch.jit.ScriptModule):
        report.missed("left the model as it is: it is a ScriptModule")
        return model if optimizer is None else (model, optimizer)
    _check(model, dtype, optimizer)
    device = _device_of(model)
    _report_not_applicable(
        report,
        weights_prepack=weights_prepack,
        optimize_lstm=optimize_lstm,
        auto_kernel_selection=auto_kernel_selection,
        graph_mode=graph_mode,
        concat_linear=concat_linear,
        sample_input=sample_input is not None,
    )
    if device.type != "xpu" and not inplace:
        model, optimizer = copy.deepcopy((model, optimizer))
    if optimizer is None:
        _optimize_inference(model, dtype, choices, device, report)
        return model
    if choices.split_master_weight_for_bf16 and class_of(optimizer) is not torch.optim.SGD:
        choices.split_master_weight_for_bf16 = False
        if split_master_weight_for_bf16:
            report.missed(
                "split_master_weight_for_bf16 works with torch.optim.SGD; "
                f"{class_of(optimizer).__name__} gets whole float32 master weights"
            )
    _optimize_training(model, dtype, optimizer, choices, device, report)
    return model, optimizer


def _optimize_inference(
    model: torch.nn.Module,
    dtype: torch.dtype | None,
    choices: _Choices,
    device: torch.device,
    report: Report,
) -> None:
    restore(model)
    if choices.conv_bn_folding or choices.linear_bn_folding:
        fold_batch_norms(
            model, bool(choices.conv_bn_folding), bool(choices.linear_bn_folding), report
        )
    if choices.replace_dropout_with_identity:
        replace_dropout(model, report)
    if wants_channels_last(device):
        lay_out_channels_last(model, report)
    if dtype in _LOWER_PRECISION:
        cast_for_inference(model, dtype, report)


def _optimize_training(
    model: torch.nn.Module,
    dtype: torch.dtype | None,
    optimizer: torch.optim.Optimizer,
    choices: _Choices,
    device: torch.device,
    report: Report,
) -> None:
    if wants_channels_last(device):
        lay_out_channels_last(model, report)
    if dtype in _LOWER_PRECISION:
        cast_for_training(model, dtype, bool(choices.split_master_weight_for_bf16), report)
        step_master_weights(optimizer)
    if choices.fuse_update_step:
        fuse_update_step(optimizer, model, report)


def _check(
    model: torch.nn.Module, dtype: torch.dtype | None, optimizer: torch.optim.Optimizer | None
) -> None:
    if dtype not in _DTYPES:
        raise RuntimeError(
            "ipex.optimize: dtype must be torch.float32, torch.bfloat16, torch.float16 or None, "
            f"got {dtype}"
        )
    if model.training and optimizer is None:
        raise RuntimeError(
            "ipex.optimize: the model is in training mode and no optimizer was given; "
            "give its optimizer to train it, or call model.eval() for inference"
        )
    if not model.training and optimizer is not None:
        raise RuntimeError(
            "ipex.optimize: an optimizer was given, but the model is in evaluation mode; "
            "call model.train() to train it, or give no optimizer for inference"
        )
    if optimizer is not None and dtype == torch.float16:
        raise RuntimeError(
            "ipex.optimize: weights are not cast to float16 for training, its range is too small; "
            "use dtype=torch.bfloat16, or keep float32 weights (dtype=None) and train in float16 "
            'with torch.autocast("xpu", dtype=torch.float16) and torch.amp.GradScaler("xpu")'
        )


def _device_of(model: torch.nn.Module) -> torch.device:
    devices = {parameter.device for parameter in model.parameters()}
    if len(devices) > 1:
        names = ", ".join(sorted(map(str, devices)))
        raise RuntimeError(f"ipex.optimize: the parameters are on several devices: {names}")
    return devices.pop() if devices else torch.device("cpu")


def _report_not_applicable(report: Report, **asked_for: bool | None) -> None:
    reasons = {
        "weights_prepack": "weights keep their layout, kernels reorder them where it pays",
        "optimize_lstm": "LSTM modules are used as they are",
        "auto_kernel_selection": "each operator has one kernel for a device and type",
        "graph_mode": "use torch.compile",
        "concat_linear": "linear layers are run one by one",
        "sample_input": "nothing here depends on the shape of the input",
    }
    for name, asked in asked_for.items():
        if asked:
            report.missed(f"{name} has no effect: {reasons[name]}")
