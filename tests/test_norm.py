"""Layer, RMS, batch and group normalization against the CPU in float64."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional

pytestmark = pytest.mark.usefixtures("row_kernels")

TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-11, torch.float16: 4e-3, torch.bfloat16: 3e-2}


def compare(module: nn.Module, x: torch.Tensor, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """Output, gradients and buffers agree with the CPU's. Returns the output."""
    generator = torch.Generator().manual_seed(5)
    for parameter in module.parameters():
        parameter.data.copy_(torch.randn(parameter.shape, generator=generator) * 0.2 + 1)
    exact = copy.deepcopy(module).double()
    mine = copy.deepcopy(module).to("xpu", dtype)
    x = x.to(dtype)
    gradient = torch.randn(x.shape, generator=generator).to(dtype)
    inputs = [x.double().clone().requires_grad_(), x.to("xpu").requires_grad_()]
    outputs = [model(t) for model, t in zip((exact, mine), inputs, strict=True)]
    outputs[0].backward(gradient.double())
    outputs[1].backward(gradient.to("xpu"))

    def near(actual, expected, scale):
        tolerance = TOLERANCE[dtype]
        torch.testing.assert_close(
            actual.detach().cpu().to(expected.dtype),
            expected,
            rtol=tolerance,
            atol=tolerance * scale,
        )

    rows = x.numel() / max(sum(p.numel() for p in module.parameters()), 2) * 2
    near(outputs[1], outputs[0].detach(), 2)
    near(inputs[1].grad, inputs[0].grad, 4)
    for actual, expected in zip(mine.parameters(), exact.parameters(), strict=True):
        near(actual.grad, expected.grad, 4 * max(rows, 1) ** 0.5)
    for actual, expected in zip(mine.buffers(), exact.buffers(), strict=True):
        near(actual, expected, 1)
    return outputs[1]


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize(
    "shape, normalized",
    [((64, 200), (200,)), ((3, 5, 7, 11), (7, 11)), ((300, 9), (9,)), ((1100, 37), (37,))],
)
@pytest.mark.parametrize("kind", [nn.LayerNorm, nn.RMSNorm])
def test_rows(kind, shape, normalized, dtype) -> None:
    compare(kind(normalized), torch.randn(shape) * 2 + 1, dtype)


@pytest.mark.parametrize("kind", [nn.LayerNorm, nn.RMSNorm])
def test_rows_without_parameters(kind) -> None:
    compare(kind(33, elementwise_affine=False), torch.randn(7, 33))


def test_layer_norm_long_row_and_large_mean() -> None:
    x = torch.randn(3, 20_000, dtype=torch.float64) + 1000
    actual = functional.layer_norm(x.float().to("xpu"), (20_000,)).cpu().double()
    expected = functional.layer_norm(x.float().double(), (20_000,))
    torch.testing.assert_close(actual, expected, rtol=0, atol=2e-3)


def test_layer_norm_mixed_dtypes() -> None:
    x, weight = torch.randn(1100, 40).bfloat16(), torch.randn(40)
    mine, exact = weight.to("xpu").requires_grad_(), weight.double().requires_grad_()
    actual = functional.layer_norm(x.to("xpu"), (40,), mine)
    assert actual.dtype == torch.bfloat16
    expected = functional.layer_norm(x.double(), (40,), exact)
    torch.testing.assert_close(
        actual.detach().cpu().double(), expected.detach(), rtol=2e-2, atol=2e-2
    )
    actual.sum().backward()
    expected.sum().backward()
    assert mine.grad.dtype == torch.float32
    torch.testing.assert_close(mine.grad.cpu().double(), exact.grad, rtol=1e-4, atol=1e-2)


@pytest.mark.parametrize("size", [5, 32])
@pytest.mark.parametrize("kind", [nn.LayerNorm, nn.RMSNorm])
def test_gradients_without_rows(kind, size: int) -> None:
    x = torch.empty(0, size, device="xpu", requires_grad=True)
    module = kind(size).to("xpu")
    module(x).sum().backward()
    assert x.grad.shape == x.shape
    for parameter in module.parameters():
        assert parameter.grad.eq(0).all()


def test_gradients_of_a_row_whose_stride_nothing_follows() -> None:
    x = torch.randn(4, 32, device="xpu")[::2][:1]
    bias, gradient = torch.zeros(32, device="xpu", requires_grad=True), torch.randn(1, 32)
    functional.layer_norm(x, (32,), None, bias).backward(gradient.to("xpu"))
    assert torch.equal(bias.grad.cpu(), gradient[0])


def test_layer_norm_errors_and_empty() -> None:
    with pytest.raises(RuntimeError, match="normalized_shape"):
        functional.layer_norm(torch.randn(3, 4, device="xpu"), (5,))
    assert functional.layer_norm(torch.empty(0, 4, device="xpu"), (4,)).shape == (0, 4)


