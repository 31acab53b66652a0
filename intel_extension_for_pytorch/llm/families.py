"""What the decoders of transformers are made of, as data: one `Family` for each kind.

A name is the path of a module from the one that the comment above it says; None stands for what a
family has not. Defaults are those of Llama, which most follow.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn


@dataclasses.dataclass(frozen=True)
class Experts:
    """Of an MLP whose experts a router chooses; names are paths from it."""

    router: str = "gate"
    experts: str = "experts"
    shared: str | None = None  # an MLP that all tokens share, and what weights it
    shared_gate: str | None = None  # None: it counts fully
    normalized: bool = False  # weights of the chosen add up to 1; else as the router says
    sigmoid: bool = False  # scores are chosen in groups of experts, with a bias
    alternating: bool = False  # weights [inputs, outputs], whose outputs are of gate and up in turn


@dataclasses.dataclass(frozen=True)
class Latent:
    """Of attention whose cache has what keys and values are made of (DeepSeek-V2, arXiv
    2405.04434); names are paths from it."""

    query: str = "q_proj"  # one product, or two with a normalization between
    query_down: str = "q_a_proj"
    query_norm: str = "q_a_layernorm"
    query_up: str = "q_b_proj"
    down: str = "kv_a_proj_with_mqa"
    norm: str = "kv_a_layernorm"
    up: str = "kv_b_proj"


@dataclasses.dataclass(frozen=True)
class Family:
    # From the causal language model.
    base: str = "model"
    # From the base model.
    layers: str = "layers"
    embedding: str = "embed_tokens"
    embedding_norm: str | None = None
    embedding_positions: str | None = None  # learned, added to the embedding
    last_norm: str | None = "norm"
    rotary: str | None = "rotary_emb"
    # From a layer.
    attention: str = "self_attn"
    input_norm: str | None = "input_layernorm"
    attention_norm: str | None = None  # of attention's result, before it is added
    mlp_norm: str | None = "post_attention_layernorm"
    mlp_result_norm: str | None = None
    mlp: str = "mlp"  # "": the layer itself
    # From attention: one name for queries, keys and values that one product makes.
    projections: tuple[str, ...] = ("q_proj", "k_proj", "v_proj")
    output: str = "o_proj"
    query_norm: str | None = None
    key_norm: str | None = None
    # From the MLP.
    gate: str | None = "gate_proj"
    up: str = "up_proj"
    down: str = "down_proj"
    gate_and_up: str | None = None  # one product for both
    experts: Experts | None = None  # in layers that have them
    latent: Latent | None = None
    # Kinds.
    grouping: str = (
        "stacked"  # of one product's rows: all queries, keys, values; or "heads", "groups"
    )
    interleaved: bool = False  # pairs of rotated features are neighbours, not halves
    parallel: bool = False  # MLP and attention read the same hidden state
    weight_offset: float = 0.0  # added to the weights of normalizations
    alibi: bool = False
    activation: str | None = None  # None: the configuration's


_LLAMA = Family()
_GEMMA = Family(weight_offset=1.0)
_GEMMA_2 = dataclasses.replace(
    _GEMMA,
    attention_norm="post_attention_layernorm",
    mlp_norm="pre_feedforward_layernorm",
    mlp_result_norm="post_feedforward_layernorm",
)
_GLM = Family(gate=None, gate_and_up="gate_up_proj", interleaved=True)
_COHERE = Family(mlp_norm="input_layernorm", parallel=True, interleaved=True)

# By the configuration's model_type.
FAMILIES: dict[str, Family] = {
    "llama": _LLAMA,
    "mistral": _LLAMA,
    "qwen2": _LLAMA,
    "qwen3": dataclasses.replace(_LLAMA, query_norm="q_norm", key_norm="k_norm"),
    "phi3": Family(projections=("qkv_proj",), gate=None, gate_and_up="gate_up_proj"),
    "gemma": _GEMMA,
    "gemma2": _GEMMA_2,
    "gemma3_text": dataclasses.replace(_GEMMA_2, query_norm="q_norm", key_norm="k_norm"),
    "glm": _GLM,
    "glm4": dataclasses.replace(
        _GLM, attention_norm="post_self_attn_layernorm", mlp_result_norm="post_mlp_layernorm"
    ),
    "starcoder2": Family(gate=None, up="c_fc", down="c_proj"),
    "olmo2": Family(
        input_norm=None,
        attention_norm="post_attention_layernorm",
        mlp_norm=None,
        mlp_result_norm="post_feedforward_layernorm",
        query_norm="q_norm",
        key_norm="k_norm",
    ),
    "cohere": dataclasses.replace(_COHERE, query_norm="q_norm", key_norm="k_norm"),
    "cohere2": _COHERE,
    "gptj": Family(
        base="transformer",
        layers="h",
        embedding="wte",
        last_norm="ln_f",
        rotary=None,
        attention="attn",
        input_norm="ln_1",
        mlp_norm="ln_1",
        output="out_proj",
        gate=None,
        up="fc_in",
        down="fc_out",
        interleaved=True,
        parallel=True,
    ),
    "gpt_neox": Family(
        base="gpt_neox",
        embedding="embed_in",
        last_norm="final_layer_norm",
        attention="attention",
        projections=("query_key_value",),
        grouping="heads",
        output="dense",
        gate=None,
        up="dense_h_to_4h",
        down="dense_4h_to_h",
        parallel=True,
    ),
    "opt": Family(
        base="model.decoder",
        embedding_positions="embed_positions",
        last_norm="final_layer_norm",
        rotary=None,
        input_norm="self_attn_layer_norm",
        mlp_norm="final_layer_norm",
        output="out_proj",
        mlp="",
        gate=None,
        up="fc1",
        down="fc2",
    ),
    "bloom": Family(
        base="transformer",
        layers="h",
        embedding="word_embeddings",
        embedding_norm="word_embeddings_layernorm",
        last_norm="ln_f",
        rotary=None,
        attention="self_attention",
        projections=("query_key_value",),
        grouping="heads",
        output="dense",
        gate=None,
        up="dense_h_to_4h",
        down="dense_4h_to_h",
        alibi=True,
        activation="gelu_tanh",
    ),
    "falcon": Family(
        base="transformer",
        layers="h",
        embedding="word_embeddings",
        last_norm="ln_f",
        attention="self_attention",
        projections=("query_key_value",),
        output="dense",
        gate=None,
        up="dense_h_to_4h",
        down="dense_4h_to_h",
    ),
    "mixtral": Family(experts=Experts(normalized=True)),
    "qwen2_moe": Family(experts=Experts(shared="shared_expert", shared_gate="shared_expert_gate")),
    "qwen3_moe": Family(query_norm="q_norm", key_norm="k_norm", experts=Experts()),
    "gpt_oss": Family(experts=Experts(router="router", normalized=True, alternating=True)),
    "deepseek_v3": Family(latent=Latent(), experts=Experts(shared="shared_experts", sigmoid=True)),
}

_ACTIVATIONS = {
    "silu": "silu",
    "swish": "silu",
    "gelu": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "gelu_tanh": "gelu_tanh",
    "relu": "relu",
    "relu2": "relu_squared",
}


class Unsupported(Exception):
    """What a program cannot be made for, and why."""


def find(module: Any, path: str | None) -> Any:
    """The module at `path` from `module`; None for no path."""
    if path is None:
        return None
    for name in filter(None, path.split(".")):
        module = getattr(module, name)
    return module


def family_of(config: Any) -> tuple[str, Family | None]:
    """The configuration's model_type, and its family if there is one."""
    kind = config.model_type
    family = FAMILIES.get(kind)
    if kind == "falcon":
        family = _falcon(config)
    elif kind == "gpt_neox":
        family = dataclasses.replace(FAMILIES[kind], parallel=config.use_parallel_residual)
    elif kind == "deepseek_v3":
        family = dataclasses.replace(FAMILIES[kind], interleaved=config.rope_interleave)
    return kind, family


