"""Expand csrc/kernels/instantiate.yaml into lines ``module<TAB>instantiation``.

Braces work as in a shell, nested ones too: ``f<{a,b<{c,d}>}, float>`` gives ``f<a, float>``,
``f<b<c>, float>`` and ``f<b<d>, float>``. Only commas directly inside braces separate; ``<...>``
and ``(...)`` protect theirs: ``{complex<float>,pair<a, b>}`` has two alternatives.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import yaml

OPENING = "{<("
CLOSING = "}>)"


def split_alternatives(text: str) -> list[str]:
    """The parts of ``text`` between the commas that no bracket encloses."""
    parts, depth, start = [], 0, 0
    for position, character in enumerate(text):
        depth += (character in OPENING) - (character in CLOSING)
        if character == "," and depth == 0:
            parts.append(text[start:position])
            start = position + 1
    parts.append(text[start:])
    return [part.strip() for part in parts]


def matching_brace(text: str, start: int) -> int:
    """The position of the brace that closes the one at ``start``."""
    depth = 0
    for position in range(start, len(text)):
        depth += (text[position] == "{") - (text[position] == "}")
        if depth == 0:
            return position
    raise ValueError(f"unbalanced braces in {text!r}")


def expand(pattern: str) -> Iterator[str]:
    """Every text that ``pattern`` stands for, in order."""
    start = pattern.find("{")
    if start < 0:
        if "}" in pattern:
            raise ValueError(f"unbalanced braces in {pattern!r}")
        yield pattern
        return
    end = matching_brace(pattern, start)
    head = pattern[:start]
    if "}" in head:
        raise ValueError(f"unbalanced braces in {pattern!r}")
    choices = [
        text for part in split_alternatives(pattern[start + 1 : end]) for text in expand(part)
    ]
    for choice, tail in product(choices, list(expand(pattern[end + 1 :]))):
        yield head + choice + tail


def lines(description: dict[str, list[str]]) -> list[str]:
    """All lines, each once, in the order of the description."""
    return list(
        dict.fromkeys(
            f"{module}\t{instantiation}"
            for module, patterns in description.items()
            for pattern in patterns
            for instantiation in expand(pattern)
        )
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("description", type=Path)
    parser.add_argument("output", type=Path)
    arguments = parser.parse_args()
    description = yaml.safe_load(arguments.description.read_text()) or {}
    arguments.output.write_text("".join(line + "\n" for line in lines(description)))


if __name__ == "__main__":
    main()
