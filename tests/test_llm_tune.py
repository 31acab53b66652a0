"""Scales and zero points that learn what the model said before its weights were rounded."""

import copy

import pytest
import torch
import transformers

from intel_extension_for_pytorch.llm.quantization import WeightOnlyLinear, gptq_quantize

pytestmark = pytest.mark.skipif(not torch.xpu.is_available(), reason="no XPU device")


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=96,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        initializer_range=0.2,
        attention_bias=True,
    )
    return transformers.LlamaForCausalLM(config).eval().to("xpu")


@pytest.fixture(scope="module")
def batches():
    return [torch.randint(96, (2, 24), device="xpu") for _ in range(4)]


def divergence(model, other, batches) -> float:
    """Of what `other` says from what `model` says, a token, in nats."""
    total = 0.0
    with torch.no_grad():
        for batch in batches:
            said, wanted = (one(batch).logits.log_softmax(-1).double() for one in (other, model))
            total += float((wanted.exp() * (wanted - said)).sum(-1).mean())
    return total / len(batches)


@pytest.mark.parametrize("symmetric", [False, True])
def test_tuned_scales_say_what_the_model_said(model, batches, symmetric):
    plain, tuned = copy.deepcopy(model), copy.deepcopy(model)
    gptq_quantize(plain, batches, "int4", 32, symmetric=symmetric)
    report = gptq_quantize(tuned, batches, "int4", 32, symmetric=symmetric, tune=20)
    assert len(report.replaced) == 14
    layers = [layer for layer in tuned.modules() if isinstance(layer, WeightOnlyLinear)]
    assert len(layers) == 14
    assert all(layer.scales.dtype == torch.float16 for layer in layers)
    for mine, theirs in zip(
        layers, [x for x in plain.modules() if isinstance(x, WeightOnlyLinear)], strict=True
    ):
        assert torch.equal(mine.codes, theirs.codes)
        assert (mine.bias is None) == (theirs.bias is None)
    assert divergence(model, tuned, batches) < 0.7 * divergence(model, plain, batches)
    assert not any(parameter.grad is not None for parameter in tuned.parameters())


def test_the_gradients_are_those_of_the_weights(model, batches):
    """Of scales and offsets, by float64."""
    from intel_extension_for_pytorch.llm.quantization.tune import _Tuned

    linear = torch.nn.Linear(80, 24).to("xpu")
    layer = _Tuned(WeightOnlyLinear.from_linear(linear, "int4", 32))
    input = torch.randn(5, 80, device="xpu", requires_grad=True)
    weights = torch.randn(5, 24, device="xpu")
    inputs = (input, layer.scale_change, layer.offset_change)
    actual = torch.autograd.grad(layer(input), inputs, weights)
    parts = [tensor.detach().cpu().double().requires_grad_() for tensor in inputs]
    start, offset = layer.start.cpu().double(), layer.offset.cpu().double()
    numbers = layer.numbers().cpu().double()
    scales, offsets = start * (1 + parts[1]), offset + start * parts[2]
    dense = (numbers * scales[..., None] + offsets[..., None]).flatten(1)[:, :80]
    result = parts[0] @ dense.t()
    expected = torch.autograd.grad(result, parts, weights.cpu().double())
    for mine, right in zip(actual, expected, strict=True):
        torch.testing.assert_close(mine.cpu().double(), right, rtol=1e-4, atol=1e-5)


def test_codes_that_are_no_integers_cannot_be_tuned(model, batches):
    with pytest.raises(ValueError, match="tune_scales: expected codes of integers, but got nf4"):
        gptq_quantize(kept := copy.deepcopy(model), batches, "nf4", 32, tune=1)
    assert not any(isinstance(layer, WeightOnlyLinear) for layer in kept.modules())
