"""Operators of users: the examples of extensions beside the same expressions of stock torch.

Speed on operands that no cache holds, as a ratio to eager stock torch on the CPU and as the share
of the bandwidth that a copy on the device reaches in the same run; and what a call of a function
made by torch.xpu.compile_kernel costs beside one of a built-in operator. The share has a goal in
float32: with half the bytes the exponentials, not the memory, take the time on a CPU.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from harness import Verdict, host_seconds, interleaved, keep_freed_memory, median_ratio
from torch import Tensor
from torch.nn import functional
from torch.xpu import cpp_extension

EXAMPLES = Path(__file__).parent.parent / "examples" / "extensions"
sys.path.insert(0, str(EXAMPLES / "compile_kernel"))
ELEMENTS = 1 << 24
ROWS, CLASSES = 1024, 16384
CALLS = 300

Call = Callable[[], object]


@dataclass
class Case:
    """One operator: what a call of it moves, and calls on both sides."""

    name: str
    bytes_moved: int
    xpu: Call
    stock: Call


def load_examples() -> None:
    cpp_extension.load(
        "extension_example",
        [
            str(EXAMPLES / "cross_entropy" / "cross_entropy.cpp"),
            str(EXAMPLES / "cross_entropy" / "cross_entropy.sycl.cpp"),
        ],
        is_python_module=False,
        kernels=["cross_entropy{,_backward}{,_by_packs}<{float,bfloat16}>"],
    )


def load_swish_mul() -> Callable[[Tensor, Tensor], Tensor]:
    folder = EXAMPLES / "elementwise"
    module = cpp_extension.load(
        "swish_mul_benchmark",
        [str(folder / "swish_mul.cpp"), str(folder / "swish_mul.sycl.cpp")],
        kernels=["elementwise:swish_mul/2:float,bfloat16"],
    )
    return module.swish_mul


def elementwise_cases() -> list[Case]:
    from affine_clamp import affine_clamp

    swish_mul = load_swish_mul()
    cases = []
    for dtype in (torch.float32, torch.bfloat16):
        x, y = torch.randn(ELEMENTS).to(dtype), torch.randn(ELEMENTS).to(dtype)
        on_xpu = x.to("xpu"), y.to("xpu")
        cases.append(
            Case(
                f"swish_mul {str(dtype).removeprefix('torch.')}",
                3 * x.nbytes,
                lambda on_xpu=on_xpu: swish_mul(*on_xpu),
                lambda x=x, y=y: y * x / (1 + torch.exp(-x)),
            )
        )
    x = torch.randn(ELEMENTS)
    on_device = x.to("xpu")
    cases.append(
        Case(
            "affine_clamp float32",
            2 * x.nbytes,
            lambda: affine_clamp(on_device, 2.0, 0.5, -1.0, 1.0),
            lambda: (2.0 * x + 0.5).clamp(-1.0, 1.0),
        )
    )
    return cases


def cross_entropy_cases() -> list[Case]:
    load_examples()
    loss = torch.ops.extension_example.cross_entropy
    cases = []
    for dtype in (torch.float32, torch.bfloat16):
        logits, targets = torch.randn(ROWS, CLASSES).to(dtype), torch.randint(CLASSES, (ROWS,))
        there = logits.to("xpu").requires_grad_(), targets.to("xpu")
        here = logits.requires_grad_(), targets

        def step(function: Callable[..., Tensor], inputs: tuple[Tensor, Tensor]) -> None:
            torch.autograd.grad(function(*inputs).sum(), inputs[0])

        def stock(logits: Tensor, targets: Tensor) -> Tensor:
            return functional.cross_entropy(logits, targets, reduction="none")

        cases.append(
            Case(
                f"cross_entropy with gradient {str(dtype).removeprefix('torch.')}",
                3 * logits.nbytes,
                lambda there=there: step(loss, there),
                lambda here=here: step(stock, here),
            )
        )
    return cases


def seconds(call: Call) -> float:
    torch.xpu.synchronize()
    start = time.perf_counter()
    call()
    torch.xpu.synchronize()
    return time.perf_counter() - start


def measure_speed(verdict: Verdict) -> None:
    source = torch.randn(ELEMENTS, device="xpu")
    target = torch.empty_like(source)
    print(f"{'':36}{'stock ms':>9}{'xpu ms':>9}{'ratio':>7}{'of a copy':>11}")
    slowest, least = float("inf"), float("inf")
    for case in elementwise_cases() + cross_entropy_cases():
        samples = {
            "copy": lambda: seconds(lambda: target.copy_(source)),
            "stock": lambda case=case: seconds(case.stock),
            "xpu": lambda case=case: seconds(case.xpu),
        }
        interleaved(samples, 3)
        figures = interleaved(samples, verdict.rounds)
        ratio = median_ratio(figures, "stock", "xpu")
        share = median_ratio(figures, "copy", "xpu") * case.bytes_moved / (2 * source.nbytes)
        slowest = min(slowest, ratio)
        if case.name.endswith(" float32"):
            least = min(least, share)
        stock, ours = (statistics.median(figures[name]) for name in ("stock", "xpu"))
        print(f"{case.name:36}{stock * 1e3:9.2f}{ours * 1e3:9.2f}{ratio:7.2f}{share:11.0%}")
    verdict.at_least("slowest against stock", slowest, 2.0)
    verdict.at_least("least share of a copy's bandwidth in float32", least, 0.8)


def measure_calls(verdict: Verdict) -> None:
    from affine_clamp import kernel

    x, y = torch.randn(256, device="xpu"), torch.randn(256, device="xpu")
    out = torch.empty_like(x)
    samples = {
        "built-in": lambda: host_seconds(lambda: torch.add(x, y, out=out), CALLS),
        "compiled": lambda: host_seconds(
            lambda: kernel(1, 256, (x, 2.0, 0.5, -1.0, 1.0, out, 256)), CALLS
        ),
    }
    interleaved(samples, 3)
    figures = interleaved(samples, 3 * verdict.rounds)
    times = (f"{name} {statistics.median(figures[name]) * 1e6:.1f} us" for name in samples)
    print("one call:", ", ".join(times))
    ratio = median_ratio(figures, "compiled", "built-in")
    verdict.goal("call of a compiled kernel over torch.add(out=)", ratio, 1.3, "")


def main() -> None:
    verdict = Verdict(__doc__, rounds=15)
    keep_freed_memory()
    measure_calls(verdict)
    measure_speed(verdict)
    verdict.finish()


if __name__ == "__main__":
    main()
