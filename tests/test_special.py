"""Operators whose hard inputs PyTorch's operator database leaves out, against the CPU."""

import pytest
import torch

INFINITY, NAN = float("inf"), float("nan")
EDGES = torch.tensor([0.0, -0.0, 1.0, -1.0, 0.5, 5.0, 5.001, 8.0, 20.0, -3.5, INFINITY, NAN])

UNARY = {
    "bessel": ["bessel_j0", "bessel_j1", "bessel_y0", "bessel_y1"],
    "modified": ["i0e", "i1e", "modified_bessel_k0", "scaled_modified_bessel_k1"],
    "probability": ["entr", "erfcx", "log_ndtr", "ndtri"],
    "gamma": ["digamma"],
}
POLYNOMIALS = [
    f"{shift}chebyshev_polynomial_{kind}" for shift in ("", "shifted_") for kind in "tuvw"
] + ["hermite_polynomial_h", "hermite_polynomial_he", "laguerre_polynomial_l"]


def assert_close(actual, expected, rtol: float = 5e-5, atol: float = 5e-6) -> None:
    torch.testing.assert_close(actual.cpu(), expected, rtol=rtol, atol=atol, equal_nan=True)


@pytest.mark.parametrize("name", [name for names in UNARY.values() for name in names])
def test_edges_of_the_domain(name: str) -> None:
    function = getattr(torch.special, name)
    assert_close(function(EDGES.to("xpu")), function(EDGES.double()).float())


@pytest.mark.parametrize("function", [torch.erf, torch.erfinv])
def test_error_function_in_units_of_the_last_place(function) -> None:
    inside = torch.cat([torch.linspace(-1, 1, 100_001)[1:-1], torch.logspace(-30, -1, 1000)])
    x = inside * 5 if function is torch.erf else inside
    expected = function(x.double())
    rounded = expected.float().abs()
    unit = torch.nextafter(rounded, torch.tensor(INFINITY)).double() - rounded
    assert ((function(x.to("xpu")).cpu().double() - expected).abs() <= 2 * unit).all()
    edges = torch.tensor([0.0, -0.0, 1.0, -1.0, INFINITY, -INFINITY, NAN])
    assert_close(function(edges.to("xpu")), function(edges), rtol=2e-7, atol=0)
    assert function(edges.to("xpu")).cpu()[1].signbit()


def test_airy_keeps_its_phase_far_from_zero() -> None:
    x = -torch.logspace(0, 4.5, 200)
    expected = torch.special.airy_ai(x.double()).float()
    assert_close(torch.special.airy_ai(x.to("xpu")), expected, atol=2e-7)


@pytest.mark.parametrize("dtype", [torch.int8, torch.int16, torch.int32])
def test_common_multiples_wrap_as_on_the_cpu(dtype: torch.dtype) -> None:
    last = torch.iinfo(dtype).max
    a, b = torch.arange(last - 30, last, dtype=dtype), torch.arange(-20, 10, dtype=dtype)
    assert torch.equal(torch.lcm(a.to("xpu"), b.to("xpu")).cpu(), torch.lcm(a, b))


@pytest.mark.parametrize("name", POLYNOMIALS)
@pytest.mark.parametrize("degree", [-1.0, 0.0, 1.0, 2.9, 7.0, 30.0])
def test_degrees_of_polynomials(name: str, degree: float) -> None:
    function = getattr(torch.special, name)
    x = torch.tensor([-1.0, -0.6, 0.0, 0.3, 0.5, 1.0, 1.25])
    assert_close(function(x.to("xpu"), degree), function(x.double(), degree).float(), rtol=1e-3)


@pytest.mark.parametrize("name", ["gammainc", "gammaincc"])
def test_incomplete_gamma_in_all_its_regions(name: str) -> None:
    function = getattr(torch.special, name)
    a = torch.tensor([0.0, 0.1, 1.0, 5.0, 30.0, 190.0, 250.0, 1e4, INFINITY])
    x = torch.tensor([0.0, 0.05, 0.4, 1.0, 1.05, 4.0, 29.0, 200.0, 251.0, 1.001e4, 1e22, INFINITY])
    pair = torch.meshgrid(a, x, indexing="ij")
    expected = function(*(value.double() for value in pair)).float()
    assert_close(function(*(value.to("xpu") for value in pair)), expected, rtol=5e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.int64, torch.bool])
