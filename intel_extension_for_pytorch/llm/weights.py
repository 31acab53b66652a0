"""Where the weights of a decoder's layers are, as `_C.DecodeProgram` takes them."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

import torch
from torch import Tensor, nn

from .. import _C
from .families import Experts, Family, Unsupported, find
from .quantization import QuantizedWeight, WeightOnlyLinear


@dataclasses.dataclass
class Linear:
    """What a linear layer, or some of its outputs, is made of."""

    weight: Tensor | QuantizedWeight
    bias: Tensor | None

    def part(self, begin: int, end: int) -> Linear:
        bias = None if self.bias is None else self.bias[begin:end]
        return Linear(self.weight[begin:end], bias)

    def halves(self) -> tuple[Linear, Linear]:
        count = self.weight.shape[0]
        return self.part(0, count // 2), self.part(count // 2, count)

    def matrix(self) -> Any:
        return self.weight if isinstance(self.weight, Tensor) else self.weight.for_program()

    def numbers(self) -> Tensor:
        if not isinstance(self.weight, Tensor) or self.bias is not None:
            raise Unsupported("latent keys and values of few bits or with a bias")
        return self.weight

    def rows(self, gate: Linear | None = None) -> Any:
        if gate is None:
            return _C.DecodeRows(self.matrix(), self.bias)
        return _C.DecodeRows(self.matrix(), self.bias, gate.matrix(), gate.bias)


class Linears:
    """The linear layers of a model; codes of few bits must be of one kind."""

    def __init__(self) -> None:
        self.kind: str | None = None

    def __call__(self, module: Any, path: str) -> Linear:
        linear = find(module, path)
        bias = None if linear.bias is None else linear.bias.detach()
        if isinstance(linear, WeightOnlyLinear):
            return Linear(self._of_few_bits(linear), bias)
        if not isinstance(linear, nn.Linear):
            raise Unsupported(f"the layer {type(linear).__name__}")
        return Linear(linear.weight.detach(), bias)

    def _of_few_bits(self, linear: WeightOnlyLinear) -> QuantizedWeight:
        weight = linear.quantized_weight
        if weight.permutation is not None:
            raise Unsupported("weights whose columns are in another order")
        if weight.kind == "nf4":
            raise Unsupported("weights of NF4")
        if self.kind not in (None, weight.kind):
            raise Unsupported(f"weights of both {self.kind} and {weight.kind}")
        self.kind = weight.kind
        return weight


def projections(
    family: Family, linears: Linears, attention: nn.Module, heads: tuple[int, int, int]
) -> list[Any]:
    """Rows of the weights that make queries, then keys, then values."""
    if len(family.projections) == 3:
        return [linears(attention, name).rows() for name in family.projections]
    queries, keys, size = heads
    joined = linears(attention, family.projections[0])
    if family.grouping == "stacked":
        borders = [0, queries * size, (queries + keys) * size, (queries + 2 * keys) * size]
        return [joined.part(*ends).rows() for ends in itertools.pairwise(borders)]
    # Each group: its queries, a key, a value.
    group = queries // keys
    first = [number * (group + 2) * size for number in range(keys)]
    ends = ((0, group), (group, group + 1), (group + 1, group + 2))
    return [
        joined.part(start + begin * size, start + end * size).rows()
        for begin, end in ends
        for start in first
    ]


def inner_products(family: Family, linears: Linears, mlp: nn.Module) -> list[Any]:
    """Rows of the first product of an MLP, with those of its gate."""
    if family.gate_and_up is not None:
        gate, up = linears(mlp, family.gate_and_up).halves()
        return [up.rows(gate)]
    if family.gate is None:
        return [linears(mlp, family.up).rows()]
    return [linears(mlp, family.up).rows(linears(mlp, family.gate))]


@dataclasses.dataclass
class ExpertWeights:
    """Rows of a layer's experts: those of the gate and of what it multiplies, and the outer ones.
    limit: of the gate's activation; 0: none."""

    inner: Any
    outer: Any
    limit: float


def choice_of(family: Experts, router: Any) -> Any:
    normalized = family.normalized or bool(getattr(router, "norm_topk_prob", False))
    if not family.sigmoid:
        return _C.DecodeChoice(normalized, shared=family.shared_gate is not None)
    return _C.DecodeChoice(
        normalized,
        sigmoid=True,
        scale=router.routed_scaling_factor,
        bias=router.e_score_correction_bias.detach().float(),
        groups=router.num_group,
        chosen_groups=router.topk_group,
    )


def expert_weights(family: Experts, module: Any) -> ExpertWeights:
    """Of `module`, which holds all experts of a layer as tensors of three dimensions."""
    if not all(hasattr(module, name) for name in ("gate_up_proj", "down_proj")):
        raise Unsupported(f"the experts {type(module).__name__}")
    if not family.alternating:
        count = module.gate_up_proj.shape[1] // 2
        joined, down = module.gate_up_proj.detach(), module.down_proj.detach()
        inner = _C.DecodeRows(joined[:, count:], None, joined[:, :count])
        return ExpertWeights(inner, _C.DecodeRows(down), 0.0)
    if module.alpha != CLAMPED_SWISH_ALPHA:
        raise Unsupported(f"experts whose sigmoid is steeper by {module.alpha}")
    joined, down = _dense_rows(module.gate_up_proj), _dense_rows(module.down_proj)
    biases = module.gate_up_proj_bias.detach()
    inner = _C.DecodeRows(
        joined[:, 1::2],
        biases[:, 1::2].contiguous(),
        joined[:, 0::2],
        biases[:, 0::2].contiguous(),
    )
    outer = _C.DecodeRows(down, module.down_proj_bias.detach())
    return ExpertWeights(inner, outer, float(module.limit))


CLAMPED_SWISH_ALPHA = 1.702


def _dense_rows(parameter: nn.Parameter) -> Tensor:
    """[experts, inputs, outputs] -> [experts, outputs, inputs], of which a row is dense: the
    parameter gets another memory order for that."""
    with torch.no_grad():
        rows = parameter.detach().transpose(1, 2).contiguous()
        parameter.data = rows.transpose(1, 2)
    return rows
