"""Elementwise kernels: pairs of bfloat16 give the bits of single elements; casts; fills."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from processes import run_unprepared

pytestmark = pytest.mark.skipif(not torch.xpu.is_available(), reason="no XPU device")

aten = torch.ops.aten
Function = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]

UNARY = [
    *(torch.abs, torch.neg, torch.square, torch.sqrt, torch.rsqrt, torch.reciprocal, torch.exp),
    *(torch.log, torch.log1p, torch.expm1, torch.sin, torch.cos, torch.tanh, torch.erf),
    *(torch.sigmoid, aten.silu, aten.gelu, aten.mish, aten.elu, aten.softplus, aten.hardswish),
    *(aten.hardsigmoid, aten.leaky_relu, aten.log_sigmoid, torch.relu),
]
BINARY = [
    *(torch.add, torch.sub, torch.mul, torch.div, torch.maximum, torch.minimum),
    *(aten.sigmoid_backward, aten.tanh_backward, aten.silu_backward, aten.gelu_backward),
    aten.mish_backward,
]
FUNCTIONS: dict[str, Function] = {
    **{f.__name__: lambda x, y, z, f=f: f(x) for f in UNARY},
    **{f.__name__: lambda x, y, z, f=f: f(x, y) for f in BINARY},
    "add with alpha": lambda x, y, z: torch.sub(x, y, alpha=0.3),
    "add in place": lambda x, y, z: x.add_(y),
    "add to itself": lambda x, y, z: x + x,
    "number on the right": lambda x, y, z: x * 1.7,
    "number on the left": lambda x, y, z: 1.7 - x,
    "power": lambda x, y, z: x**2.5,
    "clamp": lambda x, y, z: x.clamp(-1, 2),
    "clamp_max": lambda x, y, z: x.clamp_max(0.5),
    "gelu, tanh": lambda x, y, z: aten.gelu(x, approximate="tanh"),
    "threshold": lambda x, y, z: aten.threshold(x, 0.1, 2.0),
    "threshold_backward": lambda x, y, z: aten.threshold_backward(x, y, 0.1),
    "leaky_relu_backward": lambda x, y, z: aten.leaky_relu_backward(x, y, 0.1, False),
    "hardtanh_backward": lambda x, y, z: aten.hardtanh_backward(x, y, -1, 1),
    "elu_backward": lambda x, y, z: aten.elu_backward(x, 1, 1, 1, False, y),
    "softplus_backward": lambda x, y, z: aten.softplus_backward(x, y, 1, 20),
    "lerp": lambda x, y, z: torch.lerp(x, y, 0.3),
    "lerp between tensors": torch.lerp,
    "addcmul": lambda x, y, z: torch.addcmul(x, y, z, value=0.3),
    "addcdiv": lambda x, y, z: torch.addcdiv(x, y, z, value=0.3),
    "column": lambda x, y, z: x.view(256, -1) * y[:256, None],
    "column on the left": lambda x, y, z: y[:256, None] - x.view(256, -1),
    "outer product": lambda x, y, z: y[:64, None] * x[:1024],
    "columns of a matrix": lambda x, y, z: x.view(256, -1)[:, :64] + y.view(256, -1)[:, 64:128],
}


def operand(seed: int, first: int) -> torch.Tensor:
    """All numbers of bfloat16 in random order; `first` elements are before them in memory."""
    order = torch.randperm(1 << 16, generator=torch.Generator().manual_seed(seed))
    values = order.sub(1 << 15).to(torch.int16).view(torch.bfloat16)
    return torch.cat([torch.zeros(first, dtype=torch.bfloat16), values]).xpu()[first:]


def bits(function: Function, first: int) -> torch.Tensor:
    operands = [operand(seed, first) for seed in range(3)]
    result = function(*operands).cpu()
    return torch.where(result.isnan(), torch.nan, result).view(torch.int16)  # any NaN is one


@pytest.mark.parametrize("name", FUNCTIONS)
def test_pairs_are_computed_as_elements_are(name: str) -> None:
    function = FUNCTIONS[name]
    torch.testing.assert_close(bits(function, 0), bits(function, 1), rtol=0, atol=0)


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("bits_of_nan", [0x7FFFFFFF, -1, 0x7F800001])
def test_any_nan_of_a_number_stays_one(bits_of_nan: int, first: int) -> None:
    number = torch.tensor(bits_of_nan, dtype=torch.int32).view(torch.float32)
    x = torch.ones(4096, dtype=torch.bfloat16, device="xpu")[first:]
    assert number.isnan()
    assert (x * number).isnan().all()
    assert torch.add(x, x, alpha=number.item()).isnan().all()


def test_pairs_are_taken_of_whole_words(tmp_path: Path) -> None:
    code = """
import torch
def zeros(*shape):
    return torch.zeros(shape, dtype=torch.bfloat16, device="xpu")
for words in (zeros(4096), zeros(16, 256)[:, :128]):
    words * words
for elements in (zeros(4097), zeros(4096)[1:-1], zeros(16, 257)[:, :256]):
    elements * elements
