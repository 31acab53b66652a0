"""docs/operators.md says what is registered."""

from __future__ import annotations

import importlib.util
from pathlib import Path

TOOL = Path(__file__).parent.parent / "tools" / "operator_table.py"
specification = importlib.util.spec_from_file_location("operator_table", TOOL)
assert specification is not None and specification.loader is not None
tool = importlib.util.module_from_spec(specification)
specification.loader.exec_module(tool)


def test_page_lists_the_registered_operators() -> None:
    page = tool.PAGE.read_text()
    written = page[page.index(tool.REGISTERED_HEADING) :]
    assert written == tool.registered_section(), "run tools/operator_table.py --registered"
