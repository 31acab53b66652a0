"""Speed of single operators: xpu beside stock torch on the CPU, in one process, on the same data.

A ratio is stock's time over ours, the median over the rounds of all passes: above 1 xpu is faster.
Large operands and results are in memory, not in the caches: each call takes others, as many in turn
as no cache holds. Stock's allocator keeps freed memory, as ours does. Operators bound by memory are
also held against a copy of as many bytes, taken in the same rounds, ours or stock's, whichever is
faster. The table and a plot of the ratios go to bench/output/.
"""

from __future__ import annotations

import functools
import itertools
import math
import os
import re
import statistics
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import torch
from harness import Verdict, interleaved, keep_freed_memory, median_ratio, row_options, seconds
from matplotlib import pyplot
from operator_cases import CASES, Case

import intel_extension_for_pytorch  # noqa: F401 (the device)

OUTPUT = Path(__file__).resolve().parent / "output"
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
SIZES = {"4 Mi": 1 << 22, "64 Ki": 1 << 16}
GOAL_SIZE = "4 Mi"
CACHE = Path("/sys/devices/system/cpu/cpu0/cache/index3/size")
UNCACHED_BYTES = 4 * (int(CACHE.read_text().rstrip("K\n")) << 10 if CACHE.exists() else 32 << 20)
SAMPLE_SECONDS = 8e-3


@dataclass(frozen=True)
class Figure:
    name: str
    dtype: str
    size: str
    stock: float  # seconds
    xpu: float
    ratio: float
    copy_fraction: float | None  # of the bandwidth of a copy

    @property
    def label(self) -> str:
        return f"{self.name}, {self.dtype}"


Key = tuple[str, str, str]  # operator, dtype, size
Samples = dict[str, Sequence[float]]


def sampler(turns: Sequence[Callable[[], object]]) -> Callable[[], float]:
    """Times as many of the calls as fill a sample; they take turns.

    A result lives until its turn is back. A call before those timed wakes the threads.
    """
    following = itertools.cycle(turns)
    results: deque[object] = deque(maxlen=len(turns))

    def call() -> None:
        results.append(next(following)())

    seconds(call, 2 * len(turns))
    calls = max(1, min(1000, int(SAMPLE_SECONDS / seconds(call, 2))))

    def sample() -> float:
        call()
        return seconds(call, calls)

    return sample


def bound(case: Case, operands: Sequence[torch.Tensor]) -> Callable[[], object]:
    """The call that is measured, with its operands."""
    if not case.gradient:
        return lambda: case.call(*operands)
    leaves = [x.requires_grad_() for x in operands if x.is_floating_point()]
    result = case.call(*operands)
    assert isinstance(result, torch.Tensor)
    weights = torch.ones_like(result)
    return lambda: torch.autograd.grad(result, leaves, weights, retain_graph=True)


def uncached_sets(bytes_of_one: int, size: str) -> int:
    """How many sets of operands no cache holds; small ones are to be cached."""
    return max(1, math.ceil(UNCACHED_BYTES / bytes_of_one)) if size == GOAL_SIZE else 1


def moved(operand: torch.Tensor, *to: str | torch.dtype) -> torch.Tensor:
    """Tensor.to with the same strides, which it keeps for dense tensors only."""
    storage = operand.new_empty(0).set_(operand.untyped_storage())
    return storage.to(*to).as_strided(operand.shape, operand.stride(), operand.storage_offset())


def touched_bytes(case: Case, operands: Sequence[torch.Tensor]) -> int:
    """What an ideal kernel reads and writes: every operand once, every result once."""
    result = case.call(*operands)
    tensors = [result] if isinstance(result, torch.Tensor) else []
    if case.reads:
        tensors += operands
    return sum(tensor.nbytes for tensor in tensors)


