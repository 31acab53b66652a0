"""Reductions against the CPU in float64."""

from __future__ import annotations

import math

import pytest
import torch

pytestmark = pytest.mark.usefixtures("row_kernels")

FLOATS = [torch.float32, torch.float64, torch.float16, torch.bfloat16]
TOLERANCE = {
    torch.float32: 2e-6,
    torch.float64: 1e-13,
    torch.float16: 2e-3,
    torch.bfloat16: 1.6e-2,
    torch.complex64: 2e-6,
}

# Shape, dimensions to reduce, and how the tensor is laid out.
LAYOUTS = {
    "rows": lambda make: (make(37, 1030), 1),
    "short rows": lambda make: (make(1500, 5), -1),
    "columns": lambda make: (make(1030, 37), 0),
    "wide columns": lambda make: (make(70, 333), 0),
    "columns of rows in one page": lambda make: (make(2100, 65), 0),
    "columns of two rows in one page": lambda make: (make(299, 700), 0),
    "columns of several tiles": lambda make: (make(40, 2100), 0),
    "few columns": lambda make: (make(5000, 3), 0),
    "middle": lambda make: (make(6, 50, 41), 1),
    "ends": lambda make: (make(9, 20, 130), (0, 2)),
    "transposed": lambda make: (make(33, 65).t(), 1),
    "expanded": lambda make: (make(1, 40).expand(30, 40), 0),
    "every other": lambda make: (make(3, 2, 4, 3, 2, 5, 2, 3), (0, 2, 4, 6)),
    "channels last": lambda make: (
        make(4, 24, 9, 11).to(memory_format=torch.channels_last),
        (0, 2, 3),
    ),
    "sliced": lambda make: (make(30, 200)[:, ::3], 1),
    "no dimensions": lambda make: (make(), 0),
    "one element": lambda make: (make(1, 1), 1),
    "many": lambda make: (make(3, (1 << 20) + 3), 1),
    "all": lambda make: (make((1 << 20) + 3), 0),
}


def maker(dtype: torch.dtype):
    generator = torch.Generator().manual_seed(7)

    def make(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)

    return make


def reference(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.to(torch.complex128 if tensor.is_complex() else torch.float64)


def assert_near(
    actual: torch.Tensor, expected: torch.Tensor, dtype: torch.dtype, scale: float = 1.0
):
    torch.testing.assert_close(
        actual.cpu().to(expected.dtype),
        expected,
        rtol=TOLERANCE[dtype],
        atol=TOLERANCE[dtype] * scale,
        equal_nan=True,
    )


REDUCTIONS = {
    "sum": lambda x, dim: x.sum(dim),
    "mean": lambda x, dim: x.mean(dim),
    "nansum": lambda x, dim: x.nansum(dim),
    "amax": lambda x, dim: x.amax(dim),
    "amin": lambda x, dim: x.amin(dim),
    "var": lambda x, dim: x.var(dim),
    "std, no correction": lambda x, dim: x.std(dim, correction=0),
    "norm 1": lambda x, dim: torch.linalg.vector_norm(x, 1, dim),
    "norm 2": lambda x, dim: torch.linalg.vector_norm(x, 2, dim),
    "norm 3": lambda x, dim: torch.linalg.vector_norm(x, 3, dim),
    "norm inf": lambda x, dim: torch.linalg.vector_norm(x, math.inf, dim),
    "logsumexp": lambda x, dim: x.logsumexp(dim),
}


@pytest.mark.filterwarnings("ignore:.*degrees of freedom")
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", REDUCTIONS)
def test_float32(name: str, layout: str) -> None:
    tensor, dim = LAYOUTS[layout](maker(torch.float32))
    expected = REDUCTIONS[name](reference(tensor), dim)
    actual = REDUCTIONS[name](tensor.to("xpu"), dim)
    assert actual.dtype == torch.float32 and actual.shape == expected.shape
    reduced = tensor.numel() / max(expected.numel(), 1)
    assert_near(actual, expected, torch.float32, scale=math.sqrt(reduced))


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", ["sum", "mean", "amax", "norm 2", "var"])
def test_dtypes(name: str, dtype: torch.dtype) -> None:
    for layout in ("rows", "columns"):
        tensor, dim = LAYOUTS[layout](maker(dtype))
        actual = REDUCTIONS[name](tensor.to("xpu"), dim)
        assert actual.dtype == dtype
        assert_near(actual, REDUCTIONS[name](reference(tensor), dim), dtype, scale=32)


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int8, torch.int32, torch.int64])
def test_integers_sum_in_int64(dtype: torch.dtype) -> None:
    tensor = torch.randint(0, 2 if dtype == torch.bool else 100, (300, 1000)).to(dtype)
    for dim in (0, 1, (0, 1)):
        actual = tensor.to("xpu").sum(dim)
        assert actual.dtype == torch.int64
        assert torch.equal(actual.cpu(), tensor.sum(dim))


