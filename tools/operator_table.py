"""Writes docs/operators.md from the dispatcher and PyTorch's operator database.

operator_table.py               the whole page: runs every OpInfo with every dtype (minutes)
operator_table.py --registered  only the table of what is registered (seconds)
operator_table.py --missing     prints what the CPU fallback does for which OpInfos
"""

from __future__ import annotations

import argparse
import collections
import itertools
import re
import sys
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path

import torch
import yaml

from intel_extension_for_pytorch import _C

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/operators.md"
TABLES = ROOT / "csrc/aten"
REGISTERED_HEADING = "## Registered under XPU"

DTYPE_GROUPS = {
    "float": (torch.float32, torch.float64, torch.bfloat16, torch.float16),
    "complex": (torch.complex64, torch.complex128),
    "integer": (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64),
    "bool": (torch.bool,),
}
DTYPES = list(itertools.chain.from_iterable(DTYPE_GROUPS.values()))
# Some of each part of an OpInfo's list.
SAMPLES = 12


def overloads() -> list[str]:
    """The aten overloads that have a kernel under XPU, of their own or shared."""
    names = torch._C._dispatch_get_registrations_for_dispatch_key("XPU")
    return sorted(name.removeprefix("aten::") for name in names if name.startswith("aten::"))


def base_name(overload: str) -> str:
    """In-place and functional overloads are one operator."""
    name = overload.split(".", maxsplit=1)[0]
    return name if name.endswith("__") else name.removesuffix("_")


def kinds() -> dict[str, str]:
    """How each operator runs, from the tables of operators; `kernel` where they do not say."""
    result = {}
    for path in sorted(TABLES.rglob("*.yaml")):
        table = yaml.safe_load(path.read_text()) or {}
        for section in ("shared", "library"):
            result.update((base_name(name), section) for name in table.get(section) or [])
    return result


def registered_section() -> str:
    operators = collections.defaultdict(list)
    for overload in overloads():
        operators[base_name(overload)].append(overload)
    kind = kinds()
    lines = [
        REGISTERED_HEADING,
        "",
        f"{len(overloads())} overloads of {len(operators)} operators. `kernel`: SYCL kernels;",
        "`library`: oneDNN or oneMKL; `shared`: stock code that works on any device or calls the"
        " others.",
        "",
        "| operator | runs as | overloads |",
        "|---|---|---|",
    ]
    for name, found in sorted(operators.items()):
        lines.append(f"| `{name}` | {kind.get(name, 'kernel')} | {', '.join(found)} |")
    return "\n".join([*lines, ""])


def fallbacks(op, dtype: torch.dtype) -> set[str]:
    """The operators that run on the CPU when `op` runs on xpu tensors of `dtype`."""
    samples = list(op.sample_inputs("xpu", dtype))
    wanted = min(SAMPLES, len(samples))
    _C.reset_fallback_counts()
    for sample in (samples[i * len(samples) // wanted] for i in range(wanted)):
        op(sample.input, *sample.args, **sample.kwargs)
    return set(_C.fallback_counts())


def attempt(op, dtype: torch.dtype) -> set[str]:
    try:
        return fallbacks(op, dtype)
    except Exception as error:  # whatever an operator raises is a finding
        return {f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"}


def functions() -> dict[str, list]:
    """The OpInfos that the CPU can run, by the function that they are about."""
    from torch.testing._internal.common_methods_invocations import op_db

    result = collections.defaultdict(list)
    for op in op_db:
        if op.supported_dtypes("cpu"):
            result[op.name].append(op)
    return dict(sorted(result.items()))


def main_dtype(op) -> torch.dtype:
    supported = op.supported_dtypes("cpu")
    return next(d for d in (torch.float32, torch.int64, *DTYPES, *supported) if d in supported)


def names_of(dtypes: Iterable[torch.dtype]) -> str:
    left = set(dtypes)
    names = []
    for group, members in DTYPE_GROUPS.items():
        if left.issuperset(members):
            names.append(group)
            left.difference_update(members)
    return ", ".join(names + [str(dtype)[6:] for dtype in DTYPES if dtype in left])


def function_rows() -> Iterator[tuple[str, str, str, str]]:
    kind = kinds()
    for name, ops in functions().items():
        on_device, on_cpu, reasons = set(), set(), set()
        for dtype in DTYPES:
            found = [attempt(op, dtype) for op in ops if dtype in op.supported_dtypes("cpu")]
            if found:
                (on_cpu if any(found) else on_device).add(dtype)
                reasons.update(*found)
        how = "fallback"
        if on_device:
            how = "library" if kind.get(ops[0].aten_name) == "library" else "native"
        cpu = f"{names_of(on_cpu)} ({', '.join(sorted(reasons))})" if on_cpu else ""
        yield name, how, names_of(on_device), cpu


def coverage() -> tuple[int, dict[str, set[str]]]:
    """The number of OpInfos, and those that need the CPU for their main dtype, with what for."""
    ops = [op for variants in functions().values() for op in variants]
    found = {op.formatted_name: attempt(op, main_dtype(op)) for op in ops}
    return len(ops), {name: missing for name, missing in found.items() if missing}


def coverage_text() -> str:
    count, incomplete = coverage()
    complete = count - len(incomplete)
    return f"{complete} of {count} OpInfos ({complete / count:.1%}) run forward without the CPU"


def print_missing() -> None:
    count, incomplete = coverage()
    users = collections.defaultdict(list)
    for name, missing in incomplete.items():
        for operator in missing:
            users[operator].append(name)
    for operator, names in sorted(users.items(), key=lambda item: (-len(item[1]), item[0])):
        print(f"{operator}\t{len(names)}\t{', '.join(sorted(names))}")
    complete = count - len(incomplete)
    print(f"{complete} of {count} OpInfos ({complete / count:.1%}) run forward without the CPU")


def function_section() -> str:
    lines = [
        "## PyTorch's functions",
        "",
        f"By PyTorch's operator database (OpInfo): {coverage_text()}, as they do with "
        "`IPEX_XPU_FALLBACK=error`. The last column names what the fallback does for the rest.",
        "",
        "| function | runs as | dtypes on the device | dtypes on the CPU |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| `{name}` | {how} | {device} | {cpu} |" for name, how, device, cpu in function_rows()
    ]
    return "\n".join([*lines, ""])


HEAD = """# Operators

Made by `make docs` from the dispatcher and PyTorch's operator database. What is in no table runs
on the CPU.

float: float32, float64, bfloat16, float16 · complex: complex64, complex128 · integer: uint8, int8,
int16, int32, int64. A device without double or half has no kernels for their dtypes.

"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--registered", action="store_true", help="only the table of overloads")
    parser.add_argument(
        "--missing", action="store_true", help="print what falls back, write nothing"
    )
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.manual_seed(0)
    if options.missing:
        return print_missing()
    if options.registered:
        head = re.split(rf"^{REGISTERED_HEADING}$", PAGE.read_text(), flags=re.MULTILINE)[0]
    else:
        head = HEAD + function_section() + "\n"
    PAGE.write_text(head + registered_section())
    print(f"{len(overloads())} aten overloads are registered under XPU")
    return None


if __name__ == "__main__":
    sys.exit(main())
