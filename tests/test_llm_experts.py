"""Mixtures of experts and adapters of low rank against plain operators in float64 on the CPU."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from intel_extension_for_pytorch.llm import functional
from intel_extension_for_pytorch.llm.functional import experts
from intel_extension_for_pytorch.llm.modules import GatedMLPMOE

pytestmark = [
    pytest.mark.skipif(not torch.xpu.is_available(), reason="no XPU device"),
    pytest.mark.usefixtures("row_kernels", "no_fallback"),
]

DTYPES = (torch.float32, torch.float16, torch.bfloat16)
TOLERANCE = {torch.float32: 2e-5, torch.float16: 2e-3, torch.bfloat16: 1.6e-2}


def near(actual: Tensor, expected: Tensor, scale: float = 1) -> None:
    tolerance = TOLERANCE[actual.dtype]
    torch.testing.assert_close(
        actual.cpu().double(), expected.double(), rtol=tolerance, atol=tolerance * scale
    )


def routings_agree(mine: experts.Routing, expected: experts.Routing) -> None:
    near(mine[0], expected[0])
    for one, other in zip(mine[1:], expected[1:], strict=True):
        assert one.dtype == torch.int32
        assert torch.equal(one.cpu(), other)


@pytest.mark.parametrize("renormalize", [False, True])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("tokens, count, k", [(5, 8, 2), (33, 60, 4), (1, 256, 8), (0, 4, 1)])
def test_topk_softmax(
    tokens: int, count: int, k: int, dtype: torch.dtype, renormalize: bool
) -> None:
    torch.manual_seed(count)
    logits = torch.randn(tokens, count).to(dtype)
    if tokens > 3:
        logits[1] = torch.nan
        logits[2, ::2] = torch.nan
        logits[3] = 1.0
    routings_agree(
        functional.topk_softmax(logits.to("xpu"), k, renormalize),
        experts.topk_softmax_reference(logits.double(), k, renormalize),
    )


@pytest.mark.parametrize("scoring", ["softmax", "sigmoid"])
@pytest.mark.parametrize("biased", [False, True])
def test_grouped_topk(biased: bool, scoring: str) -> None:
    """Chosen experts are of the best groups, and the best of those."""
    torch.manual_seed(1)
    hidden, logits = torch.zeros(20, 4), torch.randn(20, 16)
    bias = torch.randn(16) if biased else None
    mine = functional.grouped_topk(
        hidden.to("xpu"),
        logits.to("xpu"),
        4,
        True,
        4,
        2,
        scoring,
        None if bias is None else bias.to("xpu"),
    )
    scores = logits.softmax(-1) if scoring == "softmax" else logits.sigmoid()
    for token, weights, numbers in zip(scores, mine[0].cpu(), mine[1].cpu().tolist(), strict=True):
        by = token if bias is None else token + bias
        groups = by.view(4, 4).sort(-1, descending=True).values
        best = (groups[:, 0] if bias is None else groups[:, :2].sum(-1)).topk(2).indices.tolist()
        allowed = [n for n in range(16) if n // 4 in best]
        assert numbers == sorted(allowed, key=lambda n: -by[n].item())[:4]
        torch.testing.assert_close(weights, token[numbers] / token[numbers].sum())
    assert mine[2].sum().item() == 80


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_scatter_products_and_gather(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    tokens, count, k, size, inner = 21, 6, 2, 40, 24
    x = torch.randn(tokens, size).to(dtype)
    matrices = (torch.randn(count, inner, size) / size**0.5).to(dtype)
    weights, numbers, counts, places = functional.topk_softmax(
        torch.randn(tokens, count, device="xpu"), k, True
    )
    rows, slots = functional.moe_scatter(x.to("xpu"), counts, numbers, places, count, k)
    assert slots.flatten().sort().values.tolist() == list(range(tokens * k))
    assert torch.equal(rows[slots.flatten().long()].cpu(), x.repeat_interleave(k, 0))
    products = experts.expert_products(rows, matrices.to("xpu"), counts)
    out = functional.moe_gather(products, weights, slots, counts, count, k)
    each = torch.einsum("tkcd,td->tkc", matrices.double()[numbers.cpu()], x.double())
    near(out, (each * weights.cpu().double()[..., None]).sum(1), 4)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("tokens", [1, 30])
@pytest.mark.parametrize("first", [0, 3])
def test_gated_experts(first: int, tokens: int, dtype: torch.dtype) -> None:
    """All experts, and a part of them: the others add nothing."""
    torch.manual_seed(tokens)
    count, size, inner = 5, 32, 20
    w13 = (torch.randn(count, 2 * inner, size) / size**0.5).to(dtype)
    w2 = (torch.randn(count, size, inner) / inner**0.5).to(dtype)
    x, logits = torch.randn(1, tokens, size).to(dtype), torch.randn(tokens, count + first)
    module = GatedMLPMOE(w13.to("xpu"), w2.to("xpu"), experts_start_id=first)
    out = module(x.to("xpu"), False, 2, logits.to("xpu"), True)
    weights, numbers, *_ = experts.topk_softmax_reference(logits.double(), 2, True)
    expected = torch.zeros(tokens, size, dtype=torch.float64)
    for token in range(tokens):
        for weight, number in zip(weights[token].tolist(), numbers[token].tolist(), strict=True):
            if number < first:
                continue
            up, gate = (w13[number - first].double() @ x[0, token].double()).chunk(2)[::-1]
            hidden = torch.nn.functional.silu(gate) * up
            expected[token] += weight * (w2[number - first].double() @ hidden)
    assert out.shape == x.shape
    near(out[0], expected, 4)


def test_halves_of_gated_experts_and_routing_of_callers() -> None:
    w1, w2, w3 = (torch.randn(s, device="xpu") for s in ((3, 8, 4), (3, 4, 8), (3, 8, 4)))
    x, logits = torch.randn(6, 4, device="xpu"), torch.randn(6, 3, device="xpu")
    joint = GatedMLPMOE(torch.cat([w1, w3], 1), w2)(x, False, 2, logits, False)
    torch.testing.assert_close(GatedMLPMOE(w1, w2, w3)(x, False, 2, logits, False), joint)

    def route(_hidden: Tensor, gating: Tensor, k: int, renormalize: bool) -> tuple[Tensor, Tensor]:
        weights, numbers, *_ = functional.topk_softmax(gating, k, renormalize)
        return weights, numbers

    custom = GatedMLPMOE(w1, w2, w3)(x, False, 2, logits, False, custom_routing_function=route)
    torch.testing.assert_close(custom, joint)
    grouped = GatedMLPMOE(w1, w2, w3)(x, True, 2, logits, False, 1, 1)
    torch.testing.assert_close(grouped, joint)
    with pytest.raises(NotImplementedError, match="w1_scale_inv"):
        GatedMLPMOE(w1, w2, w3, w1_scale_inv=w1)


Lora = Callable[[Tensor, Tensor, Tensor], None]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("by_sequence", [False, True])
def test_lora(by_sequence: bool, dtype: torch.dtype) -> None:
    """Down to the rank in float32, and up again, whole and into a slice."""
    torch.manual_seed(0)
    size, rank, adapters = 48, 8, 3
    lengths, of_sequence = torch.tensor([3, 1, 9]), torch.tensor([2, -1, 0])
    indices = of_sequence.repeat_interleave(lengths)
    if not by_sequence:
        indices = indices[torch.randperm(13)]
    down = (torch.randn(adapters, 1, rank, size) / size**0.5).to(dtype)
    up = torch.randn(adapters, size, rank).to(dtype)
    x = torch.randn(13, size).to(dtype)
    starts = lengths.cumsum(0) - lengths
    found = [starts, lengths, of_sequence] if by_sequence else [indices]
    chosen = [t.to("xpu") for t in found]
    rest = (3, 9, 13) if by_sequence else ()
    kind = "sgmv" if by_sequence else "bgmv"
    known = (indices >= 0).double()[:, None]

    low = torch.full((13, rank), torch.nan, device="xpu")
    getattr(functional, f"{kind}_shrink")(x.to("xpu"), down.to("xpu"), low, *chosen, *rest, 0.5)
    inner = torch.einsum("trd,td->tr", down[indices, 0].double(), x.double()) * 0.5 * known
    near(low, inner)

    base = torch.randn(13, 2 * size).to(dtype)
    for add in (False, True):
        change = torch.einsum("tdr,tr->td", up[indices].double(), low.cpu().double()) * known
        wide = base.to("xpu")
        expand = getattr(functional, f"{kind}_expand_slice")
        expand(low, up.to("xpu"), wide, *chosen, *rest, size, size, add)
        expected = base.double()
        expected[:, size:] = change + (expected[:, size:] if add else 0)
        near(wide, expected, 4)
        whole = base[:, :size].to("xpu")
        getattr(functional, f"{kind}_expand")(low, up.to("xpu"), whole, *chosen, *rest, add)
        near(whole, change + (base[:, :size].double() if add else 0), 4)


def test_bad_input() -> None:
    logits = torch.zeros(2, 3, device="xpu")
    with pytest.raises(RuntimeError, match="topk_softmax: expected logits"):
        functional.topk_softmax(logits, 4, False)
    with pytest.raises(ValueError, match="grouped_topk: expected softmax or sigmoid"):
        functional.grouped_topk(logits, logits, 1, False, 2, 1)
    with pytest.raises(RuntimeError, match="chosen_products: expected input"):
        experts.chosen_products(logits, torch.zeros(1, 2, 4, device="xpu"), logits[:, 0].int())