@pytest.mark.parametrize("dim", [0, 1, -1])
def test_unique_slices(dtype: torch.dtype, dim: int) -> None:
    generator = torch.Generator().manual_seed(1)
    x = torch.randint(0, 2, (300, 3, 4), generator=generator).to(dtype)
    expected = torch.unique(x, dim=dim, return_inverse=True, return_counts=True)
    actual = torch.unique(x.to("xpu"), dim=dim, return_inverse=True, return_counts=True)
    for ours, theirs in zip(actual, expected, strict=True):
        torch.testing.assert_close(ours.cpu(), theirs, rtol=0, atol=0)


@pytest.mark.parametrize("length", [1, 2, 17, 5000])
def test_mode_of_long_rows(length: int) -> None:
    generator = torch.Generator().manual_seed(length)
    x = torch.randint(0, 1 + length // 4, (5, length), generator=generator)
    values, indices = torch.mode(x.to("xpu"))
    assert torch.equal(values.cpu(), torch.mode(x).values)
    assert torch.equal(x.gather(1, indices.cpu()[:, None])[:, 0], values.cpu())


def test_membership_of_nothing_and_of_nan() -> None:
    x = torch.tensor([1.0, NAN, 3.0], device="xpu")
    assert torch.isin(x, x).tolist() == [True, False, True]
    assert torch.isin(x, x[:0]).tolist() == [False] * 3
    assert torch.isin(x, x[:0], invert=True).tolist() == [True] * 3
    assert torch.isin(3.0, x).item()


def test_histogram_closes_its_last_bin_and_ignores_the_rest() -> None:
    x = torch.tensor([-1.0, 0.0, 0.5, 1.0, 2.0, 2.5, NAN])
    edges = torch.tensor([0.0, 1.0, 2.0])
    assert torch.histogram(x.to("xpu"), edges.to("xpu")).hist.tolist() == [2.0, 2.0]
    assert torch.histc(x.to("xpu"), 2, 0, 2).tolist() == [2.0, 2.0]


@pytest.mark.parametrize("reduce", ["sum", "mean", "max", "min", "prod"])
def test_empty_segments(reduce: str) -> None:
    x = torch.tensor([1.0, 2.0, 0.0, 4.0])
    lengths = torch.tensor([2, 0, 2])
    expected = torch.segment_reduce(x, reduce, lengths=lengths)
    actual = torch.segment_reduce(x.to("xpu"), reduce, lengths=lengths.to("xpu"))
    assert_close(actual, expected)


@pytest.mark.parametrize("magnitude", [1e-42, 0.0, 1.0, -3e38, INFINITY, NAN])
def test_parts_of_numbers(magnitude: float) -> None:
    x = torch.tensor([magnitude])
    mantissa, exponent = torch.frexp(x.to("xpu"))
    assert_close(torch.ldexp(mantissa.cpu().double(), exponent.cpu()), x.double())
    if abs(magnitude) < INFINITY:
        assert exponent.cpu() == torch.frexp(x).exponent


@pytest.mark.parametrize("dim", [0, 2])
def test_weight_norm(dim: int) -> None:
    v, weights = torch.randn(4, 3, 5), torch.randn(4, 3, 5)
    g = torch.rand([size if d == dim else 1 for d, size in enumerate(v.shape)])
    gradients = []
    for device in ("cpu", "xpu"):
        leaves = [tensor.to(device).requires_grad_() for tensor in (v, g)]
        out = torch._weight_norm(*leaves, dim)
        gradients.append((out.detach(), *torch.autograd.grad(out, leaves, weights.to(device))))
    for expected, actual in zip(*gradients, strict=True):
        assert_close(actual, expected)


def test_weight_norm_by_a_vector_of_lengths() -> None:
    v, g, weights = torch.randn(4, 3), torch.rand(4), torch.randn(4, 3)

    def run(device: str) -> list[torch.Tensor]:
        moved = [tensor.to(device) for tensor in (v, g, weights)]
        out, norms = torch._weight_norm_interface(*moved[:2], 0)
        gradients = torch.ops.aten._weight_norm_interface_backward(moved[2], *moved[:2], norms, 0)
        return [out, norms, *gradients]

    for actual, expected in zip(run("xpu"), run("cpu"), strict=True):
        assert_close(actual, expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16], ids=str)
