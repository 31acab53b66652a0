"""Values that kernels cannot use: an error, raised where the host next waits for the device."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from processes import run_unprepared

pytestmark = pytest.mark.skipif(not torch.xpu.is_available(), reason="no XPU device")

aten = torch.ops.aten
Call = Callable[[], object]


def on_device(value: object, dtype: torch.dtype | None = None) -> torch.Tensor:
    return torch.tensor(value, dtype=dtype, device="xpu")


def scores(*shape: int) -> torch.Tensor:
    return torch.zeros(shape, device="xpu")


def polled(query: Callable[[], bool]) -> None:
    while not query():
        time.sleep(1e-3)


def recorded() -> torch.xpu.Event:
    event = torch.xpu.Event()
    event.record()
    return event


WAITS: dict[str, Call] = {
    "device": torch.xpu.synchronize,
    "accelerator": torch.accelerator.synchronize,
    "stream": lambda: torch.xpu.current_stream().synchronize(),
    "query of the stream": lambda: polled(torch.xpu.current_stream().query),
    "event": lambda: recorded().synchronize(),
    "query of the event": lambda: polled(recorded().query),
    "read": lambda: scores(1).item(),
}


@pytest.mark.parametrize("wait", WAITS)
def test_every_wait_raises_it_once(wait: str) -> None:
    scores(3)[on_device([100])]
    with pytest.raises(IndexError, match=r"index out of range on xpu:0"):
        WAITS[wait]()
    WAITS[wait]()
    torch.xpu.synchronize()


CLASSES = 3
WRONG_CLASSES = [CLASSES, -1, 2**40]
OF_CLASSES: dict[str, Callable[[int], object]] = {
    **{
        f"nll_loss {reduction} {shape}": lambda wrong, r=reduction, s=shape: F.nll_loss(
            scores(2, CLASSES, *s),
            torch.full((2, *s), wrong, device="xpu"),
            reduction=r,
        )
        for reduction in ("none", "mean", "sum")
        for shape in ((), (2, 5))
    },
    "nll_loss in bfloat16": lambda wrong: F.nll_loss(
        scores(2, CLASSES).bfloat16(), on_device([0, wrong])
    ),
    "nll_loss of one": lambda wrong: F.nll_loss(scores(CLASSES), on_device(wrong)),
    "one of many": lambda wrong: F.nll_loss(
        scores(5000, CLASSES), on_device([0] * 4999 + [wrong]), reduction="sum"
    ),
    "cross_entropy": lambda wrong: F.cross_entropy(scores(2, CLASSES), on_device([0, wrong])),
    "cross_entropy, smoothed": lambda wrong: F.cross_entropy(
        scores(2, CLASSES), on_device([0, wrong]), label_smoothing=0.1
    ),
    "nll_loss's gradient": lambda wrong: aten.nll_loss_backward(
        scores(), scores(2, CLASSES), on_device([0, wrong]), None, 2, -100, scores() + 1
    ),
    "nll_loss2d's gradient": lambda wrong: aten.nll_loss2d_backward(
        scores(), scores(1, CLASSES, 1, 2), on_device([[[0, wrong]]]), None, 2, -100, scores() + 1
    ),
    "multi_margin_loss": lambda wrong: F.multi_margin_loss(
        scores(2, CLASSES), on_device([0, wrong])
    ),
    "multilabel_margin_loss": lambda wrong: F.multilabel_margin_loss(
        scores(1, CLASSES), on_device([[0, wrong if wrong > 0 else -2, -1]])
    ),
    "ctc_loss": lambda wrong: F.ctc_loss(
        scores(5, 1, CLASSES).log_softmax(-1), on_device([[1, wrong]]), (5,), (2,)
    ),
}


@pytest.mark.parametrize("wrong", WRONG_CLASSES)
@pytest.mark.parametrize("loss", OF_CLASSES)
def test_a_class_that_does_not_exist(loss: str, wrong: int) -> None:
    with pytest.raises(IndexError, match=r"target is out of bounds|index out of range"):
        OF_CLASSES[loss](wrong)  # some read a value themselves
        torch.xpu.synchronize()


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("ignored", [-100, -1, CLASSES, 1])
def test_an_ignored_class_is_no_fault(reduction: str, ignored: int) -> None:
    for shape in ((), (2, 5)):
        x = torch.randn(2, CLASSES, *shape)
        target = torch.tensor([0, ignored]).view(2, *[1] * len(shape)).expand(2, *shape)
        mine = x.xpu().requires_grad_()
        loss = F.cross_entropy(mine, target.xpu(), ignore_index=ignored, reduction=reduction)
        loss.sum().backward()
        exact = F.cross_entropy(x, target, ignore_index=ignored, reduction=reduction)
        torch.testing.assert_close(loss.detach().cpu(), exact)


WRONG_PROBABILITIES = [1.5, -0.1, math.nan, math.inf]
OF_PROBABILITIES: dict[str, Callable[[torch.Tensor], object]] = {
    **{
        f"binary_cross_entropy {reduction}": lambda p, r=reduction: F.binary_cross_entropy(
            p, torch.ones_like(p), reduction=r
        )
        for reduction in ("none", "mean", "sum")
    },
    "weighted": lambda p: F.binary_cross_entropy(p, torch.ones_like(p), torch.ones_like(p)),
    "target": lambda p: F.binary_cross_entropy(torch.ones_like(p), p),
    "bernoulli": torch.bernoulli,
    "bernoulli, out": lambda p: torch.bernoulli(p, out=torch.empty_like(p)),
    "bernoulli_": lambda p: torch.empty_like(p).bernoulli_(p),
    "bernoulli_ of integers": lambda p: torch.empty_like(p, dtype=torch.int64).bernoulli_(p),
    "bernoulli_ by one": lambda p: scores(5).bernoulli_(p[-1]),
    "bernoulli_ by one of the CPU": lambda p: scores(5).bernoulli_(p[-1].cpu()),
}


@pytest.mark.parametrize("wrong", WRONG_PROBABILITIES)
@pytest.mark.parametrize("call", OF_PROBABILITIES)
def test_what_is_no_probability(call: str, wrong: float) -> None:
    OF_PROBABILITIES[call](on_device([0, 1, 0.5, wrong]))
    with pytest.raises(RuntimeError, match=r"probabilities should be between 0 and 1"):
        torch.xpu.synchronize()


@pytest.mark.parametrize("call", OF_PROBABILITIES)
def test_the_ends_are_probabilities(call: str) -> None:
    OF_PROBABILITIES[call](on_device([0.0, -0.0, 1.0]))
    torch.xpu.synchronize()


OTHERS: dict[str, tuple[Call, str]] = {
    "poisson": (lambda: torch.poisson(on_device([1.0, -0.1])), "Poisson rate"),
    "poisson of NaN": (lambda: torch.poisson(on_device([math.nan])), "Poisson rate"),
    "lu_unpack": (
        lambda: torch.lu_unpack(torch.eye(2, device="xpu"), on_device([5, 7], torch.int32)),
        "pivots",
    ),
    "lu_unpack, 0": (
        lambda: torch.lu_unpack(torch.eye(2, device="xpu"), on_device([0, 1], torch.int32)),
        "pivots",
    ),
}


@pytest.mark.parametrize("call", OTHERS)
def test_other_values(call: str) -> None:
    function, message = OTHERS[call]
    function()
    with pytest.raises(RuntimeError, match=message):
        torch.xpu.synchronize()


@pytest.mark.parametrize("p", [1.5, -0.1, math.nan])
def test_what_the_host_knows_is_refused_at_once(p: float) -> None:
    with pytest.raises(RuntimeError, match=r"\[0, 1\]"):
        torch.native_dropout(scores(1), p, True)
    with pytest.raises(RuntimeError, match=r"\[0, 1\]"):
        scores(1).bernoulli_(p)


def test_the_end_of_the_process_tells_what_nothing_raised(tmp_path: Path) -> None:
    program = "import torch; torch.zeros(3, device='xpu')[torch.tensor([100], device='xpu')]"
    result = run_unprepared("-c", program, directory=tmp_path)
    assert "index out of range on xpu:0" in result.stderr
