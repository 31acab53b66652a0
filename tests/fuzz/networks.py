"""Layers, forward and backward, of tensors and incoming gradients in memory in any way."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable

import torch
import torch.nn.functional as F
from layout_calls import PRODUCTS, RECURRENT, ROWS, Call, lay_out, normal, run

from fuzz.case import FLOATING, Case, Draws

SIZES = (1, 1, 2, 3, 4, 5, 8)


def image(draw: Draws, dimensions: int, least: int = 1) -> list[int]:
    """The sizes of a batch of signals of no less than `least` elements in each dimension."""
    signal = [max(least, draw.pick(*SIZES)) for _ in range(dimensions)]
    return [draw.pick(1, 2, 3), draw.pick(1, 2, 3, 8), *signal]


def some(draw: Draws) -> list[int]:
    return [draw.pick(*SIZES) for _ in range(draw.random.randint(1, 4))]


def distinct(*shape: int) -> torch.Tensor:
    """Numbers of which no two are equal, in half precision either, if they are not too many."""
    count = torch.Size(shape).numel()
    return ((torch.randperm(count) - count // 2).double() / 16).view(shape).requires_grad_()


def of_distinct(function: Callable, shape: list[int], **options) -> Call:
    """For functions that find one of their elements."""
    while torch.Size(shape).numel() > 255:
        largest = max(range(len(shape)), key=shape.__getitem__)
        shape[largest] = 3 if shape[largest] > 3 else 1
    return Call(function, [distinct(*shape)], options, repeats=False)


def pooling(name: str, draw: Draws) -> Call:
    options = {"kernel_size": draw.pick(1, 2, 3), "stride": draw.pick(1, 2)}
    options["padding"] = draw.pick(0, options["kernel_size"] // 2)
    options["ceil_mode"] = draw.chance(0.3)
    shape = image(draw, int(name[-2]), least=3)
    function = getattr(F, name)
    if name.startswith("max"):
        return of_distinct(function, shape, **options)
    return Call(function, [normal(*shape)], options)


def adaptive_pooling(name: str, draw: Draws) -> Call:
    dimensions = int(name[-2])
    options = {"output_size": [draw.pick(1, 2, 3) for _ in range(dimensions)]}
    return Call(getattr(F, name), [normal(*image(draw, dimensions))], options)


def interpolation(draw: Draws) -> Call:
    modes = (("linear", 1), ("bilinear", 2), ("bicubic", 2), ("trilinear", 3), ("nearest", 2))
    mode, dimensions = draw.pick(*modes, ("nearest", 1), ("nearest", 3), ("nearest-exact", 2))
    options = {"mode": mode, "size": [draw.pick(1, 2, 3, 5, 8) for _ in range(dimensions)]}
    if "nearest" not in mode:
        options["align_corners"] = draw.chance(0.5)
    return Call(F.interpolate, [normal(*image(draw, dimensions))], options)


def padding(draw: Draws) -> Call:
    dimensions = draw.pick(1, 2, 3)
    options = {"pad": [draw.pick(0, 1, 2) for _ in range(2 * dimensions)]}
    options["mode"] = draw.pick("constant", "reflect", "replicate", "circular")
    return Call(F.pad, [normal(*image(draw, dimensions, least=3))], options)


def folding(draw: Draws) -> Call:
    shape = image(draw, 2, least=3)
    kernel = [draw.pick(1, 2, 3), draw.pick(1, 2, 3)]

    def both(x):
        columns = F.unfold(x, kernel)
        return columns, F.fold(columns, x.shape[2:], kernel)

    return Call(both, [normal(*shape)])


def along(name: str, draw: Draws) -> Call:
    shape = some(draw)
    dim = draw.dim(shape)
    options = {"dim": dim}
    if name in ("sort", "amax", "max", "cummax", "median"):
        return of_distinct(getattr(torch, name), shape, **options)
    if name == "glu":
        shape[dim] *= 2
    if name == "norm":
        name = "linalg.vector_norm"
    scope = F if hasattr(F, name) and not hasattr(torch, name) else torch
    function = functools.reduce(getattr, name.split("."), scope)
    return Call(function, [normal(*shape)], options)


def top(draw: Draws) -> Call:
    shape = some(draw)
    dim = draw.dim(shape)
    call = of_distinct(torch.topk, shape, dim=dim)
    return dataclasses.replace(call, options={"dim": dim, "k": draw.random.randint(1, shape[dim])})


def gathering(name: str, draw: Draws) -> Call:
    shape = some(draw)
    dim = draw.dim(shape)
    count = draw.pick(1, 2, 5)
    rows = list(shape)
    rows[dim] = count
    index = draw.index([count] if name.startswith("index") else rows, shape[dim])
    tensors = [normal(*shape), index]
    if name in ("scatter_add", "index_add"):
        tensors.append(normal(*rows))
    function = getattr(torch, name)
    return Call(lambda x, i, *source: function(x, dim, i, *source), tensors)


def embedding(draw: Draws) -> Call:
    index = draw.index([draw.pick(*SIZES), draw.pick(*SIZES)], 7)
    return Call(F.embedding, [index, normal(7, draw.pick(*SIZES))])


def loss(name: str, draw: Draws) -> Call:
    shape = some(draw)
    options = {"reduction": draw.pick("none", "mean", "sum")}
    function = getattr(F, name)
    if name in ("cross_entropy", "nll_loss"):
        shape = [draw.pick(1, 2, 3), draw.pick(2, 3, 5), *(draw.pick(*SIZES) for _ in range(2))]
        shape = shape[: draw.pick(2, 3, 4)]
        target = draw.index([shape[0], *shape[2:]], shape[1])
        return Call(function, [normal(*shape), target], options)
    target = torch.rand(shape, dtype=torch.float64)
    return Call(function, [normal(*shape), target], options)


def pointwise(name: str, draw: Draws) -> Call:
    scope = torch if hasattr(torch, name) else F
    return Call(getattr(scope, name), [normal(*some(draw))])


def broadcast(name: str, draw: Draws) -> Call:
    shape = some(draw)
    other = [draw.pick(1, size) for size in shape]
    return Call(getattr(torch, name), [normal(*shape), normal(*other)])


def rms_norm(draw: Draws) -> Call:
    inner = [draw.pick(*SIZES) for _ in range(draw.pick(1, 2))]

    def normalize(x, weight):
        return F.rms_norm(x, inner, weight, 0.1)

    return Call(normalize, [normal(*some(draw), *inner), normal(*inner)])


def bilinear(draw: Draws) -> Call:
    batch, m, n, outputs = (draw.pick(*SIZES) for _ in range(4))
    return Call(F.bilinear, [normal(batch, m), normal(batch, n), normal(outputs, m, n)])


def table(function: Callable, *names: str) -> dict[str, Callable[[Draws], Call]]:
    return {name: functools.partial(function, name) for name in names}


NETWORKS = {
    **PRODUCTS,
    **ROWS,
    **RECURRENT,
    **table(pooling, *(f"{kind}_pool{d}d" for kind in ("max", "avg") for d in (2, 3))),
    **table(adaptive_pooling, *(f"adaptive_avg_pool{d}d" for d in (1, 2, 3))),
    "interpolate": interpolation,
    "pad": padding,
    "unfold and fold": folding,
    **table(along, "softmax", "log_softmax", "cumsum", "logsumexp", "sum", "mean", "var", "norm"),
    **table(along, "glu", "normalize", "sort", "amax", "max", "cummax", "median", "logcumsumexp"),
    "topk": top,
    **table(gathering, "gather", "scatter_add", "index_select", "index_add"),
    "embedding": embedding,
    **table(loss, "cross_entropy", "nll_loss", "mse_loss", "smooth_l1_loss", "l1_loss"),
    **table(loss, "binary_cross_entropy_with_logits", "kl_div", "huber_loss"),
    **table(pointwise, "gelu", "silu", "mish", "softplus", "hardswish", "elu", "tanh", "sigmoid"),
    **table(broadcast, "mul", "sub", "maximum", "atan2", "hypot"),
    "rms_norm": rms_norm,
    "bilinear": bilinear,
}


def network(draw: Draws) -> Case:
    name = draw.pick(*NETWORKS)
    dtype = draw.pick(*FLOATING)
    if name == "rnn_relu" and dtype.itemsize == 2:
        dtype = torch.float32  # sums that are rounded over zero have another slope
    call = NETWORKS[name](draw)
    tensors, gradients = lay_out(draw, call, dtype)
    count = len(tensors)

    def whole(function: Callable, *given: torch.Tensor) -> list[torch.Tensor]:
        return run(function, call, list(given[:count]), list(given[count:]))

    return Case(
        f"{name} {call.options}",
        functools.partial(whole, call.function),
        (*tensors, *gradients),
        formula=functools.partial(whole, call.by_formula),
        adds_up=True,
        several_steps=True,
    )
