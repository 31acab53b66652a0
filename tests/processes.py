"""Runs Python in processes of their own, for tests of what happens once per process."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

_OURS = ("IPEX_", "ONEAPI_", "OCL_", "SYCL_", "TORCH_DEVICE_BACKEND", "LD_LIBRARY_PATH", "PYTHON")


def run(code: str, **environment: str) -> str:
    """The standard output of `code`, which must succeed and print nothing on standard error."""
    result = _run(["-c", textwrap.dedent(code)], {**os.environ, **environment})
    assert result.returncode == 0, result.stderr
    assert not result.stderr, result.stderr
    return result.stdout


def run_unprepared(
    *arguments: str, directory: Path, variables: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Python with `arguments`, as a user starts it: none of our variables, in another directory."""
    environment = {name: text for name, text in os.environ.items() if not name.startswith(_OURS)}
    return _run(list(arguments), environment | (variables or {}), directory)


def output_of(code: str, directory: Path, **variables: str) -> str:
    """What `code` prints where nothing is prepared; it must write nothing on standard error."""
    result = run_unprepared("-c", code, directory=directory, variables=variables)
    assert result.returncode == 0, result.stderr
    assert not result.stderr, result.stderr
    return result.stdout.strip()


def _run(
    arguments: list[str], environment: dict[str, str], directory: Path | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
