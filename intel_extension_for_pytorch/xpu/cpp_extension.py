"""Builds C++ extensions with SYCL kernels: by setuptools, or while the program runs.

What builds takes modules that running does not need, so it is imported on first use: see
`intel_extension_for_pytorch._extension_build`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .._extension_build import (
        DpcppBuildExtension,
        DPCPPExtension,
        include_paths,
        library_paths,
        load,
        load_inline,
    )

__all__ = [
    "DPCPPExtension",
    "DpcppBuildExtension",
    "include_paths",
    "library_paths",
    "load",
    "load_inline",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from .. import _extension_build

        return getattr(_extension_build, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
