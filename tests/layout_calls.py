"""Calls whose tensors may lie in memory in any way, as test_layouts.py and the fuzzer draw them."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable

import torch
import torch.nn.functional as F
from layouts import Draw, contiguous

SIZES = (1, 1, 2, 3, 4, 5, 7, 8, 16, 17)


@dataclasses.dataclass
class Call:
    function: Callable
    tensors: list[torch.Tensor]
    options: dict = dataclasses.field(default_factory=dict)
    formula: Callable | None = None  # where stock PyTorch's function may be wrong itself
    written: int = 0  # so many of the last tensors
    repeats: bool = True  # tensors may be expanded: which of equal elements it finds is said

    @property
    def by_formula(self) -> Callable:
        return self.formula or self.function


def normal(*shape: int) -> torch.Tensor:
    return torch.randn(shape, dtype=torch.float64).requires_grad_()


def constant(*shape: int) -> torch.Tensor:
    return torch.rand(shape, dtype=torch.float64) + 0.5


def attention_formula(query, key, value, mask=None, *, is_causal=False, enable_gqa=False):
    if enable_gqa:
        groups = query.shape[-3] // key.shape[-3]
        key, value = (t.repeat_interleave(groups, -3) for t in (key, value))
    scores = query @ key.mT / query.shape[-1] ** 0.5
    if is_causal:
        mask = torch.ones(scores.shape[-2:], dtype=torch.bool).tril()
    if mask is not None:
        scores = (
            scores.masked_fill(~mask, -torch.inf) if mask.dtype == torch.bool else scores + mask
        )
    return scores.softmax(-1) @ value


def attention(draw: Draw) -> Call:
    heads, groups, feature = draw.pick(1, 2, 3, 4, 12), draw.pick(1, 1, 2, 3), draw.pick(3, 8, 16)
    batch = draw.pick(1, 1, 2, 3)
    lengths = (1, 2, 3, heads, heads + 1, max(1, 2 * heads - 1), 2 * heads, 31, 33)
    keys, own = draw.pick(*lengths), draw.chance(0.5)
    queries = keys if own else draw.pick(*lengths)
    tensors = [
        normal(batch, heads * groups, queries, feature),
        normal(batch, heads, keys, feature),
        normal(batch, heads, keys, draw.pick(feature, feature, 5)),
    ]
    options = {"enable_gqa": True} if groups > 1 else {}
    kind = draw.pick("plain", "causal", "mask", "bias")
    mask_shape = (draw.pick(1, batch), draw.pick(1, heads * groups), draw.pick(1, queries), keys)
    if kind == "causal":
        options["is_causal"] = True
    elif kind == "bias":
        tensors.append(constant(*mask_shape))
        if draw.chance(0.5):  # as padding hides all keys of a query: the smallest number
            tensors[-1][..., 0, :] = torch.finfo(torch.float32).min
    elif kind == "mask":
        tensors.append(torch.rand(mask_shape) < 0.6)
        tensors[-1][..., 0] = True  # each query sees a key
    return Call(F.scaled_dot_product_attention, tensors, options, attention_formula)


def sizes(draw: Draw, count: int) -> list[int]:
    return [draw.pick(*SIZES) for _ in range(count)]


def product(name: str, draw: Draw) -> Call:
    batch, m, k, n = sizes(draw, 4)
    shapes = {
        "mm": [(m, k), (k, n)],
        "bmm": [(batch, m, k), (batch, k, n)],
        "addmm": [(draw.pick(1, m), draw.pick(1, n)), (m, k), (k, n)],
        "baddbmm": [(draw.pick(1, batch), m, draw.pick(1, n)), (batch, m, k), (batch, k, n)],
    }
    return Call(getattr(torch, name), [normal(*shape) for shape in shapes[name]])


def matmul(draw: Draw) -> Call:
    batch, m, k, n = sizes(draw, 4)
    outer = sizes(draw, draw.pick(0, 1, 2))
    left = [draw.pick(1, size) for size in outer][draw.pick(0, 0, 1) :]
    shapes = draw.pick(
        ([*left, batch, m, k], [*outer, batch, k, n]),
        ([*outer, m, k], [k, n]),
        ([m, k], [*outer, k, n]),
        ([k], [*outer, k, n]),
        ([*outer, m, k], [k]),
    )
    return Call(torch.matmul, [normal(*shape) for shape in shapes])


def linear(draw: Draw) -> Call:
    features, outputs = sizes(draw, 2)
    tensors = [normal(*sizes(draw, draw.pick(0, 1, 2, 3)), features), normal(outputs, features)]
    return Call(F.linear, tensors + [normal(outputs)] * draw.pick(0, 1))


def einsum(draw: Draw) -> Call:
    length = dict(zip("bhijd", sizes(draw, 5), strict=True))
    equation = draw.pick(
        "bhid,bhjd->bhij", "bij,bjd->bid", "bid,hd->bih", "hij,jd->dih", "ij,bj->b"
    )
    operands = equation.split("->")[0].split(",")
    return Call(
        functools.partial(torch.einsum, equation),
        [normal(*(length[letter] for letter in operand)) for operand in operands],
    )


def convolution(name: str, draw: Draw) -> Call:
    dimensions, transposed = int(name[-2]), "transpose" in name
    kernel = [draw.pick(1, 2, 3) for _ in range(dimensions)]
    groups = draw.pick(1, 1, 2)
    channels, outputs = (groups * draw.pick(1, 2, 3, 8) for _ in range(2))
    # The kernel fits into the image.
    image = [size + draw.pick(0, 0, 1, 5) for size in kernel]
    weight = (channels, outputs // groups) if transposed else (outputs, channels // groups)
    tensors = [normal(draw.pick(1, 2, 3), channels, *image), normal(*weight, *kernel)]
    options = {"stride": draw.pick(1, 1, 2), "groups": groups}
    if not transposed:
        options["padding"] = draw.pick(0, 0, 1)
    return Call(getattr(F, name), tensors + [normal(outputs)] * draw.pick(0, 1), options)


def image_of(draw: Draw) -> tuple[int, int, list[int]]:
    """A batch, channels and a signal of some elements, of which many dimensions have size 1."""
    signal = [1] * draw.pick(0, 1, 2)
    signal.insert(draw.random.randint(0, len(signal)), draw.pick(3, 4, 8))
    return draw.pick(2, 3, 4), draw.pick(1, 2, 6, 16), signal


# Norms of elements that are equal multiply rounding errors by its inverse root.
EPSILON = {"eps": 0.1}


def batch_norm(draw: Draw) -> Call:
    batch, channels, signal = image_of(draw)
    if draw.chance(0.2):  # the statistics are of the batch alone
        signal = [1] * len(signal)
    training = draw.chance(0.7)

    def run(x, weight, bias, mean, variance):
        out = F.batch_norm(x, mean, variance, weight, bias, training=training, **EPSILON)
        return out, mean, variance

    shapes = [normal(batch, channels, *signal), normal(channels), normal(channels)]
    return Call(run, [*shapes, constant(channels), constant(channels)], written=2)


def instance_norm(draw: Draw) -> Call:
    batch, channels, signal = image_of(draw)

    def run(x, weight, bias):
        return F.instance_norm(x, weight=weight, bias=bias, **EPSILON)

    return Call(run, [normal(batch, channels, *signal), normal(channels), normal(channels)])


def group_norm(draw: Draw) -> Call:
    batch, channels, signal = image_of(draw)
    groups = draw.pick(*(g for g in (1, 2, 3, 16) if channels % g == 0))

    def run(x, weight, bias):
        return F.group_norm(x, groups, weight, bias, **EPSILON)

    return Call(run, [normal(batch, channels, *signal), normal(channels), normal(channels)])


def layer_norm(draw: Draw) -> Call:
    outer, inner = sizes(draw, draw.pick(0, 1, 2)), sizes(draw, draw.pick(1, 2))

    def run(x, weight, bias):
        return F.layer_norm(x, inner, weight, bias, **EPSILON)

    return Call(run, [normal(*outer, *inner), normal(*inner), normal(*inner)])


GATES = {"lstm": 4, "gru": 3, "rnn_tanh": 1, "rnn_relu": 1}


def recurrent(name: str, draw: Draw) -> Call:
    """Of sizes that hardly any other call has: the library keeps what it made for them."""
    steps, batch, features = draw.pick(1, 2, 3, 7), draw.pick(1, 1, 1, 2, 3), draw.pick(1, 3, 5, 20)
    hidden, layers, directions = draw.random.randint(2, 60), draw.pick(1, 1, 2), draw.pick(1, 1, 2)
    first, training = draw.chance(0.5), draw.chance(0.6)
    states = 2 if name == "lstm" else 1
    tensors = [normal(batch, steps, features) if first else normal(steps, batch, features)]
    tensors += [normal(layers * directions, batch, hidden) for _ in range(states)]
    gates = GATES[name] * hidden
    for layer in range(layers):
        inputs = features if layer == 0 else directions * hidden
        for _ in range(directions):
            shapes = ((gates, inputs), (gates, hidden), (gates,), (gates,))
            tensors += [
                (normal(*shape).detach() / hidden**0.5).requires_grad_() for shape in shapes
            ]

    def run(x, *rest):
        state = tuple(rest[:2]) if states == 2 else rest[0]
        weights = list(rest[states:])
        with torch.set_grad_enabled(training):
            return getattr(torch, name)(
                x, state, weights, True, layers, 0.0, training, directions == 2, first
            )

    return Call(run, tensors)


PRODUCTS = {
    "scaled_dot_product_attention": attention,
    **{name: functools.partial(product, name) for name in ("mm", "bmm", "addmm", "baddbmm")},
    "matmul": matmul,
    "linear": linear,
    "einsum": einsum,
    **{
        name: functools.partial(convolution, name)
        for d in (1, 2, 3)
        for name in (f"conv{d}d", f"conv_transpose{d}d")
    },
}
ROWS = {
    "scaled_dot_product_attention": attention,
    "batch_norm": batch_norm,
    "instance_norm": instance_norm,
    "group_norm": group_norm,
    "layer_norm": layer_norm,
}
RECURRENT = {name: functools.partial(recurrent, name) for name in GATES}


def run(
    function: Callable, call: Call, tensors: list[torch.Tensor], gradients: list[torch.Tensor]
) -> list[torch.Tensor]:
    """The results, and the gradients of the tensors for `gradients` of the results."""
    results = function(*tensors, **call.options)
    results = list(results) if isinstance(results, tuple | list) else [results]
    outputs = [result for result in results if result.requires_grad]
    leaves = [tensor for tensor in tensors if tensor.requires_grad]
    found = torch.autograd.grad(outputs, leaves, gradients) if outputs else ()
    return [result.detach() for result in results] + list(found)


def wide(tensor: torch.Tensor) -> torch.Tensor:
    return contiguous(tensor, torch.float64 if tensor.is_floating_point() else tensor.dtype)


def lay_out(draw: Draw, call: Call, dtype: torch.dtype) -> tuple[list[torch.Tensor], ...]:
    """The tensors of `call` in `dtype`, and gradients of its results, in memory in any way."""

    def lay(tensor: torch.Tensor, repeats: bool = True) -> torch.Tensor:
        plain = tensor.detach()
        if tensor.is_floating_point():
            limits = torch.finfo(dtype)
            plain = plain.clamp(limits.min, limits.max).to(dtype)
        return draw.laid_out(plain.requires_grad_(tensor.requires_grad), repeats)

    read = len(call.tensors) - call.written if call.repeats else 0
    tensors = [lay(tensor, place < read) for place, tensor in enumerate(call.tensors)]
    results = call.by_formula(*map(wide, tensors), **call.options)
    results = results if isinstance(results, tuple | list) else [results]
    return tensors, [lay(torch.randn_like(result)) for result in results if result.requires_grad]
