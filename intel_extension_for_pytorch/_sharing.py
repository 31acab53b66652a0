"""Tensors on xpu and other processes: refused with one error, which also reaches who waits."""

from __future__ import annotations

import sys
from multiprocessing.reduction import ForkingPickler
from typing import Any, NoReturn

import torch
from torch.multiprocessing.reductions import reduce_storage

REFUSAL = (
    "Tensors on xpu cannot be sent to another process yet. Send tensor.cpu() and move it to the "
    "device there; a DataLoader's samples stay on the CPU and its batches are moved."
)


def install() -> None:
    """Storages are what every tensor, parameter and nested tensor is sent as."""
    ForkingPickler.register(torch.UntypedStorage, _reduce)


def _reduce(storage: torch.UntypedStorage) -> Any:
    if storage.device.type != "xpu":
        return reduce_storage(storage)
    return (refuse, ()) if _error_would_be_lost() else refuse()


def refuse() -> NoReturn:
    raise NotImplementedError(REFUSAL)


def _error_would_be_lost() -> bool:
    """Whether a queue's thread is pickling, which prints its errors and leaves the reader waiting.

    The reader gets the error instead.
    """
    from multiprocessing.queues import Queue

    frame = sys._getframe()
    while frame.f_back is not None:
        frame = frame.f_back
        if frame.f_code is Queue._feed.__code__:  # type: ignore[attr-defined]
            return frame.f_locals["onerror"] is Queue._on_queue_feeder_error  # type: ignore[attr-defined]
    return False
