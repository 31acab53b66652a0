"""Matrix products against the CPU in float64: by the library, and by both kernels of ours."""

import itertools

import pytest
import torch
from device_dtypes import needs_double

pytestmark = pytest.mark.usefixtures("way")


TOLERANCES = {
    torch.float32: 1e-5,
    torch.float64: 1e-12,
    torch.bfloat16: 1.6e-2,
    torch.float16: 2e-3,
}
LIBRARY_DTYPES = (torch.float32, torch.bfloat16, torch.float16)


def rows(matrix: torch.Tensor) -> torch.Tensor:
    return matrix.contiguous()


def columns(matrix: torch.Tensor) -> torch.Tensor:
    return matrix.mT.contiguous().mT


def padded(matrix: torch.Tensor) -> torch.Tensor:
    """Rows with a gap between them."""
    *batch, height, width = matrix.shape
    holder = torch.empty(*batch, height, width + 3, dtype=matrix.dtype, device=matrix.device)
    holder[..., :width] = matrix
    return holder[..., :width]


def sparse_strides(matrix: torch.Tensor) -> torch.Tensor:
    """No dimension of stride 1."""
    *batch, height, width = matrix.shape
    holder = torch.empty(*batch, height, width, 2, dtype=matrix.dtype, device=matrix.device)
    holder[..., 0] = matrix
    return holder[..., 0]


LAYOUTS = (rows, columns, padded, sparse_strides)


def values(*shape: int, dtype: torch.dtype, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(shape, generator=generator, dtype=torch.float64).sub_(0.5).to(dtype)


def check(actual: torch.Tensor, reference: torch.Tensor) -> None:
    """`reference` is in float64."""
    tolerance = TOLERANCES[actual.dtype]
    torch.testing.assert_close(
        actual.cpu().double(), reference.double(), rtol=tolerance, atol=tolerance, equal_nan=True
    )


@pytest.mark.parametrize("dtype", (*LIBRARY_DTYPES, torch.float64), ids=str)
@pytest.mark.parametrize(
    "shape", [(1, 1, 1), (1, 64, 33), (17, 5, 1), (33, 128, 65), (7, 1, 9)], ids=str
)
@pytest.mark.parametrize("batch", [(), (1,), (5,)], ids=str)
def test_product(batch, shape, dtype):
    height, depth, width = shape
    first, second = (
        values(*batch, height, depth, dtype=dtype),
        values(*batch, depth, width, dtype=dtype),
    )
    check(first.xpu() @ second.xpu(), first.double() @ second.double())


@pytest.mark.parametrize("dtype", LIBRARY_DTYPES, ids=str)
@pytest.mark.parametrize("batch", [(), (3,)], ids=str)
@pytest.mark.parametrize(
    "first_layout, second_layout, out_layout",
    list(itertools.product(LAYOUTS, repeat=3)),
    ids=lambda layout: layout.__name__,
)
def test_any_strides(batch, first_layout, second_layout, out_layout, dtype):
    first, second = values(*batch, 9, 20, dtype=dtype), values(*batch, 20, 12, dtype=dtype)
    out = out_layout(torch.full((*batch, 9, 12), torch.nan, dtype=dtype, device="xpu"))
    strides = out.stride()
    torch.matmul(first_layout(first.xpu()), second_layout(second.xpu()), out=out)
    check(out, first.double() @ second.double())
    assert out.stride() == strides


def test_expanded_operands():
    first, second = values(1, 8, dtype=torch.float32), values(8, 4, dtype=torch.float32)
    reference = first.double().expand(6, 8) @ second.double()
    check(first.xpu().expand(6, 8) @ second.xpu(), reference)
    check(
        torch.bmm(first.xpu().expand(5, 6, 8), second.xpu().expand(5, 8, 4)),
        reference.expand(5, 6, 4),
    )


@pytest.mark.parametrize("dtype", (*LIBRARY_DTYPES, torch.float64), ids=str)
@pytest.mark.parametrize("beta, alpha", [(1, 1), (0, 1), (1, 0.5), (0.25, 1), (-2, 3), (0, 0)])
@pytest.mark.parametrize("self_shape", [(12,), (1, 12), (9, 1), (9, 12), (1,), ()], ids=str)
def test_addmm(self_shape, beta, alpha, dtype):
    base, first, second = (
        values(*self_shape, dtype=dtype),
        values(9, 20, dtype=dtype),
        values(20, 12, dtype=dtype),
    )
    if beta == 0:
        base = torch.full_like(base, torch.nan)  # must not show
    reference = torch.addmm(base.double(), first.double(), second.double(), beta=beta, alpha=alpha)
    check(torch.addmm(base.xpu(), first.xpu(), second.xpu(), beta=beta, alpha=alpha), reference)


@pytest.mark.parametrize("dtype", LIBRARY_DTYPES, ids=str)
@pytest.mark.parametrize("beta, alpha", [(1, 1), (0, 1), (0.5, 2)])
@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.__name__)
def test_addmm_in_place(layout, beta, alpha, dtype):
    base, first, second = (
        values(9, 12, dtype=dtype),
        values(9, 20, dtype=dtype),
        values(20, 12, dtype=dtype),
    )
    target = layout(base.xpu())
    target.addmm_(first.xpu(), second.xpu(), beta=beta, alpha=alpha)
    check(
        target, torch.addmm(base.double(), first.double(), second.double(), beta=beta, alpha=alpha)
    )


