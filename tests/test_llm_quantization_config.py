"""`ipex.llm.optimize` with recipes of quantization and with checkpoints that are quantized, beside
stock models on the CPU whose weights are what the codes stand for."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import save_file
from tiny_models import VOCABULARY, prompts
from torch import nn

import intel_extension_for_pytorch as ipex
from intel_extension_for_pytorch.llm.quantization import (
    QuantizedWeight,
    SmoothQuantLinear,
    WeightOnlyLinear,
    gptq_quantize,
    gptq_weight,
    smooth_quantize,
)

GROUP = 32
IDS = prompts(1, 24)["input_ids"]


def configuration(**changes: Any) -> Any:
    return transformers.LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=64,
        intermediate_size=256,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        attention_bias=True,
        tie_word_embeddings=True,
        **changes,
    )


def new_model(seed: int = 0, **changes: Any) -> Any:
    torch.manual_seed(seed)
    model = transformers.LlamaForCausalLM(configuration(**changes)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    model.generation_config.eos_token_id = None
    return model


def linears(model: nn.Module) -> dict[str, nn.Linear]:
    """Those that are quantized."""
    return {
        name: layer
        for name, layer in model.named_modules()
        if isinstance(layer, nn.Linear) and name != "lm_head"
    }


def logits(model: Any) -> torch.Tensor:
    with torch.no_grad():
        return model(IDS.to(model.device)).logits.cpu()


def assert_same_model(ours: Any, stock: Any) -> None:
    torch.testing.assert_close(logits(ours), logits(stock), rtol=1e-4, atol=1e-4)
    tokens = [
        model.generate(IDS.to(model.device), max_new_tokens=8, do_sample=False).tolist()
        for model in (ours, stock)
    ]
    assert tokens[0] == tokens[1]


def kinds_of(model: nn.Module) -> set[str]:
    return {m.kind for m in model.modules() if isinstance(m, WeightOnlyLinear)}


# ---- Recipes ----

Dtype = ipex.quantization.WoqWeightDtype


@pytest.mark.parametrize(
    "options, kind",
    [
        ({}, "int8"),
        ({"weight_dtype": torch.quint4x2, "lowp_mode": 2, "group_size": GROUP}, "int4"),
        ({"weight_dtype": Dtype.INT4, "group_size": 64, "weight_qscheme": 2}, "int4"),
        ({"weight_dtype": Dtype.NF4, "group_size": 64}, "nf4"),
        ({"weight_dtype": Dtype.FP8}, "fp8_e4m3"),
    ],
)
def test_weight_only(options: dict[str, Any], kind: str) -> None:
    model = new_model()
    recipe = ipex.quantization.get_weight_only_quant_qconfig_mapping(**options)
    ours = ipex.llm.optimize(model, quantization_config=recipe)
    assert kinds_of(ours) == {kind}
    for layer in linears(model).values():
        symmetric = options.get("weight_qscheme") == 2
        weight = QuantizedWeight.quantize(
            layer.weight, kind, options.get("group_size", -1), symmetric
        )
        layer.weight.data = weight.dequantize_reference()
    assert_same_model(ours, model)
    assert any("14 linear layers replaced" in note for note in ours.llm_report)


def test_layers_of_their_own_recipe() -> None:
    recipes = ipex.quantization
    mapping = recipes.get_weight_only_quant_qconfig_mapping()
    four = recipes.get_weight_only_quant_qconfig_mapping(weight_dtype=Dtype.INT4, group_size=64)
    mapping.set_module_name("model.layers.0.mlp.up_proj", None)
    mapping.set_module_name_regex(r"model\.layers\.1\.", four.global_qconfig)
    ours = ipex.llm.optimize(new_model(), quantization_config=mapping, dtype=torch.bfloat16)
    layers = ours.model.layers
    assert type(layers[0].mlp.up_proj) is nn.Linear and type(ours.lm_head) is nn.Linear
    assert layers[0].mlp.gate_proj.kind == "int8" and layers[1].mlp.up_proj.kind == "int4"
    assert layers[0].mlp.up_proj.weight.dtype == torch.bfloat16


def test_codes_are_chosen_before_weights_are_cast() -> None:
    model = new_model()
    recipe = ipex.quantization.get_weight_only_quant_qconfig_mapping()
    ours = ipex.llm.optimize(model, dtype=torch.bfloat16, quantization_config=recipe)
    expected = QuantizedWeight.quantize(model.model.layers[0].mlp.up_proj.weight, "int8", -1)
    assert torch.equal(ours.model.layers[0].mlp.up_proj.codes.cpu(), expected.codes)


@pytest.mark.parametrize("dynamic", [True, False])
def test_smooth_quant(dynamic: bool, tmp_path: Any) -> None:
    model, summary = new_model(), str(tmp_path / "summary.json")
    recipe = ipex.quantization.get_smooth_quant_qconfig_mapping(alpha=0.6, dynamic=dynamic)
    ready = ipex.llm.optimize(model, quantization_config=recipe)
    prepared = ipex.quantization.prepare(ready, recipe, example_inputs=(IDS,), inplace=True)
    logits(prepared)
    prepared.save_qconf_summary(qconf_summary=summary)
    converted = ipex.quantization.convert(prepared)
    loaded = ipex.llm.optimize(model, quantization_config=recipe, qconfig_summary_file=summary)
    direct = copy.deepcopy(model).to("xpu")
    smooth_quantize(direct, [{"input_ids": IDS.to("xpu")}], alpha=0.6, dynamic=dynamic)
    assert sum(isinstance(m, SmoothQuantLinear) for m in loaded.modules()) == 14
    torch.testing.assert_close(logits(loaded), logits(direct), rtol=0, atol=0.02)  # steps of int8
    torch.testing.assert_close(logits(converted), logits(direct), rtol=0, atol=0.02)
    error = (logits(loaded) - logits(model)).std() / logits(model).std()
    assert 1e-4 < float(error) < 0.05


def test_recipe_of_bits_and_bytes() -> None:
    values = {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4"}
    config = type("BitsAndBytesConfig", (), values)()
    assert kinds_of(ipex.llm.optimize(new_model(), quantization_config=config)) == {"nf4"}
    config.bnb_4bit_quant_type = "fp4"
    with pytest.raises(TypeError, match="bnb_4bit_quant_type"):
        ipex.llm.optimize(new_model(), quantization_config=config)


# ---- Checkpoints ----

Tensors = dict[str, torch.Tensor]


def packed(codes: torch.Tensor, bits: int, dim: int) -> torch.Tensor:
    """Codes side by side in words int32, the first in the lowest bits."""
    shifts = torch.arange(0, 32, bits)
    words = (codes.long().unflatten(dim, (-1, 32 // bits)).movedim(dim + 1, -1) << shifts).sum(-1)
    return torch.where(words >= 2**31, words - 2**32, words).to(torch.int32).contiguous()


def random_codes(layer: nn.Linear, bits: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Codes [N, K], zero points and scales [N, groups]."""
    groups = layer.in_features // GROUP
    codes = torch.randint(0, 2**bits, layer.weight.shape)
    zeros = torch.randint(2 ** (bits - 1) - 2, 2 ** (bits - 1) + 2, (len(codes), groups))
    scales = (torch.rand(len(codes), groups) + 0.5) * 0.5 / 2**bits
    return codes, zeros, scales.half()


