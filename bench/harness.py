"""What the benchmarks share: interleaved timing, medians of ratios, a verdict on the last line."""

from __future__ import annotations

import argparse
import ctypes
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence

import torch

QUIET_SECONDS = 20e-3


def interleaved(
    samples: Mapping[str, Callable[[], float]], rounds: int
) -> dict[str, Sequence[float]]:
    """Each sample's figures, taken in turn so that all meet the same noise.

    Before each the threads of the one before get time to stop spinning; every other round goes
    backwards, so that none always follows the same one.
    """
    figures: dict[str, list[float]] = {name: [] for name in samples}
    order = list(samples.items())
    for number in range(rounds):
        for name, sample in order if number % 2 == 0 else reversed(order):
            time.sleep(QUIET_SECONDS)
            figures[name].append(sample())
    return figures


def seconds(call: Callable[[], object], calls: int) -> float:
    """What a call takes on average, the device's work included."""
    torch.xpu.synchronize()
    start = time.perf_counter()
    for _ in range(calls):
        call()
    torch.xpu.synchronize()
    return (time.perf_counter() - start) / calls


def host_seconds(call: Callable[[], object], calls: int) -> float:
    """What a call costs its thread: the device's work is waited for before and after the calls."""
    torch.xpu.synchronize()
    start = time.perf_counter()
    for _ in range(calls):
        call()
    elapsed = time.perf_counter() - start
    torch.xpu.synchronize()
    return elapsed / calls


def median_difference(figures: Mapping[str, Sequence[float]], one: str, other: str) -> float:
    """The median over the rounds of `one` minus `other`."""
    pairs = zip(figures[one], figures[other], strict=True)
    return statistics.median(a - b for a, b in pairs)


def median_ratio(figures: Mapping[str, Sequence[float]], one: str, other: str) -> float:
    """The median over the rounds of `one` divided by `other`."""
    pairs = zip(figures[one], figures[other], strict=True)
    return statistics.median(a / b for a, b in pairs)


def keep_freed_memory() -> None:
    """Of malloc: pages from the operating system for every large result would be what is timed."""
    trim_threshold, mmap_max = -1, -4
    libc = ctypes.CDLL(None)
    for option, value in ((trim_threshold, 2**31 - 1), (mmap_max, 0)):
        if not libc.mallopt(option, value):
            raise OSError(f"mallopt refuses option {option}")


def row_options(parser: argparse.ArgumentParser, example: str, passes: int) -> None:
    """Options of benchmarks whose table has a row for each case."""
    parser.add_argument(
        "--filter",
        default="",
        metavar="REGEX",
        help=f"only rows whose text matches, as {example!r}",
    )
    parser.add_argument(
        "--passes",
        type=int,
        default=passes,
        help=f"times that all rows are measured, {passes}: lasting noise meets other rows",
    )


class Verdict:
    """Collects goals; `finish` prints them and exits 1 if --check is given and one is missed."""

    def __init__(
        self,
        description: str | None,
        rounds: int = 15,
        options: Callable[[argparse.ArgumentParser], None] = lambda parser: None,
    ) -> None:
        parser = argparse.ArgumentParser(description=description)
        parser.add_argument("--check", action="store_true", help="exit 1 where a goal is missed")
        parser.add_argument(
            "--rounds", type=int, default=rounds, help=f"measurements of each kind, {rounds}"
        )
        options(parser)
        self.arguments = parser.parse_args()
        self.check: bool = self.arguments.check
        self.rounds: int = self.arguments.rounds
        self.texts: list[str] = []
        self.missed = False

    def goal(self, name: str, value: float, limit: float, unit: str) -> None:
        """`value` must not exceed `limit`."""
        self._add(name, value, value > limit, f"<= {limit:g}", unit)

    def at_least(self, name: str, value: float, limit: float | None, unit: str = "") -> None:
        """`value` must reach `limit`; None: it is only shown."""
        if limit is None:
            self.texts.append(f"{name} {value:.3g} {unit}".rstrip())
        else:
            self._add(name, value, value < limit, f">= {limit:g}", unit)

    def _add(self, name: str, value: float, missed: bool, limit: str, unit: str) -> None:
        self.missed |= missed
        shown = f"{name} {value:.3g} {unit}".rstrip()
        self.texts.append(f"{shown} (goal {limit}{', MISSED' if missed else ''})")

    def finish(self) -> None:
        print("; ".join(self.texts))
        sys.exit(1 if self.missed and self.check else 0)
