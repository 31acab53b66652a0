"""Speed and memory of whole networks: xpu beside stock torch on the CPU, each row in a process.

A row's process runs both, interleaved; what one network leaves in caches and allocators is not
there for the next, as for a user who runs one. Inference, and a training step of forward, backward
and optimizer; bfloat16 is cast weights in inference and autocast in training; images are channels
last. Nothing is optimized: the model is moved to the device. A ratio is stock's time over ours, the
median over the rounds of all passes.

Memory: the peak of what is allocated on the device; for stock by how much the resident memory of a
process of its own grows at most, which also counts what libraries and the allocator keep.
"""

from __future__ import annotations

import json
import math
import re
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from harness import Verdict, interleaved, median_ratio, row_options, seconds
from model_zoo import NETWORKS
from torch import nn

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
# A sample of short steps takes so long, and all samples of a side in one process.
SAMPLE_SECONDS, SIDE_SECONDS = 0.1, 1.5
MODES = ("inference", "training")
MEBI = 1 << 20


def step(name: str, mode: str, dtype: torch.dtype, device: str) -> Callable[[], object]:
    """One step of the network on a device; equal weights and data on all devices."""
    torch.manual_seed(0)
    network = NETWORKS[name]
    model = network.make()
    inputs, targets = network.inputs().to(device), network.targets().to(device)
    if network.images:
        model = model.to(memory_format=torch.channels_last)
        inputs = inputs.to(memory_format=torch.channels_last)
    if mode == "inference":
        return inference(model.to(device, dtype).eval(), inputs, dtype)
    model.to(device).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)

    def train() -> None:
        optimizer.zero_grad()
        with torch.autocast(device, torch.bfloat16, enabled=dtype is torch.bfloat16):
            loss = network.loss(model(inputs).float(), targets)
        loss.backward()
        optimizer.step()

    return train


def inference(model: nn.Module, inputs: torch.Tensor, dtype: torch.dtype) -> Callable[[], object]:
    if inputs.is_floating_point():
        inputs = inputs.to(dtype)

    def infer() -> torch.Tensor:
        with torch.no_grad():
            return model(inputs)

    return infer


def sampler(call: Callable[[], object]) -> tuple[Callable[[], float], float]:
    """As many calls as fill a sample, and its seconds. One before short calls wakes threads."""
    call()
    single = seconds(call, 1)
    calls = max(1, int(SAMPLE_SECONDS / single))

    def sample() -> float:
        if calls > 1:
            call()
        return seconds(call, calls)

    return sample, calls * single


def resident_peak() -> int:
    """Of this process; getrusage's would begin with that of the process that started it."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def in_process(*arguments: str) -> str:
    """What this file prints with these arguments in a process of its own."""
    process = subprocess.run(
        [sys.executable, Path(__file__), *arguments], check=True, stdout=subprocess.PIPE, text=True
    )
    return process.stdout


def print_stock_memory(name: str, mode: str, dtype: str) -> None:
    before = resident_peak()
    call = step(name, mode, DTYPES[dtype], "cpu")
    for _ in range(2):
        call()
    print(resident_peak() - before)


def print_samples(name: str, mode: str, dtype: str, rounds: str) -> None:
    torch.xpu.reset_peak_memory_stats()
    xpu = step(name, mode, DTYPES[dtype], "xpu")
    stock = step(name, mode, DTYPES[dtype], "cpu")
    samples, lasts = {}, 0.0
    for side, call in (("stock", stock), ("xpu", xpu)):
        samples[side], each = sampler(call)
        lasts = max(lasts, each)
    interleaved(samples, 1)
    figures = interleaved(samples, max(int(rounds), int(SIDE_SECONDS / lasts)))
    memory = torch.xpu.max_memory_allocated()
    print(json.dumps({**figures, "memory": memory}))


def print_row(row: tuple[str, str, str], found: list[dict]) -> float:
    figures = {side: [x for one in found for x in one[side]] for side in ("stock", "xpu")}
    ratio = median_ratio(figures, "stock", "xpu")
    stock_memory = int(in_process("--memory-of", *row))
    print(
        "{:14} {:9} {:9}".format(*row),
        f"{statistics.median(figures['stock']) * 1e3:9.1f}"
        f" {statistics.median(figures['xpu']) * 1e3:9.1f} {ratio:7.2f}"
        f" {stock_memory / MEBI:10.0f} {found[0]['memory'] / MEBI:9.0f}",
        flush=True,
    )
    return ratio


def main() -> None:
    parts = {"--memory-of": print_stock_memory, "--samples-of": print_samples}
    if sys.argv[1:2] and sys.argv[1] in parts:
        parts[sys.argv[1]](*sys.argv[2:])
        return
    verdict = Verdict(__doc__, rounds=4, options=lambda parser: row_options(parser, "BERT.*inf", 3))
    wanted = re.compile(verdict.arguments.filter)
    print(
        f"{'network':14} {'mode':9} {'dtype':9} {'stock ms':>9} {'xpu ms':>9}   ratio"
        f"  stock MiB   xpu MiB"
    )
    rows = [
        (name, mode, dtype)
        for name in NETWORKS
        for mode in MODES
        for dtype in DTYPES
        if wanted.search(f"{name} {mode} {dtype}")
    ]
    # Noise that lasts for a minute meets other rows in another pass.
    found: dict[tuple[str, str, str], list[dict]] = {row: [] for row in rows}
    for _ in range(verdict.arguments.passes):
        for row in rows:
            found[row].append(json.loads(in_process("--samples-of", *row, str(verdict.rounds))))
    ratios = {", ".join(row): print_row(row, found[row]) for row in rows}
    lowest = min(ratios, key=lambda row: ratios[row])
    mean = math.exp(statistics.mean(map(math.log, ratios.values())))
    verdict.at_least(f"lowest ratio ({lowest})", ratios[lowest], 1.0)
    verdict.at_least(f"geometric mean of {len(ratios)} ratios", mean, None)
    verdict.finish()


if __name__ == "__main__":
    main()
