"""Cost of launching: one eager `add` of 1 KiB beside the bare enqueue of the same kernel, and
beside stock torch.

Floor: the enqueue alone. What eager adds to it is the dispatcher, the output's allocation,
TensorIterator and our own bookkeeping. Nothing may be allocated from the driver once the caches are
warm.
"""

from __future__ import annotations

import statistics
import struct
from collections.abc import Callable

import torch
from harness import Verdict, host_seconds, interleaved, median_difference

import intel_extension_for_pytorch._C as core

NUMEL = 256
CALLS = 2000
GROUP_SIZE = 256
SCALARS = 272  # where they begin in ElementwiseParams


def raw_enqueue(x: torch.Tensor, y: torch.Tensor, out: torch.Tensor) -> Callable[[], float]:
    kernel = core.find_kernel(
        "elementwise", "elementwise<op::add,float,row<float>,row<float>,row<float>>"
    )
    # ElementwiseParams of csrc/kernels/elementwise_params.hpp; alpha is the functor's one scalar.
    pointers = (out.data_ptr(), x.data_ptr(), y.data_ptr(), 0)
    undivided = (1, 1, 0)
    params = struct.pack("<4Q5q16I", *pointers, 4, 4, 4, 0, NUMEL, *undivided, 1, *undivided * 4)
    params += bytes(SCALARS - len(params)) + struct.pack("<f", 1.0) + bytes(76)

    def sample() -> float:
        torch.xpu.synchronize()
        seconds = kernel.enqueue_seconds(1, GROUP_SIZE, params, CALLS)
        torch.xpu.synchronize()
        return seconds

    return sample


def main() -> None:
    verdict = Verdict(__doc__)
    host_x, host_y = torch.randn(NUMEL), torch.randn(NUMEL)
    x, y = host_x.xpu(), host_y.xpu()
    out = torch.empty_like(x)
    raw = raw_enqueue(x, y, out)
    raw()
    torch.testing.assert_close(out.cpu(), host_x + host_y)
    samples = {
        "raw enqueue": raw,
        "eager add": lambda: host_seconds(lambda: x + y, CALLS),
        "eager add, out=": lambda: host_seconds(lambda: torch.add(x, y, out=out), CALLS),
        "stock torch, CPU": lambda: host_seconds(lambda: host_x + host_y, CALLS),
    }
    interleaved(samples, 2)
    allocations = core.driver_allocations()
    figures = interleaved(samples, verdict.rounds)
    allocations = core.driver_allocations() - allocations
    for name, seconds in figures.items():
        print(f"{name:18} {statistics.median(seconds) * 1e6:6.2f} us")
    added = median_difference(figures, "eager add", "raw enqueue")
    verdict.goal("eager add over the raw enqueue", added * 1e6, 4, "us")
    verdict.goal("allocations from the driver", allocations, 0, "")
    verdict.finish()


if __name__ == "__main__":
    main()
