"""The kinds of weights of few bits, and how their codes lie in memory."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

BLOCK = 32  # weights of a row whose codes lie together
CACHE_LINE = 64  # bytes
SPANS = (128, 64, 32)  # how many weights may share a scale, unless a whole row does

# The numbers of NF4: quantiles of the normal distribution (QLoRA, arXiv 2305.14314, appendix E).
NF4_NUMBERS = (
    -1.0,
    -0.6961928009986877,
    -0.5250730514526367,
    -0.39491748809814453,
    -0.28444138169288635,
    -0.18477343022823334,
    -0.09105003625154495,
    0.0,
    0.07958029955625534,
    0.16093020141124725,
    0.24611230194568634,
    0.33791524171829224,
    0.44070982933044434,
    0.5626170039176941,
    0.7229568362236023,
    1.0,
)


@dataclass(frozen=True)
class Kind:
    """How a kind of weights is coded: its bits, the largest magnitude of a code's number, the
    dtype that has the same numbers, and the code of zero where none is given."""

    bits: int
    largest: float
    dtype: torch.dtype | None = None
    middle: int = 0
    integers: bool = False


KINDS = {
    "int8": Kind(8, 127, integers=True),
    "int4": Kind(4, 7, middle=8, integers=True),
    "nf4": Kind(4, 1),
    "fp8_e4m3": Kind(8, 448, torch.float8_e4m3fn),
    # The format reaches 2^7 times as far; so near the scales of usual weights fit float16.
    "fp8_e5m2": Kind(8, 448, torch.float8_e5m2),
}
# The kernels' names of kinds.
KERNEL_NAMES = {"fp8_e4m3": "e4m3", "fp8_e5m2": "e5m2"}


def span_of(columns: int, group_size: int) -> int:
    """How many weights of a row are added up before they are scaled: what divides a group, or a
    row that has one scale only (`group_size` -1)."""
    length = -(-columns // BLOCK) * BLOCK if group_size == -1 else group_size
    for span in SPANS:
        if length % span == 0:
            return span
    raise ValueError(f"expected a group_size of -1 or a multiple of {BLOCK}, but got {group_size}")


def pack_codes(codes: Tensor, kind: str, span: int) -> Tensor:
    """Codes uint8 [N, K], one in a byte, as they lie: uint8 [N, bytes of a row].

    K is padded to whole spans, and rows to whole lines of the cache. Codes of eight bits follow
    each other; of four bits, byte i of the 16 of a block holds the code of weight i in its lower
    half and that of weight i + 16 in its upper.
    """
    padding = max(span, CACHE_LINE * 8 // KINDS[kind].bits)
    codes = torch.nn.functional.pad(codes, (0, -codes.shape[1] % padding))
    if KINDS[kind].bits == 8:
        return codes.contiguous()
    blocks = codes.unflatten(1, (-1, 2, BLOCK // 2))
    return (blocks[:, :, 0] | (blocks[:, :, 1] << 4)).flatten(1).contiguous()


def unpack_codes(packed: Tensor, kind: str, columns: int) -> Tensor:
    """What `pack_codes` was given: uint8 [N, columns]."""
    if KINDS[kind].bits == 4:
        blocks = packed.unflatten(1, (-1, BLOCK // 2))
        packed = torch.stack((blocks & 15, blocks >> 4), 2).flatten(1)
    return packed[:, :columns]


def numbers_of(codes: Tensor, kind: str) -> Tensor:
    """The numbers that codes, uint8, stand for before they are scaled, as float32."""
    row = KINDS[kind]
    if kind == "nf4":
        return torch.tensor(NF4_NUMBERS, device=codes.device)[codes.int()]
    if row.dtype is not None:
        return codes.view(row.dtype).float()
    return (codes.view(torch.int8) if kind == "int8" else codes).float()


def codes_of(numbers: Tensor, kind: str) -> Tensor:
    """The codes, uint8, of the numbers of a kind that are nearest to `numbers`, float32."""
    row = KINDS[kind]
    if kind == "nf4":
        table = torch.tensor(NF4_NUMBERS, device=numbers.device)
        return torch.bucketize(numbers.contiguous(), (table[1:] + table[:-1]) / 2).to(torch.uint8)
    if row.dtype is not None:
        return numbers.clamp(-row.largest, row.largest).to(row.dtype).view(torch.uint8)
    if kind == "int8":
        return numbers.round().clamp(-128, 127).to(torch.int8).view(torch.uint8)
    return numbers.round().clamp(0, 15).to(torch.uint8)
