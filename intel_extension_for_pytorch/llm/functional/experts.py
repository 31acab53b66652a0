"""Mixtures of experts: routing of tokens, and products that read only the experts that are chosen.

How many tokens an expert has stays on the device.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .devices import on_xpu
from .normalization import wide

# Weights of the experts of each token (float32), their numbers, both [tokens, k]; for each expert
# its number of tokens [experts]; which of them a token is, [tokens, k]. Numbers are int32.
Routing = tuple[Tensor, Tensor, Tensor, Tensor]


def topk_softmax(gating_output: Tensor, n_topk: int, renormalize: bool) -> Routing:
    """The most probable experts of each token, by the softmax of its logits [tokens, experts].

    `renormalize` makes the chosen weights' sum 1. Of equal logits the first comes first; NaN is
    never probable, and the weights of a token without a number are 0.
    """
    if on_xpu(gating_output):
        return torch.ops.torch_ipex.topk_softmax(gating_output, n_topk, renormalize)
    return topk_softmax_reference(gating_output, n_topk, renormalize)


def topk_softmax_reference(gating_output: Tensor, n_topk: int, renormalize: bool) -> Routing:
    """`topk_softmax` by plain operators."""
    logits = wide(gating_output)
    logits = logits.masked_fill(logits.isnan(), -torch.inf)
    numbers = logits.sort(dim=-1, descending=True, stable=True).indices[:, :n_topk]
    weights = torch.softmax(logits, -1).nan_to_num(0.0).gather(1, numbers)
    if renormalize:
        total = weights.sum(-1, keepdim=True)
        weights = weights / total.where(total != 0, 1)
    return _routing(weights, numbers, gating_output.shape[1])


def grouped_topk(
    hidden_states: Tensor,
    gating_output: Tensor,
    n_topk: int,
    renormalize: bool,
    n_expert_group: int,
    n_topk_group: int,
    scoring_func: str = "sigmoid",
    bias: Tensor | None = None,
) -> Routing:
    """The best experts of each token among those of its best groups (DeepSeek-V2 and V3).

    gating_output: [tokens, experts], whose neighbouring experts are in `n_expert_group` groups of
    one size. scoring_func: "softmax" or "sigmoid". A group's score is its largest, or with a
    `bias` [experts], which is added for the choice only, the sum of its two largest.
    """
    if hidden_states.shape[0] != gating_output.shape[0]:
        raise ValueError(
            f"grouped_topk: expected logits for {hidden_states.shape[0]} tokens, "
            f"got shape {list(gating_output.shape)}"
        )
    tokens, experts = gating_output.shape
    if scoring_func not in ("softmax", "sigmoid") or experts % n_expert_group:
        raise ValueError(
            "grouped_topk: expected softmax or sigmoid and groups of one size, "
            f"got {scoring_func!r} and {experts} experts in {n_expert_group} groups"
        )
    logits = wide(gating_output)
    scores = torch.softmax(logits, -1) if scoring_func == "softmax" else torch.sigmoid(logits)
    chosen_by = scores if bias is None else scores + bias
    grouped = chosen_by.view(tokens, n_expert_group, -1)
    best = grouped.amax(-1) if bias is None else grouped.topk(2, -1).values.sum(-1)
    groups = best.topk(n_topk_group, -1, sorted=False).indices
    kept = torch.zeros_like(best, dtype=torch.bool).scatter_(1, groups, True)
    chosen_by = grouped.masked_fill(~kept[..., None], -torch.inf).view(tokens, experts)
    numbers = chosen_by.topk(n_topk, -1).indices
    weights = scores.gather(1, numbers)
    if renormalize:
        weights = weights / weights.sum(-1, keepdim=True)
    return _routing(weights, numbers, experts)


def _routing(weights: Tensor, numbers: Tensor, experts: int) -> Routing:
    numbers = numbers.int()
    if on_xpu(numbers):
        counts, places = torch.ops.torch_ipex.count_expert_tokens(numbers, experts)
    else:
        flat = torch.nn.functional.one_hot(numbers.flatten().long(), experts)
        counts = flat.sum(0).int()
        places = (flat.cumsum(0) * flat).sum(1).int().view(numbers.shape) - 1
    return weights.float(), numbers, counts, places


def moe_scatter(
    activation: Tensor,
    rows_for_experts: Tensor,
    topk_indices: Tensor,
    expert_offsets: Tensor,
    n_experts: int,
    topk: int,
) -> tuple[Tensor, Tensor]:
    """The rows of `activation` [tokens, size] for each expert, one expert behind the other.

    The others are results of `topk_softmax`. Returns [tokens * topk, size] and where each row
    went, [tokens, topk].
    """
    ends = rows_for_experts.cumsum(0, dtype=torch.long)
    slots = (ends - rows_for_experts)[topk_indices.long()] + expert_offsets
    rows = activation.repeat_interleave(topk, 0)
    return torch.empty_like(rows).index_copy_(0, slots.flatten(), rows), slots.int()


def moe_gather(
    moe_output: Tensor,
    topk_weights: Tensor,
    mapped_slot: Tensor,
    rows_for_experts: Tensor,
    n_experts: int,
    topk: int,
    normalize_scale: bool = False,
) -> Tensor:
    """The weighted sums of the experts' rows for each token, [tokens, size], added in float32.

    moe_output: rows in the order of `moe_scatter`, whose `mapped_slot` says where they are.
    """
    if normalize_scale:
        topk_weights = topk_weights / topk_weights.sum(-1, keepdim=True)
    rows = moe_output.index_select(0, mapped_slot.flatten().long())
    rows = rows.view(*topk_weights.shape, -1)
    return torch.bmm(wide(topk_weights)[:, None], wide(rows))[:, 0].to(moe_output.dtype)


def expert_products(rows: Tensor, matrices: Tensor, rows_for_experts: Tensor) -> Tensor:
    """Each expert's rows times its matrix: [rows, columns] of rows [rows, depth], those of an
    expert one behind the other, and matrices [experts, columns, depth]."""
    ends = rows_for_experts.cumsum(0)
    numbers = torch.arange(rows.shape[0], device=rows.device)
    return chosen_products(rows, matrices, torch.searchsorted(ends, numbers, right=True))


def chosen_products(
    rows: Tensor,
    matrices: Tensor,
    choices: Tensor,
    out: Tensor | None = None,
    scale: float = 1.0,
    add: bool = False,
) -> Tensor:
    """out[i] = scale * matrices[choices[i]] @ rows[i], or that added to it if `add`.

    rows: [rows, depth]; matrices: [number, columns, depth]; choices: [rows] integers, others than
    numbers of matrices give 0; out: [rows, columns]. rows or out may be float32 beside matrices
    of half precision. Sums are float32. Only matrices that are chosen are read.
    """
    if out is None:
        out = rows.new_empty(rows.shape[0], matrices.shape[1])
    if on_xpu(rows):
        torch.ops.torch_ipex.chosen_products(rows, matrices, out, choices, scale, add)
        return out
    exists = (choices >= 0) & (choices < matrices.shape[0])
    chosen = wide(matrices)[choices.long().where(exists, 0)]
    result = torch.einsum("rcd,rd->rc", chosen, wide(rows).to(chosen.dtype)) * scale
    result = result.masked_fill(~exists[:, None], 0)
    return out.copy_(out + result if add else result)
