"""The gated layer of a mixture of experts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from ..functional import activation, experts


class GatedMLPMOE(nn.Module):
    """For each token the weighted sum of w2 @ (silu(w1 @ x) * (w3 @ x)) over its experts.

    W13: [experts, 2 * inner, size], w1 above w3; or w1 alone, [experts, inner, size], beside W3.
    W2: [experts, size, inner]. use_prepack: nothing depends on it. experts_start_id: the number of
    the first expert here, where others are elsewhere; tokens add nothing for those. Scales of
    quantized weights are not supported: NotImplementedError.
    """

    def __init__(
        self,
        W13: Tensor,
        W2: Tensor,
        W3: Tensor | None = None,
        use_prepack: bool = False,
        experts_start_id: int = 0,
        **scales: Any,
    ) -> None:
        super().__init__()
        given = sorted(name for name, value in scales.items() if value is not None)
        if given:
            raise NotImplementedError(f"GatedMLPMOE: quantized weights ({', '.join(given)})")
        self.W13 = W13 if W3 is None else torch.cat([W13, W3], 1)
        self.W2 = W2
        self.experts_start_id = experts_start_id

    def forward(
        self,
        hidden_states: Tensor,
        use_grouped_topk: bool,
        top_k: int,
        router_logits: Tensor,
        renormalize: bool,
        topk_group: int | None = None,
        num_expert_group: int | None = None,
        custom_routing_function: Callable[..., tuple[Tensor, Tensor]] | None = None,
        scoring_func: str = "softmax",
        e_score_correction_bias: Tensor | None = None,
    ) -> Tensor:
        """hidden_states: [..., size]; router_logits: [tokens, all experts]; the rest as in
        `functional.experts.topk_softmax` and `grouped_topk`. A custom routing function takes
        (hidden_states, router_logits, top_k, renormalize) and gives weights and numbers."""
        x = hidden_states.reshape(-1, hidden_states.shape[-1])
        if custom_routing_function is not None:
            weights, numbers = custom_routing_function(x, router_logits, top_k, renormalize)
        elif use_grouped_topk:
            if num_expert_group is None or topk_group is None:
                raise ValueError("GatedMLPMOE: grouped routing needs num_expert_group, topk_group")
            weights, numbers, *_ = experts.grouped_topk(
                x,
                router_logits,
                top_k,
                renormalize,
                num_expert_group,
                topk_group,
                scoring_func,
                e_score_correction_bias,
            )
        else:
            weights, numbers, *_ = experts.topk_softmax(router_logits, top_k, renormalize)
        return self.run_experts(x, weights, numbers).view(hidden_states.shape)

    def run_experts(self, x: Tensor, weights: Tensor, numbers: Tensor) -> Tensor:
        """x: [tokens, size]; weights and numbers of each token's experts: [tokens, k]."""
        chosen = (numbers - self.experts_start_id).flatten()
        tokens, k = numbers.shape
        if tokens == 1:
            order = None
            rows = x.expand(k, -1)
        else:
            # The rows of an expert are neighbours, so that its matrix is read once for several.
            chosen, order = chosen.sort(stable=True)
            rows = x.index_select(0, order // k)
        inner = activation.silu_and_mul(experts.chosen_products(rows, self.W13, chosen))
        out = experts.chosen_products(inner, self.W2, chosen)
        if order is not None:
            out = torch.empty_like(out).index_copy_(0, order, out)
        sums = torch.bmm(weights.float()[:, None], out.view(tokens, k, -1).float())
        return sums[:, 0].to(x.dtype)
