"""Modules of large language models on xpu against plain modules on the CPU."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from intel_extension_for_pytorch.llm import modules
from intel_extension_for_pytorch.llm.functional import rotary

pytestmark = [
    pytest.mark.skipif(not torch.xpu.is_available(), reason="no XPU device"),
    pytest.mark.usefixtures("no_fallback"),
]

LINEAR = {
    modules.LinearSilu: (1, F.silu),
    modules.LinearRelu: (1, F.relu),
    modules.LinearGelu: (1, F.gelu),
    modules.LinearNewGelu: (1, lambda h: F.gelu(h, approximate="tanh")),
    modules.LinearSiluMul: (2, lambda h, y: F.silu(h) * y),
    modules.LinearMul: (2, lambda h, y: h * y),
    modules.LinearAdd: (2, lambda h, y: h + y),
    modules.LinearAddAdd: (3, lambda h, y, z: h + y + z),
}


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("kind", LINEAR)
def test_linear(kind: type[nn.Module], training: bool) -> None:
    count, after = LINEAR[kind]
    torch.manual_seed(0)
    linear = nn.Linear(12, 20)
    others = [torch.randn(3, 5, 20) for _ in range(count - 1)]
    x = torch.randn(3, 5, 12)
    expected = after(linear(x), *others)
    module = kind(nn.Linear(12, 20)).to("xpu")
    module.linear.load_state_dict(linear.state_dict())
    with torch.set_grad_enabled(training):
        actual = module(x.to("xpu"), *(t.to("xpu") for t in others))
    torch.testing.assert_close(actual.cpu(), expected, rtol=1e-4, atol=1e-5)
    if training:
        actual.sum().backward()
        expected.sum().backward()
        torch.testing.assert_close(
            module.linear.weight.grad.cpu(), linear.weight.grad, rtol=1e-4, atol=1e-4
        )


@pytest.mark.parametrize("training", [False, True])
def test_linear2_silu_mul(training: bool) -> None:
    first, second = nn.Linear(8, 16), nn.Linear(8, 16)
    x = torch.randn(4, 8)
    expected = F.silu(first(x)) * second(x)
    module = modules.Linear2SiluMul(first, second).to("xpu")
    with torch.set_grad_enabled(training):
        actual = module(x.to("xpu"))
    torch.testing.assert_close(actual.cpu(), expected, rtol=1e-4, atol=1e-5)


def test_normalizations() -> None:
    x, weight, bias = torch.randn(3, 16), torch.randn(16), torch.randn(16)
    rms = nn.RMSNorm(16, eps=1e-5)
    rms.weight.data.copy_(weight)
    mine = modules.RMSNorm(16, 1e-5, weight).to("xpu")
    torch.testing.assert_close(mine(x.to("xpu")).cpu(), rms(x))
    assert modules.RMSNorm(16).weight.eq(1).all()
    fast = modules.FastLayerNorm((16,), 1e-5, weight.to("xpu"), bias.to("xpu"))
    torch.testing.assert_close(
        fast(x.to("xpu")).cpu(), F.layer_norm(x, (16,), weight, bias, 1e-5), rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize("offset", [1, 16])
def test_rotary_embedding(offset: int) -> None:
    """Of one tensor, and of query, key and value that lie one behind the other."""
    module = modules.RotaryEmbedding(64, 24, base=500.0)
    x, ids = torch.randn(2, 5, 3 * 2 * 32), torch.randint(0, 64, (2, 5))
    exponents = torch.arange(0, 24, 2, dtype=torch.float64) / 24
    angles = ids[..., None].double() / 500.0**exponents
    query, key, value = x.double().view(2, 5, 3, 2, 32).unbind(2)
    expected = rotary.rotary_embedding_reference(
        query, key, angles.sin(), angles.cos(), 24, offset != 1
    )
    arguments = (ids.to("xpu"), 2, 32, offset, 24)
    mine = x.to("xpu")
    actual = module(mine, *arguments, num_concats=3)
    for one, other in zip(actual, (*expected, value), strict=True):
        torch.testing.assert_close(one.cpu().double(), other, rtol=1e-5, atol=1e-5)
    alone = module(mine[..., :64], *arguments)
    torch.testing.assert_close(alone.cpu().double(), expected[0], rtol=1e-5, atol=1e-5)
    assert torch.equal(mine.cpu(), x)


def test_table_of_rotary_embedding_is_kept_and_grows() -> None:
    module = modules.RotaryEmbedding(8, 4)
    device = torch.device("xpu:0")
    first = module.table(device)[0]
    assert first.shape == (8, 2)
    assert module.table(device)[0] is first
    grown = module.table(device, 9)[0]
    assert grown.shape == (16, 2)
    assert torch.equal(grown[:8], first)
    assert module.table(device, 12)[0] is grown


def test_frequencies() -> None:
    """Of Llama 3: short waves are kept, long ones are eight times as long."""
    config = {
        "rope_type": "llama3",
        "factor": 8.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 8192,
    }
    plain = modules.rotary.inverse_frequencies(128, 500000.0, {})
    changed = modules.rotary.inverse_frequencies(128, 500000.0, config)
    torch.testing.assert_close(changed[:20], plain[:20])
    torch.testing.assert_close(changed[-20:], plain[-20:] / 8)
    assert (changed.diff() < 0).all()
    halved = modules.rotary.inverse_frequencies(8, 10.0, {"rope_type": "linear", "factor": 2.0})
    torch.testing.assert_close(halved * 2, modules.rotary.inverse_frequencies(8, 10.0, {}))
    with pytest.raises(ValueError, match="rope_type: expected"):
        modules.RotaryEmbedding(8, 4, extra_rope_config={"rope_type": "other"})