def values_of(codes: Any, zeros: Any, scales: Any, groups: torch.Tensor) -> torch.Tensor:
    return (codes - zeros[:, groups]) * scales.float()[:, groups]


def gptq(layer: nn.Linear, bits: int = 4, act_order: bool = False) -> tuple[Tensors, torch.Tensor]:
    codes, zeros, scales = random_codes(layer, bits)
    groups = torch.arange(layer.in_features) // GROUP
    groups = groups[torch.randperm(len(groups))] if act_order else groups
    tensors = {
        "qweight": packed(codes.t(), bits, 0),
        "qzeros": packed((zeros - 1).t(), bits, 1),
        "scales": scales.t().contiguous(),
        "g_idx": groups.int(),
    }
    return tensors, values_of(codes, zeros, scales, groups)


def awq(layer: nn.Linear) -> tuple[Tensors, torch.Tensor]:
    codes, zeros, scales = random_codes(layer, 4)
    order = torch.tensor([0, 2, 4, 6, 1, 3, 5, 7])

    def words(values: torch.Tensor) -> torch.Tensor:
        return packed(values.t().unflatten(1, (-1, 8))[..., order].flatten(1), 4, 1)

    tensors = {"qweight": words(codes), "qzeros": words(zeros), "scales": scales.t().contiguous()}
    groups = torch.arange(layer.in_features) // GROUP
    return tensors, values_of(codes, zeros, scales, groups)


