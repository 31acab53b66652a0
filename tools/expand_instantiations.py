"""Expand csrc/kernels/instantiate.yaml into lines ``module<TAB>instantiation``.

Braces stand for alternatives; intel_extension_for_pytorch/_instantiations.py says how.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import yaml
from package_modules import package_module

expand = package_module("_instantiations").expand


def lines(description: dict[str, list[str]]) -> list[str]:
    """All lines, each once, in the order of the description."""
    return list(
        dict.fromkeys(
            f"{module}\t{instantiation}"
            for module, patterns in description.items()
            for pattern in patterns
            for instantiation in expand(pattern)
        )
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("description", type=Path)
    parser.add_argument("output", type=Path)
    arguments = parser.parse_args()
    description = yaml.safe_load(arguments.description.read_text()) or {}
    arguments.output.write_text("".join(line + "\n" for line in lines(description)))


if __name__ == "__main__":
    main()
