"""Random fills, dropout and permutations: Philox, the distributions, the errors."""

from __future__ import annotations

import collections
import itertools
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

pytestmark = pytest.mark.skipif(not torch.xpu.is_available(), reason="no XPU device")

FLOATS = (torch.float32, torch.float64, torch.bfloat16, torch.float16)
INTEGERS = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)
MASK = (1 << 32) - 1


def philox(counter: tuple[int, int, int, int], key: tuple[int, int]) -> list[int]:
    a, b, c, d = counter
    k0, k1 = key
    for _ in range(10):
        first, second = 0xD2511F53 * a, 0xCD9E8D57 * c
        a, b, c, d = (second >> 32) ^ b ^ k0, second & MASK, (first >> 32) ^ d ^ k1, first & MASK
        k0, k1 = (k0 + 0x9E3779B9) & MASK, (k1 + 0xBB67AE85) & MASK
    return [a, b, c, d]


# The known answers that the authors of Philox publish.
KNOWN_ANSWERS = [
    ((0, 0, 0, 0), (0, 0), "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ((MASK,) * 4, (MASK,) * 2, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        "d16cfe09 94fdcceb 5001e420 24126ea1",
    ),
]


@pytest.mark.parametrize(("counter", "key", "words"), KNOWN_ANSWERS)
def test_reference_gives_the_known_answers(counter, key, words) -> None:
    assert philox(counter, key) == [int(word, 16) for word in words.split()]


def raw_bits(count: int, seed: int, offset: int = 0) -> torch.Tensor:
    """64 random bits for each of `count` elements, as the device makes them."""
    generator = torch.Generator("xpu").manual_seed(seed)
    generator.set_offset(offset)
    out = torch.empty(count, dtype=torch.int64, device="xpu")
    return out.random_(-(2**63), None, generator=generator).cpu()


@pytest.mark.parametrize("seed", [0, 0x299F31D0A4093822])
@pytest.mark.parametrize("offset", [0, 4, 4 * 0x03707344])
def test_device_makes_the_numbers_of_philox(seed: int, offset: int) -> None:
    stride, per_block = 256, 2
    bits = raw_bits(3 * stride * per_block + 5, seed, offset).numpy().view(np.uint64)
    for element in (0, 1, 255, 256, 511, 512, 700, 1024, 1540):
        rest, lane = divmod(element, stride)
        block, number = rest // per_block * stride + lane, rest % per_block
        call = offset // 4
        words = philox((call & MASK, call >> 32, block, 0), (seed & MASK, seed >> 32))
        expected = words[2 * number + 1] << 32 | words[2 * number]
        assert int(bits[element]) == expected, element


def test_a_prefix_has_the_same_numbers() -> None:
    assert torch.equal(raw_bits(100, 7), raw_bits(5000, 7)[:100])


FILLS = {
    "uniform": lambda x, g: x.uniform_(-1, 3, generator=g),
    "normal": lambda x, g: x.normal_(1, 2, generator=g),
    "log_normal": lambda x, g: x.log_normal_(0, 0.5, generator=g),
    "exponential": lambda x, g: x.exponential_(2, generator=g),
    "cauchy": lambda x, g: x.cauchy_(1, 2, generator=g),
    "geometric": lambda x, g: x.geometric_(0.3, generator=g),
    "bernoulli": lambda x, g: x.bernoulli_(0.3, generator=g),
    "random": lambda x, g: x.random_(0, 100, generator=g),
}
COUNT = 200_000
# Distribution functions of what FILLS makes; cumulative sums for the discrete ones.
DISTRIBUTIONS = {
    "uniform": lambda x: (x + 1) / 4,
    "normal": lambda x: 0.5 * (1 + torch.erf((x - 1) / math.sqrt(8))),
    "log_normal": lambda x: 0.5 * (1 + torch.erf(x.log() / (0.5 * math.sqrt(2)))),
    "exponential": lambda x: 1 - torch.exp(-2 * x),
    "cauchy": lambda x: 0.5 + torch.atan((x - 1) / 2) / math.pi,
}
DISCRETE = {
    "geometric": {k: 0.3 * 0.7 ** (k - 1) for k in range(1, 12)},
    "bernoulli": {0: 0.7, 1: 0.3},
    "random": dict.fromkeys(range(100), 0.01),
}


