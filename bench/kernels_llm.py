"""Kernels of large language models: xpu beside plain operators of stock torch on the CPU.

A ratio is stock's time over ours, the median over the rounds of all passes: above 1 xpu is faster.
Operands are in memory, not in the caches: each call takes others. What a kernel at least reads and
writes is held against a copy of as many bytes, taken in the same rounds, ours or stock's, whichever
is faster; the goal is 80 % for the large cases that are bound by memory.
"""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from harness import Verdict, interleaved, keep_freed_memory, median_ratio, row_options
from ops import UNCACHED_BYTES, copy_samples, sampler
from torch import Tensor
from torch.nn import functional as F

from intel_extension_for_pytorch.llm import functional
from intel_extension_for_pytorch.llm.functional import paged

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
GOAL = 0.8
# More than caches hold; a limit, as every case has its own operands twice, and copies beside them.
MOST_BYTES = min(UNCACHED_BYTES, 1 << 29)


@dataclass(frozen=True)
class Bench:
    """A case: `make(dtype)` gives operands on the CPU, `stock` and `xpu` are called with them.

    `bytes_of` gives what is read and written at least; `goal`: whether its bandwidth is judged.
    """

    name: str
    make: Callable[[torch.dtype], Sequence[Tensor]]
    stock: Callable[..., object]
    xpu: Callable[..., object]
    bytes_of: Callable[[Sequence[Tensor]], int]
    goal: bool = True


def rows_and_weight(rows: int, size: int, inputs: int) -> Callable[[torch.dtype], list[Tensor]]:
    def make(dtype: torch.dtype) -> list[Tensor]:
        xs = [torch.randn(rows, size).to(dtype) for _ in range(inputs)]
        return [*xs, torch.randn(size).to(dtype)]

    return make


def every_operand_and_result(operands: Sequence[Tensor]) -> int:
    """Where the result is as large as the first operand."""
    return operands[0].nbytes + sum(t.nbytes for t in operands)


def stock_add_rms_norm(residual: Tensor, x: Tensor, weight: Tensor) -> Tensor:
    residual += x
    return F.rms_norm(residual, weight.shape, weight, 1e-6)


def gate_operands(rows: int, size: int) -> Callable[[torch.dtype], list[Tensor]]:
    return lambda dtype: [torch.randn(rows, 2 * size).to(dtype)]


def stock_silu_and_mul(x: Tensor) -> Tensor:
    first, second = x.chunk(2, -1)
    return F.silu(first) * second


def rotary_operands(tokens: int, heads: int, key_heads: int, size: int):
    def make(dtype: torch.dtype) -> list[Tensor]:
        vectors = [torch.randn(1, tokens, n, size).to(dtype) for n in (heads, key_heads)]
        angles = torch.rand(tokens, size // 2).repeat(1, 2)
        return [*vectors, angles.sin().to(dtype), angles.cos().to(dtype)]

    return make


def stock_rotary(query: Tensor, key: Tensor, sin: Tensor, cos: Tensor) -> None:
    def turn(x: Tensor) -> Tensor:
        first, second = x.chunk(2, -1)
        return x * cos[:, None] + torch.cat([-second, first], -1) * sin[:, None]

    query.copy_(turn(query))
    key.copy_(turn(key))


def xpu_rotary(query: Tensor, key: Tensor, sin: Tensor, cos: Tensor) -> None:
    functional.rotary_embedding(query, key, sin, cos, query.shape[-1], True)


def decode_operands(sequences: int, keys: int, heads: int, key_heads: int, block: int = 16):
    """Queries, caches, block tables and lengths of sequences that all have `keys` keys."""

    def make(dtype: torch.dtype) -> list[Tensor]:
        blocks = sequences * keys // block
        caches = [torch.randn(blocks, block, key_heads, 128).to(dtype) for _ in range(2)]
        table = torch.randperm(blocks).view(sequences, -1).int()
        lengths = torch.full((sequences,), keys, dtype=torch.int32)
        return [torch.randn(sequences, heads, 128).to(dtype), *caches, table, lengths]

    return make


def stock_decode(
    query: Tensor, keys: Tensor, values: Tensor, table: Tensor, lengths: Tensor
) -> Tensor:
    gathered = [cache[table.long()].flatten(1, 2).transpose(1, 2) for cache in (keys, values)]
    return F.scaled_dot_product_attention(query[:, :, None], *gathered, enable_gqa=True)


def xpu_decode(
    query: Tensor, keys: Tensor, values: Tensor, table: Tensor, lengths: Tensor
) -> Tensor:
    out = torch.empty_like(query)
    sharing, most = query.shape[1] // keys.shape[2], table.shape[1] * keys.shape[1]
    scale = query.shape[-1] ** -0.5
    paged.paged_attention(
        out, query, keys, values, table, lengths, sharing, scale, keys.shape[1], most
    )
    return out


def prefill_operands(length: int, heads: int, key_heads: int):
    def make(dtype: torch.dtype) -> list[Tensor]:
        shapes = [(length, n, 128) for n in (heads, key_heads, key_heads)]
        vectors = [torch.randn(shape).to(dtype) for shape in shapes]
        return [*vectors, torch.tensor([0, length], dtype=torch.int32)]

    return make


def stock_prefill(query: Tensor, key: Tensor, value: Tensor, starts: Tensor) -> Tensor:
    q, k, v = (t.transpose(0, 1)[None] for t in (query, key, value))
    return F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)