BATCH_SHAPES = {
    "columns": (nn.BatchNorm1d, (100, 37)),
    "signals": (nn.BatchNorm1d, (6, 20, 33)),
    "images": (nn.BatchNorm2d, (8, 24, 14, 13)),
    "small images": (nn.BatchNorm2d, (16, 24, 2, 2)),
    "volumes": (nn.BatchNorm3d, (2, 5, 4, 6, 7)),
}


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("layout", BATCH_SHAPES)
def test_batch_norm(layout, dtype, training) -> None:
    kind, shape = BATCH_SHAPES[layout]
    module = kind(shape[1])
    module.running_mean.normal_()
    module.running_var.uniform_(0.5, 2)
    compare(module.train(training), torch.randn(shape) * 2 + 1, dtype)


@pytest.mark.parametrize("training", [True, False])
def test_batch_norm_keeps_channels_last(training) -> None:
    x = torch.randn(8, 24, 14, 13).to(memory_format=torch.channels_last)
    output = compare(nn.BatchNorm2d(24).train(training), x)
    assert output.is_contiguous(memory_format=torch.channels_last)


def test_batch_norm_without_parameters_or_statistics() -> None:
    compare(nn.BatchNorm2d(6, affine=False, track_running_stats=False), torch.randn(4, 6, 5, 5))
    compare(nn.BatchNorm2d(6, momentum=None), torch.randn(4, 6, 5, 5))
    compare(nn.InstanceNorm2d(6, affine=True), torch.randn(4, 6, 5, 5))


def test_batch_norm_half_input_with_float_parameters() -> None:
    module = nn.BatchNorm2d(6).to("xpu")
    x = torch.randn(4, 6, 5, 5).half()
    expected = copy.deepcopy(module).cpu()(x.float())
    actual = module(x.to("xpu"))
    assert actual.dtype == torch.float16 and module.running_mean.dtype == torch.float32
    torch.testing.assert_close(actual.cpu().float(), expected, rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_group_norm(dtype) -> None:
    compare(nn.GroupNorm(4, 24), torch.randn(5, 24, 9, 10) * 2 + 1, dtype)


class NativeGroupNorm(nn.GroupNorm):
    """Without group_norm's own change of the layout."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        samples, channels = x.shape[:2]
        positions = x[0, 0].numel()
        return torch.native_group_norm(
            x, self.weight, self.bias, samples, channels, positions, self.num_groups, self.eps
        )[0]


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_group_norm_keeps_channels_last(dtype) -> None:
    x = (torch.randn(5, 24, 9, 10) * 2 + 1).to(memory_format=torch.channels_last)
    output = compare(NativeGroupNorm(4, 24), x, dtype)
    assert output.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("share", (1, 3, 64, 80))
def test_statistics_of_channels_last(share) -> None:
    """Of groups whose channels have means apart, joined from channels or taken at once."""
    groups = 2
    x = torch.randn(3, groups * share, 5, 7, dtype=torch.float64)
    x += 10 * torch.randn(1, groups * share, 1, 1, dtype=torch.float64)
    expected = torch.native_group_norm(x, None, None, 3, groups * share, 35, groups, 1e-5)
    given = x.float().to("xpu").to(memory_format=torch.channels_last)
    results = torch.native_group_norm(given, None, None, 3, groups * share, 35, groups, 1e-5)
    for result, right in zip(results, expected, strict=True):
        torch.testing.assert_close(result.cpu().double(), right, rtol=1e-5, atol=1e-5)


def test_group_norm_of_rows() -> None:
    compare(nn.GroupNorm(3, 12), torch.randn(10, 12))
    compare(nn.GroupNorm(12, 12, affine=False), torch.randn(10, 12, 7))


@pytest.mark.parametrize(
    "function",
    [
        lambda x, w, b: functional.layer_norm(
            x, (3, 4), w.view(4, 3).t().contiguous(), b.view(3, 4)
        ),
        lambda x, w, b: functional.batch_norm(x.reshape(2, 12, 1), None, None, w, b, True),
        lambda x, w, b: functional.group_norm(
            x.reshape(2, 12, 1).repeat(1, 1, 3) * x.new_tensor([1.0, 2, 3]), 4, w, b
        ),
        lambda x, w, b: functional.rms_norm(x, (3, 4), w.view(3, 4)) + b.view(3, 4),
    ],
)
@pytest.mark.parametrize("dtype", [torch.float64])
def test_gradients(function, dtype: torch.dtype) -> None:
    leaves = [torch.randn(*s, dtype=dtype, device="xpu") for s in ((2, 3, 4), (12,), (12,))]
    assert torch.autograd.gradcheck(function, [t.requires_grad_() for t in leaves])
