"""The C++ interface that PyTorch's headers declare for an XPU."""

import re
import subprocess
from pathlib import Path

import cpp_programs
import pytest
import torch

HEADERS = Path(torch.__file__).parent / "include"
DECLARED = [*sorted(HEADERS.glob("c10/xpu/*.h")), *sorted(HEADERS.glob("ATen/xpu/*.h"))]
FUNCTION = re.compile(r"^(?:C10_XPU_API|TORCH_XPU_API)\s+[\w:<>&*\s]*?\b(\w+)\s*\(", re.MULTILINE)


@pytest.fixture(scope="module")
def exported() -> set[str]:
    listing = subprocess.run(
        ["nm", "-DC", "--defined-only", cpp_programs.LIBRARY],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return set(re.findall(r"(\w+)\(", listing))


@pytest.mark.parametrize("header", DECLARED, ids=lambda path: str(path.relative_to(HEADERS)))
def test_declared_functions_are_exported(header: Path, exported: set[str]) -> None:
    # Graphs are not implemented; graph_pool_handle is theirs.
    assert set(FUNCTION.findall(header.read_text())) - {"graph_pool_handle"} <= exported


def test_the_pattern_finds_functions() -> None:
    found = {name for header in DECLARED for name in FUNCTION.findall(header.read_text())}
    assert {"device_count", "getStreamFromPool", "snapshot", "empty_strided_xpu"} <= found


def test_use_from_cpp(tmp_path: Path) -> None:
    program = cpp_programs.build("streams_test", tmp_path, *cpp_programs.runtime_flags())
    assert cpp_programs.run(program) == "all passed\n"
