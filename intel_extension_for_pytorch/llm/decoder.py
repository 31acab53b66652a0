"""The decode step of a model as one launch: a program made of its layers' weights."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

import torch
from torch import Tensor, nn

from .. import _C
from .cache import SegmentStore
from .families import (
    Family,
    Unsupported,
    activation_of,
    find,
    frequencies_of,
    heads_of,
    rotates,
    scale_of,
    slopes_of,
    window_of,
)
from .quantization import QuantizedWeight, WeightOnlyLinear


def _normalization(module: Any, offset: float) -> Any:
    if module is None or isinstance(module, nn.Identity):
        return _C.DecodeNorm()
    name = type(module).__name__
    weight = module.weight.detach() if module.weight is not None else None
    if "RMSNorm" in name:
        epsilon: float = getattr(module, "variance_epsilon", None) or module.eps
        return _C.DecodeNorm("rms", weight, None, epsilon, offset)
    if isinstance(module, nn.LayerNorm) or "LayerNorm" in name:
        epsilon = getattr(module, "eps", None) or module.variance_epsilon
        bias = getattr(module, "bias", None)
        return _C.DecodeNorm("layer", weight, None if bias is None else bias.detach(), epsilon)
    raise Unsupported(f"the normalization {name}")


@dataclasses.dataclass
class _Linear:
    """What a linear layer, or some of its outputs, is made of."""

    weight: Tensor | QuantizedWeight
    bias: Tensor | None

    def part(self, begin: int, end: int) -> _Linear:
        bias = None if self.bias is None else self.bias[begin:end]
        return _Linear(self.weight[begin:end], bias)

    def halves(self) -> tuple[_Linear, _Linear]:
        count = self.weight.shape[0]
        return self.part(0, count // 2), self.part(count // 2, count)

    def matrix(self) -> Any:
        return self.weight if isinstance(self.weight, Tensor) else self.weight.for_program()

    def rows(self, gate: _Linear | None = None) -> Any:
        if gate is None:
            return _C.DecodeRows(self.matrix(), self.bias)
        return _C.DecodeRows(self.matrix(), self.bias, gate.matrix(), gate.bias)


class _Layers:
    """The linear layers of a model; codes of few bits must be of one kind."""

    def __init__(self) -> None:
        self.kind: str | None = None

    def __call__(self, module: Any, path: str) -> _Linear:
        linear = find(module, path)
        bias = None if linear.bias is None else linear.bias.detach()
        if isinstance(linear, WeightOnlyLinear):
            return _Linear(self._of_few_bits(linear), bias)
        if not isinstance(linear, nn.Linear):
            raise Unsupported(f"the layer {type(linear).__name__}")
        return _Linear(linear.weight.detach(), bias)

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


def _projections(
    family: Family, layers: _Layers, attention: nn.Module, heads: tuple[int, int, int]
) -> list[Any]:
    """Rows of the weights that make queries, then keys, then values."""
    if len(family.projections) == 3:
        return [layers(attention, name).rows() for name in family.projections]
    queries, keys, size = heads
    joined = layers(attention, family.projections[0])
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


def _inner_products(family: Family, layers: _Layers, mlp: nn.Module) -> list[Any]:
    """Rows of the first product of an MLP, with those of its gate."""
    if family.gate_and_up is not None:
        gate, up = layers(mlp, family.gate_and_up).halves()
        return [up.rows(gate)]
    if family.gate is None:
        return [layers(mlp, family.up).rows()]
    return [layers(mlp, family.up).rows(layers(mlp, family.gate))]


class Decoder:
    """Runs all layers of `base` for a few tokens that follow what a cache holds.

    Raises Unsupported where the model has what no program does.
    """

    def __init__(self, family: Family, config: Any, base: nn.Module) -> None:
        self._base = base
        self._family = family
        self._layers = list(find(base, family.layers))
        self._embedding = find(base, family.embedding)
        self._embedding_norm = find(base, family.embedding_norm)
        self._positions = find(base, family.embedding_positions)
        self._linears = _Layers()
        self._check(config)
        attention = find(self._layers[0], family.attention)
        heads = heads_of(config)
        device = self._embedding.weight.device
        tables = frequencies_of(family, config, base)
        self._tables = list(tables)
        shape = _C.DecodeShape()
        shape.width = config.hidden_size
        shape.heads, shape.key_heads, shape.head_size = heads
        shape.inverse_frequencies = [table.to(device).contiguous() for table, _ in tables.values()]
        shape.frequency_scales = [scale for _, scale in tables.values()]
        shape.rotary = 2 * shape.inverse_frequencies[0].numel() if tables else 0
        shape.interleaved = family.interleaved
        first_mlp = find(self._layers[0], family.mlp)
        shape.inner = find(first_mlp, family.down).in_features
        shape.scale = scale_of(attention, shape.head_size)
        shape.soft_cap = getattr(attention, "attn_logit_softcapping", None) or 0.0
        self.program = _C.DecodeProgram(shape, self._embedding.weight)
        slopes = slopes_of(config, heads[0], shape.scale).to(device) if family.alibi else None
        activation = activation_of(family, config)
        for number, layer in enumerate(self._layers):
            self._add_layer(number, layer, config, heads, activation, slopes)
        self.program.add_finish(self._norm(base, family.last_norm))

    def _check(self, config: Any) -> None:
        if getattr(config, "apply_residual_connection_post_layernorm", False):
            raise Unsupported("residuals of normalized states")
        if not getattr(config, "do_layer_norm_before", True):
            raise Unsupported("normalization after the residual")
        if any(
            find(self._base, name) is not None
            for name in ("project_in", "project_out")
            if hasattr(self._base, name)
        ):
            raise Unsupported("embeddings of another width")

    def _norm(self, module: Any, path: str | None) -> Any:
        return _normalization(find(module, path), self._family.weight_offset)

    def _add_layer(
        self,
        number: int,
        layer: nn.Module,
        config: Any,
        heads: tuple[int, int, int],
        activation: str,
        slopes: Tensor | None,
    ) -> None:
        family, program, linears = self._family, self.program, self._linears
        attention, mlp = find(layer, family.attention), find(layer, family.mlp)
        window = window_of(config, attention, number)
        types = getattr(config, "layer_types", None)
        angles = -1
        if self._tables and rotates(config, window):
            kind = "" if types is None or self._tables == [""] else types[number]
            angles = self._tables.index(kind)

        def inner() -> None:
            program.add_product(
                _inner_products(family, linears, mlp),
                "hidden",
                "inner",
                self._norm(layer, family.mlp_norm),
                activation,
            )

        def outer(module: Any, path: str, source: str, norm: str | None) -> None:
            rows = [linears(module, path).rows()]
            if norm is None:
                program.add_product(rows, source, "hidden", accumulate=True)
            else:
                program.add_product(rows, source, "branch")
                program.add_normalized("branch", self._norm(layer, norm))

        program.add_product(
            _projections(family, linears, attention, heads),
            "hidden",
            "projected",
            self._norm(layer, family.input_norm),
        )
        if family.parallel:
            inner()
        program.add_heads(
            number,
            angles,
            self._head_norm(attention, family.query_norm),
            self._head_norm(attention, family.key_norm),
        )
        program.add_attention(number, window, slopes)
        outer(attention, family.output, "attention", family.attention_norm)
        if not family.parallel:
            inner()
        outer(mlp, family.down, "inner", family.mlp_result_norm)

    def _head_norm(self, attention: nn.Module, path: str | None) -> Any:
        return self._norm(attention, path if path and hasattr(attention, path) else None)

    def step(
        self,
        input_ids: Tensor | None,
        embeddings: Tensor | None,
        mask: Tensor | None,
        positions: Tensor | None,
        store: SegmentStore,
    ) -> Tensor:
        """Hidden states [rows, tokens, width] after the last normalization; the cache has the
        tokens afterwards. The arguments are those of a base model's forward of transformers."""
        given: Any = input_ids if input_ids is not None else embeddings
        rows, tokens = given.shape[:2]
        cached = store.length
        if positions is None:
            positions = self._following(mask, cached, tokens, given.device)
        positions = positions.expand(rows, tokens)
        hidden = self._embedding(input_ids) if embeddings is None else embeddings
        if self._positions is not None:
            hidden = hidden + self._positions(None, cached, position_ids=positions)
        if self._embedding_norm is not None:
            hidden = self._embedding_norm(hidden)
        first = store.segments[0]
        store.grow(first.keys[0], first.values[0], cached + tokens)
        if mask is not None:
            mask = mask.long()
        result = self.program.step(
            hidden, positions, mask, cached, store.table, store.begins, store.row_of
        )
        store.lengths = [cached + tokens] * store.layers
        return result

    def _following(
        self, mask: Tensor | None, cached: int, tokens: int, device: torch.device
    ) -> Tensor:
        if self._positions is not None and mask is not None:  # as OPT counts what is seen
            return ((mask.cumsum(1) * mask - 1).long())[:, cached:]
        return torch.arange(cached, cached + tokens, device=device)[None]
