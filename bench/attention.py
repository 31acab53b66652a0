"""Scaled dot-product attention: xpu beside stock torch's flash attention on the CPU.

Floor: 4 * batch * heads * queries * keys * features floating-point operations forward (half where
it is causal), 2.5 times that backward; held against the rate of a large matrix product measured in
the same run. Memory: what the device allocates at most beyond the inputs, for sequences of growing
length; it must grow no faster than the sequence. A ratio is stock's time over ours, the median over
the rounds of all passes.
"""

from __future__ import annotations

import re
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from harness import Verdict, interleaved, median_ratio, row_options
from torch.nn import functional as F

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
LENGTHS = (1024, 2048, 4096, 8192)
MEBI = 1 << 20


@dataclass(frozen=True)
class Shape:
    name: str
    batch: int
    heads: int
    queries: int
    keys: int
    features: int = 64
    causal: bool = False
    training: bool = False

    def flops(self) -> float:
        forward = 4.0 * self.batch * self.heads * self.queries * self.keys * self.features
        return forward * (0.5 if self.causal else 1) * (3.5 if self.training else 1)


SHAPES = (
    Shape("encoder 8x12x128", 8, 12, 128, 128),
    Shape("encoder 4x12x512", 4, 12, 512, 512),
    Shape("encoder 4x12x512, training", 4, 12, 512, 512, training=True),
    Shape("causal 1x8x2048", 1, 8, 2048, 2048, causal=True),
    Shape("causal 1x8x2048, training", 1, 8, 2048, 2048, causal=True, training=True),
    Shape("one head of 8192", 1, 1, 8192, 8192),
    Shape("decoding 1x32x1x4096", 1, 32, 1, 4096),
)


def make(shape: Shape, dtype: torch.dtype, device: str) -> Callable[[], object]:
    torch.manual_seed(0)
    sizes = [
        (shape.batch, shape.heads, n, shape.features)
        for n in (shape.queries, shape.keys, shape.keys)
    ]
    query, key, value = (torch.randn(size).to(device, dtype) for size in sizes)
    if not shape.training:
        return lambda: F.scaled_dot_product_attention(query, key, value, is_causal=shape.causal)
    inputs = [t.requires_grad_() for t in (query, key, value)]
    gradient = torch.randn(sizes[0]).to(device, dtype)

    def train() -> None:
        out = F.scaled_dot_product_attention(*inputs, is_causal=shape.causal)
        torch.autograd.grad(out, inputs, gradient)

    return train


def seconds(call: Callable[[], object]) -> float:
    repeats = 0
    torch.xpu.synchronize()
    start = time.perf_counter()
    while time.perf_counter() - start < 20e-3:
        call()
        torch.xpu.synchronize()
        repeats += 1
    return (time.perf_counter() - start) / repeats


def product_rate(dtype: torch.dtype) -> float:
    """Floating-point operations per second of a large matrix product."""
    side = 2048
    matrix = torch.randn(side, side).to("xpu", dtype)
    return 2 * side**3 / min(seconds(lambda: matrix @ matrix) for _ in range(5))


def extra_memory(length: int, dtype: torch.dtype) -> int:
    query, key, value = (torch.randn(1, 1, length, 64, device="xpu", dtype=dtype) for _ in range(3))
    torch.xpu.reset_peak_memory_stats()
    before = torch.xpu.memory_allocated()
    F.scaled_dot_product_attention(query, key, value)
    return torch.xpu.max_memory_allocated() - before


def measured(shape: Shape, dtype: torch.dtype, rounds: int) -> dict[str, Sequence[float]]:
    calls = {"stock": make(shape, dtype, "cpu"), "xpu": make(shape, dtype, "xpu")}
    samples = {name: lambda call=call: seconds(call) for name, call in calls.items()}
    interleaved(samples, 1)
    return interleaved(samples, rounds)


def main() -> None:
    verdict = Verdict(
        __doc__, rounds=5, options=lambda parser: row_options(parser, "float32 causal", 3)
    )
    wanted = re.compile(verdict.arguments.filter)
    rows = [
        (name, shape)
        for name in DTYPES
        for shape in SHAPES
        if wanted.search(f"{name} {shape.name}")
    ]
    rates = dict.fromkeys(DTYPES, 0.0)
    found: dict[tuple[str, Shape], dict[str, list[float]]] = {
        row: {"stock": [], "xpu": []} for row in rows
    }
    # Noise that lasts meets other rows, and other memory, in another pass.
    for _ in range(verdict.arguments.passes):
        rates = {name: max(rates[name], product_rate(dtype)) for name, dtype in DTYPES.items()}
        for name, shape in rows:
            for side, figures in measured(shape, DTYPES[name], verdict.rounds).items():
                found[name, shape][side] += figures
    print(f"{'':42}{'stock ms':>9}{'xpu ms':>9}{'ratio':>7}{'of the product rate':>21}")
    worst = float("inf")
    for (name, shape), figures in found.items():
        ratio = median_ratio(figures, "stock", "xpu")
        stock, ours = (statistics.median(figures[side]) for side in ("stock", "xpu"))
        worst = min(worst, ratio)
        share = shape.flops() / ours / rates[name]
        times = f"{stock * 1e3:9.2f}{ours * 1e3:9.2f}"
        print(f"{name:10}{shape.name:32}{times}{ratio:7.2f}{share:21.0%}")
    peaks = [extra_memory(length, torch.float32) for length in LENGTHS]
    for length, peak in zip(LENGTHS, peaks, strict=True):
        print(f"memory at {length:5}: {peak / MEBI:6.2f} MiB")
    verdict.at_least("slowest against stock", worst, 1.0)
    verdict.goal("memory of 8192 over that of 2048", peaks[-1] / peaks[1], 4.5, "")
    verdict.finish()


if __name__ == "__main__":
    main()
