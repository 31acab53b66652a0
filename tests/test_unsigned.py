"""uint16, uint32 and uint64: what the CPU does with them, and NumPy's arithmetic."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch.utils import _pytree as pytree

pytestmark = pytest.mark.skipif(not torch.xpu.is_available(), reason="no XPU device")

DTYPES = [torch.uint16, torch.uint32, torch.uint64]
Function = Callable[[torch.Tensor, torch.Tensor], object]


def numbers(dtype: torch.dtype) -> torch.Tensor:
    """Small ones and those that a signed integer of the width does not hold."""
    top = torch.iinfo(dtype).max
    values = [0, 1, 2, 3, top, top // 2, top // 2 + 1, top - 1, 5, 40000, 1, 7]
    return torch.from_numpy(np.array(values, dtype=str(dtype)[6:]))


def pair(dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
    first = numbers(dtype)
    second = first.roll(1)
    second[3], second[6] = first[3], first[6]
    return first, second


def place(x: torch.Tensor) -> torch.Tensor:
    return torch.tensor([1, 2, 0], device=x.device)


# What the CPU has.
FUNCTIONS: dict[str, Function] = {
    "eq": lambda x, y: x == y,
    "eq number": lambda x, y: x == 40000,
    "eq real number": lambda x, y: x == 2.5,
    "eq column": lambda x, y: x[:, None] == y,
    "eq strided": lambda x, y: x[::2] == y[::2],
    "ne": lambda x, y: x != y,
    "mul": lambda x, y: x * y,
    "mul number": lambda x, y: x * 40000,
    "mul in place": lambda x, y: x.mul_(y),
    "mul of float32": lambda x, y: x * y.float(),
    "mul cpu scalar": lambda x, y: x * torch.tensor(3, dtype=x.dtype),
    "and": lambda x, y: x & y,
    "or": lambda x, y: x | y,
    "xor": lambda x, y: x ^ 40000,
    "where": lambda x, y: torch.where(x == y, x, y),
    "where number": lambda x, y: torch.where(x == y, x, 3),
    "mask": lambda x, y: x[x == y],
    "isnan": lambda x, y: x.isnan(),
    "isfinite": lambda x, y: x.isfinite(),
    "equal": lambda x, y: (torch.equal(x, y), torch.equal(x, x.clone())),
    "allclose": lambda x, y: torch.allclose(x, x.clone()),
    "ceil": lambda x, y: x.ceil(),
    "unique": lambda x, y: torch.unique(x, return_inverse=True, return_counts=True),
    "unique_consecutive": lambda x, y: torch.unique_consecutive(y),
    "sort": lambda x, y: x.sort().values,
    "cat": lambda x, y: torch.cat([x, y]),
    "sum": lambda x, y: x.sum(),
    "full": lambda x, y: torch.full((3,), 40000, dtype=x.dtype, device=x.device),
    "from int64": lambda x, y: y.to(torch.int64).to(x.dtype),
    "to float64": lambda x, y: x.to(torch.float64),
    "assert_close": lambda x, y: torch.testing.assert_close(x, x.clone()),
    "item": lambda x, y: [value.item() for value in x],
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_as_on_the_cpu(name: str, dtype: torch.dtype) -> None:
    host = pair(dtype)
    device = [tensor.to("xpu") for tensor in host]
    expected = pytree.tree_leaves(FUNCTIONS[name](*host))
    for ours, theirs in zip(pytree.tree_leaves(FUNCTIONS[name](*device)), expected, strict=True):
        if isinstance(theirs, torch.Tensor):
            assert ours.dtype == theirs.dtype
            assert ours.tolist() == theirs.tolist()
        else:
            assert ours == theirs


# What the CPU has for signed integers alone, whose bits are the same.
OF_BITS: dict[str, Function] = {
    "not": lambda x, y: ~x,
    "neg": lambda x, y: -x,
    "square": lambda x, y: x.square(),
    "addcmul": lambda x, y: torch.addcmul(x, y, y, value=2),
    "masked_fill": lambda x, y: x.masked_fill(x == y, 3),
    "index_put_": lambda x, y: x.index_put_((place(x),), y[:3]),
    "flip": lambda x, y: x.flip(0),
    "matmul": lambda x, y: x.view(3, 4) @ y.view(4, 3),
    "addmm": lambda x, y: torch.addmm(x[:3], x.view(3, 4), y.view(4, 3), beta=2, alpha=3),
    "linear": lambda x, y: F.linear(x.view(3, 4), y.view(3, 4)),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", OF_BITS)
def test_bits_are_those_of_signed_integers(name: str, dtype: torch.dtype) -> None:
    signed = {torch.uint16: torch.int16, torch.uint32: torch.int32, torch.uint64: torch.int64}
    host = pair(dtype)
    expected = OF_BITS[name](*(tensor.view(signed[dtype]) for tensor in host))
    ours = OF_BITS[name](*(tensor.to("xpu") for tensor in host))
    assert ours.dtype == dtype
    assert ours.view(signed[dtype]).tolist() == expected.tolist()


# What the CPU lacks.
ARITHMETIC: dict[str, tuple[Function, np.ufunc]] = {
    "add": (torch.add, np.add),
    "sub": (torch.sub, np.subtract),
    "lt": (torch.lt, np.less),
    "maximum": (torch.maximum, np.maximum),
    "floor_divide": (torch.floor_divide, np.floor_divide),
    "remainder": (torch.remainder, np.remainder),
    "right_shift": (torch.bitwise_right_shift, np.right_shift),
    "lcm": (torch.lcm, np.lcm),
}


@pytest.mark.parametrize("name", ARITHMETIC)
def test_arithmetic_is_that_of_unsigned_numbers(name: str) -> None:
    ours, theirs = ARITHMETIC[name]
    for dtype in DTYPES if name in ("add", "sub") else DTYPES[:1]:
        x, y = pair(dtype)
        y = torch.where(y == 0, 1, y)
        expected = theirs(x.numpy(), y.numpy())
        assert ours(x.xpu(), y.xpu()).tolist() == expected.tolist()


@pytest.mark.parametrize("dtype", DTYPES)
def test_random_integers(dtype: torch.dtype) -> None:
    drawn = torch.randint(40000, 50000, (1000,), dtype=dtype, device="xpu")
    assert drawn.dtype == dtype
    assert 40000 <= min(drawn.tolist()) < max(drawn.tolist()) < 50000
    assert max(torch.empty_like(drawn).random_().tolist()) > torch.iinfo(dtype).max // 2
    assert sorted(torch.randperm(100, dtype=dtype, device="xpu").tolist()) == list(range(100))


def test_ends_beyond_int64() -> None:
    top, ends = 1 << 63 | 1 << 40, {"dtype": torch.uint64, "device": "xpu"}
    assert torch.linspace(top, 0, 2, **ends).tolist() == [top, 0]
    assert torch.linspace(-1.5, 0, 0, **ends).tolist() == []
