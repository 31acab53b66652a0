"""The C++ interface that PyTorch's headers declare for an XPU."""

import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
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


def test_order_of_kernels_and_work_of_libraries(tmp_path: Path) -> None:
    """In several processes: what goes wrong does so where threads have to wait for a core."""
    if torch.xpu.get_device_properties().type != "cpu":
        pytest.skip("on a GPU libraries enqueue kernels, and the host cannot look at its memory")
    program = cpp_programs.build("library_order_test", tmp_path, *cpp_programs.runtime_flags())
    with ThreadPoolExecutor() as threads:
        outputs = list(threads.map(lambda _: cpp_programs.run(program, "10"), range(4)))
    assert outputs == ["all passed\n"] * 4
