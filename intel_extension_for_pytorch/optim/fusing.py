"""Chooses torch's fused kernels, which update all parameters of an optimizer in one launch."""

from __future__ import annotations

import torch

from .._report import Report
from .master_weights import class_of

_KERNELS: dict[type[torch.optim.Optimizer], str] = {
    torch.optim.SGD: "_fused_sgd_",
    torch.optim.Adam: "_fused_adam_",
    torch.optim.AdamW: "_fused_adamw_",
    torch.optim.Adagrad: "_fused_adagrad_",
}


def fuse_update_step(
    optimizer: torch.optim.Optimizer, model: torch.nn.Module, report: Report
) -> None:
    name = class_of(optimizer).__name__
    obstacle = _obstacle(optimizer, model)
    if obstacle is not None:
        report.missed(f"did not fuse the step of {name}: {obstacle}")
        return
    optimizer.defaults["fused"] = True
    for group in optimizer.param_groups:
        group["fused"] = True
        for parameter in group["params"]:
            state = optimizer.state.get(parameter, {})
            if torch.is_tensor(state.get("step")):  # the kernel counts on the device
                state["step"] = state["step"].to(parameter.device, torch.float32)
    # GradScaler may leave it to the kernel to skip a step, but not the first step with momentum:
    # torch gives the kernel empty buffers, and would keep them.
    if not any(group.get("momentum") for group in optimizer.param_groups):
        optimizer._step_supports_amp_scaling = True  # type: ignore[attr-defined]
    report.done(f"fused the step of {name}")


def _obstacle(optimizer: torch.optim.Optimizer, model: torch.nn.Module) -> str | None:
    kernel = _KERNELS.get(class_of(optimizer))
    if kernel is None:
        return "there is no fused kernel for it"
    for group in optimizer.param_groups:
        for option in ("foreach", "differentiable"):
            if group.get(option):
                return f"it was made with {option}=True"
        if group.get("fused") is False:
            return "it was made with fused=False"
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    if not all(parameter.is_floating_point() for parameter in parameters):
        return "it has parameters that are not floating point"
    for device in {parameter.device.type for parameter in parameters}:
        if not torch._C._dispatch_has_kernel_for_dispatch_key(f"aten::{kernel}", device.upper()):
            return f"aten::{kernel} has no kernel for {device}"
    if any(getattr(module, "sparse", False) for module in model.modules()):
        return "the model has an embedding with sparse gradients"
    return None
