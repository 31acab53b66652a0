"""Operators of large language models against their references in float64 on the CPU."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from layouts import Draw, move
from torch import Tensor

from intel_extension_for_pytorch.llm import functional
from intel_extension_for_pytorch.llm.functional import activation, normalization, rotary

pytestmark = [
    pytest.mark.skipif(not torch.xpu.is_available(), reason="no XPU device"),
    pytest.mark.usefixtures("row_kernels", "no_fallback"),
]

DTYPES = (torch.float32, torch.float16, torch.bfloat16)
# A rounding of the result, and what sums of float32 lose.
TOLERANCE = {torch.float32: 2e-5, torch.float16: 2e-3, torch.bfloat16: 1.6e-2}


def near(actual: Tensor, expected: Tensor, dtype: torch.dtype, scale: float = 1) -> None:
    assert actual.dtype == dtype
    tolerance = TOLERANCE[dtype]
    torch.testing.assert_close(
        actual.detach().cpu().double(),
        expected.detach(),
        rtol=tolerance,
        atol=tolerance * scale,
    )


def drawn(draw: Draw, shape: tuple[int, ...], dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Values of `dtype` as float64, and in some layout on xpu."""
    values = torch.randn(shape).to(dtype)
    return values.double(), move(draw.laid_out(values), "xpu")


