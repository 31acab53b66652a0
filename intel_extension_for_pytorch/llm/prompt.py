"""The forward pass of a prompt by fused operators: layers as `families` describes them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from .cache import SegmentStore
from .families import (
    Family,
    Unsupported,
    activation_of,
    check_layout,
    find,
    frequencies_of,
    heads_of,
    scale_of,
    table_of,
    window_of,
)
from .functional.activation import gelu_mul, silu_mul
from .functional.rotary import rotary_embedding
from .inputs import Inputs

Norm = Callable[[Tensor], Tensor]

_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "silu": functional.silu,
    "gelu": functional.gelu,
    "gelu_tanh": lambda x: functional.gelu(x, approximate="tanh"),
    "relu": functional.relu,
    "relu_squared": lambda x: functional.relu(x).square(),
}
_GATED: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "silu": silu_mul,
    "gelu": gelu_mul,
    "gelu_tanh": lambda x, y: gelu_mul(x, y, approximate="tanh"),
}


def _norm_of(module: Any, offset: float) -> Norm:
    """One operator in place of several where the normalization is of root mean squares."""
    if module is None:
        return lambda x: x
    if "RMSNorm" not in type(module).__name__ or module.weight is None or module.weight.dim() != 1:
        return module
    epsilon = getattr(module, "variance_epsilon", None) or module.eps
    weight = module.weight.detach()
    if offset:
        weight = weight + offset
    return lambda x: functional.rms_norm(x, weight.shape, weight, epsilon)


def _every(count: int, rows: Tensor | None) -> Tensor | None:
    return rows if rows is None or rows.shape[0] == 1 else rows[::count]


def _repeats_in(*given: Tensor | None) -> int:
    """How many rows that follow each other are the same, in all of the tensors and everywhere."""
    tensors = [rows for rows in given if rows is not None and rows.shape[0] > 1]
    if not tensors:
        return 1
    same = torch.stack([(rows[1:] == rows[:-1]).all(1) for rows in tensors]).all(0).tolist()
    repeats = (same.index(False) if False in same else len(same)) + 1
    expected = [row % repeats != 0 for row in range(1, len(same) + 1)]
    return repeats if (len(same) + 1) % repeats == 0 and same == expected else 1


@dataclasses.dataclass
class _Layer:
    attention: Any
    mlp: Any
    norms: dict[str, Norm]
    window: int  # keys that a query sees; 0: all
    table: str | None  # of frequencies; None: nothing is rotated


class _Masks:
    """What queries see of keys, for each window; None where all that comes before."""

    def __init__(self, mask: Tensor | None, tokens: int, cached: int, device: Any) -> None:
        self._mask = None if mask is None or bool(mask.all()) else mask
        self._tokens, self._end = tokens, cached + tokens
        self._device = device
        self._made: dict[int, Tensor | None] = {}

    def __call__(self, window: int) -> Tensor | None:
        if window >= self._end:
            window = 0
        if window not in self._made:
            self._made[window] = self._make(window)
        return self._made[window]

    def _make(self, window: int) -> Tensor | None:
        if self._mask is None and window == 0 and self._tokens == self._end:
            return None
        keys = torch.arange(self._end, device=self._device)
        queries = keys[self._end - self._tokens :, None]
        seen = keys <= queries
        if window:
            seen &= keys > queries - window
        if self._mask is None:
            return seen[None, None]
        # Those of padding see themselves: a softmax of nothing is not a number.
        return ((self._mask[:, None, None, : self._end] != 0) & seen) | (keys == queries)


class Prompt:
    """Runs all layers of `base` for tokens that follow what a cache holds, or begin it.

    Raises Unsupported where the model has what this does not do.
    """

    def __init__(self, family: Family, config: Any, base: nn.Module) -> None:
        check_layout(config, base)
        self._family = family
        self._inputs = Inputs(family, base)
        self._heads = heads_of(config)
        layers = list(find(base, family.layers))
        attention = find(layers[0], family.attention)
        if family.latent is not None:
            raise Unsupported("latent attention")
        if family.alibi:
            raise Unsupported("ALiBi")
        if getattr(attention, "attn_logit_softcapping", None):
            raise Unsupported("soft caps of scores")
        if getattr(attention, "sinks", None) is not None:
            raise Unsupported("sinks of attention")
        device = self._inputs.embedding.weight.device
        self._tables = {
            name: (table.to(device), scale)
            for name, (table, scale) in frequencies_of(family, config, base).items()
        }
        self._scale = scale_of(attention, self._heads[2])
        self._activation = activation_of(family, config)
        self._layers = [self._layer(config, number, layer) for number, layer in enumerate(layers)]
        self._last = _norm_of(find(base, family.last_norm), family.weight_offset)

    def _layer(self, config: Any, number: int, layer: Any) -> _Layer:
        family = self._family
        attention = find(layer, family.attention)
        window = window_of(config, attention, number)
        norms = {
            name: _norm_of(find(layer, getattr(family, name)), family.weight_offset)
            for name in ("input_norm", "attention_norm", "mlp_norm", "mlp_result_norm")
        }
        for name in ("query_norm", "key_norm"):
            path = getattr(family, name)
            module = find(attention, path) if path and hasattr(attention, path) else None
            norms[name] = self._head_norm(module)
        table = table_of(self._tables, config, window, number)
        return _Layer(attention, find(layer, family.mlp), norms, window, table)

    def _head_norm(self, module: Any) -> Norm:
        """Of [rows, tokens, heads, features]: of each head, or of all features together."""
        norm = _norm_of(module, self._family.weight_offset)
        weight = getattr(module, "weight", None)
        if weight is None or weight.dim() != 1 or weight.numel() == self._heads[2]:
            return norm
        return lambda x: norm(x.flatten(2)).view(x.shape)

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
        repeats = 1 if cached or input_ids is None else _repeats_in(input_ids, mask, positions)
        if repeats > 1:  # beams of one prompt
            ids, part, places = (_every(repeats, t) for t in (input_ids, mask, positions))
            hidden = self(ids, None, part, places, store)
            store.share(repeats)
            return hidden.repeat_interleave(repeats, 0)
        hidden, positions = self._inputs(input_ids, embeddings, mask, positions, cached)
        masks = _Masks(mask, hidden.shape[1], cached, hidden.device)
        angles = {
            name: self._cosines_and_sines(positions, *table) for name, table in self._tables.items()
        }
        for number, layer in enumerate(self._layers):
            given = layer.norms["input_norm"](hidden)
            attended = self._attend(number, layer, given, angles, masks, store)
            attended = layer.norms["attention_norm"](attended)
            if self._family.parallel:
                hidden = hidden + attended + self._inner(layer, hidden)
            else:
                hidden = hidden + attended
                hidden = hidden + self._inner(layer, hidden)
        return self._last(hidden)

    def _cosines_and_sines(
        self, positions: Tensor, inverse: Tensor, scale: float
    ) -> tuple[Tensor, Tensor]:
        angles = positions[..., None].float() * inverse
        return angles.cos() * scale, angles.sin() * scale

    def _project(self, layer: _Layer, given: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys, values [rows, tokens, heads, features]."""
        queries, keys, size = self._heads
        names = self._family.projections
        if len(names) == 3:
            made = [find(layer.attention, name)(given).unflatten(-1, (-1, size)) for name in names]
            return made[0], made[1], made[2]
        joined = find(layer.attention, names[0])(given)
        if self._family.grouping == "stacked":
            heads = joined.unflatten(-1, (-1, size))
            return heads.split([queries, keys, keys], dim=2)
        # Each group: its queries, a key, a value.
        groups = joined.unflatten(-1, (keys, queries // keys + 2, size))
        first, key, value = groups.split([queries // keys, 1, 1], dim=3)
        return first.flatten(2, 3), key.flatten(2, 3), value.flatten(2, 3)

    def _attend(
        self,
        number: int,
        layer: _Layer,
        given: Tensor,
        angles: dict[str, tuple[Tensor, Tensor]],
        masks: _Masks,
        store: SegmentStore,
    ) -> Tensor:
        query, key, value = self._project(layer, given)
        query, key = layer.norms["query_norm"](query), layer.norms["key_norm"](key)
        if layer.table is not None:
            cosines, sines = angles[layer.table]
            query, key = rotary_embedding(
                query, key, sines, cosines, 2 * cosines.shape[-1], not self._family.interleaved
            )
        store.append(number, key.transpose(1, 2), value.transpose(1, 2))
        keys, values = store.whole(number)
        mask = masks(layer.window)
        attended = functional.scaled_dot_product_attention(
            query.transpose(1, 2),
            keys,
            values,
            attn_mask=mask,
            is_causal=mask is None,
            scale=self._scale,
            enable_gqa=self._heads[0] != self._heads[1],
        )
        return find(layer.attention, self._family.output)(attended.transpose(1, 2).flatten(2))

    def _inner(self, layer: _Layer, hidden: Tensor) -> Tensor:
        family, mlp = self._family, layer.mlp
        given = layer.norms["mlp_norm"](hidden)
        if family.experts is not None and hasattr(mlp, family.experts.experts):
            return mlp(given)
        if family.gate_and_up is not None:
            gate, up = find(mlp, family.gate_and_up)(given).chunk(2, dim=-1)
            made = self._gated(gate, up)
        elif family.gate is not None:
            made = self._gated(find(mlp, family.gate)(given), find(mlp, family.up)(given))
        else:
            made = _ACTIVATIONS[self._activation](find(mlp, family.up)(given))
        return layer.norms["mlp_result_norm"](find(mlp, family.down)(made))

    def _gated(self, gate: Tensor, up: Tensor) -> Tensor:
        if self._activation in _GATED:
            return _GATED[self._activation](gate, up)
        return _ACTIVATIONS[self._activation](gate) * up