torch.xpu.synchronize()
"""
    result = run_unprepared("-c", code, directory=tmp_path, variables={"IPEX_XPU_DEBUG": "2"})
    kinds = re.findall(r"<op::mul,float,(\w+)<bfloat16>", result.stderr)
    assert kinds == ["pairs", "pairs", "row", "row", "row"], result.stderr


COMPLEX32: dict[str, Function] = {
    "add": lambda x, y, half: x + y,
    "number": lambda x, y, half: (2 - 1j) * x,
    "half and number": lambda x, y, half: half + 1j,
    "half and scalar tensor": lambda x, y, half: half - torch.tensor(1 + 2j).to(half.device),
    "half and scalar of the CPU": lambda x, y, half: half * torch.tensor(1 + 2j),
    "in place": lambda x, y, half: x.mul_(y),
    "strided": lambda x, y, half: x.t()[::2] / y.t()[1::2],
    "broadcast": lambda x, y, half: x[:1] - y[:, :1],
    "exp": lambda x, y, half: x.exp(),
    "abs": lambda x, y, half: x.abs(),
    "equal": lambda x, y, half: x == torch.where(half > 0, x, y),
    "from parts": lambda x, y, half: torch.complex(half, half + 1),
    "out": lambda x, y, half: torch.complex(half, half + 1, out=torch.zeros_like(x)),
    "empty": lambda x, y, half: x[:0] + y[:0],
}


@pytest.mark.filterwarnings("ignore:ComplexHalf support is experimental")
@pytest.mark.parametrize("name", COMPLEX32)
def test_complex32(name: str) -> None:
    function = COMPLEX32[name]
    generator = torch.Generator().manual_seed(0)
    half = torch.randn(6, 34, generator=generator).half()
    x, y = (
        torch.randn(6, 34, dtype=torch.complex64, generator=generator).to(torch.complex32)
        for _ in range(2)
    )
    result = function(x.xpu(), y.xpu(), half.xpu())
    wide = function(x.to(torch.complex64), y.to(torch.complex64), half.float())
    expected = {torch.complex64: torch.complex32, torch.float32: torch.float16}.get(
        wide.dtype, wide.dtype
    )
    assert result.dtype == expected
    torch.testing.assert_close(result.cpu().to(wide.dtype), wide, rtol=2e-3, atol=2e-3)


@pytest.mark.filterwarnings("ignore:ComplexHalf support is experimental")
@pytest.mark.parametrize("dtype", [torch.complex32, torch.float8_e5m2, torch.float8_e4m3fn])
def test_filling_what_no_kernel_computes_with(dtype: torch.dtype) -> None:
    def filled(device: str) -> torch.Tensor:
        x = torch.zeros(5, 6, dtype=dtype, device=device)
        x[:, ::2].fill_(1.5)
        return x.cpu().view(torch.uint8)

    assert torch.equal(filled("xpu"), filled("cpu"))
    assert filled("xpu").any()


@pytest.mark.parametrize(
    "operator", [torch.mul, torch.sub, torch.div, torch.add], ids=lambda f: f.__name__
)
@pytest.mark.parametrize("scalar", [2, 2.5, 2 - 3j], ids=str)
@pytest.mark.parametrize(
    "dtype", [torch.float32, torch.bfloat16, torch.complex64, torch.int32], ids=str
)
def test_scalars_of_the_cpu_do_not_set_the_dtype(dtype, scalar, operator):
    """What is computed with is the common dtype of both; the result is cast to that of `out`."""
    values = torch.tensor([1, 3, -7, 5], dtype=dtype)
    if dtype.is_complex:
        values = values * (1 + 1j)
    number = torch.tensor(scalar, dtype=torch.complex128 if isinstance(scalar, complex) else None)

    def computed(device: str) -> torch.Tensor:
        out = torch.empty(4, dtype=torch.complex128, device=device)
        return operator(number, values.to(device), out=out).cpu()

    error = 8e-3 if dtype is torch.bfloat16 else 1e-6
    torch.testing.assert_close(computed("xpu"), computed("cpu"), rtol=error, atol=0)


@pytest.mark.parametrize("position", range(3))
@pytest.mark.parametrize("operator", [torch.addcdiv, torch.addcmul, torch.lerp, torch.where])
def test_numbers_of_the_cpu_in_every_position(operator, position):
    operands = [torch.rand(5) + 0.5 for _ in range(3)]
    if operator is torch.where:
        operands[0] = operands[0] > 1
    operands[position] = operands[position][0]
    moved = [t if n == position else t.xpu() for n, t in enumerate(operands)]
    result = operator(*moved)
    assert result.device.type == "xpu"
    torch.testing.assert_close(result.cpu(), operator(*operands))


def test_addcdiv_refuses_integers():
    one = torch.ones(2, dtype=torch.int32, device="xpu")
    with pytest.raises(RuntimeError, match="Integer division with addcdiv is no longer supported"):
        torch.addcdiv(one.float(), one, one)
