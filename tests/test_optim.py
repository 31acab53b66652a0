"""Optimizers on xpu against the CPU over several steps."""

from __future__ import annotations

import pytest
import torch

pytestmark = pytest.mark.skipif(not torch.xpu.is_available(), reason="no XPU device")

SHAPES = [(7,), (33, 65), (2, 3, 3, 3), (), (5000,)]
ADAM = [
    {},
    {"weight_decay": 0.1},
    {"amsgrad": True},
    {"maximize": True, "betas": (0.8, 0.99), "eps": 1e-6},
]
CASES = [
    *((torch.optim.Adam, options) for options in ADAM),
    *((torch.optim.AdamW, options) for options in ADAM),
    (torch.optim.SGD, {}),
    (torch.optim.SGD, {"momentum": 0.9}),
    (torch.optim.SGD, {"momentum": 0.9, "nesterov": True, "weight_decay": 0.05}),
    (torch.optim.SGD, {"momentum": 0.9, "dampening": 0.3, "maximize": True}),
    (torch.optim.Adagrad, {"lr_decay": 0.1, "weight_decay": 0.1}),
]
FOREACH_ONLY = [
    (torch.optim.RMSprop, {"momentum": 0.9, "centered": True}),
    (torch.optim.Adadelta, {}),
    (torch.optim.Adamax, {}),
    (torch.optim.NAdam, {}),
    (torch.optim.RAdam, {}),
    (torch.optim.Rprop, {}),
    (torch.optim.ASGD, {}),
]
TOLERANCES = {torch.float32: 2e-6, torch.float64: 1e-12, torch.bfloat16: 2e-2, torch.float16: 3e-3}


def name_of(value) -> str:
    if isinstance(value, type):
        return value.__name__
    return (
        "-".join(f"{key}={item}" for key, item in value.items())
        if isinstance(value, dict)
        else str(value)
    )


def train(
    optimizer_class,
    device: str,
    dtype: torch.dtype,
    rounded: torch.dtype = torch.float64,
    **options,
) -> list[torch.Tensor]:
    """Five steps from values rounded to `rounded`, computed in `dtype`."""
    generator = torch.Generator().manual_seed(0)

    def make(shape) -> torch.Tensor:
        made = torch.randn(shape, generator=generator, dtype=torch.float64)
        return made.to(rounded).to(device, dtype)

    parameters = [torch.nn.Parameter(make(shape)) for shape in SHAPES]
    optimizer = optimizer_class(parameters, lr=options.pop("lr", 0.01), **options)
    for _ in range(5):
        for parameter in parameters:
            parameter.grad = make(parameter.shape)
        optimizer.step()
    return [p.detach().cpu() for p in parameters]


