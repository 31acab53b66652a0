"""Continuous batching on xpu says what `generate` says of each prompt alone."""

import pytest
import torch
from tiny_models import NEW_TOKENS, VOCABULARY, alone, tiny_model
from transformers import ContinuousBatchingConfig, GenerationConfig
from transformers.generation.continuous_batching.cache import PagedAttentionCache
from transformers.generation.continuous_batching.utils import WorkloadHints

import intel_extension_for_pytorch as ipex
from intel_extension_for_pytorch.llm.functional.attention import attention_reference
from intel_extension_for_pytorch.llm.serving import attention

FAMILIES = [
    "llama",
    "llama, odd sizes",
    "mistral",
    "qwen3",
    "gemma2",
    "gemma3",
    "glm4",
    "gpt_neox",
    "opt",
    "cohere2",
    "mixtral",
    "gpt_oss",
]
# Room for two of the prompts below at once, which are prefilled in pieces.
TIGHT = {"page_size": 4, "num_blocks": 16, "max_batch_tokens": 16}


def texts(seed: int = 1) -> list[list[int]]:
    """Prompts of different lengths; the last one begins as the one before it."""
    generator = torch.Generator().manual_seed(seed)
    prompts = [
        torch.randint(3, VOCABULARY, (length,), generator=generator).tolist()
        for length in (5, 17, 9, 3, 30)
    ]
    return [*prompts, [*prompts[-1][:20], 5, 6]]


def together(model, prompts, options=None, **keywords) -> list[list[int]]:
    config = None if options is None else ContinuousBatchingConfig(**options)
    keywords = {"max_new_tokens": NEW_TOKENS, **keywords}
    results = model.generate_batch(prompts, continuous_batching_config=config, **keywords)
    assert all(result.error is None for result in results.values())
    return [result.generated_tokens for result in results.values()]


@pytest.fixture(scope="module", params=FAMILIES)
def family(request):
    """A model prepared for xpu, prompts, and what stock generates on the CPU."""
    stock = tiny_model(request.param)
    return ipex.llm.optimize(stock, dtype=torch.float32), texts(), alone(stock, texts())


@pytest.mark.parametrize("options", [None, TIGHT], ids=["default pool", "small pool"])
def test_tokens_of_prepared_models(family, options):
    model, prompts, expected = family
    assert together(model, prompts, options) == expected


@pytest.mark.parametrize("name", ["llama", "gemma2", "gpt_oss"])
def test_tokens_of_models_as_they_are(name):
    model = tiny_model(name)
    expected = alone(model, texts())
    before = model.config._attn_implementation
    model.to("xpu")
    assert together(model, texts()) == expected
    assert model.config._attn_implementation == before
    assert alone(model, texts()) == expected


@pytest.fixture(scope="module")
def llama():
    return ipex.llm.optimize(tiny_model("llama"), dtype=torch.float32)


@pytest.fixture
def calls(monkeypatch):
    """How often keys were found by a block table, once for each layer."""
    counted = []
    function = attention.chunked_prefill
    monkeypatch.setattr(
        attention, "chunked_prefill", lambda *given: counted.append(1) or function(*given)
    )
    return counted


def test_decode_steps_read_the_pool_where_it_lies(llama, calls):
    together(llama, texts())
    assert len(calls) == (NEW_TOKENS - 1) * llama.config.num_hidden_layers


@pytest.mark.parametrize(
    "options",
    [{"use_async_batching": True}, {"allow_block_sharing": False}, {"auto_switch_to_flash": False}],
    ids=lambda options: next(iter(options)),
)
def test_ways_to_batch(llama, options):
    assert together(llama, texts(), options) == alone(llama, texts())


def test_several_sequences_of_a_prompt(llama):
    """Children share the whole blocks of their prompt, and copy the last one."""
    config = GenerationConfig(
        num_return_sequences=2, do_sample=True, top_k=1, max_new_tokens=NEW_TOKENS, eos_token_id=-1
    )
    expected = [tokens for tokens in alone(llama, texts()) for _ in range(2)]
    assert together(llama, texts(), {"page_size": 4}, generation_config=config) == expected


def test_a_prefix_that_is_in_the_pool_is_not_computed_again(llama, monkeypatch):
    first, second = texts()[-2:]
    found = []
    search = PagedAttentionCache.search_prefix_match
    monkeypatch.setattr(
        PagedAttentionCache,
        "search_prefix_match",
        lambda *given: found.append(search(*given)) or found[-1],
    )
    config = ContinuousBatchingConfig(page_size=4)
    tokens = []
    with llama.continuous_batching_context_manager(continuous_batching_config=config) as manager:
        for ids in (first, second):
            request = manager.add_request(ids, max_new_tokens=NEW_TOKENS)
            tokens.append(manager.get_result(request, timeout=60).generated_tokens)
    assert found == [0, 20]
    assert tokens == alone(llama, [first, second])


