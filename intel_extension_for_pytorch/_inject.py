"""Gives stock torch the device: what a build of torch with XPU has inside, set from outside."""

from __future__ import annotations

import importlib
import importlib.metadata
import sys
from types import ModuleType
from typing import Any, NoReturn


def inject(native: ModuleType) -> None:
    import torch

    for name in dir(native):
        if name.lower().startswith("_xpu"):
            _set_on_torch(name, getattr(native, name))
    for name, value in _not_implemented().items():
        _set_on_torch(name, value)
    torch._C._has_xpu = True
    torch.version.xpu = _runtime_version()
    _reload(torch.xpu)

    from . import _comm, _sharing, _unasked, xpu
    from .llm import serving

    xpu.extend(torch.xpu)
    for name, value in _comm.FUNCTIONS.items():
        _set_on_torch(name, value)
    _unasked.follow_module(torch.nn.DataParallel)
    if torch.distributed.is_available() and not torch.distributed.is_xccl_available():
        _unasked.communicate_on_cpu(torch.distributed.distributed_c10d.BackendConfig)
    _sharing.install()
    serving.install()


def _set_on_torch(name: str, value: Any) -> None:
    import torch

    if isinstance(value, type):
        value.__module__ = "torch._C"
    setattr(torch._C, name, value)


def _runtime_version() -> str:
    """The SYCL runtime's version in stock's form: 2026.2.0 is 20260200."""
    year, minor, patch = importlib.metadata.version("intel-sycl-rt").split(".")[:3]
    return f"{int(year):04}{int(minor):02}{int(patch):02}"


def _reload(torch_xpu: Any) -> None:
    """Runs torch.xpu again, now that it sees a device; calls queued before it are kept."""
    kept = {name: getattr(torch_xpu, name) for name in ("_queued_calls", "_lazy_seed_tracker")}
    for part in ("streams", "graphs", "memory", "random"):
        importlib.reload(sys.modules[f"torch.xpu.{part}"])
    importlib.reload(torch_xpu)
    vars(torch_xpu).update(kept)


def _not_implemented() -> dict[str, Any]:
    """The names of stock's graphs, memory pools and pluggable allocators."""

    def raising(subject: str, advice: str) -> Any:
        def function(*_arguments: Any, **_keywords: Any) -> NoReturn:
            raise NotImplementedError(f"{subject} not available on this XPU device yet. {advice}")

        return function

    graphs = raising(
        "torch.xpu graphs are",
        "Run the work without capturing it: launches are asynchronous already.",
    )
    pools = raising(
        "torch.xpu.MemPool and use_mem_pool are",
        "Allocations without a pool are cached per stream; torch.xpu.empty_cache() releases them.",
    )
    allocators = raising(
        "Pluggable XPU allocators are",
        "The caching allocator can be limited by torch.xpu.set_per_process_memory_fraction().",
    )
    return {
        "_XPUGraph": type("_XPUGraph", (), {"__new__": graphs}),
        "_xpu_graph_pool_handle": graphs,
        "_xpu_isCurrentStreamCapturing": lambda: False,
        "_XPUMemPool": type("_XPUMemPool", (), {"__new__": pools}),
        "_xpu_beginAllocateToPool": pools,
        "_xpu_beginAllocateCurrentThreadToPool": pools,
        "_xpu_endAllocateToPool": pools,
        "_xpu_releasePool": pools,
        "_xpu_XPUAllocator": type("_xpu_XPUAllocator", (), {"__new__": allocators}),
        "_xpu_customAllocator": allocators,
        "_xpu_changeCurrentAllocator": allocators,
        "_xpu_getAllocator": allocators,
    }
