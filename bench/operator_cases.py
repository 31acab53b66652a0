"""The operators that bench/ops.py measures: one row each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

COLUMNS = 1024
CHANNELS = 32


@dataclass(frozen=True)
class Case:
    """`call` on the operands that `operands` make for a number of elements.

    Floating operands are made in float32 and converted to the measured dtype.
    """

    name: str
    call: Callable[..., object]
    operands: tuple[Callable[[int], Tensor], ...]
    memory: bool = False  # bound by memory, read in order: held against the bandwidth of a copy
    reads: bool = True  # False: only the result is memory that it touches
    gradient: bool = False  # measures the backward of `call`


def flat(numel: int) -> Tensor:
    return torch.randn(numel)


def matrix(numel: int) -> Tensor:
    return torch.randn(numel // COLUMNS, COLUMNS)


def positive(numel: int) -> Tensor:
    return matrix(numel).abs_().add_(0.01)


def unit(numel: int) -> Tensor:
    return torch.rand(numel // COLUMNS, COLUMNS)


def row(numel: int) -> Tensor:
    return torch.randn(COLUMNS)


def column(numel: int) -> Tensor:
    return torch.randn(numel // COLUMNS, 1)


def transposed(numel: int) -> Tensor:
    return torch.randn(COLUMNS, numel // COLUMNS).t()


def every_other(numel: int) -> Tensor:
    return torch.randn(numel // COLUMNS, 2 * COLUMNS)[:, ::2]


def mask(numel: int) -> Tensor:
    return matrix(numel) > 0


def row_numbers(numel: int) -> Tensor:
    return torch.randperm(numel // COLUMNS)


def column_numbers(numel: int) -> Tensor:
    return torch.randint(COLUMNS, (numel // COLUMNS, COLUMNS))


def classes(numel: int) -> Tensor:
    return torch.randint(COLUMNS, (numel // COLUMNS,))


def vocabulary(numel: int) -> Tensor:
    return torch.randn(8192, COLUMNS)


def tokens(numel: int) -> Tensor:
    return torch.randint(8192, (numel // COLUMNS,))


def images(numel: int) -> Tensor:
    return torch.randn(numel // (CHANNELS * 1024), CHANNELS, 32, 32)


def images_last(numel: int) -> Tensor:
    return images(numel).contiguous(memory_format=torch.channels_last)


def channel(numel: int) -> Tensor:
    return torch.rand(CHANNELS) + 0.5


def filters(numel: int) -> Tensor:
    return torch.randn(CHANNELS, CHANNELS, 3, 3)


def depthwise_filters(numel: int) -> Tensor:
    return torch.randn(CHANNELS, 1, 3, 3)


def tall(numel: int) -> Tensor:
    return torch.randn(numel // 256, 256)


def square(numel: int) -> Tensor:
    return torch.randn(256, 256)


def bias(numel: int) -> Tensor:
    return torch.randn(256)


def batch(numel: int) -> Tensor:
    return torch.randn(numel // 4096, 64, 64)


def other_float(x: Tensor) -> Tensor:
    return x.to(torch.bfloat16 if x.dtype is torch.float32 else torch.float32)


def train_batch_norm(x: Tensor, mean: Tensor, var: Tensor, weight: Tensor, shift: Tensor) -> Tensor:
    return F.batch_norm(x, mean, var, weight, shift, training=True)


def layer_norm(x: Tensor, weight: Tensor, shift: Tensor) -> Tensor:
    return F.layer_norm(x, (COLUMNS,), weight, shift)


def group_norm(x: Tensor, weight: Tensor, shift: Tensor) -> Tensor:
    return F.group_norm(x, 8, weight, shift)


def pair(maker: Callable[[int], Tensor]) -> tuple[Callable[[int], Tensor], ...]:
    return (maker, maker)


ELEMENTWISE = [
    Case("neg", torch.neg, (matrix,), memory=True),
    Case("relu", torch.relu, (matrix,), memory=True),
    Case("clamp", lambda x: torch.clamp(x, -1, 1), (matrix,), memory=True),
    Case("add scalar", lambda x: x + 1.5, (matrix,), memory=True),
    Case("sqrt", torch.sqrt, (positive,)),
    Case("rsqrt", torch.rsqrt, (positive,)),
    Case("reciprocal", torch.reciprocal, (positive,)),
    Case("exp", torch.exp, (matrix,)),
    Case("log", torch.log, (positive,)),
    Case("sin", torch.sin, (matrix,)),
    Case("tanh", torch.tanh, (matrix,)),
    Case("erf", torch.erf, (matrix,)),
    Case("sigmoid", torch.sigmoid, (matrix,)),
    Case("gelu", F.gelu, (matrix,)),
    Case("gelu, tanh", lambda x: F.gelu(x, approximate="tanh"), (matrix,)),
    Case("silu", F.silu, (matrix,)),
    Case("pow scalar", lambda x: x**2.5, (positive,)),
    Case("add", torch.add, pair(matrix), memory=True),
    Case("add with alpha", lambda x, y: torch.add(x, y, alpha=0.5), pair(matrix), memory=True),
    Case("add in place", lambda x, y: x.add_(y, alpha=1e-6), pair(matrix), memory=True),
    Case("mul", torch.mul, pair(matrix), memory=True),
    Case("div", torch.div, (matrix, positive), memory=True),
    Case("maximum", torch.maximum, pair(matrix), memory=True),
    Case("less than", torch.lt, pair(matrix), memory=True),
    Case("pow", torch.pow, (positive, matrix)),
    Case("atan2", torch.atan2, pair(matrix)),
    Case("addcmul", torch.addcmul, (matrix, matrix, matrix), memory=True),
    Case("lerp", torch.lerp, (matrix, matrix, unit), memory=True),
    Case("where", torch.where, (mask, matrix, matrix), memory=True),
    Case("masked_fill", lambda x, m: x.masked_fill(m, 0.0), (matrix, mask), memory=True),
    Case("add row", torch.add, (matrix, row), memory=True),
    Case("mul column", torch.mul, (matrix, column), memory=True),
    Case("outer product", torch.mul, (column, row), memory=True),
    Case("add transposed", torch.add, (matrix, transposed)),
    Case("add every other", torch.add, pair(every_other)),
]
COPIES = [
    Case("copy", torch.clone, (matrix,), memory=True),
    Case("copy transposed", Tensor.contiguous, (transposed,)),
    Case("copy every other", Tensor.contiguous, (every_other,)),
    Case("channels first to last", lambda x: x.permute(0, 2, 3, 1).contiguous(), (images,)),
    Case("channels last to first", Tensor.contiguous, (images_last,)),
    Case("cast to other float", other_float, (matrix,), memory=True),
    Case("cast to int32", lambda x: x.int(), (matrix,), memory=True),
    Case("cast from int64", lambda x, i: i.to(x.dtype), (row, column_numbers), memory=True),
    Case("zeros", torch.zeros_like, (matrix,), memory=True, reads=False),
    Case("full", lambda x: torch.full_like(x, 1.5), (matrix,), memory=True, reads=False),
    Case("uniform", Tensor.uniform_, (matrix,)),
    Case("normal", Tensor.normal_, (matrix,)),
    Case("bernoulli", lambda x: x.bernoulli_(0.5), (matrix,)),
    Case("dropout", lambda x: F.dropout(x, 0.1), (matrix,)),
    Case("cat, inner", lambda x, y: torch.cat([x, y], 1), pair(matrix), memory=True),
    Case("cat, outer", lambda x, y: torch.cat([x, y], 0), pair(matrix), memory=True),
    Case("flip", lambda x: x.flip(1), (matrix,), memory=True),
    Case("roll", lambda x: x.roll(7, 1), (matrix,), memory=True),
    Case("tril", torch.tril, (matrix,)),
]
REDUCTIONS = [
    Case("sum, all", torch.sum, (matrix,), memory=True),
    Case("sum, inner", lambda x: x.sum(1), (matrix,), memory=True),
    Case("sum, outer", lambda x: x.sum(0), (matrix,), memory=True),
    Case("mean, channels", lambda x: x.mean((0, 2, 3)), (images,), memory=True),
    Case("amax, all", torch.amax, (matrix,), memory=True),
    Case("max, inner", lambda x: x.max(1), (matrix,)),
    Case("var, inner", lambda x: x.var(1), (matrix,)),
    Case("norm, all", torch.linalg.vector_norm, (matrix,), memory=True),
    Case("logsumexp, inner", lambda x: x.logsumexp(1), (matrix,)),
    Case("argmax, all", torch.argmax, (matrix,)),
    Case("argmax, inner", lambda x: x.argmax(1), (matrix,)),
    Case("argmax, outer", lambda x: x.argmax(0), (matrix,)),
    Case("any", torch.any, (mask,)),
    Case("cumsum, inner", lambda x: x.cumsum(1), (matrix,)),
    Case("cumsum, outer", lambda x: x.cumsum(0), (matrix,)),
    Case("cumsum, one row", lambda x: x.cumsum(0), (flat,)),
    Case("sort, inner", lambda x: x.sort(1), (matrix,)),
    Case("topk, inner", lambda x: x.topk(8, 1), (matrix,)),
]
NORMS = [
    Case("softmax", lambda x: x.softmax(1), (matrix,)),
    Case("softmax, outer", lambda x: x.softmax(0), (matrix,)),
    Case("log_softmax", lambda x: x.log_softmax(1), (matrix,)),
    Case("layer_norm", layer_norm, (matrix, row, row)),
    Case("rms_norm", lambda x, w: F.rms_norm(x, (COLUMNS,), w), (matrix, row)),
    Case("batch_norm, training", train_batch_norm, (images, *(channel,) * 4)),
    Case("batch_norm, evaluation", F.batch_norm, (images, *(channel,) * 4)),
    Case("batch_norm, channels last", train_batch_norm, (images_last, *(channel,) * 4)),
    Case("group_norm", group_norm, (images, channel, channel)),
]
INDEXED = [
    Case("index_select", lambda x, i: x.index_select(0, i), (matrix, row_numbers)),
    Case("index", lambda x, i: x[i], (matrix, row_numbers)),
    Case("gather", lambda x, i: x.gather(1, i), (matrix, column_numbers)),
    Case("scatter_add", lambda x, i, y: x.scatter_add(1, i, y), (matrix, column_numbers, matrix)),
    Case("index_add", lambda x, i, y: x.index_add(0, i, y), (matrix, row_numbers, matrix)),
    Case("index_put", lambda x, i, y: x.index_put((i,), y), (matrix, row_numbers, matrix)),
    Case("embedding", lambda w, i: F.embedding(i, w), (vocabulary, tokens)),
    Case("masked_select", torch.masked_select, (matrix, mask)),
]
IMAGES = [
    Case("max_pool2d", lambda x: F.max_pool2d(x, 2), (images,)),
    Case("max_pool2d, channels last", lambda x: F.max_pool2d(x, 2), (images_last,)),
    Case("avg_pool2d", lambda x: F.avg_pool2d(x, 2), (images,)),
    Case("avg_pool2d, channels last", lambda x: F.avg_pool2d(x, 2), (images_last,)),
    Case("adaptive_avg_pool2d", lambda x: F.adaptive_avg_pool2d(x, 1), (images,)),
    Case("pad", lambda x: F.pad(x, (1, 1, 1, 1)), (images,)),
    Case("conv2d", lambda x, w: F.conv2d(x, w, padding=1), (images, filters)),
    Case("conv2d, channels last", lambda x, w: F.conv2d(x, w, padding=1), (images_last, filters)),
    Case(
        "conv2d, depthwise",
        lambda x, w: F.conv2d(x, w, padding=1, groups=CHANNELS),
        (images_last, depthwise_filters),
    ),
]
PRODUCTS = [
    Case("mm", torch.mm, (tall, square)),
    Case("linear", F.linear, (tall, square, bias)),
    Case("bmm", torch.bmm, pair(batch)),
]
LOSSES = [
    Case("mse_loss", F.mse_loss, pair(matrix)),
    Case("smooth_l1_loss", F.smooth_l1_loss, pair(matrix)),
    Case("cross_entropy", F.cross_entropy, (matrix, classes)),
    Case("binary cross entropy", F.binary_cross_entropy_with_logits, (matrix, unit)),
    Case("kl_div", lambda x, y: F.kl_div(x, y, reduction="batchmean"), (matrix, unit)),
]
GRADIENTS = [
    Case(f"{name}, backward", call, operands, gradient=True)
    for name, call, operands in (
        ("relu", torch.relu, (matrix,)),
        ("gelu", F.gelu, (matrix,)),
        ("tanh", torch.tanh, (matrix,)),
        ("mul", torch.mul, pair(matrix)),
        ("add row", torch.add, (matrix, row)),
        ("softmax", lambda x: x.softmax(1), (matrix,)),
        ("log_softmax", lambda x: x.log_softmax(1), (matrix,)),
        ("layer_norm", layer_norm, (matrix, row, row)),
        ("group_norm", group_norm, (images, channel, channel)),
        ("index_select", lambda x, i: x.index_select(0, i), (matrix, row_numbers)),
        ("embedding", lambda w, i: F.embedding(i, w), (vocabulary, tokens)),
        ("max_pool2d", lambda x: F.max_pool2d(x, 2), (images,)),
        ("avg_pool2d", lambda x: F.avg_pool2d(x, 2), (images,)),
        ("cross_entropy", F.cross_entropy, (matrix, classes)),
        ("linear", F.linear, (tall, square, bias)),
        ("conv2d", lambda x, w: F.conv2d(x, w, padding=1), (images, filters)),
        (
            "batch_norm",
            lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True),
            (images, channel, channel),
        ),
    )
]
CASES = [
    *ELEMENTWISE,
    *COPIES,
    *REDUCTIONS,
    *NORMS,
    *INDEXED,
    *IMAGES,
    *PRODUCTS,
    *LOSSES,
    *GRADIENTS,
]