def _falcon(config: Any) -> Family:
    two_norms = config.new_decoder_architecture and config.num_ln_in_parallel_attn == 2
    parallel = config.new_decoder_architecture or config.parallel_attn
    grouping = "stacked" if config.multi_query else "heads"
    return dataclasses.replace(
        FAMILIES["falcon"],
        rotary=None if config.alibi else "rotary_emb",
        alibi=config.alibi,
        input_norm="ln_attn" if two_norms else "input_layernorm",
        mlp_norm=(
            "ln_mlp" if two_norms else "input_layernorm" if parallel else "post_attention_layernorm"
        ),
        parallel=parallel,
        grouping="groups" if config.new_decoder_architecture else grouping,
    )


def activation_of(family: Family, config: Any) -> str:
    names = ("hidden_activation", "hidden_act", "activation_function", "activation")
    given = family.activation or next(
        (value for name in names if (value := getattr(config, name, None)) is not None), None
    )
    if given not in _ACTIVATIONS:
        raise Unsupported(f"the activation {given!r}")
    return _ACTIVATIONS[given]


def heads_of(config: Any) -> tuple[int, int, int]:
    """Heads of queries, heads of keys and values, features of a head."""
    heads = config.num_attention_heads
    if getattr(config, "kv_lora_rank", None):
        return heads, 1, config.kv_lora_rank + config.qk_rope_head_dim
    key_heads = getattr(config, "num_key_value_heads", None) or heads
    if config.model_type == "falcon" and not config.new_decoder_architecture:
        key_heads = 1 if config.multi_query else heads
    elif config.model_type == "falcon":
        key_heads = config.num_kv_heads
    return heads, key_heads, getattr(config, "head_dim", None) or config.hidden_size // heads


