"""Names for the allocator's figures that stock's torch.xpu lacks."""

from __future__ import annotations

from typing import Any

import torch


def memory_cached(device: Any = None) -> int:
    """The old name of `torch.xpu.memory_reserved`."""
    return torch.xpu.memory_reserved(device)


def max_memory_cached(device: Any = None) -> int:
    """The old name of `torch.xpu.max_memory_reserved`."""
    return torch.xpu.max_memory_reserved(device)


def reset_max_memory_allocated(device: Any = None) -> None:
    """Starts the peaks anew, as `torch.xpu.reset_peak_memory_stats` does."""
    torch.xpu.reset_peak_memory_stats(device)


def reset_max_memory_reserved(device: Any = None) -> None:
    """Starts the peaks anew, as `torch.xpu.reset_peak_memory_stats` does."""
    torch.xpu.reset_peak_memory_stats(device)


def reset_max_memory_cached(device: Any = None) -> None:
    """Starts the peaks anew, as `torch.xpu.reset_peak_memory_stats` does."""
    torch.xpu.reset_peak_memory_stats(device)


_ROWS = (
    ("Allocated memory", "allocated_bytes", True),
    ("Active memory", "active_bytes", True),
    ("Requested memory", "requested_bytes", True),
    ("Reserved memory", "reserved_bytes", True),
    ("Non-releasable memory", "inactive_split_bytes", True),
    ("Allocations", "allocation", False),
    ("Active allocations", "active", False),
    ("Reserved segments", "segment", False),
    ("Non-releasable allocations", "inactive_split", False),
)
_METRICS = ("current", "peak", "allocated", "freed")


def memory_summary(device: Any = None, abbreviated: bool = False) -> str:
    """A table of `torch.xpu.memory_stats`; `abbreviated` leaves the small and large pools out."""
    stats = torch.xpu.memory_stats(device)
    pools = ("all",) if abbreviated else ("all", "large_pool", "small_pool")
    lines = [
        f"XPU memory of device {torch.xpu._utils._get_device_index(device, optional=True)}: "
        f"{stats.get('num_ooms', 0)} out-of-memory errors, "
        f"{stats.get('num_alloc_retries', 0)} retries",
        f"{'':<38}" + "".join(f"{metric:>14}" for metric in _METRICS),
    ]
    for title, key, is_bytes in _ROWS:
        for pool in pools:
            label = title if pool == "all" else f"  {pool.replace('_', ' ')}"
            figures = [stats.get(f"{key}.{pool}.{metric}", 0) for metric in _METRICS]
            lines.append(
                f"{label:<38}" + "".join(f"{_bytes(n) if is_bytes else n:>14}" for n in figures)
            )
    return "\n".join(lines) + "\n"


def _bytes(count: int) -> str:
    size = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024 or unit == "GiB":
            break
        size /= 1024
    return f"{size:.0f} {unit}" if unit == "B" else f"{size:.2f} {unit}"