def pool_of(model, requests: int, length: int, **options):
    """The configuration that a manager chose for so many requests of a length."""
    before = model.config._attn_implementation
    manager = model.init_continuous_batching(
        continuous_batching_config=ContinuousBatchingConfig(**options),
        workload_hints=WorkloadHints(length // 2, length - length // 2, requests),
    )
    model.set_attn_implementation(before)  # a manager that was started does so in the end
    return manager.continuous_batching_config


def bytes_of(config, model) -> int:
    heads = model.config.num_key_value_heads * model.config.head_dim
    layers = model.config.num_hidden_layers
    return 2 * 4 * heads * layers * config.page_size * config.num_blocks


def test_the_pool_is_what_requests_need(llama):
    config = pool_of(llama, requests=10, length=300)
    assert 20 <= config.num_blocks <= 30  # of 256 tokens
    assert config.max_batch_tokens == 2048
    assert pool_of(llama, 10, 300, num_blocks=7, max_batch_tokens=99).num_blocks == 7


def test_the_pool_fits_the_memory(llama, monkeypatch):
    free = 4 << 20
    monkeypatch.setattr(torch.xpu, "mem_get_info", lambda device=None: (free, 8 * free))
    config = pool_of(llama, requests=1000, length=500)
    assert 0.2 * free < bytes_of(config, llama) < 0.9 * free
    assert bytes_of(pool_of(llama, 1000, 500, max_memory_percent=0.1), llama) < 0.1 * free
    many = [texts(seed)[1] for seed in range(20)]
    assert together(llama, many) == alone(llama, many)


def test_memory_for_no_block_is_an_error(llama, monkeypatch):
    monkeypatch.setattr(torch.xpu, "mem_get_info", lambda device=None: (1000, 2000))
    with pytest.raises(MemoryError, match=r"a block of 256 tokens does not fit .* smaller page"):
        pool_of(llama, requests=1, length=10)


def test_models_elsewhere_are_batched_by_stock():
    model = tiny_model("llama")
    manager = model.init_continuous_batching(
        continuous_batching_config=ContinuousBatchingConfig(max_requests_per_batch=2)
    )
    assert model.config._attn_implementation == "sdpa"
    assert manager.continuous_batching_config.num_blocks is None


def attended(q, k, v, **options) -> torch.Tensor:
    """One sequence [length, heads, size] in float64."""
    rows = (states.double().cpu() for states in (q, k, v))
    return attention_reference(*rows, q.shape[-1] ** -0.5, **options)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(
    ("given", "reference"),
    [
        ({}, {}),
        ({"window_size": (2, 2)}, {"window": (2, 0)}),
        ({"softcap": 3.0}, {"softcap": 3.0}),
        ({"s_aux": torch.arange(4.0)}, {"sink": torch.arange(4.0)}),
    ],
    ids=["plain", "window", "softcap", "sink"],
)
def test_attention(given, reference, dtype):
    """Of sequences of one length, and of a token whose keys are in a pool."""
    given = {name: x.xpu() if torch.is_tensor(x) else x for name, x in given.items()}
    reference = {"window": (-1, 0), **reference}
    torch.manual_seed(0)
    query = torch.randn(2, 6, 4, 16, dtype=dtype).to("xpu")
    key, value = torch.randn(2, 2, 6, 2, 16, dtype=dtype).to("xpu")
    expected = torch.stack(
        [attended(*rows, **reference) for rows in zip(query, key, value, strict=True)]
    )
    got = attention.flash_attn_func(query, key, value, causal=True, **given)
    torch.testing.assert_close(got.cpu(), expected.to(dtype))

    pool = torch.zeros(2, 8, 4, 2, 16, dtype=dtype, device="xpu")  # blocks of 4 tokens
    table = torch.tensor([[5, 2], [1, 7]], dtype=torch.int32, device="xpu")
    for states, cache in zip((key, value), pool, strict=True):
        for row, blocks in zip(states, table.tolist(), strict=True):
            cache[blocks[0]], cache[blocks[1], :1] = row[:4], row[4:5]
    got = attention.flash_attn_with_kvcache(
        query[:, 5:],
        *pool,
        key[:, 5:],
        value[:, 5:],
        cache_seqlens=torch.tensor([5, 5], dtype=torch.int32, device="xpu"),
        block_table=table,
        causal=True,
        **given,
    )
    torch.testing.assert_close(got.cpu(), expected[:, 5:].to(dtype))
    assert pool[0][2, 1].equal(key[0, 5])
