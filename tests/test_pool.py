"""Pooling on xpu, against the CPU: results, indices, gradients and memory formats."""

import pytest
import torch
from torch.nn import functional as F

pytestmark = pytest.mark.usefixtures("row_kernels")

POOLS = {
    "max2d": lambda x: F.max_pool2d(x, 3, 2, 1, return_indices=True),
    "max2d dilated": lambda x: F.max_pool2d(x, (3, 2), 1, 1, (2, 1), return_indices=True),
    "max2d ceil": lambda x: F.max_pool2d(x, 2, 3, ceil_mode=True, return_indices=True),
    "avg2d": lambda x: F.avg_pool2d(x, 3, 2, 1),
    "avg2d without padding": lambda x: F.avg_pool2d(x, (2, 3), 2, (1, 0), True, False),
    "avg2d by a divisor": lambda x: F.avg_pool2d(x, 2, divisor_override=3),
    "adaptive avg2d": lambda x: F.adaptive_avg_pool2d(x, (3, 4)),
    "adaptive avg2d to more": lambda x: F.adaptive_avg_pool2d(x, (11, 12)),
    "adaptive avg2d to one": lambda x: F.adaptive_avg_pool2d(x, 1),
    "adaptive max2d": lambda x: F.adaptive_max_pool2d(x, (3, 4), return_indices=True),
}
POOLS_3D = {
    "max3d": lambda x: F.max_pool3d(x, 3, 2, 1, return_indices=True),
    "max3d dilated": lambda x: F.max_pool3d(x, 2, 1, 0, 2, return_indices=True),
    "avg3d": lambda x: F.avg_pool3d(x, (3, 2, 2), 2, 1),
    "adaptive avg3d": lambda x: F.adaptive_avg_pool3d(x, (2, 3, 4)),
    "adaptive max3d": lambda x: F.adaptive_max_pool3d(x, (2, 3, 4), return_indices=True),
}
POOLS_1D = {
    "max1d": lambda x: F.max_pool1d(x, 3, 2, 1, return_indices=True),
    "avg1d": lambda x: F.avg_pool1d(x, 3, 2, 1),
    "adaptive avg1d": lambda x: F.adaptive_avg_pool1d(x, 4),
    "adaptive max1d": lambda x: F.adaptive_max_pool1d(x, 4, return_indices=True),
}


def check(pool, x: torch.Tensor) -> None:
    """Both devices agree, also about strides; few numbers, so that windows have equal maxima."""
    results, gradients = [], []
    for device in ("cpu", "xpu"):
        leaf = x.to(device).requires_grad_()
        result = pool(leaf)
        result = result if isinstance(result, tuple) else (result,)
        weights = torch.arange(result[0].numel()).remainder(7).view(result[0].shape).to(result[0])
        gradients.append(torch.autograd.grad(result[0], leaf, weights)[0])
        results.append(result)
    for theirs, ours in zip(*results, strict=True):
        torch.testing.assert_close(ours.cpu(), theirs)
        assert ours.stride() == theirs.stride()
    torch.testing.assert_close(gradients[1].cpu(), gradients[0])
    assert gradients[1].stride() == gradients[0].stride()


def image(*shape: int) -> torch.Tensor:
    return torch.randint(-4, 5, shape, generator=torch.Generator().manual_seed(0)).float()


@pytest.mark.parametrize("name", POOLS)
def test_two_dimensions(name: str) -> None:
    x = image(2, 3, 9, 10)
    check(POOLS[name], x)
    check(POOLS[name], x[0])
    check(POOLS[name], x.transpose(2, 3))


@pytest.mark.parametrize("name", POOLS)
def test_channels_last(name: str) -> None:
    check(POOLS[name], image(2, 3, 9, 10).contiguous(memory_format=torch.channels_last))


@pytest.mark.parametrize("name", POOLS_3D)
def test_three_dimensions(name: str) -> None:
    x = image(2, 3, 6, 7, 8)
    check(POOLS_3D[name], x)
    check(POOLS_3D[name], x[0])
    check(POOLS_3D[name], x.contiguous(memory_format=torch.channels_last_3d))


@pytest.mark.parametrize("name", POOLS_1D)
def test_one_dimension(name: str) -> None:
    check(POOLS_1D[name], image(2, 3, 11))


def test_maxima_of_nan_and_infinity() -> None:
    x = image(1, 1, 6, 6)
    x[0, 0, 1, 1] = float("nan")
    x[0, 0, 3:] = -float("inf")
    expected = F.max_pool2d(x, 2, return_indices=True)
    actual = F.max_pool2d(x.to("xpu"), 2, return_indices=True)
    torch.testing.assert_close(actual[0].cpu(), expected[0], equal_nan=True)
    assert torch.equal(actual[1].cpu(), expected[1])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64], ids=str)
def test_other_dtypes(dtype: torch.dtype) -> None:
    for pool in (POOLS["max2d"], POOLS["avg2d"], POOLS["adaptive avg2d"]):
        check(pool, image(2, 3, 9, 10).to(dtype))


def test_pooling_nothing() -> None:
    x = torch.empty(0, 3, 8, 8, device="xpu")
    assert F.max_pool2d(x, 2).shape == (0, 3, 4, 4)
    assert F.avg_pool2d(x, 2).shape == (0, 3, 4, 4)
    with pytest.raises(RuntimeError, match="Output size is too small"):
        F.max_pool2d(torch.empty(1, 3, 2, 2, device="xpu"), 5)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int16, torch.int64], ids=str)
def test_integers_with_channels_last(dtype: torch.dtype) -> None:
    x = torch.arange(2 * 32 * 8 * 10).remainder(113).view(2, 32, 8, 10).to(dtype)
    x = x.contiguous(memory_format=torch.channels_last)
    for ours, stock in zip(
        F.max_pool2d(x.xpu(), 3, 2, 1, return_indices=True),
        F.max_pool2d(x, 3, 2, 1, return_indices=True),
        strict=True,
    ):
        assert torch.equal(ours.cpu(), stock)
