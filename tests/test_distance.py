"""Distances between rows against the CPU."""

import pytest
import torch

EXPONENTS = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, float("inf"))


def rows(*shape: int, dtype: torch.dtype, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=dtype)


def check(function, *tensors: torch.Tensor) -> None:
    """Result and gradients."""
    references = [tensor.clone().requires_grad_() for tensor in tensors]
    actual = [tensor.xpu().requires_grad_() for tensor in tensors]
    expected, result = function(*references), function(*actual)
    torch.testing.assert_close(result.cpu(), expected)
    if expected.numel() == 0:
        return
    gradient = rows(*expected.shape, dtype=expected.dtype, seed=9)
    expected.backward(gradient)
    result.backward(gradient.xpu())
    for tensor, reference in zip(actual, references, strict=True):
        torch.testing.assert_close(tensor.grad.cpu(), reference.grad, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("p", EXPONENTS)
@pytest.mark.parametrize(
    "first, second",
    [((5, 3), (7, 3)), ((2, 30, 17), (28, 17)), ((1, 3), (600, 3)), ((3, 1, 4, 2), (5, 6, 2))],
    ids=str,
)
def test_cdist(first, second, p, dtype):
    matrices = rows(*first, dtype=dtype), rows(*second, dtype=dtype, seed=1)
    mode = "donot_use_mm_for_euclid_dist"
    check(lambda x, y: torch.cdist(x, y, p, compute_mode=mode), *matrices)


@pytest.mark.parametrize("dtype", [torch.float64], ids=str)
def test_cdist_by_a_product(dtype):
    matrices = rows(40, 8, dtype=dtype), rows(50, 8, dtype=dtype, seed=1)
    check(torch.cdist, *matrices)


@pytest.mark.parametrize("p", EXPONENTS)
def test_equal_rows(p):
    matrix = rows(4, 3, dtype=torch.float32)
    check(lambda x: torch.cdist(x, x.detach().clone(), p), matrix)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("p", EXPONENTS)
@pytest.mark.parametrize("shape", [(2, 3), (9, 5), (600, 3)], ids=str)
def test_pdist(shape, p, dtype):
    check(lambda x: torch.nn.functional.pdist(x, p), rows(*shape, dtype=dtype))


@pytest.mark.parametrize("first, second", [((0, 3), (4, 3)), ((4, 0), (3, 0)), ((0, 2, 3), (4, 3))])
def test_empty(first, second):
    check(torch.cdist, torch.ones(first), torch.ones(second))
    check(torch.nn.functional.pdist, torch.ones(first[-2:]))


@pytest.mark.parametrize("call", [lambda x: torch.cdist(x, x), torch.pdist], ids=["cdist", "pdist"])
def test_dtypes(call):
    with pytest.raises(RuntimeError) as expected:
        call(torch.ones(3, 3, dtype=torch.int64))
    with pytest.raises(RuntimeError) as actual:
        call(torch.ones(3, 3, dtype=torch.int64, device="xpu"))
    assert str(actual.value) == str(expected.value)