def test_dtype_argument_widens_before_summing() -> None:
    tensor = torch.full((70000,), 1.0, dtype=torch.float16)
    assert tensor.to("xpu").sum(dtype=torch.float32).item() == 70000
    assert torch.ones(3, dtype=torch.int32, device="xpu").sum(dtype=torch.float32).item() == 3
    assert torch.ones(3, device="xpu").mean(dtype=torch.float64).dtype == torch.float64


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", ["max", "min"])
def test_values_and_indices(name: str, layout: str) -> None:
    tensor, dim = LAYOUTS[layout](maker(torch.float32))
    if isinstance(dim, tuple):
        dim = dim[0]
    tensor = (tensor * 4).round()  # many ties: the first one counts
    expected = getattr(tensor, name)(dim)
    actual = getattr(tensor.to("xpu"), name)(dim)
    assert torch.equal(actual.values.cpu(), expected.values)
    assert torch.equal(actual.indices.cpu(), expected.indices)
    for keepdim in (False, True):
        index = getattr(torch, "arg" + name)(tensor.to("xpu"), dim, keepdim=keepdim)
        assert torch.equal(index.cpu(), getattr(torch, "arg" + name)(tensor, dim, keepdim=keepdim))
    assert getattr(torch, "arg" + name)(tensor.to("xpu")).item() == getattr(torch, "arg" + name)(
        tensor
    )


def test_not_a_number_wins() -> None:
    tensor = torch.tensor([[1.0, math.nan, 3.0, math.nan], [math.inf, 2.0, -math.inf, 0.0]])
    for name in ("max", "min"):
        actual = getattr(tensor.to("xpu"), name)(1)
        expected = getattr(tensor, name)(1)
        torch.testing.assert_close(actual.values.cpu(), expected.values, equal_nan=True)
        assert torch.equal(actual.indices.cpu(), expected.indices)
        torch.testing.assert_close(
            getattr(tensor.to("xpu"), name)().cpu(), getattr(tensor, name)(), equal_nan=True
        )
    torch.testing.assert_close(tensor.to("xpu").nansum(1).cpu(), tensor.nansum(1), equal_nan=True)
    pair = torch.aminmax(tensor.to("xpu"), dim=1)
    for mine, theirs in zip(pair, torch.aminmax(tensor, dim=1), strict=True):
        torch.testing.assert_close(mine.cpu(), theirs, equal_nan=True)


@pytest.mark.parametrize("reversed_strides", [False, True])
@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0,), (2, 0, 4), (2, 3, 0, 4, 5)])
@pytest.mark.filterwarnings("ignore:.*degrees of freedom")
def test_empty(shape: tuple[int, ...], reversed_strides: bool) -> None:
    tensor = torch.empty(shape)
    device = tensor.to("xpu")
    if reversed_strides:
        device = torch.empty(shape[::-1], device="xpu").permute(*reversed(range(len(shape))))
    for dim in range(-len(shape), len(shape)):
        for name in ("sum", "mean", "prod", "var", "all", "any"):
            expected = getattr(tensor, name)(dim)
            actual = getattr(device, name)(dim).cpu()
            torch.testing.assert_close(actual, expected, equal_nan=True)
    assert device.sum().item() == 0 and device.prod().item() == 1
    with pytest.raises(RuntimeError, match="numel"):
        device.max()
    with pytest.raises(IndexError, match="non-zero size"):
        device.amax(shape.index(0))
    with pytest.raises(IndexError, match="non-zero size"):
        device.argmax(shape.index(0))


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.float32])
def test_truth(dtype: torch.dtype) -> None:
    tensor = (torch.arange(12).reshape(3, 4) % 5 != 0).to(dtype)
    device = tensor.to("xpu")
    for name in ("all", "any"):
        for dim in (0, 1, -1, (0, 1), ()):
            expected = getattr(torch, name)(tensor, dim=dim)
            actual = getattr(torch, name)(device, dim=dim)
            assert actual.dtype == expected.dtype and torch.equal(actual.cpu(), expected)
        assert torch.equal(getattr(torch, name)(device).cpu(), getattr(torch, name)(tensor))
    assert torch.equal(torch.count_nonzero(device, dim=1).cpu(), torch.count_nonzero(tensor, dim=1))