SHAPES = ((7, 64), (2, 3, 100), (33,), (2, 1, 3, 257), (0, 16), (5, 1), (64, 24))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_normalization(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    """Each operator, with and without parameters, of the input's dtype and of float32."""
    draw = Draw(len(shape) + sum(shape))
    x, mine = drawn(draw, shape, dtype)
    residual, my_residual = drawn(draw, shape, dtype)
    other, my_other = drawn(draw, shape, dtype)
    names = torch.ops.torch_ipex
    for parameters in (dtype, torch.float32, None):
        weight = my_weight = bias = my_bias = None
        if parameters is not None:
            weight, my_weight = drawn(draw, shape[-1:], parameters)
            bias, my_bias = drawn(draw, shape[-1:], parameters)
        size = list(shape[-1:])
        near(
            functional.rms_norm(mine, my_weight, 1e-5),
            normalization.rms_norm_reference(x, weight, 1e-5),
            dtype,
            4,
        )
        near(
            functional.fast_layer_norm(mine, size, my_weight, my_bias, 1e-5),
            normalization.fast_layer_norm_reference(x, size, weight, bias, 1e-5),
            dtype,
            8,
        )
        for kind, reference in (
            ("rms_norm", normalization.add_rms_norm_reference),
            ("layer_norm", normalization.add_layer_norm_reference),
        ):
            expected = reference(residual, x, weight, bias, 1e-5)
            call = getattr(functional, f"add_{kind}")
            near(call(my_residual, mine, my_weight, my_bias, 1e-5), expected, dtype, 8)
            written = move(my_residual.cpu(), "xpu")
            near(call(written, mine, my_weight, my_bias, 1e-5, True), expected, dtype, 8)
            near(written, residual + x, dtype)
            three = getattr(names, f"add_add_{kind}")(
                my_residual, my_other, mine, size, my_weight, my_bias, 1e-5
            )
            near(three, reference(residual + other, x, weight, bias, 1e-5), dtype, 8)


def test_normalization_of_many_dimensions() -> None:
    x, weight = torch.randn(3, 4, 5, device="xpu"), torch.randn(4, 5, device="xpu")
    expected = normalization.rms_norm_reference(x.double().cpu(), weight.double().cpu(), 1e-6)
    near(functional.rms_norm(x, weight, 1e-6), expected, torch.float32, 4)


@pytest.mark.parametrize("kind", ["rms_norm", "add_rms_norm", "fast_layer_norm", "add_layer_norm"])
@pytest.mark.parametrize("shape", [(5, 32), (2, 3, 4, 24)], ids=str)
def test_gradients_of_normalization(kind: str, shape: tuple[int, ...]) -> None:
    """Right for weights other than 1, and for any number of dimensions."""
    generator = torch.Generator().manual_seed(3)
    values = [torch.randn(s, generator=generator) for s in (shape, shape, shape[-1:], shape[-1:])]
    gradient = torch.randn(shape, generator=generator)

    def results(device: str, dtype: torch.dtype) -> list[Tensor | None]:
        residual, x, weight, bias = (t.to(device, dtype).requires_grad_() for t in values)
        if kind == "rms_norm":
            inputs, out = [x, weight], functional.rms_norm(x, weight, 1e-6)
        elif kind == "fast_layer_norm":
            inputs = [x, weight, bias]
            out = functional.fast_layer_norm(x, shape[-1:], weight, bias, 1e-6)
        else:
            inputs = [residual, x, weight, bias]
            out = getattr(functional, kind)(residual, x, weight, bias, 1e-6)
        return list(torch.autograd.grad(out, inputs, gradient.to(device, dtype)))

    exact, mine = results("cpu", torch.float64), results("xpu", torch.float32)
    for actual, expected in zip(mine, exact, strict=True):
        near(actual, expected, torch.float32, 10)


GATED: tuple[tuple[str, dict], ...] = (
    ("silu_mul", {}),
    ("gelu_mul", {}),
    ("gelu_mul", {"approximate": "tanh"}),
)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name, options", GATED)
def test_gated(name: str, options: dict, dtype: torch.dtype) -> None:
    reference: Callable[..., Tensor] = getattr(activation, f"{name}_reference")
    draw = Draw(5)
    for shape in ((3, 4, 34), (2, 128), (0, 4), (6, 1), (5,)):
        x, mine = drawn(draw, (*shape[:-1], 2 * shape[-1]), dtype)
        halves, my_halves = x.chunk(2, -1), mine.chunk(2, -1)
        expected = reference(*halves, **options)
        joint = getattr(functional, name.replace("_mul", "_and_mul"))
        near(joint(mine, **options), expected, dtype)
        near(getattr(functional, name)(*my_halves, **options), expected, dtype)
        out = move(draw.laid_out(torch.zeros(expected.shape, dtype=dtype)), "xpu")
        assert joint(mine, out, **options) is out
        near(out, expected, dtype)
        out.zero_()
        getattr(functional, name)(*my_halves, out, **options)
        near(out, expected, dtype)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_gelu_quick(dtype: torch.dtype) -> None:
    x, mine = drawn(Draw(1), (3, 5, 20), dtype)
    expected = activation.gelu_quick_reference(x)
    near(functional.gelu_quick(mine), expected, dtype)
    out = torch.empty_like(mine)
    functional.gelu_quick(mine, out)
    near(out, expected, dtype)
    leaf = mine.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(functional.gelu_quick(leaf).sum(), leaf)
    exact = x.requires_grad_()
    (wanted,) = torch.autograd.grad(activation.gelu_quick_reference(exact).sum(), exact)
    near(gradient, wanted, dtype, 2)


@pytest.mark.parametrize("name, options", GATED)
@pytest.mark.parametrize("joint", [False, True])
def test_gradients_of_gated(name: str, options: dict, joint: bool) -> None:
    values, gradient = torch.randn(3, 4, 20), torch.randn(3, 4, 10)
    direction = torch.randn(3, 4, 20)

    def results(device: str, dtype: torch.dtype) -> list[Tensor]:
        x = values.to(device, dtype).requires_grad_()
        if joint:
            out = getattr(functional, name.replace("_mul", "_and_mul"))(x, **options)
        else:
            out = getattr(functional, name)(*x.chunk(2, -1), **options)
        (first,) = torch.autograd.grad(out, x, gradient.to(device, dtype), create_graph=True)
        (second,) = torch.autograd.grad(first, x, direction.to(device, dtype), retain_graph=True)
        (plain,) = torch.autograd.grad(out, x, gradient.to(device, dtype))
        return [first, plain, second]

    exact, mine = results("cpu", torch.float64), results("xpu", torch.float32)
    for actual, expected in zip(mine, exact, strict=True):
        near(actual, expected, torch.float32, 10)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("rotary_half", [True, False])
@pytest.mark.parametrize("table", ["whole", "pairs", "positions", "heads"])
def test_rotary_embedding(table: str, rotary_half: bool, dtype: torch.dtype) -> None:
    draw = Draw(7)
    for shape, key_heads, turned in (
        ((2, 5, 4, 64), 2, 64),
        ((1, 3, 2, 80), 2, 32),
        ((7, 3, 20), 1, 20),
        ((0, 3, 20), 1, 20),
    ):
        query, mine = drawn(draw, shape, dtype)
        key, my_key = drawn(draw, (*shape[:-2], key_heads, shape[-1]), dtype)
        positions, batch = shape[-3], shape[0] if len(shape) == 4 else 1
        width = turned // 2 if table == "pairs" else turned
        rows = 50 if table == "positions" else batch * positions
        tables = draw.pick(torch.float32, dtype)
        angles = [torch.randn(rows, width).to(tables) for _ in range(2)]
        ids = None
        if table == "positions":
            ids = torch.randint(0, rows, (batch, positions))
        if table == "heads" and len(shape) == 4:
            angles = [t.view(batch, positions, 1, width) for t in angles]
        expected = rotary.rotary_embedding_reference(
            query, key, *(t.double() for t in angles), turned, rotary_half, ids
        )
        sin, cos = (draw.laid_out(t) for t in angles)
        actual = functional.rotary_embedding(
            mine,
            my_key,
            move(sin, "xpu"),
            move(cos, "xpu"),
            turned,
            rotary_half,
            None if ids is None else ids.to("xpu"),
        )
        assert actual[0] is mine
        assert actual[1] is my_key
        for one, other in zip(actual, expected, strict=True):
            near(one, other, dtype)


@pytest.mark.parametrize("rotary_half", [True, False])
def test_apply_rotary_embedding(rotary_half: bool) -> None:
    """Tables that are expanded to the query, results in views of another tensor."""
    query, key = torch.randn(2, 3, 4, 32), torch.randn(2, 3, 4, 32)
    sin, cos = torch.randn(2, 3, 1, 32), torch.randn(2, 3, 1, 32)
    expected = rotary.rotary_embedding_reference(
        *(t.double() for t in (query, key, sin, cos)), 32, rotary_half
    )
    both = torch.zeros(2, 3, 8, 32, device="xpu")
    out = both.split(4, 2)
    kind = "half_qk" if rotary_half else "two_qk"
    moved = [t.to("xpu") for t in (query, key, sin, cos)]
    moved[2:] = [t.expand(2, 3, 4, 32) for t in moved[2:]]
    getattr(torch.ops.torch_ipex, f"apply_rotary_embedding_{kind}")(*moved, *out)
    near(both, torch.cat(expected, 2), torch.float32)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("is_neox", [True, False])
@pytest.mark.parametrize("with_offsets", [False, True])
def test_rotary_embedding_batched(with_offsets: bool, is_neox: bool, dtype: torch.dtype) -> None:
    cache = torch.randn(40, 24).to(dtype)
    positions = torch.randint(0, 20, (2, 5))
    offsets = torch.randint(0, 20, (10,)) if with_offsets else None
    both = torch.randn(2, 5, 5 * 32).to(dtype)
    query, key = both[..., :96], both[..., 96:]
    expected = rotary.rotary_embedding_batched_reference(
        positions, query.double(), key.double(), 32, cache.double(), is_neox, 24, offsets
    )
    mine = both.to("xpu")
    moved = None if offsets is None else offsets.to("xpu")
    functional.rotary_embedding_batched(
        positions.to("xpu"),
        mine[..., :96],
        mine[..., 96:],
        32,
        cache.to("xpu"),
        is_neox,
        24,
        moved,
    )
    near(mine, torch.cat(expected, -1), dtype)


@pytest.mark.parametrize("rotary_half", [True, False])
def test_gradients_of_rotary_embedding(rotary_half: bool) -> None:
    query, key = torch.randn(2, 3, 4, 20), torch.randn(2, 3, 2, 20)
    sin, cos = torch.randn(6, 12), torch.randn(6, 12)

    def gradients(device: str, dtype: torch.dtype) -> list[Tensor]:
        q, k, s, c = (t.to(device, dtype) for t in (query, key, sin, cos))
        q.requires_grad_()
        k.requires_grad_()
        outs = functional.rotary_embedding(q, k, s, c, 12, rotary_half)
        weights = [torch.cos(torch.arange(t.numel(), dtype=dtype)).view(t.shape) for t in outs]
        return list(torch.autograd.grad(outs, [q, k], [w.to(device) for w in weights]))

    exact, mine = gradients("cpu", torch.float64), gradients("xpu", torch.float32)
    for actual, expected in zip(mine, exact, strict=True):
        near(actual, expected, torch.float32, 4)


def test_positions_outside_of_the_table() -> None:
    query, table = torch.randn(1, 2, 1, 8, device="xpu"), torch.randn(4, 8, device="xpu")
    ids = torch.tensor([[1, 4]], device="xpu")
    functional.rotary_embedding(query, query.clone(), table, table, 8, True, ids)
    with pytest.raises(IndexError, match="rotary_embedding"):
        torch.xpu.synchronize()


def on_xpu(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.zeros(shape, dtype=dtype, device="xpu")


BAD_CALLS = {
    "rms_norm: expected an input|Given normalized_shape": lambda: functional.rms_norm(
        on_xpu(2, 4), on_xpu(5), 1e-5
    ),
    "add_rms_norm: expected what is added of shape": lambda: functional.add_rms_norm(
        on_xpu(2, 3), on_xpu(2, 4), on_xpu(4), None, 1e-5
    ),
    "fast_layer_norm: expected weight and bias of one dtype": lambda: functional.fast_layer_norm(
        on_xpu(2, 4, dtype=torch.half), (4,), on_xpu(4), on_xpu(4, dtype=torch.half), 1e-5
    ),
    "fast_rms_norm: expected float32": lambda: functional.rms_norm(
        on_xpu(2, 4, dtype=torch.long), None, 1e-5
    ),
    "silu_and_mul: expected an even last size": lambda: functional.silu_and_mul(on_xpu(2, 3)),
    "gelu_mul: expected approximate": lambda: functional.gelu_mul(
        on_xpu(2), on_xpu(2), approximate="erf"
    ),
    "silu_mul: expected the second operand of dtype": lambda: functional.silu_mul(
        on_xpu(2), on_xpu(2, dtype=torch.half)
    ),
    "silu_mul: out has no gradient": lambda: functional.silu_mul(
        on_xpu(2).requires_grad_(), on_xpu(2), on_xpu(2)
    ),
    "rotary_embedding: expected an even rotary_dim": lambda: functional.rotary_embedding(
        on_xpu(1, 2, 1, 8), on_xpu(1, 2, 1, 8), on_xpu(2, 10), on_xpu(2, 10), 10, True
    ),
    "rotary_embedding: expected cos and sin for 2 tokens": lambda: functional.rotary_embedding(
        on_xpu(1, 2, 1, 8), on_xpu(1, 2, 1, 8), on_xpu(3, 8), on_xpu(3, 8), 8, True
    ),
    "rotary_embedding: expected position_ids of dtype": lambda: functional.rotary_embedding(
        on_xpu(1, 2, 1, 8), on_xpu(1, 2, 1, 8), on_xpu(3, 8), on_xpu(3, 8), 8, True, on_xpu(2)
    ),
}


@pytest.mark.parametrize("message", BAD_CALLS)
def test_bad_input(message: str) -> None:
    with pytest.raises(RuntimeError, match=message):
        BAD_CALLS[message]()
