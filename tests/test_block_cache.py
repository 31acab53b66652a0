"""The allocator's caching policy, tested in C++ without a device."""

import os
import subprocess
from pathlib import Path

import pytest
import torch
from torch.utils.cpp_extension import include_paths, library_paths

HERE = Path(__file__).parent


@pytest.mark.parametrize("sanitizer", ["address,undefined", "thread"])
def test_policy(sanitizer: str, tmp_path: Path) -> None:
    binary = tmp_path / "block_cache_test"
    source_root = HERE.parent / "csrc"
    library_flags = [f"-L{p}" for p in library_paths()] + [
        f"-Wl,-rpath,{p}" for p in library_paths()
    ]
    command = [
        os.environ.get("CXX", "g++"),
        "-std=c++20",
        "-O1",
        "-g0",
        f"-D_GLIBCXX_USE_CXX11_ABI={int(torch.compiled_with_cxx11_abi())}",
        f"-fsanitize={sanitizer}",
        "-fno-sanitize-recover=all",
        f"-I{source_root}",
        *[f"-I{path}" for path in include_paths()],
        str(HERE / "cpp" / "block_cache_test.cpp"),
        str(source_root / "runtime" / "memory_history.cpp"),
        *library_flags,
        "-lc10",
        "-o",
        str(binary),
    ]
    subprocess.run(command, check=True)
    result = subprocess.run([binary], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert result.stdout == "all passed\n"
