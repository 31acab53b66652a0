"""Random calls on xpu against the CPU, for some minutes; a case is the same whenever its seed is.

fuzz_ops.py --minutes 10 [--seed 0]    draws cases from this seed on
fuzz_ops.py --case 4711                runs one again and shows what differs
"""

from __future__ import annotations

import argparse
import sys
import time
import traceback
import warnings

import torch
from fuzz_cases import Case, draw_case
from operator_database import WIDER, DrawsNumbers, on
from torch.utils import _pytree as pytree

# Relative error allowed, and absolute error for each unit of the largest number of the result.
TOLERANCES = {
    torch.float64: 1e-9,
    torch.float32: 3e-5,
    torch.float16: 3e-3,
    torch.bfloat16: 2e-2,
    torch.complex128: 1e-9,
    torch.complex64: 3e-5,
    torch.complex32: 3e-3,
}


class Difference(Exception):
    pass


def run(case: Case, device: str, widths: dict | None = None):
    """The result of `case` on `device`, or the error it raised."""
    arguments = on(device, list(case.arguments), widths or {})
    keywords = on(device, dict(case.keywords), widths or {})
    try:
        with torch.device(device):
            result = case.function(*arguments, **keywords)
            if case.variant == "out":
                plain = result
                out = pytree.tree_map_only(torch.Tensor, torch.empty_like, plain)
                result = case.function(*arguments, out=out, **keywords)
    except Exception as error:  # errors are compared as results are
        return error
    return arguments[0] if case.variant == "first" else result


def close(ours: torch.Tensor, theirs: torch.Tensor, adds_up: bool) -> torch.Tensor:
    """Where they agree; both on the CPU, in the dtype of the result."""
    tolerance = TOLERANCES.get(ours.dtype)
    theirs = theirs.to(ours.dtype)
    if tolerance is None:
        return ours == theirs
    wide = torch.complex128 if ours.is_complex() else torch.float64
    ours, theirs = ours.to(wide), theirs.to(wide)
    finite = theirs[theirs.isfinite()].abs()
    scale = finite.max().item() if finite.numel() else 1.0
    scale = max(scale, 1.0) if adds_up else min(scale, 1.0)
    return torch.isclose(ours, theirs, rtol=tolerance, atol=tolerance * scale, equal_nan=True)


def compare(case: Case, ours, expected: list) -> None:
    ours = pytree.tree_leaves(ours)
    expected = [pytree.tree_leaves(one) for one in expected]
    if case.first_result_only:
        ours, expected = ours[:1], [one[:1] for one in expected]
    for position, result in enumerate(ours):
        if not isinstance(result, torch.Tensor):
            continue
        mine = result.cpu()
        same = expected[0][position]
        if (mine.shape, mine.dtype) != (same.shape, same.dtype):
            raise Difference(
                f"got {mine.dtype}{[*mine.shape]}, expected {same.dtype}{[*same.shape]}"
            )
        agree = torch.zeros(mine.shape, dtype=torch.bool)
        for one in expected:
            if one[position].shape == mine.shape:
                agree |= close(mine, one[position], case.adds_up)
        if not agree.all():
            place = tuple((~agree).nonzero()[0].tolist())
            values = [
                one[position][place].item() for one in expected if one[position].shape == mine.shape
            ]
            raise Difference(
                f"{int((~agree).sum())} of {mine.numel()} elements differ; at {place} "
                f"got {mine[place].item()!r}, expected {' or '.join(map(repr, values))}"
            )


def check(case: Case) -> None:
    with DrawsNumbers() as draws:
        same = run(case, "cpu")
    if isinstance(same, NotImplementedError) or draws.seen:
        return
    ours = run(case, "xpu")
    if isinstance(same, Exception):
        # Integers divided by zero have a value on the device, as on GPUs.
        if not isinstance(ours, Exception) and "ZeroDivision" not in str(same):
            raise Difference(f"no error; the CPU raises {type(same).__name__}: {same}")
        return
    if isinstance(ours, Exception):
        raise Difference(f"{type(ours).__name__}: {ours}")
    wide = run(case, "cpu", WIDER)
    compare(case, ours, [same] if isinstance(wide, Exception) else [same, wide])


def report(seed: int) -> bool:
    """Runs a case; prints how to reproduce it if it fails."""
    case = draw_case(seed)
    try:
        check(case)
    except Difference as difference:
        print(
            f"{case.describe()}\n  {difference}\n  python {sys.argv[0]} --case {seed}", flush=True
        )
        return False
    except Exception:
        print(f"{case.describe()}\n  python {sys.argv[0]} --case {seed}")
        traceback.print_exc()
        return False
    return True


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--case", type=int)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    if options.case is not None:
        return 0 if report(options.case) else 1
    end = time.monotonic() + 60 * options.minutes
    seed, failures = options.seed, 0
    while time.monotonic() < end:
        failures += not report(seed)
        seed += 1
    print(f"{seed - options.seed} cases, {failures} failures; seeds {options.seed} to {seed - 1}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
