"""Scales and zero points tuned for what a whole model says (after the second stage of EfficientQAT,
arXiv 2407.11062)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from .formats import KINDS, numbers_of, unpack_codes
from .linear import WeightOnlyLinear
from .scales import in_groups
from .weight import QuantizedWeight

SCALE_RATE = 1e-3  # of a scale, a step
OFFSET_RATE = 4e-3  # of the distance from a code to the next, a step


def check_tunable(kind: str) -> None:
    if not KINDS[kind].integers:
        raise ValueError(f"tune_scales: expected codes of integers, but got {kind}")


class _Product(torch.autograd.Function):
    """``input @ weights.T`` with weights ``code * scale + offset``, made again for gradients."""

    @staticmethod
    def forward(ctx: Any, input: Tensor, layer: _Tuned, scales: Tensor, offsets: Tensor) -> Tensor:
        ctx.layer = layer
        ctx.save_for_backward(input, scales, offsets)
        return functional.linear(input, layer.weights(scales, offsets))

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, Tensor, Tensor]:
        input, scales, offsets = ctx.saved_tensors
        columns = input.shape[-1]
        of_weights = gradient.reshape(-1, gradient.shape[-1]).t() @ input.reshape(-1, columns)
        groups = in_groups(of_weights, ctx.layer.size)
        of_scales = (groups * ctx.layer.numbers()).sum(2)
        of_input = gradient @ ctx.layer.weights(scales, offsets)
        return of_input, None, of_scales, groups.sum(2)


class _Tuned(nn.Module):
    """A layer while its scales are tuned."""

    def __init__(self, layer: WeightOnlyLinear) -> None:
        super().__init__()
        weight = layer.quantized_weight
        check_tunable(weight.kind)
        self.weight, self.bias, self.columns = weight, layer.bias, weight.shape[1]
        self.size = self.columns if weight.scales.shape[1] == 1 else weight.span
        self.codes = unpack_codes(weight.codes, weight.kind, self.columns)
        self.start = weight.scales.float()
        if weight.zeros is None:
            self.offset = -KINDS[weight.kind].middle * self.start
        elif weight.zeros_are_offsets:
            self.offset = weight.zeros.float()
        else:
            self.offset = -weight.zeros.float() * self.start
        self.scale_change = nn.Parameter(torch.zeros_like(self.start))
        self.offset_change = nn.Parameter(torch.zeros_like(self.start))

    def numbers(self) -> Tensor:
        return in_groups(numbers_of(self.codes, self.weight.kind), self.size)

    def weights(self, scales: Tensor, offsets: Tensor) -> Tensor:
        groups = self.numbers() * scales[..., None] + offsets[..., None]
        return groups.flatten(1)[:, : self.columns]

    def values(self) -> tuple[Tensor, Tensor]:
        """Scales and offsets."""
        scales = self.start * (1 + self.scale_change)
        return scales, self.offset + self.start * self.offset_change

    def forward(self, input: Tensor) -> Tensor:
        if self.weight.permutation is not None:
            input = input.index_select(-1, self.weight.permutation)
        result = _Product.apply(input, self, *self.values())
        return result if self.bias is None else result + self.bias

    def result(self) -> QuantizedWeight:
        scales, offsets = (values.detach().half().float() for values in self.values())
        return QuantizedWeight.from_codes(
            self.weight.kind,
            self.codes,
            self.size,
            scales,
            offsets,
            zeros_are_offsets=True,
            permutation=self.weight.permutation,
        )


def final_states(
    model: Any, batches: Sequence[Any], run: Callable[[nn.Module, Any], Any]
) -> list[Tensor]:
    """What the layer of logits is given, batch by batch."""
    found: list[Tensor] = []
    handle = _layer_of_logits(model).register_forward_pre_hook(
        lambda module, inputs: found.append(inputs[0])
    )
    try:
        for batch in batches:
            run(model, batch)
    finally:
        handle.remove()
    return found


def tune_scales(
    model: Any,
    batches: Sequence[Any],
    references: Sequence[Tensor],
    passes: int,
    run: Callable[[nn.Module, Any], Any],
) -> None:
    """Changes scales and zero points of the layers of a model, in place, so that the probabilities
    of each next token come nearest to those that the model gave before its weights were rounded.

    The codes stay. Adam, steps that get smaller along half a cosine, one for each batch.

    Args:
        batches: What `run(model, batch)` calls the model with.
        references: The `final_states` of the model before its weights were rounded.
        passes: Over the batches.

    Raises:
        ValueError: Layers whose codes are no integers.
    """
    names = [name for name, layer in model.named_modules() if isinstance(layer, WeightOnlyLinear)]
    tuned = {name: _Tuned(model.get_submodule(name)) for name in names}
    for name, layer in tuned.items():
        model.set_submodule(name, layer)
    scales = [layer.scale_change for layer in tuned.values()]
    offsets = [layer.offset_change for layer in tuned.values()]
    optimizer = torch.optim.Adam(
        [{"params": scales, "lr": SCALE_RATE}, {"params": offsets, "lr": OFFSET_RATE}],
        betas=(0.9, 0.99),
    )
    steps = passes * len(batches)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: 0.5 * (1 + math.cos(math.pi * step / steps))
    )
    head = _layer_of_logits(model)
    with torch.enable_grad():
        for step in range(steps):
            place = step % len(batches)
            (states,) = final_states(model, [batches[place]], run)
            given = functional.log_softmax(functional.linear(states, head.weight).float(), -1)
            with torch.no_grad():
                wanted = functional.linear(references[place], head.weight).float().log_softmax(-1)
            loss = functional.kl_div(
                given.flatten(0, -2), wanted.flatten(0, -2), reduction="batchmean", log_target=True
            )
            for parameter, gradient in zip(
                scales + offsets, torch.autograd.grad(loss, scales + offsets), strict=True
            ):
                parameter.grad = gradient
            optimizer.step()
            schedule.step()
    for name, layer in tuned.items():
        made = WeightOnlyLinear(layer.result(), layer.bias)
        model.set_submodule(name, made.train(model.training))


def _layer_of_logits(model: Any) -> Any:
    head = getattr(model, "get_output_embeddings", lambda: None)()
    if head is None:
        raise ValueError(
            f"tune_scales: expected a model with a layer of logits, but got {type(model).__name__}"
        )
    return head