@pytest.mark.parametrize("dtype", (*LIBRARY_DTYPES, torch.float64), ids=str)
@pytest.mark.parametrize("beta, alpha", [(1, 1), (0, 1), (0.5, 2)])
@pytest.mark.parametrize("self_shape", [(4, 9, 12), (1, 9, 12), (12,), (9, 1), ()], ids=str)
def test_baddbmm(self_shape, beta, alpha, dtype):
    base, first, second = (
        values(*self_shape, dtype=dtype),
        values(4, 9, 20, dtype=dtype),
        values(4, 20, 12, dtype=dtype),
    )
    reference = torch.baddbmm(
        base.double(), first.double(), second.double(), beta=beta, alpha=alpha
    )
    check(torch.baddbmm(base.xpu(), first.xpu(), second.xpu(), beta=beta, alpha=alpha), reference)


@pytest.mark.parametrize("dtype", (*LIBRARY_DTYPES, torch.float64), ids=str)
@pytest.mark.parametrize("beta, alpha", [(1, 1), (0, 1), (0.5, 2)])
@pytest.mark.parametrize("self_shape", [(9,), (1,), ()], ids=str)
@pytest.mark.parametrize("step", [1, 3])
def test_addmv(step, self_shape, beta, alpha, dtype):
    base, matrix, vector = (
        values(*self_shape, dtype=dtype),
        values(9, 20, dtype=dtype),
        values(60, dtype=dtype),
    )
    vector = vector[: 20 * step : step]
    reference = torch.addmv(base.double(), matrix.double(), vector.double(), beta=beta, alpha=alpha)
    device_vector = torch.empty(20 * step, dtype=dtype, device="xpu")[::step].copy_(vector)
    actual = torch.addmv(base.xpu(), matrix.xpu(), device_vector, beta=beta, alpha=alpha)
    check(actual, reference)


@pytest.mark.parametrize("dtype", (*LIBRARY_DTYPES, torch.float64), ids=str)
@pytest.mark.parametrize("product", [torch.dot, torch.vdot], ids=["dot", "vdot"])
@pytest.mark.parametrize("size", [0, 1, 1000])
def test_dot(size, product, dtype):
    first, second = values(size, dtype=dtype), values(size, dtype=dtype, seed=1)
    check(product(first.xpu(), second.xpu()), product(first.double(), second.double()))


@pytest.mark.parametrize("height, depth, width", [(0, 4, 5), (3, 0, 5), (3, 4, 0), (0, 0, 0)])
@pytest.mark.parametrize("batch", [(), (2,), (0,)], ids=str)
def test_empty(batch, height, depth, width):
    first = values(*batch, height, depth, dtype=torch.float32)
    second = values(*batch, depth, width, dtype=torch.float32)
    check(first.xpu() @ second.xpu(), first.double() @ second.double())


@pytest.mark.parametrize("beta", [0, 1, 0.5])
def test_empty_depth_keeps_self(beta):
    base = values(3, 5, dtype=torch.float32)
    actual = torch.addmm(
        base.xpu(), torch.empty(3, 0, device="xpu"), torch.empty(0, 5, device="xpu"), beta=beta
    )
    check(actual, base.double() * beta)


INTEGERS = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)
COMPLEX = (torch.complex64, torch.complex128)


