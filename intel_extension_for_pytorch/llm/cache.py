"""Keys and values of a generation in segments: what grows is never copied.

A prompt's keys and values stay the tensors that its forward pass made. Those of generated tokens go
into segments, one allocation for all layers, which are added as the text grows. Beams that are
reordered move nothing: a table says whose row has a position of a row. All of it hangs on the
transformers `Cache` that `generate` made.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import CacheLayerMixin, DynamicCache

# A segment is at least so long, and a fourth of what was generated: a program takes no more than 64
# segments, which then hold millions of positions.
_SMALLEST_SEGMENT = 64
_GROWTH = 4


@dataclasses.dataclass
class _Segment:
    """Positions [begin, end) of all layers: of each, keys and values [rows, heads, positions,
    features]."""

    begin: int
    end: int
    keys: list[Tensor]
    values: list[Tensor]


def _own(states: Tensor) -> Tensor:
    """`states` as they may be kept: a view would keep what it was cut out of alive."""
    dense = states.stride(-1) == 1 and 4 * states.nbytes >= 3 * states.untyped_storage().nbytes()
    return states if dense else states.contiguous()


class SegmentStore:
    """What the layers of one cache share. `repeats`: how often a model's own code gives each head
    of keys and values, of which one is kept."""

    def __init__(self, layers: int, repeats: int = 1) -> None:
        self.layers = layers
        self.repeats = repeats
        self.lengths = [0] * layers
        self.segments: list[_Segment] = []
        self.rows = 0
        self.row_of: Tensor | None = None  # int32 [positions, rows]
        self._table: Tensor | None = None

    @property
    def length(self) -> int:
        """How many positions every layer has."""
        return self.lengths[0]

    @property
    def begins(self) -> list[int]:
        return [segment.begin for segment in self.segments] + [self.segments[-1].end]

    @property
    def table(self) -> Tensor:
        """int64 [layers, segments, 8] on the device: addresses and strides of each segment."""
        if self._table is None:
            rows = [
                [
                    [
                        segment.keys[layer].data_ptr(),
                        segment.values[layer].data_ptr(),
                        *segment.keys[layer].stride()[:3],
                        *segment.values[layer].stride()[:3],
                    ]
                    for segment in self.segments
                ]
                for layer in range(self.layers)
            ]
            self._table = torch.tensor(rows).to(self.segments[0].keys[0].device)
        return self._table

    def grow(self, keys: Tensor, values: Tensor, end: int) -> None:
        """Makes room for positions up to `end`; shapes are those of `keys` and `values`."""
        while self.segments[-1].end < end:
            last = self.segments[-1]
            generated = last.end - self.segments[0].end
            size = max(_SMALLEST_SEGMENT, generated // _GROWTH, end - last.end)
            self.segments.append(
                _Segment(
                    last.end,
                    last.end + size,
                    list(self._room_for(keys, size)),
                    list(self._room_for(values, size)),
                )
            )
            self._table = None
        if self.row_of is not None and self.row_of.shape[0] < end:
            more = _own_rows(self.rows, self.segments[-1].end - self.row_of.shape[0], keys)
            self.row_of = torch.cat([self.row_of, more])

    def _room_for(self, states: Tensor, positions: int) -> Tensor:
        _, heads, _, features = states.shape
        return states.new_empty((self.layers, self.rows, heads, positions, features))

    def append(self, layer: int, keys: Tensor, values: Tensor) -> None:
        """Keys and values [rows, heads, tokens, features] of one layer."""
        begin, count = self.lengths[layer], keys.shape[2]
        if not self.segments:
            self.rows = keys.shape[0]
            self.segments.append(
                _Segment(
                    0, count, [keys.new_empty(0)] * self.layers, [keys.new_empty(0)] * self.layers
                )
            )
        if begin == 0 and self.segments[0].end == count:
            self.segments[0].keys[layer], self.segments[0].values[layer] = _own(keys), _own(values)
            self._table = None
        else:
            self.grow(keys, values, begin + count)
            for segment in self.segments:
                first, last = max(begin, segment.begin), min(begin + count, segment.end)
                if first >= last:
                    continue
                place = slice(first - segment.begin, last - segment.begin)
                given = slice(first - begin, last - begin)
                segment.keys[layer][:, :, place] = keys[:, :, given]
                segment.values[layer][:, :, place] = values[:, :, given]
        self.lengths[layer] = begin + count

    def whole(self, layer: int) -> tuple[Tensor, Tensor]:
        """Keys and values of one layer, [rows, heads, positions, features]; copies unless there is
        one segment."""
        length = self.lengths[layer]

        def joined(parts: list[Tensor]) -> Tensor:
            cut = []
            for part, segment in zip(parts, self.segments, strict=True):
                end = min(length, segment.end)
                if end > segment.begin:
                    cut.append(self._rows_of(part[:, :, : end - segment.begin], segment.begin))
            if not cut:
                return parts[0][:, :, :0]
            return cut[0] if len(cut) == 1 else torch.cat(cut, dim=2)

        return (
            joined([segment.keys[layer] for segment in self.segments]),
            joined([segment.values[layer] for segment in self.segments]),
        )

    def _rows_of(self, part: Tensor, begin: int) -> Tensor:
        """Positions from `begin` on as each row has them."""
        if self.row_of is None:
            return part
        where = self.row_of[begin : begin + part.shape[2]].t()[:, None, :, None].long()
        return part.gather(0, where.expand(-1, part.shape[1], -1, part.shape[3]))

    def share(self, repeats: int) -> None:
        """Each row becomes `repeats` rows, which share what there is of it."""
        self.rows *= repeats
        first = self.segments[0].keys[0]
        self.row_of = _own_rows(self.rows, self.segments[-1].end, first) // repeats

    def cut(self, layer: int, count: int) -> None:
        """Removes the last `count` positions of a layer."""
        self.lengths[layer] = max(0, self.lengths[layer] - count)
        if layer + 1 < self.layers:
            return
        if self.length == 0:
            self.clear()
        elif self.row_of is None:
            return
        elif any(
            self.lengths[layer] < segment.end and segment.keys[0].shape[0] < self.rows
            for segment in self.segments
        ):
            self.rebuild(lambda states: states)  # positions that come need rows of their own
        else:
            self.row_of[self.length :] = _own_rows(self.rows, 1, self.row_of)

    def reorder(self, rows: Tensor) -> None:
        """Row i becomes what row rows[i] was."""
        if not self.segments:
            return
        keys = self.segments[0].keys[0]
        if self.row_of is None:
            self.row_of = _own_rows(self.rows, self.segments[-1].end, keys)
        length = self.length
        self.row_of[:length] = self.row_of[:length].index_select(1, rows.to(keys.device))

    def rebuild(self, change: Any) -> None:
        """Each layer's keys and values become what `change` makes of them; they are copied."""
        if not self.segments:
            return
        wholes = [self.whole(layer) for layer in range(self.layers)]
        self.lengths, self.segments = [0] * self.layers, []
        self.row_of, self._table = None, None
        for layer, (keys, values) in enumerate(wholes):
            self.append(layer, change(keys), change(values))

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_table": None}  # addresses of this one's tensors, not of a copy's

    def clear(self) -> None:
        self.__init__(self.layers, self.repeats)  # type: ignore[misc]


