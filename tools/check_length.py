"""Checks that files stay small: says which are longer than planned, fails for those far too long.

python tools/check_length.py FILE...
"""

from __future__ import annotations

import sys
from pathlib import Path

PLANNED = 300
LIMIT = 800


def main() -> int:
    lengths = {name: len(Path(name).read_bytes().splitlines()) for name in sys.argv[1:]}
    too_long = False
    for name, length in sorted(lengths.items(), key=lambda item: -item[1]):
        if length > LIMIT:
            print(f"{name}: {length} lines, more than the limit of {LIMIT}: split it")
            too_long = True
        elif length > PLANNED:
            print(f"{name}: {length} lines, more than the {PLANNED} a file should have")
    return int(too_long)


if __name__ == "__main__":
    sys.exit(main())
