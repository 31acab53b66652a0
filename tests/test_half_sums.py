"""Sums of half precision are rounded once, also where operators add to places that indices name: a
sum of thousands is more than bfloat16 and float16 can count to. Expected values are float64's."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

COUNT = 5000
DTYPES = [torch.bfloat16, torch.float16]
# Few places, and few of many.
SIZES = [4, 100_000]


def columns(tensor: Tensor) -> Tensor:
    return torch.arange(COUNT, device=tensor.device)


def coordinates(places: Tensor, values: Tensor, size: int) -> Tensor:
    return torch.sparse_coo_tensor(places[None], values, (size,))


def product(places: Tensor, values: Tensor, size: int) -> Tensor:
    """The row `places` has each value in a column of its own."""
    where = torch.stack([places, columns(places)])
    sparse = torch.sparse_coo_tensor(where, values, (size, COUNT))
    return torch.sparse.mm(sparse, torch.ones_like(values)[:, None])[:, 0]


# Each adds values to as many places of zeros: (places, values, size).
ADDITIONS: dict[str, Callable[[Tensor, Tensor, int], Tensor]] = {
    "index_put_": lambda places, values, size: values.new_zeros(size).index_put_(
        (places,), values, accumulate=True
    ),
    "index_put_ from the end": lambda places, values, size: values.new_zeros(size).index_put_(
        (places - size,), values, accumulate=True
    ),
    "index_put_ of rows": lambda places, values, size: values.new_zeros(size, 2).index_put_(
        (places,), values[:, None], accumulate=True
    )[:, 1],
    "index_put_ of columns": lambda places, values, size: values.new_zeros(2, size).index_put_(
        (torch.ones_like(places), places), values, accumulate=True
    )[1],
    "index_put_ of a transposed tensor": lambda places, values, size: (
        values.new_zeros(3, size).t().index_put_((places,), values[:, None], accumulate=True)[:, 2]
    ),
    "_unsafe_index_put": lambda places, values, size: torch.ops.aten._unsafe_index_put(
        values.new_zeros(size), (places,), values, True
    ),
    "put_": lambda places, values, size: values.new_zeros(size).put_(
        places, values, accumulate=True
    ),
    "index_add": lambda places, values, size: values.new_zeros(size).index_add(0, places, values),
    "index_add of columns": lambda places, values, size: (
        values.new_zeros(2, size).index_add(1, places, values.expand(2, -1), alpha=2)[1] / 2
    ),
    "scatter_add": lambda places, values, size: values.new_zeros(size).scatter_add(
        0, places, values
    ),
    "coalesce": lambda places, values, size: (
        coordinates(places, values, size).coalesce().to_dense()
    ),
    "sparse to dense": lambda places, values, size: coordinates(places, values, size).to_dense(),
    "sparse added to dense": lambda places, values, size: (
        values.new_zeros(size, 2).add_(
            torch.sparse_coo_tensor(places[None], values[:, None].expand(-1, 2), (size, 2)),
            alpha=-1,
        )[:, 1]
        * -1
    ),
    "sparse.sum": lambda places, values, size: torch.sparse.sum(
        torch.sparse_coo_tensor(torch.stack([places, columns(places)]), values, (size, COUNT)), 1
    ).to_dense(),
    "sparse.mm": product,
}


def places_and_values(dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    places = torch.randint(0, 3, (COUNT,), generator=generator)
    return places, torch.rand(COUNT, generator=generator).to(dtype)


def exact(places: Tensor, values: Tensor, size: int) -> Tensor:
    return torch.zeros(size, dtype=torch.float64).index_add_(0, places, values.double())


def check(actual: Tensor, expected: Tensor, dtype: torch.dtype) -> None:
    assert actual.dtype == dtype
    eps = torch.finfo(dtype).eps
    torch.testing.assert_close(actual.cpu(), expected.to(dtype), rtol=eps, atol=0)


@pytest.mark.filterwarnings("ignore:Sparse invariant checks")
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("add", ADDITIONS.values(), ids=ADDITIONS)
def test_additions(add, size, dtype):
    places, values = places_and_values(dtype)
    check(add(places.xpu(), values.xpu(), size), exact(places, values, size), dtype)


# Each reads the places of a table: (table, places).
READS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "index": lambda table, places: table[places],
    "index of columns": lambda table, places: table.expand(2, -1)[:, places][1],
    "two indices": lambda table, places: table[None][torch.zeros_like(places), places],
    "take": lambda table, places: table.take(places),
    "gather": lambda table, places: table.gather(0, places),
    "index_select": lambda table, places: table.index_select(0, places),
    "embedding": lambda table, places: F.embedding(places, table[:, None])[:, 0],
    "embedding_bag": lambda table, places: F.embedding_bag(
        places[:, None], table[:, None], mode="sum"
    )[:, 0],
    "repeat_interleave": lambda table, places: table.repeat_interleave(
        places.bincount(minlength=len(table))
    ),
}


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_gradients(read, size, dtype):
    places, gradient = places_and_values(dtype)
    places = places.sort().values  # repeat_interleave's order
    table = torch.zeros(size, dtype=dtype, device="xpu", requires_grad=True)
    read(table, places.xpu()).backward(gradient.xpu())
    check(table.grad, exact(places, gradient, size), dtype)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("module", [torch.nn.Embedding, torch.nn.EmbeddingBag])
def test_sparse_gradients(module, dtype):
    places, gradient = places_and_values(dtype)
    options = {"mode": "sum"} if module is torch.nn.EmbeddingBag else {}
    table = module(5, 1, sparse=True, dtype=dtype, device="xpu", **options)
    table(places[:, None].xpu()).backward(gradient.view_as(table(places[:, None].xpu())).xpu())
    check(table.weight.grad.coalesce().to_dense()[:, 0], exact(places, gradient, 5), dtype)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_gradients_of_windows(dtype):
    """The element between all windows is in every one of them."""
    gradient = torch.rand(COUNT, COUNT, generator=torch.Generator().manual_seed(0)).to(dtype)
    line = torch.zeros(2 * COUNT - 1, dtype=dtype, device="xpu", requires_grad=True)
    line.unfold(0, COUNT, 1).backward(gradient.xpu())
    expected = gradient.double().flip(1).diagonal().sum()
    check(line.grad[COUNT - 1], expected, dtype)


@pytest.mark.parametrize("negative", [False, True])
@pytest.mark.parametrize("name", ["index_put_", "index_add"])
def test_indices_out_of_range(name, negative):
    """Of few places, and what they name is left alone."""
    table = torch.zeros(SIZES[1], dtype=torch.bfloat16, device="xpu")
    wrong = -1 - len(table) if negative else len(table)
    ADDITIONS[name](torch.tensor([2, wrong, 2]).xpu(), table.new_ones(3), len(table))
    with pytest.raises(IndexError, match=name):
        torch.xpu.synchronize()
        table.cpu()