@pytest.mark.parametrize("name", DISTRIBUTIONS)
@pytest.mark.parametrize("dtype", FLOATS)
def test_continuous_distribution(name: str, dtype: torch.dtype) -> None:
    generator = torch.Generator("xpu").manual_seed(5)
    x = FILLS[name](torch.empty(COUNT, dtype=dtype, device="xpu"), generator).cpu().double()
    assert not x.isnan().any()
    levels = DISTRIBUTIONS[name](x.sort().values)
    distance = (levels - torch.arange(1, COUNT + 1) / COUNT).abs().max().item()
    # Kolmogorov and Smirnov's bound at 1e-6, and what rounding to the dtype moves a level by.
    rounding = {torch.bfloat16: 2e-2, torch.float16: 3e-3}.get(dtype, 0)
    assert distance < 2.7 / math.sqrt(COUNT) + rounding


@pytest.mark.parametrize("name", DISCRETE)
@pytest.mark.parametrize("dtype", [*FLOATS, *INTEGERS])
def test_discrete_distribution(name: str, dtype: torch.dtype) -> None:
    generator = torch.Generator("xpu").manual_seed(6)
    x = FILLS[name](torch.empty(COUNT, dtype=dtype, device="xpu"), generator).cpu().double()
    for value, probability in DISCRETE[name].items():
        share = (x == value).double().mean().item()
        assert abs(share - probability) < 5 * math.sqrt(probability / COUNT), value


def test_normal_numbers_are_independent() -> None:
    generator = torch.Generator("xpu").manual_seed(8)
    x = torch.randn(COUNT, device="xpu", generator=generator).cpu().double()
    for lag in (1, 2, 255, 256, 257, 512, 1024):
        correlation = (x[lag:] * x[:-lag]).mean().item()
        assert abs(correlation) < 5 / math.sqrt(COUNT), lag
    assert abs((x**4).mean().item() - 3) < 0.1


@pytest.mark.parametrize("dtype", FLOATS)
def test_uniform_excludes_the_upper_bound(dtype: torch.dtype) -> None:
    x = torch.empty(COUNT * 4, dtype=dtype, device="xpu").uniform_(0.5, 1)
    assert x.min() >= 0.5 and x.max() < 1


def test_exponential_is_never_zero() -> None:
    assert torch.empty(2**22, device="xpu", dtype=torch.float16).exponential_().min() > 0


@pytest.mark.parametrize("name", FILLS)
def test_the_seed_decides(name: str) -> None:
    fill = FILLS[name]

    def made(seed: int, count: int = 1000) -> torch.Tensor:
        x = torch.empty(count, device="xpu")
        return fill(x, torch.Generator("xpu").manual_seed(seed)).cpu()

    assert torch.equal(made(1), made(1))
    assert not torch.equal(made(1), made(2))


def test_calls_do_not_overlap_and_states_resume() -> None:
    torch.xpu.manual_seed(11)
    first = torch.rand(3000, device="xpu")
    state = torch.xpu.get_rng_state()
    second = torch.rand(3000, device="xpu")
    torch.xpu.set_rng_state(state)
    again = torch.rand(3000, device="xpu")
    assert torch.equal(second, again)
    # Numbers of 24 bits meet by chance: half a pair is expected among these.
    assert len(set(first.tolist()) & set(second.tolist())) < 5


@pytest.mark.parametrize("name", FILLS)
def test_offset_grows_by_multiples_of_four(name: str) -> None:
    generator = torch.Generator("xpu").manual_seed(1)
    for count in (1, 3, 4097):
        before = generator.get_offset()
        FILLS[name](torch.empty(count, device="xpu"), generator)
        grown = generator.get_offset() - before
        assert grown > 0 and grown % 4 == 0