def exact_values(*shape: int, dtype: torch.dtype, seed: int = 0) -> torch.Tensor:
    """Whole numbers, whose products and sums every dtype wider than 16 bits holds."""
    generator = torch.Generator().manual_seed(seed)
    parts = [torch.randint(-9, 10, shape, generator=generator) for _ in range(2)]
    return (
        torch.complex(*(part.double() for part in parts)).to(dtype)
        if dtype.is_complex
        else parts[0].to(dtype)
    )


@pytest.mark.parametrize("dtype", (*INTEGERS, *COMPLEX, torch.float64, torch.float32), ids=str)
@pytest.mark.parametrize(
    "shape",
    [
        (3, 4, 5),
        (9, 20, 12),
        (140, 300, 70),
        (1, 70, 300),
        (300, 70, 1),
        (3, 5000, 4),
        (1, 40000, 1),
    ],
    ids=str,
)
def test_exact(shape, dtype):
    height, depth, width = shape
    first = exact_values(height, depth, dtype=dtype)
    second = exact_values(depth, width, dtype=dtype, seed=1)
    base = exact_values(height, width, dtype=dtype, seed=2)
    expected = torch.addmm(base, first, second, beta=3, alpha=2)
    for first_layout, second_layout in itertools.product((rows, columns), repeat=2):
        operands = first_layout(first.xpu()), second_layout(second.xpu())
        assert torch.equal((operands[0] @ operands[1]).cpu(), first @ second)
        assert torch.equal(torch.addmm(base.xpu(), *operands, beta=3, alpha=2).cpu(), expected)


@pytest.mark.parametrize("dtype", COMPLEX, ids=str)
def test_conjugated(dtype):
    first, second = exact_values(9, 20, dtype=dtype), exact_values(12, 20, dtype=dtype, seed=1)
    assert torch.equal((first.xpu().conj() @ second.xpu().mH).cpu(), first.conj() @ second.mH)
    for left, right in itertools.product((False, True), repeat=2):
        vectors = [
            vector.conj() if conjugated else vector
            for vector, conjugated in zip((first[0], second[0]), (left, right), strict=True)
        ]
        on_device = [
            vector.xpu().conj() if conjugated else vector.xpu()
            for vector, conjugated in zip((first[0], second[0]), (left, right), strict=True)
        ]
        for product in (torch.dot, torch.vdot):
            assert torch.equal(product(*on_device).cpu(), product(*vectors))


def test_int_mm():
    generator = torch.Generator().manual_seed(0)
    first = torch.randint(-128, 128, (33, 64), generator=generator, dtype=torch.int8)
    second = torch.randint(-128, 128, (64, 48), generator=generator, dtype=torch.int8)
    actual = torch._int_mm(first.xpu(), second.xpu())
    assert actual.dtype == torch.int32
    assert torch.equal(actual.cpu(), first.int() @ second.int())


@pytest.mark.parametrize("dtype", LIBRARY_DTYPES, ids=str)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    "input_shape, transposed",
    [
        ((20,), False),
        ((9, 20), False),
        ((0, 20), False),
        ((2, 3, 20), False),
        ((2, 3, 20), True),
        ((2, 3, 4, 20), True),
        ((3, 0, 20), True),
    ],
    ids=str,
)
def test_linear_gradients(input_shape, transposed, bias, dtype):
    tensors = [values(*input_shape, dtype=dtype), values(12, 20, dtype=dtype)]
    if bias:
        tensors.append(values(12, dtype=dtype))
    references = [tensor.double().requires_grad_() for tensor in tensors]
    actual = [tensor.xpu().requires_grad_() for tensor in tensors]
    gradient = values(*input_shape[:-1], 12, dtype=dtype)
    if transposed:
        gradient = gradient.transpose(0, 1)

    def linear(input, *parameters):
        input = input.transpose(0, 1) if transposed else input
        return torch.nn.functional.linear(input, *parameters)

    expected_result = linear(*references)
    result = linear(*actual)
    check(result, expected_result)
    expected_result.backward(gradient.double())
    result.backward(gradient.xpu())
    for tensor, reference in zip(actual, references, strict=True):
        check(tensor.grad, reference.grad)


@pytest.mark.parametrize("shape", [(2, 3, 2), (2, 2, 3, 2)], ids=str)
def test_linear_adds_its_bias_before_it_rounds(shape) -> None:
    """257 has no bfloat16, so a rounded product would give 0."""
    x = torch.ones(shape, dtype=torch.bfloat16, device="xpu").transpose(0, 1)
    weight = torch.tensor([[256.0, 1.0]], dtype=torch.bfloat16, device="xpu")
    bias = torch.tensor([-256.0], dtype=torch.bfloat16, device="xpu")
    assert torch.equal(torch.nn.functional.linear(x, weight, bias), torch.ones_like(x[..., :1]))


