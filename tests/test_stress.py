"""A short run of the stress test; `python tests/stress_allocator.py` is the long one."""

import os
import subprocess
import sys
from pathlib import Path


def test_threads_streams_and_devices() -> None:
    result = subprocess.run(
        [sys.executable, Path(__file__).parent / "stress_allocator.py", "--seconds", "6"],
        env={**os.environ, "ONEAPI_DEVICE_SELECTOR": "*:cpu", "IPEX_XPU_CPU_DEVICES": "2"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert "8 threads on 2 devices" in result.stdout
