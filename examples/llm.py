"""Talks with a language model on xpu: SmolLM2-135M-Instruct, or a model of transformers.

llm.py                              answers one question, and measures
llm.py --chat                       talks until an empty line
llm.py --dtype int4 --tokens 200    bf16, fp16, fp32, int8 or int4 (weights)
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import smollm2
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, TextStreamer

import intel_extension_for_pytorch as ipex

DTYPES = {
    "fp32": torch.float32,
    "bf16": torch.bfloat16,
    "fp16": torch.float16,
    "int8": torch.bfloat16,
    "int4": torch.bfloat16,
}
GROUP_SIZE = 32  # of int4: that of the file, so that its weights stay as they are
QUESTION = "What is the largest ocean on Earth?"


class Meter(TextStreamer):
    """Prints words as they come, and keeps when each token came."""

    def __init__(self, tokenizer: Any) -> None:
        super().__init__(tokenizer, skip_prompt=True, skip_special_tokens=True)
        self.times = [time.perf_counter()]
        self.text = ""

    def put(self, value: torch.Tensor) -> None:
        if not self.next_tokens_are_prompt:
            self.times.append(time.perf_counter())
        super().put(value)

    def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
        self.text += text
        super().on_finalized_text(text, stream_end)

    def report(self) -> str:
        first, *rest = (1e3 * (b - a) for a, b in zip(self.times, self.times[1:], strict=False))
        if len(rest) < 2:
            return f"first token {first:.1f} ms"
        cuts = statistics.quantiles(rest, n=100)
        return (
            f"first token {first:.1f} ms, then {statistics.mean(rest):.2f} ms a token "
            f"(p90 {cuts[89]:.2f}, p99 {cuts[98]:.2f}), {1e3 / statistics.mean(rest):.0f} tokens/s"
        )


def load(arguments: argparse.Namespace) -> tuple[Any, Any]:
    folder, options = (arguments.model, {}) if arguments.model else smollm2.find()
    dtype = DTYPES[arguments.dtype]
    print(f"Loading {Path(folder).name} ...", flush=True)
    tokenizer = AutoTokenizer.from_pretrained(folder, **options)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, **options).eval()
    if arguments.dtype in ("int8", "int4"):
        model = model.to("xpu")
        group = GROUP_SIZE if arguments.dtype == "int4" else -1
        ipex.llm.quantization.quantize_model(model, arguments.dtype, group, output_kind="int8")
    model = ipex.llm.optimize(model, dtype=dtype, inplace=True)
    for line in model.llm_report:
        print(f"  {line}")
    warm_up = torch.ones(1, 32, dtype=torch.int64, device="xpu")
    model.generate(warm_up, attention_mask=warm_up, max_new_tokens=3, do_sample=False)
    return tokenizer, model


def answer(tokenizer: Any, model: Any, talk: list[dict[str, str]], options: Any) -> str:
    inputs = tokenizer.apply_chat_template(
        talk, add_generation_prompt=True, return_tensors="pt", return_dict=True
    ).to("xpu")
    meter = Meter(tokenizer)
    streams = options.beams == 1
    result = model.generate(
        **inputs,
        max_new_tokens=options.tokens,
        do_sample=False,
        num_beams=options.beams,
        streamer=meter if streams else None,
    )
    torch.xpu.synchronize()
    if not streams:
        meter.text = tokenizer.decode(
            result[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True
        )
        print(meter.text)
    else:
        print(f"[{meter.report()}]")
    return meter.text


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", help="a folder with a model of transformers")
    parser.add_argument("--dtype", choices=DTYPES, default="bf16")
    parser.add_argument("--beams", type=int, default=1)
    parser.add_argument("--tokens", type=int, default=128, help="at most in an answer")
    parser.add_argument("--question", default=QUESTION)
    parser.add_argument("--chat", action="store_true")
    options = parser.parse_args()
    tokenizer, model = load(options)
    if options.chat:
        talk: list[dict[str, str]] = []
        while question := input("> ").strip():
            talk.append({"role": "user", "content": question})
            talk.append({"role": "assistant", "content": answer(tokenizer, model, talk, options)})
        return 0
    print(f"> {options.question}")
    text = answer(tokenizer, model, [{"role": "user", "content": options.question}], options)
    peak = torch.xpu.max_memory_allocated() / 2**20
    print(f"[peak memory {peak:.0f} MiB]")
    if options.question == QUESTION and options.model is None and "Pacific" not in text:
        print("The answer should name the Pacific.")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
