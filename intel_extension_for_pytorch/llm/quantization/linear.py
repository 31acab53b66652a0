"""Linear layers with weights of few bits."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from .weight import QuantizedWeight, check_kind

# Of classes that compute what nn.Linear does: Falcon's adds the bias apart.
PLAIN_LINEAR_LAYERS = ("Linear", "FalconLinear")


class WeightOnlyLinear(nn.Module):
    """A linear layer whose weights are of few bits; activations keep their dtype.

    Its weights are not parameters. `state_dict` holds their tensors, and `load_state_dict` takes
    those of weights of the same kind, shape and group size. Moving the module to another dtype
    leaves scales as they are, since codes were chosen for them.
    """

    codes: Tensor
    scales: Tensor
    zeros: Tensor | None
    permutation: Tensor | None

    def __init__(self, weight: QuantizedWeight, bias: Tensor | None = None) -> None:
        super().__init__()
        self.out_features, self.in_features = weight.shape
        self.kind, self.group_size = weight.kind, weight.group_size
        self._zeros_are_offsets = weight.zeros_are_offsets
        for name in ("codes", "scales", "zeros", "permutation"):
            self.register_buffer(name, getattr(weight, name))
        self.bias = None if bias is None else nn.Parameter(bias.detach(), bias.requires_grad)

    @classmethod
    def from_linear(
        cls,
        linear: nn.Linear,
        kind: str = "int4",
        group_size: int = 128,
        symmetric: bool = False,
    ) -> WeightOnlyLinear:
        """The layer with its weights rounded; see `QuantizedWeight.quantize` for the arguments.

        Raises:
            ValueError: As `QuantizedWeight.quantize`.
        """
        weight = QuantizedWeight.quantize(linear.weight, kind, group_size, symmetric)
        layer = cls(weight, linear.bias)
        layer.train(linear.training)
        return layer

    @property
    def quantized_weight(self) -> QuantizedWeight:
        """The weights; it shares this module's tensors."""
        return QuantizedWeight(
            self.kind,
            (self.out_features, self.in_features),
            self.group_size,
            self.codes,
            self.scales,
            self.zeros,
            self._zeros_are_offsets,
            self.permutation,
        )

    def forward(self, input: Tensor) -> Tensor:
        """``input @ weights.T + bias``: input [..., in_features], of float32, float16 or
        bfloat16; see `QuantizedWeight.linear`."""
        return self.quantized_weight.linear(input, self.bias)

    def extra_repr(self) -> str:
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, "
            f"bias={self.bias is not None}, kind={self.kind}, group_size={self.group_size}"
        )

    def _apply(self, fn: Any, recurse: bool = True) -> WeightOnlyLinear:
        scales, zeros = self.scales, self.zeros
        super()._apply(fn, recurse)
        # `fn` may change floating-point dtypes: of these it shall change the device alone.
        device = self.codes.device
        self.scales = scales.to(device)
        self.zeros = None if zeros is None else zeros.to(device)
        return self


@dataclass
class QuantizationReport:
    """What `quantize_model` did: the layers it replaced; those it kept, and why; bytes of the
    replaced layers' weights before and after."""

    replaced: list[str] = field(default_factory=list)
    kept: dict[str, str] = field(default_factory=dict)
    bytes_before: int = 0
    bytes_after: int = 0

    def __str__(self) -> str:
        lines = [
            f"{len(self.replaced)} linear layers replaced, {self.bytes_before / 2**20:.1f} MiB "
            f"became {self.bytes_after / 2**20:.1f}"
        ]
        lines += [f"kept {name}: {reason}" for name, reason in self.kept.items()]
        return "\n".join(lines)


def quantize_model(
    model: nn.Module,
    kind: str = "int4",
    group_size: int = 128,
    skip: Iterable[str] = ("lm_head",),
    symmetric: bool = False,
    output_kind: str | None = None,
) -> QuantizationReport:
    """Replaces the linear layers of `model`, in place, by `WeightOnlyLinear`.

    With `output_kind` the layer that makes a language model's logits gets weights of that kind,
    with a scale for each row, whatever `skip` says and even if the embedding has its weights too:
    that keeps its table, and each token reads fewer bytes. "int8" changes next to nothing.

    A layer is kept where its name, or the last part of it, is in `skip`, where it is no plain
    `nn.Linear`, where its weight has another owner too (tied weights), or where it cannot be
    quantized. A layer that is in several places is replaced in all.

    Returns:
        What was replaced and what was kept.

    Raises:
        ValueError: A kind or group size that there is not, or an `output_kind` for a model without
            such a layer.
    """
    check_kind("quantize_model", kind)
    if group_size != -1 and (group_size <= 0 or group_size % 32):
        raise ValueError(
            f"quantize_model: expected a group_size of -1 or a multiple of 32, but got {group_size}"
        )
    report = QuantizationReport()
    owners: dict[int, set[int]] = {}
    for module in model.modules():
        for parameter in module.parameters(recurse=False):
            owners.setdefault(id(parameter), set()).add(id(module))
    shared = {number for number, modules in owners.items() if len(modules) > 1}
    made: dict[int, WeightOnlyLinear] = {}
    outputs = None if output_kind is None else _output_layer(model)
    for name, module in list(model.named_modules(remove_duplicate=False)):
        if not isinstance(module, nn.Linear):
            continue
        form: tuple[str, int] = (kind, group_size)
        if module is outputs:
            form = (output_kind or kind, -1)
        elif reason := _reason_to_keep(name, module, set(skip), shared):
            report.kept[name] = reason
            continue
        if id(module) not in made:
            try:
                made[id(module)] = WeightOnlyLinear.from_linear(module, *form, symmetric)
            except ValueError as error:
                report.kept[name] = str(error)
                continue
        layer = made[id(module)]
        model.set_submodule(name, layer)
        report.replaced.append(name)
        report.bytes_before += module.weight.nbytes
        report.bytes_after += sum(buffer.nbytes for buffer in layer.buffers())
    return report


def _reason_to_keep(name: str, module: nn.Linear, skipped: set[str], shared: set[int]) -> str:
    if name in skipped or name.rpartition(".")[2] in skipped:
        return "named in skip"
    if type(module).__name__ not in PLAIN_LINEAR_LAYERS:
        return f"a {type(module).__name__}, not an nn.Linear"
    if id(module.weight) in shared:
        return "another module has its weight too"
    return "" if name else "the model itself is the layer"


def _output_layer(model: Any) -> nn.Linear:
    layer = model.get_output_embeddings() if hasattr(model, "get_output_embeddings") else None
    if not isinstance(layer, nn.Linear):
        raise ValueError(
            "quantize_model: output_kind is for language models whose get_output_embeddings() is "
            f"a linear layer, but got {type(model).__name__}"
        )
    return layer
