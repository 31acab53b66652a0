"""Quantized tensors against the CPU."""

import io

import pytest
import torch

DTYPES = [torch.qint8, torch.quint8, torch.qint32]


def values(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def per_tensor(tensor: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    return torch.quantize_per_tensor(tensor, 0.05, 3, dtype)


def per_channel(tensor: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    scales = torch.linspace(0.01, 0.1, tensor.size(1), device=tensor.device)
    zeros = torch.arange(tensor.size(1), device=tensor.device)
    return torch.quantize_per_channel(tensor, scales, zeros, 1, dtype)


QUANTIZE = [per_tensor, per_channel]


def check(actual: torch.Tensor, expected: torch.Tensor) -> None:
    assert actual.device == torch.device("xpu", 0)
    assert actual.dtype == expected.dtype
    assert actual.shape == expected.shape
    assert actual.is_quantized == expected.is_quantized
    if not expected.is_quantized:
        assert torch.equal(actual.cpu(), expected)
        return
    assert actual.qscheme() == expected.qscheme()
    assert actual.int_repr().device.type == "xpu"
    assert torch.equal(actual.int_repr().cpu(), expected.int_repr())
    check(actual.dequantize(), expected.dequantize())
    if expected.qscheme() == torch.per_tensor_affine:
        assert actual.q_scale() == expected.q_scale()
        assert actual.q_zero_point() == expected.q_zero_point()
    else:
        assert actual.q_per_channel_axis() == expected.q_per_channel_axis()
        check(actual.q_per_channel_scales(), expected.q_per_channel_scales())
        check(actual.q_per_channel_zero_points(), expected.q_per_channel_zero_points())


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("quantize", QUANTIZE)
def test_quantize(quantize, dtype):
    tensor = values(3, 4, 5)
    expected = quantize(tensor, dtype)
    actual = quantize(tensor.xpu(), dtype)
    check(actual, expected)
    check(expected.xpu(), expected)
    check(actual.clone(), expected)
    check(torch.empty_like(actual).copy_(actual), expected)
    assert torch.equal(actual.cpu().int_repr(), expected.int_repr())
    assert torch.equal(torch.dequantize(actual).cpu(), torch.dequantize(expected))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_quantize_in_place_of_floats(dtype):
    expected = per_tensor(values(3, 4), dtype)
    actual = expected.xpu()
    check(actual.copy_(values(3, 4, seed=1).xpu()), expected.copy_(values(3, 4, seed=1)))
    with pytest.raises(RuntimeError, match="dequantize"):
        torch.empty(3, 4, device="xpu").copy_(actual)


SHAPES = {
    "view": lambda x: x.view(12),
    "transpose": lambda x: x.t(),
    "contiguous": lambda x: x.t().contiguous(),
    "slice": lambda x: x[1:, ::2],
    "select": lambda x: x[1],
    "flatten": lambda x: x.flatten(),
    "unsqueeze": lambda x: x.unsqueeze(0).squeeze(0),
    "index_select": lambda x: x.index_select(0, torch.tensor([2, 0], device=x.device)),
    "cat": lambda x: torch.cat([x, x]),
    "relu": lambda x: x.relu(),
    "clamp": lambda x: x.clamp(-0.5, 0.5),
    "max": lambda x: x.max(),
    "less": lambda x: x < 0.1,
    "mean": lambda x: x.mean(1),
    "flip": lambda x: x.flip(0),
    "fill": lambda x: x.clone().fill_(0.5),
    "detach": lambda x: x.detach(),
}


@pytest.mark.parametrize("function", SHAPES.values(), ids=SHAPES)
def test_operator(function):
    quantized = per_tensor(values(3, 4), torch.quint8)
    check(function(quantized.xpu()), function(quantized))


def test_equal():
    quantized = per_tensor(values(3, 4), torch.qint8).xpu()
    assert torch.equal(quantized, quantized.clone())
    assert not torch.equal(quantized, per_tensor(values(3, 4, seed=1), torch.qint8).xpu())


@pytest.mark.parametrize("quantize", QUANTIZE)
def test_saved_and_shown(quantize):
    expected = quantize(values(3, 4), torch.qint8)
    assert "device='xpu:0'" in repr(expected.xpu())
    file = io.BytesIO()
    torch.save(expected.xpu(), file)
    file.seek(0)
    check(torch.load(file), expected)


def test_devices():
    expected = per_channel(values(3, 4), torch.qint8)
    other = expected.xpu(1)
    assert other.device == torch.device("xpu", 1)
    assert other.q_per_channel_scales().device == other.device
    check(other.to("xpu:0"), expected)


def test_refusals():
    four_bits = torch.quantize_per_channel(
        values(3, 4), torch.ones(3), torch.zeros(3), 0, torch.quint4x2
    )
    with pytest.raises(NotImplementedError, match=r"qint8.*QUInt4x2"):
        four_bits.xpu()
    with pytest.raises(RuntimeError, match="one dtype"):
        per_tensor(values(3), torch.qint8).xpu().copy_(per_tensor(values(3), torch.quint8).xpu())