@pytest.mark.parametrize(
    "arguments", [(7,), (8, False), (1,), (0,), (9, True, 3.5), (6, False, 0.0)], ids=str
)
def test_kaiser_window(arguments: tuple, dtype: torch.dtype) -> None:
    window = torch.kaiser_window(*arguments, dtype=dtype, device="xpu")
    expected = torch.kaiser_window(*arguments, dtype=torch.float64)
    assert window.device.type == "xpu" and window.dtype == dtype
    tolerance = 8 * torch.finfo(dtype).eps
    torch.testing.assert_close(window.cpu().double(), expected, rtol=tolerance, atol=tolerance)


def test_fake_quantize() -> None:
    x = torch.linspace(-30, 30, 60).view(3, 20).requires_grad_()
    scales, zero_points = torch.tensor([0.1, 0.2, 0.05]), torch.tensor([0, 5, -7])

    def run(device: str) -> list[torch.Tensor]:
        values, scale = x.detach().to(device).requires_grad_(), scales.to(device)
        zero_point = zero_points.to(device, torch.int32)
        outs = [
            torch.fake_quantize_per_tensor_affine(values, 0.1, 3, -128, 127),
            torch.fake_quantize_per_tensor_affine(values, scale[:1], zero_point[:1], -128, 127),
            torch.fake_quantize_per_channel_affine(values, scale, zero_point, 0, -128, 127),
        ]
        return [*outs, torch.autograd.grad(sum(out.sum() for out in outs), values)[0]]

    for actual, expected in zip(run("xpu"), run("cpu"), strict=True):
        assert_close(actual, expected)


MEANS_AND_VARIANCES = {
    "gamma below 1": (torch._standard_gamma, (0.3,), 0.3, 0.3),
    "gamma": (torch._standard_gamma, (7.0,), 7.0, 7.0),
    "few of poisson": (torch.poisson, (2.5,), 2.5, 2.5),
    "poisson": (torch.poisson, (60.0,), 60.0, 60.0),
    "few of binomial": (torch.binomial, (20.0, 0.2), 4.0, 3.2),
    "binomial": (torch.binomial, (200.0, 0.7), 140.0, 42.0),
}


@pytest.mark.parametrize("name", MEANS_AND_VARIANCES)
def test_moments_of_samples(name: str) -> None:
    function, parameters, mean, variance = MEANS_AND_VARIANCES[name]
    count = 200_000
    torch.manual_seed(5)
    samples = function(*(torch.full((count,), value, device="xpu") for value in parameters)).cpu()
    assert abs(samples.mean() - mean) < 6 * (variance / count) ** 0.5
    assert abs(samples.var() - variance) < 0.03 * variance


def test_samples_repeat_and_have_edges() -> None:
    rates = torch.tensor([0.0, 1.0, 50.0], device="xpu").repeat(100)
    draws = []
    for _ in range(2):
        torch.manual_seed(1)
        draws.append(torch.poisson(rates))
    assert torch.equal(*draws)
    assert (draws[0][::3] == 0).all()
    counts = torch.tensor([0.0, 9.0, 9.0], device="xpu")
    chances = torch.tensor([0.5, 0.0, 1.0], device="xpu")
    assert torch.binomial(counts, chances).tolist() == [0.0, 0.0, 9.0]
    shares = torch._sample_dirichlet(torch.rand(50, 4, device="xpu") + 0.1)
    assert_close(shares.sum(-1), torch.ones(50))


