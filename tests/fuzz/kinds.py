"""Kinds of calls that have gone wrong elsewhere: sums of many half-precision numbers, unsigned
integers, values out of range, numbers that stay on the CPU."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable

import torch
import torch.nn.functional as F

from fuzz.case import FLOATING, INTEGERS, Case, Draws


def gradient_of(function: Callable, *arguments: torch.Tensor) -> torch.Tensor:
    """Of the first argument, for a gradient of ones."""
    leaf = arguments[0].detach().requires_grad_()
    result = function(leaf, *arguments[1:])
    return torch.autograd.grad(result, leaf, torch.ones_like(result))[0]


def coalesced(index: torch.Tensor, values: torch.Tensor, size: int) -> torch.Tensor:
    sparse = torch.sparse_coo_tensor(index[None], values, (size, *values.shape[1:]))
    return sparse.coalesce().to_dense()


def accumulation(draw: Draws) -> Case:
    """Sums and products of so many half-precision numbers that a sum of their own dtype stops."""
    dtype, count = draw.pick(torch.bfloat16, torch.float16), draw.pick(1000, 5000, 9000)
    size, columns = draw.pick(1, 2, 5), draw.pick(1, 3)
    index = draw.index([count], size)
    rows = draw.laid_out((torch.rand(count, columns) + 0.5).to(dtype))
    line = rows[:, 0]
    into = torch.rand(size, columns).to(dtype)
    spread = index[:, None].expand(count, columns)
    near_one = draw.laid_out((1 + 0.02 * torch.randn(count)).to(dtype))
    dim = {"dim": 0}
    choices = (
        Case(
            "index_put", lambda t, i, v: t.index_put((i,), v, accumulate=True), (into, index, rows)
        ),
        Case("put", lambda t, i, v: t.put(i, v, accumulate=True), (into, index, line)),
        Case("index_add", lambda t, i, v: t.index_add(0, i, v), (into, index, rows)),
        Case("scatter_add", lambda t, i, v: t.scatter_add(0, i, v), (into, spread, rows)),
        *(
            Case(
                f"scatter_reduce {how}",
                lambda t, i, v, how=how: t.scatter_reduce(0, i, v, how),
                (into, spread, rows),
            )
            for how in ("sum", "mean")
        ),
        Case("coalesce", lambda i, v: coalesced(i, v, size), (index, rows)),
        Case("index backward", lambda t, i: gradient_of(lambda t, i: t[i], t, i), (into, index)),
        Case(
            "index_select backward",
            lambda t, i: gradient_of(lambda t, i: t.index_select(0, i), t, i),
            (into, index),
        ),
        Case(
            "gather backward",
            lambda t, i: gradient_of(lambda t, i: t.gather(0, i), t, i),
            (into, spread),
        ),
        Case("take backward", lambda t, i: gradient_of(torch.take, t, i), (into, index)),
        Case(
            "expand backward",
            lambda t: gradient_of(lambda t: t.expand(count, size, columns), t),
            (into,),
        ),
        Case(
            "embedding backward",
            lambda t, i: gradient_of(lambda t, i: F.embedding(i, t), t, i),
            (into, index),
        ),
        Case(
            "embedding_bag",
            lambda t, i: F.embedding_bag(i[None], t, mode="sum"),
            (into, index),
        ),
        Case("cumsum", torch.cumsum, (line,), dim),
        Case("cumprod", torch.cumprod, (near_one,), dim),
        Case("prod", torch.prod, (near_one,)),
        Case("logcumsumexp", torch.logcumsumexp, (line,), dim),
        Case("sum", torch.sum, (rows,), dim),
        Case("mean", torch.mean, (rows,), dim),
        Case("var", torch.var, (rows,), dim),
        Case("norm", torch.linalg.vector_norm, (rows,), dim),
        Case("mv", lambda t: t.mT @ t[:, 0], (rows,)),
        Case("trapezoid", torch.trapezoid, (rows,), dim),
        Case("bincount", lambda i, v: torch.bincount(i, v.float()), (index, line)),
    )
    return draw.pick(*choices)


UNSIGNED = (torch.uint16, torch.uint32, torch.uint64)
OF_ONE = {
    "isnan": torch.isnan,
    "unique": torch.unique,
    "to float": lambda t: t.to(torch.float32),
    "to int64": lambda t: t.to(torch.int64),
    "clone": torch.clone,
    "nonzero": torch.nonzero,
    "flip": lambda t: t.flip(0),
    "sum": torch.sum,
    "any": torch.any,
    "sort": lambda t: t.sort()[0],
    "max": lambda t: t.max(),
    "cumsum": lambda t: t.cumsum(0),
    "bitwise_not": torch.bitwise_not,
    "index": lambda t: t[torch.zeros(3, dtype=torch.int64, device=t.device)],
    "fill": lambda t: torch.full_like(t, 3),
    "arange": lambda t: torch.arange(5, dtype=t.dtype, device=t.device),
    "repeat": lambda t: t.repeat(2, *[1] * (t.dim() - 1)),
    "contiguous": lambda t: t.contiguous(),
    "add number": lambda t: t + 1,
    "eq number": lambda t: t == 1,
}
OF_TWO = {
    **{
        name: getattr(torch, name)
        for name in (
            *("eq", "ne", "lt", "ge", "add", "sub", "mul", "div", "floor_divide", "remainder"),
            *("bitwise_and", "bitwise_or", "bitwise_xor", "bitwise_left_shift", "maximum"),
            *("equal", "allclose", "isin", "logical_and", "isclose"),
        )
    },
    "cat": lambda a, b: torch.cat([a, b.expand_as(a)]),
    "stack": lambda a, b: torch.stack([a, b.expand_as(a)]),
    "where": lambda a, b: torch.where(a == b, a, b),
    "copy": lambda a, b: a.clone().copy_(b),
    "masked_fill": lambda a, b: a.masked_fill(b.bool(), 7),
}


def unsigned(draw: Draws) -> Case:
    shape, dtype = draw.shape(least=1, most=3, empty=False), draw.pick(*UNSIGNED)

    def tensor(shape: list[int]) -> torch.Tensor:
        values = torch.randint(0, 9 if draw.chance(0.6) else torch.iinfo(torch.int16).max, shape)
        return draw.laid_out(values.to(dtype), repeats=True)

    if draw.chance(0.4):
        name = draw.pick(*OF_ONE)
        return Case(f"{name} of {dtype}", OF_ONE[name], (tensor(shape),))
    name = draw.pick(*OF_TWO)
    pair = (tensor(shape), tensor(draw.broadcastable(shape)))
    return Case(f"{name} of {dtype}", OF_TWO[name], pair)


def out_of_range(draw: Draws) -> Case:
    """One value of many for which the CPU has an error."""
    size, count = draw.pick(1, 2, 5), draw.pick(1, 3, 100)
    table = draw.laid_out(torch.rand(size, 3))
    index = draw.index([count], size)
    wrong = draw.random.randrange(count)
    index[wrong] = draw.pick(size, -size - 1, 1000, 2**40)
    scores, classes = torch.randn(count, size), index.clone()
    classes[wrong] = draw.pick(size, -7, 1000)
    classes_of_images = classes[:, None].expand(count, 2)
    chances = torch.rand(count)
    chances[wrong] = draw.pick(1.5, -0.5)
    rows = torch.rand(count, 3)
    spread = index[:, None].expand(count, 3)
    choices = (
        Case("index", lambda t, i: t[i], (table, index)),
        Case("index_select", lambda t, i: t.index_select(0, i), (table, index)),
        Case("gather", lambda t, i: t.gather(0, i), (table, spread)),
        Case("take", lambda t, i: t.flatten()[: t.shape[0]].take(i), (table, index)),
        Case("take_along_dim", lambda t, i: t.take_along_dim(i, 0), (table, spread)),
        Case("index_add", lambda t, i, v: t.index_add(0, i, v), (table, index, rows)),
        Case("index_copy", lambda t, i, v: t.index_copy(0, i, v), (table, index, rows)),
        Case("index_fill", lambda t, i: t.index_fill(0, i, 1.0), (table, index)),
        Case("index_put", lambda t, i, v: t.index_put((i,), v), (table, index, rows)),
        Case("scatter", lambda t, i, v: t.scatter(0, i, v), (table, spread, rows)),
        Case("scatter_add", lambda t, i, v: t.scatter_add(0, i, v), (table, spread, rows)),
        Case(
            "scatter_reduce",
            lambda t, i, v: t.scatter_reduce(0, i, v, "amax"),
            (table, spread, rows),
        ),
        Case("embedding", lambda t, i: F.embedding(i, t), (table, index)),
        Case("embedding_bag", lambda t, i: F.embedding_bag(i[None], t), (table, index)),
        Case("nll_loss", F.nll_loss, (scores, classes)),
        Case(
            "nll_loss of images",
            lambda t, i: F.nll_loss(t[:, :, None].expand(-1, -1, 2), i),
            (scores, classes_of_images),
        ),
        Case("cross_entropy", F.cross_entropy, (scores, classes)),
        Case("multi_margin_loss", F.multi_margin_loss, (scores, classes)),
        Case("binary_cross_entropy", F.binary_cross_entropy, (chances, torch.rand(count))),
        Case("bernoulli", torch.bernoulli, (chances,)),
        Case("one_hot", lambda i: F.one_hot(i.clamp(max=1000), size), (classes,)),
        Case("multinomial", lambda t: torch.multinomial(t, 1), (chances.clamp(max=0.5) - 0.5,)),
    )
    return draw.pick(*choices)


@dataclasses.dataclass
class OnHost:
    """A number that stays on the CPU."""

    value: torch.Tensor

    def __repr__(self) -> str:
        return f"{self.value.dtype} {self.value.item()} of the CPU"


# Those to which stock's own check of devices allows it.
ELEMENTWISE = (
    *(
        "add",
        "sub",
        "rsub",
        "mul",
        "div",
        "floor_divide",
        "remainder",
        "fmod",
        "pow",
        "float_power",
    ),
    *("atan2", "copysign", "maximum", "minimum", "fmax", "fmin", "xlogy", "true_divide", "isclose"),
    *("eq", "ne", "lt", "le", "gt", "ge", "addcmul", "addcdiv", "lerp", "where"),
    *("bitwise_and", "bitwise_or", "bitwise_left_shift"),
)
OF_THREE = ("addcmul", "addcdiv", "lerp", "where")
OF_INTEGERS = ("bitwise_and", "bitwise_or", "bitwise_left_shift")


def call_by_name(name: str, *arguments):
    return getattr(torch, name)(
        *(each.value if isinstance(each, OnHost) else each for each in arguments)
    )


def host_scalars(draw: Draws) -> Case:
    """Elementwise operators of which one operand is a number that stays on the CPU."""
    name = draw.pick(*ELEMENTWISE)
    shape = draw.shape(most=3)
    dtype = draw.pick(*(INTEGERS if name in OF_INTEGERS else FLOATING))
    count = 3 if name in OF_THREE else 2
    host = draw.random.randrange(count)
    arguments: list = []
    for place in range(count):
        boolean = name == "where" and place == 0
        if place == host:
            value = draw.pick(True, False) if boolean else draw.pick(1, 2, 3)
            arguments.append(OnHost(torch.tensor(value, dtype=torch.bool if boolean else dtype)))
        else:
            values = draw.values(shape, torch.bool if boolean else dtype, tame=True)
            arguments.append(draw.laid_out(values, repeats=True))
    return Case(name, functools.partial(call_by_name, name), tuple(arguments), pointwise=True)