def copy_samples(size: int) -> Mapping[str, Callable[[], float]]:
    """Copies that read and write `size` bytes together."""

    def copy(device: str) -> Callable[[], object]:
        return torch.randn(size // 8, device=device).clone

    return {
        f"{name} copy": sampler([copy(device) for _ in range(uncached_sets(size, GOAL_SIZE))])
        for name, device in (("stock", "cpu"), ("xpu", "xpu"))
    }


copies = functools.cache(copy_samples)


def operands_of(case: Case, dtype: str, size: str) -> list[torch.Tensor]:
    operands = [operand(SIZES[size]) for operand in case.operands]
    return [moved(x, DTYPES[dtype]) if x.is_floating_point() else x for x in operands]


def measure(case: Case, dtype: str, size: str, rounds: int) -> Samples:
    torch.manual_seed(0)
    first = operands_of(case, dtype, size)
    touched = touched_bytes(case, first)
    stock = [
        first,
        *(operands_of(case, dtype, size) for _ in range(1, uncached_sets(touched, size))),
    ]
    xpu = [[moved(operand, "xpu") for operand in operands] for operands in stock]
    samples = {
        name: sampler([bound(case, operands) for operands in sets])
        for name, sets in (("stock", stock), ("xpu", xpu))
    }
    compared = case.memory and size == GOAL_SIZE
    if compared:
        samples |= copies(touched)
    return interleaved(samples, rounds)


def figure_of(key: Key, samples: Samples) -> Figure:
    fraction = None
    if "xpu copy" in samples:
        fraction = min(median_ratio(samples, copy, "xpu") for copy in ("stock copy", "xpu copy"))
    return Figure(
        *key,
        statistics.median(samples["stock"]),
        statistics.median(samples["xpu"]),
        median_ratio(samples, "stock", "xpu"),
        fraction,
    )


def row(figure: Figure) -> str:
    fraction = "" if figure.copy_fraction is None else f"{figure.copy_fraction:6.0%}"
    return (
        f"{figure.name:28} {figure.dtype:9} {figure.size:>6} {figure.stock * 1e6:10.1f}"
        f" {figure.xpu * 1e6:10.1f} {figure.ratio:7.2f} {fraction}"
    ).rstrip()


def plot(figures: Sequence[Figure], path: Path) -> None:
    mpl.use("Agg")
    names = list(dict.fromkeys(figure.name for figure in figures))[::-1]
    canvas, panels = pyplot.subplots(
        1, len(SIZES), sharey=True, figsize=(11, 1.5 + 0.16 * len(names)), layout="constrained"
    )
    for panel, size in zip(panels, SIZES, strict=True):
        for dtype, marker in zip(DTYPES, "os", strict=True):
            shown = [x for x in figures if (x.size, x.dtype) == (size, dtype)]
            positions = [names.index(x.name) for x in shown]
            ratios = [x.ratio for x in shown]
            panel.scatter(ratios, positions, s=14, marker=marker, label=dtype, zorder=2)
        panel.axvline(1, color="black", linewidth=0.8)
        panel.set_xscale("log")
        panel.set_title(f"{size} elements")
        panel.set_xlabel("speed over stock torch on the CPU")
        panel.grid(color="0.9", which="both", zorder=0)
        panel.set_ylim(-1, len(names))
        panel.set_yticks(range(len(names)), names, fontsize=7)
        panel.legend()
    canvas.savefig(path, dpi=120)


def judge(verdict: Verdict, figures: Sequence[Figure]) -> None:
    ratios = {x.label: x.ratio for x in figures if x.size == GOAL_SIZE}
    fractions = {x.label: x.copy_fraction for x in figures if x.copy_fraction is not None}
    for size in SIZES:
        logs = [math.log(x.ratio) for x in figures if x.size == size]
        if logs:
            limit = 1.0 if size == GOAL_SIZE else None
            name = f"geometric mean of {len(logs)} ratios at {size} elements"
            verdict.at_least(name, math.exp(statistics.mean(logs)), limit)
    for what, values, limit in (
        (f"lowest ratio at {GOAL_SIZE}", ratios, 0.7),
        ("lowest part of a copy's bandwidth", fractions, 0.8),
    ):
        if values:
            lowest = min(values, key=lambda label: values[label])
            below = sum(value < limit for value in values.values())
            name = f"{what} ({lowest}; {below} of {len(values)} under the goal)"
            verdict.at_least(name, values[lowest], limit)


def main() -> None:
    keep_freed_memory()
    verdict = Verdict(__doc__, rounds=5, options=lambda parser: row_options(parser, "sum.*bf", 6))
    wanted = re.compile(verdict.arguments.filter)
    header = (
        f"{'operator':28} {'dtype':9} {'size':>6} {'stock us':>10} {'xpu us':>10}   ratio   copy"
    )
    load = f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    chosen = [
        (case, dtype, size)
        for size in SIZES
        for case in CASES
        for dtype in DTYPES
        if wanted.search(f"{case.name} {dtype} {size}")
    ]
    collected: dict[Key, Samples] = {}
    for number in range(verdict.arguments.passes):
        print(f"pass {number + 1} of {verdict.arguments.passes}: {len(chosen)} rows", flush=True)
        for case, dtype, size in chosen:
            samples = collected.setdefault((case.name, dtype, size), {})
            for name, seconds_of in measure(case, dtype, size, verdict.rounds).items():
                samples[name] = [*samples.get(name, ()), *seconds_of]
    figures = [figure_of(key, samples) for key, samples in collected.items()]
    lines = [load, header, *map(row, figures)]
    print("\n".join(lines))
    OUTPUT.mkdir(exist_ok=True)
    (OUTPUT / "ops.txt").write_text("\n".join(lines) + "\n")
    plot(figures, OUTPUT / "ops.png")
    judge(verdict, figures)
    verdict.finish()


if __name__ == "__main__":
    main()