def compressor(layer: nn.Linear) -> tuple[Tensors, torch.Tensor]:
    codes, zeros, scales = random_codes(layer, 4)
    padded = nn.functional.pad(zeros, (0, -zeros.shape[1] % 8))
    tensors = {
        "packed_weight": packed(codes, 4, 1),
        "packed_zp": packed(padded, 4, 1),
        "scale": scales,
    }
    groups = torch.arange(layer.in_features) // GROUP
    return tensors, values_of(codes, zeros, scales, groups)


def float8(layer: nn.Linear, block: bool) -> tuple[Tensors, torch.Tensor]:
    codes = (layer.weight.detach() * 100).to(torch.float8_e4m3fn)
    rows, columns = (-(-size // 128) for size in layer.weight.shape)
    if not block:
        scales = torch.rand(len(codes), 1) / 50
        return {"weight": codes, "weight_scale": scales}, codes.float() * scales
    scales = torch.rand(rows, columns) / 50
    spread = scales.repeat_interleave(128, 0).repeat_interleave(128, 1)
    value = codes.float() * spread[: len(codes), : codes.shape[1]]
    return {"weight": codes, "weight_scale_inv": scales}, value


def int8(layer: nn.Linear) -> tuple[Tensors, torch.Tensor]:
    codes, scales = torch.randint(-127, 128, layer.weight.shape).to(torch.int8), torch.rand(1) / 500
    return {"weight": codes, "weight_scale": scales}, codes.float() * scales


def checkpoint(make: Callable[..., tuple[Tensors, torch.Tensor]]) -> tuple[Tensors, Any]:
    """A state dict, and the stock model that it stands for."""
    stock = new_model(1)
    state = {k: v.clone() for k, v in stock.state_dict().items() if k != "lm_head.weight"}
    for name, layer in linears(stock).items():
        del state[f"{name}.weight"]
        tensors, value = make(layer)
        state |= {f"{name}.{key}": tensor for key, tensor in tensors.items()}
        layer.weight.data = value
    return state, stock


@pytest.mark.parametrize(
    "make, settings",
    [
        (gptq, None),
        (gptq, {"groups": GROUP}),
        (lambda layer: gptq(layer, act_order=True), {"quant_method": "gptq", "desc_act": True}),
        (lambda layer: gptq(layer, bits=8), {"quant_method": "rtn", "bits": 8}),
        (awq, {"quant_method": "awq", "group_size": GROUP}),
        (awq, {"quant_method": "auto-round", "packing_format": "auto_round:auto_awq"}),
        (compressor, None),
        (compressor, {"weight_key": "packed_weight", "scale_key": "scale"}),
        (lambda layer: float8(layer, False), {"quant_method": "fp8"}),
        (lambda layer: float8(layer, True), {"quant_method": "fp8"}),
        (int8, {"quant_method": "int8"}),
    ],
)
def test_checkpoints(make: Any, settings: Any) -> None:
    state, stock = checkpoint(make)
    given = state if settings is None else (state, settings)
    ours = ipex.llm.optimize(new_model(2), low_precision_checkpoint=given)
    assert sum(isinstance(module, WeightOnlyLinear) for module in ours.modules()) == 14
    assert_same_model(ours, stock)


@pytest.mark.parametrize("given", ["folder", "configuration of transformers", "of the model"])
def test_checkpoints_of_transformers(given: str, tmp_path: Any) -> None:
    accelerate = pytest.importorskip("accelerate")
    state, stock = checkpoint(awq)
    save_file(state, tmp_path / "model.safetensors")
    description = {"quant_method": "awq", "bits": 4, "group_size": GROUP, "zero_point": True}
    config, options = configuration(), {}
    if given == "folder":
        (tmp_path / "config.json").write_text(json.dumps({"quantization_config": description}))
    elif given == "of the model":
        config.quantization_config = description
    else:
        options["quantization_config"] = transformers.AwqConfig(group_size=GROUP)
    with accelerate.init_empty_weights(include_buffers=False):
        empty = transformers.LlamaForCausalLM(config).eval()
    empty.generation_config.eos_token_id = None
    ours = ipex.llm.optimize(empty, low_precision_checkpoint=tmp_path, **options)
    assert_same_model(ours, stock)


def test_bad_checkpoints() -> None:
    state, _ = checkpoint(gptq)
    name = next(iter(linears(new_model())))

    def load(settings: Any = None, **changes: Any) -> None:
        changed = {k: v for k, v in {**state, **changes}.items() if v is not None}
        given = changed if settings is None else (changed, settings)
        ipex.llm.optimize(new_model(), low_precision_checkpoint=given)

    with pytest.raises(ValueError, match="expected quant_method gptq"):
        load({"quant_method": "hqq"})
    with pytest.raises(ValueError, match="expected tensors of the model, but got other"):
        load(other=torch.ones(1))
    with pytest.raises(ValueError, match=f"{name}.*expected scales of shape"):
        load(**{f"{name}.qweight": state[f"{name}.qweight"][:, :32], f"{name}.qzeros": None})
    with pytest.raises(ValueError, match=f"expected tensors such as '{name}.qweight'"):
        ipex.llm.optimize(new_model(), low_precision_checkpoint=new_model().state_dict())
    with pytest.raises(TypeError, match="low_precision_checkpoint besides, but got AwqConfig"):
        ipex.llm.optimize(new_model(), quantization_config=transformers.AwqConfig())


@pytest.mark.parametrize(
    "message, call",
    [
        ("weight_dtype", {"weight_dtype": torch.float32}),
        ("group_size of -1 or a multiple of 32", {"group_size": 48}),
        ("not a valid WoqLowpMode", {"lowp_mode": 9}),
    ],
)
def test_bad_recipes(message: str, call: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=message):
        ipex.quantization.get_weight_only_quant_qconfig_mapping(**call)


def test_what_prepare_and_convert_refuse() -> None:
    recipes = ipex.quantization
    with pytest.raises(TypeError, match="get_smooth_quant_qconfig_mapping"):
        recipes.prepare(new_model(), recipes.get_weight_only_quant_qconfig_mapping())
    with pytest.raises(RuntimeError, match="was called since then"):
        recipes.convert(recipes.prepare(new_model(), recipes.get_smooth_quant_qconfig_mapping()))


# ---- GPTQ ----


@pytest.mark.parametrize(
    "kind, group, symmetric",
    [("int4", 32, False), ("int4", 128, True), ("int8", -1, False), ("nf4", 64, True)],
)
def test_gptq_weight(kind: str, group: int, symmetric: bool) -> None:
    torch.manual_seed(0)
    weight = torch.randn(48, 200)
    inputs = torch.randn(600, 200) @ (torch.randn(200, 200) * torch.rand(200))
    made = gptq_weight(weight.to("xpu"), (inputs.t() @ inputs).to("xpu"), kind, group, symmetric)
    nearest = QuantizedWeight.quantize(weight, kind, group, symmetric)

    def error(quantized: QuantizedWeight) -> float:
        difference = quantized.dequantize_reference().cpu().double() - weight
        return float((inputs.double() @ difference.t()).norm())

    assert error(made) < 0.75 * error(nearest)


def test_gptq_of_a_model() -> None:
    batches = torch.randint(3, VOCABULARY, (6, 1, 40), generator=torch.Generator().manual_seed(3))
    by_gptq, nearest = (new_model().to("xpu") for _ in range(2))
    report = gptq_quantize(by_gptq, list(batches.to("xpu")), "int4", GROUP)
    ipex.llm.quantization.quantize_model(nearest, "int4", GROUP)
    assert report.replaced == list(linears(new_model())) and set(report.kept) == {"lm_head"}
    stock = new_model()

    def error(model: Any) -> float:
        with torch.no_grad():
            return sum(
                float((model(b.to("xpu")).logits.cpu() - stock(b).logits).norm()) for b in batches
            )

    assert error(by_gptq) < 0.9 * error(nearest)
    ours = ipex.llm.optimize(by_gptq)
    assert ours.generate(IDS.to("xpu"), max_new_tokens=3).shape == (1, IDS.shape[1] + 3)


def test_bad_gptq() -> None:
    with pytest.raises(ValueError, match="a Hessian"):
        gptq_weight(torch.ones(4, 64), torch.ones(4, 4))
    with pytest.raises(ValueError, match="finite"):
        gptq_weight(torch.ones(4, 64), torch.full((64, 64), torch.nan))
    with pytest.raises(ValueError, match="at least one batch"):
        gptq_quantize(new_model(), [])
    with pytest.raises(ValueError, match="a list of layers"):
        gptq_quantize(nn.Linear(4, 4), [])
