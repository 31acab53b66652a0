"""Language models prepared by ipex.llm.optimize say what stock PyTorch says on the CPU."""

import pytest
import torch

transformers = pytest.importorskip("transformers")

import intel_extension_for_pytorch as ipex
from intel_extension_for_pytorch.llm.families import BY_OPERATORS
from tiny_models import CONFIGURATIONS, prompts, tiny_model

FAMILIES = list(CONFIGURATIONS)
WITH_PROGRAM = [name for name in FAMILIES if CONFIGURATIONS[name][0] not in BY_OPERATORS]
LENGTH = 24


def on_xpu(inputs: dict) -> dict:
    return {name: tensor.to("xpu") for name, tensor in inputs.items()}


def continuation(model, inputs, **keywords) -> list[list[int]]:
    keywords = {"max_new_tokens": LENGTH, "do_sample": False, **keywords}
    return model.generate(**inputs, **keywords)[:, inputs["input_ids"].shape[1] :].tolist()


@pytest.fixture(scope="module", params=FAMILIES)
def pair(request):
    """A model on the CPU, and the same prepared for xpu."""
    model = tiny_model(request.param)
    strict = request.param in WITH_PROGRAM
    return model, ipex.llm.optimize(model, dtype=torch.float32, strict=strict)


def test_tokens(pair):
    stock, ours = pair
    inputs = prompts()
    assert continuation(ours, on_xpu(inputs)) == continuation(stock, inputs)


def test_tokens_of_one_prompt(pair):
    stock, ours = pair
    ids = prompts(1)["input_ids"]
    assert continuation(ours, {"input_ids": ids.to("xpu")}) == continuation(
        stock, {"input_ids": ids}
    )


@pytest.mark.parametrize("beams", [2, 3])
def test_beams(pair, beams):
    stock, ours = pair
    inputs = prompts(2)
    assert continuation(ours, on_xpu(inputs), num_beams=beams) == continuation(
        stock, inputs, num_beams=beams
    )


def test_logits_of_several_tokens(pair):
    """A step of several tokens, as speculative generation makes."""
    stock, ours = pair
    ids = prompts(1, length=20)["input_ids"]
    with torch.no_grad():
        expected = stock(ids).logits
        first = ours(ids[:, :13].to("xpu"), use_cache=True)
        second = ours(
            ids[:, 13:17].to("xpu"), past_key_values=first.past_key_values, use_cache=True
        )
        third = ours(
            ids[:, 17:].to("xpu"), past_key_values=second.past_key_values, use_cache=True
        )
    got = torch.cat([part.logits.cpu() for part in (first, second, third)], dim=1)
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-4)
