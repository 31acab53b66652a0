"""What the benchmarks share: interleaved timing, medians of ratios, a verdict on the last line."""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence


def interleaved(
    samples: Mapping[str, Callable[[], float]], rounds: int
) -> dict[str, Sequence[float]]:
    """Each sample's figures, taken in turn so that all meet the same noise."""
    figures: dict[str, list[float]] = {name: [] for name in samples}
    for _ in range(rounds):
        for name, sample in samples.items():
            figures[name].append(sample())
    return figures


def median_difference(figures: Mapping[str, Sequence[float]], one: str, other: str) -> float:
    """The median over the rounds of `one` minus `other`."""
    pairs = zip(figures[one], figures[other], strict=True)
    return statistics.median(a - b for a, b in pairs)


class Verdict:
    """Collects goals; `finish` prints them and exits 1 if --check is given and one is missed."""

    def __init__(self, description: str | None) -> None:
        parser = argparse.ArgumentParser(description=description)
        parser.add_argument("--check", action="store_true", help="exit 1 where a goal is missed")
        parser.add_argument("--rounds", type=int, default=15, help="measurements of each kind")
        arguments = parser.parse_args()
        self.check: bool = arguments.check
        self.rounds: int = arguments.rounds
        self.goals: list[tuple[str, float, float, str]] = []

    def goal(self, name: str, value: float, limit: float, unit: str) -> None:
        """`value` must not exceed `limit`."""
        self.goals.append((name, value, limit, unit))

    def finish(self) -> None:
        missed = any(value > limit for _, value, limit, _ in self.goals)
        texts = [
            f"{name} {value:.3g} {unit} (goal <= {limit:g}{', MISSED' if value > limit else ''})"
            for name, value, limit, unit in self.goals
        ]
        print("; ".join(texts))
        sys.exit(1 if missed and self.check else 0)