def _own_rows(rows: int, positions: int, like: Tensor) -> Tensor:
    numbers = torch.arange(rows, dtype=torch.int32, device=like.device)
    return numbers.expand(positions, rows).contiguous()


class SegmentLayer(CacheLayerMixin):
    """One layer's view of a `SegmentStore`, with the interface of transformers."""

    is_sliding = False
    is_compileable = False
    is_croppable = True
    supports_early_init = False

    def __init__(self, store: SegmentStore, layer: int) -> None:
        self.store = store
        self.layer = layer

    @property
    def is_initialized(self) -> bool:  # type: ignore[override]
        return self.store.lengths[self.layer] > 0

    @property
    def dtype(self) -> torch.dtype:
        return self.store.segments[0].keys[self.layer].dtype

    @property
    def device(self) -> torch.device:
        return self.store.segments[0].keys[self.layer].device

    @property
    def keys(self) -> Tensor | None:  # type: ignore[override]
        return self._whole()[0] if self.is_initialized else None

    @property
    def values(self) -> Tensor | None:  # type: ignore[override]
        return self._whole()[1] if self.is_initialized else None

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        pass

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        repeats = self.store.repeats
        if repeats > 1:
            key_states, value_states = (
                states[:, ::repeats].contiguous() for states in (key_states, value_states)
            )
        self.store.append(self.layer, key_states, value_states)
        return self._whole()

    def _whole(self) -> tuple[Tensor, Tensor]:
        keys, values = self.store.whole(self.layer)
        repeats = self.store.repeats
        if repeats == 1:
            return keys, values
        return keys.repeat_interleave(repeats, dim=1), values.repeat_interleave(repeats, dim=1)

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        return self.get_seq_length() + query_length, 0

    def get_seq_length(self) -> int:
        return self.store.lengths[self.layer]

    def get_max_length(self) -> int:
        return -1

    # What concerns all layers is done once, for the first of them.

    def reorder_cache(self, beam_idx: Tensor) -> None:
        if self.layer == 0:
            self.store.reorder(beam_idx)

    def reset(self) -> None:
        if self.layer == 0:
            self.store.clear()

    def crop(self, tokens_to_remove: int) -> None:
        """Removes the last `tokens_to_remove` (negative, as transformers says it) positions."""
        if tokens_to_remove > 0:
            raise ValueError(
                "crop takes a number of tokens to remove as a negative integer, got "
                f"{tokens_to_remove}"
            )
        self.store.cut(self.layer, -tokens_to_remove)

    def batch_repeat_interleave(self, repeats: int) -> None:
        if self.layer == 0:
            self.store.rebuild(lambda states: states.repeat_interleave(repeats, dim=0))

    def batch_select_indices(self, indices: Tensor) -> None:
        if self.layer == 0:
            self.store.rebuild(lambda states: states[indices])

    def activate_past_recording(self) -> None:
        pass  # nothing that is past is ever dropped

    def offload(self) -> None:
        raise NotImplementedError(
            "offloading of segments is not supported: generate without "
            "cache_implementation='offloaded'"
        )


def use_segments(cache: Any, layers: int, repeats: int = 1) -> SegmentStore | None:
    """The segments of a transformers cache. One that holds nothing yet gets them; None for caches
    of other kinds, which stay what they are."""
    if type(cache) is not DynamicCache or cache.offloading:
        return None
    first = cache.layers[0] if cache.layers else None
    if isinstance(first, SegmentLayer):
        return first.store
    if any(getattr(layer, "is_initialized", True) for layer in cache.layers):
        return None
    store = SegmentStore(layers, repeats)
    cache.layers = [SegmentLayer(store, layer) for layer in range(layers)]
    cache.layer_class_to_replicate = None
    return store
