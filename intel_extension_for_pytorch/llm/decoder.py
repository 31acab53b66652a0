"""The decode step of a model as one launch: a program made of its layers' weights."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from .. import _C
from .cache import SegmentStore
from .families import (
    Experts,
    Family,
    Latent,
    Unsupported,
    activation_of,
    check_layout,
    find,
    frequencies_of,
    heads_of,
    scale_of,
    slopes_of,
    table_of,
    window_of,
)
from .inputs import Inputs
from .weights import Linears, choice_of, expert_weights, inner_products, projections


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


def _detached(tensor: Tensor | None) -> Tensor | None:
    return None if tensor is None else tensor.detach()


class Decoder:
    """Runs all layers of `base` for a few tokens that follow what a cache holds.

    Raises Unsupported where the model has what no program does.
    """

    def __init__(self, family: Family, config: Any, base: nn.Module) -> None:
        check_layout(config, base)
        self._family = family
        self._layers = list(find(base, family.layers))
        self._inputs = Inputs(family, base)
        self._linears = Linears()
        attention = find(self._layers[0], family.attention)
        heads = heads_of(config)
        device = self._inputs.embedding.weight.device
        tables = frequencies_of(family, config, base)
        self._tables = list(tables)
        shape = _C.DecodeShape()
        shape.width = config.hidden_size
        shape.heads, shape.key_heads, shape.head_size = heads
        shape.inverse_frequencies = [table.to(device).contiguous() for table, _ in tables.values()]
        shape.frequency_scales = [scale for _, scale in tables.values()]
        shape.rotary = 2 * shape.inverse_frequencies[0].numel() if tables else 0
        shape.interleaved = family.interleaved
        self._set_inner(shape)
        if family.latent is not None:
            shape.latent, shape.plain = config.kv_lora_rank, config.qk_nope_head_dim
            shape.value, shape.query_latent = config.v_head_dim, config.q_lora_rank or 0
        shape.scale = scale_of(attention, shape.head_size)
        shape.soft_cap = getattr(attention, "attn_logit_softcapping", None) or 0.0
        self.program = _C.DecodeProgram(shape, self._inputs.embedding.weight)
        slopes = slopes_of(config, heads[0], shape.scale).to(device) if family.alibi else None
        activation = activation_of(family, config)
        for number, layer in enumerate(self._layers):
            self._add_layer(number, layer, config, heads, activation, slopes)
        self.program.add_finish(self._norm(base, family.last_norm))

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
        table = table_of(self._tables, config, window, number)
        angles = -1 if table is None else self._tables.index(table)

        def outer(module: Any, path: str, source: str, norm: str | None) -> None:
            rows = [linears(module, path).rows()]
            if norm is None:
                program.add_product(rows, source, "hidden", accumulate=True)
            else:
                program.add_product(rows, source, "branch")
                program.add_normalized("branch", self._norm(layer, norm))

        norm = self._norm(layer, family.input_norm)
        if family.latent is not None:
            self._add_latent(family.latent, attention, norm)
        else:
            rows = projections(family, linears, attention, heads)
            program.add_product(rows, "hidden", "projected", norm)
        mlp_norm = self._norm(layer, family.mlp_norm)
        experts = self._experts_of(mlp)
        if family.parallel:
            self._add_inner(mlp, mlp_norm, activation)
        expand = None
        if family.latent is not None:
            expand = linears(attention, family.latent.up).numbers()
            latent_norm = self._norm(attention, family.latent.norm)
            program.add_latent_heads(number, angles, latent_norm, expand)
        else:
            program.add_heads(
                number,
                angles,
                self._head_norm(attention, family.query_norm),
                self._head_norm(attention, family.key_norm),
            )
        sinks = getattr(attention, "sinks", None)
        program.add_attention(
            number, window, slopes, None if sinks is None else sinks.detach().float()
        )
        attended = "attention"
        if expand is not None:
            program.add_latent_values(expand)
            attended = "values"
        outer(attention, family.output, attended, family.attention_norm)
        if experts is not None:
            self._add_experts(experts, mlp, mlp_norm, activation)
            return
        if not family.parallel:
            self._add_inner(mlp, mlp_norm, activation)
        outer(mlp, family.down, "inner", family.mlp_result_norm)

    def _experts_of(self, mlp: Any) -> Experts | None:
        experts = self._family.experts
        return experts if experts is not None and hasattr(mlp, experts.experts) else None

    def _set_inner(self, shape: Any) -> None:
        """The sizes of what MLPs and experts make."""
        family = self._family
        for layer in self._layers:
            mlp = find(layer, family.mlp)
            experts = self._experts_of(mlp)
            if experts is not None:
                router, module = find(mlp, experts.router), find(mlp, experts.experts)
                shape.experts, shape.chosen = router.weight.shape[0], router.top_k
                shape.expert_inner = module.down_proj.shape[1 if experts.alternating else 2]
                mlp = find(mlp, experts.shared)
            if mlp is not None:
                shape.inner = max(shape.inner, find(mlp, family.down).in_features)

    def _add_latent(self, latent: Latent, attention: Any, norm: Any) -> None:
        """What queries, and what keys and values are made of."""
        linears, program = self._linears, self.program
        if find(attention, latent.query) is not None:
            rows = [linears(attention, latent.query).rows()]
            program.add_product(rows, "hidden", "projected", norm)
        else:
            down, up = (linears(attention, name) for name in (latent.query_down, latent.query_up))
            program.add_product([down.rows()], "hidden", "query latent", norm)
            between = self._norm(attention, latent.query_norm)
            program.add_product([up.rows()], "query latent", "projected", between)
        program.add_product([linears(attention, latent.down).rows()], "hidden", "latent", norm)

    def _add_inner(self, mlp: Any, norm: Any, activation: str, weighted: bool = False) -> None:
        rows = inner_products(self._family, self._linears, mlp)
        self.program.add_product(rows, "hidden", "inner", norm, activation, weighted=weighted)

    def _add_experts(self, experts: Experts, mlp: Any, norm: Any, activation: str) -> None:
        router, shared = find(mlp, experts.router), find(mlp, experts.shared)
        scores = [_C.DecodeRows(router.weight.detach(), _detached(getattr(router, "bias", None)))]
        if experts.shared_gate is not None:
            scores.append(self._linears(mlp, experts.shared_gate).rows())
        self.program.add_product(scores, "hidden", "scores", norm)
        self.program.add_choice(choice_of(experts, router))
        weights = expert_weights(experts, find(mlp, experts.experts))
        # All read the hidden state before the first of them adds to it.
        if shared is not None:
            self._add_inner(shared, norm, activation, experts.shared_gate is not None)
        self.program.add_experts(
            weights.inner,
            weights.outer,
            norm,
            "clamped_swish" if experts.alternating else activation,
            weights.limit,
        )
        if shared is not None:
            rows = [self._linears(shared, self._family.down).rows()]
            self.program.add_product(rows, "inner", "hidden", accumulate=True)

    def _head_norm(self, attention: nn.Module, path: str | None) -> Any:
        return self._norm(attention, path if path and hasattr(attention, path) else None)

    def __call__(
        self,
        input_ids: Tensor | None,
        embeddings: Tensor | None,
        mask: Tensor | None,
        positions: Tensor | None,
        store: SegmentStore,
    ) -> Tensor:
        """Hidden states [rows, tokens, width] after the last normalization; the cache has the
        tokens afterwards. The arguments are those of a base model's forward of transformers."""
        cached = store.length
        hidden, positions = self._inputs(input_ids, embeddings, mask, positions, cached)
        tokens = hidden.shape[1]
        first = store.segments[0]
        store.grow(first.keys[0], first.values[0], cached + tokens)
        if mask is not None:
            mask = mask.long()
        result = self.program.step(
            hidden, positions, mask, cached, store.table, store.begins, store.row_of
        )
        store.lengths = [cached + tokens] * store.layers
        return result
