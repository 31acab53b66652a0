"""How large a pool of cached keys and values is: what requests need, within what is free."""

from __future__ import annotations

import copy
import math
from typing import Any

import torch
from transformers.generation.continuous_batching.cache import group_layers_by_attn_type
from transformers.generation.continuous_batching.utils import (
    find_head_dim,
    find_num_key_value_heads,
)

# Of the memory that is free. A CPU's is that of all programs of the machine.
_FRACTION = {"cpu": 0.4, "gpu": 0.8}
# What a server without other hints has room for at once, each as long as the model takes.
_REQUESTS = 16
# Tokens of one forward pass: more than these make products no faster.
_BATCH_TOKENS = 2048
# transformers admits no new request while a fifth of the pool or less is free.
_ROOM_TO_ADMIT = 4 / 3


def fitted(model: Any, given: Any, hints: Any) -> Any:
    """A copy of a ContinuousBatchingConfig, in which what is not set suits model and memory.

    MemoryError where not even one block of each layer fits.
    """
    config = copy.copy(given)
    if config.use_cuda_graph is None:
        config.use_cuda_graph = False  # there is no capture on this device
    text = model.config.get_text_config()
    longest = _longest_request(text, hints)
    requests = (hints.num_requests if hints else 0) or _REQUESTS
    if config.max_requests_per_batch is not None:
        requests = min(requests, config.max_requests_per_batch)
    if config.max_batch_tokens is None:
        config.max_batch_tokens = min(_BATCH_TOKENS, longest * requests)
    if config.num_blocks is None:
        wanted = _blocks_wanted(text, config.page_size, longest, requests)
        config.num_blocks = min(wanted, _blocks_that_fit(model, text, config))
    return config


def _longest_request(text: Any, hints: Any) -> int:
    """In tokens."""
    if hints and hints.max_generated_length:
        return int(hints.max_prompt_length + hints.max_generated_length)
    return int(getattr(text, "max_position_embeddings", None) or 4096)


def _blocks_wanted(text: Any, page_size: int, longest: int, requests: int) -> int:
    """Blocks hold `page_size` tokens of all layers. Layers of one kind take whole sectors."""
    kinds = [len(layers) for layers in group_layers_by_attn_type(text).values()]
    sector = math.ceil(math.lcm(*kinds) / sum(kinds))
    blocks = math.ceil(longest / page_size) * requests
    return math.ceil(blocks * _ROOM_TO_ADMIT) + sector * len(kinds)


def _blocks_that_fit(model: Any, text: Any, config: Any) -> int:
    properties: Any = torch.xpu.get_device_properties(model.device)
    torch.xpu.empty_cache()
    free, _ = torch.xpu.mem_get_info(model.device)
    fraction = config.max_memory_percent or _FRACTION.get(properties.type, _FRACTION["gpu"])
    memory = min(int(free * fraction), properties.max_mem_alloc_size)
    vector = find_num_key_value_heads(text) * find_head_dim(text) * model.dtype.itemsize
    # Batches that are not only decode steps copy one layer's keys and values out of the pool.
    layers = text.num_hidden_layers + 1
    fit = memory // (2 * vector * config.page_size * layers)
    if fit < 1:
        raise MemoryError(
            f"continuous batching: a block of {config.page_size} tokens does not fit in "
            f"{memory} bytes, a part of the {free} that are free; expected a smaller page_size"
        )
    return int(fit)
