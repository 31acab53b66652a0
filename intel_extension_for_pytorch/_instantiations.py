"""Names of kernels, written short.

Braces work as in a shell, nested ones too: ``f<{a,b<{c,d}>}, float>`` gives ``f<a, float>``,
``f<b<c>, float>`` and ``f<b<d>, float>``. Only commas directly inside braces separate; ``<...>``
and ``(...)`` protect theirs: ``{complex<float>,pair<a, b>}`` has two alternatives.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

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


# The type that half and bfloat16 are computed in.
OPMATH = {"half": "float", "bfloat16": "float"}
# Rare: compiled when they are first met.
NOT_AHEAD_OF_TIME = {
    ("row", "fixed", "fixed", "row"),
    ("row", "fixed", "row", "fixed"),
    ("row", "fixed", "row", "row"),
}


def layouts(inputs: int, fixed: bool, pairs: bool) -> list[tuple[str, ...]]:
    """What the output and the inputs can be along a row, as elementwise.cpp chooses."""
    kinds_of_input = ("row", "fixed") if fixed and inputs > 1 else ("row",)
    rows = product(kinds_of_input, repeat=inputs)
    choices = [("row", *kinds) for kinds in rows if "row" in kinds or not kinds]
    choices.append(("strided",) * (inputs + 1))
    if inputs == 2:
        for kind in ("row", "strided"):
            choices += [(kind, "immediate", kind), (kind, kind, "immediate")]
    choices = [choice for choice in choices if choice not in NOT_AHEAD_OF_TIME]
    if pairs:
        along_rows = [choice for choice in choices if choice[0] == "row"]
        choices += [tuple("pairs" if x == "row" else x for x in choice) for choice in along_rows]
    return choices


def elementwise(
    functor: str,
    dtype: str,
    output: str,
    inputs: list[str],
    fixed: bool = True,
    pairs: bool = False,
) -> list[str]:
    """The kernels of one functor and one dtype that it computes: one for each layout.

    With an element for a whole row only if ``fixed``, with two at a time only if ``pairs``.
    """
    compute = OPMATH.get(dtype, dtype)
    return [
        f"elementwise<{functor},{compute},"
        + ",".join(map("{}<{}>".format, layout, [output, *inputs]))
        + ">"
        for layout in layouts(len(inputs), fixed, pairs)
    ]


def reduction(operation: str, dtype: str) -> list[str]:
    """The kernels of one operation and one dtype that it reduces."""
    full = f"{operation}<{OPMATH.get(dtype, dtype)}>"
    names = [f"{kernel}<{full},{dtype},{dtype}>" for kernel in ("reduce_inner", "reduce_outer")]
    return [*names, f"reduce_combine<{full},{dtype}>"]
