"""Indexing, shapes and selections on xpu equal the CPU's exactly, on inputs hard to get right."""

import pytest
import torch

from intel_extension_for_pytorch import _C

pytestmark = pytest.mark.usefixtures("row_kernels")

DTYPES = [
    torch.float32,
    torch.float64,
    torch.bfloat16,
    torch.int64,
    torch.uint8,
    torch.bool,
    torch.complex64,
    torch.complex128,
]


def values(shape, dtype: torch.dtype = torch.float32, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    numbers = torch.randint(-9, 10, shape, generator=generator)
    return numbers.ne(0) if dtype == torch.bool else numbers.to(dtype)


def same(function, *tensors: torch.Tensor) -> None:
    """function(*tensors) gives the same on both devices; tensors keep their strides."""
    expected = function(*[tensor.clone() for tensor in tensors])
    actual = function(*[tensor.to("xpu") for tensor in tensors])
    for ours, theirs in zip(as_list(actual), as_list(expected), strict=True):
        assert ours.device.type == "xpu"
        assert ours.dtype == theirs.dtype
        torch.testing.assert_close(ours.cpu(), theirs, rtol=0, atol=0, equal_nan=True)


def as_list(result) -> list[torch.Tensor]:
    return list(result) if isinstance(result, tuple | list) else [result]


INDEXING = {
    "rows": lambda x, i, j: x[i],
    "negative": lambda x, i, j: x[-i - 1],
    "columns": lambda x, i, j: x[:, j],
    "two": lambda x, i, j: x[i, j],
    "two apart": lambda x, i, j: x[i, :, j],
    "broadcast": lambda x, i, j: x[i[:, None], j[None, :]],
    "matrix of indices": lambda x, i, j: x[i.view(2, 3)],
    "none found": lambda x, i, j: x[i[:0]],
    "transposed": lambda x, i, j: x.transpose(0, 2)[j],
    "expanded": lambda x, i, j: x[:1].expand(5, -1, -1)[i],
    "mask": lambda x, i, j: x[x > 0],
    "mask of rows": lambda x, i, j: x[x.sum(2) > 0],
    "int32": lambda x, i, j: x[i.int()],
    "index_select": lambda x, i, j: x.index_select(1, j),
    "index_select of a view": lambda x, i, j: x.transpose(0, 2).index_select(2, i),
    "gather": lambda x, i, j: x.gather(0, i.view(6, 1, 1).expand(6, 4, 3)),
    "gather of a view": lambda x, i, j: x.transpose(0, 2).gather(
        2, i.view(1, 1, 6).expand(3, 4, 6)
    ),
    "take": lambda x, i, j: x.take(torch.stack([i, -j - 1])),
    "embedding": lambda x, i, j: torch.nn.functional.embedding(i.view(3, 2), x[:, 0]),
}


@pytest.mark.parametrize("name", INDEXING)
def test_reading(name: str) -> None:
    i, j = torch.tensor([4, 0, 3, 3, 1, 0]), torch.tensor([2, 0, 1, 1, 2, 0])
    same(INDEXING[name], values((5, 4, 3)), i, j)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_reading_every_size_of_element(dtype: torch.dtype) -> None:
    x, i = values((7, 5), dtype), torch.tensor([6, -1, 0, 2])
    same(lambda x, i: x[i], x, i)
    same(lambda x, i: x.t()[:, i], x, i)
    same(lambda x: torch.cat([x, x[:2], x[3:]]), x)
    same(lambda x: x.flip(0, 1), x)
    same(lambda x: x.flip(1), values((3, 133), dtype))  # whole vectors and a rest
    same(lambda x: x.flip(1), values((3, 20011), dtype))  # more than a buffer holds


def assigned(x: torch.Tensor, place, values) -> torch.Tensor:
    x[place] = values
    return x


# Of values written to one place without being combined, any may win: here no two differ.
WRITING = {
    "index_put": lambda x, i, v: x.index_put_((i, i.argsort()), v[:, 0]),
    "index_put accumulating": lambda x, i, v: x.index_put_((i,), v, accumulate=True),
    "assignment": lambda x, i, v: assigned(x, i, v[0]),
    "assignment to a view": lambda x, i, v: assigned(x.t(), (slice(None), i.argsort()), v.t()).t(),
    "masked assignment": lambda x, i, v: assigned(x, x > 0, 2),
    "index_add": lambda x, i, v: x.index_add_(0, i, v, alpha=2),
    "index_add of columns": lambda x, i, v: x.index_add_(1, i, v.t()),
    "index_copy": lambda x, i, v: x.index_copy_(0, torch.arange(4).to(i), v[:4]),
    "index_fill": lambda x, i, v: x.index_fill_(1, i - 6, 3),
    "index_fill by a tensor": lambda x, i, v: x.index_fill_(0, i, v[0, 0]),
    "scatter": lambda x, i, v: x.scatter_(0, i.argsort().view(1, 6), v[:1]),
    "scatter a value": lambda x, i, v: x.scatter_(1, i.view(6, 1), 7),
    "scatter_add": lambda x, i, v: x.scatter_add_(0, i.view(6, 1).expand(6, 6), v),
    "scatter multiply": lambda x, i, v: x.scatter_(0, i.view(6, 1), v[:, :1], reduce="multiply"),
    "scatter_reduce": lambda x, i, v: x.scatter_reduce_(0, i.view(6, 1), v[:, :1], "amax"),
    "scatter_reduce mean": lambda x, i, v: x.scatter_reduce_(
        0, i.view(6, 1), v[:, :1], "mean", include_self=False
    ),
    "index_reduce": lambda x, i, v: x.index_reduce_(0, i, v, "amin"),
    "put": lambda x, i, v: x.put_(i - 3, v[:, 0], accumulate=True),
    "masked_scatter": lambda x, i, v: x.masked_scatter_(x > 0, v),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("dtype", [torch.float32, torch.int64, torch.bfloat16, torch.int8], ids=str)
@pytest.mark.parametrize("name", WRITING)
def test_writing(name: str, dtype: torch.dtype) -> None:
    duplicates = torch.tensor([4, 0, 3, 3, 1, 0])
    same(WRITING[name], values((6, 6), dtype), duplicates, values((6, 6), dtype, seed=1))


@pytest.mark.parametrize("dtype", [torch.float16, torch.uint8, torch.bool], ids=str)
def test_accumulating_into_neighbours_smaller_than_a_word(dtype: torch.dtype) -> None:
    index = torch.arange(999).remainder(17)
    same(
        lambda x, i, v: x.scatter_add_(0, i, v),
        values((17,), dtype),
        index,
        torch.ones(999).to(dtype),
    )


@pytest.mark.parametrize("shape", [(5000, 3), (1009, 40), (64, 4100), (3, 7, 1200), (70001, 1)])
def test_many_rows(shape: tuple[int, ...]) -> None:
    """More than one work-group has, in numbers that nothing divides."""
    x = values(shape, torch.float32)
    generator = torch.Generator().manual_seed(0)
    for dim, size in enumerate(shape):
        index = torch.randint(size, (size + 3,), generator=generator)
        places = torch.randperm(size, generator=generator)
        same(lambda x, i, d=dim: x.index_select(d, i), x, index)
        same(lambda x, i, d=dim: x.index_copy(d, i, x.flip(d)), x, places)
        same(lambda x, i, d=dim: x.index_fill(d, i, 5), x, places[: size // 2])
        same(lambda x, i, d=dim: x.transpose(0, -1)[i[: x.size(-1)] % x.size(-1)], x, index)
        each = torch.randint(size, shape, generator=generator)
        same(lambda x, i, d=dim: x.gather(d, i), x, each)
        same(lambda x, i, d=dim: x.round().scatter_add(d, i, x.round()), x, each)
    numbers = torch.randint(-x.numel(), x.numel(), shape, generator=generator)
    same(lambda x, i: x.flatten()[i], x, numbers)
    same(lambda x, i: x.flatten()[i.clamp(-1)], x, numbers)  # few are negative


WRITING_TO_ONE_PLACE = {
    "index_put": lambda i, v: v.new_zeros(3).index_put_((i,), v),
    "assignment of columns": lambda i, v: assigned(v.new_zeros(2, 3), (slice(None), i), v),
    "index_copy": lambda i, v: v.new_zeros(3).index_copy_(0, i, v),
    "scatter": lambda i, v: v.new_zeros(3).scatter_(0, i, v),
}


@pytest.fixture
def places() -> tuple[torch.Tensor, torch.Tensor]:
    """Indices of 3 places, each many times, and other values for each."""
    index = torch.arange(5000).remainder(3)
    return index, torch.rand(5000, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", WRITING_TO_ONE_PLACE)
def test_one_of_the_values_written_to_a_place_wins(name: str, places) -> None:
    index, source = places
    result = WRITING_TO_ONE_PLACE[name](index.to("xpu"), source.to("xpu")).cpu()
    for place in range(3):
        assert torch.isin(result[..., place], source[place::3]).all()


def test_deterministic_writes_are_in_order(places) -> None:
    torch.use_deterministic_algorithms(True)
    try:
        for write in WRITING_TO_ONE_PLACE.values():
            same(write, *places)
        same(lambda i, v: v.new_zeros(3).scatter_add_(0, i, v), *places)
    finally:
        torch.use_deterministic_algorithms(False)


@pytest.mark.parametrize(
    "read",
    [
        lambda x, i: x[i],
        lambda x, i: x.index_select(0, i),
        lambda x, i: x.gather(0, i),
        lambda x, i: torch.zeros_like(x).scatter_add_(0, i, x),
    ],
)
def test_an_index_out_of_range_is_an_error(read) -> None:
    x = torch.zeros(3, device="xpu")
    with pytest.raises(IndexError, match="index out of range"):
        read(x, torch.tensor([0, 3], device="xpu")).cpu()
    assert (x + 1).cpu().sum() == 3  # the fault was told once


def test_indexing_checks_what_the_host_knows() -> None:
    x = torch.zeros(3, 3, device="xpu")
    index = torch.zeros(1, dtype=torch.long, device="xpu")
    with pytest.raises(IndexError, match="too many indices"):
        x[index, index, index]
    with pytest.raises(RuntimeError, match="dtype"):
        x.index_put_((index,), torch.zeros(3, dtype=torch.float64, device="xpu"))
    with pytest.raises(RuntimeError, match="index"):
        x.index_select(0, index.float())
    with pytest.raises(IndexError, match="vector"):
        x.index_select(0, index.view(1, 1))


CATS = {
    "rows": lambda x: torch.cat([x, x[:1], x]),
    "columns": lambda x: torch.cat([x, x[:, :3], x], 1),
    "last": lambda x: torch.cat([x, x[..., :1]], -1),
    "views": lambda x: torch.cat([x.transpose(0, 1), x.transpose(0, 1)], 2),
    "with nothing": lambda x: torch.cat([x[:0], torch.empty(0).to(x), x]),
    "nothing": lambda x: torch.cat([x[:0], x[:0]]),
    "promoted": lambda x: torch.cat([x, x.double()]),
    "many": lambda x: torch.cat([x[:1]] * 70 + [x], 0),
    "stack": lambda x: torch.stack([x, -x, x], 1),
    "hstack": lambda x: torch.hstack([x, x]),
    "out": lambda x: torch.cat([x, x], out=torch.empty(0).to(x)),
    "out of a view": lambda x: torch.cat(
        [x, x], 2, out=torch.empty(10, 4, 3).to(x).transpose(0, 2)
    ),
}


@pytest.mark.parametrize("name", CATS)
def test_cat(name: str) -> None:
    same(CATS[name], values((3, 4, 5)))


@pytest.mark.parametrize("inputs", [2, 40], ids=str)
def test_cat_of_long_rows(inputs: int) -> None:
    """Of one row and of few, whose parts have jobs of their own on a CPU."""
    parts = [values((3, 2_000 + 17 * k), seed=k).to(torch.uint8) for k in range(inputs)]
    same(lambda *x: torch.cat(x, 1), *parts)
    same(lambda *x: torch.cat([row for part in x for row in part]), *parts)


@pytest.mark.parametrize("dim", range(4))
def test_cat_keeps_channels_last(dim: int) -> None:
    x = values((2, 3, 4, 5)).contiguous(memory_format=torch.channels_last)
    same(lambda x: torch.cat([x, x], dim), x)
    joined = torch.cat([x.to("xpu")] * 2, dim)
    assert joined.is_contiguous(memory_format=torch.channels_last)


SHAPES = {
    "flip": lambda x: x.flip(0, 2),
    "flip a view": lambda x: x.transpose(0, 2).flip(1),
    "flip nothing": lambda x: x.flip(()),
    "roll": lambda x: x.roll((1, -2), (0, 2)),
    "roll flat": lambda x: x.roll(7),
    "rot90": lambda x: x.rot90(1, (0, 1)),
    "repeat": lambda x: x.repeat(2, 1, 3),
    "repeat_interleave": lambda x: x.repeat_interleave(torch.tensor([2, 0, 1]).to(x.device), 0),
    "tril": lambda x: x.tril(-1),
    "triu of a view": lambda x: x.transpose(1, 2).triu(1),
    "triu in place": lambda x: x.clone().triu_(),
    "pad": lambda x: torch.nn.functional.pad(x, (1, 2, -1, 0), value=3),
    "pixel_shuffle": lambda x: torch.nn.functional.pixel_shuffle(x.view(1, 4, 3, 5), 2),
    "channel_shuffle": lambda x: torch.nn.functional.channel_shuffle(x.view(1, 4, 3, 5), 2),
    "nonzero": lambda x: x.nonzero(),
    "nonzero of a view": lambda x: x.transpose(0, 2).nonzero(),
    "masked_select": lambda x: x.masked_select(x[0] > 0),
    "unique": lambda x: x.unique(return_inverse=True, return_counts=True),
    "unique_consecutive": lambda x: x.sign().unique_consecutive(
        return_inverse=True, return_counts=True
    ),
    "bincount": lambda x: x.abs().long().flatten().bincount(minlength=20),
    "unfold": lambda x: x.unfold(2, 3, 1),
}


@pytest.mark.parametrize("name", SHAPES)
def test_shape(name: str) -> None:
    same(SHAPES[name], values((3, 4, 5)))


@pytest.mark.parametrize("name", ["flip", "tril", "nonzero", "masked_select", "roll", "unique"])
def test_shape_of_nothing(name: str) -> None:
    same(SHAPES[name], torch.empty(3, 4, 0) if name == "masked_select" else torch.empty(0, 4, 5))


def test_long_masks() -> None:
    x = values((300_001,))
    same(lambda x: x.nonzero(), x)
    same(lambda x: x[x > 3], x)


@pytest.mark.parametrize("shift", [0, 1, 3, -3, 40, 48, 77, 83, -83, 163])
@pytest.mark.parametrize("dim", [0, 1, -1])
def test_roll_of_long_lines(shift: int, dim: int) -> None:
    """Rolled by few elements and by many, over either end."""
    x = values((80, 3, 80))
    same(lambda x: x.roll(shift, dim), x)
    same(lambda x: x.transpose(0, 1).roll(shift, dim), x)


@pytest.mark.parametrize("size, step", [(3, 1), (4, 2), (2, 5)])
def test_unfold_backward(size: int, step: int) -> None:
    def gradient(x):
        x = x.requires_grad_()
        windows = x.unfold(1, size, step)
        return torch.autograd.grad(
            windows, x, torch.arange(windows.numel()).view(windows.shape).to(x)
        )

    same(gradient, values((3, 11, 2)))


CREATED = {
    "arange": lambda o: torch.arange(-3, 9, 2, **o),
    "arange of fractions": lambda o: torch.arange(0, 3, 1.5, **o),
    "linspace": lambda o: torch.linspace(-2, 6, 9, **o),
    "linspace of one": lambda o: torch.linspace(-2, 6, 1, **o),
    "logspace": lambda o: torch.logspace(0, 4, 5, base=2, **o),
    "eye": lambda o: torch.eye(3, 5, **o),
    "tril_indices": lambda o: torch.tril_indices(4, 5, 1, device=o["device"]),
    "triu_indices": lambda o: torch.triu_indices(4, 5, -1, device=o["device"]),
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.int64], ids=str)
@pytest.mark.parametrize("name", CREATED)
def test_creation(name: str, dtype: torch.dtype) -> None:
    made = CREATED[name]({"device": "xpu", "dtype": dtype})
    expected = CREATED[name]({"device": "cpu", "dtype": dtype})
    torch.testing.assert_close(made.cpu(), expected, rtol=0, atol=0)


@pytest.mark.parametrize("padding_idx", [None, 2])
@pytest.mark.parametrize("count", [0, 5, 3000, 40_000])
def test_embedding_gradient(count: int, padding_idx: int | None) -> None:
    index = torch.randint(0, 11, (count,), generator=torch.Generator().manual_seed(0))

    def gradient(weight, index):
        weight = weight.requires_grad_()
        rows = torch.nn.functional.embedding(index, weight, padding_idx)
        upstream = torch.arange(rows.numel()).remainder(5).view(rows.shape).to(weight)
        return torch.autograd.grad(rows, weight, upstream)

    same(gradient, values((11, 7)), index)


def test_conversion_without_a_kernel_is_counted() -> None:
    tensor = torch.randn(3, 4)
    _C.reset_fallback_counts()
    small = tensor.to("xpu").to(torch.float8_e4m3fn)
    assert _C.fallback_counts() == {"aten::copy_": 1}
    assert torch.equal(small.cpu().float(), tensor.to(torch.float8_e4m3fn).float())


# Of 2^14 elements or more, from where a CPU copies strided inputs first; no multiples of a
# tile.
STRIDED = {
    "transposed": lambda x: x[:131, :137].t(),
    "every other column": lambda x: x[:, ::2],
    "every third row": lambda x: x[::3],
    "columns": lambda x: x[:, 5:130],
    "repeated column": lambda x: x[:, :1].expand(-1, 150),
    "repeated row": lambda x: x[:1].expand(150, -1),
    "permuted": lambda x: x[:160, :216].view(160, 6, 36).permute(1, 2, 0),
    "channels last": lambda x: x[:, :216].reshape(4, 68, 8, 27).permute(0, 3, 1, 2),
    "short rows": lambda x: x[:, :216].reshape(-1, 3).t(),
    "pairs from two rows": lambda x: x[:, :215].unflatten(0, (136, 2)).transpose(1, 2),
    "pairs in blocks": lambda x: (
        x[:, :192].unflatten(1, (3, 64)).unflatten(0, (136, 2)).permute(2, 0, 3, 1)
    ),
}
ANY_DTYPE = [torch.float32, torch.bfloat16, torch.uint8, torch.int64, torch.complex64, torch.bool]


def numbers(dtype: torch.dtype, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(-100, 100, (272, 222), generator=generator).to(dtype)


@pytest.mark.parametrize("dtype", ANY_DTYPE, ids=str)
@pytest.mark.parametrize("view", STRIDED.values(), ids=STRIDED)
def test_copies_of_strided_tensors(view, dtype):
    values = numbers(dtype)
    expected = view(values)
    assert torch.equal(view(values.xpu()).contiguous().cpu(), expected)
    target = torch.zeros(expected.shape[::-1], dtype=dtype, device="xpu").permute(
        *reversed(range(expected.dim()))
    )
    assert torch.equal(target.copy_(view(values.xpu())).cpu(), expected)
    wide = torch.zeros((*expected.shape, 2), dtype=dtype, device="xpu")
    wide[..., 1].copy_(view(values.xpu()))
    assert torch.equal(wide[..., 1].cpu(), expected)
    assert not wide[..., 0].any()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.int64], ids=str)
@pytest.mark.parametrize("view", STRIDED.values(), ids=STRIDED)
def test_elementwise_operators_on_strided_inputs(view, dtype):
    a, b = numbers(dtype), numbers(dtype, seed=1)
    first, second = view(a), view(b)
    xpu_first, xpu_second = view(a.xpu()), view(b.xpu())
    dense = second.contiguous()
    for ours, stock in (
        (xpu_first + xpu_second, first + second),
        (xpu_first - dense.xpu(), first - dense),
        (dense.xpu() * xpu_first, dense * first),
        (xpu_first * 3, first * 3),
        (-xpu_first, -first),
        (
            torch.where(xpu_first > 0, xpu_second, dense.xpu()),
            torch.where(first > 0, second, dense),
        ),
        (xpu_first.float() + xpu_second, first.float() + second),
    ):
        assert torch.equal(ours.cpu(), stock)
    shares_memory = first._is_view() and 0 not in first.stride()
    if shares_memory:
        first.add_(second)
        changed = a.xpu().copy_(numbers(dtype))
        view(changed).add_(xpu_second)
        assert torch.equal(changed.cpu(), a)


@pytest.mark.parametrize("sizes", [(3, 1, 70), (64, 64, 64), (1, 200)], ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.uint8], ids=str)
def test_concatenation_of_many_rows(sizes, dtype):
    parts = [numbers(dtype)[:, :size].contiguous() for size in sizes]
    xpu_parts = [part.xpu() for part in parts]
    assert torch.equal(torch.cat(xpu_parts, 1).cpu(), torch.cat(parts, 1))
    assert torch.equal(torch.cat([*xpu_parts, xpu_parts[0][:, :0]], 1).cpu(), torch.cat(parts, 1))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_scattered_sums_of_half_precision_are_rounded_once(dtype: torch.dtype) -> None:
    """As on the CPU; a count of 1000 is more than bfloat16 holds."""
    torch.manual_seed(0)
    values = torch.rand(1000).to(dtype)
    place = torch.zeros(1000, dtype=torch.int64)
    exact = values.double().sum()
    start = torch.zeros(1, dtype=dtype, device="xpu")
    for reduce, expected in (("sum", exact), ("mean", exact / 1000)):
        result = start.scatter_reduce(
            0, place.to("xpu"), values.to("xpu"), reduce, include_self=False
        )
        torch.testing.assert_close(result.cpu()[0], expected.to(dtype), rtol=0.008, atol=0)
    result = start.scatter_add(0, place.to("xpu"), values.to("xpu"))
    torch.testing.assert_close(result.cpu()[0], exact.to(dtype), rtol=0.004, atol=0)
    result = start.index_add(0, place.to("xpu"), values.to("xpu"), alpha=0.3)
    torch.testing.assert_close(result.cpu()[0], (0.3 * exact).to(dtype), rtol=0.004, atol=0)
    ones = torch.ones(1000, dtype=dtype, device="xpu")
    mean = start.index_reduce(0, place.to("xpu"), ones, "mean", include_self=False)
    assert mean.item() == 1


def large_integers() -> torch.Tensor:
    """Of every length, and beside those where the rounding to float changes."""
    generator = torch.Generator().manual_seed(3)
    numbers = torch.randint(-(2**63), 2**63 - 1, (1 << 16,), generator=generator)
    powers = 2 ** torch.arange(20, 63)
    halves = powers.unsqueeze(1) + powers.unsqueeze(0) // 2**24
    beside = torch.cat([halves.flatten() + step for step in (-1, 0, 1)])
    ends = torch.tensor([-(2**63), 2**63 - 1, 0, -1])
    return torch.cat([numbers >> torch.arange(1 << 16) % 63, beside, -beside, ends])


@pytest.mark.parametrize("to", (torch.float32, torch.bfloat16, torch.float16, torch.complex64))
@pytest.mark.parametrize("signed", (True, False))
def test_integers_of_64_bits_are_rounded_once(to: torch.dtype, signed: bool) -> None:
    numbers = large_integers()
    given = numbers if signed else numbers.view(torch.uint64)
    same(lambda tensor: tensor.to(to), given)


@pytest.mark.parametrize("dtype", (torch.bfloat16, torch.float16))
def test_floats_are_rounded_to_nearest_even(dtype: torch.dtype) -> None:
    """All upper halves of a float, with lower halves around a tie; NaN stays NaN."""
    upper = torch.arange(-(1 << 15), 1 << 15, dtype=torch.int32) << 16
    lower = torch.tensor([0, 1, 0x7FFF, 0x8000, 0x8001, 0xFFFF], dtype=torch.int32)
    floats = (upper.unsqueeze(1) | lower).view(torch.float32).flatten()
    same(lambda tensor: tensor.to(dtype), floats)
    same(lambda tensor: tensor.to(dtype), floats[::2])
