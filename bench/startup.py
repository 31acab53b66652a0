"""What the device costs at start-up: `import torch`, the first operator, and a second process.

Each figure is the median of fresh processes. Budgets: autoload 0.4 s, first operator 0.3 s with a
warm kernel cache and 2 s with a cold one, and a warm process compiles nothing.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile

IMPORT = """
import json, time
start = time.perf_counter()
import torch
print(json.dumps({"import": time.perf_counter() - start}))
"""
FIRST_OPERATOR = """
import json, time
import torch
start = time.perf_counter()
result = (torch.ones(1024, device="xpu") + 1).sum().item()
seconds = time.perf_counter() - start
assert result == 2048
from intel_extension_for_pytorch import _C
print(json.dumps({"first": seconds, **_C.kernel_counters()}))
"""


def run(code: str, **variables: str) -> dict[str, float]:
    environment = {**os.environ, **variables}
    output = subprocess.run(
        [sys.executable, "-c", code], env=environment, check=True, stdout=subprocess.PIPE, text=True
    ).stdout
    return json.loads(output)


def median(key: str, runs: list[dict[str, float]]) -> float:
    return statistics.median(figures[key] for figures in runs)


def measure(repeat: int) -> list[tuple[str, float, float]]:
    """Rows of a name, the seconds measured and the budget."""
    run(IMPORT)  # reads the files once
    # Alternately, so that a busy machine slows both alike.
    pairs = [(run(IMPORT, TORCH_DEVICE_BACKEND_AUTOLOAD="0"), run(IMPORT)) for _ in range(repeat)]
    stock = median("import", [pair[0] for pair in pairs])
    loaded = median("import", [pair[1] for pair in pairs])
    cold = []
    for _ in range(repeat):
        with tempfile.TemporaryDirectory() as directory:
            cold.append(run(FIRST_OPERATOR, IPEX_XPU_CACHE_DIR=directory))
    run(FIRST_OPERATOR)
    warm = [run(FIRST_OPERATOR) for _ in range(repeat)]
    compiled = sum(figures["compiles"] + figures["device_builds"] for figures in warm)
    return [
        ("import torch, stock", stock, float("inf")),
        ("autoload adds", loaded - stock, 0.4),
        ("first operators, cold cache", median("first", cold), 2.0),
        ("first operators, warm cache", median("first", warm), 0.3),
        ("kernels made with a warm cache", compiled, 0),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=5)
    rows = measure(parser.parse_args().repeat)
    print(f"{'':<32}{'measured':>10}{'budget':>10}")
    for name, value, budget in rows:
        limit = "" if budget == float("inf") else f"{budget:g}"
        verdict = "" if value <= budget else "  over budget"
        print(f"{name:<32}{value:>10.3f}{limit:>10}{verdict}")
    return int(any(value > budget for _, value, budget in rows))


if __name__ == "__main__":
    sys.exit(main())