def test_empty_tensors_take_no_numbers() -> None:
    generator = torch.Generator("xpu").manual_seed(1)
    for fill in FILLS.values():
        fill(torch.empty(0, device="xpu"), generator)
    assert generator.get_offset() == 0


@pytest.mark.parametrize("name", FILLS)
def test_strided_outputs(name: str) -> None:
    def filled(view: torch.Tensor) -> torch.Tensor:
        return FILLS[name](view, torch.Generator("xpu").manual_seed(3))

    expected = filled(torch.empty(30, 40, device="xpu"))
    parent = torch.full((30, 80), -7.0, device="xpu")
    assert torch.equal(filled(parent[:, ::2]), expected)
    assert (parent[:, 1::2] == -7).all()


def test_complex_normal() -> None:
    x = torch.randn(COUNT, dtype=torch.complex64, device="xpu").cpu()
    assert abs(x.abs().square().mean().item() - 1) < 0.02
    assert abs((x.real * x.imag).mean().item()) < 0.01


@pytest.mark.parametrize("p_dtype", FLOATS)
def test_bernoulli_of_a_tensor(p_dtype: torch.dtype) -> None:
    p = torch.linspace(0, 1, 11, dtype=p_dtype, device="xpu")
    x = torch.empty(20000, 11, device="xpu").bernoulli_(p)
    assert torch.allclose(x.mean(0).cpu(), p.cpu().float(), atol=0.025)
    assert (x[:, 0] == 0).all() and (x[:, -1] == 1).all()
    assert torch.bernoulli(p).dtype == p_dtype


def test_normal_of_tensors() -> None:
    mean = torch.tensor([-3.0, 0.0, 4.0], device="xpu").expand(50000, 3)
    deviation = torch.tensor([1.0, 2.0, 0.5], device="xpu").expand(50000, 3)
    for x in (torch.normal(mean, deviation), torch.normal(mean, 1.0), torch.normal(0.0, deviation)):
        assert x.shape == (50000, 3)
    x = torch.normal(mean, deviation).cpu()
    assert torch.allclose(x.mean(0), mean[0].cpu(), atol=0.05)
    assert torch.allclose(x.std(0), deviation[0].cpu(), rtol=0.05)


@pytest.mark.parametrize(("samples", "replacement"), [(1, False), (2000, True)])
@pytest.mark.parametrize("dtype", FLOATS)
def test_multinomial(samples: int, replacement: bool, dtype: torch.dtype) -> None:
    torch.xpu.manual_seed(0)
    p = torch.tensor([0.0, 1.0, 2.0, 0.0, 5.0, 0.0], dtype=dtype, device="xpu")
    drawn = torch.multinomial(p.expand(4000, 6), samples, replacement)
    assert drawn.dtype == torch.int64 and drawn.shape == (4000, samples)
    shares = torch.bincount(drawn.cpu().flatten(), minlength=6) / drawn.numel()
    assert torch.allclose(shares, p.cpu().float() / 8, atol=0.03)
    assert not shares[p.cpu() == 0].any()


def test_multinomial_without_replacement() -> None:
    p = torch.rand(50, 20, device="xpu") + 0.01
    drawn = torch.multinomial(p, 20)
    assert torch.equal(drawn.cpu().sort(1).values, torch.arange(20).expand(50, 20))


@pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.float32, torch.float16])
@pytest.mark.parametrize("n", [0, 1, 2, 17, 256, 1000])
def test_randperm_is_a_permutation(n: int, dtype: torch.dtype) -> None:
    order = torch.randperm(n, dtype=dtype, device="xpu")
    assert order.dtype == dtype
    assert torch.equal(order.cpu().long().sort().values, torch.arange(n))


