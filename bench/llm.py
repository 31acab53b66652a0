"""Language models: `generate` on xpu beside stock transformers on the CPU and a limit.

Two processes take turns, each with its own threads, so that neither waits for the other's; random
weights in the shape of published models. A token's floor is the time in which the weights that it
reads, all of them but a table of embeddings, come from memory at the bandwidth that a plain sum
reaches in the same round. Beside weights of int4 stands the time of stock's int4 layers alone,
without attention, norms and logits. Nothing is said where other programs keep the machine busy.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from argparse import ArgumentParser
from dataclasses import asdict, dataclass
from typing import Any

from harness import Verdict

SHAPES: dict[str, dict[str, Any]] = {
    "135M": dict(
        vocab_size=49152,
        hidden_size=576,
        intermediate_size=1536,
        num_hidden_layers=30,
        num_attention_heads=9,
        num_key_value_heads=3,
        tie_word_embeddings=True,
    ),
    "1.1B": dict(
        vocab_size=32000,
        hidden_size=2048,
        intermediate_size=5632,
        num_hidden_layers=22,
        num_attention_heads=32,
        num_key_value_heads=4,
        tie_word_embeddings=False,
    ),
}
TOKENS = 32  # generated in a measurement, after the first one
BUSY = 0.15  # of the machine, by others


@dataclass
class Case:
    shape: str
    prompt: int = 32
    rows: int = 1
    beams: int = 1
    weights: str = "bfloat16"  # or int8, or int4 in groups of 128, with int8 for the logits
    floors: float | None = None  # goal: a token in so many times its floor
    faster: float | None = None  # goal: stock's time of a token over ours
    first_faster: float | None = None  # the same of the first token

    @property
    def name(self) -> str:
        kinds = [f"{self.shape} {self.weights}, prompt {self.prompt}"]
        kinds += [f"batch {self.rows}"] * (self.rows > 1) + [f"beams {self.beams}"] * (
            self.beams > 1
        )
        return ", ".join(kinds)


CASES = [
    Case("135M", floors=2.4, first_faster=0.95),
    Case("135M", prompt=1024, first_faster=1.3),
    Case("135M", rows=4, faster=1.5),
    Case("135M", beams=4, faster=1.5),
    Case("1.1B", floors=1.4, first_faster=0.95),
    Case("135M", weights="int8"),
    Case("135M", weights="int4"),
    Case("1.1B", weights="int4", floors=2.0, faster=1.0),
]


class Side:
    """A process that measures when it is asked to."""

    def __init__(self, name: str) -> None:
        environment = {**os.environ, "TRANSFORMERS_VERBOSITY": "error"}
        if name == "stock":
            environment["TORCH_DEVICE_BACKEND_AUTOLOAD"] = "0"
        self._process = subprocess.Popen(
            [sys.executable, __file__, "--worker", name],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, request: dict[str, Any]) -> dict[str, float]:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"a worker ended with {self._process.wait()}")
        return json.loads(line)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


class Worker:
    def __init__(self, name: str) -> None:
        import torch

        self.torch = torch
        self.device = "xpu" if name == "xpu" else "cpu"
        self.models: dict[tuple[str, str], Any] = {}

    def model(self, shape: str, weights: str) -> Any:
        import transformers

        if (shape, weights) not in self.models:
            self.models.clear()
            config = transformers.LlamaConfig(max_position_embeddings=4096, **SHAPES[shape])
            self.torch.manual_seed(0)
            self.torch.set_default_dtype(self.torch.bfloat16)
            model = transformers.LlamaForCausalLM(config).eval()
            self.torch.set_default_dtype(self.torch.float32)
            model.generation_config.eos_token_id = None
            if self.device == "xpu":
                import intel_extension_for_pytorch as ipex

                if weights != "bfloat16":
                    group = 128 if weights == "int4" else -1
                    ipex.llm.quantization.quantize_model(
                        model.to("xpu"), weights, group, output_kind="int8"
                    )
                model = ipex.llm.optimize(
                    model, dtype=self.torch.bfloat16, inplace=True, strict=True
                )
            self.models[shape, weights] = model
        return self.models[shape, weights]

    def bandwidth(self) -> dict[str, float]:
        """Bytes a second that a sum reads, the best of a few."""
        torch = self.torch
        data = torch.randn(64 << 20, device=self.device)

        def once() -> float:
            start = time.perf_counter()
            data.sum().item()
            return time.perf_counter() - start

        return {"bandwidth": data.nbytes / min(once() for _ in range(8))}

    def generate(self, case: Case) -> dict[str, float]:
        if case.weights != "bfloat16" and self.device == "cpu":
            return {"next": self.int4_linears(case.shape), "first": 0.0}
        torch, model = self.torch, self.model(case.shape, case.weights)
        ids = torch.randint(3, 1000, (case.rows, case.prompt)).to(self.device)

        def run(tokens: int) -> float:
            start = time.perf_counter()
            model.generate(
                ids,
                attention_mask=torch.ones_like(ids),
                max_new_tokens=tokens,
                do_sample=False,
                num_beams=case.beams,
                pad_token_id=0,
            )[0, -1].item()
            return time.perf_counter() - start

        if self.device == "xpu":
            torch.xpu.reset_peak_memory_stats()
        run(3)
        first = run(1)
        following = (run(1 + TOKENS) - first) / TOKENS
        result = {"first": first, "next": following, "weights": float(read_bytes(model))}
        if self.device == "xpu":
            result["peak"] = float(torch.xpu.max_memory_allocated())
        return result

    def int4_linears(self, shape: str) -> float:
        """Seconds of a token in stock's layers of int4 in groups of 128, without all else."""
        torch, sizes = self.torch, SHAPES[shape]
        width, inner = sizes["hidden_size"], sizes["intermediate_size"]
        keys = width // sizes["num_attention_heads"] * sizes["num_key_value_heads"]
        rows = [(width, width), (keys, width), (keys, width), (width, width)]
        rows += [(inner, width), (inner, width), (width, inner)]
        layers = []
        for count, depth in rows * sizes["num_hidden_layers"]:
            codes = torch.randint(0, 16, (count, depth), dtype=torch.int32)
            packed = torch.ops.aten._convert_weight_to_int4pack_for_cpu(codes, 1)
            scales = torch.rand(-(-depth // 128), count, 2, dtype=torch.bfloat16)
            layers.append((torch.randn(1, depth, dtype=torch.bfloat16), packed, scales))

        def once() -> float:
            start = time.perf_counter()
            for vector, packed, scales in layers:
                torch.ops.aten._weight_int4pack_mm_for_cpu(vector, packed, 128, scales)
            return time.perf_counter() - start

        return min(once() for _ in range(5))


def read_bytes(model: Any) -> int:
    """Of weights, that a token reads."""
    codes = sum(buffer.nbytes for buffer in model.buffers() if buffer.dim() == 2)
    total = codes + sum(parameter.nbytes for parameter in model.parameters())
    tied = model.lm_head.weight is model.model.embed_tokens.weight if not codes else False
    return total - (0 if tied else model.model.embed_tokens.weight.nbytes)


def serve(name: str) -> None:
    worker = Worker(name)
    for line in sys.stdin:
        request = json.loads(line)
        answer = worker.generate(Case(**request)) if request else worker.bandwidth()
        print(json.dumps(answer), flush=True)


def busy_fraction(seconds: float = 1.0) -> float:
    """How much of the machine's cores is at work, while nothing of ours is."""

    def times() -> tuple[int, int]:
        with open("/proc/stat") as file:
            values = [int(value) for value in file.readline().split()[1:9]]
        return values[3] + values[4], sum(values)

    idle, total = times()
    time.sleep(seconds)
    idle_after, total_after = times()
    return 1 - (idle_after - idle) / max(total_after - total, 1)


def measure(verdict: Verdict, case: Case, ours: Side, stock: Side) -> None:
    rounds: list[dict[str, float]] = []
    for _ in range(verdict.rounds):
        busy = busy_fraction()
        if busy > BUSY:
            print(f"{case.name}: {busy:.0%} of the machine is busy with something else; left out")
            verdict.missed = True
            return
        bandwidth = ours.ask({})["bandwidth"]
        mine = ours.ask(asdict(case))
        times = {
            "bandwidth": bandwidth,
            "floors": mine["next"] * bandwidth / mine["weights"],
            "ms": 1e3 * mine["next"],
            "first ms": 1e3 * mine["first"],
            "peak": mine["peak"],
        }
        if case.weights == "bfloat16" or case.faster is not None:
            theirs = stock.ask(asdict(case))
            times["faster"] = theirs["next"] / mine["next"]
            times["first"] = theirs["first"] / mine["first"]
        rounds.append(times)
    middle = {name: statistics.median(each[name] for each in rounds) for name in rounds[0]}
    peer = "stock" if case.weights == "bfloat16" else "stock's int4 layers alone"
    print(
        f"{case.name}: first token {middle['first ms']:.1f} ms"
        + (f", {middle['first']:.2f} times as fast as stock" if middle.get("first") else "")
        + f"; then {middle['ms']:.2f} ms"
        + (f", {middle['faster']:.2f} times as fast as {peer}" if "faster" in middle else "")
        + f", {middle['floors']:.2f} floors at {middle['bandwidth'] / 1e9:.0f} GB/s; "
        f"peak {middle['peak'] / 2**20:.0f} MiB",
        flush=True,
    )
    if case.floors is not None:
        verdict.goal(f"{case.name}: floors", middle["floors"], case.floors, "")
    if case.faster is not None:
        verdict.at_least(f"{case.name}: over stock", middle["faster"], case.faster)
    if case.first_faster is not None:
        verdict.at_least(f"{case.name}: first token", middle["first"], case.first_faster)


def options(parser: ArgumentParser) -> None:
    parser.add_argument("--filter", default="", help="only cases whose name contains this")


def main() -> None:
    if sys.argv[1:2] == ["--worker"]:
        serve(sys.argv[2])
        return
    verdict = Verdict(__doc__, rounds=3, options=options)
    ours, stock = Side("xpu"), Side("stock")
    try:
        for side in (ours, stock):
            side.ask({})  # it has started
        for case in CASES:
            if verdict.arguments.filter in case.name:
                measure(verdict, case, ours, stock)
    finally:
        ours.close()
        stock.close()
    verdict.finish()


if __name__ == "__main__":
    main()
