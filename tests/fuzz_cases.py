"""What the fuzzer draws: tensors of any shape, layout, dtype and value, and calls with them."""

from __future__ import annotations

import dataclasses
import math
import random
from collections.abc import Callable

import torch
import torch.nn.functional as F
from operator_database import (
    ANY_OF_EQUALS,
    UNINITIALISED,
    has_kernel,
    laid_out,
)
from torch.testing._internal.common_methods_invocations import op_db
from torch.testing._internal.opinfo.core import (
    BinaryUfuncInfo,
    OpInfo,
    ReductionOpInfo,
    UnaryUfuncInfo,
)

SIZES = (1, 1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 33, 64, 65, 100, 129, 257, 1000, 2049)
MOST_ELEMENTS = 30_000
FLOATING = (torch.float32, torch.bfloat16, torch.float16, torch.float64)
INTEGERS = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)
COMPLEX = (torch.complex64, torch.complex128)


@dataclasses.dataclass
class Case:
    """A call on the CPU's tensors; `variant` is where its result goes: new, out or first."""

    name: str
    function: Callable
    arguments: tuple
    keywords: dict = dataclasses.field(default_factory=dict)
    variant: str = "new"
    first_result_only: bool = False
    pointwise: bool = False
    adds_up: bool = False  # rounding errors are those of the terms, not of the result

    def describe(self) -> str:
        def show(value):
            if isinstance(value, torch.Tensor):
                return f"{value.dtype}{list(value.shape)} stride {value.stride()}"
            if isinstance(value, list | tuple):
                return f"[{', '.join(map(show, value))}]"
            return repr(value)

        arguments = [*map(show, self.arguments)]
        arguments += [f"{name}={show(value)}" for name, value in self.keywords.items()]
        return f"{self.name}({', '.join(arguments)}), result: {self.variant}"


