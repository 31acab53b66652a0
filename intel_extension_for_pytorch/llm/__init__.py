"""Large language models: `ipex.llm.optimize`; their operators, modules and quantized weights."""

from __future__ import annotations

import importlib
from typing import Any

_MODULES = {"functional", "modules", "quantization"}


def __getattr__(name: str) -> Any:
    if name == "optimize":
        value = importlib.import_module(f"{__name__}._optimize").optimize
        globals()[name] = value
        return value
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES, "optimize"})
