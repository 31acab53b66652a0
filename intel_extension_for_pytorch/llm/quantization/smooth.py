"""SmoothQuant: weights and activations of eight bits (arXiv 2211.10438)."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from .linear import QuantizationReport

LARGEST = 127
# Maxima below this count as this, so that nothing is divided by 0.
SMALLEST = 1e-5


class SmoothQuantLinear(nn.Module):
    """A linear layer computed in int8: ``round(x / smoothing / a) @ codes.T * a * scales + bias``,
    with `a` of each token (dynamic) or of all (static)."""

    codes: Tensor
    scales: Tensor
    inverse_smoothing: Tensor
    activation_scale: Tensor | None

    def __init__(
        self,
        codes: Tensor,
        scales: Tensor,
        smoothing: Tensor,
        activation_scale: Tensor | None,
        bias: Tensor | None,
    ) -> None:
        super().__init__()
        self.out_features, self.in_features = codes.shape
        self.register_buffer("codes", codes)
        self.register_buffer("scales", scales)
        self.register_buffer("inverse_smoothing", 1 / smoothing)
        self.register_buffer("activation_scale", activation_scale)
        self.bias = None if bias is None else nn.Parameter(bias.detach(), bias.requires_grad)

    @classmethod
    def from_linear(
        cls,
        linear: nn.Linear,
        maxima: Tensor,
        alpha: float = 0.5,
        dynamic: bool = True,
    ) -> SmoothQuantLinear:
        """The layer for inputs whose largest magnitudes of each feature are `maxima`.

        Input feature j is divided by ``s_j = max|x_j|^alpha / max|w_j|^(1 - alpha)`` and column j
        of the weight multiplied by it; the result's rows have a scale each.

        Args:
            maxima: [in_features], on the layer's device.
            alpha: From 0 to 1: how much of the activations' range the weights take over.
            dynamic: Whether activations are scaled token by token; else by the calibration's
                largest.

        Raises:
            ValueError: An `alpha` or maxima that are not such.
        """
        if not 0 <= alpha <= 1:
            raise ValueError(f"SmoothQuantLinear: expected alpha from 0 to 1, but got {alpha}")
        if maxima.shape != (linear.in_features,) or not bool(maxima.isfinite().all()):
            raise ValueError(
                f"SmoothQuantLinear: expected {linear.in_features} finite maxima of activations, "
                f"but got shape {tuple(maxima.shape)}"
            )
        weight = linear.weight.detach().float()
        of_inputs = maxima.float().clamp(min=SMALLEST)
        of_weights = weight.abs().amax(0).clamp(min=SMALLEST)
        smoothing = of_inputs**alpha / of_weights ** (1 - alpha)
        smooth = weight * smoothing
        scales = smooth.abs().amax(1).clamp(min=SMALLEST * SMALLEST) / LARGEST
        codes = (smooth / scales[:, None]).round().to(torch.int8)
        static = None if dynamic else (maxima.float() / smoothing).amax() / LARGEST
        if static is not None:
            static = static.clamp(min=SMALLEST * SMALLEST)
        layer = cls(codes, scales, smoothing, static, linear.bias)
        layer.train(linear.training)
        return layer

    def forward(self, input: Tensor) -> Tensor:
        """Input [..., in_features]; the result has its dtype."""
        smooth = input.flatten(0, -2).float() * self.inverse_smoothing
        scale = self.activation_scale
        if scale is None:
            largest = smooth.abs().amax(1, keepdim=True)
            scale = largest.clamp(min=SMALLEST * SMALLEST) / LARGEST
        codes = (smooth / scale).round().clamp(-LARGEST, LARGEST).to(torch.int8)
        result = torch._int_mm(codes, self.codes.t()).float() * scale * self.scales
        if self.bias is not None:
            result = result + self.bias
        return result.to(input.dtype).view(*input.shape[:-1], self.out_features)

    def dequantize(self) -> Tensor:
        """The weight [out_features, in_features] that the codes stand for, in float32."""
        return self.codes.float() * self.scales[:, None] * self.inverse_smoothing

    def extra_repr(self) -> str:
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, "
            f"bias={self.bias is not None}, dynamic={self.activation_scale is None}"
        )

    def _apply(self, fn: Any, recurse: bool = True) -> SmoothQuantLinear:
        names = ("scales", "inverse_smoothing", "activation_scale")
        before = {name: getattr(self, name) for name in names}
        super()._apply(fn, recurse)
        for name, tensor in before.items():  # stay float32, on the new device
            if tensor is not None:
                setattr(self, name, tensor.to(self.codes.device))
        return self


def smooth_quantize(
    model: nn.Module,
    batches: Iterable[Any],
    alpha: float = 0.5,
    dynamic: bool = True,
    skip: Sequence[str] = ("lm_head",),
    run: Callable[[nn.Module, Any], Any] | None = None,
) -> QuantizationReport:
    """Replaces the linear layers of `model`, in place, by `SmoothQuantLinear`, after it has seen
    `batches`.

    Args:
        batches: Inputs; a tuple or list is taken for positional, a dict for keyword arguments.
        alpha: See `SmoothQuantLinear.from_linear`.
        dynamic: Whether activations are scaled token by token.
        skip: Names of layers, or last parts of names, that are kept.
        run: Called with the model and a batch in place of the model itself.

    Returns:
        What was replaced and what was kept: layers that no batch reached, too.

    Raises:
        ValueError: There is no batch, or an `alpha` out of range.
    """
    if not 0 <= alpha <= 1:
        raise ValueError(f"smooth_quantize: expected alpha from 0 to 1, but got {alpha}")
    calibration = Calibration(model, skip)
    count = 0
    try:
        with torch.no_grad():
            for batch in batches:
                (run or _call)(model, batch)
                count += 1
    finally:
        calibration.end()
    if count == 0:
        raise ValueError("smooth_quantize: expected at least one batch to calibrate with")
    report = QuantizationReport(kept=calibration.kept)
    smooth_linears(model, calibration.layers, calibration.maxima, alpha, dynamic, report)
    return report


class Calibration:
    """Keeps the largest magnitude of each input feature of the linear layers of a model, in
    `maxima`, until `end`: of those in `layers`, not those whose name, or the last part of it, is in
    `skip`, and that are in `kept`."""

    def __init__(self, model: nn.Module, skip: Iterable[str]) -> None:
        skipped = set(skip)
        self.kept: dict[str, str] = {}
        self.layers: dict[str, nn.Linear] = {}
        self.maxima: dict[str, Tensor] = {}
        for name, module in model.named_modules():
            if not isinstance(module, nn.Linear):
                continue
            if name in skipped or name.rpartition(".")[2] in skipped:
                self.kept[name] = "named in skip"
            elif type(module) is not nn.Linear or not name:
                self.kept[name] = f"a {type(module).__name__}, not an nn.Linear within the model"
            else:
                self.layers[name] = module
        self._handles = [
            layer.register_forward_pre_hook(functools.partial(self._see, name))
            for name, layer in self.layers.items()
        ]

    def end(self) -> None:
        for handle in self._handles:
            handle.remove()

    def _see(self, name: str, module: nn.Module, inputs: tuple[Any, ...]) -> None:
        if inputs[0].numel() == 0:
            return
        seen = inputs[0].detach().flatten(0, -2).abs().amax(0).float()
        before = self.maxima.get(name)
        self.maxima[name] = seen if before is None else torch.maximum(before, seen)


def smooth_linears(
    model: nn.Module,
    layers: Mapping[str, nn.Linear],
    maxima: Mapping[str, Tensor],
    alpha: float,
    dynamic: bool,
    report: QuantizationReport,
) -> None:
    """Replaces layers of `model` whose inputs' maxima are known; adds to the report."""
    for name, layer in layers.items():
        if name not in maxima:
            report.kept[name] = "no batch reached it"
            continue
        seen = maxima[name].to(layer.weight.device)
        smooth = SmoothQuantLinear.from_linear(layer, seen, alpha, dynamic)
        model.set_submodule(name, smooth)
        report.replaced.append(name)
        report.bytes_before += layer.weight.nbytes
        report.bytes_after += sum(buffer.nbytes for buffer in smooth.buffers())


def _call(model: nn.Module, batch: Any) -> Any:
    if isinstance(batch, dict):
        return model(**batch)
    return model(*batch) if isinstance(batch, (tuple, list)) else model(batch)