class Draw:
    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        torch.manual_seed(seed)

    def pick(self, *values):
        return self.random.choice(values)

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def shape(self, least: int = 0, most: int = 5, empty: bool = True) -> list[int]:
        shape = []
        for _ in range(self.random.randint(least, most)):
            room = MOST_ELEMENTS // max(math.prod(shape), 1)
            shape.append(self.pick(*[size for size in SIZES if size <= room] or [1]))
        if empty and shape and self.chance(0.03):
            shape[self.random.randrange(len(shape))] = 0
        return shape

    def broadcastable(self, shape: list[int]) -> list[int]:
        kept = shape[self.random.randint(0, len(shape)) if self.chance(0.2) else 0 :]
        return [1 if self.chance(0.2) else size for size in kept]

    def values(self, shape: list[int], dtype: torch.dtype, tame: bool) -> torch.Tensor:
        if dtype is torch.bool:
            return torch.rand(shape) < 0.5
        if not dtype.is_floating_point and not dtype.is_complex:
            limits = torch.iinfo(dtype)
            small = tame or self.chance(0.7)
            low, high = (max(-9, limits.min), 9) if small else (limits.min, limits.max)
            return torch.randint(low, high, shape, dtype=dtype)
        result = torch.randn(shape, dtype=torch.complex128 if dtype.is_complex else torch.float64)
        if not tame and self.chance(0.3) and not dtype.is_complex:
            result *= torch.exp(torch.randn(shape, dtype=torch.float64) * self.pick(2, 10, 30))
        result = result.to(dtype)
        if not tame and self.chance(0.4) and result.numel() and not dtype.is_complex:
            self.insert_special(result)
        return result

    def insert_special(self, tensor: torch.Tensor) -> None:
        limits = torch.finfo(tensor.dtype)
        special = [math.nan, math.inf, -math.inf, 0.0, -0.0, 1.0, -1.0, 0.5]
        special += [limits.max, limits.min, limits.tiny, -limits.tiny, limits.tiny / 4, limits.eps]
        count = self.random.randint(1, max(1, tensor.numel() // 4))
        places = torch.randint(tensor.numel(), (count,))
        chosen = torch.tensor([self.pick(*special) for _ in range(min(count, 64))]).repeat(
            count // 64 + 1
        )[:count]
        tensor.view(-1)[places] = chosen.to(tensor.dtype)

    def tensor(self, shape: list[int], dtype: torch.dtype, tame: bool = False) -> torch.Tensor:
        """Contiguous, permuted, a slice of something larger, or with repeated elements."""
        layout = self.pick("contiguous", "contiguous", "permuted", "sliced", "expanded")
        if layout == "permuted":
            order = self.random.sample(range(len(shape)), len(shape))
            inverse = [order.index(i) for i in range(len(shape))]
            return self.values([shape[i] for i in order], dtype, tame).permute(inverse)
        if layout == "sliced" and shape:
            steps = [self.pick(1, 1, 2, 3) for _ in shape]
            offsets = [self.pick(0, 1, 5) for _ in shape]
            whole = [o + size * s for o, size, s in zip(offsets, shape, steps, strict=True)]
            if math.prod(whole) <= 20 * MOST_ELEMENTS:
                places = tuple(slice(o, None, s) for o, s in zip(offsets, steps, strict=True))
                return self.values(whole, dtype, tame)[places]
        if layout == "expanded" and shape:
            repeated = self.random.randrange(len(shape))
            kept = [1 if i == repeated else size for i, size in enumerate(shape)]
            return self.values(kept, dtype, tame).expand(shape)
        return self.values(shape, dtype, tame)

    def dim(self, shape: list[int]) -> int:
        return self.random.randrange(-len(shape), len(shape)) if shape else 0

    def index(self, shape: list[int], size: int) -> torch.Tensor:
        return torch.randint(size, shape) if size else torch.zeros(0, dtype=torch.int64)


def dtype_of(draw: Draw, op: OpInfo) -> torch.dtype:
    supported = op.supported_dtypes("cpu")
    candidates = [d for d in (*FLOATING, torch.float32, *INTEGERS, torch.bool, *COMPLEX)]
    return draw.pick(*[d for d in candidates if d in supported])


def ufunc(draw: Draw, op: OpInfo, arguments: list[torch.Tensor]) -> Case:
    samples = list(op.sample_inputs("cpu", arguments[0].dtype))
    keywords = draw.pick(*samples).kwargs if samples else {}
    variants = ["new", "new"] + ["out"] * op.supports_out
    function, variant = op.op, draw.pick(*variants)
    if op.inplace_variant is not None and draw.chance(0.25):
        function, variant = op.inplace_variant, "first"
        arguments[0] = arguments[0].clone()
    # Stock computes polynomials of a high degree n in n steps where |x| > 1, which takes for ever.
    polynomial = "polynomial" in op.name
    return Case(
        op.name,
        function,
        tuple(arguments),
        keywords,
        variant,
        pointwise=not polynomial,
        adds_up=polynomial,
    )


UNARY = [op for op in op_db if isinstance(op, UnaryUfuncInfo) and has_kernel(op)]
BINARY = [op for op in op_db if isinstance(op, BinaryUfuncInfo) and has_kernel(op)]
REDUCTIONS = [op for op in op_db if isinstance(op, ReductionOpInfo) and has_kernel(op)]
# Not for the fuzzer: values that nobody says, and gradients of integers.
HIDDEN = UNINITIALISED | {"argsort", "native_dropout_backward"}
ANY = [op for op in op_db if has_kernel(op) and op.name not in HIDDEN]


# Arguments that are drawn below 100, by their places: beyond, stock PyTorch's own digits are gone.
SMALL = {
    "special.airy_ai": (0,),  # the phase is rounded to the argument's digits
    "polynomial": (1,),  # degrees are computed with in 64 bits that overflow
    "gcd": (0, 1),  # the smallest integer has no absolute value
    "lcm": (0, 1),
}
# Arguments that are drawn above -100: stock PyTorch takes a step for each unit below zero.
NOT_FAR_BELOW_ZERO = {"special.zeta": (1,)}


def in_domain(op: OpInfo, arguments: list[torch.Tensor]) -> list[torch.Tensor]:
    for name, places in SMALL.items():
        for place in places if name in op.name else ():
            if place < len(arguments) and arguments[place].dtype != torch.bool:
                arguments[place] = arguments[place].fmod(100)
    for place in NOT_FAR_BELOW_ZERO.get(op.name, ()):
        if arguments[place].dtype.is_signed:
            arguments[place] = arguments[place].clamp(min=-100)
    return arguments


def unary(draw: Draw) -> Case:
    op = draw.pick(*UNARY)
    tensor = draw.tensor(draw.shape(), dtype_of(draw, op))
    return ufunc(draw, op, in_domain(op, [tensor]))


def binary(draw: Draw) -> Case:
    op = draw.pick(*BINARY)
    dtype, shape = dtype_of(draw, op), draw.shape()
    other = dtype_of(draw, op) if draw.chance(0.2) else dtype
    shapes = [shape, draw.broadcastable(shape)]
    if draw.chance(0.3):
        shapes.reverse()
    tensors = [draw.tensor(s, d) for s, d in zip(shapes, (dtype, other), strict=True)]
    return ufunc(draw, op, in_domain(op, tensors))


def reduction(draw: Draw) -> Case:
    op = draw.pick(*REDUCTIONS)
    shape = draw.shape()
    tensor = draw.values(shape, dtype_of(draw, op), tame=True)
    if tensor.is_floating_point() and tensor.numel() and draw.chance(0.3):
        draw.insert_special(tensor)
        tensor[tensor.abs() > 1e4] = math.inf
    if draw.chance(0.5):
        order = draw.random.sample(range(len(shape)), len(shape))
        tensor = tensor.permute(order)
    keywords = {}
    if shape and draw.chance(0.8):
        many = op.supports_multiple_dims and draw.chance(0.5)
        dims = draw.random.sample(range(len(shape)), draw.random.randint(1, len(shape)))
        keywords = {"dim": dims if many else dims[0], "keepdim": draw.chance(0.5)}
    return Case(op.name, op.op, (tensor,), keywords, adds_up=True)


def from_database(draw: Draw) -> Case:
    op = draw.pick(*ANY)
    dtype = dtype_of(draw, op)
    samples = list(op.sample_inputs("cpu", dtype))
    sample = draw.pick(*samples)
    if draw.chance(0.7):
        sample = laid_out(draw.pick("strided", "drawn"), sample)
    arguments = (sample.input, *sample.args)
    # The dtype of saved statistics is the device's own affair.
    first = "_norm" in op.name or op.name in ANY_OF_EQUALS
    return Case(op.name, op.op, arguments, sample.kwargs, first_result_only=first, adds_up=True)


def along(draw: Draw) -> Case:
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


def indexing(draw: Draw) -> Case:
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


def conversion(draw: Draw) -> Case:
    shape = draw.shape()
    source = draw.tensor(shape, draw.pick(*FLOATING, *INTEGERS, torch.bool, *COMPLEX), tame=True)
    target = draw.pick(*FLOATING, *INTEGERS, torch.bool, *COMPLEX, torch.complex32)
    if target is torch.uint8 and source.dtype.is_floating_point:
        source = source.abs()
    into = draw.tensor(shape, torch.float32, tame=True).clone().to(target)
    return Case("copy_", lambda t, s: t.copy_(s), (into, source), variant="first")


def product(draw: Draw) -> Case:
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


FAMILIES = {
    unary: 4,
    binary: 5,
    reduction: 3,
    from_database: 6,
    along: 3,
    indexing: 3,
    conversion: 2,
    product: 1,
}


def draw_case(seed: int) -> Case:
    draw = Draw(seed)
    families = [family for family, weight in FAMILIES.items() for _ in range(weight)]
    return draw.pick(*families)(draw)
