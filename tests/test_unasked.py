"""Installing changes nothing for programs that use the CPU alone."""

from pathlib import Path

import pytest
from cpu_programs import PROGRAMS
from processes import run_unprepared

SOURCE = Path(__file__).with_name("cpu_programs.py")


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, str]]:
    """What the programs print without the package, and with it."""

    outputs = []
    for autoload in ("0", "1"):
        variables = {"TORCH_DEVICE_BACKEND_AUTOLOAD": autoload}
        folder = tmp_path_factory.mktemp("cpu")
        result = run_unprepared(str(SOURCE), directory=folder, variables=variables)
        assert result.returncode == 0, result.stderr
        outputs.append(dict(line.split("\t", 1) for line in result.stdout.splitlines()))
    return outputs


@pytest.mark.parametrize("name", PROGRAMS)
def test_program_of_the_cpu(name: str, results: list[dict[str, str]]) -> None:
    without, loaded = results
    assert "Error(" not in without[name]
    assert loaded[name] == without[name]
