"""tools/expand_instantiations.py: the brace patterns of csrc/kernels/instantiate.yaml."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).parent.parent / "tools" / "expand_instantiations.py"
sys.path.insert(0, str(TOOL.parent))
specification = importlib.util.spec_from_file_location("expand_instantiations", TOOL)
assert specification is not None and specification.loader is not None
tool = importlib.util.module_from_spec(specification)
specification.loader.exec_module(tool)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("f<float>", ["f<float>"]),
        ("f<{float,half}>", ["f<float>", "f<half>"]),
        ("f<{a,b},{1,2}>", ["f<a,1>", "f<a,2>", "f<b,1>", "f<b,2>"]),
        ("f<{complex<float>,pair<a, b>}>", ["f<complex<float>>", "f<pair<a, b>>"]),
        ("f<{a,b<{c,d}>}, float>", ["f<a, float>", "f<b<c>, float>", "f<b<d>, float>"]),
        ("{f,g}<{a,{b,c}}>", ["f<a>", "f<b>", "f<c>", "g<a>", "g<b>", "g<c>"]),
        ("f<{ a , b }>", ["f<a>", "f<b>"]),
        ("f<x{,1}>", ["f<x>", "f<x1>"]),
    ],
)
def test_expand(pattern: str, expected: list[str]) -> None:
    assert list(tool.expand(pattern)) == expected


@pytest.mark.parametrize("pattern", ["f<{a,b>", "f<a}>", "f<{a}}>", "f<a}{b>"])
def test_unbalanced_braces_are_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="unbalanced"):
        list(tool.expand(pattern))


def test_lines_are_unique_and_ordered() -> None:
    description = {"m": ["f<{a,b}>", "f<{b,c}>"], "n": ["f<a>"]}
    assert tool.lines(description) == ["m\tf<a>", "m\tf<b>", "m\tf<c>", "n\tf<a>"]


def test_command(tmp_path: Path) -> None:
    (tmp_path / "in.yaml").write_text('m: ["f<{a,b}>"]\n')
    command = [sys.executable, str(TOOL), str(tmp_path / "in.yaml"), str(tmp_path / "out")]
    subprocess.run(command, check=True)
    assert (tmp_path / "out").read_text() == "m\tf<a>\nm\tf<b>\n"
