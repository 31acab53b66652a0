"""Memory layouts that tests draw, the same whenever the seed is."""

from __future__ import annotations

import random

import torch


class Draw:
    """What is drawn from a seed; torch's own generator starts from it too."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        torch.manual_seed(seed)

    def pick(self, *values):
        return self.random.choice(values)

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def laid_out(self, values: torch.Tensor, repeats: bool = False) -> torch.Tensor:
        """`values` with their dimensions in any order in memory, with room around the elements or
        not, behind an offset or not, and with any stride where a dimension has size 1. Where it
        `repeats`, a dimension may be expanded: all its elements are the first one then.

        What lies between the elements is not a number, or the largest integer.
        """
        shape = values.shape
        repeated = {d for d, size in enumerate(shape) if repeats and size and self.chance(0.1)}
        kept = values.detach()
        for d in repeated:
            kept = kept.narrow(d, 0, 1)
        roomy = self.chance(0.4)
        offset = self.pick(0, 1, 5) if roomy else 0
        strides, span = [0] * len(shape), 1
        for d in self.random.sample(range(len(shape)), len(shape)):
            strides[d] = span * (self.pick(1, 1, 2) if roomy else 1)
            span = strides[d] * (kept.shape[d] + (self.pick(0, 1, 3) if roomy else 0))
        storage = torch.full((offset + span,), unlikely(values.dtype), dtype=values.dtype)
        storage.as_strided(kept.shape, strides, offset).copy_(kept)
        for d, size in enumerate(shape):
            if d in repeated:
                strides[d] = 0
            elif size == 1:
                strides[d] = self.pick(strides[d], 0, 1, 7, span)
        result = storage.as_strided(shape, strides, offset)
        return result.requires_grad_(values.requires_grad)


def unlikely(dtype: torch.dtype):
    if dtype.is_floating_point or dtype.is_complex:
        return torch.nan
    return True if dtype == torch.bool else torch.iinfo(dtype).max


def move(tensor: torch.Tensor, device: str, dtype: torch.dtype | None = None) -> torch.Tensor:
    """A copy on `device` with the strides, the offset and the whole storage of `tensor`."""
    plain = tensor.detach()
    if tensor.layout != torch.strided or tensor.is_quantized or type(tensor) is not torch.Tensor:
        moved = plain.to(device, dtype or tensor.dtype, copy=True)
    else:
        plain = plain.resolve_conj().resolve_neg()
        storage = plain.new_empty(0).set_(plain.untyped_storage())
        moved = storage.to(device, dtype or tensor.dtype, copy=True).as_strided(
            plain.shape, plain.stride(), plain.storage_offset()
        )
    return moved.requires_grad_(tensor.requires_grad)


def contiguous(tensor: torch.Tensor, dtype: torch.dtype | None = None) -> torch.Tensor:
    """A copy without gaps, whose strides are those that a new tensor has."""
    plain = tensor.detach().to(dtype or tensor.dtype)
    if tensor.layout == torch.strided and not tensor.is_quantized:
        plain = plain.clone(memory_format=torch.contiguous_format)
    return plain.requires_grad_(tensor.requires_grad)
