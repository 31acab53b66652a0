"""Modules of the package, for tools that run before it is built and so cannot import it."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

PACKAGE = Path(__file__).parent.parent / "intel_extension_for_pytorch"


def package_module(name: str) -> ModuleType:
    specification = importlib.util.spec_from_file_location(name, PACKAGE / f"{name}.py")
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module
