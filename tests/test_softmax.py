"""Softmax and log-softmax against the CPU in float64."""

from __future__ import annotations

import math

import pytest
import torch

pytestmark = pytest.mark.usefixtures("row_kernels")

TOLERANCE = {torch.float32: 3e-6, torch.float64: 1e-13, torch.float16: 1.5e-3, torch.bfloat16: 1e-2}
# Shape and dimension: rows, columns, between others, one row too long for a sub-group.
SHAPES = [
    ((70, 1000), 1),
    ((7, 5), -1),
    ((300, 20), 0),
    ((4, 30, 50), 1),
    ((1, 70_001), 1),
    ((), 0),
]


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("shape, dim", SHAPES)
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_forward_and_backward(name, shape, dim, dtype) -> None:
    function = getattr(torch, name)
    generator = torch.Generator().manual_seed(3)
    x = (torch.randn(shape, generator=generator, dtype=torch.float64) * 3).to(dtype)
    gradient = torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)
    exact = x.double().clone().requires_grad_()
    function(exact, dim).backward(gradient.double())
    mine = x.to("xpu").requires_grad_()
    result = function(mine, dim)
    result.backward(gradient.to("xpu"))
    tolerance = {"rtol": TOLERANCE[dtype], "atol": TOLERANCE[dtype] * 8}
    torch.testing.assert_close(
        result.detach().cpu().double(), function(exact, dim).detach(), **tolerance
    )
    scale = max(1.0, math.sqrt(x.numel()) / 8) if dtype.itemsize == 2 else 1.0
    tolerance["atol"] *= scale
    torch.testing.assert_close(mine.grad.cpu().double(), exact.grad, **tolerance)
    assert result.dtype == dtype and mine.grad.dtype == dtype


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_infinities(name) -> None:
    x = torch.tensor(
        [
            [-math.inf, 0.0, 1.0],
            [-math.inf] * 3,
            [math.inf, 0.0, 0.0],
            [math.nan, 0.0, 1.0],
            [1e4, -1e4, 0.0],
        ]
    )
    for tensor, dim in ((x, 1), (x.t().contiguous(), 0)):
        expected = getattr(torch, name)(tensor, dim)
        actual = getattr(torch, name)(tensor.to("xpu"), dim)
        torch.testing.assert_close(actual.cpu(), expected, equal_nan=True)


def test_half_to_float() -> None:
    x = torch.randn(20, 30).half()
    actual = torch.softmax(x.to("xpu"), 1, dtype=torch.float32)
    assert actual.dtype == torch.float32
    torch.testing.assert_close(actual.cpu(), torch.softmax(x.float(), 1))
    leaf = x.to("xpu").requires_grad_()
    torch.log_softmax(leaf, 0, dtype=torch.float32).sum().backward()
    assert leaf.grad.dtype == torch.float16


def test_layouts_and_out() -> None:
    x = torch.randn(4, 6, 5, 3)
    strided = x.to("xpu").to(memory_format=torch.channels_last)
    torch.testing.assert_close(torch.softmax(strided, 1).cpu(), torch.softmax(x, 1))
    out = torch.empty(6, 40, device="xpu").t()
    torch.softmax(x.reshape(40, 9)[:, :6].to("xpu"), 1, out=out)
    torch.testing.assert_close(out.cpu(), torch.softmax(x.reshape(40, 9)[:, :6], 1))
    assert torch.softmax(torch.empty(0, 3, device="xpu"), 1).shape == (0, 3)
    with pytest.raises(IndexError, match="Dimension out of range"):
        torch.softmax(strided, 4)


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@pytest.mark.parametrize("dim", [0, 1, 2])
def test_gradients(name, dim) -> None:
    x = torch.randn(3, 4, 5, dtype=torch.float64, device="xpu", requires_grad=True)
    assert torch.autograd.gradcheck(lambda t: getattr(torch, name)(t, dim), (x,))
