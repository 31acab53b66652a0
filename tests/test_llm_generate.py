"""Language models prepared by ipex.llm.optimize say what stock PyTorch says on the CPU."""

import copy

import pytest
import torch
from tiny_models import CONFIGURATIONS, prompts, tiny_model

import intel_extension_for_pytorch as ipex
from intel_extension_for_pytorch.llm.cache import SegmentStore

FAMILIES = list(CONFIGURATIONS)
LENGTH = 20


def on_xpu(inputs: dict) -> dict:
    return {name: tensor.to("xpu") for name, tensor in inputs.items()}


def continuation(model, inputs, **keywords) -> list[list[int]]:
    keywords = {"max_new_tokens": LENGTH, "do_sample": False, **keywords}
    return model.generate(**inputs, **keywords)[:, inputs["input_ids"].shape[1] :].tolist()


@pytest.fixture(scope="module", params=FAMILIES)
def pair(request):
    """A model on the CPU, and the same prepared for xpu."""
    model = tiny_model(request.param)
    return model, ipex.llm.optimize(model, dtype=torch.float32, strict=True)


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


def test_beams(pair):
    stock, ours = pair
    inputs = prompts(2)
    assert continuation(ours, on_xpu(inputs), num_beams=3) == continuation(
        stock, inputs, num_beams=3
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
        third = ours(ids[:, 17:].to("xpu"), past_key_values=second.past_key_values, use_cache=True)
    got = torch.cat([part.logits.cpu() for part in (first, second, third)], dim=1)
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-4)


@pytest.fixture(scope="module")
def llamas():
    model = tiny_model("llama")
    return model, ipex.llm.optimize(model, dtype=torch.float32, strict=True)


@pytest.fixture
def steps(llamas, monkeypatch):
    """How many decode steps ran as a program."""
    forward = llamas[1].model.forward
    decoder, counted = forward._decoder, []
    monkeypatch.setattr(forward, "_decoder", lambda *given: counted.append(1) or decoder(*given))
    return counted


def test_each_token_is_a_step_of_the_program(llamas, steps):
    continuation(llamas[1], on_xpu(prompts()))
    assert len(steps) == LENGTH - 1  # the first token comes from the prompt


def test_a_step_is_one_launch_for_all_layers(llamas):
    ours = llamas[1]
    ids = on_xpu(prompts(1))["input_ids"]
    with torch.no_grad():
        cache = ours.model(ids, use_cache=True).past_key_values
        ours.model(ids[:, :1], past_key_values=cache, use_cache=True)  # a segment, its table
        torch.xpu.synchronize()
        before = ipex._C.kernel_counters()["launches"]
        ours.model(ids[:, :1], past_key_values=cache, use_cache=True)
        torch.xpu.synchronize()
    assert ipex._C.kernel_counters()["launches"] - before <= 4  # with embedding and positions


@pytest.mark.parametrize(
    ("name", "beams", "length"),
    [("llama", 5, 140), ("mistral", 1, 140), ("bloom", 1, 80), ("falcon, groups", 4, 80)],
)
def test_long_texts_over_borders_of_segments(name, beams, length):
    stock = tiny_model(name)
    ours = ipex.llm.optimize(stock, dtype=torch.float32, strict=True)
    inputs = prompts(2)
    options = {"max_new_tokens": length, "num_beams": beams}
    assert continuation(ours, on_xpu(inputs), **options) == continuation(stock, inputs, **options)


@pytest.mark.parametrize(
    "options",
    [
        {"cache_implementation": "static"},
        {"prompt_lookup_num_tokens": 3},
        {"use_cache": False},
        {"output_hidden_states": True, "output_attentions": True},
        {"repetition_penalty": 1.3, "no_repeat_ngram_size": 2},
    ],
    ids=lambda options: next(iter(options)),
)
def test_ways_to_generate(llamas, options):
    stock, ours = llamas
    ids = prompts(1)["input_ids"]
    assert continuation(ours, {"input_ids": ids.to("xpu")}, **options) == continuation(
        stock, {"input_ids": ids}, **options
    )


def test_assisted_generation(llamas):
    stock, ours = llamas
    assistant = ipex.llm.optimize(tiny_model("llama"), dtype=torch.float32)
    ids = prompts(1)["input_ids"]
    assert continuation(
        ours, {"input_ids": ids.to("xpu")}, assistant_model=assistant
    ) == continuation(stock, {"input_ids": ids})


def test_sampling_and_streaming(llamas):
    class Streamer:
        def __init__(self):
            self.tokens = []

        def put(self, value):
            self.tokens += value.flatten().tolist()

        def end(self):
            self.tokens.append("end")

    ours, streamer = llamas[1], Streamer()
    inputs = on_xpu(prompts(1))
    torch.manual_seed(1)
    ids = ours.generate(**inputs, max_new_tokens=9, do_sample=True, top_k=20, streamer=streamer)
    assert streamer.tokens == [*ids[0].tolist(), "end"]


def test_padded_batches_are_their_prompts_one_by_one(llamas):
    ours = llamas[1]
    inputs = prompts()
    together = continuation(ours, on_xpu(inputs))
    for row, mask in enumerate(inputs["attention_mask"]):
        alone = inputs["input_ids"][row : row + 1, mask.bool()]
        assert continuation(ours, {"input_ids": alone.to("xpu")}) == [together[row]]


