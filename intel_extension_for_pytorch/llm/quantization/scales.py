"""Scales and zero points of groups of weights."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from .formats import KINDS, codes_of, numbers_of

# Shares of a group's range that are tried: codes may fit weights that matter better than those at
# the ends of the range.
SHARES = tuple(1 - 0.03 * step for step in range(14))


def in_groups(values: Tensor, group_size: int) -> Tensor:
    """[N, K] as [N, groups, group_size], with zeros in the end of the last group."""
    padding = -values.shape[1] % group_size
    return functional.pad(values, (0, padding)).unflatten(1, (-1, group_size))


def scales_of(
    groups: Tensor, kind: str, symmetric: bool, share: float = 1.0
) -> tuple[Tensor, Tensor | None]:
    """Scales and zero points [N, groups] by which the codes of a kind reach over a share of the
    range of groups float32 [N, groups, size]."""
    row = KINDS[kind]
    if symmetric or not row.integers:
        return _rounded_up(groups.abs().amax(2) * (share / row.largest)), None
    least, most = groups.amin(2).clamp(max=0) * share, groups.amax(2).clamp(min=0) * share
    first, count = first_and_count(kind)
    scales = _rounded_up((most - least) / count)
    zeros = (first - least / divisor(scales)).round().clamp(first, first + count)
    return scales, zeros


def best_scales(
    groups: Tensor, kind: str, symmetric: bool, importance: Tensor
) -> tuple[Tensor, Tensor | None]:
    """The scales and zero points [N, groups], among those of `SHARES`, by which the squared errors
    of weights [N, groups, size], times their importance [groups, size], are least."""
    scales, zeros = scales_of(groups, kind, symmetric)
    least = torch.full_like(scales, torch.inf)
    for share in SHARES:
        other, other_zeros = scales_of(groups, kind, symmetric, share)
        wide = None if other_zeros is None else other_zeros[..., None]
        difference = rounded(groups, kind, other[..., None], wide) - groups
        error = (difference.square_() * importance).sum(2)
        better = error < least
        least = torch.where(better, error, least)
        scales = torch.where(better, other, scales)
        if zeros is not None and other_zeros is not None:
            zeros = torch.where(better, other_zeros, zeros)
    return scales, zeros


def grid_of(groups: Tensor, kind: str) -> tuple[Tensor, Tensor] | None:
    """Scales and offsets [N, groups] of weights that were of as few bits before, as those of a GGUF
    file: ``code * scale + offset``, from the least to the largest weight of each group. None if
    weights lie between the codes, by more than rounding to bfloat16 explains."""
    first, count = first_and_count(kind)
    least, most = groups.amin(2), groups.amax(2)
    scales = ((most - least) / count).half().float()
    offsets = (least - first * scales).half().float()
    numbers = ((groups - offsets[..., None]) / divisor(scales)[..., None]).round()
    distance = (numbers * scales[..., None] + offsets[..., None] - groups).abs().amax(2)
    fits = (distance <= 0.06 * scales).all() & scales.isfinite().all() & (scales > 0).all()
    return (scales, offsets) if bool(fits) else None


def numbers_for(weights: Tensor, kind: str, scales: Tensor, zeros: Tensor | None) -> Tensor:
    """The numbers that `codes_of` rounds; all shapes are broadcast."""
    numbers = weights / divisor(scales) + (KINDS[kind].middle if zeros is None else zeros)
    return numbers.clamp(-127, 127) if kind == "int8" and zeros is None else numbers


def rounded(weights: Tensor, kind: str, scales: Tensor, zeros: Tensor | None) -> Tensor:
    """The weights that the codes of `weights` stand for."""
    codes = codes_of(numbers_for(weights, kind, scales, zeros), kind)
    return (numbers_of(codes, kind) - (KINDS[kind].middle if zeros is None else zeros)) * scales


def first_and_count(kind: str) -> tuple[int, int]:
    """The least of the numbers of a kind of integers, and how far the largest is from it."""
    return (-128, 255) if kind == "int8" else (0, 15)


def divisor(scales: Tensor) -> Tensor:
    """Scales to divide by: 1 for groups of zeros."""
    return torch.where(scales == 0, 1.0, scales)


def _rounded_up(scales: Tensor) -> Tensor:
    """Scales that float16 holds, so that codes are chosen for them: rounded up, as else the
    largest weight had no code. All in float32 where one is too small or large for float16."""
    used = scales[scales > 0]
    limits = torch.finfo(torch.float16)
    if used.numel() == 0 or float(used.min()) < limits.tiny or float(used.max()) > limits.max / 2:
        return scales
    half = scales.half()
    up = (half.view(torch.int16) + 1).view(torch.float16)
    return torch.where(half.float() < scales, up, half).float()
