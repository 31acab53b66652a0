"""Random models of each family of language models, small enough that a test makes its own."""

from __future__ import annotations

import copy
from typing import Any

import torch
import transformers
from torch import nn

from intel_extension_for_pytorch.llm.quantization import WeightOnlyLinear

VOCABULARY = 199
NEW_TOKENS = 12
_SIZES = dict(
    vocab_size=VOCABULARY,
    hidden_size=64,
    intermediate_size=112,
    num_hidden_layers=3,
    num_attention_heads=4,
    num_key_value_heads=2,
    max_position_embeddings=512,
    pad_token_id=0,
    bos_token_id=1,
    eos_token_id=2,
)
_ONE_KEY_HEAD_EACH = {**_SIZES, "num_key_value_heads": 4}
_EXPERTS = dict(num_experts=4, num_experts_per_tok=2, moe_intermediate_size=48)

# By name: the configuration's model type, and what it has.
CONFIGURATIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("llama", dict(_SIZES)),
    "llama, biases": ("llama", dict(_SIZES, attention_bias=True, mlp_bias=True)),
    "llama, odd sizes": (
        "llama",
        dict(
            _SIZES,
            hidden_size=72,
            num_attention_heads=6,
            num_key_value_heads=3,
            head_dim=20,
            intermediate_size=101,
        ),
    ),
    "mistral": ("mistral", dict(_SIZES, sliding_window=7)),
    "qwen2": (
        "qwen2",
        dict(_SIZES, use_sliding_window=True, sliding_window=5, max_window_layers=1),
    ),
    "qwen3": ("qwen3", dict(_SIZES, head_dim=32)),
    "phi3": ("phi3", dict(_SIZES)),
    "gemma": ("gemma", dict(_SIZES, head_dim=16)),
    "gemma2": ("gemma2", dict(_SIZES, head_dim=16, sliding_window=6, query_pre_attn_scalar=24)),
    "gemma3": (
        "gemma3_text",
        dict(_SIZES, head_dim=16, sliding_window=6, sliding_window_pattern=2),
    ),
    "glm": ("glm", dict(_SIZES, head_dim=16, partial_rotary_factor=0.5)),
    "glm4": ("glm4", dict(_SIZES, head_dim=16, partial_rotary_factor=0.5)),
    "starcoder2": ("starcoder2", dict(_SIZES, sliding_window=9)),
    "olmo2": ("olmo2", dict(_SIZES)),
    "cohere": ("cohere", dict(_SIZES, use_qk_norm=True, logit_scale=0.25)),
    "cohere2": ("cohere2", dict(_SIZES, sliding_window=6, logit_scale=0.25)),
    "gptj": (
        "gptj",
        dict(
            vocab_size=VOCABULARY,
            n_embd=64,
            n_layer=3,
            n_head=4,
            rotary_dim=8,
            n_positions=512,
            pad_token_id=0,
            bos_token_id=1,
            eos_token_id=2,
        ),
    ),
    "gpt_neox": ("gpt_neox", dict(_ONE_KEY_HEAD_EACH, rotary_pct=0.25)),
    "gpt_neox, one after the other": (
        "gpt_neox",
        dict(_ONE_KEY_HEAD_EACH, use_parallel_residual=False),
    ),
    "opt": (
        "opt",
        dict(
            vocab_size=VOCABULARY,
            hidden_size=64,
            ffn_dim=112,
            num_hidden_layers=3,
            num_attention_heads=4,
            max_position_embeddings=512,
            word_embed_proj_dim=64,
            pad_token_id=0,
            bos_token_id=1,
            eos_token_id=2,
        ),
    ),
    "bloom": (
        "bloom",
        dict(
            vocab_size=VOCABULARY,
            hidden_size=64,
            n_layer=3,
            n_head=4,
            pad_token_id=0,
            bos_token_id=1,
            eos_token_id=2,
        ),
    ),
    "falcon": ("falcon", dict(_ONE_KEY_HEAD_EACH, multi_query=True)),
    "falcon, groups": (
        "falcon",
        dict(_ONE_KEY_HEAD_EACH, new_decoder_architecture=True, num_kv_heads=2),
    ),
    "falcon, ALiBi": (
        "falcon",
        dict(_ONE_KEY_HEAD_EACH, alibi=True, multi_query=False, parallel_attn=False, bias=True),
    ),
    "mixtral": ("mixtral", dict(_SIZES, num_local_experts=4, num_experts_per_tok=2)),
    "qwen2_moe": ("qwen2_moe", dict(_SIZES, **_EXPERTS, shared_expert_intermediate_size=48)),
    "qwen3_moe": ("qwen3_moe", dict(_SIZES, **_EXPERTS)),
    "gpt_oss": (
        "gpt_oss",
        dict(_SIZES, head_dim=16, sliding_window=6, num_local_experts=4, num_experts_per_tok=2),
    ),
    "deepseek_v3": (
        "deepseek_v3",
        dict(
            _ONE_KEY_HEAD_EACH,
            n_routed_experts=4,
            num_experts_per_tok=2,
            n_group=2,
            topk_group=1,
            moe_intermediate_size=48,
            first_k_dense_replace=1,
            q_lora_rank=32,
            kv_lora_rank=16,
            qk_nope_head_dim=16,
            qk_rope_head_dim=8,
            v_head_dim=16,
        ),
    ),
}


def tiny_model(name: str, dtype: torch.dtype = torch.float32) -> Any:
    """The model of that name, always the same."""
    kind, values = CONFIGURATIONS[name]
    config = transformers.AutoConfig.for_model(kind, **values)
    torch.manual_seed(0)
    model = transformers.AutoModelForCausalLM.from_config(config)
    with torch.no_grad():
        for parameter in model.parameters():  # also what is initialized to zeros and ones
            noise = torch.randn_like(parameter)
            parameter.copy_(noise * 0.15 if parameter.dim() > 1 else parameter + noise * 0.1)
    model.generation_config.eos_token_id = None  # all texts have the length that is asked for
    return model.to(dtype).eval()


def prompts(rows: int = 3, length: int = 11) -> dict[str, torch.Tensor]:
    """Token numbers and mask, padded on the left to different lengths."""
    generator = torch.Generator().manual_seed(rows)
    ids = torch.randint(3, VOCABULARY, (rows, length), generator=generator)
    mask = torch.ones_like(ids)
    for row in range(1, rows):
        mask[row, : 3 * row] = 0
        ids[row, : 3 * row] = 0
    return {"input_ids": ids, "attention_mask": mask}


def of_numbers(model: nn.Module) -> nn.Module:
    """The model on the CPU with the numbers that codes stand for, in float32."""
    model = copy.deepcopy(model)
    for name, module in list(model.named_modules()):
        if isinstance(module, WeightOnlyLinear):
            linear = nn.Linear(module.in_features, module.out_features, module.bias is not None)
            linear.weight.data = module.quantized_weight.dequantize_reference().cpu()
            if module.bias is not None:
                linear.bias.data = module.bias.detach().cpu().float()
            model.set_submodule(name, linear)
    return model.to("cpu", torch.float32)


def alone(model: Any, prompts: list[list[int]]) -> list[list[int]]:
    """The tokens that `generate` adds to each prompt, greedily."""
    return [
        model.generate(
            torch.tensor([ids], device=model.device), max_new_tokens=NEW_TOKENS, do_sample=False
        )[0, len(ids) :].tolist()
        for ids in prompts
    ]
