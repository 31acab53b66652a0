"""Time to the first result: what autoload adds to `import torch`, and the first operator and
training step of a process.

Every figure is taken in fresh processes, in turn. A cold cache is an empty folder; a warm one has
served the same program before. The training step counts from moving the model to the device until
its loss is read; making the optimizer comes before, because the first optimizer of a process
imports torch._dynamo, on every device alike.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from harness import Verdict, interleaved, median_difference

IMPORT = """
import time
start = time.perf_counter()
import torch
print(time.perf_counter() - start)
"""
FIRST_OPERATOR = """
import time
import torch
start = time.perf_counter()
x = torch.ones(1000, device="xpu")
assert (x + x).sum().item() == 2000
print(time.perf_counter() - start)
"""
FIRST_STEP = """
import sys
import time
import torch
sys.path.insert(0, "examples")
import digits
model = digits.network()
x, y = torch.randn(64, 1, 8, 8), torch.randint(10, (64,))
import intel_extension_for_pytorch._C as core
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
start = time.perf_counter()
model.to("xpu")
loss = torch.nn.functional.cross_entropy(model(x.to("xpu")), y.to("xpu"))
loss.backward()
optimizer.step()
loss.item()
print(time.perf_counter() - start)
compiled = core.kernel_counters()["compiles"]
assert compiled == 0, f"{compiled} kernels were compiled from source"
"""
ROOT = Path(__file__).resolve().parent.parent


def seconds(program: str, **environment: str) -> float:
    """What `program` prints, run in a fresh process."""
    process = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **environment},
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return float(process.stdout)


def cold(program: str) -> float:
    with tempfile.TemporaryDirectory() as folder:
        return seconds(program, IPEX_XPU_CACHE_DIR=folder)


def main() -> None:
    verdict = Verdict(__doc__)
    samples = {
        "import torch": lambda: seconds(IMPORT, TORCH_DEVICE_BACKEND_AUTOLOAD="0"),
        "import torch with xpu": lambda: seconds(IMPORT),
        "first operator, warm": lambda: seconds(FIRST_OPERATOR),
        "first operator, cold": lambda: cold(FIRST_OPERATOR),
        "first training step, warm": lambda: seconds(FIRST_STEP),
    }
    interleaved(samples, 1)
    figures = interleaved(samples, verdict.rounds)
    for name, values in figures.items():
        print(f"{name:26} {statistics.median(values):6.3f} s")
    autoload = median_difference(figures, "import torch with xpu", "import torch")
    verdict.goal("autoload adds", autoload, 0.4, "s")
    for name, limit in (
        ("first operator, warm", 0.3),
        ("first operator, cold", 2),
        ("first training step, warm", 1),
    ):
        verdict.goal(name, statistics.median(figures[name]), limit, "s")
    verdict.finish()


if __name__ == "__main__":
    main()
