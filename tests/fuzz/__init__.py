"""The families of calls that the fuzzer draws, and how often."""

from fuzz.case import Case, Draws
from fuzz.kinds import accumulation, host_scalars, out_of_range, unsigned
from fuzz.networks import network
from fuzz.operators import binary, from_database, reduction, unary
from fuzz.tensors import along, conversion, indexing, product

FAMILIES = {
    unary: 4,
    binary: 5,
    reduction: 3,
    from_database: 6,
    along: 3,
    indexing: 3,
    conversion: 2,
    product: 1,
    network: 8,
    accumulation: 2,
    unsigned: 2,
    out_of_range: 1,
    host_scalars: 2,
}


def draw_case(seed: int, only: str | None = None) -> Case:
    """Of the families, or of the one that `only` names."""
    draw = Draws(seed)
    families = [family for family, weight in FAMILIES.items() for _ in range(weight)]
    return draw.pick(*(family for family in families if only in (None, family.__name__)))(draw)