def repeats_of(config: Any) -> int:
    """How often a model gives each head of keys and values to its cache."""
    if config.model_type == "falcon" and config.new_decoder_architecture:
        return config.num_attention_heads // config.num_kv_heads
    return 1


def window_of(config: Any, attention: Any, layer: int) -> int:
    """How many keys a query of the layer sees; 0: all."""
    if hasattr(attention, "sliding_window"):
        return attention.sliding_window or 0
    types = getattr(config, "layer_types", None)
    if types is not None and types[layer] != "sliding_attention":
        return 0
    return getattr(config, "sliding_window", None) or 0


def scale_of(attention: Any, head_size: int) -> float:
    """What products of queries and keys are multiplied by."""
    scale = getattr(attention, "scaling", getattr(attention, "inv_norm_factor", head_size**-0.5))
    if hasattr(attention, "scale_attn"):
        scale = 1.0 / float(attention.scale_attn)
    return float(scale)


def frequencies_of(family: Family, config: Any, base: nn.Module) -> dict[str, tuple[Tensor, float]]:
    """Inverse frequencies (float32 [rotated features / 2]) and the scale of cosines and sines, by
    the type of layer ("" where all have the same)."""
    if config.model_type == "gptj":
        size = config.rotary_dim
        if size is None:
            raise Unsupported("rotation of all features of GPT-J")
        return {"": (1.0 / 10000 ** (torch.arange(0, size, 2, dtype=torch.float32) / size), 1.0)}
    rotary = find(base, family.rotary)
    if rotary is None:
        return {}
    kinds = rotary.rope_type if isinstance(rotary.rope_type, dict) else {"": rotary.rope_type}
    result = {}
    for layer_type, kind in kinds.items():
        if kind not in ("default", "linear", "llama3", "yarn"):
            raise Unsupported(f"frequencies that depend on the length ({kind})")
        prefix = f"{layer_type}_" if layer_type else ""
        scale = getattr(rotary, f"{prefix}attention_scaling")
        result[layer_type] = (getattr(rotary, f"{prefix}inv_freq").float(), float(scale))
    return result


def table_of(tables: Iterable[str], config: Any, window: int, layer: int) -> str | None:
    """Which of the tables of frequencies a layer rotates queries and keys by; None: it does not."""
    names = list(tables)
    if not names or (config.model_type == "cohere2" and window == 0):
        return None
    types = getattr(config, "layer_types", None)
    return "" if types is None or names == [""] else types[layer]


def check_layout(config: Any, base: nn.Module) -> None:
    """Raises Unsupported where layers are connected as in no family here."""
    if getattr(config, "apply_residual_connection_post_layernorm", False):
        raise Unsupported("residuals of normalized states")
    if not getattr(config, "do_layer_norm_before", True):
        raise Unsupported("normalization after the residual")
    if any(getattr(base, name, None) is not None for name in ("project_in", "project_out")):
        raise Unsupported("embeddings of another width")


def slopes_of(config: Any, heads: int, scale: float) -> Tensor:
    """ALiBi's slope of each head (Press et al., 2022): powers of two in geometric sequence."""

    def sequence(count: int) -> list[float]:
        start = 2.0 ** (-(2.0 ** -(math.log2(count) - 3)))
        return [start ** (i + 1) for i in range(count)]

    power = 2 ** math.floor(math.log2(heads))
    slopes = sequence(power) + sequence(2 * power)[0::2][: heads - power]
    factor = scale if config.model_type == "falcon" else 1.0  # Falcon scales them as scores
    return torch.tensor(slopes, dtype=torch.float32) * factor
