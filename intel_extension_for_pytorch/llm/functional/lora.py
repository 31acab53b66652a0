"""Adapters of low rank, many in one batch (Chen et al., "Punica", 2023).

Rows of a batch choose their adapter by number; rows with a negative number have none.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .experts import chosen_products


def bgmv_shrink(
    inputs: Tensor,
    lora_a_weights: Tensor,
    output_tensor: Tensor,
    lora_indices_tensor: Tensor,
    scaling: float = 1.0,
) -> None:
    """output[i] = scaling * weights[indices[i]] @ inputs[i]

    inputs: [rows, size]; lora_a_weights: [adapters, rank, size] or [adapters, 1, rank, size];
    output_tensor: [rows, rank], of inputs' dtype or float32; lora_indices_tensor: [rows].
    """
    chosen_products(inputs, _matrices(lora_a_weights), lora_indices_tensor, output_tensor, scaling)


def bgmv_expand(
    inputs: Tensor,
    lora_b_weights: Tensor,
    output_tensor: Tensor,
    lora_indices_tensor: Tensor,
    add_inputs: bool = True,
) -> None:
    """output[i] = weights[indices[i]] @ inputs[i], added to what is there if `add_inputs`.

    inputs: [rows, rank], of the weights' dtype or float32; lora_b_weights: [adapters, size, rank]
    or [adapters, 1, size, rank]; output_tensor: [rows, at least size].
    """
    weights = _matrices(lora_b_weights)
    out = output_tensor[:, : weights.shape[1]]
    chosen_products(inputs, weights, lora_indices_tensor, out, 1.0, add_inputs)


def bgmv_expand_slice(
    inputs: Tensor,
    lora_b_weights: Tensor,
    output_tensor: Tensor,
    lora_indices_tensor: Tensor,
    slice_offset: int,
    slice_size: int,
    add_inputs: bool = True,
) -> None:
    """`bgmv_expand` of the columns from slice_offset to slice_offset + slice_size of the output."""
    out = output_tensor[:, slice_offset : slice_offset + slice_size]
    chosen_products(inputs, _matrices(lora_b_weights), lora_indices_tensor, out, 1.0, add_inputs)


def sgmv_shrink(
    inputs: Tensor,
    lora_a_weights: Tensor,
    output_tensor: Tensor,
    b_seq_start_loc: Tensor,
    seq_len_tensor: Tensor,
    lora_indices_tensor: Tensor,
    batches: int,
    max_seq_length: int,
    token_nums: int,
    scaling: float = 1.0,
) -> None:
    """`bgmv_shrink` where the rows of a sequence share an adapter.

    b_seq_start_loc, seq_len_tensor, lora_indices_tensor: [batches], the sequence's first row, its
    rows and its adapter; token_nums: rows of all sequences.
    """
    indices = _of_tokens(b_seq_start_loc, seq_len_tensor, lora_indices_tensor, inputs.shape[0])
    bgmv_shrink(inputs, lora_a_weights, output_tensor, indices, scaling)


def sgmv_expand(
    inputs: Tensor,
    lora_b_weights: Tensor,
    output_tensor: Tensor,
    b_seq_start_loc: Tensor,
    seq_len_tensor: Tensor,
    lora_indices_tensor: Tensor,
    batches: int,
    max_seq_length: int,
    token_nums: int,
    add_inputs: bool = False,
) -> None:
    """`bgmv_expand` where the rows of a sequence share an adapter, as in `sgmv_shrink`."""
    indices = _of_tokens(b_seq_start_loc, seq_len_tensor, lora_indices_tensor, inputs.shape[0])
    bgmv_expand(inputs, lora_b_weights, output_tensor, indices, add_inputs)


def sgmv_expand_slice(
    inputs: Tensor,
    lora_b_weights: Tensor,
    output_tensor: Tensor,
    b_seq_start_loc: Tensor,
    seq_len_tensor: Tensor,
    lora_indices_tensor: Tensor,
    batches: int,
    max_seq_length: int,
    token_nums: int,
    slice_offset: int,
    slice_size: int,
    add_inputs: bool = False,
) -> None:
    """`bgmv_expand_slice` where the rows of a sequence share an adapter, as in `sgmv_shrink`."""
    indices = _of_tokens(b_seq_start_loc, seq_len_tensor, lora_indices_tensor, inputs.shape[0])
    bgmv_expand_slice(
        inputs, lora_b_weights, output_tensor, indices, slice_offset, slice_size, add_inputs
    )


def _matrices(weights: Tensor) -> Tensor:
    return weights.squeeze(1) if weights.dim() == 4 else weights


def _of_tokens(starts: Tensor, lengths: Tensor, indices: Tensor, tokens: int) -> Tensor:
    """The adapter of each token; -1 behind the last sequence."""
    ends = (starts + lengths).long()
    numbers = torch.arange(tokens, device=starts.device)
    sequences = torch.searchsorted(ends, numbers, right=True)
    padded = torch.cat([indices.int(), indices.new_full((1,), -1).int()])
    return padded[sequences]
