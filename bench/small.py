"""Small networks, where the cost of launches decides: stock PyTorch on the CPU, xpu as it is, and
xpu with its products by the library alone and by kernels of ours alone.

A library's task between kernels costs about 25 µs beyond its work on a CPU, so small products go to
kernels of ours (csrc/aten/matmul/small_products.h). The choice is to be as good as the better side.

--crossover measures the products of that table at many sizes instead, each followed by a kernel.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from harness import Verdict, interleaved, median_ratio, seconds
from torch import nn

import intel_extension_for_pytorch._C as core

CHOICES = ("automatic", "all", "none")
SAMPLE_SECONDS = 0.02
DTYPES = (torch.float32, torch.bfloat16)


class Last(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(16, 32, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.lstm(x)[0][:, -1]


def encoder() -> nn.Module:
    layer = nn.TransformerEncoderLayer(128, 4, 256, dropout=0.0, batch_first=True)
    return nn.TransformerEncoder(layer, 4, enable_nested_tensor=False)


def mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))


def cnn() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(256, 10),
    )


@dataclasses.dataclass
class Row:
    make: Callable[[], nn.Module]
    shape: tuple[int, ...]
    trains: bool = False

    def step(self, device: str) -> Callable[[], object]:
        torch.manual_seed(0)
        model = self.make().to(device)
        x = torch.randn(self.shape).to(device)
        if self.trains:
            return self.training_step(model, x)

        def infer() -> None:
            with torch.no_grad():
                model(x)

        return infer

    def training_step(self, model: nn.Module, x: torch.Tensor) -> Callable[[], object]:
        optimizer = torch.optim.AdamW(model.parameters(), fused=True)
        targets = torch.randint(10, (len(x),)).to(x.device)

        def train() -> None:
            optimizer.zero_grad()
            F.cross_entropy(model(x), targets).backward()
            optimizer.step()

        return train


ROWS = {
    "linear 32x64x128, relu": Row(lambda: nn.Sequential(nn.Linear(64, 128), nn.ReLU()), (32, 64)),
    "MLP 64-128-10, batch 32": Row(mlp, (32, 64)),
    "MLP, training step": Row(mlp, (32, 64), trains=True),
    "4 encoder layers of 128, 4 tokens": Row(encoder, (1, 4, 128)),
    "CNN of 8x8 images, batch 4": Row(cnn, (4, 1, 8, 8)),
    "CNN, training step": Row(cnn, (4, 1, 8, 8), trains=True),
    "LSTM 16-32, 4 x 10 steps": Row(Last, (4, 10, 16)),
    "linear 128x512x512": Row(lambda: nn.Linear(512, 512), (128, 512)),
}


def sampled(step: Callable[[], object], choice: str = "automatic") -> Callable[[], float]:
    """A sample of the step with the libraries used by this choice."""

    def sample(calls: int = 1) -> float:
        before = core.get_libraries()
        core.set_libraries(choice)
        try:
            step()
            return seconds(step, calls)
        finally:
            core.set_libraries(before)

    sample(3)
    calls = max(1, math.ceil(SAMPLE_SECONDS / sample()))
    return lambda: sample(calls)


def crossover(rounds: int) -> None:
    """For each product: its multiplications, and the library's time over ours."""
    print(f"{'product':<36}{'dtype':<10}{'Ki multiplications':>18}{'library / ours':>16}")
    for name, dtype, multiplications, step in products():
        both = {choice: sampled(step, choice) for choice in ("all", "none")}
        ratio = median_ratio(interleaved(both, rounds), "all", "none")
        text = f"{multiplications / 1024:>18.0f}{ratio:>16.2f}"
        print(f"{name:<36}{str(dtype)[6:]:<10}{text}", flush=True)


def products():
    def randn(*shape: int, dtype: torch.dtype) -> torch.Tensor:
        return torch.randn(shape, device="xpu", dtype=dtype)

    for dtype in DTYPES:
        sizes = [(rows, size, size) for size in (64, 128, 256, 512) for rows in (1, 4, 32, 128)]
        for m, k, n in sizes:
            x, w, b = (randn(*s, dtype=dtype) for s in ((m, k), (n, k), (n,)))
            step = lambda x=x, w=w, b=b: F.linear(x, w, b).relu_()  # noqa: E731
            yield f"linear {m}x{k}x{n}", dtype, m * n * k, step
        for batch, inner, outer, size, kernel in (
            *((1, 3, 8, size, 3) for size in (4, 8, 16)),
            *((batch, 16, 16, size, 3) for batch in (1, 8) for size in (4, 8, 16)),
            *((batch, 32, 32, size, 1) for batch in (1, 8) for size in (4, 8, 16)),
        ):
            x = randn(batch, inner, size, size, dtype=dtype)
            w = randn(outer, inner, kernel, kernel, dtype=dtype)
            pad = kernel // 2
            y = F.conv2d(x, w, padding=pad)
            shape = f"{batch}x{inner}x{size}x{size} to {outer}, {kernel}x{kernel}"
            multiplications = y.numel() * w[0].numel()

            def backward(mask: list[bool], x=x, w=w, y=y, pad=pad) -> list[torch.Tensor]:
                options = ([1, 1], [pad, pad], [1, 1], False, [0, 0], 1)
                return torch.ops.aten.convolution_backward(y, x, w, None, *options, mask)

            forward = lambda x=x, w=w, pad=pad: F.conv2d(x, w, padding=pad).relu_()  # noqa: E731
            data = lambda b=backward: b([True, False, False])[0].relu_()  # noqa: E731
            weights = lambda b=backward: b([False, True, False])[1].relu_()  # noqa: E731
            for kind, step in (("", forward), (" data", data), (" weights", weights)):
                yield f"conv{kind} {shape}", dtype, multiplications, step


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--crossover", action="store_true", help="library against ours, by size")


def main() -> None:
    verdict = Verdict(__doc__, options=options)
    if verdict.arguments.crossover:
        return crossover(verdict.rounds)
    columns = (
        f"{'stock':>8}{'xpu':>8}{'library':>9}{'ours':>8}{'stock / xpu':>13}{'best / xpu':>12}"
    )
    print(f"{'µs':<36}{columns}")
    qualities, speeds = [], []
    for name, row in ROWS.items():
        step = row.step("xpu")
        samples = {choice: sampled(step, choice) for choice in CHOICES}
        samples["stock"] = sampled(row.step("cpu"))
        figures = interleaved(samples, verdict.rounds)
        micro = {key: sorted(values)[len(values) // 2] * 1e6 for key, values in figures.items()}
        speed = median_ratio(figures, "stock", "automatic")
        quality = min(median_ratio(figures, choice, "automatic") for choice in ("all", "none"))
        speeds.append(speed)
        qualities.append(quality)
        print(
            f"{name:<36}{micro['stock']:>8.0f}{micro['automatic']:>8.0f}{micro['all']:>9.0f}"
            f"{micro['none']:>8.0f}{speed:>13.2f}{quality:>12.2f}",
            flush=True,
        )
    verdict.at_least(
        "speed over stock, geometric mean", math.exp(sum(map(math.log, speeds)) / len(speeds)), None
    )
    verdict.at_least("the better side's time over ours, lowest", min(qualities), 0.85)
    verdict.finish()


if __name__ == "__main__":
    main()
