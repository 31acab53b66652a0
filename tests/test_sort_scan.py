"""Sorting, searching and scanning on xpu, against the CPU."""

import pytest
import torch

LENGTHS = [1, 2, 33, 2048, 2049, 70_001]
DTYPES = [torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int32]
DTYPES += [torch.uint8, torch.bool]


def values(shape, dtype: torch.dtype, seed: int = 0) -> torch.Tensor:
    """Many equal numbers, and for floating dtypes what orders badly."""
    numbers = torch.randint(-50, 50, shape, generator=torch.Generator().manual_seed(seed))
    if dtype == torch.bool:
        return numbers > 0
    result = numbers.to(dtype)
    if dtype.is_floating_point and result.numel() > 20:
        flat = result.view(-1)
        flat[3], flat[11], flat[17] = float("nan"), -0.0, -float("inf")
        flat[13] = float("nan")
    return result


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("length", LENGTHS)
def test_sort_is_stable(length: int, dtype: torch.dtype, descending: bool) -> None:
    x = values((3, length), dtype)
    expected = x.sort(dim=1, descending=descending, stable=True)
    actual = x.to("xpu").sort(dim=1, descending=descending, stable=True)
    torch.testing.assert_close(actual.values.cpu(), expected.values, rtol=0, atol=0, equal_nan=True)
    assert torch.equal(actual.indices.cpu(), expected.indices)


@pytest.mark.parametrize("dim", range(3))
def test_sort_along(dim: int) -> None:
    x = values((5, 6, 7), torch.float32)
    for view in (x, x.transpose(0, 2), x[::2, 1:, ::3]):
        expected, actual = (
            view.sort(dim=dim, stable=True),
            view.to("xpu").sort(dim=dim, stable=True),
        )
        assert torch.equal(actual.indices.cpu(), expected.indices)
    assert torch.equal(
        x.to("xpu").argsort(dim=dim, stable=True).cpu(), x.argsort(dim=dim, stable=True)
    )


def test_sort_of_little() -> None:
    for x in (torch.tensor(3.0), torch.empty(0), torch.empty(2, 0, 3)):
        expected, actual = x.sort(), x.to("xpu").sort()
        assert torch.equal(actual.values.cpu(), expected.values)
        assert torch.equal(actual.indices.cpu(), expected.indices)


@pytest.mark.parametrize("largest", [False, True])
@pytest.mark.parametrize("dtype", DTYPES[:6], ids=str)
@pytest.mark.parametrize(
    "length, k", [(1, 1), (33, 5), (3000, 1), (3000, 700), (3000, 2999), (150_000, 50)]
)
def test_topk(length: int, k: int, dtype: torch.dtype, largest: bool) -> None:
    x = values((2, length), dtype)
    expected, actual = x.topk(k, 1, largest), x.to("xpu").topk(k, 1, largest)
    torch.testing.assert_close(actual.values.cpu(), expected.values, rtol=0, atol=0, equal_nan=True)
    chosen = x.gather(1, actual.indices.cpu())
    torch.testing.assert_close(chosen, expected.values, rtol=0, atol=0, equal_nan=True)
    assert all(len(row.unique()) == k for row in actual.indices.cpu())


def test_topk_of_ascending_rows() -> None:
    x = torch.arange(100_000.0).repeat(3, 1)
    assert torch.equal(x.to("xpu").topk(5).values.cpu(), x.topk(5).values)


@pytest.mark.parametrize("length", [1, 2, 7, 5000])
def test_order_statistics(length: int) -> None:
    x = values((4, length), torch.float32)
    y = x.to("xpu")
    same = dict(rtol=0, atol=0, equal_nan=True)
    k = (length + 1) // 2
    torch.testing.assert_close(y.kthvalue(k, 1).values.cpu(), x.kthvalue(k, 1).values, **same)
    torch.testing.assert_close(y.median(1, True).values.cpu(), x.median(1, True).values, **same)
    torch.testing.assert_close(y.nanmedian(1).values.cpu(), x.nanmedian(1).values, **same)
    torch.testing.assert_close(y.median().cpu(), x.median(), **same)
    torch.testing.assert_close(y.nanmedian().cpu(), x.nanmedian(), **same)


@pytest.mark.parametrize("right", [False, True])
def test_searchsorted(right: bool) -> None:
    edges = values((3, 40), torch.float32).nan_to_num(0).sort(1).values
    wanted = values((3, 25), torch.float32, seed=1)
    order = (
        torch.randperm(40, generator=torch.Generator().manual_seed(0)).expand(3, 40).contiguous()
    )
    shuffled = torch.empty_like(edges).scatter_(1, order, edges)
    for device in ("cpu", "xpu"):
        e, w, s, o = (tensor.to(device) for tensor in (edges, wanted, shuffled, order))
        results = [
            torch.searchsorted(e, w, right=right),
            torch.searchsorted(s, w, right=right, sorter=o),
            torch.searchsorted(e[0], 3, right=right, out_int32=True),
            torch.bucketize(w, e[0], right=right),
            torch.bucketize(w.int(), e[0].double(), right=right),
        ]
        if device == "cpu":
            expected = results
    for ours, theirs in zip(results, expected, strict=True):
        assert ours.dtype == theirs.dtype
        assert torch.equal(ours.cpu(), theirs)


