"""Weights of few bits as other programs store them, made ours code by code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from .weight import QuantizedWeight

# Which of the eight columns of a word AWQ keeps in its nibble i.
AWQ_ORDER = (0, 2, 4, 6, 1, 3, 5, 7)


def unpack_words(words: Tensor, bits: int, dim: int) -> Tensor:
    """The codes in words int32, the lowest bits first, side by side along `dim`: uint8."""
    shifts = torch.arange(0, 32, bits, device=words.device, dtype=torch.int32)
    parts = (words.unsqueeze(dim + 1) >> _along(shifts, dim + 1, words.dim() + 1)) & (2**bits - 1)
    return parts.to(torch.uint8).flatten(dim, dim + 1)


def from_gptq(
    qweight: Tensor,
    scales: Tensor,
    qzeros: Tensor | None = None,
    g_idx: Tensor | None = None,
    group_size: int = -1,
    bits: int = 4,
    zero_offset: int = 1,
) -> QuantizedWeight:
    """Weights of GPTQ: ``(code - zero) * scale``.

    Args:
        qweight: int32 [K * bits / 32, N]: codes along K, the first in the lowest bits.
        scales: Floating point [groups, N].
        qzeros: int32 [groups, N * bits / 32]: zero points less `zero_offset`. None: the middle.
        g_idx: The group of each of the K input features, of any order (act-order), or None.
        group_size: Input features of a group; -1 for all.
        bits: 4 or 8.
        zero_offset: 1; 0 for checkpoints of GPTQ's second version.

    Raises:
        ValueError: Shapes do not fit, or groups of `g_idx` are not of `group_size`.
    """
    _check_words("from_gptq", "qweight", qweight)
    _check_bits("from_gptq", bits)
    codes = unpack_words(qweight, bits, 0).t()
    rows, columns = codes.shape
    group_size = columns if group_size == -1 else group_size
    zeros = None
    if qzeros is not None:
        _check_words("from_gptq", "qzeros", qzeros)
        zeros = unpack_words(qzeros, bits, 1)[:, :rows].t().float() + zero_offset
    permutation = None
    if g_idx is not None and g_idx.numel() > 0:
        permutation = _order_of_groups(g_idx, columns, group_size)
        codes = codes if permutation is None else codes[:, permutation.to(codes.device)]
    return _from_unsigned(codes, bits, group_size, scales.t(), zeros, permutation)


def from_awq(
    qweight: Tensor, scales: Tensor, qzeros: Tensor | None, group_size: int = 128
) -> QuantizedWeight:
    """Weights of AWQ, four bits: ``(code - zero) * scale``.

    Args:
        qweight: int32 [K, N / 8]: nibble i of a word is column (0, 2, 4, 6, 1, 3, 5, 7)[i] of its
            eight.
        scales: Floating point [groups, N].
        qzeros: int32 [groups, N / 8], in the same order. None: zero is 8.
        group_size: Input features of a group; -1 for all.

    Raises:
        ValueError: Shapes do not fit each other.
    """
    _check_words("from_awq", "qweight", qweight)
    position = torch.tensor(AWQ_ORDER, device=qweight.device).argsort()

    def columns_of(words: Tensor) -> Tensor:
        return unpack_words(words, 4, 1).unflatten(1, (-1, 8))[..., position].flatten(1).t()

    codes = columns_of(qweight)
    group_size = codes.shape[1] if group_size == -1 else group_size
    zeros = None
    if qzeros is not None:
        _check_words("from_awq", "qzeros", qzeros)
        zeros = columns_of(qzeros).float()
    return _from_unsigned(codes, 4, group_size, scales.t(), zeros, None)


def from_gguf(data: Any, kind: str, shape: tuple[int, int]) -> QuantizedWeight:
    """Weights of a GGUF file.

    Args:
        data: The tensor's bytes: uint8, any shape; a tensor or an array of numpy.
        kind: ``"Q4_0"``, ``"Q4_1"``, ``"Q8_0"`` or ``"Q4_K"``.
        shape: (N, K); K must be a multiple of the kind's block, 32 or 256.

    Raises:
        ValueError: A kind there is not, or a number of bytes that does not fit the shape.
    """
    if kind not in _GGUF:
        raise ValueError(f"from_gguf: expected a kind among {', '.join(_GGUF)}, but got {kind!r}")
    values, size, read = _GGUF[kind]
    rows, columns = shape
    raw = torch.as_tensor(data).reshape(-1)
    expected = rows * columns // values * size
    if columns % values or raw.dtype != torch.uint8 or raw.numel() != expected:
        raise ValueError(
            f"from_gguf: expected {expected} bytes of uint8 for {kind} of shape {tuple(shape)}, "
            f"whose K is a multiple of {values}, but got {raw.numel()} of {raw.dtype}"
        )
    return read(raw.view(rows, columns // values, size))


def from_int4pack(packed: Tensor, group_size: int, scales_and_zeros: Tensor) -> QuantizedWeight:
    """What stock's `_convert_weight_to_int4pack` is given and `_weight_int4pack_mm` besides:
    ``(code - 8) * scale + zero``.

    Args:
        packed: uint8 [N, K / 2]: the code of an even column in the lower half of a byte.
        group_size: Input features of a group.
        scales_and_zeros: [K / group_size, N, 2].
    """
    codes = torch.stack((packed & 15, packed >> 4), 2).flatten(1)
    scales, zeros = (part.t().float() for part in scales_and_zeros.unbind(2))
    return QuantizedWeight.from_codes(
        "int4", codes, group_size, scales, zeros - 8 * scales, zeros_are_offsets=True
    )


def _from_unsigned(
    codes: Tensor,
    bits: int,
    group_size: int,
    scales: Tensor,
    zeros: Tensor | None,
    permutation: Tensor | None,
) -> QuantizedWeight:
    if bits == 4:
        return QuantizedWeight.from_codes(
            "int4", codes, group_size, scales, zeros, permutation=permutation
        )
    # Our codes of eight bits have a sign.
    zeros = None if zeros is None else zeros - 128
    return QuantizedWeight.from_codes(
        "int8", codes ^ 128, group_size, scales, zeros, permutation=permutation
    )


def _order_of_groups(g_idx: Tensor, columns: int, group_size: int) -> Tensor | None:
    """The input features in the order of their groups; None if they are in it already."""
    if g_idx.shape != (columns,):
        raise ValueError(
            f"from_gptq: expected g_idx of shape {(columns,)}, but got {tuple(g_idx.shape)}"
        )
    in_order = torch.arange(columns, device=g_idx.device) // group_size
    permutation = torch.argsort(g_idx.long(), stable=True)
    if not torch.equal(g_idx.long()[permutation], in_order):
        raise ValueError(
            f"from_gptq: expected {group_size} input features in each group of g_idx, but its "
            "groups are of other sizes"
        )
    return None if torch.equal(g_idx.long(), in_order) else permutation


def _along(values: Tensor, dim: int, dims: int) -> Tensor:
    return values.view([-1 if d == dim else 1 for d in range(dims)])


def _check_words(name: str, what: str, words: Tensor) -> None:
    if words.dtype != torch.int32 or words.dim() != 2:
        raise ValueError(
            f"{name}: expected {what} of dtype int32 and two dimensions, but got {words.dtype} of "
            f"shape {tuple(words.shape)}"
        )


def _check_bits(name: str, bits: int) -> None:
    if bits not in (4, 8):
        raise ValueError(f"{name}: expected 4 or 8 bits, but got {bits}")


# ---- GGUF: blocks of bytes [N, blocks of a row, bytes of a block] ----


def _half(blocks: Tensor, start: int) -> Tensor:
    """The float16 at byte `start` of each block."""
    return blocks[..., start : start + 2].contiguous().view(torch.float16).squeeze(-1)


def _nibbles(values: Tensor) -> Tensor:
    """Codes of runs of bytes: all lower halves, then all upper."""
    return torch.cat((values & 15, values >> 4), -1).flatten(1)


def _read_q4_0(blocks: Tensor) -> QuantizedWeight:
    return QuantizedWeight.from_codes("int4", _nibbles(blocks[..., 2:]), 32, _half(blocks, 0))


def _read_q4_1(blocks: Tensor) -> QuantizedWeight:
    return QuantizedWeight.from_codes(
        "int4", _nibbles(blocks[..., 4:]), 32, _half(blocks, 0), _half(blocks, 2), True
    )


def _read_q8_0(blocks: Tensor) -> QuantizedWeight:
    return QuantizedWeight.from_codes("int8", blocks[..., 2:].flatten(1), 32, _half(blocks, 0))


def _read_q4_k(blocks: Tensor) -> QuantizedWeight:
    # Eight groups of 32 have a scale and a minimum of six bits each, packed into twelve bytes.
    small = blocks[..., 4:16]
    low, middle, high = small[..., 0:4], small[..., 4:8], small[..., 8:12]
    scales = torch.cat((low & 63, (high & 15) | ((low >> 6) << 4)), -1)
    minima = torch.cat((middle & 63, (high >> 4) | ((middle >> 6) << 4)), -1)
    unit, minimum_unit = _half(blocks, 0).float(), _half(blocks, 2).float()
    return QuantizedWeight.from_codes(
        "int4",
        _nibbles(blocks[..., 16:].unflatten(-1, (4, 32))),
        32,
        (unit[..., None] * scales).flatten(1),
        -(minimum_unit[..., None] * minima).flatten(1),
        zeros_are_offsets=True,
    )


# Values and bytes of a block, and what reads it.
_GGUF: dict[str, tuple[int, int, Callable[[Tensor], QuantizedWeight]]] = {
    "Q4_0": (32, 18, _read_q4_0),
    "Q4_1": (32, 20, _read_q4_1),
    "Q8_0": (32, 34, _read_q8_0),
    "Q4_K": (256, 144, _read_q4_k),
}
