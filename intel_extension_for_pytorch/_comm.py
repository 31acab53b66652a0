"""Copies among several devices: what `torch.nn.parallel.comm` asks of `torch._C`."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch._utils import (
    _flatten_dense_tensors,
    _reorder_tensors_as,
    _take_tensors,
    _unflatten_dense_tensors,
)


def _broadcast(tensor: Tensor, devices: Sequence[int]) -> list[Tensor]:
    return [tensor.to(_device(index), non_blocking=True) for index in devices]


def _broadcast_out(tensor: Tensor, out: Sequence[Tensor]) -> Sequence[Tensor]:
    _check_on_xpu("broadcast: out", out)
    for index, part in enumerate(out):
        if part.shape != tensor.shape:
            raise RuntimeError(
                f"broadcast: expected out[{index}] to have the tensor's shape "
                f"{list(tensor.shape)}, got {list(part.shape)}"
            )
    for part in out:
        part.copy_(tensor, non_blocking=True)
    return out


@torch.no_grad()
def _broadcast_coalesced(
    tensors: Sequence[Tensor], devices: Sequence[int], buffer_size: int
) -> list[list[Tensor]]:
    first = _device(devices[0]) if devices else None
    for index, tensor in enumerate(tensors):
        if tensor.device != first:
            raise RuntimeError(
                f"broadcast_coalesced: expected all tensors on devices[0], {first}, "
                f"got tensors[{index}] on {tensor.device}"
            )
    copies: list[list[Tensor]] = [[] for _ in devices[1:]]
    for chunk in _take_tensors(tensors, buffer_size):
        flat = None if chunk[0].is_sparse else _flatten_dense_tensors(chunk)
        for index, moved in zip(devices[1:], copies, strict=True):
            device = _device(index)
            if flat is None:
                moved += [tensor.to(device) for tensor in chunk]
            else:
                parts = _unflatten_dense_tensors(flat.to(device, non_blocking=True), chunk)
                # Parts of one buffer, each with a version counter of its own.
                moved += [part.data for part in parts]
    return [list(tensors), *(list(_reorder_tensors_as(moved, tensors)) for moved in copies)]


def _scatter(
    tensor: Tensor,
    devices: Sequence[int],
    chunk_sizes: Sequence[int] | None,
    dim: int,
    streams: Sequence[Any] | None,
) -> list[Tensor]:
    if not devices:
        raise RuntimeError("scatter: expected at least one device")
    if chunk_sizes is None:
        chunks = tensor.chunk(len(devices), dim)
    elif len(chunk_sizes) == len(devices):
        chunks = tensor.split(list(chunk_sizes), dim)
    else:
        raise RuntimeError(
            f"scatter: expected a chunk size for each of {len(devices)} devices, "
            f"got {len(chunk_sizes)}"
        )
    # A short dimension makes fewer chunks than there are devices.
    scattered = []
    for index, chunk in enumerate(chunks):
        with _stream(streams, index):
            scattered.append(chunk.to(_device(devices[index]), non_blocking=True))
    return scattered


def _scatter_out(
    tensor: Tensor, out: Sequence[Tensor], dim: int, streams: Sequence[Any] | None
) -> Sequence[Tensor]:
    _check_on_xpu("scatter: out", out)
    _check_parts("scatter: out", out, dim, tensor.shape)
    chunks = tensor.split([part.size(dim) for part in out], dim)
    for index, (part, chunk) in enumerate(zip(out, chunks, strict=True)):
        with _stream(streams, index):
            part.copy_(chunk, non_blocking=True)
    return out


def _gather(tensors: Sequence[Tensor], dim: int, destination: int | None) -> Tensor:
    _check_on_xpu("gather: tensors", tensors)
    shape = list(tensors[0].shape)
    shape[dim] = sum(tensor.size(dim) for tensor in tensors)
    device = torch.device("cpu") if destination == -1 else _device(destination)
    return _gather_out(tensors, tensors[0].new_empty(shape, device=device), dim)


def _gather_out(tensors: Sequence[Tensor], out: Tensor, dim: int) -> Tensor:
    _check_on_xpu("gather: tensors", tensors)
    _check_parts("gather: tensors", tensors, dim, out.shape)
    parts = out.split([tensor.size(dim) for tensor in tensors], dim)
    for part, tensor in zip(parts, tensors, strict=True):
        # Not non_blocking: the host may read what is gathered to it as soon as this returns.
        part.copy_(tensor)
    return out


def _device(index: int | None) -> torch.device:
    if index is None:
        return torch.device("xpu", torch.xpu.current_device())
    if index < 0:
        raise RuntimeError(f"expected the index of an xpu device, got {index}")
    return torch.device("xpu", index)


def _stream(streams: Sequence[Any] | None, index: int) -> Any:
    stream = None if streams is None else streams[index]
    return contextlib.nullcontext() if stream is None else stream


def _check_on_xpu(what: str, tensors: Sequence[Tensor]) -> None:
    if not tensors:
        raise RuntimeError(f"{what}: expected at least one tensor")
    for index, tensor in enumerate(tensors):
        if tensor.device.type != "xpu":
            raise RuntimeError(f"{what}: expected tensors on xpu, got [{index}] on {tensor.device}")


def _check_parts(what: str, parts: Sequence[Tensor], dim: int, whole: torch.Size) -> None:
    """Whether the parts make up a tensor of shape `whole` along the dimension."""
    dim = dim + len(whole) if dim < 0 else dim
    for index, part in enumerate(parts):
        expected = [*whole[:dim], *part.shape[dim : dim + 1], *whole[dim + 1 :]]
        if list(part.shape) != expected or part.dim() != len(whole):
            raise RuntimeError(
                f"{what}: expected shapes that differ from {list(whole)} in dimension {dim} alone, "
                f"got [{index}] of {list(part.shape)}"
            )
    total = sum(part.size(dim) for part in parts)
    if total != whole[dim]:
        raise RuntimeError(
            f"{what}: expected sizes in dimension {dim} that sum to {whole[dim]}, got {total}"
        )


FUNCTIONS = {
    function.__name__: function
    for function in (
        _broadcast,
        _broadcast_out,
        _broadcast_coalesced,
        _scatter,
        _scatter_out,
        _gather,
        _gather_out,
    )
}
