"""Operators of images keep the channels-last layout, and make no copy of their input to do so."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch.nn import functional as F

pytestmark = pytest.mark.skipif(not torch.xpu.is_available(), reason="no XPU device")

CHANNELS = 16
SIZES = {2: (24, 20), 3: (6, 10, 12)}
FORMATS = {2: torch.channels_last, 3: torch.channels_last_3d}

Function = Callable[[torch.Tensor, dict[str, torch.Tensor]], torch.Tensor]


def of_dims(dims: int) -> dict[str, Function]:
    """The functions of an image of `dims` dimensions and of parameters by name."""

    def named(name: str) -> Callable:
        return getattr(F, f"{name}{dims}d")

    linear = {2: "bilinear", 3: "trilinear"}[dims]
    functions: dict[str, Function] = {
        "convolution": lambda x, p: named("conv")(x, p["kernel"], p["bias"], padding=1),
        "pointwise convolution": lambda x, p: named("conv")(x, p["point"]),
        "depthwise convolution": lambda x, p: named("conv")(x, p["depth"], groups=CHANNELS),
        "transposed convolution": lambda x, p: named("conv_transpose")(x, p["kernel"], stride=2),
        "max_pool": lambda x, p: named("max_pool")(x, 2),
        "avg_pool": lambda x, p: named("avg_pool")(x, 3, 2, 1),
        "adaptive_avg_pool": lambda x, p: named("adaptive_avg_pool")(x, 3),
        "adaptive_max_pool": lambda x, p: named("adaptive_max_pool")(x, 3),
        "batch_norm": lambda x, p: F.batch_norm(
            x, None, None, p["scale"], p["bias"], training=True
        ),
        "group_norm": lambda x, p: F.group_norm(x, 4, p["scale"], p["bias"]),
        "batch_norm in evaluation": lambda x, p: F.batch_norm(x, p["bias"], p["scale"]),
        "nearest": lambda x, p: F.interpolate(x, scale_factor=2, mode="nearest"),
        linear: lambda x, p: F.interpolate(x, scale_factor=2, mode=linear),
        "relu": lambda x, p: F.relu(x),
        "silu": lambda x, p: F.silu(x),
        "add": lambda x, p: x + x,
        "multiply by a channel's number": lambda x, p: x * p["scale"].view(-1, *[1] * dims),
        "dropout": lambda x, p: F.dropout(x, 0.5),
        "cat": lambda x, p: torch.cat([x, x], 1),
        "cast": lambda x, p: x.to(torch.float64 if has_double() else torch.bfloat16),
        "clone": lambda x, p: x.clone(),
        "where": lambda x, p: torch.where(x > 0, x, x),
    }
    return {f"{name}, {dims}d": function for name, function in functions.items()}


def has_double() -> bool:
    return torch.xpu.get_device_properties(0).has_fp64


FUNCTIONS = of_dims(2) | of_dims(3)
# Memory besides input and result, in parts of the larger of them: less than any copy needs.
WORKSPACE = 0.25


def operands(dims: int) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    torch.manual_seed(0)
    x = torch.randn(2, CHANNELS, *SIZES[dims]).contiguous(memory_format=FORMATS[dims])
    parameters = {
        "kernel": torch.randn(CHANNELS, CHANNELS, *[3] * dims) * 0.1,
        "point": torch.randn(CHANNELS, CHANNELS, *[1] * dims),
        "depth": torch.randn(CHANNELS, 1, *[3] * dims),
        "scale": torch.rand(CHANNELS) + 0.5,
        "bias": torch.randn(CHANNELS),
    }
    return x, {
        name: value.contiguous(memory_format=FORMATS[dims]) if value.dim() > 1 else value
        for name, value in parameters.items()
    }


def on_xpu(x: torch.Tensor, parameters: dict[str, torch.Tensor]) -> tuple[torch.Tensor, dict]:
    return x.to("xpu"), {name: value.to("xpu") for name, value in parameters.items()}


def bytes_allocated(call: Callable[[], object]) -> int:
    """What `call` asks of the allocator in all, freed again or not."""

    def total() -> int:
        torch.xpu.synchronize()
        return torch.xpu.memory_stats()["requested_bytes.all.allocated"]

    before = total()
    call()
    return total() - before


def dims_of(name: str) -> int:
    return int(name[-2])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_result(name: str) -> None:
    dims, function = dims_of(name), FUNCTIONS[name]
    x, parameters = operands(dims)
    x = x.repeat(4, 1, *[1] * dims).contiguous(memory_format=FORMATS[dims])
    expected = function(x, parameters)
    on_device = on_xpu(x, parameters)
    result = function(*on_device)
    assert result.shape == expected.shape
    kept = expected.is_contiguous(memory_format=FORMATS[dims])
    assert result.is_contiguous(memory_format=FORMATS[dims]) or not kept
    if "dropout" not in name:
        torch.testing.assert_close(result.cpu(), expected, rtol=1e-4, atol=1e-4)
    needed = result.nbytes + ("dropout" in name) * x.numel() + ("where" in name) * x.numel()
    if "max_pool" in name:
        needed += 8 * result.numel()  # the places of the maxima
    extra = bytes_allocated(lambda: function(*on_device)) - needed
    if kept:
        allowed = WORKSPACE * max(x.nbytes, result.nbytes)
        assert extra < allowed, f"{extra} bytes besides the result of {needed}"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_gradient(name: str) -> None:
    dims, function = dims_of(name), FUNCTIONS[name]
    x, parameters = operands(dims)
    gradients = []
    for image, others in ((x, parameters), on_xpu(x, parameters)):
        image.requires_grad_()
        torch.manual_seed(0)
        result = function(image, others)
        weights = torch.linspace(0.5, 1.5, result.numel()).view(result.shape)
        weights = weights.contiguous(memory_format=FORMATS[dims])
        weights = weights.to(result.device, result.dtype)
        gradients.append(torch.autograd.grad(result, image, weights)[0])
    expected, actual = gradients
    if "dropout" not in name:
        torch.testing.assert_close(actual.cpu(), expected, rtol=1e-4, atol=1e-4)
    kept = expected.is_contiguous(memory_format=FORMATS[dims])
    assert actual.is_contiguous(memory_format=FORMATS[dims]) or not kept


@pytest.mark.parametrize("sizes", [(2, 3, 1, 1, 1), (2, 1, 4, 4, 4), (2, 3, 4, 4, 4)], ids=str)
@pytest.mark.parametrize("dims", [2, 3])
def test_adaptive_average_of_either_format(dims: int, sizes: tuple[int, ...]) -> None:
    """The CPU's strides, of the result and the gradient, also where one image has both formats."""
    sizes = sizes[: dims + 2]
    image = torch.randn(sizes[0], *sizes[2:], sizes[1]).movedim(-1, 1)
    strides = []
    for device in ("cpu", "xpu"):
        x = torch.empty_strided(image.shape, image.stride(), device=device).copy_(image)
        x.requires_grad_()
        result = getattr(F, f"adaptive_avg_pool{dims}d")(x, 2)
        (gradient,) = torch.autograd.grad(result, x, torch.ones_like(result))
        strides.append((result.stride(), gradient.stride()))
    assert strides[1] == strides[0]
