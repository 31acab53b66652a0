"""Faults of the original extension's language models that the other tests have no case of."""

import pytest
import torch
from tiny_models import prompts, tiny_model

import intel_extension_for_pytorch as ipex
from intel_extension_for_pytorch.llm.quantization import WeightOnlyLinear


def test_two_models_take_turns() -> None:
    """Batch, beams and caches were kept by the classes of attention, for all models."""
    stock = [tiny_model("llama"), tiny_model("gptj")]
    ours = [ipex.llm.optimize(model, dtype=torch.float32) for model in stock]
    rows = [prompts(1)["input_ids"], prompts(3)["input_ids"]]

    def turns(models, device: str) -> list[list[int]]:
        ids, caches, tokens = [each.to(device) for each in rows], [None, None], []
        with torch.no_grad():
            for _ in range(6):
                for i, model in enumerate(models):
                    result = model(ids[i], past_key_values=caches[i], use_cache=True)
                    caches[i] = result.past_key_values
                    ids[i] = result.logits[:, -1:].argmax(-1)
                    tokens.append(ids[i].flatten().tolist())
        return tokens

    assert turns(ours, "xpu") == turns(stock, "cpu")


@pytest.mark.parametrize("group", [32, 64, -1])
def test_four_bits_of_several_families(group: int) -> None:
    """They were there for one family, and for groups of 128 or whole rows."""
    weights = ipex.quantization.WoqWeightDtype.INT4
    recipe = ipex.quantization.get_weight_only_quant_qconfig_mapping(
        weight_dtype=weights, group_size=group
    )
    for name in ("llama", "opt", "bloom"):
        model = tiny_model(name)
        ours = ipex.llm.optimize(model, dtype=torch.float32, quantization_config=recipe)
        for path, layer in ours.named_modules():
            if isinstance(layer, WeightOnlyLinear):
                value = layer.quantized_weight.dequantize_reference().cpu()
                model.get_submodule(path).weight.data = value
        inputs = prompts(2)
        options = {"max_new_tokens": 6, "do_sample": False}
        expected = model.generate(**inputs, **options).tolist()
        on_xpu = {key: tensor.to("xpu") for key, tensor in inputs.items()}
        assert ours.generate(**on_xpu, **options).tolist() == expected