SCANS = {
    "cumsum": lambda x, dim: x.cumsum(dim),
    "cumprod": lambda x, dim: (x / 50).cumprod(dim),
    "logcumsumexp": lambda x, dim: x.logcumsumexp(dim),
    "cummax": lambda x, dim: x.cummax(dim),
    "cummin": lambda x, dim: x.cummin(dim),
}


@pytest.mark.parametrize(
    "shape, dim", [((7,), 0), ((3, 70_001), 1), ((9_000, 3), 0), ((4, 130, 5), 1)]
)
@pytest.mark.parametrize("name", SCANS)
def test_scan(name: str, shape, dim: int) -> None:
    x = torch.randint(-50, 50, shape, generator=torch.Generator().manual_seed(0)).float()
    x.view(-1)[x.numel() // 2] = float("nan") if name.startswith("cumm") else 0
    expected, actual = SCANS[name](x.double(), dim), SCANS[name](x.to("xpu"), dim)
    if name.startswith("cumm"):
        assert torch.equal(actual.indices.cpu(), expected.indices)
        expected, actual = expected.values, actual.values
    torch.testing.assert_close(actual.cpu(), expected.float(), rtol=2e-5, atol=1e-5, equal_nan=True)


@pytest.mark.parametrize("dtype", [torch.int64, torch.bool, torch.uint8, torch.complex64], ids=str)
def test_cumsum_of_other_dtypes(dtype: torch.dtype) -> None:
    x = torch.randint(0, 2, (5, 3000), generator=torch.Generator().manual_seed(0)).to(dtype)
    for view, dim in ((x, 1), (x.t(), 0), (x, 0)):
        expected, actual = view.cumsum(dim), view.to("xpu").cumsum(dim)
        assert actual.dtype == expected.dtype
        assert torch.equal(actual.cpu(), expected)


def test_cumsum_writes_into_views() -> None:
    x, out = torch.arange(12.0).view(3, 4), torch.zeros(4, 3, device="xpu").t()
    torch.cumsum(x.to("xpu"), 1, out=out)
    assert torch.equal(out.cpu(), x.cumsum(1))


def near_one(count: int) -> torch.Tensor:
    return 1 + 1e-4 * torch.randn(count, generator=torch.Generator().manual_seed(0))


def positive(count: int) -> torch.Tensor:
    return torch.rand(count, generator=torch.Generator().manual_seed(0))


def wide(count: int) -> torch.Tensor:
    return 3 + 5 * torch.randn(count, generator=torch.Generator().manual_seed(0))


def of_angles(count: int) -> torch.Tensor:
    return torch.polar(near_one(count), near_one(count) - 1)


# A line by sub-groups, side by side with others, one work-item for each.
LINES = {
    "a row": lambda x: x[None],
    "columns": lambda x: x[:, None].expand(-1, 3),
}


@pytest.mark.parametrize("line", LINES.values(), ids=LINES)
@pytest.mark.parametrize(
    "name, numbers",
    [
        ("cumsum", positive),
        ("cumprod", near_one),
        ("cumprod", of_angles),
        ("logcumsumexp", wide),
        ("prod", near_one),
        ("prod", of_angles),
    ],
)
def test_scans_and_products_of_a_million(name, numbers, line, row_kernels) -> None:
    x = line(numbers(1_000_000))
    dim = 1 if len(x) == 1 else 0
    exact = getattr(x.to(torch.complex128 if x.is_complex() else torch.float64), name)(dim)
    actual = getattr(x.to("xpu"), name)(dim)
    torch.testing.assert_close(actual.cpu().to(exact.dtype), exact, rtol=1e-6, atol=0)


@pytest.mark.parametrize("name", ["cumsum", "cumprod", "logcumsumexp", "prod"])
@pytest.mark.parametrize("line", LINES.values(), ids=LINES)
@pytest.mark.parametrize(
    "special",
    [[-0.0], [0.0], [torch.inf], [-torch.inf], [torch.nan], [torch.inf, -torch.inf]],
    ids=str,
)
def test_scans_of_special_numbers(name, special, line, row_kernels) -> None:
    """Alone, then where other numbers follow; the sign of a zero counts."""
    for others in (torch.empty(0), torch.linspace(0.5, 1.5, 100), torch.full((100,), -0.0)):
        x = line(torch.cat([torch.tensor(special), others]))
        dim = 1 if len(x) == 1 else 0
        expected = getattr(x, name)(dim)
        actual = getattr(x.to("xpu"), name)(dim).cpu()
        torch.testing.assert_close(actual, expected, equal_nan=True)
        assert torch.equal(actual.signbit() | actual.isnan(), expected.signbit() | actual.isnan())
