"""Runs a piece of Python in a process of its own, for tests of what happens once per process."""

import os
import subprocess
import sys
import textwrap


def run(code: str, **environment: str) -> str:
    """The standard output of `code`, which must succeed and print nothing on standard error."""
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert result.returncode == 0, result.stderr
    assert not result.stderr, result.stderr
    return result.stdout
