"""An XPU device for stock PyTorch.

`import torch` loads this package by itself and gives a working `torch.xpu`. Importing it by name
adds `ipex.optimize` and the rest of the front end, and says why when the device cannot be had.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from . import _autoload
from ._version import __version__

if TYPE_CHECKING:
    from . import llm, quantization, xpu
    from ._math_mode import FP32MathMode, get_fp32_math_mode, set_fp32_math_mode

__all__ = [
    "FP32MathMode",
    "__version__",
    "get_fp32_math_mode",
    "llm",
    "quantization",
    "set_fp32_math_mode",
    "xpu",
]

# What is imported on first use, and from where: importing torch should not pay for it.
_LAZY_ATTRIBUTES = {
    "FP32MathMode": "_math_mode",
    "get_fp32_math_mode": "_math_mode",
    "set_fp32_math_mode": "_math_mode",
    "disable_auto_channels_last": "frontend",
    "enable_auto_channels_last": "frontend",
    "optimize": "frontend",
    "optimize_transformers": "llm._optimize",
}
_LAZY_MODULES = {"xpu", "frontend", "llm", "quantization"}


def __getattr__(name: str) -> Any:
    if name == "cmake_prefix_path":
        from ._paths import cmake_folder

        return str(cmake_folder())
    if name in _LAZY_MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    if name in _LAZY_ATTRIBUTES:
        value = getattr(importlib.import_module(f"{__name__}.{_LAZY_ATTRIBUTES[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY_ATTRIBUTES, *_LAZY_MODULES, "cmake_prefix_path"})


# While torch is being imported the entry point loads the device, and may not raise; the doctor
# has to run on machines where loading fails, and the compiler needs no device.
if not (_autoload.torch_is_being_imported() or _autoload.running_as_tool()):
    _autoload.load()