def test_out_and_keepdim() -> None:
    tensor = torch.randn(20, 30)
    device = tensor.to("xpu")
    out = torch.empty(30, 20, device="xpu").t()[:, :1]  # strided, kept as it is
    torch.sum(device, 1, keepdim=True, out=out)
    torch.testing.assert_close(out.cpu(), tensor.sum(1, keepdim=True))
    values, indices = (
        torch.empty(60, device="xpu")[::2],
        torch.empty(30, dtype=torch.int64, device="xpu"),
    )
    torch.max(device, 0, out=(values, indices))
    assert torch.equal(values.cpu(), tensor.max(0).values)
    assert torch.equal(indices.cpu(), tensor.max(0).indices)
    with pytest.raises(RuntimeError, match="dtype"):
        torch.sum(device, 1, dtype=torch.float64, out=torch.empty(20, device="xpu"))


def test_sum_does_not_lose_digits_with_length() -> None:
    """Equal terms are the worst case: every addition of a chain rounds the same way.

    One chain would be off by 30 %.
    """
    tensor = torch.full(((1 << 24) + 5,), 0.1)
    exact = tensor.double().sum().item()
    assert abs(tensor.to("xpu").sum().item() - exact) / exact < 2e-5
    columns = torch.full((1 << 20, 8), 0.1).to("xpu").sum(0).cpu().double()
    assert ((columns - 0.1 * (1 << 20)).abs() / (0.1 * (1 << 20)) < 2e-5).all()


def test_variance_of_a_large_mean() -> None:
    tensor = torch.randn(4, 100_000, dtype=torch.float64) + 1e4
    expected = tensor.float().double().var(1)
    torch.testing.assert_close(
        tensor.float().to("xpu").var(1).cpu().double(), expected, rtol=1e-4, atol=0
    )
    assert torch.full((1000,), 3.7, device="xpu").var().item() == 0


@pytest.mark.parametrize("p", [0, 1, 2, 0.5, 3, math.inf, -math.inf, -2])
def test_norm(p: float) -> None:
    tensor = torch.randn(40, 50, dtype=torch.float64)
    actual = torch.linalg.vector_norm(tensor.to("xpu"), p, dim=0)
    torch.testing.assert_close(actual.cpu(), torch.linalg.vector_norm(tensor, p, dim=0))
    torch.testing.assert_close(tensor.to("xpu").norm(p).cpu(), tensor.norm(p))


def test_complex() -> None:
    tensor = torch.randn(300, 40, dtype=torch.complex64)
    device = tensor.to("xpu")
    for actual, expected in (
        (device.sum(0), tensor.sum(0)),
        (device.mean(1), tensor.mean(1)),
        (device.var(0), tensor.var(0)),
        (device.norm(), tensor.norm()),
    ):
        torch.testing.assert_close(actual.cpu(), expected, rtol=1e-5, atol=1e-4)


def test_repeats_exactly() -> None:
    tensor = torch.randn((1 << 21) + 11, device="xpu")
    first = tensor.sum()
    assert all(torch.equal(first, tensor.sum()) for _ in range(5))


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x.sum(0),
        lambda x: x.mean((0, 2), keepdim=True),
        lambda x: x.amax(1),
        lambda x: x.max(2).values,
        lambda x: x.var(1),
        lambda x: x.std((0, 1)),
        lambda x: x.norm(2, 1),
        lambda x: x.prod(2),
        lambda x: x.logsumexp(0),
    ],
)
def test_gradients(function) -> None:
    x = torch.randn(3, 4, 5, dtype=torch.float64, device="xpu", requires_grad=True)
    assert torch.autograd.gradcheck(function, (x,))


@pytest.mark.parametrize("dtype", (torch.int8, torch.uint8, torch.int16), ids=str)
def test_narrow_integers_wrap(dtype: torch.dtype) -> None:
    tensor = torch.arange(1, 1001).to(dtype).view(8, 125)
    for reduce in (torch.sum, torch.prod):
        expected = reduce(tensor, 1, dtype=dtype)
        assert torch.equal(reduce(tensor.to("xpu"), 1, dtype=dtype).cpu(), expected)


def test_long_rows_apart_keep_short_chains() -> None:
    """Equal numbers show every rounding of a sum that goes on too long."""
    x = torch.full((2, 2, 1 << 20), 0.1)
    expected = x.double().mean((0, 2))
    torch.testing.assert_close(x.to("xpu").mean((0, 2)).cpu().double(), expected, rtol=3e-5, atol=0)