def test_linear_with_a_bias_of_another_dtype() -> None:
    x, weight = values(4, 2, 6, dtype=torch.bfloat16), values(5, 6, dtype=torch.bfloat16)
    bias = values(5, dtype=torch.float32)
    result = torch.nn.functional.linear(x.xpu().transpose(0, 1), weight.xpu(), bias.xpu())
    check(result, x.double().transpose(0, 1) @ weight.double().t() + bias.double())


@needs_double
def test_second_derivative():
    matrices = [values(4, 5, dtype=torch.float64).xpu(), values(5, 3, dtype=torch.float64).xpu()]
    matrices = [matrix.requires_grad_() for matrix in matrices]
    assert torch.autograd.gradgradcheck(
        lambda first, second: torch.mm(first, second).tanh(), matrices
    )


BAD_CALLS = {
    "depth": lambda device: torch.mm(
        torch.ones(2, 3, device=device), torch.ones(4, 2, device=device)
    ),
    "rank": lambda device: torch.mm(torch.ones(2, device=device), torch.ones(4, 2, device=device)),
    "batch": lambda device: torch.bmm(
        torch.ones(2, 3, 4, device=device), torch.ones(3, 4, 5, device=device)
    ),
    "bias": lambda device: torch.addmm(
        torch.ones(7, device=device),
        torch.ones(2, 3, device=device),
        torch.ones(3, 4, device=device),
    ),
    "dot": lambda device: torch.dot(torch.ones(2, device=device), torch.ones(3, device=device)),
    "dot dtype": lambda device: torch.dot(
        torch.ones(2, device=device), torch.ones(2, device=device, dtype=torch.int32)
    ),
}


@pytest.mark.parametrize("call", BAD_CALLS.values(), ids=BAD_CALLS)
def test_errors_are_those_of_the_cpu(call):
    with pytest.raises(RuntimeError) as expected:
        call("cpu")
    with pytest.raises(RuntimeError) as actual:
        call("xpu")
    assert str(actual.value) == str(expected.value)


@pytest.mark.parametrize("other", [torch.float64, torch.bfloat16], ids=str)
def test_mixed_dtypes_are_refused(other):
    with pytest.raises(RuntimeError, match="same dtype"):
        torch.mm(torch.ones(2, 2, device="xpu"), torch.ones(2, 2, device="xpu", dtype=other))


def test_threads_share_primitives():
    """Every thread uses the same cached primitives at once, on a stream of its own."""
    import threading

    first, second = values(64, 96, dtype=torch.float32), values(96, 32, dtype=torch.float32)
    reference = first.double() @ second.double()
    failures = []

    def work():
        try:
            with torch.xpu.stream(torch.xpu.Stream()):
                left, right = first.xpu(), second.xpu()
                for _ in range(50):
                    result = left @ right
                check(result, reference)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


@pytest.mark.parametrize("beta, alpha", [(1, 1), (0, 1), (0.5, 2)])
@pytest.mark.parametrize("shape", [(3, 4, 5, 6), (0, 4, 5, 6), (3, 4, 0, 6)], ids=str)
def test_addbmm(shape, beta, alpha):
    batch, height, depth, width = shape
    first = values(batch, height, depth, dtype=torch.float32)
    second = values(batch, depth, width, dtype=torch.float32, seed=1)
    base = values(width, dtype=torch.float32)
    expected = torch.addbmm(base.double(), first.double(), second.double(), beta=beta, alpha=alpha)
    check(torch.addbmm(base.xpu(), first.xpu(), second.xpu(), beta=beta, alpha=alpha), expected)
    target = base.expand(height, width).clone().xpu()
    check(target.addbmm_(first.xpu(), second.xpu(), beta=beta, alpha=alpha), expected)


def test_both_operands_repeat_their_batch(way: str) -> None:
    first, second = torch.randn(1, 7, 3).expand(2, 7, 3), torch.randn(1, 3, 5).expand(2, 3, 5)
    on_device = [x[:1].to("xpu").expand(2, -1, -1) for x in (first, second)]
    torch.testing.assert_close(torch.bmm(*on_device).cpu(), torch.bmm(first, second))