def assert_alike(actual: list[torch.Tensor], expected: list[torch.Tensor]) -> None:
    for ours, theirs in zip(actual, expected, strict=True):
        tolerance = TOLERANCES[ours.dtype]
        if ours.element_size() == 2:
            # The sign of a vanishing gradient is a matter of rounding: the whole tensor counts.
            assert (ours - theirs).norm() <= tolerance * theirs.norm()
        else:
            torch.testing.assert_close(ours, theirs.to(ours.dtype), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", TOLERANCES, ids=lambda dtype: str(dtype)[6:])
@pytest.mark.parametrize(("optimizer", "options"), CASES, ids=name_of)
def test_fused(optimizer, options: dict, dtype: torch.dtype) -> None:
    actual = train(optimizer, "xpu", dtype, fused=True, **options)
    expected = train(optimizer, "cpu", torch.float64, dtype, foreach=False, **options)
    assert_alike(actual, expected)


@pytest.mark.parametrize(("optimizer", "options"), [*CASES, *FOREACH_ONLY], ids=name_of)
def test_foreach(optimizer, options: dict) -> None:
    actual = train(optimizer, "xpu", torch.float32, foreach=True, **options)
    assert_alike(actual, train(optimizer, "cpu", torch.float64, foreach=False, **options))


@pytest.mark.parametrize("optimizer", (torch.optim.Adam, torch.optim.AdamW, torch.optim.SGD))
def test_the_default_is_a_list_operator(optimizer, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    original = torch._foreach_add_
    monkeypatch.setattr(
        torch, "_foreach_add_", lambda *a, **k: (calls.append(1), original(*a, **k))[1]
    )
    train(optimizer, "xpu", torch.float32)
    assert calls


@pytest.mark.parametrize("device", ("xpu", "cpu"))
def test_rate_in_a_tensor(device: str) -> None:
    rate = torch.tensor(0.01, device=device)
    for optimizer in (torch.optim.Adam, torch.optim.AdamW):
        actual = train(optimizer, "xpu", torch.float32, fused=True, lr=rate)
        assert_alike(actual, train(optimizer, "cpu", torch.float64, foreach=False))


def test_steps_stay_on_the_device() -> None:
    parameter = torch.nn.Parameter(torch.ones(3, device="xpu"))
    optimizer = torch.optim.Adam([parameter], fused=True)
    parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    step = optimizer.state[parameter]["step"]
    assert step.device.type == "xpu" and step.item() == 1


def test_many_parameters_take_several_launches() -> None:
    parameters = [torch.nn.Parameter(torch.zeros(k % 5 + 1, device="xpu")) for k in range(200)]
    optimizer = torch.optim.SGD(parameters, lr=1.0, fused=True)
    for k, parameter in enumerate(parameters):
        parameter.grad = torch.full_like(parameter, float(k))
    optimizer.step()
    assert all((parameter == -k).all() for k, parameter in enumerate(parameters))


def adam_arguments(count: int = 1) -> dict:
    lists = ("self", "grads", "exp_avgs", "exp_avg_sqs")
    arguments = {name: [torch.ones(4, device="xpu") for _ in range(count)] for name in lists}
    arguments["max_exp_avg_sqs"] = []
    arguments["state_steps"] = [torch.ones((), device="xpu") for _ in range(count)]
    options = {"lr": 0.1, "beta1": 0.9, "beta2": 0.99, "weight_decay": 0, "eps": 1e-8}
    return {**arguments, **options, "amsgrad": False, "maximize": False}


def test_an_overflow_changes_nothing() -> None:
    arguments = adam_arguments()
    torch._fused_adam_(**arguments, found_inf=torch.ones((), device="xpu"))
    for name in ("self", "exp_avgs", "exp_avg_sqs"):
        assert (arguments[name][0] == 1).all(), name


def test_gradients_are_unscaled() -> None:
    scaled, plain = adam_arguments(), adam_arguments()
    scaled["grads"] = [torch.full((4,), 8.0, device="xpu")]
    torch._fused_adam_(**scaled, grad_scale=torch.tensor(8.0, device="xpu"))
    torch._fused_adam_(**plain)
    assert torch.equal(scaled["self"][0], plain["self"][0])
    assert (scaled["grads"][0] == 1).all()


BAD = [
    ({"grads": [torch.ones(4, dtype=torch.float16)]}, "same dtype, device and layout"),
    ({"exp_avgs": []}, "expected lists of 1 tensors"),
    ({"state_steps": [torch.ones((), dtype=torch.float64)]}, "state_steps must be float32"),
    ({"found_inf": torch.ones(2)}, "found_inf must be one float32"),
]


@pytest.mark.parametrize(("change", "message"), BAD, ids=[message for _, message in BAD])
def test_errors(change: dict, message: str) -> None:
    def move(value):
        return [t.to("xpu") for t in value] if isinstance(value, list) else value.to("xpu")

    with pytest.raises(RuntimeError, match=message):
        torch._fused_adam_(**{**adam_arguments(), **{k: move(v) for k, v in change.items()}})
