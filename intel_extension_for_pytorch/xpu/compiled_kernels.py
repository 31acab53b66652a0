"""Kernels in SYCL, compiled while the program runs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from os import PathLike, fspath

from .. import _C

# How a source tells for how many dimensions its kernels are, and what else it may ask for them.
_DIMENSIONS = re.compile(r"\bnd_range_kernel\s*<\s*([123])\s*>|\bIPEX_KERNEL\b")
_PROPERTIES = re.compile(
    r"\b(sub_group_size|work_group_size|IPEX_KERNEL_SUB_GROUP|device_has)\b|\[\["
)


def compile_kernel(
    source: str,
    name: str,
    include_dirs: Sequence[str | PathLike[str]] = (),
    options: Sequence[str] = (),
    strided: bool = False,
) -> _C.CompiledKernel:
    """Compiles a SYCL kernel and returns a function that launches it.

    The kernel is a free function of the source that has the property
    ``sycl::ext::oneapi::experimental::nd_range_kernel<1>`` (or 2 or 3), or ``IPEX_KERNEL`` of
    ``#include "kernels/core/kernel.hpp"``, which compiles three times as fast as all of SYCL. It
    is compiled for the current device now and for another when it is first launched there; the
    result is kept on disk until the source, a header, an option or the driver changes.

    Args:
        source: C++ text. Messages of the compiler give its own line numbers.
        name: The kernel as C++ names it, with template arguments: ``"axpy<float>"``.
        include_dirs: Folders of headers, searched in this order.
        options: More options for the compiler, such as ``"-DBLOCK=256"``.
        strided: Whether tensors that are not contiguous may be passed. The kernel gets the address
            of their first element and must be told the strides.

    Returns:
        ``kernel(grid, block, args=(), shared_mem=0, stream=None)``, which launches `grid`
        work-groups of `block` work-items: integers, or tuples with as many as the kernel has
        dimensions, of which the last varies fastest. `args` are what the kernel takes: for a
        pointer a contiguous tensor of its type, or None for null; for a number a Python number;
        for any other object `bytes`. A ``work_group_memory`` is left out of them: `shared_mem` is
        its size in bytes. The kernel runs on the device of the tensors, on its current stream or
        on `stream`, and nothing waits for it. Tensors behind pointers that are not const count as
        written for autograd.

    Raises:
        RuntimeError: The source does not compile or has no such kernel; tensors or the stream are
            on different devices or not on an xpu.
        TypeError: The number or kind of the arguments, or a tensor's dtype, is not what the kernel
            takes.
        ValueError: A tensor is not contiguous, a number does not fit, the block is larger than the
            device allows, or grid and block do not have the kernel's dimensions.
    """
    folders = [f"-I{fspath(folder)}" for folder in include_dirs]
    found = {match[1] or "1" for match in _DIMENSIONS.finditer(source)}
    dimensions = int(found.pop()) if len(found) == 1 else 0
    packs = dimensions > 0 and not _PROPERTIES.search(source)
    return _C.CompiledKernel(
        source, name, ["-std=c++20", *options, *folders], dimensions, strided, packs
    )
