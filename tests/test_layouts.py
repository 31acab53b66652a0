"""Operators of tensors that lie in memory in any way, forward and backward, against float64.

IPEX_TEST_DRAWS says how many calls of each operator are drawn.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
import torch
from layout_calls import PRODUCTS, RECURRENT, ROWS, Call, lay_out, run, wide
from layouts import Draw, contiguous, move

pytestmark = pytest.mark.skipif(not torch.xpu.is_available(), reason="no XPU device")

DRAWS = int(os.environ.get("IPEX_TEST_DRAWS", "12"))
# Of these so many times more: libraries have many ways to multiply batches.
OFTEN = {"scaled_dot_product_attention": 2}
# Relative to the largest element of a result, or to 1.
TOLERANCES = {torch.float32: 2e-5, torch.bfloat16: 4e-2, torch.float16: 6e-3}


def check(draw: Draw, call: Call, dtype: torch.dtype) -> None:
    """The call with tensors that lie in any way and the same with ordinary ones, in any order, for
    what one leaves behind must not change the other."""
    tensors, gradients = lay_out(draw, call, dtype)
    expected = run(call.by_formula, call, [*map(wide, tensors)], [*map(wide, gradients)])
    layouts = [(tensors, gradients), ([*map(contiguous, tensors)], [*map(contiguous, gradients)])]
    draw.random.shuffle(layouts)
    for given, incoming in layouts:
        moved = [[move(tensor, "xpu") for tensor in some] for some in (given, incoming)]
        found = run(call.function, call, *moved)
        for position, (ours, theirs) in enumerate(zip(found, expected, strict=True)):
            assert ours.dtype == dtype
            largest = max(1.0, theirs.abs().max().item() if theirs.numel() else 0.0)
            torch.testing.assert_close(
                ours.cpu().double(),
                theirs,
                rtol=0,
                atol=TOLERANCES[dtype] * largest,
                msg=lambda text, position=position, given=given, incoming=incoming: (
                    f"{text}\nresult {position} of inputs {list(map(layout, given))}, "
                    f"gradients {list(map(layout, incoming))}, {call.options}"
                ),
            )


def layout(tensor: torch.Tensor) -> tuple:
    return (*tensor.shape,), tensor.stride(), tensor.storage_offset()


dtypes = pytest.mark.parametrize("dtype", TOLERANCES, ids=lambda dtype: str(dtype)[6:])


def check_draws(table: dict[str, Callable[[Draw], Call]], name: str, dtype: torch.dtype) -> None:
    for seed in range(DRAWS * OFTEN.get(name, 1)):
        draw = Draw(seed)
        check(draw, table[name](draw), dtype)


@dtypes
@pytest.mark.parametrize("name", PRODUCTS)
@pytest.mark.usefixtures("way")
def test_products(name: str, dtype: torch.dtype) -> None:
    check_draws(PRODUCTS, name, dtype)


@dtypes
@pytest.mark.parametrize("name", ROWS)
@pytest.mark.usefixtures("row_kernels")
def test_rows(name: str, dtype: torch.dtype) -> None:
    check_draws(ROWS, name, dtype)


@pytest.mark.parametrize(
    "name, dtype",
    [
        pytest.param(name, dtype, id=f"{name}-{str(dtype)[6:]}")
        for name in RECURRENT
        for dtype in TOLERANCES
        # In half precision many a sum is rounded over zero, where the slope of relu changes.
        if name != "rnn_relu" or dtype == torch.float32
    ],
)
def test_recurrent_layers(name: str, dtype: torch.dtype) -> None:
    check_draws(RECURRENT, name, dtype)
