"""Random calls on xpu against the CPU, for some minutes; a case is the same whenever its seed is.

fuzz_ops.py --minutes 10 [--seed 0]    draws cases from this seed on
fuzz_ops.py --case 4711                runs one again and shows what differs
fuzz_ops.py --family network …         draws of this family alone (tests/fuzz/__init__.py)
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
import traceback
import warnings

from fuzz import FAMILIES, draw_case
from fuzz.check import Difference, check


def again(seed: int, family: str | None) -> str:
    return f"  python {sys.argv[0]} {f'--family {family} ' if family else ''}--case {seed}"


def report(seed: int, family: str | None) -> bool:
    """Runs a case; prints how to reproduce it if it fails."""
    case = draw_case(seed, family)
    try:
        check(case)
    except Difference as difference:
        print(f"{case.describe()}\n  {difference}\n{again(seed, family)}", flush=True)
        return False
    except Exception:
        print(f"{case.describe()}\n{again(seed, family)}")
        traceback.print_exc()
        return False
    return True


def report_from(seed: int, family: str | None, end: float, position, failures) -> None:
    """Runs cases from `seed` on until `end`, and keeps where it is in `position`."""
    warnings.simplefilter("ignore")
    while time.monotonic() < end:
        position.value = seed
        failures.value += not report(seed, family)
        seed += 1
    position.value = seed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--case", type=int)
    parser.add_argument("--family", choices=[family.__name__ for family in FAMILIES])
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    if options.case is not None:
        return 0 if report(options.case, options.family) else 1
    end = time.monotonic() + 60 * options.minutes
    context = multiprocessing.get_context("spawn")
    position, failures = context.Value("q", options.seed), context.Value("q", 0)
    while time.monotonic() < end:
        # A crash is one more case that failed.
        process = context.Process(
            target=report_from, args=(position.value, options.family, end, position, failures)
        )
        process.start()
        process.join()
        if process.exitcode != 0:
            case = draw_case(position.value, options.family)
            print(f"{case.describe()}\n  the process ended with {process.exitcode}", flush=True)
            print(again(position.value, options.family), flush=True)
            failures.value += 1
            position.value += 1
    count = position.value - options.seed
    print(f"{count} cases, {failures.value} failures; seeds {options.seed} to {position.value - 1}")
    return 1 if failures.value else 0


if __name__ == "__main__":
    sys.exit(main())
