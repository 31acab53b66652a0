"""Attention and Transformer encoders on xpu against the CPU."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

pytestmark = pytest.mark.skipif(not torch.xpu.is_available(), reason="no XPU device")

TOLERANCES = {torch.float32: 1e-5, torch.bfloat16: 3e-2, torch.float16: 5e-3}


def heads(query: int = 4, key: int = 4, length: int = 9, rows: int = 7) -> list[torch.Tensor]:
    torch.manual_seed(0)
    shapes = ((2, query, rows, 16), (2, key, length, 16), (2, key, length, 16))
    return [torch.randn(shape, dtype=torch.float64) for shape in shapes]


CASES = {
    "plain": (heads, {}),
    "causal": (heads, {"is_causal": True}),
    "mask": (heads, {"attn_mask": torch.rand(7, 9) > 0.3}),
    "bias": (heads, {"attn_mask": torch.randn(2, 1, 7, 9, dtype=torch.float64)}),
    "scale": (heads, {"scale": 0.3}),
    "grouped": (lambda: heads(4, 2), {"enable_gqa": True}),
    "nothing to see": (heads, {"attn_mask": (torch.arange(7) > 2)[:, None].expand(7, 9)}),
    "one for all keys": (heads, {"attn_mask": torch.randn(2, 4, 7, 1, dtype=torch.float64)}),
    "one query": (lambda: heads(4, 2, 300, 1), {"enable_gqa": True}),
    # More than one part: the kernels take 2^19 scores for each compute unit.
    "parts": (lambda: heads(4, 2, 1500, 2100), {"enable_gqa": True}),
    "causal parts": (lambda: heads(2, 2, 2100, 2100), {"is_causal": True}),
    "masked parts": (
        lambda: heads(2, 1, 1500, 2100),
        {"attn_mask": torch.rand(2, 1, 1, 1500) > 0.3, "enable_gqa": True},
    ),
    "other values": (lambda: [*heads()[:2], torch.randn(2, 4, 9, 5, dtype=torch.float64)], {}),
    "projected": (lambda: [t.transpose(1, 2).contiguous().transpose(1, 2) for t in heads()], {}),
}


@pytest.mark.parametrize("dtype", TOLERANCES, ids=lambda dtype: str(dtype)[6:])
@pytest.mark.parametrize("case", CASES)
@pytest.mark.usefixtures("way")
def test_scaled_dot_product_attention(case: str, dtype: torch.dtype) -> None:
    make, options = CASES[case]

    def run(device: str, dtype: torch.dtype) -> list[torch.Tensor]:
        inputs = [t.to(device, dtype).requires_grad_() for t in make()]
        moved = dict(options)
        if "attn_mask" in moved:
            mask = moved["attn_mask"]
            moved["attn_mask"] = mask.to(device, mask.dtype if mask.dtype == torch.bool else dtype)
        out = F.scaled_dot_product_attention(*inputs, **moved)
        weights = torch.linspace(-1, 1, out.numel(), dtype=torch.float64).view(out.shape)
        (out * weights.to(out)).sum().backward()
        return [out, *(t.grad for t in inputs)]

    tolerance = TOLERANCES[dtype]
    for ours, theirs in zip(run("xpu", dtype), run("cpu", torch.float64), strict=True):
        assert ours.device.type == "xpu" and ours.dtype == dtype
        torch.testing.assert_close(ours.cpu().double(), theirs, rtol=tolerance, atol=tolerance)


LARGE = (torch.finfo(torch.float32).min, torch.finfo(torch.bfloat16).min, -1e9, 1e9, -1e4)


@pytest.mark.parametrize("bias", LARGE)
@pytest.mark.parametrize("dtype", TOLERANCES, ids=lambda dtype: str(dtype)[6:])
def test_gradients_beside_large_biases(dtype: torch.dtype, bias: float) -> None:
    """Of rows that are biased whole, in part, and behind causality, as padding on the left is."""
    torch.manual_seed(0)
    inputs = [torch.randn(1, 2, 6, 16).to(dtype) for _ in range(3)]
    output_gradient = torch.randn(1, 2, 6, 16).to(dtype)
    mask = torch.zeros(6, 6)
    mask[0], mask[1, 2:] = bias, bias
    mask[2:] = torch.full((4, 6), -torch.inf).triu(3).fill_diagonal_(0)
    mask[2:, :3] = bias

    # Not by stock's fused kernels: their log-sum-exp loses the sum, also in float64.
    exact = [t.double().requires_grad_() for t in inputs]
    logits = (exact[0] @ exact[1].mT / 4).float() + mask
    expected = logits.double().softmax(-1) @ exact[2]
    expected.backward(output_gradient.double())

    ours = [t.xpu().requires_grad_() for t in inputs]
    out = F.scaled_dot_product_attention(*ours, attn_mask=mask.xpu())
    out.backward(output_gradient.xpu())
    close = dict(rtol=TOLERANCES[dtype], atol=TOLERANCES[dtype], check_dtype=False)
    torch.testing.assert_close(out.detach().cpu(), expected.detach(), **close)
    for actual, theirs in zip(ours, exact, strict=True):
        torch.testing.assert_close(actual.grad.cpu(), theirs.grad, **close)


def test_gradients_of_dropped_attention() -> None:
    torch.manual_seed(0)
    query, key = torch.randn(2, 3, 7, 8), torch.randn(2, 3, 16, 8)
    output_gradient = torch.randn(2, 3, 7, 16)

    def attend(value: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
        inputs = [t.to("xpu").requires_grad_() for t in (query, key, value)]
        torch.xpu.manual_seed(7)
        out = F.scaled_dot_product_attention(*inputs, dropout_p=0.4)
        out.backward(output_gradient.to("xpu"))
        return out.detach().cpu(), [t.grad.cpu() for t in inputs]

    # Values of the identity show the weights, and so which of them were dropped.
    kept = attend(torch.eye(16).expand(2, 3, 16, 16))[0] != 0
    assert 0.4 < kept.double().mean() < 0.8
    value = torch.randn(2, 3, 16, 16)
    inputs = [t.double().requires_grad_() for t in (query, key, value)]
    weights = (inputs[0] @ inputs[1].mT / 8**0.5).softmax(-1) * kept / 0.6
    expected = weights @ inputs[2]
    expected.backward(output_gradient.double())
    out, gradients = attend(value)
    close = dict(rtol=1e-5, atol=1e-5, check_dtype=False)
    torch.testing.assert_close(out, expected.detach(), **close)
    for ours, theirs in zip(gradients, inputs, strict=True):
        torch.testing.assert_close(ours, theirs.grad, **close)


@pytest.mark.parametrize("training", (False, True))
def test_memory_of_attention_is_linear(training: bool) -> None:
    def peak(length: int) -> int:
        inputs = [
            torch.randn(1, 2, length, 16, device="xpu", requires_grad=training) for _ in range(3)
        ]
        torch.xpu.reset_peak_memory_stats()
        before = torch.xpu.memory_allocated()
        out = F.scaled_dot_product_attention(*inputs)
        if training:
            out.sum().backward()
        return torch.xpu.max_memory_allocated() - before

    peak(64)
    assert peak(8192) < 4.5 * peak(2048)


def test_choice_of_the_attention_kernel() -> None:
    query = torch.randn(1, 2, 5, 8, device="xpu")

    def kernels(backend: SDPBackend) -> set[str]:
        with sdpa_kernel(backend), torch.profiler.profile() as profile:
            F.scaled_dot_product_attention(query, query, query)
        return {event.key for event in profile.key_averages()}

    fused = "aten::_scaled_dot_product_fused_attention_overrideable"
    assert fused in kernels(SDPBackend.FLASH_ATTENTION)
    assert fused in kernels(SDPBackend.OVERRIDEABLE)
    assert fused not in kernels(SDPBackend.MATH)
    with pytest.raises(RuntimeError, match="no backend is left"):
        kernels(SDPBackend.CUDNN_ATTENTION)


def test_dropout_of_attention() -> None:
    query = torch.zeros(1, 1, 200, 8, device="xpu")
    value = torch.ones(1, 1, 1000, 8, device="xpu")
    out = F.scaled_dot_product_attention(query, torch.zeros_like(value), value, dropout_p=0.5)
    assert abs(out.mean().item() - 1) < 0.01
    assert out.std().item() > 0.01


def encoder() -> torch.nn.Module:
    torch.manual_seed(0)
    layer = torch.nn.TransformerEncoderLayer(16, 4, 32, dropout=0.0, batch_first=True)
    return torch.nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)


def test_encoder_trains() -> None:
    def losses(device: str) -> list[float]:
        model = encoder().to(device)
        torch.manual_seed(1)
        x, y = torch.randn(3, 5, 16).to(device), torch.randn(3, 5, 16).to(device)
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
        found = []
        for _ in range(4):
            optimizer.zero_grad()
            loss = F.mse_loss(model(x), y)
            loss.backward()
            optimizer.step()
            found.append(loss.item())
        return found

    actual = losses("xpu")
    assert actual == pytest.approx(losses("cpu"), rel=1e-4)
    assert actual[-1] < actual[0]


@pytest.mark.parametrize("padded", (False, True))
def test_encoder_infers(padded: bool) -> None:
    model = encoder().eval()
    x = torch.randn(3, 5, 16)
    padding = torch.arange(5).expand(3, 5) >= torch.tensor([[5], [3], [4]]) if padded else None

    def infer(device: str) -> torch.Tensor:
        mask = padding if padding is None else padding.to(device)
        with torch.inference_mode():
            return model.to(device)(x.to(device), src_key_padding_mask=mask).cpu()

    kept = ~padding if padded else torch.ones(3, 5, dtype=torch.bool)
    torch.testing.assert_close(infer("xpu")[kept], infer("cpu")[kept], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("need_weights", (False, True))
def test_multihead_attention_infers(need_weights: bool) -> None:
    torch.manual_seed(0)
    module = torch.nn.MultiheadAttention(16, 4, batch_first=True).eval()
    x = torch.randn(2, 6, 16)

    def infer(device: str):
        moved = x.to(device)
        with torch.inference_mode():
            return module.to(device)(moved, moved, moved, need_weights=need_weights)

    for ours, theirs in zip(infer("xpu"), infer("cpu"), strict=True):
        if theirs is not None:
            torch.testing.assert_close(ours.cpu(), theirs, rtol=1e-5, atol=1e-5)
