"""Decode steps of models with weights of few bits, beside the model that their numbers make."""

import copy

import pytest
import torch
from tiny_models import of_numbers, prompts, tiny_model
from torch import nn

import intel_extension_for_pytorch as ipex
from intel_extension_for_pytorch.llm.quantization import quantize_model

KINDS = [("int8", -1), ("int4", 32), ("fp8_e4m3", 64), ("fp8_e5m2", -1)]
FAMILIES = ["llama, biases", "llama, odd sizes", "phi3", "gemma2", "gpt_neox", "falcon, groups"]


def logits(model: nn.Module, ids: torch.Tensor, steps: list[int]) -> torch.Tensor:
    """Of all tokens, `steps` of them at a time."""
    cache, parts = None, []
    with torch.no_grad():
        for part in ids.split(steps, dim=1):
            result = model(part, past_key_values=cache, use_cache=True)
            cache = result.past_key_values
            parts.append(result.logits.float().cpu())
    return torch.cat(parts, dim=1)


def assert_same(got: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-4)


def quantized(name: str, kind: str, group_size: int) -> nn.Module:
    model = tiny_model(name).to("xpu")
    report = quantize_model(model, kind, group_size)
    assert len(report.replaced) > 8
    return model


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize(("kind", "group_size"), KINDS, ids=str)
def test_logits(name, kind, group_size):
    model = quantized(name, kind, group_size)
    expected = of_numbers(model)
    ours = ipex.llm.optimize(model, dtype=torch.float32, strict=True)
    for rows in (1, 2):
        ids = prompts(rows, length=20)["input_ids"]
        steps = [9, 1, 4, 1, 3, 2] if rows == 2 else [7, 1, 8, 3, 1]
        assert_same(logits(ours, ids.to("xpu"), steps), logits(expected, ids, [20]))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize(("kind", "group_size"), KINDS, ids=str)
def test_logits_in_half_precision(kind, group_size, dtype):
    """No further from float32 than stock's own model in the dtype, with a margin."""
    model = quantized("llama, biases", kind, group_size)
    exact = of_numbers(model)
    stock = copy.deepcopy(exact).to(dtype)
    ours = ipex.llm.optimize(model, dtype=dtype, strict=True)
    ids = prompts(1, length=20)["input_ids"]
    expected = logits(exact, ids, [20])
    error = (logits(ours, ids.to("xpu"), [7, 1, 8, 3, 1]) - expected).abs().max()
    usual = (logits(stock, ids, [20]) - expected).abs().max()
    assert error < 2 * usual + 1e-3


def test_layers_that_were_kept():
    """Some layers of numbers beside those of codes, in one product too."""
    model = tiny_model("llama, biases").to("xpu")
    quantize_model(model, "int8", -1, skip=("lm_head", "k_proj", "model.layers.1.mlp.up_proj"))
    expected = of_numbers(model)
    ours = ipex.llm.optimize(model, dtype=torch.float32, strict=True)
    ids = prompts(1, length=20)["input_ids"]
    assert_same(logits(ours, ids.to("xpu"), [7, 1, 8, 3, 1]), logits(expected, ids, [20]))


@pytest.mark.parametrize("change", ["kinds", "nf4"])
def test_what_no_program_has_runs_by_operators(change):
    model = tiny_model("llama").to("xpu")
    if change == "nf4":
        quantize_model(model, "nf4", 64)
    else:
        quantize_model(model, "int8", -1, skip=("lm_head", "down_proj"))
        quantize_model(model, "int4", 32, skip=("lm_head",))
    expected = of_numbers(model)
    ours = ipex.llm.optimize(model, dtype=torch.float32)
    assert any("operators" in note for note in ours.llm_report)
    ids = prompts(1, length=20)["input_ids"]
    assert_same(logits(ours, ids.to("xpu"), [7, 1, 8, 3, 1]), logits(expected, ids, [20]))


def test_the_layer_of_logits_beside_an_embedding_of_the_same_weights():
    model = tiny_model("gemma2").to("xpu")
    table = model.get_input_embeddings().weight
    assert model.lm_head.weight is table
    report = quantize_model(model, "int4", 32, output_kind="int8")
    assert "lm_head" in report.replaced and model.lm_head.kind == "int8"
    assert model.get_input_embeddings().weight is table
    expected = of_numbers(model)
    ours = ipex.llm.optimize(model, dtype=torch.float32, strict=True)
    ids = prompts(1, length=20)["input_ids"]
    assert_same(logits(ours, ids.to("xpu"), [7, 1, 8, 3, 1]), logits(expected, ids, [20]))


def test_an_output_kind_needs_a_language_model():
    with pytest.raises(ValueError, match="is a linear layer, but got Linear"):
        quantize_model(nn.Linear(64, 64).to("xpu"), output_kind="int8")
