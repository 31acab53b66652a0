"""Fourier transforms and factorizations beside stock torch on the CPU, in turn.

A ratio is stock's time by ours: above 1 we are faster. Times include the end of the work.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch
from harness import Verdict, interleaved, median_ratio

BATCH_OF_SMALL = (64, 64, 64)
LARGE = (1024, 1024)


def positive(matrices: torch.Tensor) -> torch.Tensor:
    size = matrices.shape[-1]
    return matrices @ matrices.mT + size * torch.eye(size)


def cases() -> dict[str, tuple[Callable, torch.Tensor]]:
    result: dict[str, tuple[Callable, torch.Tensor]] = {}
    for shape in ((1 << 20,), (64, 4096), (32, 1021), (8, 512, 512)):
        real, complex_values = torch.randn(shape), torch.randn(shape, dtype=torch.complex64)
        sizes = "x".join(map(str, shape))
        result[f"rfft {sizes}"] = torch.fft.rfft, real
        result[f"fft {sizes}"] = torch.fft.fft, complex_values
        if len(shape) == 3:
            result[f"rfft2 {sizes}"] = torch.fft.rfft2, real
            result[f"fft2 {sizes}"] = torch.fft.fft2, complex_values
    for shape in (BATCH_OF_SMALL, LARGE):
        general = torch.randn(shape)
        symmetric = positive(general)
        sizes = "x".join(map(str, shape))
        for name, matrices in (
            ("cholesky", symmetric),
            ("lu_factor", general),
            ("inv", general),
            ("qr", general),
            ("svd", general),
            ("svdvals", general),
            ("eigh", symmetric),
        ):
            result[f"{name} {sizes}"] = getattr(torch.linalg, name), matrices
        result[f"solve {sizes}"] = (lambda a: torch.linalg.solve(a, a)), general
    return result


def timer(function: Callable, tensor: torch.Tensor) -> Callable[[], float]:
    def sample() -> float:
        torch.xpu.synchronize()
        start = time.perf_counter()
        function(tensor)
        torch.xpu.synchronize()
        return time.perf_counter() - start

    return sample


def main() -> None:
    verdict = Verdict(__doc__, rounds=9)
    print(f"{'':24} {'stock':>9} {'ours':>9}  ratio")
    for name, (function, tensor) in cases().items():
        samples = {"stock": timer(function, tensor), "ours": timer(function, tensor.xpu())}
        interleaved(samples, 2)
        figures = interleaved(samples, verdict.rounds)
        stock, ours = (statistics.median(figures[kind]) * 1e3 for kind in samples)
        ratio = median_ratio(figures, "stock", "ours")
        print(f"{name:24} {stock:6.2f} ms {ours:6.2f} ms {ratio:6.2f}", flush=True)
        verdict.at_least(name, ratio, None)
    verdict.finish()


if __name__ == "__main__":
    main()
