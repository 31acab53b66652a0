"""Classifies the test images on xpu in every way the front end offers, and compares with the CPU.

Needs the weights that train_digits.py writes. Ends with exit code 1 if less than 99 % of the
images are classified as by float32 on the CPU.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from dataclasses import dataclass

import torch
from digits import DTYPES, WEIGHTS, kernel_summary, load, network
from rich import box
from rich.console import Console
from rich.progress import track
from rich.table import Table

import intel_extension_for_pytorch as ipex

AGREEMENT_GOAL = 0.99


@dataclass
class Case:
    dtype: str
    amp: bool  # float32 images under autocast, or images of `dtype` without it
    cache_enabled: bool  # of autocast
    channels_last: bool

    @property
    def autocast(self) -> str:
        if not self.amp:
            return "no"
        return "yes" if self.cache_enabled else "no cache"

    def scores(self, images: torch.Tensor, device: str) -> tuple[torch.Tensor, float]:
        """The scores of each class, and the time of a second pass over the images."""
        dtype = DTYPES[self.dtype]
        memory_format = torch.channels_last if self.channels_last else torch.contiguous_format
        model = network()
        model.load_state_dict(torch.load(WEIGHTS))
        model = model.eval().to(device, memory_format=memory_format)
        # With autocast and its cache the weights stay float32: autocast casts them once.
        weights_dtype = None if self.amp and self.cache_enabled else dtype
        model = ipex.optimize(model, dtype=weights_dtype)
        images = images.to(device, None if self.amp else dtype, memory_format=memory_format)
        autocast = torch.autocast(
            device, dtype=dtype, enabled=self.amp, cache_enabled=self.cache_enabled
        )
        with torch.no_grad(), autocast:
            model(images)
            torch.accelerator.synchronize()
            start = time.perf_counter()
            scores = model(images).cpu()
        return scores.float(), time.perf_counter() - start


def cases() -> list[Case]:
    plain = [Case(dtype, False, False, False) for dtype in DTYPES]
    with_amp = [
        Case(dtype, True, cache, False)
        for dtype, cache in itertools.product(("bfloat16", "float16"), (True, False))
    ]
    return [
        Case(case.dtype, case.amp, case.cache_enabled, channels_last)
        for case in plain + with_amp
        for channels_last in (False, True)
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="xpu")
    device = parser.parse_args().device
    if not WEIGHTS.exists():
        sys.exit(f"{WEIGHTS} is missing: run train_digits.py first")

    console = Console()
    _, test_set = load()
    reference = network()
    reference.load_state_dict(torch.load(WEIGHTS))
    with torch.no_grad():
        expected = reference.eval()(test_set.images)

    table = Table(
        box=box.SIMPLE,
        title=f"Inference on {device}, {len(test_set.labels)} images",
        caption="agrees: classified as by float32 on the CPU; error: the largest of a score",
    )
    for column in ("type", "autocast", "layout", "agrees", "accuracy", "error", "images/s"):
        table.add_column(column, justify="right", no_wrap=True)
    missed = 0
    for case in track(cases(), "inference", console=console):
        scores, seconds = case.scores(test_set.images, device)
        agreement = (scores.argmax(1) == expected.argmax(1)).float().mean().item()
        accuracy = (scores.argmax(1) == test_set.labels).float().mean().item()
        missed += agreement < AGREEMENT_GOAL
        table.add_row(
            case.dtype,
            case.autocast,
            "channels_last" if case.channels_last else "contiguous",
            f"{agreement:.2%}",
            f"{accuracy:.4f}",
            f"{(scores - expected).abs().max():.1e}",
            f"{len(scores) / seconds:,.0f}",
        )
    console.print(table)
    console.print(kernel_summary(), soft_wrap=True)
    if missed:
        console.print(
            f"[bold red]missed[/] {missed} of them agree on less than {AGREEMENT_GOAL:.0%}"
        )
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
