"""Weights of few bits: formats, conversions, products and layers, against plain references."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import nn

from intel_extension_for_pytorch.llm.quantization import (
    IPEXWeightOnlyQuantizedLinear,
    QuantDtype,
    QuantizedWeight,
    QuantMethod,
    SmoothQuantLinear,
    WeightOnlyLinear,
    from_awq,
    from_float8,
    from_gguf,
    from_gptq,
    from_int4pack,
    quantize_model,
    smooth_quantize,
)
from intel_extension_for_pytorch.llm.quantization.formats import NF4_NUMBERS
from intel_extension_for_pytorch.nn.utils._quantize_convert import WeightOnlyQuantizedLinear

KINDS = ["int8", "int4", "nf4", "fp8_e4m3", "fp8_e5m2"]
# Kind, group size, symmetric.
FORMATS = [
    ("int8", 32, True),
    ("int8", 64, False),
    ("int8", -1, True),
    ("int8", -1, False),
    ("int4", 32, False),
    ("int4", 64, True),
    ("int4", 128, False),
    ("int4", 256, False),
    ("int4", -1, True),
    ("nf4", 64, True),
    ("nf4", -1, True),
    ("fp8_e4m3", 128, True),
    ("fp8_e5m2", 32, True),
]
# Relative to the largest of the result: what rounding to the dtype makes, and float32 sums.
TOLERANCE = {torch.float32: 3e-6, torch.float16: 6e-4, torch.bfloat16: 4.5e-3}
# N, K: odd, and not whole groups, blocks or vectors.
SHAPES = [(37, 96), (16, 384), (65, 200), (3, 1), (40, 1088)]


def random(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(dtype)


def integers(low: int, high: int, shape: tuple[int, ...], seed: int = 0) -> torch.Tensor:
    return torch.randint(low, high, shape, generator=torch.Generator().manual_seed(seed))


def assert_near(actual: torch.Tensor, expected: torch.Tensor, tolerance: float) -> None:
    expected = expected.detach().double()
    assert actual.shape == expected.shape
    error = (actual.detach().cpu().double() - expected).abs()
    bound = tolerance * max(float(expected.abs().max()), 1e-30) if expected.numel() else 0.0
    assert not error.isnan().any() and (error <= bound).all(), f"{error.max()} > {bound}"


# ---- Formats ----


def nearest_weights(weight: torch.Tensor, kind: str, group: int, symmetric: bool) -> torch.Tensor:
    """Weights as their kind rounds them with ideal scales, written without any code of the package;
    and the most that one may be off, for rounding of the scales."""
    columns = weight.shape[1]
    result = torch.empty_like(weight)
    for row, start in itertools.product(
        range(len(weight)), range(0, columns, columns if group == -1 else group)
    ):
        part = weight[row, start : start + (columns if group == -1 else group)]
        if kind in ("int8", "int4") and not symmetric:
            count = 255 if kind == "int8" else 15
            least = min(float(part.min()), 0.0)
            scale = (max(float(part.max()), 0.0) - least) / count or 1.0
            zero = round(-least / scale)
            rounded = ((part / scale + zero).round().clamp(0, count) - zero) * scale
        else:
            largest = float(part.abs().max()) or 1.0
            if kind == "nf4":
                table = torch.tensor(NF4_NUMBERS, dtype=weight.dtype)
                place = (part[:, None] / largest - table).abs().argmin(1)
                rounded = table[place] * largest
            elif kind.startswith("fp8"):
                dtype = torch.float8_e4m3fn if kind == "fp8_e4m3" else torch.float8_e5m2
                scale = largest / torch.finfo(dtype).max
                rounded = (part / scale).to(dtype).to(weight.dtype) * scale
            else:
                scale = largest / (127 if kind == "int8" else 7)
                rounded = (part / scale).round() * scale
        result[row, start : start + len(part)] = rounded
    return result


@pytest.mark.parametrize("kind, group, symmetric", FORMATS)
def test_rounds_to_the_nearest(kind, group, symmetric) -> None:
    weight = random(24, 320, seed=1)
    weight[3, :] = 0
    weight[5, :64] = weight[5, :64].abs()
    mine = QuantizedWeight.quantize(weight.to("xpu"), kind, group, symmetric)
    assert mine.scales.dtype == torch.float16
    exact = (nearest_weights(weight.double(), kind, group, symmetric) - weight).abs()
    error = (mine.dequantize_reference().cpu() - weight).abs()
    # Scales are rounded to float16: a thousandth of what codes reach.
    assert float(error.max()) <= float(exact.max()) * 1.02 + 2e-3 * float(weight.abs().max())
    assert float(error.mean()) <= float(exact.mean()) * 1.02 + 1e-4
    assert (mine.dequantize()[3] == 0).all()


@pytest.mark.usefixtures("row_kernels", "no_fallback")
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("kind, group, symmetric", FORMATS)
def test_dequantize(kind, group, symmetric, dtype) -> None:
    for seed, (rows, columns) in enumerate(SHAPES):
        weight = QuantizedWeight.quantize(random(rows, columns, seed=seed), kind, group, symmetric)
        expected = weight.dequantize_reference()
        actual = weight.to("xpu").dequantize(dtype)
        assert actual.dtype == dtype and actual.device.type == "xpu"
        torch.testing.assert_close(actual.cpu(), expected.to(dtype), rtol=0.008, atol=1e-6)
        if dtype == torch.float32:
            torch.testing.assert_close(actual.cpu(), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.usefixtures("row_kernels")
@pytest.mark.parametrize("kind", ["fp8_e4m3", "fp8_e5m2"])
def test_every_number_of_float8(kind) -> None:
    dtype = torch.float8_e4m3fn if kind == "fp8_e4m3" else torch.float8_e5m2
    numbers = torch.arange(256, dtype=torch.uint8).view(dtype)
    numbers = numbers[numbers.float().isfinite()][None]
    weight = from_float8(numbers.to("xpu"), torch.ones(1, device="xpu"))
    assert torch.equal(weight.dequantize().cpu(), numbers.float())
    with pytest.raises(ValueError, match="from_float8: expected finite"):
        from_float8(torch.full((1, 4), float("nan")).to(dtype), torch.ones(1))


def test_extreme_scales_are_float32() -> None:
    for factor in (1e-9, 1e9):
        weight = random(4, 64, seed=2) * factor
        mine = QuantizedWeight.quantize(weight.to("xpu"), "int8", 32, True)
        assert mine.scales.dtype == torch.float32
        assert_near(mine.dequantize(), weight, 0.01)


def test_state_dict_round_trip(tmp_path) -> None:
    weight = QuantizedWeight.quantize(random(10, 96).to("xpu"), "int4", 32)
    torch.save(weight.state_dict(), tmp_path / "weight.pt")
    loaded = QuantizedWeight.from_state_dict(torch.load(tmp_path / "weight.pt"))
    assert torch.equal(loaded.dequantize(), weight.dequantize())
    assert repr(loaded) == repr(weight)


# ---- Products ----


@pytest.mark.usefixtures("row_kernels", "no_fallback")
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("kind, group, symmetric", FORMATS)
def test_linear(kind, group, symmetric, dtype) -> None:
    for seed, (tokens, (rows, columns)) in enumerate(
        zip([1, 2, 3, 5, 8, 9, 33], itertools.cycle(SHAPES), strict=False)
    ):
        weight = QuantizedWeight.quantize(random(rows, columns, seed=seed), kind, group, symmetric)
        x = (random(tokens, columns, seed=seed + 9) * 3).to(dtype)
        x[0, 0] = 90  # an outlier
        bias = random(rows, dtype=dtype) if seed % 2 else None
        exact = x.double() @ weight.dequantize_reference().double().t()
        exact = exact if bias is None else exact + bias.double()
        device_bias = None if bias is None else bias.to("xpu")
        actual = weight.to("xpu").linear(x.to("xpu"), device_bias)
        assert actual.dtype == dtype
        # Products of many tokens are of weights rounded to the dtype.
        assert_near(actual, exact, TOLERANCE[dtype] * (1 if tokens <= 2 else 3))


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("kind", KINDS)
def test_more_rows_than_become_numbers_at_once(kind, dtype) -> None:
    weight = QuantizedWeight.quantize(random(1100, 64, seed=6), kind, 32)
    x, bias = random(20, 64, dtype=dtype), random(1100, dtype=dtype)
    exact = x.double() @ weight.dequantize_reference().double().t() + bias.double()
    actual = weight.to("xpu").linear(x.to("xpu"), bias.to("xpu"))
    assert_near(actual, exact, TOLERANCE[dtype] * 3)


@pytest.mark.usefixtures("row_kernels")
@pytest.mark.parametrize("dtype", TOLERANCE)
def test_linear_of_any_layout(dtype) -> None:
    weight = QuantizedWeight.quantize(random(40, 160, seed=3), "int4", 32)
    exact = weight.dequantize_reference().double().t()
    device_weight = weight.to("xpu")
    base = random(6, 320, dtype=dtype)
    layouts = [
        base[:, :160],
        base[:, ::2],
        base[:, 160:].unflatten(0, (2, 3)).transpose(0, 1),
        base[0, :160],
        base[0, :160].expand(3, 160),
        random(160, 5, dtype=dtype).t(),
        base[:0, :160],
    ]
    for x in layouts:
        moved = torch.as_strided(
            x.as_strided((x.untyped_storage().nbytes() // x.element_size(),), (1,), 0).to("xpu"),
            x.shape,
            x.stride(),
            x.storage_offset(),
        )
        assert_near(device_weight.linear(moved), x.double() @ exact, TOLERANCE[dtype])


def test_activations_that_are_not_finite() -> None:
    weight = QuantizedWeight.quantize(random(5, 64).to("xpu"), "int4", 32)
    x = random(3, 64)
    x[0, 3], x[1, 40] = float("inf"), float("nan")
    result = weight.linear(x.to("xpu")).cpu()
    assert not result[:2].isfinite().any() and result[2].isfinite().all()
    assert (weight.linear(torch.zeros(1, 64, device="xpu")) == 0).all()


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_gradients_of_input_and_bias(dtype) -> None:
    weight = QuantizedWeight.quantize(random(700, 96, seed=4), "int4", 32)
    x = random(2, 3, 96, dtype=dtype).to("xpu").requires_grad_()
    bias = random(700, dtype=dtype).to("xpu").requires_grad_()
    result = weight.to("xpu").linear(x, bias)
    gradient = random(2, 3, 700, seed=5, dtype=dtype)
    result.backward(gradient.to("xpu"))
    exact = gradient.double() @ weight.dequantize_reference().double()
    assert_near(x.grad, exact, TOLERANCE[dtype] * 3)
    assert_near(bias.grad, gradient.double().sum((0, 1)), TOLERANCE[dtype] * 3)


# ---- Conversions ----


def pack_words(codes: torch.Tensor, bits: int, order: tuple[int, ...] | None = None):
    """Codes [R, C] to int32 [R, C * bits / 32], bit by bit."""
    count = 32 // bits
    words = torch.zeros(codes.shape[0], codes.shape[1] // count, dtype=torch.int64)
    for row, word, i in itertools.product(*map(range, words.shape), range(count)):
        column = word * count + (order[i] if order else i)
        words[row, word] |= int(codes[row, column]) << (bits * i)
    return torch.where(words >= 2**31, words - 2**32, words).to(torch.int32)


@pytest.mark.parametrize("act_order", [False, True])
@pytest.mark.parametrize("bits", [4, 8])
def test_gptq(bits, act_order) -> None:
    rows, columns, group = 16, 128, 32
    codes = integers(0, 2**bits, (rows, columns), 1)
    zeros = integers(1, 2**bits, (rows, columns // group), 2)
    scales = random(columns // group, rows, seed=3).abs().half()
    g_idx = torch.arange(columns) // group
    if act_order:
        g_idx = g_idx[torch.randperm(columns, generator=torch.Generator().manual_seed(4))]
    expected = (codes - zeros[:, g_idx]) * scales.t()[:, g_idx].double()
    arguments = [pack_words(codes, bits).t(), scales, pack_words((zeros - 1).t(), bits), g_idx]
    weight = from_gptq(*[a.to("xpu") for a in arguments], group, bits)
    assert (weight.permutation is not None) == act_order
    assert_near(weight.dequantize(), expected, 1e-7)
    x = random(2, columns)
    assert_near(weight.linear(x.to("xpu")), x.double() @ expected.t(), 2e-6)
    symmetric = from_gptq(arguments[0], scales, None, None, group, bits)
    plain = (codes - 2 ** (bits - 1)) * scales.t().double().repeat_interleave(group, 1)
    assert_near(symmetric.dequantize(), plain, 1e-7)


def awq_tensors(rows: int, columns: int, group: int):
    codes, zeros = integers(0, 16, (rows, columns), 1), integers(0, 16, (rows, columns // group), 2)
    scales = random(columns // group, rows, seed=3).abs().half()
    order = (0, 2, 4, 6, 1, 3, 5, 7)
    tensors = pack_words(codes.t(), 4, order), scales, pack_words(zeros.t(), 4, order)
    spread = [t.repeat_interleave(group, 1) for t in (zeros, scales.t().double())]
    return tensors, (codes - spread[0]) * spread[1]


def test_awq() -> None:
    tensors, expected = awq_tensors(24, 128, 64)
    weight = from_awq(*[t.to("xpu") for t in tensors], 64)
    assert_near(weight.dequantize(), expected, 1e-7)


def halves(block: list[int], start: int) -> float:
    return float(torch.tensor(block[start : start + 2], dtype=torch.uint8).view(torch.float16))


def read_q4_0(block: list[int]) -> list[float]:
    scale = halves(block, 0)
    return [((block[2 + i % 16] >> 4 * (i // 16)) % 16 - 8) * scale for i in range(32)]


def read_q4_1(block: list[int]) -> list[float]:
    scale, least = halves(block, 0), halves(block, 2)
    return [(block[4 + i % 16] >> 4 * (i // 16)) % 16 * scale + least for i in range(32)]


def read_q8_0(block: list[int]) -> list[float]:
    scale = halves(block, 0)
    return [(block[2 + i] - 256 * (block[2 + i] > 127)) * scale for i in range(32)]


def read_q4_k(block: list[int]) -> list[float]:
    unit, least_unit, packed, values = halves(block, 0), halves(block, 2), block[4:16], []
    for i in range(256):
        group = i // 32
        if group < 4:
            scale, least = packed[group] & 63, packed[group + 4] & 63
        else:
            scale = (packed[group + 4] & 15) | (packed[group - 4] >> 6) << 4
            least = (packed[group + 4] >> 4) | (packed[group] >> 6) << 4
        code = block[16 + 32 * (group // 2) + i % 32] >> 4 * (group % 2) & 15
        values.append(unit * scale * code - least_unit * least)
    return values


@pytest.mark.parametrize(
    "kind, values, size, read, numbers",
    [
        ("Q4_0", 32, 18, read_q4_0, 1),
        ("Q4_1", 32, 20, read_q4_1, 2),
        ("Q8_0", 32, 34, read_q8_0, 1),
        ("Q4_K", 256, 144, read_q4_k, 2),
    ],
)
def test_gguf(kind, values, size, read, numbers) -> None:
    rows, blocks = 5, 3
    data = integers(0, 256, (rows * blocks, size), 6).to(torch.uint8)
    scales = random(rows * blocks, numbers, seed=7).half()
    data[:, : 2 * numbers] = scales.view(torch.uint8)
    expected = torch.tensor([read(block) for block in data.tolist()]).view(rows, -1)
    weight = from_gguf(data.numpy(), kind, (rows, blocks * values))
    assert_near(weight.to("xpu").dequantize(), expected, 1e-6)
    x = random(2, blocks * values)
    assert_near(weight.to("xpu").linear(x.to("xpu")), x.double() @ expected.double().t(), 3e-6)


# ---- Stock operators ----


@pytest.mark.usefixtures("no_fallback")
@pytest.mark.parametrize("group", [32, 128, 256])
@pytest.mark.parametrize("tokens", [1, 20])
def test_stock_int4(group, tokens) -> None:
    rows, columns, dtype = 48, 512, torch.bfloat16
    codes = integers(0, 16, (rows, columns), 1)
    packed = (codes[:, ::2] | codes[:, 1::2] << 4).to(torch.uint8)
    scales = random(columns // group, rows, seed=2, dtype=dtype).abs()
    zeros = random(columns // group, rows, seed=3, dtype=dtype)
    x = random(tokens, columns, seed=4, dtype=dtype)
    spread = [t.double().t().repeat_interleave(group, 1) for t in (scales, zeros)]
    expected = (codes - 8) * spread[0] + spread[1]
    device_weight = torch._convert_weight_to_int4pack(packed.to("xpu"), 8)
    assert device_weight.shape == (rows, columns // 8) and device_weight.dtype == torch.int32
    both = torch.stack((scales, zeros), 2)
    actual = torch._weight_int4pack_mm(x.to("xpu"), device_weight, group, both.to("xpu"))
    assert_near(actual, x.double() @ expected.t(), 0.012)
    ours = from_int4pack(packed.to("xpu"), group, both.to("xpu"))
    assert_near(ours.dequantize(), expected, 1e-6)

    points = integers(0, 16, (columns // group, rows), 5).to(torch.int8)
    expected = (codes - points.t().repeat_interleave(group, 1)) * spread[0]
    multiply = torch.ops.aten._weight_int4pack_mm_with_scales_and_zeros
    actual = multiply(x.to("xpu"), device_weight, group, scales.to("xpu"), points.to("xpu"))
    assert_near(actual, x.double() @ expected.t(), 0.012)


@pytest.mark.usefixtures("no_fallback")
@pytest.mark.parametrize("columns", [96, 77])
@pytest.mark.parametrize("dtype", TOLERANCE)
def test_stock_int8(columns, dtype) -> None:
    codes = integers(-128, 128, (21, columns), 1).to(torch.int8)
    scales, x = random(21, seed=2, dtype=dtype), random(3, columns, seed=3, dtype=dtype)
    actual = torch._weight_int8pack_mm(x.to("xpu"), codes.to("xpu"), scales.to("xpu"))
    expected = x.double() @ (codes.double() * scales.double()[:, None]).t()
    assert_near(actual, expected, TOLERANCE[dtype])


@pytest.mark.usefixtures("no_fallback")
@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int32, torch.int64])
def test_shifts(dtype) -> None:
    x = integers(-100 if dtype.is_signed else 0, 100, (3, 5), 1).to(dtype)
    counts = integers(0, 4, (3, 5), 2).to(dtype)
    for count in (2, counts):
        moved = count if isinstance(count, int) else count.to("xpu")
        assert torch.equal((x.to("xpu") << moved).cpu(), x << count)
        assert torch.equal((x.to("xpu") >> moved).cpu(), x >> count)
        mine, theirs = x.to("xpu"), x.clone()
        mine <<= moved
        theirs <<= count
        mine >>= moved
        theirs >>= count
        assert torch.equal(mine.cpu(), theirs)


# ---- Layers ----


def test_layers_of_checkpoints() -> None:
    tensors, expected = awq_tensors(24, 128, 64)
    x, bias = random(3, 128, seed=8), random(24)
    device_tensors = [t.to("xpu") for t in tensors]
    layer = IPEXWeightOnlyQuantizedLinear.from_weight(
        *device_tensors, 128, 24, None, bias.to("xpu"), 64, quant_method=QuantMethod.AWQ_GEMM
    )
    assert_near(layer(x.to("xpu")), x.double() @ expected.t() + bias.double(), 2e-6)
    float8 = random(128, 24).to(torch.float8_e4m3fn)
    layer = IPEXWeightOnlyQuantizedLinear.from_weight(
        float8.to("xpu"),
        torch.tensor(0.5, device="xpu"),
        None,
        128,
        24,
        dtype=QuantDtype.FP8_E4M3FN,
    )
    assert_near(layer(x.to("xpu")), x.double() @ float8.double() * 0.5, 2e-6)
    with pytest.raises(ValueError, match="from_weight: expected the weight of a layer of 128"):
        IPEXWeightOnlyQuantizedLinear.from_weight(
            *tensors, 128, 25, group_size=64, quant_method=QuantMethod.AWQ_GEMM
        )


@pytest.mark.parametrize("optimum", [True, False])
def test_layer_of_neural_compressor(optimum) -> None:
    rows, columns, group = 16, 96, 32
    codes, zeros = integers(0, 16, (rows, columns), 1), integers(1, 16, (rows, 3), 2)
    scales = random(rows, 3, seed=3).abs().half()
    expected = (codes - zeros.repeat_interleave(group, 1)) * scales.double().repeat_interleave(
        group, 1
    )
    if optimum:
        given = scales.t(), pack_words((zeros - 1).t(), 4), None
        words = pack_words(codes, 4).t()
    else:
        padded = torch.nn.functional.pad(zeros, (0, 5))
        given = scales, pack_words(padded, 4), None
        words = pack_words(codes, 4)
    layer = WeightOnlyQuantizedLinear(
        columns,
        rows,
        True,
        compute_dtype="fp16",
        compress_statistics=False,
        weight_dtype="int4_fullrange",
        scale_dtype="fp16",
        blocksize=group,
        scheme="asym",
        compression_dtype=torch.int32,
        compression_dim=1,
        device="xpu",
        use_optimum_format=optimum,
    )
    layer.set_scales_zps_gidx(*given)
    bias = random(rows).half()
    layer.set_weights_bias(words, bias)
    x = random(2, columns).half()
    assert_near(layer(x.to("xpu")), x.double() @ expected.t() + bias.double(), 1e-3)
    with pytest.raises(RuntimeError, match="call set_scales_zps_gidx first"):
        layer.set_weights_bias(words, bias)


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(64, 96)
        self.second = nn.Linear(96, 64, bias=False)
        self.tied = nn.Linear(64, 64)
        self.other = nn.Linear(64, 64)
        self.other.weight = self.tied.weight
        self.lm_head = nn.Linear(64, 8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.lm_head(self.other(self.tied(self.second(self.first(x).relu()))))


@pytest.mark.parametrize("kind", KINDS)
def test_quantize_model(kind) -> None:
    torch.manual_seed(0)
    model = Network().to("xpu").bfloat16()
    x = random(4, 64, dtype=torch.bfloat16).to("xpu")
    before = model(x)
    report = quantize_model(model, kind, 32)
    assert report.replaced == ["first", "second"]
    assert set(report.kept) == {"tied", "other", "lm_head"}
    assert report.bytes_after < report.bytes_before and "2 linear layers" in str(report)
    assert_near(model(x), before.cpu(), 0.25)
    model.half()
    assert model.first.codes.dtype == torch.uint8 and model(x.half()).dtype == torch.float16
    copy = Network().to("xpu").half()
    quantize_model(copy, kind, 32)
    copy.load_state_dict(model.state_dict())
    assert torch.equal(copy(x.half()), model(x.half()))


@pytest.mark.parametrize("dynamic", [True, False])
def test_smooth_quantize(dynamic) -> None:
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(64, 96), nn.ReLU(), nn.Linear(96, 64))
    x = torch.randn(40, 64)
    x[:, 7] *= 60  # an outlier feature, what SmoothQuant is for
    expected = model(x).detach()
    model.to("xpu")
    report = smooth_quantize(model, [x.to("xpu")], 0.5, dynamic)
    assert report.replaced == ["0", "2"]
    assert_near(model(x.to("xpu")), expected, 0.03)
    layer = model[0]
    assert isinstance(layer, SmoothQuantLinear)
    codes = (x * layer.inverse_smoothing.cpu()).double()
    scale = codes.abs().amax(1, keepdim=True) if dynamic else codes.abs().max()
    codes = (codes / (scale / 127)).round() * (scale / 127)
    weight = layer.codes.cpu().double() * layer.scales.cpu().double()[:, None]
    exact = codes @ weight.t() + layer.bias.detach().cpu().double()
    assert_near(layer(x.to("xpu")), exact, 0.004)  # a code may be its neighbour


def test_smoothing_is_the_papers() -> None:
    linear, maxima = nn.Linear(8, 4), random(8).abs() + 0.1
    layer = SmoothQuantLinear.from_linear(linear, maxima, 0.25)
    expected = maxima**0.25 / linear.weight.abs().amax(0) ** 0.75
    torch.testing.assert_close(1 / layer.inverse_smoothing, expected.detach())
    torch.testing.assert_close(layer.dequantize(), linear.weight.detach(), rtol=0.05, atol=0.02)


# ---- Errors ----


def woq(input, codes, scales, zeros=None, bias=None, kind="int4", columns=64, span=32):
    return torch.ops.torch_ipex.woq_linear(
        input, codes, scales, zeros, bias, kind, columns, span, False
    )


@pytest.mark.parametrize(
    "error, message, call",
    [
        (ValueError, "expected a kind among", lambda: QuantizedWeight.quantize(random(4, 4), "x")),
        (ValueError, "group_size", lambda: QuantizedWeight.quantize(random(4, 64), "int4", 20)),
        (ValueError, "expected finite", lambda: QuantizedWeight.quantize(random(4, 64) / 0)),
        (ValueError, "matrix that is not", lambda: QuantizedWeight.quantize(random(0, 64))),
        (ValueError, "matrix that is not", lambda: QuantizedWeight.quantize(random(3))),
        (ValueError, "expected qweight", lambda: from_gptq(random(4, 4), random(1, 4))),
        (
            ValueError,
            "groups are of other sizes",
            lambda: from_gptq(
                torch.zeros(8, 8, dtype=torch.int32),
                random(2, 8),
                g_idx=torch.zeros(64, dtype=torch.int32),
                group_size=32,
            ),
        ),
        (ValueError, "from_gguf: expected a kind", lambda: from_gguf(random(4), "Q2_K", (1, 256))),
        (ValueError, "from_gguf: expected 18", lambda: from_gguf(random(4), "Q4_0", (1, 32))),
        (ValueError, "at least one batch", lambda: smooth_quantize(nn.Linear(4, 4), [])),
        (ValueError, "alpha from 0 to 1", lambda: smooth_quantize(nn.Linear(4, 4), [], 2.0)),
        (
            ValueError,
            "quantize_model: expected a group",
            lambda: quantize_model(Network(), "int4", 7),
        ),
    ],
)
def test_bad_arguments(error, message, call) -> None:
    with pytest.raises(error, match=message):
        call()


def device_tensor(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.zeros(shape, dtype=dtype, device="xpu")


@pytest.mark.parametrize(
    "message, change",
    [
        (r"expected an input of shape \[..., 64\]", {"input": lambda: device_tensor(2, 60)}),
        ("expected an input of dtype", {"input": lambda: device_tensor(2, 64, dtype=torch.int32)}),
        ("expected contiguous codes", {"codes": lambda: device_tensor(8, 31, dtype=torch.uint8)}),
        ("expected contiguous scales", {"scales": lambda: device_tensor(8, 3)}),
        ("expected zero points", {"zeros": lambda: device_tensor(8, 1)}),
        ("expected a bias", {"bias": lambda: device_tensor(7)}),
        ("expected a kind", {"kind": lambda: "int3"}),
        ("expected a span", {"span": lambda: 48}),
        ("input features", {"columns": lambda: 0}),
    ],
)
def test_bad_operands(message, change) -> None:
    operands = {
        "input": device_tensor(2, 64),
        "codes": device_tensor(8, 32, dtype=torch.uint8),
        "scales": device_tensor(8, 2),
    }
    woq(**operands)
    with pytest.raises((RuntimeError, ValueError), match=message):
        woq(**operands | {name: make() for name, make in change.items()})


def test_layer_from_linear_and_compile_shapes() -> None:
    from torch._subclasses.fake_tensor import FakeTensorMode

    layer = WeightOnlyLinear.from_linear(nn.Linear(64, 24).to("xpu"), "int4", 32)
    assert "kind=int4" in repr(layer) and layer.quantized_weight.shape == (24, 64)
    with FakeTensorMode(allow_non_fake_inputs=True) as mode:
        fake = mode.from_tensor(torch.zeros(3, 64, device="xpu"))
        assert layer(fake).shape == (3, 24)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_weights_that_were_of_four_bits_stay_as_they_are(dtype):
    generator = torch.Generator().manual_seed(3)
    codes = torch.randint(0, 16, (48, 8, 32), generator=generator)
    codes[..., 0], codes[..., 1] = 0, 15
    scales = (torch.rand(48, 8, 1, generator=generator) * 0.01 + 0.001).half().float()
    offsets = (-scales * 7.3).half().float()
    weight = (codes * scales + offsets).flatten(1).to(dtype)
    made = QuantizedWeight.quantize(weight.to("xpu"), "int4", 32)
    assert made.zeros_are_offsets
    error = (made.dequantize().cpu() - weight.float()).abs().unflatten(1, (8, 32)) / scales
    assert error.max() < (0.06 if dtype == torch.bfloat16 else 0.01)
    assert not QuantizedWeight.quantize(weight.to("xpu"), "int4", 64).zeros_are_offsets
