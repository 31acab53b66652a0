"""Calls along a dimension, with indices, copies and products."""

from __future__ import annotations

import dataclasses
import math

import torch
import torch.nn.functional as F

from fuzz.case import COMPLEX, FLOATING, INTEGERS, MOST_ELEMENTS, Case, Draws
from fuzz.operators import unary


def along(draw: Draws) -> Case:
    """Operators along one dimension."""
    shape = draw.shape(least=1, empty=False)
    dim, dtype = draw.dim(shape), draw.pick(*FLOATING)
    plain = (torch.cumsum, torch.logcumsumexp, torch.softmax, torch.log_softmax, torch.argmax)
    ordered = (torch.cummax, torch.sort, torch.max, torch.cummin, torch.min, torch.aminmax)
    if draw.chance(0.5):
        function = draw.pick(*plain)
        tensor = draw.tensor(shape, dtype, tame=True)
        if draw.chance(0.3):
            tensor = torch.where(torch.rand(shape) < 0.2, -math.inf, tensor)
        return Case(function.__name__, function, (tensor, dim), adds_up=True)
    function = draw.pick(*ordered)
    tensor = draw.tensor(shape, draw.pick(dtype, *INTEGERS))
    keywords = {"dim": dim}
    return Case(function.__name__, function, (tensor,), keywords, first_result_only=True)


def indexing(draw: Draws) -> Case:
    shape = draw.shape(least=1, most=4, empty=False)
    dim, dtype = draw.dim(shape), draw.pick(*FLOATING, *INTEGERS)
    tensor = draw.tensor(shape, dtype, tame=True)
    size, count = shape[dim], draw.pick(1, 3, 17, 100)
    positions = draw.index([count], size)
    rows = list(shape)
    rows[dim] = count
    if math.prod(rows) > 20 * MOST_ELEMENTS:
        return unary(draw)
    source, spread = draw.tensor(rows, dtype, tame=True), draw.index(rows, size)
    choices = (
        Case("index_select", torch.index_select, (tensor, dim, positions)),
        Case("gather", torch.gather, (tensor, dim, spread)),
        Case("take", torch.take, (tensor, draw.index(rows, tensor.numel()))),
        Case("index_add", torch.index_add, (tensor.clone(), dim, positions, source), adds_up=True),
        Case("scatter_add", torch.scatter_add, (tensor.clone(), dim, spread, source), adds_up=True),
        Case("index", lambda t, i: t[..., i], (tensor, draw.index([count], shape[-1]))),
        Case("masked_select", torch.masked_select, (tensor, draw.tensor(shape, torch.bool))),
        Case("masked_fill", torch.masked_fill, (tensor, draw.tensor(shape, torch.bool), 3)),
        Case("nonzero", torch.nonzero, (tensor,)),
        Case("cat", lambda *t: torch.cat(t, dim), (tensor, source, tensor)),
        Case("flip", torch.flip, (tensor, [dim])),
        Case("roll", torch.roll, (tensor, draw.random.randint(-9, 9), dim)),
        Case("unique", torch.unique, (tensor,)),
        Case("repeat_interleave", lambda t: t.repeat_interleave(3, dim), (tensor,)),
    )
    return draw.pick(*choices)


def conversion(draw: Draws) -> Case:
    shape = draw.shape()
    source = draw.tensor(shape, draw.pick(*FLOATING, *INTEGERS, torch.bool, *COMPLEX), tame=True)
    target = draw.pick(*FLOATING, *INTEGERS, torch.bool, *COMPLEX, torch.complex32)
    if target is torch.uint8 and source.dtype.is_floating_point:
        source = source.abs()
    into = draw.tensor(shape, torch.float32, tame=True).clone().to(target)
    return Case("copy_", lambda t, s: t.copy_(s), (into, source), variant="first")


def product(draw: Draws) -> Case:
    dtype = draw.pick(*FLOATING)
    m, n, k, batch = (draw.pick(1, 2, 3, 7, 16, 33, 64, 100) for _ in range(4))
    left, right = draw.tensor([m, k], dtype, tame=True), draw.tensor([k, n], dtype, tame=True)
    lefts = draw.tensor([batch, m, k], dtype, tame=True)
    rights = draw.tensor([batch, k, n], dtype, tame=True)
    bias = draw.tensor([n], dtype, tame=True)
    choices = (
        Case("mm", torch.mm, (left, right)),
        Case("bmm", torch.bmm, (lefts, rights)),
        Case("matmul", torch.matmul, (lefts, right)),
        Case("addmm", torch.addmm, (bias, left, right), {"alpha": 0.5, "beta": draw.pick(0, 1, 2)}),
        Case("mv", torch.mv, (left, draw.tensor([k], dtype, tame=True))),
        Case("linear", F.linear, (lefts, right.t(), bias)),
        Case("layer_norm", F.layer_norm, (lefts, [k])),
        Case("batch_norm", lambda t: F.batch_norm(t, None, None, training=True), (lefts,)),
        Case("conv1d", F.conv1d, (lefts, draw.tensor([n, m, 1], dtype, tame=True))),
    )
    return dataclasses.replace(draw.pick(*choices), adds_up=True)