def xpu_prefill(query: Tensor, key: Tensor, value: Tensor, starts: Tensor) -> Tensor:
    length = query.shape[0]
    return functional.varlen_attention(
        query,
        key,
        value,
        torch.empty_like(query),
        starts,
        starts,
        None,
        length,
        length,
        0.0,
        query.shape[-1] ** -0.5,
        False,
        True,
        False,
        None,
    )


def every_operand(operands: Sequence[Tensor]) -> int:
    return sum(t.nbytes for t in operands)


CASES = (
    Bench(
        "rms_norm 1024x4096",
        rows_and_weight(1024, 4096, 1),
        lambda x, w: F.rms_norm(x, w.shape, w, 1e-6),
        lambda x, w: functional.rms_norm(x, w, 1e-6),
        every_operand_and_result,
    ),
    Bench(
        "add_rms_norm 1024x4096",
        rows_and_weight(1024, 4096, 2),
        stock_add_rms_norm,
        lambda residual, x, w: functional.add_rms_norm(residual, x, w, None, 1e-6, True),
        lambda operands: every_operand_and_result(operands) + operands[0].nbytes,
    ),
    Bench(
        "silu_and_mul 512x2x11008",
        gate_operands(512, 11008),
        stock_silu_and_mul,
        functional.silu_and_mul,
        lambda operands: operands[0].nbytes * 3 // 2,
    ),
    Bench(
        "rotary 1024x32+8x128",
        rotary_operands(1024, 32, 8, 128),
        stock_rotary,
        xpu_rotary,
        lambda operands: 2 * (operands[0].nbytes + operands[1].nbytes),
    ),
    Bench(
        "paged decode 8x2048, 32 of 32",
        decode_operands(8, 2048, 32, 32),
        stock_decode,
        xpu_decode,
        every_operand,
    ),
    Bench(
        "paged decode 8x2048, 32 of 8",
        decode_operands(8, 2048, 32, 8),
        stock_decode,
        xpu_decode,
        every_operand,
    ),
    Bench(
        "varlen prefill 1024, 32 of 8",
        prefill_operands(1024, 32, 8),
        stock_prefill,
        xpu_prefill,
        every_operand,
        goal=False,
    ),
    Bench(
        "rms_norm 1x4096",
        rows_and_weight(1, 4096, 1),
        lambda x, w: F.rms_norm(x, w.shape, w, 1e-6),
        lambda x, w: functional.rms_norm(x, w, 1e-6),
        every_operand_and_result,
        goal=False,
    ),
    Bench(
        "paged decode 1x1024, 32 of 8",
        decode_operands(1, 1024, 32, 8),
        stock_decode,
        xpu_decode,
        every_operand,
        goal=False,
    ),
)


def measure(case: Bench, dtype: torch.dtype, rounds: int) -> dict[str, Sequence[float]]:
    torch.manual_seed(0)
    first = case.make(dtype)
    touched = case.bytes_of(first)
    count = max(1, math.ceil(MOST_BYTES / touched)) if case.goal else 1
    stock = [first, *(case.make(dtype) for _ in range(1, count))]
    xpu = [[t.to("xpu") for t in operands] for operands in stock]
    samples = {
        name: sampler([lambda o=operands, c=call: c(*o) for operands in sets])  # type: ignore[misc]
        for name, call, sets in (("stock", case.stock, stock), ("xpu", case.xpu, xpu))
    }
    if case.goal:
        samples |= copy_samples(touched)
    return interleaved(samples, rounds)


def main() -> None:
    keep_freed_memory()
    verdict = Verdict(__doc__, rounds=5, options=lambda parser: row_options(parser, "norm.*bf", 3))
    wanted = re.compile(verdict.arguments.filter)
    chosen = [
        (case, dtype) for case in CASES for dtype in DTYPES if wanted.search(f"{case.name} {dtype}")
    ]
    found: dict[tuple[str, str], dict[str, list[float]]] = {}
    for _ in range(verdict.arguments.passes):
        for case, dtype in chosen:
            samples = found.setdefault((case.name, dtype), {})
            for name, seconds in measure(case, DTYPES[dtype], verdict.rounds).items():
                samples.setdefault(name, []).extend(seconds)
    print(f"{'kernel':32} {'dtype':9} {'stock us':>10} {'xpu us':>10}   ratio   copy")
    fractions: dict[str, float] = {}
    ratios: dict[str, float] = {}
    for (name, dtype), samples in found.items():
        ratio = median_ratio(samples, "stock", "xpu")
        ratios[f"{name}, {dtype}"] = ratio
        shown = ""
        if "xpu copy" in samples:
            fraction = min(
                median_ratio(samples, f"{side} copy", "xpu") for side in ("stock", "xpu")
            )
            fractions[f"{name}, {dtype}"] = fraction
            shown = f"{fraction:6.0%}"
        stock, xpu = (statistics.median(samples[side]) * 1e6 for side in ("stock", "xpu"))
        print(f"{name:32} {dtype:9} {stock:10.1f} {xpu:10.1f} {ratio:7.2f} {shown}".rstrip())
    for what, values, limit in (
        ("lowest ratio", ratios, 1.0),
        ("lowest part of a copy's bandwidth", fractions, GOAL),
    ):
        if values:
            lowest = min(values, key=lambda label: values[label])
            verdict.at_least(f"{what} ({lowest})", values[lowest], limit)
    verdict.finish()


if __name__ == "__main__":
    main()
