"""Trains a small network on xpu, and the same weights on the CPU to compare.

Ends with exit code 1 if the network did not learn, or if float32 on xpu is not what the CPU
computes. Writes the loss curves and the weights to examples/output/.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass, field

import matplotlib as mpl
import torch
from digits import DTYPES, OUTPUT, WEIGHTS, Digits, kernel_summary, load, network
from matplotlib import pyplot
from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from torch.nn import functional as F

import intel_extension_for_pytorch as ipex

BATCH = 64
ACCURACY_GOALS = {"float32": 0.98, "bfloat16": 0.975, "float16": 0.975}
COMPARED_STEPS = 20
LOSS_TOLERANCE = 1e-4


@dataclass
class Run:
    device: str
    dtype: str
    losses: list[float] = field(default_factory=list)  # of each step
    accuracies: list[float] = field(default_factory=list)  # of each epoch
    seconds: list[float] = field(default_factory=list)  # of each epoch
    peak_memory: int | None = None
    weights: dict[str, torch.Tensor] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"{self.device} {self.dtype}"


def train(run: Run, train_set: Digits, test_set: Digits, epochs: int, progress: Progress) -> None:
    dtype = DTYPES[run.dtype]
    on_xpu = torch.device(run.device).type == "xpu"
    if on_xpu:
        torch.xpu.reset_peak_memory_stats()
    model = network().to(run.device)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    # float16 has too small a range for weights: they stay float32, and the loss is scaled.
    weights_dtype = torch.bfloat16 if dtype == torch.bfloat16 else torch.float32
    model, optimizer = ipex.optimize(model, optimizer=optimizer, dtype=weights_dtype)
    scaler = torch.amp.GradScaler(run.device, enabled=dtype == torch.float16)
    order = torch.Generator().manual_seed(1)
    steps = -(-len(train_set.labels) // BATCH)
    task = progress.add_task(run.name, total=epochs * steps, loss=float("nan"))

    for _ in range(epochs):
        start = time.perf_counter()
        losses = []
        model.train()
        for batch in torch.randperm(len(train_set.labels), generator=order).split(BATCH):
            images = train_set.images[batch].to(run.device)
            labels = train_set.labels[batch].to(run.device)
            optimizer.zero_grad()
            with torch.autocast(run.device, dtype=dtype, enabled=dtype != torch.float32):
                loss = F.cross_entropy(model(images), labels)
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
            losses.append(loss.detach())
            progress.advance(task)
        run.losses += torch.stack(losses).tolist()
        run.seconds.append(time.perf_counter() - start)
        run.accuracies.append(accuracy(model, test_set, run.device, dtype))
        progress.update(task, loss=run.losses[-1])
    if on_xpu:
        run.peak_memory = torch.xpu.max_memory_allocated()
    run.weights = {name: value.cpu() for name, value in model.state_dict().items()}


@torch.no_grad()
def accuracy(model: torch.nn.Module, digits: Digits, device: str, dtype: torch.dtype) -> float:
    model.eval()
    with torch.autocast(device, dtype=dtype, enabled=dtype != torch.float32):
        predicted = model(digits.images.to(device)).argmax(1)
    return (predicted.cpu() == digits.labels).float().mean().item()


def loss_difference(run: Run, reference: Run) -> float:
    """The largest relative one of the first steps."""
    pairs = zip(run.losses[:COMPARED_STEPS], reference.losses[:COMPARED_STEPS], strict=True)
    return max(abs(loss - expected) / abs(expected) for loss, expected in pairs)


def table(runs: list[Run], reference: Run) -> Table:
    result = Table(
        box=box.SIMPLE,
        title="Training on scikit-learn's digits",
        caption=f"against the CPU: the largest difference of the first {COMPARED_STEPS} losses; "
        "s/epoch: the median without the first",
    )
    result.add_column("run", no_wrap=True)
    for column in ("accuracy", "loss", "against\nthe CPU", "first\nepoch", "s/epoch", "peak\nMiB"):
        result.add_column(column, justify="right")
    for run in runs:
        others = sorted(run.seconds[1:] or run.seconds)
        result.add_row(
            run.name,
            f"{run.accuracies[-1]:.4f}",
            f"{run.losses[-1]:.5f}",
            "" if run is reference else f"{loss_difference(run, reference):.1e}",
            f"{run.seconds[0]:.2f}",
            f"{others[len(others) // 2]:.2f}",
            "" if run.peak_memory is None else f"{run.peak_memory / 2**20:.1f}",
        )
    return result


def plot(runs: list[Run], reference: Run) -> None:
    mpl.use("Agg")
    figure, (loss_axes, accuracy_axes) = pyplot.subplots(
        1, 2, figsize=(11, 4), layout="constrained"
    )
    for run in runs:
        style = (
            {"color": "0.75", "linewidth": 5}
            if run is reference
            else {"linewidth": 1.2, "alpha": 0.9}
        )
        loss_axes.plot(range(1, len(run.losses) + 1), run.losses, label=run.name, **style)
        accuracy_axes.plot(
            range(1, len(run.accuracies) + 1), run.accuracies, label=run.name, **style
        )
    loss_axes.set(xlabel="step", ylabel="training loss", yscale="log")
    accuracy_axes.set(xlabel="epoch", ylabel="test accuracy")
    for axes in (loss_axes, accuracy_axes):
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    loss_axes.legend(frameon=False)
    figure.savefig(OUTPUT / "training.png", dpi=130)


def missed_goals(runs: list[Run], reference: Run) -> list[str]:
    missed = []
    for run in runs:
        goal = ACCURACY_GOALS[run.dtype]
        if run.accuracies[-1] < goal:
            missed.append(f"{run.name}: accuracy {run.accuracies[-1]:.4f} is below {goal}")
        if run is not reference and run.dtype == "float32":
            difference = loss_difference(run, reference)
            if not difference <= LOSS_TOLERANCE:
                missed.append(
                    f"{run.name}: losses differ from the CPU's by {difference:.1e}, "
                    f"more than {LOSS_TOLERANCE}"
                )
    return missed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dtype", nargs="+", choices=DTYPES, default=list(DTYPES))
    parser.add_argument("--device", default="xpu")
    parser.add_argument("--epochs", type=int, default=12)
    arguments = parser.parse_args()

    console = Console()
    if torch.device(arguments.device).type == "xpu":
        console.print(f"xpu is {torch.xpu.get_device_name(arguments.device)}")
    OUTPUT.mkdir(exist_ok=True)
    train_set, test_set = load()
    reference = Run("cpu", "float32")
    runs = [reference, *(Run(arguments.device, dtype) for dtype in arguments.dtype)]
    columns = (
        TextColumn("{task.description:16}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("loss {task.fields[loss]:.5f}"),
    )
    with Progress(*columns, console=console) as progress:
        for run in runs:
            train(run, train_set, test_set, arguments.epochs, progress)

    console.print(table(runs, reference))
    plot(runs, reference)
    torch.save(runs[1].weights, WEIGHTS)
    console.print(f"loss curves: {OUTPUT / 'training.png'}", soft_wrap=True)
    console.print(kernel_summary(), soft_wrap=True)
    missed = missed_goals(runs, reference)
    for goal in missed:
        console.print(f"[bold red]missed[/] {goal}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
