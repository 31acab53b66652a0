"""The allocator's caching policy, tested in C++ without a device."""

from pathlib import Path

import cpp_programs
import pytest


@pytest.mark.parametrize("sanitizer", ["address,undefined", "thread"])
def test_policy(sanitizer: str, tmp_path: Path) -> None:
    program = cpp_programs.build(
        "block_cache_test",
        tmp_path,
        "-O1",
        f"-fsanitize={sanitizer}",
        "-fno-sanitize-recover=all",
        str(cpp_programs.ROOT / "csrc" / "runtime" / "memory_history.cpp"),
    )
    assert cpp_programs.run(program) == "all passed\n"