@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128])
def test_complex_powers_of_infinity(dtype: torch.dtype) -> None:
    parts = (0.0, 1.0, INFINITY, -INFINITY, NAN)
    z = torch.tensor([complex(a, b) for a in (-INFINITY, INFINITY) for b in parts], dtype=dtype)
    assert_close(torch.exp(z.to("xpu")), torch.exp(z))
    bases = torch.tensor([0.3 + 0.2j, -0.5j, 2 - 1j], dtype=dtype)
    for exponent in (INFINITY, -INFINITY):
        smaller = bases[:2] if exponent > 0 else bases[2:]
        assert torch.equal((smaller.to("xpu") ** exponent).abs().cpu(), smaller.abs() * 0)


def test_clamp_by_bounds_that_are_not_numbers() -> None:
    x = torch.tensor([-2.0, 0.5, NAN])
    for bounds in ((NAN, 1.0), (-1.0, NAN), (-1.0, 1.0), (1.0, -1.0)):
        assert_close(x.to("xpu").clamp(*bounds), x.clamp(*bounds))


def test_addr_refuses_factors_that_would_be_cut() -> None:
    for device in ("cpu", "xpu"):
        whole = torch.ones(3, dtype=torch.int64, device=device)
        for factor in ({"alpha": 1.5}, {"beta": 1.5}):
            with pytest.raises(RuntimeError, match="must not be a floating point number"):
                torch.addr(whole.expand(3, 3), whole, whole, **factor)


@pytest.mark.parametrize("name", ["modified_bessel_k0", "scaled_modified_bessel_k0"])
def test_bessel_of_subnormal_numbers(name: str) -> None:
    x = torch.tensor([1.0, 3.0, 5.0]) * 1.4e-45
    function = getattr(torch.special, name)
    assert_close(function(x.to("xpu")), function(x.double()).float(), rtol=1e-6)


def test_complex_quotients_by_zero() -> None:
    """The sign of the zero does not count, as on the CPU."""
    z = torch.tensor([1 + 1j, -1 + 1j, 1 - 1j, -1 - 1j, 1j, 2])
    for zero in (0.0, -0.0):
        divisor = torch.full((6,), zero)
        assert_close(z.to("xpu") / divisor.to("xpu"), z / divisor)


def test_zeta_of_large_arguments() -> None:
    s = torch.tensor([1.46e9, 40.0, 3e5, NAN])
    q = torch.tensor([2.0, 3.0, 1.0, 2.0])
    assert_close(torch.special.zeta(s.to("xpu"), q.to("xpu")), torch.special.zeta(s, q))


def test_zeta_beside_its_pole() -> None:
    """The sum converges slowly: what follows the first terms counts though each is small."""
    q = torch.logspace(-7, 2, 50).repeat(4)
    s = torch.tensor([1.012, 1.05, 1.2, 1.5]).repeat_interleave(50)
    expected = torch.special.zeta(s.double(), q.double()).float()
    assert_close(torch.special.zeta(s.to("xpu"), q.to("xpu")), expected, rtol=2e-6)


def test_zeta_whose_first_terms_vanish() -> None:
    """Each term is below float32's smallest number, their sum is not."""
    s, q = torch.tensor([3.0, 2.5, 4.0]), torch.tensor([3.3e18, 1e24, 1e12])
    expected = torch.special.zeta(s.double(), q.double()).float()
    assert_close(torch.special.zeta(s.to("xpu"), q.to("xpu")), expected, rtol=2e-6, atol=0)


def test_zeta_of_infinite_terms() -> None:
    s, q = torch.tensor([139.0, 205.0]), torch.tensor([-0.4759034514427185, -0.5210414528846741])
    expected = torch.special.zeta(s.double(), q.double()).float()
    assert expected.tolist() == [-INFINITY, INFINITY]
    assert_close(torch.special.zeta(s.to("xpu"), q.to("xpu")), expected)


def test_incomplete_gamma_functions_of_subnormal_numbers() -> None:
    a, x = torch.tensor([1.3e-44, 1.3e-44, 0.7]), torch.tensor([0.73, 0.0, 1.3e-44])
    for function in (torch.special.gammainc, torch.special.gammaincc):
        expected = function(a.double(), x.double()).float()
        assert_close(function(a.to("xpu"), x.to("xpu")), expected)
