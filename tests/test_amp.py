"""The gradient scaler on xpu."""

from __future__ import annotations

import math

import pytest
import torch

pytestmark = pytest.mark.skipif(not torch.xpu.is_available(), reason="no XPU device")

DTYPES = (torch.float32, torch.float64, torch.bfloat16, torch.float16)


def unscale(gradients: list[torch.Tensor], inverse: float) -> float:
    found = torch.zeros(1, device="xpu")
    inverse_scale = torch.full((1,), inverse, device="xpu")
    torch._amp_foreach_non_finite_check_and_unscale_(gradients, found, inverse_scale)
    return found.item()


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: str(dtype)[6:])
def test_unscale(dtype: torch.dtype) -> None:
    originals = [torch.randn(s, device="xpu").to(dtype) for s in ((3,), (100, 100), (), (7, 0))]
    gradients = [t.clone() for t in originals]
    assert unscale(gradients, 0.25) == 0
    for ours, before in zip(gradients, originals, strict=True):
        assert torch.equal(ours, before * 0.25)


@pytest.mark.parametrize("bad", (math.inf, -math.inf, math.nan))
@pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: str(dtype)[6:])
def test_unscale_finds_what_is_not_finite(dtype: torch.dtype, bad: float) -> None:
    gradients = [
        torch.ones(5000, device="xpu", dtype=dtype),
        torch.ones(5000, device="xpu", dtype=dtype),
    ]
    gradients[1][4999] = bad
    assert unscale(gradients, 0.5) == 1
    assert (gradients[0] == 0.5).all()


def test_unscale_strided_gradients() -> None:
    parent = torch.ones(10, 10, device="xpu")
    assert unscale([parent[:, ::2]], 3.0) == 0
    assert (parent[:, ::2] == 3).all() and (parent[:, 1::2] == 1).all()


@pytest.mark.parametrize(
    ("found", "tracker", "scale", "new_scale", "new_tracker"),
    [
        (0.0, 0, 8.0, 8.0, 1),
        (0.0, 2, 8.0, 16.0, 0),
        (1.0, 2, 8.0, 4.0, 0),
        (0.0, 2, 3e38, 3e38, 0),  # growth that would overflow is left out
    ],
)
def test_update_scale(found, tracker, scale, new_scale, new_tracker) -> None:
    current = torch.tensor([scale], device="xpu")
    growth = torch.tensor([tracker], device="xpu", dtype=torch.int32)
    torch._amp_update_scale_(current, growth, torch.tensor([found], device="xpu"), 2.0, 0.5, 3)
    assert torch.equal(current.cpu(), torch.tensor([new_scale]))
    assert growth.item() == new_tracker


@pytest.mark.parametrize("fused", (False, True))
def test_scaler_trains(fused: bool) -> None:
    def run(device: str, enabled: bool) -> list[float]:
        torch.manual_seed(0)
        model = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.Tanh(), torch.nn.Linear(16, 1))
        x, y = torch.randn(32, 8), torch.randn(32, 1)
        model, x, y = model.to(device), x.to(device), y.to(device)
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01, fused=fused)
        scaler = torch.amp.GradScaler(device, enabled=enabled)
        losses = []
        for _ in range(5):
            optimizer.zero_grad()
            loss = (model(x) - y).square().mean()
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
            losses.append(loss.item())
        return losses

    assert run("xpu", True) == pytest.approx(run("cpu", False), rel=1e-4)


def test_scaler_skips_a_step_that_overflows() -> None:
    for fused in (False, True):
        parameter = torch.nn.Parameter(torch.ones(3, device="xpu"))
        optimizer = torch.optim.SGD([parameter], lr=0.1, fused=fused)
        scaler = torch.amp.GradScaler("xpu", init_scale=4.0)
        scaler.scale((parameter * math.inf).sum()).backward()
        scaler.step(optimizer)
        scaler.update()
        assert (parameter == 1).all() and scaler.get_scale() == 2.0


ERRORS = [
    (torch.zeros(2), torch.ones(1), "found_inf must be a 1-element tensor"),
    (torch.zeros(1, dtype=torch.float64), torch.ones(1), "found_inf must be a float tensor"),
    (torch.zeros(1), torch.ones(3), "inv_scale must be a 1-element tensor"),
]


@pytest.mark.parametrize(("found", "inverse", "message"), ERRORS, ids=[e[2] for e in ERRORS])
def test_errors(found: torch.Tensor, inverse: torch.Tensor, message: str) -> None:
    gradients = [torch.ones(3, device="xpu")]
    with pytest.raises(RuntimeError, match=message):
        torch._amp_foreach_non_finite_check_and_unscale_(
            gradients, found.to("xpu"), inverse.to("xpu")
        )