def test_generations_interleave(llamas):
    """What a generation knows is in its cache alone."""
    stock, ours = llamas
    texts = [prompts(1, length)["input_ids"] for length in (5, 9)]
    expected = [continuation(stock, {"input_ids": ids}) for ids in texts]
    got: list[list[int]] = [[], []]
    with torch.no_grad():
        state = [ours(ids.to("xpu"), use_cache=True) for ids in texts]
        for _ in range(LENGTH):
            for number, outputs in enumerate(state):
                token = outputs.logits[:, -1:].argmax(-1)
                got[number].append(token.item())
                state[number] = ours(token, past_key_values=outputs.past_key_values, use_cache=True)
    assert [[tokens] for tokens in got] == expected


def test_a_prefix_is_used_again(llamas):
    """A copy of a cache goes on from where the first stood."""
    stock, ours = llamas
    ids = prompts(1, 12)["input_ids"]
    with torch.no_grad():
        prefix = ours(ids[:, :8].to("xpu"), use_cache=True).past_key_values
        ours(ids[:, 8:9].to("xpu"), past_key_values=prefix, use_cache=True)
        first = copy.deepcopy(prefix)
        for cache in (first, prefix):
            got = ours(ids[:, 9:].to("xpu"), past_key_values=cache, use_cache=True).logits
            torch.testing.assert_close(got.cpu(), stock(ids).logits[:, 9:], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("name", ["llama", "gemma2", "gpt_neox", "cohere"])
def test_half_precision(name, dtype):
    """As near to float32 as stock in this dtype is, or half as far again, and a rounded logit."""
    exact = tiny_model(name)
    stock = tiny_model(name, dtype)
    exact.load_state_dict(stock.state_dict())
    ours = ipex.llm.optimize(stock, dtype=dtype, strict=True)
    ids = prompts(1, 24)["input_ids"]
    with torch.no_grad():
        expected = exact(ids).logits[:, 13:]
        first = ours(ids[:, :13].to("xpu"), use_cache=True).past_key_values
        got = [
            ours(ids[:, k : k + 1].to("xpu"), past_key_values=first, use_cache=True).logits
            for k in range(13, 24)
        ]
        error = (torch.cat(got, dim=1).cpu().float() - expected).abs().max()
        error_of_stock = (stock(ids).logits[:, 13:].float() - expected).abs().max()
    step = torch.finfo(dtype).eps * expected.abs().max()
    assert error <= 1.5 * error_of_stock + step


def test_segments_of_long_texts_are_few():
    """A program takes 64 of them."""
    states = torch.empty(1, 1, 5, 1, device="xpu")
    store = SegmentStore(1)
    store.append(0, states, states)
    for end in range(1000, 2_000_000, 1000):
        store.grow(states, states, end)
    assert len(store.segments) <= 64 and store.begins[-1] <= 1.3 * 2_000_000


def test_training_is_refused(llamas):
    ours = ipex.llm.optimize(tiny_model("opt"), dtype=torch.float32)
    ours.train()
    with pytest.raises(RuntimeError, match="prepared for inference"):
        ours(prompts(1)["input_ids"].to("xpu"))


def test_what_optimize_refuses():
    model = tiny_model("llama")
    with pytest.raises(TypeError, match="expected a generative model of transformers, got Linear"):
        ipex.llm.optimize(torch.nn.Linear(2, 2).eval())
    with pytest.raises(ValueError, match=r"dtype must be one of .*, got torch\.float64"):
        ipex.llm.optimize(model, dtype=torch.float64)
    with pytest.raises(RuntimeError, match=r"call model\.eval"):
        ipex.llm.optimize(tiny_model("llama").train())
    table = tiny_model("llama").to("xpu")
    ipex.llm.quantization.quantize_model(table, "nf4", 64)
    with pytest.raises(NotImplementedError, match="no program has weights of NF4"):
        ipex.llm.optimize(table, strict=True)


def test_the_original_names_and_the_model_stay():
    model = tiny_model("llama")
    ours = ipex.optimize_transformers(model, dtype=torch.float32, device="xpu", inplace=True)
    assert ours is model and ours.device.type == "xpu"
    assert "one launch for all 3 layers" in ours.llm_report[0]


def test_beams_share_the_keys_of_their_prompt(llamas):
    """Rows of one prompt are computed once and kept once, until they are cut."""
    stock, ours = llamas
    ids = prompts(2)["input_ids"].repeat_interleave(3, dim=0)
    mask = prompts(2)["attention_mask"].repeat_interleave(3, dim=0)
    following = torch.arange(6)[:, None] + 5
    longer = torch.cat([mask, torch.ones_like(following)], dim=1)

    def run(model, device):
        first = model(ids.to(device), attention_mask=mask.to(device), use_cache=True)
        cache = first.past_key_values
        parts = [first.logits[:, -1:]]
        for _ in range(2):
            step = model(
                following.to(device),
                attention_mask=longer.to(device),
                position_ids=longer.sum(1, keepdim=True).to(device) - 1,
                past_key_values=cache,
            )
            parts.append(step.logits)
            cache.crop(-2)  # into the prompt
            step = model(
                torch.cat([ids[:, -1:], following], 1).to(device),
                attention_mask=longer.to(device),
                past_key_values=cache,
            )
            parts.append(step.logits)
            cache.crop(-1)
        return torch.cat([part.cpu() for part in parts], dim=1), cache

    with torch.no_grad():
        expected, _ = run(stock, "cpu")
        got, _ = run(ours, "xpu")
        first = ours(ids.to("xpu"), attention_mask=mask.to("xpu"), use_cache=True).past_key_values
    assert first.layers[0].store.segments[0].keys[0].shape[0] == 2
    assert first.layers[0].store.rows == 6
    assert first.layers[0].keys.shape[0] == 6
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-4)
