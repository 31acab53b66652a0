"""Losses against the CPU in float64."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional

TOLERANCE = {torch.float32: 3e-6, torch.float64: 1e-12, torch.float16: 3e-3, torch.bfloat16: 2e-2}
REDUCTIONS = ["none", "mean", "sum"]


def compare(loss, x: torch.Tensor, dtype: torch.dtype, *others: torch.Tensor) -> None:
    """`loss(x, *others)` and the gradient of x agree with the CPU's in float64."""
    x = x.to(dtype)
    others = [t.to(dtype) if t.is_floating_point() else t for t in others]
    exact, mine = x.double().clone().requires_grad_(), x.to("xpu").requires_grad_()
    expected = loss(exact, *(t.double() if t.is_floating_point() else t for t in others))
    actual = loss(mine, *(t.to("xpu") for t in others))
    assert actual.dtype == dtype and actual.shape == expected.shape
    expected.sum().backward()
    actual.sum().backward()
    tolerance = {"rtol": TOLERANCE[dtype], "atol": TOLERANCE[dtype]}
    torch.testing.assert_close(actual.detach().cpu().double(), expected.detach(), **tolerance)
    torch.testing.assert_close(mine.grad.cpu().double(), exact.grad, **tolerance)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("shape", [(50, 10), (4, 7, 5, 6), (10,), (3, 7, 5)])
@pytest.mark.parametrize("weighted", [False, True])
def test_cross_entropy(shape, reduction, weighted, dtype) -> None:
    classes = shape[0] if len(shape) == 1 else shape[1]
    target = torch.randint(0, classes, (shape[0], *shape[2:]) if len(shape) > 1 else ())
    if target.dim() > 0:
        target.view(-1)[::4] = 2
    weight = [torch.rand(classes) + 0.5] if weighted else []
    compare(
        lambda x, t, *w: functional.cross_entropy(
            x, t, *w, reduction=reduction, ignore_index=2 if t.dim() else -100
        ),
        torch.randn(shape),
        dtype,
        target,
        *weight,
    )


def test_nll_of_ignored_targets_alone() -> None:
    x = torch.log_softmax(torch.randn(4, 3, device="xpu"), 1)
    assert math.isnan(functional.nll_loss(x, torch.full((4,), -100, device="xpu")).item())


def test_nll_many_targets() -> None:
    x = torch.log_softmax(torch.randn(70_001, 5, dtype=torch.float64), 1)
    target = torch.randint(0, 5, (70_001,))
    actual = functional.nll_loss(x.float().to("xpu"), target.to("xpu"))
    torch.testing.assert_close(
        actual.cpu().double(), functional.nll_loss(x, target), rtol=1e-6, atol=0
    )


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("name", ["mse_loss", "smooth_l1_loss", "huber_loss", "l1_loss"])
def test_regression(name, reduction, dtype) -> None:
    function = getattr(functional, name)
    compare(
        lambda x, y: function(x, y, reduction=reduction),
        torch.randn(9, 31),
        dtype,
        torch.randn(9, 31),
    )


def test_regression_broadcasts() -> None:
    x, y = torch.randn(6, 1, 5), torch.randn(4, 5)
    with pytest.warns(UserWarning, match="target size"):
        actual = functional.mse_loss(x.to("xpu"), y.to("xpu"))
    torch.testing.assert_close(actual.cpu(), ((x - y) ** 2).mean())


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("weighted", [False, True])
def test_binary_cross_entropy(reduction, weighted) -> None:
    weight = [torch.rand(20)] if weighted else []
    compare(
        lambda x, y, *w: functional.binary_cross_entropy(x, y, *w, reduction=reduction),
        torch.rand(20) * 0.9 + 0.05,
        torch.float32,
        torch.rand(20),
        *weight,
    )
    edges = torch.tensor([0.0, 1.0, 0.5], device="xpu")
    assert functional.binary_cross_entropy(
        edges, torch.tensor([1.0, 0.0, 0.5], device="xpu")
    ).isfinite()


@pytest.mark.parametrize(
    "function",
    [
        lambda x, y: functional.kl_div(x, y, reduction="batchmean"),
        functional.binary_cross_entropy_with_logits,
        lambda x, y: functional.huber_loss(x, y, delta=0.3),
        lambda x, y: functional.smooth_l1_loss(x, y, beta=0.4),
    ],
)
def test_gradients(function) -> None:
    x = torch.randn(4, 5, dtype=torch.float64, device="xpu", requires_grad=True)
    y = torch.rand(4, 5, dtype=torch.float64, device="xpu")
    assert torch.autograd.gradcheck(lambda t: function(t, y), (x,))