def test_randperm_makes_every_order_alike() -> None:
    draws = 6000
    generator = torch.Generator("xpu").manual_seed(0)
    orders = [torch.randperm(4, device="xpu", generator=generator) for _ in range(draws)]
    counts = collections.Counter(map(tuple, torch.stack(orders).tolist()))
    expected = draws / 24
    chi_square = sum(
        (counts[order] - expected) ** 2 / expected for order in itertools.permutations(range(4))
    )
    assert chi_square < 60  # 23 degrees of freedom: 3e-5


def test_randperm_of_a_million() -> None:
    n = 1_000_003
    order = torch.randperm(n, device="xpu").cpu()
    assert torch.equal(order.sort().values, torch.arange(n))
    assert abs(torch.corrcoef(torch.stack([order, torch.arange(n)]).double())[0, 1]) < 0.01


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("p", [0.1, 0.5])
def test_dropout(dtype: torch.dtype, p: float) -> None:
    x = torch.full((1000, 100), 3.0, dtype=dtype, device="xpu", requires_grad=True)
    y = F.dropout(x, p)
    kept = y != 0
    assert abs(kept.float().mean().item() - (1 - p)) < 0.01
    scaled = torch.tensor(3 / (1 - p)).to(dtype)
    assert torch.allclose(y[kept].cpu(), scaled, rtol=1e-2)
    y.backward(torch.ones_like(y))
    gradient = torch.where(kept, torch.tensor(1 / (1 - p), dtype=dtype, device="xpu"), 0)
    assert torch.allclose(x.grad, gradient, rtol=1e-2)


@pytest.mark.parametrize("p", [0.0, 1.0])
def test_dropout_at_the_ends(p: float) -> None:
    x = torch.randn(100, device="xpu", requires_grad=True)
    y = F.dropout(x, p)
    assert torch.equal(y, x if p == 0 else torch.zeros_like(x))
    y.sum().backward()
    assert torch.equal(x.grad, torch.full_like(x, 1 - p))


def test_native_dropout_mask_and_layout() -> None:
    x = torch.randn(4, 8, 5, 5, device="xpu").to(memory_format=torch.channels_last)
    y, mask = torch.native_dropout(x, 0.4, True)
    assert mask.dtype == torch.bool and y.stride() == x.stride()
    assert torch.allclose(y, torch.where(mask, x / 0.6, 0))
    same, ones = torch.native_dropout(x, 0.4, False)
    assert torch.equal(same, x) and ones.all()


ERRORS = [
    (lambda x: x.uniform_(2, 1), "uniform_ expects to return a"),
    (lambda x: x.normal_(0, -1), "normal expects std >= 0.0"),
    (lambda x: x.bernoulli_(1.5), "bernoulli_ expects p to be in"),
    (lambda x: x.geometric_(0), "geometric_ expects p to be in"),
    (lambda x: x.exponential_(-1), "exponential_ expects lambda > 0.0"),
    (lambda x: x.cauchy_(0, -1), "cauchy_ expects sigma > 0.0"),
    (lambda x: x.log_normal_(0, -1), "log_normal_ expects std > 0.0"),
    (lambda x: x.random_(5, 5), "random_ expects 'from' to be less than 'to'"),
    (lambda x: x.byte().random_(0, 300), "out of bounds"),
    (lambda x: x[:1].expand(3).uniform_(), "more than one element of the written-to tensor"),
    (lambda x: torch.randperm(-1, out=x.long()), "n must be non-negative"),
    (lambda x: torch.multinomial(x, 1), "invalid multinomial distribution"),
    (lambda x: torch.multinomial(x - 1, 1), "element < 0"),
    (lambda x: torch.multinomial(x + 1, 9), "without replacement"),
    (lambda x: x.normal_(generator=torch.Generator("cpu")), "Expected a 'xpu' device type"),
]


@pytest.mark.parametrize(("call", "message"), ERRORS)
def test_errors(call, message: str) -> None:
    with pytest.raises(RuntimeError, match=message):
        call(torch.zeros(5, device="xpu"))
